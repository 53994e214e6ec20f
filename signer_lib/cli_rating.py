"""``stable-signer rating kit | summary``: clips judged by people, Deaf people first. [ours]"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signer_lib.assets import RESULTS
from signer_lib.errors import SignerError

rating = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Let people judge clips, blind: pages to rate with, and what the ratings say.")


@rating.command()
def kit(
    systems: Annotated[list[str], typer.Option(metavar="NAME=FOLDER", help=(
        "A system and its clips: SENTENCE/video.mp4, as sign --no-captions writes them, or SENTENCE.mp4. May be repeated."))],
    out: Annotated[Path, typer.Option(help="Folder for the kit.")],
    raters: Annotated[int, typer.Option(min=1, max=999, help="How many; best a multiple of the number of systems.")],
    references: Annotated[Path | None, typer.Option(help="Good clips of the same sentences, rated unnamed among the others.")] = None,
    sentences: Annotated[Path | None, typer.Option(help="What clips say: lines of name, tab, text. Default: the report.json beside a clip.")] = None,
    per_rater: Annotated[int | None, typer.Option(min=1, help="Rated clips for each rater. Default: one for each sentence.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**63 - 1, help="The same seed gives the same kit; keep it secret. Default: drawn.")] = None,
    size: Annotated[int, typer.Option(min=64, max=2048, help="Width and height of every clip in pixels.")] = 512,
    consent: Annotated[Path | None, typer.Option(help="The text to agree to, yours. Default: a draft with places to fill in.")] = None,
    instructions: Annotated[Path | None, typer.Option(help="A video, signed by a Deaf signer, of consent, instructions and questions.")] = None,
) -> None:
    """Make a kit: for each rater a folder with a page that works offline, clips in a balanced random order under blind names; guide, consent, key.

    Example: stable-signer rating kit --systems ours=out/ours --systems stitched=out/stitched --references out/true --raters 9 --out out/kit
    """
    import secrets

    from signer_lib.rating.kit import make_kit

    if size % 2:
        raise SignerError(f"a video has an even number of pixels: use --size {size + 1}")
    named: dict[str, Path] = {}
    for system in systems:
        name, equals, folder = system.partition("=")
        if not (name and equals and folder) or name in named:
            raise SignerError(f"'{system}' is no system: write --systems NAME=FOLDER, each name once")
        named[name] = Path(folder)
    drawn = secrets.randbits(63) if seed is None else seed
    for line in make_kit(out, named, raters, drawn, references, sentences, per_rater, size, consent, instructions):
        typer.echo(line)


@rating.command()
def summary(
    kit: Annotated[Path, typer.Option(help="The kit that was rated.")],
    ratings: Annotated[list[Path], typer.Option(help="A file that a rater's page saved, or a folder of them. May be repeated.")],
    out: Annotated[Path, typer.Option(help="The result's file, which tables and figures read.")] = RESULTS / "rating" / "summary.json",
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the bootstrap's draws.")] = 0,
) -> None:
    """Sum up what raters said: means with intervals, agreement, attention, consistency. Every file is checked; without ratings there is no result.

    Example: stable-signer rating summary --kit out/kit --ratings out/ratings
    """
    import shlex

    from signer_lib.rating.summary import summarise
    from signer_lib.results import write_result

    result = summarise(kit, ratings, seed)
    named = ["--kit", kit.name, *(word for path in ratings for word in ("--ratings", path.name)), "--seed", str(seed)]
    write_result(out, result, shlex.join(["stable-signer", "rating", "summary", *named]))
    who, failed = result["raters"], result["attention"]["failed_raters"]
    typer.echo(f"{who['count']} of {who['invited']} raters, {who['Deaf']} of them Deaf ({who['share_deaf']:.0%})")
    typer.echo(f"failed a hidden check: {', '.join(failed) or 'nobody'}")
    for row in result["scales"]:
        between = "" if row["low"] is None else f" ({row['low']:.2f} to {row['high']:.2f})"
        typer.echo(f"{row['scale']:<12} {row['system']:<20} {row['mean']:.2f}{between} of {row['ratings']} ratings")
    for row in result["agreement"]:
        typer.echo(f"{row['scale']:<12} alpha {'unknown' if row['alpha'] is None else format(row['alpha'], '.2f')} over {row['clips']} clips")
    typer.echo(out)
