"""Poses as they look: shown by a renderer, found again in its frames by the keypoint detector, read by the evaluator of frames. [ours]

    python -m signer_lib.comparison.screen --data rules --judge out/judge-seen --clips 8 --out results/end_to_end/screen.json

proves the measure: how well the true poses are read without any frames (the ceiling), in frames of them, and against a wrong sentence (the floor).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from signer_lib.assets import CHECKPOINTS, RENDERER
from signer_lib.comparison.systems import spread
from signer_lib.errors import SignerError, run
from signer_lib.metrics.back_translation import BackTranslation, Reading
from signer_lib.metrics.keypoints import KeypointDetector
from signer_lib.metrics.poses import alignment, mean_known
from signer_lib.metrics.seen import seen
from signer_lib.metrics.video import hand_boxes, hand_ssim, ssim_maps
from signer_lib.performances.folder import Performed, Produced, read_split
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.progress import progress
from signer_lib.render.backends import Diffusion, backend
from signer_lib.render.studio import open_camera, studio_frames
from signer_lib.render.video import read_video, write_video
from signer_lib.results import write_result

SIZE = 256              # pixels a side of who has no size of his own
SCORES = ("bleu4", "rouge", "wer", "bleu4_glosses", "count")
PARTS = {"body": SIGNER70.groups["body"], "hands": slice(8, 50), "face": SIGNER70.groups["face"]}

Seen = tuple[Tensor, Tensor, Tensor]            # states, contexts and frames of the glosses, as ``Signing.meaning``


class Studio:
    """The studio's signers, as ``render.backends`` have it; it needs VTK, which draws them."""

    name = "studio"

    def settle(self, style: str | None = None, signer: str | None = None, steps: int | None = None) -> dict[str, Any]:
        if steps is not None:
            raise SignerError("the studio takes no steps: leave them out, or ask for the diffusion renderer")
        return {"renderer": self.name, "style": style or "studio", "signer": signer or "default"}

    def frames(self, poses: PoseSequence, size: int, *_: object, style: str | None = None, signer: str | None = None,
               **__: object) -> Iterator[np.ndarray]:
        """T pictures (size, size, 3) uint8."""
        who = signer or "default"
        return (frame.picture for frame in studio_frames(poses, who, style or "studio", size, open_camera(who, size)))


