"""What a second process brings on one machine: signing a manifest, drawn and rendered, and training under DDP at an equal batch. [ours]

    python -m signer_lib.comparison.scaling --out results/scale/cpu.json

One and two processes take turns, in changing order, each process with one thread; the ratio is that of two runs side by side in time, and the median
of the rounds is told with all of them. It needs cores that do nothing else, and takes some eight minutes on two.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
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

TEXT = "Yes."      # signed again and again: rows of one length
PAIRS = {"train": 3000, "dev": 20}      # of the corpus: a training of SLUL on all of it would read longer than it learns
TRAININGS = {"slul": ("slul", ["batch_size=32", "prompts=8", "log_steps=1000"]),
             "slp_moe": ("slp-moe", ["batch_size=12", "steps=40", "log_steps=1000"])}


def signed(rows: int, renderer: str, work: Path, processes: int) -> dict[str, float]:
    """Signs one sentence so many times, into a fresh folder, and before that once a process. -> the seconds of both, and rows a second

    The one run is taken from the other: what it takes to start, and to load the models, is in the seconds and not in the rows a second.
    """
    few, all_of_them = (_seconds(count, renderer, work, processes) for count in (processes, rows))
    if all_of_them <= few:
        raise SignerError(f"{rows} rows with {processes} processes took no longer than {processes}: measure with more rows")
    return {"seconds_to_begin": round(few, 2), "seconds": round(all_of_them, 2), "rows_a_second": round((rows - processes) / (all_of_them - few), 4)}


def _seconds(rows: int, renderer: str, work: Path, processes: int) -> float:
    folder = Path(tempfile.mkdtemp(dir=work))
    manifest = folder / "texts.csv"
    manifest.write_text("name,text\n" + "".join(f"{k:03d},{TEXT}\n" for k in range(rows)), encoding="utf-8")
    command = [sys.executable, "-m", "signer_lib", "sign", "--manifest", str(manifest), "--renderer", renderer, "--size", "256",
               "--out", str(folder / "out"), "--processes", str(processes)]
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True)
    if done.returncode:
        raise SignerError(f"signing with {processes} processes failed: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1][:200]}")
    return time.monotonic() - start


def trained(name: str, data: Path, minutes: float, work: Path, processes: int) -> dict[str, float]:
    """A short training. -> steps a second, of the steps alone: loading and scoring on dev are not in it"""
    stage, changes = TRAININGS[name]
    out = Path(tempfile.mkdtemp(dir=work)) / "model"
    command = ["train", stage, "--out", str(out), "--seed", "1", "--data", str(data), *(["--minutes", str(minutes)] if stage == "slul" else []),
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


def _pairs(folder: Path) -> Path:
    """Some pairs of the shipped corpus, and its prompts."""
    folder.mkdir()
    shutil.copy(FOLDER / "prompts.txt", folder)
    for split, count in PAIRS.items():
        for side, lines in zip(("text", "gloss"), zip(*read_pairs(FOLDER, split)[:count])):
            (folder / f"{split}.{side}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.comparison.scaling", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--drawn", type=int, default=12, help="rows that are drawn; even numbers are shared evenly")
    parser.add_argument("--rendered", type=int, default=4, help="rows that are rendered")
    parser.add_argument("--minutes", type=float, default=0.2, help="of a training of SLUL")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args(arguments)
    if min(args.drawn, args.rendered) < 4 or args.rounds < 1:
        raise SignerError("give at least 4 rows, and at least one round")
    result: dict[str, Any] = {"text": TEXT, "rows": {"drawn": args.drawn, "rendered": args.rendered}, "threads_a_process": 1, "cores": os.cpu_count(),
                              "rounds": args.rounds, "batch": {name: changes for name, (_, changes) in TRAININGS.items()}}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for renderer, rows in (("drawn", args.drawn), ("diffusion", args.rendered)):
            result[f"signing, {renderer}"] = side_by_side(partial(signed, rows, renderer, work), "rows_a_second", args.rounds)
        make_small(work / "performed", sentences=150)
        for name, data in (("slul", _pairs(work / "pairs")), ("slp_moe", work / "performed")):
            result[f"training, {name}"] = side_by_side(partial(trained, name, data, args.minutes, work), "steps_a_second", args.rounds)
    words = f"--drawn {args.drawn} --rendered {args.rendered} --minutes {args.minutes:g} --rounds {args.rounds}"
    write_result(args.out, result, f"python -m signer_lib.comparison.scaling --out {args.out} {words}")
    print("  ".join(f"{name}: x{found['ratio']}" for name, found in result.items() if isinstance(found, dict) and "ratio" in found))


if __name__ == "__main__":
    run(main)
