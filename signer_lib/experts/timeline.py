"""Which frame of the sequence comes from where: out of a sign, or out of the way between two. [ours]

The right arm, the body and the face go from sign to sign; the left arm has a course of its own, as it waits where it is while a few
one-handed signs pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from signer_lib.performances.units import Span
from signer_lib.pose.motion import minimum_jerk

Column = tuple[int, float, int, int, float, float, int]         # a frame of a ``Course``
REST = -1                           # in place of a unit: the signer's rest


@dataclass(frozen=True)
class Boundary:
    """The way into unit ``after`` from unit ``before`` (either may be ``REST``), ``frames`` long, after a hold of ``hold`` frames."""

    before: int
    after: int
    hold: int
    frames: int


@dataclass(frozen=True)
class Course:
    """For each of T frames: the unit it is in and where (share of it), or -1 and then the two units it is between and how far (share).

    unit (T,), at (T,), before (T,), after (T,), part (T,) the profile of a reaching movement, time (T,) even, boundary (T,) or -1.
    """

    unit: np.ndarray
    at: np.ndarray
    before: np.ndarray
    after: np.ndarray
    part: np.ndarray
    time: np.ndarray
    boundary: np.ndarray


def course(frames: list[int], boundaries: list[Boundary], still: int, first: int = 0) -> tuple[Course, list[Span]]:
    """The course of one sentence of n units (``frames`` (n,), n + 1 boundaries), which are counted from ``first`` on, and its spans."""
    columns: list[Column] = []
    spans: list[Span] = []

    def add(rows: list[Column], unit: int | None) -> None:
        spans.append(Span(unit, len(columns), len(columns) + len(rows)))
        columns.extend(rows)

    def inside(unit: int, share: float) -> Column:
        return (unit, share, REST, REST, 0.0, 0.0, -1)

    add([inside(REST, 0.0)] * still, None)
    for k, gap in enumerate(boundaries):
        before, after = (unit + first if unit != REST else REST for unit in (gap.before, gap.after))
        if gap.hold:
            add([inside(before, 1.0)] * gap.hold, None)
        steps = np.arange(1, gap.frames + 1) / (gap.frames + 1)
        add([(-2, 0.0, before, after, part, time, k) for part, time in zip(minimum_jerk(steps), steps)], None)
        if gap.after != REST:
            add([inside(after, share) for share in np.linspace(0, 1, frames[gap.after])], gap.after)
    add([inside(REST, 0.0)] * still, None)
    table = [np.array(column) for column in zip(*columns)]
    return Course(*(column.astype(np.float32 if name in ("at", "part", "time") else np.int64)
                    for name, column in zip(Course.__dataclass_fields__, table))), spans


def left_course(own: Course, spans: list[Span], left: list[bool], fps: float, waiting: float, first: int = 0) -> Course:
    """The left arm's course: between two signs that use it (``left`` (n,)) it goes slowly from one to the other, if they are near in time."""
    arrays = {name: getattr(own, name).copy() for name in Course.__dataclass_fields__}
    at = {span.unit: span for span in spans if span.unit is not None}
    used = [k for k, uses in enumerate(left) if uses]
    for a, b in zip(used, used[1:]):
        if b == a + 1 or sum(at[k].stop - at[k].start for k in range(a + 1, b)) > waiting * fps:
            continue
        start, stop = at[a].stop, at[b].start
        steps = np.arange(1, stop - start + 1) / (stop - start + 1)
        gap = slice(start, stop)
        arrays["unit"][gap], arrays["at"][gap], arrays["boundary"][gap] = -2, 0, -1
        arrays["before"][gap], arrays["after"][gap] = a + first, b + first
        arrays["part"][gap], arrays["time"][gap] = minimum_jerk(steps), steps
    return Course(**arrays)


def boundaries_of(spans: list[Span], units: int) -> tuple[list[int], list[Boundary], int]:
    """What a performed sentence's spans say, the reverse of ``course``: frames of each unit, the boundaries, the frames still at the start."""

    def size(span: Span) -> int:
        return span.stop - span.start

    frames: list[int] = []
    boundaries: list[Boundary] = []
    waiting: list[int] = []
    for span in spans[1:-1]:
        if span.unit is None:
            waiting.append(size(span))
            continue
        boundaries.append(Boundary(span.unit - 1 if span.unit else REST, span.unit, sum(waiting[:-1]), waiting[-1]))
        frames.append(size(span))
        waiting = []
    boundaries.append(Boundary(units - 1, REST, sum(waiting[:-1]), waiting[-1]))
    return frames, boundaries, size(spans[0])


def gather(course: Course, direction: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """The frames that are inside units: direction (N + 1, F, J, 3), the last being rest, read at (unit, at); others are 0. -> (T, J, 3), (T, J)"""
    unit, F = torch.from_numpy(course.unit), direction.shape[1]
    where = torch.from_numpy(course.at) * (F - 1)
    low = where.long().clamp(max=F - 2)
    part = (where - low)[:, None]
    row = torch.where(unit == REST, direction.shape[0] - 1, unit.clamp(min=0)) * F + low

    def read(x: Tensor, p: Tensor) -> Tensor:
        return x.flatten(0, 1).index_select(0, row) * (1 - p) + x.flatten(0, 1).index_select(0, row + 1) * p   # fast backwards

    return read(direction, part[..., None]), read(length, part)
