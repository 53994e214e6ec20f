"""The parts of a hand that touch, and the places on the other arm that are touched. [ours]"""

from __future__ import annotations

import numpy as np

from signer_lib.prior.kinematics import PALM_DEPTH, unit

FINGER_TIPS, PALM_JOINTS, KNUCKLES = [8, 12, 16, 20], [0, 5, 9, 17], [5, 9, 13, 17]
CONTACT_TIPS = {"thumb-tip": 4, "index-tip": 8, "middle-tip": 12, "little-tip": 20}
TIPS = ("fingertips", *CONTACT_TIPS)
ARM_DEPTH, WRIST_DEPTH = 0.07, 0.05              # from the bone to the skin of the forearm and of the wrist
FINGER_DEPTH = 0.025                             # what other hands keep from the joints of a hand
UP, FRONT = np.eye(3)[1:]


def hand_part(hand: np.ndarray, contact: str | None) -> np.ndarray:
    """(T, 3) the part of the hand (T, 21, 3), in its own frame, that is held at the place; the palm's centre if nothing touches."""
    palm = hand[:, PALM_JOINTS].mean(1)
    thick = np.array([0, 0, PALM_DEPTH])
    if contact in CONTACT_TIPS:
        return hand[:, CONTACT_TIPS[contact]]
    if contact == "fingertips":                          # of the fingers that stick out
        weight = stuck_out(hand)[..., None]
        tips: np.ndarray = (hand[:, FINGER_TIPS] * weight).sum(1) / weight.sum(1)
        return tips
    if contact == "knuckles":                            # a hooked finger's, or the whole fist's
        back = hand[:, [6, 10, 14, 18]]
        weight = np.exp(12 * (back[..., 1:2] - back[..., 1:2].max(1, keepdims=True)))
        knuckles: np.ndarray = (back * weight).sum(1) / weight.sum(1)
        return knuckles
    parts = {None: palm, "palm": palm + thick, "back": palm - thick, "heel": thick + np.array([0, 0.05, 0]),
             "wrist": np.zeros(3), "thumb-side": hand[:, 5] + np.array([PALM_DEPTH, 0, 0]),
             "little-side": (hand[:, 0] + 2 * hand[:, 17]) / 3 - np.array([PALM_DEPTH, 0, 0])}
    return np.broadcast_to(parts[contact], palm.shape)


def stuck_out(hand: np.ndarray) -> np.ndarray:
    """(T, 4) which fingers of hands (T, 21, 3) stick out; all of them if none does."""
    out = np.linalg.norm(hand[:, FINGER_TIPS] - hand[:, KNUCKLES], axis=-1) > 0.14
    return np.where(out.any(1, keepdims=True), out, True)


def arm_place(name: str, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (T, 3) and directions out of the skin (T, 3) of a place on left arms (T, 24, 3)."""
    shoulder, elbow, wrist, hand = left[:, 0], left[:, 1], left[:, 2], left[:, 3:]
    normal = unit(np.cross(hand[:, 17] - hand[:, 0], hand[:, 5] - hand[:, 0]))     # out of a left hand's palm
    side, palm = unit(hand[:, 5] - hand[:, 17]), hand[:, PALM_JOINTS].mean(1)
    if name == "arm-other":
        return shoulder + 0.5 * (elbow - shoulder) + np.array([0.03, 0, 0.12]), np.broadcast_to(FRONT, wrist.shape)
    if name == "elbow-other":
        top = unit(UP + 0.5 * FRONT)                     # of the forearm, beside the crook
        return elbow + 0.4 * (wrist - elbow) + ARM_DEPTH * top, np.broadcast_to(top, wrist.shape)
    if name == "elbow-back-other":
        point = unit(2 * elbow - shoulder - wrist)
        return elbow + WRIST_DEPTH * point, point
    if name.startswith("forearm-"):
        along = unit(wrist - elbow)
        way = {"front": normal, "back": -normal, "radial": side, "ulnar": -side}[name.split("-")[1]]
        way = unit(way - along * (way * along).sum(-1, keepdims=True))
        return elbow + 0.6 * (wrist - elbow) + ARM_DEPTH * way, way
    upper = np.sign((normal * (UP + 0.5 * FRONT)).sum(-1, keepdims=True) + 1e-9) * normal      # the side that lies above
    if name in ("wrist-other", "base-wrist", "wrist-front-other", "wrist-back-other"):
        facing = {"wrist-front-other": normal, "wrist-back-other": -normal}.get(name, upper)
        return wrist + WRIST_DEPTH * facing, facing
    if name == "base-away":
        return palm + 0.22 * upper, 0 * upper
    if name == "base-fingertips":
        reach = hand[:, [4, *FINGER_TIPS]]               # the longest finger and its equals, or the only one stuck out
        far = np.linalg.norm(reach - wrist[:, None], axis=-1)
        longest = (far > far.max(1, keepdims=True) - 0.04)[..., None]
        tip = (reach * longest).sum(1) / longest.sum(1)
        return tip, unit(tip - wrist)
    if name in ("base-finger-front", "base-finger-back"):
        weight = stuck_out(hand)[..., None]
        middle = ((hand[:, [6, 10, 14, 18]] + hand[:, FINGER_TIPS]) / 2 * weight).sum(1) / weight.sum(1)
        way = normal if name.endswith("front") else -normal
        return middle + FINGER_DEPTH * way, way
    if name == "base-thumb-side":
        return hand[:, 5] + PALM_DEPTH * side, side
    if name == "base-little-side":
        return (hand[:, 0] + 2 * hand[:, 17]) / 3 - PALM_DEPTH * side, -side
    if name == "base-heel":
        return wrist + 0.25 * (palm - wrist) + PALM_DEPTH * normal, normal
    way = normal if name == "base-palm" else -normal
    return palm + PALM_DEPTH * way, way


def balls(arm: np.ndarray) -> np.ndarray:
    """(T, B, 4) centres and radii of balls that stand for the hand and the forearm of an arm (T, 24, 3)."""
    elbow, wrist, hand = arm[:, 1:2], arm[:, 2:3], arm[:, 3:]
    palm = wrist + 0.5 * (hand[:, KNUCKLES] - wrist)
    forearm = elbow + np.array([0.35, 0.55, 0.75])[:, None] * (wrist - elbow)
    centres = np.concatenate([hand, palm, forearm], axis=1)
    radii = np.full(centres.shape[1], FINGER_DEPTH)
    radii[-3:] = ARM_DEPTH
    return np.concatenate([centres, np.broadcast_to(radii[:, None], (*centres.shape[:2], 1))], axis=-1)
