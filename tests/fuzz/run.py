"""Damaged files for every reader: each must give a valid result or one clear line, soon and in little memory.

    python tests/fuzz/run.py --cases 10000 --seed 1 --out results/reliability/fuzz.json
    python tests/fuzz/run.py --reader video --case 17                                       # one case, with its traceback

A case is a reader, its number and the seed: the same three, the same damage. A worker process of limited memory reads one case after another; one
that crashes or hangs is replaced, and the case is counted against the reader.
"""

import argparse
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

SECONDS = 300                    # by the clock, on a machine that others use too, before a case counts as hanging
CPU_SECONDS = 10                 # of its own that a case may take; at twice as many the system ends it
MEMORY = 2**30                   # bytes that a worker may take besides what its libraries do
GOOD = "valid", "refused"


# --- the worker ------------------------------------------------------------------------------------------------------
def numbered(cases: int, names: list[str] | None = None) -> list[tuple[str, int]]:
    """(reader, number) of every case, shared out among the readers."""
    from fuzz.readers import READERS

    shares = {name: reader.share for name, reader in READERS.items() if not names or name in names}
    ends, total, done = [], 0, 0
    for name, share in shares.items():
        total += share
        end = round(cases * total / sum(shares.values()))
        ends += [(name, number) for number in range(end - done)]
        done = end
    return ends


def damaged(reader: str, number: int, seed: int, pristine: Path, folder: Path) -> str:
    """A copy of the reader's files in ``folder``, one of them damaged (sometimes two); -> what was done."""
    from fuzz.damage import damage, linked_copy

    linked_copy(pristine, folder)
    rng = Random(f"{seed}/{reader}/{number}")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    chosen = rng.sample(files, min(len(files), 1 + (rng.random() < 0.1)))
    return " and ".join(f"{damage(path, rng)} {path.relative_to(folder)}" for path in chosen)


def judged(read, folder: Path) -> tuple[str, str]:
    """-> "valid", "refused" or "failed", and what was raised."""
    from signer_lib.errors import SignerError

    try:
        read(folder)
        return "valid", ""
    except SignerError as error:
        line = str(error)
        return ("refused", line) if line and line.isprintable() and len(line) < 1200 else ("failed", f"not one line: {line[:200]!r}")
    except MemoryError as error:
        return "memory", f"MemoryError: {error}"
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:                        # the panics of Rust libraries are no Exceptions
        where = traceback.extract_tb(error.__traceback__)
        ours = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in where if "signer_lib" in frame.filename]
        return "failed", f"{type(error).__name__}: {str(error)[:160]} at {' '.join(ours[-3:])}"


def work(seed: int, place: Path) -> None:
    """Reads cases (reader, number) from standard input, a line each, and answers with one line of JSON."""
    import warnings

    import numpy  # noqa: F401
    import torch

    from fuzz.readers import READERS

    answers, os.environ["SIGNER_CACHE"] = os.fdopen(os.dup(1), "w"), str(place / "cache")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    try:
        work_on(seed, place, answers, READERS)
    except BaseException:
        answers.write(json.dumps({"broken": traceback.format_exc()}) + "\n")
        answers.flush()
        raise


def work_on(seed: int, place: Path, answers, readers) -> None:
    """The loop of ``work``."""
    limited: set[str] = set()
    for line in sys.stdin:
        reader, number = json.loads(line)
        resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY,) * 2)
        pristine, folder = place / "pristine" / reader.replace("/", "_"), place / f"case-{number}"      # what is read may be kept by its path
        if not pristine.is_dir():
            pristine.mkdir(parents=True)
            readers[reader].make(pristine)
        if reader not in limited:                         # its libraries are loaded by reading what is whole, before memory is limited
            resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)
            warm = place / "warm"
            shutil.copytree(pristine, warm)
            readers[reader].read(warm)
            shutil.rmtree(warm)
            limited = {reader}
            resource.setrlimit(resource.RLIMIT_DATA, (in_use() + MEMORY, resource.RLIM_INFINITY))
        shutil.rmtree(folder, ignore_errors=True)                 # of a worker that crashed
        how = damaged(reader, number, seed, pristine, folder)
        start, before = time.process_time(), peak()
        resource.setrlimit(resource.RLIMIT_CPU, (int(start) + 2 * CPU_SECONDS, resource.RLIM_INFINITY))
        outcome, said = judged(readers[reader].read, folder)
        seconds = time.process_time() - start
        shutil.rmtree(folder, ignore_errors=True)
        if outcome in GOOD and seconds > CPU_SECONDS:
            outcome, said = "slow", f"{seconds:.1f} s of CPU time"
        answers.write(json.dumps({"reader": reader, "number": number, "damage": how, "outcome": outcome, "said": said,
                                  "seconds": round(seconds, 3), "grew": max(0, peak() - before)}) + "\n")
        answers.flush()


