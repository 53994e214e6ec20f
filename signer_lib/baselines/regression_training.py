"""Training the pose regression on a data folder: a short loop on accelerate that can be killed at any moment and goes on exactly where it was.

[secondary] the mean squared error of frames and counter, Gaussian noise on what is read, several future frames. [ours] all else.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from signer_lib.baselines.regression import STEADY, UNKNOWN, Regression, RegressionConfig
from signer_lib.bucketing import bucketed
from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.loop import Loop, accelerator, learning_rate
from signer_lib.metrics.poses import dtw_mje, duration_ratio, total_distance_ratio
from signer_lib.performances.folder import Performed, read_split
from signer_lib.pose import SIGNER70

CLIP = 1.0                                  # the longest gradient of a step
EVERYWHERE = 0.04                           # variance of the noise in ways that no frame goes, at noise 1


@dataclass
class Batch:
    """B sentences. units (B, L), 0 beyond the last.   read (B, T, 208) what the decoder reads.   asked (B, T, f, 208) the next f frames, NaN
    beyond the end and where a joint is missing.   numbers, counters: how many coordinates and counters the whole batch asks for.
    """

    units: Tensor
    read: Tensor
    asked: Tensor
    numbers: int
    counters: int

    def part(self, k: int, of: int) -> Batch:
        """Every ``of``-th sentence from the k-th on; the counts stay those of the whole."""
        return Batch(self.units[k::of], self.read[k::of], self.asked[k::of], self.numbers, self.counters)


class Batches:
    """All steps of a training; everything random follows from the seed and the number of the step.

    spread (207, 207) turns white noise into such as frames differ by: their covariance, and a little of everything. [ours] White noise on
    each coordinate averages out over a body's joints, which drift together when the decoder reads what it wrote.
    """

    def __init__(self, model: Regression, performed: list[Performed], seed: int, spread: Tensor | None = None):
        self.config, self.seed, self.unknown = model.config, seed, model.ids[UNKNOWN]
        self.units = [torch.tensor(model.tokens([unit.name for unit in row.units])) for row in performed]
        self.frames = [self._counted(model.to_frames(row.poses)) for row in performed]
        self.spread = self._spread(torch.cat(self.frames)[:, :-1].nan_to_num(0.0)) if spread is None else spread
        self.epoch = -1
        self.order: list[list[int]] = []

    @staticmethod
    def _spread(frames: Tensor) -> Tensor:
        values, ways = torch.linalg.eigh(torch.cov(frames.T))
        result: Tensor = (values.clamp(min=0) + EVERYWHERE).sqrt()[:, None] * ways.T
        return result

    @staticmethod
    def _counted(frames: np.ndarray) -> Tensor:
        """(T, 207) -> (T, 208): each frame with its counter, which is 1 at the last."""
        return torch.from_numpy(np.column_stack([frames, np.arange(1, len(frames) + 1) / len(frames)]).astype(np.float32))

    def __len__(self) -> int:
        return -(-len(self.units) // self.config.batch_size)

    def __getitem__(self, step: int) -> Batch:
        epoch, place = divmod(step, len(self))
        if epoch != self.epoch:
            lengths = [len(frames) for frames in self.frames]
            self.epoch, self.order = epoch, bucketed(lengths, self.config.batch_size, random.Random(f"{self.seed} epoch {epoch}"))
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        units = pad_sequence([self.units[i] for i in self.order[place]], batch_first=True)
        frames = pad_sequence([self.frames[i] for i in self.order[place]], batch_first=True, padding_value=torch.nan)    # (B, T, 208)
        read = torch.cat([torch.zeros_like(frames[:, :1]), frames[:, :-1].nan_to_num(0.0)], 1)
        white = torch.randn(read[:, 1:].shape, generator=draw)
        read[:, 1:] += torch.cat([self.config.noise * white[..., :-1] @ self.spread, self.config.counter_noise * white[..., -1:]], -1)
        hidden = (torch.rand(units.shape, generator=draw) < self.config.drop_units) & (units > self.unknown + 1)         # never the end
        after = torch.cat([frames, torch.full_like(frames[:, :1], torch.nan).expand(-1, self.config.future - 1, -1)], 1)
        asked = after.unfold(1, self.config.future, 1).transpose(2, 3).contiguous()
        there = asked.isfinite()
        return Batch(units.masked_fill(hidden, self.unknown), read, asked, int(there[..., :-1].sum()), int(there[..., -1].sum()))


def losses(found: Tensor, batch: Batch) -> dict[str, Tensor]:
    """The squared errors of frames and of counters, (B, T, f, 208) each: sums over the part, divided by the counts of the whole batch."""
    asked = batch.asked.to(found.device)
    sums = (found - asked).masked_fill(asked.isnan(), 0.0).square().sum((0, 1, 2))              # (208,)
    return {"pose": sums[:-1].sum() / batch.numbers, "counter": sums[-1] / batch.counters}


def regression_config(size: str, changes: list[str] | None = None) -> RegressionConfig:
    """The settings of a size (nano) or a YAML file, with ``changes`` such as "noise=0"."""
    return load_config(RegressionConfig, size if size.endswith((".yaml", ".yml")) else f"regression_{size}", changes)


def new_regression(config: RegressionConfig, performed: list[Performed]) -> Regression:
    """An untrained model for the training split: its units, mean, standard deviation and longest sentence."""
    if other := [row.name for row in performed if row.poses.skeleton != SIGNER70]:
        raise SignerError(f"the sentence {other[0]} is not in the skeleton {SIGNER70.name}: convert the data with signer_lib.pose.formats")

    def over(f: Callable[[np.ndarray], Any]) -> np.ndarray:
        result: np.ndarray = np.sum([f(row.poses.xyz) for row in performed], 0)         # sentence by sentence: all at once is a gigabyte
        return result

    count = over(lambda xyz: np.isfinite(xyz).sum(0, np.float64))
    count[count == 0] = np.nan
    mean = over(lambda xyz: np.nansum(xyz, 0, np.float64)) / count
    std = np.sqrt(over(lambda xyz: np.nansum((xyz - mean) ** 2, 0)) / count).clip(STEADY)
    names = sorted({unit.name for row in performed for unit in row.units})
    longest = max(len(row.poses) / (len(row.units) + 1) for row in performed)
    model = Regression(config, names, performed[0].poses.fps, longest)
    model.net.mean.copy_(torch.from_numpy(mean)), model.net.std.copy_(torch.from_numpy(std))
    return model


def free_running(model: Regression, performed: list[Performed]) -> dict[str, float]:
    """What comes out where nothing true is read: DTW-MJE in shoulder widths, and frames and way as shares of the true ones; means."""
    made = model.produce([[unit.name for unit in row.units] for row in performed])
    rows = [[measure(poses, row.poses) for measure in (dtw_mje, duration_ratio, total_distance_ratio)] for poses, row in zip(made, performed)]
    return dict(zip(("dev_dtw_mje", "dev_duration", "dev_way"), np.nanmean(rows, 0).tolist()))


class Training(Loop[Regression]):
    """One training: ``run()`` does all of it; ``step()`` one step, and returns its losses.

    The state is one file in ``out``, written every epoch and every few hundred steps; whoever starts the same training again goes on from it.
    """

    title = "regression"
    config: RegressionConfig
    batches: Batches

    def __init__(self, config: RegressionConfig, data: Path | str, out: Path | str, seed: int, minutes: float | None = None):
        self.config, self.data, self.out, self.seed, self.minutes = config, Path(data), Path(out), seed, minutes
        if (self.out / "training.json").is_file():
            raise SignerError(f"{self.out} holds a finished training: choose another --out, or delete it")
        train, self.dev = self.read("train"), self.read("dev")
        for split, rows in (("train", train), ("dev", self.dev)):
            if not rows:
                raise SignerError(f"{data} has no sentences in its {split} split: add some")
        self.accelerator = accelerator()
        set_seed(seed)
        self.model = new_regression(config, train)
        if self.accelerator.is_main_process:
            with filling(self.out):         # an unwritable folder is told now
                pass
        self.batches = Batches(self.model, train, seed)
        self.dev_batches = Batches(self.model, self.dev, 0, self.batches.spread)
        if len(train) // len(self.batches) < self.accelerator.num_processes:
            raise SignerError(f"{len(train) // len(self.batches)} sentences of a batch are too few for {self.accelerator.num_processes} processes: "
                              "use fewer, or a larger batch_size")
        optimizer = torch.optim.AdamW(self.model.net.parameters(), config.learning_rate, fused=True)
        self.net, self.optimizer = self.accelerator.prepare(self.model.net, optimizer)
        self.begin(config.epochs * len(self.batches), math.inf)
        content = hashlib.sha256()
        for units, frames in zip(self.batches.units, self.batches.frames):
            content.update(units.numpy().tobytes() + frames.numpy().tobytes())
        self.settings = asdict(config) | {"seed": seed, "data": self.data.name, "sentences": len(train), "minutes": minutes,
                                          "data_sha256": content.hexdigest()[:16]}
        self._resume()

    def read(self, split: str) -> list[Performed]:
        """The sentences of a split, as they are learned."""
        return read_split(self.data, split)

    # --- one step ----------------------------------------------------------------------------------------------------
    def step(self) -> dict[str, float]:
        """One step on the whole batch, over all processes; -> each term's value over the whole batch."""
        start, k, processes, mine = time.monotonic(), self.state["step"], self.accelerator.num_processes, self.accelerator.process_index
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, k, self.state["steps"])
        torch.manual_seed((self.seed * 1_000_003 + k) * processes + mine)       # dropout's, so that resuming is exact
        self.net.train()
        terms = self._terms(self.net, self.batches[k].part(mine, processes))
        self.accelerator.backward(terms["total"] * processes)                   # DDP takes the mean
        self.accelerator.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()
        found = dict(zip(terms, self.accelerator.reduce(torch.stack([*terms.values()]).detach(), "sum").tolist()))
        self.state["step"] += 1
        self.state["seconds"] += time.monotonic() - start
        return found

    def _terms(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        device = self.accelerator.device
        terms = losses(net(batch.units.to(device), batch.read.to(device)), batch)
        return terms | {"total": terms["pose"] + self.config.weight_counter * terms["counter"]}

    # --- the whole ---------------------------------------------------------------------------------------------------
    @torch.inference_mode()
    def score(self, epoch: int) -> None:
        """The dev split's loss, with the noise of training, and how some of it comes out in free running."""
        scores: dict[str, float] = {}
        if self.accelerator.is_main_process:
            self.model.net.eval()
            terms = [self._terms(self.model.net, self.dev_batches[k]) for k in range(len(self.dev_batches))]
            scores = {f"dev_{name}": float(np.mean([each[name].item() for each in terms])) for name in ("pose", "counter", "total")}
            scores |= free_running(self.model, self.dev[:self.config.free_sentences])
        scores = self._agree(scores)
        self._write({"step": self.state["step"], "epoch": epoch, **{name: round(value, 6) for name, value in scores.items()}})
        if scores["dev_total"] < self.state["best"]:
            self.state |= {"best": scores["dev_total"], "best_epoch": epoch}
            self.best = {name: value.clone() for name, value in self.model.net.state_dict().items()}
        elif epoch - self.state["best_epoch"] >= self.config.patience:
            self.state["stopped"] = True

    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"weights": self.model.net}

    @property
    def trained(self) -> tuple[nn.Module, Regression]:
        return self.model.net, self.model
