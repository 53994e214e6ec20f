"""The phonological description of signs: typed, and read strictly from YAML. [ours]

The vocabulary follows ASL-LEX 2.0's where it has one; what it does not code (orientation, direction, size, the touching part of
the hand) has plain names. Directions are the signer's own; ``-same`` is the side of the moving hand, ``-other`` the other side.

A sign's duration may be left out: ``prior.durations`` then gives it from the rest of the description.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from signer_lib.errors import SignerError
from signer_lib.prior.body import ARM_PLACES, BASE_PLACES, HEAD_PLACES, SPACE_PLACES, TORSO_PLACES
from signer_lib.prior.durations import duration_of, part_durations
from signer_lib.prior.handshapes import LEXICON, handshapes_of, shape_names
from signer_lib.prior.strict import Fields, read_mapping

FREE_PLACES = (*HEAD_PLACES, *TORSO_PLACES, *SPACE_PLACES)
CONTACTS = ("fingertips", "index-tip", "middle-tip", "thumb-tip", "little-tip", "palm", "heel", "knuckles", "back",
            "thumb-side", "little-side", "wrist")
TYPES = ("one-handed", "symmetric", "alternating", "base-hand")
PATHS = ("straight", "arc", "circle", "tap", "zigzag", "cross", "none")
PLANES = ("front", "side", "floor")
HAND_MOVEMENTS = ("wiggle", "open-close", "bend", "twist", "nod", "shake")
FACES = ("brows-up", "brows-down", "head-shake", "nod")


@dataclass(frozen=True)
class Movement:
    """One movement. ASL-LEX: ``path`` Movement, ``repeat`` RepeatedMovement, ``hand`` twist UlnarRotation, open-close FlexionChange.

    ``size`` in shoulder widths (None: the path's usual size); ``direction``, ``bulge`` are direction names.
    """

    path: str = "none"
    plane: str = "front"
    direction: str | None = None
    bulge: str = "up"
    size: float | None = None
    repeat: int = 1
    hand: str | None = None


@dataclass(frozen=True)
class Base:
    """The left hand of a base-hand sign (ASL-LEX: NonDominantHandshape); its directions and its place are meant literally, not
    mirrored. ``moves``: it follows the moving hand's path instead of keeping still.
    """

    handshape: str
    palm: str
    fingers: str
    location: str
    moves: bool = False


@dataclass(frozen=True)
class Sign:
    """A sign of one morpheme; ``handshape``, ``palm``, ``fingers`` and ``location`` hold one name, or two: the start's and the end's.

    ASL-LEX's columns: ``gloss`` EntryID; ``type`` SignType; ``handshape`` Handshape with SelectedFingers, Flexion, Spread,
    ThumbPosition and ThumbContact, and a second one for FlexionChange and SpreadChange; ``location`` MinorLocation and
    SecondMinorLocation; ``contact`` Contact; ``duration`` SignDuration(ms). ``palm``, ``fingers`` and ``face`` are not coded there.
    """

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
    face: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compound:
    """Signs that have become one, in their order (ASL-LEX: Compound, and the columns of the morphemes M2 to M6)."""

    gloss: str
    parts: tuple[Sign, ...]


def _movement(where: str, spec: object, two_places: bool) -> Movement:
    m = Fields(where, spec, Movement.__dataclass_fields__)
    path = m.name("path", "path", PATHS, default="straight" if two_places else "none")
    movement = Movement(path, m.name("plane", "plane", PLANES, default="front"), m.name("direction", "direction"),
                        m.name("bulge", "direction", default="up"), m.number("size", 0, 2),
                        int(m.number("repeat", 1, 8, 1, whole=True)), m.name("hand", "hand movement", HAND_MOVEMENTS))
    if movement.direction is None and (path == "tap" or path in ("straight", "arc") and not two_places):
        m.fail("direction", f"the path {path} needs a direction")
    return movement


def _base(where: str, spec: object, handshapes: tuple[str, ...]) -> Base:
    names = list(Base.__dataclass_fields__)
    b = Fields(where, spec, names, names[:4])
    if not isinstance(b.spec.get("moves", False), bool):
        b.fail("moves", f"must be true or false, not {b.spec['moves']!r}")
    return Base(shape_names(b, handshapes, most=1)[0], b.needed("palm", "direction"), b.needed("fingers", "direction"),
                b.needed("location", "place", FREE_PLACES), b.spec.get("moves", False))


def read_sign(where: str, gloss: str, spec: object, handshapes: tuple[str, ...]) -> Sign:
    """A description as YAML gives it, checked. ``where`` begins every error; ``handshapes`` are the names that may stand in it.

    Raises ``SignerError`` naming the field.
    """
    names = list(Sign.__dataclass_fields__)[1:]
    f = Fields(where, spec, names, ("type", "handshape", "palm", "fingers", "location"))
    kind = f.needed("type", "type", TYPES)
    shape = shape_names(f, handshapes)
    based = kind == "base-hand"
    if based != (f.spec.get("base") is not None):
        f.fail("base", "needed for the type base-hand" if based else "only for the type base-hand")
    location = f.names("location", "place", FREE_PLACES + tuple(ARM_PLACES) + (tuple(BASE_PLACES) if based else ()))
    movement = _movement(f"{where}, movement", f.spec.get("movement") or {}, len(location) == 2)
    if movement.hand == "open-close" and len(shape) != 2:
        f.fail("handshape", "open-close needs two handshapes, [start, end]")
    sign = Sign(gloss, kind, shape, f.names("palm", "direction"), f.names("fingers", "direction"), location,
                f.name("contact", "contact", CONTACTS), movement,
                _base(f"{where}, base", f.spec["base"], handshapes) if based else None,
                face=f.names("face", "face", FACES, most=len(FACES)) if f.spec.get("face") else ())
    return replace(sign, duration=f.number("duration", 100, 5000) or duration_of(sign))


def _compound(where: str, gloss: str, spec: object, signs: dict[str, Sign], handshapes: tuple[str, ...]) -> Compound:
    f = Fields(where, spec, ("compound",))
    parts = f.spec["compound"]
    if not isinstance(parts, list) or len(parts) < 2:
        f.fail("compound", "needs a list of two or more glosses or descriptions")
    found = []
    for number, part in enumerate(parts, start=1):
        if isinstance(part, str):
            found.append(signs[f.known("compound", part, "sign", signs)])
        else:
            found.append(read_sign(f"{where}, part {number}", gloss, part, handshapes))
    return Compound(gloss, tuple(replace(part, duration=time) for part, time in zip(found, part_durations(found))))


def load_signs(folder: Path = LEXICON) -> dict[str, Sign | Compound]:
    """All signs of ``signs*.yaml`` in ``folder``, by gloss.

    Raises ``SignerError`` naming file, sign and field.
    """
    handshapes = tuple(handshapes_of(folder))
    files = sorted(Path(folder).glob("signs*.yaml"))
    if not files:
        raise SignerError(f"no signs*.yaml in {folder}: give a folder with sign descriptions")
    specs: dict[str, tuple[str, object]] = {}
    for file in files:
        for gloss, spec in read_mapping(file).items():
            if not isinstance(gloss, str):
                raise SignerError(f'{file}: the gloss {gloss!r} is not text: write YES, NO, ON, OFF and numbers in quotes')
            if gloss in specs:
                raise SignerError(f"{file}, sign {gloss}: described twice; remove one of the two")
            specs[gloss] = f"{file}, sign {gloss}", spec
    compounds = {gloss for gloss, (_, spec) in specs.items() if isinstance(spec, dict) and "compound" in spec}
    simple = {gloss: read_sign(where, gloss, spec, handshapes) for gloss, (where, spec) in specs.items() if gloss not in compounds}
    return {gloss: _compound(where, gloss, spec, simple, handshapes) if gloss in compounds else simple[gloss]
            for gloss, (where, spec) in specs.items()}
