"""The command line: ``stable-signer sign | doctor``, also ``python -m signer_lib``."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Annotated

import typer

from signer_lib.assets import CHECKPOINTS, DATA, ROOT, cache_dir, signer_data
from signer_lib.errors import SignerError

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


@app.command()
def sign(
    text: Annotated[str, typer.Argument(help='One or more English sentences, for example "Where is the library?"')],
    out: Annotated[Path | None, typer.Option(help="Folder for the four files. Default: out/<the first words of the text>")] = None,
    seed: Annotated[int, typer.Option(help="Written to report.json; the same text and seed give the same files.")] = 0,
    size: Annotated[int, typer.Option(min=128, max=2048, help="Width and height of the video in pixels.")] = 512,
    captions: Annotated[bool, typer.Option(help="Write the gloss below the signer.")] = True,
) -> None:
    """Sign a text: writes video.mp4, poses.pose, gates.png and report.json.

    Names and words outside the lexicon are fingerspelled with recorded letters, written fs-WORD.

    Example: stable-signer sign "Hello, my name is Sam." --out out/sam
    """
    from signer_lib.files import filling
    from signer_lib.language.tokenizer import check_text

    check_text(text)
    from signer_lib.pipeline import StableSignerPipeline, slug  # torch loads here, after the cheap checks

    out = out or Path("out") / slug(text)
    with filling(out):  # an unwritable folder is told now; one that we made goes again if the work fails
        signing = StableSignerPipeline.from_pretrained()(text, seed)
        paths = signing.save(out, size, captions)
    spelled = [row["gloss"] for row in signing.gloss_spans if row["source"] == "fingerspelling"]
    typer.echo(" ".join(signing.glosses))
    typer.echo(f"{len(signing.glosses)} glosses, {len(spelled)} fingerspelled, {signing.poses.duration:.1f} s of video")
    for path in paths.values():
        typer.echo(path)


@app.command()
def doctor() -> None:
    """Tell what is installed, what is shipped, what is missing, and what to type to mend it."""
    import torch

    typer.echo(f"Python      {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores")
    device = (
        torch.cuda.get_device_name(0)
        if torch.cuda.is_available()
        else "mps"
        if torch.backends.mps.is_available()
        else "none: everything here runs on the CPU"
    )
    typer.echo(f"GPU         {device}")
    wanted = [
        "stable-signer",
        "torch",
        "transformers",
        "tokenizers",
        "accelerate",
        "datasets",
        "evaluate",
        "pose-format",
        "spoken-to-signed",
        "matplotlib",
        "av",
    ]
    for name in wanted:
        typer.echo(f"{name:<18}{_version(name) or 'MISSING: type  pip install -c constraints.txt -e .'}")
    for name, extra in {"jupyterlab": "notebooks", "nbval": "test", "diffusers": "diffusion"}.items():
        typer.echo(f"{name:<18}{_version(name) or f'not installed: type  pip install -e .[{extra}]'}")
    problems = 0
    for what, path, mend in (
        ("SLUL, nano", CHECKPOINTS / "slul-nano", "python -m signer_lib.language.training --size nano --out data/checkpoints/slul-nano"),
        (
            "SLP-MoE, nano",
            CHECKPOINTS / "slp-moe-nano",
            "python -m signer_lib.experts.training --size nano --out data/checkpoints/slp-moe-nano",
        ),
        ("lexicon of signs", DATA / "lexicon", "git checkout -- data"),
        ("corpus", DATA / "corpus", "git checkout -- data"),
    ):
        there = path.is_dir()
        problems += not there
        typer.echo(f"{what:<18}{path.relative_to(ROOT) if there else f'MISSING: type  {mend}'}")
    built = sorted(cache_dir().glob("prior-*"), key=lambda path: path.stat().st_mtime)
    typer.echo(f"{'pose prior':<18}{built[-1] if built else 'not built yet: the first sign builds it (less than a minute)'}")
    typer.echo(
        f"{'real data':<18}{signer_data() or 'none: set SIGNER_DATA to a folder; tests that need it are skipped, notebooks show stored results'}"
    )
    typer.echo("all is well" if not problems else f"{problems} thing(s) to mend, see MISSING above")
    raise typer.Exit(1 if problems else 0)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> None:
    """A ``SignerError`` ends in one line and exit code 2."""
    try:
        app()
    except SignerError as error:
        print(f"stable-signer: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stable-signer: stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
