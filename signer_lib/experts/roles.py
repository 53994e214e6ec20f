"""What the experts are used for: how evenly the gate spreads the load, and which units it sends to which expert. [ours]

Of the labels, manner, sign type and letter say what is to be signed; source, handedness and tempo say what came out, so the gate has
a share in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import entr, rel_entr

from signer_lib.errors import SignerError
from signer_lib.experts.blending import mixture
from signer_lib.experts.model import Choice
from signer_lib.performances.prosody import manner
from signer_lib.performances.trajectory import WRISTS
from signer_lib.prior.database import Candidate
from signer_lib.prior.fingerspelling import PREFIX

LETTER, UNKNOWN = "letter", "unknown"
ONE_HAND = 0.65                     # share of both wrists' ways from which the sign is one hand's
FEWEST = 5                          # units that a label needs before anything is said of it
SHUFFLES = 200
TEMPI = "fast", "middle", "slow"


def load_entropy(weights: np.ndarray) -> float:
    """Entropy of the experts' mean weights, by that of an even load: 0 if one does all, 1 if all do the same. weights (N, K); 0 for K = 1"""
    weights = np.asarray(weights, float)
    experts = weights.shape[1]
    return float(entr(weights.mean(0)).sum() / np.log(experts)) if experts > 1 else 0.0


def mutual_information(weights: np.ndarray, labels: Sequence[str]) -> float:
    """I(expert; label) in bits, p(k | label) being the mean weights of the label's units. weights (N, K), N labels

    Of few units it is too large, as they never fall evenly: compare with ``chance_information``.
    """
    return _information(*_coded(weights, labels))


def chance_information(weights: np.ndarray, labels: Sequence[str], seed: int = 0, shuffles: int = SHUFFLES) -> np.ndarray:
    """(shuffles,) the same in bits after the labels were shuffled: what comes of chance alone, the control of ``mutual_information``."""
    (weights, coded), rng = _coded(weights, labels), np.random.default_rng(seed)
    return np.array([_information(weights, rng.permutation(coded)) for _ in range(shuffles)])


def labels_of(choices: Sequence[Choice]) -> dict[str, list[str]]:
    """What can be said of every unit of all choices, N of them: name -> N labels. Tempo is cut into thirds of all these units."""
    seconds = np.concatenate([np.asarray(choice.seconds) for choice in choices])
    labels = {
        "manner": [label for choice in choices for label in _manners(choice)],
        "sign type": [LETTER if unit.of else _sign_type(offered) for choice in choices for unit, offered in zip(choice.units, choice.candidates)],
        "source of the chosen candidate": [],
        "handedness of the chosen candidate": [],
        "tempo": [TEMPI[third] for third in np.digitize(seconds, np.quantile(seconds, (1 / 3, 2 / 3), method="inverted_cdf"), right=True)],
        "letter": [LETTER if unit.of else "sign" for choice in choices for unit in choice.units],
    }
    for candidate in (one for choice in choices for one in chosen(choice)):
        labels["source of the chosen candidate"].append(candidate.source)
        labels["handedness of the chosen candidate"].append(_handedness(candidate))
    return labels


def chosen(choice: Choice) -> list[Candidate]:
    """The candidate of each unit that weighs most in the blend of Eq. 8."""
    best = mixture(choice.weights, choice.choices).masked_fill(~choice.mask, -1.0).argmax(-1).tolist()
    return [offered[k] for offered, k in zip(choice.candidates, best)]


def gate_work(choices: Sequence[Choice], seed: int = 0) -> dict[str, Any]:
    """Whether the gate does work, ready for JSON: load (K,), load_entropy, units, and for each name of ``labels_of`` its information.

    bits  ``mutual_information``.   by_chance, chance_95  mean and 95 % point of its control.
    sign_bits  bits among signs alone, as letters are easily told from signs by whatever gate; None without signs.
    """
    weights, labels = _weights(choices), labels_of(choices)
    signs = np.array(labels["letter"]) != LETTER
    told = {}
    for name, of in labels.items():
        control = chance_information(weights, of, seed)
        told[name] = {"bits": mutual_information(weights, of), "by_chance": float(control.mean()), "chance_95": float(np.quantile(control, 0.95)),
                      "sign_bits": mutual_information(weights[signs], np.array(of)[signs]) if signs.any() else None}
    return {"units": len(weights), "load": weights.mean(0).tolist(), "load_entropy": load_entropy(weights), "information": told}


