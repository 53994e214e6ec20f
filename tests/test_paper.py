"""The paper's figures: what they show is what the files say, each carries its data's hash, and a missing file is told."""

import json
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from clips import tiny_renderer
from signer_lib import cli
from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.experts.blending import mixture
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.paper import fig1_paths, fig2_overview, fig3_slp_moe, fig4_learning, fig5_strips, fig6_gates, fig7_attribution, fig8_corruption
from signer_lib.paper.making import FIGURES, make, make_figures, module_of, stamped
from signer_lib.paper.sources import TEXT, Missing, Sources
from signer_lib.pipeline import StableSignerPipeline
from signer_lib.render.backends import Diffusion

STUDIED = ["fig1", "fig4", "fig6", "fig7", "fig8"]               # drawn from files alone
LEARNED = {"base": 0.4, "slul": 0.3, "slp_moe": 0.1, "sagm": 0.1}
COSTS = {("hierarchy", "understanding"): 5.0, ("hierarchy", "choice"): -0.5, ("hierarchy", "poses"): 1.0, ("cascade", "understanding"): 0.5,
         ("cascade", "poses"): 25.0}


def experts_of(load):
    lifts = {"light": 0.5, "even": 2.0}, {"light": 1.5, "even": 0.5}
    return [{"expert": k + 1, "load": share, "tempo": 0.8 + k, "size": 1.0, "lift": {"manner": lifts[k], "sign type": {"letter": 1.0}}}
            for k, share in enumerate(load)]


@pytest.fixture
def results(tmp_path):
    """A folder of results as the studies write them; the numbers are made up."""
    folder = tmp_path / "results"

    def write(name, told):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told | {"commit": "abc1234"}))

    loss = [{"chain": chain, "stage": stage, "measure": measure, "mean": mean * by, "std": 0.25 * by, "seeds": 2}
            for (chain, stage), mean in COSTS.items() for measure, by in (("bleu4", 1.0), ("wer", 2.0), ("hand_error", 0.01))]
    goal = {"measure": "bleu4", "hierarchy": 20.0, "cascade": 1.0, "ratio": 20.0, "interval": [15.0, None], "wanted": 1.486}
    write("end_to_end/attribution.json", {"rows": [], "loss": loss, "goal": goal, "seeds": [1, 2], "settings": {}})
    rows = [{"system": system, "seed": seed, "epoch": epoch, "dtw_mje": end + (0.5 - 0.5 * epoch) + 0.01 * seed, "hand_error": None}
            for system, end in LEARNED.items() for seed in (1, 2) for epoch in (0, 0.25, 0.5, 0.75, 1.0)]
    write("end_to_end/learning.json", {"rows": rows, "systems": {}, "settings": {}})
    rows = [{"chain": chain, "stage": stage, "noise": noise, "level": level, "seed": seed, "bleu4": 20 - 30 * level + seed, "bleu4_seen": None}
            for chain in ("hierarchy", "cascade") for stage, noise in (("text", "drop"), ("glosses", "swapped"), ("glosses", "dropped"))
            for level in (0, 0.2, 0.4) for seed in (1, 2)]
    write("end_to_end/corruption.json", {"rows": rows, "settings": {}})
    told = {"manner": {"bits": 0.4, "chance_95": 0.01}, "sign type": {"bits": 0.2, "chance_95": 0.01}}
    for seed, load in ((1, (0.5, 0.5)), (2, (0.25, 0.75))):
        own = {"hand_error": 0.05, "dtw_mje": 0.1, "total_distance_ratio": 0.9}
        write(f"slp_moe/rules/full-{seed}.json", own | {"gates": {"experts": experts_of(load), "information": told}})
        write(f"slp_moe/rules/regression-{seed}.json", {"hand_error": 0.2, "dtw_mje": 0.4, "total_distance_ratio": 0.5})
    return folder


