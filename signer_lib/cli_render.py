"""The command line of stage four: ``stable-signer train renderer | keypoints`` and ``stable-signer evaluate renderer``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from signer_lib.assets import CHECKPOINTS


def train_renderer(
    data: Annotated[Path, typer.Option(help="A folder with train and dev, each with videos, poses and a metadata.jsonl: see render.renderer.data.")],
    out: Annotated[Path, typer.Option(help="Folder for the renderer. A training that was stopped there goes on.")],
    size: Annotated[str, typer.Option(help="nano, base, paper, or a YAML file with the settings.")] = "nano",
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Train about so long in all instead of all steps.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same renderer.")] = 1,
    set: Annotated[list[str] | None, typer.Option(help="Another value for a setting, for example --set weight_hands=0. May be repeated.")] = None,
) -> None:
    """Train the diffusion renderer, poses -> video, in stages: autoencoder, stills, diffusion, distillation to a few steps, refiner.

    Writes the renderer, samples/*.png, log.jsonl and training.json. On several GPUs: accelerate launch -m signer_lib train renderer ...

    Example: stable-signer train renderer --data out/studio --out out/renderer --minutes 20
    """
    from signer_lib.render.backends import need_diffusers

    need_diffusers()
    from signer_lib.render.renderer.curriculum import train

    training = train(data, out, size, seed, minutes, set)
    if training.accelerator.is_main_process:
        typer.echo(f"{training.state['step']:,} steps, best on dev at step {training.state['best_step']} -> {out}")


def train_keypoints(
    data: Annotated[Path, typer.Option(help="A folder with train and dev of reference frames, as for train renderer.")],
    out: Annotated[Path, typer.Option(help="Folder for the detector. A training that was stopped there goes on.")],
    size: Annotated[str, typer.Option(help="base, or a YAML file with the settings.")] = "base",
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Train about so long instead of all steps.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same detector.")] = 1,
    set: Annotated[list[str] | None, typer.Option(help="Another value for a setting, for example --set coarse=0. May be repeated.")] = None,
) -> None:
    """Train the detector of joints, style and signer that measures the renderer, on reference frames alone.

    Example: stable-signer train keypoints --data out/studio --out out/keypoints --minutes 12
    """
    from signer_lib.render.backends import need_diffusers

    need_diffusers()
    from signer_lib.metrics.keypoints_training import train

    training = train(data, out, size, seed, minutes, set)
    if training.accelerator.is_main_process:
        typer.echo(f"{training.state['step']:,} steps, dev error {training.state['best']:.2%} of the picture's side -> {out}")


def evaluate_renderer(
    model: Annotated[Path, typer.Option(help="A trained renderer.")],
    data: Annotated[Path, typer.Option(help="A folder of clips with the split, and train for the floors: see render.renderer.data.")],
    split: Annotated[str, typer.Option(help="test, dev, or another folder of the clips.")] = "test",
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the scheduler. Default: the renderer's own.")] = None,
    detector: Annotated[Path, typer.Option(help="A trained detector: stable-signer train keypoints.")] = CHECKPOINTS / "keypoints",
    clips: Annotated[int | None, typer.Option(min=1, help="Only so many clips, spread over the split.")] = None,
    floors: Annotated[bool, typer.Option(help="Score the floors too.")] = True,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the renderer's noise.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Also write a result's file, for example results/renderer/test.json.")] = None,
) -> None:
    """Score a renderer on a split: pictures, hands, flicker, joints, fingers, style, signer, beside floors and its autoencoder; one JSON line.

    Example: stable-signer evaluate renderer --model out/renderer --data out/studio --out results/renderer/test.json
    """
    from signer_lib.render.backends import need_diffusers

    need_diffusers()
    from signer_lib.comparison.renderer_scores import evaluate
    from signer_lib.results import write_result

    told = {"model": model.name, "data": data.name, "split": split, "steps": steps, "detector": detector.name, "seed": seed}
    result = told | evaluate(model, data, split, detector, steps, seed, floors, clips)
    if out is not None:
        named = ["--model", model.name, "--data", data.name, "--split", split, "--detector", detector.name, "--out", str(out)]
        for name, value in {"steps": steps, "clips": clips, "seed": seed or None}.items():
            named += [f"--{name}", str(value)] if value is not None else []
        write_result(out, result, shlex.join(["stable-signer", "evaluate", "renderer", *named, *([] if floors else ["--no-floors"])]))
    typer.echo(json.dumps(result))
