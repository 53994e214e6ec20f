"""What is written down is what was read; a user's file keeps what else is in it."""

import pytest
import yaml

from signer_lib.errors import SignerError
from signer_lib.prior.handshapes import LEXICON, handshapes_of
from signer_lib.prior.phonology import Sign, load_signs, read_sign
from signer_lib.prior.writing import description, save_sign, sign_yaml

HELLO = {"type": "one-handed", "handshape": "b", "palm": "front", "fingers": "up", "location": "temple"}


def test_every_sign_of_the_lexicon_comes_back_from_its_description():
    shapes = tuple(handshapes_of(LEXICON))
    signs = [sign for sign in load_signs().values() if isinstance(sign, Sign)]
    for sign in signs:
        written = yaml.safe_load(sign_yaml(sign.gloss, description(sign)))
        assert read_sign("here", sign.gloss, written[sign.gloss], shapes) == sign
    assert len(signs) > 300


def test_a_saved_sign_is_in_the_lexicon_and_comments_stay(tmp_path):
    file = tmp_path / "lexicon" / "signs_mine.yaml"
    save_sign("HELLO", HELLO, file)
    file.write_text("# mine\n" + file.read_text() + "# the end")
    save_sign("YES", HELLO | {"location": "chin"}, file)
    save_sign("HELLO", HELLO | {"palm": "left"}, file, replace=True)
    signs = load_signs(file.parent)
    assert (signs["HELLO"].palm, signs["YES"].location) == (("left",), ("chin",)) and list(signs) == ["HELLO", "YES"]
    assert "# mine\n" in file.read_text() and "# the end\n" in file.read_text()


def test_a_sign_in_braces_is_replaced_alone(tmp_path):
    file = tmp_path / "signs.yaml"
    one = "{type: one-handed, handshape: b, palm: front, fingers: up,\n  location: temple}"
    file.write_text(f"A: {one}\n\n# about B\nB: {one}\n# about C\nC: {one}\n")
    save_sign("B", HELLO | {"location": "chin"}, file, replace=True)
    assert [sign.location[0] for sign in load_signs(tmp_path).values()] == ["temple", "chin", "temple"]
    assert file.read_text().index("# about B") < file.read_text().index("chin") < file.read_text().index("# about C")


@pytest.mark.parametrize("gloss, spec, name, said", [
    ("hello", HELLO, "signs.yaml", "capitals"), ("HELLO", HELLO, "mine.yaml", r"signs\*\.yaml"),
    ("HELLO", HELLO | {"palm": "sideways"}, "signs.yaml", "palm"),
    ("THERE", HELLO, "signs.yaml", "already"), ("NEW", HELLO, "signs_list.yaml", "top level"), ("NEW", HELLO, "signs_flow.yaml", "not valid YAML")])
def test_what_cannot_be_saved_leaves_the_file_as_it_was(tmp_path, gloss, spec, name, said):
    save_sign("THERE", HELLO, tmp_path / "signs.yaml")
    (tmp_path / "signs_list.yaml").write_text("- one\n")
    (tmp_path / "signs_flow.yaml").write_text("{OLD: {}}\n")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    with pytest.raises(SignerError, match=said):
        save_sign(gloss, spec, tmp_path / name)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
