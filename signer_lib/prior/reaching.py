"""Inverse kinematics of the right arm: hands that reach their place inside joint limits and in nothing else. [ours]

Joint angles are searched directly, so that bones keep their lengths and joints their limits whatever comes out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solveh_banded
from scipy.spatial.transform import Rotation

from signer_lib.prior.elbows import elbows, reachable
from signer_lib.prior.kinematics import ARM_LIMITS, arm_angles, arm_chain, cross
from signer_lib.prior.obstacles import ALONG_FOREARM, Aim, Obstacles, in_front

if TYPE_CHECKING:
    from signer_lib.prior.body import Body

LIMITS = np.maximum(ARM_LIMITS, np.radians([-360, -360, -360, 5, -360, -360, -360])[:, None])   # a straight elbow has no plane to turn in
ATTEMPTS, LITTLE = 3, 0.2                             # to find the elbow of a hand that is past its limits by more than so many radians
ROUNDS, LONGEST_STEP, SETTLED = 15, 0.4, 0.01         # of a descent; its largest step in radians; a share gained too small to go on
# One unit of each residual: shoulder widths that a touching part, or any other, is off its place; depth of a hand's joint and of a
# forearm, whose soft parts give way, in an obstacle; radians (sine) that the hand is turned from what is asked; radians of a joint from
# the mean of its neighbours in time, and (7,) from where the descent started.
TOUCH, HOLD, OBSTACLE, FOREARM_OBSTACLE, TURN, STEADY = 0.008, 0.05, 0.008, 0.03, 0.4, 0.15
STAY = np.array([0.6, 0.6, 0.6, 0.8, 1.5, 1.5, 1.5])
FIRMNESS = (1, 4, 16)                                 # how much more obstacles count if a hand is still in one
SLACK = 0.03                                          # and what a touching part may then be off its place
CLEAR = -1e-3                                         # how deep a hand may be in an obstacle: not at all
NEAR = 0.05                                           # a gap on average that is no touch
TRIED, OTHER_TURNS = 4, Rotation.from_euler("YX", [[y, x] for y in range(-120, 240, 60) for x in (-50, 0, 50) if y or x], True).as_matrix()


def reach(body: Body, aim: Aim) -> np.ndarray:
    """(T, 7) radians of the right arm. Every joint is inside its limits; turn gives way before place, place before obstacles."""
    starts, asked = _starts(body, aim, aim.rotation)
    if len(starts) == 1 and abs(starts[0].arm - asked).max() < 1e-6 and starts[0].now.free():
        return asked
    best = _first_good(starts)
    if not best.good():                                   # there are other ways to turn the hand towards its place
        others = [start for turn in OTHER_TURNS for start in _starts(body, aim, aim.rotation @ turn)[0][-1:]]
        best = _first_good(sorted(others, key=lambda start: start.cost)[:TRIED], best)
    if best.now.inside() > CLEAR:
        best = refine(_Descent(body, replace(aim, touching=False), best.arm, FIRMNESS[-1]))
    return best.arm


def _starts(body: Body, aim: Aim, rotation: np.ndarray) -> tuple[list[_Descent], np.ndarray]:
    """Where to start from for a hand that is turned by ``rotation`` (T, 3, 3), the best first, and the last angles asked for."""
    starts = []
    for _ in range(ATTEMPTS):
        wrist = reachable(body, in_front(body, aim.point - (rotation @ aim.local[..., None])[..., 0]))
        asked = np.unwrap(arm_angles(elbows(body, wrist, rotation), wrist, rotation), axis=0)
        asked -= 2 * np.pi * np.round((asked.mean(0) - LIMITS.mean(1)) / (2 * np.pi))
        starts.append(_Descent(body, aim, np.clip(asked, *LIMITS.T)))
        if abs(starts[-1].arm - asked).max() < LITTLE:
            break
        rotation = starts[-1].now.rotation                # a hand that cannot turn that far is elsewhere, and so is its elbow
    return sorted(starts, key=lambda start: start.cost), asked


def _first_good(starts: list[_Descent], best: _Descent | None = None) -> _Descent:
    """The first descent that ends well, or the best of all and of ``best``."""
    for start in starts:
        done = refine(start)
        best = done if best is None else min(best, done, key=lambda descent: (descent.now.inside() > CLEAR, descent.gap()))
        if best.good():
            break
    assert best is not None                               # there is always a start
    return best


def refine(descent: _Descent) -> _Descent:
    """The descent run to its end. While a joint of the hand is inside something, it goes on, and lets the place give way."""
    for firmness in FIRMNESS:
        if firmness > 1:
            descent = _Descent(descent.body, descent.aim, descent.start, firmness, descent.arm)
        descent.run()
        if descent.now.inside() <= CLEAR:
            break
    return descent


def avoid(body: Body, arm: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """(T, 7) radians near ``arm`` whose hands (T, 21, 3) are not in the body: ``arm`` itself if that is so already."""
    _, joints, rotation = arm_chain(body, arm)
    aim = Aim(joints[:, 1], np.zeros((len(arm), 3)), rotation, hand)
    return arm if Obstacles(body, aim, arm).inside() <= CLEAR else refine(_Descent(body, aim, arm)).arm


class _Descent:
    """Damped Gauss-Newton steps of all frames at once, clipped to the joints' limits. Obstacles count ``firmness`` times."""

    def __init__(self, body: Body, aim: Aim, start: np.ndarray, firmness: float = 1, arm: np.ndarray | None = None):
        self.body, self.aim, self.start, self.arm = body, aim, start, start if arm is None else arm
        place = min(TOUCH * firmness, SLACK) if aim.touching else HOLD * np.sqrt(firmness)
        self.scale = np.concatenate([np.full(3, 1 / place), np.full(3, 1 / TURN), np.full(21, firmness / OBSTACLE),
                                     np.full(len(ALONG_FOREARM), 1 / FOREARM_OBSTACLE)])
        self.bend = np.diff(np.eye(len(start)), n=2, axis=0) / STEADY            # (T - 2, T)
        self.now, self.residuals, self.cost = self.weigh(self.arm)

    def weigh(self, arm: np.ndarray) -> tuple[Obstacles, np.ndarray, float]:
        """Arms (T, 7) among the obstacles, their residuals (T, 6 + P) and their cost."""
        now, aim = Obstacles(self.body, self.aim, arm), self.aim
        turned = 0.5 * cross(aim.rotation.swapaxes(1, 2), now.rotation.swapaxes(1, 2)).sum(1)   # (T, 3) axis times sine
        r = self.scale * np.concatenate([now.held - aim.point, turned, np.maximum(now.depth, 0)], axis=1)
        wrong_way = np.maximum(1 - np.einsum("tij,tij->t", aim.rotation, now.rotation), 0).sum() / TURN ** 2    # the sine is blind to it
        return now, r, (r ** 2).sum() + wrong_way + ((self.bend @ arm) ** 2).sum() + (((arm - self.start) / STAY) ** 2).sum()

    def gap(self) -> float:
        """How far a touching part is from its place, on average."""
        return float(np.linalg.norm(self.now.held - self.aim.point, axis=-1).mean()) if self.aim.touching else 0.0

    def good(self) -> bool:
        """Whether the hand is where it should be and in nothing else."""
        return self.now.inside() <= CLEAR and self.gap() < NEAR

    def run(self) -> None:
        """Take steps until they gain too little."""
        steady, damping = self.bend.T @ self.bend, 1.0
        for _ in range(ROUNDS):
            now, arm, r = self.now, self.arm, self.residuals
            J = np.concatenate([now.moves(now.held[:, None])[:, 0], np.swapaxes(now.axes, 1, 2), now.pushes()], axis=1)
            J = self.scale[:, None] * J                                                       # (T, 6 + P, 7)
            gradient = (r[:, None] @ J)[:, 0] + (arm - self.start) / STAY ** 2 + steady @ arm
            normal = np.swapaxes(J, 1, 2) @ J + (damping + 1 / STAY ** 2) * np.eye(7)
            free = ~((arm <= LIMITS[:, 0]) & (gradient > 0) | (arm >= LIMITS[:, 1]) & (gradient < 0))
            step = _solve(normal, steady, gradient, free)
            step *= min(1, LONGEST_STEP / max(abs(step).max(), 1e-9))
            tried = np.clip(arm - step, *LIMITS.T)
            then, residuals, cost = self.weigh(tried)
            if cost >= self.cost:
                damping *= 8
                continue
            gain, damping = 1 - cost / self.cost, damping / 4
            self.now, self.arm, self.residuals, self.cost = then, tried, residuals, cost
            if gain < SETTLED:
                break


def _solve(blocks: np.ndarray, between: np.ndarray, right: np.ndarray, free: np.ndarray) -> np.ndarray:
    """(T, 7) the step that a band matrix gives: ``blocks`` (T, 7, 7) within frames, ``between`` (T, T) for each joint; 0 where not free."""
    frames, joints = right.shape
    band = np.zeros((2 * joints + 1, frames, joints))                           # [below the diagonal, column]
    within = np.where(free[:, :, None] & free[:, None], blocks, 0)
    for below in range(joints):
        band[below, :, :joints - below] = np.diagonal(within, -below, 1, 2)
    for apart in range(min(3, frames)):
        both = free[apart:] & free[:frames - apart]
        band[apart * joints, :frames - apart] += np.diagonal(between, -apart)[:, None] * both
    band[0] += ~free
    flat = solveh_banded(band.reshape(2 * joints + 1, -1), (right * free).ravel(), lower=True, overwrite_ab=True, check_finite=False)
    result: np.ndarray = flat.reshape(frames, joints)
    return result
