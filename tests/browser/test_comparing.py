"""Outputs side by side in a real browser: which ones, at which zoom, and two with a slider."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from tests.browser.stage import center, drag, placed, shows, slider_value
from tests.browser.sweep import choose, until


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


def test_a_number_that_is_held_while_the_slider_comes_does_not_stay(page):
    choose(page, 0, 1)
    page.keyboard.press("v")
    page.keyboard.down("1")
    expect(page.locator("#compare-pair .before:visible")).not_to_have_count(0)
    page.keyboard.press("w")
    page.keyboard.up("1")
    page.keyboard.press("w")
    expect(page.locator("#compare-pair figure")).to_have_count(2)
    expect(page.locator("#compare-pair .before:visible")).to_have_count(0)


def test_an_address_of_a_slider_with_an_iteration_that_is_gone_shows_the_outputs(
    page, open_page, gallery
):
    choose(page, 0, 1)
    page.keyboard.press("v")
    page.get_by_role("button", name="Slider", exact=True).click()
    until(page, "location.hash.includes('right=')")
    address = re.sub(
        r"right=[^&]*", "right=epoch%205%20no/such/output", page.evaluate("location.hash")
    )
    other = open_page(gallery.page, address)
    expect(other.locator("#compare-title")).to_have_text("2 outputs with a slider")
    until(other, "document.querySelector('#over-right').value !== ''")


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
