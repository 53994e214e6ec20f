"""How many multiplications and additions a training step of a preset does: counted by torch on the networks themselves. [ours]

Counted are matrix products and convolutions, a product and its sum as two operations. A backward pass counts as twice its forward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from diffusers import ControlNetModel, UNetMotionModel
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import T5Config, T5ForConditionalGeneration

from signer_lib.language.training import slul_config
from signer_lib.metrics.back_translation_training import back_translation_config
from signer_lib.metrics.pose_reader import Reader, Size
from signer_lib.pose import SIGNER70
from signer_lib.render.control import CHANNELS
from signer_lib.render.renderer.autoencoder import factor
from signer_lib.render.renderer.building import new_autoencoder, new_refiner, new_renderer
from signer_lib.render.renderer.conditioning import Meaning
from signer_lib.render.renderer.place import PLANES
from signer_lib.render.renderer.settings import renderer_config

TRAINED = 3                     # forward passes that a forward and a backward pass cost
SOURCE, GLOSSES, PIECES = 40, 15, 40        # tokens of a How2Sign-like sentence: assumed; 17 words a sentence, in pieces
SIGNS = 2000                    # glosses that an evaluator of such a corpus may know: assumed


class Step(NamedTuple):
    """A training step. operations of one sample (a sentence, a window, a frame); ``samples`` and frames that a step sees; weights that learn."""

    operations: float
    samples: int
    frames: int
    weights: int


def slul(size: str) -> Step:
    """Eq. 2-5: the encoder once, the decoder on the glosses and again on the masked ones. Prompts, 16 a step, are left out."""
    config = slul_config(size)
    settings: dict[str, Any] = {"vocab_size": config.vocabulary, "decoder_start_token_id": 0, **config.model}
    net = T5ForConditionalGeneration(T5Config(**settings)).eval()
    encoded = _counted(lambda: net.encoder(input_ids=torch.ones(1, SOURCE, dtype=torch.long)))
    both = _counted(lambda: net(input_ids=torch.ones(1, SOURCE, dtype=torch.long), decoder_input_ids=torch.ones(1, GLOSSES, dtype=torch.long)))
    return Step(TRAINED * (2 * both - encoded), config.batch_size, 0, _weights(net))


def back_translation(size: str, frames: int) -> Step:
    """A sentence of so many frames, CTC and text."""
    config = back_translation_config(size)
    net = Reader(Size(**config.model), SIGNER70.index("neck"), [-1] * len(SIGNER70), SIGNS, config.vocabulary).train()

    def forward() -> None:
        H, over = net.encode(torch.zeros(1, frames, len(SIGNER70), 3), torch.tensor([frames]))
        net.spot(H), net.say(torch.ones(1, PIECES, dtype=torch.long), H, over)

    return Step(TRAINED * _counted(forward), config.batch_size, frames, _weights(net))


def renderer(size: str) -> dict[str, Step]:
    """The stages of a size that is built here; of "paper" the diffusion and its distillation alone, Stable Diffusion's networks at 512 pixels."""
    config = renderer_config(size)
    if config.pretrained:
        return _stable_diffusion()
    side, window = config.crop or config.size, config.window
    vae = new_autoencoder(config)
    net = new_renderer(config, vae, ["one"], ["one"], config.d_state).denoiser
    planes = len(CHANNELS) + PLANES
    pixels, small = torch.zeros(1, 3, side, side), side // factor(vae)
    latents = torch.zeros(1, vae.config.latent_channels, small, small)
    encode, decode = _counted(lambda: vae.encode(pixels)), _counted(lambda: vae.decode(latents))

    def denoised(frames: int) -> float:
        noisy = latents[:, :, None].expand(-1, -1, frames, -1, -1)
        zero = torch.zeros(1, dtype=torch.long)
        meaning = Meaning(torch.zeros(1, config.most_states, config.d_state), torch.ones(1, config.most_states, dtype=torch.bool),
                          torch.zeros(1, config.d_state), torch.ones(1, dtype=torch.bool), zero, zero)
        return _counted(lambda: net(noisy, zero, torch.zeros(1, frames, planes, side, side), meaning))

    still, moving = denoised(1), denoised(window)
    stages = {
        "autoencoder": Step(TRAINED * (encode + decode), config.autoencoder_batch, config.autoencoder_batch, _weights(vae)),
        "stills": Step(TRAINED * still + encode, config.stills_batch, config.stills_batch, _weights(net)),
        "diffusion": Step(TRAINED * moving + window * encode, config.batch_size, config.batch_size * window, _weights(net)),
        # the teacher and the running mean look too; a picture of each window is decoded and compared
        "distillation": Step((TRAINED + 2) * moving + window * encode + TRAINED * decode, config.batch_size, config.batch_size * window,
                             _weights(net)),
    }
    if config.refiner:
        refiner, told = new_refiner(config, 1, 1), torch.zeros(1, dtype=torch.long)
        refined = _counted(lambda: refiner(pixels, torch.zeros(1, planes, side, side), told, told))
        stages["refiner"] = Step(still * config.steps + decode + TRAINED * refined, config.refiner_batch, config.refiner_batch, _weights(refiner))
    return {name: step for name, step in stages.items() if getattr(config, f"{name}_steps")}


def _stable_diffusion() -> dict[str, Step]:
    """Sizes alone, no weights: nothing of these is downloaded, and nothing computed."""
    config = renderer_config("paper")
    with torch.device("meta"):
        unet = UNetMotionModel(cross_attention_dim=768, num_attention_heads=8, motion_max_seq_length=config.window)
        control = ControlNetModel(cross_attention_dim=768, attention_head_dim=8)
        side, frames = config.size // 8, config.window
        noisy, tokens, times = torch.zeros(1, 4, frames, side, side), torch.zeros(frames, config.most_states, 768), torch.zeros(1)
        images = torch.zeros(frames, 3, config.size, config.size)
        moving = _counted(lambda: unet(noisy, times, tokens)) + _counted(lambda: control(noisy[0].transpose(0, 1), times, tokens, images))
    again = TRAINED + 1 if config.checkpointing else TRAINED            # what checkpointing forgot is computed once more
    made = config.batch_size, config.batch_size * frames, _weights(unet) + _weights(control)
    return {"diffusion": Step(again * moving, *made), "distillation": Step((again + 2) * moving, *made)}


def _weights(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


@torch.no_grad()
def _counted(forward: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        forward()
    return float(counter.get_total_flops())

