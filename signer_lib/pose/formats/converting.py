"""From any format to any other: what the target keeps is written, what it does not is named. [ours]

Between files of one tracker's points (MediaPipe's: full and reduced ``.pose``, its JSON, SLRTP; OpenPose's: ``.pose`` and JSON) the points themselves
are handed on as they are. Everything else goes through signer70.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np
from pose_format import Pose

from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.pose.formats.clips import at_rate, kind_of, read_clips
from signer_lib.pose.formats.folder import write_folder
from signer_lib.pose.formats.holistic import BODIES, FULL, JOINTS, LEXICON, POSE, REDUCED, Point, columns_of, header_of, holistic, posed
from signer_lib.pose.formats.lexicon import LANGUAGE, pair_of, write_lexicon
from signer_lib.pose.formats.mediapipe import NPZ_POINTS, is_mediapipe, write_mediapipe_json, write_npz
from signer_lib.pose.formats.named import WORDS, NamedClip, plain_name, write_words
from signer_lib.pose.formats.openpose import is_openpose, write_openpose
from signer_lib.pose.formats.pose_file import save_pose
from signer_lib.pose.formats.skels import write_skels
from signer_lib.pose.formats.slrtp import has_points, write_slrtp
from signer_lib.pose.formats.table import Format, format_of
from signer_lib.pose.skeleton import SIGNER70

SUFFIXES = {".pose": "pose", ".skels": "skels", ".npz": "npz", ".pt": "slrtp", ".safetensors": "safetensors", ".json": "mediapipe"}
TARGETS = {"lexicon": "spoken-to-signed"}


@dataclass
class Report:
    """What was converted. ``lost``: each loss, with the number of clips that it befell."""

    source: str
    target: str
    clips: int = 0
    frames: int = 0
    lost: dict[str, int] = field(default_factory=dict)

    def line(self) -> str:
        """The losses in one line."""
        told = [what if count == self.clips else f"{what} ({count} of {self.clips} clips)" for what, count in self.lost.items()]
        dropped = format_of(self.source).dropped
        return "lost: " + ("; ".join([*([f"when read, {dropped}"] if dropped else []), *told]) or "nothing")


def convert(source: str | Path, target: str | Path, to: str | None = None, fps: float | None = None, resample: float | None = None,
            language: str | None = None, body: str | None = None, words: str | Path | None = None, aspect: float | None = None) -> Report:
    """Write ``source``, a file or folder of any format, as ``target``. All or nothing; nothing that is there is replaced.

    to        the target's format; left out, what its ending says.
    fps, aspect, words, as for ``read_clips``; language too, and what a lexicon is written as.
    resample  bring every clip to this frame rate.
    body      of ``.pose`` files and lexicons: ``signer``, ``reduced`` or ``full`` points (see ``write_pose``); left out, the source's own.
    Raises ``SignerError`` for what cannot be read or written.
    """
    source, target = Path(source), Path(target)
    form = format_of(to or guess(target))
    if body is not None and body not in BODIES:
        raise SignerError(f"'{body}' is no body of a .pose file: choose {', '.join(BODIES)}")
    if target.is_dir() and any(target.iterdir()) or target.is_file():
        raise SignerError(f"{target} is there already: name another place, or delete it")
    if language:
        pair_of(language)
    if form.name in ("pose", "mediapipe") and target.suffix.lower() == form.suffix:
        form = replace(form, words=())                                  # a file alone has no words.csv beside it
    kind = kind_of(source)
    report = Report(TARGETS.get(kind, kind), form.name)
    clips = _watched(read_clips(source, fps, aspect, words, language), form, body, resample, report)
    _WRITERS[form.name](clips, target, language or LANGUAGE, body)
    return report


def guess(target: Path) -> str:
    """The format of a file to be written, from its ending. Raises ``SignerError`` where there is none."""
    if kind := SUFFIXES.get(target.suffix.lower()):
        return kind
    raise SignerError(f"say what {target} shall be: --to pose, skels, openpose, mediapipe, npz, slrtp, spoken-to-signed or safetensors")


def _watched(clips: Iterable[NamedClip], form: Format, body: str | None, resample: float | None, report: Report) -> Iterator[NamedClip]:
    """The clips as they go to the writer, each counted and its losses noted."""
    for clip in clips:
        clip = at_rate(clip, resample)
        report.clips, report.frames = report.clips + 1, report.frames + len(clip.poses)
        for what in losses(clip, form, body):
            report.lost[what] = report.lost.get(what, 0) + 1
        yield clip


def losses(clip: NamedClip, form: Format, body: str | None = None) -> Iterator[str]:
    """What of a clip its file in another format does not have; nothing is named that the clip has not either."""
    poses = clip.poses
    if clip.raw is not None and keeps_raw(clip.raw, form, body):
        kept = _kept(clip.raw, form, body)
        seen = clip.raw.body.confidence[:, 0]
        gone = [key[0] for key, column in columns_of(clip.raw.header).items() if key not in kept and seen[:, column].any()]
        for component in dict.fromkeys(gone):
            yield f"{gone.count(component)} points of {component}"
        if clip.raw.body.data.shape[1] > 1 and (body or form.name not in ("pose", "spoken-to-signed")):
            yield "all people but the first"
        if not form.confidence and not np.isin(seen, (0, 1)).all():
            yield "confidences"
        if form.name == "slrtp" and not clip.raw.header.dimensions.depth:
            yield "that z is a fraction of the picture's width (its numbers stay)"
    else:
        if clip.raw is not None:
            own = set(columns_of(clip.raw.header))
            yield f"the source's own {len(own)} points but for those of signer70, their place and scale"
        if body is not None and form.name in ("pose", "spoken-to-signed"):
            lacks = [joint for point, joint in JOINTS.items() if point not in BODIES[body]]
        else:
            lacks = form.missing_joints
        if lacks := [joint for joint in lacks if poses.confidence[:, joint].any()]:
            yield "joints: " + _named(lacks)
        if not form.confidence and not np.isin(poses.confidence, (0, 1)).all():
            yield "confidences"
        if not form.depth and np.nanmax(abs(poses.xyz[..., 2]), initial=0) > 0:
            yield "depth"
        wrists = [(poses.joint(f"{side}_wrist") - poses.joint(f"{side}_hand_wrist"))[:, 2] for side in "lr"]
        if form.name in ("mediapipe", "npz") and np.nanmax(np.abs(wrists), initial=0) > 1e-3:
            yield "how much nearer a hand is than its arm's wrist"
        if form.name == "skels" and np.nanmax(abs(poses.joint("neck")), initial=0) > 5e-5:
            yield "the neck's way"
    if not form.rate:
        yield f"the frame rate ({clip.fps:g}: give it to the reader, with --fps)"
    for word in ("gloss", "text", "signer"):
        if getattr(clip, word) and word not in form.words:
            yield word


def _named(joints: list[int]) -> str:
    """Joints by their names, whole groups by the group's."""
    left, told = set(joints), []
    for group, span in SIGNER70.groups.items():
        whole = set(range(len(SIGNER70))[span])
        if whole <= left:
            told.append(f"{group.replace('_', ' ')} ({len(whole)})")
            left -= whole
    return ", ".join([*told, *(SIGNER70.names[k].replace("_", " ") for k in sorted(left))])


