"""Boxes and arrows: what Fig. 1 and Fig. 2 are made of. Places are inches from the lower left corner, so that letters and boxes fit. [ours]"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from signer_lib.figures.text import CYCLE

ERROR = CYCLE[3]                        # vermilion
LINE = 0.16                             # inches from line to line of small text
PAPER = "white"


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty picture so many inches wide and high, without frame or ticks."""
    figure = Figure(figsize=(width, height))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(0, height))
    axis.set_axis_off()
    return figure, axis


def box(axis: Axes, x: float, y: float, width: float, height: float, title: str, lines: Sequence[str] = (), *, colour: str = "0.4",
        fill: str = PAPER, dashed: bool = False, points: float = 7) -> None:
    """A box with its lower left corner at (x, y): the title in bold, at its top where lines follow, and the lines below."""
    axis.add_patch(FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.06", facecolor=fill, edgecolor=colour,
                                  linewidth=1.3, linestyle="--" if dashed else "-", zorder=2))
    top = y + height / 2 + LINE * (len(lines) + 0.15 * bool(lines)) / 2
    axis.text(x + width / 2, top, title, ha="center", va="center", fontsize=points + 1.5, fontweight="bold", zorder=3)
    for k, line in enumerate(lines):
        axis.text(x + width / 2, top - LINE * (k + 1.15), line, ha="center", va="center", fontsize=points, zorder=3)


def arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], text: str = "", *, colour: str = "0.25", below: bool = False,
          bend: float = 0.0, points: float = 7.5, dashed: bool = False) -> None:
    """An arrow from point to point, with text over its middle (or below it)."""
    axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, linewidth=1.2, color=colour, shrinkA=0, shrinkB=0, zorder=1,
                                   connectionstyle=f"arc3,rad={bend}", linestyle="--" if dashed else "-"))
    if text:
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        axis.text(x, y + (-0.06 if below else 0.06), text, ha="center", va="top" if below else "bottom", fontsize=points, linespacing=1.15, zorder=3)
