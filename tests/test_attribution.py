"""The truth put in at each stage, noise put in at each, and what both studies leave: with shipped and tiny models on one small data folder."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from signer_lib.assets import CHECKPOINTS
from signer_lib.baselines.regression import Regression, RegressionConfig
from signer_lib.baselines.regression_training import new_regression
from signer_lib.comparison import attribution, corruption
from signer_lib.comparison.attribution import losses, ratio_interval, seeds_of
from signer_lib.comparison.attribution_report import curves, kept_share, means, read_study, remarks
from signer_lib.comparison.attribution_report import losses as losses_of
from signer_lib.comparison.chains import CASCADE, GIVEN, HIERARCHY, Cascade, Hierarchy, far, fitted, in_time, resting, true_choice
from signer_lib.comparison.corruption import Corruption
from signer_lib.comparison.noise import NOISES, dropped, frames_lost, noisy, substituted, swapped
from signer_lib.comparison.stage_scores import StageScores
from signer_lib.comparison.systems import Asked, spread
from signer_lib.config import load_config
from signer_lib.errors import SignerError
from signer_lib.language.slul import GlossSentence
from signer_lib.metrics.back_translation import BackTranslation, Reading
from signer_lib.metrics.back_translation_training import back_translation_config, new_back_translation
from signer_lib.performances.folder import Produced, read_split
from signer_lib.performances.small import make_small
from signer_lib.performances.trajectory import Trajectory
from signer_lib.pose.formats.folder import read_folder

TINY = {"d_model": 16, "d_ff": 16, "heads": 2, "encoder_layers": 1, "decoder_layers": 1}
EXPERTS = CHECKPOINTS / "slp-moe-nano"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    make_small(folder, sentences=20, glosses=40, seed=1)
    return folder


@pytest.fixture(scope="module")
def models(data, tmp_path_factory):
    """A judge and a regression with random weights."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("judge", "regression"):
        (folder / name).mkdir()
    torch.manual_seed(0)
    new_back_translation(back_translation_config("nano", ["vocabulary=120"]), read_folder(data, "train")).save_pretrained(folder / "judge")
    config = replace(load_config(RegressionConfig, "regression_nano"), **TINY)
    new_regression(config, read_split(data, "train")).save_pretrained(folder / "regression")
    (folder / "regression" / "training.json").write_text('{"seed": 1}')
    return folder


@pytest.fixture(scope="module")
def asked(data):
    return Asked(data)


@pytest.fixture(scope="module")
def rows(asked):
    return asked.truth


@pytest.fixture(scope="module")
def hierarchy(pipeline, asked):
    return Hierarchy(pipeline.slul, pipeline.experts, asked.prior)


@pytest.fixture(scope="module")
def cascade(pipeline, asked, models):
    return Cascade(pipeline.slul, Regression.from_pretrained(models / "regression"), asked.prior)


@pytest.fixture(scope="module")
def scores(asked, models, hierarchy, rows):
    return StageScores(asked, BackTranslation.from_pretrained(models / "judge"), hierarchy.told(rows))


# --- the truth at each stage ------------------------------------------------------------------------------------------
def test_what_is_given_is_what_is_signed(hierarchy, cascade, rows, slul):
    read = slul.translate([row.text for row in rows])
    for chain in (hierarchy, cascade):
        assert [one.sentence.glosses for one in chain.make(rows, "nothing")] == [one.glosses for one in read]
        for given in chain.given[1:]:
            assert [one.sentence.glosses for one in chain.make(rows, given)] == [row.glosses for row in rows]
        assert all(one.produced.poses is row.poses for one, row in zip(chain.make(rows, "poses"), rows))


def test_given_glosses_are_signed_and_not_what_the_text_says(hierarchy, rows):
    wrong = replace(rows[0], glosses=rows[0].glosses[::-1])
    made = hierarchy.make([wrong], "glosses")[0]
    assert [unit.gloss for unit in made.units] == sorted(unit.gloss for unit in made.units) and made.sentence.glosses == wrong.glosses
    assert made.units[0].name != hierarchy.make(rows[:1], "glosses")[0].units[0].name


def test_with_true_poses_nothing_is_wrong(scores):
    row, _ = scores.row(scores.truth)
    assert row["hand_error"] == row["dtw_mje"] == row["gloss_wer"] == 0 and row["rhythm_error"] in (0, None)
    assert row["bleu4_seen"] is None and row["video_count"] == 0


