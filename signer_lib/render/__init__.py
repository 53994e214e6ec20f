"""Pose -> pictures -> video files."""

from signer_lib.render.drawn import draw, draw_frame
from signer_lib.render.style import Style
from signer_lib.render.video import read_video, write_video

__all__ = ["Style", "draw", "draw_frame", "read_video", "write_video"]
