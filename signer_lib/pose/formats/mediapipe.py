"""MediaPipe's landmarks as JSON, and two published data sets of them as npz. [ours]

JSON, the layout read here: an object with ``frames``, a list with one object a frame, and, if known, ``fps``, ``width`` and
``height`` of the video. A frame has ``pose`` (33), ``left_hand`` (21), ``right_hand`` (21) and ``face`` (468 or 478), or the same
with ``_landmarks`` behind it, as MediaPipe's holistic results call them; each is a list of landmarks, and null, [] or absent where
the tracker saw nothing. A landmark is [x, y, z], [x, y, z, visibility] or an object with these keys: fractions of the width (x, z)
and of the height (y) of the picture.

npz: one array a clip. (T, 108, 3) is ASL-App's: pose 33, left hand 21, right hand 21, face 33, NaN where missing. (T, 170) is the
layout of 11 pose points x (x, y, z, visibility), left hand 21 x 3, right hand 21 x 3, zeros where missing. A clip ``book__03`` signs BOOK.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from pose_format import Pose

from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.parsing import read_arrays
from signer_lib.pose.formats.holistic import BODY33, FACE, FULL, HAND, LEFT, MESH, MESH_NOSE, POSE, RIGHT, columns_of, header_of, holistic, posed
from signer_lib.pose.formats.named import NamedClip
from signer_lib.pose.formats.picture import FPS, GUESSED, blank, from_picture, read_json
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70

ASPECT = 16 / 9                              # of a video whose file does not say
ASL_APP_FPS = 29.97
BODY = {0: 0, 12: 2, 14: 3, 16: 4, 11: 5, 13: 6, 15: 7}      # MediaPipe's pose point -> our joint; the neck is ours
BODY_OF_11 = {0: 0, 2: 2, 4: 3, 6: 4, 1: 5, 3: 6, 5: 7}      # nose, L/R shoulder, L/R elbow, L/R wrist, hips, knees
# the mesh points of ASL-App's 33 face points, in their order
ASL_APP_MESH = (0, 1, 4, 13, 14, 17, 33, 61, 63, 66, 70, 78, 105, 107, 133, 145, 148, 152, 159, 176, 263, 291, 293, 296, 300, 308,
                334, 336, 362, 374, 377, 386, 400)
NPZ_POINTS = (*((POSE, point) for point in BODY33), *((hand, point) for hand in (LEFT, RIGHT) for point in HAND),
              *((FACE, str(point)) for point in ASL_APP_MESH))
FACE_POINTS = [int(point) for point in MESH]
DEFAULT_HEIGHT = 720                         # pixels of a picture whose file does not say
SIZES = {"pose": (33,), "left_hand": (21,), "right_hand": (21,), "face": (468, 478)}
PLACES = {"pose": (0, 33), "face": (33, 478), "left_hand": (511, 21), "right_hand": (532, 21)}      # a part's first point among all 553, and how many


def _signer70(pose: np.ndarray, left: np.ndarray, right: np.ndarray, fps: float, aspect: float, source: str, columns: dict[int, int],
              visibility: np.ndarray | None = None, face: np.ndarray | None = None, nose: np.ndarray | None = None) -> PoseSequence:
    """Landmarks of T frames, NaN where missing -> the sequence.

    pose (T, n, 3) with its ``columns``, hands (T, 21, 3), face (T, 20, 3) in our order, nose (T,) its depth, visibility (T, n).
    A body point outside the picture is a guess: its confidence is at most ``GUESSED``.
    """
    points, j = blank(len(pose)), list(columns.values())
    points[:, j] = pose[:, list(columns)]
    points[:, SIGNER70.groups["left_hand"]], points[:, SIGNER70.groups["right_hand"]] = left, right
    if face is not None:
        points[:, SIGNER70.groups["face"]] = face
    confidence = np.isfinite(points).all(-1).astype(np.float32)
    if visibility is not None:
        confidence[:, j] *= np.clip(visibility[:, list(columns)], 1e-3, 1)             # seen poorly, not missing
    inside = ((points[:, j, :2] >= 0) & (points[:, j, :2] <= 1)).all(-1)
    confidence[:, j] = np.where(inside, confidence[:, j], np.minimum(confidence[:, j], GUESSED))
    depths = np.full(len(pose), np.nan) if nose is None else nose * aspect
    return from_picture(points * (aspect, 1, aspect), fps, source, confidence, depths)


def read_npz(path: str | Path, fps: float | None = None, aspect: float = ASPECT) -> Iterator[NamedClip]:
    """The clips of an npz of either layout above, one at a time.

    fps     none is in the file; left out, it is 29.97 for ASL-App's layout (what its metadata says) and 25 for the other.
    aspect  the width of the video by its height, which is in neither.
    Raises ``SignerError`` naming the file and the clip for another layout or a damaged file.
    """
    names: list[str] = []
    try:
        for name, values in read_arrays(path):
            names.append(name)
            poses = _clip(values, f"{path}, clip {name}", fps, aspect)
            yield NamedClip(name, poses, name.rpartition("__")[0].upper() or None)
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror or error}; check the path") from error
    except ValueError as error:
        raise SignerError(f"{path} is not an npz of landmarks ({error}); download it again") from error
    if not names:
        raise SignerError(f"{path} holds no clips; download it again")


def _clip(values: np.ndarray, source: str, fps: float | None, aspect: float) -> PoseSequence:
    numeric = values.dtype.kind == "f" and values.ndim > 1 and len(values)
    if numeric and values.shape[1:] == (108, 3):
        pose, left, right, mesh = np.split(values.astype(float), (33, 54, 75), axis=1)
        at = {point: mesh[:, k] for k, point in enumerate(ASL_APP_MESH)}
        return _signer70(pose, left, right, fps or ASL_APP_FPS, aspect, source, BODY, face=np.stack([at[p] for p in FACE_POINTS], 1),
                         nose=at[int(MESH_NOSE)][:, 2])
    if numeric and values.shape[1:] == (170,):
        pose, left, right = (part.reshape(len(values), -1, k) for part, k in zip(np.split(values.astype(float), (44, 107), axis=1), (4, 3, 3)))
        for points in (pose, left, right):
            points[(points[..., :3] == 0).all(-1)] = np.nan
        return _signer70(pose[..., :3], left, right, fps or FPS, aspect, source, BODY_OF_11, visibility=pose[..., 3])
    raise SignerError(f"{source} has shape {values.shape} of {values.dtype}, not (frames, 108, 3) or (frames, 170) of numbers; name another file")


def read_mediapipe_json(path: str | Path, fps: float | None = None, aspect: float | None = None) -> NamedClip:
    """The clip of a file in the JSON layout above, with all its points in ``raw``.

    fps, aspect  take the place of the file's; where neither says, 25 frames a second and 16:9.
    Raises ``SignerError`` naming the file and the frame.
    """
    spec = read_json(path)
    frames = spec.get("frames") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(frames, list) or not frames:
        raise SignerError(f"{path} has no list 'frames' of landmarks; export it as {{\"fps\": 25, \"frames\": [{{\"pose\": ...}}, ...]}}")
    parts: dict[str, list[np.ndarray]] = {part: [] for part in SIZES}
    for number, frame in enumerate(frames):
        for part, found in parts.items():
            found.append(_landmarks(frame, part, f"{path}, frame {number}"))
    try:
        fps = float(fps or spec.get("fps") or FPS)
        width, height = (float(spec.get(side) or 0) for side in ("width", "height"))
        aspect = float(aspect or (width / height if width > 0 and height > 0 else ASPECT))
        if not 0 < fps < 1e6 or not 0.01 < aspect < 100:
            raise ValueError(f"fps {fps}, width by height {aspect}")
    except (TypeError, ValueError, OverflowError) as error:
        raise SignerError(f"{path}: fps, width and height must be numbers ({error})") from None
    pose, left, right = (np.stack([frame[:len(parts[part][0])] for frame in parts[part]]) for part in ("pose", "left_hand", "right_hand"))
    face = np.stack([np.concatenate([frame, np.full((max(SIZES["face"]) - len(frame), 4), np.nan)]) for frame in parts["face"]])
    mesh = face[:, [*FACE_POINTS, int(MESH_NOSE)]]
    poses = _signer70(pose[..., :3], left[..., :3], right[..., :3], fps, aspect, str(path), BODY, visibility=pose[..., 3],
                      face=mesh[:, :-1, :3], nose=mesh[:, -1, 2])
    return NamedClip(Path(path).stem, poses, raw=_raw(np.concatenate([pose, face, left, right], 1), fps, aspect, int(width)))


def _raw(landmarks: np.ndarray, fps: float, aspect: float, width: int) -> Pose:
    """(T, 553, 4) as MediaPipe's own ``.pose`` files have it: x and y in pixels, z a fraction of the width."""
    width = width if 0 < width < 2**16 else round(DEFAULT_HEIGHT * aspect)
    height = max(1, round(width / aspect))
    seen = np.where(np.isfinite(landmarks[..., :3]).all(-1), np.clip(np.nan_to_num(landmarks[..., 3]), 0, 1), 0)
    return posed(np.nan_to_num(landmarks[..., :3]) * (width, height, 1), seen, fps, header_of(FULL, (width, height, 0)))


