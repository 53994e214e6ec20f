"""R of Eq. 9: one steady sequence out of single signs. Transitions between signs and a zero-phase low-pass. [ours: form]

The transitions here follow rules; a learned refinement, with L_smooth, is to take their place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from signer_lib.experts.blending import from_directions, make_unit, to_directions, turn
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.motion import minimum_jerk, zero_phase

WRISTS = [SIGNER70.index("r_wrist"), SIGNER70.index("l_wrist")]
SPEED = 3.2                                 # shoulder widths a second of a hand between two signs
SHORTEST, LONGEST = 0.12, 0.70              # seconds of a transition
STILL = 0.2                                 # seconds at rest before and after


@dataclass(frozen=True)
class Span:
    """Frames [start, stop) of a part of the sequence. ``unit`` is its index, or None for a transition or a pause."""

    unit: int | None
    start: int
    stop: int


def transition(before: np.ndarray, after: np.ndarray, fps: float, spelled: bool = False) -> np.ndarray:
    """(n, J, 3) frames between two poses (J, 3), in bone-direction space, as long as the longer way of a wrist needs at ``SPEED``.

    ``spelled``: between two letters of one word the hand stays up, so only the fingers' change takes time.
    """
    way = max(np.linalg.norm(after[w] - before[w]) for w in WRISTS)
    seconds = np.clip(way / SPEED, SHORTEST * (.8 if spelled else 1), LONGEST)
    frames = max(2, round(seconds * fps))
    part = torch.from_numpy(minimum_jerk(np.arange(1, frames + 1) / (frames + 1))).float()
    (d0, l0), (d1, l1) = to_directions(torch.from_numpy(before)), to_directions(torch.from_numpy(after))
    return from_directions(turn(d0, d1, part), l0 * (1 - part[:, None]) + l1 * part[:, None]).numpy()


def low_pass(xyz: np.ndarray, fps: float) -> np.ndarray:
    """The filter over bone directions, so that lengths stay what they are. (T, J, 3) -> (T, J, 3)"""
    direction, length = to_directions(torch.from_numpy(xyz))
    smooth = torch.from_numpy(np.ascontiguousarray(zero_phase(direction.numpy(), fps), np.float32))
    return from_directions(make_unit(smooth), length).numpy()


def join(signs: list[np.ndarray], rest: np.ndarray, fps: float, *, spelled: list[bool], pauses: list[float]) -> tuple[PoseSequence, list[Span]]:
    """The signs with transitions from rest, between each other and back to rest.

    signs    (T_i, J, 3) each.     spelled (n,) whether unit i continues the spelled word of unit i-1.
    pauses   (n,) seconds that the last frame of unit i is held: a pause at the end of a sentence.
    """
    frames, spans = [], []

    def add(part: np.ndarray, unit: int | None) -> None:
        start = spans[-1].stop if spans else 0
        frames.append(part)
        spans.append(Span(unit, start, start + len(part)))

    add(np.repeat(rest[None], round(STILL * fps), 0), None)
    for i, sign in enumerate(signs):
        add(transition(frames[-1][-1], sign[0], fps, spelled[i]), None)
        add(sign, i)
        if pauses[i]:
            add(np.repeat(sign[-1:], round(pauses[i] * fps), 0), None)
    add(transition(frames[-1][-1], rest, fps), None)
    add(np.repeat(rest[None], round(STILL * fps), 0), None)
    return PoseSequence(low_pass(np.concatenate(frames).astype(np.float32), fps), fps), spans
