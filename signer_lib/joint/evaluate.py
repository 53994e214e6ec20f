"""What the joint fine-tuning changed: the experts before it, after it, and after as many steps without the renderer, on held-out sentences. [ours]

    python -m signer_lib.joint.evaluate --frozen EXPERTS --joint OUT/joint-1 OUT/joint-2 --control OUT/control-1 OUT/control-2 \\
      --performances out/rules --data data/clips_base --out results/end_to_end/joint.json

Pictures: each lays its poses on the truth's own timeline, so that frames line up, under the truth's head and face; the same renderer shows them, and
they are compared with the studio's clips or, without ``--data``, with the renderer's pictures of the true poses. Poses: every sentence of the test
split as in use, with the experts' own time, read back by the judge. Written for each of the sizes found (see ``training.json`` in the folders).
"""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from signer_lib.assets import CHECKPOINTS, RENDERER
from signer_lib.checkpoint import load_json
from signer_lib.comparison.renderer_scores import Truth
from signer_lib.comparison.scoring import score
from signer_lib.comparison.systems import Asked, spread
from signer_lib.errors import SignerError, run
from signer_lib.experts.batching import collate, example
from signer_lib.experts.model import SLPMoE
from signer_lib.experts.roles import gate_work
from signer_lib.experts.training import Objective
from signer_lib.joint.coupling import dressed
from signer_lib.joint.sentences import Clip, Sentence, open_clips, with_clips
from signer_lib.joint.settings import PARTS
from signer_lib.joint.training import fingerprint, weights_of
from signer_lib.metrics.back_translation import BackTranslation
from signer_lib.metrics.keypoints import KeypointDetector
from signer_lib.metrics.pictures import keypoint_errors
from signer_lib.metrics.video import mean_scores
from signer_lib.performances.natural import FPS
from signer_lib.pose import PoseSequence
from signer_lib.render.renderer.pipeline import RendererPipeline
from signer_lib.results import write_result

MEASURES = ("ssim", "psnr", "hand_ssim", "hands_seen_error", "bleu4", "wer", "rouge", "hand_error", "dtw_mje")
KEPT = ("bleu4", "wer", "rouge", "hand_error", "dtw_mje", "count")


@dataclass(frozen=True)
class Shot:
    """Frames of a held-out sentence and what they are compared with; ``truth`` has the reference's frames and joints."""

    sentence: Sentence
    clip: Clip
    truth: Truth


