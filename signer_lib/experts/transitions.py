"""Between two signs: how long, how long held before, and on which path. Learned, on top of a rule. [ours]"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from signer_lib.performances.trajectory import ARMS, WRISTS
from signer_lib.pose.directions import from_directions

HANDS = [*range(9, 29), *range(30, 50)]
REACH, SHORTEST, LONGEST, LEAST = 3.2, 0.12, 0.70, 0.06          # the rule: shoulder widths a second, seconds
MODES = 2                                                       # sine waves that bend the path
FLAGS = ("spelled", "from rest", "to rest", "ends a topic")


@dataclass(frozen=True)
class Ways:
    """B boundaries. before, after (B,) indices of units, N standing for rest; flags (B, 4), see ``FLAGS``."""

    before: Tensor
    after: Tensor
    flags: Tensor


@dataclass(frozen=True)
class Transition:
    """seconds (B,) of the way, hold (B,) seconds before it, bend (B, MODES, 4, 3) added to the arms' directions along it."""

    seconds: Tensor
    hold: Tensor
    bend: Tensor


class Transitions(nn.Module):
    """An MLP over the two poses, the two queries and the flags. Untrained it is the rule: the longer wrist's way at an even speed."""

    def __init__(self, d_query: int, hidden: int):
        super().__init__()
        self.ask = nn.Linear(d_query, 8)
        self.inner = nn.Sequential(nn.Linear(2 + 1 + 12 + 16 + len(FLAGS), hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU())
        self.outer = nn.Linear(hidden, 2 + MODES * len(ARMS) * 3)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, direction: Tensor, length: Tensor, q: Tensor, ways: Ways) -> Transition:
        """direction (N + 1, F, J, 3) and length (N + 1, F, J) of the blended units and rest, q (N, d_q)."""
        start, end = direction[ways.before, -1], direction[ways.after, 0]                                  # (B, J, 3)

        def place(d: Tensor, unit: Tensor, frame: int) -> Tensor:
            return from_directions(d, length[unit, frame])[:, WRISTS]

        way = place(end, ways.after, 0) - place(start, ways.before, -1)                                    # (B, 2, 3)
        far, fingers = way.norm(dim=-1), (end - start)[:, HANDS].norm(dim=-1).mean(1, keepdim=True)
        asked = torch.cat([self.ask(q), torch.zeros(1, 8)])                                                # rest asks for nothing
        middle = torch.cat([way.flatten(1), (start + end)[:, WRISTS].flatten(1)], 1)
        out = self.outer(self.inner(torch.cat([far, fingers, middle, asked[ways.before], asked[ways.after], ways.flags], 1)))
        rule = (LEAST + far.amax(1).detach() / REACH).clamp(SHORTEST, LONGEST) * (1 - 0.2 * ways.flags[:, 0])
        hold = nn.functional.softplus(out[:, 1] - 3) * ways.flags[:, 3]
        return Transition(rule * out[:, 0].clamp(-1.5, 1.5).exp(), hold, out[:, 2:].view(-1, MODES, len(ARMS), 3))


def bent(direction: Tensor, bend: Tensor, time: Tensor) -> Tensor:
    """Directions (T, J, 3) on their way with the waves of their boundary bend (T, MODES, 4, 3) added; time (T,) the even share of the way."""
    waves = torch.stack([(torch.pi * (m + 1) * time).sin() for m in range(MODES)], -1)
    return direction.index_add(1, torch.tensor(ARMS), torch.einsum("tm,tmax->tax", waves, bend))
