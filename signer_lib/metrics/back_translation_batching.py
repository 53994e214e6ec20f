"""What one step of a back-translation's training reads: sentences of similar length, each moved, warped and damaged a little. [ours]

Everything random follows from the seed, the number of the step and the sentence. So a training that was stopped goes on exactly, and
several processes see the same batch, of which each computes its own rows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from signer_lib.bucketing import bucketed
from signer_lib.metrics.back_translation import BackTranslation
from signer_lib.metrics.back_translation_seen import Detection
from signer_lib.metrics.pieces import PAD, START
from signer_lib.metrics.pose_reader import SHORTEN, stacked
from signer_lib.pose.formats.folder import PoseFolder

if TYPE_CHECKING:
    from signer_lib.metrics.back_translation_training import BackTranslationConfig


@dataclass
class Batch:
    """A process's rows of one step.

    x (B, T, J, A), lengths (B,)           the poses in the reader's axes.
    glosses (B, U), gloss_lengths (B,)     CTC's targets, from 1 on.
    told, pieces (B, L)                    what the decoder reads, and what it is to say; PAD beyond.
    units, said                            how many glosses and pieces the whole batch has: what the losses are means over.
    """

    x: Tensor
    lengths: Tensor
    glosses: Tensor
    gloss_lengths: Tensor
    told: Tensor
    pieces: Tensor
    units: int
    said: int

    def to(self, device: torch.device) -> Batch:
        moved: dict[str, Any] = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)


def warped(xyz: np.ndarray, frames: int) -> np.ndarray:
    """(T, J, 3) -> (frames, J, 3) float32, the same path at another speed; what lies between a frame and a missing one is missing."""
    t = np.linspace(0, len(xyz) - 1, frames, dtype=np.float32)
    low = t.astype(int)
    part = (t - low)[:, None, None]
    result: np.ndarray = xyz[low] * (1 - part) + xyz[np.minimum(low + 1, len(xyz) - 1)] * part
    return result


def least_frames(glosses: list[int]) -> int:
    """Fewer cannot hold the glosses: CTC needs a state for each, and a blank between two alike."""
    result: int = SHORTEN * (len(glosses) + sum(a == b for a, b in zip(glosses, glosses[1:])))
    return result


class Batches:
    """All steps of a training: ``len(batches)`` in an epoch, ``batches.batch(step)`` the Batch of any step."""

    def __init__(self, model: BackTranslation, data: PoseFolder, config: BackTranslationConfig, seed: int):
        self.poses, self.config, self.seed = data.poses, config, seed
        number = {gloss: k for k, gloss in enumerate(model.glosses, start=1)}
        self.glosses = [[number[unit] for unit in units] for units in data.glosses]
        self.pieces = [model.pieces.encode(text, units) for text, units in zip(data.texts, data.glosses)]
        anchors = np.array(model.settings["anchors"])
        self.parts = [np.append(np.flatnonzero(anchors == a), a) for a in np.unique(anchors[anchors >= 0])]
        self.root, self.unit = model.settings["root"], float(model.net.frames.unit)
        self.axes, self.fps = model.net.frames.axes, model.settings["fps"]
        self.detection = Detection(**config.detector) if config.detector else None
        self.epoch = -1
        self.order: list[list[int]] = []

    def __len__(self) -> int:
        return -(-len(self.poses) // self.config.batch_size)

    def rows(self, step: int) -> list[int]:
        """The sentences of a step."""
        epoch, place = divmod(step, len(self))
        if epoch != self.epoch:
            lengths = [len(xyz) for xyz in self.poses]
            self.epoch, self.order = epoch, bucketed(lengths, self.config.batch_size, random.Random(f"{self.seed} epoch {epoch}"), alike=16)
        return self.order[place]

    def batch(self, step: int, k: int = 0, of: int = 1) -> Batch:
        """Every ``of``-th row from the k-th on; the counts are those of the whole."""
        rows = self.rows(step)
        units, said = (sum(len(known[i]) for i in rows) for known in (self.glosses, self.pieces))
        mine = rows[k::of]
        x, lengths = stacked([self.augmented(i, np.random.default_rng((self.seed, step, i))) for i in mine], self.axes)
        told = [[START, *self.pieces[i][:-1]] for i in mine]
        return Batch(x, lengths, _padded([self.glosses[i] for i in mine]), torch.tensor([len(self.glosses[i]) for i in mine]), _padded(told),
                     _padded([self.pieces[i] for i in mine]), max(units, 1), said)

    def augmented(self, i: int, rng: np.random.Generator) -> np.ndarray:
        """A sentence at another speed, turned, stretched, as a detector reads it, shifted, trembling, with frames and parts missing.

        (T, J, 3) -> (T', J, 3)
        """
        c, xyz = self.config, self.poses[i]
        xyz = warped(xyz, max(round(len(xyz) / rng.uniform(c.slowest, c.fastest)), least_frames(self.glosses[i]), 1))
        turn = Rotation.from_rotvec(rng.normal(0, c.rotate, 3), degrees=True).as_matrix() * rng.normal(1, c.scale, 3)
        xyz = xyz @ turn.T.astype(np.float32)
        if self.detection:
            xyz = self.detection.read(xyz, self.fps, rng)
        xyz += (rng.random(xyz.shape, np.float32) - np.float32(0.5)) * np.float32(12 ** 0.5 * c.jitter * self.unit)
        xyz[:, self.root] += rng.normal(0, c.shift * self.unit, 3)              # places are told from there
        xyz[rng.random(len(xyz)) < c.drop_frames] = np.nan
        for part in self.parts:
            if rng.random() < c.drop_parts:
                start, stop = np.sort(rng.integers(0, len(xyz) + 1, 2))
                xyz[start:stop, part] = np.nan
        return xyz


def _padded(rows: list[list[int]]) -> Tensor:
    out = torch.full((len(rows), max(1, *map(len, rows))), PAD)
    for line, row in zip(out, rows):
        line[:len(row)] = torch.tensor(row)
    return out
