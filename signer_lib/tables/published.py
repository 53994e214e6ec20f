"""Rows of figures that others published, from ``published.yaml``: marked, never competing with ours. [secondary]"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from signer_lib.parsing import from_yaml
from signer_lib.tables.model import Cell, Row

FILE = Path(__file__).parent / "published.yaml"


@cache
def listed() -> tuple[dict[str, Any], ...]:
    """Every entry of the file, as it stands there."""
    return tuple(from_yaml(FILE.read_bytes()))


def published(task: str) -> list[Row]:
    """The rows of one task; where one of them is the ceiling of the rest, with BLEU-4 as a share of its BLEU-4, computed here."""
    found = [entry for entry in listed() if entry["task"] == task]
    ceiling = next((entry["metrics"]["bleu4"] for entry in found if entry.get("ceiling")), None)
    rows = []
    for entry in found:
        share = {"share_of_ceiling": entry["metrics"]["bleu4"] / ceiling} if ceiling else {}
        cells = {measure: Cell(value) for measure, value in (entry["metrics"] | share).items()}
        rows.append(Row(entry["name"], "published", cells, remark=entry.get("remark", "")))
    return rows
