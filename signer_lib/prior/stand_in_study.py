"""Do stand-ins help: synonyms in sentences, and is SLUL's embedding of any use for words that it has never seen? [ours]

    python -m signer_lib.prior.stand_in_study

1. ``SENTENCES``, written for this, where a rarer word is used as its common one, otherwise, or as a name: what is signed for it?
2. The corpus's test sentences, clean and with a fifth of their words as rarer synonyms: glosses with and without stand-ins. The table
   is read forwards to make the noise and backwards to undo it, so this is what a complete table would give, no more.
3. Unseen synonyms, made-up words and names: is the gloss that SLUL has nearest the right one, and does its similarity tell?
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rapidfuzz import fuzz

from signer_lib.assets import RESULTS
from signer_lib.errors import run
from signer_lib.language.corpora import open_corpus
from signer_lib.language.corruption import FOLDER, corrupt, word_counts
from signer_lib.language.losses import mean_pool
from signer_lib.language.slul import SLUL, load_slul
from signer_lib.language.tokenizer import SPELLED
from signer_lib.metrics.text import text_scores
from signer_lib.prior.database import Prior
from signer_lib.prior.neighbours import common_words, cosines, stand_in, word_glosses, word_to_glosses
from signer_lib.results import write_result

if TYPE_CHECKING:
    from transformers import BatchEncoding

SENTENCES: dict[str, list[tuple[str, str, str | None]]] = {
    "used as the common word": [
        ("My motorcar is old.", "motorcar", "CAR"), ("She bought a gorgeous house.", "gorgeous", "BEAUTIFUL"),
        ("They purchase food every day.", "purchase", "BUY"), ("I want to purchase a hat.", "purchase", "BUY"),
        ("The physician is late.", "physician", "DOCTOR"), ("We saw a massive dog.", "massive", "BIG"),
        ("He is furious.", "furious", "ANGRY"), ("Did you locate the book?", "locate", "FIND"), ("I adore my cat.", "adore", "LOVE"),
        ("The children are famished.", "famished", "HUNGRY"), ("Where is the lavatory?", "lavatory", "BATHROOM"),
        ("Can you notify the teacher?", "notify", "TELL"), ("My pal likes pizza.", "pal", "FRIEND"), ("We stroll to school.", "stroll", "WALK"),
        ("The garments are new.", "garments", "CLOTHES"), ("Do you comprehend it?", "comprehend", "UNDERSTAND"),
        ("She has a blouse.", "blouse", "SHIRT"), ("I am weary.", "weary", "TIRED"), ("The hound is black.", "hound", "DOG"),
        ("They commence tomorrow.", "commence", "START"), ("He resides in the city.", "resides", None),
        ("The quiz was easy.", "quiz", "TEST"), ("Numerous people came.", "numerous", None), ("I saw numerous people.", "numerous", "MANY"),
        ("He devoured the pizza.", "devoured", "EAT"), ("I recall your name.", "recall", "REMEMBER"), ("Perhaps, perhaps not.", "perhaps", "MAYBE"),
        ("My granny cooks.", "granny", "GRANDMOTHER"), ("The pupils study.", "pupils", "STUDENT"), ("I require help.", "require", "NEED"),
    ],
    "used otherwise": [
        ("I bought a ring.", "ring", None), ("My hand hurts.", "hand", None), ("The head of the school is new.", "head", None),
        ("She likes the view.", "view", None), ("He has a pen.", "pen", None), ("The gossip was bad.", "gossip", None),
        ("He paid a fine.", "fine", None), ("The poor man has no house.", "poor", None), ("I have a desire.", "desire", None),
        ("I hang the sheet over the bed.", "sheet", None), ("The washing machine is old.", "machine", None),
        ("Turn up the volume.", "volume", None), ("There is a spot on my shirt.", "spot", None), ("The room has a notice.", "notice", None),
        ("I have lived here since May.", "since", None), ("The bureau is closed.", "bureau", None), ("He is the master.", "master", None),
        ("It makes no sense.", "sense", None), ("The review was bad.", "review", None), ("I receive a letter.", "receive", None),
        ("The fair is in the city.", "fair", None), ("I wrote in my notebook.", "notebook", None),
        ("The complete family came.", "complete", None), ("The human body is complex.", "human", None),
        ("He works in a boutique hotel.", "boutique", None), ("The weather is gloomy.", "gloomy", None),
        ("We saw the gathering storm.", "gathering", None), ("The household rules are old.", "household", None),
        ("My false teeth hurt.", "false", None), ("She observes the holiday.", "observes", None), ("He quizzes me about it.", "quizzes", None),
        ("They document the work.", "document", None),
        ("He cannot recall the car, the company did.", "recall", None),
    ],
    "names": [
        ("My name is Grant.", "grant", None), ("I met Kitty yesterday.", "kitty", None), ("Is Hope a hound? No, Hound is her name.", "Hope", None),
        ("My friend grant is tall.", "grant", None), ("His name is Master Lee.", "master", None), ("Dr. Swift is here.", "swift", None),
        ("Do you know Taylor Swift?", "swift", None), ("We live in Union City.", "union", None), ("I work with Penn and Teller.", "penn", None),
        ("Mr. Proper cleans.", "proper", None), ("Sunny and Joy Fair came.", "fair", None), ("I SAW GRANT AND SWIFT", "swift", None),
    ],
}
MADE_UP = ("blorf", "snerking", "tavoli", "grepple", "mindow", "flanter", "quorbit", "zandy", "plimth", "druvel", "korsak", "weffle", "brimpen",
           "slodge", "yintel", "crovant", "hespid", "julper", "norbish", "pelkor", "rastling", "sprole", "thimber", "ulvane", "vessock")


def in_sentences(prior: Prior) -> dict[str, Any]:
    """Of each kind of ``SENTENCES``: how many words are spelled, signed as intended, or signed wrongly (these are listed)."""
    found: dict[str, dict[str, Any]] = {}
    for kind, rows in SENTENCES.items():
        said = [(stand_in(word, prior, text).gloss, meant, word, text) for text, word, meant in rows]
        found[kind] = {"words": len(said), "spelled": sum(gloss is None for gloss, *_ in said),
                       "signed_as_meant": sum(gloss == meant for gloss, meant, *_ in said if gloss),
                       "signed_wrongly": [f"{text} {word} -> {gloss}" for gloss, meant, word, text in said if gloss and gloss != meant]}
    return found


def replaced(glosses: list[str], prior: Prior, text: str) -> list[str]:
    """Glosses with synonyms' signs in the place of spelled words; a word that has a sign since the corpus was made stays, as it does there."""
    found = [stand_in(gloss.removeprefix(SPELLED), prior, text) if gloss.startswith(SPELLED) else None for gloss in glosses]
    return [instead.gloss if instead and instead.gloss and instead.how == "synonym" else gloss for gloss, instead in zip(glosses, found)]


