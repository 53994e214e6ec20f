"""The stability rules, and the recorded letters that went through them."""

from string import ascii_uppercase

import numpy as np
import pytest

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.fingerspelling import recorded_letters, spell
from signer_lib.prior.hand_fitting import fit_hand
from signer_lib.prior.kinematics import hand_frame, load_body
from signer_lib.prior.phonology import load_handshapes
from signer_lib.prior.recordings import constant_bones, fill_gaps, hand_speed, hold_span, low_pass, movement_span, rest_unseen

RIGHT = range(70)[SIGNER70.groups["right_hand"]]
PARENTS = np.array(SIGNER70.parents)
BONES = np.flatnonzero((PARENTS >= 0) & (np.arange(70) < 50))


def lengths(xyz: np.ndarray) -> np.ndarray:
    return np.linalg.norm(xyz[:, BONES] - xyz[:, PARENTS[BONES]], axis=-1)


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def letters(body):
    return recorded_letters(body)


@pytest.fixture
def recording(body):
    """A right hand that rises, stands still and falls, with jitter and wrong bones; the left is never seen."""
    rng = np.random.default_rng(0)
    height = np.interp(np.arange(45), [0, 12, 33, 44], [-0.9, 0.1, 0.1, -0.9])
    wrist = np.stack([np.full(45, -0.6), height, np.full(45, 5.0)], -1)
    hand = 1.2 * body.hand_points(load_handshapes()["l"][None])[0] @ hand_frame(np.array([0, 0, 1.0]), np.array([0, 1.0, 0])).T
    xyz = np.repeat(body.rest()[None], 45, axis=0)
    xyz[:, RIGHT] = wrist[:, None] + hand + rng.normal(0, 0.004, (45, 21, 3))
    xyz[:, 4] = xyz[:, RIGHT[0]]
    xyz[:, [6, 7, *range(8, 29)]] = np.nan
    return PoseSequence(xyz, 25)


def stabilise(sequence, body):
    """All rules in order."""
    return rest_unseen(constant_bones(low_pass(fill_gaps(sequence)), body), body)


def test_short_gaps_are_filled_and_long_ones_stay(recording):
    xyz = recording.xyz.copy()
    xyz[5:8, 30] = xyz[10:20, 31] = xyz[:3, 32] = np.nan
    filled = fill_gaps(PoseSequence(xyz, 25))
    np.testing.assert_allclose(filled.xyz[6, 30], (xyz[4, 30] + xyz[8, 30]) / 2, atol=1e-6)
    assert (filled.confidence[5:8, 30] == 0.5).all()
    assert not filled.confidence[10:20, 31].any() and not filled.confidence[:3, 32].any()


def test_low_pass_removes_jitter_without_delay(recording):
    t = np.arange(100) / 25
    clean = np.zeros((100, 70, 3))
    clean[..., 0] = np.sin(2 * np.pi * t)[:, None]
    shaken = clean + 0.1 * np.sin(2 * np.pi * 11 * t)[:, None, None]
    inner = slice(10, -10)
    assert np.abs(low_pass(PoseSequence(shaken, 25)).xyz - clean)[inner].max() < 0.02
    assert np.isnan(low_pass(recording).joint("l_wrist")).all(), "what is missing stays missing"


def test_bones_are_constant_and_the_bodys(recording, body):
    stable = stabilise(recording, body)
    assert np.isfinite(stable.xyz).all() and (stable.confidence > 0).all()
    np.testing.assert_allclose(lengths(stable.xyz), np.repeat(lengths(body.rest()[None]), len(stable), 0), atol=1e-4)


def test_an_arm_that_is_never_seen_rests(recording, body):
    laid = constant_bones(recording, body)
    assert not laid.confidence[:, [6, 7, *range(8, 29)]].any()
    rested = rest_unseen(laid, body)
    np.testing.assert_allclose(rested.group("left_hand")[7], body.rest()[8:29], atol=1e-6)
    np.testing.assert_array_equal(rested.group("right_hand"), laid.group("right_hand"))


def test_an_arm_seen_part_of_the_time_is_missing_for_the_rest(recording, body):
    xyz = recording.xyz.copy()
    xyz[:15, RIGHT] = np.nan
    laid = stabilise(PoseSequence(xyz, 25), body)
    assert not laid.confidence[:15, RIGHT].any() and laid.confidence[15:].all()


