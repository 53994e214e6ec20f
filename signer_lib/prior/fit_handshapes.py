"""The handshapes of letters and numbers, fitted to recorded letters and kept where they explain another signer's better. [ours]

    python -m signer_lib.prior.fit_handshapes [--data DIR] [--sheet SHEET.png]

Fitted on the letters of the spoken-to-signed package (``fit_hand``, begun at the designed angles; the median over the frames of the
hold), tested on ASL-App's letters and numbers, which are by another signer and stay where the user has them. A recording pulls a
handshape only ``SHARE`` of the way, since it also holds that signer's hand and habit. A number takes the fit of the letter with
its handshape; a number without such a letter has one recording and so nothing to be tested on: it keeps its designed angles.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from signer_lib.assets import RESULTS, signer_data
from signer_lib.errors import SignerError, run
from signer_lib.files import whole_file
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import read_pose, read_poses
from signer_lib.prior.body import Body, load_body
from signer_lib.prior.fingerspelling import DIGITS, HOLD, MOVING, letter_files
from signer_lib.prior.hand_fitting import fit_hand, hand_scale, palm_rotation
from signer_lib.prior.handshapes import ANGLES, HAND, LEXICON, load_handshapes
from signer_lib.prior.kinematics import HAND_LIMITS
from signer_lib.prior.stability import cut, fill_gaps, hold_span, low_pass, repair_labels, right_handed
from signer_lib.results import write_result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FITTED = LEXICON / "handshapes_fitted.yaml"
ASL_APP = "asl_app/signs_pose33_lh21_rh21_face33.npz"
SHARE = 0.7                             # of the way from the designed to the recorded angles
LEAST_GAP = 0.025                       # shoulder widths between the middles of two digits that touch; some designed ones come as near
GAIN = 0.05                             # least share by which a fit's error on the other recording must be lower
SAME = {"2": "v", "6": "w", "9": "f"}   # number -> the letter with its handshape
TEST_FRAMES = 3                         # of a hold
TURNS = np.radians([[0, 0, 0], [30, 0, 0], [-30, 0, 0], [0, 35, 0], [0, -35, 0]])      # where laying a hand begins: a palm may be foreshortened
LARGEST_TURN, LARGEST_SHIFT, LARGEST_STRETCH = 2.0, 0.3, 0.35


def held(recording: PoseSequence) -> np.ndarray:
    """(T, 21, 3) the hand that signs, as a right hand, while it is held. Raises ``SignerError`` if it is never seen."""
    steady = low_pass(fill_gaps(right_handed(repair_labels(recording)).resample(25)))
    hands = cut(steady, hold_span(steady, HOLD)).group("right_hand").astype(float)
    result: np.ndarray = hands[np.isfinite(hands).all((1, 2))]
    return result


def digit_gap(handshape: np.ndarray, body: Body) -> float:
    """The least distance between the middles of two digits, palm excluded, of a handshape (21,), shoulder widths."""
    points, along = body.hand_points(handshape[None])[0], np.linspace(0, 1, 7)[:, None]
    first = {0: (2, 3), **dict.fromkeys(range(1, 5), (1, 2, 3))}         # a digit's free bones, by the joint they begin at
    digits = [np.concatenate([points[4 * d + k] * (1 - along) + points[4 * d + k + 1] * along for k in joints]) for d, joints in first.items()]
    result: float = min(cdist(a, b).min() for a, b in combinations(digits, 2))
    return result


def fitted(hands: np.ndarray, designed: np.ndarray, body: Body) -> np.ndarray:
    """(21,) whole degrees from a held hand (T, 21, 3) and the handshape it is meant to be (21,).

    As far as ``SHARE`` of the way to the recording, but not so far that digits pass through each other.
    """
    recorded = np.median(fit_hand(hands, body, designed)[0], axis=0)
    least = min(LEAST_GAP, digit_gap(designed, body))
    for share in np.linspace(SHARE, 0, 8):
        angles: np.ndarray = np.clip(designed + share * (recorded - designed), *HAND_LIMITS.T).round()
        if digit_gap(angles, body) >= least:
            return angles
    return designed


def lay(hand: np.ndarray, handshape: np.ndarray, body: Body) -> tuple[np.ndarray, np.ndarray, float]:
    """The Body's hand in a handshape (21,), turned, moved and scaled to look most like a recorded one (21, 3).

    Returns its joints (21, 3), the recorded ones at the Body's scale (21, 3), and the mean distance in the picture, shoulder widths.
    """
    target, points = (hand - hand[0]) / hand_scale(hand[None], body), body.hand_points(handshape[None])[0]
    first = palm_rotation(hand[None])[0]

    def laid(x: np.ndarray) -> np.ndarray:                # x: turn 3, shift 2, log of the scale
        result: np.ndarray = np.exp(x[5]) * points @ (Rotation.from_rotvec(x[:3]).as_matrix() @ first).T + np.array([*x[3:5], 0])
        return result

    bound = np.repeat([LARGEST_TURN, LARGEST_SHIFT, LARGEST_STRETCH], [3, 2, 1])
    tries = [least_squares(lambda x: (laid(x) - target)[:, :2].ravel(), [*turn, 0, 0, 0], bounds=(-bound, bound)) for turn in TURNS]
    best = laid(min(tries, key=lambda found: found.cost).x)
    return best, target, float(np.linalg.norm((best - target)[:, :2], axis=-1).mean())


def picture_error(hands: np.ndarray, handshape: np.ndarray, body: Body) -> float:
    """Mean over a few frames of a held hand (T, 21, 3): how far a handshape (21,) stays from it in the picture, shoulder widths."""
    frames = np.unique(np.linspace(0, len(hands) - 1, TEST_FRAMES).round().astype(int))
    return float(np.mean([lay(hands[k], handshape, body)[2] for k in frames]))


def compare(fit_on: dict[str, np.ndarray], test_on: dict[str, np.ndarray], designed: dict[str, np.ndarray],
            body: Body) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    """Held hands by handshape -> fitted angles (21,) by handshape, and a row of errors and the choice for each."""
    angles = {name: fitted(hands, designed[name], body) for name, hands in fit_on.items()}
    angles |= {number: angles[letter] for number, letter in SAME.items() if letter in angles}
    rows: dict[str, dict[str, Any]] = {}

    def error(hands: np.ndarray, shape: np.ndarray) -> float:
        return round(picture_error(hands, shape, body), 4)

    for name, hands in test_on.items():
        rows[name] = {"test_designed": error(hands, designed[name])}
        if name in angles:
            rows[name]["test_fitted"] = error(hands, angles[name])
        if name in fit_on:
            rows[name] |= {"fit_designed": error(fit_on[name], designed[name]), "fit_fitted": error(fit_on[name], angles[name])}
        rows[name]["kept"] = "fitted" if rows[name].get("test_fitted", 1) < (1 - GAIN) * rows[name]["test_designed"] else "designed"
    return angles, rows


def summary(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Means over the letters: the errors of every row, and on the test recordings if each takes what it keeps."""
    letters = [row for row in rows.values() if "fit_fitted" in row]
    means = {name: round(float(np.mean([row[name] for row in letters])), 4) for name in letters[0] if name != "kept"}
    return means | {"test_kept": round(float(np.mean([row[f"test_{row['kept']}"] for row in letters])), 4), "letters": len(letters),
                    "letters_lower_on_test": sum(row["test_fitted"] < row["test_designed"] for row in letters),
                    "fitted_kept": sum(row["kept"] == "fitted" for row in rows.values())}


