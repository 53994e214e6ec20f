"""A study's sign clips: glossed, made stable by the prior's rules, and shared out over pools so that no recording is on both sides. [ours]

A gloss with four recordings or more is split by recording, as in ``performances.recorded``. One with fewer has all of them in the prior; what is
trained on and held out is then done by signers made by rule, who sign the prior's clip a little differently: for such a gloss "held out" means
another signer made by rule, not another recording, and the report says how many glosses that are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from string import ascii_uppercase
from typing import Any

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.own_data.study import ClipSource, Study
from signer_lib.own_data.text import rows_of
from signer_lib.performances.recorded import POOLS, Recorded, same_video, split_by_recording, stable_sign
from signer_lib.performances.signers import SIGNERS
from signer_lib.performances.small import renditions
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import read_clips
from signer_lib.pose.motion import jerk
from signer_lib.prior import table
from signer_lib.prior.body import Body
from signer_lib.prior.database import Prior
from signer_lib.prior.fingerspelling import MOVING, stable_letter
from signer_lib.prior.recordings import FPS, wrists
from signer_lib.progress import progress

EVERY_POOL = (*POOLS, "train")
HELD = {*ascii_uppercase} - {*MOVING}    # ASL's letters without a movement
SIGNERS_OF_A_POOL = 4               # made by rule, for glosses with few recordings


@dataclass(frozen=True)
class Clip:
    """One recording as it was read. ``where``: its source's file, without the folder, and the name in it."""

    gloss: str
    name: str
    poses: PoseSequence
    signer: str
    licence: str
    where: str


def sign_clips(study: Study) -> Iterator[Clip]:
    """All clips of single signs. Raises ``SignerError`` naming the file (and line) of a clip without a gloss, or a table's row without a clip."""
    for source in study.signs:
        rows = _rows(source) if source.table else {}
        for named in read_clips(source.clips, source.fps, source.aspect, language=study.languages):
            name, where = named.name, f"{source.clips}, {named.name}"
            if source.table and name not in rows:
                raise SignerError(f"{where} does not stand in {source.table}: add a line for it, or take the clip away")
            if named.is_sentence and not source.table:
                raise SignerError(f"{where} is a sentence ('{named.text or named.gloss}'), not a sign: name its folder under 'sentences'")
            line = rows.pop(name, {})
            gloss = line.get("gloss") or (named.gloss if source.gloss == "name" else None) or gloss_of_name(name, source.gloss)
            if not gloss or any(c.isspace() for c in gloss):
                raise SignerError(f"{where} has no gloss: name the file after it, such as BOOK.pose or BOOK__2.pose, or give a table")
            yield Clip(gloss, name, named.poses, line.get("signer") or named.signer or source.signer, source.licence,
                       f"{source.clips.name}, {name}")
        for name, line in rows.items():
            raise SignerError(f"{source.table}, line {line['line']}: there is no clip {name} in {source.clips}")


def _rows(source: ClipSource) -> dict[str, dict[str, str]]:
    columns = {"clip": source.clip, "gloss": source.gloss if source.gloss not in ("name", "folder") else "gloss", "signer": "signer"}
    assert source.table is not None
    return {_bare(row["clip"]): row | {"line": str(line)} for line, row in rows_of(source.table, columns, ("signer",))}


def _bare(name: str) -> str:
    """A clip's name as the readers give it: without the ending of a pose file."""
    return name.removesuffix(".pose")


def gloss_of_name(name: str, by: str = "name") -> str:
    """``signs/thank_you__02`` -> THANK-YOU; by "folder", ``BOOK/02`` -> BOOK. What follows two underscores or # only counts recordings."""
    path = PurePosixPath(name)
    word = path.parent.name if by == "folder" else path.name
    return word.split("__")[0].split("#")[0].strip().upper().replace("_", "-").replace(" ", "-")


def stable_clips(clips: Iterable[Clip], body: Body, left_out: dict[str, str], letters: bool) -> tuple[list[Recorded], dict[str, Clip]]:
    """Each clip through the rules (``performances.recorded.stable_sign``). -> the stable ones, and by name what they were made of

    left_out  is given the others, each with the reason.    letters  whether A to Z are ASL's letters, which are held as the prior holds them.
    """
    found, origin = [], {}
    for clip in clips:
        name = f"{clip.name}@{clip.signer}" if clip.name in origin else clip.name
        held = letters and clip.gloss in HELD
        try:
            stable = stable_letter(clip.gloss, clip.poses.resample(FPS), body) if held else stable_sign(clip.poses, body)
            found.append(Recorded(clip.gloss, name, stable, clip.where))
        except SignerError as error:
            left_out[clip.where] = str(error)
            continue
        origin[name] = clip
    return found, origin