def rewrite(results, name, change):
    path = results / name
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def words(figure):
    return " | ".join(text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text")))


# --- what the figures show -------------------------------------------------------------------------------------------
def test_the_paths_show_what_each_stage_costs_and_the_average_pose(results):
    data = fig1_paths.load(Sources(results))
    said = words(fig1_paths.draw(data))
    assert "costs 25.0 ± 0.2" in said and "costs nothing: -0.5 ± 0.2" in said and said.count("not measured") == 2
    assert "hands off by 0.200 ± 0.000" in said and "travel 50% of the true way" in said and "read from poses" in said
    told = fig1_paths.compared(data)
    assert "in the classic path most is lost in poses (25.0)" in told and "are such an average" in told and "hands 4.0 times" in told
    alive = data | {"poses": data["poses"] | {"cascade": data["poses"]["hierarchy"]}}
    assert "are no such average" in fig1_paths.compared(alive)


def test_frames_are_read_where_both_chains_were_seen():
    both = [{"chain": chain, "measure": "bleu4_seen"} for chain in ("cascade", "hierarchy")]
    assert fig1_paths.measure_of(both) == "bleu4_seen" and fig1_paths.measure_of(both[:1]) == "bleu4"


def test_learning_is_the_mean_and_spread_over_seeds_each_line_labelled(results):
    data = fig4_learning.load(Sources(results))
    axis = fig4_learning.draw(data).axes[0]
    assert [line.get_xydata()[-1].tolist() for line in axis.lines] == [[1.0, pytest.approx(end + 0.015)] for end in LEARNED.values()]
    epochs, mean, std = fig4_learning.curves(data["rows"])["base"]
    assert epochs.tolist() == [0, 0.25, 0.5, 0.75, 1] and mean[0] == pytest.approx(0.915) and std == pytest.approx(0.01 / 2 ** 0.5)
    labels = {text.get_text(): text.xyann[1] for text in axis.texts}
    assert labels.keys() == {"base  0.415", "+ SLUL  0.315", "+ SLP-MoE  0.115", "+ SAGM  0.115"}
    heights = sorted(labels.values())
    assert min(b - a for a, b in zip(heights, heights[1:])) >= fig4_learning.APART - 1e-9


def test_what_is_said_of_learning_follows_the_numbers(results):
    data = fig4_learning.load(Sources(results))
    assert fig4_learning.changes(data["rows"])["slul"] == pytest.approx((-0.1, 0))
    told = fig4_learning.compared(data)
    assert "SLUL lowers it (-0.100 ± 0.000), as there" in told and "SAGM does not move it" in told and "unlike" not in told
    alone = fig4_learning.compared({"rows": [row for row in data["rows"] if row["seed"] == 1]})
    assert "SLUL lowers it (-0.100, one seed)" in alone
    worse = [row | {"dtw_mje": row["dtw_mje"] + 0.3 * (row["system"] == "sagm")} for row in data["rows"]]
    assert "SAGM raises it (+0.300" in fig4_learning.compared({"rows": worse}) and "unlike there" in fig4_learning.compared({"rows": worse})


def test_the_gates_weights_are_lifts_times_loads(results):
    data = fig6_gates.load(Sources(results))
    labels, values = fig6_gates.weights(data, "manner")
    assert labels == ["light", "even"] and values.shape == (2, 2, 2)
    assert values.mean(0) == pytest.approx(np.array([[0.1875, 0.75], [0.9375, 0.3125]]))
    figure = fig6_gates.draw(data)
    assert [bar.get_height() for bar in figure.axes[0].patches] == pytest.approx([0.1875, 0.75, 0.9375, 0.3125])
    assert "expert 2: tempo ×1.80" in words(figure) and "0.40 bit" in words(figure)
    assert "light ones, of which expert 2 carries 94%" in fig6_gates.compared(data)
    with pytest.raises(SignerError, match="different numbers of experts"):
        fig6_gates.weights([data[0], data[1] | {"gates": {"experts": data[1]["gates"]["experts"][:1]}}], "manner")


def test_what_stages_cost_is_drawn_by_measure_and_chain(results):
    data = fig7_attribution.load(Sources(results))
    figure = fig7_attribution.draw(data)
    shown = [axis for axis in figure.axes if axis.get_ylabel()]
    assert [axis.get_ylabel().split("\n")[0] for axis in shown] == ["BLEU-4 lost,", "WER added (%),", "error of hands added"]
    assert [bar.get_height() for bar in shown[0].patches] == [5.0, -0.5, 1.0, 0.5, 25.0]
    assert "20.00 times" in fig7_attribution.compared(data) and "which reaches that" in fig7_attribution.compared(data)
    assert "15.00 to infinity" in fig7_attribution.compared(data)
    short = data | {"goal": data["goal"] | {"ratio": 1.2}}
    assert "short of that" in fig7_attribution.compared(short)
    assert "no ratio" in fig7_attribution.compared(data | {"goal": data["goal"] | {"ratio": None}})


def test_errors_that_travel_have_a_row_for_each_stage(results):
    data = fig8_corruption.load(Sources(results))
    level, mean, std = fig8_corruption.curves(data)["cascade", "glosses", "swapped"]
    assert level.tolist() == [0, 0.2, 0.4] and mean == pytest.approx([21.5, 15.5, 9.5]) and std == pytest.approx([0.5 ** 0.5] * 3)
    figure = fig8_corruption.draw(data)
    shown = [axis.get_xlabel() for axis in figure.axes if axis.axison]
    assert shown == ["words dropped (share)", "glosses swapped (share of pairs)", "glosses dropped (share)"]
    assert fig8_corruption.compared(data).count("loses most, 56% of its BLEU-4 of 21.5") == 2
    floored = [row | {"bleu4": row["bleu4"] / 100} if row["chain"] == "cascade" else row for row in data["rows"]]
    assert "the classic path (cascade) has next to nothing to lose (BLEU-4 0.2" in fig8_corruption.compared({"rows": floored})


# --- files -----------------------------------------------------------------------------------------------------------
def test_two_runs_give_the_same_bytes_and_each_carries_its_hash(results, tmp_path, monkeypatch):
    monkeypatch.setattr("signer_lib.paper.sources.commit", lambda: "def5678")
    (one, skipped), (two, _) = (make_figures(tmp_path / name, ["fig4", "fig1"], results, captions=True) for name in "ab")
    assert not skipped and [path.name for path in one] == ["fig4.pdf", "fig4.png", "fig1.pdf", "fig1.png", "captions.md"]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two))
    stamp = make("fig4", Sources(results)).stamp
    assert re.search(r"results/end_to_end/learning.json \(commit abc1234\); sha256 [0-9a-f]{12}; code at commit def5678$", stamp)
    assert Image.open(tmp_path / "a" / "fig4.png").info["Description"] == stamp
    assert re.search(r"sha256 ([0-9a-f]{12})", stamp)[1].encode() in (tmp_path / "a" / "fig4.pdf").read_bytes()
    assert stamp in (tmp_path / "a" / "captions.md").read_text() and "## Fig. 4" in (tmp_path / "a" / "captions.md").read_text()
    rewrite(results, "end_to_end/learning.json", lambda told: told["rows"][0].update(seconds=1))
    assert make("fig4", Sources(results)).stamp != stamp


