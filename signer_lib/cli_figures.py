"""``stable-signer figures``: the paper's figures from the files in ``results/``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signer_lib.assets import RESULTS


def figures(
    names: Annotated[list[str] | None, typer.Argument(metavar="[FIGURE]...", help="fig1 to fig8. Default: all.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for a PDF and a PNG of each.")] = Path("out/figures"),
    results: Annotated[Path, typer.Option(help="The folder of results.")] = RESULTS,
    captions: Annotated[bool, typer.Option("--captions", help="Also captions.md: how to read each, how ours compares with the paper.")] = False,
) -> None:
    """Draw the paper's figures, each with the hash of the files that it was drawn from.

    A figure whose results are not there yet is left out, with the command that makes them.

    Example: stable-signer figures fig4 fig7 --out out/figures --captions
    """
    from signer_lib.paper.making import make_figures

    written, skipped = make_figures(out, names or [], results, captions)
    for line in (*written, *skipped):
        typer.echo(line)
