"""SLP-MoE: each equation against a small case that can be checked by hand, and whole sentences by what must hold for any weights."""

import json

import numpy as np
import pytest
import torch
from torch.nn.functional import gelu, layer_norm, softplus

from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.experts.blending import blend, blend_positions, mixture
from signer_lib.experts.chooser import FEATURES, PoseChosenNetworks, candidate_features, first_candidate, straight_through
from signer_lib.experts.gating import Gate, Query, gate, load_balance
from signer_lib.experts.layout import Plan, lay_out
from signer_lib.experts.losses import loss_duration, loss_hand, loss_rec, loss_smooth, loss_vel, loss_way, objective
from signer_lib.experts.model import AXES, MoEConfig, SLPMoE, flags_of, places
from signer_lib.experts.offers import Offers, times, warp
from signer_lib.experts.refinement import ARMS_CUTOFF, MOVING, Refiner, averaged, response, steady
from signer_lib.experts.timeline import REST, Boundary, Course, boundaries_of, course, gather, left_course
from signer_lib.experts.transitions import LEAST, LONGEST, MODES, REACH, SHORTEST, Transitions, Ways, bent
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.natural import FPS, RAISED, STILL, WAITING
from signer_lib.performances.sentences import performances
from signer_lib.performances.trajectory import ARMS, LEFT, WRISTS, Trajectory, held, joined
from signer_lib.performances.units import Span, Unit
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.directions import from_directions, make_unit, to_directions, turn
from signer_lib.pose.motion import CUTOFF, minimum_jerk, zero_phase
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.table import bone_drift, bone_lengths, clip_row

D = 6                                           # of the states here
AT_REST = load_body().rest().astype(np.float32)
L_WRIST = SIGNER70.index("l_wrist")
F = 5


def config(*changes):
    return load_config(MoEConfig, "slp_moe_nano", ["d_query=16", "hidden=8", "experts=4", "channels=12", "frames=16", *changes])


def new_model(*changes, seed=0):
    """Random weights, also where a new model has zeros, so that no part is idle."""
    torch.manual_seed(seed)
    model = SLPMoE(D, config(*changes)).eval()
    for layer in (model.transitions.outer, *([model.R.leave] if model.R else [])):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return model


def sentence(glosses, text="", seed=0):
    """Every gloss has a state of its own, the same wherever it stands."""
    names = glosses.split()
    state = lambda name: torch.randn(D, generator=torch.Generator().manual_seed(seed + sum(map(ord, name))))
    return GlossSentence(text, names, torch.stack([state(name) for name in names]), torch.ones(D))


def random_directions(*shape, seed=0):
    """Unit directions (*shape, 70, 3); the root a position."""
    return make_unit(torch.randn(*shape, 70, 3, generator=torch.Generator().manual_seed(seed)))


@pytest.fixture(scope="module")
def offers(prior):
    return Offers(prior, 16)


@pytest.fixture(scope="module")
def model(prior):
    return new_model()


# --- Eq. 6 ---------------------------------------------------------------------------------------------------------------
def test_the_query_is_eq_6():
    Q, states, context, place = Query(D, 4), torch.randn(3, D), torch.randn(3, D), torch.eye(3)
    enter, _, leave, _ = Q.project
    x = torch.cat([layer_norm(torch.cat([states, context], -1), (2 * D,)), place], -1)
    by_hand = layer_norm(gelu(x @ enter.weight.T + enter.bias) @ leave.weight.T + leave.bias, (4,))
    assert torch.allclose(Q(states, context, place), by_hand, atol=1e-5)


def test_places_and_flags_by_hand():
    units = [Unit("BOOK", 0), Unit("S", 1, 0, 3), Unit("A", 1, 1, 3), Unit("M", 1, 2, 3), Unit("LIKE", 2)]
    assert places(units).tolist() == [[0, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0]]
    # spelled, from rest, to rest, ends a topic: of the six boundaries, the topic being BOOK and the name
    assert flags_of(units, topic=2).tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    assert not flags_of(units, topic=0)[:, 3].any()


# --- Eq. 7 ---------------------------------------------------------------------------------------------------------------
def test_the_gate_is_eq_7_by_hand():
    logits = 2 * torch.tensor([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]]).log()
    terms = gate(logits, temperature=2.0)
    assert torch.allclose(terms.w, torch.tensor([[1, 2, 5], [3, 3, 2]]) / 8) and terms.mask.all() and torch.equal(terms.logits, logits)
    assert (gate(logits, 1e4).w - 1 / 3).abs().max() < 1e-3, "a high temperature makes it even"


def test_only_the_best_experts_take_part():
    logits = torch.tensor([[1.0, 2.0, 5.0]]).log()
    two, one = gate(logits, 1.0, top_k=2), gate(logits, 1.0, top_k=1)
    assert torch.allclose(two.w, torch.tensor([[0, 2 / 7, 5 / 7]])) and two.mask.tolist() == [[False, True, True]]
    assert one.w.tolist() == [[0, 0, 1]] and one.mask.sum() == 1
    assert gate(torch.zeros(4, 3), 1.0, top_k=2).mask.sum(-1).tolist() == [2] * 4, "of equals as many"
    for all_of_them in (0, 3, 9):
        assert torch.allclose(gate(logits, 1.0, all_of_them).w, logits.softmax(-1))


def test_a_uniform_gate_weighs_every_expert_alike_whatever_is_asked():
    q = torch.randn(5, 8)
    assert torch.equal(Gate(8, 4, 1.0, top_k=2, uniform=True)(q).w, torch.full((5, 4), 0.25))
    assert Gate(8, 4, 1.0)(q).w.std(0).max() > 0.01


