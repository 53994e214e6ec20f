"""Efficiency, the paper's Fig. 4: how DTW falls within an epoch, quarter by quarter, for four systems that begin with random weights.

    python -m signer_lib.comparison.learning --performances out/rules --out results/end_to_end/learning.json --seeds 1 2 3 --workers 2

[paper] the figure: DTW after each 25 % of an epoch; the parts by name, SLUL and SLP-MoE said to lower it, SAGM alone not to move it.
[ours] all else: what the base is could not be read, so it is the shortest way from text to poses that we have. Every finished training is
kept in ``--work`` and not done again; one that was killed goes on where it was. ``seconds`` are of training, SLUL's included, as the clock on the
wall counts them; a SLUL that two systems read with is trained once and counted in both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from signer_lib.checkpoint import load_json
from signer_lib.comparison.learning_training import READERS, SYSTEMS, Job, Plan, train
from signer_lib.errors import SignerError, run
from signer_lib.files import whole_file
from signer_lib.language.corpora import read_pairs
from signer_lib.results import write_result
from signer_lib.workers import over

ROW = ("epoch", "dtw_mje", "hand_error", "gloss_wer", "seconds", "sentences", "texts")


def chains(systems: list[str], seeds: list[int], plan: Plan, data: Path, work: Path) -> list[list[Job]]:
    """Every training that is needed, once: for each seed a SLUL with the systems that it reads for, the longest first; then what needs none."""
    behind: dict[str | None, list[str]] = {reader: [name for name in systems if SYSTEMS[name][1] == reader] for reader in (*READERS, None)}
    return [[Job(name, seed, plan, data, work) for name in ([reader] if reader else []) + names]
            for reader, names in behind.items() if names for seed in seeds]


def measure(systems: list[str], seeds: list[int], plan: Plan, data: Path, work: Path, workers: int) -> list[dict[str, Any]]:
    """The rows of ``learning.json``: each system, seed and stop. Raises ``SignerError`` if ``work`` holds runs of another plan or other data."""
    _claim(work, {"plan": asdict(plan), "performances": data.name, "sha256": _digest(data)})
    rows = []
    for done in over(workers, train, chains(systems, seeds, plan, data, work)):
        for job in done:
            last = job.rows[-1]
            dtw = f", DTW-MJE {last['dtw_mje']:.3f}" if "dtw_mje" in last else ""
            print(f"{job.name}, seed {job.seed}: {last['seconds']:.0f} s of training{dtw}", flush=True)
            if job.name in SYSTEMS:
                rows += [{"system": job.name, "seed": job.seed, **{key: row[key] for key in ROW}} for row in job.rows]
    order = list(SYSTEMS)
    return sorted(rows, key=lambda row: (order.index(row["system"]), row["seed"], row["epoch"]))


def _digest(data: Path) -> str:
    """Of what is learned and measured on, by the sentences and who performs them how."""
    found = hashlib.sha256()
    for split in ("train", "test"):
        read_pairs(data, split)                                                 # tells what is missing
        found.update((data / f"{split}.jsonl").read_bytes())
    return found.hexdigest()[:16]


def _claim(work: Path, told: dict[str, Any]) -> None:
    """The first run writes down what it is about; whoever comes later must be about the same."""
    path, told = work / "plan.json", json.loads(json.dumps(told))
    if not path.is_file():
        with whole_file(path) as part:
            part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    elif load_json(work, path.name) != told:
        raise SignerError(f"{work} holds runs of another plan or of other performances: choose another --work, or delete it")


def main(arguments: list[str] | None = None, plan: Plan = Plan()) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--performances", type=Path, required=True, help="data set (a), as python -m signer_lib.performances rules makes it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("out/learning"), help="where the trained models go")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes, of one thread each")
    args = parser.parse_args(arguments)
    if args.workers < 1:
        raise SignerError(f"{args.workers} workers can do nothing: use 1 or more")
    plan = replace(plan, epochs=args.epochs)
    systems, seeds = [name for name in SYSTEMS if name in args.systems], sorted(set(args.seeds))
    rows = measure(systems, seeds, plan, args.performances, args.work, args.workers)
    named = ["--performances", args.performances.name, "--out", str(args.out), "--seeds", *map(str, seeds), "--epochs", str(plan.epochs)]
    named += ["--workers", str(args.workers), *(["--systems", *systems] if systems != list(SYSTEMS) else [])]
    command = shlex.join(["python", "-m", "signer_lib.comparison.learning", *named])
    settings = asdict(plan) | {"seeds": seeds, "performances": args.performances.name, "workers": args.workers}
    write_result(args.out, {"rows": rows, "systems": {name: SYSTEMS[name][0] for name in systems}, "settings": settings}, command)


if __name__ == "__main__":
    run(main)
