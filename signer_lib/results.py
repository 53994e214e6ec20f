"""Files under ``results/``: every number with the commit, machine and command that made it."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from signer_lib.assets import ROOT
from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.parsing import from_json


def commit() -> str:
    """The commit of the code, with "+" if there are changes that it does not hold."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "signer_lib", "data") else "")


def machine() -> str:
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads"
    return f"{platform.machine()}, {device}, Python {platform.python_version()}, torch {torch.__version__}"


def write_result(path: Path, result: dict[str, Any], command: str) -> None:
    """One JSON file: the result, and how it came about."""
    with whole_file(path) as part:
        part.write_text(json.dumps(result | {"commit": commit(), "machine": machine(), "command": command}, indent=1) + "\n", encoding="utf-8")


def read_result(path: Path, named: str = "", command: str = "") -> dict[str, Any]:
    """What ``write_result`` wrote. Raises ``SignerError`` if the file is missing or holds no result.

    named  what the error calls the file, else its path.    command  that makes it, for the error.
    """
    named = named or str(path)
    try:
        found = from_json(Path(path).read_bytes())
    except FileNotFoundError:
        raise SignerError(f"{named} is missing: make it with  {command}" if command else f"there is no result {named}") from None
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise SignerError(f"{named} is no result: make it again" + (f" with  {command}" if command else ""))
    return found


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Every result in a folder, in the order of the file names. Raises ``SignerError`` naming the file that holds none."""
    return [read_result(path) for path in sorted(Path(folder).glob("*.json"))]


@contextmanager
def as_written(what: str) -> Iterator[None]:
    """For whoever takes results apart: what lacks a measure, or has something else in its place, is told in one line (``SignerError``)."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration) as error:
        raise SignerError(f"{what}: its results are not as this version writes them ({type(error).__name__}: {error}): make them again") from error
