"""Is a compiled or recorded pose a human one? Bones, joints, hands outside the body, contact where it is coded. [ours]"""

from __future__ import annotations

import numpy as np

from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.body import ARM_PLACES, BASE_PLACES, Body
from signer_lib.prior.contacts import TIPS, arm_place, hand_part
from signer_lib.prior.kinematics import ARM_JOINTS, ARM_LIMITS, HAND_LIMITS, JOINT_LIMITS, MIRROR, arm_angles, hand_angles, hand_rotation
from signer_lib.prior.phonology import Compound, Sign
from signer_lib.prior.shapes import Ellipsoids
from signer_lib.prior.strokes import FREE

FINGER_JOINTS = tuple((f"{finger}", angle) for finger in ("index", "middle", "ring", "little") for angle in JOINT_LIMITS["finger"])
JOINTS = (*ARM_JOINTS, *FINGER_JOINTS, *(("thumb", angle) for angle in JOINT_LIMITS["thumb"]))
LIMITS = np.concatenate([np.degrees(ARM_LIMITS), HAND_LIMITS])                    # (28, 2) degrees, in the order of JOINTS
LARGEST_GAP = 0.08                               # shoulder widths between a finger tip and the place it touches
ALLOWED = {"bone_error": 1e-5, "joint_excess": 0.01, "inside_torso": 1e-3, "inside_head": 1e-3, "contact_gap": LARGEST_GAP}
SAID = {"bone_error": "a bone changes its length by {0:.1%}", "joint_excess": "the {worst_joint} is {0:.0f} degrees past its limit",
        "inside_torso": "a hand is {0:.2f} shoulder widths inside the trunk", "inside_head": "a hand is {0:.2f} shoulder widths inside the head",
        "contact_gap": "what should touch stays {0:.2f} shoulder widths away"}
BONES = np.array([bone for bone in SIGNER70.bones if bone[1] < SIGNER70.groups["face"].start and bone[0] != 1])


def arms(poses: PoseSequence) -> dict[str, np.ndarray]:
    """Both arms (T, 24, 3) as right arms: shoulder, elbow, wrist and 21 hand joints."""
    xyz = poses.xyz.astype(float)
    return {"right": xyz[:, [2, 3, 4, *range(70)[SIGNER70.groups["right_hand"]]]],
            "left": xyz[:, [5, 6, 7, *range(70)[SIGNER70.groups["left_hand"]]]] * MIRROR}


def joint_angles(arm: np.ndarray, body: Body) -> np.ndarray:
    """(T, 28) degrees of right arms (T, 24, 3), in the order of ``JOINTS``."""
    hand = arm[:, 3:]
    rotation = hand_rotation(body.hand, hand)
    inner = (hand - hand[:, :1]) @ rotation
    return np.concatenate([np.degrees(arm_angles(arm[:, 1], arm[:, 2], rotation)), hand_angles(inner)], axis=-1)


def contact_gap(poses: PoseSequence, sign: Sign, body: Body) -> float:
    """Shoulder widths between the touching part of the right hand and the place, when they are nearest; two hands that meet in free
    space are measured from one another.
    """
    both = arms(poses)
    right, left = both["right"], both["left"] * MIRROR

    def part(arm: np.ndarray) -> np.ndarray:
        return _part(arm, sign.contact, body)

    gaps = []
    for name in sign.location:
        if name in FREE:
            aim = part(both["left"]) * MIRROR if sign.type in ("symmetric", "alternating") else part(right)
        else:
            aim = arm_place(name, left)[0] if name in (*ARM_PLACES, *BASE_PLACES) else body.place(name)[0]
        gaps.append(np.linalg.norm(part(right) - aim, axis=-1).min())
    return float(min(gaps))


def _part(arm: np.ndarray, contact: str | None, body: Body) -> np.ndarray:
    hand = arm[:, 3:]
    rotation = hand_rotation(body.hand, hand)
    result: np.ndarray = hand[:, 0] + (rotation @ hand_part((hand - hand[:, :1]) @ rotation, contact)[..., None])[..., 0]
    return result


def check_poses(poses: PoseSequence, body: Body, sign: Sign | Compound | None = None) -> dict[str, float | str | None]:
    """Figures of a right-handed sequence with every joint present; all are 0 for a perfect one.

    bone_error    largest relative change of a bone's length, against ``body``.
    joint_excess  degrees past the limit of ``worst_joint``.
    inside_torso, inside_head   how deep a joint of a hand is in them, shoulder widths.
    contact_gap   the largest gap of the parts of ``sign`` that touch with finger tips; None without such a part or without ``sign``.
    """

    def length(xyz: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.linalg.norm(xyz[..., BONES[:, 0], :] - xyz[..., BONES[:, 1], :], axis=-1)
        return result

    own = length(body.rest())
    moved = own > 1e-6                                    # the two wrists of an arm are one point
    error = abs(length(poses.xyz.astype(float)) - own)[:, moved] / own[moved]
    both = arms(poses)
    angles = np.stack([joint_angles(arm, body) for arm in both.values()])                 # (2, T, 28)
    past = np.maximum(np.maximum(angles - LIMITS[:, 1], LIMITS[:, 0] - angles), 0)
    side, _, joint = np.unravel_index(past.argmax(), past.shape)
    hands = np.concatenate([both["right"][:, 3:], both["left"][:, 3:] * MIRROR], axis=1)
    parts = () if sign is None else sign.parts if isinstance(sign, Compound) else (sign,)
    gaps = [contact_gap(poses, part, body) for part in parts if part.contact in TIPS]
    return {"bone_error": float(error.max()), "joint_excess": float(past.max()),
            "worst_joint": f"{tuple(both)[side]} {' '.join(JOINTS[joint])}",
            "inside_torso": max(float(body.trunk.depth(hands).max()), 0.0),
            "inside_head": max(float(Ellipsoids(body.head).depth(hands).max()), 0.0), "contact_gap": max(gaps, default=None)}


def problems(found: dict[str, float | str | None]) -> list[str]:
    """What of ``check_poses`` no body can do, in words; empty for a possible pose."""
    over = [name for name, most in ALLOWED.items() if isinstance(value := found[name], float) and value > most]
    return [SAID[name].format(found[name], worst_joint=found["worst_joint"]) for name in over]
