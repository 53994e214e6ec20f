"""A spoken-to-signed lexicon: a folder with ``index.csv`` and the ``.pose`` files that it names. [ours]"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from signer_lib.errors import SignerError
from signer_lib.files import inside
from signer_lib.pose.formats.pose_file import read_pose
from signer_lib.pose.sequence import PoseSequence

INDEX = "index.csv"
COLUMNS = ("path", "spoken_language", "signed_language", "start", "end", "words", "glosses")


def read_lexicon(folder: str | Path) -> Iterator[tuple[str, str, PoseSequence]]:
    """(gloss, language, sequence) of every row, one at a time; languages are pairs such as ``en-ase``.

    A row without glosses goes by its words, in upper case. A row is cut to its ``start`` and ``end`` in milliseconds; end 0 is
    the whole file. Raises ``SignerError`` naming the index and the line, or the file that is damaged.
    """
    index = Path(folder) / INDEX
    try:
        with open(index, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise SignerError(f"{index} has no column {', '.join(missing)}; a lexicon's index has {','.join(COLUMNS)}")
            for row in reader:
                yield _entry(row, Path(folder), f"{index}, line {reader.line_num}")
    except OSError as error:
        raise SignerError(f"cannot read {index}: {error.strerror}; give a folder with index.csv and .pose files") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SignerError(f"{index} is not a CSV file ({error}); make it again") from error


def _entry(row: dict[str, str], folder: Path, where: str) -> tuple[str, str, PoseSequence]:
    gloss = (row["glosses"] or (row["words"] or "").upper()).strip()
    if not gloss or not row["path"]:
        raise SignerError(f"{where} lacks a gloss or a path; complete the row")
    try:
        start, end = int(row["start"] or 0), int(row["end"] or 0)
    except ValueError:
        raise SignerError(f"{where}: start '{row['start']}' and end '{row['end']}' must be whole milliseconds") from None
    path = inside(folder, row["path"])
    if not path.is_file():
        raise SignerError(f"{where}: there is no file {row['path']} in {folder}; download the lexicon again")
    poses = read_pose(path)
    first, last = math.floor(start / 1000 * poses.fps), math.ceil(end / 1000 * poses.fps) if end > 0 else len(poses)
    if not 0 <= first < min(last, len(poses)):
        raise SignerError(f"{where}: {start} to {end} ms is not inside {row['path']}, which lasts {poses.duration:.2f} s; correct the row")
    cut = replace(poses, xyz=poses.xyz[first:last], confidence=poses.confidence[first:last])
    return gloss, f"{row['spoken_language']}-{row['signed_language']}", cut
