"""Noise on the text side: as much as asked for, of the kind asked for, and the same for the same seed."""

import random
from collections import Counter

import pytest

from signer_lib.errors import SignerError
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corruption import FOLDER, KINDS, WORD, corrupt, drop, load_synonyms, misspell, rarer, word_counts

TEXT = "the quick brown fox jumps over the lazy sleeping dogs ."
TEXTS = [text for text, _ in read_pairs(FOLDER, "test")]
COUNTS = word_counts(text for text, _ in read_pairs(FOLDER, "train"))


def rng(seed=0):
    return random.Random(seed)


def distance(one, other):
    """edits (insert, delete, replace, swap neighbours) that make ``other`` out of ``one``"""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            ways = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (one[i - 1] != other[j - 1])]
            if i > 1 and j > 1 and one[i - 2:i] == other[j - 2:j][::-1]:
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    return table[len(one), len(other)]


# --- dropping --------------------------------------------------------------------------------------------------------
def test_dropping_keeps_the_order_of_the_rest_and_all_marks():
    text, gone = drop(TEXT, 0.3, rng())
    words = iter(TEXT.split())
    assert gone == 3 and len(text.split()) == 8 and text.endswith(" .")
    assert all(word in words for word in text.split())                      # in the same order, since ``in`` moves the iterator on


def test_marks_stay_where_they_were():
    left = {drop("“Hello”, said Ann.", 0.34, rng(seed))[0] for seed in range(60)}
    assert {"“”, said Ann.", "“Hello”, Ann.", "“Hello”, said."} <= left


def test_one_word_at_least_stays():
    assert drop("a b c !", 1.0, rng())[1] == 2 and len(WORD.findall(drop("a b c !", 1.0, rng())[0])) == 1
    assert drop("hello", 1.0, rng()) == ("hello", 0) and drop("...", 1.0, rng()) == ("...", 0)


# --- misspelling -----------------------------------------------------------------------------------------------------
def test_a_misspelt_word_is_one_slip_from_the_word_and_keeps_its_first_letter():
    for seed in range(100):
        text, slips = misspell(TEXT, 0.5, rng(seed))
        changed = [(word, new) for word, new in zip(TEXT.split(), text.split(), strict=True) if word != new]
        assert len(changed) == slips == 5
        assert all(len(word) >= 4 and word[0] == new[0] and distance(word, new) == 1 for word, new in changed)


def test_all_four_slips_occur():
    seen = {misspell("cozy", 1.0, rng(seed))[0] for seed in range(500)}
    assert {"czoy", "cozzy", "coz", "coxy"} <= seen                         # swapped, doubled, missing, struck beside
    assert "copy" not in seen                                               # p is far from z


def test_the_keyboard_is_that_of_the_language():
    english, german = ({misspell("wozu", 1.0, rng(seed), language)[0] for seed in range(500)} for language in ("en", "de-gsg"))
    assert "wotu" in german - english and "woxu" in english - german


def test_short_words_are_spelt_right_even_if_fewer_change_than_asked():
    assert misspell("we go to the old sea", 1.0, rng()) == ("we go to the old sea", 0)


# --- rarer synonyms --------------------------------------------------------------------------------------------------
def test_a_word_becomes_its_rarest_synonym():
    synonyms, counts = {"fox": ("reynard", "vixen"), "dogs": ("hounds",)}, {"fox": 5, "reynard": 1, "vixen": 2, "dogs": 2, "hounds": 2}
    assert rarer("The fox and the dogs", 1.0, rng(), synonyms, counts) == ("The reynard and the dogs", 1)          # hounds are no rarer than dogs
    assert rarer("Fox, the fox's den", 1.0, rng(), synonyms, counts) == ("Reynard, the reynard's den", 2)


def test_the_rate_is_of_all_words_and_no_more_than_that():
    synonyms, counts = {word: (word + "x",) for word in "abcdefghij"}, Counter("abcdefghij")
    assert rarer("a b c d e f g h i j", 0.2, rng(), synonyms, counts)[1] == 2
    assert rarer("a b 1 2 3 4 5 6 7 8", 0.2, rng(), synonyms, counts) == ("ax bx 1 2 3 4 5 6 7 8", 2)
    assert rarer("a 0 1 2 3 4 5 6 7 8", 0.2, rng(), synonyms, counts)[1] == 1


