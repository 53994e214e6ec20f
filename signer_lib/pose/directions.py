"""Poses as bone directions: what is averaged, turned and filtered so that bones keep their lengths. Torch, differentiable. [ours]"""

from __future__ import annotations

import torch
from torch import Tensor

from signer_lib.pose.skeleton import SIGNER70, Skeleton

STRAIGHT = 1 - 1e-6


def to_directions(xyz: Tensor, skeleton: Skeleton = SIGNER70) -> tuple[Tensor, Tensor]:
    """(..., J, 3) joints -> unit directions (..., J, 3) from parent to joint, and lengths (..., J). The root keeps its position, length 1."""
    parents = torch.tensor(skeleton.parents)
    root = (parents < 0)[:, None]
    bone = torch.where(root, xyz, xyz - xyz[..., parents.clamp(min=0), :])
    length = torch.where(root[:, 0], torch.ones_like(bone[..., 0]), bone.norm(dim=-1))
    return bone / length.clamp(min=1e-8)[..., None], length


def from_directions(direction: Tensor, length: Tensor, skeleton: Skeleton = SIGNER70) -> Tensor:
    """The inverse of ``to_directions``: joints (..., J, 3), each the sum of the bones from the root to it."""
    return torch.from_numpy(skeleton.chains).to(direction) @ (direction * length[..., None])


def make_unit(direction: Tensor, skeleton: Skeleton = SIGNER70) -> Tensor:
    """Averaged directions (..., J, 3) made length 1 again. The root is a position and stays."""
    root = (torch.tensor(skeleton.parents) < 0)[:, None]
    unit: Tensor = direction / direction.norm(dim=-1, keepdim=True).clamp(min=1e-8).masked_fill(root, 1.0)
    return unit


def turn(start: Tensor, end: Tensor, part: Tensor, skeleton: Skeleton = SIGNER70) -> Tensor:
    """Directions (J, 3) turned from ``start`` to ``end`` at an even angular speed (slerp), the root straight: part (T,) -> (T, J, 3)."""
    part = part[:, None, None]
    angle = (start * end).sum(-1, keepdim=True).clamp(-STRAIGHT, STRAIGHT).acos()     # acos has no gradient at 1
    near = angle < 2e-3
    sine = torch.where(near, torch.ones_like(angle), angle.sin())
    straight = start * (1 - part) + end * part
    turned = torch.where(near, straight, (((1 - part) * angle).sin() * start + (part * angle).sin() * end) / sine.clamp(min=1e-3))
    root = (torch.tensor(skeleton.parents) < 0)[:, None]
    return torch.where(root, straight, make_unit(turned))
