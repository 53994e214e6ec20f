"""The exercises of notebook 02: a finger, the low-pass, depth from bones, dynamic time warping, recognition, a minimal pair.

What is right is the library's function wherever there is one; the usual mistakes are wrong variants of it, known by their results.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.signal import butter, sosfilt, sosfiltfilt

from signer_lib.errors import SignerError
from signer_lib.exercises.checking import Exercise, Mistake
from signer_lib.metrics.dtw import dtw_path
from signer_lib.pose.motion import jerk, zero_phase
from signer_lib.prior.body import Body, load_body
from signer_lib.prior.checks import LARGEST_GAP, arms, check_poses
from signer_lib.prior.compiler import compile_sign
from signer_lib.prior.kinematics import METACARPALS, hand_frame, hand_points, hand_rotation, unit
from signer_lib.prior.neighbours import differing
from signer_lib.prior.phonology import Compound, Sign, load_signs
from signer_lib.prior.strict import vector

FPS = 25.0


# --- 2.1, forward kinematics -------------------------------------------------------------------------------------------------
def finger(lengths: np.ndarray, knuckle: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """The index finger of ``kinematics.hand_points``: lengths (4,), knuckle (3,), degrees (4,) mcp, pip, dip, lean -> (5, 3)."""
    bones, angles = np.ones((5, 4)), np.zeros((1, 21))
    bones[1], angles[0, :4] = lengths, degrees
    return hand_points(bones, angles)[0, [0, 5, 6, 7, 8]]


def _finger(lengths: np.ndarray, knuckle: np.ndarray, degrees: np.ndarray, *, unit_of: Callable[[np.ndarray], np.ndarray] = np.radians,
            summed: bool = True, chained: bool = True, lean: bool = True, out: float = 1.0) -> np.ndarray:
    angles = unit_of(np.asarray(degrees, float))
    bend, side = np.cumsum(angles[:3]) if summed else angles[:3], angles[3] * lean
    ways = np.stack([np.sin(side) * np.cos(bend), np.cos(side) * np.cos(bend), out * np.sin(bend)], -1)
    bones = np.vstack([knuckle, ways]) * lengths[:, None]
    return np.vstack([np.zeros(3), np.cumsum(bones, axis=0) if chained else bones])


LENGTHS, KNUCKLE = np.array([0.24, 0.12, 0.07, 0.06]), unit(METACARPALS[1])

check_finger = Exercise(
    "2.1", "From angles to points", "easy", 15, finger,
    lambda: {"straight": (LENGTHS, KNUCKLE, np.zeros(4)), "bent": (LENGTHS, KNUCKLE, np.array([40.0, 60.0, 30.0, 0.0])),
             "leaning": (LENGTHS, KNUCKLE, np.array([20.0, 50.0, 10.0, 15.0]))},
    "the same as kinematics.hand_points",
    "radians, the sum of the bends so far, a direction for each bone times its length, and the sum of the bones so far",
    (Mistake("the angles are degrees (hint: np.radians before sin and cos)", lambda *given: _finger(*given, unit_of=lambda angle: angle)),
     Mistake("each bone is bent by its own joint alone (hint: a joint carries all bones behind it: np.cumsum of the bends)",
             lambda *given: _finger(*given, summed=False)),
     Mistake("each bone starts at the wrist (hint: a bone starts where the one before it ends: np.cumsum of the bones)",
             lambda *given: _finger(*given, chained=False)),
     Mistake("the lean to the side has no effect (hint: sigma turns the whole finger, sin sigma goes to x)",
             lambda *given: _finger(*given, lean=False)),
     Mistake("the finger bends to the back of the hand (hint: z points out of the palm, plus sin of the bend)",
             lambda *given: _finger(*given, out=-1))))


# --- 2.2, three bugs ---------------------------------------------------------------------------------------------------------
def _low_pass(path: np.ndarray, fps: float, cutoff: float, *, delayed: bool, halved: bool, across: bool) -> np.ndarray:
    sos, axis = butter(2, cutoff / fps, output="sos") if halved else butter(2, cutoff, fs=fps, output="sos"), -1 if across else 0
    if delayed:
        return np.asarray(sosfilt(sos, path, axis=axis))
    return np.asarray(sosfiltfilt(sos, path, axis=axis, padlen=min(9, path.shape[axis] - 1)))


BUGS = {"delayed": "it runs forwards only, so the hand comes late", "halved": "the cut-off is half of what it should be (Wn is a share of fps / 2)",
        "across": "it filters over x, y, z and not over time"}


def _with_bugs(present: tuple[bool, bool, bool]) -> Mistake:
    bugs = dict(zip(BUGS, present))
    left = [text for name, text in BUGS.items() if bugs[name]]
    return Mistake(f"{len(left)} of 3 bugs left: {'; '.join(left)} (hint: look up sosfiltfilt, fs= and axis=)",
                   lambda path, fps, cutoff: _low_pass(path, fps, cutoff, **bugs))


def shaking(seconds: float = 2.0, fps: float = FPS, tremble: float = 0.015, seed: int = 0) -> np.ndarray:
    """A wrist (T, 3), shoulder widths, that goes round once a second and trembles: made, not recorded."""
    t = np.arange(round(seconds * fps)) / fps
    way = np.stack([0.3 * np.sin(2 * np.pi * t), 0.2 * np.cos(2 * np.pi * t), 0.4 + 0 * t], -1)
    return way + tremble * np.random.default_rng(seed).standard_normal(way.shape)


check_low_pass = Exercise(
    "2.2", "Three bugs in a low-pass", "medium", 20, zero_phase,
    lambda: {"25 frames a second, 6 Hz": (shaking(), FPS, 6.0), "50 frames a second, 3 Hz": (shaking(fps=50.0), 50.0, 3.0)},
    "the same as motion.zero_phase: nothing late, nothing blurred too much, each axis by itself",
    "butter(2, cutoff, fs=fps, output='sos') and sosfiltfilt over axis 0 with padlen=9",
    tuple(_with_bugs((a, b, c)) for a, b, c in product((True, False), repeat=3) if a or b or c))


# --- 2.3, jerk against distance moved ----------------------------------------------------------------------------------------
def trade(path: np.ndarray, fps: float, cutoffs: list[float]) -> np.ndarray:
    """path (T, 3) -> (n, 2) for each cut-off: how many times less jerk, and how far the points moved on average (shoulder widths)."""
    steady = [zero_phase(path, fps, cutoff) for cutoff in cutoffs]
    return np.array([[jerk(path[:, None], fps) / jerk(one[:, None], fps), np.linalg.norm(one - path, axis=-1).mean()] for one in steady])


def _trade(path: np.ndarray, fps: float, cutoffs: list[float], size: Callable[[np.ndarray], Any], order: int = 3) -> np.ndarray:
    steady = [zero_phase(path, fps, cutoff) for cutoff in cutoffs]
    return np.array([[size(np.diff(path, order, axis=0)) / size(np.diff(one, order, axis=0)), size(one - path)] for one in steady])


def _length(x: np.ndarray) -> Any:
    return np.linalg.norm(x, axis=-1).mean()


CUTOFFS = [1.5, 3.0, 6.0, 9.0]

check_trade = Exercise(
    "2.3", "Smooth, or where the signer was?", "easy", 15, trade,
    lambda: {"two seconds": (shaking(), FPS, CUTOFFS), "50 frames a second": (shaking(fps=50.0), 50.0, CUTOFFS)},
    "the same as motion.jerk and motion.zero_phase give",
    "mean length of np.diff(path, 3, axis=0), before over after; mean length of what each point moved",
    (Mistake("these are accelerations (hint: jerk is the third derivative, np.diff(path, 3, axis=0))",
             lambda path, fps, cutoffs: _trade(path, fps, cutoffs, _length, 2)),
     Mistake("the ratio is upside down (hint: jerk before over jerk after, so that more is steadier)",
             lambda path, fps, cutoffs: trade(path, fps, cutoffs) ** [-1, 1]),
     Mistake("x, y, z are averaged one by one (hint: the length of each difference first, np.linalg.norm(..., axis=-1), then the mean)",
             lambda path, fps, cutoffs: _trade(path, fps, cutoffs, lambda x: abs(x).mean())),
     Mistake("what was moved is a sum over the frames (hint: the mean, or a long clip looks worse)",
             lambda path, fps, cutoffs: trade(path, fps, cutoffs) * [1, len(path)])))


# --- 2.4, depth from bones ---------------------------------------------------------------------------------------------------
SIGNS = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])


def readings(arm: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """arm (T, 3, 2) shoulder, elbow, wrist in the picture, lengths (2,) -> (T, 4, 2) depths of elbow and wrist before the shoulder.

    The four ways to read it, in the order of ``SIGNS``: upper arm and forearm towards the camera (+) or away from it (-). [ours]
    """
    drawn = np.linalg.norm(np.diff(arm, axis=1), axis=-1)                                         # (T, 2)
    reach = np.sqrt(np.maximum(np.asarray(lengths) ** 2 - drawn ** 2, 0))
    return np.asarray(np.cumsum(reach[:, None] * SIGNS, axis=-1))


def _readings(arm: np.ndarray, lengths: np.ndarray, *, clip: bool = True, root: bool = True, chained: bool = True,
              signs: np.ndarray = SIGNS) -> np.ndarray:
    square = lengths ** 2 - (np.diff(arm, axis=1) ** 2).sum(-1)
    square = np.maximum(square, 0) if clip else square
    depth = (np.sqrt(square) if root else square)[:, None] * signs
    return np.asarray(np.cumsum(depth, axis=-1) if chained else depth)


def drawn_arm(gloss: str = "LEARN") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The right arm of a compiled sign: its picture (T, 3, 2), the lengths of its bones (2,), the true depths of elbow and wrist (T, 2)."""
    body = load_body()
    arm = arms(compile_sign(load_signs()[gloss], body))["right"][:, :3]
    return arm[..., :2], np.array([body.upper_arm, body.forearm]), arm[:, 1:, 2] - arm[:, :1, 2]


