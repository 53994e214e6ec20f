"""The lexicon's YAML: what is read, and the one line that every mistake becomes."""

import pytest
import yaml

from signer_lib.errors import SignerError
from signer_lib.prior.body import load_body
from signer_lib.prior.compiler import compile_sign
from signer_lib.prior.durations import duration_of
from signer_lib.prior.handshapes import handshapes_of
from signer_lib.prior.phonology import LEXICON, Compound, Movement, load_signs

HELLO = {"type": "one-handed", "handshape": "b", "palm": "front", "fingers": "up", "location": "temple"}
BASE = {"handshape": "b", "palm": "up", "fingers": "front", "location": "neutral-left"}
def load(folder, spec, gloss="HELLO"):
    (folder / "signs_test.yaml").write_text(yaml.safe_dump({gloss: spec}))
    return load_signs(folder)[gloss]


def test_a_sign_is_read_with_its_defaults(tmp_path):
    sign = load(tmp_path, HELLO)
    assert (sign.gloss, sign.handshape, sign.location, sign.face) == ("HELLO", ("b",), ("temple",), ())
    assert sign.movement == Movement() and sign.contact is None and sign.base is None


def test_a_sign_without_a_duration_takes_the_rules(tmp_path):
    long, short = load(tmp_path, HELLO | {"movement": {"path": "circle", "repeat": 2}}), load(tmp_path, HELLO)
    assert long.duration == duration_of(long) > short.duration == duration_of(short)
    assert load(tmp_path, HELLO | {"duration": 480}).duration == 480


def test_a_handshape_may_be_given_by_its_features(tmp_path):
    sign = load(tmp_path, HELLO | {"handshape": [{"selected": "im", "flexion": "Flat", "spread": True}, "im:Bent:open"]})
    assert sign.handshape == ("im:Flat:spread:closed", "im:Bent:open")
    assert handshapes_of(tmp_path)[sign.handshape[0]][0] == 72


def test_several_face_markers_go_together(tmp_path):
    assert load(tmp_path, HELLO | {"face": ["brows-down", "head-shake"]}).face == ("brows-down", "head-shake")


def test_a_base_hand_may_move_along(tmp_path):
    spec = HELLO | {"type": "base-hand", "location": "base-palm"}
    assert load(tmp_path, spec | {"base": BASE | {"moves": True}}).base.moves and not load(tmp_path, spec | {"base": BASE}).base.moves


def test_a_compound_is_made_of_signs_and_descriptions(tmp_path):
    (tmp_path / "signs_a.yaml").write_text(yaml.safe_dump({"BOTH": {"compound": ["HELLO", HELLO | {"location": "chin"}]}}))
    both = load(tmp_path, HELLO) and load_signs(tmp_path)["BOTH"]
    assert isinstance(both, Compound) and [part.location for part in both.parts] == [("temple",), ("chin",)]
    assert sum(part.duration for part in both.parts) < 2 * load_signs(tmp_path)["HELLO"].duration


def test_pairs_numbers_and_base_are_read(tmp_path):
    sign = load(tmp_path, HELLO | {"type": "base-hand", "handshape": [5, "s"], "palm": ["front", "left-down"],
                                   "location": ["chin", "base-palm"], "base": BASE, "movement": {"repeat": 2}})
    assert sign.handshape == ("5", "s") and sign.palm[1] == "left-down" and sign.base.location == "neutral-left"
    assert sign.movement.path == "straight" and sign.movement.repeat == 2


