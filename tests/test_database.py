"""The pose prior's table: whole or absent, rebuilt when anything behind it changes, quick to ask."""

import json
import shutil
import time

import numpy as np
import pytest
from pose_format import Pose

from signer_lib.errors import SignerError
from signer_lib.pose import PoseSequence
from signer_lib.pose.formats import write_pose
from signer_lib.prior import database
from signer_lib.prior.database import FEATURES, Prior, build_prior, fingerprint, wrist_jerk
from signer_lib.prior.kinematics import load_body
from signer_lib.prior.phonology import LEXICON

SIGNS = """
LIBRARY: {type: one-handed, handshape: l, palm: front, fingers: up, location: neutral,
          movement: {path: circle, plane: front, size: 0.12, repeat: 2}}
KNOW: {type: one-handed, handshape: bent-b, palm: back, fingers: up-left, location: temple, contact: fingertips,
       movement: {path: tap, direction: left}}
"""


@pytest.fixture
def lexicon(tmp_path):
    folder = tmp_path / "lexicon"
    folder.mkdir()
    shutil.copy(LEXICON / "handshapes.yaml", folder)
    (folder / "signs.yaml").write_text(SIGNS)
    return folder


@pytest.fixture
def two_letters(monkeypatch):
    """The recorded letters take two seconds; most of these tests need none of them."""
    rest = load_body().rest()
    made = {letter: PoseSequence(rest[None].repeat(7, 0), 25) for letter in "AB"}
    monkeypatch.setattr(database, "recorded_letters", lambda body, fps: made)
    return made


def test_the_table_and_its_columns(tmp_path, lexicon, two_letters):
    prior = Prior.open(tmp_path / "cache", lexicon)
    assert prior.glosses == ("LIBRARY", "KNOW", "A", "B") and len(prior) == 4 and "KNOW" in prior and "NOPE" not in prior
    assert prior.table.features == FEATURES and set(prior.table["source"]) == {"rule", "recording"}
    assert json.loads(prior.table[0]["phonology"])["handshape"] == ["l"]
    assert all(prior.table[k]["licence"] and prior.table[k]["signer"] for k in range(len(prior.table)))
    for gloss in prior.glosses:
        offered = prior.candidates(gloss)
        assert [c.variant for c in offered] == ["citation", "reduced", "emphatic"]
        assert all(c.gloss == gloss and np.isfinite(c.poses.xyz).all() and c.poses.fps == 25 for c in offered)
        assert len(offered[1].poses) < len(offered[0].poses) < len(offered[2].poses)
        assert all(c.stability == pytest.approx(wrist_jerk(c.poses), rel=1e-4, abs=1e-3) for c in offered)
    np.testing.assert_array_equal(prior.candidates("A")[0].poses.xyz, two_letters["A"].xyz)
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [prior.name]


def test_a_candidate_is_a_pose_file(tmp_path, lexicon, two_letters):
    poses = Prior.open(tmp_path / "cache", lexicon).candidates("KNOW")[0].poses
    assert Pose.read(write_pose(poses, tmp_path / "know.pose").read_bytes()).body.data.shape == (len(poses), 1, 70, 3)


def test_asking_is_quick(tmp_path, lexicon, two_letters):
    prior = Prior.open(tmp_path / "cache", lexicon)
    prior.candidates("A")
    start = time.perf_counter()
    for _ in range(100):
        prior.candidates("A")
    assert (time.perf_counter() - start) / 100 < 0.002


def test_an_unknown_gloss_says_what_to_do(tmp_path, lexicon, two_letters):
    with pytest.raises(SignerError, match="NOPE.*fs-NOPE"):
        Prior.open(tmp_path / "cache", lexicon).candidates("NOPE")


def test_it_is_built_once_and_again_when_the_lexicon_changes(tmp_path, lexicon, two_letters, monkeypatch):
    first = Prior.open(tmp_path / "cache", lexicon)
    with monkeypatch.context() as patch:
        patch.setattr(database, "build_prior", lambda *_: pytest.fail("built twice"))
        assert Prior.open(tmp_path / "cache", lexicon).name == first.name
    (lexicon / "signs.yaml").write_text(SIGNS.replace("KNOW", "THINK"))
    second = Prior.open(tmp_path / "cache", lexicon)
    assert second.name != first.name and "THINK" in second and "KNOW" not in second


def test_the_fingerprint_follows_the_body(lexicon, tmp_path):
    other = tmp_path / "tall.yaml"
    other.write_text((LEXICON.parent / "signers" / "default.yaml").read_text().replace("forearm: 0.72", "forearm: 0.75"))
    assert fingerprint(lexicon, load_body()) == fingerprint(lexicon, load_body()) != fingerprint(lexicon, load_body(other))


def test_the_place_comes_from_the_environment(tmp_path, lexicon, two_letters, monkeypatch):
    monkeypatch.setenv("SIGNER_CACHE", str(tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere" / Prior.open(lexicon=lexicon).name).is_dir()


def test_the_faster_process_wins(tmp_path, lexicon, two_letters, monkeypatch):
    """While this process builds, another one puts its table in place."""
    folder = tmp_path / "cache" / "prior-x"
    rows = database._rows

    def overtaken(*args):
        yield from rows(*args)
        monkeypatch.setattr(database, "_rows", rows)
        build_prior(folder, lexicon)
        (folder / "theirs").touch()

    monkeypatch.setattr(database, "_rows", overtaken)
    build_prior(folder, lexicon)
    assert (folder / "theirs").exists() and [p.name for p in folder.parent.iterdir()] == ["prior-x"]


def test_a_build_that_fails_leaves_nothing(tmp_path, lexicon, two_letters, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(database.datasets.Dataset, "save_to_disk", full)
    with pytest.raises(SignerError, match="No space left.*SIGNER_CACHE"):
        Prior.open(tmp_path / "cache", lexicon)
    assert not list((tmp_path / "cache").iterdir())


def test_a_wrong_handshape_is_named_and_nothing_is_built(tmp_path, lexicon, two_letters):
    (lexicon / "signs.yaml").write_text(SIGNS.replace("bent-b", "bent-bee"))
    with pytest.raises(SignerError, match="KNOW.*bent-bee") as error:
        Prior.open(tmp_path / "cache", lexicon)
    assert "\n" not in str(error.value) and not (tmp_path / "cache").exists()


def test_a_sign_must_not_have_the_name_of_a_letter(tmp_path, lexicon, two_letters):
    (lexicon / "signs.yaml").write_text(SIGNS.replace("KNOW", "A"))
    with pytest.raises(SignerError, match="rename"):
        Prior.open(tmp_path / "cache", lexicon)


@pytest.mark.parametrize("damage", ["cut", "gone", "text"])
def test_a_damaged_table_is_named(tmp_path, lexicon, two_letters, damage):
    folder = tmp_path / "cache" / Prior.open(tmp_path / "cache", lexicon).name
    data, = folder.glob("*.arrow")
    if damage == "gone":
        data.unlink()
    else:
        data.write_bytes(data.read_bytes()[:200] if damage == "cut" else b"x" * 500)
    with pytest.raises(SignerError, match=f"{folder.name}.*delete") as error:
        Prior.open(tmp_path / "cache", lexicon)
    assert "\n" not in str(error.value)


def test_a_place_that_cannot_be_written_to(tmp_path, lexicon, two_letters):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SignerError, match="SIGNER_CACHE"):
        Prior.open(tmp_path / "file", lexicon)