def test_load_balance_is_one_when_even_and_k_when_one_expert_does_all():
    assert load_balance(torch.full((6, 4), 0.25)) == pytest.approx(1)
    assert load_balance(torch.eye(4)[[2] * 6]) == pytest.approx(4)
    assert load_balance(torch.eye(4)) == pytest.approx(1), "the load is a mean over the units"


def test_shares_of_the_load_balance_add_up_to_the_whole_and_so_do_their_gradients():
    w = torch.rand(5, 3, requires_grad=True)
    whole = load_balance(w)
    assert whole.item() == pytest.approx(3 * (w.mean(0) ** 2).sum().item())
    shares = [load_balance(part, 5, lambda x: w.sum(0).detach()) for part in (w[:2], w[2:])]
    assert sum(shares).item() == pytest.approx(whole.item())
    wanted = torch.autograd.grad(3 * (w.mean(0) ** 2).sum(), w)[0]
    for found in (whole, sum(shares)):
        assert torch.allclose(torch.autograd.grad(found, w)[0], wanted)


# --- the Pose Chosen Networks --------------------------------------------------------------------------------------------
def test_each_expert_chooses_only_among_candidates_that_exist():
    pcn, mask = PoseChosenNetworks(8, 3, 16), torch.tensor([[True, True, False], [True, False, False]])
    pi = pcn(torch.randn(2, 8), torch.randn(2, 3, len(FEATURES)), mask)
    assert pi.shape == (2, 3, 3) and torch.allclose(pi.sum(-1), torch.ones(2, 3))
    assert (pi[0, :, 2] == 0).all() and (pi[1, :, 0] == 1).all() and ((0 < pi[0, :, :2]) & (pi[0, :, :2] < 1)).all()


def test_the_networks_computed_together_are_k_separate_mlps():
    pcn = PoseChosenNetworks(8, 3, 16)
    torch.nn.init.normal_(pcn.bias)
    q, phi, mask = torch.randn(2, 8), torch.randn(2, 4, len(FEATURES)), torch.ones(2, 4, dtype=torch.bool)
    x, found = torch.cat([q[:, None].expand(-1, 4, -1), phi], -1), pcn(q, phi, mask)
    for k in range(3):
        alone = (gelu(x @ pcn.inner[k] + pcn.bias[k]) @ pcn.outer[k])[..., 0].softmax(-1)
        assert torch.allclose(found[:, k], alone, atol=1e-6)


def test_straight_through_takes_the_best_and_has_the_gradient_of_the_soft_choice():
    scores, worth = torch.randn(2, 3, 4, requires_grad=True), torch.randn(2, 3, 4)
    hard = straight_through(scores.softmax(-1))
    assert torch.equal(hard.detach().argmax(-1), scores.argmax(-1)) and torch.allclose(hard.sort(-1).values, torch.tensor([0.0, 0, 0, 1]))
    (through,) = torch.autograd.grad((hard * worth).sum(), scores)
    (soft,) = torch.autograd.grad((scores.softmax(-1) * worth).sum(), scores)
    assert torch.allclose(through, soft) and soft.abs().min() > 0


def test_the_first_candidate_that_is_offered():
    pi = first_candidate(torch.tensor([[True, True, True], [False, True, True]]), experts=2)
    assert pi.tolist() == [[[1, 0, 0]] * 2, [[0, 1, 0]] * 2]


def test_features_describe_a_candidate():
    xyz = np.zeros((25, 70, 3), np.float32)
    xyz[:, SIGNER70.index("r_wrist"), 0] = np.linspace(0, 1, 25)
    xyz[:, L_WRIST, 1] = -0.5
    phi = dict(zip(FEATURES, candidate_features(PoseSequence(xyz, 25.0), recorded=True, apart=0.3), strict=True))
    told = {"log duration": 0, "right path": 1, "left path": 0, "right speed": 1, "right height": 0, "left height": -0.5, "right reach": 0.5,
            "recorded": 1, "apart": 0.3}
    assert {name: phi[name] for name in told} == pytest.approx(told, abs=1e-5)
    xyz[::2, SIGNER70.index("r_wrist"), 1] = 0.1
    assert candidate_features(PoseSequence(xyz, 25.0), True, 0.3)[FEATURES.index("log jerk")] > phi["log jerk"] + 1


# --- Eq. 8 ---------------------------------------------------------------------------------------------------------------
def test_mixture_is_eq_8s_double_sum():
    w, pi = torch.tensor([[0.25, 0.75]]), torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])
    assert torch.allclose(mixture(w, pi), torch.tensor([[0.625, 0.375]]))


def test_a_blend_by_hand():
    direction = torch.zeros(1, 2, 1, 70, 3)
    direction[0, 0, ..., 0], direction[0, 1, ..., 1] = 1, 1
    length = torch.stack([torch.full((1, 70), 1.0), torch.full((1, 70), 3.0)])[None]
    weight, mixed, lengths = blend(direction, length, torch.tensor([[1.0]]), torch.tensor([[[0.75, 0.25]]]))
    assert weight.tolist() == [[0.75, 0.25]] and torch.allclose(lengths, torch.full((1, 1, 70), 1.5))
    assert torch.allclose(mixed[0, 0, 20], torch.tensor([3, 1, 0]) / 10 ** 0.5), "0.75 and 0.25, made unit"
    assert torch.allclose(mixed[0, 0, 1], torch.tensor([0.75, 0.25, 0])), "the root is a position"


def test_a_blend_keeps_every_bone_where_positions_do_not(prior):
    one = prior.candidates("MOTHER")[0].poses
    direction, length = to_directions(torch.from_numpy(np.stack([one.xyz, one.mirrored().xyz])))
    half = torch.tensor([[[0.5, 0.5]]])
    bones = lambda mixed: bone_lengths(from_directions(mixed.direction[0], mixed.length[0]).numpy())
    kept, shrunk = (bones(way(direction[None], length[None], torch.ones(1, 1), half)) for way in (blend, blend_positions))
    assert np.allclose(kept, bone_lengths(one.xyz), atol=5e-4) and shrunk.sum() < 0.95 * kept.sum()
    average = (one.xyz + one.mirrored().xyz) / 2
    mixed = blend_positions(direction[None], length[None], torch.ones(1, 1), half)
    assert np.allclose(from_directions(mixed.direction[0], mixed.length[0]), average, atol=1e-4), "the average pose"


