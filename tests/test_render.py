"""The drawn signer and video files."""

import av
import numpy as np
import pytest

from signer_lib.errors import SignerError
from signer_lib.pose import SIGNER70, PoseSequence
from signer_lib.render import Style, draw, draw_frame, read_video, write_video
from signer_lib.render.framing import Framing
from signer_lib.render.style import blend
from standing import AT, pose

SIZE = 256
STYLE = Style()
RGB = lambda colour: np.array([int(colour[k:k + 2], 16) for k in (1, 3, 5)])


def colour_at(frame, point):
    """The colour of the pixel on a point given in shoulder widths."""
    x, y = Framing().to_pixels(np.array(point, float), len(frame)).astype(int)
    return frame[y, x].astype(int)


def close(colour, expected, tolerance=12):
    return np.abs(colour - RGB(expected)).max() <= tolerance


@pytest.mark.parametrize("size", [64, 256, 512])
def test_frame_is_a_square_picture_with_a_person(size):
    frame = draw_frame(pose(), size=size)
    assert frame.shape == (size, size, 3) and frame.dtype == np.uint8
    person = np.abs(frame.astype(int) - RGB(STYLE.background)).max(-1) > 12
    assert 0.2 < person.mean() < 0.8


def test_parts_have_the_colours_of_the_style():
    frame = draw_frame(pose(), size=SIZE)
    assert close(colour_at(frame, (0, -0.7)), STYLE.shirt)
    assert close(colour_at(frame, (-0.65, -0.4)), STYLE.right_sleeve)      # the signer's right is on the left of the picture
    assert close(colour_at(frame, (0.65, -0.4)), STYLE.left_sleeve)
    assert close(colour_at(frame, (-0.6, -0.16)), STYLE.right_hand)
    assert close(colour_at(frame, (0.6, -0.16)), STYLE.left_hand)
    assert close(colour_at(frame, (0.0, 0.72)), STYLE.skin)
    assert close(colour_at(frame, (0.0, 1.05)), STYLE.hair)
    assert close(colour_at(frame, (1.3, 1.2)), STYLE.background)


def test_style_changes_the_colours():
    frame = draw_frame(pose(), size=SIZE, style=Style(shirt="#00ff00"))
    assert close(colour_at(frame, (0, -0.7)), "#00ff00")


def test_right_and_left_differ_in_lightness():
    lightness = lambda colour: RGB(colour) @ (0.2126, 0.7152, 0.0722)
    assert lightness(STYLE.left_sleeve) - lightness(STYLE.right_sleeve) > 40
    assert lightness(STYLE.left_hand) - lightness(STYLE.right_hand) > 15


def test_a_hand_in_front_covers_the_face_and_one_behind_is_covered():
    palm = (0.0, 0.75)
    front = draw_frame(pose(right=(0, 0.6, 0.5)), size=SIZE)
    behind = draw_frame(pose(right=(0, 0.6, -0.7)), size=SIZE)
    assert close(colour_at(front, palm), STYLE.right_hand)
    assert close(colour_at(behind, palm), STYLE.skin)


def test_the_nearer_hand_covers_the_other():
    centre = (0.0, -0.35)
    right = draw_frame(pose(right=(0, -0.5, 0.6), left=(0, -0.5, 0.4)), size=SIZE)
    left = draw_frame(pose(right=(0, -0.5, 0.4), left=(0, -0.5, 0.6)), size=SIZE)
    assert close(colour_at(right, centre), STYLE.right_hand)
    assert close(colour_at(left, centre), STYLE.left_hand)


def test_the_nearer_finger_covers_the_other():
    def crossed(index_z):
        xyz = pose()
        first = SIGNER70.groups["right_hand"].start
        wrist = xyz[first].copy()
        for finger, tip, z in ((2, 0.09, index_z), (3, -0.09, 0.0)):        # index and middle cross in the air
            xyz[first + 1 + 4 * (finger - 1):first + 1 + 4 * finger] = wrist + np.stack(
                [np.linspace(-tip, tip, 4), np.linspace(0.26, 0.6, 4), np.full(4, z)], axis=1)
        return draw_frame(xyz, size=SIZE)
    assert (crossed(0.05) != crossed(-0.05)).any()


def test_an_open_mouth_shows():
    xyz = pose()
    closed = draw_frame(xyz, size=SIZE)
    xyz[[AT("lip_lower_inner"), AT("lip_lower_outer")], 1] -= 0.08
    assert close(colour_at(draw_frame(xyz, size=SIZE), (0, 0.41)), STYLE.mouth, 30)
    assert not close(colour_at(closed, (0, 0.41)), STYLE.mouth, 30)


