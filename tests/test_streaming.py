"""Training pairs that stay on the disk: the same pairs, every one once an epoch, in flat memory, gone on with exactly, from every kind of file."""

import shutil
import tracemalloc
from itertools import islice

import datasets
import pytest

from signer_lib.errors import SignerError
from signer_lib.language import streaming
from signer_lib.language.corpora import hashed_split, open_corpus
from signer_lib.language.corpus import FOLDER
from signer_lib.language.streaming import StreamBatches
from signer_lib.language.tokenizer import SignTokenizer
from signer_lib.language.training import Training
from test_training import tiny, write
from trainings import log_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """47 + 6 hand-written pairs, and the prompts."""
    folder, pairs = tmp_path_factory.mktemp("streamed"), open_corpus(FOLDER).dev
    write(folder, train=pairs[:47], dev=pairs[47:53])
    shutil.copy(FOLDER / "prompts.txt", folder)
    return folder


@pytest.fixture(scope="module")
def corpus(folder):
    return open_corpus(folder)


@pytest.fixture
def short_blocks(monkeypatch):
    from signer_lib.language import training
    for module in (streaming, training):
        monkeypatch.setattr(module, "BLOCK", 2)


class Plain:
    """In place of ``Batches``: the pairs of a step, unmixed."""

    def __init__(self, pairs, config, seed):
        self.pairs, self.size = pairs, config.batch_size

    def __getitem__(self, step):
        first = step % streaming.BLOCK * self.size
        return self.pairs[first:first + self.size]


def test_a_streamed_corpus_holds_the_pairs_of_the_other(folder, corpus):
    streamed = open_corpus(folder, stream=True)
    assert list(streamed.train) == corpus.train == list(streamed.train) and len(streamed.train) == 47 and streamed.dev == corpus.dev
    other = open_corpus(FOLDER, stream=True).train
    assert len(other) == 30000 and other.sha256 != streamed.train.sha256 == open_corpus(folder, stream=True).train.sha256
    ours, theirs = (SignTokenizer.train(one, "en-ase", 400) for one in (corpus.train, streamed.train))
    assert ours.fast.get_vocab() == theirs.fast.get_vocab() and ours.known == theirs.known


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow", "one table"])
def test_tables_are_streamed_with_the_same_pairs(tmp_path, corpus, kind):
    table = datasets.Dataset.from_list([{"text": text, "gloss": gloss, "other": "x"} for text, gloss in [*corpus.train, ("", "EMPTY")]])
    if kind == "arrow":
        datasets.DatasetDict(train=table, dev=table).save_to_disk(tmp_path)
    elif kind == "one table":
        table.to_csv(tmp_path / "all.csv")
    else:
        for split in ("train", "validation"):
            getattr(table, f"to_{kind}")(tmp_path / f"{split}.{kind}")
    wanted = [pair for pair in corpus.train if kind != "one table" or hashed_split(pair[0]) == "train"]
    assert list(open_corpus(tmp_path, stream=True).train) == wanted == open_corpus(tmp_path).train


@pytest.mark.parametrize("processes", [1, 2])
def test_the_processes_share_the_rows_epoch_after_epoch_and_any_step_can_be_asked(folder, short_blocks, processes):
    train, config = open_corpus(folder, stream=True).train, tiny(batch_size=4)
    shares = [StreamBatches(train, Plain, config, 1, rank, processes) for rank in range(processes)]
    assert [len(share) for share in shares] == [11] * processes
    seen = [[batch for k in range(30) for batch in share[k]] for share in shares]
    for rank, rows in enumerate(seen):
        mine = list(train)[rank::processes]
        assert len(rows) == 120 // processes and rows == list(islice((row for _ in range(9) for row in mine), len(rows)))
    again = StreamBatches(train, Plain, config, 1, 0, processes)
    assert again[17] == shares[0][17] and again[4] == shares[0][4]              # counted out, forward and back
    on, state = StreamBatches(train, Plain, config, 1, 0, processes), again.state
    again[16]
    on.resume(again.state)
    assert (on[16], on[17]) == (again[16], again[17]) and again.state["epoch"] == 1 and state["block"] == 2


def test_a_streamed_training_goes_on_exactly(folder, short_blocks, tmp_path):
    config = tiny(batch_size=8, epochs=3)
    whole = Training(config, open_corpus(folder, stream=True), tmp_path / "whole", seed=7)
    whole.run()
    first = Training(config, open_corpus(folder, stream=True), tmp_path / "parts", seed=7)
    for _ in range(7):
        for name, value in first.step().items():
            first.sums[name] += value
        first._log(first.state["step"])
        if first.state["step"] % len(first.batches) == 0:
            first.score(1)
    first._save()
    Training(config, open_corpus(folder, stream=True), tmp_path / "parts", seed=7).run()
    assert log_of(tmp_path / "parts") == log_of(tmp_path / "whole") and len(log_of(tmp_path / "whole")) == 15 + 3
    with pytest.raises(SignerError, match="unfinished training with another pairs_sha256"):
        other = Training(config, open_corpus(folder, stream=True), tmp_path / "mixed", seed=7)
        other._save()
        Training(config, open_corpus(folder), tmp_path / "mixed", seed=7)


def test_memory_does_not_grow_with_the_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK", 8)
    pairs, most = list(islice(open_corpus(FOLDER).train, 2000)), {}
    for times in (1, 10):
        place = tmp_path / str(times)
        place.mkdir()
        write(place, train=pairs * times, dev=pairs[:5])
        for stream in (True, False):
            found = open_corpus(place, stream=True).train
            tracemalloc.start()
            if stream:
                batches = StreamBatches(found, Plain, tiny(), 1, 0, 1)
                assert len(batches) == 250 * times and sum(len(batches[k]) for k in range(0, 250 * times, 8)) == 8 * -(-250 * times // 8)
            else:
                assert len(open_corpus(place).train) == 2000 * times
            most[times, stream] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert most[10, True] < 1.3 * most[1, True] and most[10, False] > 5 * most[1, False]


@pytest.mark.parametrize("damage, told", [
    (lambda text: text[:-1], "ends before line 47"), (lambda text: [*text[:4], " ", *text[5:]], "train.text, line 5 is empty"),
    (lambda text: [*text[:4], "\udcff", *text[5:]], "is not UTF-8"),
])
def test_a_damaged_line_is_told_when_it_is_read(folder, tmp_path, damage, told):
    write(tmp_path, dev=[("a", "A")])
    (tmp_path / "train.gloss").write_bytes((folder / "train.gloss").read_bytes())
    lines = damage((folder / "train.text").read_text().splitlines())
    (tmp_path / "train.text").write_text("\n".join(lines) + "\n", errors="surrogateescape")
    with pytest.raises(SignerError, match=told):
        len(open_corpus(tmp_path, stream=True).train)


def test_what_cannot_be_streamed_is_told(folder, tmp_path):
    train = open_corpus(folder, stream=True).train
    with pytest.raises(SignerError, match="cannot be shared by 3 processes"):
        StreamBatches(train, Plain, tiny(), 1, 0, 3)
    with pytest.raises(SignerError, match="fewer than a batch of 64"):
        StreamBatches(train, Plain, tiny(batch_size=64), 1, 0, 1)
    with pytest.raises(SignerError, match="semantic masking counts all glosses"):
        Training(tiny(masking="semantic"), open_corpus(folder, stream=True), tmp_path / "out", seed=1)
