"""Signs compiled into poses: contact, symmetry, movement, compounds, variants."""

from dataclasses import replace

import numpy as np
import pytest

from signer_lib.errors import SignerError
from signer_lib.prior.body import ARM_PLACES, BASE_PLACES, HEAD_PLACES, SIGNERS, SPACE_PLACES, TORSO_PLACES, load_body
from signer_lib.prior.checks import check_poses
from signer_lib.prior.compiler import CITATION, EMPHATIC, REDUCED, VARIANTS, Variant, compile_sign
from signer_lib.prior.kinematics import MIRROR
from signer_lib.prior.phonology import Base, Compound, Movement, Sign, load_signs

BODY = load_body()
PLAIN = Sign("PLAIN", "one-handed", ("open-b",), ("front",), ("up",), ("neutral",))
BASE = Base("open-b", "up", "front-right", "neutral")
SIGNS = [PLAIN,
         replace(PLAIN, movement=Movement("circle", repeat=2, hand="twist")),
         replace(PLAIN, handshape=("5", "flat-o"), palm=("back",), location=("forehead", "chin"), movement=Movement("arc")),
         replace(PLAIN, type="symmetric", palm=("left", "up"), fingers=("front",), contact="little-side"),
         replace(PLAIN, type="alternating", handshape=("claw-5",), movement=Movement("circle", "side", "front", repeat=2)),
         replace(PLAIN, type="base-hand", palm=("down",), fingers=("front-left",), location=("base-palm",), contact="palm",
                 movement=Movement("tap", direction="down", repeat=2), base=BASE)]


def compiled(sign=PLAIN, variant=CITATION, body=BODY, **changes):
    return compile_sign(replace(sign, **changes) if changes else sign, body, variant)


def sound(figures):
    return (figures["bone_error"] < 1e-5 and figures["joint_excess"] < 0.01 and figures["inside_torso"] == figures["inside_head"] == 0
            and (figures["contact_gap"] or 0) < 0.08)


@pytest.mark.parametrize("sign", SIGNS, ids=lambda s: f"{s.type}-{s.movement.path}")
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_every_type_of_sign_is_human_in_every_variant(sign, variant):
    sequence = compiled(sign, variant)
    assert (sequence.confidence == 1).all() and np.isfinite(sequence.xyz).all()
    assert sound(check_poses(sequence, BODY, sign))


@pytest.mark.parametrize("build", ["default", "small"])
def test_shipped_signs_are_human(build):
    body, signs = load_body(SIGNERS / f"{build}.yaml"), load_signs()
    chosen = list(signs)[::9]
    wrong = {gloss: figures for gloss in chosen if not sound(figures := check_poses(compile_sign(signs[gloss], body), body, signs[gloss]))}
    assert len(chosen) > 25 and not wrong


@pytest.mark.parametrize("contact, joint", [("index-tip", 37), ("thumb-tip", 33), ("middle-tip", 41), ("little-tip", 49)])
@pytest.mark.parametrize("place", ["chin", "forehead", "cheek", "chest"])
def test_contact_is_reached(place, contact, joint):
    sequence = compiled(handshape=("5",), palm=("left",), location=(place,), contact=contact,
                        movement=Movement("tap", direction="back", size=0.1, repeat=2))
    apart = np.linalg.norm(sequence.xyz[:, joint] - BODY.place(place)[0], axis=-1)
    assert apart.min() < 0.06 and apart[0] > apart.min() + 0.05


@pytest.mark.parametrize("place", [*HEAD_PLACES, *TORSO_PLACES, *SPACE_PLACES, *ARM_PLACES, *BASE_PLACES])
def test_every_place_can_be_a_signs(place):
    sign = replace(PLAIN, handshape=("1",), palm=("left",), fingers=("up-left",), location=(place,), type="base-hand", base=BASE)
    sequence = compiled(sign, contact="index-tip")
    assert sound(check_poses(sequence, BODY, replace(sign, contact="index-tip")))
    assert not np.allclose(sequence.xyz[:, 4], BODY.rest()[4], atol=0.2)


