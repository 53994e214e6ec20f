"""SLUL's batches, objective and training: every term, killed and resumed, in parts, on two processes, from another T5, in another language."""

import json
import math
import random
import shutil
import sys
from collections import Counter
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from signer_lib import cli
from signer_lib.bucketing import bucketed
from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.language import study, training
from signer_lib.language.batching import OFTEN_LEFT_OUT, Batches, shuffle_slots
from signer_lib.language.corpora import Corpus, open_corpus
from signer_lib.language.corpus import FOLDER
from signer_lib.language.corruption import KINDS
from signer_lib.language.dropout import ByteDropout
from signer_lib.language.losses import NOTHING, loss_asked, loss_con, loss_kl, loss_sagm, loss_slul, mean_pool
from signer_lib.language.objective import Objective
from signer_lib.language.slul import SLUL
from signer_lib.language.tokenizer import MASK, SLOTS, Encoded, SignTokenizer
from signer_lib.language.training import SlulConfig, Training, new_slul
from signer_lib.loop import STATE, accelerator, learning_rate
from signer_lib.results import read_results
from trainings import kill_at, log_of, on_two_processes, write_preset

TERMS = ["slul", "sagm", "kl", "con", "asked"]
MODEL = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "dropout_rate": 0.1,
         "feed_forward_proj": "gated-gelu"}
STILL = {**MODEL, "dropout_rate": 0.0}
TINY = {"model": MODEL, "vocabulary": 400, "epochs": 2, "batch_size": 8, "micro_batches": 1, "learning_rate": 0.01, "warmup_steps": 5,
        "drop_articles": 0.1, "drop_words": 0.1, "masking": "uniform", "rho": 0.3, "tau": 0.1, "weight_sagm": 0.5, "weight_kl": 0.5,
        "weight_con": 0.1, "weight_asked": 1.0, "prompts": 4, "patience": 99, "log_steps": 1, "beams": 2, "max_glosses": 8, "precision": "fp32"}


def tiny(**changes):
    return replace(load_config(SlulConfig, "slul_nano"), **TINY | changes)


def preset(path, **changes):
    return write_preset(path, tiny(**changes))


def write(folder, ext="text", **splits):
    for split, pairs in splits.items():
        for side, column in ((ext, 0), ("gloss", 1)):
            (folder / f"{split}.{side}").write_text("".join(pair[column] + "\n" for pair in pairs), encoding="utf-8")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """47 + 6 + 3 hand-written pairs and the prompts: six batches of eight, but for one of seven."""
    folder = tmp_path_factory.mktemp("corpora") / "tiny"
    folder.mkdir()
    pairs = open_corpus(FOLDER).dev
    write(folder, train=pairs[:47], dev=pairs[47:53], test=pairs[53:])
    shutil.copy(FOLDER / "prompts.txt", folder)
    return folder


@pytest.fixture(scope="session")
def corpus(folder):
    return open_corpus(folder)


@pytest.fixture(scope="session")
def german(tmp_path_factory):
    """Invented weather reports: another language pair, no spelled words, no prompts."""
    folder = tmp_path_factory.mktemp("corpora") / "wetter"
    folder.mkdir()
    days, places = ["Montag", "Dienstag", "Samstag"], [("Süden", "SUED"), ("Norden", "NORD"), ("Osten", "OST")]
    weather = [("regnet es", "REGEN"), ("schneit es", "SCHNEE"), ("scheint die Sonne", "SONNE")]
    pairs = [(f"Am {day} {said} im {place}.", f"{day.upper()} {where} {sign}") for day in days for place, where in places for said, sign in weather]
    write(folder, "de", train=pairs[:20], dev=pairs[20:23], test=pairs[23:])
    return folder


