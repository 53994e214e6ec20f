"""The drawn signer: ``signer70`` poses to flat pictures of a clothed person, with Pillow. [ours]

The viewer faces the signer: image x grows with +x, so the signer's left hand is on the right of the picture. z only decides
what covers what: the parts of the body, and every bent piece of a finger, are painted from back to front.

Painting is done at four times the size without smoothing and box-averaged down: 17 grey levels on every edge, several times
faster than twice the size with a LANCZOS reduction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from PIL import Image

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.skeleton import FINGERS
from signer_lib.render.captions import captioned
from signer_lib.render.framing import check_size
from signer_lib.render.pen import Pen, arc, mirrored, smooth, unit
from signer_lib.render.style import Style, blend

OVERSAMPLE = 4
Place = Callable[[np.ndarray], np.ndarray]              # an outline (n, 2) -> where it is
Item = tuple[float, Callable[[Pen], None]]              # z, what paints

_J = {name: i for i, name in enumerate(SIGNER70.names)}
_REST = {"neck": (0, 0, 0), "r_shoulder": (-0.5, 0, 0), "l_shoulder": (0.5, 0, 0)}
_FINGER_RADII = {"thumb": (0.052, 0.044, 0.037, 0.029), "index": (0.037, 0.034, 0.031, 0.026),
                 "middle": (0.037, 0.035, 0.032, 0.026), "ring": (0.036, 0.033, 0.030, 0.025),
                 "little": (0.033, 0.028, 0.026, 0.022)}
_PALM = (0, 1, 5, 9, 13, 17)             # hand joints around the palm: wrist, thumb base, four knuckles
_PALM_RADII = (0.066, 0.050, 0.037, 0.037, 0.036, 0.034)
_SMILE = 0.012                           # the corners of a closed, neutral mouth are drawn this much higher, to look friendly
_FOLD = np.cos(np.deg2rad(62))           # a sharper bend than this shows as a fold
_FLUSH = np.cos(np.deg2rad(50))          # a finger bent less than this at the knuckle continues the palm
# outlines seen from the front, right half only, then mirrored; relative to the middle of the head or of the shoulders
_HEAD = mirrored(((0, -0.345), (0.09, -0.328), (0.178, -0.235), (0.228, -0.09), (0.245, 0.07), (0.226, 0.24), (0.135, 0.345), (0, 0.375)))
_HAIR_BACK = mirrored(((0, -0.22), (0.17, -0.275), (0.275, -0.225), (0.305, 0.03), (0.285, 0.27), (0.165, 0.425), (0, 0.46)))
_FRINGE = smooth(((-0.275, 0.0, 0), (-0.237, 0.06, 0.08), (-0.215, 0.17, 0.16), (-0.14, 0.255, 0.20), (-0.02, 0.275, 0.22),
           (0.10, 0.225, 0.20), (0.185, 0.155, 0.15), (0.232, 0.06, 0.08), (0.275, 0.0, 0)))
_TORSO = mirrored(((0, 0.10), (0.11, 0.12), (0.17, 0.205), (0.27, 0.165), (0.44, 0.115), (0.56, 0.02), (0.55, -0.22), (0.50, -0.55),
          (0.475, -0.95), (0.50, -1.35), (0.55, -1.9), (0, -1.9)))
_YOKE = np.array(((0.185, 0.19), (0.27, 0.160), (0.44, 0.110), (0.553, 0.02), (0.548, -0.13), (0.46, -0.17), (0.34, -0.09),
                  (0.20, 0.08)))
_NECKLINE = mirrored(((0, -0.06), (0.075, 0.03), (0.135, 0.225)))
_COLLAR = mirrored(((0, -0.06), (0.075, 0.03), (0.135, 0.245), (0.19, 0.215), (0.125, -0.02), (0, -0.12)))


# --- clothes and arms --------------------------------------------------------------------------------------------------------

def _trunk(xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray, Place]:
    """The frame of the shirt: shoulders where the rest pose has them if they are missing, since a signer is always clothed."""
    neck, right, left = (np.where(np.isfinite(xyz[_J[n]]), xyz[_J[n]], at)[:2] for n, at in _REST.items())
    across = left - right
    up = unit(np.array((-across[1], across[0])))
    return neck, up, lambda outline: (right + left) / 2 + outline[:, :1] * across + outline[:, 1:] * up


def _torso(pen: Pen, xyz: np.ndarray, style: Style) -> None:
    neck, up, place = _trunk(xyz)
    shadow = blend(style.skin, style.edge, 0.16)
    if np.isfinite(xyz[_J["nose"]]).all():
        ends = neck - 0.02 * up, xyz[_J["nose"], :2] + (0, -0.16)
        pen.tube(ends, (0.135, 0.118), style.edge, style.line)
        pen.tube(ends, (0.135, 0.118), shadow)
    pen.shape(place(_TORSO), style.shirt, style.cloth_edge, style.line)
    for side, sleeve in ((-1, style.right_sleeve), (1, style.left_sleeve)):
        pen.polygon(place(_YOKE * (side, 1)), sleeve)
    pen.polygon(place(_NECKLINE), shadow)
    pen.polygon(place(_COLLAR), style.collar)


def _upper_arm(pen: Pen, xyz: np.ndarray, right: bool, elbow: np.ndarray, style: Style, colour: str) -> None:
    """The sleeve, then the yoke of the shirt once more, so that no line runs between them."""
    place, side = _trunk(xyz)[2], -1 if right else 1
    ends = (*place(np.array([(0.5 * side, -0.055)])), elbow[:2])
    pen.tube(ends, (0.15, 0.118), style.cloth_edge, style.line)
    pen.tube(ends, (0.15, 0.118), colour)
    pen.polygon(place(_YOKE * (side, 1)), colour)


def _forearm(pen: Pen, elbow: np.ndarray, wrist: np.ndarray, style: Style, colour: str, skin: str) -> None:
    cuff, seam = elbow + 0.77 * (wrist - elbow), elbow + 0.71 * (wrist - elbow)
    pen.tube((elbow, wrist), (0.09, 0.064), style.edge, style.line, caps=(True, False))
    pen.tube((cuff, wrist), (0.07, 0.064), skin)
    pen.tube((elbow, cuff), (0.118, 0.09), style.cloth_edge, style.line, caps=(False, True))
    pen.tube((elbow, cuff), (0.118, 0.09), colour)
    along = (wrist - elbow)[:2]
    if np.linalg.norm(along) > 0.15:
        across = 0.094 * unit(np.array((-along[1], along[0])))
        pen.line((seam[:2] - across, seam[:2] + across), style.line, blend(colour, style.cloth_edge, 0.55))


# --- hands -------------------------------------------------------------------------------------------------------------------

def _hand(hand: np.ndarray, forearm: np.ndarray, right: bool, style: Style, skin: str) -> Iterator[Item]:
    """(z, paint) items of one hand: the palm with the fingers that continue it, and every other piece of finger by itself."""
    if not np.isfinite(hand[list(_PALM)]).all():
        return
    lateral = hand[5] - hand[17]                                      # from the little finger's side to the thumb's
    palm = unit(np.cross(hand[5] - hand[0], hand[17] - hand[0])) * (1 if right else -1)
    palm_z = hand[list(_PALM), 2].mean()
    flush: list[Item] = []
    for number, finger in enumerate(FINGERS):
        chain = hand[1 + 4 * number:5 + 4 * number].copy()
        if not np.isfinite(chain).all():
            continue
        radii = _FINGER_RADII[finger]
        chain[3] -= 0.6 * radii[3] * unit(chain[3] - chain[2])       # the rounded cap reaches just past the tip
        steps = np.array([unit(v) for v in np.diff(chain, axis=0)])
        back = palm - unit(lateral) if finger == "thumb" else np.cross(lateral, steps[2]) * (1 if right else -1)
        nail = chain[2:] if -unit(back)[2] > 0.35 else None          # the nail's side faces the viewer
        bends = [0, *(k for k in (1, 2) if finger != "thumb" and steps[k - 1] @ steps[k] < _FOLD), 3]
        for first, last in zip(bends, bends[1:]):
            piece = partial(_finger, points=chain[first:last + 1], radii=radii[first:last + 1], joined=first == 0, style=style,
                            nail=nail if last == 3 else None)
            z = chain[first:last + 1, 2].mean()
            if first == 0 and finger != "thumb" and steps[0] @ unit(chain[0] - hand[0]) > _FLUSH:
                flush.append((z, partial(piece, colour=skin)))
                continue
            side = (chain[first:last + 1].mean(0) - hand[0]) @ palm * palm[2]
            if abs(palm[2]) > 0.25 and (finger != "thumb" or abs(side) > 0.01):      # fingers only close towards the palm
                z = max(z, palm_z + 1e-3) if palm[2] > 0 else min(z, palm_z - 1e-3)
            shade = 0.16 if z < palm_z else 0.0
            yield z, partial(piece, colour=blend(skin, style.edge, shade), joined=first == 0 and z > palm_z)
    root = hand[0] + (0.085 * unit(forearm) if np.isfinite(forearm).all() else 0)
    yield palm_z, partial(_palm, points=hand[list(_PALM)], root=root, flush=flush, style=style, colour=skin)


def _finger(pen: Pen, points: np.ndarray, radii: tuple[float, ...], joined: bool, nail: np.ndarray | None, style: Style, colour: str) -> None:
    pen.tube(points, radii, style.edge, style.line, caps=(not joined, True))
    pen.tube(points, radii, colour)
    if nail is not None:
        a, b = nail
        pen.tube((a + 0.5 * (b - a), a + 0.95 * (b - a)), (0.55 * radii[-1], 0.6 * radii[-1]), blend(colour, "#ffffff", 0.55))


def _palm(pen: Pen, points: np.ndarray, root: np.ndarray, flush: list[Item], style: Style, colour: str) -> None:
    """Outline, the fingers that continue the palm from back to front, then the palm over their roots and the wrist's end."""
    ring, radii = np.concatenate([points, points[:1]]), _PALM_RADII + _PALM_RADII[:1]
    pen.polygon(points, style.edge)
    pen.tube(ring, radii, style.edge, style.line)
    for _, paint in sorted(flush, key=lambda item: item[0]):
        paint(pen)
    pen.polygon(points, colour)
    pen.tube(ring, radii, colour)
    pen.tube((root, points[0]), _PALM_RADII[:1] * 2, colour, caps=(False, True))


