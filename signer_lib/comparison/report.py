"""What ``comparison.study`` left in a folder, read back: means over the seeds, the ablations, and how far the goals are reached. [ours]"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signer_lib.comparison.study import VARIANTS
from signer_lib.comparison.systems import SYSTEMS
from signer_lib.errors import SignerError
from signer_lib.results import read_results

CEILING, FULL = "ground_truth", "full"
NOT_MEASURED = {"seed", "count"}
RATIO, SHARE, DISTANCE = 1.486, 0.9, (0.85, 1.15)          # of the goals: times the regression's BLEU-4, share of the ceiling's, distance travelled
LOAD, BITS = (0.5, 0.98), 0.2


def study_runs(folder: Path | str) -> dict[str, list[dict]]:
    """Every finished run: name of the system, or of SLP-MoE's variant -> what was measured, one for each seed, in their order.

    Raises ``SignerError`` if there are none.
    """
    runs: dict[str, list[dict]] = {}
    for result in read_results(Path(folder)):
        if "bleu4" in result:
            runs.setdefault(result.get("variant", result["system"]), []).append(result)
    if not runs:
        raise SignerError(f"{folder} holds no results of a study: make them with  python -m signer_lib.comparison.study")
    return {name: sorted(found, key=lambda run: run.get("seed", 0)) for name, found in runs.items()}


def study_table(folder: Path | str, seed: int | None = None) -> dict:
    """A table as ``metrics.table.pose_table`` makes it, of means over the seeds, or of one seed; of SLP-MoE the whole model, as ``slp_moe``.

    -> {"rows": {name: {"kind", "seeds", the measures, "top1" of single signs, "share_of_ceiling"}}, "ceiling", "count", "signatures"}
    What was trained with other seeds only is left out. Rows stand in the order of ``SYSTEMS``. Raises ``SignerError`` without the truth's row.
    """
    runs = study_runs(folder)
    if CEILING not in runs:
        raise SignerError(f"{folder} has no row of {CEILING}, so nothing can be compared: run  python -m signer_lib.comparison.study  again")
    kept = {}
    for name, found in runs.items():
        if found[0].get("variant", FULL) == FULL and (chosen := [run for run in found if seed is None or run.get("seed", seed) == seed]):
            kept["slp_moe" if name == FULL else name] = chosen
    rows = {name: _means(kept[name]) for name in SYSTEMS if name in kept}
    best = rows[CEILING]["bleu4"]
    for row in rows.values():
        row["share_of_ceiling"] = row["bleu4"] / best if best else None
    truth = kept[CEILING][0]
    return {"rows": rows, "ceiling": CEILING, "count": truth["count"], "signatures": truth["signatures"]}


def ablations(folder: Path | str) -> dict[str, dict[str, list[float]]]:
    """Variant of SLP-MoE, the whole model first -> measure -> its value for each seed: what ``figures.pose_table.plot_ablations`` draws."""
    found = {name: runs for name, runs in study_runs(folder).items() if "variant" in runs[0]}
    if FULL not in found:
        raise SignerError(f"{folder} has no run of the whole SLP-MoE: run  python -m signer_lib.comparison.study --systems {FULL}")
    return {name: {measure: [run[measure] for run in found[name]] for measure in _measures(found[name])} for name in VARIANTS if name in found}


def goals(folder: Path | str) -> list[dict]:
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


TITLES = {  # system -> how README names it
    "static_mean": "static mean pose", "wrong_sentence": "a wrong sentence", "nearest_neighbour": "nearest training sentence",
    "stitching_raw": "stitching, no filter", "stitching": "stitching, 6 Hz Butterworth", "spoken_to_signed": "`spoken-to-signed` on the same prior",
    "regression": "pose regression, in the manner of Progressive Transformers", "slp_moe": "**SLP-MoE**", "ground_truth": "ground truth (ceiling)",
}
COLUMNS = {  # measure -> heading, how it is written
    "bleu4": ("BLEU-4 read back", "{:.1f}"), "share_of_ceiling": ("of ceiling", "{:.0%}"), "wer": ("WER", "{:.1f}"), "dtw_mje": ("DTW-MJE", "{:.3f}"),
    "hand_error": ("hands", "{:.3f}"), "total_distance_ratio": ("distance", "{:.2f}"), "duration_ratio": ("duration", "{:.2f}"),
    "rhythm_error": ("rhythm", "{:.2f}"), "wrist_jerk": ("jerk", "{:.0f}"), "top1": ("signs known (%)", "{:.1f}"), "seeds": ("seeds", "{}"),
}


def markdown(folder: Path | str) -> str:
    """``study_table`` as README shows it."""
    lines = ["| system | " + " | ".join(heading for heading, _ in COLUMNS.values()) + " |", "| --- |" + " --- |" * len(COLUMNS)]
    for name, row in study_table(folder)["rows"].items():
        seeds = row if "regression" in name or name == "slp_moe" else row | {"seeds": ""}
        cells = [form.format(seeds[measure]) if seeds.get(measure) is not None else "" for measure, (_, form) in COLUMNS.items()]
        lines.append(f"| {TITLES[name]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


VARIANT_TITLES = {  # variant -> how README names it
    "full": "**SLP-MoE**", "uniform_gate": "no gate: all experts weigh the same", "one_expert": "one expert",
    "first_candidate": "no Pose Chosen Network: the first candidate", "no_semantics": "Pose Chosen Networks without semantics",
    "no_refinement": "no refinement", "positions": "positions blended, not directions", "hard_choice": "one candidate for each expert",
    "top_2": "two experts a sign", "no_smooth": "no `L_smooth`", "no_vel": "no `L_vel`", "no_hand": "no `L_hand`", "no_way": "no `L_way`",
    "no_balance": "no load balance",
}
VARIANT_COLUMNS = {
    "bleu4": ("BLEU-4", "{:.1f}"), "dtw_mje": ("DTW-MJE", "{:.3f}"), "hand_error": ("hands", "{:.3f}"),
    "total_distance_ratio": ("distance", "{:.2f}"), "rhythm_error": ("rhythm", "{:.3f}"), "size_error": ("size", "{:.3f}"),
    "wrist_jerk": ("jerk", "{:.0f}"), "seam_velocity": ("at seams", "{:.2f}"), "bone_drift": ("bones drift", "{:.2%}"),
}


def ablations_markdown(folder: Path | str) -> str:
    """``ablations`` as README shows it: means over the seeds, and how many there are."""
    lines = ["| SLP-MoE | " + " | ".join(heading for heading, _ in VARIANT_COLUMNS.values()) + " | seeds |",
             "| --- |" + " --- |" * (len(VARIANT_COLUMNS) + 1)]
    for name, row in ablations(folder).items():
        cells = [form.format(float(np.mean(row[measure]))) for measure, (_, form) in VARIANT_COLUMNS.items()]
        lines.append(f"| {VARIANT_TITLES[name]} | " + " | ".join(cells) + f" | {len(row['bleu4'])} |")
    return "\n".join(lines)


def _measures(runs: list[dict]) -> list[str]:
    """The names of the numbers that every run has."""
    number = lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)
    return [name for name in runs[0] if name not in NOT_MEASURED and all(number(run.get(name)) for run in runs)]


def _means(runs: list[dict]) -> dict:
    row = {"kind": runs[0]["kind"], "seeds": len(runs)} | {name: float(np.mean([run[name] for run in runs])) for name in _measures(runs)}
    known = [run["recognition"]["top1"] for run in runs if run.get("recognition")]
    return row | ({"top1": float(np.mean(known))} if known else {})