def in_use() -> int:
    """Bytes of private memory, as RLIMIT_DATA counts them."""
    return 1024 * int(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData")).split()[1])


def peak() -> int:
    """The most bytes that were ever resident."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# --- who gives the work ----------------------------------------------------------------------------------------------
class Worker:
    """A process that works."""

    def __init__(self, seed: int, place: Path):
        place.mkdir(parents=True, exist_ok=True)
        told = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "MPLBACKEND": "agg", "PYTHONFAULTHANDLER": "",
                             "HF_DATASETS_CACHE": str(place / "datasets"), "HF_HOME": str(place / "hub")}
        self.process = subprocess.Popen([sys.executable, str(Path(__file__).resolve()), "--work", str(place), "--seed", str(seed)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=told, cwd=place)

    def judge(self, reader: str, number: int, seconds: float = SECONDS) -> dict:
        """The answer, or what became of the worker, which is dead then."""
        try:
            self.process.stdin.write(json.dumps([reader, number]) + "\n")
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [], seconds)
            line = self.process.stdout.readline() if ready else ""
        except BrokenPipeError:
            ready, line = True, ""
        if line:
            answer = json.loads(line)
            if "broken" not in answer:
                return answer
            self.process.wait()                           # the machinery itself, or a reader that does not read what is whole
            return {"reader": reader, "number": number, "damage": "", "outcome": "broken", "said": answer["broken"], "seconds": 0.0, "grew": 0}
        self.process.kill()
        code = self.process.wait()
        crashed = ready and code != -signal.SIGXCPU
        return {"reader": reader, "number": number, "damage": "", "outcome": "crash" if crashed else "hang", "said": f"exit code {code}",
                "seconds": 0.0, "grew": 0}

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(60)


def fuzz(cases: int, seed: int, names: list[str] | None = None, progress: bool = False) -> list[dict]:
    """Every case's answer."""
    answers, worker, broken = [], None, set()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        place = Path(folder)
        for count, (reader, number) in enumerate(numbered(cases, names), 1):
            if reader in broken:
                answers.append(answers[-1] | {"number": number, "said": "as the case before"})
                continue
            worker = worker or Worker(seed, place)
            answers.append(worker.judge(reader, number))
            if answers[-1]["outcome"] in ("crash", "hang", "broken"):
                broken |= {reader} if answers[-1]["outcome"] == "broken" else set()
                worker.process.stdin.close(), worker.process.stdout.close()
                worker = None
            if progress and answers[-1]["outcome"] not in GOOD:
                print(json.dumps(answers[-1]), flush=True)
            elif progress and count % 500 == 0:
                print(count, flush=True)
        if worker:
            worker.close()
    return answers


def summed(answers: list[dict]) -> dict:
    """By reader and by damage: how many cases, and what came of them."""
    bad = [answer for answer in answers if answer["outcome"] not in GOOD]
    count = lambda rows: {"cases": len(rows)} | dict(Counter(row["outcome"] for row in rows).most_common())
    readers = list(dict.fromkeys(answer["reader"] for answer in answers))
    ways = sorted({how.split()[0] for answer in answers for how in answer["damage"].split(" and ") if how})
    return {
        "cases": len(answers), "outcomes": count(answers), "failures": bad,
        "readers": {name: count(rows := [a for a in answers if a["reader"] == name]) | {"slowest_cpu_seconds": max(a["seconds"] for a in rows)}
                    for name in readers},
        "damage": {way: count([a for a in answers if any(how.startswith(way + " ") for how in a["damage"].split(" and "))]) for way in ways},
        "most_memory_of_a_case_mb": round(max(a["grew"] for a in answers) / 2**20, 1),
        "limits": {"cpu_seconds": CPU_SECONDS, "seconds": SECONDS, "memory_mb": MEMORY // 2**20},
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/fuzz/run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reader", nargs="+", help="only these; see fuzz/readers.py")
    parser.add_argument("--case", type=int, help="one case of --reader, in this process")
    parser.add_argument("--out", type=Path, help="a result's file")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.seed, args.work)
        return
    if args.case is not None:
        from fuzz.readers import READERS

        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            (pristine := Path(folder, "pristine")).mkdir()
            READERS[args.reader[0]].make(pristine)
            print(damaged(args.reader[0], args.case, args.seed, pristine, Path(folder, "case")))
            print(READERS[args.reader[0]].read(Path(folder, "case")))
        return
    result = summed(fuzz(args.cases, args.seed, args.reader, progress=True))
    print(json.dumps({key: result[key] for key in ("outcomes", "readers")}, indent=1))
    if args.out:
        from signer_lib.results import write_result

        write_result(args.out, {"seed": args.seed, **result}, f"python tests/fuzz/run.py --cases {args.cases} --seed {args.seed} --out {args.out}")
    if result["failures"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
