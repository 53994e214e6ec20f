"""How long a sign takes, by a rule with a few factors. [ours]

``python -m signer_lib.prior.durations --asl-lex signdata.csv`` fits the factors on half of ASL-LEX 2.0's recorded durations, writes
them to ``data/lexicon/durations.yaml`` and measures them on the other half.

ASL-LEX was recorded in batches whose pace differs twofold (median 467 to 1,051 ms), whatever the signs: a batch's pace is fitted
along with the factors and left out of the rule. The rule's own pace is that of the everyday signs, the lexicon's, in the same half.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from signer_lib.assets import DATA, RESULTS
from signer_lib.files import whole_file
from signer_lib.prior.strict import Fields, read_mapping

if TYPE_CHECKING:
    from signer_lib.prior.phonology import Compound, Sign

FACTORS_FILE = DATA / "lexicon" / "durations.yaml"
CONDITIONS: dict[str, Callable[[Sign], bool]] = {                                            # what makes a sign longer or shorter
    "repeated": lambda s: s.movement.repeat > 1,
    "circle": lambda s: s.movement.path == "circle",
    "arc": lambda s: s.movement.path == "arc",
    "zigzag or cross": lambda s: s.movement.path in ("zigzag", "cross"),
    "no path": lambda s: s.movement.path == "none",
    "no movement": lambda s: s.movement.path == "none" and not s.movement.hand and len(s.handshape) == len(s.palm) == 1,
    "touching": lambda s: s.contact is not None,
    "two hands move": lambda s: s.type in ("symmetric", "alternating"),
    "base hand": lambda s: s.type == "base-hand",
    "two handshapes": lambda s: len(s.handshape) == 2,
    "turning": lambda s: len(s.palm) == 2 or s.movement.hand == "twist",
    "two places": lambda s: len(s.location) == 2,
}
ROUNDS = 100


@lru_cache(maxsize=4)
def load_factors(path: Path = FACTORS_FILE) -> dict[str, float]:
    """The rule's numbers: ``base`` in milliseconds, a factor for each of ``CONDITIONS``, and ``compound``, that of its parts' sum.

    Raises ``SignerError`` if one is missing or not positive.
    """
    names = ("base", *CONDITIONS, "compound")
    f = Fields(str(path), read_mapping(Path(path)), names, names)
    return {name: f.number(name, 0.01, 5000, 1.0) for name in names}


def duration_of(sign: Sign, path: Path = FACTORS_FILE) -> float:
    """Milliseconds of a sign in citation form: the base times the factor of each condition that holds, to 10 ms."""
    factors = load_factors(path)
    return round(factors["base"] * _product(sign, factors), -1)


def _product(sign: Sign, factors: dict[str, float]) -> float:
    return float(np.prod(np.array([factors[name] for name, holds in CONDITIONS.items() if holds(sign)])))


def part_durations(parts: Sequence[Sign]) -> list[float]:
    """Milliseconds of each part of a compound, whose parts are shorter than the signs they come from."""
    return [round(load_factors()["compound"] * part.duration, -1) for part in parts]


def _conditions(signs: list[Sign]) -> np.ndarray:
    """(N, 1 + C) ones, and which condition holds for which sign."""
    return np.array([[1.0, *(float(holds(sign)) for holds in CONDITIONS.values())] for sign in signs])


def fit_factors(signs: list[Sign], recorded: np.ndarray, batches: np.ndarray) -> tuple[dict[str, float], dict[str, float]]:
    """A factor for each of ``CONDITIONS``, and each batch's base in milliseconds, that minimise the absolute errors of log durations (N,)."""
    names = sorted(set(batches.tolist()))
    known = np.hstack([_conditions(signs)[:, 1:], (batches[:, None] == np.array(names)).astype(float)])
    target, weight = np.log(recorded), np.ones(len(recorded))
    for _ in range(ROUNDS):                               # least squares, reweighted until it is least absolute errors
        scaled = known * weight[:, None]
        found = np.linalg.solve(scaled.T @ known, scaled.T @ target)
        weight = 1 / np.maximum(np.abs(target - known @ found), 0.01)
    paces = dict(zip(names, np.exp(found[len(CONDITIONS):]).tolist()))
    return dict(zip(CONDITIONS, np.exp(found[:len(CONDITIONS)]).tolist())), paces


