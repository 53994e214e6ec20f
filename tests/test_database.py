"""The pose prior's table: whole or absent, rebuilt when anything behind it changes, grown without rewriting, quick to ask."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest
from pose_format import Pose
from spoken_to_signed.gloss_to_pose import CSVPoseLookup, gloss_to_pose
from spoken_to_signed.gloss_to_pose.lookup.fingerspelling_lookup import FingerspellingPoseLookup

from signer_lib.errors import SignerError
from signer_lib.experts.model import Choice
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.units import Span, units_of
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import read_pose, write_pose
from signer_lib.prior import building, database, neighbours, table
from signer_lib.prior.body import load_body
from signer_lib.prior.building import build_prior, depends_on, fingerprint
from signer_lib.prior.database import Candidate, Prior
from signer_lib.prior.handshapes import LEXICON
from signer_lib.prior.table import FEATURES, clip_row, wrist_jerk
from signer_lib.signing import Signing

SIGNS = """
LIBRARY: {type: one-handed, handshape: l, palm: front, fingers: up, location: neutral,
          movement: {path: circle, plane: front, size: 0.12, repeat: 2}}
KNOW: {type: one-handed, handshape: bent-b, palm: back, fingers: up-left, location: temple, contact: fingertips,
       movement: {path: tap, direction: left}}
