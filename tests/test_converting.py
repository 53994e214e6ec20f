"""From every format to every other: bit for bit where the formats allow it, what is lost named where they do not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pose_format import Pose

from commands import run
from signer_lib.assets import signer_data
from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import NamedClip, read_clips
from signer_lib.pose.formats.converting import convert, losses
from signer_lib.pose.formats.folder import write_folder
from signer_lib.pose.formats.holistic import REDUCED, SLRTP, SLRTP_OF_REDUCED, columns_of
from signer_lib.pose.formats.table import FORMATS, lines
from signer_lib.prior.fingerspelling import letter_files
from test_formats import made, moving, openpose

FACE = SIGNER70.groups["face"]
ENDINGS = {"pose": "", "skels": ".skels", "openpose": "", "mediapipe": "", "npz": ".npz", "slrtp": ".pt", "spoken-to-signed": "", "safetensors": ""}
# what a clip of ours is after a round trip, in shoulder widths: bits of float32, or the format's own rounding
WITHIN = {"pose": 2e-6, "skels": 6e-5, "openpose": 2e-6, "mediapipe": 2e-6, "npz": 2e-6, "slrtp": 2e-6, "spoken-to-signed": 2e-6, "safetensors": 0}


def whole() -> PoseSequence:
    """A clip that every format can hold, but for depth, confidences and the face: the neck at 0 between level shoulders, one depth."""
    poses = made(8)
    xyz = poses.xyz - poses.joint("neck")[:, None]
    xyz[:, [2, 5]] *= (1 / (xyz[:, 5, 0] - xyz[:, 2, 0])[0], 1, 1)
    return PoseSequence(xyz, 25)


@pytest.fixture
def ours(tmp_path) -> Path:
    """Two clips in a data folder."""
    turned = replace(whole().mirrored(), fps=25)
    write_folder([NamedClip("one", whole(), "BOOK", "A book."), NamedClip("two", turned, "IX READ", "I read.")], tmp_path / "ours", "dev")
    return tmp_path / "ours" / "dev.safetensors"


@pytest.fixture
def letter(tmp_path) -> Path:
    """A real recording of all MediaPipe points, with its confidences."""
    path = tmp_path / "L.pose"
    path.write_bytes(letter_files()["L"].read_bytes())
    return path


def load(path: Path) -> Pose:
    return Pose.read(path.read_bytes())


@pytest.mark.parametrize("to", FORMATS)
def test_our_clips_come_back_from_every_format(ours, tmp_path, to):
    target = tmp_path / f"there{ENDINGS[to]}"
    report = convert(ours, target, to)
    assert (report.source, report.target, report.clips, report.frames) == ("safetensors", to, 2, 16)
    back = list(read_clips(target, fps=25))
    wanted = {clip.name: clip for clip in read_clips(ours)}
    assert len(back) == 2
    for clip, (name, was) in zip(back, wanted.items()):
        form = FORMATS[to]
        assert clip.name == (name if to != "spoken-to-signed" else was.gloss) and clip.fps == 25 and len(clip.poses) == len(was.poses)
        assert [clip.gloss, clip.text] == [getattr(was, word) if word in form.words else None for word in ("gloss", "text")]
        kept = [k for k in range(70) if k not in form.missing_joints or k == SIGNER70.index("neck")]        # the neck is between the shoulders
        np.testing.assert_allclose(clip.poses.xyz[:, kept], was.poses.xyz[:, kept], atol=WITHIN[to], rtol=0)
        assert clip.poses.confidence[:, kept].min() == 1
        if to == "skels":
            assert not clip.poses.confidence[:, FACE].any()


@pytest.mark.parametrize("to, told", [
    ("pose", "nothing"), ("safetensors", "nothing"), ("skels", "joints: face (20); the frame rate (25: give it to the reader, with --fps)"),
    ("openpose", "joints: neck; the frame rate (25: give it to the reader, with --fps)"), ("mediapipe", "joints: neck"),
    ("npz", "joints: neck; the frame rate (25: give it to the reader, with --fps); gloss; text"),
    ("slrtp", "joints: nose, neck; the frame rate (25: give it to the reader, with --fps)"), ("spoken-to-signed", "joints: neck; text")])
def test_losses_are_told_in_one_line(ours, tmp_path, to, told):
    assert convert(ours, tmp_path / f"there{ENDINGS[to]}", to).line() == f"lost: {told}"


def test_only_what_a_clip_has_can_be_lost():
    rich = NamedClip("a", replace(moving(), confidence=np.full((6, 70), 0.5)), "BOOK", None, "Sam")
    bare = whole().xyz.copy()
    bare[:, FACE] = np.nan
    bare = NamedClip("b", PoseSequence(bare, 25))
    told = {to: list(losses(rich, FORMATS[to])) for to in FORMATS}
    assert told["pose"] == [] and "depth" in told["openpose"] and "confidences" in told["skels"] and "the neck's way" in told["skels"]
    assert told["skels"][-1] == "signer" and told["npz"][-2:] == ["gloss", "signer"] and "confidences" not in told["openpose"]
    assert "how much nearer a hand is than its arm's wrist" in told["mediapipe"]
    assert list(losses(bare, FORMATS["skels"])) == ["the frame rate (25: give it to the reader, with --fps)"]
    assert list(losses(bare, FORMATS["pose"], "reduced")) == ["joints: nose, neck"]


def test_pose_files_stay_bit_for_bit(letter, tmp_path):
    assert convert(letter, tmp_path / "again.pose").line() == "lost: nothing"
    assert (tmp_path / "again.pose").read_bytes() == letter.read_bytes()
    convert(letter, tmp_path / "lexicon", "spoken-to-signed")
    assert (tmp_path / "lexicon" / "L.pose").read_bytes() == letter.read_bytes()


def test_reduced_pose_files_and_slrtp_are_one_permutation_apart(letter, tmp_path):
    told = convert(letter, tmp_path / "reduced.pose", body="reduced").line()
    assert told == "lost: 25 points of POSE_LANDMARKS; 350 points of FACE_LANDMARKS; 33 points of POSE_WORLD_LANDMARKS"
    assert convert(tmp_path / "reduced.pose", tmp_path / "s.pt").line() == (
        "lost: confidences; that z is a fraction of the picture's width (its numbers stay); "
        "the frame rate (25: give it to the reader, with --fps)")
    assert convert(tmp_path / "s.pt", tmp_path / "back.pose").line() == "lost: nothing"
    first, back = load(tmp_path / "reduced.pose"), load(tmp_path / "back.pose")
    assert tuple(columns_of(first.header)) == tuple(columns_of(back.header)) == REDUCED
    seen = first.body.confidence > 0
    assert np.array_equal(back.body.confidence, seen.astype(np.float32)) and seen.any() and not seen.all()
    assert np.array_equal(first.body.data.data[seen], back.body.data.data[seen]), "bit for bit"
    import torch

    held = torch.load(tmp_path / "s.pt", weights_only=True)["reduced"]
    assert set(held) == {"name", "text", "gloss", "speaker", "poses_3d"} and held["poses_3d"].shape == (27, 178, 3)
    there = held["poses_3d"].numpy()[:, SLRTP_OF_REDUCED]
    assert np.array_equal(there[seen[:, 0]], first.body.data.data[seen])
    k = SLRTP.index(("RIGHT_HAND_LANDMARKS", "INDEX_FINGER_TIP"))
    assert k == 16 and np.array_equal(held["poses_3d"][:, k].numpy(), first.body.data.data[:, 0, columns_of(first.header)[SLRTP[k]]])
    convert(tmp_path / "s.pt", tmp_path / "s2.pt")
    assert torch.equal(torch.load(tmp_path / "s2.pt", weights_only=True)["reduced"]["poses_3d"], held["poses_3d"])


def test_all_of_mediapipes_points_go_through_json(letter, tmp_path):
    assert convert(letter, tmp_path / "l.json").line() == "lost: 33 points of POSE_WORLD_LANDMARKS"
    assert convert(tmp_path / "l.json", tmp_path / "l.pose").line() == "lost: nothing"
    first, back = load(letter), load(tmp_path / "l.pose")
    columns = columns_of(first.header)
    places = [columns[point] for point in columns_of(back.header)]
    seen = first.body.confidence[..., places] > 0
    assert np.array_equal(back.body.confidence, np.where(seen, first.body.confidence[..., places], 0))
    np.testing.assert_allclose(back.body.data.data[seen], first.body.data.data[:, :, places][seen], rtol=3e-7)
    convert(tmp_path / "l.pose", tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text())["width"] == first.header.dimensions.width


def test_openposes_numbers_stay_as_they_are(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    frames = [{"version": 1.3, "people": frame["people"][1:]} for frame in openpose(made())]
    for frame in frames:
        person = frame["people"][0]
        person |= {key: [round(value, 3) for value in values] for key, values in person.items()}
        person["pose_keypoints_2d"][3 * 17:3 * 17 + 3] = [700.125, 211.5, 0.25]                      # an ear, which signer70 has not
    for number, frame in enumerate(frames):
        (folder / f"clip_{number:012d}_keypoints.json").write_text(json.dumps(frame))
    assert convert(folder, tmp_path / "c.pose", fps=24).line() == "lost: nothing"
    assert load(tmp_path / "c.pose").body.fps == 24 and load(tmp_path / "c.pose").body.data.shape == (5, 1, 137, 2)
    assert "lost: the frame rate (24:" in convert(tmp_path / "c.pose", tmp_path / "back", "openpose").line()
    for number, frame in enumerate(frames):
        back = json.loads((tmp_path / "back" / "c" / f"c_{number:012d}_keypoints.json").read_text())["people"][0]
        assert {key: back[key] for key in frame["people"][0]} == frame["people"][0]
    same, = read_clips(tmp_path / "c.pose")
    own, = read_clips(folder, fps=24)
    np.testing.assert_allclose(same.poses.xyz, own.poses.xyz, atol=1e-6)
    (tmp_path / "one.json").write_text(json.dumps(frames))
    np.testing.assert_array_equal(next(read_clips(tmp_path / "one.json", fps=24)).poses.xyz, own.poses.xyz)


def test_skels_have_the_layout_of_progressive_transformers(ours, tmp_path):
    convert(ours, tmp_path / "dev.skels")
    rows = [np.array(line.split(), float).reshape(-1, 151) for line in (tmp_path / "dev.skels").read_text().splitlines()]
    assert [len(row) for row in rows] == [8, 8] and rows[0][:, -1].tolist() == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875]
    assert not rows[0][:, 3:6].any() and rows[0][0, 15] < 0 < rows[0][0, 6], "the neck at 0, joints 5 to 7 at the smaller x"
    assert "-0.00000" not in (tmp_path / "dev.skels").read_text()
    assert [(tmp_path / f"dev{end}").read_text() for end in (".files", ".gloss", ".text")] == ["one\ntwo\n", "BOOK\nIX READ\n", "A book.\nI read.\n"]


def test_a_missing_joint_is_missing_after_every_way(tmp_path):
    xyz = whole().xyz.copy()
    xyz[2, 8:29] = xyz[3, 4] = np.nan
    write_folder([NamedClip("one", PoseSequence(xyz, 25))], tmp_path / "ours", "dev")
    for to, form in FORMATS.items():
        target = tmp_path / f"{to}{ENDINGS[to]}"
        convert(tmp_path / "ours", target, to)
        clip, = read_clips(target, fps=25)
        kept = [k for k in range(50) if k not in form.missing_joints]
        assert np.array_equal(clip.poses.confidence[:, kept] > 0, np.isfinite(xyz[:, kept]).all(-1)), to


def test_clips_are_brought_to_another_rate_if_asked(ours, tmp_path):
    assert "clips" not in convert(ours, tmp_path / "p", "pose", resample=50).line()
    assert {(clip.fps, len(clip.poses)) for clip in read_clips(tmp_path / "p")} == {(50, 15)}


def test_words_are_taken_from_a_table_and_kept_beside(ours, tmp_path):
    convert(ours, tmp_path / "p", "pose")
    assert (tmp_path / "p" / "words.csv").read_text().splitlines() == ["name,gloss,text,signer", "one,BOOK,A book.,", "two,IX READ,I read.,"]
    (tmp_path / "t.csv").write_text("file,gloss,signer\none.pose,LIBRARY,Sam\n")
    found = {clip.name: clip for clip in read_clips(tmp_path / "p", words=tmp_path / "t.csv")}
    assert (found["one"].gloss, found["one"].text, found["one"].signer) == ("LIBRARY", None, "Sam") and found["two"].gloss is None
    assert convert(tmp_path / "p", tmp_path / "all.npz").line().endswith("; gloss; text")


def test_names_never_lead_out_of_the_folder(tmp_path):
    write_folder([NamedClip(name, whole()) for name in ("../../out", "/etc/x", "a/b", "A/B", "..", "ä b")], tmp_path / "ours", "dev")
    convert(tmp_path / "ours", tmp_path / "deep" / "p", "pose")
    there = sorted(path.relative_to(tmp_path / "deep" / "p").as_posix() for path in (tmp_path / "deep").rglob("*.pose"))
    assert there == ["A/B-2.pose", "_b.pose", "a/b.pose", "clip.pose", "etc/x.pose", "out.pose"]
    assert len(list(tmp_path.rglob("*.pose"))) == 6


@pytest.mark.parametrize("options, match", [
    ({"to": "fbx"}, "'fbx' is no format: choose pose, skels"), ({}, "say what .*there shall be: --to"),
    ({"to": "pose", "body": "legs"}, "'legs' is no body"), ({"to": "pose", "language": "en"}, "'en' is no pair")])
def test_what_cannot_be_done_is_said_and_nothing_is_left(ours, tmp_path, options, match):
    with pytest.raises(SignerError, match=match):
        convert(ours, tmp_path / "there", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]


def test_a_target_that_is_there_or_too_small_is_refused(ours, tmp_path):
    with pytest.raises(SignerError, match="one.pose can hold one clip"):
        convert(ours, tmp_path / "one.pose")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    for target in (tmp_path / "full", tmp_path / "full" / "x"):
        with pytest.raises(SignerError, match="is there already"):
            convert(ours, target, "pose")
    (ours.parent / "dev.gloss").write_text("A\n")
    with pytest.raises(SignerError, match="dev.gloss"):
        convert(ours, tmp_path / "new", "pose")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "ours"] and (tmp_path / "full" / "x").read_text() == "mine"


# --- the command ----------------------------------------------------------------------------------------------------------
def test_the_command_tells_what_it_did(ours, tmp_path):
    told = run("convert", ours, tmp_path / "p", "--to", "openpose").splitlines()
    assert told[0] == f"2 clips, 16 frames, safetensors -> openpose, {tmp_path / 'p'}"
    assert told[1].startswith("lost: joints: neck; the frame rate (25")
    with pytest.raises(SignerError, match="SOURCE TARGET"):
        run("convert", ours)


def test_the_table_of_formats(tmp_path):
    told = run("convert", "--formats")
    heading, *rows = lines()
    assert [row[0] for row in rows] == list(FORMATS) and all(len(row) == len(heading) == 8 and all(row) for row in rows)
    assert all(f"\n{row[0]}\n" in f"\n{told}" and row[4] in told and row[5] in told for row in rows)
    for row in rows:                                              # the readers and writers are there
        for function in row[6:]:
            module, name = function.split(".")
            assert callable(getattr(__import__(f"signer_lib.pose.formats.{module}", fromlist=[name]), name))


# --- real recordings ------------------------------------------------------------------------------------------------------
@pytest.mark.skipif(signer_data() is None, reason="no real recordings: set SIGNER_DATA to their folder")
@pytest.mark.parametrize("name, fps, first", [("how2sign_openpose/openpose_json.zip", 24, "_2FBDaOPYig_2-3-rgb_front"),
                                              ("pt_skels/dev.skels", 25, "dev/11August_2010_Wednesday_tagesschau-2")])
def test_real_sentences_become_files_of_any_format(tmp_path, name, fps, first):
    source = signer_data() / name
    was = next(read_clips(source, fps=fps))
    assert was.name == first
    for to in ("pose", "openpose", "npz", "skels", "safetensors"):
        target = tmp_path / f"{to}{ENDINGS[to]}"
        report = convert(source, target, to, fps=fps)
        assert report.clips == 5 and report.frames in (684, 536)
        clip = next(clip for clip in read_clips(target, fps=fps) if clip.name == first)
        kept = [2, 3, 4, 5, 6, 7]
        both = (clip.poses.confidence[:, kept] > 0) & (was.poses.confidence[:, kept] > 0)
        moved = clip.poses.xyz - was.poses.xyz
        if to == "skels":
            moved -= moved[:, [SIGNER70.index("neck")]]                                                   # it drops how the neck moves
            assert "the neck's way" in report.line()
        assert both.mean() > 0.9 and np.linalg.norm(moved[:, kept, :2], axis=-1)[both].max() < 1e-4, to
        assert report.line().startswith("lost: when read, the neck's own place and depths within a hand") == name.endswith(".skels")
