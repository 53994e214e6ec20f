"""Sliders and lists over the drawing functions. Each widget is thin: the picture comes from a pure function in ``figures``."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import ipywidgets
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from signer_lib.signing import Signing


def png(figure: Figure, dpi: int = 80) -> bytes:
    """A figure as PNG bytes, without pyplot."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def scrubber(draw: Callable[[int], Figure], steps: int, name: str = "frame", fps: float = 8.0) -> ipywidgets.VBox:
    """A slider (arrow keys move it) and a play button over ``draw(k)``, k in [0, steps)."""
    picture = ipywidgets.Image(value=png(draw(0)), format="png")
    slider = ipywidgets.IntSlider(0, 0, steps - 1, description=name, continuous_update=True, layout={"width": "60%"})
    play = ipywidgets.Play(min=0, max=steps - 1, interval=round(1000 / fps))
    ipywidgets.jslink((play, "value"), (slider, "value"))
    slider.observe(lambda change: setattr(picture, "value", png(draw(change["new"]))), "value")
    return ipywidgets.VBox([ipywidgets.HBox([play, slider]), picture])


def chooser(draw: Callable[..., Figure], **choices: Sequence[str]) -> ipywidgets.VBox:
    """A list to choose from for each argument of ``draw(name=chosen, ...)``; the first of each is chosen at the start."""
    lists = {name: ipywidgets.Dropdown(options=list(names), description=name) for name, names in choices.items()}

    def chosen() -> bytes:
        return png(draw(**{name: box.value for name, box in lists.items()}))

    picture = ipywidgets.Image(value=chosen(), format="png")
    for box in lists.values():
        box.observe(lambda change: setattr(picture, "value", chosen()), "value")
    return ipywidgets.VBox([ipywidgets.HBox(list(lists.values())), picture])


def scrub(signing: Signing) -> ipywidgets.VBox:
    """Frames and gates of a ``signing.Signing``, moment by moment."""
    return scrubber(signing.plot_moment, len(signing.poses))
