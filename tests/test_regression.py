"""The pose regression: what it reads and is asked for, its end, and its training, killed and resumed, on two processes."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from signer_lib.baselines import regression_training
from signer_lib.baselines.regression import END, MOVING, NECK, UNKNOWN, WIDTH, Regression, RegressionConfig
from signer_lib.baselines.regression_training import Batches, Training, losses, new_regression
from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.language.slul import GlossSentence
from signer_lib.loop import STATE
from signer_lib.metrics.poses import dtw_mje, total_distance_ratio
from signer_lib.performances.folder import Performed, read_split, write_split
from signer_lib.performances.units import Span, Unit
from signer_lib.pose import SIGNER70, PoseSequence
from trainings import kill_at, log_of, on_two_processes, write_preset

NAMES = ["BOOK", "LIKE", "S", "A", "M"]
TINY = {"d_model": 32, "d_ff": 64, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.1, "future": 3, "noise": 0.3,
        "counter_noise": 0.01, "weight_counter": 1000.0, "drop_units": 0.1, "epochs": 6, "batch_size": 4, "warmup_steps": 5, "patience": 99,
        "log_steps": 1, "free_sentences": 2}
TRAIN = """import sys; from signer_lib.baselines.regression import RegressionConfig; from signer_lib.config import load_config
from signer_lib.baselines.regression_training import Training
Training(load_config(RegressionConfig, sys.argv[1]), sys.argv[2], sys.argv[3], seed=7).run()"""


def tiny(**changes):
    return replace(load_config(RegressionConfig, "regression_nano"), **TINY | changes)


def perform(names, frames=12):
    """A body whose joints all go their own way for each unit, as far as half a shoulder width; the neck stays."""
    base = np.random.default_rng(0).normal(size=(70, 3))
    parts = []
    for name in names:
        ways = np.random.default_rng(sum(name.encode())).normal(0, 0.25, size=(70, 3))
        ways[NECK] = 0
        length = frames + NAMES.index(name)
        parts.append(base + np.sin(np.linspace(0, np.pi, length))[:, None, None] * ways)
    spans = np.cumsum([0] + [len(part) for part in parts]).tolist()
    return Performed(" ".join(names), "a text", list(names), [Unit(name, i) for i, name in enumerate(names)],
                     PoseSequence(np.concatenate(parts), 25.0), [Span(i, *span) for i, span in enumerate(zip(spans, spans[1:]))], "one", list(names))


def sentences(count, seed):
    rng = np.random.default_rng(seed)
    return [perform(rng.choice(NAMES, rng.integers(1, 4)).tolist()) for _ in range(count)]


def untrained(rows, **changes):
    torch.manual_seed(0)
    return new_regression(tiny(**changes), rows)


def preset(path, **changes):
    return write_preset(path, tiny(**changes))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eleven sentences, so that a batch of four is followed by others of four and three."""
    folder = tmp_path_factory.mktemp("data")
    write_split(folder, "train", sentences(11, 0)), write_split(folder, "dev", sentences(3, 1))
    return folder


# --- what is read and asked ------------------------------------------------------------------------------------------
def test_a_step_reads_the_frame_before_it_and_is_asked_for_the_next_f():
    rows = [perform(["BOOK", "S"]), perform(["A"])]
    model = untrained(rows, frame_step=1, noise=0.0, counter_noise=0.0, drop_units=0.0)
    batch = Batches(model, rows, 0)[0]
    long, short = (0, 1) if batch.units[0, 1] != model.ids[END] else (1, 0)
    frames = torch.from_numpy(model.to_frames(rows[0].poses))
    assert batch.read.shape == (2, len(frames), WIDTH + 1) and (batch.read[:, 0] == 0).all()
    assert torch.allclose(batch.read[long, 1:, :-1], frames[:-1], atol=1e-5)
    for j in range(3):
        assert torch.allclose(batch.asked[long, :len(frames) - j, j, :-1], frames[j:], atol=1e-5)
        assert torch.allclose(batch.asked[long, :len(frames) - j, j, -1], torch.arange(j + 1, len(frames) + 1) / len(frames))
        assert batch.asked[long, len(frames) - j:, j].isnan().all()
        assert batch.asked[short, len(rows[1].poses) - j:, j].isnan().all()
    assert batch.counters == sum(3 * len(row.poses) - 3 for row in rows) and batch.numbers == WIDTH * batch.counters


