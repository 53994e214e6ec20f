"""Hands, arms and bodies: joint angles there and back, limits, the way out of the body, signer files."""

import numpy as np
import pytest

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70
from signer_lib.prior.body import HEAD_PLACES, SIGNERS, SPACE_PLACES, TORSO_PLACES, load_body
from signer_lib.prior.elbows import elbows, reachable
from signer_lib.prior.handshapes import load_handshapes
from signer_lib.prior.kinematics import (
    ARM_LIMITS,
    HAND_LIMITS,
    MIRROR,
    SHOULDER,
    arm_angles,
    arm_chain,
    arm_points,
    cross,
    hand_angles,
    hand_frame,
    hand_rotation,
)
from signer_lib.prior.obstacles import Aim
from signer_lib.prior.reaching import avoid, reach
from signer_lib.prior.shapes import Ellipsoids

BODY = load_body()
HANDS = load_handshapes()
BUILDS = sorted(path.stem for path in SIGNERS.glob("*.yaml"))
STRAIGHT = np.zeros((1, 21))


def random_arms(count, seed=0):
    arms = np.random.default_rng(seed).uniform(*ARM_LIMITS.T, (count, 7))
    return np.maximum(arms, np.where(np.arange(7) == 3, 0.1, -np.inf))            # a straight elbow has no plane


def test_arm_angles_undo_the_arms_forward_kinematics():
    arms = random_arms(500)
    _, joints, rotation = arm_chain(BODY, arms)
    assert np.allclose(arm_angles(joints[:, 0], joints[:, 1], rotation), arms, atol=1e-6)


def test_the_axes_say_how_the_wrist_moves_with_every_joint():
    arms = random_arms(50)
    axes, joints, _ = arm_chain(BODY, arms)
    for joint, origin in enumerate([SHOULDER] * 3 + [joints[:, 0]] + [joints[:, 1]] * 3):
        nudged = arms.copy()
        nudged[:, joint] += 1e-6
        moved = (arm_chain(BODY, nudged)[1][:, 1] - joints[:, 1]) / 1e-6
        assert np.allclose(moved, cross(axes[:, joint], joints[:, 1] - origin), atol=1e-4)


def test_joint_angles_mean_what_their_names_say():
    wrist = lambda **turned: _wrist_and_hand(turned)[0]
    hand = lambda **turned: _wrist_and_hand(turned)[1]
    assert np.allclose(wrist(), [-0.5, -BODY.upper_arm - BODY.forearm, 0], atol=1e-9)                   # hanging
    assert wrist(flexion=90)[2] > 1.4 and wrist(abduction=90)[0] < -1.9                                 # forwards, out to the side
    assert np.allclose(wrist(elbow=90) - [-0.5, -BODY.upper_arm, 0], [0, 0, BODY.forearm], atol=1e-9)
    assert wrist(elbow=90, rotation=60)[0] < -1 and wrist(elbow=90, rotation=-60)[0] > 0                # outwards, across the belly
    assert np.allclose(hand(elbow=90)[:, 2], [1, 0, 0], atol=1e-9) and np.allclose(hand(elbow=90)[:, 0], [0, 1, 0], atol=1e-9)
    assert hand(elbow=90, supination=80)[1, 2] > 0.9 and hand(elbow=90, supination=-80)[1, 2] < -0.9     # palm up, palm down
    assert hand(elbow=90, bend=60)[0, 1] > 0.8 and hand(elbow=90, deviation=20)[1, 1] > 0.3             # to the palm, to the thumb


def _wrist_and_hand(turned):
    names = ("flexion", "abduction", "rotation", "elbow", "supination", "bend", "deviation")
    _, joints, rotation = arm_chain(BODY, np.radians([[turned.get(name, 0) for name in names]]))
    return joints[0, 1], rotation[0]


def test_hand_angles_undo_the_hands_forward_kinematics():
    angles = np.random.default_rng(1).uniform(*HAND_LIMITS.T, (300, 21))
    angles[:, 18:] = np.abs(angles[:, 18:])                            # a thumb bent back could as well be opposed the other way round
    again = hand_angles(BODY.hand_points(angles))
    assert np.allclose(BODY.hand_points(again), BODY.hand_points(angles), atol=1e-6)
    assert np.allclose(again[:, :18], angles[:, :18], atol=1e-3) and np.median(abs(again - angles)) < 1e-6


def test_a_turned_hand_is_recognised_from_its_knuckles():
    _, joints, rotation = arm_chain(BODY, random_arms(40))
    hand = joints[:, 1:] + BODY.hand_points(STRAIGHT) @ rotation.transpose(0, 2, 1)
    assert np.allclose(hand_rotation(BODY.hand, hand), rotation, atol=1e-6)


def test_finger_bones_are_those_of_the_file():
    hand = BODY.hand_points(np.stack(list(HANDS.values())))
    for finger in range(5):
        chain = hand[:, [0, *range(1 + 4 * finger, 5 + 4 * finger)]]
        assert np.allclose(np.linalg.norm(np.diff(chain, axis=1), axis=-1), BODY.hand[finger], atol=1e-9)


