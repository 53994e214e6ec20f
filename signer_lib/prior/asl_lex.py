"""ASL-LEX 2.0's own CSV read as sign descriptions. [ours]

The codes give handshape, location, contact, path, repetition, sign type, base hand, rotation and duration; ``asl_lex_rules``
chooses orientation and touching part, and the rules here the movement's direction. A row that cannot be read keeps its reason.

Data: Sehyr, Caselli, Cohen-Goldberg and Emmorey (2021), CC BY-NC 4.0; it is read from the user's file and never part of the project.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.prior.asl_lex_rules import BASES, BROW, CLOSING, FACE, OPENING, OTHERS, PLACES, SPREADING, TORSO, TURNED, Codes, place_of, way_of
from signer_lib.prior.durations import duration_of
from signer_lib.prior.handshapes import Features, load_handshapes
from signer_lib.prior.phonology import Base, Compound, Movement, Sign
from signer_lib.prior.strict import vector

MORPHEMES = ("", "M2", "M3", "M4", "M5", "M6")
SIGN_TYPES = ("OneHanded", "SymmetricalOrAlternating", "AsymmetricalDifferentHandshape", "AsymmetricalSameHandshape",
              "DominanceViolation", "SymmetryViolation")
MOVEMENTS = ("Straight", "Curved", "Circular", "Z-shaped", "BackAndForth", "X-shaped", "None")
LAX = {"B": "open-b", "C": "c", "S": "s", "O": "o", "A": "a", "Lax": "relaxed"}             # base hands written in capitals are lax
SHORTEST, LONGEST = 100, 5000                             # milliseconds
FAR = 0.5                                                 # shoulder widths of a stroke that is made once
ALONG = 0.75                                              # a palm's and the fingers' directions nearer than this (cosine) are one


@dataclass(frozen=True)
class Lexicon:
    """What a CSV of ASL-LEX holds, by EntryID: ``signs``; ``problems``, the reason for each that is no sign; ``durations`` as
    recorded, in milliseconds, and ``batches``, the recording batch of each. ``handshapes`` (21,) degrees by name.
    """

    signs: dict[str, Sign | Compound]
    handshapes: dict[str, np.ndarray]
    problems: dict[str, str]
    durations: dict[str, float]
    batches: dict[str, str]


def _codes(row: dict[str, str], morpheme: str, before: Codes | None) -> Codes:
    """A morpheme's codes; a later one that is only a handshape (a spelled letter) stays where the one before it was."""

    def get(column: str) -> str:
        return (row[f"{column}{morpheme}.2.0"] or "NA").strip()

    handshape, selected, movement, major, minor = (get(c) for c in ("Handshape", "SelectedFingers", "Movement", "MajorLocation", "MinorLocation"))
    if handshape == "NA":
        raise ValueError(f"no handshape is coded for morpheme {morpheme or 'M1'}")
    if before and get("SignType") == "NA":
        return replace(before, handshape=handshape, selected=selected, flexion_change=False, spread_change=False, path="None",
                       repeated=False, second="NA", rotation=False)
    if get("SignType") not in SIGN_TYPES:
        raise ValueError(f"the sign type is coded {get('SignType')}")
    if movement not in MOVEMENTS:
        raise ValueError(f"the movement is coded {movement}")
    if minor not in PLACES and not (minor == "Other" and major in OTHERS):
        raise ValueError(f"the place is coded {major}, {minor}")
    return Codes(handshape, selected, get("FlexionChange") == "1", get("SpreadChange") == "1", get("SignType"), movement,
                 get("RepeatedMovement") == "1", major, minor, get("SecondMinorLocation"), get("Contact") == "1",
                 get("NonDominantHandshape"), get("UlnarRotation") == "1")


def _handshapes(codes: Codes) -> tuple[str, ...]:
    """The handshape, and the one that its change of aperture or spread leads to."""
    shape = codes.handshape.replace("_", "-")
    if (codes.handshape, codes.selected) == ("horns", "mr"):
        return (str(Features("mr", "Curved", thumb="Open", contact=True)),)
    if (codes.handshape, codes.selected) == ("a", "t") and codes.major != "Body":
        return ("open-a",)
    if not (codes.flexion_change or codes.spread_change):
        return (shape,)
    changes = [CLOSING, OPENING] if codes.flexion_change else [SPREADING]
    if codes.flexion_change and codes.spread_change:
        changes.insert(0, SPREADING)
    other = next((change[shape] for change in changes if shape in change), None)
    return (shape, other) if other else (shape,)