def write_fitted(path: Path, angles: dict[str, np.ndarray], rows: dict[str, dict[str, Any]], command: str) -> None:
    """The fits that are kept, in the format of handshapes.yaml."""
    lines = ["# Handshapes fitted to recorded letters, each to be used in place of the designed one in handshapes.yaml. [ours]", "# Written by",
             f"#   {command}", "# Recordings: the ASL letters of the spoken-to-signed package (MIT). Tested on those of ASL-App (MIT), by another",
             "# signer; behind each handshape stand its errors there in shoulder widths: designed -> fitted.", "handshapes:"]
    for name, row in rows.items():
        if row["kept"] == "fitted":
            whole = iter(angles[name].astype(int).tolist())
            fingers = ", ".join(f"{finger}: {[next(whole) for _ in ANGLES[finger]]}" for finger in HAND)
            lines.append(f"  '{name}': {{{fingers}}}   # {row['test_designed']:.4f} -> {row['test_fitted']:.4f}")
    with whole_file(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_sheet(path: Path, fit_on: dict[str, np.ndarray], test_on: dict[str, np.ndarray], designed: dict[str, np.ndarray],
               angles: dict[str, np.ndarray], body: Body) -> None:
    """A picture, a letter a row: designed, fitted and recorded hand, for the recording fitted on and the one tested on."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(10, 1.6 * len(fit_on)), layout="constrained")
    for row, axes in zip(fit_on, figure.subplots(len(fit_on), 6, squeeze=False)):
        for k, (kind, hands) in enumerate((("fit", fit_on[row]), ("test", test_on[row]))):
            hand = hands[len(hands) // 2]
            for axis, title, shape in zip(axes[3 * k:3 * k + 2], ("designed", "fitted"), (designed[row], angles[row])):
                points, target, error = lay(hand, shape, body)
                _draw_hand(axis, points, f"{row} {title} {error:.3f}")
            _draw_hand(axes[3 * k + 2], target, f"{row} recorded ({kind})")
    with whole_file(path) as part:
        figure.savefig(part, dpi=80)


def _draw_hand(axis: Axes, points: np.ndarray, title: str) -> None:
    digits = [[0, 1, 2, 3, 4], *([k, k + 1, k + 2, k + 3] for k in (5, 9, 13, 17))]
    bones = [([a, b], f"C{k}", 4) for k, joints in enumerate(digits) for a, b in zip(joints, joints[1:])]
    for joints, colour, width in sorted([*bones, ([0, 5, 9, 13, 17, 0], "grey", 2)], key=lambda bone: points[bone[0], 2].mean()):
        axis.plot(*points[joints, :2].T, color="black", lw=width + 1.5, solid_capstyle="round")
        axis.plot(*points[joints, :2].T, color=colour, lw=width, solid_capstyle="round")
    axis.set_aspect("equal")
    axis.set_title(title, fontsize=7)
    axis.axis("off")


def recordings(data: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Held hands by handshape: of the installed letters, and of ASL-App's letters and numbers in a data folder. Raises ``SignerError``."""
    app, letters = read_poses(data / ASL_APP), {}
    for letter, file in letter_files().items():
        if letter not in MOVING:
            with resources.as_file(file) as path:
                letters[letter.lower()] = held(read_pose(path))
    clips = {name: name for name in letters} | {str(k): word.lower() for k, word in enumerate(DIGITS[1:], start=1)}
    if missing := [clip for clip in clips.values() if clip not in app]:
        raise SignerError(f"{data / ASL_APP} has no clip of {', '.join(missing[:5])}: it is to have one of each letter and number")
    return letters, {name: held(app[clip]) for name, clip in clips.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m signer_lib.prior.fit_handshapes", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=signer_data(), help=f"folder of the recordings, with {ASL_APP} (default: $SIGNER_DATA)")
    parser.add_argument("--out", type=Path, default=FITTED)
    parser.add_argument("--result", type=Path, default=RESULTS / "prior" / "handshapes.json")
    parser.add_argument("--sheet", type=Path, help="also draw the hands to this picture")
    args = parser.parse_args()
    if args.data is None:
        raise SignerError("there are no recordings to test on here: give their folder with --data DIR")
    body, designed = load_body(), load_handshapes(fitted=False)
    fit_on, test_on = recordings(args.data)
    angles, rows = compare(fit_on, test_on, designed, body)
    command = shlex.join(["python", "-m", "signer_lib.prior.fit_handshapes", *sys.argv[1:]])
    write_fitted(args.out, angles, rows, command)
    mean = summary(rows)
    result = {"mark": "ours", "what": "mean distance in the picture between a recorded held hand and a handshape laid on it, shoulder widths",
              "fitted_on": "spoken-to-signed, ASL letters", "tested_on": "ASL-App, letters and numbers 1-9, another signer",
              "note": "the test errors chose share (from 0.4, 0.7, 1) and what is kept, so test_kept is optimistic",
              "body": body.name, "share": SHARE, "least_gain": GAIN, "mean": mean, "handshapes": rows}
    write_result(args.result, result, command)
    if args.sheet:
        draw_sheet(args.sheet, fit_on, test_on, designed, angles, body)
    print(", ".join(f"{name} {value}" for name, value in mean.items()))
    print("designed kept:", ", ".join(name for name, row in rows.items() if row["kept"] == "designed"))


if __name__ == "__main__":
    run(main)
