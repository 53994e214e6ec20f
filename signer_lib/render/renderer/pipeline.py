"""The renderer as one diffusers pipeline: poses, states, a style and a signer in; frames out. Alg. 2's last step. [ours]"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel, DiffusionPipeline, UNetMotionModel
from diffusers.models.modeling_utils import ModelMixin
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils import BaseOutput, logging
from torch import Tensor, nn

from signer_lib.checkpoint import damaged, load_json
from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.render.control import CHANNELS, control_image
from signer_lib.render.flesh import flesh
from signer_lib.render.renderer.autoencoder import factor, to_pixels
from signer_lib.render.renderer.conditioning import Conditioner, Meaning, Signed, meaning_of
from signer_lib.render.renderer.networks import Denoiser
from signer_lib.render.renderer.place import placed
from signer_lib.render.renderer.refiner import Refiner
from signer_lib.render.renderer.sampling import steps as sampling_steps
from signer_lib.render.renderer.sampling import windows

MODULES = "autoencoder", "conditioning", "networks", "refiner"                   # where the classes of a renderer's parts are
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class RendererOutput(BaseOutput):  # type: ignore[misc]  # diffusers has no types
    """frames (T, size, size, 3) uint8 RGB."""

    frames: np.ndarray


def held(xyz: np.ndarray) -> np.ndarray:
    """A joint that is missing for a while stays where it is next seen, or was last, whichever is nearer in time; one that never is stays NaN.

    xyz (T, J, 3) -> the same. [ours] A hand that vanishes in one frame and is back in the next would flicker.
    """
    seen, xyz = np.isfinite(xyz).all(-1), xyz.copy()
    frames = np.arange(len(xyz))
    for joint in np.flatnonzero(seen.any(0) & ~seen.all(0)):
        there = frames[seen[:, joint]]
        after = np.searchsorted(there, frames).clip(max=len(there) - 1)
        before = (after - 1).clip(min=0)
        nearest = np.where(np.abs(there[before] - frames) <= np.abs(there[after] - frames), there[before], there[after])
        xyz[:, joint] = xyz[nearest, joint]
    return xyz


def device_of() -> torch.device:
    """Chosen once: CUDA or Apple's GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")


