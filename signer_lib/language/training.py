"""Training SLUL on Eq. 2: a short loop on accelerate.

    python -m signer_lib.language.training --size nano --seed 1 --out data/checkpoints/slul-nano
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import Adafactor, get_cosine_schedule_with_warmup

from signer_lib.checkpoint import save_trained
from signer_lib.config import load_config
from signer_lib.errors import run
from signer_lib.language.corpus import FOLDER, Pair, read_pairs
from signer_lib.language.slul import SLUL
from signer_lib.language.tokenizer import SLOTS, SPELLED, Encoded, SignTokenizer
from signer_lib.metrics.text import GlossBleu
from signer_lib.progress import progress

OFTEN_LEFT_OUT = {"the", "a", "an", ",", ".", "?", "!"}         # people who type in haste drop these


@dataclass
class SlulConfig:
    """A preset of ``signer_lib/presets/slul_*.yaml``; the comments there say what each value is for."""

    model: dict
    vocabulary: int
    language: str
    epochs: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    label_smoothing: float
    word_drop: float
    beams: int
    max_glosses: int
    precision: str


def loss_slul(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Eq. 2 [secondary]: L_SLUL = - sum_t log p(g_t | g_<t, H), here the mean over tokens; ``smoothing`` of the labels is ours [ours].

    logits (B, T, V), labels (B, T) with -100 for padding -> ()
    """
    return cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=-100, label_smoothing=smoothing)


def shuffle_slots(encoded: Encoded, gloss: str, rng: random.Random, drop: float) -> tuple[str, str]:
    """A training example [ours]: slots renumbered, so that all learn to be copied; marks and articles dropped at rate ``drop``."""
    chosen = rng.sample(SLOTS, len(encoded.words))
    rename = dict(zip(SLOTS, chosen)) | {SPELLED + word: slot for word, slot in zip(encoded.words, chosen)}
    words = [rename.get(token, token) for token in encoded.text.split()]
    words = [w for w in words if not (w in OFTEN_LEFT_OUT and rng.random() < drop)]
    return " ".join(words), " ".join(rename.get(token, token) for token in gloss.split())


def bucketed(lengths: list[int], size: int, rng: random.Random) -> list[list[int]]:
    """Batches of similar length, in random order."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], rng.random()))
    batches = [order[i:i + size] for i in range(0, len(order), size)]
    rng.shuffle(batches)
    return batches


def score(found: list[str], pairs: list[Pair]) -> dict:
    """BLEU and the share of exact sentences (%) of gloss sentences against the pairs' own. One JSON-ready dictionary."""
    truth = [gloss for _, gloss in pairs]
    scores = GlossBleu().compute(predictions=found, references=truth)
    return scores | {"exact": 100 * sum(a == b for a, b in zip(found, truth)) / len(truth)}


def evaluate(slul: SLUL, pairs: list[Pair], beams: int | None = None) -> dict:
    """``score`` of what SLUL makes of the pairs' texts."""
    return score([" ".join(s.glosses) for s in slul.translate([text for text, _ in pairs], beams)], pairs)


def train(config: SlulConfig, folder: Path, out: Path, seed: int, minutes: float | None = None) -> SLUL:
    """Trains from scratch and writes the best epoch's weights (by dev BLEU-4) to ``out``, with a log of one JSON line an epoch."""
    set_seed(seed)
    rng = random.Random(seed)
    accelerator = Accelerator(mixed_precision=config.precision)
    pairs, dev = read_pairs(folder, "train"), read_pairs(folder, "dev")
    tokenizer = SignTokenizer.train(pairs, config.language, config.vocabulary)
    settings = {"language": config.language, "beams": config.beams, "max_glosses": config.max_glosses}
    slul = SLUL.new(tokenizer, settings, config.model)
    encoded = [tokenizer.encode_words(text) for text, _ in pairs]
    lengths = [len(e.text.split()) for e in encoded]
    steps = config.epochs * -(-len(pairs) // config.batch_size)
    optimizer = Adafactor(slul.model.parameters(), lr=config.learning_rate, scale_parameter=True, relative_step=False, warmup_init=False)
    schedule = get_cosine_schedule_with_warmup(optimizer, config.warmup_steps, steps)
    slul.model, optimizer = accelerator.prepare(slul.model, optimizer)
    best, best_state, log, start = -1.0, None, [], time.monotonic()
    for epoch in range(config.epochs):
        slul.model.train()
        total = 0.0
        batches = bucketed(lengths, config.batch_size, rng)
        for batch in progress(batches, f"epoch {epoch + 1}/{config.epochs}"):
            examples = [shuffle_slots(encoded[i], pairs[i][1], rng, config.word_drop) for i in batch]
            inputs = slul.batch([Encoded(text, []) for text, _ in examples])
            labels = tokenizer.fast([gloss for _, gloss in examples], padding=True, return_tensors="pt").input_ids.to(slul.device)
            labels = labels.masked_fill(labels == tokenizer.fast.pad_token_id, -100)
            decoder_input = slul.model._shift_right(labels)
            logits = slul.model(**inputs, decoder_input_ids=decoder_input).logits
            loss = loss_slul(logits, labels, config.label_smoothing)
            accelerator.backward(loss)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            total += loss.item()
        slul.model.eval()
        scores = evaluate(slul, dev, beams=1)
        log.append({"epoch": epoch + 1, "loss": round(total / len(batches), 4), "dev_bleu4": round(scores["bleu4"], 2),
                    "dev_exact": round(scores["exact"], 1), "minutes": round((time.monotonic() - start) / 60, 2)})
        print(json.dumps(log[-1]), flush=True)
        if scores["bleu4"] >= best:
            best, best_state = scores["bleu4"], {k: v.detach().clone() for k, v in slul.model.state_dict().items()}
        if minutes and log[-1]["minutes"] >= minutes:
            break
    slul.model.load_state_dict(best_state)
    save_trained(slul, out, log, asdict(config) | {"seed": seed, "pairs": len(pairs)})
    return slul


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="nano", help="a preset slul_SIZE, or a YAML file")
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    size = args.size if args.size.endswith(".yaml") else f"slul_{args.size}"
    train(load_config(SlulConfig, size), args.data, args.out, args.seed, args.minutes)


if __name__ == "__main__":
    run(main)
