"""Anny's body as the studio bakes it: MakeHuman's mesh with its helper surfaces, on our rig, in our axes. Needs ``anny``. [ours]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.parsing import from_yaml
from signer_lib.pose import SIGNER70
from signer_lib.render.studio.rig import BONES, FORE, INDEX, SIDES, UPPER, halves, unit

AVERAGE = {"gender": 0.5, "age": 0.67, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.5}     # Anny's phenotypes
# the targets of Anny's 52 that the non-manual tracks of signer70 can ask for
ACTIONS = ("browInnerUp", "browOuterUpLeft", "browOuterUpRight", "browDownLeft", "browDownRight", "eyeBlinkLeft", "eyeBlinkRight",
           "eyeWideLeft", "eyeWideRight", "jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight",
           "mouthPucker", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight")
SOMA_SIDES = {"right": "Right", "left": "Left"}
SOMA_FINGERS = {"thumb": "Thumb", "index": "Index", "middle": "Middle", "ring": "Ring", "little": "Pinky"}
GROUPS = {"body": "body", "hair": "helper-hair", "tights": "helper-tights", "lashes": ("helper-l-eyelashes-1", "helper-l-eyelashes-2",
          "helper-r-eyelashes-1", "helper-r-eyelashes-2"), "eyes": ("helper-l-eye", "helper-r-eye"),
          "teeth": ("helper-upper-teeth", "helper-lower-teeth"), "tongue": "helper-tongue"}
DECIMETRE = 0.1                                          # of MakeHuman's targets, in metres


@dataclass(frozen=True)
class Source:
    """One build at rest. Shoulder widths, from the neck.

    vertices (V, 3).   faces: a surface's name -> (F, 3).   weights (V, B) of our bones.   actions (K, V, 3) what each of ``ACTIONS`` moves.
    joints (70, 3) signer70 on this mesh.   neck (3, 3) two joints of the neck and the head's.   pose_face (20, 3) a pose's face at rest.
    """

    vertices: np.ndarray
    faces: dict[str, np.ndarray]
    weights: np.ndarray
    actions: np.ndarray
    joints: np.ndarray
    neck: np.ndarray
    pose_face: np.ndarray


class Anny:
    """Anny's two rigs, loaded once for all builds. Raises ``SignerError`` if it is not installed."""

    def __init__(self) -> None:
        try:
            import anny
            from anny.face_segmentation import get_face_segmentation_mask
            from anny.models.facial_actions import load_plain_target
            from anny.paths import get_anny_root_dir
        except ImportError:
            raise SignerError('the studio is baked from Anny, which is not installed: pip install "stable-signer[studio]"') from None
        import torch

        root = Path(get_anny_root_dir()) / "data"
        self.full, self.soma = anny.Anny(rig="makehuman", topology="makehuman-tris", phenotype_blendshapes="original"), anny.Anny(rig="soma")
        self.faces = _grouped_faces(root / "mpfb2/3dobjs/base.obj")
        cavities = get_face_segmentation_mask(self.full, ["mouth_cavity"]).numpy()
        self.faces["mouth"] = self.full.faces.numpy()[cavities]
        count = len(self.full.base_mesh_vertex_indices)
        unmoved = type("Same", (), {"apply": staticmethod(lambda shape: shape)})
        folder = root / "faceunits01/targets/faceunits"
        self.targets = np.stack([load_plain_target(folder / f"{name}.target", count, unmoved, torch.float64).numpy() for name in ACTIONS])

    def source(self, name: str, phenotype: dict[str, float]) -> Source:
        """A build, with the face points of ``data/signers/NAME.yaml``. Raises ``SignerError`` if that file is missing."""
        import torch

        given = {key: torch.tensor([value]) for key, value in (AVERAGE | phenotype).items()}
        full, soma = self.full(phenotype_kwargs=given, return_bone_ends=True), self.soma(phenotype_kwargs=given)
        heads = dict(zip(self.full.bone_labels, full["rest_bone_heads"][0].numpy()))
        bones = dict(zip(self.soma.bone_labels, soma["rest_bone_poses"][0, :, :3, 3].numpy()))
        right, left = heads["upperarm01.R"], heads["upperarm01.L"]
        width = np.linalg.norm(left - right)

        def ours(points: np.ndarray) -> np.ndarray:
            result: np.ndarray = ((points - (left + right) / 2) / width)[..., [0, 2, 1]] * np.array([1, 1, -1])
            return result

        face, nose = signer_face(name)
        joints = np.zeros((len(SIGNER70), 3))
        joints[0] = nose
        joints[SIGNER70.groups["face"]] = nose + face
        for side, (shoulder, first) in SIDES.items():
            end = "R" if side == "right" else "L"
            joints[shoulder], joints[shoulder + 1] = ours(heads[f"upperarm01.{end}"]), ours(heads[f"lowerarm01.{end}"])
            joints[[shoulder + 2, first]] = ours(bones[f"{SOMA_SIDES[side]}Hand"])
            for number, finger in enumerate(SOMA_FINGERS):
                joints[first + 1 + 4 * number:first + 5 + 4 * number] = [ours(bones[bone]) for bone in _soma_chain(side, finger)]
        vertices = ours(full["rest_vertices"][0].numpy())
        weights = np.zeros((len(vertices), len(BONES)))
        base = self.soma.base_mesh_vertex_indices.numpy()
        weights[base] = _our_weights(self.soma, vertices[base], joints)
        without = np.setdiff1d(np.arange(len(vertices)), base)               # helper surfaces follow the skin under them
        skin = base[base < 13380]
        far, near = cKDTree(vertices[skin]).query(vertices[without], 4)
        close = 1 / np.maximum(far, 1e-4)
        weights[without] = (weights[skin[near]] * close[..., None]).sum(1) / close.sum(1)[:, None]
        return Source(vertices, self.faces, weights, self.targets * DECIMETRE / width, joints,
                      np.stack([ours(bones[bone]) for bone in ("Neck1", "Neck2", "Head")]), signer_face("default")[0])


