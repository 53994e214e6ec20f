"""Sentences as signers perform them: the parts by hand, whole sentences by what must hold, files there and back, and who signs what."""

import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch

from signer_lib.errors import SignerError
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER, normalised
from signer_lib.performances import signers
from signer_lib.performances.folder import read_split, write_split
from signer_lib.performances.natural import FPS, L_WRIST, RAISED, STILL, WAITING, Habits, perform, weak_hand_waits
from signer_lib.performances.prosody import MANNERS, letter_tempo, manner
from signer_lib.performances.sentences import fits, new_sentences, performances, recorded_share
from signer_lib.performances.signers import SIGNERS, clips_of
from signer_lib.performances.trajectory import LEFT, Trajectory, between, held, joined, ways
from signer_lib.performances.units import Span, Unit, units_of
from signer_lib.pose import SIGNER70
from signer_lib.pose.directions import from_directions, make_unit, to_directions, turn
from signer_lib.pose.motion import jerk
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.phonology import load_signs
from signer_lib.prior.table import bone_drift, bone_lengths, clip_row, decode

REST = load_body().rest().astype(np.float32)
R_WRIST = SIGNER70.index("r_wrist")
BY_NAME = {signer.name: signer for signer in SIGNERS}
PLAIN = Habits(tempo=1.0, size=1.0, overlap=0.0, pause=0.4)
SENTENCES = [("That book, I like it.", "BOOK IX-1 LIKE"), ("My name is Sam.", "POSS-1 NAME fs-SAM"), ("Yes.", "YES"),
             ("Do you not know the school?", "SCHOOL IX-2 KNOW NOT"), ("My mother goes home.", "POSS-1 MOTHER GO HOUSE")]


@pytest.fixture(scope="module")
def performed(prior):
    return list(performances("train", [(text, glosses.split()) for text, glosses in SENTENCES], prior, seed=5))


@pytest.fixture(scope="module")
def made(prior):
    """A signer and a seed -> the signer's clips of a two-handed sign, a one-handed one and a letter."""
    letters, known = {"A": clip(prior, "A")}, {gloss: load_signs()[gloss] for gloss in ("BOOK", "KNOW")}

    @lru_cache
    def clips(signer, seed=0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signers, "load_signs", lambda: known)
            return list(clips_of(signer, letters, seed))

    return clips


def clip(prior, gloss):
    return prior.candidates(gloss)[0].poses


def done(prior, text, glosses, habits=PLAIN):
    """A sentence made of each sign's citation form."""
    units = units_of(glosses.split(), prior)
    return perform("one", text, glosses.split(), units, [clip(prior, unit.name) for unit in units], REST, habits)


def frames_of(row):
    return [span.stop - span.start for span in row.spans if span.unit is not None]


def drift(xyz):
    return bone_drift(bone_lengths(xyz)).max()


# --- directions ----------------------------------------------------------------------------------------------------------
def test_directions_there_and_back():
    xyz = torch.from_numpy(REST)[None]
    direction, length = to_directions(xyz)
    assert torch.allclose(from_directions(direction, length), xyz, atol=1e-5)
    norms = direction.norm(dim=-1)[0]
    no_bone = length[0] < 1e-6                                     # the hands' own first joints lie on the wrists
    assert torch.equal(direction[0, 1], xyz[0, 1]) and length[0, 1] == 1, "the root keeps its place"
    assert no_bone.nonzero()[:, 0].tolist() == [8, 29] and torch.allclose(norms[[k for k in range(70) if k not in (1, 8, 29)]], torch.ones(67))


def test_a_mean_of_directions_made_unit_keeps_the_root():
    mixed = torch.full((70, 3), 0.2)
    made = make_unit(mixed)
    assert torch.equal(made[1], mixed[1]) and torch.allclose(made[2], torch.full((3,), 3 ** -0.5))


