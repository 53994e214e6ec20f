"""Non-manual markers: what a marker does to face and head, and which markers a sentence has."""

import numpy as np
import pytest

from signer_lib.performances.nonmanual import kind_of, mark, marks_of, sentence_marks, topic_of
from signer_lib.performances.units import Span
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.prior.body import load_body
from signer_lib.prior.nonmanual import (
    BROWS,
    CORNERS,
    HEAD,
    LIDS,
    LOWER,
    MARKERS,
    NAMES,
    NOD,
    RAISE,
    SENTENCES,
    SHAKE,
    apply,
    envelope,
    face_axes,
    face_tracks,
    marker,
    measure,
    sentence_tracks,
    still,
)

FRAMES, FPS = 40, 25.0
ON, OFF = np.ones(FRAMES), np.zeros(FRAMES)


@pytest.fixture(scope="module")
def resting():
    return PoseSequence(np.repeat(load_body().rest()[None], FRAMES, 0), FPS)


def moved(resting, **tracks) -> np.ndarray:
    """(J, 3) where each joint goes when the tracks are held."""
    return (apply(resting, still(FRAMES, **{name: np.full(FRAMES, value) for name, value in tracks.items()})).xyz - resting.xyz)[20]


def test_a_still_face_changes_nothing(resting):
    np.testing.assert_allclose(apply(resting, still(FRAMES)).xyz, resting.xyz, atol=1e-6)


@pytest.mark.parametrize("name", MARKERS)
def test_every_marker_begins_and_ends_at_rest_and_moves_only_the_head(resting, name):
    out = apply(resting, face_tracks((name,), np.linspace(0, 1, FRAMES)))
    np.testing.assert_allclose(out.xyz[[0, -1]], resting.xyz[[0, -1]], atol=1e-5)
    assert np.abs(out.xyz[:, HEAD] - resting.xyz[:, HEAD]).max() > 0.005, "nothing to be seen"
    assert np.abs(np.diff(out.xyz, axis=0)).max() < 0.1, "a jump"
    rest = [k for k in range(70) if k not in HEAD]
    np.testing.assert_array_equal(out.xyz[:, rest], resting.xyz[:, rest])
    neck_to_nose = np.linalg.norm(out.joint("nose") - out.joint("neck"), axis=-1)
    assert np.ptp(neck_to_nose) < 1e-5


def test_brows_go_up_by_their_height_and_a_frown_draws_them_down_and_together(resting):
    up = moved(resting, brows=1.0)[BROWS]
    np.testing.assert_allclose(np.linalg.norm(up, axis=-1), RAISE, atol=1e-5)
    assert (up[..., 1] > 0.9 * RAISE).all()
    frown = moved(resting, frown=1.0)[BROWS]
    assert (frown[:, 0, 1] < -0.9 * LOWER).all() and (np.abs(frown[:, 0, 1]) > 2 * np.abs(frown[:, 4, 1])).all()
    assert frown[0, 0, 0] > 0.003 and frown[1, 0, 0] < -0.003, "the inner ends come together"


def test_lids_shut_without_crossing_and_follow_the_eyes(resting):
    gap = lambda **tracks: np.diff((resting.xyz[20] + moved(resting, **tracks))[LIDS], axis=1)[:, 0, 1] * -1
    assert (gap(lids=1.0) > 0).all() and (gap(lids=1.0) < 0.3 * gap()).all()
    assert (gap(lids=3.0) > 0).all(), "more than shut is shut"
    assert (gap(gaze_y=-1.0) < 0.8 * gap()).all() and (gap(gaze_y=1.0) > gap()).all()


def test_the_mouth_opens_downwards_and_spreads_to_both_sides(resting):
    opened = moved(resting, mouth_open=1.0)
    upper, lower = (opened[SIGNER70.index(f"lip_{lip}_inner"), 1] for lip in ("upper", "lower"))
    assert 0 < upper < -lower
    assert np.diff(moved(resting, mouth_wide=1.0)[CORNERS, 0]) > 0.04 and np.diff(moved(resting, mouth_wide=-1.0)[CORNERS, 0]) < -0.02


