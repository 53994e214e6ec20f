"""Files that appear whole or not at all. [ours]"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signer_lib.errors import SignerError


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place if the block ends well, and vanishes if it does not.

    Missing folders are made. Raises ``SignerError`` if the place cannot be written to.
    """
    path, part = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        yield Path(part)
        os.chmod(part, 0o644)                                          # mkstemp makes files that only their owner can read
        os.replace(part, path)
    except OSError as error:
        raise SignerError(f"cannot write {path}: {error.strerror or error}; choose another place") from error
    finally:
        if part is not None:
            Path(part).unlink(missing_ok=True)
