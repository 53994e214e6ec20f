"""Clips as one memory-mapped array on disk: any frame of any clip at once, whatever the videos weigh. [ours]"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from signer_lib.assets import cache_dir
from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.render.renderer.conditioning import Signed
from signer_lib.render.renderer.data import METADATA, Clip, read_clips, read_rows

VERSION = 2             # of what is packed: 2 knows bodies


class Packed:
    """Clips one after another. frames (N, size, size, 3) uint8, xyz (N, 70, 3), both mapped; ``clips``: name, first, count, style, signer, ..."""

    def __init__(self, folder: Path | str):
        folder = Path(folder)
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        self.size, self.clips, self.sha256 = about["size"], about["clips"], about["sha256"]
        self.xyz = np.load(folder / "xyz.npy", mmap_mode="c")          # never written back; torch warns of what cannot be written to
        self.frames = np.memmap(folder / "frames.u8", np.uint8, "r", shape=(len(self.xyz), self.size, self.size, 3))
        tensors = load_file(folder / "signed.safetensors")
        self.signed = [Signed(tensors[f"{k}/states"], tensors[f"{k}/context"], tensors.get(f"{k}/spans")) if f"{k}/states" in tensors else None
                       for k in range(len(self.clips))]

    def names(self, kind: str) -> list[str]:
        """All styles or signers, ``kind`` "style" or "signer", in the order in which they come."""
        return list(dict.fromkeys(clip[kind] for clip in self.clips))

    @property
    def d_state(self) -> int | None:
        """How many numbers SLUL's states have here; None if no clip has any."""
        return next((signed.context.shape[-1] for signed in self.signed if signed is not None), None)


def pack(clips: Iterable[Clip], folder: Path | str) -> Packed:
    """Writes a stream of clips of one size into a folder, one in memory at a time. Raises ``SignerError`` for none, or frames of another size."""
    rows, poses, content, size, first = [], [], hashlib.sha256(), None, 0
    tensors: dict[str, Tensor] = {}
    with filling(folder) as part:
        with (part / "frames.u8").open("wb") as file:
            for k, clip in enumerate(clips):
                size = size or clip.frames.shape[1]
                if clip.frames.dtype != np.uint8 or clip.frames.shape != (len(clip.xyz), size, size, 3):
                    wanted = len(clip.xyz), size, size, 3
                    raise SignerError(f"the clip {clip.name} has frames {clip.frames.shape} {clip.frames.dtype}, not {wanted} uint8")
                file.write(clip.frames.tobytes())
                content.update(clip.frames.tobytes() + clip.xyz.tobytes() + f"{clip.style} {clip.signer}".encode())
                told = {"name": clip.name, "style": clip.style, "signer": clip.signer, "body": clip.body, "text": clip.text}
                rows.append({"first": first, "count": len(clip.frames)} | told)
                poses.append(np.asarray(clip.xyz, np.float32))
                first += len(clip.frames)
                if clip.signed is not None:
                    named = {f"{k}/{name}": value.contiguous() for name, value in clip.signed._asdict().items() if value is not None}
                    for name in sorted(named):
                        content.update(named[name].numpy().tobytes())
                    tensors |= named
        if not rows:
            raise SignerError("there are no clips to learn from")
        np.save(part / "xyz.npy", np.concatenate(poses))
        save_file(tensors or {"none": torch.zeros(1)}, part / "signed.safetensors")
        about = {"size": size, "clips": rows, "sha256": content.hexdigest()[:16]}
        (part / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    return Packed(folder)


def packed_split(data: Path | str, split: str, size: int) -> Packed:
    """A split of a data folder, packed in the cache; packed anew when a file of it has changed."""
    folder = Path(data) / split
    rows = read_rows(folder)
    files = [folder / row[key] for row in rows for key in ("file_name", "poses_file_name", "states_file_name") if row.get(key)]
    if gone := [path for path in files if not path.exists()]:
        raise SignerError(f"{folder / METADATA} names {gone[0].name}, which is not there")
    stamp = json.dumps([VERSION, size, rows, [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]])
    place = cache_dir() / "clips" / hashlib.sha256(f"{folder.resolve()} {stamp}".encode()).hexdigest()[:16]
    return Packed(place) if (place / "about.json").is_file() else pack(read_clips(folder, size), place)
