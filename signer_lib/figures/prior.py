"""The pose prior in pictures: hands, places, the arm, paths, signs side by side, faces, the map of signs, scores, coverage. [ours]

Every drawing function takes data and an axis, and returns the axis; without an axis it makes a new figure (``axis.figure``). What
fills several panels of its own returns the figure. Points are in the pose contract's units and axes, seen from the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Patch
from matplotlib.transforms import Bbox

from signer_lib.errors import SignerError
from signer_lib.figures.alt import with_alt
from signer_lib.figures.axis import axis_of
from signer_lib.figures.text import COLOURS, CYCLE, DASHES, HATCHES, MARKERS, SHADE
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.body import Body
from signer_lib.prior.kinematics import SHOULDER
from signer_lib.render.drawn import draw_frame
from signer_lib.render.framing import Framing

UNIT = "shoulder widths"
DIGITS = {"thumb": (0, 1, 2, 3, 4), "index": (0, 5, 6, 7, 8), "middle": (0, 9, 10, 11, 12), "ring": (0, 13, 14, 15, 16),
          "little": (0, 17, 18, 19, 20)}
HANDS = slice(SIGNER70.groups["left_hand"].start, SIGNER70.groups["right_hand"].stop)
PALM = (0, 1, 5, 9, 13, 17, 0)
HALF_HAND = 0.31                         # shoulder widths from the middle of a hand's picture to its edge
FACE_PIXELS = 720                        # of the whole picture that a face is cut out of
NARROWEST, WIDEST, TOP = 1.05, 1.4, 1.2  # shoulder widths from the middle of a signer's picture to its side, and up to its top
HOWS = {  # what is signed for a word -> its colour and its hatching
    "sign": (CYCLE[2], ""), "synonym": (CYCLE[5], "//"), "similar": (CYCLE[4], "xx"), "fingerspelling": (CYCLE[1], ".."),
}
NEAR = tuple((x, y) for r in (5, 11, 18) for x, y in ((r, 0), (-r, 0), (0, r), (0, -r), (r, r), (-r, r), (r, -r), (-r, -r)))


# --- hands -------------------------------------------------------------------------------------------------------------------
def plot_hand(points: np.ndarray, axis: Axes | None = None, *, title: str = "") -> Axes:
    """One hand (21, 3) from its palm's side if it is in the hand's own frame; a colour for each digit, nearer bones on top."""
    axis = axis_of(axis, 2, 2.2)
    points = np.asarray(points, float)
    if points.shape != (21, 3):
        raise SignerError(f"a hand has shape (21, 3), not {points.shape}")
    axis.fill(*points[list(PALM), :2].T, color="0.82", edgecolor="0.5", zorder=1)
    bones = [(a, b, CYCLE[k]) for k, joints in enumerate(DIGITS.values()) for a, b in zip(joints[1:], joints[2:])]
    for order, (a, b, colour) in enumerate(sorted(bones, key=lambda bone: points[[bone[0], bone[1]], 2].mean())):
        for width, shade in ((7.5, "black"), (5.5, colour)):
            axis.plot(*points[[a, b], :2].T, color=shade, linewidth=width, solid_capstyle="round", zorder=2 + order)
    middle = (points[:, :2].min(0) + points[:, :2].max(0)) / 2
    axis.set(xlim=(middle[0] - HALF_HAND, middle[0] + HALF_HAND), ylim=(middle[1] - HALF_HAND, middle[1] + HALF_HAND), aspect="equal")
    axis.set_axis_off()
    axis.set_title(title, fontsize=9)
    return axis


def plot_hands(hands: Mapping[str, np.ndarray], columns: int = 8) -> Figure:
    """A contact sheet of named hands, each (21, 3), all at one scale."""
    if not hands:
        raise SignerError("a sheet of hands needs at least one hand")
    columns = min(columns, len(hands))
    rows = -(-len(hands) // columns)
    figure = Figure(figsize=(1.25 * columns, 1.5 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (name, points) in zip(axes, hands.items()):
        plot_hand(points, axis, title=name)
    for axis in axes[len(hands):]:
        axis.set_axis_off()
    return figure


def plot_fingers(chains: Mapping[str, np.ndarray], axis: Axes | None = None) -> Axes:
    """Fingers (n, 3) in the hand's own frame from the side: along the palm to the right, out of the palm downwards."""
    axis = axis_of(axis, 7, 3)
    for k, (name, points) in enumerate(chains.items()):
        axis.plot(points[:, 1], points[:, 2], color=CYCLE[k % len(CYCLE)], linestyle=DASHES[k % len(DASHES)],
                  marker=MARKERS[k % len(MARKERS)], linewidth=2, label=name)
    axis.set(xlabel=f"y, towards the knuckles ({UNIT})", ylabel=f"z, out of the palm ({UNIT})", aspect="equal")
    axis.invert_yaxis()
    axis.grid(color=SHADE)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return axis


