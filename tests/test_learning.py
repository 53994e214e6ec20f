"""The learning curves: all four systems at every stop, equal shares, the same again with the same seed, killed and gone on, and what is refused."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from signer_lib.comparison import learning
from signer_lib.comparison.learning_training import KINDS, READERS, SYSTEMS, Job, Plan, train, words_of
from signer_lib.errors import SignerError
from signer_lib.language.corpora import read_pairs
from signer_lib.language.corpus import FOLDER
from signer_lib.language.slul import SLUL
from signer_lib.performances.small import make_small
from signer_lib.prior.database import Prior

SMALL_T5 = "{d_model: 32, d_kv: 8, d_ff: 64, num_layers: 1, num_decoder_layers: 1, num_heads: 2, dropout_rate: 0.1, feed_forward_proj: gated-gelu}"
TINY = Plan(batch_size=4, texts=3, text_batch=12, held_out=2,
            slul=(f"model={SMALL_T5}", "precision=fp32", "vocabulary=400", "weight_asked=0", "warmup_steps=2", "average=0.5", "max_glosses=5"),
            regression=("d_model=32", "d_ff=64", "heads=2", "encoder_layers=1", "decoder_layers=1", "future=2", "warmup_steps=2"),
            experts=("d_query=12", "hidden=8", "channels=8", "experts=2", "frames=8", "warmup_steps=2"))
STOPS = [0, 0.25, 0.5, 0.75, 1]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """34 training sentences, of which 32 make two batches of four in each quarter; and a prior that holds whatever an untrained SLUL may say."""
    folder = tmp_path_factory.mktemp("learning") / "small"
    make_small(folder, sentences=42, glosses=40, seed=1)
    shutil.rmtree(folder / "pools" / "prior")
    shutil.copytree(Prior.open().folder, folder / "pools" / "prior")
    return folder


def curves(data, work, out, *more):
    learning.main(["--performances", str(data), "--work", str(work), "--out", str(out), "--seeds", "3", *more], TINY)
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return folder / "work", curves(data, folder / "work", folder / "learning.json")


def job(data, work, name):
    return Job(name, 3, TINY, data, work)


def timeless(rows):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_every_system_has_a_row_at_every_stop(made):
    _, result = made
    for name in SYSTEMS:
        rows = [row for row in result["rows"] if row["system"] == name]
        assert [row["epoch"] for row in rows] == STOPS and {row["seed"] for row in rows} == {3}
        assert all(row["dtw_mje"] > 0 and row["hand_error"] > 0 for row in rows)
        assert rows[0]["dtw_mje"] != rows[-1]["dtw_mje"], "nothing was learned at all"
        assert all((row["gloss_wer"] is None) == (name == "base") for row in rows)
        assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows) and rows[0]["seconds"] == 0
    assert set(result["systems"]) == set(SYSTEMS) and result["settings"]["seeds"] == [3] and result["settings"]["batch_size"] == 4


def test_all_have_seen_as_many_sentences_and_every_slul_as_many_pairs(made):
    _, result = made
    assert {(row["epoch"], row["sentences"]) for row in result["rows"]} == {(stop, 32 * stop) for stop in STOPS}
    assert {(row["epoch"], row["texts"]) for row in result["rows"] if row["system"] != "base"} == {(stop, 96 * stop) for stop in STOPS}
    assert {row["texts"] for row in result["rows"] if row["system"] == "base"} == {0}


def test_a_step_is_about_the_same_sentences_whatever_the_system(data, made, tmp_path):
    work, _ = made
    for reader in READERS:
        shutil.copytree(work / f"{reader}-3", tmp_path / f"{reader}-3")
    words, glosses, states = (KINDS[name](job(data, tmp_path, name)) for name in ("base", "slul", "slp_moe"))
    for step in range(8):
        words.batches[step], glosses.batches[step]
        assert words.batches.order == glosses.batches.order
        assert states.batches.rows(step).tolist() == glosses.batches.order[step]


def test_the_experts_learn_from_the_slul_of_their_own_part(data, made, tmp_path):
    work, _ = made
    shutil.copytree(work / "plain-3", tmp_path / "plain-3")
    training = KINDS["slp_moe"](job(data, tmp_path, "slp_moe"))
    for part in (1, 2):
        rows = [row for step in (2 * part - 2, 2 * part - 1) for row in training.batches.rows(step)]
        training.step(), training.step()
        slul = SLUL.from_pretrained(tmp_path / "plain-3" / f"stop-{part}")
        for row in rows:
            truth = training.learned[row]
            sentence, = slul.state_of([truth.text], [truth.glosses])
            of_units = sentence.states[[unit.gloss for unit in truth.units]]
            assert torch.allclose(training.batches.examples[row].states, of_units, atol=1e-4)


def test_sagm_is_the_only_difference_between_the_two_sluls(made):
    work, _ = made
    settings = {name: json.loads((work / f"{name}-3" / "training.json").read_text()) for name in READERS}
    differing = {key for key, value in settings["plain"].items() if settings["full"][key] != value}
    assert differing - {"train_minutes"} == {"weight_sagm", "weight_kl", "weight_con"}
    start = [SLUL.from_pretrained(work / f"{name}-3" / "stop-0").model.state_dict() for name in READERS]
    assert all(torch.equal(value, start[1][name]) for name, value in start[0].items())


def test_the_same_seed_gives_the_same_rows_also_after_a_stop_and_in_processes(data, made, tmp_path):
    """What is finished is taken as it is; a training that was killed after its first quarter goes on; both beside another process."""
    work, result = made
    shutil.copytree(work / "plain-3", tmp_path / "plain-3")
    killed = KINDS["slp_moe"](job(data, tmp_path, "slp_moe"))
    killed.score(0)
    killed.step(), killed.step()
    killed.score(0), killed._save()
    killed.step()
    again = curves(data, tmp_path, tmp_path / "again.json", "--workers", "2", "--systems", "slp_moe", "base")
    assert timeless(again["rows"]) == timeless([row for row in result["rows"] if row["system"] in ("base", "slp_moe")])
    before = (tmp_path / "slp_moe-3" / "training.json").stat().st_mtime_ns
    train([job(data, tmp_path, "plain"), job(data, tmp_path, "slp_moe")])
    assert (tmp_path / "slp_moe-3" / "training.json").stat().st_mtime_ns == before


def test_the_base_reads_words_and_spells_what_the_pairs_do_not_explain():
    words = words_of(read_pairs(FOLDER, "train"))
    assert words("My name is Zyx.") == ["my", "name", "is", "Z", "Y", "X", "."]


@pytest.mark.parametrize(("change", "message"), [
    ({"batch_size": 9}, "34 sentences are too few for 4 parts in batches of 9: make 36 or more"),
    ({"texts": 5000}, "the corpus has 30,000 pairs, but 5000 for each performed sentence"),
    ({"text_batch": 100}, "96 sentences are too few for 4 parts in batches of 100"),
])
def test_too_little_to_learn_from_is_told(data, tmp_path, change, message):
    with pytest.raises(SignerError, match=message):
        train([Job("plain", 3, replace(TINY, **change), data, tmp_path / "work")])
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(("more", "message"), [
    (["--epochs", "0"], "epochs must be 1 or more, not 0"), (["--workers", "0"], "0 workers can do nothing"),
])
def test_senseless_numbers_are_told(data, tmp_path, more, message):
    with pytest.raises(SignerError, match=message):
        curves(data, tmp_path / "work", tmp_path / "learning.json", *more)


def test_no_performances_and_work_of_another_plan_are_told(data, made, tmp_path):
    with pytest.raises(SignerError, match="train.text"):
        curves(tmp_path, tmp_path / "work", tmp_path / "learning.json")
    with pytest.raises(SignerError, match="holds runs of another plan"):
        curves(data, made[0], tmp_path / "learning.json", "--epochs", "2")
    assert not (tmp_path / "learning.json").exists()
