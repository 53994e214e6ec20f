"""Pose regression: a transformer that reads units and writes one frame after another, in the manner of Progressive Transformers.

[secondary] the symbolic encoder, frames and a counter from the frames before, the counter as the end of the sentence, training that adds
noise to what is read and asks for several future frames. [ours] every size, the two rates of noise, the place in the sentence that the
counter gives the decoder, half the frame rate. Bones are left as they come out: their drift is one of the things measured.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from signer_lib.checkpoint import damaged, load_json, load_weights, save_half
from signer_lib.errors import SignerError
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.folder import Produced
from signer_lib.performances.units import units_of
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.database import Prior

Past = list[tuple[Tensor, Tensor]]         # each decoder layer's keys and values
PAD, UNKNOWN, END = "<pad>", "<unk>", "<end>"
NECK = SIGNER70.index("neck")
MOVING = [joint for joint in range(len(SIGNER70)) if joint != NECK]      # the root stays where it is on average
WIDTH = 3 * len(MOVING)                                                 # numbers of a frame; the counter follows them
STEADY = 0.01                               # shoulder widths: the least standard deviation by which a coordinate is divided
PACE = 0.01                                 # what the network adds to the counter is of this size
BATCH = 64                                  # sentences produced together


@dataclass
class RegressionConfig:
    """A preset of ``signer_lib/presets/regression_*.yaml``; the comments there say what each value is for."""

    d_model: int
    d_ff: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    dropout: float
    frame_step: int
    future: int
    noise: float
    counter_noise: float
    drop_units: float
    weight_counter: float
    epochs: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    patience: int
    log_steps: int
    free_sentences: int

    def __post_init__(self) -> None:
        for key in ("dropout", "drop_units"):
            if not 0 <= getattr(self, key) < 1:
                raise SignerError(f"{key} must be 0 or more and less than 1, not {getattr(self, key)}")
        for key in ("noise", "counter_noise", "weight_counter", "warmup_steps", "encoder_layers"):
            if not 0 <= getattr(self, key) < math.inf:
                raise SignerError(f"{key} must be 0 or more, not {getattr(self, key)}")
        for key in ("d_model", "d_ff", "heads", "decoder_layers", "frame_step", "future", "epochs", "batch_size", "learning_rate", "patience",
                    "log_steps", "free_sentences"):
            if getattr(self, key) <= 0:
                raise SignerError(f"{key} must be more than 0, not {getattr(self, key)}")
        if self.d_model % (2 * self.heads):
            raise SignerError(f"d_model must be a multiple of twice the heads, not {self.d_model} with {self.heads} heads")


def sinusoids(place: Tensor, d: int) -> Tensor:
    """Position embeddings of places, which may lie between two units: (...) -> (..., d)"""
    rate = torch.exp(torch.arange(0, d, 2, device=place.device) * (-math.log(10_000) / d))
    angle = place[..., None] * rate
    return torch.cat([angle.sin(), angle.cos()], -1)


class Attention(nn.Module):
    """Multi-head attention to keys that were made before, so that in production a frame costs the same wherever it stands."""

    def __init__(self, d: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q, self.kv, self.out = nn.Linear(d, d), nn.Linear(d, 2 * d), nn.Linear(d, d)

    def keys(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, d) -> keys and values (B, h, L, d / h)"""
        result: tuple[Tensor, Tensor] = self.kv(y).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return result

    def forward(self, x: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """x (B, T, d), mask (B, 1, 1, L) true where a key may be read -> (B, T, d)"""
        q = self.q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        result: Tensor = self.out(scaled_dot_product_attention(q, k, v, mask, is_causal=causal).transpose(1, 2).flatten(2))
        return result


class DecoderLayer(nn.Module):
    """Frames read the frames before them, then the units."""

    def __init__(self, config: RegressionConfig):
        super().__init__()
        d = config.d_model
        self.frames, self.units = Attention(d, config.heads), Attention(d, config.heads)
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(3))
        self.inner = nn.Sequential(nn.Linear(d, config.d_ff), nn.GELU(), nn.Linear(config.d_ff, d))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, units: tuple[Tensor, Tensor], mask: Tensor, past: tuple[Tensor, Tensor] | None = None
                ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x (B, T, d): all frames, or with ``past`` the next one. -> x, and the past of the frame after"""
        y = self.norms[0](x)
        k, v = self.frames.keys(y)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        x = x + self.dropout(self.frames(y, k, v, causal=past is None))
        x = x + self.dropout(self.units(self.norms[1](x), *units, mask))
        return x + self.dropout(self.inner(self.norms[2](x))), (k, v)


class Net(nn.Module):
    """Units and the frames so far -> the next f frames. The last of a frame's 208 numbers is its counter.

    mean, std (J, 3) of training's coordinates, shoulder widths; NaN for a joint that was never seen, and is missing in what is produced.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: RegressionConfig, tokens: int):
        super().__init__()
        d = config.d_model
        self.d, self.future = d, config.future
        self.embedding = nn.Embedding(tokens, d, padding_idx=0)
        layer = nn.TransformerEncoderLayer(d, config.heads, config.d_ff, config.dropout, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, config.encoder_layers, nn.LayerNorm(d), enable_nested_tensor=False)
        self.read = nn.Linear(WIDTH + 1, d)
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.norm, self.write = nn.LayerNorm(d), nn.Linear(d, config.future * (WIDTH + 1))
        self.dropout = nn.Dropout(config.dropout)
        self.register_buffer("mean", torch.zeros(len(SIGNER70), 3))
        self.register_buffer("std", torch.ones(len(SIGNER70), 3))
        nn.init.normal_(self.embedding.weight, std=d ** -0.5)

    def encode(self, units: Tensor) -> tuple[Past, Tensor]:
        """units (B, L), 0 where there is none -> each decoder layer's keys and values, and the mask (B, 1, 1, L)"""
        there = units > 0
        x = self.embedding(units) * math.sqrt(self.d) + sinusoids(torch.arange(units.shape[1], device=units.device), self.d)
        x = self.encoder(self.dropout(x), src_key_padding_mask=~there)
        return [layer.units.keys(x) for layer in self.decoder if isinstance(layer, DecoderLayer)], there[:, None, None]

    def step(self, frames: Tensor, encoded: Past, mask: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        """The frames that come after: (B, T, 208) -> (B, T, f, 208), and the past of the step after."""
        place = frames[..., -1] * (mask.sum(-1)[:, 0] - 1)      # (B, T) the counter in units: where in the sentence, as the encoder counts
        x, now = self.dropout(self.read(frames) + sinusoids(place, self.d)), []
        for k, layer in enumerate(self.decoder):
            x, kept = layer(x, encoded[k], mask, past[k] if past else None)
            now.append(kept)
        x = self.write(self.norm(x)).unflatten(-1, (self.future, -1))
        counter = frames[..., None, -1:] + PACE * x[..., -1:]
        return torch.cat([x[..., :-1], counter], -1), now

    def forward(self, units: Tensor, frames: Tensor) -> Tensor:
        """units (B, L), frames (B, T, 208), the first of them 0 -> (B, T, f, 208)"""
        return self.step(frames, *self.encode(units))[0]


class Regression:
    """The system: sentences -> poses. ``produce`` writes the frames of units; ``to_frames`` and ``to_poses`` are the ways in and out.

    names (V,) the units of training.   fps of the data.   frames_per_unit: the most that a sentence of training had, its end counted as a unit.
    """

    def __init__(self, config: RegressionConfig, names: list[str], fps: float, frames_per_unit: float):
        self.config, self.names, self.fps, self.frames_per_unit = config, names, fps, frames_per_unit
        self.ids = {name: i for i, name in enumerate([PAD, UNKNOWN, END, *names])}
        self.net = Net(config, len(self.ids))

    def tokens(self, units: list[str]) -> list[int]:
        """The units of a sentence and its end; a unit that training never saw is <unk>."""
        return [self.ids.get(name, self.ids[UNKNOWN]) for name in units] + [self.ids[END]]

    def to_frames(self, poses: PoseSequence) -> np.ndarray:
        """(T', 207) standardised coordinates, ``frame_step`` frames of the data apart; NaN where a joint is missing."""
        slow = poses.resample(self.fps / self.config.frame_step)
        result: np.ndarray = ((slow.xyz - self.net.mean.cpu().numpy()) / self.net.std.cpu().numpy())[:, MOVING].reshape(len(slow), WIDTH)
        return result

    def to_poses(self, frames: np.ndarray) -> PoseSequence:
        """The reverse of ``to_frames``; the neck is where it was on average."""
        xyz = np.repeat(self.net.mean.cpu().numpy()[None], len(frames), 0)
        xyz[:, MOVING] += frames.reshape(len(frames), -1, 3) * self.net.std.cpu().numpy()[MOVING]
        return PoseSequence(xyz, self.fps / self.config.frame_step).resample(self.fps)

    # --- production --------------------------------------------------------------------------------------------------
    def longest(self, units: int) -> int:
        """The frames after which the production of so many units ends, whatever the counter says: no sentence of training took longer."""
        return math.ceil((units + 1) * self.frames_per_unit / self.config.frame_step)

    @torch.inference_mode()
    def produce(self, sentences: list[list[str]]) -> list[PoseSequence]:
        """Each sentence's units -> its poses. A sentence ends with the frame whose counter is nearest to 1."""
        self.net.eval()
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        out: dict[int, PoseSequence] = {}
        for start in range(0, len(order), BATCH):
            rows = order[start:start + BATCH]
            out |= dict(zip(rows, map(self.to_poses, self._write([sentences[i] for i in rows]))))
        return [out[i] for i in range(len(sentences))]

    def _write(self, sentences: list[list[str]]) -> list[np.ndarray]:
        device = self.net.write.weight.device
        units = nn.utils.rnn.pad_sequence([torch.tensor(self.tokens(row)) for row in sentences], batch_first=True).to(device)
        encoded, mask = self.net.encode(units)
        rows = torch.arange(len(sentences), device=device)
        past: Past | None = None
        most = torch.tensor([self.longest(len(row)) for row in sentences], device=device)
        frame = torch.zeros(len(sentences), 1, WIDTH + 1, device=device)
        out: list[list[np.ndarray]] = [[] for _ in sentences]
        while len(rows):
            futures, past = self.net.step(frame, encoded, mask, past)
            frame = futures[:, :, 0]
            for row, numbers in zip(rows.tolist(), frame[:, 0, :-1].cpu().numpy()):
                out[row].append(numbers)
            t = len(out[rows[0]])
            going = (frame[:, 0, -1] < 1 - 0.5 / t) & (t < most)
            if not going.all():                                                 # who has ended costs nothing more
                rows, most, frame, mask = rows[going], most[going], frame[going], mask[going]
                encoded, past = ([(k[going], v[going]) for k, v in layers] for layers in (encoded, past))
        return [np.stack(row) for row in out]

    def __call__(self, sentences: list[GlossSentence], prior: Prior) -> list[Produced]:
        """What every system does; the prior only says which glosses are spelled."""
        return [Produced(poses) for poses in self.produce([[u.name for u in units_of(s.glosses, prior, s.text)] for s in sentences])]

    # --- on disk -----------------------------------------------------------------------------------------------------
    def save_pretrained(self, folder: Path) -> None:
        """Writes into an existing folder; see ``files.filling``."""
        told = {"fps": self.fps, "frames_per_unit": self.frames_per_unit, "config": asdict(self.config), "names": self.names}
        (folder / "config.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        save_half(self.net, folder / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: Path | str) -> Regression:
        """Raises ``SignerError`` in one line if the folder is no checkpoint or is damaged."""
        told = load_json(folder, keys=("fps", "frames_per_unit", "config", "names"))
        try:
            model = cls(RegressionConfig(**told.pop("config")), **told)
        except (TypeError, ValueError, KeyError, RuntimeError) as error:
            raise damaged(Path(folder) / "config.json", error) from None
        load_weights(model.net, Path(folder))
        model.net.eval()
        return model