def test_a_turn_goes_at_an_even_angular_speed_and_the_root_straight():
    start, end = torch.zeros(70, 3), torch.zeros(70, 3)
    start[:, 0], end[:, 1] = 1, 1
    end[1] = torch.tensor([3.0, 0, 0])
    turned = turn(start, end, torch.tensor([0.0, 1 / 3, 2 / 3, 1.0]))
    angles = torch.atan2(turned[:, 2, 1], turned[:, 2, 0]) / torch.pi * 180
    assert torch.allclose(angles, torch.tensor([0.0, 30, 60, 90]), atol=1e-3)
    assert torch.allclose(turned[:, 1, 0], torch.tensor([1.0, 5 / 3, 7 / 3, 3.0]))


@pytest.mark.parametrize("apart", [0.0, 1e-4, 1.0, np.pi])
def test_a_turn_has_a_finite_gradient_however_near_or_far_its_ends_are(apart):
    start = torch.zeros(70, 3)
    start[:, 0] = 1
    end = torch.zeros(70, 3)
    end[:, 0], end[:, 1] = np.cos(apart), np.sin(apart)
    start.requires_grad_(), end.requires_grad_()
    turned = turn(start, end, torch.linspace(0, 1, 5))
    turned.square().sum().backward()
    assert torch.isfinite(turned).all() and torch.isfinite(start.grad).all() and torch.isfinite(end.grad).all()


# --- trajectories --------------------------------------------------------------------------------------------------------
def test_a_path_is_stretched_with_its_ends_and_its_bones(prior):
    path = Trajectory.of(clip(prior, "BOOK").xyz)
    longer = path.stretch(3 * len(path) - 2)                      # every third frame is one of the path's own
    assert len(longer) == 3 * len(path) - 2 and drift(longer.xyz.numpy()) < 1e-4
    assert torch.allclose(longer.xyz[::3], path.xyz, atol=1e-5)
    assert path.stretch(len(path)) is path


def test_a_larger_movement_is_larger_about_the_same_middle_and_keeps_the_bones(prior):
    path = Trajectory.of(clip(prior, "GO").xyz)
    larger, smaller = path.sized(1.3), path.sized(0.6)
    swing = lambda p: np.ptp(p.xyz[:, R_WRIST].numpy(), axis=0).max()
    assert swing(larger) > 1.15 * swing(path) > 1.15 * 1.3 * swing(smaller)
    assert drift(larger.xyz.numpy()) < 1e-4
    fingers = slice(30, 50)
    assert torch.allclose(larger.direction[:, fingers], path.direction[:, fingers], atol=1e-6), "only the arms"


def test_the_low_pass_steadies_a_shaking_hand_and_keeps_the_bones(prior):
    still = Trajectory.of(clip(prior, "BOOK").xyz[:1].repeat(40, 0))
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.02, (40, 70, 3)).astype(np.float32))
    shaking = replace(still, direction=make_unit(still.direction + noise))
    calm = shaking.low_pass(FPS, 6.0)
    wrist = lambda path: jerk(path.xyz[:, [R_WRIST]].numpy(), FPS)
    assert wrist(calm) < wrist(shaking) / 3 and drift(calm.xyz.numpy()) < 1e-4


def test_a_way_is_between_its_ends_slow_at_both_and_keeps_the_bones(prior):
    before, after = Trajectory.of(REST[None]), Trajectory.of(clip(prior, "MOTHER").xyz)
    way = between(before, after, 12, bow=0.3)
    whole = joined([before, way, after[:1]]).xyz.numpy()
    steps = np.linalg.norm(np.diff(whole[:, R_WRIST], axis=0), axis=-1)
    assert len(way) == 12 and steps[0] < steps.max() / 4 and steps[-1] < steps.max() / 4 and drift(whole) < 1e-3
    assert float(ways(before, after)[0]) == pytest.approx(np.linalg.norm(whole[-1, R_WRIST] - whole[0, R_WRIST]), abs=1e-5)
    straight = between(before, after, 12).xyz.numpy()
    assert (whole[6, R_WRIST, 2] - straight[5, R_WRIST, 2]) > 0.05, "a bow swings towards the viewer"


