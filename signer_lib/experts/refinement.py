"""R of Eq. 9: the temporal refinement of the whole sequence. A small convolution over time corrects bone directions; a low-pass steadies
them. [ours: form]"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy.signal.windows import gaussian
from torch import Tensor, nn

from signer_lib.performances.trajectory import ARMS
from signer_lib.pose.directions import make_unit
from signer_lib.pose.motion import CUTOFF, zero_phase

MOVING = [*range(2, 8), *range(9, 29), *range(30, 50)]         # joints that it may turn; head and face keep their tracks
PHASE = ("in a sign", "share of it", "on the way", "share of it")
ARMS_CUTOFF = 5.0                           # Hz, of the arms in a sign: they do not shake as fingers do
EDGE = 1.5                                  # frames over which one filter passes into the other
LEAST = 1e-3                                # of a filter's answer to one frame, by its largest value; what is less is left out


class Block(nn.Module):
    """A dilated convolution with a residual."""

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.over_time = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, c), mask (B, T, 1)"""
        y = self.over_time((self.norm(x) * mask).transpose(1, 2)).transpose(1, 2)
        result: Tensor = x + self.out(nn.functional.gelu(y)) * mask
        return result


class Refiner(nn.Module):
    """P^ = R(p_1 .. p_n). Untrained it changes nothing. Sees ``2 * sum(dilations)`` frames around each, so its cost is linear in time."""

    def __init__(self, channels: int, dilations: tuple[int, ...] = (1, 2, 4)):
        super().__init__()
        self.enter = nn.Linear(len(MOVING) * 3 + len(PHASE), channels)
        self.blocks = nn.ModuleList(Block(channels, dilation) for dilation in dilations)
        self.leave = nn.Linear(channels, len(MOVING) * 3)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, direction: Tensor, phase: Tensor, mask: Tensor) -> Tensor:
        """direction (B, T, J, 3), phase (B, T, 4), mask (B, T) true where a frame is -> the corrected directions"""
        B, T = mask.shape
        mask = mask[..., None].float()
        x = self.enter(torch.cat([direction[:, :, MOVING].reshape(B, T, -1), phase], -1)) * mask
        for block in self.blocks:
            x = block(x, mask)
        turned = self.leave(x).view(B, T, len(MOVING), 3)
        return make_unit(direction.index_add(2, torch.tensor(MOVING), turned))


def steady(direction: Tensor, mask: Tensor, on_way: Tensor, fps: float, cutoff: float) -> Tensor:
    """The last step of R: a zero-phase low-pass of 6 Hz, for arms 5 Hz, and ``cutoff`` Hz where they are on their way, as there is no sign to blur.

    direction (B, T, J, 3), mask (B, T) true where a frame is, on_way (B, T). Differentiable, so that R learns what the filter leaves of it.
    """
    flat = direction.flatten(2)
    arms = torch.tensor([3 * joint + axis for joint in ARMS for axis in range(3)])
    share = averaged(on_way[..., None].to(flat.dtype), mask, torch.from_numpy(gaussian(13, EDGE)).to(flat.dtype))
    smooth = averaged(flat, mask, response(fps, CUTOFF))

    def at(hertz: float) -> Tensor:
        return averaged(flat[..., arms], mask, response(fps, hertz))

    steadier = share * at(cutoff) + (1 - share) * at(ARMS_CUTOFF)
    return make_unit(smooth.index_copy(-1, arms, steadier).view_as(direction))


def averaged(x: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """Each frame of x (B, T, c) as the mean, with ``weights`` (2n + 1,), of those around it that mask (B, T) has."""
    T, n = x.shape[1], len(weights) // 2

    def over_time(rows: Tensor) -> Tensor:
        result: Tensor = sum(w * rows[:, k:k + T] for k, w in enumerate(weights.tolist()))           # far quicker than a convolution
        return result

    there = mask[..., None].to(x.dtype)
    padded = nn.functional.pad(torch.cat([x * there, there], -1), (0, 0, n, n))
    found = over_time(padded)
    return found[..., :-1] / found[..., -1:].clamp(min=1e-6)


@lru_cache
def response(fps: float, cutoff: float) -> Tensor:
    """What ``motion.zero_phase`` makes of a single frame: (2n + 1,), sums to 1."""
    one = np.zeros(2 * round(2 * fps) + 1)
    one[len(one) // 2] = 1
    answer = zero_phase(one, fps, cutoff)
    reach = np.abs(np.flatnonzero(np.abs(answer) > LEAST * answer.max()) - len(one) // 2).max()
    kept = answer[len(one) // 2 - reach:len(one) // 2 + reach + 1]
    return torch.from_numpy(kept / kept.sum())
