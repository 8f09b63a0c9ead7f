"""One output in a real browser: before/after slider, zoom, epochs, neighbors, settings, copying."""

from __future__ import annotations

import re
import shlex

import pytest
from playwright.sync_api import expect
from tests.browser.stage import NUMBER, center, drag, percent, placed, shows, slider_value
from tests.browser.sweep import CONTENTS, copy_with, until
from tests.fake_results import losses_at


def test_the_slider_follows_the_mouse(viewer):
    handle = viewer.locator("#viewer-slider span")
    stage = viewer.locator("#viewer-stage").bounding_box()
    assert slider_value(viewer) == 0
    drag(viewer, center(handle), (stage["width"] / 2 - 22, 0))
    assert 45 < slider_value(viewer) < 55
    clip = viewer.locator("#viewer-before").evaluate("before => getComputedStyle(before).clipPath")
    hidden = re.fullmatch(r"inset\(0px ([\d.]+)px 0px 0px\)", clip)
    assert hidden
    assert float(hidden[1]) == pytest.approx(stage["width"] / 2, abs=stage["width"] * 0.05)
    expect(viewer.locator("#viewer-tag-left")).to_be_visible()
    drag(viewer, center(handle), (2000, 0))
    assert slider_value(viewer) == 100


def test_the_slider_obeys_the_keyboard(viewer):
    viewer.locator("#viewer-slider").focus()
    values = []
    for key in ("ArrowRight", "PageUp", "ArrowLeft", "End", "ArrowRight", "Home"):
        viewer.keyboard.press(key)
        values.append(slider_value(viewer))
    assert values == [2, 12, 10, 100, 100, 0]
    viewer.locator("#viewer-close").focus()
    turns = []
    for _ in range(3):
        viewer.keyboard.press("w")
        turns.append(slider_value(viewer))
    assert turns == [50, 100, 0]


def test_each_side_is_seen_alone(viewer, gallery):
    """The whole image, as opened from the panel, by the buttons and while a key is held."""
    job = gallery.jobs[NUMBER]
    stage = viewer.locator("#viewer-stage")
    assert shows(stage, gallery.root / job.final_output)
    for number, path in enumerate((job.content_path, job.style_path)):
        viewer.locator("#viewer-inputs .show").nth(number).click()
        assert slider_value(viewer) == 100
        until(viewer, LEFT_IS_THERE)
        assert shows(stage, gallery.root / path)
    viewer.get_by_role("button", name="Right", exact=True).click()
    assert shows(stage, gallery.root / job.final_output)
    viewer.keyboard.down("x")
    assert shows(stage, gallery.root / job.style_path)
    viewer.keyboard.up("x")
    assert shows(stage, gallery.root / job.final_output)


def test_the_content_of_a_missing_output_keeps_its_shape(page, gallery):
    page.locator(".open").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer-placeholder")).to_be_visible()
    expect(page.locator("#viewer-zoom")).to_be_hidden()
    page.locator("#viewer-inputs .show").first.click()
    until(page, LEFT_IS_THERE)
    expect(page.locator("#viewer-placeholder")).to_be_hidden()
    box = page.locator("#viewer-original").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(3 / 2, abs=0.01)
    stage = page.locator("#viewer-stage").bounding_box()
    assert percent(page) == pytest.approx(100 * stage["width"] / 48, rel=0.02)


LEFT_IS_THERE = """(image => image.getAttribute('src') === image.dataset.wanted && image.complete)(
    document.querySelector('#viewer-original'))"""


def test_the_content_image_covers_the_output_exactly(viewer):
    viewer.keyboard.press("+")
    result, original = (viewer.locator(f"#viewer-{name}") for name in ("result", "original"))
    assert placed(result) == placed(original)
    assert result.bounding_box() == original.bounding_box()
    assert original.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [48, 32]


def test_zooms_by_wheel_buttons_and_keys_and_back(viewer):
    whole = percent(viewer)
    result = viewer.locator("#viewer-result")
    x, y = center(viewer.locator("#viewer-stage"))
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
    assert percent(viewer) == whole, "an image smaller than its stage is of no use"
    viewer.locator("#viewer-actual").click()
    assert percent(viewer) == 100


@pytest.mark.parametrize("size", [(48, 32), (4800, 3200)], ids=["small", "large"])
def test_a_double_click_shows_100_percent_and_then_the_whole_image(open_page, gallery, size):
    page = open_page(copy_with(gallery, lambda data: data["outputs"][0].update(size=size)))
    page.locator(".open").first.click()
    whole = percent(page)
    assert (whole > 100) == (size[0] == 48)
    x, y = center(page.locator("#viewer-stage"))
    before = placed(page.locator("#viewer-result"))
    page.mouse.dblclick(x + 20, y + 10)
    assert percent(page) == 100
    left, top, scale = placed(page.locator("#viewer-result"))
    if size[0] == 4800:  # the point stays where it is
        box = page.locator("#viewer-stage").bounding_box()
        point = (x + 20 - box["x"], y + 10 - box["y"])
        for axis, (here, there) in enumerate(((left, before[0]), (top, before[1]))):
            inside = (point[axis] - there) / before[2]
            assert (point[axis] - here) / scale == pytest.approx(inside, abs=8)
    page.wait_for_timeout(300)  # not a triple click
    page.mouse.dblclick(x, y)
    assert percent(page) == whole
    page.get_by_role("button", name="100 %").click()
    assert percent(page) == 100
    page.get_by_role("button", name="Fit").click()
    assert percent(page) == whole


