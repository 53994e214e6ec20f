"""Each stage of a study, by the library's own functions; what it leaves on disk and what it tells. [ours: the order]

    OUT/corpus/      train, dev, test as .text and .gloss          OUT/evaluator/   the back-translation
    OUT/slul/        text -> glosses                               OUT/slp-moe/     glosses -> poses
    OUT/data/pools/  the prior, and clips that it does not hold    OUT/renderer/    poses -> frames, if it was asked for
    OUT/data/        performed sentences; judge/: the evaluator's  OUT/pipeline/    what ``stable-signer sign --pipeline`` takes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from signer_lib.assets import CHECKPOINTS
from signer_lib.comparison.learning_training import states_of
from signer_lib.errors import SignerError
from signer_lib.experts import training as experts
from signer_lib.experts.batching import Example, example
from signer_lib.experts.model import SLPMoE
from signer_lib.language import training as language
from signer_lib.language.corpora import Corpus
from signer_lib.language.slul import SLUL, load_slul
from signer_lib.language.streaming import Pair
from signer_lib.language.tokenizer import SPELLED
from signer_lib.loop import TIMED
from signer_lib.metrics import back_translation_training as judging
from signer_lib.own_data.clips import build_pools, sign_clips
from signer_lib.own_data.performing import JUDGE, write_performances
from signer_lib.own_data.report import study_report
from signer_lib.own_data.study import SHIPPED, Stage, Study
from signer_lib.own_data.text import Sentence, gloss_counts, own_corpus, read_corpus, split_clips, write_corpus
from signer_lib.performances.folder import Performed
from signer_lib.pipeline import StableSignerPipeline
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.fingerspelling import PREFIX, spell
from signer_lib.render.backends import backend

STEPS_OF_AN_EPOCH = 100             # at least: a small corpus is read several times an epoch, so that patience and epochs mean what they say
BATCHES = 4                         # into so many a small data set is cut at least
WARM = 10                           # a warm-up is this part of all steps at most


@dataclass
class Work:
    """A study on its way: the settings, the folder, and what stages share."""

    study: Study
    out: Path

    @cached_property
    def splits(self) -> dict[str, list[Sentence]]:
        """The corpus, with the places that its sentences come from."""
        return read_corpus(self.study)

    def model(self, stage: str) -> Path:
        """The folder of a trained stage, or the shipped one's where the study leaves it out."""
        return self.out / stage if stage in self.study.stages else CHECKPOINTS / SHIPPED[stage]

    @property
    def data(self) -> Path:
        return self.out / "data"

    def settings(self, name: str) -> Stage:
        """Of a trained stage, its seed filled in."""
        found: Stage = getattr(self.study, name.replace("-", "_"))
        return found if found.seed is not None else replace(found, seed=self.study.seed)


