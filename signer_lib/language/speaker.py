"""Random sentence pairs: a meaning is drawn, then said twice, once in each language. [ours]"""

from __future__ import annotations

import re

from signer_lib.language.grammar import Clause, Phrase, be, english, gloss
from signer_lib.language.meanings import Meanings

CONTRACTIONS = [
    (r"\bI am\b", "I'm"),
    (r"\b(you|we|they) are\b", r"\1're"),
    (r"\b(he|she|it|that|there|here) is\b", r"\1's"),
    (r"\b(what|where|who|when|how) is\b", r"\1's"),
    (r"\b(I|you|he|she|we|they) will\b", r"\1'll"),
    (r"\bI would\b", "I'd"),
    (r"\b(do|does|did|is|are|was|were|have|has) not\b", r"\1n't"),
    (r"\bcannot\b", "can't"),
    (r"\bwill not\b", "won't"),
    (r"\blet us\b", "let's"),
    (r"\b(should|must) not\b", r"\1n't"),
    (r"\bI have (?=already)", "I've "),
]
WEATHER = (
    ("It is raining", "RAIN"),
    ("It is snowing", "SNOW"),
    ("It is hot", "HOT"),
    ("It is cold", "COLD"),
    ("It rained", "RAIN"),
    ("It snowed", "SNOW"),
)

Said = tuple[str, list[str], str]  # English without its final mark, glosses, the final mark


