"""A village under a night sky that turns: oils, thick, along the wind."""

from __future__ import annotations

import numpy as np
from PIL import Image

from neural_style.samples.paintings.canvas import Canvas, lit
from neural_style.samples.paintings.colour import blend, ramp, rgb, tint
from neural_style.samples.paintings.noise import (
    Field,
    along_contours,
    coordinates,
    fractal,
    smooth,
    step,
)
from neural_style.samples.paintings.strokes import Brush, Design, paint
from neural_style.samples.paintings.village import village

_SKY = ("0b1440", "15296f", "1d4fa8", "4a8ccb", "1b3f94", "7fb8d6", "cfe3c4", "2a5fb0")
_GLOW = ("fffbe0", "ffec9a", "fbc640", "e7a42c", "f1d67c", "7fb0ac", "3f7fbc")
_MOONLIGHT = ("f4e7a0", "f3dc86", "ead489", "d9dc9c", "a9cda0", "6aa6ad", "3f7fbc")
_HILLS = ("0e2350", "1f4a78", "2f7f86", "5aa088", "274f94")
_FIELDS = ("10291f", "23502b", "4c7a35", "8c9a3f", "2c5f55")
_STARS = (
    (0.33, 0.09, 0.040), (0.52, 0.21, 0.030), (0.33, 0.30, 0.036), (0.74, 0.085, 0.042),
    (0.93, 0.25, 0.034), (0.57, 0.055, 0.024), (1.24, 0.37, 0.036),
    (0.05, 0.13, 0.034), (0.06, 0.40, 0.026), (1.09, 0.50, 0.022),
)  # fmt: skip
_WHIRLS = ((0.58, 0.40, 0.17, 0.30), (0.84, 0.46, 0.11, 0.19))
_MOON = (1.14, 0.16, 0.088)


def swirling_night(seed: int, size: tuple[int, int] = (1024, 768)) -> Image.Image:
    """Whirling blue sky with a moon and stars over hills, a village and a cypress."""
    rng = np.random.default_rng(seed)
    x, y = coordinates((size[1], size[0]))
    colour, angle = _sky(rng, x, y)
    colour, angle = _land(rng, x, y, colour, angle)
    colour, angle, houses = village(rng, size, colour, angle)
    colour, angle, tree = _cypress(rng, x, y, colour, angle)
    design = Design(colour, angle)
    canvas = Canvas.primed(blend(colour, rgb("14204a"), 0.4))
    paint(canvas, design, Brush(0.13, 0.030, 2.5, relief=0.08, tone=0.04, faithful=0.45), rng)
    paint(canvas, design, Brush(0.085, 0.0150, 2.2, relief=0.14, tone=0.045, faithful=0.36), rng)
    paint(canvas, design, Brush(0.060, 0.0098, 1.6, relief=0.24, tone=0.055), rng)
    small = Brush(0.026, 0.0075, 2.6, relief=0.24, tone=0.04, hue=0.025, faithful=0.16)
    paint(canvas, design, small, rng, houses)
    flame = Brush(0.075, 0.009, 1.6, relief=0.28, tone=0.05, hue=0.03)
    paint(canvas, design, flame, rng, tree)
    cx, cy, radius = _MOON
    moon = (np.hypot(x - cx, y - cy) < 0.95 * radius).astype(np.float32)
    paint(canvas, design, Brush(0.035, 0.009, 3.0, relief=0.24, tone=0.03, faithful=0.2), rng, moon)
    return lit(canvas)


