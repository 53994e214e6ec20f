"""The rows of the renderer's table, as frames: what needs no renderer (floors), the renderer itself, and what it cannot beat (ceilings). [ours]

All of one clip at a time: the same poses, in the same style and by the same signer, as many frames as the reference has.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from signer_lib.errors import SignerError
from signer_lib.metrics.video import hand_boxes
from signer_lib.pose import PoseSequence
from signer_lib.render.renderer.autoencoder import to_latents, to_pixels
from signer_lib.render.renderer.packing import Packed
from signer_lib.render.renderer.pipeline import RendererPipeline

ROWS = {"mean_frame": "floor", "wrong_sentence": "floor", "nearest_frame": "floor", "blurred_hands": "floor", "renderer": "system",
        "autoencoder": "ceiling", "reference": "ceiling"}
BLUR = 0.02             # of the picture's side: the standard deviation that melts fingers into one
AT_ONCE = 32            # frames that are worked on together
FPS = 25.0              # of the poses; the renderer does not look at it


class Rows:
    """``rows.of(k)`` for the k-th clip of ``clips``; ``rows.asked(k)`` is the style and signer that it is to be shown in.

    train   for the floors; None: there are none.    steps, seed  of the renderer.
    Raises ``SignerError`` for a style or signer that the renderer, or a floor, does not know.
    """

    def __init__(self, renderer: RendererPipeline, clips: Packed, train: Packed | None = None, steps: int | None = None, seed: int = 0):
        self.renderer, self.clips, self.train, self.steps, self.seed = renderer, clips, train, steps, seed
        self.seconds: list[float] = []                  # that the renderer took for each frame of each clip
        self.training = numbers_by_look(train) if train else {}
        self.means: dict[tuple[str, str], np.ndarray] = {}
        for clip in clips.clips:
            for kind in ("style", "signer"):
                renderer.conditioner.number(kind, clip[kind])
            if train is not None and (look := (clip["style"], clip["signer"])) not in self.training:
                raise SignerError(f"the train split shows no '{look[1]}' in the style '{look[0]}', so there are no floors: use --no-floors")

    def asked(self, k: int) -> tuple[str, str]:
        return self.clips.clips[k]["style"], self.clips.clips[k]["signer"]

    def truth(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The reference's frames (T, S, S, 3) and joints (T, 70, 3)."""
        clip = self.clips.clips[k]
        part = slice(clip["first"], clip["first"] + clip["count"])
        return np.array(self.clips.frames[part]), self.clips.xyz[part]

    def of(self, k: int) -> Iterator[tuple[str, np.ndarray]]:
        """(name, frames (T, S, S, 3) uint8) row by row, in the order of ``ROWS``; each is made when it is asked for."""
        frames, xyz = self.truth(k)
        if self.train is not None:
            yield "mean_frame", np.repeat(self._mean(self.train, self.asked(k))[None], len(frames), 0)
            if (other := self._wrong(self.train, k)) is not None:
                yield "wrong_sentence", other
            yield "nearest_frame", self.train.frames[nearest(xyz, self.train.xyz, self.training[self.asked(k)])]
            yield "blurred_hands", blurred(frames, hand_boxes(xyz, frames.shape[1]))
        yield "renderer", self.rendered(k)
        yield "autoencoder", self._coded(frames)
        yield "reference", frames

    # --- floors ------------------------------------------------------------------------------------------------------
    def _mean(self, train: Packed, look: tuple[str, str]) -> np.ndarray:
        """The mean of the training frames in this style by this signer, (S, S, 3) uint8."""
        if look not in self.means:
            rows = self.training[look]
            total = sum(train.frames[part].sum(0, dtype=np.int64) for part in np.array_split(rows, -(-len(rows) // AT_ONCE)))
            self.means[look] = np.round(total / len(rows)).astype(np.uint8)
        return self.means[look]

    def _wrong(self, train: Packed, k: int) -> np.ndarray | None:
        """The next clip that shows other poses in this style by this signer, of the split or else of train, as many frames; None if there is none."""
        (_, xyz), asked = self.truth(k), self.asked(k)
        for packed, after in ((self.clips, k + 1), (train, 0)):
            for step in range(len(packed.clips)):
                clip = packed.clips[(after + step) % len(packed.clips)]
                rows = np.linspace(clip["first"], clip["first"] + clip["count"] - 1, len(xyz)).round().astype(int)
                if (clip["style"], clip["signer"]) == asked and not np.array_equal(packed.xyz[rows], xyz, equal_nan=True):
                    result: np.ndarray | None = packed.frames[rows]
                    return result
        return None

    # --- what is measured, and the ceiling ---------------------------------------------------------------------------
    def rendered(self, k: int) -> np.ndarray:
        """What the renderer makes of the k-th clip's poses and meaning; ``seconds`` grows by the time of a frame."""
        (_, xyz), (style, signer) = self.truth(k), self.asked(k)
        start = time.perf_counter()
        poses, signed = PoseSequence(xyz, FPS), self.clips.signed[k]
        frames = self.renderer(poses, signed=signed, style=style, signer=signer, steps=self.steps, seed=self.seed,
                               body=self.clips.clips[k]["body"]).frames
        self.seconds.append((time.perf_counter() - start) / len(frames))
        return frames

    @torch.no_grad()
    def _coded(self, frames: np.ndarray) -> np.ndarray:
        """The reference there and back through the renderer's autoencoder."""
        vae, made = self.renderer.vae, []
        for part in np.array_split(frames, -(-len(frames) // AT_ONCE)):
            pixels = torch.from_numpy(part).permute(0, 3, 1, 2).to(vae.device, vae.dtype) / 127.5 - 1
            back = to_pixels(vae, to_latents(vae, pixels)).float().clamp(-1, 1)
            made.append(((back + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(made)


def numbers_by_look(packed: Packed) -> dict[tuple[str, str], np.ndarray]:
    """(style, signer) -> the numbers of their frames."""
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for clip in packed.clips:
        found.setdefault((clip["style"], clip["signer"]), []).append(np.arange(clip["first"], clip["first"] + clip["count"]))
    return {look: np.concatenate(parts) for look, parts in found.items()}


def nearest(xyz: np.ndarray, others: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(T, 70, 3) -> (T,) of ``rows`` of ``others`` (N, 70, 3), by the mean squared distance in the picture's plane of joints that both know."""
    def known(xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flat = xyz[..., :2].reshape(len(xyz), -1).astype(float)
        return np.nan_to_num(flat), np.isfinite(flat).astype(float)
    (a, in_a), (b, in_b) = known(xyz), known(others[rows])
    common = in_a @ in_b.T
    squared = (a * a) @ in_b.T - 2 * a @ b.T + in_a @ (b * b).T
    result: np.ndarray = rows[np.where(common > 0, squared / np.maximum(common, 1), np.inf).argmin(1)]
    return result


def blurred(frames: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The frames (T, S, S, 3), sharp everywhere but in the hands' boxes (T, 2, 4): what a measure of hands must notice."""
    frames, wide = frames.copy(), BLUR * frames.shape[1]
    for frame, pair in zip(frames, boxes):
        soft = gaussian_filter(frame.astype(np.float32), (wide, wide, 0)).round()
        for left, top, right, bottom in pair:
            frame[top:bottom, left:right] = soft[top:bottom, left:right]
    return frames
