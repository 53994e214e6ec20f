"""The gate in hand: what is asked for is what the weights say, and the rest of the choice stays."""

import pytest
import torch

from signer_lib.errors import SignerError
from signer_lib.experts.steering import Steering, steered


@pytest.fixture(scope="module")
def choice(pipeline):
    return pipeline.choose(pipeline.understand("Why did they help Sam?"))[0]


def steer(pipeline, choice, **how):
    return steered(pipeline.experts, choice, pipeline.prior, Steering(**how))


def test_as_trained_nothing_changes(pipeline, choice):
    same = steered(pipeline.experts, choice, pipeline.prior, Steering.of(pipeline.experts))
    for name in ("weights", "experts", "choices", "seconds"):
        assert torch.allclose(getattr(same, name), getattr(choice, name)), name


def test_temperature_and_top_k_are_those_of_the_model(pipeline, choice, monkeypatch):
    gate = pipeline.experts.G
    monkeypatch.setattr(gate, "temperature", 0.3)
    monkeypatch.setattr(gate, "top_k", 2)
    by_model = pipeline.choose(pipeline.understand("Why did they help Sam?"))[0]
    found = steer(pipeline, choice, temperature=0.3, top_k=2)
    assert torch.allclose(found.weights, by_model.weights) and torch.allclose(found.seconds, by_model.seconds)
    assert (found.experts.sum(-1) == 2).all()


def test_a_forced_expert_does_everything_at_its_own_tempo(pipeline, choice):
    quick, slow = (steer(pipeline, choice, forced=k) for k in pipeline.experts.log_tempo.sort(descending=True).indices[[0, -1]].tolist())
    assert (quick.weights.max(-1).values == 1).all() and (quick.seconds < slow.seconds).all()


def test_uniform_shares_among_those_that_are_on(pipeline, choice):
    K = choice.weights.shape[1]
    assert torch.allclose(steer(pipeline, choice, uniform=True).weights, torch.full_like(choice.weights, 1 / K))
    some = steer(pipeline, choice, uniform=True, off=frozenset({0}), top_k=1).weights
    assert (some[:, 0] == 0).all() and torch.allclose(some[:, 1:], torch.full_like(some[:, 1:], 1 / (K - 1)))


@pytest.mark.parametrize("how, said", [({"temperature": 0.0}, "more than 0"), ({"off": frozenset(range(4))}, "all experts are off"),
                                       ({"forced": 9}, "no expert 10")])
def test_what_no_gate_can_do_is_refused(pipeline, choice, how, said):
    with pytest.raises(SignerError, match=said):
        steer(pipeline, choice, **how)
