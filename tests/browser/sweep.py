"""The sweep whose gallery the browser opens, and what several files do with its page."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from neural_style.config.sweep import Job
from neural_style.report.gallery_page import render

HOSTILE = "<img src=x onerror=alert(1)>"
CONTENTS = (
    "cat.png",
    f"{HOSTILE}.png",
    '100% "it\'s" #1 ? שלום.png',
    "two\nlines.png",
    os.fsdecode(b"caf\xe9.png"),
)
STYLES = ("sea.png", "sun & moon.png")
BETAS = (1e5, 1e6, 1e7)
REASON = "cannot read 'images/style/sun & moon.png': <b>torn</b>."


@dataclass(frozen=True)
class Gallery:
    """A page of a sweep on the disk.

    Attributes:
        root: the folder that holds `results`.
        jobs: in the order of the page; the last one has failed.
    """

    root: Path
    jobs: list[Job]

    @property
    def page(self) -> Path:
        return self.root / "results" / "gallery" / "index.html"


def copy_with(gallery: Gallery, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write the page again with other data, beside the images."""
    text = gallery.page.read_text(encoding="utf-8")
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    change(data)
    page = gallery.page.with_name("changed.html")
    page.write_text(render(data), encoding="utf-8")
    return page


def choose(page: Page, *numbers: int) -> None:
    """Select outputs of the overview, to compare them."""
    for number in numbers:
        page.locator(".open").nth(number).focus()
        page.keyboard.press("c")


def until(page: Page, expression: str, seconds: float = 10) -> None:
    """Wait until a script says true. Playwright's own way needs `eval`, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"still not: {expression}"
        page.wait_for_timeout(20)