# --- body and arm ------------------------------------------------------------------------------------------------------------
def _ellipsoids(axis: Axes, body: Body, across: int) -> None:
    """The ellipsoids of trunk and head as seen along an axis: coordinate ``across`` to the right, y up."""
    for centre, radii in (*body.torso, *body.head):
        axis.add_patch(Ellipse(centre[[across, 1]], *(2 * radii[[across, 1]]), facecolor="0.9", edgecolor="0.75", linewidth=0.6))


def plot_places(body: Body, names: Sequence[str], axis: Axes | None = None) -> Axes:
    """Named places on the body's ellipsoids, from the front. Their names stand in two columns, each on its place's side."""
    axis = axis_of(axis, 6, 6)
    _ellipsoids(axis, body, 0)
    points = {name: body.place(name)[0] for name in names}
    free = {name for name in names if not body.place(name)[1].any()}
    columns: dict[int, list[str]] = {-1: [], 1: []}
    for name, point in sorted(points.items(), key=lambda item: -abs(item[1][0])):            # the midline goes where there is room
        side = np.sign(point[0]) if abs(point[0]) > 0.02 else min(columns, key=lambda way: len(columns[way]))
        columns[int(side)].append(name)
    top, bottom = 1.08, -1.6
    for side, column in columns.items():
        column.sort(key=lambda name: -points[name][1])
        for name, height in zip(column, np.linspace(top, bottom, len(column))):
            x, y, _ = points[name]
            axis.plot([x, 0.86 * side, 0.92 * side], [y, height, height], color="0.55", linewidth=0.6, zorder=2)
            axis.plot(x, y, "o", color=CYCLE[0] if name not in free else "white", markeredgecolor=CYCLE[0], markersize=5, zorder=3)
            axis.text(0.95 * side, height, name, ha="left" if side > 0 else "right", va="center", fontsize=8)
    axis.set(xlim=(-1.75, 1.75), ylim=(-1.75, 1.2), aspect="equal", xlabel=f"x, to the signer's left ({UNIT})", ylabel=f"y, up ({UNIT})")
    return axis


def plot_elbows(body: Body, wrist: np.ndarray, circle: np.ndarray, allowed: np.ndarray, elbow: np.ndarray,
                axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Where an elbow can be, from the front and from the right: a ``circle`` (S, 3), ``allowed`` (S,) by the joints' limits, and one arm."""
    if len(circle) != len(allowed):
        raise SignerError(f"{len(circle)} elbows need as many answers whether they are allowed, not {len(allowed)}")
    if axes is None:
        axes = Figure(figsize=(9, 4.2), layout="constrained").subplots(1, 2, sharey=True, width_ratios=(1.4, 1))
    arm, allowed = np.stack([SHOULDER, elbow, wrist]), np.asarray(allowed, bool)
    for axis, across, name in zip(axes, (0, 2), (f"x, to the signer's left ({UNIT})", f"z, to the front ({UNIT})")):
        _ellipsoids(axis, body, across)
        axis.plot(*circle[np.r_[:len(circle), 0]][:, [across, 1]].T, color="0.6", linewidth=1, zorder=2)
        axis.plot(*circle[~allowed][:, [across, 1]].T, "x", color=CYCLE[3], markersize=6, label="past a joint's limit", zorder=3)
        axis.plot(*circle[allowed][:, [across, 1]].T, "o", color=CYCLE[2], markersize=6, label="inside all limits", zorder=3)
        axis.plot(*arm[:, [across, 1]].T, color="black", linewidth=3, marker="s", markersize=7, label="the arm that is chosen", zorder=4)
        axis.set(xlabel=name, aspect="equal", ylim=(-1.3, 1.05))
    axes[0].set_ylabel(f"y, up ({UNIT})")
    axes[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return axes


# --- movement ----------------------------------------------------------------------------------------------------------------
def plot_curves(seconds: np.ndarray, curves: Mapping[str, np.ndarray], axis: Axes | None = None, *, label: str, now: float | None = None) -> Axes:
    """Values over time, each curve (T,); ``label`` says what they are, with the unit; a line at ``now``."""
    axis = axis_of(axis, 8, 2.8)
    for k, (name, values) in enumerate(curves.items()):
        axis.plot(seconds, values, color=CYCLE[k % len(CYCLE)], linestyle=DASHES[k % len(DASHES)], linewidth=1.8, label=name)
    if now is not None:
        axis.axvline(now, color=CYCLE[3], linewidth=2)
    axis.set(xlabel="time (s)", ylabel=label)
    axis.grid(color=SHADE)
    if len(curves) > 1:
        axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return axis


def plot_path(points: np.ndarray, axis: Axes | None = None, *, title: str = "", plane: tuple[int, int] = (0, 1)) -> Axes:
    """A path (T, 3) in the picture, or in another ``plane`` of coordinates, a dot a frame: early dots are dark, and fast ones far apart."""
    axis = axis_of(axis, 2.4, 2.6)
    flat = np.asarray(points, float)[:, list(plane)]
    axis.plot(*flat.T, color="0.7", linewidth=1)
    axis.scatter(flat[:, 0], flat[:, 1], c=np.arange(len(flat)), cmap=COLOURS, s=22, zorder=2)
    axis.plot(*flat[0], "s", color="none", markeredgecolor="black", markersize=9)
    half = max(0.22, 0.6 * np.ptp(flat, axis=0).max())
    middle = (flat.min(0) + flat.max(0)) / 2
    axis.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half), aspect="equal")
    axis.set_title(title, fontsize=9)
    axis.tick_params(labelsize=7)
    axis.grid(color=SHADE)
    return axis