def test_a_blend_with_all_weight_on_one_candidate_is_that_candidate(offers):
    book = offers["BOOK"]
    chosen = torch.eye(len(book.phi))[1].expand(1, 2, -1)
    mixed = blend(book.direction[None], book.length[None], torch.tensor([[0.3, 0.7]]), chosen)
    assert torch.allclose(mixed.direction[0], book.direction[1], atol=1e-5) and torch.allclose(mixed.length[0], book.length[1], atol=1e-5)


def test_an_experts_size_acts_through_its_weight_only(offers):
    book = offers["BOOK"]
    direction, length, chosen = book.direction[None], book.length[None], torch.eye(len(book.phi))[0].expand(1, 2, -1)
    sized = lambda w, *size: blend(direction, length, torch.tensor([w]), chosen, torch.tensor(size)).direction[0]
    plain = blend(direction, length, torch.tensor([[1.0, 0.0]]), chosen).direction[0]
    path = Trajectory(book.direction[0], book.length[0])
    assert torch.allclose(sized([1.0, 0.0], 1.4, 0.2), path.sized(1.4).direction, atol=1e-4)
    assert torch.allclose(sized([0.0, 1.0], 9.0, 1.0), plain, atol=1e-5)
    assert torch.allclose(sized([0.5, 0.5], 1.2, 0.8), plain, atol=1e-5), "0.5 x 1.2 + 0.5 x 0.8 = 1"


def test_an_experts_tempo_acts_through_its_weight_only():
    model = new_model("experts=3")
    states, context, place, phi = torch.randn(4, D), torch.randn(4, D), torch.zeros(4, 3), torch.randn(4, 5, len(FEATURES))
    chosen = model.choose_units(states, context, place, phi, torch.ones(4, 5, dtype=torch.bool))
    by_hand = sum(chosen.gate.w[:, k] * ((chosen.pi[:, k] * phi[..., 0]).sum(-1) - model.log_tempo[k]) for k in range(3))
    assert torch.allclose(chosen.log_seconds, by_hand, atol=1e-6)
    model.G.top_k = 1
    before = model.choose_units(states, context, place, phi, torch.ones(4, 5, dtype=torch.bool))
    idle = next(k for k in range(3) if not before.gate.mask[0, k])
    model.log_tempo.data[idle] += 5.0
    after = model.choose_units(states, context, place, phi, torch.ones(4, 5, dtype=torch.bool)).log_seconds
    took_part = before.gate.mask[:, idle]
    assert torch.equal(after[~took_part], before.log_seconds[~took_part])
    assert torch.allclose(after[took_part], before.log_seconds[took_part] - 5, atol=1e-5)


def test_networks_without_semantics_choose_by_the_candidates_alone():
    phi, mask = torch.randn(1, 5, len(FEATURES)).expand(2, -1, -1), torch.ones(2, 5, dtype=torch.bool)
    chosen = lambda *changes: new_model(*changes).choose_units(torch.randn(2, D), torch.randn(2, D), torch.zeros(2, 3), phi, mask).pi
    blind, seeing = chosen("semantics=false"), chosen()
    assert torch.allclose(blind[0], blind[1]) and not torch.allclose(seeing[0], seeing[1], atol=1e-3)
    assert (chosen("choice=hard").max(-1).values == 1).all() and (chosen("chooser=first")[..., 0] == 1).all()


# --- Eq. 9 ---------------------------------------------------------------------------------------------------------------
def test_losses_by_hand():
    a, b, c, d = (torch.zeros(1, 3, 70, 3) for _ in range(4))
    b[..., 0], c[:, 1], d[:, :, 37, 1] = 2, 1, 2.1                  # moved aside; a jump and back; one joint of the right hand, off its wrist
    assert loss_rec(a, b) == pytest.approx(2) and loss_vel(a, b) == 0 and loss_hand(a, b) == 0 and loss_smooth(b) == 0
    assert loss_vel(a, c) == pytest.approx(3**0.5) and loss_smooth(c) == pytest.approx(12), "|(-2, -2, -2)|^2"
    assert loss_hand(a, d) == pytest.approx(2.1 / 21 / 2)
    assert loss_duration(torch.tensor([2.0, 0.5]), torch.tensor([1.0, 1.0])) == pytest.approx(np.log(2))
    terms = objective({"rec": torch.tensor(2.0), "vel": torch.tensor(3.0)}, {"rec": 1.0, "vel": 0.5, "hand": 9.0})
    assert terms["total"] == pytest.approx(3.5) and set(terms) == {"rec", "vel", "total"}


def test_losses_see_no_padding_and_parts_add_up_to_the_whole():
    P, target = torch.randn(2, 9, 70, 3), torch.randn(2, 9, 70, 3)
    mask = torch.tensor([[True] * 9, [True] * 6 + [False] * 3])
    other = P.clone()
    other[1, 6:] = 1e3
    for loss in (loss_rec, loss_vel, loss_hand):
        whole = loss(P, target, mask, 15)
        assert torch.allclose(whole, loss(other, target, mask, 15)) and torch.allclose(loss(P[:1], target[:1], mask[:1]), loss(P[0], target[0]))
        assert torch.allclose(whole, loss(P[:1], target[:1], mask[:1], 15) + loss(P[1:, :6], target[1:, :6], None, 15), atol=1e-5)
    whole = loss_smooth(P, mask, 15)
    assert torch.allclose(whole, loss_smooth(other, mask, 15))
    assert torch.allclose(whole, loss_smooth(P[:1], mask[:1], 15) + loss_smooth(P[1:, :6], None, 15), atol=1e-5)


