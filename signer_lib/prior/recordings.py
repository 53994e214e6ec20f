"""Recorded clips made stable: all rules in order, and what each of them did. [ours]

``python -m signer_lib.prior.recordings --data DIR`` measures them on real clips and writes ``results/prior/recordings.json``.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from signer_lib.assets import RESULTS, signer_data
from signer_lib.errors import SignerError, run
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import read_poses
from signer_lib.pose.motion import jerk
from signer_lib.prior.body import Body, load_body
from signer_lib.prior.lifting import constant_bones, lift_depth, rest_unseen
from signer_lib.prior.stability import HANDS, active_span, carry_hands, cut, fill_gaps, low_pass, repair_labels, right_handed
from signer_lib.progress import progress
from signer_lib.results import write_result

FPS = 25.0                               # of every stable clip
CHILDREN = np.array([joint for joint, parent in enumerate(SIGNER70.parents[:50]) if parent >= 0 and joint not in (8, 29)])
PARENTS = np.array(SIGNER70.parents)[CHILDREN]
UNMOVING = ("hand labels", "one hand dominance", "one frame rate", "active span")
GOALS = {"missing_share": 0.0, "bone_variation": 0.01, "jerk_ratio": 5.0, "moved": 0.05}
SETS = {"asl_app": "asl_app/signs_pose33_lh21_rh21_face33.npz", "wlasl50": "wlasl50/wlasl50_real_T_170.npz",
        "pt_skels": "pt_skels/dev.skels", "how2sign_openpose": "how2sign_openpose/openpose_json.zip"}
SAMPLED = 20


def missing_share(sequence: PoseSequence) -> float:
    """Share of joints, over all frames, that are missing."""
    return float((sequence.confidence == 0).mean())


def bone_variation(sequence: PoseSequence) -> float:
    """Standard deviation of a bone's length over its mean, the mean over the bones of trunk, arms and hands; NaN if none is seen twice."""
    length = np.linalg.norm(sequence.xyz[:, CHILDREN] - sequence.xyz[:, PARENTS], axis=-1).astype(float)
    length = length[:, np.isfinite(length).sum(0) > 1]
    return float((np.nanstd(length, 0) / np.nanmean(length, 0)).mean()) if length.size else float("nan")


def wrists(sequence: PoseSequence) -> np.ndarray:
    """(T, 2, 2) both wrists in the picture, left and right, from the neck: where the hand is, NaN where it is missing."""
    result: np.ndarray = (sequence.xyz[:, [first for first, _ in HANDS.values()], :2] - sequence.joint("neck")[:, None, :2]).astype(float)
    return result


