"""Text becomes poses stage by stage, with the truth put in at a stage: what a stage loses is what is gained when the truth does its work. [ours]

The hierarchy is SLUL, then SLP-MoE, which chooses and then performs. The cascade is what it is compared with, trained stage by stage: SLUL's glosses
alone reach a pose regression; it chooses nothing, so nobody can choose for it. Whoever renders the poses is the same for both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from signer_lib.baselines.regression import Regression
from signer_lib.errors import SignerError
from signer_lib.experts.blending import blend
from signer_lib.experts.model import Choice, SLPMoE
from signer_lib.experts.offers import JOINTS, Offer, times, warp
from signer_lib.language.slul import SLUL, GlossSentence
from signer_lib.performances.folder import Performed, Produced
from signer_lib.performances.natural import FPS, STILL
from signer_lib.performances.nonmanual import mark, topic_of
from signer_lib.performances.trajectory import ARMS, LEFT, Trajectory
from signer_lib.performances.units import Unit, units_of
from signer_lib.pose import PoseSequence
from signer_lib.pose.directions import from_directions, make_unit
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior

GIVEN = ("nothing", "glosses", "choice", "poses")       # the last stage whose work the truth does
HIERARCHY, CASCADE = "hierarchy", "cascade"
SUM = 1e3                                               # how firmly the weights of a fit add up to 1


@dataclass(frozen=True)
class Made:
    """One sentence at the end of a chain: what was understood, the units that were to be signed, the poses."""

    sentence: GlossSentence
    units: list[Unit]
    produced: Produced

    @property
    def meaning(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """What the renderer is told, as ``Signing.meaning``: states (n, d), contexts (n, d), frames (n, 2) of the n glosses that are signed.

        None where nobody knows which frames are whose: the renderer goes by the poses alone.
        """
        spans = [(self.units[span.unit].gloss, span) for span in self.produced.spans or [] if span.unit is not None]
        if not spans:
            return None
        signed = sorted({gloss for gloss, _ in spans})
        frames = [[min(s.start for g, s in spans if g == gloss), max(s.stop for g, s in spans if g == gloss)] for gloss in signed]
        return self.sentence.states[signed], self.sentence.context.expand(len(signed), -1), torch.tensor(frames)


class Chain:
    """What both chains share. ``given``: what the truth can do in it; ``make``: the poses of performed sentences."""

    name: str
    given: tuple[str, ...]

    def __init__(self, slul: SLUL, prior: Prior):
        self.slul, self.prior = slul, prior

    def make(self, rows: list[Performed], given: str = "nothing") -> list[Made]:
        """One for each sentence. Raises ``SignerError`` for what cannot be given."""
        if given not in self.given:
            raise SignerError(f"the truth cannot do '{given}' in the {self.name}: use {', '.join(self.given)}")
        if given == "nothing":
            return self.sign(self.slul.translate([row.text for row in rows]))
        sentences = self.told(rows)
        if given == "poses":
            return [Made(sentence, row.units, row.produced) for sentence, row in zip(sentences, rows)]
        return self.sign(sentences, rows if given == "choice" else None)

    def told(self, rows: list[Performed]) -> list[GlossSentence]:
        """The true glosses, with the states that SLUL has for them."""
        return self.slul.state_of([row.text for row in rows], [row.glosses for row in rows])

    def sign(self, sentences: list[GlossSentence], rows: list[Performed] | None = None) -> list[Made]:
        """What follows the understanding. ``rows``: the truth, whose choice is taken."""
        raise NotImplementedError


class Hierarchy(Chain):
    """SLUL, then the experts: they ``choose``, then ``perform``."""

    name, given = HIERARCHY, GIVEN

    def __init__(self, slul: SLUL, experts: SLPMoE, prior: Prior):
        super().__init__(slul, prior)
        self.experts = experts

    def sign(self, sentences: list[GlossSentence], rows: list[Performed] | None = None) -> list[Made]:
        return self.perform(sentences, self.choose(sentences) if rows is None else
                            [true_choice(self.experts, self.prior, *pair) for pair in zip(sentences, rows)])

    def choose(self, sentences: list[GlossSentence]) -> list[Choice | None]:
        """None for a sentence of which nothing was understood."""
        return [self.experts.choose(sentence, self.prior) if sentence.glosses else None for sentence in sentences]

    def perform(self, sentences: list[GlossSentence], choices: list[Choice | None]) -> list[Made]:
        """Each sentence by itself; who has nothing to sign rests."""
        return [Made(sentence, [], resting()) if choice is None else self._perform(sentence, choice) for sentence, choice in zip(sentences, choices)]

    def _perform(self, sentence: GlossSentence, choice: Choice) -> Made:
        poses, spans = self.experts.perform([choice], self.prior)
        marked = mark(poses, spans, [(sentence.text, sentence.glosses, [unit.gloss for unit in choice.units])])
        return Made(sentence, choice.units, Produced(marked, spans))


class Cascade(Chain):
    """SLUL's glosses, then the regression."""

    name, given = CASCADE, ("nothing", "glosses", "poses")

    def __init__(self, slul: SLUL, regression: Regression, prior: Prior):
        super().__init__(slul, prior)
        self.regression = regression

    def sign(self, sentences: list[GlossSentence], rows: list[Performed] | None = None) -> list[Made]:
        units = [units_of(sentence.glosses, self.prior, sentence.text) for sentence in sentences]
        return [Made(*each) for each in zip(sentences, units, self.regression(sentences, self.prior))]