# --- signs -------------------------------------------------------------------------------------------------------------------
def plot_strips(signs: Mapping[str, PoseSequence], frames: int = 6, size: int = 288) -> Figure:
    """Named sequences one below the other, each at ``frames`` moments from its first to its last frame, with their times."""
    if not signs or not all(len(poses) for poses in signs.values()):
        raise SignerError("side by side stand sequences of one frame or more: give at least one")
    hands = [poses.xyz[:, HANDS, 0] for poses in signs.values()]
    half = np.clip(max(np.nanmax(np.abs(x), initial=0) for x in hands) + 0.08, NARROWEST, WIDEST)
    (left, top), (right, bottom) = Framing().to_pixels(np.array([[-half, TOP], [half, TOP - 2 * half]]), size).round().astype(int)
    figure = Figure(figsize=(1.5 * frames + 0.5, 1.75 * len(signs)), layout="constrained")
    for axes, (name, poses) in zip(figure.subplots(len(signs), frames, squeeze=False), signs.items()):
        for axis, frame in zip(axes, np.linspace(0, len(poses) - 1, frames).round().astype(int)):
            axis.imshow(draw_frame(poses.xyz[frame], size=size)[top:bottom, left:right])
            axis.set_title(f"{frame / poses.fps:.2f} s", fontsize=8)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        axes[0].set_ylabel(name, fontsize=9)
    said = ", ".join(f"{name} ({poses.duration:.2f} s)" for name, poses in signs.items())
    return with_alt(figure, f"The drawn signer, {frames} moments of each: {said}.")


def plot_sign(poses: PoseSequence, frame: int, size: int = 320) -> Figure:
    """One frame, and beside it the speed of both wrists over the whole sign with a line at that frame."""
    figure = Figure(figsize=(9.5, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 2.2))
    left.imshow(draw_frame(poses.xyz[frame], size=size))
    left.set_axis_off()

    def speed(joint: str) -> np.ndarray:
        result: np.ndarray = np.linalg.norm(np.gradient(poses.joint(joint), axis=0), axis=-1) * poses.fps
        return result

    plot_curves(np.arange(len(poses)) / poses.fps, {"right wrist": speed("r_wrist"), "left wrist": speed("l_wrist")}, right,
                label=f"speed ({UNIT} / s)", now=frame / poses.fps)
    return figure


def plot_faces(poses: Mapping[str, np.ndarray]) -> Figure:
    """The faces of named poses (70, 3), cut out of the drawn signer."""
    figure = Figure(figsize=(1.6 * len(poses), 1.95), layout="constrained")
    centre, half = Framing().to_pixels(np.array([0, 0.68, 0]), FACE_PIXELS).astype(int), FACE_PIXELS // 6
    for axis, (name, xyz) in zip(figure.subplots(1, len(poses), squeeze=False)[0], poses.items()):
        picture = draw_frame(xyz, size=FACE_PIXELS)
        axis.imshow(picture[max(centre[1] - half, 0):centre[1] + half, centre[0] - half:centre[0] + half])
        axis.set_axis_off()
        axis.set_title(name, fontsize=9)
    return figure


