"""One picture and two of them in a real browser: wipe, zoom, epochs, comparison, copying, keys."""

from __future__ import annotations

import re
import shlex

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.sweep import CONTENTS, until
from tests.fake_results import losses_at

NUMBER = 1  # cat × sea × beta 1e6, the second picture of the sweep
SCALE = re.compile(r"translate\((.*)px, (.*)px\) scale\((.*)\)")


@pytest.fixture
def viewer(page: Page) -> Page:
    page.locator(".open").nth(NUMBER).click()
    until(page, "document.querySelector('#viewer-result').naturalWidth === 48")
    return page


def placed(image: Locator) -> tuple[float, float, float]:
    """Left, top and scale of a picture on its stage."""
    found = SCALE.fullmatch(image.evaluate("image => image.style.transform"))
    assert found
    return float(found[1]), float(found[2]), float(found[3])


def percent(page: Page) -> int:
    return int(page.locator("#viewer-zoom").inner_text().split()[0])


def centre(locator: Locator) -> tuple[float, float]:
    box = locator.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + by[0], start[1] + by[1], steps=4)
    page.mouse.up()


def wiped(page: Page) -> int:
    return int(page.locator("#viewer-wipe").get_attribute("aria-valuenow") or -1)


def test_the_wipe_follows_the_mouse(viewer):
    handle = viewer.locator("#viewer-wipe span")
    stage = viewer.locator("#viewer-stage").bounding_box()
    assert wiped(viewer) == 0
    drag(viewer, centre(handle), (stage["width"] / 2 - 22, 0))
    assert 45 < wiped(viewer) < 55
    clip = viewer.locator("#viewer-veil").evaluate("veil => getComputedStyle(veil).clipPath")
    hidden = re.fullmatch(r"inset\(0px ([\d.]+)px 0px 0px\)", clip)
    assert hidden
    assert float(hidden[1]) == pytest.approx(stage["width"] / 2, abs=stage["width"] * 0.05)
    expect(viewer.locator("#viewer-tag-left")).to_be_visible()
    drag(viewer, centre(handle), (2000, 0))
    assert wiped(viewer) == 100


def test_the_wipe_obeys_the_keyboard(viewer):
    viewer.locator("#viewer-wipe").focus()
    values = []
    for key in ("ArrowRight", "PageUp", "ArrowLeft", "End", "ArrowRight", "Home"):
        viewer.keyboard.press(key)
        values.append(wiped(viewer))
    assert values == [2, 12, 10, 100, 100, 0]
    viewer.locator("#viewer-close").focus()
    turns = []
    for _ in range(3):
        viewer.keyboard.press("w")
        turns.append(wiped(viewer))
    assert turns == [50, 100, 0]


def test_the_photograph_lies_exactly_under_the_picture(viewer):
    viewer.keyboard.press("+")
    result, original = (viewer.locator(f"#viewer-{name}") for name in ("result", "original"))
    assert placed(result) == placed(original)
    assert result.bounding_box() == original.bounding_box()
    assert original.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [48, 32]


def test_zooms_by_wheel_buttons_and_keys_and_back(viewer):
    whole = percent(viewer)
    result = viewer.locator("#viewer-result")
    x, y = centre(viewer.locator("#viewer-stage"))
    before = result.bounding_box()
    viewer.mouse.move(x + 100, y + 50)
    viewer.mouse.wheel(0, -300)
    until(viewer, f"parseInt(document.querySelector('#viewer-zoom').textContent) > {whole}")
    after = result.bounding_box()
    for axis, length, point in (("x", "width", x + 100), ("y", "height", y + 50)):
        share = (point - before[axis]) / before[length]
        assert (point - after[axis]) / after[length] == pytest.approx(share, abs=0.01)
    steps = [percent(viewer)]
    for action in ("in", "out", "fit"):
        viewer.locator(f"#viewer-{action}").click()
        steps.append(percent(viewer))
    assert steps[0] < steps[1] > steps[2] > steps[3] == whole
    viewer.keyboard.press("+")
    assert percent(viewer) > whole
    viewer.keyboard.press("0")
    assert percent(viewer) == whole
    for _ in range(30):
        viewer.keyboard.press("-")
    assert percent(viewer) == whole, "a picture smaller than its stage is no use"


def test_drags_and_keys_move_a_zoomed_picture_and_never_lose_it(viewer):
    result = viewer.locator("#viewer-result")
    point = centre(viewer.locator("#viewer-stage"))
    here = placed(result)
    drag(viewer, point, (80, 40))
    assert placed(result) == here, "the whole picture has nowhere to go"
    viewer.mouse.dblclick(*point)
    start = placed(result)
    assert start[2] > here[2]
    drag(viewer, point, (30, 20))
    moved = placed(result)
    assert moved[:2] == pytest.approx((start[0] + 30, start[1] + 20), abs=1)
    viewer.keyboard.press("Shift+ArrowRight")
    assert placed(result)[0] < moved[0]
    drag(viewer, point, (5000, 5000))
    assert placed(result)[:2] == pytest.approx((0, 0), abs=1)


def test_the_epochs_come_with_their_pictures_and_losses(viewer):
    result, slider = viewer.locator("#viewer-result"), viewer.locator("#viewer-snapshot")
    assert result.get_attribute("src").endswith("/generated_6.png")
    slider.focus()
    viewer.keyboard.press("Home")
    expect(result).to_have_attribute("src", re.compile("/generated_2.png$"))
    expect(viewer.locator("#viewer-epoch")).to_have_text("2 of 6")
    content, style = losses_at(NUMBER, 2)
    for name, loss in (("total", content + style), ("content", content), ("style", style)):
        shown = viewer.locator(f".losses .{name} td").first.text_content()
        assert float(shown) == pytest.approx(loss, rel=1e-3)
    saved = viewer.locator(".losses .content td").last.text_content()
    assert float(saved) == pytest.approx(losses_at(NUMBER, 6)[0], rel=1e-3)
    viewer.locator("#viewer-close").focus()
    viewer.keyboard.press("ArrowUp")
    expect(result).to_have_attribute("src", re.compile("/generated_4.png$"))
    expect(slider).to_have_attribute("aria-valuetext", "epoch 4 of 6")
    assert viewer.locator("#viewer-curve path").count() == 4


