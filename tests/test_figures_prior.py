"""The prior's pictures: what they show, what they refuse, and the lists that change them."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
from signer_lib.figures import prior as draw
from signer_lib.pose import PoseSequence
from signer_lib.prior.body import SIGNERS, load_body
from signer_lib.prior.handshapes import load_handshapes
from signer_lib.widgets import chooser
from signer_lib.widgets.pictures import shown_figure

PLACES = ("forehead", "chin", "temple", "chest", "hip-same", "hip-other", "neutral")


@pytest.fixture(scope="module")
def hand(body):
    return body.hand_points(load_handshapes()["5"][None])[0]


@pytest.fixture(scope="module")
def waving(body):
    poses = np.repeat(body.rest()[None], 12, 0)
    poses[:, 29:50, 0] -= np.linspace(0, 0.3, 12)[:, None]
    poses[:, 4, 0] -= np.linspace(0, 0.3, 12)
    return PoseSequence(poses, 25)


def boxes(axis):
    axis.figure.canvas.draw()
    return [text.get_window_extent() for text in axis.texts]


def apart(found):
    return not any(a.overlaps(b) for k, a in enumerate(found) for b in found[:k])


def test_a_hand_is_drawn_with_nearer_bones_on_top(hand):
    axis = draw.plot_hand(hand, title="5")
    coloured = [line for line in axis.lines if line.get_color() != "black"]
    assert len(coloured) == 15 and axis.get_title() == "5"
    depth = {tuple(hand[[a, b], 0]): hand[[a, b], 2].mean() for joints in draw.DIGITS.values() for a, b in zip(joints[1:], joints[2:])}
    order = [depth[tuple(line.get_xdata())] for line in sorted(coloured, key=lambda line: line.get_zorder())]
    assert order == sorted(order)


def test_a_sheet_of_hands_has_one_scale_and_a_name_for_each(hand):
    figure = draw.plot_hands({"small": 0.5 * hand, "whole": hand, "again": hand}, columns=2)
    assert [axis.get_title() for axis in figure.axes] == ["small", "whole", "again", ""]
    assert len({round(float(np.ptp(axis.get_xlim())), 6) for axis in figure.axes[:3]}) == 1


def test_fingers_are_seen_from_the_side_with_the_palm_downwards(hand):
    axis = draw.plot_fingers({"index": hand[[0, 5, 6, 7, 8]], "middle": hand[[0, 9, 10, 11, 12]]})
    assert np.allclose(axis.lines[0].get_xdata(), hand[[0, 5, 6, 7, 8], 1]) and axis.yaxis_inverted()
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["index", "middle"]


def test_places_stand_where_the_body_has_them_and_their_names_do_not_touch(body):
    axis = draw.plot_places(body, PLACES)
    dots = {(float(line.get_xdata()[0]), float(line.get_ydata()[0])): line.get_markerfacecolor() for line in axis.lines if line.get_marker() == "o"}
    for name in PLACES:
        assert tuple(body.place(name)[0][:2]) in dots
    assert dots[tuple(body.place("neutral")[0][:2])] == "white", "free space is hollow"
    assert {text.get_text() for text in axis.texts} == set(PLACES) and apart(boxes(axis))
    assert len(axis.patches) == len(body.torso) + len(body.head)
    right = [text.get_text() for text in axis.texts if text.get_position()[0] < 0]
    assert "hip-same" in right and "hip-other" not in right


def test_places_move_with_the_signer():
    found = [draw.plot_places(load_body(SIGNERS / f"{name}.yaml"), ("chin",)).lines[-1] for name in ("small", "broad")]
    assert found[0].get_ydata() != found[1].get_ydata()


def test_elbows_are_marked_by_whether_they_are_allowed(body):
    turn = np.linspace(0, 6, 7)
    circle = np.stack([-0.5 + 0.4 * np.cos(turn), 0.4 * np.sin(turn), 0 * turn + 0.3], -1)
    front, side = draw.plot_elbows(body, np.array([-0.4, 0, 0.6]), circle, turn < 3, circle[1])
    past, inside, arm = front.lines[1:4]
    assert (len(past.get_xdata()), len(inside.get_xdata())) == (4, 3)
    assert arm.get_xdata()[1] == circle[1, 0] and side.lines[3].get_xdata()[1] == circle[1, 2]
    with pytest.raises(SignerError, match="7 elbows"):
        draw.plot_elbows(body, np.zeros(3), circle, [True], circle[0])


def test_curves_have_a_unit_a_legend_and_a_line_at_now():
    seconds = np.arange(5) / 25
    axis = draw.plot_curves(seconds, {"a": seconds, "b": 2 * seconds}, label="height (cm)", now=0.08)
    assert axis.get_ylabel() == "height (cm)" and axis.get_xlabel() == "time (s)" and len(axis.get_legend().get_texts()) == 2
    assert axis.lines[2].get_xdata()[0] == 0.08
    assert draw.plot_curves(seconds, {"a": seconds}, label="x").get_legend() is None


def test_a_path_has_a_dot_a_frame_inside_the_picture():
    path = np.stack([np.linspace(0, 2, 9), np.zeros(9), np.linspace(0, -1, 9)], -1)
    axis = draw.plot_path(path, title="far", plane=(2, 0))
    dots = axis.collections[0].get_offsets()
    assert np.allclose(dots, path[:, [2, 0]])
    for values, (low, high) in zip(dots.T, (axis.get_xlim(), axis.get_ylim())):
        assert low < values.min() and values.max() < high


def test_strips_show_first_and_last_frame_of_every_sign(waving):
    figure = draw.plot_strips({"WAVE": waving, "AGAIN": waving}, frames=3, size=96)
    assert [axis.get_title() for axis in figure.axes[:3]] == ["0.00 s", "0.24 s", "0.44 s"]
    assert [axis.get_ylabel() for axis in figure.axes[::3]] == ["WAVE", "AGAIN"]
    for signs in ({}, {"EMPTY": PoseSequence(np.zeros((0, 70, 3)), 25)}):
        with pytest.raises(SignerError, match="one frame or more"):
            draw.plot_strips(signs)


def test_a_strip_is_wide_enough_for_its_hands(waving):
    wide = PoseSequence(waving.xyz * [2, 1, 1], 25)
    near, far = (draw.plot_strips({"x": poses}, frames=2, size=96).axes[0].images[0].get_array().shape for poses in (waving, wide))
    assert near[1] < far[1] <= 96


def test_missing_hands_can_be_drawn_too(waving):
    xyz = waving.xyz.copy()
    xyz[:, 8:50] = np.nan
    assert draw.plot_strips({"lost": PoseSequence(xyz, 25)}, frames=2, size=96).axes[0].images


def test_a_sign_shows_its_frame_and_its_speed(waving):
    left, right = draw.plot_sign(waving, 6, size=96).axes
    assert left.images and right.lines[2].get_xdata()[0] == 6 / 25
    assert np.allclose(right.lines[0].get_ydata(), 0.3 / 11 * 25, atol=1e-4) and np.allclose(right.lines[1].get_ydata(), 0)


def test_a_face_fills_its_picture(body):
    figure = draw.plot_faces({"at rest": body.rest(), "the same": body.rest()})
    picture = figure.axes[0].images[0].get_array()
    assert [axis.get_title() for axis in figure.axes] == ["at rest", "the same"]
    assert (picture != picture[0, 0]).any(-1).mean() > 0.3


def test_names_on_the_map_never_touch_and_one_without_room_is_left_out():
    rng = np.random.default_rng(0)
    points, names = rng.normal(size=(60, 2)), [f"SIGN-{k}" for k in range(60)]
    axis = draw.plot_map(points, names, ["ab"[k % 2] for k in range(60)], labelled=names, legend="kind")
    assert len(axis.texts) == 60 and apart(boxes(axis))
    assert [len(c.get_offsets()) for c in axis.collections] == [30, 30]
    one_place = draw.plot_map(np.zeros((30, 2)), names[:30], ["a"] * 30, labelled=names[:30])
    assert 1 < len(one_place.texts) < 30 and apart(boxes(one_place))
    with pytest.raises(SignerError, match="60 points"):
        draw.plot_map(points, names[:5], ["a"] * 60)


def test_recognition_shows_every_row_in_its_order():
    rows = {"chance": {"top1": 2, "top5": 10}, "ours": {"top1": 20.5, "top5": 43.5}}
    axis = draw.plot_recognition(rows)
    assert [label.get_text() for label in axis.get_yticklabels()] == ["chance", "ours"] and axis.yaxis_inverted()
    assert [bar.get_width() for bars in axis.containers for bar in bars] == [2, 20.5, 10, 43.5]
    with pytest.raises(SignerError, match="signer_lib.metrics.recognition"):
        draw.plot_recognition({})


def test_coverage_colours_each_word_and_breaks_lines_before_the_edge():
    words = [f"WORD-{k}" for k in range(20)]
    axis = draw.plot_coverage(words, ["sign", "fingerspelling"] * 10, width=5)
    assert [text.get_text() for text in axis.texts] == words and apart(boxes(axis))
    bars = [bars[0] for bars in axis.containers]
    assert len({bar.get_y() for bar in bars}) > 2 and all(bar.get_x() + bar.get_width() <= 5 for bar in bars)
    assert [bar.get_hatch() for bar in bars[:2]] == ["", ".."]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["sign", "fingerspelling"]
    with pytest.raises(SignerError, match="magic is unknown"):
        draw.plot_coverage(["A"], ["magic"])
    with pytest.raises(SignerError, match="2 words"):
        draw.plot_coverage(["A", "B"], ["sign"])


def test_lists_redraw_the_picture_with_what_is_chosen():
    def drawn(handshape: str, place: str) -> Figure:
        figure = Figure(figsize=(2, 1))
        figure.text(0.1, 0.5, f"{handshape} {place}")
        return figure

    box = chooser(drawn, handshape=["5", "f"], place={"chin": 1, "chest": 2})
    (shape, place), picture = box.children[0].children, box.children[1]
    assert (shape.description, place.options) == ("handshape", ("chin", "chest")) and picture.value == shown_figure(drawn("5", "chin"))
    place.value = "chest"
    shape.value = "f"
    assert picture.value == shown_figure(drawn("f", "chest"))
