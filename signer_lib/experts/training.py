"""Training SLP-MoE on SLUL's frozen states [paper: Alg. 1's order; ours: the loop], with Eq. 9, on performed sentences.

It can be killed at any moment and goes on exactly where it was; ``accelerate launch`` spreads it over processes.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate.utils import DistributedDataParallelKwargs, set_seed
from torch import Tensor, nn

from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.experts.batching import Batch, Batches, Example, collate, make_examples
from signer_lib.experts.gating import load_balance
from signer_lib.experts.layout import lay_out
from signer_lib.experts.losses import loss_duration, loss_hand, loss_rec, loss_smooth, loss_vel, loss_way, objective
from signer_lib.experts.model import Chosen, MoEConfig, SLPMoE
from signer_lib.experts.offers import Offers
from signer_lib.experts.transitions import Transition
from signer_lib.files import filling
from signer_lib.language.slul import SLUL, load_slul
from signer_lib.loop import Loop, accelerator, learning_rate
from signer_lib.performances.folder import Performed, read_split
from signer_lib.pose.directions import from_directions
from signer_lib.prior.database import Prior

WEIGHTED = ("rec", "smooth", "vel", "hand", "way", "duration", "balance")
JOINTS = slice(0, 50)                       # of the losses; the face follows the rules


def moe_config(size: str, changes: list[str] | None = None) -> MoEConfig:
    """The settings of a size (nano) or a YAML file, with ``changes`` such as "experts=1"."""
    return load_config(MoEConfig, size if size.endswith((".yaml", ".yml")) else f"slp_moe_{size}", changes)


class Laid(NamedTuple):
    """What the experts do for a batch, on the truth's own timeline: their choices, the ways between, and of B sentences of at most T frames

    P, target (B, T, 70, 3) refined and true joints, shoulder widths; mask (B, T) where there is a frame; unit (B, T) which one, negative for none.
    """

    chosen: Chosen
    way: Transition
    P: Tensor
    target: Tensor
    mask: Tensor
    unit: Tensor


class Objective(nn.Module):
    """Every term of Eq. 9 for a batch, as this process's share of the sum over all of it."""

    def __init__(self, model: SLPMoE):
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, batch: Batch, counts: dict[str, int], everyone: Callable[[Tensor], Tensor] = lambda x: x) -> dict[str, Tensor]:
        """``counts``: units, boundaries and frames of the whole batch; ``everyone`` sums a tensor over the processes."""
        return self.terms(self.lay(batch), batch, counts, everyone)

    def lay(self, batch: Batch) -> Laid:
        """Eq. 6-8 and R, each sentence in the time that its truth takes."""
        model = self.model
        chosen = model.choose_units(batch.states, batch.context, batch.place, batch.offered.phi, batch.offered.mask)
        direction, length = model.with_rest(model.blend_units(batch.offered, chosen.gate.w, chosen.pi))
        way = model.transitions(direction, length, chosen.q, batch.ways)
        frames, lengths = lay_out(direction, length, way.bend, batch.plan)
        of = torch.from_numpy(batch.plan.sentence)
        sizes = torch.bincount(of)
        at = torch.arange(len(of)) - torch.cat([sizes.new_zeros(1), sizes.cumsum(0)[:-1]])[of]

        def spread(x: Tensor, empty: float = 0) -> Tensor:
            return x.new_full((len(sizes), int(sizes.max()), *x.shape[1:]), empty).index_put((of, at), x)

        mask = spread(torch.ones(len(of), dtype=torch.bool))
        refined = model.refine(spread(frames), spread(batch.plan.phase), mask)
        P = from_directions(refined, spread(lengths))
        return Laid(chosen, way, P, spread(batch.target), mask, spread(torch.from_numpy(batch.plan.own.unit), -1))

    def terms(self, laid: Laid, batch: Batch, counts: dict[str, int], everyone: Callable[[Tensor], Tensor] = lambda x: x) -> dict[str, Tensor]:
        """The terms of what is laid out; the rest as ``forward``."""
        chosen, way, mask, n = laid.chosen, laid.way, laid.mask, counts["frames"]
        P, target = laid.P[:, :, JOINTS], laid.target[:, :, JOINTS]
        ends = (batch.ways.flags[:, 3] > 0) & (batch.holds > 0)
        holds = ((way.hold + 1e-3).log() - batch.holds.clamp(min=1e-3).log()).abs()[ends].sum() / counts["boundaries"]
        return {"rec": loss_rec(P, target, mask, n), "smooth": loss_smooth(P, mask, n), "vel": loss_vel(P, target, mask, n),
                "hand": loss_hand(P, target, mask, n), "way": loss_way(P, target, laid.unit, len(batch.seconds), counts["units"]),
                "duration": loss_duration(chosen.log_seconds.exp(), batch.seconds, counts["units"]) + holds
                + loss_duration(way.seconds, batch.way_seconds, counts["boundaries"]),
                "balance": load_balance(chosen.gate.w, counts["units"], everyone)}


