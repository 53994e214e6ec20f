"""A meaning, said in English and in ASL gloss. [ours]

The gloss side follows the order that ASL textbooks teach: time, place, topic, subject, modal, verb, object, negation, goal,
company, wh-word. Non-manual marks (brows, head) are not written in the gloss: the sentence type carries them.
"""

from __future__ import annotations

from dataclasses import dataclass

from signer_lib.language.lexicon import Verb


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
    tense: str = "present"  # present, progressive, past, perfect, future
    modal: str | None = None
    negative: str | None = None  # NOT or NEVER
    frequency: tuple[str, str] | None = None
    ending: tuple[str, str] | None = None  # ("too", "ALSO")
    recipient: Phrase | None = None  # "give me the book": stands right after the verb
    complement: tuple[str, list[str]] | None = None  # "afraid of the dog", "wait for the bus": stays behind, even when definite
    question: str | None = None  # polar, what, who, where, when, why, how, which, many
    fronted: bool = False  # English puts the time first

    @property
    def doing(self) -> Verb:
        """The verb of a clause without a predicate."""
        assert self.verb is not None
        return self.verb


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
    if c.predicate:
        if c.modal or c.tense == "future":
            return (("cannot" if c.modal == "can" and not_ else (c.modal or "will") + not_), f"{often}be {c.predicate[0]}")
        return be(person, c.tense == "past") + not_, f"{often}{c.predicate[0]}"
    main = c.chain or c.doing
    tail = "" if not c.chain else " " + c.doing.form(c.chain_form)

    def rest(form: str) -> str:
        return f"{often}{main.form(form)}{tail}"

    if main.base.startswith("would"):
        return "would" + not_, f"{often}{main.base.split(' ', 1)[1]} {main.tail}{tail}"
    if c.modal == "have to":
        word = "has to" if person == "singular" else "have to"
        return (
            ("", f"{often}{word} {main.form('base')}{tail}")
            if plain
            else (("does" if person == "singular" else "do") + not_, f"{often}have to {main.form('base')}{tail}")
        )
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
    if " not" in aux:  # "do you not" -> "don't you"
        aux = aux.replace(" not", "n't")
    opener = {"polar": "", "what": "what ", "who": "who ", "where": "where ", "when": "when ", "why": "why ", "how": "how "}.get(c.question)
    if opener is None and c.object:  # which X, how many X: the object opens the sentence
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
    commanded = c.verb and not c.subject.gloss and not c.negative  # a command begins with its verb
    topic = c.object and not c.object.pronoun and not commanded and (c.object.definite or c.negative or c.question in ("which", "how many"))
    if topic and c.object:
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
    elif c.chain:  # "want NOT go", but "go CANNOT"
        out += [c.chain.gloss, c.doing.gloss] + negative if cannot else [c.chain.gloss] + negative + [c.doing.gloss]
    else:
        out += [c.doing.gloss] + negative
    if c.tense == "perfect" and not c.negative:
        out += ["FINISH"]
    out += c.recipient.gloss if c.recipient else []
    out += c.object.gloss if c.object and not topic else []
    out += c.complement[1] if c.complement else []
    for part in (c.goal, c.company):
        out += part[1] if part else []
    if c.ending:
        out += c.ending[1].split()
    wh = {
        "what": "WHAT",
        "who": "WHO",
        "who-subject": "WHO",
        "where": "WHERE",
        "when": "WHEN",
        "why": "WHY",
        "how": "HOW",
        "which": "WHICH",
        "how many": "HOW MANY",
    }
    return out + wh.get(c.question or "", "").split()
