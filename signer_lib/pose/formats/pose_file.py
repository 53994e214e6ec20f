"""The bridge between ``PoseSequence`` and ``.pose`` files of the pose-format library. [ours]

Files are in MediaPipe-holistic layout: image pixels, y down, z away from the viewer. What is written here carries only the points
of ``SIGNER70`` (and a NECK), in a square frame of ``SIDE`` pixels in which a shoulder width is ``SIDE / 4``, z in pixels too.
A file from MediaPipe itself has depth 0 in its header: its z is a fraction of the image width, counted from another zero in every
component. The reduced 178 points of pose-format's ``reduce_holistic`` have the same names, but no nose.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pose_format import Pose
from pose_format.numpy import NumPyPoseBody
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.pose.formats.picture import FLIP, blank, from_picture, nose_of_face
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import FINGERS, SEGMENTS, SIGNER70

SIDE = 1024
ORIGIN = np.array([SIDE / 2, 0.45 * SIDE, SIDE / 2])          # the signer's neck, in pixels
UNIT = SIDE / 4                                               # pixels of a shoulder width; a power of two, so exact

POSE, FACE, LEFT, RIGHT = "POSE_LANDMARKS", "FACE_LANDMARKS", "LEFT_HAND_LANDMARKS", "RIGHT_HAND_LANDMARKS"
FINGER_NAMES = dict(zip(FINGERS, ("THUMB", "INDEX_FINGER", "MIDDLE_FINGER", "RING_FINGER", "PINKY")))
HAND = ("WRIST", *(f"{FINGER_NAMES[finger]}_{segment.upper()}" for finger in FINGERS for segment in SEGMENTS[finger]))
# in the order of SIGNER70; MediaPipe's "right" mesh points lie on the subject's right, at the smaller image x
MESH = ("107", "66", "105", "63", "70", "336", "296", "334", "293", "300", "159", "145", "386", "374",
        "61", "291", "0", "13", "14", "17")
MESH_NOSE = "1"
POINTS = {
    POSE: ("NOSE", "NECK", "RIGHT_SHOULDER", "RIGHT_ELBOW", "RIGHT_WRIST", "LEFT_SHOULDER", "LEFT_ELBOW", "LEFT_WRIST"),
    FACE: MESH, LEFT: HAND, RIGHT: HAND,
}
GROUPS = {POSE: "body", FACE: "face", LEFT: "left_hand", RIGHT: "right_hand"}
FINGER_COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167), (213, 94, 0))
FACE_LIMBS = (*((k, k + 1) for k in (0, 1, 2, 3, 5, 6, 7, 8)), (10, 11), (12, 13),
              (14, 16), (16, 15), (15, 19), (19, 14), (14, 17), (17, 15), (15, 18), (18, 14))


def _component(name: str) -> PoseHeaderComponent:
    """The header of one component: its points, its limbs, a colour for each limb."""
    group = SIGNER70.groups[GROUPS[name]]
    if name == FACE:
        limbs, colours = list(FACE_LIMBS), [(90, 90, 90)] * len(FACE_LIMBS)
    else:
        inside = [(parent, child) for parent, child in SIGNER70.bones
                  if all(group.start <= joint < group.stop for joint in (parent, child))]
        limbs = [(parent - group.start, child - group.start) for parent, child in inside]
        colours = [(60, 60, 60) if name == POSE else FINGER_COLOURS[(child - 1) // 4] for _, child in limbs]
    return PoseHeaderComponent(name, list(POINTS[name]), limbs, colours, "XYZC")


def write_pose(sequence: PoseSequence, path: str | Path) -> Path:
    """Write a signer70 sequence as a ``.pose`` v0.2 file; a missing joint has confidence 0. All or nothing.

    ``read_pose`` gives the same sequence back, to the precision of a float32 of pixels (about 1e-6 shoulder widths).
    Raises ``SignerError`` for another skeleton, no frames, or a place that cannot be written to.
    """
    path = Path(path)
    if sequence.skeleton != SIGNER70 or not len(sequence):
        raise SignerError(f"cannot write {path}: a .pose file takes at least one frame of the {SIGNER70.name} skeleton")
    order = np.concatenate([np.arange(len(SIGNER70))[SIGNER70.groups[group]] for group in GROUPS.values()])
    pixels = sequence.xyz[:, order].astype(np.float64) * FLIP * UNIT + ORIGIN
    pixels[sequence.confidence[:, order] == 0] = 0
    header = PoseHeader(0.2, PoseHeaderDimensions(SIDE, SIDE, SIDE), [_component(name) for name in POINTS])
    body = NumPyPoseBody(float(sequence.fps), pixels[:, None].astype(np.float32), sequence.confidence[:, None, order])
    with whole_file(path) as part, open(part, "wb") as file:
        Pose(header, body).write(file)
    return path


def read_pose(path: str | Path) -> PoseSequence:
    """Read the first person of a ``.pose`` file as signer70: ours exactly, any other MediaPipe-holistic file measured.

    Measured means: the unit is the median distance of the shoulders in the image, the origin the median point between them, and
    the neck is half-way between the shoulders of its frame. Components or points that the file lacks are missing joints.
    Raises ``SignerError`` naming the file if it is absent, damaged, or has no MediaPipe body.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}; check the path") from error
    try:
        pose = Pose.read(content)
        data = np.asarray(pose.body.data.data, np.float64)     # (T, people, points, dims); masked values are dropped below
        confidence = np.asarray(pose.body.confidence, np.float32)
        frames, people, points, dims = data.shape
        if not (frames and people and dims >= 2 and confidence.shape == data.shape[:3] and pose.body.fps > 0):
            raise ValueError("no frames")
    except Exception as error:      # the library's reader lets struct, unicode, memory and numpy errors through
        raise SignerError(f"{path} is not a readable .pose file ({error}); make it again with pose-format") from error
    return _signer70(pose.header, data[:, 0], np.clip(np.nan_to_num(confidence[:, 0]), 0, 1), pose.body.fps, path)