def _internal(codes: Codes, shapes: tuple[str, ...]) -> str | None:
    """The hand's own movement."""
    if codes.wiggles:
        return "wiggle"
    if codes.repeated and len(shapes) == 2:
        return "open-close"
    if codes.rotation and codes.repeated:
        return "twist"
    return "shake" if codes.path == "None" and codes.repeated else None


def _second_place(codes: Codes, place: str) -> str | None:
    """The place where the sign ends, if that is another place on the body or the base hand."""
    second = codes.second
    if second in ("NA", "Other", codes.minor) or second not in PLACES or second.endswith("Away") and not codes.minor.endswith("Away"):
        return None
    end = place_of(replace(codes, minor=second))
    stays = end == place or codes.two_handed and (end.startswith("base-") or place.startswith("neutral"))
    return None if stays or codes.minor.endswith("Away") and second.endswith("Away") else end


def _into(place: str) -> str:
    """The direction in which a hand touches a place."""
    if place.startswith(("base-", "forearm-", "wrist-", "elbow-")):
        return "back" if place == "base-finger-front" else "left" if place == "base-heel" else "down"
    return {"temple": "left-back", "cheek": "left-back", "ear": "left", "head-top": "down", "under-chin": "up", "shoulder-same": "down",
            "neutral": "left"}.get(place, "back")


def _away(codes: Codes, place: str) -> str:
    """The direction in which a hand that does not end elsewhere moves."""
    if codes.minor == "HeadAway":
        return "front" if place == "head-away" else "down"
    if codes.contact and codes.second == codes.minor and place in FACE + TORSO:
        return "down"                                     # along the body
    if place in FACE + BROW + TORSO + ("under-chin",):
        if place in ("cheek", "ear", "temple", "eye"):
            return "right-front"
        return "front-down" if codes.family == "board" and place in FACE else "front"
    if place.startswith("base-"):
        return "back-left" if place in ("base-heel", "base-finger-back") else "front"
    if codes.two_handed and codes.contact:
        return "right"
    return "front-down"


def _movement(codes: Codes, place: str, end: str | None, hand: str | None) -> tuple[Movement, str]:
    """The movement, and the sign's type for it."""
    repeat = 2 if codes.repeated else 1
    two = "symmetric" if codes.two_handed else "one-handed"
    meet = codes.two_handed and codes.contact and place.startswith("neutral")
    away, path = _away(codes, place), codes.path
    if path == "None":
        return Movement("none", repeat=repeat if hand else 1, hand=hand), two
    if path == "Z-shaped":
        sideways = place.startswith("neutral") and not codes.two_handed
        return Movement("zigzag", direction="right" if sideways else "down", repeat=repeat, hand=hand), two
    if path == "X-shaped":
        return Movement("cross", repeat=repeat, hand=hand), two
    if path == "Circular":
        if place in FACE + BROW or place in TORSO or not codes.two_handed and place in ("neutral", "shoulder-front", "body-away"):
            wide = place in TORSO and codes.family in ("board", "spread", "fist", "thumb") or not codes.contact
            return Movement("circle", "front", "right", size=0.1 if wide else 0.07, repeat=repeat, hand=hand), two
        if place.startswith("base-"):
            return Movement("circle", "floor", "right", size=0.08, repeat=repeat, hand=hand), two
        if codes.rotation and not codes.repeated:
            return Movement("circle", "floor", "front", size=0.14), two
        if meet:                                          # a circle beside the midline, which it starts from
            return Movement("circle", "front", "up", repeat=repeat, hand=hand), two
        return Movement("circle", "side", "front", repeat=repeat, hand=hand), "alternating" if codes.two_handed and not codes.contact else two
    if end:
        return Movement("arc" if path == "Curved" else "straight", bulge="front", repeat=repeat, hand=hand), two
    if path == "BackAndForth":
        path, repeat = "Straight", max(repeat, 2)
    if path == "Straight":
        touching = codes.contact and (codes.second == "NA" or meet and codes.repeated)
        if touching:
            return Movement("tap", direction=_into(place), size=0.1, repeat=repeat, hand=hand), two
        if meet and codes.family not in ("pair", "ell", "ring", "pinch", "letter p"):
            return Movement("tap", direction="left", size=0.25), two
        return Movement("straight", direction=away, size=0.16 if codes.repeated else FAR, repeat=repeat, hand=hand), two
    if place in TORSO and codes.repeated:
        return Movement("circle", "side", "up", repeat=2, hand=hand), two
    if place in TORSO and codes.two_handed:
        return Movement("arc", direction="up", bulge="front", size=0.25, hand=hand), two
    bulge = "front" if "down" in away else "up"
    return Movement("arc", direction=away, bulge=bulge, size=0.2 if codes.repeated else FAR, repeat=repeat, hand=hand), two


