"""Nothing that somebody gives can run code, lead out of its folder, or reach the network; and what is written is there whole or not at all."""

import ast
import csv
import json
import os
import pickle
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from clips import poses, tiny_renderer, write_clips
from fuzz import readers
from ratings import hand_in, plain, write_kit
from signer_lib.assets import ROOT
from signer_lib.checkpoint import save_trained
from signer_lib.config import load_config
from signer_lib.errors import LONGEST, SignerError
from signer_lib.experts.model import MoEConfig
from signer_lib.figures.save import save_fig
from signer_lib.files import filling, inside
from signer_lib.language.corpora import open_corpus
from signer_lib.language.corpus import write_split as write_corpus
from signer_lib.language.corruption import load_synonyms
from signer_lib.metrics.recognition import read_prototypes
from signer_lib.own_data.study import read_study
from signer_lib.parsing import NotYaml, from_yaml, nodes_of
from signer_lib.pose.formats import read_poses, write_pose
from signer_lib.pose.formats.folder import write_folder
from signer_lib.pose.formats.mediapipe import write_mediapipe_json, write_npz
from signer_lib.pose.formats.named import NamedClip, plain_name
from signer_lib.pose.formats.openpose import write_openpose
from signer_lib.pose.formats.skels import write_skels
from signer_lib.pose.formats.slrtp import write_slrtp
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.durations import load_factors
from signer_lib.prior.exporting import write_prototypes
from signer_lib.prior.handshapes import load_handshapes
from signer_lib.prior.phonology import load_signs
from signer_lib.prior.table import clip_row
from signer_lib.rating.exported import KEY, read_key
from signer_lib.rating.summary import summarise
from signer_lib.render.renderer.bundle import write_bundle
from signer_lib.render.renderer.data import read_clips
from signer_lib.render.renderer.packing import pack
from signer_lib.render.renderer.pipeline import RendererPipeline
from signer_lib.render.video import read_video, write_video
from signer_lib.results import write_result
from signer_lib.resume import save_state
from signer_lib.tables import text_understanding
from signer_lib.tables.__main__ import main as tables

SOURCES = sorted([*(ROOT / "signer_lib").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "notebooks").rglob("*.ipynb")])
OUT = ["../secret", "a/../../secret", "/etc/passwd", "\\secret", "..\\secret", "C:\\secret", "a\0b", "two\nlines", "", None, 3, "link/x"]
TAGS = ["!!python/object/apply:os.getcwd []", "!!python/name:os.system", "!!python/module:os", "!!python/object:pathlib.Path {}", "!own {}"]


# --- code ------------------------------------------------------------------------------------------------------------
def parsed(path):
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell.source for cell in nbformat.reads(source, 4).cells if cell.cell_type == "code"]
        source = "\n".join(line for cell in cells for line in cell.splitlines() if not line.lstrip().startswith(("%", "!")))
    return ast.parse(source)


def told(node):
    """A call's name with its dots: ``np.load``."""
    try:
        return ast.unparse(node.func)
    except AttributeError:
        return ""