def test_what_is_held_does_not_move(prior):
    path = Trajectory.of(clip(prior, "BOOK").xyz)
    assert torch.equal(held(path, 4).xyz, path.xyz[-1:].expand(4, -1, -1))


# --- units and prosody ---------------------------------------------------------------------------------------------------
def test_units_are_signs_and_letters(prior):
    assert [u.name for u in units_of(["POSS-1", "NAME", "fs-SAM"], prior)] == ["POSS-1", "NAME", "S", "A", "M"]
    assert [(u.gloss, u.letter, u.of) for u in units_of(["NAME", "fs-AL"], prior)] == [(0, 0, 0), (1, 0, 2), (1, 1, 2)]
    assert [u.name for u in units_of(["fs-B2"], prior)] == ["B", "TWO"]
    assert [u.name for u in units_of(["ZEBRA"], prior)] == list("ZEBRA"), "a gloss without a sign is spelled"


def test_manners_of_a_sentence():
    glosses = ["BOOK", "IX-1", "LIKE", "NOT"]
    assert [manner(glosses, i) for i in range(4)] == ["even", "light", "even", "stressed"]
    assert manner(["IX-1", "HAPPY"], 1) == "final" and manner(["POSS-2", "HAPPY"], 0) == "light"
    assert letter_tempo(0, 3) > letter_tempo(1, 3) < letter_tempo(2, 3)


def test_manners_change_durations_as_they_say(prior):
    """At tempo 1 a sign lasts its citation's seconds by its manner's speed."""
    row = done(prior, "", "BOOK IX-1 LIKE NOT GO")
    kinds = ["even", "light", "even", "stressed", "final"]
    wanted = [round(clip(prior, gloss).duration / MANNERS[kind].speed * FPS) for gloss, kind in zip(row.glosses, kinds)]
    assert frames_of(row) == wanted
    quick = done(prior, "", "BOOK IX-1 LIKE NOT GO", replace(PLAIN, tempo=2.0))
    assert frames_of(quick) == [max(3, round(clip(prior, gloss).duration / MANNERS[kind].speed / 2 * FPS)) for gloss, kind in zip(row.glosses, kinds)]


def test_the_first_and_last_letter_of_a_word_are_held_longer(prior):
    row = done(prior, "", "fs-AAA")
    assert frames_of(row) == [max(3, round(clip(prior, "A").duration * letter_tempo(k, 3) * FPS)) for k in range(3)]
    assert frames_of(row)[1] < frames_of(row)[0] == frames_of(row)[2]


def test_a_sign_gives_up_its_ends_to_its_neighbours(prior):
    book = clip(prior, "BOOK").stretch(40)
    units = [Unit("BOOK", 0), Unit("BOOK", 1)]
    rows = [perform("one", "", ["BOOK", "LIKE"], units, [book, book], REST, replace(PLAIN, overlap=share)) for share in (0.0, 0.1)]
    assert frames_of(rows[0])[0] == 40 and frames_of(rows[1])[0] == 32


def test_a_pause_stands_after_the_topic_and_nowhere_else(prior):
    with_topic, without = (done(prior, text, "BOOK IX-1 LIKE") for text in ("That book, I like it.", "I like that book."))
    pauses = lambda row: [(a, b) for a, b in zip(row.spans, row.spans[1:]) if a.unit is None and b.unit is None]
    assert len(pauses(with_topic)) == len(pauses(without)) + 1
    hold = with_topic.spans[with_topic.spans.index(next(s for s in with_topic.spans if s.unit == 0)) + 1]
    assert hold.stop - hold.start == round(0.4 * FPS)
    moves = np.linalg.norm(np.diff(with_topic.poses.xyz[hold.start + 2:hold.stop - 2, R_WRIST], axis=0), axis=-1)
    assert moves.max() < 0.02, "it is held"


