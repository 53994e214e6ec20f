"""Non-manual markers of a whole sentence, which the glosses do not write: brows up for a yes/no question, down for a wh-question. [ours]

What belongs to one sign (the head shake of NOT, the nod of YES) stands in its description, see ``prior.phonology``.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from signer_lib.experts.refinement import Span
from signer_lib.pose import SIGNER70, PoseSequence

WH = {"WHO", "WHAT", "WHERE", "WHEN", "WHY", "HOW", "WHICH"}
AUXILIARIES = set("am is are was were do does did have has had will would can could should may must don isn aren wasn didn doesn".split())
BROWS = [i for i, name in enumerate(SIGNER70.names) if "brow" in name]
INNER = [i for i in BROWS if SIGNER70.names[i].endswith(("_0", "_1"))]
NOSE = SIGNER70.index("nose")
RAISE, LOWER = 0.045, 0.018             # shoulder widths
EASE = 0.2                              # seconds


def envelope(frames: int, start: int, stop: int, fps: float) -> np.ndarray:
    """(frames,) 1 inside [start, stop), eased to 0 outside within ``EASE`` seconds."""
    t = np.arange(frames)
    ease = np.clip(np.minimum(t - (start - EASE * fps), (stop - 1 + EASE * fps) - t) / (EASE * fps), 0, 1)
    return ease * ease * (3 - 2 * ease)


def brow_track(xyz: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Brows up by ``amount`` (T,) in [0, 1], or down and together where it is negative. (T, J, 3) -> (T, J, 3)"""
    out = xyz.copy()
    out[:, BROWS, 1] += (np.maximum(amount, 0) * RAISE)[:, None]
    frown = np.minimum(amount, 0)
    out[:, INNER, 1] += (frown * LOWER)[:, None]
    centre = out[:, [NOSE], 0]
    out[:, INNER, 0] += 0.2 * frown[:, None] * (out[:, INNER, 0] - centre)
    return out


def kind_of(text: str, glosses: list[str]) -> int:
    """-1 for a wh-question, 1 for a yes/no question, 0 otherwise."""
    asked = text.strip()
    if asked.endswith("?") and WH & set(glosses[-2:]):
        return -1
    return int(asked.endswith("?") and re.split(r"[^a-z]", asked.lower())[0] in AUXILIARIES)


def mark(poses: PoseSequence, spans: list[Span], sentences: list[tuple[str, list[str], int]]) -> PoseSequence:
    """The sequence with the brows set. ``sentences``: for each its text, its glosses and the number of its units."""
    owned = {span.unit: span for span in spans if span.unit is not None}
    amount, first = np.zeros(len(poses)), 0
    for text, glosses, units in sentences:
        amount += kind_of(text, glosses) * envelope(len(poses), owned[first].start, owned[first + units - 1].stop, poses.fps)
        first += units
    return replace(poses, xyz=brow_track(poses.xyz, amount))
