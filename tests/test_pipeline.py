"""The whole chain, and what a person sees when something is wrong."""

import json
import os
import shutil
import subprocess
import sys

import av
import numpy as np
import pytest
from pose_format import Pose

from signer_lib.assets import ROOT
from signer_lib.pipeline import slug
from signer_lib.pose.formats import read_pose

TEN = [
    "Hello, my name is Sam. Where is the library?",
    "I don't like coffee.",
    "Did you see my brother yesterday?",
    'How would I sign "I am happy"?',
    "We will go to the store tomorrow because we need food.",
    "Thank you!",
    "Who is that woman?",
    "My teacher Priya has 3 cats.",
    "Please open the window.",
    "I CAN'T FIND THE RED BOOK",
]


@pytest.mark.parametrize("text", TEN)
def test_ten_sentences_through_the_whole_chain(pipeline, text):
    signing = pipeline(text)
    assert signing.glosses and all(gloss == gloss.upper() or gloss.startswith("fs-") for gloss in signing.glosses)
    assert np.isfinite(signing.poses.xyz).all() and 0.5 < signing.poses.duration < 60
    assert signing.gates.shape == (len(signing.poses), 4) and np.allclose(signing.gates.sum(1), 1, atol=1e-4)
    assert len(signing.gloss_spans) == len(signing.glosses)
    assert {row["source"] for row in signing.gloss_spans} <= {"rule", "recording", "fingerspelling"}
    assert np.linalg.norm(np.diff(signing.poses.joint("r_wrist"), axis=0), axis=-1).max() < 0.4, "the hand jumps"


def test_every_bone_keeps_its_length_through_the_whole_sequence(pipeline):
    xyz = pipeline("My name is Sam. Where is your mother?").poses.xyz
    skeleton = pipeline("Yes.").poses.skeleton
    bones = [(parent, child) for parent, child in skeleton.bones if child < 50]
    length = np.stack([np.linalg.norm(xyz[:, child] - xyz[:, parent], axis=-1) for parent, child in bones], 1)
    assert np.ptp(length, axis=0).max() < 1e-4


def test_the_names_letters_come_from_recordings(pipeline):
    signing = pipeline("My name is Sam.")
    spelled = signing.gloss_spans[-1]
    assert spelled["gloss"] == "fs-SAM" and spelled["units"] == ["S", "A", "M"] and spelled["source"] == "fingerspelling"
    assert {"fs-SAM: S", "fs-SAM: A", "fs-SAM: M"} <= set(signing.captions) and len(signing.captions) == len(signing.poses)
    letters = [c for choice in signing.choices for unit, c in zip(choice.units, choice.candidates) if unit.of]
    assert {candidate.source for offered in letters for candidate in offered} == {"recording"}


def test_saving_writes_five_files_that_others_can_read(pipeline, tmp_path):
    signing = pipeline("Where is the library?", seed=7)
    paths = signing.save(tmp_path / "out", size=130)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["captions.vtt", "gates.png", "poses.pose", "report.json", "video.mp4"]
    with av.open(str(paths["video.mp4"])) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.width % 2, stream.height % 2) == ("h264", "yuv420p", 0, 0)
        assert sum(1 for _ in video.decode(video=0)) == len(signing.poses)
    assert Pose.read(paths["poses.pose"].read_bytes()).body.fps == 25
    assert np.allclose(read_pose(paths["poses.pose"]).xyz, signing.poses.xyz, atol=1e-3)
    report = json.loads(paths["report.json"].read_text())
    assert report["glosses"] == signing.glosses and report["seed"] == 7 and report["models"]["slul"] == "slul-nano"
    assert report["models"]["renderer"] == "drawn" and report["video"] == {"renderer": "drawn", "size": 130}
    assert {"gloss", "source", "seconds"} <= set(report["signs"][0]) and report["timings_seconds"]["render"] > 0


