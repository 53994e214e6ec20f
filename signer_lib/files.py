"""Writing so that nothing is ever half-written: into a temporary folder first, then renamed into place. And names that stay in their folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signer_lib.errors import SignerError, no_space

try:
    import fcntl
except ImportError:                      # Windows: what a killed process leaves there stays
    fcntl = None  # type: ignore[assignment]  # a system without it

PART = ".part-"


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A temporary folder in ``parent``, gone when the block ends; those of processes that were killed are swept away first.

    The system takes a lock back from a process that dies, so a folder that can be locked is nobody's. Raises ``OSError``.
    """
    for left in parent.glob(PART + "*"):
        if handle := _locked(left, wait=False):
            shutil.rmtree(left, ignore_errors=True)
            os.close(handle)
    while True:
        part = Path(tempfile.mkdtemp(prefix=PART, dir=parent))
        handle = _locked(part, wait=True)
        if part.exists():                                                 # another process may have swept it before it was locked
            break
        _release(handle)
    try:
        os.chmod(part, 0o755)                                             # mkdtemp makes folders that only their owner can read
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        _release(handle)


def _locked(folder: Path, wait: bool) -> int | None:
    """A handle that keeps ``folder`` for this process, or None: it is another's, it is gone, or there are no locks here."""
    if fcntl is None:
        return None
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _release(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Only one process at a time is in such a block of ``folder``. Raises ``SignerError`` if another is."""
    handle = _locked(folder, wait=False)
    if handle is None and fcntl is not None:
        raise SignerError(f"another process is at work in {folder}: wait for it, or choose another folder")
    try:
        yield
    finally:
        _release(handle)


@contextmanager
def filling(folder: Path | str) -> Iterator[Path]:
    """A temporary folder whose files move into ``folder`` when the block ends well; when it does not, nothing is left behind.

    Files that are already in ``folder`` stay, but for those of the same name. Raises ``SignerError`` if it cannot be written to.
    """
    folder = Path(folder)
    fresh: list[Path] = []
    ours = True                                                           # an OSError now is about the folder, not the caller's
    try:
        fresh = [p for p in (folder, *folder.parents) if not p.exists()]  # what we make, the deepest first
        folder.mkdir(parents=True, exist_ok=True)
        with scratch(folder) as part:
            ours = False
            yield part
            ours = True
            for path in sorted(part.iterdir()):
                os.replace(path, folder / path.name)
    except BaseException as error:
        for made in fresh:
            if made.is_dir() and not any(made.iterdir()):
                made.rmdir()
        if no_space(error) or isinstance(error, OSError) and ours:
            reason = "no space is left" if no_space(error) else getattr(error, "strerror", None) or error
            asked = next(p for p in (folder, *folder.parents) if not p.name.startswith(PART))        # a block within a block
            raise SignerError(f"cannot write to {asked}: {reason}. Choose another folder") from None
        raise


@contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """A path to write to, with the same ending; it takes the place of ``path`` when the block ends well."""
    path = Path(path)
    with filling(path.parent) as part:
        yield part / path.name


def inside(folder: Path | str, name: object) -> Path:
    """``folder``/``name`` for a name that somebody's file gives; it may have folders of its own.

    Raises ``SignerError`` for what leads out of the folder: an absolute path, "..", a symbolic link to elsewhere; and for what is no name at all.
    """
    folder = Path(folder)
    parts = name.replace("\\", "/").split("/") if isinstance(name, str) else []
    drive = len(parts) > 0 and parts[0][1:2] == ":"
    if not parts or ".." in parts or parts[0] == "" or drive or not str(name).isprintable():
        raise SignerError(f"{folder} names a file {name!r}, which is not inside it: correct the name")
    path = folder / str(name)
    try:
        if path.resolve().is_relative_to(folder.resolve()):
            return path
    except (OSError, RuntimeError):                       # RuntimeError: links that go round, before Python 3.13
        pass
    raise SignerError(f"{path} is a link that leads out of {folder}: put the file itself there")
