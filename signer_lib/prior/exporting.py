"""Priors for other programs: a spoken-to-signed lexicon of .pose files, and prototypes for a recogniser. [ours]"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pose_format import Pose
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions
from pose_format.utils.generic import reduce_holistic

from signer_lib.files import whole_file
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats.holistic import POSE, SIDE, holistic
from signer_lib.pose.formats.lexicon import INDEX, write_lexicon
from signer_lib.prior.fingerspelling import letter_files
from signer_lib.progress import progress

if TYPE_CHECKING:
    from signer_lib.prior.database import Prior

PT_JOINTS = 50                          # the first joints of signer70: body and hands in Progressive Transformers' order
STILL, BELOW = 0.03, -1.0                # shoulder widths: what a hanging hand moves, and where the signing space ends


def export_lexicon(prior: Prior, folder: Path, language: tuple[str, str] = ("en", "ase")) -> Path:
    """Every clip as ``folder``/GLOSS-variant.pose, and index.csv; a gloss's first clip has the best priority, 0. All or nothing. -> the index

    language  the codes of the spoken and of the signed language.
    """
    header = lexicon_header()
    write_lexicon(((gloss, f"{gloss}-{clip.variant}", holistic(clip.poses, header)) for gloss in progress(prior.glosses, "exporting")
                   for clip in prior.candidates(gloss)), folder, "-".join(language))
    return folder / INDEX


def lexicon_header() -> PoseHeader:
    """The points that spoken-to-signed keeps of its own recordings, so that clips can be joined with its letters; and the nose."""
    with next(iter(letter_files().values())).open("rb") as file:
        components = reduce_holistic(Pose.read(file.read())).header.components
    found = [PoseHeaderComponent(c.name, [*c.points, "NOSE"] if c.name == POSE else c.points, c.limbs, c.colors, c.format) for c in components]
    return PoseHeader(0.2, PoseHeaderDimensions(SIDE, SIDE, SIDE), found)


def prototype(poses: PoseSequence) -> np.ndarray:
    """(T, 50, 3) body and hands; a hand that hangs still below the signing space is NaN, since recordings do not show it."""
    xyz = poses.xyz[:, :PT_JOINTS].copy()
    for name in ("left_hand", "right_hand"):
        hand = xyz[:, SIGNER70.groups[name]]                    # a view
        if np.ptp(hand, axis=0).max() < STILL and hand[:, 0, 1].max() < BELOW:
            hand[:] = np.nan
    return xyz


def write_prototypes(named: Iterable[tuple[str, PoseSequence]], path: Path) -> int:
    """A compressed .npz with one ``prototype`` a gloss, named in lower case; of several the first, and ``x`` stands for ``x_1`` too. -> how many"""
    found: dict[str, np.ndarray] = {}
    for gloss, poses in named:
        name = gloss.lower()
        for key in (name, re.sub(r"_\d+$", "", name)):
            if key not in found:
                found[key] = prototype(poses)
    with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:      # np.savez takes no array named "file"
        for name, clip in found.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.save(file, clip)
    return len(found)
