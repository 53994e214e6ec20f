"""The measures of poses: by hand, against a plain reference, what must not change them, and what they cannot see."""

import json
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from signer_lib.errors import SignerError
from signer_lib.metrics.dtw import dtw_path, frame_costs
from signer_lib.metrics.poses import (
    JOINTS,
    PoseMetric,
    alignment,
    bone_drift,
    compared_share,
    dtw_mje,
    dtw_pt,
    duration_ratio,
    hand_error,
    missing_share,
    pose_scores,
    seam_velocity,
    total_distance_ratio,
    useless_control,
    wrist_jerk,
)
from signer_lib.metrics.table import Row, pose_table, show
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.table import wrist_jerk as jerk_in_the_prior

FPS = 25
R_WRIST = SIGNER70.index("r_wrist")
RIGHT, LEFT = SIGNER70.groups["right_hand"], SIGNER70.groups["left_hand"]
STEPS = {(1, 0), (0, 1), (1, 1)}


class Span(NamedTuple):
    unit: int | None
    start: int
    stop: int


class Given(NamedTuple):
    poses: PoseSequence
    spans: list[Span] | None = None


def sequence(xyz):
    return PoseSequence(np.asarray(xyz, np.float32), FPS)


def still(frames, seed=0):
    """A body of random proportions that does not move."""
    return np.repeat(np.random.default_rng(seed).normal(size=(1, 70, 3)), frames, 0)


def waving(frames, way=(1, .5, .2)):
    """That body with its right hand going to and fro."""
    xyz = still(frames)
    way = np.sin(np.linspace(0, 4 * np.pi, frames))[:, None] * way
    xyz[:, [R_WRIST, *range(RIGHT.start, RIGHT.stop)]] += way[:, None]
    return xyz


def walk(frames, seed):
    """A body whose joints all wander."""
    return np.cumsum(np.random.default_rng(seed).normal(scale=.1, size=(frames, 70, 3)), axis=0)


def reference_dtw(cost):
    """DTW as the textbook writes it: what is reached is the cell plus the cheapest of the three before it."""
    reached = np.full((len(cost) + 1, len(cost[0]) + 1), np.inf)
    reached[0, 0] = 0
    for i in range(len(cost)):
        for j in range(len(cost[0])):
            reached[i + 1, j + 1] = cost[i][j] + min(reached[i, j], reached[i, j + 1], reached[i + 1, j])
    return reached[-1, -1]


# --- the path --------------------------------------------------------------------------------------------------------
def test_the_path_of_a_worked_example():
    cost = [[1, 9, 9, 9],
            [1, 5, 9, 9],
            [9, 2, 2, 1]]
    total, path = dtw_path(cost)
    assert total == 1 + 1 + 2 + 2 + 1 and path.tolist() == [[0, 0], [1, 0], [2, 1], [2, 2], [2, 3]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (13, 40), (40, 13), (30, 30)])
@pytest.mark.parametrize("draw", ["any", "whole numbers with many ties and zeros"])
def test_the_total_is_the_plain_references_and_the_path_is_one_that_costs_it(shape, draw):
    rng = np.random.default_rng(shape[0] * 100 + shape[1])
    cost = rng.random(shape) if draw == "any" else rng.integers(0, 3, shape).astype(float)
    total, path = dtw_path(cost)
    assert total == pytest.approx(reference_dtw(cost))
    assert cost[tuple(path.T)].sum() == pytest.approx(total)
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [shape[0] - 1, shape[1] - 1]
    assert {tuple(step) for step in np.diff(path, axis=0).tolist()} <= STEPS


def test_ties_go_to_the_diagonal_so_that_equal_frames_are_met_once():
    assert dtw_path(np.zeros((4, 4)))[1].tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]
    assert len(dtw_path(np.ones((3, 6)))[1]) == 6


@pytest.mark.parametrize("cost", [np.zeros((0, 3)), [[1, np.nan]], [[np.inf]], [[-1]], [1, 2]])
def test_what_is_no_table_of_costs_is_refused(cost):
    with pytest.raises(SignerError, match="finite costs"):
        dtw_path(cost)


@pytest.mark.parametrize("power, metric", [(1, "cityblock"), (2, "euclidean")])
def test_costs_of_whole_frames_are_the_librarys_distances(power, metric):
    x, y = walk(6, 1), walk(9, 2)
    assert frame_costs(x, y, power) == pytest.approx(cdist(x.reshape(6, -1), y.reshape(9, -1), metric))


