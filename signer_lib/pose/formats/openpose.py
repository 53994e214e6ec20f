"""OpenPose's output: one JSON a frame, in a folder or a zip. [ours]

Points are (x, y, confidence) in pixels, zeros where nothing was found. The body may be BODY_25 or COCO-18, whose first eight points
are the same; the hands have MediaPipe's order; the face is the 68 points of iBUG's and two pupils. There is no depth: every joint
lies in the plane z = 0 until the prior lifts it.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.parsing import check_inflation
from signer_lib.pose.formats.picture import FPS, blank, from_picture, read_json
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70

BODIES = (25, 18)
# our 20 face points as means of these: brows from the nose outwards, lids, corners of the mouth, lips
FACE = ([21], [20], [19], [18], [17], [22], [23], [24], [25], [26], [37, 38], [40, 41], [43, 44], [46, 47], [48], [54], [51], [62], [66], [57])
PARTS = {"body": ("pose_keypoints_2d", BODIES), "left_hand": ("hand_left_keypoints_2d", (21,)),
         "right_hand": ("hand_right_keypoints_2d", (21,)), "face": ("face_keypoints_2d", (70,))}


def read_openpose(path: str | Path, fps: float | None = None) -> dict[str, PoseSequence]:
    """Clip -> sequence, from a folder or zip: every folder in it that holds JSON files is a clip, its frames in the order of names.

    fps  is not in the files; left out, it is 25.
    Of several people the one with the surest body is taken, the one nearest to the frame before where there is one.
    Raises ``SignerError`` naming the file that is damaged or is not OpenPose's.
    """
    path, clips = Path(path), {}
    try:
        if path.is_dir():
            for file in sorted(path.rglob("*.json")):
                clips.setdefault(file.parent.relative_to(path).as_posix(), []).append((str(file), file.read_bytes()))
        else:
            with zipfile.ZipFile(path) as archive:
                check_inflation(archive)
                for name in sorted(name for name in archive.namelist() if name.endswith(".json")):
                    clips.setdefault(str(PurePosixPath(name).parent), []).append((f"{path}/{name}", archive.read(name)))
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror or error}; check the path") from error
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:   # RuntimeError: encrypted
        raise SignerError(f"{path} is not a readable zip ({error}); download it again") from error
    if not clips:
        raise SignerError(f"{path} holds no JSON files; give the folder or zip of OpenPose's --write_json")
    return {path.stem if name == "." else name: _clip(frames, fps or FPS, f"{path}, clip {name}") for name, frames in clips.items()}


def _clip(frames: list[tuple[str, bytes]], fps: float, source: str) -> PoseSequence:
    """Named frames as bytes -> the sequence."""
    points, confidence, before = blank(len(frames)), np.zeros((len(frames), len(SIGNER70)), np.float32), None
    for number, (name, content) in enumerate(frames):
        spec = read_json(name, content)
        people = spec.get("people") if isinstance(spec, dict) else None
        if not isinstance(people, list):
            raise SignerError(f"{name} is not a frame of OpenPose: it has no list 'people'; give the folder of OpenPose's --write_json")
        people = [_person(person, name) for person in people]
        if not people:
            continue
        chosen = max(people, key=lambda person: _likeness(person, before))
        seen = chosen[:, 2] > 0
        points[number, seen] = np.c_[chosen[seen, :2], np.zeros(seen.sum())]
        confidence[number] = chosen[:, 2]
        before = chosen
    return from_picture(points, fps, source, np.clip(confidence, 0, 1))


def _likeness(person: np.ndarray, before: np.ndarray | None) -> float:
    """How likely a person (70, 3) is the signer: by the sum of confidences, or by the distance to the frame before."""
    if before is None:
        return float(person[:8, 2].sum())
    both = (person[:8, 2] > 0) & (before[:8, 2] > 0)
    return -float(np.linalg.norm((person - before)[:8][both, :2], axis=-1).mean()) if both.any() else -np.inf


def _person(person: object, name: str) -> np.ndarray:
    """(70, 3) x, y, confidence of one person, in SIGNER70's order; the neck is left to the shoulders."""
    found = np.zeros((len(SIGNER70), 3))
    for group, (key, sizes) in PARTS.items():
        values = person.get(key) if isinstance(person, dict) else None
        if not values and group != "body":
            continue
        try:
            values = np.array(values, float).reshape(-1, 3)
            if len(values) not in sizes or not np.isfinite(values).all():
                raise ValueError(f"{values.size} values")
        except (TypeError, ValueError) as error:
            wanted = " or ".join(str(3 * size) for size in sizes)
            raise SignerError(f"{name}: '{key}' is not {wanted} numbers ({error}); export it again with OpenPose") from None
        if group == "body":
            values = values[:8]
        elif group == "face":
            parts = [values[list(points)] for points in FACE]
            values = np.stack([np.append(part[:, :2].mean(0), part[:, 2].min()) for part in parts])
        found[SIGNER70.groups[group]] = values
    return found
