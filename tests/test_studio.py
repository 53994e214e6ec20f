"""The studio: baked signers, posing, what they wear, frames and the command. Only what draws needs VTK."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from signer_lib.cli import app
from signer_lib.errors import SignerError
from signer_lib.files import whole_file
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.pose.formats import write_pose
from signer_lib.prior import bake_body, nonmanual
from signer_lib.prior.body import SIGNERS
from signer_lib.render import read_video
from signer_lib.render.framing import Framing
from signer_lib.render.studio import CROSSED, HELD_OUT, LOOKS, NUMBER, REGIONS, SKIN, STYLES, asset, load_signer, posed, posed_in_parts, studio_frames
from signer_lib.render.studio.asset import FACE
from signer_lib.render.studio.patch import Patch
from signer_lib.render.studio.rig import BONES, INDEX, SIDES, swing, twist_of

DRAWS = pytest.mark.skipif(importlib.util.find_spec("vtkmodules") is None, reason="VTK is not installed: pip install -e .[studio]")
SIZE = 128
GLOSSES = ("BOOK", "MOTHER", "HELP", "A", "F", "R")
J = SIGNER70.index


@pytest.fixture(scope="module")
def clips(prior):
    return {gloss: prior.candidates(gloss)[0].poses for gloss in GLOSSES}


@pytest.fixture(scope="module")
def middle(clips):
    """One frame from the middle of every clip."""
    return PoseSequence(np.stack([poses.xyz[len(poses) // 2] for poses in clips.values()]), 25)


@pytest.fixture(scope="module")
def still(body):
    return PoseSequence(np.repeat(body.rest()[None], 2, 0), 25)


# --- the baked signers -------------------------------------------------------------------------------------------------------

def test_the_builds_are_those_that_the_measures_were_taken_of():
    assert {name: look.phenotype for name, look in LOOKS.items()} == bake_body.BUILDS
    assert HELD_OUT in LOOKS and len(LOOKS) >= 5


@pytest.mark.parametrize("name", [*LOOKS, *CROSSED])
def test_a_signer_is_small_whole_and_clothed(name):
    signer = load_signer(name)
    assert len(signer.vertices) < 20000 and (SIGNERS / f"{name}.safetensors").stat().st_size < 1.5e6
    assert signer.faces.max() == len(signer.vertices) - 1
    assert np.allclose(signer.weights.sum(1), 1, atol=1e-5) and signer.weights.min() >= 0
    assert {REGIONS[k] for k in np.unique(signer.region)} >= set(REGIONS) - {"background"}
    away = np.linalg.norm(signer.regress(signer.vertices) - signer.joints, axis=-1)
    assert away[:68].max() < 0.01 and away[68:].max() < 0.06                      # the mesh's lower lip is a little lower than a pose's
    chest = (abs(signer.vertices[:, 0]) < 0.4) & (signer.vertices[:, 1] < -0.3) & (signer.vertices[:, 1] > -1.45)
    shirt = np.isin(np.arange(len(signer.vertices)), signer.faces[np.isin(signer.region, [NUMBER["shirt"], NUMBER["trim"]])])
    assert shirt[chest].all()                                                     # nothing else is there at all


def test_signers_differ():
    seen = [load_signer(name) for name in LOOKS]
    assert len({tuple(signer.colours[NUMBER["shirt"]]) for signer in seen}) == len(seen)
    assert len({tuple(signer.colours[NUMBER["face"]]) for signer in seen}) == len(seen)
    assert len({round(float(signer.vertices[:, 2].max()), 3) for signer in seen}) == len(seen)


def test_names_and_files_that_are_wrong_are_told(tmp_path, monkeypatch):
    with pytest.raises(SignerError, match="no signer 'nobody': choose one of default"):
        load_signer("nobody")
    monkeypatch.setattr(asset, "DATA", tmp_path)
    load_signer.cache_clear()
    with pytest.raises(SignerError, match="git checkout -- data"):
        load_signer("default")
    with whole_file(tmp_path / "signers" / "default.safetensors") as part:
        part.write_bytes(b"nothing of use")
    with pytest.raises(SignerError, match="git checkout -- data"):
        load_signer("default")
    load_signer.cache_clear()


# --- posing ------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", LOOKS)
def test_the_mesh_lies_on_the_pose(name, middle):
    seen = posed(load_signer(name), middle)
    away = np.linalg.norm(seen.joints - middle.xyz, axis=-1)[:, 1:50]
    assert away.mean() < 0.005 and away.max() < 0.05                              # as far as the skin tells: elbows are its worst
    assert np.isfinite(seen.vertices).all() and seen.seen.all()


def test_at_rest_nothing_moves():
    signer = load_signer("tall")
    xyz = signer.joints.copy()
    xyz[FACE] = xyz[0] + signer.pose_face
    seen = posed(signer, PoseSequence(xyz[None], 25))
    assert abs(seen.vertices[0] - signer.vertices).max() < 1e-4 and seen.actions.max() < 1e-3


def test_fingers_keep_their_skin(middle):
    signer = load_signer("default")
    f = signer.faces[np.isin(signer.region, [NUMBER["right_hand"], NUMBER["left_hand"]])]
    area = lambda v: np.linalg.norm(np.cross(v[..., f[:, 1], :] - v[..., f[:, 0], :], v[..., f[:, 2], :] - v[..., f[:, 0], :]), axis=-1).sum(-1)
    part = area(posed(signer, middle).vertices) / area(signer.vertices)
    assert (part > 0.85).all() and (part < 1.2).all()


def test_the_wrist_does_not_twist_at_once(middle):
    signer = load_signer("default")
    names = [f"right_fore_{k}" for k in range(4)] + ["right_hand"]
    from signer_lib.render.studio.rig import bone_maps
    maps = bone_maps(signer.joints.astype(float), signer.neck.astype(float), signer.pose_face.astype(float), middle.xyz.astype(float))[0]
    along = middle.joint("r_wrist") - middle.joint("r_elbow")
    along = along / np.linalg.norm(along, axis=-1, keepdims=True)
    turns = [maps[:, INDEX[name], :, :3] for name in names]
    turns = [np.stack([np.linalg.svd(m)[0] @ np.linalg.svd(m)[2] for m in each]) for each in turns]
    steps = [np.degrees(abs(twist_of(b @ np.swapaxes(a, 1, 2), along, 0.0))) for a, b in zip(turns, turns[1:])]
    assert np.max(steps) < 62 and np.max(steps[-1]) < 1                           # a third of the whole twist at most, none at the wrist


def test_the_face_does_what_the_tracks_say(still):
    signer, frames = load_signer("default"), len(still)
    def moved(**tracks):
        held = {name: np.full(frames, value) for name, value in tracks.items()}
        return posed(signer, nonmanual.apply(still, nonmanual.still(frames, **held))).joints[0] - posed(signer, still).joints[0]

    up = moved(brows=1.0)
    assert up[J("r_brow_1"), 1] > 0.012 and up[J("l_brow_1"), 1] > 0.012
    assert moved(frown=1.0)[J("r_brow_0"), 1] < -0.008
    assert moved(lids=1.0)[J("l_lid_upper"), 1] < -0.012
    opened = moved(mouth_open=1.0)
    assert opened[J("lip_upper_inner"), 1] - opened[J("lip_lower_inner"), 1] > 0.03
    wide = moved(mouth_wide=1.0)
    assert wide[J("l_lip_corner"), 0] - wide[J("r_lip_corner"), 0] > 0.02
    assert abs(moved(shake=13.0)[J("nose"), 0]) > 0.05


@pytest.mark.parametrize("missing", ["right_hand", "left_hand", "face", "body"])
def test_what_is_missing_is_held_or_rests(missing, clips):
    xyz = clips["HELP"].xyz.copy()
    xyz[5:, SIGNER70.groups[missing]] = np.nan
    signer = load_signer("default")
    held = posed(signer, PoseSequence(xyz[:8], 25))
    assert np.isfinite(held.vertices).all()
    assert not held.seen[6, SIGNER70.groups[missing]].any() and held.seen[4].all()
    never = posed(signer, PoseSequence(xyz[6:8], 25))
    assert np.isfinite(never.vertices).all()
    nothing = posed(signer, PoseSequence(np.full((1, 70, 3), np.nan), 25))
    assert np.allclose(nothing.joints[0, 1:50], signer.hanging[1:50], atol=0.05)


def test_long_sequences_come_in_parts(clips):
    signer, poses = load_signer("small"), clips["BOOK"].stretch(70)
    whole = posed(signer, poses)
    parts = list(posed_in_parts(signer, poses))
    assert len(parts) == 3 and np.array_equal(np.concatenate([part.vertices for part in parts]), whole.vertices)


def test_swing_also_turns_right_round():
    start = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    for end in (start[[1, 2, 0]], -start, start):
        assert np.allclose((swing(start, end) @ start[:, :, None])[..., 0], end, atol=1e-9)


def test_a_cut_follows_its_line():
    x, y = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
    v = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1)
    a = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
    f = np.concatenate([np.stack([a, a + 1, a + 9], 1), np.stack([a + 1, a + 10, a + 9], 1)])
    sheet = Patch(v, f, np.ones((81, 1)), np.zeros((1, 81, 3)), np.ones(len(f), np.uint8))
    left, right = sheet.cut(0.13 - sheet.v[:, 0]), sheet.cut(sheet.v[:, 0] - 0.13)
    area = lambda p: np.cross(p.v[p.f[:, 1]] - p.v[p.f[:, 0]], p.v[p.f[:, 2]] - p.v[p.f[:, 0]])[:, 2].sum() / 2
    assert left.v[:, 0].max() == pytest.approx(0.13) and area(left) == pytest.approx(2.26) and area(right) == pytest.approx(1.74)


def test_bones_are_named_once():
    assert len(set(BONES)) == len(BONES) and set(SIDES) == {"right", "left"}


def test_nothing_heavy_is_imported():
    code = "import sys, signer_lib, signer_lib.render.studio; print([m for m in ('vtkmodules', 'anny', 'pyvista', 'torch') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "vtkmodules" not in out and "anny" not in out and "pyvista" not in out


# --- frames ------------------------------------------------------------------------------------------------------------------

@DRAWS
def test_frames_are_pictures_with_their_truth(middle):
    frames = list(studio_frames(middle, "default", "studio", SIZE))
    assert len(frames) == len(middle)
    for frame, xyz in zip(frames, middle.xyz):
        assert frame.picture.shape == (SIZE, SIZE, 3) and frame.picture.dtype == np.uint8
        assert frame.regions.shape == (SIZE, SIZE) and frame.regions.max() < len(REGIONS)
        assert np.abs(frame.joints[:50] - Framing().to_pixels(xyz[:50], SIZE)).max() < 0.01
        wrist = frame.joints[J("r_wrist")].astype(int)
        assert frame.visible.sum() > 30 and frame.regions[wrist[1], wrist[0]] > 0


@DRAWS
@pytest.mark.parametrize("name", LOOKS)
def test_no_skin_between_neck_and_hips_but_hands_and_arms(name, still):
    frame = next(studio_frames(still, name, "studio", 256))
    bare = np.isin(frame.regions, [NUMBER[part] for part in SKIN if part not in ("right_hand", "left_hand", "right_arm", "left_arm")])
    rows = np.flatnonzero(bare.any(1))
    chest = Framing().to_pixels(np.array([0, -0.25, 0]), 256)[1]
    assert rows.max() < chest and np.isin(frame.regions[round(chest):, 120:136], [NUMBER["shirt"], NUMBER["trim"]]).all()


@DRAWS
def test_styles_and_signers_differ_and_frames_repeat(middle):
    one = PoseSequence(middle.xyz[:1], 25)
    draw = lambda signer, style: next(studio_frames(one, signer, style, SIZE)).picture
    pictures = [draw("default", style) for style in STYLES] + [draw("broad", "studio")]
    for k, a in enumerate(pictures):
        assert all(np.abs(a.astype(int) - b).mean() > 3 for b in pictures[:k])
    assert all(np.array_equal(picture, draw("default", style)) for picture, style in zip(pictures, STYLES))


@DRAWS
def test_a_covered_hand_is_not_visible(still):
    xyz = still.xyz[:1].copy()
    for group, z in (("right_hand", 0.6), ("left_hand", 0.45)):
        hand = xyz[0, SIGNER70.groups[group]]
        xyz[0, SIGNER70.groups[group]] = hand - hand[0] + [0, -0.2, z]
    for side in "rl":
        xyz[0, J(f"{side}_wrist")] = xyz[0, J(f"{side}_hand_wrist")]
    frame = next(studio_frames(PoseSequence(xyz, 25), "default", "studio", SIZE))
    assert frame.visible[J("r_hand_middle_mcp")] and not frame.visible[J("l_hand_wrist")]


@DRAWS
def test_mistakes_are_told_in_one_line(middle):
    for call, words in ((lambda: studio_frames(middle, "nobody"), "no signer 'nobody'"),
                        (lambda: studio_frames(middle, style="oil"), "no style 'oil'"),
                        (lambda: studio_frames(middle, size=63), "even number of pixels")):
        with pytest.raises(SignerError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


@DRAWS
def test_the_command(tmp_path, clips):
    write_pose(PoseSequence(clips["A"].xyz[:3], 25), tmp_path / "a.pose")
    run = lambda *extra: CliRunner().invoke(app, ["studio", "--pose", str(tmp_path / "a.pose"), "--size", "64", *extra])
    done = run("--out", str(tmp_path / "a.mp4"), "--style", "cel", "--signer", "small")
    assert done.exit_code == 0, done.output
    assert len(read_video(tmp_path / "a.mp4")) == 3 and read_video(tmp_path / "a.mp4")[0].shape == (64, 64, 3)
    for extra in (["--out", str(tmp_path / "b.avi")], ["--out", str(tmp_path / "b.mp4"), "--style", "oil"],
                  ["--out", str(tmp_path / "b.mp4"), "--signer", "nobody"]):
        failed = run(*extra)
        assert isinstance(failed.exception, SignerError) or failed.exit_code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"a.pose", "a.mp4"}
