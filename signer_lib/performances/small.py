"""A small data folder made on the spot, for lessons and tests: few glosses, few signers, few sentences. [ours]

Its signers do what the shipped prior holds a little differently, each in a manner of their own; so nothing has to be compiled. It is
laid out like data set (a) without the judge, and whatever is measured on it says nothing about data set (a).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.performances.folder import write_split
from signer_lib.performances.natural import FPS
from signer_lib.performances.sentences import fits, new_sentences, performances
from signer_lib.performances.signers import SIGNERS, Signer, slipped
from signer_lib.performances.trajectory import Trajectory
from signer_lib.performances.units import units_of
from signer_lib.prior import table
from signer_lib.prior.body import load_body
from signer_lib.prior.compiler import CITATION
from signer_lib.prior.database import Candidate, Prior
from signer_lib.prior.fingerspelling import PREFIX

CAST = {"prior": ("quick", "left", "shaking"), "train": ("train-1", "train-2"), "dev": ("dev-1",), "test": ("test-1",)}
SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}        # of the sentences
DRAWN = 2000                                           # sentences among which those of few glosses are found
NEEDED = {"IX-1"}                                      # tells which signers a pool has


def make_small(folder: Path | str, sentences: int = 150, glosses: int = 60, seed: int = 0) -> dict[str, int]:
    """Pools (prior, train, dev, test) and the splits train, dev and test of new sentences that need no more than ``glosses`` signs and letters.

    The prior's pool has the shipped candidates of these signs and letters, and three signers more. -> how many sentences each split has
    Raises ``SignerError`` for fewer than 10 sentences, too few glosses, or a folder that holds pools already.
    """
    folder, shipped, names = Path(folder), Prior.open(), {name for pool in CAST.values() for name in pool}
    if sentences < 10:
        raise SignerError(f"{sentences} sentences cannot be split into train, dev and test: ask for 10 or more")
    if (folder / "pools").exists():
        raise SignerError(f"{folder} holds pools already: choose another folder")
    found = _of_few_glosses(sentences, glosses, seed, shipped)
    wanted = sorted({unit.name for _, signed in found for unit in units_of(signed, shipped)} | NEEDED)
    signers = {signer.name: signer for signer in SIGNERS if signer.name in names}
    for pool, cast in CAST.items():
        own = Prior.new(folder / "pools" / pool)
        if pool == "prior":
            own.add(_row(c) for gloss in wanted for c in shipped.candidates(gloss))
        own.add(row for name in cast for row in renditions(signers[name], wanted, shipped, seed))
    counts, at = {split: round(share * sentences) for split, share in SHARES.items()}, 0
    for split, count in counts.items():
        counts[split] = write_split(folder, split, performances(split, found[at:at + count], Prior.load(folder / "pools" / split), seed))
        at += count
    about = {"which": "small", "sentences": counts, "glosses": len(wanted), "seed": seed}
    (folder / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    return counts


def renditions(signer: Signer, glosses: Iterable[str], shipped: Prior, seed: int = 0) -> Iterator[dict[str, Any]]:
    """The shipped citation form of each sign as this signer does it: rows of a prior's table."""
    body = load_body()
    for gloss in glosses:
        of_citation = next((c for c in shipped.candidates(gloss) if c.variant == CITATION.name), shipped.candidates(gloss)[0])
        rng = np.random.default_rng([seed, crc32(f"{signer.name} {gloss}".encode())])
        poses = of_citation.poses.resample(FPS)
        path = Trajectory.of(poses.xyz).sized(signer.variant.size)
        path = path.stretch(max(6, round(len(path) / signer.variant.speed)))
        done = slipped(path.poses(FPS), body, body, rng, signer.shake)
        yield table.clip_row(gloss, signer.name, done.mirrored() if signer.variant.handed == "left" else done, source=of_citation.source,
                             licence=of_citation.licence, signer=signer.name, phonology=of_citation.phonology)


def _of_few_glosses(count: int, glosses: int, seed: int, prior: Prior) -> list[tuple[str, list[str]]]:
    """The first ``count`` new sentences that the most frequent ``glosses`` signs are enough for."""
    drawn = new_sentences(DRAWN, seed, lambda signed: fits(units_of(signed, prior)))
    signs = Counter(gloss for _, signed in drawn for gloss in signed if not gloss.startswith(PREFIX))
    common = {gloss for gloss, _ in signs.most_common(glosses)}

    def few(signed: Iterable[str]) -> bool:
        return all(gloss in common or gloss.startswith(PREFIX) for gloss in signed)

    found = [(text, signed) for text, signed in drawn if few(signed)][:count]
    if len(found) < count:
        raise SignerError(f"{glosses} signs are enough for {len(found)} sentences, not for {count}: allow more signs, or ask for fewer sentences")
    return found


def _row(c: Candidate) -> dict[str, Any]:
    return table.clip_row(c.gloss, c.variant, c.poses, source=c.source, licence=c.licence, signer=c.signer, phonology=c.phonology)
