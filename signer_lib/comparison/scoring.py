"""The scores of one system on one split: the poses themselves, what the evaluator reads in them, how well their single signs are known. [ours]"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from signer_lib.comparison.systems import Asked
from signer_lib.experts.losses import ENDS, STILL
from signer_lib.metrics.back_translation import BackTranslation
from signer_lib.metrics.poses import pose_scores
from signer_lib.metrics.recognition import distances, normalised, scores
from signer_lib.performances.folder import Produced
from signer_lib.performances.trajectory import LEFT
from signer_lib.performances.units import Span
from signer_lib.pose import PoseSequence
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.phonology import load_signs


def score(produced: list[Produced], asked: Asked, judge: BackTranslation) -> dict[str, Any]:
    """All measures of a system, flat; ``signature`` tells how they were made."""
    truth = asked.truth
    poses = pose_scores(produced, [row.produced for row in truth])
    read = judge.scores([one.poses.xyz for one in produced], [row.text for row in truth], [[unit.name for unit in row.units] for row in truth])
    signatures = [poses.pop("signature"), read.pop("signature")]
    return poses | read | unit_errors(produced, asked) | {"signatures": signatures}


def unit_errors(produced: list[Produced], asked: Asked) -> dict[str, float | None]:
    """How the single units differ from the truth's in manner: DTW sees neither how long each takes nor, in fast movement, how large it is.

    rhythm_error  mean |log ratio| of their seconds.    size_error  the same of how far wrists and fingertips go in them, as ``losses.loss_way``.
    Over sentences that SLUL read right, None for a system that does not say which frames are whose.
    """
    def length(spans: list[Span]) -> np.ndarray:
        return np.log([span.stop - span.start for span in spans])

    def far(poses: PoseSequence, spans: list[Span]) -> np.ndarray:
        return np.log([np.linalg.norm(np.diff(poses.xyz[span.start:span.stop, ENDS], axis=0), axis=-1).sum(0) + STILL for span in spans])

    seconds, ways = [], []
    for one, row, sentence in zip(produced, asked.truth, asked.sentences):
        own, true = ([span for span in spans or [] if span.unit is not None] for spans in (one.spans, row.spans))
        if len(own) != len(true) or sentence.glosses != row.glosses:
            continue

        seconds += np.abs(length(own) - length(true)).tolist()
        ways += np.abs(far(one.poses, own) - far(row.poses, true)).mean(1).tolist()
    return {"rhythm_error": float(np.mean(seconds)) if seconds else None, "size_error": float(np.mean(ways)) if ways else None}


class Signs:
    """Single signs against the clips of a pool that no system holds: is a sign nearest to its own gloss's mean clip?

    The left arm of a one-handed sign belongs to its neighbours in the sentence; it is put to rest in signs and clips alike.
    """

    def __init__(self, pool: Prior, glosses: set[str]):
        """``glosses``: which signs take part, those of them that the pool has."""
        self.names = sorted(glosses & set(pool.glosses))
        self.rest = load_body().rest().astype(np.float32)
        signs = load_signs()
        self.one_handed = {name for name in self.names if getattr(signs.get(name), "type", "") == "one-handed"}
        self.prototypes = []
        for name in self.names:
            clips = [self._shown(name, c.poses) for c in pool.candidates(name)]
            frames = max(len(clip) for clip in clips)
            at = [np.linspace(0, len(clip) - 1, frames).round().astype(int) for clip in clips]
            self.prototypes.append(np.mean([clip[rows] for clip, rows in zip(clips, at)], axis=0))

    def known(self, signs: list[tuple[str, PoseSequence]]) -> dict[str, float]:
        """(gloss, poses) of single signs -> top1, top5 (%), mrr, clips, glosses; signs of other glosses are left out."""
        asked = [(self.names.index(gloss), self._shown(gloss, poses)) for gloss, poses in signs if gloss in self.names]
        truth, clips = zip(*asked)
        return scores(distances(list(clips), self.prototypes), np.array(truth))

    def _shown(self, gloss: str, poses: PoseSequence) -> np.ndarray:
        if gloss in self.one_handed:
            xyz = poses.xyz.copy()
            xyz[:, LEFT] = self.rest[LEFT]
            poses = PoseSequence(xyz, poses.fps)
        return normalised(poses)


def single_signs(produced: list[Produced], asked: Asked, least: int = 3) -> list[tuple[str, PoseSequence]]:
    """(gloss, poses) of every sign in sequences whose spans are known and whose glosses SLUL read right; letters are left out."""
    found = []
    for one, row, sentence in zip(produced, asked.truth, asked.sentences):
        spans = [span for span in one.spans or [] if span.unit is not None]
        if len(spans) != len(row.units) or sentence.glosses != row.glosses:
            continue
        found += [(unit.name, PoseSequence(one.poses.xyz[span.start:span.stop], one.poses.fps)) for unit, span in zip(row.units, spans)
                  if not unit.of and span.stop - span.start >= least]
    return found


def candidates(asked: Asked) -> dict[str, list[tuple[str, PoseSequence]]]:
    """The raw candidates for the signs of ``single_signs``: "first", the one that the prior lists first, and "every" one of them."""
    found = defaultdict(list)
    for row, sentence in zip(asked.truth, asked.sentences):
        for unit in row.units if sentence.glosses == row.glosses else ():
            if not unit.of:
                offered = asked.prior.candidates(unit.name)
                found["first"].append((unit.name, offered[0].poses))
                found["every"] += [(unit.name, c.poses) for c in offered]
    return dict(found)
