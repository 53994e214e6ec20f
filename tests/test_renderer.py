"""The diffusion renderer in use: shapes, windows, seeds, precision, what it is told of, gradients, files, and what it refuses."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, LCMScheduler, UNet2DConditionModel, UNetMotionModel

from clips import poses, tiny
from signer_lib.assets import ROOT
from signer_lib.errors import SignerError
from signer_lib.pose import PoseSequence
from signer_lib.pose.skeleton import Skeleton
from signer_lib.render.control import CHANNELS, control_image
from signer_lib.render.renderer.autoencoder import SignerAutoencoder, factor, to_latents, to_pixels
from signer_lib.render.renderer.building import few_steps, new_autoencoder, new_renderer
from signer_lib.render.renderer.conditioning import Signed, meaning_of
from signer_lib.render.renderer.pipeline import RendererPipeline, held
from signer_lib.render.renderer.place import placed
from signer_lib.render.renderer.sampling import steps, to_x0, windows
from signer_lib.render.renderer.settings import renderer_config

LEFT_HAND = slice(8, 29)


def renderer(**changes):
    """Untrained."""
    config = tiny(**changes)
    torch.manual_seed(0)
    vae = new_autoencoder(config)
    if isinstance(vae, SignerAutoencoder):
        vae.register_to_config(latents_mean=[0.1] * 4, latents_std=[0.7] * 4)
    made = new_renderer(config, vae, ["day", "night"], ["one", "two"], config.d_state)
    return made.ready("cpu")


def still(made):
    """The motion modules say nothing: every frame stands for itself."""
    for name, weight in made.unet.named_parameters():
        if "motion_modules" in name and ".proj_out." in name:
            torch.nn.init.zeros_(weight)
    return made


@pytest.fixture(scope="module")
def made():
    return renderer()


def frames_of(made, *args, **more):
    return made(*args, **more).frames


# --- frames ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 5, 6, 9])
def test_every_pose_becomes_a_frame(made, count):
    frames = frames_of(made, poses(count))
    assert frames.shape == (count, 32, 32, 3) and frames.dtype == np.uint8


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(made):
    sequence = poses(7)
    assert np.array_equal(frames_of(made, sequence, seed=3), frames_of(made, sequence, seed=3))
    assert not np.array_equal(frames_of(made, sequence, seed=3), frames_of(made, sequence, seed=4))


def test_every_frame_begins_with_the_same_noise(made):
    begun, _ = next(made.window(placed(torch.zeros(1, 5, len(CHANNELS), 32, 32)), meaning_of([(None, 0, 5)], [0], [0], 6, 3), made.noise(2, 0)))
    assert begun.shape == (1, 4, 5, 8, 8) and torch.equal(begun, begun[:, :, :1].expand_as(begun)) and begun.std() > 0.5


def test_style_signer_poses_and_meaning_matter(made):
    plain = frames_of(made, poses(3))
    signed = Signed(torch.randn(2, 6), torch.randn(6))
    for other in ({"style": "night"}, {"signer": "two"}, {"poses": poses(3, seed=1)}, {"signed": signed}):
        assert not np.array_equal(plain, frames_of(made, **{"poses": poses(3)} | other)), other
    assert np.array_equal(plain, frames_of(made, poses(3), style="day", signer="one"))


def test_control_images_may_be_given_instead_of_poses(made):
    control = control_image(torch.from_numpy(poses(8).xyz), 32)
    assert np.array_equal(frames_of(made, control=control), frames_of(made, poses(8)))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_few_steps_with_the_consistency_scheduler(made, count):
    distilled = RendererPipeline(**made.components | {"scheduler": few_steps(tiny(), made.scheduler)}, size=32, window=6, overlap=2)
    assert isinstance(distilled.scheduler, LCMScheduler)
    first = frames_of(distilled, poses(9), steps=count)
    assert np.array_equal(first, frames_of(distilled, poses(9), steps=count)) and first.std() > 0


# --- windows ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("frames, length, overlap", [(1, 6, 2), (6, 6, 2), (7, 6, 2), (20, 6, 2), (20, 6, 0), (2000, 16, 3)])
def test_windows_cover_all_frames_and_overlap(frames, length, overlap):
    found = list(windows(frames, length, overlap))
    assert found[0][0] == 0 and found[-1][1] == frames and all(stop - start == min(length, frames) for start, stop in found)
    assert all(before[1] - after[0] >= overlap and after[1] > before[1] for before, after in zip(found, found[1:]))


@pytest.mark.parametrize("scheduler", ["ddim", "lcm"])
def test_windows_change_nothing_where_frames_do_not_depend_on_each_other(scheduler):
    """A long clip in windows is the clip in one window: the same noise, the same control images, no frame lost or shown twice."""
    one = still(renderer(window=15))
    if scheduler == "lcm":
        one.scheduler = few_steps(tiny(), one.scheduler)
    many = RendererPipeline(**one.components, size=32, window=6, overlap=2, steps=2)
    whole, parts = frames_of(one, poses(15)), frames_of(many, poses(15))
    assert np.abs(whole.astype(int) - parts).max() <= 1


def test_a_window_goes_on_from_what_the_window_before_has_found(made):
    control, meaning = placed(torch.rand(1, 6, len(CHANNELS), 32, 32)), meaning_of([(None, 0, 6)], [0], [0], 6, 3)
    before, noise = torch.randn(1, 4, 4, 8, 8), made.noise(2, 0)
    with torch.no_grad():
        alone, joined = ([x0 for _, x0 in made.window(control, meaning, noise, known)] for known in (None, [before] * 2))
    assert torch.equal(joined[0][:, :, :2], before[:, :, :2])               # shown already: not touched
    share = ((joined[0] - alone[0]) / (torch.nn.functional.pad(before, (0, 0, 0, 0, 0, 2)) - alone[0]))[0, :, 2:4].mean((0, 2, 3))
    assert share.tolist() == pytest.approx([2 / 3, 1 / 3], abs=1e-3)        # then from old to new
    assert torch.equal(joined[0][:, :, 4:], alone[0][:, :, 4:]) and not torch.equal(joined[1][:, :, 4:], alone[1][:, :, 4:])


def test_frames_come_one_by_one(made, monkeypatch):
    asked = []
    control = RendererPipeline.control
    monkeypatch.setattr(RendererPipeline, "control", lambda self, source, body: asked.append(len(source)) or control(self, source, body))
    stream = made.stream(poses(60))
    assert next(stream).shape == (32, 32, 3) and asked == [6]
    assert 1 + sum(1 for _ in stream) == 60 and max(asked) == 6


def test_only_the_glosses_of_a_window_are_told():
    signed = Signed(torch.arange(5.0)[:, None], torch.zeros(1), torch.tensor([[0, 4], [4, 8], [8, 12], [12, 16], [16, 20]]))
    assert signed.within(5, 13, 12).flatten().tolist() == [1, 2, 3] and signed.within(0, 20, 3).flatten().tolist() == [0, 2, 4]
    assert Signed(signed.states, signed.context).within(0, 1, 12).shape == (5, 1)


# --- steps -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("prediction", ["v_prediction", "sample", "epsilon"])
def test_a_perfect_network_gives_back_the_clean_latents(prediction):
    scheduler = DDIMScheduler(prediction_type=prediction, clip_sample=False, beta_schedule="scaled_linear")
    truth, noise = torch.randn(1, 4, 3, 8, 8), torch.randn(2, 4, 8, 8)

    def network(x, t):
        a = scheduler.alphas_cumprod[t]
        noise = (x - a.sqrt() * truth) / (1 - a).sqrt()
        return {"sample": truth, "epsilon": noise, "v_prediction": a.sqrt() * noise - (1 - a).sqrt() * truth}[prediction]

    noisy, t = torch.randn_like(truth), torch.tensor([400])
    assert torch.allclose(to_x0(scheduler, network(noisy, t), noisy, t), truth, atol=1e-4)
    assert all(torch.allclose(found, truth, atol=1e-3) for _, found in steps(scheduler, network, noise, (1, 3)))


def test_the_autoencoder_folds_pixels_and_scales_its_latents():
    torch.manual_seed(0)
    vae = SignerAutoencoder(4, 8, (16, 16, 16), norm_num_groups=8, latents_mean=[0.5] * 8, latents_std=[2.0] * 8)
    pixels = torch.rand(3, 3, 64, 64) * 2 - 1
    latents = to_latents(vae, pixels)
    assert factor(vae) == 16 and latents.shape == (3, 8, 4, 4) and to_pixels(vae, latents).shape == pixels.shape
    assert torch.allclose(latents * 2 + 0.5, vae.encode(pixels).latent_dist.mode(), atol=1e-6)


def test_the_autoencoder_begins_as_principal_components():
    """Before any training it gives back what lies in as many dimensions as it has latents, and these have deviation 1 and nothing in common."""
    torch.manual_seed(0)
    vae, patches = SignerAutoencoder(2, 4, (8, 8), norm_num_groups=4), torch.randn(200, 4) @ torch.randn(4, 48) + torch.randn(48)
    pixels = torch.nn.functional.pixel_shuffle(patches.view(2, 10, 10, 48).permute(0, 3, 1, 2), 4)
    vae.fit(pixels, torch.ones(2, 1, 10, 10))
    with torch.no_grad():
        found = vae.encode(pixels).latent_dist
        assert torch.allclose(vae.decode(found.mode()).sample, pixels, atol=1e-3) and found.std.max() < 0.1
    z = found.mode().transpose(0, 1).flatten(1)
    assert torch.allclose(z.cov(correction=0), torch.eye(4), atol=1e-3) and z.mean(1).abs().max() < 1e-3


def test_places_with_more_weight_count_more():
    torch.manual_seed(0)
    pixels, weights, errors = torch.randn(2, 3, 32, 32), torch.ones(2, 1, 8, 8), []
    for weight in (1.0, 50.0):
        vae, weights[:, :, :2] = SignerAutoencoder(2, 4, (8, 8), norm_num_groups=4), weight
        vae.fit(pixels, weights)
        with torch.no_grad():
            errors.append((vae.decode(vae.encode(pixels).latent_dist.mode()).sample - pixels)[:, :, :8].square().mean())
    assert errors[1] < errors[0]


# --- gradients -------------------------------------------------------------------------------------------------------
def test_a_gradient_reaches_the_joints_and_not_the_weights(made):
    xyz = torch.from_numpy(poses(3).xyz).requires_grad_()
    control = placed(control_image(xyz, 32))[None]
    meaning = meaning_of([(None, 0, 3)], [0], [0], 6, 3)
    made.denoiser(torch.randn(1, 4, 3, 8, 8), torch.tensor([999]), control, meaning).square().mean().backward()
    assert xyz.grad.isfinite().all() and (xyz.grad[1, LEFT_HAND].abs().sum(-1) > 0).sum() > 10
    assert all(weight.grad is None for weight in made.denoiser.parameters())


def test_gradient_checkpointing_changes_nothing_but_memory():
    grads = []
    for checkpointing in (False, True):
        denoiser = renderer(checkpointing=checkpointing).denoiser.requires_grad_(True).train()
        torch.manual_seed(1)
        noisy, control = torch.randn(1, 4, 3, 8, 8), placed(torch.rand(1, 3, len(CHANNELS), 32, 32))
        denoiser(noisy, torch.tensor([500]), control, meaning_of([(None, 0, 3)], [0], [0], 6, 3)).sum().backward()
        grads.append(denoiser.unet.conv_in.weight.grad)
    assert torch.allclose(*grads, rtol=1e-4, atol=1e-4)


# --- files -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("renderer")
    made.save_pretrained(folder)
    return folder


def test_what_is_saved_is_what_is_loaded(made, folder, tmp_path):
    made.save_pretrained(tmp_path, dtype=torch.float32)
    assert np.array_equal(frames_of(RendererPipeline.from_folder(tmp_path, device="cpu"), poses(8)), frames_of(made, poses(8)))
    half = RendererPipeline.from_folder(folder, device="cpu")
    assert all(torch.equal(a.half().float(), b) for a, b in zip(made.unet.parameters(), half.unet.parameters()))
    assert made.unet.dtype == half.unet.dtype == torch.float32 and half.config.window == 6 and half.conditioner.config.styles == ["day", "night"]


def test_a_saved_renderer_has_an_index_and_names_no_machine(folder):
    index = json.loads((folder / "model_index.json").read_text())
    assert {"vae", "unet", "controlnet", "conditioner", "scheduler"} <= set(index)
    assert not any("/" in str(value) for path in folder.rglob("*.json") for value in json.loads(path.read_text()).values())
    assert not [*folder.rglob("*.bin")] and all(path.stat().st_mode & 0o044 for path in folder.rglob("*.safetensors"))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_precisions(folder, precision):
    full, less = (frames_of(RendererPipeline.from_folder(folder, each, "cpu"), poses(2), steps=1).astype(int) for each in ("fp32", precision))
    assert not np.array_equal(full, less) and np.abs(full - less).mean() < 2


@pytest.mark.parametrize("name, damage, told", [
    ("model_index.json", None, "no model_index.json"), ("model_index.json", lambda b: b[:20], "damaged"),
    ("unet/diffusion_pytorch_model.safetensors", lambda b: b[:500], "damaged"), ("unet/diffusion_pytorch_model.safetensors", None, "damaged"),
    ("vae/config.json", lambda b: b[:30], "damaged"),
])
def test_a_damaged_renderer_is_told_in_one_line(made, tmp_path, name, damage, told):
    made.save_pretrained(tmp_path)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes())) if damage else path.unlink()
    with pytest.raises(SignerError, match=told) as error:
        RendererPipeline.from_folder(tmp_path)
    assert "\n" not in str(error.value)


# --- Stable Diffusion's own weights ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def stable_diffusion(tmp_path_factory):
    """A folder laid out as Stable Diffusion's, of tiny sizes."""
    folder = tmp_path_factory.mktemp("sd")
    torch.manual_seed(0)
    UNet2DConditionModel(block_out_channels=(8, 16), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), layers_per_block=1,
                         up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=12, attention_head_dim=2,
                         norm_num_groups=4).save_pretrained(folder / "unet")
    AutoencoderKL(block_out_channels=(8,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                  norm_num_groups=4, latent_channels=4).save_pretrained(folder / "vae")
    DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False).save_pretrained(folder / "scheduler")
    return folder


