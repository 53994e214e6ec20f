"""Data folders of signed sentences: the three ways to hold poses, and what is wrong told in one line."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import write_pose
from signer_lib.pose.formats.folder import read_folder
from signer_lib.pose.formats.skels import VALUES


def lines(folder, split="train", texts=("I am Sam.", "Hello!"), glosses=("IX-1 S A M", "HELLO")):
    for ending, rows in (("text", texts), ("gloss", glosses)):
        (folder / f"{split}.{ending}").write_text("".join(row + "\n" for row in rows), encoding="utf-8")


def tensors(folder, split="train", metadata=None, **poses):
    poses = poses or {"000001": np.ones((3, 5, 3), np.float16), "000000": np.full((4, 5, 3), np.nan, np.float16)}
    save_file(poses, folder / f"{split}.safetensors", metadata={"fps": "12.5", "skeleton": "mine"} if metadata is None else metadata)


def test_a_folder_of_tensors_is_read_in_the_order_of_its_lines(tmp_path):
    lines(tmp_path), tensors(tmp_path)
    found = read_folder(tmp_path, "train")
    assert (found.names, found.fps, found.skeleton) == (["000000", "000001"], 12.5, "mine")
    assert [xyz.shape for xyz in found.poses] == [(4, 5, 3), (3, 5, 3)] and found.poses[0].dtype == np.float16
    assert np.isnan(found.poses[0]).all() and (found.poses[1] == 1).all()
    assert found.texts == ["I am Sam.", "Hello!"] and found.glosses == [["IX-1", "S", "A", "M"], ["HELLO"]]


def test_a_folder_of_pose_files_is_read_at_one_frame_rate(tmp_path):
    lines(tmp_path, "dev")
    rng = np.random.default_rng(0)
    (tmp_path / "dev").mkdir()
    for name, fps, frames in (("a", 25, 11), ("b", 50, 21)):
        xyz = rng.normal(0, 0.1, (frames, 70, 3))
        xyz[:, 2], xyz[:, 5] = (-0.5, 0, 0), (0.5, 0, 0)
        write_pose(PoseSequence(xyz, fps), tmp_path / "dev" / f"{name}.pose")
    found = read_folder(tmp_path, "dev")
    assert (found.names, found.fps, found.skeleton) == (["a", "b"], 25, SIGNER70.name)
    assert [xyz.shape for xyz in found.poses] == [(11, 70, 3), (11, 70, 3)]


def test_a_folder_of_progressive_transformers_is_read(tmp_path):
    lines(tmp_path, "test")
    rows = np.random.default_rng(0).normal(0, 0.1, (2, 3 * VALUES))
    (tmp_path / "test.skels").write_text("\n".join(" ".join(f"{v:.4f}" for v in row) for row in rows) + "\n")
    (tmp_path / "test.files").write_text("test/one\ntest/two\n")
    found = read_folder(tmp_path, "test")
    assert (found.names, found.fps) == (["test/one", "test/two"], 25) and [xyz.shape for xyz in found.poses] == [(3, 70, 3)] * 2
    assert np.isnan(found.poses[0][:, SIGNER70.groups["face"]]).all()


X = np.ones((3, 5, 3), np.float16)


@pytest.mark.parametrize(
    "made, told",
    [
        (lambda f: None, "cannot read .*train.text"),
        (lambda f: lines(f), "no poses of its train split: add train.safetensors"),
        (lambda f: (lines(f, glosses=["A"]), tensors(f)), "train.text has 2 lines, train.gloss 1, train.safetensors 2 sequences"),
        (lambda f: (lines(f), tensors(f, **{"000000": X})), "train.safetensors 1 sequences"),
        (lambda f: (lines(f), tensors(f, **{"000000": X, "000002": X})), "'000002' is not the number of a line"),
        (lambda f: (lines(f), tensors(f, metadata={})), "does not say its frame rate"),
        (lambda f: (lines(f), tensors(f, metadata={"fps": "0"})), "fps must be positive"),
        (lambda f: (lines(f), tensors(f, metadata={"fps": "fast"})), "is damaged"),
        (lambda f: (lines(f), tensors(f, **{"000000": X, "000001": X[:, :4]})), r"000001 holds float16 of shape \(3, 4, 3\)"),
        (lambda f: (lines(f), tensors(f, **{"000000": X, "000001": X.astype(int)})), "000001 holds int64"),
        (lambda f: (lines(f), (f / "train.safetensors").write_bytes(b"\xff" * 50)), "train.safetensors is damaged"),
        (lambda f: (tensors(f), lines(f), (f / "train.gloss").write_bytes(b"\xff\n\xff\n")), "train.gloss is not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_folder_is_told_in_one_line(tmp_path, made, told):
    made(tmp_path)
    with pytest.raises(SignerError, match=told) as error:
        read_folder(tmp_path, "train")
    assert "\n" not in str(error.value)
