r"""Tables as LaTeX, for a paper: ``\input`` them; they need the packages booktabs and graphicx. [ours]"""

from __future__ import annotations

import re
from collections.abc import Mapping

from signer_lib.tables.model import Line, Table, set_out

WIDE = 7                                    # columns from which a table is shrunk to the width of the text
SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "$": r"\$", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "→": r"$\to$", "|": "$|$", "×": r"$\times$", "³": r"$^{3}$", "Δ": r"$\Delta$",
}
LEGEND = ("↑ higher, ↓ lower, →1 nearer to 1 is better. Mean ± one standard deviation over the seeds. Bold number: the best system of its group; "
          "floors, ceilings and published rows never compete.")


def escaped(text: str) -> str:
    """Text as LaTeX sets it; what stands in `backticks` in typewriter."""
    parts = ["".join(SIGNS.get(sign, sign) for sign in part) for part in re.split(r"`([^`]*)`", text)]
    return "".join(rf"\texttt{{{part}}}" if at % 2 else part for at, part in enumerate(parts))


def tabular(table: Table) -> str:
    """The rows alone, between booktabs' rules."""
    heads, lines = set_out(table)
    body = [_line(line, len(heads)) for line in lines]
    out = [rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}", r"\toprule", " & ".join(map(escaped, heads)) + r" \\", r"\midrule"]
    for at, (line, text) in enumerate(zip(lines, body)):
        out += [r"\addlinespace"] * (at > 0 and not line.cells) + [text]
    return "\n".join([*out, r"\bottomrule", r"\end{tabular}"])


def document(title: str, parts: Mapping[str, Table | str]) -> str:
    r"""All parts, each a float of its own with the notes below; a part that could not be made is a comment that says why."""
    out = [f"% {title}. Needs \\usepackage{{booktabs,graphicx}}"]
    for at, (heading, part) in enumerate(parts.items()):
        if isinstance(part, str):
            out.append(f"% {heading}: not here yet: {part}")
            continue
        inner = tabular(part)
        if len(set_out(part)[0]) >= WIDE:
            inner = f"\\resizebox{{\\linewidth}}{{!}}{{%\n{inner}}}"
        label = re.sub(r"[^a-z0-9]+", "-", f"{title} {at + 1}".lower())
        out.append("\n".join([
            r"\begin{table}[t]", r"\centering\small", rf"\caption{{{escaped(title)}: {escaped(heading)}}}", rf"\label{{tab:{label}}}",
            inner, *(rf"\par\smallskip{{\footnotesize {escaped(note)}\par}}" for note in (*part.notes, LEGEND)), r"\end{table}",
        ]))
    files = {source.path: source for part in parts.values() if isinstance(part, Table) for source in part.sources}
    out += ["\n".join(f"% {path} sha256 {source.sha256} commit {source.commit or '-'}" for path, source in files.items())] * bool(files)
    return "\n\n".join(out) + "\n"


def _line(line: Line, width: int) -> str:
    if not line.cells:
        return rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escaped(line.label)}}}}} \\"

    def bold(text: str, mark: bool) -> str:
        return rf"\textbf{{{escaped(text)}}}" if mark else escaped(text)

    return " & ".join([bold(line.label, line.ours), *(bold(cell, best) for cell, best in zip(line.cells, line.best))]) + r" \\"
