"""Whether two systems differ by more than chance: equal ones do not, clearly different ones do."""

import json

import numpy as np
import pytest

from signer_lib.comparison.significance import differences
from signer_lib.errors import SignerError


def sentences(seed, count=60):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(list("abcdefghijkl"), 8)) for _ in range(count)]


def test_equal_systems_do_not_differ_and_clearly_different_ones_do():
    truth, noise = sentences(0), sentences(1)
    mixed = lambda k: [right if i % 2 == k else wrong for i, (right, wrong) in enumerate(zip(truth, noise))]
    readings = {"stitching": mixed(0), "ground_truth": truth, "full-1": mixed(1), "full-2": truth}
    found = {(row["system"], row["against"]): row for row in differences(readings, truth, samples=200)}
    assert len(found) == 4 and json.dumps(list(found.values()))
    assert found["full-1", "stitching"]["p"] > 0.1 and abs(found["full-1", "stitching"]["difference"]) < 10
    assert found["full-2", "ground_truth"]["p"] == 1 and found["full-2", "ground_truth"]["difference"] == 0
    better = found["full-2", "stitching"]
    assert better["p"] < 0.01 and better["bleu4"] == pytest.approx(100) and better["difference"] == pytest.approx(100 - better["theirs"])


def test_without_trained_models_one_line_says_what_to_run(tmp_path, monkeypatch):
    from signer_lib.comparison import significance
    monkeypatch.setattr(significance.BackTranslation, "from_pretrained", lambda folder: None)
    with pytest.raises(SignerError, match="has no full-SEED"):
        significance.main(["--data", str(tmp_path / "rules"), "--judge", "j", "--work", str(tmp_path), "--out", str(tmp_path / "o.json")])
