"""Poses that one can turn, zoom and play in the browser. [ours]"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.figures.skeleton import FACE, FACE_LINES, HEAD, KNUCKLES, SIDES, side_of
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.skeleton import Skeleton
from signer_lib.signing import Signing
from signer_lib.widgets.drawing import BODY, NOSE
from signer_lib.widgets.pages import Page, named

MISSING = -32768                        # in place of the coordinates of a joint that is not there
MOST = 32000                            # of the largest coordinate
THICK = {"body": 0.045, "hand": 0.02, "face": 0.012}                              # of lines, shoulder widths
VIEWS = ('<button id="front" type="button">front</button><button id="side" type="button">side</button>'
         '<button id="above" type="button">above</button><button id="in" type="button" aria-label="Nearer">+</button>'
         '<button id="out" type="button" aria-label="Farther">&#8722;</button>')
KEYS = "Drag or arrows turn, + and - zoom, or the wheel once clicked; 0 resets. Space plays, comma and full stop step. The right hand is dark blue."


def view_poses(poses: PoseSequence | Signing | Sequence[PoseSequence | Signing] | Mapping[str, PoseSequence | Signing], *, height: int = 320) -> Page:
    """Skeletons side by side, to be turned together, with one scrubber; a mapping gives them names, a ``Signing`` also its glosses.

    height  of the skeletons, pixels. Coordinates are kept to 1/10,000 of a shoulder width or so, 420 bytes a frame. Static form:
    ``figures.poses.plot_turned``.

    Raises ``SignerError`` for no sequence, one without frames, and skeletons of more than one kind.
    """
    rows = named(poses, (PoseSequence, Signing), "poses")
    told, skeletons = [], set()
    for name, thing in rows.items():
        if not isinstance(thing, PoseSequence | Signing):
            raise SignerError(f"{name} is {type(thing).__name__}: give a PoseSequence or a Signing")
        one = thing.poses if isinstance(thing, Signing) else thing
        if not len(one):
            raise SignerError(f"{name} has no frames: there is nothing to show")
        skeletons.add(one.skeleton.name)
        told.append({"name": name, "fps": one.fps, **_packed(one), **({"captions": thing.captions} if isinstance(thing, Signing) else {})})
    if len(skeletons) != 1:
        raise SignerError("give at least one sequence, and all of one skeleton" + f", not of {', '.join(sorted(skeletons))}" * bool(skeletons))
    content: dict[str, Any] = {"sequences": told, "missing": MISSING, "lines": _lines(one.skeleton)}
    if one.skeleton == SIGNER70:
        content["head"] = {"joint": NOSE, "offset": HEAD[0].tolist(), "radius": HEAD[1]}
    return Page.of("Poses in 3D: " + ", ".join(rows), "poses.js", content, height=height, controls=VIEWS, help=KEYS)


def _packed(poses: PoseSequence) -> dict[str, object]:
    """The joints as int16."""
    largest = float(np.nanmax(np.abs(poses.xyz), initial=1.0))
    whole = np.where(np.isfinite(poses.xyz), np.rint(np.nan_to_num(poses.xyz) / largest * MOST), MISSING).astype("<i2")
    return {"frames": len(poses), "joints": len(poses.skeleton), "unit": largest / MOST, "xyz": b64encode(whole.tobytes()).decode()}


def _lines(skeleton: Skeleton) -> list[list[object]]:
    """[joint, joint, colour, width] of every line to draw."""
    if skeleton != SIGNER70:
        return [[a, b, BODY, THICK["hand"]] for a, b in skeleton.bones]
    lines: list[list[object]] = []
    for a, b in (*SIGNER70.bones, *KNUCKLES):
        if b < FACE:
            side = side_of(b)
            lines.append([a, b, SIDES[side] if side else BODY, THICK["hand" if side else "body"]])
    return lines + [[a, b, BODY, THICK["face"]] for line in FACE_LINES for a, b in zip(line, line[1:])]
