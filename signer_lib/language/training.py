"""Training SLUL on L_text (Eq. 2-5): a short loop on accelerate that can be killed at any moment and goes on exactly where it was."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object, set_seed
from torch import Tensor, nn
from transformers import T5Config

from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.language.adafactor import CutAdafactor
from signer_lib.language.batching import Batch, Batches
from signer_lib.language.corpora import Corpus
from signer_lib.language.dropout import with_byte_dropout
from signer_lib.language.losses import inverse_document_frequency
from signer_lib.language.objective import Objective
from signer_lib.language.slul import SLUL
from signer_lib.language.streaming import BLOCK, Pair, StreamBatches, Streamed
from signer_lib.language.tokenizer import SLOTS, SPELLED, SignTokenizer
from signer_lib.loop import Loop, accelerator, learning_rate
from signer_lib.metrics.text import text_scores
from signer_lib.resume import whole


@dataclass
class SlulConfig:
    """A preset of ``signer_lib/presets/slul_*.yaml``; the comments there say what each value is for."""

    model: dict[str, Any]
    vocabulary: int
    epochs: int
    batch_size: int
    micro_batches: int
    learning_rate: float
    warmup_steps: int
    label_smoothing: float
    drop_articles: float
    drop_words: float
    masking: str
    rho: float
    tau: float
    weight_sagm: float
    weight_kl: float
    weight_con: float
    weight_asked: float
    kl_moves: str
    prompts: int
    plain_share: float
    average: float
    patience: int
    log_steps: int
    beams: int
    length_penalty: float
    max_glosses: int
    precision: str

    def __post_init__(self) -> None:
        choices = {"masking": ("uniform", "semantic"), "kl_moves": ("both", "masked", "whole"), "precision": ("auto", "fp32", "bf16")}
        for key, allowed in choices.items():
            if getattr(self, key) not in allowed:
                raise SignerError(f"{key} must be one of {', '.join(allowed)}, not '{getattr(self, key)}'")
        for key in ("rho", "label_smoothing", "drop_articles", "drop_words", "plain_share", "average"):
            if not 0 <= getattr(self, key) <= 1:
                raise SignerError(f"{key} must be from 0 to 1, not {getattr(self, key)}")
        for key in ("weight_sagm", "weight_kl", "weight_con", "weight_asked", "warmup_steps", "prompts", "patience"):
            if not 0 <= getattr(self, key) < math.inf:
                raise SignerError(f"{key} must be 0 or more, not {getattr(self, key)}")
        if unknown := sorted(set(self.model) - set(T5Config().to_dict())):
            raise SignerError(f"model: unknown key '{unknown[0]}': the keys are those of transformers' T5Config, such as num_layers")
        for key in ("vocabulary", "epochs", "batch_size", "micro_batches", "learning_rate", "tau", "log_steps", "beams", "max_glosses"):
            if getattr(self, key) <= 0:
                raise SignerError(f"{key} must be more than 0, not {getattr(self, key)}")


def slul_config(size: str, changes: list[str] | None = None) -> SlulConfig:
    """The settings of a size (nano, phoenix, base) or a YAML file, with ``changes`` such as "weight_kl=0"."""
    return load_config(SlulConfig, size if size.endswith((".yaml", ".yml")) else f"slul_{size}", changes)


def evaluate(slul: SLUL, pairs: list[Pair], beams: int | None = None) -> dict[str, Any]:
    """``text_scores`` of what SLUL makes of the pairs' texts."""
    found = slul.translate([text for text, _ in pairs], beams)
    return text_scores([" ".join(sentence.glosses) for sentence in found], [gloss for _, gloss in pairs])


def new_slul(config: SlulConfig, corpus: Corpus, base: str | None = None) -> SLUL:
    """An untrained SLUL for the corpus: of the config's size, or on a hub T5."""
    settings = {"language": corpus.language, **{key: getattr(config, key) for key in ("beams", "length_penalty", "max_glosses")}}
    prompts = bool(corpus.prompts and config.prompts and config.weight_asked)
    if base:
        return SLUL.from_base(base, corpus.train, settings, prompts)
    return SLUL.new(SignTokenizer.train(corpus.train, corpus.language, config.vocabulary), settings, config.model, prompts)


