"""The detector of joints: what it learns, in frames and in files, and the measures that read it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from typer.testing import CliRunner

from clips import STYLES, small_detector, write_clips
from signer_lib.errors import SignerError
from signer_lib.loop import STATE
from signer_lib.metrics.keypoints import KeypointDetector
from signer_lib.metrics.keypoints_batching import Batches
from signer_lib.metrics.keypoints_net import HANDS, WHOLE, after, crop_ways, crops, inverse, moved, places
from signer_lib.metrics.keypoints_training import Training, keypoint_config
from signer_lib.metrics.pictures import APART, TIPS, frechet, keypoint_errors, signature, tips_apart, tips_found
from signer_lib.pose import SIGNER70
from signer_lib.render.framing import Framing
from signer_lib.render.renderer.packing import packed_split
from signer_lib.render.visibility import visible
from standing import AT, pose
from trainings import log_of

SIZE = 64
pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    data = write_clips(tmp_path_factory.mktemp("clips") / "data", SIZE)
    return tuple(packed_split(data, split, SIZE) for split in ("train", "dev"))


@pytest.fixture(scope="module")
def trained(splits, tmp_path_factory):
    """A detector that knows a few frames by heart."""
    out = tmp_path_factory.mktemp("detector")
    small_detector(splits[0], splits[0], out).run()
    frames, xyz = np.array(splits[0].frames), splits[0].xyz
    return SimpleNamespace(out=out, detector=KeypointDetector.from_pretrained(out), frames=frames, truth=Framing().to_pixels(xyz, SIZE),
                           visible=visible(xyz))


def error_of(trained, frames, truth):
    return keypoint_errors(trained.detector(frames)[0], truth, trained.visible, SIZE)


# --- what it learns --------------------------------------------------------------------------------------------------
def test_joints_are_read_where_they_are(trained):
    errors = error_of(trained, trained.frames, trained.truth)
    assert errors["keypoint_error"] < 0.02 and errors["face_error"] < 0.02 and errors["hands_error"] < 0.04
    shuffled = error_of(trained, trained.frames[::-1], trained.truth)                                  # it looks at the pictures
    assert shuffled["hands_error"] > 3 * errors["hands_error"]


def test_frames_of_any_size_are_read_in_their_own_pixels(trained):
    pixels, confidence = trained.detector(trained.frames[:3])
    large, _ = trained.detector(trained.frames[:3].repeat(2, 1).repeat(2, 2))
    assert pixels.shape == (3, 70, 2) and confidence.shape == (3, 70) and 0 <= confidence.min() and confidence.max() <= 1
    assert np.abs(large - 2 * pixels)[trained.visible[:3]].max() < 2                                  # a hidden joint may be in two places
    assert np.allclose(pixels, np.concatenate([trained.detector(frame[None])[0] for frame in trained.frames[:3]]), atol=0.01)


def test_a_moved_picture_is_off_by_as_much(trained):
    moved_frames = np.concatenate([trained.frames[:, :, :1].repeat(4, 2), trained.frames[:, :, :-4]], 2)   # four pixels to the right
    found = keypoint_errors(trained.detector(moved_frames)[0], trained.truth, trained.visible, SIZE)["keypoint_error"]
    assert found == pytest.approx(4 / SIZE, abs=0.015)
    assert error_of(trained, moved_frames, trained.truth + (4, 0))["keypoint_error"] < 0.025


def test_hidden_joints_are_less_sure(trained):
    confidence = trained.detector(trained.frames)[1]
    assert confidence[trained.visible].mean() > 0.8 > 0.4 > confidence[~trained.visible].mean()


def test_style_and_signer_are_told(trained, splits):
    read, clips = trained.detector.read(trained.frames), splits[0].clips
    assert trained.detector.settings["styles"] == list(STYLES)
    for kind, numbers in (("style", read.style), ("signer", read.signer)):
        asked = [trained.detector.settings[f"{kind}s"].index(clip[kind]) for clip in clips for _ in range(clip["count"])]
        assert (numbers == asked).mean() > 0.95
    assert read.features.shape == (len(trained.frames), 32 + 24)


# --- batches ---------------------------------------------------------------------------------------------------------
def test_pictures_and_joints_are_moved_alike(splits):
    """A spot of colour where the joint is stays where the joint is told to be, mirrored, turned, scaled and cropped."""
    config = keypoint_config("base", ["batch_size=6", "colour=0", "coarse=0", "rotate=20"])
    nose, tip, joints = WHOLE.index(SIGNER70.index("nose")), 8, [AT("nose"), AT("l_hand_index_tip"), AT("r_hand_index_tip")]
    pixels = Framing().to_pixels(splits[0].xyz[:, joints], 256).round().astype(int)
    inside = ((pixels > 30) & (pixels < 226)).all((1, 2))
    frames = np.zeros((inside.sum(), 256, 256, 3), np.uint8)
    for frame, points in zip(frames, pixels[inside]):
        for colour, (x, y) in enumerate(points):
            frame[y - 6:y + 6, x - 6:x + 6, colour] = 255
    clips = [{"count": len(frames), "style": "", "signer": ""}]
    packed = SimpleNamespace(frames=frames, xyz=splits[0].xyz[inside], clips=clips, names=lambda kind: [""])
    batches, flips, looked_at = Batches(packed, config, 0), set(), 0

    def spot(picture):
        y, x = np.nonzero(picture > 0.5)
        return np.array([x.mean() + 0.5, y.mean() + 0.5]) if len(x) > 4 else None
    for batch in map(batches.__getitem__, range(4)):
        for k in range(6):
            assert np.allclose(spot(batch.pixels[k, 0].numpy()), batch.whole.places[k, nose].numpy() * 128, atol=1)
            for side in range(2):
                if not 0.15 < batch.hands.places[k, side, tip].min() < batch.hands.places[k, side, tip].max() < 0.85:
                    continue
                shown = [spot(batch.crops[k, side, colour].numpy()) for colour in (1, 2)]
                told = batch.hands.places[k, side, tip].numpy() * 64
                right = [number for number, one in enumerate(shown) if one is not None and np.abs(one - told).max() < 1.5]
                assert right, (shown, told)
                flips.add(side in right)
                looked_at += 1
    assert looked_at > 10 and flips == {True, False}                       # mirrored, a left hand is a right one


def test_a_batch_follows_from_the_seed_and_the_step(splits):
    config = keypoint_config("base", ["size=64", "crop=32", "patch=2", "batch_size=4"])
    one, two, other = Batches(splits[0], config, 3), Batches(splits[0], config, 3), Batches(splits[0], config, 4)
    for step in (0, 9, 2):
        assert torch.equal(one[step].pixels, two[step].pixels) and torch.equal(one[step].hands.places, two[step].hands.places)
    assert not torch.equal(one[0].pixels, other[0].pixels) and len(one) == 7
    assert one[0].part(1, 2).crops.shape == (2, 2, 3, 32, 32) and one[0].part(1, 2).whole.seen.shape == (2, 30)


def test_crops_look_at_the_hands_and_left_ones_are_mirrored():
    picture = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)               # brighter to the right
    ways = crop_ways(torch.tensor([[[0.7, 0.5], [0.3, 0.4]]]))
    left, right = crops(picture, ways, 16)
    assert (left.diff(dim=-1) < 0).all() and (right.diff(dim=-1) > 0).all() and left.mean() == pytest.approx(0.4, abs=0.03)
    points = torch.rand(1, 2, 5, 2)
    assert torch.allclose(moved(moved(points, ways), inverse(ways)), points, atol=1e-5)
    assert torch.allclose(moved(points, after(ways, inverse(ways))), points, atol=1e-5)
    assert torch.allclose(moved(torch.tensor([[0.5, 0.5]]), ways[0, 1]), torch.tensor([[0.3, 0.4]]))


def test_places_are_means_of_cells():
    heat = torch.full((1, 1, 4, 8), -torch.inf)
    heat[0, 0, 1, 2:4] = np.log(0.5)
    assert torch.allclose(places(heat), torch.tensor([[[3 / 8, 1.5 / 4]]]))
    heat[0, 0, 1, 2:4], heat[0, 0, 3, 7] = np.log(0.4), np.log(0.2)        # a second place far off
    assert places(heat)[0, 0, 0] > 0.45 and torch.allclose(places(heat, 2), torch.tensor([[[3 / 8, 1.5 / 4]]]))


# --- measures --------------------------------------------------------------------------------------------------------
def hand_of(places):
    """(1, 70, 2) pixels of a picture of 100: the left tips at these x, 10 down; all else far away."""
    truth = np.full((1, 70, 2), 90.0)
    truth[0, TIPS[0]] = np.stack([places, np.full(5, 10.0)], -1)
    return truth


def test_errors_are_shares_of_the_side():
    truth, counts = np.zeros((2, 70, 2)), np.ones((2, 70), bool)
    found = truth + (3, 4)
    assert keypoint_errors(found, truth, counts, 100) == pytest.approx(
        {"keypoint_error": 0.05, "body_error": 0.05, "hands_error": 0.05, "face_error": 0.05})
    found[:, 50:], counts[0], counts[1, :8] = 0, False, False
    errors = keypoint_errors(found, truth, counts, 100)
    assert errors["body_error"] is None and errors["hands_error"] == pytest.approx(0.05) and errors["face_error"] == 0
    assert errors["keypoint_error"] == pytest.approx(0.05 * 42 / 62)


def test_fingers_are_countable_where_their_tips_are_apart():
    seen, near = np.ones((1, 70), bool), 100 * APART
    assert tips_apart(hand_of(10 + 1.01 * near * np.arange(5)), seen, 100).tolist() == [[True, False]]  # the right ones lie on one spot
    close = hand_of(10 + np.array([0, 1.01, 2.02, 2.5, 4]) * near)
    assert not tips_apart(close, seen, 100).any()
    seen[0, TIPS[0, 3]] = False                                            # what is hidden is in nobody's way
    assert tips_apart(close, seen, 100)[0, 0]
    seen[0, TIPS[0, :2]] = False
    assert not tips_apart(close, seen, 100).any()                          # two are not enough


def test_a_tip_is_found_if_it_is_sure_and_itself():
    seen, sure, near = np.ones((1, 70), bool), np.full((1, 70), 0.9), 100 * APART
    truth = hand_of(10 + np.array([0, 1.2, 2.4, 6, 20]) * near)
    assert tips_found(truth, sure, truth, seen, 100)[0, 0]

    def moved_by(finger, part):
        found = truth.copy()
        found[0, TIPS[0, finger], 1] += part * near
        return tips_found(found, sure, truth, seen, 100)[0, 0]
    assert moved_by(1, 0.59) and not moved_by(1, 0.61)                     # half way to its neighbour
    assert moved_by(4, 0.99) and not moved_by(4, 1.01)                     # far from all others: APART
    sure[0, TIPS[0, 2]] = 0.4
    assert not tips_found(truth, sure, truth, seen, 100)[0, 0]
    seen[0, TIPS[0, 2]] = False
    assert tips_found(truth, sure, truth, seen, 100)[0, 0]


def test_the_frechet_distance():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 6))
    features /= features.std(0, ddof=1)
    assert frechet(features, features) == pytest.approx(0, abs=1e-9) and frechet(features + 2, features) == pytest.approx(6 * 4)
    assert frechet(3 * features, features) == pytest.approx(4 * (6 + (features.mean(0) ** 2).sum()))
    assert frechet(features * 7, features[::-1] * 7 + 7) == pytest.approx(6)                           # in deviations
    noisy = [frechet(features + rng.normal(0, level, features.shape), features) for level in (0.3, 1.0, 3.0)]
    assert 0 < noisy[0] < noisy[1] < noisy[2] and frechet(features[:1], features) is None
    few = rng.normal(size=(5, 40))                                         # fewer frames than features
    assert frechet(few, few) < 1e-6 < frechet(few + rng.normal(0, 0.01, few.shape), few) < 0.1
    assert "detector:abc" in signature("abc") and "no-FID" in signature("abc")


def test_the_frechet_distance_is_that_of_torchmetrics():
    rng = np.random.default_rng(0)
    one, other, same = rng.normal(size=(300, 5)), rng.normal(0.3, 1, (200, 5)) @ rng.normal(size=(5, 5)), torch.nn.Identity()
    same.num_features = 5
    one /= one.std(0, ddof=1)
    theirs = FrechetInceptionDistance(feature=same).set_dtype(torch.float64)
    theirs.update(torch.from_numpy(one), real=True)
    theirs.update(torch.from_numpy(other), real=False)
    assert frechet(other, one) == pytest.approx(float(theirs.compute()))


def test_what_is_before_a_joint_hides_it():
    face, hand = SIGNER70.groups["face"], SIGNER70.groups["right_hand"]
    rest = pose(right=(-0.9, -0.3, 0.4))
    seen = visible(rest[None])[0]
    assert seen[face].all() and seen[SIGNER70.index("nose")] and seen[AT("r_wrist")]
    before, behind, outside, missing = rest.copy(), rest.copy(), rest.copy(), rest.copy()
    before[hand] += before[AT("nose")] - before[hand].mean(0) + (0, 0, 0.3)
    behind[hand] += (0, -0.5, 0) - behind[hand].mean(0) + (0, 0, -0.6)     # in the trunk
    outside[AT("r_wrist"), 0] = -2
    missing[hand] = np.nan
    assert not visible(before[None])[0][[AT("lip_upper_outer"), AT("nose")]].all() and visible(before[None])[0][hand].mean() > 0.5
    assert not visible(behind[None])[0][hand].any() and not visible(outside[None])[0][AT("r_wrist")]
    assert not visible(missing[None])[0][hand].any() and visible(missing[None])[0][face].all()
    assert np.array_equal(visible(np.stack([before, missing])), np.concatenate([visible(before[None]), visible(missing[None])]))
    assert visible(np.zeros((0, 70, 3))).shape == (0, 70)


# --- training, files -------------------------------------------------------------------------------------------------
def test_a_training_that_is_stopped_goes_on_exactly(splits, tmp_path, monkeypatch, capsys):
    settings = {"steps": 8, "score_steps": 3}
    small_detector(*splits, tmp_path / "whole", **settings).run()
    step = Training.step

    def stopping(self):
        if self.state["step"] == 5:                                        # its state is that of step 3
            raise KeyboardInterrupt
        return step(self)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "step", stopping)
        small_detector(*splits, tmp_path / "parts", **settings).run()
    assert (tmp_path / "parts" / STATE).is_file()
    small_detector(*splits, tmp_path / "parts", **settings).run()
    assert "going on after step 3 of 8" in capsys.readouterr().out
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert log_of(tmp_path / "parts") == log_of(tmp_path / "whole") and not (tmp_path / "parts" / STATE).exists()
    lines = log_of(tmp_path / "whole")
    assert {"heat", "place", "seen", "hand_heat", "names", "total"} <= set(lines[0]) and "dev_hands_error" in lines[3]
    with pytest.raises(SignerError, match="holds a finished training"):
        small_detector(*splits, tmp_path / "whole", **settings)


def test_a_saved_detector_is_the_same(trained, tmp_path):
    trained.detector.save_pretrained(tmp_path)
    again = KeypointDetector.from_pretrained(tmp_path)
    assert again.fingerprint == trained.detector.fingerprint
    assert np.array_equal(again(trained.frames[:2])[0], trained.detector(trained.frames[:2])[0])


@pytest.mark.parametrize("spoil, told", [
    (lambda f: (f / "config.json").unlink(), "is not a checkpoint"),
    (lambda f: (f / "config.json").write_text("{}"), "lacks size"),
    (lambda f: (f / "model.safetensors").write_bytes(b"x"), "is damaged"),
    (lambda f: (f / "model.safetensors").unlink(), "has no model.safetensors"),
    (lambda f: (f / "config.json").write_text((f / "config.json").read_text().replace("24", "48")), "is damaged"),
    (lambda f: (f / "config.json").write_text(json.dumps(json.loads((f / "config.json").read_text()) | {"widths": [7]})), "is damaged"),
])
def test_a_folder_that_is_no_detector_is_told_in_one_line(trained, tmp_path, spoil, told):
    trained.detector.save_pretrained(tmp_path)
    spoil(tmp_path)
    with pytest.raises(SignerError, match=told) as error:
        KeypointDetector.from_pretrained(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("frames", [np.zeros((0, 64, 64, 3), np.uint8), np.zeros((1, 64, 32, 3), np.uint8), np.zeros((1, 64, 64, 3))])
def test_frames_that_are_none_are_refused(trained, frames):
    with pytest.raises(SignerError, match="joints are found in frames"):
        trained.detector(frames)


@pytest.mark.parametrize("changes, told", [
    (["widths=[48, 9]"], "multiples of 8"), (["size=200"], "a multiple of 16: not 4 and 100"),
    (["crop=20"], "a multiple of 8: not 4 and 20"), (["patch=3"], "must be even"), (["flip=1"], "below 1"),
    (["blur=0"], "more than 0"), (["precision=fp8"], "fp8"), (["weight_seen=-1"], "0 or more")])
def test_settings_that_do_not_fit_are_told(changes, told):
    with pytest.raises(SignerError, match=told):
        keypoint_config("base", changes)


def test_the_command_line_tells_what_is_missing(tmp_path):
    from signer_lib.cli import app
    result = CliRunner().invoke(app, ["train", "keypoints", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, SignerError) and "metadata.jsonl" in str(result.exception)


def test_hands_are_those_of_the_skeleton():
    assert sorted([*WHOLE, *range(*HANDS[0].indices(70)), *range(*HANDS[1].indices(70))]) == list(range(70))
