"""Reference frames: a studio signer's pictures with the exact truth about every one. [ours]"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.render.framing import Framing
from signer_lib.render.studio.asset import FACE, StudioSigner, load_signer
from signer_lib.render.studio.posing import posed_in_parts
from signer_lib.render.studio.raster import Camera, Seen
from signer_lib.render.studio.shading import SMOOTH, check_style, shaded

FRAMING = Framing()
FLESH = {"body": 0.30, "left_hand": 0.07, "right_hand": 0.07, "face": 0.05}      # from a joint to the skin before it, at most; shoulder widths


@dataclass(frozen=True)
class StudioFrame:
    """One frame.

    picture (S, S, 3) uint8 RGB.   regions (S, S) uint8, numbers of ``looks.REGIONS``: 0 is the background.
    joints  (70, 2) the pixels (x to the right, y down; 0 is the left or upper edge) of the rig's joints, which are the pose's; the points of
            the face are those of this signer's own face.
    visible (70,) bool: in the picture, in the pose, and with nothing before it but its own flesh.
    """

    picture: np.ndarray
    regions: np.ndarray
    joints: np.ndarray
    visible: np.ndarray


def check_size(size: int) -> None:
    """Raises ``SignerError`` for a size that is odd, or not between 64 and 1024 pixels."""
    if size % 2 or not 64 <= size <= 1024:
        raise SignerError(f"size must be an even number of pixels from 64 to 1024, not {size}")


def open_camera(signer: str | StudioSigner, size: int) -> Camera:
    """A camera to give to ``studio_frames`` again and again: opening one takes half a second. Raises ``SignerError`` as it does."""
    check_size(size)
    return Camera(load_signer(signer) if isinstance(signer, str) else signer, size * SMOOTH)


def studio_frames(poses: PoseSequence, signer: str | StudioSigner = "default", style: str = "studio", size: int = 256,
                  camera: Camera | None = None) -> Iterator[StudioFrame]:
    """The frames of ``signer70`` poses, one by one; the same input gives the same bytes. ``camera``: one that is open already.

    Raises ``SignerError`` for an unknown signer or style, another skeleton, a bad size, a camera for another signer or size, or without VTK.
    """
    check_style(style)
    check_size(size)
    who = load_signer(signer) if isinstance(signer, str) else signer
    camera = camera or open_camera(who, size)
    if camera.faces is not who.faces or camera.size != size * SMOOTH:
        raise SignerError(f"this camera was opened for another signer or size than {who.name} and {size} pixels: use open_camera")
    return _frames(poses, who, style, size, camera)


def _frames(poses: PoseSequence, signer: StudioSigner, style: str, size: int, camera: Camera) -> Iterator[StudioFrame]:
    for part in posed_in_parts(signer, poses):
        exact = np.concatenate([part.xyz[:, :FACE.start], part.joints[:, FACE]], 1)
        for vertices, joints, in_pose in zip(part.vertices, exact, part.seen):
            seen = camera.see(vertices)
            pixels = FRAMING.to_pixels(joints, size)
            yield StudioFrame(shaded(seen, signer.colours, style), seen.region[::SMOOTH, ::SMOOTH].copy(), pixels, visible(seen, joints) & in_pose)


def visible(seen: Seen, joints: np.ndarray) -> np.ndarray:
    """(70,) whether nothing but its own flesh is before a joint (70, 3), and it is inside the picture."""
    size = len(seen.depth)
    x, y = np.floor(FRAMING.to_pixels(joints, size)).astype(int).T
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    before = seen.depth[np.clip(y, 0, size - 1), np.clip(x, 0, size - 1)] - joints[:, 2]
    flesh = np.concatenate([np.full(SIGNER70.groups[name].stop - SIGNER70.groups[name].start, FLESH[name]) for name in SIGNER70.groups])
    result: np.ndarray = inside & (before < flesh) & (before > -0.5)
    return result
