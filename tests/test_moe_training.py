"""SLP-MoE's batches, objective and training: every term, gradients, stopped and resumed, on two processes, and what is refused."""

import json
import shutil
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache

import numpy as np
import pytest
import torch

from signer_lib.errors import SignerError
from signer_lib.experts import training
from signer_lib.experts.batching import collate
from signer_lib.experts.gating import load_balance
from signer_lib.experts.losses import objective
from signer_lib.experts.model import SLPMoE
from signer_lib.experts.training import WEIGHTED, Objective, Training, moe_config
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.language.slul import load_slul
from signer_lib.loop import STATE
from signer_lib.performances.folder import read_split, write_split
from signer_lib.performances.natural import FPS
from signer_lib.performances.sentences import fits, performances
from signer_lib.performances.signers import slipped
from signer_lib.performances.units import units_of
from signer_lib.prior.body import load_body
from signer_lib.prior.database import Prior
from signer_lib.prior.table import clip_row, decode
from trainings import log_of, on_two_processes

GLOSSES = {"IX-1", "IX-2", "IX-3", "IX-1P", "NOT", "PAST", "HAVE", "WHO", "WHAT", "GOOD", "WORK", "FINISH"}
OWN = "WORK"                                    # of this sign the prior holds the very clip that is performed
TINY = ["d_query=12", "hidden=8", "channels=8", "experts=3", "batch_size=4", "steps=30", "log_steps=10", "learning_rate=0.01",
        "warmup_steps=2", "weight_hand=1"]
LEFT_OUT = ["chooser=first", "gate=uniform", "space=positions", "channels=0"]


def tiny(*changes):
    return moe_config("nano", [*TINY, *changes])


@pytest.fixture(scope="module", autouse=True)
def one_slul():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "load_slul", lru_cache(load_slul))
        yield training.load_slul(None)


@pytest.fixture(scope="module")
def data(tmp_path_factory, one_slul):
    """Ten training and three dev sentences of a dozen glosses, that SLUL reads as they are glossed, and one that it does not."""
    folder, shipped = tmp_path_factory.mktemp("moe") / "tiny", Prior.open()
    likely = [pair for pair in read_pairs(FOLDER, "train") if set(pair[1].split()) <= GLOSSES and fits(units_of(pair[1].split(), shipped))]
    found = one_slul.translate([text for text, _ in likely], beams=1)
    sentences = [(text, gloss.split()) for (text, gloss), sentence in zip(likely, found) if sentence.glosses == gloss.split()][:13]
    rows = [row for row in shipped.rows() if row["gloss"] in GLOSSES]
    prior, pool = Prior.new(folder / "pools" / "prior"), Prior.new(folder / "pools" / "train")
    rng, body = np.random.default_rng(0), load_body()
    other = [clip_row(row["gloss"], "train-1", slipped(decode(row), body, body, rng), source="rule", licence="MIT", signer="train-1")
             for row in rows if row["variant"] == "citation"]
    prior.add(rows + [row for row in other if row["gloss"] == OWN])
    pool.add(other)
    write_split(folder, "train", performances("train", [*sentences[:10], ("I work.", ["GOOD", "WORK", "NOT"])], pool, seed=1))
    write_split(folder, "dev", performances("dev", sentences[10:], pool, seed=1))
    return folder


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A training that nobody disturbed: its folder."""
    out = tmp_path_factory.mktemp("whole")
    Training(tiny(), data, out, seed=7).run()
    return out


@pytest.fixture(scope="module")
def stopped(data, tmp_path_factory):
    """The same training, stopped in its 25th step; its state was written after the 20th."""
    out = tmp_path_factory.mktemp("stopped")
    run = Training(tiny(), data, out, seed=7)
    step = run.step

    def stop():
        if run.state["step"] == 24:
            raise KeyboardInterrupt
        return step()

    run.step = stop
    with pytest.raises(KeyboardInterrupt):
        run.run()
    return out


@pytest.fixture
def unfinished(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "unfinished")


@pytest.fixture(scope="module")
def ready(data, tmp_path_factory):
    """A training that has not begun."""
    return Training(tiny("candidates_dropped=0.0"), data, tmp_path_factory.mktemp("ready"), seed=3)


def terms_and_scores(folder):
    """The log's lines of steps, and those of dev scores."""
    return tuple([line for line in log_of(folder) if key in line] for key in ("total", "dev_total"))


