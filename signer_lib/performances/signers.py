"""Data set (a): signers made by rule, each with measures, habits and slips of its own. [ours]

They differ in size, speed, style and handedness, and some are recorded with noise. All are laid out with one signer's bones, so that
they can be blended and compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from signer_lib.performances.trajectory import Trajectory
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.directions import make_unit
from signer_lib.prior import body as bodies
from signer_lib.prior import fingerspelling, table
from signer_lib.prior.body import Body, load_body
from signer_lib.prior.building import LICENCE
from signer_lib.prior.compiler import Variant, compile_sign
from signer_lib.prior.handshapes import load_handshapes
from signer_lib.prior.phonology import load_signs
from signer_lib.progress import progress

FPS = 25.0
FACE, NECK = SIGNER70.groups["face"], SIGNER70.index("neck")
DEGREES = {"arm": 4.0, "hand": 6.0}             # standard deviation of a sign's own slip, constant through the sign
FINGERS = 0.05                                  # the same of a finger bone's direction
SPREAD = {"speed": 0.08, "size": 0.1, "raise": 0.03}    # of one signer's signs


@dataclass(frozen=True)
class Signer:
    """Compiles with the measures of ``body`` in the manner of ``variant``. ``shake``: noise on every bone's direction, frame by frame."""

    name: str
    pool: str
    body: str
    variant: Variant
    shake: float = 0.0


def _signer(name: str, pool: str, body: str, speed: float, size: float, raise_: float, handed: str = "right", shake: float = 0.0) -> Signer:
    return Signer(name, pool, body, Variant(name, speed, size, raise_, handed), shake)


SIGNERS = (
    _signer("quick", "prior", "small", 1.2, 0.9, 0.02), _signer("left", "prior", "default", 1.0, 1.0, 0.0, handed="left"),
    _signer("broad", "prior", "broad", 0.9, 1.1, -0.03), _signer("shaking", "prior", "tall", 1.05, 1.0, 0.0, shake=0.03),
    _signer("train-1", "train", "default", 1.05, 0.95, 0.01), _signer("train-2", "train", "small", 0.95, 1.1, -0.02),
    _signer("train-3", "train", "tall", 1.1, 1.0, 0.03), _signer("train-4", "train", "broad", 1.0, 0.9, 0.0),
    _signer("train-5", "train", "small", 1.0, 1.05, 0.0), _signer("train-6", "train", "broad", 1.1, 1.1, 0.02),
    _signer("train-7", "train", "default", 0.9, 0.9, -0.01), _signer("train-8", "train", "tall", 1.0, 0.95, -0.03),
    _signer("train-9", "train", "broad", 0.95, 1.0, 0.01), _signer("train-10", "train", "default", 1.15, 1.0, -0.02),
    _signer("train-11", "train", "tall", 0.95, 1.05, 0.0), _signer("train-12", "train", "small", 1.05, 0.9, 0.03),
    _signer("judge-1", "judge", "default", 0.95, 1.05, 0.02), _signer("judge-2", "judge", "small", 1.1, 0.95, 0.0),
    _signer("judge-3", "judge", "tall", 1.0, 1.1, -0.02), _signer("judge-4", "judge", "broad", 1.05, 1.0, 0.03),
    _signer("dev-1", "dev", "default", 1.1, 1.05, -0.01), _signer("dev-2", "dev", "tall", 0.95, 0.95, 0.02),
    _signer("test-1", "test", "small", 1.0, 1.0, 0.01), _signer("test-2", "test", "broad", 1.1, 1.05, -0.02),
    _signer("test-3", "test", "default", 0.95, 0.95, 0.03),
)


def clips_of(signer: Signer, letters: dict[str, PoseSequence], seed: int = 0) -> Iterator[dict[str, Any]]:
    """Every sign of the lexicon, and every recorded letter, as this signer does it: rows of a prior's table."""
    body, bones, signs, handshapes = load_body(bodies.SIGNERS / f"{signer.body}.yaml"), load_body(), load_signs(), load_handshapes()
    for gloss in progress([*signs, *letters], f"signer {signer.name}"):
        rng = np.random.default_rng([seed, crc32(f"{signer.name} {gloss}".encode())])
        if gloss in signs:
            speed, size, raise_ = (spread * rng.standard_normal() for spread in SPREAD.values())
            way = replace(signer.variant, speed=signer.variant.speed * np.exp(speed), size=signer.variant.size * np.exp(size),
                          raise_=signer.variant.raise_ + raise_, handed="right")
            poses, phonology, source, licence = compile_sign(signs[gloss], body, way, FPS, handshapes), asdict(signs[gloss]), "rule", LICENCE
        else:
            poses, phonology, source, licence = letters[gloss], {"handshape": [gloss.lower()]}, "recording", fingerspelling.LICENCE
            poses = poses.stretch(max(6, round(len(poses) / signer.variant.speed)))
        poses = slipped(poses, body if gloss in signs else bones, bones, rng, signer.shake)
        yield table.clip_row(gloss, signer.name, poses.mirrored() if signer.variant.handed == "left" else poses, source=source, licence=licence,
                             signer=signer.name, phonology=phonology)


def slipped(poses: PoseSequence, body: Body, bones: Body, rng: np.random.Generator, shake: float = 0.0) -> PoseSequence:
    """A clip of ``body`` done a little differently, laid out with the lengths of ``bones``."""
    path = Trajectory.of(poses.xyz)
    own, theirs = (Trajectory.of(each.rest()[None]).length[0] for each in (body, bones))
    direction = path.direction.clone()
    for side, first in (("l", 8), ("r", 29)):
        for joint in ("elbow", "wrist"):
            at = SIGNER70.index(f"{side}_{joint}")
            direction[:, at] = direction[:, at] @ _turned(rng, DEGREES["arm"])
        fingers = slice(first + 1, first + 21)                              # the hand's own first joint lies on the arm's wrist
        direction[:, fingers] = direction[:, fingers] @ _turned(rng, DEGREES["hand"])
        direction[:, fingers] += FINGERS * torch.from_numpy(rng.standard_normal((20, 3))).float()
    if shake:
        moving = [*range(2, 8), *range(9, 29), *range(30, 50)]
        direction[:, moving] += shake * torch.from_numpy(rng.standard_normal((len(path), len(moving), 3))).float()
    direction[:, NECK] = torch.from_numpy(bones.rest()[NECK]).float()       # the root is a position
    length = theirs.expand(len(path), -1).clone()
    length[:, FACE] = path.length[:, FACE] * (theirs[FACE] / own[FACE])
    return Trajectory(make_unit(direction), length).poses(poses.fps)


def _turned(rng: np.random.Generator, degrees: float) -> torch.Tensor:
    return torch.from_numpy(Rotation.from_rotvec(np.radians(degrees) * rng.standard_normal(3)).as_matrix()).float()
