"""Fig. 5: held-out sentences as targets, poses and frames, against the reference; and the user study. [paper: what is shown; ours: drawing]"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.figures.skeleton import plot_skeleton
from signer_lib.figures.text import CYCLE, MARKERS, SHADE
from signer_lib.paper.fig3_slp_moe import ARMS
from signer_lib.paper.sources import Sources
from signer_lib.render.backends import Diffusion

if TYPE_CHECKING:
    from signer_lib.experts.model import Choice
    from signer_lib.pipeline import StableSignerPipeline
    from signer_lib.pose import PoseSequence
    from signer_lib.signing import Signing

CAPTION = ("Held-out sentences, from the text alone: (a) the simplified target, the prior's candidate that counts most for each sign; (b) the "
           "poses that SLP-MoE makes; (c) the rendered frames; below them the reference, the studio's frames of a performance of the same sentence, "
           "brought to one time by DTW.")
CLIPS = "clips_base"
NAMES = "00002.mp4", "00001.mp4"        # of the eight clips: two styles; not one of the two whose reference spells a word that the pipeline signs
MOMENTS = 6
ROWS = "(a) simplified\ntarget", "(b) poses", "(c) rendered", "reference"
RATING = "rating/summary.json"


def load(sources: Sources) -> dict[str, Any]:
    """-> strips: see ``strip``, one for each of ``NAMES``; rating: the summary of the user study, None while there is none."""
    from signer_lib.render.renderer.bundle import packed_bundle

    pipeline, folder = sources.pipeline, DATA / CLIPS
    sources.files(folder)
    split, strips = packed_bundle(folder, "test"), []
    for name in NAMES:
        clip = next((clip for clip in split.clips if clip["name"] == name), None)
        if clip is None:
            raise SignerError(f"{folder.name} holds no clip {name}: bring it back with  git checkout -- data")
        where = slice(clip["first"], clip["first"] + clip["count"])
        strips.append(strip(pipeline, clip, split.xyz[where], np.asarray(split.frames[where])))
    return {"strips": strips, "rating": sources.optional(RATING)}


def strip(pipeline: StableSignerPipeline, clip: Mapping[str, Any], xyz: np.ndarray, frames: np.ndarray, moments: int = MOMENTS) -> dict[str, Any]:
    """A held-out clip, its poses xyz (T, 70, 3) and frames (T, S, S, 3), beside what the pipeline makes of its text.

    -> text, style, signer; targets, poses (moments, 70, 3); rendered, reference (moments, S, S, 3); apart: the mean distance of the joints of arms
    and hands at these moments, shoulder widths.
    """
    signing = pipeline(clip["text"])
    at = matched(xyz, signing.poses)                                                       # (T,) the produced frame of each
    shown = np.linspace(0, len(xyz) - 1, moments).round().astype(int)
    found = at[shown]
    start, stop = int(found.min()), int(found.max()) + 1
    rendered = rendered_part(pipeline, signing, start, stop, clip)
    return {"text": clip["text"], "style": clip["style"], "signer": clip["signer"],
            "targets": np.stack([target(pipeline, signing, t) for t in found]), "poses": signing.poses.xyz[found],
            "rendered": rendered[found - start], "reference": frames[shown],
            "apart": float(np.nanmean(np.linalg.norm(signing.poses.xyz[found][:, ARMS] - xyz[shown][:, ARMS], axis=-1)))}


def matched(xyz: np.ndarray, produced: PoseSequence) -> np.ndarray:
    """(T,) for each frame of a part of a performance, xyz (T, 70, 3), the produced frame that it belongs to: DTW whose ends are free, since before
    and after the part whatever is produced costs nothing."""
    from signer_lib.metrics.dtw import dtw_path, frame_costs

    cost = frame_costs(xyz[:, ARMS], produced.xyz[:, ARMS], 2)
    free = np.zeros((1, cost.shape[1]))
    _, path = dtw_path(np.vstack([free, cost, free]))
    return np.array([int(np.median(path[path[:, 0] == row + 1, 1])) for row in range(len(xyz))])


def target(pipeline: StableSignerPipeline, signing: Signing, frame: int) -> np.ndarray:
    """(70, 3): the candidate that counts most for the sign at (or nearest to) a frame, at the same share of the sign."""
    from signer_lib.experts.blending import mixture
    from signer_lib.pose.directions import from_directions

    owned = [(span, span.unit) for span in signing.spans if span.unit is not None]
    span, number = min(owned, key=lambda one: max(one[0].start - frame, frame - one[0].stop + 1, 0))
    choice, unit = next((choice, number - first) for choice, first in _firsts(signing) if number - first < len(choice.units))
    offer = pipeline.experts.offers(pipeline.prior)[choice.units[unit].name]
    best = int(mixture(choice.weights, choice.choices)[unit].argmax())
    share = np.clip((frame - span.start) / max(span.stop - span.start - 1, 1), 0, 1)
    at = round(float(share) * (offer.direction.shape[1] - 1))
    return from_directions(offer.direction[best, at], offer.length[best, at]).numpy()


def _firsts(signing: Signing) -> list[tuple[Choice, int]]:
    """Each sentence's choice with the number of its first unit."""
    counts = np.cumsum([0] + [len(choice.units) for choice in signing.choices])
    return [*zip(signing.choices, counts.tolist())]


