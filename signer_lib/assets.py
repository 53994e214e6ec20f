"""Where the files that come with the project are, and where it may keep what it builds."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
CHECKPOINTS = DATA / "checkpoints"
RESULTS = ROOT / "results"


def cache_dir() -> Path:
    """The folder for what is built once and kept: ``$SIGNER_CACHE``, or ``.cache`` beside the code."""
    return Path(os.environ.get("SIGNER_CACHE") or ROOT / ".cache")


def signer_data() -> Path | None:
    """The folder of real data for measuring: ``$SIGNER_DATA``, or ``../shared/data`` beside the project. None where there is none."""
    folder = Path(os.environ.get("SIGNER_DATA") or ROOT.parent / "shared" / "data")
    return folder if folder.is_dir() else None
