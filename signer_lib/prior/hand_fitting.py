"""A recorded hand as joint angles: the Body's own hand, bent so that it looks like the recording from the camera. [ours]

MediaPipe's depth flattens a closed hand, and the same picture has several depths. So the angles follow what the camera saw, and
only where that leaves a choice they follow a known handshape, human joint limits and, weakly, MediaPipe's depth.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from signer_lib.prior.body import Body
from signer_lib.prior.kinematics import HAND_LIMITS, METACARPALS, cross, unit

KNUCKLES = [5, 9, 13, 17]
# what one unit of each residual is: shoulder widths in the picture, degrees from the handshape, degrees past a limit; and the
# depth of joints 1 to 20
PICTURE, SHAPE, LIMIT = 0.014, 30.0, 6.0
DEPTH = np.where(np.isin(np.arange(1, 21), [1, *KNUCKLES]), 0.08, 0.25)      # the palm's is fair, the fingers' only breaks ties
WEIGHTS = np.full((21, 3), 1 / PICTURE)
WEIGHTS[:, 2] = [0, *1 / DEPTH]
STEPS = 30
SETTLED, STUCK = 2e-5, 1e3                                # a frame is done when a step gains less than this share, or at this damping
PARAMETERS = 21 + 3 + 2                                   # angles, a turn of the whole hand, a shift in the picture
# Nudging angle k of all five digits at once shows each digit's joints moved by its own: five nudges for the derivatives of 21 angles.
DIGIT, KTH = np.repeat([1, 2, 3, 4, 0], [4, 4, 4, 4, 5]), np.array([*range(4)] * 4 + [*range(5)])          # (21,) of each angle
NUDGE = 0.01                                              # degrees
NUDGES = NUDGE * np.concatenate([np.zeros((1, 21)), KTH == np.arange(5)[:, None]])                         # (6, 21), the first is none
ANGLE, JOINT = np.nonzero(DIGIT[:, None] == np.repeat([-1, 0, 1, 2, 3, 4], [1, 4, 4, 4, 4, 4]))            # what moves what


def palm_rotation(hands: np.ndarray) -> np.ndarray:
    """(T, 3, 3) the frame of right hands (T, 21, 3): the turn that best lays the Body's rigid palm on the knuckles."""
    recorded = unit(hands[:, KNUCKLES] - hands[:, :1])
    u, _, v = np.linalg.svd(np.swapaxes(recorded, 1, 2) @ unit(METACARPALS[1:]))        # Kabsch
    u[:, :, 2] *= np.linalg.det(u @ v)[:, None]
    result: np.ndarray = u @ v
    return result


def hand_scale(hands: np.ndarray, body: Body) -> float:
    """How much larger than the Body's a hand (T, 21, 3) appears: by its palm's length or width, the less foreshortened."""
    own, seen = unit(METACARPALS[1:]) * body.hand[1:, :1], (hands[:, KNUCKLES] - hands[:, :1])[..., :2]

    def length(palm: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.linalg.norm(palm, axis=-1).mean(-1)
        return result

    def width(palm: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.linalg.norm(palm[..., 0, :] - palm[..., 3, :], axis=-1)
        return result

    return float(np.median(np.maximum(length(seen) / length(own), width(seen) / width(own))))


def look(body: Body, handshape: np.ndarray, angles: np.ndarray, turn: np.ndarray, shift: np.ndarray, target: np.ndarray) -> list[np.ndarray]:
    """How hands miss their target (T, 21, 3), in four parts that begin with T.

    Residuals (T, 63) of the picture and its depth, (T, 21) from the handshape, (T, 21) past a limit; and the derivatives
    (T, 26, 63) of the first.
    """
    hands = body.hand_points((angles + NUDGES[:, None]).reshape(-1, 21)).reshape(len(NUDGES), -1, 21, 3) @ np.swapaxes(turn, 1, 2)
    J = np.zeros((len(angles), PARAMETERS, 21, 3))
    J[:, ANGLE, JOINT] = np.swapaxes((hands[1:] - hands[0]) / NUDGE, 0, 1)[:, KTH[ANGLE], JOINT]
    J[:, 21:24] = cross(np.eye(3)[:, None], hands[0][:, None])
    J[:, [24, 25], :, [0, 1]] = 1
    J *= WEIGHTS
    low, high = HAND_LIMITS.T
    past = np.maximum(angles - high, 0) + np.minimum(angles - low, 0)
    return [(WEIGHTS * (hands[0] + shift[:, None] - target)).reshape(-1, 63), (angles - handshape) / SHAPE, past / LIMIT,
            J.reshape(-1, PARAMETERS, 63)]


def fit_hand(hands: np.ndarray, body: Body, handshape: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right hands (T, 21, 3) as the camera saw them -> angles (T, 21) degrees, rotations (T, 3, 3), shifts of the wrist (T, 3).

    handshape (21,) degrees: what the hand is, or a relaxed hand if that is not known.
    A damped Gauss-Newton descent on all frames at once; a frame that has settled is left alone.
    """
    target = (hands - hands[:, :1]) / hand_scale(hands, body)
    found = np.repeat(handshape[None].astype(float), len(hands), 0), palm_rotation(hands), np.zeros((len(hands), 3))
    state, now = [part.copy() for part in found], look(body, handshape, *found, target)
    live, damping, diagonal = np.arange(len(hands)), np.ones(len(hands)), range(PARAMETERS)
    for _ in range(STEPS):
        (angles, turn, shift), (seen, shape, past, J) = state, now
        normal, slope = J @ np.swapaxes(J, 1, 2), (J @ seen[..., None])[..., 0]
        slope[:, :21] += shape / SHAPE + past / LIMIT
        normal[:, diagonal[:21], diagonal[:21]] += SHAPE ** -2 + (past != 0) * LIMIT ** -2
        normal[:, diagonal, diagonal] *= 1 + damping[:, None]
        step = -np.linalg.solve(normal, slope[..., None])[..., 0]
        tried = [angles + step[:, :21], Rotation.from_rotvec(step[:, 21:24]).as_matrix() @ turn, shift.copy()]
        tried[2][:, :2] += step[:, 24:]
        then = look(body, handshape, tried[0], tried[1], tried[2], target[live])
        before, after = (sum((part ** 2).sum(1) for part in parts[:3]) for parts in (now, then))
        better = after < before
        for old, new in zip((*state, *now), (*tried, *then)):
            old[better] = new[better]
        for whole, part in zip(found, state):
            whole[live] = part
        damping *= np.where(better, 1 / 3, 4)
        more = np.where(better, before - after > SETTLED * after, damping < STUCK)
        if not more.any():
            break
        if not more.all():
            state, now = ([part[more] for part in parts] for parts in (state, now))
            live, damping = live[more], damping[more]
    return np.clip(found[0], *HAND_LIMITS.T), found[1], found[2]
