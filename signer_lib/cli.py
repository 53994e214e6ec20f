"""The command line: ``stable-signer sign | studio | poses | convert | train | evaluate | prior | rating | figures | doctor``."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Annotated

import typer

from signer_lib.assets import CHECKPOINTS, DATA, ROOT, cache_dir, default_renderer
from signer_lib.cli_convert import convert
from signer_lib.cli_figures import figures
from signer_lib.cli_joint import train_joint
from signer_lib.cli_own import poses, train_all
from signer_lib.cli_poses import evaluate_poses, train_back_translation, train_regression, train_slp_moe
from signer_lib.cli_prior import prior
from signer_lib.cli_rating import rating
from signer_lib.cli_render import evaluate_renderer, train_keypoints, train_renderer
from signer_lib.cli_sign import sign
from signer_lib.cli_studio import studio
from signer_lib.errors import run

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Stable Signer companion: from an English sentence to ASL glosses, poses and a video of a signer.\n\n"
        "It teaches a method. It is not a translator, and no Deaf signer has checked what it signs."
    ),
)


trainings = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Train a stage.")
evaluations = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Score a stage: one JSON line.")
app.add_typer(trainings, name="train")
app.add_typer(evaluations, name="evaluate")
app.add_typer(prior, name="prior")
app.add_typer(rating, name="rating")
app.command("sign")(sign)
app.command("studio")(studio)
app.command("convert")(convert)
app.command("figures")(figures)
app.command("poses")(poses)
trainings.command("slp-moe")(train_slp_moe)
trainings.command("regression")(train_regression)
trainings.command("back-translation")(train_back_translation)
trainings.command("renderer")(train_renderer)
trainings.command("keypoints")(train_keypoints)
trainings.command("joint")(train_joint)
trainings.command("all")(train_all)
evaluations.command("poses")(evaluate_poses)
evaluations.command("renderer")(evaluate_renderer)

Data = Annotated[Path, typer.Option(help="A folder with train, dev and test as .text and .gloss, PHOENIX-2014T's tables, or aslg_pc12.")]
TextExt = Annotated[str, typer.Option(help="The ending of the files with the sentences, for example de.")]
Language = Annotated[str | None, typer.Option(help="A pair of language codes, spoken and signed, for example de-gsg. Default: guessed.")]


@trainings.command("slul")
def train_slul(
    out: Annotated[Path, typer.Option(help="Folder for the model. A training that was stopped there goes on.")],
    data: Data = DATA / "corpus",
    text_ext: TextExt = "text",
    language: Language = None,
    size: Annotated[str, typer.Option(help="nano, phoenix, base, or a YAML file with the settings.")] = "nano",
    base: Annotated[str | None, typer.Option(help="Start from a T5 of the hub or a folder; add --set learning_rate=0.001.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Train about so long instead of all epochs; scoring on dev comes on top.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same model.")] = 1,
    set: Annotated[list[str] | None, typer.Option(help="Another value for a setting, for example --set weight_kl=0. May be repeated.")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Leave the training pairs on the disk: for more than fit into memory.")] = False,
) -> None:
    """Train SLUL, text -> glosses, on a parallel corpus: Eq. 2-5 of the paper.

    Writes the model, log.jsonl and training.json. On several GPUs: accelerate launch -m signer_lib train slul ...

    Example: stable-signer train slul --data phoenix --text-ext de --size base --minutes 20 --out out/phoenix
    """
    from signer_lib.language.corpora import open_corpus

    corpus = open_corpus(data, text_ext, language, stream)
    pairs = len(corpus.train), len(corpus.dev)  # a malformed file is told before torch loads
    from signer_lib.language.training import Training, slul_config

    training = Training(slul_config(size, set), corpus, out, seed, minutes, base)
    training.run()
    if training.accelerator.is_main_process:
        best = f"dev BLEU-4 {training.state['best_bleu4']:.2f} (epoch {training.state['best_epoch']})"
        typer.echo(f"{pairs[0]:,} pairs, {training.state['step']:,} steps, {best} -> {out}")


@evaluations.command("slul")
def evaluate_slul(
    model: Annotated[Path, typer.Option(help="A trained SLUL.")] = CHECKPOINTS / "slul-nano",
    data: Data = DATA / "corpus",
    text_ext: TextExt = "text",
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "test",
    beams: Annotated[int | None, typer.Option(min=1, max=64, help="Width of the search. Default: the model's own.")] = None,
) -> None:
    """Score SLUL on a split: BLEU-1..4, ROUGE-L, chrF, WER, the share of exact sentences, as one JSON line with a signature.

    Example: stable-signer evaluate slul --model out/phoenix --data phoenix --text-ext de --split test
    """
    import json

    from signer_lib.language.corpora import open_corpus

    pairs = open_corpus(data, text_ext).split(split)
    from signer_lib.language.slul import SLUL
    from signer_lib.language.training import evaluate

    slul = SLUL.from_pretrained(model, _device())
    scores = evaluate(slul, pairs, beams)
    typer.echo(json.dumps({"model": str(model), "data": str(data), "split": split, "beams": beams or slul.settings["beams"]} | scores))


NEEDED = (
    *("stable-signer", "torch", "transformers", "tokenizers", "accelerate", "datasets", "evaluate", "diffusers"),
    *("pose-format", "spoken-to-signed", "matplotlib", "av"),
)
EXTRAS = {"jupyterlab": "notebooks", "nbval": "test", "mypy": "dev", "vtk": "studio", "mediapipe": "video"}
SHIPPED = {
    "data/checkpoints/slul-nano/model.safetensors": "git checkout -- data, or train it: see README",
    "data/checkpoints/slp-moe-nano/model.safetensors": "git checkout -- data, or train it: see README",
    "data/checkpoints/back-translation-nano/model.safetensors": "git checkout -- data, or train it: see README",
    "data/checkpoints/back-translation-seen/model.safetensors": "git checkout -- data, or train it: see README",
    "data/checkpoints/renderer-base/unet/diffusion_pytorch_model.safetensors": "git checkout -- data, or train it: see README",
    "data/checkpoints/keypoints/model.safetensors": "git checkout -- data, or train it: see README",
    "data/lexicon/handshapes.yaml": "git checkout -- data",
    "data/corpus/train.text": "git checkout -- data",
    "data/signers/default.yaml": "git checkout -- data",
}


@app.command()
def doctor() -> None:
    """Tell what is installed, what is shipped, what is missing, and what to type to mend it."""
    missing = 0
    typer.echo(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores")
    for name in NEEDED:
        missing += _version(name) is None
        typer.echo(f"  {name:<18}{_version(name) or 'MISSING: type  pip install -c constraints.txt -e .'}")
    for name, extra in EXTRAS.items():
        typer.echo(f"  {name:<18}{_version(name) or f'not installed: type  pip install -e .[{extra}]'}")
    typer.echo("Device")
    typer.echo(f"  {_device_name() if _version('torch') else 'unknown without torch'}")
    typer.echo("Shipped and built")
    for name, mend in SHIPPED.items():
        there = (ROOT / name).is_file()
        missing += not there
        typer.echo(f"  {name}{'' if there else f'  MISSING: type  {mend}'}")
    built = sorted(cache_dir().glob("prior-*"), key=lambda path: path.stat().st_mtime)
    typer.echo(f"  {built[-1] if built else 'the pose prior is not built yet: the first sign builds it (less than a minute)'}")
    typer.echo(f"  sign shows {'the diffusion renderer' if default_renderer() == 'diffusion' else 'the drawn signer: no trained renderer is here'}")
    typer.echo(f"{missing} thing(s) to mend, see MISSING above" if missing else "all is well")
    raise typer.Exit(1 if missing else 0)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _device_name() -> str:
    import torch

    return f"{torch.cuda.get_device_name(0)}: trains, scores and renders" if torch.cuda.is_available() else "CPU"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> None:
    """``stable-signer``."""
    run(app)


if __name__ == "__main__":
    main()
