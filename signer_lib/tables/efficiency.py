"""What it costs: milliseconds from text to poses, seconds of video, minutes of training, and how soon each system learns. [ours]"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signer_lib.comparison.report import TITLES, study_systems
from signer_lib.errors import SignerError
from signer_lib.figures.text import SYSTEMS
from signer_lib.metrics.table import DOWN, MEANINGLESS
from signer_lib.tables.model import Cell, Column, Row, Table, over_seeds, read, sources
from signer_lib.tables.production import study_folder
from signer_lib.tables.text_understanding import study_runs

TITLE = "Efficiency"
LEARNING = "end_to_end/learning.json"
STAGES = {"understand": "understand", "choose": "choose", "blend_and_refine": "blend and refine", "all": "all"}
EPOCHS = 8                                       # columns at most of the table of learning


def poses(results: Path) -> Table:
    """Milliseconds from text to poses: each stage for ten glosses, and texts of other lengths."""
    name = "slp_moe/speed.json"
    speed = read(results, name, f"python -m signer_lib.comparison.speed --out results/{name}")
    columns = {stage: Column(f"{heading} (ms)", DOWN, "{:,.1f}") for stage, heading in STAGES.items()}
    columns["each"] = Column("a gloss (ms)", DOWN, "{:.2f}")
    ten = speed["ten_glosses_ms"]
    rows = [Row("a sentence of 10 glosses", "system", {stage: Cell(ten[stage]) for stage in STAGES} | {"each": Cell(ten["all"] / 10)}, ours=True)]
    rows += [Row(f"{row['glosses']:,} glosses, sentences together", "aside", {"all": Cell(row["ms"]), "each": Cell(row["ms"] / row["glosses"])})
             for row in speed["growth"]]
    notes = [f"{speed['threads']} threads; ten glosses: the median of {speed['repeats']} calls for each of {speed['sentences']} sentences; the "
             "others: the best of three",
             f"a line through them: {speed['fit']['ms_per_gloss']:.2f} ms a gloss and {speed['fit']['offset_ms']:.1f} ms besides",
             speed["machine"]]
    return Table("text", columns, {"": rows}, notes, sources(results, name))


def video(results: Path) -> Table:
    """Seconds and memory of a clip, beside networks of Stable Diffusion 1.5's size."""
    name = "renderer/speed.json"
    speed = read(results, name, f"python -m signer_lib.comparison.render_speed --out results/{name}")
    columns = {"steps": Column("steps", MEANINGLESS, "{:.0f}"), "seconds": Column("seconds a clip", DOWN, "{:,.1f}"),
               "frame": Column("seconds a frame", DOWN, "{:.2f}"), "times": Column("times as long", DOWN),
               "memory": Column("peak memory (GB)", DOWN, "{:.2f}")}

    def row(title: str, steps: int, seconds: float, kind: str, memory: float | None = None) -> Row:
        cells = {"steps": Cell(steps), "seconds": Cell(seconds), "frame": Cell(seconds / speed["frames"]), "times": Cell(seconds / speed["seconds"])}
        return Row(title, kind, cells | ({"memory": Cell(memory)} if memory is not None else {}), ours=kind == "system")

    large = speed["large"]
    rows = [row("the renderer", speed["steps"], speed["seconds"], "system", speed["peak_memory_gb"]),
            row("the same, more steps", speed["more"]["steps"], speed["more"]["seconds"], "aside"),
            row("a UNet and a ControlNet of Stable Diffusion 1.5's size", large["steps"], large["seconds"], "aside")]
    notes = [f"{speed['frames']} frames of {speed['size']} pixels, {speed['threads']} threads; {speed['peak_memory_gb_of_2000_frames']:.2f} GB at "
             "most for 2,000 frames",
             f"the large networks: {large['weights']:,} random weights, {len(large['seconds_per_step'])} of their steps timed and multiplied",
             speed["machine"]]
    return Table("renderer", columns, {"": rows}, notes, sources(results, name))


def training(results: Path) -> Table:
    """Minutes that each trained system took, as its own training measured them."""
    groups, files = {}, []

    def minutes(runs: Sequence[Mapping[str, Any]]) -> Cell | None:
        return over_seeds([run["settings"]["train_minutes"] for run in runs])

    asl = results / "slul" / "asl.json"
    if asl.is_file():
        result = read(results, "slul/asl.json", "python -m signer_lib.language.report --out results/slul/asl.json")
        groups["text to gloss, our corpus"] = [Row("SLUL nano", "system", {"minutes": minutes([result])}, 1)]
        files.append("slul/asl.json")
    if (results / "slul" / "phoenix14t").is_dir():
        groups["text to gloss, PHOENIX-2014T"] = [Row(SYSTEMS[name], "system", {"minutes": minutes(runs)}, len(runs))
                                                  for name, runs in study_runs(results).items() if "settings" in runs[0]]
        files.append("slul/phoenix14t")
    for heading, name in (("gloss to pose, (a) rules", "rules"), ("gloss to pose, (b) recordings", "recordings")):
        if (results / "slp_moe" / name).is_dir():
            groups[heading] = [Row(TITLES[system], "system", {"minutes": minutes(runs)}, len(runs), system == "slp_moe")
                               for system, runs in study_systems(study_folder(results, name)).items() if "settings" in runs[0]]
            files.append(f"slp_moe/{name}")
    if not groups:
        raise SignerError(f"{results.name} holds no trainings: make some with  python -m signer_lib.comparison.study")
    return Table("system", {"minutes": Column("minutes of training", DOWN)}, groups,
                 ["one CPU thread; minutes of a shared machine, so they carry its load"], sources(results, *files))


def learning(results: Path, measure: str, column: Column) -> Table:
    """How far each system is after some epochs: a row a system, a column an epoch, at most ``EPOCHS`` of them, the first and the last kept."""
    result = read(results, LEARNING, f"python -m signer_lib.comparison.learning --performances out/rules --seeds 1 2 3 --out results/{LEARNING}")
    rows = [row for row in result["rows"] if row.get(measure) is not None]
    if not rows:
        raise SignerError(f"{results.name}/{LEARNING} has no {measure}: make it again with  python -m signer_lib.comparison.learning")
    epochs = sorted({row["epoch"] for row in rows})
    if len(epochs) > EPOCHS:
        epochs = [epochs[round(k * (len(epochs) - 1) / (EPOCHS - 1))] for k in range(EPOCHS)]
    columns = {str(epoch): Column(f"epoch {epoch:g}", column.better, column.form) for epoch in epochs} | {"minutes": Column("minutes, all epochs")}
    told = []
    for system, what in result["systems"].items():
        own = [row for row in rows if row["system"] == system]
        if not own:
            continue
        seeds = sorted({row["seed"] for row in own})
        cells = {str(epoch): over_seeds([row[measure] for row in own if row["epoch"] == epoch]) for epoch in epochs}
        cells["minutes"] = over_seeds([max(row["seconds"] for row in own if row["seed"] == seed) / 60 for seed in seeds])
        told.append(Row(what, "system", cells, len(seeds)))
    return Table(column.heading, columns, {"": told}, [f"{column.heading} on dev or test as the file's settings say, after as many epochs"],
                 sources(results, LEARNING))


PARTS = {
    "From text to poses": poses,
    "From poses to video": video,
    "Training": training,
    "How soon it learns: poses, DTW-MJE": lambda results: learning(results, "dtw_mje", Column("DTW-MJE (shoulder widths)", DOWN, "{:.3f}")),
    "How soon it learns: glosses, WER": lambda results: learning(results, "gloss_wer", Column("WER of glosses (%)", DOWN)),
}
