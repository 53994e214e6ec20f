"""A sequence of poses at a glance. [ours]"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
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
    return fig
