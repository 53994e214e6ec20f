"""Measures of gloss sentences, as the field reports them: BLEU, ROUGE, WER, chrF. Tokens are what whitespace separates, case counts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import datasets
import evaluate
import jiwer
from rapidfuzz.distance import LCSseq
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from signer_lib.errors import SignerError

ROUGE_BETA = 1.2   # the field's weight of recall over precision


class GlossMetric(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """What the measures below share: a prediction and a reference are one string of glosses each."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")})
        return evaluate.MetricInfo(description=self.__doc__, citation="", inputs_description="one string of glosses a sentence", features=features)


class GlossBleu(GlossMetric):
    """``compute(predictions=[...], references=[...])`` -> bleu1..bleu4 (0-100, cumulative, brevity penalty), count, signature.

    BLEU-n is 0 where no sentence has n glosses, however good the sentences are.
    """

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, Any]:
        scores = {}
        for order in (1, 2, 3, 4):
            bleu = BLEU(tokenize="none", force=True, max_ngram_order=order)   # force: silences the warning about tokenised input
            scores[f"bleu{order}"] = bleu.corpus_score(predictions, [references]).score
        return scores | {"count": len(references), "signature": str(bleu.get_signature())}


class GlossRouge(GlossMetric):
    """``compute(predictions=[...], references=[...], beta=1.2)`` -> rouge (0-100), count, signature.

    ROUGE-L: F of the longest common subsequence, P = lcs / prediction's length, R = lcs / reference's length,
    F = (1 + beta^2) P R / (R + beta^2 P); the mean over sentences. Two empty sentences agree (100), one empty sentence scores 0.
    """

    def _compute(self, predictions: list[str], references: list[str], beta: float = ROUGE_BETA) -> dict[str, Any]:
        total = sum(_rouge_l(p.split(), r.split(), beta) for p, r in zip(predictions, references))
        signature = f"ROUGE-L|nrefs:1|case:mixed|beta:{beta}|avg:sentence|tok:none|rapidfuzz:{version('rapidfuzz')}"
        return {"rouge": 100 * total / len(references), "count": len(references), "signature": signature}


class GlossWer(GlossMetric):
    """``compute(predictions=[...], references=[...])`` -> wer (%, 0 is best, may pass 100), count, signature.

    Substitutions, deletions and insertions of the whole corpus, over the whole corpus's reference glosses.
    ``SignerError`` if the references hold no gloss at all.
    """

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, Any]:
        if not any(reference.split() for reference in references):
            raise SignerError("the references hold no glosses, so there is no word error rate: give references that are not empty")
        # jiwer cuts at single spaces only; one space between tokens gives it the tokens of the other measures
        errors = jiwer.process_words([" ".join(r.split()) for r in references], [" ".join(p.split()) for p in predictions])
        signature = f"WER|nrefs:1|case:mixed|avg:corpus|tok:none|jiwer:{version('jiwer')}"
        return {"wer": 100 * errors.wer, "count": len(references), "signature": signature}


class GlossChrf(GlossMetric):
    """``compute(predictions=[...], references=[...])`` -> chrf (0-100; sacreBLEU's corpus chrF2, spaces do not count), count, signature."""

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, Any]:
        chrf = CHRF()
        score = chrf.corpus_score(predictions, [references]).score
        return {"chrf": score, "count": len(references), "signature": str(chrf.get_signature())}


def text_scores(predictions: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """All measures of N predicted gloss sentences against N references, in one flat dictionary that JSON can hold.

    bleu1..bleu4, rouge, chrf (0-100), wer (%), exact (% of sentences with the same glosses), count (N), signature (the four, joined by " + ").
    ``SignerError`` if there are no sentences, the numbers of sentences differ, or no reference holds a gloss.
    """
    if len(predictions) != len(references):
        raise SignerError(f"{len(predictions)} predictions and {len(references)} references: give one prediction for each reference")
    if not len(references):
        raise SignerError("there are no sentences to score: give at least one prediction and its reference")
    texts = {"predictions": list(predictions), "references": list(references)}
    bleu, rouge, chrf, wer = (metric(keep_in_memory=True).compute(**texts) for metric in (GlossBleu, GlossRouge, GlossChrf, GlossWer))
    exact = sum(p.split() == r.split() for p, r in zip(predictions, references))
    named = (f"BLEU|{bleu['signature']}", rouge["signature"], f"chrF2|{chrf['signature']}", wer["signature"])   # sacreBLEU's leave out the name
    scores = {name: value for measure in (bleu, rouge, chrf, wer) for name, value in measure.items() if name not in ("count", "signature")}
    return scores | {"exact": 100 * exact / len(references), "count": len(references), "signature": " + ".join(named)}


def _rouge_l(predicted: list[str], reference: list[str], beta: float) -> float:
    if not predicted and not reference:
        return 1.0
    common = LCSseq.similarity(predicted, reference)
    return (1 + beta**2) * common / (len(predicted) + beta**2 * len(reference))   # F with P and R put in: nothing to divide by zero
