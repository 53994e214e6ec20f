"""The renderer's pictures: what they show, and what they refuse."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
from signer_lib.figures import renderer as draw
from signer_lib.render.control import CHANNELS
from signer_lib.render.framing import Framing
from signer_lib.widgets import png

PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)


def images(figure):
    return [axis.images[0].get_array() for axis in figure.axes if axis.images]


def test_rows_of_pictures_show_what_they_are_given_and_leave_places_empty():
    figure = draw.plot_pictures({"frames": [PICTURE, PICTURE // 2], "depth": [np.eye(16), None], "short": [PICTURE]}, ["one", "two"])
    assert isinstance(figure, Figure) and len(figure.axes) == 6 and len(images(figure)) == 4
    assert np.array_equal(images(figure)[1], PICTURE // 2) and [axis.get_title() for axis in figure.axes[:2]] == ["one", "two"]
    assert [figure.axes[k].get_ylabel() for k in (0, 2, 4)] == ["frames", "depth", "short"]
    grey = figure.axes[2].images[0]
    assert (grey.norm.vmin, grey.norm.vmax) == (0, 1), "grey pictures of one figure can be compared"
    png(figure)


def test_pixels_are_seen_as_such_where_they_are_enlarged_and_are_not_left_out_where_they_are_many():
    figure = draw.plot_pictures({"": [PICTURE, np.zeros((256, 256, 3), np.uint8)]}, inches=1)
    assert [axis.images[0].get_interpolation() for axis in figure.axes] == ["nearest", "antialiased"]


def test_names_do_not_run_into_pictures():
    figure = draw.plot_pictures({"a rather long name\nof a row": [PICTURE] * 3, "b": [PICTURE] * 3}, ["x"] * 3)
    FigureCanvasAgg(figure).draw()
    edges = [axis.get_window_extent() for axis in figure.axes]
    names = [axis.yaxis.label.get_window_extent() for axis in figure.axes if axis.get_ylabel()]
    assert all(name.x0 >= 0 and name.x1 <= edges[0].x0 for name in names)
    assert np.ptp([edge.width for edge in edges]) < 1 and not any(a.overlaps(b) for k, a in enumerate(edges) for b in edges[:k])


@pytest.mark.parametrize("rows, columns", [({}, []), ({"a": []}, []), ({"a": [PICTURE]}, ["one", "two"])])
def test_rows_without_pictures_or_with_other_names_are_refused(rows, columns):
    with pytest.raises(SignerError, match="do not fit"):
        draw.plot_pictures(rows, columns)


def test_every_channel_stands_under_its_name():
    control = np.linspace(0, 1, len(CHANNELS))[:, None, None] * np.ones((1, 8, 8))
    figure = draw.plot_channels(control)
    assert [axis.get_title() for axis in figure.axes[:len(CHANNELS)]] == [name.replace("_", " ") for name in CHANNELS]
    assert np.allclose([image.mean() for image in images(figure)], np.linspace(0, 1, len(CHANNELS)))
    with pytest.raises(SignerError, match="19 channels"):
        draw.plot_channels(control[:3])


def test_arrows_begin_at_the_joints_and_point_where_they_are_pulled():
    xyz, pull = np.zeros((70, 3)), np.zeros((70, 3))
    xyz[:, :2] = np.random.default_rng(1).uniform(-1, 1, (70, 2))
    pull[3], pull[9], pull[20] = (0.5, 0, 9), (0, 1, 0), (0.001, 0, 0)              # right, up, and too little to be drawn
    axis = draw.plot_pull(np.zeros((64, 64, 3), np.uint8), xyz, pull, (40, 20), around=30)
    (arrows,) = [child for child in axis.get_children() if hasattr(child, "U")]
    assert np.allclose(np.c_[arrows.X, arrows.Y], Framing().to_pixels(xyz[[3, 9]], 64) - 0.5)
    assert np.allclose(arrows.U, [draw.LONGEST * 15, 0]) and np.allclose(arrows.V, [0, -draw.LONGEST * 30]), "rows grow downwards"
    assert axis.get_xlim() == (25, 55) and axis.get_ylim() == (35, 5)
    assert [patch.get_xy() for patch in axis.patches] == [(39.5, 19.5)]


def test_no_pull_is_no_arrow():
    axis = draw.plot_pull(PICTURE, np.zeros((70, 3)), np.zeros((70, 3)))
    assert not [child for child in axis.get_children() if hasattr(child, "U")]
    with pytest.raises(SignerError, match="one arrow"):
        draw.plot_pull(PICTURE, np.zeros((70, 3)), np.zeros((21, 3)))


def test_a_line_of_pixels_over_time():
    video = np.random.default_rng(2).integers(0, 256, (5, 16, 16, 3), np.uint8)
    figure = draw.plot_slices({"a": video, "b": video[:, ::-1]}, 4)
    assert np.array_equal(images(figure)[0], video[:, 4]) and np.array_equal(images(figure)[1], video[:, 11])
    assert figure.axes[0].get_ylim() == (5, 0), "time runs downwards"
    assert np.array_equal(images(draw.plot_slices({"a": video}, 4, zoom=(3, 9)))[0], video[:, 4, 3:9])
    for videos, row in (({}, 0), ({"a": video}, 16), ({"a": video[0]}, 1)):
        with pytest.raises(SignerError, match="no line"):
            draw.plot_slices(videos, row)


def test_changes_and_steps():
    axis = draw.plot_changes({"a": np.arange(4.0), "b": np.ones(4)}, [2, 3])
    assert np.array_equal(axis.lines[0].get_xdata(), [1, 2, 3, 4]) and [line.get_xdata()[0] for line in axis.lines[2:]] == [2, 3]
    axis = draw.plot_steps([1, 2, 4, 8], {"long": [1, 2, 3, 4], "short": [2, 3, 4]}, label="hand SSIM", limits={"ceiling": 5})
    assert [len(line.get_xdata()) for line in axis.lines[:2]] == [4, 3] and axis.get_ylabel() == "hand SSIM"
    assert [label.get_text() for label in axis.get_xticklabels()] == ["1", "2", "4", "8"]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["long", "short", "ceiling"]


ROWS = {"mean_frame": {"kind": "floor", "ssim": 0.8, "hand_ssim": 0.3, "flicker_ratio": 0.0, "keypoint_error": 0.2},
        "renderer": {"kind": "system", "ssim": 0.9, "hand_ssim": 0.7, "flicker_ratio": 1.1, "keypoint_error": 0.015},
        "reference": {"kind": "ceiling", "ssim": 1.0, "hand_ssim": 1.0, "flicker_ratio": 1.0, "keypoint_error": None}}


def test_measures_between_floors_and_ceilings_stand_in_their_row():
    figure = draw.plot_scores(ROWS, {name: name.upper() for name in ROWS})
    points = {axis.get_xlabel(): [tuple(scatter.get_offsets()[0]) for scatter in axis.collections] for axis in figure.axes}
    assert points["SSIM of hands\n(higher is better)"] == [(0.3, 0), (0.7, 1), (1.0, 2)]
    assert np.allclose(points["keypoints, error in % of the side\n(lower is better)"], [(20, 0), (1.5, 1)])
    assert "not known" in [text.get_text() for text in figure.axes[3].texts] and figure.axes[0].get_ylim() == (2.5, -0.5), "the first row on top"
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["MEAN_FRAME", "RENDERER", "REFERENCE"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["floor", "system", "ceiling"]
    png(figure)
    for rows in ({}, {"a": {"kind": "guess"}}):
        with pytest.raises(SignerError, match="kinds"):
            draw.plot_scores(rows, {"a": "a"})


def test_bars_of_seconds_end_at_their_times():
    axis = draw.plot_seconds({"ours": 8.0, "large": 4000.0})
    assert [bar.get_x() + bar.get_width() for bar in axis.patches] == pytest.approx([8, 4000]) and axis.get_xscale() == "log"
    assert [text.get_text() for text in axis.texts] == ["8.0 s", "4,000 s"]
    with pytest.raises(SignerError, match="more than 0"):
        draw.plot_seconds({"ours": 0.0})
