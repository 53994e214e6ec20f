"""What a second process brings: turns, ratios, and a run that failed is told."""

import csv

import pytest

from signer_lib.comparison import scaling
from signer_lib.errors import SignerError


def test_one_and_two_take_turns_and_the_median_ratio_is_told(capsys):
    asked, speeds = [], iter([1.0, 1.5, 3.0, 2.0, 1.0, 1.9])

    def measure(processes):
        asked.append(processes)
        return {"speed": next(speeds)}

    found = scaling.side_by_side(measure, "speed", 3)
    assert asked == [1, 2, 2, 1, 1, 2] and [run["ratio"] for run in found["rounds"]] == [1.5, 1.5, 1.9] and found["ratio"] == 1.5
    assert found["rounds"][1] == {"one": {"speed": 2.0}, "two": {"speed": 3.0}, "ratio": 1.5} and capsys.readouterr().out.count("\n") == 3


def test_rows_are_timed_once_all_processes_are_at_work(tmp_path, monkeypatch):
    """The clock begins after half of the rows: what loading took is in the seconds, and not in the rows a second."""
    clock = iter([0.0, 10.0, 11.0, 12.0, 14.0])

    class Signing:
        stdout = ["1/4  row 2  a  made\n", "a word of a library's\n", *(f"{k}/4  row {k + 1}  b  made\n" for k in (2, 3, 4)), "4 of 4 rows\n"]

        def wait(self):
            return 0

    monkeypatch.setattr(scaling.subprocess, "Popen", lambda *_, **__: Signing())
    monkeypatch.setattr(scaling.time, "monotonic", lambda: next(clock))
    assert scaling.signed(tmp_path / "m.csv", 4, "drawn", tmp_path, 2) == {"seconds": 14.0, "rows_a_second": round(2 / 3, 4)}


def test_what_fails_is_told(tmp_path):
    path = scaling._manifest(tmp_path / "m.csv", ["Yes.", "No, thank you."])
    assert list(csv.DictReader(path.open())) == [{"name": "000", "text": "Yes."}, {"name": "001", "text": "No, thank you."}]
    with pytest.raises(SignerError, match="give 2 to"):
        scaling.main(["--out", str(tmp_path / "x.json"), "--drawn", "1", "--rendered", "1"])
