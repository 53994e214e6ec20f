"""Reading parallel corpora of sentences and glosses: one-sentence-a-line files, PHOENIX-2014T, ASLG-PC12. [ours]

    corpus = open_corpus("path/to/phoenix", text_ext="de")
    corpus.language, len(corpus.train), corpus.dev[0]
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.language.streaming import Pair, Streamed
from signer_lib.parsing import check_saved, read_lines

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

SPLITS = "train", "dev", "test"
ASLG = "achrafothman/aslg_pc12"
HELD_OUT = {0: "dev", 1: "test"}        # of 40 hash values; the other 38 are train
PHOENIX_HEADER = ["name", "video", "start", "end", "speaker", "orth", "translation"]
PHOENIX_PLACES = ".", "annotations/manual", "PHOENIX-2014-T/annotations/manual"
LANGUAGES = {"de": "de-gsg"}            # by the text files' extension


@dataclass(frozen=True)
class Corpus:
    """A parallel corpus; a split is read when it is first asked for.

    ``language`` is a pair of IANA codes, spoken and signed ("de-gsg"); "und" and "sgn" stand for what is not known.
    ``prompts`` are the wordings of its ``prompts.txt``, none if it has no such file.
    ``train`` is brought to the annotation of ``dev`` (see ``simplify_phoenix``); ``dev`` and ``test`` are as their files.
    """

    name: str
    language: str
    read: Callable[[str], list[Pair]] = field(repr=False)
    prompts: list[str] = field(default_factory=list, repr=False)
    stream: Callable[[], Streamed] | None = field(default=None, repr=False)     # gives ``train`` where that is not to be in memory

    @cached_property
    def train(self) -> list[Pair] | Streamed:
        if self.stream is not None:
            return self.stream()
        pairs = self.read("train")
        return simplified(pairs) if in_complex_annotation(pairs) and not in_complex_annotation(self.dev) else pairs

    @cached_property
    def dev(self) -> list[Pair]:
        return self.read("dev")

    @cached_property
    def test(self) -> list[Pair]:
        return self.read("test")

    def split(self, name: str) -> list[Pair]:
        """``train``, ``dev`` or ``test`` by its name. Raises ``SignerError`` for any other."""
        if name not in SPLITS:
            raise SignerError(f"'{name}' is no split of a corpus: choose {', '.join(SPLITS)}")
        result: list[Pair] = getattr(self, name)
        return result


def open_corpus(data: Path | str, text_ext: str = "text", language: str | None = None, stream: bool = False) -> Corpus:
    """The corpus in a folder, or ASLG-PC12 by its hub name; the folder's files tell which reader it needs.

    ``text_ext`` is the extension of the sentences' files, ``language`` replaces the guess; ``stream``: train is not read into memory, see
    ``streaming``. Raises ``SignerError`` if nothing fits.
    """
    folder, text_ext = Path(data), text_ext.lstrip(".")
    if str(data) in (ASLG, ASLG.split("/")[1]):
        return Corpus("aslg_pc12", language or "en-ase", partial(read_aslg, source=ASLG),
                      stream=_streamed(stream, ASLG, partial(stream_aslg, "train", ASLG)))
    if not folder.is_dir():
        raise SignerError(f"there is no corpus at {data}: name a folder, or aslg_pc12")
    name = folder.resolve().name
    if any((folder / f"{split}.{side}").is_file() for split in SPLITS for side in (text_ext, "gloss")):
        ours = folder.resolve() == (DATA / "corpus").resolve()
        guess = "en-ase" if ours else LANGUAGES.get(text_ext, f"{text_ext if len(text_ext) == 2 else 'und'}-sgn")
        return Corpus(name, language or guess, partial(read_pairs, folder, text_ext=text_ext), read_prompts(folder),
                      _streamed(stream, name, partial(stream_pairs, folder, "train", text_ext)))
    if any(_phoenix_csv(folder, split) for split in SPLITS):
        if stream:
            raise SignerError("PHOENIX-2014T is small: train on it without --stream")
        return Corpus(name, language or "de-gsg", partial(read_phoenix, folder))
    if _is_saved(folder) or any(next(folder.rglob(f"*.{kind}"), None) for kind in ("parquet", "csv")):
        return Corpus(name, language or "en-ase", partial(read_aslg, source=folder),
                      stream=_streamed(stream, name, partial(stream_aslg, "train", folder)))
    raise SignerError(f"there is no corpus in {folder}: looked for train.{text_ext} and train.gloss (another extension: --text-ext), "
                      "for PHOENIX's *.train.corpus.csv, for a folder saved by datasets, and for .parquet or .csv with columns text and gloss")


def _streamed(wanted: bool, name: str, open: Callable[[], IterableDataset]) -> Callable[[], Streamed] | None:
    return partial(Streamed, name, open) if wanted else None


# --- one sentence a line ---------------------------------------------------------------------------------------------
def read_pairs(folder: Path | str, split: str, text_ext: str = "text") -> list[Pair]:
    """The pairs of ``{split}.{text_ext}`` and ``{split}.gloss``, as they stand there.

    Raises ``SignerError`` naming the file, and the line that is not UTF-8 or has one side empty.
    """
    paths = [Path(folder) / f"{split}.{side}" for side in (text_ext, "gloss")]
    for path in paths:
        if not path.is_file():
            raise SignerError(_missing(path, split, text_ext))
    texts, glosses = (lines_of(path) for path in paths)
    if len(texts) != len(glosses):
        raise SignerError(f"{folder}: {paths[0].name} has {len(texts)} lines but {paths[1].name} has {len(glosses)}: they must be parallel")
    for path, lines in zip(paths, (texts, glosses)):
        for number, line in enumerate(lines, 1):
            if not line.strip():
                raise SignerError(f"{path}, line {number} is empty: fill it in, or remove the line from both files")
    return list(zip(texts, glosses))


def stream_pairs(folder: Path | str, split: str, text_ext: str = "text") -> IterableDataset:
    """``read_pairs``, a line at a time; columns text and gloss. What is wrong with a line is told when it is read."""
    import datasets

    paths = [Path(folder) / f"{split}.{side}" for side in (text_ext, "gloss")]
    for path in paths:
        if not path.is_file():
            raise SignerError(_missing(path, split, text_ext))
    return datasets.IterableDataset.from_generator(_line_by_line, gen_kwargs={"text": str(paths[0]), "gloss": str(paths[1])})


def _line_by_line(text: str, gloss: str) -> Iterator[dict[str, str]]:
    number = 0
    with open(text, encoding="utf-8-sig", newline="\n") as texts, open(gloss, encoding="utf-8-sig", newline="\n") as glosses:
        try:
            for number, (a, b) in enumerate(zip_longest(texts, glosses), 1):
                if a is None or b is None:
                    raise SignerError(f"{text if a is None else gloss} ends before line {number}: the two files must be parallel")
                for path, line in ((text, a), (gloss, b)):
                    if not line.strip():
                        raise SignerError(f"{path}, line {number} is empty: fill it in, or remove the line from both files")
                yield {"text": a, "gloss": b}
        except UnicodeDecodeError:
            raise SignerError(f"{text} or {gloss}, after line {number}, is not UTF-8: save the files as UTF-8") from None


def lines_of(path: Path) -> list[str]:
    """The lines of a UTF-8 file, without the marks that some editors add: one at the start of the file, \\r at the ends of lines."""
    try:
        lines = read_lines(path)
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        raise SignerError(f"{path}, line {number} is not UTF-8: save the file as UTF-8") from None
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}") from None
    if lines in ([], [""]):
        raise SignerError(f"{path} is empty: a corpus file holds one sentence a line")
    return lines


def _missing(path: Path, split: str, text_ext: str) -> str:
    there = sorted(other.name for other in path.parent.glob(f"{split}.*"))
    message = f"{path} is missing: a corpus folder holds train, dev and test, each as .{text_ext} and .gloss"
    if not there:
        return message
    others = [name.removeprefix(f"{split}.") for name in there if not name.endswith(".gloss")]
    hint = f": give --text-ext {' or '.join(others)}" if others and path.suffix != ".gloss" else ""
    return f"{message}; there are {', '.join(there)}{hint}" if len(there) > 1 else f"{message}; there is {there[0]}{hint}"


def read_prompts(folder: Path | str) -> list[str]:
    """The wordings in which somebody asks for a translation, from ``prompts.txt``; ``{}`` stands for the sentence. Empty without the file.

    Raises ``SignerError`` naming the line that has no ``{}``.
    """
    path = Path(folder) / "prompts.txt"
    lines = lines_of(path) if path.is_file() else []
    for number, line in enumerate(lines, 1):
        if line.count("{}") != 1:
            raise SignerError(f"{path}, line {number} must hold {{}} once, in the place of the sentence")
    return lines


# --- PHOENIX-2014T ---------------------------------------------------------------------------------------------------
def read_phoenix(folder: Path | str, split: str) -> list[Pair]:
    """The pairs of the corpus's own table (columns ``translation`` and ``orth``), from ``folder`` or its ``annotations/manual``.

    Raises ``SignerError`` naming the file, and the line that has an empty side or another number of columns.
    """
    path = _phoenix_csv(Path(folder), split)
    if path is None:
        raise SignerError(f"{folder} has no *.{split}.corpus.csv, nor has its {PHOENIX_PLACES[1]}: PHOENIX-2014T holds one for train, dev and test")
    try:
        header, *rows = csv.reader(lines_of(path), delimiter="|", quoting=csv.QUOTE_NONE)
    except csv.Error as error:
        raise SignerError(f"{path} is no table ({error}): download it again") from None
    if header != PHOENIX_HEADER:
        raise SignerError(f"{path}, line 1 is '{'|'.join(header)}': the header of PHOENIX-2014T is {'|'.join(PHOENIX_HEADER)}")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise SignerError(f"{path}, line {number} has {len(row)} columns instead of {len(header)}: correct or remove it")
        if not (row[-1].strip() and row[-2].strip()):
            raise SignerError(f"{path}, line {number} has no {header[-2] if row[-1].strip() else header[-1]}: fill it in or remove the line")
    return [(row[-1], row[-2]) for row in rows]


def _phoenix_csv(folder: Path, split: str) -> Path | None:
    for ending in ("", "-complex-annotation"):          # where train has both, the first is the one that systems are trained on
        for place in PHOENIX_PLACES:
            if found := sorted((folder / place).glob(f"*{split}{ending}.corpus.csv")):
                return found[0]
    return None


MARK = re.compile(r"__\S*__")
LETTER = r"(?:[A-Z]|SCH|NN)"
SAME_SIGN = {"ZEIGEN": "ZEIGEN-BILDSCHIRM", "S0NNE": "SONNE"}


def in_complex_annotation(pairs: list[Pair]) -> bool:
    """Whether any gloss is a mark such as ``__ON__``, which the simple annotation of PHOENIX-2014T does not have."""
    return any(MARK.search(gloss) for _, gloss in pairs)


def simplify_phoenix(gloss: str) -> str:
    """PHOENIX-2014T's complex annotation -> its simple one, in which dev and test are written and systems are scored.

    The facts are those of the corpus's own evaluation script. Marks, places in space (``loc-``, ``cl-``, ``...RAUM``) and
    ``-PLUSPLUS`` go; spelled letters are joined; repetitions are merged. ``poss-``, ``neg-`` and ``HABEN2`` stay, as dev has them.
    Measured: train goes from 9.55 glosses a sentence to 7.79 (dev 7.22), from 77.6 % of them in dev's vocabulary to 95.5 %, and
    from 6.9 % repetitions to 0.1 % (dev 0.03 %).
    """
    kept = [re.sub(r"\b(?:loc|cl)-", "", one).replace("-PLUSPLUS", "") for one in gloss.split() if not MARK.fullmatch(one)]
    kept = [re.sub(r"(?<=[A-Z]{2})RAUM$", "", one) for one in kept]                             # but TRAUM, a dream
    line = " ".join(SAME_SIGN.get(one, one) for one in kept)
    line = re.sub(r"(?<!\S)WIE AUSSEHEN(?!\S)", "WIE-AUSSEHEN", line)
    line = re.sub(rf"(?<!\S){LETTER}(?: {LETTER})+(?!\S)", lambda letters: letters[0].replace(" ", "+"), line)
    return re.sub(r"(?<!\S)([A-Z]+)(?: \1)+(?!\S)", r"\1", line)                                 # glosses with a hyphen may repeat, also in dev


def simplified(pairs: list[Pair]) -> list[Pair]:
    """The pairs with ``simplify_phoenix`` glosses, without those of which no gloss is left."""
    return [(text, gloss) for text, gloss in ((text, simplify_phoenix(gloss)) for text, gloss in pairs) if gloss]


# --- ASLG-PC12 -------------------------------------------------------------------------------------------------------
def read_aslg(split: str, source: Path | str = ASLG) -> list[Pair]:
    """ASLG-PC12 from the hub, or a table of that form (columns ``text`` and ``gloss``): saved by ``datasets``, .parquet or .csv.

    A table that comes in one piece is split by a hash of the text, 1/40 dev and 1/40 test, so that a sentence is in one split only
    and always in the same. Rows with an empty side are left out. Raises ``SignerError`` if the table cannot be had.
    """
    table, alone = _table(source, split)
    try:
        columns = table["text"][:], table["gloss"][:]
    except (ArithmeticError, LookupError, ValueError, TypeError, SystemError) as error:        # pyarrow's, of a file that is damaged
        raise SignerError(f"cannot read the tables in {source}: {' '.join(str(error).split())[:200]}") from None
    rows = list(zip(*columns))
    if wrong := next((side for row in rows for side in row if side is not None and not isinstance(side, str)), None):
        raise SignerError(f"{source} holds {wrong!r} where a sentence or its glosses should be: text and gloss are columns of text")
    pairs = [(" ".join((text or "").split()), " ".join((gloss or "").split())) for text, gloss in rows]
    pairs = [pair for pair in pairs if all(pair)]
    return [pair for pair in pairs if hashed_split(pair[0]) == split] if alone else pairs


def stream_aslg(split: str, source: Path | str = ASLG) -> IterableDataset:
    """``read_aslg``, a row at a time; columns text and gloss."""
    table, alone = _table(source, split, streaming=True)
    table = table.select_columns(["text", "gloss"])
    return table.filter(partial(_hashed_to, split)) if alone else table


def _hashed_to(split: str, row: dict[str, str | None]) -> bool:
    return hashed_split(" ".join((row["text"] or "").split())) == split


def _table(source: Path | str, split: str, streaming: bool = False) -> tuple[Dataset | IterableDataset, bool]:
    """The table of a split, or the only one; -> it, and whether it is the only one. Raises ``SignerError`` for none, or no such columns."""
    tables = _tables(source, streaming)
    if "validation" in tables:
        tables = {**tables, "dev": tables["validation"]}
    table = next(iter(tables.values())) if len(tables) == 1 else tables.get(split)
    if table is None:
        raise SignerError(f"{source} has no split '{split}', only {', '.join(tables)}")
    columns = table.column_names or list(next(iter(table), {}))         # a stream may not know its own
    if missing := {"text", "gloss"} - set(columns):
        raise SignerError(f"{source} has no column {' and no column '.join(sorted(missing))}, only {', '.join(columns)}: rename them")
    return table, len(tables) == 1


def hashed_split(text: str) -> str:
    """The split to which a sentence belongs: the same for ever, whatever the sentences around it."""
    return HELD_OUT.get(int(hashlib.sha256(text.lower().encode()).hexdigest(), 16) % 40, "train")


def _is_saved(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("dataset_dict.json", "dataset_info.json"))


def _tables(source: Path | str, streaming: bool = False) -> dict[str, Dataset | IterableDataset]:
    import datasets  # here, since it takes seconds and most commands do not need it

    try:
        if str(source) == ASLG:
            found = datasets.load_dataset(ASLG, streaming=streaming)
        elif _is_saved(Path(source)):
            check_saved(Path(source))
            found = datasets.load_from_disk(str(source))                # memory-mapped
        else:
            found = _of_files(Path(source), streaming)
    except SignerError:
        raise
    except Exception as error:                          # of datasets, pyarrow, the hub or the network: there is no common base
        if str(source) == ASLG:
            raise SignerError(f"{ASLG} is not on this machine and cannot be fetched: run once with a network and without HF_HUB_OFFLINE=1, "
                              "or name a folder that holds it") from None
        raise SignerError(f"cannot read the tables in {source}: {' '.join(str(error).split())[:200]}") from None
    found = found if isinstance(found, dict) else {"train": found}
    mapped = isinstance(next(iter(found.values())), datasets.Dataset)
    return {name: table.to_iterable_dataset() for name, table in found.items()} if streaming and mapped else dict(found)


def _of_files(folder: Path, streaming: bool) -> dict[str, Any]:
    """The tables of a folder, by the split that their names say; one that says none is ``train``. Nothing but these files is read: a README beside
    them could name any other, also one of the network."""
    import datasets

    kind = "parquet" if next(folder.rglob("*.parquet"), None) else "csv"
    files: dict[str, list[str]] = {}
    for path in sorted(folder.rglob(f"*.{kind}")):
        said = re.search(r"(?<![a-z])(train|validation|valid|dev|test)(?![a-z])", path.relative_to(folder).as_posix().lower())
        split = {"valid": "dev", "validation": "dev"}.get(said[1], said[1]) if said else "train"
        files.setdefault(split, []).append(str(path))
    found: dict[str, Any] = datasets.load_dataset(kind, data_files=files, streaming=streaming)
    return found
