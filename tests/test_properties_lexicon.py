"""Descriptions of signs: what the vocabulary allows compiles or is refused in one line, and comes back from YAML and from its own record."""

from dataclasses import asdict

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from properties import trees
from signer_lib.errors import SignerError
from signer_lib.pose.skeleton import SIGNER70
from signer_lib.prior.body import ARM_PLACES, BASE_PLACES, load_body
from signer_lib.prior.compiler import VARIANTS, compile_sign
from signer_lib.prior.handshapes import FLEXIONS, SELECTED, angles_of, load_handshapes, spelled
from signer_lib.prior.kinematics import HAND_LIMITS
from signer_lib.prior.neighbours import distance
from signer_lib.prior.phonology import CONTACTS, FACES, FREE_PLACES, HAND_MOVEMENTS, PATHS, PLANES, TYPES, Compound, load_signs
from signer_lib.prior.strict import AXES
from signer_lib.prior.table import bone_drift, bone_lengths

SHAPES = sorted(load_handshapes())
DIRECTION = st.sampled_from([*AXES, "front-left", "up-back", "down-right", "front-back"])
NUMBER = st.floats(-1, 3, allow_nan=False) | st.integers(-1, 9)
MAYBE = lambda values: st.none() | values


def one_or_two(values):
    return values | st.lists(values, min_size=2, max_size=2)


SELECTION = st.fixed_dictionaries({"selected": st.sampled_from(SELECTED)}, optional={
    "flexion": st.sampled_from(list(FLEXIONS)), "spread": st.booleans(), "thumb": st.sampled_from(["Open", "Closed"]), "contact": st.booleans()})
SHAPE = st.sampled_from(SHAPES) | SELECTION
PLACE = st.sampled_from([*FREE_PLACES, *ARM_PLACES, *BASE_PLACES])
MOVEMENT = st.fixed_dictionaries({}, optional={
    "path": st.sampled_from(PATHS), "plane": st.sampled_from(PLANES), "direction": DIRECTION, "bulge": DIRECTION, "size": st.floats(0, 0.6),
    "repeat": st.integers(1, 3), "hand": st.sampled_from(HAND_MOVEMENTS)})
BASE = st.fixed_dictionaries({"handshape": SHAPE, "palm": DIRECTION, "fingers": DIRECTION, "location": st.sampled_from(FREE_PLACES)},
                             optional={"moves": st.booleans()})
SIGN = st.fixed_dictionaries({"type": st.sampled_from(TYPES), "handshape": one_or_two(SHAPE), "palm": one_or_two(DIRECTION),
                              "fingers": one_or_two(DIRECTION), "location": one_or_two(PLACE)}, optional={
    "contact": MAYBE(st.sampled_from(CONTACTS)), "movement": MOVEMENT, "base": BASE, "duration": st.integers(300, 1500),
    "face": st.lists(st.sampled_from(FACES), min_size=1, max_size=2, unique=True)})
# the same, with what the vocabulary knows made to fit: most of these compile
SOUND = SIGN.map(lambda sign: sign | {"base": sign.get("base") or {"handshape": "open-b", "palm": "up", "fingers": "front", "location": "neutral"}}
                 if sign["type"] == "base-hand" else {key: value for key, value in sign.items() if key != "base"})


def read(folder, **specs):
    (folder / "signs.yaml").write_text(yaml.safe_dump(specs), encoding="utf-8")
    return load_signs(folder)


def spec_of(sign):
    """A sign's record, as the prior keeps it, as a description."""
    plain = lambda value: {k: plain(v) for k, v in value.items() if v is not None and v != ()} if isinstance(value, dict) else (
        [plain(v) for v in value] if isinstance(value, tuple) and len(value) > 1 else value[0] if isinstance(value, tuple) else value)
    told = plain(asdict(sign))
    return {key: value for key, value in told.items() if key != "gloss"}


@given(SOUND | SIGN)
def test_a_description_is_read_or_refused_in_one_line_and_comes_back(tmp_path_factory, spec):
    folder = tmp_path_factory.mktemp("lexicon")
    try:
        sign = read(folder, ONE=spec)["ONE"]
    except SignerError as error:
        assert str(error).isprintable() and "sign ONE" in str(error)
        return
    again = read(folder, ONE=spec_of(sign))["ONE"]
    assert again == sign and distance(asdict(sign), asdict(again)) == 0


@settings(max_examples=30)
@given(SOUND, st.sampled_from(VARIANTS))
def test_what_is_read_compiles_into_a_whole_body_or_is_refused(tmp_path_factory, spec, variant):
    body = load_body()
    try:
        sign = read(tmp_path_factory.mktemp("lexicon"), ONE=spec)["ONE"]
        poses = compile_sign(sign, body, variant, 25, load_handshapes())
    except SignerError as error:
        assert str(error).isprintable()
        return
    assert len(poses) >= 2 and np.isfinite(poses.xyz).all() and poses.xyz.shape[1] == len(SIGNER70)
    assert bone_drift(bone_lengths(poses.xyz)).max() < 1e-3 and abs(poses.xyz).max() < 4, "bones keep their lengths, nobody leaves the picture"
    assert poses.duration == pytest.approx(sign.duration / 1000 / variant.speed, abs=0.1)


@settings(max_examples=10)
@given(st.lists(SOUND, min_size=2, max_size=3))
def test_a_compound_is_of_its_parts(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("lexicon")
    names = [f"P{k}" for k in range(len(parts))]
    try:
        signs = read(folder, **dict(zip(names, parts)), WHOLE={"compound": names})
    except SignerError:
        return
    assert isinstance(signs["WHOLE"], Compound) and len(signs["WHOLE"].parts) == len(parts)
    assert all(part.handshape == signs[name].handshape for part, name in zip(signs["WHOLE"].parts, names))


@given(st.dictionaries(st.text(max_size=6), trees(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)), max_size=3),
       st.dictionaries(st.sampled_from("type handshape palm fingers location contact movement base duration face".split()),
                       trees(st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.sampled_from(["up", "neutral", "5", "one-handed"])),
                       max_size=5))
def test_anything_else_is_refused_in_one_line(tmp_path_factory, foreign, fields):
    for spec in (foreign, fields):
        try:
            read(tmp_path_factory.mktemp("lexicon"), ONE=spec, **foreign)
        except SignerError as error:
            assert str(error).isprintable()
        else:
            raise AssertionError(f"{spec} was taken for a sign")


@given(SELECTION)
def test_handshapes_keep_to_the_joints_limits_and_to_their_names(features):
    from signer_lib.prior.handshapes import Features

    shape = Features(**features)
    assert spelled(str(shape)) == shape
    angles = angles_of(shape)
    assert angles.shape == (21,) and (angles >= HAND_LIMITS[:, 0] - 1e-6).all() and (angles <= HAND_LIMITS[:, 1] + 1e-6).all()
