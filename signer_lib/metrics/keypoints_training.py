"""Training the detector of joints on reference frames: killed at any moment, it goes on exactly. [ours]"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.nn import functional as F

from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.loop import Loop, accelerator, learning_rate
from signer_lib.metrics.keypoints import BATCH, KeypointDetector
from signer_lib.metrics.keypoints_batching import Batch, Batches, Shown
from signer_lib.metrics.keypoints_net import WHOLE, Maps, places
from signer_lib.metrics.pictures import keypoint_errors
from signer_lib.render.framing import Framing
from signer_lib.render.renderer.packing import Packed, packed_split
from signer_lib.render.visibility import visible


@dataclass
class KeypointConfig:
    """A preset of ``signer_lib/presets/keypoints_*.yaml``; the comments there say what each value is for."""

    size: int
    crop: int
    patch: int
    widths: list[int]
    hand_widths: list[int]
    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    clip: float
    blur: float
    weight_hidden: float
    weight_middle: float
    weight_place: float
    weight_seen: float
    weight_names: float
    flip: float
    shift: float
    scale: float
    rotate: float
    colour: float
    coarse: float
    precision: str
    score_steps: int
    score_frames: int
    log_steps: int

    def __post_init__(self) -> None:
        if self.precision not in (known := ("auto", "fp32", "bf16")):
            raise SignerError(f"precision must be one of {', '.join(known)}, not '{self.precision}'")
        for key in ("size", "patch", "steps", "batch_size", "learning_rate", "clip", "blur", "score_steps", "score_frames", "log_steps"):
            if not getattr(self, key) > 0:
                raise SignerError(f"{key} must be more than 0, not {getattr(self, key)}")
        for key in ("warmup_steps", "weight_decay", "weight_hidden", "weight_middle", "weight_place", "weight_seen", "weight_names", "shift",
                    "rotate", "colour"):
            if not 0 <= getattr(self, key) < math.inf:
                raise SignerError(f"{key} must be 0 or more, not {getattr(self, key)}")
        for key in ("flip", "scale", "coarse"):
            if not 0 <= getattr(self, key) < 1:
                raise SignerError(f"{key} must be from 0 to below 1, not {getattr(self, key)}")
        for key, side in (("widths", self.size // 2), ("hand_widths", self.crop)):
            widths = getattr(self, key)
            if not widths or any(not isinstance(width, int) or width < 8 or width % 8 for width in widths):
                raise SignerError(f"{key} must be multiples of 8, one for each level, not {widths}")
            least = self.patch * 2 ** (len(widths) - 1)
            if self.patch % 2 or side % least:
                raise SignerError(f"patch must be even, and with these {key} half of size, or crop, a multiple of {least}: "
                                  f"not {self.patch} and {side}")


def keypoint_config(size: str, changes: list[str] | None = None) -> KeypointConfig:
    """The settings of a size (base) or a YAML file, with ``changes`` such as "coarse=0"."""
    return load_config(KeypointConfig, size if size.endswith((".yaml", ".yml")) else f"keypoints_{size}", changes)


class Training(Loop[KeypointDetector]):
    """One training: ``run()`` does all of it; ``step()`` one step, and returns its losses."""

    title, best_at = "keypoints", "best_step"
    config: KeypointConfig
    batches: Batches

    def __init__(self, config: KeypointConfig, train: Packed, dev: Packed, out: Path, seed: int, minutes: float | None = None):
        self.config, self.out, self.seed, self.minutes, self.dev = config, Path(out), seed, minutes, dev
        if (self.out / "training.json").is_file():
            raise SignerError(f"{self.out} holds a finished training: choose another --out, or delete it")
        self.accelerator = accelerator(config.precision)
        if config.batch_size % self.accelerator.num_processes:
            raise SignerError(f"a batch of {config.batch_size} cannot be shared by {self.accelerator.num_processes} processes: "
                              "set batch_size to a multiple")
        set_seed(seed)
        if self.accelerator.is_main_process:
            with filling(self.out):         # an unwritable folder is told now
                pass
        self.detector = KeypointDetector.new({key: getattr(config, key) for key in ("size", "crop", "patch", "widths", "hand_widths")} | {
            "styles": train.names("style"), "signers": train.names("signer")})
        self.batches = Batches(train, config, seed)
        optimizer = torch.optim.AdamW(self.detector.net.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        self.net, self.optimizer = self.accelerator.prepare(self.detector.net, optimizer)
        self.begin(config.steps, math.inf)
        self.settings = asdict(config) | {"seed": seed, "minutes": minutes, "clips": len(train.clips), "frames_in_all": len(train.xyz),
                                          "data_sha256": train.sha256}
        self._resume()

    def step(self) -> dict[str, float]:
        """One step on the whole batch, over all processes; -> each term's mean over it."""
        start, k, mine, processes = time.monotonic(), self.state["step"], self.accelerator.process_index, self.accelerator.num_processes
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, k, self.state["steps"])
        self.net.train()
        with self.accelerator.autocast():
            terms = self.losses(self.batches[k].part(mine, processes).to(self.accelerator.device))
        self.accelerator.backward(terms["total"])
        self.accelerator.clip_grad_norm_(self.net.parameters(), self.config.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        found = dict(zip(terms, self.accelerator.reduce(torch.stack([*terms.values()]).detach().float(), "mean").tolist()))
        self.state["step"] += 1
        self.state["seconds"] += time.monotonic() - start
        return found

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Of the whole picture and, as ``hand_...``, of the crops, see ``map_losses``; names: cross-entropy of style and signer."""
        whole, hands, style, signer = self.net(batch.pixels, batch.crops.flatten(0, 1))
        names = F.cross_entropy(style.float(), batch.style) + F.cross_entropy(signer.float(), batch.signer)
        joints = torch.ones(whole.heat.shape[1], device=whole.heat.device)
        joints[len(WHOLE):] = self.config.weight_middle
        fingers = map_losses(hands, Shown(*(values.flatten(0, 1) for values in batch.hands)), self.config)
        terms = map_losses(whole, batch.whole, self.config, joints) | {f"hand_{name}": value for name, value in fingers.items()}
        weights = {name: getattr(self.config, f"weight_{name.removeprefix('hand_')}", 1.0) for name in terms}
        total = sum(weights[name] * value for name, value in terms.items()) + self.config.weight_names * names
        return terms | {"names": names, "total": total}

    @property
    def every(self) -> int:
        return self.config.score_steps

    def score(self, epoch: int) -> None:
        """On frames spread over dev: the mean error over visible joints, as a share of the picture's side; the less, the better."""
        scores: dict[str, float] = {}
        if self.accelerator.is_main_process:
            self.detector.net.eval()
            rows = np.linspace(0, len(self.dev.xyz) - 1, min(self.config.score_frames, len(self.dev.xyz))).round().astype(int)
            pixels = np.concatenate([self.detector(self.dev.frames[rows[k:k + BATCH]])[0] for k in range(0, len(rows), BATCH)])
            errors = keypoint_errors(pixels, Framing().to_pixels(self.dev.xyz[rows], self.dev.size), visible(self.dev.xyz[rows]), self.dev.size)
            scores = {f"dev_{name}": round(value, 6) for name, value in errors.items() if value is not None}
        scores = self._agree(scores)
        self._write({"step": self.state["step"], "epoch": epoch, **scores})
        if not self.best or scores["dev_keypoint_error"] < self.state["best"]:
            self.state |= {"best": scores["dev_keypoint_error"], "best_step": self.state["step"]}
            self.best = {name: value.clone() for name, value in self.detector.net.state_dict().items()}

    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"weights": self.detector.net}

    @property
    def trained(self) -> tuple[nn.Module, KeypointDetector]:
        return self.detector.net, self.detector


