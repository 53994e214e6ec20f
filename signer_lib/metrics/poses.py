"""Measures of produced poses against true ones: how near, how alive, how steady, how whole.

Lengths are in shoulder widths (``PoseSequence``), times in seconds. The body and both hands are compared, ``JOINTS`` of them; the face
is not. A produced and a true sequence stand for one sentence each; they need not be equally long.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike

from signer_lib.errors import SignerError
from signer_lib.metrics import dtw
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.motion import jerk

JOINTS = 50                                                   # Progressive Transformers': the body and both hands
WRISTS = [SIGNER70.index("r_wrist"), SIGNER70.index("l_wrist")]
HANDS = [SIGNER70.groups["left_hand"], SIGNER70.groups["right_hand"]]
ROOTS = [hand.start for hand in HANDS]                        # a hand's own wrist, the same point as the arm's
BONES = np.array([(parent, child) for parent, child in SIGNER70.bones if child < JOINTS and child not in ROOTS])
SEAM = 2                                                      # frames on either side of a boundary
FPS = 25


class Span(Protocol):
    """Frames [start, stop) of a unit; ``unit`` is None for a transition or a pause."""

    @property
    def unit(self) -> int | None: ...

    @property
    def start(self) -> int: ...

    @property
    def stop(self) -> int: ...


class Produced(Protocol):
    """One sentence: its poses, and which frames belong to which unit, or None where that is not known."""

    @property
    def poses(self) -> PoseSequence: ...

    @property
    def spans(self) -> Sequence[Span] | None: ...


def dtw_pt(produced: PoseSequence, truth: PoseSequence, scale: float = 1.0) -> float:
    """Progressive Transformers' DTW [paper]: sum of |x - y| over 150 values, along the cheapest path, by the frames of the truth.

    Shoulder widths; it grows with the unit, so ``scale`` turns it into another's (theirs is a third of the lifted skeleton's unit).
    """
    total, _ = dtw.dtw_path(dtw.frame_costs(produced.xyz[:, :JOINTS], truth.xyz[:, :JOINTS], power=1))
    return scale * total / len(truth)


def alignment(produced: PoseSequence, truth: PoseSequence) -> np.ndarray:
    """(n, 2) produced and true frames that belong together by SLRTP's DTW: the Euclidean distance of flattened frames. [paper]"""
    return dtw.dtw_path(dtw.frame_costs(produced.xyz[:, :JOINTS], truth.xyz[:, :JOINTS], power=2))[1]


def dtw_mje(produced: PoseSequence, truth: PoseSequence, path: np.ndarray | None = None) -> float:
    """SLRTP's DTW-MJE [paper]: the mean distance of a joint from its true place along ``alignment`` (or ``path``), in shoulder widths."""
    path = alignment(produced, truth) if path is None else path
    return _mean(_apart(produced.xyz[:, :JOINTS], truth.xyz[:, :JOINTS], path))


def hand_error(produced: PoseSequence, truth: PoseSequence, path: np.ndarray | None = None) -> float:
    """The same for the 20 joints of each hand seen from its own wrist, along the same path [ours]: the handshape, wherever the hand is."""
    path = alignment(produced, truth) if path is None else path

    def shape(poses: PoseSequence) -> np.ndarray:
        return np.concatenate([poses.xyz[:, hand][:, 1:] - poses.xyz[:, hand][:, :1] for hand in HANDS], axis=1)

    return _mean(_apart(shape(produced), shape(truth), path))


def compared_share(produced: PoseSequence, truth: PoseSequence, path: np.ndarray | None = None) -> float:
    """The share of joints along the path that are seen on both sides, and so were compared. [ours]"""
    path = alignment(produced, truth) if path is None else path
    return float(np.isfinite(_apart(produced.xyz[:, :JOINTS], truth.xyz[:, :JOINTS], path)).mean())


def total_distance_ratio(produced: PoseSequence, truth: PoseSequence) -> float:
    """How far the wrists and hands travel, by how far they should [SLRTP: idea; ours: joints]. NaN if the truth stands still.

    A step counts where its joint is seen before and after it.
    """
    ways = [np.nansum(np.linalg.norm(np.diff(poses.xyz[:, WRISTS + [*range(ROOTS[0], JOINTS)]], axis=0), axis=-1)) for poses in (produced, truth)]
    return float(ways[0] / ways[1]) if ways[1] > 0 else float("nan")


def duration_ratio(produced: PoseSequence, truth: PoseSequence) -> float:
    """Seconds produced, by true seconds. [ours]"""
    return produced.duration / truth.duration


def wrist_jerk(poses: PoseSequence) -> float:
    """Mean size of the third derivative of both wrists' paths, in shoulder widths / s^3 [ours]; NaN below four frames in a row."""
    return jerk(poses.xyz[:, WRISTS], poses.fps)


def seam_velocity(poses: PoseSequence, spans: Sequence[Span] | None) -> float | None:
    """How fast a wrist moves at the seams of units: the mean over boundaries of the peak within ``SEAM`` frames, shoulder widths / s. [ours]

    A boundary lies where a unit begins or ends within the sequence. None without spans, or where there is no boundary.
    """
    pairs = list(zip(spans or [], (spans or [])[1:]))
    seams = [after.start for before, after in pairs if (before.unit, after.unit) != (None, None)]
    speed = np.linalg.norm(np.diff(poses.xyz[:, WRISTS], axis=0), axis=-1) * poses.fps                   # (T - 1, 2), step t leads to frame t + 1
    peaks = [np.nanmax(near) for seam in seams if np.isfinite(near := speed[max(seam - SEAM, 0):seam + SEAM - 1]).any()]
    return float(np.mean(peaks)) if peaks else None


