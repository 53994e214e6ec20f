"""What is measured of a chain's sentences, alike for whatever was given to it or put into it: glosses, poses, and frames if asked for. [ours]"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from signer_lib.comparison.chains import Made
from signer_lib.comparison.scoring import unit_errors
from signer_lib.comparison.systems import Asked, spread
from signer_lib.language.slul import GlossSentence
from signer_lib.metrics.back_translation import BackTranslation, reading_scores
from signer_lib.metrics.pieces import normal_text
from signer_lib.metrics.poses import alignment, pose_scores
from signer_lib.metrics.text import text_scores
from signer_lib.metrics.video import video_scores
from signer_lib.progress import progress

if TYPE_CHECKING:
    from signer_lib.comparison.screen import Screen

OF_POSES = "hand_error", "dtw_mje", "duration_ratio", "missing_share"
OF_READING = "bleu4", "bleu4_glosses", "wer", "rouge"
SEEN = "bleu4_seen", "wer_seen", "rouge_seen", "hand_ssim", "ssim"         # of frames; the first three are read by another judge than ``OF_READING``


class StageScores:
    """``row(made)`` of all sentences of ``asked``; what is seen, of ``video`` of them, spread evenly.

    told    the true glosses with SLUL's states: what the truth's poses mean.
    screen  poses -> frames -> what is read in them; None: frames are not measured.
    studio  a screen that shows the true frames, with which all others are compared; None: they are compared with ``screen``'s of the true poses.
    """

    def __init__(self, asked: Asked, judge: BackTranslation, told: list[GlossSentence], screen: Screen | None = None, studio: Screen | None = None,
                 video: int = 0):
        self.asked, self.judge, self.screen, self.studio = asked, judge, screen, studio
        self.truth = [Made(sentence, row.units, row.produced) for sentence, row in zip(told, asked.truth)]
        self.texts, self.units = [normal_text(row.text) for row in asked.truth], [[unit.name for unit in row.units] for row in asked.truth]
        self.filmed = spread(video, len(self.truth)) if screen else []

    def row(self, made: list[Made], studio: bool = False, filmed: bool = True) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """-> what was measured, and the texts that were read: "poses" (n,), "frames" (video,)

        studio  its frames are looked at, not the renderer's.    filmed  False: frames are not looked at at all.
        """
        rows = self.asked.truth
        read = self.judge.read([one.produced.poses.xyz for one in made])
        poses = pose_scores([one.produced for one in made], [row.produced for row in rows])
        words = reading_scores(read, self.texts, self.units)
        glosses = text_scores([" ".join(one.sentence.glosses) for one in made], [" ".join(row.glosses) for row in rows])
        found = {name: words[name] for name in OF_READING} | {name: poses[name] for name in OF_POSES}
        found |= {"rhythm_error": unit_errors([one.produced for one in made], self.asked)["rhythm_error"], "gloss_wer": glosses["wer"]}
        screen = self.studio if studio else self.screen
        seen: dict[str, Any] = dict.fromkeys(SEEN)
        seen_texts: list[str] = []
        if filmed and self.filmed and screen is not None:
            seen, seen_texts = self._seen(made, screen)
        return ({"count": len(made)} | found | {"video_count": len(seen_texts)} | seen,
                {"poses": [reading.text for reading in read], "frames": seen_texts})

    def _seen(self, made: list[Made], screen: Screen) -> tuple[dict[str, Any], list[str]]:
        poses, alike = [], []
        for i in progress(self.filmed, "frames"):
            one, true = made[i], self.truth[i]
            frames = screen.show(one.produced, one.meaning)
            reference = (self.studio or self.screen or screen).show(true.produced, true.meaning)
            path = alignment(one.produced.poses, true.produced.poses)
            own, other = path[path[:, 1] % screen.every == 0].T                 # a frame that stands for others counts once
            alike.append(video_scores(frames[own], reference[other], true.produced.poses.xyz[other]))
            poses.append(screen.read(frames, one.produced.poses.fps))
        read = screen.judge(poses)
        words = reading_scores(read, [self.texts[i] for i in self.filmed], [self.units[i] for i in self.filmed])
        hands = [scores["hand_ssim"] for scores in alike if scores["hand_ssim"] is not None]                # None: no hand in the picture
        return ({"bleu4_seen": words["bleu4"], "wer_seen": words["wer"], "rouge_seen": words["rouge"],
                 "hand_ssim": float(np.mean(hands)) if hands else None, "ssim": float(np.mean([scores["ssim"] for scores in alike]))},
                [reading.text for reading in read])
