"""The command line of stage three: ``stable-signer train slp-moe | regression | back-translation`` and ``stable-signer evaluate poses``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signer_lib.assets import CHECKPOINTS, cache_dir
from signer_lib.errors import SignerError

if TYPE_CHECKING:
    from signer_lib.loop import Loop

RULES = cache_dir() / "performances" / "rules"
Data = Annotated[Path, typer.Option(help="A data folder of performed sentences: python -m signer_lib.performances rules --out DIR makes one.")]
Out = Annotated[Path, typer.Option(help="Folder for the model. A training that was stopped there goes on.")]
Minutes = Annotated[float | None, typer.Option(min=0.1, help="Train about so long instead of all steps.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same model.")]
Changes = Annotated[list[str] | None, typer.Option(help="Another value for a setting, for example --set experts=1. May be repeated.")]
Size = Annotated[str, typer.Option(help="nano, or a YAML file with the settings.")]


def train_slp_moe(out: Out, data: Data = RULES, size: Size = "nano", minutes: Minutes = None, seed: Seed = 1, set: Changes = None) -> None:
    """Train SLP-MoE, glosses and states -> poses, on performed sentences: Eq. 6-9 of the paper.

    Writes the model, log.jsonl and training.json. On several machines: accelerate launch -m signer_lib train slp-moe ...

    Example: stable-signer train slp-moe --data rules --out out/moe --set experts=6
    """
    _there(data)
    from signer_lib.experts.training import Training, moe_config

    training = Training(moe_config(size, set), data, out, seed, minutes)
    training.run()
    _told(training, out, f"best on dev at step {training.state['best_step']}")


def train_regression(out: Out, data: Data = RULES, size: Size = "nano", minutes: Minutes = None, seed: Seed = 1, set: Changes = None) -> None:
    """Train the pose regression baseline, glosses -> frames one by one, in the manner of Progressive Transformers.

    Example: stable-signer train regression --data rules --out out/regression
    """
    _there(data)
    from signer_lib.baselines.regression_training import Training, regression_config

    training = Training(regression_config(size, set), data, out, seed, minutes)
    training.run()
    _told(training, out, f"best epoch {training.state['best_epoch']}")


def train_back_translation(
    out: Out,
    data: Annotated[Path, typer.Option(help="A folder with train and dev as .text, .gloss and poses (.safetensors, .skels or .pose files).")],
    size: Annotated[str, typer.Option(help="nano, base, seen (a judge of frames), or a YAML file with the settings.")] = "nano",
    minutes: Minutes = None,
    seed: Seed = 1,
    set: Changes = None,
) -> None:
    """Train the evaluator that reads poses back, pose -> gloss -> text, on whatever skeleton the folder has.

    Example: stable-signer train back-translation --data rules/judge --out out/judge
    """
    from signer_lib.metrics.back_translation_training import train

    training = train(data, out, size, seed, minutes, set)
    _told(training, out, f"dev BLEU-4 {training.state['best'][0]:.2f} (epoch {training.state['best_epoch']})")


def evaluate_poses(
    system: Annotated[str | None, typer.Option(help="static_mean, nearest_neighbour, stitching, regression, slp_moe, ground_truth, ...")] = None,
    poses: Annotated[Path | None, typer.Option(help="Or your own: a folder of .pose files, one a sentence, in the split's order.")] = None,
    data: Data = RULES,
    judge: Annotated[Path, typer.Option(help="A trained back-translation.")] = CHECKPOINTS / "back-translation-nano",
    model: Annotated[Path | None, typer.Option(help="The folder of a trained system. Default for slp_moe: the shipped one.")] = None,
    split: Annotated[str, typer.Option(help="dev or test.")] = "test",
) -> None:
    """Score a system's poses on a split: distances by DTW, motion, jerk, and what the evaluator reads in them, as one JSON line.

    Example: stable-signer evaluate poses --system stitching --data rules
    """
    if (system is None) == (poses is None):
        raise SignerError("say what to score: either --system NAME or --poses DIR")
    _there(data)
    from signer_lib.comparison.scoring import score
    from signer_lib.comparison.systems import Asked, produce
    from signer_lib.metrics.back_translation import BackTranslation
    from signer_lib.performances.folder import Produced
    from signer_lib.pose.formats import read_poses

    asked, reader = Asked(data, split), BackTranslation.from_pretrained(judge)
    if system == "slp_moe" and model is None:
        model = CHECKPOINTS / "slp-moe-nano"
    if poses is not None:
        produced = [Produced(one.resample(asked.truth[0].poses.fps)) for one in read_poses(poses).values()]
    else:
        assert system is not None                               # one of the two, see above
        produced = produce(system, asked, model)
    told = {"system": system or str(poses), "model": str(model) if model else None, "data": str(data), "split": split, "judge": str(judge)}
    typer.echo(json.dumps(told | score(produced, asked, reader)))


def _there(data: Path) -> None:
    if not (data / "train.jsonl").is_file():
        raise SignerError(f"there are no performed sentences in {data}: make them with  python -m signer_lib.performances rules --out {data}")


def _told(training: Loop[Any], out: Path, best: str) -> None:
    if training.accelerator.is_main_process:
        typer.echo(f"{training.state['step']:,} steps, {best} -> {out}")
