"""Poses -> control images: soft limbs in one channel for each articulator, differentiable in the joint positions. Torch. [ours]

The renderer is told where everything is by these images, and through them its loss reaches the poses and so the gate: the paper asks
for the semantic features to be reused [paper], and only a differentiable image makes that real.

Every limb is a capsule: a segment between two points that are sums of joints, with a radius at each end and an edge that falls softly
from 1 to 0. What lies nearer covers what lies farther, softly too, so that a gradient tells how a hand would come out from behind.

The edge ends at a finite distance. So a limb is computed in those tiles of ``TILE`` x ``TILE`` pixels alone that it reaches, nothing is
lost by it, and a signer takes about a twentieth of the work of limbs times pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from PIL import ImageColor
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from signer_lib.errors import SignerError
from signer_lib.pose.skeleton import FINGERS, HAND_JOINTS, SIGNER70
from signer_lib.render.framing import Framing
from signer_lib.render.style import OKABE_ITO, blend

PARTS = ("palm", *FINGERS)
LAYERS = ("trunk", "right_arm", "left_arm", *(f"right_{part}" for part in PARTS), *(f"left_{part}" for part in PARTS), "head", "face", "mouth")
CHANNELS = (*LAYERS, "depth")           # depth: how near what is seen there is, 0 where there is nothing
EDGE = 0.02                             # half the width of the soft edge, shoulder widths; the pixel's own blur comes on top
DEPTH_EDGE = 0.02                       # how much nearer, in shoulder widths, makes 73 % of a limb cover another
FRONT = 0.05                            # how much nearer makes a limb count e times as much for where its layer is
NEAR, FAR = 1.5, -0.5                   # z that is 1 and 0 in the depth channel
BEHIND = 0.30                           # trunk and head are solid: their axes stand this much behind their joints, so that hands stay in front
TILE = 8                                # pixels
AT_ONCE = 2 ** 19                       # pixels of all frames that are worked on together: the memory's bound
SHORT = 0.01                            # a segment below this length, seen from the front, is a disc

FINGER_RADII = {"thumb": (0.044, 0.038, 0.032, 0.026), "index": (0.031, 0.029, 0.026, 0.023), "middle": (0.031, 0.030, 0.027, 0.023),
                "ring": (0.030, 0.028, 0.026, 0.022), "little": (0.028, 0.025, 0.022, 0.020)}
PALM_RADII = (0.042, 0.036, 0.036, 0.035, 0.033)     # at the bases of the fingers

# Okabe and Ito's colours, readable with every common colour vision; the left side is lighter, so that lightness alone tells the sides apart
_RIGHT = {"arm": OKABE_ITO["blue"], "palm": "#808080", "thumb": OKABE_ITO["yellow"], "index": OKABE_ITO["sky"],
          "middle": OKABE_ITO["vermilion"], "ring": OKABE_ITO["green"], "little": OKABE_ITO["purple"]}
COLOURS = {"trunk": "#262626", "head": "#595959", "face": "#ffffff", "mouth": OKABE_ITO["orange"],
           **{f"right_{part}": colour for part, colour in _RIGHT.items()},
           **{f"left_{part}": blend(colour, "#ffffff", 0.4) for part, colour in _RIGHT.items()}}


class Point(NamedTuple):
    """A sum of joints with weights that add to 1, moved by ``shift`` (shoulder widths)."""

    joints: dict[str, float]
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Limb(NamedTuple):
    """A capsule from one point to another, with a radius at each, in one of ``LAYERS``."""

    layer: str
    ends: tuple[Point, Point]
    radii: tuple[float, float]


def _line(layer: str, named: Sequence[str | Point], radii: tuple[float, ...]) -> list[Limb]:
    points = [Point({point: 1.0}) if isinstance(point, str) else point for point in named]
    return [Limb(layer, ends, both) for ends, both in zip(zip(points, points[1:]), zip(radii, radii[1:]))]


def _limbs() -> list[Limb]:
    def solid(joints: dict[str, float], down: float = 0.0) -> Point:
        return Point(joints, (0.0, -down, -BEHIND))

    def on_neck(part: float) -> Point:
        return solid({"neck": 1 - part, "nose": part})                # 0 at the neck, 1 at the nose, and beyond it

    limbs = _line("trunk", [solid({"r_shoulder": 1.0}), solid({"l_shoulder": 1.0})], (0.13, 0.13))
    limbs += _line("trunk", [on_neck(0.0), on_neck(0.75)], (0.13, 0.12)) + _line("head", [on_neck(0.905), on_neck(1.34)], (0.20, 0.235))
    for side, name in (("r", "right"), ("l", "left")):
        flank = {"neck": 0.6, f"{side}_shoulder": 0.4}
        limbs += _line("trunk", [solid(flank, down) for down in (0.3, 0.9, 1.5)], (0.28, 0.28, 0.28))
        limbs += _line(f"{name}_arm", [f"{side}_{part}" for part in ("shoulder", "elbow", "wrist")], (0.13, 0.10, 0.062))
        hand = [f"{side}_hand_{part}" for part in HAND_JOINTS]
        for base, radius in zip(hand[1::4], PALM_RADII):
            limbs += _line(f"{name}_palm", [hand[0], base], (0.055, radius))
        limbs += _line(f"{name}_palm", hand[5::4], PALM_RADII[1:])
        for number, finger in enumerate(FINGERS):
            limbs += _line(f"{name}_{finger}", hand[1 + 4 * number:5 + 4 * number], FINGER_RADII[finger])
        limbs += _line("face", [f"{side}_lid_upper", f"{side}_lid_lower"], (0.020, 0.020))
        limbs += _line("face", [f"{side}_brow_{k}" for k in range(5)], (0.012,) * 5)
    between_eyes = Point({f"{side}_lid_{lid}": 0.25 for side in "rl" for lid in ("upper", "lower")})
    limbs += _line("face", [between_eyes, "nose"], (0.008, 0.016))
    for lip in ("upper_outer", "upper_inner", "lower_inner", "lower_outer"):
        limbs += _line("mouth", ["r_lip_corner", f"lip_{lip}", "l_lip_corner"], (0.009,) * 3)
    return sorted(limbs, key=lambda limb: LAYERS.index(limb.layer))


LIMBS = _limbs()


class Shapes(NamedTuple):
    """``LIMBS`` as numbers, L of them: weights (2, L, J), shifts (2, L, 3), radii (2, L), layer (L,), growing."""

    weights: Tensor
    shifts: Tensor
    radii: Tensor
    layer: Tensor


@lru_cache(maxsize=8)
def _shapes(device: torch.device, dtype: torch.dtype) -> Shapes:
    weights, shifts, radii = np.zeros((2, len(LIMBS), len(SIGNER70))), np.zeros((2, len(LIMBS), 3)), np.zeros((2, len(LIMBS)))
    for row, limb in enumerate(LIMBS):
        radii[:, row] = limb.radii
        for end, point in enumerate(limb.ends):
            shifts[end, row] = point.shift
            for name, weight in point.joints.items():
                weights[end, row, SIGNER70.index(name)] = weight
    weigh, shift, radius = (torch.from_numpy(values).to(device, dtype) for values in (weights, shifts, radii))
    return Shapes(weigh, shift, radius, torch.tensor([LAYERS.index(limb.layer) for limb in LIMBS], device=device))


def control_image(xyz: Tensor, size: int = 256, framing: Framing = Framing(), edge: float = EDGE, dtype: torch.dtype | None = None,
                  radii: Tensor | None = None) -> Tensor:
    """The control images of poses.

    xyz      (..., 70, 3) signer70 joints, shoulder widths; NaN where missing. A limb with a missing joint is left out, and its joints get
             a gradient of 0.
    size     pixels a side, 8 or more.
    edge     half the width of the soft edge, shoulder widths, 0 or more: a wider one lets a gradient reach farther.
    dtype    of the images; left out, that of ``xyz``. The geometry is computed in float32 at least.
    radii    (..., 2, L) how thick ``LIMBS`` are at their ends, shoulder widths, of all poses or of each, see ``render.flesh``; None: of nobody
             in particular. There is a gradient to them too.
    returns  (..., 19, size, size) in 0..1, the channels as in ``CHANNELS``.
    Raises ``SignerError`` for another shape, a size below 8, a negative edge, or radii of other limbs.
    """
    if xyz.shape[-2:] != (len(SIGNER70), 3) or not xyz.is_floating_point():
        raise SignerError(f"control images are made from floating-point joints (..., {len(SIGNER70)}, 3), not {tuple(xyz.shape)} {xyz.dtype}")
    if size < TILE or edge < 0:
        raise SignerError(f"a control image has {TILE} pixels a side or more and an edge of 0 or more, not {size} and {edge:g}")
    frames = xyz.reshape(-1, *xyz.shape[-2:]).to(torch.promote_types(xyz.dtype, torch.float32))
    radii = _shapes(frames.device, frames.dtype).radii if radii is None else radii.to(frames)
    if radii.shape[-2:] != (2, len(LIMBS)):
        raise SignerError(f"radii are told for both ends of {len(LIMBS)} limbs, (..., 2, {len(LIMBS)}), not {tuple(radii.shape)}")
    radii = radii.expand(*xyz.shape[:-2], 2, len(LIMBS)).reshape(-1, 2, len(LIMBS))

    def draw(part: Tensor, thick: Tensor) -> Tensor:
        return _draw(part, thick, size, framing, edge).to(dtype or xyz.dtype)

    parts = [rows.split(max(1, AT_ONCE // size ** 2)) for rows in (frames, radii)]
    # each part is computed anew for its gradient: time for memory
    again = torch.is_grad_enabled() and (xyz.requires_grad or radii.requires_grad) and len(parts[0]) > 1
    with torch.autocast(xyz.device.type, enabled=False):
        images = torch.cat([checkpoint(draw, *part, use_reentrant=False) if again else draw(*part) for part in zip(*parts)])
    return images.reshape(*xyz.shape[:-2], *images.shape[1:])


def _draw(xyz: Tensor, radii: Tensor, size: int, framing: Framing, edge: float) -> Tensor:
    """Joints (F, J, 3), radii (F, 2, L) -> (F, C, size, size).

    F frames, L limbs, N tiles a side, n limbs in tiles, g layers in tiles, P pixels of a tile.
    """
    shapes, pixel, N = _shapes(xyz.device, xyz.dtype), framing.width / size, -(-size // TILE)
    soft = (edge ** 2 + pixel ** 2 / 2.4) ** 0.5          # the edge's variance is soft^2 / 5, a pixel's pixel^2 / 12: so all sizes agree
    known = xyz.isfinite().all(-1)
    ends = torch.einsum("elj,fjc->eflc", shapes.weights, torch.where(known[..., None], xyz, 0)) + shapes.shifts[:, None]
    whole = (~known).to(xyz) @ (shapes.weights != 0).any(0).to(xyz).T == 0

    corner = framing.to_world(np.zeros(2), size)
    ahead = (torch.arange(N * TILE, device=xyz.device, dtype=xyz.dtype) + 0.5).view(N, TILE) * pixel
    across, down = corner[0] + ahead, corner[1] - ahead                                                # (N, TILE) the pixels' x and y
    reach = radii.detach().amax(1) + soft + TILE * pixel * 0.7072
    frame, tile, limb = _reached(ends.detach(), whole, across.mean(1), down.mean(1), reach)
    x = across[tile % N, None].expand(-1, TILE, -1).flatten(1)
    y = down[tile // N, :, None].expand(-1, -1, TILE).flatten(1)
    covers, z = _capsule(x, y, ends[:, frame, limb], radii[frame, :, limb].T, soft)

    cell = frame * N ** 2 + tile
    key, member = torch.unique_consecutive(cell * len(LAYERS) + shapes.layer[limb], return_inverse=True)
    cell, layer = key // len(LAYERS), key % len(LAYERS)
    covers, z = _unite(covers, z, member, len(key))
    shown = covers * _unhidden(covers, z, cell)

    rows = len(CHANNELS)
    canvas = shown.new_zeros(len(xyz) * N ** 2 * rows, TILE ** 2)
    canvas = canvas.index_add(0, torch.cat([cell * rows + layer, cell * rows + len(LAYERS)]), torch.cat([shown, shown * (z - FAR) / (NEAR - FAR)]))
    picture = canvas.view(len(xyz), N, N, rows, TILE, TILE).permute(0, 3, 1, 4, 2, 5).reshape(len(xyz), rows, N * TILE, N * TILE)
    return picture[..., :size, :size]


def _reached(ends: Tensor, whole: Tensor, x: Tensor, y: Tensor, reach: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which limbs come within ``reach`` (F, L) of the middles x, y (N,) of tiles: frames, tiles and limbs (n,), sorted in this order."""
    start, way = ends[0][:, None, None], (ends[1] - ends[0])[:, None, None]                            # (F, 1, 1, L, 3)
    from_x, from_y = x[:, None] - start[..., 0], y[:, None, None] - start[..., 1]
    part = ((from_x * way[..., 0] + from_y * way[..., 1]) / way[..., :2].square().sum(-1).clamp(min=1e-12)).clamp(0, 1)
    squared = (from_x - part * way[..., 0]).square() + (from_y - part * way[..., 1]).square()          # (F, N, N, L)
    frame, tile, limb = ((squared < reach[:, None, None] ** 2) & whole[:, None, None]).flatten(1, 2).nonzero(as_tuple=True)
    return frame, tile, limb