def test_the_cascade_has_no_choice_to_give(cascade, rows):
    with pytest.raises(SignerError, match="cannot do 'choice' in the cascade: use nothing, glosses, poses"):
        cascade.make(rows, "choice")


def test_the_true_choice_is_never_farther_and_takes_the_true_time(hierarchy, rows):
    experts, prior, nearer = hierarchy.experts, hierarchy.prior, []
    for row, sentence, made in zip(rows, hierarchy.told(rows), hierarchy.make(rows, "choice")):
        own, true = experts.choose(replace(sentence, text=""), prior), true_choice(experts, prior, sentence, row)
        for shares in (true.weights.sum(-1), true.choices.sum(-1)):
            assert torch.allclose(shares, torch.ones(shares.shape))
        assert not true.choices[~true.mask[:, None].expand_as(true.choices)].any()
        for span in (span for span in row.spans if span.unit is not None):
            k, offer = span.unit, experts.offers(prior)[row.units[span.unit].name]
            clip, count = in_time(offer, Trajectory.of(row.poses.xyz[span.start:span.stop])), len(offer.phi)
            ours, theirs = (far(experts, offer, clip, one.weights[k], one.choices[k, :, :count]) for one in (own, true))
            assert theirs <= ours + 1e-6
            nearer.append(theirs < 0.99 * ours)
        length = lambda spans: [span.stop - span.start for span in spans if span.unit is not None]
        assert length(made.produced.spans) == length(row.spans)
    assert np.mean(nearer) > 0.5


def test_a_clip_of_the_prior_is_found_again(hierarchy, rows):
    """A signer who does what one candidate does: the fit says so."""
    experts, name = hierarchy.experts, rows[0].units[0].name
    offer = experts.offers(hierarchy.prior)[name]
    K, C = experts.config.experts, len(offer.phi)
    w, pi = torch.full((K,), 1 / K), torch.full((K, C), 1 / C)
    clip = in_time(offer, Trajectory(offer.direction[1], offer.length[1]))
    found = fitted(experts, offer, Trajectory(offer.direction[1], offer.length[1]), w, pi)
    assert far(experts, offer, clip, *found) < 0.2 * far(experts, offer, clip, w, pi)
    assert (found[0][:, None] * found[1]).sum(0).argmax() == 1


def test_a_prior_that_signs_otherwise_cannot_say_the_true_choice(hierarchy, rows):
    with pytest.raises(SignerError, match="has other signs than"):
        true_choice(hierarchy.experts, hierarchy.prior, hierarchy.told(rows[:1])[0], replace(rows[0], units=rows[0].units[:-1]))


def test_the_renderer_is_told_the_glosses_where_they_are_signed(hierarchy, cascade, rows):
    made = hierarchy.make(rows[:1])[0]
    states, contexts, frames = made.meaning
    assert torch.equal(states, made.sentence.states) and contexts.shape == states.shape
    assert frames.tolist()[0][0] == made.produced.spans[2].start and (frames[:, 0] < frames[:, 1]).all() and frames.max() < len(made.produced.poses)
    assert cascade.make(rows[:1])[0].meaning is None


def test_who_understands_nothing_rests(hierarchy, cascade):
    nothing = GlossSentence("", [], torch.zeros(0, 192), torch.zeros(192))
    made = hierarchy.sign([nothing])[0]
    assert np.ptp(made.produced.poses.xyz, axis=0).max() == 0 and len(made.produced.poses) == len(resting().poses) and made.meaning is None
    assert len(cascade.sign([nothing])[0].produced.poses) > 0


# --- losses and the goal ----------------------------------------------------------------------------------------------
def table(*rows):
    return [{"chain": chain, "given": given, "seed": seed} | dict.fromkeys(attribution.BETTER) | {"bleu4": bleu4, "wer": wer}
            for chain, given, seed, bleu4, wer in rows]