# --- head --------------------------------------------------------------------------------------------------------------------

def _face_axes(xyz: np.ndarray) -> np.ndarray:
    """(3, 3) rows: the face's own left, up and forward, from lids and lip corners; straight ahead where these are missing."""
    eyes = [xyz[[_J[f"{s}_lid_upper"], _J[f"{s}_lid_lower"]]].mean(0) for s in "lr"]
    mouth = xyz[[_J["l_lip_corner"], _J["r_lip_corner"]]].mean(0)
    across = unit(eyes[0] - eyes[1])
    up = (eyes[0] + eyes[1]) / 2 - mouth
    up = unit(up - across * (up @ across))
    axes = np.array((across, up, np.cross(across, up)))
    return axes if np.isfinite(axes).all() else np.eye(3)


def _head_place(xyz: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, Place]:
    """The middle of the head (3,) and the function that places an outline (n, 2) around it, turned with the head's roll."""
    middle = xyz[_J["nose"]] + 0.065 * axes[1] - 0.20 * axes[2]
    roll = unit(axes[0][:2])
    return middle, lambda outline: middle[:2] + outline[:, :1] * roll + outline[:, 1:] * np.array((-roll[1], roll[0]))


def _hair_back(pen: Pen, xyz: np.ndarray, axes: np.ndarray, style: Style) -> None:
    pen.polygon(_head_place(xyz, axes)[1](_HAIR_BACK), style.hair)


