"""Movement over time: the profile of a stroke, the jerk of a path, and the filter that steadies it. [ours]"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

CUTOFF = 6.0                            # Hz; field practice for signing, fingers included


def minimum_jerk(t: np.ndarray) -> np.ndarray:
    """Flash and Hogan's profile of a reaching movement: 0 to 1 for t in [0, 1], with no velocity or acceleration at either end."""
    reached: np.ndarray = t ** 3 * (10 - 15 * t + 6 * t ** 2)
    return reached


def jerk(path: np.ndarray, fps: float) -> float:
    """Mean size of the third derivative of paths (T, n, d), in units a second cubed; NaN if no four frames in a row are seen."""
    size = np.linalg.norm(np.diff(path, 3, axis=0), axis=-1) * fps ** 3
    return float(np.nanmean(size)) if np.isfinite(size).any() else float("nan")


def zero_phase(path: np.ndarray, fps: float, cutoff: float = CUTOFF) -> np.ndarray:
    """(T, ...) through a Butterworth low-pass of ``cutoff`` Hz, forwards and backwards, so that nothing is delayed.

    Left as it is where the frame rate is too low for the filter or there are fewer than four frames.
    """
    if cutoff >= fps / 2 or len(path) < 4:
        return path
    steady: np.ndarray = sosfiltfilt(butter(2, cutoff, fs=fps, output="sos"), path, axis=0, padlen=min(9, len(path) - 1))
    return steady
