"""Poses: what must hold for any movement. Angles and joints, directions, time, filters, warping, blending, gates."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from properties import SEEDS, poses
from signer_lib.errors import SignerError
from signer_lib.experts.blending import blend, blend_positions, mixture
from signer_lib.experts.gating import gate, load_balance
from signer_lib.metrics.dtw import dtw_path, frame_costs
from signer_lib.metrics.poses import bone_drift, dtw_mje, dtw_pt, hand_error
from signer_lib.performances.trajectory import Trajectory, between, held
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.directions import from_directions, make_unit, to_directions, turn
from signer_lib.pose.motion import minimum_jerk, zero_phase
from signer_lib.prior import kinematics
from signer_lib.prior.body import load_body
from signer_lib.prior.kinematics import ARM_LIMITS, HAND_LIMITS, arm_angles, arm_chain, cheapest, hand_angles, hand_points, hand_rotation, turns
from signer_lib.prior.stability import fill_gaps
from signer_lib.render.renderer.pipeline import held as held_in_place

WHOLE = poses(missing=st.just(0.0))
ROOT = SIGNER70.parents.index(-1)


def drawn(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def simplex(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])).float()


# --- angles and joints -----------------------------------------------------------------------------------------------
@given(SEEDS)
def test_a_hand_is_found_again_from_its_joints(seed):
    bones = load_body().hand
    angles = np.random.default_rng(seed).uniform(*HAND_LIMITS.T, (5, 21))
    hand = hand_points(bones, angles)
    np.testing.assert_allclose(hand_points(bones, hand_angles(hand)), hand, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(hand[:, 4] - hand[:, 3], axis=-1), bones[0, 3], atol=1e-9)


@given(SEEDS)
def test_an_arm_is_found_again_from_its_joints(seed):
    body, rng = load_body(), np.random.default_rng(seed)
    low, high = ARM_LIMITS.T
    arm = rng.uniform(np.maximum(low, -1.5), np.minimum(high, 1.5), (5, 7))
    _, joints, rotation = arm_chain(body, arm)
    _, again, turned = arm_chain(body, arm_angles(joints[:, 0], joints[:, 1], rotation))
    np.testing.assert_allclose(again, joints, atol=1e-7)
    np.testing.assert_allclose(turned, rotation, atol=1e-6)
    np.testing.assert_allclose(rotation @ rotation.transpose(0, 2, 1), np.broadcast_to(np.eye(3), rotation.shape), atol=1e-9)


@given(SEEDS)
def test_the_turn_of_a_hand_is_found_again(seed):
    rng, bones = np.random.default_rng(seed), load_body().hand
    rotation = turns(0, rng.uniform(-3, 3, 4)) @ turns(1, rng.uniform(-3, 3, 4)) @ turns(2, rng.uniform(-3, 3, 4))
    hand = hand_points(bones, rng.uniform(*HAND_LIMITS.T, (4, 21))) @ rotation.transpose(0, 2, 1)
    np.testing.assert_allclose(hand_rotation(bones, hand), rotation, atol=1e-7)


@given(SEEDS, st.integers(1, 5), st.integers(1, 4))
def test_the_cheapest_way_is_the_cheapest_of_all(seed, frames, candidates):
    rng = np.random.default_rng(seed)
    cost, move = rng.random((frames, candidates)), rng.random((max(frames - 1, 0), candidates, candidates))
    price = lambda way: sum(cost[t, s] for t, s in enumerate(way)) + sum(move[t, a, b] for t, (a, b) in enumerate(zip(way, way[1:])))
    best = min(price(way) for way in itertools.product(range(candidates), repeat=frames))
    assert price(cheapest(cost, move)) == pytest.approx(best)


@given(SEEDS)
def test_a_blur_keeps_what_stands_still_and_its_bounds(seed):
    values = drawn(seed, 9, 3)
    np.testing.assert_allclose(kinematics.smooth(np.repeat(values[:1], 9, 0)), np.repeat(values[:1], 9, 0))
    assert (kinematics.smooth(values) <= values.max(0) + 1e-12).all() and (kinematics.smooth(values) >= values.min(0) - 1e-12).all()


# --- directions ------------------------------------------------------------------------------------------------------
@given(WHOLE)
def test_directions_and_lengths_say_where_the_joints_are(sequence):
    direction, length = to_directions(torch.from_numpy(sequence.xyz).double())
    np.testing.assert_allclose(from_directions(direction, length), sequence.xyz, atol=1e-6)
    others = [joint for joint in range(len(SIGNER70)) if joint != ROOT]
    np.testing.assert_allclose(direction[:, others].norm(dim=-1), 1, atol=1e-6)
    np.testing.assert_allclose(make_unit(direction), direction, atol=1e-6)
    assert torch.allclose(make_unit(3 * direction)[:, others], direction[:, others], atol=1e-6)


@given(SEEDS)
def test_a_turn_begins_and_ends_where_it_should_and_stays_unit(seed):
    start, end = (make_unit(torch.from_numpy(drawn(seed + k, 70, 3))) for k in (0, 1))
    way = turn(start, end, torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64))
    np.testing.assert_allclose(way[0], start, atol=1e-4)
    np.testing.assert_allclose(way[-1], end, atol=1e-4)
    others = [joint for joint in range(70) if joint != ROOT]
    np.testing.assert_allclose(way[:, others].norm(dim=-1), 1, atol=1e-6)


# --- time ------------------------------------------------------------------------------------------------------------
@given(poses(), st.integers(1, 40))
def test_a_stretched_path_keeps_its_ends_and_its_holes(sequence, frames):
    found = sequence.stretch(frames)
    assert len(found) == frames and (np.isfinite(found.xyz).all(-1) == (found.confidence > 0)).all()
    low = np.minimum(np.linspace(0, len(sequence) - 1, frames).astype(int), max(len(sequence) - 2, 0))
    both = (sequence.confidence[low] > 0) & (sequence.confidence[np.minimum(low + 1, len(sequence) - 1)] > 0)
    assert ((found.confidence > 0) == both).all(), "missing where one of the two frames beside it is, and nowhere else"
    seen = both[0]
    np.testing.assert_allclose(found.xyz[0, seen], sequence.xyz[0, seen], atol=1e-6)
    if frames > 1:
        np.testing.assert_allclose(found.xyz[-1, both[-1]], sequence.xyz[-1, both[-1]], atol=1e-6)


@given(WHOLE, st.sampled_from([10.0, 25.0, 30.0, 120.0]))
def test_another_frame_rate_keeps_the_time_and_the_bounds(sequence, fps):
    found = sequence.resample(fps)
    assert found.fps == fps and (found.xyz <= sequence.xyz.max(0) + 1e-5).all() and (found.xyz >= sequence.xyz.min(0) - 1e-5).all()
    if len(sequence) > 1:
        assert abs((len(found) - 1) / fps - (len(sequence) - 1) / sequence.fps) <= max(0.5 / fps + 1e-9, 1 / fps - (len(sequence) - 1) / sequence.fps)
    np.testing.assert_array_equal(sequence.resample(sequence.fps).xyz, sequence.xyz)


@given(poses())
def test_mirrored_twice_is_as_before(sequence):
    again = sequence.mirrored().mirrored()
    np.testing.assert_array_equal(again.xyz, sequence.xyz)
    np.testing.assert_array_equal(again.confidence, sequence.confidence)


@given(st.one_of(st.just(np.nan), st.just(np.inf), st.floats(max_value=0), st.floats(1e5, 1e300), st.floats(1e-300, 0.01)))
def test_no_camera_has_such_a_frame_rate(fps):
    with pytest.raises(SignerError, match="fps must be positive"):
        PoseSequence(np.zeros((2, 70, 3)), fps)


@given(WHOLE, st.integers(2, 30))
def test_a_trajectory_that_is_stretched_keeps_bones_and_ends(sequence, frames):
    path = Trajectory.of(sequence.xyz[:1].repeat(len(sequence), 0))                 # constant bones
    found = path.stretch(frames)
    assert len(found) == frames and bone_drift(found.poses(25.0)) < 1e-4
    np.testing.assert_allclose(found.xyz[0], path.xyz[0], atol=1e-5)
    np.testing.assert_allclose(found.xyz[-1], path.xyz[-1], atol=1e-5)


@given(WHOLE, st.integers(1, 20), st.sampled_from([0.0, 0.2]))
def test_a_way_between_two_poses_has_bones_of_lengths_between_theirs(sequence, frames, bow):
    path = Trajectory.of(sequence.xyz)
    found = between(path[-1:], path[:1], frames, bow)
    ends = torch.stack([path.length[-1], path.length[0]])
    assert len(found) == frames and (found.length <= ends.max(0).values + 1e-5).all() and (found.length >= ends.min(0).values - 1e-5).all()
    assert torch.equal(held(path, 3).xyz[0], held(path, 3).xyz[2])


def test_a_reaching_movement_only_goes_forward():
    way = minimum_jerk(np.linspace(0, 1, 500))
    assert way[0] == 0 and way[-1] == pytest.approx(1) and (np.diff(way) >= 0).all()


@given(poses(frames=st.integers(1, 15)))
def test_gaps_are_filled_between_their_neighbours_and_nothing_else_moves(sequence):
    found, seen = fill_gaps(sequence), sequence.confidence > 0
    np.testing.assert_array_equal(found.xyz[seen], sequence.xyz[seen])
    np.testing.assert_array_equal(found.confidence[seen], sequence.confidence[seen])
    assert not (found.confidence[:, ~seen.any(0)] > 0).any() and not (found.confidence[0, ~seen[0]] > 0).any()


@given(poses())
def test_a_joint_that_is_lost_stays_where_it_was_seen(sequence):
    found, seen = held_in_place(sequence.xyz), np.isfinite(sequence.xyz).all(-1)
    np.testing.assert_array_equal(found[seen], sequence.xyz[seen])
    assert np.isfinite(found[:, seen.any(0)]).all() and np.isnan(found[:, ~seen.any(0)]).all()
    for joint in np.flatnonzero(seen.any(0))[:5]:
        assert {tuple(row) for row in found[:, joint]} <= {tuple(row) for row in sequence.xyz[seen[:, joint], joint]}


# --- filters ---------------------------------------------------------------------------------------------------------
@given(SEEDS, st.integers(4, 60), st.floats(-5, 5), st.floats(-5, 5))
def test_the_filter_is_linear_and_leaves_what_stands_still(seed, frames, a, b):
    x, y = drawn(seed, frames, 3), drawn(seed + 1, frames, 3)
    np.testing.assert_allclose(zero_phase(a * x + b * y, 25.0), a * zero_phase(x, 25.0) + b * zero_phase(y, 25.0), atol=1e-8)
    np.testing.assert_allclose(zero_phase(np.ones((frames, 2)) * a, 25.0), a, atol=1e-6)


@given(st.integers(20, 40), st.floats(1, 6), st.floats(0.1, 4))
def test_the_filter_delays_nothing(half, cutoff, height):
    pulse = np.zeros((2 * half + 1, 1))
    pulse[half] = height
    found = zero_phase(pulse, 25.0, cutoff)[:, 0]
    assert found.argmax() == half
    np.testing.assert_allclose(found, found[::-1], atol=2e-2 * height)


@given(SEEDS, st.integers(0, 3), st.floats(13, 1000))
def test_the_filter_leaves_alone_what_it_cannot_filter(seed, frames, cutoff):
    short, path = drawn(seed, frames, 3), drawn(seed, 20, 3)
    assert zero_phase(short, 25.0) is short and zero_phase(path, 25.0, cutoff) is path


# --- warping ---------------------------------------------------------------------------------------------------------
@given(SEEDS, st.integers(1, 8), st.integers(1, 8))
def test_a_warping_path_goes_from_corner_to_corner_and_costs_what_it_crosses(seed, T, U):
    cost = np.random.default_rng(seed).random((T, U))
    total, path = dtw_path(cost)
    steps = np.diff(path, axis=0)
    assert tuple(path[0]) == (0, 0) and tuple(path[-1]) == (T - 1, U - 1) and set(map(tuple, steps)) <= {(0, 1), (1, 0), (1, 1)}
    assert total == pytest.approx(cost[tuple(path.T)].sum()) == pytest.approx(dtw_path(cost.T)[0])
    assert dtw_path(cost + 0.5)[0] >= total and dtw_path(2 * cost)[0] == pytest.approx(2 * total)
    if T == U:
        assert total <= np.trace(cost) + 1e-12


@given(WHOLE, WHOLE, st.sampled_from([1, 2]))
def test_frames_are_as_far_from_others_as_these_from_them(x, y, power):
    cost = frame_costs(x.xyz, y.xyz, power)
    assert cost.shape == (len(x), len(y)) and (cost >= 0).all()
    np.testing.assert_allclose(cost, frame_costs(y.xyz, x.xyz, power).T, atol=1e-6)
    np.testing.assert_allclose(frame_costs(x.xyz + 1, y.xyz + 1, power), cost, rtol=1e-3, atol=1e-3)


@given(poses(), st.integers(1, 3))
def test_a_movement_is_no_distance_from_itself_however_slow(sequence, slower):
    assume(np.isfinite(sequence.xyz[:, :50]).all(-1).any(1).all())
    again = PoseSequence(np.repeat(sequence.xyz, slower, 0), sequence.fps, np.repeat(sequence.confidence, slower, 0))
    assert dtw_pt(again, sequence) == pytest.approx(0, abs=1e-4)
    assert dtw_mje(again, sequence) == pytest.approx(0, abs=1e-6) and not hand_error(sequence, sequence) > 1e-6


@given(WHOLE, st.floats(0.01, 2))
def test_what_is_farther_away_scores_worse(sequence, far):
    moved = lambda by: PoseSequence(sequence.xyz + np.float32([by, 0, 0]), sequence.fps)
    path = np.repeat(np.arange(len(sequence))[:, None], 2, 1)
    assert dtw_mje(moved(far), sequence, path) == pytest.approx(far, rel=1e-3) and dtw_mje(moved(2 * far), sequence, path) > far
    assert hand_error(moved(far), sequence, path) == pytest.approx(0, abs=1e-4), "a handshape is the same wherever the hand is"


# --- the experts -----------------------------------------------------------------------------------------------------
@given(SEEDS, st.integers(1, 4), st.integers(1, 5), st.integers(1, 6))
def test_weights_of_candidates_add_up_to_one(seed, N, K, C):
    w, pi = simplex(seed, N, K), simplex(seed + 1, N, K, C)
    weight = mixture(w, pi)
    assert weight.shape == (N, C) and (weight >= 0).all()
    np.testing.assert_allclose(weight.sum(-1), 1, atol=1e-5)
    if K == 1:
        np.testing.assert_allclose(weight, pi[:, 0], atol=1e-6)


@given(SEEDS, st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(1, 4))
def test_a_blend_of_equal_candidates_is_the_candidate(seed, N, K, C, frames):
    xyz = torch.from_numpy(load_body().rest() + 0.1 * drawn(seed, N, 1, frames, 70, 3)).float().expand(-1, C, -1, -1, -1)
    direction, length = to_directions(xyz)
    w, pi = simplex(seed, N, K), simplex(seed + 1, N, K, C)
    for found in (blend(direction, length, w, pi), blend(direction, length, w, pi, torch.ones(K)), blend_positions(direction, length, w, pi)):
        np.testing.assert_allclose(from_directions(found.direction, found.length), xyz[:, 0], atol=2e-5)


@given(SEEDS, st.integers(1, 5), st.integers(1, 6), st.floats(0.1, 10), st.integers(0, 7))
def test_gates_add_up_to_one_over_those_that_may_take_part(seed, N, K, temperature, top_k):
    logits = torch.from_numpy(drawn(seed, N, K)).float()
    found = gate(logits, temperature, top_k)
    np.testing.assert_allclose(found.w.sum(-1), 1, atol=1e-5)
    assert (found.w[~found.mask] == 0).all() and (found.mask.sum(-1) == (top_k if 0 < top_k < K else K)).all()
    np.testing.assert_allclose(gate(logits + 3, temperature, top_k).w, found.w, atol=1e-4)
    best = logits.argmax(-1)
    assert (found.w.gather(-1, best[:, None]) >= found.w.max(-1, keepdim=True).values - 1e-6).all()


@given(SEEDS, st.integers(1, 8), st.integers(1, 6))
def test_a_load_lies_between_even_and_all_on_one(seed, N, K):
    assert 1 - 1e-5 <= load_balance(simplex(seed, N, K)) <= K + 1e-4
    assert load_balance(torch.full((N, K), 1 / K)) == pytest.approx(1, abs=1e-5)
    assert load_balance(torch.eye(K)[:1].expand(N, -1)) == pytest.approx(K, abs=1e-4)
