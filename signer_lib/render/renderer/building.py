"""A new renderer of a size: small networks with random weights, or Stable Diffusion's own from a folder or the hub."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, LCMScheduler, MotionAdapter, UNet2DConditionModel, UNetMotionModel
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from signer_lib.errors import SignerError
from signer_lib.render.control import CHANNELS
from signer_lib.render.renderer.autoencoder import SignerAutoencoder, factor
from signer_lib.render.renderer.conditioning import Conditioner
from signer_lib.render.renderer.networks import PoseControlNet, SignerUNet
from signer_lib.render.renderer.pipeline import RendererPipeline
from signer_lib.render.renderer.place import PLANES
from signer_lib.render.renderer.refiner import Refiner
from signer_lib.render.renderer.settings import RendererConfig


def new_autoencoder(config: RendererConfig) -> ModelMixin:
    """Untrained, or Stable Diffusion's. Raises ``SignerError`` for settings that do not fit together."""
    if config.pretrained:
        return _loaded(AutoencoderKL, config.pretrained, "vae")
    vae = _built(SignerAutoencoder, config.autoencoder)
    whole = factor(vae) * 2 ** (len(config.channels) - 1)
    for key in ("size", "crop"):
        if getattr(config, key) % whole:
            raise SignerError(f"{key} must be a multiple of {whole} with these channels, not {getattr(config, key)}")
    return vae


def new_renderer(config: RendererConfig, vae: ModelMixin, styles: list[str], signers: list[str], d_state: int) -> RendererPipeline:
    """A renderer for these styles and signers, around a trained autoencoder; its scheduler is DDIM."""
    unet, controlnet = _pretrained(config) if config.pretrained else _small(config, vae)
    token, vector = unet.config.cross_attention_dim, unet.config.time_cond_proj_dim or 0
    conditioner = Conditioner(d_state, token, vector, styles, signers, config.most_states)
    if config.checkpointing:
        for part in (unet, controlnet):
            part.enable_gradient_checkpointing()
    return RendererPipeline(vae, unet, controlnet, conditioner, ddim(config), None, config.size, config.window, config.overlap,
                            config.steps)


def new_refiner(config: RendererConfig, styles: int, signers: int) -> Refiner:
    """One that changes nothing yet. Raises ``SignerError`` for settings that do not fit together."""
    refiner: Refiner = _built(Refiner, {"planes": len(CHANNELS) + PLANES, "widths": config.refiner, "size": config.size, "styles": styles,
                               "signers": signers})
    for key in ("size", "crop"):
        if getattr(config, key) % refiner.factor:
            raise SignerError(f"{key} must be a multiple of {refiner.factor} with this refiner, not {getattr(config, key)}")
    return refiner


def ddim(config: RendererConfig) -> DDIMScheduler:
    """For training and many steps. The last time of a renderer that is trained here is noise alone, as it is when the renderer is used."""
    if config.pretrained:
        return _loaded(DDIMScheduler, config.pretrained, "scheduler")
    return DDIMScheduler(**_schedule(config), timestep_spacing="trailing")


def few_steps(config: RendererConfig, scheduler: DDIMScheduler) -> LCMScheduler:
    """The same schedule for a distilled renderer, 1-4 steps."""
    return LCMScheduler.from_config(scheduler.config, original_inference_steps=1000 // config.skip)


def _schedule(config: RendererConfig) -> dict[str, Any]:
    return {"num_train_timesteps": 1000, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": False,
            "prediction_type": config.prediction, "rescale_betas_zero_snr": config.prediction != "epsilon", "set_alpha_to_one": True}


def _small(config: RendererConfig, vae: ModelMixin) -> tuple[SignerUNet, PoseControlNet]:
    latents = vae.config.latent_channels

    def kinds(direction: str, end: str) -> tuple[str, ...]:
        return tuple(f"{'CrossAttn' if attends else ''}{direction}Block{end}" for attends in config.attention)

    same = {"in_channels": latents, "block_out_channels": tuple(config.channels), "layers_per_block": config.layers,
            "norm_num_groups": config.groups, "cross_attention_dim": config.d_token, "num_attention_heads": config.heads}
    unet = _built(SignerUNet, same | {
        "out_channels": latents, "down_block_types": kinds("Down", "Motion"), "up_block_types": kinds("Up", "Motion")[::-1],
        "motion_num_attention_heads": config.heads, "motion_max_seq_length": config.window,
        "time_cond_proj_dim": config.d_token, "motion_from": config.motion_from})
    controlnet = _built(PoseControlNet, same | {
        "conditioning_channels": len(CHANNELS) + PLANES, "down_block_types": kinds("Down", "2D"), "factor": factor(vae),
        "reader_width": config.reader_width, "sees_noise": config.control_sees_noise})
    for layer in (*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block):
        layer.reset_parameters()        # zeros protect a UNet that can draw already; this one has to learn from the control images
    return unet, controlnet


def _pretrained(config: RendererConfig) -> tuple[UNetMotionModel, ControlNetModel]:
    """Stable Diffusion's UNet with motion modules (AnimateDiff's, or new ones), and a ControlNet (or a copy of the UNet's encoder)."""
    flat = _loaded(UNet2DConditionModel, config.pretrained, "unet")
    adapter = _loaded(MotionAdapter, config.pretrained_motion) if config.pretrained_motion else MotionAdapter(
        motion_max_seq_length=config.window, block_out_channels=flat.config.block_out_channels,
        motion_layers_per_block=flat.config.layers_per_block, motion_norm_num_groups=flat.config.norm_num_groups)
    if not config.pretrained_motion:
        for name, weight in adapter.named_parameters():         # new motion modules begin as none: the pictures are Stable Diffusion's own
            if ".proj_out." in name:
                nn.init.zeros_(weight)
    controlnet = _loaded(ControlNetModel, config.pretrained_controlnet) if config.pretrained_controlnet else ControlNetModel.from_unet(flat)
    return UNetMotionModel.from_unet2d(flat, adapter), controlnet


def _loaded(kind: Any, name: str, subfolder: str | None = None) -> Any:
    try:
        weights = {"dtype": torch.float32, "use_safetensors": True} if issubclass(kind, nn.Module) else {}
        return kind.from_pretrained(name, subfolder=subfolder, **weights)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise SignerError(f"no {kind.__name__} could be loaded from '{name}' ({reason}): name a folder, or weights of the hub") from None


def _built(kind: type, settings: dict[str, Any]) -> Any:
    try:
        return kind(**settings)
    except (TypeError, ValueError) as error:
        raise SignerError(f"the settings make no {kind.__name__} ({str(error).splitlines()[0][:160]})") from None
