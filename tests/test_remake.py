"""Everything in results/ has a command that makes it, each command parses, and the runner keeps, skips, fails and tells as it says."""

import argparse
import importlib
import json
import runpy
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer

from signer_lib.assets import DATA, RESULTS, ROOT
from signer_lib.errors import SignerError
from signer_lib.remake.__main__ import chosen, main
from signer_lib.remake.listed import ENTRIES, Entry
from signer_lib.remake.running import Outcome, Remaking, entry_of, told, value_at

COMMITTED = sorted(str(path.relative_to(RESULTS)) for path in RESULTS.rglob("*") if path.is_file())


# --- the list --------------------------------------------------------------------------------------------------------
def test_every_file_of_the_results_has_one_entry():
    for file in COMMITTED:
        makers = [entry.name for entry in ENTRIES if any(fnmatch(file, pattern) for pattern in entry.files)]
        assert len(makers) == 1, f"{file} is made by {makers or 'nothing'}"


def test_needs_come_first_and_what_is_used_is_needed():
    by_name = {entry.name: entry for entry in ENTRIES}
    made_by = {place: entry.name for entry in ENTRIES for word, place in zip(entry.command, entry.command[1:])
               if word == "--out" and place.startswith("{work}")}

    def all_needs(name: str, above: tuple[str, ...] = ()) -> set[str]:
        assert name not in above, f"{name} needs itself"
        return set(by_name[name].needs).union(*(all_needs(need, (*above, name)) for need in by_name[name].needs))

    for entry in ENTRIES:
        needs = all_needs(entry.name)
        for word in entry.command:
            if (place := word.removesuffix("/judge")) in made_by and made_by[place] != entry.name:
                assert made_by[place] in needs, f"{entry.name} uses {place}"
        assert not any("{data}" in word for word in entry.command) or entry.data, entry.name


def test_the_whole_is_planned_to_take_less_than_forty_minutes_on_two_cores():
    assert sum(entry.minutes for entry in ENTRIES) < 2 * 40


class Parsed(Exception):
    """A command's arguments were understood."""


def parse(command, monkeypatch):
    """Raises ``Parsed``; else what the module says of its arguments."""
    if command[0] == "-c":
        compile(command[1], "<strip>", "exec")
        raise Parsed
    script = command[0].endswith(".py")
    module, *arguments = command if script else command[1:]
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    if module == "signer_lib":
        from signer_lib.cli import app

        tool, name = typer.main.get_command(app), "stable-signer"
        while hasattr(tool, "commands"):
            name, *arguments = arguments
            tool = tool.commands[name]
        tool.make_context(name, arguments)
        raise Parsed
    real = argparse.ArgumentParser.parse_args

    def parse_args(self, *given, **named):
        real(self, *given, **named)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    if script:
        runpy.run_path(module, run_name="__main__")
    package = module if module != "signer_lib.performances" else f"{module}.__main__"
    importlib.import_module(package).main()


def test_every_command_is_understood_by_its_module(tmp_path, monkeypatch):
    remaking = Remaking(ENTRIES, tmp_path / "out", tmp_path / "work", tmp_path)
    for entry in ENTRIES:
        with pytest.raises(Parsed), monkeypatch.context() as patch:
            parse(remaking.command(entry), patch)
        assert not any("{" in word and "}" in word for word in remaking.command(entry)), entry.name


def test_nothing_is_written_into_results_or_data():
    told_where = ("--out", "--result", "--factors", "--work", "--prototypes")
    for entry in ENTRIES:
        places = [place for word, place in zip(entry.command, entry.command[1:]) if word in told_where]
        assert all(place.startswith(("{out}", "{work}")) or "={work}" in place for place in places), entry.name
        assert entry.command[0] == "-c" or places, f"{entry.name} does not say where its result goes"
    for module in ("prior.durations", "prior.fit_handshapes"):                            # which would change what is shipped
        [command] = [entry.command for entry in ENTRIES if f"signer_lib.{module}" in entry.command]
        assert sum(word.startswith(("{out}", "{work}")) for word in command) == 2


# --- the runner ------------------------------------------------------------------------------------------------------
WRITE = ("import json, os, sys; made = {'rows': [{'x': float(sys.argv[2])}], 'threads': os.environ['OMP_NUM_THREADS']}; "
         "open(sys.argv[1], 'w').write(json.dumps(made))")


def write(name, value, file, **told):
    return Entry(name, ("-c", WRITE, "{out}/" + file, str(value)), (file,), key="rows/0/x", **told)


@pytest.fixture
def places(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "data").mkdir()
    return {"out": tmp_path / "out", "work": tmp_path / "work", "data": tmp_path / "data"}


def test_needs_come_first_and_a_finished_entry_is_kept(places):
    copy = "import shutil, sys; shutil.copy(*sys.argv[1:])"
    entries = [Entry("second", ("-c", copy, "{out}/a.json", "{out}/b.json"), ("b.json",), ("first",)), write("first", 1.5, "a.json")]
    first = Remaking(entries, **places).run()
    assert {name: outcome.how for name, outcome in first.items()} == {"first": "remade", "second": "remade"} and list(first) == ["first", "second"]
    assert json.loads((places["out"] / "b.json").read_text()) == {"rows": [{"x": 1.5}], "threads": "1"}
    assert {outcome.how for outcome in Remaking(entries, **places).run().values()} == {"kept"}
    changed = [entries[0], write("first", 2.5, "a.json")]
    assert Remaking(changed, **places).run()["first"].how == "remade" and value_at(places["out"] / "a.json", "rows/0/x") == 2.5


