"""What people say: means of the ratings on every scale with their intervals, and how far the raters agree. [ours]"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from signer_lib.errors import SignerError
from signer_lib.metrics.table import MEANINGLESS, UP
from signer_lib.tables.model import Cell, Column, Row, Table, read, sources

TITLE = "Rating"
FILE = "rating/summary.json"


def load(results: Path) -> dict[str, Any]:
    if not (results / FILE).is_file():
        raise SignerError(f"not yet collected: no person has rated these videos, and {results.name}/{FILE} is missing; `stable-signer rating kit` "
                          "makes pages to rate with, `stable-signer rating summary` the file")
    return read(results, FILE, "stable-signer rating summary")


def between(row: dict[str, Any]) -> tuple[float, float] | None:
    """The 95 % interval; None where too few rated."""
    return (row["low"], row["high"]) if row.get("low") is not None and row.get("high") is not None else None


def scales(results: Path) -> Table:
    """A group a scale, a row a system: its mean with a 95 % interval."""
    result = load(results)
    columns = {"mean": Column("mean rating [95 %]", UP, "{:.2f}"), "ratings": Column("ratings", MEANINGLESS, "{:.0f}"),
               "raters": Column("raters", MEANINGLESS, "{:.0f}")}
    groups: dict[str, list[Row]] = {}
    for row in result["scales"]:
        cells = {"mean": Cell(row["mean"], interval=between(row)), "ratings": Cell(row["ratings"]), "raters": Cell(row["raters"])}
        groups.setdefault(row["scale"], []).append(Row(row["system"], row.get("kind", "system"), cells))
    return Table("system", columns, groups, (), sources(results, FILE))


def agreement(results: Path) -> Table:
    """Krippendorff's alpha of each scale: 1 is full agreement, 0 is chance."""
    rows = [Row(row["scale"], "aside", {"alpha": Cell(row["alpha"], interval=between(row))} if row["alpha"] is not None else {})
            for row in load(results)["agreement"]]
    return Table("scale", {"alpha": Column("Krippendorff's alpha [95 %]", MEANINGLESS, "{:.2f}")}, {"": rows}, (), sources(results, FILE))


PARTS = {"Every scale": scales, "Agreement of the raters": agreement}