def shared_out(clips: list[Recorded], seed: int) -> dict[str, list[Recorded]]:
    """Every clip in one of ``POOLS``: see the module's head. Cuts of one video stay together."""
    recordings = Counter(group[0].gloss for group in same_video(clips))
    many = [clip for clip in clips if recordings[clip.gloss] >= len(POOLS) and len(clip.gloss) > 1]
    pools = split_by_recording(many, seed)
    pools["prior"] = sorted(pools["prior"] + [clip for clip in clips if clip not in many], key=lambda clip: (clip.gloss, clip.name))
    return pools


def clip_rows(clips: list[Recorded], origin: dict[str, Clip]) -> Iterator[dict[str, Any]]:
    """Rows of a prior's table; the variant is the recording's name."""
    for clip in clips:
        own = origin[clip.name]
        yield table.clip_row(clip.gloss, clip.name, clip.poses, source="recording", licence=own.licence, signer=own.signer)


def build_pools(study: Study, folder: Path, wanted: set[str], body: Body) -> dict[str, Any]:
    """Writes ``folder``/NAME, a prior for each of ``EVERY_POOL``. ``wanted``: the corpus's glosses; others stay in the prior and are not performed.

    -> what was built: clips, glosses, held-out glosses, wrist jerk before and after the rules, what was left out and why.
    Raises ``SignerError`` if no clip can be used.
    """
    left_out: dict[str, str] = {}
    clips, origin = stable_clips(progress(sign_clips(study), "making clips stable"), body, left_out, study.with_letters)
    if study.signs and not clips:
        raise SignerError(f"none of the {len(left_out)} sign clips can be used; the first: {next(iter(left_out.items()), ('', ''))[1]}")
    pools = shared_out(clips, study.seed)
    for name, own in pools.items():
        Prior.new(folder / name).add(clip_rows(own, origin))
    prior, train = Prior.load(folder / "prior"), Prior.new(folder / "train")
    held_out = {clip.gloss for clip in pools["test"]}
    train.add(row for row in prior.rows() if row["gloss"] in held_out)
    prior.add(_shipped(study, {clip.gloss for clip in clips}))
    few = sorted(gloss for gloss in prior.glosses if gloss not in held_out and (gloss in wanted or len(gloss) == 1))
    for name in EVERY_POOL[1:]:
        cast = [signer for signer in SIGNERS if signer.pool == name][:SIGNERS_OF_A_POOL]
        Prior.load(folder / name).add(row for signer in cast for row in renditions(signer, few, prior, study.seed))
    jerks = {"before": _mean_jerk(origin[clip.name].poses for clip in clips), "after": _mean_jerk(clip.poses for clip in clips)}
    return {"clips": {name: len(own) for name, own in pools.items()}, "glosses": len({clip.gloss for clip in clips}),
            "glosses_with_held_out_recordings": len(held_out), "glosses_of_the_prior": len(prior), "wrist_jerk": jerks,
            "clips_of_a_gloss": dict(sorted(Counter(Counter(clip.gloss for clip in clips).values()).items())), "left_out": left_out}


def _shipped(study: Study, own: set[str]) -> Iterator[dict[str, Any]]:
    """The shipped prior's signs that have no clip of one's own, and the recorded letters, as far as the study asks for them."""
    if not study.shipped_signs and not study.with_letters:
        return
    for row in Prior.open().rows():
        letter = len(row["gloss"]) == 1 and row["source"] == "recording"
        if (study.with_letters if letter else study.shipped_signs) and row["gloss"] not in own:
            yield row


def _mean_jerk(clips: Iterable[PoseSequence]) -> float | None:
    """Of the wrists in the picture, shoulder widths / s^3; None where no wrist is seen."""
    found = [jerk(wrists(poses), poses.fps) for poses in clips]
    return float(np.nanmean(found)) if np.isfinite(found).any() else None
