"""The pose contract: one dataclass that every stage takes and gives. [ours]

Units and axes, said here once: the unit is the signer's shoulder width; the origin lies between the shoulders; x grows to the
signer's left, y grows up, z grows towards the viewer. A missing joint has confidence 0 and NaN coordinates, never a legal value.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.pose.skeleton import SIGNER70, Skeleton

SLOWEST, FASTEST = 0.1, 10_000              # frames a second of any camera; beyond, a clip at another rate would fill the memory


@dataclass(frozen=True)
class PoseSequence:
    """T frames of J joints.

    xyz        (T, J, 3) float32, shoulder widths.
    confidence (T, J) float32 in [0, 1]; 0 means missing. Left out, it is 1 wherever ``xyz`` is finite.
    fps        frames per second.
    """

    xyz: np.ndarray
    fps: float
    confidence: np.ndarray = None  # type: ignore[assignment]  # an array from __post_init__ on
    skeleton: Skeleton = field(default=SIGNER70, repr=False)

    def __post_init__(self) -> None:
        xyz = np.asarray(self.xyz, np.float32)
        seen = np.isfinite(xyz).all(-1)
        confidence = np.where(seen, 1, 0) if self.confidence is None else np.asarray(self.confidence)
        confidence = confidence.astype(np.float32)
        if xyz.ndim != 3 or xyz.shape[1:] != (len(self.skeleton), 3):
            raise SignerError(f"a {self.skeleton.name} sequence has shape (frames, {len(self.skeleton)}, 3), not {xyz.shape}")
        if confidence.shape != xyz.shape[:2] or not ((confidence >= 0) & (confidence <= 1)).all():
            raise SignerError(f"confidence must have shape {xyz.shape[:2]} and lie in [0, 1]")
        if not SLOWEST <= self.fps <= FASTEST:
            raise SignerError(f"fps must be positive, from {SLOWEST} to {FASTEST}, not {self.fps}")
        confidence = np.where(seen, confidence, 0)
        object.__setattr__(self, "xyz", np.where(confidence[..., None] > 0, xyz, np.float32(np.nan)))
        object.__setattr__(self, "confidence", confidence)

    def __len__(self) -> int:
        return len(self.xyz)

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self) / self.fps

    def group(self, name: str) -> np.ndarray:
        """(T, j, 3) the joints of ``body``, ``left_hand``, ``right_hand`` or ``face``."""
        return self.xyz[:, self.skeleton.groups[name]]

    def joint(self, name: str) -> np.ndarray:
        """(T, 3) the path of one joint."""
        return self.xyz[:, self.skeleton.index(name)]

    def resample(self, fps: float) -> PoseSequence:
        """The same movement at another frame rate (linear; a frame beside a missing one is missing)."""
        if fps == self.fps or len(self) < 2:
            return replace(self, fps=fps)
        return self.stretch(max(2, round((len(self) - 1) * fps / self.fps) + 1), fps)

    def stretch(self, frames: int, fps: float | None = None) -> PoseSequence:
        """The same path in another number of frames."""
        t = np.linspace(0, len(self) - 1, frames)
        low = np.minimum(t.astype(int), max(len(self) - 2, 0))
        high = np.minimum(low + 1, len(self) - 1)
        part = (t - low)[:, None]

        def mix(a: np.ndarray, p: np.ndarray) -> np.ndarray:
            mixed: np.ndarray = a[low] * (1 - p) + a[high] * p
            return mixed

        confidence = np.where((self.confidence[low] > 0) & (self.confidence[high] > 0), mix(self.confidence, part), 0)
        return replace(self, xyz=mix(self.xyz, part[..., None]), confidence=confidence, fps=fps or self.fps)

    def mirrored(self) -> PoseSequence:
        """The same movement by a signer of the other handedness."""
        swap = self.skeleton.mirror
        return replace(self, xyz=self.xyz[:, swap] * np.array([-1, 1, 1], np.float32), confidence=self.confidence[:, swap])
