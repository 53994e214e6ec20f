"""Filmed clips: what is filmed of whom, that video, poses, states and control images agree, and that they are whole, or not there."""

import importlib.util
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open

from signer_lib.errors import SignerError
from signer_lib.performances import filmed
from signer_lib.performances.filmed import OTHER_BODY, Filming, cast, excerpts, make_clips, read_right, shots, signed_in
from signer_lib.performances.folder import read_split, write_split
from signer_lib.performances.sentences import performances
from signer_lib.render.control import CHANNELS, control_image
from signer_lib.render.renderer.data import METADATA, read_clips, read_rows
from signer_lib.render.renderer.packing import packed_split
from signer_lib.render.studio import HELD_OUT, NUMBER, STYLES, filming, load_signer, open_camera, studio_frames
from signer_lib.render.video import read_video, write_video

DRAWS = pytest.mark.skipif(importlib.util.find_spec("vtkmodules") is None, reason="VTK is not installed: pip install -e .[studio]")
SENTENCES = {"train": ["That book, I like it.", "My name is Sam.", "My mother goes home.", "Do you not know the school?"],
             "dev": ["Where is the library?"], "test": ["We like the story.", "She talked."]}
TINY = Filming({"train": 16, "dev": 2, "test": 5, "test_body": 3}, size=64, frames=6, test_frames=9)
SPLITS = list(TINY.clips)


@pytest.fixture(scope="module")
def data(tmp_path_factory, slul, prior):
    """Sentences glossed as SLUL reads them, and one that it reads otherwise."""
    folder = tmp_path_factory.mktemp("performed")
    for split, texts in SENTENCES.items():
        rows = [(sentence.text, sentence.glosses) for sentence in slul.translate(texts, beams=1)]
        write_split(folder, split, performances(split, [("Yes.", ["NO"])] + rows, prior, seed=5))
    return folder


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("filmed") / "clips"
    assert make_clips(data, out, TINY) == TINY.clips
    return out


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- what is filmed ----------------------------------------------------------------------------------------------------------

def test_excerpts_are_of_all_sentences_and_of_all_their_time():
    lengths = [100, 60, 8, 40] * 25
    found = excerpts(lengths, 1000, 20, np.random.default_rng(3))
    assert set(Counter(at for at, _, _ in found).values()) == {10}
    assert all(0 <= first < stop <= lengths[at] and stop - first == min(20, lengths[at]) for at, first, stop in found)
    of_one = [sorted(first for at, first, _ in found if at == k) for k in range(0, 100, 4)]
    assert all(8 * k <= first <= 8 * k + 9 for starts in of_one for k, first in enumerate(starts))      # of 81 first frames each tenth has one
    parts = [first / 80 for at, first, _ in excerpts([100] * 500, 500, 20, np.random.default_rng(3))]
    assert (np.histogram(parts, 5, (0, 1))[0] > 70).all()
    assert excerpts([30, 50], 2, 0, np.random.default_rng(0)) in ([(0, 0, 30), (1, 0, 50)], [(1, 0, 50), (0, 0, 30)])


def test_pairs_come_equally_often_in_an_order_by_chance():
    pairs = Filming().pairs("train")
    turns = cast(pairs, 560, np.random.default_rng(1))
    assert len(pairs) == 16 and set(Counter(turns).values()) == {35}
    assert turns[:16] != turns[16:32] and set(turns[:16]) == set(turns[16:32])
    assert max(Counter(cast(pairs, 30, np.random.default_rng(1))).values()) == 2


def test_only_what_slul_reads_is_filmed_and_test_body_shows_what_test_shows(data, slul):
    read = read_right(data, "test", slul)
    assert [row.text for row, _ in read] == SENTENCES["test"]
    test, body = (list(shots(read, split, TINY)) for split in ("test", "test_body"))
    assert {shot.who for shot in test} == set(TINY.signers) and {shot.who for shot in body} == {OTHER_BODY}
    again = list(shots(read, "test", replace(TINY, clips=TINY.clips | {"test": 2})))[:2]
    few = list(shots(read, "test_body", replace(TINY, clips=TINY.clips | {"test_body": 2})))
    assert all(np.array_equal(one.poses.xyz, other.poses.xyz) for one, other in zip(again, few))
    assert not np.array_equal(test[0].poses.xyz, list(shots(read, "test", replace(TINY, seed=2)))[0].poses.xyz)


