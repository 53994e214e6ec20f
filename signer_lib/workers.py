"""Jobs spread over processes that were started afresh, and end with the one that started them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def over(workers: int, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
    """What ``work`` makes of each job, in their order; of one worker there is no process but this."""
    if workers == 1:
        yield from map(work, jobs)
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
            yield from pool.map(work, jobs)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next job forever."""
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()
