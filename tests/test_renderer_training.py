"""Training the renderer: the data folder, batches, the stages, stopped and gone on, what it leaves."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from clips import STYLES, poses, write_clips
from clips import tiny as tiny_with
from signer_lib.errors import SignerError
from signer_lib.loop import STATE
from signer_lib.render.control import control_image
from signer_lib.render.drawn import draw_frame
from signer_lib.render.framing import Framing
from signer_lib.render.renderer.autoencoder import SignerAutoencoder, channel_weights, to_latents
from signer_lib.render.renderer.batches import Batches
from signer_lib.render.renderer.conditioning import Signed
from signer_lib.render.renderer.curriculum import train_on
from signer_lib.render.renderer.data import Clip, framed, read_clips
from signer_lib.render.renderer.losses import HANDS, hand_weights, picture_scores, pixel_losses
from signer_lib.render.renderer.packing import pack, packed_split
from signer_lib.render.renderer.pipeline import RendererPipeline
from signer_lib.render.renderer.stages import DiffusionStage, mean_frame
from signer_lib.render.renderer.training import Draw, Stage
from trainings import log_of

STAGES = ("autoencoder", "stills", "diffusion", "distillation", ".")
pytestmark = pytest.mark.usefixtures("own_cache")


def tiny(**changes):
    return tiny_with(**{"window": 3, "overlap": 1} | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips") / "data")


@pytest.fixture(scope="module")
def splits(data):
    return tuple(packed_split(data, split, 32) for split in ("train", "dev"))


# --- data ------------------------------------------------------------------------------------------------------------
def test_clips_are_packed_one_after_another(data, splits):
    train, dev = splits
    assert train.frames.shape == (30, 32, 32, 3) and train.xyz.shape == (30, 70, 3) and [clip["first"] for clip in train.clips] == [0, 7, 15, 22]
    assert train.names("style") == list(STYLES) and train.names("signer") == ["signer-0", "signer-1"] and len(dev.clips) == 2
    clips = list(read_clips(data / "train", 32))
    assert all(np.array_equal(train.frames[row["first"]:row["first"] + row["count"]], clip.frames) for row, clip in zip(train.clips, clips))
    assert np.allclose(train.xyz[:7], poses(7, 0).xyz, atol=1e-4) and train.d_state is None


def test_a_packed_split_is_used_again_until_a_file_changes(tmp_path):
    folder = write_clips(tmp_path / "data", clips=1)
    before = packed_split(folder, "train", 32)
    assert packed_split(folder, "train", 32).frames.filename == before.frames.filename
    shutil.copy(folder / "dev" / "0.mp4", folder / "train" / "0.mp4")
    assert packed_split(folder, "train", 32).sha256 != before.sha256


def test_what_slul_says_of_a_clip_is_kept(tmp_path):
    clips = [Clip(str(k), np.zeros((4, 32, 32, 3), np.uint8), poses(4).xyz, "day", "one", signed=signed)
             for k, signed in enumerate([None, Signed(torch.ones(2, 6), torch.ones(6), torch.tensor([[0, 2], [2, 4]]))])]
    packed = pack(iter(clips), tmp_path / "packed")
    assert packed.d_state == 6 and packed.signed[0] is None and torch.equal(packed.signed[1].states, torch.ones(2, 6))


def test_a_video_that_shows_more_is_cut_to_what_the_control_images_show():
    xyz, seen = poses(5).xyz[2], Framing()
    picture = draw_frame(xyz, size=64)
    wide = np.pad(picture, ((16, 16), (32, 32), (0, 0)))                    # 96 x 128: a camera that stands farther away
    width = seen.width * 128 / 64
    assert np.abs(framed([wide], Framing(seen.centre, width), 64)[0].astype(int) - picture).mean() < 1
    moved = framed([picture], Framing((seen.centre[0] + 0.35, seen.centre[1]), seen.width), 64)[0]      # the middle is farther to the signer's left
    assert np.abs(moved[:, 8:].astype(int) - picture[:, :-8]).mean() < 1


@pytest.mark.parametrize("spoil, told", [
    (lambda f: (f / "train" / "metadata.jsonl").unlink(), "there is no .*metadata.jsonl"),
    (lambda f: (f / "train" / "metadata.jsonl").write_text("{"), "line 1 is no JSON"),
    (lambda f: (f / "train" / "metadata.jsonl").write_text('{"file_name": "0.mp4"}'), "line 1 has no poses_file_name"),
    (lambda f: (f / "train" / "metadata.jsonl").write_text(""), "names no clips"),
    (lambda f: (f / "train" / "0.pose").unlink(), "names 0.pose, which is not there"),
    (lambda f: (f / "train" / "0.mp4").write_bytes(b"no video"), "as a video"),
    (lambda f: shutil.copy(f / "dev" / "1.pose", f / "train" / "0.pose"), "7 frames, but 8 poses"),
])
def test_a_folder_that_cannot_be_read_is_told_in_one_line(tmp_path, spoil, told):
    folder = write_clips(tmp_path / "data", clips=1)
    spoil(folder)
    with pytest.raises(SignerError, match=told) as error:
        packed_split(folder, "train", 32)
    assert "\n" not in str(error.value)


def test_states_that_are_none_are_told(tmp_path):
    folder = write_clips(tmp_path / "data", clips=1)
    save_file({"states": torch.zeros(1, 6)}, folder / "train" / "0.safetensors")
    row = json.loads((folder / "train" / "metadata.jsonl").read_text()) | {"states_file_name": "0.safetensors"}
    (folder / "train" / "metadata.jsonl").write_text(json.dumps(row))
    with pytest.raises(SignerError, match="holds no states and context"):
        packed_split(folder, "train", 32)


# --- batches ---------------------------------------------------------------------------------------------------------
def test_a_batch_follows_from_the_seed_and_the_step(splits):
    one, two = Batches(splits[0], 3, 2, 7), Batches(splits[0], 3, 2, 7)
    for step in (0, 5, 3):                                  # in any order
        assert torch.equal(one[step].pixels, two[step].pixels) and torch.equal(one[step].xyz, two[step].xyz)
    assert len(one) == 4 and one[0].pixels.shape == (2, 3, 3, 32, 32) and not torch.equal(one[0].pixels, Batches(splits[0], 3, 2, 8)[0].pixels)


def test_frames_and_poses_of_a_batch_belong_together(splits):
    batch = Batches(splits[0], 3, 8, 0)[0]
    for pixels, xyz in zip(batch.pixels.flatten(0, 1), batch.xyz.flatten(0, 1)):
        same = np.flatnonzero((splits[0].xyz == xyz.numpy()).all((1, 2)))          # each clip begins at rest
        shown = ((pixels.permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
        assert len(same) and any(np.array_equal(shown, splits[0].frames[k]) for k in same)


def test_a_clip_that_is_too_short_stands_still_at_its_end(splits):
    batch = Batches(splits[0], 12, 4, 0)[0]
    assert batch.xyz.shape[1] == 12 and all(torch.equal(row[-1], row[-3]) for row in batch.xyz)


def test_parts_of_pictures_have_the_control_images_and_the_place_of_the_whole(splits):
    whole, parts = (Batches(splits[0], 3, 8, 0, crop=crop, grid=8)[0] for crop in (0, 16))
    assert parts.pixels.shape == (8, 3, 3, 16, 16) and len({tuple(corner) for corner in parts.corner.tolist()}) > 3
    assert (parts.corner % 8 == 0).all() and parts.corner.min() >= 0 and parts.corner.max() <= 16
    shown = hands = 0
    for row, (x, y) in enumerate(parts.corner.int().tolist()):
        for of_whole, of_part in ((whole.pixels, parts.pixels), (whole.control(), parts.control())):
            assert torch.allclose(of_whole[row, ..., y:y + 16, x:x + 16], of_part[row], atol=1e-4)
        hands += whole.control()[row, :, HANDS].sum().item() / 4                          # what a quarter of the picture has on average
        shown += parts.control()[row, :, HANDS].sum().item()
    assert shown > 1.5 * hands
    control = whole.control()[0, 0]
    assert torch.equal(control[:-2], control_image(whole.xyz[0, 0], 32)) and control[-2, 0, 0] == control[-1, 0, 0] == -1 + 1 / 32
    assert control[-2, 5, -1] == control[-1, -1, 5] == 1 - 1 / 32


def test_some_windows_are_always_the_same_ones(splits):
    batches = Batches(splits[1], 3, 2, 0)
    assert [len(batch.pixels) for batch in batches.some(3)] == [2, 1] and len(batches.some(99, 99)[0].pixels) == 4
    assert torch.equal(batches.some(3)[1].pixels, Batches(splits[1], 3, 2, 5).some(3)[1].pixels)


# --- losses ----------------------------------------------------------------------------------------------------------
def test_hands_count_more():
    control = control_image(torch.from_numpy(poses(3).xyz), 64)
    weights = hand_weights(control, 4.0)
    shown = control[:, HANDS].amax(1, keepdim=True) > 0.9
    assert weights.shape == (3, 1, 64, 64) and weights.min() == 1 and (weights[shown] > 4.5).all() and shown.any()
    assert hand_weights(control, 4.0, 8).shape == (3, 1, 8, 8) and hand_weights(torch.zeros(2, 3, 32, 32), 4.0).max() == 1
    truth = torch.rand(3, 3, 64, 64)
    at_hands, elsewhere = (pixel_losses(truth + 0.5 * mask, truth, weights)["pixels"] / mask.float().mean() for mask in (shown, ~shown))
    assert at_hands > 2 * elsewhere


def test_the_scores_of_a_perfect_picture():
    control, truth = control_image(torch.from_numpy(poses(2).xyz), 32), torch.rand(2, 3, 32, 32) * 2 - 1
    scores = picture_scores(truth, truth, control)
    assert scores["ssim"] == pytest.approx(1, abs=1e-4) and scores["hand_ssim"] == pytest.approx(1, abs=1e-3) and scores["psnr"] > 60
    assert picture_scores(truth + 0.1, truth, control)["psnr"] == pytest.approx(26, abs=1)


def test_latents_count_as_they_move_the_picture():
    vae = SignerAutoencoder(2, 3, (8, 8), norm_num_groups=4)
    with torch.no_grad():
        vae.linear_out.weight.copy_(torch.tensor([3.0, 2.0, 1.0]).expand(48, 3)[..., None, None])
    assert channel_weights(vae).flatten().tolist() == pytest.approx([1.5, 1.0, 0.5]) and channel_weights(torch.nn.Linear(1, 1)).item() == 1


# --- the stages ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def whole(splits, tmp_path_factory):
    """A training that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    return SimpleNamespace(out=out, stage=train_on(tiny(), *splits, out, seed=7))