def test_states_are_those_of_the_glosses_in_the_excerpt(data, slul):
    row, sentence = next((row, sentence) for row, sentence in read_right(data, "train", slul) if "fs-SAM" in row.glosses)
    whole = signed_in(row, sentence, 0, len(row.poses))
    assert whole["states"].shape == (3, 192) and (whole["spans"][:, 0] < whole["spans"][:, 1]).all()
    assert (whole["spans"][1:, 0] >= whole["spans"][:-1, 1]).all()
    letters = [span for span in row.spans if span.unit is not None and row.units[span.unit].of]
    assert whole["spans"][2].tolist() == [letters[0].start, letters[-1].stop] and len(letters) == 3
    first = letters[1].start
    part = signed_in(row, sentence, first, first + 4)
    assert np.array_equal(part["states"], sentence.states[2:].numpy()) and part["spans"].tolist() == [[0, 4]]
    nothing = signed_in(row, sentence, 0, whole["spans"][0, 0])
    assert nothing["states"].shape == (0, 192) and nothing["spans"].shape == (0, 2) and nothing["context"].shape == (192,)


@pytest.mark.parametrize("changes, words", [({"signers": (HELD_OUT, "default")}, "held out for the split test_body"),
                                            ({"signers": (OTHER_BODY,)}, "held out for the split test_body"),
                                            ({"signers": ("tall",)}, "the looks of default"), ({"styles": ("oil",)}, "no style 'oil'"),
                                            ({"signers": ("nobody",)}, "no signer 'nobody'"), ({"size": 65}, "even number of pixels"),
                                            ({"frames": -1}, "counted from 0"), ({"clips": dict.fromkeys(SPLITS, 0)}, "some split needs a clip")])
def test_what_cannot_be_filmed_is_told(changes, words):
    with pytest.raises(SignerError, match=words) as caught:
        Filming(**changes)
    assert "\n" not in str(caught.value)


def test_sentences_that_slul_reads_otherwise_are_not_enough(data, slul, tmp_path):
    write_split(tmp_path, "test", read_split(data, "test")[:1])
    with pytest.raises(SignerError, match="reads none of the 1 sentences of test"):
        read_right(tmp_path, "test", slul)


# --- what comes out ----------------------------------------------------------------------------------------------------------

@DRAWS
def test_the_renderer_reads_the_clips(made, monkeypatch, tmp_path):
    assert METADATA == filmed.METADATA
    monkeypatch.setenv("SIGNER_CACHE", str(tmp_path))
    for split, count in TINY.clips.items():
        clips, packed = list(read_clips(made / split, 64)), packed_split(made, split, 64)
        frames = TINY.frames if split in ("train", "dev") else TINY.test_frames
        assert len(clips) == len(packed.clips) == count and packed.d_state == 192 and len(packed.frames) == count * frames
        for clip in clips:
            assert clip.frames.shape == (frames, 64, 64, 3) and clip.xyz.shape == (frames, 70, 3) and np.isfinite(clip.xyz).all()
            assert clip.signer in TINY.signers and clip.style in STYLES and clip.text in sum(SENTENCES.values(), [])
            n = len(clip.signed.spans)
            assert clip.signed.states.shape == (n, 192) and clip.signed.context.shape == (192,)
            start, stop = clip.signed.spans.T
            assert ((start >= 0) & (start < stop) & (stop <= frames)).all()
        assert np.array_equal(packed.frames, np.concatenate([clip.frames for clip in clips]))
    assert sum(len(clip.signed.spans) for clip in read_clips(made / "train", 64)) > 8


@DRAWS
def test_every_pair_is_in_train_and_only_test_body_has_the_other_body(made):
    rows = {split: read_rows(made / split) for split in SPLITS}
    assert set(Counter((row["signer"], row["style"]) for row in rows["train"]).values()) == {1} and len(rows["train"]) == 16
    assert all(row["body"] == row["signer"] for split in ("train", "dev", "test") for row in rows[split])
    assert {row["body"] for row in rows["test_body"]} == {HELD_OUT} and {row["signer"] for row in rows["test_body"]} == {"default"}
    assert {row["sentence"].split("-")[0] for row in rows["test_body"]} == {"test"}


@DRAWS
def test_videos_are_what_the_studio_draws_and_the_control_images_lie_on_them(data, made, slul):
    found = []
    for split, source in (("train", "train"), ("test_body", "test")):
        for shot, clip in zip(shots(read_right(data, source, slul), split, TINY), read_clips(made / split, 64)):
            assert (clip.name, clip.style, clip.signer) == tuple(shot.row[key] for key in ("file_name", "style", "signer"))
            assert np.abs(clip.xyz - shot.poses.xyz).max() < 1e-5
            frames = list(studio_frames(shot.poses, shot.who, clip.style, 64))
            assert np.array_equal(clip.frames, np.stack([frame.picture for frame in frames]))
            regions, control = np.stack([frame.regions for frame in frames]), control_image(torch.from_numpy(clip.xyz), 64).numpy()
            for side in ("right", "left"):
                palm = control[:, CHANNELS.index(f"{side}_palm")] > 0.6
                hand = np.isin(regions, [NUMBER[f"{side}_hand"], NUMBER[f"{side}_arm"]])
                found += [[(np.roll(palm, shift, (1, 2)) & hand).sum() for shift in ((0, 0), (4, 4), (-4, 4))] + [palm.sum()]]
    on, *beside, palms = np.sum(found, 0)
    assert palms > 500 and on > 0.95 * palms and max(beside) < 0.4 * palms


