"""Sliders send more values than can be drawn: only the newest is. [ours]"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

WAIT = 0.03                             # seconds from the first of several changes to the drawing of the last


def newest(draw: Callable[[], object]) -> Callable[[Any], None]:
    """An observer that draws once, a moment after the first of several changes; at once where no event loop runs."""
    waiting = False

    def draw_now() -> None:
        nonlocal waiting
        waiting = False
        draw()

    def changed(_: Any) -> None:
        nonlocal waiting
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            draw()
            return
        if not waiting:
            waiting = True
            loop.call_later(WAIT, draw_now)

    return changed
