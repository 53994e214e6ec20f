"""What is wrong with a recording is told by file, frame and joint; what is right is not touched."""

import json

import numpy as np
import pytest
from pose_format import Pose
from typer.testing import CliRunner

from signer_lib.assets import signer_data
from signer_lib.cli import app
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import NamedClip, write_pose
from signer_lib.pose.formats.checking import SHORTEST, check, of_clip, plain_joint
from signer_lib.pose.formats.holistic import columns_of
from signer_lib.pose.formats.skels import write_skels
from test_formats import made, openpose

J = SIGNER70.index
LEFT, RIGHT = SIGNER70.groups["left_hand"], SIGNER70.groups["right_hand"]


def clip(change=lambda xyz: None, frames: int = 40, fps: float = 25) -> NamedClip:
    xyz = made(frames).xyz.copy()
    xyz[:, [4, *range(29, 50)], 1] -= 0.05 * np.arange(frames)[:, None] * 0.5          # half as fast, so that nothing jumps
    change(xyz)
    return NamedClip("c", PoseSequence(xyz, fps))


def findings(*arguments, **options) -> list[str]:
    return [str(finding) for finding in of_clip(clip(*arguments, **options), "c.pose")]


def test_nothing_is_wrong_with_a_clip_that_is_right():
    assert findings() == []


def test_joints_have_names_for_people():
    assert [plain_joint(name) for name in ("l_hand_index_tip", "r_wrist", "nose", "lip_upper_outer")] == [
        "left index tip", "right wrist", "nose", "lip upper outer"]


def far(xyz):
    xyz[12, J("l_hand_index_tip"), 0] += 15


def jumping(xyz):
    xyz[20, J("r_hand_index_tip"), :2] += 0.55


def stretched(xyz):
    xyz[5:9, J("l_elbow"), 0] += 3


def swapped(xyz):
    xyz[3:6, LEFT], xyz[3:6, RIGHT] = xyz[3:6, RIGHT].copy(), xyz[3:6, LEFT].copy()


def lost(xyz):
    xyz[2:33, RIGHT] = np.nan


def none(xyz):
    xyz[4:, [*range(8, 50)]] = np.nan


def armless(xyz):
    xyz[:, [J("l_wrist")]] = np.nan


@pytest.mark.parametrize("change, told", [
    (far, "c.pose: frame 12, joint left index tip: 15 shoulder widths from the neck, as something is in 2% of the frames"),
    (jumping, "c.pose: frame 20, joint right index tip: its bone jumps from 0."),
    (stretched, "c.pose: frame 5, joint left elbow: its bone is 3."),
    (swapped, "c.pose: frame 3, joint left wrist: the left hand is at the other arm, in 3 frames: its label is swapped"),
    (lost, "c.pose: frame 2: the right hand is lost for 31 frames (1.2 s)"),
    (none, "c.pose: frame 4: no hand is seen for 36 frames (1.4 s)"),
    (armless, "c.pose: joint left wrist: is never seen: confidence 0 throughout")])
def test_what_is_wrong_is_told_with_frame_and_joint(change, told):
    assert any(line.startswith(told) for line in findings(change)), findings(change)


def test_some_things_make_a_clip_unusable():
    def handless(xyz):
        xyz[:, 8:50] = np.nan

    fatal = lambda *a, **k: [f.what.split(":")[0] for f in of_clip(clip(*a, **k), "c") if f.fatal]
    assert fatal(handless) == ["no hand is ever seen"]
    assert fatal(frames=SHORTEST - 1) == ["only 4 frames, at least 5 make a clip"] and fatal(frames=SHORTEST) == []
    assert fatal(fps=1000) == ["1000 frames a second, not 5 to 240"] and fatal(fps=240) == []
    assert fatal(swapped) == fatal(lost) == []


def told(path, **options) -> tuple[list[str], object]:
    lines: list[str] = []
    return lines, check(path, told=lines.append, **options)


