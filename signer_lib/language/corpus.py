"""Parallel corpora: folders of ``{train,dev,test}.text`` and ``.gloss``, one sentence a line. And the making of our own. [ours]

    python -m signer_lib.language.corpus --pairs 30000 --seed 1
"""

from __future__ import annotations

import argparse
import random
import re
from pathlib import Path

from signer_lib.assets import DATA
from signer_lib.errors import SignerError, run
from signer_lib.files import filling
from signer_lib.language.lexicon import load_lexicon
from signer_lib.language.speaker import Speaker

FOLDER = DATA / "corpus"
LANGUAGE = "en-ase"                     # a pair of IANA codes: spoken, signed
Pair = tuple[str, str]                  # text, glosses separated by spaces


def read_pairs(folder: Path | str, split: str) -> list[Pair]:
    """The pairs of one split. Raises ``SignerError`` naming the file, and the line where one side is empty."""
    texts, glosses = (_lines(Path(folder) / f"{split}.{side}") for side in ("text", "gloss"))
    if len(texts) != len(glosses):
        raise SignerError(f"{folder}: {split}.text has {len(texts)} lines but {split}.gloss has {len(glosses)}: they must be parallel")
    for number, pair in enumerate(zip(texts, glosses), 1):
        if not all(side.strip() for side in pair):
            raise SignerError(f"{folder}: line {number} of {split} is empty on one side: remove the pair or fill it in")
    return list(zip(texts, glosses))


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise SignerError(f"{path} is missing: a corpus folder holds train, dev and test as .text and .gloss")
    return path.read_text(encoding="utf-8").splitlines()


def prompts() -> list[str]:
    """The wordings in which somebody asks for a translation; ``{}`` stands for the sentence."""
    return _lines(FOLDER / "prompts.txt")


def ask(wording: str, text: str, rng: random.Random) -> str:
    """The sentence put into a wording, as people type it: in double, single or no quotes, with or without full stop and capital."""
    quote = rng.choices(['"', "'", ""], [6, 1, 3])[0] if '"' in wording else ""
    bare = '"' in wording and not quote
    if bare or (rng.random() < 0.4 and not wording.endswith("{}")):
        text = text.rstrip(".!?" if bare else ".!")
    if (bare or rng.random() < 0.3) and not re.match(r"I\b", text):
        text = text[0].lower() + text[1:]
    return wording.replace('"', quote).format(text)


LONG_FORMS = [(r"\blet's\b", "let us"), (r"\bcan't\b", "cannot"), (r"\bwon't\b", "will not"), (r"n't\b", " not"), (r"'m\b", " am"),
              (r"'re\b", " are"), (r"'ll\b", " will"), (r"'ve\b", " have"), (r"'d\b", " would"), (r"'s\b", " is")]


def normalised(text: str) -> str:
    """Lower case, contractions written out, letters and digits only: texts that differ by no more count as the same."""
    text = text.lower().replace("’", "'")
    for short, long in LONG_FORMS:
        text = re.sub(short, long, text)
    return re.sub(r"[^a-z0-9]+", " ", text).strip()


def make_pairs(count: int, seed: int, prompt_share: float = 0.35, avoid: set[str] = frozenset()) -> list[Pair]:
    """``count`` different pairs from the grammar; a share of them put into the words of a prompt. ``avoid``: normalised texts to leave out."""
    speaker, rng, wordings = Speaker(load_lexicon(), seed), random.Random(seed), prompts()
    seen, pairs = set(avoid), []
    while len(pairs) < count:
        text, gloss = speaker.pair()
        if normalised(text) in seen:
            continue
        seen.add(normalised(text))
        if rng.random() < prompt_share:
            text = ask(rng.choice(wordings), text, rng)
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
