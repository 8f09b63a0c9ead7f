"""Two outputs side by side in a real browser, and the address that keeps what is open."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.browser.stage import center, drag, placed, slider_value
from tests.browser.sweep import until


def test_two_outputs_side_by_side_at_the_same_zoom(page):
    for number in (0, 2):
        card = page.locator(".card").nth(number)
        card.hover()
        card.locator(".choose").click()
    page.get_by_role("button", name="Compare", exact=True).click()
    images = page.locator("#compare-pair img")
    expect(images).to_have_count(2)
    until(
        page,
        "[...document.querySelectorAll('#compare-pair img')].every(i => i.naturalWidth === 48)",
    )
    sources = images.evaluate_all("images => images.map(image => image.getAttribute('src'))")
    assert [source.split("/")[3] for source in sources] == ["1_1e5_1", "1_1e7_1"]
    assert page.locator("#compare-pair .what").all_text_contents() == ["beta 1e5", "beta 1e7"]
    before = placed(images.first)
    x, y = center(page.locator("#compare-pair .stage").last)
    page.mouse.move(x + 50, y)
    page.mouse.wheel(0, -500)
    until(
        page,
        f"!document.querySelector('#compare-pair img').style.transform.includes('{before[2]}')",
    )
    drag(page, (x, y), (-40, 25))
    page.keyboard.press("ArrowLeft")
    assert placed(images.first) == pytest.approx(placed(images.last))
    assert placed(images.first)[2] > before[2]
    page.keyboard.press("Escape")
    expect(page.locator("#compare")).to_be_hidden()
    expect(page.locator("#tray-compare")).to_be_focused()


def test_of_three_choices_the_first_gives_way(page):
    for number in range(3):
        page.locator(".open").nth(number).focus()
        page.keyboard.press("c")
    chosen = page.locator(".card.chosen").evaluate_all(
        "cards => cards.map(card => card.dataset.place)"
    )
    assert chosen == ["1", "2"]
    page.locator(".chip").first.click()
    expect(page.locator(".card.chosen")).to_have_count(1)
    expect(page.locator("#tray-compare")).to_be_disabled()
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.locator("#tray")).to_be_hidden()


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
