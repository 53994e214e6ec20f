"""What the explorers share: their style, a line that says what went wrong, tables. [ours]"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets

from signer_lib.errors import SignerError

STYLE = """<style>
.signer-line { line-height: 1.5; min-height: 1.5em; color: var(--jp-ui-font-color1, #111) }
.signer-error { color: #fff; background: #a33c00; padding: 2px 8px; border-radius: 3px; line-height: 1.5 }
.signer-table { border-collapse: collapse; color: var(--jp-ui-font-color1, #111); line-height: 1.5; font-variant-numeric: tabular-nums }
.signer-table caption { text-align: left; padding: 4px 0; color: var(--jp-ui-font-color1, #111) }
.signer-table th, .signer-table td { text-align: left; padding: 1px 14px 1px 0; border-bottom: 1px solid var(--jp-border-color1, #999) }
.signer-table th, .signer-table td { white-space: nowrap }
.signer-wide { overflow-x: auto }
pre.signer-code { user-select: all; white-space: pre-wrap; font-family: var(--jp-code-font-family, monospace); font-size: 13px; line-height: 1.45;
  color: var(--jp-content-font-color1, #111); background: var(--jp-layout-color2, #eee); padding: 8px; margin: 0; border-radius: 4px }
.signer-row { display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-start }
</style>"""


# JupyterLab would take arrows and letters from a menu that has the focus, and move or cut cells; it leaves them to what carries this mark itself
KEYS = """<img alt="" src="data:," onerror="this.closest('.signer-widget')?.addEventListener('focusin',
  event => event.target.setAttribute('data-lm-suppress-shortcuts', 'true')); this.remove()">"""


def keyed(*boxes: ipywidgets.Widget) -> ipywidgets.VBox:
    """The boxes below one another, whose keys are their own."""
    box = ipywidgets.VBox([*boxes, ipywidgets.HTML(KEYS, layout={"display": "none"})])
    box.add_class("signer-widget")
    return box


def styled(*boxes: ipywidgets.Widget) -> ipywidgets.VBox:
    """The same, with the style that their classes need."""
    return keyed(ipywidgets.HTML(STYLE, layout={"display": "none"}), *boxes)


def line(text: str = "") -> str:
    """Something to read; screen readers say it when it changes."""
    return f'<div class="signer-line" role="status" aria-live="polite">{escape(text)}</div>'


def wrong(error: Exception) -> str:
    """An error in one line."""
    text = str(error) if isinstance(error, SignerError) else f"{type(error).__name__}: {error}"
    return f'<div class="signer-line" role="alert"><span class="signer-error">Not possible: {escape(" ".join(text.split()))}</span></div>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Rows of texts, which are escaped, under ``heads``."""
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (f'<div class="signer-wide"><table class="signer-table">{title}<thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def guarded(status: ipywidgets.HTML, act: Callable[[], object]) -> Callable[..., None]:
    """``act`` as an answer to a click or a change: what it raises stands in ``status`` in one line, and nothing else of the widget changes."""

    def answer(*_: Any) -> None:
        try:
            act()
        except Exception as error:                         # a widget has no other place for what nobody foresaw
            status.value = wrong(error)

    return answer