def in_the_corpus(slul: SLUL, prior: Prior, rate: float = 0.2, seed: int = 1) -> dict[str, Any]:
    """BLEU-4 and WER against the test glosses, without and with stand-ins, clean and with rarer synonyms."""
    corpus = open_corpus(FOLDER)
    texts, wanted = zip(*corpus.test)
    noisy, share = corrupt(list(texts), "rarer", rate, seed, corpus.language, word_counts(text for text, _ in corpus.train))
    found: dict[str, Any] = {"words_changed": round(share, 4)}
    for name, sentences in (("clean", list(texts)), ("rarer", noisy)):
        plain = [one.glosses for one in slul.translate(sentences)]
        helped = [replaced(glosses, prior, text) for glosses, text in zip(plain, sentences)]
        spelled = [(one, other) for a, b in zip(plain, helped) for one, other in zip(a, b) if one.startswith(SPELLED)]
        found[name] = {"spelled_words": len(spelled), "replaced": sum(one != other for one, other in spelled)}
        for how, glosses in (("without", plain), ("with", helped)):
            scores = text_scores([" ".join(one) for one in glosses], list(wanted))
            found[name][how] = {key: round(scores[key], 2) for key in ("bleu4", "wer")}
    return found


class Reader:
    """What SLUL makes of single words in their pieces, as if the tokenizer knew them all: for G glosses, how near each is.

    by_pieces: the mean embedding of the word's pieces by the shared decoder embedding of each gloss.
    """

    def __init__(self, slul: SLUL, prior: Prior):
        self.slul, self.fast = slul, slul.tokenizer.fast
        self.glosses, self.by_pieces = word_to_glosses(prior)
        self.ids = torch.tensor(self.fast.convert_tokens_to_ids(self.glosses))
        self.common = [word for word in sorted(slul.tokenizer.known or ()) if self._gloss(word) in self.glosses]
        self.states = self._encoded(self.common)

    @staticmethod
    def _gloss(word: str) -> str:
        glosses = word_glosses().get(word, ({word.upper()},))[0]
        return next(iter(glosses)) if len(glosses) == 1 else ""

    @torch.inference_mode()
    def _encoded(self, words: list[str]) -> np.ndarray:
        """(N, d) the mean of H for each word alone."""
        batch = self._batch(words)
        return mean_pool(self.slul.encode(batch), batch["attention_mask"]).numpy()

    def _batch(self, words: list[str]) -> BatchEncoding:
        mark = f"<{self.slul.settings['language']}> <text>"
        read: BatchEncoding = self.fast([f"{mark} {word}" for word in words], padding=True, return_tensors="pt", return_token_type_ids=False)
        return read

    def by_encoder(self, word: str) -> np.ndarray:
        """(G,) for each gloss the best cosine of the encoder's mean state to that of one of its known words."""
        return self._best(cosines(self._encoded([word])[0], self.states))

    def by_spelling(self, word: str) -> np.ndarray:
        """(G,) the floor, without SLUL: the best likeness in letters to one of its known words."""
        return self._best(np.array([fuzz.ratio(word, known) / 100 for known in self.common]))

    def _best(self, near: np.ndarray) -> np.ndarray:
        found = dict.fromkeys(self.glosses, -1.0)
        for word, value in zip(self.common, near):
            found[self._gloss(word)] = max(found[self._gloss(word)], float(value))
        return np.array(list(found.values()))

    @torch.inference_mode()
    def by_decoder(self, word: str) -> np.ndarray:
        """(G,) the probability that the word's first gloss is this one, among all glosses."""
        start = torch.tensor([[self.slul.model.config.decoder_start_token_id]])
        logits = self.slul.model(**self._batch([word]), decoder_input_ids=start).logits[0, 0]
        result: np.ndarray = logits[self.ids].softmax(-1).numpy()
        return result


