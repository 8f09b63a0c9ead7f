"""The address of the gallery in a real browser: it keeps what is open, and the way back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from tests.browser.stage import slider_value
from tests.browser.sweep import choose, until

CLOSE = re.compile("^(Close|Back to the outputs side by side)$")


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


def test_a_filter_and_a_range_of_losses_are_both_kept(open_page, mixed):
    """`style_loss` is a key of the settings, and there is a number of this name."""
    page = open_page(mixed)
    page.get_by_role("button", name="More").click()
    page.select_option("#style_loss", "gram")
    page.get_by_label("Greatest style loss").fill("71")
    kept = page.locator("#count").text_content()
    until(page, "location.hash.includes('..71')")
    page.reload()
    expect(page.locator("#style_loss")).to_have_value("gram")
    expect(page.get_by_label("Greatest style loss")).to_have_value("71")
    expect(page.locator("#count")).to_have_text(kept)


def test_an_address_of_an_older_gallery_has_its_ranges(open_page, gallery):
    page = open_page(gallery.page, "#content_loss=2..4.5")
    expect(page.get_by_label("Least content loss")).to_have_value("2")
    expect(page.get_by_label("Greatest content loss")).to_have_value("4.5")
