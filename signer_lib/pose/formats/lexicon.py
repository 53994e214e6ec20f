"""A spoken-to-signed lexicon: a folder with ``index.csv`` and the ``.pose`` files that it names. [ours]"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pose_format import Pose

from signer_lib.errors import SignerError
from signer_lib.files import filling, inside
from signer_lib.pose.formats.named import NamedClip, plain_name
from signer_lib.pose.formats.pose_file import as_signer70, load_pose

INDEX = "index.csv"
COLUMNS = ("path", "spoken_language", "signed_language", "start", "end", "words", "glosses")
WRITTEN = (*COLUMNS, "priority")
LANGUAGE = "en-ase"                     # spoken and signed, of what we write unless another is named


def read_lexicon(folder: str | Path) -> Iterator[tuple[str, NamedClip]]:
    """(language, clip) of every row, one at a time, named by its gloss; languages are pairs such as ``en-ase``.

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


def _entry(row: dict[str, str], folder: Path, where: str) -> tuple[str, NamedClip]:
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
    raw = load_pose(path)
    poses = as_signer70(raw, path)
    first, last = math.floor(start / 1000 * poses.fps), math.ceil(end / 1000 * poses.fps) if end > 0 else len(poses)
    if not 0 <= first < min(last, len(poses)):
        raise SignerError(f"{where}: {start} to {end} ms is not inside {row['path']}, which lasts {poses.duration:.2f} s; correct the row")
    cut = replace(poses, xyz=poses.xyz[first:last], confidence=poses.confidence[first:last])
    own = Pose(raw.header, type(raw.body)(raw.body.fps, raw.body.data[first:last], raw.body.confidence[first:last]))
    return f"{row['spoken_language']}-{row['signed_language']}", NamedClip(gloss, cut, gloss, raw=own)


def write_lexicon(entries: Iterable[tuple[str, str, Pose]], folder: str | Path, language: str = LANGUAGE) -> int:
    """(gloss, name, poses) one at a time -> their ``.pose`` files and index.csv, all or nothing; a gloss's first has priority 0. -> how many

    language  spoken and signed, joined by a hyphen.
    """
    count: dict[str, int] = {}
    with filling(folder) as part, open(part / INDEX, "w", newline="", encoding="utf-8") as file:
        index = csv.DictWriter(file, WRITTEN)
        index.writeheader()
        taken: set[str] = set()
        for gloss, name, pose in entries:
            path = plain_name("_".join(part for part in name.split("/") if part.strip(".")), taken) + ".pose"
            with open(part / path, "wb") as pose_file:
                pose.write(pose_file)
            milliseconds = math.ceil(1000 * len(pose.body.data) / pose.body.fps)          # up, as a frame that is cut short is left out
            count[gloss] = count.get(gloss, 0) + 1
            index.writerow(dict(zip(WRITTEN, (path, *pair_of(language), 0, milliseconds, words_of(gloss), gloss, count[gloss] - 1))))
    return sum(count.values())


def pair_of(language: str) -> tuple[str, str]:
    """``en-ase`` -> en, ase. Raises ``SignerError`` for anything but a pair."""
    pair = language.split("-")
    if len(pair) != 2 or not all(pair):
        raise SignerError(f"'{language}' is no pair of languages: write the spoken and the signed one, for example {LANGUAGE}")
    return pair[0], pair[1]


def words_of(gloss: str) -> str:
    """The words that a gloss is looked up by: ``THANK-YOU`` -> ``thank you``."""
    return gloss.lower().replace("-", " ")
