"""Production by back-translation: every system's poses, read back by an evaluator, between floors and the truth. [ours]"""

from __future__ import annotations

from pathlib import Path

from signer_lib.comparison.report import CEILING, TITLES, study_systems
from signer_lib.errors import SignerError
from signer_lib.metrics.table import DOWN, MEANINGLESS, TO_ONE, UP
from signer_lib.results import read_result
from signer_lib.tables.model import Column, Row, Table, over_seeds, sources
from signer_lib.tables.published import published

TITLE = "Production by back-translation"
OURS = "slp_moe"
COLUMNS = {
    "bleu4": Column("BLEU-4 read back", UP), "share_of_ceiling": Column("of ceiling", UP, "{:.0%}"), "wer": Column("WER (%)", DOWN),
    "dtw_mje": Column("DTW-MJE", DOWN, "{:.3f}"), "hand_error": Column("hands", DOWN, "{:.3f}"),
    "total_distance_ratio": Column("distance", TO_ONE, "{:.2f}"), "duration_ratio": Column("duration", TO_ONE, "{:.2f}"),
    "rhythm_error": Column("rhythm", DOWN, "{:.2f}"), "wrist_jerk": Column("jerk", MEANINGLESS, "{:.0f}"), "top1": Column("signs known (%)", UP),
}
BESIDE = {"bleu4": COLUMNS["bleu4"], "share_of_ceiling": COLUMNS["share_of_ceiling"], "rouge": Column("ROUGE", UP), "wer": COLUMNS["wer"]}
NOTES = [
    "BLEU-4 and WER of the text and the signs that the evaluator reads; DTW-MJE and hands (from the wrist) in shoulder widths; distance travelled "
    "and duration by the truth's; rhythm: mean |log ratio| of single signs' seconds; wrist jerk in shoulder widths/s³ (less is steadier, but what "
    "stands still has none); signs known: single signs nearest to their own gloss's clips",
]


def study_folder(results: Path, name: str) -> Path:
    """Where ``comparison.study`` left what it measured on one data set. Raises ``SignerError`` if there is nothing."""
    folder = results / "slp_moe" / name
    if not folder.is_dir():
        raise SignerError(f"{results.name}/slp_moe/{name} is missing: make it with  python -m signer_lib.comparison.study --data out/{name} "
                          f"--judge DIR --out results/slp_moe/{name} --seeds 1 2 3")
    return folder


def rows_of(folder: Path, columns: dict[str, Column], names: tuple[str, ...] = tuple(TITLES)) -> list[Row]:
    """The systems of a study's folder, floors first, the truth last."""
    rows = []
    for name, runs in study_systems(folder).items():
        if name in names:
            cells = {measure: over_seeds([run.get(measure) for run in runs]) for measure in columns}
            rows.append(Row(TITLES[name], runs[0]["kind"], cells, len(runs) if "seed" in runs[0] else None, name == OURS))
    return rows


def significance(results: Path, name: str) -> list[str]:
    """One line on whether SLP-MoE and stitching differ in BLEU-4, if that was measured."""
    path = results / "slp_moe" / f"significance_{name}.json"
    if not path.is_file():
        return []
    chance = [row["p"] for row in read_result(path)["differences"] if row["against"] == "stitching"]
    return [f"paired bootstrap of BLEU-4, SLP-MoE's seeds against stitching: p {', '.join(f'{p:.3f}' for p in chance)}"] if chance else []


def on(results: Path, name: str) -> Table:
    """One data set: ``rules`` or ``recordings``."""
    folder = study_folder(results, name)
    count = study_systems(folder)[CEILING][0]["count"]
    files = [f"slp_moe/{name}"] + [f"slp_moe/significance_{name}.json"] * (results / "slp_moe" / f"significance_{name}.json").is_file()
    return Table("system", COLUMNS, {"": rows_of(folder, COLUMNS)}, [f"means of {count} test sentences", *NOTES, *significance(results, name)],
                 sources(results, *files))


def rules(results: Path) -> Table:
    """(a): every clip by a rule-made signer."""
    return on(results, "rules")


def recordings(results: Path) -> Table:
    """(b): half the signs of a sentence are real recordings."""
    return on(results, "recordings")


def beside(results: Path) -> Table:
    """What both data sets give and what is published of PHOENIX-2014T: other data, another evaluator, shares of each one's own ceiling."""
    groups, files = {}, []
    for heading, name in (("ours on (a) rules, our evaluator", "rules"), ("ours on (b) recordings, our evaluator of these", "recordings")):
        if (results / "slp_moe" / name).is_dir():
            groups[heading] = rows_of(results / "slp_moe" / name, BESIDE, ("regression", OURS, CEILING))
            files.append(f"slp_moe/{name}")
    groups["PHOENIX-2014T, gloss to pose, one common evaluator of other people's"] = published("gloss to pose")
    notes = ["different languages, data and evaluators: BLEU-4 of one group says nothing about another; the share of the ceiling says a little",
             "the shares of the published rows were computed here from their BLEU-4; WER of ours is of signs"]
    return Table("system", BESIDE, groups, notes, sources(results, *files))


PARTS = {"(a) rules": rules, "(b) recordings": recordings, "Beside what is published": beside}
