"""Noise put in at one stage, measured at the ones after it: how far does an error travel? [ours]

    python -m signer_lib.comparison.corruption --data out/rules --experts out/full-1 --regression out/regression-1 \\
        --judge data/checkpoints/back-translation-nano --work out/corruption --out results/end_to_end/corruption.json

The noises and their levels are ``noise.NOISES``; level 0 is the chain without noise. Every finished row is kept in ``--work`` and not made again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from signer_lib.baselines.regression import Regression
from signer_lib.comparison.attribution import Setup, fingerprint, kept, options, told_in_a_line, typed
from signer_lib.comparison.chains import CASCADE, HIERARCHY, Cascade, Chain, Hierarchy, Made
from signer_lib.comparison.noise import NOISES, noisy
from signer_lib.errors import SignerError, run
from signer_lib.experts.model import SLPMoE
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.language.corruption import corrupt, word_counts
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.folder import Performed
from signer_lib.prior.fingerspelling import PREFIX
from signer_lib.results import write_result

WHERE = {HIERARCHY: tuple(NOISES), CASCADE: ("text", "glosses", "poses")}      # a regression sees no states and chooses nothing


class Corruption:
    """One chain on performed sentences: ``made(stage, noise, level, seed)``. The stages before the noise work once."""

    def __init__(self, chain: Chain, rows: list[Performed]):
        self.chain, self.rows, self.texts = chain, rows, [row.text for row in rows]
        self.sentences = chain.slul.translate(self.texts)
        self.choices = chain.choose(self.sentences) if isinstance(chain, Hierarchy) else None
        self.clean = chain.sign(self.sentences)
        self.signs = sorted({gloss for row in rows for gloss in row.glosses if not gloss.startswith(PREFIX)})
        self.counts = word_counts(text for text, _ in read_pairs(FOLDER, "train"))

    def made(self, stage: str, noise: str, level: float, seed: int) -> list[Made]:
        """What comes out. Raises ``SignerError`` for a noise that this chain has no place for."""
        if stage not in WHERE[self.chain.name]:
            raise SignerError(f"there is no noise of {stage} in the {self.chain.name}: use {', '.join(WHERE[self.chain.name])}")
        if stage == "text":
            texts, _ = corrupt(self.texts, noise, level, seed, self.chain.slul.settings["language"], self.counts)
            return self.chain.sign(self.chain.slul.translate(texts))
        if stage == "glosses":
            found = noisy(stage, noise, level, seed, [one.glosses for one in self.sentences], *[self.signs] * (noise == "substituted"))
            return self.chain.sign(self.chain.slul.state_of(self.texts, found))
        if stage == "states":
            return self.chain.sign(noisy(stage, noise, level, seed, self.sentences, *spread_of(self.sentences)))
        if isinstance(self.chain, Hierarchy) and self.choices is not None and stage == "choice":
            return self.chain.perform(self.sentences, noisy(stage, noise, level, seed, self.choices))
        return [replace(one, produced=produced)
                for one, produced in zip(self.clean, noisy(stage, noise, level, seed, [one.produced for one in self.clean]))]


def spread_of(sentences: list[GlossSentence]) -> tuple[torch.Tensor, torch.Tensor]:
    """(d,), (d,): the standard deviation of SLUL's states and of its contexts over sentences, dimension by dimension."""
    return torch.cat([one.states for one in sentences]).std(0), torch.stack([one.context for one in sentences]).std(0)


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__)
    parser.add_argument("--experts", type=Path, required=True, help="a trained SLP-MoE")
    parser.add_argument("--regression", type=Path, required=True, help="a trained pose regression")
    parser.add_argument("--stages", nargs="+", default=list(NOISES), choices=list(NOISES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="of the noise")
    args = parser.parse_args(arguments)
    setup = Setup(args)
    command = typed(args, "corruption", "--experts", args.experts, "--regression", args.regression, "--stages", *args.stages, "--seeds",
                    *map(str, args.seeds))
    chains: dict[str, tuple[Path, Callable[[], Chain]]]
    chains = {HIERARCHY: (args.experts, lambda: Hierarchy(setup.slul, SLPMoE.from_pretrained(args.experts), setup.asked.prior)),
              CASCADE: (args.regression, lambda: Cascade(setup.slul, Regression.from_pretrained(args.regression), setup.asked.prior))}
    rows = []
    for name, (folder, build) in chains.items():
        study, told = Corruption(build(), setup.asked.truth), setup.settings | {"model": fingerprint(folder)}

        def row_of(file: str, make: Callable[[], list[Made]]) -> dict[str, Any]:
            result: dict[str, Any] = kept(args.work / file, told, lambda: {"row": setup.scores.row(make())[0]}, command)["row"]
            return result

        clean = row_of(f"{name}-clean.json", lambda: study.clean)
        for stage in (stage for stage in args.stages if stage in WHERE[name]):
            for noise, (_, levels) in NOISES[stage].items():
                for seed in args.seeds:
                    for level in (0.0, *levels):
                        found = row_of(f"{name}-{stage}-{noise}-{level:g}-{seed}.json",
                                       lambda: study.made(stage, noise, level, seed)) if level else clean
                        rows.append({"chain": name, "stage": stage, "noise": noise, "level": level, "seed": seed} | found)
                        print(told_in_a_line(rows[-1]), flush=True)
    settings = setup.settings | {"models": {name: fingerprint(folder) for name, (folder, _) in chains.items()}, "seeds": args.seeds}
    write_result(args.out, {"rows": rows, "settings": settings}, command)


if __name__ == "__main__":
    run(main)
