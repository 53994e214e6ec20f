"""Folders of a trained model: ``config.json``, safetensors, a card, a log. Damage is told in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load_model, save_file
from torch import nn

from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.parsing import from_json


class Saved(Protocol):
    """A model that writes itself into a folder."""

    def save_pretrained(self, folder: Path, /) -> object: ...


def save_half(model: nn.Module, path: Path) -> None:
    """The model's weights as 16-bit floats; what two layers share is stored once, under its first name: the same weights, the same bytes."""
    first: dict[int, str] = {}
    save_file({name: x.half().contiguous() for name, x in model.state_dict().items() if first.setdefault(x.data_ptr(), name) == name}, str(path))
    path.chmod(0o644)                                       # safetensors makes files that only their owner can read


def load_weights(model: nn.Module, folder: Path, name: str = "model.safetensors") -> None:
    """Fill the model (which stays fp32). Raises ``SignerError`` if the file is missing, cut short, damaged or of another model."""
    path = Path(folder) / name
    if not path.is_file():
        raise SignerError(f"the checkpoint {folder} has no {name}: restore it with 'git checkout -- {folder}' or train it again")
    try:
        load_model(model, str(path))
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise damaged(path, error) from None


def save_trained(model: Saved, folder: Path, log: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """What a training leaves: the model (by its ``save_pretrained``), ``log.jsonl`` with one line an entry, ``training.json``."""
    with filling(folder) as part:
        model.save_pretrained(part)
        (part / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log), encoding="utf-8")
        (part / "training.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def damaged(path: Path, error: Exception) -> SignerError:
    """What to tell when a file of a checkpoint cannot be used."""
    return SignerError(f"the checkpoint {path} is damaged ({(str(error).strip() or type(error).__name__).splitlines()[0][:160]}): "
                       f"restore it with 'git checkout -- {path}' or train it again")


def load_json(folder: Path | str, name: str = "config.json", keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """A file's mapping. Raises ``SignerError`` if it is missing, no JSON, or lacks one of ``keys``."""
    path = Path(folder) / name
    if not path.is_file():
        raise SignerError(f"{folder} is not a checkpoint: it has no {name}")
    try:
        values: Any = from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise damaged(path, error) from None
    missing = [key for key in keys if key not in values] if isinstance(values, dict) else ["a mapping of settings"]
    if missing:
        raise damaged(path, ValueError(f"it lacks {missing[0]}"))
    found: dict[str, Any] = values
    return found