# --- a whole test set ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind, slack", [("drop", 0.02), ("misspell", 0.02), ("rarer", 0.06)])
@pytest.mark.parametrize("rate", [0.1, 0.2, 0.3])
def test_as_much_is_changed_as_asked_and_the_share_says_so(kind, slack, rate):
    noisy, share = corrupt(TEXTS, kind, rate, 1, "en-ase", COUNTS)
    assert len(noisy) == len(TEXTS) and rate - slack < share < rate + 0.02
    words, left = (sum(len(WORD.findall(text)) for text in texts) for texts in (TEXTS, noisy))
    if kind == "drop":
        assert share == pytest.approx((words - left) / words)
    else:
        assert left == words
        assert share == pytest.approx(sum(a != b for old, new in zip(TEXTS, noisy) for a, b in zip(WORD.findall(old), WORD.findall(new))) / words)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_and_each_text_has_its_own_draw(kind):
    once = corrupt(TEXTS, kind, 0.3, 1, "en", COUNTS)
    assert corrupt(TEXTS, kind, 0.3, 1, "en", COUNTS) == once and corrupt(TEXTS, kind, 0.3, 2, "en", COUNTS) != once
    assert corrupt(TEXTS[:9], kind, 0.3, 1, "en", COUNTS)[0] == once[0][:9]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_changes_at_rate_zero(kind):
    assert corrupt(TEXTS, kind, 0.0, 1, "en", COUNTS) == (TEXTS, 0.0)


def test_words_changed_at_a_lower_rate_are_among_those_changed_at_a_higher():
    low, high = (corrupt(TEXTS, "misspell", rate, 1)[0] for rate in (0.1, 0.3))
    changed = [{number for number, (a, b) in enumerate(zip(WORD.findall(old), WORD.findall(new))) if a != b}
               for texts in (low, high) for old, new in zip(TEXTS, texts)]
    few, many = changed[:len(TEXTS)], changed[len(TEXTS):]
    assert all(a <= b for a, b in zip(few, many)) and few != many


@pytest.mark.parametrize("arguments, said", [
    (("shout", 0.1, 1), "choose drop, misspell, rarer"),
    (("drop", 1.5, 1), "from 0 to 1"),
    (("rarer", 0.1, 1), "needs the word counts"),
    (("rarer", 0.1, 1, "fr", {}), "these languages: de, en"),
])
def test_a_wrong_request_is_one_line(arguments, said):
    with pytest.raises(SignerError) as error:
        corrupt(["hello"], *arguments)
    assert said in str(error.value) and "\n" not in str(error.value)


# --- the synonyms ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["de", "en-ase"])
def test_the_shipped_synonyms_are_sound(language):
    assert len(load_synonyms(language)) >= 390


def test_the_english_synonyms_are_of_words_in_the_corpus_and_rarer():
    synonyms = load_synonyms("en")
    assert [word for word, found in synonyms.items() if min(COUNTS[one] for one in found) >= COUNTS[word]] == []


@pytest.mark.parametrize("line, said", [
    ("fox: reynard", "'fox': write a list"),
    ("fox: []", "'fox': write a list"),
    ("fox: [red fox]", "'fox': write a list"),
    ("fox: [Reynard]", "'fox': write a list"),
    ("right: [true]", "'right': write a list"),                             # YAML reads a truth value
    ("fox: [vixen, fox]", "'fox': a synonym stands there twice, or is the word itself"),
    ("fox: [vixen, vixen]", "'fox': a synonym stands there twice"),
    ("dog: [hound]\nfox: [vixen]\ndog: [cur]", "line 3: dog is written twice"),
    ("dog: [hound]\nfox: [vixen]]\ncat: [puss]", "line 2"),
    ("- fox", "holds no table"),
])
def test_a_mistake_in_a_synonym_file_is_named(tmp_path, line, said):
    (tmp_path / "synonyms_en.yaml").write_text(line + "\n")
    with pytest.raises(SignerError) as error:
        load_synonyms("en", tmp_path)
    assert "synonyms_en.yaml" in str(error.value) and said in str(error.value)
