"""Fig. 1: the classic path and the hierarchy, and where errors enter. [paper: the two paths and the average pose; ours: numbers, drawing]"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from signer_lib.figures.text import CYCLE, SHADE
from signer_lib.paper.boxes import ERROR, arrow, box, sheet
from signer_lib.paper.commands import COMMANDS, STUDY
from signer_lib.paper.sources import Sources

CAPTION = ("The classic path (above) makes glosses, then poses, then video, each from the one before, and the hierarchy (below) keeps understanding "
           "and rendering and chooses and blends stable poses in between; below each stage stands what it costs in BLEU-4 of the text that is read "
           "back, that is, what is gained when the truth does its work (mean ± standard deviation over seeds; the bars have one scale).")
FILE = "end_to_end/attribution.json"
CHAINS = {  # chain -> its name, and stage -> what does the work
    "cascade": ("classic path", {"understanding": ("Text2Gloss", "SLUL, glosses only"), "poses": ("Gloss2Pose", "pose regression"),
                                 "rendering": ("Pose2Vid", "diffusion renderer")}),
    "hierarchy": ("hierarchy", {"understanding": ("understanding", "SLUL: glosses and states"), "choice": ("choice", "gate, Pose Chosen Networks"),
                                "poses": ("blend and refine", "SLP-MoE on a stable prior"), "rendering": ("rendering", "diffusion renderer")}),
}
COLUMNS = {"understanding": 1.7, "choice": 3.8, "poses": 5.9, "rendering": 8.0}               # inches, left edges
ROWS = {"cascade": 2.95, "hierarchy": 0.75}                                                    # inches, lower edges
WIDE, HIGH, BAR = 1.62, 0.62, 0.36


def load(sources: Sources) -> dict[str, Any]:
    """-> loss: the rows of attribution.json in BLEU-4, read from frames where they were; poses: chain -> measure -> a value for each seed."""
    found = sources.result(FILE, COMMANDS[FILE])
    measure = measure_of(found["loss"])
    runs = {"cascade": sources.every("slp_moe/rules/regression-*.json", STUDY), "hierarchy": sources.every("slp_moe/rules/full-*.json", STUDY)}
    poses = {chain: {name: [run[name] for run in own] for name in ("hand_error", "dtw_mje", "total_distance_ratio")} for chain, own in runs.items()}
    return {"measure": measure, "loss": [row for row in found["loss"] if row["measure"] == measure], "poses": poses, "goal": found["goal"]}


def measure_of(loss: Sequence[Mapping[str, Any]]) -> str:
    """BLEU-4 of what is read from frames, where both chains have it; else from poses."""
    seen = {row["chain"] for row in loss if row["measure"] == "bleu4_seen"}
    return "bleu4_seen" if seen >= set(CHAINS) else "bleu4"


def draw(data: Mapping[str, Any]) -> Figure:
    """What ``load`` gave."""
    figure, axis = sheet(10.0, 4.35)
    most = max([abs(row["mean"]) for row in data["loss"]], default=0) or 1
    for chain, (name, stages) in CHAINS.items():
        y = ROWS[chain]
        axis.text(0.08, y + HIGH + 0.22, name, fontsize=11, fontweight="bold", va="bottom")
        box(axis, 0.08, y, 1.05, HIGH, "text", fill="0.94", points=8)
        edges, given = [(1.13, y + HIGH / 2)], "words"
        for stage, (title, who) in stages.items():
            x = COLUMNS[stage]
            box(axis, x, y, WIDE, HIGH, title, [who], colour=CYCLE[0] if chain == "hierarchy" else "0.4", points=7.5)
            arrow(axis, edges[-1], (x, y + HIGH / 2), given)
            edges.append((x + WIDE, y + HIGH / 2))
            given = {"understanding": "glosses", "choice": "weights", "poses": "poses", "rendering": ""}[stage]
            _loss(axis, x, y, [row for row in data["loss"] if (row["chain"], row["stage"]) == (chain, stage)], most)
        arrow(axis, edges[-1], (9.98, y + HIGH / 2), "video")
        own = data["poses"][chain]
        said = (f"hands off by {_spread(own['hand_error'])}\nDTW-MJE {_spread(own['dtw_mje'])}\n"
                f"travel {np.mean(own['total_distance_ratio']):.0%} of the true way")
        axis.text(COLUMNS["poses"] + WIDE / 2, y + HIGH + 0.1, said, ha="center", va="bottom", fontsize=7.5, linespacing=1.25, color="0.15",
                  bbox={"facecolor": SHADE, "edgecolor": "none", "pad": 2.5})
    y = ROWS["hierarchy"] + HIGH
    start, end = COLUMNS["understanding"] + WIDE / 2, COLUMNS["rendering"] + WIDE / 2
    axis.plot([start, start, end, end], [y, y + 0.86, y + 0.86, y + 0.1], color=CYCLE[0], linewidth=1.2, linestyle="--")
    arrow(axis, (end, y + 0.12), (end, y), colour=CYCLE[0])
    choice = COLUMNS["choice"] + WIDE / 2
    axis.plot([choice, choice], [y + 0.86, y + 0.1], color=CYCLE[0], linewidth=1.2, linestyle="--")
    arrow(axis, (choice, y + 0.12), (choice, y), colour=CYCLE[0])
    axis.text(start + 0.08, y + 0.82, "semantic states", fontsize=8, va="top", color=CYCLE[0])
    read = "frames" if data["measure"] == "bleu4_seen" else "poses"
    axis.text(0.08, 0.1, f"costs in BLEU-4 of the text read from {read}; lengths in shoulder widths", fontsize=7.5, color="0.3")
    return figure


def _loss(axis: Axes, x: float, y: float, rows: Sequence[Mapping[str, Any]], most: float) -> None:
    """Below a box: the bar of what its stage costs, and the number."""
    if not rows:
        axis.text(x + WIDE / 2, y - 0.24, "not measured", ha="center", va="center", fontsize=8, color="0.45")
        return
    row = rows[0]
    spread = "" if row["std"] is None else f" ± {row['std']:.1f}"
    length = WIDE * min(abs(row["mean"]) / most, 1)
    axis.add_patch(Rectangle((x, y - BAR), WIDE, 0.13, facecolor="0.95", edgecolor="none"))
    axis.add_patch(Rectangle((x, y - BAR), length, 0.13, facecolor=ERROR if row["mean"] > 0 else CYCLE[2], edgecolor="none"))
    axis.text(x, y - 0.06, f"costs {'' if row['mean'] > 0 else 'nothing: '}{row['mean']:.1f}{spread}", va="top", fontsize=8)


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")


def compared(data: Mapping[str, Any]) -> str:
    """The paper: errors of the classic path add up, and training on many targets for a gloss gives an average pose. [paper]"""
    worst = {chain: max((row for row in data["loss"] if row["chain"] == chain), key=lambda row: row["mean"], default=None) for chain in CHAINS}
    said = [f"in the {CHAINS[chain][0]} most is lost in {row['stage']} ({row['mean']:.1f})" for chain, row in worst.items() if row]
    travel, hands = ({chain: np.mean(own[name]) for chain, own in data["poses"].items()} for name in ("total_distance_ratio", "hand_error"))
    average = travel["cascade"] < 0.85 and hands["cascade"] > hands["hierarchy"]
    return (f"The paper says that errors add up along the classic path and that its poses become an average one; here {' and '.join(said)}, and the "
            f"regression's poses {'are such an average' if average else 'are no such average'}: they travel {travel['cascade']:.0%} of the true way "
            f"(SLP-MoE {travel['hierarchy']:.0%}) with hands {hands['cascade'] / hands['hierarchy']:.1f} times as far off.")