def distance(path: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of two paths (T, n, d) where both are seen; NaN if nowhere."""
    apart = np.linalg.norm(path - other, axis=-1)
    return float(np.nanmean(apart)) if np.isfinite(apart).any() else float("nan")


def _figures(sequence: PoseSequence) -> dict[str, float]:
    return {"missing_share": missing_share(sequence), "bone_variation": bone_variation(sequence),
            "jerk": jerk(wrists(sequence), sequence.fps), "frames": len(sequence)}


def stabilise(sequence: PoseSequence, body: Body, fps: float = FPS) -> tuple[PoseSequence, dict[str, Any]]:
    """A recorded clip through all rules, at ``fps`` -> the stable clip, right-handed, every joint present; and what was done.

    The figures are, for every rule by its name, ``before`` and ``after`` of missing_share, bone_variation, jerk (mean of the wrists in
    the picture, shoulder widths / s^3) and frames, and ``moved``, the mean distance between the wrists before and after (0 for
    rules that say whose a hand is or when a frame is, and move nothing).
    Under ``whole`` stand ``before`` and ``after`` of the clip, and what the goals are measured with: the recording with its hands on
    the right arms, in the frames that the active span keeps and that show a hand, against the result in just these. Its
    ``jerk_before`` is at the recording's own frame rate.
    Raises ``SignerError`` if no hand is ever seen.
    """
    figures = {}

    def apply(name: str, rule: Callable[[PoseSequence], PoseSequence], now: PoseSequence) -> PoseSequence:
        after = rule(now)
        moved = 0.0 if name in UNMOVING else distance(wrists(now), wrists(after))
        figures[name] = {"before": _figures(now), "after": _figures(after), "moved": moved}
        return after

    cleaned = apply("one hand dominance", right_handed, apply("hand labels", repair_labels, sequence))
    if not any((cleaned.confidence[:, first:first + 21] > 0).all(1).any() for first, _ in HANDS.values()):
        raise SignerError("no frame of the recording shows a whole hand: choose another recording")
    now = apply("lost hands carried", carry_hands, apply("short gaps filled", fill_gaps, cleaned))
    now = apply("one frame rate", lambda clip: clip.resample(fps), apply("low-pass", low_pass, now))
    span = active_span(now)
    now = apply("active span", lambda clip: cut(clip, span), now)
    now = apply("depth lifted", lambda clip: lift_depth(clip, body), now)
    now = apply("constant bones", lambda clip: constant_bones(clip, body), now)
    now = apply("unseen at rest", lambda clip: rest_unseen(clip, body), now)

    own = slice(*(round(frame * cleaned.fps / fps) for frame in (span.start, span.stop)))
    seen, found = wrists(cut(cleaned.resample(fps), span)), wrists(now)
    before, after = jerk(wrists(cut(cleaned, own)), cleaned.fps), jerk(np.where(np.isfinite(seen), found, np.nan), fps)
    figures["whole"] = {"before": _figures(sequence), "after": _figures(now), "jerk_before": before, "jerk_after": after,
                        "jerk_ratio": before / after if after else float("nan"), "moved": distance(seen, found)}
    return now, figures


def summary(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """Many clips' figures: for every rule the means before and after, and over all clips what the goals ask for."""
    rules = {rule: {when: {key: _mean([f[rule][when][key] for f in figures]) for key in figures[0][rule][when]} for when in ("before", "after")}
             | {"moved": _mean([f[rule]["moved"] for f in figures])} for rule in figures[0] if rule != "whole"}
    whole = [f["whole"] for f in figures]
    goals: dict[str, dict[str, float | None]]
    goals = {key: {"goal": GOALS[key], **_spread([w["after"][key] for w in whole])} for key in ("missing_share", "bone_variation")}
    goals |= {key: {"goal": GOALS[key], **_spread([w[key] for w in whole])} for key in ("jerk_ratio", "moved")}
    before, after = (_mean([w[key] for w in whole]) for key in ("jerk_before", "jerk_after"))
    if before is not None and after is not None:
        goals["jerk_ratio"]["of_means"] = _plain(before / after)
    return {"clips": len(figures), "goals": goals, "rules": rules}


def _mean(values: list[float]) -> float | None:
    return _plain(float(np.nanmean(values))) if np.isfinite(values).any() else None


def _spread(values: list[float]) -> dict[str, float | None]:
    rest = {"median": np.nanmedian(values), "least": np.nanmin(values), "most": np.nanmax(values)}
    return {"mean": _mean(values), **{name: _plain(float(value)) for name, value in rest.items()}}


def _plain(value: float) -> float:
    return float(f"{value:.4g}")


def clips(data: Path, which: str) -> dict[str, PoseSequence]:
    """The real clips of one of ``SETS`` in a data folder: all of them, but of wlasl50 one in every twenty."""
    found = read_poses(data / SETS[which], fps=24 if which == "how2sign_openpose" else None)
    return {name: found[name] for name in list(found)[::SAMPLED if which == "wlasl50" else 1]}


def measure(data: Path, body: Body) -> dict[str, dict[str, Any]]:
    """For every set the ``summary``, the jerk ratio when the clips keep their own frame rate, and the time on this machine."""
    result = {}
    for which in SETS:
        found, figures, start = clips(data, which), [], time.perf_counter()
        for poses in progress(found.values(), which, total=len(found)):
            figures.append(stabilise(poses, body)[1])
        seconds = (time.perf_counter() - start) / sum(f["whole"]["after"]["frames"] for f in figures)
        own_rate = [stabilise(poses, body, poses.fps)[1]["whole"]["jerk_ratio"] for poses in found.values()]
        result[which] = summary(figures) | {"jerk_ratio_at_own_rate": _spread(own_rate), "seconds_for_50_frames": _plain(50 * seconds)}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.prior.recordings", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=signer_data(), help="folder of the recordings (default: $SIGNER_DATA)")
    parser.add_argument("--out", type=Path, default=RESULTS / "prior" / "recordings.json")
    args = parser.parse_args()
    if args.data is None:
        raise SignerError("there are no recordings here: give their folder with --data DIR")
    body = load_body()
    sets = measure(args.data, body)
    result = {"mark": "ours", "fps": FPS, "body": body.name, "sets": sets}
    for which, found in sets.items():
        goals = "; ".join(f"{key} {goal['mean']:.3g} (goal {goal['goal']:g})" for key, goal in found["goals"].items())
        print(f"{which}: {found['clips']} clips; means: {goals}")
    write_result(args.out, result, shlex.join(["python", "-m", "signer_lib.prior.recordings", *sys.argv[1:]]))
    print(f"wrote {args.out}")


if __name__ == "__main__":
    run(main)
