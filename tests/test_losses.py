"""Eq. 2-5 and the masking, against numbers worked out by hand."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from signer_lib.language.losses import (
    inverse_document_frequency,
    loss_asked,
    loss_con,
    loss_kl,
    loss_sagm,
    loss_slul,
    mask_glosses,
    mask_rates,
    mean_pool,
    similarities,
)

END, MASK, NONE = 1, 9, -100
LABELS = torch.tensor([[2, 3, 4, END, NONE], [5, END, NONE, NONE, NONE]])           # three glosses, one gloss, and their ends


def logits_of(*probabilities):
    return torch.tensor(probabilities).log()[None]


def drawn(rows=4, positions=5, size=6, seed=0):
    torch.manual_seed(seed)
    labels = torch.randint(size, (rows, positions))
    labels[1, 3:] = labels[3, 1:] = NONE
    return torch.randn(rows, positions, size), torch.randn(rows, positions, size), labels


# --- Eq. 2 -----------------------------------------------------------------------------------------------------------
def test_eq_2_is_the_mean_of_minus_log_p_over_the_glosses():
    logits = logits_of([0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6])
    loss = loss_slul(logits, torch.tensor([[0, 1, NONE]]))
    assert loss.item() == pytest.approx(0.458145, abs=1e-5)                          # -(ln 0.5 + ln 0.8) / 2 = (0.693147 + 0.223144) / 2


def test_smoothing_gives_every_token_its_share_of_the_label():
    loss = loss_slul(logits_of([0.5, 0.25, 0.25]), torch.tensor([[0]]), smoothing=0.3)
    assert loss.item() == pytest.approx(0.831777, abs=1e-5)         # 0.7 * 0.693147 + 0.3 * (0.693147 + 1.386294 + 1.386294) / 3


def test_a_row_without_labels_costs_nothing():
    assert loss_slul(torch.randn(1, 2, 3), torch.full((1, 2), NONE)).item() == 0


# --- Eq. 3 -----------------------------------------------------------------------------------------------------------
def test_eq_3_counts_the_hidden_glosses_and_no_others():
    logits, labels = logits_of([0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]), torch.tensor([[0, 1, 2]])
    hidden = torch.tensor([[True, False, True]])
    loss = loss_sagm(logits, labels, hidden)
    assert loss.item() == pytest.approx(0.601986, abs=1e-5)                          # -(ln 0.5 + ln 0.6) / 2 = (0.693147 + 0.510826) / 2
    logits[0, 1] = torch.tensor([9.0, -9.0, 0.0])                                    # the gloss that is not hidden
    assert loss_sagm(logits, labels, hidden) == loss
    assert loss_sagm(logits, labels, torch.zeros_like(hidden)).item() == 0


def test_uniform_rates_are_rho_at_glosses_and_0_at_the_end_and_beyond():
    assert mask_rates(LABELS, 0.3).tolist() == [pytest.approx([0.3, 0.3, 0.3, 0, 0]), pytest.approx([0.3, 0, 0, 0, 0])]


def test_a_row_as_long_as_the_batch_keeps_its_end_too():
    assert mask_rates(torch.tensor([[2, 3, END], [4, END, NONE]]), 1.0).tolist() == [[1, 1, 0], [1, 0, 0]]


def test_semantic_rates_have_mean_rho_and_hide_rare_glosses_more_often():
    idf = torch.tensor([0.0, 9.0, 1.0, 2.0, 3.0, 7.0])                               # of the end token (1) it must not matter
    rates = mask_rates(LABELS, 0.2, idf)
    assert rates[0].tolist() == pytest.approx([0.1, 0.2, 0.3, 0, 0])                 # 0.2 * (1, 2, 3) / 2
    assert rates[1].tolist() == pytest.approx([0.2, 0, 0, 0, 0])                     # alone in its sentence: rho


def test_semantic_rates_stay_in_0_to_1_and_glosses_that_are_everywhere_are_never_hidden():
    rates = mask_rates(LABELS, 0.9, torch.tensor([0.0, 0.0, 0.1, 0.1, 9.0, 0.0]))
    assert rates.max() == 1 and rates[0, 2] == 1 and rates[1].tolist() == [0, 0, 0, 0, 0]
    hidden = mask_glosses(LABELS, rates, torch.zeros_like(rates), MASK)[1]
    assert not hidden[1].any()


def test_idf_by_hand():
    idf = inverse_document_frequency([[1, 2], [1, 1], [1, 3]], 5)
    assert idf.tolist() == pytest.approx([math.log(4), 0, math.log(2), math.log(2), math.log(4)])    # (1 + 3) / (1 + 0, 3, 1, 1, 0)


def test_masks_stand_where_u_is_at_most_the_rate():
    u = torch.tensor([[0.1, 0.5, 0.3, 0.0, 0.0], [0.31, 0.0, 0.0, 0.0, 0.0]])
    masked, hidden = mask_glosses(LABELS, mask_rates(LABELS, 0.3), u, MASK)
    assert masked.tolist() == [[MASK, 3, MASK, END, NONE], [5, END, NONE, NONE, NONE]]
    assert hidden.tolist() == [[True, False, True, False, False], [False] * 5]


@pytest.mark.parametrize("idf", [None, torch.tensor([0.0, 9.0, 1.0, 2.0, 3.0, 7.0])], ids=["uniform", "semantic"])
def test_over_many_draws_the_rates_are_kept_and_no_end_is_hidden(idf):
    labels, rates = LABELS[:1].expand(20000, -1), mask_rates(LABELS[:1], 0.3, idf)
    u = torch.rand(labels.shape, generator=torch.Generator().manual_seed(0))
    masked, hidden = mask_glosses(labels, rates.expand(20000, -1), u, MASK)
    assert hidden.float().mean(0).tolist() == pytest.approx(rates[0].tolist(), abs=0.01)
    assert hidden[:, :3].float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(masked[:, 3:], labels[:, 3:]) and torch.equal(masked == MASK, hidden)


# --- Eq. 4 -----------------------------------------------------------------------------------------------------------
def test_eq_4_goes_from_the_masked_to_the_whole_and_not_back():
    masked, whole, labels = logits_of([0.5, 0.5]), logits_of([0.9, 0.1]), torch.tensor([[0]])
    assert loss_kl(masked, whole, labels).item() == pytest.approx(0.510826, abs=1e-5)    # 0.5 ln(0.5 / 0.9) + 0.5 ln(0.5 / 0.1)
    assert loss_kl(whole, masked, labels).item() == pytest.approx(0.368064, abs=1e-5)    # 0.9 ln(0.9 / 0.5) + 0.1 ln(0.1 / 0.5)


def test_the_kl_is_a_mean_over_glosses_and_ends_and_not_over_padding():
    masked, whole = logits_of([0.5, 0.5], [0.3, 0.7], [0.2, 0.8]), logits_of([0.9, 0.1], [0.3, 0.7], [0.8, 0.2])
    assert loss_kl(masked, whole, torch.tensor([[0, END, NONE]])).item() == pytest.approx(0.510826 / 2, abs=1e-5)


def test_the_kl_is_0_between_equals_and_never_less():
    masked, whole, labels = drawn()
    assert loss_kl(whole, whole.clone(), labels).item() == pytest.approx(0, abs=1e-6)
    assert loss_kl(whole + 3.0, whole, labels).item() == pytest.approx(0, abs=1e-6)       # the same distributions
    assert all(loss_kl(*drawn(seed=seed)).item() > 0 for seed in range(20))


@pytest.mark.parametrize("moves, reached", [("both", (True, True)), ("masked", (True, False)), ("whole", (False, True))])
def test_moves_says_which_side_the_gradient_reaches(moves, reached):
    masked, whole, labels = drawn()
    masked.requires_grad_(), whole.requires_grad_()
    loss = loss_kl(masked, whole, labels, moves)
    gradients = torch.autograd.grad(loss, (masked, whole), allow_unused=True)
    assert tuple(g is not None and bool(g.abs().sum() > 0) for g in gradients) == reached
    assert torch.equal(loss, loss_kl(masked, whole, labels))                              # the value is the same


# --- Eq. 5 -----------------------------------------------------------------------------------------------------------
def test_eq_5_by_hand():
    h_x, h_g = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    a = 2 ** 0.5                                                     # <h_x, h_g> / tau = [[1, sqrt(1/2)], [0, sqrt(1/2)]] / 0.5 = [[2, a], [0, a]]
    assert torch.allclose(similarities(h_x, h_g, 0.5), torch.tensor([[2, a], [0, a]]))
    by_hand = (-2 + math.log(math.exp(2) + math.exp(a)) - a + math.log(1 + math.exp(a))) / 2
    assert loss_con(h_x, h_g, 0.5).item() == pytest.approx(by_hand, abs=1e-6)


def test_eq_5_is_the_cross_entropy_of_the_similarities_with_the_diagonal():
    torch.manual_seed(0)
    h_x, h_g = torch.randn(5, 8), torch.randn(5, 8)
    assert torch.allclose(loss_con(h_x, h_g, 0.1), cross_entropy(similarities(h_x, h_g, 0.1), torch.arange(5)))
    assert torch.allclose(loss_con(h_x * 7, h_g / 3, 0.1), loss_con(h_x, h_g, 0.1), atol=1e-5)       # lengths do not count


def test_the_contrast_falls_when_each_text_is_next_to_its_own_glosses():
    torch.manual_seed(0)
    h_x = torch.randn(6, 16)
    near, strangers = h_x + 0.1 * torch.randn(6, 16), torch.randn(6, 16)
    assert loss_con(h_x, near, 0.1) < 0.1 < loss_con(h_x, strangers, 0.1) < loss_con(h_x, near.roll(1, 0), 0.1)
    assert loss_con(h_x, h_x[:1].expand(6, -1), 0.1).item() == pytest.approx(math.log(6), abs=1e-5)   # all alike: a guess among six


def test_the_pool_is_the_mean_where_the_mask_holds():
    states = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [50.0, 50.0]], [[4.0, 4.0], [9.0, 9.0], [9.0, 9.0]]])
    assert mean_pool(states, torch.tensor([[1, 1, 0], [1, 0, 0]])).tolist() == [[2, 4], [4, 4]]
    assert mean_pool(states, torch.zeros(2, 3)).tolist() == [[0, 0], [0, 0]]


# --- the pointer -----------------------------------------------------------------------------------------------------
def test_the_pointer_pays_for_the_first_and_the_last_word():
    scores = torch.tensor([[[0.5, 0.1], [0.25, 0.2], [0.25, 0.7]]]).log()
    assert loss_asked(scores, torch.tensor([[0, 2]])).item() == pytest.approx(1.049822, abs=1e-5)     # -ln 0.5 - ln 0.7
    scores[0, 1] = -torch.inf                                                                         # no word: no share of the rest
    assert loss_asked(scores, torch.tensor([[0, 2]])).item() == pytest.approx(0.538997, abs=1e-5)     # -ln(0.5 / 0.75) - ln(0.7 / 0.8)


# --- parts of a batch ------------------------------------------------------------------------------------------------
def test_with_over_the_parts_of_a_batch_add_up_to_its_mean():
    masked, whole, labels = drawn()
    hidden = (torch.rand(labels.shape, generator=torch.Generator().manual_seed(0)) < 0.5) & (labels != NONE)
    span, count = torch.tensor([[0, 1], [2, 3], [1, 1], [4, 4]]), int((labels != NONE).sum())
    terms = {
        "slul": lambda rows, over: loss_slul(whole[rows], labels[rows], 0.1, over),
        "sagm": lambda rows, over: loss_sagm(masked[rows], labels[rows], hidden[rows], 0.1, over),
        "kl": lambda rows, over: loss_kl(masked[rows], whole[rows], labels[rows], over=over),
        "asked": lambda rows, over: loss_asked(whole[rows][..., :2], span[rows], over),
    }
    counts = {"slul": count, "sagm": int(hidden.sum()), "kl": count, "asked": len(span)}
    for name, term in terms.items():
        parts = term(slice(0, None, 3), counts[name]) + term(slice(1, None, 3), counts[name]) + term(slice(2, None, 3), counts[name])
        assert torch.allclose(parts, term(slice(None), None), atol=1e-6), name
