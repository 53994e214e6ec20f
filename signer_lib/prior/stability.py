"""The rules that make a recorded pose stable in the picture: the right hand on the right arm, nothing lost, no jitter. [ours]

Pure functions on ``PoseSequence``. They trust x and y; ``lifting`` adds the depth and one signer's bones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.motion import CUTOFF, zero_phase
from signer_lib.prior.hand_fitting import KNUCKLES
from signer_lib.prior.kinematics import unit

SHORT_GAP = 0.2                          # seconds over which a joint moves in a straight line
FILLED, CARRIED = 0.5, 0.3               # share of its neighbours' confidence that a joint keeps
LEAST = 0.15                             # mean confidence of the joints of a hand that is believed
STRAY = 0.15                             # shoulder widths from its wrist at which a hand may be another's; half of them lie within 0.08
BUSIER = 1.3                             # times that the left hand must do more than the right
HANGING = -1.2                           # a wrist below this height belongs to an arm that hangs
ARRIVED = 0.35                           # share of its fastest rise below which a hand has arrived
STILL = 0.3, 0.5                         # shoulder widths a second: a hand holds below 15 % of its fastest, and within these bounds
HOLD = 0.25                              # seconds of a hold that are kept at either end
TIPS = [4, 8, 12, 16, 20]
HANDS = {"left": (8, 7), "right": (29, 4)}                    # side -> the first joint of its hand, the wrist of its arm


def cut(sequence: PoseSequence, frames: slice) -> PoseSequence:
    """Those frames alone."""
    return replace(sequence, xyz=sequence.xyz[frames], confidence=sequence.confidence[frames])


def repair_labels(sequence: PoseSequence) -> PoseSequence:
    """Every hand on the arm whose wrist is nearer in the picture.

    A hand that is not to be believed is dropped, and so is the other of two that lie upon each other far from their own wrist.
    """
    xyz, confidence = sequence.xyz.copy(), sequence.confidence.copy()
    slots = [SIGNER70.groups["left_hand"], SIGNER70.groups["right_hand"]]
    for slot in slots:
        confidence[confidence[:, slot].mean(-1) < LEAST, slot] = 0
    roots = np.where(confidence[:, [8, 29], None] > 0, xyz[:, [8, 29], :2], np.nan)                    # (T, 2, 2)
    far = np.linalg.norm(roots[:, :, None] - xyz[:, None, [7, 4], :2], axis=-1)                        # (T, hand, arm)
    own, other = far[:, [0, 1], [0, 1]], far[:, [0, 1], [1, 0]]
    nearer_other = (own > STRAY) & (other < own)
    both = np.isfinite(roots).all((1, 2))
    swap = np.where(both, nearer_other.any(1) & (other.sum(1) < own.sum(1)), nearer_other.any(1))
    double = both & ~swap & (np.linalg.norm(roots[:, 0] - roots[:, 1], axis=-1) < STRAY)
    for hand, slot in enumerate(slots):
        confidence[double & nearer_other[:, hand], slot] = 0
    for values in (xyz, confidence):
        left, right = values[swap][:, slots[0]].copy(), values[swap][:, slots[1]].copy()
        values[swap, slots[0]], values[swap, slots[1]] = right, left
    return replace(sequence, xyz=xyz, confidence=confidence)


def right_handed(sequence: PoseSequence) -> PoseSequence:
    """The sequence, mirrored if the left hand does clearly more: is up for longer (seconds) and travels farther (shoulder widths)."""
    done, stride = {}, max(1, round(SHORT_GAP * sequence.fps))                 # over a stride jitter is no travel
    known = carry_hands(sequence)
    for side, (first, _) in HANDS.items():
        root = known.xyz[:, first, :2] - known.joint("neck")[:, :2]
        up = root[:, 1] > HANGING                                              # a missing hand compares as not up
        way = np.linalg.norm(root[stride:] - root[:-stride], axis=-1) / stride
        done[side] = up.sum() / sequence.fps + np.nansum(np.where(up[stride:], way, 0))
    return sequence.mirrored() if done["left"] > BUSIER * done["right"] else sequence


def fill_gaps(sequence: PoseSequence, seconds: float = SHORT_GAP) -> PoseSequence:
    """Joints missing for at most ``seconds`` are put on the straight line between their neighbours, at less confidence."""
    xyz, confidence = sequence.xyz.copy(), sequence.confidence.copy()
    frames = np.arange(len(sequence))
    for joint in range(len(sequence.skeleton)):
        seen = np.flatnonzero(confidence[:, joint])
        for before, after in zip(seen, seen[1:]):
            gap = frames[before + 1:after]
            if 0 < len(gap) <= seconds * sequence.fps:
                part = ((gap - before) / (after - before))[:, None]
                xyz[gap, joint] = xyz[before, joint] * (1 - part) + xyz[after, joint] * part
                confidence[gap, joint] = FILLED * min(confidence[before, joint], confidence[after, joint])
    return replace(sequence, xyz=xyz, confidence=confidence)


def carry_hands(sequence: PoseSequence) -> PoseSequence:
    """A hand that was lost while its arm is up goes along at its arm's wrist, turning from how it was seen before to after.

    So does a single joint of a hand. A hand that is never whole, or hangs, stays missing.
    """
    xyz, confidence = sequence.xyz.copy(), sequence.confidence.copy()
    for first, wrist in HANDS.values():
        hand, arm = slice(first, first + 21), sequence.xyz[:, wrist]
        seen = (confidence[:, hand] > 0).all(1)
        up = np.nan_to_num((arm - sequence.joint("neck"))[:, 1], nan=-np.inf) > HANGING
        lost = ~seen & (up | (confidence[:, first] > 0))
        if not seen.any() or not lost.any():
            continue
        known, frames = np.flatnonzero(seen), np.flatnonzero(lost)
        shape = _interpolated_hand(xyz[known, hand], known, frames)
        shift = between(np.nan_to_num(xyz[known, first] - arm[known]), known, frames)
        root = np.where(confidence[frames, first, None] > 0, xyz[frames, first], arm[frames] + shift)
        gone = confidence[frames, hand] == 0
        xyz[frames, hand] = np.where(gone[..., None], root[:, None] + shape, xyz[frames, hand])
        confidence[frames, hand] = np.where(gone, CARRIED * confidence[known, hand].mean(), confidence[frames, hand])
    return replace(sequence, xyz=xyz, confidence=confidence)


def between(values: np.ndarray, known: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """values (K, ...) at frames ``known`` -> (F, ...) at ``frames``, linear, held beyond the ends."""
    flat = values.reshape(len(known), -1)
    return np.stack([np.interp(frames, known, column) for column in flat.T], -1).reshape(len(frames), *values.shape[1:])


def _interpolated_hand(hands: np.ndarray, known: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Hands (K, 21, 3) -> (F, 21, 3) from their wrist, turning bone by bone, so that they do not shrink on the way."""
    parents = np.array([0] + [0 if k % 4 == 1 else k - 1 for k in range(1, 21)])
    bones = hands - hands[:, parents]
    length = between(np.linalg.norm(bones, axis=-1, keepdims=True), known, frames)
    bones = unit(between(unit(bones), known, frames)) * length
    points: np.ndarray = np.zeros_like(bones)
    for joint in range(1, 21):
        points[:, joint] = points[:, parents[joint]] + bones[:, joint]
    return points