class RendererPipeline(DiffusionPipeline):  # type: ignore[misc]  # diffusers has no types
    """Autoencoder, UNet with motion modules, ControlNet, conditioner, scheduler, perhaps a refiner; saved and loaded with ``model_index.json``.

    size     pixels a side.    window, overlap  frames.    steps  that the scheduler takes, if a call does not say.
    Swap ``scheduler`` as in diffusers: DDIM for many steps, LCM for 1-4 after the distillation.
    """

    model_cpu_offload_seq = "conditioner->controlnet->unet->vae->refiner"
    _optional_components = ["refiner"]

    def __init__(self, vae: ModelMixin, unet: UNetMotionModel, controlnet: ControlNetModel, conditioner: Conditioner, scheduler: SchedulerMixin,
                 refiner: Refiner | None = None, size: int = 256, window: int = 16, overlap: int = 3, steps: int = 4):
        super().__init__()
        self.register_modules(vae=vae, unet=unet, controlnet=controlnet, conditioner=conditioner, scheduler=scheduler, refiner=refiner)
        self.register_to_config(size=size, window=window, overlap=overlap, steps=steps)

    @property
    def networks(self) -> list[nn.Module]:
        """All parts with weights."""
        return [part for part in self.components.values() if isinstance(part, nn.Module)]

    @property
    def denoiser(self) -> Denoiser:
        """The parts that are trained together, as one module; it shares their weights."""
        return Denoiser(self.unet, self.controlnet, self.conditioner)

    # --- rendering ---------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def __call__(self, poses: PoseSequence | None = None, control: Tensor | None = None, signed: Signed | None = None, style: str | None = None,
                 signer: str | None = None, steps: int | None = None, seed: int = 0, body: str | None = None) -> RendererOutput:
        """All frames at once; see ``stream`` for the arguments."""
        return RendererOutput(np.stack(list(self.stream(poses, control, signed, style, signer, steps, seed, body))))

    def stream(self, poses: PoseSequence | None = None, control: Tensor | None = None, signed: Signed | None = None, style: str | None = None,
               signer: str | None = None, steps: int | None = None, seed: int = 0, body: str | None = None) -> Iterator[np.ndarray]:
        """The frames (size, size, 3) uint8, one by one; memory does not grow with their number, and the same seed gives the same bytes.

        poses    T frames of signer70, or instead control (T, K, size, size) images in 0..1, see ``render.control``.
        signed   what is signed: SLUL's states; None: the renderer goes by the poses alone.
        style, signer  names; None: the first that it was trained on.    steps  of the scheduler, more for better pictures.
        body     whose flesh the poses get, see ``render.flesh``; None: the signer's own. It may be a body that the renderer has never seen.
        Raises ``SignerError`` for no frames, poses without a single joint, another skeleton, an unknown style or signer.
        """
        if (poses is None) == (control is None):
            raise SignerError("the renderer needs either poses or control images")
        steps = self.config.steps if steps is None else steps
        if not 1 <= steps <= self.scheduler.config.num_train_timesteps:
            raise SignerError(f"steps must be from 1 to {self.scheduler.config.num_train_timesteps}, not {steps}")
        numbers = [self.conditioner.number("style", style)], [self.conditioner.number("signer", signer)]
        if control is not None:
            source = self._checked(control)
        else:
            assert poses is not None
            source = self._joints(poses)
        return self._stream(source, body or self.conditioner.config.signers[numbers[1][0]], signed, numbers, steps, seed)

    @torch.no_grad()
    def _stream(self, source: Tensor, body: str, signed: Signed | None, numbers: tuple[list[int], list[int]], steps: int,
                seed: int) -> Iterator[np.ndarray]:
        settings = self.conditioner.config
        noise, first, done = self.noise(steps, seed), 0, 0
        found: list[Tensor] = []
        for start, stop in windows(len(source), self.config.window, self.config.overlap):
            meaning = meaning_of([(signed, start, stop)], *numbers, settings.d_state, settings.most).to(noise.device)
            known = [clean[:, :, start - first:] for clean in found] if found and first + found[0].shape[2] > start else None
            control = self.control(source[start:stop], body)[None]
            found, first = [clean for _, clean in self.window(control, meaning, noise, known)], start
            ready = stop if stop == len(source) else stop - self.config.overlap          # the next window finishes the overlap
            part = slice(done - start, ready - start)
            pixels = self.pictures(found[-1][:, :, part], control[:, part], meaning)[0]
            done = ready
            yield from ((pixels.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()

    def window(self, control: Tensor, meaning: Meaning, noise: Tensor, before: list[Tensor] | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """The steps of B windows, for looking on: (noisy, clean) latents (B, C, T, h, w). control (B, T, K, H, W); see ``sampling.steps``."""
        denoiser = self.denoiser
        guidance = None if denoiser.sees_noise else denoiser.guide(control, meaning)

        def denoise(x: Tensor, t: Tensor) -> Tensor:
            return denoiser.denoise(x, t, guidance or denoiser.guide(control, meaning, x, t))

        return sampling_steps(self.scheduler, denoise, noise, control.shape[:2], before, self.config.overlap)

    def pictures(self, latents: Tensor, control: Tensor, meaning: Meaning, corner: Tensor | None = None) -> Tensor:
        """Clean latents (B, C, T, h, w) and their control images (B, T, K, H, W) -> (B, T, 3, H, W), about -1..1.

        corner (B, 2) the column and row where they begin in whole pictures; None: they are whole.
        """
        B, T = control.shape[:2]
        pixels = to_pixels(self.vae, latents.transpose(1, 2).flatten(0, 1))
        if self.refiner is not None:
            looks = (numbers.repeat_interleave(T).to(pixels.device) for numbers in (meaning.style, meaning.signer))
            pixels = self.refiner(pixels, control.flatten(0, 1), *looks, None if corner is None else corner.repeat_interleave(T, 0))
        result: Tensor = pixels.unflatten(0, (B, T))
        return result

    def noise(self, steps: int, seed: int) -> Tensor:
        """(steps, C, h, w) drawn on the CPU, so that every device has the same."""
        side = self.config.size // factor(self.vae)
        drawn = torch.randn(steps, self.unet.config.in_channels, side, side, generator=torch.Generator().manual_seed(seed))
        return drawn.to(self.unet.device, self.unet.dtype)

    def control(self, source: Tensor, body: str | None = None) -> Tensor:
        """Joints (T, 70, 3), or control images (T, K, size, size) -> control images with their place, in the network's precision."""
        source = source.to(self.unet.device)
        source = control_image(source, self.config.size, radii=flesh(body)) if source.shape[-1] == 3 else source
        return placed(source).to(self.controlnet.dtype)

    # --- what comes in -----------------------------------------------------------------------------------------------
    def _joints(self, poses: PoseSequence) -> Tensor:
        if poses.skeleton != SIGNER70:
            raise SignerError(f"the renderer takes {SIGNER70.name} poses, not {poses.skeleton.name}: convert them with signer_lib.pose.formats")
        if not len(poses) or not np.isfinite(poses.xyz).all(-1).any():
            raise SignerError("there is nothing to render: the poses have " + ("no frames" if not len(poses) else "no joint in any frame"))
        return torch.from_numpy(held(poses.xyz))

    def _checked(self, control: Tensor) -> Tensor:
        wanted = (len(CHANNELS), self.config.size, self.config.size)
        if control.dim() != 4 or not len(control) or tuple(control.shape[1:]) != wanted:
            raise SignerError(f"control images have shape (frames, {', '.join(map(str, wanted))}), not {tuple(control.shape)}")
        if not control.isfinite().all():
            raise SignerError("the control images hold values that are no numbers: make them with render.control.control_image")
        return control

    # --- on disk -----------------------------------------------------------------------------------------------------
    def save_pretrained(self, folder: Path | str, dtype: torch.dtype = torch.float16, **more: Any) -> None:
        """The diffusers way, safetensors; weights in 16 bit unless ``dtype`` says otherwise. This pipeline keeps its own precision."""
        halved = {name: copied(part, dtype) if isinstance(part, nn.Module) else part for name, part in self.components.items()}
        super(RendererPipeline, RendererPipeline(**halved, **_own(self))).save_pretrained(str(folder), **more)
        readable(Path(folder))

    @classmethod
    def from_folder(cls, folder: Path | str, precision: str = "fp32", device: torch.device | str | None = None) -> RendererPipeline:
        """A saved renderer, on the GPU if there is one. Raises ``SignerError`` in one line if the folder is none or is damaged."""
        folder = Path(folder)
        if precision not in DTYPES:
            raise SignerError(f"there is no precision '{precision}': use {', '.join(DTYPES)}")
        index = load_json(folder, "model_index.json", ("unet", "vae", "controlnet", "conditioner", "scheduler"))
        if foreign := [name for name, value in index.items() if isinstance(value, list) and value != [None, None] and not _is_ours(value)]:
            raise damaged(folder, ValueError(f"its {foreign[0]} is {index[foreign[0]]}, which is no part of a renderer"))
        try:
            with silence():
                pipeline = cls.from_pretrained(str(folder), low_cpu_mem_usage=False, local_files_only=True, use_safetensors=True)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
            raise damaged(folder, error) from None
        for part in pipeline.networks:
            nn.Module.to(part, DTYPES[precision])
        result: RendererPipeline = pipeline.ready(device)
        return result

    def ready(self, device: torch.device | str | None = None) -> RendererPipeline:
        """For use: on the device, no dropout, no gradient to the weights (to the control images there is one)."""
        self.to(torch.device(device or device_of()))
        for part in self.networks:
            part.eval().requires_grad_(False)
        for part in (self.vae, self.refiner):
            if part is not None:
                part.to(memory_format=torch.channels_last)  # a sixth faster on a CPU; the UNet's motion modules undo it
        return self


@contextmanager
def silence() -> Iterator[None]:
    """Without diffusers' bar, which would be the only one that is shown where nobody watches."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def copied(part: ModelMixin, dtype: torch.dtype = torch.float16) -> ModelMixin:
    """A model of diffusers as it is to be saved: in this precision, and without the path that it was once loaded from."""
    part = copy.deepcopy(part)
    part.register_to_config(_name_or_path="")
    return nn.Module.to(part, dtype)


def readable(folder: Path) -> None:
    """safetensors makes files that only their owner can read."""
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)


def _is_ours(named: list[Any]) -> bool:
    """Whether [module, class] of ``model_index.json`` is a network or a scheduler that a renderer may have: diffusers imports what stands there."""
    return len(named) == 2 and named[0] in ("diffusers", *(f"signer_lib.render.renderer.{name}" for name in MODULES)) and isinstance(named[1], str)


def _own(pipeline: RendererPipeline) -> dict[str, Any]:
    return {key: pipeline.config[key] for key in ("size", "window", "overlap", "steps")}
