"""Poses damaged as a keypoint detector damages them: what an evaluator of frames is trained on, though nobody renders its training data. [ours]

``metrics.seen`` is the reading itself. Here its errors are imitated: joints are somewhat off, for a moment or for a while, now and then far off;
a finger is taken for the one beside it; a joint that is outside the picture is not found, and now and then one that is inside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70
from signer_lib.render.framing import Framing

HANDS = (SIGNER70.groups["left_hand"], SIGNER70.groups["right_hand"])
FINGERS = tuple(tuple(slice(hand.start + k, hand.start + k + 4) for k in range(1, 21, 4)) for hand in HANDS)    # thumb to little finger
WRISTS = [SIGNER70.index("l_wrist"), SIGNER70.index("r_wrist")]
SLOW = 6                # frames between the errors that the slow part goes through, and for which a joint is far off or lost
WHILE = 12              # frames, at most, for which fingers are confused
SHARES = ("slow", "far", "lost", "halved")


@dataclass(frozen=True)
class Detection:
    """The errors of a detector, of signer70.

    face, body, hands  standard deviation of x and of y; of the hands with both wrists; shoulder widths.
    slow          share of the variance that stays for some frames; the rest is new in each.
    far, farther  how often a joint of the hands is far off, and by how many times the usual error.
    lost          how often a joint of the hands is not found though it is in the picture.
    confused      how often, in a second, a hand has two neighbouring fingers swapped for up to ``WHILE`` frames.
    halved        how often only every second frame of a sentence is read, and what lies between is interpolated.
    Raises ``SignerError`` for a value below 0, or a share above 1.
    """

    face: float = 0.0
    body: float = 0.0
    hands: float = 0.0
    slow: float = 0.0
    far: float = 0.0
    farther: float = 1.0
    lost: float = 0.0
    confused: float = 0.0
    halved: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            most = 1 if name in SHARES else math.inf
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or value == math.inf:
                raise SignerError(f"detector: {name} must be a number, 0 or more{', 1 at most' if most == 1 else ''}, not {value!r}")

    def read(self, xyz: np.ndarray, fps: float, rng: np.random.Generator, framing: Framing = Framing()) -> np.ndarray:
        """True joints (T, 70, 3), shoulder widths -> as they might be read, float32; what is not found is NaN, z stays."""
        T, xyz = len(xyz), np.array(xyz, np.float32)
        with np.errstate(invalid="ignore"):
            found = np.abs(framing.to_pixels(xyz, 1) - 0.5).max(-1) < 0.5
        for fingers in FINGERS:
            for start in rng.integers(0, T, rng.poisson(self.confused * T / fps)):
                part, k = slice(start, start + rng.integers(1, WHILE + 1)), rng.integers(len(fingers) - 1)
                one, other = xyz[part, fingers[k]].copy(), xyz[part, fingers[k + 1]].copy()
                xyz[part, fingers[k]], xyz[part, fingers[k + 1]] = other, one
        xyz[..., :2] += self._errors(T, rng)
        for hand in HANDS:
            found[:, hand] &= ~self._sometimes(self.lost, T, hand.stop - hand.start, rng)
        xyz[~found] = np.nan
        if rng.random() < self.halved and T > 2:
            between = slice(1, T - 1, 2)
            xyz[between] = (xyz[:T - 2:2] + xyz[2::2]) / 2
        return xyz

    def _sometimes(self, share: float, T: int, joints: int, rng: np.random.Generator) -> np.ndarray:
        """(T, joints) true for a ``share``, and then for ``SLOW`` frames."""
        return np.repeat(rng.random((-(-T // SLOW), joints)) < share, SLOW, 0)[:T]

    def _errors(self, T: int, rng: np.random.Generator) -> np.ndarray:
        """(T, 70, 2) float32"""

        def draw(frames: int) -> np.ndarray:
            return rng.standard_normal((frames, len(SIGNER70), 2), np.float32)

        t = np.arange(T, dtype=np.float32) / SLOW
        low, knots = t.astype(int), draw(-(-T // SLOW) + 1)
        part = (t - low)[:, None, None]
        slow = (knots[low] * (1 - part) + knots[low + 1] * part) / np.sqrt((1 - part) ** 2 + part ** 2)     # as large between the knots
        errors = np.float32(self.slow ** 0.5) * slow + np.float32((1 - self.slow) ** 0.5) * draw(T)
        size = np.full((T, len(SIGNER70)), self.body, np.float32)
        size[:, SIGNER70.groups["face"]] = self.face
        for joints in (*HANDS, WRISTS):
            size[:, joints] = self.hands * np.where(self._sometimes(self.far, T, len(np.arange(len(SIGNER70))[joints]), rng), self.farther, 1)
        result: np.ndarray = errors * size[..., None]
        return result
