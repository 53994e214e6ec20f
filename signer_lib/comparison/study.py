"""All systems on one data folder: trained with several seeds, with and without each part, scored on its test split. [ours]

    python -m signer_lib.comparison.study --data DIR --judge DIR --out results/slp_moe/rules --seeds 1 2 3

Every finished run leaves one JSON file, and is not run again. Only dev chooses anything (``--split dev`` shows by what); test is scored once for
each run.
"""

from __future__ import annotations

import argparse
import shlex
import time
from pathlib import Path
from typing import Any

from signer_lib.baselines import regression_training
from signer_lib.checkpoint import load_json
from signer_lib.comparison.scoring import Signs, candidates, score, single_signs
from signer_lib.comparison.systems import SYSTEMS, TRAINED, Asked, produce
from signer_lib.errors import run
from signer_lib.experts.model import SLPMoE
from signer_lib.experts.roles import gate_work, roles
from signer_lib.experts.training import Training, moe_config
from signer_lib.metrics.back_translation import BackTranslation
from signer_lib.performances.folder import Produced
from signer_lib.prior.database import Prior
from signer_lib.results import write_result

VARIANTS = {  # of SLP-MoE: what changes in the preset
    "full": [],
    "uniform_gate": ["gate=uniform"],
    "one_expert": ["experts=1"],
    "first_candidate": ["chooser=first"],
    "no_semantics": ["semantics=false"],
    "no_refinement": ["channels=0"],
    "positions": ["space=positions"],
    "hard_choice": ["choice=hard"],
    "top_2": ["top_k=2"],
    "no_smooth": ["weight_smooth=0"],
    "no_vel": ["weight_vel=0"],
    "no_hand": ["weight_hand=0"],
    "no_way": ["weight_way=0"],
    "no_balance": ["weight_balance=0"],
}

LONGER = {"regression_long": ["epochs=24"]}  # of the regression: four times its training
ALL = [*SYSTEMS, *LONGER, *VARIANTS, "candidates"]


class Study:
    """One data folder with its evaluator; every method leaves what it measured in ``out``."""

    def __init__(self, data: Path, judge: Path, out: Path, work: Path, size: str, command: str, changes: tuple[str, ...] = (),
                 split: str = "test"):
        self.asked, self.judge = Asked(data, split), BackTranslation.from_pretrained(judge)
        self.out, self.work, self.size, self.command, self.changes = out, work, size, command, changes
        self.signs = Signs(Prior.load(data / "pools" / split), {unit.name for row in self.asked.truth for unit in row.units if not unit.of})

    def baseline(self, name: str) -> None:
        self._measure(name, name, None, {})

    def regression(self, name: str, seed: int, minutes: float | None) -> None:
        folder = self.work / f"{name}-{seed}"
        if not (folder / "training.json").is_file():
            config = regression_training.regression_config(self.size, LONGER.get(name))
            regression_training.Training(config, self.asked.folder, folder, seed, minutes).run()
        self._measure(f"{name}-{seed}", "regression", folder, ({"variant": name} if name in LONGER else {}) | {"seed": seed})

    def moe(self, variant: str, seed: int, minutes: float | None) -> None:
        folder = self.work / f"{variant}-{seed}"
        if not (folder / "training.json").is_file():
            Training(moe_config(self.size, [*self.changes, *VARIANTS[variant]]), self.asked.folder, folder, seed, minutes).run()
        told = {"variant": variant, "seed": seed, "gates": gates(SLPMoE.from_pretrained(folder), self.asked)}
        self._measure(f"{variant}-{seed}", "slp_moe", folder, told)

    def raw_candidates(self) -> None:
        """How well the prior's clips are known as they are: what the blended signs are compared with."""
        if not (self.out / "candidates.json").is_file():
            found = {name: self.signs.known(signs) for name, signs in candidates(self.asked).items()}
            write_result(self.out / "candidates.json", {"system": "candidates", "recognition": found}, f"{self.command} --systems candidates")

    def _measure(self, file: str, name: str, model: Path | None, told: dict[str, Any]) -> None:
        if (self.out / f"{file}.json").is_file():
            return
        start = time.monotonic()
        produced: list[Produced] = produce(name, self.asked, model)
        seconds = time.monotonic() - start
        signs = single_signs(produced, self.asked)
        result = {"system": name, "kind": SYSTEMS[name][0], **told, **score(produced, self.asked, self.judge),
                  "recognition": self.signs.known(signs) if signs else None, "seconds_producing": round(seconds, 2)}
        if model is not None:
            result["settings"] = load_json(model, "training.json")
        seeds = f" --seeds {told['seed']}" if told else ""
        write_result(self.out / f"{file}.json", result, f"{self.command} --systems {told.get('variant', name)}{seeds}")
        print(f"{file}: BLEU-4 {result['bleu4']:.2f}, DTW-MJE {result['dtw_mje']:.4f}, distance {result['total_distance_ratio']:.2f}, "
              f"jerk {result['wrist_jerk']:.0f}", flush=True)


def gates(model: SLPMoE, asked: Asked) -> dict[str, Any]:
    """Whether the gate works, and what each expert is for; see ``experts.roles``."""
    choices = [model.choose(sentence, asked.prior) for sentence in asked.sentences]
    tempo, size = model.log_tempo.exp().tolist(), model.log_size.exp().tolist()
    return gate_work(choices) | {"experts": roles(choices, tempo, size)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--judge", type=Path, required=True, help="a trained back-translation")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("out/comparison"), help="where the trained models go")
    parser.add_argument("--systems", nargs="+", default=ALL, choices=ALL)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--minutes", type=float, help="of each training, instead of all its steps")
    parser.add_argument("--size", default="nano")
    parser.add_argument("--split", default="test", choices=["dev", "test"])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of SLP-MoE that this data set needs otherwise")
    args = parser.parse_args(arguments)
    named = ["--data", args.data.name, "--judge", args.judge.name, "--out", str(args.out), *(f"--set={change}" for change in args.set)]
    named += ["--split", args.split] if args.split != "test" else []
    command = shlex.join(["python", "-m", "signer_lib.comparison.study", *named])
    study = Study(args.data, args.judge, args.out, args.work / args.data.name, args.size, command, tuple(args.set), args.split)
    for name in args.systems:
        if name == "candidates":
            study.raw_candidates()
        elif name == "slp_moe":
            continue                                              # its variants, "full" among them
        elif name not in (*VARIANTS, *LONGER, *TRAINED):
            study.baseline(name)
        else:
            for seed in args.seeds:
                (study.moe if name in VARIANTS else study.regression)(name, seed, args.minutes)


if __name__ == "__main__":
    run(main)
