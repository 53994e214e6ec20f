"""What a picture of a signer is judged by: differences and structure, more where the hands are. [ours]"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from signer_lib.render.control import LAYERS

HANDS = [k for k, layer in enumerate(LAYERS) if layer.split("_")[0] in ("right", "left") and not layer.endswith("_arm")]
AROUND = 0.03           # of the picture's side: so far around a hand counts as hand, since its outline is what makes fingers countable
SSIM_SIDE = 7           # pixels of a SSIM window
C1, C2 = 0.02 ** 2, 0.06 ** 2           # SSIM's constants for values in -1..1


def hand_weights(control: Tensor, weight: float, side: int | None = None) -> Tensor:
    """Control images (N, K, H, W) -> how much each place counts (N, 1, side, side): 1, and 1 + ``weight`` at hands; 1 at other K."""
    if control.shape[1] <= max(HANDS):
        return control.new_ones(len(control), 1, *(side or control.shape[-1],) * 2)
    reach = max(1, round(AROUND * control.shape[-1]))
    hands = F.max_pool2d(control[:, HANDS].amax(1, keepdim=True), 2 * reach + 1, 1, reach)
    return 1 + weight * (hands if side is None else F.adaptive_max_pool2d(hands, side))


def weighted(error: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of (N, C, H, W) errors, weights (N, 1, H, W)."""
    return (error.mean(1, keepdim=True) * weights).sum() / weights.sum()


def structure(a: Tensor, b: Tensor) -> Tensor:
    """SSIM of pictures (N, C, H, W) in -1..1 at each place, by a box of ``SSIM_SIDE`` pixels: (N, C, H, W)."""

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(x, (SSIM_SIDE // 2,) * 4, mode="reflect"), SSIM_SIDE, 1)

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    return (2 * ma * mb + C1) * (2 * cov + C2) / ((ma * ma + mb * mb + C1) * (va + vb + C2))


def pixel_losses(made: Tensor, truth: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """Pictures (N, 3, H, W) in -1..1, weights (N, 1, H, W) -> "pixels", the absolute difference, and "structure", 1 - SSIM: weighted means."""
    made, truth, weights = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (made, truth, weights))
    return {"pixels": weighted((made - truth).abs(), weights), "structure": weighted(1 - structure(made, truth), weights)}


@torch.no_grad()
def picture_scores(made: Tensor, truth: Tensor, control: Tensor) -> dict[str, float]:
    """PSNR (dB) and SSIM of whole pictures, SSIM at the hands alone; for the log. The published tables use metrics.video."""
    made, truth = made.float().clamp(-1, 1), truth.float()
    similar, hands = structure(made, truth), hand_weights(control.float(), 1.0) - 1
    psnr = -10 * ((made - truth).square().flatten(1).mean(1) / 4).clamp(min=1e-10).log10().mean()
    at_hands = (similar.mean(1, keepdim=True) * hands).sum() / hands.sum().clamp(min=1e-6)
    return {"psnr": psnr.item(), "ssim": similar.mean().item(), "hand_ssim": at_hands.item()}
