"""Gate, choice, blend, joining: each equation against a small case that can be checked by hand."""

import numpy as np
import pytest
import torch

from signer_lib.errors import SignerError
from signer_lib.experts.blending import blend, from_directions, to_directions
from signer_lib.experts.chooser import FEATURES, PoseChosenNetworks, candidate_features
from signer_lib.experts.gating import Gate, Query, load_balance
from signer_lib.experts.losses import loss_duration, loss_hand, loss_rec, loss_vel
from signer_lib.experts.model import MoEConfig, SLPMoE, mixture, units_of
from signer_lib.experts.prosody import letter_tempo, manner
from signer_lib.experts.refinement import join, low_pass, transition
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.body import load_body

BODY_AND_HANDS = slice(0, 50)


@pytest.fixture(scope="module")
def rest():
    return load_body().rest().astype(np.float32)


@pytest.fixture(scope="module")
def book(prior):
    return prior.candidates("BOOK")


def test_gate_weights_are_a_softmax_and_follow_the_temperature():
    q = torch.randn(5, 8)
    gate = Gate(8, 4, temperature=2.0)
    w = gate(q)
    assert w.shape == (5, 4) and torch.allclose(w.sum(-1), torch.ones(5))
    assert torch.allclose(w, (gate.G(q) / 2).softmax(-1))
    gate.temperature = 100.0
    assert (gate(q) - 0.25).abs().max() < 0.02


def test_load_balance_is_one_when_even_and_k_when_one_expert_does_all():
    assert load_balance(torch.full((6, 4), 0.25)) == pytest.approx(1)
    assert load_balance(torch.eye(4)[[2] * 6]) == pytest.approx(4)


def test_each_expert_chooses_only_among_candidates_that_exist():
    pcn = PoseChosenNetworks(8, 3, 16)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    pi = pcn(torch.randn(2, 8), torch.randn(2, 3, len(FEATURES)), mask)
    assert pi.shape == (2, 3, 3) and torch.allclose(pi.sum(-1), torch.ones(2, 3))
    assert (pi[0, :, 2] == 0).all() and (pi[1, :, 0] == 1).all()


def test_the_networks_computed_together_are_k_separate_mlps():
    pcn = PoseChosenNetworks(8, 3, 16)
    q, phi, mask = torch.randn(2, 8), torch.randn(2, 4, len(FEATURES)), torch.ones(2, 4, dtype=torch.bool)
    x = torch.cat([q[:, None].expand(-1, 4, -1), phi], -1)
    for k in range(3):
        alone = (torch.nn.functional.gelu(x @ pcn.inner[k] + pcn.bias[k]) @ pcn.outer[k])[..., 0].softmax(-1)
        assert torch.allclose(pcn(q, phi, mask)[:, k], alone, atol=1e-6)


def test_mixture_is_eq_8s_double_sum():
    w, pi = torch.tensor([[0.25, 0.75]]), torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])
    assert torch.allclose(mixture(w, pi), torch.tensor([[0.625, 0.375]]))


def test_directions_there_and_back(rest):
    xyz = torch.from_numpy(rest)[None]
    assert torch.allclose(from_directions(*to_directions(xyz)), xyz, atol=1e-5)


def test_a_blend_keeps_every_bone_where_a_mean_of_positions_does_not(prior):
    one = prior.candidates("MOTHER")[0].poses
    frames = torch.from_numpy(np.stack([one.xyz, one.mirrored().xyz]))
    direction, length = to_directions(frames)
    mixed, mixed_length = blend(direction[None], length[None], torch.tensor([[0.5, 0.5]]))
    blended, averaged = from_directions(mixed[0], mixed_length[0]), frames.mean(0)
    bones = lambda xyz: to_directions(xyz)[1][..., BODY_AND_HANDS]
    assert torch.allclose(bones(blended), length[0][..., BODY_AND_HANDS], atol=5e-4)
    assert bones(averaged).sum() < 0.95 * bones(blended).sum()


def test_a_blend_with_all_weight_on_one_candidate_is_that_candidate(book):
    frames = torch.from_numpy(np.stack([c.poses.stretch(8).xyz for c in book]))
    direction, length = to_directions(frames)
    weight = torch.zeros(1, len(book))
    weight[0, 1] = 1
    mixed = from_directions(*(x[0] for x in blend(direction[None], length[None], weight)))
    assert torch.allclose(mixed, frames[1], atol=1e-4)


def test_a_transition_starts_and_ends_at_rest_and_keeps_the_bones(rest, book):
    after = book[0].poses.xyz[0]
    path = transition(rest, after, 25.0)
    lengths = to_directions(torch.from_numpy(path))[1][:, BODY_AND_HANDS]
    assert torch.allclose(lengths, to_directions(torch.from_numpy(rest))[1][BODY_AND_HANDS].expand_as(lengths), atol=1e-4)
    steps = np.linalg.norm(np.diff(np.concatenate([rest[None], path, after[None]]), axis=0)[:, 4], axis=-1)
    assert steps[0] < steps.max() / 2 and steps[-1] < steps.max() / 2


