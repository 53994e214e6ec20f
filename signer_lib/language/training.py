"""Training SLUL on L_text (Eq. 2-5): a short loop on accelerate that can be killed at any moment and goes on exactly where it was."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, set_seed
from torch import Tensor
from transformers import Adafactor, T5Config

from signer_lib.checkpoint import save_trained
from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.language.batching import Batches
from signer_lib.language.corpora import Corpus, Pair
from signer_lib.language.dropout import with_byte_dropout
from signer_lib.language.losses import inverse_document_frequency
from signer_lib.language.objective import Objective
from signer_lib.language.slul import SLUL
from signer_lib.language.tokenizer import SLOTS, SPELLED, SignTokenizer
from signer_lib.metrics.text import text_scores
from signer_lib.progress import bar
from signer_lib.resume import load_state, optimizer_tensors, restore_optimizer, save_state

TIMED = 10, 30          # the steps between which ``minutes`` are turned into a number of steps


@dataclass
class SlulConfig:
    """A preset of ``signer_lib/presets/slul_*.yaml``; the comments there say what each value is for."""

    model: dict
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

    def __post_init__(self):
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


def evaluate(slul: SLUL, pairs: list[Pair], beams: int | None = None) -> dict:
    """``text_scores`` of what SLUL makes of the pairs' texts."""
    found = slul.translate([text for text, _ in pairs], beams)
    return text_scores([" ".join(sentence.glosses) for sentence in found], [gloss for _, gloss in pairs])


def precision(asked: str) -> str:
    """In accelerate's words. "auto" is "bf16" where the hardware is faster with it (a GPU, a CPU with AMX), else "no", which is fp32."""
    gpu = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    fast = gpu or torch.cpu.get_capabilities().get("amx_bf16", False)
    return "bf16" if asked == "bf16" or (asked == "auto" and fast) else "no"