def test_stable_diffusions_weights_make_the_same_class(stable_diffusion, tmp_path):
    config = replace(renderer_config("paper"), pretrained=str(stable_diffusion), pretrained_controlnet="", pretrained_motion="", size=64, d_state=6,
                     window=4, overlap=1)
    made = new_renderer(config, new_autoencoder(config), ["day"], ["one"], 6).ready("cpu")
    assert type(made) is RendererPipeline and type(made.unet) is UNetMotionModel and made.controlnet.config.conditioning_channels == 3
    flat = UNet2DConditionModel.from_pretrained(stable_diffusion / "unet")
    noisy, tokens = torch.randn(1, 4, 2, 8, 8), torch.randn(2, 5, 12)
    with torch.no_grad():
        moving, frames = made.unet(noisy, 300, tokens).sample, flat(noisy[0].transpose(0, 1), 300, tokens).sample
    assert torch.allclose(moving[0].transpose(0, 1), frames, atol=1e-4)              # new motion modules begin as none
    pictures = frames_of(made, poses(6), steps=2)
    assert pictures.shape == (6, 64, 64, 3)
    made.save_pretrained(tmp_path, dtype=torch.float32)
    assert np.array_equal(frames_of(RendererPipeline.from_folder(tmp_path, device="cpu"), poses(6), steps=2), pictures)


