"""Fig. 8, ours: how far an error travels that is put in at one stage. [ours]"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from signer_lib.errors import SignerError
from signer_lib.figures.text import CYCLE, DASHES, MARKERS, NOISES, SHADE
from signer_lib.paper.commands import COMMANDS
from signer_lib.paper.fig7_attribution import CHAINS
from signer_lib.paper.sources import Sources

CAPTION = ("Ours, beyond the paper's figures: BLEU-4 of the text read back from poses when one stage is disturbed, a row for each stage and a panel "
           "for each noise, by its level; lines are means over the seeds of the noise, bands one standard deviation.")
FILE = "end_to_end/corruption.json"
LEAST = 2.0                             # BLEU-4 without noise below which a share of it says nothing
STAGES = {"text": "text", "glosses": "glosses", "states": "states", "choice": "choice", "poses": "poses"}
LEVELS = {  # (stage, noise) -> what the level is
    **{("text", noise): f"{name} (share)" for noise, name in NOISES.items()},
    ("glosses", "substituted"): "glosses substituted (share)", ("glosses", "dropped"): "glosses dropped (share)",
    ("glosses", "swapped"): "glosses swapped (share of pairs)", ("states", "gaussian"): "noise in states (standard deviations)",
    ("choice", "wrong_candidate"): "wrong candidates (share)", ("choice", "seconds"): "wrong durations (std of log)",
    ("poses", "jitter"): "trembling (shoulder widths)", ("poses", "hand_lost"): "one hand missing (share of frames)",
    ("poses", "frames_lost"): "frames missing (share)",
}


def load(sources: Sources) -> dict[str, Any]:
    """What corruption.json holds."""
    return sources.result(FILE, COMMANDS[FILE])


def draw(data: Mapping[str, Any], measure: str = "bleu4") -> Figure:
    """``data``: what ``load`` gave."""
    found = curves(data, measure)
    by_stage = {stage: [noise for one, noise in dict.fromkeys((s, n) for _, s, n in found) if one == stage] for stage in STAGES}
    by_stage = {stage: noises for stage, noises in by_stage.items() if noises}
    columns = max(map(len, by_stage.values()))
    figure = Figure(figsize=(2.6 * columns + 0.6, 1.62 * len(by_stage) + 0.4), layout="constrained")
    axes = figure.subplots(len(by_stage), columns, squeeze=False, sharey=True)
    for row, (stage, noises) in zip(axes, by_stage.items()):
        for axis, noise in zip(row, noises):
            for k, chain in enumerate(CHAINS):
                if (chain, stage, noise) in found:
                    level, mean, std = found[chain, stage, noise]
                    axis.fill_between(level, mean - std, mean + std, color=CYCLE[k], alpha=0.18, linewidth=0)
                    axis.plot(level, mean, color=CYCLE[k], linestyle=DASHES[k], marker=MARKERS[k], markersize=3.5, linewidth=1.6)
            axis.set_xlabel(LEVELS.get((stage, noise), f"{stage}: {noise}"), fontsize=8)
            axis.tick_params(labelsize=7)
            axis.tick_params(labelleft=axis is row[0])
            axis.grid(color=SHADE)
        row[0].set_ylabel(f"{STAGES[stage]}\nBLEU-4", fontsize=8.5)
        for axis in row[len(noises):]:
            axis.set_axis_off()
    axes[0][0].set_ylim(bottom=0)                           # all share it, so only now is the greatest value known
    lines = [axes[0][0].plot([], [], color=CYCLE[k], linestyle=DASHES[k], marker=MARKERS[k], markersize=4, label=name)[0]
             for k, name in enumerate(CHAINS.values())]
    figure.legend(handles=lines, ncols=2, loc="outside upper center", frameon=False, fontsize=9)
    return figure


def curves(data: Mapping[str, Any], measure: str = "bleu4") -> dict[tuple[str, str, str], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(chain, stage, noise) -> levels (n,) from 0, mean (n,), standard deviation (n,) over the seeds."""
    found: dict[tuple[str, str, str], dict[float, list[float]]] = {}
    for row in data["rows"]:
        if row.get(measure) is not None:
            found.setdefault((row["chain"], row["stage"], row["noise"]), {}).setdefault(row["level"], []).append(row[measure])
    if not found:
        raise SignerError(f"no row has a '{measure}': make {FILE} again with  {COMMANDS[FILE]}")

    def spread(values: list[float]) -> float:
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

    def over(levels: dict[float, list[float]], f: Callable[[list[float]], Any]) -> np.ndarray:
        return np.array([f(levels[at]) for at in sorted(levels)])

    return {key: (np.array(sorted(levels)), over(levels, np.mean), over(levels, spread)) for key, levels in found.items()}


def compared(data: Mapping[str, Any]) -> str:
    """The paper: errors add up from stage to stage in the classic path. [paper]"""
    found, said = curves(data), []
    for chain, name in CHAINS.items():
        own = {key: mean for key, (_, mean, _) in found.items() if key[0] == chain}
        if not own:
            continue
        clean = max(mean[0] for mean in own.values())
        (_, stage, noise), mean = min(own.items(), key=lambda item: item[1][-1])
        hardest = LEVELS.get((stage, noise), f"{stage}: {noise}").split(" (")[0]
        said.append(f"the {name} has next to nothing to lose (BLEU-4 {clean:.1f} without noise)" if clean < LEAST else
                    f"the {name} loses most, {1 - mean[-1] / mean[0]:.0%} of its BLEU-4 of {clean:.1f}, by {hardest}")
    return f"The paper says that errors add up from stage to stage and shows no such curves; here {' and '.join(said)}."
