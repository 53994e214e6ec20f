"""The lexicon's YAML: what is read, and the one line that every mistake becomes."""

import pytest
import yaml

from signer_lib.errors import SignerError
from signer_lib.prior.compiler import compile_sign
from signer_lib.prior.kinematics import load_body
from signer_lib.prior.phonology import LEXICON, Movement, load_handshapes, load_signs

HELLO = {"type": "one-handed", "handshape": "b", "palm": "front", "fingers": "up", "location": "temple"}
BASE = {"handshape": "b", "palm": "up", "fingers": "front", "location": "neutral-left"}
NAMES = """a b c d e f g h i k l m n o p q r s t u v w x y 1 2 3 4 5 6 7 8 9 10 open-b flat-o bent-b claw-5 bent-5 curved-5 open-8
bent-v flat-c baby-c bent-l open-f horns ily one-i bent-1 relaxed open-a corna 25 bent-3 closed-x flat-f""".split()


def load(folder, spec, gloss="HELLO"):
    (folder / "signs_test.yaml").write_text(yaml.safe_dump({gloss: spec}))
    return load_signs(folder)[gloss]


def test_every_named_handshape_is_there():
    assert set(NAMES) <= set(load_handshapes())
    assert all(angles.shape == (21,) for angles in load_handshapes().values())


def test_a_sign_is_read_with_its_defaults(tmp_path):
    sign = load(tmp_path, HELLO)
    assert (sign.gloss, sign.handshape, sign.location, sign.duration) == ("HELLO", ("b",), ("temple",), 700)
    assert sign.movement == Movement() and sign.contact is None and sign.base is None


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


def test_handshape_mistakes_name_the_joint(tmp_path):
    shapes = yaml.safe_load((LEXICON / "handshapes.yaml").read_text())
    path = tmp_path / "handshapes.yaml"
    for finger, angles, message in (("index", [0, 0, 170, 0], "handshape b, field 'index': dip of 170 degrees is outside"),
                                    ("thumb", [0, 0], "field 'thumb': needs 5 angles in degrees"),
                                    ("ring", ["a", 0, 0, 0], "field 'ring': needs 4 angles")):
        wrong = {"b": shapes["handshapes"]["b"] | {finger: angles}}
        path.write_text(yaml.safe_dump({"limits": shapes["limits"], "handshapes": wrong}))
        load_handshapes.cache_clear()
        with pytest.raises(SignerError) as error:
            load_handshapes(path)
        assert message in str(error.value)
    with pytest.raises(SignerError, match="cannot be read"):
        load_handshapes(tmp_path / "none.yaml")


@pytest.mark.skipif(not list(LEXICON.glob("signs*.yaml")), reason="no signs written yet")
def test_the_shipped_signs_are_read_and_compile():
    signs, body = load_signs(), load_body()
    assert len(signs) >= 60
    for sign in list(signs.values())[::8]:
        assert len(compile_sign(sign, body)) >= 6
