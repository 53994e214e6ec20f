"""Joint fine-tuning: SLP-MoE goes on learning with Eq. 9 and with what a frozen renderer makes of its poses. [paper: Alg. 1's last step; ours: form]

    L = L_pose + weight_renderer * L_render

Of a step's sentences all count in L_pose, and a few of their frames in L_render. With ``weight_renderer`` 0 it is more of the training before, the
control. It can be killed at any moment and goes on exactly where it was.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import set_seed
from torch import Tensor, nn

from signer_lib.errors import SignerError
from signer_lib.experts.batching import Batches, collate, example
from signer_lib.experts.losses import objective
from signer_lib.experts.model import SLPMoE
from signer_lib.experts.training import Objective, pose_weights
from signer_lib.files import filling
from signer_lib.joint.coupling import Coupling, Moment, dressed, moments
from signer_lib.joint.sentences import Sentence, open_clips, with_clips
from signer_lib.joint.settings import PARTS, JointConfig
from signer_lib.language.slul import load_slul
from signer_lib.loop import Loop, accelerator, learning_rate
from signer_lib.performances.filmed import read_right
from signer_lib.prior.database import Prior
from signer_lib.render.renderer.batches import Batch as Look
from signer_lib.render.renderer.pipeline import RendererPipeline

CLIP = 1.0              # the longest gradient of a part in a step
AT_ONCE = 32            # dev sentences that are laid out together


class Training(Loop[SLPMoE]):
    """One joint fine-tuning: ``run()`` does all of it; ``step()`` one step, and returns its terms and each part's gradient of either loss.

    experts, renderer  folders.    performances  of sentences, with their pools.    data  clips of them, or None.
    Raises ``SignerError`` for folders that do not fit each other.
    """

    title, best_at = "joint", "best_step"
    config: JointConfig
    batches: Batches

    def __init__(self, config: JointConfig, experts: Path, renderer: Path, performances: Path, out: Path, seed: int, data: Path | None = None,
                 minutes: float | None = None, slul: Path | None = None, size: str = "nano"):
        self.config, self.out, self.seed, self.minutes = config, Path(out), seed, minutes
        if (self.out / "training.json").is_file():
            raise SignerError(f"{self.out} holds a finished training: choose another --out, or delete it")
        self.accelerator = accelerator(device_placement=False)
        if self.accelerator.num_processes > 1:
            raise SignerError("the joint fine-tuning runs in one process: start it without accelerate launch")
        self.model = SLPMoE.from_pretrained(experts)
        self.coupling = Coupling(RendererPipeline.from_folder(renderer), config)
        with filling(self.out):                     # an unwritable folder is told now
            pass
        reader, drawn = load_slul(slul), self.coupling.size
        self.train, self.dev = (with_clips(read_right(Path(performances), split, reader), open_clips(data, split, drawn) if data else None)
                                for split in ("train", "dev"))
        if len(self.train) < config.batch_size:
            raise SignerError(f"{performances}: {len(self.train)} training sentences are fewer than a batch of {config.batch_size}")
        if self.model.d_state != self.train[0].read.states.shape[1]:
            raise SignerError(f"the experts of {experts} were trained on states of {self.model.d_state} numbers, and SLUL gives "
                              f"{self.train[0].read.states.shape[1]}: name that SLUL")
        set_seed(seed)
        self.offers = self.model.offers(Prior.load(Path(performances) / "pools" / "prior"))
        self.rows, self.dev_rows = ([example(s.performed, s.read, self.offers) for s in rows] for rows in (self.train, self.dev))
        self.batches, self.objective = Batches(self.rows, self.offers, config, seed), Objective(self.model)
        self.parts = {part: own for part in config.moves if (own := weights_of(self.model, part))}
        self.model.requires_grad_(False)
        for weight in (weights := [weight for part in self.parts.values() for weight in part]):
            weight.requires_grad_(True)
        self.optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=0.0)
        self.seen_of_dev = self._look(self.dev, config.dev_frames, 0, config.edge_last)
        self.begin(config.steps, math.inf)
        self.settings = asdict(config) | {"size": size, "seed": seed, "minutes": minutes, "experts": Path(experts).name,
                                          "experts_sha256": fingerprint(experts), "renderer": Path(renderer).name, "data": data and Path(data).name,
                                          "performances": Path(performances).name, "slul": Path(slul).name if slul else "slul-nano",
                                          "sentences": len(self.train),
                                          "sentences_with_clips": sum(s.clip is not None for s in self.train)}
        self._resume()

    # --- one step ----------------------------------------------------------------------------------------------------
    def step(self) -> dict[str, float]:
        """One step; -> the terms of Eq. 9 ("pose" their sum) and of L_render, and the length of each part's gradient of both, as weighted."""
        start, k = time.monotonic(), self.state["step"]
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, k, self.state["steps"])
        batch, counts = self.batches.batch(k)
        self.objective.train()
        laid = self.objective.lay(batch)
        terms = objective(self.objective.terms(laid, batch, counts), pose_weights(self.model.config))
        terms["pose"] = terms.pop("total")
        weighted = {"pose": terms["pose"]}
        if self.config.weight_renderer:
            edge, noise = self.config.edge(k, self.state["steps"]), self.seed * 1_000_003 + k
            chosen, look = self._look([self.train[row] for row in self.batches.rows(k)], self.config.frames, noise, edge)
            P = laid.P[[m.row for m in chosen], [m.frame for m in chosen]]
            terms |= self._rendered(P, look, noise, edge)
            weighted["render"] = self.config.weight_renderer * terms["render"]
        lengths = self._backward(weighted)
        for own in self.parts.values():
            nn.utils.clip_grad_norm_(own, CLIP)     # each part by itself: else R's long gradient would shorten the gate's
        self.optimizer.step()
        self.optimizer.zero_grad()
        whole: Any = sum(weighted.values())
        terms["total"] = whole
        self.state["step"] += 1
        self.state["seconds"] += time.monotonic() - start
        return {name: value.item() for name, value in terms.items()} | lengths

    def _look(self, sentences: list[Sentence], count: int, noise: int, edge: float) -> tuple[list[Moment], Look]:
        """Moments of these sentences, and what is to be seen there; all chance follows from ``noise``."""
        chosen = moments(sentences, count, self.coupling.styles, self.coupling.signers, np.random.default_rng(noise))
        return chosen, self.coupling.look(sentences, chosen, f"look {noise}", noise, edge)

    def _rendered(self, P: Tensor, look: Look, noise: int, edge: float) -> dict[str, Tensor]:
        """The terms of L_render for the poses P (n, 70, 3) of a look's moments."""
        return {name: value.cpu() for name, value in self.coupling.loss(look, dressed(P[:, None], look.xyz.cpu()), noise, edge).items()}

    def _backward(self, weighted: dict[str, Tensor]) -> dict[str, float]:
        """The gradient of the sum, from that of each loss by itself; -> "render_gate" and so on, the lengths of both in every part."""
        weights, lengths = [weight for part in self.parts.values() for weight in part], {}
        for name, loss in weighted.items():
            found = dict(zip(weights, torch.autograd.grad(loss, weights, retain_graph=len(weighted) > 1, allow_unused=True, materialize_grads=True)))
            for part, own in self.parts.items():
                lengths[f"{name}_{part}"] = float(torch.stack([found[weight].norm() for weight in own]).norm())
            for weight, gradient in found.items():
                weight.grad = gradient if weight.grad is None else weight.grad + gradient
        return lengths

    # --- dev ---------------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def evaluate(self) -> dict[str, Any]:
        """The terms over dev, L_render on always the same frames of it, and the load of each expert."""
        self.objective.eval()
        sums: dict[str, float] = defaultdict(float)
        load = torch.zeros(self.model.config.experts)
        P: list[Tensor] = []
        for first in range(0, len(self.dev), AT_ONCE):
            rows = self.dev_rows[first:first + AT_ONCE]
            batch = collate(rows, self.offers)
            laid = self.objective.lay(batch)
            terms = objective(self.objective.terms(laid, batch, batch.sizes), pose_weights(self.model.config))
            for name, value in terms.items():
                sums["pose" if name == "total" else name] += value.item() * len(rows) / len(self.dev)
            load += laid.chosen.gate.w.sum(0)
            P += list(laid.P)
        chosen, look = self.seen_of_dev
        seen = torch.stack([P[m.row][m.frame] for m in chosen])
        sums |= {name: value.item() for name, value in self._rendered(seen, look, 0, self.config.edge_last).items()}
        sums["total"] = sums["pose"] + self.config.weight_renderer * sums["render"]
        return {f"dev_{name}": round(value, 6) for name, value in sums.items()} | {"load": [round(x, 3) for x in (load / load.sum()).tolist()]}

    # --- the whole ---------------------------------------------------------------------------------------------------
    def run(self) -> SLPMoE:
        """Trains to the end, and keeps the best on dev of what was trained; dev is scored before the first step too, to compare with."""
        if not self.state["log"]:
            self.score(0)
        return super().run()

    @property
    def every(self) -> int:
        return self.config.score_steps

    def score(self, epoch: int) -> None:
        """The terms over dev; the smallest total is the best."""
        scores, k = self.evaluate(), self.state["step"]
        self._write({"step": k, "epoch": round(k / len(self.batches), 3), **scores})
        if k and scores["dev_total"] < self.state["best"]:
            self.state |= {"best": scores["dev_total"], "best_step": k}
            self.best = {name: value.clone() for name, value in self.model.state_dict().items()}

    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"weights": self.model}

    @property
    def trained(self) -> tuple[nn.Module, SLPMoE]:
        return self.model, self.model


def fingerprint(experts: Path | str) -> str:
    """Sixteen letters that tell one folder's weights from another's. Raises ``SignerError`` if it holds none."""
    path = Path(experts) / "model.safetensors"
    if not path.is_file():
        raise SignerError(f"{experts} is not a checkpoint: it has no {path.name}")
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def weights_of(model: SLPMoE, part: str) -> list[Tensor]:
    """The weights of a part (see ``settings.PARTS``); none where the model has no such part."""
    own = [getattr(model, name) for name in PARTS[part]]
    return [weight for one in own if one is not None for weight in (one.parameters() if isinstance(one, nn.Module) else [one])]