def _capsule(x: Tensor, y: Tensor, ends: Tensor, radii: Tensor, soft: float) -> tuple[Tensor, Tensor]:
    """n capsules, ends (2, n, 3) and radii (2, n), at pixels (n, P): how far each covers a pixel, 0..1, and its z there."""
    start, way = ends[0].unsqueeze(1), (ends[1] - ends[0]).unsqueeze(1)
    from_x, from_y = x - start[..., 0], y - start[..., 1]
    # SHORT keeps the division away from 0, and puts a limb that points at the viewer at its middle
    part = ((from_x * way[..., 0] + from_y * way[..., 1] + SHORT ** 2 / 2) / (way[..., :2].square().sum(-1) + SHORT ** 2)).clamp(0, 1)
    apart = ((from_x - part * way[..., 0]).square() + (from_y - part * way[..., 1]).square() + 1e-10).sqrt()
    radius = torch.lerp(radii[0, :, None], radii[1, :, None], part)
    # a bar of this half width, blurred: what a thin limb lacks in strength it has in width
    return _step((radius - apart) / soft) + _step((radius + apart) / soft) - 1, start[..., 2] + part * way[..., 2]


def _step(x: Tensor) -> Tensor:
    """0 below -1, 1 above 1, smooth between."""
    x = (x / 2 + 0.5).clamp(0, 1)
    return x * x * (3 - 2 * x)


