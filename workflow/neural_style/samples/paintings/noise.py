"""Smooth randomness and the fields that strokes follow."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field: TypeAlias = NDArray[np.floating[Any]]
"""An array of real numbers: a value, or the channels of a colour, for every pixel."""


def resized(grid: Field, shape: tuple[int, int]) -> Field:
    """A 2-D `grid` stretched to `shape` (height, width) by bicubic interpolation."""
    height, width = shape
    stretched = Image.fromarray(grid.astype(np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.asarray(stretched, dtype=np.float32)


def smooth(
    rng: np.random.Generator, shape: tuple[int, int], cell: float | tuple[float, float]
) -> Field:
    """Noise of mean about 0 and deviation 1 whose bumps are about `cell` pixels wide.

    `cell` may be a pair (vertical, horizontal), for grain and streaks.
    """
    down, across = cell if isinstance(cell, tuple) else (cell, cell)
    rows = max(2, round(shape[0] / down) + 2)
    columns = max(2, round(shape[1] / across) + 2)
    field = resized(rng.standard_normal((rows, columns)).astype(np.float32), shape)
    return (field / max(float(field.std()), 1e-6)).astype(np.float32)


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell: float | tuple[float, float],
    octaves: int = 4,
    gain: float = 0.5,
) -> Field:
    """Octaves of `smooth`, each half as wide and `gain` times as strong as the one before.

    The sum is scaled to deviation 1. Octaves finer than two pixels are left out.
    """
    down, across = cell if isinstance(cell, tuple) else (cell, cell)
    total = smooth(rng, shape, (down, across))
    for octave in range(1, octaves):
        finer = (down / 2**octave, across / 2**octave)
        if min(finer) < 2.0:
            break
        total = total + gain**octave * smooth(rng, shape, finer)
    return (total / max(float(total.std()), 1e-6)).astype(np.float32)


def along_contours(stream: Field) -> Field:
    """The angle (radians) of the contour line of `stream` through every pixel.

    A scalar field whose contours are the flow is the easiest way to compose one: a bump makes
    a whirl, a slope makes a straight wind, and their sum is free of crossings.
    """
    down, across = np.gradient(stream)
    angle: Field = np.arctan2(-across, down)
    return angle


def coordinates(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Coordinates x (0 to 4/3) and y (0 to 1, down) of every pixel.

    They are in units of the height of a 4:3 picture; other shapes stretch it.
    """
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (x + 0.5) * (4 / 3 / width), (y + 0.5) / height


def step(edge: float | Field, value: Field, softness: float) -> Field:
    """0 where `value` is below `edge`, 1 where above, with a smooth ramp `softness` wide."""
    ramp = np.clip((value - edge) / softness + 0.5, 0.0, 1.0)
    smoothed: Field = ramp * ramp * (3.0 - 2.0 * ramp)
    return smoothed
