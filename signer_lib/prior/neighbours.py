"""Which signs are near one another, by their phonology and by what SLUL has learned of them; and what stands in for a word without a sign.

The phonological distance counts the parameters in which two signs differ, so a minimal pair is at distance 1. [all ours]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from signer_lib.assets import CHECKPOINTS
from signer_lib.errors import SignerError
from signer_lib.language.corruption import WORD, load_synonyms
from signer_lib.language.lexicon import load_lexicon
from signer_lib.parsing import from_json

SLUL = CHECKPOINTS / "slul-nano"
NAMES_TOO = {"grant", "kitty", "nana"}              # given names, which people also type in lower case
OTHER_SENSES = frozenset("""
    aged bonnet bureau carry common compact compose composed composes composing complete compensate compensated compensates consume consumes
    course courses currency demanding distinct elementary employ employed employs express fair feast fellow fellows female females fine flick
    flicks frosty funds gate gates grasp gripping hand handed hands head headed heads highly human hounds journal journals jet jets labor lad
    lean leisurely loaf loafer loafers machine machines master masters mummy notebook notebooks notice notices observe obtain obtaining obtains
    pane panes park pen pens picture pictures plain poor poorly portal portals position positions produce produced produces proper pupil pupils
    question questions rang rapid receive receives receiving relish ring scale sense sensed sheet sheets since solicitor spot spots spotted
    table tale tough tutor utter vehicle view viewed views volume volumes
    """.split())
"""Rarer synonyms that more often mean something else, or not quite the same: chosen by hand, never replaced."""
BEFORE_NOUNS = {"a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "this", "that", "these", "those", "some", "any", "no",
                "every", "each", "another", "which", "whose", "of", "in", "on", "at", "with", "by"}
BEFORE_VERBS = {"to", "i", "you", "he", "she", "it", "we", "they", "can", "could", "will", "would", "shall", "should", "may", "might", "must",
                "not", "do", "does", "did", "please", "don't", "doesn't", "didn't", "can't", "won't"}
PARAMETERS = ("type", "handshape", "orientation", "location", "contact", "movement", "base", "face")


def parameters(description: Mapping[str, Any]) -> tuple[str, ...]:
    """A sign's description as a plain mapping -> one string for each of ``PARAMETERS``, part after part for a compound; () if it has none.

    How long a sign takes is no parameter. What the base hand does counts only between signs that both have one: without, ``type`` differs.
    """
    if "parts" in description:
        return tuple(value for part in description["parts"] for value in parameters(part))
    if "type" not in description:                                           # a recording, of which no more than the handshape is known
        return ()
    d = description
    values = (d["type"], d["handshape"], (d["palm"], d["fingers"]), d["location"], d["contact"], d["movement"], d["base"], d["face"])
    return tuple(json.dumps(value, sort_keys=True) for value in values)


def coded(descriptions: list[tuple[str, ...]]) -> np.ndarray:
    """N ``parameters`` -> (N, P) whole numbers, equal where the parameters are: 0 for a missing part, 1 for what a sign does not have."""
    longest = max(map(len, descriptions), default=0)
    codes: dict[str, int] = {"": 0, "null": 1}
    rows = [[codes.setdefault(value, len(codes)) for value in (*one, *[""] * (longest - len(one)))] for one in descriptions]
    return np.array(rows, int).reshape(len(descriptions), longest)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``coded`` (M, P), (N, P) -> (M, N): in how many parameters they differ, missing parts of a compound included.

    A whole number: 0 means the same description, 1 a minimal pair; inf to a sign without a description.
    """
    found = np.zeros((len(a), len(b)))
    for place in range(a.shape[1]):
        one, other = a[:, place, None], b[None, :, place]
        differ = one != other
        if PARAMETERS[place % len(PARAMETERS)] == "base":
            differ &= (one != 1) & (other != 1) | (one == 0) | (other == 0)
        found += differ
    found[~a.any(1)], found[:, ~b.any(1)] = np.inf, np.inf
    return found


