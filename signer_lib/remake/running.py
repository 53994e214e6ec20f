"""Runs the entries, two at a time and in the order of their needs, and tells what came out beside what is committed. [ours]"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from signer_lib.assets import ROOT, signer_data
from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.remake.listed import Entry

MADE = ("remade", "kept")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TQDM_DISABLE", "HF_HUB_OFFLINE",
                            "PYTHONUNBUFFERED"), "1")           # unbuffered, so that a log's last line is what was said last


@dataclass(frozen=True)
class Outcome:
    """What became of an entry: "remade", "kept" (from a run before), "skipped" or "failed", and why."""

    how: str
    minutes: float = 0.0
    reason: str = ""


class Remaking:
    """``run()`` makes everything; ``out``: the new results, ``work``: data, models, logs and notes of what is finished."""

    def __init__(self, entries: Sequence[Entry], out: Path, work: Path, data: Path | None = None, workers: int = 2):
        self.entries, self.out, self.work, self.data, self.workers = entries, Path(out), Path(work), data or signer_data(), workers
        by_name = {entry.name: entry for entry in entries}
        if len(by_name) != len(entries):
            raise SignerError("two entries have one name")
        if unknown := [need for entry in entries for need in entry.needs if need not in by_name]:
            raise SignerError(f"'{unknown[0]}' is needed and not listed")

    def command(self, entry: Entry) -> list[str]:
        """What follows ``python``, with all paths."""
        return [self.placed(word) for word in entry.command]

    def placed(self, word: str) -> str:
        for name, place in (("{out}", self.out.resolve()), ("{work}", self.work.resolve()), ("{data}", self.data), ("{root}", ROOT)):
            word = word.replace(name, str(place))
        return word

    def missing(self, entry: Entry, outcomes: dict[str, Outcome]) -> str:
        """Why the entry cannot be made; "" if it can."""
        if lost := [need for need in entry.needs if need in outcomes and outcomes[need].how not in MADE]:
            return f"needs '{lost[0]}', which was {outcomes[lost[0]].how}"
        if entry.data and self.data is None:
            return f"needs {entry.data[0]}: name the folder of the real data with --data or $SIGNER_DATA"
        if self.data and (lost := [name for name in entry.data if not (self.data / name).is_file()]):
            return f"needs {lost[0]}, which is not in $SIGNER_DATA"
        if lost := [name for name in entry.modules if importlib.util.find_spec(name) is None]:
            return f"needs {lost[0]}: pip install -e .[studio]"
        return ""

    def run(self) -> dict[str, Outcome]:
        """-> what became of every entry. A finished one is kept, an unfinished one is begun anew, or goes on if its command can."""
        self.work.mkdir(parents=True, exist_ok=True)
        outcomes: dict[str, Outcome] = {}
        waiting, running = list(self.entries), dict[Future[Outcome], Entry]()
        with ThreadPoolExecutor(self.workers) as pool:
            while waiting or running:
                for entry in list(waiting):
                    if reason := self.missing(entry, outcomes):
                        outcomes[entry.name] = Outcome("skipped", reason=reason)
                        self.tell(entry, outcomes[entry.name])
                        waiting.remove(entry)
                ready = [entry for entry in waiting if all(need in outcomes for need in entry.needs)]
                for entry in ready[:self.workers - len(running)]:
                    waiting.remove(entry)
                    running[pool.submit(self.make, entry)] = entry
                for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                    entry = running.pop(future)
                    outcomes[entry.name] = future.result()
                    self.tell(entry, outcomes[entry.name])
        return outcomes

    def make(self, entry: Entry) -> Outcome:
        """One process with one thread; what it prints goes to a log."""
        slug, command = re.sub(r"\W+", "-", entry.name).strip("-").lower(), self.command(entry)
        note, log = self.work / "finished" / f"{slug}.json", self.work / "logs" / f"{slug}.txt"
        if note.is_file() and (told := json.loads(note.read_text(encoding="utf-8")))["command"] == command:
            return Outcome("kept", told["minutes"])
        for folder in entry.fresh:
            shutil.rmtree(self.placed(folder), ignore_errors=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        start = time.monotonic()
        with log.open("w", encoding="utf-8") as lines:
            done = subprocess.run([sys.executable, *command], stdout=lines, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.work,
                                  env=os.environ | ONE_THREAD | {"PYTHONPATH": paths})
        minutes = round((time.monotonic() - start) / 60, 2)
        if done.returncode:
            last = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()][-1:]
            return Outcome("failed", minutes, f"exit code {done.returncode}: {last[0] if last else 'it said nothing'} (all of it: {log})")
        with whole_file(note) as part:
            part.write_text(json.dumps({"command": command, "minutes": minutes}), encoding="utf-8")
        return Outcome("remade", minutes)

    @staticmethod
    def tell(entry: Entry, outcome: Outcome) -> None:
        print(f"{outcome.how:8} {outcome.minutes:5.1f} min  {entry.name}" + (f": {outcome.reason}" if outcome.reason else ""), flush=True)


def value_at(path: Path, key: str) -> float | None:
    """The number at ``key``, such as "rows/0/ssim", in a JSON file; None where there is none."""
    if not key or path.suffix != ".json" or not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    for part in key.split("/"):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return found if isinstance(found, (int, float)) and not isinstance(found, bool) else None


def entry_of(entries: Sequence[Entry], file: str) -> Entry | None:
    """Who makes a file under results/."""
    return next((entry for entry in entries if any(fnmatch(file, pattern) for pattern in entry.files)), None)


def told(entries: Sequence[Entry], outcomes: dict[str, Outcome], committed: Path, out: Path) -> list[list[str]]:
    """A row for each file, committed or made, that an entry makes: file, minutes of its process, what became of it, which figure, now, committed."""

    def names(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} if folder.is_dir() else set()

    files = names(committed) | {name for name in names(out) if Path(name).suffix in (".json", ".png")}
    rows = []
    for file in sorted(files):
        if (entry := entry_of(entries, file)) is None:
            continue
        outcome = outcomes[entry.name]
        how = outcome.how
        if how in MADE and not (out / file).is_file():
            first = re.sub(r"-\d+\.json$", "-1.json", file)
            how = "another seed" if first != file and (out / first).is_file() else "failed"
        now, then = (value_at(folder / file, entry.key) for folder in (out, committed))

        def number(value: float | None) -> str:
            return "" if value is None else f"{value:.4g}"

        rows.append([file, f"{outcome.minutes:.1f}", how, entry.key if (now, then) != (None, None) else "", number(now), number(then)])
    return rows
