"""Houses at the foot of the hills, with lit windows, and a church."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from neural_style.samples.paintings.noise import Field

_WALLS = ("b9a878", "8d8aa0", "c7b68c", "6f7f9c", "a58f72")
_ROOFS = ("7c3b2a", "39406b", "97502f", "2b3a5f", "5b3340")
_SHADED, _LIT = "3a3f63", "ffd34a"
_UPRIGHT, _LYING = 1.57, 0.15

Corners = list[tuple[float, float]]


@dataclass(frozen=True)
class _Drawing:
    """Three pictures drawn at once: the colour, the way of the brush, and what is covered."""

    colour: ImageDraw.ImageDraw
    angle: ImageDraw.ImageDraw
    covered: ImageDraw.ImageDraw
    size: tuple[int, int]

    def fill(self, corners: Corners, code: str, direction: float) -> None:
        """A polygon; the corners are in units of the height of a 4:3 picture."""
        width, height = self.size
        points = [(x * width * 0.75, y * height) for x, y in corners]
        self.colour.polygon(points, fill=f"#{code}")
        self.angle.polygon(points, fill=direction)
        self.covered.polygon(points, fill=255)

    def box(self, left: float, top: float, right: float, foot: float, code: str) -> None:
        """An upright rectangle."""
        corners = [(left, foot), (left, top), (right, top), (right, foot)]
        self.fill(corners, code, _UPRIGHT)


def village(
    rng: np.random.Generator, size: tuple[int, int], colour: Field, angle: Field
) -> tuple[Field, Field, Field]:
    """The colour and direction with houses drawn in, three rows of them, and where they are."""
    picture = Image.fromarray((255 * np.clip(colour, 0, 1)).astype(np.uint8))
    turned, covered = Image.fromarray(angle.astype(np.float32)), Image.new("L", size, 0)
    pens = [ImageDraw.Draw(image) for image in (picture, turned, covered)]
    drawing = _Drawing(pens[0], pens[1], pens[2], size)
    for row in range(3):
        foot = 0.815 + 0.052 * row
        for left in np.arange(0.40 - 0.02 * row, 1.20, 0.078 + 0.012 * row):
            if rng.random() < 0.78:
                wide = rng.uniform(0.05, 0.075) * (1 + 0.2 * row)
                tall = rng.uniform(0.026, 0.040) * (1 + 0.25 * row)
                corner = (left + rng.uniform(0, 0.03), foot + rng.uniform(-0.01, 0.01))
                _house(drawing, rng, corner, wide, tall)
        if row == 1:
            _church(drawing)
    mask = np.asarray(covered, dtype=np.float32) / 255.0
    return np.asarray(picture, dtype=np.float32) / 255.0, np.asarray(turned), mask


def _house(
    drawing: _Drawing,
    rng: np.random.Generator,
    corner: tuple[float, float],
    wide: float,
    tall: float,
) -> None:
    left, foot = corner
    top, right = foot - tall, left + wide
    drawing.box(left, top, right, foot, rng.choice(_WALLS))
    drawing.box(left + 0.62 * wide, top, right, foot, _SHADED)
    eaves = [(left - 0.006, top), (right + 0.006, top)]
    peak = top - 0.6 * tall
    ridge = [(right - 0.2 * wide, peak), (left + 0.2 * wide, peak)]
    drawing.fill([*eaves, *ridge], rng.choice(_ROOFS), _LYING)
    for _ in range(rng.integers(1, 3)):
        x = left + wide * rng.uniform(0.08, 0.75)
        y = top + tall * rng.uniform(0.2, 0.5)
        drawing.box(x, y, x + 0.010, y + 0.017, _LIT)


def _church(drawing: _Drawing) -> None:
    drawing.box(0.770, 0.745, 0.806, 0.85, "8f93ad")
    drawing.box(0.790, 0.745, 0.806, 0.85, "474f78")
    drawing.fill([(0.763, 0.748), (0.788, 0.590), (0.813, 0.748)], "2a3763", _UPRIGHT)
    drawing.box(0.776, 0.775, 0.784, 0.797, _LIT)
