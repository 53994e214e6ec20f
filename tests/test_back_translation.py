"""The back-translation: pieces, features, reading, scores, batches, and a training that is killed, resumed and shared by two processes."""

import json
import random
import shutil
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn.functional import cross_entropy, ctc_loss, gelu

from signer_lib.assets import CHECKPOINTS
from signer_lib.bucketing import bucketed
from signer_lib.errors import SignerError
from signer_lib.loop import STATE, learning_rate
from signer_lib.metrics import back_translation_training as training
from signer_lib.metrics.back_translation import BackTranslation, Reading, settings_of
from signer_lib.metrics.back_translation_batching import Batches, least_frames, warped
from signer_lib.metrics.back_translation_seen import Detection
from signer_lib.metrics.back_translation_training import Objective, Training, back_translation_config, new_back_translation
from signer_lib.metrics.pieces import END, PAD, START, Pieces, normal_text, spelled_words
from signer_lib.metrics.pose_reader import SHORTEN, Frames, Halve, Size, root_and_anchors, stacked
from signer_lib.metrics.text import text_scores
from signer_lib.pose import SIGNER70
from signer_lib.pose.formats.folder import PoseFolder, read_folder
from trainings import kill_at, log_of, on_two_processes, write_preset

MODEL = {"width": 32, "encoder_layers": 1, "decoder_layers": 1, "heads": 2, "feed_forward": 64, "dropout": 0.1, "depth": 0.5}
STILL = MODEL | {"dropout": 0.0}
QUIET = {"slowest": 1.0, "fastest": 1.0, "rotate": 0.0, "scale": 0.0, "shift": 0.0, "jitter": 0.0, "drop_frames": 0.0, "drop_parts": 0.0}
TINY = {"model": MODEL, "vocabulary": 90, "epochs": 3, "batch_size": 8, "learning_rate": 0.005, "warmup_steps": 4, "patience": 99, "log_steps": 1,
        "max_pieces": 12, "precision": "fp32", "average": 0.9}
JOINTS = 5
SIGNS = {"IX-1": "I", "LIKE": "like", "HOUSE": "houses", "NEW": "new"} | {letter: letter for letter in "SAM"}


def tiny(**changes):
    return replace(back_translation_config("nano"), **TINY | changes)


def signed(glosses, rng, joints=JOINTS):
    """Invented signs: a gloss moves the joints, but for the first, along a line of its own; (T, joints, 3)"""
    paths = {gloss: np.random.default_rng(k).normal(0, 1, (2, joints, 3)) for k, gloss in enumerate(SIGNS)}
    parts = [np.linspace(*paths[gloss], rng.integers(8, 13)) for gloss in glosses]
    xyz = np.concatenate(parts) + rng.normal(0, 0.01, (sum(map(len, parts)), joints, 3))
    xyz[:, 0] = rng.normal(0, 0.3, 3)
    return xyz.astype(np.float16)


def write(folder, split, count, seed, joints=JOINTS):
    rng, poses, lines = np.random.default_rng(seed), {}, []
    for k in range(count):
        glosses = ["IX-1", "LIKE", *rng.permutation(["HOUSE", "NEW"])[:rng.integers(1, 3)]] if k % 3 else ["IX-1", "S", "A", "M"]
        poses[f"{k:06d}"] = signed(glosses, rng, joints)
        text = " ".join(SIGNS[gloss] for gloss in glosses) if k % 3 else "I am Sam"
        lines.append((text + ".", " ".join(glosses)))
    save_file(poses, folder / f"{split}.safetensors", metadata={"fps": "25.0", "skeleton": "invented"})
    for ending, column in (("text", 0), ("gloss", 1)):
        (folder / f"{split}.{ending}").write_text("".join(line[column] + "\n" for line in lines), encoding="utf-8")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """23 + 7 sentences: three batches, of eight, eight and seven."""
    folder = tmp_path_factory.mktemp("data") / "invented"
    folder.mkdir()
    write(folder, "train", 23, 0), write(folder, "dev", 7, 1)
    return folder


@pytest.fixture(scope="session")
def data(folder):
    return read_folder(folder, "train")


@pytest.fixture
def model(data):
    torch.manual_seed(0)
    return new_back_translation(tiny(model=STILL), data)


# --- texts -----------------------------------------------------------------------------------------------------------
def test_a_normal_text_is_lower_case_words():
    assert normal_text(" What’s THIS -- a  3.5 km run?! ") == "what's this a 3 5 km run"
    assert normal_text("Am Montag: Schnee_fall, überall!") == "am montag schnee fall überall"


