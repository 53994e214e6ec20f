"""A figure in words, for who cannot see it: written into saved files, and beside every picture that a notebook or a widget shows. [ours]"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from signer_lib.errors import SignerError

PANELS = 6                              # of which more is said than how many there are
NAMES = 8                               # of a legend or an axis that are read out
LONGEST = 900                           # characters


def with_alt(figure: Figure, text: str) -> Figure:
    """The same figure, which ``alt_text`` now describes with ``text``. Raises ``SignerError`` for an empty one."""
    if not text.strip():
        raise SignerError("an alternative text says what is seen: write a sentence")
    figure.set_label(text)
    return figure


def alt_text(figure: Figure) -> str:
    """The text of ``with_alt``, or else what can be read from titles, axes and legends."""
    return str(figure.get_label()) or _described(figure)


def _described(figure: Figure) -> str:
    panels = [axis for axis in figure.axes if axis.get_label() != "<colorbar>" and (axis.has_data() or axis.get_title())]
    title = figure.get_suptitle()
    said = [f"{_flat(title)}."] if title else []
    said.append(f"Figure of {len(panels)} panels." if len(panels) > 1 else "Figure.")
    said += [_panel(axis) for axis in panels[:PANELS]]
    said += [f"Further panels: {len(panels) - PANELS}."] * (len(panels) > PANELS)
    text = " ".join(said)
    return text if len(text) <= LONGEST else text[:LONGEST - 1].rsplit(" ", 1)[0] + "…"


def _panel(axis: Axes) -> str:
    parts = [text for text in (_flat(axis.get_title()), *_contents(axis)) if text]
    for name, side in (("horizontal", axis.xaxis), ("vertical", axis.yaxis)):
        label, ticks = _flat(side.get_label().get_text()), [_flat(tick.get_text()) for tick in side.get_ticklabels() if tick.get_text()]
        words = [tick for tick in ticks if not _number(tick)] if axis.axison else []
        parts += [f"{name}: {label or 'names'}" + (f" ({_listed(words)})" if words else "")] * bool(axis.axison and (label or words))
    above = [_flat(tick.get_text()) for child in axis.child_axes for tick in child.get_xticklabels() if not _number(tick.get_text())]
    parts += [f"above: {_listed(above)}"] * bool(above)
    return "; ".join(parts or ["a drawing"]) + "."


def _contents(axis: Axes) -> list[str]:
    axes_of = {np.ndim(np.asarray(image.get_array())) for image in axis.images}
    kinds = {"a picture": 3 in axes_of, "values as colours": 2 in axes_of, "bars": any(isinstance(one, BarContainer) for one in axis.containers),
             "lines": any(np.size(np.asarray(line.get_xdata())) > 2 for line in axis.lines)}
    legend = axis.get_legend()
    named = _listed([_flat(text.get_text()) for text in legend.get_texts()]) if legend else ""
    return [kind for kind, there in kinds.items() if there] + [f"of {named}"] * bool(named)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:NAMES]) + (f" and {len(names) - NAMES} more" if len(names) > NAMES else "")


def _flat(text: str) -> str:
    return " ".join(text.split())


def _number(text: str) -> bool:
    return not any(letter.isalpha() for letter in text.replace("mathdefault", ""))


def speak_in_notebooks() -> None:
    """In a notebook, every figure that is shown carries its text, in the PNG and as the output's metadata "alt"; elsewhere nothing happens.

    ``nbconvert --template classic`` writes it into the page; JupyterLab 4 and nbconvert's default template do not read it yet.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return

    def bundle(figure: Figure, include: Any = None, exclude: Any = None) -> tuple[dict[str, bytes], dict[str, dict[str, str]]]:
        from IPython.core.pylabtools import print_figure

        alt = alt_text(figure)
        data = print_figure(figure, "png", metadata={"Description": alt})                            # type: ignore[no-untyped-call]
        return ({"image/png": data}, {"image/png": {"alt": alt}}) if data else ({}, {})

    shell.display_formatter.mimebundle_formatter.for_type(Figure, bundle)
