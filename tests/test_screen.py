"""Frames back into poses, and the screen: who shows, what is found, what is kept, what is read, and how the measure is proved."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from clips import STYLES, poses, tiny
from signer_lib.assets import CHECKPOINTS
from signer_lib.comparison import screen as module
from signer_lib.comparison.screen import Screen, errors, main, prove
from signer_lib.errors import SignerError
from signer_lib.metrics.back_translation_training import back_translation_config, new_back_translation
from signer_lib.metrics.keypoints import KeypointDetector
from signer_lib.metrics.seen import SURE, framing_of, seen
from signer_lib.performances.folder import Performed, Produced, write_split
from signer_lib.performances.units import Unit
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats.folder import PoseFolder
from signer_lib.render.framing import Framing
from signer_lib.render.renderer.building import new_autoencoder, new_renderer
from standing import AT

DETECTOR = {"size": 64, "crop": 32, "patch": 2, "widths": [16, 24], "hand_widths": [16, 24], "styles": list(STYLES), "signers": ["signer-0"]}
HAND = SIGNER70.groups["right_hand"]


def numbered(count, size=64):
    """Frames whose corner tells which one each is."""
    frames = np.zeros((count, size, size, 3), np.uint8)
    frames[:, 0, 0, 0] = np.arange(count)
    return frames


class Perfect:
    """Finds every joint of poses that it knows, in numbered frames seen by some camera; what is outside its picture, it is not sure of."""

    def __init__(self, truth, framing=Framing()):
        self.truth, self.framing = truth, framing

    def __call__(self, frames):
        pixels = self.framing.to_pixels(self.truth.xyz[frames[:, 0, 0, 0]], frames.shape[1])
        inside = ((pixels > 0) & (pixels < frames.shape[1])).all(-1)
        return pixels, np.where(inside, 0.9, 0.01)


# --- frames back into poses ------------------------------------------------------------------------------------------
def test_what_a_perfect_detector_finds_are_the_poses_without_z():
    truth, frames = poses(9), numbered(9)
    found = seen(frames, Perfect(truth), 25)
    inside = np.isfinite(found.xyz).all(-1)
    assert found.xyz.shape == (9, 70, 3) and found.fps == 25 and inside[:, HAND].any() and not inside.all(), "a hanging hand is below the picture"
    assert np.allclose(found.xyz[inside][:, :2], truth.xyz[inside][:, :2], atol=1e-5) and (found.xyz[inside][:, 2] == 0).all()
    assert np.allclose(found.confidence, np.where(inside, 0.9, 0))
    away = np.abs(Framing().to_pixels(truth.xyz, 1) - 0.5).max(-1)
    assert np.array_equal(inside, away < 0.5)


def test_an_unknown_camera_is_told_by_the_shoulders():
    truth = poses(9)
    camera = Framing((0.3, -0.2), 4.0)
    found = seen(numbered(9, 128), Perfect(truth, camera), 25, framing=None)
    wide = np.linalg.norm(truth.joint("l_shoulder") - truth.joint("r_shoulder"), axis=-1)
    middle = (truth.joint("l_shoulder") + truth.joint("r_shoulder"))[..., :2] / 2
    assert np.allclose(wide, 1, atol=0.02) and np.abs(middle).max() < 0.02, "as the contract has it"
    assert np.nanmax(np.abs(found.xyz[..., :2] - truth.xyz[..., :2])) < 0.05
    as_it_is = seen(numbered(9, 128), Perfect(truth, camera), 25)
    assert np.nanmax(np.abs(as_it_is.xyz[..., :2] - truth.xyz[..., :2])) > 0.2


def test_what_the_detector_doubts_is_missing_and_the_rest_is_as_sure_as_it_is():
    truth, sure = poses(3), np.full((3, 70), 0.7)
    sure[1, HAND], sure[2, AT("nose")] = SURE / 2, SURE
    found = seen(numbered(3), lambda frames: (Framing().to_pixels(truth.xyz, 64), sure), 25)
    assert np.isnan(found.xyz[1, HAND]).all() and np.isfinite(found.xyz[0]).all() and np.isfinite(found.joint("nose")).all()
    assert found.confidence[2, AT("nose")] == pytest.approx(SURE) and found.confidence[1, HAND].max() == 0


@pytest.mark.parametrize("hide, apart", [(True, 0.5), (False, 0.0)])
def test_without_shoulders_nobody_knows_the_camera(hide, apart):
    pixels, found = np.zeros((4, 70, 2)), np.ones((4, 70), bool)
    pixels[:, AT("l_shoulder"), 0], found[:, AT("r_shoulder")] = apart, not hide
    with pytest.raises(SignerError, match="the shoulders are not found together"):
        framing_of(pixels, found, 64)


# --- the screen ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A detector, a judge of x and y, and a renderer, all with random weights."""
    folder = tmp_path_factory.mktemp("screen")
    for name in ("detector", "judge", "renderer"):
        (folder / name).mkdir()
    torch.manual_seed(0)
    KeypointDetector.new(DETECTOR).save_pretrained(folder / "detector")
    data = PoseFolder(["a", "b"], [poses(12, k).xyz for k in range(2)], ["I like houses.", "You like tea."], [["LIKE", "HOUSE"], ["LIKE", "TEA"]],
                      25.0, "signer70")
    config = back_translation_config("seen", ["vocabulary=60", "max_pieces=5"])
    new_back_translation(config, data).save_pretrained(folder / "judge")
    small = tiny()
    vae = new_autoencoder(small)
    vae.register_to_config(latents_mean=[0.1] * 4, latents_std=[0.7] * 4)
    new_renderer(small, vae, ["day", "night"], ["one", "two"], small.d_state).save_pretrained(folder / "renderer")
    return folder


