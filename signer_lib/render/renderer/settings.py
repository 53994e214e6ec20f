"""The sizes of the renderer: what a preset of ``signer_lib/presets/renderer_*.yaml`` may say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from signer_lib.config import load_config
from signer_lib.errors import SignerError

STAGES = ("autoencoder", "stills", "diffusion", "distillation", "refiner")


@dataclass
class RendererConfig:
    """The comments in the presets say what each value is for. [ours]"""

    size: int
    pretrained: str
    pretrained_controlnet: str
    pretrained_motion: str
    autoencoder: dict[str, Any]
    channels: list[int]
    attention: list[bool]
    layers: int
    heads: int
    groups: int
    motion_from: int
    d_token: int
    d_state: int
    most_states: int
    reader_width: int
    control_sees_noise: bool
    prediction: str
    window: int
    overlap: int
    steps: int
    autoencoder_steps: int
    autoencoder_batch: int
    autoencoder_learning_rate: float
    stills_steps: int
    stills_batch: int
    diffusion_steps: int
    distillation_steps: int
    refiner: list[int]
    refiner_steps: int
    refiner_batch: int
    refiner_learning_rate: float
    batch_size: int
    learning_rate: float
    distillation_learning_rate: float
    warmup_steps: int
    crop: int
    at_noise: float
    average: float
    shares: list[float]
    weight_hands: float
    weight_ssim: float
    weight_kl: float
    weight_pixels: float
    skip: int
    drop_states: float
    short_windows: float
    checkpointing: bool
    precision: str
    score_steps: int
    score_windows: int
    sample_steps: int
    log_steps: int

    def __post_init__(self) -> None:
        for key, allowed in {"prediction": ("v_prediction", "sample", "epsilon"), "precision": ("auto", "bf16", "fp32")}.items():
            if getattr(self, key) not in allowed:
                raise SignerError(f"{key} must be one of {', '.join(allowed)}, not '{getattr(self, key)}'")
        for key in ("size", "layers", "heads", "groups", "d_token", "d_state", "most_states", "window", "steps", "autoencoder_batch", "batch_size",
                    "learning_rate", "autoencoder_learning_rate", "distillation_learning_rate", "refiner_learning_rate", "skip", "stills_batch",
                    "refiner_batch", "score_steps", "score_windows", "sample_steps", "log_steps", "diffusion_steps"):
            if not getattr(self, key) > 0:
                raise SignerError(f"{key} must be more than 0, not {getattr(self, key)}")
        for key in ("overlap", "warmup_steps", "autoencoder_steps", "stills_steps", "distillation_steps", "refiner_steps", "motion_from", "crop",
                    *(name for name in self.__dataclass_fields__ if name.startswith("weight_"))):
            if not getattr(self, key) >= 0:
                raise SignerError(f"{key} must be 0 or more, not {getattr(self, key)}")
        for key in ("average", "drop_states", "short_windows", "at_noise"):
            if not 0 <= getattr(self, key) < 1:
                raise SignerError(f"{key} must be from 0 to below 1, not {getattr(self, key)}")
        if self.overlap >= self.window:
            raise SignerError(f"overlap must be below window, not {self.overlap} of {self.window}")
        if self.refiner_steps and not self.refiner:
            raise SignerError("a refiner that is trained needs widths: set refiner, or refiner_steps to 0")
        if self.crop > self.size:
            raise SignerError(f"crop must be {self.size} or less, or 0 for whole pictures, not {self.crop}")
        if len(self.shares) != len(STAGES) or not sum(self.shares) > 0 or min(self.shares) < 0:
            raise SignerError(f"shares must be {len(STAGES)} numbers, one for each of {', '.join(STAGES)}")
        if not self.pretrained and (len(self.attention) != len(self.channels) or not self.autoencoder):
            raise SignerError("without pretrained, channels and attention must have an entry for each level, and autoencoder its settings")


def renderer_config(size: str, changes: list[str] | None = None) -> RendererConfig:
    """The settings of a size (nano, base, paper) or a YAML file, with ``changes`` such as "weight_hands=0"."""
    return load_config(RendererConfig, size if size.endswith((".yaml", ".yml")) else f"renderer_{size}", changes)
