"""Files of the SLRTP 2025 challenge: read in whatever way they are turned, never run, never believed beyond their size."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import NamedClip, read_clips
from signer_lib.pose.formats.slrtp import points178, write_slrtp
from test_formats import made


def points(frames: int = 6) -> torch.Tensor:
    return torch.from_numpy(points178(NamedClip("a", made(frames))))


@pytest.mark.parametrize("turn", [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
def test_poses_come_out_upright_and_facing_us_however_the_axes_lie(tmp_path, turn):
    entry = {"name": "x", "text": "ein text .", "gloss": "TEXT", "speaker": "Signer01", "poses_3d": 0.37 * points() * torch.tensor(turn) + 5}
    torch.save({"x": entry}, tmp_path / "dev.pt")
    clip, = read_clips(tmp_path / "dev.pt")
    assert clip[0] == "x" and clip[2:5] == ("TEXT", "ein text .", "Signer01") and clip.fps == 25
    wanted = made(6).xyz - np.median(made(6).joint("neck"), 0)
    kept = [k for k in range(70) if k != SIGNER70.index("nose")]
    np.testing.assert_allclose(clip.poses.xyz[:, kept, :2], wanted[:, kept, :2] / np.linalg.norm(wanted[0, 5] - wanted[0, 2]), atol=2e-4)
    assert clip.raw is not None and clip.raw.body.data.shape == (6, 1, 178, 3)


def test_predictions_are_read_too(tmp_path):
    torch.save({"x": points(), "y": points(9).half()}, tmp_path / "p.pt")
    assert [(clip.name, len(clip.poses), clip.gloss) for clip in read_clips(tmp_path / "p.pt", fps=12)] == [("x", 6, None), ("y", 9, None)]


def test_what_is_written_is_plain_and_has_no_more_than_178_points(tmp_path):
    xyz = made(6).xyz.copy()
    xyz[1, 8:29] = np.nan
    assert write_slrtp([NamedClip("a", PoseSequence(xyz, 25), "A", None, "Sam")], tmp_path / "a.pt") == 1
    held = torch.load(tmp_path / "a.pt", weights_only=True)["a"]
    assert (held["gloss"], held["text"], held["speaker"], held["poses_3d"].shape) == ("A", "", "Sam", (6, 178, 3))
    assert not held["poses_3d"][1, 29:50].any() and held["poses_3d"][0, 29:50].all(), "a missing hand is at 0; SLRTP's left hand comes second"


class Evil:
    def __reduce__(self):
        return os.mkdir, ("run",)


def damaged(path, kind):
    torch.save({"x": points()}, path)
    whole = path.read_bytes()
    if kind == "code":
        torch.save({"x": Evil()}, path)
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"x": [1.0]}))
    elif kind == "cut":
        path.write_bytes(whole[:len(whole) // 2])
    elif kind == "empty":
        torch.save({}, path)
    elif kind == "list":
        torch.save([points()], path)
    elif kind == "shape":
        torch.save({"x": points()[:, :50]}, path)
    elif kind == "numbers":
        torch.save({"x": points().int()}, path)
    elif kind == "text":
        torch.save({"x": {"text": "only"}}, path)
    elif kind == "claim":
        torch.save({"x": torch.zeros(1, 178, 3).expand(10**9, 178, 3)}, path)
    elif kind == "bomb":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", b"\0" * 10**7)
    elif kind == "nothing":
        torch.save({"x": torch.zeros(4, 178, 3)}, path)


@pytest.mark.parametrize("kind, match", [
    ("code", "could run code"), ("pickle", "torch.save"), ("cut", "torch.save"), ("empty", "no clips"), ("list", "no clips"),
    ("shape", "clip x has shape"), ("numbers", "no tensor poses_3d"), ("text", "no tensor poses_3d"), ("claim", "claims"), ("bomb", "packed"),
    ("nothing", "never shows both shoulders")])
def test_a_damaged_or_dangerous_file_is_refused_in_one_line(tmp_path, monkeypatch, kind, match):
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path / "bad.pt", kind)
    with pytest.raises(SignerError, match=match) as error:
        list(read_clips(tmp_path / "bad.pt"))
    assert "bad.pt" in str(error.value) and "\n" not in str(error.value) and not (tmp_path / "run").exists()
