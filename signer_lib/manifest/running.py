"""Signing the rows of a manifest: by several processes and machines, stopped and gone on, two runs at once, a row that fails. [ours]

    OUT/NAME/               the files of ``sign``; report.json also says the row's hash, by which a finished row is known
    OUT/manifest.json       what became of each row, and of all; manifest.csv the rows alone (of a shard: manifest-2-of-8.json)
    OUT/.making/, .locks/   rows on their way, and who makes them

A row's folder comes into being whole, when all of its files are there; only in the moment when a changed row's new files take the place of the old
ones is it without its report.json, so that it counts as unfinished.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, fields
from functools import cache, partial
from itertools import groupby
from multiprocessing import current_process
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.manifest.rows import Row
from signer_lib.pipeline import StableSignerPipeline, renderer_of
from signer_lib.render.backends import Diffusion, Drawn
from signer_lib.signing import FILES, Signing
from signer_lib.workers import Lost, streamed

TOGETHER = 16                   # rows whose texts are read and chosen for in one batch
MAKING, LOCKS = ".making", ".locks"
DONE = ("made", "kept")


@dataclass(frozen=True)
class Outcome:
    """What became of a row: "made", "kept" (it was there), "failed" with its ``error``, or "elsewhere" (another run has it in hand).

    seconds  that it took, its share of what was done for several rows together among them.    frames  of the video.
    """

    row: int
    name: str
    outcome: str
    seconds: float = 0.0
    frames: int = 0
    glosses: str = ""
    error: str = ""

    def __str__(self) -> str:
        what = f"{self.frames} frames  {self.glosses}" if self.outcome in DONE else self.error
        return f"row {self.row}  {self.name}  {self.outcome}  {self.seconds:.1f} s  {what}"


def sign_rows(rows: Sequence[Row], out: Path, processes: int = 1) -> Generator[Outcome]:
    """Signs what is not there yet, on so many processes of this machine. -> the outcome of each row, as soon as it is known

    Rows that another run is making are left for the end, and then waited for.
    """
    left = []
    _tidy(out)
    for row in rows:
        if (kept := _finished(row, out)) is not None:
            yield kept
        else:
            left.append(row)
    together = max(1, min(TOGETHER, -(-len(left) // (4 * processes))))          # towards the end no process should have many rows before it alone
    later: list[Row] = []
    for outcome in _spread([left[i:i + together] for i in range(0, len(left), together)], partial(_make, out=out, processes=processes), processes):
        if outcome.outcome == "elsewhere":
            later += [row for row in left if row.number == outcome.row]
        else:
            yield outcome
    yield from _spread([[row] for row in later], partial(_make, out=out, processes=processes, patient=True), processes)
    with suppress(OSError):
        (out / MAKING).rmdir()              # it stays where another run needs it


def _spread(jobs: list[list[Row]], make: partial[Iterator[Outcome]], processes: int) -> Iterator[Outcome]:
    """Of a process that ended before its time, the rows that it had told nothing of have failed."""
    told: set[int] = set()
    for job, result in streamed(min(processes, max(len(jobs), 1)) if processes > 1 else 1, make, jobs):
        if isinstance(result, Lost):
            error = f"the process that made it ended with exit code {result.code}: run again, with fewer --processes if memory was short"
            for row in job:
                if row.number not in told:
                    yield Outcome(row.number, row.name, "failed", error=error)
        else:
            told.add(result.row)
            yield result


# --- in a process ----------------------------------------------------------------------------------------------------
def _make(rows: list[Row], out: Path, processes: int, patient: bool = False) -> Iterator[Outcome]:
    """Some rows together: their texts in one batch, then each its own video. ``patient``: waits for a row that another run has in hand."""
    _settle_in(processes)
    with ExitStack() as stack:
        mine = []
        for row in rows:
            try:
                stack.enter_context(_lock(row.name, out).acquire(-1 if patient else 0))
            except Timeout:
                yield Outcome(row.number, row.name, "elsewhere")
                continue
            if (kept := _finished(row, out)) is not None:
                yield kept
            else:
                mine.append(row)
        for _, group in groupby(sorted(mine, key=_alike), _alike):
            start, same = time.monotonic(), list(group)
            signings = _understood(same)
            share = (time.monotonic() - start) / len(same)
            for row, signing in zip(same, signings):
                start = time.monotonic()
                outcome = _saved(row, signing, out) if isinstance(signing, Signing) else _failed(row, signing)
                yield Outcome(**asdict(outcome) | {"seconds": round(share + time.monotonic() - start, 3)})


def _alike(row: Row) -> tuple[str, str, str]:
    """Rows for which this is the same can be read together."""
    return row.pipeline or "", row.mode, row.language or ""


@cache
def _settle_in(processes: int) -> None:
    """The threads are divided among the processes of this machine, and so are its GPUs: by number, or as the launcher says."""
    if processes > 1:
        torch.set_num_threads(max(1, torch.get_num_threads() // processes))
    if torch.cuda.is_available():
        number = os.environ.get("LOCAL_RANK") or current_process().name.rpartition("-")[2]
        torch.cuda.set_device(int(number) % torch.cuda.device_count() if number.isdigit() else 0)


@cache
def _pipeline(folder: str | None) -> StableSignerPipeline:
    return StableSignerPipeline.from_pretrained(folder)


@cache
def _renderer(folder: str | None, name: str | None) -> Drawn | Diffusion:
    return _pipeline(folder).renderer if name is None else renderer_of(folder, name)


def _understood(rows: list[Row]) -> list[Signing | Exception]:
    """Of rows that are ``_alike``. Where one cannot be signed, each is tried for itself."""
    first, signs = rows[0], _pipeline(rows[0].pipeline)
    try:
        return list(signs([row.text for row in rows], mode=first.mode, language=first.language, glosses=[row.glosses for row in rows]))
    except Exception as error:
        return [error] if len(rows) == 1 else [found for row in rows for found in _understood([row])]


def _saved(row: Row, signing: Signing, out: Path) -> Outcome:
    """A row's folder, whole or as it was."""
    making = out / MAKING / row.name
    try:
        who = _renderer(row.pipeline, row.renderer)
        signing.renderer, signing.seed, signing.models = who, row.seed, signing.models | {"renderer": who.name}
        shutil.rmtree(making, ignore_errors=True)
        signing.save(making, row.size, row.captions, told={"row": row.sha256}, style=row.style, signer=row.signer, steps=row.steps,
                     side_by_side=row.side_by_side)
        _put(making, out / row.name)
    except Exception as error:
        return _failed(row, error)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return Outcome(row.number, row.name, "made", frames=len(signing.poses), glosses=" ".join(signing.glosses))


