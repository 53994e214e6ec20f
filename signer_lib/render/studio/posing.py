"""Poses put on a studio signer: joints in, mesh out. NumPy alone; neither Anny nor VTK is needed. [ours]"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.render.studio.asset import FACE, StudioSigner
from signer_lib.render.studio.cloth import give_way
from signer_lib.render.studio.rig import NOSE, SIDES, bone_maps

STRONGEST = 1.3                                  # how far a facial action may go, 1 being Anny's own full action
EVEN = 2e-4                                      # keeps actions small that the face's points hardly tell apart
SWEEPS = 40
MOVED = 32                                       # frames that are skinned at once


@dataclass(frozen=True)
class Posed:
    """T frames of a posed signer.

    vertices (T, V, 3) float32.   xyz (T, 70, 3) the pose that the rig follows; seen (T, 70) says which joints were given, the others are held
    from the nearest frame that has them, or hang at rest.   joints (T, 70, 3) the joints as the posed skin and clothes tell them.
    actions (T, K) the facial actions.
    """

    vertices: np.ndarray
    xyz: np.ndarray
    joints: np.ndarray
    seen: np.ndarray
    actions: np.ndarray


def posed(signer: StudioSigner, poses: PoseSequence) -> Posed:
    """The signer in every frame of ``signer70`` poses (for long sequences see ``posed_in_parts``). Raises ``SignerError`` for another skeleton."""
    if poses.skeleton.name != SIGNER70.name:
        raise SignerError(f"the studio draws signer70 poses, not {poses.skeleton.name}: stable-signer prior import makes them")
    seen = np.isfinite(poses.xyz).all(-1)
    return _posed(signer, completed(signer, poses.xyz), seen)


def posed_in_parts(signer: StudioSigner, poses: PoseSequence) -> Iterator[Posed]:
    """``posed`` for ``MOVED`` frames at a time, so that a long sequence needs little memory; what is missing is filled over the whole."""
    if poses.skeleton.name != SIGNER70.name:
        raise SignerError(f"the studio draws signer70 poses, not {poses.skeleton.name}: stable-signer prior import makes them")
    whole, seen = completed(signer, poses.xyz), np.isfinite(poses.xyz).all(-1)
    for start in range(0, len(whole), MOVED):
        yield _posed(signer, whole[start:start + MOVED], seen[start:start + MOVED])


def completed(signer: StudioSigner, xyz: np.ndarray) -> np.ndarray:
    """(T, 70, 3) nothing missing: a trunk, face or arm with a missing joint is that of the nearest frame that has it whole, else at rest."""
    xyz, rest = np.array(xyz, float), signer.hanging
    parts = {"trunk": [1, 2, 5], "head": [NOSE, *range(FACE.start, FACE.stop)]}
    parts |= {side: [shoulder + 1, shoulder + 2, *range(first, first + 21)] for side, (shoulder, first) in SIDES.items()}
    for joints in parts.values():
        whole = np.isfinite(xyz[:, joints]).all((1, 2))
        if whole.all():
            continue
        if not whole.any():
            xyz[:, joints] = rest[joints]
            continue
        have = np.flatnonzero(whole)
        near = have[abs(np.arange(len(xyz))[:, None] - have).argmin(1)]
        xyz[:, joints] = xyz[near][:, joints]
    return xyz


def _posed(signer: StudioSigner, xyz: np.ndarray, seen: np.ndarray) -> Posed:
    maps, head = bone_maps(signer.joints.astype(float), signer.neck.astype(float), signer.pose_face.astype(float), xyz)
    own = (xyz[:, FACE] - xyz[:, [NOSE]]) @ head                               # in the head's own axes
    actions = fitted(own - signer.pose_face, signer.landmark_actions)
    rest = np.repeat(signer.vertices[None], len(xyz), 0)
    rest[:, signer.action_at] += np.einsum("tk,khd->thd", actions.astype(np.float32), signer.actions)
    blended = (signer.weights @ maps.astype(np.float32).reshape(len(xyz), -1, 12)).reshape(len(xyz), -1, 3, 4)
    vertices = np.einsum("tvij,tvj->tvi", blended[..., :3], rest) + blended[..., 3]
    give_way(vertices, signer.trunk, xyz)
    return Posed(vertices, xyz, signer.regress(vertices), seen, actions)


def fitted(moved: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """(T, K) how strong facial actions (K, 20, 3) are, from 0 to ``STRONGEST``, to move the face's points as in ``moved`` (T, 20, 3)."""
    a = actions.reshape(len(actions), -1).astype(float)
    gram, wanted = a @ a.T + EVEN * np.eye(len(a)), moved.reshape(len(moved), -1) @ a.T
    strength: np.ndarray = np.zeros_like(wanted)
    for _ in range(SWEEPS):                                                    # coordinate descent: exact in the end, and every bound is kept
        for k in range(len(a)):
            rest = wanted[:, k] - strength @ gram[:, k] + strength[:, k] * gram[k, k]
            strength[:, k] = np.clip(rest / gram[k, k], 0, STRONGEST)
    return strength
