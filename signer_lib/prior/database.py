"""The pose prior: every gloss with its candidate poses, as a Hugging Face ``datasets`` table. [paper: a database; ours: its form]

The table is built once from the lexicon and the recorded letters, and again whenever anything it depends on has changed: its
folder is named after a fingerprint of all that.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

import datasets
import numpy as np

from signer_lib.assets import cache_dir
from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior import fingerspelling
from signer_lib.prior.compiler import VARIANTS, compile_sign
from signer_lib.prior.fingerspelling import MOVING, recorded_letters
from signer_lib.prior.kinematics import Body, load_body
from signer_lib.prior.phonology import LEXICON, handshapes_of, load_signs
from signer_lib.progress import progress

FPS = 25
LETTER_TEMPO = {"citation": 1.0, "reduced": 0.75, "emphatic": 1.35}        # of the duration
FEATURES = datasets.Features({
    "gloss": datasets.Value("string"), "variant": datasets.Value("string"), "source": datasets.Value("string"),
    "licence": datasets.Value("string"), "signer": datasets.Value("string"), "fps": datasets.Value("float32"),
    "phonology": datasets.Value("string"), "stability": datasets.Value("float32"), "frames": datasets.Value("int32"),
    "xyz": datasets.Value("binary"), "confidence": datasets.Value("binary"),         # little-endian float32, (T, J, 3) and (T, J)
})


@dataclass(frozen=True)
class Candidate:
    """One way to sign a gloss. ``source`` is "rule" or "recording"; ``stability`` is the mean wrist jerk, lower is steadier."""

    gloss: str
    variant: str
    source: str
    licence: str
    stability: float
    poses: PoseSequence = field(repr=False)


def wrist_jerk(poses: PoseSequence) -> float:
    """Mean length of the third difference of both wrists' paths, in shoulder widths per second cubed; 0 below four frames."""
    wrists = poses.xyz[:, [SIGNER70.index("r_wrist"), SIGNER70.index("l_wrist")]]
    jerk = np.linalg.norm(np.diff(wrists, n=3, axis=0), axis=-1) * poses.fps ** 3
    return float(np.nanmean(jerk)) if np.isfinite(jerk).any() else 0.0