def test_the_way_of_a_unit_is_its_size_and_not_its_time():
    t = torch.arange(24.0)
    wag = lambda size, delay: (size * torch.sin(2 * torch.pi * (t - delay) / 8))[None, :, None, None].expand(1, 24, 70, 3)
    unit = torch.tensor([[-1] * 4 + [0] * 8 + [-2] * 2 + [1] * 8 + [-1] * 2])
    assert loss_way(wag(1, 0), wag(1, 0), unit, 2) == 0 and loss_vel(wag(1, 4), wag(1, 0)) > 0.5
    assert loss_way(wag(1, 4), wag(1, 0), unit, 2) == pytest.approx(0, abs=1e-5), "half a wag late"
    assert loss_way(wag(2, 0), wag(1, 0), unit, 2) == pytest.approx(np.log(2), rel=0.02)
    assert loss_way(wag(2, 0), wag(1, 0), unit, 2, 8) == pytest.approx(loss_way(wag(2, 0), wag(1, 0), unit, 2).item() / 4)


# --- what is offered -----------------------------------------------------------------------------------------------------
def test_a_warp_goes_forwards_with_ends_on_ends():
    rng = np.random.default_rng(0)
    for frames in (2, 3, 16):
        a, b = rng.normal(size=(2, frames, 48, 3))
        at = times(a, b)
        assert at.shape == (frames,) and (np.diff(at) >= 0).all() and at[0] == 0 and at[-1] == frames - 1


def test_the_same_movement_is_warped_onto_itself(offers):
    clip = Trajectory(offers["GO"].direction[0], offers["GO"].length[0])
    at = times(clip.xyz[:, 2:50].numpy(), clip.xyz[:, 2:50].numpy())
    assert np.allclose(at, np.arange(16), atol=1e-9)
    assert torch.allclose(warp(clip, at).xyz, clip.xyz, atol=1e-5)


def test_a_delayed_movement_is_warped_towards_its_reference(prior):
    clip = Trajectory.of(prior.candidates("GO")[0].poses.xyz)
    clip, late = clip.stretch(16), joined([held(clip[:1], 8), clip]).stretch(16)
    places = [path.xyz[:, 2:50].numpy() for path in (clip, late)]
    warped = warp(late, times(*places))
    apart = lambda path: (path.xyz - clip.xyz).norm(dim=-1).mean()
    assert apart(warped) < 0.75 * apart(late) and bone_drift(bone_lengths(warped.xyz.numpy())).max() < 1e-4


def test_what_is_offered_for_a_gloss(prior, offers):
    book, know = offers["BOOK"], offers["KNOW"]
    n = len(prior.candidates("BOOK"))
    assert book.direction.shape == (n, 16, 70, 3) and book.length.shape == (n, 16, 70) and book.phi.shape == (n, len(FEATURES))
    assert book.left and not know.left and offers["BOOK"] is book, "made once"
    assert torch.allclose(book.phi[:, 0].exp(), torch.tensor([c.poses.duration for c in prior.candidates("BOOK")]))
    batch = offers.batch(["BOOK", "KNOW"])
    assert batch.mask.all() and torch.equal(batch.direction[1], know.direction) and torch.equal(batch.phi[0], book.phi)


def test_offers_of_unlike_number_are_padded_and_masked_and_a_clip_with_gaps_is_left_out(tmp_path):
    pool = Prior.new(tmp_path / "pool")
    clip = lambda sway: PoseSequence(AT_REST + sway * np.sin(np.linspace(0, np.pi, 9))[:, None, None], 25.0)
    gaps = clip(0.1).xyz.copy()
    gaps[3, 20] = np.nan
    row = lambda gloss, variant, poses: clip_row(gloss, variant, poses, source="rule", licence="CC0-1.0", signer="made")
    pool.add([row("ONE", "a", clip(0.1)), row("ONE", "gaps", PoseSequence(gaps, 25.0)), row("TWO", "a", clip(0.1)), row("TWO", "b", clip(0.2)),
              row("NONE", "gaps", PoseSequence(gaps, 25.0))])
    offers = Offers(pool, 8)
    batch = offers.batch(["ONE", "TWO"])
    assert batch.mask.tolist() == [[True, False], [True, True]] and torch.isfinite(batch.direction).all() and torch.isfinite(batch.phi).all()
    assert [c.variant for c in offers["ONE"].candidates] == ["a"] and offers["ONE"].phi[0, -1] == 0, "alone, it is apart from none"
    with pytest.raises(SignerError, match="every clip of NONE in the pose prior pool misses joints"):
        offers["NONE"]


# --- the course of a sentence --------------------------------------------------------------------------------------------
def test_a_course_by_hand():
    own, spans = course([3, 2], [Boundary(REST, 0, 0, 2), Boundary(0, 1, 1, 3), Boundary(1, REST, 0, 1)], still=1)
    assert [s.unit for s in spans] == [None, None, 0, None, None, 1, None, None]
    assert [(s.start, s.stop) for s in spans] == [(0, 1), (1, 3), (3, 6), (6, 7), (7, 10), (10, 12), (12, 13), (13, 14)]
    assert own.unit.tolist() == [-1, -2, -2, 0, 0, 0, 0, -2, -2, -2, 1, 1, -2, -1]
    assert own.at[3:7].tolist() == [0, 0.5, 1, 1] and own.boundary.tolist() == [-1, 0, 0, -1, -1, -1, -1, 1, 1, 1, -1, -1, 2, -1]
    assert own.time[7:10].tolist() == [0.25, 0.5, 0.75] and np.allclose(own.part[7:10], minimum_jerk(np.array([0.25, 0.5, 0.75])))
    assert own.before[1] == REST and own.after[1] == 0 and own.before[8] == 0 and own.after[8] == 1 and own.after[12] == REST


