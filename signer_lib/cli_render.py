"""The command line of stage four: ``stable-signer train renderer``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train_renderer(
    data: Annotated[Path, typer.Option(help="A folder with train and dev, each with videos, poses and a metadata.jsonl: see render.renderer.data.")],
    out: Annotated[Path, typer.Option(help="Folder for the renderer. A training that was stopped there goes on.")],
    size: Annotated[str, typer.Option(help="nano, base, paper, or a YAML file with the settings.")] = "nano",
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Train about so long in all instead of all steps.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same renderer.")] = 1,
    set: Annotated[list[str] | None, typer.Option(help="Another value for a setting, for example --set weight_hands=0. May be repeated.")] = None,
) -> None:
    """Train the diffusion renderer, poses -> video, in three stages: autoencoder, diffusion, distillation to a few steps.

    Writes the renderer, samples/*.png, log.jsonl and training.json. On several GPUs: accelerate launch -m signer_lib train renderer ...

    Example: stable-signer train renderer --data out/studio --out out/renderer --minutes 20
    """
    from signer_lib.render.backends import need_diffusers

    need_diffusers()
    from signer_lib.render.renderer.curriculum import train

    training = train(data, out, size, seed, minutes, set)
    if training.accelerator.is_main_process:
        typer.echo(f"{training.state['step']:,} steps, best on dev at step {training.state['best_step']} -> {out}")
