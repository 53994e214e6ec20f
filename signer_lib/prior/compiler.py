"""Phonological descriptions compiled into poses. [ours]

A sign becomes, frame by frame, a handshape, a hand rotation and a point that the hand holds at its place; forward kinematics
gives the hand, inverse kinematics the arm. The sign alone is compiled: transitions add the travel from rest later.

A circle that sets off sideways starts at its top, or on the floor at its far end; any other on its inner or near side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from signer_lib.errors import SignerError
from signer_lib.pose import PoseSequence
from signer_lib.pose.motion import minimum_jerk
from signer_lib.prior.kinematics import MIRROR, PALM_DEPTH, SPACE_PLACES, Body, hand_frame, put_arm, unit
from signer_lib.prior.phonology import Base, Sign, load_handshapes
from signer_lib.prior.strict import vector

USUAL_SIZE = {"straight": 0.22, "arc": 0.3, "circle": 0.1, "tap": 0.12, "zigzag": 0.25, "none": 0.0}
STAND_OFF = 0.15                                # from the place to the palm's centre when nothing touches
HOLD_IN, HOLD_OUT = 0.06, 0.12                  # share of a sign held still at its start and end
PLANE_AXES = {"front": (0, 1), "side": (2, 1), "floor": (0, 2)}
CIRCLE_TOP = {"front": (0.5, 1, 0), "side": (0, 1, -0.5), "floor": (0.5, 0, 1)}
HAND_SWING = {"twist": (1, 35), "shake": (2, 18), "nod": (0, 38)}        # axis in the hand's frame, degrees
FINGER_TIPS, PALM_JOINTS = [8, 12, 16, 20], [0, 5, 9, 17]
TWO_HANDED = ("symmetric", "alternating")
CONTACT_TIPS = {"thumb-tip": 4, "index-tip": 8, "middle-tip": 12, "little-tip": 20}


@dataclass(frozen=True)
class Variant:
    """A manner of signing: ``speed`` and ``size`` multiply, ``raise_`` lifts free space by shoulder widths."""

    name: str
    speed: float = 1.0
    size: float = 1.0
    raise_: float = 0.0
    handed: str = "right"


CITATION = Variant("citation")
REDUCED = Variant("reduced", speed=1.3, size=0.7, raise_=-0.06)
EMPHATIC = Variant("emphatic", speed=0.8, size=1.3, raise_=0.04)
VARIANTS = (CITATION, REDUCED, EMPHATIC)


def eased(t: np.ndarray) -> np.ndarray:
    """Constant speed with short soft ends, for movements that go round or back and forth."""
    speed = minimum_jerk(np.clip(np.minimum(t, 1 - t) / 0.15, 0, 1))
    way = np.concatenate([[0], np.cumsum(speed[1:] + speed[:-1])])
    return way / max(way[-1], 1e-9)


@dataclass(frozen=True)
class _Stroke:
    """Where in its movement a hand is: all (T,). ``s`` along the stroke, ``u`` in cycles, ``lift`` 1 amid a returning stroke."""

    s: np.ndarray
    u: np.ndarray
    lift: np.ndarray
    t: np.ndarray


def _stroke(sign: Sign, t: np.ndarray, cyclic: bool, shift: float) -> _Stroke:
    m = sign.movement
    u = eased(t) * m.repeat + shift
    there_and_back = (1 - np.cos(2 * np.pi * u)) / 2
    if m.path == "tap":
        return _Stroke(np.minimum(1.15 * there_and_back, 1), u, 0 * t, t)          # the touch lasts a moment
    if m.path in ("circle", "zigzag") or (m.path == "none" and m.hand):
        return _Stroke(minimum_jerk(t), u, 0 * t, t)
    if cyclic:
        return _Stroke(there_and_back, u, 0 * t, t)
    strokes = 2 * m.repeat - 1                                                    # forth, back, forth ...
    k = np.minimum((t * strokes).astype(int), strokes - 1)
    s, returning = minimum_jerk(t * strokes - k), k % 2 == 1
    return _Stroke(np.where(returning, 1 - s, s), u, np.where(returning, np.sin(np.pi * (t * strokes - k)), 0), t)


def _path(sign: Sign, stroke: _Stroke, places: np.ndarray, size: float) -> np.ndarray:
    """(T, 3) the held point, from places (2, T, 3) at the stroke's start and end."""
    m, s = sign.movement, stroke.s[:, None]
    start, end = places
    if m.path == "tap":
        return start - vector(m.direction) * size * (1 - s)
    if len(sign.location) == 2:
        size = np.linalg.norm(end - start, axis=-1).mean()
    elif m.path in ("straight", "arc"):
        end = start + vector(m.direction) * size
    centre = start + (end - start) * s
    if m.path == "arc":
        return centre + 0.4 * size * vector(m.bulge) * np.sin(np.pi * s)
    if m.path == "circle":
        along, top = _plane_frame(m.plane, m.direction or ("front" if m.plane == "side" else "right"))
        turn = 2 * np.pi * stroke.u[:, None]
        if sign.type == "symmetric" and sign.contact and sign.location[0] in SPACE_PLACES:
            centre = centre - np.array([size, 0, 0])     # hands that meet at the midline circle beside it
        return centre + (size if len(sign.location) == 1 else 0.1) * (np.cos(turn) * top + np.sin(turn) * along)
    if m.path == "zigzag":
        along, across = _plane_frame(m.plane, m.direction or "down")
        waves = np.sin(2 * np.pi * max(m.repeat, 2) * stroke.t)[:, None]
        return centre + (len(sign.location) == 1) * along * size * s + 0.3 * size * waves * across
    return centre


