"""Text and glosses <-> tokens. Words the corpus never explains become slots, so that a name is copied letter for letter. [ours]

A T5 of a few million weights cannot spell a name that it has never met. So every unknown word of the text is put behind one of a few
slot tokens (``<slot_0>`` ...), the model moves the slot to its place in the gloss sentence, and the word comes back as ``fs-WORD``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from signer_lib.errors import SignerError

SLOTS = [f"<slot_{k}>" for k in range(32)]
SPELLED = "fs-"
MASK = "<gloss_mask>"                                                        # stands in g~ of Eq. 3
MODES = {"text": "<text>", "prompt": "<prompt>"}
SPECIAL = ["<pad>", "</s>", "<unk>"]
CLITIC = r"'(?:s|t|m|re|ve|ll|d)\b"
WORD = re.compile(rf"\d+(?:[.,:]\d+)+|[^\W_]+(?:(?!{CLITIC})['-][^\W_]+)*|{CLITIC}|[^\w\s]|_", re.IGNORECASE)
"""Numbers such as 3.5, words, clitics, single marks."""
MAX_WORDS = 200                                                             # in one text; a longer one is signed in parts
ABBREVIATIONS = ("a.m.", "p.m.", "e.g.", "i.e.", "St.", "Prof.", "vs.")
NOT_AFTER = "".join(rf"(?<!\b{re.escape(form)})" for short in ABBREVIATIONS for form in (short, short.upper()))
SENTENCE_END = re.compile(rf"""{NOT_AFTER}(?<=[.!?])(?:\s+|["')\]]+\s+(?=["'(]?[A-Z]))""")
LONGEST_SENTENCE = 30                                                       # words that SLUL reads at a time; fewer than there are slots
PROPER = {"English", "Deaf", "Hearing", "Mom", "Dad", "Mum", "Grandma", "Grandpa", "Doctor", "Thanksgiving"} | {
    day + s for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday") for s in ("", "s")}
"""Words written with a capital that are no names to spell."""


PLAIN = str.maketrans(dict.fromkeys("‘’ʻʼ´`", "'") | dict.fromkeys("“”«»", '"') | {"…": ".", "⁄": " "} | dict.fromkeys("–—―", " - ") | {
    "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D",
    "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ŋ": "ng", "Ŋ": "Ng"})      # letters that no accent can be taken from
TITLES = {r"\bDr\.?\s+(?=[A-Z])": "Doctor ", r"\b(?:Mr|Mrs|Ms)\.?\s+(?=[A-Z])": ""}


def language_tag(language: str) -> str:
    """l of Eq. 1: the pair of languages, as one token."""
    return f"<{language}>"


def plain(text: str) -> str:
    """Typographic marks and digits made plain, accents taken off, titles written out, emoji and other symbols dropped."""
    text = unicodedata.normalize("NFKD", text.translate(PLAIN)).translate(PLAIN)
    kept = (str(unicodedata.digit(c, c)) if unicodedata.category(c)[0] in "LNPZ" else " " for c in text if not unicodedata.combining(c))
    text = " ".join("".join(kept).split())
    for title, word in TITLES.items():
        text = re.sub(title, word, text)
    return text


def sentences(text: str, normal: Callable[[str], str] = plain) -> list[str]:
    """The ``normal`` sentences of a text, cut after ``.``, ``!``, ``?`` and at the end of a line; "Dr." or "a.m." does not end one.

    A sentence of more than ``LONGEST_SENTENCE`` words is cut again, at its commas if it has any.
    """
    parts = [part for line in text.splitlines() for part in re.split(SENTENCE_END, normal(line))]
    short = [piece for part in parts for piece in ([part] if len(part.split()) <= LONGEST_SENTENCE else re.split(r"(?<=[,;:])\s+", part))]
    cut = [" ".join(words[i:i + LONGEST_SENTENCE]) for words in map(str.split, short) for i in range(0, len(words), LONGEST_SENTENCE)]
    return [part for part in cut if any(c.isalnum() for c in part)]


def check_text(text: str, english: bool = True) -> str:
    """The text, if it can be signed. Raises ``SignerError`` for no words, too many words, or, of an English text, a script that is not Latin."""
    if any("\ud800" <= c <= "\udfff" for c in text):        # half of a character: what Python makes of bytes that are not in the terminal's coding
        raise SignerError("the text holds bytes that are no characters: write it as UTF-8")
    words = [word for word in (plain(text) if english else text).split() if any(c.isalnum() for c in word)]
    if not words:
        raise SignerError('there are no words to sign: give an English sentence, for example "Where is the library?"')
    foreign = sorted({c for c in "".join(words) if c.isalnum() and not c.isascii()})
    if foreign and english:
        name = unicodedata.name(foreign[0], "an unknown sign").title()
        raise SignerError(f"this model reads English in Latin letters, not '{foreign[0]}' ({name}): write the sentence in English")
    if len(words) > MAX_WORDS:
        raise SignerError(f"the text has {len(words):,} words and the limit is {MAX_WORDS}: sign it in parts")
    longest = max(words, key=len)
    if len(longest) > 40:
        raise SignerError(f"the word '{longest[:20]}...' has {len(longest)} letters and the limit is 40: shorten it")
    return text


def _marks(language: str) -> list[str]:
    return [language_tag(language), *MODES.values(), MASK, *SLOTS]


def gloss_names(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """The glosses of a corpus, sorted, without the fingerspelled words."""
    return sorted({token for _, gloss in pairs for token in gloss.split() if not token.startswith(SPELLED)})


def known_words(pairs: Iterable[tuple[str, str]]) -> set[str] | None:
    """The words of a corpus that it does not only fingerspell; None if it fingerspells none at all."""
    spelled = {plain(token[len(SPELLED):]).lower() for _, gloss in pairs for token in gloss.split() if token.startswith(SPELLED)}
    return {w.lower() for text, _ in pairs for w in WORD.findall(plain(text))} - spelled if spelled else None


@dataclass
class Encoded:
    """``text``: the words as the model reads them; ``words``: what each slot stands for, upper case."""

    text: str
    words: list[str]


class Words:
    """Texts as words, of which those that the training corpus does not explain become slots.

    ``known`` is None for a corpus that fingerspells nothing: then no word becomes a slot.
    """

    def __init__(self, known: set[str] | None):
        self.known = known

    def normal(self, text: str) -> str:
        """The text as its words are counted: made plain where words are spelled with Latin letters, else only of one Unicode form."""
        return unicodedata.normalize("NFC", text) if self.known is None else plain(text)

    def words(self, text: str) -> list[str]:
        return WORD.findall(self.normal(text))

    def encode_words(self, text: str) -> Encoded:
        """Lower-cased words with marks set apart; a word that the corpus does not explain, or a name, becomes a slot."""
        if self.known is None:
            return Encoded(" ".join(word.lower() for word in self.words(text)), [])
        found = self.words(text)
        out: list[str] = []
        slots: list[str] = []
        capitals = [word[0].isupper() for word in found[1:] if word[0].isalpha() and word != "I"]
        titled = text.isupper() or (len(capitals) > 2 and sum(capitals) > 0.7 * len(capitals))      # then a capital says nothing
        for place, word in enumerate(found):
            inside = place > 0 and found[place - 1][-1] not in ".!?\"':"
            shouted = len(word) > 1 and word.isupper()
            named = inside and word[0].isupper() and not shouted and word != "I" and not titled and word not in PROPER
            if word[0].isalnum() and (word.lower() not in self.known or named):
                if word.upper() not in slots and len(slots) < len(SLOTS):
                    slots.append(word.upper())
                if word.upper() in slots:
                    out.append(SLOTS[slots.index(word.upper())])
                    continue
            out.append(word.lower())
        return Encoded(" ".join(out), slots)


class SignTokenizer(Words):
    """A subword tokenizer with one token a gloss, the slot tokens, and the list of words that the training corpus explains."""

    def __init__(self, fast: PreTrainedTokenizerFast, known: set[str] | None):
        super().__init__(known)
        self.fast = fast

    # --- making ------------------------------------------------------------------------------------------------------
    @classmethod
    def train(cls, pairs: Iterable[tuple[str, str]], language: str, vocabulary: int = 3000) -> SignTokenizer:
        """Byte-pair pieces (with bytes to fall back on) from the texts; every gloss of the corpus is a token of its own."""
        reader = Words(known_words(pairs))
        core = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, continuing_subword_prefix="##"))
        core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()

        def texts() -> Iterator[str]:                                       # twice, as a streamed corpus does not fit into memory
            return (reader.encode_words(text).text for text, _ in pairs)

        inner = ["##" + letter for letter in sorted({letter for text in texts() for letter in text} - {" "})]   # the trainer's own order varies
        trainer = trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False, continuing_subword_prefix="##",
                                      special_tokens=SPECIAL + _marks(language) + [f"<0x{b:02X}>" for b in range(256)] + inner)
        core.train_from_iterator(texts(), trainer)
        core.add_tokens([AddedToken(gloss, single_word=True) for gloss in gloss_names(pairs)])
        core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", core.token_to_id("</s>"))])
        return cls(PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"), reader.known)

    @classmethod
    def extend(cls, fast: PreTrainedTokenizerFast, pairs: Iterable[tuple[str, str]], language: str) -> SignTokenizer:
        """A hub model's own tokenizer, with our marks and the corpus's glosses as new tokens, which take the space before them along."""
        fast.add_tokens([AddedToken(mark, special=True, lstrip=True, normalized=False) for mark in _marks(language)], special_tokens=True)
        fast.add_tokens([AddedToken(gloss, single_word=True, lstrip=True, normalized=False) for gloss in gloss_names(pairs)])
        return cls(fast, known_words(pairs))

    def save(self, folder: Path) -> None:
        self.fast.save_pretrained(folder)
        if self.known is not None:
            (Path(folder) / "known_words.txt").write_text("\n".join(sorted(self.known)) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> SignTokenizer:
        words = Path(folder) / "known_words.txt"
        known = set(filter(None, words.read_text(encoding="utf-8").split("\n"))) if words.is_file() else None
        return cls(PreTrainedTokenizerFast.from_pretrained(folder), known)

    # --- tokens ------------------------------------------------------------------------------------------------------
    def ids(self, tokens: list[str]) -> list[int]:
        """One each."""
        return [found for token in tokens if isinstance(found := self.fast.convert_tokens_to_ids(token), int)]

    def tokens(self, ids: list[int]) -> list[str]:
        """One each."""
        return [found for i in ids if isinstance(found := self.fast.convert_ids_to_tokens(i), str)]

    # --- gloss side --------------------------------------------------------------------------------------------------
    @staticmethod
    def spell(gloss: str) -> str:
        """A gloss sentence with its spelled words as ``Encoded.words`` has them: plain, upper case."""
        return " ".join(SPELLED + plain(token[len(SPELLED):]).upper() if token.startswith(SPELLED) else token for token in gloss.split())

    @staticmethod
    def show(tokens: list[str], words: list[str]) -> list[str]:
        """Glosses as they are; the slots -> ``fs-WORD``."""
        names = {slot: SPELLED + word for word, slot in zip(words, SLOTS)}
        return [names.get(token, token) for token in tokens]