@pytest.fixture
def stable_signer(monkeypatch, capsys):
    """A command -> its exit code, what it printed, what it complained of."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["stable-signer", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        told = capsys.readouterr()
        return stop.value.code, told.out, told.err

    return call


# --- batches ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count, size", [(7, 3), (47, 8), (9, 8), (8, 8), (1, 8)])
def test_buckets_hold_everything_once_and_are_even(count, size):
    buckets = bucketed([random.Random(i).randrange(40) for i in range(count)], size, random.Random(0))
    assert sorted(i for bucket in buckets for i in bucket) == list(range(count))
    sizes = sorted(map(len, buckets))
    assert len(buckets) == math.ceil(count / size) and sizes[-1] <= size and sizes[-1] - sizes[0] <= 1


def test_buckets_hold_sentences_of_similar_length_in_no_order_of_length():
    lengths = [random.Random(i).randrange(40) for i in range(400)]
    buckets = [[lengths[i] for i in bucket] for bucket in bucketed(lengths, 8, random.Random(0))]
    assert max(max(bucket) - min(bucket) for bucket in buckets) < 8
    means = [sum(bucket) / len(bucket) for bucket in buckets]
    assert means != sorted(means) and means != sorted(means, reverse=True)


def test_a_slot_gets_another_number_and_text_and_glosses_still_agree():
    encoded, seen = Encoded("my friend <slot_0> met <slot_1> and <slot_0>", ["TOMASZ", "LUPE"]), set()
    for seed in range(30):
        text, gloss = shuffle_slots(encoded, "POSS-1 FRIEND fs-TOMASZ MEET fs-LUPE", random.Random(seed))
        first, second, again = (word for word in text.split() if word in SLOTS)
        assert first == again != second and gloss == f"POSS-1 FRIEND {first} MEET {second}"
        seen |= {first, second}
    assert len(seen) > 20


def test_words_are_dropped_at_their_rates_but_never_a_slot_nor_all():
    encoded, rng = Encoded("the dog sees <slot_0> .", ["LUPE"]), random.Random(0)
    assert shuffle_slots(encoded, "", rng, articles=1.0)[0].split()[:2] == ["dog", "sees"]
    (kept,) = shuffle_slots(encoded, "", rng, articles=1.0, words=1.0)[0].split()
    assert kept in SLOTS
    assert shuffle_slots(Encoded("go home", []), "", rng, words=1.0)[0] == "go home"
    words = [word for _ in range(2000) for word in shuffle_slots(Encoded("one two three four", []), "", rng, words=0.25)[0].split()]
    assert len(words) / 8000 == pytest.approx(0.75, abs=0.03)


def test_a_step_is_the_same_whoever_asks_and_in_whatever_order(corpus):
    torch.manual_seed(0)
    slul, config = new_slul(tiny(), corpus), tiny()
    first, second, other = (Batches(slul, corpus.train, corpus.prompts, config, seed) for seed in (3, 3, 4))
    forward, backward = [first[k] for k in range(12)], [second[k] for k in reversed(range(12))][::-1]
    for a, b in zip(forward, backward):
        for name, value in vars(a).items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(vars(b)[name])), name
    assert len(first) == 6 and sum(len(batch.inputs) for batch in forward[:6]) == 47
    assert any(a.inputs.shape != other[k].inputs.shape or not torch.equal(a.inputs, other[k].inputs) for k, a in enumerate(forward))


def test_a_batch_hides_glosses_points_into_prompts_and_counts(corpus):
    slul = new_slul(tiny(), corpus)
    fast, hid = slul.tokenizer.fast, 0
    for batch in (Batches(slul, corpus.train, corpus.prompts, tiny(rho=0.5), 0)[k] for k in range(6)):
        assert (batch.tokens, batch.hid, batch.asked) == (int((batch.labels != NOTHING).sum()), int(batch.hidden.sum()), 4)
        assert torch.equal(batch.masked == fast.convert_tokens_to_ids(MASK), batch.hidden)
        assert torch.equal(batch.masked[~batch.hidden], batch.labels[~batch.hidden])
        assert not batch.hidden[(batch.labels == fast.eos_token_id) | (batch.labels == NOTHING)].any()
        for words, (first, last) in zip(batch.words.tolist(), batch.span.tolist()):
            assert 0 <= words[first] <= words[last] and words[first - 1] < words[first] and words[last + 1] != words[last]
        hid += batch.hid
    assert hid > 50


def test_articles_and_words_leave_a_batch_at_their_own_rates(corpus):
    slul = new_slul(tiny(), corpus)
    whole, bare = (Batches(slul, corpus.train, [], tiny(drop_articles=rate, drop_words=0.0), 0) for rate in (0.0, 1.0))

    def words(batches):
        texts = [text for k in range(6) for text in slul.tokenizer.fast.batch_decode(batches[k].inputs)]
        return Counter("SLOT" if word in SLOTS else word for text in texts for word in text.replace(" ##", "").split() if word != "<pad>")

    left_out = words(whole) - words(bare)
    assert set(left_out) == OFTEN_LEFT_OUT & set(words(whole)) and not words(bare) - words(whole) and len(left_out) > 4
    assert not set(words(bare)) & OFTEN_LEFT_OUT


def test_the_parts_of_a_batch_hold_each_row_once_and_keep_its_counts(corpus):
    batch = Batches(new_slul(tiny(), corpus), corpus.train, corpus.prompts, tiny(), 0)[0]
    parts = [batch.part(k, 3) for k in range(3)]
    assert sorted(row for part in parts for row in part.labels.tolist()) == sorted(batch.labels.tolist())
    assert sorted(row for part in parts for row in part.asks.tolist()) == sorted(batch.asks.tolist())
    assert all((part.tokens, part.hid, part.asked) == (batch.tokens, batch.hid, batch.asked) for part in parts)


# --- the objective ---------------------------------------------------------------------------------------------------
def terms_of(corpus, **changes):
    torch.manual_seed(0)
    config = tiny(model=STILL, **changes)
    slul = new_slul(config, corpus)
    return Objective(slul, config)(Batches(slul, corpus.train, corpus.prompts, config, 0)[0])


def test_the_total_is_the_weighted_sum_of_every_term(corpus):
    terms = terms_of(corpus)
    assert list(terms) == [*TERMS, "total"] and all(value > 0 for value in terms.values())
    weighted = terms["slul"] + 0.5 * terms["sagm"] + 0.5 * terms["kl"] + 0.1 * terms["con"] + terms["asked"]
    assert torch.allclose(terms["total"], weighted)


@pytest.mark.parametrize("name", TERMS[1:])
def test_weight_0_switches_a_term_off_and_changes_no_other(corpus, name):
    whole, without = terms_of(corpus), terms_of(corpus, **{f"weight_{name}": 0.0})
    assert list(without) == [key for key in (*TERMS, "total") if key != name]
    assert all(torch.allclose(without[key], whole[key]) for key in TERMS if key != name)


def test_eq_2_alone_is_the_cross_entropy_of_the_t5s_own_logits_of_glosses(corpus):
    torch.manual_seed(0)
    config = tiny(model=STILL, weight_sagm=0.0, weight_kl=0.0, weight_con=0.0, label_smoothing=0.0)
    slul = new_slul(config, corpus)
    batch = Batches(slul, corpus.train, [], config, 0)[0]
    objective = Objective(slul, config)
    logits = slul.model(input_ids=batch.inputs, attention_mask=batch.mask, labels=batch.labels).logits[..., slul.glosses]
    expected = cross_entropy(logits.flatten(0, 1), objective.classes(batch.labels).flatten())
    assert torch.allclose(objective(batch)["total"], expected, atol=1e-5)


def test_each_term_is_its_equation_on_what_the_t5_says(corpus):
    torch.manual_seed(0)
    config = tiny(model=STILL, rho=0.5)
    slul = new_slul(config, corpus)
    batch = Batches(slul, corpus.train, corpus.prompts, config, 0)[0]
    objective = Objective(slul, config)
    terms, smoothing, g = objective(batch), config.label_smoothing, objective.classes(batch.labels)
    whole, masked = (
        slul.model(input_ids=batch.inputs, attention_mask=batch.mask, output_hidden_states=True,
                   decoder_input_ids=torch.cat([torch.zeros_like(fed[:, :1]), fed[:, :-1].clamp(min=0)], 1))  # 0 starts the decoder and pads
        for fed in (batch.labels, batch.masked)
    )
    h_g = mean_pool(whole.decoder_hidden_states[-1], batch.labels != NOTHING)
    asks = slul.model.encoder(input_ids=batch.asks, attention_mask=batch.asks_mask).last_hidden_state
    by_hand = {
        "slul": loss_slul(whole.logits[..., slul.glosses], g, smoothing),
        "sagm": loss_sagm(masked.logits[..., slul.glosses], g, batch.hidden, smoothing),
        "kl": loss_kl(masked.logits[..., slul.glosses], whole.logits[..., slul.glosses], g),
        "con": loss_con(mean_pool(whole.encoder_last_hidden_state, batch.mask), h_g, config.tau),
        "asked": loss_asked(slul.pointer(asks).masked_fill((batch.words < 0)[..., None], -torch.inf), batch.span),
    }
    assert {name: terms[name].item() for name in TERMS} == pytest.approx({name: value.item() for name, value in by_hand.items()}, abs=1e-5)


def test_without_prompts_there_is_no_pointer(corpus):
    assert new_slul(tiny(), corpus).pointer is not None
    assert new_slul(tiny(), replace(corpus, prompts=[])).pointer is None
    assert new_slul(tiny(weight_asked=0.0), corpus).pointer is None and new_slul(tiny(prompts=0), corpus).pointer is None


# --- training --------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def whole(corpus, tmp_path_factory):
    """A training that nobody disturbed, with dropout."""
    out = tmp_path_factory.mktemp("whole")
    run = Training(tiny(epochs=6), corpus, out, seed=7)
    return SimpleNamespace(out=out, slul=run.run(), training=run)


@pytest.fixture(scope="session")
def killed(folder, tmp_path_factory):
    """The same training, killed by the system in the middle of its second epoch; its folder."""
    out = tmp_path_factory.mktemp("killed")
    command = ["-m", "signer_lib", "train", "slul", "--data", folder, "--size", preset(out / "tiny.yaml", epochs=6), "--seed", 7, "--out", out]
    return kill_at(12, out, *command)               # 7 lines of the first epoch, 5 of the second, saved at step 10


@pytest.fixture
def unfinished(killed, tmp_path):
    return shutil.copytree(killed, tmp_path / "unfinished")


def test_every_term_is_in_the_log_and_the_total_is_their_weighted_sum(whole):
    steps = [line for line in log_of(whole.out) if "total" in line]
    assert [line["step"] for line in steps] == list(range(1, 37))
    for line in steps:
        assert set(line) == {"step", "epoch", "lr", "total", *TERMS}
        weighted = line["slul"] + 0.5 * line["sagm"] + 0.5 * line["kl"] + 0.1 * line["con"] + line["asked"]
        assert line["total"] == pytest.approx(weighted, abs=1e-5)
    scored = [line for line in log_of(whole.out) if "dev_bleu4" in line]
    assert [(line["step"], line["epoch"]) for line in scored] == [(6 * k, k) for k in range(1, 7)]


def test_a_line_of_the_log_is_the_mean_over_its_steps(corpus, whole, tmp_path):
    Training(tiny(epochs=6, log_steps=4), corpus, tmp_path, seed=7).run()
    steps = {line["step"]: line["slul"] for line in log_of(whole.out) if "slul" in line}
    lines = [line for line in log_of(tmp_path) if "slul" in line]
    assert [line["step"] for line in lines[:4]] == [4, 6, 8, 12]
    means = [sum(steps[k] for k in spread) / len(spread) for spread in (range(1, 5), range(5, 7), range(7, 9))]
    assert [line["slul"] for line in lines[:3]] == pytest.approx(means, abs=1e-5)


def test_a_killed_training_goes_on_exactly(stable_signer, folder, killed, unfinished, whole):
    assert (unfinished / STATE).is_file() and not (unfinished / "model.safetensors").exists()
    assert log_of(unfinished) == log_of(whole.out)[:len(log_of(unfinished))] != log_of(whole.out)
    code, out, _ = stable_signer("train", "slul", "--data", folder, "--size", killed / "tiny.yaml", "--seed", 7, "--out", unfinished)
    assert code == 0 and "going on after step" in out
    assert log_of(unfinished) == log_of(whole.out)
    for name in ("tokenizer.json", "known_words.txt", "config.json", "slul.json", "model.safetensors", "pointer.safetensors"):
        assert (unfinished / name).read_bytes() == (whole.out / name).read_bytes(), name
    assert not (unfinished / STATE).exists()


def test_another_seed_is_another_training(corpus, whole, tmp_path):
    Training(tiny(epochs=1), corpus, tmp_path, seed=8).run()
    assert log_of(tmp_path)[0]["slul"] != log_of(whole.out)[0]["slul"]


@pytest.mark.parametrize(
    "words, told",
    [
        (["--seed", 8], "another seed (7, not 8)"),
        (["--seed", 7, "--set", "rho=0.5"], "another rho (0.3, not 0.5)"),
        (["--seed", 7, "--language", "de-gsg"], "another language"),
        (["--seed", 7, "--data", FOLDER], "another data (tiny, not corpus)"),
    ],
)
def test_an_unfinished_training_is_not_mixed_with_another(stable_signer, folder, unfinished, words, told):
    before = {path.name: path.read_bytes() for path in unfinished.iterdir()}
    code, _, err = stable_signer("train", "slul", "--data", folder, "--size", unfinished / "tiny.yaml", "--out", unfinished, *words)
    assert code == 2 and err.count("\n") == 1 and told in err and STATE in err
    assert before == {path.name: path.read_bytes() for path in unfinished.iterdir()}


def test_a_corpus_that_was_changed_is_another_training(unfinished, corpus):
    changed = Corpus(corpus.name, corpus.language, lambda split: [(text, gloss + " ZEBRA") for text, gloss in corpus.split(split)], corpus.prompts)
    with pytest.raises(SignerError, match="another pairs_sha256"):
        Training(tiny(epochs=6), changed, unfinished, seed=7)


@pytest.mark.parametrize("damage", [lambda b: b[:len(b) // 2], lambda b: b"", lambda b: b"\xff" * 400])
def test_a_damaged_state_is_told_in_one_line(stable_signer, folder, unfinished, damage):
    (unfinished / STATE).write_bytes(damage((unfinished / STATE).read_bytes()))
    code, _, err = stable_signer("train", "slul", "--data", folder, "--size", unfinished / "tiny.yaml", "--seed", 7, "--out", unfinished)
    assert code == 2 and err.count("\n") == 1 and f"{STATE} is damaged" in err


def test_two_parts_of_a_batch_give_the_losses_and_weights_of_the_whole(corpus, tmp_path):
    """Without the contrast, which is over the part: there are fewer sentences to tell apart."""
    one, two = (Training(tiny(model=STILL, weight_con=0.0, micro_batches=k), corpus, tmp_path / str(k), seed=0) for k in (1, 2))
    for _ in range(6):
        assert two.step() == pytest.approx(one.step(), abs=1e-4)
    for (name, a), b in zip(one.inner.named_parameters(), two.inner.parameters()):
        assert torch.allclose(a, b, atol=1e-4), name


def test_two_processes_give_the_losses_of_one(corpus, folder, tmp_path):
    """Every term, the contrast too, though the last batches are of seven sentences."""
    Training(tiny(model=STILL), corpus, tmp_path / "one", seed=7).run()
    size = preset(tmp_path / "tiny.yaml", model=STILL)
    told = on_two_processes("-m", "signer_lib", "train", "slul", "--data", folder, "--size", size, "--seed", 7, "--out", tmp_path / "two")
    assert json.loads((tmp_path / "two" / "training.json").read_text())["processes"] == 2
    one, two = log_of(tmp_path / "one"), log_of(tmp_path / "two")
    assert len(one) == len(two) == 14
    for a, b in zip(one, two):
        assert b == pytest.approx(a, abs=1e-4)
    assert told.count("dev_bleu4") == 2                              # one process speaks


@pytest.mark.parametrize("words, told", [(["micro_batches=9"], "9"), (["micro_batches=5", "prompts=4"], "prompts")])
def test_a_batch_is_not_cut_into_more_parts_than_it_has_rows(stable_signer, folder, tmp_path, words, told):
    settings = [word for setting in words for word in ("--set", setting)]
    code, _, err = stable_signer("train", "slul", "--data", folder, "--size", preset(tmp_path / "tiny.yaml"), "--out", tmp_path / "out", *settings)
    assert code == 2 and err.count("\n") == 1 and told in err


# --- when it ends, and what is kept ----------------------------------------------------------------------------------
def test_it_stops_after_patience_epochs_and_keeps_the_best(corpus, tmp_path, monkeypatch):
    scores, seen = [3.0, 9.0, 1.0, 9.0, 5.0, 99.0], []

    def evaluate(slul, pairs, beams=None):
        assert pairs == corpus.dev and not slul.model.training
        seen.append({name: value.clone() for name, value in slul.model.state_dict().items()})
        return {"bleu4": scores[len(seen) - 1], "rouge": 0.0, "wer": 0.0, "exact": 0.0}

    monkeypatch.setattr(training, "evaluate", evaluate)
    run = Training(tiny(epochs=6, patience=3), corpus, tmp_path, seed=0)
    slul = run.run()
    told = json.loads((tmp_path / "training.json").read_text())
    assert len(seen) == 5 and told["best_epoch"] == 2 and told["steps"] == 30
    kept, loaded = slul.model.state_dict(), SLUL.from_pretrained(tmp_path).model.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in seen[1].items())
    assert not all(torch.equal(kept[name], value) for name, value in seen[4].items())
    assert all(torch.equal(loaded[name], value.half().float()) for name, value in seen[1].items())


def test_the_running_mean_is_scored_and_follows_the_weights(corpus, tmp_path):
    run = Training(tiny(average=0.9), corpus, tmp_path, seed=0)
    before = [value.clone() for value in run.averaged.parameters()]
    run.step()
    keep = 1 / 10                                                           # at first less than 0.9: (1 + 0) / (10 + 0)
    for old, mean, new in zip(before, run.averaged.parameters(), run.inner.parameters()):
        assert torch.allclose(mean, keep * old + (1 - keep) * new, atol=1e-6)
    assert not any(value.requires_grad for value in run.averaged.parameters())


def clock(seconds):
    """A clock that goes on by so much each time somebody looks."""
    now = [0.0]

    def monotonic():
        now[0] += seconds
        return now[0]

    return SimpleNamespace(monotonic=monotonic)


def test_minutes_become_a_number_of_steps_that_no_stop_changes(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "time", clock(1.0))                       # a step takes a second: 45 of them in 0.75 minutes
    run = Training(tiny(epochs=20), corpus, tmp_path, seed=0, minutes=0.75)
    assert run.state["steps"] == 120
    step = run.step
    run.step = lambda: step() if run.state["step"] < 33 else pytest.fail("stopped")
    with pytest.raises(pytest.fail.Exception):
        run.run()
    monkeypatch.setattr(training, "time", clock(60.0))
    run = Training(tiny(epochs=20), corpus, tmp_path, seed=0, minutes=0.75)
    assert (run.state["step"], run.state["steps"]) == (30, 45)
    run.run()
    assert json.loads((tmp_path / "training.json").read_text())["steps"] == 45
    last = [line for line in log_of(tmp_path) if "lr" in line][-1]
    assert last["step"] == 45 and last["lr"] == pytest.approx(learning_rate(tiny(), 44, 45), abs=1e-6) and last["lr"] < 1e-4
    assert [line["epoch"] for line in log_of(tmp_path) if "dev_bleu4" in line] == [1, 2, 3, 4, 5, 6, 7, 8]     # the last is half an epoch


def test_the_rate_warms_up_peaks_and_ends_at_0():
    rates = [learning_rate(tiny(), k, 45) for k in range(46)]
    assert rates[:6] == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01, 0.01]) and rates[25] == pytest.approx(0.005)
    assert all(a > b for a, b in zip(rates[5:], rates[6:])) and rates[45] == pytest.approx(0, abs=1e-12)


def test_a_loss_that_is_no_number_ends_the_training(corpus, tmp_path):
    run = Training(tiny(), corpus, tmp_path, seed=0)
    run.inner.t5.shared.weight.data.fill_(torch.nan)
    with pytest.raises(SignerError, match="the loss is nan at step 1: train again with a lower learning_rate"):
        run.run()
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize("masking", ["uniform", "semantic"])
def test_it_learns(corpus, tmp_path, masking):
    few = Corpus("few", "en-ase", lambda split: corpus.train[:8], corpus.prompts)
    run = Training(tiny(epochs=60, masking=masking, learning_rate=0.03, drop_articles=0.0, drop_words=0.0), few, tmp_path, seed=0)
    lines = [run.step() for _ in range(60)]
    for name in ("slul", "sagm", "con"):
        first, last = (sum(line[name] for line in part) / 5 for part in (lines[:5], lines[-5:]))
        assert last < 0.8 * first, name


@pytest.mark.parametrize(
    "setting, told",
    [
        ("epochs=0", "epochs must be more than 0"), ("batch_size=0", "batch_size must be more than 0"), ("tau=0", "tau must be more than 0"),
        ("masking=none", "masking must be one of uniform, semantic"), ("kl_moves=all", "kl_moves must be one of both, masked, whole"),
        ("precision=fp64", "precision must be one of"), ("weight_klx=0", "did you mean 'weight_kl'"),
    ],
)
def test_a_senseless_setting_is_told_in_one_line(stable_signer, folder, tmp_path, setting, told):
    code, _, err = stable_signer("train", "slul", "--data", folder, "--out", tmp_path / "out", "--set", setting)
    assert code == 2 and err.count("\n") == 1 and told in err and not (tmp_path / "out").exists()


def test_an_out_that_is_a_file_is_told_before_training(stable_signer, folder, tmp_path):
    (tmp_path / "out").write_text("mine")
    code, _, err = stable_signer("train", "slul", "--data", folder, "--size", preset(tmp_path / "tiny.yaml"), "--out", tmp_path / "out")
    assert code == 2 and err.count("\n") == 1 and "cannot write to" in err and (tmp_path / "out").read_text() == "mine"


# --- saving and loading ----------------------------------------------------------------------------------------------
def test_a_training_leaves_its_model_and_its_story(whole, corpus):
    assert {path.name for path in whole.out.iterdir()} == {
        "model.safetensors", "pointer.safetensors", "config.json", "slul.json", "tokenizer.json", "tokenizer_config.json", "known_words.txt",
        "log.jsonl", "training.json"}
    told = json.loads((whole.out / "training.json").read_text())
    assert told | asdict(tiny(epochs=6)) == told
    assert (told["seed"], told["steps"], told["pairs"], told["data"], told["language"]) == (7, 36, 47, "tiny", corpus.language)


def test_a_model_that_is_saved_and_loaded_says_the_same(corpus, tmp_path):
    torch.manual_seed(0)
    made = new_slul(tiny(), corpus)
    made.model.half().float().eval(), made.pointer.half().float()           # what a checkpoint can hold
    made.save_pretrained(tmp_path)
    loaded = SLUL.from_pretrained(tmp_path)
    texts = [text for text, _ in corpus.train[:12]]
    for a, b in zip(made.translate(texts), loaded.translate(texts)):
        assert (a.glosses, a.unsigned) == (b.glosses, b.unsigned) and torch.equal(a.states, b.states) and torch.equal(a.context, b.context)
    assert torch.equal(made.pointer.weight, loaded.pointer.weight)
    prompts = [corpus.prompts[0].format(text) for text in texts]
    assert made.asked(prompts) == loaded.asked(prompts)


# --- another T5 ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def base(tmp_path_factory, corpus):
    """A small T5 in the hub's form: its own pieces, its own special tokens, separate embeddings and head as flan-t5 has them."""
    folder = tmp_path_factory.mktemp("base")
    core = Tokenizer(models.BPE(unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=300, show_progress=False, special_tokens=["<pad>", "</s>", "<unk>", "<extra_id_0>", "<extra_id_1>"])
    core.train_from_iterator((text.lower() for text, _ in corpus.train), trainer)
    core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
                                   additional_special_tokens=["<extra_id_0>", "<extra_id_1>"])
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(vocab_size=len(fast) + 28, decoder_start_token_id=0, tie_word_embeddings=False, **MODEL)       # hub T5s have rows to spare
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def test_any_t5_drops_in_by_name(stable_signer, folder, base, corpus, tmp_path):
    size = preset(tmp_path / "tiny.yaml", epochs=1)
    code, _, err = stable_signer("train", "slul", "--data", folder, "--size", size, "--base", base, "--out", tmp_path / "out")
    assert code == 0, err
    slul = SLUL.from_pretrained(tmp_path / "out")
    pieces = slul.tokenizer.fast.convert_ids_to_tokens(slul.batch([slul.tokenizer.encode_words("how are you Zbigniew")])["input_ids"][0])
    assert pieces[:2] == [f"<{corpus.language}>", "<text>"] and pieces[-2:] == ["<slot_0>", "</s>"] and "<unk>" not in pieces
    glosses = {gloss for _, line in corpus.train for gloss in line.split() if not gloss.startswith("fs-")}
    labels = slul.tokenizer.fast(" ".join([*sorted(glosses), SLOTS[3]])).input_ids            # a token a gloss, and nothing between them
    assert slul.tokenizer.fast.convert_ids_to_tokens(labels) == [*sorted(glosses), SLOTS[3], "</s>"]
    assert set(slul.tokenizer.fast.convert_ids_to_tokens(slul.glosses.tolist())) == glosses | {*SLOTS, "</s>"}
    for found in slul.translate(["I like coffee.", "My name is Zbigniew."]):
        assert all(gloss in glosses or gloss == "fs-ZBIGNIEW" for gloss in found.glosses) and found.states.shape == (len(found.glosses), 32)
    assert json.loads((tmp_path / "out" / "training.json").read_text())["base"] == str(base)


