"""Alg. 2, inference: text -> glosses and states -> candidates -> gates and choice -> blend -> refine -> render. [ours: the composition]

The only module that knows every stage. Each can be called alone, and what it makes can be replaced by the caller's own.
"""

from __future__ import annotations

import difflib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch

from signer_lib.checkpoint import damaged, load_json
from signer_lib.errors import SignerError
from signer_lib.experts.model import AXES, Choice, SLPMoE, load_slp_moe
from signer_lib.files import filling
from signer_lib.language.lexicon import said
from signer_lib.language.slul import SLUL, GlossSentence, load_slul
from signer_lib.language.tokenizer import SPELLED
from signer_lib.performances.natural import FPS
from signer_lib.performances.nonmanual import mark
from signer_lib.performances.units import Span
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import read_pose
from signer_lib.prior.body import load_body
from signer_lib.prior.building import fingerprint
from signer_lib.prior.database import Prior
from signer_lib.prior.handshapes import LEXICON
from signer_lib.render.backends import Diffusion, Drawn, backend
from signer_lib.signing import Meaning, Signing, gates_over_time

SENTENCE_PAUSE = 0.35                       # seconds that the last sign of a sentence is held
INDEX = "pipeline.json"
SHIPPED: dict[str, Any] = {"models": {"slul": "slul-nano", "experts": "slp-moe-nano"}, "renderer": None, "prior": "built"}
Glosses = str | Sequence[str]
Poses = PoseSequence | Path | str


