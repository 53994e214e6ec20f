"""What a second process brings: turns, ratios, and a run that failed is told."""

from types import SimpleNamespace

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


def test_what_it_takes_to_begin_is_not_in_the_rows_a_second(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "_seconds", lambda rows, renderer, work, processes: 10 + 3 * rows / processes)
    one, two = (scaling.signed(20, "drawn", tmp_path, processes) for processes in (1, 2))
    assert one == {"seconds_to_begin": 13, "seconds": 70, "rows_a_second": round(1 / 3, 4)} and two["rows_a_second"] == round(2 / 3, 4)
    with pytest.raises(SignerError, match="measure with more rows"):
        scaling.signed(2, "drawn", tmp_path, 2)


def test_what_fails_is_told(tmp_path, monkeypatch):
    with pytest.raises(SignerError, match="at least 4 rows"):
        scaling.main(["--out", str(tmp_path / "x.json"), "--drawn", "1"])
    monkeypatch.setattr(scaling.subprocess, "run", lambda command, **_: SimpleNamespace(returncode=2, stderr="a line\nno such renderer\n", stdout=""))
    with pytest.raises(SignerError, match="signing with 2 processes failed: no such renderer"):
        scaling.signed(4, "nobody", tmp_path, 2)
    with pytest.raises(SignerError, match="training slul with 1 processes failed: no such renderer"):
        scaling.trained("slul", tmp_path, 0.1, tmp_path, 1)
