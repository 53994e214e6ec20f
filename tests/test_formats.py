"""The bridges to other formats: exact for ours, measured for others', one clear line for anything damaged or foreign."""

import json
import zipfile
from importlib import resources

import numpy as np
import pytest
from pose_format import Pose
from pose_format.pose_header import PoseHeaderDimensions
from pose_format.utils.generic import reduce_holistic

from signer_lib.assets import signer_data
from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import read_lexicon, read_pose, read_poses, write_pose
from signer_lib.pose.formats.holistic import HAND, MESH, POINTS
from signer_lib.pose.formats.mediapipe import ASL_APP_MESH, BODY, BODY_OF_11, FACE_POINTS
from signer_lib.pose.formats.openpose import FACE
from signer_lib.pose.formats.skels import OURS, read_beside
from signer_lib.prior.body import load_body
from signer_lib.prior.fingerspelling import letter_files

LEFT_HAND, RIGHT_HAND, FACE_JOINTS = (SIGNER70.groups[group] for group in ("left_hand", "right_hand", "face"))


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


# --- landmarks of a picture --------------------------------------------------------------------------------------------------

def made(frames: int = 5) -> PoseSequence:
    """Someone facing the camera, level shoulders, a right hand that climbs frame by frame; each part has one depth."""
    xyz = np.repeat(load_body().rest()[None], frames, axis=0)
    xyz[:, [4, *range(29, 50)], 1] += 0.05 * np.arange(frames)[:, None]
    xyz[..., 2] = 0
    xyz[:, [2, 5], 1] = xyz[:, 1] = 0
    return PoseSequence(xyz, 25)


def picture(poses: PoseSequence, aspect: float = 16 / 9) -> np.ndarray:
    """(T, 70, 3) as fractions of a picture of that aspect in which a shoulder width is a quarter of the height."""
    return (poses.xyz * (1, -1, -1) * 0.25 + (aspect / 2, 0.4, 0)) / (aspect, 1, aspect)


def mediapipe(poses: PoseSequence) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """pose (T, 33, 3), left hand, right hand (T, 21, 3), face mesh (T, 478, 3), with depths that differ from part to part."""
    at = picture(poses)
    pose, mesh = np.full((len(at), 33, 3), 0.5), np.full((len(at), 478, 3), 0.5)
    pose[:, list(BODY)] = at[:, list(BODY.values())]
    mesh[:, FACE_POINTS] = at[:, FACE_JOINTS]
    mesh[:, 1] = at[:, 0]
    mesh[..., 2] += 0.3
    return pose, at[:, LEFT_HAND] + (0, 0, 0.2), at[:, RIGHT_HAND] - (0, 0, 0.2), mesh


def same(found: PoseSequence, wanted: PoseSequence, joints=range(70), atol: float = 1e-5):
    move = np.median(wanted.joint("neck"), 0)
    np.testing.assert_allclose(found.xyz[:, joints], wanted.xyz[:, joints] - move, atol=atol)


def refused(path, match: str, read=read_poses):
    with pytest.raises(SignerError, match=match) as error:
        list(read(path))
    assert "\n" not in str(error.value) and path.name in str(error.value)


def test_a_reduced_pose_file_is_read_like_the_whole_one(tmp_path):
    whole = Pose.read(letter_files()["L"].read_bytes())
    with open(tmp_path / "l.pose", "wb") as file:
        reduce_holistic(whole).write(file)
    assert Pose.read((tmp_path / "l.pose").read_bytes()).body.data.shape[2] == 178
    with resources.as_file(letter_files()["L"]) as path:
        full = read_pose(path)
    reduced = read_pose(tmp_path / "l.pose")
    np.testing.assert_allclose(reduced.xyz[:, 1:50], full.xyz[:, 1:50], atol=1e-5)
    np.testing.assert_allclose(reduced.group("face")[..., :2], full.group("face")[..., :2], atol=1e-5)
    assert np.linalg.norm((reduced.joint("nose") - full.joint("nose"))[:, :2], axis=-1).mean() < 0.06, "the nose is found from the face"


