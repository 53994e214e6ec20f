"""The shirt gives way to hands and forearms that press on it, so that they never vanish into it. [ours]

Poses are laid out with one body's measures; on a broader signer, or in a shirt, what touches the chest would lie inside it.
"""

from __future__ import annotations

import numpy as np

from signer_lib.render.studio.rig import SIDES

HAND, FORE = 0.058, 0.105                        # from a joint to the back of the hand; from the forearm's middle to its skin
ALONG = (0.35, 0.55, 0.75, 0.95)                 # places on the forearm, as shares of its length
ROUND = 9.0                                      # 1 / shoulder widths: how steeply the dent rises around it
DEEPEST = 0.20                                   # what lies deeper was meant to be behind the trunk
REACH = 0.16                                     # of the dent around a joint, shoulder widths


def give_way(vertices: np.ndarray, trunk: np.ndarray, xyz: np.ndarray) -> None:
    """Push the trunk's vertices (n,) of posed meshes (T, V, 3) behind the hands and forearms of poses (T, 70, 3), in place."""
    for frame, pose in zip(vertices, xyz):
        pressing, sizes = [], []
        for shoulder, first in SIDES.values():
            elbow, wrist = pose[shoulder + 1], pose[shoulder + 2]
            pressing += [pose[first:first + 21], elbow + np.outer(ALONG, wrist - elbow)]
            sizes += [np.full(21, HAND), np.full(len(ALONG), FORE)]
        points, radii = np.concatenate(pressing), np.concatenate(sizes)
        cloth = frame[trunk]
        away = ((cloth[:, None, :2] - points[None, :, :2]) ** 2).sum(-1)
        into = cloth[:, 2:] - (points[:, 2] - radii + ROUND * away)             # how far the cloth is before what presses on it
        into = np.where((away < REACH ** 2) & (into < DEEPEST + radii), into, 0)
        cloth[:, 2] -= np.clip(into.max(1), 0, None)
        frame[trunk] = cloth
