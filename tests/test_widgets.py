"""Widgets are thin: the control moves, the pure function under it is asked again; the rest is tested in a browser, see tests/browser."""

import asyncio
import json
import re
from base64 import b64decode
from html import unescape
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from signer_lib.errors import SignerError
from signer_lib.figures.moment import plot_moment
from signer_lib.pose import SIGNER70, PoseSequence, Skeleton
from signer_lib.widgets import gate_explorer, png, scrub, scrubber, sentence_explorer, side_by_side, sign_builder, view_poses
from signer_lib.widgets.drawing import Course, gates_svg, skeleton_svg
from signer_lib.widgets.pictures import shown_figure
from signer_lib.widgets.settling import newest


def drawn(k: int) -> Figure:
    figure = Figure(figsize=(1, 1))
    figure.text(0.5, 0.5, str(k))
    return figure


def test_the_slider_redraws_the_picture():
    box = scrubber(drawn, 5)
    (play, slider), picture = box.children[0].children, box.children[1]
    assert (slider.min, slider.max, play.max) == (0, 4, 4) and picture.value == shown_figure(drawn(0))
    slider.value = 3
    assert picture.value == shown_figure(drawn(3)) != shown_figure(drawn(0))


def test_of_many_changes_only_the_newest_is_drawn():
    seen, values = [], []
    ask = newest(lambda: seen.append(values[-1]))

    async def hurry():
        for k in range(20):
            values.append(k)
            ask(None)
        await asyncio.sleep(0.1)

    asyncio.run(hurry())
    assert seen == [19]
    ask(None)
    assert seen == [19, 19], "without a loop it draws at once"


def test_a_picture_says_what_it_shows():
    figure = Figure()
    axis = figure.subplots()
    axis.plot([0, 1, 2], [0, 1, 0])
    axis.set(title="Jerk <of> 'signs'", xlabel="time (s)")
    html = shown_figure(figure)
    assert "Jerk &lt;of&gt; &#x27;signs&#x27;; lines; horizontal: time (s)." in html and "<of>" not in html
    data = b64decode(re.search(r"base64,([^\"]+)", html)[1])
    assert data == png(figure) and "Jerk <of> 'signs'" in Image.open(BytesIO(data)).info["Description"]


def test_a_moment_shows_the_frame_the_gates_and_where_we_are(body):
    poses = PoseSequence(np.repeat(body.rest()[None], 20, 0), 25.0)
    gates = np.full((20, 3), 1 / 3)
    figure = plot_moment(poses, gates, [("BOOK", 4, 15)], 10, size=128)
    left, right = figure.axes[:2]
    assert "frame 10 of 20" in left.get_title() and left.images and right.images
    assert any(line.get_xdata()[0] == 10.5 / 25 for line in right.lines)
    assert "0.33" in right.get_yticklabels()[0].get_text()


def test_gates_as_lines_have_names_values_and_a_mark_at_the_moment():
    weights = np.stack([np.linspace(0, 1, 40), np.linspace(1, 0, 40)], 1)
    picture = gates_svg(Course(weights, [("<BOOK>", 0, 20), ("READ", 20, 40)], 25.0), 39)
    assert picture.count("<polyline") == 4 and "&lt;BOOK&gt;" in picture and "1: 1.00" in picture and "2: 0.00" in picture
    assert "expert 1 1.00, expert 2 0.00" in picture and "1.6 seconds" in picture
    assert len(set(re.findall(r'stroke-dasharray="([^"]+)"', picture))) == 1, "one of two lines is dashed"
    heights = [float(y) for y in re.findall(r'y="([\d.]+)" font-size="11" text-anchor="start"', picture)]
    assert np.diff(sorted(heights)).min() >= 14


def test_a_skeleton_leaves_out_what_is_missing(body):
    rest = body.rest()
    whole = skeleton_svg(rest, "at rest", "above")
    assert "at rest, from above" in whole
    rest[SIGNER70.groups["right_hand"]] = np.nan
    assert 20 <= whole.count("<polyline") - skeleton_svg(rest, "at rest").count("<polyline") <= 26


