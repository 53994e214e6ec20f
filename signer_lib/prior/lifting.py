"""The rules that give a recorded pose its depth and one signer's bones. [ours]

A camera sees x and y; MediaPipe's depth of the arms is far too large and noisy, and other formats have none. But a bone of known
length L that appears as long as d reaches sqrt(L^2 - d^2) towards the camera or away from it; anatomy and steadiness choose which.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.motion import CUTOFF, minimum_jerk, zero_phase
from signer_lib.prior.body import CLEARANCE, Body
from signer_lib.prior.hand_fitting import KNUCKLES, fit_hand, hand_scale
from signer_lib.prior.handshapes import load_handshapes
from signer_lib.prior.kinematics import ARM_LIMITS, METACARPALS, MIRROR, SHOULDER, arm_angles, cheapest, put_arm, smooth, unit
from signer_lib.prior.stability import CARRIED, between

SIDES = {"right": ("r", np.ones(3)), "left": ("l", MIRROR)}
EYES = [SIGNER70.index(f"{s}_lid_upper") - SIGNER70.groups["face"].start for s in "lr"]
LONG = 90                                # percentile of a bone's length in the picture that it has at least
DEPTH_CUTOFF = 3.0                       # Hz; a depth that is inferred changes slowly
ELBOW_DEPTH = 0.10, 0.30                 # shoulder widths before the shoulders: usual, and how far from it is as unlikely as 1
WRIST_DEPTHS = 0.08, 0.75                # between which a hand signs
USUAL_DEPTH = 0.35                       # of a wrist whose elbow is not known
EASE = 0.4                               # seconds in which a hand that is lost comes to rest
PULL, SURE = 0.9, 0.5                    # how far an elbow seen with this confidence turns the inverse kinematics' one towards it
SLACK = 15.0                             # degrees past a joint's limit that may be the error of a fitted hand


def lift_depth(sequence: PoseSequence, body: Body) -> PoseSequence:
    """The same picture with new depths of elbows and wrists, from the lengths of the body's arms; hands go along with their wrist.

    A bone that often appears longer than the body's is taken to be that long. A hand that is flat (all of its joints at one depth,
    as in a format without depth) is turned out of the picture's plane as its palm's foreshortening says.
    """
    neck = np.nan_to_num(sequence.joint("neck"))[:, None]
    xyz = (sequence.xyz - neck).astype(float)
    for side, (s, mirror) in SIDES.items():
        joints = [SIGNER70.index(f"{s}_{part}") for part in ("shoulder", "elbow", "wrist")]
        arm, hand = xyz[:, joints] * mirror, xyz[:, SIGNER70.groups[f"{side}_hand"]]              # hand is a view
        told = arm[..., 2].copy()                                              # the recorded depths, for their direction only
        arm[:, 2] = np.where(np.isfinite(hand[:, 0]), hand[:, 0] * mirror, arm[:, 2])
        arm[..., 2] = _arm_depth(arm, told, body, sequence.fps)
        xyz[:, joints[1:], 2] = arm[:, 1:, 2]
        whole = np.isfinite(hand).all((1, 2))
        if whole.any() and np.ptp(hand[whole, :, 2], axis=1).max() < 1e-6:
            hand[whole, :, 2] = _hand_depth(hand[whole] * mirror, arm[whole], body, sequence.fps)
        hand[..., 2] += (arm[:, 2, 2] - hand[:, 0, 2])[:, None]
    return replace(sequence, xyz=xyz + neck)


def _arm_depth(arm: np.ndarray, hint: np.ndarray, body: Body, fps: float) -> np.ndarray:
    """(T, 3) depths of shoulder, elbow and wrist of right arms (T, 3, 3), which may be missing, given recorded depths (T, 3)."""
    depth = np.tile([0.0, ELBOW_DEPTH[0], USUAL_DEPTH], (len(arm), 1))
    known = np.flatnonzero(np.isfinite(arm).all((1, 2)))
    if not len(known):
        return depth
    drawn = np.linalg.norm(np.diff(arm[known, :, :2], axis=1), axis=-1)                          # (K, 2) upper arm, forearm
    length = np.maximum([body.upper_arm, body.forearm], np.percentile(drawn, LONG, axis=0))
    reach = np.sqrt(np.maximum(length ** 2 - drawn ** 2, 0))
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    elbow = reach[:, :1] * signs[:, 0]                                                           # (K, 4)
    wrist = elbow + reach[:, 1:] * signs[:, 1]
    usual, spread = ELBOW_DEPTH
    outside = np.maximum(WRIST_DEPTHS[0] - wrist, 0) + np.maximum(wrist - WRIST_DEPTHS[1], 0)
    told = np.tanh(np.diff(hint[known], axis=1) / 0.5)                                           # (K, 2) which way the recording says
    against = (np.maximum(-told[:, None] * signs, 0) * (reach / length)[:, None]).sum(-1)
    cost = ((elbow - usual) / spread) ** 2 + (outside / 0.15) ** 2 + against
    move = ((elbow[:-1, :, None] - elbow[1:, None]) ** 2 + (wrist[:-1, :, None] - wrist[1:, None]) ** 2) / 0.12 ** 2
    best = np.arange(len(known)), cheapest(cost, move)
    found = np.stack([np.maximum(elbow[best], -0.3), np.clip(wrist[best], *WRIST_DEPTHS)], -1)
    for column in (0, 1):
        depth[:, column + 1] = zero_phase(np.interp(np.arange(len(arm)), known, found[:, column]), fps, DEPTH_CUTOFF)
    return depth


def _hand_depth(hands: np.ndarray, arms: np.ndarray, body: Body, fps: float) -> np.ndarray:
    """(K, 21) depths from the wrist of flat right hands (K, 21, 3) on arms (K, 3, 3) that have their depth.

    The four knuckles in the picture are the palm's two axes foreshortened, which leaves two ways to tilt it; fingers bend to the
    palm's side.
    """
    scale = hand_scale(hands, body)
    flat = (hands - hands[:, :1])[..., :2] / scale
    own = unit(METACARPALS[1:])[:, :2] * body.hand[1:, :1]                                       # (4, 2) in the palm's plane
    axes = np.swapaxes(np.linalg.pinv(own) @ flat[:, KNUCKLES], 1, 2)                            # (K, 2 of the picture, 2 axes)
    rise = np.sqrt(np.maximum(1 - (axes ** 2).sum(1), 0))                                        # (K, 2) size of the axes' depths
    rise[:, 0] *= np.where((axes[..., 0] * axes[..., 1]).sum(-1) > 0, -1, 1)                     # the axes stay perpendicular
    frames = np.concatenate([np.stack([axes] * 2, 1), np.stack([rise, -rise], 1)[:, :, None]], axis=2)   # (K, 2 ways, 3, 2 axes)
    thumbward, fingerward = unit(frames[..., 0]), unit(frames[..., 1])
    forearm = unit(arms[:, 2] - arms[:, 1])[:, None]
    up = (arms[:, 0] - arms[:, 1])[:, None]
    thumb_side = unit(up - forearm * (up * forearm).sum(-1, keepdims=True))                      # where an untwisted thumb would be
    bend = np.degrees(np.arccos(np.clip((forearm * fingerward).sum(-1), -1, 1)))
    twist = np.degrees(np.arctan2((np.cross(thumb_side, thumbward) * forearm).sum(-1), (thumb_side * thumbward).sum(-1)))
    cost = (np.maximum(bend - 40, 0) / 20) ** 2 + (np.maximum(abs(twist) - 80, 0) / 30) ** 2

    def turn(axis: np.ndarray) -> np.ndarray:
        result: np.ndarray = 1 - (axis[:-1, :, None] * axis[1:, None]).sum(-1)
        return result

    way = cheapest(cost, 30 * (turn(thumbward) + turn(fingerward)))
    best = np.arange(len(hands)), way
    thumbward, fingerward = thumbward[best], fingerward[best]
    palm = unit(np.cross(thumbward, fingerward))
    depth = np.zeros(flat.shape[:2])
    depth[:, KNUCKLES] = (own @ np.stack([thumbward[:, 2], fingerward[:, 2]])).T
    depth[:, 1] = METACARPALS[0] @ np.stack([thumbward[:, 2], fingerward[:, 2], palm[:, 2]])
    for finger in range(5):
        for k in range(1, 4):
            joint, bone = 1 + 4 * finger + k, body.hand[finger, k]
            step = flat[:, joint] - flat[:, joint - 1]
            out = np.sqrt(np.maximum(bone ** 2 - (step ** 2).sum(-1), 0))
            depth[:, joint] = depth[:, joint - 1] + out * np.where(palm[:, 2] + 0.5 * fingerward[:, 2] > 0, 1, -1)
    return zero_phase(depth, fps, DEPTH_CUTOFF) * scale


def constant_bones(sequence: PoseSequence, body: Body, handshape: np.ndarray | None = None) -> PoseSequence:
    """The same movement by ``body``: its shoulders at rest, its head turned like the recorded one, the face carried along in its size.

    A hand is the Body's own, bent to look like the recorded one; ``handshape`` (21,) degrees is what it is known to be. Its arm
    goes to where the hand was seen. The elbow is the Body's inverse kinematics', turned towards the recorded one as far as that
    was seen. Where the hand is missing it follows its arm's wrist, if that is known, and comes to rest; an arm without any hand is
    missing.
    """
    handshape = load_handshapes()["relaxed"] if handshape is None else handshape
    rest = body.rest()
    poses = np.full(sequence.xyz.shape, np.nan)
    recorded = (sequence.xyz - np.nan_to_num(sequence.joint("neck"))[:, None]).astype(float)
    still = [SIGNER70.index(name) for name in ("neck", "r_shoulder", "l_shoulder")]
    poses[:, still] = rest[still]
    poses[:, 0], poses[:, SIGNER70.groups["face"]] = _head(recorded, rest)
    for side, (s, mirror) in SIDES.items():
        hands = recorded[:, SIGNER70.groups[f"{side}_hand"]] * mirror
        seen = np.flatnonzero(np.isfinite(hands).all((1, 2)))
        if not len(seen):
            continue
        elbow, arm_wrist = (recorded[:, SIGNER70.index(f"{s}_{part}")] * mirror for part in ("elbow", "wrist"))
        angles, rotation, shift = fit_hand(hands[seen], body, handshape)
        angles, rotation, wrist = _fill_arm(seen, angles, rotation, hands[seen, 0] + shift, arm_wrist, body, rest, sequence.fps)
        rotation = Rotation.from_matrix(smooth(rotation)).as_matrix()          # frames were fitted one by one
        hand = body.hand_points(smooth(angles))
        wrist = zero_phase(wrist, sequence.fps, CUTOFF)
        wrist[:, 2] += smooth(_hidden(wrist[:, None] + hand @ rotation.transpose(0, 2, 1), body))
        arm = body.right_arm(_within_reach(wrist, body), rotation, hand)
        trust = PULL * np.minimum(sequence.confidence[:, SIGNER70.index(f"{s}_elbow")] / SURE, 1)
        arm[:, 1] = _turned_elbow(arm, rotation, elbow, trust, body)
        put_arm(poses, arm * mirror, side)
    return replace(sequence, xyz=poses, confidence=np.isfinite(poses).all(-1))


def _head(recorded: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nose (T, 3) and face (T, 20, 3) of a rest pose that moves its head like recorded points (T, 70, 3), NaN where missing.

    On the whole the recorded nose is as high as at rest; as it sinks it goes forwards, since the neck keeps its length.
    """
    length = np.linalg.norm(rest[0])
    nose = recorded[:, 0] * rest[0, 1] / max(_median(recorded[:, 0, 1]), 0.1)
    nose[:, 2] = np.sqrt(np.maximum(length ** 2 - (nose[:, :2] ** 2).sum(-1), 0))
    face = SIGNER70.groups["face"]
    offsets, own = recorded[:, face] - recorded[:, :1], rest[face] - rest[0]
    if np.nanmax(np.ptp(offsets[..., 2], axis=-1), initial=0) < 1e-6:                            # a format without depth
        offsets[..., 2] = own[:, 2]

    def apart(points: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.linalg.norm((points[..., EYES[0], :] - points[..., EYES[1], :])[..., :2], axis=-1)
        return result

    offsets = offsets * apart(own) / max(_median(apart(offsets)), 0.05)
    nose = unit(nose) * length
    return nose, nose[:, None] + offsets


def _median(values: np.ndarray) -> float:
    """Of those that are not missing; 1 if all are."""
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else 1.0


def _fill_arm(seen: np.ndarray, angles: np.ndarray, rotation: np.ndarray, wrist: np.ndarray, arm_wrist: np.ndarray, body: Body,
              rest: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What was found in the frames ``seen`` (K,) for all T frames: between them turning on, far from them at rest."""
    frames = np.arange(len(arm_wrist))
    if len(seen) == len(frames):
        return angles, rotation, wrist

    def over_time(values: np.ndarray) -> np.ndarray:
        return between(values, seen, frames)

    followed = np.where(np.isfinite(arm_wrist), arm_wrist, 0) + over_time(np.nan_to_num(wrist - arm_wrist[seen]))
    known = np.isfinite(arm_wrist).all(-1) & ~np.isin(frames, seen)
    wrist = np.where(known[:, None], followed, over_time(wrist))
    held = np.clip(frames, seen[0], seen[-1])
    turns = Rotation.from_matrix(rotation)
    turns = Slerp(seen, turns)(held) if len(seen) > 1 else Rotation.concatenate([turns] * len(frames))
    gone = minimum_jerk(np.clip(np.abs(frames[:, None] - seen).min(1) / (EASE * fps), 0, 1))[:, None]
    rest_angles, rest_turn, _ = fit_hand(rest[None, SIGNER70.groups["right_hand"]], body, load_handshapes()["relaxed"])
    way = (turns.inv() * Rotation.from_matrix(rest_turn[0])).as_rotvec()
    turns = turns * Rotation.from_rotvec(gone * way)

    def mix(values: np.ndarray, end: np.ndarray) -> np.ndarray:
        result: np.ndarray = (1 - gone) * values + gone * end
        return result

    return mix(over_time(angles), rest_angles), turns.as_matrix(), mix(wrist, rest[SIGNER70.index("r_wrist")])


def _hidden(points: np.ndarray, body: Body) -> np.ndarray:
    """(T,) how far hands (T, n, 3) must come forwards to lie before torso and head, where the camera saw them."""
    centre, radii = body.shapes.centre, body.shapes.radii + CLEARANCE
    aside = (((points[..., None, :] - centre) / radii)[..., :2] ** 2).sum(-1)                              # (T, n, K)
    surface = np.where(aside < 1, centre[:, 2] + radii[:, 2] * np.sqrt(np.maximum(1 - aside, 0)), -np.inf)
    result: np.ndarray = np.maximum(surface - points[..., None, 2], 0).max((1, 2))
    return result


def _within_reach(wrist: np.ndarray, body: Body) -> np.ndarray:
    """(T, 3) right wrists that the arm can reach, changed in depth before they are changed in the picture."""
    aside = ((wrist - SHOULDER)[:, :2] ** 2).sum(-1)
    near, far = (np.sqrt(np.maximum(reach ** 2 - aside, 0)) for reach in body.reach_limits)
    result: np.ndarray = np.c_[wrist[:, :2], np.clip(wrist[:, 2], near, np.maximum(far, near))]
    return result


def _turned_elbow(arm: np.ndarray, rotation: np.ndarray, recorded: np.ndarray, trust: np.ndarray, body: Body) -> np.ndarray:
    """(T, 3) elbows of right arms (T, 24, 3) with hands turned by ``rotation`` (T, 3, 3), turned towards recorded ones (T, 3).

    By the share ``trust`` (T,) of the way about shoulder and wrist, or as far as no joint goes past its limit by more than ``SLACK``
    or than it did before.
    """
    centre, radius, axis = body.elbow_circle(arm[:, 2])

    def across(v: np.ndarray) -> np.ndarray:
        result: np.ndarray = v - axis * (v * axis).sum(-1, keepdims=True)
        return result

    own, seen = unit(across(arm[:, 1] - centre)), across(recorded - centre)
    far = np.linalg.norm(seen, axis=-1)
    trust = np.where(np.isfinite(far), trust * np.minimum(far / 0.2, 1), 0)
    seen = np.nan_to_num(unit(seen))

    def turned(share: np.ndarray) -> np.ndarray:
        result: np.ndarray = centre + radius * unit(across(smooth((1 - share[:, None]) * own + share[:, None] * seen)))
        return result

    shares, past = np.linspace(0, 1, 7), []
    for share in shares:
        angles = arm_angles(turned(share * trust), arm[:, 2], rotation)
        past.append(np.degrees(np.maximum(angles - ARM_LIMITS[:, 1], ARM_LIMITS[:, 0] - angles).max(-1)))
    fits = np.minimum.accumulate(past <= np.maximum(SLACK, past[0]))                             # (7, T)
    return turned(smooth(shares[fits.sum(0) - 1]) * trust)


def rest_unseen(sequence: PoseSequence, body: Body) -> PoseSequence:
    """An arm or a head that is never seen hangs or stands at rest; a nose or face that is missing for a time moves on between."""
    xyz, confidence, rest = sequence.xyz.copy(), sequence.confidence.copy(), body.rest()
    face = list(range(70)[SIGNER70.groups["face"]])
    arms = [[SIGNER70.index(f"{s}_{part}") for part in ("elbow", "wrist")] + list(range(70)[SIGNER70.groups[f"{side}_hand"]])
            for side, (s, _) in SIDES.items()]
    for joints in (*arms, [0], face):
        root, at = (xyz[:, :1], rest[0]) if joints is face else (0, 0)         # the face goes with the nose
        seen = np.flatnonzero(confidence[:, joints].all(1))
        if not len(seen):
            xyz[:, joints], confidence[:, joints] = rest[joints] - at + root, 1
        elif len(seen) < len(sequence):
            xyz[:, joints] = between((xyz[:, joints] - root)[seen], seen, np.arange(len(sequence))) + root
            confidence[:, joints] = np.maximum(confidence[:, joints], CARRIED)
    return replace(sequence, xyz=xyz, confidence=confidence)