def test_a_stage_costs_what_the_truth_gains_there():
    found = losses(table(("hierarchy", "nothing", 1, 20, 10), ("hierarchy", "glosses", 1, 25, 4), ("hierarchy", "choice", 1, 24, 4),
                         ("hierarchy", "poses", 1, 30, 1), ("hierarchy", "nothing", 2, 22, 10), ("hierarchy", "glosses", 2, 25, 8),
                         ("cascade", "glosses", 1, 1, 90), ("cascade", "poses", 1, 30, 1)))
    told = {(row["chain"], row["stage"], row["measure"]): row for row in found}
    understanding = told["hierarchy", "understanding", "bleu4"]
    assert understanding["mean"] == 4 and understanding["std"] == pytest.approx(np.sqrt(2)) and understanding["seeds"] == 2
    assert told["hierarchy", "understanding", "wer"]["mean"] == 4 and told["hierarchy", "choice", "bleu4"]["mean"] == -1, "the truth may be worse"
    assert told["hierarchy", "choice", "bleu4"]["std"] is None and told["hierarchy", "poses", "bleu4"]["mean"] == 6
    assert told["cascade", "poses", "bleu4"]["mean"] == 29 and ("cascade", "choice", "bleu4") not in told
    assert not any(row["measure"] == "hand_ssim" for row in found)
    assert remarks({"loss": found}) == ["hierarchy, choice: BLEU-4 is better by 1 without the truth than with it"]


def sentences(seed, count=40):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(list("abcdefghijkl"), 8)) for _ in range(count)]


def test_the_ratio_of_two_chains_has_the_bleu_of_sacrebleu_and_an_interval_around_it():
    from sacrebleu.metrics import BLEU
    truth, noise = sentences(0), sentences(1)
    half = [right if k % 2 else wrong for k, (right, wrong) in enumerate(zip(truth, noise))]
    bleu = lambda texts: BLEU(tokenize="none", force=True).corpus_score(texts, [truth]).score
    found = ratio_interval([truth, half], [half], truth, samples=200)
    assert found["hierarchy"] == pytest.approx((100 + bleu(half)) / 2) and found["cascade"] == pytest.approx(bleu(half))
    assert found["ratio"] == pytest.approx(found["hierarchy"] / found["cascade"]) and found["interval"][0] < found["ratio"] < found["interval"][1]
    assert found == ratio_interval([truth, half], [half], truth, samples=200)
    same = ratio_interval([half], [half], truth, samples=50)
    assert same["ratio"] == 1 and same["interval"] == [1, 1], "the same sentences are drawn for both"
    none = ratio_interval([half], [["z"] * len(truth)], truth, samples=20)
    assert none["ratio"] is None and none["interval"] == [None, None] and json.dumps(none)


# --- noise --------------------------------------------------------------------------------------------------------------
def changed(before, after):
    """How much one sentence, choice or sequence differs from another."""
    if isinstance(before, list):
        return sum(a != b for a, b in zip(before, after)) if len(before) == len(after) else abs(len(before) - len(after))
    if isinstance(before, GlossSentence):
        return float((before.states - after.states).norm())
    if isinstance(before, Produced):
        a, b = before.poses.xyz, after.poses.xyz
        return float((np.isnan(a) != np.isnan(b)).sum()) + float(np.nansum(np.abs(a - b)))
    return float((before.choices - after.choices).abs().sum() + (before.seconds.log() - after.seconds.log()).abs().sum())


@pytest.mark.parametrize("stage, noise", [(stage, noise) for stage in NOISES if stage != "text" for noise in NOISES[stage]])
def test_noise_changes_nothing_at_level_0_more_at_more_and_the_same_for_one_seed(stage, noise, hierarchy, rows):
    sentences = hierarchy.told(rows)
    clean = {"glosses": [one.glosses for one in sentences], "states": sentences, "choice": hierarchy.choose(sentences),
             "poses": [row.produced for row in rows]}[stage]
    more = {"substituted": [["A", "B", "C"]], "gaussian": corruption.spread_of(sentences)}.get(noise, [])
    _, levels = NOISES[stage][noise]
    made = lambda level, seed=3: noisy(stage, noise, level, seed, clean, *more)
    apart = lambda one, other: sum(changed(*pair) for pair in zip(one, other))
    amounts = [apart(clean, made(level)) for level in (0, *levels)]
    assert amounts[0] == 0 and amounts == sorted(amounts) and amounts[-1] > 0
    assert apart(made(levels[-1]), made(levels[-1])) == 0 and apart(made(levels[-1]), made(levels[-1], seed=4)) != 0


def test_what_is_lost_never_is_all():
    glosses, rng = ["A", "B", "C"], np.random.default_rng
    assert all(len(dropped(glosses, 1.0, rng(seed))) == 1 for seed in range(20))
    assert all(a != b for seed in range(20) for a, b in zip(glosses, substituted(glosses, 1.0, rng(seed), ["A", "B", "C", "D"]), strict=True))
    assert all(sorted(found := swapped(glosses, 1.0, rng(seed))) == glosses and found != glosses for seed in range(20))
    assert np.isfinite(frames_lost(resting(), 1.0, rng(0)).poses.xyz).any(-1).any(-1).sum() == 1


