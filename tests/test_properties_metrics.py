"""Measures: bounds, what they must not depend on, and what is best."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties import SEEDS, poses
from signer_lib.experts.chooser import first_candidate, straight_through
from signer_lib.metrics.poses import bone_drift, duration_ratio, missing_share, total_distance_ratio, wrist_jerk
from signer_lib.metrics.text import text_scores
from signer_lib.pose import PoseSequence
from signer_lib.pose.motion import jerk
from signer_lib.rating.agreement import counts_of, ordinal_alpha
from signer_lib.tables.model import DOWN, MEANINGLESS, TO_ONE, UP, Cell, Column, Row, Table, over_seeds, set_out

GLOSSES = st.lists(st.sampled_from("BOOK IX-1 LIKE NOT WHERE fs-SAM".split()), min_size=1, max_size=8).map(" ".join)
PAIRS = st.lists(st.tuples(GLOSSES | st.just(""), GLOSSES), min_size=1, max_size=5)
BOUNDED = ("bleu1", "bleu2", "bleu3", "bleu4", "rouge", "chrf", "exact")
few = settings(max_examples=12)                                             # each compares with four libraries


@few
@given(PAIRS, SEEDS)
def test_scores_of_texts_keep_their_bounds_and_do_not_depend_on_order_or_spaces(pairs, seed):
    scores = text_scores(*zip(*pairs))
    assert all(0 <= scores[name] <= 100 + 1e-6 for name in BOUNDED) and scores["wer"] >= 0 and scores["count"] == len(pairs)
    assert (scores["wer"] == 0) == all(p.split() == r.split() for p, r in pairs) == (scores["exact"] == 100)
    order = np.random.default_rng(seed).permutation(len(pairs))
    spaced = [(f"  {pairs[k][0].replace(' ', '   ')} ", pairs[k][1]) for k in order]
    again = text_scores(*zip(*spaced))
    assert {name: again[name] for name in (*BOUNDED, "wer")} == pytest.approx({name: scores[name] for name in (*BOUNDED, "wer")})


@few
@given(st.lists(st.lists(st.sampled_from("ABCDE"), min_size=4, max_size=8).map(" ".join), min_size=1, max_size=4))
def test_what_is_right_scores_best(references):
    scores = text_scores(references, references)
    assert scores["wer"] == 0 and all(scores[name] == pytest.approx(100) for name in BOUNDED)
    worse = text_scores(["Z " + reference for reference in references], references)
    assert worse["wer"] > 0 and worse["bleu4"] < 100 and worse["exact"] == 0


# --- poses -----------------------------------------------------------------------------------------------------------
@given(poses(missing=st.just(0.0), frames=st.integers(4, 12)), st.floats(0.5, 3))
def test_a_larger_movement_travels_farther_and_shakes_more(sequence, size):
    larger = PoseSequence(sequence.xyz * np.float32(size), sequence.fps)
    assert total_distance_ratio(larger, sequence) == pytest.approx(size, rel=1e-3) and total_distance_ratio(sequence, sequence) == pytest.approx(1)
    assert wrist_jerk(larger) == pytest.approx(size * wrist_jerk(sequence), rel=1e-2)
    assert bone_drift(larger) == pytest.approx(bone_drift(sequence), rel=1e-2, abs=1e-6)
    assert duration_ratio(sequence.stretch(2 * len(sequence)), sequence) == pytest.approx(2)


@given(SEEDS, st.integers(4, 20), st.floats(10, 60))
def test_an_even_or_evenly_faster_movement_has_no_jerk(seed, frames, fps):
    t = np.arange(frames)[:, None, None] / fps
    a, b, c = np.random.default_rng(seed).normal(size=(3, 2, 3))
    assert jerk(a + b * t + c * t ** 2, fps) == pytest.approx(0, abs=1e-5 * fps ** 3)


@given(poses())
def test_the_missing_share_counts_what_is_missing(sequence):
    assert missing_share(sequence) == pytest.approx((~np.isfinite(sequence.xyz[:, :50]).all(-1)).mean())


# --- agreement -------------------------------------------------------------------------------------------------------
UNITS = st.lists(st.lists(st.integers(1, 5), min_size=2, max_size=6), min_size=2, max_size=8)


@given(UNITS)
def test_agreement_is_at_most_one_and_the_same_for_a_scale_turned_round(units):
    alpha = ordinal_alpha(counts_of(units, 5))
    if len({value for unit in units for value in unit}) < 2:
        assert np.isnan(alpha)
        return
    assert alpha <= 1 + 1e-9
    assert ordinal_alpha(counts_of([[6 - value for value in unit] for unit in units], 5)) == pytest.approx(float(alpha))
    assert ordinal_alpha(counts_of(units[::-1], 5)) == pytest.approx(float(alpha))
    same = [[unit[0]] * len(unit) for unit in units]
    if len({unit[0] for unit in units}) > 1:
        assert ordinal_alpha(counts_of(same, 5)) == pytest.approx(1)


# --- choices ---------------------------------------------------------------------------------------------------------
@given(SEEDS, st.integers(1, 4), st.integers(1, 3), st.integers(1, 5))
def test_a_hard_choice_is_one_candidate_that_exists(seed, N, K, C):
    import torch

    rng = np.random.default_rng(seed)
    pi = torch.from_numpy(rng.dirichlet(np.ones(C), (N, K)))
    hard = straight_through(pi)
    np.testing.assert_allclose(hard.sum(-1), 1, atol=1e-6)
    assert torch.equal(hard.argmax(-1), pi.argmax(-1))
    mask = torch.from_numpy(rng.random((N, C)) < 0.7)
    mask[:, -1] = True
    first = first_candidate(mask, K)
    assert (first.sum(-1) == 1).all() and (first.bool() <= mask[:, None]).all()


# --- tables ----------------------------------------------------------------------------------------------------------
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6), st.sampled_from([UP, DOWN, TO_ONE, MEANINGLESS]))
def test_bold_numbers_are_written_alike_and_none_is_better(values, better):
    column = Column("x", better, "{:.2f}")
    rows = [Row(f"r{k}", "system", {"x": Cell(value)}) for k, value in enumerate(values)]
    _, lines = set_out(Table("system", {"x": column}, {"": rows}))
    bold = {line.cells[0] for line in lines if line.best[0]}
    assert len(bold) <= 1 and sum(line.best[0] for line in lines) * 2 <= len(values)
    worth = {UP: lambda v: v, DOWN: lambda v: -v, TO_ONE: lambda v: -abs(v - 1)}.get(better)
    if bold:
        best = max(values, key=worth)
        assert f"{best:.2f}" in bold
    assert over_seeds(values).mean == pytest.approx(np.mean(values), abs=1e-3) and over_seeds([*values, None]) is None