def signer_face(name: str) -> tuple[np.ndarray, np.ndarray]:
    """(20, 3) the face points from the nose and (3,) the nose from the neck, of a signer's measures."""
    path = DATA / "signers" / f"{name}.yaml"
    if not path.is_file():
        raise SignerError(f"there is no {path}: first measure the build with  python -m signer_lib.prior.bake_body")
    spec = from_yaml(path.read_bytes())
    brow, lids, corner, lips = (np.array(spec["face"][part], float).reshape(-1, 3) for part in ("brow", "lids", "lip_corner", "lips"))
    mirror = np.array([-1.0, 1, 1])
    return np.concatenate([brow * mirror, brow, lids * mirror, lids, corner * mirror, corner, lips]), np.array(spec["neck_to_nose"], float)


def _soma_chain(side: str, finger: str) -> list[str]:
    """SOMA's joints from the finger's first to its tip; a finger's first bone is the metacarpal, which begins nearer to the wrist."""
    steps = (1, 2, 3) if finger == "thumb" else (2, 3, 4)
    return [f"{SOMA_SIDES[side]}Hand{SOMA_FINGERS[finger]}{step}" for step in (*steps, "End")]


def _grouped_faces(path: Path) -> dict[str, np.ndarray]:
    """The surfaces of ``GROUPS`` as triangles (F, 3) of an OBJ file of quads."""
    found: dict[str, list[list[int]]] = {}
    group: list[list[int]] = []                                 # faces before the first group belong to none
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("g "):
            group = found.setdefault(line[2:].strip(), [])
        elif line.startswith("f "):
            a, b, c, *d = (int(corner.split("/")[0]) - 1 for corner in line.split()[1:])
            group += [[a, b, c]] + [[a, c, e] for e in d]

    def join(names: str | Sequence[str]) -> np.ndarray:
        return np.array([face for name in ([names] if isinstance(names, str) else names) for face in found[name]])

    return {name: join(groups) for name, groups in GROUPS.items()}


def _our_weights(soma: Any, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(V, B) SOMA's weights, given to our bones; arms are shared along their length, joints by the half-way bones."""
    theirs = np.zeros((len(vertices), len(soma.bone_labels)))
    index, weight = soma.vertex_bone_indices.numpy(), soma.vertex_bone_weights.numpy()
    for column in range(index.shape[1]):
        np.add.at(theirs, (np.arange(len(vertices)), index[:, column]), weight[:, column])
    ours = np.zeros((len(vertices), len(BONES)))
    for number, bone in enumerate(soma.bone_labels):
        ours[:, _goes_to(bone)] += theirs[:, [number]] * _shares(bone, vertices, joints)
    for side in SIDES:
        for half, (before, after) in halves(side).items():
            shared = np.minimum(ours[:, INDEX[before]], ours[:, INDEX[after]])
            ours[:, INDEX[before]] -= shared
            ours[:, INDEX[after]] -= shared
            ours[:, INDEX[half]] += 2 * shared
    return ours


def _goes_to(bone: str) -> list[int]:
    """Which of our bones take a SOMA bone's weights."""
    side = next((side for side, start in SOMA_SIDES.items() if bone.startswith(start)), None)
    if bone.startswith("Neck"):
        return [INDEX["neck_0" if bone == "Neck1" else "neck_1"]]
    if bone in ("Head", "HeadEnd", "Jaw", "LeftEye", "RightEye"):
        return [INDEX["head"]]
    rest = bone.removeprefix(SOMA_SIDES[side]) if side else ""
    if rest == "Arm":
        return [INDEX[f"{side}_upper_{k}"] for k in range(UPPER)]
    if rest == "ForeArm":
        return [INDEX[f"{side}_fore_{k}"] for k in range(FORE)]
    if rest.startswith("Hand"):
        finger = next((ours for ours, theirs in SOMA_FINGERS.items() if rest[4:].startswith(theirs)), None)
        if finger is None:
            return [INDEX[f"{side}_hand"]]
        step = rest[4 + len(SOMA_FINGERS[finger]):]
        last = 3 if finger == "thumb" else 4
        return [INDEX[f"{side}_{finger}_{(last if step == 'End' else int(step)) - (0 if finger == 'thumb' else 1)}"]]
    return [INDEX["torso"]]


def _shares(bone: str, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(V, n) how the weights of an arm's bone are divided among the n bones over one another; ones for any other bone."""
    side = next((side for side, start in SOMA_SIDES.items() if bone == f"{start}Arm" or bone == f"{start}ForeArm"), None)
    if side is None:
        return np.ones((len(vertices), 1))
    count, first = (FORE, 1) if bone.endswith("ForeArm") else (UPPER, 0)
    start, end = joints[SIDES[side][0] + first], joints[SIDES[side][0] + first + 1]
    along = (vertices - start) @ unit(end - start) / np.linalg.norm(end - start)
    result: np.ndarray = np.clip(1 - abs(np.clip(along, 0, 1)[:, None] * (count - 1) - np.arange(count)), 0, 1)
    return result
