"""transformers' Adafactor, also on weights that FSDP has cut among the processes. [ours: that]"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from transformers import Adafactor

from signer_lib.resume import whole


class CutAdafactor(Adafactor):
    """``Adafactor``; on weights that are whole it is no other."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for weight in group["params"]:
                if isinstance(weight, DTensor) and weight.grad is not None and weight.ndim >= 2:
                    self._cut(weight)
        return super().step(closure)  # type: ignore[no-untyped-call]  # transformers has no types there

    def _cut(self, weight: DTensor) -> None:
        """The factors of a weight's second moments, begun, or as they were saved, where its parts are: rows are cut as it is, columns are not."""
        state = self.state[weight]
        shapes = {"exp_avg_sq_row": weight.shape[:-1], "exp_avg_sq_col": weight.shape[:-2] + weight.shape[-1:]}
        if not state:
            state |= {"step": 0, "RMS": 0} | {name: torch.zeros(shape, device=weight.device) for name, shape in shapes.items()}
        for name, placement in (("exp_avg_sq_row", Shard(0)), ("exp_avg_sq_col", Replicate())):
            if not isinstance(state[name], DTensor):
                state[name] = distribute_tensor(state[name], weight.device_mesh, [placement], src_data_rank=None)

    @staticmethod
    def _rms(tensor: Tensor) -> Tensor:
        mean: Tensor = whole(tensor.norm(2)) / tensor.numel() ** 0.5
        return mean