def test_nan_in_a_file_is_named(tmp_path):
    write_pose(clip().poses, tmp_path / "n.pose")
    pose = Pose.read((tmp_path / "n.pose").read_bytes())
    pose.body.data[7, 0, columns_of(pose.header)["LEFT_HAND_LANDMARKS", "RING_FINGER_TIP"]] = np.nan
    with open(tmp_path / "n.pose", "wb") as file:
        pose.write(file)
    lines, summary = told(tmp_path / "n.pose")
    assert lines[0] == (f"{tmp_path / 'n.pose'}: frame 7: LEFT_HAND_LANDMARKS RING_FINGER_TIP has a confidence but is NaN or infinite, "
                        "as are 1 points in all") and summary.code == 2


def test_a_folder_is_looked_at_file_by_file(tmp_path):
    for name in ("a", "b", "c"):
        write_pose(clip().poses, tmp_path / f"{name}.pose")
    assert told(tmp_path) == ([], told(tmp_path)[1]) and told(tmp_path)[1].line() == "3 clips: 0 findings, 0 that make a clip unusable"
    (tmp_path / "b.pose").write_bytes((tmp_path / "a.pose").read_bytes()[:-50])
    lines, summary = told(tmp_path)
    assert len(lines) == 1 and lines[0].startswith(f"{tmp_path / 'b.pose'}: is not a readable .pose file")
    assert (summary.clips, summary.unusable, summary.code) == (2, 1, 2)


def test_a_wrong_number_of_joints_is_a_finding(tmp_path):
    write_skels([clip()], tmp_path / "dev.skels")
    (tmp_path / "dev.skels").write_text((tmp_path / "dev.skels").read_text().rstrip() + " 1.0 2.0\n")
    lines, summary = told(tmp_path / "dev.skels", fps=25)
    assert len(lines) == 1 and "line 1 has 6042 numbers, not a multiple of 151" in lines[0] and summary.code == 2


def test_a_frame_rate_that_is_not_told_and_a_name_that_stands_twice(tmp_path):
    for where in ("x/same", "y/same"):
        (tmp_path / "op" / where).mkdir(parents=True)
        for number, frame in enumerate(openpose(made(6))):
            (tmp_path / "op" / where / f"f_{number:012d}_keypoints.json").write_text(json.dumps(frame))
    lines, summary = told(tmp_path / "op")
    assert lines == [f"{tmp_path / 'op'}: does not say its frame rate, and the format's usual one is taken: give --fps"] and summary.code == 1
    assert told(tmp_path / "op", fps=24)[0] == [] and told(tmp_path / "op", fps=24)[1].clips == 2
    np.savez(tmp_path / "a.npz", a=np.zeros((3, 7)))
    assert "clip a has shape (3, 7)" in told(tmp_path / "a.npz", fps=24)[0][0]


def test_the_command_ends_with_what_was_found(tmp_path):
    write_pose(clip().poses, tmp_path / "good.pose")
    write_pose(clip(swapped).poses, tmp_path / "swapped.pose")
    run = lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)])
    for command in (("convert", "--check"), ("prior", "validate")):
        good, bad = run(*command, tmp_path / "good.pose"), run(*command, tmp_path / "swapped.pose")
        assert (good.exit_code, good.output) == (0, "1 clips: 0 findings, 0 that make a clip unusable\n")
        assert bad.exit_code == 1 and f"{tmp_path / 'swapped.pose'}: frame 3, joint left wrist: the left hand" in bad.output
        (tmp_path / "cut.pose").write_bytes((tmp_path / "good.pose").read_bytes()[:-9])
        assert run(*command, tmp_path / "cut.pose").exit_code == 2


@pytest.mark.skipif(signer_data() is None, reason="no real recordings: set SIGNER_DATA to their folder")
@pytest.mark.parametrize("name, clips, most", [("asl_app/signs_pose33_lh21_rh21_face33.npz", 100, 12), ("wlasl50/wlasl50_real_T_170.npz", 422, 12),
                                               ("pt_skels", 15, 3), ("how2sign_openpose/openpose_json.zip", 5, 10)])
def test_real_recordings_are_usable_and_few_of_them_have_findings(tmp_path, name, clips, most):
    lines, summary = told(signer_data() / name)
    assert summary.clips == clips and not summary.unusable and 1 <= len(lines) <= most
    if name.startswith("asl_app"):
        assert sum("its label is swapped" in line for line in lines) >= 8, "as measured by others: 1.8 % of its hands carry the other's label"
