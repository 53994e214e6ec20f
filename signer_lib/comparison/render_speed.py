"""How long poses take to become a video, beside a ControlNet of Stable Diffusion 1.5's size on the same machine in the same run. [ours]

    python -m signer_lib.comparison.render_speed --out results/renderer/speed.json

The large networks have random weights: what they would show does not matter, only what it would cost. They are too slow here for a whole
clip, so a few of their steps are timed on one frame, and a clip is told as frames x steps x the median step; no decoder is counted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import torch

from signer_lib.assets import RENDERER
from signer_lib.errors import run
from signer_lib.results import write_result

SECONDS, FPS = 3, 25
LARGE_STEPS = 20                # of the large networks, as ControlNets are used
TIMED = 3                       # of these steps are measured
MORE = 4                        # steps of ours, beside its own number
LONG = 2000                     # frames, whose memory must not be more than a clip's by much


def ours(model: Path, threads: int, frames: int, repeats: int, steps: int | None, answer: Queue[Any]) -> None:
    """In a process of its own: seconds of each repeat from loaded weights, and the most memory that the process had, in GB."""
    from signer_lib.pose import PoseSequence
    from signer_lib.prior.body import load_body
    from signer_lib.render.renderer.pipeline import RendererPipeline

    torch.set_num_threads(threads)
    pipeline = RendererPipeline.from_folder(model)
    poses = PoseSequence(swaying(torch.as_tensor(load_body().rest()).float(), frames).numpy(), FPS)
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        count = sum(1 for _ in pipeline.stream(poses, steps=steps))
        found.append(time.perf_counter() - start)
        assert count == frames
    answer.put((found, peak(), pipeline.config.size, pipeline.config.steps))


def swaying(rest: torch.Tensor, frames: int) -> torch.Tensor:
    """(J, 3) at rest -> (frames, J, 3): both hands go up and down before the body once a second, so that all of the picture is used."""
    xyz = rest.repeat(frames, 1, 1)
    up = (0.5 - 0.5 * torch.cos(torch.arange(frames) * (2 * torch.pi / FPS)))[:, None, None]
    for first, wrist in ((8, 7), (29, 4)):
        hand = [wrist, *range(first, first + 21)]
        xyz[:, hand] += up * torch.tensor([0.0, 1.0, 0.4])
    return xyz


def large(threads: int, answer: Queue[Any]) -> None:
    """Seconds of single steps of a ControlNet and a UNet of Stable Diffusion 1.5's size, random weights, one frame of 256 pixels."""
    from diffusers import ControlNetModel, UNet2DConditionModel

    torch.set_num_threads(threads)
    settings = {"cross_attention_dim": 768, "attention_head_dim": 8, "block_out_channels": (320, 640, 1280, 1280)}
    with torch.inference_mode():
        unet = UNet2DConditionModel(sample_size=32, **settings).eval()
        control = ControlNetModel(**settings).eval()
        x, tokens, image = torch.randn(1, 4, 32, 32), torch.randn(1, 77, 768), torch.rand(1, 3, 256, 256)
        found = []
        for _ in range(TIMED + 1):                                  # the first warms up
            start = time.perf_counter()
            down, middle = control(x, 500, tokens, image, return_dict=False)
            unet(x, 500, tokens, down_block_additional_residuals=down, mid_block_additional_residual=middle)
            found.append(time.perf_counter() - start)
    answer.put((found[1:], sum(weight.numel() for part in (unet, control) for weight in part.parameters())))


def peak() -> float:
    """The most memory that this process has had, in GB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e9 if sys.platform == "darwin" else 1e6)


def alone(work: Callable[..., None], *arguments: object) -> Any:
    """What ``work`` puts into its queue, in a fresh process, so that its memory is its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=work, args=(*arguments, answer))
    process.start()
    found = answer.get()
    process.join()
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=RENDERER)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(arguments)
    frames = SECONDS * FPS
    clip, memory, size, steps = alone(ours, args.model, args.threads, frames, args.repeats, None)
    more, *_ = alone(ours, args.model, args.threads, frames, args.repeats, MORE)
    _, long_memory, *_ = alone(ours, args.model, args.threads, LONG, 1, None)
    step, weights = alone(large, args.threads)
    whole = statistics.median(step) * LARGE_STEPS * frames
    result = {"size": size, "frames": frames, "threads": args.threads, "steps": steps, "seconds": round(statistics.median(clip), 2),
              "more": {"steps": MORE, "seconds": round(statistics.median(more), 2)}, "peak_memory_gb": round(memory, 2),
              "peak_memory_gb_of_2000_frames": round(long_memory, 2),
              "large": {"weights": weights, "steps": LARGE_STEPS, "seconds_per_step": [round(each, 3) for each in step], "seconds": round(whole, 1)},
              "times_faster": round(whole / statistics.median(clip), 1)}
    write_result(args.out, result, f"python -m signer_lib.comparison.render_speed --out {args.out}")
    print(f"{SECONDS} s at {size} px: {result['seconds']} s in {steps} step{'s' * (steps > 1)}, {result['more']['seconds']} s in {MORE}; "
          f"{memory:.1f} GB at most; {result['times_faster']:.0f} times faster than a "
          f"ControlNet of Stable Diffusion 1.5's size at {LARGE_STEPS} steps")


if __name__ == "__main__":
    run(main)
