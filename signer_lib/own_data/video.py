"""Video -> poses with MediaPipe's holistic tracker, an optional extra: ``pip install -e .[video]``. [ours: the use]

The version that the extra names carries its models in its wheel, so nothing is downloaded. Later versions do not; they take a model file that a
person names (``holistic_landmarker.task``, from MediaPipe's own pages). A tracker guesses: hands that hide each other, blur, and hands at the face
are lost or wrong, and depth is poor; what it gives goes through the prior's rules like any recording.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import read_poses
from signer_lib.progress import progress
from signer_lib.render.video import frame_rate, video_frames

PARTS = "pose", "left_hand", "right_hand", "face"
INSTALL = "pip install -c constraints.txt -e .[video]"
Landmarks = dict[str, list[list[float]] | None]                 # of one frame, as ``pose.formats.mediapipe`` reads them
Tracker = Callable[[np.ndarray, int], Any]                      # a frame (H, W, 3) uint8 and its milliseconds -> MediaPipe's result


def track(video: Path | str, model: Path | str | None = None, tracker: Tracker | None = None) -> tuple[PoseSequence, dict[str, float]]:
    """The poses of the one person in a video; and of the frames, the share that shows each of ``PARTS``.

    model    a holistic_landmarker.task; None: the models that MediaPipe carries.
    tracker  what to call in place of MediaPipe, with results like its own.
    Raises ``SignerError`` without the extra, for a file that is no video or no model, and where nobody's shoulders are seen.
    """
    video = Path(video)
    fps = frame_rate(video)
    if tracker is not None:
        spec = _spec(video_frames(video), fps, tracker)
    else:
        with _holistic(Path(model) if model else None) as own:
            spec = _spec(progress(video_frames(video), f"poses of {video.name}"), fps, own)
    shown = {part: float(np.mean([bool(frame[part]) for frame in spec["frames"]])) for part in PARTS}
    if not shown["pose"]:
        raise SignerError(f"nobody is seen in {video}: film one person from the front, head to hips, arms in the picture")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{video.stem}.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        try:
            return read_poses(path)[video.stem], shown
        except SignerError as error:
            raise SignerError(str(error).replace(str(path), str(video))) from None


def _spec(frames: Iterable[np.ndarray], fps: float, tracker: Tracker) -> dict[str, Any]:
    """What the tracker saw, in the JSON layout of ``pose.formats.mediapipe``."""
    found: list[Landmarks] = []
    height = width = 0
    for k, frame in enumerate(frames):
        height, width = frame.shape[:2]
        result = tracker(np.ascontiguousarray(frame), round(1000 * k / fps))
        found.append({part: _points(getattr(result, f"{part}_landmarks")) for part in PARTS})
    return {"fps": fps, "width": width, "height": height, "frames": found}


def _points(landmarks: Any) -> list[list[float]] | None:
    """MediaPipe's landmarks, of either of its interfaces -> [x, y, z, visibility] each; None where nothing was seen."""
    rows = getattr(landmarks, "landmark", landmarks)
    if not rows:
        return None
    # hands and faces have no visibility, and say 0 or None; of those that are found, every point counts
    seen = [getattr(point, "visibility", None) or 0.0 for point in rows]
    return [[point.x, point.y, point.z, share if any(seen) else 1.0] for point, share in zip(rows, seen)]


@contextmanager
def _holistic(model: Path | None) -> Iterator[Tracker]:
    """MediaPipe, ready to be called frame by frame."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if model is not None and not model.is_file():
        raise SignerError(f"there is no model {model}: name MediaPipe's holistic_landmarker.task, or leave --model out")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")                     # protobuf's, about MediaPipe
            import mediapipe
    except ImportError as error:
        raise SignerError(f"poses of a video need MediaPipe ({error}): type  {INSTALL}") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if model is not None:
            vision = mediapipe.tasks.vision
            options = vision.HolisticLandmarkerOptions(base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(model)),
                                                       running_mode=vision.RunningMode.VIDEO)
            try:
                landmarker = vision.HolisticLandmarker.create_from_options(options)
            except (RuntimeError, ValueError) as error:
                raise SignerError(f"MediaPipe cannot use {model} ({str(error).splitlines()[0][:120]}): name its holistic_landmarker.task") from None
            with landmarker:
                yield lambda frame, at: landmarker.detect_for_video(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=frame), at)
        elif hasattr(mediapipe, "solutions"):
            with mediapipe.solutions.holistic.Holistic(model_complexity=1) as holistic:
                yield lambda frame, at: holistic.process(frame)
        else:
            raise SignerError(f"MediaPipe {mediapipe.__version__} carries no models: name one, --model holistic_landmarker.task, or type  {INSTALL}")
