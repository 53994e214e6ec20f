"""Signers measured on the licence-free Anny body and written to ``data/signers``: ``python -m signer_lib.prior.bake_body``. [ours]

Needs the extra ``studio`` (``anny``; its first run builds a cache for minutes). Anny brings several rigs for one mesh. Shoulders,
elbows and face are those of its MakeHuman rig. The hand, from the wrist on, is that of its SOMA rig: MakeHuman's knuckles sit a
centimetre too far out, with a first phalanx of 3.8 cm for a middle finger where people have about 4.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from signer_lib.errors import SignerError, run
from signer_lib.files import whole_file
from signer_lib.pose.skeleton import FINGERS
from signer_lib.prior.body import SIGNERS
from signer_lib.prior.kinematics import unit

AVERAGE = {"gender": 0.5, "age": 0.67, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.5}     # Anny's phenotypes
BUILDS = {"default": {}, "small": {"gender": 0.0, "height": 0.35, "weight": 0.45}, "tall": {"gender": 1.0, "height": 0.75},
          "broad": {"gender": 1.0, "muscle": 0.75, "weight": 0.7},
          "slight": {"gender": 0.25, "height": 0.55, "weight": 0.25, "muscle": 0.35}}
SOMA_FINGERS = dict(zip(FINGERS, ("Thumb", "Index", "Middle", "Ring", "Pinky")))
TRUNK = ("spine", "breast", "pelvis", "clavicle", "shoulder01", "neck01", "neck02", "root")
LIMBS = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal", "upperleg", "lowerleg", "foot", "toe")
ROUGH = 0.05                                     # shoulder widths: a place's normal is the mean over this neighbourhood
# Anny's mesh has neither brows nor the red of the lips. The brows' course over the eye (x in eyes' distances from the middle, y in
# shoulder widths) follows that of 100 recorded words (ASL-App), a little farther apart; the corners of a closed mouth stand below the
# inner edge of the iris.
BROW, MOUTH = ((0.50, 0.064), (0.85, 0.074), (1.22, 0.078), (1.58, 0.072), (1.82, 0.056)), 0.8
OUTSIDE = 8.0                                    # how much worse a vertex outside the ellipsoids is than an ellipsoid that is too big
# Where the fit of the ellipsoids begins: centre and radii from the neck, in shoulder widths; a pair stands at its x and at -x.
TORSO_START = [[0, 0.12, 0.0, 0.17, 0.30, 0.17], [0, -0.15, 0.03, 0.45, 0.30, 0.24], [0, -0.45, 0.06, 0.43, 0.45, 0.25],
               [0, -0.85, 0.06, 0.42, 0.50, 0.26], [0, -1.25, 0.0, 0.50, 0.45, 0.32], [0.40, -0.05, 0.0, 0.20, 0.20, 0.20],
               [0.20, -0.36, 0.20, 0.18, 0.22, 0.18], [0.22, -0.25, -0.12, 0.22, 0.35, 0.16]]
HEAD_START = [[0, 0.17, -0.30, 0.22, 0.25, 0.28], [0, 0.05, -0.16, 0.18, 0.25, 0.17], [0, -0.12, -0.16, 0.15, 0.16, 0.15],
              [0, -0.01, -0.06, 0.06, 0.07, 0.06]]


@dataclass(frozen=True)
class Figure:
    """One standing Anny in our axes: shoulder widths, the origin between the shoulder joints.

    vertices (V, 3), faces (F, 3), part (V,) the bone that moves a vertex most, joint: bone -> (2, 3) head and tail.
    """

    name: str
    width: float                                 # metres between the shoulder joints
    vertices: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    joint: dict[str, np.ndarray]

    def of(self, *prefixes: str) -> np.ndarray:
        """(V,) whether a vertex belongs to a bone of one of these names."""
        named: np.ndarray = np.logical_or.reduce(np.char.startswith(self.part[:, None], np.array(prefixes)), axis=1)
        return named

    def surface(self, start: np.ndarray, towards: ArrayLike, faces: np.ndarray) -> np.ndarray:
        """(2, 3) where the ray from ``start`` ``towards`` a side leaves the mesh for good, and the outward normal there."""
        out = unit(np.asarray(towards, float))
        a, b, c = self.vertices[faces].transpose(1, 0, 2)
        ab, ac, across = b - a, c - a, np.cross(out, c - a)
        det = (ab * across).sum(-1)
        det = np.where(abs(det) < 1e-12, np.nan, det)
        away = start - a
        u = (away * across).sum(-1) / det
        turned = np.cross(away, ab)
        v, t = (turned @ out) / det, (ac * turned).sum(-1) / det
        hit = (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6) & (t > 0)
        if not hit.any():
            raise ValueError(f"{self.name}: no skin from {start} along {out}")
        point = start + t[hit].max() * out
        normals = np.cross(ab, ac)
        near = np.linalg.norm((a + b + c) / 3 - point, axis=-1) < ROUGH
        normal = unit(normals[near & (normals @ out > 0)].sum(0))
        return np.stack([point, normal])


def figures() -> Iterator[Figure]:
    """Every build of ``BUILDS``. Raises ``SignerError`` if Anny is not installed."""
    try:
        import anny
    except ImportError:
        raise SignerError('signers are measured on Anny, which is not installed: pip install "stable-signer[studio]"') from None
    import torch

    body, hands = anny.Anny(rig="makehuman"), anny.Anny(rig="soma")
    part = np.array(body.bone_labels)[body.vertex_bone_indices.numpy()[np.arange(len(body.vertex_bone_weights)),
                                                                       body.vertex_bone_weights.numpy().argmax(1)]]
    for name, change in BUILDS.items():
        phenotype = {key: torch.tensor([value]) for key, value in (AVERAGE | change).items()}
        seen = body(phenotype_kwargs=phenotype, return_bone_ends=True)
        ends = np.stack([seen["rest_bone_heads"][0], seen["rest_bone_tails"][0]], 1)                       # (B, 2, 3)
        soma = hands(phenotype_kwargs=phenotype)["rest_bone_poses"][0, :, :3, 3].numpy()
        yield figure(name, seen["rest_vertices"][0].numpy(), body.faces.numpy(), part,
                     dict(zip(body.bone_labels, ends)) | dict(zip(hands.bone_labels, soma[:, None].repeat(2, 1))))


def figure(name: str, vertices: np.ndarray, faces: np.ndarray, part: np.ndarray, joint: dict[str, np.ndarray]) -> Figure:
    """From Anny's axes (metres; x to the signer's left, y backwards, z up) to ours."""
    right, left = joint["upperarm01.R"][0], joint["upperarm01.L"][0]
    width = np.linalg.norm(left - right)

    def ours(points: np.ndarray) -> np.ndarray:
        result: np.ndarray = ((points - (left + right) / 2) / width)[..., [0, 2, 1]] * np.array([1, 1, -1])
        return result

    return Figure(name, float(width), ours(vertices), faces, part, {bone: ours(ends) for bone, ends in joint.items()})


def _length(*points: np.ndarray) -> list[float]:
    result: list[float] = np.linalg.norm(np.diff(points, axis=0), axis=-1).tolist()
    return result


def _bones(f: Figure) -> dict[str, Any]:
    wrist = f.joint["RightHand"][0]
    elbow, shoulder = f.joint["lowerarm01.R"][0], f.joint["upperarm01.R"][0]
    hand = {}
    for finger, soma in SOMA_FINGERS.items():
        steps = (1, 2, 3) if finger == "thumb" else (2, 3, 4)           # SOMA's first finger bone is the metacarpal
        hand[finger] = _length(wrist, *(f.joint[f"RightHand{soma}{step}"][0] for step in (*steps, "End")))
    return {"upper_arm": _length(shoulder, elbow)[0], "forearm": _length(elbow, wrist)[0], "hand": hand}


def _face(f: Figure, skin: np.ndarray, nose: np.ndarray) -> dict[str, Any]:
    """Points of the left half and of the middle, from the nose."""

    def on_skin(x: float, y: float) -> np.ndarray:
        result: np.ndarray = f.surface(np.array([x, y, 0.0]), np.array([0, 0, 1.0]), skin)[0] - nose
        return result

    eye, slit = f.joint["eye.L"][1], f.joint["oris03.L"][1, 1]
    brow = [on_skin(eye[0] * x, eye[1] + y) for x, y in BROW]
    upper, lower = f.joint["oris04.L"][0, 1], f.joint["oris01"][0, 1]
    lids = [on_skin(eye[0], eye[1] + dy) for dy in (0.022, -0.018)]
    lips = [on_skin(0, y) for y in (upper, slit + 0.005, slit - 0.005, lower + 0.6 * (slit - lower))]
    return {"brow": brow, "lids": lids, "lip_corner": on_skin(MOUTH * eye[0], slit), "lips": lips}


def _places(f: Figure, skin: np.ndarray, trunk: np.ndarray, nose: np.ndarray, face: dict[str, Any]) -> dict[str, Any]:
    """Name -> point and outward normal on the skin; free places have no normal."""
    eye, hip = f.joint["eye.L"][1], f.joint["upperleg01.L"][0, 1]
    mouth, skull = nose[1] + face["lip_corner"][1], f.vertices[f.of("head"), 1].max()
    low = f.vertices[f.of("jaw", "special", "oris") & (abs(f.vertices[:, 0]) < 0.05), 1].min()             # under the chin
    core = np.array([0, eye[1], nose[2] - 0.3])
    ear = f.vertices[f.of("head") & (abs(f.vertices[:, 1] - (eye[1] + nose[1]) / 2) < 0.06)]
    ear = ear[ear[:, 0].argmin()]
    front = np.array([0, 0, 1.0])

    def from_x(x: float, y: float) -> np.ndarray:
        return np.array([x, y, 0.0])

    head: dict[str, tuple[ArrayLike, ArrayLike]]
    head = {"head-top": (core, (0, 1, 0.25)), "forehead": (from_x(0, eye[1] + 0.42 * (skull - eye[1])), front),
            "temple": (core + [0, 0.05, 0.05], (-1, 0, 0.45)), "eye": (from_x(-eye[0], eye[1]), front),
            "nose": (from_x(0, nose[1]), front), "cheek": (from_x(-0.13, (nose[1] + mouth) / 2), front),
            "ear": (ear * [0, 1, 1], (-1, 0, 0)), "mouth": (from_x(0, mouth), front),
            "upper-lip": (from_x(0, nose[1] + 0.6 * (mouth - nose[1])), front),
            "chin": (from_x(0, low + 0.3 * (mouth - low)), front),
            "under-chin": (np.array([0, mouth, nose[2] - 0.13]), (0, -1, 0.2))}

    def chest(x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
        return (from_x(x, y * hip / -1.32), front)

    torso: dict[str, tuple[ArrayLike, ArrayLike]]
    torso = {"neck": (np.array([0, 0.5 * low, 0.0]), front), "clavicle": ([-0.2, -0.08, 0.0], (0, 0.7, 1)),
             "shoulder-same": ([-0.42, -0.08, 0.0], (0, 0.8, 1)), "shoulder-other": ([0.42, -0.08, 0.0], (0, 0.8, 1)),
             "chest": chest(0, -0.32), "chest-same": chest(-0.24, -0.32), "chest-other": chest(0.24, -0.32),
             "stomach": chest(0, -0.80), "waist": chest(0, -1.0), "hip-same": ([-0.1, 0.9 * hip, 0.0], (-1, 0, 0.8)),
             "hip-other": ([0.1, 0.9 * hip, 0.0], (1, 0, 0.8))}
    places = {name: f.surface(np.asarray(start, float), out, skin) for name, (start, out) in head.items()}
    places |= {name: f.surface(np.asarray(start, float), out, trunk) for name, (start, out) in torso.items()}
    beside = f.surface(np.array([0.1, places["chest"][0, 1], 0]), front, trunk)[0, 2]
    places["chest"][0, 2] = max(places["chest"][0, 2], beside)           # a hand lies across the breasts, not between them
    breast = places["chest"][0, 2]                                       # free space begins in front of the chest
    free = {"neutral": (-0.21, -0.42, 0.34), "neutral-high": (-0.24, 0.05, 0.29), "neutral-low": (-0.20, -0.80, 0.29),
            "neutral-right": (-0.50, -0.42, 0.29), "neutral-left": (0.21, -0.45, 0.31), "shoulder-front": (-0.47, -0.05, 0.24),
            "body-away": (0, -0.35, 0.40)}
    places |= {name: np.array([np.add(point, [0, 0, breast]), [0, 0, 0]]) for name, point in free.items()}
    return places | {"head-away": np.array([nose + [-0.1, -0.02, 0.3], [0, 0, 0]])}


def ellipsoids(points: np.ndarray, start: np.ndarray) -> np.ndarray:
    """(K, 2, 3) centres and radii of ellipsoids whose union holds ``points`` (N, 3) closely, near ``start`` (k, 6)."""
    paired = start[:, :1] > 0

    def both(p: np.ndarray) -> np.ndarray:
        e = p.reshape(start.shape)
        return np.concatenate([e, (e * [-1, 1, 1, 1, 1, 1])[paired[:, 0]]])

    def residuals(p: np.ndarray) -> np.ndarray:
        e = both(p)
        away = points[:, None] - e[:, :3]
        q = np.maximum(np.linalg.norm(away / e[:, 3:], axis=-1), 0.05)
        depth = (np.linalg.norm(away, axis=-1) * (1 / q - 1)).max(1)       # under the surface, along the ray from the centre
        result: np.ndarray = np.where(depth < 0.003, OUTSIDE * (0.003 - depth), depth)
        return result

    room = np.concatenate([0.1 * np.concatenate([paired, np.ones((len(start), 2))], 1) + 1e-9, 0.5 * start[:, 3:]], 1)
    bounds = (start - room).ravel(), (start + room).ravel()
    fitted = least_squares(residuals, start.ravel(), bounds=bounds, loss="soft_l1", f_scale=0.05, max_nfev=60)
    return both(fitted.x).reshape(-1, 2, 3)


def measure(f: Figure) -> dict[str, Any]:
    """A signer file's content."""

    def faces_of(kept: np.ndarray) -> np.ndarray:
        result: np.ndarray = f.faces[kept[f.faces].all(1)]
        return result

    trunk, head = f.of(*TRUNK), ~f.of(*TRUNK, *LIMBS)
    skin = faces_of(head)
    middle = f.vertices[head & (abs(f.vertices[:, 0]) < 0.02)]
    nose = middle[middle[:, 2].argmax()] * [0, 1, 1]
    face, hip = _face(f, skin, nose), f.joint["upperleg01.L"][0, 1]
    ears = abs(f.vertices[:, 0]) > np.quantile(abs(f.vertices[head, 0]), 0.985) - 0.02
    scale = np.array([1, hip / -1.32, 1] * 2)
    shapes = {"torso": ellipsoids(_thinned(f.vertices[trunk]), np.array(TORSO_START) * scale),
              "head": ellipsoids(_thinned(f.vertices[head & ~ears]), np.array(HEAD_START) + [*nose, 0, 0, 0])}
    places = _places(f, skin, faces_of(f.of(*TRUNK, "upperarm01", "upperleg01")), nose, face)
    found = {"name": f.name, "shoulder_width": f.width} | _bones(f) | {"neck_to_nose": nose, "face": face, "places": places, "shapes": shapes}
    return {name: _plain(value) for name, value in found.items()}


