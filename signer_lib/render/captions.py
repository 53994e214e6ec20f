"""Captions, painted below the signer and as a WebVTT track: the same words at the same times. [ours]"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from signer_lib.render.style import Style


def captioned(frame: np.ndarray, text: str, style: Style = Style()) -> np.ndarray:
    """A picture (H, W, 3) uint8 with ``text`` in a bar over its lower end, which is empty for ""; the picture itself stays as it is."""
    height, width = frame.shape[:2]
    bar = _bar(text, width, max(round(0.085 * height), 10), style)
    return np.concatenate([frame[:height - len(bar)], bar])


@lru_cache(maxsize=128)
def _bar(text: str, width: int, height: int, style: Style) -> np.ndarray:
    """(height, width, 3); a long text is set smaller, then cut."""
    bar = Image.new("RGB", (width, height), style.caption_bar)
    for points in range(round(0.62 * height), max(round(0.36 * height), 6) - 1, -1):
        font = ImageFont.truetype(_font_path(), points)
        if font.getlength(text) <= 0.95 * width:
            break
    while font.getlength(text) > 0.95 * width:
        text = text.rstrip("…")[:-1] + "…"
    ImageDraw.Draw(bar).text((width / 2, height / 2), text, style.caption_text, font, anchor="mm")
    return np.array(bar)


@lru_cache(maxsize=1)
def _font_path() -> str:
    from matplotlib import get_data_path  # it ships DejaVu Sans; imported only when a caption is asked for
    return str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf"))


def webvtt(cues: Iterable[tuple[str, float, float]]) -> str:
    """Cues (text, first second, last second), in order, as the text of a ``.vtt`` file."""
    blocks = (f"{_clock(start)} --> {_clock(stop)}\n{escape(text, quote=False)}\n" for text, start, stop in cues)
    return "\n".join(["WEBVTT\n", *blocks])


def _clock(seconds: float) -> str:
    """HH:MM:SS.mmm"""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{thousandths:03d}"
