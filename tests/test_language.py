"""The corpus, the tokenizer, the shipped SLUL."""

import random

import pytest
import torch

from signer_lib.errors import SignerError
from signer_lib.language.corpora import read_pairs, read_prompts
from signer_lib.language.corpus import FOLDER, Prompt, ask, made_by_the_grammar, make_pairs, normalised
from signer_lib.language.grammar import Clause, Phrase, english, gloss
from signer_lib.language.lexicon import load_lexicon, regular_verb, said, with_s
from signer_lib.language.slul import SLUL
from signer_lib.language.tokenizer import SLOTS, WORD, SignTokenizer, check_text, known_words, plain, sentences
from signer_lib.language.training import evaluate
from signer_lib.metrics.text import GlossBleu

ME = Phrase("I", ["IX-1"], "first", True, True, "me")
YOU = Phrase("you", ["IX-2"], "plural", True, True, "you")
BOOK = Phrase("the book", ["BOOK"], definite=True)


def verb(name):
    return next(v for v in load_lexicon().verbs if v.gloss == name)


def words(text):
    return WORD.findall(plain(text))


# --- grammar ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "clause, said, signed",
    [
        (Clause(ME, verb("READ"), object=BOOK), "I read the book", "BOOK IX-1 READ"),  # topic first
        (Clause(ME, verb("WANT"), object=Phrase("a book", ["BOOK"])), "I want a book", "IX-1 WANT BOOK"),
        (Clause(ME, verb("READ"), object=BOOK, negative="NOT"), "I do not read the book", "BOOK IX-1 READ NOT"),  # negation after the verb
        (
            Clause(YOU, verb("GO"), goal=("to school", ["SCHOOL"]), time=("tomorrow", "TOMORROW"), tense="future"),
            "you will go to school tomorrow",
            "TOMORROW IX-2 GO SCHOOL",
        ),  # time first
        (Clause(YOU, verb("EAT"), tense="past", question="what"), "what did you eat", "PAST IX-2 EAT WHAT"),  # wh-word last
        (Clause(ME, predicate=("tired", ["TIRED"])), "I am tired", "IX-1 TIRED"),  # no copula
        (Clause(ME, verb("SIGN"), modal="can", negative="NOT"), "I cannot sign", "IX-1 SIGN CANNOT"),
        (Clause(ME, verb("STUDY"), place=("at the library", ["LIBRARY"])), "I study at the library", "LIBRARY IX-1 STUDY"),
    ],
)
def test_a_meaning_is_said_in_both_languages(clause, said, signed):
    assert " ".join(english(clause).split()) == said
    assert " ".join(gloss(clause)) == signed


@pytest.mark.parametrize(
    "base, forms",
    [
        ("study", "study studies studied studied studying"),
        ("stop", "stop stops stopped stopped stopping"),
        ("use", "use uses used used using"), ("open", "open opens opened opened opening"),
        ("play", "play plays played played playing"),
    ],
)
def test_regular_verbs(base, forms):
    assert regular_verb(base) == tuple(forms.split())


def test_plurals():
    assert [with_s(w) for w in ("bus", "story", "boy", "book")] == ["buses", "stories", "boys", "books"]


# --- corpus ----------------------------------------------------------------------------------------------------------
def test_the_corpus_is_as_large_as_promised_and_held_out_texts_are_held_out():
    pairs, test, dev = (read_pairs(FOLDER, split) for split in ("train", "test", "dev"))
    glosses = {g for _, line in pairs for g in line.split() if not g.startswith("fs-")}
    assert len(pairs) >= 4000 and len(glosses) >= 150 and len(test) >= 150
    assert len(read_prompts(FOLDER)) >= 30
    seen = {normalised(text) for text, _ in pairs}
    assert not seen & {normalised(text) for text, _ in test + dev}


def test_no_template_makes_a_hand_written_sentence():
    assert not made_by_the_grammar([pair for split in ("test", "dev") for pair in read_pairs(FOLDER, split)], draws=20000, seed=100)


def test_the_shipped_corpus_is_what_the_command_makes():
    shipped = read_pairs(FOLDER, "train")
    held_out = {normalised(text) for split in ("dev", "test") for text, _ in read_pairs(FOLDER, split)}
    assert make_pairs(len(shipped), 1, avoid=held_out) == shipped


