"""TEACHING.md: every notebook, section, exercise, command and file that it names exists, and the minutes of the afternoon add up."""

import importlib.util
import re
import shlex

import nbformat
import pytest
import typer

from signer_lib.assets import ROOT
from signer_lib.cli import app
from signer_lib.exercises.checking import registry

TEXT = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
CODE = [code for span in re.findall(r"```bash\n(.*?)```|`([^`\n]+)`", TEXT, re.S) for code in "".join(span).splitlines()]
NOTEBOOKS = {path.name[:2]: path for path in (ROOT / "notebooks").glob("*.ipynb")}


def part(title: str) -> str:
    """The text below a heading of the second order, up to the next one."""
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.S | re.M)[1]


def headings(text: str) -> set[str]:
    """GitHub's anchors of all headings."""
    return {re.sub(r"[^\w\- ]", "", line.strip("# ").lower()).replace(" ", "-") for line in text.splitlines() if line.startswith("#")}


def test_readme_links_to_it_and_its_links_lead_somewhere():
    assert "(TEACHING.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        path, _, anchor = target.partition("#")
        assert (ROOT / path).exists(), target
        if anchor:
            assert anchor in headings((ROOT / (path or "TEACHING.md")).read_text(encoding="utf-8")), target


def test_every_file_that_it_names_exists():
    named = [word for code in CODE for word in code.split() if re.match(r"(signer_lib|notebooks|results|tests|data)/", word)]
    assert len(named) >= 25
    for name in named:
        assert (ROOT / name).exists(), name


def test_every_section_that_it_names_exists():
    named = set(re.findall(r"\b(0\d) §(\d+)", TEXT))
    assert len(named) >= 25
    for number, section in sorted(named):
        lines = [line for cell in nbformat.read(NOTEBOOKS[number], 4).cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
        assert any(line.startswith(f"## {section} · ") for line in lines), f"{number} §{section}"
    assert set(re.findall(r"^\| \[`(0\d)`\]", TEXT, re.M)) == set(NOTEBOOKS)


def test_every_exercise_that_it_names_exists_with_its_minutes_and_difficulty():
    exercises, named = registry(), re.findall(r"\b(\d\.\d) \((\d+) min, (\w+)\)", TEXT)
    assert {number for number, _, _ in named} == set(exercises), "each is in a plan"
    for number, minutes, difficulty in named:
        assert (int(minutes), difficulty) == (exercises[number].minutes, exercises[number].difficulty), number
    assert set(re.findall(r"exercises? (\d\.\d)", TEXT)) <= set(exercises)


def test_the_afternoon_adds_up():
    plan = part("One afternoon")
    rows = re.findall(r"^\| (\d):(\d\d) \| (\d+) \|", plan, re.M)
    said = int(re.search(r"In all: (\d+) minutes", plan)[1])
    assert sum(int(minutes) for _, _, minutes in rows) == said == 240
    starts = [60 * int(hour) + int(minute) for hour, minute, _ in rows]
    assert starts == [sum(int(minutes) for _, _, minutes in rows[:k]) for k in range(len(rows))]
    for row in plan.splitlines():                       # the exercises of a row fit into its minutes
        if match := re.match(r"\| \d:\d\d \| (\d+) \|", row):
            assert sum(map(int, re.findall(r"\((\d+) min, ", row))) <= int(match[1]), row


def test_the_term_has_its_weeks():
    assert re.findall(r"^\| (\d+) \|", part("One term"), re.M) == [str(week) for week in range(1, 13)]


def test_every_command_that_it_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    made = [shlex.split(code) for code in CODE if code.startswith("make ")]
    for words in made:
        targets = [word for word in words[1:] if "=" not in word]
        assert targets and all(re.search(rf"^{target}:", makefile, re.M) for target in targets), words
    commands = [shlex.split(code) for code in CODE if code.startswith("stable-signer ")]
    assert len(made) >= 6 and len(commands) >= 6
    for words in commands:
        command, rest = typer.main.get_command(app), words[1:]
        while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
            assert rest[0] in command.commands, words
            command, rest = command.commands[rest[0]], rest[1:]
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in rest if word.startswith("--")} <= options, words
    for module in re.findall(r"python -m ([\w.]+)", TEXT):
        assert importlib.util.find_spec(module), module


def test_each_question_says_what_to_listen_for_and_where_its_facts_are():
    questions = re.findall(r"^(\d+)\. (\*\*.+)$", part("Discussion"), re.M)
    assert [int(number) for number, _ in questions] == list(range(1, len(questions) + 1)) and len(questions) >= 12
    for _, line in questions:
        assert "Listen for:" in line and "Source:" in line, line
    asked = re.search(r"\[questions\]\(#discussion\) ([\d, and]+)", TEXT)[1]
    assert all(int(number) <= len(questions) for number in re.findall(r"\d+", asked))


@pytest.mark.parametrize("start", ["signer_lib/", "`stable-signer", "tests/"])
def test_each_project_has_a_place_to_begin_and_a_measure(start):
    rows = [line.strip("| ").split(" | ") for line in part("Projects for a term").splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 10 and all(len(row) == 3 for row in rows)
    assert any(start in cell for row in rows for cell in row[1:])
