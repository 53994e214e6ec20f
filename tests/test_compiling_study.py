"""The study that compiles and checks every sign."""

from dataclasses import replace

from signer_lib.prior.compiling_study import ALLOWED, study
from signer_lib.prior.phonology import load_signs


def test_signs_are_compiled_checked_and_timed_and_one_that_cannot_be_is_named_with_its_reason():
    signs = load_signs()
    book, mother = signs["BOOK"], signs["MOTHER"]
    impossible = replace(mother, gloss="NO-HAND", palm=("up",), fingers=("up",))
    long = 1000.0
    found = study({"BOOK": book, "MOTHER": mother, "NO-HAND": impossible}, 1, {"MOTHER": mother.duration + long})
    assert found["compiled"] == 2 and list(found["problems"]) == ["NO-HAND"] and "parallel" in found["problems"]["NO-HAND"]
    assert all(found["figures"][key]["within"] == found["figures"][key]["signs"] for key in ALLOWED)
    assert found["figures"]["duration_error_ms"]["signs"] == 1 and abs(found["figures"]["duration_error_ms"]["median"] - long) <= 20
    assert "duration_error_ms" not in study({"BOOK": book}, 1)["figures"]
