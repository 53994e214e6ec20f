"""The exercises of notebook 03: temperature, top-k, the candidates' weights, the blend, the load, Eq. 9's terms for movement, DTW-MJE.

N units, K experts, C candidates, J joints, T and U frames.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.special import xlogy
from torch import Tensor

from signer_lib.exercises.checking import Exercise, Mistake
from signer_lib.experts.blending import blend, mixture
from signer_lib.experts.gating import gate, load_balance
from signer_lib.experts.losses import loss_smooth, loss_vel
from signer_lib.experts.roles import load_entropy
from signer_lib.metrics.dtw import dtw_path, frame_costs
from signer_lib.metrics.poses import dtw_mje
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.directions import from_directions, make_unit


def _numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- 3.1: Eq. 7 ---------------------------------------------------------------------------------------------------------------
def _divided_by_its_sum(logits: Tensor, temperature: float) -> Tensor:
    powers = (logits / temperature).exp()
    return powers / powers.sum(-1, keepdim=True)


check_temperature = Exercise(
    number="3.1", title="A gate with a temperature", difficulty="easy", minutes=5,
    right=lambda logits, temperature: gate(logits, temperature).w,
    cases=lambda: {"five units, four experts": (_numbers(5, 4), 1.0), "a low temperature": (_numbers(5, 4, seed=1), 0.3),
                   "a high temperature": (_numbers(3, 6, seed=2), 4.0), "large logits": (200 * _numbers(4, 4, seed=3), 0.5)},
    proven="the weights are those of signer_lib.experts.gating.gate",
    hint="divide the logits by the temperature, then a softmax over the experts, the last axis",
    mistakes=(
        Mistake("you multiply by the temperature: divide, so that a high one makes the gate soft", lambda z, T: (z * T).softmax(-1)),
        Mistake("your columns sum to 1: a unit's weights are a row, so the softmax runs over the last axis", lambda z, T: (z / T).softmax(0)),
        Mistake("the temperature comes too late: divide the logits by it, not the weights", lambda z, T: z.softmax(-1) / T),
        Mistake("the temperature changes nothing in your gate", lambda z, T: z.softmax(-1)),
        Mistake("your rows do not sum to 1: divide by their sum", lambda z, T: (z / T).exp()),
        Mistake("nearly: of large logits exp is infinite, and inf / inf is NaN; take each row's largest value away first, or use softmax",
                _divided_by_its_sum),
    ))


# --- 3.2: top-k ---------------------------------------------------------------------------------------------------------------
def _kept(logits: Tensor, k: int, largest: bool = True) -> Tensor:
    return torch.zeros_like(logits).scatter(-1, logits.topk(k, -1, largest=largest).indices, 1.0)


check_top_k = Exercise(
    number="3.2", title="Only the best k experts", difficulty="medium", minutes=10,
    right=lambda logits, temperature, k: gate(logits, temperature, k).w,
    cases=lambda: {"two of four": (_numbers(6, 4), 1.0, 2), "one of five": (_numbers(4, 5, seed=1), 0.5, 1),
                   "three of four, warm": (_numbers(5, 4, seed=2) - 3, 2.0, 3), "all of three": (_numbers(3, 3, seed=3), 1.0, 3)},
    proven="the weights are those of signer_lib.experts.gating.gate with top_k",
    hint="in each row set all but the k largest logits to minus infinity, then the gate of 3.1",
    mistakes=(
        Mistake("your rows no longer sum to 1: who is left shares all the weight", lambda z, T, k: (z / T).softmax(-1) * _kept(z, k)),
        Mistake("a logit of 0 is no weight of 0, since exp(0) = 1: what is left out needs minus infinity",
                lambda z, T, k: (_kept(z, k) * z / T).softmax(-1)),
        Mistake("you keep the k smallest", lambda z, T, k: (z / T).masked_fill(_kept(z, k, largest=False) == 0, -torch.inf).softmax(-1)),
        Mistake("you keep the experts that are best for all units together: each row has its own",
                lambda z, T, k: (z / T).masked_fill(_kept(z.mean(0, keepdim=True), k) == 0, -torch.inf).softmax(-1)),
        Mistake("the temperature is missing", lambda z, T, k: z.masked_fill(_kept(z, k) == 0, -torch.inf).softmax(-1)),
        Mistake("nobody is left out", lambda z, T, k: (z / T).softmax(-1)),
    ))


# --- 3.3: pi and Eq. 8's sums ---------------------------------------------------------------------------------------------------
def _chosen(score: Tensor, mask: Tensor) -> Tensor:
    return score.masked_fill(~mask[:, None], -torch.inf).softmax(-1)


def _candidates(seed: int, *counts: int) -> tuple[Tensor, Tensor, Tensor]:
    """w (N, K), scores (N, K, C) and which candidates there are (N, C), for units with so many candidates and three experts."""
    mask = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
    return _numbers(len(counts), 3, seed=seed).softmax(-1), 2 * _numbers(len(counts), 3, max(counts), seed=seed + 1), mask


check_candidates = Exercise(
    number="3.3", title="What each candidate counts", difficulty="medium", minutes=15,
    right=lambda w, score, mask: mixture(w, _chosen(score, mask)),
    cases=lambda: {"all candidates there": _candidates(0, 4, 4), "some missing": _candidates(2, 4, 2, 3), "one alone": _candidates(4, 1, 5)},
    proven="the weights are those of signer_lib.experts.blending.mixture",
    hint="a softmax over the candidates that exist, for each unit and expert; then the experts' sum, weighted by the gate",
    mistakes=(
        Mistake("candidates that do not exist get weight: their scores have to be minus infinity before the softmax",
                lambda w, s, m: mixture(w, s.softmax(-1))),
        Mistake("after you took the missing candidates away the rows no longer sum to 1: mask the scores, before the softmax",
                lambda w, s, m: mixture(w, s.softmax(-1) * m[:, None])),
        Mistake("a score of 0 is no weight of 0, since exp(0) = 1: a missing candidate needs minus infinity",
                lambda w, s, m: mixture(w, (s * m[:, None]).softmax(-1))),
        Mistake("your softmax runs over the experts: an expert shares its weight among the candidates, the last axis",
                lambda w, s, m: mixture(w, s.softmax(1) * m[:, None])),
        Mistake("all experts count the same in it: weigh them with the gate's w", lambda w, s, m: _chosen(s, m).mean(1)),
        Mistake("you take each expert's best candidate alone: Eq. 8 blends them by pi",
                lambda w, s, m: mixture(w, torch.zeros_like(s).scatter(-1, _chosen(s, m).argmax(-1, keepdim=True), 1.0))),
        Mistake("you weigh the scores, not the choices: the softmax of each expert comes first",
                lambda w, s, m: torch.einsum("nk,nkc->nc", w, s).masked_fill(~m, -torch.inf).softmax(-1)),
    ))


# --- 3.4: Eq. 8's blend -----------------------------------------------------------------------------------------------------------
def _bones(seed: int, weight: list[float]) -> tuple[Tensor, Tensor, Tensor]:
    """Directions (C, J, 3) of poses that are alike, bone lengths (J,) and weights (C,). The root's direction is its position, its length 1."""
    way = make_unit(_numbers(1, len(SIGNER70), 3, seed=seed) + 0.8 * _numbers(len(weight), len(SIGNER70), 3, seed=seed + 1))
    return way, (0.1 + 0.2 * _numbers(len(SIGNER70), seed=seed + 2).abs()).where(torch.tensor(SIGNER70.parents) >= 0, 1.0), torch.tensor(weight)


