"""The diffusion renderer in pictures: rows of frames, channels of a control image, where a pixel pulls the joints, videos over time, seams, and
what was measured of it. [ours]

Every drawing function takes data and an axis, and returns the axis; without an axis it makes a new figure (``axis.figure``). What
fills several panels of its own returns the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from signer_lib.errors import SignerError
from signer_lib.figures.alt import with_alt
from signer_lib.figures.axis import axis_of
from signer_lib.figures.pose_table import KINDS
from signer_lib.figures.text import COLOURS, CYCLE, DASHES, HATCHES, MARKERS, SHADE
from signer_lib.render.control import CHANNELS
from signer_lib.render.framing import Framing

LONGEST = 0.17                           # of a picture's side: the longest arrow
MEASURES = {  # a measure of the renderer's table -> what stands at its axis, how it is written
    "ssim": ("SSIM\n(higher is better)", "{:.2f}"),
    "hand_ssim": ("SSIM of hands\n(higher is better)", "{:.2f}"),
    "flicker_ratio": ("flicker, by the reference's\n(1 is best)", "{:.2f}"),
    "keypoint_error": ("keypoints, error in % of the side\n(lower is better)", "{:.1f}"),
}


def plot_pictures(rows: Mapping[str, Sequence[np.ndarray | None]], columns: Sequence[str] = (), *, inches: float = 1.3) -> Figure:
    """Named rows of pictures at one scale, their names at the left, ``columns`` over them; None leaves a place empty.

    A picture is (H, W, 3) uint8, or (H, W) in 0..1: dark where it is 0. ``inches``: its side on paper. A small one shows its pixels.
    """
    width = max((len(row) for row in rows.values()), default=0)
    if not width or columns and len(columns) != width:
        raise SignerError(f"{len(rows)} rows of {width} pictures do not fit {len(columns)} names: give pictures, and a name for each column")
    beside = 0.085 * max(len(line) for name in rows for line in name.split("\n")) + 0.1
    figure = Figure(figsize=(inches * width + beside, (inches + 0.04) * len(rows) + (0.3 if columns else 0)),
                    layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0))
    for axes, (name, row) in zip(figure.subplots(len(rows), width, squeeze=False), rows.items()):
        for axis, picture in zip(axes, [*row, *[None] * (width - len(row))]):
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if picture is not None:
                enlarged = len(picture) <= figure.dpi * inches
                axis.imshow(picture, cmap=COLOURS if np.ndim(picture) == 2 else None, vmin=0, vmax=1,
                            interpolation="nearest" if enlarged else "antialiased")
        axes[0].set_ylabel(name, fontsize=9, rotation=0, ha="right", va="center")
    for axis, name in zip(figure.axes, columns):
        axis.set_title(name, fontsize=9)
    named = [" ".join(name.split()) for name in rows if name]
    return with_alt(figure, f"Pictures of signers, {len(rows)} x {width}" + f"; rows: {', '.join(named)}" * bool(named)
                    + f"; columns: {', '.join(columns)}" * bool(columns) + ".")


def plot_channels(control: np.ndarray, columns: int = 7) -> Figure:
    """Every channel (19, H, W) of a control image, 0 dark and 1 light, under its name."""
    if np.ndim(control) != 3 or len(control) != len(CHANNELS):
        raise SignerError(f"a control image has {len(CHANNELS)} channels (channels, height, width), not {np.shape(control)}")
    rows = -(-len(CHANNELS) // columns)
    figure = Figure(figsize=(1.35 * columns, 1.55 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, name, channel in zip(axes, CHANNELS, control):
        axis.imshow(channel, cmap=COLOURS, vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(name.replace("_", " "), fontsize=9)
    for axis in axes:
        axis.set_axis_off()
    return figure


def plot_pull(picture: np.ndarray, xyz: np.ndarray, pull: np.ndarray, pixel: tuple[int, int] | None = None, axis: Axes | None = None, *,
              around: float | None = None, framing: Framing = Framing()) -> Axes:
    """Arrows on a picture (S, S, 3): the way ``pull`` (J, 3) in which each joint xyz (J, 3) is pulled, the longest ``LONGEST`` of what is shown.

    pixel  (column, row) that pulls, outlined.    around  pixels a side that are shown around it; None: all.
    """
    xyz, pull, side = np.asarray(xyz, float), np.asarray(pull, float), len(picture)
    if xyz.shape != pull.shape or xyz.shape[-1:] != (3,):
        raise SignerError(f"each joint needs one arrow: joints {xyz.shape}, arrows {pull.shape}")
    axis = axis_of(axis, 4.2, 4.2)
    axis.imshow(picture, interpolation="nearest")
    at, way = framing.to_pixels(xyz, side) - 0.5, pull[:, :2] * (1, -1)             # imshow puts the middle of the first pixel at 0
    length = np.linalg.norm(way, axis=1)
    longest = length.max()
    if longest > 0:
        pulled, shown = length > 0.02 * longest, around or side
        scale = LONGEST * shown / longest
        axis.quiver(*at[pulled].T, *way[pulled].T * scale, angles="xy", scale_units="xy", scale=1, color=CYCLE[1], edgecolor="black", linewidth=0.6,
                    width=0.011, zorder=3)
        axis.plot(*at[pulled].T, "o", color="white", markeredgecolor="black", markersize=3.5, zorder=4)
    if pixel is not None:
        column, row = pixel
        axis.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="white", linewidth=2.2, zorder=2))
        if around is not None:
            axis.set(xlim=(column - around / 2, column + around / 2), ylim=(row + around / 2, row - around / 2))
    axis.set(xticks=[], yticks=[])
    return axis


def plot_slices(videos: Mapping[str, np.ndarray], row: int, *, zoom: tuple[int, int] | None = None) -> Figure:
    """One line of pixels of videos (T, H, W, 3) over time: the columns across, frames downwards. What stands still is a straight stripe there, and
    what flickers is a torn one. ``zoom``: the first and last-but-one column that are shown."""
    if not videos or any(np.ndim(frames) != 4 or not 0 <= row < np.shape(frames)[1] for frames in videos.values()):
        raise SignerError(f"there is no line {row} in all of these videos: give (T, H, W, 3) frames")
    start, stop = zoom or (0, np.shape(next(iter(videos.values())))[2])
    figure = Figure(figsize=(2.5 * len(videos) + 0.4, 3.0), layout="constrained")
    for axis, (name, frames) in zip(figure.subplots(1, len(videos), squeeze=False)[0], videos.items()):
        axis.imshow(frames[:, row, start:stop], extent=(start, stop, len(frames), 0), aspect="auto", interpolation="nearest")
        axis.set(title=name, xlabel="column (pixels)")
        axis.title.set_fontsize(9)
        axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    figure.axes[0].set_ylabel("frame")
    return figure


def plot_changes(changes: Mapping[str, np.ndarray], seams: Sequence[int] = (), axis: Axes | None = None) -> Axes:
    """How much each frame of videos differs from the one before, values (T - 1,) in levels of 255; dotted lines where a new window begins."""
    axis = axis_of(axis, 9, 2.8)
    for k, (name, values) in enumerate(changes.items()):
        axis.plot(np.arange(1, len(values) + 1), values, color=CYCLE[k % len(CYCLE)], linestyle=DASHES[k % len(DASHES)], linewidth=1.8,
                  marker=MARKERS[k % len(MARKERS)], markersize=3, label=name)
    for seam in seams:
        axis.axvline(seam, color="black", linestyle=":", linewidth=1, zorder=0)
    axis.set(xlabel="frame", ylabel="change from the frame before\n(levels of 255)")
    axis.grid(color=SHADE)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return axis


def plot_steps(steps: Sequence[int], scores: Mapping[str, Sequence[float]], axis: Axes | None = None, *, label: str,
               limits: Mapping[str, float] | None = None) -> Axes:
    """Scores of renderers over the number of steps, an axis in powers of two; ``limits``: named lines across, such as a ceiling."""
    axis = axis_of(axis, 5.4, 3.0)
    for k, (name, values) in enumerate(scores.items()):
        axis.plot(steps[:len(values)], values, color=CYCLE[k], linestyle=DASHES[k], marker=MARKERS[k], linewidth=1.8, label=name)
    for k, (name, value) in enumerate((limits or {}).items()):
        axis.axhline(value, color="black", linestyle=DASHES[k + 1], linewidth=1.2, label=name)
    axis.set_xscale("log", base=2)
    axis.set_xticks(steps, map(str, steps))
    axis.set(xlabel="steps", ylabel=label)
    axis.grid(color=SHADE)
    axis.legend(fontsize=8)
    return axis


def plot_scores(rows: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> Figure:
    """Rows of ``comparison.renderer_scores`` (name -> kind and measures), floors to ceilings, a panel a measure; ``names``: how each is called."""
    if not rows or any(row["kind"] not in KINDS for row in rows.values()):
        raise SignerError(f"the renderer's table has rows of the kinds {', '.join(KINDS)}: give those of a result")
    figure = Figure(figsize=(13, 0.36 * len(rows) + 1.4), layout="constrained")
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    for axis, (measure, (label, form)) in zip(panels, MEASURES.items()):
        times = 100 if measure == "keypoint_error" else 1
        known = {at: times * row[measure] for at, row in enumerate(rows.values()) if row.get(measure) is not None}
        for at, row in enumerate(rows.values()):
            colour, _, marker = KINDS[row["kind"]]
            if at in known:
                axis.scatter(known[at], at, s=46, color=colour, marker=marker, edgecolor="black", linewidth=0.6, zorder=3, label=row["kind"])
                axis.annotate(form.format(known[at]), (known[at], at), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8)
            else:
                axis.annotate("not known", (0.02, at), xycoords=axis.get_yaxis_transform(), va="center", fontsize=8, color="0.4")
        if known:
            low, high = min(known.values()), max(known.values())
            axis.set_xlim(low - 0.08 * (high - low or 1), high + 0.25 * (high - low or 1))
        axis.set_xlabel(label, fontsize=9)
        axis.grid(color=SHADE, axis="x")
    panels[0].set_yticks(range(len(rows)), [names[name] for name in rows])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    kinds = {name: handle for handle, name in zip(*panels[0].get_legend_handles_labels())}
    figure.legend(kinds.values(), kinds, ncols=len(kinds), loc="outside upper left", fontsize=8, frameon=False)
    return figure


def plot_seconds(seconds: Mapping[str, float], axis: Axes | None = None) -> Axes:
    """How long each took, a bar each on a logarithmic axis from a tenth of the least."""
    if not seconds or min(seconds.values()) <= 0:
        raise SignerError("a time that is drawn is more than 0 seconds: give at least one")
    axis = axis_of(axis, 9, 0.4 * len(seconds) + 0.9)
    start = min(seconds.values()) / 10
    for at, value in enumerate(seconds.values()):
        axis.barh(at, value - start, 0.7, left=start, color=CYCLE[at], hatch=HATCHES[at], edgecolor="black", linewidth=0.5)
        axis.annotate(f"{value:,.1f} s" if value < 100 else f"{value:,.0f} s", (value, at), xytext=(6, 0), textcoords="offset points", va="center",
                      fontsize=9)
    axis.set_xscale("log")
    axis.set(xlim=(start, 6 * max(seconds.values())), xlabel="seconds (logarithmic axis)")
    axis.set_yticks(range(len(seconds)), seconds)
    axis.set_ylim(len(seconds) - 0.5, -0.5)
    axis.grid(color=SHADE, axis="x", zorder=0)
    axis.set_axisbelow(True)
    return axis
