"""The notebooks' form; that they run and print what is stored is nbval's part of `make test`."""

import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
STRICT, LAX = ([FOLDER.parent / line for line in (FOLDER / name).read_text().split()] for name in ("strict.txt", "lax.txt"))
LESSONS, SOLUTIONS = ([path for path in STRICT if path.parent == folder] for folder in (FOLDER, FOLDER / "solutions"))


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, 4)


@pytest.fixture(params=STRICT, ids=lambda path: f"{path.parent.name}/{path.stem}")
def strict(request):
    return nbformat.read(request.param, 4)


@pytest.fixture(params=SOLUTIONS + LAX, ids=lambda path: f"{path.parent.name}/{path.stem}")
def exercises(request):
    return nbformat.read(request.param, 4)


def tags(cell):
    return cell.metadata.get("tags", [])


def test_every_notebook_is_on_the_list():
    assert sorted(STRICT) == sorted([*FOLDER.glob("*.ipynb"), *FOLDER.glob("solutions/*.ipynb")])
    assert sorted(LAX) == sorted(FOLDER.glob("exercises/*.ipynb"))


def test_text_comes_first_and_cells_stay_short(notebook):
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == "markdown" and kinds[-1] == "markdown"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 15, cell.source


def test_a_strict_notebook_was_run_from_top_to_bottom_without_an_error(strict):
    code = [cell for cell in strict.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [o for cell in code for o in cell.outputs if o.output_type == "error"]
    assert sum(bool(cell.outputs) and "nbval-ignore-output" not in tags(cell) for cell in code) >= 10, "nothing would be compared"


def test_what_is_built_by_hand_is_proven_equal_or_compared_in_the_next_cell(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    taught = [k for k, cell in enumerate(code) if "teach" in tags(cell)]
    assert len(taught) >= 2
    assert sum("allclose" in code[k + 1].source for k in taught) >= 2
    assert all("def " not in cell.source for cell in code), "a notebook imports the library"


def test_every_notebook_says_what_it_is_not_and_ends_with_exercises(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "not a translator" in text and "## Exercises" in text and "What you will learn" in text


def test_exercises_are_text_first_and_short_and_link_to_their_lesson(exercises):
    kinds = [cell.cell_type for cell in exercises.cells]
    text = "\n".join(cell.source for cell in exercises.cells if cell.cell_type == "markdown")
    assert kinds[0] == "markdown" and kinds[-1] == "markdown" and "not a translator" in text
    assert all(len(cell.source.splitlines()) <= 25 for cell in exercises.cells if cell.cell_type == "code")
    for link in re.findall(r"\]\(([^)#]+\.ipynb)\)", text):
        assert (FOLDER / "exercises" / link).is_file(), link


@pytest.mark.parametrize("path", LAX, ids=lambda path: path.stem)
def test_a_students_copy_holds_no_outputs(path):
    code = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_a_lesson_names_its_exercises():
    for path in LAX:
        text = (FOLDER / path.name).read_text(encoding="utf-8")
        assert f"(exercises/{path.name})" in text and f"(solutions/{path.name})" in text, path.name


def test_no_large_or_changing_output_is_stored(strict):
    for cell in strict.cells:
        for output in cell.get("outputs", []):
            for mime in output.get("data", {}):
                assert mime in ("text/plain", "image/png"), mime
