"""R of Eq. 9: the temporal refinement of the whole sequence. A small convolution over time that corrects bone directions. [ours: form]"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from signer_lib.pose.directions import make_unit

MOVING = [*range(2, 8), *range(9, 29), *range(30, 50)]         # joints that it may turn; head and face keep their tracks
PHASE = ("in a sign", "share of it", "on the way", "share of it")


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
        return x + self.out(nn.functional.gelu(y)) * mask


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
