"""How a signer puts signs together into a sentence, by rule: manner, coarticulation, transitions, a weak hand that waits, pauses. [ours]

These are the targets of stage three. There is no corpus of sentences whose signs are known one by one, so sentences are performed
from renditions of single signs; what happens between two signs follows the rules here and not a real signer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from signer_lib.performances.folder import Performed
from signer_lib.performances.nonmanual import mark, topic_of
from signer_lib.performances.prosody import MANNERS, Manner, letter_tempo, manner
from signer_lib.performances.trajectory import LEFT, Trajectory, between, held, joined, ways
from signer_lib.performances.units import Span, Unit
from signer_lib.pose import SIGNER70, PoseSequence

FPS = 25.0
STILL = 0.2                                 # seconds at rest before and after
SHORTEST, LONGEST = 0.12, 0.70              # seconds of a transition
RAISED = 0.35                               # shoulder widths above rest from which a left wrist is in use
WAITING = 1.6                               # seconds that a weak hand waits for its next sign
SMOOTH = 8.0                                # Hz; a living arm has no corners
L_WRIST = SIGNER70.index("l_wrist")


@dataclass(frozen=True)
class Habits:
    """How one signer performs. tempo, size: of the citation form's. reach: shoulder widths a second between two signs. overlap: the
    share of a sign given up at each end to its neighbours. bow: see ``trajectory.between``. pause: seconds after a topic.
    """

    tempo: float = 1.1
    size: float = 1.0
    reach: float = 3.2
    overlap: float = 0.05
    bow: float = 0.25
    pause: float = 0.25

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Habits:
        """A signer like others, more or less."""

        def about(middle: float, spread: float) -> float:
            return float(middle * np.exp(spread * rng.standard_normal()))

        return cls(about(1.1, 0.1), about(1, 0.06), about(3.2, 0.12), float(rng.uniform(0.02, 0.08)), float(rng.uniform(0.1, 0.4)), about(0.25, 0.2))


def perform(name: str, text: str, glosses: list[str], units: list[Unit], clips: list[PoseSequence], rest: np.ndarray, habits: Habits,
            signer: str = "", variants: list[str] | None = None) -> Performed:
    """A sentence from one clip for each unit. ``rest`` (J, 3) is the signer's pose before and after.

    Raises nothing that its parts do not: every unit has a clip.
    """
    signs = [_performed(clip, _manner(unit, glosses), habits) for unit, clip in zip(units, clips)]
    at_rest = Trajectory.of(rest[None])
    signs = weak_hand_waits(signs, at_rest, [len(sign) / FPS for sign in signs])
    topic = topic_of(text, glosses)
    pauses = [habits.pause if 0 < topic == unit.gloss + 1 and _last(units, k) else 0.0 for k, unit in enumerate(units)]
    path, spans = put_together(signs, at_rest, [unit.letter > 0 for unit in units], pauses, habits.reach, habits.bow)
    poses = mark(path.low_pass(FPS, SMOOTH).poses(FPS), spans, [(text, glosses, [unit.gloss for unit in units])])
    return Performed(name, text, glosses, units, poses, spans, signer, variants or [""] * len(units))


def put_together(signs: list[Trajectory], rest: Trajectory, spelled: list[bool], pauses: list[float], reach: float,
                 bow: float) -> tuple[Trajectory, list[Span]]:
    """From rest through all signs and back. ``spelled`` (n,): unit i continues a word; ``pauses`` (n,) seconds held after unit i."""
    parts: list[Trajectory] = []
    spans: list[Span] = []

    def add(part: Trajectory, unit: int | None) -> None:
        start = spans[-1].stop if spans else 0
        parts.append(part)
        spans.append(Span(unit, start, start + len(part)))

    add(held(rest, round(STILL * FPS)), None)
    for i, sign in enumerate(signs):
        add(between(parts[-1], sign, _frames(parts[-1], sign, reach, spelled[i]), bow), None)
        add(sign, i)
        if pauses[i]:
            add(held(sign, max(1, round(pauses[i] * FPS))), None)
    add(between(parts[-1], rest, _frames(parts[-1], rest, reach, False), bow), None)
    add(held(rest, round(STILL * FPS)), None)
    return joined(parts), spans


def weak_hand_waits(signs: list[Trajectory], rest: Trajectory, seconds: list[float]) -> list[Trajectory]:
    """Between two signs that use the left hand it does not drop to rest but goes slowly from one to the other, if they are near in time."""
    height = rest.xyz[0, L_WRIST, 1]
    used = [k for k, sign in enumerate(signs) if (sign.xyz[:, L_WRIST, 1] - height).mean() > RAISED]
    out = list(signs)
    for first, last in zip(used, used[1:]):
        idle = range(first + 1, last)
        if not idle or sum(seconds[k] for k in idle) > WAITING:
            continue
        way = between(signs[first], signs[last], sum(len(signs[k]) for k in idle)).direction[:, LEFT]
        for k, part in zip(idle, way.split([len(signs[k]) for k in idle])):
            direction = signs[k].direction.clone()
            direction[:, LEFT] = part
            out[k] = Trajectory(direction, signs[k].length)
    return out


def _manner(unit: Unit, glosses: list[str]) -> Manner:
    return Manner(1 / letter_tempo(unit.letter, unit.of)) if unit.of else MANNERS[manner(glosses, unit.gloss)]


def _performed(clip: PoseSequence, way: Manner, habits: Habits) -> Trajectory:
    cut = round(habits.overlap * len(clip)) if len(clip) > 8 else 0
    path = Trajectory.of(clip.xyz[cut:len(clip) - cut])
    return path.sized(way.size * habits.size).stretch(max(3, round(len(path) / clip.fps / (way.speed * habits.tempo) * FPS)))


def _frames(before: Trajectory, after: Trajectory, reach: float, spelled: bool) -> int:
    seconds = np.clip(0.06 + float(ways(before, after).max()) / reach, SHORTEST, LONGEST)
    return max(2, round(float(seconds) * (0.8 if spelled else 1) * FPS))


def _last(units: list[Unit], k: int) -> bool:
    return k + 1 == len(units) or units[k + 1].gloss != units[k].gloss
