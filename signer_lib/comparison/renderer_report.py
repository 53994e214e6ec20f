"""What ``stable-signer evaluate renderer --out FILE`` left, read back, and against what was set beforehand. [ours]"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from signer_lib.errors import SignerError
from signer_lib.parsing import from_json

TITLES = {  # row -> how README and the tables name it
    "mean_frame": "mean training frame of the style and signer", "wrong_sentence": "frames of a wrong sentence",
    "nearest_frame": "nearest training frame by pose", "blurred_hands": "the reference with blurred hands", "renderer": "the renderer",
    "autoencoder": "its autoencoder alone", "reference": "the reference itself",
}
STEADY = 1.2            # flicker, by the reference's, either way
FINGERS = 0.95          # of the hands whose fingers are countable behind the autoencoder


def read_result(path: Path | str) -> dict[str, Any]:
    """A result's file. Raises ``SignerError`` if it is none."""
    try:
        result = from_json(Path(path).read_bytes())
    except (OSError, ValueError):
        result = None
    if not isinstance(result, dict) or not {"rows", "speed", "signatures"} <= set(result):
        raise SignerError(f"{path} is no result of a renderer: make one with  stable-signer evaluate renderer --out {path}")
    return result


def goals(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What was set beforehand and what came out: goal, wanted (in words), found (a number), reached. What was not measured is left out."""
    ours, ceiling = result["rows"]["renderer"], result["rows"]["autoencoder"]
    fingers = ours["fingers_countable"] / best if (best := ceiling["fingers_countable"]) else None
    return _told(
        ("SSIM", "0.95 or more", ours["ssim"], lambda found: found >= 0.95),
        ("PSNR, dB", "30 or more", ours["psnr"], lambda found: found >= 30),
        ("SSIM of hands", "0.80 or more", ours["hand_ssim"], lambda found: found >= 0.80),
        ("SSIM of hands, share of the autoencoder's", "0.95 or more", ours["hand_ssim_of_ceiling"], lambda found: found >= 0.95),
        ("flicker, by the reference's", f"{1 / STEADY:.2f} to {STEADY}", ours["flicker_ratio"], lambda found: 1 / STEADY <= found <= STEADY),
        ("error of the keypoints, share of the side", "0.015 or less", ours["keypoint_error"], lambda found: found <= 0.015),
        ("fingers countable, share of the autoencoder's", f"{FINGERS} or more", fingers, lambda found: found >= FINGERS),
        ("frames in the style that was asked for", "0.99 or more", ours["style_accuracy"], lambda found: found >= 0.99),
    )


def speed_goals(speed: dict[str, Any]) -> list[dict[str, Any]]:
    """The same of ``results/renderer/speed.json``, see ``comparison.render_speed``."""
    memory = max(speed["peak_memory_gb"], speed["peak_memory_gb_of_2000_frames"])
    return _told(
        (f"seconds for {speed['frames']} frames, {speed['threads']} threads", "12 or less", speed["seconds"], lambda found: found <= 12),
        ("times faster than Stable Diffusion 1.5's size", "100 or more", speed["times_faster"], lambda found: found >= 100),
        ("peak memory, GB, 2,000 frames too", "3 or less", memory, lambda found: found <= 3),
    )


def _told(*rows: tuple[str, str, float | None, Callable[[float], bool]]) -> list[dict[str, Any]]:
    return [{"goal": goal, "wanted": wanted, "found": float(found), "reached": bool(reached(found))}
            for goal, wanted, found, reached in rows if found is not None]
