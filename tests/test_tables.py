"""Tables: cells are the files', seeds and spread, what is bold and what never, escaping, missing files, published marks; two writers, one content."""

import hashlib
import json
import re
from statistics import mean, stdev

import pytest
import yaml

from signer_lib.comparison.report import TITLES, VARIANT_TITLES
from signer_lib.errors import SignerError
from signer_lib.figures.text import SYSTEMS
from signer_lib.metrics.table import DOWN, TO_ONE, UP
from signer_lib.tables import ablation, efficiency, end_to_end, latex, markdown, production, rating, text_understanding, video
from signer_lib.tables.__main__ import NAMES, build, main
from signer_lib.tables.model import Cell, Column, Row, Table, best_of, over_seeds, set_out, sources
from signer_lib.tables.published import FILE, listed, published


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | {"commit": "abc1234", "machine": "a machine", "command": "a command"}))


def pose_run(system, kind, bleu4, **told):
    return {"system": system, "kind": kind, "bleu4": bleu4, "rouge": 50.0, "wer": 20.0, "dtw_mje": bleu4 / 100, "hand_error": 0.1,
            "rhythm_error": None, "total_distance_ratio": 0.9, "duration_ratio": 1.0, "wrist_jerk": 150.0, "size_error": 0.1, "seam_velocity": 1.0,
            "bone_drift": 0.0, "count": 7, "signatures": ["a", "b"], "recognition": None} | told


CHAIN = {"count": 9, "gloss_wer": 5.0, "wer": 10.0, "rouge": 40.0, "hand_error": 0.1, "dtw_mje": 0.2, "video_count": 4, "bleu4_seen": 5.0,
         "wer_seen": 60.0, "rouge_seen": 10.0, "hand_ssim": 0.7, "ssim": 0.9}


