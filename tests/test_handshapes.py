"""Handshapes: the named ones, and those made from features."""

from itertools import combinations

import numpy as np
import pytest
import yaml

from signer_lib.errors import SignerError
from signer_lib.prior.body import load_body
from signer_lib.prior.handshapes import FLEXIONS, LEXICON, SELECTED, Features, angles_of, load_handshapes, spelled
from signer_lib.prior.kinematics import HAND_LIMITS

ASL_LEX = """1 3 4 5 7 8 a baby-o bent-1 bent-l bent-v c closed-b closed-e curved-1 curved-4 curved-5 curved-h curved-l curved-v d e f flat-1
flat-4 flat-b flat-h flat-horns flat-ily flat-m flat-n flat-o flat-v flatspread-5 g goody-goody h horns i ily k l n o open-8 open-b open-e
open-f open-h p r s spread-e spread-open-e stacked-5 t v w y""".split()
THINNEST = 0.015                        # shoulder widths between the middles of two bones; a finger is about 0.06 thick
EVERY = [Features(selected, flexion, spread, thumb, contact) for selected in SELECTED for flexion in FLEXIONS for spread in (False, True)
         for thumb in ("Open", "Closed") for contact in (False, True)]


def test_every_handshape_of_asl_lex_has_a_name_and_there_are_sixty():
    shapes = load_handshapes()
    assert set(ASL_LEX) <= set(shapes) and len(shapes) >= 60 and len({tuple(angles) for angles in shapes.values()}) >= 60


def test_no_finger_of_a_named_handshape_is_broken_or_passes_through_another():
    body = load_body()
    steps = np.linspace(0, 1, 9)[:, None]
    for name, angles in load_handshapes().items():
        assert ((angles >= HAND_LIMITS[:, 0]) & (angles <= HAND_LIMITS[:, 1])).all(), name
        joints = body.hand_points(angles[None])[0][1:].reshape(5, 4, 3)
        bones = [np.concatenate([a + steps * (b - a) for a, b in zip(finger[:-1], finger[1:])]) for finger in joints]
        for one, other in combinations(bones, 2):
            assert np.linalg.norm(one[:, None] - other, axis=-1).min() > THINNEST, name


def test_features_lie_within_the_joints_limits():
    for features in EVERY[::5]:
        angles = angles_of(features)
        assert angles.shape == (21,) and ((angles >= HAND_LIMITS[:, 0]) & (angles <= HAND_LIMITS[:, 1])).all(), features


def test_every_canonical_spelling_is_read_back():
    assert all(spelled(str(features)) == features for features in EVERY)
    for wrong in ("im", "im:Flat", "im:Flat:spread", "xy:Flat:open", "im:Flat:open:spread"):
        with pytest.raises(KeyError):
            spelled(wrong)


def test_selected_fingers_flex_and_the_others_close():
    fingers = angles_of(Features("im", "Bent", spread=True))[:16].reshape(4, 4)
    assert (fingers[:2, 0] < 20).all() and (fingers[:2, 1] > 60).all() and (fingers[2:, 0] > 60).all() and fingers[0, 3] > 0 > fingers[1, 3]


@pytest.mark.parametrize("features", [Features("i", "Curved", False, "Open", True), Features("m", "Curved", False, "Open", True),
                                      Features("imrp", "Flat", False, "Open", True), Features("p", "Curved", False, "Open", True)], ids=str)
def test_a_thumb_in_contact_meets_the_selected_tips(features):
    hand = load_body().hand_points(angles_of(features)[None])[0]
    tips = hand[[8 + 4 * "imrp".index(letter) for letter in features.selected]].mean(0)
    assert 0.03 < np.linalg.norm(hand[4] - tips) < 0.1


def test_a_ring_of_thumb_and_finger_leaves_the_other_fingers_open():
    made, named = angles_of(Features("i", "Curved", thumb="Open", contact=True)), load_handshapes()["f"]
    assert (made[[4, 8, 12]] < 10).all() and (named[[4, 8, 12]] < 10).all()


def test_handshape_mistakes_name_the_joint(tmp_path):
    b = yaml.safe_load((LEXICON / "handshapes.yaml").read_text())["handshapes"]["b"]
    for number, (wrong, message) in enumerate([
            (b | {"index": [0, 0, 170, 0]}, "handshape b, field 'index': dip of 170 degrees is outside the joint's limits"),
            (b | {"thumb": [0, 0]}, "field 'thumb': needs 5 angles in degrees"), (b | {"ring": ["a", 0, 0, 0]}, "field 'ring': needs 4 angles"),
            ({"selected": "q"}, "handshape b, field 'selected': unknown choice of fingers 'q'")]):
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump({"handshapes": {"b": wrong}}))
        with pytest.raises(SignerError) as error:
            load_handshapes(path)
        assert message in str(error.value)
    with pytest.raises(SignerError, match="cannot be read"):
        load_handshapes(tmp_path / "none.yaml")
