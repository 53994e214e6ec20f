"""The rules that make a recorded pose stable: one signer's bones, no jitter, nothing half-seen. [ours]

Written for MediaPipe's image landmarks, where x and y can be trusted, the depth inside a hand is fair, and the depth of the arms
is far too large and noisy. Pure functions on ``PoseSequence``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.motion import CUTOFF, zero_phase
from signer_lib.prior.hand_fitting import KNUCKLES, fit_hand
from signer_lib.prior.kinematics import MIRROR, Body, put_arm, smooth, unit
from signer_lib.prior.phonology import load_handshapes

ARM_DEPTH = 0.08                               # share of MediaPipe's depth of the wrist that is believed
WRIST_DEPTHS = 0.10, 0.60                      # shoulder widths in front of the shoulders
SIDES = {"right": ("r", np.ones(3)), "left": ("l", MIRROR)}
TIPS = [4, 8, 12, 16, 20]


def fill_gaps(sequence: PoseSequence, seconds: float = 0.2) -> PoseSequence:
    """Joints missing for at most ``seconds`` are put on the straight line between their neighbours, at confidence 0.5."""
    xyz, confidence = sequence.xyz.copy(), sequence.confidence.copy()
    frames = np.arange(len(sequence))
    for joint in range(len(sequence.skeleton)):
        seen = np.flatnonzero(confidence[:, joint])
        for before, after in zip(seen, seen[1:]):
            gap = frames[before + 1:after]
            if 0 < len(gap) <= seconds * sequence.fps:
                part = ((gap - before) / (after - before))[:, None]
                xyz[gap, joint] = xyz[before, joint] * (1 - part) + xyz[after, joint] * part
                confidence[gap, joint] = 0.5
    return replace(sequence, xyz=xyz, confidence=confidence)


def low_pass(sequence: PoseSequence, cutoff: float = CUTOFF) -> PoseSequence:
    """Each joint's path, wherever it is seen without a break, through a zero-phase Butterworth low-pass of ``cutoff`` Hz."""
    xyz = sequence.xyz.copy()
    for joint in range(len(sequence.skeleton)):
        seen = np.flatnonzero(sequence.confidence[:, joint])
        for run in np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1):
            if len(run):
                xyz[run, joint] = zero_phase(xyz[run, joint], sequence.fps, cutoff)
    return replace(sequence, xyz=xyz)


def constant_bones(sequence: PoseSequence, body: Body, handshape: np.ndarray | None = None) -> PoseSequence:
    """The same movement by ``body``: its shoulders at rest, its nose where the recorded one points, the face carried along.

    A hand is the Body's own, bent to look like the recorded one; ``handshape`` (21,) degrees is what it is known to be. Its arm
    goes to where the hand was seen and takes the elbow of the Body's inverse kinematics, since the recorded elbow is often
    outside the picture. A frame that does not show the whole hand has that arm missing.
    """
    handshape = load_handshapes()["relaxed"] if handshape is None else handshape
    rest = body.rest()
    poses = np.full(sequence.xyz.shape, np.nan)
    recorded = sequence.xyz - np.nan_to_num(sequence.joint("neck"))[:, None]
    still = [SIGNER70.index(name) for name in ("neck", "r_shoulder", "l_shoulder")]
    poses[:, still] = rest[still]
    nose = recorded[:, 0].astype(float)
    nose[:, 2] = rest[0, 2] / rest[0, 1] * nose[:, 1]
    poses[:, 0] = unit(nose) * np.linalg.norm(rest[0])
    face = SIGNER70.groups["face"]
    poses[:, face] = poses[:, :1] + recorded[:, face] - recorded[:, :1]
    for side, (_, mirror) in SIDES.items():
        hands = recorded[:, SIGNER70.groups[f"{side}_hand"]] * mirror
        seen = np.isfinite(hands).all((1, 2))
        if not seen.any():
            continue
        wrist = hands[seen, 0].astype(float)
        wrist[:, 2] = np.clip(ARM_DEPTH * wrist[:, 2], *WRIST_DEPTHS)
        angles, rotation, shift = fit_hand(hands[seen].astype(float), body, handshape)
        rotation = Rotation.from_matrix(smooth(rotation)).as_matrix()          # frames were fitted one by one
        hand, wrist = body.hand_points(smooth(angles)), wrist + smooth(shift)
        wrist = wrist + body.clear(wrist[:, None] + hand @ rotation.transpose(0, 2, 1))
        shown = poses[seen]
        put_arm(shown, body.right_arm(wrist, rotation, hand) * mirror, side)
        poses[seen] = shown
    return replace(sequence, xyz=poses, confidence=np.isfinite(poses).all(-1))


def rest_unseen(sequence: PoseSequence, body: Body) -> PoseSequence:
    """An arm that is never seen, or a head, hangs or stands at rest."""
    xyz, confidence, rest = sequence.xyz.copy(), sequence.confidence.copy(), body.rest()
    arms = [[SIGNER70.index(f"{s}_{part}") for part in ("elbow", "wrist")] + list(range(70)[SIGNER70.groups[f"{side}_hand"]])
            for side, (s, _) in SIDES.items()]
    for joints in (*arms, [0, *range(70)[SIGNER70.groups["face"]]]):
        if not confidence[:, joints].any():
            xyz[:, joints], confidence[:, joints] = rest[joints], 1
    return replace(sequence, xyz=xyz, confidence=confidence)


def hand_speed(sequence: PoseSequence, side: str = "right") -> np.ndarray:
    """(T,) shoulder widths a second: the mean speed of wrist and finger tips in the picture; infinite where one is missing."""
    points = sequence.group(f"{side}_hand")[:, [0, *TIPS], :2]
    speed = np.linalg.norm(np.gradient(points, axis=0), axis=-1).mean(-1) * sequence.fps
    return np.nan_to_num(speed, nan=np.inf)


def raised(sequence: PoseSequence, side: str = "right", drop: float = 0.25) -> np.ndarray:
    """(T,) whether the palm is within ``drop`` shoulder widths of its highest place."""
    palm = sequence.group(f"{side}_hand")[:, [0, *KNUCKLES]].mean(1)[:, 1]
    if not np.isfinite(palm).any():
        raise SignerError(f"the {side} hand is never seen: choose a recording that shows it")
    return np.nan_to_num(palm, nan=-np.inf) >= np.nanmax(palm) - drop


def hold_span(sequence: PoseSequence, seconds: float, side: str = "right") -> slice:
    """The frames of the hold: the raised hand's stillest ``seconds``."""
    frames = min(len(sequence), max(2, round(seconds * sequence.fps)))
    cost = hand_speed(sequence, side) + np.where(raised(sequence, side), 0, 100)
    start = int(np.convolve(np.minimum(cost, 1e3), np.ones(frames), "valid").argmin())
    return slice(start, start + frames)


def movement_span(sequence: PoseSequence, side: str = "right", still: float = 0.8) -> slice:
    """The frames of a movement: from where the hand is first raised to where it next comes to rest (below ``still`` a second)."""
    speed = hand_speed(sequence, side)
    start = int(raised(sequence, side).argmax())
    fastest = start + int(speed[start:start + round(0.8 * sequence.fps)].argmax())
    quiet = np.flatnonzero(speed[fastest:] < still)
    return slice(start, fastest + int(quiet[0]) + 1 if len(quiet) else len(sequence))
