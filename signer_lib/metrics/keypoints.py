"""A small detector of joints in pictures of a signer, trained on reference frames alone. What it reads in other pictures measures them. [ours]

It looks at the whole picture for body, face and the places of the hands, then at a crop around each hand for its joints; beside, it tells in which
style the picture is and who signs. The features that it sees by serve the Fréchet distance.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from signer_lib.checkpoint import damaged, load_json, load_weights, save_half
from signer_lib.errors import SignerError
from signer_lib.metrics.keypoints_net import AROUND, FINE, HANDS, WHOLE, KeypointNet, crop_ways, crops, half, moved, places
from signer_lib.pose import SIGNER70

SETTINGS = ("size", "crop", "patch", "widths", "hand_widths", "styles", "signers")
BATCH = 16              # frames read together


class Read(NamedTuple):
    """Of T frames. pixels (T, 70, 2); confidence (T, 70) in 0..1, that a joint can be seen; style, signer (T,) numbers; features (T, D)."""

    pixels: np.ndarray
    confidence: np.ndarray
    style: np.ndarray
    signer: np.ndarray
    features: np.ndarray


class KeypointDetector:
    """A trained network with the names of its styles and signers. Call it with frames for joints; ``read`` tells all that it finds."""

    def __init__(self, net: KeypointNet, settings: dict[str, Any]):
        self.net, self.settings = net, settings

    @classmethod
    def new(cls, settings: dict[str, Any]) -> KeypointDetector:
        """Random weights. ``settings``: size (pixels a side of the frames that it looks at), crop (of a hand's), patch, widths and hand_widths of
        ``MapNet``, and the names of styles and signers.
        """
        net = KeypointNet(settings["patch"], settings["widths"], settings["hand_widths"], len(settings["styles"]), len(settings["signers"]))
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch takes it, and has no overload for it
        return cls(net, settings)

    @classmethod
    def from_pretrained(cls, folder: Path | str, device: torch.device | str = "cpu") -> KeypointDetector:
        """Raises ``SignerError`` in one line if the folder is no checkpoint or is damaged."""
        folder = Path(folder)
        settings = load_json(folder, keys=SETTINGS)
        try:
            detector = cls.new(settings)
        except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
            raise damaged(folder, error) from None
        load_weights(detector.net, folder)
        detector.net.to(device).eval()
        return detector

    def save_pretrained(self, folder: Path) -> None:
        """Writes into an existing folder; see ``files.filling``."""
        (folder / "config.json").write_text(json.dumps(self.settings, indent=1) + "\n", encoding="utf-8")
        save_half(self.net, folder / "model.safetensors")

    @property
    def fingerprint(self) -> str:
        """Eight letters that tell one trained detector from another."""
        weights = b"".join(value.detach().cpu().half().numpy().tobytes() for _, value in sorted(self.net.state_dict().items()))
        return hashlib.sha256(weights).hexdigest()[:8]

    def __call__(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(T, S, S, 3) uint8 RGB -> pixels (T, 70, 2) in the frames' own size, as ``Framing.to_pixels``, and confidence (T, 70) in 0..1."""
        found = self.read(frames)
        return found.pixels, found.confidence

    def read(self, frames: np.ndarray) -> Read:
        """Everything, frame by frame. Raises ``SignerError`` for no frames, or frames that are not square RGB bytes."""
        frames = np.asarray(frames)
        if frames.ndim != 4 or not len(frames) or frames.shape[1] != frames.shape[2] or frames.shape[3] != 3 or frames.dtype != np.uint8:
            raise SignerError(f"joints are found in frames (T, S, S, 3) uint8 RGB, not {frames.shape} {frames.dtype}")
        device = next(self.net.parameters()).device
        parts = [self._read(torch.from_numpy(np.ascontiguousarray(frames[k:k + BATCH])).to(device)) for k in range(0, len(frames), BATCH)]
        return Read(*(np.concatenate([value.float().cpu().numpy() if value.is_floating_point() else value.cpu().numpy() for value in values])
                      for values in zip(*parts)))

    @torch.inference_mode()
    def _read(self, frames: Tensor) -> tuple[Tensor, ...]:
        pixels, net, B = seen_by_net(frames, self.settings["size"]), self.net, len(frames)
        whole = net.whole(half(pixels))
        found = places(whole.heat, AROUND)
        ways = crop_ways(found[:, len(WHOLE):])
        hand = net.hand(crops(pixels, ways, self.settings["crop"]))
        fingers = moved(places(hand.heat, AROUND).view(B, len(HANDS), FINE, 2), ways)
        at, seen = found.new_empty(B, len(SIGNER70), 2), found.new_empty(B, len(SIGNER70))
        at[:, WHOLE], seen[:, WHOLE] = found[:, :len(WHOLE)], whole.seen[:, :len(WHOLE)].sigmoid()
        for side, joints in enumerate(HANDS):
            at[:, joints], seen[:, joints] = fingers[:, side], hand.seen.view(B, len(HANDS), FINE)[:, side].sigmoid()
        features = torch.cat([whole.features, hand.features.view(B, len(HANDS), -1).mean(1)], -1)
        return at * frames.shape[1], seen, net.style(whole.features).argmax(-1), net.signer(whole.features).argmax(-1), features


def seen_by_net(frames: Tensor, size: int) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, size, size) in -1..1, as the network is given them."""
    pixels = frames.permute(0, 3, 1, 2).float()
    if pixels.shape[-1] != size:
        pixels = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
    return (pixels / 127.5 - 1).contiguous(memory_format=torch.channels_last)
