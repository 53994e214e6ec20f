"""What others wrote as plain objects: the limits, the lines, and what is told of what is wrong."""

import json
import zipfile

import numpy as np
import pytest

from signer_lib.errors import SignerError
from signer_lib.parsing import NotYaml, check_inflation, check_saved, from_json, from_yaml, read_arrays, read_lines


@pytest.mark.parametrize("text, said, line", [
    ("a: 1\nb: [", "did not find expected", None), ("a: 1\na: 2", "a is written twice", 2), ("a: 2001-99-99", "month must be in", None),
    ("a: " + "1" * 5000, "Exceeds the limit", None), ("x: !!bool maybe", "maybe", None), ("a: \0", "control characters", None),
    ("a: 1\n? [b]\n: 2", "a key that is a list", 2), (b"a: 1\nb: \xff", "it is not UTF-8", 2), ("x: !!python/name:os.system", "constructor", 1)])
def test_what_is_no_yaml_is_told_with_its_line_where_that_is_known(text, said, line):
    with pytest.raises(NotYaml, match=said) as error:
        from_yaml(text)
    assert "\n" not in str(error.value) and (line is None or error.value.line == line)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, "", b"\xff", "nul"])
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        from_json(text)


def test_lines_end_at_line_feeds_and_nowhere_else(tmp_path):
    path = tmp_path / "a.text"
    path.write_bytes("\ufeffone\u2028and a half\r\ntwo\x85\x0b\x0c\n\nfour".encode())
    assert read_lines(path) == ["one\u2028and a half", "two\x85\x0b\x0c", "", "four"]
    path.write_bytes(b"")
    assert read_lines(path) == []
    path.write_bytes(b"\n")
    assert read_lines(path) == [""]


@pytest.mark.parametrize("state, error", [({"_data_files": [{"filename": "../x.arrow"}]}, SignerError), ({"_data_files": ["x"]}, SignerError),
                                          ({"_data_files": 3}, ValueError), ([], ValueError)])
def test_a_saved_table_names_files_of_its_own(tmp_path, state, error):
    (tmp_path / "state.json").write_text(json.dumps(state))
    with pytest.raises(error):
        check_saved(tmp_path)
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "x.arrow"}]}))
    check_saved(tmp_path)


def test_arrays_never_hold_objects_nor_more_than_the_file(tmp_path):
    np.savez(tmp_path / "objects.npz", x=np.array([{"a": 1}], object))
    with pytest.raises(ValueError, match="which it does not hold"):
        dict(read_arrays(tmp_path / "objects.npz"))
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 108, 3), }\n"
    with zipfile.ZipFile(tmp_path / "claims.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(ValueError, match="claims float32 of shape"):
        dict(read_arrays(tmp_path / "claims.npz"))
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(100 * 2**20))
    with zipfile.ZipFile(tmp_path / "bomb.npz") as archive, pytest.raises(ValueError, match="it would inflate .* bytes to 104,857,600"):
        check_inflation(archive)


def test_a_few_bytes_of_yaml_do_not_become_gigabytes():
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 10))
    with pytest.raises(NotYaml, match="more than 1,000,000 entries"):
        from_yaml(laughs)
    assert from_yaml("a: &a [1, 2]\nb: *a\nc: {d: *a}") == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}
    with pytest.raises(NotYaml, match="stands inside what it stands for"):
        from_yaml("&a [*a]")
