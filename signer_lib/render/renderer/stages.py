"""The stages: what each learns from. [ours: all but the diffusion's loss, which is the family's]"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from signer_lib.checkpoint import Saved
from signer_lib.render.renderer.autoencoder import channel_weights, factor, to_latents, to_pixels
from signer_lib.render.renderer.batches import Batch, Batches
from signer_lib.render.renderer.building import few_steps, new_autoencoder, new_refiner
from signer_lib.render.renderer.conditioning import Meaning
from signer_lib.render.renderer.losses import hand_weights, picture_scores, pixel_losses, weighted
from signer_lib.render.renderer.networks import Denoiser
from signer_lib.render.renderer.packing import Packed
from signer_lib.render.renderer.pipeline import RendererPipeline, copied, readable
from signer_lib.render.renderer.refiner import Refiner
from signer_lib.render.renderer.sampling import clean, to_x0
from signer_lib.render.renderer.settings import RendererConfig
from signer_lib.render.renderer.training import Draw, Stage

SHORT = 2               # frames of the refiner's windows: in use they are longer, but the more windows a step has, the more it says
MEASURED = 256          # training frames from which the latents' mean and deviation are measured


class PictureStage(Stage):
    """What all stages share: pictures (N, 3, S, S) beside the true ones, hands weighted where the control images (N, K, S, S) show them."""

    def _compared(self, made: Tensor, truth: Tensor, control: Tensor) -> dict[str, Tensor]:
        terms = pixel_losses(made, truth, hand_weights(control, self.config.weight_hands))
        return terms | {"total": terms["pixels"] + self.config.weight_ssim * terms["structure"]}

    def _scores(self, made: Tensor, truth: Tensor, control: Tensor) -> dict[str, float]:
        return {"total": self._compared(made, truth, control)["total"].item()} | picture_scores(made, truth, control)


class AutoencoderStage(PictureStage):
    """Single frames there and back: L1 and SSIM, hands weighted, and a little KL so that the latents stay in one region."""

    name = "autoencoder"

    def __init__(self, config: RendererConfig, train: Packed, dev: Packed, out: Path, seed: int, minutes: float | None = None):
        super().__init__(config, out, seed, minutes)
        self.vae, self.train = new_autoencoder(config), train
        some = Batches(train, 1, MEASURED, seed).some(MEASURED, MEASURED)[0]
        pixels, weights = some.pixels[:, 0], hand_weights(some.control()[:, 0], config.weight_hands, config.size // factor(self.vae))
        self.vae.fit(pixels, weights)

        def single(packed: Packed, seed: int) -> Batches:
            return Batches(packed, 1, config.autoencoder_batch, seed, crop=config.crop)

        self._start(self.vae, train, single(train, seed), single(dev, 0), config.autoencoder_steps)

    def loss(self, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        pixels = batch.pixels[:, 0]
        noise = draw.normal(pixels.new_empty(len(pixels), self.vae.config.latent_channels, *(pixels.shape[-1] // factor(self.vae),) * 2))
        made, kl = self.learner(pixels, noise)
        terms = self._compared(made, pixels, batch.control()[:, 0])
        return terms | {"kl": kl.float(), "total": terms["total"] + self.config.weight_kl * kl.float()}

    def scores(self, batch: Batch) -> dict[str, float]:
        made, control = self._made(batch), batch.control()[:, 0]
        return self._scores(made, batch.pixels[:, 0], control)

    def samples(self, batch: Batch, frame: int) -> list[Tensor]:
        return [self._made(batch)]

    def _made(self, batch: Batch) -> Tensor:
        vae: Any = self.average.module
        result: Tensor = vae.decode(vae.encode(batch.pixels[:, 0]).latent_dist.mode()).sample
        return result

    def saved(self) -> Saved:
        return _Measured(self.vae, self.train)


class _Measured:
    """An autoencoder that is saved with the mean and deviation of its latents, by channel."""

    def __init__(self, vae: ModelMixin, train: Packed):
        self.vae, self.train = vae, train

    @torch.no_grad()
    def save_pretrained(self, folder: Path) -> None:
        rows = torch.linspace(0, len(self.train.frames) - 1, min(MEASURED, len(self.train.frames))).round().long().numpy()
        latents = []
        for k in range(0, len(rows), 16):
            pixels = torch.from_numpy(self.train.frames[rows[k:k + 16]]).permute(0, 3, 1, 2).float() / 127.5 - 1
            latents.append(self.vae.encode(pixels.to(self.vae.device)).latent_dist.mode())
        z = torch.cat(latents)
        self.vae.register_to_config(latents_mean=z.mean((0, 2, 3)).tolist(), latents_std=z.std((0, 2, 3)).clamp(min=1e-3).tolist())
        copied(self.vae).save_pretrained(folder)
        readable(folder)


class DiffusionStage(PictureStage):
    """Clean latents -> noisy ones at a random time -> what the scheduler's ``prediction_type`` asks for; squared errors, hands weighted.

    Every frame of a window has the same noise, as in use, and many begin at noise alone: all that a renderer of few steps knows is the control.
    """

    name = "diffusion"
    frames: int | None = None           # of a window, if not those of the settings

    def __init__(self, config: RendererConfig, pipeline: RendererPipeline, train: Packed, dev: Packed, out: Path, seed: int,
                 minutes: float | None = None):
        super().__init__(config, out, seed, minutes)
        self.pipeline, self.vae, net = pipeline, pipeline.vae.to(self.accelerator.device).eval().requires_grad_(False), pipeline.denoiser
        self.channel_weights = channel_weights(self.vae)
        self._learn(net, train, dev, self.frames or config.window, config.stills_batch if self.frames else config.batch_size)

    def _learn(self, net: nn.Module, train: Packed, dev: Packed, frames: int, count: int) -> None:
        """From ``count`` windows of so many frames a step."""

        def windows(packed: Packed, seed: int) -> Batches:
            return Batches(packed, frames, count, seed, self.pipeline.conditioner, self.config.crop, factor(self.vae))

        self._start(net.requires_grad_(True), train, windows(train, self.seed), windows(dev, 0), getattr(self.config, f"{self.name}_steps"))

    def loss(self, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        latents, control, meaning, noise = self._given(self._shorter(batch, draw), draw)
        scheduler = self.pipeline.scheduler
        t = (self._times(draw) * scheduler.config.num_train_timesteps).long().clamp(max=scheduler.config.num_train_timesteps - 1).to(latents.device)
        found = self.learner(scheduler.add_noise(latents, noise, t), t, control, meaning)
        match scheduler.config.prediction_type:
            case "v_prediction":
                asked = scheduler.get_velocity(latents, noise, t)
            case "sample":
                asked = latents
            case _:
                asked = noise
        total = self._weighted((found.float() - asked).square(), control)
        return {"total": total}

    def _times(self, draw: Draw) -> Tensor:
        """(b,) in 0..1; a share of them 1, where there is nothing but noise."""
        t, last = draw.uniform(), draw.uniform() < self.config.at_noise
        return torch.where(last, torch.ones_like(t), t)

    def _shorter(self, batch: Batch, draw: Draw) -> Batch:
        """Now and then a step is of fewer frames, down to one: so are clips that are shorter than a window."""
        frames, chance, part = batch.pixels.shape[1], draw.uniform()[0], draw.uniform()[0]
        count = 1 + int(part * (frames - 1)) if chance < self.config.short_windows else frames
        return batch._replace(pixels=batch.pixels[:, :count], xyz=batch.xyz[:, :count])

    def _given(self, batch: Batch, draw: Draw) -> tuple[Tensor, Tensor, Meaning, Tensor]:
        """latents (B, C, T, h, w), control (B, T, K, S, S), meaning, some without states, and noise of the latents' shape."""
        with torch.no_grad():
            latents = to_latents(self.vae, batch.pixels.flatten(0, 1)).unflatten(0, batch.pixels.shape[:2]).transpose(1, 2).float()
        meaning = batch.told.without((draw.uniform() < self.config.drop_states).to(latents.device))
        return latents, batch.control(), meaning, draw.normal(latents[:, :, 0])[:, :, None].expand_as(latents)

    def _weighted(self, error: Tensor, control: Tensor) -> Tensor:
        """(B, C, T, h, w) errors -> their mean; hands weighted, and channels that move more of a picture."""
        error = error * self.channel_weights.to(error)
        return weighted(error.transpose(1, 2).flatten(0, 1), hand_weights(control.flatten(0, 1), self.config.weight_hands, error.shape[-1]))

    # --- dev: pictures, made as in use -------------------------------------------------------------------------------
    @property
    def _used(self) -> RendererPipeline:
        """The running mean as a renderer."""
        average: Any = self.average.module                     # a Denoiser, which torch's types forget
        return self._renderer(average)

    def _renderer(self, denoiser: Denoiser, refiner: Refiner | None = None) -> RendererPipeline:
        config = self.config
        return RendererPipeline(self.vae, denoiser.unet, denoiser.controlnet, denoiser.conditioner, self.pipeline.scheduler, refiner, config.size,
                                config.window, config.overlap, config.steps)

    def _made(self, batch: Batch) -> Tensor:
        """(B, T, 3, S, S) in ``config.steps`` steps."""
        used, control = self._used, batch.control()
        return used.pictures(clean(used.window(control, batch.told, used.noise(self.config.steps, 0))), control, batch.told)

    def scores(self, batch: Batch) -> dict[str, float]:
        made, control = self._made(batch).flatten(0, 1), batch.control().flatten(0, 1)
        return self._scores(made, batch.pixels.flatten(0, 1), control)

    def samples(self, batch: Batch, frame: int) -> list[Tensor]:
        pixels = batch.pixels[:, frame]
        return [self._made(batch)[:, frame], to_pixels(self.vae, to_latents(self.vae, pixels))]

    def saved(self) -> Saved:
        return self.pipeline


