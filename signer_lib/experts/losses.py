"""The terms of the nano training's objective, each its own function. Lengths in shoulder widths, poses (N, T, J, 3).

Of Eq. 9 the paper names L_smooth, L_vel and L_hand [paper]; their forms, and the terms for position and duration, are ours [ours].
"""

from __future__ import annotations

from torch import Tensor

from signer_lib.pose import SIGNER70

LEFT, RIGHT = SIGNER70.groups["left_hand"], SIGNER70.groups["right_hand"]


def loss_rec(P: Tensor, target: Tensor) -> Tensor:
    """Mean distance of the joints. [ours] P, target (N, T, J, 3) -> ()"""
    return (P - target).norm(dim=-1).mean()


def loss_vel(P: Tensor, target: Tensor) -> Tensor:
    """L_vel = mean |dP - dTarget|, in shoulder widths a frame. [paper: the term] P, target (N, T, J, 3) -> ()"""
    return (P.diff(dim=1) - target.diff(dim=1)).norm(dim=-1).mean()


def loss_hand(P: Tensor, target: Tensor) -> Tensor:
    """L_hand: mean error of the hands' joints relative to their wrists. [paper: the term] P, target (N, T, J, 3) -> ()"""
    local = lambda x, hand: x[..., hand, :] - x[..., hand.start:hand.start + 1, :]
    return sum((local(P, hand) - local(target, hand)).norm(dim=-1).mean() for hand in (LEFT, RIGHT)) / 2


def loss_duration(seconds: Tensor, target: Tensor) -> Tensor:
    """Mean |log ratio| of the durations in seconds. [ours] (N,), (N,) -> ()"""
    return (seconds.log() - target.log()).abs().mean()
