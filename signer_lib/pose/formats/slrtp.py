"""Files of the SLRTP 2025 challenge: id -> name, text, gloss, speaker and ``poses_3d`` (frames, 178, 3), saved by torch. [ours]

They are read as tensors and text only (``torch.load(weights_only=True)``, as the challenge's evaluator does); a file with anything else in it is
refused. A file of predictions, id -> tensor, is read too. Axes are not documented: x and y are turned so that the right shoulder is on the
picture's left and the hips are below the shoulders, and z so that all three are right-handed, as MediaPipe's are. No real file was at hand.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from pose_format import Pose

from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.pose.formats.holistic import JOINTS, POSE, REDUCED, SLRTP, SLRTP_OF_REDUCED, columns_of, header_of, holistic, posed
from signer_lib.pose.formats.named import NamedClip
from signer_lib.pose.formats.picture import FPS, blank, from_picture, nose_of_face
from signer_lib.pose.sequence import PoseSequence

_PLACE = {point: k for k, point in enumerate(SLRTP)}


def read_slrtp(path: str | Path, fps: float | None = None) -> Iterator[NamedClip]:
    """The clips of a file. A point at (0, 0, 0) is missing, the nose is guessed from the face.

    fps  is not in the file; left out, it is 25, the challenge's.
    Raises ``SignerError`` naming the file and the clip, for a damaged file or one that holds more than tensors and text.
    """
    for name, entry in _load(Path(path)).items():
        where = f"{path}, clip {name}"
        points = _array(entry.get("poses_3d") if isinstance(entry, Mapping) else entry, where)
        gloss, text, signer = (str(entry[key]) if isinstance(entry, Mapping) and entry.get(key) else None for key in ("gloss", "text", "speaker"))
        seen = np.isfinite(points).all(-1) & (points != 0).any(-1)
        raw = posed(np.where(seen[..., None], points, 0)[:, SLRTP_OF_REDUCED], seen[:, SLRTP_OF_REDUCED], fps or FPS, header_of(REDUCED, (1, 1, 1)))
        yield NamedClip(str(name), _signer70(points, seen, fps or FPS, where), gloss, text, signer, raw)


def _signer70(points: np.ndarray, seen: np.ndarray, fps: float, where: str) -> PoseSequence:
    data = np.where(seen[..., None], points.astype(float), np.nan)
    body = {name: k for (component, name), k in _PLACE.items() if component == POSE}
    at = {name: np.nanmedian(data[:, k], 0) if seen[:, k].any() else np.full(3, np.nan) for name, k in body.items()}
    turn = np.ones(3)
    turn[0] = -1 if at["LEFT_SHOULDER"][0] < at["RIGHT_SHOULDER"][0] else 1
    turn[1] = -1 if (at["LEFT_HIP"] + at["RIGHT_HIP"])[1] < (at["LEFT_SHOULDER"] + at["RIGHT_SHOULDER"])[1] else 1
    turn[2] = turn[0] * turn[1]
    found = blank(len(data))
    for point, joint in JOINTS.items():
        if point in _PLACE:
            found[:, joint] = data[:, _PLACE[point]] * turn
    confidence = np.isfinite(found).all(-1).astype(np.float32)
    nose_of_face(found, confidence, own_depth=True)
    return from_picture(found, fps, where, confidence)


def points178(clip: NamedClip) -> np.ndarray:
    """(T, 178, 3) float32 in SLRTP's order: the file's own points as they are where it has them, else those of signer70; (0, 0, 0) is missing."""
    pose: Pose = clip.raw if clip.raw is not None and has_points(clip.raw) else holistic(clip.poses, header_of(REDUCED))
    columns = columns_of(pose.header)
    places = [columns[point] for point in SLRTP]
    seen = pose.body.confidence[:, 0, places] > 0
    return np.where(seen[..., None], pose.body.data.data[:, 0, places, :3], 0).astype(np.float32)


def has_points(pose: Pose) -> bool:
    """Whether a file has all 178 points, in three dimensions."""
    return set(SLRTP) <= columns_of(pose.header).keys() and pose.body.data.shape[-1] >= 3


def write_slrtp(clips: Iterable[NamedClip], path: str | Path) -> int:
    """One file of clips, as the challenge's own are, readable with ``torch.load(weights_only=True)``. -> how many clips

    The units are those of the source's picture; the challenge's evaluator knows only those of its own data.
    """
    import torch

    held = {clip.name: {"name": clip.name, "text": clip.text or "", "gloss": clip.gloss or "", "speaker": clip.signer or "",
                        "poses_3d": torch.from_numpy(points178(clip))} for clip in clips}
    with whole_file(path) as part:
        torch.save(held, part)
    return len(held)


def _load(path: Path) -> Mapping[object, object]:
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > path.stat().st_size:
            raise SignerError(f"{path} is packed in a way that torch.save never does; get it from its source again")
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise SignerError(f"{path} holds more than tensors and text, and is not opened, for it could run code: save it again as a dict of tensors") \
            from None
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror or error}; check the path") from None
    except SignerError:
        raise
    except Exception as error:        # of damaged files torch lets nearly everything through
        what = (str(error) or type(error).__name__).splitlines()[0][:100]
        raise SignerError(f"{path} is not a file of torch.save ({what}); get it again") from None
    if not isinstance(found, Mapping) or not found:
        raise SignerError(f"{path} holds no clips: SLRTP's files are a dict of id -> poses")
    return found


def _array(value: object, where: str) -> np.ndarray:
    import torch

    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or not value.dtype.is_floating_point:
        raise SignerError(f"{where} has no tensor poses_3d of numbers; SLRTP's files have one of (frames, {len(SLRTP)}, 3)")
    if value.dim() != 3 or value.shape[1:] != (len(SLRTP), 3) or not len(value):
        raise SignerError(f"{where} has shape {tuple(value.shape)}, not (frames, {len(SLRTP)}, 3); name another file")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise SignerError(f"{where} claims {tuple(value.shape)} numbers, more than the file has; get it again")
    return value.detach().float().numpy()