def test_the_small_print_is_in_the_corner_and_in_the_pdf(results):
    made = make("fig7", Sources(results))
    figure = stamped(made)
    line = figure.texts[-1]
    assert line.get_text().replace("\n", " ") == made.stamp and line.get_position()[0] > 0.9 and line.get_fontsize() <= 6


def test_a_missing_file_is_named_with_the_command_that_makes_it(results):
    (results / "end_to_end" / "learning.json").unlink()
    with pytest.raises(Missing, match=r"results/end_to_end/learning.json is missing: make it with  python -m signer_lib.comparison.learning"):
        make("fig4", Sources(results))


@pytest.fixture
def figures(monkeypatch, capsys, results, tmp_path):
    """``stable-signer figures ...`` on the results, of the figures that need no model. -> exit code, stdout, stderr"""
    monkeypatch.setattr("signer_lib.paper.making.FIGURES", {name: FIGURES[name] for name in STUDIED})

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["stable-signer", "figures", "--out", str(tmp_path / "out"), "--results", str(results), *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, *capsys.readouterr()

    return call


def test_the_command_draws_all_and_leaves_out_what_has_no_results(figures, results, tmp_path):
    (results / "end_to_end" / "attribution.json").unlink()
    code, out, _ = figures("--captions")
    assert code == 0 and {path.name for path in (tmp_path / "out").iterdir()} == {"captions.md", *(
        f"{name}{ending}" for name in ("fig4", "fig6", "fig8") for ending in (".pdf", ".png"))}
    assert [line for line in out.splitlines() if "skipped" in line] == [
        f"{name} is skipped: results/end_to_end/attribution.json is missing: make it with  {fig1_paths.COMMANDS[fig1_paths.FILE]}"
        for name in ("fig1", "fig7")]


def test_a_named_figure_that_cannot_be_drawn_ends_in_code_2(figures, results, tmp_path):
    (results / "end_to_end" / "learning.json").unlink()
    code, _, err = figures("fig6", "fig4")
    assert code == 2 and "fig4 is skipped" in err and (tmp_path / "out" / "fig6.png").is_file()
    code, _, err = figures("fig9")
    assert code == 2 and "there is no figure 'fig9': use fig1" in err and len(err.splitlines()) == 1
    (results / "end_to_end" / "corruption.json").write_text("[1]")
    code, _, err = figures("fig8")
    assert code == 2 and "corruption.json is no result" in err


def test_every_caption_says_how_to_read_it_and_ours_are_called_ours():
    for name in FIGURES:
        assert module_of(name).CAPTION.endswith(".") and len(module_of(name).CAPTION) > 80
    assert all(module_of(name).CAPTION.startswith("Ours") for name in ("fig6", "fig7", "fig8"))


# --- the models at work ----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def rendering(pipeline, slul, tmp_path_factory):
    """The shipped models with a renderer of random weights."""
    who = Diffusion(tiny_renderer(tmp_path_factory.mktemp("renderer") / "mine", slul.model.config.d_model))
    return StableSignerPipeline(pipeline.slul, pipeline.prior, pipeline.experts, pipeline.models | {"renderer": who.name}, who)


def test_the_sentence_is_one_of_the_tests():
    assert TEXT in [text for text, _ in read_pairs(FOLDER, "test")]


def test_the_overview_is_drawn_from_the_modules_that_ran(rendering):
    data = fig2_overview.trace(rendering, TEXT)
    modules = {name: row for parts in data["modules"].values() for name, row in parts.items()}
    assert all(row["calls"] > 0 and row["gave"] for row in modules.values()) and modules["Q"]["gave"] == (len(data["glosses"]), 64)
    assert modules["G"]["kind"] == "Gate" and modules["G"]["weights"] == sum(w.numel() for w in rendering.experts.G.parameters())
    assert modules["vae"]["gave"][-2:] == (16, 16) and data["passed"]["frame"] == (32, 32, 3)
    assert not any(part._forward_hooks for part in rendering.experts.modules()), "the hooks are taken off again"
    said = words(fig2_overview.draw(data))
    assert f"Gate, {modules['G']['weights']:,} weights" in said and "5 × 4" in said and "8 of 8 ran" in fig2_overview.compared(data)
    data["modules"]["SLP-MoE"]["R"]["calls"] = 0
    assert "(not R)" in fig2_overview.compared(data) and "not asked in this run" in words(fig2_overview.draw(data))


def test_the_detail_shows_the_models_own_numbers(pipeline):
    data = fig3_slp_moe.look(pipeline, TEXT)
    choice = pipeline(TEXT).choices[0]
    assert np.allclose(data["weights"], choice.weights) and np.allclose(data["mixed"], mixture(choice.weights, choice.choices))
    assert len(data["names"]) == len(data["candidates"]) > 1 and data["candidates"].shape[1:] == (32, 70, 3) == data["blended"].shape[-3:]
    figure = fig3_slp_moe.draw(data)
    assert f"{data['weights'][0, 0]:.2f}" in words(figure)
    small = [axis for axis in figure.axes if axis.collections and axis.get_label() != "<colorbar>"]
    assert len(small) == fig3_slp_moe.MOMENTS * (min(fig3_slp_moe.SHOWN, len(data["names"])) + 2)
    assert "100%" in fig3_slp_moe.compared(data)
    shrunk = data | {"blended": data["blended"] * 0.5}
    assert "keeps 50%" in fig3_slp_moe.compared(shrunk)


def test_a_part_of_a_performance_is_found_in_what_was_produced(pipeline):
    signing = pipeline(TEXT)
    part = signing.poses.xyz[20:40]
    assert fig5_strips.matched(part, signing.poses).tolist() == list(range(20, 40))
    held = np.repeat(part, 2, axis=0)                                                       # twice as slow
    assert fig5_strips.matched(held, signing.poses).tolist() == [k for k in range(20, 40) for _ in "ab"]


def test_strips_show_targets_poses_and_frames_beside_the_reference(rendering):
    signing = rendering(TEXT)
    clip = {"text": TEXT, "style": "night", "signer": "two"}
    frames = np.random.default_rng(0).integers(0, 255, (12, 32, 32, 3), dtype=np.uint8)
    one = fig5_strips.strip(rendering, clip, signing.poses.xyz[24:36], frames, moments=4)
    assert one["apart"] == pytest.approx(0, abs=1e-6) and np.array_equal(one["poses"], signing.poses.xyz[[24, 28, 31, 35]])
    assert one["rendered"].shape == (4, 32, 32, 3) and np.array_equal(one["reference"], frames[[0, 4, 7, 11]])
    whole = [*rendering.renderer.frames(signing.poses, 32, signing.meaning, 0, style="night", signer="two")]
    assert one["rendered"].std() > 0 and one["rendered"][0].shape == whole[24].shape
    span = next(span for span in signing.spans if span.unit == 2)
    offer = rendering.experts.offers(rendering.prior)[signing.choices[0].units[2].name]
    best = int(mixture(signing.choices[0].weights, signing.choices[0].choices)[2].argmax())
    first = torch.from_numpy(fig5_strips.target(rendering, signing, span.start))
    wrist = first[29] - first[4]
    assert torch.isfinite(first).all() and wrist.norm() < 1e-5, "the hand hangs on its wrist"
    assert np.allclose(offer.candidates[best].poses.xyz[0][29:50] - offer.candidates[best].poses.xyz[0][29], first[29:50] - first[29], atol=0.2)
    figure = fig5_strips.draw({"strips": [one], "rating": None})
    assert "not yet collected" in words(figure) and "(night, two)" in words(figure) and "no rater has been asked" in fig5_strips.compared(
        {"strips": [one], "rating": None})
    rating = {"raters": {"count": 3}, "scales": [{"scale": "clarity", "system": "ours", "mean": 3.5, "low": 3.0, "high": 4.0}]}
    asked = {"strips": [one], "rating": rating}
    assert "clarity (1 to 5)" in words(fig5_strips.draw(asked)) and "3 raters were asked" in fig5_strips.compared(asked)


def test_the_strips_clips_are_in_the_bundle():
    named = [json.loads(line)["name"] for line in (DATA / fig5_strips.CLIPS / "test.jsonl").read_text().splitlines()]
    assert set(fig5_strips.NAMES) <= set(named)


def test_models_are_part_of_the_hash(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"1")
    one, two = Sources(tmp_path / "results"), Sources(tmp_path / "results")
    one.files(tmp_path / "model")
    (tmp_path / "model" / "weights").write_bytes(b"2")
    two.files(tmp_path / "model")
    assert one.sha256 != two.sha256 and "model/" in one.stamp
    with pytest.raises(Missing, match="model/none is missing"):
        one.files(tmp_path / "model" / "none")
