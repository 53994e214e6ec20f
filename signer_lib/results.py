"""Files under ``results/``: every number with the commit, machine and command that made it."""

from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from signer_lib.assets import ROOT
from signer_lib.files import whole_file


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


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Every result in a folder, in the order of the file names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*.json"))]
