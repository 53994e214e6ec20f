"""What each part is worth: SLP-MoE and SLUL with and without their parts. [ours]"""

from __future__ import annotations

from pathlib import Path

from signer_lib.comparison.report import FULL, VARIANT_TITLES, ablations
from signer_lib.figures.text import NOISES, SYSTEMS
from signer_lib.metrics.table import DOWN, MEANINGLESS, TO_ONE, UP
from signer_lib.tables.model import Column, Row, Table, over_seeds, sources
from signer_lib.tables.production import study_folder
from signer_lib.tables.text_understanding import COPY, study_runs

TITLE = "Ablation"
COLUMNS = {
    "bleu4": Column("BLEU-4", UP), "dtw_mje": Column("DTW-MJE", DOWN, "{:.3f}"), "hand_error": Column("hands", DOWN, "{:.3f}"),
    "total_distance_ratio": Column("distance", TO_ONE, "{:.2f}"), "rhythm_error": Column("rhythm", DOWN, "{:.3f}"),
    "size_error": Column("size", DOWN, "{:.3f}"), "wrist_jerk": Column("jerk", MEANINGLESS, "{:.0f}"),
    "seam_velocity": Column("at seams", DOWN, "{:.2f}"), "bone_drift": Column("bones drift", DOWN, "{:.2%}"),
}
RATE = 0.2                                       # of the words changed, in the table of SLUL
NOTES = [
    "hands, DTW-MJE in shoulder widths; rhythm, size: mean |log ratio| of a sign's seconds, of how far the hands go in it; jerk in shoulder "
    "widths/s³; at seams: the wrists' greatest speed where a sign begins or ends, shoulder widths/s; bones drift: how far their lengths are from "
    "the median",
    "one seed tells no spread: a difference smaller than the others' spread is none",
]


def on(results: Path, name: str) -> Table:
    """SLP-MoE's variants on one data set."""
    rows = [Row(VARIANT_TITLES[variant], "system", {measure: over_seeds(values.get(measure, [])) for measure in COLUMNS}, len(values["bleu4"]),
                variant == FULL) for variant, values in ablations(study_folder(results, name)).items()]
    return Table("SLP-MoE", COLUMNS, {"": rows}, NOTES, sources(results, f"slp_moe/{name}"))


def rules(results: Path) -> Table:
    """On (a), rule-made signers."""
    return on(results, "rules")


def recordings(results: Path) -> Table:
    """On (b), recordings."""
    return on(results, "recordings")


def slul(results: Path) -> Table:
    """Eq. 2 to 5 on PHOENIX-2014T, clean and under noise."""
    columns = {"test": Column("BLEU-4", UP, "{:.2f}"), "test_greedy": Column("greedy", UP, "{:.2f}")}
    columns |= {noise: Column(f"{name}, {RATE:.0%}", UP, "{:.2f}") for noise, name in NOISES.items()}
    columns["minutes"] = Column("minutes of training", DOWN, "{:.0f}")
    rows = []
    for variant, runs in study_runs(results).items():
        if variant == COPY:
            continue
        cells = {split: over_seeds([run[split]["bleu4"] for run in runs]) for split in ("test", "test_greedy")}
        for noise in NOISES:
            cells[noise] = over_seeds([row["bleu4"] for run in runs for row in run["noise"] if (row["noise"], row["rate"]) == (noise, RATE)])
        cells["minutes"] = over_seeds([run["settings"]["train_minutes"] for run in runs])
        rows.append(Row(SYSTEMS[variant], "system", cells, len(runs)))
    notes = ["BLEU-4 on test; greedy, and with a share of the source's words changed (greedy too; rarer synonyms reach fewer words than asked)"]
    return Table("SLUL on PHOENIX-2014T", columns, {"": rows}, notes, sources(results, "slul/phoenix14t"))


PARTS = {"SLP-MoE on (a) rules": rules, "SLP-MoE on (b) recordings": recordings, "SLUL, Eq. 2-5": slul}
