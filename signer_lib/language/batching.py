"""What one training step reads: sentences of similar length, their glosses, what is masked, some prompts. [ours]

Everything random here follows from the seed and the number of the step. So a training that was stopped goes on exactly, and several
processes see the same batch, of which each computes its own rows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from signer_lib.bucketing import bucketed
from signer_lib.errors import SignerError
from signer_lib.language.corpus import ask
from signer_lib.language.losses import NOTHING, mask_glosses, mask_rates
from signer_lib.language.slul import SLUL
from signer_lib.language.streaming import Pair
from signer_lib.language.tokenizer import MASK, SLOTS, SPELLED, Encoded, SignTokenizer

if TYPE_CHECKING:
    from signer_lib.language.training import SlulConfig

OFTEN_LEFT_OUT = {"the", "a", "an", ",", ".", "?", "!"}         # people who type in haste drop these


@dataclass
class Batch:
    """One step's tensors: B sentences, P prompts.

    inputs, mask (B, L)  [l ; x] and where it has tokens.
    labels (B, T)        the glosses g and the end token, -100 beyond.
    masked (B, T)        g~ of Eq. 3: the labels with the hidden glosses masked.   hidden (B, T): which those are.
    asks, asks_mask (P, M), words (P, M), span (P, 2): the prompts, the word of each token, the tokens that begin and end what is asked for.
    tokens, hid, asked   how many labels, hidden glosses and prompts the whole batch has: what the losses are means over.
    """

    inputs: Tensor
    mask: Tensor
    labels: Tensor
    masked: Tensor
    hidden: Tensor
    asks: Tensor | None
    asks_mask: Tensor | None
    words: Tensor | None
    span: Tensor | None
    tokens: int
    hid: int
    asked: int

    def part(self, k: int, of: int) -> Batch:
        """Every ``of``-th row from the k-th on; the counts stay those of the whole."""
        cut = {name: value[k::of] for name, value in vars(self).items() if isinstance(value, Tensor)}
        return Batch(**(vars(self) | cut))


def shuffle_slots(encoded: Encoded, gloss: str, rng: random.Random, articles: float = 0.0, words: float = 0.0) -> tuple[str, str]:
    """A training example: slots renumbered, so that all learn to be copied; at the given rates, marks and articles or any words dropped."""
    chosen = rng.sample(SLOTS, len(encoded.words))
    rename = dict(zip(SLOTS, chosen)) | {SPELLED + word: slot for word, slot in zip(encoded.words, chosen)}
    text = [rename.get(token, token) for token in encoded.text.split()]
    kept = [w for w in text if not (rng.random() < (articles if w in OFTEN_LEFT_OUT else 0.0 if w in rename.values() else words))]
    return " ".join(kept or text), " ".join(rename.get(token, token) for token in gloss.split())


class Batches:
    """All steps of a training: ``len(batches)`` in an epoch, ``batches[step]`` the Batch of any step."""

    def __init__(self, slul: SLUL, pairs: list[Pair], prompts: list[str], config: SlulConfig, seed: int, idf: Tensor | None = None):
        self.slul, self.pairs, self.prompts, self.config, self.seed, self.idf = slul, pairs, prompts, config, seed, idf
        self.encoded = [slul.tokenizer.encode_words(text) for text, _ in pairs]
        self.glosses = [self._sayable(e, gloss) for e, (_, gloss) in zip(self.encoded, pairs)]
        self.lengths = [len(e.text.split()) for e in self.encoded]
        self.epoch = -1
        self.order: list[list[int]] = []

    @staticmethod
    def _sayable(encoded: Encoded, gloss: str) -> str:
        """Without spelled words that are not in the text: there is no slot to say them with."""
        kept = [token for token in SignTokenizer.spell(gloss).split() if not token.startswith(SPELLED) or token[len(SPELLED):] in encoded.words]
        return " ".join(kept)

    def __len__(self) -> int:
        return -(-len(self.pairs) // self.config.batch_size)

    def __getitem__(self, step: int) -> Batch:
        epoch, place = divmod(step, len(self))
        if epoch != self.epoch:
            self.epoch, self.order = epoch, bucketed(self.lengths, self.config.batch_size, random.Random(f"{self.seed} epoch {epoch}"))
        rng, rows = random.Random(f"{self.seed} step {step}"), self.order[place]
        drops = self.config.drop_articles, self.config.drop_words
        sentences = [shuffle_slots(self.encoded[i], self.glosses[i], rng, *drops) for i in rows]
        labels, hidden, masked = self._glosses([gloss for _, gloss in sentences], step)
        asks = self._prompts(rows, rng) if self.prompts and self.slul.pointer is not None else dict.fromkeys(("asks", "asks_mask", "words", "span"))
        inputs = self.slul.batch([Encoded(text, []) for text, _ in sentences])
        return Batch(inputs["input_ids"], inputs["attention_mask"], labels, masked, hidden, **asks, tokens=int((labels != NOTHING).sum()),
                     hid=int(hidden.sum()), asked=0 if asks["span"] is None else len(asks["span"]))

    def _glosses(self, glosses: list[str], step: int) -> tuple[Tensor, Tensor, Tensor]:
        fast = self.slul.tokenizer.fast
        ids = fast(glosses, padding=True, return_tensors="pt")
        labels = ids.input_ids.masked_fill(ids.attention_mask == 0, NOTHING)
        u = torch.rand(labels.shape, generator=torch.Generator().manual_seed(self.seed * 1_000_003 + step))
        mask = self.slul.tokenizer.ids([MASK])[0]
        masked, hidden = mask_glosses(labels, mask_rates(labels, self.config.rho, self.idf), u, mask)
        device = self.slul.device
        return labels.to(device), hidden.to(device), masked.to(device)

    def _prompts(self, rows: list[int], rng: random.Random) -> dict[str, Tensor]:
        """Prompts that ask for one to three of the batch's sentences, and plain texts, which are asked for as a whole."""
        made: list[tuple[Encoded, tuple[int, int]]] = []
        for _ in range(10 * self.config.prompts):
            if len(made) == self.config.prompts:
                break
            wording = "{}" if rng.random() < self.config.plain_share else rng.choice(self.prompts)
            counts = ([1, 2, 4, 12], [10, 6, 3, 1]) if wording == "{}" else ([1, 2, 3], [7, 2, 1]) if '"' in wording else ([1], [1])
            several = rng.sample(rows, min(len(rows), rng.choices(*counts)[0]))
            prompt = ask(wording, " ".join(self.pairs[i][0] for i in several), rng)
            encoded = self.slul.tokenizer.encode_words(prompt.text)
            if span := prompt.span(self.slul.tokenizer.words):
                made.append((Encoded(shuffle_slots(encoded, "", rng)[0], []), span))
        else:
            raise SignerError("the wordings of prompts.txt run into the words inside: set {} apart with spaces or quotes")
        asked, spans = [one for one, _ in made], [span for _, span in made]
        batch = self.slul.batch(asked, "prompt")
        words = self.slul.words_of(batch, asked, "prompt")
        first = torch.stack([(row == a).int().argmax() for row, (a, _) in zip(words, spans)])
        last = torch.stack([len(row) - 1 - (row == b).flip(0).int().argmax() for row, (_, b) in zip(words, spans)])
        return {"asks": batch["input_ids"], "asks_mask": batch["attention_mask"], "words": words, "span": torch.stack([first, last], 1)}