def test_arrows_go_to_the_neighbours_and_the_focus_comes_back(viewer):
    expect(viewer.locator("#viewer-title")).to_be_focused()
    viewer.keyboard.press("ArrowRight")
    expect(viewer.locator("#viewer-place")).to_have_text(re.compile("^3 of"))
    viewer.keyboard.press("ArrowRight")
    viewer.locator("#viewer-back").click()
    viewer.keyboard.press("Escape")
    expect(viewer.locator("#viewer")).to_be_hidden()
    focused = "document.activeElement.closest('.card')?.dataset.place"
    assert viewer.evaluate(focused) == "2"
    viewer.keyboard.press("Enter")
    expect(viewer.locator("#viewer")).to_be_visible()


def test_the_focus_stays_in_the_dialog(viewer):
    for _ in range(30):
        viewer.keyboard.press("Tab")
        where = viewer.evaluate("document.activeElement.closest('#viewer, body').id")
        assert where in ("viewer", ""), "the wall behind the dialog got the focus"
        assert viewer.evaluate("!document.activeElement.closest('main, form')")


def test_shows_the_settings_of_the_run(viewer):
    facts = dict(
        zip(
            viewer.locator("#viewer-facts dt").all_text_contents(),
            viewer.locator("#viewer-facts dd").all_text_contents(),
            strict=True,
        )
    )
    assert (facts["beta"], facts["size"], facts["epochs"]) == ("1e6", "48", "6")
    assert facts["content layers"] == "conv4_2:1"
    assert (facts["time"], facts["pixels"]) == ("84 s", "48 × 32")
    assert facts["made on"] == "x86_64 CPU, 2 threads, float32"


def test_one_click_copies_the_command(viewer):
    viewer.get_by_role("button", name="Copy the command").click()
    expect(viewer.locator("#said")).to_have_text("Copied")
    text = viewer.evaluate("navigator.clipboard.readText()")
    assert shlex.split(text) == [
        "python",
        "workflow/scripts/stylize.py",
        "--content=images/content/cat.png",
        "--style=images/style/sea.png",
        "--output=remade/cat/sea/1_1e6_1",
        "--size=48",
        "--fit=keep",
        "--format=png",
        "--epochs=6",
        "--save-every=2",
    ]
    assert viewer.locator("#viewer-command").text_content() == text
    viewer.evaluate("navigator.clipboard.writeText('')")
    viewer.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    viewer.keyboard.press("y")
    expect(viewer.locator("#said")).to_have_text("Copied")
    assert viewer.evaluate("navigator.clipboard.readText()") == text


def test_two_pictures_side_by_side_at_the_same_zoom(page):
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
    x, y = centre(page.locator("#compare-pair .stage").last)
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
    page.get_by_role("button", name="Choose none").click()
    expect(page.locator("#tray")).to_be_hidden()


def test_a_reload_keeps_what_was_chosen_and_open(page):
    page.select_option("#style", label="sea")
    page.select_option("#sort", "style")
    page.get_by_role("searchbox").fill("cat")
    page.locator(".open").nth(1).click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("w")
    until(page, "location.hash.includes('wipe=50') && location.hash.includes('epoch=4')")
    page.reload()
    expect(page.locator("#viewer")).to_be_visible()
    expect(page.locator("#viewer-place")).to_have_text("2 of 3")
    expect(page.locator("#viewer-epoch")).to_have_text("4 of 6")
    assert wiped(page) == 50
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
    until(page, "location.hash.includes('chosen=') && !location.hash.includes('picture=')")
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
        "#picture=no/such/picture&chosen=a/b/c&compare=1&sort=price&content=<b>",
        "#epoch=7&wipe=many&picture=cat/sea/1_1e5_1",
        "#%",
    ],
)
def test_an_address_that_leads_nowhere_does_no_harm(open_page, gallery, address):
    page = open_page(gallery.page, address)
    expect(page.locator(".card").first).to_be_attached()


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

    x, y = centre(phone.locator("#viewer-wipe span"))
    fingers = Fingers(phone)
    fingers.move(((x, y), (x + 160, y)))
    assert 40 < wiped(phone) < 62

    whole = percent(phone)
    x, y = centre(phone.locator("#viewer-stage"))
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
            ("grey", "paper"),
            ("grey", "blank"),
            ("grey", "raised"),
            ("on-accent", "accent"),
            ("accent", "paper"),
        ):
            assert contrast(page, ink, ground) >= 4.5, (scheme, ink, ground)


def contrast(page: Page, ink: str, ground: str) -> float:
    def luminance(name: str) -> float:
        colour = page.evaluate(
            """name => {
                const probe = document.body.appendChild(document.createElement('i'));
                probe.style.color = `var(--${name})`;
                const colour = getComputedStyle(probe).color;
                probe.remove();
                return colour.match(/[\\d.]+/g).map(Number);
            }""",
            name,
        )
        parts = [level / 255 for level in colour[:3]]
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lights = sorted((luminance(ink), luminance(ground)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def test_the_sweep_has_what_these_tests_need(gallery):
    assert len(gallery.jobs) == 6 * len(CONTENTS)
    assert gallery.jobs[NUMBER].setting == "1_1e6_1"