class StillsStage(DiffusionStage):
    """Single frames first: they differ more than the frames of a window, so as many say more. The motion modules learn after it, from windows."""

    name, frames = "stills", 1


class DistillationStage(DiffusionStage):
    """A student learns to say at every time what it says one step earlier on the teacher's way to the picture (latent consistency, LCM), and
    its pictures are compared with the true frames, hands weighted. Unlike LCM there is no guidance scale: the teacher is used without one.
    """

    name = "distillation"

    def __init__(self, config: RendererConfig, pipeline: RendererPipeline, train: Packed, dev: Packed, out: Path, seed: int,
                 minutes: float | None = None):
        self.solver = pipeline.scheduler
        pipeline.register_modules(scheduler=few_steps(config, self.solver))
        self.teacher = copy.deepcopy(pipeline.denoiser).eval().requires_grad_(False)
        super().__init__(config, pipeline, train, dev, out, seed, minutes)
        self.teacher.to(self.accelerator.device)

    def loss(self, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        batch = self._shorter(batch, draw)
        latents, control, meaning, noise = self._given(batch, draw)
        count = self.solver.config.num_train_timesteps // self.config.skip
        t = ((self._times(draw) * count).long().clamp(max=count - 1) + 1).to(latents.device) * self.config.skip - 1  # where LCM's scheduler stops
        noisy = self.solver.add_noise(latents, noise, t)
        with torch.no_grad():
            earlier, s = self._earlier(noisy, t, control, meaning), (t - self.config.skip).clamp(min=0)
            asked = to_x0(self.solver, self.average.module(earlier, s, control, meaning), earlier, s)
            asked = torch.where((t < self.config.skip).view(-1, 1, 1, 1, 1), latents, asked)            # one step before the end is the end
        found = to_x0(self.solver, self.learner(noisy, t, control, meaning).float(), noisy, t)
        terms = {"consistency": self._weighted(F.smooth_l1_loss(found, asked, reduction="none", beta=0.1), control)}
        if self.config.weight_pixels:
            frame = int(draw.uniform()[0] * latents.shape[2])
            made = to_pixels(self.vae, found[:, :, frame])
            terms["picture"] = self._compared(made, batch.pixels[:, frame], control[:, frame])["total"]
        return terms | {"total": terms["consistency"] + self.config.weight_pixels * terms.get("picture", 0.0)}

    def _earlier(self, noisy: Tensor, t: Tensor, control: Tensor, meaning: Meaning) -> Tensor:
        """One DDIM step of the teacher, ``skip`` times back."""
        alphas = self.solver.alphas_cumprod.to(noisy)

        def row(values: Tensor) -> Tensor:
            return values.view(-1, 1, 1, 1, 1)

        a, b = row(alphas[t]), row(torch.where(t < self.config.skip, torch.ones_like(alphas[t]), alphas[(t - self.config.skip).clamp(min=0)]))
        x0 = to_x0(self.solver, self.teacher(noisy, t, control, meaning).float(), noisy, t)
        return b.sqrt() * x0 + (1 - b).sqrt() * (noisy - a.sqrt() * x0) / (1 - a).sqrt()


class RefinerStage(DiffusionStage):
    """Last: the refiner learns to bring what the finished renderer makes, in the steps that it takes in use, to the true frames, hands weighted."""

    name = "refiner"

    def __init__(self, config: RendererConfig, pipeline: RendererPipeline, train: Packed, dev: Packed, out: Path, seed: int,
                 minutes: float | None = None):
        Stage.__init__(self, config, out, seed, minutes)
        known = pipeline.conditioner.config
        pipeline.register_to_config(steps=config.steps)                   # it is made for these
        pipeline.register_modules(refiner=new_refiner(config, len(known.styles), len(known.signers)))
        for number, style in enumerate(known.styles):
            pipeline.refiner.canvas.data[number, :3] = torch.from_numpy(mean_frame(train, style)).permute(2, 0, 1)
        self.pipeline, self.vae = pipeline.ready(self.accelerator.device), pipeline.vae
        self.frames = min(SHORT, config.window)
        self._learn(pipeline.refiner, train, dev, self.frames, max(1, config.refiner_batch // self.frames))

    def loss(self, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        control, side = batch.control(), batch.pixels.shape[-1] // factor(self.vae)
        noise = torch.randn(self.config.steps, self.vae.config.latent_channels, side, side, generator=draw.generator).to(control)
        with torch.no_grad():
            latents = clean(self.pipeline.window(control, batch.told, noise))
            pixels = to_pixels(self.vae, latents.transpose(1, 2).flatten(0, 1))
        control = control.flatten(0, 1)
        told = (row.repeat_interleave(batch.pixels.shape[1], 0) for row in (batch.told.style, batch.told.signer, batch.corner))
        return self._compared(self.learner(pixels, control, *told), batch.pixels.flatten(0, 1), control)

    @property
    def _used(self) -> RendererPipeline:
        average: Any = self.average.module
        return self._renderer(self.pipeline.denoiser, average)


def mean_frame(train: Packed, style: str) -> np.ndarray:
    """(S, S, 3) in -1..1, of at most ``MEASURED`` frames of a style."""
    rows = np.concatenate([np.arange(clip["first"], clip["first"] + clip["count"]) for clip in train.clips if clip["style"] == style])
    some = rows[np.linspace(0, len(rows) - 1, min(MEASURED, len(rows))).round().astype(int)]
    result: np.ndarray = sum(train.frames[row].astype(np.float32) for row in some) / len(some) / 127.5 - 1
    return result
