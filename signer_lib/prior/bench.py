"""How a large prior behaves: size on disk, time to open and to look a gloss up, memory. [ours]

    python -m signer_lib.prior.bench --clips 100000

The clips are made: one small clip again and again, four for each gloss. They are looked up in a process of their own, first with
nothing of the table in the system's file cache (cold), then again (warm), then a few glosses often (kept: decoded before).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from signer_lib.assets import RESULTS
from signer_lib.errors import SignerError, run
from signer_lib.pose import PoseSequence
from signer_lib.prior import table
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.progress import progress

FRAMES, PER_GLOSS = 40, 4
SOME, FEW = 1000, 100                           # glosses


def made_rows(clips: int) -> Iterator[dict[str, Any]]:
    """The same clip of ``FRAMES`` frames under ``clips`` / ``PER_GLOSS`` glosses, each a little less steady than the one before."""
    rest = load_body().rest()
    sway = 0.1 * np.sin(np.linspace(0, np.pi, FRAMES))[:, None, None]
    row = table.clip_row("", "", PoseSequence(rest + sway, 25), source="rule", licence="CC0-1.0", signer="made", embedding=np.ones(192))
    for k in range(clips):
        yield row | {"gloss": f"MADE-{k // PER_GLOSS}", "variant": str(k % PER_GLOSS), "stability": row["stability"] | {"jerk": float(k)}}


def look_ups(prior: Prior, glosses: list[str], k: int | None = None) -> dict[str, float]:
    """How long ``candidates`` takes, decoded poses included, in milliseconds: by the clock, and by the processor's own time."""
    wall, cpu = [], []
    for gloss in glosses:
        start = time.perf_counter(), time.thread_time()
        prior.candidates(gloss, k)
        wall.append(1000 * (time.perf_counter() - start[0]))
        cpu.append(1000 * (time.thread_time() - start[1]))
    return {"look_ups": len(wall), "median_ms": round(float(np.median(wall)), 3), "p99_ms": round(float(np.percentile(wall, 99)), 3),
            "worst_ms": round(max(wall), 3), "median_cpu_ms": round(float(np.median(cpu)), 3), "p99_cpu_ms": round(float(np.percentile(cpu, 99)), 3)}


def memory_mb() -> float:
    """The most memory that this process ever held, mapped files included."""
    status = Path("/proc/self/status")
    if status.is_file():                        # getrusage would give the parent's peak, if that is higher
        return round(int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1)


def forget_files(folder: Path) -> None:
    """Asks the system to drop the folder's files from its cache, where it can be asked."""
    for path in folder.rglob("*.arrow"):
        with open(path, "rb") as file:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(folder: Path) -> dict[str, Any]:
    """Opens the prior, and looks up ``SOME`` glosses cold, then all glosses, then some again in several ways."""
    before = memory_mb()
    forget_files(folder)
    start = time.perf_counter()
    prior = Prior.load(folder)
    opened = round(time.perf_counter() - start, 3)
    glosses = list(prior.glosses)
    random.Random(1).shuffle(glosses)
    some, few = glosses[:SOME], glosses[:FEW]
    found = {"open_s": opened, "cold": look_ups(prior, some), "all_once": look_ups(prior, glosses), "warm": look_ups(prior, some),
             "two_steadiest": look_ups(prior, glosses[-SOME // 2:] + some[:SOME // 2], k=2)}
    look_ups(prior, few)
    return found | {"kept": look_ups(prior, few * 10), "memory_before_mb": before, "memory_peak_mb": memory_mb()}


def bench(clips: int, work: Path) -> dict[str, Any]:
    """Builds the made prior under ``work`` and measures it in a fresh process. JSON-ready."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        prior = Path(folder) / "prior"
        table.new(prior)
        start = time.perf_counter()
        table.append(prior, progress(made_rows(clips), "writing", clips))
        written = time.perf_counter() - start
        size = sum(path.stat().st_size for path in prior.rglob("*") if path.is_file())
        done = subprocess.run([sys.executable, "-m", __spec__.name, "--measure", prior], capture_output=True, text=True)
        if done.returncode:
            raise SignerError(f"the measuring process failed: {done.stderr.strip().splitlines()[-1]}")
        return {"clips": clips, "frames": FRAMES, "clips_a_gloss": PER_GLOSS, "disk_mb": round(size / 2**20), "write_s": round(written, 1),
                **json.loads(done.stdout)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()), help="a folder with room: 4 GB for 100,000 clips")
    parser.add_argument("--out", type=Path, default=RESULTS / "prior" / "scale.json")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure)))
        return
    from signer_lib.results import write_result  # not in the measuring process, which needs no torch

    result = bench(args.clips, args.work)
    write_result(args.out, result, f"python -m signer_lib.prior.bench --clips {args.clips}")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    run(main)
