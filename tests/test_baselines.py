"""Floors and stitching: what each of them gives, against cases that can be checked by hand, and spoken-to-signed on our own clips."""

import numpy as np
import pytest
import torch
from spoken_to_signed.gloss_to_pose.concatenate import ConcatenationSettings

from signer_lib.baselines.floors import mean_pose, nearest_neighbour, static_mean, wrong_sentence
from signer_lib.baselines.stitching import CAP, FPS, RISE, SEAM, STILL, spoken_to_signed, stitching, stitching_raw
from signer_lib.errors import SignerError
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.folder import Performed
from signer_lib.performances.units import Unit, units_of
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.directions import to_directions
from signer_lib.pose.motion import jerk, zero_phase
from signer_lib.prior.body import load_body
from signer_lib.prior.compiler import compile_sign
from signer_lib.prior.database import Prior
from signer_lib.prior.phonology import load_signs
from signer_lib.prior.stability import active_span, cut
from signer_lib.prior.table import clip_row

REST = load_body().rest().astype(np.float32)
WRISTS = [SIGNER70.index("r_wrist"), SIGNER70.index("l_wrist")]
LETTERS = {"A": "GOOD", "B": "SLEEP", "M": "WALK", "S": "WANT"}    # quick signs that stand for the letters here
LEAD = round(STILL * FPS) + round(RISE * FPS)                  # frames before the first sign, and after the last


def row(gloss, poses, variant="one"):
    return clip_row(gloss, variant, poses, source="recording", licence="CC0-1.0", signer="made")


@pytest.fixture(scope="module")
def clips():
    signs, body = load_signs(), load_body()
    made = {name: compile_sign(signs[name], body) for name in ("BOOK", "KNOW", "LIKE")}
    made |= {letter: compile_sign(signs[sign], body).stretch(8) for letter, sign in LETTERS.items()}
    return made | {"SLOW": made["KNOW"].stretch(60)}


@pytest.fixture(scope="module")
def small(clips, tmp_path_factory):
    """A prior with one clip of each."""
    prior = Prior.new(tmp_path_factory.mktemp("prior") / "small")
    prior.add(row(gloss, poses) for gloss, poses in clips.items())
    return prior


def sentence(glosses, text=""):
    names = glosses.split()
    return GlossSentence(text, names, torch.zeros(len(names), 4), torch.zeros(4))


def performed(glosses, xyz):
    return Performed("x", "", glosses.split(), [Unit(name, i) for i, name in enumerate(glosses.split())], PoseSequence(xyz, FPS), [], "", [])


def still(glosses, frames=10):
    return performed(glosses, REST[None].repeat(frames, 0))


def of_unit(produced, unit):
    (span,) = [span for span in produced.spans if span.unit == unit]
    return produced.poses.xyz[span.start:span.stop]


# --- floors ------------------------------------------------------------------------------------------------------------------
def test_the_static_mean_never_moves_and_lasts_the_mean_seconds_of_its_units(small):
    training = [still("BOOK LIKE", 30), still("KNOW", 15)]                               # 15 frames a unit
    one, spelled = static_mean([sentence("LIKE"), sentence("fs-SAM BOOK")], training, small)
    assert (len(one.poses), len(spelled.poses)) == (15, 60)
    assert (spelled.poses.xyz == one.poses.xyz[0]).all() and np.allclose(one.poses.xyz[0], REST, atol=1e-5)


def test_the_mean_pose_keeps_every_bone_where_a_mean_of_positions_does_not(clips):
    xyz = np.concatenate([clips["KNOW"].xyz, REST[None].repeat(40, 0)])
    directions, lengths = (lambda pose, part=part: to_directions(torch.from_numpy(pose).float())[part][:50] for part in (0, 1))
    found, plain = mean_pose([performed("KNOW", xyz[:30]), performed("KNOW", xyz[30:])]), xyz.mean(0)
    assert torch.allclose(lengths(found), lengths(REST), atol=1e-3)
    assert lengths(plain)[4] < 0.9 * lengths(REST)[4]
    assert torch.allclose(directions(found), directions(plain), atol=1e-3)


def test_the_mean_pose_counts_only_frames_that_show_a_joint():
    tip, knuckle = SIGNER70.index("l_hand_thumb_tip"), SIGNER70.index("r_hand_index_mcp")
    xyz = REST[None].repeat(6, 0)
    xyz[2:, tip], xyz[:, knuckle] = np.nan, np.nan
    found = mean_pose([performed("A", xyz)])
    finger = np.arange(knuckle, knuckle + 4)                                            # what hangs on the knuckle has no place either
    assert np.isnan(found[finger]).all() and np.allclose(np.delete(found, finger, 0), np.delete(REST, finger, 0), atol=1e-5)


