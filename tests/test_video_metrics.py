"""The measures of rendered frames: known differences, differences in and beside the hands, and what cannot be measured."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torchmetrics.functional.image import structural_similarity_index_measure

from signer_lib.errors import SignerError
from signer_lib.metrics.video import IDENTICAL, MARGIN, flicker, flicker_ratio, hand_boxes, hand_ssim, mean_scores, psnr, ssim_maps, video_scores
from signer_lib.pose import SIGNER70
from signer_lib.render import draw_frame
from standing import AT, pose

SIZE, RIGHT = 96, SIGNER70.groups["right_hand"]


@pytest.fixture(scope="module")
def xyz():
    return np.stack([pose(right=(-0.6, -0.3 + 0.02 * t ** 2, 0.5)) for t in range(4)])


@pytest.fixture(scope="module")
def frames(xyz):
    return np.stack([draw_frame(one, size=SIZE) for one in xyz])


def noisy(frames, level, seed=0):
    noise = np.random.default_rng(seed).normal(0, level, frames.shape)
    return (frames.clip(60, 195) + noise).round().astype(np.uint8), frames.clip(60, 195)             # room for the noise


def test_identical_frames(frames, xyz):
    scores = video_scores(frames, frames, xyz)
    assert scores["ssim"] == pytest.approx(1) and scores["hand_ssim"] == pytest.approx(1) and scores["flicker_ratio"] == 1
    assert scores["psnr"] == IDENTICAL and scores["count"] == 4
    assert all(part in scores["signature"] for part in (f"size:{SIZE}x{SIZE}", "torchmetrics:", "SSIM|", "PSNR|", "hand-SSIM|", "flicker|"))


@pytest.mark.parametrize("level", [2.0, 5.0, 10.0])
def test_psnr_of_known_noise(frames, level):
    worse, frames = noisy(frames, level)
    expected = 10 * np.log10(255 ** 2 / (level ** 2 + 1 / 12))                                        # and that of rounding
    assert psnr(worse, frames) == pytest.approx(expected, abs=0.1)
    assert psnr(frames + np.uint8(10), frames) == pytest.approx(20 * np.log10(25.5), abs=1e-4)


def test_more_noise_is_less_alike(frames, xyz):
    scores = [video_scores(*noisy(frames, level), xyz) for level in (2.0, 5.0, 10.0)]
    for name, better in (("ssim", -1), ("hand_ssim", -1), ("psnr", -1), ("flicker_ratio", 1)):
        assert (np.diff([score[name] for score in scores]) * better > 0).all(), name


def test_ssim_is_that_of_its_formula(frames):
    worse, frames = noisy(frames, 8.0)
    x, y = worse[0, ..., 1] / 255, frames[0, ..., 1] / 255
    blur = lambda picture: gaussian_filter(picture, 1.5, radius=5, mode="mirror")
    a, b = blur(x), blur(y)
    both = (2 * a * b + 1e-4) * (2 * (blur(x * y) - a * b) + 9e-4) / ((a * a + b * b + 1e-4) * (blur(x * x) - a * a + blur(y * y) - b * b + 9e-4))
    grey = np.repeat(np.stack([worse, frames])[:, :1, ..., 1, None], 3, -1)
    assert np.allclose(ssim_maps(*grey)[0], both, atol=1e-3)


def test_hands_count_for_the_hands_only(frames, xyz):
    boxes = hand_boxes(xyz, SIZE)
    at_hands, elsewhere = frames.copy(), frames.copy()
    left, top, right, bottom = boxes[0, 1]
    at_hands[0, top:bottom, left:right] //= 2
    elsewhere[:, :12, :12] //= 2                                                                      # a corner, far from every hand
    alone = hand_ssim(ssim_maps(at_hands, frames)[:1], boxes[:1, 1:])
    assert alone < 0.95
    assert hand_ssim(ssim_maps(elsewhere, frames), boxes) == pytest.approx(1) and video_scores(elsewhere, frames)["ssim"] < 0.999


def test_boxes_hold_the_hands(xyz):
    boxes = hand_boxes(xyz, 280)                                                                      # a hundred pixels a shoulder width
    left, top, right, bottom = boxes[0, 1]
    hand = xyz[0, RIGHT]
    assert right - left == pytest.approx(100 * (np.ptp(hand[:, 0]) + 2 * MARGIN), abs=2)
    assert bottom - top == pytest.approx(100 * (np.ptp(hand[:, 1]) + 2 * MARGIN), abs=2)
    gone = xyz.copy()
    gone[0, RIGHT] = np.nan
    gone[1, RIGHT, 1] -= 5                                                                            # below the picture
    gone[2, AT("r_hand_index_tip")] = np.nan
    boxes = hand_boxes(gone, 280)
    assert not boxes[:2, 1].any() and boxes[2, 1].any() and boxes[:, 0].any(-1).all()
    assert hand_ssim(np.ones((2, 280, 280)), boxes[:2, 1:]) is None


def test_flicker_is_the_second_difference():
    ramp = lambda way: np.stack([np.full((16, 16, 3), value, np.uint8) for value in way])
    assert flicker(ramp((0, 10, 20, 30))) == 0 and flicker(ramp((100, 110, 100, 110))) == 20
    assert flicker_ratio(ramp((0, 4, 16, 36)), ramp((0, 2, 8, 18))) == 2
    assert flicker_ratio(ramp((0, 4, 16, 36)), ramp((0, 10, 20, 30))) is None and flicker_ratio(ramp((0, 1)), ramp((0, 1))) is None


def test_one_frame_and_no_poses(frames):
    scores = video_scores(frames[:1], frames[:1])
    assert scores["hand_ssim"] is None and scores["flicker_ratio"] is None and scores["ssim"] == pytest.approx(1)


@pytest.mark.parametrize("change, words", [
    (lambda f, p: (f[:2], f, p), "same shape"), (lambda f, p: (f / 255, f / 255, p), "uint8"), (lambda f, p: (f[:0], f[:0], None), "a frame"),
    (lambda f, p: (f[:, :8], f[:, :8], None), "11 pixels"), (lambda f, p: (f, f, p[:2]), "one pose each"),
    (lambda f, p: (f[:, :40], f[:, :40], p), "square")])
def test_what_cannot_be_measured_is_refused(frames, xyz, change, words):
    produced, reference, poses = change(frames, xyz)
    with pytest.raises(SignerError, match=words):
        video_scores(produced, reference, poses)


def test_means_over_clips_count_frames_and_pass_over_what_a_clip_lacks(frames, xyz):
    long, short = (noisy(frames, 5.0)[0], frames, xyz), (noisy(frames[:1], 10.0)[0], frames[:1], None)
    one, other = video_scores(*long), video_scores(*short)
    means = mean_scores(iter([long, short]))
    for name in ("psnr", "ssim"):
        assert means[name] == pytest.approx((4 * one[name] + other[name]) / 5)
    assert means["hand_ssim"] == one["hand_ssim"] and means["flicker_ratio"] == one["flicker_ratio"] and means["count"] == 5
    assert mean_scores([short])["hand_ssim"] is None
    with pytest.raises(SignerError, match="no clips"):
        mean_scores([])


def test_ssim_is_that_of_torchmetrics(frames):
    other = np.random.default_rng(0).integers(0, 256, frames.shape, np.uint8)
    mixed = np.where(np.arange(SIZE)[:, None, None] < SIZE // 2, frames, other)
    pixels = lambda x: torch.from_numpy(x).permute(0, 3, 1, 2).double() / 255
    _, theirs = structural_similarity_index_measure(pixels(mixed), pixels(frames), data_range=1.0, kernel_size=11, return_full_image=True)
    assert np.allclose(ssim_maps(mixed, frames), theirs.mean(1).numpy(), atol=1e-9)
