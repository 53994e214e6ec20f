"""Widgets are thin: the slider shows what the pure drawing function draws."""

import numpy as np
from matplotlib.figure import Figure

from signer_lib.figures.moment import plot_moment
from signer_lib.pose import PoseSequence
from signer_lib.prior.body import load_body
from signer_lib.widgets import png, scrubber


def drawn(k: int) -> Figure:
    figure = Figure(figsize=(1, 1))
    figure.text(0.5, 0.5, str(k))
    return figure


def test_the_slider_redraws_the_picture():
    box = scrubber(drawn, 5)
    (play, slider), picture = box.children[0].children, box.children[1]
    assert (slider.min, slider.max, play.max) == (0, 4, 4) and picture.value == png(drawn(0))
    slider.value = 3
    assert picture.value == png(drawn(3)) != png(drawn(0))


def test_a_moment_shows_the_frame_the_gates_and_where_we_are():
    poses = PoseSequence(np.repeat(load_body().rest()[None], 20, 0), 25.0)
    gates = np.full((20, 3), 1 / 3)
    figure = plot_moment(poses, gates, [("BOOK", 4, 15)], 10, size=128)
    left, right = figure.axes[:2]
    assert "frame 10 of 20" in left.get_title() and left.images and right.images
    assert any(line.get_xdata()[0] == 10.5 / 25 for line in right.lines)
    assert "0.33" in right.get_yticklabels()[0].get_text()