class Training(Loop[SLPMoE]):
    """One training of SLP-MoE on a data folder: ``run()`` does all of it; ``step()`` one step, and returns its losses.

    It is counted in steps: every ``log_steps`` dev is scored and the state written, one file in ``out``; whoever starts the same training
    again goes on from it.
    """

    title, best_at = "slp-moe", "best_step"
    config: MoEConfig
    batches: Batches

    def __init__(self, config: MoEConfig, data: Path, out: Path, seed: int, minutes: float | None = None, slul: Path | None = None):
        self.config, self.data, self.out, self.seed, self.minutes = config, Path(data), Path(out), seed, minutes
        if (self.out / "training.json").is_file():
            raise SignerError(f"{self.out} holds a finished training: choose another --out, or delete it")
        # on the CPU, where the tables of indices are made, under any launcher; what an ablation leaves out has no gradient
        several = int(os.environ.get("WORLD_SIZE") or 1) > 1
        handler = DistributedDataParallelKwargs(find_unused_parameters=True)
        self.accelerator = accelerator(cpu=several, device_placement=False, kwargs_handlers=[handler])
        performed = {split: self.read(split) for split in ("train", "dev")}
        if self.accelerator.is_main_process:
            with filling(self.out):                 # an unwritable folder is told now
                pass
        self.offers = Offers(Prior.load(self.data / "pools" / "prior"), config.frames)
        reader = load_slul(slul)
        (self.train, unread), (self.dev, _) = (self.examples(performed[split], reader) for split in ("train", "dev"))
        if len(self.train) < config.batch_size or not self.dev:
            raise SignerError(f"{self.data}: SLUL reads {len(self.train)} training and {len(self.dev)} dev sentences as they are glossed, "
                              f"fewer than a batch of {config.batch_size}: use a smaller batch_size, or another SLUL")
        if config.batch_size < self.accelerator.num_processes:
            raise SignerError(f"a batch of {config.batch_size} sentences cannot be cut into {self.accelerator.num_processes}: use fewer processes")
        set_seed(seed)                              # after SLUL, so that the first weights do not depend on how it is loaded
        model, known = SLPMoE(self.train[0].states.shape[1], config), sorted({name for e in self.train for name in e.names})
        phi = torch.cat([self.offers[name].phi for name in known])
        model.phi_mean.copy_(phi.mean(0)), model.phi_std.copy_(phi.std(0).clamp(min=1e-3))
        optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=0.01)
        self.objective, self.optimizer = self.accelerator.prepare(Objective(model), optimizer)
        self.model = self.accelerator.unwrap_model(self.objective).model
        self.batches = Batches(self.train, self.offers, config, seed)
        self.begin(config.steps, math.inf)
        self.settings = asdict(config) | {"seed": seed, "data": self.data.name, "sentences": len(self.train), "sentences_read_otherwise": unread,
                                          "minutes": minutes, "slul": Path(slul).name if slul else "slul-nano",
                                          "poses_sha256": _digest(e.xyz for e in self.train),
                                          "offers_sha256": _digest(self.offers[name].direction for name in known)}
        self._resume()

    def read(self, split: str) -> list[Performed]:
        """The sentences of a split, as they are learned."""
        return read_split(self.data, split)

    def examples(self, performed: list[Performed], slul: SLUL) -> tuple[list[Example], int]:
        """Them with SLUL's states, and how many are left out; see ``make_examples``."""
        return make_examples(performed, slul, self.offers)

    # --- one step ----------------------------------------------------------------------------------------------------
    def step(self) -> dict[str, float]:
        """One step; -> each term's value over the whole batch."""
        start, k = time.monotonic(), self.state["step"]
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, k, self.state["steps"])
        batch, counts = self.batches.batch(k, self.accelerator.process_index, self.accelerator.num_processes)
        self.objective.train()
        terms = self.objective(batch, counts, lambda x: self.accelerator.reduce(x, "sum"))
        whole = objective(terms, self._weights)
        self.accelerator.backward(whole["total"] * self.accelerator.num_processes)                     # DDP takes the mean
        self.accelerator.clip_grad_norm_(self.objective.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        summed = self.accelerator.reduce(torch.stack([value.detach() for value in whole.values()]), "sum").tolist()
        self.state["step"] += 1
        self.state["seconds"] += time.monotonic() - start
        return dict(zip(whole, summed))

    @torch.inference_mode()
    def evaluate(self) -> dict[str, Any]:
        """The terms over dev, and the load of each expert."""
        self.objective.eval()
        sums: dict[str, float] = defaultdict(float)
        chunks = [self.dev[i:i + 32] for i in range(0, len(self.dev), 32)]
        load = torch.zeros(self.config.experts)
        for chunk in chunks:
            batch = collate(chunk, self.offers)
            for name, value in objective(Objective(self.model)(batch, batch.sizes), self._weights).items():
                sums[name] += value.item() * len(chunk) / len(self.dev)
            load += self.model.G(self.model.Q(batch.states, batch.context, batch.place)).w.sum(0)
        return {f"dev_{name}": round(value, 6) for name, value in sums.items()} | {"load": [round(x, 3) for x in (load / load.sum()).tolist()]}

    # --- the whole ---------------------------------------------------------------------------------------------------
    @property
    def every(self) -> int:
        return self.config.log_steps

    def score(self, epoch: int) -> None:
        """The terms over dev; the smallest total is the best."""
        scores = self._agree(self.evaluate() if self.accelerator.is_main_process else {})
        k = self.state["step"]
        self._write({"step": k, "epoch": round(k / len(self.batches), 3), **scores})
        if scores["dev_total"] < self.state["best"]:
            self.state |= {"best": scores["dev_total"], "best_step": k}
            self.best = {name: value.clone() for name, value in self.model.state_dict().items()}

    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"weights": self.model}

    @property
    def trained(self) -> tuple[nn.Module, SLPMoE]:
        return self.model, self.model

    @property
    def _weights(self) -> dict[str, float]:
        return pose_weights(self.config)


def pose_weights(config: MoEConfig) -> dict[str, float]:
    """The weights of Eq. 9's terms."""
    return {name: getattr(config, f"weight_{name}") for name in WEIGHTED}


def _digest(poses: Iterable[Tensor]) -> str:
    found = hashlib.sha256()
    for xyz in poses:
        found.update(xyz.numpy().tobytes())
    return found.hexdigest()[:16]
