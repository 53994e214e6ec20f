"""The studio's four styles: from region, normal and depth to a picture. NumPy and SciPy alone. [ours]"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from signer_lib.errors import SignerError
from signer_lib.render.framing import Framing
from signer_lib.render.studio.looks import NUMBER, SKIN
from signer_lib.render.studio.raster import Seen

SMOOTH = 2                                       # the pixels drawn for one of the picture, each way
NEAR_SHADE = ((0.030, 0.045, 0.45), (0.10, 0.12, 0.16))      # blur, greatest depth (shoulder widths) and strength of shade behind what is nearer
SHINE = {"hair": (12, 0.18), "eye_white": (60, 0.35), "iris": (60, 0.6), "pupil": (60, 0.6), "lips": (20, 0.12),
         "shirt": (4, 0.03), "trim": (4, 0.03)}
SKIN_SHINE = (14, 0.07)
# parts between which a drawing has no line
SAME = {"neck": "face", "right_arm": "right_hand", "left_arm": "left_hand", "eye_white": "eyes", "lips": "face", "teeth": "mouth",
        "iris": "pupil", "brows": "face"}
HATCHES = ((0.9, 0.22, 0.55), (-0.75, 0.48, 0.63), (0.2, 0.68, 0.71))        # which way (radians), from which shade on, how strong
STEP = 0.022                                     # a jump in depth, shoulder widths, that is drawn as a line


@dataclass(frozen=True)
class Light:
    """From where it shines (x to the signer's left, y up, z to the viewer), in which colour (RGB, 1 is full)."""

    way: tuple[float, float, float]
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Studio:
    """A lit style: the background's colours above and below (RGB 0 to 255), light from everywhere, lights, and how soft their edge is."""

    above: tuple[int, int, int]
    below: tuple[int, int, int]
    ambient: tuple[float, float, float]
    lights: tuple[Light, ...]
    soft: float
    glow: tuple[float, float, float, float] | None = None       # a lamp behind: x, y (0 to 1), size, strength


LIT = {
    "studio": Studio((226, 229, 233), (196, 200, 206), (0.50, 0.50, 0.52),
                     (Light((-0.55, 0.65, 0.75), (0.50, 0.49, 0.47)), Light((0.8, 0.1, 0.5), (0.16, 0.17, 0.19))), 0.35),
    "evening": Studio((24, 27, 52), (58, 38, 52), (0.24, 0.25, 0.36),
                      (Light((0.75, 0.35, 0.55), (0.92, 0.66, 0.40)), Light((-0.9, 0.25, 0.15), (0.20, 0.30, 0.55))), 0.15,
                      (0.80, 0.30, 0.22, 0.42)),
}
STYLES = (*LIT, "cel", "sketch")


def check_style(style: str) -> None:
    """Raises ``SignerError`` for a style that is none of ``STYLES``."""
    if style not in STYLES:
        raise SignerError(f"there is no style '{style}': choose one of {', '.join(STYLES)}")


def shaded(seen: Seen, colours: np.ndarray, style: str) -> np.ndarray:
    """(S / 2, S / 2, 3) uint8 the picture of a frame, from the regions' colours (n, 3) uint8."""
    if style == "cel":
        return reduced(_cel(seen, colours))
    if style == "sketch":
        return reduced(_sketch(seen, colours))
    return reduced(_lit(seen, colours, LIT[style]))


def reduced(picture: np.ndarray) -> np.ndarray:
    """(S, S, 3) float 0 to 255 -> (S / 2, S / 2, 3) uint8, the mean of every four pixels."""
    rows = picture[::2] + picture[1::2]
    result: np.ndarray = np.clip(np.round((rows[:, ::2] + rows[:, 1::2]) / SMOOTH ** 2), 0, 255).astype(np.uint8)
    return result


def _behind(seen: Seen) -> np.ndarray:
    """(S, S) 0 to 1: shade where something nearer is close by; it parts fingers from the palm, and the arm from the shirt."""
    shade, unit = np.zeros(seen.depth.shape, np.float32), len(seen.depth) / Framing().width
    body = seen.region > 0
    for blur, deepest, strength in NEAR_SHADE:
        depth = np.where(body, seen.depth, -1.0).astype(np.float32)
        nearer = ndimage.maximum_filter(depth, size=2 * round(blur * unit / 2) + 1)
        depth = np.minimum(nearer, depth + deepest) - depth
        shade += strength * ndimage.uniform_filter(depth, size=2 * round(blur * unit / 2) + 1) / deepest
    return np.where(body, np.clip(shade, 0, 0.8), 0)


def _lit(seen: Seen, colours: np.ndarray, studio: Studio) -> np.ndarray:
    body = seen.region > 0                                        # n pixels: what light falls on
    region, normal = seen.region[body], seen.normal[body]
    light = np.empty_like(normal)
    light[:] = studio.ambient
    light *= (0.85 + 0.15 * normal[:, 1:2])                       # a little darker from below
    shine = np.zeros_like(light)
    power, strength = _shine()
    for lamp in studio.lights:
        way = np.array(lamp.way, np.float32) / np.linalg.norm(lamp.way)
        facing = np.clip((normal @ way + studio.soft) / (1 + studio.soft), 0, 1)
        half = way + np.array([0, 0, 1], np.float32)
        spark = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** power[region] * strength[region]
        light += facing[:, None] * np.array(lamp.colour, np.float32)
        shine += spark[:, None] * np.array(lamp.colour, np.float32)
    dark = _behind(seen)[body][:, None]
    skin = np.isin(region, [NUMBER[name] for name in SKIN])[:, None]
    bleed = np.where(skin, np.array([0.75, 1.0, 1.05], np.float32), np.float32(1))       # shade on skin is warm
    picture = _background(studio, len(body)).copy()
    picture[body] = colours.astype(np.float32)[region] * light * (1 - dark * bleed) + 255 * shine * (1 - dark)
    return picture


@lru_cache(maxsize=1)
def _shine() -> tuple[np.ndarray, np.ndarray]:
    """(regions,) the power and the strength of highlights."""
    rows = [SHINE.get(name, SKIN_SHINE if name in SKIN else (1, 0.0)) for name in NUMBER]
    return tuple(np.array(rows, np.float32).T)


@lru_cache(maxsize=8)
def _background(studio: Studio, size: int) -> np.ndarray:
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    picture = np.array(studio.above, float) * (1 - y[..., None]) + np.array(studio.below, float) * y[..., None]
    if studio.glow:
        at_x, at_y, wide, strength = studio.glow
        lamp = strength * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * wide ** 2))[..., None]
        lit: np.ndarray = picture * (1 - lamp) + lamp * np.array([246, 178, 96])
        return lit
    darker: np.ndarray = picture * (1 - 0.10 * np.hypot(x - 0.5, y - 0.45)[..., None])
    return darker