@pytest.fixture
def results(tmp_path):
    """A results' folder in which every file is there, with numbers made up."""
    folder = tmp_path / "results"
    asl = {"copying the text": 4.0, "greedy": 90.0, "4 beams": 91.0}
    rows = {name: {"bleu4": bleu4, "rouge": 50.0, "wer": 5.0, "exact": 80.0, "count": 183} for name, bleu4 in asl.items()}
    write(folder / "slul/asl.json", {"what": "a test set", "rows": rows, "seed": 1, "settings": {"train_minutes": 30.0}})
    for variant, seeds in {"plain": (1, 2), "full": (1,)}.items():
        for seed in seeds:
            score = {"bleu4": 20.0 + seed, "rouge": 50.0, "wer": 60.0}
            noise = [{"noise": "drop", "rate": rate, "bleu4": 18.0 + seed - 10 * rate} for rate in (0.1, 0.2)]
            told = {"test": score, "dev": score, "test_greedy": score, "noise": noise, "settings": {"train_minutes": 20.0 + seed}}
            write(folder / f"slul/phoenix14t/{variant}-{seed}.json", {"variant": variant, "seed": seed, **told})
    write(folder / "slul/phoenix14t/copy.json", {"variant": "copy", "test": {"bleu4": 1.6, "rouge": 22.0, "wer": 99.0}, "dev": {"bleu4": 2.0}})
    for name in ("rules", "recordings"):
        study = folder / "slp_moe" / name
        write(study / "static_mean.json", pose_run("static_mean", "floor", 1.0))
        write(study / "stitching.json", pose_run("stitching", "system", 20.0))
        write(study / "ground_truth.json", pose_run("ground_truth", "ceiling", 40.0))
        for seed, bleu4 in ((1, 30.0), (2, 32.0), (3, 37.0)):
            told = {"seed": seed, "recognition": {"top1": 90.0 + seed}, "settings": {"train_minutes": 3.0}, "rhythm_error": 0.2}
            write(study / f"full-{seed}.json", pose_run("slp_moe", "system", bleu4, variant="full", **told))
        write(study / "one_expert-1.json", pose_run("slp_moe", "system", 28.0, variant="one_expert", seed=1, settings={"train_minutes": 2.0}))
    write(folder / "slp_moe/significance_rules.json", {"differences": [{"system": "full-1", "against": "stitching", "p": 0.25}]})
    stages = {"understand": 20.0, "choose": 2.0, "blend_and_refine": 10.0, "all": 32.0}
    write(folder / "slp_moe/speed.json", {"ten_glosses_ms": stages, "sentences": 8, "repeats": 15, "threads": 2,
                                          "growth": [{"glosses": 100, "ms": 120.0}], "fit": {"ms_per_gloss": 1.2, "offset_ms": 9.0}})
    large = {"weights": 1000, "steps": 20, "seconds_per_step": [1.0, 1.1], "seconds": 2500.0}
    write(folder / "renderer/speed.json", {"size": 256, "frames": 75, "threads": 2, "steps": 1, "seconds": 10.0,
                                           "more": {"steps": 4, "seconds": 19.0}, "peak_memory_gb": 1.3,
                                           "peak_memory_gb_of_2000_frames": 1.4, "large": large, "times_faster": 250.0})
    scores = {"mean_frame": ("floor", 0.9), "renderer": ("system", 0.95), "autoencoder": ("ceiling", 0.97), "reference": ("ceiling", 1.0)}
    for split in ("test", "test_body"):
        told = {name: {"kind": kind, "ssim": ssim, "psnr": 30.0, "hand_ssim": ssim, "fingers_countable": None}
                for name, (kind, ssim) in scores.items()}
        write(folder / f"renderer/{split}.json", {"rows": told, "clips": 3, "frames": 30, "seed": 0, "speed": {}, "signatures": []})
    chains = [CHAIN | {"chain": chain, "given": given, "seed": seed, "bleu4": bleu4 + seed}
              for chain, bleu4 in (("hierarchy", 20.0), ("cascade", 2.0)) for seed in (1, 2)
              for given in ("nothing", "glosses", "choice", "poses") if (chain, given) != ("cascade", "choice")]
    loss = [{"chain": "hierarchy", "stage": stage, "measure": "bleu4", "mean": mean, "std": 0.5, "seeds": 2}
            for stage, mean in (("understanding", 2.0), ("choice", -1.5))]
    goal = {"measure": "BLEU-4 of the text", "hierarchy": 21.5, "cascade": 3.5, "ratio": 6.14, "interval": [4.0, 9.0], "wanted": 1.486}
    write(folder / "end_to_end/attribution.json", {"rows": chains, "loss": loss, "goal": goal, "seeds": [1, 2], "settings": {}})
    joint = [{"size": "nano", "system": system, "seed": seed, "clips": 6, "ssim": ssim + seed / 100, "hand_ssim": 0.5, "psnr": 20.0,
              "bleu4": 9.0, "wer": 9.0, "hand_error": 0.1, "bleu4_seen": None}
             for system, ssim in (("frozen", 0.8), ("control", 0.85), ("joint", 0.9)) for seed in (1, 2)]
    difference = [{"size": "nano", "measure": "ssim", "mean": 0.05, "std": 0.01, "seeds": [1, 2], "against": "control"}]
    write(folder / "end_to_end/joint.json", {"rows": joint, "difference": difference, "gates": {}, "settings": {}})
    noisy = [CHAIN | {"chain": "hierarchy", "stage": "text", "noise": "drop", "level": level, "seed": 1, "bleu4": 20 - level}
             for level in (0, 0.1, 0.2)]
    write(folder / "end_to_end/corruption.json", {"rows": noisy, "settings": {}})
    learned = [{"system": "slp_moe", "seed": seed, "epoch": epoch, "dtw_mje": 0.3 - 0.01 * epoch + 0.01 * seed, "hand_error": 0.1,
                "gloss_wer": 20.0 - epoch, "seconds": 60.0 * epoch} for seed in (1, 2) for epoch in range(12)]
    write(folder / "end_to_end/learning.json", {"rows": learned, "systems": {"slp_moe": "SLP-MoE", "base": "never trained"}, "settings": {}})
    scale = {"scale": "clear", "low": 3.0, "high": 4.0, "ratings": 12, "raters": 3}
    write(folder / "rating/summary.json", {"scales": [scale | {"system": "ours", "mean": 3.5}, scale | {"system": "stitching", "mean": 3.1}],
                                           "agreement": [{"scale": "clear", "alpha": 0.4}]})
    return folder


