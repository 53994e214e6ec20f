"""Folders of a trained model: ``config.json``, safetensors, a card, a log. Damage is told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from signer_lib.errors import SignerError


def save_half(state: dict[str, torch.Tensor], path: Path) -> None:
    """Weights as 16-bit floats; tensors that share memory are stored once each (safetensors refuses aliases)."""
    save_file({name: tensor.detach().to("cpu", torch.float16).clone().contiguous() for name, tensor in state.items()}, path)


def load_weights(folder: Path, name: str = "model.safetensors") -> dict[str, torch.Tensor]:
    """Weights as fp32. Raises ``SignerError`` if the file is missing, cut short or damaged."""
    path = Path(folder) / name
    if not path.is_file():
        raise SignerError(f"the checkpoint {folder} has no {name}: restore it with 'git checkout -- {folder}' or train it again")
    try:
        return {key: tensor.float() for key, tensor in load_file(path).items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise SignerError(f"the checkpoint {path} is damaged ({error}): restore it with 'git checkout -- {path}' or train it again") from None


def load_json(folder: Path, name: str = "config.json") -> dict:
    path = Path(folder) / name
    if not path.is_file():
        raise SignerError(f"{folder} is not a checkpoint: it has no {name}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SignerError(f"{path} is damaged ({error}): restore it with 'git checkout -- {path}' or train it again") from None