def test_noise_is_on_what_is_read_and_goes_the_ways_that_frames_go():
    rows = [perform(["BOOK", "S", "A", "M"])] * 4
    plain, noisy = (Batches(untrained(rows, noise=noise, counter_noise=noise / 50), rows, 0) for noise in (0.0, 0.5))
    assert torch.equal(plain[0].asked.nan_to_num(9), noisy[0].asked.nan_to_num(9)) and (noisy[0].read[:, 0] == 0).all()
    noise = torch.cat([(noisy[k].read - plain[k].read)[:, 1:].flatten(0, 1) for k in range(20)])
    frames = torch.cat(plain.frames)[:, :-1]
    values, ways = torch.linalg.eigh(torch.cov(frames.T))
    assert values[-4:].min() > 5 > 0.01 > values[:-4].max()                  # four units go four ways
    along = (noise[:, :-1] @ ways).std(0)
    assert torch.allclose(along[-4:], 0.5 * (values[-4:] + 0.04).sqrt(), rtol=0.1) and along[:-4].mean().item() == pytest.approx(0.1, rel=0.05)
    assert noise[:, -1].std().item() == pytest.approx(0.01, rel=0.1)


def test_dropped_units_become_unknown_but_never_the_end_nor_what_is_not_there():
    rows = sentences(11, 0)
    whole, dropped = (Batches(untrained(rows, drop_units=rate), rows, 0) for rate in (0.0, 0.9))
    unknown, end = dropped.unknown, untrained(rows).ids[END]
    changed = 0
    for k in range(3):
        before, after = whole[k].units, dropped[k].units
        moved = before != after
        assert (after[moved] == unknown).all() and (before[moved] > end).all()
        changed += moved.sum().item()
    assert changed > 10


def test_a_step_is_the_same_whoever_asks_and_its_parts_hold_each_sentence_once():
    rows = sentences(11, 0)
    first, second = (Batches(untrained(rows), rows, 3) for _ in range(2))
    forward, backward = [first[k] for k in range(6)], [second[k] for k in reversed(range(6))][::-1]
    assert all(torch.equal(a.read, b.read) and torch.equal(a.units, b.units) for a, b in zip(forward, backward))
    assert sum(len(batch.units) for batch in forward[:3]) == 11
    batch, parts = forward[0], [forward[0].part(k, 2) for k in range(2)]
    assert sorted(x for part in parts for x in part.read.sum((1, 2)).tolist()) == sorted(batch.read.sum((1, 2)).tolist())
    found = torch.randn(batch.asked.shape)
    split = [losses(found[k::2], part) for k, part in enumerate(parts)]
    for name, value in losses(found, batch).items():
        assert sum(terms[name] for terms in split).item() == pytest.approx(value.item(), rel=1e-5)


def test_the_loss_is_the_mean_squared_error_of_what_is_there():
    rows = sentences(4, 0)
    batch = Batches(untrained(rows), rows, 0)[0]
    there = batch.asked.isfinite()
    found = torch.where(there, batch.asked, 7.0) + torch.cat([torch.full((WIDTH,), 2.0), torch.tensor([0.5])])
    terms = losses(found, batch)
    assert terms["pose"].item() == pytest.approx(4, rel=1e-4) and terms["counter"].item() == pytest.approx(0.25, rel=1e-4)


def test_a_missing_joint_is_read_as_its_mean_and_not_asked_for():
    row = perform(["BOOK", "S"])
    xyz = row.poses.xyz.copy()
    xyz[3:6, 40] = np.nan
    holed = replace(row, poses=PoseSequence(xyz, 25.0))
    model = untrained([holed], frame_step=1, noise=0.0, counter_noise=0.0)
    batch = Batches(model, [holed], 0)[0]
    place = slice(3 * MOVING.index(40), 3 * MOVING.index(40) + 3)
    assert (batch.read[0, 4:7, place] == 0).all() and batch.asked[0, 3:6, 0, place].isnan().all()
    assert batch.read.isfinite().all() and losses(model.net(batch.units, batch.read), batch)["pose"].isfinite()


def test_a_joint_that_was_never_seen_is_missing_in_what_is_produced():
    row = perform(["BOOK"])
    xyz = row.poses.xyz.copy()
    xyz[:, 60] = np.nan
    (made,) = untrained([replace(row, poses=PoseSequence(xyz, 25.0))]).produce([["BOOK"]])
    assert (made.confidence[:, 60] == 0).all() and (np.delete(made.confidence, 60, 1) == 1).all()


