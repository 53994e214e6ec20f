"""The notebooks' form; that they run and print what is stored is nbval's part of `make test`."""

from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
STRICT = [FOLDER.parent / line for line in (FOLDER / "strict.txt").read_text().split()]


@pytest.fixture(params=STRICT, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, 4)


def tags(cell):
    return cell.metadata.get("tags", [])


def test_every_notebook_is_on_the_list():
    assert sorted(STRICT) == sorted(FOLDER.glob("*.ipynb"))


def test_text_comes_first_and_cells_stay_short(notebook):
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == "markdown" and kinds[-1] == "markdown"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 15, cell.source


def test_a_strict_notebook_was_run_from_top_to_bottom_without_an_error(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
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


def test_no_large_or_changing_output_is_stored(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for mime in output.get("data", {}):
                assert mime in ("text/plain", "image/png"), mime
