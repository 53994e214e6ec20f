"""Measures of rendered frames that a detector of joints reads out of them: where the joints are, whether fingers can be counted, in which style and
by whom the picture is, and how the pictures are spread. [ours, but for the Fréchet distance itself]

The detector has seen nothing but reference frames (``metrics.keypoints``), and it errs too: every value stands beside the one that it gives the
reference frames themselves.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance

from signer_lib.pose import SIGNER70
from signer_lib.pose.skeleton import FINGERS

PARTS = {"body": ("body",), "hands": ("left_hand", "right_hand"), "face": ("face",)}
TIPS = np.array([[SIGNER70.index(f"{side}_hand_{finger}_tip") for finger in FINGERS] for side in "lr"])
APART = 0.024           # of the picture's side: tips that are at least so far from each other can be told apart (a finger is 0.018 wide)
FOUND = APART / 2       # a tip that is found nearer than this to its true place is nearer to it than to any other tip's
SURE = 0.5              # confidence with which a joint counts as found
LEAST = 2               # frames that a covariance needs


def keypoint_errors(found: np.ndarray, truth: np.ndarray, counts: np.ndarray, size: int) -> dict[str, float | None]:
    """found, truth (T, 70, 2) pixels, counts (T, 70) bool: which joints are looked at -> mean distances as shares of the picture's side.

    keypoint_error over all of them, and body_error, hands_error, face_error over theirs; None where no joint is looked at.
    """
    apart = np.linalg.norm(found - truth, axis=-1) / size
    mean = lambda joints: float(apart[joints].mean()) if joints.any() else None
    of_part = lambda part: np.isin(np.arange(len(SIGNER70)), np.r_[tuple(SIGNER70.groups[name] for name in PARTS[part])])
    return {"keypoint_error": mean(counts)} | {f"{part}_error": mean(counts & of_part(part)) for part in PARTS}


def tips_apart(truth: np.ndarray, visible: np.ndarray, size: int) -> np.ndarray:
    """truth (T, 70, 2) pixels, visible (T, 70) -> (T, 2): hands (left, right) whose five tips are seen, ``APART`` or more from each other."""
    tips = truth[:, TIPS]                                                                              # (T, 2, 5, 2)
    between = np.linalg.norm(tips[:, :, :, None] - tips[:, :, None], axis=-1) / size + np.eye(len(FINGERS))
    return visible[:, TIPS].all(-1) & (between.min((-1, -2)) >= APART)


def tips_found(found: np.ndarray, confidence: np.ndarray, truth: np.ndarray, size: int) -> np.ndarray:
    """found, truth (T, 70, 2) pixels, confidence (T, 70) -> (T, 2): hands all five tips of which are found, surely and within ``FOUND``."""
    near = np.linalg.norm(found - truth, axis=-1)[:, TIPS] / size < FOUND
    return (near & (confidence[:, TIPS] > SURE)).all(-1)


class Frechet:
    """The Fréchet distance between two sets of features (N, D), given in parts: as far as their means and covariances tell.

    Of this detector's own features: it is no FID or FVD of others and cannot be compared with any.
    """

    def __init__(self, features: int):
        same = nn.Identity()
        same.num_features = features
        self.metric = FrechetInceptionDistance(feature=same).set_dtype(torch.float64)

    def add(self, features: np.ndarray, real: bool) -> None:
        self.metric.update(torch.from_numpy(features).double(), real=real)

    def distance(self) -> float | None:
        """None below ``LEAST`` frames on one side."""
        if min(self.metric.real_features_num_samples, self.metric.fake_features_num_samples) < LEAST:
            return None
        return max(0.0, float(self.metric.compute()))


def signature(detector: str) -> str:
    """What made the numbers; ``detector``: its fingerprint."""
    return " + ".join([
        f"KEYPOINTS|detector:{detector}|error:euclidean/side|joints:visible",
        f"FINGERS|tips:visible,apart>={APART:g}|found:<{FOUND:g},confidence>{SURE:g}|of:found-in-reference",
        f"FRECHET|features:detector,pooled-deepest|no-FID-or-FVD-of-others|torchmetrics:{version('torchmetrics')}",
    ])