@DRAWS
def test_the_other_body_wears_the_looks_of_a_trained_signer(data):
    other, body, look = (load_signer(name) for name in (OTHER_BODY, HELD_OUT, "default"))
    assert np.array_equal(other.joints, body.joints) and np.array_equal(other.colours, look.colours)
    poses = read_split(data, "test")[1].poses
    poses = replace(poses, xyz=poses.xyz[30:31], confidence=poses.confidence[30:31])
    draw = lambda name: next(studio_frames(poses, name, "cel", 128))
    pictures = {name: draw(name).picture.astype(int) for name in (OTHER_BODY, HELD_OUT, "default")}
    far = lambda name: np.abs(pictures[OTHER_BODY] - pictures[name]).mean()
    assert 1 < far("default") < far(HELD_OUT) / 3


@DRAWS
def test_what_was_stopped_goes_on_and_the_same_seed_gives_the_same_bytes_with_any_number_of_processes(data, tmp_path, monkeypatch):
    few, out, film, count = replace(TINY, clips={"train": 3, "dev": 2, "test": 0, "test_body": 0}, frames=2), tmp_path / "clips", filming.film, []

    def stopped(*args, **kwargs):
        count.append(1)
        if len(count) == 5:                                     # in the middle of dev
            raise KeyboardInterrupt
        return film(*args, **kwargs)

    monkeypatch.setattr(filming, "film", stopped)
    with pytest.raises(KeyboardInterrupt):
        make_clips(data, out, few)
    assert {path.name for path in out.iterdir()} == {"about.json", "train"} and len(read_rows(out / "train")) == 3
    with pytest.raises(SignerError, match="made otherwise"):
        make_clips(data, out, replace(few, seed=2))
    before = (out / "train" / METADATA).stat().st_mtime_ns
    assert make_clips(data, out, few) == {"train": 3, "dev": 2} and (out / "train" / METADATA).stat().st_mtime_ns == before
    monkeypatch.undo()
    make_clips(data, tmp_path / "again", few, workers=2)
    assert files(tmp_path / "again") == files(out) and len(files(out)) == 18


@DRAWS
def test_the_command(data, tmp_path, monkeypatch, capsys):
    asked = ["filmed", "--data", str(data), "--out", str(tmp_path / "out"), "--clips", "0", "2", "0", "0", "--size", "64", "--frames", "3"]
    monkeypatch.setattr("sys.argv", [*asked, "--styles", "cel", "--signers", "tall"])
    filmed.main()
    assert "2 dev" in capsys.readouterr().out
    assert [(row["signer"], row["style"]) for row in read_rows(tmp_path / "out" / "dev")] == [("tall", "cel")] * 2
    with safe_open(tmp_path / "out" / "dev" / "00000.safetensors", "np") as file:
        assert set(file.keys()) == {"states", "context", "spans"}
    assert json.loads((tmp_path / "out" / "about.json").read_text())["filming"]["clips"]["dev"] == 2


# --- what it needs -----------------------------------------------------------------------------------------------------------

def test_lossless_videos_are_read_back_bit_for_bit(tmp_path):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (5, 64, 96, 3), np.uint8)
    frames[2] = frames[1]
    back = read_video(write_video(frames, tmp_path / "a.mp4", 25, lossless=True))
    assert np.array_equal(np.stack(back), frames)
    assert not np.array_equal(np.stack(read_video(write_video(frames, tmp_path / "b.mp4", 25))), frames)


@DRAWS
def test_a_camera_is_used_again_for_its_own_signer_and_size_alone(data):
    poses = read_split(data, "test")[1].poses
    poses, camera = replace(poses, xyz=poses.xyz[30:31], confidence=poses.confidence[30:31]), open_camera("tall", 64)
    again = [next(studio_frames(poses, "tall", "cel", 64, camera)).picture for _ in range(2)]
    assert np.array_equal(*again) and np.array_equal(again[0], next(studio_frames(poses, "tall", "cel", 64)).picture)
    for signer, size in (("small", 64), ("tall", 128)):
        with pytest.raises(SignerError, match="another signer or size"):
            studio_frames(poses, signer, "cel", size, camera)