def test_spans(recording):
    steady = low_pass(recording)
    hold = hold_span(steady, 0.28)
    assert hold.stop - hold.start == 7 and 12 <= hold.start and hold.stop <= 34
    rising = movement_span(steady)
    assert 6 <= rising.start <= 12 and rising.stop <= 16
    with pytest.raises(SignerError, match="never seen"):
        hold_span(recording, 0.28, "left")


def test_a_fitted_hand_looks_like_the_recorded_one_even_with_wrong_depth(body):
    wanted = load_handshapes()["s"] * 0.9
    seen = body.hand_points(wanted[None]) * np.array([1.1, 1.1, 0.5])
    angles, rotation, shift = fit_hand(seen, body, load_handshapes()["s"])
    drawn = body.hand_points(angles) @ rotation.transpose(0, 2, 1) + shift[:, None]
    assert np.abs(drawn - seen / 1.1)[..., :2].mean() < 0.01
    np.testing.assert_allclose(rotation[0] @ rotation[0].T, np.eye(3), atol=1e-9)


def test_all_letters_are_whole_and_stable(letters, body):
    assert list(letters) == list(ascii_uppercase)
    rest, still = body.rest(), [*range(5, 29), *range(50, 70)]              # left arm, face
    for letter, poses in letters.items():
        assert poses.fps == 25 and np.isfinite(poses.xyz).all(), letter
        np.testing.assert_allclose(lengths(poses.xyz), np.repeat(lengths(rest[None]), len(poses), 0), atol=1e-4, err_msg=letter)
        np.testing.assert_allclose(poses.xyz[:, still], np.repeat(rest[None, still], len(poses), 0), atol=1e-6)
        assert (poses.duration > 0.4) if letter in "JZ" else (0.2 <= poses.duration <= 0.32), letter
        assert (hand_speed(poses).mean() > 1) if letter in "JZ" else (hand_speed(poses).mean() < 0.6), letter
        palm = poses.group("right_hand")[:, [0, 5, 17]].mean((0, 1))
        assert -1.0 < palm[0] < -0.35 and -0.2 < palm[1] < 0.4 and palm[2] > 0.1, letter


def test_letters_have_their_fingers_up(letters):
    out = {"S": "", "A": "", "L": "index", "R": "index middle", "V": "index middle", "U": "index middle",
           "W": "index middle ring", "B": "index middle ring little", "I": "little", "Y": "little"}
    for letter, up in out.items():
        pose = letters[letter].xyz[3]
        for finger in ("index", "middle", "ring", "little"):
            at = lambda joint: pose[SIGNER70.index(f"r_hand_{joint}")]
            reach = lambda joint: np.linalg.norm(at(f"{finger}_{joint}") - at("wrist"))
            assert (reach("tip") > reach("pip") + 0.05) == (finger in up.split()), (letter, finger)
    thumb, index, middle = (letters["S"].xyz[3, SIGNER70.index(f"r_hand_{f}")] for f in ("thumb_tip", "index_pip", "middle_pip"))
    assert thumb[2] > max(index[2], middle[2]), "the thumb of S lies before the fingers"
    tip = lambda letter, finger: letters[letter].xyz[3, SIGNER70.index(f"r_hand_{finger}_tip")]
    spread = lambda letter: np.linalg.norm(tip(letter, "index") - tip(letter, "middle"))
    assert spread("V") > 2 * spread("U")


@pytest.mark.parametrize("word, glosses", [("fs-SAM", "S A M"), ("sam", "S A M"), ("Zoë", "Z O E"),
                                           ("O'Neil-Ann", "O N E I L A N N"), ("fs-R2D2", "R TWO D TWO"),
                                           ("10", "ONE O"), ("3.5", "THREE FIVE"), ("ﬁn", "F I N")])
def test_spelling(word, glosses):
    assert spell(word) == glosses.split()


@pytest.mark.parametrize("word", ["fs-", "", "--", "Łódź", "Привет", "a b", "👋", "½"])
def test_what_cannot_be_spelled(word):
    with pytest.raises(SignerError) as error:
        spell(word)
    assert "\n" not in str(error.value)
