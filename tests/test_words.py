"""Tables of what is said in clips, as the field and we write them."""

import pytest

from signer_lib.errors import SignerError
from signer_lib.pose.formats.words import NOTHING, Said, Words, find_words

PHOENIX = ("name|video|start|end|speaker|orth|translation\n"
           "11August_2010-1|11August_2010-1/1/*.png|-1|-1|Signer08|JETZT \"WETTER|und nun das wetter .\n")
HOW2SIGN = ("VIDEO_ID\tVIDEO_NAME\tSENTENCE_ID\tSENTENCE_NAME\tSTART_REALIGNED\tEND_REALIGNED\tSENTENCE\n"
            "--7E2sU6zP4\t--7E2sU6zP4-5-rgb_front\t--7E2sU6zP4_10\t--7E2sU6zP4_10-5-rgb_front\t129.06\t142.48\tAnd I call them \"decorative\".\n")


def test_phoenix_and_how2sign(tmp_path):
    manual = tmp_path / "annotations" / "manual"
    manual.mkdir(parents=True)
    (manual / "PHOENIX-2014-T.dev.corpus.csv").write_text(PHOENIX, encoding="utf-8")
    words = find_words(tmp_path)
    assert words.of("dev/11August_2010-1") == Said('JETZT "WETTER', "und nun das wetter .", "Signer08") and words.of("other") == NOTHING
    (tmp_path / "val.csv").write_text(HOW2SIGN, encoding="utf-8")
    assert find_words(tmp_path).of("--7E2sU6zP4_10-5-rgb_front") == Said(None, 'And I call them "decorative".', None)


@pytest.mark.parametrize("text, key", [("file,gloss\na/BOOK.pose,BOOK\n", "a/BOOK"), ("\ufefffile;sign\nx.mp4;BOOK\n", "x"),
                                       ("Name,Gloss,Text\nx,BOOK,\"a, b\"\n", "x.pose")])
def test_any_table_with_a_column_for_clips(tmp_path, text, key):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert Words(tmp_path / "t.csv").of(key).gloss == "BOOK"


@pytest.mark.parametrize("content, match", [
    (b"a,b\n1,2\n", "no column for clips"), (b"name,gloss\n,BOOK\n", "line 2 names no clip"), (b"name,gloss\nx,A\nx,B\n", "line 3.*twice"),
    (b"\xff\xfe", "UTF-8"), (b"", "no column"), (b"name,gloss\nx," + b'"' + b"a" * 200_000 + b'"', "not a table")])
def test_a_table_that_does_not_serve(tmp_path, content, match):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(SignerError, match=match) as error:
        Words(tmp_path / "t.csv")
    assert "t.csv" in str(error.value) and "\n" not in str(error.value)


def test_other_tables_in_a_folder_are_passed_over(tmp_path):
    (tmp_path / "scores.csv").write_text("epoch,loss\n1,2\n")
    assert not find_words(tmp_path)
