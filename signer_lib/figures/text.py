"""Text understanding: bars for each gloss, masks, matrices, spans, losses over time, and the lines of the study. [ours]

Every drawing function takes data and an axis, and returns the axis; without an axis it makes a new figure (``axis.figure``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from signer_lib.errors import SignerError
from signer_lib.figures.axis import axis_of

CYCLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000"  # Okabe and Ito's: apart for every colour vision
DASHES = "-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), "-"
MARKERS = "o", "s", "^", "D", "v", "P", "X"
HATCHES = "", "//", "..", "\\\\", "xx", "--", "oo"
COLOURS = "cividis"  # even in lightness and made for every colour vision
SHADE = "0.88"

TERMS = {  # a term of L_text -> its name in a legend
    "total": "L_text, the weighted sum",
    "slul": "L_SLUL, Eq. 2",
    "sagm": "L_SAGM, Eq. 3",
    "kl": "L_KL, Eq. 4",
    "con": "L_con, Eq. 5",
    "asked": "pointer of prompts [ours]",
}
SYSTEMS = {  # a variant of the study -> its name in a table or legend, in their order
    "copy": "copying the text",
    "plain": "Eq. 2 (plain)",
    "sagm": "+ SAGM, Eq. 3",
    "sagm_kl": "+ KL, Eq. 4",
    "full": "+ contrast, Eq. 5 (full)",
    "full_semantic": "full, semantic masking",
}
NOISES = {"drop": "words dropped", "misspell": "words misspelt", "rarer": "rarer synonyms"}


def plot_bars(names: Sequence[str], series: Mapping[str, Sequence[float]], axis: Axes | None = None, *, label: str) -> Axes:
    """One or more bars for each of N names, such as glosses. ``series``: legend name -> N values; ``label``: what they are, with the unit."""
    for name, values in series.items():
        if len(values) != len(names):
            raise SignerError(f"{len(names)} names need as many bars, but '{name}' has {len(values)}")
    axis = axis_of(axis, max(5, 0.85 * len(names) + 1), 2.8)
    width = 0.8 / len(series)
    for k, (name, values) in enumerate(series.items()):
        places = np.arange(len(names)) + (k - (len(series) - 1) / 2) * width
        axis.bar(places, np.asarray(values, float), width, color=CYCLE[k], edgecolor="black", linewidth=0.5, hatch=HATCHES[k], label=name)
    axis.set_xticks(range(len(names)), names, rotation=30 if len(names) > 5 else 0, ha="right" if len(names) > 5 else "center")
    axis.set_ylabel(label)
    if len(series) > 1:
        axis.legend(fontsize=8)
    return axis


def plot_masking(glosses: Sequence[str], hidden: np.ndarray, rates: Sequence[float], axis: Axes | None = None) -> Axes:
    """Draws of g~ (Eq. 3), one a row: hidden glosses are dark. hidden (D, T) bool; rates (T,), written above each gloss."""
    hidden = np.asarray(hidden, bool)
    draws, count = hidden.shape
    if not count == len(glosses) == len(rates):
        raise SignerError(f"masks of shape {hidden.shape} need {count} glosses and {count} rates, not {len(glosses)} and {len(rates)}")
    axis = axis_of(axis, 1.25 * count + 1, 0.32 * draws + 0.9)
    axis.imshow(hidden, cmap="gray_r", vmin=0, vmax=1.6, aspect="auto", interpolation="nearest")
    for row, k in np.ndindex(draws, count):
        dark = hidden[row, k]
        axis.text(k, row, "mask" if dark else glosses[k], ha="center", va="center", fontsize=8, color="white" if dark else "black")
    axis.set_xticks(np.arange(count), [f"{rate:.0%}" for rate in rates])
    axis.set_yticks(range(draws), map(str, range(1, draws + 1)))
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    axis.set(xlabel="masking rate of each gloss", ylabel="draw")
    for edge in range(1, count):
        axis.axvline(edge - 0.5, color="white", linewidth=1.5)
    return axis


def plot_matrix(values: np.ndarray, rows: Sequence[str], columns: Sequence[str], axis: Axes | None = None, *, label: str,
                limits: tuple[float, float] | None = None) -> Axes:
    """A matrix (R, C) as colours, the largest of each row outlined: attention (glosses over words), similarities (texts over glosses)."""
    values = np.asarray(values, float)
    if values.shape != (len(rows), len(columns)):
        raise SignerError(f"a matrix of shape {values.shape} needs {values.shape[0]} rows and {values.shape[1]} columns named, "
                          f"not {len(rows)} and {len(columns)}")
    axis = axis_of(axis, 0.55 * len(columns) + 3.2, 0.36 * len(rows) + 1.6)
    low, high = limits or (values.min(), values.max())
    image = axis.imshow(values, cmap=COLOURS, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    axis.figure.colorbar(image, ax=axis, label=label, pad=0.02)
    axis.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(rows)), rows)
    for row, best in enumerate(values.argmax(1)):
        axis.add_patch(Rectangle((best - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#D55E00", linewidth=2))
    return axis


def plot_span(words: Sequence[str], first: Sequence[float], last: Sequence[float], span: tuple[int, int], axis: Axes | None = None) -> Axes:
    """For each of N words the probability that what is asked for begins, and that it ends there; the words of ``span`` are shaded."""
    axis = plot_bars(words, {"begins here": first, "ends here": last}, axis, label="probability")
    axis.axvspan(span[0] - 0.5, span[1] + 0.5, color=SHADE, zorder=0)
    axis.set_ylim(0, 1.05)
    return axis


def plot_states(points: np.ndarray, names: Sequence[str], kinds: Sequence[str], axis: Axes | None = None) -> Axes:
    """Gloss states projected to (n, 2), each with its name, in the colour and marker of its kind."""
    axis = axis_of(axis, 9, 6)
    for k, kind in enumerate(sorted(set(kinds))):
        here = np.array([other == kind for other in kinds])
        x, y = np.asarray(points)[here].T
        axis.scatter(x, y, color=CYCLE[k % len(CYCLE)], marker=MARKERS[k % len(MARKERS)], s=28, label=kind)
    for name, point in zip(names, points):
        axis.annotate(name, point, xytext=(3, 3), textcoords="offset points", fontsize=6.5, color="0.25")
    axis.set(xlabel="first principal component", ylabel="second principal component")
    axis.legend(title="kind of sign", fontsize=8)
    return axis


def plot_terms(log: Sequence[Mapping[str, Any]], axis: Axes | None = None) -> Axes:
    """Every term of L_text over the steps, from a training's log; lines without losses, such as those of dev, are passed over."""
    lines = [line for line in log if "total" in line]
    if not lines:
        raise SignerError("the log holds no losses: train at least log_steps steps")
    axis = axis_of(axis, 8, 3.8)
    steps = [line["step"] for line in lines]
    for k, (term, name) in enumerate(TERMS.items()):
        if term in lines[0]:
            axis.plot(steps, [line[term] for line in lines], color=CYCLE[k - 1], linestyle=DASHES[k], marker=MARKERS[k], markersize=3, label=name)
    axis.set(xlabel="training step", ylabel="loss (nats, logarithmic axis)", yscale="log")
    axis.grid(color=SHADE)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return axis


