"""The clips to rate: found in folders, checked, and written anew so that nothing but the picture tells who made them. [ours]"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from signer_lib.errors import SignerError
from signer_lib.parsing import from_json, read_lines
from signer_lib.render.captions import captioned
from signer_lib.render.video import frame_rate, video_frames, write_video

BAND = 0.008          # of the picture's height: the lowest rows, which a caption's bar covers and its letters never reach


def find_clips(folder: Path) -> dict[str, Path]:
    """Sentence -> its clip: ``SENTENCE/video.mp4``, as ``stable-signer sign`` writes it, or ``SENTENCE.mp4``. Raises ``SignerError``."""
    if not folder.is_dir():
        raise SignerError(f"there is no folder {folder}")
    found = {path.parent.name: path for path in sorted(folder.glob("*/video.mp4"))}
    for path in sorted(folder.glob("*.mp4")):
        if found.setdefault(path.stem, path) != path:
            raise SignerError(f"{folder} has two clips of {path.stem}: {path.name} and {path.stem}/video.mp4")
    if not found:
        raise SignerError(f"{folder} holds no clips: it needs SENTENCE/video.mp4, as stable-signer sign writes them, or SENTENCE.mp4")
    return found


def texts_of(sentences: list[str], folders: list[dict[str, Path]], table: Path | None = None) -> dict[str, str]:
    """Sentence -> what it says: from ``table`` (lines of name, tab, text) or from the ``report.json`` beside a clip. Raises ``SignerError``."""
    found: dict[str, str] = {}
    if table is not None:
        found = _read_table(table)
    else:
        for report in (clips[name].with_name("report.json") for clips in folders for name in sentences if clips[name].name == "video.mp4"):
            if report.is_file() and found.setdefault(name := report.parent.name, text := _text_of(report)) != text:
                raise SignerError(f"{report} says '{text}', another system's {name} '{found[name]}': they must be of one sentence")
    if unknown := next((name for name in sentences if not found.get(name)), None):
        raise SignerError(f"{table} has no line for {unknown}: write its name, a tab and its text" if table else
                          f"no report.json says what {unknown} means: give --sentences FILE, with lines of name, tab, text")
    texts = {name: found[name] for name in sentences}
    if len({text.lower() for text in texts.values()}) < len(texts):
        raise SignerError("two sentences have the same text: leave one out")
    return texts


def _text_of(path: Path) -> str:
    try:
        return str(from_json(path.read_bytes())["text"])
    except (OSError, ValueError, LookupError, TypeError):
        raise SignerError(f"{path} is not the report of a signing: it has no text") from None


def _read_table(path: Path) -> dict[str, str]:
    try:
        lines = read_lines(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SignerError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, tab, text = line.partition("\t")
        if line.strip() and (not tab or not text.strip() or name in found):
            raise SignerError(f"{path}, line {number}: write a name that no other line has, a tab and the text")
        if line.strip():
            found[name] = text.strip()
    return found


def has_captions(path: Path) -> bool:
    """Whether glosses are written into the picture: its lowest rows are the plain bar of ``render.captions``, from side to side."""
    frame = next(video_frames(path), None)
    if frame is None:
        raise SignerError(f"{path} holds no frames")
    rows = max(round(BAND * len(frame)), 1)
    bar = captioned(frame, "")[-rows:].astype(int)
    return bool(np.abs(frame[-rows:].astype(int) - bar).mean(axis=(0, 1)).max() < 8)


def write_blind(path: Path, out: Path, size: int) -> None:
    """A clip as every other one: ``size`` pixels a side, fitted into black, at its own rate, by one encoder, no sound, no metadata."""
    write_video((np.asarray(ImageOps.pad(Image.fromarray(frame), (size, size), Image.Resampling.LANCZOS)) for frame in video_frames(path)),
                out, frame_rate(path))