def _thinned(points: np.ndarray, cell: float = 0.06) -> np.ndarray:
    """One point for every ``cell`` of space, so that the dense mesh of the face does not outweigh the rest."""
    return points[np.unique(np.round(points / cell).astype(int), axis=0, return_index=True)[1]]


def _plain(value: Any) -> Any:
    """Numbers rounded to four places, arrays as lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    return value if isinstance(value, str) else round(float(value), 4)


def write_signer(spec: dict[str, Any]) -> None:
    """``data/signers/NAME.yaml``."""
    about = ("# Measured on Anny (NAVER, Apache-2.0; mesh and rigs from MakeHuman, CC0, and SOMA, Apache-2.0) by\n"
             "# python -m signer_lib.prior.bake_body; change the script, not this file. Shoulder widths, from the neck; the face is from\n"
             "# the nose. shoulder_width is metres. A place is its point and the way out of the body, a shape's ellipsoid centre and radii.\n")
    with whole_file(SIGNERS / f"{spec['name']}.yaml") as part:
        part.write_text(about + yaml.safe_dump(spec, sort_keys=False, width=150, default_flow_style=None), encoding="utf-8")


def main() -> None:
    """Measure and write every build."""
    for one in figures():
        write_signer(measure(one))


if __name__ == "__main__":
    run(main)
