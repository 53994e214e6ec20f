"""Parallel text from whatever a study names into one corpus of train, dev and test, each sentence with the file and line that it came from. [ours]"""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.language.corpora import SPLITS, Corpus, lines_of, open_corpus, read_pairs, read_prompts
from signer_lib.own_data.study import SentenceSource, Shares, Study, TextSource
from signer_lib.pose.formats import read_clips

HOW2SIGN = "SENTENCE_NAME", "SENTENCE"          # of how2sign_realigned_*.csv, which is separated by tabs


@dataclass(frozen=True)
class Sentence:
    """``glosses`` separated by spaces, "" where there are none; ``split`` "" where it is not said; ``where``: file and line; ``clip``: its name."""

    text: str
    glosses: str
    split: str
    where: str
    clip: str = ""

    @property
    def key(self) -> str:
        """What makes two sentences the same: their words."""
        return " ".join("".join(c if c.isalnum() else " " for c in (self.text or self.glosses).lower()).split())


# --- reading ---------------------------------------------------------------------------------------------------------------
def read_text(source: TextSource) -> list[Sentence]:
    """Everything that one source holds. Raises ``SignerError`` naming the file, and the line that is empty or damaged."""
    if source.lines:
        found = list(_lines(source))
    elif source.table:
        found = list(_table(source.table, {"text": source.text, "glosses": source.gloss}, source.split))
    elif source.how2sign:
        found = [replace(row, clip="", split=source.split) for row in how2sign(source.how2sign)]
    else:
        found = list(_phoenix(source))
    if source.most is not None and source.most < len(found):
        found = [found[k * len(found) // source.most] for k in range(source.most)]
    if source.glossed_by:
        from signer_lib.language.slul import load_slul

        read = load_slul().translate([row.text for row in found])
        found = [replace(row, glosses=" ".join(sentence.glosses)) for row, sentence in zip(found, read)]
    return found


def _lines(source: TextSource) -> Iterator[Sentence]:
    text, gloss = (lines_of(path) for path in source.lines)
    if len(text) != len(gloss):
        raise SignerError(f"{source.lines[0]} has {len(text)} lines but {source.lines[1]} has {len(gloss)}: they must be parallel")
    for number, (one, other) in enumerate(zip(text, gloss), 1):
        for path, line in zip(source.lines, (one, other)):
            if not line.strip():
                raise SignerError(f"{path}, line {number} is empty: fill it in, or remove the line from both files")
        yield Sentence(one, " ".join(other.split()), source.split, f"{source.lines[1]}, line {number}")


def _phoenix(source: TextSource) -> Iterator[Sentence]:
    corpus = open_corpus(source.phoenix or "", "de")            # its tables, or train.de and train.gloss; train in the annotation of dev
    for split in (source.split,) if source.split else SPLITS:
        for number, (text, gloss) in enumerate(corpus.split(split), 1):
            yield Sentence(text, gloss, split, f"{source.phoenix}, {split}, sentence {number}")


def rows_of(path: Path, columns: dict[str, str], optional: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, what ``columns`` name) of a table with a header; tabs in a .tsv or where the header has one, else commas.

    Raises ``SignerError`` naming the file, and the column or the line. An ``optional`` column may be missing: it is left out.
    """
    text = "\n".join(lines_of(path))
    reader = csv.DictReader(text.split("\n"), delimiter="\t" if path.suffix == ".tsv" or "\t" in text.split("\n")[0] else ",")
    header = reader.fieldnames or []
    for key, name in list(columns.items()):
        if name not in header:
            if key not in optional:
                raise SignerError(f"{path}, line 1 has no column '{name}', only {', '.join(header)}: rename it, or name the column in the study")
            columns = {other: value for other, value in columns.items() if other != key}
    try:
        for row in reader:
            if row.get(None) or None in row.values():
                raise SignerError(f"{path}, line {reader.line_num} does not have the {len(header)} columns of line 1: correct or remove it")
            yield reader.line_num, {key: " ".join(row[name].split()) for key, name in columns.items()}
    except csv.Error as error:
        raise SignerError(f"{path}, line {reader.line_num} cannot be read ({error}): save the table again") from None


def _table(path: Path, columns: dict[str, str], split: str, optional: tuple[str, ...] = ()) -> Iterator[Sentence]:
    if split and split not in SPLITS:
        columns = columns | {"split": split}
    for line, row in rows_of(path, columns, optional):
        for key in ("text", "glosses"):
            if key not in optional and not row.get(key, ""):
                raise SignerError(f"{path}, line {line} has no {columns[key]}: fill it in or remove the line")
        own = row.get("split", split)
        if own and own not in SPLITS:
            raise SignerError(f"{path}, line {line}: the split is '{own}', not one of {', '.join(SPLITS)}")
        yield Sentence(row.get("text", ""), row.get("glosses", ""), own, f"{path}, line {line}", row.get("clip", ""))


def how2sign(path: Path) -> list[Sentence]:
    """How2Sign's own table: names of clips and sentences, no glosses."""
    return [Sentence(row["text"], "", "", f"{path}, line {line}", row["clip"]) for line, row in rows_of(path, dict(zip(("clip", "text"), HOW2SIGN)))]


def read_sentences(source: SentenceSource) -> list[Sentence]:
    """What the sentence clips of a source say, each with its clip's name; text or glosses may be missing, not both."""
    if source.how2sign:
        return [replace(row, split=source.split) for row in how2sign(source.how2sign)]
    if source.table:
        columns = {"clip": source.clip, "text": source.text, "glosses": source.gloss}
        found = list(_table(source.table, columns, source.split, ("text", "glosses")))
    else:
        found = [Sentence(clip.text or "", clip.gloss or "", source.split, f"{source.clips}, {clip.name}", clip.name)
                 for clip in read_clips(source.clips, source.fps, source.aspect)]
    for row in found:
        if not row.text and not row.glosses:
            raise SignerError(f"{row.where} has neither a text nor glosses: fill one in, or name a table with columns clip, text and gloss")
    return found


# --- splitting -------------------------------------------------------------------------------------------------------------
def split_sentences(rows: list[Sentence], shares: Shares, seed: int, same_sentence: str) -> dict[str, list[Sentence]]:
    """Every sentence in one of ``SPLITS``: where its source says, else by a hash of its words and ``seed``, so that equal ones stay together.

    Raises ``SignerError`` naming both lines if a sentence of one split stands in another and ``same_sentence`` is "refuse"; "drop" takes it out of
    train (and a test sentence out of dev).
    """
    told = {row.key: row.split for row in rows if row.split}
    free = sorted({row.key for row in rows if row.key not in told}, key=lambda key: hashlib.sha256(f"{seed} {key}".encode()).digest())
    test, dev = (min(max(1, round(share * len(free))), len(free)) for share in (shares.test, shares.dev))
    by_chance = dict.fromkeys(free, "train") | dict.fromkeys(free[:test], "test") | dict.fromkeys(free[test:test + dev], "dev")
    found: dict[str, list[Sentence]] = {split: [] for split in SPLITS}
    for row in rows:
        split = row.split or told.get(row.key) or by_chance[row.key]
        found[split].append(replace(row, split=split))
    seen: dict[str, Sentence] = {}
    for split in reversed(SPLITS) if same_sentence != "keep" else ():
        for row in found[split]:
            other = seen.setdefault(row.key, row)
            if other.split != split and same_sentence == "refuse":
                raise SignerError(f"{row.where} ({split}) is the sentence of {other.where} ({other.split}), so {other.split} would leak: remove one, "
                                  "or write same_sentence: drop (out of train), or keep (as published splits have them)")
        found[split] = [row for row in found[split] if seen[row.key].split == split]
    for split, own in found.items():
        if not own:
            raise SignerError(f"the split {split} has no sentence: there are {len(rows)} in all; give more, or larger shares under held_out")
    return found


def read_corpus(study: Study) -> dict[str, list[Sentence]]:
    """All text of a study, split; see ``split_sentences``."""
    return split_sentences([row for source in study.text for row in read_text(source)], study.held_out, study.seed, study.same_sentence)


def split_clips(study: Study, corpus: dict[str, list[Sentence]]) -> dict[str, list[Sentence]]:
    """The sentence clips of a study, split; a sentence that the corpus holds, too, is in the corpus's split, since SLUL learns from that.

    Raises ``SignerError`` naming both lines where a source says otherwise and ``same_sentence`` is "refuse", and as ``split_sentences``.
    """
    known = {row.key: row for split in SPLITS for row in corpus[split]}
    rows = []
    for row in (row for source in study.sentences for row in read_sentences(source)):
        other = known.get(row.key)
        if other and row.split and row.split != other.split and study.same_sentence == "refuse":
            raise SignerError(f"{row.where} ({row.split}) is the sentence of {other.where} ({other.split}): put both into one split")
        rows.append(replace(row, split=row.split or (other.split if other else "")))
    return split_sentences(rows, study.held_out, study.seed, study.same_sentence)


# --- writing ---------------------------------------------------------------------------------------------------------------
def write_corpus(folder: Path, splits: dict[str, list[Sentence]], prompts: Path | None = None) -> None:
    """``SPLIT.text`` and ``SPLIT.gloss``, and prompts.txt if there are any, whole or not at all."""
    with filling(folder) as part:
        if prompts is not None:
            shutil.copyfile(prompts, part / "prompts.txt")
        for split, rows in splits.items():
            for ending, lines in (("text", [row.text for row in rows]), ("gloss", [row.glosses for row in rows])):
                (part / f"{split}.{ending}").write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def own_corpus(folder: Path, language: str) -> Corpus:
    """What ``write_corpus`` wrote."""
    return Corpus("own", language, partial(read_pairs, folder), read_prompts(folder))


def gloss_counts(rows: list[Sentence]) -> Counter[str]:
    """How often each gloss stands in the sentences."""
    return Counter(gloss for row in rows for gloss in row.glosses.split())
