"""The whole chain, and what a person sees when something is wrong."""

import json
import os
import shutil
import subprocess
import sys

import av
import numpy as np
import pytest
import torch
from pose_format import Pose

from signer_lib.assets import ROOT
from signer_lib.errors import SignerError
from signer_lib.experts.model import AXES
from signer_lib.pipeline import StableSignerPipeline
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import read_pose
from signer_lib.prior.database import Prior
from signer_lib.signing import slug

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
    monkeypatch.setattr("signer_lib.signing.write_pose", lambda *_: (_ for _ in ()).throw(RuntimeError("stop")))
    with pytest.raises(RuntimeError):
        signing.save(tmp_path / "new" / "deep", size=128)
    assert list(tmp_path.iterdir()) == []


# --- stage by stage, and with what the caller gives -------------------------------------------------------------------
LIBRARY = "Where is the library?"


def close(a, b, atol=1e-4):
    return a.xyz.shape == b.xyz.shape and np.allclose(a.xyz, b.xyz, atol=atol)


def test_a_list_of_texts_is_signed_as_one_by_one(pipeline):
    texts = TEN[:4] + ["Yes."]
    together = pipeline(texts, seed=5)
    for text, found in zip(texts, together):
        alone = pipeline(text, seed=5)
        assert (found.text, found.glosses, found.spans, found.seed) == (text, alone.glosses, alone.spans, 5)
        assert close(found.poses, alone.poses) and np.allclose(found.gates, alone.gates, atol=1e-4) and found.captions == alone.captions
        assert torch.allclose(found.states, alone.states, atol=1e-4) and len(found.candidates) == sum(len(c.units) for c in found.choices)
        for one, other in zip(found.choices, alone.choices):
            assert one.choices.shape == other.choices.shape and torch.equal(one.mask, other.mask) and one.topic == other.topic
            assert all(torch.allclose(getattr(one, name), getattr(other, name), atol=1e-4) for name in ("choices", "seconds", "queries"))
        assert set(found.timings) == {"understand", "choose", "blend_and_refine"} and min(found.timings.values()) > 0
    assert pipeline([]) == []


def test_sentences_that_are_chosen_together_keep_to_their_own_candidates(pipeline, tmp_path):
    prior = Prior.new(tmp_path / "uneven")
    prior.add(row for row in pipeline.prior.rows() if row["gloss"] in ("LIBRARY", "YES") or (row["gloss"], row["variant"]) == ("WHERE", "citation"))
    uneven = StableSignerPipeline(pipeline.slul, prior, pipeline.experts, pipeline.models, pipeline.renderer)
    sentences = [uneven.read_glosses(glosses) for glosses in ("WHERE", "LIBRARY WHERE", "YES")]
    together = uneven.choose(sentences)
    assert [choice.choices.shape[2] for choice in together] == [1, 3, 3]
    for sentence, choice in zip(sentences, together):
        (alone,) = uneven.choose([sentence])
        assert all(torch.allclose(getattr(choice, name).float(), getattr(alone, name).float(), atol=1e-5) for name in AXES)


def test_each_stage_can_be_called_alone(pipeline):
    signing = pipeline(TEN[0])
    sentences = pipeline.understand(TEN[0], language="en-ase")
    choices = pipeline.choose(sentences)
    poses, spans = pipeline.perform(sentences, choices)
    assert spans == signing.spans and np.array_equal(poses.xyz, signing.poses.xyz)
    assert torch.equal(signing.states, torch.cat([s.states for s in sentences])) and signing.states.shape == (6, sentences[0].states.shape[1])
    assert signing.candidates == [offered for choice in choices for offered in choice.candidates]
    shown = zip(pipeline.frames(poses, 64), signing.frames(64, captions=False))
    assert all(np.array_equal(a, b) for a, b in shown)