@pytest.mark.parametrize("style", ["lists", "objects"])
def test_mediapipe_json(tmp_path, style):
    poses = made()
    parts = dict(zip(("pose", "left_hand", "right_hand", "face"), mediapipe(poses)))
    frames = [{part: points[t].tolist() for part, points in parts.items()} for t in range(len(poses))]
    frames[1]["left_hand"], frames[2]["face"] = None, []
    if style == "objects":
        frames = [{f"{part}_landmarks": [dict(zip("xyz", point), visibility=0.5) for point in points or []] for part, points in frame.items()}
                  for frame in frames]
    (tmp_path / "clip.json").write_text(json.dumps({"fps": 30, "width": 1280, "height": 720, "frames": frames}))
    found = read_poses(tmp_path / "clip.json")
    assert list(found) == ["clip"] and found["clip"].fps == 30
    clip = found["clip"]
    assert not clip.confidence[1, LEFT_HAND].any() and not clip.confidence[2, FACE_JOINTS].any()
    same(PoseSequence(np.nan_to_num(clip.xyz[[0, 3, 4]]), 30), PoseSequence(poses.xyz[[0, 3, 4]], 30))
    assert clip.confidence[0, 3] == (1 if style == "lists" else 0.5)
    assert read_poses(tmp_path / "clip.json", fps=50)["clip"].fps == 50


@pytest.mark.parametrize("text, match", [("{", "not JSON"), ("[]", "frames"), ('{"frames": []}', "frames"), ('{"frames": [7]}', "frame 0"),
                                         ('{"frames": [{"pose": [[0, 0]]}]}', "frame 0.*1 landmarks"), ('{"frames": [{}]}', "shoulders"),
                                         ('{"frames": [{"left_hand": ["a"]}]}', "frame 0.*left_hand"), ("\0\xff", "not JSON"),
                                         ('{"frames": [{}], "fps": "x"}', "fps")])
def test_damaged_mediapipe_json(tmp_path, text, match):
    (tmp_path / "bad.json").write_text(text)
    refused(tmp_path / "bad.json", match)


def test_npz_of_both_layouts(tmp_path):
    poses = made()
    pose, left, right, mesh = mediapipe(poses)
    left[2] = np.nan
    at = picture(poses)
    eleven = np.full((len(poses), 11, 4), 0.5)
    eleven[:, list(BODY_OF_11), :3] = at[:, list(BODY_OF_11.values())]
    eleven[:, list(BODY_OF_11), 3] = 0.9
    hands = [np.nan_to_num(hand).reshape(len(poses), -1) for hand in (left, right)]
    np.savez(tmp_path / "clips.npz", app=np.concatenate([pose, left, right, mesh[:, list(ASL_APP_MESH)]], 1).astype(np.float32),
             lex__00=np.concatenate([eleven.reshape(len(poses), 44), *hands], 1).astype(np.float32))
    found = read_poses(tmp_path / "clips.npz")
    assert {name: clip.fps for name, clip in found.items()} == {"app": 29.97, "lex__00": 25}
    shown = [0, 1, 3, 4]
    for name, joints in (("app", range(70)), ("lex__00", range(50))):
        assert not found[name].confidence[2, LEFT_HAND].any()
        same(PoseSequence(found[name].xyz[shown], 25), PoseSequence(poses.xyz[shown], 25), joints, atol=1e-4)
    assert not found["lex__00"].confidence[:, FACE_JOINTS].any()
    np.testing.assert_allclose(found["lex__00"].confidence[:, 3], 0.9)
    assert read_poses(tmp_path / "clips.npz", fps=20)["app"].fps == 20


def test_a_body_point_outside_the_picture_is_a_guess(tmp_path):
    pose, left, right, mesh = mediapipe(made())
    pose[:, 15, 1] = 1.2
    np.savez(tmp_path / "c.npz", c=np.concatenate([pose, left, right, mesh[:, list(ASL_APP_MESH)]], 1))
    clip = read_poses(tmp_path / "c.npz")["c"]
    assert np.allclose(clip.confidence[:, SIGNER70.index("l_wrist")], 0.1) and (clip.confidence[:, SIGNER70.index("r_wrist")] == 1).all()


