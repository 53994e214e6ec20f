"""``.skels`` files of Progressive Transformers: one sequence a line, with ``.files``, ``.gloss`` and ``.text`` beside it. [ours]

A frame is 151 numbers: 50 joints x (x, y, z), divided by 3, then a counter that grows from 0 to 1. Axes are the picture's, but for
z, which grows towards the camera. Its "left" is the picture's left: the arm of joints 5-7 and hand 8-28 lie at smaller x, and are
the busier in 12 of the 15 published sequences, by right-handed signers. So they are the signer's right here.

Depths come from that project's lifting from 2D. Those of arms are kept; those inside the hands are dropped, since they bend
fingers to the back of the hand as often as to the palm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.pose.formats.named import NamedClip
from signer_lib.pose.formats.picture import FPS, blank, from_picture
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70

SCALE = 3
VALUES = 50 * 3 + 1
OURS = [0, 1, 5, 6, 7, 2, 3, 4, *range(29, 50), *range(8, 29)]        # the joint of a .skels file that each of our first 50 is
BESIDE = {"name": ".files", "gloss": ".gloss", "text": ".text"}


def read_skels(path: str | Path, fps: float | None = None) -> Iterator[NamedClip]:
    """The sequences of a file, one at a time. The names are those of the ``.files`` beside it, or the file's own name and the number of the line.

    fps  is not in the file; left out, it is 25, PHOENIX's. The face is missing: the format has none. A joint at (0, 0, 0) is missing, but the neck.
    Raises ``SignerError`` naming file and line where the numbers are not whole frames.
    """
    path, seen, number = Path(path), set(), 0
    beside = read_beside(path)
    try:
        with open(path, encoding="utf-8") as file:
            lines = sum(bool(line.strip()) for line in file)
        if not lines or (beside and len(beside) != lines):
            other = f" but its {_named(path)} has {len(beside)}; make both again" if beside else "; nothing to read"
            raise SignerError(f"{path} has {lines} lines{other}")
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip() and number > lines:
                    break
                told = beside[number - 1] if beside else {"name": "", "gloss": "", "text": ""}
                name = told["name"] or f"{path.stem}-{number}"
                if name in seen:
                    raise SignerError(f"{path}: '{name}' stands twice in its .files; give every sequence its own name")
                seen.add(name)
                yield NamedClip(name, _sequence(line, fps or FPS, f"{path}, line {number}"), told["gloss"] or None, told["text"] or None)
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise SignerError(f"{path} is not a text file of numbers; give a .skels file") from error


def _sequence(line: str, fps: float, where: str) -> PoseSequence:
    try:
        values = np.array(line.split(), float)
    except ValueError as error:
        raise SignerError(f"{where} is not a row of numbers ({str(error)[:80]}); make it again") from None
    if not len(values) or len(values) % VALUES:
        raise SignerError(f"{where} has {len(values)} numbers, not a multiple of {VALUES} (50 joints x 3 and a counter); make it again")
    frames = values.reshape(-1, VALUES)[:, :-1].reshape(-1, 50, 3) * SCALE
    frames[(frames == 0).all(-1)] = np.nan                            # the neck is put between the shoulders anyway
    points = blank(len(frames))
    points[:, :50] = frames[:, OURS] * (1, 1, -1)
    for group in ("left_hand", "right_hand"):
        hand = points[:, SIGNER70.groups[group], 2]                   # a view
        hand[np.isfinite(hand)] = np.broadcast_to(hand[:, :1], hand.shape)[np.isfinite(hand)]
    return from_picture(points, fps, where)


def write_skels(clips: Iterable[NamedClip], path: str | Path) -> int:
    """One ``.skels`` of all clips with ``.files``, and ``.gloss`` and ``.text`` where any clip has them. All or nothing. -> how many clips

    Numbers have five decimals, as the published files have; the neck of every frame is at 0, a missing joint too. The counter is the frame's
    number by how many there are, with four.
    """
    path, told = Path(path), []
    with filling(path.parent) as part:
        with open(part / path.name, "w", encoding="utf-8") as file:
            for clip in clips:
                xyz = (clip.poses.xyz - clip.poses.joint("neck")[:, None])[:, :50].astype(float) * (1, -1, 1) / SCALE
                rows = np.zeros((len(xyz), 50, 3))
                rows[:, OURS] = np.nan_to_num(xyz).round(5) + 0.0                              # no -0
                numbers = (f"{value:.5f}" for frame in rows for value in frame.ravel())
                file.write(" ".join(" ".join([*islice(numbers, VALUES - 1), f"{k / len(rows):.4f}"]) for k in range(len(rows))) + "\n")
                told.append({"name": clip.name, "gloss": clip.gloss, "text": clip.text})
        for key, suffix in BESIDE.items():
            if any(line[key] for line in told):
                lines = [" ".join((line[key] or "").split()) for line in told]
                (part / path.with_suffix(suffix).name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return len(told)


def read_beside(path: str | Path) -> list[dict[str, str]]:
    """What stands beside a ``.skels`` file, a dict with ``name``, ``gloss`` and ``text`` for each line ("" where there is no such file).

    Raises ``SignerError`` if the files differ in length.
    """
    columns: dict[str, list[str]] = {}
    for key, suffix in BESIDE.items():
        file = Path(path).with_suffix(suffix)
        try:
            columns[key] = [line.strip() for line in file.read_text(encoding="utf-8").removesuffix("\n").split("\n")] if file.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise SignerError(f"cannot read {file}: {error}; check the file") from error
    lengths = {len(column) for column in columns.values() if column}
    if len(lengths) > 1:
        raise SignerError(f"the files beside {path} differ in length: " + ", ".join(f"{BESIDE[k]} {len(c)}" for k, c in columns.items() if c))
    return [{key: column[k] if column else "" for key, column in columns.items()} for k in range(max(lengths, default=0))]


def _named(path: Path) -> str:
    """The ending of a file beside a ``.skels`` that is there."""
    return next(suffix for suffix in BESIDE.values() if path.with_suffix(suffix).exists())
