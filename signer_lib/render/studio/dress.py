"""From Anny's bare mesh to a clothed signer: skin, eyes, lips, brows, hair and shirt as regions of one mesh. [ours]

The shirt is MakeHuman's helper surface for tight clothes, let out; the skin under it is taken away. Hair and brows are pieces of the
scalp lifted off it. Lengths are shoulder widths, from the neck.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from signer_lib.pose import SIGNER70
from signer_lib.render.studio.anny_source import Source
from signer_lib.render.studio.looks import NUMBER, Look
from signer_lib.render.studio.patch import Patch, join
from signer_lib.render.studio.rig import INDEX, SIDES, unit

HEM = -1.75                                      # below the picture
NECKLINE = (0.275, 0.235, 0.225)                 # half the width of a round neckline, and how far it is in front and behind
NAPE = 0.03                                      # the back is covered up to here below the neck's first joint
V_DEEP = -0.13                                   # where a v ends
UNDER = 0.07                                     # how far the skin goes on under the shirt's edges
TRIM = 0.045                                     # width of collar and cuffs
IRIS, PUPIL = np.cos(np.radians(24)), np.cos(np.radians(11))
LOWER_LIP = 2.0                                  # how far the red of the lower lip reaches below the mouth's corners, by the face's lowest point
BROW = (0.013, 0.006)                            # half the height of a brow, at its inner and its outer end
FACE = SIGNER70.groups["face"]
# the hairline: how far back (0 ear, 1 nose; behind the ear below 0) -> how high (0 eye, 1 top of the head)
HAIRLINE = ((-0.50, -0.95), (-0.24, -0.85), (-0.17, 0.22), (0.10, 0.27), (0.20, 0.05), (0.30, 0.05), (0.42, 0.42), (0.62, 0.56), (1.2, 0.60))
VOLUME = {"short": 0.075, "cropped": 0.022, "bob": 0.07, "bun": 0.04, "curls": 0.17}


def dressed(source: Source, look: Look) -> Patch:
    """The whole signer, upper body only."""
    skin = _skin(source, look)
    parts = [*skin, *_eyes(source), _teeth(source), _whole(source, "tongue").of(NUMBER["lips"]),
             _whole(source, "lashes").of(NUMBER["lashes"]), *_brows(source), *_hair(source, look), *_shirt(source, look)]
    return join(parts)


def _whole(source: Source, name: str, region: str = "face") -> Patch:
    used, f = np.unique(source.faces[name], return_inverse=True)
    f = f.reshape(-1, 3)
    return Patch(source.vertices[used], f, source.weights[used], source.actions[:, used], np.full(len(f), NUMBER[region], np.uint8))


def _teeth(source: Source) -> Patch:
    teeth = _whole(source, "teeth", "teeth")
    return replace(teeth, v=teeth.v * [0.7, 1, 1] - [0, 0, 0.03])       # behind the lips even where these are thin


# --- along the body ----------------------------------------------------------------------------------------------------------

def _on_arm(source: Source, v: np.ndarray) -> dict[str, np.ndarray]:
    """For each side (V,) how far down the arm: 0 shoulder, 1 elbow, 2 wrist; -inf off the arm."""
    found = {}
    for side, (shoulder, _) in SIDES.items():
        a, b, c = source.joints[[shoulder, shoulder + 1, shoulder + 2]]
        at = []
        for start, end in ((a, b), (b, c)):
            along = (v - start) @ (end - start) / ((end - start) ** 2).sum()
            at.append((along, np.linalg.norm(v - start - np.clip(along, 0, 1.3)[:, None] * (end - start), axis=-1)))
        found[side] = np.where(at[0][1] < at[1][1], np.minimum(at[0][0], 1), 1 + at[1][0])
        far = np.minimum(at[0][1], at[1][1]) > 0.45
        found[side][far] = -np.inf
    return found


def _sleeve(source: Source, look: Look, v: np.ndarray) -> np.ndarray:
    """(V,) above 0 where the shirt's sleeves, or its trunk, can be: shoulder widths to the cuff."""
    on = _on_arm(source, v)
    lengths = np.linalg.norm(source.joints[SIDES["right"][0] + 2] - source.joints[SIDES["right"][0] + 1])
    return np.minimum(*((look.sleeve - np.where(np.isfinite(on[side]), on[side], -2)) * lengths for side in SIDES))


