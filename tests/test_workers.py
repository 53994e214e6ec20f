"""Jobs over processes: what they tell arrives at once, one that dies costs its job only, and nobody outlives the one who stops listening."""

import os
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from signer_lib.workers import Lost, streamed


def counted(job):
    for k in range(job):
        yield os.getpid(), k


def dying(job):
    yield "begun"
    if job == 1:
        os._exit(7)
    yield "done"


def slow(folder):
    """Leaves a note of its number while it works, and takes it away however it ends."""
    note = Path(folder) / str(os.getpid())
    note.touch()
    try:
        yield os.getpid()
        time.sleep(60)
    finally:
        note.unlink()


@pytest.mark.parametrize("workers", [1, 2])
def test_all_that_is_told_arrives(workers):
    found = list(streamed(workers, counted, [3, 0, 2, 1]))
    assert sorted((job, k) for job, (_, k) in found) == [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
    assert ({pid for _, (pid, _) in found} == {os.getpid()}) == (workers == 1)


def test_a_process_that_dies_costs_its_job_only():
    found = list(streamed(2, dying, [0, 1, 2, 3]))
    assert [told for job, told in found if job == 1] == ["begun", Lost(7)]
    assert all([told for job, told in found if job == k] == ["begun", "done"] for k in (0, 2, 3))


@pytest.mark.parametrize("how", ["left", "killed"])
def test_nobody_works_on_when_nobody_listens(tmp_path, how):
    start = time.monotonic()
    with closing(streamed(2, slow, [str(tmp_path)] * 4)) as found:
        pids = [next(found)[1], next(found)[1]]
        if how == "killed":
            os.kill(pids[0], signal.SIGKILL)
            assert isinstance(next(found)[1], Lost)
    assert time.monotonic() - start < 30
    assert [path.name for path in tmp_path.iterdir()] == ([str(pids[0])] if how == "killed" else []), "they leave as after a Ctrl-C"
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
