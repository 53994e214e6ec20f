"""Presets: one YAML file for each size of each stage, read strictly into a dataclass. An unknown key is an error."""

from __future__ import annotations

import dataclasses
import difflib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_origin, get_type_hints

from signer_lib.errors import SignerError
from signer_lib.parsing import NotYaml, from_yaml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PRESETS = Path(__file__).parent / "presets"
T = TypeVar("T", bound="DataclassInstance")


def load_config(kind: type[T], source: str | Path, changes: list[str] | None = None) -> T:
    """A dataclass from a preset's name (``slul_nano``) or the path of a YAML file, with ``changes`` such as "beams=5".

    Raises ``SignerError`` naming file and key.
    """
    path = Path(source) if str(source).endswith((".yaml", ".yml")) else PRESETS / f"{source}.yaml"
    if not path.is_file():
        raise SignerError(f"there is no preset '{source}': use {', '.join(p.stem for p in sorted(PRESETS.glob('*.yaml')))} or a .yaml file")
    try:
        values = from_yaml(path.read_bytes())
        values = {} if values is None else values
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}") from None
    except NotYaml as error:
        raise SignerError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise SignerError(f"{path} holds no settings: write one 'key: value' a line")
    for change in changes or []:
        key, is_sign, value = change.partition("=")
        if not is_sign:
            raise SignerError(f"'{change}' sets nothing: write key=value")
        try:
            values[key.strip()] = from_yaml(value)
        except NotYaml:
            raise SignerError(f"'{change}' cannot be read: write key=value, with a value as in YAML") from None
    names = [f.name for f in dataclasses.fields(kind)]
    for key in values:
        if key not in names:
            near = difflib.get_close_matches(str(key), names, 1)
            raise SignerError(f"{path}: unknown key '{key}'" + (f", did you mean '{near[0]}'?" if near else f": the keys are {', '.join(names)}"))
    missing = [f.name for f in dataclasses.fields(kind) if f.name not in values and f.default is dataclasses.MISSING
               and f.default_factory is dataclasses.MISSING]
    if missing:
        raise SignerError(f"{path}: the key '{missing[0]}' is missing")
    hints = get_type_hints(kind)
    for key, value in values.items():
        wanted = (int, float) if hints[key] is float else get_origin(hints[key]) or hints[key]                # list[int] -> list
        if not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool):
            raise SignerError(f"{path}: {key} must be {'a number' if hints[key] is float else hints[key].__name__}, not {value!r}")
    try:
        return kind(**values)
    except (TypeError, ValueError, ArithmeticError) as error:    # a list of texts where numbers should be
        raise SignerError(f"{path}: the settings do not fit ({error})") from None