def _laid(direction: Tensor, length: Tensor, weight: Tensor) -> Tensor:
    blended = blend(direction[None, :, None], length.expand(1, len(weight), 1, -1), weight[None], torch.eye(len(weight))[None])
    return from_directions(blended.direction, blended.length)[0, 0]


def _mean(direction: Tensor, weight: Tensor) -> Tensor:
    return (weight[:, None, None] * direction).sum(0)


def _from_root(direction: Tensor, length: Tensor, weight: Tensor) -> Tensor:
    bone = make_unit(_mean(direction, weight)) * length[:, None]
    root = SIGNER70.parents.index(-1)
    return bone + bone[root] * (torch.arange(len(bone)) != root)[:, None]


def _unit_root(direction: Tensor, length: Tensor, weight: Tensor) -> Tensor:
    mean = _mean(direction, weight)
    return from_directions(mean / mean.norm(dim=-1, keepdim=True), length)


check_blend = Exercise(
    number="3.4", title="A blend that keeps its bones", difficulty="medium", minutes=15,
    right=_laid,
    cases=lambda: {"two, half and half": _bones(0, [0.5, 0.5]), "three": _bones(3, [0.2, 0.7, 0.1]), "one alone": _bones(6, [1.0])},
    proven="the joints are those of signer_lib.experts.blending.blend and pose.directions.from_directions",
    hint="the weighted mean of the directions, made length 1 again but for the root; then from the root outwards the parent's place plus the bone",
    mistakes=(
        Mistake("your bones shrink: a mean of directions is shorter than 1, so make each length 1 again (as it is, it is the mean of positions)",
                lambda way, length, w: from_directions(_mean(way, w), length)),
        Mistake("the root's direction is its place: make unit directions of all joints but the root", _unit_root),
        Mistake("every joint hangs at the root in it: add the bone to the place of its own parent", _from_root),
        Mistake("these are bones, not joints: lay them out from the root, each beginning where its parent is",
                lambda way, length, w: make_unit(_mean(way, w)) * length[:, None]),
        Mistake("the bones have no length: multiply each unit direction by its length",
                lambda way, length, w: from_directions(make_unit(_mean(way, w)), torch.ones_like(length))),
        Mistake("the weights change nothing in it", lambda way, length, w: from_directions(make_unit(way.mean(0)), length)),
    ))


