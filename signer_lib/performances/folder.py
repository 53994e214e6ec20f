"""Performed sentences in memory and in a data folder that any tool can make or read. [ours]

A split is SPLIT.text and SPLIT.gloss (what is signed one after another, signs and letters, a sentence a line), SPLIT.safetensors (the
line's number in six digits -> positions (T, J, 3) float16, NaN where missing; fps and skeleton in the header), and SPLIT.jsonl with the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.parsing import from_json, read_lines
from signer_lib.performances.trajectory import Trajectory
from signer_lib.performances.units import Span, Unit
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.body import load_body

FACE = SIGNER70.groups["face"]


@dataclass(frozen=True)
class Produced:
    """What a system gives for a sentence. ``spans``: which frames belong to which unit, None where the system does not know."""

    poses: PoseSequence
    spans: list[Span] | None = None


@dataclass(frozen=True)
class Performed:
    """A sentence as one signer performs it. ``clips`` (n,) which rendition each unit was made of, by its variant's name."""

    name: str
    text: str
    glosses: list[str]
    units: list[Unit]
    poses: PoseSequence
    spans: list[Span]
    signer: str
    clips: list[str]

    @property
    def produced(self) -> Produced:
        return Produced(self.poses, self.spans)


def write_split(folder: Path | str, split: str, performed: Iterable[Performed]) -> int:
    """The four files of a split, whole or not at all. -> how many sentences"""
    rows = list(performed)
    if not rows:
        raise SignerError(f"there are no sentences to write for the split {split}")
    with filling(folder) as part:
        def put(end: str, lines: Iterable[str]) -> None:
            (part / f"{split}.{end}").write_text("".join(line + "\n" for line in lines), encoding="utf-8")

        put("text", [row.text for row in rows])
        put("gloss", [" ".join(unit.name for unit in row.units) for row in rows])
        put("jsonl", [json.dumps({"name": row.name, "text": row.text, "glosses": row.glosses, "units": [asdict(unit) for unit in row.units],
                                  "spans": [[span.unit, span.start, span.stop] for span in row.spans], "signer": row.signer,
                                  "clips": row.clips}) for row in rows])
        header = {"fps": str(rows[0].poses.fps), "skeleton": rows[0].poses.skeleton.name}
        save_file({f"{i:06d}": row.poses.xyz.astype(np.float16) for i, row in enumerate(rows)}, part / f"{split}.safetensors", header)
        (part / f"{split}.safetensors").chmod(0o644)
    return len(rows)


def read_split(folder: Path | str, split: str) -> list[Performed]:
    """What ``write_split`` wrote. Raises ``SignerError`` if it is not there or damaged."""
    path = Path(folder) / f"{split}.jsonl"
    if not path.is_file():
        raise SignerError(f"{folder} has no performances of the split '{split}': make them with  python -m signer_lib.performances")
    try:
        rows = [from_json(line) for line in read_lines(path)]
        with safe_open(path.with_suffix(".safetensors"), "np") as file:
            fps = float(file.metadata()["fps"])
            poses = [_with_bones(file.get_tensor(f"{i:06d}"), fps) for i in range(len(rows))]
        return [Performed(row["name"], row["text"], row["glosses"], [Unit(**unit) for unit in row["units"]], pose,
                          [Span(*span) for span in row["spans"]], row["signer"], row["clips"]) for row, pose in zip(rows, poses)]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise SignerError(f"{path} or its poses are damaged ({str(error).splitlines()[0][:120]}): make the data again") from None


def _with_bones(xyz: np.ndarray, fps: float) -> PoseSequence:
    """16-bit positions laid out again with the default signer's bones, which rounding has made a little longer and shorter."""
    path = Trajectory.of(xyz)
    bones = Trajectory.of(load_body().rest()[None]).length
    length = torch.cat([bones[:, :FACE.start].expand(len(path), -1), path.length[:, FACE]], 1)
    whole = np.isfinite(xyz).all((1, 2))[:, None, None]                     # a frame that lacks a joint stays as it is stored
    return PoseSequence(np.where(whole, Trajectory(path.direction, length).xyz.numpy(), xyz), fps)
