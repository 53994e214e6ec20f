"""The bridge between ``PoseSequence`` and the files of the field. One module a format; ``read_clips`` sees which it is. [ours]"""

from __future__ import annotations

from pathlib import Path

from signer_lib.pose.formats.clips import read_clips
from signer_lib.pose.formats.lexicon import read_lexicon
from signer_lib.pose.formats.named import NamedClip
from signer_lib.pose.formats.pose_file import read_pose, write_pose
from signer_lib.pose.sequence import PoseSequence

__all__ = ["NamedClip", "read_clips", "read_lexicon", "read_pose", "read_poses", "write_pose"]


def read_poses(path: str | Path, fps: float | None = None, aspect: float | None = None) -> dict[str, PoseSequence]:
    """Name -> sequence, all that a file or folder holds: ``read_clips``, in memory."""
    return {clip.name: clip.poses for clip in read_clips(path, fps, aspect)}