def resting() -> Produced:
    """A signer who does not sign: at rest for as long as before and after a sentence."""
    return Produced(PoseSequence(np.repeat(load_body().rest()[None], round(2 * STILL * FPS), 0), FPS), [])


# --- the truth's choice ------------------------------------------------------------------------------------------------
@torch.no_grad()
def true_choice(experts: SLPMoE, prior: Prior, sentence: GlossSentence, row: Performed) -> Choice:
    """What the performing signer did, as far as the experts can say it: the true units and their true seconds, and weights from ``fitted``.

    No candidate is the signer's own clip, so the fit is what the prior holds at best, not the truth. Raises ``SignerError`` if the prior signs
    the glosses with other units.
    """
    own = experts.choose(replace(sentence, text=""), prior)                     # without a text nothing stands in for a word: nor did it in the truth
    if [unit.name for unit in own.units] != [unit.name for unit in row.units]:
        raise SignerError(f"the prior {prior.name} has other signs than {row.name} is signed with, so the true choice cannot be said in it")
    seconds = {span.unit: (span.stop - span.start) / row.poses.fps for span in row.spans}
    weights, choices = own.weights.clone(), own.choices.clone()
    for span in row.spans:
        if (k := span.unit) is not None:
            offer, path = experts.offers(prior)[row.units[k].name], Trajectory.of(row.poses.xyz[span.start:span.stop])
            count = len(offer.phi)
            weights[k], choices[k, :, :count] = fitted(experts, offer, path, own.weights[k], own.choices[k, :, :count])
    return replace(own, weights=weights, choices=choices, seconds=torch.tensor([seconds[k] for k in range(len(row.units))]),
                   topic=topic_of(row.text, row.glosses))


@torch.no_grad()
def fitted(experts: SLPMoE, offer: Offer, path: Trajectory, w: Tensor, pi: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (K,) of the experts and their choices (K, C) whose blend is nearest to a true clip, never farther than that of w (K,), pi (K, C).

    Before its directions are made unit again a blend is linear in the weights w_k pi_kc, so they are found by least squares, none below 0 and
    their sum 1. The clip is brought to the candidates' time first, as they were to each other's; see ``far``.
    """
    joints = compared(offer)
    clip = in_time(offer, path)
    candidates, sizes = offer.direction, experts.log_size.exp().tolist() if experts.config.space == "directions" else [1.0] * len(w)
    moved = torch.zeros_like(candidates).index_copy(2, torch.tensor(ARMS), (candidates - candidates.mean(1, keepdim=True))[:, :, ARMS])
    every = torch.stack([candidates + (size - 1) * moved for size in sizes])[..., joints, :].flatten(0, 1).flatten(1)                 # (K C, F j 3)
    table = np.concatenate([every.numpy().T.astype(float), np.full((1, len(every)), SUM)])
    found = torch.from_numpy(nnls(table, np.append(clip.direction[:, joints].numpy().ravel(), SUM))[0]).float().view_as(pi)
    found = found / found.sum()
    share = found.sum(1)
    best = share, torch.where(share[:, None] > 0, found / share.clamp(min=1e-9)[:, None], pi)
    return min((best, (w, pi)), key=lambda each: far(experts, offer, clip, *each))


def in_time(offer: Offer, path: Trajectory) -> Trajectory:
    """A clip in the time that the candidates share, that of their mean."""
    even, joints = path.stretch(offer.direction.shape[1]), compared(offer)
    mean = from_directions(make_unit(offer.direction.mean(0)), offer.length.mean(0))
    return warp(even, times(mean[:, joints].numpy(), even.xyz[:, joints].numpy()))


@torch.no_grad()
def far(experts: SLPMoE, offer: Offer, clip: Trajectory, w: Tensor, pi: Tensor) -> float:
    """How far the blend (Eq. 8) of weights w (K,) and choices pi (K, C) is from a clip in the same time: root mean square of the directions.

    The left arm counts only where the sign uses it: else it belongs to the neighbours in the sentence.
    """
    sizes = experts.log_size.exp() if experts.config.space == "directions" else None
    made = blend(offer.direction[None], offer.length[None], w[None], pi[None], sizes).direction[0]
    joints = compared(offer)
    return float((made[:, joints] - clip.direction[:, joints]).square().mean().sqrt())


def compared(offer: Offer) -> list[int]:
    """The joints whose directions tell a sign: arms and hands, the left ones only if they are used."""
    return [joint for joint in range(JOINTS.start, JOINTS.stop) if offer.left or joint not in LEFT]
