"""Non-manual markers as tracks of the face and head, and how they move the 20 face points and the nose of ``signer70``. [ours]

The one place where brow heights and head turns live. A sign's own markers (its ``face``) and a sentence's are both made here.

Sizes marked "measured" are extremes over the faces of ASL-App's 100 recorded words (one signer, MediaPipe's mesh; head turned to the
front, shoulder widths): brows 0.020 above their median (SLEEP) and 0.028 below (ANGRY), inner ends 0.012 nearer to each other; lips
0.063 farther apart and the mouth 0.062 wider or 0.036 narrower than its median (1st and 99th percentile); lids 0.037 apart, shut
0.009; within one word the head turns by up to 26 degrees, and nods by 12 in YES.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.spatial.transform import Rotation

from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.motion import minimum_jerk

_J = SIGNER70.index
BROWS = np.array([[_J(f"{side}_brow_{k}") for k in range(5)] for side in "rl"])            # (2, 5) from the nose outwards
LIDS = np.array([[_J(f"{side}_lid_{part}") for part in ("upper", "lower")] for side in "rl"])
CORNERS = [_J("r_lip_corner"), _J("l_lip_corner")]
UPPER_LIP, LOWER_LIP = ([_J(f"lip_{lip}_{part}") for part in ("outer", "inner")] for lip in ("upper", "lower"))
HEAD = [_J("nose"), *range(len(SIGNER70))[SIGNER70.groups["face"]]]

RAISE = 0.030                           # of the brows; half as much again as measured, since a question holds them higher than a word
LOWER, TOGETHER = 0.028, 0.006          # of the brows' inner ends; measured
FROWN = np.array([1, 0.9, 0.7, 0.45, 0.25])                # share of the frown along a brow, from the nose outwards
SHUT, LID_SHARE = 0.76, 0.85            # of the lids' gap that shutting closes (measured); of it, what the upper lid does
LID_FOLLOWS = 0.4                       # share by which the lids close when the eyes look straight down
MOUTH_OPEN, MOUTH_WIDE, MOUTH_ROUND = 0.063, 0.062, 0.036  # measured
LOWER_LIP_SHARE = 0.8                   # of the opening
GAZE_TURN, GAZE_NOD = 8.0, 5.0          # degrees that the head follows the eyes looking as far aside, or up and down, as they can
SHAKE, NOD, TILT = 13.0, 12.0, 6.0      # degrees to either side (half of what is measured from side to side); down; to one side
LEAN = 4.0                              # degrees forwards of the head and neck in a question; published as slight, without a figure
EASE = 0.2                              # seconds of onset and of offset in a sentence; share of a sign in a sign
RATE = 2.0                              # turns a second of a head shake or a nod in a sentence

HELD = {                                # what a marker does while it is on
    "brows-up": {"brows": 1.0, "lids": -0.25}, "brows-down": {"frown": 1.0, "lids": 0.2},
    "lean": {"nod": LEAN}, "lean-back": {"nod": -LEAN}, "tilt-left": {"tilt": TILT}, "tilt-right": {"tilt": -TILT},
    "mouth-open": {"mouth_open": 1.0}, "mouth-wide": {"mouth_wide": 1.0}, "mouth-round": {"mouth_wide": -1.0, "mouth_open": 0.25},
    "gaze-left": {"gaze_x": 1.0}, "gaze-right": {"gaze_x": -1.0}, "gaze-up": {"gaze_y": 1.0}, "gaze-down": {"gaze_y": -1.0},
    "eyes-shut": {"lids": 1.0}, "eyes-wide": {"lids": -0.5},
}
SWUNG = {"head-shake": ("shake", SHAKE, False), "nod": ("nod", NOD, True)}          # what it swings, how far, whether to one side only
MARKERS = (*HELD, *SWUNG)
SIGN_TURNS = 2                          # of a head shake or a nod that belongs to one sign
BROW_TRACKS, NONE = ("brows", "frown"), ()
SENTENCES = {                           # kind -> its markers, and the tracks on which they take the place of what single signs do
    "yes-no": (("brows-up", "lean"), BROW_TRACKS), "wh": (("brows-down", "lean"), BROW_TRACKS), "topic": (("brows-up", "lean-back"), BROW_TRACKS),
    "negated": (("head-shake",), ("shake",)), "affirmed": (("nod",), NONE),
}


@dataclass(frozen=True)
class Tracks:
    """What face and head do, every track (T,), 0 at rest.

    brows       raised, 0 to 1.                       frown       lowered and drawn together, 0 to 1.
    shake       degrees the head is turned to the signer's left.   nod   degrees it is bent forwards.   tilt   degrees to the left shoulder.
    mouth_open  0 to 1.                               mouth_wide  1 spread, -1 rounded.
    gaze_x      1 to the signer's left, -1 right.     gaze_y      1 up, -1 down.
    lids        1 shut, below 0 wider than at rest.
    """

    brows: np.ndarray
    frown: np.ndarray
    shake: np.ndarray
    nod: np.ndarray
    tilt: np.ndarray
    mouth_open: np.ndarray
    mouth_wide: np.ndarray
    gaze_x: np.ndarray
    gaze_y: np.ndarray
    lids: np.ndarray

    def __len__(self) -> int:
        return len(self.brows)

    def __add__(self, other: Tracks) -> Tracks:
        return Tracks(**{name: getattr(self, name) + getattr(other, name) for name in NAMES})


NAMES = tuple(f.name for f in fields(Tracks))


def still(frames: int, **moved: np.ndarray) -> Tracks:
    """A face at rest but for the tracks that are given, each (frames,)."""
    return Tracks(**{name: np.asarray(moved.get(name, np.zeros(frames)), float) for name in NAMES})


def marker(name: str, held: np.ndarray, turns: np.ndarray) -> Tracks:
    """One of ``MARKERS``. held (T,) 0 to 1: how far it is on; turns (T,): how many times a head that swings has come round.

    Raises ``KeyError`` for another name.
    """
    if name in SWUNG:
        track, size, one_sided = SWUNG[name]
        angle = 2 * np.pi * turns
        return still(len(held), **{track: size * held * ((1 - np.cos(angle)) / 2 if one_sided else np.sin(angle))})
    return still(len(held), **{track: size * held for track, size in HELD[name].items()})


def face_tracks(face: tuple[str, ...], t: np.ndarray) -> Tracks:
    """The markers of one sign, its ``face``, over its progress t (T,) from 0 to 1: on after ``EASE`` of it, off at its end."""
    held = minimum_jerk(np.clip(np.minimum(t, 1 - t) / EASE, 0, 1))
    return sum((marker(name, held, SIGN_TURNS * t) for name in face), still(len(t)))


def envelope(frames: int, start: int, stop: int, fps: float) -> np.ndarray:
    """(frames,) 1 inside [start, stop), eased to 0 outside within ``EASE`` seconds."""
    t = np.arange(frames)
    return minimum_jerk(np.clip(np.minimum(t - start, stop - 1 - t) / (EASE * fps) + 1, 0, 1))


def sentence_tracks(kind: str, start: int, stop: int, fps: float, already: Tracks) -> Tracks:
    """The markers of one of ``SENTENCES`` over the frames [start, stop), as what is to come on top of ``already``.

    Raises ``KeyError`` for another kind.
    """
    markers, replaced = SENTENCES[kind]
    held = envelope(len(already), start, stop, fps)
    turns = np.clip(np.arange(len(already)) - start + EASE * fps, 0, None) / fps * RATE
    return sum((marker(name, held, turns) for name in markers), still(len(already), **{t: -held * getattr(already, t) for t in replaced}))


def _eyes(xyz: np.ndarray) -> np.ndarray:
    """(T, 2, 3) the point of each eye, right and left, that stays when its lids shut."""
    result: np.ndarray = xyz[:, LIDS].swapaxes(2, 3) @ np.array([1 - LID_SHARE, LID_SHARE])
    return result


def face_axes(xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (T, 3): the face's own left and up, from lids and lip corners; NaN where these are missing."""
    eyes, mouth = _eyes(xyz), xyz[:, CORNERS].mean(1)

    def length(v: np.ndarray) -> np.ndarray:
        result: np.ndarray = v / np.linalg.norm(v, axis=-1, keepdims=True)
        return result

    left, up = length(eyes[:, 1] - eyes[:, 0]), eyes.mean(1) - mouth
    return left, length(up - left * (left * up).sum(-1, keepdims=True))


