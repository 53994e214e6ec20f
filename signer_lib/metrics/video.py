"""Measures of a rendered video against the reference's frames: how like, how like where the hands are, how unsteady.

Frames are (T, H, W, 3) uint8 RGB, the same T, H and W on both sides: frame t is compared with frame t.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70
from signer_lib.render.framing import Framing

WINDOW, SIGMA = 11, 1.5                                       # pixels of SSIM's Gaussian window a side, and its standard deviation
K1, K2 = 0.01, 0.03                                           # SSIM's constants, by the largest value
IDENTICAL = 100.0                                             # dB that stand for no difference, instead of infinity
MARGIN = 0.1                                                  # shoulder widths around a hand's joints that belong to its box
HANDS = (SIGNER70.groups["left_hand"], SIGNER70.groups["right_hand"])


def ssim_maps(produced: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(T, H, W) SSIM [paper: the measure] at every pixel, the mean of the three colours; beyond the edges the picture is mirrored.

    It is torchmetrics' (a test compares them), only faster: theirs takes the two-dimensional window, and single precision, in which that is
    fast, is off where pictures are flat.
    """
    blurred = partial(gaussian_filter, sigma=SIGMA, radius=WINDOW // 2, mode="mirror", axes=(0, 1))

    def one(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        x, y = x / 255, y / 255
        mean_x, mean_y = blurred(x), blurred(y)
        both = blurred(x * y) - mean_x * mean_y
        spread = blurred(x * x) - mean_x ** 2 + blurred(y * y) - mean_y ** 2
        result: np.ndarray = (2 * mean_x * mean_y + K1 ** 2) * (2 * both + K2 ** 2) / ((mean_x ** 2 + mean_y ** 2 + K1 ** 2) * (spread + K2 ** 2))
        return result
    return np.stack([one(*pair).mean(-1) for pair in zip(produced, reference)])                    # frame by frame: long videos fit


def psnr(produced: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal to noise ratio, dB [paper: the measure]: the mean over frames of 10 log10(255^2 / mean squared error), ``IDENTICAL`` at most."""

    def number(frame: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(frame)).float()

    frames: list[Tensor] = [peak_signal_noise_ratio(number(x), number(y), data_range=255.0) for x, y in zip(produced, reference)]
    return float(torch.stack(frames).clamp(max=IDENTICAL).mean())


def hand_boxes(xyz: np.ndarray, size: int, framing: Framing = Framing()) -> np.ndarray:
    """(T, 70, 3) reference poses -> (T, 2, 4) boxes left, top, right, bottom of the left and the right hand, pixels, the ends not included.

    A box holds the joints that are known and ``MARGIN`` around them, cut at the picture's edges. It is empty (all 0) where no joint is known or
    the hand is out of the picture. [ours]
    """
    boxes = np.zeros((len(xyz), len(HANDS), 4), int)
    for frame, joints in enumerate(xyz):
        for side, hand in enumerate(HANDS):
            known = joints[hand][np.isfinite(joints[hand]).all(-1)]
            if not len(known):
                continue
            corners = np.stack([known[:, :2].min(0) - MARGIN, known[:, :2].max(0) + MARGIN])
            pixels = framing.to_pixels(corners, size)
            box = np.concatenate([np.floor(pixels.min(0)), np.ceil(pixels.max(0))]).clip(0, size).astype(int)
            if box[0] < box[2] and box[1] < box[3]:
                boxes[frame, side] = box
    return boxes


def hand_ssim(maps: np.ndarray, boxes: np.ndarray) -> float | None:
    """The mean of ``ssim_maps`` in each box, then over all boxes of all frames that are not empty; None if all are. [ours: the boxes]"""
    means = [maps[frame, top:bottom, left:right].mean() for frame in range(len(maps)) for left, top, right, bottom in boxes[frame] if right > left]
    return float(np.mean(means)) if means else None


def flicker(frames: np.ndarray) -> float:
    """How unsteady a video is: the mean |x(t+1) - 2 x(t) + x(t-1)| of pixels, colours and frames, levels of 255; NaN below three frames. [ours]"""
    if len(frames) < 3:
        return float("nan")

    def signed(t: int) -> np.ndarray:
        result: np.ndarray = frames[t].astype(np.int16)
        return result

    return float(np.mean([np.abs(signed(t + 1) - 2 * signed(t) + signed(t - 1)).mean() for t in range(1, len(frames) - 1)]))


def flicker_ratio(produced: np.ndarray, reference: np.ndarray) -> float | None:
    """``flicker`` of the produced frames by that of the reference's; None below three frames or where the reference has none. [ours]"""
    own = flicker(reference)
    return flicker(produced) / own if own > 0 else None


def video_scores(produced: np.ndarray, reference: np.ndarray, xyz: np.ndarray | None = None, framing: Framing = Framing()) -> dict[str, Any]:
    """All measures of one video; xyz (T, 70, 3) are the poses that the reference shows, shoulder widths, NaN where missing.

    ssim (0-1, without the outer five pixels, where the window leaves the picture), psnr (dB), hand_ssim (None without poses), flicker_ratio
    (None where it cannot be taken), count (T) and the signature that made them.
    ``SignerError`` if there are no frames, they are not RGB bytes, the two sides differ in shape, frames are smaller than SSIM's window, or the
    poses are not one for each frame of square pictures.
    """
    produced, reference = np.asarray(produced), np.asarray(reference)
    if produced.shape != reference.shape:
        raise SignerError(f"produced frames {produced.shape} and the reference's {reference.shape} must have the same shape")
    if reference.ndim != 4 or reference.shape[-1] != 3 or {produced.dtype, reference.dtype} != {np.dtype(np.uint8)}:
        raise SignerError(f"frames are (T, H, W, 3) uint8 RGB, not {reference.shape} {produced.dtype} and {reference.dtype}")
    if not len(reference) or min(reference.shape[1:3]) < WINDOW:
        raise SignerError(f"there must be a frame, of {WINDOW} pixels a side or more, not {reference.shape}")
    height, width = reference.shape[1:3]
    if xyz is not None and (np.shape(xyz) != (len(reference), len(SIGNER70), 3) or height != width):
        raise SignerError(f"hands are found in square frames with one pose each: {np.shape(xyz)} poses do not fit frames {reference.shape}")
    maps, edge = ssim_maps(produced, reference), WINDOW // 2
    return {
        "ssim": float(maps[:, edge:-edge, edge:-edge].mean()),
        "psnr": psnr(produced, reference),
        "hand_ssim": None if xyz is None else hand_ssim(maps, hand_boxes(np.asarray(xyz, float), width, framing)),
        "flicker_ratio": flicker_ratio(produced, reference),
        "count": len(reference),
        "signature": _signature(width, height),
    }


def mean_scores(clips: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray | None]]) -> dict[str, float | None]:
    """The means of ``video_scores`` over clips (produced, reference, xyz), each counted by its frames; None where no clip has a value.

    ``SignerError`` if there are no clips.
    """
    rows = [video_scores(*clip) for clip in clips]
    if not rows:
        raise SignerError("there are no clips to score")
    means = {}
    for name in ("ssim", "psnr", "hand_ssim", "flicker_ratio"):
        known = [row for row in rows if row[name] is not None]
        means[name] = float(np.average([row[name] for row in known], weights=[row["count"] for row in known])) if known else None
    return means | {"count": sum(row["count"] for row in rows)}


def _signature(width: int, height: int) -> str:
    shared = f"VIDEO|size:{width}x{height}|colours:rgb,mean|avg:frame|torchmetrics:{version('torchmetrics')}"
    return " + ".join([shared, f"SSIM|window:gaussian-{WINDOW},{SIGMA}|k:{K1},{K2}|border:left-out", f"PSNR|peak:255|most:{IDENTICAL:g}",
                       f"hand-SSIM|box:joints+{MARGIN:g}|border:mirrored|avg:box", "flicker|second-difference:mean-absolute|by:reference"])
