"""The grid with two axes in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from tests.browser.sweep import STYLES, until


@pytest.fixture
def grid(page: Page) -> Page:
    page.keyboard.press("g")
    expect(page.locator("#matrix")).to_be_visible()
    return page


def cells(page: Page) -> list[str]:
    return page.locator(".cell").evaluate_all(
        """cells => cells.map(cell =>
            cell.getAttribute('aria-label').replace(/[\u2068\u2069]/g, ''))"""
    )


def test_has_an_output_in_each_cell_and_asks_the_filters_for_the_rest(grid):
    assert [grid.locator(f"#{name}").input_value() for name in ("rows", "columns", "content")] == [
        *("style", "beta", "cat")
    ]
    assert cells(grid) == [
        f"cat in the style of {style}, β\u00a0{beta}"
        for style in ("sea", "sun & moon")
        for beta in ("1e5", "1e6", "1e7")
    ]
    heads = grid.locator("#matrix [role=columnheader]").all_text_contents()
    assert heads[1:] == ["Beta 1e5", "Beta 1e6", "Beta 1e7"]
    assert grid.locator("#matrix [role=rowheader]").all_text_contents() == ["sea", "sun & moon"]
    assert grid.locator("#matrix [role=rowheader] img").count() == len(STYLES)
    grid.select_option("#rows", "content")
    assert grid.locator("#style").input_value() == "sea"
    assert len(cells(grid)) == 15
    grid.select_option("#style", "")
    expect(grid.locator(".cell .more").first).to_have_text("+1")
    until(grid, "location.hash.includes('rows=content')")
    grid.reload()
    expect(grid.locator(".cell")).to_have_count(15)
    grid.get_by_role("button", name="Cards").click()
    expect(grid.locator(".card").first).to_be_visible()


def test_arrows_move_along_the_axes_also_in_the_viewer(grid):
    grid.locator(".cell").first.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft"):
        grid.keyboard.press(key)
    place = "[document.activeElement.dataset.row, document.activeElement.dataset.column].join()"
    assert grid.evaluate(place) == "1,1"
    assert grid.locator(".cell[tabindex='0']").count() == 1
    grid.keyboard.press("Enter")
    expect(grid.locator("#viewer-place")).to_have_text("row 2 of 2, column 2 of 3")
    grid.keyboard.press("ArrowUp")
    grid.keyboard.press("ArrowRight")
    expect(grid.locator("#viewer-place")).to_have_text("row 1 of 2, column 3 of 3")
    expect(grid.locator("#viewer-next")).to_be_disabled()
    grid.keyboard.press("Escape")
    assert grid.evaluate(place) == "0,2"
    grid.keyboard.press("p")
    expect(grid.locator(".cell.picked")).to_have_count(1)


def test_iterations_can_be_an_axis(grid):
    grid.select_option("#columns", "epoch")
    assert grid.locator("#beta").input_value() == "1e5"
    assert cells(grid)[:4] == [
        "cat in the style of sea, β\u00a01e5" + end
        for end in (", iteration 0", ", iteration 2", ", iteration 4", "")
    ]
    grid.locator(".cell").nth(1).click()
    expect(grid.locator("#viewer-epoch")).to_have_text("2 of 6")
    grid.keyboard.press("ArrowRight")
    expect(grid.locator("#viewer-epoch")).to_have_text("4 of 6")
    grid.keyboard.press("ArrowDown")
    expect(grid.locator("#viewer-title")).to_have_text("cat × sun & moon")
    expect(grid.locator("#viewer-epoch")).to_have_text("4 of 6")


def test_the_heads_stay_in_sight(open_page, gallery):
    page = open_page(gallery.page, "#grid=1&rows=content", viewport={"width": 420, "height": 500})
    page.locator("#matrix").evaluate("host => host.scrollTo(400, 300)")
    page.locator("#matrix").scroll_into_view_if_needed()
    box = page.locator("#matrix").bounding_box()
    row = page.locator("#matrix [role=rowheader]").last.bounding_box()
    column = page.locator("#matrix [role=columnheader]").last.bounding_box()
    assert row["x"] == pytest.approx(box["x"], abs=2)
    assert column["y"] - box["y"] < 60


def test_a_named_setting_has_a_column_beside_the_others(open_page, mixed):
    """Its keys differ from theirs, but need no filters: the setting says them."""
    page = open_page(mixed)
    page.keyboard.press("g")
    assert columns(page) == ["β 1e5", "β 1e6", "mine"]
    assert len(cells(page)) == 6
    # A key as an axis: what the other keys say is chosen only if a cell would have two outputs.
    page.select_option("#columns", "beta")
    assert columns(page) == ["Beta 1e5", "Beta 1e6"]
    page.select_option("#columns", "style_loss")
    assert columns(page) == ["Kind of style loss gram", "Kind of style loss wasserstein"]


def columns(page: Page) -> list[str]:
    heads = page.locator("#matrix [role=columnheader]").all_text_contents()[1:]
    return [head.replace("\u00a0", " ") for head in heads]


def test_cards_fit_the_window_that_changed_behind_the_grid(grid):
    grid.set_viewport_size({"width": 700, "height": 800})
    grid.get_by_role("button", name="Cards").click()
    expect(grid.locator(".card").first).to_be_visible()
    boxes = grid.locator(".card").evaluate_all(
        "cards => cards.map(card => card.getBoundingClientRect().right)"
    )
    assert max(boxes) <= 700


def test_a_grid_whose_first_cell_is_empty_obeys_the_keyboard(grid):
    for number in (1, 3):
        grid.locator(".cell").nth(number).focus()
        grid.keyboard.press("p")
    grid.locator("#picked").click()
    expect(grid.locator(".cell")).to_have_count(2)
    expect(grid.locator(".cell").first).to_have_attribute("data-column", "1")
    expect(grid.locator(".cell[tabindex='0']")).to_have_count(1)
    grid.locator("input[type=search]").focus()
    grid.keyboard.press("ArrowDown")
    assert grid.evaluate("document.activeElement.dataset.column") == "1"


def test_the_slideshow_goes_row_by_row(grid):
    grid.locator(".cell").nth(2).click()
    expect(grid.locator("#viewer-place")).to_have_text("row 1 of 2, column 3 of 3")
    grid.get_by_role("button", name="Slideshow").click()
    expect(grid.locator("#viewer-place")).to_have_text("row 2 of 2, column 1 of 3", timeout=5000)
    until(
        grid, "location.hash.includes(encodeURIComponent('sun')) || location.hash.includes('sun')"
    )
