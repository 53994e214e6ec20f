"""How recognisable signs are: real clips by many signers, each given to the nearest of a set of prototypes, one a gloss. [ours]

    stable-signer prior export --prototypes ours.npz
    python -m signer_lib.metrics.recognition --clips recordings.npz --prototypes "our descriptions=ours.npz" --out results/prior/recognition.json

A score is read against chance, against one real recording a gloss as prototypes, and against the mean of all other recordings.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from signer_lib.errors import SignerError, run
from signer_lib.parsing import read_arrays
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.results import write_result

FRAMES = 16                                  # of every clip, whatever its length
JOINTS = 50                                  # body and hands
ARMS = [SIGNER70.index(f"{side}_{part}") for side in "rl" for part in ("elbow", "wrist")]
HANDS = {"r": SIGNER70.groups["right_hand"], "l": SIGNER70.groups["left_hand"]}
ARM_WEIGHT, HAND_WEIGHT = 1.5, {"r": 1.5, "l": 1.0}
DRAWS = 50                                   # of one recording a gloss


def normalised(poses: PoseSequence) -> np.ndarray:
    """(T, 50, 2) in the picture plane: trimmed to the frames that show a hand, between the shoulders, one shoulder width the unit."""
    xy = poses.xyz[:, :JOINTS, :2].astype(float)
    shown = np.flatnonzero(np.isfinite(xy[:, 8:]).any((1, 2)))
    if len(shown):
        xy = xy[shown[0]:shown[-1] + 1]
    right, left = xy[:, SIGNER70.index("r_shoulder")], xy[:, SIGNER70.index("l_shoulder")]
    result: np.ndarray = (xy - np.nanmedian((right + left) / 2, axis=0)) / np.nanmedian(np.linalg.norm(right - left, axis=-1))
    return result


def mirrored(clip: np.ndarray) -> np.ndarray:
    """The clip (T, 50, 2) by a signer of the other handedness."""
    return clip[:, SIGNER70.mirror[:JOINTS]] * [-1, 1]


def features(clip: np.ndarray) -> np.ndarray:
    """(T, 50, 2) -> (F,) elbows and wrists, and both hands from their wrists, over ``FRAMES`` frames. A missing hand is a point."""
    clip = clip.copy()
    for side, hand in HANDS.items():
        clip[:, hand] = np.where(np.isnan(clip[:, hand]), clip[:, [SIGNER70.index(f"{side}_wrist")]], clip[:, hand])
    clip = np.nan_to_num(clip)
    t = np.linspace(0, len(clip) - 1, FRAMES)
    low = t.astype(int)
    part = (t - low)[:, None, None]
    clip = clip[low] * (1 - part) + clip[np.minimum(low + 1, len(clip) - 1)] * part
    hands = [HAND_WEIGHT[side] * (clip[:, hand] - clip[:, hand.start:hand.start + 1]) for side, hand in HANDS.items()]
    return np.concatenate([part.reshape(FRAMES, -1) for part in (ARM_WEIGHT * clip[:, ARMS], *hands)], axis=1).ravel()


def distances(clips: list[np.ndarray], prototypes: list[np.ndarray]) -> np.ndarray:
    """(N, P) mean squared distance to the nearer of a prototype and its mirror image, since some signers are left-handed."""
    asked = np.stack([features(clip) for clip in clips])
    ways = [np.stack([features(turn(p)) for p in prototypes]) for turn in (lambda clip: clip, mirrored)]
    return np.stack([np.minimum(*(((one - way) ** 2).mean(-1) for way in ways)) for one in asked])       # N P F at once would not fit


def scores(d: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Distances (N, P) and the right prototype of each clip (N,) -> top1, top5 (%), mrr, clips, glosses."""
    rank = (d.argsort(1) == np.asarray(truth)[:, None]).argmax(1)

    def percent(hit: np.ndarray) -> float:
        return round(100 * float(hit.mean()), 2)

    return {"top1": percent(rank == 0), "top5": percent(rank < 5), "mrr": round(float((1 / (rank + 1)).mean()), 4),
            "clips": len(d), "glosses": d.shape[1]}


def recognised(clips: list[tuple[str, np.ndarray]], prototypes: dict[str, np.ndarray]) -> dict[str, float]:
    """The score of prototypes on the clips (gloss, (T, 50, 2)) whose gloss has one. Both ``normalised``."""
    names = sorted({gloss for gloss, _ in clips} & set(prototypes))
    if len(names) < 2:
        raise SignerError(f"{len(names)} of the clips' glosses have a prototype: name clips of glosses that the lexicon holds")
    asked = [(names.index(gloss), clip) for gloss, clip in clips if gloss in names]
    truth, shown = zip(*asked)
    return scores(distances(list(shown), [prototypes[name] for name in names]), np.array(truth))


