"""Noise on the text side, to measure how SLUL bears it: words dropped, misspelt, or replaced by rarer synonyms. [ours]

    noisy, share = corrupt(texts, "misspell", rate=0.2, seed=1, language="de-gsg")

``rate`` is the share of ALL words of a text, so 0.2 is the same load for each kind; where too few words can be changed, as many as can.
With one seed, the words changed at a lower rate are among those changed at a higher one.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.parsing import NotYaml, from_yaml

FOLDER = DATA / "corpus"
KINDS = "drop", "misspell", "rarer"
SHORTEST = 4                            # letters of a word that is misspelt
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
KEYBOARDS = {"en": ("qwertyuiop", "asdfghjkl", "zxcvbnm"), "de": ("qwertzuiopü", "asdfghjklöä", "yxcvbnm")}
Synonyms = dict[str, tuple[str, ...]]


def corrupt(texts: list[str], kind: str, rate: float, seed: int, language: str = "en", counts: Mapping[str, int] | None = None,
            ) -> tuple[list[str], float]:
    """The texts with one ``kind`` of noise, and the share of their words that was changed. Each text has its own draw.

    ``language`` ("de" or "de-gsg") chooses the keyboard and the synonyms; ``counts``: ``word_counts`` of the training text, for "rarer".
    Raises ``SignerError`` for an unknown kind, a rate outside 0..1, or "rarer" without counts or synonyms.
    """
    if kind not in KINDS:
        raise SignerError(f"'{kind}' is no kind of noise: choose {', '.join(KINDS)}")
    if not 0 <= rate <= 1:
        raise SignerError(f"the rate of noise is {rate}: choose a share from 0 to 1")
    noise: Callable[[str, float, random.Random], tuple[str, int]] = drop
    if kind == "misspell":
        noise = partial(misspell, language=language)
    elif kind == "rarer":
        if counts is None:
            raise SignerError("noise of kind 'rarer' needs the word counts of the training text: give counts=word_counts(texts)")
        noise = partial(rarer, synonyms=load_synonyms(language), counts=counts)
    noisy = [noise(text, rate, random.Random(f"{seed} {number}")) for number, text in enumerate(texts)]
    words = sum(len(WORD.findall(text)) for text in texts)
    return [text for text, _ in noisy], sum(changed for _, changed in noisy) / max(words, 1)


def drop(text: str, rate: float, rng: random.Random) -> tuple[str, int]:
    """The text without some of its words, and how many were dropped. One word at least stays, and so do all marks."""
    words = list(WORD.finditer(text))
    gone = _chosen(words, rate, rng, len(words))[:max(len(words) - 1, 0)]
    for start, end in sorted((word.span() for word in gone), reverse=True):
        before = text[:start].rstrip()
        text = before + text[end:] if len(before) < start else before + text[end:].lstrip()
    return text, len(gone)


def misspell(text: str, rate: float, rng: random.Random, language: str = "en") -> tuple[str, int]:
    """The text with one slip in each of some words of four letters or more, and how many words have one; first letters are kept."""
    long = [word for word in WORD.finditer(text) if sum(letter.isalpha() for letter in word[0]) >= SHORTEST]
    return _replaced(text, _chosen(long, rate, rng, len(WORD.findall(text))), lambda word: _slip(word, rng, _neighbours(language)))


def rarer(text: str, rate: float, rng: random.Random, synonyms: Synonyms, counts: Mapping[str, int]) -> tuple[str, int]:
    """The text with some words as their rarest synonym by ``counts``, and how many were replaced; only words that have a rarer one."""
    def rarest(word: str) -> str | None:
        word = _stem(word)
        found = min(synonyms.get(word, ()), key=lambda synonym: counts.get(synonym, 0), default=None)
        return found if found and counts.get(found, 0) < counts.get(word, 0) else None

    def put(word: str) -> str:
        found = (rarest(word) or word) + word[len(_stem(word)):]
        return found[0].upper() + found[1:] if word[0].isupper() else found

    words = list(WORD.finditer(text))
    return _replaced(text, _chosen([word for word in words if rarest(word[0])], rate, rng, len(words)), put)


def word_counts(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs, in lower case, without a possessive 's."""
    return Counter(_stem(word) for text in texts for word in WORD.findall(text))