class StableSignerPipeline:
    """``pipeline = StableSignerPipeline.from_pretrained(); signing = pipeline("Where is the library?")``

    The stages: ``understand`` (or ``read_glosses``), ``choose``, ``perform``, ``frames``.
    """

    def __init__(self, slul: SLUL, prior: Prior, experts: SLPMoE, models: dict[str, str], renderer: Drawn | Diffusion):
        """Raises ``SignerError`` for experts that were trained on another SLUL's states."""
        if experts.d_state != slul.model.config.d_model:
            raise SignerError(f"the experts were trained on states of {experts.d_state} numbers and this SLUL gives {slul.model.config.d_model}: "
                              "take the SLUL that they were trained with")
        self.slul, self.prior, self.experts, self.models, self.renderer = slul, prior, experts, models, renderer

    # --- on disk -----------------------------------------------------------------------------------------------------
    @classmethod
    def from_pretrained(cls, folder: Path | str | None = None, *, slul: Path | str | None = None, experts: Path | str | None = None,
                        renderer: Path | str | Drawn | Diffusion | None = None) -> StableSignerPipeline:
        """A folder of ``save_pretrained``, or the shipped models; any replaced by a folder of your own. Builds the pose prior the first time.

        renderer  "drawn", "diffusion" or a folder; None: the pipeline's own, or ``assets.default_renderer``. It is loaded when first needed, once
                  for all texts.

        Raises ``SignerError`` in one line for a folder that is no pipeline or is damaged.
        """
        index = SHIPPED if folder is None else _read_index(Path(folder))

        def inside(part: str) -> Path | None:
            return None if folder is None else Path(folder) / part

        who = renderer_of(folder, renderer)
        prior = Prior.load(Path(folder) / "prior") if folder and index["prior"] == "own" else Prior.open()
        own = {"slul": slul, "experts": experts, "renderer": renderer and who.name}
        names: dict[str, str] = {"prior": prior.name, "renderer": who.name} | index["models"]
        names |= {name: Path(path).name for name, path in own.items() if path}
        models = {name: names[name] for name in ("slul", "experts", "prior", "renderer")}
        return cls(load_slul(slul or inside("slul")), prior, load_slp_moe(experts or inside("experts")), models, who)

    def save_pretrained(self, folder: Path | str) -> None:
        """One folder, whole or not at all: slul/, experts/, renderer/ if a diffusion renderer signs, and pipeline.json.

        The prior of the shipped lexicon builds itself and is not saved; any other is, as prior/. Raises ``SignerError`` if a pipeline is there.
        """
        folder = Path(folder)
        if (folder / INDEX).exists():
            raise SignerError(f"there is a pipeline in {folder} already: choose another folder")
        drawn, built = isinstance(self.renderer, Drawn), self.prior.name == f"prior-{fingerprint(LEXICON, load_body())}"
        with filling(folder) as part:
            for name, model in (("slul", self.slul), ("experts", self.experts)):
                (part / name).mkdir()
                model.save_pretrained(part / name)
            if isinstance(self.renderer, Diffusion):
                self.renderer.pipeline.save_pretrained(part / "renderer")
            if not built:
                shutil.copytree(self.prior.folder, part / "prior")
            index = {"models": {name: value for name, value in self.models.items() if name != "prior" or not built},
                     "renderer": "drawn" if drawn else "own", "prior": "built" if built else "own"}
            (part / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")

    # --- the stages --------------------------------------------------------------------------------------------------
    def understand(self, text: str, mode: str = "prompt", language: str | None = None) -> list[GlossSentence]:
        """Text -> its sentences as glosses with states, see ``SLUL.understand``; those without a gloss are left out.

        language  None, or the pair that SLUL was trained for. Raises ``SignerError`` for another, and for a text that cannot be signed.
        """
        self._check_language(language)
        return self._understand([text], mode)[0]

    def read_glosses(self, glosses: Glosses, text: str = "") -> GlossSentence:
        """Your own glosses, "LIBRARY WHERE" or a list, with the states that SLUL would have emitted them from, see ``SLUL.state_of``.

        text  what they mean: the states follow from it, and so does whether the face asks a question. Left out, SLUL reads the words that the
              glosses are named after, which gives states that are like those of a sentence and no more.

        Raises ``SignerError`` for a gloss that neither SLUL nor the prior knows; ``fs-WORD`` spells any word.
        """
        return self._read([glosses], [text])[0]

    def choose(self, sentences: list[GlossSentence]) -> list[Choice]:
        """Eq. 6-7 and the Pose Chosen Networks: for each sentence its signs and letters, their candidates, what the experts chose, how long each
        takes. Weights, choices and seconds may be changed before ``perform``."""
        return self.experts.choose_all(sentences, self.prior)

    def perform(self, sentences: list[GlossSentence], choices: list[Choice]) -> tuple[PoseSequence, list[Span]]:
        """Eq. 8-9 and the markers of face and head: T frames, and which of them belong to which unit, counted over all sentences.

        Raises ``SignerError`` for choices that do not belong to these sentences.
        """
        self._check_choices(sentences, choices)
        poses, spans = self.experts.perform(choices, self.prior, SENTENCE_PAUSE)
        return mark(poses, spans, [(s.text, s.glosses, [unit.gloss for unit in c.units]) for s, c in zip(sentences, choices)]), spans

    def frames(self, poses: Poses, size: int = 512, meaning: Meaning | None = None, seed: int = 0, style: str | None = None,
               signer: str | None = None, steps: int | None = None) -> Iterator[np.ndarray]:
        """Poses, or a .pose file -> pictures (size, size, 3) uint8, one by one, without captions. ``meaning``: see ``Signing.meaning``.

        Raises ``SignerError`` for what the renderer does not know.
        """
        choice: dict[str, Any] = {"style": style, "signer": signer, "steps": steps}
        self.renderer.settle(**choice)
        return self.renderer.frames(own_poses(poses), size, meaning, seed, **choice)

    # --- all of them -------------------------------------------------------------------------------------------------
    @overload
    def __call__(self, text: str, language: str | None = None, style: str | None = None, signer: str | None = None, seed: int = 0,
                 mode: str = "prompt", glosses: Glosses | None = None, choices: list[Choice] | None = None,
                 poses: Poses | None = None) -> Signing: ...

    @overload
    def __call__(self, text: list[str] | tuple[str, ...], language: str | None = None, style: str | None = None, signer: str | None = None,
                 seed: int = 0, mode: str = "prompt", glosses: Sequence[Glosses | None] | None = None,
                 choices: Sequence[list[Choice] | None] | None = None, poses: Sequence[Poses | None] | None = None) -> list[Signing]: ...

    def __call__(self, text: str | Sequence[str], language: str | None = None, style: str | None = None, signer: str | None = None, seed: int = 0,
                 mode: str = "prompt", glosses: Glosses | Sequence[Glosses | None] | None = None,
                 choices: list[Choice] | Sequence[list[Choice] | None] | None = None,
                 poses: Poses | Sequence[Poses | None] | None = None) -> Signing | list[Signing]:
        """Text -> Signing; a list of texts -> a list, as one by one but faster.

        language       None, or the pair that SLUL was trained for.
        style, signer  of the diffusion renderer, for ``frames`` and ``save``.
        mode           "prompt" signs what a prompt asks for (a plain text as a whole), "text" every word.
        glosses        in place of SLUL's, see ``read_glosses``; the text may be "".
        choices        in place of the experts': ``choose``'s, changed.
        poses          in place of the performed ones: a PoseSequence or a .pose file, brought to 25 frames per second.
        With a list of texts each of these three is a list as long, with None where nothing is given.

        Nothing is drawn at random but the diffusion renderer's noise, which follows from ``seed``. Raises ``SignerError`` for a text that cannot
        be signed, and for anything given that does not fit.
        """
        if style is not None or signer is not None:
            self.renderer.settle(style, signer)
        self._check_language(language)
        torch.manual_seed(seed)
        tasks = _tasks(text, glosses=glosses, choices=choices, poses=poses)
        self._prepare(tasks, mode)
        signings = [self._sign(task, style, signer, seed) for task in tasks]
        return signings[0] if isinstance(text, str) else signings

    def _prepare(self, tasks: list[_Task], mode: str) -> None:
        """The stages that take all texts together: sentences, then choices."""
        asked = [task for task in tasks if task.glosses is None and (task.poses is None or task.text.strip())]
        own = [(task, task.glosses) for task in tasks if task.glosses is not None]
        all_asked = asked + [task for task, _ in own]
        with _timed("understand", all_asked):
            read = [[sentence] for sentence in self._read([glosses for _, glosses in own], [task.text for task, _ in own])]
            for task, sentences in zip(all_asked, self._understand([task.text for task in asked], mode) + read):
                task.sentences = sentences
        free = [task for task in tasks if task.choices is None and task.poses is None]
        with _timed("choose", free):
            chosen = iter(self.choose([sentence for task in free for sentence in task.sentences]))
            for task in free:
                task.choices = [next(chosen) for _ in task.sentences]

    def _sign(self, task: _Task, style: str | None, signer: str | None, seed: int) -> Signing:
        """The rest, for one text."""
        choices, gates = task.choices or [], None
        spans: list[Span] = []
        if task.poses is not None:
            poses = own_poses(task.poses)
        else:
            with _timed("blend_and_refine", [task]):
                poses, spans = self.perform(task.sentences, choices)
                gates = gates_over_time(choices, spans, len(poses))
        return Signing(task.text, task.sentences, choices, poses, spans, gates, seed, self.models, task.timings, self.renderer, style, signer,
                       task.given)

    def _understand(self, texts: list[str], mode: str) -> list[list[GlossSentence]]:
        found = [[s for s in sentences if s.glosses] for sentences in self.slul.understand_all(texts, mode=mode)]
        if empty := [text for text, sentences in zip(texts, found) if not sentences]:
            raise SignerError(f"no glosses were found for '{empty[0][:60]}': write a plain English sentence")
        return found

    def _read(self, given: list[Glosses], texts: list[str]) -> list[GlossSentence]:
        words = (row.split() if isinstance(row, str) else row for row in given)
        rows = [[gloss if gloss in self.slul.ids else _as_written(gloss) for gloss in row] for row in words]
        for row, text in zip(rows, texts):
            if not row:
                raise SignerError('there are no glosses to sign: give some, for example "LIBRARY WHERE"')
            if text.strip():
                self.slul.check(text)
            for gloss in row:
                if not gloss.startswith(SPELLED) and gloss not in self.prior and gloss not in self.slul.ids:
                    near = difflib.get_close_matches(gloss, self.prior.glosses, 1)
                    raise SignerError(f"there is no gloss '{gloss}': " + (f"did you mean {near[0]}, or " if near else "")
                                      + f"{SPELLED}{gloss} to have it spelled?")
        return self.slul.state_of([text if text.strip() else said(row) for row, text in zip(rows, texts)], rows)

    def _check_language(self, language: str | None) -> None:
        if language not in (None, known := self.slul.settings["language"]):
            raise SignerError(f"this SLUL was trained for {known} (spoken-signed), not for '{language}': leave the language out, or train one")

    def _check_choices(self, sentences: list[GlossSentence], choices: list[Choice]) -> None:
        """Raises ``SignerError`` for choices that do not belong to these sentences, or hold what cannot be performed."""
        if not sentences or len(sentences) != len(choices):
            raise SignerError(f"each sentence has its own choice: there are {len(sentences)} sentences and {len(choices)} choices")
        config, offers = self.experts.config, self.experts.offers(self.prior)
        for number, (sentence, choice) in enumerate(zip(sentences, choices), 1):
            n, glosses = len(choice.units), [unit.gloss for unit in choice.units]
            if glosses != sorted(glosses) or set(glosses) != set(range(len(sentence.glosses))):
                raise SignerError(f"choice {number} is not of the glosses {' '.join(sentence.glosses)}")
            C = max(len(offers[unit.name].candidates) for unit in choice.units)
            for name, shape in {"weights": (n, config.experts), "choices": (n, config.experts, C), "seconds": (n,),
                                "queries": (n, config.d_query)}.items():
                if (value := getattr(choice, name)).shape != shape or not value.isfinite().all():
                    axes = ", ".join(AXES[name])
                    raise SignerError(f"the {name} of choice {number} must be {shape} finite numbers ({axes}), not {tuple(value.shape)}")
            if (choice.seconds <= 0).any():
                raise SignerError(f"the seconds of choice {number} must be more than 0")


@dataclass
class _Task:
    """One text on its way: what the caller gave of it, and what the stages have made of it so far. ``given``: the names of what was given."""

    text: str
    glosses: Glosses | None
    choices: list[Choice] | None
    poses: Poses | None
    given: tuple[str, ...]
    sentences: list[GlossSentence] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)


