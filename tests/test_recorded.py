"""The pools of data set (b): no recording in two of them, and clips that are as long, as wide and as whole as their signers were."""

from itertools import combinations
from string import ascii_lowercase, ascii_uppercase

import numpy as np
import pytest

from signer_lib.assets import signer_data
from signer_lib.errors import SignerError
from signer_lib.performances import recorded
from signer_lib.performances.recorded import (
    FASTEST,
    POOLS,
    Recorded,
    apart,
    build_recorded_pools,
    gloss_of,
    in_proportion,
    recorded_clips,
    reopened,
    same_video,
    split_by_recording,
    stable_sign,
)
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import read_poses
from signer_lib.prior.body import load_body
from signer_lib.prior.compiler import compile_sign
from signer_lib.prior.database import Prior
from signer_lib.prior.phonology import load_signs
from signer_lib.prior.recordings import SETS, bone_variation

BODY_OF_11 = [0, 5, 2, 6, 3, 7, 4]                        # nose, then shoulders, elbows and wrists, left and right
GLOSSES = {"BOOK": 5, "DOG": 4, "GO": 6, "APPLE": 13, **dict.fromkeys("WATER PHONE HOW WHY READ SIT BAD CAR FOOD GOOD".split(), 1)}
real = pytest.mark.skipif(signer_data() is None, reason="no real recordings: set SIGNER_DATA to their folder")


@pytest.fixture(scope="module")
def book(body):
    return compile_sign(load_signs()["BOOK"], body)


def swaying(seed, frames=12):
    """A stiff body whose hands are somewhere of their own."""
    rng = np.random.default_rng(seed)
    xyz = np.repeat(load_body().rest()[None], frames, axis=0)
    xyz[:, 8:50] += rng.normal(0, 0.3, 3) + np.linspace(0, 1, frames)[:, None, None] * rng.normal(0, 0.3, 3)
    return PoseSequence(xyz, 25)


@pytest.fixture(scope="module")
def clips():
    found = [Recorded(gloss, f"wlasl50-{gloss.lower()}__{k:02}", swaying([n, k]), "wlasl50")
             for n, (gloss, count) in enumerate(GLOSSES.items()) for k in range(count)]
    return found + [Recorded(letter, f"asl_app-{letter.lower()}", swaying([99, n]), "asl_app") for n, letter in enumerate(ascii_uppercase)]


def in_picture(poses, aspect):
    """(T, J, 3) poses -> fractions of a picture of that aspect, y downwards, the shoulders a quarter of its height apart."""
    return poses.xyz * np.array([0.25 / aspect, -0.25, -0.25 / aspect]) + [0.5, 0.4, 0]


def in_170(poses, aspect):
    points = in_picture(poses, aspect)
    pose = np.zeros((len(points), 11, 4))
    pose[:, :7, :3], pose[:, :7, 3] = points[:, BODY_OF_11], 1
    return np.hstack([part.reshape(len(points), -1) for part in (pose, points[:, 8:29], points[:, 29:50])]).astype(np.float32)


def in_108(poses):
    points = in_picture(poses, 16 / 9)
    found = np.full((len(points), 108, 3), np.nan)
    found[:, [0, 11, 12, 13, 14, 15, 16]] = points[:, BODY_OF_11]
    found[:, 33:54], found[:, 54:75] = points[:, 8:29], points[:, 29:50]
    return found


