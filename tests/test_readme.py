"""What README and the cards say is what the files hold."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from signer_lib.assets import CHECKPOINTS, DATA, RESULTS, ROOT
from signer_lib.comparison import renderer_report
from signer_lib.comparison.report import study_runs
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.prior.phonology import load_signs
from signer_lib.results import read_results
from signer_lib.tables import ablation, efficiency, end_to_end, production, text_understanding, video
from signer_lib.tables.markdown import grid

AT_PACE = "rule at the batch's pace"
FRONT = (ROOT / "README.md").read_text(encoding="utf-8")
README = "\n".join([FRONT, *((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("results", "training", "making_everything"))])


def test_the_first_screen_says_what_this_is_what_it_is_not_and_the_two_commands():
    first = "\n".join(FRONT.splitlines()[:20])
    assert "not a translator" in first and "make sign TEXT=" in first and "make test" in first and "arxiv" in first.lower()


def test_the_numbers_come_from_results():
    result = json.loads((RESULTS / "slul" / "asl.json").read_text())
    assert grid(text_understanding.asl(RESULTS)) in README
    assert f"{result['decoding']['seconds']['together']:.1f} s with 5 beams" in README
    assert f"{result['same_glosses_in_a_prompt_percent']:.1f} %" in README
    assert f"{result['grammar']['draws']:,} draws" in README and result["grammar"]["test_sentences_made"] == 0
    assert f"{result['weights']:,} weights" in README and f"{result['weights']:,} weights" in (CHECKPOINTS / "slul-nano" / "README.md").read_text()
    assert result["rows"][list(result["rows"])[-1]]["count"] == len(read_pairs(FOLDER, "test"))
    training = json.loads((CHECKPOINTS / "slul-nano" / "training.json").read_text())
    assert result["settings"] == training, "the results are of another training: run signer_lib.language.report again"


def test_the_table_of_phoenix_comes_from_results():
    results = read_results(RESULTS / "slul" / "phoenix14t")
    assert {"copy", "plain", "full"} <= {result["variant"] for result in results}
    assert grid(text_understanding.phoenix(RESULTS)) in README
    assert all("+" not in result["commit"] for result in results), "made with changes that no commit holds"


def test_the_numbers_of_the_prior_come_from_results():
    result = {path.stem: json.loads(path.read_text()) for path in (RESULTS / "prior").glob("*.json")}
    for name, row in result["recognition"]["rows"].items():
        assert f"| {name} | {row['top1']:.1f} | {row['top5']:.1f} |" in README
    ours, lex = result["compiling"]["lexicon"], result["compiling"]["asl_lex"]
    assert ours["compiled"] == len(load_signs()) and f"All {ours['compiled']} signs" in README
    assert f"{lex['compiled']:,} of ASL-LEX's {lex['entries']:,} entries ({100 * lex['compiled'] / lex['entries']:.1f} %)" in README
    for figures in (ours["figures"], lex["figures"]):
        assert all(figure["within"] == figure["signs"] for name, figure in figures.items() if name != "duration_error_ms")
    goals, rules = result["recordings"]["sets"]["asl_app"]["goals"], result["recordings"]["sets"]["asl_app"]["rules"]
    assert goals["missing_share"]["mean"] == 0 and f"(before: {100 * next(iter(rules.values()))['before']['missing_share']:.0f} %)" in README
    assert f"wrist jerk down {goals['jerk_ratio']['mean']:.1f} times in the mean" in README
    assert f"{goals['moved']['mean']:.3f} shoulder widths" in README
    assert f"({lex['figures']['duration_error_ms']['median']:.0f} ms off in the median)" in README
    median = result["durations"]["median error in ms"]["held-out entries of ASL-LEX"]
    assert f"is {median['rule']:.0f} ms off" in README and f"{median[AT_PACE]:.0f} ms once" in README
    assert f"{result['scale']['cold']['median_ms']:.1f} ms in the median, {result['scale']['memory_peak_mb']:.0f} MB" in README
    assert all("+" not in one["commit"] for one in result.values()), "made with changes that no commit holds"


def test_the_numbers_of_the_whole_way_come_from_results():
    for table in (end_to_end.attribution(RESULTS), efficiency.PARTS["How soon it learns: poses, DTW-MJE"](RESULTS)):
        assert grid(table) in README
    found = {path.stem: json.loads(path.read_text()) for path in (RESULTS / "end_to_end").glob("*.json")}
    assert all("+" not in one["commit"] for one in found.values()), "made with changes that no commit holds"
    goal = found["attribution"]["goal"]
    assert goal["measure"] == "bleu4_seen" and f"{goal['hierarchy']:.1f} to {goal['cascade']:.1f}" in README and goal["ratio"] > goal["wanted"]
    ours = {row["given"]: row for row in found["attribution"]["rows"] if row["chain"] == "hierarchy" and row["seed"] == 1}
    for measure in ("wer", "wer_seen"):
        assert f"from {ours['nothing'][measure]:.1f} to {ours['glosses'][measure]:.1f} %" in README
    cost = {row["stage"]: row["mean"] for row in found["attribution"]["loss"] if row["measure"] == "hand_error" and row["chain"] == "hierarchy"}
    assert f"of {ours['nothing']['hand_error']:.3f}, understanding is {cost['understanding']:.3f} and choice {cost['choice']:.3f}" in README
    changes = {(row["size"], row["measure"], row["against"]): row for row in found["joint"]["difference"]}
    for size, against in [(size, against) for size in ("nano", "base") for against in ("frozen", "control")]:
        pair = [changes[size, one, against] for one in ("hand_ssim", "bleu4")]
        told = " and ".join(f"{row['mean']:.{form}} ± {row['std']:.{form}}" for row, form in zip(pair, ("3f", "1f")))
        assert told in " ".join(README.split()), (size, against)
    assert f"({ours['glosses']['hand_ssim']:.3f} without, {ours['choice']['hand_ssim']:.3f} with it)" in README
    noisy = [row for row in found["corruption"]["rows"] if row["chain"] == "hierarchy"]
    noise = {(row["stage"], row["noise"], row["level"]): f"{row['bleu4']:.1f}" for row in noisy}
    said = README[README.index("**Noise put in at one stage**"):README.index("## How soon does it learn?")]
    for one in (("text", "drop", 0), ("text", "drop", 0.4), ("glosses", "substituted", 0.4), ("glosses", "swapped", 0.4),
                ("choice", "wrong_candidate", 1), ("poses", "jitter", 0.1)):
        assert noise[one] in said, one


def test_counts():
    assert f"{len(load_signs())} signs" in README and f"{len(load_signs())} signs" in (DATA / "README.md").read_text()
    assert f"{len(read_pairs(FOLDER, 'train')):,} parallel sentences" in (DATA / "README.md").read_text()


def test_every_data_file_has_a_card():
    cards = (DATA / "README.md").read_text()
    for path in DATA.rglob("*"):
        if path.is_file() and path.name != "README.md" and "checkpoints" not in path.parts:
            name = re.sub(r"signs_\w+", "signs_*", str(path.relative_to(DATA)))
            name = re.sub(r"signers/(?!flesh)\w+", "signers/{default,small,tall,broad,slight}", name)
            name = re.sub(r"clips_(nano|base)/.+", r"clips_\1/*", name)
            stem = re.sub(r"/(dev|test)\.\w+", r"/\1.*", name)
            assert stem in cards or name.replace(".gloss", ".text") in cards, path


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ([\w.]+)", README))))
def test_every_command_of_the_readme_exists(module):
    assert importlib.util.find_spec(module)


def test_make_targets_and_links_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for link in re.findall(r"\]\((?!http|#)([^)]+)\)", FRONT):
        assert (ROOT / link).exists(), link


def test_the_repository_names_no_machine():
    for path in [
        *ROOT.glob("*.*"), *ROOT.glob("signer_lib/**/*.py"), *ROOT.glob("tests/*.py"), *ROOT.glob("data/**/*.json*"),
        *ROOT.glob("notebooks/**/*.ipynb"),
    ]:
        if path.is_file() and path != Path(__file__).resolve():
            assert not re.search(r"""["' =(]/(?:home|root|work|tmp|Users)/\w""", path.read_text(encoding="utf-8")), path