def found(table, name, group=None):
    """The one row of this name."""
    rows = [row for heading, rows in table.groups.items() for row in rows if row.name == name and group in (None, heading)]
    assert len(rows) == 1, [row.name for rows in table.groups.values() for row in rows]
    return rows[0]


def written(table, name):
    heads, lines = set_out(table)
    line = next(line for line in lines if line.label == name)
    return dict(zip(heads[1:], zip(line.cells, line.best)))


# --- the model -------------------------------------------------------------------------------------------------------
def test_a_cell_is_the_mean_and_the_deviation_over_seeds():
    values = [30.0, 32.0, 37.0]
    assert over_seeds(values) == Cell(mean(values), stdev(values)) and over_seeds(values).written("{:.1f}") == "33.0 ± 3.6"
    assert over_seeds([5.0]) == Cell(5.0) and over_seeds([5.0, None]) is None and over_seeds([]) is None
    assert Cell(2.0, interval=(1.5, 2.5)).written("{:.1f}") == "2.0 [1.5, 2.5]"


@pytest.mark.parametrize("better, values, best", [
    (UP, {"system": [1.0, 3.0, 3.04, 1.0]}, {1, 2}), (DOWN, {"system": [1.0, 2.0, 3.0]}, {0}), (TO_ONE, {"system": [0.8, 1.1, 1.3]}, {1}),
    (UP, {"system": [1.0, 2.0], "floor": [9.0], "ceiling": [9.0], "aside": [9.0], "published": [9.0]}, {1}),
    (UP, {"system": [2.0], "floor": [1.0]}, set()), (UP, {"system": [2.0, 2.0, 1.0]}, set()), ("", {"system": [1.0, 2.0]}, set()),
])
def test_only_systems_compete_and_a_tie_of_most_is_no_victory(better, values, best):
    rows = [Row(f"{kind} {at}", kind, {"x": Cell(value)}) for kind, several in values.items() for at, value in enumerate(several)]
    assert best_of(rows, "x", Column("x", better, "{:.1f}")) == best


def test_what_was_not_measured_is_empty_and_an_empty_column_is_left_out():
    columns = {"a": Column("a"), "b": Column("b"), "c": Column("c")}
    table = Table("row", columns, {"": [Row("x", "floor", {"a": Cell(1.0)}), Row("y", "system", {"b": Cell(2.0), "a": None}, 3)]})
    heads, lines = set_out(table)
    assert heads == ["row", "a", "b", "seeds"] and [list(line.cells) for line in lines] == [["1.0", "", ""], ["", "2.0", "3"]]
    assert [line.label for line in lines] == ["x (floor)", "y"]
    with pytest.raises(SignerError, match="a row is a floor.*not 'winner'"):
        set_out(Table("row", columns, {"": [Row("x", "winner", {})]}))


def test_sources_tell_hash_and_commit(results):
    [one] = sources(results, "slul/asl.json")
    assert one.sha256 == hashlib.sha256((results / "slul/asl.json").read_bytes()).hexdigest() and one.commit == "abc1234"
    assert one.path == "results/slul/asl.json" and len(sources(results, "slp_moe/rules")) == len([*(results / "slp_moe/rules").glob("*.json")])


# --- values are the files' -------------------------------------------------------------------------------------------
def test_production_holds_the_files_numbers(results):
    table = production.rules(results)
    bleu4 = [json.loads((results / f"slp_moe/rules/full-{seed}.json").read_text())["bleu4"] for seed in (1, 2, 3)]
    ours = found(table, TITLES["slp_moe"])
    assert ours.cells["bleu4"] == Cell(mean(bleu4), stdev(bleu4)) and ours.seeds == 3 and ours.ours
    assert ours.cells["share_of_ceiling"].mean == pytest.approx(mean(bleu4) / 40) and ours.cells["top1"].mean == 92
    assert found(table, TITLES["stitching"]).seeds is None and found(table, TITLES["stitching"]).cells["bleu4"] == Cell(20.0)
    assert [row.kind for row in table.groups[""]] == ["floor", "system", "system", "ceiling"]
    assert written(table, "SLP-MoE")["BLEU-4 read back ↑"] == ("33.0 ± 3.6", True)
    assert written(table, "ground truth (ceiling)")["BLEU-4 read back ↑"] == ("40.0", False)
    assert any("p 0.250" in note for note in table.notes) and not any("p 0." in note for note in production.recordings(results).notes)


