"""The gate of a trained model taken in hand: another temperature, fewer experts, one alone, or all alike. [ours: for lessons]

What the Pose Chosen Networks chose stays; the weights change, and with them the blend, its size and its tempo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from signer_lib.errors import SignerError
from signer_lib.experts.gating import GateTerms, gate
from signer_lib.experts.model import Choice, SLPMoE
from signer_lib.prior.database import Prior


@dataclass(frozen=True)
class Steering:
    """temperature T of Eq. 7; top_k experts a unit (0: all that are on); ``off``, experts (from 0) that may not take part; ``forced``, the one that
    does everything; ``uniform``: all that are on weigh the same.
    """

    temperature: float = 1.0
    top_k: int = 0
    off: frozenset[int] = frozenset()
    forced: int | None = None
    uniform: bool = False

    @classmethod
    def of(cls, model: SLPMoE) -> Steering:
        """As the model was trained."""
        return cls(model.G.temperature, model.G.top_k, uniform=model.G.uniform)


@torch.no_grad()
def steered(model: SLPMoE, choice: Choice, prior: Prior, steering: Steering) -> Choice:
    """The same choice under another gate: its weights (n, K), who took part, and the units' seconds.

    Raises ``SignerError`` for a temperature of 0 or less, an expert that the model does not have, and for all of them off.
    """
    terms = _terms(model, choice, steering)
    phi, _ = model.offers(prior).features([unit.name for unit in choice.units])
    C = choice.choices.shape[-1]
    log_seconds = model.log_seconds(terms.w, choice.choices, phi[:, :C])
    return replace(choice, weights=terms.w, experts=terms.mask, seconds=log_seconds.exp())


def _terms(model: SLPMoE, choice: Choice, steering: Steering) -> GateTerms:
    logits = model.G.G(choice.queries)
    K = logits.shape[-1]
    named = steering.off | ({steering.forced} if steering.forced is not None else set())
    if steering.temperature <= 0:
        raise SignerError(f"the temperature must be more than 0, not {steering.temperature:g}")
    if wrong := sorted(k for k in named if not 0 <= k < K):
        raise SignerError(f"there is no expert {wrong[0] + 1}: this model has {K}")
    on = [k for k in range(K) if k == steering.forced or steering.forced is None and k not in steering.off]
    if not on:
        raise SignerError("all experts are off, and nothing is left to blend: switch one on")
    found = gate(0 * logits[:, on] if steering.uniform else logits[:, on], steering.temperature, 0 if steering.uniform else steering.top_k)

    def back(values: Tensor) -> Tensor:
        return torch.zeros(len(logits), K, dtype=values.dtype).index_copy(1, torch.tensor(on), values)

    return GateTerms(logits, back(found.mask), back(found.w))
