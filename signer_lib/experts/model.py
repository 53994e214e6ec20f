"""SLP-MoE: for each sign or letter of a sentence, K experts choose among the prior's candidates and a gate weighs the experts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from signer_lib.assets import CHECKPOINTS
from signer_lib.checkpoint import damaged, load_json, load_weights, save_half
from signer_lib.experts.blending import FACE_JOINTS, blend, from_directions, to_directions
from signer_lib.experts.chooser import FEATURES, PoseChosenNetworks, candidate_features
from signer_lib.experts.gating import Gate, Query
from signer_lib.language.slul import GlossSentence
from signer_lib.prior.database import Candidate, Prior
from signer_lib.prior.fingerspelling import PREFIX, spell
from signer_lib.prior.neighbours import stand_in


@dataclass(frozen=True)
class Unit:
    """What the experts perform one after another: a sign, or one letter of a spelled word.

    name  the prior's gloss ("BOOK", "S").   gloss  index of its gloss in the sentence.   letter, of  place in the word, or (0, 0) for a sign.
    stands_for, why  the word that has no sign and for which this one is signed, and the reason; "" for all others.
    """

    name: str
    gloss: int
    letter: int = 0
    of: int = 0
    stands_for: str = ""
    why: str = ""


@dataclass
class Choice:
    """What the experts did for n units; every axis has a name.

    weights (n, K) w_i of Eq. 7.   choices (n, K, C) pi_ik, 0 where a unit has fewer than C candidates.   seconds (n,) expected durations.
    """

    units: list[Unit]
    candidates: list[list[Candidate]]
    weights: Tensor
    choices: Tensor
    seconds: Tensor


@dataclass
class MoEConfig:
    """A preset of ``signer_lib/presets/slp_moe_*.yaml``; the comments there say what each value is for."""

    d_query: int
    hidden: int
    experts: int
    temperature: float
    steps: int
    batch_size: int
    learning_rate: float
    frames: int
    weight_duration: float
    weight_balance: float
    weight_velocity: float
    weight_hand: float


def units_of(glosses: list[str], prior: Prior, text: str | None = None) -> list[Unit]:
    """Glosses -> signs and letters. ``fs-SAM`` becomes S, A, M; so does a gloss that the prior does not hold.

    text  the sentence: with it, a word that is no name and has a synonym with a sign is signed by that, ``fs-MOTORCAR`` as CAR.
    """
    units = []
    for i, gloss in enumerate(glosses):
        instead = stand_in(gloss.removeprefix(PREFIX), prior, text) if text is not None and gloss.startswith(PREFIX) else None
        if instead and instead.gloss:
            units.append(Unit(instead.gloss, i, stands_for=instead.word, why=instead.why))
        elif not gloss.startswith(PREFIX) and gloss in prior:
            units.append(Unit(gloss, i))
        else:
            letters = spell(gloss)
            units += [Unit(name, i, k, len(letters)) for k, name in enumerate(letters)]
    return units


def places(units: list[Unit]) -> Tensor:
    """(n, 3): whether the unit is a letter, the first of its word, the last of its word."""
    return torch.tensor([[u.of > 0, u.of > 0 and u.letter == 0, u.of > 0 and u.letter == u.of - 1] for u in units], dtype=torch.float32)


class SLPMoE(nn.Module):
    """Query (Eq. 6), gate (Eq. 7), Pose Chosen Networks [paper] and blend (Eq. 8); the sizes and features are ours [ours]."""

    def __init__(self, d_state: int, config: MoEConfig):
        super().__init__()
        self.d_state, self.config = d_state, config
        self.Q = Query(d_state, config.d_query)
        self.G = Gate(config.d_query, config.experts, config.temperature)
        self.PCN = PoseChosenNetworks(config.d_query, config.experts, config.hidden)
        self.register_buffer("phi_mean", torch.zeros(len(FEATURES)))
        self.register_buffer("phi_std", torch.ones(len(FEATURES)))

    def forward(self, states: Tensor, context: Tensor, place: Tensor, phi: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """states, context (N, d), place (N, 3), phi (N, C, f), mask (N, C) -> w (N, K), pi (N, K, C)"""
        q = self.Q(states, context, place)
        return self.G(q), self.PCN(q, (phi - self.phi_mean) / self.phi_std, mask)

    @torch.inference_mode()
    def choose(self, sentence: GlossSentence, prior: Prior) -> Choice:
        """Eq. 6-7 and the Pose Chosen Networks for one sentence. Raises ``SignerError`` for a word that cannot be spelled."""
        units = units_of(sentence.glosses, prior, sentence.text)
        candidates = [prior.candidates(u.name) for u in units]
        most = max(map(len, candidates))
        phi, mask = torch.zeros(len(units), most, len(FEATURES)), torch.zeros(len(units), most, dtype=torch.bool)
        for i, offered in enumerate(candidates):
            phi[i, :len(offered)] = torch.from_numpy(np.stack([candidate_features(c.poses, c.source == "recording") for c in offered]))
            mask[i, :len(offered)] = True
        states = sentence.states[[u.gloss for u in units]]
        w, pi = self(states, sentence.context.expand(len(units), -1), places(units), phi, mask)
        seconds = (mixture(w, pi) * phi[..., 0].exp() * mask).sum(-1)
        return Choice(units, candidates, w, pi, seconds)

    @torch.inference_mode()
    def perform(self, choice: Choice, fps: float) -> list[np.ndarray]:
        """Eq. 8 for each unit: its candidates, time-aligned to the expected duration and blended. -> n arrays (T_i, J, 3)"""
        weight, out = mixture(choice.weights, choice.choices), []
        for i, offered in enumerate(choice.candidates):
            frames = max(2, round(float(choice.seconds[i]) * fps))
            aligned = torch.from_numpy(np.stack([c.poses.stretch(frames, fps).xyz for c in offered]))
            direction, length = blend(*(x[None] for x in to_directions(aligned)), weight[i:i + 1, :len(offered)])
            bones = to_directions(torch.from_numpy(offered[0].poses.xyz[0]))[1]     # time-stretching shortened them a little
            bones = torch.where(FACE_JOINTS, length[0], bones)
            out.append(from_directions(direction[0], bones).numpy())
        return out

    # --- on disk -----------------------------------------------------------------------------------------------------
    def save_pretrained(self, folder: Path) -> None:
        """Writes into an existing folder; see ``files.filling``."""
        (folder / "config.json").write_text(json.dumps({"d_state": self.d_state, **asdict(self.config)}, indent=2) + "\n", encoding="utf-8")
        save_half(self, folder / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: Path | str) -> SLPMoE:
        """Raises ``SignerError`` in one line if the folder is no checkpoint or is damaged."""
        config = load_json(folder, keys=("d_state",))
        try:
            model = cls(config.pop("d_state"), MoEConfig(**config))
        except (TypeError, KeyError, RuntimeError) as error:
            raise damaged(Path(folder), error) from None
        load_weights(model, Path(folder))
        return model.eval()


def mixture(w: Tensor, pi: Tensor) -> Tensor:
    """Eq. 8's inner sum over the experts, sum_k w_ik pi_ikc: the weight of each candidate. [paper] (N, K), (N, K, C) -> (N, C), rows sum to 1"""
    return torch.einsum("nk,nkc->nc", w, pi)


def load_slp_moe(folder: Path | str | None = None) -> SLPMoE:
    """The shipped nano model, or another folder."""
    return SLPMoE.from_pretrained(folder or CHECKPOINTS / "slp-moe-nano")


