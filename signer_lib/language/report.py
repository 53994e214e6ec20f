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
from signer_lib.language.corpus import FOLDER, Pair, ask, made_by_the_grammar, prompts, read_pairs
from signer_lib.language.slul import load_slul
from signer_lib.language.tokenizer import SPELLED
from signer_lib.language.training import evaluate, score

DRAWS, DRAW_SEED = 400_000, 7  # sentences of the grammar that the test set is compared with


def commit() -> str:
    """The commit of the code, with "+" if there are changes that it does not hold."""
    git = lambda *words: subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "signer_lib", "data") else "")


def copied(text: str) -> str:
    """The floor: the upper-cased words of the text, without marks, as if they were glosses."""
    return "".join(c for c in text.upper() if c.isalnum() or c in " '-")


def in_prompts(texts: list[str]) -> list[str]:
    """Each text in the next wording, quoted or not as people type."""
    wordings, rng = prompts(), random.Random(0)
    return [ask(wordings[i % len(wordings)], text, rng) for i, text in enumerate(texts)]


def spelled(found: list[list[str]], pairs: list[Pair]) -> float:
    """The share (%) of the fingerspelled words of the references that come out."""
    wanted = [(word, out) for (_, gloss), out in zip(pairs, found) for word in gloss.split() if word.startswith(SPELLED)]
    return 100 * sum(word in out for word, out in wanted) / len(wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=CHECKPOINTS / "slul-nano")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    slul, pairs = load_slul(args.model), read_pairs(FOLDER, "test")
    training = json.loads((args.model / "training.json").read_text())
    texts = [text for text, _ in pairs]
    found = [s.glosses for s in slul.translate(texts)]
    inside = [s.glosses for s in slul.translate(in_prompts(texts))]
    rows = {
        "copying the text": score([copied(text) for text in texts], pairs),
        "SLUL nano, greedy": evaluate(slul, pairs, beams=1),
        f"SLUL nano, {slul.settings['beams']} beams": score([" ".join(glosses) for glosses in found], pairs),
    }
    result = {
        "what": "hand-written English -> ASL gloss test set, data/corpus/test",
        "rows": rows,
        "same_glosses_in_a_prompt_percent": 100 * sum(a == b for a, b in zip(found, inside)) / len(pairs),
        "fingerspelled_words_found_percent": spelled(found, pairs),
        "grammar": {"draws": DRAWS, "seed": DRAW_SEED, "test_sentences_made": len(made_by_the_grammar(pairs, DRAWS, DRAW_SEED))},
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
    print(f"test sentences that the grammar makes in {DRAWS:,} draws: {result['grammar']['test_sentences_made']}")


if __name__ == "__main__":
    run(main)
