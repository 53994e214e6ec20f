"""accelerate's recipes: read by its own loader; a training that goes from DDP to FSDP to one process, killed in between, and is the same training."""

import json
import signal

import pytest
import yaml
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from accelerate.commands.launch import launch_command_parser

from signer_lib.assets import ROOT
from signer_lib.errors import SignerError
from signer_lib.language.corpora import open_corpus
from signer_lib.language.corpus import FOLDER
from signer_lib.language.training import Training
from signer_lib.loop import STATE, accelerator
from test_training import STILL, tiny, write
from trainings import kill_at, launched, log_of, write_preset

RECIPES = [ROOT / "recipes" / f"{name}.yaml" for name in ("cpu_two", "gpus_ddp", "gpus_fsdp", "machines_ddp", "machines_fsdp")]
FSDP = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_AUTO_WRAP_POLICY": "NO_WRAP", "FSDP_RESHARD_AFTER_FORWARD": "true"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_one_of_accelerates(path, tmp_path):
    found = load_config_from_file(str(path))
    assert isinstance(found, ClusterConfig) and found.mixed_precision == "no" and found.num_processes >= 2
    assert (found.distributed_type == "FSDP") == ("fsdp" in path.stem) == bool(found.fsdp_config)
    assert (found.num_machines > 1) == path.stem.startswith("machines") == bool(found.main_process_ip)
    assert f"`{path.name}`" in (ROOT / "recipes" / "README.md").read_text()
    options = {action.dest for action in launch_command_parser()._actions}
    assert set(found.fsdp_config) <= options, "accelerate launch knows no such setting"
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"num_procesess": 2}))
    with pytest.raises(ValueError, match="num_procesess"):
        load_config_from_file(str(tmp_path / "wrong.yaml"))


def test_a_training_goes_from_ddp_to_fsdp_to_one_process_and_is_the_same(tmp_path):
    """Killed twice. Nothing is dropped at random, as each process would drop otherwise."""
    folder, pairs = tmp_path / "tiny", open_corpus(FOLDER).dev
    folder.mkdir()
    write(folder, train=pairs[:47], dev=pairs[47:53])
    config = tiny(model=STILL, epochs=4)
    size = write_preset(tmp_path / "still.yaml", config)
    words = ["train", "slul", "--data", folder, "--size", size, "--seed", 7, "--out", tmp_path / "parts"]
    ddp, around = launched("-m", "signer_lib", *words)
    fsdp = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", ROOT / "tests" / "fsdp_on_cpu.py", *words]
    for lines, command, more in ((9, ddp, around), (16, fsdp, FSDP)):
        kill_at(lines, tmp_path / "parts", *command, how=signal.SIGTERM, **more)
        assert (tmp_path / "parts" / STATE).is_file()
        (tmp_path / "parts" / "log.jsonl").unlink()             # it is in the state, too; the next must not be killed by the lines of this one
    for out in ("parts", "whole"):
        Training(config, open_corpus(folder), tmp_path / out, seed=7).run()
    parts, whole = log_of(tmp_path / "parts"), log_of(tmp_path / "whole")
    assert len(parts) == len(whole) == 24 + 4
    for a, b in zip(parts, whole):
        assert a == pytest.approx(b, rel=2e-3, abs=2e-3)
    assert json.loads((tmp_path / "parts" / "training.json").read_text())["processes"] == 1


def test_what_cannot_be_cut_says_so(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(SignerError, match="cannot be cut among the processes"):
        accelerator()
