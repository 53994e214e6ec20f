"""Video files: H.264 in MP4, with PyAV: as every browser and notebook plays it, or without loss. [ours]"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import cast

import av
import numpy as np

from signer_lib.errors import SignerError
from signer_lib.files import whole_file

# the same frames give the same bytes anywhere: one thread, and no way of its own for each processor (x264's with AVX-512 does not even repeat itself)
SAME = {"preset": "medium", "threads": "1", "x264-params": "cpu-independent=1"}
X264 = {"crf": "20", **SAME}                     # crf 18 is hard to tell from the source, 23 is x264's default
LOSSLESS = {"qp": "0", **SAME}
# a playlist in a video's clothes would have FFmpeg open other files, or addresses
ONE_FILE = {"protocol_whitelist": "none", "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,ogg"}
MOST_PIXELS = 8192 * 8192
MP4 = {"movflags": "+faststart", "fflags": "+bitexact"}


def write_video(frames: Iterable[np.ndarray], path: str | Path, fps: float, lossless: bool = False) -> Path:
    """Write frames (H, W, 3) uint8 RGB as an MP4 (H.264, yuv420p, faststart); an odd side is padded by one pixel.

    The file appears whole or not at all, and the same frames give the same bytes. ``frames`` may be an iterator: one frame is
    held at a time. ``lossless`` keeps every bit of even-sided frames, as RGB, to learn from and to measure with; few browsers play that.
    Raises ``SignerError`` for no frames, frames of unlike shapes, fps <= 0 or a place that cannot be written to.
    """
    path, frames = Path(path), iter(frames)
    first = next(frames, None)
    if first is None:
        raise SignerError(f"cannot write {path}: a video needs at least one frame")
    if not 0 < fps < float("inf"):
        raise SignerError(f"cannot write {path}: fps must be positive, not {fps}")
    with whole_file(path) as part:
        _encode(chain([first], frames), part, fps, lossless)
    return path


def _encode(frames: Iterable[np.ndarray], path: Path, fps: float, lossless: bool) -> None:
    codec, pixels, options = ("libx264rgb", "rgb24", LOSSLESS) if lossless else ("libx264", "yuv420p", X264)
    with av.open(str(path), "w", format="mp4", options=MP4) as container:
        stream: av.VideoStream | None = None
        shape: tuple[int, ...] | None = None
        for number, frame in enumerate(frames):
            frame = np.asarray(frame)
            shape = shape or frame.shape
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.shape != shape:
                raise SignerError(f"frame {number} is {frame.shape} {frame.dtype}: all must be (H, W, 3) uint8 of one size")
            odd = [side % 2 for side in shape[:2]]
            if stream is None:
                stream = cast("av.VideoStream", container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options))
                stream.height, stream.width = (side + extra for side, extra in zip(shape, odd))
                stream.pix_fmt = pixels
            even = np.pad(frame, ((0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode())


def read_video(path: str | Path) -> list[np.ndarray]:
    """Every frame of a video, (H, W, 3) uint8 RGB. Raises ``SignerError`` if the file is missing, damaged or holds no video."""
    return list(video_frames(path))


def video_frames(path: str | Path) -> Iterator[np.ndarray]:
    """The frames of ``read_video``, one by one."""
    with _opened(path) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def frame_rate(path: str | Path) -> float:
    """Frames a second, as the file says. Raises ``SignerError`` as ``read_video``."""
    with _opened(path) as container:
        return float(container.streams.video[0].average_rate or 0)


@contextmanager
def _opened(path: str | Path) -> Iterator[av.container.InputContainer]:
    try:
        with open(path, "rb") as file, av.open(file, options=ONE_FILE, metadata_errors="replace") as container:
            if not container.streams.video:
                raise SignerError(f"cannot read {path}: it has no video stream")
            if (seen := container.streams.video[0].codec_context) is None:
                raise SignerError(f"cannot read {path}: its frames are coded in a way that is not known here")
            if seen.width * seen.height > MOST_PIXELS:
                raise SignerError(f"cannot read {path}: its frames would have {seen.width} x {seen.height} pixels")
            assert isinstance(container, av.container.InputContainer)       # opened to be read
            yield container
    except (OSError, av.FFmpegError) as error:
        raise SignerError(f"cannot read {path} as a video: {error.strerror or error}") from error
