"""The sweep whose gallery the browser opens."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from neural_style.config.sweep import Job

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


def until(page: Page, expression: str, seconds: float = 10) -> None:
    """Wait until a script says true. Playwright's own way needs `eval`, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"still not: {expression}"
        page.wait_for_timeout(20)
