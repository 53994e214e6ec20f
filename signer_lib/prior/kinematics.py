"""From joint angles to joints and back, for the right hand and arm; the left side is the mirror image (x -> -x). [ours]

Units and axes are those of ``signer_lib.pose.sequence``. The hand's own frame: origin at the wrist, x towards the thumb, y towards
the knuckles, z out of the palm. Handshapes are (21,) degrees: [mcp, pip, dip, spread] of index, middle, ring and little finger,
then [radial, palmar, oppose, mcp, ip] of the thumb. An arm is (7,) radians: ``ARM_JOINTS``, all zero when it hangs down straight
with the thumb forwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signer_lib.pose import SIGNER70

if TYPE_CHECKING:
    from signer_lib.prior.body import Body

MIRROR = np.array([-1.0, 1.0, 1.0])
SHOULDER = np.array([-0.5, 0.0, 0.0])
# Where the metacarpals point in the hand's frame: thumb, index, middle, ring, little. The knuckles form a slight arch.
METACARPALS = np.array([[0.062, 0.085, 0.034], [0.082, 0.252, 0.004], [0.026, 0.258, -0.006], [-0.030, 0.243, 0.0],
                        [-0.082, 0.215, 0.012]])
PALM_DEPTH = 0.035                                    # from the plane of the hand's joints to the skin, either way
# Degrees, [from, to], of active movement: American Academy of Orthopaedic Surgeons (1965) as tabled by Norkin and White, Measurement
# of Joint Motion; finger flexion after Hume et al. (1990), J. Hand Surg. 15A, and 10 degrees on for fingers pressed into a fist;
# inward rotation of the shoulder by the side after Kapandji. The thumb's are [ours]: its angles are this model's, which no goniometer
# measures. Shoulder flexion is forwards and up, abduction out to the side, rotation outwards; wrist flexion is towards the palm,
# deviation towards the thumb.
JOINT_LIMITS = {
    "finger": {"mcp": (-45, 100), "pip": (-10, 115), "dip": (-10, 90), "spread": (-25, 25)},
    "thumb": {"radial": (-20, 75), "palmar": (-20, 75), "oppose": (-60, 130), "mcp": (-20, 75), "ip": (-25, 90)},
    "shoulder": {"flexion": (-60, 180), "abduction": (-45, 90), "rotation": (-95, 90)},
    "elbow": {"flexion": (0, 150)},
    "forearm": {"supination": (-80, 80)},
    "wrist": {"flexion": (-70, 80), "deviation": (-30, 20)},
}
HAND_LIMITS = np.array([*JOINT_LIMITS["finger"].values()] * 4 + [*JOINT_LIMITS["thumb"].values()], float)     # (21, 2) degrees
ARM_JOINTS = tuple((part, angle) for part in ("shoulder", "elbow", "forearm", "wrist") for angle in JOINT_LIMITS[part])
ARM_LIMITS = np.radians([JOINT_LIMITS[part][angle] for part, angle in ARM_JOINTS])                            # (7, 2) radians
NEUTRAL = np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]])          # the hand's frame in the forearm's, when nothing is turned


def unit(v: np.ndarray) -> np.ndarray:
    """(..., 3) scaled to length 1."""
    result: np.ndarray = v / np.maximum(np.sqrt(np.einsum("...i,...i->...", v, v)), 1e-9)[..., None]
    return result


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(..., 3) as ``np.cross``, which takes four times as long for small arrays."""
    x, y, z = a[..., 0], a[..., 1], a[..., 2]
    u, v, w = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], -1)


def hand_frame(palm: np.ndarray, fingers: np.ndarray) -> np.ndarray:
    """(3, 3) rotation of a right hand whose fingers point to ``fingers`` and whose palm faces ``palm`` as nearly as it can.

    Raises ``ValueError`` if the two directions are parallel.
    """
    y = unit(np.asarray(fingers, float))
    z = palm - y * (palm @ y)
    if np.linalg.norm(z) < 1e-3:
        raise ValueError("palm and fingers are parallel")
    z = unit(z)
    return np.stack([np.cross(y, z), y, z], axis=1)