def test_a_course_there_and_back():
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 30):
        frames, still = rng.integers(3, 30, n).tolist(), int(rng.integers(1, 8))
        holds, ways = rng.integers(0, 3, n + 1) * 4, rng.integers(2, 18, n + 1)
        gaps = [Boundary(k - 1 if k else REST, k if k < n else REST, int(holds[k]), int(ways[k])) for k in range(n + 1)]
        own, spans = course(frames, gaps, still)
        assert boundaries_of(spans, n) == (frames, gaps, still)
        assert len(own.unit) == spans[-1].stop == sum(frames) + sum(gap.hold + gap.frames for gap in gaps) + 2 * still


def test_the_course_of_a_performed_sentence_is_its_own(prior):
    sentences = [("That book, I like it.", "BOOK IX-1 LIKE"), ("My name is Sam.", "POSS-1 NAME fs-SAM"), ("Yes.", "YES"), ("", "fs-AL")]
    for row in performances("train", [(text, glosses.split()) for text, glosses in sentences], prior, seed=2):
        own, spans = course(*boundaries_of(row.spans, len(row.units)))
        assert spans == row.spans and len(own.unit) == len(row.poses)


def test_plans_laid_end_to_end_count_their_boundaries_through():
    one, _ = course([3], [Boundary(REST, 0, 0, 2), Boundary(0, REST, 0, 2)], 1)
    two, _ = course([2, 2], [Boundary(REST, 0, 0, 1), Boundary(0, 1, 0, 1), Boundary(1, REST, 0, 1)], 1)
    plan = Plan.of([(one, one), (two, two)], [2, 3])
    assert sorted(set(plan.own.boundary.tolist())) == [-1, 0, 1, 2, 3, 4] and plan.sentence.tolist() == [0] * 9 + [1] * 9
    assert plan.phase.shape == (18, 4) and plan.phase[0].tolist() == [0, 0, 0, 0] and plan.phase[3].tolist() == [1, 0, 0, 0]
    assert torch.allclose(plan.phase[2], torch.tensor([0, 0, 1, 2 / 3]))


LONG = Boundary(0, 1, 0, 4)
PASSING = [Boundary(REST, 0, 0, 3), LONG, Boundary(1, 2, 2, 4), Boundary(2, REST, 0, 3)]


def test_a_left_hand_waits_between_two_signs_that_use_it():
    own, spans = course([6, 8, 6], PASSING, 2)
    left = left_course(own, spans, [True, False, True], FPS, WAITING)
    first, last = (next(s for s in spans if s.unit == unit) for unit in (0, 2))
    gap = slice(first.stop, last.start)
    assert (left.unit[gap] == -2).all() and (left.before[gap] == 0).all() and (left.after[gap] == 2).all() and (left.boundary[gap] == -1).all()
    n = last.start - first.stop
    assert np.allclose(left.part[gap], minimum_jerk(np.arange(1, n + 1) / (n + 1)))
    for name, column in vars(left).items():
        assert np.array_equal(np.delete(column, gap), np.delete(vars(own)[name], gap)), "before and after it goes with the other"


@pytest.mark.parametrize("uses, frames", [([True, True, True], 8), ([False, False, True], 8), ([True, False, True], round(WAITING * FPS) + 1)])
def test_a_left_hand_does_not_wait_for_nothing_or_for_long(uses, frames):
    own, spans = course([6, frames, 6], PASSING, 2)
    left = left_course(own, spans, uses, FPS, WAITING)
    assert all(np.array_equal(getattr(left, name), getattr(own, name)) for name in Course.__dataclass_fields__)


# --- laid out ------------------------------------------------------------------------------------------------------------
def one_by_one(direction, length, bend, plan):
    """``lay_out`` frame by frame, as it is said."""
    rest, frames, lengths = len(direction) - 1, [], []

    def pose(side, t):
        unit, before, after = (rest if x[t] == REST else x[t] for x in (side.unit, side.before, side.after))
        if unit >= 0:
            low = min(int(side.at[t] * (F - 1)), F - 2)
            part = float(side.at[t]) * (F - 1) - low
            return tuple(x[unit, low] * (1 - part) + x[unit, low + 1] * part for x in (direction, length))
        part, boundary = float(side.part[t]), side.boundary[t]
        way = turn(direction[before, -1], direction[after, 0], torch.tensor([part]))[0].clone()
        if boundary >= 0:
            way[ARMS] += sum(bend[boundary, m] * np.sin(np.pi * (m + 1) * side.time[t]) for m in range(MODES))
        return way, length[before, -1] * (1 - part) + length[after, 0] * part

    for t in range(len(plan.own.unit)):
        (own, size), (left, _) = pose(plan.own, t), pose(plan.left, t)
        if any(vars(plan.own)[name][t] != column[t] for name, column in vars(plan.left).items()):
            own = own.clone()
            own[LEFT] = left[LEFT]
        frames.append(make_unit(own))
        lengths.append(size)
    return torch.stack(frames), torch.stack(lengths)


def test_laying_out_equals_a_plain_loop():
    """Two sentences, holds, a left hand that waits, bends."""
    own, spans = course([6, 8, 6], PASSING, 2)
    left = left_course(own, spans, [True, False, True], FPS, WAITING)
    moved = lambda side: Course(*(np.where(x >= 0, x + 3, x) if name in ("unit", "before", "after") else x for name, x in vars(side).items()))
    plan = Plan.of([(own, own), (moved(own), moved(left))], [4, 4])
    direction, length, bend = random_directions(7, F), torch.rand(7, F, 70), 0.5 * torch.randn(8, MODES, 4, 3)
    found, wanted = lay_out(direction, length, bend, plan), one_by_one(direction, length, bend, plan)
    assert torch.allclose(found[0], wanted[0], atol=1e-4) and torch.allclose(found[1], wanted[1], atol=1e-5)


