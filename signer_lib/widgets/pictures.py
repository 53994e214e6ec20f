"""Pictures of widgets: PNGs with an alternative text, in the form that a browser shows without a blink. [ours]"""

from __future__ import annotations

import io
from base64 import b64encode
from html import escape

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from signer_lib.figures.alt import alt_text


def png(figure: Figure, dpi: int = 80) -> bytes:
    """A figure as PNG bytes, without pyplot; the figure in words is the file's Description."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Description": alt_text(figure)})
    return buffer.getvalue()


def frame_png(frame: np.ndarray) -> bytes:
    """A picture (H, W, 3) uint8 as PNG bytes, for speed hardly compressed."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format="png", compress_level=1)
    return buffer.getvalue()


def shown(data: bytes, alt: str) -> str:
    """PNG bytes as HTML. ``alt`` may be anything: it is escaped."""
    return f'<img alt="{escape(alt)}" decoding="sync" style="max-width:100%" src="data:image/png;base64,{b64encode(data).decode()}">'


def shown_figure(figure: Figure) -> str:
    """A figure as HTML, with its own alternative text."""
    return shown(png(figure), alt_text(figure))
