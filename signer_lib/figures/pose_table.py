"""The table of all systems in pictures: between floors and ceiling, why DTW alone misleads, and what each part is worth. [ours]"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from signer_lib.errors import SignerError
from signer_lib.figures.text import CYCLE, HATCHES, MARKERS, SHADE

ALIVE = 0.85, 1.15                       # total-distance ratio of what moves about as much as it should
SHARE = 0.9                              # of the ceiling, the goal
KINDS = {"floor": ("0.72", HATCHES[1], MARKERS[3]), "system": (CYCLE[0], HATCHES[0], MARKERS[0]), "ceiling": (CYCLE[2], HATCHES[2], MARKERS[1])}
MEASURES = {  # a measure of the table -> what stands at its axis
    "bleu4": "back-translation BLEU-4\n(higher is better)",
    "dtw_mje": "DTW-MJE (shoulder widths;\nlower is better)",
    "total_distance_ratio": "distance travelled, by the\ntruth's (1 is best)",
    "wrist_jerk": "wrist jerk (shoulder widths / s³;\nlower is steadier)",
    "bleu1": "back-translation BLEU-1\n(higher is better)",
    "rouge": "back-translation ROUGE\n(higher is better)",
    "wer": "back-translation WER (%;\nlower is better)",
    "share_of_ceiling": "BLEU-4, share of the ceiling's\n(higher is better)",
    "hand_error": "error of the hands (shoulder\nwidths; lower is better)",
    "dtw_pt": "DTW as in Progressive\nTransformers (lower is better)",
    "duration_ratio": "seconds, by the truth's\n(1 is best)",
    "rhythm_error": "error of rhythm (|log ratio|\nof seconds; lower is better)",
    "size_error": "error of size (|log ratio|\nof ways; lower is better)",
    "seam_velocity": "speed at seams (shoulder\nwidths / s; lower is steadier)",
}
BARS = "bleu4", "dtw_mje"                # panels with bars from zero; the others have points
CLOSE = 13                               # points of paper up to which a name needs no line to its point
NEAR = tuple((x, y) for r in (9, 20, 34, 50) for x, y in ((r, 0), (-r, 0), (0, r + 3), (0, -r - 3), (r, r), (-r, r), (r, -r), (-r, -r)))
FORMS = {"bleu4": "{:.1f}", "dtw_mje": "{:.3f}", "total_distance_ratio": "{:.2f}", "wrist_jerk": "{:.0f}"}


def plot_pose_table(*tables: Mapping[str, Any]) -> Figure:
    """What ``metrics.table.pose_table`` gave: a row for each system, a panel for each of four measures.

    More than one table (seeds): bars and large points are means, small points are seeds. Raises ``SignerError`` for tables of other rows.
    """
    rows = _rows(tables)
    figure = Figure(figsize=(13, 0.36 * len(rows) + 1.7), layout="constrained")
    panels = dict(zip(FORMS, figure.subplots(1, len(FORMS), sharey=True)))
    for measure, axis in panels.items():
        _marks(axis, measure)
        values = {name: [table["rows"][name][measure] for table in tables if table["rows"][name].get(measure) is not None] for name in rows}
        known = [value for found in values.values() for value in found]
        if measure == "wrist_jerk" and any(value > 0 for value in known):
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_locator(NullLocator())
        for at, (name, kind) in enumerate(rows.items()):
            _row(axis, at, values[name], kind, FORMS[measure], measure in BARS)
        _room(axis, known, measure in BARS)
        axis.set_xlabel(MEASURES[measure], fontsize=9)
    best = np.mean([table["rows"][table["ceiling"]]["bleu4"] for table in tables])
    panels["bleu4"].axvspan(SHARE * best, best, color=SHADE, zorder=0)
    panels["bleu4"].axvline(best, color=CYCLE[2], linewidth=1.5, linestyle="--", zorder=1)
    panels["bleu4"].set_title(f"shaded: from {SHARE:.0%} of the ceiling", fontsize=8)
    panels["total_distance_ratio"].set_title(f"shaded: {ALIVE[0]:g} to {ALIVE[1]:g}", fontsize=8)
    panels["wrist_jerk"].set_title("logarithmic axis", fontsize=8)
    first = panels["bleu4"]
    first.set_yticks(range(len(rows)), rows)
    first.invert_yaxis()
    figure.legend(handles=[Patch(facecolor=KINDS[kind][0], hatch=KINDS[kind][1], edgecolor="black", linewidth=0.5, label=kind)
                           for kind in KINDS if kind in rows.values()], ncols=3, loc="outside upper left", fontsize=8, frameon=False)
    return figure


def plot_dtw_misleads(table: Mapping[str, Any], axis: Axes | None = None) -> Axes:
    """DTW-MJE against the distance travelled, a point for each row: what stands still may well be nearest, but is far from the band."""
    rows = {name: row for name, row in table["rows"].items() if row.get("dtw_mje") is not None and row.get("total_distance_ratio") is not None}
    if not rows:
        raise SignerError("no row of the table has both DTW-MJE and the total-distance ratio")
    axis = axis if axis is not None else Figure(figsize=(8, 0.3 * len(rows) + 2.4), layout="constrained").subplots()
    axis.axvspan(*ALIVE, color=SHADE, zorder=0)
    points = {name: (row["total_distance_ratio"], row["dtw_mje"]) for name, row in rows.items()}
    for kind, (colour, _, marker) in KINDS.items():
        if here := [point for name, point in points.items() if rows[name]["kind"] == kind]:
            x, y = zip(*here)
            axis.scatter(x, y, s=60, color=colour, marker=marker, edgecolor="black", linewidth=0.6, zorder=3, label=kind)
    xs, ys = zip(*points.values())
    high, right = max(ys) + 0.1 * (np.ptp(ys) or 0.5), max(1.25, max(xs) + 0.3)
    axis.set(xlim=(-0.08, right), ylim=(min(ys) - 0.1 * (np.ptp(ys) or 0.5), high), ylabel="DTW-MJE (shoulder widths;\nlower is better)",
             xlabel=f"distance travelled, by the truth's (shaded: {ALIVE[0]:g} to {ALIVE[1]:g})")
    axis.legend(ncols=3, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)
    _name(axis, points)
    still = {name: point for name, point in points.items() if rows[name]["kind"] != "ceiling" and not ALIVE[0] <= point[0] <= ALIVE[1]}
    if still:
        name = min(still, key=lambda name: still[name][1])
        axis.set_title(f"{name}: DTW-MJE {still[name][1]:.3f}, moving {still[name][0]:.0%} of the way", fontsize=10)
    return axis


def _name(axis: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """A name beside each point, where it meets no other name and no other point; further off it has a line to its point."""
    figure = axis.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()                                        # settles the layout, and so where things are
    scale = figure.dpi / 72
    taken = [Bbox.from_bounds(x - 5 * scale, y - 5 * scale, 10 * scale, 10 * scale) for x, y in axis.transData.transform([*points.values()])]
    frame = axis.get_window_extent()
    for name, point in points.items():
        for x, y in NEAR:
            text = axis.annotate(name, point, xytext=(x, y), textcoords="offset points", fontsize=9, zorder=4, va="center",
                                 ha="left" if x > 0 else "right" if x < 0 else "center")
            box = text.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if (inside and not any(map(box.overlaps, taken))) or (x, y) == NEAR[-1]:
                break
            text.remove()
        if max(abs(x), abs(y)) > CLOSE:
            axis.annotate("", point, xytext=(x, y), textcoords="offset points", arrowprops={"arrowstyle": "-", "color": "0.5", "linewidth": 0.7})
        taken.append(box)


def plot_ablations(rows: Mapping[str, Mapping[str, Sequence[float]]], metric: str, axis: Axes | None = None) -> Axes:
    """A variant a row: one measure of each seed as a dot, their mean as a line; the first variant, which is whole, is drawn through."""
    if not rows or any(not row.get(metric) for row in rows.values()):
        lacking = [name for name, row in rows.items() if not row.get(metric)]
        raise SignerError(f"no values of '{metric}'" + (f" for the variant '{lacking[0]}'" if lacking else ": give at least one variant"))
    axis = axis if axis is not None else Figure(figsize=(7, 0.36 * len(rows) + 1.3), layout="constrained").subplots()
    whole = float(np.mean(next(iter(rows.values()))[metric]))
    axis.axvline(whole, color="0.5", linestyle="--", linewidth=1, zorder=0)
    for at, row in enumerate(rows.values()):
        colour = CYCLE[1 if at else 0]
        middle = float(np.mean(row[metric]))
        axis.plot([middle, middle], [at - 0.3, at + 0.3], color=colour, linewidth=3)
        axis.scatter(row[metric], np.full(len(row[metric]), at), s=26, color=colour, edgecolor="black", linewidth=0.5, zorder=3)
    axis.set_yticks(range(len(rows)), rows)
    axis.set_ylim(len(rows) - 0.5, -0.5)              # not invert_yaxis, which turns axes that are shared once for each of them
    axis.set_xlabel(MEASURES.get(metric, metric))
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.grid(color=SHADE, axis="x")
    return axis


def _rows(tables: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """name -> kind, the same in all tables."""
    kinds = [{name: row["kind"] for name, row in table["rows"].items()} for table in tables]
    if not kinds or not kinds[0] or any(other != kinds[0] for other in kinds):
        raise SignerError("tables are drawn together when they have the same rows: give one or more such tables")
    if unknown := sorted(set(kinds[0].values()) - set(KINDS)):
        raise SignerError(f"'{unknown[0]}' is no kind of row: a row is a {', a '.join(KINDS)}")
    return kinds[0]


def _marks(axis: Axes, measure: str) -> None:
    if measure == "total_distance_ratio":
        axis.axvspan(*ALIVE, color=SHADE, zorder=0)
        axis.axvline(1, color=CYCLE[2], linewidth=1.5, linestyle="--", zorder=1)
    axis.tick_params(axis="y", length=0)


def _row(axis: Axes, at: int, values: Sequence[float], kind: str, form: str, bar: bool) -> None:
    colour, hatch, marker = KINDS[kind]
    if not values:
        axis.annotate("not known", (0.02, at), xycoords=axis.get_yaxis_transform(), va="center", fontsize=8, color="0.4")
        return
    middle = float(np.mean(values))
    hidden = axis.get_xscale() == "log" and middle <= 0
    if bar:
        axis.barh(at, middle, 0.7, color=colour, hatch=hatch, edgecolor="black", linewidth=0.5, zorder=2)
    elif not hidden:
        axis.scatter(middle, at, s=46, color=colour, marker=marker, edgecolor="black", linewidth=0.6, zorder=3)
    if len(values) > 1 and not hidden:
        axis.scatter(values, np.full(len(values), at), s=9, color="black", zorder=4)
    if hidden:
        axis.annotate(form.format(middle), (0.02, at), xycoords=axis.get_yaxis_transform(), va="center", fontsize=8)
    else:
        axis.annotate(form.format(middle), (max(middle, *values), at), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8, zorder=5,
                      bbox={"facecolor": "white", "linewidth": 0, "pad": 0.4})


def _room(axis: Axes, known: Sequence[float], bar: bool) -> None:
    """Limits that leave room for the number behind the last mark."""
    if axis.get_xscale() == "log":
        seen = [value for value in known if value > 0]
        axis.set_xlim(min(seen) / 1.5, max(seen) * (max(seen) / min(seen)) ** 0.3 * 1.3)
    elif known:
        low, high = (0.0 if bar else min(*known, ALIVE[0])), max(*known, 0.0 if bar else ALIVE[1])
        axis.set_xlim(low - (0 if bar else 0.06 * (high - low)), high + 0.25 * ((high - low) or 1.0))
