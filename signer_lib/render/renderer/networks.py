"""The two networks of the diffusion: diffusers' UNet with motion modules and its ControlNet, each with one change. [ours: the changes]"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from diffusers import ControlNetModel, UNetMotionModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401  a loading pipeline looks for it beside the classes
from torch import Tensor, nn

from signer_lib.render.control import CHANNELS
from signer_lib.render.renderer.conditioning import Conditioner, Meaning


class Guidance(NamedTuple):
    """What one window's steps share: tokens (B T, S, d), the vector of style and signer (B, v) or None, the ControlNet's maps."""

    tokens: Tensor
    vector: Tensor | None
    down: list[Tensor]
    middle: Tensor


def settings_of(parent: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """For an ``__init__(self, own=..., **settings)``: diffusers saves what its signature names, so it names the parent's settings too."""
    def give(init: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(init).parameters.values())[:-1]
        inherited = list(inspect.signature(vars(parent)["__init__"]).parameters.values())[1:]
        told: Any = init
        told.__signature__ = inspect.Signature([own[0], *inherited, *own[1:]])
        registered: Callable[..., None] = register_to_config(init)
        return registered
    return give


class Still(nn.Module):
    """Stands where a motion module was, whatever it was told: every frame stays as it is."""

    def forward(self, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
        return hidden_states


class SignerUNet(UNetMotionModel):  # type: ignore[misc]  # diffusers has no types
    """A ``UNetMotionModel`` whose motion modules begin at level ``motion_from`` (0: at all).

    At the finest level they cost as much as the convolutions, and a frame's fine detail follows from its own control image.
    ``time_cond_proj_dim`` is the size of the vector of style and signer, which is added to the time's embedding.
    """

    @settings_of(UNetMotionModel)
    def __init__(self, motion_from: int = 0, **settings: Any) -> None:
        super().__init__(**settings)
        for block in (*self.down_blocks[:motion_from], *self.up_blocks[len(self.up_blocks) - motion_from:]):
            block.motion_modules = nn.ModuleList(Still() for _ in block.motion_modules)


class ControlReader(nn.Sequential):
    """Control images (N, K, H, W) -> (N, channels, H / f, W / f) without throwing away a pixel before a filter has seen it.

    diffusers' own reader begins with convolutions at full resolution. Folding pixels into channels gives each weight the same view at a
    fraction of the time: half of f at once, the rest after a first convolution.
    """

    def __init__(self, planes: int, channels: int, factor: int, width: int):
        first = max(factor // 2, 1)
        last = nn.Conv2d(width * (factor // first) ** 2, channels, 3, padding=1)
        super().__init__(nn.PixelUnshuffle(first), nn.Conv2d(planes * first ** 2, width, 1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
                         nn.SiLU(), nn.PixelUnshuffle(factor // first), last)


class PoseControlNet(ControlNetModel):  # type: ignore[misc]  # diffusers has no types
    """A ``ControlNetModel`` that reads the control images' channels with ``ControlReader`` (``factor``: pixels a latent, ``reader_width``).

    sees_noise  False: it reads no noisy latents and no time, so that one run of it serves every step of a window.
    """

    @settings_of(ControlNetModel)
    def __init__(self, factor: int = 8, reader_width: int = 64, sees_noise: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        config = self.config
        self.controlnet_cond_embedding = ControlReader(config.conditioning_channels, config.block_out_channels[0], factor, reader_width)


class Denoiser(nn.Module):
    """All that is trained together: what is signed, by whom and in what style; where everything is; and the UNet that takes noise away."""

    def __init__(self, unet: UNetMotionModel, controlnet: ControlNetModel, conditioner: Conditioner):
        super().__init__()
        self.unet, self.controlnet, self.conditioner = unet, controlnet, conditioner
        self.sees_noise = getattr(controlnet.config, "sees_noise", True)

    def guide(self, control: Tensor, meaning: Meaning, noisy: Tensor | None = None, t: Tensor | None = None) -> Guidance:
        """control (B, T, K + 2, H, W), see ``place``; noisy (B, C, T, h, w) and t (B,), needed only where the ControlNet sees the noise."""
        B, T = control.shape[:2]
        tokens, vector = self.conditioner(meaning)
        tokens = tokens.repeat_interleave(T, 0)
        images = control.flatten(0, 1).to(self.controlnet.dtype)
        images = coloured(images) if self.controlnet.config.conditioning_channels == 3 else images
        if self.sees_noise:
            assert noisy is not None and t is not None
            latents, times = noisy.transpose(1, 2).flatten(0, 1), t.repeat_interleave(T)
        else:
            config = self.controlnet.config
            side = [pixels // config.factor for pixels in images.shape[-2:]]
            latents, times = images.new_zeros(B * T, config.in_channels, *side), torch.zeros(B * T, device=images.device)
        down, middle = self.controlnet(latents, times, tokens, images, return_dict=False)
        return Guidance(tokens, vector, down, middle)

    def denoise(self, noisy: Tensor, t: Tensor, guidance: Guidance) -> Tensor:
        """(B, C, T, h, w) at times t (B,) -> what the scheduler's ``prediction_type`` names, of the same shape."""
        result: Tensor = self.unet(noisy, t, guidance.tokens, timestep_cond=guidance.vector, down_block_additional_residuals=guidance.down,
                         mid_block_additional_residual=guidance.middle, return_dict=False)[0]
        return result

    def forward(self, noisy: Tensor, t: Tensor, control: Tensor, meaning: Meaning) -> Tensor:
        return self.denoise(noisy, t, self.guide(control, meaning, noisy, t))


def coloured(control: Tensor) -> Tensor:
    """Control images (T, K + 2, H, W) as three channels, for a ControlNet that was trained on coloured poses: right, left, and the rest."""

    def rows(side: str) -> list[int]:
        return [k for k, name in enumerate(CHANNELS[:-1]) if name.split("_")[0] == side]

    rest = [k for k in range(len(CHANNELS) - 1) if k not in rows("right") + rows("left")]
    return torch.stack([control[:, part].amax(1) for part in (rows("right"), rows("left"), rest)], 1)
