"""What is signed, in which style and by whom, as tokens for the cross-attention and as one vector. [paper: the semantic states reach the
renderer; several styles] [ours: the form]"""

from __future__ import annotations

import difflib
from typing import NamedTuple

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from signer_lib.errors import SignerError


class Meaning(NamedTuple):
    """Of B windows. states (B, S, d) SLUL's states, s_i of Eq. 6, of the glosses signed there; there (B, S) which of them are; context (B, d)
    the sentence; known (B,) whether there is one; style, signer (B,) numbers. All zero and False where nothing is known of the meaning.
    """

    states: Tensor
    there: Tensor
    context: Tensor
    known: Tensor
    style: Tensor
    signer: Tensor

    def to(self, device: torch.device) -> Meaning:
        return Meaning(*(value.to(device) for value in self))

    def without(self, dropped: Tensor) -> Meaning:
        """The rows ``dropped`` (B,) lose what is signed; style and signer stay."""
        return self._replace(there=self.there & ~dropped[:, None], known=self.known & ~dropped)


class Conditioner(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers has no types
    """A token for each state, the sentence, the style and the signer; what is missing has a learned token of its own.

    most  S, the states that a window has room for.
    """

    @register_to_config  # type: ignore[untyped-decorator]  # diffusers has no types
    def __init__(self, d_state: int, d_token: int, d_vector: int, styles: list[str], signers: list[str], most: int = 12):
        super().__init__()
        self.state = nn.Sequential(nn.LayerNorm(d_state), nn.Linear(d_state, d_token))
        self.sentence = nn.Sequential(nn.LayerNorm(d_state), nn.Linear(d_state, d_token))
        self.no_state, self.no_sentence = nn.Parameter(torch.zeros(d_token)), nn.Parameter(torch.zeros(d_token))
        self.style, self.signer = nn.Embedding(len(styles), d_token), nn.Embedding(len(signers), d_token)
        self.vector = nn.Linear(2 * d_token, d_vector) if d_vector else None

    def forward(self, meaning: Meaning) -> tuple[Tensor, Tensor | None]:
        """-> tokens (B, S + 3, d_token), vector (B, d_vector), or None where d_vector is 0"""
        dtype = self.no_state.dtype
        states = torch.where(meaning.there[..., None], self.state(meaning.states.to(dtype)), self.no_state)
        sentence = torch.where(meaning.known[:, None], self.sentence(meaning.context.to(dtype)), self.no_sentence)
        style, signer = self.style(meaning.style), self.signer(meaning.signer)
        tokens = torch.cat([states, torch.stack([sentence, style, signer], 1)], 1)
        return tokens, self.vector(torch.cat([style, signer], -1)) if self.vector else None

    def number(self, kind: str, name: str | None) -> int:
        """The number of a style or signer, ``kind`` "style" or "signer"; None: the first. Raises ``SignerError`` for one it was not trained on."""
        return number_of(kind, list(self.config[f"{kind}s"]), name)


def number_of(kind: str, names: list[str], name: str | None) -> int:
    """See ``Conditioner.number``."""
    if name is None:
        return 0
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        raise SignerError(f"there is no {kind} '{name}': " + (f"did you mean '{near[0]}'?" if near else f"use {', '.join(names)}"))
    return names.index(name)


class Signed(NamedTuple):
    """What a whole video signs. states (n, d); context (d,), or (n, d) the sentence of each gloss where a video has several; spans (n, 2) the
    frames of each gloss, or None: each may be anywhere, and there is one sentence.
    """

    states: Tensor
    context: Tensor
    spans: Tensor | None = None

    def within(self, start: int, stop: int, most: int) -> Tensor:
        """The states (at most ``most``, d) of glosses that are signed in the frames from ``start`` to before ``stop``, in order."""
        states = self.states
        if self.spans is not None:
            states = states[(self.spans[:, 0] < stop) & (self.spans[:, 1] > start)]
        keep = torch.linspace(0, len(states) - 1, most).round().long() if len(states) > most else slice(None)
        return states[keep]

    def sentence(self, start: int, stop: int) -> Tensor:
        """(d,) the context of these frames: a window was never trained with two, so the gloss that takes most of them, or is nearest, decides."""
        if self.context.dim() == 1 or self.spans is None:
            return self.context
        return self.context[(self.spans[:, 1].clamp(max=stop) - self.spans[:, 0].clamp(min=start)).argmax()]


def meaning_of(windows: list[tuple[Signed | None, int, int]], style: list[int], signer: list[int], d_state: int, most: int) -> Meaning:
    """B windows, each what its video signs and its first and last-but-one frame, as one ``Meaning``. Raises ``SignerError`` for other states."""
    B = len(windows)
    states, there = torch.zeros(B, most, d_state), torch.zeros(B, most, dtype=torch.bool)
    context, known = torch.zeros(B, d_state), torch.zeros(B, dtype=torch.bool)
    for row, (signed, start, stop) in enumerate(windows):
        if signed is None:
            continue
        if signed.states.shape[-1] != d_state or signed.context.shape[-1] != d_state:
            raise SignerError(f"the renderer was trained on states of {d_state} numbers, not {signed.states.shape[-1]}: give those of its own SLUL")
        found = signed.within(start, stop, most)
        states[row, :len(found)], there[row, :len(found)], context[row], known[row] = found, True, signed.sentence(start, stop), True
    return Meaning(states, there, context, known, torch.tensor(style), torch.tensor(signer))
