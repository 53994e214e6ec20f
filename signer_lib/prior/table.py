"""The prior on disk: a folder of immutable parts, and a manifest that names those that count. [ours]

A part is a saved ``datasets`` table. Adding writes new parts first and replaces the manifest last, in one step, so whoever reads at
any moment, or after a kill at any moment, finds a whole table: the old one or the new one.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from signer_lib.errors import SignerError
from signer_lib.files import inside, whole_file
from signer_lib.parsing import check_saved, from_json
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.motion import jerk

MANIFEST = "manifest.json"
FORMAT = 1
PART_BYTES = 96 * 2**20                         # of poses in a part, held in memory while it is written: 2,500 clips of 40 frames
FEATURES = datasets.Features({
    "gloss": datasets.Value("string"), "variant": datasets.Value("string"), "source": datasets.Value("string"),
    "licence": datasets.Value("string"), "signer": datasets.Value("string"), "fps": datasets.Value("float32"),
    "phonology": datasets.Value("string"),                                          # JSON
    "stability": {"jerk": datasets.Value("float32"), "bone_drift": datasets.Value("float32"), "missing": datasets.Value("float32")},
    "frames": datasets.Value("int32"), "embedding": datasets.List(datasets.Value("float32")),
    # little-endian: float32 (T, J, 3), since float16 would bend finger bones by 1 %; float16 (T, J), exact for 0, 1/2 and 1
    "xyz": datasets.Value("binary"), "confidence": datasets.Value("binary"),
})
BONES = np.array([(parent, child) for parent, child in SIGNER70.bones if child < SIGNER70.groups["face"].start])


def wrist_jerk(poses: PoseSequence) -> float:
    """Mean length of the third difference of both wrists' paths, in shoulder widths per second cubed; 0 below four frames."""
    mean = jerk(poses.xyz[:, [SIGNER70.index("r_wrist"), SIGNER70.index("l_wrist")]], poses.fps)
    return mean if np.isfinite(mean) else 0.0


def bone_lengths(xyz: np.ndarray) -> np.ndarray:
    """(T, J, 3) -> (T, B) the lengths of ``BONES``: body and hands, not the face."""
    result: np.ndarray = np.linalg.norm(xyz[:, BONES[:, 1]] - xyz[:, BONES[:, 0]], axis=-1)
    return result


def bone_drift(lengths: np.ndarray) -> np.ndarray:
    """(T, B) -> (B,) the greatest departure of each bone from its median length, as a share of it; 0 for a bone never seen."""
    seen = np.isfinite(lengths).any(0)
    drift = np.zeros(lengths.shape[1])
    middle = np.nanmedian(lengths[:, seen], axis=0)
    drift[seen] = np.nanmax(abs(lengths[:, seen] - middle), axis=0) / np.maximum(middle, 1e-9)
    return drift


def stability(poses: PoseSequence) -> dict[str, float]:
    """How steady a clip is; lower is steadier: ``jerk`` (shoulder widths/s^3), ``bone_drift`` (share), ``missing`` (share of joints)."""
    drift = bone_drift(bone_lengths(poses.xyz)) if len(poses) else np.zeros(1)
    return {"jerk": wrist_jerk(poses), "bone_drift": float(drift.max()), "missing": float((poses.confidence == 0).mean()) if len(poses) else 1.0}


def clip_row(gloss: str, variant: str, poses: PoseSequence, *, source: str, licence: str, signer: str, phonology: dict[str, Any] | None = None,
             embedding: Iterable[float] = ()) -> dict[str, Any]:
    """One clip as a row of the table.

    source     "rule" or "recording".
    phonology  the description as a plain mapping, kept as JSON; None where it is not known.
    embedding  SLUL's vector of the gloss, or nothing.
    """
    if poses.skeleton is not SIGNER70 or not len(poses):
        raise SignerError(f"{gloss}, {variant}: the prior holds {SIGNER70.name} clips of at least one frame, not {len(poses)} of "
                          f"{poses.skeleton.name}; convert it first")
    return {"gloss": gloss, "variant": variant, "source": source, "licence": licence, "signer": signer, "fps": poses.fps,
            "phonology": json.dumps(phonology or {}), "stability": stability(poses), "frames": len(poses),
            "embedding": np.asarray(embedding, np.float32), "xyz": poses.xyz.astype("<f4").tobytes(),
            "confidence": poses.confidence.astype("<f2").tobytes()}


