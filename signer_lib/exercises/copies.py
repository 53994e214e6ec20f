"""The students' and the solutions' notebooks, made from one source: `python -m signer_lib.exercises.copies` (`--check`: do they differ?).

A source, `notebooks/sources/NN_name_exercises.ipynb`, is a notebook that was run, with the solutions between the lines `### BEGIN SOLUTION` and
`### END SOLUTION` (nbgrader's marks). `notebooks/exercises/NN_name.ipynb` raises NotImplementedError in their place and holds no outputs;
`notebooks/solutions/NN_name.ipynb` lacks only the marks. A text cell tagged "answer" is left empty for the student. Cells keep their ids.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from signer_lib.errors import SignerError, run
from signer_lib.files import whole_file

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = 'raise NotImplementedError("write {name}, then run this cell and the next")'
TO_ANSWER = "*Your answer:*"


def solved(source: NotebookNode) -> NotebookNode:
    """The solutions' copy: without the marks, with the outputs."""
    made = copy.deepcopy(source)
    for cell in _marked(made):
        cell.source = "\n".join(line for line in cell.source.split("\n") if line.strip() not in (BEGIN, END))
    return made


def to_solve(source: NotebookNode) -> NotebookNode:
    """The student's copy: stubs for solutions, no outputs, room for answers. ``SignerError`` for a mark without its fellow."""
    made = copy.deepcopy(source)
    for cell in _marked(made):
        cell.source = "\n".join(_stubbed(cell.source.split("\n")))
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif "answer" in cell.metadata.get("tags", []):
            cell.source = TO_ANSWER
    return made


def _marked(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and (BEGIN in cell.source or END in cell.source)]


def _stubbed(lines: list[str]) -> Iterator[str]:
    inside, name = False, "the solution"
    for line in lines:
        mark = line.strip()
        if mark.startswith("def "):
            name = mark[4:].split("(")[0] if not inside else name
        if mark in (BEGIN, END) and inside == (mark == BEGIN):
            raise SignerError(f"the mark {mark!r} of {name} has no fellow: write {BEGIN!r} before the solution and {END!r} after it")
        if mark == BEGIN:
            yield line[:len(line) - len(line.lstrip())] + STUB.format(name=name)
        if mark in (BEGIN, END):
            inside = mark == BEGIN
        elif not inside:
            yield line
    if inside:
        raise SignerError(f"the solution of {name} has no end: write {END!r} after it")


def copies(folder: Path = NOTEBOOKS) -> dict[Path, str]:
    """Every copy's path and text, from the sources in ``folder``/sources."""
    made = {}
    for path in sorted((folder / "sources").glob("*_exercises.ipynb")):
        source = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
        name = path.name.replace("_exercises", "")
        for part, notebook in (("exercises", to_solve(source)), ("solutions", solved(source))):
            made[folder / part / name] = nbformat.writes(notebook, 4) + "\n"  # type: ignore[no-untyped-call]
    return made


def differing(folder: Path = NOTEBOOKS) -> list[str]:
    """The copies that are not what their source makes, or lack one, as paths within ``folder``."""
    wanted = copies(folder)
    there = {path for part in ("exercises", "solutions") for path in (folder / part).glob("*.ipynb")}
    same = {path for path in there & set(wanted) if path.read_text(encoding="utf-8") == wanted[path]}
    return sorted(str(path.relative_to(folder)) for path in (there | set(wanted)) - same)


def main(arguments: list[str] | None = None) -> None:
    """Write the copies, or with ``--check`` only compare: a ``SignerError`` names those that differ."""
    parser = argparse.ArgumentParser(prog="python -m signer_lib.exercises.copies", description="make the students' and the solutions' notebooks")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 2 if a copy is not what its source makes")
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS, help="the folder with sources/, exercises/ and solutions/")
    options = parser.parse_args(arguments)
    if options.check:
        unlike = differing(options.notebooks)
        if unlike:
            raise SignerError(f"{', '.join(unlike)}: not what notebooks/sources/ makes; run python -m signer_lib.exercises.copies")
        return
    for path, text in copies(options.notebooks).items():
        with whole_file(path) as part:
            part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