def test_own_glosses_take_the_place_of_sluls(pipeline):
    found, given = pipeline(LIBRARY), pipeline(LIBRARY, glosses=["library", "WHERE"])
    assert given.given == ("glosses",) and given.report()["given"] == ["glosses"] and found.report()["given"] == []
    assert given.glosses == ["LIBRARY", "WHERE"] and close(given.poses, found.poses) and given.spans == found.spans
    other = pipeline("I am Sam.", glosses="BOOK FS-Sam")
    assert other.glosses == ["BOOK", "fs-SAM"] and other.gloss_spans[1]["units"] == ["S", "A", "M"]
    bare = pipeline("", glosses="BOOK fs-SAM")
    assert bare.glosses == other.glosses and not torch.allclose(bare.states, other.states, atol=1e-2), "the text makes no difference"
    both = pipeline([LIBRARY, "Yes."], glosses=["LIBRARY WHERE", None])
    assert [one.given for one in both] == [("glosses",), ()] and close(both[0].poses, given.poses) and both[1].glosses == ["YES"]
    sentence = pipeline.read_glosses("LIBRARY WHERE", LIBRARY)
    assert sentence.glosses == given.glosses and torch.allclose(sentence.states, given.states, atol=1e-5)


def test_own_choices_take_the_place_of_the_experts(pipeline):
    (sentence,) = pipeline.understand(LIBRARY)
    (choice,) = pipeline.choose([sentence])
    before = pipeline(LIBRARY)
    choice.seconds *= 2
    choice.weights[:] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    signing = pipeline(LIBRARY, choices=[choice])
    assert signing.given == ("choices",) and np.array_equal(signing.gates, np.tile([0.0, 1.0, 0.0, 0.0], (len(signing.poses), 1)))
    seconds = lambda one: sum(row["seconds"] for row in one.gloss_spans)
    assert seconds(signing) == pytest.approx(2 * seconds(before), rel=0.05) and "choose" not in signing.timings


def test_own_poses_take_the_place_of_the_performed(pipeline, tmp_path):
    before = pipeline(LIBRARY)
    before.save(tmp_path / "out", size=128)
    file = tmp_path / "out" / "poses.pose"
    from_file, slow = pipeline(LIBRARY, poses=file), pipeline("", poses=PoseSequence(before.poses.xyz, 12.5))
    assert close(from_file.poses, before.poses, 1e-3) and from_file.given == ("poses",) and from_file.glosses == before.glosses
    assert slow.poses.fps == 25 and slow.poses.duration == pytest.approx(2 * before.poses.duration, rel=0.05)
    assert from_file.gates is None and from_file.spans == from_file.gloss_spans == from_file.candidates == []
    assert set(from_file.captions) == {"LIBRARY WHERE"} and from_file.cues == [("LIBRARY WHERE", 0, len(from_file.poses))]
    assert set(slow.captions) == {""} and slow.cues == [] and slow.meaning is None and len(slow.states) == 0
    assert pipeline("", glosses="BOOK", poses=file).captions[0] == "BOOK"
    for plot in (from_file.plot_gates, lambda: from_file.plot_moment(0)):
        with pytest.raises(SignerError, match="no gates to plot"):
            plot()
    assert len(from_file.plot_strip().axes) == 6
    paths = slow.save(tmp_path / "out", size=128)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(paths) == ["captions.vtt", "poses.pose", "report.json", "video.mp4"]
    report = json.loads(paths["report.json"].read_text())
    assert report["given"] == ["poses"] and report["signs"] == [] and set(report["timings_seconds"]) == {"render"}


@pytest.mark.parametrize("asked, told", [
    ({"language": "de-gsg"}, "trained for en-ase .* not for 'de-gsg'"), ({"glosses": "LIBARY WHERE"}, "'LIBARY': did you mean LIBRARY, or fs-LIBARY"),
    ({"glosses": "QQQQQ"}, "'QQQQQ': fs-QQQQQ"), ({"glosses": []}, "no glosses to sign"), ({"glosses": "fs-?!"}, "cannot be fingerspelled"),
    ({"poses": "nowhere.pose"}, "cannot read nowhere.pose"), ({"poses": PoseSequence(np.full((3, 70, 3), np.nan), 25)}, "no joint in any frame"),
    ({"choices": [], "poses": "x.pose"}, "give one of them"), ({"choices": []}, "1 sentences and 0 choices"),
    ({"text": ["Yes.", "No."], "glosses": "YES"}, "list of 2 texts, glosses must be a list as long"),
    ({"text": ["Yes.", "?!"]}, "no words"), ({"text": ["Yes.", "Yes."], "choices": [None]}, "choices must be a list as long"),
])
def test_what_does_not_fit_is_told_in_one_line(pipeline, asked, told):
    with pytest.raises(SignerError, match=told) as error:
        pipeline(**{"text": LIBRARY} | asked)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("change, told", [
    (lambda choice: setattr(choice, "weights", choice.weights[:, :3]), r"weights of choice 1 must be \(2, 4\) finite numbers \(unit, expert\)"),
    (lambda choice: choice.choices.fill_(torch.nan), "choices of choice 1 must be"), (lambda choice: choice.seconds.neg_(), "must be more than 0"),
    (lambda choice: choice.units.pop(), "not of the glosses LIBRARY WHERE"),
])
def test_choices_that_cannot_be_performed_are_told(pipeline, change, told):
    choices = pipeline.choose(pipeline.understand(LIBRARY))
    change(choices[0])
    with pytest.raises(SignerError, match=told):
        pipeline(LIBRARY, choices=choices)