def landmarks_of(clip: NamedClip) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """(T, 553, 3) fractions of a picture, NaN where missing, (T, 553) visibility, and the width and height of the picture in pixels.

    The file's own points where it is MediaPipe's and not reduced, else those of signer70 in a square picture.
    """
    pose = clip.raw if clip.raw is not None and is_mediapipe(clip.raw) else holistic(clip.poses, header_of(FULL))
    columns, size = columns_of(pose.header), pose.header.dimensions
    places = [columns.get(point, -1) for point in FULL]
    there = np.array(places) >= 0
    seen = np.where(there, pose.body.confidence[:, 0, places], 0)
    scale = (size.width, size.height, 1 if not size.depth else size.width)
    xyz = np.where(seen[..., None] > 0, pose.body.data.data[:, 0, places, :3].astype(float) / scale, np.nan)
    return xyz, seen, (size.width, size.height)


def is_mediapipe(pose: Pose) -> bool:
    """Whether a file is of MediaPipe's points in pixels, with the 33 of the body."""
    size, named = pose.header.dimensions, columns_of(pose.header).keys()
    return bool(size.width and size.height and not size.depth and pose.body.data.shape[-1] >= 3) and {(POSE, point) for point in BODY33} <= named


def write_mediapipe_json(clip: NamedClip, path: str | Path) -> Path:
    """A clip in the JSON layout above; coordinates to nine digits, null where a point is missing. All or nothing."""
    xyz, seen, (width, height) = landmarks_of(clip)
    frames = []
    for at, visible in zip(xyz, seen):
        frame: dict[str, list[list[float | None]] | None] = {}
        for part, (start, size) in PLACES.items():
            rows: list[list[float | None]]
            rows = [[*(float(f"{value:.9g}") for value in point), float(str(sure))] if sure > 0 else [None, None, None, 0.0]
                    for point, sure in zip(at[start:start + size], visible[start:start + size])]
            frame[part] = rows if visible[start:start + size].any() else None
        frames.append(frame)
    with whole_file(path) as part_path:
        part_path.write_text(json.dumps({"fps": clip.fps, "width": width, "height": height, "frames": frames}), encoding="utf-8")
    return Path(path)


