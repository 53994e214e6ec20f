"""The performed sentences that a study's experts and evaluator learn from: its own sentence clips, or sentences performed from its pools. [ours]

Nobody has marked in a sentence clip where each sign begins. So the same sentence is performed by rule from the prior's clips and laid along the
recording by dynamic time warping over arms and hands; what falls on a sign of the one is taken for that sign of the other.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from signer_lib.baselines.stitching import RISE
from signer_lib.comparison.systems import spread
from signer_lib.errors import SignerError
from signer_lib.experts.model import FEWEST
from signer_lib.language.lexicon import said
from signer_lib.language.slul import SLUL
from signer_lib.metrics.dtw import dtw_path, frame_costs
from signer_lib.own_data.study import Study
from signer_lib.own_data.text import Sentence, split_clips
from signer_lib.performances.folder import Performed, write_split
from signer_lib.performances.natural import FPS, STILL, Habits, perform
from signer_lib.performances.recorded import SHAPED
from signer_lib.performances.sentences import performances
from signer_lib.performances.trajectory import Trajectory, between, held, joined
from signer_lib.performances.units import Span, Unit, units_of
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import read_clips
from signer_lib.prior.body import Body, load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.fingerspelling import PREFIX
from signer_lib.prior.recordings import stabilise
from signer_lib.progress import progress

JUDGE = "judge"
WAY = 2                             # frames at least of a way between two signs


def signable(glosses: list[str], prior: Prior, spell: bool) -> list[Unit] | str:
    """The units of a sentence, or the gloss that stands in their way: it has no clip, and may not or cannot be spelled."""
    for gloss in glosses:
        if gloss not in prior:
            if not gloss.startswith(PREFIX) and not spell:
                return gloss
            try:
                if any(unit.name not in prior for unit in units_of([gloss], prior)):
                    return gloss
            except SignerError:                                 # it has no letters
                return gloss
    return units_of(glosses, prior)


def performable(rows: list[Sentence], known: set[str], prior: Prior, study: Study) -> list[tuple[str, list[str]]]:
    """(text, glosses) of the sentences that can be performed, and whose glosses SLUL can know (``known``: those of train); each once."""
    found: dict[str, tuple[str, list[str]]] = {}
    for row in rows:
        glosses = row.glosses.split()
        units = signable(glosses, prior, study.missing_signs == "spell")
        if isinstance(units, list) and len(units) <= study.performances.longest and all(g in known or g.startswith(PREFIX) for g in glosses):
            found.setdefault(row.key, (row.text, glosses))
    return list(found.values())


def write_performances(study: Study, folder: Path, splits: dict[str, list[Sentence]], slul: SLUL) -> dict[str, Any]:
    """All splits of the data folder ``folder``, which has its pools, and the evaluator's in ``folder``/judge. -> how many sentences each has

    Raises ``SignerError`` if a split has none that can be performed.
    """
    known = {gloss for row in splits["train"] for gloss in row.glosses.split()}
    if study.sentences:
        return _recorded(study, folder, split_clips(study, splits), slul)
    pools = folder / "pools"
    prior = Prior.load(pools / "prior")
    able = {split: performable(rows, known, prior, study) for split, rows in splits.items()}
    counts, written = study.performances, {}
    for split, found in able.items():
        if not found:
            raise SignerError(f"none of the {len(splits[split])} sentences of {split} can be performed: each has a gloss without a clip "
                              f"(or more than {counts.longest} signs and letters)")
    for name, split, count in (("test", "test", counts.test), ("dev", "dev", counts.dev), (f"{JUDGE}/dev", "dev", counts.dev),
                               (f"{JUDGE}/train", "train", counts.evaluator), ("train", "train", counts.train)):
        found = able[split]
        rows = [found[k] for k in spread(count, len(found))]
        if split == "train":                                    # performed again and again, each time by another signer
            rows = [rows[k % len(rows)] for k in range(count)]
        pool = Prior.load(pools / (JUDGE if name.startswith(JUDGE) else split))
        written[name] = write_split(folder / Path(name).parent, split, performances(split, rows, pool, study.seed))
    return {"how": "from the pools", "sentences": written, "performable": {split: len(found) for split, found in able.items()},
            "of": {split: len(rows) for split, rows in splits.items()}}


# --- sentence clips ------------------------------------------------------------------------------------------------------------
def _recorded(study: Study, folder: Path, splits: dict[str, list[Sentence]], slul: SLUL) -> dict[str, Any]:
    prior, body, left_out = Prior.load(folder / "pools" / "prior"), load_body(), dict[str, str]()
    by_clip = {bare(row.clip): row for rows in splits.values() for row in rows}
    found: dict[str, list[Performed]] = {split: [] for split in splits}
    for source in study.sentences:
        for clip in progress(read_clips(source.clips, source.fps, source.aspect), "aligning sentences"):
            name, row = clip.name, by_clip.pop(bare(clip.name), None)
            if row is None:
                left_out[name] = "nothing says what it means"
                continue
            text, glosses = _said(row, slul)
            units = signable(glosses, prior, study.missing_signs == "spell")
            try:
                if isinstance(units, str):
                    raise SignerError(f"the gloss {units} has no clip")
                stable, _ = stabilise(clip.poses, body, FPS)
                found[row.split].append(aligned(name, text, glosses, units, stable, prior, body, clip.signer or source.signer))
            except SignerError as error:
                left_out[name] = str(error)
    left_out |= {name: f"there is no such clip, but {row.where} names it" for name, row in by_clip.items()}
    for split, rows in found.items():
        if not rows:
            raise SignerError(f"no sentence clip of {split} can be used; the first that was left out: {next(iter(left_out.items()), ('none', ''))}")
    written = {split: write_split(folder, split, rows) for split, rows in found.items()}
    written |= {f"{JUDGE}/{split}": write_split(folder / JUDGE, split, found[split]) for split in ("train", "dev")}
    return {"how": "sentence clips, aligned", "sentences": written, "left_out": left_out}


def bare(name: str) -> str:
    """A clip's name without folder and ending, by which a table and its clips find each other."""
    return PurePosixPath(name).name.removesuffix(".pose")


