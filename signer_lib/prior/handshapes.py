"""Handshapes: named ones as joint angles from YAML, and any other from its phonological features. [ours]

A handshape is (21,) degrees in the order of ``kinematics``. Its features are ASL-LEX 2.0's: SelectedFingers, Flexion, Spread,
ThumbPosition, ThumbContact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from signer_lib.assets import DATA
from signer_lib.prior.body import load_body
from signer_lib.prior.kinematics import HAND_LIMITS
from signer_lib.prior.strict import Fields, read_mapping

LEXICON = DATA / "lexicon"
LETTERS = {"i": 0, "m": 1, "r": 2, "p": 3}                # fingers as ASL-LEX writes them (p: pinky); "t" alone is the thumb
SELECTED = ("i", "m", "r", "p", "t", "im", "ip", "mr", "imr", "imp", "mrp", "imrp")
HAND = ("index", "middle", "ring", "little", "thumb")
ANGLES = dict.fromkeys(HAND[:4], ("mcp", "pip", "dip", "spread")) | {"thumb": ("radial", "palmar", "oppose", "mcp", "ip")}
OPEN, CLOSED = (0, 4, 3), (84, 102, 58)
FLEXIONS = {                                              # [mcp, pip, dip] of a selected finger: by itself, and meeting the thumb
    "FullyOpen": (OPEN, OPEN), "Curved": ((32, 44, 25), (52, 62, 36)), "Flat": ((72, 10, 6), (70, 33, 20)),
    "Bent": ((10, 80, 46), (36, 92, 52)), "FullyClosed": (CLOSED, CLOSED), "Stacked": (OPEN, OPEN), "Crossed": (OPEN, OPEN),
}
STACK = ((0, 4, 3), (46, 10, 6), (62, 20, 12), (74, 30, 18))     # of stacked fingers each is lower than the one before
TOGETHER, APART = (-2, 0, 2, 5), (10, 2, -7, -17)
PAIR_TOGETHER, PAIR_APART = (-3, 2), (11, -11)
CROSS = ((14, 6, 4, -9), (2, 6, 4, 12))
THUMBS = {                                                # [radial, palmar, oppose, mcp, ip]
    "aside": (62, 12, 0, -4, -8), "abreast": (22, 8, 0, 4, 0), "spread": (52, 14, 0, 0, -6), "opposed": (60, 59, 11, 37, 34),
    "curved": (44, 32, 30, 8, 12), "over the palm": (20, 37, 24, 60, 80), "over the fingers": (42, 60, 28, 53, 50),
    "meeting": (62, 50, 28, 34, 42),
}
FINGER_GAP = 0.06                                         # shoulder widths between the middles of two tips that touch


@dataclass(frozen=True)
class Features:
    """A handshape by its features: ``selected`` fingers ("im"), their ``flexion`` and ``spread``, the ``thumb``'s position, Open
    or Closed, and whether it is in ``contact`` with them.
    """

    selected: str
    flexion: str = "FullyOpen"
    spread: bool = False
    thumb: str = "Closed"
    contact: bool = False

    def __str__(self) -> str:
        """Its canonical spelling, a handshape's name too: ``im:Flat:spread:closed``."""
        return ":".join([self.selected, self.flexion, *["spread"] * self.spread, self.thumb.lower(), *["contact"] * self.contact])


class Handshapes(dict[str, np.ndarray]):
    """Name -> (21,) degrees; the canonical spelling of features is a name as well."""

    def __missing__(self, name: str) -> np.ndarray:
        return angles_of(spelled(name))


def spelled(name: str) -> Features:
    """The features of a canonical spelling. Raises ``KeyError`` for any other name."""
    selected, flexion, *rest = name.split(":") if ":" in name else (name, "")
    for thumb in ("Open", "Closed"):
        features = Features(selected, flexion, "spread" in rest, thumb, "contact" in rest)
        if selected in SELECTED and flexion in FLEXIONS and str(features) == name:
            return features
    raise KeyError(name)


def read_features(f: Fields) -> Features:
    """Features from a mapping. Raises ``SignerError`` for a wrong field."""
    for field in ("spread", "contact"):
        if not isinstance(f.spec.get(field, False), bool):
            f.fail(field, f"must be true or false, not {f.spec[field]!r}")
    return Features(f.needed("selected", "choice of fingers", SELECTED), f.name("flexion", "flexion", FLEXIONS, default="FullyOpen"),
                    f.spec.get("spread", False), f.name("thumb", "position", ("Open", "Closed"), default="Closed"), f.spec.get("contact", False))


def shape_names(f: Fields, known: Iterable[str], most: int = 2) -> tuple[str, ...]:
    """The field ``handshape``: one or (start, end), each a known name, a canonical spelling or a mapping of features."""
    values = f.spec["handshape"] if isinstance(f.spec["handshape"], list) else [f.spec["handshape"]]
    if isinstance(f.spec["handshape"], list) and (len(values) != 2 or most < 2):
        f.fail("handshape", f"give one handshape{' or two, [start, end]' * (most > 1)}, not {len(values)}")
    return tuple(_shape_name(f, value, known) for value in values)


def _shape_name(f: Fields, value: object, known: Iterable[str]) -> str:
    if isinstance(value, dict):
        return str(read_features(Fields(f"{f.where}, handshape", value, Features.__dataclass_fields__, ("selected",))))
    try:
        return str(spelled(str(value)))
    except KeyError:
        return f.known("handshape", value, "handshape", known)