def test_a_training_that_is_stopped_in_every_stage_goes_on_exactly(splits, whole, tmp_path, monkeypatch, capsys):
    step, stopped = Stage.step, set()

    def stopping(self):
        if self.name not in stopped and self.state["step"] == 4:           # its state is that of step 3
            stopped.add(self.name)
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Stage, "step", stopping)
    for folder in (tmp_path / stage for stage in STAGES):
        with pytest.raises(KeyboardInterrupt):
            train_on(tiny(), *splits, tmp_path, seed=7)
        assert (folder / STATE).is_file() and not (folder / "training.json").exists()
    train_on(tiny(), *splits, tmp_path, seed=7)
    assert capsys.readouterr().out.count("going on after step 3 of 6") == len(STAGES) and not [*tmp_path.rglob(STATE)]
    for path in whole.out.rglob("*"):
        if path.suffix in (".safetensors", ".png") or path.name in ("config.json", "model_index.json", "scheduler_config.json"):
            assert path.read_bytes() == (tmp_path / path.relative_to(whole.out)).read_bytes(), path
    for stage in STAGES:
        assert log_of(whole.out / stage) == log_of(tmp_path / stage)


def test_what_a_training_leaves(whole):
    told = {"pixels", "structure", "kl"}, set(), set(), {"consistency", "picture"}, {"pixels", "structure"}
    for stage, terms in zip(STAGES, told):
        lines = log_of(whole.out / stage)
        assert [line["step"] for line in lines if "total" in line] == [1, 2, 3, 4, 5, 6] and terms <= set(lines[0])
        assert {"dev_total", "dev_psnr", "dev_ssim", "dev_hand_ssim"} <= set(lines[3])
        for step in (4, 6):
            rows = 3 if stage == "autoencoder" else 4                      # control, what is made, (the autoencoder's own), the truth
            assert Image.open(whole.out / stage / "samples" / f"{step:07d}.png").size[1] == 32 * rows
    loaded = RendererPipeline.from_folder(whole.out, device="cpu")
    assert type(loaded.scheduler).__name__ == "LCMScheduler" and loaded(poses(8), style="night", signer="signer-1").frames.shape == (8, 32, 32, 3)
    many = RendererPipeline.from_folder(whole.out / "diffusion", device="cpu")
    assert type(many.scheduler).__name__ == "DDIMScheduler" and many.refiner is None and loaded.refiner.last.weight.abs().sum() > 0
    assert len(loaded.vae.config.latents_mean) == 4 and min(loaded.vae.config.latents_std) > 0


