"""L_text, the weighted sum of SLUL's losses [ours: the weights], over one batch: every term by its name, so that a lesson can draw it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from signer_lib.language.batching import Batch
from signer_lib.language.losses import NOTHING, loss_asked, loss_con, loss_kl, loss_sagm, loss_slul, mean_pool
from signer_lib.language.slul import SLUL

if TYPE_CHECKING:
    from signer_lib.language.training import SlulConfig


class Objective(nn.Module):
    """L_text = L_SLUL + l_sagm L_SAGM + l_kl L_KL + l_con L_con [ours: weights] (+ l_asked L_asked, the pointer's, [ours]).

    A term whose weight is 0 is not computed. ``everyone`` gathers rows from all processes for the contrast; without it there is one process.
    """

    glosses: Tensor
    place: Tensor

    def __init__(self, slul: SLUL, config: SlulConfig, everyone: Callable[[Tensor], Tensor] = lambda rows: rows):
        super().__init__()
        self.slul, self.t5, self.pointer, self.config, self.everyone = slul, slul.model, slul.pointer, config, everyone
        place = torch.full((self.t5.config.vocab_size,), NOTHING)
        place[slul.glosses] = torch.arange(len(slul.glosses))
        self.register_buffer("glosses", slul.glosses.clone(), persistent=False)
        self.register_buffer("place", place, persistent=False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """-> {"slul", "sagm", "kl", "con", "asked"} as switched on, each (), and "total", their weighted sum."""
        config, terms = self.config, {}
        H = self.slul.encode({"input_ids": batch.inputs, "attention_mask": batch.mask})  # Eq. 1, (B, L, d)
        logits, states = self.decode(H, batch.mask, batch.labels)
        g = self.classes(batch.labels)
        terms["slul"] = loss_slul(logits, g, config.label_smoothing, batch.tokens)
        if config.weight_sagm or config.weight_kl:
            masked_logits, _ = self.decode(H, batch.mask, batch.masked)
            if config.weight_sagm:
                terms["sagm"] = loss_sagm(masked_logits, g, batch.hidden, config.label_smoothing, max(batch.hid, 1))
            if config.weight_kl:
                terms["kl"] = loss_kl(masked_logits, logits, g, config.kl_moves, batch.tokens)
        if config.weight_con:
            h_x, h_g = mean_pool(H, batch.mask), mean_pool(states, batch.labels != NOTHING)
            terms["con"] = loss_con(self.everyone(h_x), self.everyone(h_g), config.tau)
        if batch.asked and batch.words is not None and batch.span is not None:
            A = self.slul.encode({"input_ids": batch.asks, "attention_mask": batch.asks_mask})
            terms["asked"] = loss_asked(self.slul.point(A, batch.words), batch.span, batch.asked)
        total: Any = sum(self.weight(name) * value for name, value in terms.items())
        return terms | {"total": total}

    def weight(self, name: str) -> float:
        """How much a term counts in L_text."""
        return 1.0 if name == "slul" else getattr(self.config, f"weight_{name}")

    def decode(self, H: Tensor, mask: Tensor, glosses: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder, fed with ``glosses`` (B, T) moved one place on -> logits (B, T, G) of the G glosses only, states (B, T, d).

        Pieces of spoken words never stand in a gloss sentence. Leaving them out of p(g_t | ...) saves a sixth of the time. [ours]
        """
        fed = self.t5.prepare_decoder_input_ids_from_labels(glosses)
        states = self.t5.decoder(input_ids=fed, encoder_hidden_states=H, encoder_attention_mask=mask).last_hidden_state
        scaled = states * self.t5.model_dim**-0.5 if self.t5.config.scale_decoder_outputs else states       # as T5 does before its head
        return scaled @ self.t5.lm_head.weight[self.glosses].T, states

    def classes(self, labels: Tensor) -> Tensor:
        """Token ids -> their places among the G glosses, which the logits are about."""
        return torch.where(labels == NOTHING, NOTHING, self.place[labels.clamp(min=0)])