def test_places_on_the_other_forearm_lie_round_it():
    tip = lambda place: compiled(handshape=("1",), palm=("down",), fingers=("left",), location=(place,), contact="index-tip",
                                 type="base-hand", base=Base("s", "down", "right", "neutral")).xyz[8, 37]
    front, back = tip("forearm-front-other"), tip("forearm-back-other")
    assert back[1] > front[1] + 0.05                                     # a base hand that faces down shows its back above


def test_base_hand_is_touched_and_still():
    sequence = compiled(SIGNS[-1])
    left, right = sequence.group("left_hand"), sequence.group("right_hand")
    palms = np.linalg.norm(left[:, [0, 5, 9, 17]].mean(1) - right[:, [0, 5, 9, 17]].mean(1), axis=-1)
    assert palms.min() < 0.1 < palms.max() and abs(np.diff(left, axis=0)).max() < 0.01


def test_a_base_hand_that_moves_takes_the_other_along():
    sign = replace(SIGNS[-1], movement=Movement("straight", direction="up", size=0.3), base=replace(BASE, moves=True))
    right, left = (compiled(sign).joint(f"{side}_wrist") for side in "rl")
    assert left[-1, 1] - left[0, 1] == pytest.approx(0.3, abs=0.06) and np.ptp(right - left, axis=0).max() < 0.1
    still = compiled(sign, base=BASE)
    assert np.ptp(still.joint("l_wrist"), axis=0).max() < 0.01 and still.joint("r_wrist")[-1, 1] - still.joint("r_wrist")[0, 1] > 0.2


@pytest.mark.parametrize("shape, joint", [("1", 16), ("i", 28), ("x", 16), ("l", 16)])
def test_base_fingertips_is_the_tip_of_the_longest_finger(shape, joint):
    sequence = compiled(handshape=("1",), type="base-hand", palm=("down",), fingers=("left",), location=("base-fingertips",),
                        contact="index-tip", base=Base(shape, "right", "up-front", "neutral"))
    assert np.linalg.norm(sequence.joint("r_hand_index_tip") - sequence.xyz[:, joint], axis=-1).max() < 0.05


def test_shoulder_front_keeps_a_raised_hand_beside_the_face():
    hand = compiled(location=("shoulder-front",)).group("right_hand")
    assert hand[..., 0].max() < BODY.head[:, 0, 0].min() - 0.2 and hand[..., 1].max() < BODY.nose[1] and hand[..., 2].min() > 0.2


def test_symmetric_hands_mirror_and_alternating_hands_take_turns():
    xyz = compiled(SIGNS[3]).xyz
    assert np.allclose(xyz[:, 8:29], xyz[:, 29:50] * MIRROR, atol=1e-6) and np.allclose(xyz[:, 6], xyz[:, 3] * MIRROR, atol=1e-6)
    sequence = compiled(SIGNS[4])
    right, left = sequence.joint("r_wrist")[:, 1], sequence.joint("l_wrist")[:, 1]
    assert np.corrcoef(right, left)[0, 1] < -0.8


def test_arms_that_cross_lie_one_before_the_other():
    sequence = compiled(type="symmetric", handshape=("s",), palm=("back",), fingers=("up-left",), location=("chest-other",))
    right, left = (sequence.group(f"{side}_hand") for side in ("right", "left"))
    assert right[..., 0].min() > -0.1 and left[..., 0].max() < 0.1
    assert np.linalg.norm(right[:, :, None] - left[:, None], axis=-1).min() > 0.04


def test_mirrored_hands_keep_to_their_sides():
    sequence = compiled(type="symmetric", palm=("back",), fingers=("left",), movement=Movement("straight", direction="left", size=0.5))
    assert sequence.group("right_hand")[..., 0].max() < 0.01


def test_left_handed_variant_is_the_mirror_image():
    left = compiled(variant=Variant("left", handed="left")).xyz
    assert np.allclose(left, compiled().mirrored().xyz, atol=1e-6)


def test_one_handed_signs_leave_the_left_arm_at_rest():
    assert np.allclose(compiled().xyz[:, 5:29], np.concatenate([BODY.rest()[5:8], BODY.rest()[8:29]]), atol=1e-6)


@pytest.mark.parametrize("place", ["chest", "stomach", "mouth", "forehead"])
def test_a_path_into_the_body_ends_on_it(place):
    sequence = compiled(location=(place,), movement=Movement("straight", direction="back", size=0.6))
    assert BODY.shapes.depth(sequence.group("right_hand")).max() < 0