class Bench:
    """Everything that all systems are measured with. ``bench.row(model)`` measures one.

    data    clips with a test split, or None: then the renderer's own pictures of the true poses, ``frames`` of each sentence, are the reference.
    clips   so many, spread over those that there are.
    """

    def __init__(self, performances: Path, renderer: Path, detector: Path, judge: Path, data: Path | None = None, clips: int = 8, frames: int = 16):
        if min(clips, frames) < 1:
            raise SignerError(f"there must be a clip of a frame to measure on, not {clips} of {frames}")
        self.asked, self.judge = Asked(performances, "test"), BackTranslation.from_pretrained(judge)
        self.renderer, self.detector = RendererPipeline.from_folder(renderer), KeypointDetector.from_pretrained(detector)
        read = [(row, sentence) for row, sentence in zip(self.asked.truth, self.asked.sentences) if sentence.glosses == row.glosses]
        if not read:
            raise SignerError(f"SLUL reads none of the {len(self.asked.truth)} test sentences of {performances} as they are glossed")
        if data is None:
            found = self._own(with_clips([read[k] for k in spread(clips, len(read))]), frames)
        else:
            filmed = [(s, s.clip) for s in with_clips(read, open_clips(data, "test", self.renderer.config.size)) if s.clip]
            found = [filmed[k] for k in spread(clips, len(filmed))]
        self.shots = [Shot(sentence, clip, Truth(clip.frames, sentence.performed.poses.xyz[clip.start:clip.stop], self.detector))
                      for sentence, clip in found]

    def row(self, model: SLPMoE) -> dict[str, Any]:
        """The measures of ``MEASURES``: of pictures over all frames of all shots, of poses over all sentences. hands_seen_error is where the
        detector finds the hands' visible joints in the pictures, from their true places, a share of the picture's side."""
        made, truths = [self.shown(model, shot) for shot in self.shots], [shot.truth for shot in self.shots]
        seen = mean_scores((frames, truth.frames, truth.xyz) for frames, truth in zip(made, truths))
        pixels, true, seen_there = (np.concatenate(parts) for parts in zip(*((self.detector.read(frames).pixels, truth.pixels, truth.visible)
                                                           for frames, truth in zip(made, truths))))
        poses = score(model.sign(self.asked.sentences, self.asked.prior), self.asked, self.judge)
        return {name: seen[name] for name in ("ssim", "psnr", "hand_ssim")} | {
            "hands_seen_error": keypoint_errors(pixels, true, seen_there, truths[0].size)["hands_error"], "frames": seen["count"],
            **{name: poses[name] for name in KEPT}, "bleu4_seen": None}

    def shown(self, model: SLPMoE, shot: Shot) -> np.ndarray:
        """(T, S, S, 3) what the renderer makes of the model's poses, laid on the truth's timeline, at a shot."""
        sentence = shot.sentence
        offers = model.offers(self.asked.prior)
        with torch.no_grad():
            P = Objective(model).lay(collate([example(sentence.performed, sentence.read, offers)], offers)).P[0]
        xyz = dressed(P, torch.from_numpy(sentence.performed.poses.xyz)).numpy()
        return self._render(sentence, shot.clip, xyz)

    def _render(self, sentence: Sentence, clip: Clip, xyz: np.ndarray) -> np.ndarray:
        signed = sentence.signed(clip.start, clip.stop)
        return self.renderer(PoseSequence(xyz[clip.start:clip.stop], FPS), signed=signed, style=clip.style, signer=clip.signer, body=clip.body).frames

    def _own(self, sentences: list[Sentence], frames: int) -> list[tuple[Sentence, Clip]]:
        """The renderer's pictures of the true poses: the middle of each sentence, styles and signers by turns."""
        known, found = self.renderer.conditioner.config, []
        for k, sentence in enumerate(sentences):
            first, stop = sentence.signing
            start = max(first, (first + stop - frames) // 2)
            style, signer = known.styles[k % len(known.styles)], known.signers[(k + k // len(known.styles)) % len(known.signers)]
            empty = Clip(np.zeros((min(frames, stop - start), 0)), start, style, signer, signer)
            pictures = self._render(sentence, empty, sentence.performed.poses.xyz)
            found.append((sentence, Clip(pictures, start, style, signer, signer)))
        return found


def told(folder: Path, system: str, start: Path) -> dict[str, Any]:
    """size, seed, steps and weight_renderer of a fine-tuning. Raises ``SignerError`` if it is none of this kind, or began with other experts."""
    settings = load_json(folder, "training.json", ("seed", "steps"))
    if "experts_sha256" not in settings:
        raise SignerError(f"{folder} is no joint fine-tuning: stable-signer train joint makes one")
    if (settings["weight_renderer"] > 0) != (system == "joint"):
        raise SignerError(f"{folder} was trained with weight_renderer {settings['weight_renderer']}, so it is no {system}")
    if settings["experts_sha256"] != fingerprint(start):
        raise SignerError(f"{folder} was not fine-tuned from {start}: name the experts that it began with by --frozen")
    return {name: settings[name] for name in ("size", "seed", "steps", "weight_renderer")}


def differences(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """joint - frozen and joint - control by size and measure, over the seeds that both have: mean, std (None of one seed), seeds, each value."""
    found = []

    def of(size: str, system: str) -> dict[int, dict[str, Any]]:
        return {row["seed"]: row for row in rows if (row["size"], row["system"]) == (size, system)}

    for size in dict.fromkeys(row["size"] for row in rows):
        joint = of(size, "joint")
        for against in ("frozen", "control"):
            other = of(size, against)
            start = next(iter(other.values()), None)
            pairs = [(seed, row, start if against == "frozen" else other.get(seed)) for seed, row in joint.items()]
            for measure in MEASURES:
                known = [(seed, row[measure] - before[measure]) for seed, row, before in pairs
                         if before is not None and None not in (row[measure], before[measure])]
                if known:
                    seeds, values = zip(*known)
                    found.append({"size": size, "measure": measure, "against": against, "mean": float(np.mean(values)),
                                  "std": float(np.std(values, ddof=1)) if len(values) > 1 else None, "seeds": list(seeds), "values": list(values)})
    return found


def moved(before: SLPMoE, after: SLPMoE) -> dict[str, float]:
    """How far the weights of each part are from where they began, by their own length."""

    def flat(model: SLPMoE, part: str) -> Tensor:
        return torch.cat([weight.detach().flatten() for weight in weights_of(model, part)])

    return {part: float((flat(after, part) - flat(before, part)).norm() / flat(before, part).norm()) for part in PARTS if weights_of(before, part)}


def compare(bench: Bench, frozen: Path, joint: list[Path], control: list[Path]) -> dict[str, Any]:
    """Rows, differences and gates, ready for ``results/end_to_end/joint.json``."""
    runs = [(system, folder, told(folder, system, frozen)) for system, folders in (("control", control), ("joint", joint)) for folder in folders]
    begun, rows, gates = SLPMoE.from_pretrained(frozen), [], {}

    def work(model: SLPMoE) -> dict[str, Any]:
        return gate_work([model.choose(sentence, bench.asked.prior) for sentence in bench.asked.sentences])

    seed, measured, gates["frozen"] = load_json(frozen, "training.json", ("seed",))["seed"], bench.row(begun), work(begun)
    for size in dict.fromkeys(settings["size"] for _, _, settings in runs):
        rows.append({"size": size, "system": "frozen", "seed": seed, "steps": 0, "weight_renderer": None, "clips": len(bench.shots)} | measured)
    for system, folder, settings in runs:
        model = SLPMoE.from_pretrained(folder)
        rows.append({"system": system, "clips": len(bench.shots)} | settings | bench.row(model))
        gates[f"{system} {settings['size']} {settings['seed']}"] = work(model) | {"moved": moved(begun, model)}
        print(json.dumps(rows[-1]), flush=True)
    return {"rows": rows, "difference": differences(rows), "gates": gates}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.joint.evaluate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frozen", type=Path, default=CHECKPOINTS / "slp-moe-nano", help="the experts before (default: the shipped ones)")
    parser.add_argument("--joint", type=Path, nargs="+", required=True, help="fine-tuned with the renderer, one folder a size and seed")
    parser.add_argument("--control", type=Path, nargs="*", default=[], help="the same with --set weight_renderer=0")
    parser.add_argument("--performances", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="clips, a folder or a bundle, with test; without: the renderer's pictures of the true poses")
    parser.add_argument("--renderer", type=Path, default=RENDERER)
    parser.add_argument("--detector", type=Path, default=CHECKPOINTS / "keypoints")
    parser.add_argument("--judge", type=Path, default=CHECKPOINTS / "back-translation-nano")
    parser.add_argument("--clips", type=int, default=8, help="so many are rendered (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=16, help="of each, without --data (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    for system in ("joint", "control"):
        for folder in getattr(args, system):
            told(folder, system, args.frozen)                   # before anything takes time
    bench = Bench(args.performances, args.renderer, args.detector, args.judge, args.data, args.clips, args.frames)
    settings = {"renderer": args.renderer.name, "data": args.data and args.data.name, "performances": args.performances.name,
                "judge": args.judge.name, "judge_fingerprint": bench.judge.fingerprint, "detector": args.detector.name,
                "frozen": args.frozen.name, "seeds": sorted({told(folder, "joint", args.frozen)["seed"] for folder in args.joint})}
    named = ["--frozen", args.frozen.name, "--joint", *(path.name for path in args.joint), "--performances", args.performances.name]
    named += ["--control", *(path.name for path in args.control)] if args.control else []
    named += ["--data", args.data.name] if args.data else []
    named += ["--clips", str(args.clips), "--out", str(args.out)]
    command = shlex.join(["python", "-m", "signer_lib.joint.evaluate", *named])
    write_result(args.out, compare(bench, args.frozen, args.joint, args.control) | {"settings": settings}, command)


if __name__ == "__main__":
    run(main)
