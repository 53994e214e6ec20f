"""The rig of a studio signer: how joints of ``signer70`` drive the bones that carry the mesh. [ours]

Every bone maps rest to pose by an affine map. Its head lies exactly on a joint of the pose, it points along the pose's bone, and it is
stretched along itself by what the pose's bone is longer than the mesh's. Forearm and upper arm are several bones over one another
that share out the twist, so that a wrist never turns like the end of a sweet's wrapper. Between two bones of a joint lies a third,
turned half-way, which keeps a bent finger from collapsing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from signer_lib.pose import SIGNER70
from signer_lib.pose.skeleton import FINGERS

SIDES = {"right": (2, 29), "left": (5, 8)}               # the side's shoulder (elbow and wrist follow), the first joint of its hand
UPPER, FORE = 3, 4                                       # bones that share the twist of upper arm and forearm
KNUCKLES = (5, 9, 13, 17)                                # within a hand
PHALANGES = tuple(f"{finger}_{k}" for finger in FINGERS for k in range(4))       # 0: from the wrist to the first joint
FACE, NOSE = SIGNER70.groups["face"], SIGNER70.index("nose")
EYES, CORNERS = np.array([[10, 11], [12, 13]]), [14, 15]     # within the face: the lids of the right and the left eye; the mouth's corners
LID_SHARE = 0.85                                         # of the way that lids go when they shut, what the upper one does: see the prior
# a forearm's twist from the mesh's rest is read between these middles -180 and +180 degrees: the middle of what people reach
TWIST_MIDDLE = {"right": 0.0, "left": 0.0}
BENT = (0.10, 0.35)                                      # sines of the elbow's bend between which its hinge begins to turn the upper arm


def _side_bones(side: str) -> list[str]:
    arm = [f"upper_{k}" for k in range(UPPER)] + [f"fore_{k}" for k in range(FORE)] + ["hand"]
    halves = [f"half_{joint}" for joint in ("shoulder", "elbow", "wrist")] + [f"half_{p}" for p in PHALANGES if p != "thumb_0" and p[-1] != "0"]
    return [f"{side}_{bone}" for bone in (*arm, *(p for p in PHALANGES if p != "thumb_0"), *halves)]


BONES = ("torso", "neck_0", "neck_1", "head", *_side_bones("right"), *_side_bones("left"))
INDEX = {bone: k for k, bone in enumerate(BONES)}


def halves(side: str) -> dict[str, tuple[str, str]]:
    """A half-way bone -> the two bones it lies between."""
    pairs = {"half_shoulder": ("torso", f"{side}_upper_0"), "half_elbow": (f"{side}_upper_{UPPER - 1}", f"{side}_fore_0"),
             "half_wrist": (f"{side}_fore_{FORE - 1}", f"{side}_hand")}
    for finger in FINGERS:
        for k in range(1, 4):
            before = f"{side}_hand" if finger == "thumb" and k == 1 else f"{side}_{finger}_{k - 1}"
            pairs[f"half_{finger}_{k}"] = before, f"{side}_{finger}_{k}"
    return {f"{side}_{half}": pair for half, pair in pairs.items()}


def unit(v: np.ndarray) -> np.ndarray:
    """(..., 3) scaled to length 1."""
    result: np.ndarray = v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)
    return result


def swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(T, 3, 3) the shortest turns that take unit vectors (T, 3) to others."""
    real = 1 + (start * end).sum(-1, keepdims=True)
    across = np.cross(start, end)
    sideways = np.cross(start, np.where(abs(start[:, :1]) < 0.7, [1.0, 0, 0], [0, 1.0, 0]))
    quaternion = np.where(real > 1e-6, np.concatenate([across, real], -1), np.concatenate([sideways, 0 * real], -1))
    result: np.ndarray = Rotation.from_quat(quaternion).as_matrix()
    return result


