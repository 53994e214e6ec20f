"""What can be wrong with the clips of a prior, named so that it can be found. [ours]"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from signer_lib.pose import SIGNER70
from signer_lib.prior.table import BONES, bone_drift, bone_lengths

LARGEST_DRIFT = {"rule": 1e-4, "recording": 0.01}       # of a bone's length; a rule's only comes from float32
LICENCE = re.compile(r"Apache-2\.0|MIT|BSD-[23]-Clause|CC0-1\.0|CC-BY(-NC)?(-SA|-ND)?-\d\.\d|Unlicense|LicenseRef-[\w.-]+")
SOURCES = ("rule", "recording")


@dataclass(frozen=True)
class Problem:
    """``frame`` and ``joint`` are None where the whole clip is meant."""

    gloss: str
    variant: str
    what: str
    frame: int | None = None
    joint: str | None = None

    def __str__(self) -> str:
        where = [f"{self.gloss}, {self.variant}"] + [f"frame {self.frame}"] * (self.frame is not None) + [self.joint or ""] * bool(self.joint)
        return f"{', '.join(where)}: {self.what}"


def digest(row: dict[str, Any]) -> bytes:
    """What makes two clips of a gloss the same: their poses."""
    return hashlib.sha256(row["xyz"] + row["confidence"]).digest()


def find_problems(rows: Iterable[dict[str, Any]]) -> Iterator[Problem]:
    """The problems of rows as they are stored. A kind of problem is told once a clip, at the first frame or the worst joint."""
    seen: dict[tuple[str, bytes], str] = {}
    for row in rows:
        key = row["gloss"], digest(row)
        if key in seen:
            yield Problem(row["gloss"], row["variant"], f"the same poses as {seen[key]}: remove one of the two")
        seen.setdefault(key, row["variant"])
        for what, frame, joint in _of_clip(row):
            yield Problem(row["gloss"], row["variant"], what, frame, joint)


def known_licence(licence: str) -> bool:
    """Whether a licence is named the SPDX way ("MIT", "CC BY 4.0"), with anything more in brackets behind it."""
    return bool(LICENCE.fullmatch(licence.split(" (")[0].strip().replace(" ", "-")))


def _of_clip(row: dict[str, Any]) -> Iterator[tuple[str, int | None, str | None]]:
    if not known_licence(row["licence"]):
        yield f"unknown licence '{row['licence']}': use an SPDX name such as MIT or CC-BY-4.0, or LicenseRef-NAME", None, None
    if row["source"] not in SOURCES:
        yield f"unknown source '{row['source']}': use {' or '.join(SOURCES)}", None, None
    if not row["fps"] > 0:
        yield f"{row['fps']} frames a second", None, None
    shape = row["frames"], len(SIGNER70)
    if row["frames"] < 1 or len(row["xyz"]) != 12 * shape[0] * shape[1] or len(row["confidence"]) != 2 * shape[0] * shape[1]:
        yield (f"wrong shape: {row['frames']} frames of {shape[1]} joints need {12 * shape[0] * shape[1]} bytes of xyz and "
               f"{2 * shape[0] * shape[1]} of confidence, not {len(row['xyz'])} and {len(row['confidence'])}"), None, None
        return
    xyz = np.frombuffer(row["xyz"], "<f4").reshape(*shape, 3)
    confidence = np.frombuffer(row["confidence"], "<f2").reshape(shape)
    finite = np.isfinite(xyz).all(-1)
    if (found := np.argwhere((confidence > 0) & ~finite)).size:
        yield f"has confidence {confidence[tuple(found[0])]:.2f} but no coordinates", int(found[0, 0]), SIGNER70.names[found[0, 1]]
    if (found := np.argwhere(~((confidence >= 0) & (confidence <= 1)))).size:
        yield f"has confidence {confidence[tuple(found[0])]}, not one of 0 to 1", int(found[0, 0]), SIGNER70.names[found[0, 1]]
    missing = confidence == 0
    if missing.any():
        frame, joint = np.argwhere(missing)[0]
        yield f"missing, as are {missing.mean():.1%} of all joints: make the clip stable first", int(frame), SIGNER70.names[joint]
    lengths = bone_lengths(np.where((finite & ~missing)[..., None], xyz, np.nan))
    drift = bone_drift(lengths)
    worst, limit = int(drift.argmax()), LARGEST_DRIFT.get(row["source"], 0.01)
    if drift[worst] > limit:
        frame = int(np.nanargmax(abs(lengths[:, worst] - np.nanmedian(lengths[:, worst]))))
        yield f"its bone is {drift[worst]:.1%} off its usual length (at most {limit:.2%})", frame, SIGNER70.names[BONES[worst, 1]]
