"""OpenPose's output: one JSON a frame, in a folder or a zip. [ours]

Points are (x, y, confidence) in pixels, zeros where nothing was found. The body may be BODY_25 or COCO-18, whose first eight points
are the same; the hands have MediaPipe's order; the face is the 68 points of iBUG's and two pupils. There is no depth: every joint
lies in the plane z = 0 until the prior lifts it.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
from pose_format import Pose
from pose_format.pose_header import PoseHeader, PoseHeaderDimensions
from pose_format.utils.openpose import OpenPose_Components

from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.pose.formats.holistic import posed
from signer_lib.pose.formats.named import NamedClip
from signer_lib.pose.formats.picture import FLIP, FPS, from_picture, member, read_json
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70

BODIES = (25, 18)
WIDTH, CENTRE = 256, np.array([640, 288])        # pixels of a shoulder width and of the neck, in a picture that we write
# our 20 face points as means of these: brows from the nose outwards, lids, corners of the mouth, lips
FACE = ([21], [20], [19], [18], [17], [22], [23], [24], [25], [26], [37, 38], [40, 41], [43, 44], [46, 47], [48], [54], [51], [62], [66], [57])
PARTS = {"body": ("pose_keypoints_2d", BODIES), "left_hand": ("hand_left_keypoints_2d", (21,)),
         "right_hand": ("hand_right_keypoints_2d", (21,)), "face": ("face_keypoints_2d", (70,))}


def read_openpose(path: str | Path, fps: float | None = None) -> Iterator[NamedClip]:
    """The clips one at a time, from a folder or zip: every folder in it that holds JSON files is a clip, its frames in the order of names.

    fps  is not in the files; left out, it is 25.
    One JSON file may hold a clip, too: a frame, a list of frames, or an object with such a list as ``frames``.
    Of several people the one with the surest body is taken, the one nearest to the frame before where there is one.
    Raises ``SignerError`` naming the file that is damaged or is not OpenPose's.
    """
    path = Path(path)
    if path.suffix.lower() == ".json":
        yield _clip(path.stem, frames_of(read_json(path), path), fps or FPS, str(path))
        return
    clips: dict[str, list[str]] = {}
    try:
        if path.is_dir():
            for file in sorted(path.rglob("*.json")):
                clips.setdefault(file.parent.relative_to(path).as_posix(), []).append(str(file))
            for name, files in clips.items():
                yield _clip(path.name if name == "." else name, ((file, read_json(file)) for file in files), fps or FPS, f"{path}, clip {name}")
        else:
            with zipfile.ZipFile(path) as archive:
                for name in sorted(name for name in archive.namelist() if name.endswith(".json")):
                    clips.setdefault(str(PurePosixPath(name).parent), []).append(name)
                for name, files in clips.items():
                    frames = ((f"{path}/{file}", read_json(f"{path}/{file}", member(archive, file, path))) for file in files)
                    yield _clip(path.stem if name == "." else name, frames, fps or FPS, f"{path}, clip {name}")
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror or error}; check the path") from error
    except (zipfile.BadZipFile, EOFError, RuntimeError, zlib.error) as error:             # RuntimeError: encrypted, or packed anew
        raise SignerError(f"{path} is not a readable zip ({error}); download it again") from error
    if not clips:
        raise SignerError(f"{path} holds no JSON files; give the folder or zip of OpenPose's --write_json")


def frames_of(spec: object, path: Path) -> list[tuple[str, object]]:
    """Named frames of a JSON file that holds a whole clip."""
    frames = spec.get("frames", [spec]) if isinstance(spec, dict) else spec
    if not isinstance(frames, list) or not frames:
        raise SignerError(f"{path} holds no frames of OpenPose; give the folder of OpenPose's --write_json")
    return [(f"{path}, frame {number}", frame) for number, frame in enumerate(frames)]


def _clip(clip: str, frames: Iterable[tuple[str, object]], fps: float, source: str) -> NamedClip:
    """Named frames as JSON holds them -> the clip, with all points of the person in ``raw`` where the body has 25."""
    chosen: list[np.ndarray] = []
    raw: list[Mapping[str, object]] = []
    for name, spec in frames:
        people = spec.get("people") if isinstance(spec, dict) else None
        if not isinstance(people, list):
            raise SignerError(f"{name} is not a frame of OpenPose: it has no list 'people'; give the folder of OpenPose's --write_json")
        people = [person if isinstance(person, dict) else {} for person in people]
        found = [joints_of(person, name) for person in people]
        before = next((at for at in reversed(chosen) if at[:, 2].any()), None)
        best = max(range(len(found)), key=lambda k: _likeness(found[k], before)) if found else None
        chosen.append(np.zeros((len(SIGNER70), 3)) if best is None else found[best])
        raw.append({} if best is None else people[best])
    at = np.array(chosen)
    points = np.where(at[..., 2:] > 0, np.concatenate([at[..., :2], np.zeros_like(at[..., :1])], -1), np.nan)
    return NamedClip(clip, from_picture(points, fps, source, np.clip(at[..., 2], 0, 1)), raw=_raw(raw, fps))


def _raw(people: list[Mapping[str, object]], fps: float) -> Pose | None:
    """Every frame's person (checked by ``joints_of``) with all points, under pose-format's OpenPose header; None with a body of 18 points."""
    if any(isinstance(body := person.get(PARTS["body"][0]), list) and len(body) == 3 * 18 for person in people):
        return None
    header = PoseHeader(0.2, PoseHeaderDimensions(1280, 720, 0), OpenPose_Components)
    rows = [np.concatenate([np.array(person.get(component.name) or np.zeros(3 * len(component.points)), float).reshape(-1, 3)
                            for component in header.components]) for person in people]
    values = np.array(rows)
    return posed(values[..., :2], values[..., 2], fps, header)


def _likeness(person: np.ndarray, before: np.ndarray | None) -> float:
    """How likely a person (70, 3) is the signer: by the sum of confidences, or by the distance to the frame before."""
    if before is None:
        return float(person[:8, 2].sum())
    both = (person[:8, 2] > 0) & (before[:8, 2] > 0)
    return -float(np.linalg.norm((person - before)[:8][both, :2], axis=-1).mean()) if both.any() else -np.inf


def joints_of(person: Mapping[str, object], name: str) -> np.ndarray:
    """(70, 3) x, y, confidence of one person of OpenPose's, in SIGNER70's order; the neck is left to the shoulders.

    Raises ``SignerError`` naming the frame and the part that has another number of values.
    """
    found = np.zeros((len(SIGNER70), 3))
    for group, (key, sizes) in PARTS.items():
        values = person.get(key)
        if group != "body" and (values is None or (isinstance(values, list) and not values)):
            continue
        try:
            values = np.array(values, float).reshape(-1, 3)
            if len(values) not in sizes or not np.isfinite(values).all():
                raise ValueError(f"{values.size} values")
        except (TypeError, ValueError, OverflowError) as error:
            wanted = " or ".join(str(3 * size) for size in sizes)
            raise SignerError(f"{name}: '{key}' is not {wanted} numbers ({error}); export it again with OpenPose") from None
        if group == "body":
            values = values[:8]
        elif group == "face":
            parts = [values[list(points)] for points in FACE]
            values = np.stack([np.append(part[:, :2].mean(0), part[:, 2].min()) for part in parts])
        found[SIGNER70.groups[group]] = values
    return found


def write_openpose(clip: NamedClip, folder: str | Path) -> Path:
    """One JSON a frame, ``NAME_000000000000_keypoints.json`` in a folder NAME, as OpenPose's ``--write_json`` leaves them. All or nothing.

    A clip that has all of OpenPose's points keeps them as they are. Any other stands in a picture of 1280 x 720 pixels, a shoulder width is 256 of
    them; depth is lost, and points that signer70 lacks (legs, the face's outline, nose, pupils) are zeros. Numbers are exact to the float32.
    """
    folder = Path(folder)
    frames = _own_points(clip.raw) if clip.raw is not None and is_openpose(clip.raw) else _points_of(clip.poses)
    with filling(folder) as part:
        for frame, parts in enumerate(frames):
            person = {"person_id": [-1]} | {key: [float(str(value)) for value in values.ravel()] for key, values in parts.items()}
            path = part / f"{folder.name}_{frame:012d}_keypoints.json"
            path.write_text(json.dumps({"version": 1.3, "people": [person]}), encoding="utf-8")
    return folder


def is_openpose(pose: Pose) -> bool:
    """Whether a file has OpenPose's components, all points of them."""
    return {c.name: len(c.points) for c in pose.header.components} == {c.name: len(c.points) for c in OpenPose_Components}


def _own_points(pose: Pose) -> Iterator[dict[str, np.ndarray]]:
    ends = np.cumsum([len(component.points) for component in pose.header.components])[:-1]
    values = np.concatenate([pose.body.data.data[:, 0, :, :2], pose.body.confidence[:, 0, :, None]], -1).astype(np.float32)
    for at in values:
        yield dict(zip((component.name for component in pose.header.components), np.split(at, ends)))


def _points_of(poses: PoseSequence) -> Iterator[dict[str, np.ndarray]]:
    pixels = poses.xyz[..., :2].astype(np.float64) * WIDTH * FLIP[:2] + CENTRE
    values = np.concatenate([pixels, poses.confidence[..., None]], -1).astype(np.float32)
    values[poses.confidence == 0] = 0
    for at in values:
        body, face = np.zeros((25, 3), np.float32), np.zeros((70, 3), np.float32)
        body[:8] = at[SIGNER70.groups["body"]]
        for points, value in zip(FACE, at[SIGNER70.groups["face"]]):
            face[points] = value
        parts = {"body": body, "face": face} | {hand: at[SIGNER70.groups[hand]] for hand in ("left_hand", "right_hand")}
        yield {PARTS[name][0]: part for name, part in parts.items()}
