"""The gate of a trained SLP-MoE, to be turned by hand. [ours]"""

from __future__ import annotations

from typing import Any

import ipywidgets

from signer_lib.errors import SignerError
from signer_lib.experts.blending import mixture
from signer_lib.experts.model import Choice, SLPMoE
from signer_lib.experts.roles import load_entropy
from signer_lib.experts.steering import Steering, steered
from signer_lib.language.slul import GlossSentence
from signer_lib.prior.database import Prior
from signer_lib.signing import gates_over_time
from signer_lib.widgets.drawing import Course, gates_svg, skeleton_svg
from signer_lib.widgets.look import guarded, line, styled, table
from signer_lib.widgets.settling import newest

NOBODY = "nobody"


class GateExplorer:
    """Sliders for the gate over one sentence; w(t), the blended pose, the chosen candidates and all numbers follow.

    temperature, top_k, on (one for each expert), forced, uniform, moment  the controls.    reset  as trained.
    status, curves, pose, numbers  what is shown.    box  all of it.    choice  what the experts do now.
    """

    def __init__(self, model: SLPMoE, sentence: GlossSentence, prior: Prior):
        self.model, self.sentence, self.prior = model, sentence, prior
        self.trained, K = Steering.of(model), model.config.experts
        self._asked = model.choose(sentence, prior)
        self.choice = self._asked
        self._poses, self._spans = model.perform([self._asked], prior)
        self._before = self._poses
        wide = {"description_width": "96px"}
        self.temperature = ipywidgets.FloatLogSlider(self.trained.temperature, min=-1.3, max=1.3, step=0.05, description="temperature", style=wide,
                                                    layout={"width": "360px"})
        self.top_k = ipywidgets.IntSlider(self.trained.top_k or K, 1, K, description="top-k", style=wide, layout={"width": "320px"})
        self.on = [ipywidgets.Checkbox(True, description=f"expert {k + 1}", indent=False, layout={"width": "86px"}) for k in range(K)]
        self.forced = ipywidgets.Dropdown(options=[NOBODY, *(f"expert {k + 1}" for k in range(K))], description="force",
                                          style={"description_width": "48px"}, layout={"width": "160px"})
        self.uniform = ipywidgets.ToggleButton(self.trained.uniform, description="uniform gate", tooltip="all experts that are on weigh the same",
                                               layout={"width": "110px"})
        self.reset = ipywidgets.Button(description="as trained", tooltip="everything back to the trained gate", layout={"width": "110px"})
        self.moment = ipywidgets.IntSlider(len(self._poses) // 2, 0, len(self._poses) - 1, description="frame", style=wide, layout={"width": "60%"})
        self.status, self.curves, self.pose, self.numbers = (ipywidgets.HTML() for _ in range(4))
        self._redraw, redraw = guarded(self.status, self.draw), newest(lambda: self._redraw())
        for control in (self.temperature, self.top_k, *self.on, self.forced, self.uniform):
            control.observe(redraw, "value")
        self.moment.observe(newest(guarded(self.status, self._draw_moment)), "value")
        self.reset.on_click(guarded(self.status, self._reset))
        left = ipywidgets.VBox([ipywidgets.HBox([self.temperature, self.top_k], layout={"flex_flow": "row wrap"}),
                                ipywidgets.HBox([*self.on, self.forced, self.uniform, self.reset], layout={"flex_flow": "row wrap"})])
        pictures = ipywidgets.HBox([self.pose, ipywidgets.VBox([self.curves], layout={"flex": "1 1 380px"})], layout={"flex_flow": "row wrap"})
        self.box = styled(left, self.status, self.moment, pictures, self.numbers)
        self._redraw()

    @property
    def steering(self) -> Steering:
        """What the controls say."""
        forced = None if self.forced.value == NOBODY else self.forced.options.index(self.forced.value) - 1
        off = frozenset(k for k, on in enumerate(self.on) if not on.value)
        return Steering(self.temperature.value, self.top_k.value % self.model.config.experts, off, forced, self.uniform.value)

    def draw(self) -> None:
        """Chooses, blends and shows again. Raises ``SignerError`` for what no gate can do; the pictures are then as they were."""
        choice = steered(self.model, self._asked, self.prior, self.steering)
        share = self.moment.value / max(len(self._poses) - 1, 1)
        poses, spans = self.model.perform([choice], self.prior)
        self.choice, self._poses, self._spans = choice, poses, spans
        self.moment.max = len(poses) - 1
        self.moment.value = round(share * self.moment.max)
        self._draw_moment()
        self.numbers.value = self._tables(choice)
        self.status.value = line(f"{len(poses)} frames, {poses.duration:.2f} s (as trained {self._before.duration:.2f} s); load entropy "
                                 f"{load_entropy(choice.weights.numpy()):.2f}, 1 is even. Grey: the pose as trained, at the same share of the time.")

    def _draw_moment(self) -> None:
        now = min(self.moment.value, len(self._poses) - 1)
        names = [(self.choice.units[span.unit].name, span.start, span.stop) for span in self._spans if span.unit is not None]
        course = Course(gates_over_time([self.choice], self._spans, len(self._poses)), names, self._poses.fps)
        self.curves.value = gates_svg(course, now)
        before = round(now / max(len(self._poses) - 1, 1) * (len(self._before) - 1))
        alt = f"The blended pose at {now / self._poses.fps:.2f} s, behind it in grey the pose as trained"
        self.pose.value = skeleton_svg(self._poses.xyz[now], alt, ghost=self._before.xyz[before], size=230)

    def _tables(self, choice: Choice) -> str:
        mixed, K = mixture(choice.weights, choice.choices), choice.weights.shape[1]
        rows = []
        for k, (unit, offered) in enumerate(zip(choice.units, choice.candidates)):
            best = int(mixed[k, :len(offered)].argmax())
            shares = ", ".join(f"{one.variant} {weight:.2f}" for one, weight in zip(offered, mixed[k].tolist()))
            rows.append([unit.name, *(f"{value:.2f}" for value in choice.weights[k].tolist()), f"{float(choice.seconds[k]):.2f}",
                         offered[best].variant, shares])
        heads = ["sign", *(f"expert {k + 1}" for k in range(K)), "seconds", "chosen", "candidates"]
        return table(heads, rows, "Eq. 7 and 8 in numbers: each expert's weight, the sign's duration, and what the blend is made of")

    def _reset(self) -> None:
        self.temperature.value, self.top_k.value = self.trained.temperature, self.trained.top_k or self.model.config.experts
        self.forced.value, self.uniform.value = NOBODY, self.trained.uniform
        for box in self.on:
            box.value = True

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)


def gate_explorer(model: SLPMoE, sentence: GlossSentence, prior: Prior) -> GateExplorer:
    """The gate of ``model`` over a sentence, with sliders for temperature and top-k, a switch for each expert, one that does everything, a uniform
    gate. Static form: ``figures.experts.plot_steered``. Raises ``SignerError`` for a sentence without glosses.
    """
    if not sentence.glosses:
        raise SignerError("this sentence has no glosses, so there is nothing to weigh: take another")
    return GateExplorer(model, sentence, prior)
