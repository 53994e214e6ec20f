"""The scores of a trained SLUL on the hand-written test set, beside the floor of copying the text.

python -m signer_lib.language.report --out results/slul_nano.json
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import subprocess
from pathlib import Path

from signer_lib.assets import CHECKPOINTS, ROOT
from signer_lib.errors import run
from signer_lib.files import whole_file
from signer_lib.language.corpus import FOLDER, ask, prompts, read_pairs
from signer_lib.language.slul import SLUL, load_slul
from signer_lib.language.tokenizer import SPELLED
from signer_lib.language.training import evaluate
from signer_lib.metrics.text import GlossBleu


def commit() -> str:
    """The commit of the code, with "+" if there are changes that it does not hold."""
    ask = lambda *words: subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return ask("rev-parse", "--short", "HEAD") + ("+" if ask("status", "--porcelain", "signer_lib", "data") else "")


def copying(pairs: list[tuple[str, str]]) -> dict:
    """The floor: the upper-cased words of the text, without marks, as if they were glosses."""
    copied = ["".join(c for c in text.upper() if c.isalnum() or c in " '-") for text, _ in pairs]
    return GlossBleu().compute(predictions=copied, references=[gloss for _, gloss in pairs]) | {
        "exact": 100 * sum(a == b for a, (_, b) in zip(copied, pairs)) / len(pairs)
    }


def prompted(slul: SLUL, pairs: list[tuple[str, str]]) -> float:
    """The share (%) of test sentences that give the same glosses inside a prompt, each in the next wording, quoted or not as people type."""
    wordings, rng = prompts(), random.Random(0)
    texts = [text for text, _ in pairs]
    asked = [ask(wordings[i % len(wordings)], text, rng) for i, text in enumerate(texts)]
    plain = [s.glosses for i in range(0, len(texts), 64) for s in slul.translate(texts[i:i + 64])]
    inside = [s.glosses for i in range(0, len(texts), 64) for s in slul.translate(asked[i:i + 64])]
    return 100 * sum(a == b for a, b in zip(plain, inside)) / len(texts)


def spelled(slul: SLUL, pairs: list[tuple[str, str]]) -> float:
    """The share (%) of the fingerspelled words of the references that come out."""
    texts = [text for text, _ in pairs]
    found = [s.glosses for i in range(0, len(texts), 64) for s in slul.translate(texts[i : i + 64])]
    wanted = [(word, out) for (_, gloss), out in zip(pairs, found) for word in gloss.split() if word.startswith(SPELLED)]
    return 100 * sum(word in out for word, out in wanted) / len(wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=CHECKPOINTS / "slul-nano")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    slul, pairs = load_slul(args.model), read_pairs(FOLDER, "test")
    training = json.loads((args.model / "training.json").read_text())
    rows = {
        "copying the text": copying(pairs),
        "SLUL nano, greedy": evaluate(slul, pairs, beams=1),
        f"SLUL nano, {slul.settings['beams']} beams": evaluate(slul, pairs),
    }
    result = {
        "what": "hand-written English -> ASL gloss test set, data/corpus/test",
        "rows": rows,
        "same_glosses_in_a_prompt_percent": prompted(slul, pairs),
        "fingerspelled_words_found_percent": spelled(slul, pairs),
        "weights": sum(p.numel() for p in slul.model.parameters()),
        "seed": training["seed"],
        "settings": training,
        "commit": commit(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "command": f"python -m signer_lib.language.report --out {args.out}",
    }
    with whole_file(args.out) as part:
        part.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, row in rows.items():
        print(f"{name:<22} BLEU-4 {row['bleu4']:5.1f}  BLEU-1 {row['bleu1']:5.1f}  exact {row['exact']:5.1f} %")
    print(f"fingerspelled words found: {result['fingerspelled_words_found_percent']:.1f} %")
    print(f"same glosses inside a prompt: {result['same_glosses_in_a_prompt_percent']:.1f} %")


if __name__ == "__main__":
    run(main)
