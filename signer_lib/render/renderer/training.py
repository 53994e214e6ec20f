"""Training the renderer in stages, one after another. Killed at any moment, it goes on exactly. [ours]

    OUT/autoencoder/    frames <-> latents
    OUT/stills/         a renderer of single frames
    OUT/diffusion/      a renderer of many steps (DDIM)
    OUT/distillation/   a renderer of 1-4 steps, distilled from it
    OUT/                the same with its refiner; the last stage is always here, whichever it is

Each folder has its ``log.jsonl``, ``training.json`` and ``samples/``; with the package ``tensorboard`` installed, curves are in ``tensorboard/``.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate.utils import is_tensorboard_available, set_seed
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from signer_lib.checkpoint import Saved
from signer_lib.errors import SignerError
from signer_lib.files import filling, whole_file
from signer_lib.loop import Loop, accelerator, learning_rate
from signer_lib.render.control import picture_of
from signer_lib.render.renderer.batches import Batch, Batches
from signer_lib.render.renderer.packing import Packed
from signer_lib.render.renderer.settings import STAGES, RendererConfig

Tensors = tuple[Tensor, ...] | list[Tensor]
CLIP = 1.0              # the longest gradient of a step
SHOWN = 4               # columns of a sample grid


class Draw(NamedTuple):
    """The random numbers of a step: drawn for the whole batch, of which each process takes its own part."""

    generator: torch.Generator
    batch_size: int
    mine: int
    processes: int

    def normal(self, like: Tensor) -> Tensor:
        """White noise for (b, ...) of this process."""
        return torch.randn(self.batch_size, *like.shape[1:], generator=self.generator)[self.mine::self.processes].to(like)

    def uniform(self) -> Tensor:
        """(b,) in 0..1"""
        return torch.rand(self.batch_size, generator=self.generator)[self.mine::self.processes]


class Stage(Loop[Saved]):
    """What the stages share: batches, mixed precision, the running mean of the weights, scores of it on dev, sample grids, TensorBoard.

    A stage sets ``net``, the module that learns, with ``_start``, and gives ``loss``, ``scores``, ``samples`` and ``saved``.
    """

    best_at = "best_step"
    name: str
    config: RendererConfig
    batches: Batches

    def __init__(self, config: RendererConfig, out: Path, seed: int, minutes: float | None = None):
        self.config, self.out, self.seed, self.minutes, self.title = config, Path(out), seed, minutes, f"renderer, {self.name}"
        if (self.out / "training.json").is_file():
            raise SignerError(f"{self.out} holds a finished training: choose another --out, or delete it")
        tracker = "tensorboard" if is_tensorboard_available() else None
        self.accelerator = accelerator(config.precision, log_with=tracker, project_dir=self.out)
        set_seed(seed)
        if self.accelerator.is_main_process:
            with filling(self.out):         # an unwritable folder is told now
                pass

    def _start(self, net: nn.Module, train: Packed, batches: Batches, dev: Batches, steps: int) -> None:
        if batches.batch_size % self.accelerator.num_processes:
            raise SignerError(f"a batch of {batches.batch_size} cannot be shared by {self.accelerator.num_processes} processes: "
                              "set batch_size and autoencoder_batch to a multiple")
        self.net, self.batches, self.dev = net, batches, dev
        self.average = AveragedModel(net, multi_avg_fn=self._towards).to(self.accelerator.device).requires_grad_(False)
        optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], self.config.learning_rate, weight_decay=0.01)
        self.learner, self.optimizer = self.accelerator.prepare(net, optimizer)
        self.begin(steps, float("inf"))
        self.settings = asdict(self.config) | {"stage": self.name, "seed": self.seed, "minutes": self.minutes, "clips": len(train.clips),
                                               "frames_in_all": len(train.xyz), "data_sha256": train.sha256}
        self._resume()
        if self.accelerator.log_with:
            self.accelerator.init_trackers("tensorboard")

    def _towards(self, average: Tensors, now: Tensors, number: Tensor | int) -> None:
        """The running mean, which at first forgets faster: else a short training would be judged by the weights that it began with."""
        keep = min(self.config.average, (1 + float(number)) / (10 + float(number)))
        torch._foreach_lerp_(average, now, 1 - keep)

    # --- one step ----------------------------------------------------------------------------------------------------
    def step(self) -> dict[str, float]:
        """One step on the whole batch, over all processes; -> each term's mean over it."""
        start, k, processes, mine = time.monotonic(), self.state["step"], self.accelerator.num_processes, self.accelerator.process_index
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, k, self.state["steps"])
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + k)
        self.net.train()
        with self.accelerator.autocast():
            terms = self.loss(self.batches[k].part(mine, processes).to(self.accelerator.device), Draw(draw, self.batches.batch_size, mine, processes))
        self.accelerator.backward(terms["total"])
        self.accelerator.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update_parameters(self.net)
        found = dict(zip(terms, self.accelerator.reduce(torch.stack([*terms.values()]).detach().float(), "mean").tolist()))
        self.state["step"] += 1
        self.state["seconds"] += time.monotonic() - start
        if self.accelerator.is_main_process and (self.state["step"] % self.config.sample_steps == 0 or self.state["step"] == self.state["steps"]):
            self._draw_samples()
        return found

    def loss(self, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """The terms of a batch and their weighted sum, "total"; everything random comes from ``draw``."""
        raise NotImplementedError

    # --- dev ---------------------------------------------------------------------------------------------------------
    @property
    def every(self) -> int:
        return self.config.score_steps

    @torch.no_grad()
    def score(self, epoch: int) -> None:
        """The running mean's scores on dev; the best weights are those with the smallest "dev_total"."""
        scores: dict[str, float] = {}
        if self.accelerator.is_main_process:
            self.average.eval()
            rows = [self.scores(batch.to(self.accelerator.device)) for batch in self.dev.some(self.config.score_windows)]
            scores = {f"dev_{name}": round(sum(row[name] for row in rows) / len(rows), 6) for name in rows[0]}
        scores = self._agree(scores)
        self._write({"step": self.state["step"], "epoch": epoch, **scores})
        if scores["dev_total"] < self.state["best"]:
            self.state |= {"best": scores["dev_total"], "best_step": self.state["step"]}
            self.best = {name: value.clone() for name, value in self.average.module.state_dict().items()}

    def scores(self, batch: Batch) -> dict[str, float]:
        """Of the running mean on one batch; ``total``, the less the better, among them."""
        raise NotImplementedError

    @torch.no_grad()
    def _draw_samples(self) -> None:
        """``samples/0001000.png``: control images, the stage's own rows, the true frames; always the same dev windows."""
        self.average.eval()
        batch = self.dev.some(SHOWN, SHOWN)[0].to(self.accelerator.device)
        middle = batch.pixels.shape[1] // 2
        rows = [torch.from_numpy(picture_of(batch.control()[:SHOWN, middle]))]
        rows += map(as_bytes, [*self.samples(batch, middle), batch.pixels[:, middle]])
        grid = torch.stack([torch.cat(list(row.cpu()), 1) for row in rows]).flatten(0, 1).numpy()
        with whole_file(self.out / "samples" / f"{self.state['step']:07d}.png") as part:
            Image.fromarray(grid).save(part)
        for tracker in self.accelerator.trackers:
            tracker.log_images({"samples": grid[None]}, self.state["step"], dataformats="NHWC")

    def samples(self, batch: Batch, frame: int) -> list[Tensor]:
        """Rows of at most ``SHOWN`` pictures (n, 3, S, S) in -1..1 of this frame of each window."""
        raise NotImplementedError

    def _write(self, line: dict[str, Any]) -> None:
        super()._write(line)
        self.accelerator.log({name: value for name, value in line.items() if name not in ("step", "epoch")}, line["step"])

    # --- what the loop asks for --------------------------------------------------------------------------------------
    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"weights": self.net, "average": self.average}

    @property
    def trained(self) -> tuple[nn.Module, Saved]:
        return self.net, self.saved()

    def saved(self) -> Saved:
        """What is written at the end: anything with ``save_pretrained``."""
        raise NotImplementedError


def as_bytes(pixels: Tensor) -> Tensor:
    """(n, 3, S, S) in -1..1 -> (n, S, S, 3) uint8"""
    return ((pixels[:SHOWN].float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1)


def shared(config: RendererConfig, stage: str, minutes: float | None) -> tuple[RendererConfig, float | None]:
    """The settings of a stage, with its own learning rate, and its share of the minutes."""
    rates = {"autoencoder": config.autoencoder_learning_rate, "distillation": config.distillation_learning_rate,
             "refiner": config.refiner_learning_rate}
    part = minutes and minutes * config.shares[STAGES.index(stage)] / sum(config.shares)
    return replace(config, learning_rate=rates.get(stage, config.learning_rate)), part
