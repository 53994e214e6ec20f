"""Stitching: each sign's clip as it was stored, one behind the other. Retrieval is the bar in this field. [ours: our own stitcher]

``stitching`` has the two things that made spoken-to-signed's stitching best by its own figures: no clip longer than 0.8 s, and a
zero-phase 6 Hz Butterworth over positions. ``spoken_to_signed`` is that package itself, on the same clips.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from functools import lru_cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from spoken_to_signed.gloss_to_pose.concatenate import ConcatenationSettings, concatenate_poses
from spoken_to_signed.gloss_to_pose.lookup import CSVPoseLookup

from signer_lib.errors import SignerError
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.folder import Produced
from signer_lib.performances.units import Span, Unit, units_of
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import read_pose
from signer_lib.pose.formats.lexicon import words_of
from signer_lib.pose.motion import CUTOFF, minimum_jerk
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.fingerspelling import LANGUAGE
from signer_lib.prior.stability import active_span, cut, low_pass

FPS = 25.0
CAP = 0.8                                   # seconds that a clip lasts at most; without it citation forms make sentences far too long
SEAM = 0.24                                 # seconds of a transition between two signs, whatever the way; about the mean of natural ones
RISE = 0.44                                 # seconds from rest to the first sign, and back from the last
STILL = 0.2                                 # seconds at rest before and after
CHOICES = ("first", "steadiest")


def stitching(sentences: list[GlossSentence], prior: Prior, cutoff: float = CUTOFF, *, cap: float | None = CAP,
              choose: str = "first") -> list[Produced]:
    """``stitching_raw`` with every joint's path through a zero-phase Butterworth of ``cutoff`` Hz."""
    return [Produced(low_pass(raw.poses, cutoff), raw.spans) for raw in stitching_raw(sentences, prior, cap=cap, choose=choose)]


def stitching_raw(sentences: list[GlossSentence], prior: Prior, *, cap: float | None = CAP, choose: str = "first") -> list[Produced]:
    """One candidate for each unit, cut to its active span and sped up to ``cap`` seconds, joined by straight lines.

    cap     seconds, or None: every clip as long as it is.
    choose  "first": the prior's first candidate; "steadiest": the one with the least jerk.
    Raises ``SignerError`` for another choice, or a word that cannot be spelled.
    """
    if choose not in CHOICES:
        raise SignerError(f"a stitcher chooses the {' or the '.join(CHOICES)} clip, not '{choose}'")
    rest, out = load_body().rest(), []
    for sentence in sentences:
        units = units_of(sentence.glosses, prior, sentence.text)
        out.append(_between_rests([_clip(unit, prior, cap, choose).xyz for unit in units], rest))
    return out


def spoken_to_signed(sentences: list[GlossSentence], prior: Prior) -> list[Produced]:
    """The spoken-to-signed package on this prior and these glosses: its choice, trimming, cap, seams and filter.

    The prior is its lexicon, so it signs the first candidate of each unit and spells with the prior's letters. Two things that it
    does for its own pictures are left out: dropping the nose, and hiding hands that hang. A clip of ours starts and ends without
    the way from rest that it keeps of the first and the last clip, so both are added behind it as in ``stitching_raw``.
    Spans are None: it does not say which frames are whose. Raises ``SignerError`` for a word that cannot be spelled.
    """
    folder, lookup = _lexicon(prior, len(prior.table))
    rest, out = load_body().rest(), []
    for sentence in sentences:
        units = units_of(sentence.glosses, prior, sentence.text)
        signs = [_concatenated(units, lookup, Path(folder.name)).xyz] if units else []
        out.append(Produced(_between_rests(signs, rest).poses))
    return out


def _clip(unit: Unit, prior: Prior, cap: float | None, choose: str) -> PoseSequence:
    poses = prior.candidates(unit.name, k=1 if choose == "steadiest" else None)[0].poses.resample(FPS)
    poses = cut(poses, active_span(poses))
    most = round(cap * FPS) if cap else len(poses)
    return poses.stretch(most) if len(poses) > most else poses


def _between_rests(signs: list[np.ndarray], rest: np.ndarray) -> Produced:
    """Signs (T_i, J, 3), from rest (J, 3) and back to it. The spans cover every frame once."""
    parts: list[np.ndarray] = []
    spans: list[Span] = []

    def add(part: np.ndarray, unit: int | None) -> None:
        start = spans[-1].stop if spans else 0
        parts.append(part)
        spans.append(Span(unit, start, start + len(part)))

    add(np.repeat(rest[None], round(STILL * FPS), axis=0), None)
    for i, sign in enumerate(signs):
        add(_straight(parts[-1][-1], sign[0], SEAM) if i else _straight(rest, sign[0], RISE, minimum_jerk), None)
        add(sign, i)
    add(_straight(parts[-1][-1], rest, RISE, minimum_jerk), None)
    add(np.repeat(rest[None], round(STILL * FPS), axis=0), None)
    return Produced(PoseSequence(np.concatenate(parts), FPS), spans)


def _straight(before: np.ndarray, after: np.ndarray, seconds: float, profile: Callable[[np.ndarray], np.ndarray] = lambda t: t) -> np.ndarray:
    """(n, J, 3) frames between two poses (J, 3), every joint on the straight line, which cuts through bones and body."""
    frames = round(seconds * FPS)
    part = profile(np.arange(1, frames + 1) / (frames + 1))[:, None, None]
    result: np.ndarray = before * (1 - part) + after * part
    return result


@lru_cache(maxsize=1)
def _lexicon(prior: Prior, clips: int) -> tuple[TemporaryDirectory[str], CSVPoseLookup]:
    """The prior with so many clips as a lexicon on disk, which goes when another takes its place or the program ends."""
    folder = TemporaryDirectory(prefix="signer-lexicon-")
    index = prior.export(Path(folder.name) / "lexicon", LANGUAGE)
    return folder, CSVPoseLookup(str(index.parent))


def _concatenated(units: list[Unit], lookup: CSVPoseLookup, folder: Path) -> PoseSequence:
    """The package's poses for units that its lexicon holds."""
    reduces = ConcatenationSettings.is_reduce_holistic
    ConcatenationSettings.is_reduce_holistic = False                       # the lexicon has the reduced points already, and the nose
    try:
        found = [lookup.lookup(words_of(unit.name), unit.name, *LANGUAGE) for unit in units]
        with redirect_stdout(StringIO()):                                  # it tells every step
            poses = [one.pose.copy() for one in found]                     # it works in place, on poses that its lookup keeps
            joined = concatenate_poses(poses, signing_spans=[one.signing_span for one in found], hide_idle_hands=False)
    except FileNotFoundError:
        raise SignerError(f"spoken-to-signed finds no clip for one of {', '.join(unit.name for unit in units)}: the prior lacks it, "
                          "or its lexicon was removed while it was in use") from None
    finally:
        ConcatenationSettings.is_reduce_holistic = reduces
    with open(folder / "sentence.pose", "wb") as file:
        joined.write(file)
    return read_pose(file.name).resample(FPS)
