"""SLUL, the Sign Language Understanding Linker: a T5 encoder-decoder from text or prompt to glosses and semantic states.

The T5, Text2Gloss and Prompt2Gloss are the paper's [paper]; sizes, tokenizer, the choice of state and the pointer are ours [ours].
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, BatchEncoding, T5Config, T5ForConditionalGeneration

from signer_lib.assets import CHECKPOINTS
from signer_lib.checkpoint import damaged, load_json, load_weights, save_half
from signer_lib.errors import SignerError
from signer_lib.language.losses import mean_pool
from signer_lib.language.search import Hypothesis, beam_search
from signer_lib.language.tokenizer import MODES, SLOTS, SPELLED, WORD, Encoded, SignTokenizer, check_text, language_tag, sentences

BATCH = 64  # sentences decoded together
CERTAIN = 6.0  # nats by which a part must beat the whole text to count as what is asked for; between plain sentences and prompts of train and dev


@dataclass
class GlossSentence:
    """One sentence understood.

    text     the English sentence.
    glosses  (n,) gloss names, ``fs-WORD`` for what is spelled.
    unsigned the unknown words of the text (upper case) that no gloss spells: the model left them out.
    states   (n, d) float32, s_i of Eq. 6: the decoder's state that emits gloss i.
    context  (d,) float32, the mean of H: the sentence as a whole.
    """

    text: str
    glosses: list[str]
    states: Tensor
    context: Tensor
    unsigned: list[str] = field(default_factory=list)


class SLUL:
    """Text or prompt -> glosses and states. ``understand`` is the whole stage; ``asked``, ``encode`` and ``search`` are its steps.

    ``glosses`` (G,) are the ids of the tokens that may stand in a gloss sentence: glosses, slots and the end; ``slots`` (G,) marks the slots.
    ``pointer`` [ours] marks the words of a prompt that are to be signed; None for a model that was trained without prompts.
    """

    def __init__(self, model: T5ForConditionalGeneration, tokenizer: SignTokenizer, settings: dict[str, Any], pointer: nn.Linear | None = None):
        self.model, self.tokenizer, self.settings, self.pointer = model, tokenizer, settings, pointer
        fast = tokenizer.fast
        added = fast.added_tokens_decoder.items()
        self.glosses = torch.tensor([i for i, token in added if not token.special or token.content in (*SLOTS, fast.eos_token)])
        self.slots = torch.isin(self.glosses, torch.tensor(fast.convert_tokens_to_ids(SLOTS)))

    @classmethod
    def new(cls, tokenizer: SignTokenizer, settings: dict[str, Any], size: dict[str, Any], prompts: bool = False) -> SLUL:
        """A T5 with random weights. ``size`` holds T5Config's fields, ``settings`` the language, the search and the longest output."""
        fast = tokenizer.fast
        special = {"pad_token_id": fast.pad_token_id, "eos_token_id": fast.eos_token_id, "decoder_start_token_id": fast.pad_token_id}
        model = T5ForConditionalGeneration(T5Config(vocab_size=len(fast), **special, **size))
        return cls(model, tokenizer, settings, nn.Linear(model.config.d_model, 2, bias=False) if prompts else None)

    @classmethod
    def from_base(cls, base: str, pairs: Iterable[tuple[str, str]], settings: dict[str, Any], prompts: bool = False) -> SLUL:
        """Any T5 of the hub, or of a local folder, with its own tokenizer and the glosses of ``pairs`` as new tokens.

        Raises ``SignerError`` if it cannot be loaded or is no T5.
        """
        try:
            if (kind := AutoConfig.from_pretrained(base, trust_remote_code=False).model_type) != "t5":
                raise ValueError(f"it is of type {kind}")
            model = T5ForConditionalGeneration.from_pretrained(base, dtype=torch.float32, use_safetensors=True)
            fast: Any = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
            if not fast.is_fast:
                raise ValueError("its tokenizer has no fast form")
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0][:160]
            raise SignerError(f"no T5 could be loaded from '{base}' ({reason}): name a T5 of the hub that is on this machine, or a folder") from None
        tokenizer = SignTokenizer.extend(fast, pairs, settings["language"])
        model.resize_token_embeddings(len(fast))
        return cls(model, tokenizer, settings, nn.Linear(model.config.d_model, 2, bias=False) if prompts else None)

    @classmethod
    def from_pretrained(cls, folder: Path | str, device: str = "cpu") -> SLUL:
        """Raises ``SignerError`` in one line if the folder is no checkpoint or is damaged."""
        folder = Path(folder)
        settings = load_json(folder, "slul.json", ("language", "beams", "length_penalty", "max_glosses", "known_words", "prompts"))
        config = load_json(folder, keys=("d_model",))
        try:
            tokenizer = SignTokenizer.load(folder)
            known = None if tokenizer.known is None else len(tokenizer.known)
            if known != settings["known_words"]:
                raise ValueError(f"known_words.txt has {known} words, not {settings['known_words']}")
            model = T5ForConditionalGeneration(T5Config(**config))
            _check_together(settings, tokenizer, model.config)
        except Exception as error:  # tokenizers raises bare Exceptions for a broken file
            raise damaged(folder, error) from None
        load_weights(model, folder)
        pointer = nn.Linear(model.config.d_model, 2, bias=False) if settings["prompts"] else None
        if pointer:
            load_weights(pointer.to(device), folder, "pointer.safetensors")
        nn.Module.to(model, device)
        return cls(model.eval(), tokenizer, settings, pointer)

    def save_pretrained(self, folder: Path) -> None:
        """Writes into an existing folder; see ``files.filling``."""
        known = None if self.tokenizer.known is None else len(self.tokenizer.known)
        settings = self.settings | {"known_words": known, "prompts": self.pointer is not None}
        self.tokenizer.save(folder)
        (folder / "config.json").write_text(json.dumps(self.model.config.to_diff_dict(), indent=2, default=str) + "\n", encoding="utf-8")
        (folder / "slul.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        save_half(self.model, folder / "model.safetensors")
        if self.pointer:
            save_half(self.pointer, folder / "pointer.safetensors")

    @cached_property
    def ids(self) -> dict[str, int]:
        """The glosses that SLUL has learned, each with its token."""
        learned = [i for i in self.glosses[~self.slots].tolist() if i != self.tokenizer.fast.eos_token_id]
        return dict(zip(self.tokenizer.fast.convert_ids_to_tokens(learned), learned))

    @property
    def device(self) -> torch.device:
        return self.model.device

    def source(self, encoded: Encoded, mode: str = "text") -> str:
        """[l ; x] of Eq. 1 as text: the language tag, the mode [ours] ("text" or "prompt"), then the words."""
        return f"{language_tag(self.settings['language'])} {MODES[mode]} {encoded.text}"

    def batch(self, encoded: list[Encoded], mode: str = "text") -> BatchEncoding:
        """[l ; x] of Eq. 1 -> input_ids, attention_mask (B, L)"""
        sources = [self.source(e, mode) for e in encoded]
        read: BatchEncoding = self.tokenizer.fast(sources, padding=True, return_tensors="pt", return_token_type_ids=False)
        return read.to(self.device)

    def encode(self, batch: Mapping[str, Any]) -> Tensor:
        """Eq. 1 [secondary]: H = Enc([l ; x]), (B, L, d)."""
        result: Tensor = self.model.encoder(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        return result

    def words_of(self, batch: BatchEncoding, encoded: list[Encoded], mode: str) -> Tensor:
        """Which word of its text each token of ``batch`` belongs to, (B, L); -1 for the language tag, the mode, the end and padding."""
        places = [[self.source(e, mode)[:end].count(" ") - 2 if end else -1 for _, end in encoding.offsets]
                  for e, encoding in zip(encoded, batch.encodings or [])]
        return torch.tensor(places, device=self.device).clamp(min=-1)

    def point(self, H: Tensor, words: Tensor) -> Tensor:
        """The pointer [ours]: how well each token begins and ends what is to be signed. H (B, L, d), words (B, L) -> (B, L, 2), -inf off words"""
        assert self.pointer is not None                         # a model that was trained with prompts
        result: Tensor = self.pointer(H).masked_fill((words < 0)[..., None], float("-inf"))
        return result

    @torch.inference_mode()
    def asked(self, texts: list[str]) -> list[str]:
        """The part of each text that is to be signed: of 'How do I sign "Good morning"?' it is 'Good morning'; of a plain text, all of it. [ours]

        Raises ``SignerError`` if the model was trained without prompts, or a text has no words.
        """
        if empty := [text for text in texts if not self.tokenizer.words(text)]:
            raise SignerError(f"there are no words in '{empty[0][:40]}'")
        if self.pointer is None:
            raise SignerError("this model was trained without prompts: give it sentences, with mode 'text'")
        found = []
        for i in range(0, len(texts), BATCH):
            encoded = [self.tokenizer.encode_words(text) for text in texts[i : i + BATCH]]
            batch = self.batch(encoded, "prompt")
            words = self.words_of(batch, encoded, "prompt")
            first, last = self.point(self.encode(batch), words).unbind(-1)  # (B, L) each
            ordered = torch.ones_like(words[0]).expand(words.shape[1], -1).triu().bool()  # no span ends before it begins
            spans = (first[:, :, None] + last[:, None, :]).masked_fill(~ordered, -torch.inf).flatten(1)
            for row, text in enumerate(texts[i : i + BATCH]):
                normal = self.tokenizer.normal(text)
                places = [match.span() for match in WORD.finditer(normal)]
                whole = first[row, (words[row] == 0).nonzero()[0]] + last[row, (words[row] == len(places) - 1).nonzero()[-1]]
                best, span = spans[row].max(0)
                a, b = (int(words[row, k]) for k in divmod(int(span), words.shape[1]))
                found.append(normal[places[a][0] : places[b][1]] if best > whole + CERTAIN else text)
        return found

    def check(self, text: str) -> None:
        """Raises ``SignerError`` for a text that cannot be signed, see ``check_text``."""
        check_text(text, english=self.settings["language"].startswith("en-"))

    def understand(self, text: str, beams: int | None = None, mode: str = "prompt") -> list[GlossSentence]:
        """A text -> its sentences as glosses with states.

        ``mode`` "prompt": the words that are asked for are found first (a plain text is asked for as a whole); "text", or by a model that was
        trained without prompts: every word is signed.
        Raises ``SignerError`` for a text that cannot be signed.
        """
        return self.understand_all([text], beams, mode)[0]

    def understand_all(self, texts: list[str], beams: int | None = None, mode: str = "prompt") -> list[list[GlossSentence]]:
        """``understand`` of several texts, all their sentences together."""
        if mode not in MODES:
            raise SignerError(f"there is no mode '{mode}': use {' or '.join(MODES)}")
        for text in texts:
            self.check(text)
        cut = [sentences(text, self.tokenizer.normal) for text in (self.asked(texts) if mode == "prompt" and self.pointer else texts)]
        found = iter(self.translate([sentence for row in cut for sentence in row], beams))
        return [[next(found) for _ in row] for row in cut]

    def translate(self, texts: list[str], beams: int | None = None) -> list[GlossSentence]:
        """Any number of texts, each one sentence, ``BATCH`` at a time."""
        return _in_batches(texts, lambda rows: self._translate([texts[row] for row in rows], beams))

    def state_of(self, texts: list[str], glosses: list[list[str]]) -> list[GlossSentence]:
        """What ``translate`` would have kept of each sentence, had its search found these glosses: by teacher forcing. [ours]

        A spelled word or a gloss that SLUL never learned is read as the slot of that word of the text; one that is not in the text, as a slot of
        its own. Raises ``SignerError`` if there is no slot for one: the model was trained without, or all are taken.
        """
        if len(texts) != len(glosses):
            raise SignerError(f"each text has its own glosses: there are {len(texts)} texts and {len(glosses)} lists of glosses")
        return _in_batches(texts, lambda rows: self._state_of([texts[row] for row in rows], [glosses[row] for row in rows]))

    def search(self, H: Tensor, batch: Mapping[str, Any], beams: int) -> tuple[list[list[Hypothesis]], Tensor]:
        """The best gloss sentences of each text by beam search, and the states they were chosen from; see ``beam_search``. [ours: the search]

        Pieces of spoken words are never written; a slot as often as it stands in the text, and no other slot at all.
        """
        glosses = self.glosses.to(self.device)
        held = (batch["input_ids"][:, :, None] == glosses).sum(1)  # (B, G)
        left = torch.where(self.slots.to(self.device), held, torch.inf)
        longest, length_penalty = self.settings["max_glosses"], self.settings["length_penalty"]
        return beam_search(self.model, H, batch["attention_mask"], glosses, left, beams, longest, length_penalty)

    @torch.inference_mode()
    def _translate(self, texts: list[str], beams: int | None) -> list[GlossSentence]:
        """One batch."""
        encoded = [self.tokenizer.encode_words(text) for text in texts]
        batch = self.batch(encoded)
        H = self.encode(batch)
        found, states = self.search(H, batch, beams or self.settings["beams"])
        context, states = mean_pool(H, batch["attention_mask"]).float().cpu(), states.float().cpu()
        fast, out = self.tokenizer.fast, []
        for row, (text, e, (best, *_)) in enumerate(zip(texts, encoded, found)):
            tokens = self.tokenizer.tokens(self.glosses[best.glosses].tolist())
            signed = len(tokens) - (tokens[-1] == fast.eos_token)
            out.append(_understood(text, e, self.tokenizer.show(tokens[:signed], e.words), states[best.places[:signed]], context[row]))
        return out

    @torch.inference_mode()
    def _state_of(self, texts: list[str], glosses: list[list[str]]) -> list[GlossSentence]:
        """One batch."""
        encoded = [self.tokenizer.encode_words(text) for text in texts]
        batch = self.batch(encoded)
        H = self.encode(batch)
        config = self.model.config
        read = [[config.decoder_start_token_id, *self._ids_of(row, e)] for row, e in zip(glosses, encoded)]
        tokens = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in read], batch_first=True, padding_value=config.pad_token_id or 0)
        states = self.model.decoder(input_ids=tokens.to(self.device), encoder_hidden_states=H, encoder_attention_mask=batch["attention_mask"],
                                    use_cache=False).last_hidden_state.float().cpu()  # the state that has read g_<i emits g_i
        context = mean_pool(H, batch["attention_mask"]).float().cpu()
        return [_understood(text, e, list(row), states[k, : len(row)], context[k])
                for k, (text, e, row) in enumerate(zip(texts, encoded, glosses))]

    def _ids_of(self, glosses: list[str], encoded: Encoded) -> list[int]:
        """The tokens of given glosses; see ``state_of``."""
        slots = dict(zip(encoded.words, SLOTS))
        free = iter(SLOTS[len(slots) :])
        out: list[int] = []
        for gloss in glosses:
            word = SignTokenizer.spell(gloss).removeprefix(SPELLED)
            if gloss not in self.ids and word not in slots:
                if self.tokenizer.known is None or not (slot := next(free, None)):
                    left = "left " if slots else ""
                    raise SignerError(f"SLUL never learned the gloss {gloss}, and has no slot {left}for unknown words: leave it out")
                slots[word] = slot
            out.append(self.ids[gloss] if gloss in self.ids else self.tokenizer.ids([slots[word]])[0])
        return out


