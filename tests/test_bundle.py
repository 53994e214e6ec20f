"""Clips in few files: what goes in comes out, whatever is wrong is told, and the repository's own clips are whole."""

import json

import numpy as np
import pytest
import torch

from clips import STYLES, poses, write_clips
from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.render.control import LAYERS, control_image
from signer_lib.render.renderer import bundle
from signer_lib.render.renderer.bundle import GRAIN, packed_bundle, read_bundle, write_bundle
from signer_lib.render.renderer.conditioning import Signed
from signer_lib.render.renderer.data import Clip, read_clips

NANO, BASE = DATA / "clips_nano", DATA / "clips_base"


def clip(name, frames=4, seed=0, states=2, spans=True):
    rng = np.random.default_rng(seed)
    known = None if states is None else Signed(torch.from_numpy(rng.normal(size=(states, 6))).float(), torch.from_numpy(rng.normal(size=6)).float(),
                                               torch.tensor([[k, k + 1] for k in range(states)]).reshape(-1, 2) if spans else None)
    return Clip(name, rng.integers(0, 256, (frames, 32, 32, 3), np.uint8), poses(frames, seed).xyz, "day", "one", "A text.", known)


def kept(clips, folder):
    bundle._write(clips, folder, "train")
    return list(read_bundle(folder, "train"))


def test_frames_come_back_bit_for_bit_and_poses_to_a_thousandth(tmp_path):
    clips = [clip("a"), clip("b", 7, 1, None), clip("c", 1, 2, 0), clip("d", 5, 3, 3)]
    back = kept(clips, tmp_path)
    for one, other in zip(clips, back, strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert (one.name, one.style, one.signer, one.text) == (other.name, other.style, other.signer, other.text)
        assert other.xyz.dtype == np.float32 and np.abs(one.xyz - other.xyz).max() <= 0.5001 / GRAIN
        assert (one.signed is None) == (other.signed is None)
        for a, b in zip(one.signed or (), other.signed or (), strict=True):
            assert torch.allclose(a.float(), b.float(), rtol=1e-3, atol=1e-3)
    assert back[3].signed.spans.dtype == torch.int64 and back[2].signed.states.shape == (0, 6)


def test_without_spans_a_gloss_may_be_anywhere(tmp_path):
    (back,) = kept([clip("a", states=2, spans=False)], tmp_path)
    assert back.signed.spans.tolist() == [[0, 4], [0, 4]]


def test_clips_of_which_nothing_is_known(tmp_path):
    assert [one.signed for one in kept([clip("a", states=None)], tmp_path)] == [None]


def test_a_data_folder_becomes_a_bundle_of_the_same_clips(tmp_path):
    data = write_clips(tmp_path / "data")
    assert write_bundle(data, tmp_path / "bundle") == {"train": 4, "dev": 2}
    back = list(read_bundle(tmp_path / "bundle", "train"))
    assert [(one.style, one.signer) for one in back] == sorted((one.style, one.signer) for one in back)
    same = {one.name: one for one in read_clips(data / "train", 32)}
    assert all(np.array_equal(one.frames, same[one.name].frames) for one in back) and len(back) == len(same)
    packed = packed_bundle(tmp_path / "bundle", "train")
    assert packed.size == 32 and packed.names("style") == list(STYLES) and len(packed.xyz) == sum(len(one.frames) for one in back)
    first = packed.clips[1]["first"]
    assert np.array_equal(packed.frames[first:first + 7], back[1].frames[:7])
    again = packed_bundle(tmp_path / "bundle", "train")
    assert again.sha256 == packed.sha256 and again.frames.filename == packed.frames.filename, "packed once"


def test_the_same_clips_give_the_same_bytes(tmp_path):
    data = write_clips(tmp_path / "data")
    for name in ("one", "two"):
        write_bundle(data, tmp_path / name)
    files = lambda name: {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
    assert files("one") == files("two") and len(files("one")) == 6


def test_what_is_wrong_is_told(tmp_path):
    with pytest.raises(SignerError, match="no clips in"):
        write_bundle(tmp_path, tmp_path / "out")
    blind = clip("a")
    blind.xyz[:, 5] = np.nan
    with pytest.raises(SignerError, match="never seen"):
        bundle._write([blind], tmp_path, "train")
    kept([clip("a")], tmp_path)
    with pytest.raises(SignerError, match="no clips of 'test': use train"):
        list(read_bundle(tmp_path, "test"))
    (tmp_path / "train.jsonl").write_text(json.dumps(json.loads((tmp_path / "train.jsonl").read_text()) | {"frames": 3}) + "\n")
    with pytest.raises(SignerError, match="do not belong together"):
        list(read_bundle(tmp_path, "train"))
    (tmp_path / "train.npz").write_bytes(b"no zip")
    with pytest.raises(SignerError, match="are damaged or do not belong together"):
        list(read_bundle(tmp_path, "train"))


def test_the_command(tmp_path, monkeypatch, capsys):
    data = write_clips(tmp_path / "data")
    monkeypatch.setattr("sys.argv", ["bundle", "--data", str(data), "--out", str(tmp_path / "out")])
    bundle.main()
    assert "2 dev, 4 train" in capsys.readouterr().out


# --- the repository's own ----------------------------------------------------------------------------------------------------
def test_the_clips_of_the_lesson_show_every_signer_in_every_style_and_stay_small():
    train, test, other = ([*read_bundle(NANO, split)] for split in ("train", "test", "test_body"))
    pairs = [(one.style, one.signer) for one in train]
    assert len(set(pairs)) == 16 and min(map(pairs.count, pairs)) >= 5
    assert {one.signer for one in other} == {"default"} and {one.style for one in other} == {one.style for one in train}
    assert not {one.text for one in train} & {one.text for one in test}
    assert sum(path.stat().st_size for path in NANO.iterdir()) < 1.5e6


def test_the_large_clips_of_the_lesson_show_every_signer_and_style_and_held_out_sentences():
    test = [*read_bundle(BASE, "test")]
    assert [one.frames.shape for one in test] == [(16, 256, 256, 3)] * 8 and all(one.signed is not None for one in test)
    assert all({getattr(one, kind) for one in test} == {getattr(one, kind) for one in read_bundle(NANO, "train")} for kind in ("style", "signer"))
    assert not {one.text for one in test} & {one.text for one in read_bundle(NANO, "train")}
    assert sum(path.stat().st_size for path in BASE.iterdir()) < 4e6


def test_frames_change_where_the_poses_of_the_lesson_move():
    found = []
    for one in read_bundle(NANO, "test"):
        control = control_image(torch.from_numpy(one.xyz), 64)[:, :len(LAYERS)].diff(dim=0).abs().sum((0, 1)).numpy()
        frames = np.abs(np.diff(one.frames.astype(float), axis=0)).sum((0, 3))
        alike = lambda shift: np.corrcoef(np.roll(control, shift, (0, 1)).ravel(), frames.ravel())[0, 1]
        found.append([alike(shift) for shift in ((0, 0), (5, 0), (0, 5), (-5, 0), (0, -5))])
    on, *beside = np.transpose(found)
    assert (on > np.max(beside, 0)).all() and on.mean() > np.mean(beside) + 0.15
