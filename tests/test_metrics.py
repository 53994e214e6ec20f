"""The measures of gloss sentences: by hand, against the libraries' own functions, at the edges."""

import json
import math
import random
import socket
from itertools import combinations

import jiwer
import pytest
import sacrebleu

from signer_lib.errors import SignerError
from signer_lib.metrics.text import GlossBleu, GlossChrf, GlossRouge, GlossWer, text_scores

METRICS = [GlossBleu, GlossRouge, GlossWer, GlossChrf]
MEASURES = ["bleu1", "bleu2", "bleu3", "bleu4", "rouge", "chrf", "wer", "exact"]


def bleu(predictions, references):
    return GlossBleu().compute(predictions=predictions, references=references)


def rouge(predictions, references, **settings):
    return GlossRouge().compute(predictions=predictions, references=references, **settings)["rouge"]


def wer(predictions, references):
    return GlossWer().compute(predictions=predictions, references=references)["wer"]


def chrf(predictions, references):
    return GlossChrf().compute(predictions=predictions, references=references)["chrf"]


def measures(predictions, references):
    scores = text_scores(predictions, references)
    return [scores[name] for name in MEASURES]


@pytest.fixture(scope="module")
def noisy():
    """200 sentences of 1-12 glosses and what a poor translator makes of them: some glosses lost, swapped, changed."""
    rng = random.Random(3)
    references = [[rng.choice(["REGEN", "WIND", "NORD", "MORGEN", "IX-1", "fs-SAM"]) for _ in range(rng.randint(1, 12))] for _ in range(200)]
    predictions = [[g if rng.random() < 0.8 else rng.choice(["SONNE", "WIND"]) for g in r if rng.random() < 0.9] for r in references]
    for p in predictions[::3]:
        rng.shuffle(p)
    return [" ".join(p) for p in predictions], [" ".join(r) for r in references]


# --- by hand ---------------------------------------------------------------------------------------------------------
def test_bleu_of_a_worked_example():
    # unigrams: 3 + 1 of 3 + 2 are right; bigrams: 2 + 0 of 2 + 1; the lengths are equal, so there is no penalty
    score = bleu(["IX-1 LIKE BOOK", "A B"], ["IX-1 LIKE BOOK", "A C"])
    assert score["bleu1"] == pytest.approx(80.0) and score["bleu2"] == pytest.approx((4 / 5 * 2 / 3) ** 0.5 * 100)


def test_bleu_punishes_a_short_prediction():
    # every n-gram is right, 4 glosses for 6: exp(1 - 6/4)
    score = bleu(["A B C D"], ["A B C D E F"])
    assert [score[f"bleu{n}"] for n in (1, 2, 3, 4)] == pytest.approx([100 * math.exp(-0.5)] * 4)


def test_rouge_weighs_recall_more_than_precision():
    # lcs = 2 (A B), P = 2/2, R = 2/4: (1 + 1.44) * 1 * 0.5 / (0.5 + 1.44 * 1) = 1.22 / 1.94
    assert rouge(["A B"], ["A C B D"]) == pytest.approx(122 / 1.94)
    # the other way round, P = 2/4, R = 2/2: (1 + 1.44) * 0.5 * 1 / (1 + 1.44 * 0.5) = 1.22 / 1.72
    assert rouge(["A C B D"], ["A B"]) == pytest.approx(122 / 1.72)


def test_rouge_with_beta_one_weighs_both_the_same():
    # 2 * 1 * 0.5 / 1.5 both ways
    assert rouge(["A B"], ["A C B D"], beta=1) == rouge(["A C B D"], ["A B"], beta=1) == pytest.approx(200 / 3)


def test_rouge_is_the_mean_of_the_sentences():
    # sentences: lcs 1 of 1 and 1 -> 1; lcs 2 of 4 and 4 -> 0.5. Pooled it would be 3 of 5 = 60
    assert rouge(["A", "B C D E"], ["A", "B C F G"]) == pytest.approx(75)


def test_rouge_minds_the_order_and_takes_glosses_whole():
    assert rouge(["B A"], ["A B"]) == pytest.approx(50)   # lcs = 1 of 2 and 2
    assert rouge(["WEATHERMAN a"], ["WEATHER A"]) == 0


def test_rouge_finds_the_longest_common_subsequence(noisy):
    def by_trying_all(p, r):
        subsequences = ({c for n in range(len(s) + 1) for c in combinations(s, n)} for s in (p, r))
        return max(map(len, set.intersection(*subsequences)))

    for prediction, reference in zip(*(side[:40] for side in noisy)):
        p, r = prediction.split(), reference.split()
        common = by_trying_all(p, r)
        expected = 0 if not common else 2.44 * (common / len(p)) * (common / len(r)) / (common / len(r) + 1.44 * common / len(p))
        assert rouge([prediction], [reference]) == pytest.approx(100 * expected)


def test_wer_counts_substitutions_deletions_and_insertions():
    assert wer(["A C D E"], ["A B C D"]) == pytest.approx(50)   # B lost, E added: 2 errors for 4 glosses
    assert wer(["A X C D"], ["A B C D"]) == pytest.approx(25)   # 1 changed of 4
    assert wer(["A B C D"], ["X"]) == pytest.approx(400)        # 1 changed and 3 added for 1


def test_wer_is_of_the_corpus_not_the_mean_of_sentences():
    # 1 error for 4 glosses and 1 for 1: 2/5 = 40 %; the mean of the sentences would be (25 + 100) / 2 = 62.5 %
    assert wer(["A B C X", ""], ["A B C D", "E"]) == pytest.approx(40)


