"""The terms of Eq. 9 that the nano training uses, each its own function. [paper: the terms; ours: their forms and weights]"""

from __future__ import annotations

from torch import Tensor

from signer_lib.pose import SIGNER70

LEFT, RIGHT = SIGNER70.groups["left_hand"], SIGNER70.groups["right_hand"]


def loss_rec(P: Tensor, target: Tensor) -> Tensor:
    """Mean distance of the joints, shoulder widths. P, target (N, T, J, 3)"""
    return (P - target).norm(dim=-1).mean()


def loss_vel(P: Tensor, target: Tensor) -> Tensor:
    """L_vel = mean |dP - dTarget|, shoulder widths a frame."""
    return (P.diff(dim=1) - target.diff(dim=1)).norm(dim=-1).mean()


def loss_hand(P: Tensor, target: Tensor) -> Tensor:
    """L_hand: mean error of the hands' joints relative to their wrists."""
    local = lambda x, hand: x[..., hand, :] - x[..., hand.start:hand.start + 1, :]
    return sum((local(P, hand) - local(target, hand)).norm(dim=-1).mean() for hand in (LEFT, RIGHT)) / 2


def loss_duration(seconds: Tensor, target: Tensor) -> Tensor:
    """Mean |log ratio| of the durations (N,)."""
    return (seconds.log() - target.log()).abs().mean()