def hand_points(bones: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Bone lengths (5, 4) and angles (T, 21) in degrees -> (T, 21, 3) in the hand's frame, in HAND_JOINTS' order."""
    angles = np.radians(np.asarray(angles, float))
    fingers, thumb = angles[:, :16].reshape(-1, 4, 4), angles[:, 16:]
    flexion, spread = np.cumsum(fingers[..., :3], -1), fingers[..., 3:]                   # (T, 4, 3), (T, 4, 1)
    ways = np.empty((len(angles), 5, 4, 3))                                               # unit direction of every bone
    ways[:, :, 0] = unit(METACARPALS)
    ways[:, 1:, 1:] = np.stack([np.sin(spread) * np.cos(flexion), np.cos(spread) * np.cos(flexion), np.sin(flexion)], -1)
    radial, palmar, oppose, mcp, ip = thumb.T
    axis = np.stack([np.cos(palmar) * np.sin(radial), np.cos(palmar) * np.cos(radial), np.sin(palmar)], -1)
    # an unopposed thumb bends across the palm (-x); opposition turns its pad towards the finger tips
    across = unit(np.array([-1.0, 0, 0]) + axis * axis[:, :1])
    bend = np.cos(oppose)[:, None] * across - np.sin(oppose)[:, None] * cross(axis, across)
    for k, angle in enumerate((0 * mcp, mcp, mcp + ip), start=1):
        ways[:, 0, k] = np.cos(angle)[:, None] * axis + np.sin(angle)[:, None] * bend
    points = np.cumsum(ways * bones[:, :, None], axis=2)
    return np.concatenate([np.zeros((len(angles), 1, 3)), points.reshape(-1, 20, 3)], axis=1)


def hand_rotation(bones: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """(T, 3, 3) how hands (T, 21, 3) with the bone lengths (5, 4) are turned: the turn that best lays the rigid palm on the knuckles."""
    palm = unit(METACARPALS[1:]) * bones[1:, :1]                                             # (4, 3)
    seen = hand[:, [5, 9, 13, 17]] - hand[:, :1]
    u, _, vt = np.linalg.svd(np.swapaxes(seen, 1, 2) @ palm)
    u[..., 2] *= np.linalg.det(u @ vt)[:, None]
    result: np.ndarray = u @ vt
    return result


def hand_angles(hand: np.ndarray) -> np.ndarray:
    """(T, 21) degrees of hands (T, 21, 3) in the hand's frame: what ``hand_points`` makes them from.

    A straight thumb has no opposition; it counts as 0, and a finger that points along the palm's normal has no spread.
    """
    ways = unit(np.diff(hand[:, 1:].reshape(-1, 5, 4, 3), axis=2))                           # (T, 5, 3, 3) directions of the phalanges
    x, y = ways[:, 1:, :, 0], ways[:, 1:, :, 1]
    # all phalanges of a finger lie in one upright plane: its direction is that of their longest horizontal sums
    spread = np.arctan2(2 * (x * y).sum(-1), (y * y - x * x).sum(-1)) / 2                     # (T, 4)
    forward = x * np.sin(spread)[..., None] + y * np.cos(spread)[..., None]
    flexion = np.unwrap(np.arctan2(ways[:, 1:, :, 2], forward), axis=-1)
    flexion[..., 1:] -= flexion[..., :-1].copy()
    thumb = ways[:, 0]
    axis = thumb[:, 0]
    radial, palmar = np.arctan2(axis[:, 0], axis[:, 1]), np.arcsin(np.clip(axis[:, 2], -1, 1))
    across = unit(np.array([-1.0, 0, 0]) + axis * axis[:, :1])
    over = -cross(axis, across)
    result: np.ndarray = np.degrees(np.concatenate([np.concatenate([flexion, spread[..., None]], -1).reshape(-1, 16),
                                      np.stack([radial, palmar], -1), _thumb_bends(thumb, axis, across, over)], -1))
    return result


def _thumb_bends(thumb: np.ndarray, axis: np.ndarray, across: np.ndarray, over: np.ndarray) -> np.ndarray:
    """(T, 3) opposition and the bends of the two joints. Of the two ways to read a bend, the one with less extension is taken."""
    read = []

    def along(bone: np.ndarray, way: np.ndarray) -> np.ndarray:
        result: np.ndarray = (bone * way).sum(-1)
        return result

    tail = thumb[:, 1] + thumb[:, 2]
    oppose = np.arctan2(along(tail, over), along(tail, across))
    for turned in (oppose, oppose + np.pi):
        turned = (turned + np.pi) % (2 * np.pi) - np.pi
        way = np.cos(turned)[:, None] * across + np.sin(turned)[:, None] * over
        mcp = np.arctan2(along(thumb[:, 1], way), along(thumb[:, 1], axis))
        both = np.arctan2(along(thumb[:, 2], way), along(thumb[:, 2], axis))
        read.append(np.stack([turned, mcp, both - mcp], -1))
    low, high = np.radians(HAND_LIMITS[18:].T)
    past = [np.maximum(np.maximum(angles - high, low - angles), 0).sum(-1) for angles in read]
    return np.where((past[0] <= past[1])[:, None], *read)


def turns(axis: int, angle: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations about a coordinate axis by angles (...) in radians."""
    matrix = np.zeros((*angle.shape, 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[..., axis, axis] = 1
    matrix[..., i, i] = matrix[..., j, j] = np.cos(angle)
    matrix[..., j, i] = np.sin(angle)
    matrix[..., i, j] = -matrix[..., j, i]
    return matrix


def arm_chain(body: Body, arm: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right arms (..., 7) -> elbow, wrist (..., 3), and the axes (..., 8, 3): one for each joint, then none but the hand's frame.

    The second value holds elbow and wrist as (..., 2, 3); the third is the hand's rotation (..., 3, 3); the first the joints' axes
    (..., 7, 3) in the world, about which a growing angle turns what follows.
    """
    flexion, abduction, rotation, elbow, supination, bend, deviation = np.moveaxis(arm, -1, 0)
    swung = turns(0, -flexion)
    out = swung @ turns(2, -abduction)
    upper = out @ turns(1, -rotation)
    fore = upper @ turns(0, -elbow)
    held = fore @ NEUTRAL @ turns(1, supination)
    bent = held @ turns(0, bend)
    hand = bent @ turns(2, -deviation)
    first = np.broadcast_to([-1.0, 0, 0], flexion.shape + (3,))
    axes = np.stack([first, -swung[..., 2], -out[..., 1], -upper[..., 0], -fore[..., 1], held[..., 0], -bent[..., 2]], -2)
    elbows = SHOULDER - body.upper_arm * upper[..., 1]
    return axes, np.stack([elbows, elbows - body.forearm * fore[..., 1]], -2), hand


def arm_points(body: Body, arm: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """(T, 24, 3) shoulder, elbow, wrist and 21 hand joints of right arms (T, 7) with hands (T, 21, 3) in the hand's frame."""
    _, joints, rotation = arm_chain(body, arm)
    shoulder = np.broadcast_to(SHOULDER, (len(joints), 1, 3))
    return np.concatenate([shoulder, joints, joints[:, 1:] + hand @ rotation.transpose(0, 2, 1)], axis=1)


def arm_angles(elbow: np.ndarray, wrist: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """(..., 7) radians of right arms with elbows and wrists (..., 3) and hands turned by ``rotation`` (..., 3, 3), as they are."""
    along = unit(elbow - SHOULDER)
    flexion, abduction = np.arctan2(along[..., 2], -along[..., 1]), np.arcsin(np.clip(-along[..., 0], -1, 1))
    out = turns(0, -flexion) @ turns(2, -abduction)
    seen = (unit(wrist - elbow)[..., None, :] @ out)[..., 0, :]               # the forearm from the upper arm that has not turned
    elbow_angle, turn = np.arccos(np.clip(-seen[..., 1], -1, 1)), np.arctan2(seen[..., 0], seen[..., 2])
    fore = out @ turns(1, turn) @ turns(0, -elbow_angle) @ NEUTRAL
    inner = np.swapaxes(fore, -1, -2) @ rotation
    supination, bend = np.arctan2(inner[..., 0, 2], inner[..., 2, 2]), np.arcsin(np.clip(-inner[..., 1, 2], -1, 1))
    deviation = -np.arctan2(inner[..., 1, 0], inner[..., 1, 1])
    return np.stack([flexion, abduction, -turn, elbow_angle, supination, bend, deviation], -1)


def put_arm(poses: np.ndarray, arm: np.ndarray, side: str) -> None:
    """Write arms (T, 24, 3) of ``side`` into poses (T, 70, 3), in place."""
    first = 2 if side == "right" else 5
    poses[:, first:first + 3] = arm[:, :3]
    poses[:, SIGNER70.groups[f"{side}_hand"]] = arm[:, 3:]


def cheapest(cost: np.ndarray, move: np.ndarray) -> np.ndarray:
    """(T,) the cheapest way through S candidates, from their costs (T, S) and those of going from one to the next (T - 1, S, S)."""
    total, came = cost[0], []
    for row, step in zip(cost[1:], move):
        ways = total[:, None] + step
        came.append(ways.argmin(0))
        total = ways.min(0) + row
    path = [total.argmin()]
    for back in reversed(came):
        path.append(back[path[-1]])
    return np.array(path[::-1])


def smooth(values: np.ndarray) -> np.ndarray:
    """(T, ...) a short zero-phase blur over time; the ends are held."""
    for _ in range(2):
        padded = np.concatenate([values[:1], values, values[-1:]])
        values = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return values
