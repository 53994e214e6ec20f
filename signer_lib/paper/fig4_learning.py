"""Fig. 4: how efficiently each part learns, DTW after every quarter of an epoch. [paper: what is shown; ours: systems, data, measure]"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from signer_lib.errors import SignerError
from signer_lib.figures.text import CYCLE, DASHES, MARKERS, SHADE
from signer_lib.paper.commands import COMMANDS
from signer_lib.paper.sources import Sources

CAPTION = ("DTW-MJE (shoulder widths, lower is better) on held-out sentences after every quarter of an epoch: each system has one part more than the "
           "one before it (base, + SLUL, + SLP-MoE, + SAGM); lines are means over seeds, bands one standard deviation.")
FILE = "end_to_end/learning.json"
NAMES = {"base": "base", "slul": "+ SLUL", "slp_moe": "+ SLP-MoE", "sagm": "+ SAGM"}                  # in the order in which they build on each other
APART = 0.055                           # least distance of two labels, by the panel's height
Curve = tuple[np.ndarray, np.ndarray, np.ndarray]


def load(sources: Sources) -> dict[str, Any]:
    """What learning.json holds."""
    return sources.result(FILE, COMMANDS[FILE])


def curves(rows: Sequence[Mapping[str, Any]], measure: str = "dtw_mje") -> dict[str, Curve]:
    """system -> epochs (n,), mean (n,), standard deviation (n,) over the seeds that were measured at each; 0 for one seed."""
    found = {}
    for system in NAMES:
        own = [row for row in rows if row["system"] == system and row.get(measure) is not None]
        at = sorted({row["epoch"] for row in own})
        values = [[row[measure] for row in own if row["epoch"] == epoch] for epoch in at]
        if at:
            found[system] = np.array(at), np.array([np.mean(v) for v in values]), np.array([np.std(v, ddof=1) if len(v) > 1 else 0.0 for v in values])
    if not found:
        raise SignerError(f"no row has a '{measure}': make {FILE} again with  {COMMANDS[FILE]}")
    return found


def draw(data: Mapping[str, Any]) -> Figure:
    """``data``: what ``load`` gave."""
    found = curves(data["rows"])
    figure = Figure(figsize=(6.6, 3.5), layout="constrained")
    axis = figure.subplots()
    for k, (epochs, mean, std) in enumerate(found.values()):
        axis.fill_between(epochs, mean - std, mean + std, color=CYCLE[k], alpha=0.18, linewidth=0)
        axis.plot(epochs, mean, color=CYCLE[k], linestyle=DASHES[k], marker=MARKERS[k], markersize=4, linewidth=1.8)
    axis.set(xlabel="epochs of training", ylabel="DTW-MJE on held-out sentences\n(shoulder widths; lower is better)")
    axis.xaxis.set_major_locator(_quarters(max(epochs.max() for epochs, *_ in found.values())))
    axis.grid(color=SHADE)
    _label(axis, found)
    return figure


def _quarters(last: float) -> MultipleLocator:
    return MultipleLocator(0.25 if last <= 2 else 0.5 if last <= 4 else 1)


def _label(axis: Axes, found: Mapping[str, Curve]) -> None:
    """Each line's name and last value at its right end, moved apart where they would touch."""
    low, high = axis.get_ylim()
    order = sorted(found, key=lambda system: found[system][1][-1])
    places = [(found[system][1][-1] - low) / (high - low) for system in order]
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + APART)
    over = max(0.0, places[-1] - 1)
    last = max(epochs.max() for epochs, *_ in found.values())
    for system, place in zip(order, places):
        epochs, mean, _ = found[system]
        line = {"arrowstyle": "-", "color": CYCLE[[*found].index(system)], "linewidth": 1.2, "shrinkA": 1, "shrinkB": 3, "relpos": (0, 0.5)}
        axis.annotate(f"{NAMES[system]}  {mean[-1]:.3f}", (epochs[-1], mean[-1]), xytext=(1.04, place - over), textcoords="axes fraction",
                      va="center", fontsize=9, annotation_clip=False, arrowprops=line)
    axis.set_xlim(right=last * 1.02 if last else 1)


def changes(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float | None]]:
    """What each part changes at the last measurement that it shares with the system before it: (mean, std) over the seeds of both; below 0 it lowers
    DTW-MJE. std is None for one seed."""
    value = {(row["system"], row["seed"], row["epoch"]): row["dtw_mje"] for row in rows}
    systems, found = [system for system in NAMES if any(system == one for one, *_ in value)], {}
    for before, after in zip(systems, systems[1:]):
        shared = [(seed, epoch) for system, seed, epoch in value if system == after and (before, seed, epoch) in value]
        if shared:
            last = max(epoch for _, epoch in shared)
            apart = [value[after, seed, epoch] - value[before, seed, epoch] for seed, epoch in shared if epoch == last]
            found[after] = float(np.mean(apart)), float(np.std(apart, ddof=1)) if len(apart) > 1 else None
    return found


def compared(data: Mapping[str, Any]) -> str:
    """The paper: SLUL and SLP-MoE lower DTW, SAGM alone does not move it. [paper]"""
    found, said = changes(data["rows"]), []
    for system, (mean, std) in found.items():
        still = abs(mean) <= (std or 0.0)
        as_paper = still if system == "sagm" else mean < 0 and not still
        how = f"{mean:+.3f}, one seed" if std is None else f"{mean:+.3f} ± {std:.3f}"
        said.append(f"{NAMES[system].removeprefix('+ ')} {'does not move it' if still else 'lowers it' if mean < 0 else 'raises it'} ({how}), "
                    f"{'as' if as_paper else 'unlike'} there")
    return f"The paper says that SLUL and SLP-MoE lower DTW and that SAGM alone does not move it; here {'; '.join(said) or 'too little is measured'}."
