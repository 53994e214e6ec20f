"""MediaPipe's landmarks as JSON, and two published data sets of them as npz. [ours]

JSON, the layout read here: an object with ``frames``, a list with one object a frame, and, if known, ``fps``, ``width`` and
``height`` of the video. A frame has ``pose`` (33), ``left_hand`` (21), ``right_hand`` (21) and ``face`` (468 or 478), or the same
with ``_landmarks`` behind it, as MediaPipe's holistic results call them; each is a list of landmarks, and null, [] or absent where
the tracker saw nothing. A landmark is [x, y, z], [x, y, z, visibility] or an object with these keys: fractions of the width (x, z)
and of the height (y) of the picture.

npz: one array a clip. (T, 108, 3) is ASL-App's: pose 33, left hand 21, right hand 21, face 33, NaN where missing. (T, 170) is the
layout of 11 pose points x (x, y, z, visibility), left hand 21 x 3, right hand 21 x 3, zeros where missing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.parsing import read_arrays
from signer_lib.pose.formats.picture import FPS, GUESSED, blank, from_picture, read_json
from signer_lib.pose.formats.pose_file import MESH, MESH_NOSE
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70

ASPECT = 16 / 9                              # of a video whose file does not say
ASL_APP_FPS = 29.97
BODY = {0: 0, 12: 2, 14: 3, 16: 4, 11: 5, 13: 6, 15: 7}      # MediaPipe's pose point -> our joint; the neck is ours
BODY_OF_11 = {0: 0, 2: 2, 4: 3, 6: 4, 1: 5, 3: 6, 5: 7}      # nose, L/R shoulder, L/R elbow, L/R wrist, hips, knees
# the mesh points of ASL-App's 33 face points, in their order
ASL_APP_MESH = (0, 1, 4, 13, 14, 17, 33, 61, 63, 66, 70, 78, 105, 107, 133, 145, 148, 152, 159, 176, 263, 291, 293, 296, 300, 308,
                334, 336, 362, 374, 377, 386, 400)
FACE_POINTS = [int(point) for point in MESH]
SIZES = {"pose": (33,), "left_hand": (21,), "right_hand": (21,), "face": (468, 478)}


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


def read_npz(path: str | Path, fps: float | None = None, aspect: float = ASPECT) -> dict[str, PoseSequence]:
    """Clip -> sequence, from an npz of either layout above.

    fps     none is in the file; left out, it is 29.97 for ASL-App's layout (what its metadata says) and 25 for the other.
    aspect  the width of the video by its height, which is in neither.
    Raises ``SignerError`` naming the file and the clip for another layout or a damaged file.
    """
    clips = {}
    try:
        for name, values in read_arrays(path):
            clips[name] = _clip(values, name, f"{path}, clip {name}", fps, aspect)
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror or error}; check the path") from error
    except ValueError as error:
        raise SignerError(f"{path} is not an npz of landmarks ({error}); download it again") from error
    if not clips:
        raise SignerError(f"{path} holds no clips; download it again")
    return clips


def _clip(values: np.ndarray, name: str, source: str, fps: float | None, aspect: float) -> PoseSequence:
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


def read_mediapipe_json(path: str | Path, fps: float | None = None, aspect: float | None = None) -> PoseSequence:
    """A sequence from the JSON layout above.

    fps, aspect  take the place of the file's; where neither says, 25 frames a second and 16:9.
    Raises ``SignerError`` naming the file and the frame.
    """
    spec = read_json(path)
    frames = spec.get("frames") if isinstance(spec, dict) else None
    if not isinstance(frames, list) or not frames:
        raise SignerError(f"{path} has no list 'frames' of landmarks; export it as {{\"fps\": 25, \"frames\": [{{\"pose\": ...}}, ...]}}")
    parts = {part: [] for part in SIZES}
    for number, frame in enumerate(frames):
        for part, found in parts.items():
            found.append(_landmarks(frame, part, f"{path}, frame {number}"))
    try:
        fps = float(fps or spec.get("fps") or FPS)
        aspect = float(aspect or (spec["width"] / spec["height"] if spec.get("width") and spec.get("height") else ASPECT))
    except (TypeError, ValueError) as error:
        raise SignerError(f"{path}: fps, width and height must be numbers ({error})") from None
    pose, left, right = (np.stack([frame[:len(parts[part][0])] for frame in parts[part]]) for part in ("pose", "left_hand", "right_hand"))
    face = np.stack([frame[[*FACE_POINTS, int(MESH_NOSE)]] for frame in parts["face"]])
    return _signer70(pose[..., :3], left[..., :3], right[..., :3], fps, aspect, str(path), BODY, visibility=pose[..., 3],
                     face=face[:, :-1, :3], nose=face[:, -1, 2])


def _landmarks(frame: object, part: str, where: str) -> np.ndarray:
    """(n, 4) x, y, z, visibility of a part; NaN throughout if it was not seen."""
    found = None
    if isinstance(frame, dict):
        found = frame.get(part, frame.get(f"{part}_landmarks"))
    elif frame is not None:
        raise SignerError(f"{where} is not an object with pose, left_hand, right_hand and face")
    if not found:
        return np.full((max(SIZES[part]), 4), np.nan)
    try:
        if isinstance(found[0], dict):
            found = [[point["x"], point["y"], point.get("z", 0), point.get("visibility", 1)] for point in found]
        values = np.array([[*point, 1][:4] if len(point) > 2 else [*point, 0, 1] for point in found], float)
        if values.shape not in [(size, 4) for size in SIZES[part]]:
            raise ValueError(f"{len(values)} landmarks instead of {' or '.join(map(str, SIZES[part]))}")
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise SignerError(f"{where}: '{part}' is not a list of [x, y, z] landmarks ({error})") from None
    return values
