"""Training SLP-MoE on SLUL's frozen states [paper: Alg. 1's order; ours: the loop] and on rule-made targets (see prosody.py). [ours]

    python -m signer_lib.experts.training --size nano --seed 1 --out data/checkpoints/slp-moe-nano
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor

from signer_lib.checkpoint import save_trained
from signer_lib.config import load_config
from signer_lib.errors import run
from signer_lib.experts.blending import blend, from_directions, to_directions
from signer_lib.experts.chooser import FEATURES, candidate_features
from signer_lib.experts.gating import load_balance
from signer_lib.experts.losses import loss_duration, loss_hand, loss_rec, loss_vel
from signer_lib.experts.model import MoEConfig, SLPMoE, Unit, mixture, places, units_of
from signer_lib.experts.prosody import MANNERS, letter_tempo, manner
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.language.slul import GlossSentence, load_slul
from signer_lib.prior.body import load_body
from signer_lib.prior.compiler import compile_sign
from signer_lib.prior.database import Prior
from signer_lib.prior.phonology import load_signs
from signer_lib.progress import progress


@dataclass
class Pool:
    """Every gloss's candidates and targets as arrays, so that a batch is an index. G glosses, C candidates, M manners, T frames.

    direction, length, phi, mask: of the candidates (G, C, ...).   target (G, M, T, J, 3), seconds (G, M): of the performances.
    """

    index: dict[str, int]
    direction: Tensor
    length: Tensor
    phi: Tensor
    mask: Tensor
    target: Tensor
    seconds: Tensor


def make_pool(prior: Prior, frames: int) -> Pool:
    """Candidates from the prior; targets compiled in manners the prior does not hold (a letter's only differs in time)."""
    body, signs, names = load_body(), load_signs(), list(prior.glosses)
    most = max(len(prior.candidates(name)) for name in names)
    poses = np.zeros((len(names), most, frames, 70, 3), np.float32)
    phi, mask = np.zeros((len(names), most, len(FEATURES)), np.float32), np.zeros((len(names), most), bool)
    target, seconds = np.zeros((len(names), len(MANNERS), frames, 70, 3), np.float32), np.ones((len(names), len(MANNERS)), np.float32)
    for g, name in enumerate(progress(names, "targets")):
        for c, offered in enumerate(prior.candidates(name)):
            poses[g, c], mask[g, c] = offered.poses.stretch(frames).xyz, True
            phi[g, c] = candidate_features(offered.poses, offered.source == "recording")
        for m, variant in enumerate(MANNERS.values()):
            done = compile_sign(signs[name], body, variant) if name in signs else prior.candidates(name)[0].poses
            target[g, m], seconds[g, m] = done.stretch(frames).xyz, done.duration
    poses[~mask] = poses[:, :1].repeat(most, 1)[~mask]
    direction, length = to_directions(torch.from_numpy(poses))
    return Pool({name: g for g, name in enumerate(names)}, direction, length, *map(torch.from_numpy, (phi, mask, target, seconds)))


@dataclass
class Examples:
    """N units of the corpus with their states and what is asked of them."""

    states: Tensor
    context: Tensor
    place: Tensor
    gloss: Tensor
    manner: Tensor
    tempo: Tensor


def make_examples(sentences: list[GlossSentence], prior: Prior, pool: Pool) -> Examples:
    rows: list[tuple] = []
    for sentence in sentences:
        for unit in units_of(sentence.glosses, prior):
            rows.append((sentence.states[unit.gloss], sentence.context, *_asked(unit, sentence.glosses, pool)))
    states, context, units, gloss, manners, tempo = zip(*rows)
    return Examples(torch.stack(states), torch.stack(context), places(list(units)), torch.tensor(gloss), torch.tensor(manners), torch.tensor(tempo))


def _asked(unit: Unit, glosses: list[str], pool: Pool) -> tuple[Unit, int, int, float]:
    if unit.of:
        return unit, pool.index[unit.name], list(MANNERS).index("even"), letter_tempo(unit.letter, unit.of)
    return unit, pool.index[unit.name], list(MANNERS).index(manner(glosses, unit.gloss)), 1.0


def step(model: SLPMoE, pool: Pool, examples: Examples, rows: Tensor, config: MoEConfig) -> dict[str, Tensor]:
    """All terms of the objective for a batch of units, by name; ``total`` is their weighted sum."""
    g, m = examples.gloss[rows], examples.manner[rows]
    w, pi = model(examples.states[rows], examples.context[rows], examples.place[rows], pool.phi[g], pool.mask[g])
    weight = mixture(w, pi)
    P = from_directions(*blend(pool.direction[g], pool.length[g], weight))
    target = pool.target[g, m]
    log_seconds = (weight * pool.phi[g][..., 0]).sum(-1)
    terms = {"rec": loss_rec(P, target), "vel": loss_vel(P, target), "hand": loss_hand(P, target),
             "duration": loss_duration(log_seconds.exp(), pool.seconds[g, m] * examples.tempo[rows]), "balance": load_balance(w)}
    terms["total"] = (terms["rec"] + config.weight_velocity * terms["vel"] + config.weight_hand * terms["hand"]
                      + config.weight_duration * terms["duration"] + config.weight_balance * terms["balance"])
    return terms


def train(config: MoEConfig, out: Path, seed: int, sentences: int = 1500) -> SLPMoE:
    """Trains on the states of ``sentences`` corpus sentences; writes weights, log and settings to ``out``."""
    set_seed(seed)
    accelerator, slul, prior = Accelerator(cpu=True), load_slul(), Prior.open()      # nano: a few minutes on a CPU
    texts = [text for text, _ in random.Random(seed).sample(read_pairs(FOLDER, "train"), sentences)]
    found = slul.translate(texts, beams=1)
    pool = make_pool(prior, config.frames)
    held, kept = make_examples(found[:sentences // 10], prior, pool), make_examples(found[sentences // 10:], prior, pool)
    model = SLPMoE(kept.states.shape[1], config)
    offered = pool.phi[pool.mask]
    model.phi_mean.copy_(offered.mean(0)), model.phi_std.copy_(offered.std(0).clamp(min=1e-3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, config.steps)
    model, optimizer = accelerator.prepare(model, optimizer)
    log, start = [], time.monotonic()
    for k in progress(range(config.steps), "slp-moe"):
        terms = step(model, pool, kept, torch.randint(len(kept.gloss), (config.batch_size,)), config)
        accelerator.backward(terms["total"])
        optimizer.step(), schedule.step(), optimizer.zero_grad()
        if (k + 1) % 100 == 0:
            with torch.inference_mode():
                rows = torch.arange(len(held.gloss))
                held_out = {f"held_{name}": value for name, value in step(model, pool, held, rows, config).items()}
                load = model.G(model.Q(held.states, held.context, held.place)).mean(0)
            line = {name: round(v.item(), 4) for name, v in (terms | held_out).items()}
            log.append({"step": k + 1, **line, "load": [round(x, 3) for x in load.tolist()], "minutes": round((time.monotonic() - start) / 60, 2)})
            print(json.dumps(log[-1]), flush=True)
    save_trained(accelerator.unwrap_model(model), out, log, asdict(config) | {"seed": seed, "sentences": sentences})
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="nano", help="a preset slp_moe_SIZE, or a YAML file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    size = args.size if args.size.endswith(".yaml") else f"slp_moe_{args.size}"
    train(load_config(MoEConfig, size), args.out, args.seed)


if __name__ == "__main__":
    run(main)
