"""The bridge between ``PoseSequence`` and the files of the field. One module a format; ``read_poses`` sees which it is. [ours]"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from signer_lib.errors import SignerError
from signer_lib.pose.formats.lexicon import INDEX, read_lexicon
from signer_lib.pose.formats.mediapipe import ASPECT, read_mediapipe_json, read_npz
from signer_lib.pose.formats.openpose import read_openpose
from signer_lib.pose.formats.pose_file import read_pose, write_pose
from signer_lib.pose.formats.skels import read_beside, read_skels
from signer_lib.pose.sequence import PoseSequence

__all__ = ["read_beside", "read_lexicon", "read_mediapipe_json", "read_npz", "read_openpose", "read_pose", "read_poses", "read_skels",
           "write_pose"]
KNOWN = "a .pose, .npz, .skels or MediaPipe .json file, a folder or zip of OpenPose JSON, a folder of .pose files or a lexicon with index.csv"


def read_poses(path: str | Path, fps: float | None = None, aspect: float | None = None) -> dict[str, PoseSequence]:
    """Name -> sequence, all that a file or folder holds, in whatever format it is.

    fps     for formats that do not say (OpenPose, ``.skels``, npz); left out, each reader's own, which its docstring gives.
    aspect  the width of the video by its height, for landmarks that are fractions of it; left out, the file's or 16:9.
    A file with one clip goes by its own name; a second entry of the same gloss in a lexicon is ``GLOSS#2``.
    Raises ``SignerError`` in one line naming the file (and the line or frame) that is damaged or foreign.
    """
    path = Path(path)
    if path.is_dir():
        if (path / INDEX).is_file():
            return _numbered((gloss, poses) for gloss, _, poses in read_lexicon(path))
        if files := sorted(path.rglob("*.pose")):
            return {file.relative_to(path).with_suffix("").as_posix(): read_pose(file) for file in files}
        return read_openpose(path, fps)
    if not path.exists():
        raise SignerError(f"there is no {path}; give {KNOWN}")
    match path.suffix.lower():
        case ".pose":
            return {path.stem: read_pose(path)}
        case ".json":
            return {path.stem: read_mediapipe_json(path, fps, aspect)}
        case ".npz":
            return read_npz(path, fps, aspect or ASPECT)
        case ".skels":
            return read_skels(path, fps)
        case ".zip":
            return read_openpose(path, fps)
    raise SignerError(f"{path} has no known format; give {KNOWN}")


def _numbered(entries: Iterable[tuple[str, PoseSequence]]) -> dict[str, PoseSequence]:
    """Entries by gloss; the second and later of a gloss carry their number."""
    found, count = {}, {}
    for gloss, poses in entries:
        count[gloss] = count.get(gloss, 0) + 1
        found[gloss if count[gloss] == 1 else f"{gloss}#{count[gloss]}"] = poses
    return found