def fingerprint(lexicon: Path, body: Body) -> str:
    """What the table depends on, as 16 hexadecimal digits: lexicon, body, the package of the letters, the code."""
    digest = hashlib.sha256(metadata.version("spoken-to-signed").encode())
    code = Path(__file__).parent
    described = [LEXICON / "handshapes.yaml", *sorted(Path(lexicon).glob("*.yaml"))]
    for path in [*described, *sorted(code.glob("*.py")), *sorted((code.parent / "pose").glob("*.py"))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for value in asdict(body).values():
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()[:16]


def _row(gloss: str, variant: str, poses: PoseSequence, **about: str) -> dict:
    return {"gloss": gloss, "variant": variant, "fps": poses.fps, "stability": wrist_jerk(poses), "frames": len(poses),
            "xyz": poses.xyz.astype("<f4").tobytes(), "confidence": poses.confidence.astype("<f4").tobytes()} | about


def _rows(lexicon: Path, body: Body) -> Iterator[dict]:
    """Every sign in every variant, then every letter in every tempo, with one progress bar."""
    signs, handshapes = load_signs(lexicon), handshapes_of(lexicon)
    letters = recorded_letters(body, FPS)
    both = [gloss for gloss in signs if gloss in letters]
    if both:
        raise SignerError(f"{lexicon}: the signs {', '.join(both)} have the names of letters; rename them")
    for gloss in progress([*signs, *letters], "building the pose prior"):
        if gloss in signs:
            about = {"source": "rule", "licence": "Apache-2.0", "signer": body.name,
                     "phonology": json.dumps(asdict(signs[gloss]))}
            compiled = {v.name: compile_sign(signs[gloss], body, v, FPS, handshapes) for v in VARIANTS}
        else:
            about = {"source": "recording", "licence": fingerspelling.LICENCE, "signer": "recorded in spoken-to-signed",
                     "phonology": json.dumps({"handshape": MOVING.get(gloss, gloss.lower())})}
            letter = letters[gloss]
            compiled = {name: letter.stretch(round(tempo * len(letter))) for name, tempo in LETTER_TEMPO.items()}
        yield from (_row(gloss, name, poses, **about) for name, poses in compiled.items())


def build_prior(folder: Path, lexicon: Path = LEXICON, body: Body | None = None) -> Path:
    """Compile all signs and letters into the table ``folder``: whole or not at all. A faster process's table stays.

    Raises ``SignerError`` for a wrong lexicon or a place that cannot be written to.
    """
    folder = Path(folder)
    table = datasets.Dataset.from_list(list(_rows(Path(lexicon), body or load_body())), features=FEATURES)
    bars, part = datasets.are_progress_bars_disabled(), None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
        os.chmod(part, 0o755)                                  # mkdtemp makes folders that only their owner can read
        datasets.disable_progress_bars()
        table.save_to_disk(part)
        try:
            os.rename(part, folder)
        except OSError:
            if not folder.is_dir():
                raise
    except OSError as error:
        raise SignerError(f"cannot write the pose prior to {folder.parent}: {error.strerror or error}; set SIGNER_CACHE to "
                          "a folder that can be written to") from error
    finally:
        if not bars:
            datasets.enable_progress_bars()
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    return folder


class Prior:
    """The table, memory-mapped; poses are decoded when they are asked for, and kept.

    ``prior = Prior.open(); prior.candidates("BOOK")[0].poses``
    """

    def __init__(self, table: datasets.Dataset, name: str):
        self.table, self.name = table, name
        self._rows: dict[str, list[int]] = {}
        for row, gloss in enumerate(table["gloss"]):
            self._rows.setdefault(gloss, []).append(row)
        self._decoded: dict[str, list[Candidate]] = {}

    @classmethod
    def open(cls, folder: Path | str | None = None, lexicon: Path = LEXICON, body: Body | None = None) -> Prior:
        """The prior of this lexicon and body in ``folder`` (left out: ``$SIGNER_CACHE`` or ``.cache``), built if it is not there.

        Raises ``SignerError`` if it cannot be built, or if the table is damaged.
        """
        body = body or load_body()
        path = Path(folder or cache_dir()) / f"prior-{fingerprint(lexicon, body)}"
        if not os.path.isdir(path):                               # unlike Path.is_dir, False where it may not look
            build_prior(path, lexicon, body)
        try:
            table = datasets.load_from_disk(str(path))
            if table.features != FEATURES or not len(table):
                raise ValueError("other columns")
            return cls(table, path.name)
        except Exception as error:                             # datasets and pyarrow raise many kinds
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise SignerError(f"the pose prior {path} is damaged ({reason[:120]}): delete it, and it is built again") from error

    @property
    def glosses(self) -> tuple[str, ...]:
        """All glosses, signs first, then the letters A to Z."""
        return tuple(self._rows)

    def __contains__(self, gloss: str) -> bool:
        return gloss in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def candidates(self, gloss: str) -> list[Candidate]:
        """All ways to sign a gloss. Raises ``SignerError`` for a gloss that the prior does not hold."""
        if gloss not in self._rows:
            raise SignerError(f"the pose prior has no sign {gloss}: spell it as {fingerspelling.PREFIX}{gloss}, or describe it "
                              f"in {LEXICON.parent.name}/{LEXICON.name}/")
        if gloss not in self._decoded:
            self._decoded[gloss] = [self._candidate(self.table[row]) for row in self._rows[gloss]]
        return list(self._decoded[gloss])

    @staticmethod
    def _candidate(row: dict) -> Candidate:
        shape = (row["frames"], len(SIGNER70))
        poses = PoseSequence(np.frombuffer(row["xyz"], "<f4").reshape(*shape, 3), row["fps"],
                             np.frombuffer(row["confidence"], "<f4").reshape(shape))
        return Candidate(row["gloss"], row["variant"], row["source"], row["licence"], row["stability"], poses)
