"""The non-manual markers of whole sentences, which the glosses do not write: what kind of sentence it is, and over which signs. [ours]

Brows up and the head forwards for a yes/no question, brows down and the head forwards for a wh-question, brows up and the head back
over a topic, a head shake over what is negated. How face and head do this stands in ``prior.nonmanual``; what belongs to one sign
(the head shake of NOT, the nod of YES) stands in its description, see ``prior.phonology``, and is not done twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from signer_lib.performances.units import Span
from signer_lib.pose import PoseSequence
from signer_lib.prior.nonmanual import Tracks, apply, measure, sentence_tracks, still

WH = {"WHO", "WHAT", "WHERE", "WHEN", "WHY", "HOW", "WHICH"}
AUXILIARIES = set("am is are was were do does did have has had will would can could should may must don isn aren wasn didn doesn".split())
NEGATIONS = {"NOT", "NEVER", "CANNOT"}                  # they follow what they negate
CONDITIONS = {"if", "when", "unless"}                   # a clause that begins so stands under raised brows, like a topic
FRONTED = set("the this that these those my your his her our their in on at every last next today tomorrow yesterday tonight now".split())
JOINING = {"and", "but", "or", "so", "then"}            # after a comma: what came before was a sentence of its own
UNSAID = ("IX-", "POSS-", "PAST", "FUTURE")             # glosses, or their beginnings, that need no word of their own
Mark = tuple[str, int, int]                             # kind, first gloss, gloss after the last


def kind_of(text: str, glosses: Sequence[str]) -> str | None:
    """ "wh", "yes-no", or None for what is no question."""
    asked = text.strip()
    if asked.endswith("?") and WH & set(glosses[-2:]):
        return "wh"
    return "yes-no" if asked.endswith("?") and AUXILIARIES & set(_words(asked)[:1]) else None


def topic_of(text: str, glosses: Sequence[str]) -> int:
    """How many glosses at the beginning are the topic: those of what stands fronted, or as a condition, before the first comma."""
    before, _, after = text.partition(",")
    words, rest = _words(before), _words(after)
    if not words or not rest or words[0] not in CONDITIONS | FRONTED or rest[0] in JOINING:
        return 0

    def said(gloss: str) -> bool:
        return any(word.startswith(part) for part in _words(gloss.removeprefix("fs-"))[:1] for word in words)

    count = next((k for k, gloss in enumerate(glosses) if not said(gloss) and not gloss.startswith(UNSAID)), len(glosses))
    while count and not said(glosses[count - 1]):       # a pronoun at its end belongs to what follows
        count -= 1
    return count if count < len(glosses) else 0


def marks_of(text: str, glosses: Sequence[str]) -> list[Mark]:
    """Which markers a sentence has, and over which of its glosses."""
    kind, topic = kind_of(text, glosses), topic_of(text, glosses)
    marks = [("topic", 0, topic)] * (topic > 0) + ([(kind, topic, len(glosses))] if kind else [])
    return marks + [("negated", max(k - 1, 0), k + 1) for k, gloss in enumerate(glosses) if gloss in NEGATIONS]


def sentence_marks(poses: PoseSequence, spans: list[Span], sentences: list[tuple[str, Sequence[str], Sequence[int]]]) -> Tracks:
    """The tracks of all sentences together, as what is to come on top of what the single signs do.

    sentences  for each its text, its glosses, and for each of its units the index of the unit's gloss (a spelled word has many).
    """
    frames = {span.unit: span for span in spans if span.unit is not None}
    already, tracks, first = measure(poses), still(len(poses)), 0
    for text, glosses, units in sentences:
        for kind, start, stop in marks_of(text, glosses):
            covered = [frames[first + k] for k, gloss in enumerate(units) if start <= gloss < stop]
            if covered:
                tracks = tracks + sentence_tracks(kind, covered[0].start, covered[-1].stop, poses.fps, already)
        first += len(units)
    return tracks


def mark(poses: PoseSequence, spans: list[Span], sentences: list[tuple[str, Sequence[str], Sequence[int]]]) -> PoseSequence:
    """The sequence with the markers of its sentences, see ``sentence_marks``."""
    return apply(poses, sentence_marks(poses, spans, sentences))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())
