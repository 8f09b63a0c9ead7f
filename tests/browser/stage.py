"""What the tests do with an image on its stage, and read from it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image
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


def shows(stage: Locator, path: Path) -> bool:
    """Whether the center of a stage has the mean color of an image, as nearly as no other has."""
    pixels = np.asarray(Image.open(io.BytesIO(stage.screenshot())).convert("RGB"), dtype=float)
    high, wide = (size * 2 // 5 for size in pixels.shape[:2])
    seen = pixels[high:-high, wide:-wide].mean((0, 1))
    meant = np.asarray(Image.open(path).convert("RGB"), dtype=float).mean((0, 1))
    return bool(np.abs(seen - meant).max() < 8)


def slider_value(page: Page) -> int:
    return int(page.locator("#viewer-slider").get_attribute("aria-valuenow") or -1)
