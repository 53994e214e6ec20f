"""What ASL-LEX's codes leave open, chosen by rules: how a hand is turned, which part of it touches, where it moves to. [ours]

ASL-LEX 2.0 codes handshape, location, contact, the kind of path and its repetition, but no orientation, direction or size. Each
choice here is the commonest one in ASL's citation forms for the same kind of hand at the same kind of place; where signs of one
code differ (palms up or down in neutral space), the middle is chosen, so that no sign is far off.
"""

from __future__ import annotations

from dataclasses import dataclass

FAMILIES = {                                              # hands that are turned alike
    "point": "1 flat_1 curved_1 d", "hook": "bent_1", "pair": "h v u r flat_h flat_v curved_h curved_v open_h flat_n n",
    "bent pair": "bent_v", "board": "open_b closed_b flat_b", "spread": "5 stacked_5", "four": "4 curved_4 flat_4 w 7 b",
    "claw": "curved_5 spread_open_e flatspread_5 open_e spread_e", "cup": "c", "pinch": "o flat_o closed_e flat_m e",
    "ring": "f open_f baby_o g t", "fist": "s", "thumb": "a", "ell": "l curved_l bent_l 3", "horns": "y horns ily flat_ily flat_horns",
    "little": "i goody_goody", "middle": "open_8 8", "letter p": "p k",
}
FAMILY = {name: family for family, names in FAMILIES.items() for name in names.split()}

PLACES = {                                                # MinorLocation; the two-handed place where it differs
    "Neutral": "neutral", "HeadAway": "head-away", "BodyAway": "body-away", "HandAway": "base-away", "HeadTop": "head-top",
    "Forehead": "temple", "Eye": "eye", "CheekNose": "cheek", "Mouth": "mouth", "UpperLip": "upper-lip", "Chin": "chin",
    "UnderChin": "under-chin", "Neck": "neck", "Shoulder": "shoulder-same", "Clavicle": "clavicle", "TorsoTop": "chest",
    "TorsoMid": "stomach", "TorsoBottom": "waist", "Waist": "waist", "Hips": "hip-same",
    "UpperArm": "arm-other", "ArmAway": "forearm-back-other", "ElbowBack": "elbow-back-other", "ElbowFront": "elbow-other",
    "ForearmBack": "forearm-back-other", "ForearmFront": "forearm-front-other", "ForearmUlnar": "forearm-ulnar-other",
    "ForearmRadial": "forearm-radial-other", "WristBack": "wrist-back-other", "WristFront": "wrist-front-other",
    "Palm": "base-palm", "PalmBack": "base-back", "FingerFront": "base-finger-front", "FingerBack": "base-finger-back",
    "FingerRadial": "base-thumb-side", "FingerUlnar": "base-little-side", "FingerTip": "base-fingertips", "Heel": "base-heel",
}
OTHERS = {"Head": "ear", "Body": "chest", "Arm": "forearm-back-other", "Hand": "base-thumb-side", "Neutral": "neutral"}
TWO_HANDED = {"chest": "chest-same", "stomach": "hip-same", "waist": "hip-same", "forehead": "temple", "nose": "cheek",
              "arm-other": "shoulder-other", "mouth": "cheek", "chin": "cheek", "body-away": "chest-same"}
FACE, BROW = ("mouth", "upper-lip", "chin", "nose", "cheek"), ("temple", "forehead", "eye", "ear", "head-top")
TORSO = ("neck", "clavicle", "chest", "chest-same", "chest-other", "stomach", "waist", "hip-same", "shoulder-same", "shoulder-other", "arm-other")

