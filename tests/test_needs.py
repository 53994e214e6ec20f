"""What a large training needs: the page holds what the formulas give, and these follow from the corpus as they should."""

import re

import pytest

from signer_lib.assets import CHECKPOINTS, ROOT
from signer_lib.checkpoint import load_json
from signer_lib.errors import SignerError
from signer_lib.needs import __main__ as command
from signer_lib.needs import arithmetic
from signer_lib.needs.estimate import Corpus, disk, memory, needs

PAGE = ROOT / "recipes" / "HOW2SIGN.md"


def test_the_page_holds_what_its_command_gives(tmp_path):
    words = re.search(r"made by: python -m signer_lib\.needs (.*) --page recipes/HOW2SIGN\.md -->", PAGE.read_text())[1].split()
    page = tmp_path / "HOW2SIGN.md"
    page.write_text(PAGE.read_text())
    command.main([*words, "--page", str(page)])
    assert page.read_text() == PAGE.read_text(), "make it again with the command that stands in the page"


def test_twice_the_corpus_costs_twice_where_all_of_it_is_read():
    one, two = (needs(Corpus(clips, hours), "nano", "nano", ["nano"]) for clips, hours in ((64000, 50), (128000, 100)))
    for a, b in zip(one, two):
        if a.stage.startswith("renderer"):
            assert (b.steps, b.operations) == (a.steps, a.operations) and b.epochs == pytest.approx(a.epochs / 2)
        else:
            assert b.steps == pytest.approx(2 * a.steps, rel=1e-3) and b.ours == pytest.approx(2 * a.ours, rel=1e-3) and b.epochs == a.epochs
    for what in (lambda corpus: disk(corpus, [256]), memory):
        small, large = what(Corpus(10, 1)), what(Corpus(20, 2))
        assert all(large[name] == pytest.approx(2 * value) for name, value in small.items())


def test_our_hours_are_those_of_the_shipped_training_at_its_own_size():
    told = load_json(CHECKPOINTS / "slul-nano", "training.json")
    slul = needs(Corpus(told["pairs"], 50), "nano", "nano", [])[0]
    epochs = told["steps"] * told["batch_size"] / told["pairs"]
    assert slul.ours * epochs / slul.epochs == pytest.approx(told["train_minutes"] / 60, rel=0.01)


def test_operations_are_those_of_the_layers():
    """A product of (1, n) and (n, m) is 2 n m; a large T5's layers are nearly nothing but such products."""
    step = arithmetic.slul("base")
    assert 0.2 < step.operations / (3 * 2 * step.weights * arithmetic.SOURCE) < 2
    nano, base = arithmetic.renderer("nano"), arithmetic.renderer("base")
    assert set(nano) < set(base) and all(base[name].operations > nano[name].operations for name in nano)


@pytest.mark.parametrize("words, told", [
    (["--clips", "0", "--hours", "1"], "at least one clip"), (["--clips", "1", "--hours", "0"], "more than 0 hours"),
    (["--clips", "1", "--hours", "1", "--page", "{}"], "has no lines"),
])
def test_what_cannot_be_computed_is_told(tmp_path, words, told, monkeypatch):
    monkeypatch.setattr(command, "tables", lambda *_: "")
    with pytest.raises(SignerError, match=told):
        command.main([word.format(tmp_path / "none.md") for word in words])