def _check_together(settings: dict[str, Any], tokenizer: SignTokenizer, config: T5Config) -> None:
    """Raises if the files of a checkpoint were changed so that they do not fit, which loading them does not tell."""
    kinds: dict[str, Any] = {"language": str, "beams": int, "length_penalty": (int, float), "max_glosses": int, "prompts": bool}
    for key, kind in kinds.items():
        if not isinstance(settings[key], kind) or isinstance(settings[key], bool) != (kind is bool):
            raise ValueError(f"{key} is {settings[key]!r}")
    if not (1 <= settings["beams"] <= 1000 and 1 <= settings["max_glosses"] <= 10_000 and abs(settings["length_penalty"]) < 1000):
        raise ValueError(f"nobody searches with {settings['beams']} beams for {settings['max_glosses']} glosses")
    if not all(isinstance(getattr(config, f"{name}_token_id"), int) for name in ("eos", "pad", "decoder_start")):
        raise ValueError("its tokens are no numbers")
    fast = tokenizer.fast
    if (fast.eos_token_id, fast.pad_token_id) != (config.eos_token_id, config.pad_token_id) or len(fast) > config.vocab_size:
        raise ValueError("the tokenizer is of another model")
    fast([settings["language"]], padding=True)                  # which reads what the tokenizer's own settings say


def _in_batches(texts: list[str], understood: Callable[[list[int]], list[GlossSentence]]) -> list[GlossSentence]:
    """``understood`` of all rows, ``BATCH`` at a time."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # a batch takes as long as its longest sentence
    found: dict[int, GlossSentence] = {}
    for i in range(0, len(texts), BATCH):
        rows = order[i : i + BATCH]
        found |= zip(rows, understood(rows))
    return [found[i] for i in range(len(texts))]


def _understood(text: str, encoded: Encoded, glosses: list[str], states: Tensor, context: Tensor) -> GlossSentence:
    return GlossSentence(text, glosses, states, context, [word for word in encoded.words if SPELLED + word not in glosses])


def load_slul(folder: Path | str | None = None, device: str = "cpu") -> SLUL:
    """The shipped nano model, or another folder."""
    return SLUL.from_pretrained(folder or CHECKPOINTS / "slul-nano", device)
