"""The points of MediaPipe Holistic by name: all of them, the reduced 178 of the field, and the same 178 in SLRTP 2025's order. [ours]

A point is a pair (component, name), as ``.pose`` files name it. ``REDUCED`` is the order of pose-format's ``reduce_holistic``, ``SLRTP`` that of the
challenge's ``poses_3d``; ``REDUCED_OF_SLRTP[k]`` is where SLRTP's point k stands among the reduced ones, and the other table leads back:
``slrtp = reduced[:, REDUCED_OF_SLRTP]``, ``reduced = slrtp[:, SLRTP_OF_REDUCED]``.

SLRTP publishes the names of its body and hands, but of its face only how many points it has and which of them it joins by lines. ``SLRTP_FACE`` is
the one order that we know to fit: with it 92 of the 96 lines are MediaPipe's contours (36 of the oval, 40 of the lips, 16 of the brows), and the
other four close the brows into rings. The 32 points of the eyes have no lines; they stand where the same rule puts them (first seen, in the order
that a Python set before 3.8 keeps the contours in).
"""

from __future__ import annotations

import numpy as np
from pose_format import Pose
from pose_format.numpy import NumPyPoseBody
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

from signer_lib.pose.formats.picture import FLIP
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import FINGERS, SEGMENTS, SIGNER70

Point = tuple[str, str]                                       # component, name

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
JOINTS: dict[Point, int] = {(name, point): SIGNER70.groups[group].start + k for name, group in GROUPS.items() for k, point in enumerate(POINTS[name])}
HIPS = {"LEFT_HIP": (0.34, -1.5, 0.0), "RIGHT_HIP": (-0.34, -1.5, 0.0)}        # from the neck; signer70 has none, and spoken-to-signed wants them

_SIDES = ("LEFT", "RIGHT")


def _both(*parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts for side in _SIDES)


BODY33 = ("NOSE", *(f"{side}_EYE{part}" for side in _SIDES for part in ("_INNER", "", "_OUTER")), *_both("EAR"), "MOUTH_LEFT", "MOUTH_RIGHT",
          *_both("SHOULDER", "ELBOW", "WRIST", "PINKY", "INDEX", "THUMB", "HIP", "KNEE", "ANKLE", "HEEL", "FOOT_INDEX"))
BODY8 = _both("SHOULDER", "ELBOW", "WRIST", "HIP")
# the mesh's contours as ways over its points: the oval, the lips without and within, the eyes, the brows (two lines each)
CONTOURS = tuple(tuple(map(int, way.split())) for way in (
    "10 338 297 332 284 251 389 356 454 323 361 288 397 365 379 378 400 377 152 148 176 149 150 136 172 58 132 93 234 127 162 21 54 103 67 109 10",
    "61 146 91 181 84 17 314 405 321 375 291 409 270 269 267 0 37 39 40 185 61",
    "78 95 88 178 87 14 317 402 318 324 308 415 310 311 312 13 82 81 80 191 78",
    "263 249 390 373 374 380 381 382 362 398 384 385 386 387 388 466 263", "33 7 163 144 145 153 154 155 133 173 157 158 159 160 161 246 33",
    "276 283 282 295 285", "300 293 334 296 336", "46 53 52 65 55", "70 63 105 66 107"))
REDUCED_FACE = tuple(str(point) for point in sorted({point for way in CONTOURS for point in way}))
SLRTP_FACE = tuple((
    "82 13 381 382 311 310 70 63 87 14 362 80 81 144 145 390 373 377 152 66 107 466 388 158 157 93 234 293 334 375 291 37 "
    "0 163 312 374 270 409 365 379 173 318 324 378 400 308 332 284 162 21 263 386 385 33 7 61 185 161 160 103 67 53 52 321 "
    "454 323 361 176 149 155 133 295 285 317 40 39 338 297 17 314 415 384 148 397 172 58 54 132 387 127 178 181 84 283 282 "
    "136 105 300 153 159 251 389 296 336 109 65 249 154 46 380 246 276 267 269 146 402 78 191 405 356 398 288 95 91 10 88 "
    "55 150").split())
SLRTP_BODY = ("RIGHT_SHOULDER", "RIGHT_ELBOW", "RIGHT_WRIST", "LEFT_SHOULDER", "LEFT_ELBOW", "LEFT_WRIST", "RIGHT_HIP", "LEFT_HIP")


def _points(**components: tuple[str, ...]) -> tuple[Point, ...]:
    full = {"body": POSE, "face": FACE, "left": LEFT, "right": RIGHT}
    return tuple((full[component], point) for component, points in components.items() for point in points)


