"""The renderer's table: floors below the ceiling on tiny clips, rows one by one, goals, and the command line."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from clips import STYLES, TINY, poses, small_detector, tiny, write_clips
from signer_lib.cli import app
from signer_lib.comparison.renderer_report import TITLES, goals, read_result, speed_goals
from signer_lib.comparison.renderer_rows import ROWS, Rows, blurred, nearest
from signer_lib.comparison.renderer_scores import MEASURES, evaluate, score, some
from signer_lib.errors import SignerError
from signer_lib.metrics.keypoints import KeypointDetector
from signer_lib.metrics.video import hand_boxes
from signer_lib.render.control import control_image
from signer_lib.render.renderer.building import new_autoencoder, new_renderer
from signer_lib.render.renderer.losses import hand_weights
from signer_lib.render.renderer.packing import packed_split

SIZE, SIGNERS = 64, ["signer-0", "signer-1"]
pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """train, dev, and as test what is dev."""
    folder = write_clips(tmp_path_factory.mktemp("clips") / "data", SIZE)
    shutil.copytree(folder / "dev", folder / "test")
    return folder


@pytest.fixture(scope="module")
def splits(data):
    return SimpleNamespace(train=packed_split(data, "train", SIZE), test=packed_split(data, "test", SIZE))


@pytest.fixture(scope="module")
def model(splits, tmp_path_factory):
    """An untrained renderer, whose autoencoder knows the training frames' principal components."""
    config = tiny(size=SIZE, autoencoder=TINY["autoencoder"] | {"latent_channels": 24})
    torch.manual_seed(0)
    vae = new_autoencoder(config)
    pixels = torch.from_numpy(np.array(splits.train.frames)).permute(0, 3, 1, 2).float() / 127.5 - 1
    vae.fit(pixels, hand_weights(control_image(torch.from_numpy(splits.train.xyz), SIZE), 4.0, SIZE // vae.factor))
    vae.register_to_config(latents_mean=[0.0] * 24, latents_std=[1.0] * 24)
    folder = tmp_path_factory.mktemp("model")
    new_renderer(config, vae, list(STYLES), SIGNERS, config.d_state).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def detector(splits, tmp_path_factory):
    out = tmp_path_factory.mktemp("detector")
    small_detector(splits.train, splits.train, out).run()
    return out


@pytest.fixture(scope="module")
def result(model, data, detector):
    return evaluate(model, data, "test", detector)


@pytest.fixture(scope="module")
def rows(model, splits):
    from signer_lib.render.renderer.pipeline import RendererPipeline
    return Rows(RendererPipeline.from_folder(model, device="cpu"), splits.test, splits.train)


# --- the table -------------------------------------------------------------------------------------------------------
def test_floors_are_below_the_ceiling(result):
    table = result["rows"]
    assert [*table] == [*ROWS] and all(set(row) == {"kind", *MEASURES} for row in table.values())
    assert table["reference"]["ssim"] == pytest.approx(1) and table["reference"]["flicker_ratio"] == pytest.approx(1)
    for floor in ("mean_frame", "wrong_sentence", "nearest_frame"):
        for measure in ("ssim", "psnr", "hand_ssim"):
            assert table[floor][measure] < table["autoencoder"][measure] < table["reference"][measure], (floor, measure)
        assert table[floor]["hands_error"] > 2 * table["reference"]["hands_error"], floor
        assert table[floor]["hand_ssim_of_ceiling"] < 1
    assert table["autoencoder"]["hand_ssim_of_ceiling"] == 1 and table["mean_frame"]["flicker_ratio"] == 0
    assert table["blurred_hands"]["hand_ssim"] < table["reference"]["hand_ssim"] and table["blurred_hands"]["face_error"] < 0.05
    assert table["reference"]["frechet"] < 1e-6 < table["autoencoder"]["frechet"] < table["mean_frame"]["frechet"]
    assert table["reference"]["style_accuracy"] == table["mean_frame"]["style_accuracy"] == 1
    assert table["renderer"]["keypoint_error"] > 2 * table["reference"]["keypoint_error"]             # untrained: noise


def test_what_is_told_beside_the_rows(result):
    assert result["clips"] == 2 and result["frames"] == 15 and result["hands"]["countable"] <= result["hands"]["apart"]
    assert result["speed"]["seconds_per_frame"] > 0 and result["speed"]["peak_memory_mb"] > 50
    assert any("VIDEO|" in line for line in result["signatures"]) and any("no-FID" in line for line in result["signatures"])
    json.dumps(result)


def test_without_floors_and_on_fewer_clips(model, data, detector, result):
    own = evaluate(model, data, "test", detector, floors=False, clips=1)
    assert own["clips"] == 1 and [*own["rows"]] == ["renderer", "autoencoder", "reference"] and own["rows"]["renderer"]["ssim"] is not None


# --- the rows --------------------------------------------------------------------------------------------------------
def test_every_row_shows_the_clip_it_is_asked_for(rows, splits):
    for k, clip in enumerate(splits.test.clips):
        made = dict(rows.of(k))
        assert [*made] == [*ROWS] and all(frames.shape == (clip["count"], SIZE, SIZE, 3) and frames.dtype == np.uint8 for frames in made.values())
        frames, xyz = rows.truth(k)
        assert np.array_equal(made["reference"], frames) and (made["mean_frame"] == made["mean_frame"][0]).all()
        mine = np.concatenate([splits.train.frames[c["first"]:c["first"] + c["count"]] for c in splits.train.clips if c["style"] == clip["style"]])
        assert np.abs(made["mean_frame"][0] - mine.mean(0)).max() <= 0.5 + 1e-6
        known = {frame.tobytes() for frame in mine}
        assert all(frame.tobytes() in known for frame in made["nearest_frame"])
        assert not np.array_equal(made["wrong_sentence"], frames) and np.array_equal(made["renderer"], rows.rendered(k))


def test_the_nearest_frame_is_the_one_with_the_nearest_joints():
    others = poses(9, 3).xyz
    assert nearest(others[[4, 2]] + 0.001, others, np.arange(9)).tolist() == [4, 2]
    assert nearest(others[[4]], others, np.array([1, 5, 8])).tolist() == [5]
    gaps = others[[4]].copy()
    gaps[:, :30] = np.nan
    assert nearest(gaps, others, np.arange(9)).tolist() == [4]
    assert nearest(np.full_like(gaps, np.nan), others, np.array([3])).tolist() == [3]


def test_only_hands_are_blurred(rows):
    frames, xyz = rows.truth(0)
    boxes = hand_boxes(xyz, SIZE)
    soft = blurred(frames, boxes)
    inside = np.zeros(frames.shape[:3], bool)
    for t, pair in enumerate(boxes):
        for left, top, right, bottom in pair:
            inside[t, top:bottom, left:right] = True
    assert np.array_equal(soft[~inside], frames[~inside]) and inside.any() and np.abs(soft[inside].astype(int) - frames[inside]).mean() > 1


def test_some_clips_are_spread_over_the_split(splits):
    few = some(splits.train, 2)
    assert [clip["name"] for clip in few.clips] == ["0.mp4", "3.mp4"] and len(few.signed) == 2 and len(splits.train.clips) == 4


def test_names_that_nobody_knows(rows, splits):
    strange = some(splits.test, 1)
    strange.clips = [strange.clips[0] | {"signer": "stranger"}]
    with pytest.raises(SignerError, match="there is no signer 'stranger'"):
        Rows(rows.renderer, strange, splits.train)
    strange.clips = [strange.clips[0] | {"signer": "signer-1"}]
    assert Rows(rows.renderer, strange).asked(0) == ("day", "signer-1")
    with pytest.raises(SignerError, match="shows no 'signer-1' in the style 'day'.*--no-floors"):
        Rows(rows.renderer, strange, splits.train)


def test_names_that_the_detector_does_not_know_are_not_scored(rows, detector):
    reader = KeypointDetector.from_pretrained(detector)
    reader.settings = reader.settings | {"signers": ["another", "one"]}
    table = score(Rows(rows.renderer, rows.clips), reader)["rows"]
    assert table["reference"]["signer_accuracy"] is None and table["reference"]["style_accuracy"] == 1


# --- the report ------------------------------------------------------------------------------------------------------
def test_every_row_has_a_name(result):
    assert [*result["rows"]] == [*ROWS] == [*TITLES]


GOOD = {"ssim": 0.96, "psnr": 31.0, "hand_ssim": 0.85, "hand_ssim_of_ceiling": 0.97, "flicker_ratio": 1.1, "keypoint_error": 0.01,
        "fingers_countable": 0.9, "style_accuracy": 1.0}


def told(**changes):
    rows = {"renderer": GOOD | changes, "autoencoder": {"fingers_countable": 0.92}}
    return {row["goal"]: row for row in goals({"rows": rows})}


def test_goals_on_both_sides_of_their_limits():
    assert len(told()) == 8 and all(row["reached"] for row in told().values())
    worse = {"ssim": 0.94, "psnr": 29.0, "hand_ssim": 0.79, "hand_ssim_of_ceiling": 0.94, "flicker_ratio": 0.8, "keypoint_error": 0.016,
             "fingers_countable": 0.8, "style_accuracy": 0.98}
    for (name, value), goal in zip(worse.items(), told()):
        assert [missed for missed, row in told(**{name: value}).items() if not row["reached"]] == [goal]
    assert not told(flicker_ratio=1.3)["flicker, by the reference's"]["reached"] and len(told(ssim=None)) == 7


def test_goals_of_speed_on_both_sides_of_their_limits():
    good = {"frames": 75, "threads": 2, "seconds": 11.0, "times_faster": 120.0, "peak_memory_gb": 1.0, "peak_memory_gb_of_2000_frames": 2.9}
    assert [row["reached"] for row in speed_goals(good)] == [True] * 3
    worse = {"seconds": 12.5, "times_faster": 99.0, "peak_memory_gb_of_2000_frames": 3.1}
    for k, (name, value) in enumerate(worse.items()):
        assert [row["reached"] for row in speed_goals(good | {name: value})] == [other != k for other in range(3)]
    assert speed_goals(good)[0]["goal"] == "seconds for 75 frames, 2 threads"


def test_a_file_that_is_no_result(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    for name in ("x.json", "none.json"):
        with pytest.raises(SignerError, match="is no result of a renderer"):
            read_result(tmp_path / name)


# --- the command line ------------------------------------------------------------------------------------------------
def ask(*words):
    return CliRunner().invoke(app, ["evaluate", "renderer", *map(str, words)])


def test_one_json_line_and_a_file(model, data, detector, tmp_path):
    done = ask("--model", model, "--data", data, "--detector", detector, "--clips", 1, "--steps", 1, "--out", tmp_path / "test.json")
    assert done.exit_code == 0, done.exception
    (line,) = done.stdout.strip().splitlines()
    printed, kept = json.loads(line), read_result(tmp_path / "test.json")
    assert printed["rows"] == kept["rows"] and kept["steps"] == 1 and {"commit", "machine", "command"} <= set(kept)
    assert "evaluate renderer" in kept["command"] and "--steps 1" in kept["command"] and str(data.parent) not in kept["command"]


@pytest.mark.parametrize("change, words", [
    ({"--model": "none"}, "is not a checkpoint"), ({"--data": "none"}, "metadata.jsonl"), ({"--split": "none"}, "metadata.jsonl"),
    ({"--detector": "none"}, "there is no detector"), ({"--steps": 5000}, "steps must be")])
def test_what_cannot_be_scored_is_told_in_one_line(model, data, detector, tmp_path, change, words, monkeypatch, capsys):
    from signer_lib.errors import run
    given = {"--model": model, "--data": data, "--detector": detector} | {key: tmp_path / v if v == "none" and key != "--split" else v
                                                                          for key, v in change.items()}
    arguments = ["evaluate", "renderer", *(str(word) for pair in given.items() for word in pair)]
    with pytest.raises(SystemExit) as stopped:
        run(lambda: app(arguments, standalone_mode=False))
    said = capsys.readouterr().err.strip()
    assert stopped.value.code == 2 and words in said and "\n" not in said