def _head(pen: Pen, xyz: np.ndarray, axes: np.ndarray, style: Style) -> None:
    middle, place = _head_place(xyz, axes)
    shade = blend(style.skin, style.edge, 0.35)

    def at(*offset: float) -> np.ndarray:
        result: np.ndarray = middle + np.array(offset) @ axes             # a point of the face, in the face's own axes
        return result

    for side in (-1, 1):
        ear = at(0.235 * side, -0.02, 0.02)
        pen.tube((ear, ear - 0.07 * axes[1]), (0.045, 0.035), style.edge, style.line)
        pen.tube((ear, ear - 0.07 * axes[1]), (0.045, 0.035), style.skin)
    contour = place(_HEAD)
    drop = xyz[_J["lip_upper_inner"], 1] - xyz[_J["lip_lower_inner"], 1]
    if drop > 0.03:                                                   # the jaw follows the open mouth
        contour[:, 1] -= 0.45 * (drop - 0.03) * np.clip(-_HEAD[:, 1] / 0.3, 0, 1)
    pen.shape(contour, style.skin, style.edge, style.line)
    crown = place(_HAIR_BACK[_HAIR_BACK[:, 1] > 0.0])
    pen.polygon(np.concatenate([crown, (middle + (_FRINGE - (0, 0, 0.10)) @ axes)[:, :2]]), style.hair)
    nose = xyz[_J["nose"]]
    pen.line(arc(*(nose + np.array(p) @ axes for p in ((-0.034, -0.012, -0.03), (0, -0.046, 0), (0.034, -0.012, -0.03)))),
             1.6 * style.crease, shade)
    for hand in "rl":
        brow = xyz[[_J[f"{hand}_brow_{k}"] for k in range(5)]]
        if np.isfinite(brow).all():
            pen.tube(brow, (0.012, 0.014, 0.013, 0.010, 0.006), style.hair)
        _eye(pen, xyz[_J[f"{hand}_lid_upper"]], xyz[_J[f"{hand}_lid_lower"]], axes, style)
    _mouth(pen, xyz, style)


