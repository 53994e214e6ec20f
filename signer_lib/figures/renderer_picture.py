"""README's picture of the shipped renderer: held-out sentences, rendered and as the studio drew them. [ours]

    python -m signer_lib.figures.renderer_picture --out results/renderer/frames.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from signer_lib.assets import DATA, RENDERER
from signer_lib.errors import run
from signer_lib.figures.renderer import plot_pictures
from signer_lib.figures.save import save_fig
from signer_lib.pose import PoseSequence
from signer_lib.render.renderer.bundle import packed_bundle
from signer_lib.render.renderer.pipeline import RendererPipeline


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=RENDERER)
    args = parser.parse_args(arguments)
    renderer, split = RendererPipeline.from_folder(args.model), packed_bundle(DATA / "clips_base", "test")
    rows: dict[str, list[np.ndarray]] = {"rendered": [], "reference": []}
    for clip, signed in zip(split.clips, split.signed):
        where, middle = slice(clip["first"], clip["first"] + clip["count"]), clip["count"] // 2
        frames = renderer(PoseSequence(split.xyz[where], 25.0), signed=signed, style=clip["style"], signer=clip["signer"], body=clip["body"]).frames
        for name, shown in (("rendered", frames), ("reference", split.frames[where])):
            rows[name].append(shown[middle])
    figure = plot_pictures(rows, [f"{clip['style']}, {clip['signer']}" for clip in split.clips], inches=1.7)
    print(save_fig(figure, args.out, dpi=120))


if __name__ == "__main__":
    run(main)
