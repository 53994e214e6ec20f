"""A baked studio signer: what ``bake`` writes to ``data/signers`` and all that posing and drawing need. [ours]"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.parsing import from_json
from signer_lib.pose import SIGNER70
from signer_lib.render.studio.looks import CROSSED, LOOKS, NUMBER, REGIONS
from signer_lib.render.studio.rig import BONES, INDEX

VERSION = "1"
FACE = SIGNER70.groups["face"]


@dataclass(frozen=True)
class StudioSigner:
    """A clothed mesh at rest, in shoulder widths from the neck.

    vertices (V, 3) float32.   faces (F, 3) int32.   region (F,) uint8, numbers of ``looks.REGIONS``.   colours (regions, 3) uint8 RGB.
    bones, shares (V, N) which of ``rig.BONES`` move a vertex, and how much each.
    action_at (H,) the vertices that facial actions move, actions (K, H, 3) how far.
    joints (70, 3) signer70 on the mesh at rest.   neck (3, 3) two joints of the neck and the head's.
    pose_face (20, 3) the face of a pose at rest, from the nose.   hanging (70, 3) a pose with arms hanging, for what is missing.
    near, near_share (70, M) the joint regressor: vertices, and their weights in a joint.
    """

    name: str
    vertices: np.ndarray = field(repr=False)
    faces: np.ndarray = field(repr=False)
    region: np.ndarray = field(repr=False)
    colours: np.ndarray = field(repr=False)
    bones: np.ndarray = field(repr=False)
    shares: np.ndarray = field(repr=False)
    action_at: np.ndarray = field(repr=False)
    actions: np.ndarray = field(repr=False)
    joints: np.ndarray = field(repr=False)
    neck: np.ndarray = field(repr=False)
    pose_face: np.ndarray = field(repr=False)
    hanging: np.ndarray = field(repr=False)
    near: np.ndarray = field(repr=False)
    near_share: np.ndarray = field(repr=False)

    @cached_property
    def weights(self) -> np.ndarray:
        """(V, B) float32 the skinning weights."""
        dense = np.zeros((len(self.vertices), len(BONES)), np.float32)
        np.put_along_axis(dense, self.bones.astype(int), self.shares, 1)
        result: np.ndarray = dense / dense.sum(1, keepdims=True)
        return result

    @cached_property
    def landmark_actions(self) -> np.ndarray:
        """(K, 20, 3) how far each facial action moves the face's points."""
        moved = np.zeros((len(self.actions), *self.vertices.shape), np.float32)
        moved[:, self.action_at] = self.actions
        result: np.ndarray = np.einsum("kjmd,jm->kjd", moved[:, self.near[FACE]], self.near_share[FACE])
        return result

    @cached_property
    def trunk(self) -> np.ndarray:
        """(n,) the vertices of shirt and neck that the trunk carries, in front."""
        worn = np.zeros(len(self.vertices), bool)
        worn[self.faces[np.isin(self.region, [NUMBER[name] for name in ("shirt", "trim", "neck")])]] = True
        return np.flatnonzero(worn & (self.weights[:, INDEX["torso"]] > 0.6) & (self.vertices[:, 2] > 0.02))

    def regress(self, vertices: np.ndarray) -> np.ndarray:
        """(..., V, 3) -> (..., 70, 3) the joints inside a posed mesh."""
        result: np.ndarray = np.einsum("...jmd,jm->...jd", vertices[..., self.near, :], self.near_share)
        return result


STORED = {"vertices": np.float32, "faces": np.uint16, "region": np.uint8, "colours": np.uint8, "bones": np.uint8, "shares": np.float16,
          "action_at": np.uint16, "actions": np.float16, "joints": np.float32, "neck": np.float32, "pose_face": np.float32,
          "hanging": np.float32, "near": np.uint16, "near_share": np.float32}
USED = STORED | {"faces": np.int32, "shares": np.float32, "action_at": np.int32, "actions": np.float32, "near": np.int32}


def save_signer(signer: StudioSigner, path: Path) -> None:
    """Write ``data/signers/NAME.safetensors``: whole or not at all."""
    about = {"version": VERSION, "name": signer.name, "regions": json.dumps(REGIONS), "bones": json.dumps(BONES)}
    with whole_file(path) as part:
        save_file({name: np.ascontiguousarray(getattr(signer, name), kind) for name, kind in STORED.items()}, part, about)


@lru_cache(maxsize=8)
def load_signer(name: str = "default") -> StudioSigner:
    """A shipped signer by name. Raises ``SignerError`` for a name that is unknown and a file that is missing or of another version."""
    if name not in LOOKS and name not in CROSSED:
        raise SignerError(f"there is no signer '{name}': choose one of {', '.join((*LOOKS, *CROSSED))}")
    path = DATA / "signers" / f"{name}.safetensors"
    try:
        with safe_open(path, "np") as file:
            about = file.metadata() or {}
            if about.get("version") != VERSION or from_json(about.get("bones", "[]")) != list(BONES):
                raise SignerError(f"{path} was baked by another version: type  python -m signer_lib.render.studio.bake")
            return StudioSigner(name, **{key: file.get_tensor(key).astype(kind) for key, kind in USED.items()})
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise SignerError(f"cannot read {path} ({str(error).splitlines()[0]}): type  git checkout -- data") from None
