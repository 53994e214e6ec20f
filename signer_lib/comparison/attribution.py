"""Where errors enter: the same test sentences with the truth put in at each stage in turn, in the hierarchy and in the cascade. [ours]

    python -m signer_lib.comparison.attribution --data out/rules --experts out/full-1 --regressions out/regression-1 \\
        --judge data/checkpoints/back-translation-nano --work out/attribution --out results/end_to_end/attribution.json

Poses are scored on all test sentences; frames, if there is a judge of frames (``--seen-judge``), on ``--video`` of them. Every finished row is kept
in ``--work`` and not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from signer_lib.assets import CHECKPOINTS, RENDERER
from signer_lib.baselines.regression import Regression
from signer_lib.checkpoint import load_json
from signer_lib.comparison.chains import CASCADE, GIVEN, HIERARCHY, Cascade, Chain, Hierarchy
from signer_lib.comparison.stage_scores import SEEN, StageScores
from signer_lib.comparison.systems import Asked
from signer_lib.errors import SignerError, run
from signer_lib.experts.model import SLPMoE
from signer_lib.language.slul import load_slul
from signer_lib.metrics.back_translation import BackTranslation
from signer_lib.results import write_result

FRAMES = "frames"                       # given in the last row: the truth's poses as the studio shows them
STAGES = {("nothing", "glosses"): "understanding", ("glosses", "choice"): "choice", ("choice", "poses"): "poses", ("glosses", "poses"): "poses",
          ("poses", FRAMES): "rendering"}
BETTER = {"bleu4": 1, "bleu4_glosses": 1, "rouge": 1, "wer": -1, "hand_error": -1, "dtw_mje": -1, "rhythm_error": -1, "gloss_wer": -1,
          "bleu4_seen": 1, "rouge_seen": 1, "wer_seen": -1, "hand_ssim": 1, "ssim": 1}                  # measure -> which way is better
SAMPLES, BOOTSTRAP_SEED = 1000, 1
WANTED = 1.486                          # of the goal: times the cascade's BLEU-4 [paper: +48.6 %]


def losses(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each stage costs in each measure: what is gained when the truth does its work too. Mean and std over the seeds.

    In the measure's own unit, above 0 where the stage costs something; below 0 where the truth comes out worse than what stands in for it.
    std is None for one seed.
    """
    found = []
    for chain in dict.fromkeys(row["chain"] for row in rows):
        own = {(row["given"], row["seed"]): row for row in rows if row["chain"] == chain}
        given = [name for name in (*GIVEN, FRAMES) if any(name == one for one, _ in own)]
        for before, after in zip(given, given[1:]):
            for measure, sign in BETTER.items():
                if after == FRAMES and measure not in SEEN:                     # the poses are the same: there is nothing that rendering could cost
                    continue
                pairs = [(own[before, seed][measure], row[measure]) for (name, seed), row in own.items() if name == after and (before, seed) in own]
                gains = [sign * (b - a) for a, b in pairs if a is not None and b is not None]
                gains = gains[:1] if after == FRAMES else gains                 # the truth's poses and frames are the same for every seed
                if gains:
                    found.append({"chain": chain, "stage": STAGES[before, after], "measure": measure, "mean": float(np.mean(gains)),
                                  "std": float(np.std(gains, ddof=1)) if len(gains) > 1 else None, "seeds": len(gains)})
    return found


