"""Presets are read strictly, and files are written whole or not at all."""

from dataclasses import dataclass

import pytest

from signer_lib.baselines.regression import RegressionConfig
from signer_lib.config import PRESETS, load_config
from signer_lib.errors import SignerError, run
from signer_lib.experts.model import MoEConfig
from signer_lib.files import filling, whole_file
from signer_lib.joint.settings import JointConfig
from signer_lib.language.training import SlulConfig
from signer_lib.metrics.back_translation_training import BackTranslationConfig
from signer_lib.metrics.keypoints_training import KeypointConfig
from signer_lib.render.renderer.settings import RendererConfig


@dataclass
class Small:
    steps: int
    rate: float
    name: str = "x"


def test_every_shipped_preset_loads():
    kinds = {"slul": SlulConfig, "slp_moe": MoEConfig, "regression": RegressionConfig, "back_translation": BackTranslationConfig,
             "renderer": RendererConfig, "keypoints": KeypointConfig, "joint": JointConfig}
    for path in PRESETS.glob("*.yaml"):
        load_config(kinds[path.stem.rsplit("_", 1)[0]], path.stem)


@pytest.mark.parametrize(
    "text, told",
    [
        ("steps: 1\nrat: 2.0\n", "unknown key 'rat', did you mean 'rate'"),
        ("steps: 1\n", "the key 'rate' is missing"),
        ("steps: four\nrate: 1\n", "steps must be int, not 'four'"),
        ("steps: 1\nrate: fast\n", "rate must be a number"),
        ("just words", "holds no settings"),
        ("steps: [1\n", "not valid YAML"),
        (b"\xff\xfe\x00", "not valid YAML"),
    ],
)
def test_a_wrong_preset_is_told_in_one_line(tmp_path, text, told):
    path = tmp_path / "small.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SignerError, match=told) as error:
        load_config(Small, path)
    assert "\n" not in str(error.value) and "small.yaml" in str(error.value)


def test_an_unknown_preset_lists_what_there_is():
    with pytest.raises(SignerError, match="slul_nano"):
        load_config(SlulConfig, "slul_nanoo")


def test_numbers_may_be_whole_where_a_fraction_is_meant(tmp_path):
    (tmp_path / "a.yaml").write_text("steps: 3\nrate: 1\n")
    assert load_config(Small, tmp_path / "a.yaml") == Small(3, 1)


def test_changes_replace_values_and_the_last_one_counts(tmp_path):
    (tmp_path / "a.yaml").write_text("steps: 3\nrate: 1\n")
    assert load_config(Small, tmp_path / "a.yaml", ["rate=0.5", "name = long", "rate=2"]) == Small(3, 2, "long")
    assert load_config(Small, tmp_path / "a.yaml", []) == Small(3, 1)


def test_a_change_may_fill_in_what_the_file_lacks_and_may_hold_a_mapping(tmp_path):
    (tmp_path / "a.yaml").write_text("rate: 1\n")
    assert load_config(Small, tmp_path / "a.yaml", ["steps=4"]).steps == 4
    assert load_config(SlulConfig, "slul_nano", ["model={d_model: 8}"]).model == {"d_model": 8}


@pytest.mark.parametrize(
    "change, told",
    [
        ("steps", "'steps' sets nothing: write key=value"),
        ("stepz=1", "unknown key 'stepz', did you mean 'steps'"),
        ("steps=1.5", "steps must be int, not 1.5"),
        ("steps=true", "steps must be int, not True"),
        ("rate=", "rate must be a number, not None"),
        ("=1", "unknown key ''"),
    ],
)
def test_a_wrong_change_is_told_in_one_line(tmp_path, change, told):
    (tmp_path / "a.yaml").write_text("steps: 3\nrate: 1\n")
    with pytest.raises(SignerError, match=told) as error:
        load_config(Small, tmp_path / "a.yaml", [change])
    assert "\n" not in str(error.value)


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a.txt") as part:
        part.write_text("new")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old" and len(list(tmp_path.iterdir())) == 1
    with whole_file(tmp_path / "a.txt") as part:
        part.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


def test_filling_keeps_what_is_there_and_takes_back_folders_it_made(tmp_path):
    (tmp_path / "keep.txt").write_text("mine")
    with filling(tmp_path) as part:
        (part / "new.txt").write_text("ours")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["keep.txt", "new.txt"]
    with pytest.raises(KeyboardInterrupt), filling(tmp_path / "a" / "b") as part:
        (part / "half.txt").write_text("half")
        raise KeyboardInterrupt
    assert not (tmp_path / "a").exists()


def test_a_command_tells_a_mistake_in_one_line(capsys):
    def main():
        raise SignerError("this is wrong: do that")

    with pytest.raises(SystemExit) as stop:
        run(main)
    assert stop.value.code == 2 and capsys.readouterr().err == "stable-signer: this is wrong: do that\n"
