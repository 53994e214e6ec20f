"""Windows of clips, step by step; everything random follows from the seed and the number of the step. [ours]"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from signer_lib.pose import SIGNER70
from signer_lib.render.control import EDGE, control_image
from signer_lib.render.flesh import flesh
from signer_lib.render.framing import Framing
from signer_lib.render.renderer.conditioning import Conditioner, Meaning, meaning_of
from signer_lib.render.renderer.packing import Packed
from signer_lib.render.renderer.place import placed

HANDS = [k for part in ("left_hand", "right_hand") for k in range(SIGNER70.groups[part].start, SIGNER70.groups[part].stop)]
AT_HANDS = 0.75         # share of the parts of pictures that are cut out around a hand, the others anywhere


class Batch(NamedTuple):
    """pixels (B, T, 3, S, S) in -1..1, xyz (B, T, 70, 3), and what is signed, in which style and by whom.

    radii (B, 1, 2, L) of the limbs of each window's body, see ``render.flesh``.
    corner (B, 2) the column and row where the pixels begin in pictures of ``size`` pixels a side, of which they may be a part.
    """

    pixels: Tensor
    xyz: Tensor
    radii: Tensor
    meaning: Meaning | None
    corner: Tensor
    size: int

    @property
    def told(self) -> Meaning:
        """The meaning, where there is one."""
        assert self.meaning is not None
        return self.meaning

    def part(self, k: int, of: int) -> Batch:
        """Every ``of``-th window from the k-th on."""
        meaning = self.meaning and Meaning(*(value[k::of] for value in self.meaning))
        rows = {name: getattr(self, name)[k::of] for name in ("pixels", "xyz", "radii", "corner")}
        return self._replace(**rows, meaning=meaning)

    def to(self, device: torch.device) -> Batch:
        meaning = self.meaning and self.meaning.to(device)
        rows = {name: getattr(self, name).to(device) for name in ("pixels", "xyz", "radii", "corner")}
        return self._replace(**rows, meaning=meaning)

    def control(self, edge: float = EDGE) -> Tensor:
        """The control images (B, T, K + 2, S, S), with their place; ``edge`` as ``control_image``."""
        seen, side = Framing(), self.pixels.shape[-1]
        pixel = seen.width / self.size
        aside = (self.corner + (side - self.size) / 2) * self.corner.new_tensor([pixel, -pixel])       # of a part's middle from the whole's
        xyz = torch.cat([self.xyz[..., :2] - aside[:, None, None], self.xyz[..., 2:]], -1)
        images = control_image(xyz, side, Framing(seen.centre, side * pixel), edge, radii=self.radii)
        return placed(images, self.corner[:, None].expand(-1, images.shape[1], -1), self.size)


class Batches:
    """``batches[step]`` for any step: in every epoch each clip is cut into windows of ``frames``, from another first frame, in another order.

    A clip that is too short stands still at its end. Without a ``conditioner`` a batch says nothing of what is signed.
    crop  pixels a side of the part of its pictures that a window shows, most often one with a hand in it, at multiples of ``grid``; 0: all.
    """

    def __init__(self, packed: Packed, frames: int, batch_size: int, seed: int, conditioner: Conditioner | None = None, crop: int = 0, grid: int = 1):
        self.packed, self.frames, self.batch_size, self.seed, self.conditioner = packed, frames, batch_size, seed, conditioner
        self.crop, self.grid = crop or packed.size, grid
        self.epoch = -1
        self.order: list[tuple[int, int]] = []
        self.count = max(1, len(self._windows(None)) // batch_size)
        if conditioner is not None:
            self.numbers = {kind: [conditioner.number(kind, clip[kind]) for clip in packed.clips] for kind in ("style", "signer")}

    def __len__(self) -> int:
        return self.count

    def _windows(self, rng: random.Random | None) -> list[tuple[int, int]]:
        """(clip, first frame in it); as many in every epoch, whatever ``rng``."""
        found = []
        for k, clip in enumerate(self.packed.clips):
            count = max(1, clip["count"] // self.frames)
            first = rng.randint(0, max(0, clip["count"] - count * self.frames)) if rng else 0
            found += [(k, first + i * self.frames) for i in range(count)]
        return found

    def __getitem__(self, step: int) -> Batch:
        epoch, place = divmod(step, len(self))
        if epoch != self.epoch:
            rng = random.Random(f"{self.seed} epoch {epoch}")
            self.epoch, self.order = epoch, self._windows(rng)
            rng.shuffle(self.order)
        chosen = [self.order[(place * self.batch_size + i) % len(self.order)] for i in range(self.batch_size)]
        return self.of(chosen, random.Random(f"{self.seed} step {step}"))

    def of(self, chosen: list[tuple[int, int]], rng: random.Random | None = None) -> Batch:
        """The windows that begin at these frames of these clips; with ``rng`` parts of them, if this is what ``crop`` asks for."""
        clips = [self.packed.clips[k] for k, _ in chosen]
        places = [np.minimum(np.arange(first, first + self.frames), clip["count"] - 1) for clip, (_, first) in zip(clips, chosen)]
        rows = np.stack([clip["first"] + place for clip, place in zip(clips, places)])
        side = self.crop if rng else self.packed.size
        xyz = self.packed.xyz[rows]
        corners = [corner_of(joints, self.packed.size, self.crop, self.grid, rng) if rng else (0, 0) for joints in xyz]
        parts = [self.packed.frames[where, y:y + side, x:x + side] for where, (x, y) in zip(rows, corners)]
        pixels = torch.from_numpy(np.stack(parts)).permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        meaning = None
        if self.conditioner is not None:
            settings = self.conditioner.config
            windows = [(self.packed.signed[k], first, first + self.frames) for k, first in chosen]
            style, signer = ([self.numbers[kind][k] for k, _ in chosen] for kind in ("style", "signer"))
            meaning = meaning_of(windows, style, signer, settings.d_state, settings.most)
        radii = torch.stack([flesh(clip["body"]) for clip in clips])[:, None]
        return Batch(pixels, torch.from_numpy(xyz), radii, meaning, torch.tensor(corners, dtype=torch.float32), self.packed.size)

    def some(self, count: int, at_once: int | None = None) -> list[Batch]:
        """``count`` windows, or all, spread over all clips, always the same ones, in batches: to score and to look at."""
        order = self._windows(None)
        chosen = [order[i * len(order) // min(count, len(order))] for i in range(min(count, len(order)))]
        at_once = at_once or self.batch_size
        return [self.of(chosen[i:i + at_once]) for i in range(0, len(chosen), at_once)]


def corner_of(xyz: np.ndarray, size: int, crop: int, grid: int, rng: random.Random) -> tuple[int, int]:
    """The column and row where a part of ``crop`` pixels a side begins in pictures of ``size``: around one of the hands' joints (T, 70, 3), or
    anywhere, at multiples of ``grid``."""
    last = size - crop
    joint = xyz[rng.randrange(len(xyz)), rng.choice(HANDS)]
    if rng.random() < AT_HANDS and np.isfinite(joint).all():
        corner = (Framing().to_pixels(joint, size) - [rng.uniform(0, crop), rng.uniform(0, crop)]).tolist()
    else:
        corner = [rng.uniform(0, last), rng.uniform(0, last)]
    x, y = (int(np.clip(round(value / grid) * grid, 0, last)) for value in corner)
    return x, y