def test_understanding_and_ablation_hold_the_files_numbers(results):
    table = text_understanding.phoenix(results)
    assert found(table, SYSTEMS["plain"]).cells["bleu4"] == Cell(21.5, stdev([21.0, 22.0])) and found(table, SYSTEMS["plain"]).seeds == 2
    assert found(table, SYSTEMS["full"]).cells["bleu4"] == Cell(21.0) and found(table, SYSTEMS["copy"]).kind == "floor"
    own = text_understanding.asl(results)
    assert [row.kind for row in own.groups[""]] == ["floor", "system", "system"] and written(own, "4 beams")["BLEU-4 ↑"] == ("91.0", True)
    slul = ablation.slul(results)
    plain_row = found(slul, SYSTEMS["plain"])
    assert plain_row.cells["drop"] == Cell(17.5, stdev([17.0, 18.0])) and plain_row.cells["minutes"].mean == 21.5
    parts = ablation.rules(results)
    assert found(parts, VARIANT_TITLES["one_expert"]).cells["bleu4"] == Cell(28.0) and found(parts, VARIANT_TITLES["full"]).cells["bleu4"].mean == 33


def test_video_and_efficiency_hold_the_files_numbers(results):
    table = video.test(results)
    assert found(table, "the renderer").cells["ssim"] == Cell(0.95) and "fingers countable ↑" not in set_out(table)[0]
    speed = efficiency.video(results)
    assert written(speed, "a UNet and a ControlNet of Stable Diffusion 1.5's size")["times as long ↓"] == ("250.0", False)
    assert written(efficiency.poses(results), "100 glosses, sentences together")["a gloss (ms) ↓"][0] == "1.20"
    minutes = efficiency.training(results)
    assert found(minutes, "SLP-MoE", "gloss to pose, (a) rules").cells["minutes"] == Cell(3.0, 0.0) and "SLUL nano" in str(minutes.groups)


def test_learning_keeps_the_first_and_the_last_epoch_of_many(results):
    table = build("efficiency", results)[1]["How soon it learns: poses, DTW-MJE"]
    epochs = [key for key in table.columns if key != "minutes"]
    assert len(epochs) == efficiency.EPOCHS and epochs[0] == "0" and epochs[-1] == "11"
    row = found(table, "SLP-MoE")
    assert row.cells["11"].mean == pytest.approx(0.3 - 0.11 + 0.015) and row.cells["minutes"].mean == 11 and row.seeds == 2


def test_the_chains_hold_the_files_numbers(results):
    table = end_to_end.attribution(results)
    rows = table.groups[end_to_end.CHAINS["hierarchy"]]
    assert [row.name for row in rows] == [end_to_end.GIVEN[given][0] for given in ("nothing", "glosses", "choice", "poses")]
    assert rows[0].cells["bleu4"] == Cell(21.5, stdev([21.0, 22.0])) and rows[0].seeds == 2 and rows[-1].kind == "ceiling"
    assert len(table.groups[end_to_end.CHAINS["cascade"]]) == 3
    loss = end_to_end.loss(results)
    assert found(loss, "BLEU-4").cells == {"understanding": Cell(2.0, 0.5), "choice": Cell(-1.5, 0.5)}
    assert "hierarchy, choice: BLEU-4 is better by 1.5 without the truth than with it" in loss.notes
    goal = end_to_end.goal(results)
    assert written(goal, "ours")["ratio ↑"] == ("6.140 [4.000, 9.000]", False) and any("wanted 1.486 or more: reached" in note for note in goal.notes)
    noise = end_to_end.corruption(results).groups[end_to_end.CHAINS["hierarchy"]]
    assert [(row.name, row.cells["bleu4"].mean) for row in noise] == [("no noise", 20), ("text: drop, 0.1", 19.9), ("text: drop, 0.2", 19.8)]
    [_, strongest] = end_to_end.corruption(results, strongest=True).groups[end_to_end.CHAINS["hierarchy"]]
    assert strongest.name == "text: drop, 0.2" and strongest.seeds == 1