def test_joining_covers_every_frame_once_and_in_order(rest, book):
    signs = [c.poses.xyz for c in book[:2]]
    poses, spans = join(signs, rest, 25.0, spelled=[False, False], pauses=[0.0, 0.4])
    assert [s.start for s in spans] == [0] + [s.stop for s in spans[:-1]] and spans[-1].stop == len(poses)
    assert [s.unit for s in spans if s.unit is not None] == [0, 1]
    assert np.isfinite(poses.xyz).all()
    assert np.abs(np.diff(poses.xyz[:, :50], axis=0)).max() < 0.4, "a jump"


def test_the_low_pass_steadies_a_shaking_hand_and_keeps_bones(rest, book):
    still = np.repeat(book[0].poses.xyz[:1], 40, 0)
    rng = np.random.default_rng(0)
    direction, length = to_directions(torch.from_numpy(still + rng.normal(0, 0.01, still.shape).astype(np.float32)))
    shaking = from_directions(direction, to_directions(torch.from_numpy(still))[1]).numpy()
    calm = low_pass(shaking, 25.0)
    jerk = lambda x: np.abs(np.diff(x[:, 4], 3, axis=0)).mean()
    assert jerk(calm) < jerk(shaking) / 3
    assert np.allclose(to_directions(torch.from_numpy(calm))[1], to_directions(torch.from_numpy(still))[1], atol=1e-4)


def test_losses_by_hand():
    a, b = torch.zeros(1, 3, 70, 3), torch.zeros(1, 3, 70, 3)
    b[..., 0] = 2.0
    assert loss_rec(a, b) == pytest.approx(2) and loss_vel(a, b) == 0 and loss_hand(a, b) == 0
    c = a.clone()
    c[:, 1] += 1.0
    assert loss_vel(a, c) == pytest.approx(3**0.5)
    d = a.clone()
    d[:, :, 37, 1] = 2.1  # one joint of the right hand, 2.1 from its wrist
    assert loss_hand(a, d) == pytest.approx(2.1 / 21 / 2)
    assert loss_duration(torch.tensor([2.0]), torch.tensor([1.0])) == pytest.approx(np.log(2))


def test_prosody_marks():
    glosses = ["BOOK", "IX-1", "LIKE", "NOT"]
    assert [manner(glosses, i) for i in range(4)] == ["even", "light", "even", "stressed"]
    assert manner(["IX-1", "HAPPY"], 1) == "final"
    assert letter_tempo(0, 3) > letter_tempo(1, 3) < letter_tempo(2, 3)


def test_units_are_signs_and_letters(prior):
    assert [u.name for u in units_of(["POSS-1", "NAME", "fs-SAM"], prior)] == ["POSS-1", "NAME", "S", "A", "M"]
    assert [u.gloss for u in units_of(["NAME", "fs-AL"], prior)] == [0, 1, 1]
    assert [u.name for u in units_of(["fs-B2"], prior)] == ["B", "TWO"]
    assert [u.name for u in units_of(["ZEBRA"], prior)] == list("ZEBRA"), "a gloss without a sign is spelled"


def test_the_gate_of_the_shipped_model_depends_on_the_sentence(pipeline):
    signing = pipeline("My brother does not like the test.")
    (choice,) = signing.choices
    assert choice.weights.shape == (len(choice.units), 4) and choice.choices.shape[:2] == choice.weights.shape
    assert torch.allclose(choice.weights.sum(-1), torch.ones(len(choice.units)), atol=1e-5)
    assert choice.weights.std(0).max() > 0.05, "all glosses got the same gate"


def test_choosing_has_gradients_down_to_the_query():
    config = MoEConfig(8, 8, 3, 1.0, 1, 1, 1e-3, 4, 1, 1, 1, 1)
    model = SLPMoE(6, config)
    w, pi = model(
        torch.randn(4, 6), torch.randn(4, 6), torch.zeros(4, 3), torch.randn(4, 3, len(FEATURES)), torch.ones(4, 3, dtype=torch.bool)
    )
    (mixture(w, pi) ** 2).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    assert isinstance(model.Q, Query) and model.Q.project[0].weight.grad.abs().sum() > 0


def test_a_damaged_checkpoint_is_told_in_one_line(tmp_path):
    import shutil

    from signer_lib.assets import CHECKPOINTS

    folder = shutil.copytree(CHECKPOINTS / "slp-moe-nano", tmp_path / "moe")
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:500])
    with pytest.raises(SignerError, match="damaged") as told:
        SLPMoE.from_pretrained(folder)
    assert "\n" not in str(told.value)


def test_features_describe_a_candidate():
    xyz = np.zeros((25, 70, 3), np.float32)
    xyz[:, SIGNER70.index("r_wrist"), 0] = np.linspace(0, 1, 25)
    phi = dict(zip(FEATURES, candidate_features(PoseSequence(xyz, 25.0), recorded=True)))
    assert phi["log duration"] == pytest.approx(0) and phi["right path"] == pytest.approx(1, abs=1e-5)
    assert phi["left path"] == 0 and phi["recorded"] == 1
