"""A parallel corpus that does not fit into memory, read from its files as it is trained on. [ours]

The rows go out to the processes by turns (``datasets``' own ``split_dataset_by_node``). Each process mixes its own in blocks of ``BLOCK`` steps, and
puts sentences of similar length together within a block. Everything follows from the seed, so that a training that was stopped goes on exactly:
a block's place in the files is told by the stream's ``state_dict``, and counted out anew where the number of processes is another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from signer_lib.errors import SignerError

if TYPE_CHECKING:
    from datasets import IterableDataset

    from signer_lib.language.batching import Batch, Batches
    from signer_lib.language.training import SlulConfig

Pair = tuple[str, str]
BLOCK = 64                      # steps whose sentences are in memory at once


class Streamed:
    """The pairs of a split, in the order of their files, read anew each time they are asked for. ``open``: the stream, columns text and gloss."""

    def __init__(self, name: str, open: Callable[[], IterableDataset]):
        self.name, self.open = name, open

    def __iter__(self) -> Iterator[Pair]:
        return pairs_of(self.open())

    @cached_property
    def _counted(self) -> tuple[int, str]:
        count, content = 0, hashlib.sha256()
        for text, gloss in self:
            count += 1
            content.update(f"{text}\0{gloss}\n".encode())
        return count, content.hexdigest()[:16]

    def __len__(self) -> int:
        return self._counted[0]

    @property
    def sha256(self) -> str:
        """Of all pairs."""
        return self._counted[1]


def pairs_of(stream: IterableDataset) -> Iterator[Pair]:
    """The rows with both sides, without line ends and double spaces."""
    for row in stream:
        if wrong := next((row[side] for side in ("text", "gloss") if row[side] is not None and not isinstance(row[side], str)), None):
            raise SignerError(f"the corpus holds {wrong!r} where a sentence or its glosses should be: text and gloss are columns of text")
        text, gloss = (" ".join((row[side] or "").split()) for side in ("text", "gloss"))
        if text and gloss:
            yield text, gloss


class StreamBatches:
    """All steps of a training on a stream, one process's share of each: ``len(batches)`` in an epoch, ``batches[step]`` the Batch of any step.

    make    pairs, settings and a seed -> ``Batches`` of them.
    state   where in the files the block that is read began: what ``resume`` takes.
    """

    def __init__(self, corpus: Streamed, make: Callable[[list[Pair], SlulConfig, int], Batches], config: SlulConfig, seed: int, rank: int,
                 processes: int):
        if config.batch_size % processes:
            raise SignerError(f"a streamed batch of {config.batch_size} cannot be shared by {processes} processes: set batch_size to a multiple")
        if len(corpus) < config.batch_size:
            raise SignerError(f"{corpus.name} has {len(corpus)} pairs, fewer than a batch of {config.batch_size}: train without --stream")
        self.corpus, self.make, self.whole, self.seed, self.rank, self.processes = corpus, make, config.batch_size, seed, rank, processes
        self.config = replace(config, batch_size=config.batch_size // processes, prompts=-(-config.prompts // processes))
        self.block, self.batches = -1, make([], self.config, seed)
        self.state: dict[str, Any] = {}
        self._from(0)

    def __len__(self) -> int:
        return len(self.corpus) // self.whole

    def __getitem__(self, step: int) -> Batch:
        block = step // BLOCK
        if block != self.block:
            if block != self.block + 1:
                self._from(block)
            self.block, self.state = block, {"block": block, "epoch": self.epoch, "stream": self.stream.state_dict()}
            pairs = list(islice(self.rows, BLOCK * self.config.batch_size))
            self.batches = self.make(pairs, self.config, self.seed * self.processes + self.rank)
        return self.batches[step]

    def resume(self, state: dict[str, Any]) -> None:
        """Goes on from the block whose ``state`` this was, for the same process of as many."""
        self.block = state["block"] - 1
        self.rows = self._endless(state["epoch"], state["stream"])

    def _from(self, block: int) -> None:
        """To the beginning of a block, counted out from the beginning of the files."""
        self.rows = self._endless(0, None)
        for _ in islice(self.rows, block * BLOCK * self.config.batch_size):
            pass

    def _endless(self, epoch: int, state: dict[str, Any] | None) -> Iterator[Pair]:
        """This process's rows, epoch after epoch."""
        self._open(epoch, state)
        return self._more()

    def _open(self, epoch: int, state: dict[str, Any] | None = None) -> None:
        from datasets.distributed import split_dataset_by_node

        self.epoch, self.stream = epoch, split_dataset_by_node(self.corpus.open(), self.rank, self.processes)
        if state is not None:
            self.stream.load_state_dict(state)

    def _more(self) -> Iterator[Pair]:
        while True:
            yield from pairs_of(self.stream)
            self._open(self.epoch + 1)
