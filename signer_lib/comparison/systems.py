"""Every system by its name, on one data folder: what it is asked and what it gives. [ours]

All are asked the same: the glosses that SLUL reads in the test sentences, with its states; none is told a length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from signer_lib.baselines.floors import nearest_neighbour, static_mean, wrong_sentence
from signer_lib.baselines.regression import Regression
from signer_lib.baselines.stitching import spoken_to_signed, stitching, stitching_raw
from signer_lib.errors import SignerError
from signer_lib.experts.model import SLPMoE
from signer_lib.language.slul import GlossSentence, load_slul
from signer_lib.performances.folder import Performed, Produced, read_split
from signer_lib.prior.database import Prior


@dataclass(frozen=True)
class Asked:
    """A split of a data folder, and everything that a system may use to answer it. ``most``: only so many of its sentences, see ``spread``."""

    folder: Path
    split: str = "test"
    slul: Path | None = None
    most: int | None = None

    @cached_property
    def truth(self) -> list[Performed]:
        rows = read_split(self.folder, self.split)
        return [rows[i] for i in spread(self.most or len(rows), len(rows))]

    @cached_property
    def training(self) -> list[Performed]:
        return read_split(self.folder, "train")

    @cached_property
    def sentences(self) -> list[GlossSentence]:
        """What SLUL reads."""
        return load_slul(self.slul).translate([row.text for row in self.truth])

    @cached_property
    def prior(self) -> Prior:
        return Prior.load(self.folder / "pools" / "prior")


def spread(count: int, total: int) -> list[int]:
    """``count`` places, or all, evenly from the first to the last of ``total``."""
    result: list[int] = np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist()
    return result


System = Callable[[Asked, Path | None], list[Produced]]
SYSTEMS: dict[str, tuple[str, System]] = {
    "static_mean": ("floor", lambda asked, _: static_mean(asked.sentences, asked.training, asked.prior)),
    "wrong_sentence": ("floor", lambda asked, _: wrong_sentence(asked.truth)),
    "nearest_neighbour": ("floor", lambda asked, _: nearest_neighbour(asked.sentences, asked.training, asked.prior)),
    "stitching_raw": ("system", lambda asked, _: stitching_raw(asked.sentences, asked.prior)),
    "stitching": ("system", lambda asked, _: stitching(asked.sentences, asked.prior)),
    "spoken_to_signed": ("system", lambda asked, _: spoken_to_signed(asked.sentences, asked.prior)),
    "regression": ("system", lambda asked, model: Regression.from_pretrained(model or "")(asked.sentences, asked.prior)),
    "slp_moe": ("system", lambda asked, model: SLPMoE.from_pretrained(model or "").sign(asked.sentences, asked.prior)),
    "ground_truth": ("ceiling", lambda asked, _: [row.produced for row in asked.truth]),
}
TRAINED = ("regression", "slp_moe")


def produce(name: str, asked: Asked, model: Path | None = None) -> list[Produced]:
    """What a system gives for every sentence. Raises ``SignerError`` for an unknown name, or a trained system without its ``model``."""
    if name not in SYSTEMS:
        raise SignerError(f"there is no system '{name}': use {', '.join(SYSTEMS)}")
    if name in TRAINED and model is None:
        raise SignerError(f"{name} has to be trained first: name its folder with --model")
    return SYSTEMS[name][1](asked, model)