def one_recording(clips: list[tuple[str, np.ndarray]], seed: int = 0) -> dict[str, float]:
    """One random real recording a gloss as prototypes, the mean over ``DRAWS`` draws: how well a single signer does."""
    names = sorted({gloss for gloss, _ in clips})
    truth, rng, found = np.array([names.index(gloss) for gloss, _ in clips]), np.random.default_rng(seed), []
    d = distances([clip for _, clip in clips], [clip for _, clip in clips])
    for _ in range(DRAWS):
        chosen = np.array([rng.choice(np.flatnonzero(truth == k)) for k in range(len(names))])
        rest = np.setdiff1d(np.arange(len(clips)), chosen)
        found.append(scores(d[np.ix_(rest, chosen)], truth[rest]))
    mean = {key: round(float(np.mean([one[key] for one in found])), 4) for key in ("top1", "top5", "mrr")}
    return mean | {"clips": found[0]["clips"], "glosses": len(names), "draws": DRAWS}


def mean_of_others(clips: list[tuple[str, np.ndarray]]) -> dict[str, float]:
    """For each clip, the mean of all other recordings of every gloss as prototypes: a ceiling for one prototype a gloss."""
    names = sorted({gloss for gloss, _ in clips})
    truth = np.array([names.index(gloss) for gloss, _ in clips])
    straight, turned = (np.stack([features(turn(clip)) for _, clip in clips]) for turn in (lambda clip: clip, mirrored))
    d = np.empty((len(clips), len(names)))
    for i, asked in enumerate(straight):
        others = [np.flatnonzero((truth == k) & (np.arange(len(clips)) != i)) for k in range(len(names))]
        near, far = ([((asked - way[other].mean(0)) ** 2).mean() for other in others] for way in (straight, turned))
        d[i] = np.minimum(near, far)
    return scores(d, truth)


def read_clips(path: Path, aspect: float = 1.0) -> list[tuple[str, np.ndarray]]:
    """Recordings named ``gloss__NN`` -> (gloss in lower case, normalised clip). ``aspect``: the width of a pixel by its height."""
    from signer_lib.pose.formats import read_poses

    return [(name.rsplit("__", 1)[0].lower(), normalised(poses)) for name, poses in read_poses(path, aspect=aspect).items()]


def read_prototypes(path: Path) -> dict[str, np.ndarray]:
    """What ``stable-signer prior export --prototypes`` writes -> gloss: normalised clip."""
    try:
        found = dict(read_arrays(path))
    except (OSError, ValueError) as error:
        raise SignerError(f"{path} holds no prototypes ({error}): make it with  stable-signer prior export --prototypes") from None
    for name, xyz in found.items():
        if xyz.ndim != 3 or xyz.shape[1:] != (JOINTS, 3) or not len(xyz) or xyz.dtype.kind != "f":
            raise SignerError(f"{path}: {name} has shape {xyz.shape} of {xyz.dtype}, not (frames, {JOINTS}, 3) of numbers")
    whole = {name: np.pad(xyz, ((0, 0), (0, len(SIGNER70) - JOINTS), (0, 0)), constant_values=np.nan) for name, xyz in found.items()}
    return {name: normalised(PoseSequence(xyz, 25)) for name, xyz in whole.items()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="recordings, named gloss__NN")
    parser.add_argument("--aspect", type=float, default=1.0, help="the clips' width by their height, where their coordinates are shares of both")
    parser.add_argument("--prototypes", nargs="+", default=[], metavar="NAME=FILE.npz", help="what stable-signer prior export --prototypes wrote")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    named = [pair.partition("=")[::2] for pair in args.prototypes]
    if wrong := [name for name, file in named if not file]:
        raise SignerError(f"'{wrong[0]}' names no file: write NAME=FILE.npz")
    prototypes = {name: read_prototypes(Path(file)) for name, file in named}
    clips = read_clips(args.clips, args.aspect)
    names = {gloss for gloss, _ in clips}
    rows = {"chance": {"top1": 100 / len(names), "top5": 500 / len(names), "clips": len(clips), "glosses": len(names)},
            "one real recording": one_recording(clips)}
    rows |= {name: recognised(clips, signs) for name, signs in prototypes.items()}
    rows["the mean of all other recordings"] = mean_of_others(clips)
    write_result(args.out, {"rows": rows, "seed": 0, "aspect": args.aspect}, "python -m signer_lib.metrics.recognition "
                 f"--clips {args.clips.name} --aspect {args.aspect} --prototypes {' '.join(args.prototypes)}")
    for name, row in rows.items():
        print(f"{name:<36} top-1 {row['top1']:5.1f} %   top-5 {row['top5']:5.1f} %   ({row['clips']:.0f} clips, {row['glosses']:.0f} glosses)")


if __name__ == "__main__":
    run(main)
