"""Reference frames with exact truth: a clothed signer, posed by ``signer70``, drawn off screen in four styles. See ``frames``."""

from signer_lib.render.studio.asset import StudioSigner, load_signer
from signer_lib.render.studio.frames import StudioFrame, check_size, studio_frames
from signer_lib.render.studio.looks import HANDS, HELD_OUT, LOOKS, NUMBER, REGIONS, SKIN
from signer_lib.render.studio.posing import Posed, posed, posed_in_parts
from signer_lib.render.studio.shading import STYLES, check_style

__all__ = ["HANDS", "HELD_OUT", "LOOKS", "NUMBER", "REGIONS", "SKIN", "STYLES", "Posed", "StudioFrame", "StudioSigner", "check_size", "check_style",
           "load_signer", "posed", "posed_in_parts", "studio_frames"]
