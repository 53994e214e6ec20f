"""Krippendorff's alpha for ordinal ratings: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011). [ours: to use it]"""

from __future__ import annotations

import numpy as np


def counts_of(units: list[list[int]], points: int) -> np.ndarray:
    """Lists of ratings 1 to ``points``, one list for each unit -> (U, points): how often each value was given."""
    return np.array([np.bincount(values, minlength=points + 1)[1:] for values in units], float).reshape(-1, points)


def ordinal_alpha(counts: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """(U, V) how often each of V ordered values was given to a unit -> alpha, 1: full agreement, 0: as by chance; NaN where all values are the same.

    weights (..., U)  how often a unit counts, for a bootstrap -> (...). A unit with fewer than two ratings says nothing and is left out.
    alpha = 1 - D_o / D_e, D_o and D_e the mean squared distances of values given to one unit, and of all values, where the distance of two values is
    the number of ratings between them, those at the ends counted half.
    """
    counts = counts[counts.sum(1) >= 2] if weights is None else counts
    weights = np.ones(len(counts)) if weights is None else weights * (counts.sum(1) >= 2)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1])
    pairs /= np.maximum(counts.sum(1) - 1, 1)[:, None, None]
    observed = np.tensordot(weights, pairs, 1)                                         # (..., V, V) coincidences
    given = np.tensordot(weights, counts, 1)                                           # (..., V)
    place = np.cumsum(given, -1) - given / 2
    distance = (place[..., :, None] - place[..., None, :]) ** 2
    expected = (given[..., :, None] * given[..., None, :] * distance).sum((-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (given.sum(-1) - 1) * (observed * distance).sum((-2, -1)) / expected, np.nan)