def _arms() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    picture, lengths, _ = drawn_arm()
    return {"LEARN, as it is drawn": (picture, lengths), "a shorter body: bones that look too long": (picture, 0.8 * lengths)}


check_readings = Exercise(
    "2.4", "Depth from bones of constant length", "medium", 15, readings, _arms,
    "all four readings of the arm; the next cell asks which of them is the true one",
    "sqrt(L^2 - d^2), 0 where d is longer than L; the wrist's depth is the elbow's plus the forearm's",
    (Mistake("there are NaNs where a bone is drawn longer than it is (hint: np.maximum(L ** 2 - d ** 2, 0) before the root)",
             lambda arm, lengths: _readings(arm, lengths, clip=False)),
     Mistake("the root is missing (hint: Pythagoras: depth = sqrt(L^2 - d^2))", lambda arm, lengths: _readings(arm, lengths, root=False)),
     Mistake("the wrist's depth is counted from the elbow (hint: add the elbow's depth)",
             lambda arm, lengths: _readings(arm, lengths, chained=False)),
     Mistake("the readings come in another order (hint: (+,+), (+,-), (-,+), (-,-), upper arm first)",
             lambda arm, lengths: _readings(arm, lengths, signs=SIGNS[:, ::-1])),
     Mistake("the depth is L - d (hint: a right angle: L^2 = d^2 + depth^2)",
             lambda arm, lengths: np.cumsum(np.maximum(lengths - np.linalg.norm(np.diff(arm, axis=1), axis=-1), 0)[:, None] * SIGNS, axis=-1))))


