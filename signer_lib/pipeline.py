"""Alg. 2, inference: text -> glosses and states -> candidates -> gates and choice -> blend -> refine -> render. [ours: the composition]

The only module that knows every stage.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from signer_lib.errors import SignerError
from signer_lib.experts.model import Choice, SLPMoE, load_slp_moe
from signer_lib.figures.gates import plot_gates
from signer_lib.figures.moment import plot_moment
from signer_lib.figures.poses import plot_strip
from signer_lib.figures.save import save_fig
from signer_lib.files import filling
from signer_lib.language.slul import SLUL, GlossSentence, load_slul
from signer_lib.performances.natural import FPS
from signer_lib.performances.nonmanual import mark
from signer_lib.performances.units import Span, Unit
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import write_pose
from signer_lib.prior.database import Prior
from signer_lib.progress import progress
from signer_lib.render.backends import Diffusion, Drawn, backend
from signer_lib.render.captions import captioned, webvtt
from signer_lib.render.video import write_video

SENTENCE_PAUSE = 0.35                       # seconds that the last sign of a sentence is held
FILES = "video.mp4", "captions.vtt", "poses.pose", "gates.png", "report.json"


@dataclass
class Signing:
    """Everything that happened between a text and its signing.

    sentences  what SLUL understood.            choices  what the experts chose, one for each sentence.
    poses      the steady sequence, T frames.   spans    which frames belong to which unit (units counted over all sentences).
    gates      (T, K) the gate's weights w_k at every frame.    renderer  who shows the poses.
    video      how ``frames`` last showed them: renderer, style, signer, steps, size.
    """

    text: str
    sentences: list[GlossSentence]
    choices: list[Choice]
    poses: PoseSequence
    spans: list[Span]
    gates: np.ndarray
    seed: int
    models: dict[str, str]
    timings: dict[str, float] = field(default_factory=dict)
    renderer: Drawn | Diffusion = field(default_factory=Drawn)
    video: dict = field(default_factory=dict)

    @property
    def glosses(self) -> list[str]:
        return [gloss for sentence in self.sentences for gloss in sentence.glosses]

    @property
    def gloss_spans(self) -> list[dict]:
        """For each gloss: its name, sentence, source, the prior's entries it was made from, its frames [first, stop), seconds.

        A sign that stands in for a word without one also has ``stands for``, the word, and ``why``.
        """
        return [row | {"seconds": round((row["frames"][1] - row["frames"][0]) / FPS, 3)} for row in self._rows.values()]

    @property
    def _rows(self) -> dict[tuple[int, int], dict]:
        """(sentence, number of the gloss in it) -> what ``gloss_spans`` says of the gloss, in the order of signing."""
        units = [(s, unit, offered) for s, choice in enumerate(self.choices) for unit, offered in zip(choice.units, choice.candidates)]
        frames = {span.unit: span for span in self.spans if span.unit is not None}
        rows: dict[tuple[int, int], dict] = {}
        for k, (s, unit, offered) in enumerate(units):
            row = rows.setdefault((s, unit.gloss), {"gloss": self._signed(s, unit), "sentence": s, "units": [],
                                                    "source": "fingerspelling" if unit.of else offered[0].source, "frames": [frames[k].start, 0]})
            if unit.stands_for:
                row |= {"stands for": unit.stands_for, "why": unit.why}
            row["units"].append(unit.name)
            row["frames"][1] = frames[k].stop
        return rows

    @property
    def meaning(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the renderer is told of the n glosses: SLUL's states (n, d), their sentences' contexts (n, d), their frames (n, 2). [paper: that
        the semantic states reach the renderer; ours: how]"""
        rows = self._rows
        states = torch.stack([self.sentences[s].states[gloss] for s, gloss in rows])
        contexts = torch.stack([self.sentences[s].context for s, _ in rows])
        return states, contexts, torch.tensor([row["frames"] for row in rows.values()])

    def _signed(self, sentence: int, unit: Unit) -> str:
        """The gloss that a unit is part of; the sign itself where it stands in for a word."""
        return unit.name if unit.stands_for else self.sentences[sentence].glosses[unit.gloss]

    @property
    def _shown(self) -> list[tuple[int, Unit, int, int]]:
        """(sentence, unit, first frame, frame after the last) as captions show them: a transition belongs to what is nearer in time."""
        units = [(s, unit) for s, choice in enumerate(self.choices) for unit in choice.units]
        owned = [span for span in self.spans if span.unit is not None]
        middles = [(before.stop + after.start) // 2 for before, after in zip(owned, owned[1:])]
        starts, stops = [owned[0].start, *middles], [*middles, owned[-1].stop]
        return [(*units[span.unit], start, stop) for span, start, stop in zip(owned, starts, stops)]

    @property
    def captions(self) -> list[str]:
        """(T,) the gloss at every frame; of a spelled word also the letter. A transition shows what is nearer; before and after is nothing."""
        lines = [""] * len(self.poses)
        for s, unit, start, stop in self._shown:
            gloss = self._signed(s, unit)
            lines[start:stop] = [f"{gloss}: {unit.name}" if unit.of else gloss] * (stop - start)
        return lines

    @property
    def cues(self) -> list[tuple[str, int, int]]:
        """(gloss, first frame, frame after the last) of each gloss as the captions show it, a spelled word as a whole."""
        cues: dict[tuple[int, int], tuple[str, int, int]] = {}
        for s, unit, start, stop in self._shown:
            gloss, first, _ = cues.get((s, unit.gloss), (self._signed(s, unit), start, stop))
            cues[s, unit.gloss] = gloss, first, stop
        return list(cues.values())

    def frames(self, size: int = 512, captions: bool = True, style: str | None = None, signer: str | None = None, steps: int | None = None,
               side_by_side: bool = False) -> Iterator[np.ndarray]:
        """T frames (size, size, 3) uint8 by the pipeline's renderer, one by one: memory does not grow with their number.

        style, signer, steps  of the diffusion renderer; None: its own.    side_by_side  the drawn poses on the right: (size, 2 size, 3).
        Raises ``SignerError`` for what the renderer does not know.
        """
        choice = {"style": style, "signer": signer, "steps": steps}
        self.video = self.renderer.settle(**choice, side_by_side=side_by_side) | {"size": size}
        shown = self.renderer.frames(self.poses, size, self.meaning, self.seed, **choice)
        if side_by_side:
            shown = (np.concatenate(pair, axis=1) for pair in zip(shown, Drawn().frames(self.poses, size)))
        return (captioned(frame, text) for frame, text in zip(shown, self.captions)) if captions else shown

    @property
    def named_spans(self) -> list[tuple[str, int, int]]:
        """(gloss, first frame, frame after the last), for plots."""
        return [(row["gloss"], *row["frames"]) for row in self.gloss_spans]

    def plot_gates(self) -> Axes:
        """The gate weights over time with the glosses."""
        return plot_gates(self.gates, self.named_spans, [f"expert {k + 1}" for k in range(self.gates.shape[1])], fps=FPS)

    def plot_strip(self) -> Figure:
        """One frame from the middle of each sign and letter, side by side."""
        middles = [(span.start + span.stop) // 2 for span in self.spans if span.unit is not None]
        return plot_strip(self.poses, middles, captions=self.captions, columns=-(-len(middles) // -(-len(middles) // 6)), size=320)

    def plot_moment(self, frame: int) -> Figure:
        """One frame beside the gates."""
        return plot_moment(self.poses, self.gates, self.named_spans, frame, caption=self.captions[frame])

    def report(self) -> dict:
        """What ``report.json`` holds."""
        return {"text": self.text, "glosses": self.glosses, "words_without_gloss": [word for s in self.sentences for word in s.unsigned],
                "signs": self.gloss_spans, "seconds": round(self.poses.duration, 3), "fps": FPS, "models": self.models, "seed": self.seed,
                "video": self.video, "timings_seconds": {k: round(v, 3) for k, v in self.timings.items()}}

    def save(self, folder: Path | str, size: int = 512, captions: bool = True, **how) -> dict[str, Path]:
        """The files of ``FILES`` in ``folder``, moved there when all are done. ``how``: as ``frames``. -> name: path"""
        folder = Path(folder)
        with filling(folder) as part:
            start = time.monotonic()
            write_video(progress(self.frames(size, captions, **how), "rendering", total=len(self.poses)), part / "video.mp4", FPS)
            self.timings["render"] = time.monotonic() - start
            (part / "captions.vtt").write_text(webvtt((gloss, start / FPS, stop / FPS) for gloss, start, stop in self.cues), encoding="utf-8")
            write_pose(self.poses, part / "poses.pose")
            save_fig(self.plot_gates().figure, part / "gates.png")
            (part / "report.json").write_text(json.dumps(self.report(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return {name: folder / name for name in FILES}


class StableSignerPipeline:
    """``pipeline = StableSignerPipeline.from_pretrained(); signing = pipeline("Where is the library?")``"""

    def __init__(self, slul: SLUL, prior: Prior, experts: SLPMoE, models: dict[str, str], renderer: Drawn | Diffusion):
        self.slul, self.prior, self.experts, self.models, self.renderer = slul, prior, experts, models, renderer

    @classmethod
    def from_pretrained(cls, slul: Path | str | None = None, experts: Path | str | None = None,
                        renderer: Path | str | Drawn | Diffusion | None = None) -> StableSignerPipeline:
        """The shipped models, or your own folders. Builds the pose prior the first time.

        renderer  "drawn", "diffusion" or a folder; None: ``assets.default_renderer``. It is loaded when first needed, once for all texts.
        """
        who = backend(renderer)
        parts = load_slul(slul), Prior.open(), load_slp_moe(experts)
        return cls(*parts, {"slul": Path(slul).name if slul else "slul-nano", "experts": Path(experts).name if experts else "slp-moe-nano",
                            "prior": parts[1].name, "renderer": who.name}, who)

    def __call__(self, text: str, seed: int = 0, mode: str = "prompt") -> Signing:
        """Text -> Signing. ``mode`` "prompt" signs what a prompt asks for (a plain text as a whole), "text" every word.

        Nothing is drawn at random but the diffusion renderer's noise, which follows from ``seed``.

        Raises ``SignerError`` for a text that cannot be signed.
        """
        torch.manual_seed(seed)
        clock = [time.monotonic()]
        sentences = [s for s in self.slul.understand(text, mode=mode) if s.glosses]
        if not sentences:
            raise SignerError(f"no glosses were found for '{text[:60]}': write a plain English sentence")
        clock.append(time.monotonic())
        choices = [self.experts.choose(sentence, self.prior) for sentence in sentences]
        clock.append(time.monotonic())
        poses, spans = self.experts.perform(choices, self.prior, SENTENCE_PAUSE)
        poses = mark(poses, spans, [(s.text, s.glosses, [u.gloss for u in c.units]) for s, c in zip(sentences, choices)])
        clock.append(time.monotonic())
        timings = dict(zip(("understand", "choose", "blend_and_refine"), np.diff(clock).tolist()))
        return Signing(text, sentences, choices, poses, spans, gates_over_time(choices, spans, len(poses)), seed, self.models, timings,
                       self.renderer)


def gates_over_time(choices: list[Choice], spans: list[Span], frames: int) -> np.ndarray:
    """(T, K): a unit's weights through its frames, blended linearly across a transition."""
    weights = torch.cat([choice.weights for choice in choices]).numpy()
    owned = [span for span in spans if span.unit is not None]
    at = np.concatenate([np.arange(span.start, span.stop) for span in owned])
    known = np.concatenate([np.repeat(weights[span.unit:span.unit + 1], span.stop - span.start, 0) for span in owned])
    return np.stack([np.interp(np.arange(frames), at, known[:, k]) for k in range(weights.shape[1])], axis=1)


def slug(text: str) -> str:
    """A folder name for a text: its first words; a long text also gets a few characters of its hash."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return words if 0 < len(words) <= 60 else f"{words[:50].rstrip('-')}-{digest}".lstrip("-")