# --- many signs --------------------------------------------------------------------------------------------------------------
def _label(axis: Axes, points: np.ndarray, names: Mapping[int, str]) -> None:
    """Names beside some of the points, each where it meets no other name; one that finds no room is left out."""
    figure = axis.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()                                        # settles the layout, and so where things are
    frame = axis.get_window_extent()
    taken: list[Bbox] = []
    for k, name in names.items():
        for offset in NEAR:
            text = axis.annotate(name, points[k], xytext=offset, textcoords="offset points", fontsize=7.5, zorder=4,
                                 ha="left" if offset[0] > 0 else "right" if offset[0] < 0 else "center",
                                 va="bottom" if offset[1] > 0 else "top" if offset[1] < 0 else "center",
                                 bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.6})
            box = text.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def plot_map(points: np.ndarray, names: Sequence[str], groups: Sequence[str], axis: Axes | None = None, *, labelled: Sequence[str] = (),
             legend: str = "") -> Axes:
    """Signs as points (N, 2), each in the colour and marker of its group; those that are ``labelled`` carry their names where there is room."""
    points = np.asarray(points, float)
    if not len(points) == len(names) == len(groups):
        raise SignerError(f"{len(points)} points need as many names and groups, not {len(names)} and {len(groups)}")
    axis = axis_of(axis, 9.5, 6.5)
    for k, group in enumerate(dict.fromkeys(groups)):
        here = np.array([other == group for other in groups])
        axis.scatter(points[here, 0], points[here, 1], color=CYCLE[k % len(CYCLE)], marker=MARKERS[k % len(MARKERS)], s=26, alpha=0.75,
                     linewidths=0, label=group)
    axis.set(xlabel="first coordinate (parameters)", ylabel="second coordinate (parameters)")
    axis.legend(title=legend, fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    _label(axis, points, {names.index(name): name for name in labelled})
    return axis


def plot_recognition(rows: Mapping[str, Mapping[str, float]], axis: Axes | None = None) -> Axes:
    """The first and the first five guesses that are right (%), for every kind of prototype; the rows of ``metrics.recognition``."""
    if not rows:
        raise SignerError("no score to draw: make some with python -m signer_lib.metrics.recognition")
    axis = axis_of(axis, 8, 0.55 * len(rows) + 1.1)
    for k, (key, name) in enumerate((("top1", "the first guess is right"), ("top5", "one of five guesses is right"))):
        bars = axis.barh(np.arange(len(rows)) + 0.4 * k - 0.2, [row[key] for row in rows.values()], 0.38, color=CYCLE[k], hatch=HATCHES[k],
                         edgecolor="black", linewidth=0.5, label=name)
        axis.bar_label(bars, fmt="%.1f", fontsize=8, padding=2)
    axis.set_yticks(range(len(rows)), rows)
    axis.invert_yaxis()
    axis.set(xlabel="clips (%)", xlim=(0, 100))
    axis.legend(ncols=2, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False)
    return axis


def plot_coverage(words: Sequence[str], hows: Sequence[str], axis: Axes | None = None, *, width: float = 10.0) -> Axes:
    """A text as coloured words, line by line: has it a ``sign``, stands a ``synonym`` (or what is ``similar``) in, or ``fingerspelling``?"""
    if len(words) != len(hows):
        raise SignerError(f"{len(words)} words need as many answers, not {len(hows)}")
    if unknown := sorted(set(hows) - set(HOWS)):
        raise SignerError(f"{', '.join(unknown)} is unknown; a word is one of {', '.join(HOWS)}")
    letter, gap, line = 0.105, 0.14, 0.42                                  # inches: a letter of the font, between words, between lines
    places, x, y = [], 0.0, 0.0
    for word in words:
        wide = letter * len(word) + 0.12
        if x and x + wide > width:
            x, y = 0.0, y - line
        places.append((x, y, wide))
        x += wide + gap
    axis = axis_of(axis, width, 0.85 - y)
    for word, how, (x, y, wide) in zip(words, hows, places):
        colour, hatch = HOWS[how]
        axis.bar(x, 0.05, wide, y - 0.19, align="edge", color=colour, hatch=hatch, edgecolor="black", linewidth=0.4)
        axis.text(x + wide / 2, y, word, ha="center", va="center", fontsize=10, family="monospace")
    used = [Patch(facecolor=colour, hatch=hatch, edgecolor="black", linewidth=0.4, label=how) for how, (colour, hatch) in HOWS.items() if how in hows]
    axis.set(xlim=(-0.05, width), ylim=(y - 0.25, 0.25))
    axis.set_axis_off()
    axis.legend(handles=used, ncols=len(HOWS), fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False)
    return axis
