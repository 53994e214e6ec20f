"""Reference frames with exact truth: a clothed signer, posed by ``signer70``, drawn off screen in four styles. See ``frames``."""

from signer_lib.render.studio.asset import StudioSigner, load_signer
from signer_lib.render.studio.frames import StudioFrame, check_size, open_camera, studio_frames
from signer_lib.render.studio.looks import CROSSED, HANDS, HELD_OUT, LOOKS, NUMBER, REGIONS, SKIN
from signer_lib.render.studio.posing import Posed, posed, posed_in_parts
from signer_lib.render.studio.shading import STYLES, check_style

__all__ = ["CROSSED", "HANDS", "HELD_OUT", "LOOKS", "NUMBER", "REGIONS", "SKIN", "STYLES", "Posed", "StudioFrame", "StudioSigner", "check_size",
           "check_style", "load_signer", "open_camera", "posed", "posed_in_parts", "studio_frames"]
