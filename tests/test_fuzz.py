"""A small part of the fuzzing of every reader, and that the committed result is of all of them. The machinery: tests/fuzz."""

import json

import pytest

from fuzz.readers import READERS
from fuzz.run import GOOD, damaged, fuzz, judged, numbered, summed
from signer_lib.assets import RESULTS
from signer_lib.errors import SignerError

SEED = 20


def test_damaged_files_are_read_or_refused_in_one_line():
    answers = fuzz(400, SEED)
    assert {answer["reader"] for answer in answers} == set(READERS)
    assert [answer for answer in answers if answer["outcome"] not in GOOD] == []
    result = summed(answers)
    assert result["outcomes"]["refused"] > 150 and len(result["damage"]) > 20, "the damage does harm, and is of many kinds"


def test_every_reader_has_its_share_and_cases_of_its_own():
    cases = numbered(1000)
    assert len(cases) == len(set(cases)) == 1000 and {reader for reader, _ in cases} == set(READERS)


def test_the_same_seed_does_the_same_damage(tmp_path):
    name = "MediaPipe JSON"
    (tmp_path / "whole").mkdir()
    READERS[name].make(tmp_path / "whole")
    files = lambda folder: {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    whole, found = files(tmp_path / "whole"), []
    for number in (3, 3, 4, 5, 6):
        folder = tmp_path / f"case-{len(found)}"
        found.append((damaged(name, number, SEED, tmp_path / "whole", folder), files(folder)))
    assert found[0] == found[1] and any(one != found[0] for one in found[2:])
    assert files(tmp_path / "whole") == whole, "the whole files stay as they are"


@pytest.mark.parametrize("raised, outcome", [
    (SignerError("correct the file"), "refused"), (KeyError("x"), "failed"), (MemoryError(), "memory"), (SystemExit(1), "failed"), (None, "valid")])
def test_what_counts_as_a_failure(tmp_path, raised, outcome):
    def read(folder):
        if raised is not None:
            raise raised

    assert judged(read, tmp_path)[0] == outcome


def test_a_hanging_and_a_dying_worker_are_told_apart(tmp_path, monkeypatch):
    from fuzz.run import Worker

    worker = Worker(SEED, tmp_path)
    worker.process.kill()
    worker.process.wait()
    assert worker.judge(".pose", 0)["outcome"] == "crash"
    slow = Worker(SEED, tmp_path / "slow")
    assert slow.judge(".pose", 0, seconds=0.01)["outcome"] == "hang" and slow.process.poll() is not None


def test_the_committed_result_is_of_every_reader():
    result = json.loads((RESULTS / "reliability" / "fuzz.json").read_text(encoding="utf-8"))
    assert result["cases"] >= 10_000 and result["failures"] == [] and set(result["readers"]) == set(READERS)
    assert result["outcomes"]["valid"] + result["outcomes"]["refused"] == result["cases"]
