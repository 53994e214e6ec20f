"""Frames for the detector, step by step, each shown a little otherwise; everything random follows from the seed and the step. [ours]"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from signer_lib.metrics.keypoints import seen_by_net
from signer_lib.metrics.keypoints_net import HANDS, WHOLE, after, crop_ways, crops, half, inverse, moved
from signer_lib.pose import SIGNER70
from signer_lib.render.framing import Framing
from signer_lib.render.visibility import visible

if TYPE_CHECKING:
    from signer_lib.metrics.keypoints_training import KeypointConfig
    from signer_lib.render.renderer.packing import Packed

CLOSER = 0.2            # a hand's crop is larger or smaller by at most this
BESIDE = 0.03           # its middle is at most so far from the hand's, of the picture's side: so it will be in use
TURNED = 15.0           # degrees, at most, that it is turned beside the picture


class Shown(NamedTuple):
    """Of N pictures and their J maps. places (N, J, 2), x and y in 0..1; inside, seen (N, J): whether a joint is in the picture, and can be seen."""

    places: Tensor
    inside: Tensor
    seen: Tensor


class Batch(NamedTuple):
    """pixels (B, 3, S / 2, S / 2) in -1..1 and what is shown there; crops (B, 2, 3, C, C) of the hands and what is shown there, the values of
    ``hands`` (B, 2, ...); style, signer (B,) numbers.
    """

    pixels: Tensor
    whole: Shown
    crops: Tensor
    hands: Shown
    style: Tensor
    signer: Tensor

    def part(self, k: int, of: int) -> Batch:
        """Every ``of``-th row from the k-th on."""
        return self._each(lambda value: value[k::of])

    def to(self, device: torch.device) -> Batch:
        return self._each(lambda value: value.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        whole, hands = (Shown(*map(change, shown)) for shown in (self.whole, self.hands))
        return Batch(change(self.pixels), whole, change(self.crops), hands, change(self.style), change(self.signer))


class Batches:
    """``batches[step]`` for any step: in every epoch every frame once, in another order, turned, scaled, moved, mirrored and tinted anew."""

    def __init__(self, packed: Packed, config: KeypointConfig, seed: int):
        self.packed, self.config, self.seed, self.epoch = packed, config, seed, -1
        counts = [clip["count"] for clip in packed.clips]
        self.numbers = [np.repeat([packed.names(kind).index(clip[kind]) for clip in packed.clips], counts) for kind in ("style", "signer")]

    def __len__(self) -> int:
        return max(1, len(self.packed.xyz) // self.config.batch_size)

    def __getitem__(self, step: int) -> Batch:
        epoch, place = divmod(step, len(self))
        if epoch != self.epoch:
            self.epoch, self.order = epoch, np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.packed.xyz))
        B = self.config.batch_size
        return self.of(self.order[np.arange(place * B, place * B + B) % len(self.order)], np.random.default_rng([self.seed, 1, step]))

    def of(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """These frames, with ``rng``'s changes."""
        config, xyz = self.config, self.packed.xyz[rows]
        pixels = self._coarse(seen_by_net(torch.from_numpy(self.packed.frames[rows]), config.size), rng)
        back, flipped = self._ways(len(rows), rng)                                          # from places in the new picture to those in the old
        points, seen = moved(torch.from_numpy(Framing().to_pixels(xyz, 1)).float(), inverse(back)), torch.from_numpy(visible(xyz))
        mirror = torch.from_numpy(SIGNER70.mirror)
        points = torch.where(flipped[:, None, None], points[:, mirror], points)
        shown = _shown(points, torch.where(flipped[:, None], seen[:, mirror], seen))
        hands = [Shown(*(value[:, joints] for value in shown)) for joints in HANDS]
        middles = [Shown(*_middle(hand)) for hand in hands]
        whole = Shown(*(torch.cat([value[:, WHOLE], *(middle[k][:, None] for middle in middles)], 1) for k, value in enumerate(shown)))
        ways = self._crop_ways(torch.stack([middle.places for middle in middles], 1), rng)
        fine = _shown(moved(torch.stack([hand.places for hand in hands], 1), inverse(ways)), torch.stack([hand.seen for hand in hands], 1),
                      torch.stack([hand.inside for hand in hands], 1))
        tint = self._tint(len(rows), rng)
        small = half(pixels)
        grid = F.affine_grid(back, list(small.shape), align_corners=False)
        small = F.grid_sample(small, grid, padding_mode="border", align_corners=False)
        near = crops(pixels, after(back[:, None], ways), config.crop).unflatten(0, (-1, 2))
        style, signer = (torch.from_numpy(numbers[rows]) for numbers in self.numbers)
        return Batch(_tinted(small, tint), whole, _tinted(near, tint[:, :, None]), fine, style, signer)

    def _ways(self, B: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """(B, 2, 3) a turn, a scaling, a shift and now and then a mirroring each; and which rows are mirrored."""

        def draw(*shape: int) -> Tensor:
            return torch.from_numpy(rng.uniform(-1, 1, (B, *shape))).float()

        config = self.config
        turn = _turns(math.radians(config.rotate) * draw()) * (1 + config.scale * draw(1, 1))
        flipped = torch.from_numpy(rng.random(B) < config.flip)
        turn[flipped, :, 0] *= -1
        return torch.cat([turn, 2 * config.shift * draw(2, 1)], -1), flipped

    def _crop_ways(self, middles: Tensor, rng: np.random.Generator) -> Tensor:
        """Middles (B, 2, 2) -> (B, 2, 2, 3), as ``crop_ways``, each turned, scaled and moved."""

        def draw(*shape: int) -> Tensor:
            return torch.from_numpy(rng.uniform(-1, 1, (len(middles), 2, *shape))).float()

        ways = crop_ways(middles + BESIDE * draw(2))
        turn = _turns(math.radians(TURNED) * draw()) * (1 + CLOSER * draw(1, 1))
        return after(ways, torch.cat([turn, torch.zeros_like(turn[..., :1])], -1))

    def _coarse(self, pixels: Tensor, rng: np.random.Generator) -> Tensor:
        """A share ``coarse`` of the pictures comes from half the pixels a side or fewer."""
        rows, side = torch.from_numpy(rng.random(len(pixels)) < self.config.coarse), int(pixels.shape[-1] * rng.uniform(0.25, 0.5))
        if rows.any():
            small = F.interpolate(pixels[rows], (side, side), mode="bilinear", antialias=True)
            pixels[rows] = F.interpolate(small, pixels.shape[2:], mode="bilinear")
        return pixels

    def _tint(self, B: int, rng: np.random.Generator) -> Tensor:
        """(2, B, 3) what the colours are multiplied by, and what is added."""
        return torch.from_numpy(self.config.colour * rng.uniform(-1, 1, (2, B, 3))).float() + torch.tensor([1.0, 0.0])[:, None, None]


def _tinted(pixels: Tensor, tint: Tensor) -> Tensor:
    return pixels * tint[0][..., None, None] + tint[1][..., None, None]


def _turns(angle: Tensor) -> Tensor:
    """(...) radians -> (..., 2, 2)"""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)


def _shown(points: Tensor, seen: Tensor, known: Tensor | None = None) -> Shown:
    """A joint that is missing or outside is in the middle, for nobody to look at."""
    inside = points.isfinite().all(-1) & ((points - 0.5).abs().amax(-1) < 0.5)
    inside = inside if known is None else inside & known
    return Shown(torch.where(inside[..., None], points, 0.5), inside, seen & inside)


def _middle(hand: Shown) -> tuple[Tensor, Tensor, Tensor]:
    """The mean of a hand's joints (B, 21) in the picture: (B, 2), whether there is one, whether anything of it can be seen."""
    counts = hand.inside.sum(1)
    middle = (hand.places * hand.inside[..., None]).sum(1) / counts.clamp(min=1)[:, None]
    return torch.where(counts[:, None] > 0, middle, 0.5), counts > 0, hand.seen.any(1)
