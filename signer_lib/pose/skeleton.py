"""Skeletons as data: names, parents, groups and mirror pairs of the joints. [ours]

``SIGNER70`` is the work skeleton. Its first 50 joints are in the order of Progressive Transformers (8 upper-body joints, 21 of
the left hand, 21 of the right hand); 20 face points follow, for the non-manual markers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

FINGERS = ("thumb", "index", "middle", "ring", "little")
SEGMENTS = {"thumb": ("cmc", "mcp", "ip", "tip")} | dict.fromkeys(FINGERS[1:], ("mcp", "pip", "dip", "tip"))
HAND_JOINTS = ("wrist",) + tuple(f"{finger}_{segment}" for finger in FINGERS for segment in SEGMENTS[finger])


@dataclass(frozen=True)
class Skeleton:
    """A named tree of J joints.

    names   (J,) joint names; ``l_`` and ``r_`` are the signer's own left and right.
    parents (J,) index of each joint's parent, -1 for the root. A parent always stands before its child in ``order``.
    groups  name -> the slice of joints that belongs to an articulator.
    """

    name: str
    names: tuple[str, ...]
    parents: tuple[int, ...]
    groups: dict[str, slice]

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Position of a joint. Raises ``ValueError`` if the skeleton has no such joint."""
        return self.names.index(name)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The joints, each after its parent (the pt50 order puts the left hand before the left wrist's siblings)."""

        def depth(joint: int) -> int:
            return 0 if self.parents[joint] < 0 else 1 + depth(self.parents[joint])

        return tuple(sorted(range(len(self)), key=depth))

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) pairs, in ``order``."""
        return tuple((self.parents[joint], joint) for joint in self.order if self.parents[joint] >= 0)

    @cached_property
    def chains(self) -> np.ndarray:
        """(J, J) float32: 1 where the bone that ends in the column's joint lies on the way from the root to the row's joint."""
        chains = np.eye(len(self), dtype=np.float32)
        for joint in self.order:
            if self.parents[joint] >= 0:
                chains[joint] += chains[self.parents[joint]]
        return chains

    @cached_property
    def mirror(self) -> np.ndarray:
        """(J,) for each joint the joint on the other side of the body."""
        swap = {"l_": "r_", "r_": "l_"}
        return np.array([self.index(swap[n[:2]] + n[2:]) if n[:2] in swap else i for i, n in enumerate(self.names)])


def _signer70() -> Skeleton:
    body = ("nose", "neck", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist")
    body_parents = (1, -1, 1, 2, 3, 1, 5, 6)
    brow = tuple(f"brow_{k}" for k in range(5))                      # from the nose outwards
    face = (*(f"r_{b}" for b in brow), *(f"l_{b}" for b in brow),
            "r_lid_upper", "r_lid_lower", "l_lid_upper", "l_lid_lower",
            "r_lip_corner", "l_lip_corner", "lip_upper_outer", "lip_upper_inner", "lip_lower_inner", "lip_lower_outer")
    names = body + tuple(f"l_hand_{j}" for j in HAND_JOINTS) + tuple(f"r_hand_{j}" for j in HAND_JOINTS) + face
    parents = list(body_parents)
    for first, wrist in ((8, 7), (29, 4)):
        # within a hand: joint 0 hangs on the arm's wrist, each finger's first joint on joint 0, every other on the one before
        parents += [wrist] + [first if k % 4 == 1 else first + k - 1 for k in range(1, 21)]
    parents += [0] * len(face)
    groups = {"body": slice(0, 8), "left_hand": slice(8, 29), "right_hand": slice(29, 50), "face": slice(50, 70)}
    return Skeleton("signer70", names, tuple(parents), groups)


SIGNER70 = _signer70()
