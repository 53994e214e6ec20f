"""``stable-signer prior build | import | list | show | validate | export``. [ours]"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signer_lib.errors import SignerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signer_lib.prior.database import Candidate, Prior

prior = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The pose prior: every gloss with its candidate poses.")
Folder = Annotated[Path | None, typer.Option("--prior", help="A prior's folder. Default: the shipped lexicon's, built if it is not there.")]
AslLex = Annotated[Path | None, typer.Option("--asl-lex", help="ASL-LEX 2.0's signdata.csv (CC BY-NC 4.0, from asl-lex.org).")]
PICTURE, STEPS = 192, 6                         # pixels of one drawing; drawings of one candidate


def _open(folder: Path | None) -> Prior:
    from signer_lib.prior.database import Prior

    return Prior.load(folder) if folder else Prior.open()


@prior.command()
def build(
    out: Annotated[Path, typer.Option(help="Folder for the prior; it must not be there yet.")],
    lexicon: Annotated[Path | None, typer.Option(help="A folder with signs*.yaml. Default: the shipped lexicon.")] = None,
    signer: Annotated[Path | None, typer.Option(help="A YAML file with a signer's measures. Default: the shipped signer.")] = None,
    asl_lex: AslLex = None,
) -> None:
    """Compile a lexicon's signs, and the recorded letters, into a prior.

    With --asl-lex the signs of ASL-LEX come too; those that cannot be compiled are listed in problems.json in the folder.

    Example: stable-signer prior build --asl-lex signdata.csv --out out/prior
    """
    import json

    from signer_lib.files import whole_file
    from signer_lib.prior import table

    if (out / table.MANIFEST).exists():
        raise SignerError(f"there is a pose prior in {out} already: choose another folder, or add to it with  stable-signer prior import")
    _check_files(asl_lex, signer)
    from signer_lib.prior.body import load_body
    from signer_lib.prior.building import build_prior
    from signer_lib.prior.handshapes import LEXICON

    problems = build_prior(out, lexicon or LEXICON, load_body(signer) if signer else None, asl_lex)
    clips = sum(part["clips"] for part in table.read_manifest(out)["parts"])
    typer.echo(f"{clips:,} clips -> {out}")
    if asl_lex:
        with whole_file(out / "problems.json") as part:
            part.write_text(json.dumps(problems, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        typer.echo(f"{len(problems)} entries of ASL-LEX could not be compiled: see {out / 'problems.json'}")


@prior.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="Recordings of signs, in any format of  stable-signer convert --formats.")],
    folder: Annotated[Path, typer.Option("--prior", help="The prior to add to; made if it is not there.")],
    licence: Annotated[str, typer.Option(help="The recordings' licence, for example MIT, CC-BY-4.0 or LicenseRef-NAME.")],
    signer: Annotated[str, typer.Option(help="Who signs.")],
    gloss: Annotated[str | None, typer.Option(help="The gloss of all clips in PATH.")] = None,
    from_index: Annotated[bool, typer.Option("--from-index", help="Take each clip's gloss from the index or a table, or from its own name.")] = False,
    words: Annotated[Path | None, typer.Option(help="A CSV or TSV with a column for clips and one for glosses. Default: one in the folder.")] = None,
    fps: Annotated[float | None, typer.Option(min=0.1, help="Frames a second of recordings that do not say (OpenPose, .skels, npz, SLRTP).")] = None,
    language: Annotated[str, typer.Option(help="The rows of an index.csv to take: spoken and signed language.")] = "en-ase",
) -> None:
    """Make recordings stable and add them to a prior, all or none. A clip that never shows a hand is left out and named.

    A prior holds signs. Sentences (clips with a text or several glosses: PHOENIX-2014T, How2Sign, SLRTP) are left out: they are what poses are
    trained on, and  stable-signer convert SENTENCES DATA/train.safetensors  makes a data folder of them for  stable-signer train.

    Example: stable-signer prior import book.pose --prior out/prior --gloss BOOK --licence CC-BY-4.0 --signer "Sam Lee"
    """
    if (gloss is None) != from_index:
        raise SignerError("say what is signed, in one way: --gloss NAME for all clips, or --from-index")
    from signer_lib.prior.validation import known_licence

    if not known_licence(licence):
        raise SignerError(f"'{licence}' is no licence that this prior knows: use an SPDX name such as MIT or CC-BY-4.0, or LicenseRef-NAME")
    if not path.exists():
        raise SignerError(f"there is no {path}: give a recording, or a folder of them")
    from itertools import chain

    from signer_lib.pose.formats import read_clips
    from signer_lib.prior import table
    from signer_lib.prior.body import load_body
    from signer_lib.prior.database import Prior
    from signer_lib.prior.neighbours import slul_embeddings
    from signer_lib.prior.recordings import stabilise

    body, embeddings, jerk = load_body(), slul_embeddings(), {"before": 0.0, "after": 0.0}
    left_out = {"handless": 0, "sentences": 0}

    def rows() -> Iterator[dict[str, Any]]:                     # one clip in memory at a time
        for clip in read_clips(path, fps, words=words, language=language):
            if gloss is None and clip.is_sentence:
                left_out["sentences"] += 1
                continue
            try:
                stable, figures = stabilise(clip.poses, body)
            except SignerError as error:
                left_out["handless"] += 1
                typer.echo(f"left out {clip.name}: {error}")
                continue
            for when in jerk:
                jerk[when] += figures["whole"][when]["jerk"]
            own = gloss or clip.gloss or clip.name.split("#")[0].split("/")[-1].upper()
            yield table.clip_row(own, clip.name, stable, source="recording", licence=licence, signer=signer, embedding=embeddings.get(own, ()))

    found = rows()
    first = next(found, None)
    sentences = (f"sentences, no signs: make a data folder of them to train on, with  stable-signer convert {path} DATA/train.safetensors"
                 + (f" --words {words}" if words else ""))
    if first is None:
        told = [f"{left_out['handless']} never show a hand"] * bool(left_out["handless"])
        told += [f"{left_out['sentences']} are {sentences}"] * bool(left_out["sentences"])
        raise SignerError(f"no clip of {path} could be used: {', '.join(told)}")
    opened = Prior.load(folder) if (folder / table.MANIFEST).exists() else Prior.new(folder)
    added = opened.add(chain([first], found))
    if left_out["sentences"]:
        typer.echo(f"left out {left_out['sentences']} {sentences}")
    typer.echo(f"{added:,} clips added to {folder}, mean wrist jerk {jerk['before'] / added:.0f} -> {jerk['after'] / added:.0f} shoulder widths/s^3")


@prior.command("list")
def list_(
    folder: Folder = None,
    gloss: Annotated[str, typer.Option(help="Which glosses: a pattern with * and ?.")] = "*",
) -> None:
    """The glosses of a prior: variants, sources, mean seconds and mean wrist jerk.

    Example: stable-signer prior list --gloss "B*"
    """
    from fnmatch import fnmatchcase

    opened = _open(folder)
    table = opened.table.select_columns(["gloss", "variant", "source", "frames", "fps", "stability"])
    found: dict[str, list[dict[str, Any]]] = {}
    for row in table:
        if fnmatchcase(row["gloss"].upper(), gloss.upper()):
            found.setdefault(row["gloss"], []).append(row)
    if not found:
        raise SignerError(f"no gloss of the prior {opened.name} is like '{gloss}'")

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    lines: list[tuple[str, ...]] = [("gloss", "variants", "sources", "seconds", "jerk")]
    lines += [(name, ", ".join(row["variant"] for row in rows), ", ".join(sorted({row["source"] for row in rows})),
               f"{mean([row['frames'] / row['fps'] for row in rows]):.2f}", f"{mean([row['stability']['jerk'] for row in rows]):.0f}")
              for name, rows in found.items()]
    _print_table(lines)
    typer.echo(f"{len(found):,} glosses, {sum(map(len, found.values())):,} clips")


@prior.command()
def show(
    gloss: Annotated[str, typer.Argument(help="A gloss of the prior, for example BOOK.")],
    folder: Folder = None,
    out: Annotated[Path | None, typer.Option(help="Draw the candidates there: a .png with moments of each, or an .mp4.")] = None,
) -> None:
    """What the prior holds of a gloss: its candidates, its description and its nearest signs.

    Example: stable-signer prior show BOOK --out out/book.png
    """
    if out and out.suffix.lower() not in (".png", ".mp4"):
        raise SignerError(f"{out}: name a .png or an .mp4")
    opened = _open(folder)
    offered = opened.candidates(gloss)
    lines: list[tuple[str, ...]] = [("variant", "source", "signer", "licence", "seconds", "jerk", "bone drift", "missing")]
    lines += [(c.variant, c.source, c.signer, c.licence, f"{c.poses.duration:.2f}", f"{c.stability:.0f}", f"{c.bone_drift:.1e}", f"{c.missing:.1%}")
              for c in offered]
    _print_table(lines)
    for name, value in offered[0].phonology.items():
        if value and name != "gloss":
            typer.echo(f"  {name:<12}{value if isinstance(value, str) else _words(value)}")
    for by in ("phonology", "embedding"):
        try:
            near = [f"{name} ({distance:.3g})" for name, distance in opened.nearest(gloss, by=by)]
        except SignerError:                                     # a recording without a description, a gloss that SLUL does not know
            continue
        typer.echo(f"nearest by {by}: {', '.join(near)}")
    if out:
        (_draw_picture if out.suffix.lower() == ".png" else _draw_video)(offered, out)
        typer.echo(out)


def _words(value: object) -> str:
    """A part of a description on one line, without what is empty."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(inner)}" for name, inner in value.items() if inner)
    return " ".join(map(_words, value)) if isinstance(value, list) else str(value)


