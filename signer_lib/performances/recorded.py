"""Data set (b): real clips of signs, made stable and split into pools by recording. [ours]

ASL-App's clips are of one signer, 29.97 frames a second, 16:9. WLASL's are of many, and say less: their frame rate is taken to be 25,
that of WLASL's index; whether a clip is 16:9 or 4:3 is seen from its signer's proportions; frames without hands were dropped, and are
put back where a wrist jumps. They end after 30 frames, some of them in mid-sign.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components

from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import read_poses
from signer_lib.pose.formats.picture import GUESSED
from signer_lib.prior import table
from signer_lib.prior.body import Body
from signer_lib.prior.database import Prior
from signer_lib.prior.fingerspelling import MOVING, stable_letter
from signer_lib.prior.neighbours import slul_embeddings
from signer_lib.prior.phonology import load_signs
from signer_lib.prior.recordings import FPS, SETS, stabilise
from signer_lib.prior.stability import SHORT_GAP, repair_labels, right_handed
from signer_lib.progress import progress

SOURCES = {"asl_app": ("MIT (ASL-App)", "ASL-App"), "wlasl50": ("LicenseRef-none-stated (WLASL: research only)", "one of WLASL")}   # licence, signer
SAME_SIGN = {"FINISHED": "FINISH", "SCARED": "AFRAID"}          # in phonology too: hands, handshapes and movement are the lexicon's
OTHER_SIGN = {"asl_app-angry": "one hand before the face; the lexicon's ANGRY is two hands on the chest"}
ASPECTS = 16 / 9, 4 / 3
NOSE_HEIGHT = 0.54                              # shoulder widths above the shoulders: ASL-App's median, whose aspect is known
FASTEST = 7.0                                   # shoulder widths a second, of a wrist: the 99th percentile of PHOENIX's signers
FRAMES, SHOWN, MOVED = 8, 0.5, 0.15             # a clip needs so many; share that shows the right hand; how far it may be moved
ALIKE = 0.015                                   # shoulder widths between the frames of two cuts of one video; found: 0.002 and 0.007, then 0.014
POOLS = ("prior", "judge", "dev", "test")
TURNS = ("prior", "judge", "test", "dev", "prior", "judge", "prior", "test", "judge", "prior")      # 40 %, 30 %, 20 %, dev 10 %
SHAPED = [*range(8), *(first + joint for first in (8, 29) for joint in (0, 4, 5, 8, 12, 16, 17, 20))]    # body, wrists, knuckles, tips


@dataclass(frozen=True, eq=False)
class Recorded:
    """A stable clip of ``gloss``: ``FPS`` frames a second, right-handed. ``name`` says which, ``set`` is one of ``SOURCES``."""

    gloss: str
    name: str
    poses: PoseSequence
    set: str


# --- reading ---------------------------------------------------------------------------------------------------------------
def recorded_clips(data: Path, body: Body, left_out: dict[str, str] | None = None) -> list[Recorded]:
    """All clips of ``SOURCES`` that can be used, as ``body`` signs them; letters that stand still are held like the prior's own.

    left_out  is given the others' names, each with the reason. Raises ``SignerError`` if the data are not there.
    """
    left_out, signs, found = {} if left_out is None else left_out, load_signs(), []
    for which in SOURCES:
        raw = read_poses(Path(data) / SETS[which]) if which == "asl_app" else in_proportion(Path(data) / SETS[which])
        for key, poses in progress(raw.items(), f"making {which} stable", len(raw)):
            name, gloss = f"{which}-{key}", gloss_of(key)
            if name in OTHER_SIGN or gloss not in signs and len(gloss) > 1:
                left_out[name] = OTHER_SIGN.get(name, f"the lexicon has no {gloss}")
                continue
            try:
                held = gloss not in signs and gloss not in MOVING
                stable = stable_letter(gloss, poses.resample(FPS), body) if held else stable_sign(poses, body)
            except SignerError as error:
                left_out[name] = str(error)
                continue
            found.append(Recorded(gloss, name, stable, which))
    return found


def gloss_of(key: str) -> str:
    """A clip's name in its file -> the lexicon's gloss: ``thank_you`` -> THANK-YOU, ``finish__02`` -> FINISH."""
    gloss = key.split("__")[0].upper().replace("_", "-")
    return SAME_SIGN.get(gloss, gloss)


def in_proportion(path: Path) -> dict[str, PoseSequence]:
    """WLASL's clips, each in the aspect in which its signer's nose is nearest to ``NOSE_HEIGHT``, the dropped frames put back."""
    ways = [read_poses(path, aspect=aspect) for aspect in ASPECTS]

    def height(clip: PoseSequence) -> float:
        return float(np.nanmedian((clip.joint("nose") - clip.joint("neck"))[:, 1]))

    return {key: reopened(min((way[key] for way in ways), key=lambda clip: abs(np.log(max(height(clip), 0.1) / NOSE_HEIGHT))))
            for key in ways[0]}


def reopened(poses: PoseSequence) -> PoseSequence:
    """Empty frames wherever a wrist, seen in the picture, goes farther than ``FASTEST`` allows: as many as it needs, or a short gap at most."""
    arms = [SIGNER70.index(f"{side}_wrist") for side in "rl"]
    seen = np.where(poses.confidence[:, arms, None] > GUESSED, poses.xyz[:, arms, :2], np.nan)
    step = np.nan_to_num(np.linalg.norm(np.diff(seen, axis=0), axis=-1)).max(1, initial=0)                      # (T - 1,)
    empty = np.clip(np.ceil(step * poses.fps / FASTEST).astype(int) - 1, 0, int(SHORT_GAP * poses.fps))
    at = np.arange(len(poses)) + np.r_[0, empty.cumsum()]
    xyz = np.full((at[-1] + 1, *poses.xyz.shape[1:]), np.nan, np.float32)
    confidence = np.zeros(xyz.shape[:2], np.float32)
    xyz[at], confidence[at] = poses.xyz, poses.confidence
    return replace(poses, xyz=xyz, confidence=confidence)


def stable_sign(poses: PoseSequence, body: Body) -> PoseSequence:
    """``stabilise`` with its own doubts heeded. Raises ``SignerError`` for a clip that is too short, mostly unseen or bent too far."""
    cleaned = right_handed(repair_labels(poses))
    there = cleaned.confidence.any(1)                                          # not those that ``reopened`` put in
    shown = (cleaned.confidence[there, SIGNER70.groups["right_hand"]] > 0).all(1).mean()
    stable, figures = stabilise(poses, body, FPS)
    if min(there.sum(), len(stable)) < FRAMES:
        raise SignerError(f"{min(there.sum(), len(stable))} frames, fewer than {FRAMES}")
    if shown < SHOWN:
        raise SignerError(f"the signing hand is seen in {shown:.0%} of the frames, less than {SHOWN:.0%}")
    if figures["whole"]["moved"] > MOVED:
        raise SignerError(f"stable, its hands are {figures['whole']['moved']:.2f} from where they were seen, more than {MOVED}")
    return stable


# --- splitting -------------------------------------------------------------------------------------------------------------
def split_by_recording(clips: list[Recorded], seed: int) -> dict[str, list[Recorded]]:
    """Every clip in one of ``POOLS``; cuts of one video stay together.

    The recordings of a gloss, in an order that ``seed`` and their names decide, take ``TURNS``. A gloss with fewer than there are pools
    is in none: a judge that knows a sign only from rules cannot tell whether a recording of it is right. ASL-App's letters are the
    judge's, since the prior has recordings of its own.
    """

    def drawn(group: list[Recorded]) -> bytes:
        return sha256(f"{seed} {min(clip.name for clip in group)}".encode()).digest()

    glosses: dict[str, list[list[Recorded]]] = {}
    for group in same_video(clips):
        glosses.setdefault(group[0].gloss, []).append(group)
    letters = [group for gloss, groups in glosses.items() if len(gloss) == 1 for group in groups]
    words = [groups for gloss, groups in glosses.items() if len(gloss) > 1]
    pools: dict[str, list[Recorded]] = {pool: [] for pool in POOLS}
    for groups in (groups for groups in words if len(groups) >= len(POOLS)):
        for turn, group in enumerate(sorted(groups, key=drawn)):
            pools[TURNS[turn % len(TURNS)]].extend(group)
    pools["judge"].extend(clip for group in letters for clip in group)
    return {pool: sorted(found, key=lambda clip: (clip.gloss, clip.name)) for pool, found in pools.items()}


def same_video(clips: list[Recorded]) -> list[list[Recorded]]:
    """The clips in groups, each of one gloss; more than one in a group are cuts of one video, or look like it."""
    by_gloss: dict[str, list[Recorded]] = {}
    for clip in sorted(clips, key=lambda clip: clip.name):
        by_gloss.setdefault(clip.gloss, []).append(clip)
    groups = []
    for found in by_gloss.values():
        near = [[a is b or apart(a.poses, b.poses) < ALIKE for b in found] for a in found]
        _, label = connected_components(np.array(near), directed=False)
        groups += [[clip for clip, own in zip(found, label) if own == k] for k in range(label.max() + 1)]
    return groups


def apart(a: PoseSequence, b: PoseSequence) -> float:
    """The median, over the frames of the shorter clip, of the mean distance in the picture to the other's likest frame."""
    shorter, longer = (clip.xyz[:, SHAPED, :2] for clip in sorted((a, b), key=len))
    return float(np.median(np.linalg.norm(shorter[:, None] - longer[None], axis=-1).mean(-1).min(1)))


