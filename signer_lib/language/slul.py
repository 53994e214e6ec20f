"""SLUL, the Sign Language Understanding Linker: a T5 encoder-decoder from text to glosses and semantic states.

The T5 is the paper's [paper]; sizes, tokenizer and the choice of state are ours [ours].
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from signer_lib.checkpoint import damaged, load_json, load_weights, save_half
from signer_lib.language.tokenizer import SLOTS, Encoded, SignTokenizer, check_text, language_tag, sentences


@dataclass
class GlossSentence:
    """One sentence understood.

    text     the English sentence.
    glosses  (n,) gloss names, ``fs-WORD`` for what is spelled.
    states   (n, d) float32, s_i of Eq. 6: the decoder's state that emits gloss i.
    context  (d,) float32, the mean of H: the sentence as a whole.
    """

    text: str
    glosses: list[str]
    states: Tensor
    context: Tensor


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
        settings, config = load_json(folder, "slul.json"), load_json(folder)
        try:
            tokenizer = SignTokenizer.load(folder)
            model = T5ForConditionalGeneration(T5Config(**config))
        except Exception as error:  # tokenizers raises bare Exceptions for a broken file
            raise damaged(folder, error) from None
        load_weights(model, folder)
        return cls(model.to(device).eval(), tokenizer, settings)

    def save_pretrained(self, folder: Path) -> None:
        """Writes into an existing folder; see ``files.filling``."""
        self.tokenizer.save(folder)
        (folder / "config.json").write_text(json.dumps(self.model.config.to_diff_dict(), indent=2, default=str) + "\n", encoding="utf-8")
        (folder / "slul.json").write_text(json.dumps(self.settings, indent=2) + "\n", encoding="utf-8")
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

    @torch.inference_mode()
    def translate(self, texts: list[str], beams: int | None = None) -> list[GlossSentence]:
        """Each text is one sentence; all are decoded in one batch by beam search."""
        encoded = [self.tokenizer.encode_words(text) for text in texts]
        batch = self.batch(encoded)
        H = self.encode(batch)
        found = self.model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=H),
            attention_mask=batch["attention_mask"],
            num_beams=beams or self.settings["beams"],
            suppress_tokens=self.unsayable,
            max_new_tokens=self.settings["max_glosses"],
            do_sample=False,
        )
        states = self.states(H, batch["attention_mask"], found)
        out = []
        for row, (text, e) in enumerate(zip(texts, encoded)):
            ids = found[row, 1:].tolist()  # without the start token
            keep = [k for k, i in enumerate(ids) if i not in (self.model.config.eos_token_id, self.model.config.pad_token_id)]
            names = self.tokenizer.fast.convert_ids_to_tokens([ids[k] for k in keep])
            shown = [(k, self.tokenizer.show([name], e.words)) for k, name in zip(keep, names)]
            keep, glosses = [k for k, name in shown if name], [name[0] for _, name in shown if name]
            mask = batch["attention_mask"][row, :, None].float()
            out.append(GlossSentence(text, glosses, states[row, keep].float().cpu(), ((H[row] * mask).sum(0) / mask.sum()).float().cpu()))
        return out

    def states(self, H: Tensor, mask: Tensor, tokens: Tensor) -> Tensor:
        """The decoder's last states over ``tokens`` (B, 1+n): row k emits token k+1. -> (B, n, d)"""
        return self.model.decoder(input_ids=tokens[:, :-1], encoder_hidden_states=H, encoder_attention_mask=mask).last_hidden_state


def load_slul(folder: Path | str | None = None, device: str = "cpu") -> SLUL:
    """The shipped nano model, or another folder."""
    from signer_lib.assets import CHECKPOINTS

    return SLUL.from_pretrained(folder or CHECKPOINTS / "slul-nano", device)
