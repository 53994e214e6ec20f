"""What the tests of the renderer share: tiny settings, a clip of the drawn signer, a data folder of such clips."""

import json
from dataclasses import replace

import numpy as np
import torch

from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import write_pose
from signer_lib.prior.body import load_body
from signer_lib.render.drawn import draw
from signer_lib.render.renderer.building import new_autoencoder, new_renderer
from signer_lib.render.renderer.settings import renderer_config
from signer_lib.render.style import Style
from signer_lib.render.video import write_video

TINY = {"size": 32, "autoencoder": {"patch": 2, "latent_channels": 4, "block_out_channels": [16, 16], "norm_num_groups": 8}, "channels": [16, 32],
        "heads": 2, "groups": 8, "d_token": 16, "d_state": 6, "most_states": 3, "reader_width": 8, "window": 6, "overlap": 2,
        "batch_size": 2, "autoencoder_batch": 4, "autoencoder_steps": 6, "stills_steps": 6, "stills_batch": 4, "crop": 16, "diffusion_steps": 6,
        "distillation_steps": 6, "refiner": [8, 16], "refiner_steps": 6, "refiner_batch": 8, "warmup_steps": 2, "average": 0.5, "score_steps": 3,
        "score_windows": 2, "sample_steps": 4, "log_steps": 1, "precision": "fp32"}
STYLES = {"day": Style(), "night": Style(background="#202830", shirt="#7a1f2b")}


def tiny(**changes):
    return replace(renderer_config("nano"), **TINY | changes)


def tiny_renderer(folder, d_state):
    """A saved renderer of random weights, told of states of so many numbers; two styles, two signers. -> folder"""
    config = tiny(d_state=d_state, window=16)
    torch.manual_seed(0)
    vae = new_autoencoder(config)
    vae.register_to_config(latents_mean=[0.1] * 4, latents_std=[0.7] * 4)
    new_renderer(config, vae, ["day", "night"], ["one", "two"], d_state).save_pretrained(folder)
    return folder


def poses(frames, seed=0):
    """A signer whose hands and arms wander from rest."""
    rng = np.random.default_rng(seed)
    rest, t = np.asarray(load_body().rest()), np.linspace(0, 1, frames)[:, None, None]
    ways = np.zeros((2, 70, 3))
    for hand, wrist in ((slice(8, 29), 7), (slice(29, 50), 4)):
        ways[:, hand] = ways[:, wrist:wrist + 1] = rng.uniform([-0.2, 0.4, 0.1], [0.2, 1.0, 0.5], (2, 1, 3))
    return PoseSequence((rest + np.sin(np.pi * t) * ways[0] + np.sin(2 * np.pi * t) * 0.3 * ways[1]).astype(np.float32), 25.0)


def write_clips(folder, size=32, clips=4, frames=7):
    """A data folder: train and dev, two styles, two signers."""
    for split, count, first in (("train", clips, 0), ("dev", 2, 100)):
        (folder / split).mkdir(parents=True)
        rows = []
        for k in range(count):
            style, sequence = list(STYLES)[k % 2], poses(frames + k % 2, first + k)
            write_pose(sequence, folder / split / f"{k}.pose")
            write_video(draw(sequence, size=max(size, 32), style=STYLES[style]), folder / split / f"{k}.mp4", 25.0)
            rows.append({"file_name": f"{k}.mp4", "poses_file_name": f"{k}.pose", "style": style, "signer": f"signer-{k % 2}", "text": "A text."})
        (folder / split / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def small_detector(train, dev, out, steps=160, **changes):
    """A detector of joints for pictures of 64 pixels, trained in seconds on packed clips; -> the training."""
    from signer_lib.metrics.keypoints_training import Training, keypoint_config

    settings = {"size": 64, "crop": 32, "patch": 2, "widths": [16, 24, 32], "hand_widths": [16, 24], "steps": steps, "batch_size": 8,
                "learning_rate": 0.004, "warmup_steps": 5, "coarse": 0.0, "flip": 0.0, "rotate": 0.0, "scale": 0.0, "colour": 0.02, "shift": 0.08,
                "precision": "fp32", "score_steps": steps, "score_frames": 16, "log_steps": 1}
    return Training(replace(keypoint_config("base"), **settings | changes), train, dev, out, seed=1)
