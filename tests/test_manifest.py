"""A manifest: told before it begins, one row that fails, gone on with, killed, stopped, two runs at once, shards."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from threading import Event, Thread

import numpy as np
import pytest

from clips import tiny_renderer
from signer_lib import cli
from signer_lib.assets import ROOT
from signer_lib.errors import SignerError
from signer_lib.manifest import running
from signer_lib.manifest.rows import COLUMNS, Row, read_manifest, shard_of
from signer_lib.manifest.running import LOCKS, MAKING, sign_rows
from signer_lib.pose.formats import read_pose
from signer_lib.signing import FILES
from trainings import environment

DRAWN = Row(renderer="drawn", size=128)


def write(path, *rows, header="name,text,glosses,seed"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def models(pipeline, monkeypatch):
    """The models that are loaded already, in place of a process's own."""
    monkeypatch.setattr(running, "_pipeline", lambda folder: pipeline)
    running._renderer.cache_clear()
    return pipeline


@pytest.fixture
def sign(models, monkeypatch, capfd):
    """``stable-signer sign --manifest ...`` in this process. -> exit code, stdout, stderr"""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["stable-signer", "sign", "--renderer", "drawn", "--size", "128", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, *capfd.readouterr()

    return call


def hold(name, out, held, seconds):
    with running._lock(name, out).acquire():
        held.set()
        time.sleep(seconds)


def outcomes(out, name="manifest"):
    return {row["name"]: row["outcome"] for row in json.loads((out / f"{name}.json").read_text())["rows"]}


# --- what is told before anything begins -----------------------------------------------------------------------------
@pytest.mark.parametrize("header, rows, told", [
    ("text,sytle", ["Yes.,day"], "row 1: there is no column 'sytle': the columns are name, text"),
    ("text,text", ["Yes.,No."], "row 1: the column 'text' is there twice"),
    ("name,style", ["a,day"], "row 1: there is no column 'text'"),
    ("name,text", ["a,Yes.", "b,"], "row 3: there are no words to sign"),
    ("name,text", ["a,Yes.", "", "b,你好"], "row 4: this model reads English"),
    ("name,text", ["a,Yes.", "A,No."], "row 3: 'A' is also the name of row 2"),
    ("text", ["Yes.", "Yes!"], "row 3: 'yes' is also the name of row 2"),
    *(("name,text", [f"{name},Yes."], "row 2: '.*' cannot be the name of a folder")
      for name in ("../up", "/etc/x", "a/b", ".hidden", "..", "a\\b", "C:x", "a" * 101, "-rf", "dot.")),
    ("name,text", ["a,Hello, Sam."], "row 2: there are 3 cells under 2 columns"),
    ("text,seed", ["Yes.,-1"], "row 2: seed must be a whole number from 0 to"),
    ("text,size", ["Yes.,64"], "row 2: size must be a whole number from 128"),
    ("text,size", ["Yes.,129"], "row 2: size must be an even number"), ("text,mode", ["Yes.,loud"], "row 2: there is no mode 'loud'"),
    ("text,captions", ["Yes.,maybe"], "row 2: captions must be yes or no"),
    ("text,style", ["Yes.,evening"], "row 2: this is the drawn signer, and style"),
    ("text,renderer", ["Yes.,nobody"], "row 2: there is no renderer 'nobody'"),
    ("text,language", ["Yes.,de-gsg"], "row 2: this SLUL was trained for en-ase"),
    ("text", [], "has no rows below its header"), ("text", ['"Yes.'], "is no CSV"), ("", [], "row 1: there is no column 'text'"),
])
def test_what_is_wrong_is_told_with_its_row_before_anything_is_made(sign, tmp_path, header, rows, told):
    path = write(tmp_path / "m.csv", *rows, header=header)
    with pytest.raises(SignerError, match=told):
        read_manifest(path, DRAWN)
    code, said, errors = sign("--manifest", path, "--out", tmp_path / "out")
    assert (code, said) == (2, "") and errors.startswith(f"stable-signer: {path}") and errors.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("words, told", [
    (("--manifest", "{}", "Yes."), "sign either a text or a --manifest"), (("--manifest", "{}", "--shard", "3/2"), "'3/2' is no shard"),
    (("--manifest", "{}.none"), "cannot read the manifest"), (("Yes.", "--processes", "2"), "belong to --manifest"),
    (("--manifest", "{}", "--out", "{}"), "cannot write to"),
])
def test_what_cannot_be_asked_is_told_in_one_line(sign, tmp_path, words, told):
    path = write(tmp_path / "m.csv", "a,Yes.,,")
    code, said, errors = sign(*(word.format(path) for word in words))
    assert (code, said) == (2, "") and told in errors and errors.count("\n") == 1


def test_a_style_is_checked_in_the_renderers_own_files(tmp_path, slul):
    mine = tiny_renderer(tmp_path / "mine", slul.model.config.d_model)
    path = write(tmp_path / "m.csv", f"Yes.,night,{mine}", f"No.,nigth,{mine}", header="text,style,renderer")
    with pytest.raises(SignerError, match="row 3: there is no style 'nigth': did you mean 'night'"):
        read_manifest(path)


def test_an_empty_cell_is_what_sign_was_told_and_every_wish_counts_in_the_hash(tmp_path):
    path = write(tmp_path / "m.csv", '"Hello, Sam.",,7,,no', "Yes.,text,,256,", header="﻿text,mode,seed,size,captions")
    first, second = read_manifest(path, replace(DRAWN, seed=3))
    assert (first.name, first.text, first.mode, first.seed, first.size, first.captions) == ("hello-sam", "Hello, Sam.", "prompt", 7, 128, False)
    assert (second.name, second.number, second.mode, second.seed, second.size, second.captions) == ("yes", 3, "text", 3, 256, True)
    others = {"text": "No.", "glosses": "NO", "language": "en-ase", "style": "x", "signer": "x", "seed": 9, "renderer": "x", "steps": 2,
              "mode": "prompt", "size": 512, "captions": False, "side_by_side": True}
    assert set(others) == set(COLUMNS) - {"name"}
    assert len({second.sha256, *(replace(second, **{key: value}).sha256 for key, value in others.items())}) == 1 + len(others)
    assert replace(second, name="other", number=9).sha256 == second.sha256


def test_a_shard_is_named_or_said_by_the_launcher():
    assert shard_of(None, {}) == (1, 1) and shard_of("2/8", {}) == (2, 8) and shard_of(None, {"RANK": "1", "WORLD_SIZE": "4"}) == (2, 4)
    for text, around in (("0/2", {}), ("2", {}), ("x/y", {}), ("1/2", {"RANK": "0", "WORLD_SIZE": "2"})):
        with pytest.raises(SignerError, match="no shard|leave --shard out"):
            shard_of(text, around)


# --- a run -----------------------------------------------------------------------------------------------------------
def test_a_manifest_is_signed_kept_and_only_what_changed_is_made_anew(sign, models, tmp_path):
    out, rows = tmp_path / "out", ["a,Yes.,,3", "bad,,LIBARY,", "c,Is Sam there?,fs-SAM,"]
    path = write(tmp_path / "m.csv", *rows)
    code, said, errors = sign("--manifest", path, "--out", out)
    assert code == 1 and said.count("\n") == 4 and errors == "row 3 (bad) failed: there is no gloss 'LIBARY': did you mean LIBRARY, or fs-LIBARY " \
        "to have it spelled?\n"
    assert sorted(p.name for p in out.iterdir()) == sorted([LOCKS, "a", "c", "manifest.csv", "manifest.json"])
    assert all(sorted(p.name for p in (out / name).iterdir()) == sorted(FILES) for name in "ac")
    report, single = json.loads((out / "a" / "report.json").read_text()), models("Yes.")
    assert (report["seed"], report["glosses"], report["models"]["renderer"], report["video"]["size"]) == (3, single.glosses, "drawn", 128)
    assert np.allclose(read_pose(out / "a" / "poses.pose").xyz, single.poses.xyz, atol=2e-3)
    table = list(csv.DictReader((out / "manifest.csv").open()))
    assert [(row["row"], row["outcome"], row["glosses"]) for row in table] == [("2", "made", "YES"), ("3", "failed", ""), ("4", "made", "fs-SAM")]
    assert table[0]["frames"] == str(len(single.poses)) and float(table[0]["seconds"]) > 0

    before = {name: (out / name / "video.mp4").stat().st_mtime_ns for name in "ac"}
    (out / "a" / "notes.txt").write_text("a reader's own")
    rows[1:] = ["bad,,LIBRARY,", "c,Is Sam there?,fs-ANN,", ",Thank you!,,"]
    code, said, errors = sign("--manifest", write(path, *rows), "--out", out)
    assert (code, errors) == (0, "") and outcomes(out) == {"a": "kept", "bad": "made", "c": "made", "thank-you": "made"}
    assert (out / "a" / "video.mp4").stat().st_mtime_ns == before["a"] and (out / "c" / "video.mp4").stat().st_mtime_ns > before["c"]
    assert json.loads((out / "c" / "report.json").read_text())["glosses"] == ["fs-ANN"] and (out / "a" / "notes.txt").is_file()

    (out / "a" / "video.mp4").unlink()
    (out / "bad" / "report.json").write_text("{")
    assert [outcome.outcome for outcome in sign_rows(read_manifest(path, DRAWN), out)] == ["kept", "kept", "made", "made"]


def test_a_changed_row_is_never_taken_for_finished_half_way(tmp_path, monkeypatch):
    made, place, asked = tmp_path / "made", tmp_path / "place", Row(name="place", text="Yes.")
    for folder, text in ((place, "old"), (made, "new")):
        folder.mkdir()
        for name in FILES:
            (folder / name).write_text(text)
    finished = json.dumps({"row": asked.sha256, "seconds": 1.0, "fps": 25, "glosses": []})
    (made / "report.json").write_text(finished)
    replaced, states = os.replace, []
    monkeypatch.setattr(running.os, "replace", lambda a, b: (states.append(running._finished(asked, tmp_path)), replaced(a, b)))
    running._put(made, place)
    assert states == [None] * len(FILES) and running._finished(asked, tmp_path).outcome == "kept"
    assert {path.read_text() for path in place.iterdir()} == {"new", finished}


def test_a_row_that_another_run_has_in_hand_is_waited_for(models, tmp_path):
    rows = [replace(DRAWN, number=k, name=name, text="Yes.") for k, name in enumerate("ab", 2)]
    (tmp_path / MAKING / "a").mkdir(parents=True)
    (tmp_path / MAKING / "b").mkdir()
    held = Event()
    Thread(target=hold, args=("a", tmp_path, held, 3)).start()
    assert held.wait(10)
    start, found = time.monotonic(), sign_rows(rows, tmp_path)
    assert next(found).name == "b" and time.monotonic() - start < 3 and [path.name for path in (tmp_path / MAKING).iterdir()] == ["a"]
    assert [(outcome.name, outcome.outcome) for outcome in found] == [("a", "made")] and time.monotonic() - start > 3
    assert not (tmp_path / MAKING).exists()


def test_two_runs_into_one_folder_share_its_rows(models, tmp_path):
    rows = [replace(DRAWN, number=k, name=name, text="Yes.") for k, name in enumerate("ab", 2)]
    one, two = sign_rows(rows, tmp_path), sign_rows(rows, tmp_path)
    assert (next(one).name, next(two).name) == ("a", "a")
    assert [(outcome.name, outcome.outcome) for outcome in two] == [("b", "made")]
    assert [(outcome.name, outcome.outcome) for outcome in one] == [("b", "kept")]


def test_a_run_that_is_killed_leaves_whole_rows_and_goes_on(sign, tmp_path):
    out, path = tmp_path / "out", write(tmp_path / "m.csv", "a,Yes.,,", "b,No.,,", "c,Hello.,,", "d,Thank you.,,")
    command = ["--manifest", path, "--out", out, "--shard", "1/2"]
    process = subprocess.Popen([sys.executable, "-m", "signer_lib", "sign", "--renderer", "drawn", "--size", "128", *map(str, command)], cwd=ROOT,
                               env=environment(), stdout=subprocess.PIPE, text=True)
    assert "made" in process.stdout.readline()
    while not list((out / MAKING).glob("*/.part-*")):
        assert process.poll() is None
        time.sleep(0.002)                                                   # the next row is on its way
    process.kill()
    assert process.wait() == -signal.SIGKILL and [path.name for path in (out / MAKING).iterdir()] == ["c"]
    assert sorted(path.name for path in out.iterdir()) == sorted([LOCKS, MAKING, "a"]) and len(list((out / "a").iterdir())) == len(FILES)
    assert sign(*command)[0] == 0 and not (out / MAKING).exists()
    assert outcomes(out, "manifest-1-of-2") == {"a": "kept", "c": "made"}


def test_a_run_that_is_stopped_says_what_is_there(sign, tmp_path, monkeypatch):
    out, path, saved = tmp_path / "out", write(tmp_path / "m.csv", "a,Yes.,,", "b,No.,,"), running.Signing.save

    def save(signing, folder, *more, **how):
        if folder.name == "b":
            (folder / "half").mkdir(parents=True)
            raise KeyboardInterrupt
        return saved(signing, folder, *more, **how)

    monkeypatch.setattr(running.Signing, "save", save)
    code, said, errors = sign("--manifest", path, "--out", out)
    assert code == 130 and "1 of 2 rows are there, 0 failed" in said and errors == "stopped: the same command goes on\n"
    assert sorted(path.name for path in out.iterdir()) == sorted([LOCKS, MAKING, "a", "manifest.csv", "manifest.json"])
    assert not list((out / MAKING).iterdir()) and outcomes(out) == {"a": "made"}