def unseen_words(slul: SLUL, prior: Prior) -> dict[str, Any]:
    """For each way of asking SLUL: top-1 and top-5 on known words and unseen synonyms, and what a threshold lets through of other words."""
    reader = Reader(slul, prior)
    known = {word: reader._gloss(word) for word in reader.common}
    meant = {word: stand_in(word, reader.glosses).gloss for word in common_words() if word not in (slul.tokenizer.known or ())}
    meant = {word: gloss for word, gloss in meant.items() if gloss}
    names = [name.lower() for name in word_list("names")]
    found: dict[str, Any]
    found = {"glosses": len(reader.glosses), "known_words": len(known), "unseen_synonyms": len(meant), "made_up": len(MADE_UP), "names": len(names),
             "chance_top1": round(1 / len(reader.glosses), 4)}
    for name in ("by_pieces", "by_encoder", "by_decoder", "by_spelling"):
        found[name] = _scores(getattr(reader, name), reader.glosses, known, meant, [*MADE_UP, *names])
    return found


def word_list(kind: str) -> list[str]:
    from signer_lib.language.lexicon import load_lexicon

    raw = load_lexicon().raw[kind]
    return list(raw) if not isinstance(raw, dict) else [name for group in raw.values() for name in group]


def _scores(ask: Callable[[str], np.ndarray], glosses: list[str], known: dict[str, Any], meant: dict[str, Any], others: list[str]) -> dict[str, Any]:
    def ranks(words: dict[str, str]) -> np.ndarray:
        return np.array([(ask(word) > ask(word)[glosses.index(gloss)]).sum() for word, gloss in words.items()])

    of_known, of_unseen = ranks(dict(random.Random(1).sample(sorted(known.items()), min(200, len(known))))), ranks(meant)
    best = np.array([ask(word).max() for word in meant])
    least = float(np.median(best))                              # the similarity that half of the synonyms reach
    return {"known_top1": _share(of_known == 0), "unseen_top1": _share(of_unseen == 0), "unseen_top5": _share(of_unseen < 5),
            "similarity_half_reach": round(least, 3), "right_above_it": _share(of_unseen[best >= least] == 0),
            "other_words_above_it": _share(np.array([ask(word).max() for word in others]) >= least)}


def _share(hits: np.ndarray) -> float:
    return round(float(hits.mean()), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS / "prior" / "stand_in.json")
    args = parser.parse_args()
    slul, prior = load_slul(), Prior.open()
    result = {"sentences": in_sentences(prior), "corpus": in_the_corpus(slul, prior), "unseen": unseen_words(slul, prior)}
    write_result(args.out, result, "python -m signer_lib.prior.stand_in_study")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    run(main)
