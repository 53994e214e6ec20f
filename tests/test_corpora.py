"""Reading parallel corpora, with made-up files and, where they are at hand, the real ones."""

import csv

import datasets
import pytest

from signer_lib.assets import signer_data
from signer_lib.errors import SignerError
from signer_lib.language.corpora import PHOENIX_HEADER, hashed_split, open_corpus, read_aslg, read_pairs, simplify_phoenix
from signer_lib.language.corpus import FOLDER

TEXTS, GLOSSES = ["ein hund bellt", "die katze schläft", "der zug fährt ab"], ["HUND BELLEN", "KATZE SCHLAFEN", "ZUG WEG"]


def fill(folder, ext="text", texts=TEXTS, glosses=GLOSSES, splits=("train", "dev", "test")):
    folder.mkdir(parents=True, exist_ok=True)
    for split in splits:
        for side, lines in ((ext, texts), ("gloss", glosses)):
            (folder / f"{split}.{side}").write_text("\n".join(lines), encoding="utf-8", newline="")
    return folder


def fill_csv(folder, split, rows, header=PHOENIX_HEADER, ending=""):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"PHOENIX-2014-T.{split}{ending}.corpus.csv"
    path.write_text("\n".join("|".join(row) for row in [header, *rows]) + "\n", encoding="utf-8")
    return path


def row(gloss, text):
    return [f"{text[:3]}-1", "a/1/*.png", "-1", "-1", "Signer01", gloss, text]


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


# --- one sentence a line ---------------------------------------------------------------------------------------------
def test_pairs_come_as_they_stand_with_or_without_a_last_newline(tmp_path):
    fill(tmp_path)
    assert read_pairs(tmp_path, "dev") == list(zip(TEXTS, GLOSSES))
    with (tmp_path / "dev.text").open("a") as file:
        file.write("\n")
    assert read_pairs(tmp_path, "dev") == list(zip(TEXTS, GLOSSES))


def test_windows_line_ends_and_the_mark_at_the_start_of_a_file_are_no_part_of_a_sentence(tmp_path):
    fill(tmp_path)
    (tmp_path / "dev.text").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(TEXTS).encode() + b"\r\n")
    assert read_pairs(tmp_path, "dev") == list(zip(TEXTS, GLOSSES))


def test_only_a_newline_ends_a_line(tmp_path):
    fill(tmp_path, texts=["ein\u2028hund", "die\x85katze", "der zug"])
    assert [text for text, _ in read_pairs(tmp_path, "dev")] == ["ein\u2028hund", "die\x85katze", "der zug"]


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path):
    fill(tmp_path)
    (tmp_path / "dev.text").write_bytes("\n".join(TEXTS).encode("latin-1"))
    with pytest.raises(SignerError) as error:
        read_pairs(tmp_path, "dev")
    assert "dev.text, line 2 is not UTF-8" in one_line(error)


@pytest.mark.parametrize("side, lines", [("text", ["ein hund", " ", "der zug"]), ("gloss", ["HUND", "", "ZUG"])])
def test_an_empty_side_is_named_with_its_line(tmp_path, side, lines):
    fill(tmp_path, **{side + ("s" if side == "text" else "es"): lines})
    with pytest.raises(SignerError) as error:
        read_pairs(tmp_path, "dev")
    assert f"dev.{side}, line 2 is empty" in one_line(error)


def test_files_that_are_not_parallel_are_named_with_both_counts(tmp_path):
    fill(tmp_path, glosses=GLOSSES[:2])
    with pytest.raises(SignerError, match="dev.text has 3 lines but dev.gloss has 2"):
        read_pairs(tmp_path, "dev")


def test_an_empty_file_is_no_corpus(tmp_path):
    fill(tmp_path)
    (tmp_path / "dev.gloss").write_text("")
    with pytest.raises(SignerError, match="dev.gloss is empty"):
        read_pairs(tmp_path, "dev")


