"""What the YAML of a study may say; ``recipes/own_data.yaml`` explains every key. [ours]"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from signer_lib.errors import SignerError
from signer_lib.language.corpora import SPLITS
from signer_lib.own_data.yaml_lines import Document

STAGES = ("validate", "corpus", "slul", "prior", "performances", "evaluator", "slp-moe", "renderer", "pipeline", "report")
NEEDS: dict[str, tuple[str, ...]] = {               # what a stage is made of; slul and evaluator may be the shipped ones
    "validate": (), "corpus": (), "slul": ("corpus",), "prior": ("corpus",), "performances": ("corpus", "slul", "prior"),
    "evaluator": ("performances",), "slp-moe": ("slul", "performances"), "renderer": ("slul", "performances"),
    "pipeline": ("slul", "prior", "slp-moe", "renderer"), "report": STAGES[:-1],
}
SHIPPED = {"slul": "slul-nano", "evaluator": "back-translation-nano"}           # for en-ase
OPTIONAL = ("renderer",)
TEXTS = ("lines", "table", "phoenix", "how2sign")


@dataclass
class TextSource:
    """Parallel text, from one of ``TEXTS``. ``split``: train, dev or test of all of it, or a column of the table; "": by chance, see ``Shares``."""

    lines: list[Path] = field(default_factory=list)
    table: Path | None = None
    phoenix: Path | None = None
    how2sign: Path | None = None
    text: str = "text"
    gloss: str = "gloss"
    split: str = ""
    most: int | None = None
    glossed_by: str = ""
    line: int = 0

    def __post_init__(self) -> None:
        if len(given := [name for name in TEXTS if getattr(self, name)]) != 1:
            raise SignerError(f"a text comes from one of {', '.join(TEXTS)}; here are {' and '.join(given) or 'none of them'}")
        if self.lines and len(self.lines) != 2:
            raise SignerError(f"lines are two files, [sentences, glosses], not {len(self.lines)}")
        if self.glossed_by not in ("", "shipped"):
            raise SignerError(f"glossed_by is shipped (the shipped SLUL, English to ASL) or left out, not '{self.glossed_by}'")
        if self.how2sign and not self.glossed_by:
            raise SignerError("How2Sign's table has sentences and no glosses: write glossed_by: shipped to have SLUL's glosses in their place")
        if self.most is not None and self.most < 1:
            raise SignerError(f"most is 1 or more, not {self.most}")


@dataclass
class ClipSource:
    """Clips of single signs: everything in ``clips``. ``gloss``: name (of the file), folder (that it is in), or a column of ``table``."""

    clips: Path
    licence: str
    signer: str
    gloss: str = "name"
    table: Path | None = None
    clip: str = "clip"
    fps: float | None = None
    aspect: float | None = None
    line: int = 0

    def __post_init__(self) -> None:
        from signer_lib.prior.validation import known_licence

        if not known_licence(self.licence):
            raise SignerError(f"'{self.licence}' is no licence that a prior knows: use an SPDX name such as MIT or CC-BY-4.0, or LicenseRef-NAME")
        if self.table is None and self.gloss not in ("name", "folder"):
            raise SignerError(f"gloss is name or folder where there is no table, not '{self.gloss}'")


@dataclass
class SentenceSource:
    """Clips of whole sentences, with what they say: columns of ``table``, How2Sign's table, or what lies beside them (``read_clips``)."""

    clips: Path
    signer: str
    table: Path | None = None
    how2sign: Path | None = None
    clip: str = "clip"
    text: str = "text"
    gloss: str = "gloss"
    split: str = ""
    fps: float | None = None
    aspect: float | None = None
    line: int = 0


@dataclass
class Shares:
    """Of the sentences that no source assigns."""

    dev: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if not (self.dev > 0 and self.test > 0 and self.dev + self.test < 1):
            raise SignerError(f"dev {self.dev:g} and test {self.test:g} are more than 0 and together less than 1: train has the rest")


@dataclass
class Counts:
    """Performances of each kind at most; ``longest``: units (signs and letters) of a sentence."""

    train: int = 1000
    dev: int = 50
    test: int = 100
    evaluator: int = 1500
    longest: int = 16

    def __post_init__(self) -> None:
        if min(self.train, self.dev, self.test, self.evaluator, self.longest) < 1:
            raise SignerError("performances are counted from 1")


