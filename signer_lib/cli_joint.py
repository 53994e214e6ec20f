"""The command line of the joint fine-tuning: ``stable-signer train joint``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signer_lib.assets import CHECKPOINTS, RENDERER
from signer_lib.cli_poses import RULES, Changes, Minutes, Out, Seed


def train_joint(
    out: Out,
    performances: Annotated[Path, typer.Option(help="Performed sentences: python -m signer_lib.performances rules --out DIR makes them.")] = RULES,
    experts: Annotated[Path, typer.Option(help="The SLP-MoE to begin with.")] = CHECKPOINTS / "slp-moe-nano",
    renderer: Annotated[Path, typer.Option(help="The renderer that looks on. It stays as it is.")] = RENDERER,
    data: Annotated[Path | None, typer.Option(help="Clips of these performances, a folder or a bundle with train and dev. Where there is none, the "
                                                   "renderer's pictures of the true poses are the reference.")] = None,
    size: Annotated[str, typer.Option(help="nano, base, or a YAML file with the settings.")] = "nano",
    minutes: Minutes = None,
    seed: Seed = 1,
    set: Changes = None,
) -> None:
    """Fine-tune SLP-MoE together with a frozen renderer: Eq. 9, and what its pictures lack, back through the control images to the gate.

    Writes the experts, log.jsonl and training.json. --set weight_renderer=0 is the control: as many steps without the renderer.

    Example: stable-signer train joint --performances rules --out out/joint
    """
    from signer_lib.render.backends import need_diffusers

    need_diffusers()
    from signer_lib.joint.settings import joint_config
    from signer_lib.joint.training import Training

    training = Training(joint_config(size, set), experts, renderer, performances, out, seed, data, minutes, size=Path(size).stem)
    training.run()
    typer.echo(f"{training.state['step']:,} steps, best on dev at step {training.state['best_step']} -> {out}")
