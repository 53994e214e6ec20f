"""The exercises of notebook 01: Eq. 2-5 of SLUL, where a mask is felt, beam search with a length penalty, BLEU-4.

What is right is the library's function wherever there is one; the usual mistakes are wrong variants of it, known by their results.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from sacrebleu.metrics.bleu import BLEU
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from signer_lib.exercises.checking import Exercise, Mistake
from signer_lib.language.losses import NOTHING, loss_con, loss_kl, loss_slul, mask_rates, similarities


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 2


LABELS = torch.tensor([[3, 1, 4, 2, 0], [2, 5, 0, NOTHING, NOTHING]])       # two sentences, the second one shorter; 0 ends both


# --- 1.1, Eq. 2 --------------------------------------------------------------------------------------------------------------
def _entropy(reduction: str) -> Callable[[Tensor, Tensor, float], Tensor]:
    return lambda logits, labels, smoothing: cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=NOTHING, label_smoothing=smoothing, reduction=reduction)


def _wrong_axis(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    log_p = logits.log_softmax(1)
    hit = -log_p.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return ((1 - smoothing) * hit - smoothing * log_p.mean(-1))[labels != NOTHING].mean()


def _smoothed_over_the_others(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    log_p, others = logits.log_softmax(-1), logits.shape[-1] - 1
    hit = -log_p.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return ((1 - smoothing) * hit + smoothing * (-log_p.sum(-1) - hit) / others)[labels != NOTHING].mean()


def _no_softmax(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    hit = -logits.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return ((1 - smoothing) * hit - smoothing * logits.mean(-1))[labels != NOTHING].mean()


check_loss = Exercise(
    "1.1", "The loss of Eq. 2", "medium", 15, loss_slul,
    lambda: {"one sentence": (_random(1, 5, 6), LABELS[:1], 0.0), "two sentences, one shorter": (_random(2, 5, 6), LABELS, 0.0),
             "with label smoothing": (_random(2, 5, 6), LABELS, 0.2)},
    "the same as losses.loss_slul, with padding and with label smoothing",
    "log_softmax over the glosses (the last axis), pick the log p of each label, leave out where the label is -100, take the mean",
    (Mistake("the loss is summed, not averaged over the glosses (hint: divide by how many labels are not -100)", _entropy("sum")),
     Mistake("the padding is counted in the mean (hint: divide by how many labels are not -100, not by all places)",
             lambda logits, labels, smoothing: _entropy("sum")(logits, labels, smoothing) / labels.numel()),
     Mistake("this is a mean of the sentences' means, in which a gloss of a short sentence counts more (hint: one mean over all glosses)",
             lambda logits, labels, smoothing: torch.stack([_entropy("mean")(a[None], b[None], smoothing) for a, b in zip(logits, labels)]).mean()),
     Mistake("this is the answer with softmax over the wrong axis, the places (hint: the glosses are the last axis, -1)", _wrong_axis),
     Mistake("no softmax is taken: logits are no log probabilities (hint: log_softmax(-1))", _no_softmax),
     Mistake("the sign is wrong: this loss falls as the model gets worse (hint: minus log p)",
             lambda logits, labels, smoothing: -loss_slul(logits, labels, smoothing)),
     Mistake("the smoothing has no effect (hint: (1 - smoothing) times minus log p of the label, plus smoothing times the mean of minus log p "
             "over all glosses)", lambda logits, labels, smoothing: loss_slul(logits, labels)),
     Mistake("the smoothing is shared among the other glosses only (hint: here, as in torch, it is shared among all, the right one included)",
             _smoothed_over_the_others)))


# --- 1.2, where a mask is felt -----------------------------------------------------------------------------------------------
def felt(hidden: Tensor) -> Tensor:
    """hidden (T,) bool -> (T,) bool: the places whose probabilities a mask can change, in a causal decoder: after the first hidden gloss."""
    before = hidden.long().cumsum(0) - hidden.long()
    return before > 0


check_felt = Exercise(
    "1.2", "Where is a mask felt?", "easy", 5, felt,
    lambda: {"one gloss": (torch.tensor([0, 0, 1, 0, 0, 0]).bool(),), "two glosses": (torch.tensor([0, 1, 0, 0, 1, 0]).bool(),),
             "none": (torch.zeros(6).bool(),), "the first": (torch.tensor([1, 0, 0, 0, 0, 0]).bool(),)},
    "a causal decoder feels a mask only after its place; the next cell asks the shipped model",
    "at place t the decoder has read g_1 .. g_(t-1): is one of them hidden?",
    (Mistake("the hidden place itself is among them (hint: the decoder's input is moved one place on, so place t has not read g_t)",
             lambda hidden: hidden.long().cumsum(0) > 0),
     Mistake("these are the hidden places, where the loss of Eq. 3 is counted, not those where the mask is felt", lambda hidden: hidden.clone()),
     Mistake("only the place after each mask is named (hint: the decoder's attention reaches back to all glosses before)",
             lambda hidden: torch.cat([torch.zeros(1).bool(), hidden[:-1]])),
     Mistake("every place is named, as in an encoder, which reads in both directions (hint: a decoder reads what stands before)",
             lambda hidden: hidden.any().expand(len(hidden)).clone())))


# --- 1.3, semantic masking rates ---------------------------------------------------------------------------------------------
def _rates(labels: Tensor, rho: float, idf: Tensor, *, ends: bool = False, over_all: bool = False, capped: bool = True,
           padding: bool = False) -> Tensor:
    there = labels != NOTHING
    glosses = there if ends else there & there.roll(-1, 1) & (torch.arange(labels.shape[1]) < labels.shape[1] - 1)
    weight = idf[labels.clamp(min=0)] * glosses
    rates = rho * weight / (weight.sum(1, keepdim=True) / (labels.shape[1] if over_all else glosses.sum(1, keepdim=True)))
    rates = rates.clamp(max=1) if capped else rates
    return torch.where(there, rates, rho) if padding else rates


IDF = torch.tensor([0.1, 2.0, 0.5, 4.0, 1.0, 3.0])

check_rates = Exercise(
    "1.3", "Which glosses are worth hiding?", "medium", 20, mask_rates,
    lambda: {"one sentence": (LABELS[:1], 0.3, IDF), "two sentences, one shorter": (LABELS, 0.3, IDF), "a high rate": (LABELS, 0.6, IDF)},
    "the same as losses.mask_rates: meaningful glosses more often, ends and padding never",
    "rho times each gloss's idf over the mean idf of its sentence's glosses, at most 1; 0 at the end token and where the label is -100",
    (Mistake("the end token is hidden, too, or counts in the mean (hint: the last label that is not -100 is the end, and is no gloss)",
             lambda labels, rho, idf: _rates(labels, rho, idf, ends=True)),
     Mistake("the mean is taken over all places of the row (hint: divide by the number of glosses, without the end and the padding)",
             lambda labels, rho, idf: _rates(labels, rho, idf, over_all=True)),
     Mistake("a rate is larger than 1 (hint: a rate is a probability, clamp it)", lambda labels, rho, idf: _rates(labels, rho, idf, capped=False)),
     Mistake("the padding has a rate (hint: 0 where the label is -100)", lambda labels, rho, idf: _rates(labels, rho, idf, padding=True)),
     Mistake("every gloss has the same rate: this is the uniform masking of Eq. 3 (hint: weigh with idf[label])",
             lambda labels, rho, idf: mask_rates(labels, rho)),
     Mistake("the idf is divided by its mean over the vocabulary (hint: the mean over this sentence's glosses, so that its mean rate stays rho)",
             lambda labels, rho, idf: (rho * idf[labels.clamp(min=0)] / idf.mean()).clamp(max=1) * (mask_rates(labels, rho) > 0))))


# --- 1.4, Eq. 4 --------------------------------------------------------------------------------------------------------------
def with_gradients(function: Callable[..., Any], masked_logits: Tensor, logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """The loss, and what it sends back to each of the two readings (zeros where nothing comes)."""
    a, b = masked_logits.clone().requires_grad_(), logits.clone().requires_grad_()
    value = function(a, b, labels)
    if isinstance(value, Tensor) and value.requires_grad:
        value.backward()
    gradient = {"gradient of the masked reading": a.grad, "gradient of the whole reading": b.grad}
    return {"the loss": value} | {name: torch.zeros_like(logits) if one is None else one for name, one in gradient.items()}


def _whole_teaches(masked_logits: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    return loss_kl(masked_logits, logits, labels, "masked")


check_kl = Exercise(
    "1.4", "Agreeing with oneself, Eq. 4", "medium", 15, _whole_teaches,
    lambda: {"one sentence": (_random(1, 5, 6), _random(1, 5, 6, seed=1), LABELS[:1]),
             "two sentences, one shorter": (_random(2, 5, 6), _random(2, 5, 6, seed=1), LABELS)},
    "the same as losses.loss_kl with moves='masked', and so are its gradients",
    "p and q are softmaxes over the glosses; sum p (log p - log q) over the glosses, mean over the places that are not padding",
    (Mistake("this is KL(whole || masked): the two readings are exchanged (hint: the masked one weighs; torch's kl_div takes q first)",
             lambda a, b, labels: loss_kl(b.detach(), a, labels)),
     Mistake("the gradient reaches both readings (hint: the whole reading is the teacher: detach() it)", lambda a, b, labels: loss_kl(a, b, labels)),
     Mistake("the gradient reaches the wrong reading (hint: detach() the whole one, not the masked one)",
             lambda a, b, labels: loss_kl(a, b, labels, "whole")),
     Mistake("no gradient comes back at all (hint: return the tensor; .item(), float() and no_grad() cut it off)",
             lambda a, b, labels: loss_kl(a, b, labels).detach()),
     Mistake("the padding is counted (hint: only places whose label is not -100)",
             lambda a, b, labels: loss_kl(a, b, torch.zeros_like(labels), "masked")),
     Mistake("this is the mean over the glosses of the vocabulary, too (hint: sum over the last axis, mean over the places)",
             lambda a, b, labels: loss_kl(a, b, labels, "masked") / a.shape[-1]),
     Mistake("this is the sum over the places, not their mean", lambda a, b, labels: loss_kl(a, b, labels, "masked", over=1))),
    observe=with_gradients)


# --- 1.5, Eq. 5 --------------------------------------------------------------------------------------------------------------
def _contrast(S: Tensor, axis: int = 1, own: bool = True) -> Tensor:
    others = S if own else S.masked_fill(torch.eye(len(S)).bool(), -torch.inf)
    return (others.logsumexp(axis) - S.diagonal()).mean()


check_contrast = Exercise(
    "1.5", "Telling sentences apart, Eq. 5", "easy", 10, loss_con,
    lambda: {"two sentences": (_random(2, 4), _random(2, 4, seed=1), 0.5), "five sentences": (_random(5, 8), _random(5, 8, seed=1), 0.1)},
    "the same as losses.loss_con",
    "unit vectors, all inner products over tau, softmax over the gloss sentences j, minus the log of the diagonal, mean over the texts",
    (Mistake("this is the answer with softmax over the wrong axis, the texts (hint: of each text's row, over the gloss sentences j)",
             lambda h_x, h_g, tau: _contrast(similarities(h_x, h_g, tau), 0)),
     Mistake("the vectors are not of length 1 (hint: torch.nn.functional.normalize, so that long vectors do not win)",
             lambda h_x, h_g, tau: _contrast(h_x @ h_g.T / tau)),
     Mistake("the cosines are multiplied by tau (hint: divide, a small tau makes the softmax sharper)",
             lambda h_x, h_g, tau: loss_con(h_x, h_g, 1 / tau)),
     Mistake("tau has no effect (hint: divide the cosines by it before the softmax)", lambda h_x, h_g, tau: loss_con(h_x, h_g, 1.0)),
     Mistake("the own gloss sentence is missing from the sum (hint: j runs over the whole batch)",
             lambda h_x, h_g, tau: _contrast(similarities(h_x, h_g, tau), own=False)),
     Mistake("this is the sum over the texts, not their mean", lambda h_x, h_g, tau: loss_con(h_x, h_g, tau) * len(h_x)),
     Mistake("the sign is wrong (hint: minus log)", lambda h_x, h_g, tau: -loss_con(h_x, h_g, tau)),
     Mistake("this takes the softmax, but not its log (hint: minus the log of the own share)",
             lambda h_x, h_g, tau: -similarities(h_x, h_g, tau).softmax(1).diagonal().mean()),
     Mistake("only h_x is of length 1 (hint: normalise both)", lambda h_x, h_g, tau: _contrast(normalize(h_x, dim=-1) @ h_g.T / tau))))


# --- 1.6, beam search --------------------------------------------------------------------------------------------------------
TABLE_GLOSSES = ("(end)", "LIBRARY", "WHERE", "IX-1", "GO")
TABLE = torch.tensor([  # p(next | last); the first row is the start of a sentence, the first column its end
    [0.00, 0.30, 0.25, 0.40, 0.05],
    [0.15, 0.05, 0.70, 0.05, 0.05],
    [0.80, 0.05, 0.05, 0.05, 0.05],
    [0.35, 0.20, 0.05, 0.05, 0.35],
    [0.50, 0.30, 0.10, 0.05, 0.05]]).log()
Found = tuple[list[int], float]


def beam_search(log_p: Tensor, beams: int, penalty: float, longest: int, *, rule: str = "") -> Found:
    """The simplest beam search with a length penalty [ours]; ``language.search`` has the one that SLUL uses, on a decoder instead of a table.

    log_p (G, G): log p(next | last), row 0 the start, column 0 the end -> the best finished sentence's glosses without its end, its score
    sum log p / t^penalty, t counting the end; what runs at ``longest`` is finished as it stands. ``rule`` names a usual mistake to make.
    """
    running: list[Found] = [([], 0.0)]
    finished: list[Found] = []
    for length in range(1, longest + 1):
        grown = [([*glosses, k], score + value)
                 for glosses, score in running for k, value in enumerate(log_p[glosses[-1] if glosses else 0].tolist())]
        grown.sort(key=lambda one: -one[1])
        if rule == "each":                                                 # the best of each beginning, none of them forgotten
            grown = [one for glosses, _ in running for one in [one for one in grown if one[0][:-1] == glosses][:beams]]
        kept = grown if rule == "each" else grown[:1] if rule == "greedy" else grown[:beams]
        t = max(length - 1, 1) if rule == "no end" else length
        divisor = {"none": 1.0, "times": t**-penalty}.get(rule, t**penalty)
        finished += [([k for k in glosses if k], score / divisor) for glosses, score in kept if glosses[-1] == 0 or length == longest]
        running = [one for one in kept if one[0][-1] != 0]
    first = rule == "first"                                                # the first finished one is taken, however good the later ones
    return finished[0] if first else max(finished, key=lambda one: one[1])


def _searching(rule: str) -> Callable[[Tensor, int, float, int], Found]:
    return lambda log_p, beams, penalty, longest: beam_search(log_p, beams, penalty, longest, rule=rule)


check_beams = Exercise(
    "1.6", "Beam search by hand", "hard", 30, beam_search,
    lambda: {"one beam": (TABLE, 1, 0.0, 5), "three beams": (TABLE, 3, 0.0, 5), "three beams, penalty 1": (TABLE, 3, 1.0, 5),
             "penalty 2": (TABLE, 4, 2.0, 6), "another table": (_random(5, 5, seed=54).log_softmax(-1), 2, 1.0, 5)},
    "the same sentences and scores, greedy and with beams, with and without a length penalty",
    "grow every beginning by every gloss, keep the K best sums of all; those that end (at `longest`: all) leave with sum / t^penalty",
    (Mistake("the length penalty has no effect (hint: divide a finished sum by t ** penalty)", _searching("none")),
     Mistake("the sum is multiplied by t ** penalty (hint: divide; log p is negative, so a division favours long sentences)", _searching("times")),
     Mistake("this is greedy search (hint: keep the `beams` best beginnings, not one)", _searching("greedy")),
     Mistake("the first sentence that ends is taken (hint: let the others go on, and take the best score of all that ended)", _searching("first")),
     Mistake("the end is not counted in the length (hint: t counts it)", _searching("no end")),
     Mistake("each beginning keeps its own best continuations (hint: the K best of the continuations of all beginnings together)",
             _searching("each"))))


# --- 1.7, BLEU-4 -------------------------------------------------------------------------------------------------------------
def bleu4(predictions: Sequence[str], references: Sequence[str]) -> float:
    """BLEU-4 (0-100) of the whole corpus, as ``metrics.text.GlossBleu`` gives it."""
    return float(BLEU(tokenize="none", force=True).corpus_score(list(predictions), [list(references)]).score)


def _bleu(predictions: Sequence[str], references: Sequence[str], *, clip: bool = True, brevity: bool = True, mean: str = "geometric") -> float:
    hits, counts = [0] * 4, [0] * 4
    for prediction, reference in zip(predictions, references):
        for n in range(1, 5):
            found, there = (Counter(tuple(words[k:k + n]) for k in range(len(words) - n + 1)) for words in (prediction.split(), reference.split()))
            hits[n - 1] += sum(min(count, there[gram]) if clip else count * (gram in there) for gram, count in found.items())
            counts[n - 1] += sum(found.values())
    precisions = [hit / max(count, 1) for hit, count in zip(hits, counts)]
    c, r = (sum(len(one.split()) for one in texts) for texts in (predictions, references))
    shortness = min(1.0, math.exp(1 - r / c)) if brevity else 1.0
    if mean == "arithmetic":
        return 100 * shortness * sum(precisions) / 4
    if mean == "last":
        return 100 * shortness * precisions[-1]
    return 100 * shortness * math.exp(sum(math.log(max(one, 1e-9)) for one in precisions) / 4)


check_bleu = Exercise(
    "1.7", "BLEU-4 from counts", "medium", 20, bleu4,
    lambda: {"equal sentences": (["TODAY RAIN NORTH WIND"], ["TODAY RAIN NORTH WIND"]),
             "a word too often": (["NOW NOW RAIN NORTH COLD WIND SNOW"], ["NOW RAIN NORTH COLD WIND SNOW"]),
             "too short": (["TODAY RAIN NORTH WIND", "IX-1 GO LIBRARY TOMORROW"], ["TODAY RAIN NORTH WIND COLD", "IX-1 GO LIBRARY TOMORROW MORNING"]),
             "one good, one bad": (["TODAY RAIN NORTH WIND COLD", "SUN"], ["TODAY RAIN NORTH WIND COLD", "IX-1 GO LIBRARY"])},
    "the same as sacreBLEU, which metrics.text uses",
    "clipped n-gram hits and counts of the whole corpus for n = 1..4, their ratios' geometric mean, times exp(1 - r / c) if c < r, times 100",
    (Mistake("an n-gram may be counted more often than it stands in the reference (hint: clip, min of the two counts)",
             lambda p, r: _bleu(p, r, clip=False)),
     Mistake("nothing punishes what is too short (hint: the brevity penalty exp(1 - r / c), lengths of the whole corpus)",
             lambda p, r: _bleu(p, r, brevity=False)),
     Mistake("this is the arithmetic mean of the four precisions (hint: the geometric one, exp of the mean of the logs)",
             lambda p, r: _bleu(p, r, mean="arithmetic")),
     Mistake("this is the mean of the sentences' scores (hint: BLEU is one ratio of the whole corpus: add up hits and counts first)",
             lambda p, r: sum(_bleu([a], [b]) for a, b in zip(p, r)) / len(p)),
     Mistake("this is a share, not a score from 0 to 100 (hint: times 100)", lambda p, r: _bleu(p, r) / 100),
     Mistake("only the 4-grams count (hint: all of n = 1..4)", lambda p, r: _bleu(p, r, mean="last"))))