def test_a_word_is_spelled_where_its_letters_are_signed_one_after_another():
    assert spelled_words("sam likes zoë's tea", "S A M LIKE Z O E TEA".split()) == {"sam", "zoë's"}
    assert spelled_words("i met the theo lopez", "IX-1 MEET T H E O L O P E Z".split()) == {"theo", "lopez"}
    assert spelled_words("sam likes tea", "S A LIKE M TEA".split()) == set()


def test_pieces_say_any_word_and_spell_what_is_spelled(tmp_path):
    texts, glosses = ["Sam likes the house.", "Sam likes the houses!"] * 20, [["S", "A", "M", "LIKE", "HOUSE"]] * 40
    pieces = Pieces.train(texts, glosses, 80)
    for text in ("the house likes", "zyx 90's quick", "Sam's"):
        assert pieces.decode(pieces.encode(text, [])) == normal_text(text)
    whole, letters = pieces.encode("likes", []), pieces.encode("likes", list("LIKES"))
    assert len(whole) == 2 and len(letters) == 7 and whole[-1] == letters[-1] == END and pieces.decode(letters) == "likes"
    assert len(pieces.encode("sam", [])) == 5, "what is only spelled makes no pieces"
    assert pieces.decode([START, *whole, *letters]) == "likes", "the end ends it"
    pieces.save(tmp_path)
    assert Pieces.load(tmp_path).encode("the houses", []) == pieces.encode("the houses", [])
    assert len({Pieces.train(texts, glosses, 80).core.to_str() for _ in range(3)}) == 1


# --- features --------------------------------------------------------------------------------------------------------
def frames(skeleton="signer70", joints=70, depth=0.5):
    poses = [np.random.default_rng(0).normal(0, 1, (9, joints, 3)).astype(np.float32)]
    made = Frames(*root_and_anchors(skeleton, poses), depth)
    made.fit(poses)
    return made, torch.from_numpy(poses[0])[None]


def split(features):
    """(B, T, 7 J) -> places (B T, J, 3), velocities (B T, J, 3), missing (B T, J)"""
    places, velocities, missing = features.flatten(0, 1).unflatten(1, (7, -1)).split([3, 3, 1], 1)
    return places.mT, velocities.mT, missing[:, 0]


def test_fingers_are_told_from_their_wrist_and_the_face_from_the_nose():
    root, anchors = root_and_anchors("signer70", [np.zeros((2, 70, 3))])
    named = {name: SIGNER70.names[anchor] if anchor >= 0 else "" for name, anchor in zip(SIGNER70.names, anchors)}
    assert SIGNER70.names[root] == "neck" and named["r_hand_index_tip"] == "r_hand_wrist" and named["l_hand_thumb_cmc"] == "l_hand_wrist"
    assert named["r_hand_wrist"] == named["l_elbow"] == "" and named["l_brow_2"] == "nose"


def test_another_skeleton_is_told_from_its_stillest_joint():
    xyz = np.random.default_rng(0).normal(0, 1, (20, 7, 3))
    xyz[:, 4] *= 0.1
    xyz[:, 2], xyz[::2, 5] = 0, np.nan
    xyz[5:, 2] = np.nan                                                    # still, but mostly missing
    assert root_and_anchors("mine", [xyz, xyz]) == (4, [-1] * 7)


def test_features_do_not_know_where_the_signer_stands():
    made, x = frames()
    assert torch.allclose(made(x), made(x + torch.tensor([3.0, -1.0, 2.0])), atol=1e-4)
    moved = x.clone()
    moved[:, :, 29:50] += 1.0                                               # a hand with its wrist: its fingers' places stay
    (before, _, _), (after, _, _) = split(made(x)), split(made(moved))
    assert torch.allclose(before[:, 30:50], after[:, 30:50], atol=1e-4) and not torch.allclose(before[:, 29], after[:, 29])


def test_a_missing_joint_is_0_with_a_flag_and_says_nothing_of_the_others():
    made, x = frames()
    places, velocities, missing = split(made(x))
    x[0, 4, 35] = torch.nan
    places_after, velocities_after, missing_after = split(made(x))
    assert missing.sum() == 0 and missing_after.nonzero().tolist() == [[4, 35]]
    assert (places_after[4, 35] == 0).all() and (velocities_after[[3, 5], 35] == 0).all() and (places_after[5, 35] != 0).all()
    others = [j for j in range(70) if j != 35]
    assert torch.equal(places_after[:, others], places[:, others]) and torch.equal(velocities_after[:, others], velocities[:, others])
    x[0, :, 29] = torch.nan                                                 # without a wrist, no finger of that hand can be told
    assert (split(made(x))[2][:, 29:50] == 1).all() and split(made(x))[2][:, :29].sum() == 0


