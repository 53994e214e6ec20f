"""The renderer on a split of clips: every measure, for it, its floors and its ceilings. [ours: the table]"""

from __future__ import annotations

import copy
import resource
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from signer_lib.comparison.renderer_rows import ROWS, Rows
from signer_lib.errors import SignerError
from signer_lib.metrics.keypoints import KeypointDetector, Read
from signer_lib.metrics.pictures import frechet, keypoint_errors, signature, tips_apart, tips_found
from signer_lib.metrics.video import video_scores
from signer_lib.progress import progress
from signer_lib.render.framing import Framing
from signer_lib.render.renderer.packing import Packed, packed_split
from signer_lib.render.renderer.pipeline import RendererPipeline
from signer_lib.render.visibility import visible

VIDEO = ("ssim", "psnr", "hand_ssim", "flicker_ratio")
MEASURES = ("ssim", "psnr", "hand_ssim", "hand_ssim_of_ceiling", "flicker_ratio", "keypoint_error", "body_error", "hands_error", "face_error",
            "fingers_countable", "style_accuracy", "signer_accuracy", "frechet")


class Means:
    """Means over clips, each weighted by what it was measured on; None where nothing was."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = defaultdict(float)
        self.weights: dict[str, float] = defaultdict(float)

    def add(self, name: str, value: float | None, weight: float) -> None:
        self.sums[name] += weight * (value or 0.0)
        self.weights[name] += weight * (value is not None)

    def all(self) -> dict[str, float | None]:
        return {name: self.sums[name] / weight if weight else None for name, weight in self.weights.items()}


class Truth:
    """What a clip's row is compared with: its frames, joints, and what the detector reads in the frames."""

    def __init__(self, frames: np.ndarray, xyz: np.ndarray, detector: KeypointDetector):
        self.frames, self.xyz, self.size, self.read = frames, xyz, frames.shape[1], detector.read(frames)
        self.pixels, self.visible = Framing().to_pixels(xyz, self.size), visible(xyz)
        self.apart = tips_apart(self.pixels, self.visible, self.size)                                  # (T, 2) hands
        self.countable = self.apart & self.found(self.read)

    def found(self, read: Read) -> np.ndarray:
        """(T, 2) hands all visible tips of which are found in what was read."""
        return tips_found(read.pixels, read.confidence, self.pixels, self.visible, self.size)


def score(rows: Rows, detector: KeypointDetector) -> dict[str, Any]:
    """-> {"rows": {name: {"kind", measures}}, "clips", "frames", "hands", "speed", "signatures"}, ready for JSON.

    Measures of a row, means over frames; None where there is nothing to measure:
    ssim, psnr (dB), hand_ssim, flicker_ratio   of ``metrics.video``, against the reference.
    hand_ssim_of_ceiling                        hand_ssim by that of the autoencoder.
    keypoint_error, body_, hands_, face_error   shares of the picture's side, of visible joints.
    fingers_countable                           share of the hands whose visible tips the detector finds in the reference too.
    style_accuracy, signer_accuracy             share of frames that show what was asked for; None where the detector does not know the name.
    frechet                                     of the detector's features, to the reference's.
    hands: how many show tips that are apart, and of how many of these the detector finds all tips in the reference. speed: the renderer's
    seconds_per_frame (median over clips, after one to warm up) and peak_memory_mb of the process that has rendered one clip.
    """
    rows.rendered(0)
    memory = peak_memory()                      # before the mapped training frames count as memory too
    rows.seconds.clear()
    means: dict[str, Means] = defaultdict(Means)
    features: dict[str, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    hands = {"apart": 0, "countable": 0}
    clips, signatures = rows.clips.clips, set()
    for k in progress(range(len(clips)), "clips"):
        truth = Truth(*rows.truth(k), detector)
        hands["apart"] += int(truth.apart.sum())
        hands["countable"] += int(truth.countable.sum())
        for name, frames in rows.of(k):
            read = truth.read if name == "reference" else detector.read(frames)
            for measure, value, weight in _measures(read, truth, rows.asked(k), detector.settings):
                means[name].add(measure, value, weight)
            video = video_scores(frames, truth.frames, truth.xyz)
            signatures.add(video["signature"])
            for measure in VIDEO:
                means[name].add(measure, video[measure], len(frames))
            features[name].append((read.features, truth.read.features))
    table: dict[str, dict[str, Any]]
    table = {name: {"kind": kind} | dict.fromkeys(MEASURES) | means[name].all() | {"frechet": frechet(*map(np.concatenate, zip(*features[name])))}
             for name, kind in ROWS.items() if name in means}
    best = table["autoencoder"]["hand_ssim"]
    for row in table.values():
        row["hand_ssim_of_ceiling"] = row["hand_ssim"] / best if best and row["hand_ssim"] is not None else None
    return {"rows": table, "clips": len(clips), "frames": sum(clip["count"] for clip in clips), "hands": hands,
            "speed": {"seconds_per_frame": float(np.median(rows.seconds)), "peak_memory_mb": round(memory, 1)},
            "signatures": [*sorted(signatures), signature(detector.fingerprint)]}


def _measures(read: Read, truth: Truth, asked: tuple[str, str], known: dict[str, Any]) -> Iterator[tuple[str, float | None, float]]:
    """(measure, value, how much it counts) of what the detector reads in one clip."""
    for measure, value in keypoint_errors(read.pixels, truth.pixels, truth.visible, truth.size).items():
        yield measure, value, len(read.pixels)
    found = truth.found(read)[truth.countable]
    yield "fingers_countable", float(found.mean()) if len(found) else None, len(found)
    for kind, name, numbers in (("style", asked[0], read.style), ("signer", asked[1], read.signer)):
        names = known[f"{kind}s"]
        yield f"{kind}_accuracy", float((numbers == names.index(name)).mean()) if name in names else None, len(numbers)


def peak_memory() -> float:
    """The most memory that the process has held, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2 ** 20 if sys.platform == "darwin" else 2 ** 10)


def evaluate(model: Path, data: Path, split: str, detector: Path, steps: int | None = None, seed: int = 0, floors: bool = True,
             clips: int | None = None) -> dict[str, Any]:
    """``score`` of a saved renderer on a split of a data folder (see ``render.renderer.data``); ``clips``: on so many, spread over the split.

    Raises ``SignerError`` for a folder that is none, or names that nobody knows.
    """
    if not (Path(detector) / "config.json").is_file():
        raise SignerError(f"there is no detector in {detector}: name one with --detector, or train it with  stable-signer train keypoints")
    renderer, reader = RendererPipeline.from_folder(model), KeypointDetector.from_pretrained(detector)
    size = renderer.config.size
    asked, train = packed_split(data, split, size), packed_split(data, "train", size) if floors else None
    if clips and clips < len(asked.clips):
        asked = some(asked, clips)
    return score(Rows(renderer, asked, train, steps, seed), reader)


def some(packed: Packed, count: int) -> Packed:
    """The same frames, but only ``count`` of the clips, spread evenly."""
    packed = copy.copy(packed)
    keep = np.linspace(0, len(packed.clips) - 1, count).round().astype(int)
    packed.clips, packed.signed = [packed.clips[k] for k in keep], [packed.signed[k] for k in keep]
    return packed