class Speaker(Meanings):
    """One method for each kind of sentence; ``pair`` draws from all of them."""

    def plain(self) -> Said:
        c = self.statement()
        return english(c), gloss(c), "."

    def asked(self) -> Said:
        c = self.question()
        return english(c), gloss(c), "?"

    def command(self) -> Said:
        c = self.action()
        while (
            c.chain
            or c.doing.gloss in ("HAVE", "LIKE", "WANT", "NEED", "KNOW", "GRADUATE", "LIVE", "LOVE", "UNDERSTAND")
            or c.doing.gloss.startswith("fs-")
        ):
            c = self.action()
        you = Phrase("you", [], "plural", True, True)
        c.subject, c.tense, c.time, c.fronted = you, "present", None, False
        if self.chance(0.15):
            c.time = self.pick([("now", "NOW"), ("tomorrow", "TOMORROW"), ("today", "TODAY"), ("later", "LATER")])
        negative = self.chance(0.2)
        c.negative = "NOT" if negative else None
        said = english(c).replace("you ", "", 1).strip()
        if not negative and self.chance(0.12):
            c.subject = Phrase("we", ["IX-1P"], "plural", True, True)
            return f"let us {said}", gloss(c), "."
        please = self.rng.random()
        if please < 0.25:
            return f"please {said}", ["PLEASE"] + gloss(c), "."
        if please < 0.35:
            return f"{said} please", ["PLEASE"] + gloss(c), "."
        return said, gloss(c), self.pick([".", ".", "!"])

    def polite(self) -> Said:
        """ "Can you help me?", "Could you please ..." and "I would like ..."."""
        c = self.action()
        while c.chain or c.modal or c.doing.gloss in ("HAVE", "LIKE", "LOVE", "NEED", "WANT", "KNOW", "GRADUATE", "LIVE"):
            c = self.action()
        c.subject, c.tense, c.time = Phrase("you", [], "plural", True, True), "present", None
        said = english(c).replace("you ", "", 1).strip()
        opener, head = self.pick(
            [
                ("can you please", ["PLEASE"]),
                ("could you please", ["PLEASE"]),
                ("would you please", ["PLEASE"]),
                ("can you", ["IX-2", "CAN"]),
                ("could you", ["IX-2", "CAN"]),
            ]
        )
        if head != ["PLEASE"]:  # a topic stands before "you can"
            c.subject, c.modal = Phrase("you", ["IX-2"], "plural", True, True), "can"
            return f"{opener} {said}", gloss(c), "?"
        return f"{opener} {said}", head + gloss(c), "?"

    def joined(self) -> Said:
        word, sign = self.pick(
            [("and", "AND"), ("but", "BUT"), ("because", "BECAUSE"), ("or", "OR"), ("because", "BECAUSE"), ("but", "BUT"), ("so", None)]
        )
        a, b = self.statement(), self.statement()
        a.ending = b.ending = None
        if sign is None:
            return f"{english(a)} {word} {english(b)}", gloss(a) + gloss(b), "."
        return f"{english(a)}{',' if word == 'but' and self.chance(0.5) else ''} {word} {english(b)}", gloss(a) + [sign] + gloss(b), "."

    def conditional(self) -> Said:
        a, b = self.statement(), self.statement()
        a.ending = a.modal = b.ending = None
        if self.chance(0.15):
            said, meaning = self.pick([("it rains", ["RAIN"]), ("it snows", ["SNOW"]), ("it is cold", ["COLD"]), ("it is hot", ["HOT"])])
            return f"if {said}{self.pick(['', ','])} {english(b)}", ["IF"] + meaning + gloss(b), "."
        a.fronted = False
        if a.tense in ("future", "going to"):  # English says "if it rains tomorrow"
            a.tense, a.time = "present", a.time or ("tomorrow", "TOMORROW")
        if self.chance(0.35):
            said, meaning, mark = self.command()
            return f"if {english(a)}, {said}", ["IF"] + gloss(a) + meaning, mark
        if self.chance(0.5):
            return f"if {english(a)}, {english(b)}", ["IF"] + gloss(a) + gloss(b), "."
        return f"{english(b)} if {english(a)}", ["IF"] + gloss(a) + gloss(b), "."

    def thought(self) -> Said:
        who, verb, inner = self.pronoun(), self.pick(self.lex.clausal), self.statement()
        c = Clause(who, verb)
        inner.ending = None
        inner.fronted = False
        if self.chance(0.25):  # "tell him (that) I am busy"
            c.verb = next(v for v in self.lex.verbs if v.gloss == "TELL")
            c.recipient = self.one_of([self.pronoun, self.name, lambda: self.phrase(["family", "person"], 0, 0.9)])
            if self.chance(0.5):
                c.subject = Phrase("you", [], "plural", True, True)
                said, please = english(c).replace("you ", "", 1), self.chance(0.4)
                sign = ["PLEASE"] * please + gloss(c) + gloss(inner)
                return f"{'please ' * please}{said} {self.pick(['that ', ''])}{english(inner)}", sign, "."
        c.tense = self.pick(["present", "present", "past"])
        c.negative = "NOT" if self.chance(0.15) else None
        return f"{english(c)} {self.pick(['that ', ''])}{english(inner)}", gloss(c) + gloss(inner), "."

    def existence(self) -> Said:
        kinds = ["thing", "animal", "person", "food", "place", "class", "show"]
        what, where = self.phrase(kinds, 0.25, 0), self.place() if self.chance(0.6) else None
        while what.definite:
            what = self.phrase(kinds, 0.25, 0)
        past, negative = self.chance(0.2), self.chance(0.15)
        verb = be("plural" if what.person == "plural" else "singular", past) + (" not" if negative else "")
        head = (["PAST"] if past else []) + (where[1] if where else [])
        sign = head + (what.gloss + ["HAVE", "NOT"] if negative else ["HAVE"] + what.gloss)
        if self.chance(0.2):
            return (
                f"{be('plural' if what.person == 'plural' else 'singular', False)} there {what.english}{' ' + where[0] if where else ''}",
                (where[1] if where else []) + ["HAVE"] + what.gloss,
                "?",
            )
        return f"there {verb} {what.english}{' ' + where[0] if where else ''}", sign, "."

    def naming(self) -> Said:
        name = self.name()
        word, sign = self.possessive()
        options = [
            (f"{word} name is {name.english}", sign + ["NAME"] + name.gloss, "."),
            (f"I am {name.english}", ["IX-1"] + name.gloss, "."),
            (f"this is {word} friend {name.english}", sign + ["FRIEND"] + name.gloss, "."),
            (f"{self.pick(['hello', 'hi'])}, {word} name is {name.english}", ["HELLO"] + sign + ["NAME"] + name.gloss, "."),
            (f"{self.pick(['hello', 'hi'])}, I am {name.english}", ["HELLO", "IX-1"] + name.gloss, "."),
            (f"{self.pick(['hello', 'hi'])} {name.english}", ["HELLO"] + name.gloss, "!"),
            (f"{name.english} is here", name.gloss + ["IX-LOC"], "."),
        ]
        if self.chance(0.2):
            place, who = self.pick(self.raw["places"]), self.subject()
            c = Clause(who, predicate=(f"from {place}", ["FROM", f"fs-{place.upper()}"]), question="polar" if self.chance(0.3) else None)
            return english(c), gloss(c), "?" if c.question else "."
        return self.pick(options)

    def relative(self) -> Said:
        """ "My brother is a teacher", "My mother's name is Olga", "I have two sisters"."""
        family, name = self.phrase(["family"], 0), self.name()
        options = [
            (f"{family.english}'s name is {name.english}", family.gloss + ["NAME"] + name.gloss, "."),
            (f"{family.english} is {name.english}", family.gloss + name.gloss, "."),
            (f"{family.english} and I", family.gloss + ["AND", "IX-1"], "."),
        ]
        number, plural = self.pick(list(self.raw["numbers"].items())), self.pick(self.by_kind["family"])
        word = plural.singular if number[1] == "ONE" else plural.plural
        options += [
            (f"I have {number[0]} {word}", ["IX-1", "HAVE", number[1]] + plural.gloss.split(), "."),
            (f"do you have any {plural.plural}", ["IX-2", "HAVE"] + plural.gloss.split(), "?"),
        ]
        return self.pick(options)

    def weather(self) -> Said:
        said, sign = self.pick(WEATHER)
        past = said.endswith("ed")
        time = self.pick(list(self.raw["times"]["past" if past else "present"].items())) if self.chance(0.6) else None
        head = time[1].split() if time else ["PAST"] if past else []
        return said.replace("It", "it") + (f" {time[0]}" if time else ""), head + [sign], "."

    def benefit(self) -> Said:
        """ "I bought a book for my mother", "Give the book to me"."""
        c = self.statement()
        c.verb = self.pick([v for v in self.lex.verbs if v.gloss in ("BUY", "MAKE", "BRING", "COOK", "GIVE", "TELL")])
        c.chain = c.place = c.company = c.ending = c.predicate = c.complement = None
        c.object = self.phrase([k for k in c.verb.objects if k != "person"] or ["media"])
        who = self.one_of([self.pronoun, self.name, lambda: self.phrase(["family", "person"], 0, 0.9)])
        c.goal = (f"{'to' if c.verb.gloss in ('GIVE', 'TELL') else 'for'} {who.as_object}", who.gloss)
        if self.chance(0.6):  # "Give me the book"
            c.goal, c.recipient = None, who
        if self.chance(0.4):
            c.subject, c.time, c.tense, c.negative, c.modal, c.frequency = (
                Phrase("you", [], "plural", True, True),
                None,
                "present",
                None,
                None,
                None,
            )
            return english(c).replace("you ", "", 1), gloss(c), "."
        return english(c), gloss(c), "."

    def attribute(self) -> Said:
        """ "What color is your car?", "How old is he?", "How many people are in the house?"."""
        roll = self.rng.random()
        if roll < 0.4:
            what = self.phrase(["clothes", "vehicle", "animal", "opening", "thing"], 0, 1)
            return f"what color {be(what.person, False)} {what.english}", what.gloss + ["COLOR", "WHAT"], "?"
        if roll < 0.7:
            who = self.one_of([self.pronoun, self.name, lambda: self.phrase(["family", "person"], 0, 1)])
            word, sign = self.pick([("old", "OLD"), ("tall", "TALL")])
            return f"how {word} {be(who.person, False)} {who.english}", who.gloss + [sign, "HOW"], "?"
        noun, (place, where) = self.pick([n for n in self.lex.nouns if n.plural and n.kind in ("person", "thing", "animal")]), self.place()
        return f"how many {noun.plural} are {place}", where + noun.gloss.split() + ["HOW", "MANY"], "?"

    def activity(self) -> Said:
        """ "Learning ASL is easy", "It is fun to read books"."""
        verb = self.pick([v for v in self.lex.verbs if v.objects and "person" not in v.objects])
        what, found = self.phrase(verb.objects, 0, 0.15), self.adjective("class", "attributive")
        assert found is not None                                # there are adjectives for a class
        how = self.very(found)
        sign = what.gloss + [verb.gloss] if what.definite else [verb.gloss] + what.gloss
        if self.chance(0.4):
            return f"{verb.ing} {what.english} is {how[0]}", sign + how[1], "."
        if self.chance(0.25):
            return f"is it {how[0]} to {verb.base} {what.english}", how[1] + sign, "?"
        return f"it is {how[0]} to {verb.base} {what.english}", how[1] + sign, "."

    def embedded(self) -> Said:
        """ "I don't know where she lives": the wh-word ends its own clause."""
        who, verb = self.pronoun(), self.pick([v for v in self.lex.clausal if v.gloss not in ("THINK", "FEEL", "SAY")])
        outer, inner = Clause(who, verb, negative="NOT" if self.chance(0.5) else None), self.statement()
        inner.negative = inner.ending = inner.modal = None
        inner.fronted, word = False, self.pick(["where", "why", "how", "when"])
        inner.place = None if word == "where" else inner.place
        inner.goal = None if word == "where" else inner.goal
        if word == "when":
            inner.time = None
        return f"{english(outer)} {word} {english(inner)}", gloss(outer) + gloss(inner) + [word.upper()], "."

    def two_verbs(self) -> Said:
        """ "We ate and watched a movie": the second verb shares subject and tense."""
        a, b = self.statement(), self.action()
        while (
            a.predicate
            or a.negative
            or a.modal
            or a.frequency
            or a.tense not in ("present", "past")
            or b.chain
            or b.doing.gloss.startswith("fs-")
        ):
            a, b = self.statement(), self.action()
        b.subject, b.tense, a.ending, b.place = a.subject, a.tense, None, None
        time, a.time = a.time, None
        first, second = english(a), english(b)[len(b.subject.english) :]
        sign_b = gloss(b)
        sign_b = sign_b[1:] if b.tense == "past" else sign_b
        at = next(i for i in range(len(sign_b)) if sign_b[i : i + len(b.subject.gloss)] == b.subject.gloss)
        sign_a = gloss(a)
        sign_a = sign_a[1:] if time and a.tense == "past" else sign_a
        return (
            f"{first} and{second}" + (f" {time[0]}" if time else ""),
            (time[1].split() if time else []) + sign_a + ["AND"] + sign_b[:at] + sign_b[at + len(b.subject.gloss) :],
            ".",
        )

    def aged(self) -> Said:
        who, (word, sign) = (
            self.one_of([self.pronoun, self.name, lambda: self.phrase(["family", "person"], 0, 1)]),
            self.pick(list(self.raw["numbers"].items())),
        )
        return (
            f"{who.english} {be(who.person, False)} {word} {'year' if sign == 'ONE' else 'years'} old",
            who.gloss + [sign, "YEAR", "OLD"],
            ".",
        )

    def addressed(self) -> Said:
        """ "Sam, come here." and "Good morning, Doctor Chen."."""
        said, sign, mark = self.one_of([self.command, self.asked, self.idiom])
        name = self.one_of([self.name, self.titled, self.by_title])
        if self.chance(0.4):
            return f"{name.english}, {said}", name.gloss + sign, mark
        return f"{said}, {name.english}", sign + name.gloss, mark

    def titled(self) -> Phrase:
        title, name = (
            self.pick([("Doctor", "DOCTOR"), ("Mom", "MOTHER"), ("Dad", "FATHER"), ("Grandma", "GRANDMOTHER"), ("Grandpa", "GRANDFATHER")]),
            self.name(),
        )
        return Phrase(f"{title[0]} {name.english}", [title[1]] + name.gloss)

    def by_title(self) -> Phrase:
        return Phrase(
            *self.pick(
                [
                    ("Mom", ["MOTHER"]),
                    ("Dad", ["FATHER"]),
                    ("Grandma", ["GRANDMOTHER"]),
                    ("Grandpa", ["GRANDFATHER"]),
                    ("Doctor", ["DOCTOR"]),
                ]
            )
        )

    def idiom(self) -> Said:
        said, sign = self.pick(list(self.raw["idioms"].items()))
        return said, sign.split(), "?" if said.startswith(("how", "what")) else self.pick([".", "!"])

    def answered(self) -> Said:
        """ "Yes, ..." and "No, ..." before a statement."""
        c = self.statement()
        yes = self.chance(0.5)
        c.negative = None if yes else c.negative
        return f"{'yes' if yes else 'no'}, {english(c)}", ["YES" if yes else "NO"] + gloss(c), "."

    def greeted(self) -> Said:
        if self.chance(0.25):  # "Hello, good to see you again."
            said, meaning = self.pick([(s, g) for s, g in self.raw["idioms"].items() if s.startswith(("nice", "good to", "how are", "welcome"))])
            again = self.chance(0.4) and said.endswith("see you")
            opener, first = self.pick([("hello", "HELLO"), ("hi", "HELLO"), ("good morning", "GOOD MORNING"), ("good afternoon", "GOOD AFTERNOON")])
            return f"{opener}, {said}{' again' * again}", first.split() + meaning.split() + ["AGAIN"] * again, "."
        word, sign = self.pick(
            [("hello", "HELLO"), ("hi", "HELLO"), ("sorry", "SORRY"), ("thank you", "THANK-YOU"), ("please", "PLEASE"), ("maybe", "MAYBE")]
        )
        c = self.statement()
        return f"{word}{'' if word == 'maybe' else ','} {english(c)}", [sign] + gloss(c), "."

    def fragment(self) -> Said:
        part = self.one_of([lambda: self.phrase(list(self.by_kind), 0.5), lambda: self.phrase(["thing", "food"], 1.0), self.name])
        return part.english, part.gloss, "."

    def thanks(self) -> Said:
        c = self.action()
        while not c.object or c.chain or c.object.definite:
            c = self.action()
        opener = self.pick([("thank you for", ["THANK-YOU"]), ("thanks for", ["THANK-YOU"]), ("sorry for", ["SORRY"])])
        obj = c.object
        return f"{opener[0]} {c.doing.ing} {obj.as_object}", opener[1] + [c.doing.gloss] + obj.gloss, "."

    KINDS = {
        "plain": 34,
        "asked": 22,
        "command": 8,
        "polite": 3,
        "joined": 8,
        "conditional": 5,
        "thought": 6,
        "existence": 3,
        "naming": 4,
        "relative": 2,
        "weather": 1,
        "benefit": 2,
        "idiom": 3,
        "answered": 2,
        "greeted": 3,
        "fragment": 2,
        "thanks": 1,
        "attribute": 2,
        "activity": 1,
        "embedded": 2,
        "two_verbs": 3,
        "aged": 1,
        "addressed": 3,
    }

    def pair(self) -> tuple[str, str]:
        """One English sentence and its glosses."""
        kind = self.rng.choices(list(self.KINDS), list(self.KINDS.values()))[0]
        said, sign, mark = getattr(self, kind)()
        return self.finish(said, mark), " ".join(sign)

    def finish(self, said: str, mark: str) -> str:
        """Spaces, contractions, the capital letter and the final mark."""
        said = re.sub(r"\s+", " ", said).strip().replace(" ,", ",")
        said = said.replace("can not", "cannot")
        for pattern, short in CONTRACTIONS:
            if self.chance(0.6):
                said = re.sub(pattern, short, said)
        said = said[0].upper() + said[1:]
        return said + ("" if self.chance(0.06) else mark)
