"""Eq. 8: the blend of the chosen poses, in bone-direction space.

A weighted mean of joint positions shortens bones and shrinks hands, the "average pose" the paper warns of; a mean of directions,
laid out again with the constant lengths, cannot. [paper: the blend; ours: the space]
"""

from __future__ import annotations

import torch
from torch import Tensor

from signer_lib.pose import SIGNER70, Skeleton

FACE_JOINTS = torch.zeros(len(SIGNER70), dtype=torch.bool)
FACE_JOINTS[SIGNER70.groups["face"]] = True


def to_directions(xyz: Tensor, skeleton: Skeleton = SIGNER70) -> tuple[Tensor, Tensor]:
    """(..., J, 3) joints -> unit directions (..., J, 3) from parent to joint, and lengths (..., J). The root keeps its position, length 1."""
    parents = torch.tensor(skeleton.parents)
    root = (parents < 0)[:, None]
    bone = torch.where(root, xyz, xyz - xyz[..., parents.clamp(min=0), :])
    length = torch.where(root[:, 0], torch.ones_like(bone[..., 0]), bone.norm(dim=-1))
    return bone / length.clamp(min=1e-8)[..., None], length


def from_directions(direction: Tensor, length: Tensor, skeleton: Skeleton = SIGNER70) -> Tensor:
    """The inverse of ``to_directions``: joints (..., J, 3), laid out from the root to the fingertips."""
    bone = direction * length[..., None]
    xyz: dict[int, Tensor] = {}
    for joint in skeleton.order:
        parent = skeleton.parents[joint]
        xyz[joint] = bone[..., joint, :] if parent < 0 else xyz[parent] + bone[..., joint, :]
    return torch.stack([xyz[joint] for joint in range(len(skeleton))], dim=-2)


def make_unit(direction: Tensor, skeleton: Skeleton = SIGNER70) -> Tensor:
    """Averaged directions (..., J, 3) made length 1 again. The root is a position and stays."""
    root = (torch.tensor(skeleton.parents) < 0)[:, None]
    return torch.where(root, direction, direction / direction.norm(dim=-1, keepdim=True).clamp(min=1e-8))


def turn(start: Tensor, end: Tensor, part: Tensor, skeleton: Skeleton = SIGNER70) -> Tensor:
    """Directions (J, 3) turned from ``start`` to ``end`` at an even angular speed (slerp), the root straight: part (T,) -> (T, J, 3)."""
    part = part[:, None, None]
    angle = (start * end).sum(-1, keepdim=True).clamp(-1, 1).acos()
    near = angle < 1e-3
    sine = torch.where(near, torch.ones_like(angle), angle.sin())
    straight = start * (1 - part) + end * part
    turned = torch.where(near, straight, (((1 - part) * angle).sin() * start + (part * angle).sin() * end) / sine.clamp(min=1e-3))
    root = (torch.tensor(skeleton.parents) < 0)[:, None]
    return torch.where(root, straight, make_unit(turned))


def blend(direction: Tensor, length: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """sum_c weight_c c(t) for candidates brought to one number of frames.

    direction (N, C, T, J, 3), length (N, C, T, J), weight (N, C) rows summing to 1 -> direction (N, T, J, 3), length (N, T, J).
    Directions are averaged and made unit again; lengths are averaged too, which changes nothing in body and hands (one signer, one
    skeleton). The face has no bones: its points are averaged as offsets from the nose.
    """
    bone = torch.where(FACE_JOINTS[:, None], direction * length[..., None], direction)
    mean = torch.einsum("nc,nctjx->ntjx", weight, bone)
    return make_unit(mean), torch.where(FACE_JOINTS, mean.norm(dim=-1), torch.einsum("nc,nctj->ntj", weight, length))
