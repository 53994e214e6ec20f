"""Random meanings: noun phrases, places, clauses, drawn from the lexicon with a seeded random source. [ours]"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from signer_lib.language.grammar import Clause, Phrase
from signer_lib.language.lexicon import Adjective, Lexicon, Noun, Verb, with_s

T = TypeVar("T")

WAYS = [("well", "GOOD")] * 2 + [("very well", "VERY GOOD")] * 2 + [("fast", "FAST"), ("slowly", "SLOW"), ("a lot", "MANY")]


class Meanings:
    """Draws what can be meant; ``speaker.Speaker`` says it."""

    def __init__(self, lexicon: Lexicon, seed: int):
        self.lex, self.raw, self.rng = lexicon, lexicon.raw, random.Random(seed)
        self.by_kind: dict[str, list[Noun]] = {}
        for noun in lexicon.nouns:
            self.by_kind.setdefault(noun.kind, []).append(noun)

    # --- small draws -------------------------------------------------------------------------------------------------
    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def pick(self, items: Iterable[T]) -> T:
        drawn: T = self.rng.choice(items if isinstance(items, (list, tuple)) else list(items))
        return drawn

    def one_of(self, makers: Sequence[Callable[[], T]]) -> T:
        """What one of them makes, drawn at random."""
        return self.pick(makers)()

    def noun(self, kinds: Iterable[str]) -> tuple[Noun, bool]:
        """A noun of one of the classes; sometimes one that has no gloss, which is fingerspelled."""
        kind = self.pick(kinds)
        if kind in self.raw["unknown"] and self.chance(0.12):
            word = self.pick(self.raw["unknown"][kind])
            return Noun(f"fs-{word.upper()}", word, with_s(word), kind), True
        if kind == "language" and self.chance(0.3):
            word = self.pick(self.raw["languages"])
            return Noun(f"fs-{word.upper()}", word, None, kind), True
        return self.pick(self.by_kind[kind]), False

    def adjective(self, kind: str, use: str) -> tuple[str, list[str]] | None:
        if self.chance(0.05):
            word = self.pick(self.raw["unknown"]["adjective"])
            return word, [f"fs-{word.upper()}"]
        fitting = [a for a in self.lex.adjectives if kind in getattr(a, use)]
        if not fitting:
            return None
        found: Adjective = self.pick(fitting)
        return found.word, [found.gloss]

    def very(self, described: tuple[str, list[str]], p: float = 0.15) -> tuple[str, list[str]]:
        if described[0].startswith("the ") or not self.chance(p):
            return described
        return f"{self.pick(['very', 'really', 'so'])} {described[0]}", ["VERY"] + described[1]

    # --- noun phrases -----------------------------------------------------------------------------------------------
    def pronoun(self) -> Phrase:
        subject, obj, _, sign, _, person = self.pick(self.raw["pronouns"])
        return Phrase(subject, [sign], person, True, True, obj, "person")

    def name(self) -> Phrase:
        name = self.pick(self.raw["names"])
        return Phrase(name, [f"fs-{name.upper()}"], "singular", False, True, kind="person")

    def possessive(self) -> tuple[str, list[str]]:
        if self.chance(0.12):
            name = self.pick(self.raw["names"])
            return f"{name}'s", [f"fs-{name.upper()}", "POSS-3"]
        _, _, word, _, sign, _ = self.pick(self.raw["pronouns"])
        if self.chance(0.12):
            owner = self.pick([n for n in self.lex.nouns if n.kind in ("family", "person")])
            the = self.chance(0.4) and owner.kind == "person"
            return f"{'the' if the else word} {owner.singular}'s", ([] if the else [sign]) + [owner.gloss, "POSS-3"]
        return word, [sign]

    def phrase(self, kinds: Iterable[str], described: float = 0.25, definite: float = 0.35) -> Phrase:
        noun, unknown = self.noun(kinds)

        def spelled(word: str) -> list[str]:
            return [f"fs-{word.upper()}"] if unknown else noun.gloss.split()

        adj = self.adjective(noun.kind, "attributive") if self.chance(described) else None
        adj = self.very(adj) if adj else ("", [])

        def joined(*words: str) -> str:
            return " ".join(w for w in words if w)

        if noun.kind == "language" and (unknown or noun.plural is None):
            return Phrase(noun.singular, noun.gloss.split(), "singular", False, kind="language")
        if noun.gloss == "BOWLING":
            return Phrase(noun.singular, [noun.gloss], kind=noun.kind)
        if noun.kind == "family" or self.chance(0.2):
            word, sign = self.possessive()
            return Phrase(joined(word, adj[0], noun.singular), sign + noun.gloss.split() + adj[1], "singular", True, kind=noun.kind)
        if self.chance(definite):
            plural = noun.plural and (self.chance(0.2) or noun.singular == "clothes")
            word = self.pick(["the", "the", "these", "those"] if plural else ["the", "the", "the", "this", "that"])
            english_noun = noun.plural if noun.plural and plural else noun.singular
            return Phrase(
                joined(word, adj[0], english_noun), spelled(english_noun) + adj[1], "plural" if plural else "singular", True, kind=noun.kind
            )
        if noun.plural is None:
            word, sign = self.pick([("", []), ("", []), ("some", ["SOME"]), ("more", ["MORE"])])
            return Phrase(joined(word, adj[0], noun.singular), sign + noun.gloss.split() + adj[1], kind=noun.kind)
        roll = self.rng.random()
        if roll < 0.2:
            word, sign = self.pick([(w, s) for w, s in self.raw["numbers"].items() if s != "ONE"])
            return Phrase(joined(word, adj[0], noun.plural), [sign] + spelled(noun.plural) + adj[1], "plural", kind=noun.kind)
        if roll < 0.35:
            word, sign = self.pick(list(self.raw["quantities"].items()))
            return Phrase(joined(word, adj[0], noun.plural), [sign] + spelled(noun.plural) + adj[1], "plural", kind=noun.kind)
        if roll < 0.5:
            return Phrase(joined(adj[0], noun.plural), spelled(noun.plural) + adj[1], "plural", kind=noun.kind)
        head = joined(adj[0], noun.singular)
        article = "an" if head[0].lower() in "aeiou" else "a"
        if noun.gloss in ("PICTURE", "STORY") and self.chance(0.5):
            of = self.one_of([self.name, lambda: self.phrase(["animal", "family", "person"], 0, 0.8)])
            return Phrase(
                f"{article} {head} {'of' if noun.gloss == 'PICTURE' else 'about'} {of.as_object}",
                noun.gloss.split() + adj[1] + of.gloss,
                kind=noun.kind,
            )
        if noun.singular == "clothes":
            return Phrase(head, noun.gloss.split() + adj[1], "plural", kind=noun.kind)
        if self.chance(0.08):
            return Phrase(f"one {head}", ["ONE"] + spelled(noun.singular) + adj[1], kind=noun.kind)
        return Phrase(f"{article} {head}", spelled(noun.singular) + adj[1], kind=noun.kind)

    def subject(self) -> Phrase:
        roll = self.rng.random()
        if roll < 0.62:
            return self.pronoun()
        if roll < 0.74:
            return self.name()
        if roll < 0.80:
            first, second = self.phrase(["family"], 0), self.pick([self.name(), self.phrase(["family", "person"], 0, 1)])
            return Phrase(f"{first.english} and {second.english}", first.gloss + ["AND"] + second.gloss, "plural", True, kind="person")
        if roll < 0.815:
            return self.listed([self.name() for _ in range(self.pick([2, 3, 3, 4]))])
        if roll < 0.83:  # "my friend Tom"
            who, name = self.phrase(["family"], 0, 1), self.name()
            return Phrase(f"{who.english} {name.english}", who.gloss + name.gloss, "singular", True, kind="person")
        if roll < 0.87:
            return self.pick(
                [
                    Phrase("this", ["IX-3"], "singular", True, True, kind="thing"),
                    Phrase("that", ["IX-3"], "singular", True, True, kind="thing"),
                    Phrase("it", ["IX-3"], "singular", True, True, kind="thing"),
                ]
            )
        return self.phrase(["person", "family"], 0.2, 0.8)

    def listed(self, phrases: list[Phrase]) -> Phrase:
        """"bread, milk and two eggs": commas are not signed, the last AND or OR is."""
        word, sign = self.pick([("and", "AND"), ("and", "AND"), ("or", "OR")])
        *most, last = phrases
        comma = "," if len(most) > 1 and self.chance(0.3) else ""
        return Phrase(f"{', '.join(p.as_object for p in most)}{comma} {word} {last.as_object}",
                      [g for p in most for g in p.gloss] + [sign] + last.gloss, "plural", all(p.definite for p in phrases), kind=last.kind)

    def place(self) -> tuple[str, list[str]]:
        if self.chance(0.15):
            return self.pick([("at home", ["HOUSE"]), ("at work", ["WORK"]), ("in class", ["CLASS"]), ("at school", ["SCHOOL"])])
        if self.chance(0.18):
            name = self.pick(self.raw["places"])
            return f"in {name}", [f"fs-{name.upper()}"]
        there = self.phrase(["place"], 0.1, 0.9)
        return f"{self.pick(['in', 'at'])} {there.english}", there.gloss

    def goal(self, verb: Verb) -> tuple[str, list[str]]:
        if self.chance(0.25):
            words = [
                ("home", ["HOUSE"]),
                ("to school", ["SCHOOL"]),
                ("to work", ["WORK"]),
                ("to class", ["CLASS"]),
                ("here" if verb.gloss == "COME" else "there", ["IX-LOC"]),
            ]
            return self.pick(words)
        if self.chance(0.15):
            name = self.pick(self.raw["places"])
            return f"to {name}", [f"fs-{name.upper()}"]
        there = self.phrase(["place", "place", "place", "show", "class"], 0.1, 0.8)
        return f"to {there.english}", there.gloss

    def company(self) -> tuple[str, list[str]]:
        who = self.one_of([self.pronoun, self.name, lambda: self.phrase(["family", "person"], 0.1, 0.7)])
        return f"with {who.as_object}", ["WITH"] + who.gloss

    # --- clauses ----------------------------------------------------------------------------------------------------
    def when(self, c: Clause) -> Clause:
        """Tense, and often a time word that agrees with it."""
        roll = self.rng.random()
        if c.modal or (c.chain and c.chain.base.startswith("would")):
            return c
        c.tense = (
            "present"
            if roll < 0.45
            else "past"
            if roll < 0.68
            else "future"
            if roll < 0.78
            else "going to"
            if roll < 0.85
            else "perfect"
            if roll < 0.92
            else "progressive"
        )
        if c.predicate and c.tense in ("going to", "perfect", "progressive"):
            c.tense = "present"
        stative = {"WANT", "NEED", "LIKE", "LOVE", "KNOW", "UNDERSTAND", "REMEMBER", "HAVE", "FORGET"}
        if c.tense == "progressive" and (c.chain or c.doing).gloss in stative:
            c.tense = "present"
        era = {"past": "past", "future": "future", "going to": "future"}.get(c.tense, "present")
        if c.tense in ("present", "past") and self.chance(0.05):
            c.time, c.fronted = self.pick(list(self.raw["times"]["span"].items())), self.chance(0.3)
        elif c.tense != "perfect" and self.chance(0.5 if era != "present" else 0.2):
            c.time = self.pick(list(self.raw["times"][era].items()))
            c.fronted = self.chance(0.3)
        return c

    def statement(self) -> Clause:
        c = self.when(self.one_of([self.action, self.action, self.action, self.description]))
        roll = self.rng.random()
        if roll < 0.17:
            c.negative = "NOT"
        elif roll < 0.21 and not c.predicate and c.tense == "present":
            c.negative = "NEVER"
        if c.tense == "present" and not c.predicate and not c.time and c.negative != "NEVER" and self.chance(0.18):
            c.modal = self.pick(["can", "can", "could", "must", "have to", "should", "might"])
            if c.negative == "NOT" and c.modal not in ("can", "should"):
                c.modal = "can"
            if c.chain and c.chain.base.startswith("would"):
                c.modal = None
        elif c.tense == "present" and not c.predicate and not c.negative and not c.chain and self.chance(0.1):
            c.frequency = self.pick(list(self.raw["frequency"].items()))
        if not c.negative and self.chance(0.06):
            c.ending = self.pick([("too", "ALSO"), ("also", "ALSO"), ("again", "AGAIN"), ("here", "IX-LOC"), ("there", "IX-LOC")])
        elif (
            c.verb
            and not c.chain
            and self.chance(0.1 if c.verb.gloss in ("SIGN", "SLEEP", "WORK", "TALK", "COOK", "DRIVE", "PLAY", "READ", "WRITE") else 0.02)
        ):
            c.ending = self.pick(WAYS)
        return c

    def action(self) -> Clause:
        verb = self.pick(self.lex.verbs)
        if self.chance(0.06):
            return self.with_preposition()
        if self.chance(0.05):
            word = self.pick(self.raw["unknown"]["verb"])
            return Clause(self.subject(), Verb(f"fs-{word.upper()}", *(word,) * 5), tense="present", modal="can")
        c = Clause(self.subject(), verb)
        chain = self.rng.random()
        if chain < 0.16:
            c.chain, c.chain_form = self.pick(self.lex.chain), "base"
        elif chain < 0.21:
            c.chain, c.chain_form = self.pick(self.lex.ing), "ing"
        if c.chain and c.chain.gloss == verb.gloss:
            c.chain = None
        if verb.objects:
            person_first = "person" in verb.objects and self.chance(0.5)
            c.object = self.one_of([self.pronoun, self.name]) if person_first else self.phrase(verb.objects)
            if c.object.english == c.subject.english:
                c.object = self.phrase(["person"], 0, 1)
            if not c.object.pronoun and self.chance(0.1):
                c.object = self.listed([c.object, *(self.phrase([c.object.kind], 0.1) for _ in range(self.pick([1, 1, 2])))])
        elif verb.goal and self.chance(0.75):
            c.goal = self.goal(verb)
        elif verb.gloss == "TALK" and self.chance(0.6):
            who = self.one_of([self.pronoun, self.name, lambda: self.phrase(["family", "person"], 0.1, 0.7)])
            c.goal = f"{self.pick(['to', 'with'])} {who.as_object}", who.gloss
            c.goal = (c.goal[0], ["WITH"] + who.gloss) if c.goal[0].startswith("with") else c.goal
        if not c.goal and self.chance(0.55 if verb.gloss == "LIVE" else 0.16):
            c.place = self.place()
        if verb.gloss not in ("LIKE", "LOVE", "KNOW", "WANT", "NEED", "TALK") and self.chance(0.1):
            c.company = self.company()
        return c

    def with_preposition(self) -> Clause:
        """ "wait for the bus", "talk about the movie"."""
        word, spec = self.pick(list(self.raw["prepositional"].items()))
        verb = self.pick([v for v in self.lex.verbs if v.gloss == spec["gloss"] and v.base in word.split()])
        about = self.phrase(spec["object"], 0.1)
        return Clause(self.subject(), verb, complement=(f"{word.split()[-1]} {about.english}", about.gloss))

    def description(self) -> Clause:
        roll = self.rng.random()
        if roll < 0.5:
            who = self.subject()
        else:
            who = self.phrase(["thing", "place", "vehicle", "clothes", "food", "drink", "animal", "show", "media", "class"], 0, 0.85)
        if who.gloss == ["IX-3"] and who.english in ("this", "that", "it") and self.chance(0.6):
            what = self.phrase(["thing", "animal", "clothes", "food", "show", "person", "vehicle"], 0.6, 0.2)  # "that is a beautiful bird"
            if what.person == "singular":
                return Clause(who, predicate=(what.english, what.gloss))
        if self.chance(0.12) and who.kind in ("person", "family"):
            job = self.phrase(["person"], 0.2, 0)
            if job.person == "singular" and who.person != "plural":
                return Clause(who, predicate=(job.english, job.gloss))
        if self.chance(0.14):
            return Clause(who, predicate=("", []), place=self.place())
        if self.chance(0.12):
            one, other = (self.adjective("person" if who.pronoun or who.kind == "family" else who.kind, "predicative") for _ in range(2))
            if one and other and one != other:  # "hungry and tired"
                word, sign = self.pick([("and", "AND"), ("and", "AND"), ("but", "BUT"), ("or", "OR")])
                return Clause(who, predicate=(f"{one[0]} {word} {other[0]}", one[1] + [sign] + other[1]))
        if (who.pronoun or who.kind in ("person", "family")) and self.chance(0.12):
            (word, sign), about = (
                self.pick(list(self.raw["adjective_complements"].items())),
                self.phrase(["show", "class", "animal", "thing", "person"], 0.1),
            )
            return Clause(
                who, predicate=(word.rsplit(" ", 1)[0], [sign]), complement=(f"{word.rsplit(' ', 1)[1]} {about.english}", about.gloss)
            )
        found = self.adjective("person" if who.pronoun or who.kind == "family" else who.kind, "predicative")
        return Clause(who, predicate=self.very(found or ("here", ["IX-LOC"])))

    def question(self) -> Clause:
        kind = self.pick(
            ["polar", "polar", "what", "who", "who-subject", "where", "when", "why", "how", "which", "how many", "where-is", "what-is"]
        )
        if kind in ("where-is", "what-is"):
            return self.identity(kind)
        if kind == "polar":
            c = self.when(self.one_of([self.action, self.action, self.description]))
            c.negative = "NOT" if self.chance(0.06) else None
            c.modal = (
                self.pick(["can", "can", "could", "should", "may"])
                if c.tense == "present" and not c.predicate and self.chance(0.2)
                else None
            )
        else:
            c = self.when(self.action())
            while c.doing.gloss.startswith("fs-"):
                c = self.when(self.action())
        c.question, c.fronted, c.modal = kind, False, c.modal if kind == "polar" else None
        if self.chance(0.6) and kind != "who-subject":
            c.subject = self.pick([Phrase("you", ["IX-2"], "plural", True, True, "you", "person"), self.pronoun()])
        if kind in ("what", "which", "how many"):
            countable = [
                v
                for v in self.lex.verbs
                if v.objects
                and "person" not in v.objects
                and v.objects != ("drink",)
                and v.gloss not in ("OPEN", "CLOSE", "STOP", "START", "CHANGE")
            ]
            c.verb, c.goal, c.company, c.complement = self.pick(countable), None, None, None
            if kind == "what":
                c.object = None
            else:
                noun, _ = self.noun(c.doing.objects)
                while noun.plural is None:
                    noun, _ = self.noun([*c.doing.objects, "thing"])
                which = kind == "which" and self.chance(0.6)
                word = noun.singular if which else noun.plural or ""
                c.object = Phrase(word, [f"fs-{word.upper()}"] if noun.gloss.startswith("fs-") else noun.gloss.split())
        elif kind == "who":
            c.verb = self.pick([v for v in self.lex.verbs if "person" in v.objects])
            c.object = c.goal = c.company = c.complement = None
        elif kind == "where":
            c.goal = c.place = None
        elif kind == "when":
            c.time, c.tense = None, self.pick(["present", "past", "future", "going to"])
        return c

    def identity(self, kind: str) -> Clause:
        if kind == "where-is":
            what = self.one_of(
                [
                    self.pronoun,
                    self.name,
                    *[lambda: self.phrase(["place", "thing", "vehicle", "family", "clothes", "opening", "class"], 0.15, 1)] * 4,
                ]
            )
            return Clause(what, predicate=("", []), question="where", tense="past" if self.chance(0.12) else "present")
        word, sign = self.possessive()
        head = self.pick(
            [
                ("name", ["NAME"]),
                ("favorite color", ["LIKE", "COLOR"]),
                ("phone number", ["PHONE", "fs-NUMBER"]),
                ("job", ["WORK"]),
                ("favorite food", ["LIKE", "FOOD"]),
                ("favorite movie", ["LIKE", "MOVIE"]),
            ]
        )
        roll = self.rng.random()
        if roll < 0.1:
            return Clause(
                self.phrase(["show", "class", "abstract"], 0.1, 1),
                predicate=("", []),
                question="when",
                tense=self.pick(["present", "past"]),
            )
        if roll < 0.35:
            return Clause(self.phrase(["person", "family"], 0.1, 1), predicate=("", []), question=self.pick(["who", "how"]))
        return Clause(Phrase(f"{word} {head[0]}", sign + head[1], "singular", True), predicate=("", []), question="what")
