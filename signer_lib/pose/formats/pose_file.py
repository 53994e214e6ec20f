"""The bridge between ``PoseSequence`` and ``.pose`` files of the pose-format library. [ours]

Files are in MediaPipe-holistic layout: image pixels, y down, z away from the viewer. What is written here carries only the points
of ``SIGNER70`` (and a NECK), in a square frame of ``SIDE`` pixels in which a shoulder width is ``SIDE / 4``, z in pixels too.
A file from MediaPipe itself has depth 0 in its header: its z is a fraction of the image width, counted from another zero in every
component. The reduced 178 points of pose-format's ``reduce_holistic`` have the same names, but no nose. Files made from OpenPose's output
have its names instead, and no depth.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pose_format import Pose
from pose_format.pose_header import PoseHeader

from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.pose.formats.holistic import BODIES, FACE, GROUPS, MESH_NOSE, ORIGIN, POINTS, POSE, SIDE, UNIT, columns_of, header_of, holistic
from signer_lib.pose.formats.openpose import PARTS, joints_of
from signer_lib.pose.formats.picture import FLIP, blank, from_picture, nose_of_face
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70


def write_pose(sequence: PoseSequence, path: str | Path, body: str = "signer") -> Path:
    """Write a signer70 sequence as a ``.pose`` v0.2 file; a missing joint has confidence 0. All or nothing.

    body  which points the file has: ``signer`` those of signer70, ``reduced`` the field's 178, ``full`` MediaPipe's 553; points that signer70
          lacks are missing, but for the hips.
    ``read_pose`` gives the same sequence back, to the precision of a float32 of pixels (about 1e-6 shoulder widths); from the other two bodies
    without the neck, measured anew, from ``reduced`` with the nose guessed from the face.
    Raises ``SignerError`` for another skeleton, no frames, or a place that cannot be written to.
    """
    path = Path(path)
    if sequence.skeleton != SIGNER70 or not len(sequence):
        raise SignerError(f"cannot write {path}: a .pose file takes at least one frame of the {SIGNER70.name} skeleton")
    return save_pose(holistic(sequence, header_of(BODIES[body])), path)


def save_pose(pose: Pose, path: str | Path) -> Path:
    """Write what pose-format holds, whole or not at all. Raises ``SignerError`` for a place that cannot be written to."""
    with whole_file(path) as part, open(part, "wb") as file:
        pose.write(file)
    return Path(path)


def load_pose(path: str | Path) -> Pose:
    """A ``.pose`` file as it is, data (frames, people, points, dims). Raises ``SignerError`` naming the file if it is absent, damaged or empty."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}; check the path") from error
    try:
        pose = Pose.read(content)
        frames, people, points, dims = pose.body.data.shape
        if not (frames and people and points and dims >= 2 and pose.body.confidence.shape == (frames, people, points) and 0 < pose.body.fps < np.inf):
            raise ValueError("no frames")
    except Exception as error:      # the library's reader lets struct, unicode, memory and numpy errors through
        raise SignerError(f"{path} is not a readable .pose file ({str(error).splitlines()[0] if str(error) else type(error).__name__}); "
                          "make it again with pose-format") from error
    return pose


def read_pose(path: str | Path) -> PoseSequence:
    """Read the first person of a ``.pose`` file as signer70: ours exactly, any other MediaPipe-holistic or OpenPose file measured.

    Measured means: the unit is the median distance of the shoulders in the image, the origin the median point between them, and
    the neck is half-way between the shoulders of its frame. Components or points that the file lacks are missing joints.
    Raises ``SignerError`` naming the file if it is absent, damaged, or has no body of either kind.
    """
    return as_signer70(load_pose(path), path)


def as_signer70(pose: Pose, source: str | Path) -> PoseSequence:
    """What ``read_pose`` makes of a file, of its content. Raises ``SignerError`` naming the source if there is no body with shoulders."""
    data = np.asarray(pose.body.data.data[:, 0], np.float64)                     # (T, points, dims); masked values are dropped below
    seen = np.clip(np.nan_to_num(np.asarray(pose.body.confidence[:, 0], np.float32)), 0, 1)
    if PARTS["body"][0] in {component.name for component in pose.header.components}:
        return _of_openpose(pose.header, data, seen, plain_rate(pose.body.fps), source)
    return _of_holistic(pose.header, data, seen, plain_rate(pose.body.fps), source)


def _of_openpose(header: PoseHeader, data: np.ndarray, seen: np.ndarray, fps: float, source: str | Path) -> PoseSequence:
    values, parts, start = np.concatenate([data[..., :2], seen[..., None]], -1), {}, 0
    values[seen == 0] = 0
    for component in header.components:
        parts[component.name] = values[:, start:start + len(component.points)]
        start += len(component.points)
    points, confidence = blank(len(data)), np.zeros((len(data), len(SIGNER70)), np.float32)
    for frame in range(len(data)):
        person = joints_of({key: part[frame] for key, part in parts.items()}, str(source))
        found = person[:, 2] > 0
        points[frame, found] = np.c_[person[found, :2], np.zeros(found.sum())]
        confidence[frame] = person[:, 2]
    return from_picture(points, fps, source, confidence)


def _of_holistic(header: PoseHeader, data: np.ndarray, seen: np.ndarray, fps: float, source: str | Path) -> PoseSequence:
    columns = columns_of(header)
    if (POSE, "LEFT_SHOULDER") not in columns or (POSE, "RIGHT_SHOULDER") not in columns:
        names = ", ".join(component.name for component in header.components)
        raise SignerError(f"{source} has no {POSE} with shoulders (it has {names}); use a MediaPipe-holistic .pose file")
    if data.shape[-1] == 2:
        data = np.pad(data, ((0, 0), (0, 0), (0, 1)))
    data = data[..., :3]
    mediapipe = not header.dimensions.depth
    if mediapipe:                                              # z is a fraction of the image width
        data = data * (1, 1, header.dimensions.width)
    data[seen == 0] = np.nan

    def place(name: str, point: str) -> np.ndarray:
        return data[:, columns[name, point]] if (name, point) in columns else np.full((len(data), 3), np.nan)

    xyz = blank(len(data))
    confidence = np.zeros(xyz.shape[:2], np.float32)
    for name, group in GROUPS.items():
        for joint, point in enumerate(POINTS[name], SIGNER70.groups[group].start):
            xyz[:, joint] = place(name, point)
            if (name, point) in columns:
                confidence[:, joint] = seen[:, columns[name, point]]
    dimensions = (header.dimensions.width, header.dimensions.height, header.dimensions.depth)
    if (POSE, "NECK") in columns and dimensions == (SIDE, SIDE, SIDE):
        width = np.linalg.norm((xyz[:, 5] - xyz[:, 2])[:, :2], axis=-1)
        width = np.median(width[np.isfinite(width)]) if np.isfinite(width).any() else UNIT
        if UNIT / 2 <= width <= UNIT * 2:                      # else another tool has rescaled it
            return PoseSequence((xyz - ORIGIN) / UNIT * FLIP, fps, confidence)
    mesh_nose = place(FACE, MESH_NOSE)[:, 2]
    if (POSE, "NOSE") not in columns:                          # reduced
        nose_of_face(xyz, confidence, own_depth=not mediapipe)
        mesh_nose = np.full(len(xyz), np.nan)
    return from_picture(xyz, fps, source, confidence, mesh_nose if mediapipe else None)


def plain_rate(fps: float) -> float:
    """A frame rate that went through float32, as the shortest number that gives it (29.97, not 29.969999)."""
    return float(str(np.float32(fps)))
