"""The pose prior: every gloss with its candidate poses, as a Hugging Face ``datasets`` table. [paper: a database; ours: its form]

    prior = Prior.open();  prior.candidates("BOOK", k=2)[0].poses;  prior.nearest("BOOK")

The shipped lexicon's prior is built once into the cache, and again whenever anything it depends on has changed: its folder is named
after a fingerprint of all that. Any other prior is a folder of its own (``Prior.load``), which grows by ``add`` and ``merge``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from datasets.table import MemoryMappedTable

from signer_lib.assets import cache_dir
from signer_lib.errors import SignerError
from signer_lib.pose import PoseSequence
from signer_lib.prior import fingerspelling, neighbours, table
from signer_lib.prior.body import Body, load_body
from signer_lib.prior.building import build_prior, fingerprint
from signer_lib.prior.exporting import export_lexicon
from signer_lib.prior.handshapes import LEXICON
from signer_lib.prior.validation import Problem, digest, find_problems

DECODED = 2048                                  # clips kept decoded: about 90 MB at 40 frames each
MAPPED = 64 * 2**20                             # bytes of clips read before the files are mapped anew, as what was read stays in memory
KEPT_BUILDS = 2


@dataclass(frozen=True)
class Candidate:
    """One way to sign a gloss.

    source     "rule" or "recording".       stability  the mean wrist jerk, shoulder widths/s^3: lower is steadier.
    bone_drift, missing                     shares, see ``table.stability``.
    phonology  the description as a mapping, {} where it is not known.
    """

    gloss: str
    variant: str
    source: str
    licence: str
    signer: str
    stability: float
    bone_drift: float
    missing: float
    poses: PoseSequence = field(repr=False)
    phonology: dict[str, Any] = field(repr=False)


class Prior:
    """A prior's folder, memory-mapped. Poses are decoded when they are asked for, and the last ``DECODED`` clips are kept."""

    def __init__(self, folder: Path):
        """Opens ``folder``. Raises ``SignerError`` if it is no prior or is damaged."""
        self.folder, self.name = Path(folder), Path(folder).name
        self._refresh()

    # --- opening -----------------------------------------------------------------------------------------------------
    @classmethod
    def open(cls, folder: Path | str | None = None, lexicon: Path = LEXICON, body: Body | None = None) -> Prior:
        """The prior of this lexicon and body in ``folder`` (left out: ``$SIGNER_CACHE`` or ``.cache``), built if it is not there.

        Raises ``SignerError`` if it cannot be built, or if the table is damaged.
        """
        body, cache = body or load_body(), Path(folder or cache_dir())
        path = cache / f"prior-{fingerprint(lexicon, body)}"
        if not os.path.isdir(path):                               # unlike Path.is_dir, False where it may not look
            build_prior(path, lexicon, body)
            _forget_old(cache, path)
        return cls(path)

    @classmethod
    def load(cls, folder: Path | str) -> Prior:
        """A prior that ``new``, ``build`` or another program of the ecosystem left in ``folder``."""
        return cls(Path(folder))

    @classmethod
    def new(cls, folder: Path | str) -> Prior:
        """An empty prior. Raises ``SignerError`` if ``folder`` holds one already."""
        return cls(table.new(Path(folder)))

    def _refresh(self) -> None:
        self.parts = table.read_manifest(self.folder)["parts"]
        tables = table.load(self.folder, self.parts)
        try:
            self.table = datasets.concatenate_datasets(tables) if tables else table.empty()
            glosses = self.table["gloss"][:]
        except Exception as error:                                # datasets and pyarrow raise many kinds
            raise table.damaged(self.folder, error) from error
        self._files = [file["filename"] for one in tables for file in one.cache_files]
        self._starts = np.cumsum([0] + [part["clips"] for part in self.parts])
        self._mapped: dict[int, MemoryMappedTable] = {}
        self._read = 0
        self._rows: dict[str, list[int]] = {}
        for row, gloss in enumerate(glosses):
            self._rows.setdefault(gloss, []).append(row)
        self._clip = lru_cache(maxsize=DECODED)(self._decode)
        for name in ("_steadiness", "_described", "_embedded"):
            self.__dict__.pop(name, None)

    # --- asking ------------------------------------------------------------------------------------------------------
    @property
    def glosses(self) -> tuple[str, ...]:
        """All glosses as they were added: signs first, then the letters A to Z, then what came later."""
        return tuple(self._rows)

    def __contains__(self, gloss: object) -> bool:
        return gloss in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def candidates(self, gloss: str, k: int | None = None) -> list[Candidate]:
        """The ways to sign a gloss: all as they were added, or the ``k`` steadiest, rule-made and recorded alike.

        Steadier is what misses fewer joints, then what has less jerk. Raises ``SignerError`` for a gloss that the prior does not hold.
        """
        if gloss not in self._rows:
            raise SignerError(f"the pose prior has no sign {gloss}: spell it as {fingerspelling.PREFIX}{gloss}, or describe it "
                              f"in {LEXICON.parent.name}/{LEXICON.name}/")
        rows = self._rows[gloss]
        return [self._clip(row) for row in (rows if k is None else sorted(rows, key=lambda row: tuple(self._steadiness[row]))[:k])]

    @cached_property
    def _steadiness(self) -> np.ndarray:
        """(clips, 2) share of missing joints, jerk."""
        column = self.table.with_format("arrow")["stability"][:].combine_chunks()
        return np.stack([column.field(name).to_numpy(zero_copy_only=False) for name in ("missing", "jerk")], 1)

    def _decode(self, row: int) -> Candidate:
        found = self._at(row)
        poses, steady = table.decode(found), found["stability"]
        return Candidate(found["gloss"], found["variant"], found["source"], found["licence"], found["signer"], steady["jerk"],
                         steady["bone_drift"], steady["missing"], poses, json.loads(found["phonology"]))

    def _at(self, row: int) -> dict[str, Any]:
        """A row through a mapping of its part that is dropped now and then: the system counts what was read through it as our memory."""
        part = int(np.searchsorted(self._starts, row, "right")) - 1
        if self._read > MAPPED:
            self._mapped.clear()
            self._read = 0
        try:
            if part not in self._mapped:
                self._mapped[part] = MemoryMappedTable.from_file(self._files[part])
        except FileNotFoundError:                                    # a newer build removed the folder; the table still has its files open
            result: dict[str, Any] = self.table[row]
            return result
        one = self._mapped[part].fast_slice(row - self._starts[part], 1)
        found = {name: one[name][0].as_py() for name in one.column_names if name != "embedding"}
        self._read += len(found["xyz"]) + len(found["confidence"])
        return found

    def nearest(self, gloss: str, k: int = 5, by: str = "phonology") -> list[tuple[str, float]]:
        """The k nearest signs to one of the prior's, nearest first, each with its distance.

        by  "phonology": the number of parameters that differ (see ``neighbours``); "embedding": 1 - cosine of SLUL's embeddings.
        Raises ``SignerError`` for a gloss that the prior does not hold, or holds without a description or an embedding.
        """
        if by not in ("phonology", "embedding"):
            raise SignerError(f"signs are near by phonology or by embedding, not by '{by}'")
        self.candidates(gloss)
        at = self.glosses.index(gloss)
        if by == "phonology":
            found = neighbours.distances(self._described[at:at + 1], self._described)[0]
        else:
            found = self.near_vector(self._embedded[at])
        if not np.isfinite(found[at]):
            raise SignerError(f"{gloss} has no {'description' if by == 'phonology' else 'SLUL embedding'} in the prior {self.name}")
        order = [row for row in np.argsort(found, kind="stable") if row != at and np.isfinite(found[row])]
        return [(self.glosses[row], float(found[row])) for row in order[:k]]

    def near_vector(self, vector: np.ndarray) -> np.ndarray:
        """(glosses,) 1 - cosine of each gloss's SLUL embedding to a vector (d,); inf for one that has none."""
        known = self._embedded.any(1)
        if not known.any() or len(vector) != self._embedded.shape[1]:
            return np.full(len(self), np.inf)
        return np.where(known, 1 - neighbours.cosines(vector, self._embedded), np.inf)

    @cached_property
    def _described(self) -> np.ndarray:
        """(glosses, P) the phonology of each gloss's first clip, coded."""
        column = self.table["phonology"][:]
        return neighbours.coded([neighbours.parameters(json.loads(column[rows[0]])) for rows in self._rows.values()])

    @cached_property
    def _embedded(self) -> np.ndarray:
        """(glosses, d) each gloss's SLUL embedding, zeros where there is none."""
        first = [rows[0] for rows in self._rows.values()]
        column = self.table.select_columns("embedding").with_format("arrow")["embedding"][:]
        vectors = [column[row].values.to_numpy() for row in first]
        out = np.zeros((len(vectors), max(map(len, vectors), default=0)), np.float32)
        for row, vector in zip(out, vectors):
            row[:len(vector)] = vector
        return out

    # --- growing -----------------------------------------------------------------------------------------------------
    def add(self, rows: Iterable[dict[str, Any]]) -> int:
        """Adds clips (rows made by ``table.clip_row``), all of them or none, without rewriting what is there. -> how many

        Raises ``SignerError`` for a place that cannot be written to.
        """
        try:
            added = table.append(self.folder, rows)
        except OSError as error:
            raise SignerError(f"cannot write to the pose prior {self.folder}: {error.strerror or error}") from error
        self._refresh()
        return added

    def merge(self, other: Prior) -> int:
        """Adds the clips of another prior that are not here yet: the same poses of the same gloss count as the same clip. -> how many"""
        here = lru_cache(maxsize=256)(lambda gloss: {digest(self.table[row]) for row in self._rows.get(gloss, ())})
        return self.add(row for row in other.rows() if digest(row) not in here(row["gloss"]))

    def validate(self) -> list[Problem]:
        """What is wrong with the clips; empty if nothing is. See ``validation``."""
        return list(find_problems(self.rows()))

    def export(self, folder: Path | str, language: tuple[str, str] = ("en", "ase")) -> Path:
        """Every clip as a ``.pose`` file, with the index.csv of a spoken-to-signed lexicon. -> the index; see ``exporting``."""
        return export_lexicon(self, Path(folder), language)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row as it is stored; one part is mapped at a time."""
        for part in self.parts:
            try:
                yield from table.load(self.folder, [part])[0]
            except (ArithmeticError, LookupError, ValueError, TypeError, SystemError) as error:       # pyarrow's, of a file that is damaged
                raise table.damaged(self.folder, error) from error


def _forget_old(cache: Path, newest: Path) -> None:
    """Removes the builds of lexicons and code that are no more, but for the newest ``KEPT_BUILDS``."""
    builds = sorted((path for path in cache.glob("prior-*") if path != newest), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in builds[KEPT_BUILDS - 1:]:
        shutil.rmtree(old, ignore_errors=True)