def test_a_farther_way_takes_longer_and_letters_follow_faster(prior):
    row = done(prior, "", "BOOK fs-AB")
    way = {after.unit: before.stop - before.start for before, after in zip(row.spans, row.spans[1:]) if after.unit is not None}
    assert way[0] > way[2], "up from rest is farther than from letter to letter"
    assert way[2] == max(2, round(0.12 * 0.8 * FPS))


# --- the weak hand -------------------------------------------------------------------------------------------------------
def test_a_weak_hand_waits_between_two_signs_that_use_it(prior):
    row = done(prior, "", "BOOK KNOW SCHOOL")
    first, last = (next(s for s in row.spans if s.unit == unit) for unit in (0, 2))
    between_them = row.poses.xyz[first.start:last.stop, L_WRIST, 1]
    assert between_them.min() > REST[L_WRIST, 1] + RAISED
    alone = done(prior, "", "BOOK KNOW IX-1")
    assert alone.poses.xyz[:, L_WRIST, 1].max() > REST[L_WRIST, 1] + RAISED
    span = next(s for s in alone.spans if s.unit == 1)
    assert np.allclose(alone.poses.xyz[(span.start + span.stop) // 2, L_WRIST], REST[L_WRIST], atol=0.05), "nothing to wait for"


def test_a_weak_hand_does_not_wait_for_long(prior):
    signs, rest = [Trajectory.of(clip(prior, gloss).xyz) for gloss in ("BOOK", "KNOW", "SCHOOL")], Trajectory.of(REST[None])
    near, far = (weak_hand_waits(signs, rest, [0.5, seconds, 0.5]) for seconds in (WAITING, WAITING + 0.1))
    assert all(a is b for a, b in zip(far, signs))
    assert near[0] is signs[0] and near[2] is signs[2] and not torch.equal(near[1].direction[:, LEFT], signs[1].direction[:, LEFT])
    others = [k for k in range(70) if k not in LEFT]
    assert torch.equal(near[1].direction[:, others], signs[1].direction[:, others]), "only the left arm and hand"


# --- whole sentences -----------------------------------------------------------------------------------------------------
def test_a_performed_sentence_covers_its_frames_once_from_rest_to_rest(performed):
    for row in performed:
        assert [s.start for s in row.spans] == [0] + [s.stop for s in row.spans[:-1]] and row.spans[-1].stop == len(row.poses)
        assert [s.unit for s in row.spans if s.unit is not None] == list(range(len(row.units))) and min(frames_of(row)) >= 3
        assert row.spans[0] == Span(None, 0, round(STILL * FPS)) and row.spans[-1].unit is None
        assert np.isfinite(row.poses.xyz).all() and row.poses.fps == FPS and len(row.clips) == len(row.units)
        assert np.allclose(row.poses.xyz[[0, -1]], REST, atol=5e-3) and drift(row.poses.xyz) < 1e-3
        assert np.linalg.norm(np.diff(row.poses.xyz[:, [R_WRIST, L_WRIST]], axis=0), axis=-1).max() < 0.4, "a jump"


def test_the_markers_of_a_sentence_are_on_its_face(prior):
    asked, told = (done(prior, text, "IX-2 HAPPY") for text in ("Are you happy?", "You are happy."))
    assert np.abs(asked.poses.group("face") - told.poses.group("face")).max() > 0.01
    assert np.array_equal(asked.poses.xyz[:, 1:50], told.poses.xyz[:, 1:50]), "and nowhere else"


def test_the_same_seed_gives_the_same_performances_and_another_seed_others(prior, performed):
    sentences = [(text, glosses.split()) for text, glosses in SENTENCES]
    same, other = (list(performances("train", sentences, prior, seed)) for seed in (5, 6))
    assert all(np.array_equal(a.poses.xyz, b.poses.xyz) and a.spans == b.spans and a.clips == b.clips for a, b in zip(performed, same))
    assert all(len(a.poses) != len(b.poses) or not np.array_equal(a.poses.xyz, b.poses.xyz) for a, b in zip(performed, other))


def test_each_sentence_is_by_one_signer_but_for_what_is_recorded(tmp_path, prior):
    pool = Prior.new(tmp_path / "pool")
    poses = {gloss: clip(prior, gloss) for gloss in ("IX-1", "LIKE", "BOOK", "A")}
    row = lambda gloss, who, source="rule": clip_row(gloss, who, poses[gloss], source=source, licence="CC0-1.0", signer=who)
    pool.add([row(gloss, who) for gloss in ("IX-1", "LIKE", "BOOK") for who in ("dev-1", "dev-2")])
    pool.add([row("BOOK", f"rec-{k}", "recording") for k in (1, 2)] + [row("A", who, "recording") for who in ("dev-1", "dev-2")])
    rows = list(performances("dev", [("", "IX-1 LIKE BOOK fs-A".split())] * 16, pool, seed=1))
    assert {row.signer for row in rows} == {"dev-1", "dev-2"}
    for row in rows:
        assert row.clips[:2] == [row.signer] * 2 and row.clips[3] == row.signer, "a rule signer's letters are the signer's own"
    assert {row.clips[2] for row in rows} == {"rec-1", "rec-2"}, "a recording of the sign wins"


# --- which sentences -----------------------------------------------------------------------------------------------------
def test_new_sentences_are_in_no_split_of_the_corpus_and_no_two_alike():
    known = {normalised(text) for split in ("train", "dev", "test") for text, _ in read_pairs(FOLDER, split)}
    found = new_sentences(30, seed=3, wanted=lambda glosses: len(glosses) > 2)
    texts = [normalised(text) for text, _ in found]
    assert len(set(texts)) == len(found) == 30 and not known & set(texts)
    assert all(len(glosses) > 2 for _, glosses in found)
    assert new_sentences(30, seed=3, wanted=lambda glosses: len(glosses) > 2) == found


def test_the_recorded_share_and_the_length_of_a_sentence():
    assert recorded_share(["BOOK", "LIKE", "fs-SAM", "GO"], {"BOOK", "GO", "MOTHER"}) == 0.5
    assert [fits([Unit("A", 0)] * n) for n in (2, 3, 16, 17)] == [False, True, True, False]


# --- files ---------------------------------------------------------------------------------------------------------------
def test_a_split_there_and_back(tmp_path, performed):
    assert write_split(tmp_path, "train", iter(performed)) == len(performed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.gloss", "train.jsonl", "train.safetensors", "train.text"]
    for a, b in zip(performed, read_split(tmp_path, "train"), strict=True):
        assert np.abs(a.poses.xyz - b.poses.xyz).max() < 2e-3 and a.poses.fps == b.poses.fps
        assert replace(a, poses=None) == replace(b, poses=None) and b.produced.spans == a.spans
    assert (tmp_path / "train.text").read_text().splitlines() == [text for text, _ in SENTENCES]
    assert (tmp_path / "train.gloss").read_text().splitlines()[1] == "POSS-1 NAME S A M"


def test_the_same_performances_are_the_same_bytes(tmp_path, performed):
    for name in "ab":
        write_split(tmp_path / name, "train", performed)
    for path in (tmp_path / "a").iterdir():
        one, other = path.read_bytes(), (tmp_path / "b" / path.name).read_bytes()
        skip = 8 + int.from_bytes(one[:8], "little") if path.suffix == ".safetensors" else 0      # a header's keys come in any order
        assert len(one) == len(other) > skip and one[skip:] == other[skip:], path.name


def test_a_split_without_sentences_is_not_written(tmp_path):
    with pytest.raises(SignerError, match="no sentences to write for the split dev"):
        write_split(tmp_path / "new", "dev", [])
    assert not (tmp_path / "new").exists()


def cut(path):
    path.write_bytes(path.read_bytes()[:len(path.read_bytes()) // 2])


def without(key):
    def damage(path):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps({k: v for k, v in row.items() if k != key}) + "\n" for row in rows))
    return damage


@pytest.mark.parametrize("name, damage, told", [
    ("train.jsonl", lambda path: path.unlink(), "no performances of the split 'train'"), ("train.jsonl", cut, "damaged"),
    ("train.jsonl", without("clips"), "clips"), ("train.jsonl", lambda path: path.write_bytes(b"\xff\xfe"), "damaged"),
    ("train.jsonl", lambda path: path.write_text(path.read_text() * 2), "damaged"),
    ("train.safetensors", lambda path: path.unlink(), "damaged"), ("train.safetensors", cut, "damaged"),
])
def test_a_damaged_split_is_told_in_one_line(tmp_path, performed, name, damage, told):
    write_split(tmp_path, "train", performed)
    damage(tmp_path / name)
    with pytest.raises(SignerError, match=told) as error:
        read_split(tmp_path, "train")
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


# --- the signers ---------------------------------------------------------------------------------------------------------
def test_no_signer_is_in_two_pools_and_every_pool_has_some():
    assert len({signer.name for signer in SIGNERS}) == len(SIGNERS)
    assert {signer.pool for signer in SIGNERS} == {"prior", "train", "judge", "dev", "test"}
    assert len({(signer.body, signer.variant.speed, signer.variant.size, signer.variant.handed, signer.shake) for signer in SIGNERS}) == len(SIGNERS)


@pytest.mark.parametrize("name", ["broad", "shaking", "left", "test-1"])
def test_every_signers_clips_lie_on_the_default_signers_bones(made, name):
    rows = made(BY_NAME[name])
    assert [row["gloss"] for row in rows] == ["BOOK", "KNOW", "A"] and [row["source"] for row in rows] == ["rule", "rule", "recording"]
    for row in rows:
        xyz = decode(row).xyz
        assert np.isfinite(xyz).all() and np.abs(bone_lengths(xyz) - bone_lengths(REST[None])[0]).max() < 1e-4
        assert np.allclose(xyz[:, 1], REST[1], atol=1e-5), "the neck is where it was"
        assert row["signer"] == row["variant"] == name


def test_a_left_handed_signer_is_the_mirror_image_of_a_right_handed_one(made):
    left = BY_NAME["left"]
    assert left.variant.handed == "left"
    for a, b in zip(made(left), made(replace(left, variant=replace(left.variant, handed="right")))):
        assert np.allclose(decode(a).xyz, decode(b).mirrored().xyz, atol=1e-6)
    way = lambda row, joint: np.linalg.norm(np.diff(decode(row).joint(joint), axis=0), axis=-1).sum()
    assert way(made(left)[1], "l_wrist") > 2 * way(made(left)[1], "r_wrist"), "KNOW is one-handed"


def test_a_signer_of_one_seed_is_always_the_same_and_differs_from_another(made):
    xyz = lambda signer, seed: [row["xyz"] for row in made(signer, seed)]
    again = [row["xyz"] for row in made.__wrapped__(SIGNERS[0], 0)]
    assert xyz(SIGNERS[0], 0) == again
    assert not set(again) & set(xyz(SIGNERS[0], 2)) and not set(again) & set(xyz(BY_NAME["broad"], 0))


def test_a_shaking_signer_shakes_and_a_slower_one_takes_longer(made):
    shaking = BY_NAME["shaking"]
    steadiness = [[row["stability"]["jerk"] for row in made(signer)] for signer in (shaking, replace(shaking, shake=0.0))]
    assert all(a > 1.2 * b for a, b in zip(*steadiness))
    frames = [sum(row["frames"] for row in made(BY_NAME[name])) for name in ("quick", "broad")]
    assert frames[0] < 0.9 * frames[1]
