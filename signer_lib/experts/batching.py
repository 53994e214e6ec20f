"""Performed sentences as batches for the training of SLP-MoE. Everything random follows from the seed and the number of the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from signer_lib.experts.layout import Plan
from signer_lib.experts.model import flags_of, places
from signer_lib.experts.offers import Offered, Offers
from signer_lib.experts.timeline import Course, boundaries_of, course, left_course
from signer_lib.experts.transitions import Ways
from signer_lib.language.slul import SLUL, GlossSentence
from signer_lib.performances.folder import Performed
from signer_lib.performances.natural import FPS, WAITING
from signer_lib.performances.nonmanual import topic_of


@dataclass(frozen=True)
class Example:
    """One performed sentence of n units and T frames with SLUL's states. Durations in seconds: seconds (n,), ways and holds (n + 1,)."""

    names: list[str]
    clips: list[str]
    states: Tensor
    context: Tensor
    place: Tensor
    flags: Tensor
    seconds: Tensor
    ways: Tensor
    holds: Tensor
    courses: tuple[Course, Course]
    xyz: Tensor


@dataclass(frozen=True)
class Batch:
    """B sentences of N units and M frames in all. target (M, J, 3)."""

    offered: Offered
    states: Tensor
    context: Tensor
    place: Tensor
    ways: Ways
    seconds: Tensor
    way_seconds: Tensor
    holds: Tensor
    plan: Plan
    target: Tensor

    @property
    def sizes(self) -> dict[str, int]:
        """How many units, boundaries and frames there are."""
        return {"units": len(self.seconds), "boundaries": len(self.way_seconds), "frames": len(self.target)}


def make_examples(performed: list[Performed], slul: SLUL, offers: Offers) -> tuple[list[Example], int]:
    """Sentences whose glosses SLUL finds, as examples; and how many it reads otherwise, which are left out."""
    found = slul.translate([p.text for p in performed], beams=1)
    kept = [(p, sentence) for p, sentence in zip(performed, found) if sentence.glosses == p.glosses]
    return [example(p, sentence, offers) for p, sentence in kept], len(performed) - len(kept)


def example(p: Performed, sentence: GlossSentence, offers: Offers) -> Example:
    frames, boundaries, still = boundaries_of(p.spans, len(p.units))
    own, spans = course(frames, boundaries, still)
    left = left_course(own, spans, [offers[unit.name].left for unit in p.units], FPS, WAITING)

    def numbers(values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32) / FPS

    return Example([unit.name for unit in p.units], p.clips, sentence.states[[unit.gloss for unit in p.units]],
                   sentence.context.expand(len(p.units), -1), places(p.units), flags_of(p.units, topic_of(p.text, p.glosses)), numbers(frames),
                   numbers([b.frames for b in boundaries]), numbers([b.hold for b in boundaries]), (own, left), torch.from_numpy(p.poses.xyz))


def collate(examples: list[Example], offers: Offers) -> Batch:
    """The examples one after another. A candidate that is the very clip of the target is not offered."""
    names = [name for e in examples for name in e.names]
    offered = offers.batch(names)
    mask = offered.mask.clone()
    for row, (name, clip) in enumerate(zip(names, (clip for e in examples for clip in e.clips))):
        same = [k for k, c in enumerate(offers[name].candidates) if c.variant == clip]
        if same and len(offers[name].candidates) > len(same):
            mask[row, same] = False
    counts = [len(e.names) for e in examples]
    rest, first = sum(counts), 0
    before: list[int] = []
    after: list[int] = []
    courses: list[tuple[Course, Course]] = []
    for e, n in zip(examples, counts):
        before += [rest, *range(first, first + n)]
        after += [*range(first, first + n), rest]
        own, left = e.courses
        courses.append((_shifted(own, first), _shifted(left, first)))
        first += n

    def cat(field: str) -> Tensor:
        return torch.cat([getattr(e, field) for e in examples])

    return Batch(Offered(offered.direction, offered.length, offered.phi, mask), cat("states"), cat("context"), cat("place"),
                 Ways(torch.tensor(before), torch.tensor(after), cat("flags")), cat("seconds"), cat("ways"), cat("holds"),
                 Plan.of(courses, [n + 1 for n in counts]), cat("xyz"))


class BatchSettings(Protocol):
    """What ``Batches`` reads of a training's settings."""

    @property
    def batch_size(self) -> int: ...

    @property
    def candidates_dropped(self) -> float: ...


class Batches:
    """All steps of a training: ``len(batches)`` in an epoch, ``batches.batch(step)`` the Batch of any step."""

    def __init__(self, examples: list[Example], offers: Offers, config: BatchSettings, seed: int):
        self.examples, self.offers, self.config, self.seed = examples, offers, config, seed
        self.most = max(len(offers[name].phi) for e in examples for name in e.names)

    def __len__(self) -> int:
        return len(self.examples) // self.config.batch_size

    def rows(self, step: int) -> np.ndarray:
        """(batch_size,) the numbers of a step's sentences."""
        (epoch, place), size = divmod(step, len(self)), self.config.batch_size
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.examples))[place * size:(place + 1) * size]

    def batch(self, step: int, k: int = 0, of: int = 1) -> tuple[Batch, dict[str, int]]:
        """Every ``of``-th sentence from the k-th on, without the candidates that are not offered, and the sizes of the whole batch."""
        examples, rng = [self.examples[row] for row in self.rows(step)], np.random.default_rng([self.seed, 1, step])
        kept = [torch.from_numpy(rng.random((len(e.names), self.most)) >= self.config.candidates_dropped) for e in examples]
        found = collate(examples[k::of], self.offers)
        few = torch.cat(kept[k::of])[:, :found.offered.mask.shape[1]] & found.offered.mask
        found.offered.mask.copy_(torch.where(few.any(1, keepdim=True), few, found.offered.mask))
        return found, {"units": sum(len(e.names) for e in examples), "boundaries": sum(len(e.names) + 1 for e in examples),
                       "frames": sum(len(e.xyz) for e in examples)}


def _shifted(side: Course, first: int) -> Course:
    """A course whose units are counted from ``first`` on."""

    def move(values: np.ndarray) -> np.ndarray:
        return np.where(values >= 0, values + first, values)

    return type(side)(move(side.unit), side.at, move(side.before), move(side.after), side.part, side.time, side.boundary)


