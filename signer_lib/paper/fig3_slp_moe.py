"""Fig. 3: SLP-MoE in detail, for one sentence: query, gates, choice; candidates, blend, refined poses. [paper: the steps; ours: drawing]"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from signer_lib.figures.skeleton import FACE, plot_skeleton
from signer_lib.figures.text import COLOURS, CYCLE
from signer_lib.paper.sources import TEXT, Sources

if TYPE_CHECKING:
    from signer_lib.pipeline import StableSignerPipeline

CAPTION = ("SLP-MoE at work on one test sentence: above, for each sign, its query (Eq. 6), the gate's weights (Eq. 7) and how much each candidate "
           "counts (Eq. 8); below, for the outlined sign, the candidates that count most, brought to one time, their blend, and what the refinement "
           "makes of it.")
ARMS = slice(2, FACE)                   # joints of arms and hands
MOMENTS = 7
SHOWN = 3                               # candidates, those that count most
ROOM = 0.15                             # shoulder widths around what moves
MOVES = 0.02                            # a joint whose place has a deviation above this, shoulder widths
SHAPE = np.array([1.0, 0.85])           # of a panel, width and height


def load(sources: Sources) -> dict[str, Any]:
    """See ``look``."""
    return look(sources.pipeline, TEXT)


def look(pipeline: StableSignerPipeline, text: str) -> dict[str, Any]:
    """What SLP-MoE does with the first sentence of a text of n units.

    -> text, units (their names), queries (n, d_q), weights (n, K), mixed (n, C) of each candidate over the experts, 0 where there is none;
    unit: the sign that is shown, whose candidates differ most; names and candidates (C, F, 70, 3), blended (F, 70, 3), refined (t, 70, 3), fps.
    """
    from signer_lib.experts.blending import mixture
    from signer_lib.pose.directions import from_directions

    signing, experts = pipeline(text), pipeline.experts
    choice = signing.choices[0]
    offered = experts.offers(pipeline.prior).batch([unit.name for unit in choice.units])
    every = from_directions(offered.direction, offered.length)                             # (n, C, F, 70, 3)
    k = int((every - every.mean(1, keepdim=True))[:, :, :, ARMS].norm(dim=-1).mean((1, 2, 3)).argmax())
    mixed = mixture(choice.weights, choice.choices)                                        # (n, C)
    blended = experts.blend_units(offered, choice.weights, choice.choices)
    span = next(span for span in signing.spans if span.unit == k)
    return {"text": text, "units": [unit.name for unit in choice.units], "queries": choice.queries.numpy(), "weights": choice.weights.numpy(),
            "mixed": mixed.numpy(), "unit": k, "names": [f"{one.variant}, {one.signer}" for one in choice.candidates[k]],
            "candidates": every[k, :len(choice.candidates[k])].numpy(),
            "blended": from_directions(blended.direction[k], blended.length[k]).detach().numpy(), "refined": signing.poses.xyz[span.start:span.stop],
            "fps": signing.poses.fps}


def draw(data: Mapping[str, Any]) -> Figure:
    """``data``: what ``look`` gave."""
    best = np.argsort(-data["mixed"][data["unit"], :len(data["names"])])[:SHOWN]
    rows = {f"candidate {c + 1}\n({data['names'][c]})\n{data['mixed'][data['unit'], c]:.0%}": data["candidates"][c] for c in best}
    rows |= {"blend, Eq. 8": data["blended"], "refined, Eq. 9": data["refined"]}
    figure = Figure(figsize=(9.4, 2.5 + 1.12 * len(rows)), layout="constrained")
    (above,), (below,) = figure.subfigures(2, 1, squeeze=False, height_ratios=(2.2, 1.12 * len(rows)))
    _heats(above.subplots(1, 3, width_ratios=(2.2, 1, 1.25)), data)
    low, high = _view([*rows.values()])
    seconds = len(data["refined"]) / data["fps"]
    for axes, (name, path) in zip(below.subplots(len(rows), MOMENTS, squeeze=False, sharex=True, sharey=True), rows.items()):
        for axis, share in zip(axes, np.linspace(0, 1, MOMENTS)):
            plot_skeleton(path[round(share * (len(path) - 1))], axis, width=1.0, body="0.6")
            axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
            axis.spines[:].set_color("0.85")
            if name.startswith("refined"):
                axis.set_xlabel(f"{share * seconds:.2f} s", fontsize=8)
        axes[0].set_ylabel(name, fontsize=7.5, rotation=0, ha="right", va="center", labelpad=8)
    return figure


def _view(paths: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The lower left and upper right corner (2,) of a view of what arms and hands move in any of the paths (T, 70, 3), in a panel's shape."""
    every = [np.asarray(path)[:, ARMS, :2] for path in paths]
    moves = np.any([np.nanstd(path, 0).max(-1) > MOVES for path in every], 0)              # (j,)
    points = np.concatenate([path[:, moves if moves.any() else slice(None)].reshape(-1, 2) for path in every])
    low, high = np.nanmin(points, 0) - ROOM, np.nanmax(points, 0) + ROOM
    half = np.maximum((high - low) / 2, (high - low).max() / 2 * np.minimum(SHAPE, 1))
    return (low + high) / 2 - half, (low + high) / 2 + half


