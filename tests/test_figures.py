"""Figures: what they show, and how they are saved."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
from signer_lib.figures import plot_gates, plot_strip, save_fig
from signer_lib.pose import PoseSequence

EXPERTS = ["general", "letters", "face"]


def gates(glosses, frames=10):
    weights = np.random.default_rng(0).dirichlet(np.ones(len(EXPERTS)), glosses * frames)
    spans = [(f"GLOSS-{k}", k * frames, (k + 1) * frames) for k in range(glosses)]
    return weights, spans


def names(ax):
    return [label for child in ax.child_axes for label in child.get_xticklabels()]


def test_gates_show_weights_names_and_seconds():
    weights, spans = gates(3, frames=25)
    ax = plot_gates(weights, spans, EXPERTS, fps=50)
    assert np.allclose(ax.images[0].get_array(), weights.T)
    assert ax.images[0].get_extent()[:2] == [0, 1.5]
    assert [label.get_text() for label in ax.get_yticklabels()] == EXPERTS
    assert [label.get_text() for label in names(ax)] == ["GLOSS-0", "GLOSS-1", "GLOSS-2"]
    assert np.allclose(ax.child_axes[0].get_xticks(), [0.25, 0.75, 1.25])
    assert names(ax)[0].get_rotation() == 0
    assert [axes.get_ylabel() for axes in ax.figure.axes if axes is not ax] == ["gate weight"]


def test_many_glosses_stand_upright_on_a_wider_figure():
    few, many = (plot_gates(*gates(count), EXPERTS) for count in (5, 40))
    assert many.figure.get_figwidth() > few.figure.get_figwidth()
    assert len(names(many)) == 40 and names(many)[0].get_rotation() == 90


def test_names_never_touch():
    ax = Figure(figsize=(4, 2)).subplots()
    assert plot_gates(*gates(40), EXPERTS, ax) is ax
    ax.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in names(ax)]
    assert 3 < len(boxes) < 40 and all(a.x1 <= b.x0 for a, b in zip(boxes, boxes[1:]))


def test_gate_mistakes():
    weights, spans = gates(2)
    with pytest.raises(SignerError, match="3 expert names"):
        plot_gates(weights[:, :2], spans, EXPERTS)
    with pytest.raises(SignerError, match="span of NOW"):
        plot_gates(weights, [("NOW", 5, 99)], EXPERTS)


@pytest.fixture
def sequence():
    xyz = np.zeros((30, 70, 3))
    xyz[:, 0] = (0, 0.62, 0.12)
    xyz[:, 8:] = np.nan
    return PoseSequence(xyz, 25)


def test_strip_shows_the_chosen_frames(sequence):
    shown = lambda fig: [ax.get_title() for ax in fig.axes if ax.images]
    assert len(shown(plot_strip(sequence, size=64))) == 8
    assert shown(plot_strip(sequence, [0, 5, -1], size=64)) == ["0.00 s", "0.20 s", "1.16 s"]
    assert len(shown(plot_strip(sequence, 5, size=64, columns=3, captions=["HI"] * 30))) == 5
    with pytest.raises(SignerError, match="frames from 0 to 29"):
        plot_strip(sequence, [30])


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_figures_are_saved_whole_and_the_same_each_time(ending, tmp_path):
    draw = lambda: plot_gates(*gates(3), EXPERTS).figure
    one, two = (save_fig(draw(), tmp_path / f"{name}.{ending}", dpi=50).read_bytes() for name in ("a", "b"))
    assert one == two and len(list(tmp_path.iterdir())) == 2


def test_a_figure_that_cannot_be_saved_leaves_nothing(tmp_path, monkeypatch):
    fig = Figure()
    with pytest.raises(SignerError, match="end the name with"):
        save_fig(fig, tmp_path / "a.txt")
    monkeypatch.setattr(fig, "savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_fig(fig, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_no_pyplot():
    code = "import signer_lib.figures, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