Way = tuple[str, str, str]                                # palm, fingers, touching part
WAYS: dict[str, dict[str, Way]] = {
    "face": {
        "": ("back", "up-up-left", "fingertips"), "point": ("back", "up-up-left", "index-tip"), "hook": ("left-front", "up-left", "index-tip"),
        "spread": ("left-back", "up-up-left", "thumb-tip"), "four": ("left", "up", "index-tip"), "cup": ("left", "up", "thumb-side"),
        "ring": ("left", "up", "index-tip"), "fist": ("left", "up", "thumb-side"), "thumb": ("front-left", "up", "thumb-tip"),
        "ell": ("left-back", "up", "thumb-tip"), "horns": ("back-left", "up-up-left", "thumb-tip"), "little": ("back", "up-up-left", "little-tip"),
        "middle": ("back", "up-up-left", "middle-tip"), "letter p": ("back-left", "up-left", "middle-tip"),
    },
    "brow": {
        "": ("back-down", "up-left-back", "fingertips"), "point": ("back-down", "up-left-back", "index-tip"),
        "hook": ("back-down", "up-left-back", "index-tip"), "spread": ("left", "up", "thumb-tip"),
        "four": ("left", "up", "index-tip"), "cup": ("left", "up", "thumb-side"), "ring": ("left", "up", "index-tip"),
        "fist": ("left", "up", "thumb-side"), "thumb": ("left-front", "up", "thumb-tip"), "ell": ("left-front", "up", "thumb-tip"),
        "horns": ("left", "up", "thumb-tip"), "little": ("back", "up-left-back", "little-tip"),
        "middle": ("back", "up-left-back", "middle-tip"), "letter p": ("back-down", "up-left-back", "middle-tip"),
        "pair": ("front-left", "up-left-back", "fingertips"),
    },
    "before the face": {
        "": ("back-left", "up", "fingertips"), "point": ("back-left", "up-up-left", "index-tip"), "pair": ("left-front", "up-front", "fingertips"),
        "board": ("back", "up-up-left", "fingertips"), "spread": ("back", "up-up-left", "fingertips"), "claw": ("back", "up-up-left", "fingertips"),
        "cup": ("left", "up", "thumb-side"), "pinch": ("left-front", "up", "fingertips"), "ring": ("left-front", "up", "index-tip"),
        "fist": ("left", "up", "knuckles"), "thumb": ("left", "up", "thumb-tip"), "ell": ("left-front", "up", "thumb-tip"),
        "horns": ("left-front", "up", "thumb-tip"),
    },
    "under the chin": {
        "": ("back", "up", "fingertips"), "point": ("back", "up", "index-tip"), "board": ("down", "left-front", "back"),
        "spread": ("down", "left-front", "back"), "four": ("down", "left-front", "back"), "thumb": ("left", "front-up", "thumb-tip"),
    },
    "torso": {
        "": ("back", "left-up", "fingertips"), "point": ("back-down", "left-back", "index-tip"), "board": ("back", "left-left-up", "palm"),
        "spread": ("back", "left-up", "palm"), "claw": ("back", "left-up", "fingertips"), "fist": ("back", "left-left-up", "palm"),
        "thumb": ("back", "left-left-up", "palm"), "ring": ("back", "up-left", "index-tip"), "middle": ("back", "left-left-up", "middle-tip"),
        "horns": ("left", "front-up", "thumb-tip"), "ell": ("left", "up-left", "thumb-tip"), "letter p": ("back", "left-left-up", "middle-tip"),
        "little": ("back", "left-left-up", "little-side"),
    },
    "before the torso": {
        "": ("back-left", "up-left", "fingertips"), "board": ("back", "left-up", "palm"), "spread": ("back", "left-up", "palm"),
        "claw": ("back", "left-up", "palm"), "fist": ("left", "front-up", "knuckles"), "thumb": ("left", "front-up", "knuckles"),
        "cup": ("left", "front-up", "thumb-side"), "letter p": ("down", "front-left", "index-tip"),
    },
    "shoulder": {"": ("down-back", "back-up-left", "fingertips")},
    "space, one hand": {
        "": ("front-left", "up", "fingertips"), "board": ("left-down", "front", "palm"), "spread": ("down-left", "front", "palm"),
        "claw": ("down-left", "front", "palm"), "cup": ("left", "front-up", "thumb-side"), "fist": ("front-left", "up", "knuckles"),
        "thumb": ("left", "front-up", "knuckles"), "hook": ("down-front", "front-up", "index-tip"),
        "middle": ("down-left", "front", "middle-tip"), "letter p": ("down", "front-left", "index-tip"),
        "ring": ("front-left", "up-front", "index-tip"), "pinch": ("front-left", "up-front", "fingertips"),
        "bent pair": ("down-front", "front-up", "fingertips"),
    },
    "space, two hands": {
        "": ("front-left", "up", "fingertips"), "board": ("left", "front-up", "palm"), "spread": ("left-down", "front", "palm"),
        "claw": ("left-down", "front-up", "palm"), "cup": ("left", "front-up", "thumb-side"), "fist": ("left-down", "front", "knuckles"),
        "thumb": ("left", "front", "knuckles"), "horns": ("up", "front", "thumb-tip"), "letter p": ("down-left", "front", "index-tip"),
        "middle": ("down-left", "front", "middle-tip"), "pinch": ("left", "front-up", "fingertips"),
        "bent pair": ("down-left", "front", "fingertips"),
    },
    "space, hands that touch": {
        "": ("back-left", "left-front", "fingertips"), "point": ("back-left", "left-up", "index-tip"), "board": ("left", "up-front", "fingertips"),
        "spread": ("left-back", "up-left", "fingertips"), "claw": ("left", "up-front", "fingertips"), "cup": ("left-front", "up-front", "thumb-side"),
        "ring": ("front-left", "up", "index-tip"), "fist": ("left-down", "front", "knuckles"), "thumb": ("left", "front", "knuckles"),
        "ell": ("front-left", "up-front", "thumb-tip"), "middle": ("back", "left", "middle-tip"), "little": ("back", "left", "little-tip"),
        "horns": ("left", "front", "knuckles"), "letter p": ("back-down", "left-front", "middle-tip"),
    },
    "on the palm": {
        "": ("down", "front-left", "fingertips"), "point": ("down", "front-left-down", "index-tip"), "hook": ("down-left", "front-left", "index-tip"),
        "bent pair": ("back", "front-down", "fingertips"), "board": ("down-left", "front-left", "palm"), "spread": ("down", "front-left", "palm"),
        "cup": ("left", "front-left", "little-side"), "fist": ("left", "front-left", "little-side"), "thumb": ("left", "front", "little-side"),
        "ring": ("down-left", "front-left", "index-tip"), "ell": ("left-front", "up-front", "thumb-tip"),
        "middle": ("down", "front-left", "middle-tip"), "letter p": ("down", "front-left", "middle-tip"),
        "little": ("down-left", "front-left", "little-side"), "horns": ("down", "front-left", "palm"),
    },
    "on the back": {
        "": ("down", "front-left", "fingertips"), "point": ("down", "front-left", "index-tip"), "hook": ("down", "front-left", "index-tip"),
        "board": ("down", "front-left", "palm"), "spread": ("down", "front-left", "palm"), "cup": ("down", "front-left", "palm"),
        "fist": ("down", "front-left", "heel"), "thumb": ("left", "front-left", "little-side"), "ring": ("down-left", "front-left", "index-tip"),
        "middle": ("down", "front-left", "middle-tip"), "letter p": ("down", "front-left", "middle-tip"),
    },
    "on the edge": {
        "": ("left-down", "front-left", "fingertips"), "point": ("down", "left-front", "index-tip"), "hook": ("down", "left-front", "index-tip"),
        "board": ("left-back", "left-front", "little-side"), "spread": ("left-back", "left-front", "little-side"),
        "cup": ("left", "front-left", "little-side"), "fist": ("left", "front-left", "little-side"), "thumb": ("left", "front-left", "little-side"),
        "ring": ("left-down", "front-left", "index-tip"), "middle": ("down", "front-left", "middle-tip"),
        "pair": ("left-down", "left-front", "fingertips"), "letter p": ("down", "front-left", "middle-tip"),
    },
    "on the fingers": {
        "": ("back-down", "left", "fingertips"), "point": ("back-down", "left", "index-tip"), "hook": ("back-down", "left", "index-tip"),
        "board": ("back", "left", "back"), "ring": ("left-back", "left-front", "index-tip"), "middle": ("back", "left", "middle-tip"),
    },
    "on the heel": {"": ("down-front", "front-left", "heel")},
}
WAYS["beside the base"] = WAYS["on the palm"] | {"pair": ("down-left", "front-left", "fingertips"), "board": ("left-down", "front-left", "palm")}
ON_THE_BASE = {"base-palm": "on the palm", "base-back": "on the back", "base-finger-back": "on the back", "base-thumb-side": "on the edge",
               "base-little-side": "on the edge", "base-fingertips": "on the edge", "base-finger-front": "on the fingers",
               "base-heel": "on the heel", "base-away": "beside the base"}