def test_weights_that_are_not_there_are_told(tmp_path):
    with pytest.raises(SignerError, match="no AutoencoderKL could be loaded"):
        new_autoencoder(replace(renderer_config("paper"), pretrained=str(tmp_path)))


# --- what is missing, and what is refused ----------------------------------------------------------------------------
def test_a_hand_that_is_missing_for_a_while_stays_and_one_that_never_is_is_left_out(made):
    xyz = poses(9).xyz.copy()
    xyz[4, LEFT_HAND] = np.nan
    assert np.array_equal(held(xyz)[4, LEFT_HAND], xyz[3, LEFT_HAND]) and np.isfinite(held(xyz)).all()
    assert np.array_equal(frames_of(made, PoseSequence(xyz, 25.0)), frames_of(made, PoseSequence(held(xyz), 25.0)))
    xyz[:, LEFT_HAND] = np.nan
    assert np.isnan(held(xyz)[:, LEFT_HAND]).all() and frames_of(made, PoseSequence(xyz, 25.0)).shape == (9, 32, 32, 3)


def test_the_nearest_known_frame_counts():
    xyz = np.full((6, 1, 3), np.nan, np.float32)
    xyz[1], xyz[5] = 1, 5
    assert held(xyz)[:, 0, 0].tolist() == [1, 1, 1, 1, 5, 5]