def test_scrubbing_a_signing_is_quick_and_says_what_is_seen(pipeline):
    signing = pipeline("Where is the library?")
    box = scrub(signing)
    slider, picture = box.children[0].children[1], box.children[1]
    before = picture.value
    slider.value = sum(signing.gloss_spans[0]["frames"]) // 2
    assert picture.value != before and "LIBRARY" in picture.value and picture.value.count("alt=") == 1
    signing.gates = None
    with pytest.raises(SignerError, match="no gates"):
        scrub(signing)


# --- the sentence explorer ---------------------------------------------------------------------------------------------------
def test_a_sentence_is_explored_stage_by_stage(pipeline):
    one = sentence_explorer(pipeline)
    assert one.signing is None and one.shown.layout.display == "none"
    one.draw_video.click()
    assert "type a sentence" in one.progress.value
    one.text.value = "My pal is Sam."
    assert one.shown.layout.display is None
    told = unescape(one.glosses.value)
    assert all(f"<td>{gloss}</td>" in told for gloss in one.signing.named_spans[0][:1]) and "synonym of pal" in told and "fingerspelling" in told
    assert "<video" in one.video.value and "My pal is Sam.: the signer, drawn" in one.video.value and "Deaf" in one.video.value
    pose, gates = one.pose.value, one.gates.value
    one.moment.value = one.moment.max
    assert one.pose.value != pose and one.gates.value != gates


@pytest.mark.parametrize("text, said", [("", "no words"), ("<script>" * 50, "too many"), ("?!", "no words")])
def test_what_cannot_be_signed_leaves_the_last_sentence_there(pipeline, text, said):
    one = sentence_explorer(pipeline, "Thank you!")
    before, signing = one.glosses.value, one.signing
    one.text.value = text
    assert said in one.status.value and 'role="alert"' in one.status.value and one.status.value.count("\n") == 0
    assert one.glosses.value == before and one.signing is signing and "<script>" not in one.status.value
    one.text.value = "Thank you!"
    assert "alert" not in one.status.value


def test_an_error_that_nobody_foresaw_is_a_line_too(pipeline, monkeypatch):
    one = sentence_explorer(pipeline, "Thank you!")
    monkeypatch.setattr("signer_lib.widgets.sentences.write_video", lambda *_: 1 / 0)
    one.draw_video.click()
    assert "ZeroDivisionError: division by zero" in one.progress.value and not one.draw_video.disabled
    monkeypatch.setattr("signer_lib.widgets.sentences.backend", lambda _: (_ for _ in ()).throw(SignerError("there is no trained renderer")))
    one.render_video.click()
    assert "Not possible: there is no trained renderer" in one.progress.value and one.signing.renderer is pipeline.renderer


def test_the_renderer_counts_its_frames(pipeline, monkeypatch):
    one, said, free = sentence_explorer(pipeline, "Thank you!"), [], []
    one.progress.observe(lambda change: said.append(change["new"]), "value")
    one.progress.observe(lambda change: free.append(not one.render_video.disabled and not one.draw_video.disabled), "value")
    assert "1 gloss, " in one.status.value
    one.draw_video.click()
    assert not any(free[1:-1]) and len(free) > 2 and free[-1], "no second film is begun while one is made"
    assert any(re.search(rf"being drawn: \d+ of {len(one.signing.poses)} frames", line) for line in said) and "drawn, " in said[-1]


# --- the gate explorer -------------------------------------------------------------------------------------------------------
@pytest.fixture
def gates(pipeline):
    return gate_explorer(pipeline.experts, pipeline.understand("Why did they help Sam?")[0], pipeline.prior)