BASES: dict[str, tuple[str, str]] = {                     # palm and fingers of the hand that is touched there
    "base-palm": ("up", "front-right"), "base-heel": ("up-right", "front-right"), "base-away": ("up", "front-right"),
    "base-back": ("down", "front-right"), "base-finger-back": ("down", "front-right"), "base-thumb-side": ("right-back", "front-right"),
    "base-little-side": ("back", "right"), "base-fingertips": ("right-back", "up-front"), "base-finger-front": ("back-up", "right"),
    "forearm-back-other": ("down", "right"), "forearm-ulnar-other": ("down", "right"), "forearm-front-other": ("up", "front-right"),
    "forearm-radial-other": ("down", "right"), "elbow-back-other": ("right", "up"), "elbow-other": ("down", "right"),
    "wrist-back-other": ("down", "front-right"), "wrist-front-other": ("up", "front-right"),
}
CLOSING = {                                               # the other handshape where the aperture or the spread changes
    "5": "curved-5", "open-b": "flat-b", "closed-b": "flat-b", "1": "bent-1", "l": "bent-l", "curved-l": "baby-o", "h": "flat-h", "v": "bent-v",
    "open-h": "flat-h", "curved-v": "bent-v", "4": "flat-4", "c": "s", "curved-5": "s", "flatspread-5": "flat-o", "open-8": "8", "open-f": "f",
    "3": "bent-3", "curved-1": "bent-1", "y": "s", "i": "s", "horns": "flat-horns", "ily": "flat-ily", "stacked-5": "s", "flat-b": "flat-o",
    "spread-open-e": "s", "g": "baby-o", "k": "flat-h", "p": "h", "r": "flat-h", "w": "4", "bent-l": "baby-o",
}
OPENING = {
    "s": "5", "a": "5", "open-a": "5", "o": "5", "flat-o": "5", "baby-o": "1", "8": "open-8", "f": "open-f", "e": "5", "bent-1": "1", "bent-v": "v",
    "flat-h": "h", "flat-v": "v", "flat-1": "1", "closed-e": "5", "d": "l", "flat-m": "open-b", "flat-n": "h", "7": "5", "t": "1", "curved-h": "h",
    "open-e": "open-b", "spread-e": "4", "flat-4": "4", "n": "h", "curved-4": "4",
}
SPREADING = {"h": "v", "v": "h", "open-b": "5", "closed-b": "4", "4": "closed-b", "5": "flat-o", "flatspread-5": "flat-o", "curved-5": "flat-o",
             "flat-h": "flat-v", "o": "5", "flat-o": "5", "s": "5", "e": "5", "c": "curved-5", "flat-b": "flatspread-5", "r": "v"}
