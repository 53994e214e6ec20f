"""The bridge to .pose files: exact for ours, measured for MediaPipe's, one clear line for anything else."""

from importlib import resources

import numpy as np
import pytest
from pose_format import Pose
from pose_format.pose_header import PoseHeaderDimensions

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import HAND, MESH, POINTS, read_pose, write_pose
from signer_lib.prior.fingerspelling import letter_files
from signer_lib.prior.kinematics import load_body


def moving(frames: int = 6, fps: float = 25) -> PoseSequence:
    noise = np.random.default_rng(0).normal(0, 0.1, (frames, 70, 3))
    return PoseSequence(load_body().rest() + noise, fps)


def test_round_trip_keeps_poses_confidence_and_rate(tmp_path):
    poses = moving(fps=29.97)
    confidence = np.random.default_rng(1).uniform(0.1, 1, poses.confidence.shape)
    confidence[2, 4] = confidence[:, 8:29] = 0                   # a joint missing once, a hand missing always
    confidence[:, [SIGNER70.index("neck"), SIGNER70.index("l_shoulder")]] = 0
    poses = PoseSequence(poses.xyz, poses.fps, confidence)
    back = read_pose(write_pose(poses, tmp_path / "new" / "p.pose"))
    assert back.fps == 29.97 and np.array_equal(back.confidence, poses.confidence)
    np.testing.assert_allclose(back.xyz, poses.xyz, atol=2e-6)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["p.pose"]


def test_pose_format_reads_what_we_write(tmp_path):
    poses = PoseSequence(load_body().rest()[None].repeat(3, 0), 25)
    pose = Pose.read(write_pose(poses, tmp_path / "p.pose").read_bytes())
    assert round(pose.header.version, 3) == 0.2 and pose.body.fps == 25 and pose.body.data.shape == (3, 1, 70, 3)
    assert {c.name: tuple(c.points) for c in pose.header.components} == POINTS
    for component in pose.header.components:
        assert len(component.limbs) == len(component.colors) and np.max(component.limbs) < len(component.points)
    xy = pose.body.data[0, 0, :, :2]
    assert xy.min() > 0 and (xy < (pose.header.dimensions.width, pose.header.dimensions.height)).all()
    at = lambda point: pose.body.data[0, 0, pose.header.get_point_index("POSE_LANDMARKS", point)]
    assert at("NOSE")[1] < at("NECK")[1] < at("LEFT_WRIST")[1], "y grows down"
    assert at("LEFT_SHOULDER")[0] > at("RIGHT_SHOULDER")[0], "the viewer sees the signer's left on the right"


def test_point_names_are_mediapipes():
    pose = Pose.read(letter_files()["A"].read_bytes())
    names = {c.name: c.points for c in pose.header.components}
    assert tuple(names["RIGHT_HAND_LANDMARKS"]) == HAND and set(MESH) <= set(names["FACE_LANDMARKS"])
    assert set(POINTS["POSE_LANDMARKS"]) - set(names["POSE_LANDMARKS"]) == {"NECK"}


def test_a_full_holistic_file_becomes_signer70():
    with resources.as_file(letter_files()["L"]) as path:
        poses = read_pose(path)
    middle = poses.xyz[len(poses) // 2]
    at = lambda name: middle[SIGNER70.index(name)]
    np.testing.assert_allclose(at("l_shoulder")[:2], (0.5, 0), atol=0.02)
    np.testing.assert_allclose(at("r_shoulder")[:2], (-0.5, 0), atol=0.02)
    assert at("l_brow_0")[0] < at("l_brow_4")[0] and at("r_brow_0")[0] > at("r_brow_4")[0]
    assert at("r_lip_corner")[0] < at("l_lip_corner")[0]
    assert at("lip_lower_outer")[1] < at("lip_upper_outer")[1] < at("nose")[1] < at("l_lid_lower")[1] < at("l_lid_upper")[1]
    assert at("r_hand_index_tip")[1] > at("r_hand_wrist")[1] and at("r_wrist")[2] > 0, "the hand is up, before the body"
    np.testing.assert_allclose(at("r_hand_wrist")[2], at("r_wrist")[2], atol=0.05)
    assert not poses.confidence[:, SIGNER70.groups["left_hand"]].any() and np.isnan(poses.group("left_hand")).all()


def test_a_file_that_was_rescaled_is_measured(tmp_path):
    poses = PoseSequence(load_body().rest()[None].repeat(3, 0), 25)
    path = write_pose(poses, tmp_path / "p.pose")
    pose = Pose.read(path.read_bytes())
    pose.body.data = pose.body.data * 0.3 + 7
    pose.header.dimensions = PoseHeaderDimensions(320, 320, 320)
    with open(path, "wb") as file:
        pose.write(file)
    np.testing.assert_allclose(read_pose(path).xyz, poses.xyz, atol=1e-4)


def test_components_may_be_absent(tmp_path):
    pose = Pose.read(write_pose(moving(), tmp_path / "p.pose").read_bytes())
    pose = pose.get_components(["POSE_LANDMARKS", "LEFT_HAND_LANDMARKS"])
    with open(tmp_path / "part.pose", "wb") as file:
        pose.write(file)
    part = read_pose(tmp_path / "part.pose")
    assert part.confidence[:, :29].all() and not part.confidence[:, 29:].any()


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "header", "absent", "folder"])
def test_a_damaged_file_is_named_in_one_line(tmp_path, damage):
    path = tmp_path / "bad.pose"
    whole = write_pose(moving(), tmp_path / "good.pose").read_bytes()
    if damage == "folder":
        path.mkdir()
    elif damage != "absent":
        path.write_bytes({"empty": b"", "text": b"no pose file\n" * 9, "cut": whole[:-100], "header": whole[:300]}[damage])
    with pytest.raises(SignerError, match="bad.pose") as error:
        read_pose(path)
    assert "\n" not in str(error.value)


def test_a_foreign_skeleton_is_named(tmp_path):
    pose = Pose.read(write_pose(moving(), tmp_path / "p.pose").read_bytes()).get_components(["FACE_LANDMARKS"])
    with open(tmp_path / "face.pose", "wb") as file:
        pose.write(file)
    with pytest.raises(SignerError, match="face.pose.*FACE_LANDMARKS"):
        read_pose(tmp_path / "face.pose")


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SignerError):
        write_pose(moving(), tmp_path / "file" / "p.pose")
    with pytest.raises(SignerError, match="at least one frame"):
        write_pose(PoseSequence(np.zeros((0, 70, 3)), 25), tmp_path / "p.pose")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
