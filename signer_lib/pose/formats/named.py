"""A clip with what is known of it beside its poses, and names for the files that clips are written to. [ours]"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pose_format import Pose

from signer_lib.files import whole_file
from signer_lib.pose.sequence import PoseSequence

LONGEST = 100                                 # letters of a name; file systems take 255 with its ending
WORDS = "words.csv"                           # beside files that cannot hold what is said in them
COLUMNS = ("name", "gloss", "text", "signer")


class NamedClip(NamedTuple):
    """``gloss``: the sign, or the signs one after another with spaces between; ``raw``: all points of the file, where its format has more of them."""

    name: str
    poses: PoseSequence
    gloss: str | None = None
    text: str | None = None
    signer: str | None = None
    raw: Pose | None = None

    @property
    def fps(self) -> float:
        return self.poses.fps

    @property
    def is_sentence(self) -> bool:
        """Whether more than one sign is told of it: a text, or several glosses."""
        return bool(self.text) or len((self.gloss or "").split()) > 1


def plain_name(name: str, taken: set[str]) -> str:
    """A relative path for any file system, without an ending: nothing leads out of the folder, and READ and read are two files.

    A name that is one already stays as it is, also with the underscore that some videos' begin with: tables of words know clips by it.
    """
    parts = [re.sub(r"[^\w.-]+", "_", part, flags=re.ASCII)[:LONGEST].strip(".") for part in name.replace("\\", "/").split("/")]
    plain, k = "/".join(part for part in parts if part) or "clip", 2
    while (found := plain if k == 2 else f"{plain}-{k - 1}").lower() in taken:
        k += 1
    taken.add(found.lower())
    return found


def write_words(clips: Iterable[tuple[str, NamedClip]], path: Path) -> bool:
    """A CSV of what is said in clips, by the names of their files; none if nothing is. -> whether it was written"""
    rows = [(name, clip.gloss or "", clip.text or "", clip.signer or "") for name, clip in clips]
    if not any(any(row[1:]) for row in rows):
        return False
    with whole_file(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return True
