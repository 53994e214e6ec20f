"""MediaPipe's points by name, and the permutation between the reduced .pose files of the field and SLRTP 2025's 178 points."""

import numpy as np
import pytest
from pose_format import Pose
from pose_format.utils.generic import reduce_holistic

from signer_lib.pose.formats.holistic import (
    BODY33,
    CONTOURS,
    FACE,
    FULL,
    HAND,
    JOINTS,
    LEFT,
    POSE,
    REDUCED,
    REDUCED_FACE,
    REDUCED_OF_SLRTP,
    RIGHT,
    SLRTP,
    SLRTP_FACE,
    SLRTP_OF_REDUCED,
    columns_of,
    header_of,
)
from signer_lib.prior.fingerspelling import letter_files

# the lines that SLRTP 2025 joins its face points by, in its own numbers (its first face point is 50), as five rings
RINGS = {
    "oval": "126 127 96 97 150 151 169 114 115 116 171 133 88 89 93 94 67 68 132 117 118 177 145 134 135 137 75 76 139 98 99 136 109 110 154 174",
    "left brow": "147 77 78 152 153 122 121 144 143 161", "right brow": "70 69 146 57 56 158 111 112 155 176",
    "outer lips": "82 81 125 124 106 105 164 173 141 142 128 129 168 113 79 80 87 86 163 162",
    "inner lips": "95 130 55 54 84 51 50 62 61 167 166 172 175 140 58 59 123 165 91 92"}
# what SLRTP calls its other points
FINGERS = {"Thumb": ("1CMC", "2Knuckles", "3IP", "4FingerTip")}
FINGERS |= dict.fromkeys(("Index", "Middle", "Ring", "Pinky"), ("1Knuckles", "2PIP", "3DIP", "4FingerTip"))
NAMES = ["RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "RHip", "LHip"]
NAMES += [name for s in "RL" for name in (f"{s}HWrist", *(f"{s}{finger}{part}" for finger, parts in FINGERS.items() for part in parts))]


def test_the_names_are_those_of_real_files():
    pose = Pose.read(letter_files()["L"].read_bytes())
    assert tuple(columns_of(pose.header))[:len(FULL)] == FULL and len(FULL) == 553
    assert tuple(columns_of(reduce_holistic(pose).header)) == REDUCED and len(REDUCED) == 178
    assert set(JOINTS) - set(FULL) == {(POSE, "NECK")}


def test_the_two_orders_are_permutations_of_the_same_178_points():
    assert sorted(REDUCED_OF_SLRTP) == sorted(SLRTP_OF_REDUCED) == list(range(178))
    assert len(set(SLRTP)) == 178 and set(SLRTP) == set(REDUCED) and len(set(SLRTP_FACE)) == 128
    for k, point in enumerate(SLRTP):
        assert REDUCED[REDUCED_OF_SLRTP[k]] == point and SLRTP_OF_REDUCED[REDUCED_OF_SLRTP[k]] == k
    there = np.random.default_rng(0).normal(size=(3, 178, 3)).astype(np.float32)
    assert np.array_equal(there[:, REDUCED_OF_SLRTP][:, SLRTP_OF_REDUCED], there) and not np.array_equal(there[:, REDUCED_OF_SLRTP], there)


@pytest.mark.parametrize("k", range(50))
def test_body_and_hands_have_the_names_that_slrtp_gives_them(k):
    (component, point), name = SLRTP[k], NAMES[k]
    side = "RIGHT" if name[0] == "R" else "LEFT"
    if k < 8:
        assert (component, point) == (POSE, f"{side}_{name[1:].upper()}")
        return
    assert component == {"RIGHT": RIGHT, "LEFT": LEFT}[side] and (8 <= k < 29) == (side == "RIGHT")
    if name[1:] == "HWrist":
        assert point == "WRIST"
        return
    finger, part = next((f, name[1 + len(f):]) for f in FINGERS if name[1:].startswith(f))
    ends = {"1CMC": "CMC", "2Knuckles": "MCP", "3IP": "IP", "4FingerTip": "TIP", "1Knuckles": "MCP", "2PIP": "PIP", "3DIP": "DIP"}
    assert point in (f"{finger.upper()}_{ends[part]}", f"{finger.upper()}_FINGER_{ends[part]}")


@pytest.mark.parametrize("ring, off", [("oval", 0), ("left brow", 2), ("right brow", 2), ("outer lips", 0), ("inner lips", 0)])
def test_the_lines_of_slrtps_face_are_mediapipes_contours(ring, off):
    """But for two lines a brow, which join the ends of MediaPipe's two ways."""
    lines = {frozenset(pair) for way in CONTOURS for pair in zip(way, way[1:])}
    numbers = [int(number) for number in RINGS[ring].split()]
    points = [int(SLRTP[number][1]) for number in numbers]
    assert all(SLRTP[number][0] == FACE for number in numbers)
    assert sum(frozenset(pair) not in lines for pair in zip(points, points[1:] + points[:1])) == off


def test_contours_are_the_reduced_face():
    assert len(REDUCED_FACE) == 128 and list(map(int, REDUCED_FACE)) == sorted(map(int, REDUCED_FACE))
    assert [len(way) for way in CONTOURS] == [37, 21, 21, 17, 17, 5, 5, 5, 5] and all(way[0] == way[-1] for way in CONTOURS[:5])


@pytest.mark.parametrize("points", [FULL, REDUCED, tuple(JOINTS)])
def test_headers_can_be_drawn(points):
    header = header_of(points)
    assert tuple(columns_of(header)) == points
    for component in header.components:
        assert len(component.limbs) == len(component.colors) > 0 and np.max(component.limbs) < len(component.points)
    assert len(BODY33) == 33 and len(HAND) == 21