@lru_cache(maxsize=1)
def _parts() -> np.ndarray:
    """(regions,) numbers that are equal where no line is drawn between."""
    names = [SAME.get(name, name) for name in NUMBER]
    return np.array([names.index(name) for name in names], np.uint8)


def lines(seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    """(S, S) bool each: outlines where parts meet or the depth jumps, and finer lines where the depth bends sharply."""
    part, depth = _parts()[seen.region], np.maximum(seen.depth, -1.5)
    outline, crease = np.zeros(part.shape, bool), np.zeros(part.shape, bool)
    for axis in (0, 1):
        differ = np.diff(part.astype(np.int16), axis=axis) != 0
        bend = np.diff(depth, 2, axis=axis)
        inner = (slice(1, -1), slice(None)) if axis == 0 else (slice(None), slice(1, -1))
        first = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        outline[first] |= differ
        outline[inner] |= abs(bend) > STEP * 1.2
        crease[inner] |= abs(bend) > STEP * 0.35
    return outline, crease & ~outline


def _tone(seen: Seen, way: tuple[float, float, float]) -> np.ndarray:
    """(n,) how light the n pixels of the body are, in the order of rows."""
    light, body = np.array(way, np.float32), seen.region > 0
    result: np.ndarray = seen.normal[body] @ (light / np.linalg.norm(light)) - 0.9 * _behind(seen)[body]
    return result


def _cel(seen: Seen, colours: np.ndarray) -> np.ndarray:
    """Flat colours in three tones, dark outlines on a plain ground."""
    tone = _tone(seen, (-0.5, 0.6, 0.75))
    level = np.where(tone > 0.36, 1.06, np.where(tone > 0.02, 0.86, 0.66))[:, None]
    flat = colours.astype(np.float32)
    grey = flat.mean(1, keepdims=True)
    flat = np.clip(grey + 1.25 * (flat - grey) + 10, 0, 255)
    body, (outline, crease) = seen.region > 0, lines(seen)
    picture = np.empty((*body.shape, 3))
    picture[:] = 250, 226, 178
    picture[body] = flat[seen.region[body]] * level * np.where(level < 0.9, np.array([0.98, 0.96, 1.06]), 1.0)
    picture[crease] *= 0.6
    picture[ndimage.binary_dilation(outline, iterations=max(1, round(len(outline) / 700)))] = 38, 26, 34
    return picture


@lru_cache(maxsize=4)
def _paper(size: int) -> tuple[np.ndarray, np.ndarray]:
    """(S, S) the paper's grain around 0, and how hard the pencil presses; the same in every frame."""
    rng = np.random.default_rng(7)
    grain = ndimage.gaussian_filter(rng.standard_normal((size, size)), 1.0) * 2.2
    press = ndimage.gaussian_filter(rng.standard_normal((size, size)), 9) * 11
    return grain.astype(np.float32), press.astype(np.float32)


@lru_cache(maxsize=4)
def _hatching(size: int) -> list[tuple[float, np.ndarray]]:
    """Three ways to hatch: the shade that each begins at, and (S, S) its ink."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    step, press = size / 512 * 6.5, _paper(size)[1]

    def wave(turn: float) -> np.ndarray:
        result: np.ndarray = np.cos(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn) + 0.5 * press) / step)
        return result

    return [(start, np.clip(0.5 + 1.3 * wave(turn), 0, 1) * strength) for turn, start, strength in HATCHES]


def _sketch(seen: Seen, colours: np.ndarray) -> np.ndarray:
    """Pencil on paper: outlines, and hatching that grows denser with the shade and with dark clothes or hair."""
    size, body = len(seen.region), seen.region > 0
    grain = _paper(size)[0]
    own = (colours.astype(np.float32) @ np.array([0.30, 0.59, 0.11], np.float32) / 255)[seen.region[body]]
    light = np.clip(0.62 + 0.42 * _tone(seen, (-0.5, 0.6, 0.7)), 0, 1) * (0.35 + 0.65 * own ** 0.6)
    dark, ink = np.zeros((2, size, size), np.float32)
    dark[body] = np.clip(1 - light, 0, 1)
    for start, hatching in _hatching(size):
        ink = np.maximum(ink, np.clip((dark - start) * 3.2, 0, 1) * hatching)
    outline, crease = lines(seen)
    edge = ndimage.gaussian_filter(ndimage.binary_dilation(outline, iterations=max(1, round(size / 900))).astype(np.float32), 0.6)
    ink = np.maximum(ink, np.maximum(0.92 * edge, 0.45 * crease))
    ink = np.clip(ink * (0.92 + 0.16 * grain), 0, 1) + 0.30 * dark
    ink = np.clip(ink, 0, 0.95)[..., None]
    result: np.ndarray = (np.array([247, 243, 234], np.float32) + 1.6 * grain[..., None]) * (1 - ink) + np.array([52, 50, 54], np.float32) * ink
    return result
