"""Phonological descriptions compiled into poses. [ours]

A sign becomes, frame by frame, a handshape, a hand rotation and a point that the hand holds at its place; inverse kinematics turns
these into joint angles inside their limits, forward kinematics the angles into joints. The sign alone is compiled: the travel from
rest and back is added later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from signer_lib.pose import PoseSequence
from signer_lib.pose.motion import minimum_jerk
from signer_lib.prior import nonmanual
from signer_lib.prior.body import ARM_PLACES, BASE_PLACES, HANGING, RELAXED_HAND, SPACE_PLACES, Body
from signer_lib.prior.contacts import arm_place, balls, hand_part
from signer_lib.prior.handshapes import load_handshapes
from signer_lib.prior.kinematics import MIRROR, arm_points, put_arm
from signer_lib.prior.obstacles import Aim, along_surface
from signer_lib.prior.phonology import Base, Compound, Sign
from signer_lib.prior.reaching import avoid, reach
from signer_lib.prior.strokes import FREE, USUAL_SIZE, fingers_of, path_of, stroke_of, turns_of

STAND_OFF = 0.15                                # from the place to the palm's centre when nothing touches
LIFT = 0.12                                     # from the place on the way back to where a touching stroke began
HOLD_IN, HOLD_OUT = 0.06, 0.12                  # share of a sign held still at its start and end
BESIDE = 0.03                                   # of two hands on one place, shoulder widths to either side
JOIN = 0.24                                     # seconds from one part of a compound to the next, out of the parts' time
SHORTEST_PART = 0.12                            # seconds that a part keeps
TWO_HANDED = ("symmetric", "alternating")
ON_OTHER_ARM = (*ARM_PLACES, *BASE_PLACES)


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


@dataclass(frozen=True)
class _Arm:
    """An arm in T frames as a right arm: joints (T, 7) radians, fingers (T, 21) degrees."""

    joints: np.ndarray
    fingers: np.ndarray

    def points(self, body: Body) -> np.ndarray:
        """(T, 24, 3)."""
        return arm_points(body, self.joints, body.hand_points(self.fingers))


@dataclass(frozen=True)
class _Compiling:
    """What every hand of one sign shares. t (T,): its progress."""

    body: Body
    variant: Variant
    handshapes: dict[str, np.ndarray]
    seconds: float
    t: np.ndarray

    def hanging(self) -> _Arm:
        frames = (len(self.t), 1)
        return _Arm(np.tile(np.radians(HANGING), frames), np.tile(RELAXED_HAND, frames))

    def size(self, sign: Sign) -> float:
        m = sign.movement
        return self.variant.size * (USUAL_SIZE[m.path] if m.size is None else m.size)

    def place(self, name: str, sign: Sign, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (T, 3) and outward directions (T, 3) of a place; ``other`` (T, 24, 3) is the left arm."""
        if name in ON_OTHER_ARM:
            return arm_place(name, other)
        point, out = self.body.place(name)
        if sign.contact and out.any():
            point = self.body.touchable(name)
            if sign.type in TWO_HANDED and abs(point[0]) < BESIDE:            # two hands touch a middle place side by side
                point = point - np.array([BESIDE, 0, 0])
        if name in SPACE_PLACES and sign.type in TWO_HANDED:
            # two hands that touch in free space meet at the midline; otherwise they keep a shoulder's width
            point = point * np.array([0, 1, 1]) if sign.contact else np.minimum(point, [-0.3, np.inf, np.inf])
        return np.broadcast_to(point, (len(self.t), 3)), np.broadcast_to(out, (len(self.t), 3))

    def arm(self, sign: Sign, other: np.ndarray, shift: float = 0.0, drift: np.ndarray | float = 0.0, beware: bool = False) -> _Arm:
        """The right arm beside the left arm ``other`` (T, 24, 3), which it must ``beware`` of or not; ``drift`` (T, 3) moves its path."""
        stroke = stroke_of(sign, self.t, shift)
        mean, rotation = turns_of(sign, stroke, self.variant.size)
        start, end = self.handshapes[sign.handshape[0]], self.handshapes[sign.handshape[-1]]
        fingers = fingers_of(sign, stroke, self.seconds, start, end)
        hand = self.body.hand_points(fingers)
        ends = (sign.location[0], sign.location[-1])
        places, outs = map(np.array, zip(*(self.place(name, sign, other) for name in ends)))       # (2, T, 3)
        free = np.isin(ends, FREE)[:, None, None]
        places = places + free * np.array([0, self.variant.raise_, 0]) + (0 if sign.contact else STAND_OFF) * outs
        if free.all():
            places = places.mean(0) + self.variant.size * (places - places.mean(0))
        point = path_of(sign, stroke, places, self.size(sign)) + drift
        local = hand_part(hand, sign.contact)
        if sign.contact:
            point = point + LIFT * stroke.lift[:, None] * outs.mean(0)
            point = along_surface(self.body, point, outs.mean(0))
        else:                                             # a hand that swings without touching keeps its wrist where it is
            local = (np.swapaxes(rotation, 1, 2) @ mean @ local[..., None])[..., 0]
        apart = sign.type in TWO_HANDED and not any("-other" in name for name in sign.location)
        aim = Aim(point, local, rotation, hand, bool(sign.contact), apart, balls(other) if beware else None)
        return _Arm(reach(self.body, aim), fingers)

    def drift(self, sign: Sign) -> np.ndarray:
        """(T, 3) how far a base hand that moves along has left its start; 0 if the path leads nowhere but over the base hand."""
        on_arm, places = bool(set(sign.location) & set(ON_OTHER_ARM)), np.zeros((2, len(self.t), 3))
        if len(sign.location) == 2 and not on_arm:
            places += np.array([self.body.place(name)[0] for name in sign.location])[:, None]
        elif sign.movement.direction is None and sign.movement.path not in ("circle", "zigzag"):
            still: np.ndarray = places[0]
            return still
        path = path_of(replace(sign, location=sign.location[:1] if on_arm else sign.location), stroke_of(sign, self.t), places, self.size(sign))
        moved: np.ndarray = path - path[0]
        return moved

    def both(self, sign: Sign) -> tuple[_Arm, _Arm]:
        """Right and left arm, the left one mirrored."""
        left, hanging = self.hanging(), self.hanging().points(self.body) * MIRROR
        if sign.base is not None:
            drift = self.drift(sign) if sign.base.moves else np.zeros((len(self.t), 3))
            left = self.arm(_base_sign(sign.gloss, sign.base), hanging, drift=drift * MIRROR)
            if drift.any() and set(sign.location) & set(ON_OTHER_ARM):        # the base hand takes the path, and the other hand along
                sign = replace(sign, movement=replace(sign.movement, path="straight" if len(sign.location) == 2 else "none"))
            return self.arm(sign, left.points(self.body) * MIRROR, beware=True), left
        right = self.arm(sign, hanging)
        if sign.type == "alternating":
            left = self.arm(sign, hanging, shift=0.5)
        elif sign.type == "symmetric":
            crossing = any("-other" in name for name in sign.location)        # then one arm lies before the other
            left = self.arm(sign, right.points(self.body) * MIRROR, beware=True) if crossing else right
        return right, left


