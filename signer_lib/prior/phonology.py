"""The phonological description of signs: typed, and read strictly from YAML. [ours]

The vocabulary follows ASL-LEX 2.0's: handshape, orientation, location, contact, movement, repetition, sign type, base hand.
Directions are the signer's own; ``-same`` is the side of the moving hand, ``-other`` the other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.prior.kinematics import HEAD_PLACES, SPACE_PLACES, TORSO_PLACES
from signer_lib.prior.strict import Fields, read_mapping

LEXICON = DATA / "lexicon"
FREE_PLACES = (*HEAD_PLACES, *TORSO_PLACES, *SPACE_PLACES)
ARM_PLACES = ("arm-other", "elbow-other", "wrist-other")
BASE_PLACES = ("base-palm", "base-back", "base-fingertips", "base-thumb-side", "base-wrist")
CONTACTS = ("fingertips", "index-tip", "middle-tip", "thumb-tip", "little-tip", "palm", "heel", "knuckles", "back",
            "thumb-side", "little-side", "wrist")
TYPES = ("one-handed", "symmetric", "alternating", "base-hand")
PATHS = ("straight", "arc", "circle", "tap", "zigzag", "none")
PLANES = ("front", "side", "floor")
HAND_MOVEMENTS = ("wiggle", "open-close", "bend", "twist", "nod", "shake")
FACES = ("brows-up", "brows-down", "head-shake", "nod")
HAND = ("index", "middle", "ring", "little", "thumb")
ANGLES = dict.fromkeys(HAND[:4], ("mcp", "pip", "dip", "spread")) | {"thumb": ("radial", "palmar", "oppose", "mcp", "ip")}


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


def _sign(where: str, gloss: str, spec: object, handshapes: tuple[str, ...]) -> Sign:
    names = list(Sign.__dataclass_fields__)[1:]
    f = Fields(where, spec, names, ("type", "handshape", "palm", "fingers", "location"))
    kind, shape = f.name("type", "type", TYPES), f.names("handshape", "handshape", handshapes)
    based = kind == "base-hand"
    if based != (f.spec.get("base") is not None):
        f.fail("base", "needed for the type base-hand" if based else "only for the type base-hand")
    location = f.names("location", "place", FREE_PLACES + ARM_PLACES + (BASE_PLACES if based else ()))
    base = None
    if based:
        b = Fields(f"{where}, base", f.spec["base"], list(Base.__dataclass_fields__), list(Base.__dataclass_fields__))
        base = Base(b.name("handshape", "handshape", handshapes), b.name("palm", "direction"), b.name("fingers", "direction"),
                    b.name("location", "place", FREE_PLACES))
    m = Fields(f"{where}, movement", f.spec.get("movement") or {}, list(Movement.__dataclass_fields__))
    path = m.name("path", "path", PATHS, "straight" if len(location) == 2 else "none")
    movement = Movement(path, m.name("plane", "plane", PLANES, "front"), m.name("direction", "direction"),
                        m.name("bulge", "direction", default="up"), m.number("size", 0, 2),
                        m.number("repeat", 1, 8, 1, whole=True), m.name("hand", "hand movement", HAND_MOVEMENTS))
    if movement.direction is None and (path == "tap" or path in ("straight", "arc") and len(location) == 1):
        m.fail("direction", f"the path {path} needs a direction")
    if movement.hand == "open-close" and len(shape) != 2:
        f.fail("handshape", "open-close needs two handshapes, [start, end]")
    return Sign(gloss, kind, shape, f.names("palm", "direction"), f.names("fingers", "direction"), location,
                f.name("contact", "contact", CONTACTS), movement, base, f.number("duration", 100, 5000, 700.0),
                f.name("face", "face", FACES))


@lru_cache(maxsize=8)
def load_handshapes(path: Path = LEXICON / "handshapes.yaml") -> dict[str, np.ndarray]:
    """Name -> (21,) degrees in the order of ``kinematics``. Raises ``SignerError`` for a wrong file or an impossible joint."""
    top = Fields(str(path), read_mapping(Path(path)), ("limits", "handshapes"), ("limits", "handshapes"))
    limits = Fields(f"{path}, limits", top.spec["limits"], ("finger", "thumb"), ("finger", "thumb")).spec
    for part in limits:
        Fields(f"{path}, limits of the {part}", limits[part], *[ANGLES["thumb" if part == "thumb" else "index"]] * 2)
    joints = [(finger, angle) for finger in HAND for angle in ANGLES[finger]]
    shapes = {}
    for name, spec in Fields(str(path), top.spec["handshapes"], top.spec["handshapes"]).spec.items():
        f = Fields(f"{path}, handshape {name}", spec, HAND, HAND)
        for finger, angles in f.spec.items():
            wanted = ANGLES[finger]
            if not isinstance(angles, list) or len(angles) != len(wanted) or not all(type(a) in (int, float) for a in angles):
                f.fail(finger, f"needs {len(wanted)} angles in degrees, [{', '.join(wanted)}], not {angles!r}")
        shapes[str(name)] = np.array([a for finger in HAND for a in spec[finger]], float)
        for (finger, angle), value in zip(joints, shapes[str(name)]):
            low, high = limits["thumb" if finger == "thumb" else "finger"][angle]
            if not low <= value <= high:
                f.fail(finger, f"{angle} of {value:g} degrees is outside the joint's limits, {low} to {high}")
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
        for gloss, spec in read_mapping(file).items():
            if not isinstance(gloss, str):
                raise SignerError(f'{file}: the gloss {gloss!r} is not text: write YES, NO, ON, OFF and numbers in quotes')
            if gloss in signs:
                raise SignerError(f"{file}, sign {gloss}: described twice; remove one of the two")
            signs[gloss] = _sign(f"{file}, sign {gloss}", gloss, spec, handshapes)
    return signs
