"""A YAML file into dataclasses, strictly; whatever is wrong is told with the file and the line. [ours]"""

from __future__ import annotations

import dataclasses
import difflib
import os
import types
from pathlib import Path
from string import Template
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from signer_lib.assets import signer_data
from signer_lib.errors import SignerError
from signer_lib.parsing import NotYaml, nodes_of

T = TypeVar("T")
LINE = "line"               # a field of this name is given the line on which its mapping begins; it is no key
NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}


class Document:
    """A file as nodes that know their lines. Relative paths in it are from its own folder; ``$NAME`` stands for a variable of the environment."""

    def __init__(self, path: Path | str):
        """Raises ``SignerError`` for a file that is missing or no YAML."""
        self.path = Path(path)
        try:
            self.root = nodes_of(self.path.read_bytes())
        except OSError as error:
            raise SignerError(f"cannot read {path}: {error.strerror or error}; give the YAML of your study") from None
        except NotYaml as error:
            at = f", line {error.line}" if error.line else ""
            raise SignerError(f"{path}{at} is not valid YAML: {error.problem}") from None

    def build(self, kind: type[T]) -> T:
        """The whole file as ``kind``."""
        if self.root is None:
            raise SignerError(f"{self.path} is empty: see recipes/own_data.yaml")
        found: T = self._dataclass(kind, self.root)
        return found

    def wrong(self, line: int, what: str) -> SignerError:
        """The error to raise for something on a line."""
        return SignerError(f"{self.path}, line {line}: {what}")

    # --- nodes -> values -----------------------------------------------------------------------------------------------
    def _dataclass(self, kind: type[Any], node: yaml.Node) -> Any:
        names = [field.name for field in dataclasses.fields(kind) if field.name != LINE]
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(_line(node), f"write 'key: value' here; the keys are {', '.join(names)}")
        hints, values = get_type_hints(kind), {}
        for key, value in node.value:
            name = str(key.value).replace("-", "_")
            if name not in names:
                near = difflib.get_close_matches(name, names, 1)
                raise self.wrong(_line(key), f"unknown key '{key.value}'" + (f", did you mean '{near[0]}'?" if near else
                                                                             f"; the keys here are {', '.join(names)}"))
            if name in values:
                raise self.wrong(_line(key), f"the key '{key.value}' stands here twice")
            values[name] = self._value(hints[name], value, name)
        for field in dataclasses.fields(kind):
            if field.name not in values and field.name != LINE and field.default is field.default_factory is dataclasses.MISSING:
                raise self.wrong(_line(node), f"the key '{field.name}' is missing")
        if LINE in hints:
            values[LINE] = _line(node)
        try:
            return kind(**values)
        except SignerError as error:                            # a __post_init__ that knows no line
            raise self.wrong(_line(node), str(error)) from None

    def _value(self, hint: Any, node: yaml.Node, name: str) -> Any:
        origin, inner = get_origin(hint), get_args(hint)
        if origin in (Union, types.UnionType):
            [hint] = [one for one in inner if one is not type(None)]
            return None if _is_null(node) else self._value(hint, node, name)
        if dataclasses.is_dataclass(hint):
            return self._dataclass(hint, node)                  # type: ignore[arg-type]
        if origin is list:
            parts = node.value if isinstance(node, yaml.SequenceNode) else [node]       # one may stand without brackets
            return [self._value(inner[0], part, name) for part in parts]
        try:
            value = yaml.SafeLoader("").construct_object(node, deep=True) if isinstance(node, yaml.ScalarNode) else None
        except Exception as error:                              # a date such as 2001-99-99, !!bool maybe: what the tag's constructor raises
            raise self.wrong(_line(node), f"{name} cannot be read ({str(error).splitlines()[0]})") from None
        if hint is Path and isinstance(value, str) and value:
            return self._path(value, _line(node))
        if hint is str and isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(node.value)                              # 01 stays 01
        wanted = (int, float) if hint is float else hint
        if hint is Path or not isinstance(value, wanted) or isinstance(value, bool) != (hint is bool):
            given = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            raise self.wrong(_line(node), f"{name} must be {NAMES[hint]}, not {given}")
        return value

    def _path(self, value: str, line: int) -> Path:
        data = {"SIGNER_DATA": str(found)} if (found := signer_data()) else {}
        expanded = os.path.expanduser(Template(value).safe_substitute(data | dict(os.environ)))
        if "$" in expanded:
            raise self.wrong(line, f"the environment does not say what {value.split('/')[0]} is: set it, or write the whole path")
        path = self.path.resolve().parent / expanded
        if not os.path.exists(path):                             # which is False for a name that no file can have
            raise self.wrong(line, f"there is no {value}" + ("" if Path(expanded).is_absolute() else f" in {self.path.resolve().parent}"))
        return path


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")
