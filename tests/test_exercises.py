"""The exercises: stubs fail, solutions pass, every usual mistake gets its own hint, and the notebooks' copies are what their sources make."""

import ast
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest

from signer_lib.errors import SignerError
from signer_lib.exercises.checking import DIFFICULTIES, Exercise, Mistake, registry
from signer_lib.exercises.copies import NOTEBOOKS, differing, main, solved, to_solve

EXERCISES = registry()
SOURCES = sorted((NOTEBOOKS / "sources").glob("*.ipynb"))


def written(path: Path) -> Iterator[tuple[Exercise, object]]:
    """What the check cells of a notebook are given: only its imports and functions are run, so a solution stands on these alone."""
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    tree = ast.parse("\n".join(line for cell in cells for line in cell.splitlines() if not line.startswith("%")))
    parts = (ast.Import, ast.ImportFrom, ast.FunctionDef)
    names: dict[str, object] = {}
    exec(compile(ast.Module([node for node in tree.body if isinstance(node, parts)], []), path.name, "exec"), names)
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and "check_" in ast.unparse(node.value.func):
            exercise, given = (eval(ast.unparse(part), names) for part in (node.value.func, node.value.args[0]))
            yield exercise, given


def in_the_notebooks(part: str) -> dict[str, tuple[Exercise, object]]:
    return {exercise.number: (exercise, given) for path in sorted((NOTEBOOKS / part).glob("*.ipynb")) for exercise, given in written(path)}


@pytest.fixture(scope="module")
def solutions():
    return in_the_notebooks("solutions")


@pytest.fixture(scope="module")
def stubs():
    return in_the_notebooks("exercises")


def test_the_copies_are_what_their_sources_make():
    assert differing() == []


@pytest.mark.parametrize("number", EXERCISES)
def test_the_stub_fails_its_checker(number, stubs, capsys):
    exercise, stub = stubs[number]
    assert exercise is EXERCISES[number] and exercise.judge(stub).state == "not written yet"
    exercise(stub)
    assert capsys.readouterr().out.startswith(f"{number} not written yet: write {stub.__name__}")


@pytest.mark.parametrize("number", EXERCISES)
def test_the_solution_passes_its_checker(number, solutions):
    exercise, solution = solutions[number]
    assert exercise.judge(solution).line == f"{number} passed: {exercise.proven}"


@pytest.mark.parametrize("number", EXERCISES)
def test_each_usual_mistake_gets_its_own_hint(number):
    exercise = EXERCISES[number]
    assert len(exercise.mistakes) >= 2, "an exercise knows its usual mistakes"
    for mistake in exercise.mistakes:
        verdict = exercise.judge(mistake.function)
        assert verdict.state == "not yet" and mistake.hint in verdict.line and "\n" not in verdict.line, verdict.line
    assert len({mistake.hint for mistake in exercise.mistakes}) == len(exercise.mistakes)


@pytest.mark.parametrize("number", EXERCISES)
def test_a_function_that_returns_nothing_is_told_so(number):
    assert EXERCISES[number].judge(lambda *arguments, **more: None).state == "not yet"


@pytest.mark.parametrize("number", EXERCISES)
def test_whatever_a_function_returns_the_check_says_one_line(number):
    for strange in (-7, "text", [], {}, (1, None), {"the loss": [None]}, np.full(3, None), np.array("text"), Path, np.float32("nan"), {3: Path}):
        verdict = EXERCISES[number].judge(lambda *arguments, **more: strange)
        assert verdict.state == "not yet" and "\n" not in verdict.line, strange


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_exercise_of_a_notebook_has_its_heading_stub_and_check(path):
    number = str(int(path.name[:2]))
    its = {key: one for key, one in EXERCISES.items() if key.split(".")[0] == number}
    cells = nbformat.read(path, 4).cells
    headings = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines() if line.startswith("### Exercise")]
    assert headings == [one.heading for one in its.values()] and len(its) >= 5
    assert all(one.difficulty in DIFFICULTIES and 1 <= one.minutes <= 60 for one in its.values())
    assert [exercise.number for exercise, _ in written(path)] == list(its)
    marked = [cell for cell in cells if "### BEGIN SOLUTION" in cell.source]
    assert len(marked) == len(its) and all('"""' in cell.source for cell in marked), "a stub has its docstring"


