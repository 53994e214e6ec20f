"""A kit to rate clips with: for each rater a folder with one page that works offline, and for the organisers the key to it. [ours]"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from signer_lib.errors import SignerError
from signer_lib.files import filling
from signer_lib.progress import progress
from signer_lib.rating.clips import find_clips, has_captions, texts_of, write_blind
from signer_lib.rating.design import Item, plan
from signer_lib.rating.exported import KEY, digest
from signer_lib.rating.scales import CANNOT_TELL, DESCRIPTIONS, READINGS, SCALES
from signer_lib.render.video import frame_rate

TEXTS = Path(__file__).resolve().parent / "texts"
REFERENCE = "reference"                            # the name of the hidden references among the systems
SIGNED = "instructions.mp4"                        # the signed video that a page shows where it lies beside it


def make_kit(out: Path, systems: dict[str, Path], raters: int, seed: int, references: Path | None = None, sentences: Path | None = None,
             per_rater: int | None = None, size: int = 512, consent: Path | None = None, instructions: Path | None = None) -> list[str]:
    """Fill ``out`` and say, in lines, what it holds and what is still to be done.

    systems     name -> folder of clips (see ``clips.find_clips``); references: such a folder too, rated unnamed among them.
    sentences   lines of name, tab, text; else the text is read beside the clips.       per_rater  rated clips; None: one for each sentence.
    size        pixels of a clip's side.    consent  the text to agree to; None: the draft that comes with the project.
    instructions  the signed video; it may also be laid into the raters' folders later.

    The same clips and seed give the same kit. Names of clips are keyed by the seed and the clips (HMAC-SHA256), one key for each rater and place, so
    that no name, and no clip's order, tells who made it, nor that two pages show the same clip. Raises ``SignerError``; ``out`` is then as it was.
    """
    if (out / KEY).exists():
        raise SignerError(f"there is a kit in {out} already: choose another folder")
    if REFERENCE in systems and references is not None:
        raise SignerError(f'no system can be called "{REFERENCE}": that is the name of --references')
    folders = {name: find_clips(folder) for name, folder in (systems | ({REFERENCE: references} if references else {})).items()}
    names = _shared(folders)
    texts = texts_of(names, list(folders.values()), sentences)
    sources = {(system, name): clips[name] for system, clips in folders.items() for name in names}
    if burnt := next((path for path in sources.values() if has_captions(path)), None):
        raise SignerError(f"{burnt} has glosses written into the picture, which tell what is signed: sign again with --no-captions")
    pages = plan(list(folders), texts, raters, len(names) if per_rater is None else per_rater, seed, REFERENCE if references else None)
    agreed = _read(consent or TEXTS / "consent.md")
    secret = hashlib.sha256(json.dumps([seed, *((*pair, digest(path)) for pair, path in sorted(sources.items()))]).encode()).digest()

    def blind(what: str) -> str:
        return hmac.new(secret, what.encode(), hashlib.sha256).hexdigest()[:16]

    key: dict[str, Any] = {"kit": blind("kit"), "seed": seed, "size": size, "systems": list(folders), "reference": REFERENCE if references else None,
           "sentences": texts, "raters": {}}
    with filling(out) as part:
        for (system, name), path in progress(sources.items(), "clips"):
            write_blind(path, part / "clips" / f"{list(folders).index(system)}-{names.index(name)}.mp4", size)
        for number, items in enumerate(pages, 1):
            rater = f"rater-{number:02d}"
            folder, rows = part / "raters" / rater, []
            (folder / "clips").mkdir(parents=True)
            for place, item in enumerate(items):
                clip = f"clips/{blind(f'{rater}/{place}')}.mp4"
                shutil.copyfile(part / "clips" / f"{list(folders).index(item.system)}-{names.index(item.sentence)}.mp4", folder / clip)
                rows.append({"clip": clip, "sha256": digest(folder / clip), **asdict(item)})
            (folder / "index.html").write_text(_page(key["kit"], rater, items, [row["clip"] for row in rows], texts, agreed), encoding="utf-8")
            if instructions is not None:
                _copy(instructions, folder / SIGNED)
            key["raters"][rater] = {"page": digest(folder / "index.html"), "items": rows}
        shutil.rmtree(part / "clips")
        (part / KEY).parent.mkdir()
        (part / KEY).write_text(json.dumps(key, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        shutil.copyfile(TEXTS / "guide.md", part / "GUIDE.md")
        (part / "CONSENT.md").write_text(agreed, encoding="utf-8")
    return _told(key, sources, agreed, instructions, out)


def _told(key: dict[str, Any], sources: dict[tuple[str, str], Path], agreed: str, instructions: Path | None, out: Path) -> list[str]:
    shown = [len(told["items"]) for told in key["raters"].values()]
    told = [f"{len(key['systems'])} systems, {len(key['sentences'])} sentences, {len(shown)} raters with {max(shown)} clips each -> {out}",
            f"hand each rater their own folder of {out / 'raters'}, and nothing else; read {out / 'GUIDE.md'} first"]
    if len(found := {round(frame_rate(path), 2) for path in sources.values()}) > 1:
        told.append(f"the clips have {' and '.join(map(str, sorted(found)))} frames a second: a rater could tell systems by it")
    if "[" in agreed:
        told.append(f"{out / 'CONSENT.md'} has places in [brackets] to fill in: write your own and make the kit again with --consent FILE")
    if instructions is None:
        told.append(f"no signed instructions: lay {SIGNED} into every rater's folder, or use --instructions FILE; the pages say that it is missing")
    return told


def _shared(folders: dict[str, dict[str, Path]]) -> list[str]:
    """The sentences, which every system must have."""
    names = sorted({name for clips in folders.values() for name in clips})
    for system, clips in folders.items():
        if missing := [name for name in names if name not in clips]:
            raise SignerError(f"{system} has no clip of {missing[0]}, which others have ({len(missing)} are missing): every system needs every one")
    return names


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SignerError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


def _copy(path: Path, to: Path) -> None:
    try:
        shutil.copyfile(path, to)
    except OSError as error:
        raise SignerError(f"cannot read {path}: {error.strerror}") from None


def _page(kit: str, rater: str, items: list[Item], clips: list[str], texts: dict[str, str], consent: str) -> str:
    """One HTML file that needs nothing but the clips beside it."""
    told = {"kit": kit, "rater": rater, "items": [{"clip": clip, "sentence": texts[item.shown]} for item, clip in zip(items, clips)],
            "scales": [{"name": name, "question": question, "words": words} for name, (question, words) in SCALES.items()],
            "cannot": CANNOT_TELL, "readings": READINGS, "descriptions": DESCRIPTIONS}
    parts = {"CONSENT": as_html(consent), "INSTRUCTIONS": as_html(_read(TEXTS / "instructions.md")), "SIGNED": SIGNED,
             "KIT": json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")}
    return re.sub(r"@(CONSENT|INSTRUCTIONS|SIGNED|KIT)@", lambda found: parts[found[1]], _read(TEXTS / "page.html"))


def as_html(text: str) -> str:
    """Paragraphs, "# " headings and "- " lists as HTML; everything else stays as it is written."""
    blocks = []
    for block in re.split(r"\n\s*\n", escape(text.strip(), quote=False)):
        if heading := re.match(r"(#+) (.*)", block):
            blocks.append(f"<h{len(heading[1]) + 1}>{heading[2]}</h{len(heading[1]) + 1}>")
        elif block.startswith("- "):
            blocks.append("<ul>" + "".join(f"<li>{item}</li>" for item in re.split(r"\n- ", block[2:])) + "</ul>")
        else:
            blocks.append(f"<p>{block}</p>")
    return "\n".join(blocks)
