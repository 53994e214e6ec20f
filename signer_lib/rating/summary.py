"""What the ratings say: means with intervals, agreement, attention, consistency, who rated: Table 6. [paper: a user study; ours: the rest]"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from signer_lib.assets import RESULTS
from signer_lib.errors import SignerError
from signer_lib.parsing import from_json
from signer_lib.rating.agreement import counts_of, ordinal_alpha
from signer_lib.rating.design import Item
from signer_lib.rating.exported import Ratings, read_key, read_ratings
from signer_lib.rating.scales import CANNOT_TELL, DESCRIPTIONS, POINTS, READINGS, SCALES

SAMPLES = 2000                    # draws of a bootstrap
WRONG_FROM = 4                    # a clip beside a wrong sentence that is said to mean it so much, or more, fails


def summary_or_none(folder: Path = RESULTS / "rating") -> dict[str, Any] | None:
    """``summary.json`` of a folder of results; None while there are no ratings. Raises ``SignerError`` if the file is damaged."""
    path = Path(folder) / "summary.json"
    if not path.is_file():
        return None
    try:
        summary: dict[str, Any] = from_json(path.read_bytes())
    except (OSError, ValueError):
        raise SignerError(f"{path} is damaged: make it again with  stable-signer rating summary") from None
    return summary


def summarise(kit: Path, files: list[Path], seed: int = 0, samples: int = SAMPLES) -> dict[str, Any]:
    """The files of raters -> everything that is reported; ``without_failed`` is the same without the raters whom ``attention_of`` fails.

    scales        for each scale and system the mean (1 to 5) over the rated clips, and its 95 % interval.
    agreement     Krippendorff's alpha (ordinal) of each scale over the clips that two raters or more rated, and its 95 % interval.
    An interval needs two raters and two sentences (agreement: two clips), else it is null. Repeats and wrong sentences are in no mean.
    Raises ``SignerError`` as ``read_ratings``.
    """
    key = read_key(kit)
    everyone = read_ratings(files, kit, key)
    attention = attention_of(everyone, key["reference"])
    rest = [one for one in everyone if one.rater not in attention["failed_raters"]]
    said = [answer for one in everyone for answer in one.answers]
    systems = list(key["systems"])
    return {
        **scores(everyone, systems, list(key["sentences"]), key["reference"], seed, samples),
        "without_failed": {"raters": len(rest), **scores(rest, systems, list(key["sentences"]), key["reference"], seed, samples)},
        "raters": raters_of(everyone, len(key["raters"])),
        "attention": attention,
        "consistency": consistency(everyone),
        "counts": {
            "clips_shown": len(said),
            "unanswered": {scale: sum(answer.values[scale] is None for answer in said) for scale in SCALES},
            "cannot_tell": [{"scale": scale, "system": system, "count": count} for scale in SCALES for system in systems
                            if (count := sum(answer.values[scale] == CANNOT_TELL for answer in said
                                             if answer.item.kind == "rated" and answer.item.system == system))],
            "readings": {how: sum(answer.reading == how for answer in said) for how in READINGS},
            "comments": sum(bool(answer.comment) for answer in said),
        },
        "settings": {"kit": key["kit"], "reference": key["reference"], "sentences": len(key["sentences"]), "seed": seed, "samples": samples,
                     "wrong_from": WRONG_FROM},
    }


def scores(raters: list[Ratings], systems: list[str], sentences: list[str], reference: str | None, seed: int, samples: int) -> dict[str, Any]:
    """Raters -> "scales" and "agreement", as ``summarise`` says. The draws are those of ``seed``, the same for all systems and scales.

    kind of a row of "scales": "ceiling" of the references, else "system".
    """
    rng, place = np.random.default_rng(seed), {name: n for n, name in enumerate(sentences)}
    draws = [rng.multinomial(n, np.full(n, 1 / n), samples).astype(float) if n else np.zeros((samples, 0)) for n in (len(raters), len(sentences))]
    scales, agreement = [], []
    for scale in SCALES:
        units: dict[tuple[str, str], list[int]] = {}
        for system in systems:
            total, count = np.zeros((2, len(raters), len(sentences)))
            for r, one in enumerate(raters):
                for answer in one.answers:
                    if answer.item.kind == "rated" and answer.item.system == system and type(value := answer.values[scale]) is int:
                        total[r, place[answer.item.sentence]] += value
                        count[r, place[answer.item.sentence]] += 1
                        units.setdefault((system, answer.item.sentence), []).append(value)
            if count.sum():
                low, high = mean_interval(total, count, *draws)
                kind = "ceiling" if system == reference else "system"
                scales.append({"scale": scale, "system": system, "kind": kind, "mean": float(total.sum() / count.sum()), "low": low, "high": high,
                               "ratings": int(count.sum()), "raters": int((count.sum(1) > 0).sum()), "sentences": int((count.sum(0) > 0).sum())})
        counts = counts_of([values for values in units.values() if len(values) > 1], POINTS)
        weights = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), samples) if len(counts) else np.zeros((samples, 0))
        low, high = _percentiles(ordinal_alpha(counts, weights)) if len(counts) > 1 else (None, None)
        alpha = float(ordinal_alpha(counts))
        agreement.append({"scale": scale, "alpha": None if np.isnan(alpha) else alpha, "low": low, "high": high, "clips": len(counts)})
    return {"scales": scales, "agreement": agreement}


def mean_interval(total: np.ndarray, count: np.ndarray, raters: np.ndarray, sentences: np.ndarray) -> tuple[float | None, float | None]:
    """The 95 % interval of a mean of ratings that share raters and sentences: both are drawn anew (Owen's pigeonhole bootstrap, 2007).

    total, count (R, N)  sum and number of the ratings of each rater and sentence; raters (B, R), sentences (B, N)  how often a draw holds each.
    (None, None) where fewer than two raters or sentences have ratings: one tells nothing about others.
    """
    if min((count.sum(1) > 0).sum(), (count.sum(0) > 0).sum()) < 2:
        return None, None
    drawn = [np.einsum("br,rn,bn->b", raters, table, sentences, optimize=True) for table in (total, count)]
    with np.errstate(invalid="ignore"):
        return _percentiles(drawn[0] / drawn[1])                       # a draw without a rating of this system says nothing: NaN


def _percentiles(values: np.ndarray) -> tuple[float | None, float | None]:
    known = values[~np.isnan(values)]
    if not len(known):
        return None, None
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def attention_of(raters: list[Ratings], reference: str | None) -> dict[str, Any]:
    """How the items went that have a known answer, and who failed.

    A rater fails who says of a clip beside a wrong sentence that it means it (``WRONG_FROM`` or more), or to whom the hidden references say their
    sentences no better than the clips beside wrong ones do. "Cannot tell" is never a fail.
    """

    def meant(one: Ratings, test: Callable[[Item], bool]) -> list[int]:
        return [value for answer in one.answers if test(answer.item) and type(value := answer.values["meaning"]) is int]

    wrong = {one.rater: meant(one, lambda item: item.kind == "wrong") for one in raters}
    right = {one.rater: meant(one, lambda item: item.kind == "rated" and item.system == reference) for one in raters}
    failed = [rater for rater in wrong if any(value >= WRONG_FROM for value in wrong[rater])
              or wrong[rater] and right[rater] and np.mean(right[rater]) <= np.mean(wrong[rater])]

    def every(rows: dict[str, list[int]]) -> list[int]:
        return [value for values in rows.values() for value in values]

    return {"wrong_sentence": {"answered": len(every(wrong)), "failed": sum(value >= WRONG_FROM for value in every(wrong))},
            "reference": {"answered": len(every(right)), "mean_meaning": float(np.mean(every(right))) if every(right) else None},
            "failed_raters": failed}


def consistency(raters: list[Ratings]) -> list[dict[str, Any]]:
    """For each scale: how many clips were rated twice by the same rater, and the shares of equal ratings and of those at most one point apart."""
    rows = []
    for scale in SCALES:
        pairs = [(answer.values[scale], one.answers[answer.item.of].values[scale]) for one in raters for answer in one.answers
                 if answer.item.kind == "repeat" and answer.item.of is not None]
        apart = np.array([abs(a - b) for a, b in pairs if type(a) is int and type(b) is int])
        rows.append({"scale": scale, "pairs": len(apart), "equal": float((apart == 0).mean()) if len(apart) else None,
                     "within_one": float((apart <= 1).mean()) if len(apart) else None})
    return rows


def raters_of(raters: list[Ratings], invited: int) -> dict[str, Any]:
    """Who rated, as they describe themselves; share_deaf is of all who rated, whether they say or not."""
    described = {name: sum(one.describes == name for one in raters) for name in DESCRIPTIONS}
    years = [one.years for one in raters if one.years is not None]
    finished = sum(all(value is not None for answer in one.answers for value in answer.values.values()) for one in raters)
    return {"count": len(raters), "invited": invited, "finished": finished, **described, "not said": len(raters) - sum(described.values()),
            "share_deaf": described["Deaf"] / len(raters), "median_years_of_asl": float(np.median(years)) if years else None}