@pytest.mark.parametrize("name, tip", [("f", 8), ("o", 8), ("flat-o", 8), ("6", 20), ("7", 16), ("8", 12), ("d", 12), ("9", 8)])
def test_thumb_meets_the_finger(name, tip):
    hand = BODY.hand_points(HANDS[name][None])[0]
    assert np.linalg.norm(hand[4] - hand[tip]) < 0.065


def test_handshapes_differ_where_they_should():
    tip = lambda name, joint: BODY.hand_points(HANDS[name][None])[0, joint]
    assert tip("a", 4)[0] > tip("s", 4)[0] + 0.08                      # a: alongside the index; s: across the front
    assert tip("r", 8)[0] < tip("r", 12)[0] and tip("u", 8)[0] > tip("u", 12)[0]          # r: index and middle crossed
    assert tip("l", 4)[0] > 0.2 and tip("y", 20)[1] > tip("y", 8)[1] + 0.1


def test_the_way_out_of_an_ellipsoid_leads_out():
    shapes = Ellipsoids(np.array([[[0, 0, 0], [0.4, 0.8, 0.2]], [[0, 1, 0], [0.3, 0.3, 0.3]]]))
    points = np.array([[0.1, 0.2, 0.15], [0.0, 1.1, 0.1], [0, 0, 5.0]])
    depth, way = shapes.way_out(points)
    assert (depth[:2] > 0).all() and depth[2] < 0
    assert np.allclose(np.linalg.norm(way, axis=-1), 1) and (shapes.depth(points + 0.02 * way) < depth).all()
    assert shapes.depth(np.array([[0.4, 0, 0], [0, 1.3, 0]])) == pytest.approx(0, abs=1e-9)


def aim_at(point, palm, fingers, hand=STRAIGHT, frames=4, **more):
    rotation = np.repeat(hand_frame(np.array(palm, float), np.array(fingers, float))[None], frames, 0)
    shape = np.repeat(BODY.hand_points(hand), frames, 0)
    return Aim(np.tile(np.array(point, float), (frames, 1)), shape[:, 8], rotation, shape, **more)


def test_a_comfortable_hand_is_exactly_where_and_how_it_is_asked():
    aim = aim_at((-0.4, -0.2, 1.2), (1, 0, 0), (0, 0.3, 1))
    _, joints, rotation = arm_chain(BODY, reach(BODY, aim))
    tip = joints[:, 1] + (rotation @ aim.local[..., None])[..., 0]
    assert np.allclose(tip, aim.point, atol=1e-6) and np.allclose(rotation, aim.rotation, atol=1e-6)


@pytest.mark.parametrize("palm, fingers", [
    ((1, 0, 0), (0, -1, -1)), ((0, 0, -1), (-1, 0, 0)), ((0, 1, 0), (-1, 0, -0.2)), ((0, -1, 0), (0, 0, -1))])
def test_turn_gives_way_before_place_and_no_joint_passes_its_limit(palm, fingers):
    aim = aim_at((-0.25, -0.2, 0.7), palm, fingers, touching=True)
    arm = reach(BODY, aim)
    _, joints, rotation = arm_chain(BODY, arm)
    tip = joints[:, 1] + (rotation @ aim.local[..., None])[..., 0]
    assert (arm >= ARM_LIMITS[:, 0] - 1e-9).all() and (arm <= ARM_LIMITS[:, 1] + 1e-9).all()
    assert np.linalg.norm(tip - aim.point, axis=-1).max() < 0.05
    assert np.einsum("tij,tij->t", rotation, aim.rotation).max() < 2.9                                  # it had to be turned otherwise


def test_a_hand_that_would_lie_in_the_body_lies_on_it():
    chest = BODY.touchable("chest")
    aim = aim_at(chest, (0, 0, 1), (1, 0, -0.3), touching=True)                                         # the fingers point into the chest
    arm = reach(BODY, aim)
    hand = arm_points(BODY, arm, aim.hand)[:, 3:]
    assert BODY.shapes.depth(hand).max() < 0 and np.linalg.norm(hand[:, 8] - chest, axis=-1).max() < 0.05


def test_an_arm_that_is_free_is_not_changed_and_one_in_the_body_comes_out():
    hand = np.repeat(BODY.hand_points(STRAIGHT), 3, 0)
    free = np.tile(np.radians([[40.0, 20, -20, 90, 0, 0, 0]]), (3, 1))
    inside = np.tile(np.radians([[0.0, 0, -80, 120, 0, 60, 0]]), (3, 1))
    assert BODY.shapes.depth(arm_points(BODY, inside, hand)[:, 3:]).max() > 0.05
    assert avoid(BODY, free, hand) is free
    assert BODY.shapes.depth(arm_points(BODY, avoid(BODY, inside, hand), hand)[:, 3:]).max() < 0