WRONG = {
    "handshape": ({"handshape": "bent-bb"}, "sign HELLO, field 'handshape': unknown handshape 'bent-bb'; did you mean bent-b"),
    "place": ({"location": "tempel"}, "field 'location': unknown place 'tempel'; did you mean temple"),
    "direction": ({"palm": "upp"}, "field 'palm': unknown direction 'upp'; use up, down"),
    "no way": ({"palm": "up-down"}, "unknown direction 'up-down'"),
    "key": ({"handhsape": "b"}, "sign HELLO: unknown field 'handhsape'; did you mean handshape"),
    "movement key": ({"movement": {"paht": "arc"}}, "sign HELLO, movement: unknown field 'paht'; did you mean path"),
    "missing": ({"palm": None}, "sign HELLO: the field 'palm' is missing"),
    "type": ({"type": "two-handed"}, "unknown type 'two-handed'; did you mean"),
    "number": ({"duration": "long"}, "field 'duration': must be a number from 100 to 5000, not 'long'"),
    "whole": ({"movement": {"repeat": 1.5}}, "movement, field 'repeat': must be a whole number from 1 to 8, not 1.5"),
    "three": ({"palm": ["up", "down", "up"]}, "field 'palm': give one direction or two"),
    "kind": ({"location": {"x": 1}}, "field 'location': a place is a name, not"),
    "boolean": ({"handshape": True}, "a handshape is a name, not True"),
    "contact": ({"contact": "index"}, "unknown contact 'index'; did you mean index-tip"),
    "direction missing": ({"movement": {"path": "straight"}}, "movement, field 'direction': the path straight needs a direction"),
    "base missing": ({"type": "base-hand"}, "field 'base': needed for the type base-hand"),
    "base unwanted": ({"base": BASE}, "field 'base': only for the type base-hand"),
    "base field": ({"type": "base-hand", "base": {"handshape": "b"}}, "sign HELLO, base: the field 'palm' is missing"),
    "base place": ({"location": "base-palm"}, "unknown place 'base-palm'"),
    "open-close": ({"movement": {"hand": "open-close"}}, "field 'handshape': open-close needs two handshapes"),
    "face": ({"face": "smile"}, "field 'face': unknown face 'smile'"),
    "features": ({"handshape": {"selected": "im", "flexion": "Flatt"}}, "handshape, field 'flexion': unknown flexion 'Flatt'; did you mean Flat"),
    "no features": ({"handshape": {"flexion": "Flat"}}, "sign HELLO, handshape: the field 'selected' is missing"),
    "spread": ({"handshape": {"selected": "im", "spread": "yes"}}, "field 'spread': must be true or false, not 'yes'"),
    "spelling": ({"handshape": "im:Flat:spred:closed"}, "unknown handshape 'im:Flat:spred:closed'"),
    "moves": ({"type": "base-hand", "location": "base-palm", "base": BASE | {"moves": "up"}}, "base, field 'moves': must be true or false, not 'up'"),
    "base pair": ({"type": "base-hand", "base": BASE | {"handshape": ["b", "s"]}}, "base, field 'handshape': give one handshape, not 2"),
    "compound": ({"compound": ["HELLO"]}, "sign HELLO: unknown field "),
    "shape": ("front", "sign HELLO: expected a mapping of fields, not 'front'"),
}


@pytest.mark.parametrize("spec, message", WRONG.values(), ids=WRONG)
def test_mistakes_name_file_sign_and_field(tmp_path, spec, message):
    with pytest.raises(SignerError) as error:
        load(tmp_path, HELLO | spec if isinstance(spec, dict) else spec)
    assert message in str(error.value) and "signs_test.yaml" in str(error.value) and "\n" not in str(error.value)


def test_broken_yaml_names_the_line(tmp_path):
    (tmp_path / "signs_test.yaml").write_text("HELLO: {type: one-handed}\nBOOK: {type: [}\n")
    with pytest.raises(SignerError, match=r"signs_test.yaml, line 2: not valid YAML"):
        load_signs(tmp_path)


def test_a_sign_written_twice_in_a_file_is_refused(tmp_path):
    (tmp_path / "signs_test.yaml").write_text("ROOM: {type: one-handed}\nBOOK: {}\nROOM: {type: symmetric}\n")
    with pytest.raises(SignerError, match=r"signs_test.yaml, line 3: not valid YAML \(ROOM is written twice\)"):
        load_signs(tmp_path)


def test_files_that_cannot_be_a_lexicon(tmp_path):
    with pytest.raises(SignerError, match="no signs.*yaml in"):
        load_signs(tmp_path)
    (tmp_path / "signs_a.yaml").write_text("- HELLO\n")
    with pytest.raises(SignerError, match="top level must be a mapping"):
        load_signs(tmp_path)
    (tmp_path / "signs_a.yaml").write_text("NO: {}\n")
    with pytest.raises(SignerError, match="in quotes"):
        load_signs(tmp_path)
    (tmp_path / "signs_a.yaml").write_text(yaml.safe_dump({"HELLO": HELLO}))
    (tmp_path / "signs_b.yaml").write_text(yaml.safe_dump({"HELLO": HELLO}))
    with pytest.raises(SignerError, match="signs_b.yaml, sign HELLO: described twice"):
        load_signs(tmp_path)


@pytest.mark.parametrize("parts, message", [(["GOODBYE"], "two or more"), (["HELO", "HELLO"], "unknown sign 'HELO'; did you mean HELLO"),
                                            (["HELLO", {"type": "x"}], "sign BOTH, part 2: the field 'handshape' is missing")])
def test_mistakes_in_a_compound_name_it(tmp_path, parts, message):
    (tmp_path / "signs_a.yaml").write_text(yaml.safe_dump({"BOTH": {"compound": parts}}))
    with pytest.raises(SignerError) as error:
        load(tmp_path, HELLO)
    assert message in str(error.value) and "sign BOTH" in str(error.value)


def test_the_shipped_signs_are_read_and_compile():
    signs, body = load_signs(), load_body()
    assert len(signs) >= 300 and {"DO", "TIME", "PARENTS", "TEACHER"} <= set(signs)
    for sign in list(signs.values())[::12]:
        assert len(compile_sign(sign, body)) >= 6


def test_only_the_rule_gives_the_shipped_signs_their_durations():
    assert not [file.name for file in LEXICON.glob("signs*.yaml") if "duration" in file.read_text(encoding="utf-8")]
