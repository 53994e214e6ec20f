"""The formulas: from a corpus's clips and hours to disk, memory and hours of each training. [ours]

Hours of a GPU: operations of all steps (``arithmetic``), divided by what the GPU is assumed to do of them in a second, but no
less than a step's least time, which is what counts for networks as small as most of these: a GPU waits for Python. Hours of our
process: what a training took here (``training.json`` of the shipped models: minutes, processes, steps), scaled by steps and operations; a process
had one or two slow cores. The range of the former is wide on purpose: none of it was run on a GPU here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from signer_lib.assets import CHECKPOINTS
from signer_lib.checkpoint import load_json
from signer_lib.experts.model import SLPMoE
from signer_lib.experts.training import moe_config
from signer_lib.language.training import slul_config
from signer_lib.metrics.back_translation_training import back_translation_config
from signer_lib.needs import arithmetic
from signer_lib.needs.arithmetic import Step
from signer_lib.pose import SIGNER70
from signer_lib.render.renderer.settings import renderer_config

FPS = 25.0                              # of the pipeline: whatever a corpus was filmed in is brought to it
SUSTAINED = 60e12, 10e12                # assumed: operations a second of a data-centre GPU on networks of these sizes, at best and at worst
LEAST = 0.02, 0.1                       # assumed: seconds that a step takes however little it computes, at best and at worst
OURS = 156                              # frames of a performed sentence in the mean, over the 3,000 of data set (a)
COPIES = 5                              # of the weights, fp32, in a training's state: themselves, their running mean, the best, the optimizer's two
LEARNING = 20                           # bytes a weight on a GPU: weight, gradient, the optimizer's two, the running mean; activations come on top
POSE, POSE_ON_DISK = 4, 2               # bytes a number: float32 in memory, float16 in performances
CLIP_POSE = 4                           # in a renderer's packed clips


@dataclass(frozen=True)
class Corpus:
    """``clips`` sentences, ``hours`` of video in all; ``gigabytes`` of the files as they are published, if known."""

    clips: int
    hours: float
    gigabytes: float = 0.0

    @property
    def frames(self) -> float:
        return self.hours * 3600 * FPS

    @property
    def frames_a_clip(self) -> int:
        return round(self.frames / self.clips)


@dataclass(frozen=True)
class Need:
    """One training. epochs: how often it sees every clip, or every frame. gpu: hours, best and worst; ours: hours of one of our processes, None for
    what was not trained here."""

    stage: str
    size: str
    weights: int
    steps: int
    epochs: float
    operations: float
    ours: float | None

    @property
    def gpu(self) -> tuple[float, float] | None:
        if not self.operations:
            return None
        best, worst = (max(self.operations / speed, self.steps * least) / 3600 for speed, least in zip(SUSTAINED, LEAST))
        return best, worst

    @property
    def state_gigabytes(self) -> float:
        return self.weights * 4 * COPIES / 1e9

    @property
    def gpu_gigabytes(self) -> float:
        return self.weights * LEARNING / 1e9


def needs(corpus: Corpus, slul: str = "base", reader: str = "base", renderers: Sequence[str] = ("base",)) -> list[Need]:
    """Every training in its preset's own number of epochs or steps."""
    found = [_sentences("SLUL", "slul", slul, arithmetic.slul, slul_config(slul).epochs, corpus)]
    found.append(_experts(corpus))
    config, read = back_translation_config(reader), lambda size: arithmetic.back_translation(size, corpus.frames_a_clip)
    found.append(_sentences("back-translation", "back-translation", reader, read, config.epochs, corpus, corpus.frames_a_clip / OURS))
    return found + [need for size in renderers for need in _renderer(size, corpus)]


def _renderer(size: str, corpus: Corpus) -> list[Need]:
    """Its stages; those of "base" were trained here."""
    found, config = [], renderer_config(size)
    for stage, step in arithmetic.renderer(size).items():
        steps = getattr(config, f"{stage}_steps")
        ours = _our_seconds(f"renderer-base/{stage}" if stage != "refiner" else "renderer-base") * steps / 3600 if size == "base" else None
        found.append(Need(f"renderer, {stage}", size, step.weights, steps, steps * step.frames / corpus.frames,
                          step.operations * steps * step.samples, ours))
    return found


def _sentences(stage: str, name: str, size: str, count: Callable[[str], Step], epochs: int, corpus: Corpus, longer: float = 1.0) -> Need:
    """A training that goes through all sentences ``epochs`` times; ``longer``: how much longer they are than ours."""
    step: Step = count(size)
    steps = epochs * -(-corpus.clips // step.samples)
    told = load_json(CHECKPOINTS / f"{name}-nano", "training.json", ("batch_size",))
    nano: Step = count("nano")
    ours = _our_seconds(f"{name}-nano") / told["batch_size"] * step.operations / nano.operations * longer * steps * step.samples / 3600
    return Need(stage, size, step.weights, steps, epochs, step.operations * steps * step.samples, ours)


def _experts(corpus: Corpus) -> Need:
    """SLP-MoE learns on the CPU, as often from each sentence as the shipped one did."""
    config, told = moe_config("nano"), load_json(CHECKPOINTS / "slp-moe-nano", "training.json", ("sentences", "batch_size", "steps"))
    epochs = told["steps"] * told["batch_size"] / told["sentences"]
    steps = round(epochs * corpus.clips / config.batch_size)
    ours = _our_seconds("slp-moe-nano") * steps * corpus.frames_a_clip / OURS / 3600
    weights = sum(weight.numel() for weight in SLPMoE(renderer_config("base").d_state, config).parameters())
    return Need("SLP-MoE (on the CPU)", "nano", weights, steps, epochs, 0.0, ours)


def _our_seconds(name: str) -> float:
    """Seconds of one process that a step took here."""
    told = load_json(CHECKPOINTS / name, "training.json", ("train_minutes", "steps", "processes"))
    seconds: float = 60 * told["train_minutes"] * told["processes"] / told["steps"]
    return seconds


def disk(corpus: Corpus, sizes: Sequence[int]) -> dict[str, float]:
    """Gigabytes of each kind of file; ``sizes`` pixels a side of the renderers' frames."""
    numbers = 3 * len(SIGNER70)
    found = {"the corpus as published": corpus.gigabytes} if corpus.gigabytes else {}
    found["performed sentences (poses, float16)"] = corpus.frames * numbers * POSE_ON_DISK / 1e9
    for size in sizes:
        whole = corpus.frames * (3 * size ** 2 + numbers * CLIP_POSE) / 1e9
        found |= {f"packed clips, {size} pixels, every frame": whole, f"packed clips, {size} pixels, one frame in 25": whole / 25}
    return found


def memory(corpus: Corpus) -> dict[str, float]:
    """Gigabytes of poses that a process holds, beside its networks."""
    return {"SLP-MoE, back-translation: all poses": corpus.frames * 3 * len(SIGNER70) * POSE / 1e9,
            "packing the renderer's clips: all poses, once": corpus.frames * 3 * len(SIGNER70) * CLIP_POSE / 1e9}
