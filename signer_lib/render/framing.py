"""The camera that everything which shows a signer shares: drawn signer, control images and reference frames line up pixel by pixel. [ours]"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from signer_lib.errors import SignerError


def check_size(size: int) -> None:
    """Raises ``SignerError`` if a signer's picture cannot have so many pixels a side."""
    if size < 32 or size % 2:
        raise SignerError(f"size must be an even number of pixels, at least 32, not {size}")


@dataclass(frozen=True)
class Framing:
    """An orthographic camera that looks along -z at a square of the signer's plane, upper body and room to sign.

    centre  (x, y) in the middle of the picture, shoulder widths.
    width   of the square, shoulder widths; half of it is what VTK calls a camera's parallel scale.

    A picture of ``size`` pixels a side has its origin in the upper left corner, x to the right, y down, and the centre of its first
    pixel at (0.5, 0.5). With these numbers every sign of the shipped prior is in the picture, whole hands included, with at least 0.1
    around it; a hand that hangs at rest is below it.
    """

    centre: tuple[float, float] = (0.0, -0.05)
    width: float = 2.8

    def to_pixels(self, points: ArrayLike, size: int) -> np.ndarray:
        """(..., 2 or 3) shoulder widths -> (..., 2) pixels."""
        return (np.asarray(points, float)[..., :2] - self.centre) * (size / self.width, -size / self.width) + size / 2

    def to_world(self, pixels: np.ndarray, size: int) -> np.ndarray:
        """(..., 2) pixels -> (..., 2) x and y in shoulder widths."""
        return (np.asarray(pixels, float) - size / 2) * (self.width / size, -self.width / size) + self.centre
