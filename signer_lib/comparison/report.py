"""What ``comparison.study`` left in a folder, read back: means over the seeds, the ablations, and how far the goals are reached. [ours]"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from signer_lib.comparison.study import VARIANTS
from signer_lib.comparison.systems import SYSTEMS
from signer_lib.errors import SignerError
from signer_lib.results import read_results

CEILING, FULL = "ground_truth", "full"
NOT_MEASURED = {"seed", "count"}
RATIO, SHARE, DISTANCE = 1.486, 0.9, (0.85, 1.15)          # of the goals: times the regression's BLEU-4, share of the ceiling's, distance travelled
LOAD, BITS = (0.5, 0.98), 0.2


def study_runs(folder: Path | str) -> dict[str, list[dict[str, Any]]]:
    """Every finished run: name of the system, or of SLP-MoE's variant -> what was measured, one for each seed, in their order.

    Raises ``SignerError`` if there are none.
    """
    runs: dict[str, list[dict[str, Any]]] = {}
    for result in read_results(Path(folder)):
        if "bleu4" in result:
            runs.setdefault(result.get("variant", result["system"]), []).append(result)
    if not runs:
        raise SignerError(f"{folder} holds no results of a study: make them with  python -m signer_lib.comparison.study")
    return {name: sorted(found, key=lambda run: run.get("seed", 0)) for name, found in runs.items()}


def study_systems(folder: Path | str, seed: int | None = None) -> dict[str, list[dict[str, Any]]]:
    """The systems in the order of ``SYSTEMS``, of SLP-MoE the whole model, as ``slp_moe``: name -> its runs, one for each seed, or of one seed.

    "top1" of single signs and "share_of_ceiling" (BLEU-4 by the truth's) stand in every run that has them. What was trained with other seeds only is
    left out. Raises ``SignerError`` without the truth's row.
    """
    runs = study_runs(folder)
    if CEILING not in runs:
        raise SignerError(f"{folder} has no row of {CEILING}, so nothing can be compared: run  python -m signer_lib.comparison.study  again")
    best, systems = runs[CEILING][0]["bleu4"], {}
    for name in SYSTEMS:
        found = [run for run in runs.get(FULL if name == "slp_moe" else name, []) if seed is None or run.get("seed", seed) == seed]
        if found:
            systems[name] = [run | ({"share_of_ceiling": run["bleu4"] / best} if best else {})
                             | ({"top1": run["recognition"]["top1"]} if run.get("recognition") else {}) for run in found]
    return systems


def study_table(folder: Path | str, seed: int | None = None) -> dict[str, Any]:
    """A table as ``metrics.table.pose_table`` makes it, of means over the seeds, or of one seed; see ``study_systems``.

    -> {"rows": {name: {"kind", "seeds", the measures, "top1" of single signs, "share_of_ceiling"}}, "ceiling", "count", "signatures"}
    """
    systems = study_systems(folder, seed)
    rows = {name: {"share_of_ceiling": None} | _means(runs) for name, runs in systems.items()}
    truth = systems[CEILING][0]
    return {"rows": rows, "ceiling": CEILING, "count": truth["count"], "signatures": truth["signatures"]}


def ablations(folder: Path | str) -> dict[str, dict[str, list[float]]]:
    """Variant of SLP-MoE, the whole model first -> measure -> its value for each seed: what ``figures.pose_table.plot_ablations`` draws."""
    found = {name: runs for name, runs in study_runs(folder).items() if "variant" in runs[0]}
    if FULL not in found:
        raise SignerError(f"{folder} has no run of the whole SLP-MoE: run  python -m signer_lib.comparison.study --systems {FULL}")
    return {name: {measure: [run[measure] for run in found[name]] for measure in _measures(found[name])} for name in VARIANTS if name in found}


def goals(folder: Path | str) -> list[dict[str, Any]]:
    """What was set beforehand and what came out: goal, wanted (in words), found (a number), reached. A goal whose runs are not there is left out."""
    table, raw = study_table(folder)["rows"], [r for r in read_results(Path(folder)) if r["system"] == "candidates"]
    ours = table.get("slp_moe")
    if ours is None:
        raise SignerError(f"{folder} has no run of the whole SLP-MoE: run  python -m signer_lib.comparison.study --systems {FULL}")
    told = []

    def add(goal: str, wanted: str, found: float, reached: bool) -> None:
        told.append({"goal": goal, "wanted": wanted, "found": float(found), "reached": bool(reached)})

    if "regression" in table:
        ratio = ours["bleu4"] / max(table["regression"]["bleu4"], 1e-9)
        add("BLEU-4, by the regression's", f"{RATIO} or more", ratio, ratio >= RATIO)
    stitchers = [table[name]["bleu4"] for name in ("stitching_raw", "stitching", "spoken_to_signed") if name in table]
    if stitchers:
        add("BLEU-4 above the best stitching's, by", "more than 0", ours["bleu4"] - max(stitchers), ours["bleu4"] > max(stitchers))
    add("BLEU-4, share of the ceiling's", f"{SHARE} or more", ours["share_of_ceiling"], ours["share_of_ceiling"] >= SHARE)
    others = min(row["dtw_mje"] for name, row in table.items() if row["kind"] != "ceiling" and name != "slp_moe")
    add("DTW-MJE, by the best baseline's", "below 1", ours["dtw_mje"] / others, ours["dtw_mje"] < others)
    add("distance travelled, by the truth's", f"{DISTANCE[0]} to {DISTANCE[1]}", ours["total_distance_ratio"],
        DISTANCE[0] <= ours["total_distance_ratio"] <= DISTANCE[1])
    if "stitching" in table:
        jerk = ours["wrist_jerk"] / table["stitching"]["wrist_jerk"]
        add("wrist jerk, by stitching's", "1 or less", jerk, jerk <= 1)
    if raw and "top1" in ours:
        clips = raw[0]["recognition"]["first"]["top1"]
        add("signs recognised, less the raw candidates', %", "0 or more", ours["top1"] - clips, ours["top1"] >= clips)
    whole, by_variant = study_runs(folder)[FULL], study_runs(folder)
    entropy = np.mean([run["gates"]["load_entropy"] for run in whole])
    add("load entropy of the gate", f"{LOAD[0]} to {LOAD[1]}", entropy, LOAD[0] <= entropy <= LOAD[1])
    bits = max(np.mean([run["gates"]["information"][name]["bits"] - run["gates"]["information"][name]["chance_95"] for run in whole])
               for name in whole[0]["gates"]["information"])
    add("bits that the gate tells, above chance", f"more than {BITS}", bits, bits > BITS)
    if "uniform_gate" in by_variant:
        less = ours["bleu4"] - np.mean([run["bleu4"] for run in by_variant["uniform_gate"]])
        add("BLEU-4 above a uniform gate's, by", "more than 0", less, less > 0)
        worse = ours["rhythm_error"] / np.mean([run["rhythm_error"] for run in by_variant["uniform_gate"]])
        add("error of rhythm, by a uniform gate's", "below 1", worse, worse < 1)
    return told


TITLES = {  # system -> how README and the tables name it
    "static_mean": "static mean pose", "wrong_sentence": "a wrong sentence", "nearest_neighbour": "nearest training sentence",
    "stitching_raw": "stitching, no filter", "stitching": "stitching, 6 Hz Butterworth", "spoken_to_signed": "`spoken-to-signed` on the same prior",
    "regression": "pose regression, in the manner of Progressive Transformers", "slp_moe": "SLP-MoE", "ground_truth": "ground truth",
}
VARIANT_TITLES = {  # the same of a variant of SLP-MoE
    "full": "SLP-MoE", "uniform_gate": "no gate: all experts weigh the same", "one_expert": "one expert",
    "first_candidate": "no Pose Chosen Network: the first candidate", "no_semantics": "Pose Chosen Networks without semantics",
    "no_refinement": "no refinement", "positions": "positions blended, not directions", "hard_choice": "one candidate for each expert",
    "top_2": "two experts a sign", "no_smooth": "no `L_smooth`", "no_vel": "no `L_vel`", "no_hand": "no `L_hand`", "no_way": "no `L_way`",
    "no_balance": "no load balance",
}


def _measures(runs: list[dict[str, Any]]) -> list[str]:
    """The names of the numbers that every run has."""

    def number(value: object) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool)

    return [name for name in runs[0] if name not in NOT_MEASURED and all(number(run.get(name)) for run in runs)]


def _means(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": runs[0]["kind"], "seeds": len(runs)} | {name: float(np.mean([run[name] for run in runs])) for name in _measures(runs)}
