"""How a sign is performed in its sentence: the targets of the nano training, made by rule. [ours]

Real signers shorten pronouns, lengthen the last sign of a sentence and stress negation and question words; those are the tendencies
that these rules caricature so that the gate has something to learn before recordings of several signers stand behind it. A result
on these targets says nothing about real signing.
"""

from __future__ import annotations

from signer_lib.prior.compiler import Variant

STRESSED = {"NOT", "CANNOT", "NEVER", "WHO", "WHAT", "WHERE", "WHEN", "WHY", "HOW", "WHICH", "VERY", "MUST", "NO"}
MANNERS = {
    "light": Variant("light", speed=1.35, size=0.65, raise_=-0.05),
    "even": Variant("even"),
    "stressed": Variant("stressed", speed=0.95, size=1.3, raise_=0.04),
    "final": Variant("final", speed=0.78, size=1.05),
}


def manner(glosses: list[str], index: int) -> str:
    """The manner of gloss ``index``: light for pronouns, stressed for negation and wh-words, final at the end of the sentence."""
    gloss = glosses[index]
    if gloss in STRESSED:
        return "stressed"
    if index == len(glosses) - 1:
        return "final"
    if gloss.startswith(("IX-", "POSS-")) or gloss in ("AND", "OR", "FROM", "WITH"):
        return "light"
    return "even"


def letter_tempo(letter: int, of: int) -> float:
    """How long a letter of a spelled word is held, relative to its citation: the first and the last longer, those between shorter."""
    return 1.3 if letter in (0, of - 1) else 0.95
