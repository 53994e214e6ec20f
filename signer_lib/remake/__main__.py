"""Makes every file of ``results/`` again at nano size, into a folder of its own, and tells the figures beside the committed ones. [ours]

    python -m signer_lib.remake --out out/results

``results/`` itself is never touched: its figures took hours. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from signer_lib.assets import RESULTS
from signer_lib.errors import SignerError, run
from signer_lib.remake.listed import ENTRIES, Entry
from signer_lib.remake.running import Remaking, told

HEADS = ["file", "minutes", "outcome", "figure", "now, nano", "committed"]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/results"), help="the new results (default: %(default)s)")
    parser.add_argument("--work", type=Path, default=Path("out/remake"), help="data, models, logs (default: %(default)s)")
    parser.add_argument("--data", type=Path, help="the folder of the real data (default: $SIGNER_DATA)")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time, of one thread each (default: %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="ENTRY", help="these entries and what they need")
    parser.add_argument("--list", action="store_true", help="only say what would be made by what")
    args = parser.parse_args(arguments)
    if args.out.resolve() == RESULTS or RESULTS in args.out.resolve().parents:
        raise SignerError(f"{args.out} holds the committed figures, which took hours: choose another --out")
    if args.workers < 1:
        raise SignerError(f"{args.workers} workers can do nothing: use 1 or more")
    entries = chosen(args.only)
    remaking = Remaking(entries, args.out, args.work, args.data, args.workers)
    if args.list:
        for entry in entries:
            print(f"{entry.name} ({entry.minutes:g} min): python {' '.join(remaking.command(entry))}")
        return
    start = time.monotonic()
    outcomes = remaking.run()
    rows = told(entries, outcomes, RESULTS, args.out)
    widths = [max(map(len, column)) for column in zip(HEADS, *rows)]
    for row in [HEADS, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    failed = [name for name, outcome in outcomes.items() if outcome.how == "failed"]

    def count(how: str) -> int:
        return sum(outcome.how == how for outcome in outcomes.values())

    print(f"{(time.monotonic() - start) / 60:.1f} minutes: {count('remade')} remade, {count('kept')} kept, {count('skipped')} skipped, "
          f"{len(failed)} failed")
    print("Nano sizes: these figures show that the commands run; those in results/ took hours and stay as they are.")
    if failed:
        sys.exit(1)


def chosen(names: list[str] | None) -> list[Entry]:
    """The entries of these names and all that they need, in their order; all of them without names. Raises ``SignerError`` for an unknown name."""
    by_name = {entry.name: entry for entry in ENTRIES}
    wanted, todo = set(), list(by_name if names is None else names)
    while todo:
        name = todo.pop()
        if name not in by_name:
            raise SignerError(f"there is no entry '{name}': python -m signer_lib.remake --list tells them")
        if name not in wanted:
            wanted.add(name)
            todo += by_name[name].needs
    return [entry for entry in ENTRIES if entry.name in wanted]


if __name__ == "__main__":
    run(main)
