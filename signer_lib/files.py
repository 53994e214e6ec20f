"""Writing so that nothing is ever half-written: into a temporary folder first, then renamed into place. And names that stay in their folder."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signer_lib.errors import SignerError


@contextmanager
def filling(folder: Path | str) -> Iterator[Path]:
    """A temporary folder whose files move into ``folder`` when the block ends well; when it does not, nothing is left behind.

    Files that are already in ``folder`` stay, but for those of the same name. Raises ``SignerError`` if it cannot be written to.
    """
    folder = Path(folder)
    fresh, part, ours = [], None, True                                    # ours: an OSError now is about the folder, not the caller's
    try:
        fresh = [p for p in (folder, *folder.parents) if not p.exists()]  # what we make, the deepest first
        folder.mkdir(parents=True, exist_ok=True)
        part, ours = Path(tempfile.mkdtemp(prefix=".part-", dir=folder)), False
        yield part
        ours = True
        for path in sorted(part.iterdir()):
            os.replace(path, folder / path.name)
        part.rmdir()
    except BaseException as error:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
        for made in fresh:
            if made.is_dir() and not any(made.iterdir()):
                made.rmdir()
        if isinstance(error, OSError) and (ours or error.errno == errno.ENOSPC):
            raise SignerError(f"cannot write to {folder}: {error.strerror or error}. Choose another folder") from None
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