# --- writing ---------------------------------------------------------------------------------------------------------------
def build_recorded_pools(data: Path, folder: Path, body: Body, seed: int) -> dict[str, Any]:
    """Writes ``folder``/pools/NAME, a prior for each of ``POOLS``; that of the prior goes on with all that the shipped lexicon offers.

    -> for each pool its clips and glosses, the clips that were left out with the reason, and the videos that are there twice.
    Raises ``SignerError`` if there are pools already, if the data are not there or ``folder`` cannot be written to.
    """
    folder = Path(folder)
    left_out: dict[str, str] = {}
    if (folder / "pools").exists():
        raise SignerError(f"there are pools in {folder} already: delete {folder / 'pools'}, or choose another folder")
    clips = recorded_clips(data, body, left_out)
    pools = split_by_recording(clips, seed)
    kept = {clip.name for found in pools.values() for clip in found}
    left_out |= {clip.name: f"{clip.gloss} has fewer than {len(POOLS)} recordings" for clip in clips if clip.name not in kept}
    with filling(folder) as part:
        for pool, found in pools.items():
            Prior.new(part / "pools" / pool).add(recorded_rows(found))
        Prior.load(part / "pools" / "prior").add(Prior.open(body=body).rows())
    return {"clips": {pool: dict(Counter(clip.set for clip in found)) for pool, found in pools.items()},
            "glosses": {pool: len({clip.gloss for clip in found}) for pool, found in pools.items()},
            "median_seconds": {which: round(float(np.median([clip.poses.duration for clip in clips if clip.set == which])), 3) for which in SOURCES},
            "same_video": [[clip.name for clip in group] for group in same_video(clips) if len(group) > 1], "left_out": left_out}


def recorded_rows(clips: list[Recorded]) -> Iterator[dict[str, Any]]:
    """Rows of a prior's table; the variant is the recording's name."""
    signs, embeddings = load_signs(), slul_embeddings()
    for clip in clips:
        licence, signer = SOURCES[clip.set]
        gloss = clip.gloss
        phonology = asdict(signs[gloss]) if gloss in signs else {"handshape": [MOVING.get(gloss, gloss.lower())]}
        yield table.clip_row(gloss, clip.name, clip.poses, source="recording", licence=licence, signer=signer, phonology=phonology,
                             embedding=embeddings.get(gloss, ()))