def test_the_wrong_sentence_is_another_ones_truth_never_its_own():
    truth = [performed(glosses, REST[None].repeat(5, 0) + k) for k, glosses in enumerate(["A", "B", "A", "A B", "B A"])]
    shown = lambda seed: [round(float(one.poses.xyz[0, 1, 0])) for one in wrong_sentence(truth, seed)]
    for seed in range(20):
        assert all(truth[i].glosses != truth[k].glosses for i, k in enumerate(shown(seed)))
    assert shown(3) == shown(3) and len({tuple(shown(seed)) for seed in range(20)}) > 5
    assert all(one.spans is None for one in wrong_sentence(truth)), "another sentence's spans are of other units"


def test_without_another_sentence_there_is_no_wrong_one():
    with pytest.raises(SignerError, match="at least two"):
        wrong_sentence([still("A B"), still("A B")])


@pytest.mark.parametrize("training, best", [
    (["A B", "LIKE KNOW", "BOOK A"], 2),                              # one edit, where the others need two
    (["BOOK KNOW", "BOOK LIKE KNOW", "A B"], 1),                      # each is one edit away: more units in common
    (["LIKE A", "LIKE BOOK", "A A"], 1),                              # each is two away: more in common, though in another order
    (["A LIKE", "B LIKE", "M LIKE"], 0),                              # equal in that too: the earliest
])
def test_the_nearest_neighbour_needs_the_fewest_edits(small, training, best):
    known = [performed(glosses, REST[None].repeat(5, 0) + k) for k, glosses in enumerate(training)]
    (found,) = nearest_neighbour([sentence("BOOK LIKE")], known, small)
    assert round(float(found.poses.xyz[0, 1, 0])) == best


def test_the_nearest_neighbour_compares_letters_one_by_one(small):
    known = [still("BOOK", 5), still("S A B", 6)]
    (found,) = nearest_neighbour([sentence("fs-SAM")], known, small)
    assert len(found.poses) == 6


@pytest.mark.parametrize("floor", [static_mean, nearest_neighbour])
def test_floors_without_training_say_what_to_do(small, floor):
    with pytest.raises(SignerError, match="make them with"):
        floor([sentence("BOOK")], [], small)


# --- stitching ---------------------------------------------------------------------------------------------------------------
def test_stitched_clips_are_the_stored_ones_between_rests(small, clips):
    (found,) = stitching_raw([sentence("BOOK fs-AB LIKE")], small)
    for unit, name in enumerate(("BOOK", "A", "B", "LIKE")):
        assert np.array_equal(of_unit(found, unit), cut(clips[name], active_span(clips[name])).xyz), name
    spans = found.spans
    assert [span.start for span in spans] == [0] + [span.stop for span in spans[:-1]] and spans[-1].stop == len(found.poses)
    assert np.allclose(found.poses.xyz[[0, -1]], REST, atol=1e-6) and spans[2].start == LEAD


def test_a_seam_is_a_straight_line_at_an_even_speed(small):
    (found,) = stitching_raw([sentence("BOOK KNOW")], small)
    before, after = of_unit(found, 0)[-1], of_unit(found, 1)[0]
    seam = found.poses.xyz[found.spans[3].start:found.spans[3].stop]
    assert len(seam) == round(SEAM * FPS)
    steps = np.diff(np.concatenate([before[None], seam, after[None]]), axis=0)
    assert np.allclose(steps, (after - before) / (len(seam) + 1), atol=1e-5) and np.abs(steps).max() > 0.02


def test_a_clip_is_sped_up_to_the_cap_and_a_short_one_left(small, clips):
    ask = [sentence("SLOW BOOK")]
    (capped,), (whole,) = stitching_raw(ask, small), stitching_raw(ask, small, cap=None)
    assert len(of_unit(capped, 0)) == round(CAP * FPS) < len(of_unit(whole, 0))
    assert np.array_equal(of_unit(capped, 0)[[0, -1]], of_unit(whole, 0)[[0, -1]]), "sped up, not cut off"
    assert np.array_equal(of_unit(capped, 1), of_unit(whole, 1))


def test_the_first_or_the_steadiest_clip_is_stitched(small, clips, tmp_path):
    prior = Prior.new(tmp_path / "two")
    shaking = PoseSequence(clips["KNOW"].xyz + np.random.default_rng(0).normal(0, 0.02, clips["KNOW"].xyz.shape), FPS)
    prior.add([row("KNOW", shaking, "shaking"), row("KNOW", clips["KNOW"], "calm")])
    (first,), (calm,) = (stitching_raw([sentence("KNOW")], prior, choose=choose) for choose in ("first", "steadiest"))
    assert jerk(of_unit(first, 0)[:, WRISTS], FPS) > 2 * jerk(of_unit(calm, 0)[:, WRISTS], FPS)
    with pytest.raises(SignerError, match="not 'best'"):
        stitching_raw([sentence("KNOW")], prior, choose="best")