TURNED = {                                                # where a palm faces after half a turn of the forearm
    "front": "back", "back": "front", "front-left": "back-left", "left-front": "left-back", "back-left": "front-left", "left-back": "left-front",
    "left": "up-left", "down": "up", "left-down": "left-up", "down-left": "up-left", "up": "down", "up-left": "down", "back-down": "up",
    "down-front": "up-back", "down-back": "up", "left-up": "down", "back-up": "down",
}


@dataclass(frozen=True)
class Codes:
    """One morpheme as ASL-LEX codes it; the names are its columns'."""

    handshape: str
    selected: str
    flexion_change: bool
    spread_change: bool
    sign_type: str
    path: str
    repeated: bool
    major: str
    minor: str
    second: str
    contact: bool
    base: str
    rotation: bool

    @property
    def family(self) -> str:
        return FAMILY.get(self.handshape, "")

    @property
    def wiggles(self) -> bool:
        """An aperture that changes again and again on spread fingers is a wiggle."""
        return self.flexion_change and self.repeated and not self.spread_change and self.family in ("spread", "four", "claw")

    @property
    def two_handed(self) -> bool:
        return self.sign_type in ("SymmetricalOrAlternating", "SymmetryViolation")


def place_of(codes: Codes) -> str:
    """The place of the sign's start."""
    minor = codes.minor
    place = OTHERS[codes.major] if minor == "Other" else PLACES[minor]
    if minor == "Forehead" and (codes.family in ("spread", "thumb", "cup", "pinch") and not codes.two_handed):
        place = "forehead"
    if minor == "CheekNose" and codes.handshape in ("flat_h", "h", "p", "r"):
        place = "nose"
    if minor == "HeadAway" and codes.family in ("spread", "board", "claw"):
        place = "neck" if codes.two_handed else "chin"    # the hand hides the face with its fingers, not with its palm
    if codes.two_handed and minor != "HeadAway":
        place = TWO_HANDED.get(place, place)
        if place.startswith(("base-", "forearm-", "wrist-", "elbow-")):
            return "neutral"
    if place == "neutral" and codes.sign_type == "OneHanded" and way_of(codes, place)[1].startswith("up") \
            and codes.path in ("None", "Circular", "Z-shaped"):
        return "shoulder-front"
    return place


