"""Eq. 6 and 7: from a gloss's semantic state to the weights of the K pose experts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

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
        result: Tensor = self.project(torch.cat([self.norm(torch.cat([states, context], -1)), place], -1))
        return result


class GateTerms(NamedTuple):
    """Eq. 7, term by term, each (N, K): G(q_i); which experts may take part; w_i, rows sum to 1, 0 outside the mask."""

    logits: Tensor
    mask: Tensor
    w: Tensor


def gate(logits: Tensor, temperature: float, top_k: int = 0) -> GateTerms:
    """Eq. 7: w_i = softmax(G(q_i) / T) over the ``top_k`` best experts (0: all K). [paper; ours: T, top-k] logits (N, K)"""
    mask = torch.ones_like(logits, dtype=torch.bool)
    if 0 < top_k < logits.shape[-1]:
        mask = torch.zeros_like(mask).scatter(-1, logits.topk(top_k, -1).indices, True)
    return GateTerms(logits, mask, (logits / temperature).masked_fill(~mask, -math.inf).softmax(-1))


class Gate(nn.Module):
    """G of Eq. 7 with its temperature. ``uniform``: every expert weighs 1/K whatever the query, the ablation without a gate."""

    def __init__(self, d_query: int, experts: int, temperature: float, top_k: int = 0, uniform: bool = False):
        super().__init__()
        self.G, self.temperature, self.top_k, self.uniform = nn.Linear(d_query, experts), temperature, top_k, uniform

    def forward(self, q: Tensor) -> GateTerms:
        """q (N, d_q) -> the terms of Eq. 7"""
        logits = self.G(q)
        return gate(0 * logits if self.uniform else logits, self.temperature, 0 if self.uniform else self.top_k)


def load_balance(w: Tensor, count: int | None = None, everyone: Callable[[Tensor], Tensor] = lambda x: x) -> Tensor:
    """K * sum_k mean_i(w_ik)^2 [ours]: 1 when every expert carries the same load, K when one carries all. w (N, K)

    Of a part of a batch its share, with the gradient of its own rows: ``count`` rows has the whole, ``everyone`` sums a tensor over the parts.
    """
    load, count = w.sum(0), count or len(w)
    result: Tensor = w.shape[-1] * (everyone(load.detach()) * (2 * load - load.detach())).sum() / count ** 2
    return result