def awake(model, seed=0):
    """Random weights where a new model has zeros, so that every part has a gradient."""
    torch.manual_seed(seed)
    for layer in (model.transitions.outer, model.R.leave):
        torch.nn.init.normal_(layer.weight, std=0.1)
    return model


def in_double(x):
    """Every array of floats in a batch as float64."""
    if isinstance(x, torch.Tensor) and x.is_floating_point():
        return x.double()
    if isinstance(x, np.ndarray) and x.dtype == np.float32:
        return x.astype(np.float64)
    return replace(x, **{field.name: in_double(getattr(x, field.name)) for field in fields(x)}) if is_dataclass(x) else x


# --- examples and batches ------------------------------------------------------------------------------------------------
def test_examples_are_the_performed_sentences_that_slul_reads_as_they_are_glossed(data, ready):
    performed = read_split(data, "train")
    assert len(performed) == 11 and len(ready.train) == 10 and ready.settings["sentences_read_otherwise"] == 1 and len(ready.dev) == 3
    for e, row in zip(ready.train, performed):
        n = len(row.units)
        assert e.names == [unit.name for unit in row.units] and e.states.shape[0] == n and e.flags.shape == (n + 1, 4)
        assert torch.allclose(e.seconds * FPS, torch.tensor([float(s.stop - s.start) for s in row.spans if s.unit is not None]))
        assert (e.seconds.sum() + e.ways.sum() + e.holds.sum()) * FPS + 10 == pytest.approx(len(row.poses)), "and five frames still at each end"
        assert np.array_equal(e.xyz.numpy(), row.poses.xyz)


