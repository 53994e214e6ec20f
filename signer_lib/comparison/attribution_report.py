"""What ``comparison.attribution`` and ``comparison.corruption`` left, read back: means over the seeds, losses by stage, curves over levels. [ours]"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from signer_lib.comparison.attribution import BETTER, FRAMES
from signer_lib.comparison.chains import GIVEN
from signer_lib.errors import SignerError
from signer_lib.metrics.poses import mean_known
from signer_lib.parsing import from_json

MAKE = {"attribution": "loss", "corruption": "settings"}        # study -> what else its file holds
NAMES = {  # a measure in a sentence
    "gloss_wer": "glosses' WER", "bleu4": "BLEU-4", "wer": "WER", "hand_error": "the hands' error", "dtw_mje": "DTW-MJE", "rhythm_error": "rhythm",
    "bleu4_seen": "BLEU-4 of frames", "wer_seen": "WER of frames", "hand_ssim": "hand SSIM", "ssim": "SSIM",
}
KEYS = "chain", "given", "stage", "noise", "level", "seed", "count", "video_count"


def read_study(path: Path | str, study: str = "attribution") -> dict[str, Any]:
    """A result's file. ``study``: "attribution" or "corruption". Raises ``SignerError`` if it is none."""
    try:
        result = from_json(Path(path).read_bytes())
    except (OSError, ValueError):
        result = None
    if not isinstance(result, dict) or not {"rows", MAKE[study]} <= set(result):
        raise SignerError(f"{path} holds no {study}: make it with  python -m signer_lib.comparison.{study} --out {path}")
    return result


def means(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """(chain, given) -> every measure's mean over the seeds, None where none was measured, and how many ``seeds``; in the order of the stages."""
    found = {}
    for chain in dict.fromkeys(row["chain"] for row in rows):
        for given in (*GIVEN, FRAMES):
            if own := [row for row in rows if (row["chain"], row["given"]) == (chain, given)]:
                found[chain, given] = {"seeds": len(own)} | {name: mean_known([row[name] for row in own]) for name in own[0] if name not in KEYS}
    return found


def losses(result: dict[str, Any], measure: str = "bleu4") -> dict[str, dict[str, tuple[float, float | None]]]:
    """chain -> stage -> (what it costs in the measure, std over the seeds or None), in the order of the stages.

    Above 0 the stage costs something; below 0 the truth comes out worse than what stands in for it. Raises ``SignerError`` for what was not measured.
    """
    found: dict[str, dict[str, tuple[float, float | None]]] = {}
    for row in result["loss"]:
        if row["measure"] == measure:
            found.setdefault(row["chain"], {})[row["stage"]] = row["mean"], row["std"]
    if not found:
        raise SignerError(f"the attribution has no '{measure}': choose one of {', '.join(sorted({row['measure'] for row in result['loss']}))}")
    return found


def remarks(result: dict[str, Any]) -> list[str]:
    """What must be said beside the losses: where a stage costs less than nothing, as the truth comes out worse than what stands in for it."""
    return [f"{row['chain']}, {row['stage']}: {NAMES[row['measure']]} is better by {-row['mean']:.3g} without the truth than with it"
            for row in result["loss"] if row["mean"] < 0 and row["measure"] in NAMES]


def curves(result: dict[str, Any], measure: str = "bleu4") -> dict[tuple[str, str, str], list[tuple[float, float, float | None]]]:
    """(chain, stage, noise) -> [(level, the measure's mean over the seeds of the noise, std or None)], from level 0, which is no noise.

    Raises ``SignerError`` for what was not measured.
    """
    found: dict[tuple[str, str, str], dict[float, list[float]]] = {}
    for row in result["rows"]:
        if row.get(measure) is not None:
            found.setdefault((row["chain"], row["stage"], row["noise"]), {}).setdefault(row["level"], []).append(row[measure])
    if not found:
        raise SignerError(f"the corruption study has no '{measure}': choose one of {', '.join(name for name in result['rows'][0] if name in BETTER)}")

    def spread(values: list[float]) -> float | None:
        return float(np.std(values, ddof=1)) if len(values) > 1 else None

    return {key: [(level, float(np.mean(values)), spread(values)) for level, values in sorted(levels.items())] for key, levels in found.items()}


def kept_share(result: dict[str, Any], measure: str = "bleu4") -> list[dict[str, Any]]:
    """What of the clean chain's measure is left at the strongest level of each noise: chain, stage, noise, level, clean, found, share (None if
    there was nothing)."""
    return [{"chain": chain, "stage": stage, "noise": noise, "level": line[-1][0], "clean": line[0][1], "found": line[-1][1],
             "share": line[-1][1] / line[0][1] if line[0][1] else None} for (chain, stage, noise), line in curves(result, measure).items()]
