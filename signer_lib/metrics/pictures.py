"""Measures of rendered frames that a detector of joints reads out of them: where the joints are, whether fingers can be counted, in which style and
by whom the picture is, and how the pictures are spread. [ours, but for the Fréchet distance itself]

The detector has seen nothing but reference frames (``metrics.keypoints``), and it errs too: every value stands beside the one that it gives the
reference frames themselves.
"""

from __future__ import annotations

import numpy as np

from signer_lib.pose import SIGNER70
from signer_lib.pose.skeleton import FINGERS

PARTS = {"body": ("body",), "hands": ("left_hand", "right_hand"), "face": ("face",)}
TIPS = np.array([[SIGNER70.index(f"{side}_hand_{finger}_tip") for finger in FINGERS] for side in "lr"])
APART = 0.024           # of the picture's side: tips that are at least so far from each other can be told apart (a finger is 0.018 wide)
TIPS_SEEN = 3           # tips that a hand must show, or there is nothing to count
SURE = 0.5              # confidence with which a joint counts as found
SMALL = 1e-3            # of a feature's deviation: below it, the feature says nothing
LEAST = 2               # frames that a covariance needs


def keypoint_errors(found: np.ndarray, truth: np.ndarray, counts: np.ndarray, size: int) -> dict[str, float | None]:
    """found, truth (T, 70, 2) pixels, counts (T, 70) bool: which joints are looked at -> mean distances as shares of the picture's side.

    keypoint_error over all of them, and body_error, hands_error, face_error over theirs; None where no joint is looked at.
    """
    apart = np.linalg.norm(found - truth, axis=-1) / size

    def mean(joints: np.ndarray) -> float | None:
        return float(apart[joints].mean()) if joints.any() else None

    def of_part(part: str) -> np.ndarray:
        return np.isin(np.arange(len(SIGNER70)), np.r_[tuple(SIGNER70.groups[name] for name in PARTS[part])])

    return {"keypoint_error": mean(counts)} | {f"{part}_error": mean(counts & of_part(part)) for part in PARTS}


def tips_apart(truth: np.ndarray, visible: np.ndarray, size: int) -> np.ndarray:
    """truth (T, 70, 2) pixels, visible (T, 70) -> (T, 2): hands (left, right) of which ``TIPS_SEEN`` tips or more are seen, all ``APART``."""
    result: np.ndarray = (visible[:, TIPS].sum(-1) >= TIPS_SEEN) & (_to_another(truth, visible, size).min(-1) >= APART)
    return result


def tips_found(found: np.ndarray, confidence: np.ndarray, truth: np.ndarray, visible: np.ndarray, size: int) -> np.ndarray:
    """found, truth (T, 70, 2) pixels, confidence, visible (T, 70) -> (T, 2): hands every visible tip of which is found, surely and as itself.

    As itself: within half the distance from its true place to the nearest other tip's, and within ``APART``. So no two are found as one.
    """
    off = np.linalg.norm(found - truth, axis=-1)[:, TIPS] / size
    itself = off < np.minimum(_to_another(truth, visible, size) / 2, APART)
    result: np.ndarray = ((itself & (confidence[:, TIPS] > SURE)) | ~visible[:, TIPS]).all(-1)
    return result


def _to_another(truth: np.ndarray, visible: np.ndarray, size: int) -> np.ndarray:
    """(T, 2, 5) how far each visible tip is from the nearest other visible one of its hand, shares of the side; infinite where there is none."""
    tips, seen = truth[:, TIPS], visible[:, TIPS]
    between = np.linalg.norm(tips[:, :, :, None] - tips[:, :, None], axis=-1) / size
    result: np.ndarray = np.where(seen[..., None] & seen[..., None, :] & ~np.eye(len(FINGERS), dtype=bool), between, np.inf).min(-1)
    return result


def frechet(features: np.ndarray, reference: np.ndarray) -> float | None:
    """The Fréchet distance between two sets of features (N, D) and (M, D), by their means and covariances; None below ``LEAST`` frames.

    Each feature is told in deviations that it has in the reference, so that 1 is as far as one feature that is one deviation off.
    Of this detector's own features: it is no FID or FVD of others and cannot be compared with any. torchmetrics' own takes the roots of
    eigenvalues that are 0 but for rounding, which with fewer frames than features is more than the distance.
    """
    if min(len(features), len(reference)) < LEAST:
        return None
    roots, means, unit = [], [], np.maximum(reference.std(0, dtype=float, ddof=1), SMALL)
    for rows in (features / unit, reference / unit):
        values, ways = np.linalg.eigh(np.cov(rows.T))
        roots.append(ways * np.sqrt(values.clip(0)) @ ways.T)
        means.append(rows.mean(0))
    shared = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    apart = (roots[0] ** 2).sum() + (roots[1] ** 2).sum() - 2 * shared
    return float(((means[0] - means[1]) ** 2).sum() + max(0.0, apart))


def signature(detector: str) -> str:
    """What made the numbers; ``detector``: its fingerprint."""
    return " + ".join([
        f"KEYPOINTS|detector:{detector}|error:euclidean/side|joints:visible",
        f"FINGERS|tips:visible,{TIPS_SEEN}+,apart>={APART:g}|found:<half-way-to-another,<{APART:g},confidence>{SURE:g}|of:found-in-reference",
        "FRECHET|features:detector,deepest-mean,whole+hands,by-deviation|no-FID-or-FVD-of-others",
    ])
