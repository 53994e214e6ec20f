"""Where the files that come with the project are, and where it may keep what it builds."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
CHECKPOINTS = DATA / "checkpoints"
RESULTS = ROOT / "results"
RENDERER = CHECKPOINTS / "renderer-base"


def default_renderer() -> str:
    """Who signs if nobody is named: "diffusion" where the project's own renderer is, else "drawn"."""
    return "diffusion" if RENDERER.is_dir() else "drawn"


def cache_dir() -> Path:
    """The folder for what is built once and kept: ``$SIGNER_CACHE``, or ``.cache`` beside the code."""
    return Path(os.environ.get("SIGNER_CACHE") or ROOT / ".cache")


def signer_data() -> Path | None:
    """Real data to measure with, never part of the project: ``$SIGNER_DATA``, or ``shared/data`` beside the project; None if absent."""
    if named := os.environ.get("SIGNER_DATA"):
        return Path(named)
    beside = ROOT.parent / "shared" / "data"
    return beside if beside.is_dir() else None
