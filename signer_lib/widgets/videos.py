"""Videos side by side with one scrubber. [ours]"""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.performances.natural import FPS
from signer_lib.pose import PoseSequence
from signer_lib.render.drawn import draw
from signer_lib.render.video import frame_rate, video_frames, write_video
from signer_lib.signing import Signing
from signer_lib.widgets.pages import Page, named

Video = Path | str | np.ndarray | PoseSequence | Signing
MOST = 24                               # megabytes of all videos together: a notebook that holds more is slow to open
KEYS = "Space plays, comma and full stop step one frame, arrows on the slider move; speed 0.25 to 1."


def side_by_side(videos: Video | Sequence[Video] | Mapping[str, Video], *, height: int = 300, size: int = 256, fps: float = FPS) -> Page:
    """Players with one scrubber, one play button, one speed; a mapping gives them names.

    A video is an MP4 file (H.264); frames (T, H, W, 3) uint8, ``fps`` a second; poses, which the drawn signer shows; or a ``Signing``, shown by
    its own renderer. What is not a file is made ``size`` pixels high where a signer is drawn. height  of the players, pixels.
    Static form: ``figures.renderer.plot_pictures``.

    Raises ``SignerError`` for no video, one that cannot be read, and more than ``MOST`` megabytes.
    """
    rows = named(videos, (str, Path, np.ndarray, PoseSequence, Signing), "video")
    if not rows:
        raise SignerError("give at least one video")
    told = [{"name": name, **_told(name, video, size, fps)} for name, video in rows.items()]
    if (total := sum(len(one["data"]) for one in told) / 2 ** 20) > MOST:
        raise SignerError(f"these videos are {total:.0f} MB in a page, more than {MOST}: take shorter or smaller ones")
    return Page.of("Videos side by side: " + ", ".join(rows), "videos.js", {"videos": told}, height=height, help=KEYS)


def _told(name: str, video: Video, size: int, fps: float) -> dict[str, Any]:
    if isinstance(video, str | Path):
        count = sum(1 for _ in video_frames(video))
        return {"fps": frame_rate(video), "frames": count, "data": b64encode(Path(video).read_bytes()).decode()}
    frames: Iterable[np.ndarray]
    if isinstance(video, PoseSequence):
        frames, fps = draw(video, size=size), video.fps
    elif isinstance(video, Signing):
        frames, fps = video.frames(size), FPS
    elif isinstance(video, np.ndarray):
        frames = video
    else:
        raise SignerError(f"{name} is {type(video).__name__}: give a file, frames, a PoseSequence or a Signing")
    with tempfile.TemporaryDirectory() as folder:
        return _told(name, write_video(frames, Path(folder) / "video.mp4", fps), size, fps)