# --- 2.5, dynamic time warping -----------------------------------------------------------------------------------------------
def warped(cost: np.ndarray) -> tuple[float, list[tuple[int, int]]]:
    """``metrics.dtw.dtw_path``: cost (T, U) -> the cheapest way's cost, and its cells."""
    total, path = dtw_path(cost)
    return total, [(int(i), int(j)) for i, j in path]


def _warped(cost: np.ndarray, *, diagonal: float = 1.0, first: bool = True) -> tuple[float, list[tuple[int, int]]]:
    reached = np.full(cost.shape, np.inf)
    came: dict[tuple[int, int], tuple[int, int]] = {}
    for i, j in np.ndindex(*cost.shape):
        ways = [(reached[a, b] + cost[i, j] * weight, (a, b))
                for a, b, weight in ((i - 1, j - 1, diagonal), (i - 1, j, 1), (i, j - 1, 1)) if a >= 0 and b >= 0]
        reached[i, j], came[i, j] = min(ways) if ways else (cost[0, 0] * first, (0, 0))
    path = [(cost.shape[0] - 1, cost.shape[1] - 1)]
    while path[-1] != (0, 0):
        path.append(came[path[-1]])
    return float(reached[-1, -1]), path[::-1]


def _greedy(cost: np.ndarray) -> tuple[float, list[tuple[int, int]]]:
    path, last = [(0, 0)], (cost.shape[0] - 1, cost.shape[1] - 1)
    while path[-1] != last:
        i, j = path[-1]
        path.append(min(((a, b) for a, b in ((i + 1, j + 1), (i + 1, j), (i, j + 1)) if a <= last[0] and b <= last[1]), key=lambda cell: cost[cell]))
    return float(sum(cost[cell] for cell in path)), path


