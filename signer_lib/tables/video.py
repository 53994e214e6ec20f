"""The quality of the video: rendered frames against the studio's, between floors and ceilings, beside what is published. [ours]"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from signer_lib.comparison.renderer_report import TITLES, read_result
from signer_lib.metrics.table import DOWN, MEANINGLESS, TO_ONE, UP
from signer_lib.tables.model import Cell, Column, Row, Table, read, sources
from signer_lib.tables.published import published

TITLE = "Video quality"
OURS = "renderer"
COLUMNS = {
    "ssim": Column("SSIM", UP, "{:.3f}"), "psnr": Column("PSNR (dB)", UP), "hand_ssim": Column("hand SSIM", UP, "{:.3f}"),
    "hand_ssim_of_ceiling": Column("of ceiling", UP, "{:.0%}"), "flicker_ratio": Column("flicker", TO_ONE, "{:.2f}"),
    "keypoint_error": Column("keypoints", DOWN, "{:.2%}"), "body_error": Column("body", DOWN, "{:.2%}"),
    "hands_error": Column("hands", DOWN, "{:.2%}"), "face_error": Column("face", DOWN, "{:.2%}"),
    "fingers_countable": Column("fingers countable", UP, "{:.0%}"), "style_accuracy": Column("style", UP, "{:.1%}"),
    "signer_accuracy": Column("signer", UP, "{:.1%}"), "frechet": Column("Fréchet", DOWN, "{:.2f}"),
}
BESIDE = {name: COLUMNS[name] for name in ("ssim", "psnr", "hand_ssim")} | {"fvd": Column("FVD", MEANINGLESS, "{:.0f}")}
NOTES = [
    "SSIM and PSNR of whole frames; hand SSIM in boxes around the hands, of ceiling: by the autoencoder's; flicker by the reference's",
    "keypoints, body, hands, face: how far off a detector finds visible joints, in % of the picture's side; fingers countable: of the hands whose "
    "visible tips it finds in the reference; style, signer: frames that it takes for what was asked; Fréchet: of its own features, no FID",
]


def rows_of(result: dict[str, Any], columns: dict[str, Column], names: tuple[str, ...] = tuple(TITLES)) -> list[Row]:
    """The rows of one file, floors first."""
    return [Row(TITLES[name], row["kind"], {measure: Cell(row[measure]) for measure in columns if row.get(measure) is not None},
                ours=name == OURS) for name, row in result["rows"].items() if name in names]


def on(results: Path, split: str) -> Table:
    """One split: ``test`` or ``test_body``."""
    name, model = f"renderer/{split}.json", "data/checkpoints/renderer-base"
    read(results, name, f"stable-signer evaluate renderer --model {model} --data out/clips --split {split} --out results/{name}")
    result = read_result(results / name)
    notes = [f"{result['clips']} clips, {result['frames']:,} frames; one trained renderer, seed {result['seed']} of its noise", *NOTES]
    return Table("frames", COLUMNS, {"": rows_of(result, COLUMNS)}, notes, sources(results, name))


def test(results: Path) -> Table:
    """Held-out sentences."""
    return on(results, "test")


def test_body(results: Path) -> Table:
    """A body that no clip of the training shows."""
    return on(results, "test_body")


def beside(results: Path) -> Table:
    """Ours on both splits and what is published on real video."""
    groups, files = {}, []
    for heading, split in (("ours, held-out sentences, studio frames of 256 pixels", "test"), ("ours, a body not seen in training", "test_body")):
        if (results / "renderer" / f"{split}.json").is_file():
            groups[heading] = rows_of(read_result(results / "renderer" / f"{split}.json"), BESIDE, (OURS, "mean_frame"))
            files.append(f"renderer/{split}.json")
    groups["How2Sign, from given poses, real video"] = published("pose to video")
    notes = ["other and harder data: real people and their rooms, not a studio that we draw; no number of one group is to be set against another's"]
    return Table("frames", BESIDE, groups, notes, sources(results, *files))


PARTS = {"Held-out sentences": test, "A body that was not seen in training": test_body, "Beside what is published": beside}