def test_the_gate_begins_as_it_was_trained(gates, pipeline):
    trained = pipeline.choose([gates.sentence])[0]
    assert np.allclose(gates.choice.weights, trained.weights) and np.allclose(gates.choice.seconds, trained.seconds)
    row = re.search(r"<tbody><tr>(.*?)</tr>", gates.numbers.value)[1]
    assert [f"{value:.2f}" for value in trained.weights[0].tolist()] == re.findall(r"<td>([\d.]+)</td>", row)[:trained.weights.shape[1]]


@pytest.mark.parametrize("control, value", [("temperature", 0.1), ("top_k", 1), ("forced", "expert 2"), ("uniform", True)])
def test_each_control_changes_curves_pose_and_numbers(gates, control, value):
    before = gates.curves.value, gates.pose.value, gates.numbers.value
    getattr(gates, control).value = value
    assert all(one != other for one, other in zip(before, (gates.curves.value, gates.pose.value, gates.numbers.value)))
    gates.reset.click()
    assert gates.numbers.value == before[2]


def test_an_expert_is_switched_off_but_not_all(gates):
    gates.on[0].value = False
    assert (gates.choice.weights[:, 0] == 0).all() and np.allclose(gates.choice.weights.sum(-1), 1)
    for box in gates.on:
        box.value = False
    assert "all experts are off" in gates.status.value and (gates.choice.weights > 0).any()
    gates.on[2].value = True
    assert (gates.choice.weights[:, 2] == 1).all() and "alert" not in gates.status.value


# --- the sign builder --------------------------------------------------------------------------------------------------------
@pytest.fixture
def builder(tmp_path):
    return sign_builder("DAUGHTER", tmp_path / "signs_mine.yaml")


def test_the_menus_say_what_the_sign_is(builder):
    assert builder.menus["location"].value == "chin" and builder.menus["location end"].value == "elbow-other"
    assert "location: [chin, elbow-other]" in builder.code.value and "MY-SIGN:" in builder.code.value
    before, picture = builder.poses, builder.picture.value
    builder.menus["location"].value = "forehead"
    assert builder.sign.location == ("forehead", "elbow-other") and builder.picture.value != picture
    assert np.abs(builder.poses.xyz[0] - before.xyz[0]).max() > 0.1


def test_starting_from_another_sign_sets_every_menu(builder):
    for gloss in ("HELP", "WHERE", "WHO", "NOT"):
        builder.start.value = gloss
        expected = builder._signs[gloss]
        assert (builder.sign.type, builder.sign.handshape, builder.sign.movement, builder.sign.base, builder.sign.face) == (
            expected.type, expected.handshape, expected.movement, expected.base, expected.face)
    with pytest.raises(SignerError, match="no sign TEACHER of one part"):
        sign_builder("TEACHER")


def test_an_impossible_sign_is_said_in_one_line_and_the_last_one_stays(builder):
    builder.start.value = "FATHER"
    poses = builder.poses
    builder.menus["palm"].value = builder.menus["fingers"].value
    assert "parallel" in builder.status.value and builder.poses is poses
    assert "palm: up" in builder.code.value, "the YAML is what the menus say"
    builder.menus["palm"].value = "left"
    builder.menus["location"].value = "base-palm"
    assert "alert" in builder.status.value and "base-palm" in builder.status.value


def test_a_sign_is_saved_once_unless_it_may_be_replaced(builder, tmp_path):
    builder.save.click()
    assert "MY-SIGN is in" in builder.saved.value
    builder.save.click()
    assert "already" in builder.saved.value
    builder.menus["contact"].value = "palm"
    builder.replace.value = True
    builder.save.click()
    assert "contact: palm" in (tmp_path / "signs_mine.yaml").read_text()
    builder.file.value = str(tmp_path / "words.txt")
    builder.save.click()
    assert "signs*.yaml" in builder.saved.value


# --- pages -------------------------------------------------------------------------------------------------------------------
def tags(html):
    """Every tag with its attributes, as a browser reads them."""
    parser, found = HTMLParser(), []
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(html)
    return found


