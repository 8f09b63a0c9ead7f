"""The gallery on a phone, by keyboard, to assistive technology and to weak eyes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from tests.browser.stage import NUMBER, center, percent, placed, slider_value
from tests.browser.sweep import until


def test_the_focus_stays_in_the_dialog(viewer):
    for _ in range(30):
        viewer.keyboard.press("Tab")
        where = viewer.evaluate("document.activeElement.closest('#viewer, body').id")
        assert where in ("viewer", ""), "the page behind the dialog got the focus"
        assert viewer.evaluate("!document.activeElement.closest('main, form')")


class Fingers:
    """Touches of the screen, through the browser's own protocol."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)

    def move(self, *ways: tuple[tuple[float, float], tuple[float, float]], steps: int = 4) -> None:
        """Put a finger at the start of each way, go to its end, and lift."""
        for step in range(steps + 1):
            places = [
                (x + (to_x - x) * step / steps, y + (to_y - y) * step / steps)
                for (x, y), (to_x, to_y) in ways
            ]
            self._send("touchMove" if step else "touchStart", *places)
        self._send("touchEnd")

    def _send(self, kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture
def phone(open_page, gallery) -> Page:
    window = {"width": 360, "height": 740}
    return open_page(gallery.page, viewport=window, has_touch=True, is_mobile=True)


def fits(page: Page) -> bool:
    """Whether nothing reaches over the right edge, in the page and in what lies over it."""
    return page.evaluate(
        """[document.documentElement, ...document.querySelectorAll('dialog[open]')]
            .every(each => each.scrollWidth <= 360)"""
    )


def test_on_a_phone_everything_fits_and_obeys_the_finger(phone):
    assert fits(phone)
    phone.locator(".card > .star").nth(2).tap()
    expect(phone.locator("#picked")).to_have_text("My picks 1")
    phone.locator(".choose").nth(0).tap()
    phone.locator(".choose").nth(1).tap()
    assert fits(phone)
    phone.locator(".open").nth(NUMBER).tap()
    until(phone, "document.querySelector('#viewer-result').naturalWidth === 48")
    assert fits(phone)

    x, y = center(phone.locator("#viewer-slider span"))
    fingers = Fingers(phone)
    fingers.move(((x, y), (x + 160, y)))
    assert 40 < slider_value(phone) < 62

    whole = percent(phone)
    x, y = center(phone.locator("#viewer-stage"))
    y -= 60  # not on the handle
    fingers.move(((x - 30, y), (x - 70, y)), ((x + 30, y), (x + 70, y)))
    assert percent(phone) == pytest.approx(whole * 140 / 60, rel=0.25)

    phone.locator("#viewer-fit").tap()
    fingers.move(((x + 100, y), (x, y)))
    expect(phone.locator("#viewer-subtitle")).to_contain_text("1e7")
    close = phone.locator("#viewer-close")
    while close.is_visible():  # a tap right after a flick only stops it: the browser's own rule
        close.tap()
        phone.wait_for_timeout(300)
    phone.locator("#tray-compare").tap()
    expect(phone.locator("#compare")).to_be_visible()
    assert fits(phone)
    tops = phone.locator("#compare-pair .stage").evaluate_all(
        "stages => stages.map(stage => stage.getBoundingClientRect().top)"
    )
    assert tops[0] < tops[1], "side by side would leave each a stripe"
    phone.locator("#compare-slider").tap()
    x, y = center(phone.locator("#over-slider span"))
    fingers.move(((x, y), (x + 90, y)))
    assert 65 < int(phone.locator("#over-slider").get_attribute("aria-valuenow") or 0) < 85
    assert fits(phone)
    phone.locator("#compare-slider").tap()
    expect(phone.locator("#compare-pair figure")).to_have_count(2)


def violations(page: Page) -> list[str]:
    """What axe-core finds in the page as it is now."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize(
    ("scheme", "width", "forced"),
    [("light", 1200, "none"), ("dark", 360, "none"), ("light", 820, "active")],
)
def test_no_view_has_a_barrier_that_axe_finds(open_page, gallery, scheme, width, forced):
    window = {"width": width, "height": 800}
    page = open_page(gallery.page, color_scheme=scheme, viewport=window, forced_colors=forced)
    found = {"cards": violations(page)}
    page.locator("#more-open").click()
    page.select_option("#content", label="cat")
    page.select_option("#group", "style")
    found["groups"] = violations(page)
    page.locator("#as-grid").click()
    found["grid"] = violations(page)
    page.locator("#as-cards").click()
    page.locator(".card .open").nth(1).click()
    page.keyboard.press("w")
    found["viewer"] = violations(page)
    page.keyboard.press("Escape")
    for number in range(3):
        page.locator(".card .open").nth(number).focus()
        page.keyboard.press("c")
        page.keyboard.press("p")
    found["tray"] = violations(page)
    page.keyboard.press("v")
    expect(page.locator("#compare")).to_be_visible()
    found["light table"] = violations(page)
    page.locator("#compare-slider").click()
    found["slider of the light table"] = violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.locator("#export-open").click()
    found["export"] = violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    found["help"] = violations(page)
    page.keyboard.press("Escape")
    page.get_by_role("searchbox").fill("betta=1")
    found["nothing"] = violations(page)
    assert {view: each for view, each in found.items() if each} == {}


def test_what_a_card_shows_is_in_its_name(page):
    """So that those who speak to their computer can say what they see."""
    page.select_option("#sort", "style")
    card = page.locator(".card").first
    words = card.locator(".caption").inner_text().split()
    name = card.locator(".open").aria_snapshot().replace("\u00a0", " ")
    assert " ".join(words) in " ".join(name.split())


def test_keys_that_are_a_character_can_be_turned_off(page):
    page.keyboard.press("?")
    page.get_by_label("Keys that are a single character work").uncheck()
    page.get_by_role("button", name="Close").click()
    for _ in range(2):
        page.locator(".card .open").first.focus()
        for key in ("c", "p", "d", "g", "?", "/"):
            page.keyboard.press(key)
        expect(page.locator("#tray")).to_be_hidden()
        expect(page.locator("#help")).to_be_hidden()
        expect(page.locator("#matrix")).to_be_hidden()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.closest('.card').dataset.place") == "1"
        page.reload()


def test_nobody_has_to_drag(viewer):
    """Buttons move the slider, and a click brings a point of the image to the center."""
    for name, value in (("Left", 100), ("Both", 50), ("Right", 0)):
        viewer.get_by_role("button", name=name, exact=True).click()
        assert slider_value(viewer) == value
    x, y = center(viewer.locator("#viewer-stage"))
    viewer.keyboard.press("+")
    viewer.keyboard.press("+")
    before = placed(viewer.locator("#viewer-result"))
    viewer.mouse.click(x + 60, y + 40)
    moved = f"!document.querySelector('#viewer-result').style.transform.includes('{before[0]}')"
    until(viewer, moved)
    after = placed(viewer.locator("#viewer-result"))
    assert after[:2] == pytest.approx((before[0] - 60, before[1] - 40), abs=1)


WINDOWS = ((360, 740), (740, 360), (704, 900), (800, 900), (960, 900), (1280, 800), (320, 256))


def test_controls_are_in_the_order_in_which_they_are_seen_and_leave_room(open_page, gallery):
    page = open_page(gallery.page)
    for width, height in WINDOWS:
        page.set_viewport_size({"width": width, "height": height})
        # Rows of controls, from left to right: an order that goes back goes to a lower row.
        boxes = page.locator("#filters :is(input, select, button):visible").evaluate_all(
            """controls => controls.map(control => {
                const box = control.getBoundingClientRect();
                return [box.left, box.top + box.height / 2];
            })"""
        )
        assert len(boxes) > 3
        for (left, middle), (next_left, next_middle) in pairwise(boxes):
            assert next_middle > middle - 12, (width, height)
            assert next_left > left or next_middle > middle + 12, (width, height)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("scrollTo(0, 1e6)")
        covered = page.locator("#filters").bounding_box()
        assert covered["y"] + covered["height"] < 0.25 * height, (width, height)
        page.evaluate("scrollTo(0, 0)")


def test_a_picture_has_most_of_a_small_window(open_page, gallery):
    """At 400 %, a laptop's window is 320 × 256; a phone may lie on its side."""
    for width, height, share in ((320, 256, 0.6), (740, 360, 0.5), (360, 740, 0.3)):
        page = open_page(gallery.page, viewport={"width": width, "height": height})
        page.locator(".card .open").nth(NUMBER).click()
        stage = page.locator("#viewer-stage").bounding_box()
        assert stage["height"] > share * height
        for side in ("left", "right"):
            expect(page.locator(f"#viewer-{side}")).to_be_visible()
        assert page.evaluate("document.querySelector('#viewer').scrollWidth") <= width
        page.keyboard.press("c")
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("c")
        page.keyboard.press("v")
        stage = page.locator("#compare-pair .stage").first.bounding_box()
        assert stage["height"] > 0.25 * height
        page.keyboard.press("w")
        assert page.locator("#over-stage").bounding_box()["height"] > share * height
        for control in ("#over-left", "#over-right", "#over-difference", "#compare-slider"):
            page.locator(control).click(trial=True)
        assert page.evaluate("document.querySelector('#compare').scrollWidth") <= width


@pytest.mark.parametrize(("width", "height"), [(360, 640), (390, 844)])
def test_what_is_on_the_sides_is_chosen_on_a_phone(open_page, gallery, width, height):
    """The lists fit with long names, lie on nothing, and are seen without scrolling."""
    window = {"width": width, "height": height}
    page = open_page(gallery.page, viewport=window, has_touch=True, is_mobile=True)
    for number in (0, 7, 13):  # of several content images
        page.locator(".card .choose").nth(number).tap()
    page.locator("#tray-compare").tap()
    page.locator("#compare-slider").tap()
    tops = []
    for side in ("left", "right"):
        page.locator(f"#over-{side} option").first.evaluate(
            "option => (option.text = 'a very long name '.repeat(20))"
        )
        expect(page.locator(f"#over-sides label:has(#over-{side}) > span")).to_be_visible()
        page.select_option(f"#over-{side}", index=0)
        box = page.locator(f"#over-{side}").bounding_box()
        assert box["width"] > width / 2
        assert box["height"] >= 38
        tops.append(box["y"])
    assert tops[1] > tops[0] + 38
    boxes = page.locator("#compare :is(.tools, .bar) :is(select, button, input)").evaluate_all(
        """controls => controls.filter(each => each.checkVisibility()).map(each => {
            const { left, right, top, bottom } = each.getBoundingClientRect();
            return [left, right, top, bottom];
        })"""
    )
    assert len(boxes) > 10
    for number, (left, right, top, bottom) in enumerate(boxes):
        assert left >= 0 and right <= width and top >= 0 and bottom <= height
        for other in boxes[:number]:
            beside = left >= other[1] - 1 or other[0] >= right - 1
            assert beside or top >= other[3] - 1 or other[2] >= bottom - 1
    assert page.evaluate("document.querySelector('#compare').scrollWidth") <= width


def test_nothing_covers_the_controls_of_many_outputs_in_any_window(open_page, gallery):
    page = open_page(gallery.page)
    for number in range(9):
        page.locator(".card .open").nth(number).focus()
        page.keyboard.press("c")
    page.keyboard.press("v")
    for count in (9, 3, 2):
        while page.locator("#compare-pair figure").count() > count:
            page.locator("#compare-pair .drop").first.click()
        for width, height in WINDOWS:
            page.set_viewport_size({"width": width, "height": height})
            for control in ("#compare-fit", "#compare-snapshot", "#compare-difference"):
                page.locator(control).click(trial=True)
            page.locator("#compare-pair .drop").last.click(trial=True)
            page.locator("#compare-pair .look").first.click(trial=True)
            assert page.evaluate("document.querySelector('#compare').scrollWidth") <= width
        page.set_viewport_size({"width": 1200, "height": 800})


def test_forced_colors_keep_the_legend_and_the_edges_of_controls(open_page, gallery):
    page = open_page(gallery.page, forced_colors="active")
    page.locator(".card .open").nth(NUMBER).click()
    colors = page.evaluate(
        """['content', 'style'].map(kind => [
            ['.losses tr', '::before', 'backgroundColor', ' th'],
            [`#viewer-curve-${kind} path`, null, 'stroke', ''],
        ].map(([where, part, property, inside]) => getComputedStyle(
            document.querySelector(`${where}.${kind}${inside}`), part)[property]))"""
    )
    assert [one == other for one, other in colors] == [True, True], "legend and line differ"
    assert len({color for pair in colors for color in pair}) == 2, "content and style look alike"
    for control in ("#viewer-copy", "#viewer-left"):
        edge = page.locator(control).evaluate("each => getComputedStyle(each).borderStyle")
        assert "solid" in edge


def test_prints_a_contact_sheet_and_no_blank_pages(page):
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("#sheet figure")).to_have_count(30)
    expect(page.locator(".card").first).to_be_hidden()
    expect(page.locator("#sheet img").first).to_be_visible()
    pages = page.pdf().count(b"/Type /Page\n")
    assert 1 <= pages <= 4


