"""Outputs side by side and picked in a real browser, and the address that keeps what is open."""

from __future__ import annotations

import re
import shlex
import zipfile
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import expect
from tests.browser.stage import center, drag, placed, shows, slider_value
from tests.browser.sweep import HOSTILE, until


def choose(page, *numbers):
    for number in numbers:
        page.locator(".open").nth(number).focus()
        page.keyboard.press("c")


def sources(page, part=".result"):
    return page.locator(f"#compare-pair {part}").evaluate_all(
        "images => images.map(image => image.getAttribute('src'))"
    )


def test_outputs_side_by_side_at_the_same_zoom(page):
    for number in (0, 2):
        card = page.locator(".card").nth(number)
        card.hover()
        card.locator(".choose").click()
    page.get_by_role("button", name="Compare", exact=True).click()
    images = page.locator("#compare-pair .result")
    expect(images).to_have_count(2)
    loaded = "[...document.querySelectorAll('#compare-pair .result')]"
    until(page, f"{loaded}.every(i => i.naturalWidth === 48)")
    assert [source.split("/")[3] for source in sources(page)] == ["1_1e5_1", "1_1e7_1"]
    assert page.locator("#compare-pair .what").all_text_contents() == ["beta 1e5", "beta 1e7"]
    # Unweighted: the larger beta has the smaller style loss.
    assert page.locator("#compare-pair .loss").all_text_contents() == [
        "content loss 1.000 · style loss 71.43",
        "content loss 3.000 · style loss 71.14",
    ]
    before = placed(images.first)
    x, y = center(page.locator("#compare-pair .stage").last)
    page.mouse.move(x + 50, y)
    page.mouse.wheel(0, -500)
    until(page, f"!{loaded}[0].style.transform.includes('{before[2]}')")
    drag(page, (x, y), (-40, 25))
    page.keyboard.press("ArrowLeft")
    assert placed(images.first) == pytest.approx(placed(images.last))
    assert placed(images.first)[2] > before[2]
    page.keyboard.press("Escape")
    expect(page.locator("#compare")).to_be_hidden()
    expect(page.locator("#tray-compare")).to_be_focused()


