"""The making of our own English -> ASL gloss corpus from the grammar, and the wordings of prompts. [ours]

    python -m signer_lib.language.corpus --pairs 30000 --seed 1
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from pathlib import Path

from signer_lib.assets import DATA
from signer_lib.errors import run
from signer_lib.files import filling
from signer_lib.language.corpora import read_pairs
from signer_lib.language.lexicon import load_lexicon
from signer_lib.language.speaker import Speaker
from signer_lib.language.streaming import Pair

FOLDER = DATA / "corpus"


@dataclass
class Prompt:
    """``before`` + ``inside`` + ``after``: the wording around what is to be signed."""

    before: str
    inside: str
    after: str

    @property
    def text(self) -> str:
        return self.before + self.inside + self.after

    def span(self, words: Callable[[str], list[str]]) -> tuple[int, int] | None:
        """The places of the first and the last word of ``inside`` among all ``words(text)``; None if a word reaches across its ends."""
        before, inside = words(self.before), words(self.inside)
        whole = words(self.text)[len(before) : len(before) + len(inside)] == inside
        return (len(before), len(before) + len(inside) - 1) if whole and inside else None


def ask(wording: str, text: str, rng: random.Random) -> Prompt:
    """The text put into a wording, as people type it: in double, single or no quotes, with or without full stop and capital."""
    quote = rng.choices(['"', "'", ""], [6, 1, 3])[0] if '"' in wording else ""
    bare = '"' in wording and not quote
    if bare or (rng.random() < 0.4 and not wording.endswith("{}")):
        text = text.rstrip(".!?" if bare else ".!") or text
    if (bare or rng.random() < 0.3) and not re.match(r"I\b", text):
        text = text[0].lower() + text[1:]
    before, after = wording.replace('"', quote).split("{}")
    return Prompt(before, text, after)


LONG_FORMS = [(r"\blet's\b", "let us"), (r"\bcan't\b", "cannot"), (r"\bwon't\b", "will not"), (r"n't\b", " not"), (r"'m\b", " am"),
              (r"'re\b", " are"), (r"'ll\b", " will"), (r"'ve\b", " have"), (r"'d\b", " would"), (r"'s\b", " is")]


def normalised(text: str) -> str:
    """Lower case, contractions written out, letters and digits only: texts that differ by no more count as the same."""
    text = text.lower().replace("’", "'")
    for short, long in LONG_FORMS:
        text = re.sub(short, long, text)
    return re.sub(r"[^a-z0-9]+", " ", text).strip()


def make_pairs(count: int, seed: int, avoid: Set[str] = frozenset()) -> list[Pair]:
    """``count`` different pairs from the grammar. ``avoid``: normalised texts to leave out."""
    speaker = Speaker(load_lexicon(), seed)
    seen = set(avoid)
    pairs: list[Pair] = []
    while len(pairs) < count:
        text, gloss = speaker.pair()
        if normalised(text) not in seen:
            seen.add(normalised(text))
            pairs.append((text, gloss))
    return pairs


def made_by_the_grammar(pairs: list[Pair], draws: int, seed: int) -> list[Pair]:
    """Those of the pairs whose text the grammar makes in ``draws`` sentences: held-out sentences should not be among them."""
    speaker = Speaker(load_lexicon(), seed)
    made = {normalised(speaker.pair()[0]) for _ in range(draws)}
    return [pair for pair in pairs if normalised(pair[0]) in made]


def write_split(folder: Path, split: str, pairs: list[Pair]) -> None:
    """Both files of a split, each written whole or not at all."""
    with filling(folder) as part:
        for side, column in (("text", 0), ("gloss", 1)):
            (part / f"{split}.{side}").write_text("".join(pair[column] + "\n" for pair in pairs), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=30000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    held_out = {normalised(text) for split in ("dev", "test") for text, _ in read_pairs(FOLDER, split)}
    write_split(args.out, "train", make_pairs(args.pairs, args.seed, avoid=held_out))
    print(f"{args.pairs} pairs -> {args.out / 'train.text'}, {args.out / 'train.gloss'}")


if __name__ == "__main__":
    run(main)
