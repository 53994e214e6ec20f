"""The exercises of notebook 05: what a stage costs, finite differences, an interval by drawing again, a control, orders for raters, agreement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from sacrebleu.metrics.bleu import BLEU
from torch import Tensor

from signer_lib.comparison.attribution import BETTER, losses, ratio_interval
from signer_lib.comparison.chains import GIVEN
from signer_lib.exercises.checking import Exercise, Mistake
from signer_lib.joint.evaluate import MEASURES, differences
from signer_lib.pose import SIGNER70
from signer_lib.rating.agreement import counts_of, ordinal_alpha
from signer_lib.render.control import CHANNELS, control_image

Costs = list[tuple[float, float | None]]


# --- 5.1: attribution -------------------------------------------------------------------------------------------------------------
def _library_costs(table: np.ndarray, better: int) -> Costs:
    measure = next(name for name, sign in BETTER.items() if sign == better)
    rows = [dict.fromkeys(BETTER) | {"chain": "hierarchy", "given": given, "seed": seed, measure: float(table[seed, k])}
            for seed in range(len(table)) for k, given in enumerate(GIVEN)]
    return [(row["mean"], row["std"]) for row in losses(rows)]


def _told(gains: np.ndarray, ddof: int = 1) -> Costs:
    """Gains (seeds, stages) -> mean and standard deviation of each stage."""
    return [(float(column.mean()), float(column.std(ddof=ddof)) if len(column) > ddof else None) for column in gains.T]


def _unpaired(table: np.ndarray, better: int) -> Costs:
    spread = table.std(0, ddof=1) if len(table) > 1 else None
    return [(float(better * (table[:, k + 1] - table[:, k]).mean()), None if spread is None else float(np.hypot(spread[k], spread[k + 1])))
            for k in range(table.shape[1] - 1)]


def _tables() -> dict[str, tuple[np.ndarray, int]]:
    scores = np.array([[24.1, 25.0, 25.9, 27.2], [22.8, 25.1, 24.7, 27.2], [23.9, 24.6, 25.3, 27.2]])
    return {"BLEU-4, higher is better": (scores, 1), "WER, lower is better": (100 - 3 * scores, -1), "one seed": (scores[:1], 1)}


check_costs = Exercise(
    number="5.1", title="What does each stage cost?", difficulty="medium", minutes=15,
    right=_library_costs, cases=_tables,
    proven="the costs are those of signer_lib.comparison.attribution.losses",
    hint="of each seed what the measure gains from one column to the next, times `better`; then mean and standard deviation over the seeds",
    mistakes=(
        Mistake("for a measure that is better when lower a gain is a fall: multiply by `better`", lambda t, b: _told(np.diff(t, axis=1))),
        Mistake("the sign: a stage costs something where the truth in its place makes the measure better",
                lambda t, b: _told(-b * np.diff(t, axis=1))),
        Mistake("you measure each from the first column; what a stage costs is the gain from the column *before* it",
                lambda t, b: _told(b * (t[:, 1:] - t[:, :1]))),
        Mistake("you measure each up to the last column; what a stage costs is the gain from its column to the next",
                lambda t, b: _told(b * (t[:, -1:] - t[:, :-1]))),
        Mistake("the standard deviation of a few seeds divides by one less than their number (ddof=1), and one seed has none",
                lambda t, b: _told(b * np.diff(t, axis=1), 0)),
        Mistake("the two columns come from the same seeds: take the difference of each seed first, then the spread of the differences", _unpaired),
        Mistake("these are shares; the cost is told in the measure's own unit", lambda t, b: _told(b * np.diff(t, axis=1) / t[:, :-1])),
    ))


# --- 5.2: finite differences --------------------------------------------------------------------------------------------------------
Scalar = Callable[[Tensor], Tensor]
FINGER = SIGNER70.index("r_hand_index_tip")


def brightness(tip: Tensor, size: int = 32, pixel: tuple[int, int] = (11, 12)) -> Tensor:
    """How bright a pixel (row, column) of the right index finger's control image is, with the finger's tip at ``tip`` (3,), shoulder widths: ()"""
    joints = torch.full((len(SIGNER70), 3), torch.nan, dtype=tip.dtype)
    joints[SIGNER70.index("r_hand_index_dip")] = torch.tensor([-0.49, 0.25, 0.2], dtype=tip.dtype)
    joints = joints.index_copy(0, torch.tensor([FINGER]), tip[None])
    return control_image(joints, size, edge=0.15)[CHANNELS.index("right_index"), pixel[0], pixel[1]]


def _gradient(f: Scalar, x: Tensor, h: float) -> Tensor:
    at = x.clone().requires_grad_()
    f(at).backward()
    assert at.grad is not None
    return at.grad


def _hill(x: Tensor) -> Tensor:
    return 3 * x[0] ** 2 - x[0] * x[1] + 0.5 * x[1] ** 2 - 2 * x[1]


def _sides(f: Scalar, x: Tensor, h: float, up: float = 1.0, down: float = 1.0) -> Tensor:
    """Differences over steps of ``up`` h ahead and ``down`` h back, not divided by anything yet."""
    steps = h * torch.eye(len(x), dtype=x.dtype)
    return torch.stack([f(x + up * step) - f(x - down * step) for step in steps])


def _never_back(f: Scalar, x: Tensor, h: float) -> Tensor:
    x, found = x.clone(), []
    for k in range(len(x)):
        x[k] += h
        there = f(x)
        x[k] -= h
        found.append((there - f(x)) / (2 * h))
    return torch.stack(found)


check_gradient = Exercise(
    number="5.2", title="A gradient without calculus", difficulty="easy", minutes=10,
    right=_gradient,
    cases=lambda: {"a hill": (_hill, torch.tensor([0.7, -1.2], dtype=torch.float64), 0.1),
                   "a slope": (lambda x: (x * torch.tensor([1.0, -2.0, 0.5])).sum(), torch.zeros(3, dtype=torch.float64), 0.5),
                   "a pixel of a control image": (brightness, torch.tensor([-0.45, 0.31, 0.2], dtype=torch.float64), 1e-4)},
    proven="the gradient is autograd's, through signer_lib.render.control.control_image too",
    hint="for each coordinate: f a step ahead less f a step back, by the way between the two",
    mistakes=(
        Mistake("between h ahead and h back lies a way of 2 h", lambda f, x, h: _sides(f, x, h) / h),
        Mistake("a step ahead alone is off by h times the curvature: take one back, too", lambda f, x, h: _sides(f, x, h, down=0.0) / h),
        Mistake("a step back alone is off by h times the curvature: take one ahead, too", lambda f, x, h: _sides(f, x, h, up=0.0) / h),
        Mistake("that is the difference, not yet divided by the way", lambda f, x, h: _sides(f, x, h)),
        Mistake("the sign: ahead less back", lambda f, x, h: -_sides(f, x, h) / (2 * h)),
        Mistake("you move all coordinates together; each has a derivative of its own",
                lambda f, x, h: torch.stack([(f(x + h) - f(x - h)) / (2 * h)] * len(x))),
        Mistake("from h ahead you go back by h, to where you began: go back by 2 h, or start from x again", _never_back),
    ))


# --- 5.3: an interval -----------------------------------------------------------------------------------------------------------------
DRAWS, SEED = 60, 3
Bleu = Callable[[Sequence[str], Sequence[str]], float]


def bleu(texts: Sequence[str], truth: Sequence[str]) -> float:
    """BLEU-4 of a corpus, 0-100."""
    return float(BLEU(tokenize="none", force=True).corpus_score(list(texts), [list(truth)]).score)


def again(sentences: int, count: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """(count, sentences) which sentences are in each draw, with replacement; the same as the library draws for a seed."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, sentences, sentences) for _ in range(count)])


