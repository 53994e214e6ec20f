"""English -> ASL gloss from meanings: a random meaning is drawn, then said twice, once in each language. [ours]

The gloss side follows the order that ASL textbooks teach: time, place, topic, subject, modal, verb, object, negation, goal,
company, wh-word. Non-manual marks (brows, head) are not written in the gloss: the sentence type carries them.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from signer_lib.language.lexicon import Adjective, Lexicon, Noun, Verb, with_s

CONTRACTIONS = [
    (r"\bI am\b", "I'm"), (r"\b(you|we|they) are\b", r"\1're"), (r"\b(he|she|it|that|there|here) is\b", r"\1's"),
    (r"\b(what|where|who|when|how) is\b", r"\1's"), (r"\b(I|you|he|she|we|they) will\b", r"\1'll"), (r"\bI would\b", "I'd"),
    (r"\b(do|does|did|is|are|was|were|have|has) not\b", r"\1n't"), (r"\bcannot\b", "can't"), (r"\bwill not\b", "won't"),
    (r"\blet us\b", "let's"), (r"\b(should|must) not\b", r"\1n't"), (r"\bI have (?=already)", "I've "),
]
WEATHER = ("It is raining", "RAIN"), ("It is snowing", "SNOW"), ("It is hot", "HOT"), ("It is cold", "COLD"), ("It rained", "RAIN"), ("It snowed", "SNOW")


@dataclass
class Phrase:
    """A noun phrase said in both languages. ``person`` decides the English agreement: first, singular or plural."""

    english: str
    gloss: list[str]
    person: str = "singular"
    definite: bool = False
    pronoun: bool = False
    objective: str | None = None
    kind: str = ""

    @property
    def as_object(self) -> str:
        return self.objective or self.english


@dataclass
class Clause:
    """A meaning. Either ``verb`` (with what belongs to it) or ``predicate`` (adjective, noun phrase or place)."""

    subject: Phrase
    verb: Verb | None = None
    predicate: tuple[str, list[str]] | None = None
    object: Phrase | None = None
    goal: tuple[str, list[str]] | None = None
    place: tuple[str, list[str]] | None = None
    company: tuple[str, list[str]] | None = None
    chain: Verb | None = None
    chain_form: str = "base"
    time: tuple[str, str] | None = None
    tense: str = "present"                      # present, progressive, past, perfect, future
    modal: str | None = None
    negative: str | None = None                 # NOT or NEVER
    frequency: tuple[str, str] | None = None
    ending: tuple[str, str] | None = None       # ("too", "ALSO")
    recipient: Phrase | None = None             # "give me the book": stands right after the verb
    complement: tuple[str, list[str]] | None = None   # "afraid of the dog", "wait for the bus": stays behind, even when definite
    question: str | None = None                 # polar, what, who, where, when, why, how, which, many
    fronted: bool = field(default=False)        # English puts the time first


MODALS = {"can": ["CAN"], "must": ["MUST"], "have to": ["MUST"], "should": ["MUST"], "might": [], "could": ["CAN"], "may": ["CAN"]}


def be(person: str, past: bool) -> str:
    if past:
        return "were" if person == "plural" else "was"
    return {"first": "am", "plural": "are"}.get(person, "is")


def verb_group(c: Clause) -> tuple[str, str]:
    """(auxiliary, rest): the auxiliary moves in a question and takes "not"; "" stands for no auxiliary."""
    person = "singular" if c.question == "who-subject" else c.subject.person
    not_ = " not" if c.negative == "NOT" else ""
    plain = not not_ and c.question in (None, "who-subject")
    often = f"{c.frequency[0]} " if c.frequency else "never " if c.negative == "NEVER" else ""
    main = c.chain or c.verb
    tail = "" if not c.chain else " " + c.verb.form(c.chain_form)

    def rest(form: str) -> str:
        return f"{often}{main.form(form)}{tail}"

    if c.predicate:
        if c.modal or c.tense == "future":
            return (("cannot" if c.modal == "can" and not_ else (c.modal or "will") + not_), f"{often}be {c.predicate[0]}")
        return be(person, c.tense == "past") + not_, f"{often}{c.predicate[0]}"
    if main.base.startswith("would"):
        return "would" + not_, f"{often}{main.base.split(' ', 1)[1]} {main.tail}{tail}"
    if c.modal == "have to":
        word = "has to" if person == "singular" else "have to"
        return ("", f"{often}{word} {main.form('base')}{tail}") if plain else (("does" if person == "singular" else "do") + not_, f"{often}have to {main.form('base')}{tail}")
    if c.modal:
        return ("cannot" if c.modal == "can" and not_ else c.modal + not_), rest("base")
    if c.tense == "future":
        return "will" + not_, rest("base")
    if c.tense == "going to":
        return be(person, False) + not_, f"going to {rest('base')}"
    if c.tense == "progressive":
        return be(person, False) + not_, rest("ing")
    if c.tense == "perfect":
        return ("has" if person == "singular" else "have") + not_, ("already " if not not_ and not c.question else "") + rest("participle")
    if c.tense == "past":
        return ("", rest("past")) if plain else ("did" + not_, rest("base"))
    if plain:
        return "", rest("third" if person == "singular" else "base")
    return ("does" if person == "singular" else "do") + not_, rest("base")


def english(c: Clause) -> str:
    """The clause in English, without capital and full stop."""
    aux, rest = verb_group(c)
    obj = (f" {c.recipient.as_object}" if c.recipient else "") + (f" {c.object.as_object}" if c.object else "")
    obj += f" {c.complement[0]}" if c.complement else ""
    after = "".join(f" {part[0]}" for part in (c.goal, c.place, c.company, c.ending) if part)
    time = f" {c.time[0]}" if c.time and not c.fronted else ""
    front = f"{c.time[0]} " if c.time and c.fronted else ""
    if c.question is None:
        return f"{front}{c.subject.english} {aux} {rest}{obj}{after}{time}"
    if c.question == "who-subject":
        return f"who {aux} {rest}{obj}{after}{time}"
    if " not" in aux:                                            # "do you not" -> "don't you"
        aux = aux.replace(" not", "n't")
    opener = {"polar": "", "what": "what ", "who": "who ", "where": "where ", "when": "when ", "why": "why ", "how": "how "}.get(c.question)
    if opener is None:                                          # which X, how many X: the object opens the sentence
        opener, obj = f"{c.question} {c.object.english} ", ""
    return f"{opener}{aux} {c.subject.english} {rest}{obj}{after}{time}"


def gloss(c: Clause) -> list[str]:
    """The clause as ASL glosses, in the taught order."""
    out: list[str] = []
    if c.time:
        out += c.time[1].split()
    elif c.tense == "past":
        out += ["PAST"]
    elif c.tense in ("future", "going to"):
        out += ["FUTURE"]
    if c.modal == "might":
        out += ["MAYBE"]
    if c.place:
        out += c.place[1]
    commanded = c.verb and not c.subject.gloss and not c.negative           # a command begins with its verb
    topic = c.object and not c.object.pronoun and not commanded and (c.object.definite or c.negative or c.question in ("which", "how many"))
    if topic:
        out += c.object.gloss
    out += [] if c.question == "who-subject" else c.subject.gloss
    if c.frequency:
        out += [c.frequency[1]]
    cannot = c.modal == "can" and c.negative == "NOT"
    if c.modal and not cannot:
        out += MODALS[c.modal]
    negative = ["CANNOT" if cannot else c.negative] if c.negative else []
    if c.predicate:
        out += c.predicate[1] + negative
    elif c.chain:                                               # "want NOT go", but "go CANNOT"
        out += [c.chain.gloss, c.verb.gloss] + negative if cannot else [c.chain.gloss] + negative + [c.verb.gloss]
    else:
        out += [c.verb.gloss] + negative
    if c.tense == "perfect" and not c.negative:
        out += ["FINISH"]
    out += c.recipient.gloss if c.recipient else []
    out += c.object.gloss if c.object and not topic else []
    out += c.complement[1] if c.complement else []
    for part in (c.goal, c.company):
        out += part[1] if part else []
    if c.ending:
        out += c.ending[1].split()
    wh = {"what": "WHAT", "who": "WHO", "who-subject": "WHO", "where": "WHERE", "when": "WHEN", "why": "WHY", "how": "HOW",
          "which": "WHICH", "how many": "HOW MANY"}
    return out + wh.get(c.question, "").split()


class Speaker:
    """Draws meanings with a seeded random source. One method for each kind of sentence; ``pair`` draws from all of them."""

    def __init__(self, lexicon: Lexicon, seed: int):
        self.lex, self.raw, self.rng = lexicon, lexicon.raw, random.Random(seed)
        self.by_kind: dict[str, list[Noun]] = {}
        for noun in lexicon.nouns:
            self.by_kind.setdefault(noun.kind, []).append(noun)

    # --- small draws -------------------------------------------------------------------------------------------------
    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def pick(self, items):
        return self.rng.choice(items if isinstance(items, (list, tuple)) else list(items))

    def noun(self, kinds) -> tuple[Noun, bool]:
        """A noun of one of the classes; sometimes one that has no gloss, which is fingerspelled."""
        kind = self.pick(kinds)
        if kind in self.raw["unknown"] and self.chance(.12):
            word = self.pick(self.raw["unknown"][kind])
            return Noun(f"fs-{word.upper()}", word, with_s(word), kind), True
        if kind == "language" and self.chance(.3):
            word = self.pick(self.raw["languages"])
            return Noun(f"fs-{word.upper()}", word, None, kind), True
        return self.pick(self.by_kind[kind]), False

    def adjective(self, kind: str, use: str) -> tuple[str, list[str]] | None:
        if self.chance(.05):
            word = self.pick(self.raw["unknown"]["adjective"])
            return word, [f"fs-{word.upper()}"]
        fitting = [a for a in self.lex.adjectives if kind in getattr(a, use)]
        if not fitting:
            return None
        found: Adjective = self.pick(fitting)
        return found.word, [found.gloss]

    def very(self, described: tuple[str, list[str]], p: float = .15) -> tuple[str, list[str]]:
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
        if self.chance(.12):
            name = self.pick(self.raw["names"])
            return f"{name}'s", [f"fs-{name.upper()}", "POSS-3"]
        _, _, word, _, sign, _ = self.pick(self.raw["pronouns"])
        if self.chance(.12):
            owner = self.pick([n for n in self.lex.nouns if n.kind in ("family", "person")])
            the = self.chance(.4) and owner.kind == "person"
            return f"{'the' if the else word} {owner.singular}'s", ([] if the else [sign]) + [owner.gloss, "POSS-3"]
        return word, [sign]

    def phrase(self, kinds, described: float = .25, definite: float = .35) -> Phrase:
        noun, unknown = self.noun(kinds)
        spelled = lambda word: [f"fs-{word.upper()}"] if unknown else noun.gloss.split()
        adj = self.adjective(noun.kind, "attributive") if self.chance(described) else None
        adj = self.very(adj) if adj else ("", [])
        joined = lambda *words: " ".join(w for w in words if w)
        if noun.kind == "language" and (unknown or noun.plural is None):
            return Phrase(noun.singular, noun.gloss.split(), "singular", False, kind="language")
        if noun.gloss == "BOWLING":
            return Phrase(noun.singular, [noun.gloss], kind=noun.kind)
        if noun.kind == "family" or self.chance(.2):
            word, sign = self.possessive()
            return Phrase(joined(word, adj[0], noun.singular), sign + noun.gloss.split() + adj[1], "singular", True, kind=noun.kind)
        if self.chance(definite):
            plural = noun.plural and (self.chance(.2) or noun.singular == "clothes")
            word = self.pick(["the", "the", "these", "those"] if plural else ["the", "the", "the", "this", "that"])
            english_noun = noun.plural if plural else noun.singular
            return Phrase(joined(word, adj[0], english_noun), spelled(english_noun) + adj[1], "plural" if plural else "singular", True, kind=noun.kind)
        if noun.plural is None:
            word, sign = self.pick([("", []), ("", []), ("some", ["SOME"]), ("more", ["MORE"])])
            return Phrase(joined(word, adj[0], noun.singular), sign + noun.gloss.split() + adj[1], kind=noun.kind)
        roll = self.rng.random()
        if roll < .2:
            word, sign = self.pick([(w, s) for w, s in self.raw["numbers"].items() if s != "ONE"])
            return Phrase(joined(word, adj[0], noun.plural), [sign] + spelled(noun.plural) + adj[1], "plural", kind=noun.kind)
        if roll < .35:
            word, sign = self.pick(list(self.raw["quantities"].items()))
            return Phrase(joined(word, adj[0], noun.plural), [sign] + spelled(noun.plural) + adj[1], "plural", kind=noun.kind)
        if roll < .5:
            return Phrase(joined(adj[0], noun.plural), spelled(noun.plural) + adj[1], "plural", kind=noun.kind)
        head = joined(adj[0], noun.singular)
        article = "an" if head[0].lower() in "aeio" else "a"
        if noun.gloss in ("PICTURE", "STORY") and self.chance(.5):
            of = self.pick([self.name, lambda: self.phrase(["animal", "family", "person"], 0, .8)])()
            return Phrase(f"{article} {head} {'of' if noun.gloss == 'PICTURE' else 'about'} {of.as_object}", noun.gloss.split() + adj[1] + of.gloss, kind=noun.kind)
        if noun.singular == "clothes":
            return Phrase(head, noun.gloss.split() + adj[1], "plural", kind=noun.kind)
        if self.chance(.08):
            return Phrase(f"one {head}", ["ONE"] + spelled(noun.singular) + adj[1], kind=noun.kind)
        return Phrase(f"{article} {head}", spelled(noun.singular) + adj[1], kind=noun.kind)

    def subject(self) -> Phrase:
        roll = self.rng.random()
        if roll < .62:
            return self.pronoun()
        if roll < .74:
            return self.name()
        if roll < .80:
            first, second = self.phrase(["family"], 0), self.pick([self.name(), self.phrase(["family", "person"], 0, 1)])
            return Phrase(f"{first.english} and {second.english}", first.gloss + ["AND"] + second.gloss, "plural", True, kind="person")
        if roll < .83:                                          # "my friend Tom"
            who, name = self.phrase(["family"], 0, 1), self.name()
            return Phrase(f"{who.english} {name.english}", who.gloss + name.gloss, "singular", True, kind="person")
        if roll < .87:
            return self.pick([Phrase("this", ["IX-3"], "singular", True, True, kind="thing"), Phrase("that", ["IX-3"], "singular", True, True, kind="thing"),
                              Phrase("it", ["IX-3"], "singular", True, True, kind="thing")])
        return self.phrase(["person", "family"], .2, .8)

    def place(self) -> tuple[str, list[str]]:
        if self.chance(.15):
            return self.pick([("at home", ["HOUSE"]), ("at work", ["WORK"]), ("in class", ["CLASS"]), ("at school", ["SCHOOL"])])
        if self.chance(.18):
            name = self.pick(self.raw["places"])
            return f"in {name}", [f"fs-{name.upper()}"]
        there = self.phrase(["place"], .1, .9)
        return f"{self.pick(['in', 'at'])} {there.english}", there.gloss

    def goal(self, verb: Verb) -> tuple[str, list[str]]:
        if self.chance(.25):
            words = [("home", ["HOUSE"]), ("to school", ["SCHOOL"]), ("to work", ["WORK"]), ("to class", ["CLASS"]), ("here" if verb.gloss == "COME" else "there", ["IX-LOC"])]
            return self.pick(words)
        if self.chance(.15):
            name = self.pick(self.raw["places"])
            return f"to {name}", [f"fs-{name.upper()}"]
        there = self.phrase(["place", "place", "place", "show", "class"], .1, .8)
        return f"to {there.english}", there.gloss

    def company(self) -> tuple[str, list[str]]:
        who = self.pick([self.pronoun, self.name, lambda: self.phrase(["family", "person"], .1, .7)])()
        return f"with {who.as_object}", ["WITH"] + who.gloss

    # --- clauses ----------------------------------------------------------------------------------------------------
    def when(self, c: Clause) -> Clause:
        """Tense, and often a time word that agrees with it."""
        roll = self.rng.random()
        if c.modal or (c.chain and c.chain.base.startswith("would")):
            return c
        c.tense = "present" if roll < .45 else "past" if roll < .68 else "future" if roll < .78 else "going to" if roll < .85 else "perfect" if roll < .92 else "progressive"
        if c.predicate and c.tense in ("going to", "perfect", "progressive"):
            c.tense = "present"
        stative = {"WANT", "NEED", "LIKE", "LOVE", "KNOW", "UNDERSTAND", "REMEMBER", "HAVE", "FORGET"}
        if c.tense == "progressive" and (c.chain or c.verb).gloss in stative:
            c.tense = "present"
        era = {"past": "past", "future": "future", "going to": "future"}.get(c.tense, "present")
        if c.tense in ("present", "past") and self.chance(.05):
            c.time, c.fronted = self.pick(list(self.raw["times"]["span"].items())), self.chance(.3)
        elif c.tense != "perfect" and self.chance(.5 if era != "present" else .2):
            c.time = self.pick(list(self.raw["times"][era].items()))
            c.fronted = self.chance(.3)
        return c

    def statement(self) -> Clause:
        c = self.when(self.pick([self.action, self.action, self.action, self.description])())
        roll = self.rng.random()
        if roll < .17:
            c.negative = "NOT"
        elif roll < .21 and not c.predicate and c.tense == "present":
            c.negative = "NEVER"
        if c.tense == "present" and not c.predicate and not c.time and c.negative != "NEVER" and self.chance(.18):
            c.modal = self.pick(["can", "can", "could", "must", "have to", "should", "might"])
            if c.negative == "NOT" and c.modal not in ("can", "should"):
                c.modal = "can"
            if (c.chain and c.chain.base.startswith("would")):
                c.modal = None
        elif c.tense == "present" and not c.predicate and not c.negative and not c.chain and self.chance(.1):
            c.frequency = self.pick(list(self.raw["frequency"].items()))
        if not c.negative and self.chance(.06):
            c.ending = self.pick([("too", "ALSO"), ("also", "ALSO"), ("again", "AGAIN")])
        elif c.verb and not c.chain and self.chance(.1 if c.verb.gloss in ("SIGN", "SLEEP", "WORK", "TALK", "COOK", "DRIVE", "PLAY", "READ", "WRITE") else .02):
            c.ending = self.pick([("well", "GOOD"), ("very well", "VERY GOOD"), ("fast", "FAST"), ("slowly", "SLOW"), ("a lot", "MANY")])
        return c

    def action(self) -> Clause:
        verb = self.pick(self.lex.verbs)
        if self.chance(.06):
            return self.with_preposition()
        if self.chance(.05):
            word = self.pick(self.raw["unknown"]["verb"])
            return Clause(self.subject(), Verb(f"fs-{word.upper()}", *(word,) * 5), tense="present", modal="can")
        c = Clause(self.subject(), verb)
        chain = self.rng.random()
        if chain < .16:
            c.chain, c.chain_form = self.pick(self.lex.chain), "base"
        elif chain < .21:
            c.chain, c.chain_form = self.pick(self.lex.ing), "ing"
        if c.chain and c.chain.gloss == verb.gloss:
            c.chain = None
        if verb.objects:
            person_first = "person" in verb.objects and self.chance(.5)
            c.object = self.pick([self.pronoun, self.name])() if person_first else self.phrase([k for k in verb.objects])
            if c.object.english == c.subject.english:
                c.object = self.phrase(["person"], 0, 1)
            if not c.object.pronoun and self.chance(.08):
                more, (word, sign) = self.phrase([c.object.kind], .1), self.pick([("and", "AND"), ("and", "AND"), ("or", "OR")])
                c.object = Phrase(f"{c.object.english} {word} {more.english}", c.object.gloss + [sign] + more.gloss, "plural",
                                  c.object.definite and more.definite, kind=c.object.kind)
        elif verb.gloss == "SIT" or verb.gloss == "STAND":
            pass
        elif verb.goal and self.chance(.75):
            c.goal = self.goal(verb)
        elif verb.gloss == "TALK" and self.chance(.6):
            who = self.pick([self.pronoun, self.name, lambda: self.phrase(["family", "person"], .1, .7)])()
            c.goal = f"{self.pick(['to', 'with'])} {who.as_object}", who.gloss
            c.goal = (c.goal[0], ["WITH"] + who.gloss) if c.goal[0].startswith("with") else c.goal
        if not c.goal and self.chance(.55 if verb.gloss == "LIVE" else .16):
            c.place = self.place()
        if verb.gloss not in ("LIKE", "LOVE", "KNOW", "WANT", "NEED", "TALK") and self.chance(.1):
            c.company = self.company()
        return c

    def with_preposition(self) -> Clause:
        """"wait for the bus", "talk about the movie"."""
        word, spec = self.pick(list(self.raw["prepositional"].items()))
        verb = self.pick([v for v in self.lex.verbs if v.gloss == spec["gloss"] and v.base in word.split()])
        about = self.phrase(spec["object"], .1)
        return Clause(self.subject(), verb, complement=(f"{word.split()[-1]} {about.english}", about.gloss))

    def description(self) -> Clause:
        roll = self.rng.random()
        if roll < .5:
            who = self.subject()
        else:
            who = self.phrase(["thing", "place", "vehicle", "clothes", "food", "drink", "animal", "show", "media", "class"], 0, .85)
            if who.kind in ("food", "drink") and not who.definite:
                who.person = "plural" if who.person == "plural" else "singular"
        if self.chance(.12) and who.kind in ("person", "family"):
            job = self.phrase(["person"], .2, 0)
            if job.person == "singular" and who.person != "plural":
                return Clause(who, predicate=(job.english, job.gloss))
        if self.chance(.14):
            return Clause(who, predicate=("", []), place=self.place())
        if (who.pronoun or who.kind in ("person", "family")) and self.chance(.12):
            (word, sign), about = self.pick(list(self.raw["adjective_complements"].items())), self.phrase(["show", "class", "animal", "thing", "person"], .1)
            return Clause(who, predicate=(word.rsplit(" ", 1)[0], [sign]), complement=(f"{word.rsplit(' ', 1)[1]} {about.english}", about.gloss))
        found = self.adjective("person" if who.pronoun or who.kind == "family" else who.kind, "predicative")
        return Clause(who, predicate=self.very(found or ("here", ["IX-LOC"])))

    def question(self) -> Clause:
        kind = self.pick(["polar", "polar", "what", "who", "who-subject", "where", "when", "why", "how", "which", "how many", "where-is", "what-is"])
        if kind in ("where-is", "what-is"):
            return self.identity(kind)
        if kind == "polar":
            c = self.when(self.pick([self.action, self.action, self.description])())
            c.negative = "NOT" if self.chance(.06) else None
            c.modal = self.pick(["can", "can", "could", "should", "may"]) if c.tense == "present" and not c.predicate and self.chance(.2) else None
        else:
            c = self.when(self.action())
            while c.verb.gloss.startswith("fs-"):
                c = self.when(self.action())
        c.question, c.fronted, c.modal = kind, False, c.modal if kind == "polar" else None
        if self.chance(.6) and kind != "who-subject":
            c.subject = self.pick([Phrase("you", ["IX-2"], "plural", True, True, "you", "person"), self.pronoun()])
        if kind in ("what", "which", "how many"):
            countable = [v for v in self.lex.verbs if v.objects and "person" not in v.objects and v.objects != ("drink",)
                         and v.gloss not in ("OPEN", "CLOSE", "STOP", "START", "CHANGE")]
            c.verb, c.goal, c.company, c.complement = self.pick(countable), None, None, None
            if kind == "what":
                c.object = None
            else:
                noun, _ = self.noun([k for k in c.verb.objects])
                while noun.plural is None:
                    noun, _ = self.noun([k for k in c.verb.objects] + ["thing"])
                which = kind == "which" and self.chance(.6)
                word = noun.singular if which else noun.plural
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
            what = self.pick([self.pronoun, self.name, *[lambda: self.phrase(["place", "thing", "vehicle", "family", "clothes", "opening", "class"], .15, 1)] * 4])()
            return Clause(what, predicate=("", []), question="where", tense="past" if self.chance(.12) else "present")
        word, sign = self.possessive()
        head = self.pick([("name", ["NAME"]), ("favorite color", ["LIKE", "COLOR"]), ("phone number", ["PHONE", "fs-NUMBER"]), ("job", ["WORK"]),
                          ("favorite food", ["LIKE", "FOOD"]), ("favorite movie", ["LIKE", "MOVIE"])])
        roll = self.rng.random()
        if roll < .1:
            return Clause(self.phrase(["show", "class", "abstract"], .1, 1), predicate=("", []), question="when", tense=self.pick(["present", "past"]))
        if roll < .35:
            return Clause(self.phrase(["person", "family"], .1, 1), predicate=("", []), question=self.pick(["who", "how"]))
        return Clause(Phrase(f"{word} {head[0]}", sign + head[1], "singular", True), predicate=("", []), question="what")

    # --- sentences: (English without final mark, gloss, final mark) ------------------------------------------------------
    def plain(self):
        c = self.statement()
        return english(c), gloss(c), "."

    def asked(self):
        c = self.question()
        return english(c), gloss(c), "?"

    def command(self):
        c = self.action()
        while c.chain or c.verb.gloss in ("HAVE", "LIKE", "WANT", "NEED", "KNOW", "GRADUATE", "LIVE", "LOVE", "UNDERSTAND") or c.verb.gloss.startswith("fs-"):
            c = self.action()
        you = Phrase("you", [], "plural", True, True)
        c.subject, c.tense, c.time, c.fronted = you, "present", None, False
        if self.chance(.15):
            c.time = self.pick([("now", "NOW"), ("tomorrow", "TOMORROW"), ("today", "TODAY"), ("later", "LATER")])
        negative = self.chance(.2)
        c.negative = "NOT" if negative else None
        said = english(c).replace("you ", "", 1).strip()
        if not negative and self.chance(.12):
            c.subject = Phrase("we", ["IX-1P"], "plural", True, True)
            return f"let us {said}", gloss(c), "."
        please = self.rng.random()
        if please < .25:
            return f"please {said}", ["PLEASE"] + gloss(c), "."
        if please < .35:
            return f"{said} please", ["PLEASE"] + gloss(c), "."
        return said, gloss(c), self.pick([".", ".", "!"])

    def polite(self):
        """"Can you help me?", "Could you please ..." and "I would like ..."."""
        c = self.action()
        while c.chain or c.verb.gloss in ("HAVE", "LIKE", "LOVE", "NEED", "WANT", "KNOW", "GRADUATE", "LIVE"):
            c = self.action()
        c.subject, c.tense, c.time = Phrase("you", [], "plural", True, True), "present", None
        said = english(c).replace("you ", "", 1).strip()
        opener, head = self.pick([("can you please", ["PLEASE"]), ("could you please", ["PLEASE"]), ("would you please", ["PLEASE"]),
                                  ("can you", ["IX-2", "CAN"]), ("could you", ["IX-2", "CAN"])])
        if head != ["PLEASE"]:                                  # a topic stands before "you can"
            c.subject, c.modal = Phrase("you", ["IX-2"], "plural", True, True), "can"
            return f"{opener} {said}", gloss(c), "?"
        return f"{opener} {said}", head + gloss(c), "?"

    def joined(self):
        word, sign = self.pick([("and", "AND"), ("but", "BUT"), ("because", "BECAUSE"), ("or", "OR"), ("because", "BECAUSE"), ("but", "BUT"), ("so", None)])
        a, b = self.statement(), self.statement()
        a.ending = b.ending = None
        if sign is None:
            return f"{english(a)} {word} {english(b)}", gloss(a) + gloss(b), "."
        return f"{english(a)}{',' if word == 'but' and self.chance(.5) else ''} {word} {english(b)}", gloss(a) + [sign] + gloss(b), "."

    def conditional(self):
        a, b = self.statement(), self.statement()
        a.ending = a.modal = b.ending = None
        if self.chance(.15):
            said, meaning = self.pick([("it rains", ["RAIN"]), ("it snows", ["SNOW"]), ("it is cold", ["COLD"]), ("it is hot", ["HOT"])])
            return f"if {said} {english(b)}", ["IF"] + meaning + gloss(b), "."
        a.fronted = False
        if a.tense in ("future", "going to"):                   # English says "if it rains tomorrow"
            a.tense, a.time = "present", a.time or ("tomorrow", "TOMORROW")
        if self.chance(.5):
            return f"if {english(a)}, {english(b)}", ["IF"] + gloss(a) + gloss(b), "."
        return f"{english(b)} if {english(a)}", ["IF"] + gloss(a) + gloss(b), "."

    def thought(self):
        who, verb, inner = self.pronoun(), self.pick(self.lex.clausal), self.statement()
        c = Clause(who, verb)
        inner.ending = None
        inner.fronted = False
        c.tense = self.pick(["present", "present", "past"])
        c.negative = "NOT" if self.chance(.15) else None
        return f"{english(c)} {self.pick(['that ', ''])}{english(inner)}", gloss(c) + gloss(inner), "."

    def existence(self):
        kinds = ["thing", "animal", "person", "food", "place", "class", "show"]
        what, where = self.phrase(kinds, .25, 0), self.place() if self.chance(.6) else None
        while what.definite:
            what = self.phrase(kinds, .25, 0)
        past, negative = self.chance(.2), self.chance(.15)
        verb = be("plural" if what.person == "plural" else "singular", past) + (" not" if negative else "")
        head = (["PAST"] if past else []) + (where[1] if where else [])
        sign = head + (what.gloss + ["HAVE", "NOT"] if negative else ["HAVE"] + what.gloss)
        if self.chance(.2):
            return f"{be('plural' if what.person == 'plural' else 'singular', False)} there {what.english}{' ' + where[0] if where else ''}", (where[1] if where else []) + ["HAVE"] + what.gloss, "?"
        return f"there {verb} {what.english}{' ' + where[0] if where else ''}", sign, "."

    def naming(self):
        name = self.name()
        word, sign = self.possessive()
        options = [(f"{word} name is {name.english}", sign + ["NAME"] + name.gloss, "."), (f"I am {name.english}", ["IX-1"] + name.gloss, "."),
                   (f"this is {word} friend {name.english}", sign + ["FRIEND"] + name.gloss, "."),
                   (f"{self.pick(['hello', 'hi'])}, {word} name is {name.english}", ["HELLO"] + sign + ["NAME"] + name.gloss, "."),
                   (f"{self.pick(['hello', 'hi'])}, I am {name.english}", ["HELLO", "IX-1"] + name.gloss, "."),
                   (f"{self.pick(['hello', 'hi'])} {name.english}", ["HELLO"] + name.gloss, "!"),
                   (f"{name.english} is here", name.gloss + ["IX-LOC"], ".")]
        if self.chance(.2):
            place, who = self.pick(self.raw["places"]), self.subject()
            c = Clause(who, predicate=(f"from {place}", ["FROM", f"fs-{place.upper()}"]), question="polar" if self.chance(.3) else None)
            return english(c), gloss(c), "?" if c.question else "."
        return self.pick(options)

    def relative(self):
        """"My brother is a teacher", "My mother's name is Olga", "I have two sisters"."""
        family, name = self.phrase(["family"], 0), self.name()
        options = [(f"{family.english}'s name is {name.english}", family.gloss + ["NAME"] + name.gloss, "."),
                   (f"{family.english} is {name.english}", family.gloss + name.gloss, "."),
                   (f"{family.english} and I", family.gloss + ["AND", "IX-1"], ".")]
        number, plural = self.pick(list(self.raw["numbers"].items())), self.pick(self.by_kind["family"])
        word = plural.singular if number[1] == "ONE" else plural.plural
        options += [(f"I have {number[0]} {word}", ["IX-1", "HAVE", number[1]] + plural.gloss.split(), "."),
                    (f"do you have any {plural.plural}", ["IX-2", "HAVE"] + plural.gloss.split(), "?")]
        return self.pick(options)

    def weather(self):
        said, sign = self.pick(WEATHER)
        past = said.endswith("ed")
        time = self.pick(list(self.raw["times"]["past" if past else "present"].items())) if self.chance(.6) else None
        head = time[1].split() if time else ["PAST"] if past else []
        return said.replace("It", "it") + (f" {time[0]}" if time else ""), head + [sign], "."

    def benefit(self):
        """"I bought a book for my mother", "Give the book to me"."""
        c = self.statement()
        c.verb = self.pick([v for v in self.lex.verbs if v.gloss in ("BUY", "MAKE", "BRING", "COOK", "GIVE", "TELL")])
        c.chain = c.place = c.company = c.ending = c.predicate = c.complement = None
        c.object = self.phrase([k for k in c.verb.objects if k != "person"] or ["media"])
        who = self.pick([self.pronoun, self.name, lambda: self.phrase(["family", "person"], 0, .9)])()
        c.goal = (f"{'to' if c.verb.gloss in ('GIVE', 'TELL') else 'for'} {who.as_object}", who.gloss)
        if self.chance(.6):                                     # "Give me the book"
            c.goal, c.recipient = None, who
        if self.chance(.4):
            c.subject, c.time, c.tense, c.negative, c.modal, c.frequency = Phrase("you", [], "plural", True, True), None, "present", None, None, None
            return english(c).replace("you ", "", 1), gloss(c), "."
        return english(c), gloss(c), "."

    def attribute(self):
        """"What color is your car?", "How old is he?", "How many people are in the house?"."""
        roll = self.rng.random()
        if roll < .4:
            what = self.phrase(["clothes", "vehicle", "animal", "opening", "thing"], 0, 1)
            return f"what color {be(what.person, False)} {what.english}", what.gloss + ["COLOR", "WHAT"], "?"
        if roll < .7:
            who = self.pick([self.pronoun, self.name, lambda: self.phrase(["family", "person"], 0, 1)])()
            word, sign = self.pick([("old", "OLD"), ("tall", "TALL")])
            return f"how {word} {be(who.person, False)} {who.english}", who.gloss + [sign, "HOW"], "?"
        noun, (place, sign) = self.pick([n for n in self.lex.nouns if n.plural and n.kind in ("person", "thing", "animal")]), self.place()
        return f"how many {noun.plural} are {place}", sign + noun.gloss.split() + ["HOW", "MANY"], "?"

    def activity(self):
        """"Learning ASL is easy", "It is fun to read books"."""
        verb = self.pick([v for v in self.lex.verbs if v.objects and "person" not in v.objects])
        what, how = self.phrase(verb.objects, 0, .15), self.very(self.adjective("class", "predicative"))
        sign = (what.gloss + [verb.gloss] if what.definite else [verb.gloss] + what.gloss) + how[1]
        return self.pick([f"{verb.ing} {what.english} is {how[0]}", f"it is {how[0]} to {verb.base} {what.english}"]), sign, "."

    def embedded(self):
        """"I don't know where she lives": the wh-word ends its own clause."""
        who, verb = self.pronoun(), self.pick([v for v in self.lex.clausal if v.gloss not in ("THINK", "FEEL", "SAY")])
        outer, inner = Clause(who, verb, negative="NOT" if self.chance(.5) else None), self.statement()
        inner.negative = inner.ending = inner.modal = None
        inner.fronted, word = False, self.pick(["where", "why", "how", "when"])
        inner.place = None if word == "where" else inner.place
        inner.goal = None if word == "where" else inner.goal
        if word == "when":
            inner.time = None
        return f"{english(outer)} {word} {english(inner)}", gloss(outer) + gloss(inner) + [word.upper()], "."

    def two_verbs(self):
        """"We ate and watched a movie": the second verb shares subject and tense."""
        a, b = self.statement(), self.action()
        while a.predicate or a.negative or a.modal or a.frequency or a.tense not in ("present", "past") or b.chain or b.verb.gloss.startswith("fs-"):
            a, b = self.statement(), self.action()
        b.subject, b.tense, a.ending, b.place = a.subject, a.tense, None, None
        time, a.time = a.time, None
        first, second = english(a), english(b)[len(b.subject.english):]
        sign_b = gloss(b)
        sign_b = sign_b[1:] if b.tense == "past" else sign_b
        at = next(i for i in range(len(sign_b)) if sign_b[i:i + len(b.subject.gloss)] == b.subject.gloss)
        sign_a = gloss(a)
        sign_a = sign_a[1:] if time and a.tense == "past" else sign_a
        return (f"{first} and{second}" + (f" {time[0]}" if time else ""),
                (time[1].split() if time else []) + sign_a + ["AND"] + sign_b[:at] + sign_b[at + len(b.subject.gloss):], ".")

    def aged(self):
        who, (word, sign) = self.pick([self.pronoun, self.name, lambda: self.phrase(["family", "person"], 0, 1)])(), self.pick(list(self.raw["numbers"].items()))
        return f"{who.english} {be(who.person, False)} {word} {'year' if sign == 'ONE' else 'years'} old", who.gloss + [sign, "YEAR", "OLD"], "."

    def addressed(self):
        """"Sam, come here." and "Good morning, Doctor Chen."."""
        said, sign, mark = self.pick([self.command, self.asked, self.idiom])()
        name = self.pick([self.name, lambda: self.titled(), lambda: self.by_title()])()
        if self.chance(.4):
            return f"{name.english}, {said}", name.gloss + sign, mark
        return f"{said}, {name.english}", sign + name.gloss, mark

    def titled(self) -> Phrase:
        title, name = self.pick([("Doctor", "DOCTOR"), ("Mom", "MOTHER"), ("Dad", "FATHER"), ("Grandma", "GRANDMOTHER"), ("Grandpa", "GRANDFATHER")]), self.name()
        return Phrase(f"{title[0]} {name.english}", [title[1]] + name.gloss)

    def by_title(self) -> Phrase:
        return Phrase(*self.pick([("Mom", ["MOTHER"]), ("Dad", ["FATHER"]), ("Grandma", ["GRANDMOTHER"]), ("Grandpa", ["GRANDFATHER"]), ("Doctor", ["DOCTOR"])]))

    def idiom(self):
        said, sign = self.pick(list(self.raw["idioms"].items()))
        return said, sign.split(), "?" if said.startswith(("how", "what")) else self.pick([".", "!"])

    def answered(self):
        """"Yes, ..." and "No, ..." before a statement."""
        c = self.statement()
        yes = self.chance(.5)
        c.negative = None if yes else c.negative
        return f"{'yes' if yes else 'no'}, {english(c)}", ["YES" if yes else "NO"] + gloss(c), "."

    def greeted(self):
        word, sign = self.pick([("hello", "HELLO"), ("hi", "HELLO"), ("sorry", "SORRY"), ("thank you", "THANK-YOU"), ("please", "PLEASE"), ("maybe", "MAYBE")])
        c = self.statement()
        return f"{word}{'' if word == 'maybe' else ','} {english(c)}", [sign] + gloss(c), "."

    def fragment(self):
        part = self.pick([lambda: self.phrase(list(self.by_kind), .5), lambda: self.company, self.name])()
        if not isinstance(part, Phrase):
            part = self.phrase(["thing", "food"], 1.)
        return part.english, part.gloss, "."

    def thanks(self):
        c = self.action()
        while not c.object or c.chain or c.object.definite:
            c = self.action()
        opener = self.pick([("thank you for", ["THANK-YOU"]), ("thanks for", ["THANK-YOU"]), ("sorry for", ["SORRY"])])
        obj = c.object
        return f"{opener[0]} {c.verb.ing} {obj.as_object}", opener[1] + [c.verb.gloss] + obj.gloss, "."

    KINDS = {"plain": 34, "asked": 22, "command": 8, "polite": 3, "joined": 8, "conditional": 4, "thought": 5, "existence": 3, "naming": 4, "relative": 2,
             "weather": 1, "benefit": 2, "idiom": 3, "answered": 2, "greeted": 2, "fragment": 2, "thanks": 1, "attribute": 2,
             "activity": 1, "embedded": 2, "two_verbs": 3, "aged": 1, "addressed": 2}

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
            if self.chance(.6):
                said = re.sub(pattern, short, said)
        said = said[0].upper() + said[1:]
        return said + ("" if self.chance(.06) else mark)
