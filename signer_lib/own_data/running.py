"""A study from beginning to end: what is to be done, what is done already, and what was stopped and goes on. [ours]

Every stage leaves a record with the fingerprint of its settings, its input files and the stages that it is made of. A finished stage with the same
fingerprint is not run again; one that was stopped goes on from its training's own state; any other is begun anew, without what it left.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from signer_lib.assets import CHECKPOINTS
from signer_lib.checkpoint import load_json
from signer_lib.errors import SignerError
from signer_lib.experts.training import moe_config
from signer_lib.files import alone, whole_file
from signer_lib.language.training import slul_config
from signer_lib.metrics.back_translation_training import back_translation_config
from signer_lib.own_data.report import printed, table
from signer_lib.own_data.stages import RUN, Work, smaller, steps_of
from signer_lib.own_data.study import NEEDS, SHIPPED, read_study
from signer_lib.parsing import from_json, from_yaml
from signer_lib.prior.body import load_body
from signer_lib.prior.building import fingerprint as fingerprint_of_the_lexicon
from signer_lib.prior.handshapes import LEXICON
from signer_lib.results import write_result

MARK = "study.json"                 # says that a folder is a study's, which may be cleared of what its stages left
TRAINED = {"slul": "slul-nano", "evaluator": "back-translation-nano", "slp-moe": "slp-moe-nano"}       # the shipped training that tells the pace
SECONDS = {"prior": 0.25, "performances": 0.05}         # of a clip, of a sentence, about, on one core
REPORT = "results.json"


@dataclass(frozen=True)
class Step:
    """A stage in the plan. ``state``: "to do", "goes on" or "done"; ``minutes`` of one core, about, None where nobody knows."""

    name: str
    what: str
    state: str
    minutes: float | None


class Running:
    """``Running(config, out).run()``; ``plan()`` tells what that would do, and writes nothing."""

    def __init__(self, config: Path | str, out: Path | str, result: Path | str | None = None, minutes: float | None = None):
        """``result``: where the report goes besides.    minutes  of each training, in place of what the YAML says.

        Raises ``SignerError`` for a wrong YAML, or a folder that holds something else.
        """
        self.config, self.out, self.result, self.minutes = Path(config), Path(out), Path(result) if result else None, minutes
        self.study = read_study(self.config)
        for stage in (self.study.slul, self.study.evaluator, self.study.slp_moe, self.study.renderer) if minutes else ():
            if stage is not None:
                stage.minutes = minutes
        if self.out.exists() and not self.out.is_dir():
            raise SignerError(f"{self.out} is a file: choose a folder")
        if self.out.is_dir() and any(self.out.iterdir()) and not (self.out / MARK).is_file():
            raise SignerError(f"{self.out} holds other things than a study: choose an empty folder")
        self.work = Work(self.study, self.out)
        self._prints: dict[str, str] = {}

    # --- what a stage depends on -----------------------------------------------------------------------------------------------
    def fingerprint(self, stage: str) -> str:
        """Of a stage's settings, its input files, and the stages that it is made of; 16 hexadecimal digits."""
        if stage not in self._prints:
            made_of = {need: self.fingerprint(need) if need in self.study.stages else SHIPPED.get(need) for need in NEEDS[stage]}
            told = json.dumps([stage, self._settings(stage), made_of], sort_keys=True, default=str)
            self._prints[stage] = hashlib.sha256(told.encode()).hexdigest()[:16]
        return self._prints[stage]

    def _settings(self, stage: str) -> Any:
        study = self.study
        texts = [[plain(source), *map(_content, (*source.lines, source.table, source.phoenix, source.how2sign))] for source in study.text]
        signs = [[plain(source), *map(_content, (source.table, source.clips))] for source in study.signs]
        sentences = [[plain(source), *map(_content, (source.table, source.how2sign, source.clips))] for source in study.sentences]
        text = [texts, plain(study.held_out), study.same_sentence, study.seed, study.languages, _content(study.prompts)]
        match stage:
            case "validate":
                return [text, signs, sentences, study.missing_signs, study.shipped_signs, study.stages]
            case "corpus":
                return text
            case "prior":
                lexicon = fingerprint_of_the_lexicon(LEXICON, load_body()) if study.shipped_signs or study.with_letters else ""
                return [signs, study.shipped_signs, study.with_letters, study.seed, lexicon]
            case "performances":
                return [sentences, plain(study.performances), study.missing_signs, study.seed]
            case "slul" | "evaluator" | "slp-moe":
                own = self.work.settings(stage)
                return [plain(own), _content(Path(own.size)) if own.size.endswith((".yaml", ".yml")) else ""]
            case "renderer":
                assert study.renderer is not None
                return [plain(study.renderer), _content(study.renderer.frames)]
        return study.stages if stage == "report" else ""

    # --- the plan --------------------------------------------------------------------------------------------------------------
    def plan(self) -> list[Step]:
        """Every stage in order; the text is read and the clips are counted for it. Raises ``SignerError`` as ``stages.validate``."""
        found = RUN["validate"](self.work)
        return [Step(name, *self._about(name, found)) for name in self.study.stages]

    def _about(self, name: str, found: dict[str, Any]) -> tuple[str, str, float | None]:
        record, study, counts = self._record(name), self.study, self.study.performances
        state = "to do" if record is None or record["fingerprint"] != self.fingerprint(name) else "done" if record["done"] else "goes on"
        pairs = found["sentences"]
        sizes = ", ".join(f"{number:,} {split}" for split, number in pairs.items())
        clips = found.get("sign_clips", 0)
        match name:
            case "validate":
                return f"{sizes} sentences, {found['glosses']:,} glosses", state, clips * SECONDS["prior"] / 600
            case "corpus":
                return f"{sizes} sentences", state, 0.0
            case "prior":
                more = " + shipped signs" * study.shipped_signs + " + letters" * study.with_letters
                return f"{clips:,} clips of {found.get('glosses_with_clips', 0):,} glosses{more}", state, clips * SECONDS["prior"] / 60 + 0.5
            case "performances":
                if "sentence_clips" in found:
                    return ", ".join(f"{number:,} {split}" for split, number in found["sentence_clips"].items()) + " sentence clips", state, None
                whole = counts.train + counts.evaluator + counts.dev * 2 + counts.test
                return f"at most {counts.train:,} train, {counts.dev:,} dev, {counts.test:,} test, {counts.evaluator:,} evaluator", state, \
                    whole * SECONDS["performances"] / 60
            case "slul" | "evaluator" | "slp-moe":
                return *self._training(name, {"slul": pairs["train"], "evaluator": counts.evaluator, "slp-moe": counts.train}[name], state),
            case "renderer":
                assert study.renderer is not None
                where = "the studio's frames" if study.renderer.studio else f"frames of {study.renderer.frames.name}"      # type: ignore[union-attr]
                return f"{study.renderer.size}, {where}", state, study.renderer.minutes
            case "pipeline":
                return "for stable-signer sign --pipeline", state, 0.0
        return f"test sentences, with floors -> {REPORT}", state, 1.0

    def _training(self, name: str, rows: int, state: str) -> tuple[str, str, float | None]:
        stage = self.work.settings(name)
        make: Any = {"slul": slul_config, "evaluator": back_translation_config, "slp-moe": moe_config}[name]
        config = make(stage.size, smaller(stage, make, rows))
        minutes, steps = stage.minutes, steps_of(config, rows)
        if minutes is None and stage.size == "nano":
            shipped = load_json(CHECKPOINTS / TRAINED[name], "training.json")
            minutes = steps * shipped["train_minutes"] / shipped["steps"]
        return f"{stage.size}, seed {stage.seed}, batches of {config.batch_size}" + ("" if stage.minutes else f", {steps:,} steps"), state, minutes

    # --- the run ---------------------------------------------------------------------------------------------------------------
    def run(self) -> dict[str, Any]:
        """Runs what is not done yet; -> the report. A stage that was killed goes on at the next call.

        Raises ``SignerError`` as the stages do, and if another process is at work in the folder.
        """
        self._claim()
        with alone(self.out):
            self._run()
        return self._report()

    def _run(self) -> None:
        for name in self.study.stages:
            record, own = self._record(name), self.fingerprint(name)
            if record and record["fingerprint"] == own and record["done"]:
                print(f"{name}: done already", flush=True)
                continue
            if record is None or record["fingerprint"] != own or name not in (*TRAINED, "renderer"):
                self._clear(name)
            self._write(name, {"fingerprint": own, "done": False})
            start = time.monotonic()
            finished = self._finished(name)
            told = finished if finished else RUN[name](self.work)
            self._write(name, {"fingerprint": own, "done": True, "seconds": round(time.monotonic() - start, 1), "told": told})
            print(f"{name}: {_short(told)} ({time.monotonic() - start:.0f} s)" if name != "report" else f"{name}: {REPORT}", flush=True)

    def _finished(self, name: str) -> dict[str, Any] | None:
        """What a training tells that was killed between its last file and its record."""
        path = self.out / name / "training.json"
        if name not in (*TRAINED, "renderer") or not path.is_file():
            return None
        found = load_json(path.parent, path.name, ("steps", "train_minutes"))
        return {key: found[key] for key in ("steps", "train_minutes")}

    def _claim(self) -> None:
        if not (self.out / MARK).is_file():
            with whole_file(self.out / MARK) as part:
                part.write_text(json.dumps({"what": "a study of own data: stable-signer train all"}) + "\n", encoding="utf-8")

    def _record(self, name: str) -> dict[str, Any] | None:
        path = self.out / "stages" / f"{name}.json"
        try:
            found = from_json(path.read_bytes())
            if not isinstance(found, dict):
                raise ValueError("no record of a stage")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SignerError(f"{path} is damaged ({error}): delete it, and the stage {name} is run again") from None
        return found

    def _write(self, name: str, record: dict[str, Any]) -> None:
        with whole_file(self.out / "stages" / f"{name}.json") as part:
            part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    def _clear(self, name: str) -> None:
        """Removes what a stage left; a stage's folder has its name, but for the data, of which the pools are the prior's."""
        folders = {"prior": ["data"], "performances": [f"data/{path.name}" for path in (self.out / "data").glob("*") if path.name != "pools"],
                   "renderer": ["renderer", "frames"], "report": [REPORT]}.get(name, [name])
        for folder in folders:
            path = self.out / folder
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _report(self) -> dict[str, Any]:
        told = {name: record["told"] for name in self.study.stages if (record := self._record(name))}
        reached = told.pop("report")
        settings = from_yaml(self.config.read_bytes())
        found = {"what": f"a study of own data, {self.config.name}", "study": settings, "seed": self.study.seed, "stages": told, "reached": reached,
                 "minutes": {name: round((self._record(name) or {}).get("seconds", 0) / 60, 2) for name in self.study.stages},
                 "table": table(reached, told.get("prior", {}))}
        command = f"stable-signer train all --config {self.config} --out {self.out.name}" + (f" --minutes {self.minutes:g}" if self.minutes else "")
        for path in (self.out / REPORT, *([self.result] if self.result else [])):
            write_result(path, found, command)
        print(printed([tuple(line) for line in found["table"]]), flush=True)
        return found


