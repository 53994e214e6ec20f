"""Back-translation: a pose -> gloss -> text transformer reads produced poses, and its reading is scored against what was to be signed.

The reader: features of a frame, convolutions that keep every fourth, a transformer encoder with CTC over glosses, and an autoregressive
decoder over pieces of text, as in Camgoz et al. 2020, "Sign Language Transformers" [ours: features, sizes, pieces, code].
A score says something only beside the same reader's score of true poses.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from signer_lib.checkpoint import damaged, load_json, load_weights, save_half
from signer_lib.errors import SignerError
from signer_lib.metrics.pieces import END, PAD, START, Pieces, normal_text
from signer_lib.metrics.pose_reader import Reader, Size, root_and_anchors, stacked
from signer_lib.metrics.text import text_scores

BATCH = 32                          # sequences read together
BLANK = 0                           # CTC's


@dataclass
class Reading:
    """What was read: glosses (n,), and the text in ``normal_text``'s form."""

    glosses: list[str]
    text: str


class BackTranslation:
    """A reader with its glosses and pieces. ``read`` and ``scores`` take poses of the skeleton and frame rate of ``settings``."""

    def __init__(self, net: Reader, pieces: Pieces, glosses: list[str], settings: dict[str, Any]):
        self.net, self.pieces, self.glosses, self.settings = net, pieces, glosses, settings

    @classmethod
    def new(cls, pieces: Pieces, glosses: list[str], settings: dict[str, Any]) -> BackTranslation:
        """Random weights. ``settings``: fps, skeleton, root, anchors, max_pieces (the longest text), size (the fields of ``Size``)."""
        size = Size(**settings["size"])
        return cls(Reader(size, settings["root"], settings["anchors"], len(glosses), len(pieces)), pieces, glosses, settings)

    @classmethod
    def from_pretrained(cls, folder: Path | str, device: str = "cpu") -> BackTranslation:
        """Raises ``SignerError`` in one line if the folder is no checkpoint or is damaged."""
        folder = Path(folder)
        settings = load_json(folder, keys=("fps", "skeleton", "root", "anchors", "max_pieces", "size", "glosses"))
        glosses = settings.pop("glosses")
        try:
            model = cls.new(Pieces.load(folder), glosses, settings)
        except Exception as error:  # tokenizers raises bare Exceptions for a broken file
            raise damaged(folder, error) from None
        load_weights(model.net, folder)
        model.net.to(device).eval()
        return model

    def save_pretrained(self, folder: Path) -> None:
        """Writes into an existing folder; see ``files.filling``."""
        (folder / "config.json").write_text(json.dumps(self.settings | {"glosses": self.glosses}, indent=1) + "\n", encoding="utf-8")
        self.pieces.save(folder)
        save_half(self.net, folder / "model.safetensors")

    @property
    def fingerprint(self) -> str:
        """Eight letters that tell one trained reader from another."""
        weights = b"".join(value.detach().cpu().half().numpy().tobytes() for _, value in sorted(self.net.state_dict().items()))
        return hashlib.sha256(weights).hexdigest()[:8]

    @torch.inference_mode()
    def read(self, poses: list[np.ndarray]) -> list[Reading]:
        """N sequences (T, J, 3), any lengths -> N readings, by the best path of CTC and by greedy decoding.

        A reading does not depend on what is read beside it, nor, of a reader of "xy", on z. Raises ``SignerError`` for poses of another skeleton.
        """
        joints = len(self.settings["anchors"])
        for xyz in poses:
            if np.ndim(xyz) != 3 or np.shape(xyz)[1:] != (joints, 3):
                raise SignerError(f"the reader was trained on poses (frames, {joints}, 3) and cannot read {np.shape(xyz)}: use the same skeleton")
        self.net.eval()
        found = [Reading([], "") for _ in poses]
        order = sorted((i for i, xyz in enumerate(poses) if len(xyz)), key=lambda i: len(poses[i]))
        for start in range(0, len(order), BATCH):
            rows = order[start:start + BATCH]
            for row, reading in zip(rows, self._read([poses[i] for i in rows])):
                found[row] = reading
        return found

    def _read(self, poses: list[np.ndarray]) -> list[Reading]:
        device = self.net.pieces.weight.device
        x, lengths = (tensor.to(device) for tensor in stacked(poses, self.net.frames.axes))
        H, over = self.net.encode(x, lengths)
        best = self.net.spot(H).argmax(-1).masked_fill(over, BLANK).tolist()
        glosses = [[self.glosses[k - 1] for k, _ in groupby(path) if k != BLANK] for path in best]
        pieces = torch.full((len(poses), 1), START, device=device)
        while pieces.shape[1] <= self.settings["max_pieces"] and not (pieces == END).any(1).all():
            nearest = self.net.say(pieces, H, over)[:, -1].argmax(-1).masked_fill((pieces == END).any(1), PAD)
            pieces = torch.cat([pieces, nearest[:, None]], 1)
        return [Reading(units, self.pieces.decode(row)) for units, row in zip(glosses, pieces.tolist())]

    def scores(self, poses: list[np.ndarray], texts: list[str], glosses: list[list[str]]) -> dict[str, Any]:
        """Readings of N sequences against their texts and glosses (units as in ``SPLIT.gloss``), as one flat dictionary.

        Of texts (``normal_text``: lower case, words only): bleu1..bleu4, rouge, chrf (0-100). Of glosses: wer (%), bleu4_glosses.
        count (N), signature: the reader's fingerprint and that of ``text_scores``. Raises ``SignerError`` as ``text_scores`` does.
        """
        found = reading_scores(self.read(poses), texts, glosses)
        return found | {"signature": f"back-translation|reader:{self.fingerprint}|text:lower,words|search:greedy + {found['signature']}"}


def reading_scores(found: list[Reading], texts: list[str], glosses: list[list[str]]) -> dict[str, Any]:
    """``BackTranslation.scores`` of what was read already; the signature leaves out who read it."""
    text = text_scores([reading.text for reading in found], [normal_text(text) for text in texts])
    gloss = text_scores([" ".join(reading.glosses) for reading in found], [" ".join(units) for units in glosses])
    kept = {name: text[name] for name in ("bleu1", "bleu2", "bleu3", "bleu4", "rouge", "chrf")}
    return kept | {"wer": gloss["wer"], "bleu4_glosses": gloss["bleu4"], "count": text["count"], "signature": text["signature"]}


def settings_of(size: Size, fps: float, skeleton: str, poses: list[np.ndarray], max_pieces: int) -> dict[str, Any]:
    """What ``BackTranslation.new`` needs to know of the data and the network."""
    root, anchors = root_and_anchors(skeleton, poses)
    return {"fps": fps, "skeleton": skeleton, "root": root, "anchors": anchors, "max_pieces": max_pieces, "size": asdict(size)}
