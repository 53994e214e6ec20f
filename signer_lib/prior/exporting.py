"""Priors for other programs: a spoken-to-signed lexicon of .pose files, and prototypes for a recogniser. [ours]"""

from __future__ import annotations

import csv
import math
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pose_format import Pose
from pose_format.numpy import NumPyPoseBody
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions
from pose_format.utils.generic import reduce_holistic

from signer_lib.files import filling, whole_file
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats.pose_file import GROUPS, ORIGIN, POINTS, POSE, SIDE, UNIT
from signer_lib.prior.fingerspelling import letter_files
from signer_lib.progress import progress

if TYPE_CHECKING:
    from signer_lib.prior.database import Prior

INDEX = ("path", "spoken_language", "signed_language", "start", "end", "words", "glosses", "priority")
FLIP = np.array([1, -1, -1])            # image axes <-> the contract's
HIPS = {"LEFT_HIP": (0.34, -1.5, 0.0), "RIGHT_HIP": (-0.34, -1.5, 0.0)}        # from the neck; signer70 has none, and spoken-to-signed wants them
PT_JOINTS = 50                          # the first joints of signer70: body and hands in Progressive Transformers' order
LONGEST_NAME = 100                      # letters of a file's name before its ending; file systems take 255
STILL, BELOW = 0.03, -1.0                # shoulder widths: what a hanging hand moves, and where the signing space ends


def export_lexicon(prior: Prior, folder: Path, language: tuple[str, str] = ("en", "ase")) -> Path:
    """Every clip as ``folder``/GLOSS-variant.pose, and index.csv; a gloss's first clip has the best priority, 0. All or nothing. -> the index

    language  the codes of the spoken and of the signed language.
    """
    header = lexicon_header()
    with filling(folder) as part, open(part / "index.csv", "w", newline="", encoding="utf-8") as file:
        index = csv.DictWriter(file, INDEX)
        index.writeheader()
        taken: set[str] = set()
        for gloss in progress(prior.glosses, "exporting"):
            for priority, clip in enumerate(prior.candidates(gloss)):
                name = _file_name(f"{gloss}-{clip.variant}", taken)
                with open(part / name, "wb") as pose_file:
                    holistic(clip.poses, header).write(pose_file)
                milliseconds = math.ceil(1000 * clip.poses.duration)          # up, as a frame that is cut short is left out
                index.writerow(dict(zip(INDEX, (name, *language, 0, milliseconds, words_of(gloss), gloss, priority))))
    return folder / "index.csv"


def lexicon_header() -> PoseHeader:
    """The points that spoken-to-signed keeps of its own recordings, so that clips can be joined with its letters; and the nose."""
    with next(iter(letter_files().values())).open("rb") as file:
        components = reduce_holistic(Pose.read(file.read())).header.components
    found = [PoseHeaderComponent(c.name, [*c.points, "NOSE"] if c.name == POSE else c.points, c.limbs, c.colors, c.format) for c in components]
    return PoseHeader(0.2, PoseHeaderDimensions(SIDE, SIDE, SIDE), found)


def holistic(poses: PoseSequence, header: PoseHeader) -> Pose:
    """signer70 in a header of MediaPipe's points, in pixels as ``write_pose`` has them; points that signer70 lacks have confidence 0."""
    joints = {(name, point): SIGNER70.groups[group].start + k for name, group in GROUPS.items() for k, point in enumerate(POINTS[name])}
    columns = [(component.name, point) for component in header.components for point in component.points]
    xyz, confidence = np.zeros((len(poses), len(columns), 3)), np.zeros((len(poses), len(columns)))
    for column, key in enumerate(columns):
        if key in joints:
            xyz[:, column], confidence[:, column] = poses.xyz[:, joints[key]], poses.confidence[:, joints[key]]
        elif key[1] in HIPS:
            xyz[:, column], confidence[:, column] = poses.joint("neck") + HIPS[key[1]], poses.confidence[:, SIGNER70.index("neck")]
    pixels = np.where(confidence[..., None] > 0, xyz * FLIP * UNIT + ORIGIN, 0)
    return Pose(header, NumPyPoseBody(float(poses.fps), pixels[:, None].astype(np.float32), confidence[:, None].astype(np.float32)))


def words_of(gloss: str) -> str:
    """The words that a gloss is looked up by: ``THANK-YOU`` -> ``thank you``."""
    return gloss.lower().replace("-", " ")


def _file_name(stem: str, taken: set[str]) -> str:
    """A name for any file system, where READ and read are one file."""
    plain = re.sub(r"[^\w.-]+", "_", stem, flags=re.ASCII)[:LONGEST_NAME].strip("._") or "clip"
    name, k = f"{plain}.pose", 2
    while name.lower() in taken:
        name, k = f"{plain}-{k}.pose", k + 1
    taken.add(name.lower())
    return name


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