def test_gathering_reads_units_between_their_frames():
    own, _ = course([9], [Boundary(REST, 0, 0, 2), Boundary(0, REST, 0, 2)], 1)
    direction, length = random_directions(2, F), torch.rand(2, F, 70)
    read, lengths = gather(own, direction, length)
    assert torch.equal(read[3], direction[0, 0]) and torch.allclose(read[4], (direction[0, 0] + direction[0, 1]) / 2, atol=1e-6)
    assert torch.equal(read[11], direction[0, -1]) and torch.allclose(lengths[6], (length[0, 1] + length[0, 2]) / 2, atol=1e-6)
    assert torch.equal(read[0], direction[1, 0]) and torch.equal(read[-1], direction[1, 0]), "before and after it rests"


def test_a_left_hand_that_waits_never_jumps_nor_drops(model, prior):
    """From the end of BOOK, over KNOW, to the beginning of SCHOOL."""
    poses, spans = model.perform([model.choose(sentence("BOOK KNOW SCHOOL"), prior)], prior)
    first, last = (next(s for s in spans if s.unit == unit) for unit in (0, 2))
    wrist = poses.joint("l_wrist")
    assert wrist[first.start + 3:last.stop - 3, 1].min() > AT_REST[L_WRIST, 1] + RAISED
    assert np.linalg.norm(np.diff(wrist, axis=0), axis=-1).max() < 0.4


# --- transitions ---------------------------------------------------------------------------------------------------------
def test_transitions_that_have_not_learned_are_the_rule(offers):
    torch.manual_seed(0)
    names = ["BOOK", "MOTHER", "A", "B"]
    rest = Trajectory.of(np.repeat(AT_REST[None], 16, 0))
    direction = torch.cat([torch.stack([offers[name].direction[0] for name in names]), rest.direction[None]])
    length = torch.cat([torch.stack([offers[name].length[0] for name in names]), rest.length[None]])
    flags = flags_of([Unit("BOOK", 0), Unit("MOTHER", 1), Unit("A", 2, 0, 2), Unit("B", 2, 1, 2)], topic=1)
    found = Transitions(8, 8)(direction, length, torch.randn(4, 8), Ways(torch.tensor([4, 0, 1, 2, 3]), torch.tensor([0, 1, 2, 3, 4]), flags))
    xyz = from_directions(direction, length)
    for k, (before, after) in enumerate([(4, 0), (0, 1), (1, 2), (2, 3), (3, 4)]):
        far = float((xyz[after, 0, WRISTS] - xyz[before, -1, WRISTS]).norm(dim=-1).max())
        assert found.seconds[k].item() == pytest.approx(np.clip(LEAST + far / REACH, SHORTEST, LONGEST) * (0.8 if k == 3 else 1), abs=1e-5)
    assert not found.bend.any() and found.bend.shape == (5, MODES, 4, 3)
    assert found.hold.tolist() == pytest.approx([0, float(softplus(torch.tensor(-3.0))), 0, 0, 0]), "only after a topic"


def test_a_way_is_bent_by_sine_waves_in_the_arms_alone():
    direction, bend = random_directions(3), torch.zeros(3, MODES, 4, 3)
    bend[:, 0, 1, 2], bend[:, 1, 2, 0] = 0.5, 0.2
    moved = bent(direction, bend, torch.tensor([0.0, 0.25, 0.5])) - direction
    assert torch.allclose(moved[:, ARMS[1], 2], 0.5 * torch.tensor([0, 0.5 ** 0.5, 1]), atol=1e-6)
    assert torch.allclose(moved[:, ARMS[2], 0], 0.2 * torch.tensor([0.0, 1, 0]), atol=1e-6)
    assert moved[:, [k for k in range(70) if k not in ARMS]].abs().max() == 0


# --- the refinement ------------------------------------------------------------------------------------------------------
@pytest.fixture
def refiner():
    torch.manual_seed(0)
    refiner = Refiner(12).eval()
    torch.nn.init.normal_(refiner.leave.weight, std=0.1)
    return refiner


def test_a_refinement_that_has_not_learned_changes_nothing():
    direction = random_directions(2, 9)
    assert torch.allclose(Refiner(12)(direction, torch.rand(2, 9, 4), torch.ones(2, 9, dtype=torch.bool)), direction, atol=1e-6)


def test_a_sentence_is_refined_alike_whatever_stands_beside_it(refiner):
    direction, phase, mask = random_directions(2, 30), torch.rand(2, 30, 4), torch.ones(2, 30, dtype=torch.bool)
    mask[0, 20:] = False
    alone = refiner(direction[:1, :20], phase[:1, :20], mask[:1, :20])
    assert torch.allclose(refiner(direction, phase, mask)[0, :20], alone[0], atol=1e-5)


def test_a_frame_is_seen_by_its_neighbours_only_and_head_and_face_stay(refiner):
    direction, phase, mask = random_directions(1, 60), torch.rand(1, 60, 4), torch.ones(1, 60, dtype=torch.bool)
    other = direction.clone()
    other[0, 30, MOVING] = random_directions(1, seed=1)[0, MOVING]
    before, after = refiner(direction, phase, mask), refiner(other, phase, mask)
    changed = (before - after).abs().amax((0, 2, 3)) > 1e-7
    assert changed.nonzero()[:, 0].tolist() == list(range(30 - 7, 30 + 8)), "1 + 2 + 4 frames to either side"
    still = [k for k in range(70) if k not in MOVING]
    assert torch.allclose(before[:, :, still], direction[:, :, still], atol=1e-6) and (before - direction)[:, :, MOVING].abs().max() > 0.05
    assert torch.allclose(before[:, :, MOVING].norm(dim=-1), torch.ones(1, 60, len(MOVING)), atol=1e-5)


