"""A sentence, typed, on its way through every stage. [ours]"""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np

from signer_lib.errors import SignerError
from signer_lib.figures.poses import source_of
from signer_lib.performances.natural import FPS
from signer_lib.pipeline import StableSignerPipeline
from signer_lib.render.backends import Diffusion, Drawn, backend
from signer_lib.render.video import write_video
from signer_lib.signing import Signing
from signer_lib.widgets.drawing import Course, gates_svg, skeleton_svg
from signer_lib.widgets.look import guarded, line, styled, table
from signer_lib.widgets.settling import newest

SIZE = 256                              # pixels of the video's side
LONGEST = 300                           # characters of a sentence: beyond, the video takes too long to wait for
ASIDE = "Made by a machine for a lesson, checked by no Deaf signer: not for informing or teaching anybody."


class SentenceExplorer:
    """Type, press Enter: the glosses and where they come from, gates and skeleton moment by moment, the video.

    text, sign     the line to type in, the button.     moment   the frame that is shown.    draw_video, render_video  the two buttons.
    status, glosses, gates, pose, progress, video   what is shown.    box  all of it.    signing  what was signed last; None at the start.
    """

    def __init__(self, pipeline: StableSignerPipeline, text: str):
        self.pipeline = pipeline
        self.signing: Signing | None = None
        self.text = ipywidgets.Text(text, description="sentence", continuous_update=False, placeholder="a sentence in English",
                                    layout={"width": "min(560px, 100%)"})
        self.sign = ipywidgets.Button(description="sign it", button_style="primary")
        self.moment = ipywidgets.IntSlider(0, 0, 1, description="frame", layout={"width": "60%"})
        self.play = ipywidgets.Play(min=0, max=1, interval=100)
        self.draw_video = ipywidgets.Button(description="draw it", tooltip="the drawn signer: seconds")
        self.render_video = ipywidgets.Button(description="render it", tooltip="the diffusion renderer: a minute or more")
        self.status, self.glosses, self.gates, self.pose, self.progress, self.video = (ipywidgets.HTML() for _ in range(6))
        ask = guarded(self.status, self.ask)
        self.text.observe(ask, "value")
        self.sign.on_click(ask)
        self.moment.observe(newest(guarded(self.status, self._draw_moment)), "value")
        self.draw_video.on_click(guarded(self.progress, lambda: self.film(Drawn())))
        self.render_video.on_click(guarded(self.progress, lambda: self.film(self._renderer())))
        ipywidgets.jslink((self.play, "value"), (self.moment, "value"))
        row = {"flex_flow": "row wrap"}
        self.shown = ipywidgets.VBox([
            self.glosses, ipywidgets.HBox([self.play, self.moment]),
            ipywidgets.HBox([self.pose, ipywidgets.VBox([self.gates], layout={"flex": "1 1 380px"})], layout=row),
            ipywidgets.HBox([self.draw_video, self.render_video, self.progress], layout=row), self.video], layout={"display": "none"})
        self.box = styled(ipywidgets.HBox([self.text, self.sign], layout=row), self.status, self.shown)
        if text:
            ask()

    def ask(self) -> None:
        """Signs what is typed and draws its video. Raises ``SignerError`` for what cannot be signed; what is shown stays as it was."""
        text = self.text.value.strip()
        if self.signing is not None and text == self.signing.text:
            self.status.value = self._said()
            return
        if len(text) > LONGEST:
            raise SignerError(f"{len(text)} characters are too many to explore at once: give at most {LONGEST}, a sentence or two")
        signing = self.pipeline(text)
        self.signing = signing
        self.glosses.value = table(("gloss", "source", "made from", "seconds"), [_row(sign) for sign in signing.gloss_spans],
                                   " ".join(signing.glosses))
        self.moment.max = self.play.max = len(signing.poses) - 1
        self.moment.value = sum(signing.gloss_spans[0]["frames"]) // 2
        self._draw_moment()
        self.shown.layout.display = None
        self.status.value = self._said()
        self.film(Drawn())

    def _said(self) -> str:
        signing = self._signed()
        left = [word for sentence in signing.sentences for word in sentence.unsigned]
        count = len(signing.glosses)
        return line(f"{count} gloss{'es' * (count != 1)}, {signing.poses.duration:.1f} s" + f"; left out: {', '.join(left)}" * bool(left))

    def _signed(self) -> Signing:
        if self.signing is None:
            raise SignerError("there is nothing to show yet: type a sentence, and press Enter")
        return self.signing

    def _draw_moment(self) -> None:
        signing = self._signed()
        now, poses = min(self.moment.value, len(signing.poses) - 1), signing.poses
        caption = signing.captions[now]
        self.pose.value = skeleton_svg(poses.xyz[now], f"The skeleton at {now / poses.fps:.2f} s" + f", {caption}" * bool(caption), size=240)
        self.gates.value = gates_svg(Course.of(signing), now)

    def _renderer(self) -> Diffusion:
        """The pipeline's own renderer, or else the shipped one, loaded when it is first asked for."""
        who = self.pipeline.renderer if isinstance(self.pipeline.renderer, Diffusion) else backend("diffusion")
        assert isinstance(who, Diffusion)
        return who

    def film(self, renderer: Drawn | Diffusion) -> None:
        """Shows the video by this renderer, with a line that says how far it is. Raises ``SignerError`` if there is no such renderer."""
        signing = self._signed()
        how = "drawn" if isinstance(renderer, Drawn) else f"rendered by {renderer.name}"
        self.progress.value = line(f"being {how} …")
        before, signing.renderer = signing.renderer, renderer
        self._ready(False)                                      # an impatient click would film it all once more
        try:
            with tempfile.TemporaryDirectory() as folder:
                data = write_video(self._counted(signing.frames(SIZE), len(signing.poses), how), Path(folder) / "video.mp4", FPS).read_bytes()
        finally:
            signing.renderer = before
            self._ready(True)
        said = escape(f"{signing.text}: the signer, {how}")
        self.video.value = (f'<video controls muted playsinline width="{SIZE}" height="{SIZE}" aria-label="{said}" '
                            f'src="data:video/mp4;base64,{b64encode(data).decode()}"></video><div class="signer-line">{escape(ASIDE)}</div>')
        self.progress.value = line(f"{how}, {len(signing.poses)} frames")

    def _ready(self, ready: bool) -> None:
        self.draw_video.disabled = self.render_video.disabled = not ready

    def _counted(self, frames: Iterator[np.ndarray], total: int, how: str) -> Iterator[np.ndarray]:
        every = max(1, total // 20)
        for number, frame in enumerate(frames, 1):
            if number % every == 0:
                self.progress.value = line(f"being {how}: {number} of {total} frames")
            yield frame

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)


def _row(sign: dict[str, Any]) -> tuple[str, str, str, str]:
    return sign["gloss"], source_of(sign), " ".join(sign["units"]), f"{sign['seconds']:.2f}"


def sentence_explorer(pipeline: StableSignerPipeline, text: str = "") -> SentenceExplorer:
    """Type a sentence and see every stage: glosses, the source of each sign, gates and skeleton over time, the video (drawn, or rendered on request).

    text  what it begins with. Errors stand in one line of the widget. Static form: ``Signing.plot_sentence``.
    """
    return SentenceExplorer(pipeline, text)