def test_a_missing_file_brings_the_extension_that_is_there(tmp_path):
    fill(tmp_path, ext="de")
    with pytest.raises(SignerError) as error:
        open_corpus(tmp_path).dev
    assert "dev.text is missing" in one_line(error) and "there are dev.de, dev.gloss: give --text-ext de" in one_line(error)


def test_missing_glosses_bring_no_advice_about_the_text(tmp_path):
    fill(tmp_path, ext="de")
    (tmp_path / "dev.gloss").unlink()
    with pytest.raises(SignerError) as error:
        read_pairs(tmp_path, "dev", "de")
    assert "dev.gloss is missing" in one_line(error) and "--text-ext" not in one_line(error)


# --- open_corpus -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ext, language", [("de", "de-gsg"), (".de", "de-gsg"), ("fr", "fr-sgn"), ("text", "und-sgn"), ("txt", "und-sgn")])
def test_the_language_is_guessed_from_the_extension_and_can_be_given(tmp_path, ext, language):
    fill(tmp_path / "mine", ext=ext.lstrip("."))
    corpus = open_corpus(tmp_path / "mine", ext)
    assert (corpus.name, corpus.language) == ("mine", language)
    assert corpus.train == corpus.dev == corpus.split("test") == list(zip(TEXTS, GLOSSES))
    assert open_corpus(tmp_path / "mine", ext, language="de-sgg").language == "de-sgg"


def test_a_split_is_read_only_when_it_is_asked_for(tmp_path):
    corpus = open_corpus(fill(tmp_path, splits=("test",)))
    assert corpus.test == list(zip(TEXTS, GLOSSES))
    with pytest.raises(SignerError, match="train.text is missing"):
        corpus.train
    with pytest.raises(SignerError, match="'valid' is no split"):
        corpus.split("valid")


def test_our_own_corpus_opens_as_english_and_asl():
    corpus = open_corpus(FOLDER)
    assert corpus.language == "en-ase" and corpus.test == read_pairs(FOLDER, "test") and len(corpus.test) == 183


def test_a_folder_without_a_corpus_says_what_was_looked_for(tmp_path):
    (tmp_path / "notes.md").write_text("nothing")
    with pytest.raises(SignerError) as error:
        open_corpus(tmp_path, "de")
    assert all(name in one_line(error) for name in ("train.de", "train.gloss", "*.train.corpus.csv", "datasets", ".parquet"))
    with pytest.raises(SignerError, match="no corpus at"):
        open_corpus(tmp_path / "absent")


# --- PHOENIX-2014T ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("gloss, simple", [
    ("__ON__ HUND __PU__ KOMMEN __OFF__", "HUND KOMMEN"),
    ("loc-GARTEN cl-LAUFEN neg-cl-LAUFEN", "GARTEN LAUFEN neg-LAUFEN"),
    ("BELLEN-PLUSPLUS loc-BAUM-PLUSPLUS", "BELLEN BAUM"),
    ("GARTENRAUM TRAUM RAUM", "GARTEN TRAUM RAUM"),
    ("HUND WIE AUSSEHEN", "HUND WIE-AUSSEHEN"),
    ("Z O O GEHEN", "Z+O+O GEHEN"),
    ("SCH A F WEIDE", "SCH+A+F WEIDE"),
    ("SCH STALL X", "SCH STALL X"),                                        # a letter alone stays alone
    ("HUND HUND HUND HUNDE HUND", "HUND HUNDE HUND"),
    ("HUND __PU__ HUND loc-HUND HUND-PLUSPLUS", "HUND"),                    # alike once the marks are gone
    ("IM-KREIS IM-KREIS", "IM-KREIS IM-KREIS"),
    ("poss-MEIN neg-HABEN HABEN2", "poss-MEIN neg-HABEN HABEN2"),
    ("ZEIGEN S0NNE", "ZEIGEN-BILDSCHIRM SONNE"),
    ("__ON__ __OFF__", ""),
])
def test_complex_glosses_become_simple_ones(gloss, simple):
    assert simplify_phoenix(gloss) == simple
    assert simplify_phoenix(simple) == simple


