"""What each stage of a study reached on held-out data, beside the floors that need no understanding and the ceiling where there is one. [ours]"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from signer_lib.comparison.chains import resting
from signer_lib.comparison.scoring import Signs, score
from signer_lib.comparison.systems import Asked, produce
from signer_lib.experts.model import SLPMoE
from signer_lib.language.slul import SLUL, GlossSentence, load_slul
from signer_lib.language.study import copied
from signer_lib.language.training import evaluate
from signer_lib.metrics.back_translation import BackTranslation
from signer_lib.metrics.text import text_scores
from signer_lib.own_data.performing import signable
from signer_lib.own_data.study import Study
from signer_lib.own_data.text import own_corpus
from signer_lib.performances.folder import Produced
from signer_lib.performances.sentences import RULE_SIGNERS
from signer_lib.prior.database import Prior

FLOORS = "static_mean", "wrong_sentence", "nearest_neighbour"
KEPT = ("bleu4", "wer", "rouge", "dtw_mje", "hand_error", "total_distance_ratio", "duration_ratio", "wrist_jerk")
TEXT = ("bleu4", "rouge", "wer", "exact", "count")
HEAD = ("stage", "measured", "floor", "reached", "ceiling", "on")


@dataclass(frozen=True)
class OwnAsked(Asked):
    """What SLUL reads, less the glosses for which the prior has neither a sign nor letters; ``unsigned`` counts them."""

    @cached_property
    def read(self) -> list[GlossSentence]:
        """What SLUL reads, all of it."""
        return load_slul(self.slul).translate([row.text for row in self.truth])

    @cached_property
    def sentences(self) -> list[GlossSentence]:
        return [self._signed(sentence) for sentence in self.read]

    @property
    def unsigned(self) -> int:
        return sum(len(one.glosses) - len(other.glosses) for one, other in zip(self.read, self.sentences))

    def _signed(self, sentence: GlossSentence) -> GlossSentence:
        kept = [k for k, gloss in enumerate(sentence.glosses) if not isinstance(signable([gloss], self.prior, spell=True), str)]
        return sentence if len(kept) == len(sentence.glosses) else replace(sentence, glosses=[sentence.glosses[k] for k in kept],
                                                                           states=sentence.states[kept])


def study_report(out: Path, study: Study, models: dict[str, Path]) -> dict[str, Any]:
    """The measures of every stage that the study has. ``models``: the folders of SLUL and the evaluator, if there are any."""
    found: dict[str, Any] = {}
    if "slul" in study.stages:
        pairs = own_corpus(out / "corpus", study.languages).test
        texts, glosses = map(list, zip(*pairs))
        own = evaluate(SLUL.from_pretrained(models["slul"]), pairs)
        scores = {"copying the text": text_scores([copied(text) for text in texts], glosses), "SLUL": own}
        found["slul"] = {name: {key: row[key] for key in TEXT} for name, row in scores.items()}
    if "prior" in study.stages and (known := _known(out / "data" / "pools")):
        found["prior"] = known
    if "performances" in study.stages and "evaluator" in models:
        found["poses"] = _poses(out, study, models)
    return found


def _known(pools: Path) -> dict[str, Any] | None:
    """Held-out recordings, named by the nearest mean clip of the prior; None where no gloss has any."""
    held_out = Prior.load(pools / "test")
    clips = [(gloss, candidate.poses) for gloss in held_out.glosses for candidate in held_out.candidates(gloss)
             if not candidate.variant.startswith(RULE_SIGNERS)]
    glosses = {gloss for gloss, _ in clips if len(gloss) > 1}
    if len(glosses) < 2:
        return None
    return Signs(Prior.load(pools / "prior"), glosses).known(clips) | {"chance": 100 / len(glosses)}


def _poses(out: Path, study: Study, models: dict[str, Path]) -> dict[str, Any]:
    asked, judge = OwnAsked(out / "data", "test", models["slul"]), BackTranslation.from_pretrained(models["evaluator"])
    rows: dict[str, list[Produced]] = {}
    for name in (*FLOORS, "stitching", "ground_truth"):
        if name != "wrong_sentence" or len({tuple(unit.name for unit in row.units) for row in asked.truth}) > 1:
            rows[name] = produce(name, asked)
    if "slp-moe" in study.stages:
        model = SLPMoE.from_pretrained(out / "slp-moe")
        rows["slp_moe"] = [model.sign([sentence], asked.prior)[0] if sentence.glosses else resting() for sentence in asked.sentences]
    return {"sentences": len(asked.truth), "glosses_without_a_sign": asked.unsigned,
            "rows": {name: {key: value for key, value in score(produced, asked, judge).items() if key in KEPT} for name, produced in rows.items()}}


def table(found: dict[str, Any], built: dict[str, Any]) -> list[tuple[str, ...]]:
    """The report as lines of text, ``HEAD`` first. ``built``: what the stage prior told."""
    lines: list[tuple[str, ...]] = [HEAD]
    if "slul" in found:
        floor, own = found["slul"].values()
        on = f"{own['count']} test sentences"
        lines += [("slul", label, number(floor[key]), number(own[key]), "", on) for key, label in (("bleu4", "BLEU-4"), ("wer", "WER (%)"))]
    if built.get("clips"):
        jerk = built["wrist_jerk"]
        on = f"{sum(built['clips'].values())} clips, {len(built['left_out'])} left out"
        lines.append(("prior", "wrist jerk, before -> after", number(jerk["before"], 0), number(jerk["after"], 0), "", on))
    if known := found.get("prior"):
        lines.append(("prior", "held-out clips known (%)", number(known["chance"]), number(known["top1"]), "", f"{known['clips']} recordings"))
    if poses := found.get("poses"):
        rows, on = poses["rows"], f"{poses['sentences']} test sentences"
        floors, truth = [rows[name] for name in FLOORS if name in rows], rows["ground_truth"]
        best = {"bleu4": max(row["bleu4"] for row in floors), "wer": min(row["wer"] for row in floors),
                "dtw_mje": min(row["dtw_mje"] for row in floors)}
        lines.append(("evaluator", "BLEU-4 of the truth", number(best["bleu4"]), number(truth["bleu4"]), "", on))
        lines.append(("evaluator", "WER of the truth (%)", number(best["wer"]), number(truth["wer"]), "", on))
        for name, label in (("stitching", "stitching"), ("slp_moe", "slp-moe")):
            if own := rows.get(name):
                lines.append((label, "BLEU-4 read back", number(best["bleu4"]), number(own["bleu4"]), number(truth["bleu4"]), on))
                lines.append((label, "WER read back (%)", number(best["wer"]), number(own["wer"]), number(truth["wer"]), on))
                lines.append((label, "DTW-MJE", number(best["dtw_mje"], 3), number(own["dtw_mje"], 3), "0.000", on))
    return lines


def number(value: float | None, digits: int = 1) -> str:
    """As text; "" for None."""
    return "" if value is None else f"{value:.{digits}f}"


def printed(lines: list[tuple[str, ...]]) -> str:
    """The lines in columns."""
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines)
