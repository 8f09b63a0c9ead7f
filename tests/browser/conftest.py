"""A browser, and a gallery of a small sweep whose files have awkward names."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

sys.path.append(str(Path(__file__).parents[2]))

from tests.browser.stage import NUMBER
from tests.browser.sweep import BETAS, CONTENTS, REASON, STYLES, Gallery, until
from tests.fake_results import fail, finish, make_inputs, make_jobs

from neural_style.config.settings import Settings
from neural_style.report.gallery_page import write_gallery
from neural_style.report.grid_render import write_time_lapse
from neural_style.report.outputs import time_lapse

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        why = f"no browser: none of {', '.join(BROWSERS)} is on the path"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    # A browser of root's has no sandbox to start in.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory, defaults: Settings) -> Gallery:
    root = tmp_path_factory.mktemp("gallery")
    with chdir(root):
        jobs = make_jobs(CONTENTS, STYLES, BETAS, defaults)
        make_inputs(jobs)
        for number, job in enumerate(jobs[:-1]):
            finish(job, number)
        fail(jobs[-1], REASON)
        film = jobs[NUMBER]
        write_time_lapse(
            film, time_lapse(film.root, film.content, film.style, film.setting), 48, 90
        )
        page = Path("results", "gallery", "index.html")
        write_gallery(jobs, defaults, page)
    return Gallery(root, jobs)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory, defaults: Settings) -> Path:
    """The gallery of a sweep over beta and a named setting that has other kinds of losses."""
    root = tmp_path_factory.mktemp("mixed")
    with chdir(root):
        jobs = make_jobs(("cat.png",), ("sea.png", "moon.png"), (1e5, 1e6), defaults)
        losses = {"content_focus": 1.0, "style_loss": "wasserstein", "total_variation": 0.5}
        named = replace(jobs[0].settings, **losses)
        jobs += [replace(job, setting="mine", settings=named) for job in jobs[::2]]
        make_inputs(jobs)
        for number, job in enumerate(jobs):
            finish(job, number)
        write_gallery(jobs, defaults, Path("results", "gallery", "index.html"))
    return root / "results" / "gallery" / "index.html"


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a file in a window of its own, and fail if it complains or reaches for the network."""
    contexts: list[BrowserContext] = []
    wrongs: list[str] = []

    def open_file(path: Path, address: str = "", lacks_files: bool = False, **options: Any) -> Page:
        window = {"viewport": {"width": 1200, "height": 800}, "reduced_motion": "reduce"}
        context = browser.new_context(**{**window, **options})
        context.set_default_timeout(10_000)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complain(message.text, lacks_files))
        page.on("pageerror", lambda error: wrongs.append(f"error: {error}"))
        page.on("dialog", refuse)
        page.on("request", lambda request: check(request.url))
        page.goto(path.as_uri() + address)
        page.wait_for_selector(".card, .cell, #nothing:not([hidden])")
        return page

    def complain(text: str, lacks_files: bool) -> None:
        if not (lacks_files and "ERR_FILE_NOT_FOUND" in text):
            wrongs.append(f"console: {text}")

    def refuse(dialog: Dialog) -> None:
        wrongs.append(f"ran: {dialog.message}")
        dialog.dismiss()

    def check(url: str) -> None:
        if not url.startswith(("file:", "data:")):
            wrongs.append(f"asked the network for {url}")

    yield open_file
    for context in contexts:
        context.close()
    assert wrongs == []


@pytest.fixture
def page(open_page: Callable[..., Page], gallery: Gallery) -> Page:
    """The gallery in a laptop's window."""
    return open_page(gallery.page)


@pytest.fixture
def viewer(page: Page) -> Page:
    page.locator(".open").nth(NUMBER).click()
    until(page, "document.querySelector('#viewer-result').naturalWidth === 48")
    return page