@lru_cache(maxsize=1024)
def angles_of(features: Features) -> np.ndarray:
    """(21,) degrees of a handshape given by features.

    Fingers that are not selected are closed; they are open where the selected ones come to the thumb and leave the index open or
    round off with it (F, 8), or are closed themselves.
    """
    chosen = [LETTERS[letter] for letter in features.selected if letter != "t"]
    ring = features.contact and features.flexion in ("Curved", "Flat") and len(chosen) == 1 and (features.flexion == "Curved" or chosen != [0])
    others = OPEN if ring or chosen == [1] and features.flexion != "FullyOpen" else CLOSED
    fingers = np.array([[*others, lean] for lean in (APART if others is OPEN else TOGETHER)], float)
    pair = chosen == [0, 1]
    leans = PAIR_TOGETHER if pair else TOGETHER
    if features.spread:
        leans = PAIR_APART if pair else APART
    for finger, lean in zip(chosen, leans if pair else [leans[k] for k in chosen]):
        fingers[finger, :3] = FLEXIONS[features.flexion][features.contact]
        fingers[finger, 3] = 0 if len(chosen) == 1 and others is CLOSED else lean
        if features.flexion == "Stacked":
            fingers[finger, :3] = STACK[finger]
        elif features.flexion == "Crossed" and finger < 2:
            fingers[finger] = CROSS[finger]
    thumb = np.array(THUMBS[_thumb(features, chosen)])
    if features.contact and chosen and features.flexion not in ("FullyOpen", "FullyClosed"):
        thumb = _meeting(fingers, chosen)
    angles = np.concatenate([fingers.ravel(), thumb])
    angles.flags.writeable = False
    return angles


def _thumb(features: Features, chosen: list[int]) -> str:
    all_fingers = len(chosen) == 4
    if features.thumb == "Closed":
        return "over the palm" if all_fingers and features.flexion not in ("FullyClosed", "Bent") else "over the fingers"
    if features.flexion == "Curved":
        return "curved" if features.spread and all_fingers else "opposed"
    if all_fingers and features.flexion != "FullyClosed":
        return "spread" if features.spread or features.flexion == "Stacked" else "abreast"
    return "aside"


_body = lru_cache(load_body)                               # reading it takes longer than a thumb


def _meeting(fingers: np.ndarray, chosen: list[int]) -> np.ndarray:
    """(5,) degrees of the thumb whose tip is a finger's thickness in front of the selected tips."""
    body, guess = _body(), np.array(THUMBS["meeting"], float)

    def gap(thumb: np.ndarray) -> np.ndarray:
        hand = body.hand_points(np.concatenate([fingers.ravel(), thumb])[None])[0]
        tips = hand[[8 + 4 * k for k in chosen]]
        return np.append((thumb - guess) / 400, 10 * (np.linalg.norm(hand[4] - tips.mean(0)) - FINGER_GAP))

    result: np.ndarray = least_squares(gap, guess, bounds=HAND_LIMITS[16:].T).x.round()
    return result


@lru_cache(maxsize=8)
def load_handshapes(path: Path = LEXICON / "handshapes.yaml", fitted: bool = True) -> Handshapes:
    """Name -> (21,) degrees. A handshape is angles for each finger, or features.

    fitted  take those of ``handshapes_fitted.yaml`` beside the file, if there is one, in place of the designed ones.

    Raises ``SignerError`` for a wrong file or an impossible joint.
    """
    beside = Path(path).with_name("handshapes_fitted.yaml")
    return Handshapes(_read(Path(path)) | (_read(beside) if fitted and beside.exists() else {}))


def _read(path: Path) -> dict[str, np.ndarray]:
    shapes = {}
    joints = [(finger, angle) for finger in HAND for angle in ANGLES[finger]]
    top = Fields(str(path), read_mapping(path), ("handshapes",), ("handshapes",))
    for name, spec in Fields(str(path), top.spec["handshapes"], top.spec["handshapes"]).spec.items():
        where = f"{path}, handshape {name}"
        if isinstance(spec, dict) and "selected" in spec:
            shapes[str(name)] = angles_of(read_features(Fields(where, spec, Features.__dataclass_fields__)))
            continue
        f = Fields(where, spec, HAND, HAND)
        for finger, angles in f.spec.items():
            wanted = ANGLES[finger]
            if not isinstance(angles, list) or len(angles) != len(wanted) or not all(type(a) in (int, float) for a in angles):
                f.fail(finger, f"needs {len(wanted)} angles in degrees, [{', '.join(wanted)}], not {angles!r}")
        shapes[str(name)] = np.array([a for finger in HAND for a in spec[finger]], float)
        for (finger, angle), value, (low, high) in zip(joints, shapes[str(name)], HAND_LIMITS):
            if not low <= value <= high:
                f.fail(finger, f"{angle} of {value:g} degrees is outside the joint's limits, {low:g} to {high:g}")
    return shapes


def handshapes_of(folder: Path) -> Handshapes:
    """The handshapes of a lexicon's folder: its own handshapes.yaml, or the shipped ones."""
    own = Path(folder) / "handshapes.yaml"
    return load_handshapes(own if own.exists() else LEXICON / "handshapes.yaml")
