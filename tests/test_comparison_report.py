"""What a study left in a folder, read back: means and seeds by hand, the order of rows, and goals on both sides of their limits."""

import json

import pytest

from signer_lib.comparison.report import RATIO, ablations, goals, study_runs, study_table
from signer_lib.errors import SignerError
from signer_lib.figures.pose_table import plot_ablations, plot_pose_table

SCORES = {"dtw_mje": 0.2, "total_distance_ratio": 1.0, "wrist_jerk": 100.0, "rhythm_error": 0.2, "seam_velocity": None, "count": 7}
KNOWN = {"top1": 60.0, "top5": 90.0}


def write(folder, file, system, kind, bleu4, **told):
    made = {"signatures": ["poses", "reader"], "recognition": KNOWN, "commit": "c"}
    result = {"system": system, "kind": kind, **SCORES, "bleu4": bleu4, **made, **told}
    (folder / f"{file}.json").write_text(json.dumps(result))


def gates(entropy, bits):
    return {"load_entropy": entropy, "information": {"manner": {"bits": bits, "chance_95": 0.01}, "letter": {"bits": 0.0, "chance_95": 0.01}}}


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "ground_truth", "ground_truth", "ceiling", 50.0, dtw_mje=0.0)
    write(tmp_path, "static_mean", "static_mean", "floor", 1.0, dtw_mje=0.3, recognition=None)
    write(tmp_path, "stitching", "stitching", "system", 30.0, dtw_mje=0.25, wrist_jerk=200.0)
    for seed, bleu4 in ((2, 14.0), (1, 10.0)):
        write(tmp_path, f"regression-{seed}", "regression", "system", bleu4, dtw_mje=0.22, seed=seed)
    for seed, bleu4 in ((1, 44.0), (2, 48.0), (3, 46.0)):
        write(tmp_path, f"full-{seed}", "slp_moe", "system", bleu4, variant="full", seed=seed, gates=gates(0.9, 0.5), dtw_mje=0.15)
    write(tmp_path, "uniform_gate-1", "slp_moe", "system", 40.0, variant="uniform_gate", seed=1, gates=gates(1.0, 0.0), rhythm_error=0.25)
    (tmp_path / "candidates.json").write_text(json.dumps({"system": "candidates", "recognition": {"first": {"top1": 58.0}, "every": {"top1": 50.0}}}))
    return tmp_path


def test_a_row_is_the_mean_over_its_seeds_and_its_share_that_of_the_truth(folder):
    table = study_table(folder)
    rows = table["rows"]
    assert rows["slp_moe"]["bleu4"] == pytest.approx(46) and rows["slp_moe"]["seeds"] == 3
    assert rows["regression"]["bleu4"] == pytest.approx(12) and rows["regression"]["share_of_ceiling"] == pytest.approx(12 / 50)
    assert rows["ground_truth"]["share_of_ceiling"] == 1 and table["count"] == 7 and table["signatures"] == ["poses", "reader"]
    assert rows["slp_moe"]["top1"] == 60 and "top1" not in rows["static_mean"] and "seam_velocity" not in rows["slp_moe"]


def test_floors_come_first_the_truth_last_and_ablations_stay_out(folder):
    assert [*study_table(folder)["rows"]] == ["static_mean", "stitching", "regression", "slp_moe", "ground_truth"]


def test_the_table_of_one_seed_has_that_seeds_numbers(folder):
    assert study_table(folder, 2)["rows"]["regression"]["bleu4"] == 14 and study_table(folder, 2)["rows"]["stitching"]["bleu4"] == 30
    assert "regression" not in study_table(folder, 3)["rows"]


def test_runs_and_ablations_are_in_order(folder):
    assert [run["seed"] for run in study_runs(folder)["regression"]] == [1, 2]
    found = ablations(folder)
    assert [*found] == ["full", "uniform_gate"] and found["full"]["bleu4"] == [44, 48, 46] and "seed" not in found["full"]


def test_the_figures_take_what_the_report_gives(folder):
    figure = plot_pose_table(study_table(folder, 1), study_table(folder, 2))
    assert "slp_moe" in [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(plot_ablations(ablations(folder), "bleu4").get_yticklabels()) == 2


def test_goals_are_told_with_their_numbers(folder):
    told = {row["goal"]: row for row in goals(folder)}
    assert told["BLEU-4, by the regression's"]["found"] == pytest.approx(46 / 12) and told["BLEU-4, by the regression's"]["reached"]
    assert told["BLEU-4, share of the ceiling's"]["found"] == pytest.approx(0.92)
    assert told["bits that the gate tells, above chance"]["found"] == pytest.approx(0.49)
    assert told["BLEU-4 above a uniform gate's, by"]["found"] == pytest.approx(6)
    assert told["error of rhythm, by a uniform gate's"]["found"] == pytest.approx(0.8)
    assert told["signs recognised, less the raw candidates', %"]["found"] == pytest.approx(2)
    assert all(row["reached"] for row in told.values()) and len(told) == 11


@pytest.mark.parametrize("goal, change", [
    ("BLEU-4, by the regression's", {"file": "regression-1", "bleu4": 2 * 46 / RATIO + 1}),
    ("BLEU-4 above the best stitching's, by", {"file": "stitching", "bleu4": 46.5}),
    ("BLEU-4, share of the ceiling's", {"file": "ground_truth", "bleu4": 52.0}),
    ("DTW-MJE, by the best baseline's", {"file": "static_mean", "dtw_mje": 0.14}),
    ("distance travelled, by the truth's", {"file": "full-1", "total_distance_ratio": 1.6}),
    ("wrist jerk, by stitching's", {"file": "stitching", "wrist_jerk": 90.0}),
    ("signs recognised, less the raw candidates', %", {"file": "full-1", "recognition": {"top1": 40.0}}),
    ("load entropy of the gate", {"file": "full-1", "gates": gates(1.2, 0.5)}),
    ("bits that the gate tells, above chance", {"file": "full-1", "gates": gates(0.9, -0.6)}),
    ("BLEU-4 above a uniform gate's, by", {"file": "uniform_gate-1", "bleu4": 47.0}),
    ("error of rhythm, by a uniform gate's", {"file": "uniform_gate-1", "rhythm_error": 0.1}),
])
def test_a_goal_that_is_missed_is_said_to_be(folder, goal, change):
    path = folder / f"{change.pop('file')}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    missed = [row["goal"] for row in goals(folder) if not row["reached"]]
    assert goal in missed


def test_what_is_not_there_is_said_in_one_line(tmp_path):
    with pytest.raises(SignerError, match="no results of a study"):
        study_table(tmp_path)
    write(tmp_path, "static_mean", "static_mean", "floor", 1.0)
    with pytest.raises(SignerError, match="ground_truth"):
        study_table(tmp_path)
    write(tmp_path, "ground_truth", "ground_truth", "ceiling", 50.0)
    for ask in (goals, ablations):
        with pytest.raises(SignerError, match="whole SLP-MoE"):
            ask(tmp_path)
