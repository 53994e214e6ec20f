"""From a lexicon to a prior: every sign compiled in every variant, every recorded letter in every tempo. [ours]"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from signer_lib.errors import SignerError
from signer_lib.files import scratch
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior import fingerspelling, table
from signer_lib.prior.asl_lex import Lexicon, read_asl_lex
from signer_lib.prior.body import Body, load_body
from signer_lib.prior.compiler import CITATION, VARIANTS, compile_sign
from signer_lib.prior.fingerspelling import MOVING, recorded_letters
from signer_lib.prior.handshapes import LEXICON, handshapes_of
from signer_lib.prior.neighbours import SLUL, slul_embeddings
from signer_lib.prior.phonology import load_signs
from signer_lib.progress import progress

FPS = 25
LICENCE = "Apache-2.0"                                                     # of the shipped lexicon
ASL_LEX_LICENCE = "CC-BY-NC-4.0 (compiled from the codes of ASL-LEX 2.0)"
LETTER_TEMPO = {"citation": 1.0, "reduced": 0.75, "emphatic": 1.35}        # of the duration
PACKAGES = ("spoken-to-signed", "pose-format")                             # the letters, and what reads them
AFTER_THE_TABLE = ("bench.py", "commands.py", "database.py", "exporting.py", "neighbours.py", "validation.py", "stand_in_study.py",
                   "bake_body.py", "checks.py", "fit_handshapes.py")


def _digest_of(value: object) -> bytes:
    """Bytes that tell two settings apart, arrays in full."""
    if isinstance(value, np.ndarray):
        return str((value.shape, value.dtype)).encode() + value.tobytes()
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return b"".join(repr(key).encode() + _digest_of(inner) for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return b"[" + b",".join(map(_digest_of, value)) + b"]"
    return repr(value).encode()


def depends_on(lexicon: Path, body: Body) -> dict[str, str]:
    """Everything a lexicon's prior depends on, each as 16 hexadecimal digits or a version: its own files, the shipped handshapes and
    durations, the signer's measures, the code that compiles (``prior`` and ``pose``), SLUL's embeddings, the packages of the letters,
    the table's format.
    """
    code = Path(__file__).parent
    files = {
        "lexicon": sorted(Path(lexicon).glob("*.yaml")), "shipped": sorted({*LEXICON.glob("handshapes*.yaml"), *LEXICON.glob("durations*.yaml")}),
        "compiler": [path for path in sorted(code.glob("*.py")) if path.name not in AFTER_THE_TABLE],
        "poses": sorted((code.parent / "pose").rglob("*.py")), "slul": sorted(SLUL.glob("*.safetensors")) + sorted(SLUL.glob("tokenizer.json")),
    }
    found = {what: hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in paths)).hexdigest()[:16]
             for what, paths in files.items()}
    found["signer"] = f"{body.name} {hashlib.sha256(_digest_of(body)).hexdigest()[:16]}"
    return found | {name: metadata.version(name) for name in PACKAGES} | {"format": str(table.FORMAT)}


def fingerprint(lexicon: Path, body: Body) -> str:
    """``depends_on`` in 16 hexadecimal digits."""
    return hashlib.sha256(_digest_of(depends_on(lexicon, body))).hexdigest()[:16]


def lexicon_rows(lexicon: Path, body: Body) -> Iterator[dict[str, Any]]:
    """Every sign in every variant, then every letter in every tempo, with one progress bar."""
    signs, handshapes, embeddings = load_signs(lexicon), handshapes_of(lexicon), slul_embeddings()
    letters = recorded_letters(body, FPS)
    if both := [gloss for gloss in signs if gloss in letters]:
        raise SignerError(f"{lexicon}: the signs {', '.join(both)} have the names of letters; rename them")
    for gloss in progress([*signs, *letters], "building the pose prior"):
        if gloss in signs:
            for variant in VARIANTS:
                poses = compile_sign(signs[gloss], body, variant, FPS, handshapes)
                yield table.clip_row(gloss, variant.name, poses, source="rule", licence=LICENCE, signer=body.name,
                                     phonology=asdict(signs[gloss]), embedding=embeddings.get(gloss, ()))
            continue
        for tempo, share in LETTER_TEMPO.items():
            poses = in_tempo(letters[gloss], share)
            yield table.clip_row(gloss, tempo, poses, source="recording", licence=fingerspelling.LICENCE,
                                 signer="recorded in spoken-to-signed", phonology={"handshape": [MOVING.get(gloss, gloss.lower())]})


def in_tempo(letter: PoseSequence, share: float) -> PoseSequence:
    """The letter in another share of its time: stretched, which shortens what turns between two frames, and every bone at its length again."""
    if share == 1:
        return letter
    slow = letter.stretch(max(2, round(share * len(letter))))
    xyz = slow.xyz.astype(float)
    for parent, child in SIGNER70.bones:
        if child < SIGNER70.groups["face"].start:
            length = np.median(np.linalg.norm(letter.xyz[:, child] - letter.xyz[:, parent], axis=-1))
            bone = slow.xyz[:, child] - slow.xyz[:, parent]
            xyz[:, child] = xyz[:, parent] + bone * (length / np.maximum(np.linalg.norm(bone, axis=-1, keepdims=True), 1e-9))
    return replace(slow, xyz=xyz)


def compiled(lexicon: Lexicon, body: Body, problems: dict[str, str]) -> Iterator[tuple[str, PoseSequence]]:
    """(entry, poses) of every sign of ASL-LEX in its citation form; what cannot be read or compiled is put into ``problems``."""
    problems |= lexicon.problems
    for entry, sign in progress(lexicon.signs.items(), "compiling ASL-LEX", len(lexicon.signs)):
        try:
            poses = compile_sign(sign, body, CITATION, FPS, lexicon.handshapes)
        except SignerError as error:
            problems[entry] = str(error)
            continue
        yield entry, poses


def asl_lex_rows(csv: Path, body: Body, problems: dict[str, str]) -> Iterator[dict[str, Any]]:
    """``compiled`` as rows: the entry ``thank_you`` as ``THANK-YOU``, variant ``asl-lex``."""
    lexicon, embeddings = read_asl_lex(csv), slul_embeddings()
    for entry, poses in compiled(lexicon, body, problems):
        gloss = entry.upper().replace("_", "-")
        yield table.clip_row(gloss, "asl-lex", poses, source="rule", licence=ASL_LEX_LICENCE, signer=body.name,
                             phonology=asdict(lexicon.signs[entry]), embedding=embeddings.get(gloss, ()))


def build_prior(folder: Path, lexicon: Path = LEXICON, body: Body | None = None, asl_lex: Path | None = None) -> dict[str, str]:
    """Compile all signs and letters into the prior ``folder``: whole or not at all. A faster process's prior stays.

    -> ASL-LEX's entries that cannot be compiled, each with the reason. Raises ``SignerError`` for a wrong lexicon or a place that
    cannot be written to.
    """
    folder, body = Path(folder), body or load_body()
    problems: dict[str, str] = {}
    fresh = not folder.parent.exists()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch(folder.parent) as part:
            table.new(part, depends_on(lexicon, body))
            table.append(part, lexicon_rows(Path(lexicon), body))
            if asl_lex:
                table.append(part, asl_lex_rows(asl_lex, body, problems))
            try:
                os.rename(part, folder)
            except OSError:
                if not (folder / table.MANIFEST).is_file():
                    raise
    except OSError as error:
        raise SignerError(f"cannot write the pose prior to {folder.parent}: {error.strerror or error}; choose a folder that can be "
                          "written to (for the one that is built by itself: set SIGNER_CACHE)") from error
    finally:
        if fresh and folder.parent.is_dir() and not any(folder.parent.iterdir()):
            folder.parent.rmdir()
    return problems
