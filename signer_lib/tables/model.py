"""What a table is, whoever writes it down: groups of rows, cells with their spread, which way is better, and the files behind it. [ours]"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from signer_lib.errors import SignerError
from signer_lib.metrics.table import DOWN, MEANINGLESS, TO_ONE, UP
from signer_lib.results import read_result

KINDS = ("floor", "system", "ceiling", "aside", "published")       # aside: ours, but no rival of the systems, such as a stage given the truth
MARKED = ("floor", "ceiling", "published")                         # said behind the name
SEEDS = "seeds"


@dataclass(frozen=True)
class Cell:
    """A number: the mean, one standard deviation over the seeds, or an interval [low, high]; in the units of its column."""

    mean: float
    spread: float | None = None
    interval: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if wrong := [x for x in (self.mean, self.spread, *(self.interval or ())) if not isinstance(x, (int, float, type(None)))]:
            raise TypeError(f"{str(wrong[0])[:60]} is no number")

    def written(self, form: str) -> str:
        text = form.format(self.mean)
        if self.spread is not None:
            text += f" ± {form.replace('+', '').format(self.spread)}"
        return text + (f" [{form.format(self.interval[0])}, {form.format(self.interval[1])}]" if self.interval else "")


@dataclass(frozen=True)
class Column:
    """``heading`` with its unit, ``better``: UP, DOWN, TO_ONE or MEANINGLESS, and how a number is written."""

    heading: str
    better: str = MEANINGLESS
    form: str = "{:.1f}"


@dataclass(frozen=True)
class Row:
    """``cells``: column -> ``Cell``; what was not measured is absent or None. ``seeds``: how many, None where nothing is drawn by chance."""

    name: str
    kind: str
    cells: Mapping[str, Cell | None]
    seeds: int | None = None
    ours: bool = False
    remark: str = ""

    @property
    def label(self) -> str:
        mark = "; ".join([self.kind] * (self.kind in MARKED) + [self.remark] * bool(self.remark))
        return self.name + (f" ({mark})" if mark else "")


@dataclass(frozen=True)
class Source:
    """A file that a table was made from: its path from the results' parent, SHA-256, and the commit that it names itself ("" if none)."""

    path: str
    sha256: str
    commit: str


@dataclass(frozen=True)
class Table:
    """Rows in groups (heading -> rows; "" for none). ``first``: what the rows are. ``notes``: a line each."""

    first: str
    columns: Mapping[str, Column]
    groups: Mapping[str, Sequence[Row]]
    notes: Sequence[str] = ()
    sources: Sequence[Source] = ()


@dataclass(frozen=True)
class Line:
    """A line as both writers set it: the group's heading alone, or a row's label and its cells, each with whether it is the best."""

    label: str
    cells: Sequence[str] = ()
    best: Sequence[bool] = ()
    ours: bool = False


def over_seeds(values: Sequence[float | None]) -> Cell | None:
    """The mean of a value for each seed, with the standard deviation (n - 1) of two or more; None where one is missing."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return Cell(mean(known), stdev(known) if len(known) > 1 else None)


def best_of(rows: Sequence[Row], key: str, column: Column) -> set[int]:
    """The places of the systems whose number is written as the best one's is; none where more than half of them share it."""
    found = {at: cell.mean for at, row in enumerate(rows) if row.kind == "system" and (cell := row.cells.get(key)) is not None}
    if column.better == MEANINGLESS or len(found) < 2:
        return set()
    worth = {UP: lambda value: value, DOWN: lambda value: -value, TO_ONE: lambda value: -abs(value - 1)}[column.better]
    top = column.form.format(max(found.values(), key=worth))
    best = {at for at, value in found.items() if column.form.format(value) == top}
    return best if 2 * len(best) <= len(found) else set()


def set_out(table: Table) -> tuple[list[str], list[Line]]:
    """-> the heads of all columns, the first one's too, and the lines. Columns without a number are left out; seeds come last."""
    rows = [row for group in table.groups.values() for row in group]
    if unknown := [row for row in rows if row.kind not in KINDS]:
        raise SignerError(f"{unknown[0].name}: a row is a {', a '.join(KINDS)}, not '{unknown[0].kind}'")
    columns = {key: column for key, column in table.columns.items() if any(row.cells.get(key) is not None for row in rows)}
    counted = any(row.seeds for row in rows)
    heads = [table.first, *(f"{column.heading} {column.better}".strip() for column in columns.values()), *[SEEDS] * counted]
    lines = []
    for heading, group in table.groups.items():
        if heading:
            lines.append(Line(heading))
        best = {key: best_of(group, key, column) for key, column in columns.items()}
        for at, row in enumerate(group):
            cells = [cell.written(column.form) if (cell := row.cells.get(key)) else "" for key, column in columns.items()]
            bold = [at in best[key] for key in columns]
            lines.append(Line(row.label, cells + [str(row.seeds or "")] * counted, bold + [False] * counted, row.ours))
    return heads, lines


def read(results: Path, name: str, command: str) -> dict[str, Any]:
    """A file under ``results``. Raises ``SignerError``, one line with the command that makes it, if it is missing or holds no result."""
    return read_result(results / name, f"{results.name}/{name}", command)


def sources(results: Path, *names: str) -> list[Source]:
    """The files of these names under ``results``; of a folder all its JSON files."""
    paths = [path for name in names for path in (sorted((results / name).glob("*.json")) if (results / name).is_dir() else [results / name])]
    told = []
    for path in paths:
        commit = str(read_result(path).get("commit", ""))
        told.append(Source(f"{results.name}/{path.relative_to(results)}", hashlib.sha256(path.read_bytes()).hexdigest(), commit))
    return told