# --- 3.5: load --------------------------------------------------------------------------------------------------------------------
def _entropy(p: Tensor) -> float:
    """Of the rows of p, in shares of the largest possible; the mean over rows."""
    return float(torch.special.entr(p).sum(-1).mean() / np.log(p.shape[-1]))


def _with_log(w: Tensor) -> tuple[Tensor, float]:
    m = w.mean(0)
    return load_balance(w), float(-(m * m.log()).sum() / np.log(len(m)))


check_load = Exercise(
    number="3.5", title="Is the load shared?", difficulty="easy", minutes=10,
    right=lambda w: (load_balance(w), load_entropy(w.numpy())),
    cases=lambda: {"a gate": (_numbers(9, 4).softmax(-1),), "a sharp gate": ((4 * _numbers(7, 3, seed=1)).softmax(-1),),
                   "one expert for all": (torch.eye(4)[[2, 2, 2]],), "an even load of sure choices": (torch.eye(3)[[0, 1, 2, 0, 1, 2]],)},
    proven="balance and entropy are those of signer_lib.experts.gating.load_balance and experts.roles.load_entropy",
    hint="first the load, the mean of w over the units; then K times the sum of its squares, and its entropy by log K",
    mistakes=(
        Mistake("you take every unit's entropy, then the mean; the load is the mean first: a gate that is sure of each unit may share evenly",
                lambda w: (load_balance(w), _entropy(w))),
        Mistake("0 log 0 is 0 in an entropy, but log gives NaN: use torch.special.entr, or leave experts without load out", _with_log),
        Mistake("your entropy is in nats: divide it by log K, so that an even load has 1",
                lambda w: (load_balance(w), _entropy(w.mean(0)) * np.log(w.shape[1]))),
        Mistake("your entropy is in bits: divide it by log K in the same base, so that an even load has 1",
                lambda w: (load_balance(w), _entropy(w.mean(0)) * np.log2(w.shape[1]))),
        Mistake("the factor K is missing in the balance: an even load has 1", lambda w: (load_balance(w) / w.shape[1], load_entropy(w.numpy()))),
        Mistake("the balance squares the mean load of each expert; you square every weight first",
                lambda w: (w.shape[1] * w.square().mean(0).sum(), load_entropy(w.numpy()))),
        Mistake("the load is a mean over the units, not their sum", lambda w: (load_balance(w) * len(w) ** 2, load_entropy(w.numpy()))),
        Mistake("balance first, then entropy", lambda w: (load_entropy(w.numpy()), load_balance(w))),
        Mistake("an entropy is the sum of -p log p; the minus is missing",
                lambda w: (load_balance(w), float(xlogy(w.mean(0), w.mean(0)).sum() / np.log(w.shape[1])))),
    ))


