"""A person's own data: what the YAML may say, how text and clips are split, a whole tiny study, stopped, gone on, changed; video -> poses."""

import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from clips import poses, tiny, write_clips
from signer_lib.assets import ROOT
from signer_lib.baselines.stitching import RISE
from signer_lib.errors import SignerError
from signer_lib.files import alone
from signer_lib.language.training import slul_config
from signer_lib.metrics.back_translation_training import back_translation_config
from signer_lib.own_data import stages
from signer_lib.own_data.clips import Clip, gloss_of_name, stable_clips
from signer_lib.own_data.example import make_example
from signer_lib.own_data.performing import _apart, aligned, signable
from signer_lib.own_data.report import HEAD, printed
from signer_lib.own_data.running import Running, plan_table
from signer_lib.own_data.study import STAGES, Shares, Stage, TextSource, read_study
from signer_lib.own_data.text import Sentence, read_corpus, read_text, split_clips, split_sentences
from signer_lib.own_data.video import track
from signer_lib.performances.natural import FPS, STILL, Habits, perform
from signer_lib.performances.units import units_of
from signer_lib.pipeline import StableSignerPipeline
from signer_lib.prior.database import Prior
from signer_lib.render.drawn import draw
from signer_lib.render.video import write_video
from trainings import kill_at, log_of, write_preset

