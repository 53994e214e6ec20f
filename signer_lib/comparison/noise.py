"""Noise of one sentence at every stage, of a level and from a seed: what a lower level changes, a higher one changes too. [ours]

Noise in the text is ``language.corruption``'s. Level 0 changes nothing. Every function takes a generator that was not used before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from signer_lib.errors import SignerError
from signer_lib.experts.blending import mixture
from signer_lib.experts.model import Choice
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.folder import Produced
from signer_lib.pose import SIGNER70, PoseSequence

T = TypeVar("T")
HANDS = "left_hand", "right_hand"
NECK = SIGNER70.index("neck")


# --- glosses: level is the share of them --------------------------------------------------------------------------------
def substituted(glosses: list[str], level: float, rng: np.random.Generator, signs: Sequence[str]) -> list[str]:
    """Some glosses are another one of ``signs``."""
    hit, drawn = rng.random(len(glosses)), rng.integers(0, len(signs) - 1, len(glosses))
    others = [[sign for sign in signs if sign != gloss] for gloss in glosses]
    return [other[k % len(other)] if u < level else gloss for gloss, u, k, other in zip(glosses, hit, drawn, others)]


def dropped(glosses: list[str], level: float, rng: np.random.Generator) -> list[str]:
    """Some glosses are missing; one at least stays."""
    hit = rng.random(len(glosses))
    return [gloss for gloss, u in zip(glosses, hit) if u >= level or u == hit.max()]


def swapped(glosses: list[str], level: float, rng: np.random.Generator) -> list[str]:
    """Some glosses have changed places with the next one; none moves by more than one place. ``level`` is of the pairs, before that."""
    hit, found = rng.random(max(len(glosses) - 1, 0)), list(glosses)
    moved: set[int] = set()
    for k in np.argsort(hit):
        if hit[k] < level and not {k, k + 1} & moved:
            found[k], found[k + 1] = found[k + 1], found[k]
            moved |= {k, k + 1}
    return found


# --- states -----------------------------------------------------------------------------------------------------------
def blurred(sentence: GlossSentence, level: float, rng: np.random.Generator, state: Tensor, context: Tensor) -> GlossSentence:
    """States and context with Gaussian noise of ``level`` standard deviations; state, context (d,): what those are, dimension by dimension."""

    def noise(x: Tensor, std: Tensor) -> Tensor:
        return x + level * std * torch.from_numpy(rng.standard_normal(tuple(x.shape))).float()

    return replace(sentence, states=noise(sentence.states, state), context=noise(sentence.context, context))


# --- the choice -------------------------------------------------------------------------------------------------------
def wrong_candidate(choice: Choice, level: float, rng: np.random.Generator) -> Choice:
    """With probability ``level`` all experts take one candidate of the sign that is not the one that weighs most; where there is another."""
    hit, drawn = rng.random(len(choice.units)), rng.random(len(choice.units))
    best = mixture(choice.weights, choice.choices).masked_fill(~choice.mask, -1.0).argmax(-1).tolist()
    choices = choice.choices.clone()
    for k, offered in enumerate(choice.candidates):
        others = [c for c in range(len(offered)) if c != best[k]]
        if hit[k] < level and others:
            choices[k] = 0
            choices[k, :, others[int(drawn[k] * len(others))]] = 1
    return replace(choice, choices=choices)


def wrong_seconds(choice: Choice, level: float, rng: np.random.Generator) -> Choice:
    """Every unit takes exp(N(0, level)) times as long."""
    return replace(choice, seconds=choice.seconds * (level * torch.from_numpy(rng.standard_normal(len(choice.seconds))).float()).exp())


# --- poses ------------------------------------------------------------------------------------------------------------
def jittered(made: Produced, level: float, rng: np.random.Generator) -> Produced:
    """Every joint but the neck trembles, frame by frame, by ``level`` shoulder widths (standard deviation of each coordinate)."""
    noise = level * rng.standard_normal(made.poses.xyz.shape).astype(np.float32)
    noise[:, NECK] = 0
    return _with(made, made.poses.xyz + noise)


def hand_lost(made: Produced, level: float, rng: np.random.Generator) -> Produced:
    """One hand is missing through a stretch of ``level`` of the frames."""
    hand, at = HANDS[rng.integers(2)], rng.random()
    count = round(level * len(made.poses))
    start, xyz = int(at * (len(made.poses) - count)), made.poses.xyz.copy()
    xyz[start:start + count, SIGNER70.groups[hand]] = np.nan
    return _with(made, xyz)


def frames_lost(made: Produced, level: float, rng: np.random.Generator) -> Produced:
    """``level`` of the frames are missing, here and there; one at least stays."""
    hit, xyz = rng.random(len(made.poses)), made.poses.xyz.copy()
    xyz[(hit < level) & (hit < hit.max())] = np.nan
    return _with(made, xyz)


def _with(made: Produced, xyz: np.ndarray) -> Produced:
    return replace(made, poses=PoseSequence(xyz, made.poses.fps))


# --- all of them by name --------------------------------------------------------------------------------------------------
NOISES: dict[str, dict[str, tuple[Callable[..., Any] | None, tuple[float, ...]]]] = {          # stage -> noise -> how it is made, levels above 0
    "text": dict.fromkeys(("drop", "misspell", "rarer"), (None, (0.1, 0.2, 0.4))),
    "glosses": {"substituted": (substituted, (0.1, 0.2, 0.4)), "dropped": (dropped, (0.1, 0.2, 0.4)), "swapped": (swapped, (0.1, 0.2, 0.4))},
    "states": {"gaussian": (blurred, (0.25, 0.5, 1.0, 2.0))},
    "choice": {"wrong_candidate": (wrong_candidate, (0.25, 0.5, 1.0)), "seconds": (wrong_seconds, (0.1, 0.3, 0.6))},
    "poses": {"jitter": (jittered, (0.01, 0.03, 0.1)), "hand_lost": (hand_lost, (0.1, 0.3, 0.6)), "frames_lost": (frames_lost, (0.1, 0.3, 0.6))},
}


def noisy(stage: str, noise: str, level: float, seed: int, clean: Sequence[T], *more: object) -> list[T]:
    """Each of the ``clean`` with its own draw, which the level does not change; ``more``: what the noise needs to know besides.

    Raises ``SignerError`` for a noise that is not there, or a level that is none.
    """
    make, _ = NOISES.get(stage, {}).get(noise, (None, ()))
    if make is None:
        raise SignerError(f"there is no noise '{noise}' of {stage}")
    if not 0 <= level < np.inf:
        raise SignerError(f"the level of noise is {level}: choose 0 or more")
    return [make(one, level, np.random.default_rng([seed, number]), *more) for number, one in enumerate(clean)]
