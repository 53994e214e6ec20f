"""Widgets for a lecture: sliders, lists and menus over pure functions, and pages that play in an exported notebook, too. [ours]

Each has a static form, a figure for readers without a kernel, which a notebook shows beside it: see the widgets' own docstrings. All work with the
keyboard alone; errors stand in a line of the widget; pictures carry alternative texts.
"""

from signer_lib.widgets.gates import GateExplorer, gate_explorer
from signer_lib.widgets.lists import chooser
from signer_lib.widgets.moments import scrub
from signer_lib.widgets.pages import Page
from signer_lib.widgets.pictures import png
from signer_lib.widgets.poses import view_poses
from signer_lib.widgets.sentences import SentenceExplorer, sentence_explorer
from signer_lib.widgets.signs import SignBuilder, sign_builder
from signer_lib.widgets.sliders import scrubber
from signer_lib.widgets.videos import side_by_side

__all__ = ["GateExplorer", "Page", "SentenceExplorer", "SignBuilder", "chooser", "gate_explorer", "png", "scrub", "scrubber", "sentence_explorer",
           "side_by_side", "sign_builder", "view_poses"]