def test_features_are_standardised_and_depth_weighs_less():
    rng = np.random.default_rng(0)
    poses = [rng.normal(5, 3, (40, 6, 3)).astype(np.float32) for _ in range(30)]
    made = Frames(0, [-1] * 6, 0.5)
    made.fit(poses)
    places, velocities, _ = split(made(stacked(poses)[0]))
    velocities = velocities.view(30, 40, 6, 3)[:, 1:-1].flatten(0, 1)
    assert places[..., :2].mean().abs() < 0.05
    for features in (places[:, 1:], velocities[:, 1:]):                     # joint 0 is the origin's
        assert features[..., :2].std().item() == pytest.approx(1, abs=0.05) and features[..., 2].std().item() == pytest.approx(0.5, abs=0.03)
    assert made(stacked([xyz * 1000 for xyz in poses])[0]).abs().max() == 5


def test_a_coordinate_that_is_no_number_makes_the_joint_missing():
    xyz = np.zeros((2, 3, 3))
    xyz[0, 1, 2], xyz[1, 2, 0] = np.inf, np.nan
    x, lengths = stacked([xyz, xyz[:1]])
    assert lengths.tolist() == [2, 1] and x[0].isnan().all(-1).tolist() == [[False, True, False], [False, False, True]] and x[1, 1].isnan().all()


