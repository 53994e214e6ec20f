"""How long text takes to become poses, after loading: a sentence of ten glosses, and texts of up to 1,000. [ours]

    python -m signer_lib.comparison.speed --out results/slp_moe/speed.json
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from signer_lib.errors import run
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.pipeline import StableSignerPipeline
from signer_lib.results import write_result

GLOSSES = 10
LENGTHS = 10, 30, 100, 300, 1000
REPEATS = 15


def of_glosses(pipeline: StableSignerPipeline, count: int) -> list[str]:
    """Sentences of the corpus's train, dev and test files that come out as ``count`` glosses, none of them spelled."""
    texts = [text for split in ("test", "dev", "train") for text, gloss in read_pairs(FOLDER, split)
             if len(gloss.split()) == count and "fs-" not in gloss][:40]
    return [s.text for s in pipeline.slul.translate(texts) if len(s.glosses) == count and not any(g.startswith("fs-") for g in s.glosses)]


def timed(pipeline: StableSignerPipeline, text: str) -> dict[str, float]:
    """Milliseconds of each stage, and of all."""
    start = time.perf_counter()
    stages = pipeline(text, mode="text").timings
    return {name: 1000 * seconds for name, seconds in stages.items()} | {"all": 1000 * (time.perf_counter() - start)}


def in_sentences(pipeline: StableSignerPipeline, texts: list[str]) -> float:
    """Milliseconds of texts longer than one call of the pipeline takes: every stage once, over all sentences together."""
    start = time.perf_counter()
    sentences = pipeline.slul.translate(texts)
    pipeline.perform(sentences, pipeline.choose(sentences))
    return 1000 * (time.perf_counter() - start)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    pipeline = StableSignerPipeline.from_pretrained()
    texts = of_glosses(pipeline, GLOSSES)
    for text in texts:
        timed(pipeline, text)                                       # every sign is decoded once: a session soon has
    runs = [timed(pipeline, text) for _ in range(REPEATS) for text in texts[:8]]
    ten = {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}
    growth = []
    for length in LENGTHS:
        several = [texts[k % len(texts)] for k in range(length // GLOSSES)]
        growth.append({"glosses": length, "ms": round(min(in_sentences(pipeline, several) for _ in range(3)), 1)})
    slope, offset = np.polyfit([row["glosses"] for row in growth], [row["ms"] for row in growth], 1)
    worst = max(abs(offset + slope * row["glosses"] - row["ms"]) / row["ms"] for row in growth[2:])
    result = {"ten_glosses_ms": ten, "sentences": len(texts[:8]), "repeats": REPEATS, "threads": args.threads, "growth": growth,
              "fit": {"ms_per_gloss": round(float(slope), 3), "offset_ms": round(float(offset), 2),
                      "worst_misfit_from_100_on": round(float(worst), 3)}}
    write_result(args.out, result, f"python -m signer_lib.comparison.speed --out {args.out}")
    print(f"ten glosses: {ten['all']:.0f} ms ({', '.join(f'{name} {ms:.0f}' for name, ms in ten.items() if name != 'all')})")
    print("  ".join(f"{row['glosses']}: {row['ms']:.0f} ms" for row in growth))


if __name__ == "__main__":
    run(main)