def bone_drift(poses: PoseSequence) -> float:
    """How much bones change their length: |length - the bone's median| by the median, the mean over frames and bones. [ours]"""
    lengths = np.linalg.norm(poses.xyz[:, BONES[:, 1]] - poses.xyz[:, BONES[:, 0]], axis=-1)             # (T, B)
    lengths = lengths[:, np.isfinite(lengths).any(0)]
    middle = np.nanmedian(lengths, axis=0)
    return _mean(abs(lengths - middle) / np.maximum(middle, 1e-9))


def missing_share(poses: PoseSequence) -> float:
    """The share of body and hand joints that are missing. [ours]"""
    return float((poses.confidence[:, :JOINTS] == 0).mean())


def useless_control(poses: PoseSequence) -> float:
    """A checksum of the number of frames, 0-100 [ours]. It looks at no pose: what another column must differ from to mean something."""
    return zlib.crc32(str(len(poses)).encode()) % 10_001 / 100


def pair_scores(produced: Produced, truth: Produced) -> dict[str, float | None]:
    """All measures of one sentence. NaN or None where one cannot be taken."""
    given, true = produced.poses, truth.poses
    path = alignment(given, true)
    return {
        "dtw_pt": dtw_pt(given, true),
        "dtw_mje": dtw_mje(given, true, path),
        "hand_error": hand_error(given, true, path),
        "total_distance_ratio": total_distance_ratio(given, true),
        "duration_ratio": duration_ratio(given, true),
        "wrist_jerk": wrist_jerk(given),
        "seam_velocity": seam_velocity(given, produced.spans),
        "bone_drift": bone_drift(given),
        "missing_share": missing_share(given),
        "compared_share": compared_share(given, true, path),
        "useless_control": useless_control(given),
    }


def pose_scores(produced: Sequence[Produced], truth: Sequence[Produced]) -> dict[str, Any]:
    """The mean over N sentences of every measure (None where no sentence has one), count (N) and the signature that made them.

    ``SignerError`` if there are no sentences, their numbers, skeletons or frame rates differ, or two sequences have nothing to compare.
    """
    if len(produced) != len(truth):
        raise SignerError(f"{len(produced)} produced and {len(truth)} true sequences: give one for each sentence")
    if not len(truth):
        raise SignerError("there are no poses to score: give at least one sentence")
    every = [one.poses for one in (*produced, *truth)]
    if foreign := {poses.skeleton.name for poses in every if poses.skeleton != SIGNER70}:
        raise SignerError(f"these measures know the joints of {SIGNER70.name}, not of {', '.join(sorted(foreign))}: read the poses with read_poses")
    if len(rates := sorted({poses.fps for poses in every})) > 1:
        raise SignerError(f"poses of {' and '.join(f'{rate:g}' for rate in rates)} frames a second cannot be compared: resample them to one rate")
    rows = []
    for number, pair in enumerate(zip(produced, truth), start=1):
        if not all(len(one.poses) for one in pair):
            raise SignerError(f"sentence {number} has no frames: give poses for every sentence")
        try:
            rows.append(pair_scores(*pair))
        except SignerError as error:
            raise SignerError(f"sentence {number}: {error}") from None
    return {name: mean_known([row[name] for row in rows]) for name in rows[0]} | {"count": len(rows), "signature": _signature(rates[0])}


class PoseMetric(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """``compute(predictions=[...], references=[...], fps=25)`` -> ``pose_scores`` of positions (T, 70, 3) each, NaN where missing; no spans."""

    def _info(self) -> evaluate.MetricInfo:
        positions = datasets.Array3D((None, len(SIGNER70), 3), "float32")
        features = datasets.Features({"predictions": positions, "references": positions})
        return evaluate.MetricInfo(description=self.__doc__, citation="", inputs_description="positions of one sentence each", features=features)

    def _compute(self, predictions: list[ArrayLike], references: list[ArrayLike], fps: float = FPS) -> dict[str, Any]:
        produced, truth = ([_Bare(PoseSequence(np.asarray(xyz, np.float32), fps)) for xyz in side] for side in (predictions, references))
        return pose_scores(produced, truth)


class _Bare:
    """Poses of which no spans are known."""

    def __init__(self, poses: PoseSequence):
        self.poses = poses
        self.spans: Sequence[Span] | None = None


def _apart(x: np.ndarray, y: np.ndarray, path: np.ndarray) -> np.ndarray:
    """(T, J, 3) and (U, J, 3) -> (n, J) distances along a path (n, 2); NaN where a joint is missing on either side."""
    result: np.ndarray = np.linalg.norm(x[path[:, 0]] - y[path[:, 1]], axis=-1)
    return result


def mean_known(values: Sequence[float | None]) -> float | None:
    """The mean of what was measured; None where nothing was."""
    mean = _mean([np.nan if value is None else value for value in values])
    return None if np.isnan(mean) else mean


def _mean(values: Sequence[float] | np.ndarray) -> float:
    """The mean of those that are known, NaN if none is."""
    values = np.asarray(values, float)
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else float("nan")


def _signature(fps: float) -> str:
    shared = f"POSES|skeleton:{SIGNER70.name}|joints:{JOINTS}|units:shoulder-widths|fps:{fps:g}|avg:sentence|missing:left-out,rescaled"
    return " + ".join([f"{shared}|{dtw.SIGNATURE}", "DTW-PT|cost:l1|scale:1|norm:reference", "DTW-MJE|cost:l2|norm:path",
                       "hands|align:DTW-MJE|root:wrist", f"seams|frames:{SEAM}|peak:mean", "bones|from:median|norm:mean"])