def _put(made: Path, place: Path) -> None:
    """A whole folder in its place; in one that is there, its files take the place of the old ones, report.json first to go and last to come."""
    if not place.exists():
        os.replace(made, place)
        return
    for name in sorted(FILES, key=lambda name: name != "report.json"):
        (place / name).unlink(missing_ok=True)
    for path in sorted(made.iterdir(), key=lambda path: path.name == "report.json"):
        os.replace(path, place / path.name)


def _failed(row: Row, error: Exception) -> Outcome:
    said = " ".join(str(error).split())[:300]
    return Outcome(row.number, row.name, "failed", error=said if isinstance(error, SignerError) else f"{type(error).__name__}: {said}")


# --- on disk ---------------------------------------------------------------------------------------------------------
def _lock(name: str, out: Path) -> FileLock:
    """Nobody else makes the row while it is held; it goes with its process, however that ends."""
    (out / LOCKS).mkdir(parents=True, exist_ok=True)
    return FileLock(out / LOCKS / f"{name.lower()}.lock")


def _finished(row: Row, out: Path) -> Outcome | None:
    """Of a row that is there as it is asked for now."""
    folder = out / row.name
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        if report["row"] != row.sha256 or not (folder / "video.mp4").is_file():
            return None
        return Outcome(row.number, row.name, "kept", frames=round(report["seconds"] * report["fps"]), glosses=" ".join(report["glosses"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _tidy(out: Path) -> None:
    """What a killed run left half-made goes, unless another run has it in hand."""
    for left in (out / MAKING).glob("*"):
        try:
            with _lock(left.name, out).acquire(0):
                shutil.rmtree(left, ignore_errors=True)
        except Timeout:
            continue


def write_report(out: Path, outcomes: Sequence[Outcome], shard: tuple[int, int], seconds: float, manifest: Path) -> Path:
    """manifest.json and manifest.csv: each row's outcome, in the order of the file, and the sums. -> the former"""
    k, n = shard
    name = "manifest" if n == 1 else f"manifest-{k}-of-{n}"
    rows = [asdict(outcome) for outcome in sorted(outcomes, key=lambda outcome: outcome.row)]
    counts = {kind: sum(row["outcome"] == kind for row in rows) for kind in (*DONE, "failed")}
    told = {"manifest": manifest.name, "shard": f"{k}/{n}", **counts, "frames": sum(row["frames"] for row in rows), "seconds": round(seconds, 2),
            "rows": rows}
    with whole_file(out / f"{name}.json") as part:
        part.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with whole_file(out / f"{name}.csv") as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Outcome)])
        table.writeheader()
        table.writerows(rows)
    return out / f"{name}.json"
