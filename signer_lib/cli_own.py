"""The command line of a person's own data: ``stable-signer train all`` and ``stable-signer poses``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signer_lib.errors import SignerError


def train_all(
    config: Annotated[Path, typer.Option(help="The study's YAML: recipes/own_data.yaml explains every key.")],
    out: Annotated[Path, typer.Option(help="Folder for everything. A study that was stopped there goes on; finished stages are kept.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the data, print the plan: sizes, about how many minutes. Write nothing.")] = False,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Of each training, in place of what the YAML says: for a first try.")] = None,
    result: Annotated[Path | None, typer.Option(help="Also write the report there.")] = None,
) -> None:
    """Train every stage on your own data: text -> glosses -> poses, its evaluator, and a pipeline that signs; from one YAML.

    Writes a folder for each stage, pipeline/ for  stable-signer sign --pipeline,  and results.json: what was reached on held-out data.

    Example: stable-signer train all --config study.yaml --out out/study --dry-run
    """
    from signer_lib.own_data.report import printed
    from signer_lib.own_data.running import Running, plan_table

    running = Running(config, out, result, minutes)
    if dry_run:
        steps = running.plan()
        typer.echo(printed(plan_table(steps)))
        known = [step.minutes or 0.0 for step in steps if step.state != "done"]
        typer.echo(f"about {max(1, round(sum(known)))} minutes of one CPU core; nothing was written")
        return
    running.run()
    if "pipeline" in running.study.stages:
        typer.echo(f'stable-signer sign "..." --pipeline {out / "pipeline"}')


def poses(
    video: Annotated[Path, typer.Argument(help="A video of one person, from the front, head to hips.")],
    out: Annotated[Path, typer.Option(help="The .pose file to write.")],
    model: Annotated[Path | None, typer.Option(help="MediaPipe's holistic_landmarker.task. Default: the models inside MediaPipe.")] = None,
) -> None:
    """Video -> poses, with MediaPipe's holistic tracker; needs the extra: pip install -c constraints.txt -e .[video]

    Nothing is downloaded, and the video leaves this machine for nowhere. Only track people who agreed to it.

    Example: stable-signer poses book.mp4 --out signs/BOOK.pose
    """
    if out.suffix.lower() != ".pose":
        raise SignerError(f"{out}: name a .pose file")
    from signer_lib.own_data.video import track
    from signer_lib.pose.formats import write_pose

    found, shown = track(video, model)
    write_pose(found, out)
    told = ", ".join(f"{part.replace('_', ' ')} {share:.0%}" for part, share in shown.items())
    typer.echo(f"{len(found)} frames, {found.duration:.1f} s -> {out}; seen in: {told}")