def test_prints_dark_on_white_whatever_is_chosen_and_waits_for_the_images(open_page, gallery):
    page = open_page(gallery.page, color_scheme="dark")
    page.keyboard.press("d")
    page.keyboard.press("d")
    page.locator(".card .open").first.focus()
    page.keyboard.press("c")
    expect(page.locator("#tray")).to_be_visible()
    page.evaluate(
        """window.print = () => {
            window.printed = [...document.querySelectorAll('#sheet img')].every(
                image => image.complete && image.naturalWidth);
        }"""
    )
    page.keyboard.press("Control+p")
    until(page, "window.printed === true")
    page.emulate_media(media="print")
    ink, bottom = page.evaluate(
        "(style => [style.color, style.paddingBottom])(getComputedStyle(document.body))"
    )
    assert ink == "rgb(29, 28, 26)"
    assert bottom == "0px", "room for the tray would be a blank page"


def test_the_contact_sheet_of_the_picks_has_only_them(page):
    page.evaluate("window.print = () => (window.printed = true)")
    for number in (1, 3):
        page.locator(".card .open").nth(number).focus()
        page.keyboard.press("p")
    page.locator("#export-open").click()
    page.get_by_role("button", name="Print a contact sheet").click()
    until(page, "window.printed === true")
    captions = page.locator("#sheet figcaption").all_text_contents()
    assert [" ".join(each.split()) for each in captions] == [
        "cat × seaβ 1e6",
        "cat × sun & moonβ 1e5",
    ]
