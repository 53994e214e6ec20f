"""The floors of a pose table: what a score must beat to mean anything. None of them looks at the length of the truth. [ours]"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from signer_lib.errors import SignerError
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.folder import Performed, Produced
from signer_lib.performances.units import units_of
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.directions import from_directions, make_unit, to_directions
from signer_lib.prior.database import Prior


def static_mean(sentences: list[GlossSentence], training: list[Performed], prior: Prior) -> list[Produced]:
    """The training's mean pose, which never moves, for its mean seconds per unit times the sentence's units.

    Raises ``SignerError`` without training performances or for a word that cannot be spelled.
    """
    _some(training)
    fps, pose = training[0].poses.fps, mean_pose(training)
    seconds = sum(one.poses.duration for one in training) / sum(len(one.units) for one in training)
    lengths = [max(1, round(seconds * len(names) * fps)) for names in _names(sentences, prior)]
    return [Produced(PoseSequence(np.repeat(pose[None], frames, axis=0), fps)) for frames in lengths]


def mean_pose(training: list[Performed]) -> np.ndarray:
    """(J, 3): every bone points where it points on the mean over all frames, and keeps its length; a joint that is never seen is NaN."""
    sums = []
    for one in training:
        direction, length = to_directions(torch.from_numpy(one.poses.xyz).double())
        seen = direction.isfinite().all(-1)                                             # (T, J)
        sums.append((direction.nansum(0), torch.where(seen, length, 0).sum(0), seen.sum(0)))
    direction, length, seen = (torch.stack(each).sum(0) for each in zip(*sums))
    share = seen.clamp(min=1)
    pose = from_directions(make_unit(direction / share[:, None]), length / share).numpy()
    pose[SIGNER70.chains @ (seen == 0).numpy() > 0] = np.nan                            # nothing hangs on a joint that has no place
    return pose


def wrong_sentence(truth: list[Performed], seed: int = 0) -> list[Produced]:
    """For each sentence the truth of another one: drawn by ``seed`` among all that are signed otherwise, so never its own.

    Raises ``SignerError`` if all sentences are the same.
    """
    rng, signed = np.random.default_rng(seed), [[unit.name for unit in one.units] for one in truth]
    others = [[i for i, names in enumerate(signed) if names != own] for own in signed]
    if not all(others):
        raise SignerError("there is no other sentence to show instead: give at least two that are signed differently")
    return [Produced(truth[rng.choice(each)].poses) for each in others]


def nearest_neighbour(sentences: list[GlossSentence], training: list[Performed], prior: Prior) -> list[Produced]:
    """The training performance whose units need the fewest insertions, deletions and replacements to become the sentence's.

    Of those equally near the one with the most units in common, in whatever order, and of these the earliest.
    Raises ``SignerError`` without training performances or for a word that cannot be spelled.
    """
    _some(training)
    asked, known = _names(sentences, prior), [[unit.name for unit in one.units] for one in training]
    distances = cdist(asked, known, scorer=Levenshtein.distance)                        # (sentences, training)

    def common(names: Sequence[str], i: int) -> int:
        return (Counter(names) & Counter(known[i])).total()

    best = [max(np.flatnonzero(row == row.min()).tolist(), key=lambda i: common(names, i)) for names, row in zip(asked, distances)]
    return [Produced(training[i].poses) for i in best]


def _names(sentences: list[GlossSentence], prior: Prior) -> list[list[str]]:
    """The units of each sentence, by name."""
    return [[unit.name for unit in units_of(sentence.glosses, prior, sentence.text)] for sentence in sentences]


def _some(training: list[Performed]) -> None:
    if not training:
        raise SignerError("there are no training performances: make them with  python -m signer_lib.performances")
