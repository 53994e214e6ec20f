"""A movement as bone directions, so that whatever is done to it keeps the bones: stretched, made larger, turned into another. [ours]"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.directions import from_directions, make_unit, to_directions, turn
from signer_lib.pose.motion import minimum_jerk, zero_phase

ARMS = [SIGNER70.index(f"{side}_{joint}") for side in "rl" for joint in ("elbow", "wrist")]
WRISTS = [SIGNER70.index("r_wrist"), SIGNER70.index("l_wrist")]
LEFT = [SIGNER70.index("l_elbow"), SIGNER70.index("l_wrist"), *range(8, 29)]


@dataclass(frozen=True)
class Trajectory:
    """direction (T, J, 3) unit vectors from each joint's parent (the root: a position), length (T, J) shoulder widths."""

    direction: Tensor
    length: Tensor

    @classmethod
    def of(cls, xyz: np.ndarray) -> Trajectory:
        """From joints (T, J, 3)."""
        return cls(*to_directions(torch.from_numpy(np.ascontiguousarray(xyz, np.float32))))

    def __len__(self) -> int:
        return len(self.direction)

    def __getitem__(self, frames: slice) -> Trajectory:
        return Trajectory(self.direction[frames], self.length[frames])

    @property
    def xyz(self) -> Tensor:
        """(T, J, 3)."""
        return from_directions(self.direction, self.length)

    def stretch(self, frames: int) -> Trajectory:
        """The same path in another number of frames."""
        if frames == len(self):
            return self
        t = torch.linspace(0, len(self) - 1, frames)
        low = t.long().clamp(max=max(len(self) - 2, 0))
        part = (t - low)[:, None]
        high = (low + 1).clamp(max=len(self) - 1)

        def mix(x: Tensor, p: Tensor) -> Tensor:
            return x[low] * (1 - p) + x[high] * p

        return Trajectory(make_unit(mix(self.direction, part[..., None])), mix(self.length, part))

    def sized(self, size: float) -> Trajectory:
        """The arms' movement ``size`` times as large about its middle."""
        if size == 1:
            return self
        arms = self.direction[:, ARMS]
        middle = arms.mean(0)
        direction = self.direction.clone()
        direction[:, ARMS] = middle + size * (arms - middle)
        return replace(self, direction=make_unit(direction))

    def low_pass(self, fps: float, cutoff: float) -> Trajectory:
        """Through the zero-phase filter of ``cutoff`` Hz."""
        smooth = torch.from_numpy(np.ascontiguousarray(zero_phase(self.direction.numpy(), fps, cutoff), np.float32))
        return replace(self, direction=make_unit(smooth))

    def poses(self, fps: float) -> PoseSequence:
        return PoseSequence(self.xyz.numpy(), fps)


def joined(parts: list[Trajectory]) -> Trajectory:
    """One after another."""
    return Trajectory(torch.cat([part.direction for part in parts]), torch.cat([part.length for part in parts]))


def held(pose: Trajectory, frames: int) -> Trajectory:
    """The last frame of ``pose``, ``frames`` times."""
    return Trajectory(pose.direction[-1:].expand(frames, -1, -1), pose.length[-1:].expand(frames, -1))


def between(before: Trajectory, after: Trajectory, frames: int, bow: float = 0.0) -> Trajectory:
    """``frames`` from the last of ``before`` to the first of ``after`` with the profile of a reaching movement.

    ``bow``: how far the forearms swing towards the viewer on the way, as a share of a wrist's way.
    """
    part = torch.from_numpy(minimum_jerk(np.arange(1, frames + 1) / (frames + 1))).float()
    direction = turn(before.direction[-1], after.direction[0], part)
    if bow:
        swing = bow * ways(before, after)[:, None] * torch.tensor([0.0, 0.0, 1.0])                        # (2, 3)
        direction[:, WRISTS] = direction[:, WRISTS] + (torch.pi * part).sin()[:, None, None] * swing
        direction = make_unit(direction)
    return Trajectory(direction, before.length[-1] * (1 - part[:, None]) + after.length[0] * part[:, None])


def ways(before: Trajectory, after: Trajectory) -> Tensor:
    """(2,) how far right and left wrist are from the end of ``before`` to the start of ``after``, shoulder widths."""
    result: Tensor = (after[:1].xyz[0, WRISTS] - before[-1:].xyz[0, WRISTS]).norm(dim=-1)
    return result
