"""A recorded hand as joint angles: the Body's own hand, bent so that it looks like the recording from the camera. [ours]

MediaPipe's depth flattens a closed hand, and the same picture has several depths. So the angles follow what the camera saw, and
only where that leaves a choice they follow a known handshape, human joint limits and, weakly, MediaPipe's depth.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from signer_lib.prior.kinematics import METACARPALS, Body, unit

KNUCKLES = [5, 9, 13, 17]
FINGER_LIMITS = np.array([[-20, 100], [-3, 112], [-3, 85], [-22, 22]], float)               # mcp, pip, dip, spread
THUMB_LIMITS = np.array([[-20, 75], [-20, 75], [-60, 130], [-15, 75], [-25, 90]], float)    # radial, palmar, oppose, mcp, ip
LIMITS = np.concatenate([np.tile(FINGER_LIMITS, (4, 1)), THUMB_LIMITS])                     # (21, 2) degrees
# what one unit of each residual is: shoulder widths in the picture, degrees from the handshape, degrees past a limit; and the
# depth of joints 1 to 20
PICTURE, SHAPE, LIMIT = 0.014, 30.0, 6.0
DEPTH = np.where(np.isin(np.arange(1, 21), [1, *KNUCKLES]), 0.08, 0.25)      # the palm's is fair, the fingers' only breaks ties
STEPS = 30
PARAMETERS = 21 + 3 + 2                                   # angles, a turn of the whole hand, a shift in the picture


def palm_rotation(hands: np.ndarray) -> np.ndarray:
    """(T, 3, 3) the frame of right hands (T, 21, 3): the turn that best lays the Body's rigid palm on the knuckles."""
    recorded = unit(hands[:, KNUCKLES] - hands[:, :1])
    return np.array([Rotation.align_vectors(palm, unit(METACARPALS[1:]))[0].as_matrix() for palm in recorded])


def hand_scale(hands: np.ndarray, body: Body) -> float:
    """How much larger than the Body's a hand (T, 21, 3) appears: by its palm's length or width, the less foreshortened."""
    own, seen = unit(METACARPALS[1:]) * body.hand[1:, :1], (hands[:, KNUCKLES] - hands[:, :1])[..., :2]
    length = lambda palm: np.linalg.norm(palm, axis=-1).mean(-1)
    width = lambda palm: np.linalg.norm(palm[..., 0, :] - palm[..., 3, :], axis=-1)
    return float(np.median(np.maximum(length(seen) / length(own), width(seen) / width(own))))


def fit_hand(hands: np.ndarray, body: Body, handshape: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right hands (T, 21, 3) as the camera saw them -> angles (T, 21) degrees, rotations (T, 3, 3), shifts of the wrist (T, 3).

    handshape (21,) degrees: what the hand is, or a relaxed hand if that is not known.
    A damped Gauss-Newton descent on all frames at once; the derivative is taken by finite differences.
    """
    frames = len(hands)
    target = (hands - hands[:, :1]) / hand_scale(hands, body)
    first = palm_rotation(hands)

    def pose(p):                                                              # p (N, T, 26), in radians and shoulder widths
        angles = np.degrees(p[..., :21])
        turn = Rotation.from_rotvec(p[..., 21:24].reshape(-1, 3)).as_matrix().reshape(*p.shape[:-1], 3, 3) @ first
        points = body.hand_points(angles.reshape(-1, 21)).reshape(*p.shape[:-1], 21, 3)
        return angles, turn, points @ np.swapaxes(turn, -1, -2)

    def residuals(p):                                                         # (N, T, 2 * 21 + 20 + 3 * 21)
        angles, _, points = pose(p)
        picture = (points[..., :2] + p[..., None, 24:] - target[..., :2]) / PICTURE
        depth = (points[..., 1:, 2] - target[..., 1:, 2]) / DEPTH
        past = np.maximum(angles - LIMITS[:, 1], 0) + np.minimum(angles - LIMITS[:, 0], 0)
        return np.concatenate([picture.reshape(*p.shape[:-1], -1), depth, (angles - handshape) / SHAPE, past / LIMIT], axis=-1)

    p = np.zeros((frames, PARAMETERS))
    p[:, :21] = np.radians(handshape)
    damping, now = np.full(frames, 1.0), residuals(p)
    for _ in range(STEPS):
        nudged = residuals(p + 1e-4 * np.eye(PARAMETERS)[:, None])            # (26, T, R)
        J = np.moveaxis((nudged - now) / 1e-4, 0, -1)                         # (T, R, 26)
        normal = np.swapaxes(J, 1, 2) @ J
        normal[:, range(PARAMETERS), range(PARAMETERS)] += damping[:, None] * np.einsum("trp,trp->tp", J, J) + 1e-6
        tried = p - np.linalg.solve(normal, np.einsum("trp,tr->tp", J, now)[..., None])[..., 0]
        then = residuals(tried)
        better = (then ** 2).sum(-1) < (now ** 2).sum(-1)
        p, now = np.where(better[:, None], tried, p), np.where(better[:, None], then, now)
        damping = np.where(better, damping / 3, damping * 4)
    angles, rotation, _ = pose(p)
    return np.clip(angles, *LIMITS.T), rotation, np.pad(p[:, 24:], ((0, 0), (0, 1)))
