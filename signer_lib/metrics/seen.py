"""Frames back into poses: what a keypoint detector finds in pictures, in the units of the pose contract. [ours]

All 70 joints of signer70, in x and y: nobody sees z, and it is 0 throughout. Nothing is smoothed and nothing is filled in: what the detector is
not sure of is missing, which is mostly what lies outside the picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.render.framing import Framing

SURE = 0.1              # confidence of a joint that counts as found: nine in ten hidden joints have more, nearly all that are outside have less
SHOULDERS = [SIGNER70.index("l_shoulder"), SIGNER70.index("r_shoulder")]

Detector = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]     # frames -> pixels (T, 70, 2), confidence (T, 70): ``KeypointDetector``


def seen(frames: np.ndarray, detector: Detector, fps: float, framing: Framing | None = Framing()) -> PoseSequence:
    """(T, S, S, 3) uint8 RGB -> T poses of signer70, shoulder widths, z 0.

    framing  the camera's, if it is known; None: it is found by the shoulders, see ``framing_of``.
    Raises ``SignerError`` for frames that are none (the detector), and as ``framing_of`` does.
    """
    pixels, confidence = detector(frames)
    size, found = np.shape(frames)[1], np.asarray(confidence) >= SURE
    framing = framing or framing_of(pixels, found, size)
    xyz = np.concatenate([framing.to_world(pixels, size), np.zeros((*np.shape(pixels)[:2], 1))], -1)
    return PoseSequence(xyz, fps, np.where(found, confidence, 0))


def framing_of(pixels: np.ndarray, found: np.ndarray, size: int) -> Framing:
    """The camera of pictures of ``size`` pixels a side, by the median place and distance of the shoulders in the frames that show both.

    pixels (T, 70, 2), found (T, 70). A signer who stands turned away seems larger by it: in the plane of the picture the shoulders come closer.
    Raises ``SignerError`` if no frame shows both shoulders, or they are in one place.
    """
    both = np.asarray(pixels, float)[:, SHOULDERS][found[:, SHOULDERS].all(1)]                        # (n, 2, 2)
    apart = float(np.median(np.linalg.norm(both[:, 0] - both[:, 1], axis=-1))) if len(both) else 0.0
    if not apart > 0:
        raise SignerError("the shoulders are not found together in any frame, so nobody knows how large the signer is: give the framing")
    width = size / apart
    middle = Framing((0.0, 0.0), width).to_world(np.median(both.mean(1), 0), size)
    return Framing((-float(middle[0]), -float(middle[1])), width)