def test_stitching_is_the_raw_one_through_the_zero_phase_filter(small):
    ask = [sentence("BOOK KNOW LIKE")]
    (raw,), (smooth,), (smoother,) = stitching_raw(ask, small), stitching(ask, small), stitching(ask, small, cutoff=3.0)
    assert np.allclose(smooth.poses.xyz, zero_phase(raw.poses.xyz, FPS, 6.0), atol=1e-5) and smooth.spans == raw.spans
    shake = [jerk(one.poses.xyz[:, WRISTS], FPS) for one in (raw, smooth, smoother)]
    assert shake[1] < 0.8 * shake[0] and shake[2] < 0.8 * shake[1]


def test_a_joint_that_a_clip_lacks_stays_missing_and_spoils_nothing(clips, tmp_path):
    prior, xyz, gone = Prior.new(tmp_path / "gap"), clips["KNOW"].xyz.copy(), SIGNER70.groups["face"]
    xyz[:, gone] = np.nan
    prior.add([row("KNOW", PoseSequence(xyz, FPS)), row("LIKE", clips["LIKE"])])
    (found,) = stitching([sentence("KNOW LIKE")], prior)
    first, last = of_unit(found, 0), of_unit(found, 1)
    assert np.isnan(first[:, gone]).all() and np.isfinite(first[:, :50]).all() and np.isfinite(last).all()


def test_a_clip_of_another_frame_rate_lasts_as_long(clips, tmp_path):
    prior = Prior.new(tmp_path / "fast")
    prior.add([row("LIKE", clips["LIKE"].resample(50.0))])
    (found,) = stitching_raw([sentence("LIKE")], prior)
    assert np.abs(of_unit(found, 0) - cut(clips["LIKE"], active_span(clips["LIKE"])).xyz).max() < 0.02


def test_a_sentence_without_glosses_rests(small):
    for system in (stitching_raw, stitching, spoken_to_signed):
        (found,) = system([sentence("")], small)
        assert np.allclose(found.poses.xyz, REST, atol=1e-4)


# --- spoken-to-signed --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("gloss", ["KNOW", "BOOK"])
def test_spoken_to_signed_gives_our_clip_back_where_it_was(small, clips, gloss):
    """One sign has no seam: right joints, handedness, scale, origin and axes can be compared frame by frame."""
    (found,) = spoken_to_signed([sentence(gloss)], small)
    sign = found.poses.xyz[LEAD:len(found.poses) - LEAD]
    assert found.spans is None and found.poses.fps == FPS and np.isfinite(found.poses.xyz).all()
    assert len(sign) == len(clips[gloss]) <= CAP * FPS, "its own first and last clip are whole"
    assert np.abs(sign - clips[gloss].xyz).max() < 2e-3


def test_spoken_to_signed_signs_every_unit_in_turn(small, clips):
    (found,) = spoken_to_signed([sentence("BOOK fs-AB KNOW")], small)
    sign = found.poses.xyz[LEAD:len(found.poses) - LEAD]
    assert 20 < len(sign) < sum(len(clips[name]) for name in ("BOOK", "A", "B", "KNOW")) + 8
    near = [int(np.linalg.norm(sign[:, WRISTS] - clips[name].xyz[len(clips[name]) // 2, WRISTS], axis=-1).sum(-1).argmin())
            for name in ("BOOK", "A", "B", "KNOW")]
    assert near == sorted(near) and len(set(near)) == 4


def test_spoken_to_signed_leaves_no_trace(small, capsys):
    ask = [sentence("BOOK KNOW"), sentence("KNOW KNOW BOOK")]
    once, again = spoken_to_signed(ask, small), spoken_to_signed(ask, small)
    assert all(np.array_equal(a.poses.xyz, b.poses.xyz) for a, b in zip(once, again)), "it changed the poses that it keeps"
    assert ConcatenationSettings.is_reduce_holistic and capsys.readouterr().out == ""


def test_spoken_to_signed_sees_a_prior_grow(clips, tmp_path):
    prior = Prior.new(tmp_path / "growing")
    prior.add([row("BOOK", clips["BOOK"])])
    with pytest.raises(SignerError, match="no clip for one of A, B") as told:
        spoken_to_signed([sentence("fs-AB")], prior)
    assert "\n" not in str(told.value)
    prior.add([row("A", clips["A"]), row("B", clips["B"])])
    assert len(spoken_to_signed([sentence("fs-AB")], prior)[0].poses) > 2 * LEAD


def test_all_stitchers_sign_the_same_units(small):
    units = units_of(["BOOK", "fs-SAM"], small)
    (found,) = stitching([sentence("BOOK fs-SAM")], small)
    assert [span.unit for span in found.spans if span.unit is not None] == list(range(len(units))) == [0, 1, 2, 3]
