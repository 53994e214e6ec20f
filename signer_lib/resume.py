"""The state of an unfinished training in one safetensors file: tensors by name, numbers as JSON in its header. No pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.parsing import from_json


def whole(value: Tensor) -> Tensor:
    """A tensor that FSDP has cut among the processes, all of it on each; any other as it is. All processes have to ask."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def like(value: Tensor, model: Tensor) -> Tensor:
    """The reverse: a whole tensor cut as ``model`` is; each process takes its own part."""
    return distribute_tensor(value.to(model.device), model.device_mesh, model.placements, src_data_rank=None) if isinstance(model, DTensor) else value


def whole_weights(module: nn.Module) -> dict[str, Tensor]:
    """A module's state, of whole tensors. All processes have to ask."""
    return {name: whole(value) for name, value in module.state_dict().items()}


def restore_weights(module: nn.Module, weights: dict[str, Tensor]) -> None:
    """The reverse of ``whole_weights``, into a module that may be cut among the processes."""
    own = module.state_dict()
    module.load_state_dict({name: like(value, own[name]) if name in own else value for name, value in weights.items()})


def save_state(path: Path, groups: dict[str, dict[str, Tensor]], told: dict[str, Any]) -> None:
    """``groups`` of named tensors and ``told``, anything JSON can hold; the old file stays whole until the new one is."""
    tensors = {f"{group}/{name}": value.detach().cpu().contiguous().clone() for group, named in groups.items() for name, value in named.items()}
    with whole_file(path) as part:
        save_file(tensors, part, metadata={"told": json.dumps(told)})


def load_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """What ``save_state`` wrote. Raises ``SignerError`` for a damaged file."""
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, "pt") as file:
            told = from_json(file.metadata()["told"])
            for key in file.keys():
                group, name = key.split("/", 1)
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise SignerError(f"{path} is damaged ({reason}): delete it to start the training again") from None
    return groups, told


def optimizer_tensors(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, float]]:
    """An optimizer's state, parameter by parameter: its tensors, whole, and its plain numbers. All processes have to ask."""
    rows = [(f"{k}/{name}", value) for k, row in optimizer.state_dict()["state"].items() for name, value in row.items()]
    return ({key: whole(value) for key, value in rows if isinstance(value, Tensor)},
            {key: value for key, value in rows if not isinstance(value, Tensor)})


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
    """The reverse of ``optimizer_tensors``; the groups' settings stay the optimizer's own."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor | float]] = {}
    for key, value in (tensors | numbers).items():
        k, name = key.split("/")
        of = parameters[int(k)]
        state.setdefault(int(k), {})[name] = like(value, of) if isinstance(value, Tensor) and value.shape == of.shape else value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
