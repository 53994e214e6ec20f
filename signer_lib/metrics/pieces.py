"""Texts as a back-translation says them: lower-case words, cut into byte-pair pieces; spelled words letter by letter. [ours]"""

from __future__ import annotations

import re
import string
import unicodedata
from itertools import groupby
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

PAD, START, END = range(3)
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
SPACE = "▁"                                             # stands at the beginning of every word


def normal_text(text: str) -> str:
    """The words of a text in lower case, a space between them; marks are left out, but for apostrophes inside words."""
    return " ".join(WORD.findall(unicodedata.normalize("NFC", text).lower().replace("’", "'")))


def spelled_words(text: str, glosses: list[str]) -> set[str]:
    """The words of a ``normal_text`` that its glosses spell, a gloss a letter; a first and a last name may stand without a gap."""
    runs = {"".join(run) for single, run in groupby(glosses, lambda gloss: len(gloss) == 1) if single}
    words = text.split()
    stems = [_plain(word.split("'")[0]) for word in words]                          # of "sofia's", SOFIA is spelled
    spans = [(i, j) for i in range(len(words)) for j in range(i + 1, min(i + 3, len(words)) + 1) if "".join(stems[i:j]) in runs]
    return {word for i, j in spans for word in words[i:j]}


def _plain(word: str) -> str:
    """Upper case without accents, as it is spelled."""
    return "".join(c for c in unicodedata.normalize("NFKD", word).upper() if c.isalnum())


class Pieces:
    """Text <-> numbers of pieces. Letters and digits are pieces too, so that any word can be said."""

    def __init__(self, core: Tokenizer):
        self.core = core
        if core.id_to_token(START) != SPECIAL[START] or core.id_to_token(END) != SPECIAL[END]:
            raise ValueError("pieces.json holds the pieces of something else")

    @classmethod
    def train(cls, texts: list[str], glosses: list[list[str]], vocabulary: int) -> Pieces:
        """Byte pairs of the words that are signed; what is spelled stays letters."""
        core = Tokenizer(models.BPE(unk_token="<unk>"))
        core.pre_tokenizer, core.decoder = pre_tokenizers.Metaspace(SPACE), decoders.Metaspace(SPACE)
        normal = [normal_text(text) for text in texts]
        letters = sorted({*string.ascii_lowercase, *string.digits, "'", SPACE, *"".join(normal)} - {" "})
        trainer = trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False, special_tokens=SPECIAL, initial_alphabet=letters)
        spelled = [spelled_words(text, units) for text, units in zip(normal, glosses)]
        core.train_from_iterator([" ".join(w for w in text.split() if w not in names) for text, names in zip(normal, spelled)], trainer)
        return cls(core)

    def __len__(self) -> int:
        return self.core.get_vocab_size()

    def encode(self, text: str, glosses: list[str]) -> list[int]:
        """The pieces of a text, the end last; a word that the glosses spell is given by its letters."""
        text, ids = normal_text(text), []
        names = spelled_words(text, glosses)
        for word in text.split():
            ids += [self.core.token_to_id(c) or SPECIAL.index("<unk>") for c in SPACE + word] if word in names else self.core.encode(word).ids
        return [*ids, END]

    def decode(self, ids: list[int]) -> str:
        """Up to the end."""
        ids = ids[:ids.index(END)] if END in ids else ids
        return self.core.decode([i for i in ids if i >= len(SPECIAL)]).strip()

    def save(self, folder: Path) -> None:
        self.core.save(str(folder / "pieces.json"))

    @classmethod
    def load(cls, folder: Path) -> Pieces:
        return cls(Tokenizer.from_file(str(Path(folder) / "pieces.json")))
