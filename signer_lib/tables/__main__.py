"""Every table of the results, or those that are named, as Markdown and LaTeX. [ours]

    python -m signer_lib.tables --out out/tables [text_understanding production video ablation efficiency end_to_end rating]
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from signer_lib.assets import RESULTS
from signer_lib.errors import SignerError, run
from signer_lib.files import filling
from signer_lib.results import as_written
from signer_lib.tables import latex, markdown
from signer_lib.tables.model import Table

NAMES = ("text_understanding", "production", "video", "ablation", "efficiency", "end_to_end", "rating")


def build(name: str, results: Path) -> tuple[str, dict[str, Table | str]]:
    """-> the table's title and its parts: heading -> the table, or the line that says which file is missing."""
    module, parts = importlib.import_module(f"signer_lib.tables.{name}"), {}
    for heading, make in module.PARTS.items():
        try:
            with as_written(f"{module.TITLE}, {heading}"):
                parts[heading] = make(results)
        except SignerError as error:
            parts[heading] = str(error)
    return module.TITLE, parts


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, default=Path("out/tables"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args(arguments)
    if unknown := [name for name in args.names if name not in NAMES]:
        raise SignerError(f"there is no table '{unknown[0]}': use {', '.join(NAMES)}")
    if not args.results.is_dir():
        raise SignerError(f"{args.results} is no folder of results")
    with filling(args.out) as part:
        for name in args.names or NAMES:
            title, parts = build(name, args.results)
            (part / f"{name}.md").write_text(markdown.document(title, parts), encoding="utf-8")
            (part / f"{name}.tex").write_text(latex.document(title, parts), encoding="utf-8")
            missing = [heading for heading, made in parts.items() if isinstance(made, str)]
            print(f"{args.out / name}.md and .tex" + (f"; not here yet: {', '.join(missing)}" if missing else ""))


if __name__ == "__main__":
    run(main)