TEXT_ONLY = "text:\n  - lines: [pairs.text, pairs.gloss]\nstages: [corpus, slul]\n"


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The YAML of a tiny study, beside its sentences and clips."""
    return make_example(tmp_path_factory.mktemp("own"), sentences=28, glosses=6)


@pytest.fixture(scope="module")
def whole(example, tmp_path_factory):
    """The same study, run from beginning to end: (its folder, what it told)."""
    out = tmp_path_factory.mktemp("studies") / "whole"
    return out, Running(example, out).run()


def changed(example, name, *pairs, text=None):
    """The study with parts of its YAML replaced, in a file beside it."""
    text = example.read_text() if text is None else text
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path = example.parent / name
    path.write_text(text)
    return path


# --- the YAML ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "old, new, told",
    [
        ("signer: made by rule", "singer: me", r"line 8: unknown key 'singer', did you mean 'signer'\?"),
        ("    signer: made by rule\n", "", "line 6: the key 'signer' is missing"),
        ("clips: signs", "clips: sings", "line 6: there is no sings in "),
        ("clips: signs", "clips: $NOBODY_SET_THIS/x", r"line 6: the environment does not say what \$NOBODY_SET_THIS is"),
        ("seed: 1", "seed: one", "line 2: seed must be a whole number, not one"),
        ("seed: 1", "seed: 1\nseed: 2", "line 3: the key 'seed' stands here twice"),
        ("CC0-1.0", "free", "line 6: 'free' is no licence"),
        ("en-ase", "English", "languages are a pair of codes"),
        ("held_out: {dev: 0.15", "held_out: {dev: 0.95", "line 9: dev 0.95 and test 0.15"),
        ("[pairs.text, pairs.gloss]", "[pairs.text]", "line 4: lines are two files"),
        ("letters: false", "letters: false\nstages: [slp-moe]", "the stage slp-moe needs the stage performances"),
        ("letters: false", "letters: false\nstages: [poses]", "there is no stage 'poses'"),
        ("[steps=10", "[stepz=10", "slp_moe: .*unknown key 'stepz', did you mean 'steps'"),
        ("languages: en-ase", "languages: [", "not valid YAML"),
        ("en-ase", "de-gsg\nshipped_signs: true", "are ASL's and English's"),
    ],
)
def test_a_wrong_yaml_is_told_with_its_line(example, old, new, told):
    path = changed(example, "wrong.yaml", (old, new))
    with pytest.raises(SignerError, match=told) as error:
        read_study(path)
    assert "wrong.yaml" in str(error.value) and "\n" not in str(error.value)


def test_the_shipped_recipe_explains_every_key_and_can_be_read(example):
    recipe = (ROOT / "recipes" / "own_data.yaml").read_text()
    study = read_study(changed(example, "recipe.yaml", text=recipe))
    assert study.stages == [name for name in STAGES if name != "renderer"] and study.with_letters
    for kind in (type(study), type(study.text[0]), type(study.signs[0]), Shares, type(study.performances), type(study.slul)):
        for key in set(kind.__dataclass_fields__) - {"line"}:
            assert f"{key}:" in recipe or f"  # {key}" in recipe, key


# --- text --------------------------------------------------------------------------------------------------------------
def write(folder, **files):
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")


def test_every_kind_of_text_is_read_with_its_places(tmp_path):
    write(tmp_path, a__text="One.\nTwo.\n", a__gloss="ONE\nTWO  X\n", t__tsv="say\tsign\tpart\nThree.\tTHREE\ttrain\n",
          h__csv="VIDEO_ID\tSENTENCE_NAME\tSENTENCE\nv\tv_1\tThank you.\n")
    [one, two] = read_text(TextSource(lines=[tmp_path / "a.text", tmp_path / "a.gloss"], split="dev"))
    assert (one.text, two.glosses, two.split) == ("One.", "TWO X", "dev") and two.where.endswith("a.gloss, line 2")
    [three] = read_text(TextSource(table=tmp_path / "t.tsv", text="say", gloss="sign", split="part"))
    assert (three.text, three.glosses, three.split) == ("Three.", "THREE", "train") and three.where.endswith("t.tsv, line 2")
    [four] = read_text(TextSource(how2sign=tmp_path / "h.csv", glossed_by="shipped", split="test"))
    assert (four.text, four.split) == ("Thank you.", "test") and four.glosses


@pytest.mark.parametrize(
    "file, text, told",
    [
        ("t.tsv", "text\tgloss\nOne.\t\n", "line 2 has no gloss"),
        ("t.tsv", "text\tgloss\nOne.\n", "line 2 does not have the 2 columns"),
        ("t.tsv", "text\tglosses\nOne.\tONE\n", "line 1 has no column 'gloss', only text, glosses"),
        ("t.csv", "text,gloss\nOne.,ONE,x\n", "line 2 does not have the 2 columns"),
    ],
)
def test_a_damaged_table_is_told_with_its_line(tmp_path, file, text, told):
    (tmp_path / file).write_text(text)
    with pytest.raises(SignerError, match=told):
        read_text(TextSource(table=tmp_path / file))


def test_lines_must_be_parallel_and_full(tmp_path):
    write(tmp_path, a__text="One.\nTwo.\n", a__gloss="ONE\n", b__gloss="ONE\n \n")
    with pytest.raises(SignerError, match="2 lines but .* has 1"):
        read_text(TextSource(lines=[tmp_path / "a.text", tmp_path / "a.gloss"]))
    with pytest.raises(SignerError, match="b.gloss, line 2 is empty"):
        read_text(TextSource(lines=[tmp_path / "a.text", tmp_path / "b.gloss"]))


def row(text, split="", line=1):
    return Sentence(text, text.upper(), split, f"f, line {line}")


def test_equal_sentences_stay_together_and_the_split_is_always_the_same():
    rows = [row(f"number {k % 20}", line=k) for k in range(60)]
    found = split_sentences(rows, Shares(), 1, "refuse")
    assert {split: len(own) for split, own in found.items()} == {"train": 48, "dev": 6, "test": 6}
    assert not {one.key for one in found["train"]} & {one.key for one in found["dev"] + found["test"]}
    assert split_sentences(rows, Shares(), 1, "refuse") == found != split_sentences(rows, Shares(), 2, "refuse")


def test_a_split_that_leaks_is_refused_by_name_or_mended():
    rows = [row("Hello there!", "train", 1), row("Good day", "train", 2), row("One", "dev", 3), row("hello, there", "test", 4)]
    with pytest.raises(SignerError, match=r"line 1 \(train\) is the sentence of f, line 4 \(test\), so test would leak"):
        split_sentences(rows, Shares(), 1, "refuse")
    assert [one.text for one in split_sentences(rows, Shares(), 1, "drop")["train"]] == ["Good day"]
    assert len(split_sentences(rows, Shares(), 1, "keep")["train"]) == 2
    with pytest.raises(SignerError, match="the split train has no sentence"):
        split_sentences([row("a"), row("b")], Shares(), 1, "refuse")


def test_a_sentence_clip_is_in_the_split_of_its_text(example, tmp_path):
    corpus = read_corpus(read_study(example))
    one = corpus["test"][0]
    (tmp_path / "s.csv").write_text(f"clip,text,gloss,part\na,{one.text},{one.glosses},train\n")
    text = example.read_text() + f"sentences: [{{clips: signs, signer: me, table: {tmp_path / 's.csv'}, split: part}}]\n"
    with pytest.raises(SignerError, match=r"s.csv, line 2 \(train\) is the sentence of .*pairs.gloss, line \d+ \(test\)"):
        split_clips(read_study(changed(example, "clips.yaml", text=text)), corpus)


# --- clips ---------------------------------------------------------------------------------------------------------------
def test_a_gloss_comes_from_the_name_or_the_folder():
    assert [gloss_of_name(name) for name in ("thank_you__02", "signs/BOOK", "book#2", "ICE CREAM")] == ["THANK-YOU", "BOOK", "BOOK", "ICE-CREAM"]
    assert gloss_of_name("car/02", "folder") == "CAR" and gloss_of_name("02", "folder") == ""


def test_a_gloss_without_a_clip_is_told_with_its_sentence(example, tmp_path):
    folder = tmp_path / "one"
    shutil.copytree(example.parent, folder)
    gone = sorted({path.name.split("__")[0] for path in (folder / "signs").iterdir()})[0]
    for path in (folder / "signs").glob(f"{gone}__*"):
        path.unlink()
    with pytest.raises(SignerError, match=rf"pairs.gloss, line \d+: the gloss {gone} has no clip \(1 glosses have none"):
        Running(folder / "study.yaml", tmp_path / "out").plan()
    path = changed(folder / "study.yaml", "left.yaml", ("letters: false", "letters: false\nmissing_signs: leave_out"))
    assert Running(path, tmp_path / "out").plan()


def test_a_table_and_its_clips_must_agree(example, tmp_path):
    names = sorted(path.stem for path in (example.parent / "signs").iterdir())
    table = tmp_path / "t.csv"
    path = changed(example, "table.yaml", ("clips: signs", f"clips: signs\n    table: {table}"))
    table.write_text("clip,gloss\n" + "".join(f"{name},{name.split('__')[0]}\n" for name in names) + "nobody,X\n")
    with pytest.raises(SignerError, match=f"t.csv, line {len(names) + 2}: there is no clip nobody in"):
        Running(path, tmp_path / "out").plan()
    table.write_text("clip,gloss\n" + "".join(f"{name}.pose,X\n" for name in names[1:]))
    with pytest.raises(SignerError, match=f"{names[0]} does not stand in"):
        Running(path, tmp_path / "out").plan()


def test_small_data_get_small_batches_and_a_short_warm_up():
    changes = lambda rows, **more: stages.smaller(Stage(**more), back_translation_config, rows)
    assert changes(1_000) == [] and changes(200) == ["warmup_steps=52"]                                         # 40 epochs of 13 steps
    named = ["batch_size=20", "warmup_steps=9"]
    assert changes(20) == ["batch_size=5", "warmup_steps=16"] and changes(20, set=named) == named
    assert changes(10_000, minutes=5.0) == ["warmup_steps=30"]
    assert stages.smaller(Stage(), slul_config, 40) == ["batch_size=10", "warmup_steps=70"]                     # 7 epochs of 100 steps


# --- a whole study ---------------------------------------------------------------------------------------------------------
def test_the_plan_tells_sizes_and_writes_nothing(example, tmp_path):
    steps = Running(example, tmp_path / "out").plan()
    assert [step.name for step in steps] == [name for name in STAGES if name != "renderer"]
    assert all(step.state == "to do" and step.minutes is not None for step in steps) and not list(tmp_path.iterdir())
    lines = printed(plan_table(steps))
    assert "20 train, 4 dev, 4 test sentences" in lines and "24 clips of 6 glosses" in lines and "10 steps" in lines


def test_a_study_goes_from_files_to_a_pipeline_that_signs(example, whole):
    out, told = whole
    assert json.loads((out / "results.json").read_text())["table"] == [list(line) for line in told["table"]] and told["table"][0] == HEAD
    pools = {name: Prior.load(out / "data" / "pools" / name) for name in ("prior", "judge", "dev", "test")}
    variants = {name: set(pool.table["variant"][:]) for name, pool in pools.items()}
    assert not variants["prior"] & variants["test"] and not variants["judge"] & variants["test"]        # no recording is on both sides
    assert sum(told["stages"]["prior"]["clips"].values()) == 24 and told["stages"]["prior"]["glosses_with_held_out_recordings"] == 6
    rows = told["reached"]["poses"]["rows"]
    assert {"static_mean", "wrong_sentence", "nearest_neighbour", "stitching", "slp_moe", "ground_truth"} == set(rows)
    assert rows["ground_truth"]["dtw_mje"] == 0 < rows["slp_moe"]["dtw_mje"] < rows["static_mean"]["dtw_mje"]
    assert told["reached"]["slul"]["SLUL"]["count"] == 4 and told["reached"]["prior"]["top1"] > told["reached"]["prior"]["chance"]
    signs = StableSignerPipeline.from_pretrained(out / "pipeline")
    [text, *_] = [one.text for one in read_corpus(read_study(example))["train"]]
    glosses = read_corpus(read_study(example))["train"][0].glosses
    assert set(signs.prior.glosses) == {gloss for own in read_corpus(read_study(example)).values() for r in own for gloss in r.glosses.split()}
    assert signs.slul.pointer is None and signs.slul.understand(text)                                    # in sign's own mode, without prompts
    signing = signs(text, glosses=glosses)
    assert signing.glosses == glosses.split() and np.isfinite(signing.poses.xyz).all()


def test_a_finished_stage_is_kept_and_a_changed_one_done_again(example, whole, monkeypatch, tmp_path):
    out, ran = tmp_path / "out", []
    shutil.copytree(whole[0], out)
    for name, run in stages.RUN.items():
        run = (lambda work: whole[1]["reached"]) if name == "report" else run
        monkeypatch.setitem(stages.RUN, name, lambda work, name=name, run=run: ran.append(name) or run(work))
    Running(example, out).run()
    assert ran == []
    Running(changed(example, "longer.yaml", ("[steps=10", "[steps=12")), out).run()
    assert ran == ["slp-moe", "pipeline", "report"]
    ran.clear()
    again = changed(example, "again.yaml", ("[steps=10", "[steps=12"), ("epochs=2", "epochs=1"))
    states = {step.name: step.state for step in Running(again, out).plan()}
    assert states["evaluator"] == states["report"] == "to do" and states["slp-moe"] == states["slul"] == "done" and ran == ["validate"]


def test_two_processes_do_not_work_on_one_study(example, whole):
    with alone(whole[0]), pytest.raises(SignerError, match="another process is at work in"):
        Running(example, whole[0]).run()


def test_other_folders_are_left_alone(example, tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(SignerError, match="holds other things than a study"):
        Running(example, tmp_path)


def test_a_killed_study_goes_on_where_it_was(example, tmp_path):
    config = changed(example, "text.yaml", text=TEXT_ONLY + example.read_text()[example.read_text().index("slul:"):].split("evaluator:")[0].replace(
        "log_steps=50", "log_steps=4"))
    Running(config, tmp_path / "whole").run()
    command = ["-m", "signer_lib", "train", "all", "--config", config, "--out", tmp_path / "killed"]
    kill_at(14, tmp_path / "killed" / "slul", *command)
    record = json.loads((tmp_path / "killed" / "stages" / "slul.json").read_text())
    assert record["done"] is False and {step.name: step.state for step in Running(config, tmp_path / "killed").plan()}["slul"] == "goes on"
    told = Running(config, tmp_path / "killed").run()
    assert log_of(tmp_path / "killed" / "slul") == log_of(tmp_path / "whole" / "slul") and told["reached"]["slul"]["SLUL"]["count"] == 3


def test_a_renderer_is_trained_on_frames_of_ones_own(example, whole, monkeypatch, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole[0], out)
    monkeypatch.setitem(stages.RUN, "report", lambda work: whole[1]["reached"])
    write_preset(tmp_path / "tiny.yaml", tiny())
    asked = f"renderer: {{frames: {write_clips(tmp_path / 'frames')}, size: {tmp_path / 'tiny.yaml'}}}\n"
    told = Running(changed(example, "frames.yaml", text=example.read_text() + asked), out).run()
    assert told["stages"]["renderer"]["steps"] == 6 and told["stages"]["pipeline"]["renderer"] == "renderer"
    signs = StableSignerPipeline.from_pretrained(out / "pipeline")
    signing = signs("", glosses=[signs.prior.glosses[0]])
    assert next(iter(signing.frames(size=64))).shape == (64, 64, 3)


# --- sentence clips ----------------------------------------------------------------------------------------------------------
def test_signs_are_found_again_in_a_sentence_that_another_signer_performs(prior, body):
    glosses = ["BOOK", "LIKE", "WORK"]
    units = signable(glosses, prior, spell=False)
    assert units == units_of(glosses, prior) and signable(["BOOK", "NO-SUCH-SIGN"], prior, spell=False) == "NO-SUCH-SIGN"
    other = [prior.candidates(unit.name)[1].poses for unit in units]
    true = perform("t", "I like books.", glosses, units, other, body.rest().astype(np.float32), Habits(tempo=1.3, reach=2.6))
    inner = slice(true.spans[1].start, true.spans[-1].start)
    clip = type(true.poses)(true.poses.xyz[inner], true.poses.fps)
    found = aligned("t", true.text, glosses, units, clip, prior, body, "me")
    spans, lead = found.spans, round(STILL * FPS) + round(RISE * FPS)
    assert [span.unit for span in spans] == [None, None, 0, None, 1, None, 2, None, None]
    assert spans[0].start == 0 and all(a.stop == b.start for a, b in zip(spans, spans[1:])) and spans[-1].stop == len(found.poses)
    own, its = ({span.unit: span.start - first for span in row.spans} for row, first in ((found, lead), (true, inner.start)))
    errors = [abs(own[k] - its[k]) for k in range(3)]
    assert np.median(errors) <= 3
    with pytest.raises(SignerError, match="too few"):
        aligned("t", true.text, glosses, units, type(clip)(clip.xyz[:8], clip.fps), prior, body, "me")


def test_signs_never_overlap_and_keep_their_least_frames():
    for edges in ([0, 0, 0, 0], [9, 9, 9, 9], [5, 2, 9, 3], [1, 6, 7, 9]):
        a, b, c, d = _apart(np.array(edges), 9)
        assert a >= 0 and b - a >= 3 and c - b >= 2 and d - c >= 3 and d <= 9


# --- video -> poses -------------------------------------------------------------------------------------------------------------
def landmarks(n, x, visible=None):
    return SimpleNamespace(landmark=[SimpleNamespace(x=x, y=0.3 + 0.4 * k / n, z=0.0, visibility=visible) for k in range(n)])


def test_what_a_tracker_sees_becomes_poses(tmp_path):
    write_video(draw(poses(4), size=64), tmp_path / "a.mp4", 25.0)
    asked = []

    def tracker(frame, at):
        asked.append((frame.shape, at))
        pose = landmarks(33, 0.5, 0.9)
        pose.landmark[11].x, pose.landmark[12].x = 0.7, 0.3
        return SimpleNamespace(pose_landmarks=pose, left_hand_landmarks=None, right_hand_landmarks=landmarks(21, 0.3) if at < 50 else None,
                               face_landmarks=[])

    found, shown = track(tmp_path / "a.mp4", tracker=tracker)
    assert asked == [((64, 64, 3), 40 * k) for k in range(4)] and shown == {"pose": 1.0, "left_hand": 0.0, "right_hand": 0.5, "face": 0.0}
    assert len(found) == 4 and found.fps == 25 and np.allclose(found.joint("l_shoulder")[:, 0], 0.5, atol=1e-3)
    assert np.isfinite(found.group("right_hand")[:2]).all() and np.isnan(found.group("right_hand")[2:]).all()
    with pytest.raises(SignerError, match="nobody is seen in"):
        track(tmp_path / "a.mp4", tracker=lambda frame, at: SimpleNamespace(**dict.fromkeys(
            ("pose_landmarks", "left_hand_landmarks", "right_hand_landmarks", "face_landmarks"))))


def test_without_the_extra_it_is_said_what_to_type(tmp_path, monkeypatch):
    write_video(draw(poses(2), size=64), tmp_path / "a.mp4", 25.0)
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(SignerError, match=r"pip install -c constraints.txt -e .\[video\]"):
        track(tmp_path / "a.mp4")
    with pytest.raises(SignerError, match="no model .*x.task"):
        track(tmp_path / "a.mp4", tmp_path / "x.task")


def test_a_sign_whose_gloss_is_a_part_of_the_alphabet_is_no_letter(body):
    clips, left_out = [Clip(gloss, gloss, poses(24), "me", "CC0-1.0", gloss) for gloss in ("NO", "HI", "B")], {}
    found, _ = stable_clips(clips, body, left_out, letters=True)
    assert [one.gloss for one in found] == ["NO", "HI", "B"] and not left_out
    assert np.array_equal(found[0].poses.xyz, found[1].poses.xyz) and not np.array_equal(found[0].poses.xyz[:2], found[2].poses.xyz[:2])
