"""One progress bar for all long work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm.auto import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], title: str, total: int | None = None) -> Iterable[Item]:
    """The items, with a bar on standard error; silent under ``TQDM_DISABLE=1`` or where nobody watches."""
    return tqdm(items, desc=title, total=total, disable=_quiet(), leave=False, dynamic_ncols=True)


@contextmanager
def bar(title: str, total: int, done: int = 0, shown: bool = True) -> Iterator[Callable[[float], None]]:
    """A bar for a loop that counts by itself: call what it gives after each step, with the loss to show."""
    with tqdm(desc=title, total=total, initial=done, disable=_quiet() or not shown, leave=False, dynamic_ncols=True) as shown_bar:

        def tick(loss: float) -> None:
            shown_bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            shown_bar.update()

        yield tick


def _quiet() -> bool:
    return os.environ.get("TQDM_DISABLE") == "1" or not sys.stderr.isatty()
