"""Eq. 8: the blend of the chosen poses, in bone-direction space.

A weighted mean of joint positions shortens bones and shrinks hands, the "average pose" the paper warns of; a mean of directions,
laid out again with the constant lengths, cannot. [paper: the blend; ours: the space]
"""

from __future__ import annotations

import torch
from torch import Tensor

from signer_lib.pose import SIGNER70, Skeleton

FACE = SIGNER70.groups["face"]


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


def blend(direction: Tensor, length: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """sum_c weight_c c(t) for candidates brought to one number of frames.

    direction (N, C, T, J, 3), length (N, C, T, J), weight (N, C) rows summing to 1 -> direction (N, T, J, 3), length (N, T, J).
    Directions are averaged and made unit again; lengths are averaged too, which changes nothing in body and hands (one signer, one
    skeleton) and lets the face, which has no bones, move.
    """
    weight = weight[:, :, None, None]
    bone = torch.where(_face_mask(direction), direction * length[..., None], direction)     # the face: offsets; elsewhere: directions
    mean = (weight[..., None] * bone).sum(1)
    mean_length = (weight * length).sum(1)
    norm = mean.norm(dim=-1, keepdim=True)
    is_face = _face_mask(mean)
    return mean / norm.clamp(min=1e-8), torch.where(is_face[..., 0], norm[..., 0], mean_length)


def _face_mask(like: Tensor) -> Tensor:
    mask = torch.zeros(like.shape[-2], 1, dtype=torch.bool)
    mask[FACE] = True
    return mask.expand(like.shape[:-1] + (1,))
