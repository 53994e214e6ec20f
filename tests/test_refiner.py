"""The refiner: nothing at first, the same on a part of a picture as on the whole, part of the renderer, and a way for gradients."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from clips import poses, tiny
from signer_lib.errors import SignerError
from signer_lib.render.control import CHANNELS, control_image
from signer_lib.render.renderer.building import new_autoencoder, new_refiner, new_renderer
from signer_lib.render.renderer.conditioning import meaning_of
from signer_lib.render.renderer.pipeline import RendererPipeline
from signer_lib.render.renderer.place import placed

PLANES = len(CHANNELS) + 2


def renderer(refiner=None):
    torch.manual_seed(0)
    config = tiny()
    made = new_renderer(config, new_autoencoder(config), ["day", "night"], ["one", "two"], config.d_state)
    made.register_modules(refiner=refiner)
    return made.ready("cpu")


def moved(styles=2, signers=2, size=64):
    """One that changes pictures."""
    torch.manual_seed(1)
    refiner = new_refiner(tiny(size=size), styles, signers)
    for weight in refiner.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    return refiner


def given(size=64, count=2):
    generator = torch.Generator().manual_seed(2)
    return torch.rand(count, 3, size, size, generator=generator), torch.rand(count, PLANES, size, size, generator=generator), torch.tensor(
        [0, 1]), torch.tensor([1, 1])


def test_it_adds_nothing_before_it_is_trained():
    pixels, *others = given()
    assert torch.equal(new_refiner(tiny(size=64), 2, 2)(pixels, *others), pixels)
    assert np.array_equal(renderer()(poses(5)).frames, renderer(new_refiner(tiny(), 2, 2))(poses(5)).frames)


def test_a_part_of_a_picture_is_refined_as_in_the_whole():
    pixels, control, *look = given()
    refiner = moved()
    corner = torch.tensor([[16, 8], [16, 8]])
    with torch.no_grad():
        whole, part = refiner(pixels, control, *look), refiner(pixels[..., 8:, 16:], control[..., 8:, 16:], *look, corner)
        elsewhere = refiner(pixels[..., 8:, 16:], control[..., 8:, 16:], *look)
    assert torch.allclose(whole[..., 28:, 36:], part[..., 20:, 20:], atol=1e-5) and not torch.allclose(whole, pixels, atol=1e-2)
    assert not torch.allclose(elsewhere, part, atol=1e-3)                  # the canvas is at another place there


def test_control_style_and_signer_matter():
    pixels, control, style, signer = given()
    refiner = moved()
    with torch.no_grad():
        plain = refiner(pixels, control, style, signer)
        for other in ((1 - control, style, signer), (control, 1 - style, signer), (control, style, 1 - signer)):
            assert not torch.allclose(plain, refiner(pixels, *other), atol=1e-4)


def test_a_renderer_uses_saves_and_loads_it(tmp_path):
    plain, made = renderer(), renderer(moved(size=32))
    frames = made(poses(8), style="night").frames
    assert not np.array_equal(frames, plain(poses(8), style="night").frames)
    made.save_pretrained(tmp_path / "with", dtype=torch.float32)
    assert np.array_equal(RendererPipeline.from_folder(tmp_path / "with", device="cpu")(poses(8), style="night").frames, frames)
    plain.save_pretrained(tmp_path / "without")
    assert RendererPipeline.from_folder(tmp_path / "without", device="cpu").refiner is None
    assert json.loads((tmp_path / "without" / "model_index.json").read_text())["refiner"] == [None, None]


def test_windows_join_without_a_seam_behind_it():
    made = renderer(moved(size=32))
    for name, weight in made.unet.named_parameters():           # every frame stands for itself
        if "motion_modules" in name and ".proj_out." in name:
            torch.nn.init.zeros_(weight)
    one = lambda k: replace(poses(9), xyz=poses(9).xyz[k:k + 1], confidence=poses(9).confidence[k:k + 1])
    frames, alone = made(poses(9)).frames, [made(one(k)).frames[0] for k in range(9)]
    assert np.abs(frames.astype(int) - np.stack(alone)).max() <= 1


def test_a_gradient_reaches_the_joints_through_it():
    made, xyz = renderer(moved(size=32)), torch.from_numpy(poses(2).xyz).requires_grad_()
    control = placed(control_image(xyz, 32))[None]
    made.pictures(torch.zeros(1, 4, 2, 8, 8), control, meaning_of([(None, 0, 2)], [0], [0], 6, 3)).square().mean().backward()
    assert xyz.grad.isfinite().all() and xyz.grad.abs().sum() > 0 and all(weight.grad is None for weight in made.refiner.parameters())


@pytest.mark.parametrize("changes, told", [({"refiner": []}, "needs widths"), ({"refiner": [8, 16, 16], "crop": 20, "size": 32}, "crop must be"),
                                           ({"refiner": ["wide"]}, "make no Refiner")])
def test_settings_that_do_not_fit_are_told(changes, told):
    with pytest.raises(SignerError, match=told):
        new_refiner(tiny(**changes), 2, 2)