class Training(Loop[SLUL]):
    """One training of SLUL: ``run()`` does all of it; ``step()`` one step, and returns its losses.

    The state is one file in ``out``, written every epoch and every few hundred steps; whoever starts the same training again goes on from it.
    """

    title = "slul"
    config: SlulConfig
    batches: Batches | StreamBatches

    def __init__(self, config: SlulConfig, corpus: Corpus, out: Path, seed: int, minutes: float | None = None, base: str | None = None):
        self.config, self.corpus, self.out, self.seed, self.minutes = config, corpus, Path(out), seed, minutes
        for split in ("train", "dev"):
            if not corpus.split(split):
                raise SignerError(f"the corpus {corpus.name} has no sentences in its {split} split: add some")
        if (self.out / "training.json").is_file():
            raise SignerError(f"{self.out} holds a finished training: choose another --out, or delete it")
        self.accelerator = accelerator(config.precision, cut=True)
        set_seed(seed)
        self.slul = new_slul(config, corpus, base)
        if self.accelerator.is_main_process:
            with filling(self.out):         # an unwritable folder is told now
                pass
        if self.streamed and config.masking == "semantic":
            raise SignerError("semantic masking counts all glosses beforehand: take masking=uniform, or train without --stream")
        idf = self._idf() if config.masking == "semantic" else None

        def make(pairs: list[Pair], config: SlulConfig, seed: int) -> Batches:
            return Batches(self.slul, pairs, corpus.prompts, config, seed, idf)

        train, rank, processes = corpus.train, self.accelerator.process_index, self.accelerator.num_processes
        self.batches = StreamBatches(train, make, config, seed, rank, processes) if isinstance(train, Streamed) else make(train, config, seed)
        parts = config.micro_batches * self.accelerator.num_processes
        sizes = {"batch": len(corpus.train) // len(self.batches)} | ({"step's prompts": config.prompts} if self.slul.pointer else {})
        for what, rows in sizes.items():
            if rows < parts:
                raise SignerError(f"{rows} rows of a {what} cannot be cut into {parts}: use fewer micro_batches or processes")
        with_byte_dropout(self.slul.model)
        objective = Objective(self.slul, config, self._everyone)
        self.averaged = copy.deepcopy(Objective(self.slul, config)).to(self.accelerator.device).requires_grad_(False).eval()
        optimizer = CutAdafactor(objective.parameters(), lr=config.learning_rate, scale_parameter=True,  # type: ignore[no-untyped-call]  # transformers'
                                 relative_step=False, warmup_init=False)
        self.objective, self.optimizer = self.accelerator.prepare(objective, optimizer)
        self.inner = self.accelerator.unwrap_model(self.objective)
        self.begin(config.epochs * len(self.batches), [-1.0, 0.0])
        self.state["best_bleu4"] = 0.0
        self.settings = asdict(config) | {"seed": seed, "data": corpus.name, "language": corpus.language, "pairs": len(corpus.train),
                                          "pairs_sha256": train.sha256 if isinstance(train, Streamed) else _digest(train),
                                          "minutes": minutes, "base": base}
        self._resume()
        if isinstance(self.batches, StreamBatches) and len(told := self.state.get("stream", [])) == processes:
            self.batches.resume(told[self.accelerator.process_index])

    @property
    def streamed(self) -> bool:
        """Whether the training pairs stay on the disk."""
        return isinstance(self.corpus.train, Streamed)

    # --- one step ----------------------------------------------------------------------------------------------------
    def step(self) -> dict[str, float]:
        """One step on the whole batch, over all processes and parts; -> each term's value over the whole batch."""
        start, k, processes = time.monotonic(), self.state["step"], self.accelerator.num_processes
        batch, parts = self._batch(k), self.config.micro_batches
        first, of = (0, 1) if self.streamed else (self.accelerator.process_index, processes)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, k, self.state["steps"])
        torch.manual_seed((self.seed * 1_000_003 + k) * processes + self.accelerator.process_index)     # dropout's, so that resuming is exact
        self.objective.train()
        values: dict[str, Tensor] = {}
        for part in range(parts):
            rows = batch.part(part * of + first, parts * of)
            wait = self.accelerator.no_sync(self.objective) if part < parts - 1 else torch.enable_grad()
            with wait:
                terms = self.objective(rows)
                # A sum over the rows of a process is part of the batch's; the contrast is already whole, for each of the parts.
                spread = {name: value / parts if name == "con" else value for name, value in terms.items() if name != "total"}
                loss = sum(self.inner.weight(name) * value for name, value in spread.items())
                self.accelerator.backward(loss * processes)                                             # DDP takes the mean
            for name, value in spread.items():
                values[name] = values.get(name, 0) + value.detach() / (processes if name == "con" else 1)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._average()
        names = list(values)
        summed = self.accelerator.reduce(torch.stack([values[name].float() for name in names]), "sum").tolist()
        found = dict(zip(names, summed))
        found["total"] = sum(self.inner.weight(name) * value for name, value in found.items())
        self.state["step"] += 1
        self.state["seconds"] += time.monotonic() - start
        return found

    def _batch(self, k: int) -> Batch:
        """The whole batch; of a stream this process's own rows, with the counts of the whole."""
        batch = self.batches[k]
        if isinstance(self.batches, StreamBatches):
            counts = torch.tensor([batch.tokens, batch.hid, batch.asked], device=self.accelerator.device)
            batch.tokens, batch.hid, batch.asked = self.accelerator.reduce(counts, "sum").tolist()
            if k % BLOCK == 0:
                self.state["stream"] = gather_object([self.batches.state])
        return batch

    def _average(self) -> None:
        """The weights' running mean, which is what is scored and kept: late weights count more, early ones soon nothing. [ours]"""
        keep = min(self.config.average, (1 + self.state["step"]) / (10 + self.state["step"]))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), [whole(p) for p in self.inner.parameters()], 1 - keep)

    def _everyone(self, rows: Tensor) -> Tensor:
        """The rows of all processes; only this one's carry a gradient, which DDP's sum over processes makes whole."""
        if self.accelerator.num_processes == 1:
            return rows
        sizes = self.accelerator.gather(torch.tensor([len(rows)], device=rows.device)).tolist()         # a batch need not divide evenly
        gathered = self.accelerator.gather(self.accelerator.pad_across_processes(rows.detach())).split(max(sizes))
        return torch.cat([rows if k == self.accelerator.process_index else gathered[k][:size] for k, size in enumerate(sizes)])

    def _idf(self) -> Tensor:
        """The inverse document frequency of every token; a slot's is that of spelling anything at all."""
        fast = self.slul.tokenizer.fast
        glosses = [" ".join(SLOTS[0] if token.startswith(SPELLED) else token for token in gloss.split()) for _, gloss in self.corpus.train]
        idf = inverse_document_frequency(fast(glosses, add_special_tokens=False).input_ids, len(fast))
        slots = self.slul.tokenizer.ids(SLOTS)
        idf[slots] = idf[slots[0]].item()
        return idf

    # --- the whole ---------------------------------------------------------------------------------------------------
    def score(self, epoch: int) -> None:
        """Dev BLEU-4 of the averaged weights, by greedy search."""
        scores = evaluate(self.averaged.slul, self.corpus.dev, beams=1) if self.accelerator.is_main_process else {}
        scores = self._agree(scores)
        shown = {f"dev_{key}": round(scores[key], 2) for key in ("bleu4", "rouge", "wer", "exact")}
        self._write({"step": self.state["step"], "epoch": epoch, **shown})
        rank = [scores["bleu4"], -scores["wer"]]        # where no four glosses are right yet, fewer errors are better
        if rank > self.state["best"]:
            self.state |= {"best": rank, "best_bleu4": scores["bleu4"], "best_epoch": epoch}
            self.best = {name: value.clone() for name, value in self.averaged.state_dict().items()}
        elif epoch - self.state["best_epoch"] >= self.config.patience:
            self.state["stopped"] = True

    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"weights": self.inner, "averaged": self.averaged}

    @property
    def trained(self) -> tuple[nn.Module, SLUL]:
        return self.averaged, self.averaged.slul


def _digest(pairs: list[Pair]) -> str:
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()[:16]