def _unite(covers: Tensor, z: Tensor, member: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Limbs (n, P) of one layer in one tile as one, ``member`` (n,) of g: the most that any covers, and the z of those in front. -> (g, P) each"""
    nothing, rows = covers.new_zeros(groups, covers.shape[1]), member[:, None].expand_as(covers)
    most = nothing.scatter_reduce(0, rows, covers, "amax")    # not segment_reduce, whose gradient at a tie is wrong where it is negative
    # absolute weights, and none for what covers nothing: so nothing jumps where a limb comes into a tile
    weight = covers * (z / FRONT).clamp(-40, 40).exp()
    return most, nothing.index_add(0, member, weight * z) / (nothing.index_add(0, member, weight) + 1e-30)


def _unhidden(covers: Tensor, z: Tensor, cell: Tensor) -> Tensor:
    """How far layers (g, P) of tiles ``cell`` (g,), sorted, are not covered by nearer ones: the product over all others of the same tile."""
    _, mine, counts = torch.unique_consecutive(cell, return_inverse=True, return_counts=True)
    later = counts.cumsum(0)[mine] - torch.arange(len(cell), device=cell.device) - 1                   # layers that follow in the same tile
    first = torch.arange(len(cell), device=cell.device).repeat_interleave(later)
    second = first + 1 + torch.arange(len(first), device=cell.device) - (later.cumsum(0) - later).repeat_interleave(later)
    nearer = torch.sigmoid((z[first] - z[second]) / DEPTH_EDGE)

    def free(part: Tensor) -> Tensor:
        return (1 - part).clamp(min=1e-6).log()

    hidden = torch.zeros_like(covers).index_add(0, first, free(covers[second] * (1 - nearer)))
    return hidden.index_add(0, second, free(covers[first] * nearer)).exp()


def picture_of(control: Tensor) -> np.ndarray:
    """Control images (..., 19, H, W) as pictures to look at, (..., H, W, 3) uint8: every layer in its colour on black, as ControlNets show poses."""
    colours = torch.tensor([ImageColor.getrgb(COLOURS[layer]) for layer in LAYERS], dtype=torch.float32, device=control.device)
    picture = torch.einsum("...chw,ck->...hwk", control.detach()[..., :len(LAYERS), :, :].float(), colours)
    return picture.clamp(0, 255).round().to(torch.uint8).cpu().numpy()
