"""Training a back-translation on a data folder: a short loop on accelerate that can be killed at any moment and goes on exactly. [ours]"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, ctc_loss

from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.loop import Loop, accelerator, learning_rate
from signer_lib.metrics.back_translation import BLANK, BackTranslation, settings_of
from signer_lib.metrics.back_translation_batching import Batch, Batches
from signer_lib.metrics.back_translation_seen import Detection
from signer_lib.metrics.pieces import PAD, Pieces
from signer_lib.metrics.pose_reader import Reader, Size
from signer_lib.pose import SIGNER70
from signer_lib.pose.formats.folder import PoseFolder, read_folder
from signer_lib.resume import whole

SHOWN = ("bleu4", "rouge", "chrf", "wer", "bleu4_glosses")


@dataclass
class BackTranslationConfig:
    """A preset of ``signer_lib/presets/back_translation_*.yaml``; the comments there say what each value is for."""

    model: dict[str, Any]
    vocabulary: int
    epochs: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    clip: float
    label_smoothing: float
    weight_ctc: float
    weight_text: float
    slowest: float
    fastest: float
    rotate: float
    scale: float
    shift: float
    jitter: float
    drop_frames: float
    drop_parts: float
    average: float
    patience: int
    log_steps: int
    max_pieces: int
    precision: str
    detector: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.precision not in (ways := ("auto", "fp32", "bf16")):
            raise SignerError(f"precision must be one of {', '.join(ways)}, not '{self.precision}'")
        for key in ("label_smoothing", "drop_frames", "drop_parts", "average"):
            if not 0 <= getattr(self, key) <= 1:
                raise SignerError(f"{key} must be from 0 to 1, not {getattr(self, key)}")
        for key in ("weight_ctc", "weight_text", "warmup_steps", "weight_decay", "rotate", "scale", "shift", "jitter", "patience"):
            if not 0 <= getattr(self, key) < math.inf:
                raise SignerError(f"{key} must be 0 or more, not {getattr(self, key)}")
        for key in ("vocabulary", "epochs", "batch_size", "learning_rate", "clip", "slowest", "log_steps", "max_pieces"):
            if not getattr(self, key) > 0:
                raise SignerError(f"{key} must be more than 0, not {getattr(self, key)}")
        if self.fastest < self.slowest:
            raise SignerError(f"fastest must be at least slowest, {self.slowest}, not {self.fastest}")
        for name, kind in (("model", Size), ("detector", Detection)):
            given, known = set(getattr(self, name)), [f.name for f in fields(kind)]
            if wrong := sorted(given - set(known) | {f.name for f in fields(kind) if f.default is MISSING} - given):
                raise SignerError(f"{name}: '{wrong[0]}' is missing or unknown: the keys are {', '.join(known)}")
        if self.model.get("axes", "xyz") not in ("xyz", "xy"):
            raise SignerError(f"model: axes must be xyz or xy, not '{self.model['axes']}'")
        Detection(**self.detector)
        if self.model["width"] % (2 * self.model["heads"]):
            raise SignerError(f"model: width {self.model['width']} cannot be shared among {self.model['heads']} heads of even width")


def back_translation_config(size: str, changes: list[str] | None = None) -> BackTranslationConfig:
    """The settings of a size (nano, base) or a YAML file, with ``changes`` such as "weight_ctc=0.5"."""
    return load_config(BackTranslationConfig, size if size.endswith((".yaml", ".yml")) else f"back_translation_{size}", changes)


def new_back_translation(config: BackTranslationConfig, data: PoseFolder) -> BackTranslation:
    """An untrained reader for the data's skeleton, glosses and words."""
    pieces = Pieces.train(data.texts, data.glosses, config.vocabulary)
    settings = settings_of(Size(**config.model), data.fps, data.skeleton, data.poses, config.max_pieces)
    model = BackTranslation.new(pieces, sorted({unit for units in data.glosses for unit in units}), settings)
    model.net.frames.fit(data.poses)
    return model