def write(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


# --- splitting --------------------------------------------------------------------------------------------------------------
def test_every_recording_is_in_one_pool_and_in_one_only(clips):
    pools = split_by_recording(clips, 1)
    assert tuple(pools) == POOLS
    names = {pool: {clip.name for clip in found} for pool, found in pools.items()}
    assert not any(names[a] & names[b] for a, b in combinations(POOLS, 2))
    spread = {clip.name for clip in clips if len(clip.gloss) == 1 or GLOSSES[clip.gloss] >= len(POOLS)}
    assert set().union(*names.values()) == spread and sum(map(len, pools.values())) == len(spread) < len(clips)


def test_every_pool_has_a_recording_of_every_gloss_that_is_recorded(clips):
    pools = split_by_recording(clips, 1)
    count = {gloss: [sum(clip.gloss == gloss for clip in pools[pool]) for pool in POOLS] for gloss in GLOSSES}
    assert {gloss: found for gloss, found in count.items() if any(found)} == {
        "BOOK": [2, 1, 1, 1], "DOG": [1, 1, 1, 1], "GO": [2, 2, 1, 1], "APPLE": [5, 4, 1, 3]}, "prior, judge, dev, test"


def test_letters_are_the_judges(clips):
    pools = split_by_recording(clips, 1)
    assert {clip.gloss for clip in pools["judge"]} >= set(ascii_uppercase)
    assert not any(len(clip.gloss) == 1 for pool in ("prior", "dev", "test") for clip in pools[pool])


def test_the_seed_and_the_names_decide_and_not_the_order(clips):
    names = lambda pools: {pool: [clip.name for clip in found] for pool, found in pools.items()}
    first = names(split_by_recording(clips, 1))
    assert names(split_by_recording(clips[::-1], 1)) == first != names(split_by_recording(clips, 2))


def test_two_cuts_of_one_video_are_in_one_pool(clips):
    whole = next(clip for clip in clips if clip.name == "wlasl50-apple__03")
    noise = np.random.default_rng(0).normal(0, 0.002, whole.poses.xyz.shape)
    again = Recorded("APPLE", "wlasl50-apple__77", PoseSequence((whole.poses.xyz + noise)[3:], 25), "wlasl50")
    assert [sorted(clip.name for clip in group) for group in same_video([*clips, again]) if len(group) > 1] == [[whole.name, again.name]]
    for seed in range(5):
        pools = split_by_recording([*clips, again], seed)
        assert [pool for pool in POOLS if whole in pools[pool]] == [pool for pool in POOLS if again in pools[pool]]


# --- reading ----------------------------------------------------------------------------------------------------------------
def test_names_become_the_lexicons_glosses():
    assert [gloss_of(key) for key in ("thank_you", "finish__02", "finished", "scared", "a", "april")] == [
        "THANK-YOU", "FINISH", "FINISH", "AFRAID", "A", "APRIL"]
    assert set(recorded.SAME_SIGN.values()) <= set(load_signs())


@pytest.mark.parametrize("aspect", [16 / 9, 4 / 3])
def test_a_clip_is_as_wide_as_its_signer_was(book, tmp_path, aspect):
    write(tmp_path / "clips.npz", book__00=in_170(book, aspect))
    found = in_proportion(tmp_path / "clips.npz")["book__00"]
    assert np.allclose(found.xyz[:, 29:50, :2], book.xyz[:, 29:50, :2], atol=1e-4)


def test_where_a_wrist_jumps_the_dropped_frames_come_back_and_nowhere_else():
    xyz = np.repeat(load_body().rest()[None], 10, axis=0)
    xyz[4:, [4, *range(29, 50)], 1] += 1.0                                     # in one frame of 1/25 s
    poses = PoseSequence(xyz, 25)
    found = reopened(poses)
    there = found.confidence.any(1)
    assert there.tolist() == [True] * 4 + [False] * int(np.ceil(25 / FASTEST) - 1) + [True] * 6
    assert np.allclose(found.xyz[there], poses.xyz)
    assert len(reopened(PoseSequence(xyz[4:], 25))) == 6


def test_a_wrist_outside_the_picture_does_not_jump():
    xyz = np.repeat(load_body().rest()[None], 10, axis=0)
    xyz[4:, 4, 1] += 3
    confidence = np.ones(xyz.shape[:2])
    confidence[4:, 4] = 0.05
    assert len(reopened(PoseSequence(xyz, 25, confidence))) == 10


def test_a_clip_too_short_or_mostly_without_the_hand_is_refused_with_the_reason(book, body):
    assert bone_variation(stable_sign(book, body)) < 0.01
    with pytest.raises(SignerError, match="^6 frames, fewer than 8$"):
        stable_sign(PoseSequence(book.xyz[:6], 25), body)
    xyz = book.xyz.copy()
    xyz[:, SIGNER70.groups["left_hand"]] = np.nan
    xyz[len(xyz) // 4:, SIGNER70.groups["right_hand"]] = np.nan
    with pytest.raises(SignerError, match="^the signing hand is seen in .* of the frames, less than 50%$"):
        stable_sign(PoseSequence(xyz, 25), body)


# --- writing ----------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def built(tmp_path_factory, body):
    """Pools of made clips in both layouts, the files and what was reported."""
    folder, signs = tmp_path_factory.mktemp("recorded"), load_signs()
    compiled = {gloss: compile_sign(signs[gloss], body) for gloss in ("BOOK", "WATER")}
    higher = np.zeros((70, 3))
    higher[[4, 7, *range(8, 50)], 1] = 0.06                                    # wrists and hands
    takes = [compiled["BOOK"].xyz + k * higher for k in range(5)]
    letter = np.repeat(compiled["WATER"].xyz[10:11], 12, axis=0)
    write(folder / "data" / SETS["wlasl50"], **{f"book__{k:02}": in_170(PoseSequence(xyz, 25), 4 / 3) for k, xyz in enumerate(takes)},
          book__05=in_170(PoseSequence(takes[0][:5], 25), 4 / 3))
    write(folder / "data" / SETS["asl_app"], water=in_108(compiled["WATER"]), april=in_108(compiled["WATER"]), a=in_108(PoseSequence(letter, 30)))
    report = build_recorded_pools(folder / "data", folder / "out", body, seed=3)
    return {pool: Prior.load(folder / "out" / "pools" / pool) for pool in POOLS}, folder, report


def test_the_pools_hold_the_recordings_and_the_priors_goes_on_with_the_lexicon(built):
    pools, _, _ = built
    recordings = {pool: [c.variant for gloss in prior.glosses for c in prior.candidates(gloss) if c.variant.startswith(("wlasl50", "asl_app"))]
                  for pool, prior in pools.items()}
    assert sorted(sum(recordings.values(), [])) == ["asl_app-a", *(f"wlasl50-book__{k:02}" for k in range(5))]
    first, *_, last = pools["prior"].candidates("BOOK")
    assert (first.source, first.licence, last.source) == ("recording", "LicenseRef-none-stated (WLASL: research only)", "rule")
    assert first.phonology["type"] == "symmetric"
    assert set(pools["prior"].glosses) == set(Prior.open().glosses)
    assert pools["judge"].candidates("A")[0].phonology == {"handshape": ["a"]}
    assert not pools["prior"].validate()


def test_what_was_left_out_is_reported_with_its_reason(built):
    _, _, report = built
    assert report["left_out"] == {"asl_app-april": "the lexicon has no APRIL", "asl_app-water": "WATER has fewer than 4 recordings",
                                  "wlasl50-book__05": "5 frames, fewer than 8"}
    assert report["clips"]["prior"] == {"wlasl50": 2} and report["clips"]["test"] == {"wlasl50": 1}
    assert report["clips"]["judge"] == {"asl_app": 1, "wlasl50": 1}
    assert report["same_video"] == []


def test_pools_that_are_there_are_not_replaced(built, body):
    _, folder, _ = built
    with pytest.raises(SignerError, match="there are pools in .* already: delete"):
        build_recorded_pools(folder / "data", folder / "out", body, seed=3)


def test_data_that_are_not_there_are_missed_in_one_line(body, tmp_path):
    with pytest.raises(SignerError, match=f"there is no {tmp_path}"):
        recorded_clips(tmp_path, body)


@real
def test_the_videos_that_wlasl_has_twice_are_found_and_letters_that_move_keep_their_movement(body, tmp_path):
    few = {"wlasl50": ("go__00", "go__03", "go__04", "orange__01", "orange__02", "orange__03"), "asl_app": ("a", "j", "z")}
    for which, names in few.items():
        with np.load(signer_data() / SETS[which]) as archive:
            write(tmp_path / SETS[which], **{name: archive[name] for name in names})
    clips = {clip.name: clip for clip in recorded_clips(tmp_path, body)}
    assert [[clip.name for clip in group] for group in same_video(list(clips.values())) if len(group) > 1] == [
        ["wlasl50-go__03", "wlasl50-go__04"], ["wlasl50-orange__01", "wlasl50-orange__02"]]
    assert apart(clips["wlasl50-go__00"].poses, clips["wlasl50-go__03"].poses) > 0.05
    assert len(clips["asl_app-a"].poses) == 7
    assert min(len(clips[name].poses) for name in ("asl_app-j", "asl_app-z")) > 20


@real
def test_all_recordings_have_a_gloss_or_are_known_to_have_none():
    keys = list(read_poses(signer_data() / SETS["asl_app"])) + list(np.load(signer_data() / SETS["wlasl50"]).files)
    lacking = {gloss_of(key) for key in keys} - set(load_signs()) - set(ascii_uppercase)
    assert lacking == set("JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER".split())
    assert set(ascii_lowercase) <= set(keys)