# --- what fits the size of the data --------------------------------------------------------------------------------------------
def smaller(stage: Stage, config: Callable[[str, list[str]], Any], rows: int) -> list[str]:
    """The changes of a stage's settings, with a batch_size that fits so many rows, and a warm-up that fits the steps, where none is named."""
    named = {change.partition("=")[0].strip() for change in stage.set}
    changes, found = list(stage.set), config(stage.size, stage.set)
    if found.batch_size > (most := max(2, rows // BATCHES)) and "batch_size" not in named:
        changes.append(f"batch_size={most}")
        found.batch_size = most
    longest = TIMED[1] if stage.minutes else max(1, steps_of(found, rows) // WARM)          # nobody knows yet how many steps minutes are
    if found.warmup_steps > longest and "warmup_steps" not in named:
        changes.append(f"warmup_steps={longest}")
    return changes


def steps_of(config: Any, rows: int) -> int:
    """Steps of a whole training on so many rows, if it is counted in epochs; SLUL's has ``STEPS_OF_AN_EPOCH`` at least."""
    if hasattr(config, "steps"):
        return int(config.steps)
    least = STEPS_OF_AN_EPOCH if isinstance(config, language.SlulConfig) else 1
    return int(config.epochs * max(least, -(-rows // config.batch_size)))


def repeated(corpus: Corpus, batch_size: int) -> Corpus:
    """The corpus, its train as many times as an epoch needs for ``STEPS_OF_AN_EPOCH``."""
    times = max(1, STEPS_OF_AN_EPOCH * batch_size // max(len(corpus.train), 1))

    def read(split: str) -> list[Pair]:
        return corpus.read(split) * (times if split == "train" else 1)

    return replace(corpus, read=read)


class OwnExperts(experts.Training):
    """SLP-MoE on states of the true glosses, whatever SLUL would read: a study's SLUL may be young, and its sentences few. [ours]"""

    def examples(self, performed: list[Performed], slul: SLUL) -> tuple[list[Example], int]:
        def able(gloss: str) -> bool:
            return gloss in slul.ids or (gloss.startswith(SPELLED) and slul.tokenizer.known is not None)

        kept = [row for row in performed if all(map(able, row.glosses))]
        return [example(row, sentence, self.offers) for row, sentence in zip(kept, states_of(slul, kept))], len(performed) - len(kept)


# --- the stages ----------------------------------------------------------------------------------------------------------------
def validate(work: Work) -> dict[str, Any]:
    """Everything is read once. Raises ``SignerError`` naming file and line of the first thing that is wrong."""
    study, splits = work.study, work.splits
    told: dict[str, Any] = {"sentences": {split: len(rows) for split, rows in splits.items()}, "glosses": len(gloss_counts(splits["train"]))}
    for split, rows in splits.items():
        for row in rows:
            if not row.glosses:
                raise SignerError(f"{row.where} has no glosses, and nothing that would gloss it: fill them in, or write glossed_by")
    if study.sentences:
        told["sentence_clips"] = {split: len(own) for split, own in split_clips(study, splits).items()}
    if "prior" not in study.stages:
        return told
    clips = Counter(clip.gloss for clip in sign_clips(study))
    told |= {"sign_clips": clips.total(), "glosses_with_clips": len(clips)}
    if study.missing_signs == "refuse" and "performances" in study.stages and not study.sentences:
        _all_signed(study, splits, clips)
    return told


def _all_signed(study: Study, splits: dict[str, list[Sentence]], clips: Counter[str]) -> None:
    """Raises ``SignerError`` naming the first sentence with a gloss that nobody has signed."""
    shipped = {row["gloss"] for row in Prior.open().rows()} if study.shipped_signs else set()
    known = set(clips) | shipped
    missing = {gloss: row for rows in splits.values() for row in reversed(rows) for gloss in row.glosses.split()
               if gloss not in known and not (gloss.startswith(PREFIX) and study.with_letters)}
    if missing:
        gloss, row = min(missing.items(), key=lambda item: item[1].where)
        raise SignerError(f"{row.where}: the gloss {gloss} has no clip ({len(missing)} glosses have none: {', '.join(sorted(missing)[:8])}"
                          f"{', ...' if len(missing) > 8 else ''}); add clips, or write missing_signs: leave_out (such sentences are not performed) "
                          "or missing_signs: spell")


def corpus(work: Work) -> dict[str, Any]:
    write_corpus(work.out / "corpus", work.splits, work.study.prompts)
    glosses = {split: gloss_counts(rows) for split, rows in work.splits.items()}
    return {"sentences": {split: len(rows) for split, rows in work.splits.items()}, "glosses": len(glosses["train"]),
            "glosses_only_held_out": len((set(glosses["dev"]) | set(glosses["test"])) - set(glosses["train"]))}


def slul(work: Work) -> dict[str, Any]:
    stage, pairs = work.settings("slul"), own_corpus(work.out / "corpus", work.study.languages)
    config = language.slul_config(stage.size, smaller(stage, language.slul_config, len(pairs.train)))
    training: Any = language.Training(config, repeated(pairs, config.batch_size), work.out / "slul", stage.seed or 0, stage.minutes)
    training.run()
    return _trained(training, dev_bleu4=training.state["best_bleu4"])


def prior(work: Work) -> dict[str, Any]:
    wanted = {unit for rows in work.splits.values() for gloss in gloss_counts(rows) for unit in _units(gloss)}
    return build_pools(work.study, work.data / "pools", wanted, load_body())


def _units(gloss: str) -> list[str]:
    if not gloss.startswith(PREFIX):
        return [gloss]
    try:
        return spell(gloss)
    except SignerError:                                         # it is left out later, by ``performing.signable``
        return []


def performances(work: Work) -> dict[str, Any]:
    return write_performances(work.study, work.data, work.splits, load_slul(work.model("slul")))


def evaluator(work: Work) -> dict[str, Any]:
    stage = work.settings("evaluator")
    rows = len((work.data / JUDGE / "train.text").read_text(encoding="utf-8").splitlines())
    training: Any = judging.train(work.data / JUDGE, work.out / "evaluator", stage.size, stage.seed or 0, stage.minutes,
                                  smaller(stage, judging.back_translation_config, rows))
    return _trained(training, dev_bleu4=training.state["best"][0])


def slp_moe(work: Work) -> dict[str, Any]:
    stage = work.settings("slp-moe")
    rows = len((work.data / "train.text").read_text(encoding="utf-8").splitlines())
    config = experts.moe_config(stage.size, smaller(stage, experts.moe_config, rows))
    training: Any = OwnExperts(config, work.data, work.out / "slp-moe", stage.seed or 0, stage.minutes, work.model("slul"))
    training.run()
    return _trained(training, dev_total=training.state["best"])


def renderer(work: Work) -> dict[str, Any]:
    from signer_lib.performances.filmed import SOURCES, Filming, make_clips
    from signer_lib.render.renderer.curriculum import train

    stage = work.study.renderer
    assert stage is not None                                    # ``Study`` has seen to it
    seed, data = stage.seed if stage.seed is not None else work.study.seed, stage.frames
    if data is None:
        data = work.out / "frames"
        make_clips(work.data, data, Filming(dict(zip(SOURCES, stage.clips)), stage.pixels, frames=8, test_frames=20, seed=seed,
                                            slul=str(work.model("slul"))))
    states = f"d_state={load_slul(work.model('slul')).model.config.d_model}"       # it is told this SLUL's states
    training: Any = train(data, work.out / "renderer", stage.size, seed, stage.minutes, [states, *stage.set])
    return _trained(training, best_step=training.state["best_step"])


def _trained(training: Any, **more: Any) -> dict[str, Any]:
    return {"steps": training.state["step"], "train_minutes": round(training.state["seconds"] / 60, 2), **more}


def pipeline(work: Work) -> dict[str, Any]:
    who = backend(work.out / "renderer") if "renderer" in work.study.stages else backend("drawn")
    own = Prior.load(work.data / "pools" / "prior")
    models = {"slul": work.model("slul").name, "experts": "slp-moe", "prior": "own", "renderer": who.name}
    StableSignerPipeline(load_slul(work.model("slul")), own, SLPMoE.from_pretrained(work.out / "slp-moe"), models, who).save_pretrained(
        work.out / "pipeline")
    return {"folder": "pipeline", "glosses": len(own), "renderer": who.name}


def report(work: Work) -> dict[str, Any]:
    there = [name for name in SHIPPED if name in work.study.stages or work.study.languages == "en-ase"]
    return study_report(work.out, work.study, {name: work.model(name) for name in there})


RUN: dict[str, Callable[[Work], dict[str, Any]]] = {
    "validate": validate, "corpus": corpus, "slul": slul, "prior": prior, "performances": performances, "evaluator": evaluator, "slp-moe": slp_moe,
    "renderer": renderer, "pipeline": pipeline, "report": report,
}
