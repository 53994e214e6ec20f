"""A manifest: a CSV file with a text, or glosses, a row, and in which manner each is signed. Read strictly, before any model is loaded. [ours]

    name,text,style,seed
    hello,"Hello, my name is Sam.",evening,3

Columns: name, text, glosses, language, style, signer, seed, renderer, steps, mode, size, captions, side_by_side. Only a text or glosses are needed; a
cell that is left empty means what ``sign`` was told, or its default. A row is named after its text where it has no name of its own. Rows are counted
as a spreadsheet counts them: the header is row 1.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from signer_lib.assets import CHECKPOINTS
from signer_lib.checkpoint import load_json
from signer_lib.errors import SignerError
from signer_lib.language.tokenizer import MODES, check_text
from signer_lib.pipeline import renderer_of
from signer_lib.render.framing import check_size
from signer_lib.signing import slug

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
YES_OR_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True)
class Row:
    """What one row asks for; each field as the option of ``sign`` of its name. ``number`` in the file, the header being 1."""

    number: int = 0
    name: str = ""
    text: str = ""
    glosses: str | None = None
    language: str | None = None
    style: str | None = None
    signer: str | None = None
    seed: int = 0
    renderer: str | None = None
    steps: int | None = None
    mode: str = "prompt"
    size: int = 512
    captions: bool = True
    side_by_side: bool = False
    pipeline: str | None = None

    @property
    def sha256(self) -> str:
        """Of everything that the row asks for but its place and its name: another hash, another video."""
        asked = {key: value for key, value in asdict(self).items() if key not in ("number", "name")}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


COLUMNS = tuple(field.name for field in fields(Row) if field.name not in ("number", "pipeline"))


def read_manifest(path: Path | str, defaults: Row | None = None) -> list[Row]:
    """The rows of a manifest, ``defaults`` where a cell is empty.

    Raises ``SignerError`` naming the file and the row: an unknown column, no text, a name that is unsafe or there twice, a style that the renderer
    was not trained on, ... Whether a gloss is known is found out when it is signed.
    """
    path, defaults, rows = Path(path), defaults or Row(), []
    header, *lines = _lines(path)
    if unknown := [name for name in header if name not in COLUMNS]:
        raise SignerError(f"{path}, row 1: there is no column '{unknown[0]}': the columns are {', '.join(COLUMNS)}")
    if twice := [name for name in header if header.count(name) > 1]:
        raise SignerError(f"{path}, row 1: the column '{twice[0]}' is there twice")
    if not {"text", "glosses"} & set(header):
        raise SignerError(f"{path}, row 1: there is no column 'text', and none 'glosses'")
    named: dict[str, int] = {}
    settled: set[tuple[str | None, ...]] = set()
    for number, cells in enumerate(lines, 2):
        if not any(cells):
            continue                                        # an empty line, as editors leave at the end
        try:
            row = _row(header, cells, replace(defaults, number=number))
            _check(row, settled)
            if (first := named.setdefault(row.name.lower(), number)) != number:
                raise SignerError(f"'{row.name}' is also the name of row {first}: give each a name of its own, in the column name")
        except SignerError as error:
            raise SignerError(f"{path}, row {number}: {error}") from None
        rows.append(row)
    if not rows:
        raise SignerError(f"{path} has no rows below its header")
    return rows


def _lines(path: Path) -> list[list[str]]:
    """The cells of each row, without the spaces around them. Raises ``SignerError`` for what is no CSV."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file, strict=True)]
    except OSError as error:
        raise SignerError(f"cannot read the manifest {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SignerError(f"{path} is not UTF-8: save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise SignerError(f"{path} is no CSV ({error}): a cell with a comma or a quotation mark stands in quotation marks") from None
    if not lines:
        raise SignerError(f"{path} is empty: its first row names the columns, {', '.join(COLUMNS)}")
    return lines


def _row(header: list[str], cells: list[str], defaults: Row) -> Row:
    if len(cells) != len(header):
        raise SignerError(f"there are {len(cells)} cells under {len(header)} columns: put a text with a comma in quotation marks")
    given: dict[str, Any] = {key: cell for key, cell in zip(header, cells) if cell}
    for key, least, most in (("seed", 0, 2**63 - 1), ("steps", 1, 2**31 - 1), ("size", 128, 2048)):
        if key in given:
            given[key] = _number(key, str(given[key]), least, most)
    for key in ("captions", "side_by_side"):
        if key in given:
            if (said := str(given[key]).lower()) not in YES_OR_NO:
                raise SignerError(f"{key} must be yes or no, not '{given[key]}'")
            given[key] = YES_OR_NO[said]
    row = replace(defaults, **given)
    return row if row.name else replace(row, name=slug(row.text or row.glosses or ""))


def _number(key: str, cell: str, least: int, most: int) -> int:
    if not re.fullmatch(r"\d{1,19}", cell) or not least <= int(cell) <= most:
        raise SignerError(f"{key} must be a whole number from {least} to {most}, not '{cell[:40]}'")
    return int(cell)


def _check(row: Row, settled: set[tuple[str | None, ...]]) -> None:
    """``settled``: what was found right of the rows before, so that a file of a renderer is read once for each manner."""
    if row.glosses is None or row.text:
        check_text(row.text)
    if not NAME.fullmatch(row.name) or row.name.endswith("."):
        raise SignerError(f"'{row.name[:60]}' cannot be the name of a folder: use letters of English, digits, and - _ . within (at most 100)")
    if row.mode not in MODES:
        raise SignerError(f"there is no mode '{row.mode}': use {' or '.join(MODES)}")
    check_size(row.size)
    how = row.pipeline, row.renderer, row.style, row.signer, str(row.steps), str(row.side_by_side), row.language
    if how not in settled:
        renderer_of(row.pipeline, row.renderer).settle(row.style, row.signer, row.steps, row.side_by_side)
        known = load_json(Path(row.pipeline, "slul") if row.pipeline else CHECKPOINTS / "slul-nano", "slul.json", ("language",))["language"]
        if row.language not in (None, known):
            raise SignerError(f"this SLUL was trained for {known} (spoken-signed), not for '{row.language}': leave the language out")
        settled.add(how)


def shard_of(text: str | None, environment: Mapping[str, str]) -> tuple[int, int]:
    """Which part of how many is ours: "2/8", or what a launcher (accelerate, torchrun) says in RANK and WORLD_SIZE. -> (k, n), k from 1 on

    Raises ``SignerError`` for both, and for anything else.
    """
    launched = int(environment.get("WORLD_SIZE") or 1)
    if text is None:
        return int(environment.get("RANK") or 0) + 1, launched
    if launched > 1:
        raise SignerError("the launcher says which shard this is: leave --shard out")
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise SignerError(f"'{text}' is no shard: write --shard 2/8 for the second of eight")
    return int(found[1]), int(found[2])