def learning_rate(config: SlulConfig, step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine down to 0."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(steps - config.warmup_steps, 1)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def new_slul(config: SlulConfig, corpus: Corpus, base: str | None = None) -> SLUL:
    """An untrained SLUL for the corpus: of the config's size, or on a hub T5."""
    settings = {"language": corpus.language, **{key: getattr(config, key) for key in ("beams", "length_penalty", "max_glosses")}}
    prompts = bool(corpus.prompts and config.prompts and config.weight_asked)
    if base:
        return SLUL.from_base(base, corpus.train, settings, prompts)
    return SLUL.new(SignTokenizer.train(corpus.train, corpus.language, config.vocabulary), settings, config.model, prompts)


class Training:
    """One training of SLUL: ``run()`` does all of it; ``step()`` one step, and returns its losses.

    The state is one file in ``out``, written every epoch and every few hundred steps; whoever starts the same training again goes on from it.
    """

    def __init__(self, config: SlulConfig, corpus: Corpus, out: Path, seed: int, minutes: float | None = None, base: str | None = None):
        self.config, self.corpus, self.out, self.seed, self.minutes = config, corpus, Path(out), seed, minutes
        for split in ("train", "dev"):
            if not corpus.split(split):
                raise SignerError(f"the corpus {corpus.name} has no sentences in its {split} split: add some")
        if (self.out / "training.json").is_file():
            raise SignerError(f"{self.out} holds a finished training: choose another --out, or delete it")
        self.accelerator = Accelerator(mixed_precision=precision(config.precision))
        set_seed(seed)
        self.slul = new_slul(config, corpus, base)
        if self.accelerator.is_main_process:
            with filling(self.out):         # an unwritable folder is told now
                pass
        idf = self._idf() if config.masking == "semantic" else None
        self.batches = Batches(self.slul, corpus.train, corpus.prompts, config, seed, idf)
        parts = config.micro_batches * self.accelerator.num_processes
        sizes = {"batch": len(corpus.train) // len(self.batches)} | ({"step's prompts": config.prompts} if self.slul.pointer else {})
        for what, rows in sizes.items():
            if rows < parts:
                raise SignerError(f"{rows} rows of a {what} cannot be cut into {parts}: use fewer micro_batches or processes")
        with_byte_dropout(self.slul.model)
        objective = Objective(self.slul, config, self._everyone)
        self.averaged = copy.deepcopy(Objective(self.slul, config)).to(self.accelerator.device).requires_grad_(False).eval()
        optimizer = Adafactor(objective.parameters(), lr=config.learning_rate, scale_parameter=True, relative_step=False, warmup_init=False)
        self.objective, self.optimizer = self.accelerator.prepare(objective, optimizer)
        self.inner = self.accelerator.unwrap_model(self.objective)
        self.best: dict[str, Tensor] = {}
        self.sums: dict[str, float] = defaultdict(float)
        self.state = {"step": 0, "steps": config.epochs * len(self.batches), "seconds": 0.0, "best": [-1.0, 0.0], "best_bleu4": 0.0,
                      "best_epoch": 0, "log": []}
        self.settings = asdict(config) | {"seed": seed, "data": corpus.name, "language": corpus.language, "pairs": len(corpus.train),
                                          "pairs_sha256": hashlib.sha256(json.dumps(corpus.train).encode()).hexdigest()[:16],
                                          "minutes": minutes, "base": base}
        self._resume()

    # --- one step ----------------------------------------------------------------------------------------------------
    def step(self) -> dict[str, float]:
        """One step on the whole batch, over all processes and parts; -> each term's value over the whole batch."""
        start, k, processes = time.monotonic(), self.state["step"], self.accelerator.num_processes
        batch, parts = self.batches[k], self.config.micro_batches
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, k, self.state["steps"])
        torch.manual_seed((self.seed * 1_000_003 + k) * processes + self.accelerator.process_index)     # dropout's, so that resuming is exact
        self.objective.train()
        values: dict[str, Tensor] = {}
        for part in range(parts):
            rows = batch.part(part * processes + self.accelerator.process_index, parts * processes)
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

    def _average(self) -> None:
        """The weights' running mean, which is what is scored and kept: late weights count more, early ones soon nothing. [ours]"""
        keep = min(self.config.average, (1 + self.state["step"]) / (10 + self.state["step"]))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.inner.parameters()), 1 - keep)

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
        slots = fast.convert_tokens_to_ids(SLOTS)
        idf[slots] = idf[slots[0]].item()
        return idf

    # --- the whole ---------------------------------------------------------------------------------------------------
    def run(self) -> SLUL:
        """Trains to the end, or until ``patience`` epochs brought no better dev BLEU-4; writes the best epoch's averaged weights. -> SLUL"""
        state, epoch = self.state, len(self.batches)
        with bar(f"slul, seed {self.seed}", state["steps"], state["step"], self.accelerator.is_main_process) as tick:
            while state["step"] < state["steps"] and not state.get("stopped"):
                terms = self.step()
                for name, value in terms.items():
                    self.sums[name] += value
                k = state["step"]
                if not all(math.isfinite(value) for value in terms.values()):
                    raise SignerError(f"the loss is {terms['total']} at step {k}: train again with a lower learning_rate")
                if self.minutes and k in TIMED:
                    self._timed(k)
                if k % self.config.log_steps == 0 or k % epoch == 0 or k == state["steps"]:
                    self._log(k)
                if k % epoch == 0 or k == state["steps"]:
                    self._score(-(-k // epoch))
                    self._save()
                elif k % (10 * self.config.log_steps) == 0:
                    self._save()
                tick(terms["total"])
        self.accelerator.wait_for_everyone()
        self.averaged.load_state_dict(self.best)
        trained = self.averaged.slul
        if self.accelerator.is_main_process:
            done = {"steps": state["step"], "train_minutes": round(state["seconds"] / 60, 2), "best_epoch": state["best_epoch"],
                    "processes": self.accelerator.num_processes, "mixed_precision": self.accelerator.mixed_precision}
            save_trained(trained, self.out, state["log"], self.settings | done)
            self._state_file.unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()
        return trained

    def _timed(self, k: int) -> None:
        """``minutes`` become a number of steps, once and for all, from the time that twenty steps took."""
        if k == TIMED[0]:
            self.state["timed_from"] = self.state["seconds"]
        else:
            pace = (self.state["seconds"] - self.state.pop("timed_from")) / (TIMED[1] - TIMED[0])
            self.state["steps"] = self._agree(max(TIMED[1], round(60 * self.minutes / pace)))

    def _log(self, k: int) -> None:
        since = k - max((line["step"] for line in self.state["log"] if "total" in line), default=0)
        line = {"step": k, "epoch": round(k / len(self.batches), 3), "lr": round(self.optimizer.param_groups[0]["lr"], 6),
                **{name: round(value / since, 6) for name, value in self.sums.items()}, "minutes": round(self.state["seconds"] / 60, 2)}
        self.sums.clear()
        self._write(line)

    def _score(self, epoch: int) -> None:
        """Dev BLEU-4 of the averaged weights, by greedy search."""
        scores = evaluate(self.averaged.slul, self.corpus.dev, beams=1) if self.accelerator.is_main_process else None
        scores = self._agree(scores)
        shown = {f"dev_{key}": round(scores[key], 2) for key in ("bleu4", "rouge", "wer", "exact")}
        self._write({"step": self.state["step"], "epoch": epoch, **shown})
        rank = [scores["bleu4"], -scores["wer"]]        # where no four glosses are right yet, fewer errors are better
        if rank > self.state["best"]:
            self.state |= {"best": rank, "best_bleu4": scores["bleu4"], "best_epoch": epoch}
            self.best = {name: value.clone() for name, value in self.averaged.state_dict().items()}
        elif epoch - self.state["best_epoch"] >= self.config.patience:
            self.state["stopped"] = True

    def _agree(self, value):
        """What the main process says, on all."""
        return broadcast_object_list([value])[0]

    def _write(self, line: dict) -> None:
        self.state["log"].append(line)
        if self.accelerator.is_main_process:
            self.out.mkdir(parents=True, exist_ok=True)
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            if "dev_bleu4" in line:
                print(json.dumps(line), flush=True)

    # --- going on after a stop ---------------------------------------------------------------------------------------
    @property
    def _state_file(self) -> Path:
        return self.out / "training_state.safetensors"

    def _save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        tensors, numbers = optimizer_tensors(self.optimizer)
        modules = {"weights": self.inner.state_dict(), "averaged": self.averaged.state_dict(), "best": self.best, "optimizer": tensors}
        save_state(self._state_file, modules, {"state": self.state, "optimizer": numbers, "settings": self.settings})

    def _resume(self) -> None:
        if not self._state_file.is_file():
            if self.accelerator.is_main_process:
                (self.out / "log.jsonl").unlink(missing_ok=True)
            return
        modules, told = load_state(self._state_file)
        if other := [key for key, value in self.settings.items() if told["settings"].get(key) != value]:
            raise SignerError(f"{self.out} holds an unfinished training with another {other[0]} ({told['settings'].get(other[0])}, not "
                              f"{self.settings[other[0]]}): choose another --out, or delete {self._state_file} to start again")
        self.inner.load_state_dict(modules["weights"]), self.averaged.load_state_dict(modules["averaged"])
        restore_optimizer(self.optimizer, modules["optimizer"], told["optimizer"])
        self.best, self.state = modules.get("best", {}), told["state"]
        if self.accelerator.is_main_process:
            (self.out / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in self.state["log"]), encoding="utf-8")
            print(f"going on after step {self.state['step']} of {self.state['steps']}", flush=True)
