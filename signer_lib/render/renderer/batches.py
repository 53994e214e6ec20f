"""Windows of clips, step by step; everything random follows from the seed and the number of the step. [ours]"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from signer_lib.render.control import control_image
from signer_lib.render.renderer.conditioning import Conditioner, Meaning, meaning_of
from signer_lib.render.renderer.packing import Packed


class Batch(NamedTuple):
    """pixels (B, T, 3, S, S) in -1..1, xyz (B, T, 70, 3), and what is signed, in which style and by whom."""

    pixels: Tensor
    xyz: Tensor
    meaning: Meaning | None

    def part(self, k: int, of: int) -> Batch:
        """Every ``of``-th window from the k-th on."""
        return Batch(self.pixels[k::of], self.xyz[k::of], self.meaning and Meaning(*(value[k::of] for value in self.meaning)))

    def to(self, device: torch.device) -> Batch:
        return Batch(self.pixels.to(device), self.xyz.to(device), self.meaning and self.meaning.to(device))

    def control(self) -> Tensor:
        """The control images (B, T, K, S, S)."""
        return control_image(self.xyz, self.pixels.shape[-1])


class Batches:
    """``batches[step]`` for any step: in every epoch each clip is cut into windows of ``frames``, from another first frame, in another order.

    A clip that is too short stands still at its end. Without a ``conditioner`` a batch says nothing of what is signed.
    """

    def __init__(self, packed: Packed, frames: int, batch_size: int, seed: int, conditioner: Conditioner | None = None):
        self.packed, self.frames, self.batch_size, self.seed, self.conditioner = packed, frames, batch_size, seed, conditioner
        self.epoch, self.order = -1, []
        if conditioner is not None:
            self.numbers = {kind: [conditioner.number(kind, clip[kind]) for clip in packed.clips] for kind in ("style", "signer")}

    def __len__(self) -> int:
        return max(1, len(self._windows(None)) // self.batch_size)

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
        return self.of(chosen)

    def of(self, chosen: list[tuple[int, int]]) -> Batch:
        """The windows that begin at these frames of these clips."""
        clips = [self.packed.clips[k] for k, _ in chosen]
        places = [np.minimum(np.arange(first, first + self.frames), clip["count"] - 1) for clip, (_, first) in zip(clips, chosen)]
        rows = np.stack([clip["first"] + place for clip, place in zip(clips, places)])
        pixels = torch.from_numpy(self.packed.frames[rows.ravel()]).view(*rows.shape, *self.packed.frames.shape[1:])
        meaning = None
        if self.conditioner is not None:
            settings = self.conditioner.config
            windows = [(self.packed.signed[k], first, first + self.frames) for k, first in chosen]
            style, signer = ([self.numbers[kind][k] for k, _ in chosen] for kind in ("style", "signer"))
            meaning = meaning_of(windows, style, signer, settings.d_state, settings.most)
        return Batch(pixels.permute(0, 1, 4, 2, 3).float() / 127.5 - 1, torch.from_numpy(self.packed.xyz[rows]), meaning)

    def some(self, count: int, at_once: int | None = None) -> list[Batch]:
        """``count`` windows, or all, spread over all clips, always the same ones, in batches: to score and to look at."""
        order = self._windows(None)
        chosen = [order[i * len(order) // min(count, len(order))] for i in range(min(count, len(order)))]
        at_once = at_once or self.batch_size
        return [self.of(chosen[i:i + at_once]) for i in range(0, len(chosen), at_once)]