def test_a_base_begins_with_its_own_weights(base, corpus):
    own = T5ForConditionalGeneration.from_pretrained(base).state_dict()
    taken = new_slul(tiny(), corpus, str(base)).model.state_dict()
    key = "encoder.block.0.layer.0.SelfAttention.q.weight"
    assert torch.equal(own[key], taken[key]) and torch.equal(own["shared.weight"][:300], taken["shared.weight"][:300])


@pytest.mark.parametrize("kind", ["no-such/t5", "an empty folder", "another model"])
def test_a_base_that_is_no_t5_is_told_in_one_line(stable_signer, folder, tmp_path, kind):
    named = kind if kind == "no-such/t5" else tmp_path / "base"
    (tmp_path / "base").mkdir()
    if kind == "another model":
        GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=1)).save_pretrained(named)
    size = preset(tmp_path / "tiny.yaml")
    code, _, err = stable_signer("train", "slul", "--data", folder, "--size", size, "--base", named, "--out", tmp_path / "out")
    told = [line for line in err.splitlines() if line.startswith("stable-signer:")]
    assert code == 2 and len(told) == 1 and f"no T5 could be loaded from '{named}'" in told[0]
    assert "Traceback" not in err and not (tmp_path / "out").exists()


# --- another language ------------------------------------------------------------------------------------------------
def test_another_language_pair_trains_and_is_scored_by_the_same_commands(stable_signer, german, tmp_path):
    size = preset(tmp_path / "tiny.yaml", epochs=2)
    code, out, err = stable_signer("train", "slul", "--data", german, "--text-ext", "de", "--size", size, "--out", tmp_path / "out")
    assert code == 0 and out.splitlines()[-1].startswith("20 pairs, 6 steps, dev BLEU-4"), err
    slul = SLUL.from_pretrained(tmp_path / "out")
    assert slul.settings["language"] == "de-gsg" and slul.tokenizer.known is None and slul.pointer is None
    assert not any("asked" in line for line in log_of(tmp_path / "out"))
    with pytest.raises(SignerError, match="trained without prompts"):
        slul.asked(["Am Montag regnet es."])
    assert [sentence.text for sentence in slul.understand("Am Montag regnet es.")] == ["Am Montag regnet es."]      # all of it, then
    code, out, _ = stable_signer("evaluate", "slul", "--model", tmp_path / "out", "--data", german, "--text-ext", "de", "--split", "test")
    assert code == 0 and out.count("\n") == 1
    scores = json.loads(out)
    measures = ["bleu1", "bleu2", "bleu3", "bleu4", "rouge", "chrf", "wer", "exact", "count", "signature"]
    assert list(scores) == ["model", "data", "split", "beams", *measures]
    assert (scores["count"], scores["split"], scores["beams"]) == (4, "test", 2)


