"""The four systems of the learning curves, trained step by step and measured at every stop. [ours]

A quarter of an epoch is so many performed sentences, the same ones in the same order for all systems, and so many pairs of text and
glosses for every SLUL. In each part SLUL goes first; then the stage behind it learns from SLUL as it is by then, and both are measured together.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from signer_lib.baselines import regression_training
from signer_lib.baselines.regression import RegressionConfig
from signer_lib.bucketing import bucketed
from signer_lib.comparison.chains import resting
from signer_lib.errors import SignerError
from signer_lib.experts import training as experts_training
from signer_lib.experts.batching import Batches, Example, example
from signer_lib.experts.model import MoEConfig
from signer_lib.experts.offers import Offers
from signer_lib.files import filling
from signer_lib.language import training as language_training
from signer_lib.language.corpora import Corpus, open_corpus, read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.language.slul import SLUL, GlossSentence
from signer_lib.language.streaming import Pair
from signer_lib.language.tokenizer import SLOTS, Words, known_words
from signer_lib.loop import Loop
from signer_lib.metrics.poses import alignment, dtw_mje, hand_error
from signer_lib.metrics.text import text_scores
from signer_lib.performances.folder import Performed, Produced, read_split
from signer_lib.performances.units import Unit
from signer_lib.prior.database import Prior

T = TypeVar("T")
PLAIN = ("weight_sagm=0", "weight_kl=0", "weight_con=0")       # Eq. 2 alone
READERS: dict[str, tuple[str, ...]] = {"plain": PLAIN, "full": ()}                         # SLUL's losses: what changes in its settings
SYSTEMS = {  # what stands in the paper's Fig. 4 -> what it is here, and the SLUL that reads for it
    "base": ("the pose regression, from the words of the text to poses, no glosses in between [ours: the paper's base could not be read]", None),
    "slul": ("text to glosses by SLUL (Eq. 2 alone), then the pose regression from glosses to poses", "plain"),
    "slp_moe": ("the same SLUL's glosses and states, then SLP-MoE", "plain"),
    "sagm": ("the same, SLUL trained with SAGM (Eq. 3-5) too", "full"),
}


@dataclass(frozen=True)
class Plan:
    """What all systems have in common.

    epochs   passes through the performed sentences.    stops  measurements in an epoch.    batch_size  performed sentences a step.
    texts    pairs of text and glosses that SLUL reads for each performed sentence, ``text_batch`` a step. [ours] With ten, an epoch is one pass
             through what each stage learns from: 30,000 pairs, which cost no performance, and 3,000 performed sentences. With one, SLUL still
             reads nothing after an epoch (WER above 100 %), and every system behind it would show only that.
    held_out test sentences, the first ones, that all are measured on.
    slul, regression, experts  what changes in the presets: the warm-up of a short training, no prompts, greedy search, no endless glosses.
    """

    epochs: int = 1
    stops: int = 4
    batch_size: int = 10
    texts: int = 10
    text_batch: int = 50
    held_out: int = 64
    slul: tuple[str, ...] = ("precision=fp32", "weight_asked=0", "learning_rate=0.03", "warmup_steps=50", "average=0.99", "beams=1", "max_glosses=24")
    regression: tuple[str, ...] = ("warmup_steps=30",)
    experts: tuple[str, ...] = ("warmup_steps=30",)

    def __post_init__(self) -> None:
        for key in ("epochs", "stops", "batch_size", "texts", "text_batch", "held_out"):
            if getattr(self, key) < 1:
                raise SignerError(f"{key} must be 1 or more, not {getattr(self, key)}")

    def whole(self, rows: list[T], batch_size: int) -> list[T]:
        """As many of the rows, the first ones, as fill every part of an epoch with whole batches."""
        part = self.stops * batch_size
        if len(rows) < part:
            raise SignerError(f"{len(rows)} sentences are too few for {self.stops} parts in batches of {batch_size}: make {part} or more")
        return rows[:len(rows) - len(rows) % part]

    def pairs(self, data: Path) -> list[Pair]:
        """What SLUL reads in an epoch: the corpus's first pairs. No performed sentence is among them."""
        pairs, wanted = list(open_corpus(FOLDER).train), self.texts * len(self.whole(read_pairs(data, "train"), self.batch_size))
        if len(pairs) < wanted:
            raise SignerError(f"the corpus has {len(pairs):,} pairs, but {self.texts} for each performed sentence are {wanted:,}: ask for fewer")
        return self.whole(pairs[:wanted], self.text_batch)