@pytest.mark.parametrize("power", [1, 2])
def test_costs_with_missing_joints_are_those_of_a_plain_loop(power):
    rng, x, y = np.random.default_rng(5), walk(6, 1), walk(9, 2)
    x[rng.random(x.shape[:2]) < .3] = np.nan
    y[rng.random(y.shape[:2]) < .3] = np.nan
    for i, j in np.ndindex(6, 9):
        seen = [k for k in range(70) if np.isfinite(x[i, k]).all() and np.isfinite(y[j, k]).all()]
        total = sum(abs(x[i, k, axis] - y[j, k, axis]) ** power for k in seen for axis in range(3))
        assert frame_costs(x, y, power)[i, j] == pytest.approx((total * 70 / len(seen)) ** (1 / power))


def test_frames_with_no_joint_in_common_cost_as_much_as_the_dearest():
    x, y = walk(4, 1), walk(4, 2)
    x[2] = np.nan
    cost = frame_costs(x, y, 1)
    assert (cost[2] == cost[[0, 1, 3]].max()).all()
    with pytest.raises(SignerError, match="no joint is seen both"):
        frame_costs(np.full((2, 70, 3), np.nan), y, 1)


# --- near ------------------------------------------------------------------------------------------------------------
def test_dtw_of_progressive_transformers_by_hand():
    truth, produced = still(2), still(3)
    produced[:, R_WRIST] += [.1, -.2, 0]
    # every pair of frames costs 0.3; three frames must be gone through, and the truth has two
    assert dtw_pt(sequence(produced), sequence(truth)) == pytest.approx(3 * .3 / 2, rel=1e-4)
    assert dtw_pt(sequence(truth), sequence(produced)) == pytest.approx(3 * .3 / 3, rel=1e-4)
    assert dtw_pt(sequence(produced), sequence(truth), scale=2) == pytest.approx(2 * 3 * .3 / 2, rel=1e-4)


def test_dtw_mje_by_hand():
    truth, produced = still(2), still(3)
    produced[:, R_WRIST] += [.3, 0, .4]
    assert dtw_mje(sequence(produced), sequence(truth)) == pytest.approx(.5 / JOINTS, rel=1e-4)


def test_both_are_the_plain_references():
    x, y = sequence(walk(23, 1)), sequence(walk(31, 2))
    rows = [[np.abs(a - b).sum() for b in y.xyz[:, :50]] for a in x.xyz[:, :50]]
    assert dtw_pt(x, y) == pytest.approx(reference_dtw(rows) / 31)
    flat = np.array([[np.sqrt(((a - b) ** 2).sum()) for b in y.xyz[:, :50]] for a in x.xyz[:, :50]])
    path = alignment(x, y)
    assert flat[tuple(path.T)].sum() == pytest.approx(reference_dtw(flat))
    apart = [np.sqrt(((x.xyz[i, k] - y.xyz[j, k]) ** 2).sum()) for i, j in path for k in range(50)]
    assert dtw_mje(x, y) == pytest.approx(np.mean(apart))


def test_hand_error_by_hand():
    truth, produced = still(3), still(3)
    produced[:, RIGHT.start + 8] += [0, .4, 0]                                   # one finger tip of 40 joints
    assert hand_error(sequence(produced), sequence(truth)) == pytest.approx(.4 / 40, rel=1e-4)


def test_hand_error_does_not_see_where_the_hand_is_but_dtw_mje_does():
    truth, produced = still(4), still(4)
    produced[:, LEFT] += 1
    assert hand_error(sequence(produced), sequence(truth)) == pytest.approx(0, abs=1e-6)
    assert dtw_mje(sequence(produced), sequence(truth)) == pytest.approx(21 / 50 * 3 ** .5, rel=1e-4)


def test_the_same_signing_at_half_the_speed_is_as_near_and_takes_twice_as_long():
    truth, slow = sequence(waving(40)), sequence(np.repeat(waving(40), 2, axis=0))
    assert dtw_pt(slow, truth) == dtw_mje(slow, truth) == hand_error(slow, truth) == 0
    assert duration_ratio(slow, truth) == 2 and total_distance_ratio(slow, truth) == pytest.approx(1)


