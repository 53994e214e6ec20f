"""What ``stable-signer evaluate renderer --out FILE`` left, read back: as a table, and against what was set beforehand. [ours]"""

from __future__ import annotations

import json
from pathlib import Path

from signer_lib.errors import SignerError

TITLES = {  # row -> how it is named
    "mean_frame": "mean training frame of the style and signer", "wrong_sentence": "frames of a wrong sentence",
    "nearest_frame": "nearest training frame by pose", "blurred_hands": "the reference with blurred hands", "renderer": "**the renderer**",
    "autoencoder": "its autoencoder alone (ceiling)", "reference": "the reference itself (ceiling)",
}
COLUMNS = {  # measure -> heading, how it is written
    "ssim": ("SSIM", "{:.3f}"), "psnr": ("PSNR (dB)", "{:.1f}"), "hand_ssim": ("hand SSIM", "{:.3f}"),
    "hand_ssim_of_ceiling": ("of ceiling", "{:.0%}"), "flicker_ratio": ("flicker", "{:.2f}"), "keypoint_error": ("keypoints", "{:.2%}"),
    "body_error": ("body", "{:.2%}"), "hands_error": ("hands", "{:.2%}"), "face_error": ("face", "{:.2%}"),
    "fingers_countable": ("fingers countable", "{:.0%}"), "style_accuracy": ("style", "{:.1%}"), "signer_accuracy": ("signer", "{:.1%}"),
    "frechet": ("Fréchet", "{:.2f}"),
}
STEADY = 1.2            # flicker, by the reference's, either way
FINGERS = 0.95          # of the hands whose fingers are countable behind the autoencoder


def read_result(path: Path | str) -> dict:
    """A result's file. Raises ``SignerError`` if it is none."""
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        result = None
    if not isinstance(result, dict) or not {"rows", "speed", "signatures"} <= set(result):
        raise SignerError(f"{path} is no result of a renderer: make one with  stable-signer evaluate renderer --out {path}")
    return result


def markdown(result: dict) -> str:
    """The rows as README shows them; what could not be measured is left empty."""
    columns = {name: column for name, column in COLUMNS.items() if any(row.get(name) is not None for row in result["rows"].values())}
    lines = ["| frames | " + " | ".join(heading for heading, _ in columns.values()) + " |", "| --- |" + " --- |" * len(columns)]
    for name, row in result["rows"].items():
        cells = ["" if row.get(measure) is None else form.format(row[measure]) for measure, (_, form) in columns.items()]
        lines.append(f"| {TITLES[name]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def goals(result: dict) -> list[dict]:
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


def speed_goals(speed: dict) -> list[dict]:
    """The same of ``results/renderer/speed.json``, see ``comparison.render_speed``."""
    memory = max(speed["peak_memory_gb"], speed["peak_memory_gb_of_2000_frames"])
    return _told(
        (f"seconds for {speed['frames']} frames, {speed['threads']} threads", "12 or less", speed["seconds"], lambda found: found <= 12),
        ("times faster than Stable Diffusion 1.5's size", "100 or more", speed["times_faster"], lambda found: found >= 100),
        ("peak memory, GB, 2,000 frames too", "3 or less", memory, lambda found: found <= 3),
    )


def _told(*rows: tuple) -> list[dict]:
    return [{"goal": goal, "wanted": wanted, "found": float(found), "reached": bool(reached(found))}
            for goal, wanted, found, reached in rows if found is not None]
