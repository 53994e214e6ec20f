"""What is wrong with recordings, by file, frame and joint, before anything is built of them. [ours]

The limits are wide: they name what no signer and no tracker at its best does, and were set on the real clips that we have (ASL-App, WLASL,
How2Sign, PHOENIX), where they name few. Lengths are shoulder widths, speeds are per second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pose_format import Pose

from signer_lib.errors import SignerError
from signer_lib.pose.formats.clips import kind_of, read_clips
from signer_lib.pose.formats.holistic import columns_of
from signer_lib.pose.formats.named import NamedClip
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70

FARTHEST = 10.0                               # from the neck
LONGEST = {"body": 2.5, "left_hand": 0.8, "right_hand": 0.8}          # a bone, in the picture; real ones are at most 1 and 0.3
JUMP = {"body": 0.8, "left_hand": 0.4, "right_hand": 0.4}             # a bone's length, for one frame, against those before and after
HIDDEN = 1.0                                  # seconds without a hand
SWAPPED = 0.5                                 # how much nearer a hand is to the other arm's wrist
RATES = 5, 240                                # frames a second
SHORTEST = 5                                  # frames
SILENT = {"openpose", "skels", "npz", "slrtp"}                        # formats that do not say their frame rate
ARMS = {"left_hand": ("l_wrist", "l_hand_wrist"), "right_hand": ("r_wrist", "r_hand_wrist")}


@dataclass(frozen=True)
class Finding:
    """One thing in one clip. ``fatal``: the clip cannot be used."""

    where: str
    what: str
    frame: int | None = None
    joint: str | None = None
    fatal: bool = False

    def __str__(self) -> str:
        place = [] if self.frame is None else [f"frame {self.frame}"]
        place += [] if self.joint is None else [f"joint {plain_joint(self.joint)}"]
        return ": ".join([self.where, *([", ".join(place)] if place else []), self.what])


@dataclass
class Summary:
    """How many clips were looked at and what was found."""

    clips: int = 0
    findings: int = 0
    unusable: int = 0

    @property
    def code(self) -> int:
        """0 nothing is wrong, 1 something is, 2 a clip cannot be used."""
        return 2 if self.unusable else 1 if self.findings else 0

    def line(self) -> str:
        return f"{self.clips:,} clips: {self.findings:,} findings, {self.unusable:,} that make a clip unusable"


def plain_joint(name: str) -> str:
    """``l_hand_index_tip`` -> ``left index tip``."""
    side = {"l": "left ", "r": "right "}.get(name.split("_")[0], "")
    return side + name.split("_", 1 if side else 0)[-1].removeprefix("hand_").replace("_", " ")


def check(path: str | Path, fps: float | None = None, words: str | Path | None = None, told: Callable[[str], object] = print) -> Summary:
    """Look at every clip of a file or folder and tell each finding as one line; a damaged file is one, and the others go on. -> the summary"""
    summary = Summary()
    for finding in find(Path(path), fps, words, summary):
        told(str(finding))
        summary.findings += 1
        summary.unusable += finding.fatal
    return summary


def find(path: Path, fps: float | None, words: str | Path | None, summary: Summary) -> Iterator[Finding]:
    """The findings of a file or folder, in the order of its clips."""
    kind = kind_of(path)
    if fps is None and kind in SILENT:
        yield Finding(str(path), "does not say its frame rate, and the format's usual one is taken: give --fps")
    files = _files(path, kind)
    for file in files:
        where = str(file)
        try:
            for clip in read_clips(file, fps, words=words):
                summary.clips += 1
                where = str(file) if len(files) > 1 or clip.name == file.stem else f"{file}, clip {clip.name}"
                if "#" in clip.name and kind != "lexicon":
                    yield Finding(where, f"the name {clip.name.split('#')[0]} stands twice: give every clip its own")
                yield from of_clip(clip, where)
        except SignerError as error:
            yield Finding(where, str(error).removeprefix(f"{where} ").removeprefix(f"{where}, "), fatal=True)


def _files(path: Path, kind: str) -> list[Path]:
    """What is read one by one, so that a damaged one does not hide the others."""
    ending = {"pose": "*.pose", "skels": "*.skels", "slrtp": "*.pt", "npz": "*.npz", "mediapipe": "*.json", "openpose": "*.json"}.get(kind)
    if not path.is_dir() or ending is None:
        return [path]
    files = sorted(path.rglob(ending))
    return sorted({file.parent for file in files}) if kind == "openpose" else files


def of_clip(clip: NamedClip, where: str) -> Iterator[Finding]:
    """What is wrong with one clip. A kind of problem is told once a clip, at the first frame or the worst joint."""
    poses = clip.poses
    if not RATES[0] <= poses.fps <= RATES[1]:
        yield Finding(where, f"{poses.fps:g} frames a second, not {RATES[0]} to {RATES[1]}: correct the frame rate", fatal=True)
    if len(poses) < SHORTEST:
        yield Finding(where, f"only {len(poses)} frames, at least {SHORTEST} make a clip", fatal=True)
    if clip.raw is not None:
        yield from _not_finite(clip.raw, where)
    yield from _far(poses, where)
    yield from _bones(poses, where)
    yield from _hands(poses, where)
    for joint in ("r_elbow", "r_wrist", "l_elbow", "l_wrist"):
        if not poses.confidence[:, SIGNER70.index(joint)].any():
            yield Finding(where, "is never seen: confidence 0 throughout", joint=joint)


def _not_finite(raw: Pose, where: str) -> Iterator[Finding]:
    bad = (raw.body.confidence[:, 0] > 0) & ~np.isfinite(np.asarray(raw.body.data.data[:, 0])).all(-1)
    if bad.any():
        frame, column = np.argwhere(bad)[0]
        component, point = list(columns_of(raw.header))[column]
        what = f"{component} {point} has a confidence but is NaN or infinite, as are {bad.sum():,} points in all"
        yield Finding(where, what, int(frame), fatal=True)


def _far(poses: PoseSequence, where: str) -> Iterator[Finding]:
    away = np.nan_to_num(np.linalg.norm((poses.xyz - poses.joint("neck")[:, None])[..., :2], axis=-1))
    if (away > FARTHEST).any():
        frame, joint = np.argwhere(away > FARTHEST)[0]
        share = (away > FARTHEST).any(1).mean()
        yield Finding(where, f"{away[frame, joint]:.0f} shoulder widths from the neck, as something is in {share:.0%} of the frames",
                      int(frame), SIGNER70.names[joint], share > 0.5)


def _bones(poses: PoseSequence, where: str) -> Iterator[Finding]:
    for group, longest in LONGEST.items():
        span = SIGNER70.groups[group]
        bones = [(a, b) for a, b in SIGNER70.bones if span.start <= b < span.stop and (span.start <= a < span.stop)]
        length = np.linalg.norm(np.diff(poses.xyz[:, np.array(bones), :2], axis=2)[:, :, 0], axis=-1)
        if (long := np.nan_to_num(length) > longest).any():
            frame, bone = np.argwhere(long)[0]
            yield Finding(where, f"its bone is {length[frame, bone]:.1f} shoulder widths long, as some are in {long.any(1).sum()} frames",
                          int(frame), SIGNER70.names[bones[bone][1]])
        around = np.fmax(length[:-2], length[2:])
        jump = np.nan_to_num(length[1:-1] - around)
        if len(jump) and jump.max() > JUMP[group]:
            frame, bone = np.unravel_index(jump.argmax(), jump.shape)
            yield Finding(where, f"its bone jumps from {around[frame, bone]:.2f} to {length[frame + 1, bone]:.2f} shoulder widths for one frame",
                          int(frame) + 1, SIGNER70.names[bones[bone][1]])


def _hands(poses: PoseSequence, where: str) -> Iterator[Finding]:
    seen: dict[str, np.ndarray] = {hand: poses.confidence[:, SIGNER70.groups[hand]].max(1) > 0 for hand in ARMS}
    if not any(shown.any() for shown in seen.values()):
        yield Finding(where, "no hand is ever seen", fatal=True)
        return
    runs = {"no hand": _gap(np.logical_not(seen["left_hand"] | seen["right_hand"]))}
    runs |= {f"the {hand.replace('_', ' ')}": _gap(np.logical_not(shown), inside=True) for hand, shown in seen.items() if shown.any()}
    for what, (start, frames) in runs.items():
        if frames > HIDDEN * poses.fps:
            told = "no hand is seen" if what == "no hand" else f"{what} is lost"
            yield Finding(where, f"{told} for {frames} frames ({frames / poses.fps:.1f} s)", start)
    at = {side: poses.xyz[:, [SIGNER70.index(name) for name in ARMS[side]], :2] for side in ARMS}
    for hand, other in (("left_hand", "right_hand"), ("right_hand", "left_hand")):
        own, others = (np.linalg.norm(at[hand][:, 1] - at[arm][:, 0], axis=-1) for arm in (hand, other))
        swapped = own - others > SWAPPED
        if swapped.any():
            yield Finding(where, f"the {hand.replace('_', ' ')} is at the other arm, in {swapped.sum()} frames: its label is swapped",
                          int(swapped.argmax()), ARMS[hand][1])


def _gap(missing: np.ndarray, inside: bool = False) -> tuple[int, int]:
    """Where the longest run of missing frames begins and how long it is; ``inside``: only between frames that are not."""
    edges = np.flatnonzero(np.diff(np.r_[0, missing.astype(int), 0]))
    runs = [(start, stop - start) for start, stop in edges.reshape(-1, 2) if not inside or (start > 0 and stop < len(missing))]
    return max(((int(start), int(frames)) for start, frames in runs), key=lambda run: run[1], default=(0, 0))
