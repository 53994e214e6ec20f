"""The sizes of the joint fine-tuning: what a preset of ``signer_lib/presets/joint_*.yaml`` may say."""

from __future__ import annotations

from dataclasses import dataclass

from signer_lib.config import load_config
from signer_lib.errors import SignerError

PARTS = {"query": ("Q",), "gate": ("G",), "chooser": ("PCN",), "manner": ("log_tempo", "log_size"), "transitions": ("transitions",),
         "refinement": ("R",)}              # a part that may move -> what of the model it is


@dataclass
class JointConfig:
    """The comments in the presets say what each value is for. [ours]"""

    moves: list[str]
    weight_renderer: float
    frames: int
    crop: int
    scales: list[int]
    weight_hands: float
    weight_ssim: float
    edge_first: float
    edge_last: float
    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    candidates_dropped: float
    dev_frames: int
    score_steps: int
    log_steps: int

    def __post_init__(self) -> None:
        if not self.moves or (foreign := [part for part in self.moves if part not in PARTS]):
            raise SignerError(f"moves names one or more of {', '.join(PARTS)}, not '{foreign[0] if self.moves else ''}'")
        if not self.scales or any(not isinstance(scale, int) or scale < 1 for scale in self.scales):
            raise SignerError(f"scales are whole numbers of pixels from 1, not {self.scales}")
        for key in ("frames", "steps", "batch_size", "learning_rate", "dev_frames", "score_steps", "log_steps"):
            if getattr(self, key) <= 0:
                raise SignerError(f"{key} must be more than 0, not {getattr(self, key)}")
        for key in ("weight_renderer", "weight_hands", "weight_ssim", "crop", "warmup_steps"):
            if getattr(self, key) < 0:
                raise SignerError(f"{key} must be 0 or more, not {getattr(self, key)}")
        if not 0 <= self.candidates_dropped < 1 or not 0 < self.edge_last <= self.edge_first:
            raise SignerError("candidates_dropped must be from 0 to below 1, and edge_first no narrower than edge_last, which is above 0")

    def edge(self, step: int, steps: int) -> float:
        """Half the width of the limbs' soft edge in a step, shoulder widths: from ``edge_first`` evenly down to ``edge_last`` at two thirds."""
        done = min(1.0, 1.5 * step / max(steps, 1))
        return self.edge_first + done * (self.edge_last - self.edge_first)


def joint_config(size: str, changes: list[str] | None = None) -> JointConfig:
    """The settings of a size (nano, base) or a YAML file, with ``changes`` such as "weight_renderer=0"."""
    return load_config(JointConfig, size if size.endswith((".yaml", ".yml")) else f"joint_{size}", changes)
