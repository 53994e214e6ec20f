"""How recognisable signs are: made clips whose answer is known, and the figures of real recordings."""

import json

import numpy as np
import pytest

from signer_lib.assets import signer_data
from signer_lib.errors import SignerError
from signer_lib.metrics.recognition import (
    features,
    main,
    mean_of_others,
    mirrored,
    normalised,
    one_recording,
    read_clips,
    read_prototypes,
    recognised,
)
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.body import load_body


def waving(across: float, up: float, frames: int = 12, fps: float = 25) -> PoseSequence:
    """The right hand on a path of its own, the left hand missing."""
    xyz = np.repeat(load_body().rest()[None], frames, 0)
    path = np.linspace(0, 1, frames)[:, None, None] * [across, up, 0] + [0, 1.2, 0.4]
    moved = [SIGNER70.index("r_wrist"), *range(29, 50)]
    xyz[:, moved] += path
    xyz[:, 8:29] = np.nan
    return PoseSequence(xyz, fps)


GLOSSES = {"up": waving(0, 0.8), "out": waving(-0.8, 0), "down": waving(0, -0.8), "in": waving(0.5, 0)}
CLIPS = [(gloss, normalised(poses)) for gloss, poses in GLOSSES.items() for _ in range(2)]


def test_the_clips_themselves_are_recognised_and_a_wrong_name_is_not():
    prototypes = {gloss: normalised(poses) for gloss, poses in GLOSSES.items()}
    assert recognised(CLIPS, prototypes) == {"top1": 100.0, "top5": 100.0, "mrr": 1.0, "clips": 8, "glosses": 4}
    exchanged = prototypes | {"up": prototypes["down"], "down": prototypes["up"]}
    assert recognised(CLIPS, exchanged)["top1"] == 50.0
    assert one_recording(CLIPS)["top1"] == 100.0 and mean_of_others(CLIPS)["top1"] == 100.0


def test_size_place_speed_and_handedness_of_the_signer_do_not_count():
    clip = normalised(GLOSSES["up"])
    larger = PoseSequence(GLOSSES["up"].xyz * 3 + 7, 25)
    assert np.allclose(normalised(larger)[:, 29:], clip[:, 29:], atol=1e-5)
    slow = normalised(waving(0, 0.8, frames=45))
    assert np.allclose(features(slow), features(clip), atol=1e-5)
    prototypes = {gloss: normalised(poses) for gloss, poses in GLOSSES.items()}
    assert recognised([(gloss, mirrored(clip)) for gloss, clip in CLIPS], prototypes)["top1"] == 100.0


def test_frames_without_a_hand_are_cut_at_both_ends():
    xyz = GLOSSES["up"].xyz.copy()
    xyz[[0, 1, 11], 8:50] = np.nan
    assert len(normalised(PoseSequence(xyz, 25))) == 9


def test_one_gloss_alone_cannot_be_scored():
    with pytest.raises(SignerError, match="1 of the clips' glosses"):
        recognised(CLIPS, {"up": CLIPS[0][1]})


def test_the_command_scores_files_of_prototypes(tmp_path, capsys):
    clips = {f"{gloss}__{n}": np.nan_to_num(_layout(poses)) for gloss, poses in GLOSSES.items() for n in range(2)}
    np.savez(tmp_path / "clips.npz", **clips)
    np.savez(tmp_path / "ours.npz", **{gloss: poses.xyz[:, :50] for gloss, poses in GLOSSES.items()})
    main(["--clips", str(tmp_path / "clips.npz"), "--prototypes", f"ours={tmp_path / 'ours.npz'}", "--out", str(tmp_path / "found.json")])
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert rows["ours"]["top1"] == 100.0 and rows["chance"]["top1"] == 25.0
    assert "top-1 100.0 %" in capsys.readouterr().out


def _layout(poses: PoseSequence) -> np.ndarray:
    """(T, 170), the layout of the recordings: 11 pose points of 4 numbers, two hands; zeros where missing, y down."""
    xyz = poses.xyz * [1, -1, 1]
    order = ["nose", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist", "r_wrist"]
    pose = np.zeros((len(xyz), 11, 4))
    pose[:, :7, :3], pose[:, :7, 3] = xyz[:, [SIGNER70.index(name) for name in order]], 1
    return np.concatenate([pose.reshape(len(xyz), -1), xyz[:, 8:29].reshape(len(xyz), -1), xyz[:, 29:50].reshape(len(xyz), -1)], 1)


def test_a_damaged_file_of_prototypes_is_named(tmp_path):
    (tmp_path / "bad.npz").write_text("nothing")
    with pytest.raises(SignerError, match="bad.npz holds no prototypes"):
        read_prototypes(tmp_path / "bad.npz")
    np.savez(tmp_path / "flat.npz", up=np.zeros((4, 50)))
    with pytest.raises(SignerError, match=r"up has shape \(4, 50\)"):
        read_prototypes(tmp_path / "flat.npz")


def test_real_recordings_score_as_is_known_of_them():
    if signer_data() is None or not (signer_data() / "wlasl50").is_dir():
        pytest.skip("the recordings of 50 glosses are not here: put them into the wlasl50 folder of SIGNER_DATA")
    clips = read_clips(next((signer_data() / "wlasl50").glob("*.npz")))
    assert len(clips) == 422
    single = one_recording(clips)
    assert single["top1"] == pytest.approx(20.5, abs=0.1) and single["top5"] == pytest.approx(43.5, abs=0.1)
    assert mean_of_others(clips)["top1"] == pytest.approx(32, abs=1)
