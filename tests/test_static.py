"""What can be told without running: mypy, strictly, on the library, and ruff on code and notebooks. Without the extra ``dev`` it is skipped."""

import subprocess
import sys
from pathlib import Path

import pytest

from signer_lib.assets import cache_dir

ROOT = Path(__file__).resolve().parent.parent


def found_by(tool: str, *words: str) -> str:
    """What a tool has to complain of; "" if nothing."""
    pytest.importorskip(tool, reason=f"{tool} comes with the extra dev: pip install -e .[dev]")
    done = subprocess.run([sys.executable, "-m", tool, *words], cwd=ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_types_are_strict_and_right():
    assert found_by("mypy", "--cache-dir", str(cache_dir() / "mypy")) == ""


def test_code_and_notebooks_are_clean():
    assert found_by("ruff", "check", "--no-cache", ".") == ""


def test_whoever_uses_the_library_has_its_types():
    assert (ROOT / "signer_lib" / "py.typed").is_file()