def _tasks(text: str | Sequence[str], **given: Any) -> list[_Task]:
    """What was asked for, text by text."""
    texts = [text] if isinstance(text, str) else list(text)
    for name, values in given.items():
        if isinstance(text, str) or values is None:
            given[name] = [values] * len(texts)
        elif not isinstance(values, list | tuple) or len(values) != len(texts):
            raise SignerError(f"with a list of {len(texts)} texts, {name} must be a list as long, with None where nothing is given")
    tasks = []
    for one, *values in zip(texts, *given.values()):
        own = dict(zip(given, values))
        names = tuple(name for name, value in own.items() if value is not None)
        if {"choices", "poses"} <= set(names):
            raise SignerError("poses are what choices lead to: give one of them")
        tasks.append(_Task(one, given=names, **own))
    return tasks


@contextmanager
def _timed(stage: str, tasks: list[_Task]) -> Iterator[None]:
    """Each of the tasks gets an equal share of the stage's seconds."""
    start = time.monotonic()
    yield
    for task in tasks:
        task.timings[stage] = (time.monotonic() - start) / len(tasks)


def _as_written(gloss: str) -> str:
    """A gloss as SLUL and the prior write it: capitals, but for the ``fs-`` of a spelled word."""
    spelled = gloss.lower().startswith(SPELLED)
    return SPELLED + gloss[len(SPELLED):].upper() if spelled else gloss.upper()