@pytest.mark.parametrize("track, axis, sign", [("shake", 0, 1), ("nod", 1, -1), ("tilt", 0, 1), ("gaze_x", 0, 1), ("gaze_y", 1, 1)])
def test_the_head_goes_where_the_track_says(resting, track, axis, sign):
    size = 1.0 if track.startswith("gaze") else 10.0
    at_nose = moved(resting, **{track: size})[0]
    assert sign * at_nose[axis] > 0.01
    np.testing.assert_allclose(moved(resting, **{track: -size})[0][0], -at_nose[0], atol=1e-5)


def test_a_head_that_is_turned_keeps_its_shape_and_raises_its_brows_along_itself(resting):
    turned = apply(resting, still(FRAMES, tilt=30 * ON))
    lengths = lambda poses: np.linalg.norm(poses.xyz[:, HEAD] - poses.xyz[:, :1], axis=-1)
    np.testing.assert_allclose(lengths(turned), lengths(resting), atol=1e-5)
    up = face_axes(turned.xyz)[1][0]
    way = (apply(turned, still(FRAMES, brows=ON)).xyz - turned.xyz)[0, BROWS]
    np.testing.assert_allclose(way, np.broadcast_to(RAISE * up, way.shape), atol=1e-5)


def test_a_missing_face_stays_missing(resting):
    xyz = resting.xyz.copy()
    xyz[:, SIGNER70.groups["face"]] = np.nan
    out = apply(PoseSequence(xyz, FPS), still(FRAMES, brows=ON, shake=10 * ON))
    assert not out.confidence[:, SIGNER70.groups["face"]].any() and np.isfinite(out.joint("nose")).all()
    assert all(np.isfinite(getattr(measure(PoseSequence(xyz, FPS)), name)).all() for name in NAMES)


def test_a_head_shake_goes_to_both_sides_and_a_nod_only_down():
    shake = marker("head-shake", ON, np.linspace(0, 2, FRAMES)).shake
    assert shake.max() > 0.98 * SHAKE and shake.min() < -0.98 * SHAKE
    nod = marker("nod", ON, np.linspace(0, 2, FRAMES)).nod
    assert nod.min() > -1e-9 and nod.max() > 0.98 * NOD
    with pytest.raises(KeyError):
        marker("wink", ON, OFF)


def test_markers_of_one_sign_add_up():
    t = np.linspace(0, 1, FRAMES)
    both, shake = face_tracks(("brows-down", "head-shake"), t), face_tracks(("head-shake",), t)
    assert both.frown.max() == pytest.approx(1, abs=0.01) and len(both) == FRAMES
    np.testing.assert_array_equal(both.shake, shake.shake)
    assert not any(getattr(face_tracks((), t), name).any() for name in NAMES)


def test_what_a_face_does_already_is_measured_as_it_was_put_there(resting):
    t = np.linspace(0, 1, FRAMES)
    there = face_tracks(("brows-up", "head-shake"), t) + still(FRAMES, frown=0.5 * np.sin(np.pi * t))
    found = measure(apply(resting, there))
    for name, tolerance in (("brows", 0.01), ("frown", 0.01), ("shake", 0.1)):
        np.testing.assert_allclose(getattr(found, name), getattr(there, name), atol=tolerance, err_msg=name)


@pytest.mark.parametrize("sign, kind, track", [("brows-down", "wh", "frown"), ("brows-up", "wh", "brows"), ("head-shake", "negated", "shake")])
def test_a_sentences_marker_is_not_done_twice_where_a_sign_has_it(resting, sign, kind, track):
    signed = apply(resting, face_tracks((sign,), np.linspace(0, 1, FRAMES)))
    alone = measure(apply(resting, sentence_tracks(kind, 0, FRAMES, FPS, still(FRAMES))))
    together = measure(apply(signed, sentence_tracks(kind, 0, FRAMES, FPS, measure(signed))))
    np.testing.assert_allclose(getattr(together, track), getattr(alone, track), atol=0.03 if track != "shake" else 0.5)


def test_an_envelope_is_whole_inside_and_eased_outside():
    held = envelope(FRAMES, 12, 24, FPS)
    assert (held[12:24] == 1).all() and not held[:7].any() and not held[29:].any()
    assert (np.diff(held[6:13]) >= 0).all() and 0 < held[9] < 1