@pytest.mark.parametrize("asked, told", [
    ({}, "either poses or control images"),
    ({"poses": PoseSequence(np.zeros((0, 70, 3)), 25.0)}, "no frames"),
    ({"poses": PoseSequence(np.full((3, 70, 3), np.nan), 25.0)}, "no joint in any frame"),
    ({"poses": PoseSequence(np.zeros((3, 1, 3)), 25.0, skeleton=Skeleton("dot", ("dot",), (-1,), {}))}, "takes signer70 poses, not dot"),
    ({"poses": poses(1), "style": "nigth"}, "no style 'nigth': did you mean 'night'"),
    ({"poses": poses(1), "signer": "Q"}, "no signer 'Q': use one, two"),
    ({"poses": poses(1), "steps": 0}, "steps must be from 1"),
    ({"poses": poses(1), "signed": Signed(torch.zeros(1, 7), torch.zeros(7))}, "states of 6 numbers, not 7"),
    ({"control": torch.zeros(2, 3, 32, 32)}, "have shape .frames, 19, 32, 32"),
    ({"control": torch.full((2, 19, 32, 32), torch.nan)}, "no numbers"),
])
def test_what_cannot_be_rendered_is_told_in_one_line(made, asked, told):
    with pytest.raises(SignerError, match=told) as error:
        made(**asked)
    assert "\n" not in str(error.value)


