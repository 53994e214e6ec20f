"""From blended signs to the frames of a sentence: the courses of ``timeline`` followed through the signs and the ways between them. [ours]"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from signer_lib.experts.timeline import REST, Course, gather
from signer_lib.experts.transitions import bent
from signer_lib.performances.trajectory import LEFT
from signer_lib.pose.directions import make_unit, turn


@dataclass(frozen=True)
class Plan:
    """The courses of one or more sentences laid end to end: ``own``, the left arm's, and the sentence of each frame (M,)."""

    own: Course
    left: Course
    sentence: np.ndarray

    @classmethod
    def of(cls, courses: list[tuple[Course, Course]], boundaries: list[int]) -> Plan:
        """``boundaries``: how many each sentence has, as they are counted through all of them."""
        first = np.concatenate([[0], np.cumsum(boundaries)[:-1]])

        def join(side: int) -> Course:
            return Course(**{field.name: np.concatenate([
                np.where(pair[side].boundary >= 0, pair[side].boundary + at, -1) if field.name == "boundary" else getattr(pair[side], field.name)
                for pair, at in zip(courses, first)]) for field in fields(Course)})

        return cls(join(0), join(1), np.repeat(np.arange(len(courses)), [len(own.unit) for own, _ in courses]))

    @property
    def phase(self) -> Tensor:
        """(M, 4) for R: in a sign, the share of it, on the way, the share of it."""
        inside = self.own.unit >= 0
        on_way = self.own.boundary >= 0
        return torch.from_numpy(np.stack([inside, self.own.at * inside, on_way, self.own.time * on_way], 1).astype(np.float32))


def lay_out(direction: Tensor, length: Tensor, bend: Tensor, plan: Plan) -> tuple[Tensor, Tensor]:
    """direction (N + 1, F, J, 3) and length (N + 1, F, J) of the signs and, last, of rest; bend (B, MODES, 4, 3) of the ways between.

    -> directions (M, J, 3), lengths (M, J) of all frames
    """
    frames, lengths = gather(plan.own, direction, length)
    rows = torch.from_numpy(np.flatnonzero(plan.own.boundary >= 0))

    def at(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values)[rows]

    def unit(values: np.ndarray) -> Tensor:
        return torch.where(at(values) == REST, direction.shape[0] - 1, at(values))

    before, after, part = unit(plan.own.before), unit(plan.own.after), at(plan.own.part)
    start, end = direction[:, -1].index_select(0, before), direction[:, 0].index_select(0, after)
    way = bent(turn(start, end, part), bend.index_select(0, at(plan.own.boundary)), at(plan.own.time))
    frames = make_unit(frames.index_copy(0, rows, way))
    shares = length[:, -1].index_select(0, before) * (1 - part[:, None]) + length[:, 0].index_select(0, after) * part[:, None]
    lengths = lengths.index_copy(0, rows, shares)
    waiting = np.flatnonzero((plan.left.unit != plan.own.unit) | (plan.left.boundary != plan.own.boundary))
    if not len(waiting):
        return frames, lengths
    rows = torch.from_numpy(waiting)
    arm = turn(direction[:, -1].index_select(0, at(plan.left.before)), direction[:, 0].index_select(0, at(plan.left.after)), at(plan.left.part))
    held = frames[rows].index_copy(1, torch.tensor(LEFT), arm[:, LEFT])
    return frames.index_copy(0, rows, held), lengths