def _heats(axes: np.ndarray, data: Mapping[str, Any]) -> None:
    n, K = data["weights"].shape
    reach = np.abs(data["queries"]).max()
    panels: tuple[tuple[np.ndarray, str, str, tuple[float, float], list[str]], ...]
    panels = ((data["queries"], f"query q ({data['queries'].shape[1]} numbers)", "PuOr", (-reach, reach), []),
              (data["weights"], "gate w (expert)", COLOURS, (0, 1), [f"{k + 1}" for k in range(K)]),
              (np.ma.masked_less_equal(data["mixed"], 0), "weight of each candidate", COLOURS, (0, 1),
               [f"{c + 1}" for c in range(data["mixed"].shape[1])]))
    for axis, (values, label, colours, limits, ticks) in zip(axes, panels):
        image = axis.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto", interpolation="nearest")
        axis.figure.colorbar(image, ax=axis, pad=0.02).ax.tick_params(labelsize=7)
        axis.set_xlabel(label, fontsize=8)
        axis.set_xticks(range(len(ticks)), ticks, fontsize=8)
        axis.set_yticks(range(n), data["units"] if axis is axes[0] else [""] * n, fontsize=8)
        if ticks:
            for row, column in np.ndindex(values.shape):
                if values[row, column] is not np.ma.masked:
                    axis.text(column, row, f"{values[row, column]:.2f}", ha="center", va="center", fontsize=6.5,
                              color="black" if values[row, column] > 0.5 else "white")
        _outline(axis, data["unit"], values.shape[1])


def _outline(axis: Axes, row: int, columns: int) -> None:
    axis.add_patch(Rectangle((-0.5, row - 0.5), columns, 1, fill=False, edgecolor=CYCLE[3], linewidth=2, clip_on=False, zorder=4))


def compared(data: Mapping[str, Any]) -> str:
    """The paper: gating weights over K experts, candidates chosen by the Pose Chosen Networks, blended and refined. [paper]"""
    from signer_lib.figures.experts import hand_size

    mixed, K = data["mixed"][data["unit"]], data["weights"].shape[1]
    sizes = [hand_size(path).mean() for path in data["candidates"]]
    kept = hand_size(data["blended"]).mean() / np.average(sizes, weights=mixed[:len(sizes)])
    even = np.abs(data["weights"] - 1 / K).max() < 0.05
    return (f"The steps are the paper's, their forms ours; here the gate {'hardly prefers any expert' if even else 'prefers some experts'} (weights "
            f"from {data['weights'].min():.2f} to {data['weights'].max():.2f}), the best of {len(sizes)} candidates of {data['units'][data['unit']]} "
            f"counts {mixed.max():.0%}, and the blend keeps {kept:.0%} of the right hand's size, where the paper warns of an average pose.")
