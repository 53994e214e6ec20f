"""SLP-MoE: for each sign or letter of a sentence, K experts choose among the prior's candidates, a gate weighs the experts, and the
blend becomes one steady sequence."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from signer_lib.assets import CHECKPOINTS
from signer_lib.checkpoint import damaged, load_json, load_weights, save_half
from signer_lib.errors import SignerError
from signer_lib.experts.blending import Blend, blend, blend_positions
from signer_lib.experts.chooser import FEATURES, PoseChosenNetworks, first_candidate, straight_through
from signer_lib.experts.gating import Gate, GateTerms, Query
from signer_lib.experts.layout import Plan, lay_out
from signer_lib.experts.offers import Offered, Offers
from signer_lib.experts.refinement import PHASE, Refiner, steady
from signer_lib.experts.timeline import REST, Boundary, course, left_course
from signer_lib.experts.transitions import FLAGS, Transitions, Ways
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.folder import Produced
from signer_lib.performances.natural import FPS, STILL, WAITING
from signer_lib.performances.nonmanual import mark, topic_of
from signer_lib.performances.trajectory import Trajectory
from signer_lib.performances.units import Span, Unit, units_of
from signer_lib.pose import PoseSequence
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Candidate, Prior

FEWEST = 3                                  # frames of a sign
HELD = 0.04                                 # seconds from which a pause is one
AXES = {"weights": ("unit", "expert"), "experts": ("unit", "expert"), "choices": ("unit", "expert", "candidate"), "mask": ("unit", "candidate"),
        "seconds": ("unit",), "queries": ("unit", "query")}


@dataclass
class Choice:
    """What the experts did for the n units of one sentence. ``AXES`` names every axis.

    weights (n, K) w_i of Eq. 7.    experts (n, K) which of them took part (top-k).    queries (n, d_q) q_i of Eq. 6.
    choices (n, K, C) pi_ik, 0 where a unit has fewer than C candidates, which mask (n, C) tells.
    seconds (n,) how long each unit takes.    topic  how many glosses at the beginning are the topic, which a pause ends.
    Weights, choices and seconds may be changed before ``SLPMoE.perform``.
    """

    units: list[Unit]
    candidates: list[list[Candidate]]
    weights: Tensor
    experts: Tensor
    choices: Tensor
    mask: Tensor
    seconds: Tensor
    queries: Tensor
    topic: int = 0


@dataclass
class MoEConfig:
    """A preset of ``signer_lib/presets/slp_moe_*.yaml``; the comments there say what each value is for."""

    d_query: int
    hidden: int
    experts: int
    temperature: float
    top_k: int
    gate: str
    chooser: str
    choice: str
    semantics: bool
    space: str
    frames: int
    channels: int
    cutoff: float
    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    candidates_dropped: float
    log_steps: int
    weight_rec: float
    weight_smooth: float
    weight_vel: float
    weight_hand: float
    weight_way: float
    weight_duration: float
    weight_balance: float

    def __post_init__(self) -> None:
        choices = {"gate": ("learned", "uniform"), "chooser": ("pcn", "first"), "choice": ("soft", "hard"), "space": ("directions", "positions")}
        for key, allowed in choices.items():
            if getattr(self, key) not in allowed:
                raise SignerError(f"{key} must be one of {', '.join(allowed)}, not '{getattr(self, key)}'")
        for key in ("d_query", "hidden", "experts", "temperature", "cutoff", "steps", "batch_size", "learning_rate", "log_steps"):
            if getattr(self, key) <= 0:
                raise SignerError(f"{key} must be more than 0, not {getattr(self, key)}")
        for key in ("top_k", "channels", "warmup_steps", *(name for name in self.__dataclass_fields__ if name.startswith("weight_"))):
            if getattr(self, key) < 0:
                raise SignerError(f"{key} must be 0 or more, not {getattr(self, key)}")
        if self.frames < 2 or not 0 <= self.candidates_dropped < 1:
            raise SignerError("frames must be 2 or more, and candidates_dropped from 0 to below 1")


class Chosen(NamedTuple):
    """Eq. 6-7 and the Pose Chosen Networks for N units: q (N, d_q), the gate's terms, pi (N, K, C), log_seconds (N,)."""

    q: Tensor
    gate: GateTerms
    pi: Tensor
    log_seconds: Tensor


def places(units: list[Unit]) -> Tensor:
    """(n, 3): whether the unit is a letter, the first of its word, the last of its word."""
    return torch.tensor([[u.of > 0, u.of > 0 and u.letter == 0, u.of > 0 and u.letter == u.of - 1] for u in units], dtype=torch.float32)


