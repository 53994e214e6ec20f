"""Each check sees what it is there to see."""

from dataclasses import replace

import numpy as np
import pytest

from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.body import load_body
from signer_lib.prior.checks import JOINTS, LIMITS, arms, check_poses, contact_gap, joint_angles
from signer_lib.prior.compiler import compile_sign
from signer_lib.prior.kinematics import arm_points, put_arm
from signer_lib.prior.phonology import Compound, Sign

BODY = load_body()
HAND = slice(29, 50)
TOUCH = Sign("TOUCH", "one-handed", ("1",), ("back",), ("up-left",), ("chin",), "index-tip")


def posed(arm, fingers=None):
    """One frame of a right arm (7,) degrees with fingers (21,) degrees."""
    poses = BODY.rest()[None].repeat(1, 0)
    hand = BODY.hand_points(np.zeros((1, 21)) if fingers is None else np.array(fingers, float)[None])
    put_arm(poses, arm_points(BODY, np.radians([arm]), hand), "right")
    return PoseSequence(poses, 25)


def test_a_body_at_rest_is_sound():
    figures = check_poses(PoseSequence(BODY.rest()[None], 25), BODY)
    assert figures["bone_error"] < 1e-6 and figures["joint_excess"] == figures["inside_torso"] == figures["inside_head"] == 0
    assert figures["contact_gap"] is None


def test_a_longer_bone_is_seen():
    xyz = compile_sign(TOUCH, BODY).xyz.copy()
    tip, before = SIGNER70.index("r_hand_index_tip"), SIGNER70.index("r_hand_index_dip")
    xyz[5, tip] += 0.1 * (xyz[5, tip] - xyz[5, before])
    assert check_poses(PoseSequence(xyz, 25), BODY)["bone_error"] == pytest.approx(0.1, abs=1e-4)


@pytest.mark.parametrize("joint, degrees, name", [(0, -75, "shoulder flexion"), (2, 120, "shoulder rotation"), (4, 110, "forearm supination"),
                                                  (5, 86, "wrist flexion"), (6, 45, "wrist deviation")])
def test_a_joint_past_its_limit_is_named(joint, degrees, name):
    arm = np.array([30.0, 20, 0, 80, 0, 0, 0])
    arm[joint] = degrees
    figures = check_poses(posed(arm), BODY)
    low, high = LIMITS[joint]
    assert figures["worst_joint"] == f"right {name}" and figures["joint_excess"] == pytest.approx(max(degrees - high, low - degrees), abs=0.01)


def test_a_finger_past_its_limit_is_named():
    fingers = np.zeros(21)
    fingers[4:8] = 60, 130, 10, 0                                       # the middle finger
    figures = check_poses(posed([30, 20, 0, 80, 0, 0, 0], fingers), BODY)
    assert figures["worst_joint"] == "right middle pip" and figures["joint_excess"] == pytest.approx(15, abs=0.01)
    assert JOINTS[11 + 1] == ("middle", "pip")


def test_a_hand_in_the_body_is_seen_where_it_is():
    sequence = compile_sign(replace(TOUCH, location=("chest",)), BODY)
    xyz = sequence.xyz.copy()
    xyz[:, HAND, 2] -= 0.2
    figures = check_poses(PoseSequence(xyz, 25), BODY)
    assert figures["inside_torso"] > 0.1 and figures["inside_head"] == 0
    xyz = compile_sign(replace(TOUCH, location=("nose",)), BODY).xyz.copy()
    xyz[:, HAND, 2] -= 0.2
    assert check_poses(PoseSequence(xyz, 25), BODY)["inside_head"] > 0.05


def test_the_gap_is_the_nearest_approach_to_the_place():
    sequence = compile_sign(TOUCH, BODY)
    tip = sequence.joint("r_hand_index_tip") - BODY.place("chin")[0]
    assert contact_gap(sequence, TOUCH, BODY) == pytest.approx(np.linalg.norm(tip, axis=-1).min(), abs=1e-5)
    assert contact_gap(sequence, replace(TOUCH, location=("forehead",)), BODY) > 0.2


def test_hands_that_meet_in_front_of_the_signer_are_measured_from_one_another():
    meet = replace(TOUCH, type="symmetric", location=("neutral",), fingers=("left",))
    sequence = compile_sign(meet, BODY)
    assert contact_gap(sequence, meet, BODY) < 0.05
    xyz = sequence.xyz.copy()
    xyz[:, 8:29, 0] += 0.1
    assert contact_gap(PoseSequence(xyz, 25), meet, BODY) > 0.08


def test_a_compound_has_the_gap_of_its_worst_part():
    parts = (TOUCH, replace(TOUCH, location=("forehead",)))
    sequence = compile_sign(Compound("BOTH", parts), BODY)
    assert check_poses(sequence, BODY, Compound("BOTH", parts))["contact_gap"] < 0.08
    assert check_poses(sequence, BODY, Compound("BOTH", (*parts, replace(TOUCH, location=("stomach",)))))["contact_gap"] > 0.3


def test_contact_of_other_parts_than_finger_tips_is_not_counted():
    palm = replace(TOUCH, contact="palm", location=("chest",))
    assert check_poses(compile_sign(palm, BODY), BODY, palm)["contact_gap"] is None


def test_the_left_arm_is_read_as_a_right_one():
    both = arms(PoseSequence(BODY.rest()[None], 25))
    assert np.allclose(both["left"], both["right"], atol=1e-6)
    assert np.allclose(joint_angles(both["left"], BODY), joint_angles(both["right"], BODY), atol=1e-2)
