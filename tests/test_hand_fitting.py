"""Recorded hands as joint angles: derivatives, the answer, and what the answer is free to choose."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from signer_lib.prior import hand_fitting
from signer_lib.prior.hand_fitting import PARAMETERS, STEPS, fit_hand, look, palm_rotation
from signer_lib.prior.handshapes import load_handshapes
from signer_lib.prior.kinematics import HAND_LIMITS


@pytest.fixture(scope="module")
def shapes():
    return load_handshapes()


def seen_hands(body, angles, rng) -> np.ndarray:
    """(T, 21, 3) hands of angles (T, 21) turned at random about the viewer, a little larger than the body's."""
    turns = Rotation.from_rotvec(rng.normal(0, 0.4, (len(angles), 3))).as_matrix()
    return 1.1 * body.hand_points(angles) @ turns.transpose(0, 2, 1) + rng.normal(0, 1, (len(angles), 1, 3))


def test_the_derivatives_are_those_of_the_residuals(body, shapes):
    rng = np.random.default_rng(0)
    angles, target = shapes["v"][None] + rng.normal(0, 5, (2, 21)), rng.normal(0, 0.2, (2, 21, 3))
    turn, shift = Rotation.from_rotvec(rng.normal(0, 1, (2, 3))).as_matrix(), rng.normal(0, 0.1, (2, 3))
    residual = lambda a, r, s: look(body, shapes["v"], a, r, s, target)[0]
    J, eps = look(body, shapes["v"], angles, turn, shift, target)[3], 1e-4
    for k in range(PARAMETERS):
        step = np.eye(PARAMETERS)[k] * eps
        ahead = residual(angles + step[:21], Rotation.from_rotvec(step[21:24]).as_matrix() @ turn, shift + np.array([*step[24:], 0]))
        back = residual(angles - step[:21], Rotation.from_rotvec(-step[21:24]).as_matrix() @ turn, shift - np.array([*step[24:], 0]))
        np.testing.assert_allclose(J[:, k], (ahead - back) / (2 * eps), atol=0.02 * np.abs(J[:, k]).max() + 1e-6, err_msg=str(k))


def test_a_palm_is_laid_as_scipy_lays_it(body, shapes):
    from signer_lib.prior.kinematics import METACARPALS, unit
    rng = np.random.default_rng(1)
    hands = seen_hands(body, np.repeat(shapes["5"][None], 6, 0), rng) + rng.normal(0, 0.02, (6, 21, 3))
    for found, hand in zip(palm_rotation(hands), hands):
        wanted = Rotation.align_vectors(unit(hand[[5, 9, 13, 17]] - hand[:1]), unit(METACARPALS[1:]))[0].as_matrix()
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        assert np.linalg.det(found) == pytest.approx(1)


@pytest.mark.parametrize("name", ["l", "s", "5", "c"])
def test_a_fitted_hand_looks_like_the_recorded_one_even_with_wrong_depth(body, shapes, name):
    wanted = shapes[name] * 0.9
    seen = body.hand_points(wanted[None]) * np.array([1.1, 1.1, 0.5])
    angles, rotation, shift = fit_hand(seen, body, shapes[name])
    drawn = body.hand_points(angles) @ rotation.transpose(0, 2, 1) + shift[:, None]
    assert np.abs(drawn - seen / 1.1)[..., :2].mean() < 0.01
    np.testing.assert_allclose(rotation[0] @ rotation[0].T, np.eye(3), atol=1e-9)


def test_angles_stay_inside_the_joints_limits_and_the_wrist_in_the_picture(body, shapes):
    rng = np.random.default_rng(2)
    angles, _, shift = fit_hand(rng.normal(0, 0.2, (5, 21, 3)), body, shapes["relaxed"])
    assert (angles >= HAND_LIMITS[:, 0]).all() and (angles <= HAND_LIMITS[:, 1]).all() and not shift[:, 2].any()


def test_frames_are_fitted_one_by_one(body, shapes):
    rng = np.random.default_rng(3)
    hands = np.concatenate([seen_hands(body, shapes[name][None], rng) for name in ("b", "y", "x")])
    scale = hand_fitting.hand_scale
    try:
        hand_fitting.hand_scale = lambda hands, body: 1.1               # it is the median over all frames, so not one by one
        together, alone = fit_hand(hands, body, shapes["relaxed"]), [fit_hand(hand[None], body, shapes["relaxed"]) for hand in hands]
    finally:
        hand_fitting.hand_scale = scale
    for k, part in enumerate(together):
        np.testing.assert_allclose(part, np.concatenate([one[k] for one in alone]), atol=1e-6)


def test_stopping_early_gives_the_answer_of_all_steps(body, shapes, monkeypatch):
    rng = np.random.default_rng(4)
    hands = seen_hands(body, shapes["v"] + rng.normal(0, 6, (12, 21)), rng)
    counts = []
    monkeypatch.setattr(hand_fitting, "look", lambda *given: counts.append(len(given[2])) or look(*given))
    early = fit_hand(hands, body, shapes["v"])[0]
    evaluations = sum(counts)
    monkeypatch.setattr(hand_fitting, "SETTLED", 0)
    monkeypatch.setattr(hand_fitting, "STUCK", np.inf)
    assert np.abs(early - fit_hand(hands, body, shapes["v"])[0]).max() < 1.0, "degrees"
    assert evaluations < 0.8 * len(hands) * (STEPS + 1)
