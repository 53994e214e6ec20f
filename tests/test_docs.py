"""The pages of docs/ and the cards: what they name exists, what they say is what the files hold."""

import importlib
import json
import math
import re

import nbformat
import pytest
from safetensors import safe_open

from signer_lib.assets import CHECKPOINTS, RESULTS, ROOT

DOCS = ROOT / "docs"
MAP = (DOCS / "paper_to_code.md").read_text(encoding="utf-8")
HEADS = ("Size", "Command", "Settings and log", "Trained on", "Measured", "Not for", "Licence", "Use")


def exists(name: str) -> bool:
    """Whether ``name``, from ``signer_lib`` on, is a module or something in one."""
    parts = ["signer_lib", *name.split(".")]
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part, None)
        return found is not None
    return False


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|") and not re.match(r"\|( -+ \|)+$", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_name_that_is_not_there_is_found_out():
    assert exists("experts.gating.Gate") and not exists("experts.gating.Gates") and not exists("experts.gates")


def test_every_function_of_the_map_exists():
    names = set(re.findall(r"`([\w.]+\w)`", "\n".join(line for line in MAP.splitlines() if line.startswith("|"))))
    names -= {"understand", "read_glosses", "choose", "perform", "frames"}                     # methods that one row lists behind their class
    assert len(names) > 60
    assert not [name for name in sorted(names) if not exists(name)]


def test_every_row_of_the_map_is_marked():
    assert not [row for row in rows(MAP) if len(row) > 2 and row[-1] != "mark" and not re.search(r"\[(paper|secondary|ours)\]", row[-1])]


def test_all_equations_algorithms_and_figures_of_the_paper_are_on_the_map():
    first = {row[0] for row in rows(MAP)}
    assert {f"Eq. {k}" for k in range(1, 10)} | {"Alg. 1", "Alg. 2"} | {f"Fig. {k}" for k in range(1, 8)} <= first


def test_every_section_of_a_notebook_that_the_map_names_exists():
    named = set(re.findall(r"\b(0\d)(?: §(\d+))?\b", MAP))
    assert len(named) > 25
    for number, section in named:
        path, = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
        heads = [line for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
        assert not section or any(line.startswith(f"## {section} · ") for line in heads), (number, section)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    anchor = lambda line: re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
    heads = lambda path: {anchor(line) for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")}
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
        name, _, head = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not head or head in heads(target), link


@pytest.mark.parametrize("card", sorted(CHECKPOINTS.glob("*/README.md")), ids=lambda card: card.parent.name)
def test_a_model_card_says_what_every_card_says(card):
    text = card.read_text(encoding="utf-8")
    found = re.findall(r"(?m)^- \*\*([\w ]+?)(?:\*\*|:\*\*)", text)
    assert not [head for head in HEADS if head not in found and not (head == "Settings and log" and "training.json" in text)], found
    total = 0
    for path in card.parent.rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            total += sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())
    said = [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", re.search(r"\*\*Size:\*\* (.+)", text)[1]) if number.replace(",", "")]
    assert total in (said[0], sum(said)), (total, said)


def test_the_numbers_of_the_cards_come_from_results():
    card = {path.parent.name: " ".join(path.read_text(encoding="utf-8").split()) for path in CHECKPOINTS.glob("*/README.md")}
    read = lambda name: json.loads((RESULTS / name).read_text())
    truth, ours, video = read("slp_moe/rules/ground_truth.json"), read("slp_moe/rules/full-1.json"), read("renderer/test.json")["rows"]
    seen = next(row for row in read("end_to_end/attribution.json")["rows"] if row["given"] == "frames" and row["bleu4_seen"] is not None)
    assert f"BLEU-4 {truth['bleu4']:.1f}, WER {truth['wer']:.1f} %" in card["back-translation-nano"]
    assert f"read at {truth['bleu4']:.1f}" in card["slp-moe-nano"] and f"back BLEU-4 {ours['bleu4']:.1f}" in card["slp-moe-nano"]
    assert f"DTW-MJE {ours['dtw_mje']:.3f} and hands {ours['hand_error']:.3f}" in card["slp-moe-nano"]
    assert f"BLEU-4 {seen['bleu4_seen']:.1f}, WER {seen['wer_seen']:.1f} %" in card["back-translation-seen"]
    found, made = video["reference"], video["renderer"]
    assert f"{100 * found['keypoint_error']:.2f} % of the picture's side, hands {100 * found['hands_error']:.2f} %" in card["keypoints"]
    assert f"SSIM {made['ssim']:.3f}, PSNR {made['psnr']:.1f} dB, hand SSIM {made['hand_ssim']:.3f}" in card["renderer-base"]
    assert f"alone has {video['autoencoder']['hand_ssim']:.3f}" in card["renderer-base"]


def test_the_numbers_of_the_fuzzing_come_from_its_result():
    page = " ".join((DOCS / "reliability.md").read_text(encoding="utf-8").split())
    found = json.loads((RESULTS / "reliability" / "fuzz.json").read_text())
    count = found["outcomes"]
    assert f"**{count['cases']:,} damaged files**, {len(found['readers'])} kinds of readers, seed {found['seed']}" in page
    assert f"{count['refused']:,} were refused in one line, {count['valid']:,} read as valid, {len(found['failures'])} failed" in page
    assert found["most_memory_of_a_case_mb"] <= 13 and count["refused"] + count["valid"] + len(found["failures"]) == count["cases"]


def test_the_tests_that_the_page_of_reliability_names_exist():
    page = (DOCS / "reliability.md").read_text(encoding="utf-8")
    for name in re.findall(r"`(?:tests/)?((?:test_\S+\.py)|fuzz|browser)`", page):
        assert list((ROOT / "tests").glob(name)), name


def test_the_numbers_of_scaling_come_from_its_result():
    told, found = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split()), json.loads((RESULTS / "scale" / "cpu.json").read_text())
    ratio = {name: f"{found[name]['ratio']:.1f}" for name in ("signing, drawn", "signing, diffusion", "training, slul", "training, slp_moe")}
    assert f"sign {ratio['signing, drawn']} (drawn) and {ratio['signing, diffusion']} (rendered) times" in told
    assert f"make {ratio['training, slp_moe']} times the steps of SLP-MoE's training and {ratio['training, slul']} times those of SLUL's" in told