def _by_variant(results: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The runs of each variant, in the order of ``SYSTEMS``."""
    groups = defaultdict(list)
    for result in results:
        groups[result["variant"]].append(result)
    order = [*SYSTEMS, *groups]
    return dict(sorted(groups.items(), key=lambda item: order.index(item[0])))


def plot_noise(results: Sequence[Mapping[str, Any]], axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """BLEU-4 on test over the share of the words that was changed, greedy search: a panel for each noise, a line for each variant.

    Bars are one standard deviation over the seeds. Raises ``SignerError`` if no result was scored under noise, or the panels are too few.
    """
    groups = _by_variant([result for result in results if result.get("noise")])
    noises = list(dict.fromkeys(row["noise"] for runs in groups.values() for run in runs for row in run["noise"]))
    if not noises:
        raise SignerError("no result was scored under noise: make some with python -m signer_lib.language.study")
    if axes is None:
        axes = Figure(figsize=(4 * len(noises), 3.4), layout="constrained").subplots(1, len(noises), sharey=True, squeeze=False)[0]
    if len(axes) < len(noises):
        raise SignerError(f"the results hold {len(noises)} kinds of noise: give as many panels, not {len(axes)}")
    for axis, noise in zip(axes, noises):
        for k, (variant, runs) in enumerate(groups.items()):
            scores = [[run["test_greedy"]["bleu4"], *(row["bleu4"] for row in run["noise"] if row["noise"] == noise)] for run in runs]
            changed = [0.0, *(100 * row["words_changed"] for row in runs[0]["noise"] if row["noise"] == noise)]
            axis.errorbar(changed, np.mean(scores, 0), yerr=np.std(scores, 0, ddof=1) if len(runs) > 1 else None, capsize=3,
                          color=CYCLE[k % len(CYCLE)], linestyle=DASHES[k % len(DASHES)], marker=MARKERS[k % len(MARKERS)], markersize=4,
                          label=SYSTEMS.get(variant, variant))
        axis.set(xlabel="words changed (%)", title=NOISES.get(noise, noise))
        axis.grid(color=SHADE)
    axes[0].set_ylabel("BLEU-4 on test, greedy")
    axes[0].legend(fontsize=7)
    return axes
