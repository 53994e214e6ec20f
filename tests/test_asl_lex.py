"""ASL-LEX's CSV: rows made up here in its columns, and the whole file where it is at hand."""

import csv

import numpy as np
import pytest

from signer_lib.assets import signer_data
from signer_lib.errors import SignerError
from signer_lib.prior.asl_lex import MORPHEMES, read_asl_lex
from signer_lib.prior.asl_lex_rules import BASES, CLOSING, FAMILY, ON_THE_BASE, OPENING, PLACES, SPREADING, TURNED, WAYS
from signer_lib.prior.handshapes import load_handshapes
from signer_lib.prior.kinematics import hand_frame
from signer_lib.prior.phonology import BASE_PLACES, CONTACTS, FREE_PLACES, Compound
from signer_lib.prior.strict import vector

SIGNDATA = signer_data() and signer_data() / "asl_lex" / "signdata.csv"
COLUMNS = """Handshape SelectedFingers Flexion FlexionChange Spread SpreadChange ThumbPosition ThumbContact SignType Movement RepeatedMovement
MajorLocation MinorLocation SecondMinorLocation Contact NonDominantHandshape UlnarRotation""".split()
ONE = {"Handshape": "open_b", "SelectedFingers": "imrp", "FlexionChange": "0", "SpreadChange": "0", "SignType": "OneHanded",
       "Movement": "Straight", "RepeatedMovement": "0", "MajorLocation": "Head", "MinorLocation": "Chin", "SecondMinorLocation": "HeadAway",
       "Contact": "1", "NonDominantHandshape": "NA", "UlnarRotation": "0"}
ON_PALM = ONE | {"SignType": "AsymmetricalDifferentHandshape", "Handshape": "1", "MajorLocation": "Hand", "MinorLocation": "Palm",
                 "SecondMinorLocation": "NA", "NonDominantHandshape": "B"}


def read(tmp_path, *signs, duration="700.00"):
    """signs: (entry, {column: code} for each morpheme)."""
    names = [f"{column}{morpheme}.2.0" for morpheme in MORPHEMES for column in COLUMNS]
    path = tmp_path / "signdata.csv"
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["EntryID", "Batch", "SignDuration(ms)", *names], restval="NA")
        writer.writeheader()
        for entry, *morphemes in signs:
            codes = {f"{column}{name}.2.0": code for name, morpheme in zip(MORPHEMES, morphemes) for column, code in morpheme.items()}
            writer.writerow({"EntryID": entry, "Batch": "A", "SignDuration(ms)": duration} | codes)
    return read_asl_lex(path)


def sign_of(tmp_path, codes):
    lexicon = read(tmp_path, ("made_up", codes))
    assert not lexicon.problems
    return lexicon.signs["made_up"]


def test_a_flat_hand_that_leaves_the_chin_starts_with_its_fingertips_there(tmp_path):
    sign = sign_of(tmp_path, ONE)
    assert (sign.type, sign.handshape, sign.location, sign.contact) == ("one-handed", ("open-b",), ("chin",), "fingertips")
    assert sign.palm == ("back",) and sign.movement.path == "straight" and "front" in sign.movement.direction and sign.duration == 700


def test_a_base_hand_lies_palm_up_under_a_hand_that_touches_it(tmp_path):
    sign = sign_of(tmp_path, ON_PALM | {"RepeatedMovement": "1"})
    assert (sign.type, sign.location, sign.contact) == ("base-hand", ("base-palm",), "index-tip")
    assert (sign.base.handshape, sign.base.palm) == ("open-b", "up") and (sign.movement.path, sign.movement.repeat) == ("tap", 2)


def test_a_base_hand_of_another_sign_type_takes_the_moving_hands_shape(tmp_path):
    assert sign_of(tmp_path, ON_PALM | {"SignType": "DominanceViolation", "NonDominantHandshape": "DominanceViolation"}).base.handshape == "1"


def test_an_aperture_that_changes_gives_a_second_handshape(tmp_path):
    assert sign_of(tmp_path, ONE | {"Handshape": "s", "FlexionChange": "1"}).handshape == ("s", "5")
    assert sign_of(tmp_path, ONE | {"Handshape": "5", "FlexionChange": "1", "SpreadChange": "1"}).handshape == ("5", "flat-o")
    assert sign_of(tmp_path, ONE | {"Handshape": "l", "FlexionChange": "1", "RepeatedMovement": "1"}).movement.hand == "open-close"


