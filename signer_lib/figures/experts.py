"""The pose experts in pictures: gates, choices, the average pose, roles, load, what the stabilising losses do, timing and speed. [ours]

Every drawing function takes data and an axis, and returns the axis; without an axis it makes a new figure (``axis.figure``). What
fills several panels of its own returns the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from signer_lib.errors import SignerError
from signer_lib.figures.axis import axis_of
from signer_lib.figures.prior import UNIT, plot_curves, plot_hand
from signer_lib.figures.skeleton import plot_skeleton
from signer_lib.figures.text import COLOURS, CYCLE, DASHES, HATCHES, MARKERS, SHADE
from signer_lib.performances.units import Unit
from signer_lib.pose import SIGNER70, PoseSequence

WRITTEN = 16                             # units up to which the numbers stand in the cells
BEST_LOAD = 0.5, 0.98                    # load entropy of a gate that does work
LIFTS = 0.4, 2.5                         # ends of the colours


# --- gates and choices -------------------------------------------------------------------------------------------------------
def plot_gate_heat(weights: np.ndarray, units: Sequence[Unit], axis: Axes | None = None) -> Axes:
    """Gate weights (n, K) of the units of one sentence: a row for each expert; the letters of a spelled word stand under one bracket."""
    weights = np.asarray(weights, float)
    if weights.ndim != 2 or len(weights) != len(units) or not len(units):
        raise SignerError(f"gate weights of shape {weights.shape} need one row for each of the {len(units)} units")
    n, K = weights.shape
    axis = axis_of(axis, np.clip(0.52 * n + 2, 5, 20), 0.42 * K + 1.9)
    image = axis.imshow(weights.T, cmap=COLOURS, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axis.figure.colorbar(image, ax=axis, label="gate weight", pad=0.02)
    _write(axis, weights.T, n)
    axis.set_yticks(range(K), [f"expert {k + 1}" for k in range(K)])
    axis.set_xticks(range(n), [unit.name for unit in units], fontsize=9)
    for label, unit in zip(axis.get_xticklabels(), units):
        if not unit.of:
            label.set(rotation=40, ha="right", rotation_mode="anchor")
    for edge in range(1, n):
        axis.axvline(edge - 0.5, color="white", linewidth=0.6 if units[edge].letter else 2.2)
    for first, last, word in _words(units):
        axis.plot([first - 0.42, last + 0.42], [1.03, 1.03], color="black", linewidth=1.2, transform=axis.get_xaxis_transform(), clip_on=False)
        axis.text((first + last) / 2, 1.06, word, ha="center", va="bottom", fontsize=9, transform=axis.get_xaxis_transform())
    return axis


def plot_gate(weights: np.ndarray, units: Sequence[Unit], entropy: float, title: str = "") -> Figure:
    """The gate of one sentence (n, K), and beside it the experts' load with its normalised entropy: one picture for a slider."""
    figure = Figure(figsize=(np.clip(0.52 * len(units) + 5, 8, 22), 0.42 * np.asarray(weights).shape[-1] + 2.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(len(units) + 3, 5), sharey=True)
    plot_gate_heat(weights, units, left)
    load = np.asarray(weights).mean(0)
    right.barh(range(len(load)), load, color=[CYCLE[k % len(CYCLE)] for k in range(len(load))], edgecolor="black", linewidth=0.5)
    right.axvline(1 / len(load), color="black", linestyle=":", linewidth=1.2)
    right.set(xlim=(0, 1), xlabel="load: mean gate weight\n(dotted: even)")
    right.set_title(f"load entropy {entropy:.2f}", fontsize=10)
    figure.suptitle(title, fontsize=11)
    return figure


def plot_steered(courses: Mapping[str, tuple[np.ndarray, Sequence[tuple[str, int, int]]]], fps: float = 25.0) -> Figure:
    """w(t) of one sentence under several gates, one below the other: name -> weights (T, K) and (sign, first frame, frame after the last).

    What the gate explorer shows, on paper.
    """
    if not courses:
        raise SignerError("there is no gate to draw: give at least one")
    figure = Figure(figsize=(10, 1.75 * len(courses) + 0.6), layout="constrained")
    panels = figure.subplots(len(courses), 1, squeeze=False, sharex=True)[:, 0]
    for panel, (name, (weights, spans)) in zip(panels, courses.items()):
        T, K = np.shape(weights)
        plot_curves(np.arange(T) / fps, {f"expert {k + 1}": weights[:, k] for k in range(K)}, panel, label="gate weight")
        for sign, start, stop in spans:
            panel.axvspan(start / fps, stop / fps, color=SHADE, zorder=0)
            panel.text((start + stop) / 2 / fps, 1.04, sign, fontsize=7, ha="center", va="bottom")
        panel.set(ylim=(-0.04, 1.2), xlabel="")
        panel.set_yticks([0, 0.5, 1])
        panel.set_title(f"{name}: {T / fps:.2f} s", fontsize=10, loc="left")
        if panel is not panels[0] and panel.get_legend():
            panel.get_legend().remove()
    panels[-1].set_xlabel("time (s)")
    return figure


def plot_choice_heat(choices: np.ndarray, weights: np.ndarray, units: Sequence[Unit], variants: Sequence[Sequence[str]],
                     axis: Axes | None = None, *, expert: int | None = None) -> Axes:
    """How much each candidate counts: a row for each unit; what a unit does not have is hatched, what weighs most is outlined.

    choices (n, K, C), weights (n, K): mixed over the experts as in Eq. 8, or those of one ``expert`` (from 0) alone.
    variants  the names of each unit's candidates, at most C of them.
    """
    choices, weights = np.asarray(choices, float), np.asarray(weights, float)
    if choices.shape[:2] != weights.shape or not len(choices) == len(units) == len(variants):
        raise SignerError(f"choices {choices.shape}, weights {weights.shape}, {len(units)} units and {len(variants)} rows of candidates do not fit")
    n, _, C = choices.shape
    counts = [len(names) for names in variants]
    if not counts or min(counts) < 1 or max(counts) > C:
        raise SignerError(f"each unit needs 1 to {C} named candidates")
    mixed = np.einsum("nk,nkc->nc", weights, choices) if expert is None else choices[:, expert]
    heads = [{names[c] for names in variants if c < len(names)} for c in range(C)]
    shared = all(len(head) <= 1 for head in heads)
    widest = max(len(name) for names in variants for name in names)
    axis = axis_of(axis, np.clip(C * max(0.75, 0.085 * widest + 0.2) + 2.6, 5, 20), 0.32 * n + 1.5)
    image = axis.imshow(np.ma.masked_array(mixed, [[c >= count for c in range(C)] for count in counts]), cmap=COLOURS, vmin=0, vmax=1,
                        aspect="auto", interpolation="nearest")
    axis.figure.colorbar(image, ax=axis, label="weight of the candidate" + ("" if expert is None else f" for expert {expert + 1}"), pad=0.02)
    for row, names in enumerate(variants):
        for c in range(C):
            if c >= len(names):
                axis.add_patch(Rectangle((c - 0.5, row - 0.5), 1, 1, facecolor="0.95", edgecolor="0.6", hatch="///", linewidth=0))
                continue
            words = f"{mixed[row, c]:.2f}" if shared else f"{names[c]}  {mixed[row, c]:.2f}"
            axis.text(c, row, words, ha="center", va="center", fontsize=8, color="black" if mixed[row, c] > 0.5 else "white")
        axis.add_patch(Rectangle((mixed[row, :len(names)].argmax() - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=CYCLE[3], linewidth=2, zorder=3))
    spelled = {k: word for first, last, word in _words(units) for k in range(first, last + 1)}
    axis.set_yticks(range(n), [f"{spelled[k]}: {unit.name}" if k in spelled else unit.name for k, unit in enumerate(units)])
    axis.set_xticks(range(C), [next(iter(head), "") for head in heads] if shared else [f"candidate {c + 1}" for c in range(C)])
    if shared:
        axis.tick_params(axis="x", rotation=30)
    return axis


def _write(axis: Axes, values: np.ndarray, columns: int) -> None:
    if columns <= WRITTEN:
        for row, column in np.ndindex(values.shape):
            axis.text(column, row, f"{values[row, column]:.2f}", ha="center", va="center", fontsize=7.5,
                      color="black" if values[row, column] > 0.5 else "white")


def _words(units: Sequence[Unit]) -> list[tuple[int, int, str]]:
    """The spelled words: first unit, last unit, the word."""
    groups = [[*group] for _, group in groupby(enumerate(units), key=lambda pair: pair[1].gloss)]
    return [(group[0][0], group[-1][0], "".join(unit.name for _, unit in group)) for group in groups if group[0][1].of]


# --- the average pose --------------------------------------------------------------------------------------------------------
def hand_size(xyz: np.ndarray, hand: str = "right_hand") -> np.ndarray:
    """The mean length of a hand's 20 bones, shoulder widths. xyz (..., 70, 3) -> (...)"""
    joints = SIGNER70.groups[hand]
    bones = [(a, b) for a, b in SIGNER70.bones if joints.start <= a < joints.stop and joints.start < b < joints.stop]
    a, b = np.array(bones).T
    result: np.ndarray = np.linalg.norm(xyz[..., b, :] - xyz[..., a, :], axis=-1).mean(-1)
    return result


def plot_average_pose(frames: Mapping[str, np.ndarray], hand: str = "right_hand") -> Figure:
    """Named poses (70, 3) as skeletons at one scale, below them one hand, and its size by that of the first pose, which is a true one."""
    if not frames or any(np.shape(xyz) != (len(SIGNER70), 3) for xyz in frames.values()):
        raise SignerError(f"side by side stand poses of shape ({len(SIGNER70)}, 3): give at least one")
    figure = Figure(figsize=(2.3 * len(frames), 5.9), layout="constrained")
    axes = figure.subplots(2, len(frames), squeeze=False, height_ratios=(1.5, 1))
    true = hand_size(np.asarray(next(iter(frames.values())), float), hand)
    every = np.stack([np.asarray(xyz, float)[:50, :2] for xyz in frames.values()])
    low, high = np.nanmin(every, (0, 1)) - 0.1, np.nanmax(every, (0, 1)) + 0.1
    for column, (name, xyz) in zip(axes.T, frames.items()):
        xyz = np.asarray(xyz, float)
        plot_skeleton(xyz, column[0]).set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        column[0].set_title(name, fontsize=10)
        plot_hand(xyz[SIGNER70.groups[hand]], column[1])
        column[1].set_title(f"bones of the hand:\n{hand_size(xyz, hand) / true:.0%} of their length", y=-0.12, va="top", fontsize=9)
    return figure


# --- what the experts are for ------------------------------------------------------------------------------------------------
def plot_roles(roles: Sequence[Mapping[str, Any]]) -> Figure:
    """The rows of ``experts.roles.roles``: for each expert and label the lift, 1 being the expert's mean; a panel for each kind of label."""
    kinds = {name: [*lifts] for name, lifts in roles[0]["lift"].items()} if roles else {}
    if not kinds:
        raise SignerError("no label is frequent enough to say what an expert is for: choose for more sentences")
    figure = Figure(figsize=(0.62 * sum(map(len, kinds.values())) + 0.25 * len(kinds) + 3.4, 0.5 * len(roles) + 2.4), layout="constrained")
    panels = figure.subplots(1, len(kinds), squeeze=False, sharey=True, width_ratios=[*map(len, kinds.values())])[0]
    for panel, (name, labels) in zip(panels, kinds.items()):
        lifts = np.array([[row["lift"][name][label] for label in labels] for row in roles])
        coloured = np.log(lifts.clip(*LIFTS))
        image = panel.imshow(coloured, cmap="PuOr_r", vmin=np.log(LIFTS[0]), vmax=np.log(LIFTS[1]), aspect="auto", interpolation="nearest")
        for row, column in np.ndindex(lifts.shape):
            dark = abs(coloured[row, column]) > 0.7 * np.log(LIFTS[1])
            panel.text(column, row, f"{lifts[row, column]:.2f}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
        panel.set_xticks(range(len(labels)), labels, rotation=40, ha="right", rotation_mode="anchor", fontsize=9)
        panel.set_title(name.replace(" of the chosen candidate", "\nof the chosen"), fontsize=9)

    def own(row: Mapping[str, Any]) -> str:
        return "".join(f", {name} ×{row[name]:.2f}" for name in ("tempo", "size") if name in row)

    panels[0].set_yticks(range(len(roles)), [f"expert {row['expert']}: load {row['load']:.0%}{own(row)}" for row in roles])
    bar = figure.colorbar(image, ax=panels, label="lift: weight among these\nby the expert's load", pad=0.01)
    ticks = (0.4, 0.6, 1, 1.6, 2.5)
    bar.set_ticks(np.log(ticks).tolist(), labels=[f"{tick:g}" for tick in ticks])
    return figure


def plot_balance(variants: Mapping[str, Mapping[str, Any]], axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Settings of the gate, one a row: the load of the experts (``load``, K shares), and its entropy (``load_entropy``) on a scale.

    The band is where a gate both uses its experts and tells units apart.
    """
    if axes is None:
        axes = Figure(figsize=(9, 0.42 * len(variants) + 1.6), layout="constrained").subplots(1, 2, sharey=True, width_ratios=(1.8, 1))
    most = max(len(row["load"]) for row in variants.values())
    left = np.zeros(len(variants))
    for k in range(most):
        shares = np.array([row["load"][k] if k < len(row["load"]) else 0.0 for row in variants.values()])
        axes[0].barh(range(len(variants)), shares, left=left, color=CYCLE[k % len(CYCLE)], hatch=HATCHES[k % len(HATCHES)], edgecolor="black",
                     linewidth=0.5, label=f"expert {k + 1}")
        left += shares
    axes[0].set_yticks(range(len(variants)), variants)
    axes[0].invert_yaxis()
    axes[0].set(xlim=(0, 1), xlabel="share of the load")
    axes[0].legend(ncols=min(most, 6), fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False)
    axes[1].axvspan(*BEST_LOAD, color=SHADE, zorder=0)
    entropies = [row["load_entropy"] for row in variants.values()]
    axes[1].plot(entropies, range(len(variants)), "o", color=CYCLE[0])
    for row, entropy in enumerate(entropies):
        axes[1].annotate(f"{entropy:.2f}", (entropy, row), xytext=(-6 if entropy > 0.5 else 6, 0), textcoords="offset points", va="center",
                         ha="right" if entropy > 0.5 else "left", fontsize=8)
    axes[1].set(xlim=(-0.03, 1.03), xlabel="load entropy (1: even;\nshaded: 0.5 to 0.98)")
    return axes


# --- steady movement ---------------------------------------------------------------------------------------------------------
def plot_losses_effect(truth: PoseSequence, results: Mapping[str, PoseSequence], wrist: str = "r_wrist") -> Figure:
    """What a clip becomes, one result a row: the wrist's path in the picture, speed, acceleration and the hand's error, over the truth in grey.

    Every result has the truth's frames. In the corners stand the means.
    """
    for name, poses in results.items():
        if len(poses) != len(truth):
            raise SignerError(f"'{name}' has {len(poses)} frames, the truth {len(truth)}: lay them out in one time")
    columns = ("path of the wrist", f"speed\n({UNIT} / s)", f"acceleration\n({UNIT} / s²)", f"error of the hand\nfrom its wrist ({UNIT})")
    figure = Figure(figsize=(11, 1.75 * len(results) + 0.5), layout="constrained")
    axes = figure.subplots(len(results), 4, squeeze=False, sharex="col", sharey="col", width_ratios=(0.8, 1, 1, 1))
    hand = SIGNER70.groups["right_hand" if wrist[0] == "r" else "left_hand"]

    def shape(poses: PoseSequence) -> np.ndarray:
        result: np.ndarray = poses.xyz[:, hand] - poses.xyz[:, hand.start:hand.start + 1]
        return result

    def moved(poses: PoseSequence, order: int) -> np.ndarray:
        result: np.ndarray = np.linalg.norm(np.diff(poses.joint(wrist), order, axis=0), axis=-1) * poses.fps ** order
        return result

    for row, (name, poses) in zip(axes, results.items()):
        for path, style in ((truth, {"color": "0.6", "linewidth": 3}), (poses, {"color": CYCLE[0], "linewidth": 1.3})):
            row[0].plot(*path.joint(wrist)[:, :2].T, **style)
            for order in (1, 2):
                values = moved(path, order)
                row[order].plot((np.arange(len(values)) + order / 2) / path.fps, values, **style)
        apart = np.linalg.norm(shape(poses) - shape(truth), axis=-1).mean(1)
        row[3].plot(np.arange(len(apart)) / poses.fps, apart, color=CYCLE[0], linewidth=1.3)
        for axis, value, form in zip(row[1:], (moved(poses, 1).mean(), moved(poses, 2).mean(), apart.mean()), ("{:.2f}", "{:.1f}", "{:.3f}")):
            axis.set_title(f"mean {form.format(value)}", loc="right", fontsize=8, pad=2)
            axis.grid(color=SHADE)
            axis.set_ylim(bottom=0)
        row[0].set(aspect="equal", xticks=[], yticks=[])
        row[0].set_ylabel(name, fontsize=9)
    for axis, head in zip(axes[0], columns):
        axis.text(0.5, 1.2, head, ha="center", va="bottom", fontsize=9, transform=axis.transAxes)
    for axis in axes[-1][1:]:
        axis.set_xlabel("time (s)")
    return figure


# --- timing and speed --------------------------------------------------------------------------------------------------------
def plot_timing(true: Sequence[float], given: Sequence[float], groups: Sequence[str], axis: Axes | None = None) -> Axes:
    """Seconds that N units take against those they should take, each group (such as signs and letters) in its own colour and marker."""
    if not len(true) == len(given) == len(groups):
        raise SignerError(f"{len(true)} true times need as many given ones and groups, not {len(given)} and {len(groups)}")
    x, y, axis = np.asarray(true, float), np.asarray(given, float), axis_of(axis, 4.8, 4.2)
    for k, group in enumerate(dict.fromkeys(groups)):
        here = np.array([other == group for other in groups])
        off = np.abs(np.log(y[here] / x[here])).mean()
        axis.scatter(x[here], y[here], s=16, alpha=0.7, linewidths=0, color=CYCLE[k % len(CYCLE)], marker=MARKERS[k % len(MARKERS)],
                     label=f"{group}: off by ×{np.exp(off):.2f}")
    ends = [min(x.min(), y.min()) * 0.9, max(x.max(), y.max()) * 1.1]
    axis.plot(ends, ends, color="0.4", linewidth=1, zorder=0)
    axis.set(xlabel="true (s)", ylabel="given (s)", xlim=ends, ylim=ends, aspect="equal")
    axis.grid(color=SHADE)
    axis.legend(fontsize=8, loc="upper left")
    return axis


def plot_speed(glosses: Sequence[int], ms: Sequence[float], axis: Axes | None = None, *, goal: tuple[int, float] | None = (10, 80.0)) -> Axes:
    """Milliseconds from text to poses over the number of glosses, and the line through them; ``goal``: so many glosses in so many ms.

    The line is fitted to relative errors, so that short texts count as much as long ones; R² is that of the values themselves.
    """
    x, y = np.asarray(glosses, float), np.asarray(ms, float)
    if len(x) != len(y) or len(set(x)) < 2:
        raise SignerError(f"a line needs times for two numbers of glosses or more, not {len(y)} for {len(set(x))}")
    slope, start = np.polyfit(x, y, 1, w=1 / y)
    explained = 1 - ((y - slope * x - start) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    axis = axis_of(axis, 6.5, 3.8)
    grid = np.geomspace(x.min(), x.max(), 200)
    axis.plot(grid, start + slope * grid, color=CYCLE[1], linewidth=2, linestyle=DASHES[1],
              label=f"{start:.0f} ms + {slope:.2f} ms a gloss (R² = {explained:.3f})")
    axis.plot(x, y, "o", color=CYCLE[0], label="measured")
    if goal:
        axis.plot(*goal, "_", color=CYCLE[3], markersize=26, markeredgewidth=3, label=f"goal: {goal[0]} glosses in under {goal[1]:g} ms")
    axis.set(xscale="log", yscale="log", xlabel="glosses", ylabel="text to poses (ms)")
    for ticks in (axis.xaxis, axis.yaxis):
        ticks.set_major_formatter("{x:g}")
    axis.grid(color=SHADE, which="both", linewidth=0.5)
    axis.legend(fontsize=8)
    return axis