@pytest.mark.parametrize("frame_step", [1, 2, 3])
def test_poses_come_back_from_frames_at_their_own_rate(frame_step):
    poses = perform(["BOOK", "M"]).poses
    model = untrained([perform(["BOOK", "M"])], frame_step=frame_step)
    back = model.to_poses(model.to_frames(poses))
    assert back.fps == 25 and abs(len(back) - len(poses)) <= frame_step // 2 and (back.confidence == 1).all()
    assert np.abs(back.stretch(len(poses)).xyz - poses.xyz).mean() < 0.005 * (frame_step - 1) + 1e-6


# --- the network and its writing -------------------------------------------------------------------------------------
@torch.no_grad()
def test_frames_written_one_by_one_are_those_of_one_reading_and_see_nothing_later():
    rows = sentences(3, 0)
    model = untrained(rows, decoder_layers=2)
    net, batch = model.net.eval(), Batches(model, rows, 0)[0]
    whole = net(batch.units, batch.read)
    encoded, mask = net.encode(batch.units)
    past = None
    for t in range(batch.read.shape[1]):
        frames, past = net.step(batch.read[:, t:t + 1], encoded, mask, past)
        assert torch.allclose(frames[:, 0], whole[:, t], atol=1e-5)
    other = batch.read.clone()
    other[:, 5:] += 1
    assert torch.allclose(net(batch.units, other)[:, :5], whole[:, :5], atol=1e-6)


def test_a_sentence_comes_out_the_same_alone_and_among_others():
    rows = sentences(8, 0)
    model = untrained(rows)
    asked = [["BOOK"], ["S", "A", "M", "LIKE"], ["LIKE", "BOOK"], ["NEVER-SEEN", "A"]]
    for alone, among in zip([model.produce([names])[0] for names in asked], model.produce(asked)):
        assert len(alone) == len(among) and np.allclose(alone.xyz, among.xyz, atol=1e-4)


def paced(model, pace):
    """The model, but that the counter grows by ``pace`` a frame."""
    step = model.net.step

    def steady(frames, *rest):
        found, past = step(frames, *rest)
        found[..., -1] = frames[..., -1:] + pace
        return found, past

    model.net.step = steady
    return model


@pytest.mark.parametrize("frames", [1, 9, 10, 21])
def test_production_ends_when_the_counter_reaches_1(frames):
    (made,) = paced(untrained(sentences(4, 0), frame_step=1), 1 / frames).produce([["BOOK", "A"]])
    assert len(made) == frames


def test_a_counter_that_stands_still_ends_after_the_longest_sentence_of_training_per_unit():
    rows = [perform(["BOOK"]), perform(["M", "M", "M"])]
    model = paced(untrained(rows, frame_step=1), 0.0)
    assert model.frames_per_unit == len(rows[1].poses) / 4
    assert [len(poses) for poses in model.produce([["M"] * 3, ["M"] * 7])] == [len(rows[1].poses), 2 * len(rows[1].poses)]


def test_sentences_become_poses_without_spans_and_an_unknown_gloss_is_spelled():
    model = untrained(sentences(8, 0))
    spelled = GlossSentence("like Sam", ["LIKE", "SAM"], torch.zeros(2, 4), torch.zeros(4))
    (made,) = model([spelled], {"LIKE", "BOOK"})
    assert made.spans is None and made.poses.skeleton == SIGNER70 and made.poses.fps == 25
    assert np.array_equal(made.poses.xyz, model.produce([["LIKE", "S", "A", "M"]])[0].xyz)
    assert model.tokens(["LIKE", "ZEBRA"]) == [model.ids["LIKE"], model.ids[UNKNOWN], model.ids[END]]


# --- on disk ---------------------------------------------------------------------------------------------------------
def test_a_model_that_is_saved_and_loaded_writes_the_same(tmp_path):
    model = untrained(sentences(8, 0))
    model.net.half().float()                                                # as it is stored
    model.save_pretrained(tmp_path)
    again = Regression.from_pretrained(tmp_path)
    assert np.array_equal(model.produce([["BOOK", "S"]])[0].xyz, again.produce([["BOOK", "S"]])[0].xyz)
    assert (again.names, again.fps, again.config) == (model.names, model.fps, model.config)


