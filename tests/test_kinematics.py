"""Hands, arms and compiled signs: bone lengths, contact, symmetry, clearance."""

from dataclasses import replace

import numpy as np
import pytest

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70
from signer_lib.prior.compiler import CITATION, EMPHATIC, REDUCED, VARIANTS, Variant, compile_sign
from signer_lib.prior.kinematics import HEAD, MIRROR, TORSO, hand_frame, load_body
from signer_lib.prior.phonology import Base, Movement, Sign, load_handshapes

BODY = load_body()
PLAIN = Sign("PLAIN", "one-handed", ("open-b",), ("front",), ("up",), ("neutral",))
HANDS = load_handshapes()


def compiled(sign=PLAIN, variant=CITATION, **changes):
    return compile_sign(replace(sign, **changes), BODY, variant)


def lengths(xyz):
    """(T, bones) of the arms and hands."""
    pairs = np.array([b for b in SIGNER70.bones if b[1] < 50])
    return np.linalg.norm(xyz[:, pairs[:, 0]].astype(float) - xyz[:, pairs[:, 1]], axis=-1)


SIGNS = [PLAIN,
         replace(PLAIN, movement=Movement("circle", repeat=2, hand="twist")),
         replace(PLAIN, handshape=("5", "flat-o"), palm=("back",), location=("forehead", "chin"), movement=Movement("arc")),
         replace(PLAIN, type="symmetric", palm=("left", "up"), fingers=("front",), contact="little-side"),
         replace(PLAIN, type="alternating", handshape=("claw-5",), movement=Movement("circle", "side", "front", repeat=2)),
         replace(PLAIN, type="base-hand", palm=("down",), fingers=("front-left",), location=("base-palm",), contact="palm",
                 movement=Movement("tap", direction="down", repeat=2), base=Base("open-b", "up", "front-right", "neutral"))]


@pytest.mark.parametrize("sign", SIGNS, ids=lambda s: f"{s.type}-{s.movement.path}")
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_bones_keep_the_bodys_lengths(sign, variant):
    sequence = compiled(sign, variant)
    rest = BODY.rest()[None]
    assert (sequence.confidence == 1).all() and np.isfinite(sequence.xyz).all()
    assert abs(lengths(sequence.xyz) - lengths(rest)).max() < 1e-5
    assert np.allclose(np.linalg.norm(rest[0, 3] - rest[0, 2]), BODY.upper_arm)
    assert np.allclose(np.linalg.norm(rest[0, 4] - rest[0, 3]), BODY.forearm)


def test_finger_bones_are_those_of_the_file():
    hand = BODY.hand_points(np.stack(list(HANDS.values())))
    for finger in range(5):
        chain = hand[:, [0, *range(1 + 4 * finger, 5 + 4 * finger)]]
        assert np.allclose(np.linalg.norm(np.diff(chain, axis=1), axis=-1), BODY.hand[finger], atol=1e-9)


@pytest.mark.parametrize("name, tip", [("f", 8), ("o", 8), ("flat-o", 8), ("6", 20), ("7", 16), ("8", 12), ("d", 12), ("9", 8)])
def test_thumb_meets_the_finger(name, tip):
    hand = BODY.hand_points(HANDS[name][None])[0]
    assert np.linalg.norm(hand[4] - hand[tip]) < 0.045


def test_handshapes_differ_where_they_should():
    tip = lambda name, joint: BODY.hand_points(HANDS[name][None])[0, joint]
    assert tip("a", 4)[0] > tip("s", 4)[0] + 0.08                      # a: alongside the index; s: across the front
    assert tip("r", 8)[0] < tip("r", 12)[0] and tip("u", 8)[0] > tip("u", 12)[0]          # r: index and middle crossed
    assert tip("l", 4)[0] > 0.25 and tip("y", 20)[1] > 0.4 > tip("y", 8)[1]


@pytest.mark.parametrize("contact, joint", [("index-tip", 37), ("thumb-tip", 33), ("middle-tip", 41), ("little-tip", 49)])
@pytest.mark.parametrize("place", ["chin", "forehead", "cheek", "chest"])
def test_contact_is_reached(place, contact, joint):
    sequence = compiled(handshape=("5",), palm=("left",), location=(place,), contact=contact,
                        movement=Movement("tap", direction="back", size=0.1, repeat=2))
    apart = np.linalg.norm(sequence.xyz[:, joint] - BODY.place(place)[0], axis=-1)
    assert apart.min() < 1e-4 and apart[0] == pytest.approx(0.1, abs=1e-4)


def test_base_hand_is_touched_and_still():
    sequence = compiled(SIGNS[-1])
    left, right = sequence.group("left_hand"), sequence.group("right_hand")
    palms = np.linalg.norm(left[:, [0, 5, 9, 17]].mean(1) - right[:, [0, 5, 9, 17]].mean(1), axis=-1)
    assert palms.min() < 0.08 < palms.max() and abs(np.diff(left, axis=0)).max() == 0


@pytest.mark.parametrize("shape, joint", [("1", 16), ("i", 28), ("x", 16), ("l", 16)])
def test_base_fingertips_is_the_tip_of_the_longest_finger(shape, joint):
    base = Base(shape, "right", "up-front", "neutral")
    sequence = compiled(handshape=("1",), type="base-hand", palm=("down",), fingers=("left",), location=("base-fingertips",),
                        contact="index-tip", base=base)
    assert np.allclose(sequence.joint("r_hand_index_tip"), sequence.xyz[:, joint], atol=1e-4)


