"""From joint angles to joints: the hand, the arm that carries it, and the named places on the body. [ours]

Everything is computed for the right side; the left side is the mirror image (x -> -x). Units and axes are those of
``signer_lib.pose.sequence``. The hand's own frame: origin at the wrist, x towards the thumb, y towards the knuckles, z out of
the palm. Handshapes are (21,) degrees: [mcp, pip, dip, spread] of index, middle, ring and little finger, then
[radial, palmar, oppose, mcp, ip] of the thumb.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70
from signer_lib.pose.skeleton import FINGERS

SIGNERS = DATA / "signers"
MIRROR = np.array([-1.0, 1.0, 1.0])
# Where the metacarpals point in the hand's frame: thumb, index, middle, ring, little. The knuckles form a slight arch.
METACARPALS = np.array([[0.062, 0.085, 0.034], [0.082, 0.252, 0.004], [0.026, 0.258, -0.006], [-0.030, 0.243, 0.0],
                        [-0.082, 0.215, 0.012]])
PALM_DEPTH = 0.035                                    # from the plane of the hand's joints to the skin, either way
R_SHOULDER = np.array([-0.5, 0.0, 0.0])
SHORTEST_REACH, LONGEST_REACH = 0.34, 0.995           # shoulder widths at full elbow flexion; share of the outstretched arm
RELAXED = np.array([-0.30, -0.92, 0.25])              # a relaxed upper arm hangs down, a little out and forwards
OUTWARD = np.array([-0.6, 0.8, 0.2])                 # where the circle of possible elbows begins
BACKWARD = np.array([-0.5, 0.0, -1.0])                # where the elbow of a hanging arm points
SWIVELS = np.radians(np.arange(0, 360, 15))
TORSO = (np.array([0.0, -0.80, -0.02]), np.array([0.46, 0.98, 0.23]))          # centre and radii of simple ellipsoids
HEAD = (np.array([0.0, 0.09, -0.33]), np.array([0.26, 0.37, 0.33]))            # centre from the nose
HAND_CLEARANCE = 0.05
LARGEST_BEND = 75                                     # degrees between forearm and hand

HEAD_PLACES = {                                       # offset from the nose, and which way is out of the body
    "head-top": ((0, 0.47, -0.25), (0, 1, 0.3)), "forehead": ((0, 0.26, -0.01), (0, 0, 1)),
    "temple": ((-0.22, 0.16, -0.16), (-1, 0, 0.6)), "eye": ((-0.11, 0.09, 0.0), (0, 0, 1)), "nose": ((0, 0, 0.02), (0, 0, 1)),
    "cheek": ((-0.16, -0.05, -0.06), (-0.5, 0, 1)), "ear": ((-0.265, 0.04, -0.28), (-1, 0, 0.3)),
    "mouth": ((0, -0.15, 0.01), (0, 0, 1)), "chin": ((0, -0.26, -0.01), (0, 0, 1)),
    "under-chin": ((0, -0.29, -0.08), (0, -1, 0.6)),
}
TORSO_PLACES = {                                      # from the neck
    "neck": ((0, 0.15, 0.10), (0, 0, 1)), "shoulder-same": ((-0.40, 0.05, 0.09), (0, 0.5, 1)),
    "shoulder-other": ((0.40, 0.05, 0.09), (0, 0.5, 1)), "chest": ((0, -0.32, 0.21), (0, 0, 1)),
    "chest-same": ((-0.24, -0.32, 0.19), (0, 0, 1)), "chest-other": ((0.24, -0.32, 0.19), (0, 0, 1)),
    "stomach": ((0, -0.85, 0.22), (0, 0, 1)),
}
SPACE_PLACES = {                                      # from the neck; the palm's centre is here
    "neutral": (-0.21, -0.42, 0.55), "neutral-high": (-0.24, 0.05, 0.50), "neutral-low": (-0.20, -0.80, 0.50),
    "neutral-right": (-0.50, -0.42, 0.50), "neutral-left": (0.21, -0.45, 0.52), "shoulder-front": (-0.47, -0.05, 0.45),
}


def unit(v: np.ndarray) -> np.ndarray:
    """(..., 3) scaled to length 1."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


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