@dataclass
class Stage:
    """How one stage is trained: a preset's name or a YAML file, minutes in place of all its steps, other values for its settings."""

    size: str = "nano"
    minutes: float | None = None
    set: list[str] = field(default_factory=list)
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.minutes is not None and self.minutes < 0.1:
            raise SignerError(f"minutes are 0.1 or more, not {self.minutes:g}")


@dataclass
class Renderer(Stage):
    """Frames of your own (a folder as ``train renderer`` takes it), or the studio's: ``clips`` of train, dev, test, test_body, ``pixels`` a side."""

    frames: Path | None = None
    studio: bool = False
    clips: list[int] = field(default_factory=lambda: [64, 8, 8, 0])
    pixels: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.frames is None) != self.studio:
            raise SignerError("a renderer learns from frames: FOLDER or from studio: true; give one of them")
        if len(self.clips) != 4:
            raise SignerError("clips are four numbers: of train, dev, test and test_body")


@dataclass
class Study:
    """The whole file. ``missing_signs``: what becomes of a sentence with a gloss that has no clip; ``same_sentence``: of one in two splits."""

    text: list[TextSource]
    signs: list[ClipSource] = field(default_factory=list)
    sentences: list[SentenceSource] = field(default_factory=list)
    languages: str = "en-ase"
    seed: int = 1
    stages: list[str] = field(default_factory=list)
    held_out: Shares = field(default_factory=Shares)
    same_sentence: str = "refuse"
    prompts: Path | None = None
    missing_signs: str = "refuse"
    shipped_signs: bool = False
    letters: bool | None = None
    performances: Counts = field(default_factory=Counts)
    slul: Stage = field(default_factory=Stage)
    evaluator: Stage = field(default_factory=Stage)
    slp_moe: Stage = field(default_factory=Stage)
    renderer: Renderer | None = None
    line: int = 0

    def __post_init__(self) -> None:
        choices = {"same_sentence": ("refuse", "drop", "keep"), "missing_signs": ("refuse", "leave_out", "spell")}
        for key, allowed in choices.items():
            if getattr(self, key) not in allowed:
                raise SignerError(f"{key} is {', '.join(allowed)}, not '{getattr(self, key)}'")
        if not re.fullmatch(r"[a-z]{2,3}-[a-z]{3}", self.languages):
            raise SignerError(f"languages are a pair of codes, spoken and signed, such as en-ase or de-gsg, not '{self.languages}'")
        if unknown := [name for name in self.stages if name not in STAGES]:
            raise SignerError(f"there is no stage '{unknown[0]}': the stages are {', '.join(STAGES)}")
        wanted = self.stages or [name for name in STAGES if name != "renderer" or self.renderer]
        self.stages = [name for name in STAGES if name in {*wanted, "validate", "report"}]
        for name in self.stages:
            for need in NEEDS[name] if name != "report" else ():
                if need not in self.stages and need not in OPTIONAL and not (need in SHIPPED and self.languages == "en-ase"):
                    raise SignerError(f"the stage {name} needs the stage {need}: add it to stages")
        if "renderer" in self.stages and self.renderer is None:
            raise SignerError("the stage renderer needs 'renderer:' with frames: FOLDER or studio: true")
        if "prior" in self.stages and not (self.signs or self.shipped_signs):
            raise SignerError("there are no signs: name clips of single signs under 'signs', or write shipped_signs: true (ASL)")
        if self.languages != "en-ase" and (self.shipped_signs or self.letters or any(source.glossed_by for source in self.text)):
            raise SignerError(f"the shipped signs, letters and SLUL are ASL's and English's, and this study is {self.languages}")
        sources: list[TextSource | SentenceSource] = [*self.text, *self.sentences]
        for one in sources:
            if one.split and not one.table and one.split not in SPLITS:
                raise SignerError(f"split is {', '.join(SPLITS)} where there is no table, not '{one.split}'")

    @property
    def with_letters(self) -> bool:
        """Whether words are spelled with the recorded ASL letters."""
        return self.languages == "en-ase" if self.letters is None else self.letters


def read_study(path: Path | str) -> Study:
    """A study's YAML. Raises ``SignerError`` naming the file and the line of what is wrong."""
    document = Document(path)
    study = document.build(Study)
    from signer_lib.experts.training import moe_config
    from signer_lib.language.training import slul_config
    from signer_lib.metrics.back_translation_training import back_translation_config

    for name, check in (("slul", slul_config), ("evaluator", back_translation_config), ("slp_moe", moe_config)):
        stage: Stage = getattr(study, name)
        try:
            check(stage.size, stage.set)
        except SignerError as error:
            raise SignerError(f"{path}: {name}: {error}") from None
    return study