def test_damaged_npz(tmp_path):
    np.savez(tmp_path / "shape.npz", hello=np.zeros((4, 7)))
    refused(tmp_path / "shape.npz", "clip hello.*shape")
    np.savez(tmp_path / "objects.npz", hello=np.array([{"a": 1}], object))
    refused(tmp_path / "objects.npz", "not an npz")
    (tmp_path / "text.npz").write_text("no")
    refused(tmp_path / "text.npz", "not an npz")
    whole = (tmp_path / "shape.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[:len(whole) // 2])
    refused(tmp_path / "cut.npz", "not an npz")
    np.savez(tmp_path / "none.npz")
    refused(tmp_path / "none.npz", "no clips")


def openpose(poses: PoseSequence) -> list[dict]:
    """Frames of a 1280 x 720 video, the signer second of two people."""
    pixels = picture(poses)[..., :2] * (1280, 720)
    frames = []
    for at in pixels:
        body, face = np.zeros((25, 3)), np.zeros((70, 3))
        body[:8] = np.c_[at[:8], np.full(8, 0.8)]
        for points, joint in zip(FACE, range(70)[FACE_JOINTS]):
            face[list(points)] = [*at[joint], 0.6]
        hands = [np.c_[at[group], np.full(21, 0.7)].ravel().tolist() for group in (LEFT_HAND, RIGHT_HAND)]
        signer = {"pose_keypoints_2d": body.ravel().tolist(), "face_keypoints_2d": face.ravel().tolist(),
                  "hand_left_keypoints_2d": hands[0], "hand_right_keypoints_2d": hands[1]}
        other = {"pose_keypoints_2d": (body * (0.2, 0.2, 0.5)).ravel().tolist(), "hand_left_keypoints_2d": []}
        frames.append({"version": 1.3, "people": [other, signer]})
    return frames


@pytest.mark.parametrize("packed", [False, True])
def test_openpose_folder_and_zip(tmp_path, packed):
    poses = made()
    frames = openpose(poses)
    frames[2] = {"version": 1.3, "people": []}
    for clip in ("one", "two"):
        (tmp_path / "all" / clip).mkdir(parents=True)
        for number, frame in enumerate(frames):
            (tmp_path / "all" / clip / f"{clip}_{number:012d}_keypoints.json").write_text(json.dumps(frame))
    path = tmp_path / "all"
    if packed:
        path = tmp_path / "all.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted((tmp_path / "all").rglob("*.json")):
                archive.write(file, file.relative_to(tmp_path / "all"))
    found = read_poses(path, fps=24)
    assert list(found) == ["one", "two"] and found["one"].fps == 24
    clip, shown = found["one"], [0, 1, 3, 4]
    assert not clip.confidence[2].any() and (clip.confidence[0, [0, 8, 60]] == np.float32([0.8, 0.7, 0.6])).all()
    same(PoseSequence(clip.xyz[shown], 24), PoseSequence(poses.xyz[shown], 24))


def test_damaged_openpose(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    refused(folder, "no JSON")
    (folder / "a_0.json").write_text(json.dumps(openpose(made())[0]))
    (folder / "a_1.json").write_text('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}')
    with pytest.raises(SignerError, match="a_1.json.*pose_keypoints_2d"):
        read_poses(folder)
    (folder / "a_1.json").write_text('{"people": [')
    with pytest.raises(SignerError, match="a_1.json is not JSON"):
        read_poses(folder)
    (folder / "a_1.json").write_text('{"frames": 1}')
    with pytest.raises(SignerError, match="a_1.json.*people"):
        read_poses(folder)
    (tmp_path / "bad.zip").write_text("no zip")
    refused(tmp_path / "bad.zip", "zip")


def skels(poses: PoseSequence) -> str:
    """One line of a .skels file."""
    rows = np.empty((len(poses), 50, 3))
    rows[:, OURS] = poses.xyz[:, :50] * (1, -1, 1) / 3
    return " ".join(f"{value:.6f}" for t, row in enumerate(rows) for value in (*row.ravel(), t / len(poses)))


def test_skels(tmp_path):
    poses = made()
    (tmp_path / "dev.skels").write_text(skels(poses) + "\n" + skels(made(3)) + "\n")
    assert list(read_poses(tmp_path / "dev.skels")) == ["dev-1", "dev-2"]
    for suffix, lines in ((".files", "dev/a\ndev/b"), (".gloss", "EINS \nZWEI"), (".text", "eins\nzwei\n")):
        (tmp_path / f"dev{suffix}").write_text(lines)
    found = read_poses(tmp_path / "dev.skels")
    assert [(name, len(clip), clip.fps) for name, clip in found.items()] == [("dev/a", 5, 25), ("dev/b", 3, 25)]
    same(found["dev/a"], poses, range(50), atol=1e-4)
    assert not found["dev/a"].confidence[:, FACE_JOINTS].any()
    assert read_beside(tmp_path / "dev.skels")[1] == {"name": "dev/b", "gloss": "ZWEI", "text": "zwei"}


def test_damaged_skels(tmp_path):
    path, line = tmp_path / "dev.skels", skels(made())
    path.write_text(line + "\n" + line[:line.rindex(" ")] + "\n")
    refused(path, "line 2 has 754 numbers")
    path.write_text(line + "\n" + line.replace(" ", " x", 1))
    refused(path, "line 2 is not a row of numbers")
    path.write_text(line)
    (tmp_path / "dev.files").write_text("a\nb\n")
    refused(path, "1 lines but its .files has 2")
    path.write_text(line + "\n" + line)
    (tmp_path / "dev.files").write_text("a\na\n")
    refused(path, "twice")
    (tmp_path / "dev.gloss").write_text("A\n")
    refused(path, "differ in length")
    path.write_text("")
    refused(path, "nothing to read|0 lines|differ")


def lexicon(folder, rows: str):
    write_pose(moving(50), folder / "ase" / "hello.pose")
    (folder / "index.csv").write_text("path,spoken_language,signed_language,start,end,words,glosses,priority\n" + rows)
    return folder


def test_a_lexicon_is_cut_to_its_rows(tmp_path):
    folder = lexicon(tmp_path, "ase/hello.pose,en,ase,0,0,hello,HELLO,0\nase/hello.pose,en,ase,400,1000,hello there,,1\n"
                               "ase/hello.pose,en,ase,0,1000,hi,HELLO,2\n")
    entries = list(read_lexicon(folder))
    assert [(clip.gloss, language, len(clip.poses)) for language, clip in entries] == [
        ("HELLO", "en-ase", 50), ("HELLO THERE", "en-ase", 15), ("HELLO", "en-ase", 25)]
    np.testing.assert_array_equal(entries[1][1].poses.xyz, entries[0][1].poses.xyz[10:25])
    assert entries[1][1].raw.body.data.shape == (15, 1, 70, 3)
    assert list(read_poses(folder)) == ["HELLO", "HELLO THERE", "HELLO#2"]


@pytest.mark.parametrize("row, match", [("none.pose,en,ase,0,0,a,A,0", "line 2.*none.pose"), ("hello.pose,en,ase,x,0,a,A,0", "line 2.*milliseconds"),
                                        ("hello.pose,en,ase,3000,4000,a,A,0", "line 2.*2.00 s"), ("hello.pose,en,ase,0,0,,,0", "line 2 lacks")])
def test_a_damaged_lexicon_names_the_line(tmp_path, row, match):
    with pytest.raises(SignerError, match=match):
        list(read_lexicon(lexicon(tmp_path, f"ase/{row}\n")))
    (tmp_path / "index.csv").write_text("path,words\na,b\n")
    with pytest.raises(SignerError, match="index.csv has no column spoken_language"):
        list(read_lexicon(tmp_path))


def test_what_is_no_recording_is_refused(tmp_path):
    refused(tmp_path / "absent.pose", "there is no")
    (tmp_path / "a.txt").write_text("x")
    refused(tmp_path / "a.txt", "no known format")
    write_pose(moving(), tmp_path / "more" / "x.pose")
    assert list(read_poses(tmp_path)) == ["more/x"]
    assert list(read_poses(tmp_path / "more" / "x.pose")) == ["x"]


@pytest.mark.skipif(signer_data() is None, reason="no real recordings: set SIGNER_DATA to their folder")
@pytest.mark.parametrize("name, clips, frames", [
    ("asl_app/signs_pose33_lh21_rh21_face33.npz", 100, 4757), ("wlasl50/wlasl50_real_T_170.npz", 422, 10043),
    ("how2sign_openpose/openpose_json.zip", 5, 684), ("pt_skels/dev.skels", 5, 536)])
def test_real_recordings_are_upright_and_facing_us(name, clips, frames):
    found = read_poses(signer_data() / name)
    assert (len(found), sum(map(len, found.values()))) == (clips, frames)
    for clip_name, clip in found.items():
        at = lambda joint: np.nanmedian(clip.joint(joint)[:, :2], 0)
        assert at("r_shoulder")[0] < 0 < at("l_shoulder")[0] and at("r_elbow")[0] < at("l_elbow")[0], clip_name
        assert abs(np.linalg.norm(at("l_shoulder") - at("r_shoulder")) - 1) < 0.1, clip_name
        assert at("nose")[1] > 0.2 > at("r_elbow")[1], clip_name


@pytest.mark.skipif(signer_data() is None, reason="no real recordings: set SIGNER_DATA to their folder")
def test_the_hands_of_real_skels_lie_on_their_arms_and_the_right_is_the_busier():
    busier = []
    for part in ("dev", "test", "train"):
        for clip in read_poses(signer_data() / "pt_skels" / f"{part}.skels").values():
            for s in "lr":
                assert np.linalg.norm((clip.joint(f"{s}_wrist") - clip.joint(f"{s}_hand_wrist"))[:, :2], axis=-1).mean() < 0.25
            way = {s: np.linalg.norm(np.diff(clip.joint(f"{s}_wrist")[:, :2], axis=0), axis=-1).sum() for s in "lr"}
            busier.append(way["r"] > way["l"])
    assert len(busier) == 15 and sum(busier) >= 12
