"""SLUL, the Sign Language Understanding Linker: a T5 encoder-decoder from text to glosses and semantic states.

The T5 is the paper's [paper]; sizes, tokenizer and the choice of state are ours [ours].
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList, T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from signer_lib.assets import CHECKPOINTS
from signer_lib.checkpoint import damaged, load_json, load_weights, save_half
from signer_lib.language.tokenizer import SLOTS, SPELLED, Encoded, SignTokenizer, check_text, language_tag, sentences

BATCH = 64  # sentences decoded together


class OnlyOwnSlots(LogitsProcessor):
    """A slot may be written as often as it stands in the text, and no other slot at all. [ours]"""

    def __init__(self, slots: Tensor, held: Tensor):
        """slots (S,) token ids; held (B * beams, S) how often each stands in the text."""
        self.slots, self.held = slots, held

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        written = (input_ids[:, :, None] == self.slots).sum(1)
        scores[:, self.slots] = scores[:, self.slots].masked_fill(written >= self.held, float("-inf"))
        return scores


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
    """Text -> glosses and states. ``understand`` is the whole stage; ``encode`` and ``states`` are its steps."""

    def __init__(self, model: T5ForConditionalGeneration, tokenizer: SignTokenizer, settings: dict):
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        fast = tokenizer.fast
        sayable = {i for i, token in fast.added_tokens_decoder.items() if not token.special or token.content in (*SLOTS, "</s>")}
        self.unsayable = [i for i in range(len(fast)) if i not in sayable]  # pieces of English words never stand in a gloss sentence

    @classmethod
    def new(cls, tokenizer: SignTokenizer, settings: dict, size: dict) -> SLUL:
        """A T5 with random weights. ``size`` holds T5Config's fields, ``settings`` the language, the beams and the longest output."""
        fast = tokenizer.fast
        config = T5Config(
            vocab_size=len(fast),
            pad_token_id=fast.pad_token_id,
            eos_token_id=fast.eos_token_id,
            decoder_start_token_id=fast.pad_token_id,
            **size,
        )
        return cls(T5ForConditionalGeneration(config), tokenizer, settings)

    @classmethod
    def from_pretrained(cls, folder: Path | str, device: str = "cpu") -> SLUL:
        """Raises ``SignerError`` in one line if the folder is no checkpoint or is damaged."""
        folder = Path(folder)
        settings, config = load_json(folder, "slul.json", ("language", "beams", "max_glosses", "known_words")), load_json(folder, keys=("d_model",))
        try:
            tokenizer = SignTokenizer.load(folder)
            if len(tokenizer.known) != settings["known_words"]:
                raise ValueError(f"known_words.txt has {len(tokenizer.known)} words, not {settings['known_words']}")
            model = T5ForConditionalGeneration(T5Config(**config))
        except Exception as error:  # tokenizers raises bare Exceptions for a broken file
            raise damaged(folder, error) from None
        load_weights(model, folder)
        return cls(model.to(device).eval(), tokenizer, settings)

    def save_pretrained(self, folder: Path) -> None:
        """Writes into an existing folder; see ``files.filling``."""
        self.tokenizer.save(folder)
        (folder / "config.json").write_text(json.dumps(self.model.config.to_diff_dict(), indent=2, default=str) + "\n", encoding="utf-8")
        (folder / "slul.json").write_text(json.dumps(self.settings | {"known_words": len(self.tokenizer.known)}, indent=2) + "\n", encoding="utf-8")
        save_half(self.model, folder / "model.safetensors")

    @property
    def device(self) -> torch.device:
        return self.model.device

    def batch(self, encoded: list[Encoded]) -> dict[str, Tensor]:
        """[l ; x] of Eq. 1: the language tag, then the text. -> input_ids, attention_mask (B, L)"""
        tag = language_tag(self.settings["language"])
        return self.tokenizer.fast([f"{tag} {e.text}" for e in encoded], padding=True, return_tensors="pt", return_token_type_ids=False).to(
            self.device
        )

    def encode(self, batch: dict[str, Tensor]) -> Tensor:
        """Eq. 1 [secondary]: H = Enc([l ; x]), (B, L, d)."""
        return self.model.encoder(**batch).last_hidden_state

    @torch.inference_mode()
    def understand(self, text: str, beams: int | None = None) -> list[GlossSentence]:
        """A text -> its sentences as glosses with states. Raises ``SignerError`` for a text that cannot be signed."""
        return self.translate(sentences(check_text(text)), beams)

    def translate(self, texts: list[str], beams: int | None = None) -> list[GlossSentence]:
        """Any number of texts, each one sentence, ``BATCH`` at a time."""
        return [found for i in range(0, len(texts), BATCH) for found in self._translate(texts[i : i + BATCH], beams)]

    @torch.inference_mode()
    def _translate(self, texts: list[str], beams: int | None) -> list[GlossSentence]:
        """One batch, decoded by beam search over glosses and the texts' own slots. [ours: the search]"""
        encoded = [self.tokenizer.encode_words(text) for text in texts]
        batch = self.batch(encoded)
        H = self.encode(batch)
        beams = beams or self.settings["beams"]
        slots = torch.tensor(self.tokenizer.fast.convert_tokens_to_ids(SLOTS), device=self.device)
        held = (batch["input_ids"][:, :, None] == slots).sum(1).repeat_interleave(beams, 0)
        found = self.model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=H),
            attention_mask=batch["attention_mask"],
            num_beams=beams,
            suppress_tokens=self.unsayable,
            logits_processor=LogitsProcessorList([OnlyOwnSlots(slots, held)]),
            max_new_tokens=self.settings["max_glosses"],
            do_sample=False,
        )
        states = self.states(H, batch["attention_mask"], found)
        ends = (self.model.config.eos_token_id, self.model.config.pad_token_id)
        out = []
        for row, (text, e) in enumerate(zip(texts, encoded)):
            ids = found[row, 1:].tolist()  # without the start token
            keep = [k for k, i in enumerate(ids) if i not in ends]
            glosses = self.tokenizer.show(self.tokenizer.fast.convert_ids_to_tokens([ids[k] for k in keep]), e.words)
            mask = batch["attention_mask"][row, :, None].float()
            context = (H[row] * mask).sum(0) / mask.sum()
            unsigned = [word for word in e.words if SPELLED + word not in glosses]
            out.append(GlossSentence(text, glosses, states[row, keep].float().cpu(), context.float().cpu(), unsigned))
        return out

    def states(self, H: Tensor, mask: Tensor, tokens: Tensor) -> Tensor:
        """s_i of Eq. 6 [ours: which state]: the decoder's last states over ``tokens`` (B, 1+n); row k emits token k+1. -> (B, n, d)"""
        return self.model.decoder(input_ids=tokens[:, :-1], encoder_hidden_states=H, encoder_attention_mask=mask).last_hidden_state


def load_slul(folder: Path | str | None = None, device: str = "cpu") -> SLUL:
    """The shipped nano model, or another folder."""
    return SLUL.from_pretrained(folder or CHECKPOINTS / "slul-nano", device)
