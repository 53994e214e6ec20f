"""What a second process brings on one machine: signing a manifest, drawn and rendered, and training under DDP at an equal batch. [ours]

    python -m signer_lib.comparison.scaling --out results/scale/cpu.json

One and two processes take turns, in changing order, each process with one thread; the ratio is that of two runs side by side in time, and the median
of the rounds is told with all of them. It needs cores that do nothing else, and takes about seven minutes on two.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from signer_lib.assets import ROOT
from signer_lib.errors import SignerError, run
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.performances.small import make_small
from signer_lib.results import write_result

MADE = re.compile(r"^\d+/\d+  row ")
WARM = 0.5                      # of its rows a signing run spends before the clock starts: the models are loaded by then in every process
SHORT = 40                      # letters of the longest text that is signed
TRAININGS = {"slul": ("slul", ["batch_size=32", "prompts=8", "log_steps=1000"]),
             "slp_moe": ("slp-moe", ["batch_size=12", "steps=60", "log_steps=1000"])}


def signed(manifest: Path, rows: int, renderer: str, work: Path, processes: int) -> dict[str, float]:
    """Signs a manifest into a fresh folder. -> seconds in all, loading and all, and rows a second once every process is at work"""
    out = Path(tempfile.mkdtemp(dir=work))
    command = [sys.executable, "-m", "signer_lib", "sign", "--manifest", str(manifest), "--renderer", renderer, "--size", "256",
               "--out", str(out), "--processes", str(processes)]
    start, times = time.monotonic(), []
    process = subprocess.Popen(command, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, text=True)
    for line in process.stdout or ():
        if MADE.match(line):
            times.append(time.monotonic() - start)
    if process.wait() or len(times) != rows:
        raise SignerError(f"signing {manifest} with {processes} processes failed: try it by hand, {' '.join(command)}")
    first = round(WARM * rows)
    return {"seconds": round(times[-1], 2), "rows_a_second": round((rows - first) / (times[-1] - times[first - 1]), 4)}


def trained(name: str, data: Path | None, minutes: float, work: Path, processes: int) -> dict[str, float]:
    """A short training. -> steps a second, of the steps alone: loading and scoring on dev are not in it"""
    stage, changes = TRAININGS[name]
    out = Path(tempfile.mkdtemp(dir=work)) / "model"
    command = ["train", stage, "--out", str(out), "--seed", "1", *(["--data", str(data)] if data else ["--minutes", str(minutes)]),
               *(word for change in changes for word in ("--set", change))]
    launch = ["-m", "accelerate.commands.launch", "--config_file", str(ROOT / "recipes" / "cpu_two.yaml"), "-m", "signer_lib"]
    words = [sys.executable, *(launch if processes == 2 else ["-m", "signer_lib"]), *command]
    done = subprocess.run(words, cwd=ROOT, env=_environment() | {"ACCELERATE_USE_CPU": "true"}, capture_output=True, text=True)
    if done.returncode:
        raise SignerError(f"training {stage} with {processes} processes failed: {done.stderr.strip().splitlines()[-1][:200]}")
    told = json.loads((out / "training.json").read_text(encoding="utf-8"))
    if told["processes"] != processes:
        raise SignerError(f"{stage} was trained by {told['processes']} processes, not {processes}")
    return {"steps": told["steps"], "steps_a_second": round(told["steps"] / (60 * told["train_minutes"]), 4)}


def side_by_side(measure: Callable[[int], dict[str, float]], key: str, rounds: int) -> dict[str, Any]:
    """``measure(processes)`` with one and two processes by turns. -> all values, and the ratios of ``key`` two to one"""
    runs: list[dict[str, Any]] = []
    for k in range(rounds):
        found = {processes: measure(processes) for processes in ((1, 2) if k % 2 == 0 else (2, 1))}
        runs.append({"one": found[1], "two": found[2], "ratio": round(found[2][key] / found[1][key], 3)})
        print(json.dumps(runs[-1]), flush=True)
    return {"ratio": round(statistics.median(run["ratio"] for run in runs), 3), "rounds": runs}


def _environment() -> dict[str, str]:
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return os.environ | one | {"TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}


def _manifest(path: Path, texts: list[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["name", "text"], *([f"{k:03d}", text] for k, text in enumerate(texts))])
    return path


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.comparison.scaling", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--drawn", type=int, default=32, help="rows that are drawn")
    parser.add_argument("--rendered", type=int, default=8, help="rows that are rendered")
    parser.add_argument("--minutes", type=float, default=0.2, help="of a training of SLUL")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args(arguments)
    texts = [text for text, _ in read_pairs(FOLDER, "test") if len(text) <= SHORT]
    if not 2 <= max(args.drawn, args.rendered) <= len(texts) or args.rounds < 1:
        raise SignerError(f"give 2 to {len(texts)} rows, and at least one round")
    result: dict[str, Any] = {"rows": {"drawn": args.drawn, "rendered": args.rendered}, "threads_a_process": 1, "cores": os.cpu_count(),
                              "rounds": args.rounds, "batch": {name: changes for name, (_, changes) in TRAININGS.items()}}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for renderer, rows in (("drawn", args.drawn), ("diffusion", args.rendered)):
            manifest = _manifest(work / f"{renderer}.csv", texts[:rows])
            measure = partial(signed, manifest, rows, renderer, work)
            result[f"signing, {renderer}"] = side_by_side(measure, "rows_a_second", args.rounds)
        make_small(work / "performed", sentences=150)
        for name, data in (("slul", None), ("slp_moe", work / "performed")):
            result[f"training, {name}"] = side_by_side(partial(trained, name, data, args.minutes, work), "steps_a_second", args.rounds)
    words = f"--drawn {args.drawn} --rendered {args.rendered} --minutes {args.minutes:g} --rounds {args.rounds}"
    write_result(args.out, result, f"python -m signer_lib.comparison.scaling --out {args.out} {words}")
    print("  ".join(f"{name}: x{found['ratio']}" for name, found in result.items() if isinstance(found, dict) and "ratio" in found))


if __name__ == "__main__":
    run(main)