def test_what_cannot_be_made_is_skipped_with_its_reason(places, capsys):
    entries = [write("no data", 1, "a.json", data=("corpus/train.de",)), write("no module", 1, "b.json", modules=("no_such_module",)),
               Entry("broken", ("-c", "import sys; print('all went well'); sys.exit('the reason')"), ("c.json",)),
               write("after it", 1, "d.json", needs=("broken",)), write("after that", 1, "e.json", needs=("after it",)), write("fine", 1, "f.json")]
    outcomes = Remaking(entries, **places).run()
    assert outcomes["no data"].reason == "needs corpus/train.de, which is not in $SIGNER_DATA"
    assert "no_such_module" in outcomes["no module"].reason and outcomes["fine"].how == "remade"
    assert outcomes["broken"].how == "failed" and "exit code 1: the reason" in outcomes["broken"].reason
    assert "all went well" in (places["work"] / "logs" / "broken.txt").read_text()
    assert outcomes["after it"] == Outcome("skipped", reason="needs 'broken', which was failed")
    assert outcomes["after that"].how == "skipped" and not (places["out"] / "d.json").exists()
    assert "skipped" in capsys.readouterr().out


def test_without_real_data_that_is_said(places, monkeypatch):
    monkeypatch.setattr("signer_lib.remake.running.signer_data", lambda: None)
    [outcome] = Remaking([write("a", 1, "a.json", data=("x",))], places["out"], places["work"]).run().values()
    assert outcome.how == "skipped" and "$SIGNER_DATA" in outcome.reason


def test_a_failed_entry_is_begun_anew_without_what_it_left(places):
    fill = "import os, sys; os.makedirs(sys.argv[1]); sys.exit(0 if os.path.exists(sys.argv[2]) else 1)"
    entry = Entry("half", ("-c", fill, "{work}/half", "{out}/go"), fresh=("{work}/half",))
    assert Remaking([entry], **places).run()["half"].how == "failed" and (places["work"] / "half").is_dir()
    (places["out"] / "go").touch()
    assert Remaking([entry], **places).run()["half"].how == "remade"


def test_a_list_that_cannot_be_run_is_refused(places):
    with pytest.raises(SignerError, match="'nobody' is needed and not listed"):
        Remaking([write("a", 1, "a.json", needs=("nobody",))], **places)
    with pytest.raises(SignerError, match="two entries have one name"):
        Remaking([write("a", 1, "a.json"), write("a", 1, "b.json")], **places)


# --- what is told ----------------------------------------------------------------------------------------------------
def test_the_table_sets_figures_beside_the_committed_ones(tmp_path):
    committed, out = tmp_path / "results", tmp_path / "out"
    for folder, values in ((committed, {"full-1": 27.5, "full-2": 28.0, "lost": 1.0}), (out, {"full-1": 3.25, "new": 2.0})):
        folder.mkdir()
        for name, value in values.items():
            (folder / f"{name}.json").write_text(json.dumps({"bleu4": value}))
    entries = [Entry("full", (), ("full*.json", "new.json"), key="bleu4"), Entry("lost", (), ("lost.json",))]
    rows = told(entries, {"full": Outcome("remade", 1.25), "lost": Outcome("skipped")}, committed, out)
    assert rows == [["full-1.json", "1.2", "remade", "bleu4", "3.25", "27.5"], ["full-2.json", "1.2", "another seed", "bleu4", "", "28"],
                    ["lost.json", "0.0", "skipped", "", "", ""], ["new.json", "1.2", "remade", "bleu4", "2", ""]]


def test_every_key_is_in_the_committed_files():
    for entry in ENTRIES:
        found = [value_at(RESULTS / file, entry.key) for file in COMMITTED if entry_of(ENTRIES, file) is entry and file.endswith(".json")]
        assert not entry.key or not found or any(value is not None for value in found), f"{entry.name}: no file has {entry.key}"


def test_the_committed_results_are_never_the_place_to_write(tmp_path):
    for out in (RESULTS, RESULTS / "slul"):
        with pytest.raises(SignerError, match="committed figures"):
            main(["--out", str(out), "--work", str(tmp_path)])
    assert not list(tmp_path.iterdir()) and Path(ROOT, "data") == DATA


def test_some_entries_bring_what_they_need():
    assert [entry.name for entry in chosen(["joint"])][0] == "performances" and "poses, variants 1" in {entry.name for entry in chosen(["joint"])}
    assert len(chosen(None)) == len(ENTRIES)
    with pytest.raises(SignerError, match="no entry 'everything'"):
        chosen(["everything"])


def test_the_list_can_be_read(tmp_path, capsys):
    main(["--list", "--only", "SLUL", "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")])
    assert " min): python -m signer_lib.language.report --out" in capsys.readouterr().out and not list(tmp_path.iterdir())