def _said(row: Sentence, slul: SLUL) -> tuple[str, list[str]]:
    """A sentence clip's text and glosses; what is missing is SLUL's, or the words that the glosses are named after."""
    glosses = row.glosses.split() or slul.translate([row.text])[0].glosses
    return row.text or said(glosses), glosses


def aligned(name: str, text: str, glosses: list[str], units: list[Unit], poses: PoseSequence, prior: Prior, body: Body, signer: str) -> Performed:
    """A stable recording of a sentence as a performance: which frames are whose is found by warping, and it begins and ends at rest.

    Raises ``SignerError`` for a recording that is too short for its signs.
    """
    n, T = len(units), len(poses)
    if T < n * (FEWEST + WAY):
        raise SignerError(f"{T} frames are too few for {n} signs")
    rest = body.rest().astype(np.float32)
    reference = perform(name, text, glosses, units, [prior.candidates(unit.name)[0].poses for unit in units], rest, Habits())
    inner = slice(reference.spans[1].start, reference.spans[-1].start)                     # from the way to the first sign to the way back
    own, other = (xyz[:, SHAPED] for xyz in (poses.xyz, reference.poses.xyz[inner]))
    _, path = dtw_path(frame_costs(own, other, 2))
    at = np.zeros(T)                                                                       # where in the reference each frame lies
    for t in range(T):
        at[t] = inner.start + path[path[:, 0] == t, 1].mean()
    spans = [span for span in reference.spans if span.unit is not None]
    edges = np.array([edge for span in spans for edge in (np.searchsorted(at, span.start), np.searchsorted(at, span.stop))], int)
    edges = _apart(edges, T)
    whole = Trajectory.of(poses.xyz)
    still = held(Trajectory.of(rest[None]), round(STILL * FPS))
    rise = round(RISE * FPS)
    parts = [still, between(still, whole, rise), whole, between(whole, still, rise), still]
    shift = len(still) + rise
    marks = [0, len(still), *(int(edge) + shift for edge in edges), shift + T + rise, shift + T + rise + len(still)]
    found = [Span(k // 2 - 1 if k % 2 == 0 and 0 < k <= 2 * n else None, start, stop) for k, (start, stop) in enumerate(zip(marks, marks[1:]))]
    return Performed(name, text, glosses, units, joined(parts).poses(FPS), found, signer, [""] * n)


def _apart(edges: np.ndarray, frames: int) -> np.ndarray:
    """Starts and stops (2 n,) moved as little as it takes for every sign to have ``FEWEST`` frames and every way ``WAY``, within [0, frames]."""
    least = np.tile([FEWEST, WAY], len(edges) // 2)[:-1]
    before, after = np.r_[0, least.cumsum()], np.r_[least[::-1].cumsum()[::-1], 0]
    out = np.clip(edges, before, frames - after)
    for k in range(1, len(out)):
        out[k] = max(out[k], out[k - 1] + least[k - 1])
    moved: np.ndarray = np.minimum(out, frames - after)
    return moved