@pytest.mark.parametrize("name, damage, told", [
    ("config.json", lambda b: b[:40], "is damaged"), ("config.json", lambda b: b.replace(b'"names"', b'"nomen"'), "lacks names"),
    ("config.json", lambda b: b.replace(b'"heads"', b'"heats"'), "is damaged"), ("model.safetensors", lambda b: b[:900], "is damaged"),
    ("config.json", None, "is not a checkpoint"), ("model.safetensors", None, "has no model.safetensors"),
])
def test_a_damaged_checkpoint_is_told_in_one_line(tmp_path, name, damage, told):
    untrained(sentences(4, 0)).save_pretrained(tmp_path)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes())) if damage else path.unlink()
    with pytest.raises(SignerError, match=told) as error:
        Regression.from_pretrained(tmp_path)
    assert "\n" not in str(error.value)


# --- training --------------------------------------------------------------------------------------------------------
def test_it_learns_two_sentences_their_lengths_and_their_poses(tmp_path):
    rows = [perform(["BOOK", "S", "LIKE"]), perform(["A", "M"], frames=20)]
    write_split(tmp_path, "train", rows), write_split(tmp_path, "dev", rows)
    rows = read_split(tmp_path, "train")                            # with the default signer's bones
    config = tiny(d_model=96, d_ff=192, heads=4, dropout=0.0, drop_units=0.0, noise=0.3, batch_size=2, epochs=350, learning_rate=0.003)
    run = Training(config, tmp_path, tmp_path / "out", seed=0)
    for _ in range(config.epochs):
        run.step()
    made = run.model.produce([[unit.name for unit in row.units] for row in rows])
    mean = PoseSequence(np.concatenate([row.poses.xyz for row in rows]).mean(0, keepdims=True), 25.0)
    for poses, row, other in zip(made, rows, rows[::-1]):
        assert len(poses) == pytest.approx(len(row.poses), rel=0.1)
        assert dtw_mje(poses, row.poses) < 0.25 * min(dtw_mje(mean, row.poses), dtw_mje(poses, other.poses))
        assert total_distance_ratio(poses, row.poses) == pytest.approx(1, abs=0.3)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A training that nobody disturbed, with dropout."""
    out = tmp_path_factory.mktemp("whole")
    run = Training(tiny(), data, out, seed=7)
    return SimpleNamespace(out=out, model=run.run(), training=run)


@pytest.fixture(scope="module")
def killed(data, tmp_path_factory):
    """The same training, killed by the system in the middle of its third epoch; its folder."""
    out = tmp_path_factory.mktemp("killed")
    return kill_at(9, out, "-c", TRAIN, preset(out / "tiny.yaml"), data, out)      # two epochs of 3 steps and a score, a step of the third


@pytest.fixture
def unfinished(killed, tmp_path):
    return shutil.copytree(killed, tmp_path / "unfinished")


def test_a_killed_training_goes_on_exactly(data, unfinished, whole, capsys):
    assert (unfinished / STATE).is_file() and not (unfinished / "model.safetensors").exists()
    assert log_of(unfinished) == log_of(whole.out)[:len(log_of(unfinished))] != log_of(whole.out)
    Training(tiny(), data, unfinished, seed=7).run()
    assert "going on after step" in capsys.readouterr().out and log_of(unfinished) == log_of(whole.out)
    for name in ("config.json", "model.safetensors"):
        assert (unfinished / name).read_bytes() == (whole.out / name).read_bytes(), name
    assert not (unfinished / STATE).exists()


def test_an_unfinished_training_is_not_mixed_with_another(data, unfinished, tmp_path):
    before = {path.name: path.read_bytes() for path in unfinished.iterdir()}
    changed = tmp_path / data.name
    write_split(changed, "train", sentences(11, 5)), write_split(changed, "dev", sentences(3, 1))
    for config, folder, seed, told in ((tiny(), data, 8, "another seed .7, not 8"), (tiny(noise=0.5), data, 7, "another noise .0.3, not 0.5"),
                                       (tiny(), changed, 7, "another data_sha256")):
        with pytest.raises(SignerError, match=told):
            Training(config, folder, unfinished, seed)
    assert before == {path.name: path.read_bytes() for path in unfinished.iterdir()}


def test_a_damaged_state_is_told_in_one_line(data, unfinished):
    (unfinished / STATE).write_bytes((unfinished / STATE).read_bytes()[:500])
    with pytest.raises(SignerError, match=f"{STATE} is damaged"):
        Training(tiny(), data, unfinished, seed=7)


def test_two_processes_give_the_losses_of_one(data, tmp_path):
    """Though the last batch is of three sentences, and noise is on."""
    Training(tiny(dropout=0.0, epochs=2), data, tmp_path / "one", seed=7).run()
    script = tmp_path / "train.py"
    script.write_text(TRAIN, encoding="utf-8")
    told = on_two_processes(script, preset(tmp_path / "tiny.yaml", dropout=0.0, epochs=2), data, tmp_path / "two")
    assert json.loads((tmp_path / "two" / "training.json").read_text())["processes"] == 2
    one, two = log_of(tmp_path / "one"), log_of(tmp_path / "two")
    assert len(one) == len(two) == 8 and all(b == pytest.approx(a, rel=1e-3, abs=1e-4) for a, b in zip(one, two))
    assert told.count("dev_total") == 2                              # one process speaks


def test_a_line_of_the_log_names_every_term_and_the_total_is_their_weighted_sum(whole):
    steps = [line for line in log_of(whole.out) if "total" in line]
    assert [line["step"] for line in steps] == list(range(1, 19))
    assert all(line["total"] == pytest.approx(line["pose"] + 1000 * line["counter"], abs=1e-3) for line in steps)
    scored = [line for line in log_of(whole.out) if "dev_total" in line]
    assert [(line["step"], line["epoch"]) for line in scored] == [(3 * k, k) for k in range(1, 7)]
    assert set(scored[0]) == {"step", "epoch", "dev_pose", "dev_counter", "dev_total", "dev_dtw_mje", "dev_duration", "dev_way"}
    assert steps[-1]["total"] < 0.9 * steps[0]["total"]


def test_a_finished_training_leaves_its_model_and_its_story_and_is_not_done_over(data, whole):
    told = json.loads((whole.out / "training.json").read_text())
    assert (told["steps"], told["seed"], told["sentences"], told["processes"]) == (18, 7, 11, 1) and told["best_epoch"] >= 1
    loaded = Regression.from_pretrained(whole.out)
    for (name, a), b in zip(whole.model.net.state_dict().items(), loaded.net.state_dict().values()):
        assert torch.equal(a.half().float(), b), name
    with pytest.raises(SignerError, match="holds a finished training"):
        Training(tiny(), data, whole.out, seed=7)


def test_it_stops_after_patience_epochs_and_keeps_the_best(data, tmp_path, monkeypatch):
    totals, seen = iter([5.0, 2.0, 3.0, 4.0, 1.0]), []
    run = Training(tiny(patience=2), data, tmp_path, seed=0)

    def scored(model, performed):
        seen.append({name: value.clone() for name, value in model.net.state_dict().items()})
        return {"dev_total": next(totals)}

    monkeypatch.setattr(regression_training, "free_running", scored)
    kept = run.run().net.state_dict()
    assert len(seen) == 4 and json.loads((tmp_path / "training.json").read_text())["best_epoch"] == 2
    assert all(torch.equal(kept[name], value) for name, value in seen[1].items())
    assert not all(torch.equal(kept[name], value) for name, value in seen[3].items())


def test_minutes_become_a_number_of_steps(data, tmp_path, monkeypatch):
    now = [0.0]

    def monotonic():
        now[0] += 1
        return now[0]

    monkeypatch.setattr(regression_training, "time", SimpleNamespace(monotonic=monotonic))      # a step takes a second
    run = Training(tiny(epochs=20), data, tmp_path, seed=0, minutes=0.75)
    assert run.state["steps"] == 60
    run.run()
    assert json.loads((tmp_path / "training.json").read_text())["steps"] == 45


def test_a_loss_that_is_no_number_ends_the_training(data, tmp_path):
    run = Training(tiny(), data, tmp_path, seed=0)
    run.model.net.write.weight.data.fill_(torch.nan)
    with pytest.raises(SignerError, match="at step 1: train again with a lower learning_rate"):
        run.run()
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize("key, value", [("dropout", 1.0), ("noise", -0.1), ("weight_counter", float("nan")), ("future", 0), ("d_model", 30)])
def test_settings_out_of_range_are_told(key, value):
    with pytest.raises(SignerError, match=key):
        tiny(**{key: value})
