"""Fig. 2: the overview, drawn from the modules that ran and the shapes that passed between them. [paper: the parts; ours: sizes, drawing]"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from signer_lib.figures.text import CYCLE
from signer_lib.paper.boxes import arrow, box, sheet
from signer_lib.paper.sources import TEXT, Sources
from signer_lib.render.backends import Diffusion

if TYPE_CHECKING:
    from torch import nn

    from signer_lib.pipeline import StableSignerPipeline

CAPTION = ("The whole path as it ran on one sentence of the test corpus: boxes are the shipped modules with their weights and the shape that each "
           "gave last, arrows what passes between the stages (n units, d numbers of a state, C candidates, F frames of a sign, T frames in all, J "
           "joints).")
NAMED = {"encoder", "decoder", "Q", "G", "PCN", "R", "controlnet", "unet"}                  # by the paper, or by the summary of it [paper, secondary]
SAID = {"encoder": "H, Eq. 1", "decoder": "states s_i", "pointer": "what a prompt asks for", "Q": "query, Eq. 6", "G": "gate, Eq. 7",
        "PCN": "Pose Chosen Networks", "transitions": "ways between signs", "R": "refinement, Eq. 9", "conditioner": "states, style, signer",
        "controlnet": "where everything is", "unet": "clean latents", "vae": "folded pixels", "refiner": "draws sharp"}


def load(sources: Sources) -> dict[str, Any]:
    """Runs the shipped pipeline on one sentence. See ``trace``."""
    return trace(sources.pipeline, TEXT)


def trace(pipeline: StableSignerPipeline, text: str) -> dict[str, Any]:
    """Signs a text and renders its first window, watched by forward hooks.

    -> text, glosses; modules: stage -> name -> {"kind": its class, "weights", "calls", "gave": the shape that it gave last}; weights: stage -> all of
    its weights, those that modules share counted once; passed: what goes from stage to stage -> its shape; signs: how many the prior has.
    """
    assert isinstance(pipeline.renderer, Diffusion)                                     # the drawn signer has no modules
    slul, experts, renderer = pipeline.slul, pipeline.experts, pipeline.renderer.pipeline
    parts_of: dict[str, dict[str, nn.Module | None]] = {
        "SLUL": {"encoder": slul.model.encoder, "decoder": slul.model.decoder, "pointer": slul.pointer},
        "SLP-MoE": {name: getattr(experts, name) for name in ("Q", "G", "PCN", "transitions", "R")},
        "renderer": {name: getattr(renderer, name) for name in ("conditioner", "controlnet", "unet", "vae", "refiner")},
    }
    stages = {stage: {name: part for name, part in parts.items() if part is not None} for stage, parts in parts_of.items()}
    modules: dict[str, dict[str, dict[str, Any]]]
    modules = {stage: {name: {"kind": type(part).__name__, "weights": _weights(part), "calls": 0, "gave": None} for name, part in parts.items()}
               for stage, parts in stages.items()}
    blocks: Any = slul.model.decoder.block
    called = {"decoder": blocks[-1].layer[-1].DenseReluDense,                             # the search calls layer by layer: the last one tells
              "vae": renderer.vae.decoder}                                                  # decoding is no forward of the whole

    def watch(stage: str, name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, args: object, output: object) -> None:
            row = modules[stage][name]
            row["calls"] += 1
            row["gave"] = shape(output)
        return hook

    with ExitStack() as stack:
        for stage, parts in stages.items():
            for name, part in parts.items():
                stack.callback(called.get(name, part).register_forward_hook(watch(stage, name)).remove)
        signing = pipeline(text)
        frame = next(iter(signing.frames(renderer.config.size, captions=False)))
    choice, states = signing.choices[0], signing.sentences[0].states
    offered = experts.offers(pipeline.prior).batch([unit.name for unit in choice.units])
    passed = {"states": tuple(states.shape), "context": tuple(signing.sentences[0].context.shape), "candidates": tuple(offered.direction.shape),
              "weights": tuple(choice.weights.shape), "choices": tuple(choice.choices.shape), "poses": signing.poses.xyz.shape, "frame": frame.shape}
    weights = {"SLUL": _weights(slul.model, slul.pointer), "SLP-MoE": _weights(experts), "renderer": _weights(*renderer.networks)}
    return {"text": text, "glosses": signing.glosses, "modules": modules, "weights": weights, "passed": passed, "signs": len(pipeline.prior)}


def _weights(*parts: nn.Module | None) -> int:
    """How many numbers are in all of them."""
    return sum({id(w): w.numel() for part in parts if part is not None for w in part.parameters()}.values())


def shape(given: Any) -> tuple[int, ...] | None:
    """Of the first tensor in whatever a module gave."""
    if hasattr(given, "shape") and hasattr(given, "numel"):
        return tuple(given.shape)
    inside = given.values() if isinstance(given, Mapping) else given if isinstance(given, (tuple, list)) else \
        [getattr(given, field.name) for field in fields(given)] if is_dataclass(given) else []
    return next((found for one in inside if (found := shape(one))), None)


def draw(data: Mapping[str, Any]) -> Figure:
    """``data``: what ``trace`` gave."""
    figure, axis = sheet(10.55, 5.45)
    passed, modules = data["passed"], data["modules"]
    wide, high, step, top = 2.0, 0.62, 0.74, 4.4
    lefts = {"SLUL": 1.05, "SLP-MoE": 4.35, "renderer": 7.65}
    for stage, x in lefts.items():
        rows = steps_of(stage, modules[stage], passed)
        bottom = top - step * (len(rows) - 1) - 0.12
        box(axis, x - 0.14, bottom, wide + 0.28, top + high - bottom + 0.42, "", colour="0.75", fill="0.97")
        axis.text(x + wide / 2, top + high + 0.16, f"{stage}: {data['weights'][stage]:,} weights", ha="center", va="center", fontsize=9,
                  fontweight="bold", zorder=3)
        for k, (name, lines, learned) in enumerate(rows):
            y = top - step * k
            box(axis, x, y, wide, high, name, lines, colour=CYCLE[0] if learned else "0.55", dashed=not learned, points=6.8)
            if k:
                arrow(axis, (x + wide / 2, y + step), (x + wide / 2, y + high))
    axis.text(0.46, 4.78, textwrap.fill(data["text"], 13), ha="center", va="bottom", fontsize=8, style="italic")
    arrow(axis, (0.05, 4.7), (0.91, 4.7))
    prior = [f"{data['signs']} signs and letters,", "from rules and recordings"]
    box(axis, 1.05, 0.95, wide, 0.85, "pose prior", prior, colour=CYCLE[2], points=6.8)
    arrow(axis, (3.05, 1.35), (4.21, 1.35), f"candidates\n(n, C, F, J, 3) =\n{_written(passed['candidates'])}", points=6.8)
    arrow(axis, (3.19, 3.3), (4.21, 3.3), f"states (n, d) =\n{_written(passed['states'])}")
    arrow(axis, (6.49, 3.3), (7.51, 3.3), f"poses (T, J, 3) =\n{_written(passed['poses'])}")
    axis.plot([0.75, 0.75, 6.98, 6.98], [3.3, 0.42, 0.42, 2.2], color=CYCLE[0], linewidth=1.2, linestyle="--", zorder=0.5)
    axis.plot([0.75, 0.91], [3.3, 3.3], color=CYCLE[0], linewidth=1.2, linestyle="--", zorder=0.5)
    arrow(axis, (6.98, 2.2), (7.51, 2.2), colour=CYCLE[0])
    axis.text(2.4, 0.47, "semantic states, used again by the renderer", fontsize=7, ha="center", va="bottom", color=CYCLE[0])
    arrow(axis, (9.79, 0.95), (10.5, 0.95), "video")
    axis.text(9.85, 0.86, "frames of\n" + "\n× ".join(map(str, passed["frame"])), ha="left", va="top", fontsize=7)
    axis.text(0.3, 0.12, " ".join(["glosses:", *data["glosses"]]) + "; solid boxes are learned, dashed ones are computed", fontsize=7, color="0.25")
    return figure


def steps_of(stage: str, modules: Mapping[str, Mapping[str, Any]], passed: Mapping[str, tuple[int, ...]]) -> list[tuple[str, list[str], bool]]:
    """A stage's boxes from top to bottom: the modules, and what is computed between them without weights. -> name, lines, learned"""
    rows = [(name, [f"{row['kind']}, {row['weights']:,} weights",
                    f"{SAID[name]}: {_written(row['gave'])}" if row["calls"] else "not asked in this run"], True) for name, row in modules.items()]
    if stage == "SLP-MoE":
        at = [name for name, *_ in rows].index("transitions")
        weights = [f"weights of experts: {_written(passed['weights'])}", f"of their candidates: {_written(passed['choices'])}"]
        rows.insert(at, ("blend, Eq. 8", weights, False))
    if stage == "renderer":
        rows.insert(0, ("control image", ["soft limbs, a channel an articulator", "differentiable in the poses"], False))
    return rows


def _written(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def compared(data: Mapping[str, Any]) -> str:
    """What of the paper's parts ran. [paper; secondary: a T5, a ControlNet latent diffusion]"""
    ran = {name: row for parts in data["modules"].values() for name, row in parts.items() if row["calls"]}
    missing = sorted(NAMED - set(ran))
    return (f"Of the parts that the paper or its summary names, {len(NAMED & set(ran))} of {len(NAMED)} ran in this signing"
            + (f" (not {', '.join(missing)})" if missing else "")
            + f"; forms and sizes are ours, {sum(data['weights'].values()) / 1e6:.1f} million weights in all.")