def test_the_tables_of_the_poses_come_from_results():
    folder = RESULTS / "slp_moe"
    assert grid(production.rules(RESULTS)) in README and grid(production.recordings(RESULTS)) in README
    speed = json.loads((folder / "speed.json").read_text())
    growth = {row["glosses"]: row["ms"] for row in speed["growth"]}
    assert f"takes {speed['ten_glosses_ms']['all']:.0f} ms from text to poses on two cores" in README
    assert f"100 glosses {growth[100]:.0f} ms, 1,000 glosses {growth[1000] / 1000:.1f} s" in README
    mean = lambda values: sum(values) / len(values)
    assert grid(ablation.rules(RESULTS)) in README
    runs, said = {name: study_runs(folder / name) for name in ("rules", "recordings")}, " ".join(README.split())
    gates = [run["gates"] for run in runs["rules"]["full"]]
    assert f"({mean([gate['information']['manner']['bits'] for gate in gates]):.2f} bit about the manner" in said
    assert f"load entropy {mean([gate['load_entropy'] for gate in gates]):.3f}" in said
    of = lambda name, variant, measure: f"{mean([run[measure] for run in runs[name][variant]]):.3f}"
    rhythm = [of(name, variant, "rhythm_error") for name in runs for variant in ("uniform_gate", "full")]
    assert "error of rhythm is {} instead of {}, and on (b) {} instead of {}".format(*rhythm) in said
    assert f"in DTW-MJE ({of('recordings', 'uniform_gate', 'dtw_mje')} instead of {of('recordings', 'full', 'dtw_mje')})" in said
    chance = {name: [row["p"] for row in json.loads((folder / f"significance_{name}.json").read_text())["differences"]
                     if row["against"] == "stitching"] for name in runs}
    assert f"p from {min(chance['rules']):.2f} to {max(chance['rules']):.2f} against stitching" in said
    assert f"(p {', '.join(f'{p:.3f}' for p in chance['recordings'])} against stitching" in said
    known = mean([run["recognition"]["top1"] for run in runs["rules"]["full"]])
    raw = json.loads((folder / "rules" / "candidates.json").read_text())["recognition"]["first"]["top1"]
    assert f"{known:.1f} % are known, of the raw candidates {raw:.1f} %" in said
    results = read_results(folder / "rules") + read_results(folder / "recordings") + [speed]
    assert all("+" not in result["commit"] for result in results), "made with changes that no commit holds"