def _sky(rng: np.random.Generator, x: Field, y: Field) -> tuple[Field, Field]:
    """Colour and direction: bands along the contours of one stream, haloes round the stars."""
    stream = y + 0.035 * np.sin(6.0 * x + 3.0 * y) + 0.012 * smooth(rng, x.shape, x.shape[0] / 4)
    for cx, cy, radius, push in _WHIRLS:
        far = np.hypot(x - cx, (y - cy) * 1.1)
        stream = stream + push * np.exp(-((far / radius) ** 2))
    bands = 0.5 + 0.5 * np.sin(27.0 * stream + 0.9 * fractal(rng, x.shape, x.shape[0] / 5))
    tone = np.clip(0.75 * bands + 0.10 * fractal(rng, x.shape, x.shape[0] / 12) + 0.1, 0, 1)
    colour = ramp(tone, _SKY)
    for cx, cy, radius in (*_STARS, _MOON):
        codes = _MOONLIGHT if (cx, cy, radius) == _MOON else _GLOW
        far = np.hypot(x - cx, y - cy) / radius
        near = np.exp(-((far / 2.1) ** 4))
        stream = stream * (1 - near) + near * (far * radius * 2.0)
        glow = ramp(np.clip(far / 2.3 + 0.035 * np.sin(11 * far), 0, 1), codes)
        colour = blend(colour, glow, 0.96 * (1 - step(1.9, far, 0.9)))
    return _crescent(x, y, colour), along_contours(stream)


def _crescent(x: Field, y: Field, colour: Field) -> Field:
    cx, cy, radius = _MOON
    bite = np.hypot(x - cx + 0.34 * radius, y - cy + 0.10 * radius) / radius
    crescent = step(0.70, bite, 0.05) * (1 - step(0.80, np.hypot(x - cx, y - cy) / radius, 0.05))
    return blend(colour, tint(1.0, 0.60, 0.06), crescent)


def _land(
    rng: np.random.Generator, x: Field, y: Field, colour: Field, angle: Field
) -> tuple[Field, Field]:
    """Two ranges of hills and the fields before them."""
    ridges = (
        (0.640 - 0.060 * np.sin(2.3 * x + 0.2) - 0.025 * np.sin(6.1 * x + 1.0), _HILLS),
        (0.715 - 0.035 * np.sin(3.7 * x + 2.4) - 0.012 * np.sin(9.0 * x), _HILLS),
        (0.790 - 0.025 * np.sin(2.9 * x + 4.2), _FIELDS),
    )
    for line, codes in ridges:
        depth = y - line
        slope = depth + 0.045 * np.sin(7.0 * x + 9.0 * depth)
        wave = 0.5 + 0.42 * np.sin(44.0 * slope + 1.5 * fractal(rng, x.shape, x.shape[0] / 7))
        inside = step(0.0, depth, 0.004)
        hue = ramp(np.clip(wave - 0.5 * np.exp(-depth / 0.012) * inside, 0, 1), codes)
        colour = blend(colour, hue, inside)
        angle = np.where(depth > 0, along_contours(slope), angle).astype(np.float32)
    return colour, angle


def _cypress(
    rng: np.random.Generator, x: Field, y: Field, colour: Field, angle: Field
) -> tuple[Field, Field, Field]:
    """Two dark flames at the left, rooted below the frame."""
    covered = np.zeros_like(x)
    for foot, top, wide, lean in ((0.160, 0.10, 0.088, 0.022), (0.265, 0.40, 0.055, -0.014)):
        rise = np.clip((1.03 - y) / (1.03 - top), 0, 1)
        sway = lean * np.sin(7.5 * y + foot * 9) * (0.4 + rise)
        half = wide * (1 - rise) ** 0.62 * (0.45 + 0.9 * np.sin(np.pi * np.clip(rise, 0, 1) ** 0.6))
        ragged = np.sin(46 * y + 9 * np.sign(x - foot)) + 0.6 * smooth(
            rng, x.shape, x.shape[0] / 50
        )
        across = (x - foot - sway) / np.maximum(half * (1 + 0.14 * ragged), 1e-3)
        inside = ((np.abs(across) < 1) & (y > top)).astype(np.float32)
        lick = 0.5 + 0.45 * np.sin(9.0 * across + 16.0 * y + 1.2 * fractal(rng, x.shape, 70))
        hue = ramp(lick * (1 - 0.3 * across**2).clip(0, 1),
                    ("071210", "10261c", "22472a", "4d5a2c", "17362f", "6d5b30"))  # fmt: skip
        colour = blend(colour, hue, inside)
        flow = np.pi / 2 + 0.55 * np.sin(16 * y + 2.0 * across) * np.clip(across + 0.4, -1, 1)
        angle = np.where(inside > 0, flow, angle).astype(np.float32)
        covered = np.maximum(covered, inside)
    return colour, angle, covered
