"""``stable-signer prior``: each command on a small lexicon, and what a person sees when something is wrong."""

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from commands import run
from signer_lib.assets import signer_data
from signer_lib.cli import app
from signer_lib.errors import SignerError
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import NamedClip, write_pose
from signer_lib.pose.formats.converting import convert
from signer_lib.pose.formats.folder import read_folder
from signer_lib.pose.formats.skels import write_skels
from signer_lib.prior import asl_lex as asl_lex_module
from signer_lib.prior import building
from signer_lib.prior.asl_lex import Lexicon
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.handshapes import LEXICON, handshapes_of
from signer_lib.prior.phonology import load_signs
from signer_lib.prior.table import clip_row

SIGNS = """
BOOK: {type: symmetric, handshape: l, palm: front, fingers: up, location: neutral, movement: {path: straight, direction: up}}
KNOW: {type: one-handed, handshape: bent-b, palm: back, fingers: up-left, location: temple, contact: fingertips,
       movement: {path: tap, direction: left}}
THINK: {type: one-handed, handshape: bent-b, palm: back, fingers: up-left, location: forehead, contact: fingertips,
        movement: {path: tap, direction: left}}
"""
REST = load_body().rest()


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Two letters instead of 26, and a cache of its own."""
    monkeypatch.setattr(building, "recorded_letters", lambda body, fps: {name: PoseSequence(REST[None].repeat(7, 0), 25) for name in "AB"})
    monkeypatch.setenv("SIGNER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def lexicon(tmp_path):
    (tmp_path / "lexicon").mkdir()
    shutil.copy(LEXICON / "handshapes.yaml", tmp_path / "lexicon")
    (tmp_path / "lexicon" / "signs.yaml").write_text(SIGNS)
    return tmp_path / "lexicon"


@pytest.fixture
def asl_lex(tmp_path, monkeypatch, lexicon):
    """A CSV that is read as two signs, one of which cannot be compiled, and one problem."""
    signs, compile_sign = load_signs(lexicon), building.compile_sign

    def compiled(sign, *rest):
        if sign.gloss == "bad":
            raise SignerError("the palm is parallel")
        return compile_sign(sign, *rest)

    read = Lexicon({"file_1": signs["KNOW"], "bad": replace(signs["BOOK"], gloss="bad")}, handshapes_of(lexicon),
                   {"worse": "no handshape is coded"}, {}, {})
    monkeypatch.setattr(building, "compile_sign", compiled)
    monkeypatch.setattr(building, "read_asl_lex", lambda path: read)
    monkeypatch.setattr(asl_lex_module, "read_asl_lex", lambda path: read)
    (tmp_path / "signdata.csv").write_text("EntryID")
    return tmp_path / "signdata.csv"


@pytest.fixture
def made(tmp_path):
    """A prior of three clips that needs no compiling."""
    prior = Prior.new(tmp_path / "made")
    sway = lambda size: PoseSequence(REST + size * np.sin(np.linspace(0, np.pi, 10))[:, None, None], 25)
    about = {"licence": "CC0-1.0", "signer": "made"}
    prior.add([clip_row("HELLO", "citation", sway(0.1), source="rule", **about), clip_row("HELLO", "of-me", sway(0.2), source="recording", **about),
               clip_row("BYE", "of-me", sway(0.3), source="recording", **about)])
    return prior.folder


# --- build --------------------------------------------------------------------------------------------------------------
def test_build_compiles_a_lexicon(lexicon, tmp_path):
    out = tmp_path / "deep" / "prior"
    assert "15 clips" in run("prior", "build", "--lexicon", lexicon, "--out", out)
    assert Prior.load(out).glosses == ("BOOK", "KNOW", "THINK", "A", "B") and Prior.load(out).nearest("KNOW")[0] == ("THINK", 1.0)
    with pytest.raises(SignerError, match="already.*prior import"):
        run("prior", "build", "--lexicon", lexicon, "--out", out)


def test_build_for_another_signer(lexicon, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text((LEXICON.parent / "signers" / "default.yaml").read_text().replace("name: default", "name: other"))
    run("prior", "build", "--lexicon", lexicon, "--signer", other, "--out", tmp_path / "out")
    assert set(Prior.load(tmp_path / "out").table["signer"]) == {"other", "recorded in spoken-to-signed"}


def test_build_lists_what_asl_lex_has_that_cannot_be_compiled(lexicon, asl_lex, tmp_path):
    out = tmp_path / "prior"
    assert "2 entries of ASL-LEX could not be compiled" in run("prior", "build", "--lexicon", lexicon, "--asl-lex", asl_lex, "--out", out)
    assert json.loads((out / "problems.json").read_text()) == {"worse": "no handshape is coded", "bad": "the palm is parallel"}
    found, = Prior.load(out).candidates("FILE-1")
    assert found.variant == "asl-lex" and found.licence.startswith("CC-BY-NC-4.0") and Prior.load(out).validate() == []


@pytest.mark.parametrize("option", ["--asl-lex", "--signer"])
def test_build_says_which_file_is_not_there(option, tmp_path):
    with pytest.raises(SignerError, match="there is no file.*nowhere"):
        run("prior", "build", option, tmp_path / "nowhere", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- import -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def recordings(tmp_path):
    """A lexicon with two gestures in American and one in German Sign Language, made of the body at rest with its right hand up."""
    raised = REST.copy()
    raised[[4, *range(29, 50)]] += np.array([0.1, 1.3, 0.4])
    folder = tmp_path / "recorded"
    rows = []
    for k, (gloss, language) in enumerate((("UP", "ase"), ("UP", "ase"), ("HOCH", "gsg"))):
        path = np.sin(np.linspace(0, np.pi, 30 + 5 * k))[:, None, None]
        write_pose(PoseSequence(REST + path * (raised - REST), 25), folder / f"{k}.pose")
        rows.append((f"{k}.pose", "en", language, 0, 0, "up", gloss, 0))
    with open(folder / "index.csv", "w", newline="") as file:
        csv.writer(file).writerows([("path", "spoken_language", "signed_language", "start", "end", "words", "glosses", "priority"), *rows])
    return folder


def test_import_makes_clips_stable_and_adds_them(recordings, tmp_path):
    about = "--prior", tmp_path / "mine", "--licence", "CC BY 4.0", "--signer", "Sam"
    told = run("prior", "import", recordings, "--from-index", *about)
    assert "2 clips added" in told and "wrist jerk" in told
    assert "1 clips added" in run("prior", "import", recordings / "2.pose", "--gloss", "HIGH", *about)
    prior = Prior.load(tmp_path / "mine")
    assert prior.glosses == ("UP", "HIGH") and len(prior.candidates("UP")) == 2
    clip = prior.candidates("HIGH")[0]
    assert (clip.variant, clip.source, clip.licence, clip.signer) == ("2", "recording", "CC BY 4.0", "Sam")
    assert clip.missing == 0 and clip.bone_drift < 0.01
    assert "0 problems" in run("prior", "validate", "--prior", tmp_path / "mine")


@pytest.mark.parametrize("options, told", [
    (("--licence", "MIT"), "--gloss NAME.*--from-index"),
    (("--licence", "MIT", "--gloss", "X", "--from-index"), "in one way"),
    (("--licence", "mine", "--gloss", "X"), "'mine'.*SPDX"),
    (("--licence", "MIT", "--from-index", "--language", "de-gsg"), "no clips of de-gsg"),
])
def test_import_says_what_is_missing_and_makes_nothing(recordings, tmp_path, options, told):
    with pytest.raises(SignerError, match=told):
        run("prior", "import", recordings, "--prior", tmp_path / "mine", "--signer", "Sam", *options)
    assert not (tmp_path / "mine").exists()


def test_import_leaves_out_and_names_clips_without_a_hand(recordings, tmp_path):
    nothing = REST[None].repeat(9, 0)
    nothing[:, 8:50] = np.nan
    write_pose(PoseSequence(nothing, 25), recordings / "0.pose")
    told = run("prior", "import", recordings, "--from-index", "--prior", tmp_path / "mine", "--licence", "MIT", "--signer", "Sam")
    assert "left out UP" in told and "1 clips added" in told
    with pytest.raises(SignerError, match="1 never show a hand"):
        run("prior", "import", recordings / "0.pose", "--gloss", "UP", "--prior", tmp_path / "other", "--licence", "MIT", "--signer", "Sam")
    assert not (tmp_path / "other").exists()


def sentences(folder):
    """A .skels file of two sentences and a sign, with what they mean, as Progressive Transformers has them."""
    raised = REST.copy()
    raised[[4, *range(29, 50)]] += np.array([0.1, 1.3, 0.4])
    poses = PoseSequence(REST + np.sin(np.linspace(0, np.pi, 30))[:, None, None] * (raised - REST), 25)
    said = (("train/a", "BOOK READ", "read the book ."), ("train/b", "BOOK", None), ("train/c", None, "hello ."))
    write_skels([NamedClip(name, poses, gloss, text) for name, gloss, text in said], folder / "train.skels")
    return folder / "train.skels"


def test_import_leaves_out_sentences_and_says_what_they_are_for(tmp_path):
    about = "--licence", "MIT", "--signer", "Sam"
    told = run("prior", "import", sentences(tmp_path), "--from-index", "--prior", tmp_path / "mine", *about)
    assert "left out 2 sentences, no signs" in told and "1 clips added" in told and Prior.load(tmp_path / "mine").glosses == ("BOOK",)
    command = f"stable-signer convert {tmp_path / 'train.skels'} DATA/train.safetensors"
    assert command in told
    (tmp_path / "train.text").write_text("a\nb\nc\n")
    with pytest.raises(SignerError, match="3 are sentences, no signs.*convert"):
        run("prior", "import", tmp_path / "train.skels", "--from-index", "--prior", tmp_path / "other", *about)
    assert not (tmp_path / "other").exists()
    made_of = CliRunner().invoke(app, command.replace("DATA", str(tmp_path / "data")).split()[1:])
    assert made_of.exit_code == 0 and len(read_folder(tmp_path / "data", "train").texts) == 3
    told = run("prior", "import", tmp_path / "train.skels", "--gloss", "BOOK", "--prior", tmp_path / "third", *about)
    assert "3 clips added" in told, "as one is told"


def test_import_takes_glosses_from_a_table_or_from_names(recordings, tmp_path):
    (recordings / "index.csv").unlink()
    about = "--from-index", "--licence", "MIT", "--signer", "Sam"
    run("prior", "import", recordings, "--prior", tmp_path / "named", *about)
    assert Prior.load(tmp_path / "named").glosses == ("0", "1", "2")
    (recordings / "signs.tsv").write_text("file\tgloss\n0.pose\tBOOK\n1.pose\tBOOK\n2.pose\tTREE\n")
    run("prior", "import", recordings, "--prior", tmp_path / "found", *about)
    assert Prior.load(tmp_path / "found").glosses == ("BOOK", "TREE")
    (recordings / "signs.tsv").rename(tmp_path / "elsewhere.tsv")
    run("prior", "import", recordings, "--prior", tmp_path / "told", "--words", tmp_path / "elsewhere.tsv", *about)
    assert Prior.load(tmp_path / "told").glosses == ("BOOK", "TREE")


def test_import_takes_every_format_that_convert_writes(recordings, tmp_path):
    for to, there in (("openpose", ""), ("mediapipe", ""), ("npz", ".npz"), ("skels", ".skels"), ("slrtp", ".pt")):
        convert(recordings / "2.pose", tmp_path / f"clip{there}", to)
        clip, about = tmp_path / f"clip{there}", ("--licence", "MIT", "--signer", "Sam", "--fps", 25)
        told = run("prior", "import", clip, "--gloss", "UP", "--prior", tmp_path / to, *about)
        clip, = Prior.load(tmp_path / to).candidates("UP")
        assert "1 clips added" in told and clip.missing == 0 and -0.3 < clip.poses.xyz[:, 29, 1].max() < 0, to
        shutil.rmtree(tmp_path / "clip", ignore_errors=True)


def test_import_reads_real_recordings_of_another_format(tmp_path):
    data = signer_data()
    if data is None or not (data / "asl_app").is_dir():
        pytest.skip("needs asl_app of the real data (SIGNER_DATA)")
    with np.load(next((data / "asl_app").glob("*.npz"))) as archive:
        np.savez(tmp_path / "few.npz", **{name: archive[name] for name in sorted(archive.files)[:2]})
    about = "--licence", "MIT", "--signer", "one"
    assert "2 clips added" in run("prior", "import", tmp_path / "few.npz", "--from-index", "--prior", tmp_path / "p", *about)
    assert Prior.load(tmp_path / "p").validate() == []


# --- list, show, validate -------------------------------------------------------------------------------------------------
def test_list_is_a_table(made):
    lines = run("prior", "list", "--prior", made).splitlines()
    assert lines[0].split() == ["gloss", "variants", "sources", "seconds", "jerk"] and lines[-1] == "2 glosses, 3 clips"
    assert lines[1].split()[:3] == ["HELLO", "citation,", "of-me"] and "recording, rule" in lines[1] and "0.40" in lines[1]
    assert run("prior", "list", "--prior", made, "--gloss", "b?e").splitlines()[-1] == "1 glosses, 1 clips"
    with pytest.raises(SignerError, match="like 'Z\\*'"):
        run("prior", "list", "--prior", made, "--gloss", "Z*")


def test_show_tells_and_draws(made, tmp_path):
    told = run("prior", "show", "HELLO", "--prior", made, "--out", tmp_path / "hello.png")
    assert "of-me" in told and "CC0-1.0" in told and "nearest" not in told
    with Image.open(tmp_path / "hello.png") as picture:
        assert picture.size == (6 * 192, 2 * 192)
    run("prior", "show", "BYE", "--prior", made, "--out", tmp_path / "bye.mp4")
    with av.open(str(tmp_path / "bye.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 10 + 25
    for out, gloss, message in (("x.gif", "HELLO", "png or an .mp4"), ("x.png", "NOPE", "no sign NOPE")):
        with pytest.raises(SignerError, match=message):
            run("prior", "show", gloss, "--prior", made, "--out", tmp_path / out)


def test_show_tells_a_sign_s_description_and_neighbours(lexicon, tmp_path):
    run("prior", "build", "--lexicon", lexicon, "--out", tmp_path / "prior")
    told = run("prior", "show", "KNOW", "--prior", tmp_path / "prior")
    assert "handshape   bent-b" in told and "path tap" in told and "nearest by phonology: THINK (1)" in told


def test_validate_names_problems_and_ends_with_one(made):
    assert "0 problems in 3 clips of 2 glosses" in run("prior", "validate", "--prior", made)
    stretched = PoseSequence(REST * np.linspace(1, 1.1, 10)[:, None, None], 25)
    Prior.load(made).add([clip_row("BIG", "one", stretched, source="rule", licence="MIT", signer="made")])
    result = CliRunner().invoke(app, ["prior", "validate", "--prior", str(made)])
    assert result.exit_code == 1 and "BIG, one, frame" in result.output and "1 problems in 4 clips" in result.output


# --- export ---------------------------------------------------------------------------------------------------------------
def test_export_writes_a_lexicon(made, tmp_path):
    assert "3 clips of 2 glosses" in run("prior", "export", "--prior", made, "--out", tmp_path / "out", "--language", "de-gsg")
    rows = list(csv.DictReader(open(tmp_path / "out" / "index.csv", encoding="utf-8")))
    assert [(row["glosses"], row["signed_language"], row["end"], row["priority"]) for row in rows] == [
        ("HELLO", "gsg", "400", "0"), ("HELLO", "gsg", "400", "1"), ("BYE", "gsg", "400", "0")]
    assert all((tmp_path / "out" / row["path"]).is_file() for row in rows)


def test_prototypes_are_the_rules_citation_forms(made, tmp_path):
    assert "1 prototypes" in run("prior", "export", "--prior", made, "--prototypes", tmp_path / "p.npz")
    with np.load(tmp_path / "p.npz") as archive:
        assert archive.files == ["hello"]
        np.testing.assert_array_equal(archive["hello"][:, :8], Prior.load(made).candidates("HELLO")[0].poses.xyz[:, :8])


def test_in_a_prototype_a_hand_at_rest_is_missing(lexicon, tmp_path):
    run("prior", "build", "--lexicon", lexicon, "--out", tmp_path / "prior")
    run("prior", "export", "--prior", tmp_path / "prior", "--prototypes", tmp_path / "p.npz")
    with np.load(tmp_path / "p.npz") as archive:
        know, book = archive["know"], archive["book"]
    assert know.shape[1:] == (50, 3) and np.isnan(know[:, 8:29]).all() and np.isfinite(know[:, :8]).all() and np.isfinite(know[:, 29:]).all()
    assert np.isfinite(book).all()
    assert know[:, 4, 0].max() < 0 < know[0, 4, 1] + 1, "x grows to the signer's left, y up"


def test_prototypes_of_asl_lex_s_codes(asl_lex, tmp_path):
    told = run("prior", "export", "--asl-lex", asl_lex, "--prototypes", tmp_path / "p.npz")
    assert "2 entries of ASL-LEX could not be compiled" in told
    with np.load(tmp_path / "p.npz") as archive:
        assert sorted(archive.files) == ["file", "file_1"]


@pytest.mark.parametrize("options, told", [
    ((), "--out FOLDER.*--prototypes"), (("--out", "x", "--prototypes", "y.npz"), "say what to write"),
    (("--out", "x", "--asl-lex", "y"), "goes with --prototypes"), (("--prototypes", "y.zip"), ".npz"), (("--out", "x", "--language", "en"), "pair"),
])
def test_export_says_what_to_write(options, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SignerError, match=told):
        run("prior", "export", *options)
    assert not any(tmp_path.iterdir())


# --- on the command line --------------------------------------------------------------------------------------------------
def test_a_mistake_ends_in_one_line_and_exit_code_2(tmp_path):
    done = subprocess.run([sys.executable, "-m", "signer_lib", "prior", "list", "--prior", tmp_path], capture_output=True, text=True)
    assert done.returncode == 2 and "no pose prior" in done.stderr and done.stderr.count("\n") == 1


def test_help_is_quick_and_shows_an_example_for_every_command():
    code = "import sys; from signer_lib.cli import app; print(sorted({'torch', 'datasets', 'numpy', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "."}).stdout == "[]\n"
    for name in ("build", "import", "list", "show", "validate", "export"):
        assert f"Example: stable-signer prior {name}" in run("prior", name, "--help")
