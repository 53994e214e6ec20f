"""Figures: data in, matplotlib objects out. Nothing here shows a window or uses pyplot's state."""

from signer_lib.figures.alt import alt_text, speak_in_notebooks, with_alt
from signer_lib.figures.gates import plot_gates
from signer_lib.figures.poses import plot_strip
from signer_lib.figures.save import save_fig

__all__ = ["alt_text", "plot_gates", "plot_strip", "save_fig", "with_alt"]

speak_in_notebooks()