def map_losses(maps: Maps, truth: Shown, config: KeypointConfig, joints: Tensor | float = 1.0) -> dict[str, Tensor]:
    """heat: cross-entropy of each map with a bell over the joint; place: how many cells the soft-argmax is off; seen: cross-entropy.

    A hidden joint counts ``weight_hidden``, one outside the picture not at all; ``joints`` (J,): how much each counts beside.
    """
    heat = maps.heat.float()
    cells = truth.places * heat.shape[-1]                                                   # (B, J, 2)
    line = torch.arange(heat.shape[-1], device=heat.device) + 0.5
    bell = torch.softmax(-(line - cells[..., None]).square() / (2 * config.blur ** 2), -1)  # (B, J, 2, w): of x and of y
    counts = truth.inside * torch.where(truth.seen, 1.0, config.weight_hidden) * joints

    def mean(values: Tensor) -> Tensor:
        return (values * counts).sum() / counts.sum().clamp(min=1)

    return {"heat": mean(-((heat @ bell[:, :, 0, :, None])[..., 0] * bell[:, :, 1]).sum(-1)),
            "place": mean((places(heat) * heat.shape[-1] - cells).square().sum(-1).add(1e-6).sqrt()),
            "seen": F.binary_cross_entropy_with_logits(maps.seen.float(), truth.seen.float())}


def train(data: Path | str, out: Path | str, size: str = "base", seed: int = 1, minutes: float | None = None,
          changes: list[str] | None = None) -> Training:
    """A detector from the train split of a data folder (see ``render.renderer.data``) into ``out``; -> the finished training.

    Raises ``SignerError`` for data or settings that do not fit.
    """
    config = keypoint_config(size, changes)
    shown, dev = (packed_split(data, split, config.size) for split in ("train", "dev"))
    training = Training(config, shown, dev, Path(out), seed, minutes)
    training.run()
    return training