def problems(path):
    """What in a file could load a pickle or run what data says."""
    ours = path.is_relative_to(ROOT / "signer_lib")
    for node in ast.walk(parsed(path)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if ours and {name.split(".")[0] for name in names} & {"marshal", "shelve", "joblib", "dill", "cloudpickle"}:
                yield f"imports {names}"
        if ours and isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle" and node.attr != "UnpicklingError":
            yield f"pickle.{node.attr}"
        if not isinstance(node, ast.Call):
            continue
        name, given = told(node), {keyword.arg: keyword.value for keyword in node.keywords}
        constant = {key: value.value for key, value in given.items() if isinstance(value, ast.Constant)}
        if isinstance(node.func, ast.Name) and name in ("eval", "exec", "compile", "__import__") and ours:
            yield name
        if name == "torch.load" and constant.get("weights_only") is not True:
            yield "torch.load without weights_only=True"
        if "allow_pickle" in given and constant.get("allow_pickle") is not False:
            yield f"{name} with allow_pickle"
        if "trust_remote_code" in given and constant.get("trust_remote_code") is not False:
            yield f"{name} with trust_remote_code"
        if name in ("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.compose", "yaml.parse") and path.name != "parsing.py":
            yield name
        if name == "yaml.safe_load" and ours:
            yield "yaml.safe_load, which parsing.from_yaml does within bounds"
        if name in ("os.system", "os.popen") or constant.get("shell") is True and ours:
            yield name
        if name == "importlib.import_module" and ours and not ast.unparse(node.args[0]).startswith(("f'signer_lib.", "'signer_lib.")):
            yield f"{name}({ast.unparse(node.args[0])})"


def test_no_pickle_is_loaded_and_no_data_is_run():
    assert {str(path.relative_to(ROOT)): found for path in SOURCES if (found := list(problems(path)))} == {}


def test_the_check_finds_what_it_looks_for(tmp_path):
    path = tmp_path / "x.py"
    bad = ["torch.load(p)", "torch.load(p, weights_only=False)", "np.load(p, allow_pickle=True)", "yaml.load(t, yaml.Loader)", "os.system('x')",
           "kind.from_pretrained(p, trust_remote_code=True)"]
    for line in bad:
        path.write_text(line)
        assert list(problems(path)), line


@pytest.mark.parametrize("tag", TAGS)
def test_tags_of_yaml_make_no_objects(tmp_path, tag):
    with pytest.raises(NotYaml, match="could not determine a constructor"):
        from_yaml(f"a: {tag}")
    for name, read in {
        "preset.yaml": lambda path: load_config(MoEConfig, path), "signs.yaml": lambda path: load_signs(path.parent),
        "handshapes.yaml": load_handshapes, "durations.yaml": load_factors, "signer.yaml": load_body,
        "synonyms_en.yaml": lambda path: load_synonyms("en", path.parent), "study.yaml": read_study,
    }.items():
        path = tmp_path / tag[2:8].strip("/:") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"seed: {tag}\ntext: {tag}\n")
        with pytest.raises(SignerError) as error:
            read(path)
        assert str(error.value).isprintable() and name in str(error.value)
        path.unlink()


def test_yaml_as_nodes_is_bounded_too():
    with pytest.raises(NotYaml, match="levels deep"):
        nodes_of("[" * 100_000)
    assert nodes_of("") is None


class Bomb:
    """What a pickle may do when it is loaded."""

    def __reduce__(self):
        return os.mkdir, (str(self.path),)

    def __init__(self, path):
        self.path = path


def test_pickles_are_not_opened_wherever_they_lie(tmp_path):
    bomb, made = Bomb(tmp_path / "made"), tmp_path / "made"
    (tmp_path / "clips.npz").write_bytes(pickle.dumps(bomb))
    np.savez(tmp_path / "objects.npz", x=np.array([bomb], object))
    torch.save({"a": bomb}, tmp_path / "clips.pt")
    for name in ("clips.npz", "objects.npz", "clips.pt"):
        with pytest.raises(SignerError, match=name):
            read_poses(tmp_path / name)
    with pytest.raises(SignerError, match="objects.npz"):
        read_prototypes(tmp_path / "objects.npz")
    folder = tiny_renderer(tmp_path / "renderer", 6)
    (weights := folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save({"a": bomb}, weights.with_suffix(".bin"))
    with pytest.raises(SignerError, match="damaged"):
        RendererPipeline.from_folder(folder)
    assert not made.exists()


@pytest.mark.parametrize("part", [["os", "PathLike"], ["signer_lib.cli", "main"], ["subprocess", "Popen"], ["diffusers", 3], ["x"]])
def test_a_renderer_names_no_modules_of_others(tmp_path, part):
    folder = tiny_renderer(tmp_path / "renderer", 6)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"refiner": part}))
    with pytest.raises(SignerError, match="which is no part of a renderer"):
        RendererPipeline.from_folder(folder)


@pytest.mark.parametrize("content", ["#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
                                     "ffconcat version 1.0\nfile secret.mp4\n"])
def test_a_playlist_in_a_videos_clothes_opens_no_other_file(tmp_path, content):
    write_video(np.zeros((3, 32, 32, 3), np.uint8), tmp_path / "secret.mp4", 25)
    (tmp_path / "clip.mp4").write_text(content)
    with pytest.raises(SignerError, match="cannot read .*clip.mp4 as a video"):
        read_video(tmp_path / "clip.mp4")
    assert len(read_video(tmp_path / "secret.mp4")) == 3