def _print_table(lines: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    for line in lines:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def _draw_picture(offered: list[Candidate], path: Path) -> None:
    """A row for each candidate, ``STEPS`` moments from its first frame to its last."""
    import numpy as np
    from PIL import Image

    from signer_lib.files import whole_file
    from signer_lib.render.drawn import draw_frame

    def moments(c: Candidate) -> np.ndarray:
        return np.linspace(0, len(c.poses) - 1, STEPS).round().astype(int)

    rows = [np.hstack([draw_frame(c.poses.xyz[frame], size=PICTURE, caption=f"{c.variant} {frame / c.poses.fps:.2f} s") for frame in moments(c)])
            for c in offered]
    with whole_file(path) as part:
        Image.fromarray(np.vstack(rows)).save(part)


def _draw_video(offered: list[Candidate], path: Path) -> None:
    """The candidates beside one another, each at its own speed; the shorter ones wait at their end."""
    import numpy as np

    from signer_lib.render.drawn import draw_frame
    from signer_lib.render.video import write_video

    fps, longest = 25, max(c.poses.duration for c in offered)

    def frames() -> Iterator[np.ndarray]:
        for second in np.arange(round(longest * fps) + fps) / fps:                # a second of rest at the end
            at = [min(int(second * c.poses.fps), len(c.poses) - 1) for c in offered]
            yield np.hstack([draw_frame(c.poses.xyz[k], size=2 * PICTURE, caption=c.variant) for c, k in zip(offered, at)])

    write_video(frames(), path, fps)


@prior.command()
def validate(
    recordings: Annotated[Path | None, typer.Argument(help="A file or folder of recordings to look at before they are imported, instead.")] = None,
    folder: Folder = None,
) -> None:
    """Name what is wrong with a prior's clips: gloss, variant, frame and joint. Exit code 1 if there is anything.

    With RECORDINGS: what is wrong with those, as  stable-signer convert RECORDINGS --check  tells it; exit code 2 if a clip cannot be used.

    Example: stable-signer prior validate --prior out/prior
    """
    if recordings:
        from signer_lib.cli_convert import check_recordings

        raise typer.Exit(check_recordings(recordings))
    opened = _open(folder)
    problems = opened.validate()
    for problem in problems:
        typer.echo(problem)
    typer.echo(f"{len(problems)} problems in {len(opened.table):,} clips of {len(opened):,} glosses")
    raise typer.Exit(1 if problems else 0)


@prior.command()
def export(
    folder: Folder = None,
    out: Annotated[Path | None, typer.Option(help="Folder for .pose files and the index.csv of a spoken-to-signed lexicon.")] = None,
    prototypes: Annotated[Path | None, typer.Option(help="An .npz with one compiled sign a gloss, for a recogniser.")] = None,
    language: Annotated[str, typer.Option(help="Spoken and signed language in the index.")] = "en-ase",
    asl_lex: AslLex = None,
) -> None:
    """Write a prior for other programs: a lexicon for spoken-to-signed, or prototypes for a recogniser.

    Prototypes are the rule-made citation forms, (T, 50, 3) each, named by the gloss in lower case; a hand at rest is NaN. With
    --asl-lex they are compiled from ASL-LEX's codes instead of our descriptions.

    Example: stable-signer prior export --out out/lexicon
    """
    if (out is None) == (prototypes is None):
        raise SignerError("say what to write: --out FOLDER for a lexicon, or --prototypes FILE.npz")
    if asl_lex and not prototypes:
        raise SignerError("--asl-lex goes with --prototypes; to have ASL-LEX's signs in a prior, use  stable-signer prior build --asl-lex")
    if prototypes and prototypes.suffix.lower() != ".npz":
        raise SignerError(f"{prototypes}: name an .npz file")
    from signer_lib.pose.formats.lexicon import pair_of

    pair = pair_of(language)
    _check_files(asl_lex)
    from signer_lib.prior.exporting import write_prototypes

    if out:
        opened = _open(folder)
        typer.echo(f"{len(opened.table):,} clips of {len(opened):,} glosses -> {opened.export(out, pair)}")
        return
    assert prototypes is not None                               # one of the two, see above
    if asl_lex:
        from signer_lib.prior.asl_lex import read_asl_lex
        from signer_lib.prior.body import load_body
        from signer_lib.prior.building import compiled

        problems: dict[str, str] = {}
        count = write_prototypes(compiled(read_asl_lex(asl_lex), load_body(), problems), prototypes)
        typer.echo(f"{len(problems)} entries of ASL-LEX could not be compiled")
    else:
        opened = _open(folder)
        rules = ((gloss, next((c.poses for c in opened.candidates(gloss) if c.source == "rule"), None)) for gloss in opened.glosses)
        count = write_prototypes(((gloss, poses) for gloss, poses in rules if poses), prototypes)
    typer.echo(f"{count:,} prototypes -> {prototypes}")


def _check_files(*paths: Path | None) -> None:
    for path in paths:
        if path and not path.is_file():
            raise SignerError(f"there is no file {path}: check the name")
