"""environment.yml, pyproject.toml and the imports say the same; the parts of the library lean on each other one way only."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
IMPORT_NAMES = {
    "pyyaml": "yaml",
    "pillow": "PIL",
    "pose-format": "pose_format",
    "spoken-to-signed": "spoken_to_signed",
    "pytest-xdist": "xdist",
    "vtk": "vtkmodules",
}
RUN_NOT_IMPORTED = {"jupyterlab", "ipykernel", "pytest-xdist", "nbval", "tensorboard",     # accelerate writes TensorBoard's logs
                    "mypy", "ruff", "types-pyyaml", "types-tqdm", "pdoc", "playwright"}    # playwright: by importorskip
TOOLS = {"python", "pip", "make"}
ARROWS = {  # a package -> what of ours it may import
    "pose": {"files"},
    "metrics": {"pose", "render", "config", "bucketing", "checkpoint", "files", "loop", "results", "resume"},
    "render": {"pose", "config", "checkpoint", "files", "loop", "workers"},
    "figures": {"pose", "prior", "performances", "render", "files"},
    "language": {"metrics", "config", "bucketing", "checkpoint", "files", "loop", "results", "resume"},
    "prior": {"pose", "language", "metrics", "files", "progress", "results"},
    "performances": {"pose", "prior", "language", "render", "files", "progress", "results"},
    "experts": {"pose", "prior", "language", "performances", "metrics", "config", "checkpoint", "files", "loop"},
    "baselines": {"pose", "prior", "performances", "language", "metrics", "config", "bucketing", "checkpoint", "files", "loop"},
    "joint": {"pose", "prior", "language", "performances", "metrics", "experts", "render", "comparison", "checkpoint", "config", "files", "loop",
              "results"},
    "comparison": {"pose", "prior", "language", "performances", "metrics", "experts", "baselines", "pipeline", "render", "bucketing",
                   "checkpoint", "files", "loop", "progress", "results", "workers"},
    "own_data": {"pose", "prior", "language", "performances", "metrics", "experts", "baselines", "comparison", "pipeline", "render", "files",
                 "checkpoint", "loop", "progress", "results"},
    "exercises": {"pose", "prior", "language", "experts", "metrics", "render", "joint", "comparison", "rating", "files"},
    "rating": {"render", "files", "progress"},
    "manifest": {"language", "render", "pipeline", "signing", "checkpoint", "files", "workers"},
    "needs": {"pose", "language", "metrics", "experts", "render", "checkpoint", "files"},
    "remake": {"files"},
    "tables": {"comparison", "figures", "metrics", "files", "results"},
    "widgets": {"pose", "prior", "language", "performances", "experts", "render", "figures", "pipeline", "signing", "files"},
    "paper": {"pose", "prior", "figures", "metrics", "experts", "render", "pipeline", "signing", "files", "results"},
}


def requirement(line: str) -> tuple[str, str]:
    name, version = re.match(r"([a-z0-9-]+)(.*)", line.lower()).groups()
    return CONDA_NAMES.get(name, name), version


LARGE = ("studio", "video")                               # one bakes what the repository ships, the other tracks people in videos


def declared(*, large: bool = False) -> dict[str, str]:
    """The dependencies and those of the extras; of the ``LARGE`` ones only if asked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for name, extra in project["optional-dependencies"].items() if large or name not in LARGE for line in extra]
    return dict(requirement(line) for line in project["dependencies"] + extras)


def imported(folder: Path) -> dict[str, set[Path]]:
    found: dict[str, set[Path]] = {}
    for path in [*folder.rglob("*.py"), *folder.glob("*.ipynb")]:
        source = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = [cell.source for cell in nbformat.reads(source, 4).cells if cell.cell_type == "code"]
            source = "\n".join(line for cell in cells for line in cell.splitlines() if not line.startswith("%"))
        for node in ast.walk(ast.parse(source)):
            names = (
                [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
            )
            for name in names:
                found.setdefault(name, set()).add(path)
    return found


def test_environment_and_pyproject_agree():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    *lines, last = conda["dependencies"]
    assert list(last) == ["pip"], "the pip block comes last"
    listed = dict(requirement(line) for line in lines + [line for line in last["pip"] if not line.startswith("-e")])
    listed = {name: version for name, version in listed.items() if name not in TOOLS}
    wanted = declared()
    assert set(listed) == set(wanted)
    assert listed.pop("torch") == "==2.13.0" and "torch==2.13.0" in (ROOT / "constraints.txt").read_text()
    wanted.pop("torch")
    assert listed == wanted
    assert conda["channels"] == ["conda-forge"]


def test_every_entry_of_the_environment_says_what_it_is_for():
    lines = (ROOT / "environment.yml").read_text().splitlines()
    entries = [line for line in lines if re.match(r"\s+- [a-z-]", line) and line.strip() not in ("- conda-forge", "- pip:")]
    assert len(entries) > 20 and all("#" in line for line in entries)


def test_imports_and_pyproject_agree():
    modules = {name.split(".")[0] for folder in ("signer_lib", "tests", "notebooks") for name in imported(ROOT / folder)}
    helpers = {path.stem for path in (ROOT / "tests").iterdir()}
    come_along = {"IPython", "_typeshed"}       # with ipykernel, with mypy
    foreign = modules - set(sys.stdlib_module_names) - helpers - come_along - {"signer_lib", "__future__"}
    known = {IMPORT_NAMES.get(name, name.replace("-", "_")): name for name in declared(large=True)}
    assert not foreign - set(known), "imported but not declared"
    unused = {name for module, name in known.items() if module not in foreign}
    assert not unused - RUN_NOT_IMPORTED


def test_the_arrows_point_one_way():
    for package, allowed in ARROWS.items():
        for name in imported(ROOT / "signer_lib" / package):
            if name.startswith("signer_lib."):
                part = name.split(".")[1]
                assert part in allowed | {package, "errors", "assets", "parsing"}, f"{package} must not import {name}"


def test_only_the_pipeline_composes_the_stages():
    stages = {"language", "prior", "experts", "render"}
    for path in set((ROOT / "signer_lib").glob("*.py")) - set((ROOT / "signer_lib").glob("cli*.py")):      # the command line calls every stage
        touched = {
            name.split(".")[1] for name, files in imported(ROOT / "signer_lib").items() if path in files and name.startswith("signer_lib.")
        } & stages
        assert path.name in ("pipeline.py", "signing.py") or len(touched) <= 1, path


def test_signing_needs_no_extra():
    """The renderer that `sign` uses by default is diffusers', which an extra would leave out."""
    core = dict(requirement(line) for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    assert {"torch", "diffusers", "pillow", "av"} <= set(core)


def test_core_needs_no_anny_or_vtk():
    assert {"anny"} <= set(declared(large=True)) and not {"anny", "vtk", "pyvista"} & set(declared())
