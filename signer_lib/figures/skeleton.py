"""One pose as lines, small and sharp at any size. [ours]"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from signer_lib.figures.text import CYCLE
from signer_lib.pose import SIGNER70

SIDES = {"left_hand": CYCLE[5], "right_hand": CYCLE[0]}
FACE = SIGNER70.groups["face"].start
_J = SIGNER70.index
FACE_LINES = (*([_J(f"{side}_brow_{k}") for k in range(5)] for side in "rl"), *([_J(f"{side}_lid_upper"), _J(f"{side}_lid_lower")] for side in "rl"),
              [_J("r_lip_corner"), _J("lip_upper_outer"), _J("l_lip_corner"), _J("lip_lower_outer"), _J("r_lip_corner")])
KNUCKLES = tuple((first + 4 * k + 1, first + 4 * k + 5) for first in (8, 29) for k in (1, 2, 3))       # across a palm, so that one sees its turn
HEAD = np.array([0.0, 0.065, -0.2]), 0.34                    # a ball that stands for the head: its middle from the nose, its radius
SQUARE = {"front": (0.0, -0.05), "right side": (0.45, -0.05), "above": (0.0, -0.45)}          # the middle of a picture from there
HALF = 1.4                               # shoulder widths from the middle to an edge
TURNS = {"front": ((1, 0, 0), (0, 1, 0)), "right side": ((0, 0, 1), (0, 1, 0)), "above": ((1, 0, 0), (0, 0, -1))}


def turned(xyz: np.ndarray, view: str) -> np.ndarray:
    """Points (..., 3) as seen from the "front", the signer's "right side" or "above": (..., 3) to the right, up and towards the viewer."""
    across, up = np.array(TURNS[view], float)
    seen: np.ndarray = np.asarray(xyz, float) @ np.stack([across, up, np.cross(across, up)], -1)
    return seen


def plot_skeleton(xyz: np.ndarray, axis: Axes, *, width: float = 1.0, body: str = "0.35") -> Axes:
    """The bones of a pose (70, 3) but for the face, from the front: the right hand dark blue, the left one light blue, the rest ``body``.

    width  of a finger's line, by 1.4 points. What is missing is not drawn. The limits of ``axis`` stay as they are.
    """
    xyz = np.asarray(xyz, float)
    for group, colour in [(None, body), *SIDES.items()]:
        bones = [(a, b) for a, b in SIGNER70.bones if b < FACE and side_of(b) == group and np.isfinite(xyz[[a, b], :2]).all()]
        axis.add_collection(LineCollection([xyz[[a, b], :2] for a, b in bones], colors=colour, linewidths=width * (1.4 if group else 3),
                                           capstyle="round"), autolim=False)
    axis.set(aspect="equal", xticks=[], yticks=[])
    return axis


def side_of(joint: int) -> str | None:
    """The hand that a joint belongs to: ``left_hand``, ``right_hand`` or None."""
    return next((name for name in SIDES if SIGNER70.groups[name].start <= joint < SIGNER70.groups[name].stop), None)