# --- the network -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("length", [1, 2, 7, 8])
def test_halve_is_a_convolution_over_four_frames_with_stride_two(length):
    halve, convolve = Halve(6), nn.Conv1d(6, 6, 4, 2, 1)
    with torch.no_grad():
        early, late = halve.pairs.weight.view(2, 6, 2, 6).unbind()          # (out, place in the pair, in)
        convolve.weight.copy_(torch.cat([early, late], 1).permute(0, 2, 1)), convolve.bias.copy_(halve.pairs.bias.view(2, 6).sum(0))
        x = torch.randn(3, length, 6)
        padded = nn.functional.pad(x, (0, 0, 0, length % 2))
        assert torch.allclose(halve(x), gelu(convolve(padded.mT).mT), atol=1e-5) and halve(x).shape[1] == -(-length // 2)


def test_padding_changes_no_state(model, data):
    model.net.eval()
    poses = [data.poses[0][:k] for k in (1, 2, 3, 13, 30)]
    with torch.inference_mode():
        H, over = model.net.encode(*stacked(poses))
        told = torch.tensor([[START, 5, 6]] * 5)
        said = model.net.say(told, H, over)
        for k, xyz in enumerate(poses):
            alone, none_over = model.net.encode(*stacked([xyz]))
            states = -(-len(xyz) // SHORTEN)
            assert alone.shape[1] == states == int((~over[k]).sum()) and not none_over.any()
            assert torch.allclose(H[k, :states], alone[0], atol=1e-4)
            assert torch.allclose(said[k], model.net.say(told[:1], alone, none_over)[0], atol=1e-4)


def test_a_piece_is_said_without_knowing_those_after_it(model, data):
    H, over = model.net.eval().encode(*stacked(data.poses[:1]))
    a, b = (model.net.say(torch.tensor([[START, 5, last]]), H, over) for last in (6, 7))
    assert torch.allclose(a[:, :2], b[:, :2], atol=1e-5) and not torch.allclose(a[:, 2], b[:, 2], atol=1e-3)


# --- reading and scores ----------------------------------------------------------------------------------------------
def test_ctc_reads_each_gloss_once_unless_a_blank_parts_it(model, data, monkeypatch):
    path = torch.tensor([[1, 1, 0, 1, 2, 2, 0, 3]])
    monkeypatch.setattr(model.net, "spot", lambda H: nn.functional.one_hot(path, 9).float())
    (reading,) = model.read([data.poses[0][:4 * path.shape[1]]])
    assert reading.glosses == [model.glosses[k] for k in (0, 0, 1, 2)]


def test_a_reading_does_not_depend_on_what_is_read_beside_it(whole, data):
    poses = [*data.poses, data.poses[0][:1], data.poses[0][:0]]
    together = whole.model.read(poses)
    assert together == [whole.model.read([xyz])[0] for xyz in poses] and together[-1] == Reading([], "")
    assert together[::-1] == whole.model.read(poses[::-1]) and len({reading.text for reading in together}) > 2


def test_poses_of_another_skeleton_are_told_in_one_line(model):
    with pytest.raises(SignerError, match=r"trained on poses \(frames, 5, 3\) and cannot read \(4, 70, 3\)"):
        model.read([np.zeros((4, 70, 3))])


def test_scores_compare_normal_texts_and_glosses(model, monkeypatch):
    found = [Reading(["IX-1", "LIKE"], "i like the new house"), Reading(["NEW"], "new houses")]
    monkeypatch.setattr(model, "read", lambda poses: found)
    scores = model.scores([None, None], ["I like the NEW house!", "Old houses, here?"], [["IX-1", "LIKE"], ["NEW", "HOUSE"]])
    by_hand = text_scores(["i like the new house", "new houses"], ["i like the new house", "old houses here"])
    assert list(scores) == ["bleu1", "bleu2", "bleu3", "bleu4", "rouge", "chrf", "wer", "bleu4_glosses", "count", "signature"]
    assert all(scores[name] == by_hand[name] for name in ("bleu1", "bleu4", "rouge", "chrf", "count"))
    assert scores["wer"] == 25 and by_hand["signature"] in scores["signature"] and model.fingerprint in scores["signature"]


def test_a_reader_that_is_saved_and_loaded_reads_and_is_named_the_same(whole, data, tmp_path):
    loaded = BackTranslation.from_pretrained(whole.out)
    assert loaded.fingerprint == whole.model.fingerprint and loaded.settings == whole.model.settings and loaded.glosses == whole.model.glosses
    assert loaded.read(data.poses) == whole.model.read(data.poses)
    loaded.net.into.weight.data[0, 0] += 1
    assert loaded.fingerprint != whole.model.fingerprint


@pytest.mark.parametrize("name, damage, told", [
    ("config.json", lambda b: b"{}", "it lacks fps"), ("model.safetensors", lambda b: b[:99], "is damaged"),
    ("pieces.json", lambda b: b[:99], "is damaged"), ("config.json", None, "is not a checkpoint")])
def test_a_damaged_reader_is_told_in_one_line(whole, tmp_path, name, damage, told):
    shutil.copytree(whole.out, tmp_path, dirs_exist_ok=True)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    if damage:
        (tmp_path / name).write_bytes(damage(content))
    with pytest.raises(SignerError, match=told) as error:
        BackTranslation.from_pretrained(tmp_path)
    assert "\n" not in str(error.value)


# --- batches ---------------------------------------------------------------------------------------------------------
def test_buckets_hold_everything_once_and_are_even():
    lengths = np.random.default_rng(0).integers(20, 300, 403).tolist()
    buckets = bucketed(lengths, 8, random.Random(0), alike=16)
    assert sorted(i for bucket in buckets for i in bucket) == list(range(403)) and {len(bucket) for bucket in buckets} == {7, 8}
    assert max(max(lengths[i] for i in bucket) - min(lengths[i] for i in bucket) for bucket in buckets) < 48


def test_a_step_is_the_same_whoever_asks_and_its_parts_hold_each_row_once(model, data):
    first, second = (Batches(model, data, tiny(), 3) for _ in range(2))
    forward, backward = [first.batch(k) for k in range(6)], [second.batch(k) for k in reversed(range(6))][::-1]
    for a, b in zip(forward, backward):
        assert all(torch.equal(torch.as_tensor(value).nan_to_num(9), torch.as_tensor(vars(b)[name]).nan_to_num(9)) for name, value in vars(a).items())
    parts = [first.batch(1, k, 3) for k in range(3)]
    assert {(part.units, part.said) for part in parts} == {(forward[1].units, forward[1].said)}
    for k, part in enumerate(parts):
        assert torch.equal(part.lengths, forward[1].lengths[k::3])
        for row, length, (x, *_) in zip(part.x, part.lengths, zip(forward[1].x[k::3])):
            assert torch.equal(row[:length].nan_to_num(9), x[:length].nan_to_num(9))
    other = Batches(model, data, tiny(), 4)
    assert first.rows(0) != other.rows(0) and len(first) == 3


def test_a_batch_holds_what_is_to_be_read(model, data):
    batches = Batches(model, data, tiny(**QUIET), 0)
    rows, batch = batches.rows(0), batches.batch(0)
    for k, i in enumerate(rows):
        assert [model.glosses[g - 1] for g in batch.glosses[k, :batch.gloss_lengths[k]]] == data.glosses[i]
        said = batch.pieces[k][batch.pieces[k] != PAD].tolist()
        assert model.pieces.decode(said) == normal_text(data.texts[i]) and batch.told[k, :len(said)].tolist() == [START, *said[:-1]]
        assert torch.equal(batch.x[k, :batch.lengths[k]], torch.from_numpy(data.poses[i].astype(np.float32)))
    assert (batch.units, batch.said) == (int(batch.gloss_lengths.sum()), int((batch.pieces != PAD).sum()))


def test_each_damage_comes_at_its_rate(model, data):
    def draws(**changes):
        batches = Batches(model, data, tiny(**QUIET | changes), 0)
        batches.parts = [np.array([3, 4, 2])]
        return [(data.poses[1].astype(np.float32), batches.augmented(1, np.random.default_rng(k))) for k in range(200)]

    assert all(np.array_equal(a, b) for a, b in draws())
    lengths = [len(b) / len(a) for a, b in draws(slowest=0.5, fastest=2.0)]
    assert 0.5 <= min(lengths) < 0.6 and 1.8 < max(lengths) <= 2.05
    assert np.mean([np.isnan(b).all((1, 2)).mean() for _, b in draws(drop_frames=0.2)]) == pytest.approx(0.2, abs=0.02)
    missing = [np.isnan(b).all((0, 2)) | np.isnan(b).any((0, 2)) for _, b in draws(drop_parts=0.5)]
    assert np.mean([row.any() for row in missing]) == pytest.approx(0.5, abs=0.1) and not np.any(np.stack(missing)[:, :2])
    unit = float(model.net.frames.unit)
    assert np.std([b - a for a, b in draws(jitter=0.02)]) == pytest.approx(0.02 * unit, rel=0.05)
    shifts = np.stack([(b - a)[0] for a, b in draws(shift=0.1)])
    root = model.settings["root"]
    assert shifts[:, root].std() == pytest.approx(0.1 * unit, rel=0.2) and np.abs(np.delete(shifts, root, 1)).max() == 0
    grown = [np.linalg.norm(b[0, 1]) / np.linalg.norm(a[0, 1]) for a, b in draws(rotate=20.0)]
    assert np.allclose(grown, 1, atol=1e-3) and not np.allclose(*draws(rotate=20.0)[0])
    assert np.std([np.linalg.norm(b[0, 1]) / np.linalg.norm(a[0, 1]) for a, b in draws(scale=0.1)]) > 0.03


def test_no_speed_leaves_too_few_frames_for_the_glosses(model, data):
    assert least_frames([1, 2, 2, 3, 3, 3]) == SHORTEN * 9
    batches = Batches(model, data, tiny(**QUIET | {"slowest": 50.0, "fastest": 50.0}), 0)
    assert len(batches.augmented(0, np.random.default_rng(0))) == SHORTEN * len(data.glosses[0])


def test_warped_is_the_same_path(data):
    xyz = data.poses[0].astype(np.float32)
    assert np.array_equal(warped(xyz, len(xyz)), xyz) and np.allclose(warped(xyz, 2 * len(xyz) - 1)[::2], xyz, atol=1e-4)
    assert warped(xyz[:1], 3).shape == (3, JOINTS, 3)


# --- the objective ---------------------------------------------------------------------------------------------------
def test_the_losses_are_ctc_by_gloss_and_cross_entropy_by_piece(model, data):
    config = tiny(model=STILL, label_smoothing=0.2, weight_ctc=0.5, weight_text=2.0)
    batch = Batches(model, data, config, 0).batch(0)
    objective = Objective(model.net, config).train()
    terms = objective(batch)
    H, over = model.net.encode(batch.x, batch.lengths)
    ctc = text = 0
    for k in range(len(batch.x)):
        log_p = model.net.spot(H[k:k + 1, ~over[k]]).transpose(0, 1)
        ctc += ctc_loss(log_p, batch.glosses[k:k + 1, :batch.gloss_lengths[k]], torch.tensor([len(log_p)]), batch.gloss_lengths[k:k + 1],
                        reduction="sum")
        said = batch.pieces[k] != PAD
        logits = model.net.say(batch.told[k:k + 1, said], H[k:k + 1], over[k:k + 1])[0]
        text += cross_entropy(logits, batch.pieces[k, said], label_smoothing=0.2, reduction="sum")
    assert terms["ctc"].item() == pytest.approx(ctc.item() / batch.units, rel=1e-4)
    assert terms["text"].item() == pytest.approx(text.item() / batch.said, rel=1e-4)
    assert objective.total(terms).item() == pytest.approx(0.5 * terms["ctc"].item() + 2 * terms["text"].item(), rel=1e-5)


def test_it_learns_to_read(folder, data, tmp_path):
    run = Training(tiny(epochs=55, learning_rate=0.01, **QUIET), folder, tmp_path, 0)
    for _ in range(165):
        run.step()
    model = run.averaged
    scores = model.scores(data.poses, data.texts, data.glosses)
    assert scores["wer"] < 5 and scores["bleu4"] > 90
    (reading,) = model.read([signed(["IX-1", "S", "A", "M"], np.random.default_rng(5))])
    assert reading == Reading(["IX-1", "S", "A", "M"], "i am sam")


# --- training --------------------------------------------------------------------------------------------------------
def preset(folder, **changes):
    return str(write_preset(folder / "tiny.yaml", tiny(**changes)))


def script(folder, data, preset, out):
    path = folder / "train.py"
    path.write_text("from pathlib import Path\nfrom signer_lib.metrics.back_translation_training import train\n"
                    f"train(Path({str(data)!r}), Path({str(out)!r}), {preset!r}, 7)\n")
    return str(path)


@pytest.fixture(scope="session")
def whole(folder, tmp_path_factory):
    """A training that nobody disturbed, with dropout and every augmentation."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return SimpleNamespace(out=out, model=Training(tiny(epochs=12), folder, out, 7).run())


@pytest.fixture(scope="session")
def killed(folder, tmp_path_factory):
    """The same training, killed by the system in the middle of its fourth epoch; its folder."""
    place = tmp_path_factory.mktemp("killed")
    out = place / "out"
    return kill_at(14, out, script(place, folder, preset(place, epochs=12), out))


@pytest.fixture
def unfinished(killed, tmp_path):
    return shutil.copytree(killed, tmp_path / "unfinished")


def test_a_training_leaves_its_model_and_its_story(whole, folder):
    assert {path.name for path in whole.out.iterdir()} == {"model.safetensors", "config.json", "pieces.json", "log.jsonl", "training.json"}
    told = json.loads((whole.out / "training.json").read_text())
    assert told | asdict(tiny(epochs=12)) == told
    assert (told["seed"], told["steps"], told["sentences"], told["joints"], told["glosses"], told["data"]) == (7, 36, 23, 5, 7, "invented")
    steps = [line for line in log_of(whole.out) if "total" in line]
    assert [line["step"] for line in steps] == list(range(1, 37)) and steps[-1]["total"] < 0.8 * steps[0]["total"]
    assert all(line["total"] == pytest.approx(line["ctc"] + line["text"], abs=1e-5) for line in steps)
    assert [(line["step"], line["epoch"]) for line in log_of(whole.out) if "dev_bleu4" in line] == [(3 * k, k) for k in range(1, 13)]


def test_a_killed_training_goes_on_exactly(folder, unfinished, whole, capsys):
    assert (unfinished / STATE).is_file() and not (unfinished / "model.safetensors").exists()
    assert log_of(unfinished) == log_of(whole.out)[:len(log_of(unfinished))] != log_of(whole.out)
    Training(tiny(epochs=12), folder, unfinished, 7).run()
    assert "going on after step" in capsys.readouterr().out and log_of(unfinished) == log_of(whole.out)
    for name in ("config.json", "pieces.json", "model.safetensors"):
        assert (unfinished / name).read_bytes() == (whole.out / name).read_bytes(), name
    assert not (unfinished / STATE).exists()


def test_two_processes_give_the_losses_of_one(folder, tmp_path):
    """Also of a batch of seven, which does not divide evenly."""
    size = preset(tmp_path, model=STILL)
    training.train(folder, tmp_path / "one", size, 7)
    told = on_two_processes(script(tmp_path, folder, size, tmp_path / "two"))
    assert json.loads((tmp_path / "two" / "training.json").read_text())["processes"] == 2
    one, two = log_of(tmp_path / "one"), log_of(tmp_path / "two")
    assert len(one) == len(two) == 12 and told.count('"dev_bleu4"') == 3
    for a, b in zip(one, two):
        assert b == pytest.approx(a, abs=1e-3)


def test_an_unfinished_training_is_not_mixed_with_another(folder, unfinished, tmp_path):
    write(shutil.copytree(folder, tmp_path / "invented"), "train", 23, 5)
    before = {path.name: path.read_bytes() for path in unfinished.iterdir()}
    for changes, where, seed, told in (({}, folder, 8, r"another seed \(7, not 8\)"), ({"shift": 0.5}, folder, 7, r"another shift"),
                                       ({}, tmp_path / "invented", 7, "another data_sha256")):
        with pytest.raises(SignerError, match=told):
            Training(tiny(epochs=12, **changes), where, unfinished, seed)
    assert before == {path.name: path.read_bytes() for path in unfinished.iterdir()}


def test_a_finished_training_is_not_done_over(folder, whole):
    with pytest.raises(SignerError, match="holds a finished training"):
        Training(tiny(), folder, whole.out, 7)


def test_it_stops_after_patience_epochs_and_keeps_the_best(folder, tmp_path, monkeypatch):
    scores, seen = [0.0, 9.0, 1.0, 9.0, 5.0, 99.0], []

    def scored(model, poses, texts, glosses):
        seen.append({name: value.clone() for name, value in model.net.state_dict().items()})
        return dict.fromkeys(training.SHOWN, 0.0) | {"bleu4": scores[len(seen) - 1]}

    monkeypatch.setattr(BackTranslation, "scores", scored)
    kept = Training(tiny(epochs=6, patience=3), folder, tmp_path / "out", 0).run().net.state_dict()
    told = json.loads((tmp_path / "out" / "training.json").read_text())
    assert len(seen) == 5 and told["best_epoch"] == 2 and told["steps"] == 15
    assert all(torch.equal(kept[name], value) for name, value in seen[1].items())
    assert not all(torch.equal(kept[name], value) for name, value in seen[4].items())


def test_the_running_mean_follows_the_weights(folder, tmp_path):
    run = Training(tiny(), folder, tmp_path, 0)
    before = [value.clone() for value in run.averaged.net.parameters()]
    run.step()
    for old, mean, new in zip(before, run.averaged.net.parameters(), run.inner.net.parameters()):
        assert torch.allclose(mean, 0.1 * old + 0.9 * new, atol=1e-6)       # at first it keeps less than ``average``: (1 + 0) / (10 + 0)


def test_minutes_become_a_number_of_steps(folder, tmp_path, monkeypatch):
    now = iter(range(10_000))
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: next(now)))     # a step takes a second
    run = Training(tiny(epochs=40), folder, tmp_path, 0, minutes=0.6)
    assert run.state["steps"] == 120
    run.run()
    last = [line for line in log_of(tmp_path) if "lr" in line][-1]
    assert last["step"] == run.state["steps"] == 36 and last["lr"] == pytest.approx(learning_rate(tiny(), 35, 36), abs=1e-6)


def test_a_loss_that_is_no_number_ends_the_training(folder, tmp_path):
    run = Training(tiny(), folder, tmp_path, 0)
    run.inner.net.into.weight.data.fill_(torch.nan)
    with pytest.raises(SignerError, match="the loss is nan at step 1: train again with a lower learning_rate"):
        run.run()


@pytest.mark.parametrize("setting, told", [
    ("epochs=0", "epochs must be more than 0"), ("average=2", "average must be from 0 to 1"), ("jitter=-1", "jitter must be 0 or more"),
    ("fastest=0.5", "fastest must be at least slowest"), ("precision=fp64", "precision must be one of"), ("shifts=1", "did you mean 'shift'"),
    ("model={width: 8}", "model: 'decoder_layers' is missing or unknown")])
def test_a_senseless_setting_is_told(setting, told):
    with pytest.raises(SignerError, match=told):
        back_translation_config("nano", [setting])


def test_the_presets_can_be_built():
    for size, least, most in (("nano", 1e6, 3e6), ("base", 8e6, 40e6)):
        config = back_translation_config(size)
        settings = settings_of(Size(**config.model), 25, "signer70", [np.zeros((2, 70, 3))], config.max_pieces)
        net = BackTranslation.new(Pieces.train(["a"], [["A"]], config.vocabulary), ["A"] * 400, settings).net
        assert least < sum(value.numel() for value in net.parameters()) < most


@pytest.mark.parametrize("change, told", [
    (lambda f: write(f, "dev", 3, 0, joints=6), r"differ in their joints \(5, 6\)"),
    (lambda f: [(f / f"dev.{ending}").write_text("") for ending in ("text", "gloss")] + [save_file({}, f / "dev.safetensors", {"fps": "25"})],
     "no sentences in its dev split"),
    (lambda f: save_file({f"{k:06d}": np.zeros((int(k != 2), 5, 3), np.float16) for k in range(7)}, f / "dev.safetensors", {"fps": "25"}),
     "000002 of the dev split has no frames")])
def test_data_that_cannot_be_trained_on_are_told_before_the_work(folder, tmp_path, change, told):
    change(shutil.copytree(folder, tmp_path / "data"))
    with pytest.raises(SignerError, match=told):
        Training(tiny(), tmp_path / "data", tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()


# --- the evaluator of frames -----------------------------------------------------------------------------------------
def bodies(count=6):
    rng = np.random.default_rng(2)
    return [np.cumsum(rng.normal(0, 0.02, (40, 70, 3)), 0).astype(np.float32) for _ in range(count)]


@pytest.fixture(scope="module")
def flat():
    """A reader of x and y, untrained, of six invented sentences of signer70."""
    torch.manual_seed(0)
    data = PoseFolder([str(k) for k in range(6)], bodies(), ["I like houses."] * 6, [["IX-1", "LIKE", "HOUSE"]] * 6, 25.0, "signer70")
    return new_back_translation(tiny(model=STILL | {"axes": "xy"}), data)


def test_a_reader_of_pictures_never_looks_at_z(flat, tmp_path):
    poses, other = bodies(), bodies()
    for xyz in other:
        xyz[..., 2] = np.random.default_rng(0).normal(0, 9, xyz.shape[:2])
        xyz[::3, :, 2] = np.nan
    (x, lengths), (y, _) = stacked(poses, 2), stacked(other, 2)
    assert x.shape[-1] == 2 and flat.net.into.in_features == 5 * 70
    H, over = flat.net.eval().encode(x, lengths)
    assert torch.equal(H, flat.net.encode(y, lengths)[0]) and flat.read(poses) == flat.read(other)
    other[0][..., 1] += np.linspace(0, 1, 70, dtype=np.float32)
    assert not torch.equal(H, flat.net.encode(stacked(other, 2)[0], lengths)[0])
    flat.save_pretrained(tmp_path)
    assert BackTranslation.from_pretrained(tmp_path).settings == flat.settings and flat.settings["size"]["axes"] == "xy"


def test_a_reader_that_was_saved_before_there_were_axes_reads_all_three():
    settings = json.loads((CHECKPOINTS / "back-translation-nano" / "config.json").read_text())
    assert "axes" not in settings["size"]
    assert BackTranslation.from_pretrained(CHECKPOINTS / "back-translation-nano").net.into.in_features == 7 * 70


def still(frames=300):
    """A pose that stays, all of it in the picture, but for the left hand's, below it."""
    xyz = np.zeros((frames, 70, 3), np.float32)
    xyz[..., 0] = np.linspace(-0.5, 0.5, 70)
    xyz[:, SIGNER70.groups["left_hand"], 1] = -1.6
    return xyz


def test_each_error_of_a_detector_comes_at_its_size():
    xyz, rng = still(3000), np.random.default_rng(0)
    left, right, face = (SIGNER70.groups[name] for name in ("left_hand", "right_hand", "face"))
    quiet = Detection().read(xyz, 25, rng)
    assert np.isnan(quiet[:, left]).all() and np.array_equal(np.delete(quiet, np.r_[left], 1), np.delete(xyz, np.r_[left], 1))
    error = Detection(face=0.01, body=0.02, hands=0.03, slow=0.75).read(xyz, 25, rng) - xyz
    assert np.allclose([error[:, part, :2].std() for part in (face, slice(0, 4), right)], [0.01, 0.02, 0.03], rtol=0.05)
    assert np.nanmax(np.abs(error[..., 2])) == 0 and error[:, [4, 7], :2].std() == pytest.approx(0.03, rel=0.1), "the wrists are the hands'"
    beside = lambda error: (error[1:, face, :2] * error[:-1, face, :2]).mean() / error[:, face, :2].var()
    assert beside(error) > 0.6 and abs(beside(Detection(face=0.01).read(xyz, 25, rng) - xyz)) < 0.05
    far = np.abs(Detection(hands=0.01, far=0.2, farther=50.0).read(xyz, 25, rng) - xyz)[:, right, :2].max(-1) > 0.05
    assert 0.15 < far.mean() < 0.2
    assert np.isnan(Detection(lost=0.1).read(xyz, 25, rng)[:, right, 0]).mean() == pytest.approx(0.1, abs=0.01)
    swapped = Detection(confused=0.5).read(xyz, 25, rng)[:, right]
    assert np.array_equal(np.sort(swapped[..., 0], 1), np.sort(xyz[:, right, 0], 1)) and 0.05 < (swapped != xyz[:, right]).any((1, 2)).mean() < 0.25
    moving = np.cumsum(np.full((9, 70, 3), 0.01, np.float32), 0) ** 2
    halved = Detection(halved=1.0).read(moving, 25, rng)
    assert np.array_equal(halved[::2], moving[::2]) and np.allclose(halved[1:-1:2], (moving[:-1:2] + moving[2::2]) / 2)


@pytest.mark.parametrize("changes, told", [
    ({"detector": {"hand": 0.1}}, "detector: 'hand' is missing or unknown: the keys are face, body"),
    ({"detector": {"slow": 1.5}}, "detector: slow must be a number, 0 or more, 1 at most, not 1.5"),
    ({"detector": {"hands": -1}}, "detector: hands must be a number, 0 or more, not -1"),
    ({"model": MODEL | {"axes": "xz"}}, "model: axes must be xyz or xy, not 'xz'")])
def test_wrong_settings_of_the_evaluator_of_frames_are_told(changes, told):
    with pytest.raises(SignerError, match=told):
        tiny(**changes)


def test_a_detectors_errors_are_for_its_own_skeleton(folder, tmp_path):
    with pytest.raises(SignerError, match="known for signer70, not for invented"):
        Training(tiny(detector={"hands": 0.1}), folder, tmp_path / "out", 1)