# --- a folder with everything -----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def saved(pipeline, tmp_path_factory):
    """A pipeline with a prior of its own: two signs and the letters of one name."""
    folder = tmp_path_factory.mktemp("pipeline")
    prior = Prior.new(folder / "few")
    prior.add(row for row in pipeline.prior.rows() if row["gloss"] in ("LIBRARY", "WHERE", "S", "A", "M"))
    names = pipeline.models | {"prior": "few"}
    StableSignerPipeline(pipeline.slul, prior, pipeline.experts, names, pipeline.renderer).save_pretrained(folder / "all")
    return folder / "all"


def test_a_saved_pipeline_signs_the_same_with_a_prior_of_its_own(pipeline, saved):
    assert sorted(path.name for path in saved.iterdir()) == ["experts", "pipeline.json", "prior", "slul"]
    again = StableSignerPipeline.from_pretrained(saved)
    assert again.models == pipeline.models | {"prior": "few"} and set(again.prior.glosses) == {"LIBRARY", "WHERE", "S", "A", "M"}
    assert np.array_equal(again(LIBRARY).poses.xyz, pipeline(LIBRARY).poses.xyz)
    with pytest.raises(SignerError, match="there is a pipeline in .* already: choose another folder"):
        again.save_pretrained(saved)


def test_what_fails_while_it_is_saved_leaves_nothing(pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr("signer_lib.pipeline.json.dumps", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("stop")))
    with pytest.raises(RuntimeError):
        pipeline.save_pretrained(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


NAMED = '{"models": {"slul": "a", "experts": "b"}, '


@pytest.mark.parametrize("name, content, told", [
    ("pipeline.json", None, "is not a checkpoint: it has no pipeline.json"), ("pipeline.json", "{", "damaged"),
    ("pipeline.json", '{"models": {}, "renderer": "drawn"}', "lacks prior"),
    ("pipeline.json", '{"models": {"slul": "a"}, "renderer": "drawn", "prior": "own"}', "models must be names"),
    ("pipeline.json", '{"models": {"slul": "a", "experts": 1}, "renderer": "drawn", "prior": "own"}', "models must be names"),
    ("pipeline.json", NAMED + '"renderer": "../else", "prior": "own"}', "renderer must be drawn or own"),
    ("pipeline.json", NAMED + '"renderer": "own", "prior": "own"}', "there is no renderer '.*renderer'"),
    ("slul/model.safetensors", "no", "damaged"), ("experts/config.json", None, "has no config.json"), ("prior", None, "no pose prior in"),
])
def test_a_damaged_pipeline_is_told_in_one_line(saved, tmp_path, name, content, told):
    path = shutil.copytree(saved, tmp_path / "all") / name
    if content:
        path.write_text(content)
    else:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(SignerError, match=told) as error:
        StableSignerPipeline.from_pretrained(tmp_path / "all")
    assert "\n" not in str(error.value)


def test_experts_of_another_slul_are_told(pipeline, monkeypatch):
    monkeypatch.setattr(pipeline.experts, "d_state", 7)
    with pytest.raises(SignerError, match="trained on states of 7 numbers and this SLUL gives 192"):
        StableSignerPipeline(pipeline.slul, pipeline.prior, pipeline.experts, pipeline.models, pipeline.renderer)


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
