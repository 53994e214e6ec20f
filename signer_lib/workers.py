"""Jobs spread over processes that were started afresh, and end with the one that started them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread, current_thread, main_thread
from types import FrameType
from typing import NamedTuple, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def over(workers: int, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
    """What ``work`` makes of each job, in their order; of one worker there is no process but this."""
    if workers == 1:
        yield from map(work, jobs)
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
            yield from pool.map(work, jobs)


class Lost(NamedTuple):
    """In place of a result: the process that had the job ended with this exit code, and what it had not told is lost."""

    code: int | None


def streamed(workers: int, work: Callable[[Job], Iterator[Result]], jobs: Sequence[Job]) -> Iterator[tuple[Job, Result | Lost]]:
    """Each thing that ``work`` yields of a job, with the job, as soon as it is there; of one worker there is no process but this.

    A process takes its next job when it has done the one before. One that ends before its time gives ``Lost`` for the job it had, and another takes
    its place. Whoever stops listening (Ctrl-C, or an error in the loop) stops the work: the processes leave as after a Ctrl-C of their own.
    """
    if workers == 1:
        for job in jobs:
            for result in work(job):
                yield job, result
        return
    left = list(reversed(jobs))
    busy: dict[Connection, tuple[SpawnProcess, Job]] = {}
    try:
        while left or busy:
            while left and len(busy) < workers:
                process, end = _started(work)
                busy[end] = process, left[-1]
                end.send(left.pop())
            ready = wait(list(busy))
            for end in [one for one in busy if one in ready]:
                process, job = busy[end]
                try:
                    told = end.recv()
                except EOFError:
                    del busy[end]
                    process.join()
                    yield job, Lost(process.exitcode)
                    continue
                if told is not None:
                    yield job, told[0]
                elif left:
                    busy[end] = process, left[-1]
                    end.send(left.pop())
                else:
                    del busy[end]
                    end.close()                             # which tells it to leave
                    process.join()
    finally:
        for process, _ in busy.values():
            process.terminate()
        for process, _ in busy.values():
            process.join()


def _started(work: Callable[[Job], Iterator[Result]]) -> tuple[SpawnProcess, Connection]:
    """A process of ``streamed``, and our end of the line to it."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_worker, args=(theirs, work), daemon=True)
    here = current_thread() is main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if here else None     # a Ctrl-C is for us: from its first moment the process is deaf to it
    try:
        process.start()
    finally:
        if here:
            signal.signal(signal.SIGINT, before)
    theirs.close()
    return process, ours


def _worker(line: Connection, work: Callable[[Job], Iterator[Result]]) -> None:
    signal.signal(signal.SIGTERM, _interrupted)
    _end_with_parent()
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while True:
            for result in work(line.recv()):
                line.send((result,))
            line.send(None)


def _interrupted(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)           # once is enough: what follows is tidying up
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next job forever."""
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()
