"""The last touch in pixels: decoded frames are drawn sharp along the control images. [ours]

A latent stands for a block of pixels, and where in the block an edge runs is hard to say in latents: what the diffusion gets right there is
place, colour and shade, and fingers come out soft. The control images know the edges to a fraction of a pixel. So a small network, trained
last on what the finished renderer makes, sees both at full resolution. Decoders that are told more than the latents are known from image
editing (Zhu et al. 2023, "Designing a Better Asymmetric VQGAN for StableDiffusion"); here it is the control images that they are told.

What stays at its place in every frame of a style (the background, the grain of the paper, hatching), no convolution can tell from what moves;
so each style has a ``canvas``, learned planes of the picture's own size, which begin as the mean training frame.

There are no norms over the picture: it is trained on parts of pictures and used on whole ones.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F


def zeroed(layer: nn.Module) -> None:
    """A layer that adds nothing before it is trained."""
    for values in layer.parameters():
        nn.init.zeros_(values)


class Block(nn.Module):
    """Two convolutions beside the identity, which is all that it is at first; ``look`` scales and shifts what is between them."""

    def __init__(self, channels: int, d_look: int):
        super().__init__()
        self.before, self.after = nn.Conv2d(channels, channels, 3, padding=1), nn.Conv2d(channels, channels, 3, padding=1)
        self.look = nn.Linear(d_look, 2 * channels)
        for layer in (self.after, self.look):
            zeroed(layer)

    def forward(self, x: Tensor, look: Tensor) -> Tensor:
        scale, shift = self.look(look)[..., None, None].chunk(2, 1)
        result: Tensor = x + self.after(F.silu(self.before(F.silu(x)) * (1 + scale) + shift))
        return result


class Refiner(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers has no types
    """A U-shaped network on pixels folded 2 x 2; it adds to the decoded frames, and adds nothing before it is trained.

    planes  of the control images.    widths  channels of the levels, each with half the pixels a side.    size  pixels a side of whole pictures.
    styles, signers  how many it knows.    d_canvas  learned planes for each style, the first three for the mean frame.
    """

    @register_to_config  # type: ignore[untyped-decorator]  # diffusers has no types
    def __init__(self, planes: int, widths: list[int], size: int, styles: int, signers: int, d_canvas: int = 6, d_look: int = 32):
        super().__init__()
        self.style, self.signer = nn.Embedding(styles, d_look), nn.Embedding(signers, d_look)
        self.canvas = nn.Parameter(torch.zeros(styles, d_canvas, size, size))
        self.first = nn.Conv2d(4 * (3 + planes + d_canvas), widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(4 * wide, narrow, 1) for wide, narrow in zip(widths, widths[1:]))
        self.up = nn.ModuleList(nn.Conv2d(narrow, 4 * wide, 1) for wide, narrow in zip(widths, widths[1:]))
        self.fine, self.coarse = (nn.ModuleList(Block(width, d_look) for width in widths) for _ in range(2))
        self.last = nn.Conv2d(widths[0], 12, 3, padding=1)
        zeroed(self.last)

    @property
    def factor(self) -> int:
        """Pixels a side that become one at the lowest level: what the side of a picture is a multiple of."""
        return 1 << len(self.config.widths)

    def forward(self, pixels: Tensor, control: Tensor, style: Tensor, signer: Tensor, corner: Tensor | None = None) -> Tensor:
        """pixels (N, 3, H, W) about -1..1, control (N, planes, H, W), style and signer (N,) numbers -> (N, 3, H, W)

        corner (N, 2) the column and row where pictures begin that are parts of whole ones; None: they are whole.
        """
        H, W = pixels.shape[-2:]
        corners = [(0, 0)] * len(pixels) if corner is None else corner.long().tolist()
        behind = torch.stack([self.canvas[k, :, y:y + H, x:x + W] for k, (x, y) in zip(style.tolist(), corners)])
        look = self.style(style) + self.signer(signer)
        x, kept = self.first(F.pixel_unshuffle(torch.cat([pixels, control, behind], 1), 2)), []
        for level, block in enumerate(self.fine):
            x = block(x, look)
            if level < len(self.down):
                kept.append(x)
                x = self.down[level](F.pixel_unshuffle(x, 2))
        for level in reversed(range(len(self.coarse))):
            x = self.coarse[level](x, look)
            if level:
                x = kept[level - 1] + F.pixel_shuffle(self.up[level - 1](x), 2)
        return pixels + F.pixel_shuffle(self.last(F.silu(x)), 2)