class Objective(nn.Module):
    """w_ctc CTC + w_text cross-entropy; each is a sum over the rows at hand by the whole batch's glosses or pieces."""

    def __init__(self, net: Reader, config: BackTranslationConfig):
        super().__init__()
        self.net, self.smoothing, self.weights = net, config.label_smoothing, {"ctc": config.weight_ctc, "text": config.weight_text}

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        H, over = self.net.encode(batch.x, batch.lengths)
        ctc = ctc_loss(self.net.spot(H).transpose(0, 1), batch.glosses, (~over).sum(1), batch.gloss_lengths, BLANK, "sum", zero_infinity=True)
        logits = self.net.say(batch.told, H, over).float()
        text = cross_entropy(logits.flatten(0, 1), batch.pieces.flatten(), ignore_index=PAD, reduction="sum", label_smoothing=self.smoothing)
        return {"ctc": ctc / batch.units, "text": text / batch.said}

    def total(self, terms: dict[str, Any]) -> Any:
        """Of tensors, or of floats."""
        return sum(self.weights[name] * value for name, value in terms.items())


class Training(Loop[BackTranslation]):
    """One training: ``run()`` does all of it; ``step()`` one step, and returns its losses.

    The state is one file in ``out``, written every epoch and every few hundred steps; whoever starts the same training again goes on from it.
    """

    title = "back-translation"
    config: BackTranslationConfig
    batches: Batches

    def __init__(self, config: BackTranslationConfig, data: Path, out: Path, seed: int, minutes: float | None = None):
        self.config, self.out, self.seed, self.minutes = config, Path(out), seed, minutes
        if (self.out / "training.json").is_file():
            raise SignerError(f"{self.out} holds a finished training: choose another --out, or delete it")
        train, self.dev = (_checked(Path(data), split) for split in ("train", "dev"))
        if train.poses[0].shape[1] != self.dev.poses[0].shape[1] or train.fps != self.dev.fps:
            raise SignerError(f"{data}: train and dev differ in their joints ({train.poses[0].shape[1]}, {self.dev.poses[0].shape[1]}) "
                              f"or frame rates ({train.fps}, {self.dev.fps}); make them alike")
        if config.detector and train.skeleton != SIGNER70.name:
            raise SignerError(f"{data}: a detector's errors are known for {SIGNER70.name}, not for {train.skeleton}: leave out detector")
        self.accelerator = accelerator(config.precision, cut=True)
        set_seed(seed)
        self.model = new_back_translation(config, train)
        if self.accelerator.is_main_process:
            with filling(self.out):         # an unwritable folder is told now
                pass
        self.batches = Batches(self.model, train, config, seed)
        if self.batches.detection:          # it is chosen by how it reads what it is for
            read = [self.batches.detection.read(xyz, train.fps, np.random.default_rng((seed, k))) for k, xyz in enumerate(self.dev.poses)]
            self.dev = self.dev._replace(poses=read)
        if (fewest := len(train.poses) // len(self.batches)) < self.accelerator.num_processes:
            raise SignerError(f"{fewest} sentences of a batch cannot be shared among {self.accelerator.num_processes} processes: use fewer")
        averaged = copy.deepcopy(self.model.net).to(self.accelerator.device).requires_grad_(False).eval()
        self.averaged = BackTranslation(averaged, self.model.pieces, self.model.glosses, self.model.settings)
        objective = Objective(self.model.net, config)
        optimizer = torch.optim.AdamW(objective.parameters(), config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay, fused=True)
        self.objective, self.optimizer = self.accelerator.prepare(objective, optimizer)
        self.inner = self.accelerator.unwrap_model(self.objective)
        self.begin(config.epochs * len(self.batches), [-1.0, 0.0])
        self.settings = asdict(config) | {"seed": seed, "data": Path(data).resolve().name, "sentences": len(train.poses),
                                          "joints": train.poses[0].shape[1], "fps": train.fps, "glosses": len(self.model.glosses),
                                          "data_sha256": _sha256(train), "minutes": minutes}
        self._resume()

    # --- one step ----------------------------------------------------------------------------------------------------
    def step(self) -> dict[str, float]:
        """One step on the whole batch, over all processes; -> each term's value over the whole batch."""
        start, k, rank, processes = time.monotonic(), self.state["step"], self.accelerator.process_index, self.accelerator.num_processes
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, k, self.state["steps"])
        torch.manual_seed((self.seed * 1_000_003 + k) * processes + rank)                               # dropout's, so that resuming is exact
        self.objective.train()
        terms = self.objective(self.batches.batch(k, rank, processes).to(self.accelerator.device))
        self.accelerator.backward(self.inner.total(terms) * processes)                                  # DDP takes the mean
        self.accelerator.clip_grad_norm_(self.objective.parameters(), self.config.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._average()
        summed = self.accelerator.reduce(torch.stack([value.detach() for value in terms.values()]), "sum").tolist()
        found = dict(zip(terms, summed))
        found["total"] = self.inner.total(found)
        self.state["step"] += 1
        self.state["seconds"] += time.monotonic() - start
        return found

    def _average(self) -> None:
        """The weights' running mean, which is what is scored and kept: late weights count more, early ones soon nothing."""
        keep = min(self.config.average, (1 + self.state["step"]) / (10 + self.state["step"]))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.net.parameters()), [whole(p) for p in self.inner.net.parameters()], 1 - keep)

    # --- the whole ---------------------------------------------------------------------------------------------------
    def score(self, epoch: int) -> None:
        """The averaged weights' reading of dev: the text's BLEU-4 ranks, then the glosses' WER."""
        scores = self.averaged.scores(self.dev.poses, self.dev.texts, self.dev.glosses) if self.accelerator.is_main_process else {}
        scores = self._agree(scores)
        self._write({"step": self.state["step"], "epoch": epoch, **{f"dev_{key}": round(scores[key], 2) for key in SHOWN}})
        rank = [scores["bleu4"], -scores["wer"]]        # where no four words are right yet, fewer wrong glosses are better
        if self.state["best"] < rank or not self.best:
            self.state |= {"best": rank, "best_epoch": epoch}
            self.best = {name: value.clone() for name, value in self.averaged.net.state_dict().items()}
        elif epoch - self.state["best_epoch"] >= self.config.patience:
            self.state["stopped"] = True

    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"weights": self.inner.net, "averaged": self.averaged.net}

    @property
    def trained(self) -> tuple[nn.Module, BackTranslation]:
        return self.averaged.net, self.averaged


def train(data: Path, out: Path, size: str = "nano", seed: int = 1, minutes: float | None = None, set: list[str] | None = None) -> Training:
    """Train a back-translation on the folder ``data`` (train and dev; see ``pose.formats.folder``), leave it in ``out``; -> the finished training."""
    training = Training(back_translation_config(size, set), data, out, seed, minutes)
    training.run()
    return training


def _checked(data: Path, split: str) -> PoseFolder:
    """A split that has sentences, all of them with frames."""
    found = read_folder(data, split)
    if not found.poses:
        raise SignerError(f"{data} has no sentences in its {split} split: add some")
    if empty := [name for name, xyz in zip(found.names, found.poses) if not len(xyz)]:
        raise SignerError(f"{data}: {empty[0]} of the {split} split has no frames; leave the sentence out")
    return found


def _sha256(data: PoseFolder) -> str:
    """Of the texts, the glosses and the poses."""
    digest = hashlib.sha256(json.dumps([data.texts, data.glosses]).encode())
    for xyz in data.poses:
        digest.update(np.ascontiguousarray(xyz).data)
    return digest.hexdigest()[:16]
