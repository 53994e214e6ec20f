"""The Pose Chosen Networks: each expert's choice among the candidates that the prior offers for a gloss. [paper: an MLP; ours: its form]"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from signer_lib.pose import PoseSequence
from signer_lib.pose.motion import jerk

FEATURES = ("log duration", "right path", "left path", "right speed", "right height", "left height", "right reach", "log jerk", "recorded", "apart")


def candidate_features(poses: PoseSequence, recorded: bool, apart: float) -> np.ndarray:
    """phi(c) (10,) float32 [ours]: what a candidate is like, not what it means. Lengths in shoulder widths, times in seconds.

    apart  how far it is from the gloss's other candidates, see ``offers``.
    """
    right, left = poses.joint("r_wrist"), poses.joint("l_wrist")

    def path(wrist: np.ndarray) -> float:
        return float(np.linalg.norm(np.diff(wrist, axis=0), axis=-1).sum())

    shaking = jerk(right[:, None], poses.fps)
    return np.array([np.log(poses.duration), path(right), path(left), path(right) / poses.duration, right[:, 1].mean(), left[:, 1].mean(),
                     np.linalg.norm(right - right.mean(0), axis=-1).max(), np.log1p(np.nan_to_num(shaking)), float(recorded), apart], np.float32)


class PoseChosenNetworks(nn.Module):
    """pi_ik = softmax_c PCN_k([q_i ; phi(c)]): K small MLPs, computed together."""

    def __init__(self, d_query: int, experts: int, hidden: int):
        super().__init__()
        d_in = d_query + len(FEATURES)
        self.inner = nn.Parameter(torch.randn(experts, d_in, hidden) / d_in ** .5)
        self.bias = nn.Parameter(torch.zeros(experts, 1, hidden))
        self.outer = nn.Parameter(torch.randn(experts, hidden, 1) / hidden ** .5)

    def forward(self, q: Tensor, phi: Tensor, mask: Tensor) -> Tensor:
        """q (N, d_q), phi (N, C, f) standardised, mask (N, C) true where a candidate exists -> pi (N, K, C), rows sum to 1"""
        N, C, _ = phi.shape
        x = torch.cat([q[:, None].expand(-1, C, -1), phi], -1).reshape(1, N * C, -1)
        score = torch.nn.functional.gelu(x @ self.inner + self.bias) @ self.outer          # (K, N*C, 1)
        score = score.reshape(-1, N, C).transpose(0, 1)                                    # (N, K, C)
        return score.masked_fill(~mask[:, None], float("-inf")).softmax(-1)


def straight_through(pi: Tensor) -> Tensor:
    """The best candidate alone, with the gradient of the soft choice. [ours] pi (N, K, C) -> (N, K, C), one 1 in each row"""
    hard = torch.zeros_like(pi).scatter(-1, pi.argmax(-1, keepdim=True), 1.0)
    return hard + (pi - pi.detach())


def first_candidate(mask: Tensor, experts: int) -> Tensor:
    """Every expert takes what the prior lists first: the ablation without Pose Chosen Networks. mask (N, C) -> pi (N, K, C)"""
    pi = torch.zeros(len(mask), experts, mask.shape[1])
    return pi.scatter(-1, mask.int().argmax(-1)[:, None, None].expand(-1, experts, 1), 1.0)
