"""The studio's signers, from Anny to ``data/signers``: ``python -m signer_lib.render.studio.bake [NAME ...]``. [ours]

Needs ``anny`` (the extra ``studio``; its first run builds a cache for minutes) and the signers' measures, ``data/signers/NAME.yaml``.
"""

from __future__ import annotations

import sys

import numpy as np

from signer_lib.assets import DATA
from signer_lib.errors import SignerError, run
from signer_lib.pose import SIGNER70
from signer_lib.render.studio.anny_source import ACTIONS, Anny, Source, signer_face
from signer_lib.render.studio.asset import FACE, StudioSigner, save_signer
from signer_lib.render.studio.dress import dressed
from signer_lib.render.studio.looks import CROSSED, LOOKS, NUMBER, Look, body_and_look, region_colours
from signer_lib.render.studio.patch import Patch
from signer_lib.render.studio.rig import BONES, NOSE, SIDES

MOST = 8                                         # bones that may move one vertex
NEAR, AROUND, EVENNESS = 4, 8, 0.02             # vertices of the regressor of one joint: in each octant, or in all
ARM, BEND = np.array([0.16, -1, 0.03]), np.array([0.10, -1, 0.32])      # where a hanging upper arm and forearm point; x outwards


def baked(name: str, look: Look, source: Source) -> StudioSigner:
    """A build, dressed and packed."""
    patch = dressed(source, look)
    order = np.argsort(-patch.weights, axis=1)[:, :MOST]
    shares = np.take_along_axis(patch.weights, order, 1)
    moved = np.flatnonzero((abs(patch.actions) > 1e-4).any((0, 2)))
    hexes = region_colours(look)
    colours = np.array([[int(c[k:k + 2], 16) for k in (1, 3, 5)] for c in hexes], np.uint8)
    near, near_share = regressor(patch, source.joints)
    return StudioSigner(name, patch.v, patch.f, patch.region, colours, order, shares / shares.sum(1, keepdims=True), moved,
                        patch.actions[:, moved], source.joints, source.neck, source.pose_face, hanging(source.joints), near, near_share)


def regressor(patch: Patch, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(70, M) vertices around every joint and weights, as even as they can be, with which they give the joint at rest.

    A point of the face takes the nearest vertices of the skin, a joint of a finger the nearest of that finger, another joint inside the
    body the nearest in each of the eight directions. The mesh's mouth is a little lower than a pose's: the lower lip's points are the
    mesh's own.
    """
    skin = np.unique(patch.f[np.isin(patch.region, [NUMBER[name] for name in ("face", "lips")])])
    jaw = patch.actions[ACTIONS.index("jawOpen")][:, 1]
    fixed, jaw = skin[jaw[skin] > 0.1 * jaw.min()], skin[jaw[skin] < 0.5 * jaw.min()]
    strongest = np.array(BONES)[patch.weights.argmax(1)]
    near, share = np.zeros((len(joints), 8 * NEAR), int), np.zeros((len(joints), 8 * NEAR))
    for joint, point in enumerate(joints):
        name = SIGNER70.names[joint]
        face = joint == NOSE or joint >= FACE.start
        allowed = np.arange(len(patch.v)) if not face else jaw if "lip_lower" in name else fixed if "lip_upper" in name else skin
        if "hand" in name and not name.endswith("wrist"):
            side, finger = ("left", "right")[name[0] == "r"], name.split("_")[2]
            allowed = np.flatnonzero((np.char.find(strongest, f"{side}_{finger}") == 0) | (np.char.find(strongest, f"{side}_half_{finger}") == 0))
        order = allowed[np.argsort(np.linalg.norm(patch.v[allowed] - point, axis=1))]
        octant = (patch.v[order] - point > 0) @ [1, 2, 4]
        inside = not face and "tip" not in name
        at = np.concatenate([order[octant == k][:NEAR] for k in range(8)]) if inside else order[:AROUND]
        near[joint, :len(at)] = at
        share[joint, :len(at)] = 1 / AROUND if "lip_lower" in name else _even(patch.v[at] - point)
    return near, share


def _even(offsets: np.ndarray) -> np.ndarray:
    """(M,) weights with sum 1, near 1/M, for which offsets (M, 3) sum up to next to nothing."""
    scale, count = np.abs(offsets).max(), len(offsets)
    rows = np.concatenate([offsets.T / scale, 100 * np.ones((1, count)), EVENNESS * np.eye(count)])
    result: np.ndarray = np.linalg.lstsq(rows, np.concatenate([[0, 0, 0, 100], np.full(count, EVENNESS / count)]), rcond=None)[0]
    return result


def hanging(joints: np.ndarray) -> np.ndarray:
    """(70, 3) the mesh's joints with the arms let down: what is drawn of an arm that no frame shows."""
    pose = joints.copy()
    for side, (shoulder, first) in SIDES.items():
        out = -1 if side == "right" else 1
        elbow, wrist = joints[shoulder + 1], joints[shoulder + 2]
        upper, fore = (way * [out, 1, 1] / np.linalg.norm(way) for way in (ARM, BEND))
        pose[shoulder + 1] = joints[shoulder] + upper * np.linalg.norm(elbow - joints[shoulder])
        pose[shoulder + 2] = pose[shoulder + 1] + fore * np.linalg.norm(wrist - elbow)
        hand = joints[first:first + 21] - wrist
        along = hand[9] / np.linalg.norm(hand[9])
        palm = np.cross(hand[5], hand[17]) * -out
        rest = np.stack([along, palm / np.linalg.norm(palm), np.cross(along, palm / np.linalg.norm(palm))])
        inward = np.array([-out, 0, 0]) - fore * (-out * fore[0])
        inward /= np.linalg.norm(inward)
        pose[first:first + 21] = pose[shoulder + 2] + hand @ rest.T @ np.stack([fore, inward, np.cross(fore, inward)])
    return pose


def main() -> None:
    """Bake the signers that are named, or all."""
    known = (*LOOKS, *CROSSED)
    names = sys.argv[1:] or known
    for name in names:
        if name not in known:
            raise SignerError(f"there is no signer '{name}': choose from {', '.join(known)}")
        signer_face(body_and_look(name)[0])      # told before Anny loads
    anny = Anny()
    for name in names:
        body, look = body_and_look(name)
        signer = baked(name, look, anny.source(body, look.phenotype))
        path = DATA / "signers" / f"{name}.safetensors"
        save_signer(signer, path)
        print(f"{path}: {len(signer.vertices):,} vertices, {len(signer.faces):,} faces, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