"""
REST = load_body().rest()


def clip(frames=8, sway=0.1, fps=25.0):
    """A stiff body that moves sideways and back."""
    return PoseSequence(REST + sway * np.sin(np.linspace(0, np.pi, frames))[:, None, None], fps)


def row(gloss="A", variant="one", poses=None, **about):
    return clip_row(gloss, variant, clip() if poses is None else poses,
                    **{"source": "recording", "licence": "CC0-1.0", "signer": "made"} | about)


@pytest.fixture
def lexicon(tmp_path):
    folder = tmp_path / "lexicon"
    folder.mkdir()
    shutil.copy(LEXICON / "handshapes.yaml", folder)
    (folder / "signs.yaml").write_text(SIGNS)
    return folder


@pytest.fixture
def two_letters(monkeypatch):
    """The recorded letters take two seconds; most of these tests need none of them."""
    made = {letter: PoseSequence(REST[None].repeat(7, 0), 25) for letter in "AB"}
    monkeypatch.setattr(building, "recorded_letters", lambda body, fps: made)
    return made


@pytest.fixture
def prior(tmp_path):
    """Two glosses with two clips each."""
    made = Prior.new(tmp_path / "prior")
    made.add([row("A", "quick", clip(sway=0.3)), row("A", "slow", clip(20)), row("B"), row("B", "two", clip(9))])
    return made


# --- the shipped lexicon's prior ----------------------------------------------------------------------------------------
def test_the_table_and_its_columns(tmp_path, lexicon, two_letters):
    prior = Prior.open(tmp_path / "cache", lexicon)
    assert prior.glosses == ("LIBRARY", "KNOW", "A", "B") and len(prior) == 4 and "KNOW" in prior and "NOPE" not in prior
    assert prior.table.features == FEATURES and set(prior.table["source"]) == {"rule", "recording"}
    assert json.loads(prior.table[0]["phonology"])["handshape"] == ["l"]
    assert all(prior.table[k]["licence"] and prior.table[k]["signer"] for k in range(len(prior.table)))
    for gloss in prior.glosses:
        offered = prior.candidates(gloss)
        assert [c.variant for c in offered] == ["citation", "reduced", "emphatic"]
        assert all(c.gloss == gloss and np.isfinite(c.poses.xyz).all() and c.poses.fps == 25 for c in offered)
        assert len(offered[1].poses) < len(offered[0].poses) < len(offered[2].poses)
        assert all(c.stability == pytest.approx(wrist_jerk(c.poses), rel=1e-4, abs=1e-3) for c in offered)
        assert all(c.missing == 0 and c.bone_drift < 1e-4 for c in offered)
    np.testing.assert_array_equal(prior.candidates("A")[0].poses.xyz, two_letters["A"].xyz)
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [prior.name]
    assert prior.validate() == []


def test_a_sign_carries_slul_s_embedding_and_a_letter_none(tmp_path, lexicon, two_letters):
    prior = Prior.open(tmp_path / "cache", lexicon)
    np.testing.assert_array_equal(prior.table[0]["embedding"], neighbours.slul_embeddings()["LIBRARY"])
    assert prior.table[len(prior.table) - 1]["embedding"] == []
    assert prior.nearest("LIBRARY", by="embedding")[0][0] == "KNOW"
    with pytest.raises(SignerError, match="A has no SLUL embedding"):
        prior.nearest("A", by="embedding")


def test_a_candidate_is_a_pose_file(tmp_path, lexicon, two_letters):
    poses = Prior.open(tmp_path / "cache", lexicon).candidates("KNOW")[0].poses
    assert Pose.read(write_pose(poses, tmp_path / "know.pose").read_bytes()).body.data.shape == (len(poses), 1, 70, 3)


def test_an_unknown_gloss_says_what_to_do(prior):
    with pytest.raises(SignerError, match="NOPE.*fs-NOPE"):
        prior.candidates("NOPE")


def test_it_is_built_once_and_again_when_the_lexicon_changes(tmp_path, lexicon, two_letters, monkeypatch):
    first = Prior.open(tmp_path / "cache", lexicon)
    with monkeypatch.context() as patch:
        patch.setattr(database, "build_prior", lambda *_: pytest.fail("built twice"))
        assert Prior.open(tmp_path / "cache", lexicon).name == first.name
    (lexicon / "signs.yaml").write_text(SIGNS.replace("KNOW", "THINK"))
    second = Prior.open(tmp_path / "cache", lexicon)
    assert second.name != first.name and "THINK" in second and "KNOW" not in second


def test_of_the_builds_the_newest_two_are_kept(tmp_path, lexicon, two_letters):
    cache = tmp_path / "cache"
    for k, name in enumerate(("prior-old", "prior-older")):
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (1000 - k, 1000 - k))
    (cache / "something-else").mkdir()
    first = Prior.open(cache, lexicon)
    assert {p.name for p in cache.iterdir()} == {first.name, "prior-old", "something-else"}
    (lexicon / "signs.yaml").write_text(SIGNS.replace("KNOW", "THINK"))
    second = Prior.open(cache, lexicon)
    assert {p.name for p in cache.iterdir()} == {second.name, first.name, "something-else"} and len(first.candidates("KNOW")) == 3


def test_the_fingerprint_follows_all_that_it_names(lexicon, tmp_path, monkeypatch):
    body = load_body()
    before = depends_on(lexicon, body)
    assert fingerprint(lexicon, body) == fingerprint(lexicon, load_body())
    assert {"lexicon", "shipped", "compiler", "poses", "slul", "signer", "spoken-to-signed", "pose-format", "format"} == set(before)
    taller = replace(body, nose=body.nose + 0.01)
    assert {k for k, v in depends_on(lexicon, taller).items() if v != before[k]} == {"signer"}
    (lexicon / "signs.yaml").write_text(SIGNS + "\n")
    assert {k for k, v in depends_on(lexicon, body).items() if v != before[k]} == {"lexicon"}
    monkeypatch.setattr(building.table, "FORMAT", 99)
    assert depends_on(lexicon, body)["format"] != before["format"]


def test_the_place_comes_from_the_environment(tmp_path, lexicon, two_letters, monkeypatch):
    monkeypatch.setenv("SIGNER_CACHE", str(tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere" / Prior.open(lexicon=lexicon).name).is_dir()


def test_the_faster_process_wins(tmp_path, lexicon, two_letters, monkeypatch):
    """While this process builds, another one puts its table in place."""
    folder = tmp_path / "cache" / "prior-x"
    rows = building.lexicon_rows

    def overtaken(*args):
        yield from rows(*args)
        monkeypatch.setattr(building, "lexicon_rows", rows)
        build_prior(folder, lexicon)
        (folder / "theirs").touch()

    monkeypatch.setattr(building, "lexicon_rows", overtaken)
    build_prior(folder, lexicon)
    assert (folder / "theirs").exists() and [p.name for p in folder.parent.iterdir()] == ["prior-x"]


def test_a_build_that_fails_leaves_nothing(tmp_path, lexicon, two_letters, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(table.datasets.Dataset, "save_to_disk", full)
    with pytest.raises(SignerError, match="No space left.*SIGNER_CACHE"):
        Prior.open(tmp_path / "cache", lexicon)
    assert not (tmp_path / "cache").exists()


def test_a_wrong_handshape_is_named_and_nothing_is_built(tmp_path, lexicon, two_letters):
    (lexicon / "signs.yaml").write_text(SIGNS.replace("bent-b", "bent-bee"))
    with pytest.raises(SignerError, match="KNOW.*bent-bee") as error:
        Prior.open(tmp_path / "cache", lexicon)
    assert "\n" not in str(error.value) and not (tmp_path / "cache").exists()


def test_a_sign_must_not_have_the_name_of_a_letter(tmp_path, lexicon, two_letters):
    (lexicon / "signs.yaml").write_text(SIGNS.replace("KNOW", "A"))
    with pytest.raises(SignerError, match="rename"):
        Prior.open(tmp_path / "cache", lexicon)


@pytest.mark.parametrize("damage", ["cut", "gone", "text", "manifest", "fewer"])
def test_a_damaged_table_is_named(prior, damage):
    data, manifest = next(prior.folder.glob("part-*/*.arrow")), prior.folder / "manifest.json"
    if damage == "gone":
        data.unlink()
    elif damage in ("manifest", "fewer"):
        manifest.write_text("{" if damage == "manifest" else manifest.read_text().replace('"clips": 4', '"clips": 5'))
    else:
        data.write_bytes(data.read_bytes()[:200] if damage == "cut" else b"x" * 500)
    with pytest.raises(SignerError, match=f"{prior.folder.name}.*delete") as error:
        Prior.load(prior.folder)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_no_prior_is_told(tmp_path):
    with pytest.raises(SignerError, match="no pose prior in.*prior build"):
        Prior.load(tmp_path)


def test_a_place_that_cannot_be_written_to(tmp_path, lexicon, two_letters):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SignerError, match="SIGNER_CACHE"):
        Prior.open(tmp_path / "file", lexicon)


# --- asking -----------------------------------------------------------------------------------------------------------
def test_what_was_added_comes_out_exactly(tmp_path):
    poses = clip(5)
    half = PoseSequence(np.where(np.arange(70)[:, None] == 3, np.nan, poses.xyz), 29.97, np.where(np.arange(70) == 7, 0.5, 1.0) * np.ones((5, 1)))
    prior = Prior.new(tmp_path / "p")
    assert prior.glosses == () and prior.add([row("X", "v", half, phonology={"handshape": ["b"]}, embedding=[1, 2])]) == 1
    found, = prior.candidates("X")
    np.testing.assert_array_equal(found.poses.xyz, half.xyz)
    np.testing.assert_array_equal(found.poses.confidence, half.confidence)
    assert found.poses.fps == pytest.approx(29.97) and found.phonology == {"handshape": ["b"]} and found.missing == pytest.approx(1 / 70)
    assert (found.source, found.licence, found.signer) == ("recording", "CC0-1.0", "made") and prior.table[0]["embedding"] == [1, 2]


def test_the_steadiest_come_first_whatever_their_source(tmp_path):
    prior = Prior.new(tmp_path / "p")
    gap = clip(sway=0).xyz.copy()
    gap[2, 60] = np.nan
    prior.add([row("X", "wild", clip(sway=0.5), source="rule"), row("X", "gap", PoseSequence(gap, 25)), row("X", "calm", clip(sway=0.1)),
               row("X", "calmer", clip(sway=0.05), source="rule")])
    assert [c.variant for c in prior.candidates("X")] == ["wild", "gap", "calm", "calmer"]
    assert [c.variant for c in prior.candidates("X", k=3)] == ["calmer", "calm", "wild"]
    assert [c.variant for c in prior.candidates("X", k=9)][-1] == "gap"


def test_asking_again_is_quick_and_decoded_clips_are_not_kept_without_bound(prior, monkeypatch):
    monkeypatch.setattr(database, "DECODED", 3)
    prior = Prior.load(prior.folder)
    first = prior.candidates("A")[0]
    start = time.perf_counter()
    for _ in range(100):
        assert prior.candidates("A")[0] is first
    assert (time.perf_counter() - start) / 100 < 0.002
    prior.candidates("B")
    assert prior._clip.cache_info().currsize == 3 and prior.candidates("A")[0] is not first


def test_files_are_mapped_anew_after_much_reading_and_may_be_removed_meanwhile(prior, monkeypatch):
    monkeypatch.setattr(database, "MAPPED", 0)
    monkeypatch.setattr(database, "DECODED", 0)
    prior = Prior.load(prior.folder)
    before = [c.poses.xyz for c in prior.candidates("A")]
    shutil.rmtree(prior.folder)
    np.testing.assert_array_equal([c.poses.xyz for c in prior.candidates("A")][1], before[1])


# --- growing ----------------------------------------------------------------------------------------------------------
def test_adding_leaves_the_old_part_alone(prior):
    old, = prior.folder.glob("part-*")
    content = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in old.iterdir()}
    assert prior.add([row("C")]) == 1 and prior.glosses == ("A", "B", "C") and len(list(prior.folder.glob("part-*"))) == 2
    assert content == {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in old.iterdir()}
    assert Prior.load(prior.folder).glosses == ("A", "B", "C")
    assert prior.add([]) == 0 and len(prior.parts) == 2


def test_much_is_added_in_several_parts(prior, monkeypatch):
    monkeypatch.setattr(table, "PART_BYTES", 3 * len(row()["xyz"]))
    assert prior.add(row(f"G{k}", poses=clip(sway=k / 10)) for k in range(8)) == 8
    assert [part["clips"] for part in prior.parts] == [4, 3, 3, 2]
    assert prior.candidates("G7")[0].poses.xyz[4, 0, 0] == pytest.approx(clip(sway=0.7).xyz[4, 0, 0])


def test_a_generator_that_fails_adds_nothing(prior, monkeypatch):
    monkeypatch.setattr(table, "PART_BYTES", 1)

    def rows():
        yield row("C")
        raise SignerError("the next recording is broken")

    with pytest.raises(SignerError, match="broken"):
        prior.add(rows())
    assert Prior.load(prior.folder).glosses == ("A", "B") and len(list(prior.folder.glob("*part-*"))) == 1


def child(code, *arguments):
    """A process that runs the code with ``row(gloss, variant)``, ``append(folder, rows)`` and ``stop()``, which tells and waits."""
    program = """
        import os, sys, time
        import numpy as np
        from signer_lib.pose import PoseSequence
        from signer_lib.prior import table
        from signer_lib.prior.table import append

        still = PoseSequence(np.zeros((8, 70, 3)), 25)
        row = lambda gloss, variant: table.clip_row(gloss, variant, still, source="rule", licence="MIT", signer="made")

        def stop(*_):
            print("now", flush=True)
            time.sleep(100)
    """
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(program) + textwrap.dedent(code), *map(str, arguments)], stdout=subprocess.PIPE)


@pytest.mark.parametrize("moment", ["before the part", "in the part", "before the manifest", "in the manifest"])
def test_a_kill_amid_an_append_leaves_the_old_table(prior, moment):
    """The child stops itself at the moment, and is killed there with SIGKILL."""
    killed = child("""
        folder, moment = sys.argv[1:]
        if moment == "in the part":
            os.fsync = stop
        elif moment == "before the manifest":
            table._replace_manifest = stop
        elif moment == "in the manifest":
            os.replace = stop
        append(folder, (row("C", str(k)) if k < 3 or moment != "before the part" else stop() for k in range(9)))
    """, prior.folder, moment)
    assert killed.stdout.readline() == b"now\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert Prior.load(prior.folder).glosses == ("A", "B") and len(Prior.load(prior.folder).candidates("A")) == 2
    again = Prior.load(prior.folder)
    assert again.add([row("D")]) == 1 and again.glosses == ("A", "B", "D"), "the lock went with the process"
    left = {path.name for path in prior.folder.iterdir()}
    assert left == {"manifest.json", ".lock", *(part["name"] for part in again.parts)}, "what the dead process wrote is swept away"


def test_two_processes_that_add_lose_nothing(prior):
    code = """
        folder, name = sys.argv[1:]
        for k in range(5):
            append(folder, [row(name, str(k))])
    """
    both = [child(code, prior.folder, name) for name in ("ONE", "TWO")]
    assert [process.wait() for process in both] == [0, 0]
    found = Prior.load(prior.folder)
    assert [len(found.candidates(name)) for name in ("ONE", "TWO", "A")] == [5, 5, 2] and len(found.parts) == 11


def test_merging_takes_what_is_new(prior, tmp_path):
    other = Prior.new(tmp_path / "other")
    other.add([row("A", "another name", clip(20)), row("A", "new", clip(21)), row("C")])
    assert prior.merge(other) == 2 and [c.variant for c in prior.candidates("A")] == ["quick", "slow", "new"] and "C" in prior
    assert prior.merge(other) == 0 and prior.merge(prior) == 0


# --- validating -------------------------------------------------------------------------------------------------------
def told(prior):
    return [str(problem) for problem in prior.validate()]


def test_a_bone_that_changes_is_named_with_frame_and_joint(prior):
    bent = clip(sway=0).xyz.copy()
    bent[5, SIGNER70.index("l_elbow")] += (0.2, 0, 0)
    prior.add([row("C", "bent", PoseSequence(bent, 25))])
    problem, = prior.validate()
    assert (problem.gloss, problem.variant, problem.frame) == ("C", "bent", 5) and problem.joint in ("l_elbow", "l_wrist") and "%" in problem.what


def test_a_rule_may_not_stretch_what_a_recording_may(prior):
    grown = clip(sway=0).xyz * np.linspace(1, 1.005, 8)[:, None, None]
    prior.add([row("C", "recorded", PoseSequence(grown, 25)), row("C", "ruled", PoseSequence(1.0001 * grown, 25), source="rule")])
    assert [problem.variant for problem in prior.validate()] == ["ruled"]


def test_missing_joints_twins_and_licences_are_named(prior):
    gap = clip().xyz.copy()
    gap[3:, SIGNER70.index("r_wrist")] = np.nan
    prior.add([row("C", "gap", PoseSequence(gap, 25)), row("A", "twin", clip(20)), row("C", "whose", clip(30), licence="who knows"),
               row("C", "fine", clip(31), licence="MIT (as published)"), row("C", "own", clip(32), licence="LicenseRef-Mine")])
    first, second, third = told(prior)
    assert first.startswith("C, gap, frame 3, r_wrist: missing") and second.startswith("A, twin: the same poses as slow")
    assert third.startswith("C, whose: unknown licence 'who knows'")


def test_raw_rows_that_lie_are_named(prior):
    short = row("C", "short") | {"frames": 9}
    nowhere = row("C", "nowhere", clip(9))
    xyz = np.frombuffer(nowhere["xyz"], "<f4").reshape(9, 70, 3).copy()
    xyz[4, 1] = np.nan
    sure = row("C", "sure", clip(10))
    confidence = np.frombuffer(sure["confidence"], "<f2").reshape(10, 70).copy()
    confidence[2, 0] = 1.5
    prior.add([short, nowhere | {"xyz": xyz.tobytes()}, sure | {"confidence": confidence.tobytes(), "source": "guess"}])
    found = told(prior)
    assert any(line.startswith("C, short: wrong shape: 9 frames") for line in found)
    assert any(line.startswith("C, nowhere, frame 4, neck: has confidence 1.00 but no coordinates") for line in found)
    assert any(line.startswith("C, sure, frame 2, nose: has confidence 1.5") for line in found)
    assert any("unknown source 'guess'" in line for line in found) and len(found) == 4


# --- exporting --------------------------------------------------------------------------------------------------------
def test_spoken_to_signed_reads_the_export(prior, tmp_path):
    prior.add([row("THANK-YOU", "29.97/s", clip(31, fps=29.97))])
    index = prior.export(tmp_path / "out")
    lines = index.read_text().splitlines()
    assert lines[0] == "path,spoken_language,signed_language,start,end,words,glosses,priority" and len(lines) == 6
    assert lines[1] == "A-quick.pose,en,ase,0,320,a,A,0" and lines[2].endswith(",A,1") and ",thank you,THANK-YOU,0" in lines[5]
    lookup = CSVPoseLookup(str(tmp_path / "out"))
    found = lookup.lookup("thanks", "THANK-YOU", "en", "ase").pose
    assert found.body.data.shape == (31, 1, 179, 3), "the reduced holistic points, and the nose"
    assert lookup.lookup("a", "A", "en", "ase").pose.body.data.shape[0] == len(clip())
    lookup.backup = FingerspellingPoseLookup()
    joined = gloss_to_pose([("a", "A"), ("zoe", "fs-ZOE"), ("b", "B")], lookup, "en", "ase").pose
    assert [coverage.coverage for coverage in lookup.last_coverage] == ["lexicon", "fingerspelling_backup", "lexicon"]
    assert joined.body.data.shape[1:] == (1, 178, 3) and len(joined.body.data) > 20
    swaying = clip(20).xyz
    np.testing.assert_allclose(read_pose(tmp_path / "out" / "A-slow.pose").xyz, swaying - np.median(swaying[:, 1], axis=0), atol=1e-5)


def test_names_that_a_file_system_cannot_tell_apart_are_numbered(prior, tmp_path):
    prior.add([row("a", "slow", clip(12)), row("../up", "x/y", clip(13)), row("../up", "x:y", clip(14))])
    files = sorted(path.name for path in prior.export(tmp_path / "out").parent.glob("*.pose"))
    assert files == ["A-quick.pose", "A-slow.pose", "B-one.pose", "B-two.pose", "a-slow-2.pose", "up-x_y-2.pose", "up-x_y.pose"]


# --- neighbours -------------------------------------------------------------------------------------------------------
MOTHER = {"type": "one-handed", "handshape": ["5"], "palm": ["left"], "fingers": ["up"], "location": ["chin"], "contact": "thumb-tip",
          "movement": {"path": "tap", "repeat": 2}, "base": None, "face": [], "duration": 700}


def test_a_minimal_pair_is_at_distance_one():
    father = MOTHER | {"location": ["forehead"], "duration": 900}
    assert neighbours.distance(MOTHER, MOTHER | {"duration": 1}) == 0
    assert neighbours.distance(MOTHER, father) == 1 and neighbours.differing(MOTHER, father) == ["location"]
    two = MOTHER | {"type": "base-hand", "base": {"handshape": "b"}}
    assert neighbours.differing(MOTHER, two) == ["type"] and neighbours.distance(two, two | {"base": {"handshape": "s"}}) == 1
    assert neighbours.distance(MOTHER, {"gloss": "PARENTS", "parts": [MOTHER, father]}) == len(neighbours.PARAMETERS)
    assert neighbours.distance(MOTHER, {"handshape": ["a"]}) == np.inf


def test_the_prior_tells_the_nearest_signs(tmp_path):
    prior = Prior.new(tmp_path / "p")
    signs = {"MOTHER": MOTHER, "FATHER": MOTHER | {"location": ["forehead"]}, "FAR": MOTHER | {"location": ["neutral"], "handshape": ["s"]}}
    vectors = {"MOTHER": [1, 0], "FATHER": [0, 1], "FAR": [1, 0.1]}
    prior.add([row(gloss, poses=clip(8 + k), phonology=signs[gloss], embedding=vectors[gloss]) for k, gloss in enumerate(signs)])
    prior.add([row("A", phonology={"handshape": ["a"]})])
    assert prior.nearest("MOTHER") == [("FATHER", 1.0), ("FAR", 2.0)] and prior.nearest("FAR", k=1) == [("MOTHER", 2.0)]
    assert [gloss for gloss, _ in prior.nearest("MOTHER", by="embedding")] == ["FAR", "FATHER"]
    with pytest.raises(SignerError, match="A has no description"):
        prior.nearest("A")
    with pytest.raises(SignerError, match="NOPE"):
        prior.nearest("NOPE")


# --- words without a sign ---------------------------------------------------------------------------------------------
HAVE = {"CAR", "BUY", "CALL", "BROTHER", "SISTER", "CORN", "DOCTOR"}


@pytest.mark.parametrize("word, text, gloss, how", [
    ("MOTORCAR", "My motorcar is old.", "CAR", "synonym"),
    ("motorcars", "two motorcars", "CAR", "synonym"),
    ("PURCHASED", "She purchased it.", "BUY", "synonym"),
    ("CORN", "I eat corn.", "CORN", "sign"),
    ("SIBLING", "my sibling", None, "fingerspelling"),             # brother or sister
    ("RING", "I bought a ring.", None, "fingerspelling"),          # a thing, not a call
    ("PURCHASE", "It was a good purchase, the purchase of my life.", None, "fingerspelling"),       # a noun here
    ("GORGEOUS", "a gorgeous day", None, "fingerspelling"),        # BEAUTIFUL is not there
    ("BLORF", "a blorf", None, "fingerspelling"),
    ("CAR", "Ask Car about it.", None, "fingerspelling"),          # a name
    ("PHYSICIAN", "Physician is here.", None, "fingerspelling"),   # may be a name
    ("PHYSICIAN", "MY PHYSICIAN", None, "fingerspelling"),         # capitals hide names
    ("GRANT", "my friend grant", None, "fingerspelling"),
])
def test_what_stands_in_for_a_word(word, text, gloss, how):
    found = neighbours.stand_in(word, HAVE, text)
    assert (found.word, found.gloss, found.how) == (word, gloss, how) and found.why


def test_the_pipeline_signs_a_synonym_and_reports_it():
    text, glosses = "My motorcar is old, Grant.", ["POSS-1", "fs-MOTORCAR", "OLD", "fs-GRANT"]
    units = units_of(glosses, {*HAVE, "POSS-1", "OLD"}, text)
    assert [unit.name for unit in units] == ["POSS-1", "CAR", "OLD", "G", "R", "A", "N", "T"]
    assert [unit.name for unit in units_of(glosses, {*HAVE, "POSS-1"})][1:9] == list("MOTORCAR"), "without the text nothing is replaced"
    offered = [[Candidate(unit.name, "citation", "rule", "MIT", "made", 0.0, 0.0, 0.0, clip(), {})] for unit in units]
    spans = [Span(k, 4 * k, 4 * k + 4) for k in range(len(units))]
    poses = clip(4 * len(units))
    sentence, choice = GlossSentence(text, glosses, None, None), Choice(units, offered, *[None] * 6)
    signing = Signing(text, [sentence], [choice], poses, spans, np.zeros((0, 1)), 0, {})
    rows = signing.report()["signs"]
    assert [row["gloss"] for row in rows] == ["POSS-1", "CAR", "OLD", "fs-GRANT"] and signing.captions[6] == "CAR"
    assert rows[1]["source"] == "rule" and rows[1]["stands for"] == "MOTORCAR" and "'car'" in rows[1]["why"]
    assert rows[3]["source"] == "fingerspelling" and not any("stands for" in row for row in (rows[0], rows[2], rows[3]))


def test_a_similar_gloss_is_signed_only_if_asked_for_and_near_enough():
    near = lambda word: ("CAR", 0.7)
    assert neighbours.stand_in("blorf", HAVE).gloss is None
    assert neighbours.stand_in("blorf", HAVE, similar=near, least=0.6) == neighbours.StandIn(
        "blorf", "CAR", "similar", "no synonym is known; SLUL's nearest gloss, similarity 0.70")
    spelled = neighbours.stand_in("blorf", HAVE, similar=near, least=0.8)
    assert spelled.how == "fingerspelling" and "CAR is only 0.70" in spelled.why
    assert neighbours.stand_in("My Blorf", HAVE, "My Blorf", similar=near, least=0).how == "fingerspelling", "a name"


def test_slul_finds_a_gloss_by_its_own_word():
    assert neighbours.nearest_by_slul({"CAR", "BOOK", "HAPPY"})("book")[0] == "BOOK"
    with pytest.raises(SignerError, match="no embedding"):
        neighbours.nearest_by_slul({"NOTHING"})
