"""A signer's body: bone lengths, named places on it, and the ellipsoids that its hands stay out of. [ours]

Units and axes are those of ``signer_lib.pose.sequence``; points are from the neck, the middle between the shoulder joints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.parsing import from_yaml
from signer_lib.pose import SIGNER70
from signer_lib.pose.skeleton import FINGERS
from signer_lib.prior import elbows, kinematics
from signer_lib.prior.kinematics import JOINT_LIMITS, MIRROR
from signer_lib.prior.shapes import Ellipsoids

SIGNERS = DATA / "signers"
HEAD_PLACES = ("head-top", "forehead", "temple", "eye", "nose", "cheek", "ear", "mouth", "upper-lip", "chin", "under-chin",
               "head-away")
TORSO_PLACES = ("neck", "shoulder-same", "shoulder-other", "clavicle", "chest", "chest-same", "chest-other", "stomach", "waist",
                "hip-same", "hip-other", "body-away")
SPACE_PLACES = ("neutral", "neutral-high", "neutral-low", "neutral-right", "neutral-left", "shoulder-front")
ARM_PLACES = ("arm-other", "elbow-other", "elbow-back-other", "forearm-front-other", "forearm-back-other", "forearm-ulnar-other",
              "forearm-radial-other", "wrist-other", "wrist-front-other", "wrist-back-other")
BASE_PLACES = ("base-palm", "base-back", "base-heel", "base-fingertips", "base-finger-front", "base-finger-back",
               "base-thumb-side", "base-little-side", "base-wrist", "base-away")
STRAIGHT = 0.995                                 # share of the outstretched arm's length that a wrist may be away
CLEARANCE = 0.03                                 # from a hand's joints to the skin, at least
PASSES = 6
# shoulder flexion, abduction, outward rotation, elbow, supination, wrist flexion, wrist deviation of a hanging arm
HANGING = np.array([-2.0, 7, -34, 20, -8, 4, -2])
RELAXED_HAND = np.array([20, 30, 18, 3, 25, 35, 20, 0, 30, 38, 22, -2, 34, 40, 24, -5, 28, 22, 25, 14, 12], float)


@dataclass(frozen=True)
class Body:
    """A signer's measures in shoulder widths.

    hand   (5, 4) wrist to first joint, then the phalanges, of thumb, index, middle, ring, little.
    nose   (3,) from the neck.      face (20, 3) the face points from the nose, in SIGNER70's order.
    places name -> (2, 3) a point of the skin and the unit direction out of the body; a place in free space has no direction.
    torso, head (K, 2, 3) centres and radii of ellipsoids that together hold the trunk, and the head.
    """

    name: str
    upper_arm: float
    forearm: float
    hand: np.ndarray = field(repr=False)
    nose: np.ndarray = field(repr=False)
    face: np.ndarray = field(repr=False)
    places: dict[str, np.ndarray] = field(repr=False)
    torso: np.ndarray = field(repr=False)
    head: np.ndarray = field(repr=False)

    def hand_points(self, angles: np.ndarray) -> np.ndarray:
        """Forward kinematics of the right hand: (T, 21) degrees -> (T, 21, 3) in the hand's frame, in HAND_JOINTS' order."""
        return kinematics.hand_points(self.hand, angles)

    def place(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A named place: its point (3,) and the unit direction out of the body there (zero in free space)."""
        return self.places[name][0], self.places[name][1]

    @cached_property
    def trunk(self) -> Ellipsoids:
        """The torso's solid."""
        return Ellipsoids(self.torso)

    @cached_property
    def shapes(self) -> Ellipsoids:
        """The solid of torso and head."""
        return Ellipsoids(np.concatenate([self.torso, self.head]))

    def touchable(self, name: str) -> np.ndarray:
        """(3,) where a finger that touches the place is: the ellipsoids stand out from the skin a little."""
        point, out = self.place(name)
        way = point + np.linspace(0, 0.2, 101)[:, None] * out
        inside = self.shapes.depth(way) > 0
        result: np.ndarray = way[min(np.flatnonzero(inside).max(initial=-1) + 1, 100)]
        return result

    @cached_property
    def reach_limits(self) -> tuple[float, float]:
        """How far from the shoulder a wrist can be: with the elbow bent as far as it goes, and outstretched."""
        bent = np.radians(180 - JOINT_LIMITS["elbow"]["flexion"][1])
        near = np.sqrt(self.upper_arm ** 2 + self.forearm ** 2 - 2 * self.upper_arm * self.forearm * np.cos(bent))
        return float(near) * 1.001, STRAIGHT * (self.upper_arm + self.forearm)

    def clear(self, points: np.ndarray) -> np.ndarray:
        """(T, 3) how far to move hands (T, n, 3) so that no point is nearer than ``CLEARANCE`` to torso or head."""
        move = np.zeros((len(points), 3))
        for _ in range(PASSES):                              # each pass frees the deepest point
            depth, way = self.shapes.way_out(points + move[:, None])
            deepest = (np.arange(len(points)), depth.argmax(-1))
            move = move + np.maximum(depth[deepest] + CLEARANCE, 0)[:, None] * way[deepest]
        return move

    def right_arm(self, wrist: np.ndarray, rotation: np.ndarray, hand: np.ndarray) -> np.ndarray:
        """(T, 24, 3) shoulder, elbow, wrist and the 21 hand joints from wrists (T, 3), rotations (T, 3, 3), hands (T, 21, 3).

        Wrists out of reach are brought into it. Joint limits decide where the elbow is; a hand past them stays as it is given.
        """
        wrist = elbows.reachable(self, wrist)
        elbow = elbows.elbows(self, wrist, rotation)
        return np.concatenate([np.stack([np.broadcast_to(kinematics.SHOULDER, wrist.shape), elbow, wrist], 1),
                               wrist[:, None] + hand @ rotation.transpose(0, 2, 1)], axis=1)

    def elbow_circle(self, wrist: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the right elbow can be for wrists (T, 3): a circle's centre (T, 3), radius (T, 1) and unit axis (T, 3)."""
        return elbows.elbow_circle(self, wrist)

    def rest(self) -> np.ndarray:
        """(70, 3) standing, arms hanging relaxed at the sides."""
        pose = np.zeros((len(SIGNER70), 3))
        pose[0] = self.nose
        pose[SIGNER70.groups["face"]] = self.nose + self.face
        right = kinematics.arm_points(self, np.radians(HANGING)[None], self.hand_points(RELAXED_HAND[None]))
        kinematics.put_arm(pose[None], right, "right")
        kinematics.put_arm(pose[None], right * MIRROR, "left")
        return pose


def load_body(path: Path = SIGNERS / "default.yaml") -> Body:
    """A signer's measures from YAML. Raises ``SignerError`` if the file is missing or lacks a measure."""

    def array(values: object) -> np.ndarray:
        return np.array(values, float)

    try:
        spec = from_yaml(Path(path).read_bytes())
        face, shapes = spec["face"], spec["shapes"]
        brow, lids, corner, lips = (array(face[part]).reshape(-1, 3) for part in ("brow", "lids", "lip_corner", "lips"))
        points = np.concatenate([brow * MIRROR, brow, lids * MIRROR, lids, corner * MIRROR, corner, lips])
        known = {name: array(spec["places"][name]) for name in (*HEAD_PLACES, *TORSO_PLACES, *SPACE_PLACES)}
        body = Body(spec["name"], float(spec["upper_arm"]), float(spec["forearm"]),
                    array([spec["hand"][finger] for finger in FINGERS]), array(spec["neck_to_nose"]), points, known,
                    array(shapes["torso"]).reshape(-1, 2, 3), array(shapes["head"]).reshape(-1, 2, 3))
        if points.shape != (20, 3) or body.hand.shape != (5, 4) or {place.shape for place in known.values()} != {(2, 3)}:
            raise ValueError("a list of other length")
        lists = body.hand, body.nose, points, *known.values(), body.torso, body.head
        measures = np.concatenate([[body.upper_arm, body.forearm], *(x.ravel() for x in lists)])
        if not isinstance(body.name, str) or body.nose.shape != (3,) or not np.isfinite(measures).all():
            raise ValueError("a name that is no text, or a measure that is no number")
        return body
    except OSError:
        raise SignerError(f"no signer file at {path}: give the path of a YAML file such as data/signers/default.yaml") from None
    except (KeyError, TypeError, ValueError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error).split("\n")[0]
        raise SignerError(f"{path} does not describe a signer ({reason}): compare it with data/signers/default.yaml") from None
