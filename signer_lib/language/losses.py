"""The terms of SLUL's objective, Eq. 2-5, and the masking of Eq. 3, each a function of tensors that returns its value.

Axes: B sentences, T gloss positions (the end token is the last), L text positions, d width, V vocabulary.
``labels`` (B, T) hold the glosses g, -100 where there is none. The sums of the equations are means over what they count [ours];
``over`` replaces that count, so that the parts of a batch on several processes or in several steps add up to the whole batch's mean.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

NOTHING = -100  # a label that does not count


def loss_slul(logits: Tensor, labels: Tensor, smoothing: float = 0.0, over: float | None = None) -> Tensor:
    """Eq. 2 [secondary]: L_SLUL = - sum_t log p(g_t | g_<t, H). ``smoothing`` of the labels is ours [ours].

    logits (B, T, V), labels (B, T) -> ()
    """
    total = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=NOTHING, label_smoothing=smoothing, reduction="sum")
    return total / (over or max(int((labels != NOTHING).sum()), 1))


def inverse_document_frequency(sentences: Iterable[Iterable[int]], size: int) -> Tensor:
    """How much meaning each token carries [ours]: log((1 + N) / (1 + the sentences that hold it)), N sentences of token ids. -> (size,)"""
    sentences = list(sentences)
    held = Counter(token for sentence in sentences for token in set(sentence))
    return torch.tensor([math.log((1 + len(sentences)) / (1 + held[token])) for token in range(size)])


def mask_rates(labels: Tensor, rho: float, idf: Tensor | None = None) -> Tensor:
    """The rate at which each gloss is masked, (B, T) in [0, 1]; 0 at the end token and where there is no gloss.

    Without ``idf``: rho everywhere, the uniform masking of Eq. 3. With ``idf`` (V,), the "semantic" reading [ours]: rho times the gloss's
    inverse document frequency over the sentence's mean, at most 1, so that rare, meaningful glosses are hidden more often.
    """
    glosses = labels != NOTHING
    glosses &= glosses.roll(-1, 1) & (torch.arange(labels.shape[1], device=labels.device) < labels.shape[1] - 1)  # the last one is the end token
    rates = torch.full(labels.shape, rho, device=labels.device)
    if idf is not None:
        weight = idf.to(labels.device)[labels.clamp(min=0)] * glosses
        mean = weight.sum(1, keepdim=True) / glosses.sum(1, keepdim=True).clamp(min=1)
        rates = (rho * weight / mean.clamp(min=1e-6)).clamp(max=1)
    return rates * glosses


def mask_glosses(labels: Tensor, rates: Tensor, u: Tensor, mask: int) -> tuple[Tensor, Tensor]:
    """g~ of Eq. 3 [secondary]: the glosses with token ``mask`` [ours: which] in the place of those with u_t <= their rate.

    labels, rates, u (B, T), u ~ U(0, 1) -> g~ (B, T), hidden (B, T) bool
    """
    hidden = (u <= rates) & (rates > 0)
    return labels.masked_fill(hidden, mask), hidden


def loss_sagm(masked_logits: Tensor, labels: Tensor, hidden: Tensor, smoothing: float = 0.0, over: float | None = None) -> Tensor:
    """Eq. 3 [secondary]: L_SAGM = - sum_t 1[u_t <= rho] log p(g_t | g~, H): only the hidden glosses count.

    masked_logits (B, T, V): the decoder's, fed with g~; labels, hidden (B, T) -> ()
    """
    return loss_slul(masked_logits, labels.masked_fill(~hidden, NOTHING), smoothing, over)


def loss_kl(masked_logits: Tensor, logits: Tensor, labels: Tensor, moves: str = "both", over: float | None = None) -> Tensor:
    """Eq. 4 [secondary]: L_KL = KL( p(.|g~, H) || p(.|g, H) ), over every position of the glosses and their end.

    ``moves`` [ours] says which side the gradient reaches: "both", "masked" (the whole glosses teach the masked) or "whole" (the reverse).
    masked_logits, logits (B, T, V), labels (B, T) -> ()
    """
    counted = labels != NOTHING
    p, q = (x[counted].float().log_softmax(-1) for x in (masked_logits, logits))
    p, q = p if moves != "whole" else p.detach(), q if moves != "masked" else q.detach()
    return (p.exp() * (p - q)).sum() / (over or max(len(p), 1))


def mean_pool(states: Tensor, mask: Tensor) -> Tensor:
    """h_x, h_g of Eq. 5 [secondary]: the mean of the states where ``mask`` holds. (B, N, d), (B, N) -> (B, d)"""
    mask = mask[..., None].to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


def similarities(h_x: Tensor, h_g: Tensor, tau: float) -> Tensor:
    """<h_x^i, h_g^j> / tau for every text i and gloss sentence j of a batch; of unit vectors, so that tau has one meaning [ours]. -> (B, B)"""
    with torch.autocast(h_x.device.type, enabled=False):  # bf16 has too few digits for cosines that are divided by a small tau
        return normalize(h_x.float(), dim=-1) @ normalize(h_g.float(), dim=-1).T / tau


def loss_con(h_x: Tensor, h_g: Tensor, tau: float) -> Tensor:
    """Eq. 5 [secondary; form after "exp" ours]: L_con = - log exp(<h_x, h_g>/tau) / sum_j exp(<h_x, h_g^j>/tau), j over the batch.

    h_x, h_g (B, d) -> ()
    """
    return cross_entropy(similarities(h_x, h_g, tau), torch.arange(len(h_x), device=h_x.device))


def loss_asked(scores: Tensor, span: Tensor, over: float | None = None) -> Tensor:
    """The pointer's loss in prompts [ours]: - log p(first) - log p(last) of the words that are to be signed.

    scores (B, L, 2) with -inf where no word stands, span (B, 2) token places -> ()
    """
    first, last = (cross_entropy(scores[..., end].float(), span[:, end], reduction="sum") for end in (0, 1))
    return (first + last) / (over or len(span))
