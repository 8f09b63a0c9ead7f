"""What the tests do with an image on its stage, and read from it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page

NUMBER = 1  # cat × sea × beta 1e6, the second output of the sweep
SCALE = re.compile(r"translate\((.*)px, (.*)px\) scale\((.*)\)")


def placed(image: Locator) -> tuple[float, float, float]:
    """Left, top and scale of an image on its stage."""
    found = SCALE.fullmatch(image.evaluate("image => image.style.transform"))
    assert found
    return float(found[1]), float(found[2]), float(found[3])


def percent(page: Page) -> int:
    return int(page.locator("#viewer-zoom").inner_text().split()[0])


def center(locator: Locator) -> tuple[float, float]:
    box = locator.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + by[0], start[1] + by[1], steps=4)
    page.mouse.up()


def slider_value(page: Page) -> int:
    return int(page.locator("#viewer-slider").get_attribute("aria-valuenow") or -1)
