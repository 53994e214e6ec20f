"""Tables as Markdown: for README, the notebooks and ``out/tables``. [ours]"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from signer_lib.tables.model import Source, Table, set_out

SHOWN = 4                                   # files of one folder that are named one by one
LEGEND = ("↑ higher is better, ↓ lower is better, →1 nearer to 1 is better. Mean ± one standard deviation over the seeds. **Bold** number: the best "
          "system of its group as it is written; floors, ceilings and published rows never compete.")


def escaped(text: str) -> str:
    """Text as a cell shows it: marks of Markdown are letters, but what stands in `backticks`."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part.replace("|", r"\|") if at % 2 else re.sub(r"([\\|*<\[\]])", r"\\\1", part) for at, part in enumerate(parts))


def grid(table: Table) -> str:
    """The rows alone, as a pipe table."""
    heads, lines = set_out(table)
    out = [heads, ["---"] * len(heads)]
    for line in lines:
        if not line.cells:
            out.append([f"*{escaped(line.label)}*"] + [""] * (len(heads) - 1))
            continue
        name = f"**{escaped(line.label)}**" if line.ours else escaped(line.label)
        out.append([name, *(f"**{escaped(cell)}**" if best else escaped(cell) for cell, best in zip(line.cells, line.best))])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in out)


def document(title: str, parts: Mapping[str, Table | str]) -> str:
    """All parts of a table under one title; a part that could not be made is the line that says why."""
    out = [f"# {title}", LEGEND]
    for heading, part in parts.items():
        out.append(f"## {heading}")
        if isinstance(part, str):
            out.append(f"> {part}")
            continue
        out.append(grid(part))
        if part.notes:
            out.append("\n".join(f"- {note}" for note in part.notes))
        if part.sources:
            out.append("From " + "; ".join(_named(part.sources)) + ".")
    files = {source.path: source for part in parts.values() if isinstance(part, Table) for source in part.sources}
    if files:
        out.append("<!--\n" + "\n".join(f"{path} sha256 {source.sha256} commit {source.commit or '-'}" for path, source in files.items()) + "\n-->")
    return "\n\n".join(out) + "\n"


def _named(sources: Sequence[Source]) -> list[str]:
    """Files with the start of their SHA-256; of a folder with many only how many. The comment below holds them all."""
    folders = defaultdict(list)
    for source in sources:
        folders[source.path.rpartition("/")[0]].append(source)
    told = []
    for folder, found in folders.items():
        commits = ", ".join(sorted({source.commit for source in found if source.commit})) or "unknown"
        if len(found) > SHOWN:
            told.append(f"{len(found)} files of `{folder}/` (commit {commits})")
        else:
            told += [f"`{source.path}` (sha256 {source.sha256[:12]}, commit {source.commit or 'unknown'})" for source in found]
    return told
