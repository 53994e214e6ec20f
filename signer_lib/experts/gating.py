"""Eq. 6 and 7: from a gloss's semantic state to the weights of the K pose experts."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Query(nn.Module):
    """Eq. 6: q_i = Q(s_i).  s_i is SLUL's state of gloss i, the sentence's context and the place within a spelled word. [ours: which state]"""

    def __init__(self, d_state: int, d_query: int):
        super().__init__()
        self.norm = nn.LayerNorm(2 * d_state)
        self.project = nn.Sequential(nn.Linear(2 * d_state + 3, d_query), nn.GELU(), nn.Linear(d_query, d_query), nn.LayerNorm(d_query))

    def forward(self, states: Tensor, context: Tensor, place: Tensor) -> Tensor:
        """states (N, d), context (N, d), place (N, 3): is it a letter, the first, the last of its word -> q (N, d_q)"""
        return self.project(torch.cat([self.norm(torch.cat([states, context], -1)), place], -1))


class Gate(nn.Module):
    """Eq. 7: w_i = softmax(G(q_i) / T) over K experts. [paper; ours: T]"""

    def __init__(self, d_query: int, experts: int, temperature: float):
        super().__init__()
        self.G, self.temperature = nn.Linear(d_query, experts), temperature

    def forward(self, q: Tensor) -> Tensor:
        """q (N, d_q) -> w (N, K), each row sums to 1"""
        return (self.G(q) / self.temperature).softmax(-1)


def load_balance(w: Tensor) -> Tensor:
    """K * sum_k mean_i(w_ik)^2 [ours]: 1 when every expert carries the same load, K when one carries all."""
    return w.shape[-1] * (w.mean(0) ** 2).sum()
