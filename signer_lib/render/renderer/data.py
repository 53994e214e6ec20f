"""Clips to learn from: a folder of videos with poses, made by the studio or by a person. [ours]

    DATA/train/metadata.jsonl     {"file_name": "a.mp4", "poses_file_name": "a.pose", "style": "studio", "signer": "one", ...} a line
    DATA/train/a.mp4, a.pose      as many poses as frames, in one frame rate
    DATA/dev/...

It is the layout of the hub's video folders, so ``datasets.load_dataset("videofolder", data_dir=DATA)`` reads it too. Optional columns: ``text``;
``states_file_name``, a safetensors file with what SLUL says of the clip (``states`` (n, d), ``context`` (d,), ``spans`` (n, 2) frames);
``body``, whose limbs the control images show, see ``render.flesh``: without it, those of the signer of this name, if they are known; and
``framing``, [x, y, width]: the place in shoulder widths that is in the middle of the video, and how many its width shows. Without it, the
video shows what the control images show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file

from signer_lib.errors import SignerError
from signer_lib.files import inside
from signer_lib.parsing import from_json, read_lines
from signer_lib.pose import SIGNER70
from signer_lib.pose.formats import read_poses
from signer_lib.render.framing import Framing
from signer_lib.render.renderer.conditioning import Signed
from signer_lib.render.renderer.pipeline import held
from signer_lib.render.video import read_video

METADATA = "metadata.jsonl"
NEEDED = ("file_name", "poses_file_name", "style", "signer")
OPTIONAL = ("text", "body", "states_file_name")


@dataclass
class Clip:
    """frames (T, H, W, 3) uint8 RGB, xyz (T, 70, 3) signer70 joints, NaN where missing; ``signed`` is None where nothing is known.

    body  whose limbs the control images show; left out, the signer's own.
    """

    name: str
    frames: np.ndarray
    xyz: np.ndarray
    style: str
    signer: str
    text: str = ""
    signed: Signed | None = None
    body: str = ""

    def __post_init__(self) -> None:
        self.body = self.body or self.signer


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The lines of a split's ``metadata.jsonl``. Raises ``SignerError`` naming file and line."""
    path = Path(folder) / METADATA
    if not path.is_file():
        raise SignerError(f"there is no {path}: one line a clip, with {', '.join(NEEDED)}")
    rows = []
    try:
        lines = read_lines(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SignerError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    for number, line in enumerate(lines, 1):
        try:
            row = from_json(line)
        except ValueError:
            raise SignerError(f"{path}, line {number} is no JSON") from None
        if missing := [key for key in NEEDED if not isinstance(row, dict) or not isinstance(row.get(key), str)]:
            raise SignerError(f"{path}, line {number} has no {missing[0]}")
        if wrong := [key for key in OPTIONAL if not isinstance(row.get(key) or "", str)]:
            raise SignerError(f"{path}, line {number}: {wrong[0]} must be text, not {row[wrong[0]]!r}")
        if not (row.get("framing") is None or _is_framing(row["framing"])):
            raise SignerError(f"{path}, line {number}: framing must be [x, y, width], in shoulder widths, not {row['framing']!r}")
        for key in ("file_name", "poses_file_name", *["states_file_name"] * bool(row.get("states_file_name"))):
            inside(path.parent, row[key])
        rows.append(row)
    if not rows:
        raise SignerError(f"{path} names no clips")
    return rows


def _is_framing(value: object) -> bool:
    """[x, y, width] in shoulder widths, of any camera that shows a signer."""
    return (isinstance(value, list) and len(value) == 3 and all(type(x) in (int, float) and abs(x) <= 100 for x in value) and value[2] >= 0.01)


def read_clips(folder: Path | str, size: int) -> Iterator[Clip]:
    """The clips of one split, one by one, their frames ``size`` pixels a side. Raises ``SignerError`` naming what is missing or does not fit."""
    folder = Path(folder)
    for row in read_rows(folder):
        frames = read_video(folder / row["file_name"])
        poses = next(iter(read_poses(folder / row["poses_file_name"]).values()))
        if poses.skeleton != SIGNER70:
            raise SignerError(f"{folder / row['poses_file_name']} is not in the skeleton {SIGNER70.name}: convert it with signer_lib.pose.formats")
        if len(poses) != len(frames):
            raise SignerError(f"{row['file_name']} in {folder} has {len(frames)} frames, but {len(poses)} poses: bring them to one frame rate")
        framing = Framing() if row.get("framing") is None else Framing(tuple(row["framing"][:2]), row["framing"][2])
        signed = _signed(folder / row["states_file_name"]) if row.get("states_file_name") else None
        yield Clip(row["file_name"], framed(frames, framing, size), held(poses.xyz), row["style"], row["signer"], row.get("text") or "", signed,
                   row.get("body") or "")


def framed(frames: list[np.ndarray] | np.ndarray, framing: Framing, size: int) -> np.ndarray:
    """Frames (H, W, 3) whose width shows ``framing.width`` shoulder widths around its centre -> (T, size, size, 3) as the control images see it.

    What the video does not show is black.
    """
    height, width = frames[0].shape[:2]
    seen = Framing()
    unit, half = width / framing.width, seen.width / 2
    x, y = width / 2 + (seen.centre[0] - framing.centre[0]) * unit, height / 2 - (seen.centre[1] - framing.centre[1]) * unit
    box = tuple(round(value, 6) for value in (x - half * unit, y - half * unit, x + half * unit, y + half * unit))
    if box == (0, 0, width, height):
        way = Image.Resampling.BOX if width > size else Image.Resampling.BICUBIC

        def resize(picture: Image.Image) -> Image.Image:
            return picture if width == size else picture.resize((size, size), way)
    else:
        def resize(picture: Image.Image) -> Image.Image:
            return picture.transform((size, size), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)
    return np.stack([np.asarray(resize(Image.fromarray(frame))) for frame in frames])


def _signed(path: Path) -> Signed:
    try:
        tensors = load_file(path)
        signed = Signed(tensors["states"].float(), tensors["context"].float(), tensors.get("spans"))
        n, d = signed.states.shape
        if signed.context.shape != (d,) or signed.spans is not None and signed.spans.shape != (n, 2):
            raise ValueError("they do not belong together")
        return signed
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise SignerError(f"{path} holds no states and context of SLUL ({(str(error) or type(error).__name__).splitlines()[0][:120]})") from None