@pytest.mark.parametrize("change", [lambda p: replace(p, xyz=p.xyz + 2), lambda p: p.mirrored()], ids=["moved", "mirrored"])
def test_moving_or_mirroring_both_sides_changes_nothing(change):
    pair = sequence(walk(20, 1)), sequence(walk(26, 2))
    for measure in (dtw_pt, dtw_mje, hand_error, total_distance_ratio):
        assert measure(*map(change, pair)) == pytest.approx(measure(*pair), rel=1e-4)


def test_the_face_is_not_compared():
    truth, produced = walk(10, 1), walk(10, 1)
    produced[:, 50:] += 5
    assert dtw_pt(sequence(produced), sequence(truth)) == dtw_mje(sequence(produced), sequence(truth)) == 0


# --- alive -----------------------------------------------------------------------------------------------------------
def test_total_distance_ratio_by_hand():
    truth, produced = still(3), still(3)
    truth[1:, R_WRIST, 0] += 1
    produced[1:, R_WRIST, 0] += .25
    produced[2:, R_WRIST, 0] -= .25                                             # there and back again
    assert total_distance_ratio(sequence(produced), sequence(truth)) == pytest.approx(.5, rel=1e-5)
    assert np.isnan(total_distance_ratio(sequence(produced), sequence(still(3))))


def test_standing_still_is_nearer_than_a_wrong_movement_and_only_the_distance_tells():
    truth, wrong = sequence(waving(60)), sequence(waving(60, way=(-.5, 1, .2)))
    mean = sequence(np.repeat(truth.xyz.mean(0, keepdims=True), 60, 0))
    assert dtw_mje(mean, truth) < dtw_mje(wrong, truth) and dtw_pt(mean, truth) < dtw_pt(wrong, truth)
    assert wrist_jerk(mean) == bone_drift(mean) == 0 and hand_error(mean, truth) == pytest.approx(0, abs=1e-6)
    assert total_distance_ratio(mean, truth) == 0 and total_distance_ratio(wrong, truth) == pytest.approx(1, abs=.01)


# --- steady ----------------------------------------------------------------------------------------------------------
def test_jerk_by_hand_and_as_the_prior_has_it():
    t = np.arange(10) / FPS
    xyz = still(10)
    xyz[:, R_WRIST, 0] += t ** 3                                                # a third derivative of 6, in one wrist of two
    assert wrist_jerk(sequence(xyz)) == pytest.approx(3, rel=.02)
    shaky = sequence(walk(30, 4))
    assert wrist_jerk(shaky) == jerk_in_the_prior(shaky) > 0


def test_seam_velocity_is_the_peak_around_each_boundary_of_a_unit():
    xyz = still(30)
    xyz[10:, R_WRIST, 0] += .2                                                  # a leap between frames 9 and 10
    xyz[18:, R_WRIST, 0] += 9                                                   # leaps within a unit, one frame too far from a boundary
    xyz[21:, R_WRIST, 0] += .1
    xyz[22:, R_WRIST, 0] += 9
    spans = [Span(None, 0, 10), Span(0, 10, 20), Span(1, 20, 30)]
    assert seam_velocity(sequence(xyz), spans) == pytest.approx((.2 + .1) / 2 * FPS, rel=1e-4)
    assert seam_velocity(sequence(xyz), [Span(None, 0, 10), Span(None, 10, 22), Span(0, 22, 30)]) == pytest.approx(9 * FPS, rel=1e-4)


def test_without_spans_or_boundaries_there_is_no_seam_velocity():
    assert seam_velocity(sequence(still(9)), None) is None
    assert seam_velocity(sequence(still(9)), [Span(0, 0, 9)]) is None


def test_bone_drift_by_hand():
    xyz = still(4)
    tip, before = RIGHT.start + 4, RIGHT.start + 3
    xyz[3, tip] = xyz[3, before] + 2 * (xyz[3, tip] - xyz[3, before])            # twice as long in one frame of 4, one bone of 47
    assert bone_drift(sequence(xyz)) == pytest.approx(1 / 4 / 47, rel=1e-4)


def test_a_hand_beside_its_arm_is_no_bone_that_drifts():
    xyz = still(4)
    xyz[:, RIGHT.start] = xyz[:, R_WRIST]
    moved = xyz.copy()
    moved[2, RIGHT] += .01
    assert bone_drift(sequence(moved)) == pytest.approx(0, abs=1e-6)