def _sign(gloss: str, codes: Codes) -> Sign:
    place = place_of(codes)
    end = _second_place(codes, place)
    palm, fingers, part = way_of(codes, place)
    shapes = _handshapes(codes)
    hand = _internal(codes, shapes)
    movement, kind = _movement(codes, place, end, hand)
    turned = TURNED.get(palm) if codes.rotation and hand != "twist" else None
    palms: tuple[str, ...] = (palm, turned) if turned and abs(vector(turned) @ vector(fingers)) < ALONG else (palm,)
    ways: tuple[str, ...] = (fingers,)
    if turned and place in FACE and codes.family == "board":
        palms, ways = (palm, "down"), (fingers, "front-left")
    if end and (end.startswith("base-") or place.startswith("base-")) != (place.startswith("base-") and end.startswith("base-")):
        last = way_of(replace(codes, minor=codes.second), end)
        palms, ways = (palm, last[0]), (fingers, last[1])
    reached = end or place
    base = None
    if codes.sign_type.startswith(("Asymmetrical", "Dominance")) or reached.startswith("base-") or place in BASES:
        kind = "base-hand"
        shape = codes.base.replace("_", "-")
        known = load_handshapes()
        shape = LAX.get(shape) or (shape if shape in known else shapes[0] if codes.sign_type != "OneHanded" else "s")
        held = BASES.get(place) if place in BASES and not (place == "base-away" and end) else BASES.get(reached)
        if place == "base-away" and not end and codes.family == "pair":
            held = ("right-back", "up-front")             # a page that is looked at
        base = Base(shape, *(held or ("right-back", "right-front")), "neutral")
    return Sign(gloss, kind, shapes, palms, ways, (place, end) if end else (place,), part if codes.contact else None, movement, base)


def _described(entry: str, row: dict[str, str]) -> Sign | Compound:
    codes = None
    parts = []
    for morpheme in MORPHEMES:
        if morpheme and row[f"Handshape{morpheme}.2.0"] in ("NA", ""):
            break
        codes = _codes(row, morpheme, codes)
        parts.append(_sign(entry, codes))
    shares = [duration_of(part) for part in parts]
    total = float(np.clip(float(row["SignDuration(ms)"]), SHORTEST * len(parts), LONGEST))
    timed = tuple(replace(part, duration=total * share / sum(shares)) for part, share in zip(parts, shares))
    return timed[0] if len(timed) == 1 else Compound(entry, timed)


def read_asl_lex(path: Path) -> Lexicon:
    """Every row of ASL-LEX's ``signdata.csv`` as a sign or a compound, or with the reason why it is none.

    Raises ``SignerError`` if the file cannot be read or is not ASL-LEX 2.0's.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, csv.Error):
        raise SignerError(f"{path} cannot be read: give the path of ASL-LEX 2.0's signdata.csv") from None
    wanted = ["EntryID", "Batch", "SignDuration(ms)", *(f"{c}{m}.2.0" for c in ("Handshape", "SignType", "Movement") for m in MORPHEMES)]
    missing = [column for column in wanted if not rows or column not in rows[0]]
    if missing:
        raise SignerError(f"{path} lacks the column {missing[0]}: give ASL-LEX 2.0's signdata.csv")
    lexicon = Lexicon({}, load_handshapes(), {}, {}, {})
    for row in rows:
        entry = row["EntryID"] or ""
        while entry in lexicon.signs or entry in lexicon.problems:         # a few names stand for two signs
            entry += "*"
        try:
            lexicon.signs[entry] = _described(entry, row)
            lexicon.durations[entry], lexicon.batches[entry] = float(row["SignDuration(ms)"]), row["Batch"]
        except KeyError as error:
            raise SignerError(f"{path} lacks the column {error}: give ASL-LEX 2.0's signdata.csv") from None
        except (ValueError, TypeError) as error:                           # TypeError: a row that is cut short
            lexicon.problems[entry] = str(error)
    return lexicon