@pytest.mark.parametrize("stage, noise, level, message", [
    ("poses", "rain", 0.1, "there is no noise 'rain' of poses"), ("text", "drop", 0.1, "there is no noise"),
    ("poses", "jitter", -1, "the level of noise is -1"),
])
def test_noise_that_is_not_there_is_told(stage, noise, level, message):
    with pytest.raises(SignerError, match=message):
        noisy(stage, noise, level, 1, [])


def test_noise_reaches_the_stages_after_it_and_no_other(hierarchy, cascade, rows):
    study = Corruption(hierarchy, rows)
    glosses = lambda made: [one.sentence.glosses for one in made]
    poses = lambda made: [one.produced.poses.xyz.tobytes() for one in made]
    for stage, noise, same in (("text", "drop", False), ("glosses", "substituted", False), ("states", "gaussian", True), ("choice", "seconds", True),
                               ("poses", "jitter", True)):
        made = study.made(stage, noise, NOISES[stage][noise][1][-1], 1)
        assert (glosses(made) == glosses(study.clean)) is same and poses(made) != poses(study.clean), stage
    assert poses(study.made("choice", "seconds", 0, 1)) == poses(study.clean) == poses(study.made("text", "drop", 0, 1))
    with pytest.raises(SignerError, match="no noise of states in the cascade: use text, glosses, poses"):
        Corruption(cascade, rows).made("states", "gaussian", 1, 1)


# --- the commands -----------------------------------------------------------------------------------------------------
class Drawn:
    """In place of a screen: small pictures of where the wrists are, read back as the true poses of whoever is shown."""

    size, every = 64, 1

    def __init__(self):
        self.shown = []

    def show(self, produced, meaning):
        self.shown.append(produced.poses)
        frames = np.zeros((len(produced.poses), self.size, self.size, 3), np.uint8)
        for frame, xyz in zip(frames, produced.poses.xyz):
            for x, y in xyz[[4, 7], :2]:
                frame[int(32 - 12 * y) % 64, int(32 + 12 * x) % 64] = 255
        return frames

    def read(self, frames, fps):
        return self.shown[-1]

    def judge(self, poses):
        return [Reading(["BOOK"], "a book") for _ in poses]


def words(data, models, folder, *more):
    return ["--data", str(data), "--judge", str(models / "judge"), "--work", str(folder / "work"), "--out", str(folder / "out.json"),
            "--experts", str(EXPERTS), *map(str, more)]


def test_the_attribution_leaves_rows_losses_and_a_goal_and_makes_nothing_twice(data, models, tmp_path, monkeypatch, capsys):
    asked = words(data, models, tmp_path, "--regressions", models / "regression")
    attribution.main(asked)
    result = read_study(tmp_path / "out.json")
    assert [(row["chain"], row["given"]) for row in result["rows"]] == [*((HIERARCHY, given) for given in GIVEN),
                                                                        *((CASCADE, given) for given in ("nothing", "glosses", "poses"))]
    assert result["seeds"] == [1] and result["settings"]["sentences"] == 2
    assert result["goal"]["measure"] == "bleu4" and result["goal"]["wanted"] == 1.486
    assert losses_of(result, "hand_error")["hierarchy"].keys() == {"understanding", "choice", "poses"}
    total = sum(mean for mean, _ in losses_of(result, "hand_error")["hierarchy"].values())
    assert total == pytest.approx(means(result["rows"])["hierarchy", "nothing"]["hand_error"]), "what all stages cost is all that is lost"
    assert f"--data {data.name} --judge judge" in result["command"]
    with pytest.raises(SignerError, match="has no 'hand_ssim': choose one of bleu4"):
        losses_of(result, "hand_ssim")
    monkeypatch.setattr(StageScores, "row", None)                   # a killed run goes on: nothing that is there is measured again
    first = (tmp_path / "out.json").read_text()
    attribution.main(asked)
    assert json.loads(first)["rows"] == read_study(tmp_path / "out.json")["rows"]
    with pytest.raises(SignerError, match="was made with sentences 2, not 1: choose another --work"):
        attribution.main([*asked, "--sentences", "1"])


