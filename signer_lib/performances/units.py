"""What is performed one after another, signs and letters, and the frames that each takes. [ours]"""

from __future__ import annotations

from dataclasses import dataclass

from signer_lib.prior.database import Prior
from signer_lib.prior.fingerspelling import PREFIX, spell
from signer_lib.prior.neighbours import stand_in


@dataclass(frozen=True)
class Unit:
    """What the experts perform one after another: a sign, or one letter of a spelled word.

    name  the prior's gloss ("BOOK", "S").   gloss  index of its gloss in the sentence.   letter, of  place in the word, or (0, 0) for a sign.
    stands_for, why  the word that has no sign and for which this one is signed, and the reason; "" for all others.
    """

    name: str
    gloss: int
    letter: int = 0
    of: int = 0
    stands_for: str = ""
    why: str = ""


@dataclass(frozen=True)
class Span:
    """Frames [start, stop) of a part of the sequence. ``unit`` is its index, or None for a transition or a pause."""

    unit: int | None
    start: int
    stop: int


def units_of(glosses: list[str], prior: Prior, text: str | None = None) -> list[Unit]:
    """Glosses -> signs and letters. ``fs-SAM`` becomes S, A, M; so does a gloss that the prior does not hold.

    text  the sentence: with it, a word that is no name and has a synonym with a sign is signed by that, ``fs-MOTORCAR`` as CAR.
    """
    units = []
    for i, gloss in enumerate(glosses):
        instead = stand_in(gloss.removeprefix(PREFIX), prior, text) if text is not None and gloss.startswith(PREFIX) else None
        if instead and instead.gloss:
            units.append(Unit(instead.gloss, i, stands_for=instead.word, why=instead.why))
        elif not gloss.startswith(PREFIX) and gloss in prior:
            units.append(Unit(gloss, i))
        else:
            letters = spell(gloss)
            units += [Unit(name, i, k, len(letters)) for k, name in enumerate(letters)]
    return units
