"""The scores of the shipped SLUL on the hand-written test set, beside the floor of copying the text.

    python -m signer_lib.language.report --out results/slul/asl.json
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from signer_lib.assets import CHECKPOINTS
from signer_lib.checkpoint import load_json
from signer_lib.errors import run
from signer_lib.language.corpora import read_pairs, read_prompts
from signer_lib.language.corpus import FOLDER, Prompt, ask, made_by_the_grammar, normalised
from signer_lib.language.slul import SLUL, load_slul
from signer_lib.language.streaming import Pair
from signer_lib.language.study import copied
from signer_lib.language.tokenizer import SPELLED
from signer_lib.language.training import evaluate
from signer_lib.metrics.text import text_scores
from signer_lib.results import write_result

DRAWS, DRAW_SEED = 400_000, 7  # sentences of the grammar that the test set is compared with


def in_prompts(texts: list[str]) -> list[Prompt]:
    """Each text in the next wording, quoted or not as people type."""
    wordings, rng = read_prompts(FOLDER), random.Random(0)
    return [ask(wordings[i % len(wordings)], text, rng) for i, text in enumerate(texts)]


def prompt_scores(slul: SLUL, texts: list[str], glosses: list[list[str]]) -> dict[str, Any]:
    """Shares (%): prompts that give the sentence's glosses; prompts whose words are marked right; plain texts that are left whole."""
    prompts = in_prompts(texts)
    asked = slul.asked([prompt.text for prompt in prompts])
    inside = [sentence.glosses for sentence in slul.translate(asked)]

    def share(right: Iterable[bool]) -> float:
        return 100 * sum(right) / len(texts)

    return {
        "same_glosses_in_a_prompt_percent": share(a == b for a, b in zip(glosses, inside)),
        "same_words_in_a_prompt_percent": share(normalised(a) == normalised(prompt.inside) for a, prompt in zip(asked, prompts)),
        "plain_texts_left_whole_percent": share(normalised(a) == normalised(text) for a, text in zip(slul.asked(texts), texts)),
    }


def spelled(found: list[list[str]], pairs: list[Pair]) -> float:
    """The share (%) of the fingerspelled words of the references that come out."""
    wanted = [(word, out) for (_, gloss), out in zip(pairs, found) for word in gloss.split() if word.startswith(SPELLED)]
    return 100 * sum(word in out for word, out in wanted) / len(wanted)


def speed(slul: SLUL, texts: list[str], beams: int = 5) -> dict[str, Any]:
    """Seconds for 100 sentences, decoded together and one by one, in turn in one run; the best of three for each."""
    texts = (texts * 100)[:100]
    seconds: dict[str, list[float]] = {"together": [], "one_by_one": []}
    for _ in range(3):
        for way, call in (("together", lambda: slul.translate(texts, beams)), ("one_by_one", lambda: [slul.translate([t], beams) for t in texts])):
            start = time.perf_counter()
            call()
            seconds[way].append(time.perf_counter() - start)
    best = {way: round(min(found), 3) for way, found in seconds.items()}
    return {"sentences": len(texts), "beams": beams, "seconds": best, "ratio": round(best["one_by_one"] / best["together"], 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=CHECKPOINTS / "slul-nano")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    slul, pairs = load_slul(args.model), read_pairs(FOLDER, "test")
    training = load_json(args.model, "training.json")
    texts, truth = map(list, zip(*pairs))
    found = [sentence.glosses for sentence in slul.translate(texts)]
    rows = {
        "copying the text": text_scores([copied(text) for text in texts], truth),
        "SLUL nano, greedy": evaluate(slul, pairs, beams=1),
        f"SLUL nano, {slul.settings['beams']} beams": text_scores([" ".join(glosses) for glosses in found], truth),
    }
    result = {
        "what": "hand-written English -> ASL gloss test set, data/corpus/test",
        "rows": rows,
        **prompt_scores(slul, texts, found),
        "fingerspelled_words_found_percent": spelled(found, pairs),
        "grammar": {"draws": DRAWS, "seed": DRAW_SEED, "test_sentences_made": len(made_by_the_grammar(pairs, DRAWS, DRAW_SEED))},
        "decoding": speed(slul, texts),
        "weights": sum(p.numel() for p in slul.model.parameters()),
        "seed": training["seed"],
        "settings": training,
    }
    write_result(args.out, result, f"python -m signer_lib.language.report --out {args.out}")
    for name, row in rows.items():
        print(f"{name:<22} BLEU-4 {row['bleu4']:5.1f}  BLEU-1 {row['bleu1']:5.1f}  exact {row['exact']:5.1f} %")
    for name, value in result.items():
        if name.endswith("_percent"):
            print(f"{name.removesuffix('_percent').replace('_', ' ')}: {value:.1f} %")
    print(f"100 sentences with 5 beams: {result['decoding']['seconds']['together']:.2f} s")
    print(f"test sentences that the grammar makes in {DRAWS:,} draws: {result['grammar']['test_sentences_made']}")


if __name__ == "__main__":
    run(main)
