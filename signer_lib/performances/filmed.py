"""Performed sentences as clips of the studio's signers, with poses and SLUL's states: what a renderer learns from. [ours]

    python -m signer_lib.performances.filmed --data out/rules --out out/clips

The folder is laid out as ``render.renderer.data`` reads it. A clip is an excerpt of one sentence by one signer in one style. There are four
splits: train and dev; test, of held-out sentences; and test_body, of the same held-out sentences by a body that is in no other split. Its looks
are those of a trained signer, whose name it bears: a renderer can only be asked for looks that it knows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from zlib import crc32

import numpy as np

from signer_lib.errors import SignerError, run
from signer_lib.files import filling, whole_file
from signer_lib.language.slul import SLUL, GlossSentence, load_slul
from signer_lib.performances.folder import Performed, read_split
from signer_lib.progress import progress
from signer_lib.render.studio import CROSSED, HELD_OUT, LOOKS, STYLES, check_size, check_style, load_signer
from signer_lib.render.studio.filming import Shot, film_all
from signer_lib.results import commit, read_result

SOURCES = {"train": "train", "dev": "dev", "test": "test", "test_body": "test"}     # a split of clips -> the split of sentences that it shows
OTHER_BODY = next(name for name, (body, _) in CROSSED.items() if body == HELD_OUT)
METADATA = "metadata.jsonl"


@dataclass(frozen=True)
class Filming:
    """What is filmed. clips: how many of each split, 0 leaves it out; the pairs of ``signers`` and ``styles`` take turns.

    size pixels a side.   frames, test_frames of one clip, in train and dev and in the tests; 0: whole sentences.   slul: a folder, None: the shipped.
    Raises ``SignerError`` for what cannot be filmed.
    """

    clips: dict[str, int] = field(default_factory=lambda: {"train": 560, "dev": 32, "test": 32, "test_body": 16})
    size: int = 256
    frames: int = 20
    test_frames: int = 75
    signers: tuple[str, ...] = tuple(name for name in LOOKS if name != HELD_OUT)
    styles: tuple[str, ...] = STYLES
    seed: int = 1
    slul: str | None = None

    def __post_init__(self) -> None:
        check_size(self.size)
        for style in self.styles:
            check_style(style)
        for signer in self.signers:
            if load_signer(signer).name in (HELD_OUT, *CROSSED):
                raise SignerError(f"the body of {signer} is held out for the split test_body: film others")
        if min(self.frames, self.test_frames, *self.clips.values()) < 0 or not any(self.clips.values()):
            raise SignerError("frames and clips are counted from 0, and some split needs a clip")
        if self.clips["test_body"] and CROSSED[OTHER_BODY][1] not in self.signers:
            raise SignerError(f"test_body wears the looks of {CROSSED[OTHER_BODY][1]}: film this signer too, or no clips of test_body")

    def pairs(self, split: str) -> list[tuple[str, str]]:
        """(the studio's signer, style) of a split."""
        return list(product([OTHER_BODY] if split == "test_body" else self.signers, self.styles))


def excerpts(lengths: list[int], count: int, frames: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """``count`` times (sentence, first frame, frame after the last), of ``frames`` or as many as there are, in an order by chance.

    All sentences come equally often, or one time more; the excerpts of one lie in successive parts of it, somewhere between its ends.
    """
    found, order = [], rng.permutation(len(lengths))
    for k in range(count):
        turn, at = divmod(k, len(order))
        turns, whole = -(-(count - at) // len(order)), lengths[order[at]]
        size = min(frames or whole, whole)
        first = int((turn + rng.random()) / turns * (whole - size + 1))
        found.append((int(order[at]), first, first + size))
    return found


def cast(pairs: list[tuple[str, str]], count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Every pair once, in an order by chance, and so on until there are ``count``: no pair comes more than one time more than another."""
    turns = [rng.permutation(len(pairs)) for _ in range(-(-count // len(pairs)))]
    return [pairs[k] for k in np.concatenate(turns)[:count]]


def signed_in(row: Performed, sentence: GlossSentence, first: int, stop: int) -> dict[str, np.ndarray]:
    """What SLUL says of the glosses that are signed in the frames [first, stop), and their frames there, counted from ``first``."""
    frames = [[(span.start, span.stop) for span in row.spans if span.unit is not None and row.units[span.unit].gloss == k]
              for k in range(len(row.glosses))]
    spans = np.array([(min(starts), max(stops)) for starts, stops in (zip(*parts) for parts in frames)]).clip(first, stop) - first
    here = spans[:, 0] < spans[:, 1]
    return {"states": sentence.states.numpy()[here], "context": sentence.context.numpy(), "spans": spans[here]}


def read_right(data: Path, split: str, slul: SLUL) -> list[tuple[Performed, GlossSentence]]:
    """The sentences that SLUL reads as they are glossed: of others it has no states. Raises ``SignerError`` if there are none."""
    performed = read_split(data, split)
    found = [(row, sentence) for row, sentence in zip(performed, slul.translate([row.text for row in performed], beams=1))
             if sentence.glosses == row.glosses]
    if not found:
        raise SignerError(f"SLUL reads none of the {len(performed)} sentences of {split} in {data} as they are glossed: use another SLUL")
    return found


def shots(read: list[tuple[Performed, GlossSentence]], split: str, filming: Filming) -> Iterator[Shot]:
    """The clips of a split; those of test_body show what the first clips of test show."""

    def rng(name: str) -> np.random.Generator:
        return np.random.default_rng([filming.seed, crc32(name.encode())])

    count, frames = filming.clips[split], filming.test_frames if SOURCES[split] == "test" else filming.frames
    chosen = excerpts([len(row.poses) for row, _ in read], count, frames, rng(f"excerpts {SOURCES[split]}"))
    pairs = cast(filming.pairs(split), count, rng(f"cast {split}"))
    for k, ((at, first, stop), (who, style)) in enumerate(zip(chosen, pairs)):
        row, sentence = read[at]
        body, signer = CROSSED.get(who, (who, who))
        line = {"file_name": f"{k:05d}.mp4", "poses_file_name": f"{k:05d}.pose", "states_file_name": f"{k:05d}.safetensors", "style": style,
                "signer": signer, "text": row.text, "body": body, "sentence": row.name, "first_frame": first}
        poses = replace(row.poses, xyz=row.poses.xyz[first:stop], confidence=row.poses.confidence[first:stop])
        yield Shot(line, who, poses, signed_in(row, sentence, first, stop))


def make_clips(data: Path | str, out: Path | str, filming: Filming = Filming(), workers: int = 1) -> dict[str, int]:
    """Film all splits, each whole or not at all; a split that is there already is kept. -> how many clips each has

    Raises ``SignerError`` if ``out`` holds clips that were made otherwise, or for less than one worker.
    """
    if workers < 1:
        raise SignerError(f"somebody has to film: give 1 worker or more, not {workers}")
    data, out, made = Path(data), Path(out), {}
    about = json.loads(json.dumps({"which": "clips", "data": data.name, "filming": asdict(filming), "commit": commit()}))
    if not (out / "about.json").is_file():
        with whole_file(out / "about.json") as part:
            part.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    elif read_result(out / "about.json") != about:
        raise SignerError(f"{out} holds clips that were made otherwise, see its about.json: choose another --out, or delete it")
    slul = load_slul(filming.slul)
    for split, count in filming.clips.items():
        if count and not (out / split / METADATA).is_file():
            waiting = shots(read_right(data, SOURCES[split], slul), split, filming)
            with filling(out / split) as part:                      # moved in the order of their names, the metadata last
                rows = list(progress(film_all(waiting, part, filming.size, workers), split, count))
                (part / METADATA).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        if count:
            made[split] = len((out / split / METADATA).read_text(encoding="utf-8").splitlines())
    return made


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.performances.filmed", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    plan = Filming()
    parser.add_argument("--data", type=Path, required=True, help="a folder of performed sentences: python -m signer_lib.performances")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, nargs=len(SOURCES), default=list(plan.clips.values()), metavar=tuple(SOURCES),
                        help="how many of each split, 0 for none (default: %(default)s)")
    parser.add_argument("--size", type=int, default=plan.size, help="pixels a side (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=plan.frames, help="of a clip of train or dev, 0 for whole sentences (default: %(default)s)")
    parser.add_argument("--test-frames", type=int, default=plan.test_frames, help="the same of the tests (default: %(default)s)")
    parser.add_argument("--signers", nargs="+", default=plan.signers, help="default: all but the one that is held out")
    parser.add_argument("--styles", nargs="+", default=plan.styles, help="default: all")
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--slul", help="a folder; default: the shipped model. The renderer is used with the states of the same one")
    parser.add_argument("--workers", type=int, default=1, help="processes that film (default: %(default)s)")
    args = parser.parse_args()
    filming = Filming(dict(zip(SOURCES, args.clips)), args.size, args.frames, args.test_frames, tuple(args.signers), tuple(args.styles), args.seed,
                      args.slul)
    made = make_clips(args.data, args.out, filming, args.workers)
    print(f"{args.out}: " + ", ".join(f"{count} {split}" for split, count in made.items()))


if __name__ == "__main__":
    run(main)
