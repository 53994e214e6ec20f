"""``stable-signer convert``: recordings from any format to any other, the table of formats, and what is wrong with a recording. [ours]"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signer_lib.errors import SignerError


def convert(
    source: Annotated[Path | None, typer.Argument(help="A file or folder of recordings, in any of the formats of --formats.")] = None,
    target: Annotated[Path | None, typer.Argument(help="The file or folder to write; it must not be there yet.")] = None,
    to: Annotated[str | None, typer.Option(help="pose, skels, openpose, mediapipe, npz, slrtp, spoken-to-signed or safetensors. "
                                                "Default: what the target's ending says.")] = None,
    fps: Annotated[float | None, typer.Option(min=0.1, help="Frames a second of a source that does not say (OpenPose, .skels, npz, SLRTP).")] = None,
    resample: Annotated[float | None, typer.Option(min=1, help="Bring every clip to this frame rate.")] = None,
    language: Annotated[str | None, typer.Option(help="Spoken and signed language: the rows of a lexicon to take, and to write. Default: all, "
                                                      "and en-ase.")] = None,
    body: Annotated[str | None, typer.Option(help="Points of .pose files: signer (70), reduced (178), full (553). Default: the source's.")] = None,
    words: Annotated[Path | None, typer.Option(help="A CSV or TSV of what is said: a column for clips, and gloss, text or signer.")] = None,
    formats: Annotated[bool, typer.Option("--formats", help="Print what each format holds and what is lost each way.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing: name what is wrong with SOURCE, by file, frame and joint.")] = False,
) -> None:
    """Convert recordings to another format, and say in one line what the target does not hold.

    Texts and glosses are found in the source or in a table beside it (words.csv, PHOENIX-2014T's annotations, How2Sign's texts). --check ends with
    exit code 2 if a clip cannot be used, with 1 if anything else is wrong.

    Example: stable-signer convert dev.skels out/dev --to openpose
    """
    if formats:
        from signer_lib.pose.formats import table

        for row in table.lines()[1:]:
            typer.echo("\n".join([row[0], *(f"  {name:<19}{value}" for name, value in zip(table.lines()[0][1:], row[1:]))]))
        return
    if source is None or (target is None) != check:
        raise SignerError("name the recordings and where they shall go: stable-signer convert SOURCE TARGET; or SOURCE --check, or --formats")
    if check:
        raise typer.Exit(check_recordings(source, fps, words))
    from signer_lib.pose.formats.converting import convert as run

    assert target is not None
    report = run(source, target, to, fps, resample, language, body, words)
    typer.echo(f"{report.clips:,} clips, {report.frames:,} frames, {report.source} -> {report.target}, {target}")
    typer.echo(report.line())


def check_recordings(source: Path, fps: float | None = None, words: Path | None = None) -> int:
    """Print what is wrong with recordings, one line each, and a summary. -> the exit code: 0 nothing, 1 something, 2 a clip cannot be used"""
    from signer_lib.pose.formats.checking import check

    summary = check(source, fps, words, typer.echo)
    typer.echo(summary.line())
    return summary.code