def test_a_cross_is_drawn_with_two_strokes():
    tip = compiled(handshape=("1",), fingers=("up-front",), contact="index-tip", movement=Movement("cross", size=0.3)).joint("r_hand_index_tip")
    size = np.ptp(tip, axis=0)
    assert size[:2] == pytest.approx([0.3, 0.3], abs=0.04)
    down = np.diff(tip[:, 1]) < -0.01
    assert np.count_nonzero(np.diff(down.astype(int)) == 1) + down[0] == 2
    first, second = np.flatnonzero(down)[[0, -1]]
    assert np.sign(tip[first, 0] - tip[first + 1, 0]) != np.sign(tip[second, 0] - tip[second + 1, 0])


def test_a_finger_tips_circle_stays_at_its_place():
    sequence = compiled(handshape=("1",), palm=("back",), fingers=("up-left",), location=("cheek",), contact="index-tip",
                        movement=Movement("circle", size=0.15, repeat=2))
    apart = np.linalg.norm(sequence.joint("r_hand_index_tip") - BODY.place("cheek")[0], axis=-1)
    assert 0.03 < apart.max() < 0.08


def test_variants_change_speed_size_and_height():
    sign = replace(PLAIN, movement=Movement("straight", direction="left", size=0.3))
    span = lambda v: np.ptp(compiled(sign, v).joint("r_wrist")[:, 0])
    assert span(REDUCED) < span(CITATION) < span(EMPHATIC)
    assert len(compiled(sign, REDUCED)) < len(compiled(sign)) < len(compiled(sign, EMPHATIC))
    height = lambda v: compiled(variant=v).joint("r_wrist")[0, 1]
    assert height(REDUCED) < height(CITATION) < height(EMPHATIC)


@pytest.mark.parametrize("hand", ["wiggle", "open-close", "bend", "twist", "nod", "shake"])
def test_hand_movements_move_the_hand_and_not_the_wrist(hand):
    sequence = compiled(handshape=("5", "s"), location=("neutral-high",), movement=Movement(hand=hand, repeat=2))
    inner = sequence.group("right_hand") - sequence.joint("r_wrist")[:, None]
    assert np.ptp(inner, axis=0).max() > 0.04 and np.ptp(sequence.joint("r_wrist"), axis=0).max() < 0.12


def test_the_face_marks_what_the_sign_says():
    points = compiled(face=("brows-up",)).group("face")
    assert np.ptp(points, axis=0).max() > 0.015 and np.allclose(points[0], points[-1], atol=1e-6)
    assert np.allclose(np.ptp(compiled().group("face"), axis=0), 0)


def test_strokes_start_and_end_at_rest_and_are_smooth():
    wrist = compiled(movement=Movement("straight", direction="left", size=0.3)).joint("r_wrist")
    speed = np.linalg.norm(np.diff(wrist, axis=0), axis=-1)
    assert speed[0] < 0.1 * speed.max() and speed[-1] < 0.1 * speed.max()
    assert np.linalg.norm(np.diff(wrist, n=2, axis=0), axis=-1).max() < 0.03


def test_a_compound_is_its_parts_with_a_steady_way_between():
    parts = (replace(PLAIN, location=("forehead",), duration=350.0), replace(SIGNS[3], duration=420.0))
    sequence = compile_sign(Compound("BOTH", parts), BODY)
    assert sequence.duration * 1000 == pytest.approx(770, abs=100)
    assert sound(check_poses(sequence, BODY, Compound("BOTH", parts)))
    assert sequence.xyz[0, 37, 1] > 0.5 > 0 > sequence.xyz[-1, 37, 1] - 0.3                             # from the forehead to in front of the chest
    assert sequence.joint("l_wrist")[0, 1] < -1 < -0.8 < sequence.joint("l_wrist")[-1, 1]               # the left arm comes up for its part
    assert np.linalg.norm(np.diff(sequence.joint("r_wrist"), axis=0), axis=-1).max() < 0.45


def test_parallel_palm_and_fingers_name_the_sign():
    with pytest.raises(SignerError, match="sign PLAIN: palm up and fingers up are parallel"):
        compiled(palm=("up",))
