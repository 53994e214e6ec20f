"""All systems by name on one small data folder: what they give, how it is scored, and what the command line says."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from signer_lib.cli import app
from signer_lib.comparison import study
from signer_lib.comparison.scoring import Signs, candidates, score, single_signs, unit_errors
from signer_lib.comparison.systems import SYSTEMS, TRAINED, Asked, produce
from signer_lib.errors import SignerError
from signer_lib.metrics.back_translation import BackTranslation
from signer_lib.metrics.back_translation_training import back_translation_config, new_back_translation
from signer_lib.performances.folder import Produced, read_split
from signer_lib.performances.small import make_small
from signer_lib.performances.units import Span
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import write_pose
from signer_lib.pose.formats.folder import read_folder
from signer_lib.prior.database import Prior

UNTRAINED = [name for name in SYSTEMS if name not in TRAINED]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    make_small(folder, sentences=20, glosses=40, seed=1)
    return folder


@pytest.fixture(scope="module")
def asked(data):
    return Asked(data)


@pytest.fixture(scope="module")
def judge(data, tmp_path_factory):
    """An evaluator with random weights."""
    folder = tmp_path_factory.mktemp("judge")
    config = back_translation_config("nano", ["vocabulary=120"])
    new_back_translation(config, read_folder(data, "train")).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", UNTRAINED)
def test_every_system_answers_every_sentence_at_one_frame_rate(asked, name):
    found = produce(name, asked)
    assert len(found) == len(asked.truth)
    assert all(one.poses.fps == 25 and len(one.poses) > 5 and np.isfinite(one.poses.xyz[:, :8]).all() for one in found)


def test_the_truth_is_without_error_and_a_wrong_sentence_is_not(asked, judge):
    reader = BackTranslation.from_pretrained(judge)
    truth, wrong = (score(produce(name, asked), asked, reader) for name in ("ground_truth", "wrong_sentence"))
    assert truth["dtw_mje"] == truth["hand_error"] == 0 and truth["total_distance_ratio"] == pytest.approx(1)
    assert wrong["dtw_mje"] > 0.05 and json.dumps(truth)
    assert truth["rhythm_error"] == truth["size_error"] == 0 and (wrong["rhythm_error"] is None or wrong["rhythm_error"] > 0.1)


def test_signs_that_are_slower_or_smaller_are_told(asked):
    def changed(row, times, size):
        xyz, spans, at = [], [], 0
        for span in row.spans:
            part = np.repeat(row.poses.xyz[span.start:span.stop], times if span.unit is not None else 1, axis=0)
            xyz.append(part[:1] + size * (part - part[:1]))
            spans.append(Span(span.unit, at, at + len(part)))
            at += len(part)
        return Produced(PoseSequence(np.concatenate(xyz), row.poses.fps), spans)

    slow = unit_errors([changed(row, 2, 1) for row in asked.truth], asked)
    assert slow["rhythm_error"] == pytest.approx(np.log(2)) and slow["size_error"] == pytest.approx(0, abs=1e-6)
    small = unit_errors([changed(row, 1, 0.5) for row in asked.truth], asked)
    assert small["rhythm_error"] == 0 and 0.05 < small["size_error"] < np.log(2)
    assert unit_errors([Produced(row.poses, None) for row in asked.truth], asked) == {"rhythm_error": None, "size_error": None}


def test_the_systems_are_asked_what_slul_reads(asked, slul):
    assert [s.glosses for s in asked.sentences] == [s.glosses for s in slul.translate([row.text for row in asked.truth])]


@pytest.mark.parametrize(("name", "message"), [
    ("telepathy", "there is no system 'telepathy': use static_mean"), ("slp_moe", "has to be trained first"),
])
def test_a_system_that_is_not_there_is_told(asked, name, message):
    with pytest.raises(SignerError, match=message):
        produce(name, asked)


def test_single_signs_are_known_by_the_clips_of_their_own_pool(data):
    pool = Prior.load(data / "pools" / "test")
    names = {name for name in pool.glosses if len(name) > 1}
    signs = Signs(pool, names)
    own = signs.known([(name, clip.poses) for name in signs.names for clip in pool.candidates(name)])
    assert own["top1"] == 100 and own["glosses"] == len(names)
    swapped = signs.known([(name, pool.candidates(other)[0].poses) for name, other in zip(signs.names, signs.names[1:])])
    assert swapped["top1"] < 20


def test_single_signs_are_cut_where_the_spans_say_and_only_from_sentences_read_right(asked):
    truth = [row.produced for row in asked.truth]
    right = sum(not unit.of for row, read in zip(asked.truth, asked.sentences) if read.glosses == row.glosses for unit in row.units)
    found = single_signs(truth, asked, least=1)
    assert len(found) == right
    first = next(i for i, (row, read) in enumerate(zip(asked.truth, asked.sentences)) if read.glosses == row.glosses)
    span = next(span for span in asked.truth[first].spans if span.unit is not None)
    assert np.array_equal(found[0][1].xyz, asked.truth[first].poses.xyz[span.start:span.stop])


def test_the_first_candidates_are_the_priors_first(asked):
    found = candidates(asked)
    assert all(np.array_equal(poses.xyz, asked.prior.candidates(name)[0].poses.xyz) for name, poses in found["first"])
    assert len(found["every"]) > 3 * len(found["first"])


def test_evaluate_poses_prints_one_line_of_json(data, judge, tmp_path):
    line = CliRunner().invoke(app, ["evaluate", "poses", "--system", "static_mean", "--data", str(data), "--judge", str(judge)])
    assert line.exit_code == 0, line.output
    told = json.loads(line.output)
    assert told["system"] == "static_mean" and told["total_distance_ratio"] == 0 and len(told["signatures"]) == 2
    for k, row in enumerate(read_split(data, "test")):
        write_pose(row.poses, tmp_path / f"{k:03d}.pose")
    own = CliRunner().invoke(app, ["evaluate", "poses", "--poses", str(tmp_path), "--data", str(data), "--judge", str(judge)])
    assert own.exit_code == 0 and json.loads(own.output)["dtw_mje"] < 0.01, "the truth itself, through .pose files"


@pytest.mark.parametrize(("words", "message"), [
    ([], "either --system NAME or --poses DIR"),
    (["--system", "stitching", "--data", "nowhere"], "there are no performed sentences in nowhere"),
])
def test_what_cannot_be_scored_is_told_in_one_line(words, message):
    found = CliRunner().invoke(app, ["evaluate", "poses", *words])
    assert isinstance(found.exception, SignerError) and message in str(found.exception)


@pytest.mark.parametrize(("what", "changes", "told"), [
    ("slp-moe", ["steps=2", "log_steps=2", "batch_size=2", "channels=8", "warmup_steps=1"], "2 steps, best on dev at step 2"),
    ("regression", ["epochs=1", "d_model=16", "d_ff=16", "heads=2", "warmup_steps=1"], "steps, best epoch 1"),
    ("back-translation", ["epochs=1", "vocabulary=120", "warmup_steps=1"], "steps, dev BLEU-4 0.00 (epoch 1)"),
])
def test_every_training_of_the_stage_can_be_typed_and_tells_what_it_left(data, tmp_path, what, changes, told):
    words = ["train", what, "--data", str(data), "--out", str(tmp_path / "model"), *(word for change in changes for word in ("--set", change))]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 0, found.exception
    assert told in found.output and (tmp_path / "model" / "training.json").is_file()


def test_a_study_leaves_a_file_for_each_run_and_does_not_run_it_again(data, judge, tmp_path, capsys):
    words = ["--data", str(data), "--judge", str(judge), "--out", str(tmp_path), "--systems", "static_mean", "ground_truth", "candidates"]
    study.main(words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candidates.json", "ground_truth.json", "static_mean.json"]
    told = json.loads((tmp_path / "ground_truth.json").read_text())
    assert told["kind"] == "ceiling" and told["recognition"]["top1"] == 100 and told["commit"]
    capsys.readouterr()
    study.main(words)
    assert capsys.readouterr().out == ""


def test_what_a_choice_was_made_by_is_measured_on_dev(data, judge, tmp_path):
    study.main(["--data", str(data), "--judge", str(judge), "--out", str(tmp_path), "--systems", "ground_truth", "--split", "dev"])
    told = json.loads((tmp_path / "ground_truth.json").read_text())
    assert told["count"] == len(read_split(data, "dev")) and "--split dev" in told["command"]