def test_latents_have_mean_0_and_deviation_1(splits, whole):
    vae = RendererPipeline.from_folder(whole.out, device="cpu").vae
    z = to_latents(vae, torch.from_numpy(np.array(splits[0].frames)).permute(0, 3, 1, 2).float() / 127.5 - 1)
    assert z.mean((0, 2, 3)).abs().max() < 0.02 and (z.std((0, 2, 3)) - 1).abs().max() < 0.02


def test_a_finished_training_is_not_done_over_and_not_mixed_with_another(splits, whole, tmp_path):
    with pytest.raises(SignerError, match="holds a finished training"):
        train_on(tiny(), *splits, whole.out, seed=7)
    shutil.copytree(whole.out / "autoencoder", tmp_path / "autoencoder")
    for config, seed, told in ((tiny(weight_hands=2.0), 7, "another weight_hands .4.0, not 2.0"), (tiny(), 8, "another seed .7, not 8")):
        with pytest.raises(SignerError, match=told):
            train_on(config, *splits, tmp_path, seed=seed)


def test_stills_are_single_frames(splits, tmp_path, monkeypatch):
    seen, loss = [], DiffusionStage.loss
    monkeypatch.setattr(DiffusionStage, "loss", lambda self, batch, draw: (seen.append((self.name, batch.pixels.shape)), loss(self, batch, draw))[1])
    once = {"autoencoder_steps": 1, "stills_steps": 1, "diffusion_steps": 1, "distillation_steps": 0, "refiner_steps": 0}
    train_on(tiny(**once, short_windows=0.0), *splits, tmp_path, seed=0)
    assert seen == [("stills", (4, 1, 3, 16, 16)), ("diffusion", (2, 3, 3, 16, 16))]


