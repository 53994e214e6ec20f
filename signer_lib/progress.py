"""One progress bar for all long work."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator

from tqdm.auto import tqdm


def progress(items: Iterable, title: str, total: int | None = None) -> Iterator:
    """The items, with a bar on standard error; silent under ``TQDM_DISABLE=1`` or where nobody watches."""
    quiet = os.environ.get("TQDM_DISABLE") == "1" or not sys.stderr.isatty()
    return tqdm(items, desc=title, total=total, disable=quiet, leave=False, dynamic_ncols=True)
