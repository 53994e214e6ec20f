"""How thick the limbs of a body are: what control images show beyond bones. [ours]

Poses are told in one skeleton, so a broad and a slight signer have the same joints, and only their outlines differ. ``data/signers/flesh.json``
has the radii of every shipped body's limbs, clothed, as ``render.studio.measure`` finds them: a renderer that is told them can show a body
that it has never seen.
"""

from __future__ import annotations

import json
from functools import lru_cache

import torch
from torch import Tensor

from signer_lib.assets import DATA
from signer_lib.errors import SignerError
from signer_lib.render.control import LIMBS

FLESH = DATA / "signers" / "flesh.json"


def flesh(body: str | None = None) -> Tensor:
    """(2, L) the radii of ``control.LIMBS`` at their ends, shoulder widths; of nobody in particular if the body is none of ``bodies``."""
    return _all().get(body or "", GENERIC)


def bodies() -> list[str]:
    """Whose flesh is known."""
    return list(_all())


GENERIC = torch.tensor([limb.radii for limb in LIMBS]).T


@lru_cache(maxsize=1)
def _all() -> dict[str, Tensor]:
    if not FLESH.is_file():
        return {}
    found = {name: torch.tensor(rows).T for name, rows in json.loads(FLESH.read_text(encoding="utf-8")).items()}
    if wrong := [name for name, radii in found.items() if radii.shape != GENERIC.shape]:
        raise SignerError(f"{FLESH} tells {wrong[0]}'s flesh for other limbs: type  python -m signer_lib.render.studio.measure")
    return found