def _base_sign(gloss: str, base: Base) -> Sign:
    """The base hand as a right hand, mirrored."""
    swap = {"left": "right", "right": "left", "same": "other", "other": "same"}

    def mirrored(name: str) -> tuple[str, ...]:
        return ("-".join(swap.get(part, part) for part in name.split("-")),)

    return Sign(gloss, "one-handed", (base.handshape,), mirrored(base.palm), mirrored(base.fingers), mirrored(base.location))


def _part(sign: Sign, body: Body, variant: Variant, seconds: float, fps: float,
          handshapes: dict[str, np.ndarray]) -> tuple[_Arm, _Arm, nonmanual.Tracks]:
    """Right arm, left arm (mirrored) and face of one sign that lasts ``seconds``."""
    frames = max(6, round(seconds * fps) + 1)
    t = np.clip((np.linspace(0, 1, frames) - HOLD_IN) / (1 - HOLD_IN - HOLD_OUT), 0, 1)
    right, left = _Compiling(body, variant, handshapes, seconds, t).both(sign)
    return right, left, nonmanual.face_tracks(sign.face, t)


def _joined(before: _Arm, after: _Arm, frames: int, body: Body) -> _Arm:
    """``before``, a transition of ``frames``, ``after``. Joint angles go straight, or round the body if the hand would be in it."""
    part = minimum_jerk(np.arange(1, frames + 1) / (frames + 1))[:, None]
    between = _Arm(*(a[-1] * (1 - part) + b[0] * part for a, b in zip(_fields(before), _fields(after))))
    between = replace(between, joints=avoid(body, between.joints, body.hand_points(between.fingers)))
    return _Arm(*(np.concatenate(parts) for parts in zip(_fields(before), _fields(between), _fields(after))))


def _fields(arm: _Arm) -> tuple[np.ndarray, np.ndarray]:
    return arm.joints, arm.fingers


def _compound(parts: tuple[Sign, ...], body: Body, variant: Variant, fps: float,
              handshapes: dict[str, np.ndarray]) -> tuple[_Arm, _Arm, nonmanual.Tracks]:
    """The parts one after another; their transitions are taken from the parts' own time."""
    shorter = JOIN * (len(parts) - 1) / len(parts)
    done = [_part(sign, body, variant, max(sign.duration / 1000 - shorter, SHORTEST_PART) / variant.speed, fps, handshapes) for sign in parts]
    between = max(2, round(JOIN / variant.speed * fps) - 1)
    right, left, face = done[0]
    for next_right, next_left, next_face in done[1:]:
        right, left = _joined(right, next_right, between, body), _joined(left, next_left, between, body)
        face = nonmanual.Tracks(**{name: np.concatenate([getattr(face, name), np.zeros(between), getattr(next_face, name)])
                                   for name in nonmanual.NAMES})
    return right, left, face


def compile_sign(sign: Sign | Compound, body: Body, variant: Variant = CITATION, fps: float = 25,
                 handshapes: dict[str, np.ndarray] | None = None) -> PoseSequence:
    """The sign as a ``signer70`` sequence with every joint present.

    Raises ``SignerError`` if the palm and the fingers point along one line.
    """
    parts = sign.parts if isinstance(sign, Compound) else (sign,)
    handshapes = load_handshapes() if handshapes is None else handshapes
    if len(parts) > 1:
        right, left, face = _compound(parts, body, variant, fps, handshapes)
    else:
        right, left, face = _part(parts[0], body, variant, parts[0].duration / 1000 / variant.speed, fps, handshapes)
    poses = np.repeat(body.rest()[None], len(face), axis=0)
    put_arm(poses, right.points(body), "right")
    put_arm(poses, left.points(body) * MIRROR, "left")
    sequence = PoseSequence(poses, fps)
    if any(part.face for part in parts):
        sequence = nonmanual.apply(sequence, face)
    return sequence if variant.handed == "right" else sequence.mirrored()