def low_pass(sequence: PoseSequence, cutoff: float = CUTOFF) -> PoseSequence:
    """Each joint's path, wherever it is seen without a break, through a zero-phase Butterworth low-pass of ``cutoff`` Hz."""
    xyz = sequence.xyz.copy()
    for joint in range(len(sequence.skeleton)):
        seen = np.flatnonzero(sequence.confidence[:, joint])
        for run in np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1):
            if len(run):
                xyz[run, joint] = zero_phase(xyz[run, joint], sequence.fps, cutoff)
    return replace(sequence, xyz=xyz)


def active_span(sequence: PoseSequence) -> slice:
    """The frames of signing: without the rise from rest and the way back there, with at most ``HOLD`` seconds of hold at the ends.

    The right hand decides; what stays is at least twice ``HOLD``.
    """
    frames = len(sequence)
    arm = sequence.joint("r_wrist") - sequence.joint("neck")
    height, least = np.nan_to_num(arm[:, 1], nan=HANGING), round(2 * HOLD * sequence.fps)
    start, stop = _arrival(height), frames - _arrival(height[::-1])
    if stop - start < least:
        return slice(0, frames)
    speeds = np.stack([hand_speed(sequence, side) for side in HANDS])
    speed = np.where(np.isfinite(speeds), speeds, 0).max(0)[start:stop]
    moving = start + np.flatnonzero(speed > np.clip(0.15 * speed.max(), *STILL))
    if len(moving):
        hold = round(HOLD * sequence.fps)
        start, stop = max(start, int(moving[0]) - hold), min(stop, int(moving[-1]) + 1 + hold)
    start = max(start - max(least - (stop - start), 0) // 2, 0)
    return slice(start, min(max(stop, start + least), frames))


def _arrival(height: np.ndarray) -> int:
    """The frame at which a hand that hung has come up; 0 if it was up all along or never comes."""
    if height[0] > HANGING or not (height > HANGING).any():
        return 0
    rise = np.gradient(height)
    passed = int((height > HANGING).argmax())
    slow = np.flatnonzero(rise[passed:] < ARRIVED * rise[:passed + 1].max())
    return passed + int(slow[0]) if len(slow) else passed


def hand_speed(sequence: PoseSequence, side: str = "right") -> np.ndarray:
    """(T,) shoulder widths a second: the mean speed of wrist and finger tips in the picture; infinite where one is missing."""
    if len(sequence) < 2:
        return np.zeros(len(sequence))
    points = sequence.group(f"{side}_hand")[:, [0, *TIPS], :2]
    speed = np.linalg.norm(np.gradient(points, axis=0), axis=-1).mean(-1) * sequence.fps
    result: np.ndarray = np.nan_to_num(speed, nan=np.inf)
    return result


def raised(sequence: PoseSequence, side: str = "right", drop: float = 0.25) -> np.ndarray:
    """(T,) whether the palm is within ``drop`` shoulder widths of its highest place."""
    palm = sequence.group(f"{side}_hand")[:, [0, *KNUCKLES]].mean(1)[:, 1]
    if not np.isfinite(palm).any():
        raise SignerError(f"the {side} hand is never seen: choose a recording that shows it")
    result: np.ndarray = np.nan_to_num(palm, nan=-np.inf) >= np.nanmax(palm) - drop
    return result


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