def test_drags_and_keys_move_a_zoomed_image_and_never_lose_it(viewer):
    result = viewer.locator("#viewer-result")
    point = center(viewer.locator("#viewer-stage"))
    here = placed(result)
    drag(viewer, point, (80, 40))
    assert placed(result) == here, "the whole image cannot move"
    for _ in range(2):
        viewer.keyboard.press("+")
    start = placed(result)
    assert start[2] > here[2]
    drag(viewer, point, (30, 20))
    moved = placed(result)
    assert moved[:2] == pytest.approx((start[0] + 30, start[1] + 20), abs=1)
    viewer.keyboard.press("Shift+ArrowRight")
    assert placed(result)[0] < moved[0]
    drag(viewer, point, (5000, 5000))
    assert placed(result)[:2] == pytest.approx((0, 0), abs=1)


def test_each_epoch_has_its_output_and_losses(viewer):
    result, slider = viewer.locator("#viewer-result"), viewer.locator("#viewer-snapshot")
    assert result.get_attribute("src").endswith("/generated_6.png")
    slider.focus()
    viewer.keyboard.press("Home")
    expect(result).to_have_attribute("src", re.compile("/keep_48.jpg$"))  # the start
    expect(viewer.locator("#viewer-epoch")).to_have_text("0 of 6")
    viewer.keyboard.press("ArrowRight")
    expect(result).to_have_attribute("src", re.compile("/generated_2.png$"))
    expect(viewer.locator("#viewer-epoch")).to_have_text("2 of 6")
    content, style = losses_at(NUMBER, 2)
    total = content + 1e6 * style  # beta
    for name, loss in (("total", total), ("content", content), ("style", style)):
        shown = viewer.locator(f".losses .{name} td").first.text_content()
        assert float(shown) == pytest.approx(loss, rel=5e-3)
    saved = viewer.locator(".losses .style td").last.text_content()
    assert float(saved) == pytest.approx(losses_at(NUMBER, 6)[1], rel=1e-3)
    viewer.locator("#viewer-close").focus()
    viewer.keyboard.press("ArrowUp")
    expect(result).to_have_attribute("src", re.compile("/generated_4.png$"))
    expect(slider).to_have_attribute("aria-valuetext", "iteration 4 of 6")
    curve = viewer.locator("#viewer-curve-style")
    assert (
        curve.get_attribute("aria-label")
        == "style loss over the iterations: 499.0 at 0, 71.29 at 6"
    )
    assert curve.locator("text").all_text_contents() == ["499.0", "71.29", "0", "6"]
    curve.hover(position={"x": 60, "y": 30})
    expect(curve.locator("text.hover")).to_have_text("499.0 at 0")
    viewer.get_by_text("The numbers").click()
    expect(viewer.locator("#viewer-numbers tr").last).to_have_text("62.00071.297.13e7")


def test_arrows_go_to_the_neighbors_and_the_focus_comes_back(viewer):
    expect(viewer.locator("#viewer-title")).to_be_focused()
    viewer.keyboard.press("ArrowRight")
    expect(viewer.locator("#viewer-place")).to_have_text(re.compile("^3 of"))
    viewer.keyboard.press("ArrowRight")
    viewer.locator("#viewer-previous").click()
    viewer.keyboard.press("Escape")
    expect(viewer.locator("#viewer")).to_be_hidden()
    focused = "document.activeElement.closest('.card')?.dataset.place"
    assert viewer.evaluate(focused) == "2"
    viewer.keyboard.press("Enter")
    expect(viewer.locator("#viewer")).to_be_visible()


def test_the_next_output_has_the_same_zoom_and_place(viewer):
    result = viewer.locator("#viewer-result")
    for key in ("+", "+", "Shift+ArrowLeft"):
        viewer.keyboard.press(key)
    here = placed(result)
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        viewer.keyboard.press(key)
        assert placed(result) == pytest.approx(here)