def decode(row: dict[str, Any]) -> PoseSequence:
    """The poses of a row. Raises ``SignerError`` if it does not hold what it says."""
    shape = row["frames"], len(SIGNER70)
    try:
        xyz, confidence = np.frombuffer(row["xyz"], "<f4").reshape(*shape, 3), np.frombuffer(row["confidence"], "<f2").reshape(shape)
    except (TypeError, ValueError) as error:
        raise SignerError(f"the clip {row['gloss']}, {row['variant']} of the pose prior is damaged ({error}): build the prior again") from None
    return PoseSequence(xyz, row["fps"], confidence)


def new(folder: Path, made_from: dict[str, Any] | None = None) -> Path:
    """An empty prior in ``folder``. ``made_from`` says what it depends on. Raises ``SignerError`` if there is one already."""
    if (Path(folder) / MANIFEST).exists():
        raise SignerError(f"there is a pose prior in {folder} already: add to it, or choose another folder")
    _replace_manifest(Path(folder), {"format": FORMAT, "made_from": made_from or {}, "parts": []})
    return Path(folder)


def read_manifest(folder: Path) -> dict[str, Any]:
    """``format``, ``made_from`` and ``parts``, each with ``name`` and ``clips``. Raises ``SignerError`` for anything else."""
    path = Path(folder) / MANIFEST
    try:
        manifest: dict[str, Any] = from_json(path.read_bytes())
        if manifest["format"] != FORMAT:
            raise SignerError(f"the pose prior {folder} has format {manifest['format']}, this version reads {FORMAT}: build it again")
        names = [(part["name"], int(part["clips"])) for part in manifest["parts"]]
        for name, _ in names:
            inside(folder, name)
    except FileNotFoundError:
        raise SignerError(f"there is no pose prior in {folder} (no {MANIFEST}): make one with stable-signer prior build --out") from None
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise damaged(folder, error) from error
    return manifest


def damaged(folder: Path, error: Exception) -> SignerError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return SignerError(f"the pose prior {folder} is damaged ({reason[:120]}): delete it, and build it again")


def load(folder: Path, parts: list[dict[str, Any]]) -> list[datasets.Dataset]:
    """The parts as memory-mapped tables. Raises ``SignerError`` for one that is damaged, or that names files outside the folder."""
    tables = []
    for part in parts:
        try:
            check_saved(inside(folder, part["name"]))
            table = datasets.load_from_disk(str(Path(folder) / part["name"]))
            if table.features != FEATURES or len(table) != part["clips"]:
                raise ValueError(f"{part['name']} has other columns, or not {part['clips']} clips")
            table.data.validate(full=True)                                  # that no clip is said to lie where there is none
        except Exception as error:                                          # datasets and pyarrow raise many kinds
            raise damaged(folder, error) from error
        tables.append(table)
    return tables


def empty() -> datasets.Dataset:
    """A table without clips."""
    return datasets.Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)


def append(folder: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Adds rows (see ``clip_row``) as new parts, all of them or none. -> how many

    Processes that add to one prior wait for each other. Raises ``SignerError`` if there is no prior, and ``OSError`` for a place
    that cannot be written to.
    """
    folder = Path(folder)
    added: list[dict[str, Any]] = []
    read_manifest(folder)                                       # before a lock file is left where no prior is
    with _locked(folder):
        manifest = read_manifest(folder)
        _sweep(folder, manifest)
        try:
            added.extend(_write_part(folder, batch) for batch in _batches(rows))
        except BaseException:
            for part in added:
                shutil.rmtree(folder / part["name"], ignore_errors=True)
            raise
        if added:
            _replace_manifest(folder, manifest | {"parts": manifest["parts"] + added})
    return sum(part["clips"] for part in added)


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row["xyz"]) + len(row["confidence"])
        if size >= PART_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write_part(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    name, quiet = f"part-{uuid.uuid4().hex[:12]}", datasets.are_progress_bars_disabled()
    temporary = folder / f".{name}"
    datasets.disable_progress_bars()
    try:
        datasets.Dataset.from_list(rows, features=FEATURES).save_to_disk(temporary)
        for path in temporary.iterdir():                        # on the disk before the manifest that names it
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
        os.rename(temporary, folder / name)
    finally:
        if not quiet:
            datasets.enable_progress_bars()
        shutil.rmtree(temporary, ignore_errors=True)
    return {"name": name, "clips": len(rows)}


def _replace_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    with whole_file(folder / MANIFEST) as part, open(part, "w", encoding="utf-8") as file:
        file.write(json.dumps(manifest, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _sweep(folder: Path, manifest: dict[str, Any]) -> None:
    """Removes what killed writers left; who holds the lock knows that no other writer is alive."""
    kept = {part["name"] for part in manifest["parts"]}
    for path in folder.glob("*part-*"):
        if path.name.lstrip(".").startswith("part-") and path.name not in kept and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The right to write to ``folder``: the system takes it back from a process that dies."""
    import fcntl  # not on Windows, where priors can be read all the same

    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
