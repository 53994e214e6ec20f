"""One exercise: what is asked, what is right, and which usual mistakes are known by their results. A check prints one line, never a traceback.

Everything a learner writes is a function. It is run on named cases, and what it returns is compared with what the library's function returns.
No torch is imported here: tensors are known by their module, so that a notebook of numpy alone stays quick.
"""

from __future__ import annotations

import copy
import importlib
import pkgutil
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

import signer_lib.exercises

DIFFICULTIES = ("easy", "medium", "hard")
Function = Callable[..., Any]
KINDS = {"b": "bool", "i": "integer", "u": "integer", "f": "float", "c": "complex", "U": "text", "O": "object"}


def run(function: Function, *arguments: Any) -> Any:
    """The usual way to look at a learner's function: what it returns. ``Exercise.observe`` may look at more, as a gradient."""
    return function(*arguments)


@dataclass(frozen=True)
class Mistake:
    """A usual mistake, programmed: who gets the same results is told ``hint``."""

    hint: str
    function: Function


@dataclass(frozen=True)
class Verdict:
    """What a check found: ``state`` is "passed", "not yet" or "not written yet"; ``line`` is what the learner reads."""

    state: str
    line: str


@dataclass(frozen=True)
class Exercise:
    """An exercise; called with the learner's function it prints its line.

    ``number`` ("1.2": the second of notebook 01), ``title``, ``difficulty`` and ``minutes`` stand in the heading of the notebook, too.
    ``right`` gives the right results, ``proven`` says by what (it stands behind "passed"), ``cases()`` the arguments by name.
    ``mistakes`` are tried in their order; ``hint`` is for results that none of them explains. ``tolerance`` is relative, and absolute near 0.
    ``observe(function, *arguments)`` is what is compared (default: what the function returns).
    ``accept(result, *arguments)``, where more than one answer is right: None, or what is wrong with it; nothing is compared with ``right`` then.
    """

    number: str
    title: str
    difficulty: str
    minutes: int
    right: Function
    cases: Callable[[], Mapping[str, tuple[Any, ...]]]
    proven: str
    hint: str
    mistakes: tuple[Mistake, ...] = ()
    tolerance: float = 1e-4
    observe: Function = run
    accept: Callable[..., str | None] | None = None

    def __call__(self, function: Function) -> None:
        print(self.judge(function).line)

    @property
    def heading(self) -> str:
        """The heading of its text in the notebook."""
        return f"### Exercise {self.number} · {self.title} · {self.difficulty} · {self.minutes} min"

    def judge(self, function: Function) -> Verdict:
        """Run the function on every case and compare. It gets copies, so that what it changes in place harms nothing but is noticed."""
        if not callable(function):
            return self._not_yet(f"give the function itself, without brackets, not what it returns (this is {_named(function)})")
        cases, found = self.cases(), {}
        for name, arguments in cases.items():
            given = copy.deepcopy(arguments)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found[name] = self.observe(function, *given)
            except NotImplementedError as error:
                return Verdict("not written yet", f"{self.number} not written yet: {_one_line(error) or self.title}")
            except Exception as error:
                return self._not_yet(f"{name}: {_place(error, function)}{type(error).__name__}: {_one_line(error)} (hint: {self.hint})")
            if found[name] is None:
                return self._not_yet(f"{name}: it returns None (hint: is there a return at its end?)")
            if _changed(given, arguments):
                return self._not_yet(f"{name}: it changes what it is given (hint: work on a copy, as x.copy() or x.clone())")
        wrong = self._wrong(found, cases)
        return Verdict("passed", f"{self.number} passed: {self.proven}") if wrong is None else self._not_yet(wrong)

    def _wrong(self, found: Mapping[str, Any], cases: Mapping[str, tuple[Any, ...]]) -> str | None:
        if self.accept is not None:
            try:
                said = [self.accept(found[name], *arguments) for name, arguments in cases.items()]
            except Exception as error:
                return f"this cannot be read: {type(error).__name__}: {_one_line(error)} (hint: {self.hint})"
            return next((one for one in said if one is not None), None)
        unlike = self._unlike(found, self.right, cases)
        if unlike is None:
            return None
        known = next((mistake for mistake in self.mistakes if self._unlike(found, mistake.function, cases) is None), None)
        return known.hint if known else f"{unlike} (hint: {self.hint})"

    def _unlike(self, found: Mapping[str, Any], function: Function, cases: Mapping[str, tuple[Any, ...]]) -> str | None:
        """Where the results differ from those of another function, or None; a wrong variant may fail where others do not."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, arguments in cases.items():
                try:
                    wanted = self.observe(function, *arguments)
                except Exception as error:
                    return f"{name}: {type(error).__name__}"
                unlike = difference(found[name], wanted, self.tolerance)
                if unlike is not None:
                    return f"{name}: {unlike}"
        return None

    def _not_yet(self, what: str) -> Verdict:
        return Verdict("not yet", f"{self.number} not yet: {what}")


def registry() -> dict[str, Exercise]:
    """Every exercise of every module of this package, by its number, in the order of the numbers."""
    modules = [importlib.import_module(f"signer_lib.exercises.{found.name}") for found in pkgutil.iter_modules(signer_lib.exercises.__path__)]
    exercises = [one for module in modules for one in vars(module).values() if isinstance(one, Exercise)]
    return {one.number: one for one in sorted(exercises, key=lambda one: [int(part) for part in one.number.split(".")])}


def difference(found: Any, wanted: Any, tolerance: float) -> str | None:
    """How two results differ, in a few words, or None: their type, length or shape, kind of number, what is not finite, their values.

    Lists and tuples are the same to it, and so are a number, a numpy number and an array without axes; a tensor is wanted where a tensor is.
    """
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping) or set(found) != set(wanted):
            return f"{_named(found)} where a dictionary of {', '.join(map(str, wanted))} is wanted"
        return _first((f"{key}: ", difference(found[key], wanted[key], tolerance)) for key in wanted)
    if isinstance(wanted, (list, tuple)):
        if not isinstance(found, (list, tuple)) or len(found) != len(wanted):
            return f"{_named(found)} where {_named(wanted)} is wanted"
        return _first((f"item {k}: ", difference(one, other, tolerance)) for k, (one, other) in enumerate(zip(found, wanted)))
    if is_dataclass(wanted):
        if type(found) is not type(wanted):
            return f"{_named(found)} where {_named(wanted)} is wanted"
        return _first((f"{field.name}: ", difference(getattr(found, field.name), getattr(wanted, field.name), tolerance)) for field in fields(wanted))
    if not _is_numbers(wanted):
        return None if isinstance(found, type(wanted)) and found == wanted else f"{found!r} where {wanted!r} is wanted"
    alike = _is_tensor(found) if _is_tensor(wanted) else isinstance(found, np.ndarray) if np.ndim(wanted) else _is_numbers(found)
    return _between(_array(found), _array(wanted), tolerance) if alike else f"{_named(found)} where {_named(wanted)} is wanted"


def _between(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> str | None:
    if found.shape != wanted.shape:
        return f"the shape is {found.shape} where {wanted.shape} is wanted"
    kinds = [KINDS.get(one.dtype.kind, str(one.dtype)) for one in (found, wanted)]
    if kinds[0] not in (kinds[1], "integer" if kinds[1] == "float" and not wanted.ndim else kinds[1]):
        return f"the numbers are of kind {kinds[0]} where {kinds[1]} is wanted"
    if wanted.dtype.kind not in "fc":
        apart = found != wanted
    else:
        if np.isnan(found).any() and not np.isnan(wanted).any():
            return f"{'it is' if not found.ndim else f'{np.isnan(found).sum()} of {found.size} numbers are'} NaN"
        apart = ~np.isclose(found, wanted, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not apart.any():
        return None
    at = tuple(int(k) for k in np.argwhere(apart)[0])
    where = f" at {list(at)} ({apart.sum()} of {apart.size} numbers differ)" if at else ""
    return f"{_short(found[at])} where {_short(wanted[at])} is right{where}"


def _changed(given: Any, before: Any) -> bool:
    """Whether numbers, texts or arrays in what was given are others now; what else there is, as a model, is not looked into."""
    if isinstance(before, Mapping):
        return set(given) != set(before) or any(_changed(given[key], before[key]) for key in before)
    if isinstance(before, (list, tuple)):
        return len(given) != len(before) or any(map(_changed, given, before))
    if is_dataclass(before):
        return any(_changed(getattr(given, field.name), getattr(before, field.name)) for field in fields(before))
    return (_is_numbers(before) or isinstance(before, str)) and difference(given, before, 0) is not None


def _first(named: Iterable[tuple[str, str | None]]) -> str | None:
    return next((name + unlike for name, unlike in named if unlike is not None), None)


def _is_tensor(value: Any) -> bool:
    return type(value).__module__.split(".")[0] == "torch" and hasattr(value, "detach")


def _is_numbers(value: Any) -> bool:
    return _is_tensor(value) or isinstance(value, (np.ndarray, np.generic, int, float, complex))


def _array(value: Any) -> np.ndarray:
    if not _is_tensor(value):
        return np.asarray(value)
    return np.asarray((value.float() if "bfloat16" in str(value.dtype) else value).detach().cpu())


def _short(value: Any) -> str:
    return f"{value:.4g}" if np.asarray(value).dtype.kind == "f" else str(value)


def _named(value: Any) -> str:
    """A few words for what something is: "a Tensor of shape (2, 3)", "a list of 3", "a str"."""
    name = type(value).__name__
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else f" of {len(value)}" if isinstance(value, (list, tuple, dict)) else ""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}{shape}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _place(error: BaseException, function: Function) -> str:
    """The line of the learner's cell in which an exception arose (the last that is theirs), if it arose there at all."""
    own = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
    return f"in line {lines[-1]} of your cell, " if lines else ""
