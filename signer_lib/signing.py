"""A text that was signed: everything that happened between the text and the poses, and all that can be made of it. [ours]"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from signer_lib.errors import SignerError
from signer_lib.experts.model import Choice
from signer_lib.figures.gates import plot_gates
from signer_lib.figures.moment import plot_moment
from signer_lib.figures.poses import plot_sentence, plot_strip
from signer_lib.figures.save import save_fig
from signer_lib.files import filling
from signer_lib.language.slul import GlossSentence
from signer_lib.performances.natural import FPS
from signer_lib.performances.units import Span, Unit
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import write_pose
from signer_lib.prior.database import Candidate
from signer_lib.progress import progress
from signer_lib.render.backends import Diffusion, Drawn
from signer_lib.render.captions import captioned, webvtt
from signer_lib.render.video import write_video

Meaning = tuple[Tensor, Tensor, Tensor | None]              # states, contexts, frames: see ``Signing.meaning``
FILES = "video.mp4", "captions.vtt", "poses.pose", "gates.png", "report.json"


@dataclass
class Signing:
    """Everything that happened between a text and its signing.

    sentences  what SLUL understood.            choices  what the experts chose, one for each sentence.
    poses      the steady sequence, T frames.   spans    which frames belong to which unit (units counted over all sentences).
    gates      (T, K) the gate's weights w_k at every frame.    timings  seconds that each stage took; stages that were left out are not there.
    renderer   who shows the poses.             style, signer  in which manner ``frames`` and ``save`` show them unless told otherwise.
    video      how ``frames`` last showed them: renderer, style, signer, steps, size.
    given      which of "glosses", "choices", "poses" the caller put in place of what a stage would have made.

    Of a caller's own poses nobody chose anything, and nobody knows what is signed when: choices, spans and gloss_spans are empty and gates is
    None. Their caption is the whole line of glosses throughout, or nothing where neither a text nor glosses were given.
    """

    text: str
    sentences: list[GlossSentence]
    choices: list[Choice]
    poses: PoseSequence
    spans: list[Span]
    gates: np.ndarray | None
    seed: int
    models: dict[str, str]
    timings: dict[str, float] = field(default_factory=dict)
    renderer: Drawn | Diffusion = field(default_factory=Drawn)
    style: str | None = None
    signer: str | None = None
    given: tuple[str, ...] = ()
    video: dict[str, Any] = field(default_factory=dict)

    @property
    def glosses(self) -> list[str]:
        return [gloss for sentence in self.sentences for gloss in sentence.glosses]

    @property
    def states(self) -> Tensor:
        """(n, d) SLUL's states of the n ``glosses``, s_i of Eq. 6; (0, 0) if there are none."""
        return torch.cat([sentence.states for sentence in self.sentences]) if self.sentences else torch.zeros(0, 0)

    @property
    def candidates(self) -> list[list[Candidate]]:
        """For each unit, a sign or a letter, what the prior offered."""
        return [offered for choice in self.choices for offered in choice.candidates]

    @property
    def gloss_spans(self) -> list[dict[str, Any]]:
        """For each gloss: its name, sentence, source, the prior's entries it was made from, its frames [first, stop), seconds.

        A sign that stands in for a word without one also has ``stands for``, the word, and ``why``.
        """
        return [row | {"seconds": round((row["frames"][1] - row["frames"][0]) / FPS, 3)} for row in self._rows.values()]

    @property
    def _rows(self) -> dict[tuple[int, int], dict[str, Any]]:
        """(sentence, number of the gloss in it) -> what ``gloss_spans`` says of the gloss, in the order of signing."""
        units = [(s, unit, offered) for s, choice in enumerate(self.choices) for unit, offered in zip(choice.units, choice.candidates)]
        frames = {span.unit: span for span in self.spans if span.unit is not None}
        rows: dict[tuple[int, int], dict[str, Any]] = {}
        for k, (s, unit, offered) in enumerate(units):
            row = rows.setdefault((s, unit.gloss), {"gloss": self._signed(s, unit), "sentence": s, "units": [],
                                                    "source": "fingerspelling" if unit.of else offered[0].source, "frames": [frames[k].start, 0]})
            if unit.stands_for:
                row |= {"stands for": unit.stands_for, "why": unit.why}
            row["units"].append(unit.name)
            row["frames"][1] = frames[k].stop
        return rows

    @property
    def meaning(self) -> Meaning | None:
        """What the renderer is told of the n glosses: SLUL's states (n, d), their sentences' contexts (n, d), their frames (n, 2). [paper: that
        the semantic states reach the renderer; ours: how]

        Of a caller's own poses the frames are None and the context (d,) is the mean; None if nothing is known of what they sign.
        """
        if not self.sentences:
            return None
        if not self.choices:
            return self.states, torch.stack([sentence.context for sentence in self.sentences]).mean(0), None
        rows = self._rows
        contexts = torch.stack([self.sentences[s].context for s, _ in rows])
        return self.states, contexts, torch.tensor([row["frames"] for row in rows.values()])

    def _signed(self, sentence: int, unit: Unit) -> str:
        """The gloss that a unit is part of; the sign itself where it stands in for a word."""
        return unit.name if unit.stands_for else self.sentences[sentence].glosses[unit.gloss]

    @property
    def _shown(self) -> list[tuple[int, Unit, int, int]]:
        """(sentence, unit, first frame, frame after the last) as captions show them: a transition belongs to what is nearer in time."""
        units = [(s, unit) for s, choice in enumerate(self.choices) for unit in choice.units]
        owned = [span for span in self.spans if span.unit is not None]
        signed = [span.unit for span in owned if span.unit is not None]
        middles = [(before.stop + after.start) // 2 for before, after in zip(owned, owned[1:])]
        starts, stops = [owned[0].start, *middles], [*middles, owned[-1].stop]
        return [(*units[unit], start, stop) for unit, start, stop in zip(signed, starts, stops)]

    @property
    def captions(self) -> list[str]:
        """(T,) the gloss at every frame; of a spelled word also the letter. A transition shows what is nearer; before and after is nothing."""
        if not self.spans:
            return [" ".join(self.glosses)] * len(self.poses)
        lines = [""] * len(self.poses)
        for s, unit, start, stop in self._shown:
            gloss = self._signed(s, unit)
            lines[start:stop] = [f"{gloss}: {unit.name}" if unit.of else gloss] * (stop - start)
        return lines

    @property
    def cues(self) -> list[tuple[str, int, int]]:
        """(gloss, first frame, frame after the last) of each gloss as the captions show it, a spelled word as a whole."""
        if not self.spans:
            return [(" ".join(self.glosses), 0, len(self.poses))] if self.glosses else []
        cues: dict[tuple[int, int], tuple[str, int, int]] = {}
        for s, unit, start, stop in self._shown:
            gloss, first, _ = cues.get((s, unit.gloss), (self._signed(s, unit), start, stop))
            cues[s, unit.gloss] = gloss, first, stop
        return list(cues.values())

    def frames(self, size: int = 512, captions: bool = True, style: str | None = None, signer: str | None = None, steps: int | None = None,
               side_by_side: bool = False) -> Iterator[np.ndarray]:
        """T frames (size, size, 3) uint8 by the pipeline's renderer, one by one: memory does not grow with their number.

        style, signer, steps  of the diffusion renderer; None: the signing's, or else the renderer's own.
        side_by_side  the drawn poses on the right: (size, 2 size, 3).
        Raises ``SignerError`` for what the renderer does not know.
        """
        choice: dict[str, Any] = {"style": style or self.style, "signer": signer or self.signer, "steps": steps}
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
        """The gate weights over time with the glosses. Raises ``SignerError`` if there are none."""
        gates = self.weighed
        return plot_gates(gates, self.named_spans, [f"expert {k + 1}" for k in range(gates.shape[1])], fps=FPS)

    def plot_strip(self) -> Figure:
        """One frame from the middle of each sign and letter, side by side; six frames where it is not known when what is signed."""
        if not self.spans:
            return plot_strip(self.poses, 6, captions=self.captions, size=320)
        middles = [(span.start + span.stop) // 2 for span in self.spans if span.unit is not None]
        return plot_strip(self.poses, middles, captions=self.captions, columns=-(-len(middles) // -(-len(middles) // 6)), size=320)

    def plot_sentence(self) -> Figure:
        """Glosses, their sources, a frame of each and the gates: the sentence on one page. Raises ``SignerError`` if there are no gates."""
        return plot_sentence(self.poses, self.weighed, self.gloss_spans)

    def plot_moment(self, frame: int) -> Figure:
        """One frame beside the gates. Raises ``SignerError`` if there are none."""
        return plot_moment(self.poses, self.weighed, self.named_spans, frame, caption=self.captions[frame])

    @property
    def weighed(self) -> np.ndarray:
        """The gates (T, K). Raises ``SignerError`` for poses of which nobody weighed anything."""
        if self.gates is None:
            raise SignerError("these poses are your own: no expert was weighed, so there are no gates to plot")
        return self.gates

    def report(self) -> dict[str, Any]:
        """What ``report.json`` holds."""
        return {"text": self.text, "glosses": self.glosses, "words_without_gloss": [word for s in self.sentences for word in s.unsigned],
                "signs": self.gloss_spans, "seconds": round(self.poses.duration, 3), "fps": FPS, "given": list(self.given), "models": self.models,
                "seed": self.seed, "video": self.video, "timings_seconds": {k: round(v, 3) for k, v in self.timings.items()}}

    def save(self, folder: Path | str, size: int = 512, captions: bool = True, told: dict[str, str] | None = None,
             **how: Any) -> dict[str, Path]:
        """The files of ``FILES`` in ``folder``, moved there when all are done; no gates.png where there are no gates.

        told  what else report.json is to say.    how  as ``frames``.    -> name: path
        """
        folder, names = Path(folder), [name for name in FILES if name != "gates.png" or self.gates is not None]
        with filling(folder) as part:
            start = time.monotonic()
            write_video(progress(self.frames(size, captions, **how), "rendering", total=len(self.poses)), part / "video.mp4", FPS)
            self.timings["render"] = time.monotonic() - start
            (part / "captions.vtt").write_text(webvtt((gloss, start / FPS, stop / FPS) for gloss, start, stop in self.cues), encoding="utf-8")
            write_pose(self.poses, part / "poses.pose")
            if self.gates is not None:
                figure = self.plot_gates().get_figure(root=True)
                assert figure is not None
                save_fig(figure, part / "gates.png")
            (part / "report.json").write_text(json.dumps(self.report() | (told or {}), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        for other in set(FILES) - set(names):
            (folder / other).unlink(missing_ok=True)        # of what was saved here before
        return {name: folder / name for name in names}


def gates_over_time(choices: list[Choice], spans: list[Span], frames: int) -> np.ndarray:
    """(T, K): a unit's weights through its frames, blended linearly across a transition."""
    weights = torch.cat([choice.weights for choice in choices]).numpy()
    owned = [(span.unit, span) for span in spans if span.unit is not None]
    at = np.concatenate([np.arange(span.start, span.stop) for _, span in owned])
    known = np.concatenate([np.repeat(weights[unit:unit + 1], span.stop - span.start, 0) for unit, span in owned])
    return np.stack([np.interp(np.arange(frames), at, known[:, k]) for k in range(weights.shape[1])], axis=1)


def slug(text: str) -> str:
    """A folder name for a text: its first words; a long text also gets a few characters of its hash."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return words if 0 < len(words) <= 60 else f"{words[:50].rstrip('-')}-{digest}".lstrip("-")
