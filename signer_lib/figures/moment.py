"""One moment of a signing: the drawn frame beside the gates, with a line at that time. [ours]"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from signer_lib.figures.gates import plot_gates
from signer_lib.pose import PoseSequence
from signer_lib.render.drawn import draw_frame

CURSOR = "#D55E00"                       # vermilion: stands out on the gates' colours for every colour vision


def plot_moment(poses: PoseSequence, gates: np.ndarray, spans: Sequence[tuple[str, int, int]], frame: int, *, caption: str | None = None,
                size: int = 320) -> Figure:
    """The frame on the left; on the right the gates (T, K) over all frames with a line at ``frame``, and their values there."""
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 2.2))
    left.imshow(draw_frame(poses.xyz[frame], size=size, caption=caption))
    left.set_axis_off()
    values = gates[frame]
    plot_gates(gates, spans, [f"expert {k + 1}: {value:.2f}" for k, value in enumerate(values)], ax=right, fps=poses.fps)
    right.axvline((frame + .5) / poses.fps, color=CURSOR, linewidth=2)
    left.set_title(f"frame {frame} of {len(poses)}, {frame / poses.fps:.2f} s", fontsize=10)
    return figure
