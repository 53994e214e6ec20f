"""What the ratings say. All ratings here are made up, in temporary folders, to test the sums; none is a result."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from ratings import hand_in, plain, saved, write_kit
from signer_lib.cli import app
from signer_lib.errors import SignerError
from signer_lib.rating import summary_or_none
from signer_lib.rating.agreement import counts_of, ordinal_alpha
from signer_lib.rating.exported import read_key
from signer_lib.rating.summary import mean_interval, summarise


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    return write_kit(tmp_path_factory.mktemp("kit"))


def test_alpha_is_that_of_krippendorffs_worked_example():
    """Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): the data of section C, read as ranks in section D."""
    rows = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    units = [[int(value) for value in unit if value != "."] for unit in zip(*(row.split() for row in rows))]
    assert round(float(ordinal_alpha(counts_of(units, 5))), 3) == 0.815


def test_alpha_of_constructed_cases():
    assert ordinal_alpha(counts_of([[1, 1, 1], [4, 4], [5, 5]], 5)) == 1
    assert np.isnan(ordinal_alpha(counts_of([[3, 3], [3, 3]], 5))), "values that are all the same say nothing about agreement"
    rng = np.random.default_rng(0)
    assert abs(ordinal_alpha(counts_of(rng.integers(1, 6, (4000, 3)).tolist(), 5))) < 0.03, "as by chance"
    assert ordinal_alpha(counts_of([[1, 5], [5, 1], [1, 5], [5, 1]], 5)) < 0, "worse than by chance"
    # by hand: values a, a, a, b; the only distance cancels: 1 - (n - 1) o_ab / (n_a n_b) with o_ab = 1, n = 4
    assert ordinal_alpha(counts_of([[1, 1], [1, 2]], 2)) == pytest.approx(1 - 3 * 1 / (3 * 1))
    one, far = (ordinal_alpha(counts_of([[1, 1], [2, 2], [3, 3], [4, 4], [5, 5], pair], 5)) for pair in ([1, 2], [1, 5]))
    assert far < one < 1, "a difference of four points is worse than one of one"
    alone = [[1, 2], [4, 4], [5, 4]]
    assert ordinal_alpha(counts_of(alone + [[3], [1], []], 5)) == ordinal_alpha(counts_of(alone, 5)), "a unit with one rating is left out"


def test_weights_of_alpha_are_repetitions():
    counts = counts_of([[1, 2, 2], [4, 5], [3, 3], [2, 5]], 5)
    weights = np.array([[2, 0, 1, 3], [1, 1, 1, 1]])
    assert ordinal_alpha(counts, weights) == pytest.approx([float(ordinal_alpha(np.repeat(counts, w, 0))) for w in weights])


def test_intervals_cover_the_mean_that_raters_and_sentences_scatter_around():
    """Raters and sentences with effects of their own: an interval that took the ratings for independent would be far too narrow."""
    rng, covered, naive = np.random.default_rng(5), 0, 0
    for _ in range(200):
        table = 3 + rng.normal(0, 0.6, (10, 1)) + rng.normal(0, 0.6, (1, 12)) + rng.normal(0, 0.4, (10, 12))
        count = (rng.random((10, 12)) < 0.5).astype(float)
        draws = [rng.multinomial(n, np.full(n, 1 / n), 400).astype(float) for n in (10, 12)]
        low, high = mean_interval(table * count, count, *draws)
        covered += low <= 3 <= high
        mean, error = table[count > 0].mean(), 1.96 * table[count > 0].std() / np.sqrt(count.sum())
        naive += mean - error <= 3 <= mean + error
    assert 0.88 <= covered / 200 <= 1 and naive / 200 < 0.75


def test_an_interval_needs_two_raters_and_two_sentences():
    draws = np.ones((9, 2)), np.ones((9, 3))
    assert mean_interval(np.array([[3., 4, 5], [0, 0, 0]]), np.array([[1., 1, 1], [0, 0, 0]]), *draws) == (None, None)
    assert mean_interval(np.array([[3., 0, 0], [4, 0, 0]]), np.array([[1., 0, 0], [1, 0, 0]]), *draws) == (None, None)
    assert mean_interval(np.array([[3., 0, 0], [0, 4, 0]]), np.array([[1., 0, 0], [0, 1, 0]]), *draws) == (3.5, 3.5)


def test_what_raters_say_comes_out_and_wrong_sentences_and_repeats_are_in_no_mean(kit, tmp_path):
    result = summarise(kit, [hand_in(kit, tmp_path / "files", plain)])
    means = {"zorblax": 3, "quuxnet": 2, "reference": 4}
    assert {(row["scale"], row["system"]): row["mean"] for row in result["scales"]} == {
        (scale, system): mean for scale in ("clarity", "naturalness", "meaning") for system, mean in means.items()}
    assert all((row["ratings"], row["raters"], row["sentences"]) == (8, 6, 4) for row in result["scales"])
    assert all(row["kind"] == ("ceiling" if row["system"] == "reference" else "system") for row in result["scales"])
    assert all(row["low"] == row["high"] == row["mean"] for row in result["scales"]), "raters and sentences do not differ here"
    assert all(row["alpha"] == row["low"] == row["high"] == 1 and row["clips"] == 12 for row in result["agreement"])
    assert result["raters"] == {"count": 6, "invited": 6, "finished": 6, "Deaf": 6, "hard of hearing": 0, "hearing": 0, "in my own words": 0,
                                "not said": 0, "share_deaf": 1, "median_years_of_asl": 10}
    assert result["attention"] == {
        "wrong_sentence": {"answered": 6, "failed": 0}, "reference": {"answered": 8, "mean_meaning": 4}, "failed_raters": []}
    assert all(row["pairs"] == 6 and row["equal"] == row["within_one"] == 1 for row in result["consistency"])
    assert result["without_failed"] == {"raters": 6, "scales": result["scales"], "agreement": result["agreement"]}
    assert result == summarise(kit, [tmp_path / "files"]), "the draws follow from the seed"


def test_raters_who_do_not_look_are_named_and_figures_are_given_without_them_too(kit, tmp_path):
    folder = hand_in(kit, tmp_path / "files", plain)
    hand_in(kit, folder, lambda item, scale: 5, ["rater-02"], describes="hearing", years=None)
    hand_in(kit, folder, lambda item, scale: 2, ["rater-03"], describes=None)
    result = summarise(kit, [folder])
    assert result["attention"]["failed_raters"] == ["rater-02", "rater-03"] and result["attention"]["wrong_sentence"] == {"answered": 6, "failed": 1}
    mean = lambda rows: {(row["scale"], row["system"]): row["mean"] for row in rows}
    assert mean(result["scales"])["meaning", "quuxnet"] > 2 and mean(result["without_failed"]["scales"])["meaning", "quuxnet"] == 2
    assert result["without_failed"]["raters"] == 4 and result["raters"]["share_deaf"] == pytest.approx(4 / 6)
    assert result["raters"]["hearing"] == result["raters"]["not said"] == 1
    assert any(row["low"] < row["mean"] < row["high"] for row in result["scales"])


def test_cannot_tell_and_what_is_left_out_are_counted_and_in_no_mean(kit, tmp_path):
    def says(item, scale):
        return "cannot tell" if item["system"] == "quuxnet" else None if scale == "naturalness" else plain(item, scale)

    result = summarise(kit, [hand_in(kit, tmp_path / "files", says)])
    assert {row["system"] for row in result["scales"]} == {"zorblax", "reference"} and "naturalness" not in {row["scale"] for row in result["scales"]}
    assert {(row["scale"], row["system"]): row["count"] for row in result["counts"]["cannot_tell"]} == {
        (scale, "quuxnet"): 8 for scale in ("clarity", "naturalness", "meaning")}
    assert result["counts"]["unanswered"]["clarity"] == 0 and result["counts"]["unanswered"]["naturalness"] > 16
    assert result["raters"]["finished"] == 0 and result["counts"]["clips_shown"] == 36
    assert [row["alpha"] for row in result["agreement"] if row["scale"] == "naturalness"] == [None]


def test_repeats_tell_how_steady_a_rater_is(kit, tmp_path):
    def says(item, scale):
        return 3 if item["kind"] == "rated" else 5 if scale == "clarity" else 2

    result = summarise(kit, [hand_in(kit, tmp_path / "files", says)])
    assert {row["scale"]: (row["equal"], row["within_one"]) for row in result["consistency"]} == {
        "clarity": (0, 0), "naturalness": (0, 1), "meaning": (0, 1)}


def changed(told, **changes):
    return {**told, **changes}


def item_changed(told, **changes):
    return {**told, "answers": [told["answers"][0], {**told["answers"][1], **changes}, *told["answers"][2:]]}


@pytest.mark.parametrize("change, told", [
    (lambda t: item_changed(t, clarity=6), "item 2: clarity is 6, not 1 to 5"), (lambda t: item_changed(t, clarity=0), "item 2: clarity is 0"),
    (lambda t: item_changed(t, clarity=True), "item 2: clarity is True"), (lambda t: item_changed(t, clarity=3.0), "item 2: clarity is 3.0"),
    (lambda t: item_changed(t, meaning="no idea"), "item 2: meaning is 'no idea'"),
    (lambda t: item_changed(t, clip="clips/0.mp4"), "item 2: the clip 'clips/0.mp4'"),
    (lambda t: item_changed(t, clip=t["answers"][0]["clip"]), "item 2: the clip"),
    (lambda t: item_changed(t, sentence="Another."), "item 2: the sentence"),
    (lambda t: item_changed(t, system="zorblax"), "item 2 is not an answer"), (lambda t: item_changed(t, reading="hello"), "item 2: what was signed"),
    (lambda t: item_changed(t, comment=None), "item 2: the comment"), (lambda t: changed(t, answers=t["answers"][:-1]), "must hold 6 items"),
    (lambda t: changed(t, answers=t["answers"][::-1]), "item 1: the clip"), (lambda t: changed(t, kit="0"), "another kit"),
    (lambda t: changed(t, rater="rater-77"), "no rater 'rater-77'"), (lambda t: changed(t, consent=False), "has not agreed"),
    (lambda t: changed(t, about={}), "about the rater"), (lambda t: changed(t, about=t["about"] | {"describes": "tall"}), "'tall'"),
    (lambda t: changed(t, about=t["about"] | {"years": -1}), "years of ASL is -1"), (lambda t: [t], "not a file that a rater's page saved"),
])
def test_every_wrong_file_is_told_in_one_line_that_names_it(kit, tmp_path, change, told):
    (tmp_path / "one.json").write_text(json.dumps(change(saved(kit, "rater-01", plain))), encoding="utf-8")
    with pytest.raises(SignerError, match="one.json") as error:
        summarise(kit, [tmp_path / "one.json"])
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_rater_counts_once_and_damaged_files_and_kits_are_told(kit, tmp_path):
    folder = hand_in(kit, tmp_path / "files", plain, ["rater-01"])
    shutil.copy(folder / "ratings-rater-01.json", folder / "ratings-rater-01 (1).json")
    with pytest.raises(SignerError, match="is by rater-01, as is"):
        summarise(kit, [folder])
    (tmp_path / "half.json").write_text('{"kit": ')
    for path, told in ((tmp_path / "half.json", "not a file that"), (tmp_path / "nowhere.json", "No such file")):
        with pytest.raises(SignerError, match=told):
            summarise(kit, [path])
    with pytest.raises(SignerError, match="has no organiser/key.json"):
        summarise(tmp_path, [folder])


@pytest.mark.parametrize("spoil, told", [
    (lambda folder, clip: (folder / clip).write_bytes(b"another clip"), "not as the kit was made"),
    (lambda folder, clip: (folder / clip).unlink(), "no longer there"),
    (lambda folder, clip: (folder / "index.html").write_text("another page"), "index.html is not as the kit was made"),
])
def test_an_altered_kit_is_refused_with_the_file_that_was_altered(kit, tmp_path, spoil, told):
    shutil.copytree(kit, tmp_path / "kit")
    clip = read_key(kit)["raters"]["rater-01"]["items"][3]["clip"]
    folder = hand_in(kit, tmp_path / "files", plain, ["rater-01"])
    summarise(tmp_path / "kit", [folder])
    spoil(tmp_path / "kit" / "raters" / "rater-01", clip)
    with pytest.raises(SignerError, match=told):
        summarise(tmp_path / "kit", [folder])


def test_without_ratings_there_is_no_result(kit, tmp_path):
    (tmp_path / "none").mkdir()
    words = ["rating", "summary", "--kit", str(kit), "--out", str(tmp_path / "out" / "summary.json"), "--ratings"]
    for folder in (tmp_path / "none", hand_in(kit, tmp_path / "files", lambda item, scale: None)):
        done = CliRunner().invoke(app, [*words, str(folder)])
        assert isinstance(done.exception, SignerError) and "nothing to sum up yet" in str(done.exception)
    assert not (tmp_path / "out").exists() and summary_or_none(tmp_path / "out") is None
    assert summary_or_none() is None, "no ratings have been collected: nobody may ship invented ones"
    hand_in(kit, tmp_path / "files", plain)
    done = CliRunner().invoke(app, [*words, str(tmp_path / "files")])
    assert done.exit_code == 0 and "6 of 6 raters, 6 of them Deaf (100%)" in done.output and "alpha 1.00 over 12 clips" in done.output
    result = summary_or_none(tmp_path / "out")
    assert result["command"].startswith("stable-signer rating summary") and len(result["scales"]) == 9 and str(tmp_path) not in json.dumps(result)
