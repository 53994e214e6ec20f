"""All stages of a training, one after another; those that are finished are not done over."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from diffusers.models.modeling_utils import ModelMixin

from signer_lib.checkpoint import damaged, load_json
from signer_lib.errors import SignerError
from signer_lib.render.renderer.autoencoder import SignerAutoencoder
from signer_lib.render.renderer.building import new_autoencoder, new_renderer
from signer_lib.render.renderer.packing import Packed, packed_split
from signer_lib.render.renderer.pipeline import RendererPipeline
from signer_lib.render.renderer.settings import RendererConfig, renderer_config
from signer_lib.render.renderer.stages import AutoencoderStage, DiffusionStage, DistillationStage, RefinerStage, StillsStage
from signer_lib.render.renderer.training import Stage, shared

# what a finished stage depends on: later stages may be trained again with other settings
AUTOENCODER = {"size", "crop", "autoencoder", "autoencoder_steps", "autoencoder_batch", "learning_rate", "warmup_steps", "average", "weight_hands",
               "weight_ssim", "weight_kl", "seed", "data_sha256"}
EVER = "refiner", "steps", "overlap", "shares", "score", "sample", "log"
LATER = {"distillation": EVER, "diffusion": ("distillation", "skip", "weight_pixels", *EVER),
         "stills": ("diffusion", "distillation", "skip", "weight_pixels", "batch_size", "short_windows", *EVER)}


def train(data: Path | str, out: Path | str, size: str = "nano", seed: int = 1, minutes: float | None = None,
          changes: list[str] | None = None) -> Stage:
    """A renderer from a data folder (see ``data``) into ``out``; the last stage. Raises ``SignerError`` for data or settings that do not fit."""
    config, out = renderer_config(size, changes), Path(out)
    if (out / "training.json").is_file():
        raise SignerError(f"{out} holds a finished training: choose another --out, or delete it")
    shown, dev = (packed_split(data, split, config.size) for split in ("train", "dev"))
    return train_on(config, shown, dev, out, seed, minutes)


def train_on(config: RendererConfig, train: Packed, dev: Packed, out: Path, seed: int, minutes: float | None = None) -> Stage:
    """The same with clips that are packed already, from wherever they came."""
    for what in ("style", "signer"):
        if foreign := [name for name in dev.names(what) if name not in train.names(what)]:
            raise SignerError(f"the {what} '{foreign[0]}' is in the dev split, but not in train: a renderer knows only what it has seen")
    vae = _autoencoder(config, train, dev, out / "autoencoder", seed, minutes)
    torch.manual_seed(seed)
    renderer = new_renderer(config, vae, train.names("style"), train.names("signer"), train.d_state or config.d_state)
    stages: list[type[DiffusionStage]] = [StillsStage, DiffusionStage, DistillationStage, RefinerStage]
    *earlier, last = [kind for kind in stages if getattr(config, f"{kind.name}_steps")]
    for kind in earlier:
        folder = out / kind.name
        if not _finished(folder, kind.name, config, train, seed):
            settings, part = shared(config, kind.name, minutes)
            kind(settings, renderer, train, dev, folder, seed, part).run()
        renderer = RendererPipeline.from_folder(folder)                  # in 16 bit, as whoever goes on later finds it
    settings, part = shared(config, last.name, minutes)
    stage = last(settings, renderer, train, dev, out, seed, part)
    stage.run()
    return stage


def _autoencoder(config: RendererConfig, train: Packed, dev: Packed, folder: Path, seed: int, minutes: float | None) -> ModelMixin:
    """Always as it is on disk, in 16 bit, so that whoever goes on later goes on from the same."""
    if config.pretrained:
        return new_autoencoder(config)
    if not _finished(folder, "autoencoder", config, train, seed):
        settings, part = shared(config, "autoencoder", minutes)
        torch.manual_seed(seed)
        AutoencoderStage(settings, train, dev, folder, seed, part).run()
    try:
        return SignerAutoencoder.from_pretrained(folder, dtype=torch.float32)
    except (OSError, ValueError, RuntimeError) as error:
        raise damaged(folder, error) from None


def _finished(folder: Path, stage: str, config: RendererConfig, train: Packed, seed: int) -> bool:
    """Whether this stage is done. Raises ``SignerError`` if it was done with other settings that it depends on."""
    path = folder / "training.json"
    if not path.is_file():
        return False
    told, wanted = load_json(folder, path.name), asdict(shared(config, stage, None)[0]) | {"seed": seed, "data_sha256": train.sha256}
    depends = AUTOENCODER.__contains__ if stage == "autoencoder" else lambda key: not key.startswith(LATER[stage])
    if other := [key for key, value in wanted.items() if depends(key) and told.get(key) != value]:
        raise SignerError(f"{folder} was trained with another {other[0]} ({told.get(other[0])}, not {wanted[other[0]]}): choose another --out")
    return True