def readings(seed: int, count: int) -> tuple[list[str], list[str], list[str]]:
    """Made up for the exercise: what two systems are read as, and the truth, eight words a sentence; the first loses a tenth, the second three."""
    rng = np.random.default_rng(seed)
    truth = [[f"w{k}" for k in rng.integers(0, 30, 8)] for _ in range(count)]

    def lost(share: float) -> list[str]:
        return [" ".join(word if rng.random() > share else "?" for word in words) for words in truth]

    return lost(0.1), lost(0.3), [" ".join(words) for words in truth]


def _library_interval(ours: list[str], theirs: list[str], truth: list[str], draws: np.ndarray, bleu: Bleu) -> tuple[float, float]:
    low, high = ratio_interval([ours], [theirs], truth, len(draws), SEED)["interval"]
    return low, high


def ratios(ours: list[str], theirs: list[str], truth: list[str], draws: np.ndarray, bleu: Bleu, others: np.ndarray | None = None) -> np.ndarray:
    """(draws,) ratios; ``others``: other draws for the second system."""

    def pick(texts: Sequence[str], rows: Iterable[int]) -> list[str]:
        return [texts[k] for k in rows]

    others = draws if others is None else others
    return np.array([bleu(pick(ours, a), pick(truth, a)) / bleu(pick(theirs, b), pick(truth, b)) for a, b in zip(draws, others)])


