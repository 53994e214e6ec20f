"""Training the pose regression on a data folder: a short loop on accelerate that can be killed at any moment and goes on exactly where it was.

[secondary] the mean squared error of frames and counter, Gaussian noise on what is read, several future frames. [ours] all else.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, set_seed
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from signer_lib.baselines.regression import STEADY, UNKNOWN, Regression, RegressionConfig
from signer_lib.checkpoint import save_trained
from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.language.batching import bucketed
from signer_lib.language.training import TIMED, learning_rate
from signer_lib.metrics.poses import dtw_mje, duration_ratio, total_distance_ratio
from signer_lib.performances.folder import Performed, read_split
from signer_lib.pose import SIGNER70
from signer_lib.progress import bar
from signer_lib.resume import load_state, optimizer_tensors, restore_optimizer, save_state

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
        self.epoch, self.order = -1, []

    @staticmethod
    def _spread(frames: Tensor) -> Tensor:
        values, ways = torch.linalg.eigh(torch.cov(frames.T))
        return (values.clamp(min=0) + EVERYWHERE).sqrt()[:, None] * ways.T

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
    over = lambda f: np.sum([f(row.poses.xyz) for row in performed], 0)         # sentence by sentence: all at once is a gigabyte
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


class Training:
    """One training: ``run()`` does all of it; ``step()`` one step, and returns its losses.

    The state is one file in ``out``, written every epoch and every few hundred steps; whoever starts the same training again goes on from it.
    """

    def __init__(self, config: RegressionConfig, data: Path | str, out: Path | str, seed: int, minutes: float | None = None):
        self.config, self.data, self.out, self.seed, self.minutes = config, Path(data), Path(out), seed, minutes
        if (self.out / "training.json").is_file():
            raise SignerError(f"{self.out} holds a finished training: choose another --out, or delete it")
        train, self.dev = read_split(data, "train"), read_split(data, "dev")
        for split, rows in (("train", train), ("dev", self.dev)):
            if not rows:
                raise SignerError(f"{data} has no sentences in its {split} split: add some")
        self.accelerator = Accelerator()
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
        self.best: dict[str, Tensor] = {}
        self.sums: dict[str, float] = defaultdict(float)
        self.state = {"step": 0, "steps": config.epochs * len(self.batches), "seconds": 0.0, "best": math.inf, "best_epoch": 0, "log": []}
        content = hashlib.sha256()
        for units, frames in zip(self.batches.units, self.batches.frames):
            content.update(units.numpy().tobytes() + frames.numpy().tobytes())
        self.settings = asdict(config) | {"seed": seed, "data": self.data.name, "sentences": len(train), "minutes": minutes,
                                          "data_sha256": content.hexdigest()[:16]}
        self._resume()

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
    def run(self) -> Regression:
        """Trains to the end, or until ``patience`` epochs brought no lower dev loss; writes the best epoch's weights. -> Regression"""
        state, epoch = self.state, len(self.batches)
        with bar(f"regression, seed {self.seed}", state["steps"], state["step"], self.accelerator.is_main_process) as tick:
            while state["step"] < state["steps"] and not state.get("stopped"):
                terms = self.step()
                for name, value in terms.items():
                    self.sums[name] += value
                k = state["step"]
                if not math.isfinite(terms["total"]):
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
        self.model.net.load_state_dict(self.best)
        self.model.net.eval()
        if self.accelerator.is_main_process:
            done = {"steps": state["step"], "train_minutes": round(state["seconds"] / 60, 2), "best_epoch": state["best_epoch"],
                    "processes": self.accelerator.num_processes}
            save_trained(self.model, self.out, state["log"], self.settings | done)
            self._state_file.unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()
        return self.model

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

    @torch.inference_mode()
    def _score(self, epoch: int) -> None:
        """The dev split's loss, with the noise of training, and how some of it comes out in free running."""
        scores = None
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

    def _agree(self, value):
        """What the main process says, on all."""
        return broadcast_object_list([value])[0]

    def _write(self, line: dict) -> None:
        self.state["log"].append(line)
        if self.accelerator.is_main_process:
            self.out.mkdir(parents=True, exist_ok=True)
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            if "dev_total" in line:
                print(json.dumps(line), flush=True)

    # --- going on after a stop ---------------------------------------------------------------------------------------
    @property
    def _state_file(self) -> Path:
        return self.out / "training_state.safetensors"

    def _save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        tensors, numbers = optimizer_tensors(self.optimizer)
        modules = {"weights": self.model.net.state_dict(), "best": self.best, "optimizer": tensors}
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
        self.model.net.load_state_dict(modules["weights"])
        restore_optimizer(self.optimizer, modules["optimizer"], told["optimizer"])
        self.best, self.state = modules.get("best", {}), told["state"]
        if self.accelerator.is_main_process:
            (self.out / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in self.state["log"]), encoding="utf-8")
            print(f"going on after step {self.state['step']} of {self.state['steps']}", flush=True)