def test_train_is_brought_to_the_annotation_of_dev_and_loses_pairs_without_a_gloss(tmp_path):
    fill(tmp_path, ext="de", splits=("dev", "test"))
    fill(tmp_path, ext="de", splits=("train",), glosses=["__ON__ HUND HUND", "__PU__", "loc-ZUG WEG"])
    corpus = open_corpus(tmp_path, "de")
    assert corpus.train == [(TEXTS[0], "HUND"), (TEXTS[2], "ZUG WEG")]
    assert corpus.dev == corpus.test == list(zip(TEXTS, GLOSSES))


@pytest.mark.parametrize("train, dev", [(["loc-HUND HUND"] * 3, GLOSSES), (["__ON__ HUND HUND"] * 3, ["__ON__ A A"] * 3)])
def test_train_stays_as_it_is_when_it_has_no_marks_or_dev_has_them_too(tmp_path, train, dev):
    fill(tmp_path, splits=("dev",), glosses=dev)
    fill(tmp_path, splits=("train",), glosses=train)
    assert [gloss for _, gloss in open_corpus(tmp_path).train] == train


@pytest.mark.parametrize("place", [".", "annotations/manual", "PHOENIX-2014-T/annotations/manual"])
def test_the_official_tables_are_found_and_read(tmp_path, place):
    fill_csv(tmp_path / place, "train", [row("__ON__ HUND", '"ein hund')], ending="-complex-annotation")
    fill_csv(tmp_path / place, "train", [row("HUND", '"ein hund'), row("ZUG WEG", "der zug")])
    fill_csv(tmp_path / place, "dev", [row("KATZE", "die katze")])
    corpus = open_corpus(tmp_path)
    assert corpus.language == "de-gsg" and corpus.train == [('"ein hund', "HUND"), ("der zug", "ZUG WEG")]
    assert corpus.dev == [("die katze", "KATZE")]
    with pytest.raises(SignerError, match=r"no \*.test.corpus.csv"):
        corpus.test


def test_the_complex_table_alone_is_simplified(tmp_path):
    fill_csv(tmp_path, "train", [row("__ON__ HUND HUND", "ein hund")], ending="-complex-annotation")
    fill_csv(tmp_path, "dev", [row("KATZE", "die katze")])
    assert open_corpus(tmp_path).train == [("ein hund", "HUND")]


@pytest.mark.parametrize("rows, header, said", [
    ([row("HUND", "ein hund")], ["id", *PHOENIX_HEADER[1:]], "line 1 is 'id|video"),
    ([row("HUND", "ein hund"), row("ZUG", "der zug")[:-1]], PHOENIX_HEADER, "line 3 has 6 columns instead of 7"),
    ([row("HUND", "ein hund"), [*row("ZUG", "der zug"), ""]], PHOENIX_HEADER, "line 3 has 8 columns instead of 7"),
    ([row("", "ein hund")], PHOENIX_HEADER, "line 2 has no orth"),
    ([row("HUND", " ")], PHOENIX_HEADER, "line 2 has no translation"),
])
def test_a_malformed_table_is_named_with_its_line(tmp_path, rows, header, said):
    path = fill_csv(tmp_path, "dev", rows, header)
    with pytest.raises(SignerError) as error:
        open_corpus(tmp_path).dev
    assert f"{path}, {said}" in one_line(error)


@pytest.fixture(scope="module")
def phoenix():
    folder = (signer_data() or FOLDER) / "phoenix14t"
    if not folder.is_dir():
        pytest.skip("PHOENIX-2014T is not here: put it into the phoenix14t folder of SIGNER_DATA")
    return open_corpus(folder, "de"), folder