def _ends(ratios: np.ndarray, low: float = 0.025, method: Literal["inverted_cdf", "linear"] = "inverted_cdf") -> tuple[float, float]:
    a, b = np.quantile(ratios, [low, 1 - low], method=method)
    return float(a), float(b)


def _normal(ratios: np.ndarray) -> tuple[float, float]:
    return float(ratios.mean() - 1.96 * ratios.std()), float(ratios.mean() + 1.96 * ratios.std())


def _of_sentences(ours: list[str], theirs: list[str], truth: list[str], draws: np.ndarray, bleu: Bleu) -> np.ndarray:
    a, b = (np.array([bleu([one], [true]) for one, true in zip(texts, truth)]) for texts in (ours, theirs))
    return np.array([a[rows].mean() / b[rows].mean() for rows in draws])


check_interval = Exercise(
    number="5.3", title="How sure is a ratio?", difficulty="medium", minutes=20,
    right=_library_interval,
    cases=lambda: {"ten sentences": (*readings(0, 10), again(10), bleu), "sixteen sentences": (*readings(1, 16), again(16), bleu)},
    proven="the interval is that of signer_lib.comparison.attribution.ratio_interval",
    hint="for each row of draws: BLEU of the drawn sentences in both systems, and their ratio; then the 2.5 % and 97.5 % points of the ratios",
    mistakes=(
        Mistake("the two systems are scored on different sentences: use the same draw for both, or their luck adds up",
                lambda ours, theirs, truth, draws, bleu: _ends(ratios(ours, theirs, truth, draws, bleu, draws[::-1]))),
        Mistake("that is an interval of 90 %: of 95 %, 2.5 % lie outside at either end", lambda *given: _ends(ratios(*given), 0.05)),
        Mistake("that is an interval of 68 %: of 95 %, 2.5 % lie outside at either end", lambda *given: _ends(ratios(*given), 0.16)),
        Mistake("a ratio is not normally distributed (it is skewed to the right): take quantiles of the draws, not 1.96 standard deviations",
                lambda *given: _normal(ratios(*given))),
        Mistake('nearly: take ends that were drawn, np.quantile(..., method="inverted_cdf")', lambda *given: _ends(ratios(*given), method="linear")),
        Mistake("BLEU of a corpus is no mean of the sentences' BLEU: score the drawn sentences together",
                lambda *given: _ends(_of_sentences(*given))),
        Mistake("that is the ratio the other way round", lambda ours, theirs, *rest: _ends(ratios(theirs, ours, *rest))),
        Mistake("that is the least and the greatest of all draws", lambda *given: (float(ratios(*given).min()), float(ratios(*given).max()))),
    ))


# --- 5.4: the control -----------------------------------------------------------------------------------------------------------------
Seeds = Mapping[int, float]


def _library_difference(joint: Seeds, control: Seeds) -> tuple[float, float | None]:
    rows = [dict.fromkeys(MEASURES) | {"size": "nano", "system": system, "seed": seed, "bleu4": value}
            for system, values in (("joint", joint), ("control", control)) for seed, value in values.items()]
    row = next(row for row in differences(rows) if row["against"] == "control")
    return row["mean"], row["std"]


