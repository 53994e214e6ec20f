"""The needs of a training on a corpus of so many clips and hours, as tables; with --page into a page, between its marks. [ours]

    python -m signer_lib.needs --clips 31000 --hours 80
    python -m signer_lib.needs --clips 31047 --hours 80 --gigabytes 67 --renderer base paper --page recipes/HOW2SIGN.md
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from signer_lib.errors import SignerError, run
from signer_lib.files import whole_file
from signer_lib.needs.estimate import SUSTAINED, Corpus, Need, disk, memory, needs
from signer_lib.render.renderer.settings import renderer_config

MARKS = "<!-- made by: python -m signer_lib.needs", "<!-- end -->"


def tables(corpus: Corpus, slul: str, reader: str, renderers: list[str]) -> str:
    """Markdown: each training, then disk and memory."""
    best, worst = (f"{speed / 1e12:.0f}" for speed in SUSTAINED)
    frames = f"{corpus.frames / 1e6:.1f} million frames at 25 a second, {corpus.frames_a_clip} a clip"
    lines = [f"{corpus.clips:,} clips, {corpus.hours:g} hours: {frames}.", "",
             f"| training | size | weights (millions) | steps | passes over the data | operations (10^15) | GPU hours ({best}-{worst} TFLOP/s) | "
             "hours of one of our processes | state on disk (GB) | GPU memory without activations (GB) |", "| --- " * 10 + "|"]
    lines += [_line(need) for need in needs(corpus, slul, reader, renderers)]
    sizes = [renderer_config(renderer).size for renderer in renderers]
    for what, found in (("files", disk(corpus, sizes)), ("memory of a process", memory(corpus))):
        lines += ["", f"| {what} | GB |", "| --- | --- |", *(f"| {name} | {_short(value)} |" for name, value in found.items())]
    return "\n".join(lines) + "\n"


def _line(need: Need) -> str:
    gpu = "-".join(map(_short, need.gpu)) if need.gpu else ""
    cells = [need.stage, need.size, f"{need.weights / 1e6:.1f}", f"{need.steps:,}", _short(need.epochs),
             _short(need.operations / 1e15) if gpu else "", gpu, "" if need.ours is None else _short(need.ours), _short(need.state_gigabytes),
             _short(need.gpu_gigabytes) if gpu else ""]
    return f"| {' | '.join(cells)} |"


def _short(value: float) -> str:
    """Two digits that count."""
    return f"{float(f'{value:.2g}'):,.10g}"


def into_page(page: Path, made: str, command: str) -> None:
    """Between the page's marks. Raises ``SignerError`` if it has none."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    found = re.search(re.escape(MARKS[0]) + r"[^\n]*-->\n.*?" + re.escape(MARKS[1]), text, re.DOTALL)
    if not found:
        raise SignerError(f"{page} has no lines '{MARKS[0]} ... -->' and '{MARKS[1]}': write them where the tables are to stand")
    with whole_file(page) as part:
        part.write_text(text[:found.start()] + f"<!-- made by: {command} -->\n{made}{MARKS[1]}" + text[found.end():], encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.needs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, required=True, help="sentences with a video each")
    parser.add_argument("--hours", type=float, required=True, help="of video, in all")
    parser.add_argument("--gigabytes", type=float, default=0.0, help="of the corpus's files as they are published")
    parser.add_argument("--slul", default="base", help="nano, phoenix or base")
    parser.add_argument("--reader", default="base", help="the back-translation: nano or base")
    parser.add_argument("--renderer", default=["base"], nargs="+", help="nano, base, paper")
    parser.add_argument("--page", type=Path, help="a Markdown page to write the tables into")
    args = parser.parse_args(arguments)
    if args.clips < 1 or not 0 < args.hours < 1e6:
        raise SignerError("a corpus has at least one clip, and more than 0 hours")
    made = tables(Corpus(args.clips, args.hours, args.gigabytes), args.slul, args.reader, args.renderer)
    if args.page:
        words = (f"--clips {args.clips} --hours {args.hours:g} --gigabytes {args.gigabytes:g} --slul {args.slul} --reader {args.reader} "
                 f"--renderer {' '.join(args.renderer)}")
        into_page(args.page, made, f"python -m signer_lib.needs {words} --page recipes/{args.page.name}")
    else:
        print(made, end="")


if __name__ == "__main__":
    run(main)