def _costs(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.05, 1, (rows, columns))


check_dtw = Exercise(
    "2.5", "Dynamic time warping", "hard", 30, warped,
    lambda: {"one frame": (np.array([[0.5]]),), "5 frames and 7": (_costs(5, 7, 1),), "9 frames and 6": (_costs(9, 6, 2),),
             "one against four": (_costs(1, 4, 3),)},
    "the same ways and costs as metrics.dtw.dtw_path",
    "D[i, j] = cost[i, j] + min(D[i-1, j-1], D[i-1, j], D[i, j-1]); then walk back from the last cell to the first",
    (Mistake("this is a greedy way, which takes the cheapest next cell (hint: the cheapest way to each cell, then walk back)", _greedy),
     Mistake("the diagonal step is missing (hint: both sequences may go on together)", lambda cost: _warped(cost, diagonal=np.inf)),
     Mistake("the diagonal step costs twice (hint: each cell of the way counts once)", lambda cost: _warped(cost, diagonal=2.0)),
     Mistake("the first cell's cost is missing (hint: both ends are included)", lambda cost: _warped(cost, first=False)),
     Mistake("the way runs backwards (hint: turn it round, from (0, 0) to the last cell)", lambda cost: (warped(cost)[0], warped(cost)[1][::-1])),
     Mistake("the cost is divided by the way's length (hint: the sum)", lambda cost: (warped(cost)[0] / len(warped(cost)[1]), warped(cost)[1]))))


# --- 2.6, recognition by prototypes ------------------------------------------------------------------------------------------
def _apart(clips: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.asarray(((clips[:, None] - rows) ** 2).mean(-1))


def nearest(clips: np.ndarray, prototypes: np.ndarray, turned: np.ndarray, k: int,
            both: Callable[[np.ndarray, np.ndarray], np.ndarray] = np.minimum) -> np.ndarray:
    """clips (N, F), prototypes and their mirror images (P, F) -> (N, k) the nearest prototypes, best first, as ``metrics.recognition`` does.

    ``both`` makes one distance of the two; another one than the smaller is a mistake.
    """
    return np.asarray(both(_apart(clips, prototypes), _apart(clips, turned)).argsort(1)[:, :k])


def _with(both: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda clips, prototypes, turned, k: nearest(clips, prototypes, turned, k, both)


def _features(prototypes: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Random features; half of the clips are mirror images."""
    rng = np.random.default_rng(seed)
    straight, turned = rng.standard_normal((2, prototypes, 12))
    clips = np.concatenate([straight, turned]) + rng.standard_normal((2 * prototypes, 12))
    return clips, straight, turned, 3


check_nearest = Exercise(
    "2.6", "Recognised by the nearest prototype", "medium", 15, nearest,
    lambda: {"6 prototypes": _features(6, 1), "9 prototypes": _features(9, 2)},
    "the same as metrics.recognition finds",
    "mean squared distances (N, P) to each prototype and to its mirror image, the smaller of the two, argsort along the prototypes",
    (Mistake("these are the farthest prototypes (hint: a small distance is near: argsort without minus)",
             _with(lambda a, b: -np.minimum(a, b))),
     Mistake("mirror images are not tried (hint: some signers are left-handed: take the smaller of the two distances)",
             _with(lambda a, b: a)),
     Mistake("both distances are added (hint: a clip is right-handed or left-handed: np.minimum)",
             _with(lambda a, b: a + b)),
     Mistake("the larger of the two distances is taken (hint: np.minimum)", _with(np.maximum)),
     Mistake("all right, but in the wrong order (hint: the nearest comes first)", lambda *given: nearest(*given)[:, ::-1]),
     Mistake("the clips nearest to each prototype are asked for, not the prototypes nearest to each clip (hint: argsort along axis 1)",
             lambda clips, prototypes, turned, k: nearest(prototypes, clips, clips, k))))


# --- 2.7, a minimal pair -----------------------------------------------------------------------------------------------------
LARGEST_TURN = 15.0                      # degrees between how a hand was described and how the arm could hold it [ours]


def read_description(description: Mapping[str, Any]) -> Sign | Compound:
    """A sign's description as its YAML would say it, read as the lexicon's are; ``SignerError`` names what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "signs.yaml").write_text(yaml.safe_dump({"MY-SIGN": dict(description)}, sort_keys=False), encoding="utf-8")
        try:
            return load_signs(Path(folder))["MY-SIGN"]
        except SignerError as error:
            raise SignerError(str(error).split("sign MY-SIGN")[-1].lstrip(":, ")) from None


def turned_away(sign: Sign, body: Body) -> float:
    """Degrees between the turn of the right hand that was described and the one that the compiled arm holds, the most over the frames."""
    hand = arms(compile_sign(sign, body))["right"][:, 3:]
    wanted = hand_frame(vector(sign.palm[0]), vector(sign.fingers[0]))
    between = np.swapaxes(hand_rotation(body.hand, hand), 1, 2) @ wanted
    return float(np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1))).max())


