"""Data that others wrote, as plain objects: JSON, YAML, npz. Never code, never more than the file holds, any damage one ``ValueError``. [ours]

The parsers underneath raise a dozen kinds of errors for damaged files, run out of stack on deep nesting (libyaml takes the process with it), and
unfold a few bytes into gigabytes; callers of this module see ``OSError`` and ``ValueError``, and say in their own words what to do.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml

from signer_lib.files import inside

DEEPEST = 100                            # levels of lists and mappings
MOST_NODES = 1_000_000                   # of a YAML file whose aliases are written out
LARGE, INFLATION = 64 * 2**20, 200       # bytes in an archive from which on it may not be so many times its packed size; landmarks are 2 to 50 times

T = TypeVar("T")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotYaml(ValueError):
    """Text that is no YAML, or no plain data. ``line`` from 1 on; None where it is not known."""

    def __init__(self, problem: str, line: int | None = None):
        super().__init__(problem + (f", line {line}" if line else ""))
        self.problem, self.line = problem, line


class _Loader(_LOADER):                                                       # type: ignore[valid-type, misc]
    """A safe loader that refuses a key written twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            try:
                known = key in keys
            except TypeError:
                raise yaml.constructor.ConstructorError(None, None, "a key that is a list or a mapping", key_node.start_mark) from None
            if known:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is written twice", key_node.start_mark)
            keys.add(key)
        made: dict[object, object] = super().construct_mapping(node, deep)
        return made


def from_json(content: str | bytes) -> Any:
    """What JSON says. Raises ``ValueError``."""
    try:
        return json.loads(content.decode(json.detect_encoding(content)) if isinstance(content, bytes) else content)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def from_yaml(content: str | bytes) -> Any:
    """What YAML says: text, numbers, dates, lists, mappings; no other tags, no key twice. Raises ``NotYaml``."""
    return _parsed(content, lambda text: yaml.load(text, _Loader))            # a safe loader


def nodes_of(content: str | bytes) -> yaml.Node | None:
    """The same as nodes that know their lines, for whoever tells errors by them; None for an empty file. Raises ``NotYaml``."""
    return _parsed(content, lambda text: yaml.compose(text, _LOADER))


def _parsed(content: str | bytes, parse: Callable[[str], T]) -> T:
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        _check_size(text)
        return parse(text)
    except NotYaml:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "bad characters"
        raise NotYaml(" ".join(problem.split()), mark.line + 1 if mark else None) from None
    except UnicodeDecodeError as error:
        raise NotYaml("bad characters: it is not UTF-8", error.object.count(b"\n", 0, error.start) + 1) from None
    except Exception as error:        # a date such as 2001-99-99, a number of ten thousand digits, !!bool maybe: what the tag's constructor raises
        raise NotYaml(" ".join(str(error).split()) or type(error).__name__) from None


def _check_size(text: str) -> None:
    """Without recursion: how deep it is nested, and how many nodes it has when every alias is written out."""
    sizes: dict[str | None, int | None] = {}                                         # anchor -> its nodes; None: it is not closed yet
    count, open_nodes = 0, []
    event: Any
    for event in yaml.parse(text, _LOADER):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            size = sizes.get(event.anchor, 1)                                 # an unknown one is the loader's to refuse
            if size is None:
                raise NotYaml(f"*{event.anchor} stands inside what it stands for", line)
            count += size
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, count))
            count += 1
            if event.anchor:
                sizes[event.anchor] = None
            if len(open_nodes) > DEEPEST:
                raise NotYaml(f"nested more than {DEEPEST} levels deep", line)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = count - before
        if count > MOST_NODES:
            raise NotYaml(f"it has more than {MOST_NODES:,} entries, its aliases written out", line)


def read_lines(path: str | Path) -> list[str]:
    """The lines of a UTF-8 file, without what some editors add: a mark at its start, \\r at the ends of lines. A line ends at \\n and nowhere else: a
    sentence may hold one of Unicode's other ends of a line, as what is copied from the web does.

    Raises ``OSError`` and ``UnicodeDecodeError``, which is a ``ValueError``.
    """
    text = Path(path).read_bytes().decode("utf-8").removeprefix("\ufeff")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def check_saved(folder: Path) -> None:
    """Raises ``SignerError`` if a table that ``datasets`` saved names files outside its folder, ``OSError`` and ``ValueError`` if it is none."""
    splits = folder / "dataset_dict.json"
    for part in [inside(folder, name) for name in _listed(splits, "splits")] if splits.is_file() else [folder]:
        for file in _listed(part / "state.json", "_data_files"):
            inside(part, file.get("filename") if isinstance(file, dict) else None)


def _listed(path: Path, key: str) -> list[object]:
    found = from_json(path.read_bytes())
    if not isinstance(found, dict) or not isinstance(found.get(key), list):
        raise ValueError(f"{path.name} lists no {key}")
    return list(found[key])


def read_arrays(path: str | Path) -> Iterator[tuple[str, np.ndarray]]:
    """(name, array) of every array in an npz, one at a time: numbers and text, never pickled objects.

    Raises ``OSError`` if it cannot be opened, ``ValueError`` if it is no npz, is damaged, or claims other sizes than it has.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                check_inflation(archive)
                for member in archive.infolist():
                    yield member.filename.removesuffix(".npy"), _array(archive, member)
        except (ValueError, MemoryError, GeneratorExit):
            raise
        except Exception as error:              # zipfile, zlib, struct, ast and numpy raise what they like: there is no common base
            raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if header is None:
            raise ValueError(f"{member.filename} is of version {version}")
        shape, _, dtype = header(file)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize if min(shape, default=0) >= 0 else -1
        if dtype.hasobject or size != member.file_size - file.tell():
            raise ValueError(f"{member.filename} claims {dtype} of shape {shape}, which it does not hold")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def check_inflation(archive: zipfile.ZipFile) -> None:
    """Raises ``ValueError`` for an archive that is small and would fill the memory."""
    packed, whole = (sum(getattr(member, name) for member in archive.infolist()) for name in ("compress_size", "file_size"))
    if whole > LARGE and whole > INFLATION * packed:
        raise ValueError(f"it would inflate {packed:,} bytes to {whole:,}")
