"""Clips of the studio's signers on disk, as ``render.renderer.data`` reads them: video, poses, and what is known of what is signed. [ours]"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import write_pose
from signer_lib.render.studio.frames import open_camera, studio_frames
from signer_lib.render.studio.raster import Camera
from signer_lib.render.video import write_video
from signer_lib.workers import over


@dataclass(frozen=True)
class Shot:
    """One clip to be filmed. row: its line of the metadata.   who: the studio's signer.   signed: states (n, d), context (d,), spans (n, 2)."""

    row: dict[str, Any]
    who: str
    poses: PoseSequence
    signed: dict[str, np.ndarray]


def film(shot: Shot, folder: Path, size: int) -> dict[str, Any]:
    """The three files of a clip, the video without loss. -> its line of the metadata"""
    frames = studio_frames(shot.poses, shot.who, shot.row["style"], size, _camera(shot.who, size))
    write_video((frame.picture for frame in frames), folder / shot.row["file_name"], shot.poses.fps, lossless=True)
    write_pose(shot.poses, folder / shot.row["poses_file_name"])
    states = folder / shot.row["states_file_name"]
    save_file({name: np.ascontiguousarray(values) for name, values in shot.signed.items()}, states)
    states.chmod(0o644)
    return shot.row


def film_all(shots: Iterable[Shot], folder: Path, size: int, workers: int = 1) -> Iterator[dict[str, Any]]:
    """Their lines of the metadata in their order, each once its files are there; ``workers`` processes give the same bytes as one."""
    return over(workers, partial(film, folder=folder, size=size), shots)


@cache
def _camera(who: str, size: int) -> Camera:
    return open_camera(who, size)
