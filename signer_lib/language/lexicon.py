"""The teaching lexicon: which English words stand for which ASL gloss, with their inflected forms. [ours]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.parsing import from_yaml

LEXICON = DATA / "corpus" / "lexicon.yaml"
VOWELS = "aeiou"


@dataclass(frozen=True)
class Verb:
    """An English verb and its gloss. ``tail`` is what follows the inflected word: "down" of "sit down", "to" of "want to"."""

    gloss: str
    base: str
    third: str
    past: str
    participle: str
    ing: str
    objects: tuple[str, ...] = ()
    goal: bool = False
    tail: str = ""

    def form(self, name: str) -> str:
        return f"{getattr(self, name)} {self.tail}".strip()


@dataclass(frozen=True)
class Noun:
    gloss: str
    singular: str
    plural: str | None          # None: a mass noun
    kind: str


@dataclass(frozen=True)
class Adjective:
    gloss: str
    word: str
    attributive: tuple[str, ...]
    predicative: tuple[str, ...]


def with_s(word: str) -> str:
    """third person of a verb, plural of a noun"""
    if word.endswith(("s", "x", "z", "ch", "sh", "o")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in VOWELS else word + "s"


def regular_verb(base: str) -> tuple[str, str, str, str, str]:
    """base, third person, past, participle and -ing form of a regular verb: ``study`` -> study studies studied studied studying"""
    double = base[-1] in "bgmnpt" and base[-2] in VOWELS and sum(letter in VOWELS for letter in base) == 1       # stop, but not open
    stem = base + base[-1] if double else base
    if base.endswith("e"):
        past, ing = base + "d", base[:-1] + "ing"
    elif base.endswith("y") and base[-2] not in VOWELS:
        past, ing = base[:-1] + "ied", base + "ing"
    else:
        past, ing = stem + "ed", stem + "ing"
    return base, with_s(base), past, past, ing


def verb_forms(entry: str) -> tuple[tuple[str, ...], str]:
    """A lexicon entry -> its five forms and the words after it: "go goes went gone going", "learn how to", "would like to", "study"."""
    words = entry.split()
    if words[0] == "would":                                     # "would like to" does not inflect
        return (" ".join(words[:2]),) * 5, " ".join(words[2:])
    if len(words) == 10:                                        # five two-word forms: "sit down sits down ..."
        return tuple(words[0::2]), words[1]
    tail = " ".join(words[words.index("how") if "how" in words else -1:]) if words[-1] == "to" else ""
    words = words[:len(words) - len(tail.split())]
    if len(words) == 5:
        return tuple(words), tail
    if len(words) == 1:
        return regular_verb(words[0]), tail
    raise SignerError(f"{LEXICON.name}: the verb entry '{entry}' has {len(words)} forms: write one (regular) or five")


@dataclass(frozen=True)
class Lexicon:
    """``raw`` holds the YAML as it stands; the lists hold its words with their forms."""

    raw: dict[str, Any]
    verbs: tuple[Verb, ...]
    clausal: tuple[Verb, ...]
    chain: tuple[Verb, ...]
    ing: tuple[Verb, ...]
    nouns: tuple[Noun, ...]
    adjectives: tuple[Adjective, ...]


def _verbs(entries: dict[str, Any], tail: str = "") -> tuple[Verb, ...]:
    found = []
    for gloss, spec in entries.items():
        spec = spec if isinstance(spec, dict) else {"en": spec}
        for entry in spec["en"]:
            (base, third, past, participle, ing), own_tail = verb_forms(entry)
            found.append(Verb(gloss, base, third, past, participle, ing, tuple(spec.get("object", ())), spec.get("goal", False), own_tail or tail))
    return tuple(found)


def _noun(gloss: str, entry: str, kind: str) -> Noun:
    singular, _, plural = entry.rpartition(" ")
    if not singular:
        return Noun(gloss, entry, with_s(entry), kind)
    return Noun(gloss, singular, None if plural == "-" else plural, kind)


@lru_cache(maxsize=1)
def load_lexicon() -> Lexicon:
    raw = from_yaml(LEXICON.read_bytes())
    nouns = tuple(_noun(gloss, entry, kind) for kind, group in raw["nouns"].items() for gloss, entries in group.items() for entry in entries)
    adjectives = tuple(Adjective(gloss, word, tuple(spec["of"]), tuple(spec.get("predicate", spec["of"])))
                       for gloss, spec in raw["adjectives"].items() for word in spec["en"])
    return Lexicon(raw, _verbs(raw["verbs"]), _verbs(raw["clausal_verbs"]), _verbs(raw["chain_verbs"]), _verbs(raw["ing_verbs"]),
                   nouns, adjectives)


def said(glosses: Sequence[str]) -> str:
    """The words that glosses are named after: ``IX-1 LIKE fs-SAM`` -> "I like Sam". Something to read for want of a sentence, no translation."""
    pronouns: dict[str, str] = {}
    for subject, _, possessive, pronoun, own, _ in load_lexicon().raw["pronouns"]:
        pronouns = {pronoun: subject, own: possessive} | pronouns

    def spelled(gloss: str) -> str:
        return gloss.removeprefix("fs-").title() if gloss.startswith("fs-") else gloss.lower().replace("-", " ")

    return " ".join(pronouns.get(gloss) or spelled(gloss) for gloss in glosses)
