"""``stable-signer sign``: from a text to a folder with a video and all that belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signer_lib.errors import SignerError


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
) -> None:
    """Sign a text: writes video.mp4, captions.vtt, poses.pose, gates.png and report.json.

    Names and words outside the lexicon are fingerspelled with recorded letters, written fs-WORD. The diffusion renderer draws at a size of its own
    (256 pixels), which is enlarged to --size before the captions are written.

    Example: stable-signer sign "Hello, my name is Sam." --out out/sam
    """
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
    typer.echo(f"{len(signing.glosses)} glosses, {len(spelled)} fingerspelled, {signing.poses.duration:.1f} s of video")
    typer.echo("by the drawn signer" if shown["renderer"] == "drawn" else
               f"by the diffusion renderer {signs.models['renderer']}: style {shown['style']}, signer {shown['signer']}, steps {shown['steps']}")
    for row in signing.gloss_spans:
        if word := row.get("stands for"):
            typer.echo(f"{row['gloss']} stands for {word.lower()}, which has no sign here: {row['why']}")
    if left_out := [word for sentence in signing.sentences for word in sentence.unsigned]:
        typer.echo(f"no gloss was found for: {', '.join(left_out)}")
    for path in paths.values():
        typer.echo(path)
