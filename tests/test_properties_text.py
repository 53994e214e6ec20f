"""Whatever somebody types: texts made plain, cut, encoded; names spelled; what the grammar makes; captions and names of folders."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import LETTERS, SEEDS, TEXTS, WORDS
from signer_lib.errors import SignerError
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import normalised, write_split
from signer_lib.language.grammar import Clause
from signer_lib.language.lexicon import load_lexicon, said
from signer_lib.language.speaker import Speaker
from signer_lib.language.tokenizer import (
    LONGEST_SENTENCE,
    MAX_WORDS,
    SLOTS,
    SPELLED,
    WORD,
    SignTokenizer,
    check_text,
    plain,
    sentences,
)
from signer_lib.parsing import read_lines
from signer_lib.prior.fingerspelling import DIGITS, spell
from signer_lib.render.captions import webvtt
from signer_lib.signing import slug

HOURS = 100 * 3600


def letters(text):
    return "".join(c for c in text if c.isalnum())


# --- texts -----------------------------------------------------------------------------------------------------------
@given(TEXTS)
def test_a_plain_text_holds_no_accents_marks_of_format_or_double_spaces(text):
    found = plain(text)
    assert all(unicodedata.category(c)[0] in "LNPZ" and not unicodedata.combining(c) for c in found)
    assert found == " ".join(found.split()) and "’" not in found and "–" not in found


@given(TEXTS)
def test_every_mark_of_a_plain_text_is_in_one_word(text):
    assert "".join(WORD.findall(plain(text))) == "".join(plain(text).split())


@given(TEXTS)
def test_sentences_keep_every_letter_and_none_is_too_long(text):
    found = sentences(text)
    assert letters("".join(found)) == letters("".join(map(plain, text.splitlines())))
    assert all(len(part.split()) <= LONGEST_SENTENCE and letters(part) for part in found)


@given(TEXTS, st.booleans())
def test_a_text_is_taken_as_it_is_or_refused_in_one_line(text, english):
    try:
        assert check_text(text, english) == text
    except SignerError as error:
        assert str(error).isprintable() and len(str(error)) < 300
    else:
        text.encode()                                       # it can be written down, in report.json for one
        assert letters(plain(text)) and (not english or letters(plain(text)).isascii())
        assert sum(bool(letters(word)) for word in plain(text).split()) <= MAX_WORDS or not english


@given(st.text(LETTERS))
def test_half_a_character_is_refused(text):
    with pytest.raises(SignerError, match="bytes that are no characters"):
        check_text("Hello \udce9 " + text)


# --- the tokenizer ---------------------------------------------------------------------------------------------------
@given(TEXTS, st.sets(st.sampled_from("where is the library sam i loud".split())))
def test_slots_stand_for_words_that_can_be_put_back(text, known):
    tokenizer = SignTokenizer(None, known)
    encoded = tokenizer.encode_words(text)
    assert len(set(encoded.words)) == len(encoded.words) <= len(SLOTS)
    names = dict(zip(SLOTS, encoded.words))
    back = [names.get(word, word) for word in encoded.text.split(" ")] if encoded.text else []
    assert [word.lower() for word in back] == [word.lower() for word in tokenizer.words(text)]
    shown = tokenizer.show(list(SLOTS[:len(encoded.words)]), encoded.words)
    assert shown == [SPELLED + word for word in encoded.words]


@given(st.lists(st.one_of(WORDS, WORDS.map(lambda word: SPELLED + word.lower())), max_size=8))
def test_spelling_of_glosses_is_settled_at_once(glosses):
    once = SignTokenizer.spell(" ".join(glosses))
    assert SignTokenizer.spell(once) == once and len(once.split()) == len(glosses)


@given(TEXTS)
def test_any_text_goes_to_the_models_door_or_is_refused(slul, text):
    try:
        slul.check(text)
    except SignerError:
        return
    for mode in ("text", "prompt"):
        ids = slul.batch([slul.tokenizer.encode_words(part) for part in sentences(text, slul.tokenizer.normal)], mode)["input_ids"]
        assert 0 <= ids.min() and ids.max() < slul.model.config.vocab_size


# --- spelling --------------------------------------------------------------------------------------------------------
@given(WORDS)
def test_a_word_is_spelled_letter_by_letter(word):
    found = spell(word)
    assert len(found) == len(word) and spell(SPELLED + word) == found == spell(word.lower())
    assert [DIGITS[int(c)] if c.isdigit() else c for c in word] == found


@given(st.text(LETTERS, max_size=12))
def test_any_word_is_spelled_or_refused_in_one_line(word):
    try:
        assert all(letter in DIGITS or "A" <= letter <= "Z" for letter in spell(word))
    except SignerError as error:
        assert str(error).isprintable()


# --- the grammar -----------------------------------------------------------------------------------------------------
@given(SEEDS)
def test_every_sentence_of_the_grammar_can_be_read_and_signed(prior, seed):
    text, gloss = Speaker(load_lexicon(), seed).pair()
    assert check_text(text) == text and normalised(text) and len(sentences(text)) >= 1
    assert gloss == " ".join(gloss.split()) and said(gloss.split())
    for token in gloss.split():
        assert spell(token) if token.startswith(SPELLED) else token in prior, token
    assert Clause is not None and Speaker(load_lexicon(), seed).pair() == (text, gloss)


@given(st.text(LETTERS))
def test_normalised_texts_stay_as_they_are(text):
    once = normalised(text)
    assert normalised(once) == once and re.fullmatch(r"[a-z0-9 ]*", once)


LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), min_size=1, max_size=20).filter(str.strip), min_size=1,
                 max_size=5)


@given(LINES, SEEDS)
def test_a_corpus_comes_back_as_it_was_written(tmp_path_factory, lines, seed):
    folder, pairs = tmp_path_factory.mktemp("corpus"), [(line, line[::-1]) for line in lines]
    write_split(folder, "train", pairs)
    if lines[0].startswith("\ufeff") or lines[0].endswith("\ufeff"):
        return                                              # a mark that editors put at the start of a file is not part of it
    assert read_pairs(folder, "train") == pairs and read_lines(folder / "train.text") == lines


# --- captions and names ----------------------------------------------------------------------------------------------
def clock(text):
    hours, minutes, seconds = text.split(":")
    assert re.fullmatch(r"\d\d+:[0-5]\d:[0-5]\d\.\d{3}", text)
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).filter(str.strip),
                          st.floats(0, HOURS), st.floats(0, 10)), max_size=5))
def test_captions_say_what_and_when(cues):
    track = webvtt((text, start, start + length) for text, start, length in cues)
    head, *blocks = track.split("\n\n")
    assert head.strip() == "WEBVTT" and len(blocks) == max(len(cues), 0 if cues else len(blocks)) and track.count("-->") == len(cues)
    for (text, start, length), block in zip(cues, blocks):
        when, told = block.rstrip("\n").split("\n")
        assert [clock(part) for part in when.split(" --> ")] == pytest.approx([start, start + length], abs=0.0006)
        assert told.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


@given(st.text(LETTERS), st.text(LETTERS))
def test_names_of_folders_are_short_plain_and_never_empty(text, other):
    name = slug(text)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) and len(name) <= 60 and slug(text) == name
    long = "word " * 20
    assert slug(long + text) != slug(long + other) or text == other
