"""Control images: where the limbs are, what covers what, that nothing depends on size or batch, and the gradients."""

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from signer_lib.errors import SignerError
from signer_lib.experts.blending import blend
from signer_lib.pose import SIGNER70
from signer_lib.pose.directions import from_directions, to_directions
from signer_lib.render import control
from signer_lib.render.control import CHANNELS, LAYERS, PARTS, control_image, picture_of
from signer_lib.render.framing import Framing
from standing import AT, pose

ROW = CHANNELS.index
HAND = {side: [ROW(f"{side}_{part}") for part in PARTS] for side in ("right", "left")}
RIGHT, LEFT = SIGNER70.groups["right_hand"], SIGNER70.groups["left_hand"]
SIZE = 64


def joints(dtype=torch.float32, **wrists):
    return torch.tensor(pose(**wrists), dtype=dtype)


def uneven(*frames, seed=0):
    """Poses of which no two points agree, in double precision: maxima without ties, as finite differences need them."""
    xyz = torch.tensor(np.stack(frames))
    return xyz + 0.01 * torch.randn(xyz.shape, generator=torch.Generator().manual_seed(seed), dtype=xyz.dtype)


def weighted(xyz, **settings):
    """One number from all pixels, each with a weight of its own."""
    image = control_image(xyz, **settings)
    return (image * torch.rand(image.shape, generator=torch.Generator().manual_seed(7), dtype=image.dtype)).sum()


def at(image, point, channel):
    x, y = Framing().to_pixels(np.array(point), image.shape[-1]).astype(int)
    return float(image[ROW(channel), y, x])


@pytest.mark.parametrize("size", [8, 50, 64, 256, 512])
def test_every_size_has_all_channels(size):
    image = control_image(joints(), size)
    assert image.shape == (len(CHANNELS), size, size) and image.dtype == torch.float32
    assert image.min() >= 0 and image.max() <= 1
    assert (image.flatten(1).amax(1) > 0).all()
    assert image[:-1].sum(0).max() < 1 + 1e-5                                        # what is seen of one pixel is one thing


@pytest.mark.parametrize("size", [64, 256])
def test_limbs_are_where_their_joints_are(size):
    xyz = pose()
    image = control_image(torch.tensor(xyz), size)
    for side, name in (("r", "right"), ("l", "left")):
        assert at(image, xyz[AT(f"{side}_elbow")], f"{name}_arm") > 0.9
        for finger in PARTS[1:]:
            middle = (xyz[AT(f"{side}_hand_{finger}_tip")] + xyz[AT(f"{side}_hand_{finger}_" + ("ip" if finger == "thumb" else "dip"))]) / 2
            assert at(image, middle, f"{name}_{finger}") > (0.75 if size == 256 else 0.4)
            assert sum(at(image, middle, f"{name}_{other}") for other in PARTS[1:] if other != finger) < 0.1
    assert at(image, (0, -0.7), "trunk") > 0.99 and at(image, (1.3, 1.2), "trunk") == 0


def test_the_other_side_is_the_mirror_image():
    xyz = joints(right=(-0.3, 0.1, 0.4), left=(0.6, -0.3, 0.5))
    mirrored = xyz[SIGNER70.mirror] * torch.tensor([-1.0, 1.0, 1.0])
    swap = [ROW({"right": "left", "left": "right"}.get(side, side) + rest) for side, rest in
            ((name.split("_")[0], name[len(name.split("_")[0]):]) for name in CHANNELS)]
    assert torch.allclose(control_image(mirrored, SIZE), control_image(xyz, SIZE)[swap].flip(-1), atol=1e-5)


def holds(base, joints, **settings):
    """Whether the gradient in ``joints`` is that of finite differences, the others as they are."""
    joints = torch.tensor(joints)
    move = lambda part: weighted(base.index_copy(1, joints, part), **settings)
    return torch.autograd.gradcheck(move, (base[:, joints].clone().requires_grad_(),), atol=1e-4, rtol=1e-3)


def test_gradient_is_that_of_finite_differences():
    crossing = uneven(pose(right=(-0.05, -0.2, 0.42), left=(0.05, -0.25, 0.4)))
    assert holds(crossing, [AT(name) for name in ("nose", "r_elbow", "l_wrist", "r_hand_wrist", "r_hand_index_mcp", "l_hand_thumb_tip",
                                                  "r_hand_middle_pip", "l_hand_ring_dip", "lip_upper_outer", "l_brow_3")], size=24)
    every = crossing.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda xyz: weighted(xyz, size=32), (every,), atol=1e-4, rtol=1e-3, fast_mode=True)


def test_gradient_with_missing_joints_and_a_wide_edge():
    base = uneven(pose(), pose(right=(0, 0.5, 0.5)), seed=1)
    base[0, [AT("r_hand_index_pip"), AT("l_elbow"), AT("r_lip_corner")]] = torch.nan
    assert holds(base, [AT(name) for name in ("neck", "r_hand_index_tip", "l_shoulder", "r_hand_little_mcp")], size=16, edge=0.06)


