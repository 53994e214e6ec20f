"""Where the right elbow goes for a hand that is given: a steady, comfortable path round the circle of possible elbows. [ours]"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signer_lib.prior.kinematics import ARM_LIMITS, SHOULDER, arm_angles, cheapest, cross, smooth, unit

if TYPE_CHECKING:
    from signer_lib.prior.body import Body

RELAXED = np.array([-0.30, -0.92, 0.25])              # a relaxed upper arm hangs down, a little out and forwards
OUTWARD = np.array([-0.6, 0.8, 0.2])                  # where the circle of possible elbows begins
SWIVELS = np.radians(np.arange(0, 360, 15))
PAST = np.array([60, 60, 60, 60, 5, 5, 5])            # cost of a squared radian past a limit: a hand gives way, a shoulder cannot
STEP = 3                                              # frames between those that the elbow is searched for


def reachable(body: Body, wrist: np.ndarray) -> np.ndarray:
    """(T, 3) the nearest wrist positions that the right arm can take."""
    away = wrist - SHOULDER
    far = np.linalg.norm(away, axis=-1, keepdims=True)
    result: np.ndarray = SHOULDER + unit(away) * np.clip(far, *body.reach_limits)
    return result


def elbow_circle(body: Body, wrist: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the right elbow can be for wrists (T, 3): a circle's centre (T, 3), radius (T, 1) and unit axis (T, 3)."""
    away = wrist - SHOULDER
    far = np.linalg.norm(away, axis=-1, keepdims=True)
    along = (body.upper_arm ** 2 - body.forearm ** 2 + far ** 2) / (2 * far)
    return SHOULDER + along * away / far, np.sqrt(np.maximum(body.upper_arm ** 2 - along ** 2, 0)), away / far


def _round(axis: np.ndarray, swivel: np.ndarray) -> np.ndarray:
    """(T, S, 3) unit directions across ``axis`` (T, 3) at the angles ``swivel`` (T or 1, S) from ``OUTWARD``."""
    out = unit(OUTWARD - axis * (axis @ OUTWARD)[:, None])
    result: np.ndarray = np.cos(swivel)[..., None] * out[:, None] + np.sin(swivel)[..., None] * cross(out, axis)[:, None]
    return result


def elbows(body: Body, wrist: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """(T, 3) the right elbow for reachable wrists (T, 3) and hand rotations (T, 3, 3).

    Of the circle of possible elbows, the cheapest steady path is taken: inside the joints' limits, comfortable wrist and forearm,
    upper arm near its relaxed position, outside the torso. Every third frame is searched.
    """
    keys = np.unique(np.append(np.arange(0, len(wrist), STEP), len(wrist) - 1))
    centre, radius, axis = elbow_circle(body, wrist)
    circle = _round(axis[keys], SWIVELS[None])                                                # (K, S, 3)
    places = centre[keys, None] + radius[keys, None] * circle
    cost = _discomfort(body, places, wrist[keys, None], rotation[keys, None])
    aside = 150 / STEP * (1 - circle[:-1] @ circle[1:].transpose(0, 2, 1))                    # (K - 1, S, S)
    path = cheapest(cost, aside)[:, None]                                                     # (K, 1)
    gap = np.abs(np.arange(len(SWIVELS)) - path)
    near = np.minimum(gap, len(SWIVELS) - gap) <= 2                                           # positions between the candidates
    weight = np.exp(np.minimum(3 * (np.take_along_axis(cost, path, 1) - cost), 10)) * near
    step = (np.arange(len(SWIVELS)) - path + len(SWIVELS) // 2) % len(SWIVELS) - len(SWIVELS) // 2
    swivel = SWIVELS[path[:, 0]] + SWIVELS[1] * (weight * step).sum(1) / weight.sum(1)
    swivel = smooth(np.interp(np.arange(len(wrist)), keys, np.unwrap(swivel)))
    result: np.ndarray = centre + radius * _round(axis, swivel[:, None])[:, 0]
    return result


def _discomfort(body: Body, elbow: np.ndarray, wrist: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """(K, S) what arms with elbows (K, S, 3) cost; the unit is what a joint moderately off its relaxed position costs."""
    wrist, rotation = np.broadcast_to(wrist, elbow.shape), np.broadcast_to(rotation, (*elbow.shape, 3))
    arm = arm_angles(elbow, wrist, rotation)
    past = np.maximum(np.maximum(arm - ARM_LIMITS[:, 1], ARM_LIMITS[:, 0] - arm), 0)
    twist, bend, deviation = np.degrees(np.moveaxis(arm[..., 4:], -1, 0))
    raised = np.degrees(np.arccos(np.clip((elbow - SHOULDER) @ RELAXED / body.upper_arm, -1, 1)))
    inward, above = np.maximum(elbow[..., 0] + 0.42, 0), np.maximum(elbow[..., 1] + 0.03, 0)
    behind = np.maximum(-0.25 - elbow[..., 2], 0)
    inside = np.maximum(body.trunk.depth(elbow) + 0.05, 0)

    def over(angle: np.ndarray, comfortable: float, scale: float) -> np.ndarray:
        result: np.ndarray = (np.maximum(abs(angle) - comfortable, 0) / scale) ** 2
        return result

    result: np.ndarray = (over(raised, 0, 42) + over(bend, 25, 32) + over(deviation, 14, 22) + over(twist, 80, 30)
            + (inward / 0.13) ** 2 + (above / 0.12) ** 2 + (behind / 0.15) ** 2 + (inside / 0.02) ** 2 + (past ** 2) @ PAST)
    return result
