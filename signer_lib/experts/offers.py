"""What the prior offers for each gloss, brought to one time, as tensors: what the experts choose from. [ours]

Candidates of one gloss do not line up in time; blended as they are, they give the "average pose". So each is warped onto the one that
lies nearest to all others, by dynamic time warping over body and hands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import uniform_filter1d
from torch import Tensor

from signer_lib.errors import SignerError
from signer_lib.experts.chooser import FEATURES, candidate_features
from signer_lib.metrics.dtw import dtw_path
from signer_lib.performances.natural import RAISED
from signer_lib.performances.trajectory import WRISTS, Trajectory
from signer_lib.pose.directions import make_unit
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Candidate, Prior

JOINTS = slice(2, 50)                   # arms and hands
EVEN = 0.5                              # how much of the warp is even stretching: paths of DTW have stairs


@dataclass(frozen=True)
class Offer:
    """One gloss's candidates that miss no joint, in F frames of one time: direction (C, F, J, 3), length (C, F, J), phi (C, f).

    ``left``: the left hand is used.
    """

    candidates: list[Candidate]
    direction: Tensor
    length: Tensor
    phi: Tensor
    left: bool


@dataclass(frozen=True)
class Offered:
    """The offers of N units: direction (N, C, F, J, 3), length (N, C, F, J), phi (N, C, f), mask (N, C) true where a candidate exists."""

    direction: Tensor
    length: Tensor
    phi: Tensor
    mask: Tensor


class Offers:
    """``offers = Offers(prior, frames); offers["BOOK"]``; each gloss is warped once."""

    def __init__(self, prior: Prior, frames: int):
        self.prior, self.frames = prior, frames
        self._resting = float(load_body().rest()[WRISTS[1], 1])
        self._made: dict[str, Offer] = {}

    def __getitem__(self, gloss: str) -> Offer:
        if gloss not in self._made:
            self._made[gloss] = self._make(gloss)
        return self._made[gloss]

    def _make(self, gloss: str) -> Offer:
        candidates = [c for c in self.prior.candidates(gloss) if not c.missing]
        if not candidates:
            raise SignerError(f"every clip of {gloss} in the pose prior {self.prior.name} misses joints: add one that is whole, or spell the word")
        even = [Trajectory.of(c.poses.xyz).stretch(self.frames) for c in candidates]
        places = np.stack([path.xyz[:, JOINTS].numpy() for path in even])                               # (C, F, j, 3)
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1).mean((2, 3))                    # (C, C)
        middle = int(apart.mean(1).argmin())
        warped = [path if k == middle else warp(path, times(places[middle], places[k])) for k, path in enumerate(even)]
        others = apart.sum(1) / max(len(candidates) - 1, 1)
        phi = np.stack([candidate_features(c.poses, c.source == "recording", far) for c, far in zip(candidates, others)])
        return Offer(candidates, torch.stack([path.direction for path in warped]), torch.stack([path.length for path in warped]),
                     torch.from_numpy(phi), bool(np.median(phi[:, FEATURES.index("left height")]) > self._resting + RAISED))

    def features(self, glosses: list[str]) -> tuple[Tensor, Tensor]:
        """What the networks choose by, of N glosses: phi (N, C, f), padded with copies of the first candidate, and mask (N, C)."""
        found = [self[gloss] for gloss in glosses]
        mask = torch.tensor([[k < len(offer.phi) for k in range(max(len(offer.phi) for offer in found))] for offer in found])
        return torch.stack([offer.phi[row] for offer, row in zip(found, _rows(mask))]), mask

    def batch(self, glosses: list[str]) -> Offered:
        """The offers of a list of glosses, padded with copies of the first candidate."""
        phi, mask = self.features(glosses)

        def take(name: str) -> Tensor:
            return torch.stack([getattr(self[gloss], name)[row] for gloss, row in zip(glosses, _rows(mask))])

        return Offered(take("direction"), take("length"), phi, mask)


def _rows(mask: Tensor) -> Tensor:
    """mask (N, C) -> (N, C) each candidate's number, 0 beyond the last."""
    return torch.arange(mask.shape[1]) * mask


def times(reference: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(F,) where in ``other`` (U, j, 3) each frame of ``reference`` (F, j, 3) is found: monotone, ends on ends.

    Each is taken about its own middle: where a signer signs is no matter of time.
    """
    reference, other = reference - reference.mean(0), other - other.mean(0)
    cost = np.linalg.norm(reference[:, None] - other[None], axis=-1).mean(-1)
    _, path = dtw_path(cost)                                                                           # (L, 2)
    found = np.array([path[path[:, 0] == t, 1].mean() for t in range(len(reference))])
    even = np.linspace(0, len(other) - 1, len(reference))
    mixed = uniform_filter1d(EVEN * even + (1 - EVEN) * found, 3, mode="nearest")
    mixed[[0, -1]] = 0, len(other) - 1
    return np.maximum.accumulate(mixed)


def warp(path: Trajectory, at: np.ndarray) -> Trajectory:
    """The path read at the times ``at`` (F,), in frames."""
    low = np.minimum(at.astype(int), len(path) - 2)
    part = torch.from_numpy(at - low).float()[:, None]

    def mix(x: Tensor, p: Tensor) -> Tensor:
        return x[low] * (1 - p) + x[low + 1] * p

    return Trajectory(make_unit(mix(path.direction, part[..., None])), mix(path.length, part))

