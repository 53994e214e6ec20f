"""Fig. 6, ours in place of an unread one: what the gate does across the test sentences. [ours]"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
from signer_lib.figures.text import CYCLE, HATCHES, SHADE
from signer_lib.paper.commands import STUDY
from signer_lib.paper.sources import Sources

CAPTION = ("Ours, as the paper's Fig. 6 could not be read: how much each expert weighs, by the kind of gloss, over all test sentences; experts are "
           "named by the tempo and size that they learned, bars are means over SLP-MoE's seeds, ticks single seeds, the dotted line an even gate.")
PATTERN = "slp_moe/rules/full-*.json"
KINDS = {  # what is said of a gloss, its labels in their order
    "manner": ("light", "even", "stressed", "final", "letter"),
    "sign type": ("one-handed", "symmetric", "alternating", "base-hand", "compound", "letter"),
}


def load(sources: Sources) -> list[dict[str, Any]]:
    """The results of SLP-MoE on (a), one for each seed."""
    return sources.every(PATTERN, STUDY)


def weights(data: Sequence[Mapping[str, Any]], kind: str) -> tuple[list[str], np.ndarray]:
    """-> L labels, mean gate weights (seeds, K, L) of the units that have each: a label's lift times the expert's load."""
    tables = [run["gates"]["experts"] for run in data]
    if len({len(table) for table in tables}) != 1:
        raise SignerError("the seeds have different numbers of experts: compare runs of one setting")
    known = [set(row["lift"].get(kind, {})) for table in tables for row in table]
    labels = [label for label in KINDS[kind] if all(label in one for one in known)]
    if not labels:
        raise SignerError(f"the results say nothing of the {kind}: make them again with  {STUDY}")
    return labels, np.array([[[row["lift"][kind][label] * row["load"] for label in labels] for row in table] for table in tables])


def draw(data: Sequence[Mapping[str, Any]]) -> Figure:
    """``data``: what ``load`` gave."""
    found = {kind: weights(data, kind) for kind in KINDS}
    figure = Figure(figsize=(9.6, 3.3), layout="constrained")
    axes = figure.subplots(1, len(found), sharey=True, width_ratios=[len(labels) + 0.4 for labels, _ in found.values()])
    for axis, (kind, (labels, values)) in zip(axes, found.items()):
        _panel(axis, labels, values)
        bits = [run["gates"]["information"][kind]["bits"] for run in data]
        axis.set_xlabel(f"{kind} of the gloss: the gate tells {np.mean(bits):.2f} bit", fontsize=9)
    axes[0].set_ylabel("gate weight")
    experts = [[run["gates"]["experts"][k] for run in data] for k in range(len(data[0]["gates"]["experts"]))]
    names = [f"expert {k + 1}: tempo ×{np.mean([row['tempo'] for row in own]):.2f}, size ×{np.mean([row['size'] for row in own]):.2f}"
             for k, own in enumerate(experts)]
    figure.legend(axes[0].containers, names, ncols=2, loc="outside upper center", frameon=False, fontsize=8.5)
    return figure


def _panel(axis: Axes, labels: Sequence[str], values: np.ndarray) -> None:
    K = values.shape[1]
    width = 0.8 / K
    for k in range(K):
        at = np.arange(len(labels)) + (k - (K - 1) / 2) * width
        axis.bar(at, values[:, k].mean(0), width, color=CYCLE[k % len(CYCLE)], hatch=HATCHES[k % len(HATCHES)], edgecolor="black", linewidth=0.5)
        axis.scatter(np.tile(at, len(values)), values[:, k].ravel(), marker="_", s=26, color="black", linewidth=1, zorder=3)
    axis.axhline(1 / K, color="black", linestyle=":", linewidth=1)
    axis.set_xticks(range(len(labels)), labels, fontsize=8.5)
    axis.set_ylim(0, 1)
    axis.grid(color=SHADE, axis="y")
    axis.set_axisbelow(True)


def compared(data: Sequence[Mapping[str, Any]]) -> str:
    """The paper: semantic states give the gating weights. [paper] Whether they tell glosses apart, ours says in bits."""
    told = [run["gates"]["information"]["manner"] for run in data]
    labels, values = weights(data, "manner")
    mean = values.mean(0)                                                                           # (K, L)
    k, at = np.unravel_index(mean.argmax(), mean.shape)
    bits, chance = (np.mean([one[name] for one in told]) for name in ("bits", "chance_95"))
    return (f"The paper says that semantic states give the gating weights and shows no such statistics that we could read; here the gate "
            f"{'tells' if bits > chance else 'does not tell'} how a gloss is to be signed ({bits:.2f} bit, by chance {chance:.3f} at most in 95 of "
            f"100), most clearly {labels[at]} ones, of which expert {k + 1} carries {mean[k, at]:.0%}.")
