"""A pen that paints shapes given in shoulder widths, and smooth curves. [ours]"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from signer_lib.render.framing import Framing

FRAMING = Framing()
Points = np.ndarray | Sequence[np.ndarray]              # (n, 2 or 3)


class Pen:
    """Paints on a square image; every length is in shoulder widths, every point (x, y) or (x, y, z)."""

    def __init__(self, image: Image.Image):
        self.draw, self.size, self.unit = ImageDraw.Draw(image), image.width, image.width / FRAMING.width

    def polygon(self, points: Points, colour: str) -> None:
        self.draw.polygon(np.rint(FRAMING.to_pixels(points, self.size)).ravel().tolist(), fill=colour)

    def shape(self, points: Points, colour: str, edge: str, width: float) -> None:
        """A smooth closed outline, filled, with an edge of ``width`` around it."""
        flat = np.rint(FRAMING.to_pixels(points, self.size)).ravel().tolist()
        self.draw.line(flat + flat[:4], fill=edge, width=round(2 * width * self.unit))
        self.draw.polygon(flat, fill=colour)

    def line(self, points: Points, width: float, colour: str) -> None:
        self.tube(points, (width / 2,) * len(points), colour)

    def tube(self, points: Points, radii: Sequence[float], colour: str, grow: float = 0.0, caps: tuple[bool, bool] = (True, True)) -> None:
        """A tapered tube through ``points``, rounded at the joints and at those ends that have ``caps``."""
        places = FRAMING.to_pixels(points, self.size).tolist()
        radii = [(r + grow) * self.unit for r in radii]
        for (ax, ay), (bx, by), ra, rb in zip(places, places[1:], radii, radii[1:]):
            dx, dy = bx - ax, by - ay
            length = math.hypot(dx, dy)
            if length > 0.5:
                nx, ny = -dy / length, dx / length
                quad = (ax + nx * ra, ay + ny * ra, bx + nx * rb, by + ny * rb,
                        bx - nx * rb, by - ny * rb, ax - nx * ra, ay - ny * ra)
                self.draw.polygon([round(v) for v in quad], fill=colour)
        for (x, y), r in list(zip(places, radii))[0 if caps[0] else 1:None if caps[1] else -1]:
            self.draw.ellipse((round(x - r), round(y - r), round(x + r), round(y + r)), fill=colour)


def unit(vector: np.ndarray) -> np.ndarray:
    result: np.ndarray = vector / max(np.linalg.norm(vector), 1e-9)
    return result


def smooth(points: ArrayLike) -> np.ndarray:
    """(n, k) points -> (6 (n - 1) + 1, k) on the Catmull-Rom curve through them."""
    p = np.array(points, float)
    p = np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, 6, endpoint=False)[:, None]

    def curve(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
        result: np.ndarray = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        return result

    return np.concatenate([*(curve(*p[k:k + 4]) for k in range(len(p) - 3)), p[-1:]])


def mirrored(outline: ArrayLike) -> np.ndarray:
    """(n, 2) the right half of an outline, from axis to axis -> the smooth closed outline (m, 2)."""
    half, flip = np.array(outline, float), (-1, 1)
    half = smooth(np.concatenate([half[1:2] * flip, half, half[-2:-1] * flip]))[6:-6]
    return np.concatenate([half, half[-2:0:-1] * flip])


def arc(start: np.ndarray, middle: np.ndarray, end: np.ndarray, n: int = 9) -> np.ndarray:
    """(n, k) the parabola from ``start`` through ``middle`` to ``end``."""
    t = np.linspace(0, 1, n)[:, None]
    result: np.ndarray = start * (1 - t) * (1 - 2 * t) + middle * 4 * t * (1 - t) + end * t * (2 * t - 1)
    return result
