"""Makes the two data sets of stage three. [ours]

    python -m signer_lib.performances rules --out DIR
    python -m signer_lib.performances recordings --data DIR --rules DIR --out DIR
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from signer_lib.assets import signer_data
from signer_lib.errors import SignerError, run
from signer_lib.files import whole_file
from signer_lib.performances.folder import write_split
from signer_lib.performances.recorded import build_recorded_pools
from signer_lib.performances.sentences import JUDGE_SIZES, SIZES, fits, new_sentences, performances, recorded_share
from signer_lib.performances.signers import SIGNERS, clips_of
from signer_lib.performances.units import units_of
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.fingerspelling import PREFIX, recorded_letters
from signer_lib.results import commit

POOLS = ("prior", "train", "judge", "dev", "test")
LEAST_RECORDED = 0.5            # share of a sentence's glosses that are recorded, in data set (b)


def rule_pools(folder: Path, seed: int) -> None:
    """Data set (a): the prior's pool begins with the shipped prior; every other clip is by a signer of ``SIGNERS``."""
    letters = recorded_letters(load_body(), 25)
    for name in POOLS:
        pool = Prior.new(folder / "pools" / name)
        if name == "prior":
            pool.add(Prior.open().rows())
        for signer in SIGNERS:
            if signer.pool == name:
                pool.add(clips_of(signer, letters, seed))


def recorded_pools(folder: Path, data: Path, rules: Path, seed: int) -> dict[str, Any]:
    """Data set (b): recordings, split by recording; a gloss without any is done by the signers of ``rules``. -> what was built"""
    report = build_recorded_pools(data, folder, load_body(), seed)
    pools = {name: Prior.load(folder / "pools" / name) for name in POOLS if name != "train"}
    pools["train"] = Prior.new(folder / "pools" / "train")
    pools["train"].add(row for row in pools["prior"].rows() if row["source"] == "recording" and row["gloss"] in recorded_glosses(folder, "prior"))
    for name in POOLS[1:]:
        here = set(pools[name].glosses)
        pools[name].add(row for row in Prior.load(rules / "pools" / name).rows() if row["gloss"] not in here)
    return report


def recorded_glosses(folder: Path, name: str) -> set[str]:
    """The signs of a pool that have a recording; letters do not count."""
    return {row["gloss"] for row in Prior.load(folder / "pools" / name).rows() if row["source"] == "recording" and len(row["gloss"]) > 1}


def write_sentences(folder: Path, seed: int, recorded: set[str] | None = None, share: float = 1.0) -> dict[str, int]:
    """All splits of the folder, and the judge's; of each so large a ``share``. -> how many sentences each has"""
    sizes, judge_sizes = ({split: max(1, round(share * count)) for split, count in whole.items()} for whole in (SIZES, JUDGE_SIZES))
    pools = {name: Prior.load(folder / "pools" / name) for name in POOLS}

    def wanted(glosses: list[str]) -> bool:
        if recorded is not None and (recorded_share(glosses, recorded) < LEAST_RECORDED or any(g.startswith(PREFIX) for g in glosses)):
            return False
        return fits(units_of(glosses, pools["prior"]))

    drawn = new_sentences(judge_sizes["train"] + judge_sizes["dev"] + sizes["dev"] + sizes["test"], seed, wanted)
    written, at = {}, 0
    for where, split, count in (("", "test", sizes["test"]), ("", "dev", sizes["dev"]), ("judge", "dev", judge_sizes["dev"]),
                                ("judge", "train", judge_sizes["train"])):
        pool = pools["judge" if where else split]
        written[f"{where}/{split}".lstrip("/")] = write_split(folder / where, split, performances(split, drawn[at:at + count], pool, seed))
        at += count
    written["train"] = write_split(folder, "train", performances("train", drawn[at - sizes["train"]:at], pools["train"], seed))
    return written


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.performances", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("rules", "recordings"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=signer_data(), help="folder of the recordings (default: $SIGNER_DATA)")
    parser.add_argument("--rules", type=Path, help="the finished data set (a), whose signers do the signs without a recording")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of the sentences of each split (default: all)")
    args = parser.parse_args()
    if not 0 < args.share <= 1:
        raise SignerError(f"--share is more than 0 and at most 1, not {args.share:g}")
    if (args.out / "about.json").exists():
        raise SignerError(f"{args.out} holds a finished data set: choose another --out, or delete it")
    if args.which == "rules":
        rule_pools(args.out, args.seed)
        report, recorded = {}, None
    else:
        if args.data is None or args.rules is None:
            raise SignerError("data set (b) needs the recordings and data set (a): give --data DIR and --rules DIR")
        report = recorded_pools(args.out, args.data, args.rules, args.seed)
        recorded = set.union(*(recorded_glosses(args.out, name) for name in ("prior", "test")))
    counts = write_sentences(args.out, args.seed, recorded, args.share)
    about = {"which": args.which, "sentences": counts, "seed": args.seed, "commit": commit(), **({"recordings": report} if report else {}),
             "command": shlex.join(["python", "-m", "signer_lib.performances", *sys.argv[1:]])}
    with whole_file(args.out / "about.json") as part:
        part.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(f"{args.out}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


if __name__ == "__main__":
    run(main)