def measure(poses: PoseSequence) -> Tracks:
    """The brows, the frown and the head's turn that are already in a sequence, against its first frame; other tracks are 0.

    What cannot be seen counts as at rest.
    """
    xyz = poses.xyz.astype(float)
    left, up = face_axes(xyz)
    height = (xyz[:, BROWS] - _eyes(xyz).mean(1)[:, None, None]).mean(1) @ up[:, :, None]            # (T, 5, 1)
    inner, outer = (height - height[:1])[:, [0, 4], 0].T
    frown = (outer - inner) / (LOWER * (FROWN[0] - FROWN[4]))
    turn = np.degrees(np.arctan2(-left[:, 2], left[:, 0]))
    return still(len(poses), brows=np.nan_to_num((inner + LOWER * FROWN[0] * frown) / RAISE), frown=np.nan_to_num(frown),
                 shake=np.nan_to_num(turn - turn[:1]))


def apply(poses: PoseSequence, tracks: Tracks) -> PoseSequence:
    """The sequence with its face and head moved: what the tracks say comes on top of what they do already.

    The head turns about the neck, so that the bone from there to the nose keeps its length. signer70 has no iris: the upper lids
    and, a little, the head go where the eyes look.
    """
    xyz = poses.xyz.astype(float)
    left, up = face_axes(xyz)

    def along(amount: np.ndarray, axis: np.ndarray) -> np.ndarray:
        result: np.ndarray = amount[:, None, None] * axis[:, None]                                     # (T, 1, 3)
        return result

    frown = along(LOWER * tracks.frown, up), along(TOGETHER * tracks.frown, left)
    wider = along(tracks.mouth_wide * np.where(tracks.mouth_wide > 0, MOUTH_WIDE, MOUTH_ROUND) / 2, left)
    for side, brow, (upper, lower), corner in zip((-1, 1), BROWS, LIDS, CORNERS):                          # right, left
        xyz[:, brow] += along(RAISE * tracks.brows, up) - FROWN[:, None] * (frown[0] + side * frown[1])
        shut = (SHUT * np.minimum(tracks.lids - LID_FOLLOWS * tracks.gaze_y, 1))[:, None] * (xyz[:, upper] - xyz[:, lower])
        xyz[:, upper] -= LID_SHARE * shut
        xyz[:, lower] += (1 - LID_SHARE) * shut
        xyz[:, [corner]] += side * wider
    opened = along(MOUTH_OPEN * tracks.mouth_open, up)
    xyz[:, UPPER_LIP] += (1 - LOWER_LIP_SHARE) * opened
    xyz[:, LOWER_LIP] -= LOWER_LIP_SHARE * opened
    degrees = np.stack([tracks.shake + GAZE_TURN * tracks.gaze_x, tracks.nod - GAZE_NOD * tracks.gaze_y, -tracks.tilt], axis=-1)
    turn = Rotation.from_euler("YXZ", degrees, degrees=True).as_matrix()
    neck = np.nan_to_num(xyz[:, [_J("neck")]])
    xyz[:, HEAD] = (xyz[:, HEAD] - neck) @ turn.transpose(0, 2, 1) + neck
    return replace(poses, xyz=xyz)
