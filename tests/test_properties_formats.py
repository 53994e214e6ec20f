"""What is written comes back: every writer with its reader, and what every reader of a camera's landmarks must not depend on."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from properties import SEEDS, poses, trees
from signer_lib.errors import SignerError
from signer_lib.files import filling, inside
from signer_lib.metrics.recognition import read_prototypes
from signer_lib.parsing import DEEPEST, NotYaml, from_json, from_yaml, read_arrays
from signer_lib.performances.folder import Performed, read_split, write_split
from signer_lib.performances.units import Span, Unit
from signer_lib.pose.formats import read_pose, read_poses, write_pose
from signer_lib.pose.formats.folder import read_folder
from signer_lib.prior.database import Prior
from signer_lib.prior.exporting import write_prototypes
from signer_lib.prior.table import clip_row, decode
from signer_lib.render.video import frame_rate, read_video, write_video
from signer_lib.results import read_result, read_results, write_result
from signer_lib.resume import load_state, save_state

FEW = settings(max_examples=10)
PLAIN = st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=["Cs", "Cc"]))
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), min_size=1)
NAMES = st.text("abcdefghij_", min_size=1, max_size=6)


def same(found, sequence, atol=2e-6):
    np.testing.assert_allclose(found.xyz, sequence.xyz, atol=atol)
    np.testing.assert_array_equal(np.isnan(found.xyz), np.isnan(sequence.xyz))


# --- poses -----------------------------------------------------------------------------------------------------------
@given(poses())
def test_a_pose_file_comes_back_as_it_was(tmp_path_factory, sequence):
    path = tmp_path_factory.mktemp("pose") / "a.pose"
    assume((sequence.confidence[:, [2, 5]] > 0).any())
    found = read_pose(write_pose(sequence, path))
    same(found, sequence)
    np.testing.assert_array_equal(found.confidence, sequence.confidence)
    assert found.fps == sequence.fps
    before = path.read_bytes()
    same(read_pose(write_pose(found, path)), found, atol=2e-6)
    assert len(path.read_bytes()) == len(before) and list(read_poses(path)) == ["a"]


@FEW
@given(st.dictionaries(NAMES.map(str.upper), poses(), min_size=1, max_size=3))
def test_a_prior_gives_back_its_clips(tmp_path_factory, clips):
    prior = Prior.new(tmp_path_factory.mktemp("prior") / "prior")
    added = prior.add(clip_row(gloss, "one", clip, source="recording", licence="CC0-1.0", signer="made") for gloss, clip in clips.items())
    assert added == len(clips) and prior.glosses == tuple(clips)
    for gloss, clip in clips.items():
        found, = Prior.load(prior.folder).candidates(gloss)
        np.testing.assert_array_equal(found.poses.xyz, clip.xyz)
        np.testing.assert_allclose(found.poses.confidence, clip.confidence, atol=1e-3)
        np.testing.assert_array_equal(decode(next(prior.rows())).xyz, clips[prior.glosses[0]].xyz)


@FEW
@given(st.dictionaries(NAMES.map(str.upper), poses(missing=st.just(0.0)), min_size=1, max_size=3))
def test_an_exported_lexicon_holds_the_same_poses(tmp_path_factory, clips):
    folder = tmp_path_factory.mktemp("export")
    prior = Prior.new(folder / "prior")
    prior.add(clip_row(gloss, "one", clip, source="recording", licence="CC0-1.0", signer="made") for gloss, clip in clips.items())
    prior.export(folder / "lexicon")
    found = read_poses(folder / "lexicon")
    assert list(found) == list(clips)
    for sequence, clip in zip(found.values(), clips.values(), strict=True):
        assert len(sequence) == len(clip) and sequence.fps == clip.fps and np.isfinite(sequence.xyz).all()


@FEW
@given(st.lists(poses(fps=st.just(25.0)), min_size=1, max_size=3), LINE)
def test_performances_come_back(tmp_path_factory, clips, text):
    folder = tmp_path_factory.mktemp("performed")
    units = [Unit("BOOK", 0), Unit("A", 1, "fs-AB")]
    rows = [Performed(f"s{k}", text, ["BOOK", "fs-AB"], units, clip, [Span(0, 0, 1), Span(None, 1, len(clip))], "one", ["citation"])
            for k, clip in enumerate(clips)]
    write_split(folder, "train", rows)
    for found, row in zip(read_split(folder, "train"), rows, strict=True):
        told = lambda r: (r.name, r.text, r.glosses, r.units, r.spans, r.signer, r.clips, len(r.poses), r.poses.fps)
        assert told(found) == told(row)
        lacking = ~np.isfinite(row.poses.xyz).all((1, 2))                     # such a frame is as it was, the others get the default signer's bones
        same(found.poses.__class__(found.poses.xyz[lacking], 25.0), row.poses.__class__(row.poses.xyz[lacking], 25.0), atol=2e-3)
        assert np.isfinite(found.poses.xyz[~lacking]).all()


@given(st.lists(st.tuples(SEEDS, st.integers(1, 5)), min_size=1, max_size=4), st.integers(1, 60), st.sampled_from([np.float16, np.float32]))
def test_a_folder_of_sentences_comes_back_bit_by_bit(tmp_path_factory, shapes, joints, kind):
    folder = tmp_path_factory.mktemp("folder")
    arrays = [np.random.default_rng(seed).normal(size=(frames, joints, 3)).astype(kind) for seed, frames in shapes]
    save_file({f"{k:06d}": x for k, x in enumerate(arrays)}, folder / "train.safetensors", metadata={"fps": "29.97", "skeleton": "own"})
    lines = [f"line\u2028of {k}\x85" for k in range(len(arrays))]              # Unicode's other ends of lines end no line of a file
    for ending in ("text", "gloss"):
        (folder / f"train.{ending}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    found = read_folder(folder, "train")
    assert found.fps == 29.97 and found.skeleton == "own" and found.texts == lines
    for a, b in zip(found.poses, arrays, strict=True):
        np.testing.assert_array_equal(a, b)


@given(st.lists(st.tuples(NAMES, poses(missing=st.just(0.0), frames=st.integers(2, 6))), min_size=1, max_size=3, unique_by=lambda row: row[0]))
def test_prototypes_come_back_under_their_names(tmp_path_factory, named):
    path = tmp_path_factory.mktemp("prototypes") / "signs.npz"
    write_prototypes([(name.upper(), clip) for name, clip in named], path)
    assert {name for name, _ in named} <= set(read_prototypes(path))
    assert {name: x.shape[1:] for name, x in read_arrays(path)} == dict.fromkeys(dict(read_arrays(path)), (50, 3))


# --- pictures --------------------------------------------------------------------------------------------------------
@FEW
@given(SEEDS, st.integers(1, 6), st.integers(8, 20), st.integers(8, 20), st.sampled_from([12.0, 25.0, 29.97, 50.0]))
def test_a_video_without_loss_comes_back_bit_by_bit(tmp_path_factory, seed, count, height, width, fps):
    frames = np.random.default_rng(seed).integers(0, 256, (count, 2 * height, 2 * width, 3), np.uint8)
    path = write_video(iter(frames), tmp_path_factory.mktemp("video") / "a.mp4", fps, lossless=True)
    np.testing.assert_array_equal(read_video(path), frames)
    assert frame_rate(path) == pytest.approx(fps, rel=1e-3)


@FEW
@given(SEEDS, st.integers(1, 6), st.integers(16, 40), st.integers(16, 40))
def test_a_video_for_browsers_keeps_every_frame(tmp_path_factory, seed, count, height, width):
    frames = np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)
    found = read_video(write_video(frames, tmp_path_factory.mktemp("video") / "a.mp4", 25))
    assert np.shape(found) == (count, height + height % 2, width + width % 2, 3)


# --- plain data ------------------------------------------------------------------------------------------------------
@given(trees(PLAIN))
def test_json_and_yaml_say_what_was_written(tree):
    assert from_json(json.dumps(tree)) == tree == from_json(json.dumps(tree).encode())
    assert from_yaml(yaml.safe_dump(tree, allow_unicode=True)) == tree


@given(st.text() | st.binary())
def test_any_text_is_yaml_and_json_or_a_value_error(text):
    for read in (from_json, from_yaml):
        try:
            read(text)
        except ValueError as error:
            assert str(error)


@given(st.integers(0, 3), st.sampled_from(["[", "{a: ", "- "]))
def test_nesting_is_read_to_a_depth_and_refused_beyond(more, opened):
    closed = {"[": "]", "{a: ": "}", "- ": ""}[opened]
    deep = lambda levels: opened * levels + "1" + closed * levels
    assert from_yaml(deep(DEEPEST - more)) is not None
    with pytest.raises(NotYaml, match="levels deep"):
        from_yaml(deep(DEEPEST + 1 + 10_000 * more))


@given(st.sampled_from("? b1 f2 f4 f8 i1 i4 i8 u2 c8 S3 U4".split()), st.lists(st.integers(0, 4), max_size=4), SEEDS, st.booleans(), st.booleans())
def test_arrays_come_back_as_numpy_wrote_them(kind, shape, seed, fortran, packed):
    x = np.random.default_rng(seed).integers(0, 2, shape).astype(kind)
    x = np.asfortranarray(x) if fortran else x
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, one=x, two=x[..., None] if x.ndim else x)
    path = _written(file.getvalue())
    found = dict(read_arrays(path))
    path.unlink()
    assert set(found) == {"one", "two"} and found["one"].dtype == x.dtype
    np.testing.assert_array_equal(found["one"], x)


def _written(content):
    import tempfile
    from pathlib import Path

    handle, name = tempfile.mkstemp(suffix=".npz")
    with open(handle, "wb") as file:
        file.write(content)
    return Path(name)


@given(st.dictionaries(NAMES, st.tuples(SEEDS, st.lists(st.integers(0, 3), max_size=3)), min_size=1, max_size=4), trees(PLAIN))
def test_the_state_of_a_training_comes_back(tmp_path_factory, named, told):
    path = tmp_path_factory.mktemp("state") / "state.safetensors"
    groups = {"model": {name: torch.from_numpy(np.random.default_rng(seed).normal(size=shape)) for name, (seed, shape) in named.items()}}
    save_state(path, groups, {"told": told})
    found, said = load_state(path)
    assert said == {"told": told} and set(found["model"]) == set(named)
    assert all(torch.equal(found["model"][name], x) and found["model"][name].dtype == x.dtype for name, x in groups["model"].items())


@FEW
@given(st.dictionaries(NAMES, trees(PLAIN), max_size=3))
def test_results_come_back_with_how_they_were_made(tmp_path_factory, result):
    folder = tmp_path_factory.mktemp("results")
    write_result(folder / "a.json", result, "a command")
    assert read_result(folder / "a.json") == result | {key: read_result(folder / "a.json")[key] for key in ("commit", "machine", "command")}
    assert read_results(folder) == [read_result(folder / "a.json")]


# --- files and names -------------------------------------------------------------------------------------------------
@given(st.dictionaries(NAMES, st.binary(max_size=20), min_size=1, max_size=4), st.booleans())
def test_a_folder_is_filled_or_left_as_it_was(tmp_path_factory, files, fails):
    folder = tmp_path_factory.mktemp("filled")
    (folder / "old").write_bytes(b"old")
    try:
        with filling(folder) as part:
            for name, content in files.items():
                (part / name).write_bytes(content)
            if fails:
                raise KeyError("stop")
    except KeyError:
        assert [path.name for path in folder.iterdir()] == ["old"]
    else:
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"old": b"old"} | files


@given(st.lists(st.sampled_from(["a", "b.pose", "..", ".", "", "/", "\\", "C:", "c d", "x\0y", "\n", "ü"]), max_size=5).map("/".join) | st.text())
def test_a_name_stays_in_its_folder_or_is_refused(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp() / "named"
    folder.mkdir(exist_ok=True)
    try:
        found = inside(folder, name)
    except SignerError as error:
        assert str(error).isprintable()
    else:
        assert found.resolve().is_relative_to(folder.resolve()) and ".." not in found.parts


# --- landmarks: what does not matter --------------------------------------------------------------------------------
def openpose(seed, scale=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    part = lambda n: np.c_[rng.uniform(100, 500, (n, 2)) * scale + shift, rng.uniform(0.3, 1, n)].ravel().tolist()
    return {"people": [{"pose_keypoints_2d": part(25), "hand_left_keypoints_2d": part(21), "hand_right_keypoints_2d": part(21),
                        "face_keypoints_2d": part(70)}]}


@FEW
@given(SEEDS, st.integers(1, 3), st.floats(0.5, 4), st.floats(0, 300))
def test_where_and_how_large_a_signer_is_in_the_picture_does_not_matter(tmp_path_factory, seed, frames, scale, shift):
    folder, found = tmp_path_factory.mktemp("openpose"), []
    for name, how in (("near", {}), ("far", {"scale": scale, "shift": shift})):
        (folder / name).mkdir()
        for k in range(frames):
            (folder / name / f"{k}_keypoints.json").write_text(json.dumps(openpose(seed + k, **how)))
        found += read_poses(folder / name).values()
    np.testing.assert_allclose(found[0].xyz, found[1].xyz, atol=1e-3)
    np.testing.assert_allclose(found[0].confidence, found[1].confidence, atol=1e-6)
    assert found[0].joint("neck")[:, :2] == pytest.approx((found[0].joint("r_shoulder") + found[0].joint("l_shoulder"))[:, :2] / 2, abs=1e-5)


@FEW
@given(SEEDS, st.integers(1, 4))
def test_a_zip_is_read_as_its_folder(tmp_path_factory, seed, frames):
    folder = tmp_path_factory.mktemp("zipped")
    (folder / "one").mkdir()
    with zipfile.ZipFile(folder / "one.zip", "w") as archive:
        for k in range(frames):
            content = json.dumps(openpose(seed + k))
            (folder / "one" / f"{k}.json").write_text(content)
            archive.writestr(f"{k}.json", content)
    here, there = (next(iter(read_poses(folder / name).values())) for name in ("one", "one.zip"))
    np.testing.assert_array_equal(here.xyz, there.xyz)