def test_the_corpus_holds_sentences_and_no_prompts():
    """Prompts are made while training; a sentence that asks how something is signed would be one."""
    wordings = {wording.split("{}")[0] for wording in read_prompts(FOLDER)}
    made = [text for text, _ in make_pairs(500, 1)]
    assert len(set(map(normalised, made))) == 500 and not [text for text in made if '"' in text or text.startswith(tuple(wordings - {""}))]


# --- prompts ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "prompt, span",
    [
        (Prompt('How do I sign "', "Good morning", '"?'), (5, 6)),       # How do I sign " Good morning " ?
        (Prompt("Sign: ", "Where is Dr. Chen?", ""), (2, 6)),            # Sign : Where is Doctor Chen ?
        (Prompt("", "I'm tired.", ""), (0, 3)),                          # I 'm tired .
    ],
)
def test_a_prompt_knows_which_of_its_words_are_asked_for(prompt, span):
    assert prompt.span(words) == span
    assert words(prompt.text)[span[0]:span[1] + 1] == words(prompt.inside)


def test_a_word_that_reaches_across_the_quotes_makes_the_prompt_unusable():
    assert Prompt("pre", "fix it", "").span(words) is None


def test_people_quote_in_three_ways_and_leave_out_capitals_and_stops():
    prompts = [ask('How do I sign "{}"?', "We like snow.", random.Random(seed)) for seed in range(200)]
    assert {(prompt.before, prompt.after) for prompt in prompts} == {(f"How do I sign {quote}", f"{quote}?") for quote in ('"', "'", "")}
    assert {prompt.inside for prompt in prompts} == {"We like snow.", "We like snow", "we like snow.", "we like snow"}
    bare = [prompt for prompt in prompts if prompt.after == "?"]
    assert {prompt.inside for prompt in bare} == {"we like snow"}


def test_i_keeps_its_capital_and_an_unquoted_wording_its_sentence_end():
    prompts = [ask("Translate this: {}", "I like snow.", random.Random(seed)) for seed in range(100)]
    assert {prompt.text for prompt in prompts} == {"Translate this: I like snow."}


def test_every_wording_keeps_the_words_that_are_asked_for_apart():
    pairs = read_pairs(FOLDER, "dev")
    for k, wording in enumerate(read_prompts(FOLDER)):
        prompt = ask(wording, pairs[k][0], random.Random(k))
        first, last = prompt.span(words)
        assert words(prompt.text)[first:last + 1] == words(prompt.inside), prompt


# --- tokenizer -------------------------------------------------------------------------------------------------------
def test_unknown_words_and_names_become_slots_and_come_back(slul):
    encoded = slul.tokenizer.encode_words("My name is Zbigniew and Rose likes kumquats.")
    assert encoded.words == ["ZBIGNIEW", "ROSE", "KUMQUATS"] and encoded.text.count("<slot_") == 3
    assert SignTokenizer.show(["POSS-1", "NAME", "<slot_0>"], encoded.words) == ["POSS-1", "NAME", "fs-ZBIGNIEW"]


def test_text_is_made_plain_and_cut_into_sentences():
    assert plain("I don’t know José \U0001f600") == "I don't know Jose"
    assert plain("½ ٣ straße “x” Hawaiʻi book—not") == "1 2 3 strasse \"x\" Hawai'i book - not"


@pytest.mark.parametrize(
    "text, parts",
    [
        ("Hello, Dr. Chen. Where is it?  No!", ["Hello, Doctor Chen.", "Where is it?", "No!"]),
        ("Hello\nMy name is Sam\n\nI am deaf", ["Hello", "My name is Sam", "I am deaf"]),
        ("I woke up at 8 a.m. today.", ["I woke up at 8 a.m. today."]),
        ('Please translate "I want coffee." into ASL.', ['Please translate "I want coffee." into ASL.']),
        ("hello. where is it", ["hello.", "where is it"]),
    ],
)
def test_where_sentences_end(text, parts):
    assert sentences(text) == parts


