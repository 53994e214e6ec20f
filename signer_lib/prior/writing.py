"""Signs written down again: the inverse of reading them, and a place for one in a user's own lexicon. [ours]"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import yaml

from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.parsing import nodes_of
from signer_lib.prior.durations import duration_of
from signer_lib.prior.handshapes import handshapes_of
from signer_lib.prior.phonology import Movement, Sign, read_sign
from signer_lib.prior.strict import read_mapping


def description(sign: Sign) -> dict[str, object]:
    """The fields of a sign as they stand in YAML, without those that say what is so anyway; ``phonology.read_sign`` gives the sign back."""
    usual, m = Movement(path="straight" if len(sign.location) == 2 else "none"), sign.movement
    movement = {name: getattr(m, name) for name in Movement.__dataclass_fields__ if name == "path" or getattr(m, name) != getattr(usual, name)}
    spec: dict[str, object] = {"type": sign.type}
    spec |= {name: _one(getattr(sign, name)) for name in ("handshape", "palm", "fingers", "location")}
    if sign.contact:
        spec["contact"] = sign.contact
    if m != usual:
        spec["movement"] = movement
    if sign.base:
        spec["base"] = {name: value for name, value in asdict(sign.base).items() if name != "moves" or value}
    if sign.face:
        spec["face"] = _one(sign.face)
    return spec if sign.duration == duration_of(sign) else spec | {"duration": sign.duration}


def _one(names: tuple[str, ...]) -> str | list[str]:
    return names[0] if len(names) == 1 else list(names)


def sign_yaml(gloss: str, spec: dict[str, object]) -> str:
    """A description as text for a ``signs*.yaml``."""
    return yaml.safe_dump({gloss: spec}, sort_keys=False, default_flow_style=None, width=140, allow_unicode=True)


def save_sign(gloss: str, spec: dict[str, object], path: Path | str, replace: bool = False) -> Path:
    """Puts a sign into a lexicon file, which is made if it is not there; what else stands in it stays as it is, comments too.

    replace  one of this gloss may be there. The file is written whole or not at all. Raises ``SignerError`` for a file that ``phonology.load_signs``
    would not read, a gloss that is none or is taken, and a description that is wrong.
    """
    path = Path(path)
    if not re.fullmatch(r"[A-Z0-9][A-Z0-9-]*", gloss):
        raise SignerError(f"a gloss has capitals, digits and hyphens, as in THANK-YOU; '{gloss}' has not")
    if not (path.name.startswith("signs") and path.suffix == ".yaml"):
        raise SignerError(f"a lexicon's files are called signs*.yaml, so '{path.name}' would not be read: name it signs_mine.yaml")
    read_sign(f"sign {gloss}", gloss, spec, tuple(handshapes_of(path.parent)))
    there = read_mapping(path) if path.exists() and path.stat().st_size else {}
    if gloss in there and not replace:
        raise SignerError(f"{path} has a sign {gloss} already: take another gloss, or let it be replaced")
    text = path.read_text(encoding="utf-8") if there else ""
    start, stop = _place(text, gloss) if gloss in there else (len(text), len(text))
    before = text[:start] if not text[:start] or text[:start].endswith("\n") else text[:start] + "\n"
    with whole_file(path) as part:
        part.write_text(before + sign_yaml(gloss, spec) + text[stop:].lstrip("\n"), encoding="utf-8")
        if gloss not in read_mapping(part):
            raise SignerError(f"{path} is written in a way that no sign can be put into it: give another file")
    return path


def _place(text: str, gloss: str) -> tuple[int, int]:
    """Where a sign's description begins and ends; comments and empty lines after it belong to what follows."""
    whole = nodes_of(text)
    assert isinstance(whole, yaml.MappingNode)                              # read_mapping has read it
    key, value = next(pair for pair in whole.value if pair[0].value == gloss)
    lines = text[key.start_mark.index:value.end_mark.index].splitlines(keepends=True)
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return key.start_mark.index, key.start_mark.index + len("".join(lines))
