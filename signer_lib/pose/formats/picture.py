"""From points in a picture to the pose contract: what every reader of a camera's landmarks shares. [ours]

In a picture x grows to the right, y grows down and z away from the camera. The unit becomes the median distance of the shoulders
in the picture, the origin the median point between them, and the neck of a frame lies half-way between its shoulders.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.parsing import from_json
from signer_lib.pose.sequence import PoseSequence
from signer_lib.pose.skeleton import SIGNER70

FLIP = np.array([1, -1, -1])                 # image axes <-> the contract's axes; the image's right is our +x
FPS = 25.0                                   # of a recording whose format does not say
LARGEST = 2**30                              # bytes of one file in an archive: six hours of all points
GUESSED = 0.1                                # confidence of a joint that the tracker places outside the picture
NOSE_BELOW_EYES = 0.58                        # of the way from the lids to the upper lip; median over the clips of ASL-App
NOSE_BEFORE_FACE = 0.32                       # of the distance from the lids to the upper lip, towards the camera; median as above
_J = {name: joint for joint, name in enumerate(SIGNER70.names)}


def blank(frames: int) -> np.ndarray:
    """(T, 70, 3) points of SIGNER70, all missing."""
    return np.full((frames, len(SIGNER70), 3), np.nan)


def from_picture(points: np.ndarray, fps: float, source: str | Path, confidence: np.ndarray | None = None,
                 depths: np.ndarray | None = None) -> PoseSequence:
    """A sequence from points (T, 70, 3) in picture axes, any unit that is the same in x and y; NaN or confidence 0 is missing.

    depths  (T,) given where every component has its own zero of depth, as MediaPipe's have: the depth of the face mesh where
            the nose is (NaN if it is not known). Hands then hang at their wrists, the face at the nose.
    Raises ``SignerError`` naming the source if it never shows both shoulders.
    """
    points = np.array(points, float)
    confidence = np.isfinite(points).all(-1).astype(np.float32) if confidence is None else np.array(confidence, np.float32)
    points[confidence == 0] = np.nan
    right, left = points[:, _J["r_shoulder"]], points[:, _J["l_shoulder"]]
    width = np.linalg.norm((left - right)[:, :2], axis=-1)
    width = float(np.median(width[np.isfinite(width)])) if np.isfinite(width).any() else 0.0
    if not width > 0:
        raise SignerError(f"{source} never shows both shoulders, so it has no scale; record the upper body facing the camera")
    points[:, _J["neck"]] = (left + right) / 2
    confidence[:, _J["neck"]] = np.minimum(confidence[:, _J["r_shoulder"]], confidence[:, _J["l_shoulder"]])
    if depths is not None:
        _join_depths(points, depths)
    middle = np.nanmedian(points[:, _J["neck"]], axis=0)
    return PoseSequence((points - middle) / width * FLIP, fps, np.clip(confidence, 0, 1))


def nose_of_face(points: np.ndarray, confidence: np.ndarray, own_depth: bool = False) -> None:
    """Put the nose where the face has it, in place; for formats without a nose.

    own_depth  the face's depth is counted as the body's is, so the nose stands before it; else (MediaPipe) it is at the shoulders' depth.
    """
    lids, lip = points[:, [_J[f"{side}_lid_{lid}"] for side in "rl" for lid in ("upper", "lower")]].mean(1), points[:, _J["lip_upper_outer"]]
    points[:, _J["nose"]] = lids + NOSE_BELOW_EYES * (lip - lids)
    if own_depth:
        points[:, _J["nose"], 2] -= NOSE_BEFORE_FACE * np.linalg.norm(lip - lids, axis=-1)
    else:
        points[:, _J["nose"], 2] = points[:, [_J["r_shoulder"], _J["l_shoulder"]], 2].mean(1)
    confidence[:, _J["nose"]] = np.where(np.isfinite(points[:, _J["nose"]]).all(-1), confidence[:, SIGNER70.groups["face"]].min(1), 0)


def _join_depths(points: np.ndarray, mesh_nose: np.ndarray) -> None:
    """Hang each component's own depth on the body, in place: hands at their wrists, the face at the nose (T,)."""
    for group, arm in (("left_hand", "l_wrist"), ("right_hand", "r_wrist")):
        hand = points[:, SIGNER70.groups[group], 2]                # a view
        hand += (np.nan_to_num(points[:, _J[arm], 2]) - hand[:, 0])[:, None]
    face = points[:, SIGNER70.groups["face"], 2]
    zero = np.where(np.isfinite(mesh_nose), mesh_nose, face.mean(-1))      # a reduced mesh has no nose
    face += (np.nan_to_num(points[:, _J["nose"], 2]) - zero)[:, None]


def read_json(path: str | Path, content: bytes | None = None) -> object:
    """What a JSON file holds (or ``content``, from an archive). Raises ``SignerError`` naming the file and where it breaks."""
    try:
        return from_json(Path(path).read_bytes() if content is None else content)
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}; check the path") from error
    except ValueError as error:
        raise SignerError(f"{path} is not JSON ({str(error).splitlines()[0]}); export it again") from error


def member(archive: zipfile.ZipFile, name: str, path: str | Path) -> bytes:
    """One file of an archive. Raises ``SignerError`` where it would unpack to more than ``LARGEST`` bytes, whatever it packs to."""
    if archive.getinfo(name).file_size > LARGEST:
        raise SignerError(f"{path}: {name} unpacks to {archive.getinfo(name).file_size:,} bytes, more than any clip has; download it again")
    return archive.read(name)