def _neckline(look: Look, neck: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(V,) above 0 outside the neckline, in shoulder widths: an ellipse seen from above, with a cut down the chest for a v."""
    x, y, z = v[:, 0], v[:, 1], v[:, 2] - neck[0, 2]
    found = (np.hypot(x / NECKLINE[0], z / np.where(z > 0, *NECKLINE[1:])) - 1) * NECKLINE[1]
    found = np.where(z < 0, np.maximum(found, neck[0, 1] - NAPE - y), found)
    if look.neckline == "v":
        opening = np.maximum((1.25 * abs(x) - (y - V_DEEP)) * 0.6, abs(x) - NECKLINE[0])
        found = np.where(z > 0, np.minimum(found, opening), found)
    return np.where(y < -0.5, 1.0, found)


def _shirt(source: Source, look: Look) -> list[Patch]:
    cloth = _whole(source, "tights", "shirt")
    cloth = cloth.cut(cloth.v[:, 1] - HEM)
    on = np.maximum(*_on_arm(source, cloth.v).values())
    trunk = 0.5 * np.clip((0.5 - on) / 0.3, 0, 1)                       # smoothing would shrink the narrow sleeves
    cloth = cloth.smoothed(6, trunk)

    def edge() -> np.ndarray:
        result: np.ndarray = np.minimum(_sleeve(source, look, cloth.v), _neckline(look, source.neck, cloth.v))
        return result

    loose = 0.018 * np.clip(_sleeve(source, look, cloth.v) / 0.5, 0, 1)
    collar = np.clip(_neckline(look, source.neck, cloth.v) / 0.12, 0, 1)
    cloth = cloth.lifted(look.lift * (0.4 + 0.6 * collar) + loose).smoothed(3, trunk)
    cloth = cloth.lifted(0.006 * np.clip((1.3 * TRIM - edge()) / (0.3 * TRIM), 0, 1))
    cloth = cloth.cut(edge())
    return [cloth.cut(edge() - TRIM), cloth.cut(TRIM - edge()).of(NUMBER["trim"])]


def _skin(source: Source, look: Look) -> list[Patch]:
    """What the shirt leaves free, and a little more; lips and mouth, hands, arms, neck and face by themselves."""
    body = _whole(source, "body")
    collar = np.maximum(0.4 * _neckline(look, source.neck, body.v), V_DEEP - 0.06 - body.v[:, 1])
    covered = np.minimum(_sleeve(source, look, body.v), collar)
    covered = np.where(body.weights[:, INDEX["head"]] > 0.1, -1, covered)
    body = body.lifted(-0.03 * np.clip(covered / 0.04, 0, 1)).cut(UNDER - covered)
    body = body.cut(body.v[:, 1] - HEM + 0.3)
    of_side = {side: [k for bone, k in INDEX.items() if bone.startswith(side)] for side in SIDES}
    centre = body.v[body.f].mean(1)
    weight = body.weights[body.f].mean(1)
    region = np.full(len(body.f), NUMBER["face"], np.uint8)
    region[weight[:, [INDEX["head"]]].sum(1) < 0.5] = NUMBER["neck"]
    on = _on_arm(source, centre)
    for side in SIDES:
        arm = weight[:, of_side[side]].sum(1) > 0.5
        region[arm] = NUMBER[f"{side}_arm"]
        region[arm & (on[side] > 2.0)] = NUMBER[f"{side}_hand"]
    inner = cKDTree(source.vertices[np.unique(source.faces["mouth"])]).query(body.v)[0] < 1e-6
    low = body.v[:, 1] < source.joints[FACE][16, 1] + 0.01              # what else is hollow are the nostrils
    region[(inner & low)[body.f].all(1)] = NUMBER["mouth"]
    body = Patch(body.v, body.f, body.weights, body.actions, region)
    lips = np.where((body.v[:, 2] > source.joints[0, 2] - 0.16) & low, _lips(source, body.v), -1.0)
    red = body.cut(lips)
    return [body.cut(-lips), Patch(red.v, red.f, red.weights, red.actions, np.where(red.region == NUMBER["mouth"], red.region, NUMBER["lips"]))]


def _lips(source: Source, v: np.ndarray) -> np.ndarray:
    """(V,) above 0 between the upper edge of the red, with its bow, and the lower one, seen from the front."""
    corner, (above, _, _, below) = source.joints[FACE][15], source.joints[FACE][16:20]
    x = np.clip(abs(v[:, 0]) / (1.15 * corner[0]), 0, 1.5)
    bow = 1 - 0.10 * np.exp(-(x / 0.12) ** 2)
    ends, low = below[1] + 0.6 * (corner[1] - below[1]), corner[1] - LOWER_LIP * (corner[1] - below[1])
    seam = below[1] + (ends - below[1]) * x ** 2
    top, bottom = seam + (above[1] - seam) * (1 - x ** 2) * bow, seam + (low - seam) * (1 - x ** 2.2)
    return np.where(x < 1, np.minimum(top - v[:, 1], v[:, 1] - bottom), -1.0)


# --- head --------------------------------------------------------------------------------------------------------------------

def _eyes(source: Source) -> list[Patch]:
    """White, iris and pupil of both eyes; the eyes look straight on."""
    eyes, parts = _whole(source, "eyes", "eye_white"), []
    for side in (-1, 1):
        ball = eyes.only((side * eyes.v[eyes.f][..., 0] > 0).all(1))
        centre = (ball.v.max(0) + ball.v.min(0)) / 2
        ahead = unit(ball.v[ball.v[:, 2].argmax()] - centre)

        def front(patch: Patch) -> np.ndarray:
            result: np.ndarray = unit(patch.v - centre) @ ahead
            return result

        white, seeing = ball.cut(IRIS - front(ball)), ball.cut(front(ball) - IRIS)
        parts += [white, seeing.cut(PUPIL - front(seeing)).of(NUMBER["iris"]), seeing.cut(front(seeing) - PUPIL).of(NUMBER["pupil"])]
    return parts


def _head_skin(source: Source) -> Patch:
    body = _whole(source, "body")
    return body.only((body.weights[body.f][..., INDEX["head"]] + body.weights[body.f][..., INDEX["neck_1"]] > 0.3).all(1))


def _brows(source: Source) -> list[Patch]:
    """Strips of skin along the brows of the measures."""
    head, parts = _head_skin(source), []
    points = source.joints[FACE][:10].reshape(2, 5, 3)
    for brow in points:
        curve = np.stack([np.interp(np.linspace(0, 4, 41), range(5), brow[:, axis]) for axis in range(3)], 1)
        far, near = cKDTree(curve).query(head.v)
        strip = head.cut(np.interp(near, [0, 12, 40], [BROW[0] * 0.85, BROW[0], BROW[1]]) - far)
        parts.append(strip.lifted(0.008).of(NUMBER["brows"]))
    return parts


def _hair(source: Source, look: Look) -> list[Patch]:
    head = _head_skin(source)
    v, nose, eye = head.v, source.joints[0], source.joints[FACE][10:14].mean(0)
    top = v[:, 1].max()
    side = abs(v[:, 0])
    ear_z = v[(side > np.quantile(side[v[:, 1] > eye[1] - 0.2], 0.99)) & (abs(v[:, 1] - eye[1]) < 0.2), 2].mean()
    height, ahead = (v[:, 1] - eye[1]) / (top - eye[1]), (v[:, 2] - ear_z) / (nose[2] - ear_z)
    inside = (height - np.interp(ahead, *np.array(HAIRLINE).T)) * (top - eye[1])
    cap = head.cut(inside + 0.02)

    def at(p: Patch) -> np.ndarray:
        result: np.ndarray = (((p.v[:, 1] - eye[1]) / (top - eye[1]) - np.interp((p.v[:, 2] - ear_z) / (nose[2] - ear_z), *np.array(HAIRLINE).T))
                        * (top - eye[1]))
        return result

    depth = np.clip(at(cap) / 0.16, -0.15, 1)
    volume = VOLUME[look.hair]
    cap = cap.smoothed(4)
    lift = volume * depth * (1.5 - 0.5 * depth)
    if look.hair == "curls":
        lift = lift * (1 + 0.16 * np.sin(31 * cap.v[:, 0]) * np.sin(29 * cap.v[:, 1] + 1) * np.sin(27 * cap.v[:, 2]))
    cap = cap.lifted(lift)
    if look.hair not in ("cropped", "curls"):
        cap = cap.smoothed(3)
    parts = [cap.of(NUMBER["hair"])]
    if look.hair == "bob":
        parts.append(_bob(source, eye, top, ear_z))
    if look.hair == "bun":
        parts.append(_ball(source, np.array([0, top + 0.01, ear_z - 0.10]), 0.13))
    return parts


def _ball(source: Source, centre: np.ndarray, radius: float) -> Patch:
    return _grid(source, centre + radius * _sphere(np.linspace(-np.pi, np.pi, 25), np.linspace(0, np.pi, 13)))


def _sphere(turn: np.ndarray, down: np.ndarray) -> np.ndarray:
    """(n, m, 3) points of the unit sphere: turned from the back, down from the top, in radians."""
    turn, down = np.meshgrid(turn, down, indexing="ij")
    return np.stack([np.sin(turn) * np.sin(down), np.cos(down), -np.cos(turn) * np.sin(down)], -1)


def _grid(source: Source, points: np.ndarray) -> Patch:
    """A grid of points (n, m, 3) as hair that moves with the head alone."""
    rows, columns = points.shape[:2]
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    f = np.concatenate([np.stack([a, a + columns, a + 1], 1), np.stack([a + 1, a + columns, a + columns + 1], 1)])
    v = points.reshape(-1, 3)
    weights = np.zeros((len(v), source.weights.shape[1]))
    weights[:, INDEX["head"]] = 1
    return Patch(v, f, weights, np.zeros((len(source.actions), len(v), 3)), np.full(len(f), NUMBER["hair"], np.uint8))


def _bob(source: Source, eye: np.ndarray, top: float, ear_z: float) -> Patch:
    """Hair to the jaw: a curtain from the crown over ears and nape, open at the face, its ends turned in."""
    down = np.linspace(0.12, 1, 18)
    shell = _sphere(np.linspace(-np.radians(122), np.radians(122), 49), np.clip(down * 2.6, 0, np.pi / 2))
    fall = np.clip(down - 0.55, 0, 1) / 0.45                            # from the height of the ears on it hangs
    wide, deep = 0.305 * (1 + 0.05 * fall - 0.17 * fall ** 3), 0.335 * (1 - 0.22 * fall)
    height = np.where(shell[..., 1] > 1e-6, shell[..., 1] * (top + 0.05 - eye[1]), 0) - 0.33 * fall
    return _grid(source, np.stack([shell[..., 0] * wide, height + eye[1], shell[..., 2] * deep + ear_z], -1))