def test_the_low_pass_is_the_zero_phase_filter_of_the_field():
    rng = np.random.default_rng(0)
    x, T = rng.standard_normal((120, 5)), 120
    for hertz in (CUTOFF, ARMS_CUTOFF, 1.3):
        weights = response(25.0, hertz)
        assert weights.sum() == pytest.approx(1) and torch.allclose(weights, weights.flip(0), atol=1e-3 * float(weights.max()))
        ours = averaged(torch.from_numpy(x)[None], torch.ones(1, T, dtype=torch.bool), weights)[0].numpy()
        n = len(weights) // 2
        assert np.abs(ours - zero_phase(x, 25.0, hertz))[n:-n].max() < 0.01 * x.std()


def test_a_steadied_path_keeps_what_is_still_and_sees_no_padding():
    direction, mask = random_directions(2, 60), torch.ones(2, 60, dtype=torch.bool)
    mask[0, 40:] = False
    on_way = torch.zeros(2, 60)
    on_way[:, 20:30] = 1
    together = steady(direction, mask, on_way, FPS, 1.3)
    assert torch.allclose(together[0, :40], steady(direction[:1, :40], mask[:1, :40], on_way[:1, :40], FPS, 1.3)[0], atol=1e-5)
    held_still = direction[:, :1].expand(-1, 60, -1, -1)
    assert torch.allclose(steady(held_still, mask, on_way, FPS, 1.3)[mask], held_still[mask], atol=1e-5)
    elsewhere = steady(direction, mask, torch.zeros(2, 60), FPS, 1.3)
    apart = (together - elsewhere).abs().amax((0, 3))                         # (T, J)
    assert apart[25, ARMS].min() > 0.01 and apart[:, [j for j in range(70) if j not in ARMS]].max() < 1e-6 and apart[45:].max() < 1e-6


# --- whole sentences -----------------------------------------------------------------------------------------------------
def perform(model, prior, *texts, pause=0.0):
    choices = [model.choose(sentence(text), prior) for text in texts]
    return choices, *model.perform(choices, prior, pause)


def random_glosses(prior, n, seed=0):
    signs = [gloss for gloss in prior.glosses if len(gloss) > 1]
    return " ".join(np.random.default_rng(seed).choice(signs, n))


@pytest.mark.parametrize("glosses", ["YES", "POSS-1 NAME fs-SAM", "fs-A", "BOOK KNOW SCHOOL BOOK", None])
@pytest.mark.parametrize("changes", [(), ("channels=0",), ("top_k=2", "choice=hard"), ("gate=uniform", "chooser=first", "experts=1")])
def test_any_sentence_is_whole(offers, changes, glosses):
    """One sign, a spelled name, one letter, two-handed signs, sixty signs; with any part left out."""
    model = new_model(*changes)
    model._offers = offers
    choices, poses, spans = perform(model, offers.prior, glosses or random_glosses(offers.prior, 60))
    assert [s.start for s in spans] == [0] + [s.stop for s in spans[:-1]] and spans[-1].stop == len(poses) and all(s.stop > s.start for s in spans)
    assert [s.unit for s in spans if s.unit is not None] == list(range(len(choices[0].units)))
    assert np.isfinite(poses.xyz).all() and poses.fps == FPS
    assert bone_drift(bone_lengths(poses.xyz)).max() < 1e-3 and np.allclose(bone_lengths(poses.xyz)[0], bone_lengths(AT_REST[None])[0], atol=1e-4)
    assert np.allclose(poses.xyz[0], AT_REST, atol=0.3 if model.R else 0.02), "it begins at rest"
    for span in spans:
        if span.unit is not None:
            assert span.stop - span.start == max(3, round(float(choices[0].seconds[span.unit]) * FPS))


def test_positions_shrink_hands_and_are_kept_for_the_lesson(prior):
    _, poses, _ = perform(new_model("space=positions", "channels=0"), prior, "BOOK KNOW")
    assert np.isfinite(poses.xyz).all() and bone_drift(bone_lengths(poses.xyz)).max() > 1e-3


def test_every_axis_of_a_choice_has_a_name(model, prior):
    text = "That book, I like it."
    choice = model.choose(sentence("BOOK IX-1 LIKE fs-AL", text), prior)
    sizes = {"unit": 5, "expert": 4, "candidate": 3, "query": 16}
    for name, axes in AXES.items():
        assert getattr(choice, name).shape == tuple(sizes[axis] for axis in axes), name
    assert choice.topic == 1 and len(choice.units) == len(choice.candidates) == 5
    assert torch.allclose(choice.weights.sum(-1), torch.ones(5)) and torch.allclose(choice.choices.sum(-1), torch.ones(5, 4))


def test_letters_of_one_word_share_its_state_and_differ_by_their_place(model, prior):
    choice = model.choose(sentence("fs-AAA"), prior)
    assert not torch.allclose(choice.queries[0], choice.queries[1]) and not torch.allclose(choice.queries[1], choice.queries[2])
    five = model.choose(sentence("fs-AAAAA"), prior).queries
    assert torch.allclose(five[1], five[2]), "in the middle of a word all places are alike"


def test_a_changed_choice_is_performed_as_it_was_changed(model, prior):
    choice = model.choose(sentence("BOOK GO"), prior)
    before, spans = model.perform([choice], prior)
    choice.seconds[0] *= 3
    longer, longer_spans = model.perform([choice], prior)
    assert longer_spans[2].stop - longer_spans[2].start >= 2.9 * (spans[2].stop - spans[2].start)
    choice.weights[:] = torch.eye(4)[3]
    assert model.perform([choice], prior)[1] == longer_spans and not np.allclose(model.perform([choice], prior)[0].xyz, longer.xyz, atol=1e-3)