def _signer70(header: PoseHeader, data: np.ndarray, seen: np.ndarray, fps: float, path: Path) -> PoseSequence:
    """data (T, points, 2 or 3) in the file's units, seen (T, points) -> the sequence."""
    columns, start = {}, 0
    for component in header.components:
        columns |= {(component.name, point): start + k for k, point in enumerate(component.points)}
        start += len(component.points)
    if (POSE, "LEFT_SHOULDER") not in columns or (POSE, "RIGHT_SHOULDER") not in columns:
        names = ", ".join(component.name for component in header.components)
        raise SignerError(f"{path} has no {POSE} with shoulders (it has {names}); use a MediaPipe-holistic .pose file")
    if data.shape[-1] == 2:
        data = np.pad(data, ((0, 0), (0, 0), (0, 1)))
    mediapipe = not header.dimensions.depth
    if mediapipe:                                              # z is a fraction of the image width
        data = data * (1, 1, header.dimensions.width)
    data[seen == 0] = np.nan
    place = lambda name, point: data[:, columns[name, point]] if (name, point) in columns else np.full((len(data), 3), np.nan)

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
            return PoseSequence((xyz - ORIGIN) / UNIT * FLIP, _plain(fps), confidence)
    mesh_nose = place(FACE, MESH_NOSE)[:, 2]
    if (POSE, "NOSE") not in columns:                          # reduced
        nose_of_face(xyz, confidence)
        mesh_nose = np.full(len(xyz), np.nan)
    return from_picture(xyz, _plain(fps), path, confidence, mesh_nose if mediapipe else None)


def _plain(fps: float) -> float:
    """A frame rate that went through float32, as the shortest number that gives it (29.97, not 29.969999)."""
    return float(str(np.float32(fps)))
