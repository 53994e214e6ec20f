"""Where a figure is drawn."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def axis_of(axis: Axes | None, width: float, height: float) -> Axes:
    """The axis, or else that of a new figure so many inches wide and high."""
    return axis if axis is not None else Figure(figsize=(width, height), layout="constrained").subplots()
