"""Beam search over glosses, with the states that emit them, and T5's decoder one gloss at a time. [ours: the search]

The search. Of each text K beginnings g_<t of a gloss sentence are kept, at first only the empty one, each with its score
sum_t log p(g_t | g_<t, H). At length t every beginning is continued by every gloss, and the 2K best of all are looked at. Those of the first K
that end with the end token are finished: their score is divided by t^length_penalty, and the K best finished so far are kept. The first K
that do not end go on. A text is done when K are finished and the best that goes on, divided likewise, is no better than the worst of them; or
at the greatest length, where the first K are finished as they stand. With K = 1 this is greedy search.

This is what ``generate`` of transformers finds; but for one sentence most of a step is Python there, and here it is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import rms_norm, scaled_dot_product_attention
from transformers import T5ForConditionalGeneration


class Decoder:
    """The decoder of a T5, fed with one token at a time. Its states are those of ``model.decoder`` over the whole sentence.

    B texts of L tokens with K rows each, R = B K: the rows of a text share its H. ``keys[i]`` (2, R, heads, t, d_kv) are the keys and values
    of layer i over the t tokens so far, ``H_keys[i]`` (2, B, heads, L, d_kv) those over H.
    """

    def __init__(self, model: T5ForConditionalGeneration, H: Tensor, mask: Tensor, longest: int):
        """H (B, L, d), mask (B, L); ``longest`` is the greatest number of steps."""
        self.stack = model.decoder
        self.blocks = cast(Any, model.decoder.block)
        self.mask = mask[:, None, None].bool()
        first = self.blocks[0].layer[0].SelfAttention  # its bias for how far back a token lies is every layer's
        self.bias = first.compute_bias(1, longest, past_seen_tokens=longest - 1)  # (1, heads, 1, longest), the nearest last
        self.H_keys = [keys_over(H, block.layer[1].EncDecAttention) for block in self.blocks]
        self.keys = [H_keys[:, :, :, :0] for H_keys in self.H_keys]

    def keep(self, texts: Tensor) -> None:
        """Only these of the B texts are gone on with."""
        self.mask, self.H_keys = self.mask[texts], [H_keys[:, texts] for H_keys in self.H_keys]

    def step(self, tokens: Tensor, parents: Tensor) -> Tensor:
        """tokens (R,), each read after what row ``parents`` (R,) of the last step has read (at first: its text) -> their states (R, d)"""
        x = self.stack.embed_tokens(tokens)[:, None]  # (R, 1, d)
        for i, block in enumerate(self.blocks):
            back, over, feed_forward = block.layer
            y = normed(x, back.layer_norm)
            self.keys[i] = torch.cat([self.keys[i].index_select(1, parents), keys_over(y, back.SelfAttention)], dim=-2)
            x = x + attend(y, self.keys[i], self.bias[..., -self.keys[i].shape[-2] :], back.SelfAttention)
            y = normed(x, over.layer_norm).view(len(self.mask), -1, x.shape[-1])  # (B, K, d)
            x = x + attend(y, self.H_keys[i], self.mask, over.EncDecAttention).view_as(x)
            x = x + feed_forward.DenseReluDense(normed(x, feed_forward.layer_norm))
        return normed(x, self.stack.final_layer_norm)[:, 0]


def normed(x: Tensor, norm: Any) -> Tensor:
    """T5's norm in one call. (..., d) -> (..., d)"""
    return rms_norm(x, x.shape[-1:], norm.weight, norm.variance_epsilon)


def keys_over(x: Tensor, attention: Any) -> Tensor:
    """x (B, N, d) -> keys and values (2, B, heads, N, d_kv)"""
    result: Tensor = torch.stack([attention.k(x), attention.v(x)]).unflatten(-1, (attention.n_heads, -1)).transpose(2, 3)
    return result


