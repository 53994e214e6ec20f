"""Whether two systems' BLEU-4 differ by more than the choice of test sentences: a paired bootstrap over what the evaluator reads. [ours]

    python -m signer_lib.comparison.significance --data DIR --judge DIR --work DIR --out results/slp_moe/significance_rules.json

``--work`` is the study's, with SLP-MoE trained; each of its seeds is set against every system that needs no training.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest, Result

from signer_lib.comparison.systems import Asked, produce
from signer_lib.errors import SignerError, run
from signer_lib.metrics.back_translation import BackTranslation
from signer_lib.metrics.pieces import normal_text
from signer_lib.results import write_result

AGAINST = "stitching_raw", "stitching", "spoken_to_signed", "ground_truth"
SAMPLES = 1000


def differences(readings: dict[str, list[str]], texts: list[str], against: tuple[str, ...] = AGAINST, samples: int = SAMPLES) -> list[dict[str, Any]]:
    """Texts read back from each system -> for every other system and every one of ``against``: both BLEU-4, their difference and its p.

    p is how often ``samples`` draws of the sentences, with replacement, give a difference at least as far from the one that was found
    (sacrebleu's paired bootstrap). Below 0.05 the two differ by more than the sentences' chance. ci, their_ci: half the 95 % interval of each.
    """
    found = []
    for name in readings:
        for other in against:
            if name in against or other not in readings:
                continue
            bleu = BLEU(tokenize="none", force=True)
            _, scores = PairedTest([(other, readings[other]), (name, readings[name])], {"BLEU": bleu}, [texts], "bs", samples)()
            theirs, ours = (one for one in scores["BLEU"] if isinstance(one, Result))
            assert ours.p_value is not None and ours.ci is not None and theirs.ci is not None       # a paired bootstrap gives them
            found.append({"system": name, "against": other, "bleu4": ours.score, "theirs": theirs.score, "difference": ours.score - theirs.score,
                          "p": float(ours.p_value) if ours.score != theirs.score else 1.0, "ci": float(ours.ci), "their_ci": float(theirs.ci)})
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="where the study left its trained models")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    asked, judge = Asked(args.data), BackTranslation.from_pretrained(args.judge)
    models = sorted((args.work / args.data.name).glob("full-*"))
    if not models:
        raise SignerError(f"{args.work / args.data.name} has no full-SEED: run  python -m signer_lib.comparison.study  first")
    produced = {name: produce(name, asked) for name in AGAINST} | {model.name: produce("slp_moe", asked, model) for model in models}
    readings = {name: [reading.text for reading in judge.read([one.poses.xyz for one in rows])] for name, rows in produced.items()}
    texts = [normal_text(row.text) for row in asked.truth]
    named = ["--data", args.data.name, "--judge", args.judge.name, "--out", str(args.out)]
    write_result(args.out, {"count": len(texts), "samples": SAMPLES, "differences": differences(readings, texts)},
                 shlex.join(["python", "-m", "signer_lib.comparison.significance", *named]))


if __name__ == "__main__":
    run(main)
