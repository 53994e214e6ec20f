"""From noise to latents: the steps of one window, and windows that join without a seam. [ours]

Every frame begins with the same noise, and what a few-step scheduler adds between steps is the same for all frames too: so nothing but
the control images differs from frame to frame. A window's first frames are the last of the window before; in every step what was found
there in the same step is mixed in, from all of it to none of it, and the motion modules carry it on into the new frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

Denoise = Callable[[Tensor, Tensor], Tensor]        # noisy (B, C, T, h, w), t (B,) -> the network's prediction


def to_x0(scheduler: SchedulerMixin, prediction: Tensor, noisy: Tensor, t: Tensor) -> Tensor:
    """The clean latents that a prediction means. prediction, noisy (B, ...); t (B,)."""
    alpha: Tensor = scheduler.alphas_cumprod[t.cpu()].to(noisy).view(-1, *(1,) * (noisy.dim() - 1))
    match scheduler.config.prediction_type:
        case "sample":
            return prediction
        case "v_prediction":
            return alpha.sqrt() * noisy - (1 - alpha).sqrt() * prediction
        case "epsilon":
            return (noisy - (1 - alpha).sqrt() * prediction) / alpha.sqrt()
    raise ValueError(f"prediction_type {scheduler.config.prediction_type}")


def windows(frames: int, length: int, overlap: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of windows over so many frames, each of ``length`` (but one that is all of a shorter clip), at least ``overlap`` in common."""
    start = 0
    while True:
        stop = min(start + length, frames)
        yield max(0, stop - length), stop
        if stop == frames:
            return
        start = stop - overlap


def ramp(known: int, overlap: int, device: torch.device) -> Tensor:
    """(known, 1, 1) how much each frame that the window before has found counts: 1, and over the last ``overlap`` frames down to near 0."""
    return ((known - torch.arange(known, device=device)) / (overlap + 1)).clamp(max=1)[:, None, None]


def steps(scheduler: SchedulerMixin, denoise: Denoise, noise: Tensor, shape: Sequence[int], before: list[Tensor] | None = None,
          overlap: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """The steps of B windows of T frames, ``shape`` (B, T): noisy latents and the clean ones found in them, (B, C, T, h, w) each; the last clean
    ones are the result.

    noise (count, C, h, w): the first begins every frame, the others are what a consistency scheduler adds between steps.
    before  the clean latents (B, C, k, h, w) that the window before has found for this one's first k frames, step by step.
    """
    inner = type(scheduler).from_config(scheduler.config, prediction_type="sample")    # it is given clean latents, so that they can be mixed
    inner.set_timesteps(len(noise), device=noise.device)

    def spread(one: Tensor) -> Tensor:
        return one[None, :, None].expand(shape[0], -1, shape[1], -1, -1)

    x = spread(noise[0]) * inner.init_noise_sigma
    for k, t in enumerate(inner.timesteps):
        x0 = to_x0(scheduler, denoise(x, t.expand(shape[0])), x, t[None])
        if before is not None:
            known = before[k].shape[2]
            x0 = torch.cat([torch.lerp(x0[:, :, :known], before[k], ramp(known, overlap, x0.device).to(x0.dtype)), x0[:, :, known:]], 2)
        yield x, x0
        stepped = inner.step(x0, t, x)
        if hasattr(stepped, "denoised") and k + 1 < len(inner.timesteps):               # LCM: its noise, but the same for every frame
            x = inner.add_noise(stepped.denoised, spread(noise[k + 1]), inner.timesteps[k + 1].expand(shape[0]))
        else:
            x = stepped.prev_sample


def clean(found: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
    """The result of ``steps``: the clean latents of the last one."""
    for _, latents in found:
        pass
    return latents