def flags_of(units: list[Unit], topic: int) -> Tensor:
    """(n + 1, 4) ``transitions.FLAGS`` of a sentence's boundaries, from rest to rest."""
    n = len(units)
    ends = [0 < topic == units[k - 1].gloss + 1 and (k == n or units[k].gloss != units[k - 1].gloss) if k else False for k in range(n + 1)]
    rows = [[k < n and units[k].letter > 0, k == 0, k == n, ends[k]] for k in range(n + 1)]
    return torch.tensor(rows, dtype=torch.float32).view(n + 1, len(FLAGS))


class SLPMoE(nn.Module):
    """Query (Eq. 6), gate (Eq. 7), Pose Chosen Networks [paper], blend (Eq. 8), transitions and R (Eq. 9); sizes and features are ours [ours].

    Each expert has a manner of its own [ours]: a tempo and a size that do not depend on the query, so only the gate can bring them in.
    """

    phi_mean: Tensor
    phi_std: Tensor
    rest_direction: Tensor
    rest_length: Tensor

    def __init__(self, d_state: int, config: MoEConfig):
        super().__init__()
        self.d_state, self.config = d_state, config
        K = config.experts
        self.Q = Query(d_state, config.d_query)
        self.G = Gate(config.d_query, K, config.temperature, config.top_k, config.gate == "uniform")
        self.PCN = PoseChosenNetworks(config.d_query, K, config.hidden)
        self.transitions = Transitions(config.d_query, config.hidden)
        self.R = Refiner(config.channels) if config.channels else None
        spread = torch.linspace(-1, 1, K) if K > 1 else torch.zeros(1)
        self.log_tempo, self.log_size = nn.Parameter(0.3 * spread), nn.Parameter(-0.1 * spread)
        self.register_buffer("phi_mean", torch.zeros(len(FEATURES)))
        self.register_buffer("phi_std", torch.ones(len(FEATURES)))
        rest = Trajectory.of(load_body().rest()[None])
        self.register_buffer("rest_direction", rest.direction, persistent=False)
        self.register_buffer("rest_length", rest.length, persistent=False)
        self._offers: Offers | None = None

    # --- the equations -----------------------------------------------------------------------------------------------
    def choose_units(self, states: Tensor, context: Tensor, place: Tensor, phi: Tensor, mask: Tensor) -> Chosen:
        """states, context (N, d), place (N, 3), phi (N, C, f), mask (N, C) -> Eq. 6, 7 and the choices"""
        q = self.Q(states, context, place)
        terms = self.G(q)
        if self.config.chooser == "first":
            pi = first_candidate(mask, self.config.experts)
        else:
            pi = self.PCN(q if self.config.semantics else torch.zeros_like(q), (phi - self.phi_mean) / self.phi_std, mask)
        pi = straight_through(pi) if self.config.choice == "hard" else pi
        return Chosen(q, terms, pi, self.log_seconds(terms.w, pi, phi))

    def log_seconds(self, w: Tensor, pi: Tensor, phi: Tensor) -> Tensor:
        """How long each unit takes: the chosen candidates' durations at the experts' tempi. w (N, K), pi (N, K, C), phi (N, C, f) -> (N,)"""
        candidates = torch.einsum("nkc,nc->nk", pi, phi[..., 0])                               # the log of the chosen candidates' seconds
        return (w * (candidates - self.log_tempo)).sum(-1)

    def blend_units(self, offered: Offered, w: Tensor, pi: Tensor) -> Blend:
        """Eq. 8 for N units, in the space that the settings name."""
        if self.config.space == "positions":
            return blend_positions(offered.direction, offered.length, w, pi)
        return blend(offered.direction, offered.length, w, pi, self.log_size.exp())

    def with_rest(self, *blends: Blend) -> tuple[Tensor, Tensor]:
        """All blended units with the signer's rest as the last: (N + 1, F, J, 3), (N + 1, F, J)."""
        F = blends[0].direction.shape[1]
        return (torch.cat([*(b.direction for b in blends), self.rest_direction[None].expand(-1, F, -1, -1)]),
                torch.cat([*(b.length for b in blends), self.rest_length[None].expand(-1, F, -1)]))

    def refine(self, direction: Tensor, phase: Tensor, mask: Tensor) -> Tensor:
        """R of Eq. 9, with the low-pass that ends it; shapes as ``refinement.Refiner``."""
        corrected = self.R(direction, phase, mask) if self.R is not None else direction
        return steady(corrected, mask, phase[..., PHASE.index("on the way")], FPS, self.config.cutoff)

    # --- a sentence --------------------------------------------------------------------------------------------------
    def offers(self, prior: Prior) -> Offers:
        """The prior's candidates in one time, kept from call to call."""
        if self._offers is None or self._offers.prior is not prior:
            self._offers = Offers(prior, self.config.frames)
        return self._offers

    def choose(self, sentence: GlossSentence, prior: Prior) -> Choice:
        """Eq. 6-7 and the Pose Chosen Networks for one sentence. Raises ``SignerError`` for a word that cannot be spelled."""
        return self.choose_all([sentence], prior)[0]

    @torch.no_grad()                                    # and not inference_mode: what it gives may be changed in place
    def choose_all(self, sentences: list[GlossSentence], prior: Prior) -> list[Choice]:
        """``choose`` for several sentences, all their units together."""
        rows, offers = [units_of(sentence.glosses, prior, sentence.text) for sentence in sentences], self.offers(prior)
        if not rows:
            return []
        phi, mask = offers.features([unit.name for units in rows for unit in units])
        states = torch.cat([sentence.states[[unit.gloss for unit in units]] for sentence, units in zip(sentences, rows)])
        context = torch.cat([sentence.context.expand(len(units), -1) for sentence, units in zip(sentences, rows)])
        chosen = self.choose_units(states, context, torch.cat([places(units) for units in rows]), phi, mask)
        out, start = [], 0
        for sentence, units in zip(sentences, rows):
            part = slice(start, start := start + len(units))
            C = int(mask[part].sum(1).max())
            out.append(Choice(units, [offers[unit.name].candidates for unit in units], chosen.gate.w[part], chosen.gate.mask[part],
                              chosen.pi[part, :, :C], mask[part, :C], chosen.log_seconds[part].exp(), chosen.q[part],
                              topic_of(sentence.text, sentence.glosses)))
        return out

    @torch.inference_mode()
    def perform(self, choices: list[Choice], prior: Prior, sentence_pause: float = 0.0) -> tuple[PoseSequence, list[Span]]:
        """Eq. 8-9: the chosen signs of all sentences, blended, joined and made steady. Units are counted through all sentences.

        sentence_pause  seconds that the last sign of each sentence is held.
        """
        offers, units = self.offers(prior), [unit for choice in choices for unit in choice.units]
        blends = [self.blend_units(offers.batch([unit.name for unit in choice.units]), choice.weights, choice.choices) for choice in choices]
        direction, length = self.with_rest(*blends)
        n = len(units)
        flags = torch.cat([flags_of(choice.units, choice.topic)[:-1] for choice in choices] + [torch.tensor([[0, 0, 1, 0]])])
        firsts = np.cumsum([0] + [len(choice.units) for choice in choices])
        flags[firsts[1:-1], 1] = 0.0                                                  # only the first sentence begins at rest
        before, after = torch.tensor([n, *range(n)]), torch.tensor([*range(n), n])
        found = self.transitions(direction, length, torch.cat([choice.queries for choice in choices]), Ways(before, after, flags))
        frames = (torch.cat([choice.seconds for choice in choices]) * FPS).round().int().clamp(min=FEWEST).tolist()
        ends = set((firsts[1:] - 1).tolist())
        boundaries = [Boundary(k - 1 if k else REST, k if k < n else REST, _held(float(found.hold[k]), k - 1 in ends, sentence_pause),
                               max(2, round(float(found.seconds[k]) * FPS))) for k in range(n + 1)]
        own, spans = course(frames, boundaries, round(STILL * FPS))
        plan = Plan.of([(own, left_course(own, spans, [offers[unit.name].left for unit in units], FPS, WAITING))], [n + 1])
        laid, lengths = lay_out(direction, length, found.bend, plan)
        refined = self.refine(laid[None], plan.phase[None], torch.ones(1, len(laid), dtype=torch.bool))[0]
        return Trajectory(refined, lengths).poses(FPS), spans

    def sign(self, sentences: list[GlossSentence], prior: Prior) -> list[Produced]:
        """Each sentence by itself, from glosses and states to poses with their markers."""
        return [self._sign(sentence, prior) for sentence in sentences]

    def _sign(self, sentence: GlossSentence, prior: Prior) -> Produced:
        choice = self.choose(sentence, prior)
        poses, spans = self.perform([choice], prior)
        return Produced(mark(poses, spans, [(sentence.text, sentence.glosses, [unit.gloss for unit in choice.units])]), spans)

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


def _held(seconds: float, ends: bool, sentence_pause: float) -> int:
    seconds = max(seconds if seconds >= HELD else 0.0, sentence_pause if ends else 0.0)
    return round(seconds * FPS)


def load_slp_moe(folder: Path | str | None = None) -> SLPMoE:
    """The shipped nano model, or another folder."""
    return SLPMoE.from_pretrained(folder or CHECKPOINTS / "slp-moe-nano")