class Screen:
    """``show`` makes frames of poses, ``read`` finds poses in frames, ``judge`` reads what they sign.

    renderer  "studio", "drawn", "diffusion" or the folder of a trained renderer; the detector knows the looks of the studio, not of the drawn signer.
    detector, judge   folders of a keypoint detector, and of a back-translation that reads x and y.
    style, signer, steps, seed  as the renderer takes them.    size  pixels a side; None: the renderer's own.
    every     only every so many-th frame is rendered: it stands for those after it in the frames, and between it and the next one the poses that
              are read are interpolated.
    work      a folder where frames are kept, without loss, under a name that tells from what and how they were made: nothing is rendered twice.
    Raises ``SignerError`` for an unknown renderer, style or signer, a folder that is no checkpoint, or a judge that looks at z.
    """

    def __init__(self, renderer: Path | str, detector: Path | str, judge: Path | str, style: str | None = None, signer: str | None = None,
                 size: int | None = None, steps: int | None = None, every: int = 1, seed: int = 0, work: Path | str | None = None):
        if every < 1:
            raise SignerError(f"every frame, or every second: give 1 or more, not {every}")
        self.reader, self.detector = BackTranslation.from_pretrained(judge), KeypointDetector.from_pretrained(detector)
        if self.reader.net.frames.axes != 2:
            raise SignerError(f"{judge} reads poses with z, which no frame shows: train one with  stable-signer train back-translation --size seen")
        self.renderer = Studio() if str(renderer) == Studio.name else backend(renderer)
        given: dict[str, Any] = {"style": style, "signer": signer, "steps": steps}
        self.choice = {name: value for name, value in given.items() if value is not None}
        self.told = self.renderer.settle(**self.choice) | {"seed": seed, "every": every}
        own = self.renderer.pipeline.config.size if isinstance(self.renderer, Diffusion) else SIZE
        self.size, self.every, self.seed, self.work = size or own, every, seed, Path(work) if work else None
        self.told |= {"size": self.size, "weights": _weights(self.renderer.folder) if isinstance(self.renderer, Diffusion) else None}

    def show(self, produced: Produced, meaning: Seen | None = None) -> np.ndarray:
        """T poses -> frames (T, S, S, 3) uint8. ``meaning``: SLUL's states, contexts and frames of the glosses, as ``Signing.meaning``."""
        poses, every = produced.poses, self.every
        if every > 1:
            poses = replace(poses, xyz=poses.xyz[::every], confidence=poses.confidence[::every], fps=poses.fps / every)
            meaning = meaning and (meaning[0], meaning[1], (meaning[2] + every - 1) // every)
        path = self.work and self.work / f"{self._name(poses, meaning)}.mp4"
        if path and path.is_file():
            frames = np.stack(read_video(path))
        else:
            frames = np.stack(list(self.renderer.frames(poses, self.size, meaning, seed=self.seed, **self.choice)))
            if path:
                write_video(frames, path, poses.fps, lossless=True)
        return frames.repeat(every, 0)[:len(produced.poses)]

    def read(self, frames: np.ndarray, fps: float | None = None) -> PoseSequence:
        """(T, S, S, 3) uint8 -> T poses, shoulder widths, z 0; fps: None is the judge's."""
        fps = fps or self.reader.settings["fps"]
        found = seen(frames[::self.every], self.detector, fps / self.every)
        at = np.arange(len(frames)) / self.every
        low, high = at.astype(int), np.ceil(at).astype(int).clip(max=len(found) - 1)                # the same where a frame was read, and at the end
        part = (at - low)[:, None, None]
        xyz = found.xyz[low] * (1 - part) + found.xyz[high] * part
        return PoseSequence(xyz, fps, np.minimum(found.confidence[low], found.confidence[high]))

    def judge(self, poses: list[PoseSequence]) -> list[Reading]:
        """What each sequence says to the evaluator of frames."""
        return self.reader.read([one.resample(self.reader.settings["fps"]).xyz for one in poses])

    def hand_ssim(self, frames: np.ndarray, true_frames: np.ndarray, path: np.ndarray, truth: PoseSequence) -> float | None:
        """SSIM where the hands of the true poses are, of frames that ``path`` (n, 2), rows of frame and true frame, puts side by side.

        None where no hand is in the picture. Of frames that stand for others only they count, see ``every``.
        """
        own, true = path[path[:, 1] % self.every == 0].T
        return hand_ssim(ssim_maps(frames[own], true_frames[true]), hand_boxes(truth.xyz[true], true_frames.shape[1]))

    def _name(self, poses: PoseSequence, meaning: Seen | None) -> str:
        content = hashlib.sha256(json.dumps(self.told, sort_keys=True).encode() + poses.xyz.tobytes())
        for value in meaning or ():
            content.update(value.detach().cpu().numpy().tobytes())
        return content.hexdigest()[:24]


def _weights(folder: Path) -> str:
    """Eight letters of a renderer's files."""
    content = hashlib.sha256()
    for path in sorted([*folder.rglob("*.safetensors"), *folder.rglob("*config.json"), folder / "model_index.json"]):
        content.update(path.read_bytes())
    return content.hexdigest()[:8]


def errors(found: PoseSequence, truth: PoseSequence) -> dict[str, float | None]:
    """How far x and y of what was found are from the truth, shoulder widths, the mean over joints that were; and which share was."""
    away = np.linalg.norm(found.xyz[..., :2] - truth.xyz[..., :2], axis=-1)
    told: dict[str, float | None] = {}
    for name, part in PARTS.items():
        here = np.isfinite(away[:, part])
        told |= {f"{name}_error": float(away[:, part][here].mean()) if here.any() else None, f"{name}_found": float(here.mean())}
    return told


def prove(screens: list[Screen], rows: list[Performed]) -> list[dict[str, Any]]:
    """Lines of the table: ``read`` "poses" (no frames) or "frames", ``against`` "own" or "wrong" sentence, the next one's; ``SCORES``.

    Of frames also ``shown`` (who showed them, and how), ``errors`` and, against the wrong one, hand_ssim of its frames: the floor of that measure.
    Raises ``SignerError`` below two sentences: there is no wrong one.
    """
    if len(rows) < 2:
        raise SignerError(f"{len(rows)} sentence is too few: without another one nobody can be wrong")
    reader, truth = screens[0].reader, [row.poses for row in rows]
    texts, units = [row.text for row in rows], [[unit.name for unit in row.units] for row in rows]
    wrong = [*range(1, len(rows)), 0]

    def lines(poses: list[PoseSequence], told: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for against, at in (("own", range(len(rows))), ("wrong", wrong)):
            scores = reader.scores([one.xyz for one in poses], [texts[k] for k in at], [units[k] for k in at])
            yield told | {"against": against} | {name: scores[name] for name in SCORES}

    table = list(lines(truth, {"read": "poses"}))
    for screen in screens:
        frames = [screen.show(row.produced) for row in progress(rows, "frames")]
        found = [screen.read(each, one.fps) for each, one in zip(frames, truth)]
        away = [errors(*pair) for pair in zip(found, truth)]
        mean = {name: mean_known([one[name] for one in away]) for name in away[0]}
        own, other = lines(found, {"read": "frames", "shown": screen.told})
        hands = [screen.hand_ssim(frames[k], frames[at], alignment(truth[k], truth[at]), truth[at]) for k, at in enumerate(wrong)]
        table += [own | {"errors": mean}, other | {"hand_ssim": mean_known(hands)}]
    return table


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="performed sentences: python -m signer_lib.performances")
    parser.add_argument("--judge", type=Path, required=True, help="an evaluator of frames: stable-signer train back-translation --size seen")
    parser.add_argument("--renderer", nargs="+", default=[RENDERER], help="studio, drawn, diffusion or folders (default: the shipped one)")
    parser.add_argument("--detector", type=Path, default=CHECKPOINTS / "keypoints")
    parser.add_argument("--split", default="test")
    parser.add_argument("--clips", type=int, default=8, help="sentences, spread over the split (default: %(default)s)")
    parser.add_argument("--style", help="default: the renderer's first")
    parser.add_argument("--signer", help="default: the renderer's first")
    parser.add_argument("--steps", type=int, help="of the diffusion renderer")
    parser.add_argument("--every", type=int, nargs="+", default=[1], help="render every so many-th frame (default: every one)")
    parser.add_argument("--work", type=Path, help="a folder where frames are kept")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    performed = read_split(args.data, args.split)
    rows = [performed[k] for k in spread(max(args.clips, 1), len(performed))]
    screens = [Screen(renderer, args.detector, args.judge, args.style, args.signer, steps=args.steps, every=every, work=args.work)
               for renderer in args.renderer for every in args.every]
    table = prove(screens, rows)
    settings = {"data": args.data.name, "split": args.split, "clips": [row.name for row in rows], "judge": screens[0].reader.fingerprint,
                "detector": screens[0].detector.fingerprint, "seed": 0}
    write_result(args.out, {"rows": table, "settings": settings}, f"python -m signer_lib.comparison.screen --data {args.data.name} --judge "
                 f"{args.judge.name} --renderer {' '.join(Path(name).name for name in args.renderer)} --every {' '.join(map(str, args.every))} "
                 f"--clips {len(rows)} --out {args.out}")
    for row in table:
        print(json.dumps(row))


if __name__ == "__main__":
    run(main)
