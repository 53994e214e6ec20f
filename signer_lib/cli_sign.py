"""``stable-signer sign``: from a text to a folder with a video and all that belongs to it; or from a table of texts to a folder of folders."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signer_lib.errors import SignerError

if TYPE_CHECKING:
    from signer_lib.manifest.rows import Row
    from signer_lib.manifest.running import Outcome


def sign(
    text: Annotated[str, typer.Argument(help='One or more English sentences, for example "Where is the library?"')] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for the five files. Default: out/<the first words of the text>")] = None,
    glosses: Annotated[str | None, typer.Option(help='Sign these, for example "LIBRARY WHERE"; a text beside them says what they mean.')] = None,
    pipeline: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Sign with the models of StableSignerPipeline.save_pretrained.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Kept in report.json; the same seed gives the same video.")] = 0,
    size: Annotated[int, typer.Option(min=128, max=2048, help="Height of the video in pixels; its width too, but for --side-by-side.")] = 512,
    captions: Annotated[bool, typer.Option(help="Write the gloss below the signer.")] = True,
    mode: Annotated[str, typer.Option(help="prompt: sign what 'How do I sign \"Hello\"?' asks for; text: sign every word.")] = "prompt",
    renderer: Annotated[str | None, typer.Option(metavar="drawn|diffusion|FOLDER", help=(
        "Who signs; FOLDER is a renderer of your own. Default: diffusion where its weights are, else drawn; report.json says which."))] = None,
    style: Annotated[str | None, typer.Option(help="Of the diffusion renderer: studio, evening, cel or sketch, if it learned them.")] = None,
    signer: Annotated[str | None, typer.Option(help="Of the diffusion renderer: default, small, tall or broad, if it learned them.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of the diffusion renderer. Default: as few as it was distilled to.")] = None,
    side_by_side: Annotated[bool, typer.Option("--side-by-side", help="The rendered signer with the drawn poses on the right.")] = False,
    manifest: Annotated[Path | None, typer.Option(metavar="FILE.csv", help=(
        "Sign every row: columns text or glosses, and any of name, language and these options, which stand in where a cell is empty."))] = None,
    processes: Annotated[int, typer.Option(min=1, help="Of a manifest: so many at once on this machine, each with its own models.")] = 1,
    shard: Annotated[str | None, typer.Option(metavar="K/N", help="Of a manifest: the rows of machine K of N, from 1 on.")] = None,
) -> None:
    """Sign a text: writes video.mp4, captions.vtt, poses.pose, gates.png and report.json.

    Names and words outside the lexicon are fingerspelled with recorded letters, written fs-WORD. The diffusion renderer draws at a size of its own
    (256 pixels), which is enlarged to --size before the captions are written.

    With --manifest each row has a folder of its own in --out. What is finished is kept, so that a run that was stopped goes on, and a row that was
    changed is made anew; a row that fails does not stop the rest. Exit code: 0 all are there, 1 some failed, 2 nothing was begun, 130 stopped.

    Example: stable-signer sign "Hello, my name is Sam." --out out/sam
    """
    if manifest is not None:
        if text or glosses:
            raise SignerError("sign either a text or a --manifest")
        from signer_lib.manifest.rows import Row

        _sign_manifest(manifest, out, processes, shard, Row(
            mode=mode, style=style, signer=signer, seed=seed, renderer=renderer, steps=steps, size=size, captions=captions, side_by_side=side_by_side,
            pipeline=str(pipeline) if pipeline else None))
        return
    if processes > 1 or shard:
        raise SignerError("--processes and --shard belong to --manifest")
    from signer_lib.files import filling
    from signer_lib.language.tokenizer import check_text
    from signer_lib.render.backends import backend

    if glosses is None or text:
        check_text(text)
    if size % 2:
        raise SignerError(f"a video has an even number of pixels: use --size {size + 1}")
    who = backend(renderer) if renderer or not pipeline else None
    from signer_lib.pipeline import StableSignerPipeline  # torch loads here, after the cheap checks
    from signer_lib.signing import slug

    out = out or Path("out") / slug(text or glosses or "")
    with filling(out):  # an unwritable folder is told now; one that we made goes again if the work fails
        signs = StableSignerPipeline.from_pretrained(pipeline, renderer=who)
        shown = signs.renderer.settle(style, signer, steps, side_by_side)
        signing = signs(text, seed=seed, mode=mode, glosses=glosses)
        paths = signing.save(out, size, captions, style=style, signer=signer, steps=steps, side_by_side=side_by_side)
    spelled = [row["gloss"] for row in signing.gloss_spans if row["source"] == "fingerspelling"]
    typer.echo(" ".join(signing.glosses))
    count = len(signing.glosses)
    typer.echo(f"{count} gloss{'es' * (count != 1)}, {len(spelled)} fingerspelled, {signing.poses.duration:.1f} s of video")
    typer.echo("by the drawn signer" if shown["renderer"] == "drawn" else
               f"by the diffusion renderer {signs.models['renderer']}: style {shown['style']}, signer {shown['signer']}, steps {shown['steps']}")
    for row in signing.gloss_spans:
        if word := row.get("stands for"):
            typer.echo(f"{row['gloss']} stands for {word.lower()}, which has no sign here: {row['why']}")
    if left_out := [word for sentence in signing.sentences for word in sentence.unsigned]:
        typer.echo(f"no gloss was found for: {', '.join(left_out)}")
    for path in paths.values():
        typer.echo(path)


def _sign_manifest(manifest: Path, out: Path | None, processes: int, shard: str | None, defaults: Row) -> None:
    from signer_lib.files import filling
    from signer_lib.manifest.rows import read_manifest, shard_of

    k, n = shard_of(shard, os.environ)
    rows = read_manifest(manifest, defaults)[k - 1::n]
    out = out or Path("out") / manifest.stem
    with filling(out):                              # an unwritable folder is told now
        pass
    from signer_lib.manifest.running import sign_rows, write_report

    start, stopped = time.monotonic(), False
    outcomes: list[Outcome] = []
    try:
        with closing(sign_rows(rows, out, processes)) as found:
            for outcome in found:
                outcomes.append(outcome)
                typer.echo(f"{len(outcomes)}/{len(rows)}  {outcome}")
    except KeyboardInterrupt:
        stopped = True
    failed = [outcome for outcome in outcomes if outcome.outcome == "failed"]
    report = write_report(out, outcomes, (k, n), time.monotonic() - start, manifest)
    typer.echo(f"{len(outcomes) - len(failed)} of {len(rows)} rows are there, {len(failed)} failed -> {report}")
    for outcome in failed:
        typer.echo(f"row {outcome.row} ({outcome.name}) failed: {outcome.error}", err=True)
    if stopped:
        typer.echo("stopped: the same command goes on", err=True)
    if stopped or failed:
        raise typer.Exit(130 if stopped else 1)
