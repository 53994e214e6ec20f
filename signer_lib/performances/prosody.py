"""How a sign is performed in its sentence, by rule. [ours]

Real signers shorten pronouns, lengthen the last sign of a sentence and stress negation and question words; those are the tendencies
that these rules caricature, so that the gate has something to learn. A result on them says nothing about real signing.
"""

from __future__ import annotations

from dataclasses import dataclass

STRESSED = {"NOT", "CANNOT", "NEVER", "WHO", "WHAT", "WHERE", "WHEN", "WHY", "HOW", "WHICH", "VERY", "MUST", "NO"}
UNSTRESSED = {"AND", "OR", "FROM", "WITH"}


@dataclass(frozen=True)
class Manner:
    """``speed`` and ``size`` multiply those of the citation form."""

    speed: float = 1.0
    size: float = 1.0


MANNERS = {"light": Manner(1.35, 0.75), "even": Manner(), "stressed": Manner(0.9, 1.2), "final": Manner(0.75, 1.05)}


def manner(glosses: list[str], index: int) -> str:
    """The manner of gloss ``index``: light for pronouns, stressed for negation and wh-words, final at the end of the sentence."""
    gloss = glosses[index]
    if gloss in STRESSED:
        return "stressed"
    if index == len(glosses) - 1:
        return "final"
    return "light" if gloss.startswith(("IX-", "POSS-")) or gloss in UNSTRESSED else "even"


def letter_tempo(letter: int, of: int) -> float:
    """How long a letter of a spelled word is held, relative to its citation: the first and the last longer, those between shorter."""
    return 1.3 if letter in (0, of - 1) else 0.95
