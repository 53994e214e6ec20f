"""Handshapes fitted to recorded letters: the measure, the rule for what is kept, and the file."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from signer_lib.assets import signer_data
from signer_lib.errors import SignerError
from signer_lib.prior import fit_handshapes
from signer_lib.prior.fit_handshapes import (
    FITTED,
    LEAST_GAP,
    SAME,
    SHARE,
    compare,
    digit_gap,
    fitted,
    held,
    lay,
    picture_error,
    recordings,
    summary,
    write_fitted,
)
from signer_lib.prior.handshapes import load_handshapes
from signer_lib.prior.kinematics import HAND_LIMITS

TURN = Rotation.from_euler("xyz", [20, -25, 15], degrees=True).as_matrix()


@pytest.fixture(scope="module")
def shapes():
    return load_handshapes(fitted=False)


def recorded(body, angles, frames=3) -> np.ndarray:
    """(T, 21, 3) a held hand that is turned and larger than the body's."""
    return np.repeat(1.2 * body.hand_points(angles[None]) @ TURN.T + np.array([1, 2, 3]), frames, axis=0)


def test_a_handshape_lies_exactly_on_itself_however_turned_and_large(body, shapes):
    for name in ("v", "s", "c"):
        points, target, error = lay(recorded(body, shapes[name])[0], shapes[name], body)
        assert error < 1e-3, name
        np.testing.assert_allclose(points[:, :2], target[:, :2], atol=5e-3)


def test_the_picture_error_tells_handshapes_apart(body, shapes):
    hands = recorded(body, shapes["v"])
    assert picture_error(hands, shapes["v"], body) < 0.25 * picture_error(hands, shapes["w"], body)
    assert picture_error(hands, shapes["v"], body) < 0.25 * picture_error(hands, shapes["5"], body)


def test_a_fit_goes_towards_the_recording_but_not_all_the_way(body, shapes):
    wanted = shapes["l"].copy()
    wanted[[0, 1]] += [20, 15]                           # the index, bent
    found = fitted(recorded(body, wanted), shapes["l"], body)
    share = (found - shapes["l"])[[0, 1]] / (20, 15)
    assert (share > 0.3).all() and (share < SHARE + 0.1).all()
    assert (found == found.round()).all()


def test_digits_of_a_fit_do_not_pass_through_each_other(body, shapes):
    crossed = shapes["u"].copy()
    crossed[[3, 7]] = -14, 16                            # side by side in the designed u; here the fingers pass through each other
    found = fitted(recorded(body, crossed), shapes["u"], body)
    assert digit_gap(crossed, body) < LEAST_GAP / 2
    assert digit_gap(found, body) >= min(LEAST_GAP, digit_gap(shapes["u"], body))
    assert digit_gap(shapes["5"], body) > digit_gap(shapes["s"], body) > 0


def test_a_fit_is_kept_only_where_another_recording_is_nearer_to_it(body, shapes):
    bent = shapes["v"].copy()
    bent[[0, 4]] += 30
    hands, plain = recorded(body, bent), recorded(body, shapes["v"])
    for test, kept in ((hands, "fitted"), (plain, "designed")):
        angles, rows = compare({"v": hands}, {"v": test, "2": test, "3": recorded(body, shapes["3"])}, shapes, body)
        assert rows["v"]["kept"] == rows["2"]["kept"] == kept
        assert rows["3"] == {"test_designed": rows["3"]["test_designed"], "kept": "designed"}, "a number with nothing to be tested on"
        np.testing.assert_array_equal(angles["2"], angles["v"])
        assert summary(rows)["letters"] == 1 and summary(rows)["test_kept"] == rows["v"][f"test_{kept}"]


def test_the_file_holds_what_is_kept_and_reads_like_the_designed_handshapes(tmp_path, shapes):
    rows = {"v": {"kept": "fitted", "test_designed": 0.03, "test_fitted": 0.02}, "s": {"kept": "designed", "test_designed": 0.02}}
    write_fitted(tmp_path / "f.yaml", {"v": shapes["w"], "s": shapes["w"]}, rows, "python -m a command")
    read = load_handshapes(tmp_path / "f.yaml", fitted=False)
    assert list(read) == ["v"]
    np.testing.assert_array_equal(read["v"], shapes["w"])
    assert "python -m a command" in (tmp_path / "f.yaml").read_text()


def test_the_shipped_fits_are_letters_and_numbers_that_a_hand_can_make(shapes, body):
    fits = load_handshapes(FITTED, fitted=False)
    assert set(fits) <= set("abcdefghiklmnopqrstuvwxy") | set("123456789") and len(fits) >= 15
    for name, angles in fits.items():
        assert (angles >= HAND_LIMITS[:, 0]).all() and (angles <= HAND_LIMITS[:, 1]).all(), name
        letter = SAME.get(name, name)
        assert digit_gap(angles, body) >= min(LEAST_GAP, digit_gap(shapes[letter], body)), name
        assert np.abs(angles - shapes[letter]).max() < 60, name


def test_a_folder_without_the_recordings_is_told_in_one_line(tmp_path):
    with pytest.raises(SignerError) as told:
        recordings(tmp_path)
    assert "\n" not in str(told.value)


@pytest.mark.skipif(signer_data() is None, reason="needs ASL-App's recordings in $SIGNER_DATA")
def test_a_real_letter_is_nearer_to_its_own_handshape(body, shapes):
    from signer_lib.pose.formats import read_poses
    app = read_poses(signer_data() / fit_handshapes.ASL_APP)
    for letter, others in {"v": "sb5", "y": "sw5"}.items():
        hands = held(app[letter])
        assert all(picture_error(hands, shapes[letter], body) < picture_error(hands, shapes[other], body) for other in others)
