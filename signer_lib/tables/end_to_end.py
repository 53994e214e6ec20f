"""From text to video: which stage costs what, the hierarchy against the cascade, training all together, and noise. [ours]"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from signer_lib.comparison.attribution_report import remarks
from signer_lib.metrics.table import DOWN, MEANINGLESS, UP
from signer_lib.tables.model import Cell, Column, Row, Table, over_seeds, read, sources
from signer_lib.tables.published import published

TITLE = "End to end"
FILES = {name: f"end_to_end/{name}.json" for name in ("attribution", "joint", "corruption")}
COMMANDS = {
    "attribution": "python -m signer_lib.comparison.attribution --data out/rules --experts DIR --regressions DIR --judge DIR --work DIR",
    "joint": "python -m signer_lib.joint.evaluate --joint JOINT --control CONTROL --performances out/rules",
    "corruption": "python -m signer_lib.comparison.corruption --data out/rules --experts DIR --regression DIR --judge DIR --work DIR",
}
MEASURES = {
    "gloss_wer": Column("WER of glosses (%)", DOWN), "bleu4": Column("BLEU-4", UP), "wer": Column("WER (%)", DOWN),
    "hand_error": Column("hands", DOWN, "{:.3f}"), "dtw_mje": Column("DTW-MJE", DOWN, "{:.3f}"), "bleu4_seen": Column("BLEU-4 of frames", UP),
    "wer_seen": Column("WER of frames (%)", DOWN), "hand_ssim": Column("hand SSIM", UP, "{:.3f}"), "ssim": Column("SSIM", UP, "{:.3f}"),
    "psnr": Column("PSNR (dB)", UP, "{:.2f}"),
}
GIVEN = {  # how far the truth is put in -> how the row is named, what it is
    "nothing": ("text alone", "system"), "glosses": ("true glosses", "aside"), "choice": ("true glosses and choice", "aside"),
    "poses": ("true poses", "ceiling"), "frames": ("true poses, drawn by the studio", "ceiling"),
}
STAGES = {"understanding": "understanding", "choice": "choice", "poses": "poses", "rendering": "rendering"}
CHAINS = {"hierarchy": "the hierarchy: SLUL, SLP-MoE, renderer", "cascade": "the cascade: SLUL, pose regression, the same renderer"}
SYSTEMS = {"frozen": "SLP-MoE before", "control": "as many steps more, without the renderer", "joint": "with the renderer's loss"}
UNITS = ("BLEU 0..100, of the text read back from the poses, or, where the heading says so, of frames: poses found in them by a detector; "
         "hands and DTW-MJE in shoulder widths; hand SSIM: against frames of the true poses, after aligning time")


def load(results: Path, name: str) -> dict[str, Any]:
    return read(results, FILES[name], f"{COMMANDS[name]} --out results/{FILES[name]}")


def measured(runs: Sequence[Mapping[str, Any]]) -> dict[str, Cell | None]:
    """Rows of a file that differ in their seed alone -> a cell a measure, over the seeds that have it: frames may be of fewer than poses."""
    return {measure: over_seeds([run[measure] for run in runs if run.get(measure) is not None]) for measure in MEASURES}


def seeds_of(runs: Sequence[Mapping[str, Any]]) -> int:
    return len({run["seed"] for run in runs})


def heading_of(measure: str) -> str:
    return MEASURES[measure].heading if measure in MEASURES else measure


def attribution(results: Path) -> Table:
    """Each chain with the truth put in up to a stage."""
    result, groups = load(results, "attribution"), {}
    for chain in dict.fromkeys(row["chain"] for row in result["rows"]):
        rows = []
        for given, (title, kind) in GIVEN.items():
            if runs := [row for row in result["rows"] if (row["chain"], row["given"]) == (chain, given)]:
                runs = runs[:1] if kind == "ceiling" else runs                            # the truth is the same for every seed
                rows.append(Row(title, kind, measured(runs), seeds_of(runs)))
        groups[CHAINS.get(chain, chain)] = rows
    filmed = {row["seed"] for row in result["rows"] if row["given"] == "nothing" and row["video_count"]}
    count = result["rows"][0]["count"]
    films = {row["video_count"] for row in result["rows"] if row.get("video_count")}
    video = f", {max(films)} of them as video by the models of {len(filmed)} seed{'s' * (len(filmed) != 1)}" if films else ""
    notes = [f"{count} sentences{video}", UNITS]
    return Table("given", MEASURES, groups, notes, sources(results, FILES["attribution"]))


def loss(results: Path) -> Table:
    """What each stage takes: how much better a measure gets when the truth stands in its place."""
    result, groups = load(results, "attribution"), {}
    for chain in dict.fromkeys(row["chain"] for row in result["loss"]):
        rows = []
        for measure in dict.fromkeys(row["measure"] for row in result["loss"] if row["chain"] == chain):
            own = [row for row in result["loss"] if (row["chain"], row["measure"]) == (chain, measure) and row["mean"] is not None]
            cells = {row["stage"]: Cell(row["mean"], row["std"]) for row in own}
            rows.append(Row(heading_of(measure), "aside", cells, max((row["seeds"] for row in own), default=None)))
        groups[CHAINS.get(chain, chain)] = rows
    columns = {stage: Column(title, MEANINGLESS, "{:+.3f}") for stage, title in STAGES.items()}
    note = ("how much better the measure gets when the truth stands in the place of the stage, in its own units: above 0 the stage costs something, "
            "below 0 the truth comes out worse than what stands in for it")
    return Table("measure", columns, groups, [note, *remarks(result)], sources(results, FILES["attribution"]))


def goal(results: Path) -> Table:
    """The hierarchy by the cascade, beside what the paper claims."""
    result = load(results, "attribution")
    found = result["goal"]
    columns = {"hierarchy": Column("hierarchy", UP), "cascade": Column("cascade", UP), "ratio": Column("ratio", UP, "{:.3f}"),
               "wanted": Column("wanted", MEANINGLESS, "{:.3f}")}
    cells = {name: Cell(found[name]) for name in ("hierarchy", "cascade", "wanted") if found.get(name) is not None}
    if found.get("ratio") is not None:
        ends = [inf if end is None else end for end in found["interval"]]                # none where the cascade is read as nothing
        cells["ratio"] = Cell(found["ratio"], interval=(ends[0], ends[1]))
    reached = "ratio" in cells and found["ratio"] >= found["wanted"]
    notes = [f"measure: {found['measure']}; wanted {found['wanted']} or more: {'reached' if reached else 'not reached'}",
             "the published ratio is of another system, corpus and baseline: nothing here repeats that measurement"]
    return Table("system", columns, {"": [Row("ours", "aside", cells, len(result["seeds"]), True), *published("end to end")]}, notes,
                 sources(results, FILES["attribution"]))


def joint(results: Path) -> Table:
    """SLP-MoE and the renderer trained together, beside both left alone and the renderer trained on by itself."""
    result, groups = load(results, "joint"), {}
    for size in dict.fromkeys(row["size"] for row in result["rows"]):
        rows = []
        for system, title in SYSTEMS.items():
            if runs := [row for row in result["rows"] if (row["size"], row["system"]) == (size, system)]:
                rows.append(Row(title, "system", measured(runs), seeds_of(runs), system == "joint"))
        groups[size] = rows
    counts = ", ".join(f"{size}: {clips} clips" for size, clips in {row["size"]: row["clips"] for row in result["rows"]}.items())
    return Table("SLP-MoE", MEASURES, groups, [f"the renderer itself stays as it is; rendered of {counts}", UNITS], sources(results, FILES["joint"]))


def joint_difference(results: Path) -> Table:
    """What training together changes: with the renderer's loss less before, and less as many steps without it, seed by seed."""
    result = load(results, "joint")
    groups: dict[str, list[Row]] = {}
    for size, against in dict.fromkeys((row["size"], row["against"]) for row in result["difference"]):
        own = {row["measure"]: row for row in result["difference"] if (row["size"], row["against"]) == (size, against)}
        cells = {measure: Cell(row["mean"], row["std"]) for measure, row in own.items() if row["mean"] is not None}
        groups.setdefault(size, []).append(Row(f"less {SYSTEMS[against]}", "aside", cells, max(len(row["seeds"]) for row in own.values())))
    columns = {measure: Column(column.heading, column.better, column.form.replace(":", ":+")) for measure, column in MEASURES.items()}
    return Table("with the renderer's loss", columns, groups, ["mean of the differences of single seeds"], sources(results, FILES["joint"]))


