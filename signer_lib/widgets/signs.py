"""A sign of one's own, described by menus. [ours]"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import product
from pathlib import Path
from typing import Any

import ipywidgets

from signer_lib.errors import SignerError
from signer_lib.pose import PoseSequence
from signer_lib.prior.body import ARM_PLACES, BASE_PLACES, Body, load_body
from signer_lib.prior.checks import check_poses, problems
from signer_lib.prior.compiler import compile_sign
from signer_lib.prior.handshapes import LEXICON, handshapes_of
from signer_lib.prior.phonology import CONTACTS, FACES, FREE_PLACES, HAND_MOVEMENTS, PATHS, PLANES, TYPES, Sign, load_signs, read_sign
from signer_lib.prior.writing import description, save_sign, sign_yaml
from signer_lib.widgets.drawing import skeleton_svg
from signer_lib.widgets.look import guarded, line, styled
from signer_lib.widgets.settling import newest

NONE, SAME = "none", "the same"
AXES = ("up", "down", ""), ("left", "right", ""), ("front", "back", "")
DIRECTIONS = tuple(sorted(("-".join(filter(None, parts)) for parts in product(*AXES) if any(parts)), key=lambda name: (name.count("-"), name)))
PLACES = (*FREE_PLACES, *ARM_PLACES, *BASE_PLACES)
TWICE = "handshape", "palm", "fingers", "location"                                # each may have another value at the sign's end
USUAL = {"handshape": "open-b", "palm": "up", "fingers": "front-right", "location": "neutral"}      # of a base hand that nobody has described yet


class SignBuilder:
    """Menus for every field of a sign, its skeleton from two sides, its YAML, and a place to save it.

    menus    name of a field -> its control: "type", "handshape", "handshape end", ..., "movement path", ..., "base palm", ..., "face nod"
    start    the sign that the menus were set to; choosing another sets them anew.    gloss  the new sign's name.    moment  the frame that is shown.
    file, replace, save   where it goes.     status, picture, code  what is shown.    box  all of it.    sign, poses  what is built now.
    """

    def __init__(self, start: str = "LIBRARY", file: Path | str = "my_lexicon/signs_mine.yaml", body: Body | None = None):
        self.body = body or load_body()
        self._signs = {gloss: sign for gloss, sign in load_signs().items() if isinstance(sign, Sign)}
        self._shapes = tuple(handshapes_of(LEXICON))
        if start not in self._signs:
            raise SignerError(f"there is no sign {start} of one part to start from: take one of stable-signer prior list")
        wide: dict[str, Any] = {"style": {"description_width": "100px"}, "layout": {"width": "258px"}}
        self.start = ipywidgets.Combobox(value=start, options=sorted(self._signs), description="start from", ensure_option=True,
                                         continuous_update=False, **wide)
        self.gloss = ipywidgets.Text("MY-SIGN", description="gloss", continuous_update=False, **wide)
        self.menus = self._menus(wide)
        self.moment = ipywidgets.IntSlider(0, 0, 1, description="frame", layout={"width": "300px"})
        self.play = ipywidgets.Play(min=0, max=1, interval=80)
        self.file = ipywidgets.Text(str(file), description="file", continuous_update=False, style={"description_width": "30px"},
                                    layout={"width": "340px"})
        self.replace = ipywidgets.Checkbox(False, description="replace one of this gloss", indent=False, layout={"width": "200px"})
        self.save = ipywidgets.Button(description="save", tooltip="puts the sign into the file")
        self.status, self.picture, self.code, self.saved = (ipywidgets.HTML() for _ in range(4))
        self.sign, self.poses = self._signs[start], PoseSequence(self.body.rest()[None], 25)
        self._setting = False
        build = newest(guarded(self.status, self.build))
        for control in (*self.menus.values(), self.gloss):
            control.observe(build, "value")
        self.start.observe(guarded(self.status, self._start), "value")
        self.moment.observe(newest(self._draw), "value")
        self.save.on_click(guarded(self.saved, self._save))
        ipywidgets.jslink((self.play, "value"), (self.moment, "value"))
        self._base = ipywidgets.VBox([self._column("the base hand (left)", "base ")])
        columns = [self._column("hand", *TWICE, "contact", "type"), self._column("movement and face", "movement ", "face ", "duration"), self._base]
        self.box = styled(ipywidgets.HBox([self.start, self.gloss]), ipywidgets.HBox(columns, layout={"flex_flow": "row wrap"}), self.status,
                          ipywidgets.HBox([ipywidgets.VBox([self.picture, ipywidgets.HBox([self.play, self.moment])]),
                                           ipywidgets.VBox([self.code, ipywidgets.HBox([self.file, self.replace, self.save],
                                                                                      layout={"flex_flow": "row wrap"}), self.saved],
                                                           layout={"flex": "1 1 320px"})], layout={"flex_flow": "row wrap"}))
        self._start()

    def _menus(self, wide: dict[str, Any]) -> dict[str, Any]:
        def menu(name: str, options: Iterable[str]) -> Any:
            return ipywidgets.Dropdown(options=list(options), description=name, **wide)

        def tick(name: str) -> Any:
            return ipywidgets.Checkbox(False, description=name, indent=True, **wide)

        known: dict[str, tuple[str, ...]] = {"handshape": self._shapes, "palm": DIRECTIONS, "fingers": DIRECTIONS, "location": PLACES}
        menus: dict[str, Any] = {"type": menu("type", TYPES)}
        for name, options in known.items():
            menus[name] = menu(name, options)
            menus[f"{name} end"] = menu("… at the end", [SAME, *options])
        menus["contact"] = menu("contact", [NONE, *CONTACTS])
        menus |= {"movement path": menu("path", PATHS), "movement direction": menu("direction", [NONE, *DIRECTIONS]),
                  "movement bulge": menu("bulge", DIRECTIONS), "movement plane": menu("plane", PLANES),
                  "movement hand": menu("hand", [NONE, *HAND_MOVEMENTS]),
                  "movement size": ipywidgets.FloatSlider(0, min=0, max=1, step=0.02, description="size (0: usual)", **wide),
                  "movement repeat": ipywidgets.IntSlider(1, 1, 8, description="times", **wide)}
        menus |= {f"face {name}": tick(name) for name in FACES}
        menus["duration"] = ipywidgets.IntSlider(0, 0, 3000, 50, description="ms (0: by rule)", **wide)
        menus |= {f"base {name}": menu(name, FREE_PLACES if name == "location" else options) for name, options in known.items()}
        return menus | {"base moves": tick("moves along")}

    def _column(self, title: str, *names: str) -> ipywidgets.VBox:
        head = ipywidgets.HTML(f'<b class="signer-line">{title}</b>')
        own = [control for name, control in self.menus.items() if any(name.startswith(each) for each in names)]
        return ipywidgets.VBox([head, *own])

    # --- menus and descriptions --------------------------------------------------------------------------------------
    @property
    def spec(self) -> dict[str, object]:
        """What the menus say, as YAML has it."""
        said = {name: control.value for name, control in self.menus.items()}

        def part(begin: str) -> dict[str, Any]:
            return {name.removeprefix(begin): value for name, value in said.items() if name.startswith(begin)}

        spec: dict[str, object] = {"type": said["type"]}
        spec |= {name: said[name] if said[f"{name} end"] == SAME else [said[name], said[f"{name} end"]] for name in TWICE}
        if said["contact"] != NONE:
            spec["contact"] = said["contact"]
        spec["movement"] = {name: value for name, value in part("movement ").items() if value != NONE and (name, value) != ("size", 0)
                            or name == "path"}
        if spec["type"] == "base-hand":
            spec["base"] = part("base ")
        if face := [name for name, on in part("face ").items() if on]:
            spec["face"] = face
        return spec | ({"duration": said["duration"]} if said["duration"] else {})

    def _set(self, spec: dict[str, Any]) -> None:
        """Sets the menus to a description."""
        for name in TWICE:
            first, last = spec[name] if isinstance(spec[name], list) else (spec[name], SAME)
            self._choose(name, first)
            self._choose(f"{name} end", last)
        self._choose("type", spec["type"])
        self._choose("contact", spec.get("contact", NONE))
        usual = {"path": "straight" if isinstance(spec["location"], list) else NONE, "direction": NONE, "bulge": "up", "plane": "front", "hand": NONE,
                 "size": 0, "repeat": 1}
        for name, value in (usual | spec.get("movement", {})).items():
            self._choose(f"movement {name}", value)
        for name, value in (USUAL | {"moves": False} | spec.get("base", {})).items():
            self._choose(f"base {name}", value)
        face = spec.get("face", [])
        for name in FACES:
            self.menus[f"face {name}"].value = name in ([face] if isinstance(face, str) else face)
        self.menus["duration"].value = round(spec.get("duration", 0))

    def _choose(self, name: str, value: Any) -> None:
        """A direction may be any combination, so one that the list lacks joins it."""
        control = self.menus[name]
        if isinstance(control, ipywidgets.Dropdown) and value not in control.options:
            control.options = [*control.options, value]
        control.value = value

    def _start(self) -> None:
        if self.start.value not in self._signs:
            raise SignerError(f"there is no sign {self.start.value} of one part: choose one of the list")
        self._setting = True
        try:
            self._set(description(self._signs[self.start.value]))
        finally:
            self._setting = False
        self.build()

    # --- the sign ----------------------------------------------------------------------------------------------------
    def build(self) -> None:
        """Reads the menus, compiles, shows. Raises ``SignerError`` for a sign that cannot be; the skeleton is then the last one that could."""
        if self._setting:
            return
        self._base.layout.display = None if self.menus["type"].value == "base-hand" else "none"
        self.code.value = f'<pre class="signer-code" tabindex="0" aria-label="the sign as YAML">{self._as_yaml()}</pre>'
        sign = read_sign("this sign", self.gloss.value, self.spec, self._shapes)
        self.code.value = f'<pre class="signer-code" tabindex="0" aria-label="the sign as YAML">{self._as_yaml(sign)}</pre>'
        poses = compile_sign(sign, self.body)
        self.sign, self.poses = sign, poses
        self.moment.max = self.play.max = len(poses) - 1
        if self.moment.value == 0:
            self.moment.value = len(poses) // 2
        self._draw()
        found = problems(check_poses(poses, self.body, sign))
        if found:
            raise SignerError(f"no body could sign it quite so: {'; '.join(found)}")
        self.status.value = line(f"{len(poses)} frames, {poses.duration:.2f} s. A body can sign this; whether anybody would, ask a Deaf signer.")

    def _as_yaml(self, sign: Sign | None = None) -> str:
        return escape(sign_yaml(self.gloss.value, self.spec if sign is None else description(sign)))

    def _draw(self) -> None:
        now = min(self.moment.value, len(self.poses) - 1)
        alt = f"{self.gloss.value} at {now / self.poses.fps:.2f} s"
        views = "".join(skeleton_svg(self.poses.xyz[now], alt, view, size=225) for view in ("front", "right side"))
        self.picture.value = f'<div class="signer-row">{views}</div>'

    def _save(self) -> None:
        self.saved.value = line()
        path = save_sign(self.gloss.value, description(read_sign("this sign", self.gloss.value, self.spec, self._shapes)), self.file.value,
                         self.replace.value)
        self.saved.value = line(f"{self.gloss.value} is in {path}")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)


def sign_builder(start: str = "LIBRARY", file: Path | str = "my_lexicon/signs_mine.yaml", body: Body | None = None) -> SignBuilder:
    """Describe a sign by menus, from an existing one onwards; it is compiled as you choose, and saved into a lexicon of your own.

    start  a gloss of the shipped lexicon that is no compound.    file  signs*.yaml, made when you save.
    Static form: ``figures.poses.plot_turned`` of what ``compile_sign`` makes. Raises ``SignerError`` for a start that is not there.
    """
    return SignBuilder(start, file, body)