def test_missing_joints_leave_their_channels_empty():
    xyz = joints()
    xyz[RIGHT] = torch.nan
    xyz[AT("l_hand_ring_tip"), 1] = torch.nan                                         # one coordinate is enough
    whole, image = control_image(joints(), SIZE), control_image(xyz.requires_grad_(), SIZE)
    assert not image[HAND["right"]].any() and image.isfinite().all()
    assert 0 < image[ROW("left_ring")].sum() < whole[ROW("left_ring")].sum()         # the rest of the finger stays
    kept = [ROW(name) for name in ("left_arm", "head", "face", "mouth", "left_palm", "left_index")]
    assert torch.allclose(image[kept], whole[kept])
    (image * torch.linspace(0, 1, SIZE)).sum().backward()
    assert xyz.grad.isfinite().all() and not xyz.grad[RIGHT].any() and xyz.grad[LEFT].any()


def test_nothing_known_is_an_empty_picture():
    xyz = torch.full((2, 70, 3), torch.nan, requires_grad=True)
    image = control_image(xyz, SIZE)
    image.sum().backward()
    assert not image.any() and not xyz.grad.any()


@pytest.mark.parametrize("front, behind, ahead", [("right", "left", -0.3), ("left", "right", 0.3)])
def test_the_nearer_hand_covers_the_farther(front, behind, ahead):
    xyz = joints(right=(0, -0.3, 0.5))
    xyz[LEFT] = xyz[RIGHT] + torch.tensor([0, 0, ahead])                              # the same hand, so one covers the other wholly
    image = control_image(xyz, 256)
    covered = image[HAND[front]].sum(0) > 0.98                                        # elsewhere a soft edge shines through its like
    assert covered.sum() > 400 and image[HAND[behind]].sum(0)[covered].max() < 0.02
    alone = joints(right=(0, -0.3, 0.5))
    alone[RIGHT if behind == "right" else LEFT] = torch.nan
    alone[RIGHT if front == "right" else LEFT] = xyz[RIGHT if front == "right" else LEFT]
    assert torch.allclose(image[HAND[front]], control_image(alone, 256)[HAND[front]], atol=0.02)


def test_depths_that_cross_do_not_jump_and_have_a_gradient():
    ahead = torch.linspace(-0.1, 0.1, 41)
    frames = torch.stack([joints(right=(0, -0.3, 0.5 + z), left=(0, -0.3, 0.5)) for z in ahead.tolist()]).requires_grad_()
    shown = control_image(frames, SIZE)[:, HAND["right"]].sum((1, 2, 3))
    assert (shown.diff() > -1e-3).all() and shown.diff().max() < 0.2 * (shown[-1] - shown[0])
    shown[20].backward()
    assert frames.grad[20, RIGHT, 2].sum() > 0 > frames.grad[20, LEFT, 2].sum()


def test_a_shift_by_whole_pixels_shifts_the_picture():
    pixel = Framing().width / SIZE
    xyz = joints(dtype=torch.float64)
    image = control_image(xyz, SIZE)
    shifted = control_image(xyz + torch.tensor([3 * pixel, -2 * pixel, 0], dtype=xyz.dtype), SIZE)
    assert torch.allclose(shifted[:, 2:, 3:], image[:, :-2, :-3], atol=1e-9)
    deeper = control_image(xyz - torch.tensor([0, 0, 0.1], dtype=xyz.dtype), SIZE)
    assert torch.allclose(deeper[:-1], image[:-1], atol=1e-9) and (deeper[-1] < image[-1] + 1e-9).all()


def test_a_batch_is_its_frames(monkeypatch):
    frames = torch.stack([joints(right=(-0.1 * k, -0.3, 0.5)) for k in range(6)]).requires_grad_()
    images = control_image(frames, SIZE)
    assert torch.allclose(images, torch.stack([control_image(frame, SIZE) for frame in frames]), atol=1e-6)
    assert torch.equal(control_image(frames.view(2, 3, 70, 3), SIZE), images.view(2, 3, *images.shape[1:]))
    assert control_image(frames[:1], SIZE).shape[0] == 1 and control_image(frames[:0], SIZE).shape == (0, *images.shape[1:])
    ramp = torch.linspace(0, 1, SIZE)
    expected, = torch.autograd.grad((images * ramp).sum(), frames)
    monkeypatch.setattr(control, "AT_ONCE", 2 * SIZE ** 2)                            # in three parts, each computed anew for its gradient
    in_parts = control_image(frames, SIZE)
    found, = torch.autograd.grad((in_parts * ramp).sum(), frames)
    assert torch.allclose(in_parts, images, atol=1e-6) and torch.allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_small_picture_is_the_large_one_made_smaller():
    xyz = joints(right=(-0.1, -0.2, 0.5), left=(0.15, -0.3, 0.4))
    small, large = control_image(xyz, 64), avg_pool2d(control_image(xyz, 256), 4)
    assert (small - large).abs().max() < 0.3 and (small - large).abs().mean() < 0.002
    assert torch.allclose(small.sum((1, 2)), large.sum((1, 2)), rtol=0.08)


