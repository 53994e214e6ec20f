"""What a training does around its steps: log, dev score, the best kept, stopped and gone on exactly where it was. One loop for all that use it."""

from __future__ import annotations

import atexit
import json
import math
import os
from collections import defaultdict
from collections.abc import Sized
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState, is_initialized
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

from signer_lib.checkpoint import Saved, save_trained
from signer_lib.errors import SignerError
from signer_lib.progress import bar
from signer_lib.resume import load_state, optimizer_tensors, restore_optimizer, restore_weights, save_state, whole_weights

STATE = "training_state.safetensors"
TIMED = 10, 30          # the steps between which ``minutes`` are turned into a number of steps

T = TypeVar("T")
Model = TypeVar("Model", bound=Saved)


class Schedule(Protocol):
    """What the loop reads of a training's settings."""

    @property
    def learning_rate(self) -> float: ...

    @property
    def warmup_steps(self) -> int: ...

    @property
    def log_steps(self) -> int: ...


def precision(asked: str) -> str:
    """In accelerate's words. "auto" is "bf16" where the hardware is faster with it (a GPU, a CPU with AMX), else "no", which is fp32."""
    gpu = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    fast = gpu or torch.cpu.get_capabilities().get("amx_bf16", False)
    return "bf16" if asked == "bf16" or (asked == "auto" and fast) else "no"


def accelerator(asked: str = "fp32", cut: bool = False, **more: Any) -> Accelerator:
    """An accelerator in the precision that is asked for, also where a training before it in this process had another; accelerate would refuse.

    asked  "fp32", "bf16" or "auto", see ``precision``.    cut  whether the training can be cut among the processes (FSDP); without, it is refused.
    more  what ``Accelerator`` takes besides.
    """
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true" and not cut:
        raise SignerError("this training cannot be cut among the processes (FSDP): launch it with a DDP file, see recipes/README.md")
    if more.get("cpu") and is_initialized() and AcceleratorState().device.type != "cpu":
        raise SignerError("a training on the CPU cannot follow one on GPUs in the same launched processes: launch it by itself")
    wanted = precision(asked)
    if is_initialized() and AcceleratorState().mixed_precision != wanted:
        AcceleratorState._reset_state()                     # of the precision alone: which processes there are stays known
    found = Accelerator(mixed_precision=wanted, **more)
    if found.num_processes > 1:                             # before Python goes: a process whose group is still open may abort then, all work done
        atexit.unregister(_leave)
        atexit.register(_leave)
    return found


def _leave() -> None:
    PartialState().destroy_process_group()


