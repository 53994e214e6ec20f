"""Who rates what, in which order: balanced, random, and the same for the same seed. [ours]"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from rapidfuzz.fuzz import token_set_ratio
from scipy.optimize import linear_sum_assignment

from signer_lib.errors import SignerError

ATTENTION_EVERY = 10              # one clip of a wrong sentence and one repeated clip for so many that are rated
FAR = 1e9                         # a cost that no balance outweighs
Kind = Literal["rated", "wrong", "repeat"]


@dataclass(frozen=True)
class Item:
    """One page: the clip of ``system`` for ``sentence``, beside the written sentence ``shown``.

    kind  "rated": counts; "wrong": shown is another sentence; "repeat": the clip of the rater's item ``of`` (its place in the order) once more.
    """

    kind: Kind
    system: str
    sentence: str
    shown: str
    of: int | None = None


def plan(systems: list[str], sentences: dict[str, str], raters: int, per_rater: int, seed: int, reference: str | None = None) -> list[list[Item]]:
    """For each rater the items in order. ``sentences``: name -> text.

    Of ``per_rater`` rated clips each system has an equal number, one more or less where they do not divide; no sentence comes twice before all have
    come once; and over raters every pair of system and sentence is rated equally often: so many raters as systems, each with all sentences, make a
    Latin square. To these come clips of a wrong sentence, by ``reference`` where there is one, and repeats late of what was early.
    Raises ``SignerError`` where that is not possible.
    """
    if len(sentences) < 2:
        raise SignerError("a kit needs two sentences or more: one clip is shown with the wrong one")
    if not 1 <= per_rater <= len(sentences) * len(systems):
        raise SignerError(f"a rater can rate 1 to {len(sentences) * len(systems)} clips, one for each system and sentence, not {per_rater}")
    if raters < 1:
        raise SignerError("a kit needs one rater or more")
    rng, names, wrongs = np.random.default_rng(seed), list(sentences), unlike(sentences)
    plans = []
    for cells in assign(len(systems), len(names), raters, per_rater, rng):
        items = [Item("rated", systems[k], names[n], names[n]) for n, k in cells]
        plans.append(_with_attention(items, systems, names, wrongs, reference, rng))
    return plans


def assign(systems: int, sentences: int, raters: int, per_rater: int, rng: np.random.Generator) -> list[list[tuple[int, int]]]:
    """For each rater the (sentence, system) pairs in a random order, balanced as ``plan`` says.

    Round by round a rater gets all sentences, in the last round as many as are left to rate. A round is an assignment of sentences to places of
    systems that costs least: above all no pair that the rater had, then each system equally often for the rater, then each sentence, each system
    and each pair over raters.
    """
    used, plans = np.zeros((sentences, systems)), []
    for _ in range(raters):
        mine = np.zeros((sentences, systems))
        cells: list[tuple[int, int]] = []
        while len(cells) < per_rater:
            count = min(sentences, per_rater - len(cells))
            system, copy = np.divmod(np.arange(systems * -(-count // systems)), -(-count // systems))
            cost = FAR * mine[:, system] + 1e6 * (mine.sum(0)[system] + copy) + 1e3 * (used.sum(1, keepdims=True) - used.sum(1).min())
            cost += 10 * (used.sum(0)[system] + copy - used.sum(0).min()) + (used - used.min())[:, system] ** 2 + 1e-3 * rng.random(cost.shape)
            left_out = np.full((sentences, sentences - count), -FAR)                       # the places of the sentences that the round leaves out
            rows, columns = linear_sum_assignment(np.hstack([cost, left_out]))
            block = [(int(row), int(system[column])) for row, column in zip(rows, columns) if column < len(system)]
            order = [block[k] for k in rng.permutation(count)]
            if cells and order[0][0] == cells[-1][0]:                                      # the same sentence twice in a row, if it can be helped
                order = order[1:] + order[:1]
            cells += order
            for cell in block:
                used[cell] += 1
                mine[cell] += 1
        plans.append(cells)
    return plans


def unlike(sentences: dict[str, str]) -> dict[str, list[str]]:
    """For each sentence the half of the others that share the fewest words with it: what is shown beside a clip that does not say it."""
    return {name: sorted(set(sentences) - {name}, key=lambda other: (token_set_ratio(text.lower(), sentences[other].lower()), other))
            [:-(-(len(sentences) - 1) // 2)] for name, text in sentences.items()}


def _with_attention(rated: list[Item], systems: list[str], names: list[str], wrongs: dict[str, list[str]], reference: str | None,
                    rng: np.random.Generator) -> list[Item]:
    """The rated items, and among them clips of wrong sentences anywhere but first, and in the last quarter repeats from the first half."""
    count, seen = max(1, round(len(rated) / ATTENTION_EVERY)), {(item.system, item.sentence) for item in rated}
    items: list[tuple[float, Item]] = [(float(place), item) for place, item in enumerate(rated)]
    for _ in range(count):
        pairs = [(system, name) for system in ([reference] if reference else systems) for name in names]
        system, name = pairs[rng.choice([k for k, pair in enumerate(pairs) if pair not in seen] or len(pairs))]
        items.append((rng.uniform(0, len(rated)), Item("wrong", system, name, str(rng.choice(wrongs[name])))))
        seen.add((system, name))
    early = rng.choice(-(-len(rated) // 2), min(count, -(-len(rated) // 2)), replace=False)
    items += [(rng.uniform(0.75, 1) * len(rated), Item("repeat", rated[k].system, rated[k].sentence, rated[k].shown, int(k))) for k in early]
    ordered = [item for _, item in sorted(items, key=lambda pair: pair[0])]
    at = [place for place, item in enumerate(ordered) if item.kind == "rated"]              # where the rated ones came to stand
    return [item if item.of is None else Item("repeat", item.system, item.sentence, item.shown, at[item.of]) for item in ordered]
