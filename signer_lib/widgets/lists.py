"""Lists to choose from over a drawing function. [ours]"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import ipywidgets
from matplotlib.figure import Figure

from signer_lib.widgets.look import keyed
from signer_lib.widgets.pictures import shown_figure
from signer_lib.widgets.settling import newest


def chooser(draw: Callable[..., Figure], **choices: Iterable[str]) -> ipywidgets.VBox:
    """A list to choose from for each argument of ``draw(name=chosen, ...)``; the first of each is chosen at the start.

    Static form: ``draw`` of some of the choices.
    """
    lists = {name: ipywidgets.Dropdown(options=list(names), description=name) for name, names in choices.items()}

    def chosen() -> str:
        return shown_figure(draw(**{name: box.value for name, box in lists.items()}))

    picture = ipywidgets.HTML(value=chosen())
    for box in lists.values():
        box.observe(newest(lambda: setattr(picture, "value", chosen())), "value")
    return keyed(ipywidgets.HBox(list(lists.values())), picture)