def test_every_kind_of_sentence_has_tracks():
    for kind in SENTENCES:
        tracks = sentence_tracks(kind, 10, 30, FPS, still(FRAMES))
        assert any(getattr(tracks, name).any() for name in NAMES), kind
        assert not any(getattr(tracks, name)[0] for name in NAMES), kind


@pytest.mark.parametrize("text, glosses, kind", [
    ("Where is it?", "IX-3 WHERE", "wh"), ("How many books do you have?", "BOOK IX-2 HAVE HOW MANY", "wh"),
    ("Don't you like tea?", "TEA IX-2 LIKE NOT", "yes-no"), ("I don't know where he lives.", "IX-1 KNOW NOT IX-3 LIVE WHERE", None),
    ("Coffee?", "COFFEE", None), ("?", "YES", None),
])
def test_the_kind_of_a_sentence(text, glosses, kind):
    assert kind_of(text, glosses.split()) == kind


@pytest.mark.parametrize("text, glosses, topic", [
    ("That book, I like it.", "BOOK IX-1 LIKE", 1), ("Tomorrow, I go home.", "TOMORROW IX-1 GO HOUSE", 1),
    ("If you're cold, close the door.", "IF IX-2 COLD CLOSE DOOR", 3), ("If it rained, I go.", "IF PAST RAIN IX-1 GO", 3),
    ("I like tea, and my sister likes juice.", "IX-1 LIKE TEA AND POSS-1 SISTER LIKE fs-JUICE", 0),
    ("Hello, nice to see you.", "HELLO GOOD SEE IX-2", 0), ("The tea,", "TEA", 0), ("The tea, the tea.", "TEA", 0),
    ("My food was bad, but I ate.", "POSS-1 FOOD BAD BUT IX-1 EAT", 0), ("I like tea.", "IX-1 LIKE TEA", 0), (",", "TEA", 0),
])
def test_the_topic_of_a_sentence(text, glosses, topic):
    assert topic_of(text, glosses.split()) == topic


def test_a_question_begins_after_its_topic_and_a_negation_covers_what_it_negates():
    assert marks_of("When it rains, where do you go?", "RAIN IX-2 GO WHERE".split()) == [("topic", 0, 1), ("wh", 1, 4)]
    assert marks_of("I don't like that.", "IX-1 LIKE NOT".split()) == [("negated", 1, 3)]
    assert marks_of("Not today.", "NOT TODAY".split()) == [("negated", 0, 1)]


@pytest.mark.parametrize("text, glosses, brow", [
    ("Are you happy?", ["IX-2", "HAPPY"], 1), ("Where is it?", ["IX-3", "WHERE"], -1), ("I am happy.", ["IX-1", "HAPPY"], 0),
])
def test_brows_and_head_say_what_kind_of_sentence_it_is(resting, text, glosses, brow):
    marked = mark(resting, [Span(0, 10, 20), Span(1, 24, 32)], [(text, glosses, [0, 1])])
    found = measure(marked)
    assert round(found.brows[20], 2) == max(brow, 0) and round(found.frown[20], 2) == max(-brow, 0)
    assert (marked.joint("nose")[20, 2] > marked.joint("nose")[0, 2] + 0.01) == bool(brow), "the head goes forwards in a question"
    np.testing.assert_allclose(marked.xyz[0], resting.xyz[0], atol=1e-5)


def test_a_spelled_word_is_negated_over_all_its_letters(resting):
    spans = [Span(0, 5, 10), Span(1, 12, 15), Span(2, 15, 18), Span(3, 22, 27)]
    tracks = sentence_marks(resting, spans, [("I don't ski.", ["IX-1", "fs-SK", "NOT"], [0, 1, 1, 2])])
    assert np.abs(tracks.shake[12:27]).max() > 0.9 * SHAKE and not tracks.shake[:7].any() and not tracks.shake[32:].any()


def test_the_second_sentence_is_marked_over_its_own_signs(resting):
    spans = [Span(0, 5, 12), Span(1, 22, 30)]
    tracks = sentence_marks(resting, spans, [("I go.", ["GO"], [0]), ("Do you?", ["IX-2"], [0])])
    assert (tracks.brows[22:30] == 1).all() and not tracks.brows[:17].any()
