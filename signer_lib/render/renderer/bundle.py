"""Small clips in few files, as a repository can hold them: for each split a lossless video, a table, and the numbers. [ours]

    FOLDER/train.mp4      the frames of all clips, one after another, without loss
    FOLDER/train.jsonl    a line a clip: its name, style, signer, body and text, how many frames, and how many of SLUL's states (null: none are known)
    FOLDER/train.npz      xyz (N, 70, 3) thousandths of a shoulder width, each frame less the one before; states, context, spans of all clips

    python -m signer_lib.render.renderer.bundle --data out/clips --out data/clips_nano
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from signer_lib.assets import cache_dir
from signer_lib.errors import SignerError, run
from signer_lib.files import filling
from signer_lib.parsing import from_json, read_arrays, read_lines
from signer_lib.pose import SIGNER70
from signer_lib.render.renderer.conditioning import Signed
from signer_lib.render.renderer.data import METADATA, Clip, read_clips, read_rows
from signer_lib.render.renderer.packing import VERSION, Packed, pack
from signer_lib.render.video import read_video, write_video

GRAIN = 1000            # steps of a joint's place to a shoulder width: finer than a hundredth of a pixel at 64 pixels a side
FPS = 25.0              # of the performances; the video is only a store, and nothing reads its rate


def write_bundle(data: Path | str, out: Path | str) -> dict[str, int]:
    """All splits of a data folder (see ``data``), at the size of their videos. -> how many clips each has

    Clips of one style and signer follow each other, since the video is smaller so. Raises ``SignerError`` for a folder without clips, or a joint
    that is never seen.
    """
    data, made = Path(data), {}
    splits = sorted(path.parent for path in data.glob(f"*/{METADATA}"))
    if not splits:
        raise SignerError(f"there are no clips in {data}: film some with python -m signer_lib.performances.filmed")
    with filling(out) as part:
        for split in splits:
            size = len(read_video(split / read_rows(split)[0]["file_name"])[0])
            clips = sorted(read_clips(split, size), key=lambda clip: (clip.style, clip.signer))
            _write(clips, part, split.name)
            made[split.name] = len(clips)
        if (data / "about.json").is_file():
            (part / "about.json").write_bytes((data / "about.json").read_bytes())
    return made


def _write(clips: list[Clip], folder: Path, split: str) -> None:
    if blind := [clip.name for clip in clips if not np.isfinite(clip.xyz).all()]:
        raise SignerError(f"{blind[0]} in {split} has a joint that is never seen: a bundle holds whole poses only")
    known = [clip.signed for clip in clips if clip.signed is not None]
    rows = [{"name": clip.name, "style": clip.style, "signer": clip.signer, "body": clip.body, "text": clip.text,
             "frames": len(clip.frames), "states": None if clip.signed is None else len(clip.signed.states)} for clip in clips]
    (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    places = np.concatenate([np.diff(np.rint(clip.xyz * GRAIN), axis=0, prepend=0) for clip in clips]).astype(np.int16)
    d_state = known[0].context.shape[-1] if known else 0

    def joined(parts: list[np.ndarray], empty: tuple[int, ...]) -> np.ndarray:
        return np.concatenate(parts) if parts else np.zeros(empty)

    spans = [np.tile([0, len(clip.frames)], (len(clip.signed.states), 1)) if clip.signed.spans is None else clip.signed.spans.numpy()
             for clip in clips if clip.signed is not None]                  # without spans each gloss may be anywhere
    np.savez_compressed(folder / f"{split}.npz", xyz=places,
                        states=joined([signed.states.numpy() for signed in known], (0, d_state)).astype(np.float16),
                        context=joined([signed.context.numpy()[None] for signed in known], (0, d_state)).astype(np.float16),
                        spans=joined(spans, (0, 2)).astype(np.int16))
    write_video((frame for clip in clips for frame in clip.frames), folder / f"{split}.mp4", FPS, lossless=True)


def read_bundle(folder: Path | str, split: str) -> Iterator[Clip]:
    """The clips of a split, one by one. Raises ``SignerError`` if there is no such split, or its files do not belong together."""
    folder = Path(folder)
    if not (folder / f"{split}.jsonl").is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.jsonl")))
        raise SignerError(f"{folder} holds no clips of '{split}'" + (f": use {known}" if known else ""))
    damaged = SignerError(f"{split}.mp4, .npz and .jsonl in {folder} are damaged or do not belong together: bring them back from the repository")
    shown = read_video(folder / f"{split}.mp4")
    try:
        rows = [from_json(line) for line in read_lines(folder / f"{split}.jsonl")]
        found = dict(read_arrays(folder / f"{split}.npz"))
        places, states, context, spans = (found[name] for name in ("xyz", "states", "context", "spans"))
        _check(rows, shown, places, states, context, spans)
    except (OSError, LookupError, TypeError, ValueError):
        raise damaged from None
    frames = np.stack(shown)
    first = clip = gloss = 0
    for row in rows:
        stop, signed = first + row["frames"], None
        if row["states"] is not None:
            here = slice(gloss, gloss + row["states"])
            signed = Signed(torch.from_numpy(states[here]).float(), torch.from_numpy(context[clip]).float(), torch.from_numpy(spans[here]).long())
            clip, gloss = clip + 1, here.stop
        xyz = np.cumsum(places[first:stop], 0, np.int32).astype(np.float32) / GRAIN
        yield Clip(row["name"], frames[first:stop], xyz, row["style"], row["signer"], row["text"], signed, row["body"])
        first = stop


def _check(rows: list[Any], frames: list[np.ndarray], places: np.ndarray, states: np.ndarray, context: np.ndarray, spans: np.ndarray) -> None:
    """Raises ``LookupError``, ``TypeError`` or ``ValueError`` for files of one split that do not belong together."""
    texts = [row[name] for row in rows for name in ("name", "style", "signer", "text", "body")]
    counts = [row["frames"] for row in rows] + [row["states"] for row in rows if row["states"] is not None]
    glosses = sum(row["states"] or 0 for row in rows)
    known = sum(row["states"] is not None for row in rows)
    if not all(isinstance(text, str) for text in texts) or not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("a row is not a clip")
    if not sum(row["frames"] for row in rows) == len(frames) == len(places) > 0 or len({frame.shape for frame in frames}) != 1:
        raise ValueError("other numbers of frames")
    if places.shape[1:] != (len(SIGNER70), 3) or places.dtype.kind != "i" or spans.shape != (glosses, 2) or spans.dtype.kind != "i":
        raise ValueError("other places or spans")
    shapes = {states.shape[1:], context.shape[1:]}
    if {states.dtype.kind, context.dtype.kind} != {"f"} or (len(states), len(context)) != (glosses, known) or len(shapes) != 1:
        raise ValueError("other states")


def packed_bundle(folder: Path | str, split: str) -> Packed:
    """A split of a bundle, packed in the cache for ``Batches``; packed anew when a file of it has changed."""
    folder, content = Path(folder), hashlib.sha256(bytes([VERSION]))
    for path in sorted(folder.glob(f"{split}.*")):
        content.update(path.name.encode() + path.read_bytes())
    place = cache_dir() / "clips" / content.hexdigest()[:16]
    return Packed(place) if (place / "about.json").is_file() else pack(read_bundle(folder, split), place)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.render.renderer.bundle", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of clips: python -m signer_lib.performances.filmed")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    print(f"{args.out}: " + ", ".join(f"{count} {split}" for split, count in write_bundle(args.data, args.out).items()))


if __name__ == "__main__":
    run(main)
