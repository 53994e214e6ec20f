"""One pose as lines, small and sharp at any size. [ours]"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from signer_lib.figures.text import CYCLE
from signer_lib.pose import SIGNER70

SIDES = {"left_hand": CYCLE[5], "right_hand": CYCLE[0]}
FACE = SIGNER70.groups["face"].start


def plot_skeleton(xyz: np.ndarray, axis: Axes, *, width: float = 1.0, body: str = "0.35") -> Axes:
    """The bones of a pose (70, 3) but for the face, from the front: the right hand dark blue, the left one light blue, the rest ``body``.

    width  of a finger's line, by 1.4 points. What is missing is not drawn. The limits of ``axis`` stay as they are.
    """
    xyz = np.asarray(xyz, float)
    for group, colour in [(None, body), *SIDES.items()]:
        bones = [(a, b) for a, b in SIGNER70.bones if b < FACE and _group(b) == group and np.isfinite(xyz[[a, b], :2]).all()]
        axis.add_collection(LineCollection([xyz[[a, b], :2] for a, b in bones], colors=colour, linewidths=width * (1.4 if group else 3),
                                           capstyle="round"), autolim=False)
    axis.set(aspect="equal", xticks=[], yticks=[])
    return axis


def _group(joint: int) -> str | None:
    return next((name for name in SIDES if SIGNER70.groups[name].start <= joint < SIGNER70.groups[name].stop), None)