def situation_of(codes: Codes, place: str) -> str:
    """Which table of ``WAYS`` a hand follows at a place."""
    if codes.minor == "BodyAway":
        return "before the torso"
    if place.startswith("neutral") or place == "shoulder-front":
        if not codes.two_handed:
            return "space, one hand"
        return "space, hands that touch" if codes.contact else "space, two hands"
    if codes.minor == "HeadAway" or place in FACE + BROW and not codes.contact and codes.two_handed:
        return "before the face"
    if place.startswith("base-"):
        return ON_THE_BASE[place]
    if place == "under-chin":
        return "under the chin"
    if place in ("shoulder-same", "shoulder-other", "arm-other"):
        return "shoulder" if place == "shoulder-same" else "torso"
    if place in TORSO:
        return "torso"
    if place in FACE:
        return "face"
    return "brow" if place in BROW else "on the back"


def way_of(codes: Codes, place: str) -> Way:
    """(palm, fingers, touching part) of the moving hand at its start."""
    situation = situation_of(codes, place)
    palm, fingers, part = WAYS[situation].get(codes.family, WAYS[situation][""])
    if codes.handshape == "closed_b" and situation in ("brow", "space, one hand"):
        palm, fingers = ("front", "up-up-left") if situation == "brow" else ("front-left", "up")
    elif codes.handshape in ("v", "curved_v") and place == "base-palm":
        palm, fingers = "back", "front-down"
    elif codes.handshape == "flat_o" and place == "base-palm":
        palm, part = "up", "back"
    elif codes.handshape == "f" and situation == "space, one hand":
        palm, fingers = "front-left", "up"
    elif situation == "face" and codes.handshape in ("y", "horns") and place in ("chin", "mouth"):
        palm, part = "back", "knuckles"
    elif situation == "face" and codes.handshape == "baby_o":
        palm = "left-back"
    elif situation == "space, hands that touch" and codes.handshape == "baby_o":
        palm, fingers, part = "left-down", "front-left", "thumb-side"
    elif situation == "torso" and codes.handshape == "curved_l":
        palm, part = "left-back", "thumb-side"
    elif situation == "torso" and codes.handshape == "5":
        if codes.flexion_change or codes.spread_change:
            part = "fingertips"
        elif codes.second == "NA":
            palm, fingers, part = "left", "up-front", "thumb-tip"
    elif place == "neck" and codes.family == "point":
        palm, fingers = "back", "up-up-left"
    elif situation == "space, hands that touch" and codes.handshape == "open_b" and codes.rotation:
        palm, fingers, part = "left", "front", "little-side"
    elif situation == "space, two hands" and codes.family == "spread" and codes.wiggles:
        palm, fingers = "up-back", "front-left"
    elif situation == "beside the base" and codes.family == "pair":
        palm, fingers = "down", "left"
    elif situation == "space, two hands" and codes.family == "spread" and codes.rotation and codes.path == "None":
        palm, fingers = "back-left", "up"
    elif situation == "space, two hands" and codes.family in ("spread", "claw") and codes.flexion_change and not codes.repeated:
        palm = "up"
    elif situation == "space, hands that touch" and codes.repeated and codes.family in ("point", "fist"):
        palm, fingers, part = "down", "front", "thumb-side"
    return palm, fingers, part
