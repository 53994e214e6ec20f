"""Where in the picture a pixel is, as two more planes of the control images. [ours]

Convolutions do not know it, but what is behind the signer depends on it; and a part of a picture, as trainings cut it out, has no edges to tell.
"""

from __future__ import annotations

import torch
from torch import Tensor

PLANES = 2


def placed(images: Tensor, corner: Tensor | None = None, size: int | None = None) -> Tensor:
    """(..., K, H, W) -> (..., K + 2, H, W): x and y, each -1..1 over the whole picture of ``size`` pixels a side.

    corner (..., 2) the column and row of the images' first pixel in it; without it, and without ``size``, the images are whole.
    """
    *rows, _, H, W = images.shape
    corner = images.new_zeros(2) if corner is None else corner.to(images)

    def along(first: Tensor, pixels: int) -> Tensor:
        return (first[..., None] + torch.arange(pixels, device=images.device) + 0.5) * (2 / (size or W)) - 1

    x, y = along(corner[..., 0], W)[..., None, :], along(corner[..., 1], H)[..., :, None]
    planes = torch.stack([x.expand(*x.shape[:-2], H, W), y.expand(*y.shape[:-2], H, W)], -3)
    return torch.cat([images, planes.to(images.dtype).expand(*rows, PLANES, H, W)], -3)