def test_coincident_joints_give_numbers():
    xyz = joints()
    xyz[RIGHT] = xyz[AT("r_wrist")]                                                   # a hand in one point
    xyz[AT("l_hand_index_tip"), :2] = xyz[AT("l_hand_index_dip"), :2]                 # a bone that points at the viewer
    for poses in (xyz, torch.zeros(70, 3)):
        poses = poses.clone().requires_grad_()
        image = control_image(poses, SIZE)
        (image * torch.linspace(0, 1, SIZE)).sum().backward()
        assert image.isfinite().all() and poses.grad.isfinite().all() and poses.grad.abs().max() < 1e4


def test_half_precision_and_autocast():
    xyz = joints()
    image = control_image(xyz, SIZE)
    rounded = xyz.bfloat16()
    assert torch.equal(control_image(rounded, SIZE), control_image(rounded.float(), SIZE).bfloat16())
    assert control_image(xyz, SIZE, dtype=torch.bfloat16).dtype == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(control_image(xyz, SIZE), image)


def test_a_gradient_leads_a_hand_to_its_place():
    goal = control_image(joints(right=(-0.50, -0.3, 0.5)), SIZE, edge=0.1)
    shift = torch.zeros(3, requires_grad=True)
    start = joints(right=(-0.58, -0.25, 0.5))
    hand = torch.zeros(70, 1)
    hand[RIGHT] = hand[AT("r_wrist")] = 1
    optimizer = torch.optim.Adam([shift], lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        (control_image(start + hand * shift, SIZE, edge=0.1) - goal).square().sum().backward()
        optimizer.step()
    assert np.allclose(shift[:2].detach(), (0.08, -0.05), atol=0.01)


def test_a_gradient_reaches_the_weights_of_the_experts():
    """Two candidates, two experts that each choose one: the picture tells the gate which expert is right."""
    candidates = to_directions(torch.stack([joints(right=(-0.6, -0.3, 0.5)), joints(right=(-0.4, -0.2, 0.5))])[None, :, None])
    scores = torch.zeros(1, 2, requires_grad=True)
    mixed = blend(*candidates, scores.softmax(-1), torch.eye(2)[None])
    image = control_image(from_directions(mixed.direction, mixed.length), SIZE, edge=0.1)
    (image - control_image(joints(right=(-0.4, -0.2, 0.5)), SIZE, edge=0.1)).square().sum().backward()
    assert scores.grad[0, 0] > 0 > scores.grad[0, 1]


def test_the_picture_to_look_at():
    picture = picture_of(control_image(joints()[None], SIZE))
    assert picture.shape == (1, SIZE, SIZE, 3) and picture.dtype == np.uint8
    colours = np.array([[int(control.COLOURS[layer][k:k + 2], 16) for k in (1, 3, 5)] for layer in LAYERS])
    lightness = dict(zip(LAYERS, colours @ (0.2126, 0.7152, 0.0722)))
    assert all(lightness[f"left_{part}"] > lightness[f"right_{part}"] + 10 for part in ("arm", *PARTS))
    assert len(np.unique(colours, axis=0)) == len(LAYERS)
    x, y = Framing().to_pixels(np.array((0, -0.9)), SIZE).astype(int)
    assert np.abs(picture[0, y, x] - colours[0]).max() <= 1


@pytest.mark.parametrize("xyz, settings, words", [
    (torch.zeros(50, 3), {}, "70"), (torch.zeros(70, 2), {}, "70"), (torch.zeros(70, 3, dtype=torch.int64), {}, "int64"),
    (torch.zeros(70, 3), {"size": 4}, "8 pixels"), (torch.zeros(70, 3), {"edge": -1.0}, "edge")])
def test_what_cannot_be_drawn_is_refused(xyz, settings, words):
    with pytest.raises(SignerError, match=words):
        control_image(xyz, **settings)


def test_framing_there_and_back():
    points, framing = np.array([[0.3, -0.7], [-1.2, 1.1]]), Framing((0.2, 0.1), 3.0)
    assert np.allclose(framing.to_world(framing.to_pixels(points, 300), 300), points)
    assert np.allclose(framing.to_pixels(np.array((0.2, 0.1, 5.0)), 300), 150) and np.allclose(framing.to_world(np.zeros(2), 300), (-1.3, 1.6))


def test_every_sign_of_the_prior_is_in_the_picture(prior):
    for gloss in prior.glosses:
        for candidate in prior.candidates(gloss):
            xyz = candidate.poses.xyz
            for wrist, hand in (("r_wrist", RIGHT), ("l_wrist", LEFT)):
                raised = xyz[:, AT(wrist), 1] > -1.1                                  # lower, it hangs at rest
                pixels = Framing().to_pixels(xyz[raised, hand], 280)                  # ten pixels are 0.1 shoulder widths
                assert np.isnan(pixels).all() or (np.nanmin(pixels) > 10 and np.nanmax(pixels) < 270), gloss