def test_the_same_text_gives_the_same_bytes(pipeline, tmp_path):
    for name in "ab":
        pipeline("Thank you!").save(tmp_path / name, size=128)
    for file in ("video.mp4", "poses.pose", "gates.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_failure_while_drawing_leaves_nothing(pipeline, tmp_path, monkeypatch):
    signing = pipeline("Yes.")
    monkeypatch.setattr("signer_lib.pipeline.write_pose", lambda *_: (_ for _ in ()).throw(RuntimeError("stop")))
    with pytest.raises(RuntimeError):
        signing.save(tmp_path / "new" / "deep", size=128)
    assert list(tmp_path.iterdir()) == []


def test_slugs():
    assert slug("Hello, my name is Sam. Where is the library?") == "hello-my-name-is-sam-where-is-the-library"
    long = slug("word " * 60)
    assert len(long) < 70 and long != slug("word " * 61)


# --- the command line ------------------------------------------------------------------------------------------------
def run(*arguments, **env):
    return subprocess.run(
        [sys.executable, "-m", "signer_lib", *arguments], capture_output=True, text=True, env=os.environ | env, timeout=300
    )


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "no words"),
        ("    ", "no words"),
        ("\U0001f600\U0001f44d", "no words"),
        ("word " * 5000, "5,000 words"),
        ("Где библиотека?", "Cyrillic"),
    ],
)
def test_bad_text_ends_in_one_line_and_exit_code_2(tmp_path, text, told):
    done = run("sign", text, "--out", str(tmp_path / "out"))
    assert done.returncode == 2 and told in done.stderr and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_sign_that_stands_in_for_a_word_is_told_and_reported(tmp_path):
    done = run("sign", "Did Sam purchase a car?", "--out", str(tmp_path / "out"), "--size", "128", "--renderer", "drawn")
    assert done.returncode == 0 and "BUY stands for purchase, which has no sign here: 'purchase' is another word for 'buy'" in done.stdout
    rows = {row["gloss"]: row for row in json.loads((tmp_path / "out" / "report.json").read_text())["signs"]}
    assert rows["BUY"]["stands for"] == "PURCHASE" and rows["BUY"]["source"] == "rule" and rows["fs-SAM"]["source"] == "fingerspelling"


@pytest.mark.parametrize("name", ["x" * 300, "/proc/nowhere"])
def test_an_impossible_out_is_told(tmp_path, name):
    done = run("sign", "Hello.", "--out", str(tmp_path / name))
    assert done.returncode == 2 and "cannot write to" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("option, told", [(("--size", "129"), "--size 130"), (("--seed", "9" * 20), "--seed")])
def test_impossible_options_are_told(option, told):
    done = run("sign", "Hello.", *option)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr


def test_an_unwritable_out_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = run("sign", "Hello.", "--out", str(tmp_path / "file" / "out"))
    assert done.returncode == 2 and "cannot write to" in done.stderr and done.stderr.count("\n") == 1
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.fixture
def project(tmp_path):
    """A copy of the project that a test may damage, and what `sign` says there."""
    for part in ("signer_lib", "data"):
        shutil.copytree(ROOT / part, tmp_path / "project" / part)

    def sign():
        env = os.environ | {"PYTHONPATH": str(tmp_path / "project")}
        command = [sys.executable, "-m", "signer_lib", "sign", "Hello.", "--renderer", "drawn", "--out", str(tmp_path / "out")]
        done = subprocess.run(command, cwd=tmp_path / "project", capture_output=True, text=True, env=env, timeout=300)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
        assert not (tmp_path / "out").exists()
        return done.stderr

    return tmp_path / "project", sign


def test_a_damaged_checkpoint_is_told_by_the_command(project):
    folder, sign = project
    weights = folder / "data" / "checkpoints" / "slul-nano" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    told = sign()
    assert "damaged" in told and "git checkout" in told


def test_a_lexicon_with_a_wrong_handshape_is_told_by_the_command(project):
    folder, sign = project
    mine = folder / "data" / "lexicon" / "signs_mine.yaml"
    mine.write_text("ZEBRA: {type: one-handed, handshape: claww, palm: front, fingers: up, location: chest}\n")
    told = sign()
    assert "signs_mine.yaml" in told and "ZEBRA" in told and "claww" in told


def test_help_teaches():
    assert "not a translator" in run("--help").stdout
    assert "Example" in run("sign", "--help").stdout


def test_doctor_says_all_is_well():
    done = run("doctor")
    assert done.returncode == 0 and "all is well" in done.stdout and "slul-nano" in done.stdout
