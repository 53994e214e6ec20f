"""Colours and line widths of the drawn signer. [ours]"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import ImageColor

# Okabe and Ito's palette, readable with every common colour vision; the signer's colours are tints and shades of it
OKABE_ITO = {"black": "#000000", "orange": "#E69F00", "sky": "#56B4E9", "green": "#009E73",
             "yellow": "#F0E442", "blue": "#0072B2", "vermilion": "#D55E00", "purple": "#CC79A7"}


@lru_cache(maxsize=256)
def blend(colour: str, other: str, part: float) -> str:
    """``colour`` with ``part`` (0 to 1) of ``other`` mixed in, as #rrggbb."""
    a, b = (np.array(ImageColor.getrgb(c), float) for c in (colour, other))
    red, green, blue = np.round(a + (b - a) * part).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


@dataclass(frozen=True)
class Style:
    """Colours (#rrggbb) and line widths (shoulder widths).

    The right arm and hand are darker than the left ones, so that lightness alone tells them apart, whatever the colour vision.
    """

    background: str = "#e4ebf0"
    right_sleeve: str = OKABE_ITO["blue"]
    left_sleeve: str = OKABE_ITO["sky"]
    shirt: str = blend(OKABE_ITO["blue"], "#1c2433", 0.72)
    collar: str = blend(OKABE_ITO["blue"], "#1c2433", 0.35)
    right_hand: str = blend(OKABE_ITO["vermilion"], "#ffffff", 0.55)
    left_hand: str = blend(OKABE_ITO["orange"], "#ffefe2", 0.72)
    skin: str = blend(OKABE_ITO["vermilion"], "#ffeccb", 0.72)
    hair: str = blend(OKABE_ITO["vermilion"], "#1d1414", 0.80)
    edge: str = blend(OKABE_ITO["vermilion"], "#1d1010", 0.72)        # outline of skin
    cloth_edge: str = "#14202f"
    lips: str = blend(OKABE_ITO["vermilion"], "#b8496a", 0.60)
    mouth: str = "#5a1f24"
    eye: str = "#2b2420"
    caption_bar: str = "#14202f"
    caption_text: str = "#ffffff"
    line: float = 0.011                                               # around hands, head and clothes
    crease: float = 0.007                                             # inside the face
