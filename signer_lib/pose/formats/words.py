"""Tables of what is said in clips: our ``words.csv``, PHOENIX-2014T's annotations, How2Sign's texts, or any CSV with such columns. [ours]"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

from signer_lib.errors import SignerError

# what a column is called (in lower case), by what it holds; the first that is there counts
NAMES = {"name": ("sentence_name", "name", "file", "filename", "path", "clip", "id", "video"), "gloss": ("gloss", "glosses", "orth", "sign", "label"),
         "text": ("text", "translation", "sentence", "words"), "signer": ("signer", "speaker", "signer_id")}
PLACES = ("*.csv", "*.tsv", "annotations/manual/*.csv", "PHOENIX-2014-T/annotations/manual/*.csv")
ENDINGS = (".pose", ".json", ".npz", ".mp4", ".avi", ".mov", ".webm", ".mkv")


class Said(NamedTuple):
    """What a row says; None where it has no such column or an empty cell."""

    gloss: str | None
    text: str | None
    signer: str | None


NOTHING = Said(None, None, None)


class Words:
    """What is said in the clips of one or several tables, by the clips' names, with or without their folder and ending."""

    def __init__(self, *paths: Path) -> None:
        self.rows: dict[str, Said] = {}
        for path in paths:
            self.rows |= _read(path)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def of(self, name: str) -> Said:
        return self.rows.get(_key(name), NOTHING)


def find_words(folder: Path) -> Words:
    """The tables that lie in a folder, or where PHOENIX-2014T keeps them; those without fitting columns are passed over."""
    return Words(*(path for place in PLACES for path in sorted(folder.glob(place)) if _columns(_table(path)[0]) is not None))


def _read(path: Path) -> dict[str, Said]:
    header, rows = _table(path)
    columns = _columns(header)
    if columns is None:
        raise SignerError(f"{path} has no column for clips ({', '.join(NAMES['name'])}) and one of {', '.join(NAMES['gloss'] + NAMES['text'])}; "
                          f"it has {', '.join(header)[:100]}")
    found: dict[str, Said] = {}
    for number, row in enumerate(rows, 2):
        cells = {what: row[column].strip() for what, column in columns.items() if column < len(row)}
        if not cells.get("name"):
            raise SignerError(f"{path}, line {number} names no clip; complete the row")
        key, said = _key(cells["name"]), Said(*(cells.get(what) or None for what in Said._fields))
        if found.setdefault(key, said) != said:
            raise SignerError(f"{path}, line {number}: '{cells['name']}' stands twice with different words; remove one row")
    return found


def _columns(header: list[str]) -> dict[str, int] | None:
    """What a table's columns hold, or None if it does not say which clip a row is about, or nothing of it."""
    low = [column.strip().lower() for column in header]
    columns = {what: next(low.index(name) for name in names if name in low) for what, names in NAMES.items() if set(names) & set(low)}
    return columns if "name" in columns and columns.keys() & {"gloss", "text"} else None


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}; check the path") from None
    except UnicodeDecodeError:
        raise SignerError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    first = text.split("\n", 1)[0]
    mark = max("|\t;,", key=first.count)
    lines = io.StringIO(text)
    try:                                                                        # PHOENIX's and How2Sign's tables quote nothing
        reader = csv.reader(lines, delimiter=mark, quoting=csv.QUOTE_NONE) if mark in "|\t" else csv.reader(lines, delimiter=mark)
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise SignerError(f"{path} is not a table ({error}); save it as CSV") from None
    return (rows[0], rows[1:]) if rows else ([], [])


def _key(name: str) -> str:
    """The last part of a name, without the ending of a pose file or video: ``dev/a.pose`` -> ``a``; a frame pattern of PHOENIX's falls away."""
    parts = [part for part in name.replace("\\", "/").split("/") if part and not part.startswith("*")]
    last = parts[-1] if parts else name
    return next((last.removesuffix(ending) for ending in ENDINGS if last.lower().endswith(ending)), last)
