"""Text understanding: text to gloss on our own corpus and on PHOENIX-2014T, beside what is published there. [ours]"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from signer_lib.errors import SignerError
from signer_lib.figures.text import SYSTEMS
from signer_lib.metrics.table import DOWN, UP
from signer_lib.results import read_results
from signer_lib.tables.model import Cell, Column, Row, Table, over_seeds, read, sources
from signer_lib.tables.published import published

TITLE = "Text understanding"
FLOOR = "copying the text"
COPY = "copy"
ASL = {"bleu4": Column("BLEU-4", UP), "rouge": Column("ROUGE-L", UP), "wer": Column("WER (%)", DOWN), "exact": Column("exact sentences (%)", UP)}
PHOENIX = {
    "bleu4": Column("BLEU-4", UP, "{:.2f}"), "rouge": Column("ROUGE", UP, "{:.2f}"), "wer": Column("WER (%)", DOWN, "{:.2f}"),
    "dev_bleu4": Column("BLEU-4 on dev", UP, "{:.2f}"),
}


def asl(results: Path) -> Table:
    """Our corpus: one training, several ways of search."""
    result = read(results, "slul/asl.json", "python -m signer_lib.language.report --out results/slul/asl.json")
    rows = [Row(name, "floor" if name == FLOOR else "system", {measure: Cell(row[measure]) for measure in ASL}, None if name == FLOOR else 1)
            for name, row in result["rows"].items()]
    return Table("system", ASL, {"": rows}, [f"{result['what']}; {next(iter(result['rows'].values()))['count']} sentences; seed {result['seed']}"],
                 sources(results, "slul/asl.json"))


def study_runs(results: Path) -> dict[str, list[dict[str, Any]]]:
    """What ``language.study`` left of PHOENIX: variant -> its runs, in the order of ``SYSTEMS``. Raises ``SignerError`` without any."""
    found = read_results(results / "slul" / "phoenix14t")
    if not found:
        raise SignerError(f"{results.name}/slul/phoenix14t is missing: make it with  python -m signer_lib.language.study --data PHOENIX "
                          "--text-ext de --size phoenix --seeds 1 2 3 --out results/slul/phoenix14t")
    return {variant: runs for variant in SYSTEMS if (runs := [run for run in found if run["variant"] == variant])}


def phoenix(results: Path) -> Table:
    """PHOENIX-2014T, test: the published rows, the floor, each variant of the objective."""
    rows = published("text to gloss")
    for variant, runs in study_runs(results).items():
        cells = {measure: over_seeds([run["test"][measure] for run in runs]) for measure in ("bleu4", "rouge", "wer")}
        cells["dev_bleu4"] = over_seeds([run["dev"]["bleu4"] for run in runs])
        floor = variant == COPY
        rows.append(Row(SYSTEMS[variant], "floor" if floor else "system", cells, None if floor else len(runs)))
    notes = ["published rows: other people's models on the same test sentences, scored by their own code",
             "dev chose the settings; test was scored once for each run"]
    return Table("system", PHOENIX, {"": rows}, notes, sources(results, "slul/phoenix14t"))


PARTS = {"Our corpus, English to ASL gloss": asl, "PHOENIX-2014T, German to DGS gloss": phoenix}
