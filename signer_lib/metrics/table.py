"""One table for all systems: every measure beside what no work reaches (floors) and what the truth itself reaches (the ceiling). [ours]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.metrics.poses import Produced, pose_scores

KINDS = {"floor": "*", "system": "", "ceiling": "+"}          # in the order of the table, each with its mark
TRUTH = "ground truth"
TO_ONE, DOWN, UP, MEANINGLESS = "→1", "↓", "↑", ""            # which way is better
COLUMNS = {  # measure -> heading, which way is better, how it is written
    "dtw_pt": ("DTW (PT)", DOWN, "{:.2f}"),
    "dtw_mje": ("DTW-MJE", DOWN, "{:.3f}"),
    "hand_error": ("hands", DOWN, "{:.3f}"),
    "total_distance_ratio": ("distance", TO_ONE, "{:.2f}"),
    "duration_ratio": ("duration", TO_ONE, "{:.2f}"),
    "wrist_jerk": ("jerk", DOWN, "{:.0f}"),
    "seam_velocity": ("seams", DOWN, "{:.2f}"),
    "bone_drift": ("bone drift", DOWN, "{:.1%}"),
    "missing_share": ("missing", DOWN, "{:.1%}"),
    "compared_share": ("compared", UP, "{:.1%}"),
    "bleu1": ("BLEU-1", UP, "{:.1f}"),
    "bleu4": ("BLEU-4", UP, "{:.1f}"),
    "share_of_ceiling": ("of ceiling", UP, "{:.0%}"),
    "rouge": ("ROUGE", UP, "{:.1f}"),
    "wer": ("WER", DOWN, "{:.1f}"),
    "useless_control": ("useless", MEANINGLESS, "{:.1f}"),
}


class Judge(Protocol):
    """Reads poses (T, J, 3) back and compares with what was to be signed: bleu1..bleu4, rouge, wer, signature."""

    def scores(self, poses: list[np.ndarray], texts: Sequence[str], glosses: Sequence[Sequence[str]]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Row:
    """A line of the table: what a "floor", a "system" or a "ceiling" gave for each sentence."""

    kind: Literal["floor", "system", "ceiling"]
    produced: Sequence[Produced]


def pose_table(rows: dict[str, Row], truth: Sequence[Produced], texts: Sequence[str], glosses: Sequence[Sequence[str]],
               judge: Judge) -> dict[str, Any]:
    """Everything that is measured of N sentences, for every row and for the truth itself, ready for JSON.

    -> {"rows": {name: {"kind", the measures of ``pose_scores``, those of ``judge``, "share_of_ceiling"}}, "ceiling", "count", "signatures"}
    share_of_ceiling  BLEU-4 by that of the truth, read by the same judge; None where the judge reads nothing right of the truth.
    Floors come first, then systems, then ceilings with the truth at the end. ``SignerError`` if there is no floor, a kind is unknown, a
    row takes the truth's name or the numbers of sentences differ.
    """
    if unknown := [f"{name}: {row.kind}" for name, row in rows.items() if row.kind not in KINDS]:
        raise SignerError(f"{unknown[0]} is no kind of row: a row is a {', a '.join(KINDS)}")
    if TRUTH in rows:
        raise SignerError(f"the row '{TRUTH}' is made by the table itself: give yours another name")
    if not any(row.kind == "floor" for row in rows.values()):
        raise SignerError("a table without a floor cannot be read: add one, such as the static mean or a wrong sentence")
    if not len(truth) == len(texts) == len(glosses):
        raise SignerError(f"{len(truth)} true sequences, {len(texts)} texts and {len(glosses)} rows of glosses: give one of each for a sentence")
    ordered = [(name, row) for kind in KINDS for name, row in rows.items() if row.kind == kind] + [(TRUTH, Row("ceiling", truth))]
    table: dict[str, dict[str, Any]] = {}
    for name, row in ordered:
        try:
            poses = pose_scores(row.produced, truth)
        except SignerError as error:
            raise SignerError(f"{name}: {error}") from None
        read = judge.scores([one.poses.xyz for one in row.produced], texts, glosses)
        signatures = [poses.pop("signature"), read.pop("signature")]
        table[name] = {"kind": row.kind} | {measure: value for measure, value in (poses | read).items() if measure != "count"}
    best = table[TRUTH]["bleu4"]
    for line in table.values():
        line["share_of_ceiling"] = line["bleu4"] / best if best else None
    return {"rows": table, "ceiling": TRUTH, "count": len(truth), "signatures": signatures}


def show(table: dict[str, Any]) -> str:
    """What ``pose_table`` gave as lines of text: a column a measure with an arrow to the better side, "-" where there is no number."""
    columns = {measure: column for measure, column in COLUMNS.items() if any(row.get(measure) is not None for row in table["rows"].values())}
    lines = [["", *(f"{heading} {better}".strip() for heading, better, _ in columns.values())]]
    for name, row in table["rows"].items():
        cells = ["-" if row.get(measure) is None else form.format(row[measure]) for measure, (_, _, form) in columns.items()]
        lines.append([name + KINDS[row["kind"]], *cells])
    widths = [max(map(len, column)) for column in zip(*lines)]
    text = ["  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]) for line in lines]

    def named(kind: str) -> str:
        return ", ".join(name for name, row in table["rows"].items() if row["kind"] == kind)

    return "\n".join([
        *text,
        f"means of {table['count']} sentences; lengths in shoulder widths, seconds",
        f"{KINDS['floor']} floor, what needs no understanding: {named('floor')}",
        f"{KINDS['ceiling']} ceiling, as good as these measures can tell: {named('ceiling')}; shares are of {table['ceiling']}",
        "useless: a checksum of the number of frames; a column that ranks like it says nothing",
        *(f"signature: {signature}" for signature in table["signatures"]),
    ])
