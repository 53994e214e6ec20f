"""BLEU of gloss sentences, as the field reports it: sacreBLEU's corpus BLEU without tokenisation."""

from __future__ import annotations

import datasets
import evaluate
from sacrebleu.metrics import BLEU


class GlossBleu(evaluate.Metric):
    """``compute(predictions=[...], references=[...])`` -> bleu1..bleu4 (0-100, cumulative, brevity penalty), count, signature."""

    def _info(self):
        features = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")})
        return evaluate.MetricInfo(description=self.__doc__, citation="", inputs_description="one string of glosses a sentence", features=features)

    def _compute(self, predictions, references):
        scores = {}
        for order in (1, 2, 3, 4):
            bleu = BLEU(tokenize="none", force=True, max_ngram_order=order)   # force: silences the warning about tokenised input
            scores[f"bleu{order}"] = bleu.corpus_score(predictions, [references]).score
        return scores | {"count": len(references), "signature": str(bleu.get_signature())}