def test_frames_are_measured_through_the_screen(asked, models, hierarchy, rows):
    judge, told = BackTranslation.from_pretrained(models / "judge"), hierarchy.told(rows)
    seen = StageScores(asked, judge, told, Drawn(), video=1)
    (true, _), (ours, read) = seen.row(seen.truth), seen.row(hierarchy.make(rows))
    assert true["ssim"] == pytest.approx(1) and true["hand_ssim"] == pytest.approx(1) and ours["ssim"] < 1
    poses_only, nothing_read = seen.row(seen.truth, filmed=False)
    assert poses_only["wer_seen"] is None and poses_only["video_count"] == 0 and nothing_read["frames"] == []
    assert poses_only["wer"] == true["wer"]
    assert true["video_count"] == 1 and read["frames"] == ["a book"] and true["wer_seen"] > 0

    class Brighter(Drawn):
        def show(self, produced, meaning):
            return super().show(produced, meaning) // 2 + 100

    against = StageScores(asked, judge, told, Drawn(), Brighter(), video=1)
    assert against.row(against.truth)[0]["ssim"] < 0.9 and against.row(against.truth, studio=True)[0]["ssim"] == pytest.approx(1)


def test_the_corruption_study_leaves_rows_from_level_0_on(data, models, tmp_path, monkeypatch):
    few = {"glosses": {"dropped": (NOISES["glosses"]["dropped"][0], (0.5, 1.0))}, "choice": {"seconds": (NOISES["choice"]["seconds"][0], (0.5,))}}
    monkeypatch.setattr(corruption, "NOISES", few)
    asked = words(data, models, tmp_path, "--regression", models / "regression", "--stages", "glosses", "choice", "--seeds", "1", "2",
                  "--sentences", "1")
    corruption.main(asked)
    result = read_study(tmp_path / "out.json", "corruption")
    assert [(row["chain"], row["noise"], row["level"]) for row in result["rows"] if row["seed"] == 2] == [
        ("hierarchy", "dropped", 0), ("hierarchy", "dropped", 0.5), ("hierarchy", "dropped", 1),
        ("hierarchy", "seconds", 0), ("hierarchy", "seconds", 0.5), ("cascade", "dropped", 0), ("cascade", "dropped", 0.5), ("cascade", "dropped", 1)]
    line = curves(result, "gloss_wer")["hierarchy", "glosses", "dropped"]
    assert [level for level, _, _ in line] == [0, 0.5, 1] and line[0][1] <= line[1][1] < line[2][1] and line[2][2] is not None
    assert curves(result, "gloss_wer")["hierarchy", "choice", "seconds"][-1][1] == line[0][1], "noise behind the glosses leaves them"
    assert kept_share(result, "dtw_mje")[0]["share"] > 1
    monkeypatch.setattr(StageScores, "row", None)
    corruption.main(asked)


@pytest.mark.parametrize("more, message", [
    (["--video", "2"], "with --seen-judge DIR and --video N together"),
    (["--video-seeds", "0"], "give --video-seeds 1 or more"),
    (["--experts", "nowhere"], "nowhere is not a checkpoint"),
    (["--experts", str(EXPERTS), str(EXPERTS)], "were both trained with seed 1"),
    (["--judge", "nowhere"], "nowhere is not a checkpoint"),
    (["--data", "nowhere"], "nowhere has no performances of the split 'test'"),
])
def test_what_cannot_be_compared_is_told_in_one_line(data, models, tmp_path, more, message):
    with pytest.raises(SignerError, match=message):
        attribution.main([*words(data, models, tmp_path, "--regressions", models / "regression"), *more])
    assert not (tmp_path / "out.json").exists()


def test_a_file_that_is_none_of_ours_is_told(tmp_path):
    (tmp_path / "other.json").write_text('{"rows": []}')
    for study in ("attribution", "corruption"):
        for name in ("other.json", "missing.json"):
            with pytest.raises(SignerError, match=f"holds no {study}: make it with"):
                read_study(tmp_path / name, study)


def test_sentences_are_spread_evenly(data, models, tmp_path):
    assert spread(3, 9) == [0, 4, 8] and spread(5, 2) == [0, 1] and spread(1, 9) == [0]
    assert [row.name for row in Asked(data, split="train", most=2).truth] == [Asked(data, split="train").truth[k].name for k in (0, -1)]
    shutil.copytree(models / "regression", tmp_path / "again")
    (tmp_path / "again" / "training.json").write_text('{"seed": 7}')
    assert seeds_of([models / "regression", tmp_path / "again"]) == {1: models / "regression", 7: tmp_path / "again"}
