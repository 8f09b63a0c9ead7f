"""Picks in a real browser: they are kept, filtered, exported, and downloaded."""

from __future__ import annotations

import shlex
import zipfile
from urllib.parse import unquote, urlsplit

from playwright.sync_api import expect
from tests.browser.sweep import HOSTILE, until


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
        *("cp", "results/cat/sea/1_1e6_1/generated_6.png", "picks/cat+sea+beta1e6+6.png")
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
        assert images.namelist()[0] == "cat+sea+beta1e6+6.png"
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
    assert first.value.suggested_filename == "cat+sea+beta1e6+6.png"
    context.close()


def serve(route, folder):
    route.fulfill(path=folder / unquote(urlsplit(route.request.url).path.removeprefix("/")))
