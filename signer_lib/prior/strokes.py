"""What a hand does in time: strokes, paths, turns and the fingers' own movement. [ours]

A circle that sets off sideways starts at its top, or on the floor at its far end; any other on its inner or near side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from signer_lib.errors import SignerError
from signer_lib.pose.motion import minimum_jerk
from signer_lib.prior.body import SPACE_PLACES
from signer_lib.prior.contacts import TIPS
from signer_lib.prior.kinematics import HAND_LIMITS, hand_frame, unit
from signer_lib.prior.phonology import Sign
from signer_lib.prior.strict import vector

USUAL_SIZE = {"straight": 0.22, "arc": 0.3, "circle": 0.1, "tap": 0.12, "zigzag": 0.25, "cross": 0.24, "none": 0.0}
PLANE_AXES = {"front": (0, 1), "side": (2, 1), "floor": (0, 2)}
CIRCLE_TOP = {"front": (0.5, 1, 0), "side": (0, 1, -0.5), "floor": (0.5, 0, 1)}
HAND_SWING = {"twist": (1, 35), "shake": (2, 18), "nod": (0, 38)}        # axis in the hand's frame, degrees
FREE = (*SPACE_PLACES, "head-away", "body-away", "base-away")
RUB = 0.05                                      # radius at most of a finger tip's circles on the skin, which would leave its place otherwise
CROSS_WAY = 0.25                                # share of a cross that goes from its first stroke's end to the second's start


@dataclass(frozen=True)
class Stroke:
    """Where in its movement a hand is: all (T,). ``s`` along the stroke, ``u`` in cycles, ``lift`` 1 amid a returning stroke."""

    s: np.ndarray
    u: np.ndarray
    lift: np.ndarray
    t: np.ndarray


def eased(t: np.ndarray) -> np.ndarray:
    """Constant speed with short soft ends, for movements that go round or back and forth."""
    speed = minimum_jerk(np.clip(np.minimum(t, 1 - t) / 0.15, 0, 1))
    way = np.concatenate([[0], np.cumsum(speed[1:] + speed[:-1])])
    result: np.ndarray = way / max(way[-1], 1e-9)
    return result


def stroke_of(sign: Sign, t: np.ndarray, shift: float = 0.0) -> Stroke:
    """The sign's stroke over its progress t (T,); ``shift`` in cycles runs an alternating sign's second hand later."""
    m = sign.movement
    u = eased(t) * m.repeat + shift
    there_and_back = (1 - np.cos(2 * np.pi * u)) / 2
    if m.path == "tap":
        return Stroke(np.minimum(1.15 * there_and_back, 1), u, 0 * t, t)          # the touch lasts a moment
    if m.path in ("circle", "zigzag") or (m.path == "none" and m.hand):
        return Stroke(minimum_jerk(t), u, 0 * t, t)
    if m.path == "cross":                                # s counts strokes: 0 to 1 the first, 1 to 2 the way back up, 2 to 3 the second
        k, part = np.divmod(np.minimum(t, 1 - 1e-9) * m.repeat, 1)
        ends = np.array([0, (1 - CROSS_WAY) / 2, (1 + CROSS_WAY) / 2, 1])
        leg = np.searchsorted(ends, part, "right") - 1
        along = minimum_jerk((part - ends[leg]) / np.diff(ends)[leg])
        return Stroke(leg + along, u, np.where(leg == 1, np.sin(np.pi * along), 0), t)
    if sign.type == "alternating":
        return Stroke(there_and_back, u, 0 * t, t)
    strokes = 2 * m.repeat - 1                                                    # forth, back, forth ...
    k = np.minimum((t * strokes).astype(int), strokes - 1)
    s, returning = minimum_jerk(t * strokes - k), k % 2 == 1
    return Stroke(np.where(returning, 1 - s, s), u, np.where(returning, np.sin(np.pi * (t * strokes - k)), 0), t)


def path_of(sign: Sign, stroke: Stroke, places: np.ndarray, size: float) -> np.ndarray:
    """(T, 3) the held point, from places (2, T, 3) at the stroke's start and end; ``size`` in shoulder widths."""
    m, s = sign.movement, stroke.s[:, None]
    start, end = places
    if m.path == "tap":
        assert m.direction is not None                  # every tap has one, and what is straight or an arc in one place
        tapped: np.ndarray = start - vector(m.direction) * size * (1 - s)
        return tapped
    if m.path == "cross":
        along, across = np.eye(3)[list(PLANE_AXES[m.plane])]
        corner = np.array([[-1, 1], [1, -1], [1, 1], [-1, -1]]) * size / 2        # of the first stroke, then of the second
        leg = np.minimum(s[:, 0].astype(int), 2)
        flat = corner[leg] + (corner[leg + 1] - corner[leg]) * (stroke.s - leg)[:, None]
        crossed: np.ndarray = (start + end) / 2 + flat[:, :1] * along + flat[:, 1:] * across
        return crossed
    if len(sign.location) == 2:
        size = np.linalg.norm(end - start, axis=-1).mean()
    elif m.path in ("straight", "arc"):
        assert m.direction is not None
        end = start + vector(m.direction) * size
    centre: np.ndarray = start + (end - start) * s
    if m.path == "arc":
        bowed: np.ndarray = centre + 0.4 * size * vector(m.bulge) * np.sin(np.pi * s)
        return bowed
    if m.path == "circle":
        along, top = _plane_frame(m.plane, m.direction or ("front" if m.plane == "side" else "right"))
        turn = 2 * np.pi * stroke.u[:, None]
        radius = size if len(sign.location) == 1 else 0.1
        if sign.location[0] in FREE:
            if sign.type == "symmetric" and sign.contact:  # hands that meet at the midline circle beside it
                centre = centre - np.array([radius, 0, 0])
        elif sign.contact in TIPS:
            radius = min(radius, RUB)
        shrinking: float | np.ndarray = 1.0
        if sign.contact and sign.location == ("base-fingertips",):        # the circle is about the finger, the touch on its tip comes last
            shrinking = 1 - minimum_jerk(np.clip((stroke.t[:, None] - 0.75) / 0.25, 0, 1))
        turned: np.ndarray = centre + radius * shrinking * (np.cos(turn) * top + np.sin(turn) * along)
        return turned
    if m.path == "zigzag":
        along, across = _plane_frame(m.plane, m.direction or "down")
        waves = np.sin(2 * np.pi * max(m.repeat, 2) * stroke.t)[:, None]
        waved: np.ndarray = centre + (len(sign.location) == 1) * along * size * s + 0.3 * size * waves * across
        return waved
    return centre


