"""YAML descriptions read strictly: every mistake becomes one line that says where it is and what would be right. [ours]"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, overload

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.parsing import NotYaml, from_yaml

AXES = {"up": (0, 1, 0), "down": (0, -1, 0), "left": (1, 0, 0), "right": (-1, 0, 0), "front": (0, 0, 1), "back": (0, 0, -1)}


def vector(direction: str) -> np.ndarray:
    """The unit vector (3,) of a direction such as ``up`` or ``front-left``. Raises ``KeyError`` for an unknown one."""
    total = np.sum([AXES[part] for part in direction.split("-")], axis=0, dtype=float)
    if not total.any():
        raise KeyError(direction)
    result: np.ndarray = total / np.linalg.norm(total)
    return result


def _close(name: object, known: Iterable[str]) -> str:
    close = get_close_matches(str(name), list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"use one of {', '.join(known)}"


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML file whose top level is a mapping."""
    try:
        content = from_yaml(path.read_bytes())
    except OSError:
        raise SignerError(f"{path} cannot be read: check that the file exists") from None
    except NotYaml as error:
        where = f", line {error.line}" if error.line else ""
        raise SignerError(f"{path}{where}: not valid YAML ({error.problem})") from None
    if not isinstance(content, dict):
        raise SignerError(f"{path}: the top level must be a mapping of names to descriptions")
    return content


class Fields:
    """The fields of one mapping, read strictly: an error says where, which field, what is wrong and what would be right."""

    def __init__(self, where: str, spec: object, allowed: Iterable[str], required: Iterable[str] = ()):
        if not isinstance(spec, dict):
            raise SignerError(f"{where}: expected a mapping of fields, not {spec!r}")
        self.where, self.spec = where, spec
        for key in spec:
            if key not in allowed:
                raise SignerError(f"{where}: unknown field {key!r}; {_close(key, allowed)}")
        for key in required:
            if spec.get(key) is None:
                raise SignerError(f"{where}: the field {key!r} is missing")

    def fail(self, field: str, problem: str) -> NoReturn:
        raise SignerError(f"{self.where}, field {field!r}: {problem}")

    @overload
    def name(self, field: str, kind: str, known: Iterable[str] = (), *, default: str) -> str: ...

    @overload
    def name(self, field: str, kind: str, known: Iterable[str] = (), default: None = None) -> str | None: ...

    def name(self, field: str, kind: str, known: Iterable[str] = (), default: str | None = None) -> str | None:
        value = self.spec.get(field)
        return default if value is None else self.known(field, value, kind, known)

    def needed(self, field: str, kind: str, known: Iterable[str] = ()) -> str:
        """The name in a field that is there."""
        return self.known(field, self.spec[field], kind, known)

    def names(self, field: str, kind: str, known: Iterable[str] = (), most: int = 2) -> tuple[str, ...]:
        """One name, or a list of at most ``most``: a start and an end, or markers that go together."""
        values = self.spec[field]
        if not isinstance(values, list):
            values = [values]
        elif most == 2 != len(values):
            self.fail(field, f"give one {kind} or two, [start, end], not {len(values)}")
        return tuple(self.known(field, value, kind, known) for value in values)

    @overload
    def number(self, field: str, low: float, high: float, default: float, whole: bool = False) -> float: ...

    @overload
    def number(self, field: str, low: float, high: float, default: None = None, whole: bool = False) -> float | None: ...

    def number(self, field: str, low: float, high: float, default: float | None = None, whole: bool = False) -> float | None:
        value = self.spec.get(field, default)
        wrong = isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not low <= value <= high
        if value is not None and wrong:
            self.fail(field, f"must be a {'whole ' if whole else ''}number from {low:g} to {high:g}, not {value!r}")
        return default if value is None else value

    def known(self, field: str, value: object, kind: str, known: Iterable[str]) -> str:
        """The value as a known name, or the error that suggests one."""
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            self.fail(field, f"a {kind} is a name, not {value!r}")
        if kind == "direction":
            try:
                vector(str(value))
            except KeyError:
                self.fail(field, f"unknown direction {value!r}; use {', '.join(AXES)} or combine them, as in front-left")
        elif str(value) not in known:
            self.fail(field, f"unknown {kind} {value!r}; {_close(value, known)}")
        return str(value)
