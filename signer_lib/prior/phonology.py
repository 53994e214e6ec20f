"""The phonological description of signs: typed, and read strictly from YAML. [ours]

The vocabulary follows ASL-LEX 2.0's: handshape, orientation, location, contact, movement, repetition, sign type, base hand.
Directions are the signer's own; ``-same`` is the side of the moving hand, ``-other`` the other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.prior.kinematics import HEAD_PLACES, SPACE_PLACES, TORSO_PLACES

LEXICON = DATA / "lexicon"
AXES = {"up": (0, 1, 0), "down": (0, -1, 0), "left": (1, 0, 0), "right": (-1, 0, 0), "front": (0, 0, 1), "back": (0, 0, -1)}
ARM_PLACES = ("arm-other", "elbow-other", "wrist-other")
BASE_PLACES = ("base-palm", "base-back", "base-fingertips", "base-thumb-side", "base-wrist")
PLACES = (*HEAD_PLACES, *TORSO_PLACES, *SPACE_PLACES, *ARM_PLACES, *BASE_PLACES)
CONTACTS = ("fingertips", "index-tip", "middle-tip", "thumb-tip", "little-tip", "palm", "heel", "knuckles", "back",
            "thumb-side", "little-side", "wrist")
TYPES = ("one-handed", "symmetric", "alternating", "base-hand")
PATHS = ("straight", "arc", "circle", "tap", "zigzag", "none")
PLANES = ("front", "side", "floor")
HAND_MOVEMENTS = ("wiggle", "open-close", "bend", "twist", "nod", "shake")
FACES = ("brows-up", "brows-down", "head-shake", "nod")
FINGER_ANGLES, THUMB_ANGLES = ("mcp", "pip", "dip", "spread"), ("radial", "palmar", "oppose", "mcp", "ip")


@dataclass(frozen=True)
class Movement:
    """One stroke. ``size`` in shoulder widths (None: the path's usual size); ``direction``, ``bulge`` are direction names."""

    path: str = "none"
    plane: str = "front"
    direction: str | None = None
    bulge: str = "up"
    size: float | None = None
    repeat: int = 1
    hand: str | None = None


@dataclass(frozen=True)
class Base:
    """The still left hand of a base-hand sign; its directions and its place are meant literally, not mirrored."""

    handshape: str
    palm: str
    fingers: str
    location: str


@dataclass(frozen=True)
class Sign:
    """A sign; ``handshape``, ``palm``, ``fingers`` and ``location`` hold one name, or two: the start's and the end's."""

    gloss: str
    type: str
    handshape: tuple[str, ...]
    palm: tuple[str, ...]
    fingers: tuple[str, ...]
    location: tuple[str, ...]
    contact: str | None = None
    movement: Movement = Movement()
    base: Base | None = None
    duration: float = 700.0
    face: str | None = None


def vector(direction: str) -> np.ndarray:
    """The unit vector (3,) of a direction such as ``up`` or ``front-left``. Raises ``KeyError`` for an unknown one."""
    total = np.sum([AXES[part] for part in direction.split("-")], axis=0, dtype=float)
    if not total.any():
        raise KeyError(direction)
    return total / np.linalg.norm(total)


def _close(name: object, known: tuple[str, ...]) -> str:
    close = get_close_matches(str(name), known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"use one of {', '.join(known)}"


def _read(path: Path) -> dict:
    """A YAML file whose top level is a mapping."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise SignerError(f"{path} cannot be read: check that the file exists") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SignerError(f"{path}{where}: not valid YAML ({getattr(error, 'problem', None) or 'bad characters'})") from None
    if not isinstance(content, dict):
        raise SignerError(f"{path}: the top level must be a mapping of names to descriptions")
    return content


class _Fields:
    """Reads the fields of one mapping and says precisely what is wrong with them."""

    def __init__(self, where: str, spec: object, allowed: tuple[str, ...], required: tuple[str, ...] = ()):
        self.where, self.spec = where, spec
        if not isinstance(spec, dict):
            raise SignerError(f"{where}: expected a mapping of fields, not {spec!r}")
        for key in spec:
            if key not in allowed:
                raise SignerError(f"{where}: unknown field {key!r}; {_close(key, allowed)}")
        for key in required:
            if spec.get(key) is None:
                raise SignerError(f"{where}: the field {key!r} is missing")

    def fail(self, field: str, problem: str):
        raise SignerError(f"{self.where}, field {field!r}: {problem}")

    def name(self, field: str, known: tuple[str, ...], kind: str, default: str | None = None) -> str | None:
        value = self.spec.get(field)
        return default if value is None else self._known(field, value, known, kind)

    def names(self, field: str, known: tuple[str, ...], kind: str) -> tuple[str, ...]:
        """One name, or a list of two."""
        value = self.spec[field]
        if isinstance(value, list) and len(value) != 2:
            self.fail(field, f"give one {kind} or two, [start, end], not {len(value)}")
        return tuple(self._known(field, v, known, kind) for v in (value if isinstance(value, list) else [value]))

    def number(self, field: str, low: float, high: float, whole: bool = False, default: float | None = None) -> float | None:
        value = self.spec.get(field)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not low <= value <= high:
            self.fail(field, f"must be a {'whole ' if whole else ''}number from {low:g} to {high:g}, not {value!r}")
        return value

    def _known(self, field: str, value: object, known: tuple[str, ...], kind: str) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            self.fail(field, f"a {kind} is a name in quotes or plain text, not {value!r}")
        if kind == "direction":
            try:
                vector(str(value))
            except KeyError:
                self.fail(field, f"unknown direction {value!r}; use {', '.join(AXES)} or combine them, as in front-left")
        elif str(value) not in known:
            self.fail(field, f"unknown {kind} {value!r}; {_close(value, known)}")
        return str(value)


def _sign(where: str, gloss: str, spec: object, handshapes: tuple[str, ...]) -> Sign:
    fields = _Fields(where, spec, tuple(Sign.__dataclass_fields__)[1:], ("type", "handshape", "palm", "fingers", "location"))
    kind = fields.name("type", TYPES, "type")
    if (kind == "base-hand") != (fields.spec.get("base") is not None):
        fields.fail("base", "needed for the type base-hand" if kind == "base-hand" else "only for the type base-hand")
    places = PLACES if kind == "base-hand" else tuple(p for p in PLACES if p not in BASE_PLACES)
    location = fields.names("location", places, "place")
    base = None
    if kind == "base-hand":
        b = _Fields(f"{where}, base", fields.spec["base"], tuple(Base.__dataclass_fields__), tuple(Base.__dataclass_fields__))
        free = tuple(p for p in PLACES if p not in BASE_PLACES + ARM_PLACES)
        base = Base(b.name("handshape", handshapes, "handshape"), b.name("palm", (), "direction"),
                    b.name("fingers", (), "direction"), b.name("location", free, "place"))
    movement = _movement(f"{where}, movement", fields.spec.get("movement") or {}, len(location))
    if movement.hand == "open-close" and len(fields.names("handshape", handshapes, "handshape")) != 2:
        fields.fail("handshape", "open-close needs two handshapes, [start, end]")
    return Sign(gloss, kind, fields.names("handshape", handshapes, "handshape"), fields.names("palm", (), "direction"),
                fields.names("fingers", (), "direction"), location, fields.name("contact", CONTACTS, "contact"), movement, base,
                fields.number("duration", 100, 5000, default=700.0), fields.name("face", FACES, "face"))


def _movement(where: str, spec: object, places: int) -> Movement:
    m = _Fields(where, spec, tuple(Movement.__dataclass_fields__))
    path = m.name("path", PATHS, "path", default="straight" if places == 2 else "none")
    if (path == "tap" or path in ("straight", "arc") and places == 1) and m.spec.get("direction") is None:
        m.fail("direction", f"the path {path} needs a direction")
    return Movement(path, m.name("plane", PLANES, "plane", "front"), m.name("direction", (), "direction"),
                    m.name("bulge", (), "direction", "up"), m.number("size", 0, 2), m.number("repeat", 1, 8, True, 1),
                    m.name("hand", HAND_MOVEMENTS, "hand movement"))


@lru_cache(maxsize=8)
def load_handshapes(path: Path = LEXICON / "handshapes.yaml") -> dict[str, np.ndarray]:
    """Name -> (21,) degrees in the order of ``kinematics``. Raises ``SignerError`` for a wrong file or an impossible joint."""
    content = _Fields(str(path), _read(Path(path)), ("limits", "handshapes"), ("limits", "handshapes")).spec
    limit = lambda part, names: [content["limits"][part][n] for n in names]
    bounds = np.array(4 * limit("finger", FINGER_ANGLES) + limit("thumb", THUMB_ANGLES), float)                   # (21, 2)
    labels = [f"{f} {a}" for f in ("index", "middle", "ring", "little") for a in FINGER_ANGLES] + [f"thumb {a}" for a in THUMB_ANGLES]
    shapes = {}
    for name, spec in content["handshapes"].items():
        fields = _Fields(f"{path}, handshape {name}", spec, *[("index", "middle", "ring", "little", "thumb")] * 2)
        for finger, angles in fields.spec.items():
            wanted = THUMB_ANGLES if finger == "thumb" else FINGER_ANGLES
            if not isinstance(angles, list) or len(angles) != len(wanted) or not all(type(a) in (int, float) for a in angles):
                fields.fail(finger, f"needs {len(wanted)} angles in degrees, [{', '.join(wanted)}], not {angles!r}")
        angles = np.array(sum((spec[f] for f in ("index", "middle", "ring", "little", "thumb")), []), float)
        for k in np.flatnonzero((angles < bounds[:, 0]) | (angles > bounds[:, 1])):
            raise SignerError(f"{fields.where}: {labels[k]} of {angles[k]:g} degrees is outside the joint's limits "
                              f"{bounds[k, 0]:g} to {bounds[k, 1]:g}")
        shapes[str(name)] = angles
    return shapes


def handshapes_of(folder: Path) -> dict[str, np.ndarray]:
    """The handshapes of a lexicon's folder: its own handshapes.yaml, or the shipped one."""
    own = Path(folder) / "handshapes.yaml"
    return load_handshapes(own if own.exists() else LEXICON / "handshapes.yaml")


def load_signs(folder: Path = LEXICON) -> dict[str, Sign]:
    """All signs of ``signs*.yaml`` in ``folder``, by gloss.

    Raises ``SignerError`` naming file, sign and field.
    """
    handshapes = tuple(handshapes_of(folder))
    files = sorted(Path(folder).glob("signs*.yaml"))
    if not files:
        raise SignerError(f"no signs*.yaml in {folder}: give a folder with sign descriptions")
    signs: dict[str, Sign] = {}
    for file in files:
        for gloss, spec in _read(file).items():
            if not isinstance(gloss, str):
                raise SignerError(f'{file}: the gloss {gloss!r} must be text: write YES, NO, ON, OFF and numbers in quotes, as "NO":')
            if gloss in signs:
                raise SignerError(f"{file}, sign {gloss}: described twice; remove one of the two")
            signs[gloss] = _sign(f"{file}, sign {gloss}", gloss, spec, handshapes)
    return signs