def corruption(results: Path, strongest: bool = False) -> Table:
    """Noise put in at a stage, chain by chain, clean first: every level, or of each noise the strongest."""
    result, groups = load(results, "corruption"), {}
    for chain in dict.fromkeys(row["chain"] for row in result["rows"]):
        own = [row for row in result["rows"] if row["chain"] == chain]
        rows = [Row("no noise", "aside", measured([row for row in own if row["level"] == 0][:1]))]
        for stage, noise in dict.fromkeys((row["stage"], row["noise"]) for row in own):
            noisy = [row for row in own if (row["stage"], row["noise"]) == (stage, noise) and row["level"] > 0]
            levels = sorted({row["level"] for row in noisy})
            for level in levels[-1:] if strongest else levels:
                runs = [row for row in noisy if row["level"] == level]
                rows.append(Row(f"{stage}: {noise.replace('_', ' ')}, {level:g}", "aside", measured(runs), seeds_of(runs)))
        groups[CHAINS.get(chain, chain)] = rows
    return Table("noise in a stage, its level", MEASURES, groups, [UNITS], sources(results, FILES["corruption"]))


PARTS = {
    "Which stage makes the error": attribution, "What each stage costs": loss, "The goal: hierarchy by cascade": goal,
    "Trained together": joint, "What training together changes": joint_difference,
    "Under the strongest noise": lambda results: corruption(results, strongest=True), "Under every noise": corruption,
}