@pytest.mark.parametrize("group", ["body", "left_hand", "right_hand", "face"])
def test_missing_groups_are_left_out(group):
    xyz = pose()
    xyz[SIGNER70.groups[group]] = np.nan
    frame = draw_frame(xyz, size=SIZE)
    assert (frame != draw_frame(pose(), size=SIZE)).any()
    if group == "right_hand":
        assert not close(colour_at(frame, (-0.6, -0.16)), STYLE.right_hand)
        assert close(colour_at(frame, (0.6, -0.16)), STYLE.left_hand)


@pytest.mark.parametrize("joint", range(70))
def test_no_single_missing_joint_stops_the_drawing(joint):
    xyz = pose()
    xyz[joint] = np.nan
    draw_frame(xyz, size=64)


def test_the_signer_is_clothed_without_shoulders():
    xyz = pose()
    xyz[[AT("r_shoulder"), AT("l_shoulder"), AT("neck")]] = np.nan
    assert close(colour_at(draw_frame(xyz, size=SIZE), (0, -0.7)), STYLE.shirt)


def test_an_empty_pose_is_background():
    assert (draw_frame(np.full((70, 3), np.nan), size=64) == RGB(STYLE.background)).all()


def test_caption_bar():
    xyz = pose()
    plain, empty, named = (draw_frame(xyz, size=SIZE, caption=c) for c in (None, "", "LIBRARY"))
    bar = np.s_[SIZE - 20:]
    assert (empty[bar] == RGB(STYLE.caption_bar)).all()
    assert (named[bar] != empty[bar]).any()
    assert (plain[:SIZE - 24] == named[:SIZE - 24]).all()
    draw_frame(xyz, size=64, caption="A-VERY-LONG-GLOSS " * 20)


def test_draw_is_lazy_and_gives_every_frame():
    sequence = PoseSequence(np.stack([pose(), pose(right=(-0.2, 0, 0.5))]), 25)
    frames = draw(sequence, size=64, captions=["HELLO", None])
    assert next(frames).shape == (64, 64, 3) and len(list(frames)) == 1
    with pytest.raises(SignerError, match="2 frames need 2 captions, not 1"):
        draw(sequence, captions=["HELLO"])


@pytest.mark.parametrize("size", [63, 16, 0])
def test_sizes_that_cannot_be(size):
    with pytest.raises(SignerError, match="even number of pixels"):
        draw_frame(pose(), size=size)


def test_other_skeletons_are_refused():
    with pytest.raises(SignerError, match="signer70"):
        draw_frame(np.zeros((50, 3)))


def test_blend():
    assert blend("#000000", "#ffffff", 0.5) == "#808080" and blend("#123456", "#ffffff", 0) == "#123456"


# --- video -------------------------------------------------------------------------------------------------------------------

@pytest.fixture
def frames():
    return [draw_frame(pose(right=(-0.6 + 0.05 * k, -0.3, 0.5)), size=64) for k in range(6)]


def test_video_round_trip(frames, tmp_path):
    path = write_video(iter(frames), tmp_path / "a" / "clip.mp4", 25)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.width, stream.height) == ("h264", "yuv420p", 64, 64)
        assert stream.average_rate == 25 and stream.frames == 6
    back = read_video(path)
    assert len(back) == 6 and back[0].dtype == np.uint8
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(frames, back)) < 8
    data = path.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")                          # faststart: plays while it loads


def test_odd_sizes_are_padded(tmp_path):
    path = write_video([np.full((31, 33, 3), 200, np.uint8)] * 2, tmp_path / "odd.mp4", 12.5)
    assert read_video(path)[0].shape == (32, 34, 3)
    with av.open(str(path)) as container:
        assert float(container.streams.video[0].average_rate) == 12.5


def test_same_frames_same_bytes(frames, tmp_path):
    first, second = (write_video(frames, tmp_path / name, 25).read_bytes() for name in ("one.mp4", "two.mp4"))
    assert first == second


def test_a_failed_video_leaves_the_old_one(frames, tmp_path):
    path = write_video(frames, tmp_path / "clip.mp4", 25)
    before = path.read_bytes()

    def broken():
        yield frames[0]
        raise RuntimeError("stop")
    with pytest.raises(RuntimeError, match="stop"):
        write_video(broken(), path, 25)
    with pytest.raises(SignerError, match="frame 1 is"):
        write_video([frames[0], frames[0][:32]], path, 25)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_video_mistakes_are_told_in_one_line(frames, tmp_path):
    (tmp_path / "file").touch()
    for call, words in ((lambda: write_video([], tmp_path / "x.mp4", 25), "at least one frame"),
                        (lambda: write_video(frames, tmp_path / "x.mp4", 0), "fps must be positive"),
                        (lambda: write_video(frames, tmp_path / "file" / "x.mp4", 25), "cannot write"),
                        (lambda: read_video(tmp_path / "none.mp4"), "cannot read"),
                        (lambda: read_video(tmp_path / "file"), "cannot read")):
        with pytest.raises(SignerError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