def test_a_candidate_that_is_the_targets_own_clip_is_never_offered(data, ready):
    own = [e for e in ready.train if OWN in e.names]
    assert own, "or nothing is tested"
    batch = collate(ready.train, ready.offers)
    names = [(name, clip) for e in ready.train for name, clip in zip(e.names, e.clips)]
    for row, (name, clip) in enumerate(names):
        offered = [c.variant for c, there in zip(ready.offers[name].candidates, batch.offered.mask[row]) if there]
        assert clip not in offered and len(offered) == 3, (name, offered)
    assert "train-1" in [c.variant for c in ready.offers[OWN].candidates]
    dropped = Training(tiny("candidates_dropped=0.6"), data, ready.out / "dropped", seed=3)
    seen = torch.cat([dropped.batches.batch(k)[0].offered.mask.sum(1) for k in range(12)])
    for k in range(12):
        rows = np.random.default_rng([3, k // 2]).permutation(10)[k % 2 * 4:k % 2 * 4 + 4]
        names = [name for row in rows for name in dropped.train[row].names]
        mask = dropped.batches.batch(k)[0].offered.mask
        assert not any(mask[i, 3] for i, name in enumerate(names) if name == OWN)
    assert seen.min() == 1 and seen.max() == 3, "some candidates are dropped, never all"


def test_the_only_candidate_is_offered_even_if_it_is_the_targets_own(ready):
    e = ready.train[0]
    alone = type("Alone", (), {"batch": ready.offers.batch, "__getitem__": lambda self, name: replace(
        ready.offers[name], candidates=[replace(ready.offers[name].candidates[0], variant=e.clips[0])])})()
    assert torch.equal(collate([e], alone).offered.mask, ready.offers.batch(e.names).mask)


def test_a_batch_follows_from_seed_and_step_and_an_epoch_sees_a_sentence_once(ready):
    rows = lambda run, k: run.batches.batch(k)[0].target
    assert torch.equal(rows(ready, 3), rows(ready, 3))
    sizes = [len(rows(ready, k)) for k in (0, 1)]
    assert sum(sizes) <= sum(len(e.xyz) for e in ready.train) and not torch.equal(rows(ready, 0)[:20], rows(ready, 1)[:20])
    batch, counts = ready.batches.batch(0)
    assert counts == batch.sizes and counts["boundaries"] == counts["units"] + 4


def test_sentences_stand_one_after_another_with_units_and_boundaries_counted_through(ready):
    batch = collate(ready.train[:2], ready.offers)
    a, b = (len(e.names) for e in ready.train[:2])
    rest = a + b
    assert batch.ways.before.tolist() == [rest, *range(a), rest, *range(a, a + b)]
    assert batch.ways.after.tolist() == [*range(a), rest, *range(a, a + b), rest]
    second = batch.plan.sentence == 1
    assert set(batch.plan.own.unit[second]) - {-1, -2} == set(range(a, a + b))
    assert set(batch.plan.own.boundary[second]) - {-1} == set(range(a + 1, a + b + 2))
    assert torch.equal(batch.target, torch.cat([e.xyz for e in ready.train[:2]]))


# --- the objective -------------------------------------------------------------------------------------------------------
def test_the_terms_of_a_batch_are_the_sum_over_its_parts(ready):
    """What two processes add up: values and gradients, the load balance too, which is over all rows."""
    model = awake(SLPMoE(ready.train[0].states.shape[1], ready.config))
    rows, sizes = ready.train[:4], collate(ready.train[:4], ready.offers).sizes

    def terms(part, everyone):
        return objective(Objective(model)(collate(part, ready.offers), sizes, everyone), ready._weights)

    def gradient(loss):
        return torch.autograd.grad(loss, list(model.parameters()), retain_graph=True, materialize_grads=True)

    whole = collate(rows, ready.offers)
    w = model.G(model.Q(whole.states, whole.context, whole.place)).w
    together, *parts = terms(rows, lambda x: x), *(terms(part, lambda x: w.sum(0).detach()) for part in (rows[::2], rows[1::2]))
    assert together["balance"].item() == pytest.approx(load_balance(w).item(), abs=1e-5) and set(together) == {*WEIGHTED, "total"}
    for name in together:
        assert sum(part[name] for part in parts).item() == pytest.approx(together[name].item(), abs=1e-5), name
    for name in ("total", "balance"):
        for one, *shares in zip(gradient(together[name]), *(gradient(part[name]) for part in parts)):
            assert torch.allclose(one, sum(shares), atol=1e-5)


@pytest.mark.parametrize("term, parts", [
    *((term, ("Q", "G", "PCN", "transitions", "R", "log_size")) for term in ("rec", "smooth", "vel")), ("hand", ("Q", "G", "PCN", "R")),
    ("duration", ("log_tempo", "transitions")), ("balance", ("Q", "G")),
])
def test_gradients_reach_every_part_and_are_right(ready, term, parts):
    """Against finite differences in float64. The rule of a way's seconds has no gradient by intent, so signs' poses do not learn from it."""
    model = awake(SLPMoE(ready.train[0].states.shape[1], ready.config)).double()
    batch = in_double(collate(ready.train[:2], ready.offers))
    value = lambda: Objective(model)(batch, batch.sizes)[term]
    model.zero_grad()
    value().backward()
    rng = torch.Generator().manual_seed(0)
    for part in parts:
        found = getattr(model, part)
        weights = list(found.parameters()) if isinstance(found, torch.nn.Module) else [found]
        for p in weights:
            assert p.grad is not None and torch.isfinite(p.grad).all()
        way = [torch.randn(p.shape, generator=rng, dtype=torch.float64) for p in weights]
        slope = sum((p.grad * v).sum() for p, v in zip(weights, way)).item()
        ends = []
        with torch.no_grad():
            for step in (1e-6, -2e-6):
                for p, v in zip(weights, way):
                    p += step * v
                ends.append(value().item())
            for p, v in zip(weights, way):
                p += 1e-6 * v
        assert abs(slope) > 1e-9, f"no gradient reaches {part}"
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(slope, rel=1e-4, abs=1e-8), part


def test_a_sentence_is_laid_out_and_refined_alike_alone_and_in_a_batch(ready):
    model = awake(SLPMoE(ready.train[0].states.shape[1], ready.config)).eval()

    @torch.no_grad()
    def refined(rows):
        laid = Objective(model).lay(collate(rows, ready.offers))
        return laid.P, laid.target, laid.mask, laid.unit

    rows = ready.train[:3]
    P, target, mask, unit = refined(rows)
    assert len({len(e.xyz) for e in rows}) > 1, "or nothing is padded"
    for k, e in enumerate(rows):
        T = len(e.xyz)
        assert mask[k].sum() == T and mask[k, :T].all() and torch.equal(target[k, :T], e.xyz)
        assert (unit[k, T:] < 0).all() and len({u for u in unit[k].tolist() if u >= 0}) == len(e.names)
        assert torch.allclose(P[k, :T], refined([e])[0][0], atol=1e-5)


# --- training ------------------------------------------------------------------------------------------------------------
def test_the_loss_falls_and_every_term_is_in_the_log(whole):
    log, dev = terms_and_scores(whole)
    assert [(line["step"], line["epoch"]) for line in log] == [(line["step"], line["epoch"]) for line in dev] == [(10, 5), (20, 10), (30, 15)]
    weights = {name: getattr(tiny(), f"weight_{name}") for name in WEIGHTED}
    for line, scored in zip(log, dev):
        assert set(line) == {"step", "epoch", "lr", "total", *WEIGHTED}
        assert set(scored) == {"step", "epoch", "dev_total", "load", *(f"dev_{name}" for name in WEIGHTED)}
        for terms, side in ((line, ""), (scored, "dev_")):
            assert terms[f"{side}total"] == pytest.approx(sum(weights[name] * terms[side + name] for name in WEIGHTED), abs=1e-4)
        assert sum(scored["load"]) == pytest.approx(1, abs=0.01)
    assert log[-1]["total"] < 0.9 * log[0]["total"] and dev[-1]["dev_total"] < dev[0]["dev_total"]


def test_what_a_finished_training_leaves(data, whole):
    assert sorted(path.name for path in whole.iterdir()) == ["config.json", "log.jsonl", "model.safetensors", "training.json"]
    told = json.loads((whole / "training.json").read_text())
    _, dev = terms_and_scores(whole)
    assert told["best_step"] == min(dev, key=lambda line: line["dev_total"])["step"] and told["sentences"] == 10
    assert (told["steps"], told["processes"]) == (30, 1)
    back = SLPMoE.from_pretrained(whole)
    assert back.phi_std.min() > 0 and back.phi_mean.abs().sum() > 0, "the features' scale is kept with the weights"
    with pytest.raises(SignerError, match="holds a finished training: choose another --out"):
        Training(tiny(), data, whole, seed=7)


def test_a_stopped_training_goes_on_exactly(data, unfinished, whole, capsys):
    assert (unfinished / STATE).is_file() and not (unfinished / "model.safetensors").exists()
    Training(tiny(), data, unfinished, seed=7).run()
    assert "going on after step 20 of 30" in capsys.readouterr().out
    assert log_of(unfinished) == log_of(whole) and not (unfinished / STATE).exists()
    for name in ("config.json", "model.safetensors"):
        assert (unfinished / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize("changes, seed, told", [
    ([], 8, "another seed (7, not 8)"), (["experts=2"], 7, "another experts (3, not 2)"), (["weight_hand=0"], 7, "another weight_hand (1, not 0)"),
])
def test_an_unfinished_training_is_not_mixed_with_another(data, unfinished, changes, seed, told):
    before = (unfinished / STATE).read_bytes()
    with pytest.raises(SignerError) as error:
        Training(tiny(*changes), data, unfinished, seed=seed)
    assert told in str(error.value) and STATE in str(error.value) and "\n" not in str(error.value)
    assert {path.name for path in unfinished.iterdir()} == {STATE, "log.jsonl"} and (unfinished / STATE).read_bytes() == before


def test_sentences_that_were_performed_anew_are_another_training(data, unfinished, tmp_path):
    other = shutil.copytree(data, tmp_path / "tiny")
    rows = read_split(other, "train")
    write_split(other, "train", [replace(rows[0], poses=replace(rows[0].poses, xyz=rows[0].poses.xyz + np.float32(0.5))), *rows[1:]])
    with pytest.raises(SignerError, match="another poses_sha256"):
        Training(tiny(), other, unfinished, seed=7)


@pytest.mark.parametrize("damage", [lambda b: b[:len(b) // 2], lambda b: b"", lambda b: b"\xff" * 400])
def test_a_damaged_state_is_told_in_one_line(data, unfinished, damage):
    (unfinished / STATE).write_bytes(damage((unfinished / STATE).read_bytes()))
    with pytest.raises(SignerError, match=f"{STATE} is damaged") as error:
        Training(tiny(), data, unfinished, seed=7)
    assert "\n" not in str(error.value)


def test_data_that_cannot_be_trained_on_is_told(data, tmp_path):
    with pytest.raises(SignerError, match="SLUL reads 10 training and 3 dev sentences as they are glossed, fewer than a batch of 11"):
        Training(tiny("batch_size=11"), data, tmp_path / "out", seed=7)
    with pytest.raises(SignerError, match="no performances of the split 'train'"):
        Training(tiny(), tmp_path, tmp_path / "out", seed=7)
    bare = shutil.copytree(data, tmp_path / "bare", ignore=shutil.ignore_patterns("pools"))
    with pytest.raises(SignerError, match="there is no pose prior in"):
        Training(tiny(), bare, tmp_path / "out", seed=7)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SignerError, match="cannot write to"):
        Training(tiny(), data, tmp_path / "file", seed=7)


def test_a_loss_that_is_no_number_is_told(data, tmp_path):
    run = Training(tiny(), data, tmp_path, seed=7)
    run.step = lambda: {"total": float("nan")}
    with pytest.raises(SignerError, match="the loss is nan at step 0: train again with a lower learning_rate"):
        run.run()


def test_minutes_become_a_number_of_steps_and_the_best_on_dev_is_kept(data, tmp_path, monkeypatch):
    run = Training(tiny("steps=400", "log_steps=7"), data, tmp_path, seed=7, minutes=1e-4)
    dev, seen = iter([3.0, 1.0, 2.0, 4.0, 1.0]), []

    def evaluate():
        seen.append({name: value.clone() for name, value in run.model.state_dict().items()})
        return {"dev_total": next(dev)}

    monkeypatch.setattr(run, "evaluate", evaluate)
    best = run.run()
    told = json.loads((tmp_path / "training.json").read_text())
    assert [line["step"] for line in terms_and_scores(tmp_path)[1]] == [7, 14, 21, 28, 30] and (told["steps"], told["best_step"]) == (30, 14)
    assert all(torch.equal(value, seen[1][name]) for name, value in best.state_dict().items()) and not best.training


def test_another_seed_is_another_training(data, whole, tmp_path):
    Training(tiny("steps=2", "log_steps=2"), data, tmp_path / "a", seed=7).run()
    Training(tiny("steps=2", "log_steps=2"), data, tmp_path / "b", seed=8).run()
    assert log_of(tmp_path / "a")[0]["rec"] != log_of(tmp_path / "b")[0]["rec"]


def test_two_processes_give_the_losses_of_one(data, tmp_path):
    """Of the whole model, and of one from which everything is left out that can be."""
    short = ["steps=4", "log_steps=2", "learning_rate=0.001"]      # Adam makes a whole step even of a gradient that is rounding alone
    runs = {"all": [*TINY, *short], "less": [*TINY, *LEFT_OUT, *short]}
    for name, changes in runs.items():
        Training(moe_config("nano", changes), data, tmp_path / "one" / name, seed=7).run()
    script = tmp_path / "two.py"
    script.write_text("import json, sys\nfrom pathlib import Path\nfrom signer_lib.experts.training import Training, moe_config\n"
                      "for name, changes in json.loads(sys.argv[3]).items():\n"
                      "    Training(moe_config('nano', changes), Path(sys.argv[1]), Path(sys.argv[2]) / name, seed=7).run()\n")
    told = on_two_processes(script, data, tmp_path / "two", json.dumps(runs))
    for name in runs:
        assert json.loads((tmp_path / "two" / name / "training.json").read_text())["processes"] == 2
        (one, dev), (two, dev_of_two) = (terms_and_scores(tmp_path / way / name) for way in ("one", "two"))
        assert len(one) == len(two) == len(dev) == len(dev_of_two) == 2
        for a, b in zip(dev, dev_of_two):
            assert b.pop("load") == pytest.approx(a.pop("load"), abs=2e-3)
        for a, b in zip(one + dev, two + dev_of_two):
            assert b == pytest.approx(a, abs=2e-4)
    assert told.count("dev_total") == 4, "one process speaks"