def test_a_rotation_turns_the_palm_once_or_twists_the_forearm_repeatedly(tmp_path):
    once, often = (sign_of(tmp_path, ONE | {"UlnarRotation": "1", "RepeatedMovement": repeated}) for repeated in "01")
    assert len(once.palm) == 2 and once.movement.hand is None and len(often.palm) == 1 and often.movement.hand == "twist"


def test_two_hands_without_contact_circle_in_turn(tmp_path):
    codes = ONE | {"SignType": "SymmetricalOrAlternating", "Movement": "Circular", "MajorLocation": "Neutral", "MinorLocation": "Neutral",
                   "SecondMinorLocation": "Neutral", "NonDominantHandshape": "open_b"}
    assert sign_of(tmp_path, codes | {"Contact": "0"}).type == "alternating" and sign_of(tmp_path, codes).type == "symmetric"


def test_morphemes_make_a_compound_that_lasts_as_long_as_recorded(tmp_path):
    lexicon = read(tmp_path, ("made_up", ONE, ON_PALM), ("spelled", ONE, {"Handshape": "5", "SelectedFingers": "imrp"}), duration="900")
    made_up, spelled = lexicon.signs["made_up"], lexicon.signs["spelled"]
    assert isinstance(made_up, Compound) and [part.type for part in made_up.parts] == ["one-handed", "base-hand"]
    assert sum(part.duration for part in made_up.parts) == pytest.approx(900)
    assert spelled.parts[1].location == ("chin",) and spelled.parts[1].movement.path == "none"


def test_two_signs_of_one_name_are_both_kept(tmp_path):
    assert list(read(tmp_path, ("same", ONE), ("same", ON_PALM)).signs) == ["same", "same*"]


def test_a_row_that_cannot_be_read_keeps_its_reason(tmp_path):
    lexicon = read(tmp_path, ("fine", ONE), ("moved", ONE | {"Movement": "Other"}), ("shapeless", ONE | {"Handshape": "NA"}),
                   ("placed", ONE | {"MajorLocation": "Other", "MinorLocation": "Other"}), ("typeless", ONE | {"SignType": "NA"}))
    assert list(lexicon.signs) == list(lexicon.durations) == list(lexicon.batches) == ["fine"]
    assert lexicon.problems == {"moved": "the movement is coded Other", "placed": "the place is coded Other, Other",
                                "shapeless": "no handshape is coded for morpheme M1", "typeless": "the sign type is coded NA"}


def test_files_that_are_not_asl_lex(tmp_path):
    with pytest.raises(SignerError, match="cannot be read"):
        read_asl_lex(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("EntryID,Batch\na,b\n")
    with pytest.raises(SignerError, match="lacks the column SignDuration"):
        read_asl_lex(tmp_path / "other.csv")


def test_the_rules_name_only_what_exists():
    shapes = load_handshapes()
    assert {name.replace("_", "-") for name in FAMILY} <= set(shapes)
    for change in (CLOSING, OPENING, SPREADING):
        assert set(change) | set(change.values()) <= set(shapes)
    ways = [way for situation in WAYS.values() for way in situation.values()]
    assert {part for _, _, part in ways} <= set(CONTACTS) and all("" in situation for situation in WAYS.values())
    for palm, fingers in [way[:2] for way in ways] + list(BASES.values()):
        assert np.isfinite(hand_frame(vector(palm), vector(fingers))).all()
        assert abs(vector(palm) @ vector(fingers)) < 0.9
    assert all(vector(palm) @ vector(turned) < 0.75 for palm, turned in TURNED.items())
    assert {place for place in PLACES.values() if place.startswith("base-")} == set(ON_THE_BASE) <= set(BASE_PLACES)
    assert all(place in FREE_PLACES or "other" in place or place.startswith("base-") for place in PLACES.values())


@pytest.mark.skipif(SIGNDATA is None or not SIGNDATA.exists(), reason="ASL-LEX's signdata.csv is not at hand")
def test_nearly_all_of_asl_lex_is_read():
    lexicon = read_asl_lex(SIGNDATA)
    total = len(lexicon.signs) + len(lexicon.problems)
    assert total == 2723 and len(lexicon.signs) >= 0.95 * total
    for sign in lexicon.signs.values():
        for part in sign.parts if isinstance(sign, Compound) else (sign,):
            assert all(lexicon.handshapes[shape].shape == (21,) for shape in part.handshape)
            assert all(abs(vector(part.palm[k]) @ vector(part.fingers[k])) < 0.9 for k in (0, -1)), sign.gloss
