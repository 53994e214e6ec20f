"""What the experts are used for, and their pictures and those of the table of systems: what they show, and what they refuse."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
from signer_lib.experts import roles
from signer_lib.experts.model import Choice, SLPMoE
from signer_lib.experts.training import moe_config
from signer_lib.figures import experts as draw
from signer_lib.figures import pose_table as tables
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.units import Unit
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Candidate, Prior

SAM = [Unit("IX-1", 0), Unit("LIKE", 1), *(Unit(letter, 2, k, 3) for k, letter in enumerate("SAM")), Unit("CAR", 3, stands_for="AUTO"),
       Unit("BOOK", 4)]


@pytest.fixture(scope="module")
def rest():
    return load_body().rest()


def moving(rest, right=0.0, left=0.0, frames=6):
    xyz = np.repeat(rest[None], frames, 0)
    for joint, way in (("r_wrist", right), ("l_wrist", left)):
        xyz[:, SIGNER70.index(joint), 0] += np.linspace(0, way, frames)
    return PoseSequence(xyz, 25)


def choice(rest, weights, seconds=None):
    """The units of ``SAM``, each with two candidates: by rule with the right hand, recorded with both; expert 1 takes the second."""
    n, K = len(SAM), len(weights[0])
    phonology = [{"type": "symmetric"}, {"parts": [{"type": "one-handed"}]}, {"handshape": ["s"]}, {}, {}, {"type": "base-hand"}, {}]
    offered = [[Candidate(unit.name, "rule", "rule", "", "", 0, 0, 0, moving(rest, right=1), told),
                Candidate(unit.name, "recorded", "recording", "", "", 0, 0, 0, moving(rest, 1, 1), {})] for unit, told in zip(SAM, phonology)]
    picks = torch.zeros(n, K, 2)
    picks[:, 0, 1] = 1
    picks[:, 1:, 0] = 1
    weights = torch.tensor(weights, dtype=torch.float32)
    return Choice(SAM, offered, weights, weights > 0, picks, torch.ones(n, 2, dtype=torch.bool),
                  torch.linspace(0.2, 0.8, n) if seconds is None else seconds, torch.zeros(n, 4))


@pytest.fixture(scope="module")
def by_letter(rest):
    """Expert 1 does the letters, expert 2 the signs."""
    return choice(rest, [[1.0, 0.0] if unit.of else [0.0, 1.0] for unit in SAM])


# --- what the gate does ------------------------------------------------------------------------------------------------------
def test_load_entropy_is_that_of_the_mean_weights_from_0_to_1():
    assert roles.load_entropy(np.eye(4)) == pytest.approx(1), "units may be told apart at an even load"
    assert roles.load_entropy(np.eye(4)[[2] * 6]) == 0
    assert roles.load_entropy([[0.9, 0.1], [0.6, 0.4]]) == pytest.approx(-(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)))
    assert roles.load_entropy(np.ones((5, 1))) == 0


def test_information_is_the_labels_entropy_where_each_has_its_own_expert():
    assert roles.mutual_information(np.eye(4), list("abcd")) == pytest.approx(2)
    assert roles.mutual_information(np.eye(2)[[0, 0, 0, 1]], list("aaab")) == pytest.approx(0.8113, abs=1e-4)
    assert roles.mutual_information(np.full((4, 3), 1 / 3), list("aabb")) == pytest.approx(0)


def test_information_of_soft_weights_is_that_of_their_means():
    weights = [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.5, 0.5]]                   # a: (3/4, 1/4), b: (1/4, 3/4)
    assert roles.mutual_information(weights, list("aabb")) == pytest.approx(1 - 0.8113, abs=1e-4)


def test_shuffled_labels_show_the_bias_of_few_units_and_come_from_the_seed():
    rng = np.random.default_rng(0)
    few, many = rng.dirichlet(np.ones(4), 20), rng.dirichlet(np.ones(4), 2000)
    labels = lambda weights: list(rng.choice([*"abcd"], len(weights)))
    chance = roles.chance_information(few, labels(few))
    assert chance.shape == (roles.SHUFFLES,) and chance.mean() > 5 * roles.chance_information(many, labels(many), shuffles=20).mean() > 0
    assert roles.mutual_information(few, labels(few)) < chance.max() * 2
    assert (roles.chance_information(few, [*"abcd"] * 5, 1, 5) == roles.chance_information(few, [*"abcd"] * 5, 1, 5)).all()
    assert (roles.chance_information(few, [*"abcd"] * 5, 1, 5) != roles.chance_information(few, [*"abcd"] * 5, 2, 5)).any()


def test_every_unit_has_its_labels(by_letter):
    labels = roles.labels_of([by_letter])
    assert labels["manner"] == ["light", "even", "letter", "letter", "letter", "even", "final"]
    assert labels["sign type"] == ["symmetric", "compound", "letter", "letter", "letter", "base-hand", "unknown"]
    assert labels["letter"] == ["sign", "sign", "letter", "letter", "letter", "sign", "sign"]
    assert labels["source of the chosen candidate"] == ["rule", "rule", "recording", "recording", "recording", "rule", "rule"]
    assert labels["handedness of the chosen candidate"] == ["right", "right", "both", "both", "both", "right", "right"]
    assert labels["tempo"] == ["fast", "fast", "fast", "middle", "middle", "slow", "slow"]


def test_thirds_of_tempo_are_of_all_sentences_together(rest, by_letter):
    slower = choice(rest, by_letter.weights.tolist(), by_letter.seconds + 1)
    labels = roles.labels_of([by_letter, slower])
    assert labels["tempo"] == ["fast"] * 5 + ["middle"] * 5 + ["slow"] * 4 and len(labels["manner"]) == 2 * len(SAM)


def test_a_left_handed_candidate_is_told_by_its_wrists(rest):
    one = choice(rest, [[0.0, 1.0]] * len(SAM))
    one.candidates = [[Candidate("X", "", "rule", "", "", 0, 0, 0, moving(rest, left=1), {}), offered[1]] for offered in one.candidates]
    assert set(roles.labels_of([one])["handedness of the chosen candidate"]) == {"left"}


def test_the_work_of_a_gate_is_told_with_its_control_and_for_signs_alone(by_letter):
    work = roles.gate_work([by_letter] * 8)
    assert work["units"] == 8 * len(SAM) and work["load"] == pytest.approx([3 / 7, 4 / 7])
    letter = work["information"]["letter"]
    assert letter["bits"] == pytest.approx(0.9852, abs=1e-4) == work["load_entropy"]
    assert 0 <= letter["by_chance"] < letter["chance_95"] < 0.2 and letter["sign_bits"] == 0
    assert work["information"]["manner"]["bits"] == pytest.approx(letter["bits"]), "all of it is about letters,"
    assert work["information"]["manner"]["sign_bits"] == 0, "and nothing about the manner of signs"


def test_each_expert_favours_what_it_gets_more_than_its_share_of(by_letter):
    first, second = roles.roles([by_letter] * 5, tempo=[1.2, 0.8], size=[1.0, 0.9])
    assert (first["expert"], first["load"], first["tempo"], second["size"]) == (1, pytest.approx(3 / 7), 1.2, 0.9)
    assert first["lift"]["letter"] == {"sign": 0, "letter": pytest.approx(7 / 3)}
    assert ["letter", "letter", pytest.approx(7 / 3)] in first["favours"] and ["letter", "sign", pytest.approx(7 / 4)] in second["favours"]
    assert all(lift > 1 for row in (first, second) for *_, lift in row["favours"])
    assert first["seconds"] == pytest.approx(float(by_letter.seconds[2:5].mean()))
    alone = roles.roles([by_letter])
    assert "tempo" not in alone[0] and alone[0]["lift"] == {}, "labels of fewer than five units say nothing"


def test_mistakes_about_gates_are_told():
    with pytest.raises(SignerError, match=r"shape \(3, 2\) need one label for each unit, not 2"):
        roles.mutual_information(np.ones((3, 2)) / 2, ["a", "b"])
    for ask in (roles.roles, roles.gate_work):
        with pytest.raises(SignerError, match="no choice"):
            ask([])


def test_a_real_choice_has_labels_roles_and_pictures():
    torch.manual_seed(0)
    glosses = ["IX-1", "LIKE", "fs-SAM", "BOOK"]
    sentence = GlossSentence("I like Sam's book.", glosses, torch.randn(4, 16), torch.randn(16))
    model = SLPMoE(16, moe_config("nano")).eval()
    made = model.choose(sentence, Prior.open())
    labels = roles.labels_of([made])
    assert labels["manner"] == ["light", "even", "letter", "letter", "letter", "final"]
    assert labels["sign type"][0] == "one-handed" and labels["source of the chosen candidate"][2] == "recording"
    assert len(roles.roles([made] * 5, model.log_tempo.exp().tolist())) == 4
    axis = draw.plot_choice_heat(made.choices, made.weights, made.units, [[one.variant for one in offered] for offered in made.candidates])
    assert np.allclose(axis.images[0].get_array().sum(1), 1)
    assert [label.get_text() for label in axis.get_xticklabels()] == ["citation", "reduced", "emphatic"]


# --- gates and choices -------------------------------------------------------------------------------------------------------
def weights_of(units, K=3):
    return np.random.default_rng(0).dirichlet(np.ones(K), len(units))


def test_a_gates_heat_map_has_its_glosses_and_brackets_the_spelled_word():
    weights = weights_of(SAM)
    axis = draw.plot_gate_heat(weights, SAM)
    assert np.allclose(axis.images[0].get_array(), weights.T)
    assert [label.get_text() for label in axis.get_xticklabels()] == ["IX-1", "LIKE", "S", "A", "M", "CAR", "BOOK"]
    bracket = next(line for line in axis.lines if len(set(line.get_ydata())) == 1)
    assert (round(min(bracket.get_xdata())), round(max(bracket.get_xdata()))) == (2, 4)
    assert [text.get_text() for text in axis.texts][-1] == "SAM" and len(axis.texts) == weights.size + 1
    given = Figure().subplots()
    assert draw.plot_gate_heat(weights, SAM, given) is given
    assert not [text for text in draw.plot_gate_heat(weights_of(SAM * 3), SAM * 3).texts if "." in text.get_text()], "no numbers in narrow cells"
    with pytest.raises(SignerError, match="for each of the 7 units"):
        draw.plot_gate_heat(weights[:3], SAM)


def test_a_gate_stands_beside_the_load_of_its_experts():
    weights = torch.from_numpy(weights_of(SAM))
    figure = draw.plot_gate(weights, SAM, 0.7, "T = 2")
    load = next(axis for axis in figure.axes if "entropy 0.70" in axis.get_title())
    assert np.allclose([bar.get_width() for bar in load.patches], weights.mean(0)) and load.lines[0].get_xdata()[0] == pytest.approx(1 / 3)
    assert figure.get_suptitle() == "T = 2"


def test_choices_are_mixed_by_the_gate_and_missing_candidates_are_hatched():
    choices, weights = np.zeros((2, 2, 3)), np.array([[0.25, 0.75], [1.0, 0.0]])
    choices[0, 0, 0] = choices[0, 1, 2] = choices[1, :, 1] = 1
    units, names = [Unit("BOOK", 0), Unit("GO", 1)], [["a", "b", "c"], ["d", "e"]]
    axis = draw.plot_choice_heat(choices, weights, units, names)
    assert axis.images[0].get_array().tolist() == [[0.25, 0, 0.75], [0, 1, None]]
    assert [text.get_text() for text in axis.texts] == ["a  0.25", "b  0.00", "c  0.75", "d  0.00", "e  1.00"]
    assert [patch.get_xy() for patch in axis.patches if patch.get_hatch()] == [(1.5, 0.5)]
    assert [patch.get_xy() for patch in axis.patches if not patch.get_hatch()] == [(1.5, -0.5), (0.5, 0.5)]
    shared = draw.plot_choice_heat(choices, weights, units, [["a", "b", "c"], ["a", "b"]], expert=0)
    assert [label.get_text() for label in shared.get_xticklabels()] == ["a", "b", "c"] and shared.texts[0].get_text() == "1.00"
    with pytest.raises(SignerError, match="do not fit"):
        draw.plot_choice_heat(choices, weights, units[:1], names)
    with pytest.raises(SignerError, match="1 to 3 named candidates"):
        draw.plot_choice_heat(choices, weights, units, [["a"], []])


# --- poses -------------------------------------------------------------------------------------------------------------------
def test_a_hand_half_as_large_is_told_by_its_bones(rest):
    small = rest.copy()
    hand = SIGNER70.groups["right_hand"]
    small[hand] = small[hand.start] + 0.5 * (small[hand] - small[hand.start])
    assert draw.hand_size(np.stack([rest, small])) == pytest.approx(draw.hand_size(rest) * np.array([1, 0.5]))
    assert draw.hand_size(small, "left_hand") == pytest.approx(draw.hand_size(rest, "left_hand"))
    figure = draw.plot_average_pose({"a clip": rest, "mean": small})
    drawn = lambda axis: sum(len(bones.get_segments()) for bones in axis.collections)
    assert [axis.get_title().split("\n")[-1] for axis in figure.axes] == ["a clip", "mean", "100% of their length", "50% of their length"]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim() and drawn(figure.axes[0]) == sum(b < 50 for _, b in SIGNER70.bones)
    with pytest.raises(SignerError, match="give at least one"):
        draw.plot_average_pose({"short": rest[:50]})


def test_each_loss_has_a_row_of_curves_over_the_truth(rest):
    truth = moving(rest, right=1, frames=10)
    shaken = PoseSequence(truth.xyz + np.random.default_rng(0).normal(scale=0.05, size=truth.xyz.shape), 25)
    figure = draw.plot_losses_effect(truth, {"jittery": shaken, "all terms": truth})
    rows = np.reshape(figure.axes, (2, 4))
    means = [[float(axis.get_title(loc="right").split()[-1]) for axis in row[1:]] for row in rows]
    assert means[1] == [pytest.approx(25 / 9, abs=0.01), 0, 0] and all(high > low for high, low in zip(*means))
    assert [row[0].get_ylabel() for row in rows] == ["jittery", "all terms"]
    speed = rows[1, 1].lines[1].get_ydata()
    assert len(speed) == 9 and speed == pytest.approx(25 / 9)
    with pytest.raises(SignerError, match="'cut' has 4 frames, the truth 10"):
        draw.plot_losses_effect(truth, {"cut": PoseSequence(truth.xyz[:4], 25)})


# --- roles, load, timing, speed ----------------------------------------------------------------------------------------------
def test_roles_are_drawn_as_lifts_with_the_experts_own_manner(by_letter):
    figure = draw.plot_roles(roles.roles([by_letter] * 5, tempo=[1.25, 0.8]))
    panel = next(axis for axis in figure.axes if axis.get_title() == "letter")
    shown = {(text.get_position()[1], panel.get_xticklabels()[text.get_position()[0]].get_text()): text.get_text() for text in panel.texts}
    assert shown == {(0, "letter"): "2.33", (0, "sign"): "0.00", (1, "letter"): "0.00", (1, "sign"): "1.75"}
    assert figure.axes[0].get_yticklabels()[0].get_text() == "expert 1: load 43%, tempo ×1.25"
    with pytest.raises(SignerError, match="more sentences"):
        draw.plot_roles(roles.roles([by_letter]))


def test_loads_are_stacked_to_one_and_entropies_stand_on_a_scale():
    load, entropy = draw.plot_balance({"T = 1": {"load": [0.5, 0.3, 0.2], "load_entropy": 0.94}, "one": {"load": [1.0], "load_entropy": 0.0}})
    assert [bar.get_x() for bar in load.patches[::2]] == pytest.approx([0, 0.5, 0.8])
    assert [bar.get_width() for bar in load.patches[1::2]] == [1, 0, 0]
    assert [*entropy.lines[0].get_xdata()] == [0.94, 0] and entropy.patches[0].get_x() == 0.5


def test_timing_says_by_what_factor_each_group_is_off():
    axis = draw.plot_timing([1.0, 1.0, 0.5], [2.0, 0.5, 0.5], ["sign", "sign", "letter"])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["sign: off by ×2.00", "letter: off by ×1.00"]
    with pytest.raises(SignerError, match="2 true times"):
        draw.plot_timing([1, 2], [1], ["a", "a"])


def test_the_line_through_the_times_is_found_again():
    axis = draw.plot_speed([1, 10, 10, 100, 1000], [15, 42, 42, 312, 3012])
    line, measured, goal = axis.lines
    assert line.get_label() == "12 ms + 3.00 ms a gloss (R² = 1.000)" and goal.get_xydata().tolist() == [[10, 80]]
    assert measured.get_ydata().tolist() == [15, 42, 42, 312, 3012]
    assert len(draw.plot_speed([1, 2], [1, 2], goal=None).lines) == 2
    with pytest.raises(SignerError, match="two numbers of glosses"):
        draw.plot_speed([10, 10], [1, 2])


# --- the table of systems ----------------------------------------------------------------------------------------------------
def table(more=0.0):
    row = lambda kind, *values: {"kind": kind} | dict(zip(tables.FORMS, values))
    return {"ceiling": "ground truth", "rows": {
        "static mean": row("floor", 0.5, 0.14, 0.0, 0.0), "wrong sentence": row("floor", 2.0, 0.31, 1.02, 88.0),
        "regression": row("system", 9.0, 0.16, 0.41, None), "slp_moe": row("system", 37.0 + more, 0.15, 0.96, 60.0),
        "ground truth": row("ceiling", 40.0, 0.0, 1.0, 70.0)}}


def boxes(axis):
    axis.figure.canvas.draw()
    return [text.get_window_extent() for text in axis.texts if text.get_text()]


def bars(axis):
    return [bar.get_width() for bar in axis.patches if bar.get_height() == pytest.approx(0.7)]


def test_a_table_has_a_row_a_system_and_the_ceiling_through_all():
    figure = tables.plot_pose_table(table())
    bleu, dtw, ratio, jerk = figure.axes
    assert [label.get_text() for label in bleu.get_yticklabels()] == [*table()["rows"]] and bleu.yaxis_inverted()
    assert bars(bleu) == [0.5, 2, 9, 37, 40]
    shade = bleu.patches[-1]
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (36, 40) and bleu.lines[-1].get_xdata()[0] == 40
    band = ratio.patches[0]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.85, 1.15))
    assert jerk.get_xscale() == "log" and [text.get_text() for text in jerk.texts] == ["0", "88", "not known", "60", "70"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["floor", "system", "ceiling"]
    assert "lower is better" in dtw.get_xlabel()


def test_seeds_are_dots_around_the_bar_of_their_mean():
    bleu = tables.plot_pose_table(table(-3), table(), table(3)).axes[0]
    assert bars(bleu)[3] == 37
    assert [dots.get_offsets()[:, 0].tolist() for dots in bleu.collections][3] == [34, 37, 40]


def test_tables_that_do_not_belong_together_are_refused():
    other = table()
    other["rows"].pop("regression")
    for given in ((), (table(), other)):
        with pytest.raises(SignerError, match="the same rows"):
            tables.plot_pose_table(*given)
    other["rows"]["slp_moe"]["kind"] = "best"
    with pytest.raises(SignerError, match="'best' is no kind of row"):
        tables.plot_pose_table(other)


def test_what_stands_still_is_named_as_nearest_and_no_name_touches_another():
    axis = tables.plot_dtw_misleads(table())
    assert axis.get_title() == "static mean: DTW-MJE 0.140, moving 0% of the way"
    found = boxes(axis)
    assert len(found) == 5 and not any(a.overlaps(b) for k, a in enumerate(found) for b in found[:k])
    crowded = table()
    for k in range(6):
        crowded["rows"][f"system {k}"] = crowded["rows"]["slp_moe"] | {"dtw_mje": 0.15 + 0.001 * k}
    found = boxes(tables.plot_dtw_misleads(crowded))
    assert len(found) == 11 and not any(a.overlaps(b) for k, a in enumerate(found) for b in found[:k])
    with pytest.raises(SignerError, match="no row"):
        tables.plot_dtw_misleads({"rows": {"a": {"kind": "floor", "dtw_mje": None}}})


def test_ablations_show_each_seed_and_the_whole_models_mean():
    rows = {"whole": {"bleu4": [36.0, 38.0]}, "one expert": {"bleu4": [30.0, 31.0, 35.0]}}
    axis = tables.plot_ablations(rows, "bleu4")
    shared = Figure().subplots(1, 2, sharey=True)
    assert all(tables.plot_ablations(rows, "bleu4", each).yaxis_inverted() for each in shared) and shared[0].yaxis_inverted(), "the whole is on top"
    assert axis.lines[0].get_xdata()[0] == 37 and axis.lines[2].get_xdata()[0] == 32
    assert [dots.get_offsets()[:, 0].tolist() for dots in axis.collections] == [[36, 38], [30, 31, 35]]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["whole", "one expert"] and "BLEU-4" in axis.get_xlabel()
    with pytest.raises(SignerError, match="no values of 'wer' for the variant 'whole'"):
        tables.plot_ablations(rows, "wer")