def _plane_frame(plane: str, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (3,) in the plane: along the direction, and across it towards the circle's starting side."""
    along, top = vector(direction) * np.isin(np.arange(3), PLANE_AXES[plane]), np.array(CIRCLE_TOP[plane])
    if np.linalg.norm(along) < 1e-6:                     # the direction leaves the plane: begin sideways
        along = np.array([0, 0, 1.0]) if plane == "side" else np.array([-1.0, 0, 0])
    along = unit(along)
    return along, unit(top - along * (top @ along))


def progress(sign: Sign, stroke: Stroke) -> np.ndarray:
    """(T,) how far a hand that changes its shape or its turn has got, 0 to 1."""
    return minimum_jerk(stroke.t) if sign.movement.path == "cross" else stroke.s


def turns_of(sign: Sign, stroke: Stroke, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Hand rotations (T, 3, 3) without and with the wrist's own movement, turning from the start's to the end's the natural way.

    Raises ``SignerError`` if the palm and the fingers point along one line.
    """
    palms, fingers = ([vector(d) for d in (f[0], f[-1])] for f in (sign.palm, sign.fingers))
    try:
        first, last = (hand_frame(p, f) for p, f in zip(palms, fingers))
    except ValueError:
        raise SignerError(f"sign {sign.gloss}: palm {'/'.join(sign.palm)} and fingers {'/'.join(sign.fingers)} are parallel; "
                          "the palm must face across the fingers' direction") from None
    turn = Rotation.from_matrix(first.T @ last).as_rotvec()
    if np.linalg.norm(turn) > np.radians(175):           # half a turn: by way of palm inwards, fingers front
        natural = lambda v: (lambda r: r[0, 2] + 0.3 * r[0, 1] + 0.5 * r[2, 1])(first @ Rotation.from_rotvec(v / 2).as_matrix())
        turn = max(turn, -turn, key=natural)
    mean = np.broadcast_to(first, (len(stroke.t), 3, 3))
    if turn.any():
        mean = first @ Rotation.from_rotvec(progress(sign, stroke)[:, None] * turn).as_matrix()
    if sign.movement.hand not in HAND_SWING:
        return mean, mean
    axis, degrees = HAND_SWING[sign.movement.hand]
    cycle = 2 * np.pi * stroke.u
    swing = np.zeros((len(stroke.t), 3))
    swing[:, axis] = -np.radians(degrees) * size * ((np.cos(cycle) - 1) / 2 if sign.movement.hand == "nod" else np.sin(cycle))
    return mean, mean @ Rotation.from_rotvec(swing).as_matrix()


def fingers_of(sign: Sign, stroke: Stroke, seconds: float, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(T, 21) degrees: the handshapes (21,) at start and end with their change and the fingers' own movement."""
    swing = (1 - np.cos(2 * np.pi * stroke.u)) / 2
    part = (swing if sign.movement.hand == "open-close" else progress(sign, stroke))[:, None]
    angles = start * (1 - part) + end * part
    fingers = angles[:, :16].reshape(-1, 4, 4)
    if sign.movement.hand == "wiggle":
        waves = 2 * np.pi * (max(2, round(3 * seconds)) * stroke.t[:, None] + np.arange(4) / 4)
        fingers[..., 0] += 16 * np.sin(waves)
        fingers[..., 1] += 8 * (1 + np.sin(waves))
    elif sign.movement.hand == "bend":
        extended = fingers[..., 1] < 60
        fingers[..., 0] += np.where(extended, np.clip(75 - fingers[..., 0], 0, 65), 0) * swing[:, None]
    result: np.ndarray = np.clip(angles, *HAND_LIMITS.T)
    return result