def test_a_share_of_windows_begins_at_noise_alone(whole):
    stage = SimpleNamespace(config=tiny(at_noise=0.5))
    draw = Draw(torch.Generator().manual_seed(0), 400, 0, 1)
    times = DiffusionStage._times(stage, draw)
    assert 0.4 < (times == 1).float().mean() < 0.6 and times.min() < 0.05 and times[times < 1].mean() == pytest.approx(0.5, abs=0.06)


def test_losses_fall(splits, tmp_path):
    config = tiny(autoencoder_steps=40, crop=0, stills_steps=0, diffusion_steps=60, distillation_steps=0, refiner_steps=0, learning_rate=0.005,
                  autoencoder_learning_rate=0.005, average=0.9, score_steps=60, sample_steps=1000)
    train_on(config, *splits, tmp_path, seed=0)
    for folder, part in ((tmp_path / "autoencoder", 0.6), (tmp_path, 0.85)):
        totals = [line["total"] for line in log_of(folder) if "total" in line]
        assert sum(totals[-8:]) < part * sum(totals[:8]), folder
    assert (tmp_path / "model_index.json").is_file() and not (tmp_path / "diffusion").exists()


def test_the_refiner_learns_what_the_control_images_tell(splits, whole, tmp_path):
    """From a renderer that knows nothing, in as many steps as it takes to see it."""
    for stage in ("autoencoder", "stills", "diffusion", "distillation"):
        shutil.copytree(whole.out / stage, tmp_path / stage)
    train_on(tiny(refiner_steps=60, refiner_learning_rate=0.005, score_steps=60, sample_steps=1000), *splits, tmp_path, seed=7)
    totals = [line["total"] for line in log_of(tmp_path) if "total" in line]
    assert sum(totals[-8:]) < 0.7 * sum(totals[:8])


def test_a_style_that_only_dev_has_is_told(splits, data, tmp_path):
    one = pack([clip for clip in read_clips(data / "train", 32) if clip.style == "day"], tmp_path / "day")
    with pytest.raises(SignerError, match="the style 'night' is in the dev split, but not in train"):
        train_on(tiny(), one, splits[1], tmp_path / "out", seed=0)


def test_a_loss_that_is_no_number_ends_the_training(splits, tmp_path):
    with pytest.raises(SignerError, match="the loss is .* train again with a lower learning_rate"):
        train_on(tiny(autoencoder_learning_rate=1e30, autoencoder_steps=30, score_steps=100, warmup_steps=0), *splits, tmp_path, seed=0)


def test_the_command_line_tells_what_is_missing(tmp_path):
    from signer_lib.cli import app
    result = CliRunner().invoke(app, ["train", "renderer", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, SignerError) and "metadata.jsonl" in str(result.exception)


def test_the_canvas_begins_as_the_mean_frame_of_its_style(splits):
    train = splits[0]
    of_day = np.concatenate([np.array(train.frames[clip["first"]:clip["first"] + clip["count"]]) for clip in train.clips if clip["style"] == "day"])
    assert np.allclose(mean_frame(train, "day"), of_day.mean(0) / 127.5 - 1, atol=1e-5)