def learning_rate(config: Schedule, step: int, steps: int) -> float:
    """Linear warm-up over ``config.warmup_steps`` to ``config.learning_rate``, then half a cosine down to 0."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(steps - config.warmup_steps, 1)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


class Loop(Generic[Model]):
    """A training. It sets these before ``_resume``, and gives ``step``, ``score``, ``modules`` and ``trained``.

    config    with log_steps.    out, seed, minutes.    batches  as many as an epoch has.    settings  what must be the same to go on.
    """

    title: str
    config: Schedule
    out: Path
    seed: int
    minutes: float | None
    batches: Sized
    settings: dict[str, Any]
    best_at = "best_epoch"      # where the best was, in the state and in training.json
    accelerator: Accelerator
    optimizer: torch.optim.Optimizer

    def begin(self, steps: int, best: float | list[float]) -> None:
        """The state before the first step; ``best``: a dev score that any beats."""
        self.best: dict[str, Tensor] = {}
        self.sums: dict[str, float] = defaultdict(float)
        self.state: dict[str, Any] = {"step": 0, "steps": steps, "seconds": 0.0, "best": best, self.best_at: 0, "log": []}

    @property
    def every(self) -> int:
        """So many steps from one dev score to the next: an epoch."""
        return len(self.batches)

    def step(self) -> dict[str, float]:
        """One step; -> each term's value over the whole batch, ``total`` among them."""
        raise NotImplementedError

    def score(self, epoch: int) -> None:
        """Scores dev, writes it to the log, and keeps the best weights in ``best``."""
        raise NotImplementedError

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What the state holds by name; ``weights`` among them."""
        raise NotImplementedError

    @property
    def trained(self) -> tuple[nn.Module, Model]:
        """The module that the best weights belong to, and the model that is saved with it."""
        raise NotImplementedError

    def run(self) -> Model:
        """Trains to the end, or until ``score`` has set ``stopped``; writes the best weights. -> the model"""
        state, epoch, every = self.state, len(self.batches), self.every
        with bar(f"{self.title}, seed {self.seed}", state["steps"], state["step"], self.accelerator.is_main_process) as tick:
            while state["step"] < state["steps"] and not state.get("stopped"):
                terms = self.step()
                for name, value in terms.items():
                    self.sums[name] += value
                k = state["step"]
                if not all(math.isfinite(value) for value in terms.values()):
                    raise SignerError(f"the loss is {terms['total']} at step {k}: train again with a lower learning_rate")
                if self.minutes and k in TIMED:
                    self._timed(k, self.minutes)
                if k % self.config.log_steps == 0 or k % every == 0 or k == state["steps"]:
                    self._log(k)
                if k % every == 0 or k == state["steps"]:
                    self.score(-(-k // epoch))
                    self._save()
                elif k % (10 * self.config.log_steps) == 0:
                    self._save()
                tick(terms["total"])
        self.accelerator.wait_for_everyone()
        weights, model = self.trained
        weights.load_state_dict(self.best)
        weights.eval()
        if self.accelerator.is_main_process:
            done = {"steps": state["step"], "train_minutes": round(state["seconds"] / 60, 2), self.best_at: state[self.best_at],
                    "processes": self.accelerator.num_processes, "mixed_precision": self.accelerator.mixed_precision}
            save_trained(model, self.out, state["log"], self.settings | done)
            self._state_file.unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()
        return model

    def _timed(self, k: int, minutes: float) -> None:
        """``minutes`` become a number of steps, once and for all, from the time that twenty steps took."""
        if k == TIMED[0]:
            self.state["timed_from"] = self.state["seconds"]
        else:
            pace = (self.state["seconds"] - self.state.pop("timed_from")) / (TIMED[1] - TIMED[0])
            self.state["steps"] = self._agree(max(TIMED[1], round(60 * minutes / pace)))

    def _log(self, k: int) -> None:
        since = k - max((line["step"] for line in self.state["log"] if "total" in line), default=0)
        line = {"step": k, "epoch": round(k / len(self.batches), 3), "lr": round(self.optimizer.param_groups[0]["lr"], 6),
                **{name: round(value / since, 6) for name, value in self.sums.items()}, "minutes": round(self.state["seconds"] / 60, 2)}
        self.sums.clear()
        self._write(line)

    def _agree(self, value: T) -> T:
        """What the main process says, on all."""
        agreed: list[T] = broadcast_object_list([value])
        return agreed[0]

    def _write(self, line: dict[str, Any]) -> None:
        self.state["log"].append(line)
        if self.accelerator.is_main_process:
            self.out.mkdir(parents=True, exist_ok=True)
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            if any(name.startswith("dev_") for name in line):
                print(json.dumps(line), flush=True)

    # --- going on after a stop ---------------------------------------------------------------------------------------
    @property
    def _state_file(self) -> Path:
        return self.out / STATE

    def _save(self) -> None:
        tensors, numbers = optimizer_tensors(self.optimizer)
        modules = {name: whole_weights(module) for name, module in self.modules.items()}
        if not self.accelerator.is_main_process:
            return
        modules |= {"best": self.best, "optimizer": tensors}
        save_state(self._state_file, modules, {"state": self.state, "optimizer": numbers, "settings": self.settings})

    def _resume(self) -> None:
        if not self._state_file.is_file():
            if self.accelerator.is_main_process:
                (self.out / "log.jsonl").unlink(missing_ok=True)
            return
        modules, told = load_state(self._state_file)
        if other := [key for key, value in self.settings.items() if told["settings"].get(key) != value]:
            raise SignerError(f"{self.out} holds an unfinished training with another {other[0]} ({told['settings'].get(other[0])}, not "
                              f"{self.settings[other[0]]}): choose another --out, or delete {self._state_file} to start again")
        for name, module in self.modules.items():
            restore_weights(module, modules[name])
        restore_optimizer(self.optimizer, modules["optimizer"], told["optimizer"])
        self.best, self.state = modules.get("best", {}), told["state"]
        if self.accelerator.is_main_process:
            (self.out / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in self.state["log"]), encoding="utf-8")
            print(f"going on after step {self.state['step']} of {self.state['steps']}", flush=True)
