"""The one door to recordings of any format: ``read_clips`` sees what a file or folder is, and gives its clips one at a time. [ours]"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from signer_lib.errors import SignerError
from signer_lib.parsing import from_json, read_lines
from signer_lib.pose.formats.lexicon import INDEX, read_lexicon
from signer_lib.pose.formats.mediapipe import ASPECT, read_mediapipe_json, read_npz
from signer_lib.pose.formats.named import NamedClip
from signer_lib.pose.formats.openpose import read_openpose
from signer_lib.pose.formats.pose_file import as_signer70, load_pose
from signer_lib.pose.formats.skels import read_beside, read_skels
from signer_lib.pose.formats.slrtp import read_slrtp
from signer_lib.pose.formats.words import NOTHING, Words, find_words
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70

KNOWN = ("a .pose, .npz, .skels, SLRTP .pt, MediaPipe or OpenPose .json or data folder's .safetensors file, a zip of OpenPose JSON, "
         "a folder of any of these, or a lexicon with index.csv")
POSE_MAGIC = b"\xcd\xcc\x4c\x3e", b"\xcd\xcc\xcc\x3d", b"\0\0\0\0"                    # version 0.2, 0.1 and 0 as float32
SUFFIXES = {".pose": "pose", ".skels": "skels", ".npz": "npz", ".zip": "openpose", ".pt": "slrtp", ".pth": "slrtp", ".safetensors": "safetensors"}
LOOKED_AT = 2**16                             # bytes at the head of a JSON file, in which its kind shows


def read_clips(path: str | Path, fps: float | None = None, aspect: float | None = None, words: str | Path | None = None,
               language: str | None = None) -> Iterator[NamedClip]:
    """Every clip of a file or folder in whatever format it is, one at a time: name, poses, and gloss, text and signer where they are told.

    fps       for formats that do not say (OpenPose, ``.skels``, npz, SLRTP); left out, each reader's own, which its docstring gives.
    aspect    the width of the video by its height, for landmarks that are fractions of it; left out, the file's or 16:9.
    words     a table of what is said (CSV or TSV: a column for the clip's name, and gloss, text or signer); left out, one that lies in the folder,
              such as our ``words.csv``, PHOENIX-2014T's annotations or How2Sign's texts.
    language  of a lexicon only the rows of this pair, such as ``en-ase``; left out, all.
    A file with one clip goes by its own name; the second clip of a name is ``NAME#2``.
    Raises ``SignerError`` in one line naming the file (and the line or frame) that is damaged or foreign.
    """
    path = Path(path)
    kind = kind_of(path)
    table = Words(Path(words)) if words else find_words(path) if path.is_dir() and kind not in ("lexicon", "safetensors") else None
    count: dict[str, int] = {}
    found = False
    for clip in _READERS[kind](path, fps, aspect, language):
        found = True
        count[clip.name] = count.get(clip.name, 0) + 1
        said = table.of(clip.name) if table else NOTHING
        yield clip._replace(name=clip.name if count[clip.name] == 1 else f"{clip.name}#{count[clip.name]}", gloss=clip.gloss or said.gloss,
                            text=clip.text or said.text, signer=clip.signer or said.signer)
    if not found:
        raise SignerError(f"{path} holds no clips" + (f" of {language}" if language else f"; give {KNOWN}"))


def kind_of(path: Path) -> str:
    """Which format a file or folder is in, by its content where its name does not tell. Raises ``SignerError`` for none that is known."""
    if path.is_dir():
        return _kind_of_folder(path)
    if not path.exists():
        raise SignerError(f"there is no {path}; give {KNOWN}")
    if kind := SUFFIXES.get(path.suffix.lower()):
        return kind
    try:
        with open(path, "rb") as file:
            head = file.read(LOOKED_AT)
        if path.suffix.lower() == ".json" or head[:1] in (b"{", b"["):
            return _kind_of_json(head)
        if head[:4] == b"PK\3\4":
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
            return next((kind for ending, kind in ((".npy", "npz"), ("data.pkl", "slrtp")) if any(n.endswith(ending) for n in names)), "openpose")
    except (OSError, zipfile.BadZipFile) as error:
        raise SignerError(f"cannot read {path}: {error}; check the file") from None
    if head[:4] in POSE_MAGIC and path.suffix == "":
        return "pose"
    raise SignerError(f"{path} has no known format; give {KNOWN}")


def _kind_of_folder(path: Path) -> str:
    if (path / INDEX).is_file():
        return "lexicon"
    if any((path / f"{file.stem}.gloss").exists() for file in path.glob("*.safetensors")):
        return "safetensors"
    for pattern, kind in (("*.pose", "pose"), ("*.skels", "skels"), ("*.pt", "slrtp"), ("*.npz", "npz")):
        if next(path.rglob(pattern), None):
            return kind
    first = next((file for file in path.rglob("*.json")), None)
    if first is None:
        raise SignerError(f"{path} has no recordings: no JSON, .pose, .skels, .npz, .pt or index.csv; give {KNOWN}")
    try:
        with open(first, "rb") as file:
            return _kind_of_json(file.read(LOOKED_AT))
    except OSError as error:
        raise SignerError(f"cannot read {first}: {error.strerror}; check the folder") from None


def _kind_of_json(head: bytes) -> str:
    """OpenPose's frames have ``people``; a file cut off by ``LOOKED_AT`` may hold one of MediaPipe's faces before anything else."""
    return "openpose" if b'"people"' in head else "mediapipe"


def _pose(path: Path, fps: float | None, aspect: float | None, language: str | None) -> Iterator[NamedClip]:
    for name, file in _files(path, ".pose"):
        raw = load_pose(file)
        yield NamedClip(name, as_signer70(raw, file), raw=raw)


def _skels(path: Path, fps: float | None, aspect: float | None, language: str | None) -> Iterator[NamedClip]:
    for _, file in _files(path, ".skels"):
        yield from read_skels(file, fps)


def _slrtp(path: Path, fps: float | None, aspect: float | None, language: str | None) -> Iterator[NamedClip]:
    for _, file in _files(path, ".pt"):
        yield from read_slrtp(file, fps)


def _npz(path: Path, fps: float | None, aspect: float | None, language: str | None) -> Iterator[NamedClip]:
    for _, file in _files(path, ".npz"):
        yield from read_npz(file, fps, aspect or ASPECT)


def _mediapipe(path: Path, fps: float | None, aspect: float | None, language: str | None) -> Iterator[NamedClip]:
    for name, file in _files(path, ".json"):
        yield read_mediapipe_json(file, fps, aspect)._replace(name=name)


def _openpose(path: Path, fps: float | None, aspect: float | None, language: str | None) -> Iterator[NamedClip]:
    yield from read_openpose(path, fps)


def _lexicon(path: Path, fps: float | None, aspect: float | None, language: str | None) -> Iterator[NamedClip]:
    yield from (clip for pair, clip in read_lexicon(path) if language in (None, pair))


def _safetensors(path: Path, fps: float | None, aspect: float | None, language: str | None) -> Iterator[NamedClip]:
    """Sentences of data folders; names and signers are in ``SPLIT.jsonl`` where there is one, names in ``SPLIT.files``."""
    from signer_lib.pose.formats.folder import read_folder  # which reads what read_clips reads, if it has no tensors

    for _, file in _files(path, ".safetensors"):
        if path.is_dir() and not file.with_suffix(".gloss").exists():
            continue
        held, told, beside = read_folder(file.parent, file.stem), _told(file.with_suffix(".jsonl")), read_beside(file)
        for k, (xyz, text, glosses) in enumerate(zip(held.poses, held.texts, held.glosses)):
            if xyz.shape[1:] != (len(SIGNER70), 3):
                raise SignerError(f"{file} is in the skeleton {held.skeleton or 'of ' + str(xyz.shape[1]) + ' joints'}, not {SIGNER70.name}")
            more = told[k] if k < len(told) else {}
            name = str(more.get("name") or beside[k]["name"] or f"{file.stem}-{held.names[k]}")
            signer = str(more["signer"]) if more.get("signer") else None
            yield NamedClip(name, PoseSequence(xyz, held.fps), " ".join(glosses) or None, text or None, signer)


def _told(path: Path) -> list[dict[str, object]]:
    if not path.is_file():
        return []
    try:
        rows = [from_json(line) for line in read_lines(path)]
        return [row if isinstance(row, dict) else {} for row in rows]
    except (OSError, ValueError) as error:
        raise SignerError(f"{path} is damaged ({str(error).splitlines()[0][:100]}): make it again") from None


def _files(path: Path, ending: str) -> Iterator[tuple[str, Path]]:
    """The files of one kind with the names that they give a clip: a file alone its own, those in a folder their way from there."""
    if not path.is_dir():
        yield path.stem, path
        return
    for file in sorted(path.rglob(f"*{ending}")):
        yield file.relative_to(path).with_suffix("").as_posix(), file


_READERS = {"pose": _pose, "skels": _skels, "slrtp": _slrtp, "npz": _npz, "mediapipe": _mediapipe, "openpose": _openpose, "lexicon": _lexicon,
            "safetensors": _safetensors}


def at_rate(clip: NamedClip, fps: float | None) -> NamedClip:
    """The clip at another frame rate; without ``raw``, whose points would have to be made up."""
    return clip if fps is None or fps == clip.fps else clip._replace(poses=clip.poses.resample(fps), raw=None)

