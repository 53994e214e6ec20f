"""A slider over a drawing function. [ours]"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import ipywidgets
from matplotlib.figure import Figure

from signer_lib.widgets.look import keyed
from signer_lib.widgets.pictures import shown_figure
from signer_lib.widgets.settling import newest

KEPT = 64                               # pictures


def scrubber(draw: Callable[[int], Figure], steps: int, name: str = "frame", fps: float = 8.0) -> ipywidgets.VBox:
    """A slider (arrow keys move it) and a play button over ``draw(k)``, k in [0, steps). Static form: ``draw`` of one k."""
    return sliding(lambda k: shown_figure(draw(k)), steps, name, fps)


def sliding(show: Callable[[int], str], steps: int, name: str = "frame", fps: float = 8.0) -> ipywidgets.VBox:
    """The same over a function that gives HTML."""
    show = lru_cache(maxsize=KEPT)(show)
    picture = ipywidgets.HTML(value=show(0))
    slider = ipywidgets.IntSlider(0, 0, steps - 1, description=name, continuous_update=True, layout={"width": "60%"})
    play = ipywidgets.Play(min=0, max=steps - 1, interval=round(1000 / fps))
    ipywidgets.jslink((play, "value"), (slider, "value"))
    slider.observe(newest(lambda: setattr(picture, "value", show(slider.value))), "value")
    return keyed(ipywidgets.HBox([play, slider]), picture)