def _eye(pen: Pen, upper: np.ndarray, lower: np.ndarray, axes: np.ndarray, style: Style) -> None:
    if not np.isfinite((upper, lower)).all():
        return
    middle = (upper + lower) / 2
    half = max((upper - lower) @ axes[1] / 2, 0.0) * 1.6

    def at(x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray:
        result: np.ndarray = middle + np.outer(x, axes[0]) + np.outer(y, axes[1])
        return result

    def lid(x: np.ndarray) -> np.ndarray:
        result: np.ndarray = half * (1 - (x / 0.056) ** 2)
        return result

    x = np.linspace(-0.056, 0.056, 13)
    top = at(x, lid(x))
    if half > 0.004:
        pen.polygon(np.concatenate([top, at(x, -lid(x))[::-1]]), "#ffffff")
        turn = np.linspace(0, 2 * np.pi, 25)
        x, y = 0.029 * np.cos(turn), 0.029 * np.sin(turn)
        pen.polygon(at(x, np.clip(y, -lid(x), lid(x))), style.eye)
        pen.tube(at(0.009, min(0.010, 0.6 * half)), (0.0065,), "#ffffff")
    pen.line(top, 1.8 * style.crease, style.edge)


def _mouth(pen: Pen, xyz: np.ndarray, style: Style) -> None:
    lips = xyz[_J["r_lip_corner"]:]
    if not np.isfinite(lips).all():
        return
    right, left, above, top, bottom, below = lips + np.outer((1, 1, 0, 0, 0, 0), (0, _SMILE, 0))

    def full(outer: np.ndarray, inner: np.ndarray, least: float) -> np.ndarray:
        result: np.ndarray = inner + unit(outer - inner) * max(np.linalg.norm(outer - inner), least)
        return result

    above, below = full(above, top, 0.018), full(below, bottom, 0.024)
    pen.polygon(np.concatenate([arc(right, above, left), arc(left, below, right)]), style.lips)
    inner = [arc(0.94 * right + 0.06 * left, m, 0.06 * right + 0.94 * left) for m in (top, bottom)]
    if top[1] - bottom[1] > 0.02:
        pen.polygon(np.concatenate([inner[0], inner[1][::-1]]), style.mouth)
        teeth = inner[0] + (inner[1] - inner[0]) * 0.28
        pen.polygon(np.concatenate([inner[0][2:-2], teeth[2:-2][::-1]]), "#f7f3ee")
    else:
        pen.line((inner[0] + inner[1]) / 2, 1.2 * style.crease, style.mouth)


# --- whole pictures ----------------------------------------------------------------------------------------------------------

def _items(xyz: np.ndarray, style: Style) -> Iterator[Item]:
    """(z, paint) of everything that can be seen; painted in the order of z."""

    def seen(*names: str) -> bool:
        return bool(np.isfinite(xyz[[_J[n] for n in names]]).all())

    if np.isfinite(xyz[SIGNER70.groups["body"]]).all(-1).any():
        yield -0.30, partial(_torso, xyz=xyz, style=style)
    if seen("nose"):
        axes = _face_axes(xyz)
        yield -0.35, partial(_hair_back, xyz=xyz, axes=axes, style=style)
        yield xyz[_J["nose"], 2] - 0.30, partial(_head, xyz=xyz, axes=axes, style=style)
    for side, group, sleeve, skin in (("l", "left_hand", style.left_sleeve, style.left_hand),
                                      ("r", "right_hand", style.right_sleeve, style.right_hand)):
        shoulder, elbow, wrist = (xyz[_J[f"{side}_{part}"]] for part in ("shoulder", "elbow", "wrist"))
        if seen(f"{side}_shoulder", f"{side}_elbow"):
            arm = partial(_upper_arm, xyz=xyz, right=side == "r", elbow=elbow, style=style, colour=sleeve)
            yield (shoulder + elbow)[2] / 2, arm
        if seen(f"{side}_elbow", f"{side}_wrist"):
            yield (elbow + wrist)[2] / 2, partial(_forearm, elbow=elbow, wrist=wrist, style=style, colour=sleeve, skin=skin)
        yield from _hand(xyz[SIGNER70.groups[group]], elbow - wrist, side == "r", style, skin)


def draw_frame(xyz: np.ndarray, *, size: int = 512, style: Style = Style(), caption: str | None = None) -> np.ndarray:
    """One pose as a picture.

    xyz      (70, 3) shoulder widths; a limb with a missing (NaN) joint is left out.
    size     pixels of the square picture, even and at least 32.
    caption  a gloss for the bar at the bottom; no bar without one, an empty bar for "".
    returns  (size, size, 3) uint8 RGB.
    """
    xyz = np.asarray(xyz, float)
    if xyz.shape != (len(SIGNER70), 3):
        raise SignerError(f"a drawn pose has shape ({len(SIGNER70)}, 3) (signer70 joints), not {xyz.shape}")
    check_size(size)
    big = Image.new("RGB", (size * OVERSAMPLE,) * 2, style.background)
    pen = Pen(big)
    for _, paint in sorted(_items(xyz, style), key=lambda item: item[0]):
        paint(pen)
    picture = np.array(big.reduce(OVERSAMPLE))
    return picture if caption is None else captioned(picture, caption, style)


def draw(sequence: PoseSequence, *, size: int = 512, captions: list[str | None] | None = None,
         style: Style = Style()) -> Iterator[np.ndarray]:
    """The pictures (size, size, 3) uint8 of a sequence, one by one; ``captions`` has one entry for each frame."""
    if captions is not None and len(captions) != len(sequence):
        raise SignerError(f"{len(sequence)} frames need {len(sequence)} captions, not {len(captions)}")
    return (draw_frame(xyz, size=size, style=style, caption=text)
            for xyz, text in zip(sequence.xyz, captions or [None] * len(sequence)))