def write_npz(clips: Iterable[NamedClip], path: str | Path) -> int:
    """An npz in ASL-App's layout above, one array (T, 108, 3) float32 a clip, in a picture of 16:9. All or nothing. -> how many clips

    The layout has no confidences, no frame rate, and of the face 33 points.
    """
    count = 0
    with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for count, clip in enumerate(clips, start=1):
            xyz, _, (width, height) = landmarks_of(clip)
            kept = [FULL.index(point) for point in NPZ_POINTS]
            scale = width / height / ASPECT                           # the same shape in a picture of 16:9 of this height
            with archive.open(f"{clip.name}.npy", "w", force_zip64=True) as file:
                np.save(file, (xyz[:, kept] * (scale, 1, scale)).astype(np.float32))
    return count


def _landmarks(frame: object, part: str, where: str) -> np.ndarray:
    """(n, 4) x, y, z, visibility of a part; NaN throughout if it was not seen."""
    found = None
    if isinstance(frame, dict):
        found = frame.get(part, frame.get(f"{part}_landmarks"))
    elif frame is not None:
        raise SignerError(f"{where} is not an object with pose, left_hand, right_hand and face")
    if not found:
        return np.full((max(SIZES[part]), 4), np.nan)
    if not isinstance(found, list):
        raise SignerError(f"{where}: '{part}' is not a list of [x, y, z] landmarks")
    try:
        if isinstance(found[0], dict):
            found = [[point["x"], point["y"], point.get("z", 0), point.get("visibility", 1)] for point in found]
        values = np.array([[*point, 1][:4] if len(point) > 2 else [*point, 0, 1] for point in found], float)
        if values.shape not in [(size, 4) for size in SIZES[part]]:
            raise ValueError(f"{len(values)} landmarks instead of {' or '.join(map(str, SIZES[part]))}")
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise SignerError(f"{where}: '{part}' is not a list of [x, y, z] landmarks ({error})") from None
    return values
