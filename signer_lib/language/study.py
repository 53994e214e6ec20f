"""What each loss of L_text is worth: SLUL trained without and with it, at one budget, on one corpus, scored clean and under noise. [ours]

    python -m signer_lib.language.study --data DIR --text-ext de --size base --out results/slul/phoenix14t --seeds 1 2 3

Every finished run leaves one JSON file, and is not run again. Only dev chooses anything; test is scored once, at the end.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from signer_lib.checkpoint import load_json
from signer_lib.errors import SignerError, run
from signer_lib.language.corpora import Corpus, open_corpus
from signer_lib.language.corruption import KINDS, corrupt, word_counts
from signer_lib.language.slul import SLUL
from signer_lib.language.streaming import Pair
from signer_lib.language.training import Training, evaluate, slul_config
from signer_lib.metrics.text import text_scores
from signer_lib.results import write_result

OFF = ["weight_sagm=0", "weight_kl=0", "weight_con=0"]
VARIANTS = {  # what a variant changes in the preset, which is the full objective with uniform masking
    "plain": OFF,
    "sagm": OFF[1:],
    "sagm_kl": OFF[2:],
    "full": [],
    "full_semantic": ["masking=semantic"],
}
RATES = 0.1, 0.2, 0.3
NOISE_SEED = 1


def copied(text: str) -> str:
    """The floor: the upper-cased words of the text, without marks, as if they were glosses."""
    return " ".join("".join(c for c in text.upper() if c.isalnum() or c in " '-").split())


def under_noise(slul: SLUL, corpus: Corpus, pairs: list[Pair]) -> Iterator[dict[str, Any]]:
    """BLEU-4 by greedy search when words of the source are dropped, misspelt or replaced by rarer synonyms, at each of ``RATES``."""
    counts, texts = word_counts(text for text, _ in corpus.train), [text for text, _ in pairs]
    for kind in KINDS:
        for rate in RATES:
            try:
                noisy, share = corrupt(texts, kind, rate, NOISE_SEED, corpus.language, counts)
            except SignerError:  # no synonyms for this language
                break
            scores = evaluate(slul, [(text, gloss) for text, (_, gloss) in zip(noisy, pairs)], beams=1)
            yield {"noise": kind, "rate": rate, "words_changed": round(share, 4), "bleu4": scores["bleu4"], "wer": scores["wer"]}


def one_run(variant: str, seed: int, corpus: Corpus, size: str, work: Path, minutes: float | None = None) -> dict[str, Any]:
    """Trains one variant with one seed and scores it. JSON-ready."""
    out = work / f"{variant}-{seed}"
    if not (out / "training.json").is_file():  # else it was trained before, and is only scored
        Training(slul_config(size, VARIANTS[variant]), corpus, out, seed, minutes).run()
    slul = SLUL.from_pretrained(out)
    clean = {"dev": evaluate(slul, corpus.dev), "test": evaluate(slul, corpus.test), "test_greedy": evaluate(slul, corpus.test, beams=1)}
    settings = load_json(out, "training.json")
    log = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    weights = sum(p.numel() for p in slul.model.parameters())
    return {"variant": variant, "seed": seed, **clean, "noise": list(under_noise(slul, corpus, corpus.test)), "weights": weights,
            "settings": settings, "log": log}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--text-ext", default="text")
    parser.add_argument("--size", default="base")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--minutes", type=float, help="of each training, instead of all its epochs")
    parser.add_argument("--work", type=Path, default=Path("out/study"), help="where the trained models go")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    corpus = open_corpus(args.data, args.text_ext)
    command = f"python -m signer_lib.language.study --data {corpus.name} --text-ext {args.text_ext} --size {args.size}"
    floor = {split: text_scores([copied(text) for text, _ in pairs], [gloss for _, gloss in pairs])
             for split, pairs in (("dev", corpus.dev), ("test", corpus.test))}
    if not (args.out / "copy.json").is_file():
        write_result(args.out / "copy.json", {"variant": "copy", **floor}, command)
    for variant in args.variants:
        for seed in args.seeds:
            path = args.out / f"{variant}-{seed}.json"
            if path.is_file():
                continue
            result = one_run(variant, seed, corpus, args.size, args.work, args.minutes)
            write_result(path, result, f"{command} --variants {variant} --seeds {seed}")
            print(f"{variant}, seed {seed}: test BLEU-4 {result['test']['bleu4']:.2f}, dev {result['dev']['bleu4']:.2f}", flush=True)


if __name__ == "__main__":
    run(main)
