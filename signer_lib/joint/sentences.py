"""Performed sentences with SLUL's states, and with the studio's clip where there is one: what the joint fine-tuning is measured on. [ours]"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from signer_lib.errors import SignerError
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.filmed import signed_in
from signer_lib.performances.folder import Performed
from signer_lib.render.renderer.bundle import packed_bundle
from signer_lib.render.renderer.conditioning import Signed
from signer_lib.render.renderer.packing import Packed, packed_split

SAME = 2e-3             # shoulder widths: two excerpts whose joints differ by less in the mean are one; poses are stored to a thousandth


@dataclass(frozen=True)
class Clip:
    """The studio's frames (n, S, S, 3) uint8 of a sentence's frames from ``start`` on; in which style, by whom, and whose limbs they show."""

    frames: np.ndarray
    start: int
    style: str
    signer: str
    body: str

    @property
    def stop(self) -> int:
        return self.start + len(self.frames)


@dataclass(frozen=True)
class Sentence:
    """A performed sentence that SLUL reads as it is glossed. ``clip`` is None where the studio has not filmed it."""

    performed: Performed
    read: GlossSentence
    clip: Clip | None = None

    def signed(self, start: int, stop: int) -> Signed:
        """What the renderer is told of the frames [start, stop), as in use; counted from ``start``."""
        said = signed_in(self.performed, self.read, start, stop)
        return Signed(**{name: torch.from_numpy(value) for name, value in said.items()})

    @property
    def signing(self) -> tuple[int, int]:
        """The first frame of the first unit and the frame after the last: before and after it the hands hang at rest, below the picture."""
        spans = [span for span in self.performed.spans if span.unit is not None]
        return spans[0].start, spans[-1].stop


def open_clips(data: Path | str, split: str, size: int) -> Packed:
    """A split of a folder of clips or of a bundle, in pictures of ``size`` pixels a side. Raises ``SignerError`` if a bundle's have another size."""
    if not (Path(data) / f"{split}.jsonl").is_file():
        return packed_split(data, split, size)
    packed = packed_bundle(data, split)
    if packed.size != size:
        raise SignerError(f"the clips of {data} have {packed.size} pixels a side, and the renderer draws {size}: use clips or a renderer of one size")
    return packed


def with_clips(read: Iterable[tuple[Performed, GlossSentence]], clips: Packed | None = None) -> list[Sentence]:
    """All sentences in their order, each with the first clip that shows it: of the same text, and the same poses.

    Raises ``SignerError`` if there are clips and none shows any of these sentences: they were filmed from other performances.
    """
    by_text: dict[str, list[int]] = {}
    for k, clip in enumerate(clips.clips if clips else ()):
        by_text.setdefault(clip["text"], []).append(k)

    def clip_of(row: Performed) -> Clip | None:
        return next(filter(None, (shown(clips, k, row) for k in by_text.get(row.text, ()))), None) if clips is not None else None

    found = [Sentence(row, sentence, clip_of(row)) for row, sentence in read]
    if clips is not None and not any(sentence.clip for sentence in found):
        raise SignerError(f"none of the {len(clips.clips)} clips shows any of the {len(found)} performed sentences: name the performances that were "
                          "filmed")
    return found


def shown(clips: Packed, k: int, row: Performed) -> Clip | None:
    """The k-th clip as a part of this performance; None if it shows another."""
    clip = clips.clips[k]
    part = slice(clip["first"], clip["first"] + clip["count"])
    if len(row.poses) < clip["count"]:
        return None
    flat, wanted = row.poses.xyz.reshape(len(row.poses), -1), clips.xyz[part].reshape(clip["count"], -1)
    starts = len(flat) - len(wanted) + 1
    apart = [np.abs(flat[start:start + len(wanted)] - wanted).mean() for start in range(starts)]
    start = int(np.argmin(apart))
    if not apart[start] < SAME:
        return None
    return Clip(np.array(clips.frames[part]), start, clip["style"], clip["signer"], clip["body"])
