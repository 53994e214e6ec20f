"""Flesh: control images of bodies that are thicker or thinner than their bones say, and how their limbs are measured."""

import importlib.util
import json

import numpy as np
import pytest
import torch

from clips import poses, write_clips
from signer_lib.errors import SignerError
from signer_lib.render import flesh as module
from signer_lib.render.control import CHANNELS, LIMBS, control_image
from signer_lib.render.flesh import GENERIC, bodies, flesh
from signer_lib.render.renderer.batches import Batches
from signer_lib.render.renderer.packing import packed_split
from signer_lib.render.studio import HELD_OUT, LOOKS
from standing import pose

ARMS = [CHANNELS.index("right_arm"), CHANNELS.index("left_arm")]
DRAWS = pytest.mark.skipif(importlib.util.find_spec("vtkmodules") is None, reason="VTK is not installed: pip install -e .[studio]")


def test_every_shipped_body_has_flesh_the_same_on_both_sides():
    assert bodies() == list(LOOKS)
    sides = [[k for k, limb in enumerate(LIMBS) if limb.layer.startswith(side)] for side in ("right", "left")]
    for body in bodies():
        assert flesh(body).shape == (2, len(LIMBS)) and (flesh(body) > 0.004).all() and (flesh(body) < 0.8).all()
        assert torch.equal(flesh(body)[:, sides[0]], flesh(body)[:, sides[1]])
    assert torch.equal(flesh("nobody"), GENERIC) and torch.equal(flesh(), GENERIC)


def test_a_body_shows_in_its_control_images():
    xyz = torch.tensor(pose(), dtype=torch.float32)
    covered = {body: control_image(xyz, 64, radii=flesh(body))[ARMS].sum() for body in bodies()}
    assert max(covered, key=covered.get) == "broad" and covered[HELD_OUT] < covered["default"]
    assert torch.equal(control_image(xyz, 64, radii=GENERIC), control_image(xyz, 64))
    each = control_image(xyz.expand(2, -1, -1), 64, radii=torch.stack([flesh("broad"), flesh(HELD_OUT)]))
    assert torch.equal(each[0], control_image(xyz, 64, radii=flesh("broad"))) and torch.equal(each[1], control_image(xyz, 64, radii=flesh(HELD_OUT)))


def test_the_gradient_reaches_the_radii():
    xyz = torch.tensor(pose()) + 0.01 * torch.randn(70, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = torch.rand(len(CHANNELS), 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    value = lambda radii: (control_image(xyz, 32, radii=radii) * weights).sum()
    noise = torch.rand(GENERIC.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)      # no two limbs cover a pixel alike
    radii = (GENERIC * (0.9 + 0.2 * noise)).requires_grad_()
    (gradient,) = torch.autograd.grad(value(radii), radii)
    for limb in (0, 2, 5, 12, 20, 56):
        step = torch.zeros_like(radii)
        step[1, limb] = 1e-6
        assert gradient[1, limb].item() == pytest.approx((value(radii + step) - value(radii - step)).item() / 2e-6, rel=1e-3, abs=1e-3)
    assert gradient.abs().sum() > 1


def test_radii_of_other_limbs_are_refused():
    with pytest.raises(SignerError, match="radii are told for both ends of"):
        control_image(torch.tensor(pose()), 32, radii=torch.ones(2, 3))


def test_a_damaged_file_says_so(tmp_path, monkeypatch):
    (tmp_path / "flesh.json").write_text(json.dumps({"default": [[0.1, 0.1]]}))
    monkeypatch.setattr(module, "FLESH", tmp_path / "flesh.json")
    module._all.cache_clear()
    with pytest.raises(SignerError, match="studio.measure"):
        flesh("default")
    module._all.cache_clear()


def test_clips_are_trained_on_with_the_flesh_of_their_body(tmp_path):
    folder = write_clips(tmp_path / "data", clips=2)
    rows = [json.loads(line) for line in (folder / "train" / "metadata.jsonl").read_text().splitlines()]
    rows[1]["body"] = HELD_OUT
    (folder / "train" / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    packed = packed_split(folder, "train", 32)
    assert [clip["body"] for clip in packed.clips] == ["signer-0", HELD_OUT]
    batch = Batches(packed, 3, 2, 0).of([(0, 0), (1, 0)])
    assert torch.equal(batch.radii[:, 0], torch.stack([GENERIC, flesh(HELD_OUT)]))
    assert torch.equal(batch.control()[1, :, :-2], control_image(batch.xyz[1], 32, radii=flesh(HELD_OUT)))
    assert torch.equal(batch.part(1, 2).radii, batch.radii[1:])


@DRAWS
def test_measuring_brings_the_outlines_nearer(monkeypatch):
    from signer_lib.render.studio import measure

    monkeypatch.setattr(measure, "SIZE", 64), monkeypatch.setattr(measure, "STEPS", 5)
    radii, (before, after) = measure.measured(np.asarray(poses(3).xyz, np.float32), "broad")
    assert after < 0.9 * before and radii.shape == GENERIC.shape
    assert measure._twins().max() < len(LIMBS) and len(measure._twins()) == len(LIMBS)
