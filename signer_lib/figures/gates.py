"""How much each expert counts, moment by moment. [ours]"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from signer_lib.errors import SignerError
from signer_lib.figures.axis import axis_of
from signer_lib.figures.text import COLOURS

LABEL_POINTS = 9
LETTER = 0.68                            # mean width of a capital, in parts of the font's size


def plot_gates(weights: np.ndarray, spans: Sequence[tuple[str, int, int]], expert_names: Sequence[str], ax: Axes | None = None,
               *, fps: float = 25.0) -> Axes:
    """Gate weights as one row for each expert, with the glosses above the frames they cover.

    weights       (T, K) in [0, 1].
    spans         (gloss, first frame, frame after the last) in order; what no span covers has no name.
    expert_names  K row labels.
    ax            drawn into if given; else a new figure, as wide as the glosses need (``ax.figure``).
    fps           frames per second, for the time axis.

    Names stand level where all have room and upright otherwise; a name that would touch the one before is left out.
    """
    weights = np.asarray(weights, float)
    experts = len(expert_names)
    if weights.ndim != 2 or weights.shape[1] != experts or not len(weights):
        raise SignerError(f"{experts} expert names need gate weights of shape (frames, {experts}), not {weights.shape}")
    for gloss, start, stop in spans:
        if not 0 <= start < stop <= len(weights):
            raise SignerError(f"the span of {gloss}, frames {start} to {stop}, is empty or outside the {len(weights)} frames")
    ax = axis_of(ax, np.clip(0.3 * len(spans) + 3, 8, 24), 1.8 + 0.42 * experts)
    seconds = len(weights) / fps
    image = ax.imshow(weights.T, cmap=COLOURS, vmin=0, vmax=1, aspect="auto", interpolation="nearest",
                      extent=(0, seconds, experts - 0.5, -0.5))
    ax.figure.colorbar(image, ax=ax, label="gate weight", pad=0.015)
    ax.set_yticks(range(experts), expert_names)
    ax.set_xlabel("time (s)")
    for edge in sorted({frame / fps for _, *ends in spans for frame in ends} - {0.0, seconds}):
        ax.axvline(edge, color="white", linewidth=1.2)
    for row in range(1, experts):
        ax.axhline(row - 0.5, color="white", linewidth=0.6)
    _name_spans(ax, spans, seconds, fps)
    return ax


def _name_spans(ax: Axes, spans: Sequence[tuple[str, int, int]], seconds: float, fps: float) -> None:
    fig = ax.get_figure(root=True)
    assert fig is not None
    fig.draw_without_rendering()                                       # settles the layout, and so the width of the axis
    points = ax.get_window_extent().width * 72 / fig.dpi / seconds     # points of paper for each second
    room = [(stop - start) / fps * points for _, start, stop in spans]
    level = all(LETTER * LABEL_POINTS * len(gloss) + 4 < space for (gloss, *_), space in zip(spans, room))
    centres: list[float] = []
    names: list[str] = []
    for gloss, start, stop in spans:
        centre = (start + stop) / 2 / fps
        if level or not centres or (centre - centres[-1]) * points > 1.15 * LABEL_POINTS:
            centres.append(centre)
            names.append(gloss)
    top = ax.secondary_xaxis("top")
    top.set_xticks(centres, names, rotation=0 if level else 90, fontsize=LABEL_POINTS)
    top.tick_params(length=2)
