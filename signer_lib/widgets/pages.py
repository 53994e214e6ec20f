"""One HTML file that holds all it needs: it plays in a notebook, in the exported notebook and by itself, without a kernel or a network. [ours]"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from signer_lib.files import whole_file

TEMPLATES = Path(__file__).resolve().parent / "templates"
BESIDE = 136                            # pixels that the controls below the stage need, on a page of usual width


@dataclass(frozen=True)
class Page:
    """A document, as the last line of a cell; ``title`` names it for screen readers, ``height`` is of the stage, pixels.

    The page is shown in a frame of its own, which may run scripts and do nothing else; its own policy forbids every request.
    """

    title: str
    height: int
    document: str = field(repr=False)

    @classmethod
    def of(cls, title: str, script: str, told: dict[str, Any], *, height: int, controls: str = "", help: str = "") -> Page:
        """The page whose templates/SCRIPT shows ``told``, which may hold anything: it cannot leave its place in the page."""
        files = {name: (TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "player.js", script)}
        parts = {"TITLE": escape(title), "STYLE": files["page.css"].replace("@HEIGHT@", str(height)), "CONTROLS": controls, "HELP": escape(help),
                 "SCRIPT": files["player.js"] + files[script],
                 "TOLD": json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")}
        return cls(title, height, re.sub(r"@([A-Z]+)@", lambda found: parts[found[1]], files["page.html"]))

    def save(self, path: Path | str) -> Path:
        """Writes the page as a file that any browser opens, whole or not at all. Raises ``SignerError`` for a place that cannot be written to."""
        with whole_file(path) as part:
            part.write_text(self.document, encoding="utf-8")
        return Path(path)

    def _repr_html_(self) -> str:
        return (f'<iframe title="{escape(self.title)}" sandbox="allow-scripts" srcdoc="{escape(self.document)}" '
                f'style="width:100%;height:{self.height + BESIDE}px;border:0;background:#fff;border-radius:4px"></iframe>')


def named(things: Any, kinds: tuple[type, ...], name: str) -> dict[str, Any]:
    """One thing, several, or a mapping of names to things -> name: thing; what has no name gets ``name`` and a number."""
    if isinstance(things, kinds):
        return {name: things}
    if isinstance(things, dict):
        return {str(key): thing for key, thing in things.items()}
    rows = list(things) if isinstance(things, Sequence) else [things]
    return {f"{name} {number}": thing for number, thing in enumerate(rows, 1)}