def own_poses(poses: Poses) -> PoseSequence:
    """A caller's sequence, or .pose file, at the pipeline's frame rate. Raises ``SignerError`` if there is nothing in it to show."""
    found = poses if isinstance(poses, PoseSequence) else read_pose(poses)
    if found.skeleton != SIGNER70:
        raise SignerError(f"the pipeline takes {SIGNER70.name} poses, not {found.skeleton.name}: convert them with signer_lib.pose.formats")
    if not np.isfinite(found.xyz).all(-1).any():
        raise SignerError("there is nothing to show: the poses have no frames, or no joint in any frame")
    return found.resample(FPS)


def renderer_of(folder: Path | str | None = None, renderer: Path | str | Drawn | Diffusion | None = None) -> Drawn | Diffusion:
    """Who shows what the pipeline in ``folder`` (None: the shipped one) signs, unless ``renderer`` is named. Loads no weights.

    Raises ``SignerError`` for a folder that is no pipeline, and a renderer that is none.
    """
    if renderer is None and folder is not None:
        own = _read_index(Path(folder))["renderer"]
        renderer = Path(folder) / "renderer" if own == "own" else own
    return backend(renderer)


def _read_index(folder: Path) -> dict[str, Any]:
    """What ``save_pretrained`` wrote down. Raises ``SignerError`` if the folder is no pipeline or is damaged."""
    index = load_json(folder, INDEX, ("models", "renderer", "prior"))
    models = index["models"]
    if not isinstance(models, dict) or not all(isinstance(models.get(name, 0), str) for name in ("slul", "experts", *models)):
        raise damaged(folder / INDEX, ValueError("models must be names, slul's and experts' among them"))
    for part, allowed in {"renderer": ("drawn", "own"), "prior": ("built", "own")}.items():
        if index[part] not in allowed:
            raise damaged(folder / INDEX, ValueError(f"{part} must be {' or '.join(allowed)}"))
    return index