def test_any_two_of_output_inputs_and_iterations_are_on_the_sides(viewer):
    left, right = viewer.locator("#viewer-original"), viewer.locator("#viewer-result")
    viewer.locator("#viewer-inputs button", has_text="sea").click()
    until(viewer, "document.querySelector('#viewer-original').naturalWidth === 96")
    assert left.get_attribute("src") == "originals/style/sea/whole.jpg"
    assert slider_value(viewer) == 100
    viewer.get_by_role("button", name="Both").click()
    assert slider_value(viewer) == 50
    viewer.locator("#viewer-left").select_option("Iteration 2")
    viewer.locator("#viewer-right").select_option("Style image")
    expect(left).to_have_attribute("src", re.compile("/generated_2.png$"))
    expect(right).to_have_attribute("src", "originals/style/sea/whole.jpg")
    expect(viewer.locator("#viewer-tag-left")).to_have_text("Iteration 2")
    viewer.get_by_role("button", name="Difference").click()
    blend = "getComputedStyle(document.querySelector('#viewer-before')).mixBlendMode"
    assert viewer.evaluate(blend) == "difference"
    until(viewer, "location.hash.includes('difference=1')")
    viewer.reload()
    expect(viewer.locator("#viewer-left")).to_have_value("epoch 2")
    assert viewer.evaluate(blend) == "difference"
    viewer.get_by_role("button", name="Right", exact=True).click()
    assert viewer.evaluate(blend) == "normal"
    seen = "getComputedStyle(document.querySelector('#viewer-before')).visibility"
    assert viewer.evaluate(seen) == "hidden"
    viewer.keyboard.down("x")
    assert viewer.evaluate(seen) == "visible"
    viewer.keyboard.up("x")
    assert viewer.evaluate(seen) == "hidden"


def test_plays_the_iterations_and_the_outputs(viewer):
    viewer.get_by_role("button", name="Play the iterations").click()
    # Each is shown for a third of a second, which `expect` may miss: it does not look that often.
    for shown in ("0 of 6", "4 of 6", "0 of 6"):
        until(viewer, f"document.querySelector('#viewer-epoch').textContent === '{shown}'")
    viewer.keyboard.press("ArrowRight")
    expect(viewer.locator("#viewer-play")).to_have_attribute("aria-pressed", "false")
    viewer.get_by_role("button", name="Slideshow").click()
    expect(viewer.locator("#viewer-place")).to_have_text(re.compile("^4 of"), timeout=5000)
    viewer.keyboard.press("f")
    until(viewer, "document.fullscreenElement?.id === 'viewer-stage'")
    viewer.keyboard.press("f")
    until(viewer, "document.fullscreenElement === null")


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
    assert facts["device"] == "x86_64 CPU, 2 threads, float32"
    assert viewer.locator("#viewer-measures dd").all_text_contents()[1:] == [
        "1.500",
        "0.5000",
        "0.2500",
        "0.1250",
    ]
    film = viewer.get_by_role("link", name="Open the time-lapse")
    assert film.get_attribute("href") == "../time_lapses/cat/sea/1_1e6_1.webp"
    viewer.keyboard.press("ArrowRight")
    expect(film).to_be_hidden()


def test_one_click_copies_the_command(viewer):
    viewer.get_by_role("button", name="Copy the command").click()
    expect(viewer.locator("#status")).to_have_text("Copied")
    text = viewer.evaluate("navigator.clipboard.readText()")
    assert shlex.split(text) == [
        "neural-style",
        "images/content/cat.png",
        "images/style/sea.png",
        "--output=remade/cat/sea/1_1e6_1.png",
        "--size=48",
        "--format=png",
        "--epochs=6",
        "--save-every=2",
    ]
    assert viewer.locator("#viewer-command").text_content() == text
    viewer.evaluate("navigator.clipboard.writeText('')")
    viewer.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    viewer.keyboard.press("y")
    expect(viewer.locator("#status")).to_have_text("Copied")
    assert viewer.evaluate("navigator.clipboard.readText()") == text


def test_the_sweep_has_what_these_tests_need(gallery):
    assert len(gallery.jobs) == 6 * len(CONTENTS)
    assert gallery.jobs[NUMBER].setting == "1_1e6_1"


def test_a_long_name_leaves_room_for_the_other(viewer):
    """In the title of the viewer, and in those of the light table."""
    names = viewer.locator("#viewer-title bdi")
    names.first.evaluate(LENGTHEN)
    assert names.last.evaluate(WHOLE)
    assert not names.first.evaluate(WHOLE)
    viewer.keyboard.press("c")
    viewer.keyboard.press("ArrowRight")
    viewer.keyboard.press("c")
    viewer.keyboard.press("v")
    for width in (1200, 360):
        viewer.set_viewport_size({"width": width, "height": 740})
        names = viewer.locator("#compare-pair .title").first.locator("bdi")
        names.first.evaluate(LENGTHEN)
        assert names.last.evaluate(WHOLE)


LENGTHEN = "name => (name.textContent = 'a very long name '.repeat(20))"
WHOLE = """name => {
    const [box, dialog] = [name, name.closest('dialog')].map(each => each.getBoundingClientRect());
    return name.scrollWidth <= name.clientWidth && box.width > 10 && box.right <= dialog.right;
}"""
