"""The gallery on a phone, by keyboard, to assistive technology and to weak eyes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from tests.browser.stage import NUMBER, center, percent, slider_value
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
    phone.wait_for_timeout(700)  # a tap right after a flick only stops it: the browser's own rule
    phone.locator("#viewer-close").tap()
    phone.locator("#tray-compare").tap()
    expect(phone.locator("#compare")).to_be_visible()
    assert fits(phone)
    tops = phone.locator("#compare-pair .stage").evaluate_all(
        "stages => stages.map(stage => stage.getBoundingClientRect().top)"
    )
    assert tops[0] < tops[1], "side by side would leave each a stripe"


def assert_named(page: Page) -> None:
    """Whatever can be operated has a name, as assistive technology computes it."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    operable = {"button", "link", "slider", "searchbox", "textbox", "combobox", "dialog", "image"}
    found = [
        node for node in nodes if not node.get("ignored") and node["role"]["value"] in operable
    ]
    assert found
    nameless = [
        (node["role"]["value"], node.get("properties"))
        for node in found
        if not node.get("name", {}).get("value")
    ]
    assert nameless == []


def test_everything_that_can_be_operated_has_a_name(page):
    assert_named(page)
    for number in range(2):
        page.locator(".open").nth(number).focus()
        page.keyboard.press("c")
    page.select_option("#content", label="cat")
    assert_named(page)
    page.keyboard.press("?")
    assert_named(page)
    page.keyboard.press("Escape")
    page.locator(".open").first.click()
    assert_named(page)
    page.keyboard.press("v")
    expect(page.locator("#compare")).to_be_visible()
    assert_named(page)


def test_texts_can_be_told_from_their_ground(open_page, gallery):
    """A contrast of 4.5 to 1, as WCAG 2.2 asks of text, in both schemes."""
    for scheme in ("light", "dark"):
        page = open_page(gallery.page, color_scheme=scheme)
        for ink, ground in (
            ("ink", "paper"),
            ("gray", "paper"),
            ("gray", "blank"),
            ("gray", "raised"),
            ("on-accent", "accent"),
            ("accent", "paper"),
        ):
            assert contrast(page, ink, ground) >= 4.5, (scheme, ink, ground)


def contrast(page: Page, ink: str, ground: str) -> float:
    def luminance(name: str) -> float:
        color = page.evaluate(
            """name => {
                const probe = document.body.appendChild(document.createElement('i'));
                probe.style.color = `var(--${name})`;
                const color = getComputedStyle(probe).color;
                probe.remove();
                return color.match(/[\\d.]+/g).map(Number);
            }""",
            name,
        )
        parts = [level / 255 for level in color[:3]]
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lights = sorted((luminance(ink), luminance(ground)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)