def _plane_frame(plane: str, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (3,) in the plane: along the direction, and across it towards the circle's starting side."""
    along, top = vector(direction) * np.isin(np.arange(3), PLANE_AXES[plane]), np.array(CIRCLE_TOP[plane])
    if np.linalg.norm(along) < 1e-6:                     # the direction leaves the plane: begin sideways
        along = np.array([0, 0, 1.0]) if plane == "side" else np.array([-1.0, 0, 0])
    along = unit(along)
    return along, unit(top - along * (top @ along))


def _rotations(sign: Sign, s: np.ndarray) -> np.ndarray:
    """(T, 3, 3) hand rotations, turning from the start's to the end's the natural way."""
    palms, fingers = ([vector(d) for d in (f[0], f[-1])] for f in (sign.palm, sign.fingers))
    try:
        first, last = (Rotation.from_matrix(hand_frame(p, f)) for p, f in zip(palms, fingers))
    except ValueError:
        raise SignerError(f"sign {sign.gloss}: palm {'/'.join(sign.palm)} and fingers {'/'.join(sign.fingers)} are parallel; "
                          "the palm must face across the fingers' direction") from None
    turn = (first.inv() * last).as_rotvec()
    if np.linalg.norm(turn) > np.radians(175):           # half a turn: by way of palm inwards, fingers front
        natural = lambda v: (lambda r: r[0, 2] + 0.3 * r[0, 1] + 0.5 * r[2, 1])((first * Rotation.from_rotvec(v / 2)).as_matrix())
        turn = max(turn, -turn, key=natural)
    return (first * Rotation.from_rotvec(s[:, None] * turn)).as_matrix()


def _angles(sign: Sign, stroke: _Stroke, seconds: float, handshapes: dict[str, np.ndarray]) -> np.ndarray:
    """(T, 21) degrees: the handshape with its change and the fingers' own movement."""
    start, end = handshapes[sign.handshape[0]], handshapes[sign.handshape[-1]]
    swing = (1 - np.cos(2 * np.pi * stroke.u)) / 2
    part = (swing if sign.movement.hand == "open-close" else stroke.s)[:, None]
    angles = start * (1 - part) + end * part
    fingers = angles[:, :16].reshape(-1, 4, 4)
    if sign.movement.hand == "wiggle":
        waves = 2 * np.pi * (max(2, round(3 * seconds)) * stroke.t[:, None] + np.arange(4) / 4)
        fingers[..., 0] += 16 * np.sin(waves)
        fingers[..., 1] += 8 * (1 + np.sin(waves))
    elif sign.movement.hand == "bend":
        extended = fingers[..., 1] < 60
        fingers[..., 0] += np.where(extended, np.clip(75 - fingers[..., 0], 0, 65), 0) * swing[:, None]
    return angles


def _contact(hand: np.ndarray, contact: str | None) -> np.ndarray:
    """(T, 3) the part of the hand (T, 21, 3), in its own frame, that is held at the place."""
    palm = hand[:, PALM_JOINTS].mean(1)
    thick = np.array([0, 0, PALM_DEPTH])
    if contact in CONTACT_TIPS:
        return hand[:, CONTACT_TIPS[contact]]
    if contact == "fingertips":                          # of the fingers that stick out
        out = np.linalg.norm(hand[:, FINGER_TIPS] - hand[:, [5, 9, 13, 17]], axis=-1) > 0.14
        weight = np.where(out.any(1, keepdims=True), out, True)[..., None]
        return (hand[:, FINGER_TIPS] * weight).sum(1) / weight.sum(1)
    if contact == "knuckles":                            # a hooked finger's, or the whole fist's
        back = hand[:, [6, 10, 14, 18]]
        weight = np.exp(12 * (back[..., 1:2] - back[..., 1:2].max(1, keepdims=True)))
        return (back * weight).sum(1) / weight.sum(1)
    parts = {None: palm, "palm": palm + thick, "back": palm - thick, "heel": thick + np.array([0, 0.05, 0]),
             "wrist": np.zeros(3), "thumb-side": hand[:, 5] + np.array([PALM_DEPTH, 0, 0]),
             "little-side": (hand[:, 0] + 2 * hand[:, 17]) / 3 - np.array([PALM_DEPTH, 0, 0])}
    return np.broadcast_to(parts[contact], palm.shape)


def _place(name: str, sign: Sign, body: Body, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (T, 3) and outward directions (T, 3) of a place; ``other`` (T, 24, 3) is the left arm."""
    if not name.startswith(("base-", "arm-", "elbow-", "wrist-")):
        point, out = body.place(name)
        if name in SPACE_PLACES and sign.type in TWO_HANDED:
            # two hands that touch in free space meet at the midline; otherwise they keep a shoulder's width
            point = point * np.array([0, 1, 1]) if sign.contact else np.minimum(point, [-0.3, np.inf, np.inf])
        return np.broadcast_to(point, (len(other), 3)), np.broadcast_to(out, (len(other), 3))
    shoulder, elbow, wrist, hand = other[:, 0], other[:, 1], other[:, 2], other[:, 3:]
    up, front = np.eye(3)[1:]
    if name == "arm-other":
        return shoulder + 0.45 * (elbow - shoulder) + np.array([0.02, 0, 0.09]), np.broadcast_to(front, wrist.shape)
    if name == "elbow-other":
        top = unit(up + 0.5 * front)                     # of the forearm, beside the crook
        return elbow + 0.2 * (wrist - elbow) + 0.07 * top, np.broadcast_to(top, wrist.shape)
    normal = unit(np.cross(hand[:, 17] - hand[:, 0], hand[:, 5] - hand[:, 0]))     # out of a left hand's palm
    side, palm = unit(hand[:, 5] - hand[:, 17]), hand[:, PALM_JOINTS].mean(1)
    if name in ("wrist-other", "base-wrist"):            # its upper side
        facing = np.sign((normal * (up + 0.5 * front)).sum(-1, keepdims=True) + 1e-9) * normal
        return wrist + 0.05 * facing, facing
    if name == "base-fingertips":
        reach = hand[:, [4, *FINGER_TIPS]]               # the longest finger and its equals, or the only one stuck out
        far = np.linalg.norm(reach - wrist[:, None], axis=-1)
        longest = (far > far.max(1, keepdims=True) - 0.04)[..., None]
        tip = (reach * longest).sum(1) / longest.sum(1)
        return tip, unit(tip - wrist)
    if name == "base-thumb-side":
        return hand[:, 5] + PALM_DEPTH * side, side
    sign_ = 1 if name == "base-palm" else -1
    return palm + sign_ * PALM_DEPTH * normal, sign_ * normal


def _arm(sign: Sign, body: Body, variant: Variant, t: np.ndarray, seconds: float, other: np.ndarray, shift: float,
         handshapes: dict[str, np.ndarray]) -> np.ndarray:
    """(T, 24, 3) the right arm; ``shift`` in cycles runs an alternating sign's second hand later."""
    m = sign.movement
    stroke = _stroke(sign, t, sign.type == "alternating", shift)
    mean = _rotations(sign, stroke.s)
    rotation = mean
    if m.hand in HAND_SWING:
        axis, degrees = HAND_SWING[m.hand]
        wave = (np.cos(2 * np.pi * stroke.u) - 1) / 2 if m.hand == "nod" else np.sin(2 * np.pi * stroke.u)
        swing = np.zeros((len(t), 3))
        swing[:, axis] = -np.radians(degrees) * variant.size * wave
        rotation = mean @ Rotation.from_rotvec(swing).as_matrix()
    hand = body.hand_points(_angles(sign, stroke, seconds, handshapes))
    ends = (sign.location[0], sign.location[-1])
    places, outs = map(np.array, zip(*(_place(name, sign, body, other) for name in ends)))       # (2, T, 3)
    free = np.isin(ends, list(SPACE_PLACES))[:, None, None]
    places = places + free * np.array([0, variant.raise_, 0]) + (0 if sign.contact else STAND_OFF) * outs
    if free.all():
        places = places.mean(0) + variant.size * (places - places.mean(0))
    size = variant.size * (USUAL_SIZE[m.path] if m.size is None else m.size)
    point = _path(sign, stroke, places, size) + (0.12 * stroke.lift[:, None] * outs.mean(0) if sign.contact else 0)
    local = _contact(hand, sign.contact)[..., None]
    apart = sign.type in TWO_HANDED and not any("-other" in n for n in sign.location) and not (sign.contact and free.any())

    def held(relief: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turned = hand @ (relief @ rotation).transpose(0, 2, 1)
        # a touching part stays where it touches while the hand swings; otherwise the wrist stays
        wrist = point - (relief @ (rotation if sign.contact else mean) @ local)[..., 0]
        if not sign.contact:
            wrist = wrist + body.clear(wrist[:, None] + turned)
        if apart:                                        # mirrored hands must not pass through one another
            wrist = wrist - np.maximum((wrist[:, None] + turned)[..., 0].max(1) + 0.02, 0)[:, None] * np.array([1.0, 0, 0])
        return wrist, relief @ rotation

    relief = body.wrist_relief(*held(np.eye(3)[None]))
    return body.right_arm(*held(relief), hand)


def _base_sign(gloss: str, base: Base) -> Sign:
    """The base hand as a right hand, mirrored."""
    swap = {"left": "right", "right": "left", "same": "other", "other": "same"}
    mirrored = lambda name: ("-".join(swap.get(part, part) for part in name.split("-")),)
    return Sign(gloss, "one-handed", (base.handshape,), mirrored(base.palm), mirrored(base.fingers), mirrored(base.location))


def _put_face(poses: np.ndarray, face: str | None, t: np.ndarray) -> None:
    """Brows (T, 70, 3) up or down, or the head turned about the neck, in place."""
    held = minimum_jerk(np.clip(np.minimum(t, 1 - t) / 0.2, 0, 1))
    if face in ("brows-up", "brows-down"):
        poses[:, 50:60, 1] += (0.045 if face == "brows-up" else -0.03) * held[:, None]
    elif face:
        turn = np.zeros((len(t), 3))
        axis, degrees, cycles = (1, 22, 2) if face == "head-shake" else (0, 7, 1)
        turn[:, axis] = np.radians(degrees) * held * np.sin(2 * np.pi * cycles * t)
        head = [0, *range(50, 70)]
        poses[:, head] = poses[:, head] @ Rotation.from_rotvec(turn).as_matrix().transpose(0, 2, 1)


def compile_sign(sign: Sign, body: Body, variant: Variant = CITATION, fps: float = 25,
                 handshapes: dict[str, np.ndarray] | None = None) -> PoseSequence:
    """The sign as a ``signer70`` sequence with every joint present.

    Raises ``SignerError`` if the palm and the fingers point along one line.
    """
    handshapes = handshapes or load_handshapes()
    seconds = sign.duration / 1000 / variant.speed
    frames = max(6, round(seconds * fps) + 1)
    t = np.clip((np.linspace(0, 1, frames) - HOLD_IN) / (1 - HOLD_IN - HOLD_OUT), 0, 1)
    poses = np.repeat(body.rest()[None], frames, axis=0)
    left = poses[:, [5, 6, 7, *range(8, 29)]]
    arm = lambda what, shift=0.0, other=left: _arm(what, body, variant, t, seconds, other, shift, handshapes)
    if sign.type == "base-hand":
        left = arm(_base_sign(sign.gloss, sign.base)) * MIRROR
    right = arm(sign, other=left)
    if sign.type == "symmetric":
        left = right * MIRROR
    elif sign.type == "alternating":
        left = arm(sign, shift=0.5) * MIRROR
    put_arm(poses, right, "right")
    put_arm(poses, left, "left")
    _put_face(poses, sign.face, t)
    sequence = PoseSequence(poses, fps)
    return sequence if variant.handed == "right" else sequence.mirrored()