def halves(x):
    return x / 2


HALF = Exercise("9.1", "Halves", "easy", 1, halves, lambda: {"three": (np.array([2.0, 4.0, np.nan]),)}, "halved", "divide",
                (Mistake("this doubles", lambda x: x * 2), Mistake("this fails", lambda x: x / np.zeros(2))))


@pytest.mark.parametrize(("function", "line"), [
    (halves, "9.1 passed: halved"),
    (lambda x: x * 2, "9.1 not yet: this doubles"),
    (lambda x: x * 3, "9.1 not yet: three: 6 where 1 is right at [0] (2 of 3 numbers differ) (hint: divide)"),
    (lambda x: None, "9.1 not yet: three: it returns None (hint: is there a return at its end?)"),
    (lambda x: x[:2] / 2, "9.1 not yet: three: the shape is (2,) where (3,) is wanted (hint: divide)"),
    (lambda x: (x > 0), "9.1 not yet: three: the numbers are of kind bool where float is wanted (hint: divide)"),
    (lambda x: list(x / 2), "9.1 not yet: three: a list of 3 where a ndarray of shape (3,) is wanted (hint: divide)"),
    (lambda: 1, "9.1 not yet: three: TypeError: <lambda>() takes 0 positional arguments but 1 was given (hint: divide)"),
    (3, "9.1 not yet: give the function itself, without brackets, not what it returns (this is an int)"),
])
def test_a_check_prints_one_line(function, line, capsys):
    HALF(function)
    assert capsys.readouterr().out == line + "\n"


def test_nan_and_changed_arguments_are_told_and_an_exception_names_its_line():
    whole = Exercise("9.2", "Halves", "easy", 1, halves, lambda: {"two": (np.array([2.0, 0.0]),)}, "halved", "divide")
    assert "1 of 2 numbers are NaN" in whole.judge(lambda x: x / x).line
    names: dict[str, object] = {}
    exec(compile("def changes(x):\n    x /= 2\n    return x\n\ndef fails(x):\n    y = x\n    return y['a']\n", "cell", "exec"), names)
    assert "it changes what it is given" in whole.judge(names["changes"]).line
    assert whole.judge(names["fails"]).line.startswith("9.2 not yet: two: in line 7 of your cell, IndexError: ")


def test_stubs_take_the_place_of_solutions_and_a_mark_needs_its_fellow():
    code = nbformat.v4.new_code_cell("def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION", id="one", execution_count=1)
    text = nbformat.v4.new_markdown_cell("because", id="two", metadata={"tags": ["answer"]})
    source = nbformat.v4.new_notebook(cells=[code, text])
    assert [cell.source for cell in solved(source).cells] == ["def f(x):\n    return x", "because"]
    student = to_solve(source)
    assert [cell.source for cell in student.cells] == [
        'def f(x):\n    raise NotImplementedError("write f, then run this cell and the next")', "*Your answer:*"]
    assert student.cells[0].execution_count is None and [cell.id for cell in student.cells] == ["one", "two"]
    for lines in ("### BEGIN SOLUTION", "### END SOLUTION", "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION"):
        code.source = lines
        with pytest.raises(SignerError, match="mark|end"):
            to_solve(source)


def test_the_command_writes_the_copies_and_says_when_they_differ(tmp_path):
    (tmp_path / "sources").mkdir()
    cell = nbformat.v4.new_code_cell("def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION", id="one", execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "sources" / "01_x_exercises.ipynb")
    with pytest.raises(SignerError, match="exercises/01_x.ipynb, solutions/01_x.ipynb: not what"):
        main(["--check", "--notebooks", str(tmp_path)])
    main(["--notebooks", str(tmp_path)])
    main(["--check", "--notebooks", str(tmp_path)])
    (tmp_path / "solutions" / "02_old.ipynb").write_text("{}")
    with pytest.raises(SignerError, match="^solutions/02_old.ipynb"):
        main(["--check", "--notebooks", str(tmp_path)])
