"""A sequence of poses at a glance. [ours]"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from signer_lib.errors import SignerError
from signer_lib.figures.alt import with_alt
from signer_lib.figures.gates import plot_gates
from signer_lib.figures.skeleton import HALF, HEAD, SQUARE, plot_skeleton, turned
from signer_lib.pose import PoseSequence
from signer_lib.render.drawn import draw_frame
from signer_lib.render.style import Style

INCHES = 1.8                             # side of one picture on paper


def plot_strip(sequence: PoseSequence, frames: int | Sequence[int] = 8, *, captions: Sequence[str | None] | None = None,
               size: int = 256, columns: int = 8, style: Style = Style()) -> Figure:
    """Chosen frames of a sequence side by side, each with its time.

    frames    how many, evenly spaced from the first to the last (fewer if the sequence is shorter), or their numbers.
    captions  one gloss (or None) for every frame of the sequence.
    size      pixels of one picture.
    columns   pictures in a row before the next row begins.
    """
    if not len(sequence):
        raise SignerError("a sequence without frames cannot be drawn")
    if captions is not None and len(captions) != len(sequence):
        raise SignerError(f"{len(sequence)} frames need {len(sequence)} captions, not {len(captions)}")
    if isinstance(frames, (int, np.integer)):
        chosen: Sequence[int] = np.unique(np.linspace(0, len(sequence) - 1, min(frames, len(sequence))).round().astype(int)).tolist()
    else:
        chosen = frames
    outside = [frame for frame in chosen if not -len(sequence) <= frame < len(sequence)]
    if outside or not len(chosen):
        raise SignerError(f"choose frames from 0 to {len(sequence) - 1}, not {outside or 'none'}")
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    fig = Figure(figsize=(INCHES * columns, (INCHES + 0.25) * rows), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax, frame in zip(axes, chosen):
        frame = int(frame) % len(sequence)
        ax.imshow(draw_frame(sequence.xyz[frame], size=size, style=style, caption=captions[frame] if captions else None))
        ax.set_title(f"{frame / sequence.fps:.2f} s", fontsize=9)
    for ax in axes:
        ax.axis("off")
    named = captions or [None] * len(sequence)
    said = [f"{int(k) % len(sequence) / sequence.fps:.2f} s" + (f" ({named[int(k)]})" if named[int(k)] else "") for k in np.atleast_1d(frames)]
    return with_alt(fig, f"The drawn signer at {', '.join(said)}.")


def plot_turned(sequences: Mapping[str, PoseSequence], frames: int = 5, views: Sequence[str] = ("front", "right side", "above")) -> Figure:
    """Skeletons from several sides, a row for each sequence and view, at ``frames`` moments: what the 3D viewer shows, on paper.

    views  of "front", "right side", "above". Raises ``SignerError`` for another, and where there is nothing to draw.
    """
    if unknown := set(views) - set(SQUARE):
        raise SignerError(f"poses are seen from {', '.join(SQUARE)}, not from {', '.join(sorted(unknown))}")
    if not sequences or not views or not all(len(poses) for poses in sequences.values()):
        raise SignerError("there is nothing to draw: give sequences of one frame or more, and a view")
    rows = [(name, view) for name in sequences for view in views]
    figure = Figure(figsize=(1.55 * frames + 0.5, 1.5 * len(rows) + 0.3), layout="constrained")
    for axes, (name, view) in zip(figure.subplots(len(rows), frames, squeeze=False), rows):
        poses, (x, y) = sequences[name], SQUARE[view]
        for axis, k in zip(axes, np.linspace(0, len(poses) - 1, frames).round().astype(int)):
            plot_skeleton(turned(poses.xyz[k], view), axis).set(xlim=(x - HALF, x + HALF), ylim=(y - HALF, y + HALF))
            head = turned(poses.joint("nose")[k] + HEAD[0], view)
            axis.add_patch(Circle((head[0], head[1]), HEAD[1], facecolor="0.92", edgecolor="0.7", zorder=3 if head[2] > 0.3 else 1))
            axis.set_title(f"{k / poses.fps:.2f} s", fontsize=8)
            axis.spines[:].set_visible(False)
        axes[0].set_ylabel(f"{name}\n{view}" if len(sequences) > 1 else view, fontsize=9)
    return with_alt(figure, f"Skeletons of {', '.join(sequences)} at {frames} moments, seen from {', '.join(views)}; the right hand is dark "
                            "blue, the left one light blue.")


def plot_sentence(poses: PoseSequence, gates: np.ndarray, signs: Sequence[Mapping[str, Any]], *, size: int = 256, most: int = 8) -> Figure:
    """A signed sentence on one page: a frame from the middle of each sign, its gloss and source; below, the gates (T, K) over time.

    signs  rows of ``Signing.gloss_spans``.    most  frames in a row.
    """
    if not signs:
        raise SignerError("it is not known when what is signed, so the signs cannot be told apart: plot_strip shows the poses")
    columns = min(most, len(signs))
    rows = -(-len(signs) // columns)
    figure = Figure(figsize=(max(INCHES * columns, 8), (INCHES + 0.45) * rows + 2.9), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=((INCHES + 0.45) * rows, 2.9), squeeze=False)[:, 0]
    for axis, sign in zip(above.subplots(rows, columns, squeeze=False).ravel(), [*signs, *[None] * (rows * columns - len(signs))]):
        axis.axis("off")
        if sign is not None:
            axis.imshow(draw_frame(poses.xyz[sum(sign["frames"]) // 2], size=size))
            axis.set_title(f"{sign['gloss']}\n{source_of(sign)}, {sign['seconds']:.2f} s", fontsize=8)
    plot_gates(gates, [(sign["gloss"], *sign["frames"]) for sign in signs], [f"expert {k + 1}" for k in range(gates.shape[1])],
               ax=below.subplots(), fps=poses.fps)
    said = ", ".join(f"{sign['gloss']} ({source_of(sign)}, {sign['seconds']:.2f} s)" for sign in signs)
    return with_alt(figure, f"The signs {said}: a drawn frame of each, and below them the weights of {gates.shape[1]} experts over "
                            f"{poses.duration:.1f} seconds.")


def source_of(sign: Mapping[str, Any]) -> str:
    """Where a row of ``Signing.gloss_spans`` comes from, in words."""
    return f"synonym of {sign['stands for'].lower()}" if "stands for" in sign else str(sign["source"])