def test_chrf_of_a_worked_example():
    # characters: 1 of 2 and 2 (P = R = 0.5); pairs: 0 of 1 and 1; longer ones do not exist. Mean P = R = 0.25, so F2 = 0.25
    assert chrf(["AB"], ["AC"]) == pytest.approx(25)
    # characters: P = 1/1, R = 1/2; the prediction has no pairs. F2 = 5 * 1 * 0.5 / (4 * 1 + 0.5)
    assert chrf(["A"], ["AB"]) == pytest.approx(250 / 4.5)


def test_exact_is_the_share_of_identical_sentences():
    assert text_scores(["A B", "A  B ", "a b", "B A"], ["A B"] * 4)["exact"] == pytest.approx(50)   # spacing is no difference, case and order are


# --- against the libraries -------------------------------------------------------------------------------------------
def test_all_agree_with_the_libraries_own_functions(noisy):
    predictions, references = noisy
    scores = text_scores(predictions, references)
    assert scores["bleu4"] == pytest.approx(sacrebleu.corpus_bleu(predictions, [references], tokenize="none", force=True).score)
    assert scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(predictions, [references]).score)
    assert scores["wer"] == pytest.approx(100 * jiwer.wer(references, predictions))
    assert 0 < scores["bleu4"] < scores["bleu1"] < 100 and 0 < scores["wer"] < 100


def test_signatures_name_the_settings_that_made_the_scores():
    settings = {"predictions": ["A"], "references": ["A"]}
    assert GlossBleu().compute(**settings)["signature"] == f"nrefs:1|case:mixed|eff:no|tok:none|smooth:exp|version:{sacrebleu.__version__}"
    assert GlossChrf().compute(**settings)["signature"] == f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{sacrebleu.__version__}"
    assert GlossRouge().compute(**settings)["signature"].startswith("ROUGE-L|nrefs:1|case:mixed|beta:1.2|avg:sentence|tok:none|rapidfuzz:")
    assert "|beta:1|" in GlossRouge().compute(**settings, beta=1)["signature"]
    assert GlossWer().compute(**settings)["signature"].startswith("WER|nrefs:1|case:mixed|avg:corpus|tok:none|jiwer:")


def test_all_scores_are_one_line_of_json(noisy):
    scores = text_scores(*noisy)
    assert list(scores) == [*MEASURES, "count", "signature"] and scores["count"] == 200
    assert all(type(scores[name]) is float for name in MEASURES)
    assert json.loads(json.dumps(scores)) == scores
    assert [part.split("|")[0] for part in scores["signature"].split(" + ")] == ["BLEU", "ROUGE-L", "chrF2", "WER"]


def test_single_measures_are_those_of_all_together(noisy):
    together = text_scores(*noisy)
    for metric in METRICS:
        alone = metric().compute(predictions=noisy[0], references=noisy[1])
        assert alone.pop("signature") in together["signature"]
        assert len(alone) > 1 and alone == {name: together[name] for name in alone}


def test_no_network_is_asked(noisy, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("asked for the network")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert text_scores(*noisy)["count"] == 200


# --- edges -----------------------------------------------------------------------------------------------------------
def test_the_perfect_prediction(noisy):
    _, references = noisy
    assert measures(references, references) == pytest.approx([100, 100, 100, 100, 100, 100, 0, 100])


def test_the_empty_prediction(noisy):
    _, references = noisy
    assert measures([""] * len(references), references) == [0, 0, 0, 0, 0, 0, 100, 0]


def test_bleu_has_nothing_to_count_in_sentences_shorter_than_its_order():
    score = bleu(["A B"], ["A B"])
    assert [score[f"bleu{n}"] for n in (1, 2, 3, 4)] == pytest.approx([100, 100, 0, 0])


def test_empty_sentences_on_either_side():
    assert rouge([""], [""]) == 100 and rouge(["A"], [""]) == 0 and rouge([""], ["A"]) == 0
    assert wer(["A", "B"], ["", "B"]) == 100   # 1 added for 1 gloss
    assert text_scores(["", "A"], ["", "A"])["exact"] == 100


def test_spacing_changes_nothing(noisy):
    predictions, references = noisy
    wide = [f" {p.replace(' ', '  ')}\t" for p in predictions]
    odd = [r.replace(" ", "\u00a0") for r in references]
    assert measures(wide, odd) == measures(predictions, references)


def test_the_order_of_the_sentences_changes_nothing(noisy):
    turned = [side[::-1] for side in noisy]
    assert measures(*turned) == pytest.approx(measures(*noisy))


def test_swapping_the_sides_swaps_what_it_should(noisy):
    predictions, references = noisy
    assert rouge(predictions, references, beta=1) == pytest.approx(rouge(references, predictions, beta=1))
    assert rouge(predictions, references) != pytest.approx(rouge(references, predictions))
    words = [sum(len(s.split()) for s in side) for side in noisy]
    # the errors are as many either way; only what they are divided by changes
    assert wer(predictions, references) * words[1] == pytest.approx(wer(references, predictions) * words[0])


@pytest.mark.parametrize(
    "predictions, references, message",
    [
        ([], [], "there are no sentences to score"),
        (["A", "B"], ["A"], "2 predictions and 1 references"),
        ([], ["A"], "0 predictions and 1 references"),
        (["A"], [" "], "the references hold no glosses"),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(predictions, references, message):
    with pytest.raises(SignerError, match=message) as error:
        text_scores(predictions, references)
    assert "\n" not in str(error.value)
