"""What the tests of the rating kit share: tiny clips, a kit of them, and the files that made-up raters would save."""

import json

import numpy as np

from signer_lib.rating.exported import read_key
from signer_lib.rating.kit import make_kit
from signer_lib.rating.scales import SCALES
from signer_lib.render.video import write_video

TEXTS = {"hello": "Hello, my name is Sam.", "library": "Where is the library?", "thanks": "Thank you very much!", "rain": "It rains today."}
GLOSSES = "LIBRARY", "IX-1", "RAIN-NOW"


def write_clips(folder, seed=0, texts=TEXTS, frames=4, fps=25.0, shape=(64, 64)):
    """A system's folder as ``stable-signer sign`` writes it: for each sentence video.mp4 and report.json, which names glosses."""
    rng = np.random.default_rng(seed)
    for name, text in texts.items():
        (folder / name).mkdir(parents=True)
        write_video(rng.integers(0, 256, (frames, *shape, 3), np.uint8), folder / name / "video.mp4", fps)
        (folder / name / "report.json").write_text(json.dumps({"text": text, "glosses": GLOSSES}), encoding="utf-8")
    return folder


def write_kit(folder, raters=6, seed=11, **how):
    """A kit of two systems and references, in ``folder``/kit."""
    clips = {name: write_clips(folder / "clips" / name, k) for k, name in enumerate(("zorblax", "quuxnet", "truth"))}
    make_kit(folder / "kit", {name: clips[name] for name in ("zorblax", "quuxnet")}, raters, seed, clips["truth"], size=64, **how)
    return folder / "kit"


def saved(kit, rater, says, describes="Deaf", years=10):
    """What the page of ``rater`` saves. says(item, scale) -> 1 to 5, "cannot tell" or None; item: a row of the key."""
    key = read_key(kit)
    answers = [{"item": number, "clip": item["clip"], "sentence": key["sentences"][item["shown"]], "reading": {"how": "cannot tell", "text": ""},
                "comment": "", **{scale: says(item, scale) for scale in SCALES}} for number, item in enumerate(key["raters"][rater]["items"], 1)]
    return {"kit": key["kit"], "rater": rater, "consent": True, "answers": answers,
            "about": {"describes": describes, "own_words": None, "years": years, "language": None}}


def hand_in(kit, folder, says, raters=None, **about):
    """The files of the kit's raters (or of some) in ``folder``; -> the folder."""
    folder.mkdir(exist_ok=True)
    for rater in raters or read_key(kit)["raters"]:
        (folder / f"ratings-{rater}.json").write_text(json.dumps(saved(kit, rater, says, **about)), encoding="utf-8")
    return folder


def plain(item, scale):
    """A rater who pays attention: 4 for references, 3 for zorblax, 2 for quuxnet, and sees what does not fit."""
    return 1 if item["kind"] == "wrong" and scale == "meaning" else {"reference": 4, "zorblax": 3, "quuxnet": 2}[item["system"]]
