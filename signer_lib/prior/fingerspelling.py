"""The recorded ASL letters of the spoken-to-signed package, made stable, and how a word is spelled with them. [ours]

The recordings stay in that package; nothing of them is copied into this repository.
"""

from __future__ import annotations

import csv
import unicodedata
from dataclasses import replace
from importlib import resources
from string import ascii_uppercase

import numpy as np
import spoken_to_signed

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import read_pose
from signer_lib.prior.body import Body
from signer_lib.prior.hand_fitting import KNUCKLES
from signer_lib.prior.handshapes import load_handshapes
from signer_lib.prior.lifting import constant_bones, lift_depth, rest_unseen
from signer_lib.prior.stability import cut, fill_gaps, hold_span, low_pass, movement_span

LANGUAGE = "en", "ase"                                    # spoken, signed
LICENCE = "MIT (as published in the spoken-to-signed package)"
HOLD = 0.28                                               # seconds of a letter that stands still
MOVING = {"J": "i", "Z": "1"}                             # letters that move, and the handshape they move with
PLACE = np.array([-0.62, 0.10])                           # x, y of the palm's centre: beside the face, in front of the shoulder
STRAYING = 0.25                                           # share of its distance from there that a letter keeps
DIGITS = ("O", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")      # zero is signed like the letter
SKIPPED = set("-'’‘`´.,:")
PREFIX = "fs-"


def spell(word: str) -> list[str]:
    """The letters of a word or of a gloss ``fs-WORD``, as the prior's glosses: ``fs-R2`` -> ``["R", "TWO"]``.

    Accents are dropped, hyphens and apostrophes passed over. Raises ``SignerError`` for other characters, or if nothing is left.
    """
    bare = word.removeprefix(PREFIX)
    plain = "".join(c for c in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(c)).upper()
    letters = [DIGITS[int(c)] if c in "0123456789" else c for c in plain if c not in SKIPPED]
    strange = [c for c in letters if c not in ascii_uppercase and c not in DIGITS]
    if strange:
        raise SignerError(f"'{bare}' cannot be fingerspelled: '{strange[0]}' is not one of A-Z, 0-9; use Latin letters")
    if not letters:
        raise SignerError(f"'{word}' has no letters to spell: leave it out or write a word")
    return letters


def letter_files() -> dict[str, resources.abc.Traversable]:
    """Letter -> its recording inside the installed spoken-to-signed package.

    Raises ``SignerError`` if the package lacks one.
    """
    folder = resources.files(spoken_to_signed) / "assets" / "fingerspelling_lexicon"
    try:
        rows = list(csv.DictReader((folder / "index.csv").read_text(encoding="utf-8").splitlines()))
        found = {row["words"].upper(): folder / row["path"] for row in rows
                 if (row["spoken_language"], row["signed_language"]) == LANGUAGE}
    except (OSError, KeyError) as error:
        raise SignerError(f"spoken-to-signed has no index of letters ({error}): install spoken-to-signed 0.4 again") from error
    missing = [letter for letter in ascii_uppercase if letter not in found]
    if missing:
        raise SignerError(f"spoken-to-signed has no recording of {', '.join(missing)}: install spoken-to-signed 0.4 again")
    return {letter: found[letter] for letter in ascii_uppercase}


def stable_letter(letter: str, recording: PoseSequence, body: Body) -> PoseSequence:
    """One letter without the way to it and from it: every joint present, right hand at ``PLACE``, left arm and face at rest."""
    steady = low_pass(fill_gaps(recording))
    steady = cut(steady, movement_span(steady) if letter in MOVING else hold_span(steady, HOLD))
    hand = SIGNER70.groups["right_hand"]
    xyz = steady.xyz.copy()
    palm = np.median(xyz[:, hand][:, [0, *KNUCKLES], :2], axis=(0, 1)) - np.median(xyz[:, SIGNER70.index("neck"), :2], axis=0)
    xyz[:, hand, :2] += (1 - STRAYING) * (PLACE - palm)
    handshape = load_handshapes(fitted=False)[MOVING.get(letter, letter.lower())]
    xyz[:, SIGNER70.index("r_elbow")] = np.nan                # it is often a guess, and was not moved
    laid = rest_unseen(constant_bones(lift_depth(replace(steady, xyz=xyz), body), body, handshape), body)
    arm = [SIGNER70.index(f"r_{part}") for part in ("elbow", "wrist")] + list(range(hand.start, hand.stop))
    poses = np.repeat(body.rest()[None], len(laid), axis=0)
    poses[:, arm] = laid.xyz[:, arm]
    return PoseSequence(poses, laid.fps)


def recorded_letters(body: Body, fps: float = 25) -> dict[str, PoseSequence]:
    """A to Z as stable ``signer70`` sequences. J and Z keep their movement; every other letter is a short hold.

    Raises ``SignerError`` if a recording is missing, unreadable, or never shows the hand.
    """
    letters = {}
    for letter, file in letter_files().items():
        with resources.as_file(file) as path:
            letters[letter] = stable_letter(letter, read_pose(path).resample(fps), body)
    return letters
