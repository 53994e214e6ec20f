"""Frames <-> latents. [ours: that it begins with PixelUnshuffle]

The encoder and the decoder are those of diffusers' ``AutoencoderKL``, but they work on pixels folded into channels: no convolution sees the
full resolution, where a CPU spends nearly all of its time, and nothing is lost, since folding only reorders the numbers.

Beside them goes a linear path, which begins as the principal components of the training frames: pictures come through at once, and the
convolutions, which begin at 0, learn only what a linear map cannot say. Without it 220 steps of the nano size gave melted pictures.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import Decoder, DecoderOutput, DiagonalGaussianDistribution, Encoder
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

AT_ONCE = 16            # frames that are encoded or decoded together
NARROW = -5.0           # the latents' log variance at first: 0.08 wide, so that pictures come through before anything is learned


class SignerAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers has no types
    """Pixels are folded ``patch`` x ``patch`` into channels, then halved once for each further entry of ``block_out_channels``.

    latents_mean, latents_std  (C,) of the training frames: the diffusion sees latents of mean 0 and deviation 1.
    """

    _supports_gradient_checkpointing = True

    @register_to_config  # type: ignore[untyped-decorator]  # diffusers has no types
    def __init__(self, patch: int = 4, latent_channels: int = 16, block_out_channels: tuple[int, ...] = (64, 128), layers_per_block: int = 1,
                 norm_num_groups: int = 16, latents_mean: list[float] | None = None, latents_std: list[float] | None = None):
        super().__init__()
        blocks = len(block_out_channels)
        same = {"block_out_channels": block_out_channels, "layers_per_block": layers_per_block, "norm_num_groups": norm_num_groups,
                "mid_block_add_attention": False}
        self.encoder = Encoder(3 * patch ** 2, latent_channels, down_block_types=("DownEncoderBlock2D",) * blocks, double_z=True, **same)
        self.decoder = Decoder(latent_channels, 3 * patch ** 2, up_block_types=("UpDecoderBlock2D",) * blocks, **same)
        self.factor = patch * 2 ** (blocks - 1)
        self.linear_in = nn.Conv2d(3 * self.factor ** 2, latent_channels, 1)
        self.linear_out = nn.Conv2d(latent_channels, 3 * self.factor ** 2, 1)
        for layer in (self.encoder.conv_out, self.decoder.conv_out):
            nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
        nn.init.constant_(self.encoder.conv_out.bias[latent_channels:], NARROW)

    def encode(self, x: Tensor) -> AutoencoderKLOutput:
        """(B, 3, H, W) in -1..1 -> ``latent_dist`` over (B, C, H / f, W / f), as ``AutoencoderKL.encode``."""
        mean, log_variance = self.encoder(F.pixel_unshuffle(x, self.config.patch)).chunk(2, 1)
        mean = mean + self.linear_in(F.pixel_unshuffle(x, self.factor))
        return AutoencoderKLOutput(latent_dist=DiagonalGaussianDistribution(torch.cat([mean, log_variance], 1)))

    def decode(self, z: Tensor) -> DecoderOutput:
        """(B, C, h, w) -> ``sample`` (B, 3, H, W), about -1..1."""
        return DecoderOutput(sample=F.pixel_shuffle(self.decoder(z), self.config.patch) + F.pixel_shuffle(self.linear_out(z), self.factor))

    @torch.no_grad()
    def fit(self, pixels: Tensor, weights: Tensor) -> None:
        """The linear path becomes the principal components of pictures (N, 3, H, W), whose places count by ``weights`` (N, 1, h, w).

        Every latent has deviation 1 then, so that the diffusion cares for the fine detail of the last components as for the first.
        """
        rows, w = F.pixel_unshuffle(pixels, self.factor).permute(0, 2, 3, 1).flatten(0, 2).double(), weights.flatten().double()
        mean = (rows * w[:, None]).sum(0) / w.sum()
        values, ways = torch.linalg.eigh(((rows - mean) * w[:, None]).T @ (rows - mean) / w.sum())
        C = self.config.latent_channels
        ways, deviation = ways[:, -C:].flip(1), values[-C:].flip(0).clamp(min=1e-8).sqrt()
        ways = ways * ways.sum(0).sign().where(ways.sum(0) != 0, torch.ones(C))                 # eigh's signs are its own choice
        for layer, weight, bias in ((self.linear_in, (ways / deviation).T, -mean @ (ways / deviation)), (self.linear_out, ways * deviation, mean)):
            layer.weight.copy_(weight[..., None, None])
            assert layer.bias is not None
            layer.bias.copy_(bias)

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """One step of training: the pictures as they come back from latents with ``noise`` (B, C, h, w), and their KL divergence, a mean."""
        latents = self.encode(x).latent_dist
        return self.decode(latents.mean + latents.std * noise).sample, latents.kl().mean() / latents.mean[0].numel()


def factor(vae: ModelMixin) -> int:
    """So many pixels a side become one latent."""
    patch: int = getattr(vae.config, "patch", 1)
    return patch << len(vae.config.block_out_channels) - 1


def channel_weights(vae: ModelMixin) -> Tensor:
    """(C, 1, 1, 1) how much an error in each latent counts: as it moves the picture, mean 1; 1 for autoencoders without a linear path.

    Latents all have deviation 1, but the first principal component moves the pictures many times as much as the last.
    """
    if not hasattr(vae, "linear_out"):
        return torch.ones(1, 1, 1, 1)
    moved: Tensor = vae.linear_out.weight.detach().square().sum((0, 2, 3)).sqrt()
    return (moved / moved.mean())[:, None, None, None]


def _scale(vae: ModelMixin, like: Tensor) -> tuple[Tensor | float, Tensor | float]:
    """Mean and deviation of the latents: this module's by channel, Stable Diffusion's as one number."""
    if (mean := getattr(vae.config, "latents_mean", None)) is not None:
        def column(values: list[float]) -> Tensor:
            return torch.tensor(values, device=like.device, dtype=like.dtype)[:, None, None]

        return column(mean), column(vae.config.latents_std)
    return getattr(vae.config, "shift_factor", None) or 0.0, 1 / (getattr(vae.config, "scaling_factor", None) or 1.0)


def to_latents(vae: ModelMixin, pixels: Tensor) -> Tensor:
    """(N, 3, H, W) in -1..1 -> the latents' means (N, C, h, w), of deviation 1. Any autoencoder of diffusers with a ``latent_dist``."""
    z = torch.cat([vae.encode(part).latent_dist.mode() for part in pixels.split(AT_ONCE)])
    mean, std = _scale(vae, z)
    return (z - mean) / std


def to_pixels(vae: ModelMixin, latents: Tensor) -> Tensor:
    """The reverse: (N, C, h, w) -> (N, 3, H, W), about -1..1."""
    mean, std = _scale(vae, latents)
    return torch.cat([vae.decode(part).sample for part in (latents * std + mean).split(AT_ONCE)])
