"""Who rates what: balance by construction, attention items, the same for the same seed."""

from collections import Counter

import numpy as np
import pytest

from signer_lib.errors import SignerError
from signer_lib.rating.design import assign, plan, unlike

TEXTS = {f"s{k}": text for k, text in enumerate(
    ["Where is the library?", "Where is the station?", "My dog likes the park.", "She reads a book.", "It rains today.", "Thank you very much!"])}


@pytest.mark.parametrize("systems, sentences, raters, per_rater", [
    (3, 6, 3, 6), (3, 6, 9, 6), (3, 7, 6, 7), (2, 5, 4, 5), (4, 8, 8, 3), (5, 12, 10, 20), (2, 5, 3, 8), (4, 2, 1, 8), (3, 7, 5, 21), (1, 5, 3, 4)])
def test_systems_sentences_and_their_pairs_are_rated_equally_often(systems, sentences, raters, per_rater):
    plans = assign(systems, sentences, raters, per_rater, np.random.default_rng(3))
    pairs = np.zeros((sentences, systems))
    assert len(plans) == raters
    for cells in plans:
        assert len(cells) == len(set(cells)) == per_rater
        mine = np.zeros((sentences, systems))
        np.add.at(mine, tuple(np.array(cells).T), 1)
        assert np.ptp(mine.sum(0)) <= 1 and np.ptp(mine.sum(1)) <= 1, "a rater sees each system, and each sentence, equally often"
        pairs += mine
    assert np.ptp(pairs) <= 1 and pairs.sum() == raters * per_rater


def test_as_many_raters_as_systems_make_a_latin_square():
    plans = assign(4, 8, 4, 8, np.random.default_rng(0))
    assert Counter(cell for cells in plans for cell in cells) == {(n, k): 1 for n in range(8) for k in range(4)}


def test_no_sentence_comes_again_before_all_have_come():
    for cells in assign(3, 5, 4, 13, np.random.default_rng(1)):
        assert all(len({sentence for sentence, _ in cells[start:start + 5]}) == min(5, 13 - start) for start in (0, 5, 10))


def test_a_plan_holds_wrong_sentences_and_repeats_of_early_clips_late():
    for items in plan(["a", "b", "true"], TEXTS, 6, 18, seed=4, reference="true"):
        kinds = Counter(item.kind for item in items)
        assert kinds == {"rated": 18, "wrong": 2, "repeat": 2} and items[0].kind == "rated"
        for place, item in enumerate(items):
            if item.kind == "wrong":
                assert item.system == "true" and item.shown in unlike(TEXTS)[item.sentence]
            else:
                assert item.shown == item.sentence
            if item.kind == "repeat":
                first = items[item.of]
                assert (first.kind, first.system, first.sentence) == ("rated", item.system, item.sentence) and place - item.of >= 18 // 4


def test_a_wrong_sentence_is_not_nearly_the_right_one():
    assert "s1" not in unlike(TEXTS)["s0"] and all(len(others) == 3 and name not in others for name, others in unlike(TEXTS).items())


def test_the_order_is_random_and_follows_from_the_seed():
    one, same, other = (plan(["a", "b"], TEXTS, 4, 6, seed) for seed in (1, 1, 2))
    assert one == same and one != other
    assert len({tuple(item.sentence for item in items) for items in one}) == 4, "every rater has an order of their own"


@pytest.mark.parametrize("texts, raters, per_rater, told", [
    ({"s0": "One."}, 2, 1, "two sentences or more"), (TEXTS, 2, 13, "1 to 12 clips"), (TEXTS, 2, 0, "1 to 12 clips"), (TEXTS, 0, 6, "one rater")])
def test_what_cannot_be_planned_is_told(texts, raters, per_rater, told):
    with pytest.raises(SignerError, match=told):
        plan(["a", "b"], texts, raters, per_rater, 1)