def of_a_pair(description: Any, gloss: str, parameter: str) -> str | None:
    """What keeps a description from being a minimal pair with a sign of the lexicon in ``parameter`` that an arm can sign; None if nothing does."""
    if not isinstance(description, Mapping):
        return f"a dictionary of the sign's fields is wanted, not {type(description).__name__}"
    try:
        sign = read_description(description)
    except SignerError as error:
        return f"the reader says: {error}"
    known = load_signs()[gloss]
    if not isinstance(sign, Sign) or not isinstance(known, Sign):
        return "a compound has no parameters of its own (hint: describe one sign)"
    differ = differing(asdict(known), asdict(sign))
    if not differ:
        return f"this is {gloss} itself (hint: change the {parameter})"
    if parameter not in differ:
        return f"it differs from {gloss} in {', '.join(differ)} (hint: in the {parameter} alone)"
    if len(differ) > 1:
        return f"it differs from {gloss} in more than one parameter: {', '.join(differ)} (hint: take {gloss}'s for all but the {parameter})"
    body = load_body()
    found, away = check_poses(compile_sign(sign, body), body, sign), turned_away(sign, body)
    if isinstance(found["contact_gap"], float) and found["contact_gap"] > LARGEST_GAP:
        return f"{found['contact_gap']:.2f} shoulder widths are left where the hand should touch (hint: a place that this hand reaches)"
    if away > LARGEST_TURN:
        return f"the arm cannot hold the hand there as {gloss} does: it is turned by {away:.0f} degrees (hint: a place nearer to {gloss}'s)"
    return None


def _father(**changes: Any) -> dict[str, Any]:
    return {"type": "one-handed", "handshape": "5", "palm": "left", "fingers": "up", "location": "forehead", "contact": "thumb-tip",
            "movement": {"path": "tap", "direction": "back", "size": 0.08, "repeat": 2}} | changes


check_pair = Exercise(
    "2.7", "A minimal pair of your own", "medium", 20, lambda: _father(location="temple"),
    lambda: {"FATHER": ()},
    "one parameter differs, the hand touches, and the arm holds it as it was described",
    "start from the lexicon's description of FATHER and change one field",
    (Mistake("this is FATHER itself", lambda: _father()),
     Mistake("it differs from FATHER in more than one parameter: orientation, location",
             lambda: _father(palm="left-back", fingers="up-up-left", location="chin")),
     Mistake("it differs from FATHER in handshape (hint: in the location alone)", lambda: _father(handshape="10")),
     Mistake("the reader says: field 'location': unknown place 'forhead'; did you mean forehead", lambda: _father(location="forhead")),
     Mistake("the reader says: the field 'palm' is missing", lambda: {k: v for k, v in _father().items() if k != "palm"}),
     Mistake("the arm cannot hold the hand there as FATHER does", lambda: _father(location="stomach")),
     Mistake("a dictionary of the sign's fields is wanted", lambda: "FATHER at the temple")),
    accept=lambda description: of_a_pair(description, "FATHER", "location"))
