"""How thick the limbs of the studio's signers are, clothed: the radii whose control images cover what the studio shows. [ours]

    python -m signer_lib.render.studio.measure

The control image is differentiable in the radii too, so they are found by descent: over frames of the shipped clips the limbs' outline is to
be the signer's, and the hands' layers its hands. Writes ``data/signers/flesh.json``; needs the extra ``studio``.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from signer_lib.assets import DATA
from signer_lib.errors import run
from signer_lib.files import whole_file
from signer_lib.pose import PoseSequence
from signer_lib.render.control import LAYERS, LIMBS, control_image
from signer_lib.render.flesh import FLESH, GENERIC
from signer_lib.render.renderer.bundle import read_bundle
from signer_lib.render.studio.frames import studio_frames
from signer_lib.render.studio.looks import CROSSED, LOOKS, NUMBER

# who shows a body: the one that is held out wears the clothes that it is filmed in
SHOWN = {name: name for name in LOOKS} | {body: who for who, (body, _) in CROSSED.items()}
FRAMES, SIZE = 48, 128
STEPS, RATE, KEPT = 80, 0.04, 1e-4      # of Adam on the radii's logarithms; how strongly they stay where they were
EDGES = 0.04, 0.01                      # of the control images, from the first step to the last, shoulder widths
HANDS = {side: [k for k, layer in enumerate(LAYERS) if layer.startswith(side) and not layer.endswith("arm")] for side in ("right", "left")}
HEAD = [k for k, layer in enumerate(LAYERS) if layer in ("head", "face", "mouth")]
HEADS = [NUMBER[name] for name in ("face", "lips", "eye_white", "iris", "pupil", "lashes", "brows", "teeth", "mouth", "hair")]


def _twins() -> Tensor:
    """(L,) the number of each limb's group: a limb and its counterpart on the other side are as thick as each other."""

    def plain(joint: str) -> str:
        return joint[2:] if joint[:2] in ("r_", "l_") else joint

    names = [(limb.layer.split("_")[-1], *((*sorted(map(plain, point.joints)), point.shift) for point in limb.ends)) for limb in LIMBS]
    order = list(dict.fromkeys(names))
    return torch.tensor([order.index(name) for name in names])


def seen(xyz: np.ndarray, who: str) -> Tensor:
    """What the studio shows of poses (T, 70, 3): (T, 4, SIZE, SIZE) in 0..1, all of the signer, its head, its right hand and its left."""
    regions = np.stack([frame.regions for frame in studio_frames(PoseSequence(xyz, 25.0), who, size=2 * SIZE)])
    masks = np.stack([regions > 0, np.isin(regions, HEADS), *(regions == NUMBER[f"{side}_hand"] for side in HANDS)], 1)
    return F.avg_pool2d(torch.from_numpy(masks).float(), 2)


def told(control: Tensor) -> Tensor:
    """The same four of control images (T, K, S, S)."""
    layers = control[:, :len(LAYERS)]
    return torch.stack([layers.sum(1), layers[:, HEAD].sum(1), *(layers[:, part].sum(1) for part in HANDS.values())], 1)


def measured(xyz: np.ndarray, who: str) -> tuple[Tensor, list[float]]:
    """Radii (2, L) of the signer ``who``, and the mean squared error of the four masks before and after."""
    joints, truth = torch.from_numpy(xyz).float(), seen(xyz, who)
    twins = _twins()
    change = torch.zeros(2, int(twins.max()) + 1, requires_grad=True)
    optimizer = torch.optim.Adam([change], RATE)
    errors = []
    for step in range(STEPS + 1):
        edge = EDGES[0] * (EDGES[1] / EDGES[0]) ** (step / STEPS)
        radii = GENERIC * change[:, twins].exp()
        error = (told(control_image(joints, SIZE, edge=edge if 0 < step < STEPS else EDGES[1], radii=radii)) - truth).square().mean()
        errors.append(error.item())
        optimizer.zero_grad()
        (error + KEPT * change.square().mean()).backward()
        optimizer.step()
    return radii.detach(), [errors[0], errors[-1]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.render.studio.measure", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    poses = np.concatenate([clip.xyz for clip in read_bundle(DATA / "clips_nano", "train")])
    xyz, found = poses[np.linspace(0, len(poses) - 1, FRAMES).astype(int)], {}
    for body, who in SHOWN.items():
        radii, (before, after) = measured(xyz, who)
        found[body] = [[round(value, 4) for value in pair] for pair in radii.T.tolist()]
        print(f"{body}: mean squared error of the outlines {before:.4f} -> {after:.4f}", flush=True)
    with whole_file(FLESH) as part:
        part.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