def _less(joint: Seeds, control: Seeds, ddof: int = 1) -> tuple[float, float | None]:
    gains = [joint[seed] - control[seed] for seed in joint if seed in control]
    return float(np.mean(gains)), float(np.std(gains, ddof=ddof)) if len(gains) > ddof else None


def _as_listed(joint: Seeds, control: Seeds) -> tuple[float, float | None]:
    gains = [a - b for a, b in zip(joint.values(), control.values())]
    return float(np.mean(gains)), float(np.std(gains, ddof=1)) if len(gains) > 1 else None


def _of_means(joint: Seeds, control: Seeds) -> tuple[float, float | None]:
    a, b = [*joint.values()], [*control.values()]
    spread = float(np.hypot(np.std(a, ddof=1), np.std(b, ddof=1))) if min(len(a), len(b)) > 1 else None
    return float(np.mean(a) - np.mean(b)), spread


check_control = Exercise(
    number="5.4", title="More than more training?", difficulty="easy", minutes=10,
    right=_library_difference,
    cases=lambda: {"two seeds": ({1: 27.4, 2: 27.0}, {1: 27.8, 2: 27.6}),
                   "seeds in another order": ({3: 26.1, 1: 27.9, 2: 27.3}, {1: 27.1, 2: 27.7, 3: 25.2}),
                   "a seed without a control": ({1: 27.4, 2: 29.9, 3: 27.1}, {3: 27.0, 1: 27.6}), "one seed": ({5: 26.0}, {5: 25.0, 6: 30.0})},
    proven="mean and spread are those of signer_lib.joint.evaluate.differences",
    hint="for each seed that both have, joint less control; then the mean, and the standard deviation with ddof=1 (None of one seed)",
    mistakes=(
        Mistake("you pair the runs as they are listed: pair them by their seed", _as_listed),
        Mistake("seeds that only one of the two has are compared with nothing: leave them out, and take the difference of each seed first",
                _of_means),
        Mistake("the standard deviation of a few seeds divides by one less than their number (ddof=1), and one seed has none",
                lambda a, b: _less(a, b, 0)),
        Mistake("the sign: joint less control", lambda a, b: _less(b, a)),
    ))


# --- 5.5: orders -----------------------------------------------------------------------------------------------------------------------
SAME_ROW = "a rater sees some system twice and another not at all: every row has to hold each system once"
SAME_COLUMN = "in some place the same system comes twice: over the raters, each system has to stand once in every place (a Latin square)"
FOLLOWS = ("a Latin square, but some system comes twice right after the same other one, and what it follows colours it: let a row go to and fro, "
           "0, K-1, 1, K-2, ...")