def rendered_part(pipeline: StableSignerPipeline, signing: Signing, start: int, stop: int, clip: Mapping[str, Any]) -> np.ndarray:
    """(stop - start, S, S, 3): these frames of a signing alone, as the clip's signer in its style."""
    from signer_lib.pose import PoseSequence

    assert signing.meaning is not None and isinstance(pipeline.renderer, Diffusion)         # signed from a text, by the renderer
    states, contexts, spans = signing.meaning
    spans = spans if spans is None else spans - start
    part = PoseSequence(signing.poses.xyz[start:stop], signing.poses.fps)
    size = pipeline.renderer.pipeline.config.size
    shown = pipeline.frames(part, size, (states, contexts, spans), signing.seed, style=clip["style"], signer=clip["signer"])
    return np.stack(list(shown))


def draw(data: Mapping[str, Any]) -> Figure:
    """``data``: what ``load`` gave."""
    strips, rating = data["strips"], data["rating"]
    figure = Figure(figsize=(0.82 * sum(len(one["poses"]) for one in strips) + 0.9, 4.1 + (1.5 if rating else 0)),
                    layout=ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0.005, hspace=0.005))
    (above,), (below,) = figure.subfigures(2, 1, squeeze=False, height_ratios=(3.7, 1.8 if rating else 0.25))
    widths = [len(one["poses"]) + (k == 0) for k, one in enumerate(strips)]                 # the first has the rows' names
    parts = above.subfigures(1, len(strips), squeeze=False, width_ratios=widths)[0]
    for k, (part, one) in enumerate(zip(parts, strips)):
        _strip(part, one, named=k == 0)
    if rating:
        _rating(below.subplots(1, len({row["scale"] for row in rating["scales"]}), squeeze=False, sharey=True)[0], rating["scales"])
    else:
        below.text(0.5, 0.5, "user study: not yet collected (there are no ratings)", ha="center", va="center", fontsize=9, style="italic")
    return figure


def _strip(figure: SubFigure, one: Mapping[str, Any], named: bool) -> None:
    from signer_lib.render.drawn import draw_frame
    from signer_lib.render.framing import Framing

    camera, size = Framing(), one["reference"].shape[1]
    (x, y), half = camera.centre, camera.width / 2
    axes = figure.subplots(len(ROWS), len(one["poses"]), squeeze=False)
    drawn = np.stack([draw_frame(xyz, size=size) for xyz in one["poses"]])
    for axis, xyz in zip(axes[0], one["targets"]):
        plot_skeleton(xyz, axis, width=0.8, body="0.55").set(xlim=(x - half, x + half), ylim=(y - half, y + half))
    for row, pictures in zip(axes[1:], (drawn, one["rendered"], one["reference"])):
        for axis, picture in zip(row, pictures):
            axis.imshow(picture)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("0.8")
    if named:
        for row, name in zip(axes, ROWS):
            row[0].set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center", labelpad=4)
    figure.suptitle(f"“{one['text']}”  ({one['style']}, {one['signer']})", fontsize=9)


def _rating(axes: Sequence[Axes], scales: Sequence[Mapping[str, Any]]) -> None:
    systems = [*dict.fromkeys(row["system"] for row in scales)]
    for axis, scale in zip(axes, dict.fromkeys(row["scale"] for row in scales)):
        for row in (row for row in scales if row["scale"] == scale):
            at = systems.index(row["system"])
            if row["low"] is not None:
                axis.plot([row["low"], row["high"]], [at, at], color=CYCLE[0], linewidth=1.6)
            axis.plot(row["mean"], at, MARKERS[0], color=CYCLE[0], markersize=5)
            axis.annotate(f"{row['mean']:.1f}", (row["mean"], at), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=7)
        axis.set(xlim=(0.8, 5.2), xticks=range(1, 6), ylim=(len(systems) - 0.4, -0.7))
        axis.set_xlabel(f"{scale} (1 to 5)", fontsize=8)
        axis.grid(color=SHADE, axis="x")
    axes[0].set_yticks(range(len(systems)), systems, fontsize=8)


def compared(data: Mapping[str, Any]) -> str:
    """The paper shows its own frames against ground truth, and asks users. [paper]"""
    apart = [one["apart"] for one in data["strips"]]
    rating = data["rating"]
    asked = (f"{rating['raters']['count']} raters were asked here" if rating else
             "no rater has been asked here yet, so nothing is said of how it looks to signers")
    return (f"The paper shows its frames against ground truth beside a user study; at the moments shown here arms and hands are "
            f"{' and '.join(f'{value:.2f}' for value in apart)} shoulder widths from the reference's, and {asked}.")