def roles(choices: Sequence[Choice], tempo: Sequence[float] | None = None, size: Sequence[float] | None = None) -> list[dict[str, Any]]:
    """What each expert is used for, ready for JSON: expert (from 1), load, seconds (of its units, by weight), lift, favours.

    lift      name of ``labels_of`` -> label -> its mean weight among the label's units, by its load; labels of fewer than ``FEWEST`` units
              and names with one label are left out.
    favours   [name, label, lift] of each name's label with the most lift above 1, strongest first.
    tempo, size (K,)  each expert's own manner, ``SLPMoE.log_tempo.exp()`` and ``log_size.exp()``, kept where given.
    """
    weights, labels = _weights(choices), labels_of(choices)
    seconds = np.concatenate([np.asarray(choice.seconds) for choice in choices])
    groups = {}
    for name, of in labels.items():
        frequent = [label for label, count in Counter(of).most_common() if count >= FEWEST]
        if len(frequent) > 1:
            groups[name] = {label: weights[np.array(of) == label].mean(0) for label in frequent}
    load, table = weights.mean(0), []
    for k in range(weights.shape[1]):
        lift = {name: {label: float(mean[k] / load[k]) if load[k] else 0.0 for label, mean in means.items()} for name, means in groups.items()}
        best = [(name, *max(found.items(), key=lambda item: item[1])) for name, found in lift.items()]
        row = {"expert": k + 1, "load": float(load[k]), "seconds": float(weights[:, k] @ seconds / max(weights[:, k].sum(), 1e-12)), "lift": lift,
               "favours": [list(one) for one in sorted((one for one in best if one[2] > 1), key=lambda one: -one[2])]}
        own = {name: float(values[k]) for name, values in (("tempo", tempo), ("size", size)) if values is not None}
        table.append(row | own)
    return table


def _weights(choices: Sequence[Choice]) -> np.ndarray:
    if not choices:
        raise SignerError("there is no choice to look at: choose for one sentence or more")
    return np.concatenate([np.asarray(choice.weights, float) for choice in choices])


def _coded(weights: np.ndarray, labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """-> weights (N, K), labels as (N, L) with one 1 in each row"""
    weights = np.asarray(weights, float)
    if weights.ndim != 2 or len(weights) != len(labels) or not len(labels):
        raise SignerError(f"gate weights of shape {weights.shape} need one label for each unit, not {len(labels)}")
    names, at = np.unique(labels, return_inverse=True)
    return weights, np.eye(len(names))[at]


def _information(weights: np.ndarray, coded: np.ndarray) -> float:
    given = coded.T @ weights / coded.sum(0)[:, None]                                                  # (L, K) p(k | label)
    return float(coded.mean(0) @ rel_entr(given, weights.mean(0)).sum(1) / np.log(2))


def _manners(choice: Choice) -> list[str]:
    """As ``performances.natural`` performs them: what stands in for a word has that word's manner."""
    glosses = {unit.gloss: PREFIX if unit.of or unit.stands_for else unit.name for unit in choice.units}
    return [LETTER if unit.of else manner([*glosses.values()], [*glosses].index(unit.gloss)) for unit in choice.units]


def _sign_type(offered: Sequence[Candidate]) -> str:
    for candidate in offered:
        if "parts" in candidate.phonology:
            return "compound"
        if "type" in candidate.phonology:
            result: str = candidate.phonology["type"]
            return result
    return UNKNOWN


def _handedness(candidate: Candidate) -> str:
    """By the ways of the wrists, so that recordings have one too."""
    right, left = np.linalg.norm(np.diff(candidate.poses.xyz[:, WRISTS], axis=0), axis=-1).sum(0)
    share = right / max(right + left, 1e-9)
    return "right" if share > ONE_HAND else "left" if share < 1 - ONE_HAND else "both"