def main(arguments: list[str] | None = None) -> None:
    """Fit on one half, write the factors, measure on the other half and on the lexicon's signs."""
    from signer_lib.prior.asl_lex import read_asl_lex
    from signer_lib.prior.phonology import Compound, Sign, load_signs
    from signer_lib.results import write_result  # imports torch

    parser = ArgumentParser(prog="python -m signer_lib.prior.durations", description=main.__doc__)
    parser.add_argument("--asl-lex", type=Path, required=True, help="ASL-LEX 2.0's signdata.csv")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--factors", type=Path, default=FACTORS_FILE, help="where the rule's numbers go (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS / "prior" / "durations.json", help="default: %(default)s")
    args = parser.parse_args(arguments)
    lexicon = read_asl_lex(args.asl_lex)
    entries = np.array(sorted(lexicon.signs))
    half = np.random.default_rng(args.seed).permutation(len(entries)) % 2 == 0

    def parts_of(sign: Sign | Compound) -> tuple[Sign, ...]:
        return sign.parts if isinstance(sign, Compound) else (sign,)

    single = [(entry, sign) for entry in entries[half] if isinstance(sign := lexicon.signs[entry], Sign)]
    factors, paces = fit_factors([sign for _, sign in single], np.array([lexicon.durations[e] for e, _ in single]),
                                 np.array([lexicon.batches[e] for e, _ in single]))

    fitted, by_spelling = set(entries[half]), {entry.lower(): entry for entry in reversed(entries)}
    everyday = [(sign, by_spelling[spelling]) for gloss, sign in load_signs().items() for spelling in [gloss.lower().replace("-", "_")]
                if spelling in by_spelling]
    factors = {"base": float(np.median([lexicon.durations[e] / _product(sign, factors) for sign, e in everyday
                                        if isinstance(sign, Sign) and e in fitted]))} | factors
    paces = {batch: pace / factors["base"] for batch, pace in paces.items()}
    compounds = [entry for entry in entries[half] if len(parts_of(lexicon.signs[entry])) > 1]
    factors["compound"] = float(np.median([lexicon.durations[e] / paces[lexicon.batches[e]] / factors["base"]
                                           / sum(_product(part, factors) for part in parts_of(lexicon.signs[e])) for e in compounds]))
    factors = {name: round(value, 0 if name == "base" else 3) for name, value in factors.items()}
    command = f"python -m signer_lib.prior.durations --asl-lex {args.asl_lex.name} --seed {args.seed}"
    with whole_file(args.factors) as part:
        part.write_text("# The duration rule of prior/durations.py: base in milliseconds, the rest are factors. [ours]\n"
                        f"# Fitted on half of ASL-LEX 2.0's SignDuration(ms) (CC BY-NC 4.0) by: {command}\n"
                        + yaml.safe_dump(factors, sort_keys=False), encoding="utf-8")
    load_factors.cache_clear()

    def predicted(sign: Sign | Compound) -> float:
        parts = parts_of(sign)
        return sum(duration_of(part, args.factors) for part in parts) * (factors["compound"] if len(parts) > 1 else 1)

    def error(pairs: list[tuple[Sign | Compound, str]], pace: bool) -> float:
        return round(float(np.median([abs(predicted(sign) * (paces[lexicon.batches[e]] if pace else 1) - lexicon.durations[e])
                                      for sign, e in pairs])), 1)

    groups = {"held-out entries of ASL-LEX": [(lexicon.signs[e], e) for e in entries[~half]],
              "the lexicon's signs among them": [(sign, e) for sign, e in everyday if e not in fitted],
              "all of the lexicon's signs that ASL-LEX has": everyday}
    recorded = np.array(list(lexicon.durations.values()))
    result = {"median error in ms": {name: {"signs": len(pairs), "rule": error(pairs, False), "rule at the batch's pace": error(pairs, True)}
                                     for name, pairs in groups.items()},
              "median error in ms of one duration for all": round(float(np.median(np.abs(recorded - np.median(recorded)))), 1),
              "factors": factors, "pace of the batches": {batch: round(float(pace), 3) for batch, pace in paces.items()}}
    write_result(args.out, result, command)
    print(json.dumps(result["median error in ms"], indent=1))


if __name__ == "__main__":
    main()