def test_the_tables_of_the_video_come_from_results():
    results = {split: renderer_report.read_result(RESULTS / "renderer" / f"{split}.json") for split in ("test", "test_body")}
    assert grid(video.test(RESULTS)) in README and grid(video.test_body(RESULTS)) in README
    speed, said = json.loads((RESULTS / "renderer" / "speed.json").read_text()), " ".join(README.split())
    test, body = (result["rows"] for result in results.values())
    assert f"have an SSIM of {test['mean_frame']['ssim']:.3f}" in said
    of_ceiling = [rows["renderer"]["hand_ssim_of_ceiling"] for rows in (test, body)]
    assert "({:.2f}; {:.2f} on the unseen body)".format(*of_ceiling) in said
    assert f"({test['renderer']['fingers_countable']:.0%} for {test['autoencoder']['fingers_countable']:.0%})" in said
    assert f"SSIM ({body['renderer']['ssim']:.3f}) and PSNR ({body['renderer']['psnr']:.1f} dB)" in said
    assert f"takes {speed['seconds']:.1f} s on two cores" in said and f"{speed['times_faster']:.0f} times" in said
    assert f"{speed['peak_memory_gb']:.1f} GB of memory at most, {speed['peak_memory_gb_of_2000_frames']:.1f} GB for 2,000 frames" in said
    training = json.loads((CHECKPOINTS / "renderer-base" / "training.json").read_text())
    assert results["test"]["clips"] == 32 and training["size"] == 256
    assert all("+" not in result["commit"] for result in [*results.values(), speed]), "made with changes that no commit holds"
