"""A tiny study to try everything on: sentences, clips and a YAML, made of what the project ships. For lessons and tests. [ours]

Its "signers" are made by rule, so nothing that is measured on it says anything about real data.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from signer_lib.errors import SignerError
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.performances.signers import SIGNERS
from signer_lib.performances.small import renditions
from signer_lib.pose.formats import write_pose
from signer_lib.prior.database import Prior
from signer_lib.prior.table import decode

LENGTHS = range(2, 6)               # glosses of a sentence
YAML = """\
languages: en-ase
seed: {seed}
text:
  - lines: [pairs.text, pairs.gloss]
signs:
  - clips: signs
    licence: CC0-1.0
    signer: made by rule
held_out: {{dev: 0.15, test: 0.15}}
letters: false
performances: {{train: 24, dev: 4, test: 6, evaluator: 24}}
slul:
  set: [epochs=1, vocabulary=400, beams=1, log_steps=50, warmup_steps=10, batch_size=8, weight_sagm=0, weight_kl=0, weight_con=0,
        "model={{d_model: 32, d_kv: 16, d_ff: 64, num_layers: 1, num_decoder_layers: 1, num_heads: 2, dropout_rate: 0.0}}"]
evaluator:
  set: [epochs=2, vocabulary=200, warmup_steps=2, batch_size=8,
        "model={{width: 32, encoder_layers: 1, decoder_layers: 1, heads: 2, feed_forward: 64, dropout: 0.0, depth: 0.5}}"]
slp_moe:
  set: [steps=10, log_steps=5, d_query: 12, hidden=8, channels=8, experts=2, batch_size=4, warmup_steps=2]
""".replace("d_query: 12", "d_query=12")


def make_example(folder: Path | str, sentences: int = 50, glosses: int = 8, recordings: int = 4, seed: int = 1) -> Path:
    """``pairs.text``, ``pairs.gloss``, ``signs/GLOSS__k.pose`` and ``study.yaml`` in ``folder``. -> the YAML

    sentences  of our own corpus, of so few ``glosses``, none spelled.    recordings  of each gloss, each by another signer made by rule.
    Raises ``SignerError`` if so few glosses are not enough for so many sentences, or there are not so many signers.
    """
    folder, shipped = Path(folder), Prior.open()
    short = {text: gloss.split() for text, gloss in read_pairs(FOLDER, "train") if len(gloss.split()) in LENGTHS}
    possible = {text: signed for text, signed in short.items() if all(gloss in shipped for gloss in signed)}
    chosen = _few(list(possible.values()), glosses)
    found = [(text, signed) for text, signed in possible.items() if chosen.issuperset(signed)][:sentences]
    signers = [signer for signer in SIGNERS if signer.variant.handed == "right"]
    if len(found) < sentences or recordings > len(signers):
        raise SignerError(f"{glosses} glosses are enough for {len(found)} sentences and there are {len(signers)} signers: ask for fewer")
    (folder / "signs").mkdir(parents=True, exist_ok=True)
    (folder / "pairs.text").write_text("".join(text + "\n" for text, _ in found), encoding="utf-8")
    (folder / "pairs.gloss").write_text("".join(" ".join(signed) + "\n" for _, signed in found), encoding="utf-8")
    for k, signer in enumerate(signers[:recordings], 1):
        for row in renditions(signer, sorted({gloss for _, signed in found for gloss in signed}), shipped, seed):
            write_pose(decode(row), folder / "signs" / f"{row['gloss']}__{k}.pose")
    (folder / "study.yaml").write_text(YAML.format(seed=seed), encoding="utf-8")
    return folder / "study.yaml"


def _few(signed: list[list[str]], count: int) -> set[str]:
    """So many glosses, chosen one by one: that of which most sentences lack no more than one or two."""
    sets, chosen = Counter(map(frozenset, signed)), set[str]()
    while len(chosen) < count:
        lacking = Counter[str]()
        for glosses, times in sets.items():
            missing = glosses - chosen
            if len(missing) <= 2:
                lacking.update(dict.fromkeys(missing, times * (10 if len(missing) == 1 else 1)))
        if not lacking:
            break
        chosen.add(min(lacking, key=lambda gloss: (-lacking[gloss], gloss)))
    return chosen
