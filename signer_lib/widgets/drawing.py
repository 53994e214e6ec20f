"""Poses and gates as SVG: drawn in a millisecond, sharp at any size, with a text for screen readers. [ours]

Everything stands on white, in Okabe and Ito's colours, each line with a dash pattern of its own and its name at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from signer_lib.figures.skeleton import FACE, FACE_LINES, HALF, HEAD, KNUCKLES, SIDES, SQUARE, side_of, turned
from signer_lib.figures.text import CYCLE
from signer_lib.pose import SIGNER70
from signer_lib.signing import Signing

DASHES = "", "7 3", "7 3 2 3", "2 3", "12 3", "4 2 1 2 1 2", "1 4"
BODY, GHOST = "#444", "#b9b9b9"
NOSE = SIGNER70.index("nose")
LEFT, RIGHT, TOP, BOTTOM = 34, 108, 26, 34              # around the gates' plot, pixels
LETTER = 7.4                            # pixels of a capital


@dataclass(frozen=True)
class Course:
    """Gate weights over time: weights (T, K), the glosses with their frames, frames a second."""

    weights: np.ndarray
    spans: Sequence[tuple[str, int, int]]
    fps: float

    @classmethod
    def of(cls, signing: Signing) -> Course:
        """Raises ``SignerError`` if the poses are a caller's own, of which nobody weighed anything."""
        return cls(signing.weighed, signing.named_spans, signing.poses.fps)


def svg(inside: str, width: float, height: float, alt: str, style: str = "width:100%") -> str:
    """An SVG with an alternative text, on white."""
    return (f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {width:g} {height:g}" '
            f'style="{style};background:#fff;border-radius:4px;font-family:system-ui,sans-serif">{inside}</svg>')


def skeleton_svg(xyz: np.ndarray, alt: str, view: str = "front", ghost: np.ndarray | None = None, size: int = 300) -> str:
    """A pose (70, 3) from the front, the signer's right side or above; ``ghost`` is another pose, behind it in grey."""
    name = f'<text x="6" y="{size - 7}" font-size="12" fill="#555">{view}</text>'
    behind = _bones(ghost, view, size, grey=True) if ghost is not None else ""
    return svg(behind + _bones(xyz, view, size) + name, size, size, f"{alt}, from the {view}".replace("from the above", "from above"),
               f"width:{size}px;max-width:100%")


def _bones(xyz: np.ndarray, view: str, size: int, grey: bool = False) -> str:
    seen = turned(xyz, view)
    flat = (seen[:, :2] - SQUARE[view]) * (size / 2 / HALF, -size / 2 / HALF) + size / 2
    fine, lines = size / 300, []
    head = turned(np.asarray(xyz, float)[NOSE] + HEAD[0], view)
    if np.isfinite(head).all():
        x, y = (head[:2] - SQUARE[view]) * (size / 2 / HALF, -size / 2 / HALF) + size / 2
        ball = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{HEAD[1] * size / 2 / HALF:.1f}" fill="#eee" stroke="{GHOST}"/>'
        lines.append((head[2], ball if not grey else ""))
    for a, b in (*SIGNER70.bones, *KNUCKLES):
        if b < FACE and np.isfinite(flat[[a, b]]).all():
            side = side_of(b)
            colour = GHOST if grey else SIDES[side] if side else BODY
            lines.append((seen[[a, b], 2].mean(), _line(flat[[a, b]], colour, (2.2 if side else 5) * fine)))
    for line in FACE_LINES:
        if not grey and np.isfinite(flat[line]).all():
            lines.append((seen[line, 2].mean(), _line(flat[line], BODY, 1.4 * fine)))
    return "".join(line for _, line in sorted(lines, key=lambda item: item[0]))


def _line(points: np.ndarray, colour: str, width: float, dashes: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:.1f}" stroke-linecap="round" stroke-linejoin="round"'
            + f' stroke-dasharray="{dashes}"' * bool(dashes) + "/>")


def _text(words: str, x: float, y: float, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" text-anchor="{anchor}" fill="#222">{escape(words)}</text>'


def gates_svg(course: Course, now: int, width: int = 640, height: int = 230) -> str:
    """w(t): a line for each expert, the glosses above, a line at the frame ``now``, and the experts' values there."""
    T, K = len(course.weights), course.weights.shape[1]

    def x(frame: float) -> float:
        return LEFT + (width - LEFT - RIGHT) * frame / len(course.weights)

    def y(value: float) -> float:
        return TOP + (height - TOP - BOTTOM) * (1 - value)

    parts, end = [], -1.0
    for gloss, start, stop in course.spans:
        parts.append(f'<rect x="{x(start):.1f}" y="{TOP}" width="{x(stop) - x(start):.1f}" height="{height - TOP - BOTTOM}" fill="#ececec"/>')
        middle, half = (x(start) + x(stop)) / 2, LETTER * len(gloss) / 2
        if middle - half > end:                                           # a name that would touch the one before is left out
            parts.append(_text(gloss, middle, TOP - 8, "middle"))
            end = middle + half
    for value in (0, 0.5, 1):
        parts.append(f'<line x1="{LEFT}" x2="{width - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ccc"/>'
                     + _text(f"{value:g}", LEFT - 5, y(value) + 4, "end"))
    step = next(step for step in (0.5, 1, 2, 5, 10, 30, 60) if T / course.fps / step <= 10 or step == 60)
    for second in np.arange(0, T / course.fps + 1e-6, step):
        parts.append(_text(f"{second:g}", x(second * course.fps), height - BOTTOM + 14, "middle"))
    parts.append(_text("time (s); up: gate weight", (LEFT + width - RIGHT) / 2, height - 5, "middle"))
    for k in range(K):
        points = np.array([[x(frame + 0.5), y(value)] for frame, value in enumerate(course.weights[:, k])])
        parts.append(_line(points, CYCLE[k % len(CYCLE)], 2.2, DASHES[k % len(DASHES)]))
    parts.append(f'<line x1="{x(now + .5):.1f}" x2="{x(now + .5):.1f}" y1="{TOP}" y2="{height - BOTTOM}" stroke="#000" stroke-width="1.6"/>')
    values = course.weights[now]
    for k, at in zip(np.argsort(-values, kind="stable"), _apart([y(v) for v in np.sort(values)[::-1]], 14.0, height - BOTTOM)):
        parts.append(_line(np.array([[width - RIGHT + 6, at], [width - RIGHT + 24, at]]), CYCLE[k % len(CYCLE)], 2.2, DASHES[k % len(DASHES)])
                     + _text(f"{k + 1}: {values[k]:.2f}", width - RIGHT + 28, at + 4, "start"))
    said = ", ".join(f"expert {k + 1} {value:.2f}" for k, value in enumerate(values))
    return svg("".join(parts), width, height, f"Gate weights over {T / course.fps:.1f} seconds, at {now / course.fps:.2f} s: {said}")


def _apart(heights: Sequence[float], least: float, lowest: float) -> list[float]:
    """The same heights, downwards, moved so that no two are nearer than ``least``, none of them below ``lowest``."""
    out: list[float] = []
    for height in heights:
        out.append(max(height, out[-1] + least) if out else height)
    for k in range(len(out) - 1, -1, -1):
        out[k] = min(out[k], lowest - least * (len(out) - 1 - k))
    return out
