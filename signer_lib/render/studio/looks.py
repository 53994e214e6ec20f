"""What the studio's signers wear and look like, and what the regions of a picture are. [ours]"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

# the number of a region is its place here, in the region map too; a signer's right and left are told apart
REGIONS = ("background", "face", "right_hand", "left_hand", "right_arm", "left_arm", "neck", "lips", "eye_white", "iris", "pupil", "lashes",
           "brows", "teeth", "mouth", "hair", "shirt", "trim")
NUMBER = {name: k for k, name in enumerate(REGIONS)}
SKIN = ("face", "right_hand", "left_hand", "right_arm", "left_arm", "neck")
HANDS = ("right_hand", "left_hand")


@dataclass(frozen=True)
class Look:
    """One signer.

    phenotype  what Anny's build differs in from the average.    colours  #rrggbb of skin, lips, iris, hair, brows, shirt, trim.
    hair       short, cropped, bob, bun or curls.                sleeve   where it ends: 1 at the elbow, 2 at the wrist.
    neckline   round or v.                                       lift     of the shirt off the skin, shoulder widths.
    """

    phenotype: dict[str, float]
    colours: dict[str, str] = field(repr=False)
    hair: str = "short"
    sleeve: float = 1.78
    neckline: str = "round"
    lift: float = 0.022


LOOKS = {
    "default": Look({}, {"skin": "#d9a27c", "lips": "#b5655a", "iris": "#5b4026", "hair": "#38251a", "shirt": "#27496d", "trim": "#1b3350"},
                    hair="bob"),
    "small": Look({"gender": 0.0, "height": 0.35, "weight": 0.45},
                  {"skin": "#f0c7a8", "lips": "#c96f6d", "iris": "#4f6b52", "hair": "#8c5a2c", "shirt": "#5a2f56", "trim": "#43213f"},
                  hair="bun", neckline="v"),
    "tall": Look({"gender": 1.0, "height": 0.75},
                 {"skin": "#8d5a3b", "lips": "#7c4139", "iris": "#2e1d12", "hair": "#17120f", "shirt": "#3f5e4a", "trim": "#2c4435"},
                 hair="cropped", sleeve=0.72),
    "broad": Look({"gender": 1.0, "muscle": 0.75, "weight": 0.7},
                  {"skin": "#e6b48f", "lips": "#b86a5c", "iris": "#4c6a86", "hair": "#6d6a67", "shirt": "#33373d", "trim": "#23262a"},
                  hair="short"),
    "slight": Look({"gender": 0.25, "height": 0.55, "weight": 0.25, "muscle": 0.35},
                   {"skin": "#6b452f", "lips": "#6d3832", "iris": "#23150d", "hair": "#0f0c0b", "shirt": "#8a6d2f", "trim": "#6a5220"},
                   hair="curls", neckline="v", sleeve=1.45),
}
HELD_OUT = "slight"                              # never trained on: what a renderer's generalisation is measured with
# the body of one signer in the looks of another: who knows the looks can be asked for them, and has never seen them on this body
CROSSED = {"slight_as_default": (HELD_OUT, "default")}
COMMON = {"eye_white": "#e9e4df", "pupil": "#0b0908", "teeth": "#efe9dd", "mouth": "#4a1d1c"}


def body_and_look(name: str) -> tuple[str, Look]:
    """Whose measures a signer of ``LOOKS`` or ``CROSSED`` has, and what it looks like."""
    body, look = CROSSED.get(name, (name, name))
    return body, replace(LOOKS[look], phenotype=LOOKS[body].phenotype)


def region_colours(look: Look) -> list[str]:
    """#rrggbb for every region, in ``REGIONS``' order."""
    own = look.colours
    colours = dict.fromkeys(SKIN, own["skin"]) | COMMON | {"background": "#000000", "lips": own["lips"], "iris": own["iris"], "hair": own["hair"],
                                                           "brows": own["hair"], "shirt": own["shirt"], "trim": own["trim"]}
    colours["lashes"] = _mixed(own["skin"], "#17110e", 0.72)
    return [colours[name] for name in REGIONS]


def _mixed(colour: str, other: str, part: float) -> str:
    values = [[int(c[k:k + 2], 16) for k in (1, 3, 5)] for c in (colour, other)]
    red, green, blue = (round(a + part * (b - a)) for a, b in zip(*values))
    return f"#{red:02x}{green:02x}{blue:02x}"
