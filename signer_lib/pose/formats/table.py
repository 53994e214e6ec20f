"""What each format holds and what is lost on the way in and out: one row a format, printed by ``stable-signer convert --formats``. [ours]"""

from __future__ import annotations

from dataclasses import dataclass

from signer_lib.errors import SignerError
from signer_lib.pose.skeleton import SIGNER70


@dataclass(frozen=True)
class Format:
    """``groups`` of signer70 and the bare ``joints`` of it that a file keeps, whether it keeps confidences, depth and the frame rate, and what words.

    ``holds`` says what a file has by itself, ``lost_in`` what our reader leaves of it; what a writer loses follows from the rest.
    """

    name: str
    suffix: str
    points: str
    holds: str
    lost_in: str
    reader: str
    writer: str
    lacks: tuple[str, ...] = ()
    confidence: bool = True
    depth: bool = True
    rate: bool = True
    words: tuple[str, ...] = ("gloss", "text", "signer")
    loses: tuple[str, ...] = ()
    note: str = ""
    dropped: str = ""                            # what our reader leaves out of every file, whatever it is written to

    @property
    def missing_joints(self) -> list[int]:
        """The joints of signer70 that a file does not have."""
        groups = [k for name in self.lacks if name in SIGNER70.groups for k in range(len(SIGNER70))[SIGNER70.groups[name]]]
        return groups + [SIGNER70.index(name) for name in self.lacks if name not in SIGNER70.groups]

    @property
    def lost_out(self) -> str:
        """What a writer loses of a clip of signer70 that has everything."""
        lost = [*(f"the {name}" for name in self.lacks), *(["confidences (seen or missing stays)"] if not self.confidence else []),
                *(["depth"] if not self.depth else []), *(["the frame rate"] if not self.rate else []),
                *(word for word in ("gloss", "text", "signer") if word not in self.words)]
        return (", ".join([*lost, *self.loses]) or "nothing") + (f" ({self.note})" if self.note else "")


PLACED = "the place and scale in the picture"
FORMATS = {one.name: one for one in (
    Format("pose", ".pose", "70, 178, 553 or any of MediaPipe's; OpenPose's 137", "x, y, z, confidence, several people, fps",
           f"nothing of ours; else {PLACED}, points that signer70 lacks, other people", "pose_file.read_pose", "pose_file.write_pose",
           note="words go to words.csv beside a folder of files"),
    Format("skels", ".skels", "50 of Progressive Transformers", "x, y, z; .files, .gloss and .text beside it",
           "the neck's own place, depths within a hand", "skels.read_skels", "skels.write_skels", ("face",), False, True, False, ("gloss", "text"),
           ("the neck's way (every frame's is at 0)", "all beyond 5 decimals"), dropped="the neck's own place and depths within a hand"),
    Format("openpose", ".json in folders, .zip", "137 of OpenPose's", "x, y, confidence, several people",
           f"{PLACED}, points that signer70 lacks, other people", "openpose.read_openpose", "openpose.write_openpose", ("neck",), True, False, False,
           note="words go to words.csv beside the folders"),
    Format("mediapipe", ".json", "553 or 543 of MediaPipe's", "x, y, z, visibility, fps, width and height",
           f"{PLACED}, points that signer70 lacks, the visibility of hands and face", "mediapipe.read_mediapipe_json",
           "mediapipe.write_mediapipe_json", ("neck",), note="words go to words.csv beside a folder of files"),
    Format("npz", ".npz", "108 of ASL-App, or 170 numbers", "x, y, z, several clips", f"{PLACED}, points that signer70 lacks",
           "mediapipe.read_npz", "mediapipe.write_npz", ("neck",), False, True, False, (), dropped=f"points that signer70 lacks and {PLACED}"),
    Format("slrtp", ".pt", "178 of SLRTP 2025", "x, y, z, name, text, gloss, speaker", "the place and scale, points that signer70 lacks",
           "slrtp.read_slrtp", "slrtp.write_slrtp", ("neck", "nose"), False, True, False),
    Format("spoken-to-signed", "folder with index.csv", "of its .pose files", "what .pose holds; gloss, words, languages, start and end",
           "as .pose; words, languages, what is outside start and end", "lexicon.read_lexicon", "lexicon.write_lexicon", ("neck",),
           words=("gloss",)),
    Format("safetensors", ".safetensors, .text, .gloss", "70 of signer70", "x, y, z, fps, text, glosses", "nothing", "folder.read_folder",
           "folder.write_folder", (), False, words=("gloss", "text"), note="one frame rate for all"),
)}


def format_of(name: str) -> Format:
    """A format by its name. Raises ``SignerError`` for one that there is not."""
    if name not in FORMATS:
        raise SignerError(f"'{name}' is no format: choose {', '.join(FORMATS)}")
    return FORMATS[name]


def lines() -> list[tuple[str, ...]]:
    """The table's rows, the heading first."""
    return [("format", "files", "points", "holds", "lost when read", "lost when written", "reader", "writer"),
            *((f.name, f.suffix, f.points, f.holds, f.lost_in, f.lost_out, f.reader, f.writer) for f in FORMATS.values())]