def about(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(T, 3, 3) turns about unit axes (T, 3) by radians (T,)."""
    result: np.ndarray = Rotation.from_rotvec(axis * angle[:, None]).as_matrix()
    return result


def part_way(start: np.ndarray, end: np.ndarray, part: float) -> np.ndarray:
    """(T, 3, 3) rotations ``part`` of the way from one to another."""
    turn = Rotation.from_matrix(np.swapaxes(start, -1, -2) @ end).as_rotvec()
    result: np.ndarray = start @ Rotation.from_rotvec(part * turn).as_matrix()
    return result


def laid_on(rest: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(T, 3, 3) the turns that best lay vectors (n, 3) on others (T, n, 3)."""
    u, _, vt = np.linalg.svd(np.swapaxes(points, 1, 2) @ rest)
    u[..., 2] *= np.linalg.det(u @ vt)[:, None]
    result: np.ndarray = u @ vt
    return result


def face_axes(face: np.ndarray) -> np.ndarray:
    """(T, 3, 3) columns: the face's own left, up and forward, from the lids and the corners of the mouth (T, 20, 3)."""
    eyes = np.swapaxes(face[:, EYES], 2, 3) @ np.array([1 - LID_SHARE, LID_SHARE])
    left = unit(eyes[:, 1] - eyes[:, 0])
    up = eyes.mean(1) - face[:, CORNERS].mean(1)
    up = unit(up - left * (left * up).sum(-1, keepdims=True))
    return np.stack([left, up, np.cross(left, up)], -1)


class Maps:
    """Collects a bone's affine maps, (T, B, 3, 4)."""

    def __init__(self, frames: int):
        self.maps = np.zeros((frames, len(BONES), 3, 4))
        self.turns: dict[str, np.ndarray] = {}

    def put(self, bone: str, turn: np.ndarray, rest: np.ndarray, place: np.ndarray, along: np.ndarray | None = None,
            stretch: ArrayLike = 1.0) -> None:
        """``rest`` (3,) goes to ``place`` (T, 3); the rest's unit direction ``along`` (3,) is stretched."""
        linear = turn
        if along is not None:
            linear = turn @ (np.eye(3) + (np.asarray(stretch) - 1)[:, None, None] * np.outer(along, along))
        at = INDEX[bone]
        self.turns[bone] = turn
        self.maps[:, at, :, :3] = linear
        self.maps[:, at, :, 3] = place - linear @ rest


def bone_maps(rest: np.ndarray, neck: np.ndarray, pose_face: np.ndarray, xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bones' maps and the head's turn.

    rest (70, 3) the mesh's joints, neck (3, 3) its two neck joints and the head's.   pose_face (20, 3) a pose's face at rest, from the nose.
    xyz (T, 70, 3), nothing missing.   -> (T, B, 3, 4) maps [A | b] with x -> A x + b, in ``BONES``' order; (T, 3, 3).
    """
    m = Maps(len(xyz))
    left = unit(xyz[:, 5] - xyz[:, 2])
    up = unit(np.array([0, 1.0, 0]) - left * left[:, 1:2])
    torso = np.stack([left, up, np.cross(left, up)], -1)
    m.put("torso", torso, (rest[2] + rest[5]) / 2, (xyz[:, 2] + xyz[:, 5]) / 2)
    head = face_axes(xyz[:, FACE]) @ np.swapaxes(face_axes(pose_face[None]), 1, 2)
    m.put("head", head, rest[NOSE], xyz[:, NOSE])
    low = m.maps[:, 0, :, :3] @ neck[0] + m.maps[:, 0, :, 3]
    top = m.maps[:, 3, :, :3] @ neck[2] + m.maps[:, 3, :, 3]
    for k in range(2):                                       # the neck's bones turn a third and two thirds of what the head does
        share = np.linalg.norm(neck[k] - neck[0]) / np.linalg.norm(neck[2] - neck[0])
        turned = part_way(torso, head, (k + 1) / 3)
        bulge = neck[k] - (neck[0] + share * (neck[2] - neck[0]))
        m.put(f"neck_{k}", turned, neck[k], low + share * (top - low) + turned @ bulge)
    for side, (shoulder, first) in SIDES.items():
        _arm(m, side, rest[[shoulder, shoulder + 1]], rest[first:first + 21], xyz[:, [shoulder, shoulder + 1]], xyz[:, first:first + 21])
        for half, (before, after) in halves(side).items():
            joint = {"shoulder": shoulder, "elbow": shoulder + 1, "wrist": first}.get(half.split("half_")[1])
            if joint is None:
                finger, number = half.split("half_")[1].split("_")
                joint = first + 4 * FINGERS.index(finger) + int(number)
            m.put(half, part_way(m.turns[before], m.turns[after], 0.5), rest[joint], xyz[:, joint])
    return m.maps, head


def _arm(m: Maps, side: str, arm_rest: np.ndarray, hand_rest: np.ndarray, arm: np.ndarray, hand: np.ndarray) -> None:
    """Upper arm, forearm, hand and fingers of one side."""
    upper_rest, fore_rest = unit(arm_rest[1] - arm_rest[0]), unit(hand_rest[0] - arm_rest[1])
    upper, fore = arm[:, 1] - arm[:, 0], hand[:, 0] - arm[:, 1]

    def stretch(bone: np.ndarray, rest: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.linalg.norm(bone, axis=-1) / np.linalg.norm(rest)
        return result

    torso = m.turns["torso"]
    hung = swing(torso @ upper_rest, unit(upper)) @ torso
    hinge = np.cross(unit(upper), unit(fore))
    seen = hung @ unit(np.cross(upper_rest, fore_rest))
    angle = np.arctan2((np.cross(seen, hinge) * unit(upper)).sum(-1), (seen * hinge).sum(-1))
    bent = np.clip((np.linalg.norm(hinge, axis=-1) - BENT[0]) / (BENT[1] - BENT[0]), 0, 1)
    for k in range(UPPER):
        turned = about(unit(upper), angle * bent * bent * (3 - 2 * bent) * k / (UPPER - 1)) @ hung
        m.put(f"{side}_upper_{k}", turned, arm_rest[0], arm[:, 0], upper_rest, stretch(upper, arm_rest[1] - arm_rest[0]))
    straight = swing(turned @ fore_rest, unit(fore)) @ turned
    palm = laid_on(hand_rest[list(KNUCKLES)] - hand_rest[0], hand[:, KNUCKLES] - hand[:, :1])
    twist = twist_of(palm @ np.swapaxes(straight, 1, 2), unit(fore), TWIST_MIDDLE[side])
    for k in range(FORE):
        turned = about(unit(fore), twist * k / (FORE - 1)) @ straight
        m.put(f"{side}_fore_{k}", turned, arm_rest[1], arm[:, 1], fore_rest, stretch(fore, hand_rest[0] - arm_rest[1]))
    m.put(f"{side}_hand", palm, hand_rest[0], hand[:, 0])
    for number, finger in enumerate(FINGERS):
        before = palm
        for k in range(1 if finger == "thumb" else 0, 4):
            start, end = (4 * number + k if k else 0), 4 * number + k + 1
            bone_rest, bone = hand_rest[end] - hand_rest[start], hand[:, end] - hand[:, start]
            before = swing(before @ unit(bone_rest), unit(bone)) @ before
            m.put(f"{side}_{finger}_{k}", before, hand_rest[start], hand[:, start], unit(bone_rest), stretch(bone, bone_rest))


def twist_of(turn: np.ndarray, axis: np.ndarray, middle: float) -> np.ndarray:
    """(T,) radians by which rotations (T, 3, 3) turn about unit axes (T, 3), within 180 degrees of ``middle`` degrees."""
    quaternion = Rotation.from_matrix(turn).as_quat()
    angle = 2 * np.arctan2((quaternion[:, :3] * axis).sum(-1), quaternion[:, 3])
    middle = np.radians(middle)
    result: np.ndarray = (angle - middle + np.pi) % (2 * np.pi) - np.pi + middle
    return result