@dataclass(frozen=True)
class Job:
    """One training of one seed: of a SLUL (``READERS``) or of what is behind it (``SYSTEMS``)."""

    name: str
    seed: int
    plan: Plan
    data: Path
    work: Path

    @property
    def out(self) -> Path:
        return self.work / f"{self.name}-{self.seed}"

    @property
    def finished(self) -> bool:
        return (self.out / "training.json").is_file()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What was measured, stop by stop."""
        lines = map(json.loads, (self.out / "log.jsonl").read_text(encoding="utf-8").splitlines())
        return [line for line in lines if "stop" in line]


def train(chain: list[Job]) -> list[Job]:
    """The jobs one after another, on one thread: what is finished is not done again, what was killed goes on."""
    torch.set_num_threads(1)
    for job in chain:
        if not job.finished:
            (Understanding(job) if job.name in READERS else KINDS[job.name](job)).run()
    return chain


@lru_cache(maxsize=3)
def performed(data: Path, split: str) -> list[Performed]:
    """``read_split``, once for all jobs of a process."""
    return read_split(data, split)


def words_of(pairs: list[Pair]) -> Callable[[str], list[str]]:
    """Text -> what the base reads: the words as SLUL's tokenizer sets them apart, a word that the pairs do not explain letter by letter."""
    reader = Words(known_words(pairs))

    def words(text: str) -> list[str]:
        encoded = reader.encode_words(text)
        letters = dict(zip(SLOTS, encoded.words))
        return [token for word in encoded.text.split() for token in letters.get(word, (word,))]

    return words


# --- what all trainings share ----------------------------------------------------------------------------------------
class Stopping(Loop[Any]):
    """A training that is measured before its first step and after each part of an epoch, and ends with the weights that it has by then."""

    job: Job

    @property
    def every(self) -> int:
        return len(self.batches) // self.job.plan.stops

    @property
    def stop(self) -> int:
        """How many parts are done."""
        step: int = self.state["step"]
        return step // self.every

    def measure(self) -> dict[str, Any]:
        """What is told of a stop."""
        raise NotImplementedError

    def run(self) -> Any:
        if not self.state["log"]:
            self.score(0)
        return super().run()

    def score(self, epoch: int) -> None:
        weights, _ = self.trained
        weights.eval()
        self.best = {name: value.clone() for name, value in weights.state_dict().items()}
        self._write({"stop": self.stop, "epoch": self.stop / self.job.plan.stops, "step": self.state["step"], **self.measure()})


class Understanding(Stopping, language_training.Training):
    """SLUL from random weights. At every stop it is kept: ``stop-0``, ``stop-1``, ... in ``out``."""

    def __init__(self, job: Job):
        self.job, plan = job, job.plan
        corpus = open_corpus(FOLDER)
        pairs = {"train": plan.pairs(job.data), "dev": corpus.dev}
        changes = [*plan.slul, *READERS[job.name], f"batch_size={plan.text_batch}", f"epochs={plan.epochs}"]
        super().__init__(language_training.slul_config("nano", changes), Corpus("corpus", corpus.language, pairs.__getitem__), job.out, job.seed)

    def measure(self) -> dict[str, Any]:
        with filling(self.out / f"stop-{self.stop}") as folder:
            self.averaged.slul.save_pretrained(folder)
        return {"texts": self.state["step"] * self.config.batch_size, "seconds": round(self.state["seconds"], 1)}


class Performing(Stopping):
    """A training that is measured by what it makes of the held-out texts."""

    config: Any

    def of(self, job: Job) -> tuple[Path, Path, int]:
        """What it is measured on; -> the data, the folder and the seed of the training."""
        self.job, self.truth = job, performed(job.data, "test")[:job.plan.held_out]
        self.prior = Prior.load(job.data / "pools" / "prior")
        reader = SYSTEMS[job.name][1]
        self.reader = replace(job, name=reader) if reader else None
        return job.data, job.out, job.seed

    def read(self, split: str) -> list[Performed]:
        rows, plan = performed(self.job.data, split), self.job.plan
        return plan.whole(rows, plan.batch_size) if split == "train" else rows[:plan.batch_size]            # dev chooses nothing here

    def slul(self, stop: int) -> SLUL:
        """The SLUL that reads for this system, as it was at a stop."""
        assert self.reader is not None                                  # a system that reads texts itself asks for none
        return SLUL.from_pretrained(self.reader.out / f"stop-{stop}")

    def perform(self, sentences: list[GlossSentence]) -> list[Produced]:
        """What the system as it is gives for the held-out sentences; ``sentences`` is what SLUL reads in them."""
        raise NotImplementedError

    def measure(self) -> dict[str, Any]:
        found = self.slul(self.stop).translate([row.text for row in self.truth], beams=1) if self.reader else []
        return scores(self.perform(found), self.truth) | {
            "gloss_wer": text_scores([" ".join(s.glosses) for s in found], [" ".join(row.glosses) for row in self.truth])["wer"] if found else None,
            "sentences": self.state["step"] * self.config.batch_size,
            "texts": self.reader.rows[self.stop]["texts"] if self.reader else 0,
            "seconds": round(self.state["seconds"] + (self.reader.rows[self.stop]["seconds"] if self.reader else 0), 1)}


