"""Which joints of a pose can be seen: inside the picture, with no limb of the signer before them. Torch. [ours]"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from signer_lib.pose import SIGNER70
from signer_lib.render.control import _capsule, _shapes
from signer_lib.render.framing import Framing

BEFORE = 0.05           # a limb hides a joint if its axis is so much nearer, shoulder widths: more than a finger is thick
SHARP = 0.005           # half the width of a limb's edge here, shoulder widths
AT_ONCE = 64            # frames


@torch.no_grad()
def visible(xyz: np.ndarray, framing: Framing = Framing()) -> np.ndarray:
    """(T, 70, 3) signer70 joints, shoulder widths, NaN where missing -> (T, 70) bool.

    The limbs are those of the control images, so it can be told of any pose, whoever is drawn. The studio, which looks at the skin, says the
    same of nine joints in ten.
    """
    frames = torch.from_numpy(np.array(xyz, np.float32)).reshape(-1, len(SIGNER70), 3)
    return torch.cat([_visible(part, framing) for part in frames.split(AT_ONCE)]).numpy() if len(frames) else np.zeros((0, len(SIGNER70)), bool)


def _visible(xyz: Tensor, framing: Framing) -> Tensor:
    """Joints (F, J, 3) -> (F, J); L limbs."""
    known, shapes = xyz.isfinite().all(-1), _shapes(xyz.device, xyz.dtype)
    xyz = torch.where(known[..., None], xyz, 0)
    whole = (~known).to(xyz) @ (shapes.weights != 0).any(0).to(xyz).T == 0                             # (F, L) limbs without a missing joint
    ends = torch.einsum("elj,fjc->eflc", shapes.weights, xyz) + shapes.shifts[:, None]
    F, L = whole.shape
    x, y = (xyz[..., axis].repeat_interleave(L, 0) for axis in (0, 1))                                 # (F L, J)
    covers, z = _capsule(x, y, ends.flatten(1, 2), shapes.radii.repeat(1, F), SHARP)
    before = (covers.view(F, L, -1) > 0.5) & (z.view(F, L, -1) > xyz[:, None, :, 2] + BEFORE) & whole[..., None]
    inside = (torch.from_numpy(framing.to_pixels(xyz.numpy(), 1)) - 0.5).abs().amax(-1) < 0.5
    return known & inside & ~before.any(1)
