"""The one place where figures become files. [ours]"""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
from signer_lib.files import whole_file

UNDATED = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}      # the same data give the same bytes


def save_fig(fig: Figure, path: str | Path, dpi: int = 150) -> Path:
    """Write a figure as PNG, SVG or PDF (by the ending), whole or not at all. Raises ``SignerError`` for any other ending."""
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in UNDATED:
        raise SignerError(f"cannot save a figure as '{path.name}': end the name with {', '.join(UNDATED)}")
    with whole_file(path) as part, matplotlib.rc_context({"svg.hashsalt": "signer_lib"}):
        fig.savefig(part, dpi=dpi, format=ending[1:], metadata=UNDATED[ending], bbox_inches="tight")
    return path