def test_a_goal_that_is_missed_is_said_to_be(results):
    path = results / "end_to_end/attribution.json"
    told = json.loads(path.read_text())
    told["goal"] |= {"ratio": 1.2, "interval": [0.9, None]}
    path.write_text(json.dumps(told))
    goal = end_to_end.goal(results)
    assert any("wanted 1.486 or more: not reached" in note for note in goal.notes)
    assert written(goal, "ours")["ratio ↑"][0] == "1.200 [0.900, inf]"


def test_joint_training_is_compared_within_its_size(results):
    table = end_to_end.joint(results)
    assert written(table, end_to_end.SYSTEMS["joint"])["SSIM ↑"] == ("0.915 ± 0.007", True)
    assert written(table, end_to_end.SYSTEMS["frozen"])["SSIM ↑"] == ("0.815 ± 0.007", False)
    changed = end_to_end.joint_difference(results)
    assert written(changed, f"less {end_to_end.SYSTEMS['control']}") == {"SSIM ↑": ("+0.050 ± 0.010", False), "seeds": ("2", False)}


def test_ratings_and_their_absence(results):
    table = rating.scales(results)
    assert found(table, "ours").cells["mean"] == Cell(3.5, interval=(3.0, 4.0)) and written(table, "ours")["mean rating [95 %] ↑"][1] is True
    assert found(rating.agreement(results), "clear").cells["alpha"] == Cell(0.4)
    (results / rating.FILE).unlink()
    for make in rating.PARTS.values():
        with pytest.raises(SignerError, match="not yet collected"):
            make(results)


# --- what others published -------------------------------------------------------------------------------------------
def test_published_rows_are_marked_and_never_best(results):
    for table in (text_understanding.phoenix(results), production.beside(results), video.beside(results), end_to_end.goal(results)):
        rows = [row for group in table.groups.values() for row in group if row.kind == "published"]
        assert rows and all("(published" in row.label for row in rows)
        _, lines = set_out(table)
        assert not any(any(line.best) for line in lines if "(published" in line.label)
        assert any("other" in note for note in table.notes), "a reader is told that the data differ"


def test_the_file_of_published_figures_is_whole():
    entries, keys = yaml.safe_load(FILE.read_text()), {"task", "name", "data", "split", "metrics", "source", "remark", "ceiling"}
    assert len(entries) == len(listed())
    for entry in entries:
        assert {"task", "name", "data", "split", "metrics", "source"} <= set(entry) and set(entry) <= keys
        assert entry["source"] and all(isinstance(value, (int, float)) for value in entry["metrics"].values())
        assert "memory" not in entry["source"] or "unverified" in entry["remark"]
    unverified = {row.name for row in published("text to gloss") if "from memory, unverified" in row.label}
    assert unverified == {"Progressive Transformers", "FS-Net"}
    truth = next(row for row in published("gloss to pose") if row.name == "ground truth")
    assert truth.cells["share_of_ceiling"].mean == 1


# --- writing ---------------------------------------------------------------------------------------------------------
TRICKY = Table("a_b", {"x": Column("50% & {more}", UP, "{:.0%}"), "y": Column("x_1^2~$3 #4 \\", TO_ONE)},
               {"group_1 | 100%": [Row("`L_way` off | a*b", "system", {"x": Cell(0.5, 0.1), "y": Cell(1.5)}, 2, True),
                                   Row("<other>", "system", {"x": Cell(0.25), "y": Cell(1.0)}, 1)]}, ["a note: 5 % of `a_b`"])


def plain(tex):
    """What LaTeX prints: commands of ours undone."""
    for command, sign in latex.SIGNS.items():
        tex = tex.replace(sign, f"\0{ord(command)}\0")
    tex = re.sub(r"\\(?:textbf|emph|texttt)\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", r"\1", re.sub(r"\\texttt\{([^{}]*)\}", r"\1", tex))
    return re.sub("\0(\\d+)\0", lambda found: chr(int(found[1])), tex)