# --- names -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def link(tmp_path):
    """-> a function: in this folder, ``link`` leads to where a secret is."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("secret")
    return lambda folder: (folder / "link").symlink_to(tmp_path / "outside")


@pytest.mark.parametrize("name", OUT)
def test_a_name_that_leads_out_is_refused(tmp_path, link, name):
    (folder := tmp_path / "in").mkdir()
    link(folder)
    with pytest.raises(SignerError, match="is not inside it|leads out of") as error:
        inside(folder, name)
    assert str(error.value).isprintable()
    assert inside(folder, "a/b.pose") == folder / "a" / "b.pose"


@pytest.mark.parametrize("name", [name for name in OUT if isinstance(name, str) and name and "\0" not in name])
def test_a_lexicon_names_files_of_its_own(tmp_path, link, name):
    (folder := tmp_path / "lexicon").mkdir()
    link(folder)
    readers.make_lexicon_of_poses(folder)
    rows = list(csv.reader((folder / "index.csv").open(newline="")))
    rows[1][0] = name
    with open(folder / "index.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(SignerError, match="is not inside it|leads out of"):
        read_poses(folder)


@pytest.mark.parametrize("name", OUT)
@pytest.mark.parametrize("key", ["file_name", "poses_file_name"])
def test_clips_name_files_of_their_own(tmp_path, link, name, key):
    folder = write_clips(tmp_path / "clips", clips=1) / "train"
    link(folder)
    row = json.loads((folder / "metadata.jsonl").read_text().splitlines()[0])
    (folder / "metadata.jsonl").write_text(json.dumps(row | {key: name}) + "\n")
    with pytest.raises(SignerError, match="is not inside it|leads out of|has no " + key + "|is no part|no file"):
        list(read_clips(folder, 32))


@pytest.mark.parametrize("name", [*OUT, "..", "."])
def test_a_prior_names_parts_and_files_of_its_own(tmp_path, link, name):
    readers.make_prior(tmp_path)
    link(tmp_path / "prior"), link(tmp_path / "prior" / "part-0")
    manifest = json.loads((tmp_path / "prior" / "manifest.json").read_text())
    state = json.loads((tmp_path / "prior" / "part-0" / "state.json").read_text())
    state["_data_files"][0]["filename"] = name
    (tmp_path / "prior" / "part-0" / "state.json").write_text(json.dumps(state))
    with pytest.raises(SignerError):
        Prior.load(tmp_path / "prior")
    manifest["parts"][0]["name"] = name
    (tmp_path / "prior" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SignerError):
        Prior.load(tmp_path / "prior")


def test_a_saved_corpus_names_files_of_its_own_and_a_table_beside_a_readme_is_read_alone(tmp_path):
    (tmp_path / "saved").mkdir(), (tmp_path / "table").mkdir()
    readers.make_aslg_saved(tmp_path / "saved")
    state = json.loads((tmp_path / "saved" / "state.json").read_text())
    state["_data_files"][0]["filename"] = "../elsewhere.arrow"
    (tmp_path / "saved" / "state.json").write_text(json.dumps(state))
    with pytest.raises(SignerError, match="is not inside it"):
        open_corpus(tmp_path / "saved").train
    readers.make_aslg(tmp_path / "table")
    whole = len(open_corpus(tmp_path / "table").train)
    (tmp_path / "secret.csv").write_text("text,gloss\na secret,SECRET\n")
    (tmp_path / "table" / "README.md").write_text("---\nconfigs:\n- config_name: default\n  data_files: ../secret.csv\n---\n")
    assert len(open_corpus(tmp_path / "table").train) == whole > 1


@pytest.mark.parametrize("name", [name for name in OUT if isinstance(name, str)])
def test_a_kit_names_clips_of_its_own(tmp_path, name):
    kit = write_kit(tmp_path, raters=2)
    handed = hand_in(kit, tmp_path / "handed", plain)
    key = read_key(kit)
    rater = next(iter(key["raters"]))
    key["raters"][rater]["items"][0]["clip"] = name
    answers = json.loads((handed / f"ratings-{rater}.json").read_text())
    answers["answers"][0]["clip"] = name
    (handed / f"ratings-{rater}.json").write_text(json.dumps(answers))
    (kit / KEY).write_text(json.dumps(key))
    with pytest.raises(SignerError, match="is not inside it|leads out of|no longer there"):
        summarise(kit, [handed], samples=20)


def test_names_that_clips_are_written_to_stay_in_the_folder():
    taken = set()
    for name in ("../a", "/etc/passwd", "..\\a", "C:\\x", "a/../b", "nul\0x", "x" * 400, "", ".", "..", "A", "a"):
        found = plain_name(name, taken)
        assert found and ".." not in found.split("/") and not found.startswith("/") and "\\" not in found and "\0" not in found
        assert all(len(part) < 200 for part in found.split("/"))
    assert len(taken) == 12, "no two names are one file, where READ and read are one"


def test_a_message_is_one_line_whatever_a_file_put_into_it():
    error = SignerError("a\nb\r\x1b[31m\u2028c \ud800" + "x" * 10_000)
    assert str(error).isprintable() and len(str(error)) < LONGEST + 10 and str(error).startswith("a b")


# --- what is written -------------------------------------------------------------------------------------------------
CLIP = poses(6)
NAMED = [NamedClip("one", CLIP, "BOOK", "A book.", "me"), NamedClip("two", poses(5, 1), "HOUSE", "A house.", "me")]


def figure(path):
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots()
    axes.plot(range(9))
    save_fig(drawn, path)
    plt.close(drawn)


def prior_of(folder, k):
    prior = Prior.load(folder) if (folder / "manifest.json").exists() else Prior.new(folder)
    prior.add([clip_row("A", f"v{k}", poses(5, k), source="recording", licence="CC0-1.0", signer="made")])


def results_of(folder):
    row = dict.fromkeys(text_understanding.ASL, 1.0) | {"count": 3}
    write_result(folder / "slul" / "asl.json", {"rows": {"a": row}, "seed": 1, "what": "x"}, "x")
    return folder


WRITERS = {  # name -> writes into a folder; k makes it another content
    "write_pose": lambda folder, k: write_pose(poses(6, k), folder / "a.pose"),
    "write_video": lambda folder, k: write_video(readers.frames(5 + k), folder / "a.mp4", 25),
    "save_state": lambda folder, k: save_state(folder / "state.safetensors", {"model": {"w": torch.full((900,), float(k))}}, {"k": k}),
    "write_result": lambda folder, k: write_result(folder / "a.json", {"k": [k] * 500}, "x"),
    "corpus": lambda folder, k: write_corpus(folder, "train", [(f"text {k}" * 99, f"GLOSS-{k}" * 99)]),
    "performances": lambda folder, k: readers.make_performances(folder),
    "prototypes": lambda folder, k: write_prototypes([("BOOK", poses(5, k))], folder / "signs.npz"),
    "prior": lambda folder, k: prior_of(folder / "prior", k),
    "write_skels": lambda folder, k: write_skels([NamedClip(f"c{k}", poses(4, k), "A", "a")], folder / "dev.skels"),
    "write_openpose": lambda folder, k: write_openpose(NamedClip("c", poses(3, k)), folder / "openpose"),
    "write_mediapipe_json": lambda folder, k: write_mediapipe_json(NamedClip("c", poses(3, k)), folder / "c.json"),
    "write_npz": lambda folder, k: write_npz([NamedClip("c", poses(3, k))], folder / "c.npz"),
    "write_slrtp": lambda folder, k: write_slrtp([NamedClip("c", poses(3, k))], folder / "c.pt"),
    "write_folder": lambda folder, k: write_folder([NamedClip("c", poses(3, k), "A B", "a b")], folder, "train"),
    "save_fig": lambda folder, k: figure(folder / "a.png"),
    "pack": lambda folder, k: pack(read_clips(write_clips(folder.parent / f"clips-{k}", clips=1) / "train", 32), folder / "packed"),
    "write_bundle": lambda folder, k: write_bundle(write_clips(folder.parent / f"for-bundle-{k}", clips=1), folder / "bundle"),
    "make_kit": lambda folder, k: write_kit(folder.parent / f"for-kit-{k}", raters=2),
    "save_trained": lambda folder, k: save_trained(readers.small_moe(), folder / "model", [{"step": k}], {"seed": k}),
    "tables": lambda folder, k: tables(["text_understanding", "--results", str(results_of(folder.parent / f"results-{k}")), "--out", str(folder)]),
}


FAILURES = SignerError, OSError, RuntimeError, SafetensorError                # of the disk, as each library tells it


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()} if folder.exists() else {}


@contextmanager
def full_disk(size):
    """Files cannot grow beyond ``size`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def of_two(now, *states):
    """Every file is one of a state's, and nothing lies there that belongs to none."""
    return all(any(state.get(name) == content for state in states) for name, content in now.items() if not name.endswith(".lock"))


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in ("make_kit", "pack", "write_bundle")])
def test_what_cannot_be_written_to_the_end_leaves_what_was_there(tmp_path, name):
    write, folder = WRITERS[name], tmp_path / "there"
    folder.mkdir()
    write(folder, 0)
    before = files_of(folder)
    largest = max(len(content) for content in before.values())
    for size in (0, min(100, largest // 2)):
        with full_disk(size), pytest.raises(FAILURES):
            write(folder, 1)
        assert of_two(files_of(folder), before) and set(before) <= set(files_of(folder)), "the old files, and no others"
        empty = tmp_path / f"new-{size}"
        with full_disk(size), pytest.raises(FAILURES):
            write(empty, 1)
        assert {path for path in files_of(empty) if not path.endswith((".lock", "manifest.json"))} == set()


@pytest.mark.parametrize("name", ["pack", "write_bundle", "make_kit"])
def test_what_fails_among_many_files_leaves_no_part_of_them(tmp_path, monkeypatch, name):
    places = {"pack": "packed", "write_bundle": "bundle", "make_kit": "../for-kit-1/kit"}
    moved = []

    def stops(source, to, real=os.replace):
        moved.append(to)
        if Path(to).parent.name == Path(places[name]).name:
            raise OSError(28, "No space left on device")
        return real(source, to)

    monkeypatch.setattr(os, "replace", stops)
    folder = tmp_path / "there"
    with pytest.raises(SignerError, match="cannot write to .*space"):
        WRITERS[name](folder, 1)
    assert moved and files_of(folder / places[name]) == {}


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_each_of_several_files_is_the_old_or_the_new(tmp_path, monkeypatch, fails_at):
    (tmp_path / "a").write_text("old"), (tmp_path / "b").write_text("old"), (tmp_path / "c").write_text("old")
    done = []

    def stops(source, to, real=os.replace):
        if len(done) == fails_at:
            raise OSError(5, "Input/output error")
        done.append(real(source, to))

    monkeypatch.setattr(os, "replace", stops)
    with pytest.raises(SignerError, match="Input/output error"), filling(tmp_path) as part:
        for name in "abc":
            (part / name).write_text("new")
    assert [(tmp_path / name).read_text() for name in "abc"] == ["new"] * fails_at + ["old"] * (3 - fails_at)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


# --- the network -----------------------------------------------------------------------------------------------------
ALONE = """
import importlib, os, pkgutil, socket, sys

def refused(*args, **kwargs):
    raise SystemExit(f"the network was asked for: {args}")

socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refused
import signer_lib

for module in pkgutil.walk_packages(signer_lib.__path__, "signer_lib."):
    if module.name not in ("signer_lib.__main__",) and not module.name.endswith("anny_source"):
        importlib.import_module(module.name)
from signer_lib.pipeline import StableSignerPipeline
StableSignerPipeline.from_pretrained(renderer="drawn")("Hello, my name is Sam.").save(sys.argv[1], size=128)
print("signed alone")
"""


def test_nothing_asks_for_the_network(tmp_path):
    free = {name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")}
    done = subprocess.run([sys.executable, "-c", ALONE, str(tmp_path / "out")], cwd=ROOT, capture_output=True, text=True, timeout=600,
                          env=free | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"})
    assert done.returncode == 0 and "signed alone" in done.stdout, done.stderr[-2000:]
    assert (tmp_path / "out" / "video.mp4").is_file()
