"""Figures: what they show, and how they are saved."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
from signer_lib.figures import plot_gates, plot_strip, save_fig, text
from signer_lib.language.corruption import KINDS
from signer_lib.language.study import VARIANTS
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


# --- text understanding ----------------------------------------------------------------------------------------------
def test_bars_stand_side_by_side_for_each_name():
    axis = text.plot_bars(["A", "B"], {"one": [1, 2], "two": [3, 4]}, label="nats")
    assert [bar.get_height() for bar in axis.patches] == [1, 2, 3, 4]
    left, right = axis.patches[0], axis.patches[2]
    assert left.get_x() + left.get_width() == pytest.approx(right.get_x())
    assert axis.get_ylabel() == "nats" and len(axis.get_legend().get_texts()) == 2
    assert text.plot_bars(["A"], {"one": [1]}, axis, label="nats") is axis
    with pytest.raises(SignerError, match="2 names need as many bars, but 'one' has 1"):
        text.plot_bars(["A", "B"], {"one": [1]}, label="nats")


def test_masked_glosses_are_dark_and_not_readable():
    axis = text.plot_masking(["BOOK", "READ"], [[True, False], [False, False]], [0.45, 0.15])
    assert [words.get_text() for words in axis.texts] == ["mask", "READ", "BOOK", "READ"]
    assert axis.images[0].get_array().tolist() == [[True, False], [False, False]]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["45%", "15%"]
    with pytest.raises(SignerError, match="need 2 glosses and 2 rates, not 2 and 1"):
        text.plot_masking(["BOOK", "READ"], [[True, False]], [0.5])


def test_a_matrix_has_the_largest_of_each_row_outlined():
    axis = text.plot_matrix([[0, 1, 0], [0.2, 0.3, 0.9]], ["A", "B"], ["x", "y", "z"], label="attention")
    assert [outline.get_xy() for outline in axis.patches] == [(0.5, -0.5), (1.5, 0.5)]
    assert [other.get_ylabel() for other in axis.figure.axes if other is not axis] == ["attention"]
    with pytest.raises(SignerError, match="2 rows and 3 columns named, not 2 and 2"):
        text.plot_matrix(np.zeros((2, 3)), ["A", "B"], ["x", "y"], label="attention")


def test_the_words_that_are_asked_for_are_shaded():
    axis = text.plot_span(["sign", "good", "morning"], [0, 1, 0], [0, 0, 1], (1, 2))
    shade = axis.patches[-1]
    assert (shade.get_x(), shade.get_width()) == (0.5, 2)
    assert [words.get_text() for words in axis.get_legend().get_texts()] == ["begins here", "ends here"]


def test_states_have_their_names_and_one_marker_a_kind():
    axis = text.plot_states(np.arange(6).reshape(3, 2), ["A", "B", "C"], ["verb", "noun", "verb"])
    assert [words.get_text() for words in axis.texts] == ["A", "B", "C"]
    assert {dots.get_label(): len(dots.get_offsets()) for dots in axis.collections} == {"noun": 1, "verb": 2}


def test_only_the_terms_that_were_trained_are_drawn():
    log = [{"step": 10, "slul": 5.0, "kl": 0.5, "total": 5.2}, {"step": 15, "dev_bleu4": 1.0}, {"step": 20, "slul": 3.0, "kl": 0.4, "total": 3.2}]
    axis = text.plot_terms(log)
    assert [line.get_label() for line in axis.lines] == [text.TERMS[term] for term in ("total", "slul", "kl")]
    assert axis.lines[1].get_xydata().tolist() == [[10, 5], [20, 3]] and axis.get_yscale() == "log"
    with pytest.raises(SignerError, match="no losses"):
        text.plot_terms(log[1:2])


def run_of(variant, seed, bleu4):
    noise = [{"noise": "drop", "rate": rate, "words_changed": rate, "bleu4": bleu4 - 10 * rate} for rate in (0.1, 0.2)]
    return {"variant": variant, "seed": seed, "test": {"bleu4": bleu4, "rouge": 50.0, "wer": 60.0}, "dev": {"bleu4": bleu4 + 1},
            "test_greedy": {"bleu4": bleu4}, "noise": noise}


FLOOR = {"variant": "copy", "test": {"bleu4": 1.6, "rouge": 22.11, "wer": 99.0}, "dev": {"bleu4": 2.0}}


def test_noise_lines_begin_at_the_clean_score():
    axes = text.plot_noise([FLOOR, run_of("plain", 1, 18.0), run_of("plain", 2, 20.0), run_of("full", 1, 21.0)])
    assert len(axes) == 1 and axes[0].get_title() == "words dropped"
    plain, full = (drawn.lines[0] for drawn in axes[0].containers)
    assert np.allclose(plain.get_xydata(), [[0, 19], [10, 18], [20, 17]]) and np.allclose(full.get_ydata(), [21, 20, 19])
    assert [drawn.has_yerr for drawn in axes[0].containers] == [True, False]
    with pytest.raises(SignerError, match="no result was scored under noise"):
        text.plot_noise([FLOOR])
    with pytest.raises(SignerError, match="hold 1 kinds of noise"):
        text.plot_noise([run_of("plain", 1, 18.0)], [])


def test_every_variant_of_the_study_and_every_noise_has_a_name():
    assert set(VARIANTS) | {"copy"} == set(text.SYSTEMS) and set(KINDS) == set(text.NOISES)