def attend(y: Tensor, keys: Tensor, mask: Tensor, attention: Any) -> Tensor:
    """y (B, N, d) over keys and values (2, B, heads, M, d_kv); ``mask`` is boolean, or a bias -> (B, N, d)"""
    queries = attention.q(y).unflatten(-1, (attention.n_heads, -1)).transpose(1, 2)
    found = scaled_dot_product_attention(queries, keys[0], keys[1], attn_mask=mask, scale=1.0)  # T5 has no 1 / sqrt(d_kv)
    result: Tensor = attention.o(found.transpose(1, 2).flatten(2))
    return result


@dataclass
class Hypothesis:
    """A gloss sentence or its beginning: its glosses (as places among the G), where their states are among all states, its score."""

    glosses: list[int]
    places: list[int]
    score: float

    def then(self, gloss: int, place: int, score: float) -> Hypothesis:
        """With one gloss more."""
        return Hypothesis([*self.glosses, gloss], [*self.places, place], score)


@torch.inference_mode()
def beam_search(model: T5ForConditionalGeneration, H: Tensor, mask: Tensor, glosses: Tensor, left: Tensor, beams: int, longest: int,
                length_penalty: float) -> tuple[list[list[Hypothesis]], Tensor]:
    """For each text the finished gloss sentences, at most ``beams``, best first; and all states that they were chosen from, (N, d).

    H (B, L, d), mask (B, L); glosses (G,) the tokens that may be written, the end among them; left (B, G) how often each may be, inf for always.
    A sentence holds its end, unless it was cut at ``longest``.
    """
    config, K, G = model.config, beams, len(glosses)
    end = glosses.tolist().index(config.eos_token_id)
    head = model.lm_head.weight[glosses].T * (config.d_model**-0.5 if config.scale_decoder_outputs else 1)  # (d, G)
    decoder, states, seen = Decoder(model, H, mask, longest), [], 0
    finished: list[list[Hypothesis]] = [[] for _ in H]
    running = {text: [Hypothesis([], [], -torch.inf if k else 0.0) for k in range(K)] for text in range(len(H))}
    parents = torch.arange(len(H), device=H.device).repeat_interleave(K)  # (R,)
    tokens, left = torch.full_like(parents, config.decoder_start_token_id), left[parents]
    for length in range(1, longest + 1):
        states.append(decoder.step(tokens, parents))  # (R, d)
        log_p = (states[-1] @ head).float().log_softmax(-1)  # (R, G), p(g_t | g_<t, H) of Eq. 2 is over glosses
        scores = log_p.new_tensor([one.score for row in running.values() for one in row])
        best = (scores[:, None] + log_p.masked_fill(left <= 0, -torch.inf)).view(len(running), -1).topk(min(2 * K, K * G))
        divisor, going = length**length_penalty, {}
        for row, (text, values, picks) in enumerate(zip(running, best.values.tolist(), best.indices.tolist())):
            grown = [running[text][pick // G].then(pick % G, seen + row * K + pick // G, value)
                     for value, pick in zip(values, picks) if value != -torch.inf]
            ends = [length == longest or one.glosses[-1] == end for one in grown]
            done = [replace(one, score=one.score / divisor) for one, last in zip(grown[:K], ends) if last]
            finished[text] = sorted(finished[text] + done, key=lambda one: -one.score)[:K]
            others = [one for one, last in zip(grown, ends) if not last][:K]
            if others and (len(finished[text]) < K or others[0].score / divisor > finished[text][-1].score):
                going[text] = others + [replace(others[0], score=-torch.inf)] * (K - len(others))
        if not going:
            break
        if len(going) < len(running):
            decoder.keep(torch.tensor([row for row, text in enumerate(running) if text in going], device=H.device))
        rows = [one for row in going.values() for one in row]
        parents = parents.new_tensor([one.places[-1] for one in rows]) - seen
        written = parents.new_tensor([one.glosses[-1] for one in rows])
        tokens, left = glosses[written], left[parents]
        left[torch.arange(len(rows)), written] -= 1
        seen, running = seen + len(states[-1]), going
    return finished, torch.cat(states)