@dataclass(frozen=True)
class Body:
    """A signer's measures in shoulder widths.

    hand  (5, 4) wrist to first joint, then the phalanges, of thumb, index, middle, ring, little.
    nose  (3,) from the neck.      face (20, 3) the face points from the nose, in SIGNER70's order.
    """

    name: str
    upper_arm: float
    forearm: float
    hand: np.ndarray = field(repr=False)
    nose: np.ndarray = field(repr=False)
    face: np.ndarray = field(repr=False)

    def hand_points(self, angles: np.ndarray) -> np.ndarray:
        """Forward kinematics of the right hand: (T, 21) degrees -> (T, 21, 3) in the hand's frame, in HAND_JOINTS' order."""
        angles = np.radians(np.asarray(angles, float))
        fingers, thumb = angles[:, :16].reshape(-1, 4, 4), angles[:, 16:]
        flexion, spread = np.cumsum(fingers[..., :3], -1), fingers[..., 3:]               # (T, 4, 3), (T, 4, 1)
        bones = np.empty((len(angles), 5, 4, 3))                                          # unit direction of every bone
        bones[:, :, 0] = unit(METACARPALS)
        bones[:, 1:, 1:] = np.stack([np.sin(spread) * np.cos(flexion), np.cos(spread) * np.cos(flexion), np.sin(flexion)], -1)
        radial, palmar, oppose, mcp, ip = thumb.T
        axis = np.stack([np.cos(palmar) * np.sin(radial), np.cos(palmar) * np.cos(radial), np.sin(palmar)], -1)
        # an unopposed thumb bends across the palm (-x); opposition turns its pad towards the finger tips
        across = unit(np.array([-1.0, 0, 0]) + axis * axis[:, :1])
        bend = np.cos(oppose)[:, None] * across - np.sin(oppose)[:, None] * np.cross(axis, across)
        for k, angle in enumerate((0 * mcp, mcp, mcp + ip), start=1):
            bones[:, 0, k] = np.cos(angle)[:, None] * axis + np.sin(angle)[:, None] * bend
        points = np.cumsum(bones * self.hand[:, :, None], axis=2)
        return np.concatenate([np.zeros((len(angles), 1, 3)), points.reshape(-1, 20, 3)], axis=1)

    def reach(self, wrist: np.ndarray) -> np.ndarray:
        """(T, 3) the nearest wrist positions that the right arm can take."""
        away = wrist - R_SHOULDER
        far = np.linalg.norm(away, axis=-1, keepdims=True)
        return R_SHOULDER + unit(away) * np.clip(far, SHORTEST_REACH, LONGEST_REACH * (self.upper_arm + self.forearm))

    def elbow_circle(self, wrist: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the right elbow can be for wrists (T, 3): a circle's centre (T, 3), radius (T, 1) and unit axis (T, 3)."""
        away = wrist - R_SHOULDER
        far = np.linalg.norm(away, axis=-1, keepdims=True)
        along = (self.upper_arm ** 2 - self.forearm ** 2 + far ** 2) / (2 * far)
        return R_SHOULDER + along * away / far, np.sqrt(np.maximum(self.upper_arm ** 2 - along ** 2, 0)), away / far

    def elbow(self, wrist: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """(T, 3) the right elbow for reachable wrists (T, 3) and hand rotations (T, 3, 3).

        Analytic two-bone inverse kinematics. Of the circle of possible elbows, the cheapest steady path is taken: upper arm near
        its relaxed position, comfortable wrist, forearm twist within its range, outside the torso.
        """
        centre, radius, axis = self.elbow_circle(wrist)
        out = unit(OUTWARD - axis * (axis @ OUTWARD)[:, None])
        circle = np.cos(SWIVELS)[:, None] * out[:, None] + np.sin(SWIVELS)[:, None] * np.cross(out, axis)[:, None]   # (T, S, 3)
        elbows = centre[:, None] + radius[:, None] * circle
        forearm = unit(wrist[:, None] - elbows)
        local = forearm @ rotation                                                        # the forearm seen from the hand
        flexion = np.degrees(np.arctan2(local[..., 2], local[..., 1]))
        deviation = np.degrees(np.arcsin(np.clip(local[..., 0], -1, 1)))
        up = R_SHOULDER - elbows
        thumb_side = unit(up - forearm * (up * forearm).sum(-1, keepdims=True))           # where an untwisted thumb would be
        thumb = rotation[:, None, :, 0]
        twist = np.degrees(np.arctan2((np.cross(thumb_side, thumb) * forearm).sum(-1), (thumb_side * thumb).sum(-1)))
        raised = np.degrees(np.arccos(np.clip(-up @ RELAXED / self.upper_arm, -1, 1)))
        inward = np.maximum(elbows[..., 0] + 0.42, 0)
        above = np.maximum(elbows[..., 1] + 0.03, 0)
        behind = np.maximum(-0.25 - elbows[..., 2], 0)
        inside = np.maximum(1 - (((elbows - TORSO[0]) / (TORSO[1] + 0.05)) ** 2).sum(-1), 0)
        over = lambda angle, comfortable, scale: (np.maximum(abs(angle) - comfortable, 0) / scale) ** 2
        cost = (over(raised, 0, 42) + over(flexion, 25, 32) + over(deviation, 14, 22) + over(twist, 80, 30)
                + (inward / 0.13) ** 2 + (above / 0.12) ** 2 + (behind / 0.15) ** 2 + 20 * inside)
        path = steady_path(cost, circle)[:, None]                                                 # (T, 1)
        gap = np.abs(np.arange(len(SWIVELS)) - path)
        near = np.minimum(gap, len(SWIVELS) - gap) <= 2                                   # positions between the candidates
        weight = (np.exp(np.minimum(3 * (np.take_along_axis(cost, path, 1) - cost), 10)) * near)[..., None]
        rough = smooth(smooth((weight * circle).sum(1) / weight.sum(1)))
        return centre + radius * unit(rough - axis * (rough * axis).sum(-1, keepdims=True))

    def wrist_relief(self, wrist: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """(T, 3, 3) the least turn of the hand that brings its bend against the forearm back to what a wrist can do."""
        wrist = self.reach(wrist)
        forearm, hand = unit(wrist - self.elbow(wrist, rotation)), rotation[:, :, 1]
        bend = np.arccos(np.clip((forearm * hand).sum(-1, keepdims=True), -1, 1))
        excess = np.maximum(bend - np.radians(LARGEST_BEND), 0)
        return Rotation.from_rotvec(smooth(excess * unit(np.cross(hand, forearm)))).as_matrix()

    def place(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A named place: its point (3,) and the unit direction out of the body there (zero in free space)."""
        if name in SPACE_PLACES:
            return np.array(SPACE_PLACES[name], float), np.zeros(3)
        offset, out = HEAD_PLACES[name] if name in HEAD_PLACES else TORSO_PLACES[name]
        return np.array(offset, float) + (self.nose if name in HEAD_PLACES else 0), unit(np.array(out, float))

    def clear(self, points: np.ndarray) -> np.ndarray:
        """(T, 3) how far to move hands (T, n, 3) so that no point is inside the torso (forwards) or the head (outwards)."""
        centre, radii = TORSO
        flat = (((points - centre) / (radii + HAND_CLEARANCE))[..., :2] ** 2).sum(-1)
        surface = centre[2] + (radii[2] + HAND_CLEARANCE) * np.sqrt(np.maximum(1 - flat, 0))
        depth = np.where(flat < 1, np.maximum(surface - points[..., 2], 0), 0)
        move = depth.max(-1)[:, None] * np.array([0, 0, 1.0])
        for _ in range(3):                                 # each pass frees the deepest point; three free a whole hand
            away = points + move[:, None] - (self.nose + HEAD[0])
            q = np.sqrt(((away / (HEAD[1] + HAND_CLEARANCE)) ** 2).sum(-1))
            push = away * np.maximum(1 / np.maximum(q, 0.3) - 1, 0)[..., None]
            push[..., 2] = np.abs(push[..., 2])            # never out through the back of the head
            deepest = np.linalg.norm(push, axis=-1).argmax(-1)
            move = move + push[np.arange(len(points)), deepest]
        return move

    def rest(self) -> np.ndarray:
        """(70, 3) standing, arms hanging relaxed at the sides, hands low in front of the thighs."""
        pose = np.zeros((len(SIGNER70), 3))
        pose[0] = self.nose
        pose[SIGNER70.groups["face"]] = self.nose + self.face
        relaxed = np.array([[20, 30, 18, 3], [25, 35, 20, 0], [30, 38, 22, -2], [34, 40, 24, -5]], float)
        angles = np.concatenate([relaxed.ravel(), [28, 22, 25, 14, 12]])[None]
        rotation = hand_frame(np.array([1, 0, -0.35]), np.array([0.06, -1, 0.2]))[None]
        wrist = np.array([[-0.48, -1.4, 0.18]])
        right = self.right_arm(wrist, rotation, self.hand_points(angles))
        centre, radius, axis = self.elbow_circle(wrist)       # signing keeps the elbow outwards; a hanging arm bends backwards
        right[:, 1] = centre + radius * unit(BACKWARD - axis * (axis @ BACKWARD)[:, None])
        put_arm(pose[None], right, "right")
        put_arm(pose[None], right * MIRROR, "left")
        return pose

    def right_arm(self, wrist: np.ndarray, rotation: np.ndarray, hand: np.ndarray) -> np.ndarray:
        """(T, 24, 3) shoulder, elbow, wrist and the 21 hand joints from wrists (T, 3), rotations (T, 3, 3), hands (T, 21, 3)."""
        wrist = self.reach(wrist)
        shoulder = np.broadcast_to(R_SHOULDER, wrist.shape)
        body = np.stack([shoulder, self.elbow(wrist, rotation), wrist], axis=1)
        return np.concatenate([body, wrist[:, None] + hand @ rotation.transpose(0, 2, 1)], axis=1)


def put_arm(poses: np.ndarray, arm: np.ndarray, side: str) -> None:
    """Write arms (T, 24, 3) of ``side`` into poses (T, 70, 3), in place."""
    first = 2 if side == "right" else 5
    poses[:, first:first + 3] = arm[:, :3]
    poses[:, SIGNER70.groups[f"{side}_hand"]] = arm[:, 3:]


def steady_path(cost: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(T,) the cheapest way through candidates, from their costs (T, S) and unit vectors (T, S, 3), when moving costs too."""
    aside = 150 * (1 - points[:-1] @ points[1:].transpose(0, 2, 1))                        # (T - 1, S, S)
    total, came = cost[0], []
    for row, move in zip(cost[1:], aside):
        ways = total[:, None] + move
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


def load_body(path: Path = SIGNERS / "default.yaml") -> Body:
    """A signer's measures from YAML. Raises ``SignerError`` if the file is missing or lacks a measure."""
    try:
        spec = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        face, mirror = spec["face"], MIRROR
        brow, eye, corner = (np.array(face[k], float) for k in ("brow", "eye", "lip_corner"))
        lid = np.array([0, face["lid_gap"] / 2, 0])
        lips = np.array(face["lip_middle"]) + np.array([0, face["lip_gap"], 0]) * np.array([1.6, 0.3, -0.3, -1.6])[:, None]
        points = [brow * mirror, brow, [(eye + lid) * mirror, (eye - lid) * mirror, eye + lid, eye - lid],
                  [corner * mirror, corner], lips]
        return Body(spec["name"], float(spec["upper_arm"]), float(spec["forearm"]),
                    np.array([spec["hand"][finger] for finger in FINGERS], float), np.array(spec["neck_to_nose"], float),
                    np.concatenate([np.asarray(p, float) for p in points]))
    except OSError:
        raise SignerError(f"no signer file at {path}: give the path of a YAML file such as data/signers/default.yaml") from None
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error).split("\n")[0]
        raise SignerError(f"{path} does not describe a signer ({reason}): compare it with data/signers/default.yaml") from None
