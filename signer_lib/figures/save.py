"""The one place where figures become files. [ours]"""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
from signer_lib.figures.alt import alt_text
from signer_lib.files import whole_file

UNDATED = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}      # the same data give the same bytes
ABOUT = {".png": "Description", ".svg": "Description", ".pdf": "Subject"}


def save_fig(fig: Figure, path: str | Path, dpi: int = 150, about: str = "") -> Path:
    """Write a figure as PNG, SVG or PDF (by the ending), whole or not at all. Raises ``SignerError`` for any other ending.

    about  kept in the file's metadata, such as what the figure was drawn from; else the figure in words is (``alt.alt_text``).
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in UNDATED:
        raise SignerError(f"cannot save a figure as '{path.name}': end the name with {', '.join(UNDATED)}")
    with whole_file(path) as part, matplotlib.rc_context({"svg.hashsalt": "signer_lib"}):
        fig.savefig(part, dpi=dpi, format=ending[1:], metadata=UNDATED[ending] | {ABOUT[ending]: about or alt_text(fig)}, bbox_inches="tight")
    return path
