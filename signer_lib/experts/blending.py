"""Eq. 8: the blend of the chosen poses, in bone-direction space.

A weighted mean of joint positions shortens bones and shrinks hands, the "average pose" the paper warns of; a mean of directions,
laid out again with the constant lengths, cannot. [paper: the blend; ours: the space]
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from signer_lib.performances.trajectory import ARMS
from signer_lib.pose.directions import from_directions, make_unit, to_directions


class Blend(NamedTuple):
    """Eq. 8, term by term. weight (N, C): sum_k w_ik pi_ikc, rows sum to 1; direction (N, F, J, 3), length (N, F, J): p_i."""

    weight: Tensor
    direction: Tensor
    length: Tensor


def mixture(w: Tensor, pi: Tensor) -> Tensor:
    """Eq. 8's sums over the experts, sum_k w_ik pi_ikc: the weight of each candidate. [paper] (N, K), (N, K, C) -> (N, C), rows sum to 1"""
    return torch.einsum("nk,nkc->nc", w, pi)


def blend(direction: Tensor, length: Tensor, w: Tensor, pi: Tensor, size: Tensor | None = None) -> Blend:
    """Eq. 8: p_i = sum_k w_ik sum_c pi_ikc c(t), for candidates brought to one time.

    direction (N, C, F, J, 3), length (N, C, F, J), w (N, K), pi (N, K, C). size (K,): how large each expert makes the arms' movement
    about its middle [ours]. Directions are averaged and made unit again; lengths are averaged too, which changes nothing in body and
    hands (one signer, one skeleton).
    """
    weight = mixture(w, pi)
    mean = torch.einsum("nc,ncfjx->nfjx", weight, direction)
    if size is not None:
        arms = direction[..., ARMS, :]
        moved = torch.einsum("nc,ncfjx->nfjx", mixture(w * (size - 1), pi), arms - arms.mean(2, keepdim=True))
        mean = mean.index_add(-2, torch.tensor(ARMS), moved)
    return Blend(weight, make_unit(mean), torch.einsum("nc,ncfj->nfj", weight, length))


def blend_positions(direction: Tensor, length: Tensor, w: Tensor, pi: Tensor) -> Blend:
    """The same in joint positions: what shrinks hands, kept so that a lesson can show the average pose. Shapes as ``blend``."""
    weight = mixture(w, pi)
    return Blend(weight, *to_directions(torch.einsum("nc,ncfjx->nfjx", weight, from_directions(direction, length))))
