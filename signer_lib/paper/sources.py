"""What a figure is drawn from: results and shipped models, noted as they are opened, so that none is missing in the hash. [ours]"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signer_lib.assets import CHECKPOINTS, DATA, RENDERER, RESULTS, ROOT
from signer_lib.errors import SignerError
from signer_lib.results import commit, read_result

if TYPE_CHECKING:
    from signer_lib.pipeline import StableSignerPipeline

TEXT = "The boy can't find his dog."                    # of the corpus' test sentences: shown at work in Fig. 2 and 3
MODELS = CHECKPOINTS / "slul-nano", CHECKPOINTS / "slp-moe-nano", RENDERER, DATA / "lexicon"      # of the pipeline; the prior is built from the last


class Missing(SignerError):
    """A file that a figure is drawn from is not there (yet). The message names it and the command that makes it."""


class Sources:
    """Opens files for one figure. ``results``: the folder of results; ``models``: the pipeline, shared by all figures that show it at work."""

    def __init__(self, results: Path | str = RESULTS, models: Models | None = None):
        self.results, self.models = Path(results), models or Models()
        self._content: dict[str, str] = {}              # file -> SHA-256 of its content
        self._shown: dict[str, str] = {}                # as the picture names it -> the commit that it says it was made at, or ""

    # --- opening -----------------------------------------------------------------------------------------------------
    def result(self, name: str, command: str) -> dict[str, Any]:
        """A file of results. Raises ``Missing`` with the command that makes it, ``SignerError`` if it holds no result."""
        path = self.results / name
        if not path.is_file():
            raise Missing(f"{self._named(path)} is missing: make it with  {command}")
        found = read_result(path, self._named(path), command)
        self._note(path)
        self._shown[self._named(path)] = str(found.get("commit", ""))
        return found

    def every(self, pattern: str, command: str) -> list[dict[str, Any]]:
        """All results of a pattern such as "slp_moe/rules/full-*.json", in the order of their names; one at least."""
        paths = sorted(self.results.glob(pattern))
        if not paths:
            raise Missing(f"{self._named(self.results / pattern)} is missing: make it with  {command}")
        return [self.result(str(path.relative_to(self.results)), command) for path in paths]

    def optional(self, name: str) -> dict[str, Any] | None:
        """A file of results that is there or not."""
        return self.result(name, "") if (self.results / name).is_file() else None

    def files(self, *places: Path, command: str = "git checkout -- data") -> None:
        """Notes files, and folders with all that is in them."""
        for place in places:
            inside = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
            if not inside or not all(path.is_file() for path in inside):
                raise Missing(f"{self._named(place)} is missing: bring it back with  {command}")
            for path in inside:
                self._note(path)
            self._shown[self._named(place) + "/" * place.is_dir()] = ""

    @property
    def pipeline(self) -> StableSignerPipeline:
        """The shipped pipeline with the diffusion renderer."""
        self.files(*MODELS)
        return self.models.pipeline

    # --- what was opened ---------------------------------------------------------------------------------------------
    @property
    def sha256(self) -> str:
        """The first 12 letters of the SHA-256 over the names and contents of all files that were opened."""
        told = "".join(f"{name} {content}\n" for name, content in sorted(self._content.items()))
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    @property
    def stamp(self) -> str:
        """For the picture's corner and its metadata: the files with the commits that they were made at, their hash, the code's commit."""
        groups: dict[tuple[str, str], list[str]] = {}
        for name, made in self._shown.items():
            groups.setdefault((name.rpartition("/")[0], made), []).append(name)
        files = [" ".join([names[0], *(name.rpartition("/")[2] for name in names[1:])]) + f" (commit {made})" * bool(made)
                 for (_, made), names in groups.items()]
        return f"drawn from {', '.join(files) or 'no file'}; sha256 {self.sha256}; code at commit {commit() or 'unknown'}"

    def _note(self, path: Path) -> None:
        self._content[self._named(path)] = hashlib.sha256(path.read_bytes()).hexdigest()

    def _named(self, path: Path) -> str:
        """From the repository, or from the folder that holds the results."""
        return str(path.relative_to(ROOT if path.is_relative_to(ROOT) else self.results.parent))


class Models:
    """The shipped pipeline, loaded when it is first asked for, and what it signed."""

    @cached_property
    def pipeline(self) -> StableSignerPipeline:
        from signer_lib.pipeline import StableSignerPipeline

        return StableSignerPipeline.from_pretrained(renderer="diffusion")
