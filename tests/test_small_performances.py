"""The small data folder of the lessons: who holds what, that SLP-MoE's training can read it, and what it refuses."""

import numpy as np
import pytest
import torch

from signer_lib.errors import SignerError
from signer_lib.performances.folder import read_split
from signer_lib.performances.signers import SIGNERS
from signer_lib.performances.small import CAST, make_small, renditions
from signer_lib.performances.trajectory import Trajectory
from signer_lib.pose import SIGNER70
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.table import decode

BY_NAME = {signer.name: signer for signer in SIGNERS}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "small"
    return folder, make_small(folder, sentences=20, glosses=40, seed=3)


def test_it_has_the_splits_and_pools_that_a_training_asks_for(small):
    folder, counts = small
    assert counts == {"train": 16, "dev": 2, "test": 2}
    for split, count in counts.items():
        rows = read_split(folder, split)
        assert len(rows) == count and {row.signer for row in rows} <= set(CAST[split])
    assert {c.signer for c in Prior.load(folder / "pools" / "prior").candidates("IX-1")} >= set(CAST["prior"])


def test_the_prior_holds_every_unit_and_no_clip_of_those_who_perform(small):
    folder, counts = small
    prior = Prior.load(folder / "pools" / "prior")
    for split in counts:
        for row in read_split(folder, split):
            assert all(unit.name in prior for unit in row.units)
    names = {c.variant for gloss in prior.glosses for c in prior.candidates(gloss)}
    assert not names & {name for pool, cast in CAST.items() if pool != "prior" for name in cast}


def test_there_are_no_more_signs_than_asked_for(small):
    folder, counts = small
    signs = {unit.name for split in counts for row in read_split(folder, split) for unit in row.units if not unit.of}
    assert len(signs) <= 40


def test_the_same_seed_makes_the_same_sentences_and_poses(small, tmp_path):
    folder, _ = small
    make_small(tmp_path / "again", sentences=20, glosses=40, seed=3)
    first, again = read_split(folder, "dev"), read_split(tmp_path / "again", "dev")
    assert [row.text for row in first] == [row.text for row in again]
    assert all(np.array_equal(a.poses.xyz, b.poses.xyz) for a, b in zip(first, again))


def test_a_signer_keeps_the_bones_and_has_a_manner(prior):
    made = {name: decode(next(renditions(BY_NAME[name], ["BOOK"], prior))) for name in ("quick", "left", "shaking", "train-2")}
    bones = Trajectory.of(load_body().rest()[None]).length[0, :50]
    for poses in made.values():
        assert torch.allclose(Trajectory.of(poses.xyz).length[:, :50], bones.expand(len(poses), -1), atol=1e-4)
    assert len(made["quick"]) < len(made["train-2"])
    rough = {name: np.linalg.norm(np.diff(poses.joint("r_wrist"), 2, axis=0), axis=-1).mean() for name, poses in made.items()}
    assert rough["shaking"] > 2 * rough["train-2"]


def test_a_left_handed_signer_signs_with_the_left_hand(prior):
    poses = decode(next(renditions(BY_NAME["left"], ["IX-1"], prior)))
    way = lambda joint: np.linalg.norm(np.diff(poses.xyz[:, SIGNER70.index(joint)], axis=0), axis=-1).sum()
    height = lambda joint: poses.xyz[:, SIGNER70.index(joint), 1].mean()
    assert height("l_wrist") > height("r_wrist") + 0.3 and way("l_wrist") > way("r_wrist")


def test_what_cannot_be_made_is_said_in_one_line(small, tmp_path):
    folder, _ = small
    for told, ask in (("10 or more", lambda: make_small(tmp_path, sentences=5)), ("another folder", lambda: make_small(folder)),
                      ("allow more signs", lambda: make_small(tmp_path, sentences=150, glosses=2))):
        with pytest.raises(SignerError, match=told) as error:
            ask()
        assert "\n" not in str(error.value)
    assert not (tmp_path / "pools").exists()