# --- whole -----------------------------------------------------------------------------------------------------------
def test_missing_and_compared_joints_are_counted():
    truth, produced = still(4), still(4)
    produced[:, LEFT] = np.nan
    truth[:, RIGHT] = np.nan
    assert missing_share(sequence(produced)) == pytest.approx(21 / 50)
    assert compared_share(sequence(produced), sequence(truth)) == pytest.approx(8 / 50)


def test_leaving_joints_out_earns_nothing():
    truth, produced = still(5), still(5) + .2
    full = dtw_pt(sequence(produced), sequence(truth)), dtw_mje(sequence(produced), sequence(truth))
    produced[:, LEFT] = np.nan
    produced[2] = np.nan
    assert (dtw_pt(sequence(produced), sequence(truth)), dtw_mje(sequence(produced), sequence(truth))) == pytest.approx(full, rel=1e-4)


def test_a_missing_hand_has_no_handshape_to_be_wrong_and_does_not_travel():
    truth, produced = waving(20), waving(20)
    produced[:, RIGHT] = np.nan
    scores = pose_scores([Given(sequence(produced))], [Given(sequence(truth))])
    assert scores["hand_error"] == 0 and scores["compared_share"] == pytest.approx(29 / 50)
    assert scores["total_distance_ratio"] == pytest.approx(1 / 22, rel=1e-4)


# --- the control and the set -----------------------------------------------------------------------------------------
def test_the_useless_control_looks_at_no_pose():
    assert useless_control(sequence(still(20))) == useless_control(sequence(walk(20, 3)))
    values = [useless_control(sequence(still(frames))) for frames in range(20, 60)]
    assert len(set(values)) == 40 and abs(np.corrcoef(values, range(40))[0, 1]) < .5 and 0 <= min(values) <= max(values) <= 100


def given(frames, seed):
    return Given(sequence(walk(frames, seed)), [Span(None, 0, 5), Span(0, 5, frames)])


def test_the_scores_of_a_set_are_the_means_of_its_sentences_and_json():
    produced, truth = [given(20, 1), Given(sequence(walk(30, 2)))], [given(25, 3), given(20, 4)]
    scores = pose_scores(produced, truth)
    for name, measure in (("dtw_pt", dtw_pt), ("dtw_mje", dtw_mje), ("hand_error", hand_error), ("duration_ratio", duration_ratio)):
        assert scores[name] == pytest.approx(np.mean([measure(a.poses, b.poses) for a, b in zip(produced, truth)]))
    assert scores["seam_velocity"] == seam_velocity(*produced[0])               # the other sentence does not know its spans
    assert scores["count"] == 2 and json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_what_no_sentence_has_is_none():
    scores = pose_scores([Given(sequence(still(3)))], [Given(sequence(still(3)))])
    assert [name for name, value in scores.items() if value is None] == ["total_distance_ratio", "wrist_jerk", "seam_velocity"]


def test_the_signature_names_the_settings():
    produced, truth = (Given(replace(sequence(walk(9, seed)), fps=12.5)) for seed in (1, 2))
    signature = pose_scores([produced], [truth])["signature"]
    for setting in ("joints:50", "units:shoulder-widths", "fps:12.5", "dtw:scipy-", "missing:left-out", "scale:1", "window:no"):
        assert setting in signature


def test_the_metric_class_gives_the_same_scores():
    x, y = [walk(12, 1), walk(9, 2)], [walk(10, 3), walk(11, 4)]
    x[0][3, LEFT] = np.nan
    alone = PoseMetric(keep_in_memory=True).compute(predictions=x, references=y, fps=FPS)
    assert alone == pose_scores([Given(sequence(a)) for a in x], [Given(sequence(a)) for a in y])