def screen(folders, renderer="drawn", **more):
    return Screen(renderer, folders / "detector", folders / "judge", **{"size": 64} | more)


def test_frames_are_read_and_judged(folders):
    shown = screen(folders)
    truth = poses(7)
    frames = shown.show(Produced(truth))
    assert frames.shape == (7, 64, 64, 3) and frames.dtype == np.uint8 and (frames[0] != frames[3]).any()
    found = shown.read(frames)
    assert found.xyz.shape == (7, 70, 3) and found.fps == 25
    one, two = shown.judge([found, truth])
    assert one.glosses == shown.reader.read([found.xyz])[0].glosses and two == shown.judge([replace(truth, xyz=truth.xyz * (1, 1, 3))])[0]
    twice = shown.judge([truth.resample(50)])[0]
    assert twice == two, "poses of another frame rate are brought to the judge's"


@pytest.mark.parametrize("count", [1, 6, 7])
def test_every_second_frame_stands_for_two_and_the_poses_between_are_interpolated(folders, count):
    shown, truth = screen(folders, every=2), poses(count)
    every = screen(folders).show(Produced(truth))
    frames = shown.show(Produced(truth))
    assert len(frames) == count and np.array_equal(frames[::2], every[::2]) and np.array_equal(frames[1::2], every[::2][:count // 2])
    shown.detector = Perfect(truth)
    found = shown.read(numbered(count))
    exact = seen(numbered(count), Perfect(truth), 25).xyz
    assert len(found) == count and found.fps == 25 and np.allclose(found.xyz[::2], exact[::2], atol=1e-5, equal_nan=True)
    middle = (exact[:-2:2] + exact[2::2]) / 2
    assert np.allclose(found.xyz[1:count - 1:2], middle, atol=1e-5, equal_nan=True)


def test_nothing_is_rendered_twice_and_what_was_kept_is_the_same(folders, tmp_path, monkeypatch):
    first, truth = screen(folders, folders / "renderer", size=None, style="night", work=tmp_path), poses(5)
    assert first.size == tiny().size
    meaning = torch.zeros(2, tiny().d_state), torch.zeros(2, tiny().d_state), torch.tensor([[0, 2], [2, 5]])
    frames = first.show(Produced(truth), meaning)
    assert len(list(tmp_path.iterdir())) == 1
    again = screen(folders, folders / "renderer", size=None, style="night", work=tmp_path)
    monkeypatch.setattr(again.renderer, "frames", None)
    assert np.array_equal(again.show(Produced(truth), meaning), frames)
    monkeypatch.undo()
    bent = replace(truth, xyz=truth.xyz + np.float32(0.01))
    names = {made._name(sequence, told) for made, sequence, told in (
        (first, truth, meaning), (first, truth, None), (first, bent, meaning), (screen(folders, folders / "renderer", style="night"), truth, meaning),
        (screen(folders, folders / "renderer", size=None), truth, meaning),
        (screen(folders, folders / "renderer", size=None, style="night", signer="two"), truth, meaning),
        (screen(folders, folders / "renderer", size=None, style="night", seed=1), truth, meaning),
        (screen(folders, folders / "renderer", size=None, style="night", steps=3), truth, meaning), (screen(folders, size=32), truth, meaning))}
    assert len(names) == 9, "whatever changes the frames changes their name"


def test_hands_are_compared_where_the_true_ones_are_along_the_path(folders):
    shown, truth = screen(folders), poses(6, 3)
    frames, path = shown.show(Produced(truth)), np.stack([np.arange(6)] * 2, 1)
    assert shown.hand_ssim(frames, frames, path, truth) == pytest.approx(1)
    slower, slow = frames.repeat(2, 0), np.stack([np.arange(12), np.arange(12) // 2], 1)
    assert shown.hand_ssim(slower, frames, slow, truth) == pytest.approx(1)
    assert shown.hand_ssim(slower, frames, path, truth) < 0.99, "a wrong path is seen"
    spoilt = frames.copy()
    spoilt[:, :8] = 0
    assert shown.hand_ssim(spoilt, frames, path, truth) == pytest.approx(1), "above the head there is no hand"
    nowhere = replace(truth, xyz=np.full_like(truth.xyz, np.nan))
    assert shown.hand_ssim(frames, frames, path, nowhere) is None


@pytest.mark.parametrize("changes, told", [
    ({"every": 0}, "give 1 or more, not 0"), ({"renderer": "paint"}, "there is no renderer 'paint'"), ({"style": "day"}, "this is the drawn signer"),
    ({"judge": CHECKPOINTS / "back-translation-nano"}, "reads poses with z, which no frame shows"), ({"judge": "nowhere"}, "is not a checkpoint"),
    ({"renderer": "studio", "steps": 2}, "the studio takes no steps")])
def test_a_screen_that_cannot_be_is_told_in_one_line(folders, changes, told):
    given = {"renderer": "drawn", "detector": folders / "detector", "judge": folders / "judge"} | changes
    with pytest.raises(SignerError, match=told) as error:
        Screen(**given)
    assert "\n" not in str(error.value)


# --- the proof -------------------------------------------------------------------------------------------------------
def performed(k):
    text, glosses = (("I like houses.", ["LIKE", "HOUSE"]), ("You like tea.", ["LIKE", "TEA"]))[k % 2]
    units = [Unit(gloss, i, 0, 0, "", "") for i, gloss in enumerate(glosses)]
    return Performed(f"test-{k}", text, glosses, units, poses(7, k), [], "one", ["one"] * 2)


def test_errors_are_in_the_picture_and_of_what_was_found():
    truth = poses(4)
    moved = truth.xyz + np.float32([0.03, 0.04, 9])
    moved[:, HAND] = np.nan
    told = errors(PoseSequence(moved, 25), truth)
    assert told["body_error"] == pytest.approx(0.05, abs=1e-4) and told["hands_error"] == pytest.approx(0.05, abs=1e-4)
    assert (told["body_found"], told["hands_found"]) == (1, 0.5)
    moved[:, 8:50] = np.nan
    assert errors(PoseSequence(moved, 25), truth)["hands_error"] is None


def test_the_proof_holds_the_ceiling_the_frames_and_the_floor(folders):
    shown, rows = screen(folders), [performed(k) for k in range(2)]
    table = prove([shown], rows)
    assert [(line["read"], line["against"]) for line in table] == [("poses", "own"), ("poses", "wrong"), ("frames", "own"), ("frames", "wrong")]
    assert all(line["count"] == 2 and {"bleu4", "wer"} <= set(line) for line in table)
    assert set(table[2]["errors"]) == {f"{part}_{what}" for part in module.PARTS for what in ("error", "found")}
    assert 0 < table[3]["hand_ssim"] < 1 and table[2]["shown"]["renderer"] == "drawn" and json.dumps(table)
    with pytest.raises(SignerError, match="1 sentence is too few"):
        prove([shown], rows[:1])


def test_the_command_writes_the_table_with_its_settings(folders, tmp_path, capsys):
    write_split(tmp_path / "data", "test", [performed(k) for k in range(3)])
    main(["--data", str(tmp_path / "data"), "--judge", str(folders / "judge"), "--detector", str(folders / "detector"), "--renderer", "drawn",
          "--clips", "2", "--out", str(tmp_path / "screen.json")])
    told = json.loads((tmp_path / "screen.json").read_text())
    assert [row["count"] for row in told["rows"]] == [2] * 4 and told["settings"]["clips"] == ["test-0", "test-2"]
    assert told["command"].startswith("python -m signer_lib.comparison.screen") and len(capsys.readouterr().out.splitlines()) == 4