def test_an_unknown_precision_is_told(folder):
    with pytest.raises(SignerError, match="no precision 'int8': use fp32, bf16, fp16"):
        RendererPipeline.from_folder(folder, "int8")


# --- settings --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size, pixels", [("nano", 64), ("base", 256), ("paper", 512)])
def test_presets(size, pixels):
    assert renderer_config(size).size == pixels


@pytest.mark.parametrize("changes", [{"overlap": 6}, {"prediction": "noise"}, {"precision": "fp8"}, {"steps": 0}, {"weight_hands": -1.0},
                                     {"average": 1.0}, {"shares": [1, 1]}, {"attention": [True]}, {"learning_rate": float("nan")}])
def test_settings_out_of_range_are_told(changes):
    with pytest.raises(SignerError, match=next(iter(changes))):
        tiny(**changes)


@pytest.mark.parametrize("changes, told", [({"size": 36}, "multiple of 8"), ({"groups": 7}, "make no SignerUNet"),
                                           ({"autoencoder": {"patches": 2}}, "make no SignerAutoencoder")])
def test_settings_that_make_no_network_are_told(changes, told):
    with pytest.raises(SignerError, match=told):
        renderer(**changes)


def test_the_drawn_signer_starts_without_diffusers():
    script = "import sys, signer_lib.cli, signer_lib.pipeline, signer_lib.render.drawn; sys.exit(any(n.startswith('diffusers') for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0