FULL = _points(body=BODY33, face=tuple(map(str, range(478))), left=HAND, right=HAND)
REDUCED = _points(body=BODY8, face=REDUCED_FACE, left=HAND, right=HAND)
LEXICON = (*REDUCED[:len(BODY8)], (POSE, "NOSE"), *REDUCED[len(BODY8):])            # what we write for spoken-to-signed
SLRTP = _points(body=SLRTP_BODY, right=HAND, left=HAND, face=SLRTP_FACE)
REDUCED_OF_SLRTP = np.array([REDUCED.index(point) for point in SLRTP])
SLRTP_OF_REDUCED = np.array([SLRTP.index(point) for point in REDUCED])
_FINGER_COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167), (213, 94, 0))
_FACE_LIMBS = (*((k, k + 1) for k in (0, 1, 2, 3, 5, 6, 7, 8)), (10, 11), (12, 13),
               (14, 16), (16, 15), (15, 19), (19, 14), (14, 17), (17, 15), (15, 18), (18, 14))
BODIES: dict[str, tuple[Point, ...]] = {"signer": tuple(JOINTS), "reduced": REDUCED, "full": FULL}        # what a .pose file of ours may carry


def _component(name: str, points: list[str]) -> PoseHeaderComponent:
    """The header of one component: its points, the limbs between those of them that signer70 joins, a colour for each limb."""
    group = SIGNER70.groups[GROUPS[name]]
    if name == FACE:
        pairs = [(POINTS[name][a], POINTS[name][b]) for a, b in _FACE_LIMBS]
    else:
        pairs = [(POINTS[name][a - group.start], POINTS[name][b - group.start]) for a, b in SIGNER70.bones
                 if all(group.start <= joint < group.stop for joint in (a, b))]
    pairs = [pair for pair in pairs if set(pair) <= set(points)]
    greys = {POSE: (60, 60, 60), FACE: (90, 90, 90)}
    colours = [greys.get(name) or _FINGER_COLOURS[(HAND.index(child) - 1) // 4] for _, child in pairs]
    limbs = [(points.index(a), points.index(b)) for a, b in pairs]
    return PoseHeaderComponent(name, points, limbs, colours, "XYZC")


def header_of(points: tuple[Point, ...], dimensions: tuple[int, int, int] = (SIDE, SIDE, SIDE)) -> PoseHeader:
    """The header of a ``.pose`` file with these points, whose components stand together; width, height and depth in pixels."""
    components = [_component(name, [point for owner, point in points if owner == name]) for name in dict.fromkeys(owner for owner, _ in points)]
    return PoseHeader(0.2, PoseHeaderDimensions(*dimensions), components)


def columns_of(header: PoseHeader) -> dict[Point, int]:
    """Where each point of a file stands in its array."""
    named = [(component.name, point) for component in header.components for point in component.points]
    return {key: column for column, key in enumerate(named)}


def holistic(poses: PoseSequence, header: PoseHeader) -> Pose:
    """signer70 in a header of MediaPipe's points, in pixels (``UNIT`` a shoulder width); points that signer70 lacks have confidence 0.

    But for the hips, which are put where they usually are, and the tip of the mesh's nose, which is the nose.
    """
    columns = columns_of(header)
    xyz, confidence = np.zeros((len(poses), len(columns), 3)), np.zeros((len(poses), len(columns)))
    for key, column in columns.items():
        if key in JOINTS:
            xyz[:, column], confidence[:, column] = poses.xyz[:, JOINTS[key]], poses.confidence[:, JOINTS[key]]
        elif key == (FACE, MESH_NOSE):
            xyz[:, column], confidence[:, column] = poses.joint("nose"), poses.confidence[:, SIGNER70.index("nose")]
        elif key[1] in HIPS:
            xyz[:, column], confidence[:, column] = poses.joint("neck") + HIPS[key[1]], poses.confidence[:, SIGNER70.index("neck")]
    pixels = np.where(confidence[..., None] > 0, xyz * FLIP * UNIT + ORIGIN, 0)
    return posed(pixels, confidence, poses.fps, header)


def posed(data: np.ndarray, confidence: np.ndarray, fps: float, header: PoseHeader) -> Pose:
    """One person's points (T, n, 3) and confidences (T, n) as pose-format holds them."""
    return Pose(header, NumPyPoseBody(float(fps), np.ma.masked_array(data[:, None].astype(np.float32)), confidence[:, None].astype(np.float32)))