@pytest.mark.parametrize(
    "produced, truth, message",
    [
        ([], [], "there are no poses to score"),
        ([given(9, 1)], [], "1 produced and 0 true"),
        ([given(9, 1)], [Given(replace(sequence(walk(9, 1)), fps=30))], "25 and 30 frames a second"),
        ([given(9, 1), Given(sequence(np.zeros((0, 70, 3))))], [given(9, 1)] * 2, "sentence 2 has no frames"),
        ([given(9, 1), Given(sequence(np.full((9, 70, 3), np.nan)))], [given(9, 1)] * 2, "sentence 2: no joint is seen both"),
        ([Given(replace(sequence(still(9)), skeleton=replace(SIGNER70, name="other")))], [given(9, 1)], "not of other"),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(produced, truth, message):
    with pytest.raises(SignerError, match=message) as error:
        pose_scores(produced, truth)
    assert "\n" not in str(error.value)


# --- the table -------------------------------------------------------------------------------------------------------
class Judge:
    """Finds a text the better to read, the more the right wrist moves."""

    def scores(self, poses, texts, glosses):
        assert len(poses) == len(texts) == len(glosses)
        bleu = 10 * float(np.mean([np.abs(np.diff(xyz[:, R_WRIST], axis=0)).sum() for xyz in poses]))
        return {"bleu1": bleu, "bleu4": bleu, "rouge": bleu, "wer": 50.0, "count": len(poses), "signature": "judge|fake"}


TRUE = [Given(sequence(waving(frames)), [Span(None, 0, 5), Span(0, 5, frames)]) for frames in (30, 40)]
STATIC = [Given(sequence(still(len(one.poses)))) for one in TRUE]
SYSTEM = [Given(sequence(waving(len(one.poses), way=(.5, .25, .1))), one.spans) for one in TRUE]


def the_table(rows=None, truth=TRUE, judge=None):
    rows = {"ours": Row("system", SYSTEM), "static mean": Row("floor", STATIC)} if rows is None else rows
    return pose_table(rows, truth, ["a", "b"], [["A"], ["B", "C"]], judge or Judge())


def test_the_table_has_floors_first_and_the_truth_last():
    table = the_table()
    assert [(name, row["kind"]) for name, row in table["rows"].items()] == [
        ("static mean", "floor"), ("ours", "system"), ("ground truth", "ceiling")]
    assert table["count"] == 2 and len(table["signatures"]) == 2 and json.loads(json.dumps(table, allow_nan=False)) == table


def test_the_rows_are_those_of_the_measures_and_of_the_judge():
    row = the_table()["rows"]["ours"]
    assert row["dtw_mje"] == pose_scores(SYSTEM, TRUE)["dtw_mje"] > 0
    assert row["share_of_ceiling"] == pytest.approx(.5, rel=1e-3)


def test_the_truth_is_perfect_and_its_own_ceiling():
    row = the_table()["rows"]["ground truth"]
    assert row["dtw_pt"] == row["dtw_mje"] == row["hand_error"] == 0
    assert row["total_distance_ratio"] == row["duration_ratio"] == row["share_of_ceiling"] == 1
    assert row["wrist_jerk"] > 0 and row["seam_velocity"] > 0


def test_there_is_no_share_of_a_ceiling_of_nothing():
    assert the_table(truth=STATIC)["rows"]["ours"]["share_of_ceiling"] is None


@pytest.mark.parametrize(
    "rows, message",
    [
        ({"ours": Row("system", SYSTEM)}, "a table without a floor"),
        ({"ground truth": Row("floor", SYSTEM)}, "made by the table itself"),
        ({"ours": Row("best", SYSTEM)}, "ours: best is no kind of row"),
        ({"static": Row("floor", STATIC[:1])}, "static: 1 produced and 2 true"),
    ],
)
def test_tables_that_mislead_are_refused(rows, message):
    with pytest.raises(SignerError, match=message):
        the_table(rows)


def test_a_table_needs_a_text_for_every_sentence():
    with pytest.raises(SignerError, match="2 true sequences, 1 texts and 2 rows of glosses"):
        pose_table({"static": Row("floor", STATIC)}, TRUE, ["a"], [["A"], ["B"]], Judge())


def test_the_printed_table_is_aligned_and_says_what_it_means():
    heading, *lines = show(the_table()).splitlines()
    rows, notes = lines[:3], "\n".join(lines[3:])
    assert len({len(line) for line in [heading, *rows]}) == 1
    assert [row.split("  ")[0] for row in rows] == ["static mean*", "ours", "ground truth+"]
    assert "DTW-MJE ↓" in heading and "BLEU-4 ↑" in heading and "distance →1" in heading
    assert heading.endswith("useless")                                          # no side of it is better
    seams = heading.index("seams ↓")
    assert rows[0][:seams + len("seams ↓")].endswith(" -") and not rows[1][:seams + len("seams ↓")].endswith(" -")
    for said in ("* floor", "static mean", "+ ceiling", "ground truth", "signature: POSES|", "signature: judge|fake"):
        assert said in notes
