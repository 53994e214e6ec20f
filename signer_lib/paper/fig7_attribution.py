"""Fig. 7, ours in place of an unread one: what each stage costs, in both chains. [ours]"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
from signer_lib.figures.text import CYCLE, HATCHES, SHADE
from signer_lib.paper.commands import COMMANDS
from signer_lib.paper.sources import Sources

CAPTION = ("Ours, as the paper's Fig. 7 could not be read: what each stage costs in BLEU-4 and WER of what is read back and in the error of the "
           "hands, that is, what is gained when the truth does its work too; mean and standard deviation over seeds, above 0 is a loss (*: the "
           "classic path has no choice).")
FILE = "end_to_end/attribution.json"
STAGES = {"understanding": "under-\nstanding", "choice": "choice*", "poses": "poses", "rendering": "rendering"}
CHAINS = {"hierarchy": "hierarchy", "cascade": "classic path (cascade)"}
MEASURES = {  # measure -> what stands at its axis, how a number is written
    "bleu4": ("BLEU-4 lost,\nread from poses", "{:.1f}"),
    "bleu4_seen": ("BLEU-4 lost,\nread from frames", "{:.1f}"),
    "wer": ("WER added (%),\nread from poses", "{:.1f}"),
    "wer_seen": ("WER added (%),\nread from frames", "{:.1f}"),
    "hand_error": ("error of hands added\n(shoulder widths)", "{:.3f}"),
    "hand_ssim": ("SSIM of hands lost,\nin frames", "{:.3f}"),
}


def load(sources: Sources) -> dict[str, Any]:
    """What attribution.json holds."""
    return sources.result(FILE, COMMANDS[FILE])


def draw(data: Mapping[str, Any]) -> Figure:
    """``data``: what ``load`` gave."""
    shown = [measure for measure in MEASURES if any(row["measure"] == measure for row in data["loss"])]
    if not shown:
        raise SignerError(f"no loss is measured: make {FILE} again with  {COMMANDS[FILE]}")
    columns = 3 if len(shown) > 4 else len(shown)
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.3 * columns, 2.35 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True).T.ravel()
    for axis, measure in zip(axes, shown):
        _panel(axis, [row for row in data["loss"] if row["measure"] == measure], *MEASURES[measure])
    for axis in axes[len(shown):]:
        axis.set_axis_off()
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, ncols=2, loc="outside upper center", frameon=False, fontsize=9)
    return figure


def _panel(axis: Axes, rows: Sequence[Mapping[str, Any]], label: str, form: str) -> None:
    axis.axhline(0, color="black", linewidth=0.8)
    for k, (chain, name) in enumerate(CHAINS.items()):
        own = {row["stage"]: row for row in rows if row["chain"] == chain}
        at = [n + (k - 0.5) * 0.4 for n, stage in enumerate(STAGES) if stage in own]
        means, spreads = ([row[key] or 0 for stage in STAGES if (row := own.get(stage))] for key in ("mean", "std"))
        axis.bar(at, means, 0.38, yerr=spreads, capsize=2.5, color=CYCLE[k], hatch=HATCHES[k], edgecolor="black", linewidth=0.5, label=name,
                 error_kw={"linewidth": 0.9})
        for x, mean, spread in zip(at, means, spreads):
            axis.annotate(form.format(mean), (x, mean + spread if mean >= 0 else mean - spread), xytext=(0, 3 if mean >= 0 else -3),
                          textcoords="offset points", ha="center", va="bottom" if mean >= 0 else "top", fontsize=5.6)
    low, high = axis.get_ylim()
    axis.set_ylim(low - 0.06 * (high - low) * (low < 0), high + 0.12 * (high - low))
    axis.set_xticks(range(len(STAGES)), STAGES.values(), fontsize=8)
    axis.set_ylabel(label, fontsize=8.5)
    axis.tick_params(axis="y", labelsize=8)
    axis.grid(color=SHADE, axis="y", zorder=0)
    axis.set_axisbelow(True)


def compared(data: Mapping[str, Any]) -> str:
    """The paper: +48.6 % in BLEU-4 over the state of the art, and errors that add up in the classic path. [paper]"""
    goal = data["goal"]
    low, high = goal["interval"]
    read = "frames" if goal["measure"] == "bleu4_seen" else "poses"
    if goal["ratio"] is None:
        end = f"the classic path is read at BLEU-4 0 from {read}, so there is no ratio"
    else:
        sure = " to ".join("infinity" if value is None else f"{value:.2f}" for value in (low, high))
        end = (f"ours, read from {read}, is {goal['ratio']:.2f} times the classic path's ({goal['hierarchy']:.1f} and {goal['cascade']:.1f}; 95 % "
               f"interval {sure}), "
               f"{'which reaches' if goal['ratio'] >= goal['wanted'] else 'short of'} that")
    return f"The paper claims {goal['wanted']:.3f} times the BLEU-4 of the state of the art, on real data; here, on rule-made data, {end}."