def cells_of_markdown(text):
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    clean = lambda cell: re.sub(r"\\([\\|*<\[\]])", r"\1", re.sub(r"(?<!\\)\*|`", "", cell)).strip()
    return [[clean(cell) for cell in row] for row in rows]


def cells_of_latex(text):
    rows = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r"\\")]
    split = lambda row: [plain(cell).strip() for cell in re.split(r"(?<!\\)&", re.sub(r"\\multicolumn\{\d+\}\{l\}\{(.*)\}$", r"\1", row))]
    return [split(row) for row in rows]


def balanced(tex):
    depth = 0
    for sign in re.sub(r"\\[\\{}]", "", tex):
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    return depth == 0


def test_signs_are_escaped_in_both():
    text, tex = markdown.grid(TRICKY), latex.tabular(TRICKY)
    assert r"group_1 \| 100%" in text and r"**`L_way` off \| a\*b**" in text and r"\<other>" in text
    assert all(len(re.split(r"(?<!\\)\|", line)) == 6 for line in text.splitlines())
    assert balanced(tex) and r"\texttt{L\_way} off $|$ a*b" in tex and r"50\% \& \{more\} $\uparrow$" in tex and r"50\% $\pm$ 10\%" in tex
    assert not re.search(r"(?<!\\)[%#_]", tex) and r"\textless{}other\textgreater{}" in tex
    assert r"\multicolumn{4}{l}{\emph{group\_1 $|$ 100\%}} \\" in tex


def test_bold_is_bold_in_both():
    assert "| **50% ± 10%** |" in markdown.grid(TRICKY) and r"\textbf{50\% $\pm$ 10\%}" in latex.tabular(TRICKY)
    assert "| **1.0** |" in markdown.grid(TRICKY) and r"\textbf{1.0}" in latex.tabular(TRICKY)


@pytest.mark.parametrize("name", NAMES)
def test_both_writers_hold_the_same_cells(results, name):
    title, parts = build(name, results)
    assert not [part for part in parts.values() if isinstance(part, str)], "every file is there"
    for heading, table in parts.items():
        from_markdown, from_latex = cells_of_markdown(markdown.grid(table)), cells_of_latex(latex.tabular(table))
        trimmed = [[cell for cell in row if cell] for row in from_markdown]
        assert trimmed == [[cell for cell in row if cell] for row in from_latex], heading
    text, tex = markdown.document(title, parts), latex.document(title, parts)
    assert all(f"## {heading}" in text for heading in parts) and tex.count(r"\begin{table}") == tex.count(r"\end{table}") == len(parts)
    assert all(source.sha256 in text and source.sha256 in tex for table in parts.values() for source in table.sources)
    assert balanced("\n".join(line for line in tex.splitlines() if not line.startswith("%")))


def test_the_command_writes_everything_and_says_what_is_missing(tmp_path, capsys):
    (tmp_path / "results").mkdir()
    main(["--results", str(tmp_path / "results"), "--out", str(tmp_path / "tables")])
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {f"{name}{end}" for name in NAMES for end in (".md", ".tex")}
    for name in NAMES:
        for heading, part in build(name, tmp_path / "results")[1].items():
            if isinstance(part, str):
                assert "\n" not in part and re.search(r"python -m signer_lib\.|stable-signer (?:evaluate|rating)", part), part
                assert part in (tmp_path / "tables" / f"{name}.md").read_text()
            else:
                assert heading == "Beside what is published", "published figures need no file"
    assert "not here yet: Every scale" in capsys.readouterr().out


def test_the_command_refuses_what_is_not_there(tmp_path):
    with pytest.raises(SignerError, match="no table 'prior': use text_understanding"):
        main(["prior", "--out", str(tmp_path / "out")])
    with pytest.raises(SignerError, match="no folder of results"):
        main(["--results", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_a_broken_file_is_named(results):
    (results / "slul/asl.json").write_text("{")
    with pytest.raises(SignerError, match="results/slul/asl.json is no result: make it again"):
        text_understanding.asl(results)