def plan_table(steps: list[Step]) -> list[tuple[str, ...]]:
    """A plan as lines of text."""
    lines: list[tuple[str, ...]] = [("stage", "about", "state", "minutes")]
    for step in steps:
        minutes = "" if step.state == "done" else "?" if step.minutes is None else "<1" if step.minutes < 1 else f"{step.minutes:.0f}"
        lines.append((step.name, step.what, step.state, minutes))
    return lines


def plain(value: Any) -> Any:
    """A dataclass of settings as what JSON holds, without the line that it stands on; of paths the names, as ``_content`` tells what is there."""
    found: dict[str, Any] = {}
    for key, one in asdict(value).items():
        found[key] = one.name if isinstance(one, Path) else [getattr(part, "name", part) for part in one] if isinstance(one, list) else one
    found.pop("line", None)
    return found


def _content(path: Path | None) -> str:
    """What tells one state of a file or folder from another: a file's bytes; of a folder, names, sizes and times."""
    if path is None:
        return ""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                digest.update(f"{file.relative_to(path)} {file.stat().st_size} {file.stat().st_mtime_ns}\n".encode())
    else:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _short(told: dict[str, Any]) -> str:
    """The plain numbers of what a stage told."""
    flat = {key.replace("_", " "): value for key, value in told.items() if isinstance(value, int | float | str)}
    flat |= told.get("sentences", {})
    if told.get("left_out"):
        flat["left out"] = len(told["left_out"])
    return ", ".join(f"{key} {value:.2f}" if isinstance(value, float) else f"{key} {value}" for key, value in flat.items())
