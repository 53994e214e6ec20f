"""How well the descriptions compile: the lexicon's, and all of ASL-LEX's where its CSV is given. [ours]

    python -m signer_lib.prior.compiling_study --asl-lex signdata.csv

Every sign is compiled in citation form for the default signer and checked; the figures, the worst signs and the reason for each
row that is no sign go to ``results/prior/compiling.json``.
"""

from __future__ import annotations

import json
import os
import time
from argparse import ArgumentParser
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from signer_lib.assets import RESULTS
from signer_lib.errors import SignerError, run
from signer_lib.prior.asl_lex import read_asl_lex
from signer_lib.prior.body import load_body
from signer_lib.prior.checks import ALLOWED, check_poses
from signer_lib.prior.compiler import CITATION, compile_sign
from signer_lib.prior.phonology import Compound, Sign, load_signs
from signer_lib.progress import progress

FIGURES = ("bone_error", "joint_excess", "inside_torso", "inside_head", "contact_gap")
FPS = 25


def compiled_figures(named: tuple[str, Sign | Compound]) -> tuple[str, float, dict[str, Any] | str]:
    """A sign's name, the seconds it took to compile, and its figures, or the reason why it does not compile."""
    name, sign = named
    body, start = load_body(), time.process_time()
    try:
        poses = compile_sign(sign, body, CITATION, FPS)
        seconds = time.process_time() - start
        return name, seconds, check_poses(poses, body, sign) | {"ms": 1000 * (len(poses) - 1) / FPS}
    except SignerError as error:
        return name, time.process_time() - start, str(error)


def study(signs: dict[str, Sign | Compound], processes: int, recorded: dict[str, float] | None = None) -> dict[str, Any]:
    """Compile and check signs with several processes: seconds, the reasons of those that fail, and the worst of each figure.

    With ``recorded`` durations in ms also how far the compiled ones are from them.
    """
    start = time.perf_counter()
    with get_context("spawn").Pool(processes) as pool:
        rows = list(progress(pool.imap_unordered(compiled_figures, signs.items(), chunksize=16), "compiling", total=len(signs)))
    found = {name: figures for name, _, figures in rows if isinstance(figures, dict)}
    figures = {}
    for key in FIGURES:
        values = {name: row[key] for name, row in found.items() if row[key] is not None}
        if not values:                               # no sign touches with a finger tip
            continue
        worst = sorted(values, key=lambda name: values[name], reverse=True)[:5]
        figures[key] = {"allowed": ALLOWED[key], "signs": len(values), "within": sum(value <= ALLOWED[key] for value in values.values()),
                        "95th percentile": round(float(np.percentile(list(values.values()), 95)), 6),
                        "worst": {name: round(values[name], 6) for name in worst}}
    if errors := [abs(row["ms"] - recorded[name]) for name, row in found.items() if name in recorded] if recorded else []:
        figures["duration_error_ms"] = {"signs": len(errors), "median": round(float(np.median(errors)), 1), "most": round(max(errors), 1)}
    past = Counter(row["worst_joint"] for row in found.values() if row["joint_excess"] > ALLOWED["joint_excess"])
    return {"compiled": len(found), "seconds, checks included": round(time.perf_counter() - start, 1),
            "processor seconds, compiling alone": round(sum(seconds for _, seconds, _ in rows), 1), "processes": processes,
            "figures": figures, "joints past their limits": dict(past.most_common(5)),
            "problems": {name: reason for name, _, reason in rows if isinstance(reason, str)}}


def main(arguments: list[str] | None = None) -> None:
    """Compile and check the lexicon's signs and, if its CSV is given, ASL-LEX's."""
    from signer_lib.results import write_result  # imports torch

    parser = ArgumentParser(prog="python -m signer_lib.prior.compiling_study", description=main.__doc__)
    parser.add_argument("--asl-lex", type=Path, help="ASL-LEX 2.0's signdata.csv")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--out", type=Path, default=RESULTS / "prior" / "compiling.json", help="default: %(default)s")
    args = parser.parse_args(arguments)
    result = {"lexicon": study(load_signs(), args.processes)}
    if args.asl_lex:
        lexicon = read_asl_lex(args.asl_lex)
        result["asl_lex"] = study(lexicon.signs, args.processes, lexicon.durations)
        result["asl_lex"]["problems"] |= lexicon.problems
        entries = len(lexicon.signs) + len(lexicon.problems)
        result["asl_lex"] |= {"entries": entries, "share compiled": round(result["asl_lex"]["compiled"] / entries, 4)}
    command = f"python -m signer_lib.prior.compiling_study --processes {args.processes}" + (f" --asl-lex {args.asl_lex.name}" if args.asl_lex else "")
    write_result(args.out, result, command)
    print(json.dumps({name: {key: value for key, value in part.items() if key != "problems"} for name, part in result.items()}, indent=1))


if __name__ == "__main__":
    run(main)