@pytest.mark.parametrize(
    "text, words",
    [
        ("I am VERY tired.", []),
        ("Where Is The Library?", []),
        ("I CAN'T FIND THE RED BOOK", []),
        ("Mr. White and Dr. Green are here.", ["GREEN"]),  # at the start of a sentence a capital says nothing
        ("I live with Rose.", ["ROSE"]),
        ("O'Brien has 3.5 dogs, 1,000 cats and 7 books.", ["O'BRIEN", "3.5", "1,000"]),
        ("See you on Monday, Mom!", []),
    ],
)
def test_what_counts_as_a_name_or_an_unknown_word(slul, text, words):
    assert slul.tokenizer.encode_words(plain(text)).words == words


def test_a_slot_is_written_as_often_as_it_stands_in_the_text_and_no_other_is(slul, monkeypatch):
    given = []
    monkeypatch.setattr("signer_lib.language.slul.beam_search", lambda *arguments: given.append(arguments))
    batch = slul.batch([slul.tokenizer.encode_words("Imani and Kwame like Imani, I think.")])
    slul.search(slul.encode(batch), batch, beams=2)
    ((_, _, _, glosses, left, *_),) = given
    tokens = slul.tokenizer.fast.convert_ids_to_tokens(glosses.tolist())
    assert {token: n for token, n in zip(tokens, left[0].tolist()) if n < torch.inf} == dict.fromkeys(SLOTS, 0) | {SLOTS[0]: 2, SLOTS[1]: 1}


def test_only_glosses_slots_and_the_end_are_sayable(slul):
    tokens = slul.tokenizer.fast.convert_ids_to_tokens(slul.glosses.tolist())
    glosses = {gloss for _, line in read_pairs(FOLDER, "train") for gloss in line.split() if not gloss.startswith("fs-")}
    assert {token for token in tokens if not token.startswith("<")} == glosses


def test_many_unknown_words_come_out_once_each_or_are_reported(slul):
    (found,) = slul.understand("Imani, Kwame and Eleni want a carpet and a mirror.")
    spelled = [gloss[3:] for gloss in found.glosses if gloss.startswith("fs-")]
    assert len(set(spelled)) == len(spelled)
    assert sorted(spelled + found.unsigned) == ["CARPET", "ELENI", "IMANI", "KWAME", "MIRROR"]


def test_a_long_sentence_is_cut_and_loses_nothing():
    text = "the dog eats, " * 20 + "word " * 90
    parts = sentences(text)
    assert " ".join(parts).split() == text.split() and max(len(part.split()) for part in parts) <= 40


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "no words"),
        ("   \n ", "no words"),
        ("\U0001f600 \U0001f44b", "no words"),
        ("?!", "no words"),
        ("word " * 5000, "5,000 words and the limit is 200"),
        ("Где библиотека?", "Cyrillic"),
        ("図書館はどこですか", "Hiragana"),
        ("a" * 60, "60 letters"),
    ],
)
def test_a_text_that_cannot_be_signed_is_told_in_one_line(text, problem):
    with pytest.raises(SignerError, match=problem) as told:
        check_text(text)
    assert "\n" not in str(told.value)


# --- SLUL ------------------------------------------------------------------------------------------------------------
def test_the_sentence_of_the_readme(slul):
    first, second = slul.understand("Hello, my name is Sam. Where is the library?")
    assert first.glosses == ["HELLO", "POSS-1", "NAME", "fs-SAM"] and second.glosses == ["LIBRARY", "WHERE"]
    assert first.states.shape == (4, slul.model.config.d_model) and first.context.shape == (slul.model.config.d_model,)


@pytest.mark.parametrize("name", ["Priya", "Bartholomew", "Xochitl", "Li", "O'Brien"])
def test_names_are_spelled_letter_for_letter(slul, name):
    (found,) = slul.understand(f"My name is {name}.")
    assert found.glosses[-1] == f"fs-{name.upper()}"


def test_a_batch_gives_what_single_sentences_give(slul):
    texts = ["I like coffee.", "Where did your mother buy the red car yesterday?", "No."]
    together, alone = slul.translate(texts), [slul.translate([t])[0] for t in texts]
    for a, b in zip(together, alone):
        assert a.glosses == b.glosses and torch.allclose(a.states, b.states, atol=1e-4) and torch.allclose(a.context, b.context, atol=1e-4)


