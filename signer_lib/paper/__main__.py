"""Draws the paper's figures from the files in ``results/`` and the shipped models. [ours]

    python -m signer_lib.paper --out out/figures [fig1 fig4 ...] [--captions]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from signer_lib.assets import RESULTS
from signer_lib.errors import run
from signer_lib.paper.making import FIGURES, make_figures


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.paper", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="FIGURE", help=f"{', '.join(FIGURES)}; default: all")
    parser.add_argument("--out", type=Path, default=Path("out/figures"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--captions", action="store_true", help="also captions.md")
    args = parser.parse_args(arguments)
    written, skipped = make_figures(args.out, args.names, args.results, args.captions)
    print(*written, *skipped, sep="\n")


if __name__ == "__main__":
    run(main)