def test_what_evaluate_says_is_what_the_model_writes(stable_signer, folder, corpus, whole):
    code, out, _ = stable_signer("evaluate", "slul", "--model", whole.out, "--data", folder, "--split", "train", "--beams", 1)
    loaded = SLUL.from_pretrained(whole.out)
    assert code == 0 and json.loads(out).items() >= training.evaluate(loaded, corpus.train, beams=1).items()


@pytest.mark.parametrize("words, told", [(["--split", "all"], "'all' is no split"), (["--model", "nowhere"], "nowhere is not a checkpoint")])
def test_a_wrong_evaluation_is_told_in_one_line(stable_signer, folder, words, told):
    code, _, err = stable_signer("evaluate", "slul", "--data", folder, *words)
    assert code == 2 and err.count("\n") == 1 and told in err


# --- the tokenizer ---------------------------------------------------------------------------------------------------
def test_the_same_corpus_gives_the_same_tokenizer(corpus):
    made = {SignTokenizer.train(corpus.train, "en-ase", 400).fast.backend_tokenizer.to_str() for _ in range(5)}
    assert len(made) == 1


# --- the study of the losses -----------------------------------------------------------------------------------------
def test_the_study_leaves_one_result_a_run_and_does_none_twice(german, tmp_path, monkeypatch):
    size = str(preset(tmp_path / "tiny.yaml", prompts=0, weight_asked=0.0, epochs=1))
    ask_for = ["--data", str(german), "--text-ext", "de", "--size", size, "--variants", "plain", "full_semantic", "--work", str(tmp_path / "work"),
               "--out", str(tmp_path / "out")]
    study.main(ask_for)
    results = {result["variant"]: result for result in read_results(tmp_path / "out")}
    assert set(results) == {"copy", "plain", "full_semantic"}
    plain, full = results["plain"], results["full_semantic"]
    assert (plain["settings"]["weight_sagm"], plain["settings"]["masking"]) == (0, "uniform")
    assert (full["settings"]["weight_sagm"], full["settings"]["masking"]) == (0.5, "semantic")
    assert "sagm" not in plain["log"][0] and {"slul", "sagm", "kl", "con"} <= set(full["log"][0])
    assert plain["test"]["count"] == len(open_corpus(german, "de").test) and plain["seed"] == 1 and plain["commit"] and plain["command"]
    assert {(row["noise"], row["rate"]) for row in plain["noise"]} == {(kind, rate) for kind in KINDS for rate in study.RATES}
    monkeypatch.setattr(study, "one_run", lambda *_: pytest.fail("a finished run was done again"))
    study.main(ask_for)


