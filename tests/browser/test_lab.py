"""The widgets in JupyterLab, in a real browser, by keyboard alone: the cell runs, the control moves, the picture changes."""

import pytest

CELLS = {
    "setup": "from signer_lib.pipeline import StableSignerPipeline\nfrom signer_lib.widgets import *\n"
             "pipeline = StableSignerPipeline.from_pretrained(renderer='drawn')",
    "slider": "from matplotlib.figure import Figure\n\n\ndef draw(k):\n    figure = Figure(figsize=(2, 1))\n    figure.text(0.5, 0.5, str(k))\n"
              "    return figure\n\n\nscrubber(draw, 5)",
    "sentence": "sentence_explorer(pipeline)",
    "gates": "gate_explorer(pipeline.experts, pipeline.understand('Why did they help?')[0], pipeline.prior)",
    "builder": "sign_builder('FATHER')",
    "poses": "view_poses({'LIBRARY <b>': pipeline.prior.candidates('LIBRARY')[0].poses})",
}


@pytest.fixture(scope="module")
def page(notebook):
    """The notebook, run; every test begins with its own cell."""
    page = notebook("widgets", *CELLS.values())
    yield page
    assert not page.locator('.jp-OutputArea [data-mime-type="application/vnd.jupyter.error"]').count(), "a traceback in the notebook"


@pytest.fixture
def cell(page):
    def found(name):
        one = page.locator(".jp-CodeCell").nth(list(CELLS).index(name))
        one.scroll_into_view_if_needed()
        return one
    return found


def changes(page, locator, act, what="one => one.innerHTML"):
    """The locator's content, after ``act`` has changed it."""
    before = locator.evaluate(what)
    act()
    page.wait_for_function(f"([one, before]) => ({what})(one) !== before", arg=[locator.element_handle(), before])
    return locator.evaluate(what)


def test_the_slider_moves_by_an_arrow_key_and_the_picture_changes(page, cell):
    picture, source = cell("slider").locator("img"), "one => one.getAttribute('src')"
    assert picture.get_attribute("alt").startswith("Figure")
    cell("slider").locator(".noUi-handle").focus()
    shown = cell("slider").locator(".widget-html-content", has=page.locator("img"))
    before = picture.get_attribute("src")
    changes(page, shown, lambda: page.keyboard.press("ArrowRight"))
    assert picture.get_attribute("src") != before and cell("slider").locator(".widget-readout").inner_text() == "1"
    assert picture.evaluate(source).startswith("data:image/png")


def test_a_typed_sentence_becomes_glosses_gates_a_skeleton_and_a_video(page, cell):
    line = cell("sentence").locator("input[type=text]").first
    line.focus()
    page.keyboard.type("My pal wants coffee.")
    page.keyboard.press("Enter")
    cell("sentence").locator("td", has_text="COFFEE").first.wait_for()
    rows = cell("sentence").locator("tbody tr").all_inner_texts()
    assert len(rows) == 4 and "synonym of pal" in rows[1] and "rule" in rows[3]
    cell("sentence").locator("video").wait_for()
    page.wait_for_function("one => one.readyState >= 2", arg=cell("sentence").locator("video").element_handle())
    assert "coffee" in cell("sentence").locator("video").get_attribute("aria-label")
    skeleton, gates = cell("sentence").locator("svg[role=img]").all()
    handle = cell("sentence").locator(".noUi-handle")
    handle.focus()
    said = gates.get_attribute("aria-label")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("([cell, said]) => cell.querySelectorAll('svg[role=img]')[1].getAttribute('aria-label') !== said",
                           arg=[cell("sentence").element_handle(), said])


def test_what_cannot_be_signed_is_said_in_one_line(page, cell):
    line = cell("sentence").locator("input[type=text]").first
    line.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("?!")
    page.keyboard.press("Enter")
    alert = cell("sentence").get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text().startswith("Not possible: ") and "\n" not in alert.inner_text()
    assert cell("sentence").locator("tbody tr").count() == 4, "what was shown stays"


def test_the_gate_is_turned_by_hand(page, cell):
    own = cell("gates")
    numbers = lambda: own.locator("tbody tr").first.locator("td").all_inner_texts()[1:5]
    trained, shown = numbers(), own.locator(".widget-html-content", has=page.locator("table"))
    curves = own.locator(".widget-html-content", has=page.locator("svg[aria-label^=Gate]"))
    drawn = curves.inner_html()
    own.locator(".noUi-handle").first.focus()
    changes(page, shown, lambda: [page.keyboard.press("ArrowLeft") for _ in range(6)])
    assert numbers() != trained and curves.inner_html() != drawn
    for name, key, wanted in (("uniform gate", "Space", ["0.25"] * 4), ("as trained", "Enter", trained)):
        own.get_by_role("button", name=name).focus()
        page.keyboard.press(key)
        page.wait_for_function("([cell, wanted]) => [...cell.querySelectorAll('tbody tr:first-child td')].slice(1, 5)"
                               ".every((one, k) => one.textContent === wanted[k])", arg=[own.element_handle(), wanted])


def test_a_sign_is_built_by_menus_and_saved(page, cell, lab):
    own = cell("builder")
    skeleton, code = own.locator(".widget-html-content", has=page.locator("svg")), own.locator("pre.signer-code")
    assert "location: forehead" in code.inner_text()
    place = own.locator(".widget-dropdown", has_text="location").locator("select").first
    place.focus()
    changes(page, skeleton, lambda: page.keyboard.press("ArrowDown"))
    assert "location: temple" in code.inner_text()
    palm = own.locator(".widget-dropdown", has_text="palm").locator("select").first
    palm.focus()
    page.keyboard.press("u")
    alert = own.get_by_role("alert")
    alert.wait_for()
    assert "parallel" in alert.inner_text()
    palm.select_option("left-back")
    alert.wait_for(state="detached")
    own.get_by_role("button", name="save").focus()
    page.keyboard.press("Enter")
    own.get_by_text("MY-SIGN is in").wait_for()
    assert "temple" in (lab[2] / "my_lexicon" / "signs_mine.yaml").read_text()


def test_the_viewer_turns_in_its_frame_and_the_notebook_does_not_move(page, cell):
    frame = cell("poses").frame_locator("iframe")
    canvas = frame.locator("canvas")
    canvas.focus()
    before = canvas.evaluate("one => one.toDataURL()")
    page.keyboard.press("ArrowDown")
    assert canvas.evaluate("one => one.toDataURL()") != before and "down" in canvas.get_attribute("aria-label")
    assert frame.locator("figcaption").inner_text() == "LIBRARY <b>"
    assert canvas.evaluate("one => document.activeElement === one"), "the key went to the notebook"