def test_shoulder_front_keeps_a_raised_hand_beside_the_face():
    hand = compiled(location=("shoulder-front",)).group("right_hand")
    assert hand[..., 0].max() < HEAD[0][0] - HEAD[1][0] and hand[..., 1].max() < BODY.nose[1] and hand[..., 2].min() > 0.2


def test_symmetric_hands_mirror_and_alternating_hands_take_turns():
    xyz = compiled(SIGNS[3]).xyz
    assert np.allclose(xyz[:, 8:29], xyz[:, 29:50] * MIRROR, atol=1e-6) and np.allclose(xyz[:, 6], xyz[:, 3] * MIRROR, atol=1e-6)
    sequence = compiled(SIGNS[4])
    right, left = sequence.joint("r_wrist")[:, 1], sequence.joint("l_wrist")[:, 1]
    assert np.corrcoef(right, left)[0, 1] < -0.8


def test_left_handed_variant_is_the_mirror_image():
    left = compiled(variant=Variant("left", handed="left")).xyz
    assert np.allclose(left, compiled().mirrored().xyz, atol=1e-6)


def test_one_handed_signs_leave_the_left_arm_at_rest():
    assert np.allclose(compiled().xyz[:, 5:29], np.concatenate([BODY.rest()[5:8], BODY.rest()[8:29]]), atol=1e-6)


def test_rest_hangs_low_and_is_symmetric():
    rest = BODY.rest()
    assert rest[4] == pytest.approx([-0.48, -1.4, 0.18], abs=1e-6)
    assert -0.62 < rest[3, 0] < -0.48 and rest[3, 1] < -0.7 and rest[3, 2] < 0            # the elbow at the side, not akimbo
    assert np.allclose(rest[SIGNER70.mirror] * MIRROR, rest)


@pytest.mark.parametrize("place", ["chest", "stomach", "mouth", "forehead"])
def test_hands_stay_out_of_the_body(place):
    hand = compiled(palm=("front",), fingers=("up",), location=(place,),
                    movement=Movement("straight", direction="back", size=0.6)).group("right_hand")
    for centre, radii in (TORSO, (BODY.nose + HEAD[0], HEAD[1])):
        assert ((((hand - centre) / radii) ** 2).sum(-1) > 0.98).all()


def test_reach_is_clamped_and_the_wrist_bend_is_human():
    sequence = compiled(movement=Movement("straight", direction="front", size=2.0), fingers=("back",), palm=("up",))
    wrist, elbow = sequence.joint("r_wrist"), sequence.joint("r_elbow")
    assert np.linalg.norm(wrist - sequence.joint("r_shoulder"), axis=-1).max() < BODY.upper_arm + BODY.forearm
    hand = sequence.joint("r_hand_middle_mcp") - wrist
    cosine = ((wrist - elbow) * hand).sum(-1) / np.linalg.norm(wrist - elbow, axis=-1) / np.linalg.norm(hand, axis=-1)
    assert np.degrees(np.arccos(cosine)).max() < 95


def test_variants_change_speed_and_size():
    sign = replace(PLAIN, movement=Movement("straight", direction="left", size=0.3))
    span = lambda v: np.ptp(compiled(sign, v).joint("r_wrist")[:, 0])
    assert span(REDUCED) < span(CITATION) < span(EMPHATIC)
    assert len(compiled(sign, REDUCED)) < len(compiled(sign)) < len(compiled(sign, EMPHATIC))


@pytest.mark.parametrize("hand", ["wiggle", "open-close", "bend", "twist", "nod", "shake"])
def test_hand_movements_move_the_hand_and_not_the_wrist(hand):
    sequence = compiled(handshape=("5", "s"), movement=Movement(hand=hand, repeat=2))
    inner = sequence.group("right_hand") - sequence.joint("r_wrist")[:, None]
    assert np.ptp(inner, axis=0).max() > 0.04 and np.ptp(sequence.joint("r_wrist"), axis=0).max() < 0.12


@pytest.mark.parametrize("face", ["brows-up", "brows-down", "head-shake", "nod"])
def test_the_face_marks_and_comes_back(face):
    points = compiled(face=face).group("face")
    assert np.ptp(points, axis=0).max() > 0.015 and np.allclose(points[0], points[-1], atol=1e-6)


def test_strokes_start_and_end_at_rest():
    wrist = compiled(movement=Movement("straight", direction="left", size=0.3)).joint("r_wrist")
    speed = np.linalg.norm(np.diff(wrist, axis=0), axis=-1)
    assert speed[0] < 0.1 * speed.max() and speed[-1] < 0.1 * speed.max()


def test_parallel_palm_and_fingers_name_the_sign():
    with pytest.raises(SignerError, match="sign PLAIN: palm up and fingers up are parallel"):
        compiled(palm=("up",))
    frame = hand_frame(np.array([0, 0, 1.0]), np.array([0, 1.0, 0]))
    assert np.allclose(frame[:, 0], [1, 0, 0]) and np.isclose(np.linalg.det(frame), 1)


def test_body_file_mistakes_are_one_line(tmp_path):
    with pytest.raises(SignerError, match="no signer file"):
        load_body(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_text("name: b\nface: {}\n")
    with pytest.raises(SignerError, match="lacks 'brow'"):
        load_body(tmp_path / "b.yaml")
