"""What a right arm is to do, and what it must stay out of: the body, the other arm, the other side. [ours]"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signer_lib.prior.kinematics import SHOULDER, arm_chain, cross, unit

if TYPE_CHECKING:
    from signer_lib.prior.body import Body

ASIDE = np.array([-0.5, 0, 1.0])                      # where there is room for a right hand
# From the skin, at least: the forearm's bone, a wrist where the search for the elbow begins, a hand's joints, those of one that touches
FOREARM_CLEARANCE, WRIST_CLEARANCE, HAND_CLEARANCE, TOUCH_CLEARANCE = 0.05, 0.04, 0.03, 0.005
ALONG_FOREARM = np.array([0, 0.45, 0.8])              # where the forearm is kept out of obstacles
ASIDE_OF_MIDLINE, MEETING = 0.008, 0.015              # how far mirrored hands keep from the midline; fingers that meet come over it


@dataclass(frozen=True)
class Aim:
    """What a right hand is to do in T frames, and what it must stay out of.

    point (T, 3) where the hand's part ``local`` (T, 3), in its own frame, is held.     rotation (T, 3, 3) how the hand is to be turned.
    hand (T, 21, 3) its joints in its own frame.         touching: whether the part must be there, or only near.
    apart: whether the hand keeps to its own side.       balls (T, B, 4) centres and radii of the other arm's parts.
    """

    point: np.ndarray
    local: np.ndarray
    rotation: np.ndarray
    hand: np.ndarray
    touching: bool = False
    apart: bool = False
    balls: np.ndarray | None = None


def in_front(body: Body, wrist: np.ndarray) -> np.ndarray:
    """(T, 3) wrists that would be in the body or too near to it, moved out forwards."""
    for _ in range(3):
        inside, way = body.shapes.way_out(wrist)
        wrist = wrist + np.maximum(inside + WRIST_CLEARANCE, 0)[:, None] * unit(way * [1, 0.5, 0] + [0, 0, 1])
    return wrist


def along_surface(body: Body, points: np.ndarray, out: np.ndarray) -> np.ndarray:
    """(T, 3) a path that would lead into the body, brought out along ``out`` (T, 3), or the nearest way where that is 0."""
    for _ in range(4):
        inside, way = body.shapes.way_out(points)
        points = points + np.maximum(inside, 0)[:, None] * unit(way * 0.2 + out)
    return points


class Obstacles:
    """Arms (T, 7) among what they must stay out of: ``depth`` (T, P) of hand and forearm points, positive inside a clearance."""

    def __init__(self, body: Body, aim: Aim, arm: np.ndarray):
        self.axes, joints, self.rotation = arm_chain(body, arm)
        elbow, wrist = joints[:, :1], joints[:, 1:]
        self.origins = np.concatenate([np.broadcast_to(SHOULDER, (len(arm), 3, 3)), elbow, np.repeat(wrist, 3, 1)], 1)
        self.held = wrist[:, 0] + (self.rotation @ aim.local[..., None])[..., 0]
        hand = wrist + aim.hand @ np.swapaxes(self.rotation, 1, 2)
        self.points = np.concatenate([hand, elbow + ALONG_FOREARM[:, None] * (wrist - elbow)], 1)
        own = TOUCH_CLEARANCE if aim.touching else HAND_CLEARANCE
        self.clearance = np.full(self.points.shape[1], own)
        self.clearance[21:] = FOREARM_CLEARANCE
        self.depth, self.out = body.shapes.way_out(self.points)
        # the nearest way out of one ellipsoid may lead deeper into the next: what is inside comes out to the right and forwards
        self.out = unit(self.out + np.clip(self.depth / 0.02, 0, 1)[..., None] * ASIDE)
        self.depth = self.depth + self.clearance
        if aim.apart:
            self._take(self.points[:, :21, 0] - (MEETING if aim.touching else -ASIDE_OF_MIDLINE), np.array([-1.0, 0, 0]))
        if aim.balls is not None:
            centres, radii = aim.balls[..., :3], aim.balls[:, None, :, 3]
            far = ((hand ** 2).sum(-1)[..., None] - 2 * hand @ np.swapaxes(centres, 1, 2) + (centres ** 2).sum(-1)[:, None])
            inside = radii - np.sqrt(np.maximum(far, 0))                                      # (T, 21, B)
            nearest = inside.argmax(-1)
            self._take(np.take_along_axis(inside, nearest[..., None], -1)[..., 0],
                       unit(hand - np.take_along_axis(centres, nearest[..., None], 1)))

    def _take(self, depth: np.ndarray, out: np.ndarray) -> None:
        """Where another obstacle is deeper for the hand's points (T, 21), it counts."""
        deeper = depth > self.depth[:, :21]
        self.out[:, :21] = np.where(deeper[..., None], out, self.out[:, :21])
        self.depth[:, :21] = np.where(deeper, depth, self.depth[:, :21])

    def free(self) -> bool:
        """Whether every clearance is kept."""
        return bool((self.depth <= 1e-4).all())

    def inside(self) -> float:
        """How deep the deepest joint of the hand is in something, its clearance apart."""
        return float((self.depth[:, :21] - self.clearance[:21]).max())

    def moves(self, points: np.ndarray) -> np.ndarray:
        """(T, n, 3, 7) how hand points (T, n, 3) move with the joints."""
        return np.swapaxes(cross(self.axes[:, None], points[:, :, None] - self.origins[:, None]), -1, -2)

    def pushes(self) -> np.ndarray:
        """(T, P, 7) how the depth of points that are too deep grows with the joints: -out . (axis x (point - origin))."""
        out = self.out * (self.depth > 0)[..., None]
        turn = np.swapaxes(self.axes @ np.swapaxes(cross(self.points, out), 1, 2)
                           - cross(self.axes, self.origins) @ np.swapaxes(out, 1, 2), 1, 2)
        turn[:, 21:, 4:] = 0                                  # the forearm does not follow the wrist
        result: np.ndarray = -turn
        return result