def zigzag(systems: int) -> np.ndarray:
    """(K, K) systems, for an even number K of them: a row for each rater, a column for each place. Williams' design."""
    first = [k // 2 if k % 2 == 0 else systems - 1 - k // 2 for k in range(systems)]
    return (np.array(first) + np.arange(systems)[:, None]) % systems


def _balanced(square: object, systems: int) -> str | None:
    """None, or what is wrong with an order of ``systems`` for as many raters."""
    found = np.asarray(square)
    if found.shape != (systems, systems) or found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= systems:
        return f"a square of {systems} rows (raters) and {systems} columns (places) is wanted, of the numbers 0 to {systems - 1}"
    each = np.arange(systems)
    if any((np.sort(row) != each).any() for row in found):
        return SAME_ROW
    if any((np.sort(column) != each).any() for column in found.T):
        return SAME_COLUMN
    following = [pair for row in found.tolist() for pair in pairwise(row)]
    return None if len(set(following)) == len(following) else FOLLOWS


check_orders = Exercise(
    number="5.5", title="Who sees what, and when", difficulty="medium", minutes=20,
    right=zigzag, cases=lambda: {"four systems": (4,), "two systems": (2,), "eight systems": (8,)}, accept=_balanced,
    proven="each system once for each rater and in each place, and once right after each other one",
    hint="a first row that goes to and fro, 0, K-1, 1, K-2, ...; every other row is the one before, plus 1, modulo K",
    mistakes=(
        Mistake(SAME_ROW, lambda k: np.repeat(np.arange(k)[:, None], k, 1)),
        Mistake(SAME_COLUMN, lambda k: np.repeat(np.arange(k)[None], k, 0)),
        Mistake(FOLLOWS, lambda k: (np.arange(k) + np.arange(k)[:, None]) % k),
    ))


# --- 5.6: agreement ---------------------------------------------------------------------------------------------------------------------
Units = list[list[int]]


def _library_alpha(units: Units, points: int) -> float:
    return float(ordinal_alpha(counts_of(units, points)))


def _alpha(units: Units, points: int, distance: str = "ordinal", singles: bool = False, expected_of: int = 1, halved: bool = True,
           by_pairs: bool = True) -> float:
    """Krippendorff's alpha with a usual mistake or none: another distance, units with one rating left in, D_e by n squared, ends not halved,
    coincidences not divided by the ratings of their unit less one."""
    kept = [unit for unit in units if singles or len(unit) > 1]
    observed, given = np.zeros((points, points)), np.zeros(points)
    for unit in kept:
        for a in unit:
            given[a - 1] += 1
        for i, a in enumerate(unit):
            for j, b in enumerate(unit):
                if i != j:
                    observed[a - 1, b - 1] += 1 / (len(unit) - 1) if by_pairs else 1
    values = np.arange(points, dtype=float)
    place = np.cumsum(given) - (given / 2 if halved else 0)

    def squared(x: np.ndarray) -> np.ndarray:
        apart: np.ndarray = (x[:, None] - x) ** 2
        return apart

    apart = {"ordinal": squared(place), "interval": squared(values), "nominal": np.sign(squared(values))}[distance]
    n = given.sum()
    expected = (given[:, None] * given * apart).sum()
    return float(1 - (n - expected_of) * (observed * apart).sum() / expected * (1 if by_pairs else n / observed.sum()))


def ratings(seed: int, units: int, noise: float) -> Units:
    """Made up for the exercise: one to five ratings, 1 to 5, of each unit, around a value of its own, ``noise`` points off."""
    rng = np.random.default_rng(seed)
    return [np.clip(np.round(rng.uniform(1, 5) + noise * rng.standard_normal(rng.integers(1, 6))), 1, 5).astype(int).tolist() for _ in range(units)]


check_agreement = Exercise(
    number="5.6", title="Do the raters agree?", difficulty="hard", minutes=30,
    right=_library_alpha,
    cases=lambda: {"they agree": (ratings(0, 20, 0.4), 5), "they hardly do": (ratings(1, 15, 1.6), 5),
                   "by chance": ([[1, 5], [5, 1], [3, 1, 5], [2, 4], [4, 2, 3], [1], [5]], 5)},
    proven="alpha is that of signer_lib.rating.agreement.ordinal_alpha",
    hint="coincidences of pairs within a unit, each by (its ratings - 1); ordinal distances; alpha = 1 - (n - 1) sum(o d) / sum(n_c n_k d)",
    mistakes=(
        Mistake("ratings are ordered: that 4 and 5 differ less than 1 and 5 is lost in it (it is the nominal alpha)",
                lambda u, p: _alpha(u, p, "nominal")),
        Mistake("your distance takes the scale's steps as equally large (the interval alpha): the ordinal one is how many ratings lie between",
                lambda u, p: _alpha(u, p, "interval")),
        Mistake("a unit with a single rating says nothing of agreement, and it counts neither in n nor among the values: leave it out first",
                lambda u, p: _alpha(u, p, singles=True)),
        Mistake("two different ratings are drawn without putting the first back: n (n - 1) pairs are expected, not n squared",
                lambda u, p: _alpha(u, p, expected_of=0)),
        Mistake("the ratings of the two values themselves count half in the distance between them", lambda u, p: _alpha(u, p, halved=False)),
        Mistake("a unit with many ratings has many pairs and counts too much: divide its pairs by its ratings less one",
                lambda u, p: _alpha(u, p, by_pairs=False)),
    ))
