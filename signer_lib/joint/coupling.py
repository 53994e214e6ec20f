"""A frozen renderer that looks at what the experts do: poses -> differentiable control images -> pictures -> a loss, with a gradient back. [ours]

The paper reuses the semantic features for fine-tuning the experts [paper]. Here SLUL's states choose and blend the poses (Eq. 6-8) and tell the
renderer what is signed; what its picture lacks beside the reference comes back through the control image to R, the blend, the gate.

The reference is a frame of the *same true poses*: the studio's, or the frozen renderer's own picture of them. The head and the face follow rules
that no weight moves, so they are the truth's in both.
"""

from __future__ import annotations

import math
import random
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from signer_lib.errors import SignerError
from signer_lib.experts.refinement import MOVING
from signer_lib.joint.sentences import Sentence
from signer_lib.joint.settings import JointConfig
from signer_lib.render.control import EDGE
from signer_lib.render.flesh import flesh
from signer_lib.render.renderer.autoencoder import factor
from signer_lib.render.renderer.batches import Batch, corner_of
from signer_lib.render.renderer.conditioning import Meaning, meaning_of
from signer_lib.render.renderer.losses import hand_weights, pixel_losses
from signer_lib.render.renderer.pipeline import RendererPipeline
from signer_lib.render.renderer.sampling import clean

ARMS = sorted({*MOVING, 8, 29})             # shoulders, arms and hands: what the experts show


class Moment(NamedTuple):
    """A frame of a sentence: the sentence's row in its batch, the frame, in which style, by whom, and the clip's frame where there is one."""

    row: int
    frame: int
    style: str
    signer: str
    body: str
    picture: np.ndarray | None


def moments(sentences: list[Sentence], count: int, styles: list[str], signers: list[str], rng: np.random.Generator) -> list[Moment]:
    """``count`` moments, by turns from each sentence: of its clip where it has one, else from anywhere in its signing, in any style."""
    found = []
    for k in range(count):
        row = k % len(sentences)
        sentence, clip = sentences[row], sentences[row].clip
        frame = int(rng.integers(*((clip.start, clip.stop) if clip else sentence.signing)))
        style, signer = str(rng.choice(styles)), str(rng.choice(signers))
        found.append(Moment(row, frame, clip.style, clip.signer, clip.body, clip.frames[frame - clip.start]) if clip
                     else Moment(row, frame, style, signer, signer, None))
    return found


def dressed(P: Tensor, truth: Tensor) -> Tensor:
    """Shoulders, arms and hands of P with the head and face of the truth: (..., 70, 3) each."""
    keep = torch.zeros(P.shape[-2], 1, dtype=torch.bool)
    keep[ARMS] = True
    return torch.where(keep, P, truth.to(P))


class Coupling:
    """``coupling.look(...)`` for what is to be seen, ``coupling.loss(look, xyz, ...)`` for how other poses would look there.

    renderer  stays as it is: it has no gradient.    Raises ``SignerError`` if the parts of pictures do not fit it.
    """

    def __init__(self, renderer: RendererPipeline, config: JointConfig):
        self.renderer, self.config, self.size = renderer.ready(renderer.unet.device), config, renderer.config.size
        self.crop, self.grid = config.crop or self.size, factor(renderer.vae)
        self.styles, self.signers = (list(renderer.conditioner.config[kind]) for kind in ("styles", "signers"))
        least = math.lcm(self.grid * 2 ** (len(renderer.unet.config.block_out_channels) - 1), renderer.refiner.factor if renderer.refiner else 1)
        if self.crop > self.size or self.crop % least or self.crop // max(config.scales) < 4:
            raise SignerError(f"crop must be a multiple of {least} up to {self.size}, or 0 for whole pictures, and at least four times the largest "
                              f"of scales, not {config.crop}")

    def look(self, sentences: list[Sentence], chosen: list[Moment], seed: str, noise: int = 0, edge: float = EDGE) -> Batch:
        """What is to be seen at these moments, n windows of one frame; where there is no clip, in the renderer's picture of the true poses.

        seed  of the parts of pictures.    noise, edge  of those pictures, as for ``loss``.
        """
        rng, settings = random.Random(seed), self.renderer.conditioner.config
        xyz = np.stack([sentences[m.row].performed.poses.xyz[m.frame:m.frame + 1] for m in chosen])                   # (n, 1, 70, 3)
        corners = [corner_of(joints, self.size, self.crop, self.grid, rng) if self.crop < self.size else (0, 0) for joints in xyz]
        pixels = torch.zeros(len(chosen), 1, 3, self.crop, self.crop)
        for k, (m, (x, y)) in enumerate(zip(chosen, corners)):
            if m.picture is not None:
                pixels[k, 0] = torch.from_numpy(m.picture[y:y + self.crop, x:x + self.crop]).permute(2, 0, 1).float() / 127.5 - 1

        def number(kind: str) -> list[int]:
            return [self.renderer.conditioner.number(kind, getattr(m, kind)) for m in chosen]

        meaning = meaning_of([(sentences[m.row].signed(m.frame, m.frame + 1), 0, 1) for m in chosen], number("style"), number("signer"),
                             settings.d_state, settings.most)
        radii = torch.stack([flesh(m.body) for m in chosen])[:, None]
        batch = Batch(pixels, torch.from_numpy(xyz), radii, meaning, torch.tensor(corners, dtype=torch.float32), self.size)
        batch = batch.to(self.renderer.unet.device)
        if blind := [k for k, m in enumerate(chosen) if m.picture is None]:
            def rows(value: Tensor) -> Tensor:
                return value[blind]

            part = Batch(rows(batch.pixels), rows(batch.xyz), rows(batch.radii), Meaning(*map(rows, batch.told)), rows(batch.corner), self.size)
            with torch.no_grad():
                batch.pixels[blind] = self.pictures(part, part.xyz, noise, edge).to(batch.pixels)
        return batch

    def pictures(self, look: Batch, xyz: Tensor, noise: int = 0, edge: float = EDGE) -> Tensor:
        """What the renderer makes of the poses xyz (n, 1, 70, 3) at that look, in the steps that it takes in use: (n, 1, 3, crop, crop).

        noise  the seed of what they begin with.    edge  of the limbs in the control images, see ``render.control``.
        """
        renderer, side = self.renderer, self.crop // self.grid
        control = look._replace(xyz=xyz.to(look.pixels.device)).control(edge).to(renderer.controlnet.dtype)
        begun = renderer.noise(renderer.config.steps, noise)[..., :side, :side]
        return renderer.pictures(clean(renderer.window(control, look.told, begun)), control, look.told, look.corner)

    def loss(self, look: Batch, xyz: Tensor, noise: int = 0, edge: float = EDGE) -> dict[str, Tensor]:
        """L_render: absolute difference and 1 - SSIM of the pictures of xyz and of the look, where the true hands are more, and their sum "render".

        At every one of ``scales``: pictures made so many times smaller, in which a hand that is beside its place is still felt.
        """
        made, truth = self.pictures(look, xyz, noise, edge).flatten(0, 1), look.pixels.flatten(0, 1)
        weights = hand_weights(look.control().flatten(0, 1), self.config.weight_hands)
        sums: dict[str, Any] = {"pixels": 0.0, "structure": 0.0}
        for scale in self.config.scales:
            terms = pixel_losses(*(F.avg_pool2d(x, scale) for x in (made, truth.to(made), weights.to(made))))
            sums = {name: sums[name] + terms[name] / len(self.config.scales) for name in sums}
        return sums | {"render": sums["pixels"] + self.config.weight_ssim * sums["structure"]}