def load_synonyms(language: str, folder: Path | str = FOLDER) -> Synonyms:
    """Word -> its synonyms, from ``synonyms_{language}.yaml``. Raises ``SignerError`` naming the file and the word that is amiss."""
    path = Path(folder) / f"synonyms_{_spoken(language)}.yaml"
    if not path.is_file():
        have = ", ".join(sorted(other.stem.removeprefix("synonyms_") for other in path.parent.glob("synonyms_*.yaml"))) or "none"
        raise SignerError(f"{path.name} is missing: there are synonyms for these languages: {have}")
    try:
        table = from_yaml(path.read_bytes())
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}") from None
    except NotYaml as error:
        raise SignerError(f"{path.name}{f', line {error.line}' if error.line else ''}: {error.problem}") from None
    if not isinstance(table, dict):
        raise SignerError(f"{path.name} holds no table: write lines such as 'word: [synonym, synonym]'")
    for word, found in table.items():
        if not (isinstance(found, list) and found and all(_is_word(one) for one in (word, *found))):
            raise SignerError(f"{path.name}, '{word}': write a list of single words, lower case, in quotes where YAML takes them for something else")
        if len({word, *found}) <= len(found):
            raise SignerError(f"{path.name}, '{word}': a synonym stands there twice, or is the word itself")
    return {word: tuple(found) for word, found in table.items()}


def _is_word(one: object) -> bool:
    return isinstance(one, str) and WORD.fullmatch(one) is not None and one == one.lower()


def _spoken(language: str) -> str:
    return language.split("-")[0]


def _stem(word: str) -> str:
    return re.sub(r"['’]s$", "", word.lower())


def _chosen(words: list[re.Match[str]], rate: float, rng: random.Random, of: int) -> list[re.Match[str]]:
    """``rate`` x ``of`` of the words in a random order; a fraction of a word is rounded up as often as it is large."""
    count = int(rate * of + rng.random())
    return rng.sample(words, len(words))[:count]


def _replaced(text: str, words: list[re.Match[str]], put: Callable[[str], str]) -> tuple[str, int]:
    new = {word.start(): put(word[0]) for word in words}
    return WORD.sub(lambda word: new.get(word.start(), word[0]), text), len(new)


def _slip(word: str, rng: random.Random, neighbours: Mapping[str, str]) -> str:
    """One of four slips, each as likely where the word allows it: neighbours swapped, a letter missing, doubled, or struck beside."""
    after = range(1, len(word))
    slips = [
        [word[:i] + word[i + 1] + word[i] + word[i + 2:] for i in after[:-1] if word[i] != word[i + 1]],
        [word[:i] + word[i + 1:] for i in after],
        [word[:i] + word[i] + word[i:] for i in after],
        [word[:i] + key + word[i + 1:] for i in after for key in neighbours.get(word[i], "")],
    ]
    return rng.choice(rng.choice([slip for slip in slips if slip]))


@lru_cache
def _neighbours(language: str) -> dict[str, str]:
    """Letter -> the letters whose keys touch its own; a row begins half a key to the right of the row above."""
    place = {letter: (row, column + row / 2) for row, letters in enumerate(KEYBOARDS.get(_spoken(language), KEYBOARDS["en"]))
             for column, letter in enumerate(letters)}
    return {one: "".join(other for other, (row, column) in place.items()
                         if other != one and abs(row - place[one][0]) <= 1 and abs(column - place[one][1]) <= 1 - abs(row - place[one][0]) / 2)
            for one in place}