def test_phoenix_has_its_published_size_and_dev_and_test_are_as_in_their_files(phoenix):
    corpus, folder = phoenix
    assert [len(corpus.split(split)) for split in ("train", "dev", "test")] == [7096, 519, 642]
    for split in ("dev", "test"):
        for side, ext in enumerate(("de", "gloss")):
            assert "\n".join(pair[side] for pair in corpus.split(split)).encode() == (folder / f"{split}.{ext}").read_bytes().rstrip(b"\n")


def test_phoenix_train_comes_to_the_conventions_of_dev_as_the_docstring_says(phoenix):
    corpus, folder = phoenix
    dev = {gloss for _, line in corpus.dev for gloss in line.split()}

    def figures(pairs):
        lines = [line.split() for _, line in pairs]
        total = sum(map(len, lines))
        known, repeated = sum(g in dev for line in lines for g in line), sum(a == b for line in lines for a, b in zip(line, line[1:]))
        return [round(total / len(lines), 2), round(100 * known / total, 1), round(100 * repeated / total, 1)]

    assert figures(read_pairs(folder, "train", "de")) == [9.55, 77.6, 6.9] and figures(corpus.train) == [7.79, 95.5, 0.1]


# --- ASLG-PC12 -------------------------------------------------------------------------------------------------------
ROWS = {"gloss": [f"X-I SEE DESC-{n} CAT\n" for n in range(400)] + ["X-NOTHING\n"], "text": [f"i see  {n} cats\n" for n in range(400)] + ["\n"]}


@pytest.fixture(params=["saved", "parquet", "csv"])
def table(request, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder, made = tmp_path / "aslg", datasets.Dataset.from_dict(ROWS)
    folder.mkdir()
    if request.param == "saved":
        made.save_to_disk(str(folder))
    elif request.param == "parquet":
        made.to_parquet(folder / "part-0.parquet")
    else:
        with (folder / "aslg.csv").open("w", newline="") as file:
            csv.writer(file).writerows([ROWS, *zip(*ROWS.values())])
    return folder


def test_a_table_in_one_piece_is_split_by_its_texts(table):
    corpus = open_corpus(table)
    splits = [corpus.train, corpus.dev, corpus.test]
    assert corpus.language == "en-ase" and sum(map(len, splits)) == 400                                # the empty row is left out
    assert len(corpus.train) > 350 and corpus.dev and corpus.test
    assert all(pair == (f"i see {n} cats", f"X-I SEE DESC-{n} CAT") for split in splits for pair in split for n in [pair[0].split()[2]])
    assert all(hashed_split(text) == "dev" for text, _ in corpus.dev)


def test_the_split_of_a_sentence_never_changes():
    assert [hashed_split(f"i see {n} cats") for n in (0, 10, 7)] == ["train", "dev", "test"]
    assert hashed_split("I See 10 Cats") == "dev"


def test_a_saved_table_with_splits_keeps_them(tmp_path):
    made = datasets.Dataset.from_dict({"text": ["a cat"], "gloss": ["CAT"]})
    datasets.DatasetDict(train=made, validation=made).save_to_disk(str(tmp_path))
    assert open_corpus(tmp_path).dev == [("a cat", "CAT")]
    with pytest.raises(SignerError, match="no split 'test'"):
        open_corpus(tmp_path).test


def test_a_table_with_other_columns_is_named(tmp_path):
    datasets.Dataset.from_dict({"english": ["a cat"], "gloss": ["CAT"]}).save_to_disk(str(tmp_path))
    with pytest.raises(SignerError, match="no column text, only english, gloss"):
        read_aslg("train", tmp_path)


def test_a_broken_table_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "aslg").mkdir()
    (tmp_path / "aslg" / "part.parquet").write_bytes(b"no parquet")
    with pytest.raises(SignerError) as error:
        open_corpus(tmp_path / "aslg").train
    assert "cannot read the tables" in one_line(error)


def test_aslg_that_is_not_on_the_machine_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    corpus = open_corpus("aslg_pc12")
    with pytest.raises(SignerError) as error:
        corpus.train
    assert corpus.language == "en-ase" and "run once with a network" in one_line(error)