# --- 3.6: Eq. 9 -------------------------------------------------------------------------------------------------------------------
def _moving(seed: int, frames: int, joints: int) -> tuple[Tensor, Tensor]:
    """Joints (T, J, 3) that wander, and others near them."""
    P = 0.1 * _numbers(frames, joints, 3, seed=seed).cumsum(0)
    return P + 0.05 * _numbers(frames, joints, 3, seed=seed + 1), P


def _bend(P: Tensor) -> Tensor:
    return P.diff(n=2, dim=0)


def _with(smooth: Callable[[Tensor], Tensor] = loss_smooth,
          vel: Callable[[Tensor, Tensor], Tensor] = loss_vel) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    return lambda P, target: (smooth(P), vel(P, target))


check_movement = Exercise(
    number="3.6", title="Smooth, and as fast as it should be", difficulty="medium", minutes=10,
    right=_with(),
    cases=lambda: {"ten frames": _moving(0, 10, 5), "three frames": _moving(2, 3, 2), "many joints": _moving(4, 6, 21)},
    proven="the terms are those of signer_lib.experts.losses.loss_smooth and loss_vel",
    hint="L_smooth: the mean squared length of P[t+1] - 2 P[t] + P[t-1]; L_vel: the mean length of the difference of the two velocities",
    mistakes=(
        Mistake("L_smooth: a mean over the coordinates is a third of it; sum the squares of x, y and z, then the mean over frames and joints",
                _with(lambda P: _bend(P).square().mean())),
        Mistake("L_smooth is the mean of squared lengths; the square is missing", _with(lambda P: _bend(P).norm(dim=-1).mean())),
        Mistake("L_smooth: that is the velocity; it takes the second difference, what velocity changes by",
                _with(lambda P: P.diff(dim=0).square().sum(-1).mean())),
        Mistake("L_smooth: these are differences between joints; time is the first axis",
                _with(lambda P: P.diff(n=2, dim=1).square().sum(-1).mean() if P.shape[1] > 2 else P.sum() * 0)),
        Mistake("L_vel: you compare speeds, so a hand that goes the wrong way costs nothing; take the length of the difference of the steps",
                _with(vel=lambda P, t: (P.diff(dim=0).norm(dim=-1) - t.diff(dim=0).norm(dim=-1)).abs().mean())),
        Mistake("L_vel: a mean over the coordinates; take the length of each difference, then the mean over frames and joints",
                _with(vel=lambda P, t: (P.diff(dim=0) - t.diff(dim=0)).abs().mean())),
        Mistake("L_vel: that is the distance of the joints; compare their steps from frame to frame",
                _with(vel=lambda P, t: (P - t).norm(dim=-1).mean())),
        Mistake("L_vel is a mean of lengths; you square them", _with(vel=lambda P, t: (P.diff(dim=0) - t.diff(dim=0)).square().sum(-1).mean())),
    ))


# --- 3.7: DTW-MJE -----------------------------------------------------------------------------------------------------------------
def _walk(seed: int, frames: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal((frames, 50, 3)).cumsum(0)).astype(np.float32)