def scores(produced: list[Produced], truth: list[Performed]) -> dict[str, float]:
    """Mean DTW-MJE and hand error, in shoulder widths; see ``metrics.poses``."""
    rows = []
    for one, row in zip(produced, truth):
        path = alignment(one.poses, row.poses)
        rows.append((dtw_mje(one.poses, row.poses, path), hand_error(one.poses, row.poses, path)))
    return dict(zip(("dtw_mje", "hand_error"), np.mean(rows, 0).tolist()))


# --- the systems -----------------------------------------------------------------------------------------------------
def regression_config(plan: Plan) -> RegressionConfig:
    return regression_training.regression_config("nano", [*plan.regression, f"batch_size={plan.batch_size}", f"epochs={plan.epochs}"])


class FromWords(Performing, regression_training.Training):
    """base: each word of the text is a unit."""

    def __init__(self, job: Job):
        self.words = words_of(job.plan.pairs(job.data))
        super().__init__(regression_config(job.plan), *self.of(job))

    def read(self, split: str) -> list[Performed]:
        return [replace(row, units=[Unit(word, i) for i, word in enumerate(self.words(row.text))]) for row in super().read(split)]

    def perform(self, sentences: list[GlossSentence]) -> list[Produced]:
        return [Produced(poses) for poses in self.model.produce([self.words(row.text) for row in self.truth])]


class FromGlosses(Performing, regression_training.Training):
    """slul: it learns from the true glosses and performs what SLUL reads."""

    def __init__(self, job: Job):
        super().__init__(regression_config(job.plan), *self.of(job))

    def perform(self, sentences: list[GlossSentence]) -> list[Produced]:
        return self.model(sentences, self.prior)


class InOrder(Batches):
    """SLP-MoE's batches of the very sentences that the regression reads in the same step."""

    def __init__(self, examples: list[Example], offers: Offers, config: MoEConfig, seed: int, lengths: list[int]):
        super().__init__(examples, offers, config, seed)
        self.lengths = lengths

    def rows(self, step: int) -> np.ndarray:
        epoch, place = divmod(step, len(self))
        return np.array(bucketed(self.lengths, self.config.batch_size, random.Random(f"{self.seed} epoch {epoch}"))[place])


class FromStates(Performing, experts_training.Training):
    """slp_moe, sagm: it learns from SLUL's states of the true glosses and performs what SLUL reads.

    The states of a part's sentences are those of SLUL at the end of its own part. Where it finds no gloss, the signer rests.
    """

    def __init__(self, job: Job):
        plan, self.part = job.plan, 0
        steps = plan.epochs * len(plan.whole(read_pairs(job.data, "train"), plan.batch_size)) // plan.batch_size
        config = experts_training.moe_config("nano", [*plan.experts, f"batch_size={plan.batch_size}", f"steps={steps}"])
        where = self.of(job)
        assert self.reader is not None                                  # it learns from a SLUL's states
        super().__init__(config, *where, slul=self.reader.out / "stop-0")
        slower = regression_config(plan).frame_step
        lengths = [len(row.poses.resample(row.poses.fps / slower)) for row in self.learned]
        self.batches = InOrder(self.train, self.offers, self.config, self.seed, lengths)

    def read(self, split: str) -> list[Performed]:
        rows = super().read(split)
        if split == "train":
            self.learned = rows
        return rows

    def examples(self, rows: list[Performed], slul: SLUL) -> tuple[list[Example], int]:
        """All of them, whatever SLUL would read."""
        return [example(row, sentence, self.offers) for row, sentence in zip(rows, states_of(slul, rows))], 0

    def step(self) -> dict[str, float]:
        if self.part != self.stop + 1:
            self.part = self.stop + 1
            self._reads(self.slul(self.part))
        return super().step()

    def _reads(self, slul: SLUL) -> None:
        """The sentences of this part with the states of this SLUL."""
        first = (self.part - 1) * self.every
        rows = sorted({row for step in range(first, first + self.every) for row in self.batches.rows(step)})
        for row, sentence in zip(rows, states_of(slul, [self.learned[row] for row in rows])):
            units = self.learned[row].units
            self.train[row] = replace(self.train[row], states=sentence.states[[unit.gloss for unit in units]],
                                      context=sentence.context.expand(len(units), -1))

    def perform(self, sentences: list[GlossSentence]) -> list[Produced]:
        return [self.model.sign([sentence], self.prior)[0] if sentence.glosses else resting() for sentence in sentences]


def states_of(slul: SLUL, rows: list[Performed]) -> list[GlossSentence]:
    """SLUL's states of the true glosses."""
    return slul.state_of([row.text for row in rows], [row.glosses for row in rows])


KINDS: dict[str, Callable[[Job], Performing]] = {"base": FromWords, "slul": FromGlosses, "slp_moe": FromStates, "sagm": FromStates}
