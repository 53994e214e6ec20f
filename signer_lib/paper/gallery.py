"""README's gallery: what the stages make, drawn anew from the shipped models and from results. [ours]

    python -m signer_lib.paper.gallery --out docs/gallery
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from signer_lib.assets import RESULTS
from signer_lib.errors import run
from signer_lib.figures.prior import plot_hands, plot_strips
from signer_lib.figures.renderer import plot_pictures
from signer_lib.figures.save import save_fig
from signer_lib.files import filling
from signer_lib.paper.making import FIGURES, make
from signer_lib.paper.sources import Models, Sources
from signer_lib.pose import PoseSequence
from signer_lib.signing import Signing

TEXT = "Hello, my name is Sam. Where is the library?"
MOMENT = "LIBRARY"
HANDS = "a b c f i l r v y 1 3 5 open-b flat-o claw-5 ily".split()
PAIR = "MOTHER", "FATHER"
STYLES = "studio", "evening", "cel", "sketch"
SIGNERS = "default", "small", "tall", "broad"
MODELS = Models()                        # loaded once, when a picture first asks for them


@cache
def signing() -> Signing:
    """The sentence of README, signed."""
    return MODELS.pipeline(TEXT)


def hands() -> Figure:
    """Handshapes, from features to points."""
    from signer_lib.prior.body import load_body
    from signer_lib.prior.handshapes import load_handshapes

    body, shapes = load_body(), load_handshapes()
    return plot_hands({name: body.hand_points(shapes[name][None])[0] for name in HANDS}, columns=8)


def pair() -> Figure:
    """A minimal pair: two signs that differ in place alone."""
    from signer_lib.prior.body import load_body
    from signer_lib.prior.compiler import compile_sign
    from signer_lib.prior.phonology import load_signs

    body, signs = load_body(), load_signs()
    return plot_strips({gloss: compile_sign(signs[gloss], body) for gloss in PAIR})


def gates() -> Figure:
    """How much each expert counts, moment by moment."""
    figure = signing().plot_gates().figure
    assert isinstance(figure, Figure)
    return figure


def styles() -> Figure:
    """One moment of a sign as each signer in each style."""
    made = signing()
    first, last = next((first, last) for gloss, first, last in made.named_spans if gloss == MOMENT)
    frame = (first + last) // 2
    pose, renderer = PoseSequence(made.poses.xyz[frame:frame + 1], made.poses.fps), MODELS.pipeline

    def shown(style: str, signer: str) -> np.ndarray:
        return next(renderer("", poses=pose, style=style, signer=signer).frames(size=256, captions=False))

    return plot_pictures({style: [shown(style, signer) for signer in SIGNERS] for style in STYLES}, SIGNERS, inches=1.5)


def of_paper(name: str) -> Callable[[], Figure]:
    """A figure of the paper's, as ``make figures`` draws it."""
    return lambda: make(name, Sources(RESULTS, MODELS)).figure


PICTURES: dict[str, Callable[[], Figure]] = {"hands": hands, "pair": pair, "gates": gates, "styles": styles,
                                             **{name: of_paper(name) for name in FIGURES if name in ("fig3", "fig7")}}


def main(arguments: list[str] | None = None) -> None:
    """The command. Raises ``SignerError`` for a place that cannot be written to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args(arguments).out
    with filling(out) as part:
        for name, draw in PICTURES.items():
            save_fig(draw(), part / f"{name}.png", dpi=80)
    print(*(out / f"{name}.png" for name in PICTURES), sep="\n")


if __name__ == "__main__":
    run(main)
