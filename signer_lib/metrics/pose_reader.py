"""The network of a back-translation: features of a frame, halvings that keep every fourth, a transformer encoder and decoder. [ours]"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, pad

from signer_lib.pose import SIGNER70

Layer = TypeVar("Layer", bound=nn.Module)
HALVINGS = 2
SHORTEN = 2 ** HALVINGS             # frames for which there is one state
FARTHEST = 5.0                      # standard deviations at which features are cut


@dataclass
class Size:
    """width d of all states, layers, heads, feed_forward: width inside a layer, dropout, depth: weight of z, which is often a guess,
    axes: "xyz", or "xy" for a reader of what a picture shows, which never looks at z.
    """

    width: int
    encoder_layers: int
    decoder_layers: int
    heads: int
    feed_forward: int
    dropout: float
    depth: float
    axes: str = "xyz"


def root_and_anchors(skeleton: str, poses: list[np.ndarray]) -> tuple[int, list[int]]:
    """The joint whose median place is a sequence's origin, and for each of the J joints the one its place is told from (-1: the origin).

    Of signer70: the neck; fingers from their own wrist, the face from the nose. Of any other skeleton: the joint that moves least.
    """
    joints = poses[0].shape[1]
    if skeleton == SIGNER70.name and joints == len(SIGNER70):
        anchors = np.full(joints, -1)
        for hand in ("left_hand", "right_hand"):
            fingers = SIGNER70.groups[hand]
            anchors[fingers.start + 1:fingers.stop] = fingers.start
        anchors[SIGNER70.groups["face"]] = SIGNER70.index("nose")
        return SIGNER70.index("neck"), anchors.tolist()
    some = poses[::max(1, len(poses) // 200)]
    moves = np.nan_to_num([np.abs(np.diff(xyz.astype(np.float32), axis=0)).mean((0, 2)) for xyz in some if len(xyz) > 1], nan=np.inf)
    seen = np.isfinite(moves).mean(0)
    moves = np.where(np.isfinite(moves), moves, 0).sum(0) / np.maximum(np.isfinite(moves).sum(0), 1)
    return int(np.where(seen == seen.max(), moves, np.inf).argmin()), [-1] * joints


def stacked(poses: list[np.ndarray], axes: int = 3) -> tuple[Tensor, Tensor]:
    """Sequences (T_b, J, 3) -> their first ``axes`` coordinates A (B, T, J, A) float32, NaN where a joint is missing in any of these or the
    sequence is over, and their lengths (B,).
    """
    lengths = torch.tensor([len(xyz) for xyz in poses])
    x = np.full((len(poses), int(lengths.max()), poses[0].shape[1], axes), np.nan, np.float32)
    for row, xyz in zip(x, poses):
        row[:len(xyz)] = xyz[..., :axes]
    x[~np.isfinite(x).all(-1)] = np.nan
    return torch.from_numpy(x), lengths


class Frames(nn.Module):
    """Poses in A axes -> F = (2 A + 1) J features a frame: places from the joints' anchors, velocities, and which joints are missing. [ours]

    ``mean`` (J, A) of places, ``std`` (2, J, A) of places and velocities are the training data's; ``unit`` is the median distance from
    the origin there.
    """

    anchors: Tensor
    weight: Tensor
    mean: Tensor
    std: Tensor
    unit: Tensor

    def __init__(self, root: int, anchors: list[int], depth: float, axes: int = 3):
        super().__init__()
        self.root, self.axes, joints = root, axes, len(anchors)
        self.register_buffer("anchors", torch.tensor(anchors) % (joints + 1), persistent=False)         # the origin is put behind the joints
        self.register_buffer("weight", torch.tensor([1, 1, depth][:axes]), persistent=False)
        self.register_buffer("mean", torch.zeros(joints, axes))
        self.register_buffer("std", torch.ones(2, joints, axes))
        self.register_buffer("unit", torch.ones(1))

    def places(self, x: Tensor) -> Tensor:
        """(B, T, J, A) -> (B, T, J, A) from the anchors, NaN where joint or anchor is missing; the origin is the root's median place."""
        origin = x[:, :, self.root].nanmedian(1).values.nan_to_num()[:, None, None]                     # (B, 1, 1, A)
        return x - torch.cat([x, origin.expand(-1, x.shape[1], -1, -1)], 2).index_select(2, self.anchors)

    def fit(self, poses: list[np.ndarray], sample: int = 1000) -> None:
        """Take mean, standard deviations and unit from at most about ``sample`` of the sequences; what hardly varies stays small."""
        some = [self.places(stacked([xyz], self.axes)[0])[0] for xyz in poses[::-(-len(poses) // sample)]]     # (T, J, A) each
        place, velocity = torch.cat(some), torch.cat([xyz[2:] - xyz[:-2] for xyz in some])
        mean = place.nanmean(0).nan_to_num()
        std = torch.stack([(place - mean).square().nanmean(0), velocity.square().nanmean(0)]).sqrt().nan_to_num()
        distance = place[:, self.anchors == len(self.anchors)].norm(dim=-1)
        self.mean.copy_(mean)
        self.std.copy_(std.maximum(0.1 * std.flatten(1).median(1).values[:, None, None]).clamp(min=1e-4))
        self.unit.copy_(distance[distance > 0].median().nan_to_num(nan=1.0))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, A) -> (B, T, F): the axes of all places, then of all velocities, then the flags; what is missing is 0."""
        place, A = self.places(x), self.axes
        features = x.new_zeros(*x.shape[:2], 2 * A + 1, x.shape[2])
        features[:, :, 2 * A] = place[..., 0].isnan()
        features[:, 1:-1, A:2 * A] = (place[:, 2:] - place[:, :-2]).mul_(self.weight / self.std[1]).mT
        features[:, :, :A] = place.sub_(self.mean).mul_(self.weight / self.std[0]).mT
        return features.clamp_(-FARTHEST, FARTHEST).nan_to_num_(0).flatten(2)


def positions(length: int, width: int, device: torch.device) -> Tensor:
    """(length, width) sines and cosines, for sequences of any length."""
    rate = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10000) / width))
    angle = torch.arange(length, device=device)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


class Halve(nn.Module):
    """A convolution over four frames that keeps every second, as one product of pairs of frames: twice as fast on a CPU as ``nn.Conv1d``."""

    def __init__(self, width: int):
        super().__init__()
        self.pairs = nn.Linear(2 * width, 2 * width)

    def forward(self, h: Tensor) -> Tensor:
        """(B, T, d), 0 where a sequence is over -> (B, ceil(T / 2), d), from the frames 2 t - 1 to 2 t + 2."""
        early, late = self.pairs(pad(h, (0, 0, 1, 1 + h.shape[1] % 2)).unflatten(1, (-1, 2)).flatten(2)).chunk(2, -1)
        return gelu(early[:, :-1] + late[:, 1:])


def dropout_on_what_is_added(layer: Layer) -> Layer:
    """A transformer layer without the dropouts inside its parts, which take a tenth of a training on a CPU. [ours]"""
    for part in layer.modules():
        if isinstance(part, nn.MultiheadAttention):
            part.dropout = 0.0
    layer.dropout = nn.Identity()
    return layer


class Reader(nn.Module):
    """The network. B sequences, T frames, T' = ceil(T / 4) states of width d, G glosses (and the blank), L pieces of V."""

    def __init__(self, size: Size, root: int, anchors: list[int], glosses: int, pieces: int):
        super().__init__()
        d, shape = size.width, (size.width, size.heads, size.feed_forward, size.dropout, "gelu")

        def layer(kind: Callable[..., Layer]) -> Layer:
            return dropout_on_what_is_added(kind(*shape, batch_first=True, norm_first=True))

        self.frames = Frames(root, anchors, size.depth, len(size.axes))
        self.into = nn.Linear((2 * len(size.axes) + 1) * len(anchors), d)
        self.shorten = nn.ModuleList(Halve(d) for _ in range(HALVINGS))
        self.norm, self.dropout = nn.LayerNorm(d), nn.Dropout(size.dropout)
        self.encoder = nn.TransformerEncoder(layer(nn.TransformerEncoderLayer), size.encoder_layers, nn.LayerNorm(d), enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(layer(nn.TransformerDecoderLayer), size.decoder_layers, nn.LayerNorm(d))
        self.glosses = nn.Linear(d, 1 + glosses)
        self.pieces = nn.Embedding(pieces, d)                       # what the decoder reads, and what it says
        nn.init.normal_(self.pieces.weight, std=d ** -0.5)

    def encode(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, J, A), (B,) -> H (B, T', d) and where it is padding (B, T'), which changes nothing before it."""

        def over(h: Tensor) -> Tensor:
            return torch.arange(h.shape[1], device=h.device) >= lengths[:, None]

        with torch.no_grad():
            features = self.frames(x)
        h = gelu(self.into(features))
        for halve in self.shorten:
            h = halve(h.masked_fill(over(h)[..., None], 0))
            lengths = -(-lengths // 2)
        h = self.norm(h)
        H = self.encoder(self.dropout(h + positions(h.shape[1], h.shape[2], h.device)), src_key_padding_mask=over(h))
        return H, over(h)

    def spot(self, H: Tensor) -> Tensor:
        """log p of the blank and each gloss at each state, (B, T', 1 + G), float32 for CTC."""
        result: Tensor = self.glosses(H).float().log_softmax(-1)
        return result

    def say(self, pieces: Tensor, H: Tensor, over: Tensor) -> Tensor:
        """pieces (B, L), the start first -> logits (B, L, V) of the piece after each."""
        length, d = pieces.shape[1], H.shape[2]
        later = torch.ones(length, length, dtype=torch.bool, device=H.device).triu(1)
        told = self.dropout(self.pieces(pieces) * math.sqrt(d) + positions(length, d, H.device))
        states = self.decoder(told, H, tgt_mask=later, memory_key_padding_mask=over, tgt_is_causal=True)
        return linear(states, self.pieces.weight)
