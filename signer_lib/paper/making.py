"""From the names of figures to files: each as PDF and PNG with its data's hash, and the captions. [ours]"""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from matplotlib.figure import Figure

from signer_lib.assets import RESULTS
from signer_lib.errors import SignerError
from signer_lib.figures.alt import with_alt
from signer_lib.figures.save import save_fig
from signer_lib.files import filling
from signer_lib.paper.sources import Missing, Models, Sources
from signer_lib.results import as_written

FIGURES = {  # name -> module
    "fig1": "fig1_paths", "fig2": "fig2_overview", "fig3": "fig3_slp_moe", "fig4": "fig4_learning", "fig5": "fig5_strips", "fig6": "fig6_gates",
    "fig7": "fig7_attribution", "fig8": "fig8_corruption",
}
ENDINGS = ".pdf", ".png"
SMALL = 5                               # points of the line in the corner
LETTERS = 0.036                         # inches that a letter of it takes


@dataclass(frozen=True)
class Made:
    """A figure, its caption of two sentences, and what it was drawn from."""

    figure: Figure
    caption: str
    stamp: str


def module_of(name: str) -> ModuleType:
    """The module that draws "fig1", ... Raises ``SignerError`` for another name."""
    if name not in FIGURES:
        raise SignerError(f"there is no figure '{name}': use {', '.join(FIGURES)}")
    return importlib.import_module(f"signer_lib.paper.{FIGURES[name]}")


def make(name: str, sources: Sources | None = None) -> Made:
    """One figure from the files that it needs. Raises ``Missing`` if one is not there, ``SignerError`` for an unknown name or a damaged file."""
    module, sources = module_of(name), sources or Sources()
    with as_written(name):
        data = module.load(sources)
        caption = f"{module.CAPTION} {module.compared(data)}"
        return Made(with_alt(module.draw(data), caption), caption, sources.stamp)


def stamped(made: Made) -> Figure:
    """The figure with what it was drawn from in small print below its right corner. Once for a figure: the line is added to it."""
    figure = made.figure
    lines = textwrap.wrap(made.stamp, max(40, int(figure.get_figwidth() / LETTERS)), break_long_words=False)
    figure.text(0.995, -0.004, "\n".join(lines), ha="right", va="top", fontsize=SMALL, color="0.4")
    return figure


def make_figures(out: Path | str, names: Sequence[str] = (), results: Path | str = RESULTS, captions: bool = False) -> tuple[list[Path], list[str]]:
    """Draws figures into ``out``, all of them or those that are named: -> the files, and a line for each that could not be drawn.

    captions  also captions.md, with what each was drawn from.
    Raises ``SignerError`` for an unknown name or a damaged file; and when the others are drawn, if one that was named, or every one, lacks a file.
    """
    for name in names:
        module_of(name)
    out, models, written, skipped, told = Path(out), Models(), [], [], []
    with filling(out) as part:
        for name in dict.fromkeys(names or FIGURES):
            try:
                made = make(name, Sources(results, models))
            except Missing as missing:
                skipped.append(f"{name} is skipped: {missing}")
                continue
            figure = stamped(made)
            written += [save_fig(figure, part / f"{name}{ending}", dpi=200, about=made.stamp) for ending in ENDINGS]
            told.append(f"## Fig. {name.removeprefix('fig')}\n\n{made.caption}\n\n<!-- {made.stamp} -->\n")
        if captions and told:
            (part / "captions.md").write_text("\n".join(["# Captions\n", *told]), encoding="utf-8")
            written.append(part / "captions.md")
    if skipped and (names or not written):
        raise SignerError("; ".join(skipped))
    return [out / path.name for path in written], skipped