def test_copying_gives_words_in_capitals_without_marks():
    assert study.copied("Where's the library, Sam?") == "WHERE'S THE LIBRARY SAM"


def test_a_finished_training_is_not_done_over(corpus, whole):
    before = {path.name: path.read_bytes() for path in whole.out.iterdir()}
    with pytest.raises(SignerError, match="holds a finished training"):
        Training(tiny(), corpus, whole.out, seed=7)
    assert before == {path.name: path.read_bytes() for path in whole.out.iterdir()}


def test_an_empty_split_is_told_before_the_work(corpus, tmp_path):
    empty = Corpus("empty", "en-ase", {"train": corpus.train, "dev": []}.get)
    with pytest.raises(SignerError, match="no sentences in its dev split"):
        Training(tiny(), empty, tmp_path / "out", seed=0)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key, value", [("rho", 30), ("average", 1.5), ("weight_kl", float("nan")), ("prompts", -3), ("vocabulary", 0)])
def test_settings_out_of_range_are_told(key, value):
    with pytest.raises(SignerError, match=f"{key} must be"):
        tiny(**{key: value})


def test_byte_dropout_drops_at_its_rate_and_keeps_the_mean():
    torch.manual_seed(0)
    layer, x = ByteDropout(0.2), torch.ones(1000, 401)
    y = layer(x)
    assert abs((y == 0).float().mean().item() - 51 / 256) < 0.003 and abs(y.mean().item() - 1) < 0.003
    assert torch.equal(layer.eval()(x), x) and torch.equal(ByteDropout(0.0)(x), x)


def test_a_spelled_word_that_the_text_does_not_hold_is_left_out_of_the_labels():
    pairs = [("My name is Zoë.", "POSS-1 NAME fs-Zoë fs-NOBODY"), ("I am Sam.", "IX-1 fs-SAM")]
    slul = new_slul(tiny(), Corpus("two", "en-ase", lambda _: pairs))
    assert Batches(slul, pairs, [], tiny(), 0).glosses == ["POSS-1 NAME fs-ZOE", "IX-1 fs-SAM"]


def test_trainings_of_two_precisions_follow_each_other_in_one_process():
    found = [accelerator(asked).mixed_precision for asked in ("fp32", "bf16", "fp32", "fp32")]
    assert found == ["no", "bf16", "no", "no"]
