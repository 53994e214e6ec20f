"""The solids that stand for trunk and head: ellipsoids along the axes, and how to get out of them. [ours]"""

from __future__ import annotations

import numpy as np

from signer_lib.prior.kinematics import unit


class Ellipsoids:
    """The union of ellipsoids, from their centres and radii (K, 2, 3)."""

    def __init__(self, shapes: np.ndarray):
        self.centre, self.radii = shapes[:, 0], shapes[:, 1]
        self.sharp = 1 / self.radii ** 2
        # q, which is 1 on the surface, and its slope come from weighted distances from the centres: products of a point's powers
        weights = np.concatenate([self.sharp, self.sharp ** 2])                           # (2 K, 3)
        centres = np.concatenate([self.centre, self.centre])
        self._of_powers = np.concatenate([weights, -2 * centres * weights], 1).T          # (6, 2 K)
        self._constant = (centres ** 2 * weights).sum(-1)

    def way_out(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How deep points (..., 3) are in the ellipsoid that holds them deepest, to first order, negative outside; and the unit
        direction (..., 3) out of that one.
        """
        powers = np.concatenate([points * points, points], axis=-1)
        squared = np.sqrt(np.maximum(powers @ self._of_powers + self._constant, 1e-4))
        q, slope = squared[..., :len(self.centre)], squared[..., len(self.centre):]
        inside = (1 - q) * q / slope
        most = inside.argmax(-1)
        return np.take_along_axis(inside, most[..., None], -1)[..., 0], unit((points - self.centre[most]) * self.sharp[most])

    def depth(self, points: np.ndarray) -> np.ndarray:
        """(...,) how deep points (..., 3) are inside, negative outside."""
        return self.way_out(points)[0]