SEVERAL = ["I like coffee.", "No.", "Kwame and Zbigniew flew to Utah, and my name is Sam.", "Where did your mother buy the red car yesterday?",
           "My name is Kwame.", ""]


def test_given_glosses_have_the_states_that_the_search_would_have_kept(slul):
    found = slul.translate(SEVERAL[:-1])
    assert {"fs-KWAME", "fs-SAM", "LIKE"} <= {gloss for one in found for gloss in one.glosses} and len({len(one.glosses) for one in found}) > 2
    for one, forced in zip(found, slul.state_of(SEVERAL, [one.glosses for one in found] + [[]])):
        assert (forced.text, forced.glosses, forced.unsigned) == (one.text, one.glosses, one.unsigned)
        assert torch.allclose(forced.states, one.states, atol=1e-5) and torch.allclose(forced.context, one.context, atol=1e-5)


def test_the_state_of_a_gloss_knows_what_stands_before_it_and_nothing_after(slul):
    text = "Where is the library?"
    one, other, third = slul.state_of([text] * 3, [["LIBRARY", "WHERE", "BOOK"], ["LIBRARY", "BOOK", "WHERE"], ["BOOK", "WHERE", "LIBRARY"]])
    same = [torch.allclose(one.states[k], row.states[k], atol=1e-5) for row in (other, third) for k in range(3)]
    assert same == [True, True, False, True, False, False]


def test_the_words_that_glosses_are_named_after_give_states_like_those_of_their_sentence(slul):
    assert said(["IX-1", "THANK-YOU", "POSS-3P", "fs-SAM", "IX-3"]) == "I thank you their Sam he"
    texts, glosses = zip(*((text, line.split()) for text, line in read_pairs(FOLDER, "test")[:20]))
    true, named, other = (torch.cat([s.states for s in slul.state_of(read, glosses)])
                          for read in (texts, [said(row) for row in glosses], texts[1:] + texts[:1]))
    like = lambda found: torch.cosine_similarity(found, true).mean()
    assert like(named) > 0.7 > 0.3 > like(other)


def test_a_gloss_without_a_token_is_read_as_the_slot_of_its_word(slul, monkeypatch):
    text = "My name is Zbigniew, not Kwame."
    named, bare, new, apart = slul.state_of([text] * 4, [["fs-KWAME", "NAME"], ["KWAME", "NAME"], ["fs-ELENI", "NAME"], ["fs-ZBIGNIEW", "NAME"]])
    assert torch.equal(named.states, bare.states) and not torch.allclose(named.states, apart.states, atol=1e-3)
    assert new.glosses == ["fs-ELENI", "NAME"] and new.unsigned == ["ZBIGNIEW", "KWAME"] and new.states.isfinite().all()
    with pytest.raises(SignerError, match="never learned the gloss W33, and has no slot left"):
        slul.state_of(["Yes."], [[f"W{k + 1}" for k in range(len(SLOTS) + 1)]])
    with pytest.raises(SignerError, match="1 texts and 2 lists"):
        slul.state_of(["Yes."], [["YES"], ["NO"]])
    monkeypatch.setattr(slul.tokenizer, "known", None)
    with pytest.raises(SignerError, match="never learned the gloss fs-SAM, and has no slot for unknown words"):
        slul.state_of(["Yes."], [["YES", "fs-SAM"]])


def test_the_hand_written_set_beats_copying(slul):
    pairs = read_pairs(FOLDER, "test")
    copied = GlossBleu().compute(predictions=[" ".join(t.upper().split()) for t, _ in pairs], references=[g for _, g in pairs])
    assert evaluate(slul, pairs)["bleu4"] > copied["bleu4"] + 20


def test_texts_come_back_in_their_order_whatever_their_length(slul):
    texts = ["Where did your mother buy the red car yesterday?", "No.", "I like coffee."]
    assert [found.text for found in slul.translate(texts, beams=1)] == texts


@pytest.mark.parametrize(
    "text, asked",
    [
        ('How do I sign "Good morning"?', "Good morning"),
        ('Please translate "I want coffee." into ASL.', "I want coffee"),
        ("Where is the library?", "Where is the library"),
    ],
)
def test_the_pointer_finds_what_is_asked_for(slul, text, asked):
    assert slul.asked([text])[0].strip(".?") == asked


