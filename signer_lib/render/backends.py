"""Who shows the poses: the drawn signer, or the diffusion renderer. [ours: that there are two]

Both give pictures one by one, of the size that is asked for and without captions. The renderer is loaded when it is first needed, and once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from signer_lib import assets
from signer_lib.errors import SignerError
from signer_lib.pose import PoseSequence
from signer_lib.render.drawn import draw
from signer_lib.render.framing import check_size

if TYPE_CHECKING:
    from torch import Tensor

    from signer_lib.render.renderer.pipeline import RendererPipeline


class Drawn:
    """The drawn signer: flat pictures. Nothing is loaded, and nothing is to choose."""

    name = "drawn"

    def settle(self, style: str | None = None, signer: str | None = None, steps: int | None = None, side_by_side: bool = False) -> dict[str, Any]:
        """What ``report.json`` says. Raises ``SignerError`` for any choice: it would be passed over in silence."""
        given = {"style": style, "signer": signer, "steps": steps, "side by side": side_by_side or None}
        if named := [name for name, value in given.items() if value is not None]:
            raise SignerError(f"this is the drawn signer, and {', '.join(named)} belongs to the diffusion renderer: ask for that "
                              "(--renderer diffusion), or leave it out")
        return {"renderer": self.name}

    def frames(self, poses: PoseSequence, size: int, *_: object, **__: object) -> Iterator[np.ndarray]:
        """T pictures (size, size, 3) uint8; what else ``Diffusion.frames`` is told makes no difference."""
        check_size(size)
        return draw(poses, size=size)


class Diffusion:
    """The diffusion renderer in ``folder``, the shipped one by default, on the GPU if there is one.

    name  of the folder.    pipeline  the renderer itself.    Raises ``SignerError`` if there is none, or diffusers is not installed.
    """

    def __init__(self, folder: Path | str | None = None):
        need_diffusers()
        self.folder = Path(folder or assets.RENDERER)
        self.name = self.folder.name
        if not (self.folder / "model_index.json").is_file():
            raise SignerError(f"there is no trained renderer in {self.folder}: make one with 'stable-signer train renderer' and give its folder, "
                              "or choose the renderer 'drawn'")

    @cached_property
    def pipeline(self) -> RendererPipeline:
        from signer_lib.render.renderer.pipeline import RendererPipeline

        return RendererPipeline.from_folder(self.folder)

    def settle(self, style: str | None = None, signer: str | None = None, steps: int | None = None, side_by_side: bool = False) -> dict[str, Any]:
        """What ``report.json`` says. Raises ``SignerError`` for a style or signer that the renderer was not trained on. Loads no weights."""
        from signer_lib.checkpoint import load_json
        from signer_lib.render.renderer.conditioning import number_of

        known, own = load_json(self.folder / "conditioner", keys=("styles", "signers")), load_json(self.folder, "model_index.json", ("size", "steps"))
        named = {kind: known[f"{kind}s"][number_of(kind, known[f"{kind}s"], name)] for kind, name in (("style", style), ("signer", signer))}
        return {"renderer": "diffusion"} | named | {"steps": steps or own["steps"], "rendered_at": own["size"], "side_by_side": side_by_side}

    def frames(self, poses: PoseSequence, size: int, meaning: tuple[Tensor, Tensor, Tensor | None] | None = None, seed: int = 0,
               **choice: Any) -> Iterator[np.ndarray]:
        """T pictures (size, size, 3) uint8; of another size than the renderer's own they are enlarged or reduced, by Lanczos.

        meaning  SLUL's states, contexts and frames of the n glosses, see ``conditioning.Signed``.
        choice   ``stream``'s style, signer and steps.
        """
        from signer_lib.render.renderer.conditioning import Signed

        check_size(size)
        return (resized(frame, size) for frame in self.pipeline.stream(poses, signed=meaning and Signed(*meaning), seed=seed, **choice))


def resized(frame: np.ndarray, size: int) -> np.ndarray:
    """(H, H, 3) uint8 -> (size, size, 3)"""
    return frame if len(frame) == size else np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.LANCZOS))


def backend(name: Path | str | Drawn | Diffusion | None = None) -> Drawn | Diffusion:
    """"drawn", "diffusion", or the folder of a trained renderer; None: ``assets.default_renderer``. Raises ``SignerError`` for anything else."""
    if isinstance(name, Drawn | Diffusion):
        return name
    name = str(name or assets.default_renderer())
    if name == "drawn":
        return Drawn()
    if name != "diffusion" and not Path(name).is_dir():
        raise SignerError(f"there is no renderer '{name}': use drawn, diffusion, or the folder of a trained one")
    return Diffusion(None if name == "diffusion" else name)


def need_diffusers() -> None:
    if find_spec("diffusers") is None:
        raise SignerError("the diffusion renderer needs diffusers: type  pip install -c constraints.txt -e .")
