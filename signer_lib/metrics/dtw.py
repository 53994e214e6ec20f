"""Dynamic time warping: which frames of two sequences belong together. [ours: form]

The cheapest way through a table of costs is a shortest path in a graph: its nodes are the cells, and an arrow costs what the cell it
leads to costs. SciPy's compiled Dijkstra finds it for whatever costs, so both of the field's measures, and missing joints, need one library.
"""

from __future__ import annotations

import numpy as np
import scipy
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist

from signer_lib.errors import SignerError

SIGNATURE = f"dtw:scipy-{scipy.__version__}|steps:10,01,11|window:no"
DISTANCE = {1: "cityblock", 2: "sqeuclidean"}


def dtw_path(cost: np.ndarray) -> tuple[float, np.ndarray]:
    """The cheapest way from the first to the last cell of costs (T, U), by steps (1, 0), (0, 1) and (1, 1): its cost, its cells (n, 2).

    The cost is the sum over the cells, both ends included. Walked back from the last cell, a tie goes to the diagonal, then to (1, 0).
    ``SignerError`` if there is no cell, or a cost is negative or not finite.
    """
    cost = np.asarray(cost, float)
    if cost.ndim != 2 or not cost.size or not (np.isfinite(cost) & (cost >= 0)).all():
        raise SignerError(f"DTW needs a table of finite costs, none below 0, not one of shape {cost.shape}: check both sequences for empty ones")
    walled = np.pad(cost, (0, 1), constant_values=np.inf)             # or an arrow would lead round from a row's end into the next
    width, nodes = walled.shape[1], walled.size
    heads = np.arange(nodes, dtype=np.int32)[:, None] + np.array([1, width, width + 1], np.int32)
    inside = heads < nodes
    starts = np.concatenate([[0], inside.sum(1).cumsum()]).astype(np.int32)
    arrows = csr_array((walled.ravel()[heads[inside]], heads[inside], starts), shape=(nodes, nodes))     # keeps arrows that cost nothing
    reached = dijkstra(arrows, indices=0).reshape(walled.shape)
    i, j = np.array(cost.shape) - 1
    path = [(i, j)]
    while i or j:
        i, j = min((i - 1, j - 1), (i - 1, j), (i, j - 1), key=lambda cell: reached[cell])               # -1 is the wall
        path.append((i, j))
    return float(reached[path[0]] + cost[0, 0]), np.array(path[::-1])


def frame_costs(x: np.ndarray, y: np.ndarray, power: int) -> np.ndarray:
    """Distance of every frame of x (T, J, 3) from every frame of y (U, J, 3) -> (T, U), in the unit of the two.

    power  1: the sum of |x - y| over all 3 J values; 2: the Euclidean distance of the flattened frames.
    A joint missing in either frame is left out and the sum is raised to that of J joints, so that leaving out earns nothing; two
    frames with no joint in common cost as much as the dearest two. ``SignerError`` if no two frames have one.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    seen_x, seen_y = np.isfinite(x).all(-1), np.isfinite(y).all(-1)                                      # (T, J), (U, J)
    common = seen_x.astype(float) @ seen_y.T                                                            # joints, (T, U)
    if not common.any():
        raise SignerError("no joint is seen both in the produced and in the true poses: leave the sentence out, or give poses with joints in them")
    x, y = np.where(seen_x[..., None], x, 0), np.where(seen_y[..., None], y, 0)
    size_x, size_y = (abs(x) ** power).sum(-1), (abs(y) ** power).sum(-1)                                # what a joint adds, alone against 0
    total = cdist(x.reshape(len(x), -1), y.reshape(len(y), -1), DISTANCE[power]) - ~seen_x @ size_y.T - size_x @ ~seen_y.T
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = (np.maximum(total, 0) * x.shape[1] / common) ** (1 / power)
    result: np.ndarray = np.where(common > 0, cost, cost[common > 0].max())
    return result