def keeps_raw(raw: Pose, form: Format, body: str | None) -> bool:
    """Whether the source's own points go to the target as they are."""
    match form.name:
        case "pose":
            return body is None or (body != "signer" and (POSE, "LEFT_SHOULDER") in columns_of(raw.header))
        case "spoken-to-signed":
            return (POSE, "LEFT_SHOULDER") in columns_of(raw.header)
        case "mediapipe" | "npz":
            return is_mediapipe(raw)
        case "slrtp":
            return has_points(raw)
        case "openpose":
            return is_openpose(raw)
    return False


def _kept(raw: Pose, form: Format, body: str | None) -> set[Point]:
    """Which of the source's own points the target has."""
    match form.name:
        case "mediapipe":
            return set(FULL)
        case "npz":
            return set(NPZ_POINTS)
        case "slrtp":
            return set(REDUCED)
    return set(columns_of(raw.header) if body is None else BODIES[body])


def pose_of(clip: NamedClip, form: Format, body: str | None) -> Pose:
    """What a ``.pose`` file of the clip holds: its own points, those of them that ``body`` has, or signer70's."""
    if clip.raw is None or not keeps_raw(clip.raw, form, body):
        points = BODIES[body] if body else LEXICON if form.name == "spoken-to-signed" else BODIES["signer"]
        return holistic(clip.poses, header_of(points))
    if body is None:
        return clip.raw
    columns, size, data = columns_of(clip.raw.header), clip.raw.header.dimensions, clip.raw.body.data.data[:, 0]
    header = header_of(BODIES[body], (size.width, size.height, size.depth))
    places = np.array([columns.get(point, -1) for point in columns_of(header)])
    seen = np.where(places >= 0, clip.raw.body.confidence[:, 0, places], 0)
    xyz = data[:, places] if data.shape[-1] > 2 else np.pad(data[:, places], ((0, 0), (0, 0), (0, 1)))
    return posed(np.where(places[:, None] >= 0, xyz, 0), seen, clip.raw.body.fps, header)


