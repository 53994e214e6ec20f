"""``.skels`` files of Progressive Transformers: one sequence a line, with ``.files``, ``.gloss`` and ``.text`` beside it. [ours]

A frame is 151 numbers: 50 joints x (x, y, z), divided by 3, then a counter that grows from 0 to 1. Axes are the picture's, but for
z, which grows towards the camera. Its "left" is the picture's left: the arm of joints 5-7 and hand 8-28 lie at smaller x, and are
the busier in 12 of the 15 published sequences, by right-handed signers. So they are the signer's right here.

Depths come from that project's lifting from 2D. Those of arms are kept; those inside the hands are dropped, since they bend
fingers to the back of the hand as often as to the palm.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.pose.formats.picture import FPS, blank, from_picture
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70

SCALE = 3
VALUES = 50 * 3 + 1
OURS = [0, 1, 5, 6, 7, 2, 3, 4, *range(29, 50), *range(8, 29)]        # the joint of a .skels file that each of our first 50 is
BESIDE = {"name": ".files", "gloss": ".gloss", "text": ".text"}


def read_skels(path: str | Path, fps: float | None = None) -> dict[str, PoseSequence]:
    """Name -> sequence. The names are those of the ``.files`` beside it, or the file's own name and the number of the line.

    fps  is not in the file; left out, it is 25, PHOENIX's. The face is missing: the format has none.
    Raises ``SignerError`` naming file and line where the numbers are not whole frames.
    """
    path, sequences = Path(path), {}
    names = [line["name"] for line in read_beside(path)]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise SignerError(f"{path} is not a text file of numbers; give a .skels file") from error
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines or (names and len(names) != len(lines)):
        raise SignerError(f"{path} has {len(lines)} lines" + (f" but its .files has {len(names)}; make both again" if names else "; nothing to read"))
    for number, line in enumerate(lines, start=1):
        where = f"{path}, line {number}"
        try:
            values = np.array(line.split(), float)
        except ValueError as error:
            raise SignerError(f"{where} is not a row of numbers ({error}); make it again") from None
        if not len(values) or len(values) % VALUES:
            raise SignerError(f"{where} has {len(values)} numbers, not a multiple of {VALUES} (50 joints x 3 and a counter); make it again")
        frames = values.reshape(-1, VALUES)[:, :-1].reshape(-1, 50, 3) * SCALE
        points = blank(len(frames))
        points[:, :50] = frames[:, OURS] * (1, 1, -1)
        for group in ("left_hand", "right_hand"):
            hand = points[:, SIGNER70.groups[group], 2]                   # a view
            hand[:] = hand[:, :1]
        name = names[number - 1] if names else f"{path.stem}-{number}"
        if name in sequences:
            raise SignerError(f"{path}: '{name}' stands twice in its .files; give every sequence its own name")
        sequences[name] = from_picture(points, fps or FPS, where)
    return sequences


def read_beside(path: str | Path) -> list[dict[str, str]]:
    """What stands beside a ``.skels`` file, a dict with ``name``, ``gloss`` and ``text`` for each line ("" where there is no such file).

    Raises ``SignerError`` if the files differ in length.
    """
    columns = {}
    for key, suffix in BESIDE.items():
        file = Path(path).with_suffix(suffix)
        try:
            columns[key] = [line.strip() for line in file.read_text(encoding="utf-8").rstrip("\n").split("\n")] if file.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise SignerError(f"cannot read {file}: {error}; check the file") from error
    lengths = {len(column) for column in columns.values() if column}
    if len(lengths) > 1:
        raise SignerError(f"the files beside {path} differ in length: " + ", ".join(f"{BESIDE[k]} {len(c)}" for k, c in columns.items() if c))
    return [{key: column[k] if column else "" for key, column in columns.items()} for k in range(max(lengths, default=0))] if columns["name"] else []
