"""Pages that outlive the kernel: opened from the disk, without a network, in a real browser."""

import subprocess
import sys

import nbformat
import numpy as np
import pytest

from signer_lib.pose import PoseSequence
from signer_lib.widgets import side_by_side, view_poses

PIXELS = """one => { const copy = document.createElement("canvas"); copy.width = one.videoWidth; copy.height = one.videoHeight;
            copy.getContext("2d").drawImage(one, 0, 0); return copy.toDataURL(); }"""


@pytest.fixture(scope="module")
def clips(body):
    """Two small movements of unlike lengths and frame rates."""
    rest, wave = body.rest(), np.zeros((30, 70, 3), np.float32)
    wave[:, 29:50, 0] = 0.3 * np.sin(np.linspace(0, 6, 30))[:, None]
    wave[:, 29:50, 1] = 1.2
    return {"waves": PoseSequence(rest + wave, 25.0), "fewer </script> frames": PoseSequence((rest + wave)[:6], 12.5)}


@pytest.fixture(scope="module")
def documents(clips):
    return {"poses": view_poses(clips), "videos": side_by_side(clips, size=64)}


@pytest.fixture
def offline(chromium):
    """A function that opens a file with the network off: -> the page, what it asked for, what its console said."""
    contexts = []

    def opened(path, **options):
        contexts.append(chromium.new_context(offline=True, **options))
        page, asked, errors = contexts[-1].new_page(), [], []
        page.on("request", lambda request: asked.append((request.frame, request.url)))
        page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        return page, asked, errors

    yield opened
    for context in contexts:
        context.close()


def until(page, condition, seconds=10):
    """Waits for a condition in Python: the pages' own policy forbids the evaluations that a browser would wait with."""
    for _ in range(20 * seconds):
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail("waited in vain")


def outside(asked):
    return [url for _, url in asked if not url.startswith(("file:", "blob:", "data:", "about:"))]


def frame_of(page):
    return int(page.locator("#scrub").input_value())


@pytest.mark.parametrize("name", ["poses", "videos"])
def test_a_saved_page_plays_steps_and_asks_for_nothing(name, documents, offline, tmp_path):
    page, asked, errors = offline(documents[name].save(tmp_path / "page.html"))
    assert page.locator("figure").count() == 2 and page.locator("figcaption b").all_inner_texts() == ["waves", "fewer </script> frames"]
    assert frame_of(page) == 0 and page.locator("#scrub").get_attribute("max") == "29"
    page.keyboard.press(".")
    page.keyboard.press(".")
    page.keyboard.press(",")
    assert frame_of(page) == 1 and "frame 2 of 30" in page.locator("#scrub").get_attribute("aria-valuetext")
    page.locator("#speed").select_option("0.25")
    page.locator("#speed").blur()
    page.keyboard.press("Space")
    until(page, lambda: frame_of(page) > 2)
    assert page.locator("#play").inner_text() == "Pause"
    page.keyboard.press("Space")
    assert page.locator("#play").inner_text() == "Play"
    assert not outside(asked) and not errors and len([url for _, url in asked if url.startswith("file:")]) == 1


def test_skeletons_turn_zoom_and_move(documents, offline, tmp_path):
    page, _, errors = offline(documents["poses"].save(tmp_path / "page.html"), has_touch=True)
    canvas = page.locator("canvas").first
    seen = [canvas.evaluate("one => one.toDataURL()")]

    def changed(act):
        act()
        seen.append(canvas.evaluate("one => one.toDataURL()"))
        return seen[-1] not in seen[:-1]

    canvas.focus()
    assert changed(lambda: page.keyboard.press("ArrowRight")) and "turned 10 degrees right" in canvas.get_attribute("aria-label")
    assert changed(lambda: page.keyboard.press("+")) and changed(lambda: page.keyboard.press("."))
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    assert changed(lambda: page.mouse.move(box["x"] + 90, box["y"] + 70))
    page.mouse.up()
    assert not changed(lambda: page.mouse.move(box["x"] + 20, box["y"] + 20)), "no button is down"
    assert changed(lambda: page.mouse.wheel(0, -200)) and changed(lambda: page.get_by_role("button", name="above").click())
    page.keyboard.press("0")
    page.get_by_role("button", name="front").click()
    page.locator("#scrub").evaluate("one => { one.value = 0; one.dispatchEvent(new Event('input')); }")
    assert canvas.evaluate("one => one.toDataURL()") == seen[0] and not errors


def test_videos_follow_the_scrubber_together(documents, offline, tmp_path):
    page, _, errors = offline(documents["videos"].save(tmp_path / "page.html"))
    ready = lambda: page.evaluate("[...document.querySelectorAll('video')].every(one => one.readyState >= 2 && !one.seeking)")
    until(page, ready)
    first = page.locator("video").first
    before = first.evaluate(PIXELS)
    page.locator("#scrub").focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    until(page, ready)
    assert first.evaluate(PIXELS) != before
    times = page.evaluate("[...document.querySelectorAll('video')].map(one => one.currentTime)")
    assert times == pytest.approx([12.5 / 25, 5.5 / 12.5], abs=0.02), "the shorter one has come to its last frame"
    assert not errors


def test_who_asks_for_less_motion_sees_it_once(clips, offline, tmp_path):
    short = view_poses(clips["fewer </script> frames"]).save(tmp_path / "page.html")
    calm, *_ = offline(short, reduced_motion="reduce")
    busy, *_ = offline(short)
    for page in (calm, busy):
        page.get_by_role("button", name="Play").click()
        page.wait_for_timeout(800)
    assert (calm.locator("#play").inner_text(), frame_of(calm)) == ("Play", 5)
    assert busy.locator("#play").inner_text() == "Pause"


def test_both_live_in_an_exported_notebook(documents, offline, tmp_path):
    outputs = [nbformat.v4.new_output("display_data", {"text/html": page._repr_html_()}) for page in documents.values()]
    cells = [nbformat.v4.new_code_cell("page", outputs=[output]) for output in outputs]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "kept.ipynb")
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", "--log-level", "ERROR", str(tmp_path / "kept.ipynb")], check=True)
    page, asked, _ = offline(tmp_path / "kept.html")
    inner = [handle.content_frame() for handle in page.locator("iframe").element_handles()]
    canvas = inner[0].locator("canvas").first
    canvas.wait_for()
    before = canvas.evaluate("one => one.toDataURL()")
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    assert canvas.evaluate("one => one.toDataURL()") != before
    inner[1].get_by_role("button", name="Play").click()
    until(page, lambda: frame_of(inner[1]) > 2 and inner[1].evaluate("document.querySelector('video').currentTime") > 0.1)
    assert not outside([(frame, url) for frame, url in asked if frame in inner])
    heights = [(frame.evaluate("document.documentElement.scrollHeight"), frame.evaluate("innerHeight")) for frame in inner]
    assert all(needed <= given for needed, given in heights), "the controls are cut off"