def test_iterations_difference_flicker_and_the_way_to_one_output(page, gallery):
    choose(page, 0, 1, 2)
    page.keyboard.press("v")
    expect(page.locator("#compare-title")).to_have_text("3 outputs side by side")
    page.locator("#compare-snapshot").press("Home")
    until(
        page,
        """[...document.querySelectorAll('#compare-pair .result')]
            .every(image => image.src.endsWith('keep_48.jpg'))""",
    )
    page.keyboard.press(".")
    expect(page.locator("#compare-epoch")).to_have_text("2 of 6")
    page.locator("#compare-title").focus()
    page.keyboard.press(".")
    until(page, "document.querySelector('#compare-pair .result').src.endsWith('generated_4.png')")
    page.keyboard.press("Space")
    expect(page.locator("#compare-play")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#compare-epoch")).to_have_text("6 of 6")
    page.get_by_role("button", name="Play the iterations").click()
    expect(page.locator("#compare-play")).to_have_attribute("aria-pressed", "false")
    before = page.locator("#compare-pair .before")
    shown = "befores => befores.map(each => !each.hidden)"
    page.keyboard.down("2")
    assert before.evaluate_all(shown) == [True, True, True]
    until(page, "document.querySelector('#compare-pair .before img').src.includes('1_1e6_1')")
    first = page.locator("#compare-pair .stage").first
    second = gallery.root / "results" / "cat" / "sea" / "1_1e6_1" / "generated_6.png"
    assert shows(first, second)
    page.keyboard.up("2")
    assert before.evaluate_all(shown) == [False, False, False]
    assert not shows(first, second)
    page.get_by_role("button", name="Difference from the first").click()
    assert before.evaluate_all(shown) == [False, True, True]
    page.locator("#compare-pair .drop").first.click()
    expect(page.locator("#compare-pair figure")).to_have_count(2)
    page.locator("#compare-pair .look").nth(1).click()
    expect(page.locator("#viewer-epoch")).to_have_text("6 of 6")
    page.select_option("#viewer-left", value="cat/sea/1_1e6_1")
    assert slider_value(page) == 50
    until(page, "document.querySelector('#viewer-original').src.includes('1_1e6_1')")
    assert "1_1e7_1" in page.locator("#viewer-result").get_attribute("src")
    expect(page.locator("#viewer-others")).to_be_visible()
    assert page.locator("#viewer-curve-style .other").count() == 1
    page.keyboard.press(",")
    page.keyboard.press("+")
    until(page, "location.hash.includes('alone=1') && location.hash.includes('epoch=4')")
    page.reload()
    page.get_by_role("button", name="Back to the outputs side by side").click()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#compare-epoch")).to_have_text("4 of 6")
    expect(page.locator("#compare-pair .look").nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#compare")).to_be_hidden()
    page.locator(".open").first.click()
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("#compare")).to_be_hidden()


def sides(page):
    """The images on the two sides of the light table, by what tells them apart."""
    images = page.locator("#over-stage img").evaluate_all(
        "images => images.map(image => image.dataset.wanted)"
    )
    return [image.removeprefix("../") for image in reversed(images)]


def test_any_two_of_the_light_table_get_a_slider(page, gallery):
    choose(page, 0, 1, 2, 3)
    page.keyboard.press("v")
    assert page.locator("#compare-pair .number").all_text_contents() == ["1", "2", "3", "4"]
    page.locator("#compare-in").click()
    zoom = page.locator("#compare-pair .result").first.evaluate("image => image.style.transform")
    page.locator("#compare-title").focus()
    page.keyboard.press("w")
    expect(page.locator("#over-slider")).to_be_focused()
    expect(page.locator("#compare-pair")).to_be_hidden()
    file = "generated_6.png"
    assert sides(page) == [f"cat/sea/1_1e5_1/{file}", f"cat/sea/1_1e6_1/{file}"]
    assert over_value(page) == 50
    page.keyboard.press("ArrowRight")
    assert over_value(page) == 52
    options = page.locator("#over-left option").all_text_contents()
    assert options[:3] == [f"{place}: \u2068sea\u2069, beta 1e{place + 4}" for place in (1, 2, 3)]
    groups = page.locator("#over-left optgroup").evaluate_all("all => all.map(each => each.label)")
    assert groups == ["Outputs", "Inputs", "Iterations of 1", "Iterations of 2"]

    # Any two, and the iteration of both.
    page.select_option("#over-left", value="cat/sea/1_1e7_1")
    page.select_option("#over-right", value="cat/sun-moon/1_1e5_1")
    page.locator("#compare-snapshot").press("ArrowLeft")
    middle = "generated_4.png"
    assert sides(page) == [f"cat/sea/1_1e7_1/{middle}", f"cat/sun-moon/1_1e5_1/{middle}"]
    page.select_option("#over-left", value="epoch 2 cat/sea/1_1e7_1")
    assert sides(page)[0] == "cat/sea/1_1e7_1/generated_2.png"
    page.select_option("#over-left", value="content cat")
    page.select_option("#over-right", value="style sea")
    assert ["content" in sides(page)[0], "style" in sides(page)[1]] == [True, True]
    until(
        page,
        "[...document.querySelectorAll('#over-stage img')].every(i => i.src.includes('originals'))",
    )
    stage, job = page.locator("#over-stage"), gallery.jobs[2]
    for name, value in (("Left", 100), ("Right", 0), ("Both", 50)):
        page.locator("#over-sides").get_by_role("button", name=name, exact=True).click()
        assert over_value(page) == value
        assert shows(stage, gallery.root / job.content_path) == (name == "Left")
        assert shows(stage, gallery.root / job.style_path) == (name == "Right")
    page.locator("#over-difference").click()
    expect(page.locator("#over-layers.difference")).to_be_visible()

    # A number shows its output alone, as long as the key is down.
    page.keyboard.down("2")
    until(page, "document.querySelector('#over-original').src.includes('1_1e6_1')")
    assert shows(stage, gallery.root / "results" / "cat" / "sea" / "1_1e6_1" / middle)
    page.keyboard.up("2")
    expect(page.locator("#over-layers.difference")).to_be_visible()
    assert "content" in sides(page)[0]

    # A reload keeps the sides; Esc goes back to all, at the same zoom.
    until(page, "location.hash.includes('difference=1')")
    page.reload()
    expect(page.locator("#over-left")).to_have_value("content cat")
    expect(page.locator("#over-difference")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#compare-pair figure")).to_have_count(4)
    expect(page.locator("#compare-slider")).to_be_focused()
    page.keyboard.press("w")
    page.locator("#compare-slider").click()
    page.locator("#compare-in").click()
    again = page.locator("#compare-pair .result").first.evaluate("image => image.style.transform")
    assert again == zoom
    page.keyboard.press("w")
    page.keyboard.down("x")
    page.keyboard.press("Escape")
    page.keyboard.up("x")
    page.keyboard.press("Escape")
    expect(page.locator("#compare")).to_be_hidden()


def over_value(page):
    return int(page.locator("#over-slider").get_attribute("aria-valuenow") or -1)


def test_a_named_setting_has_its_name_on_the_light_table(open_page, mixed):
    """The list of the keys in which it differs would be long."""
    page = open_page(mixed)
    choose(page, 0, 1, 4)
    page.keyboard.press("v")
    shown = page.locator("#compare-pair .what").all_text_contents()
    assert [what.replace("\u00a0", " ") for what in shown] == ["β 1e5", "β 1e6", "mine"]
    expect(page.locator("#compare-note")).to_contain_text("The losses of these settings")
    page.locator("#compare-pair .drop").last.click()
    expect(page.locator("#compare-note")).to_be_empty()


def test_a_missing_output_is_on_no_side_of_the_slider(page):
    """The last output of the sweep has failed."""
    page.keyboard.press("End")
    choose(page, 0, 1)
    page.locator(".open").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("c")
    page.keyboard.press("v")
    page.get_by_role("button", name="Slider", exact=True).click()
    names = page.locator("#over-left optgroup").first.locator("option").all_text_contents()
    assert [name.split(":")[0] for name in names] == ["1", "2"]
    page.get_by_role("button", name="Slider", exact=True).click()
    page.locator("#compare-pair .drop").first.click()
    expect(page.locator("#compare-pair figure")).to_have_count(2)
    expect(page.locator("#compare-slider")).to_be_hidden()
    page.keyboard.press("w")
    expect(page.locator("#compare-pair figure")).to_have_count(2)


def test_nine_can_be_compared_and_a_tenth_is_refused(page):
    choose(page, *range(10))
    expect(page.locator("#status")).to_have_text("Nine are selected; deselect one first")
    chosen = page.locator(".card.chosen").evaluate_all(
        "cards => cards.map(card => Number(card.dataset.place))"
    )
    assert chosen == list(range(9))
    page.keyboard.press("v")
    expect(page.locator("#compare-pair figure")).to_have_count(9)
    page.keyboard.press("Escape")
    page.locator(".chip").first.click()
    expect(page.locator(".card.chosen")).to_have_count(8)
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.locator("#tray")).to_be_hidden()


def test_picks_are_kept_filtered_and_exported(page, gallery):
    expect(page.locator("#export-open")).to_be_hidden()
    page.locator(".open").nth(1).focus()
    page.keyboard.press("p")
    card = page.locator(".card").nth(6)
    card.hover()
    card.locator(".star").click()
    page.locator(".open").nth(8).click()
    page.locator("#viewer-star").click()
    page.keyboard.press("Escape")
    until(page, "!location.hash.includes('output=')")  # the browser goes back in its own time
    page.reload()
    page.get_by_role("button", name="My picks 3").click()
    expect(page.locator(".card.picked")).to_have_count(3)
    page.keyboard.press("Home")
    page.get_by_role("button", name="Export my picks").click()
    text = page.locator("#export-text")
    assert text.input_value().splitlines()[0] == "results/cat/sea/1_1e6_1/generated_6.png"
    page.select_option("#export-what", "commands")
    words = [shlex.split(line) for line in text.input_value().splitlines()]
    assert all(f"images/content/{HOSTILE}.png" in each for each in words[1:])
    page.select_option("#export-what", "copies")
    lines = text.input_value().splitlines()
    assert shlex.split(lines[1]) == [
        *("cp", "results/cat/sea/1_1e6_1/generated_6.png", "picks/cat_sea_beta1e6_6.png")
    ]
    page.get_by_role("button", name="Copy the text").click()
    expect(page.locator("#status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == text.input_value()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the text").click()
    assert saved.value.suggested_filename == "copy_picks.sh"
    assert saved.value.path().read_text() == text.input_value()
    # A browser shows a local file instead of saving it under another name, unless it is chosen.
    expect(page.locator("#export-download")).to_be_hidden()
    for folder, said in (("images", "None of them is in that folder"), ("results", "3 images")):
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Save the images as a ZIP").click()
        if folder == "images":
            chooser.value.set_files(gallery.root / folder)
        else:
            with page.expect_download() as saved:
                chooser.value.set_files(gallery.root / folder)
        expect(page.locator("#status")).to_contain_text(said)
    with zipfile.ZipFile(saved.value.path()) as images:
        assert images.testzip() is None
        assert images.namelist()[0] == "cat_sea_beta1e6_6.png"
        first = gallery.root / "results/cat/sea/1_1e6_1/generated_6.png"
        assert images.read(images.namelist()[0]) == first.read_bytes()
        assert len(images.namelist()) == 3
    page.select_option("#export-what", "link")
    link = text.input_value().strip()
    page.keyboard.press("Escape")
    page.evaluate("localStorage.clear()")
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator(".card.picked")).to_have_count(3)
    page.locator(".open").first.focus()
    page.keyboard.press("p")
    expect(page.locator(".card")).to_have_count(2)


def test_a_reload_keeps_picks_that_the_browser_drops(page):
    """Chromium does that now and then, while the machine is busy."""
    for place in (1, 4):
        page.locator(".open").nth(place).focus()
        page.keyboard.press("p")
    page.evaluate("localStorage.clear()")
    page.reload()
    page.get_by_role("button", name="My picks 2").click()
    expect(page.locator(".card.picked")).to_have_count(2)


def test_a_gallery_on_a_server_downloads_picks_with_telling_names(browser, gallery):
    context = browser.new_context()
    page = context.new_page()
    results = gallery.root / "results"
    page.route("http://gallery.test/**", lambda route: serve(route, results))
    page.goto("http://gallery.test/gallery/index.html#picked=1&picks=cat/sea/1_1e6_1")
    page.get_by_role("button", name="Export my picks").click()
    with page.expect_download() as first:
        page.get_by_role("button", name="Download the images").click()
    assert first.value.suggested_filename == "cat_sea_beta1e6_6.png"
    context.close()


def serve(route, folder):
    route.fulfill(path=folder / unquote(urlsplit(route.request.url).path.removeprefix("/")))


def test_a_reload_keeps_what_was_chosen_and_open(page):
    page.select_option("#style", label="sea")
    page.select_option("#sort", "style")
    page.get_by_role("searchbox").fill("cat")
    page.locator(".open").nth(1).click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("w")
    until(page, "location.hash.includes('slider=50') && location.hash.includes('epoch=4')")
    page.reload()
    expect(page.locator("#viewer")).to_be_visible()
    expect(page.locator("#viewer-place")).to_have_text("2 of 3")
    expect(page.locator("#viewer-epoch")).to_have_text("4 of 6")
    assert slider_value(page) == 50
    assert [page.locator(f"#{name}").input_value() for name in ("style", "sort", "text")] == [
        "sea",
        "style",
        "cat",
    ]


def test_the_back_button_closes_what_is_open_and_nothing_else(page):
    page.select_option("#style", label="sea")
    page.locator(".open").nth(1).click()
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    assert page.locator("#style").input_value() == "sea"
    page.locator(".open").first.click()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("c")
    until(page, "location.hash.includes('chosen=') && !location.hash.includes('output=')")
    expect(page.locator(".card.chosen")).to_have_count(2)
    page.locator(".open").nth(2).click()
    page.keyboard.press("v")
    expect(page.locator("#compare")).to_be_visible()
    expect(page.locator("#viewer")).to_be_hidden()
    page.go_back()
    expect(page.locator("#compare")).to_be_hidden()
    expect(page.locator(".card.chosen")).to_have_count(2)


@pytest.mark.parametrize("way", ["Back", "Escape", "v", "button"])
def test_every_way_out_of_an_output_of_the_light_table_leads_back_to_it(page, way):
    """And from there to all outputs, each in one step; at the iteration and zoom that were seen."""
    choose(page, 0, 1)
    page.keyboard.press("v")
    page.locator("#compare-pair .look").nth(1).click()
    expect(page.locator("#compare")).to_be_hidden()
    page.keyboard.press(",")
    page.keyboard.press("+")
    until(page, "location.hash.includes('epoch=4')")

    def leave():
        if way == "Back":
            page.go_back()
        elif way == "button":
            page.locator("dialog[open]").get_by_role("button", name=CLOSE).click()
        else:
            page.keyboard.press(way)

    leave()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#compare-pair figure")).to_have_count(2)
    expect(page.locator("#compare-pair .look").nth(1)).to_be_focused()
    expect(page.locator("#compare-epoch")).to_have_text("4 of 6")
    zoom = page.locator("#compare-pair .result").first.evaluate("image => image.style.transform")
    until(page, "location.hash.includes('compare=1') && history.state.opened === 1")
    page.keyboard.press("0")
    whole = page.locator("#compare-pair .result").first.evaluate("image => image.style.transform")
    assert zoom != whole
    if way == "Back":
        page.go_forward()
        expect(page.locator("#viewer-title")).to_be_visible()
        expect(page.locator("#compare")).to_be_hidden()
        page.go_back()
        expect(page.locator("#viewer")).to_be_hidden()
        expect(page.locator("#compare")).to_be_visible()
    page.keyboard.press("Escape") if way == "v" else leave()
    expect(page.locator("#compare")).to_be_hidden()
    until(page, "!location.hash.includes('compare') && !history.state?.opened")
    expect(page.locator(".card.chosen")).to_have_count(2)
    # What is opened next is left in one step.
    page.locator(".open").nth(2).click()
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#compare")).to_be_hidden()


CLOSE = re.compile("^(Close|Back to the outputs side by side)$")


def test_two_quick_escapes_leave_an_output_and_the_light_table(page):
    choose(page, 0, 1)
    page.keyboard.press("v")
    page.locator("#compare-pair .look").first.click()
    page.evaluate(
        """['viewer', 'compare'].forEach(id =>
            document.getElementById(`${id}-close`).click())"""
    )
    expect(page.locator("#compare")).to_be_hidden()
    until(page, "!location.hash.includes('compare') && !history.state?.opened")


def test_an_output_that_was_deselected_does_not_lead_back_to_the_light_table(page):
    """It alone is left, so there is nothing to compare."""
    choose(page, 0, 1)
    page.keyboard.press("v")
    page.locator("#compare-pair .look").first.click()
    page.keyboard.press("c")
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#compare")).to_be_hidden()
    until(page, "!history.state?.opened")
    expect(page.locator(".card.chosen")).to_have_count(1)
    page.keyboard.press("v")
    expect(page.locator("#status")).to_have_text("Select two outputs first")


@pytest.mark.parametrize(
    "address",
    [
        "#output=no/such/picture&chosen=a/b/c&compare=1&sort=price&content=<b>",
        "#epoch=7&slider=many&output=cat/sea/1_1e5_1",
        "#%",
    ],
)
def test_an_address_that_leads_nowhere_does_no_harm(open_page, gallery, address):
    page = open_page(gallery.page, address)
    expect(page.locator(".card").first).to_be_attached()


def test_an_address_of_an_older_gallery_opens_its_output(open_page, gallery):
    page = open_page(gallery.page, "#picture=cat/sea/1_1e5_1")
    expect(page.locator("#viewer-title")).to_have_text("cat × sea")