def _paced(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A movement of joints that go very unevenly far, and one like it at another pace: where alignments by different distances part."""
    rng = np.random.default_rng(seed)
    far = np.exp(2.5 * rng.standard_normal((1, 50, 1)))
    walk, time = _walk(seed, 19) * far, 18 * np.linspace(0, 1, 24) ** 1.15
    low = np.minimum(time.astype(int), 17)
    paced = walk[low] + (time - low)[:, None, None] * (walk[low + 1] - walk[low])
    return walk.astype(np.float32), (paced + 0.4 * _walk(seed + 1, 24) * far).astype(np.float32)


def _late(seed: int, frames: int, wait: int) -> tuple[np.ndarray, np.ndarray]:
    """The same movement, begun later and a little shaken, and the movement."""
    walk = _walk(seed, frames)
    return np.concatenate([np.repeat(walk[:1], wait, 0), walk]) + 0.01 * _walk(seed + 1, frames + wait), walk


def _apart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(T, U) mean distance of the joints of each frame from those of each other."""
    away: np.ndarray = np.linalg.norm(x[:, None] - y[None], axis=-1).mean(-1)
    return away


def _along(x: np.ndarray, y: np.ndarray, cost: np.ndarray) -> float:
    """The mean distance of a joint along the cheapest way through ``cost``."""
    path = dtw_path(cost)[1]
    return float(_apart(x, y)[path[:, 0], path[:, 1]].mean())


def _of_library(x: np.ndarray, y: np.ndarray) -> float:
    def whole(xyz: np.ndarray) -> PoseSequence:
        return PoseSequence(np.concatenate([xyz, np.full((len(xyz), len(SIGNER70) - 50, 3), np.nan, np.float32)], 1), 25.0)

    return dtw_mje(whole(x), whole(y))


def _frame_by_frame(x: np.ndarray, y: np.ndarray) -> float:
    shared = min(len(x), len(y))
    return float(_apart(x[:shared], y[:shared]).diagonal().mean())


def _by_steps(x: np.ndarray, y: np.ndarray, diagonal: bool) -> float:
    """By a table of the cheapest ways, with or without the diagonal step."""
    cost = frame_costs(x, y, 2)
    total, steps = np.full(cost.shape, np.inf), ((1, 1), (1, 0), (0, 1)) if diagonal else ((1, 0), (0, 1))
    came: dict[tuple[int, int], tuple[int, int]] = {}
    for i, j in np.ndindex(cost.shape):
        before = [(i - a, j - b) for a, b in steps if i >= a and j >= b]
        best = min(before, key=lambda cell: total[cell], default=None)
        total[i, j] = cost[i, j] + (0 if best is None else total[best])
        if best is not None:
            came[i, j] = best
    path = [(len(x) - 1, len(y) - 1)]
    while path[-1] != (0, 0):
        path.append(came[path[-1]])
    return float(np.mean([_apart(x[[i]], y[[j]])[0, 0] for i, j in path]))


check_dtw_mje = Exercise(
    number="3.7", title="DTW-MJE by hand", difficulty="hard", minutes=30,
    right=_of_library,
    cases=lambda: {"a late start": _late(0, 12, 4), "at another pace": _paced(4), "the same": (_walk(4, 6), _walk(4, 6)),
                   "one frame against five": (_walk(5, 1), _walk(6, 5))},
    proven="the distance is that of signer_lib.metrics.poses.dtw_mje",
    hint="a table of distances of flattened frames, the cheapest way through it, then the mean distance of a joint over the cells of that way",
    mistakes=(
        Mistake("that is without any alignment, frame by frame", _frame_by_frame),
        Mistake("the diagonal step is missing: from a cell one may go right, down, or both at once", lambda x, y: _by_steps(x, y, diagonal=False)),
        Mistake("you divide by the frames of the truth; here it is a mean over the cells of the path",
                lambda x, y: _along(x, y, frame_costs(x, y, 2)) * len(dtw_path(frame_costs(x, y, 2))[1]) / len(y)),
        Mistake("that is the mean cost of the path, the distance of flattened frames; along the path take the mean distance of a *joint*",
                lambda x, y: dtw_path(frame_costs(x, y, 2))[0] / len(dtw_path(frame_costs(x, y, 2))[1])),
        Mistake("that is the whole cost of the path: take the mean distance of a joint over its cells",
                lambda x, y: dtw_path(frame_costs(x, y, 2))[0]),
        Mistake("each frame takes its nearest partner in it, so time may run backwards: take the cheapest *way* through the table",
                lambda x, y: float(_apart(x, y)[np.arange(len(x)), frame_costs(x, y, 2).argmin(1)].mean())),
        Mistake("your path aligns by the mean distance of joints; SLRTP's aligns by the Euclidean distance of the flattened frames",
                lambda x, y: _along(x, y, _apart(x, y))),
        Mistake("your path aligns by the sum of |x - y|, as Progressive Transformers' DTW does; here by the Euclidean distance of flattened frames",
                lambda x, y: _along(x, y, frame_costs(x, y, 1))),
    ))
