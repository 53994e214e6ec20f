"""Folders of signed sentences, as any tool can make them: ``SPLIT.text`` and ``SPLIT.gloss``, a line a sentence, and their poses. [ours]

The poses are ``SPLIT.safetensors`` (a key a line, its number in six digits: (T, J, 3) positions of any skeleton, NaN where missing;
header: fps, skeleton), or else ``SPLIT.skels`` or a folder ``SPLIT/`` of pose files, in the order of the lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.parsing import read_lines
from signer_lib.pose.formats.clips import read_clips
from signer_lib.pose.formats.named import NamedClip
from signer_lib.pose.skeleton import SIGNER70


class PoseFolder(NamedTuple):
    """N sentences of one split.

    names (N,), poses (N,) arrays (T, J, 3) as they are stored (16 or 32 bits, NaN = missing), texts (N,), glosses (N,) lists of units,
    fps of all, skeleton: its name, "" where the file does not say.
    """

    names: list[str]
    poses: list[np.ndarray]
    texts: list[str]
    glosses: list[list[str]]
    fps: float
    skeleton: str


def read_folder(folder: str | Path, split: str) -> PoseFolder:
    """A split of a data folder. Raises ``SignerError`` naming the file that is absent, damaged, or of another length than the texts."""
    folder = Path(folder)
    texts, glosses = (_lines(folder / f"{split}.{ending}") for ending in ("text", "gloss"))
    ways = (folder / f"{split}.safetensors", _tensors), (folder / f"{split}.skels", _files), (folder / split, _files)
    found = next(((path, read) for path, read in ways if path.exists()), None)
    if found is None:
        raise SignerError(f"{folder} has no poses of its {split} split: add {split}.safetensors, {split}.skels or a folder {split}/ of pose files")
    path, read = found
    names, poses, fps, skeleton = read(path)
    if not len(texts) == len(glosses) == len(poses):
        raise SignerError(f"{folder}: {split}.text has {len(texts)} lines, {split}.gloss {len(glosses)}, {path.name} {len(poses)} sequences; "
                          "make them of one length")
    for name, xyz in zip(names, poses):
        if xyz.ndim != 3 or xyz.shape[1:] != (poses[0].shape[1], 3) or not np.issubdtype(xyz.dtype, np.floating):
            raise SignerError(f"{path}: {name} holds {xyz.dtype} of shape {xyz.shape}, not floats (frames, {poses[0].shape[1]}, 3)")
    return PoseFolder(names, poses, texts, [line.split() for line in glosses], fps, skeleton)


def _lines(path: Path) -> list[str]:
    try:
        return read_lines(path)
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}; a data folder has one sentence a line in it") from None
    except UnicodeDecodeError as error:
        raise SignerError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from None


def _tensors(path: Path) -> tuple[list[str], list[np.ndarray], float, str]:
    try:
        with safe_open(path, "np") as file:
            told, names = file.metadata() or {}, sorted(file.keys())
            poses = [file.get_tensor(name) for name in names]
            fps = float(told["fps"])
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise SignerError(f"{path} is damaged ({str(error).splitlines()[0][:120]}): make it again") from None
    except KeyError:
        raise SignerError(f"{path} does not say its frame rate: write fps into the header's metadata") from None
    if wrong := [name for k, name in enumerate(names) if name != f"{k:06d}"]:
        raise SignerError(f"{path}: the key '{wrong[0]}' is not the number of a line in six digits, from 000000 on without a gap")
    if not fps > 0:
        raise SignerError(f"{path}: fps must be positive, not {fps}")
    return names, poses, fps, told.get("skeleton", "")


def _files(path: Path) -> tuple[list[str], list[np.ndarray], float, str]:
    """Sequences of another frame rate than the first are brought to it."""
    found = list(read_clips(path))
    fps = found[0].fps
    return [clip.name for clip in found], [clip.poses.resample(fps).xyz for clip in found], fps, found[0].poses.skeleton.name


def write_folder(clips: Iterable[NamedClip], folder: str | Path, split: str) -> int:
    """``SPLIT.safetensors`` (float32), ``.text``, ``.gloss`` and ``.files`` (names), all or nothing; all at the frame rate of the first.

    A clip without a text or glosses has an empty line. -> how many clips
    """
    tensors, texts, glosses, names, fps = {}, [], [], [], 0.0
    for number, clip in enumerate(clips):
        fps = fps or clip.fps
        tensors[f"{number:06d}"] = np.ascontiguousarray(clip.poses.resample(fps).xyz)
        texts.append(" ".join((clip.text or "").split()))
        glosses.append(" ".join((clip.gloss or "").split()))
        names.append(clip.name)
    with filling(folder) as part:
        for ending, lines in (("text", texts), ("gloss", glosses), ("files", names)):
            (part / f"{split}.{ending}").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        save_file(tensors, part / f"{split}.safetensors", {"fps": str(fps), "skeleton": SIGNER70.name})
        (part / f"{split}.safetensors").chmod(0o644)
    return len(tensors)
