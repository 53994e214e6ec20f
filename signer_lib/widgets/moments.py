"""A signing, moment by moment. [ours]"""

from __future__ import annotations

import ipywidgets

from signer_lib.render.drawn import draw_frame
from signer_lib.signing import Signing
from signer_lib.widgets.drawing import Course, gates_svg
from signer_lib.widgets.pictures import frame_png, shown
from signer_lib.widgets.sliders import sliding


def scrub(signing: Signing, size: int = 320) -> ipywidgets.VBox:
    """Frames and gates of a ``signing.Signing``. Static form: ``signing.plot_moment``. Raises ``SignerError`` if it has no gates."""
    course, captions = Course.of(signing), signing.captions

    def moment(frame: int) -> str:
        caption = captions[frame]
        alt = f"The drawn signer at {frame / signing.poses.fps:.2f} s" + f": {caption}" * bool(caption)
        drawn = draw_frame(signing.poses.xyz[frame], size=size, caption=caption)
        return ('<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:center">'
                f"<div>{shown(frame_png(drawn), alt)}</div><div style=\"flex:1;min-width:340px\">{gates_svg(course, frame)}</div></div>")

    return sliding(moment, len(signing.poses))
