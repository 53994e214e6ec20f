"""Which sentences are performed, and by whom: the splits of a data set out of its pools. [ours]"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER, make_pairs, normalised
from signer_lib.performances.folder import Performed
from signer_lib.performances.natural import Habits, perform
from signer_lib.performances.units import Unit, units_of
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Candidate, Prior
from signer_lib.progress import progress

ROUNDS = 200                                    # of draws before sentences that are wanted count as not to be found
SHORTEST, LONGEST = 3, 16                        # units of a sentence
RULE_SIGNERS = ("train-", "judge-", "dev-", "test-")    # their letters are recordings too, but in their own manner
SIZES = {"train": 3000, "dev": 150, "test": 250}
JUDGE_SIZES = {"train": 4000, "dev": 150}


def new_sentences(count: int, seed: int, wanted: Callable[[list[str]], bool] = lambda glosses: True) -> list[tuple[str, list[str]]]:
    """(text, glosses) from the corpus's grammar that SLUL has not been trained on, whose glosses are ``wanted``; no two alike."""
    avoid = {normalised(text) for split in ("train", "dev", "test") for text, _ in read_pairs(FOLDER, split)}
    found: list[tuple[str, list[str]]] = []
    first = seed
    while len(found) < count:
        if seed > first + ROUNDS * 1_000_003:
            raise SignerError(f"the grammar makes only {len(found)} of the {count} sentences that are wanted: ask for fewer, or for less")
        seed += 1_000_003
        for text, gloss in make_pairs(2 * count, seed, avoid):
            avoid.add(normalised(text))
            if wanted(gloss.split()):
                found.append((text, gloss.split()))
    return found[:count]


def recorded_share(glosses: list[str], recorded: set[str]) -> float:
    """The share of the glosses that have a recording."""
    return sum(gloss in recorded for gloss in glosses) / len(glosses)


def fits(units: list[Unit]) -> bool:
    return SHORTEST <= len(units) <= LONGEST


def performances(split: str, sentences: list[tuple[str, list[str]]], pool: Prior, seed: int) -> Iterator[Performed]:
    """Each sentence by one signer of the pool: a recording of the sign where there is one, else that signer's own rendition.

    The signers are those of the rule-made clips, or where there are none, of all. Which signer, which recording and which habits follow from
    ``seed`` and the number of the sentence.
    """
    rest = load_body().rest().astype(np.float32)
    known = list(zip(*(pool.table[column][:] for column in ("signer", "source", "variant"))))
    by_rule = {signer for signer, source, variant in known if source == "rule" or variant.startswith(RULE_SIGNERS)}
    signers = sorted(by_rule or {signer for signer, _, _ in known})
    for i, (text, glosses) in enumerate(progress(sentences, f"performing {split}")):
        rng = np.random.default_rng([seed, i])
        signer = signers[rng.integers(len(signers))]
        units = units_of(glosses, pool)
        clips = [_rendition(pool.candidates(unit.name), signer, rng) for unit in units]
        yield perform(f"{split}-{i:05d}", text, glosses, units, [clip.poses for clip in clips], rest, Habits.draw(rng), signer,
                      [clip.variant for clip in clips])


def _rendition(candidates: list[Candidate], signer: str, rng: np.random.Generator) -> Candidate:
    own = [c for c in candidates if c.signer == signer]
    recorded = [c for c in candidates if c.source == "recording" and not c.variant.startswith(RULE_SIGNERS)]
    choices = recorded or own or candidates
    return choices[rng.integers(len(choices))]
