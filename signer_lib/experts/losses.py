"""Eq. 9: the terms of the objective, each its own function. Lengths in shoulder widths, poses (..., T, J, 3); masks are true where a frame is.

Of Eq. 9 the paper names L_smooth, L_vel and L_hand [paper]; their forms, and the terms for position, way and duration, are ours [ours].
Every term is a sum over what it sees, divided by ``count`` where one is given: so that parts of a batch add up to the whole.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from signer_lib.pose import SIGNER70

LEFT, RIGHT = SIGNER70.groups["left_hand"], SIGNER70.groups["right_hand"]
ENDS = [SIGNER70.index(f"{side}_{joint}") for side in "rl" for joint in ("wrist", "hand_middle_tip")]
STILL = 0.1                                 # shoulder widths: a way that is no movement


def masked_mean(value: Tensor, mask: Tensor | None, count: float | None = None) -> Tensor:
    """The mean of value (..., T) over the frames of mask (..., T), or their sum over ``count``."""
    if mask is None:
        return value.mean() if count is None else value.sum() / count
    return (value * mask).sum() / (mask.sum().clamp(min=1) if count is None else count)


def loss_rec(P: Tensor, target: Tensor, mask: Tensor | None = None, count: float | None = None) -> Tensor:
    """L_rec: mean distance of the joints. [ours] P, target (..., T, J, 3) -> ()"""
    return masked_mean((P - target).norm(dim=-1).mean(-1), mask, count)


def loss_smooth(P: Tensor, mask: Tensor | None = None, count: float | None = None) -> Tensor:
    """L_smooth = mean ||P_{t+1} - 2 P_t + P_{t-1}||^2. [paper: the term] P (..., T, J, 3) -> (), (shoulder widths a frame^2)^2"""
    bend = P[..., 2:, :, :] - 2 * P[..., 1:-1, :, :] + P[..., :-2, :, :]
    return masked_mean(bend.square().sum(-1).mean(-1), None if mask is None else mask[..., 2:], count)


def loss_vel(P: Tensor, target: Tensor, mask: Tensor | None = None, count: float | None = None) -> Tensor:
    """L_vel = mean |dP - dTarget|, in shoulder widths a frame. [paper: the term] P, target (..., T, J, 3) -> ()"""
    apart = (P.diff(dim=-3) - target.diff(dim=-3)).norm(dim=-1).mean(-1)
    return masked_mean(apart, None if mask is None else mask[..., 1:], count)


def loss_hand(P: Tensor, target: Tensor, mask: Tensor | None = None, count: float | None = None) -> Tensor:
    """L_hand: mean error of the hands' joints relative to their wrists. [paper: the term] P, target (..., T, J, 3) -> ()"""

    def local(x: Tensor, hand: slice) -> Tensor:
        return x[..., hand, :] - x[..., hand.start:hand.start + 1, :]

    apart = sum((local(P, hand) - local(target, hand)).norm(dim=-1).mean(-1) for hand in (LEFT, RIGHT)) / 2
    return masked_mean(apart, mask, count)


def loss_way(P: Tensor, target: Tensor, unit: Tensor, units: int, count: float | None = None) -> Tensor:
    """L_way: mean |log ratio| of how far wrists and fingertips go within each unit. [ours] P, target (B, T, J, 3) -> ()

    A wag or a shake that is out of step costs L_rec and L_vel least if it is made small; this asks for its size, whenever it comes.
    unit (B, T): which of all ``units`` a frame is in, negative for none.
    """
    inside = (unit[:, 1:] == unit[:, :-1]) & (unit[:, 1:] >= 0)

    def steps(x: Tensor) -> Tensor:
        result: Tensor = x[:, :, ENDS].diff(dim=1).norm(dim=-1)[inside]
        return result

    def ways(x: Tensor) -> Tensor:
        return x.new_zeros(units, len(ENDS)).index_add(0, unit[:, 1:][inside], steps(x)) + STILL

    apart = (ways(P).log() - ways(target).log()).abs().mean(-1)
    return apart.mean() if count is None else apart.sum() / count


def loss_duration(seconds: Tensor, target: Tensor, count: float | None = None) -> Tensor:
    """Mean |log ratio| of durations in seconds. [ours] (N,), (N,) -> ()"""
    return masked_mean((seconds.log() - target.log()).abs(), None, count)


def objective(terms: dict[str, Tensor], weights: dict[str, float]) -> dict[str, Tensor]:
    """Eq. 9: L_pose = sum of the weighted terms, as ``total`` beside the terms themselves."""
    total: Any = sum(weights[name] * value for name, value in terms.items())
    return terms | {"total": total}