def test_a_prompt_gives_the_glosses_of_the_sentence_inside_it(slul):
    rng, wordings = random.Random(0), read_prompts(FOLDER)
    prompts = [ask(rng.choice(wordings), text, rng) for text, _ in read_pairs(FOLDER, "test")]
    found = slul.translate(slul.asked([prompt.text for prompt in prompts]), beams=1)
    wanted = slul.translate([prompt.inside for prompt in prompts], beams=1)
    assert sum(a.glosses == b.glosses for a, b in zip(found, wanted)) / len(prompts) >= 0.97


def test_as_text_every_word_is_signed_and_no_other_mode_exists(slul):
    text = 'How do I sign "Good morning"?'
    assert [found.text for found in slul.understand(text, mode="text")] == sentences(text)
    with pytest.raises(SignerError, match="there is no mode 'song': use text or prompt"):
        slul.understand(text, mode="song")


def test_several_texts_are_understood_as_one_by_one(slul):
    texts = ['How do I sign "Good morning"?', "Hello, my name is Sam. Where is the library?", "No."]
    for mode in ("prompt", "text"):
        for text, together in zip(texts, slul.understand_all(texts, mode=mode)):
            alone = slul.understand(text, mode=mode)
            assert [(s.text, s.glosses) for s in together] == [(s.text, s.glosses) for s in alone]
            assert all(torch.allclose(a.states, b.states, atol=1e-4) for a, b in zip(together, alone))
    assert slul.understand_all([]) == []
    with pytest.raises(SignerError, match="no words"):
        slul.understand_all(["Yes.", "?"])


@pytest.mark.parametrize(
    "name, damage",
    [
        ("model.safetensors", lambda b: b[:1000]),
        ("model.safetensors", lambda b: b"no"),
        ("config.json", lambda b: b"{"),
        ("tokenizer.json", lambda b: b[:50]),
        ("known_words.txt", lambda b: b[:200]),
        ("pointer.safetensors", lambda b: b[:20]),
        ("pointer.safetensors", None),
        ("slul.json", lambda b: b"{}"),
        ("slul.json", lambda b: b"[]"),
        ("config.json", lambda b: b"null"),
        ("slul.json", None),
        ("model.safetensors", None),
    ],
)
def test_a_damaged_checkpoint_is_told_in_one_line(tmp_path, name, damage):
    import shutil

    from signer_lib.assets import CHECKPOINTS

    folder = shutil.copytree(CHECKPOINTS / "slul-nano", tmp_path / "slul")
    if damage:
        (folder / name).write_bytes(damage((folder / name).read_bytes()))
    else:
        (folder / name).unlink()
    with pytest.raises(SignerError) as told:
        SLUL.from_pretrained(folder)
    assert "\n" not in str(told.value) and str(folder) in str(told.value)


# --- other languages, other corpora ----------------------------------------------------------------------------------
def test_a_text_of_marks_only_is_no_prompt_and_does_not_end_a_training():
    assert all(ask('Sign "{}"', "...", random.Random(seed)).inside == "..." for seed in range(20))
    assert Prompt("Sign: ", "\U0001f600", "").span(words) is None


def test_without_spelled_words_a_text_keeps_its_letters():
    german = SignTokenizer(None, None)
    assert german.encode_words("Große Straße im Süden.").text == "große straße im süden ."
    assert sentences("Es fällt Schnee. Im Süden, große Straße!", german.normal) == ["Es fällt Schnee.", "Im Süden, große Straße!"]
    check_text("Где библиотека?", english=False)


def test_spelled_words_are_compared_without_accents_and_capitals():
    assert SignTokenizer.spell("NAME fs-Müller") == "NAME fs-MULLER"
    assert known_words([("My name is Müller", "POSS-1 NAME fs-MÜLLER")]) == {"my", "name", "is"}


def test_asking_of_a_text_without_words_is_told(slul):
    with pytest.raises(SignerError, match="no words"):
        slul.asked(["...", "\U0001f600"])


@pytest.mark.parametrize("text", ["She is a good student.", "Three teas, please.", "My sister flew from Maine to Utah.", "I like dogs."])
def test_a_plain_text_is_asked_for_as_a_whole(slul, text):
    assert slul.asked([text]) == [text]