def _write_each(clips: Iterator[NamedClip], target: Path, suffix: str, write: Callable[[NamedClip, Path], object]) -> None:
    """A file where there is one clip and the target is named as one; else a folder, with the words beside the clips."""
    first, second = next(clips), next(clips, None)
    if suffix and target.suffix.lower() == suffix:
        if second is not None:
            raise SignerError(f"{target} can hold one clip, but there are more: name a folder, with --to")
        write(first, target)
        return
    taken: set[str] = set()
    told: list[tuple[str, NamedClip]] = []
    with filling(target) as part:
        for clip in chain([first], [second] if second else [], clips):
            name = plain_name(clip.name, taken)
            write(clip, part / f"{name}{suffix}")
            told.append((name, clip._replace(poses=None, raw=None)))  # type: ignore[arg-type]  # what follows are its words
        write_words(told, part / WORDS)


def _write_pose(clips: Iterator[NamedClip], target: Path, language: str, body: str | None) -> None:
    form = format_of("pose")
    _write_each(clips, target, ".pose", lambda clip, path: save_pose(pose_of(clip, form, body), path))


def _write_mediapipe(clips: Iterator[NamedClip], target: Path, language: str, body: str | None) -> None:
    _write_each(clips, target, ".json", write_mediapipe_json)


def _write_openpose(clips: Iterator[NamedClip], target: Path, language: str, body: str | None) -> None:
    _write_each(clips, target, "", write_openpose)


def _write_lexicon(clips: Iterator[NamedClip], target: Path, language: str, body: str | None) -> None:
    form = format_of("spoken-to-signed")
    named = ((clip.gloss or clip.name.split("#")[0].upper(), clip.name, pose_of(clip, form, body)) for clip in clips)
    write_lexicon(named, target, language)


def _write_safetensors(clips: Iterator[NamedClip], target: Path, language: str, body: str | None) -> None:
    named = target.suffix.lower() == ".safetensors"
    write_folder(clips, target.parent if named else target, target.stem if named else "train")


_WRITERS: dict[str, Callable[[Iterator[NamedClip], Path, str, str | None], object]] = {
    "pose": _write_pose, "mediapipe": _write_mediapipe, "openpose": _write_openpose, "spoken-to-signed": _write_lexicon,
    "safetensors": _write_safetensors, "skels": lambda clips, target, *_: write_skels(clips, target),
    "npz": lambda clips, target, *_: write_npz(clips, target), "slrtp": lambda clips, target, *_: write_slrtp(clips, target),
}