def ratio_interval(ours: list[list[str]], theirs: list[list[str]], truth: list[str], samples: int = SAMPLES,
                   seed: int = BOOTSTRAP_SEED) -> dict[str, Any]:
    """BLEU-4 of what is read in two chains, the mean over each one's seeds, their ratio and its 95 % interval by a paired bootstrap.

    ours, theirs: for each seed N texts. In every one of ``samples`` draws both are scored on the same N sentences, drawn with replacement.
    -> hierarchy, cascade, ratio, interval (None where a ratio cannot be taken, the cascade's BLEU-4 being 0)
    """
    counts = [np.stack([_counted(*pair) for pair in zip(texts, truth, strict=True)]) for texts in (*ours, *theirs)]          # (N, 10) each

    def means(rows: np.ndarray) -> tuple[float, float]:
        found = [_bleu(each[rows].sum(0)) for each in counts]
        return float(np.mean(found[:len(ours)])), float(np.mean(found[len(ours):]))

    whole = means(np.arange(len(truth)))
    rng = np.random.default_rng(seed)
    drawn = [means(rng.integers(0, len(truth), len(truth))) for _ in range(samples)]
    ratios = [a / b if b > 0 else np.inf for a, b in drawn]
    ends = np.quantile(ratios, [0.025, 0.975], method="inverted_cdf") if whole[1] > 0 else [np.inf, np.inf]

    def finite(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    return {"hierarchy": whole[0], "cascade": whole[1], "ratio": whole[0] / whole[1] if whole[1] > 0 else None, "interval": [*map(finite, ends)]}


def _counted(text: str, truth: str) -> np.ndarray:
    """(10,) what sacrebleu's corpus BLEU adds up over sentences: matches and n-grams of orders 1 to 4, and both lengths."""
    found = BLEU(tokenize="none", force=True, effective_order=True).sentence_score(text, [truth])
    return np.array([*found.counts, *found.totals, found.sys_len, found.ref_len])


def _bleu(counts: np.ndarray) -> float:
    return BLEU.compute_bleu([*map(int, counts[:4])], [*map(int, counts[4:8])], int(counts[8]), int(counts[9]), smooth_method="exp").score


# --- what is compared ---------------------------------------------------------------------------------------------------
def seeds_of(folders: list[Path]) -> dict[int, Path]:
    """Seed -> the folder of the model trained with it. Raises ``SignerError`` for two with the same, or no trained model."""
    found: dict[int, Path] = {}
    for folder in folders:
        seed = load_json(folder, "training.json", ("seed",))["seed"]
        if seed in found:
            raise SignerError(f"{found[seed]} and {folder} were both trained with seed {seed}: name models of different seeds")
        found[seed] = folder
    return found


def fingerprint(folder: Path | None) -> str | None:
    """A model's folder and eight letters of its weights."""
    if folder is None:
        return None
    weights = hashlib.sha256()
    for path in sorted(Path(folder).rglob("*.safetensors")):
        weights.update(path.read_bytes())
    return f"{Path(folder).name} {weights.hexdigest()[:8]}"


def kept(path: Path, told: dict[str, Any], make: Callable[[], dict[str, Any]], command: str) -> dict[str, Any]:
    """What ``make`` gave when the file was written, or gives now. Raises ``SignerError`` if the file was made with other settings than ``told``."""
    told = json.loads(json.dumps(told))
    if not path.is_file():
        write_result(path, make() | {"told": told}, command)
    found = load_json(path.parent, path.name, ("told",))
    if found["told"] != told:
        other = next(key for key in sorted({*told, *found["told"]}) if told.get(key) != found["told"].get(key))
        raise SignerError(f"{path} was made with {other} {found['told'].get(other)}, not {told.get(other)}: choose another --work, or delete it")
    return found


class Setup:
    """The data, the judges and the screen that the command's options name: what both studies of this stage begin with."""

    def __init__(self, args: argparse.Namespace):
        if (args.seen_judge is None) != (args.video == 0):
            raise SignerError("frames are measured with --seen-judge DIR and --video N together: give both or none")
        self.asked = Asked(args.data, slul=args.slul, most=args.sentences)
        self.slul = load_slul(args.slul)
        judge = BackTranslation.from_pretrained(args.judge)
        told = self.slul.state_of([row.text for row in self.asked.truth], [row.glosses for row in self.asked.truth])
        screen, studio = None, None
        if args.seen_judge is not None:
            from signer_lib.comparison.screen import Screen
            show = partial(Screen, detector=args.detector, judge=args.seen_judge, style=args.style, signer=args.signer, every=args.every,
                           work=args.work / "frames")
            screen = show(args.renderer)
            studio = show("studio", size=screen.size) if find_spec("vtkmodules") else None                    # else nobody can draw the true frames
        self.scores = StageScores(self.asked, judge, told, screen, studio, args.video)
        self.settings = {"data": args.data.name, "sentences": len(self.asked.truth), "slul": fingerprint(args.slul or CHECKPOINTS / "slul-nano"),
                         "judge": fingerprint(args.judge), "video": args.video}
        if screen:
            self.settings |= {"seen_judge": fingerprint(args.seen_judge), "renderer": fingerprint(args.renderer),
                              "detector": fingerprint(args.detector), "style": args.style, "signer": args.signer, "every": args.every,
                              "frames_against": "the studio's" if studio else "the renderer's own of the true poses"}


def typed(args: argparse.Namespace, program: str, *more: str | Path) -> str:
    """The command as results keep it: names of folders, not where they lie. ``more``: what only this command has."""
    named = ["data", "slul", "judge"] + ["seen_judge", "renderer", "detector"] * (args.seen_judge is not None)
    words = [word for name in named if (path := getattr(args, name)) for word in (f"--{name.replace('_', '-')}", path.name)]
    words += ["--sentences", str(args.sentences)] if args.sentences else []
    if args.seen_judge is not None:
        words += ["--video", str(args.video), "--style", args.style, "--signer", args.signer, "--every", str(args.every)]
    own = [word.name if isinstance(word, Path) else word for word in more]
    return shlex.join(["python", "-m", f"signer_lib.comparison.{program}", *words, *own, "--out", str(args.out)])


def options(description: str) -> argparse.ArgumentParser:
    """The options of ``Setup``, and where things go."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="performed sentences: python -m signer_lib.performances")
    parser.add_argument("--slul", type=Path, help="default: the shipped one")
    parser.add_argument("--judge", type=Path, required=True, help="of poses")
    parser.add_argument("--seen-judge", type=Path, help="of frames; without it only poses are measured")
    parser.add_argument("--renderer", type=Path, default=RENDERER)
    parser.add_argument("--detector", type=Path, default=CHECKPOINTS / "keypoints")
    parser.add_argument("--style", default="studio")
    parser.add_argument("--signer", default="default")
    parser.add_argument("--every", type=int, default=1, help="show every so many-th frame, which stands for those after it (default: each)")
    parser.add_argument("--video", type=int, default=0, help="of how many sentences frames are measured")
    parser.add_argument("--sentences", type=int, help="of how many sentences poses are measured (default: all)")
    parser.add_argument("--work", type=Path, required=True, help="where finished rows are kept")
    parser.add_argument("--out", type=Path, required=True)
    return parser


def given_in(setup: Setup, chain: Chain, given: str, filmed: bool) -> Callable[[], dict[str, Any]]:
    """How a row of the table comes about: its measures, of frames too if it is ``filmed``, and the texts that were read."""
    def make() -> dict[str, Any]:
        made = setup.scores.truth if given in ("poses", FRAMES) else chain.make(setup.asked.truth, given)
        row, read = setup.scores.row(made, studio=given == FRAMES, filmed=filmed)
        return {"row": row, "read": read}
    return make


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__)
    parser.add_argument("--experts", type=Path, nargs="+", required=True, help="trained SLP-MoE, one for each seed")
    parser.add_argument("--regressions", type=Path, nargs="+", required=True, help="trained pose regressions, one for each seed")
    parser.add_argument("--text2gloss", type=Path, help="the cascade's own SLUL (default: the same)")
    parser.add_argument("--video-seeds", type=int, help="frames of so many models of each chain, the first ones, and of the truth (default: all)")
    args = parser.parse_args(arguments)
    if args.video_seeds is not None and args.video_seeds < 1:
        raise SignerError(f"frames of the models of {args.video_seeds} seeds are none: give --video-seeds 1 or more, or leave --video away")
    setup = Setup(args)
    command = typed(args, "attribution", "--experts", *args.experts, "--regressions", *args.regressions,
                    *(["--text2gloss", args.text2gloss] if args.text2gloss else []),
                    *(["--video-seeds", str(args.video_seeds)] if args.video_seeds else []))
    reader = load_slul(args.text2gloss) if args.text2gloss else setup.slul
    chains: dict[str, tuple[list[Path], Callable[[Path], Chain]]]
    chains = {HIERARCHY: (args.experts, lambda folder: Hierarchy(setup.slul, SLPMoE.from_pretrained(folder), setup.asked.prior)),
              CASCADE: (args.regressions, lambda folder: Cascade(reader, Regression.from_pretrained(folder), setup.asked.prior))}
    last = ["poses"] + [FRAMES] * bool(setup.scores.filmed and setup.scores.studio)
    rows, read, models = [], {}, {}
    for name, (folders, build) in chains.items():
        for place, (seed, folder) in enumerate(seeds_of(folders).items()):
            filmed = args.video_seeds is None or place < args.video_seeds
            chain, models[f"{name}-{seed}"] = build(folder), fingerprint(folder)
            for given in [*(one for one in chain.given if one not in last), *last]:
                true = given in last                                    # no chain and no seed makes a difference to the truth
                own_models = {"model": models[f"{name}-{seed}"], "text2gloss": fingerprint(args.text2gloss) if name == CASCADE else None}
                told = setup.settings | ({} if true else own_models)
                file = f"truth-{given}.json" if true else f"{name}-{given}-{seed}.json"
                told |= {} if true else {"filmed": filmed}
                found = kept(args.work / file, told, given_in(setup, chain, given, filmed or true), command)
                rows.append({"chain": name, "given": given, "seed": seed} | found["row"])
                read[name, given, seed] = found["read"]
                print(told_in_a_line(rows[-1]), flush=True)
    where = "frames" if setup.scores.filmed else "poses"

    def first(name: str) -> list[list[str]]:
        return [texts[where] for (chain, given, _), texts in read.items() if (chain, given) == (name, "nothing") and texts[where]]

    truth = [setup.scores.texts[i] for i in setup.scores.filmed] if setup.scores.filmed else setup.scores.texts
    goal = {"measure": "bleu4_seen" if setup.scores.filmed else "bleu4"} | ratio_interval(first(HIERARCHY), first(CASCADE), truth)
    settings = setup.settings | {"models": models, "text2gloss": fingerprint(args.text2gloss), "samples": SAMPLES, "bootstrap_seed": BOOTSTRAP_SEED}
    result = {"rows": rows, "loss": losses(rows), "goal": goal | {"wanted": WANTED}, "seeds": sorted({row["seed"] for row in rows}),
              "settings": settings}
    write_result(args.out, result, command)

    def number(value: float | None) -> str:
        return "none" if value is None else f"{value:.2f}"

    print(f"{goal['measure']}: {goal['hierarchy']:.2f} by {goal['cascade']:.2f}, ratio {number(goal['ratio'])} "
          f"({' to '.join(map(number, goal['interval']))}), wanted {WANTED}")


def told_in_a_line(row: dict[str, Any]) -> str:
    """A row as the command prints it."""
    seen = "" if row["bleu4_seen"] is None else f"; seen: BLEU-4 {row['bleu4_seen']:.2f}, WER {row['wer_seen']:.1f}, SSIM {row['ssim']:.3f}"
    words = [str(row[name]) for name in ("chain", "given", "stage", "noise", "level", "seed") if name in row]
    return (f"{' '.join(words)}: glosses' WER {row['gloss_wer']:.1f}, BLEU-4 {row['bleu4']:.2f}, WER {row['wer']:.1f}, hands "
            f"{row['hand_error']:.4f}, DTW-MJE {row['dtw_mje']:.4f}{seen}")


if __name__ == "__main__":
    run(main)
