"""Every figure can be said in words, and the words travel with the file."""

import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from signer_lib.errors import SignerError
from signer_lib.figures import alt_text, plot_gates, plot_strip, save_fig, with_alt
from signer_lib.figures.experts import plot_balance, plot_steered
from signer_lib.figures.poses import plot_sentence, plot_turned
from signer_lib.figures.prior import plot_curves
from signer_lib.pose import PoseSequence

WEIGHTS = np.full((30, 2), 0.5)


@pytest.fixture(scope="module")
def poses(body):
    return PoseSequence(np.repeat(body.rest()[None], 30, 0), 25.0)


def test_axes_legends_and_names_are_read_out():
    curves = plot_curves(np.arange(5), {"right wrist": np.arange(5), "left wrist": np.ones(5)}, label="speed (m / s)").figure
    assert alt_text(curves) == "Figure. lines; of right wrist, left wrist; horizontal: time (s); vertical: speed (m / s)."
    assert alt_text(plot_gates(WEIGHTS, [("BOOK", 3, 9), ("READ", 12, 25)], ["quick", "slow"]).figure).endswith("(quick, slow); above: BOOK, READ.")
    bars = alt_text(plot_balance({"trained": {"load": [0.4, 0.6], "load_entropy": 0.97}})[0].figure)
    assert bars.startswith("Figure of 2 panels.") and "bars; of expert 1, expert 2" in bars and "(trained)" in bars
    many = Figure()
    for k, panel in enumerate(many.subplots(5, 2).ravel()):
        panel.set_title(f"panel {k} " + "word " * 40)
    assert alt_text(many).startswith("Figure of 10 panels. panel 0 word") and len(alt_text(many)) <= 900
    many.suptitle("All")
    for panel in many.axes:
        panel.set_title("x")
    assert alt_text(many).startswith("All. Figure of 10 panels.") and "Further panels: 4." in alt_text(many)
    strip = plot_strip(PoseSequence(np.zeros((20, 70, 3)), 25.0), [0, -1], captions=["MY"] + [None] * 19, size=32)
    assert alt_text(strip) == "The drawn signer at 0.00 s (MY), 0.76 s."


def test_a_text_of_ones_own_comes_first_and_is_saved(tmp_path):
    figure = with_alt(plot_curves(np.arange(3), {"a": np.arange(3)}, label="x").figure, "A line that rises – steadily.")
    assert alt_text(figure) == "A line that rises – steadily."
    assert Image.open(save_fig(figure, tmp_path / "a.png")).info["Description"] == "A line that rises – steadily."
    assert Image.open(save_fig(figure, tmp_path / "b.png", about="drawn from here")).info["Description"] == "drawn from here"
    with pytest.raises(SignerError, match="write a sentence"):
        with_alt(figure, " ")


def test_a_notebook_keeps_the_words_beside_the_picture(tmp_path):
    code = ("from IPython.core.interactiveshell import InteractiveShell\nshell = InteractiveShell.instance()\nimport signer_lib.figures\n"
            "from matplotlib.figure import Figure\nfigure = Figure()\naxis = figure.subplots()\naxis.plot([0, 1, 2])\naxis.set_title('it rises')\n"
            "data, about = shell.display_formatter.format(figure)\nprint(sorted(data), about['image/png']['alt'], type(data['image/png']).__name__)\n"
            "print(shell.display_formatter.format(Figure())[0].keys())")
    own = {"IPYTHONDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | own)
    assert done.stdout.splitlines() == ["['image/png', 'text/plain'] Figure. it rises; lines. bytes", "dict_keys(['text/plain'])"], done.stderr


# --- static forms of the widgets ---------------------------------------------------------------------------------------------
def test_poses_from_several_sides(poses):
    figure = plot_turned({"one": poses, "two": poses}, frames=3, views=("front", "above"))
    assert len(figure.axes) == 12 and figure.axes[3].get_ylabel() == "one\nabove"
    assert alt_text(figure) == "Skeletons of one, two at 3 moments, seen from front, above; the right hand is dark blue, the left one light blue."
    with pytest.raises(SignerError, match="not from behind"):
        plot_turned({"one": poses}, views=("behind",))
    with pytest.raises(SignerError, match="nothing to draw"):
        plot_turned({})


def test_a_sentence_on_one_page(poses):
    signs = [{"gloss": "MY", "source": "rule", "frames": [2, 9], "seconds": 0.28},
             {"gloss": "CAR", "source": "rule", "frames": [12, 25], "seconds": 0.52, "stands for": "MOTORCAR"}]
    figure = plot_sentence(poses, WEIGHTS, signs, size=32)
    assert [axis.get_title() for axis in figure.axes[:2]] == ["MY\nrule, 0.28 s", "CAR\nsynonym of motorcar, 0.52 s"]
    assert "CAR (synonym of motorcar, 0.52 s)" in alt_text(figure)
    with pytest.raises(SignerError, match="not known when"):
        plot_sentence(poses, WEIGHTS, [])


def test_gates_under_several_settings():
    figure = plot_steered({"as trained": (WEIGHTS, [("MY", 2, 9)]), "one alone": (np.eye(2)[[0] * 20], [])})
    first, second = figure.axes
    assert first.get_title(loc="left") == "as trained: 1.20 s" and second.get_title(loc="left") == "one alone: 0.80 s"
    assert np.array_equal(second.lines[0].get_ydata(), np.ones(20)) and first.get_legend() and not second.get_legend()
    with pytest.raises(SignerError, match="at least one"):
        plot_steered({})