def test_the_elbow_keeps_out_of_the_torso_and_moves_steadily():
    along = np.linspace(0, 1, 24)[:, None]
    wrist = reachable(BODY, (1 - along) * [-0.6, -0.5, 0.6] + along * [0.1, 0.3, 0.6])
    rotation = np.repeat(hand_frame(np.array([0.3, 0, 1.0]), np.array([0.3, 1, 0]))[None], 24, 0)
    elbow = elbows(BODY, wrist, rotation)
    assert np.allclose(np.linalg.norm(elbow - SHOULDER, axis=-1), BODY.upper_arm)
    assert np.allclose(np.linalg.norm(wrist - elbow, axis=-1), BODY.forearm)
    assert BODY.trunk.depth(elbow).max() < 0 and np.linalg.norm(np.diff(elbow, axis=0), axis=-1).max() < 0.12


def test_reach_ends_where_the_elbow_is_straight_or_fully_bent():
    far = np.linalg.norm(reachable(BODY, np.array([[-0.5, 0, 9.0], [-0.5, 0, 0.1]])) - SHOULDER, axis=-1)
    assert far[::-1] == pytest.approx(BODY.reach_limits) and far[0] < BODY.upper_arm + BODY.forearm


def test_right_arm_keeps_the_hand_that_it_is_given():
    wrist, rotation = np.array([[-0.4, -0.2, 0.7]]), hand_frame(np.array([0, 0, 1.0]), np.array([0, 1.0, 0]))[None]
    arm = BODY.right_arm(wrist, rotation, BODY.hand_points(STRAIGHT))
    assert np.allclose(arm[:, 2:4], wrist[:, None]) and np.allclose((arm[:, 3:] - wrist) @ rotation[0], BODY.hand_points(STRAIGHT))


def test_clear_moves_hands_out_of_the_body():
    hands = BODY.hand_points(STRAIGHT) + np.array([[[0, -0.4, 0.1]], [[0, 0.3, 0.2]], [[-1.0, 0, 1]]])
    move = BODY.clear(hands)
    assert (BODY.shapes.depth(hands + move[:, None]).max(-1) < 0).all() and not move[2].any()


@pytest.mark.parametrize("build", BUILDS)
def test_every_build_is_a_human(build):
    body = load_body(SIGNERS / f"{build}.yaml")
    assert body.name == build and 0.6 < body.forearm < body.upper_arm + 0.05 < 1.0
    assert 0.5 < body.hand[2].sum() < 0.62 and (np.diff(body.hand[2]) < 0).all()                        # palm, then shorter and shorter
    assert set(body.places) == {*HEAD_PLACES, *TORSO_PLACES, *SPACE_PLACES}
    assert body.face.shape == (20, 3) and np.allclose(body.face[:5] * MIRROR, body.face[5:10])


@pytest.mark.parametrize("build", BUILDS)
def test_places_are_on_the_bodys_surface_and_look_out_of_it(build):
    body = load_body(SIGNERS / f"{build}.yaml")
    for name, (point, out) in body.places.items():
        if out.any():
            assert np.linalg.norm(out) == pytest.approx(1, abs=1e-3) and np.linalg.norm(body.touchable(name) - point) < 0.065, name
            assert -0.06 < body.shapes.depth(point) < 0.07 and body.shapes.depth(point + 0.15 * out) < 0, name
        else:
            assert body.shapes.depth(point) < -0.1, name
    height = lambda name: body.place(name)[0][1]
    order = ["head-top", "forehead", "eye", "nose", "upper-lip", "mouth", "chin", "under-chin", "neck", "clavicle", "chest", "stomach", "waist"]
    assert [height(name) for name in order] == sorted(map(height, order), reverse=True)
    assert body.place("shoulder-same")[0][0] < -0.3 < 0.3 < body.place("shoulder-other")[0][0]


def test_rest_hangs_low_and_is_symmetric_and_outside_the_body():
    rest = BODY.rest()
    assert -0.7 < rest[4, 0] < -0.45 and rest[4, 1] < -1.3 and abs(rest[4, 2]) < 0.3                    # beside the thighs
    assert -0.65 < rest[3, 0] < -0.5 and rest[3, 1] < -0.7 and rest[3, 2] < 0.05                        # the elbow at the side, not akimbo
    assert np.allclose(rest[SIGNER70.mirror] * MIRROR, rest) and BODY.shapes.depth(rest[29:50]).max() < 0


def test_parallel_palm_and_fingers_have_no_frame():
    with pytest.raises(ValueError, match="parallel"):
        hand_frame(np.array([0, 1.0, 0]), np.array([0, 2.0, 0]))
    frame = hand_frame(np.array([0, 0, 1.0]), np.array([0, 1.0, 0]))
    assert np.allclose(frame[:, 0], [1, 0, 0]) and np.isclose(np.linalg.det(frame), 1)


def test_body_file_mistakes_are_one_line(tmp_path):
    with pytest.raises(SignerError, match="no signer file"):
        load_body(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_text("name: b\nface: {}\nshapes: {}\n")
    with pytest.raises(SignerError, match="lacks 'brow'"):
        load_body(tmp_path / "b.yaml")
    whole = (SIGNERS / "default.yaml").read_text()
    (tmp_path / "c.yaml").write_text(whole.replace("  thumb: [", "  thumb: [0.1, "))
    with pytest.raises(SignerError, match="compare it with"):
        load_body(tmp_path / "c.yaml")
