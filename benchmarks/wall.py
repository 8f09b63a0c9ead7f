"""How long the gallery takes to write, to open and to scroll in Chromium, for a made-up sweep.

Needs the development environment and Debian's chromium; tests/fake_results.py makes the sweep.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Page, sync_playwright

from neural_style.config.settings import Settings
from neural_style.report.gallery_page import write_gallery

REPOSITORY = Path(__file__).parents[1]
sys.path.append(str(REPOSITORY))

from tests.fake_results import finish, make_inputs, make_jobs  # noqa: E402 - path comes first

BETAS = [10.0**power for power in range(1, 11)]
SHOWN = "[...document.images].filter(i => i.complete && i.naturalWidth).length >= 12"
SCROLL = """() => new Promise(done => {
    const frames = []; let last = performance.now();
    const step = now => {
        frames.push(now - last); last = now; window.scrollBy(0, 60);
        frames.length < 120 ? requestAnimationFrame(step) : done(frames);
    };
    requestAnimationFrame(step);
})"""


def main() -> int:
    """Print a row of a Markdown table for each number of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, nargs="+", default=[1_000, 10_000], metavar="N")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        print("wall: there is no chromium on the path; install it.", file=sys.stderr)
        return 1
    print("| results | page, MB | written, s | opens, s | a frame, ms: median | 95th percentile |")
    print("|--:|--:|--:|--:|--:|--:|")
    for count in options.results:
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
            os.chdir(folder)
            page, made, seconds = write(count)
            rooted = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = play.chromium.launch(executable_path=chromium, args=rooted)
            opens, frames = look(browser.new_page(viewport={"width": 1280, "height": 800}), page)
            browser.close()
            os.chdir(REPOSITORY)
            print(
                f"| {made:,} | {page.stat().st_size / 1e6:.1f} | {seconds:.1f} | {opens:.2f} "
                f"| {median(frames):.0f} | {quantiles(frames, n=20)[-1]:.0f} |",
                flush=True,
            )
    return 0


def write(count: int) -> tuple[Path, int, float]:
    """Make up a sweep of about so many results; its page, their exact number, and the time."""
    styles = [f"style {number}.png" for number in range(10)]
    each = len(BETAS) * len(styles)
    contents = [f"content {number}.png" for number in range(count // each)]
    defaults = Settings()
    jobs = make_jobs(contents, styles, BETAS, defaults)
    make_inputs(jobs)
    for number, job in enumerate(jobs):
        finish(job, number % 400)
    page = Path("results", "gallery", "index.html").absolute()
    began = time.perf_counter()
    write_gallery(jobs, defaults, page)
    return page, len(jobs), time.perf_counter() - began


def look(tab: Page, page: Path) -> tuple[float, list[float]]:
    """Seconds until a dozen images are seen, and the milliseconds of each frame of scrolling."""
    began = time.perf_counter()
    tab.goto(page.as_uri())
    tab.wait_for_function(SHOWN)
    opens = time.perf_counter() - began
    frames: list[float] = tab.evaluate(SCROLL)
    return opens, frames[1:]


if __name__ == "__main__":
    sys.exit(main())