def test_two_sentences_are_joined_and_the_first_is_as_if_alone(model, prior):
    _, alone, one = perform(model, prior, "GO IX-1 YES")
    choices, joined, both = perform(model, prior, "GO IX-1 YES", "KNOW IX-2")
    stop = next(s.stop for s in one if s.unit == 2)
    assert [s for s in both if s.stop <= stop] == [s for s in one if s.stop <= stop]
    assert [s.unit for s in both if s.unit is not None] == [0, 1, 2, 3, 4]
    assert np.allclose(joined.xyz[:stop - 20], alone.xyz[:stop - 20], atol=1e-3), "but for the filter's reach and R's seven frames"
    wrist = joined.joint("r_wrist")[stop:next(s.start for s in both if s.unit == 3), 1]
    assert wrist.min() > AT_REST[4, 1] + 0.1, "between two sentences no hand goes down to rest"


def test_the_last_sign_of_each_sentence_is_held(model, prior):
    _, plain, _ = perform(model, prior, "GO YES", "KNOW")
    _, held, spans = perform(model, prior, "GO YES", "KNOW", pause=0.4)
    assert len(held) == len(plain) + 2 * round(0.4 * FPS)
    after = [spans[k + 1] for k, s in enumerate(spans) if s.unit in (1, 2)]
    assert [s.stop - s.start for s in after] == [10, 10] and all(s.unit is None for s in after)


def test_frames_and_spans_grow_evenly_with_the_glosses(model, prior):
    glosses = "GO BOOK IX-1 KNOW YES"
    frames = [len(perform(model, prior, " ".join([glosses] * times))[1]) for times in (1, 2, 3, 6)]
    per = frames[1] - frames[0]
    assert frames == [frames[0], frames[0] + per, frames[0] + 2 * per, frames[0] + 5 * per]


def test_signing_is_deterministic_and_has_the_sentences_markers(model, prior):
    asked, told = (sentence("IX-2 HAPPY", text) for text in ("Are you happy?", "You are happy."))
    one, other, plain = model.sign([asked, asked, told], prior)
    assert np.array_equal(one.poses.xyz, other.poses.xyz) and one.spans == other.spans == plain.spans
    assert np.abs(one.poses.group("face") - plain.poses.group("face")).max() > 0.01
    assert np.array_equal(one.poses.xyz[:, 1:50], plain.poses.xyz[:, 1:50])
    assert isinstance(one.spans[0], Span) and one.spans[0] == Span(None, 0, round(STILL * FPS))


def test_an_asked_word_without_letters_is_told(model, prior):
    with pytest.raises(SignerError):
        model.choose(sentence("fs-?"), prior)


# --- gradients -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("changes", [(), ("choice=hard",), ("top_k=2",)])
def test_choosing_has_gradients_down_to_the_query(changes):
    model = new_model(*changes)
    mask = torch.tensor([[True, True, True]] * 3 + [[True, True, False]])
    chosen = model.choose_units(torch.randn(4, D), torch.randn(4, D), torch.zeros(4, 3), torch.randn(4, 3, len(FEATURES)), mask)
    (mixture(chosen.gate.w, chosen.pi)[:, 0].square().sum() + chosen.log_seconds.square().sum()).backward()
    for part in (model.Q, model.G, model.PCN):
        assert all(torch.isfinite(p.grad).all() and p.grad.abs().sum() > 0 for p in part.parameters()), part
    assert model.log_tempo.grad.abs().sum() > 0


# --- settings and disk ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("change, told", [
    ("gate=soft", "gate must be one of learned, uniform, not 'soft'"), ("space=angles", "space must be one of directions, positions"),
    ("experts=0", "experts must be more than 0, not 0"), ("temperature=0", "temperature must be more than 0"),
    ("top_k=-1", "top_k must be 0 or more"), ("weight_rec=-0.1", "weight_rec must be 0 or more"),
    ("frames=1", "frames must be 2 or more"), ("candidates_dropped=1.0", "below 1"),
])
def test_settings_that_cannot_be_are_told(change, told):
    with pytest.raises(SignerError, match=told):
        config(change)


def test_a_model_there_and_back(tmp_path, model, prior):
    model.save_pretrained(tmp_path)
    back = SLPMoE.from_pretrained(tmp_path)
    assert back.config == model.config and not back.training
    for name, value in model.state_dict().items():
        assert torch.equal(back.state_dict()[name], value.half().float()), name
    again = SLPMoE.from_pretrained(tmp_path).sign([sentence("BOOK GO")], prior)[0]
    assert np.array_equal(again.poses.xyz, back.sign([sentence("BOOK GO")], prior)[0].poses.xyz)


def test_a_damaged_checkpoint_is_told_in_one_line(tmp_path, model):
    def told(name, content):
        model.save_pretrained(tmp_path)
        (tmp_path / name).write_bytes(content((tmp_path / name).read_bytes()))
        with pytest.raises(SignerError) as error:
            SLPMoE.from_pretrained(tmp_path)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "damaged" in told("model.safetensors", lambda b: b[:500])
    assert "damaged" in told("config.json", lambda b: b[:50])
    assert "experts" in told("config.json", lambda b: json.dumps(json.loads(b) | {"experts": 0}).encode())
    assert "damaged" in told("config.json", lambda b: json.dumps(json.loads(b) | {"colour": 3}).encode())
    assert "damaged" in told("config.json", lambda b: json.dumps(json.loads(b) | {"experts": 7}).encode())
    with pytest.raises(SignerError, match="is not a checkpoint"):
        SLPMoE.from_pretrained(tmp_path / "nowhere")


def test_the_gate_of_the_shipped_model_depends_on_the_sentence(pipeline):
    (choice,) = pipeline("My brother does not like the test.").choices
    assert choice.weights.std(0).max() > 0.05, "all glosses got the same gate"