def distance(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """In how many parameters two descriptions differ; see ``distances``."""
    one, other = coded([parameters(a), parameters(b)])
    return float(distances(one[None], other[None])[0, 0])


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """The names of the parameters in which two signs of one part differ."""
    pairs = zip(PARAMETERS, parameters(a), parameters(b))
    return [name for name, one, other in pairs if one != other and not (name == "base" and "null" in (one, other))]


def cosines(vector: np.ndarray, table: np.ndarray) -> np.ndarray:
    """(d,), (N, d) -> (N,) cosine similarities; 0 to a row of zeros."""
    size = np.linalg.norm(table, axis=-1) * np.linalg.norm(vector)
    result: np.ndarray = np.divide(table @ vector, size, out=np.zeros(len(table)), where=size > 0)
    return result


def slul_embeddings(folder: Path = SLUL) -> dict[str, np.ndarray]:
    """Gloss -> (d,) float32: the row of SLUL's shared decoder embedding, read from a checkpoint's files; nothing if there are none."""
    if not (folder / "model.safetensors").is_file() or not (folder / "tokenizer.json").is_file():
        return {}
    try:
        tokens = from_json((folder / "tokenizer.json").read_bytes())["added_tokens"]
        with safe_open(folder / "model.safetensors", "np") as file:
            table = file.get_tensor("shared.weight").astype(np.float32)
        return {token["content"]: table[token["id"]] for token in tokens if not token["special"]}
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise SignerError(f"{folder} is damaged ({error}): type  git checkout -- data  or train it again") from None


def word_to_glosses(prior: Container[str], folder: Path = SLUL) -> tuple[list[str], Callable[[str], np.ndarray]]:
    """SLUL's glosses that the prior holds, G of them, and word -> (G,) cosines of the mean embedding of the word's pieces to theirs."""
    found = {gloss: vector for gloss, vector in slul_embeddings(folder).items() if gloss in prior}
    if not found:
        raise SignerError(f"{folder} has no embedding of any gloss of the prior: train SLUL, or name another folder")
    try:
        table, pieces = np.stack(list(found.values())), Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:                                  # tokenizers raises bare Exceptions for a broken file
        raise SignerError(f"{folder} is damaged ({error}): type  git checkout -- data  or train it again") from None
    with safe_open(folder / "model.safetensors", "np") as file:
        shared = file.get_tensor("shared.weight").astype(np.float32)
    return list(found), lambda word: cosines(shared[pieces.encode(word, add_special_tokens=False).ids].mean(0), table)


def nearest_by_slul(prior: Container[str], folder: Path = SLUL) -> Callable[[str], tuple[str, float]]:
    """word -> SLUL's nearest gloss and its similarity, for ``stand_in``. Of unseen words about 1 in 100 gets the right gloss
    (results/prior/stand_in.json), so it is something to look at, not to sign by.
    """
    glosses, near = word_to_glosses(prior, folder)

    def nearest(word: str) -> tuple[str, float]:
        similarity = near(word)
        return glosses[int(similarity.argmax())], float(similarity.max())

    return nearest


# --- words that have no sign -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class StandIn:
    """What is signed for a word, and why.

    gloss  the sign; None if the word is spelled.
    how    "sign" (it has one), "synonym", "similar" or "fingerspelling".
    """

    word: str
    gloss: str | None
    how: str
    why: str


@lru_cache(maxsize=1)
def word_glosses() -> dict[str, tuple[set[str], set[str]]]:
    """English word -> the glosses that the teaching lexicon has for it, and which it is: "verb", "noun", "adjective"."""
    lexicon = load_lexicon()
    found: dict[str, tuple[set[str], set[str]]] = {}
    verbs = [verb for group in (lexicon.verbs, lexicon.clausal, lexicon.chain, lexicon.ing) for verb in group if not verb.tail]
    entries = [(getattr(verb, form), verb.gloss, "verb") for verb in verbs for form in ("base", "third", "past", "participle", "ing")]
    entries += [(word, noun.gloss, "noun") for noun in lexicon.nouns for word in (noun.singular, noun.plural)]
    entries += [(adjective.word, adjective.gloss, "adjective") for adjective in lexicon.adjectives]
    for word, gloss, kind in entries:
        glosses, kinds = found.setdefault(word, (set(), set()))
        glosses.add(gloss)
        kinds.add(kind)
    return found


@lru_cache(maxsize=1)
def common_words() -> dict[str, tuple[str, ...]]:
    """Rarer word -> the words that have it as a synonym: the table of synonyms read backwards."""
    found: dict[str, tuple[str, ...]] = {}
    for common, rarer in load_synonyms("en").items():
        for word in rarer:
            found[word] = (*found.get(word, ()), common)
    return found


def stand_in(word: str, prior: Container[str], text: str | None = None, similar: Callable[[str], tuple[str, float]] | None = None,
             least: float = 0.5) -> StandIn:
    """What to sign for an English word: its own sign, that of a synonym, that of a similar word if asked for, or its letters.

    text     the sentence, which tells a name from a word and a noun from a verb. What it writes like a name is spelled.
    similar  word -> the nearest gloss and its similarity, for example ``nearest_by_slul``; taken from ``least`` on.
    """
    low = word.lower()
    if low in NAMES_TOO or text is not None and not _is_common(low, text):
        return StandIn(word, None, "fingerspelling", "it is written like a name")
    if word.upper() in prior:
        return StandIn(word, word.upper(), "sign", "it has a sign")
    commons = common_words().get(low, ())
    offers = [(gloss, common, kinds) for common in commons for gloss, kinds in _signs_of(common, prior)]
    glosses = sorted({gloss for gloss, _, _ in offers})
    if not commons:
        why = "no synonym is known"
    elif not glosses:
        why = f"none of its synonyms ({', '.join(commons)}) has a sign"
    elif low in OTHER_SENSES:
        why = f"'{low}' has other senses than '{offers[0][1]}'"
    elif len(glosses) > 1:
        why = f"'{low}' could be {' or '.join(glosses)}"
    else:
        gloss, common, kinds = offers[0]
        if text is None or _fits(low, kinds, text):
            return StandIn(word, gloss, "synonym", f"'{low}' is another word for '{common}'")
        why = f"'{low}' is not used as '{common}' here"
    if similar:
        gloss, similarity = similar(low)
        if similarity >= least:
            return StandIn(word, gloss, "similar", f"{why}; SLUL's nearest gloss, similarity {similarity:.2f}")
        why += f"; SLUL's nearest gloss {gloss} is only {similarity:.2f} similar"
    return StandIn(word, None, "fingerspelling", why)


def _signs_of(word: str, prior: Container[str]) -> list[tuple[str, set[str]]]:
    glosses, kinds = word_glosses().get(word, ({word.upper()}, set()))
    return [(gloss, kinds) for gloss in sorted(glosses) if gloss in prior]


def _is_common(word: str, text: str) -> bool:
    """Whether the text writes the word without a capital at least once; a word at its start, or in a text of capitals, may be a name."""
    return word not in NAMES_TOO and any(match[0].lower() == word and match[0][0].islower() for match in WORD.finditer(text))


def _fits(word: str, kinds: set[str], text: str) -> bool:
    """Whether the word before it lets it be one of ``kinds``: no verb behind "a", no noun behind "they"."""
    words = [match[0].lower() for match in WORD.finditer(text.replace("\u2019", "'"))]
    before = {words[k - 1] for k in range(1, len(words)) if words[k] == word}
    return not (kinds == {"verb"} and before & BEFORE_NOUNS or kinds == {"noun"} and before & BEFORE_VERBS)
