"""The networks of the detector: a map for each joint in the whole picture, and again, finer, in a crop around each hand. [ours]"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signer_lib.pose import SIGNER70

HANDS = (SIGNER70.groups["left_hand"], SIGNER70.groups["right_hand"])
WHOLE = [*range(8), *range(50, 70)]         # joints that are found in the whole picture; two more maps there show where the hands are
FINE = 21                                   # joints of a hand, found in its crop
CROP = 0.3                                  # a crop's side, of the picture's
AROUND = 2                                  # cells around the highest one that a joint is read from: elsewhere another joint may look like it


class Maps(NamedTuple):
    """Of B pictures. heat (B, J, h, w) log-likelihoods of each joint's cells; seen (B, J) logits of whether it can be seen; features (B, D)."""

    heat: Tensor
    seen: Tensor
    features: Tensor


def _convolution(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.GroupNorm(8, outer), nn.SiLU())


class Block(nn.Module):
    """Two convolutions around which the input goes too."""

    def __init__(self, width: int):
        super().__init__()
        self.inner = nn.Sequential(_convolution(width, width), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.inner(x)
        return result


class MapNet(nn.Module):
    """A U-net whose maps have a cell for each ``patch`` pixels a side: as many cells at first, half for each further entry of ``widths``, then
    twice as many again. Half of ``patch`` is folded into channels at once. The features are the means of the deepest level's channels.
    """

    def __init__(self, patch: int, widths: list[int], joints: int):
        super().__init__()
        edges = max(8, widths[0] // 16 * 8)
        self.stem = nn.Sequential(nn.PixelUnshuffle(patch // 2), _convolution(3 * (patch // 2) ** 2, edges), _convolution(edges, widths[0], 2))
        self.down = nn.ModuleList(nn.Sequential(Block(a), _convolution(a, b, 2)) for a, b in zip(widths, widths[1:]))
        self.deepest = nn.Sequential(Block(widths[-1]), Block(widths[-1]))
        self.up = nn.ModuleList(nn.Sequential(nn.Conv2d(b, a, 1), nn.Upsample(scale_factor=2)) for a, b in zip(widths, widths[1:]))
        self.joined = nn.ModuleList(Block(a) for a in widths[:-1])
        self.heat, self.presence = nn.Conv2d(widths[0], joints, 1), nn.Conv2d(widths[0], joints, 1)

    def forward(self, pixels: Tensor) -> Maps:
        """(B, 3, S, S) in -1..1"""
        x, passed = self.stem(pixels), []
        for down in self.down:
            assert isinstance(down, nn.Sequential)
            passed.append(x := down[0](x))
            x = down[1](x)
        x = self.deepest(x)
        features = x.mean((2, 3))
        for up, joined, beside in zip(reversed(self.up), reversed(self.joined), reversed(passed)):
            x = joined(up(x) + beside)
        heat = self.heat(x).flatten(2).log_softmax(-1)
        seen = (heat.exp() * self.presence(x).flatten(2)).sum(-1)              # read where the joint is
        return Maps(heat.unflatten(2, x.shape[2:]), seen, features)


class KeypointNet(nn.Module):
    """whole: pictures of half the size -> ``WHOLE`` and the middles of both hands; hand: crops, the left ones mirrored -> ``FINE`` joints."""

    def __init__(self, patch: int, widths: list[int], hand_widths: list[int], styles: int, signers: int):
        super().__init__()
        self.whole, self.hand = MapNet(patch, widths, len(WHOLE) + len(HANDS)), MapNet(patch, hand_widths, FINE)
        self.style, self.signer = nn.Linear(widths[-1], styles), nn.Linear(widths[-1], signers)

    def forward(self, whole: Tensor, hands: Tensor) -> tuple[Maps, Maps, Tensor, Tensor]:
        """whole (B, 3, S / 2, S / 2), hands (2 B, 3, C, C) -> the maps of both, logits of styles (B, n) and signers (B, m)."""
        maps = self.whole(whole)
        return maps, self.hand(hands), self.style(maps.features), self.signer(maps.features)


def places(heat: Tensor, around: int | None = None) -> Tensor:
    """Maps of log-likelihoods (B, J, h, w) -> the joints' mean places (B, J, 2), x and y in 0..1 of the picture.

    around  take in only so many cells around the highest one.
    """
    h, w = heat.shape[2:]
    x, y = torch.arange(w, device=heat.device) + 0.5, torch.arange(h, device=heat.device) + 0.5
    if around is not None:
        best = heat.flatten(2).argmax(-1)[..., None]
        near = ((x - 0.5 - best % w).abs() <= around)[..., None, :] & ((y - 0.5 - best // w).abs() <= around)[..., None]
        heat = heat.masked_fill(~near, -torch.inf).flatten(2).log_softmax(-1).unflatten(2, (h, w))
    share = heat.exp()
    return torch.stack([share.sum(2) @ x / w, share.sum(3) @ y / h], -1)


def half(pixels: Tensor) -> Tensor:
    """(B, 3, S, S) -> (B, 3, S / 2, S / 2), as the whole picture is looked at."""
    return F.avg_pool2d(pixels, 2)


def crop_ways(middles: Tensor, side: Tensor | float = CROP) -> Tensor:
    """Middles of the hands (B, 2, 2), left and right, in 0..1 -> (B, 2, 2, 3) from places in a crop to places in the picture, both in -1..1.

    A left hand's crop is mirrored: it looks like a right hand's.
    """
    ways = middles.new_zeros(*middles.shape[:2], 2, 3)
    ways[..., 0, 0], ways[..., 1, 1], ways[..., 2] = side, side, 2 * middles - 1
    ways[:, 0, 0, 0] *= -1
    return ways


def crops(pixels: Tensor, ways: Tensor, size: int) -> Tensor:
    """Pictures (B, 3, S, S) and ``ways`` (B, 2, 2, 3) -> (2 B, 3, size, size), the hands of each picture one after another."""
    grid = F.affine_grid(ways.flatten(0, 1), [2 * len(pixels), 3, size, size], align_corners=False)
    return F.grid_sample(pixels.repeat_interleave(2, 0), grid, padding_mode="border", align_corners=False)


def moved(points: Tensor, ways: Tensor) -> Tensor:
    """Points (..., n, 2) in 0..1 through affine ``ways`` (..., 2, 3) that are told for -1..1."""
    return ((2 * points - 1) @ ways[..., :2].transpose(-1, -2) + ways[..., None, :, 2] + 1) / 2


def inverse(ways: Tensor) -> Tensor:
    """The way back of affine ``ways`` (..., 2, 3)."""
    turn = ways[..., :2].inverse()
    return torch.cat([turn, -turn @ ways[..., 2:]], -1)


def after(second: Tensor, first: Tensor) -> Tensor:
    """Affine ways (..., 2, 3): ``first``, then ``second``."""
    return torch.cat([second[..., :2] @ first[..., :2], second[..., :2] @ first[..., 2:] + second[..., 2:]], -1)
