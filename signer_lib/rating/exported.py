"""The files that raters hand in, read strictly: what is not as the kit was made is told in one line, and nothing is left out in silence. [ours]"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from signer_lib.errors import SignerError
from signer_lib.files import inside
from signer_lib.parsing import from_json
from signer_lib.rating.design import Item, Kind
from signer_lib.rating.scales import CANNOT_TELL, DESCRIPTIONS, POINTS, READINGS, SCALES

KEY = Path("organiser", "key.json")
KINDS = get_args(Kind)
ANSWER = {"item", "clip", "sentence", "reading", "comment", *SCALES}


@dataclass(frozen=True)
class Answer:
    """What a rater said of an item. values: scale -> 1 to 5, "cannot tell", or None: not answered; reading: one of ``READINGS`` or None."""

    item: Item
    values: dict[str, int | str | None]
    reading: str | None
    comment: str


@dataclass(frozen=True)
class Ratings:
    """One rater's file. describes: one of ``DESCRIPTIONS`` or None; years of ASL or None."""

    rater: str
    describes: str | None
    years: float | None
    answers: list[Answer]


def read_key(kit: Path) -> dict[str, Any]:
    """The organisers' key. Raises ``SignerError`` if it is not there or not a key."""
    try:
        key: dict[str, Any] | None = from_json((kit / KEY).read_bytes())
    except OSError:
        raise SignerError(f"{kit} has no {KEY}: name the folder that stable-signer rating kit made") from None
    except ValueError:
        key = None
    if key is None or not _is_key(key):
        raise SignerError(f"{kit / KEY} is damaged: restore the file that stable-signer rating kit wrote")
    return key


def _is_key(key: Any) -> bool:
    """Whether everything is there that is asked of a key, and of its kind."""
    try:
        systems, sentences, raters, reference = key["systems"], key["sentences"], key["raters"], key["reference"]

        def text(*values: object) -> bool:
            return all(isinstance(value, str) for value in values)

        return (text(key["kit"], *systems, *sentences, *sentences.values(), *raters) and isinstance(systems, list)
                and (reference is None or reference in systems) and all(isinstance(told["items"], list) and text(told["page"]) and all(
                    text(item["clip"], item["sha256"]) and item["kind"] in KINDS and item["system"] in systems and item["sentence"] in sentences
                    and item["shown"] in sentences and (item["of"] is None or type(item["of"]) is int and 0 <= item["of"] < len(told["items"]))
                    for item in told["items"]) for told in raters.values()))
    except (TypeError, KeyError, AttributeError):
        return False


def read_ratings(paths: list[Path], kit: Path, key: dict[str, Any]) -> list[Ratings]:
    """Every file (a folder: every .json in it), checked against the key and the kit's own pages and clips. Raises ``SignerError``."""
    files = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    found: dict[str, tuple[Path, Ratings]] = {}
    for file in files:
        ratings = _read(file, key)
        if ratings.rater in found:
            raise SignerError(f"{file} is by {ratings.rater}, as is {found[ratings.rater][0]}: one file for each rater, the last that was saved")
        _unaltered(kit, ratings.rater, key["raters"][ratings.rater])
        found[ratings.rater] = file, ratings
    if not any(value for _, one in found.values() for answer in one.answers for value in answer.values.values()):
        raise SignerError(f"{'no answers in ' + ', '.join(map(str, files)) if files else 'no files of ratings'}: there is nothing to sum up yet")
    return [ratings for _, ratings in found.values()]


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _unaltered(kit: Path, rater: str, told: dict[str, Any]) -> None:
    folder = inside(kit / "raters", rater)
    for name, wanted in [("index.html", told["page"]), *((row["clip"], row["sha256"]) for row in told["items"])]:
        path = inside(folder, name)
        if not path.is_file() or digest(path) != wanted:
            raise SignerError(f"{path} is {'not as' if path.is_file() else 'no longer there as'} the kit was made: "
                              "the kit was altered, its ratings do not count")


def _read(file: Path, key: dict[str, Any]) -> Ratings:
    def wrong(what: str) -> SignerError:
        return SignerError(f"{file}: {what}")

    try:
        told = from_json(file.read_bytes())
    except OSError as error:
        raise wrong(error.strerror or "cannot be read") from None
    except ValueError:
        raise wrong("this is not a file that a rater's page saved") from None
    if not isinstance(told, dict) or set(told) != {"kit", "rater", "consent", "about", "answers"}:
        raise wrong("this is not a file that a rater's page saved")
    if told["kit"] != key["kit"]:
        raise wrong("it belongs to another kit")
    if not isinstance(told["rater"], str) or told["rater"] not in key["raters"]:
        raise wrong(f"the kit knows no rater {told['rater']!r}")
    if told["consent"] is not True:
        raise wrong("the rater has not agreed to take part")
    about, rows = told["about"], key["raters"][told["rater"]]["items"]
    if not isinstance(about, dict) or set(about) != {"describes", "own_words", "years", "language"}:
        raise wrong("what it says about the rater is not what the page asks")
    if not all(about[name] is None or isinstance(about[name], str) for name in ("own_words", "language")):
        raise wrong("what it says about the rater is not what the page asks")
    if about["describes"] is not None and about["describes"] not in DESCRIPTIONS:
        raise wrong(f"the rater's description is {about['describes']!r}, not one that the page offers")
    if not (about["years"] is None or type(about["years"]) in (int, float) and 0 <= about["years"] <= 120):
        raise wrong(f"years of ASL is {about['years']!r}, not 0 to 120")
    if not isinstance(told["answers"], list) or len(told["answers"]) != len(rows):
        raise wrong(f"it must hold {len(rows)} items, answered or not")
    answers = [_answer(answer, number, row, key["sentences"], wrong) for number, (answer, row) in enumerate(zip(told["answers"], rows), 1)]
    return Ratings(told["rater"], about["describes"], about["years"], answers)


def _answer(told: object, number: int, row: dict[str, Any], sentences: dict[str, str], wrong: Callable[[str], SignerError]) -> Answer:
    if not isinstance(told, dict) or set(told) != ANSWER:
        raise wrong(f"item {number} is not an answer that the page saves")
    if told["item"] != number or told["clip"] != row["clip"]:
        raise wrong(f"item {number}: the clip {told['clip']!r} is not the one that the kit shows there")
    if told["sentence"] != sentences[row["shown"]]:
        raise wrong(f"item {number}: the sentence is not the one that the kit shows there: the page was altered")
    for scale in SCALES:
        value = told[scale]
        if not (value is None or value == CANNOT_TELL or type(value) is int and 1 <= value <= POINTS):
            raise wrong(f'item {number}: {scale} is {value!r}, not 1 to {POINTS} or "{CANNOT_TELL}"')
    reading = told["reading"]
    if not isinstance(reading, dict) or set(reading) != {"how", "text"} or not isinstance(reading["text"], str) \
            or not (reading["how"] is None or reading["how"] in list(READINGS)):
        raise wrong(f"item {number}: what was signed is not answered as the page asks")
    if not isinstance(told["comment"], str):
        raise wrong(f"item {number}: the comment is no text")
    item = Item(row["kind"], row["system"], row["sentence"], row["shown"], row["of"])
    return Answer(item, {scale: told[scale] for scale in SCALES}, reading["how"], told["comment"].strip())