def told(page):
    return json.loads(re.search(r'id="told">(.*?)</script>', page.document, re.S)[1])


def test_poses_are_kept_to_a_ten_thousandth_and_what_is_missing_stays_so(body):
    xyz = np.repeat(body.rest()[None], 150, 0) + np.linspace(0, 0.5, 150)[:, None, None]
    xyz[3, 5] = np.nan
    page = view_poses(PoseSequence(xyz, 25.0))
    (one,) = told(page)["sequences"]
    values = np.frombuffer(b64decode(one["xyz"]), "<i2").reshape(150, 70, 3)
    assert (values[3, 5] == told(page)["missing"]).all() and (values == told(page)["missing"]).sum() == 3
    seen = np.isfinite(xyz)
    assert np.abs(values * one["unit"] - xyz)[seen].max() < 1e-4
    assert len(page.document) < 160_000, "a sentence stays well under a megabyte"


def test_names_cannot_leave_their_place(body):
    poses = PoseSequence(np.repeat(body.rest()[None], 3, 0), 25.0)
    wicked = "</script><script>alert(1)</script>\" onload=\"x"
    page = view_poses({wicked: poses})
    assert wicked not in page.document and told(page)["sequences"][0]["name"] == wicked
    ((tag, attributes),) = tags(page._repr_html_())
    assert (tag, set(attributes)) == ("iframe", {"title", "sandbox", "srcdoc", "style"}) and attributes["sandbox"] == "allow-scripts"
    inside = tags(attributes["srcdoc"])
    assert attributes["srcdoc"] == page.document and wicked in attributes["title"]
    assert [name for name, _ in inside].count("script") == 2 and not [own for _, own in inside if "onload" in own]


def test_a_signing_brings_its_glosses_and_another_skeleton_its_bones(pipeline):
    signing = pipeline("Where is the library?")
    page = view_poses({"whole": signing, "again": signing.poses})
    whole, again = told(page)["sequences"]
    assert whole["captions"] == signing.captions and "captions" not in again and told(page)["head"]
    stick = Skeleton("stick", ("a", "b"), (-1, 0), {})
    other = PoseSequence(np.zeros((2, 2, 3)), 25.0, skeleton=stick)
    assert [line[:2] for line in told(view_poses(other))["lines"]] == [[0, 1]]
    with pytest.raises(SignerError, match="all of one skeleton, not of signer70, stick"):
        view_poses([signing.poses, other])


@pytest.mark.parametrize("wrong, said", [([], "at least one"), ({"none": PoseSequence(np.zeros((0, 70, 3)), 25.0)}, "none has no frames"),
                                         ({"text": "text"}, "text is str")])
def test_what_is_no_pose_is_refused(wrong, said):
    with pytest.raises(SignerError, match=said):
        view_poses(wrong)


def test_videos_are_files_frames_or_poses(body, tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), np.uint8)
    page = side_by_side({"frames": frames, "poses": PoseSequence(np.repeat(body.rest()[None], 3, 0), 25.0)}, size=32, fps=10)
    noise, still = told(page)["videos"]
    assert (noise["fps"], noise["frames"], still["fps"], still["frames"]) == (10, 5, 25, 3)
    (tmp_path / "clip.mp4").write_bytes(b64decode(noise["data"]))
    assert told(side_by_side(tmp_path / "clip.mp4"))["videos"][0]["frames"] == 5
    with pytest.raises(SignerError, match="cannot read"):
        side_by_side(tmp_path / "missing.mp4")
    with pytest.raises(SignerError, match="at least one"):
        side_by_side([])
    with pytest.raises(SignerError, match="is int"):
        side_by_side({"number": 3})


def test_a_page_is_saved_whole(body, tmp_path):
    page = view_poses(PoseSequence(body.rest()[None], 25.0))
    assert page.save(tmp_path / "new" / "page.html").read_text() == page.document and "://" not in page.document
    with pytest.raises(SignerError, match="cannot write"):
        page.save("/proc/page.html")
