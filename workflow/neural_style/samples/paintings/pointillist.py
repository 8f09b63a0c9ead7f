"""A meadow by a river at noon, in dots of unmixed paint."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neural_style.samples.paintings.canvas import Canvas, lit
from neural_style.samples.paintings.colour import blend, ramp, rgb, tint, vivid
from neural_style.samples.paintings.noise import Field, coordinates, fractal, smooth, step
from neural_style.samples.paintings.strokes import Brush, Design, paint

_DOT = partial(Brush, relief=0.07, dryness=0.0, streak=0.03, wander=0.8, tip=0.5, groove=0.1)
_SKY = ("5f9fd0", "86bede", "b5d9e4", "f2e3c4", "f6cfae")
_RIVER = ("2f6fae", "4f97c9", "8cc4dc", "dcebdc", "3c7fb8")
_MEADOW = ("3f7f3a", "6aa03c", "a9bd48", "e3cd5a", "efc46a", "8fb244")
_SHADE = ("1f3f6e", "2d5a5c", "2f6b3c", "46406f")
_CROWN = ("27356e", "24566a", "2f7a48", "86b23c", "f0d850")
_FLOWERS = (("e6211a", 0.55, 0.011), ("fa6629", 0.30, 0.009), ("faf0e6", 0.22, 0.008),
            ("5c3dbd", 0.25, 0.008))  # fmt: skip
_FAR = ("4a6fa0", "5f8f8a", "86a86a", "7d86b4")


def pointillist_field(seed: int, size: tuple[int, int] = (1024, 768)) -> Image.Image:
    """Trees, their violet shadows, poppies and white sails, all in small round dots."""
    rng = np.random.default_rng(seed)
    x, y = coordinates((size[1], size[0]))
    colour, meadow = _scene(rng, x, y)
    colour, people = _strollers(colour, x, y)
    angle = (0.6 * smooth(rng, x.shape, x.shape[0] / 6)).astype(np.float32)
    canvas = Canvas.primed(blend(colour, tint(0.93, 0.86, 0.70), 0.35))
    paint(canvas, Design(colour, angle), Brush(0.030, 0.016, 1.6, relief=0.06), rng)
    _dots(canvas, rng, colour, angle)
    _poppies(canvas, rng, y, meadow, angle)
    fine = _DOT(0.009, 0.0072, 2.6, hue=0.05, faithful=0.2)
    paint(canvas, Design(vivid(colour, 1.25), angle), fine, rng, people)
    return lit(canvas, gloss=0.08)


def _dots(canvas: Canvas, rng: np.random.Generator, colour: Field, angle: Field) -> None:
    """Local colour, then its light, its shadow and its complement, each purer than nature."""
    luminous = colour.mean(axis=-1)
    pure = vivid(colour, 1.3)
    warm = vivid(colour, 1.4) * 1.08 + tint(0.13, 0.05, -0.10)
    cool = vivid(colour, 1.4) * 0.86 + tint(-0.06, 0.00, 0.17)
    rose = vivid(colour, 0.9) * 0.92 + tint(0.16, -0.09, 0.10)
    other = vivid(colour, -0.75)
    layers = (
        (pure, np.ones_like(luminous), 2.2, 0.0150),
        (cool, 0.75 - 0.45 * luminous, 1.0, 0.0140),
        (warm, 0.20 + 0.45 * luminous, 1.0, 0.0140),
        (rose, np.full_like(luminous, 0.30), 0.8, 0.0125),
        (other, np.full_like(luminous, 0.26), 0.8, 0.0120),
        (pure, np.full_like(luminous, 0.55), 0.9, 0.0110),
    )
    for hue, share, coverage, width in layers:
        dot = _DOT(1.25 * width, width, coverage, tone=0.045, hue=0.055, two_tone=0.02)
        paint(canvas, Design(np.clip(hue, 0, 1).astype(np.float32), angle), dot, rng, share)


def _scene(rng: np.random.Generator, x: Field, y: Field) -> tuple[Field, Field]:
    tall = x.shape[0]
    cloud = fractal(rng, x.shape, (tall / 9, tall / 3.5), octaves=4)
    colour = ramp(np.clip(y / 0.42 + 0.13 * cloud, 0, 1), _SKY)
    puff = step(0.55, cloud - 2.5 * np.abs(y - 0.2), 0.7)
    colour = blend(colour, tint(0.99, 0.95, 0.87), 0.85 * puff)
    far = 0.385 + 0.022 * np.sin(5 * x + 1) + 0.012 * fractal(rng, x.shape, (tall, tall / 14))
    woods = ramp(_unit(fractal(rng, x.shape, (tall / 16, tall / 26))), _FAR)
    colour = blend(colour, woods, step(far, y, 0.004))
    ripple = 0.5 + 0.3 * np.sin(150 * y + 2 * smooth(rng, x.shape, tall / 6))
    ripple = ripple + 0.2 * fractal(rng, x.shape, (tall / 60, tall / 10))
    colour = blend(colour, ramp(np.clip(ripple, 0, 1), _RIVER), step(0.445, y, 0.004))
    colour = _sails(colour, x, y)
    bank = 0.575 + 0.035 * np.sin(2.6 * x + 2.2) + 0.006 * fractal(rng, x.shape, (tall, tall / 30))
    meadow = step(bank, y, 0.004)
    hue = ramp(_unit(fractal(rng, x.shape, (tall / 24, tall / 8)) + 1.4 * (y - 0.75)), _MEADOW)
    colour = blend(colour, hue, meadow)
    shade = ramp(_unit(fractal(rng, x.shape, tall / 20)), _SHADE)
    trees = ((0.20, 0.30, 0.23, 0.70), (0.46, 0.40, 0.105, 0.635), (1.10, 0.27, 0.20, 0.80))
    for tx, _, radius, foot in trees:
        lying = np.hypot((x - tx - 0.9 * radius - 1.2 * (y - foot)) / (1.5 * radius),
                         (y - foot - 0.02) / (0.26 * radius))  # fmt: skip
        colour = blend(colour, shade, 0.85 * meadow * (1 - step(1.0, lying, 0.25)))
    for tx, ty, radius, foot in trees:
        colour = _tree(rng, x, y, colour, (tx, ty, radius, foot))
    return colour, meadow


def _strollers(colour: Field, x: Field, y: Field) -> tuple[Field, Field]:
    """A lady with a parasol and a gentleman in a tall hat; the colours, and where they are."""
    covered = np.zeros_like(x)
    for cx, foot, tall, dress in ((0.765, 0.785, 0.250, True), (0.882, 0.790, 0.260, False)):
        u, v = (x - cx) / tall, (foot - y) / tall
        lying = np.hypot((u - 0.5 - 2.0 * v) / 0.60, (v + 0.03) / 0.06) < 1
        colour = blend(colour, rgb("3a3f7a"), 0.8 * lying)
        for inside, code in _lady(u, v) if dress else _gentleman(u, v):
            colour = blend(colour, rgb(code), inside.astype(np.float32))
            covered = np.maximum(covered, inside)
    return colour, covered


def _lady(u: Field, v: Field) -> list[tuple[NDArray[np.bool_], str]]:
    skirt = (v > 0) & (v < 0.52) & (np.abs(u + 0.04) < 0.24 - 0.36 * v + 0.12 * (v > 0.38))
    bodice = (v >= 0.50) & (v < 0.78) & (np.abs(u) < 0.06 + 0.10 * np.abs(v - 0.56))
    reach = np.hypot((u - 0.10) / 0.36, (v - 0.98) / 0.24)
    parasol = (reach < 1) & (v > 0.98)
    stick = (np.abs(u - 0.10) < 0.014) & (v > 0.60) & (v < 1.25)
    gore = np.sin(26 * np.arctan2(u - 0.10, v - 0.90)) > 0
    head = np.hypot(u, (v - 0.86) * 0.85) < 0.062
    hat = np.hypot(u / 0.11, (v - 0.92) / 0.05) < 1
    return [(skirt, "7a2f8a"), (skirt & (u > 0.03), "46246a"), (bodice, "8f3f96"),
            (head, "f0c49a"), (hat, "d8402a"), (stick, "5a3a2a"), (parasol, "f08a3a"),
            (parasol & gore, "fff0c8")]  # fmt: skip


def _gentleman(u: Field, v: Field) -> list[tuple[NDArray[np.bool_], str]]:
    legs = (v > 0) & (v < 0.45) & (np.abs(np.abs(u) - 0.055) < 0.048)
    coat = (v >= 0.30) & (v < 0.80) & (np.abs(u) < 0.155 - 0.10 * (v - 0.3))
    head = np.hypot(u, (v - 0.87) * 0.85) < 0.062
    hat = (v > 0.955) & (v < 1.09) & (np.abs(u) < 0.066)
    brim = (v > 0.925) & (v < 0.960) & (np.abs(u) < 0.11)
    cane = (np.abs(u - 0.20) < 0.014) & (v > 0) & (v < 0.48)
    return [(legs, "3a3560"), (coat, "232a5a"), (coat & (u < -0.05), "3f5a96"),
            (head, "f0c49a"), (hat | brim, "1c1f42"), (cane, "7a3a22")]  # fmt: skip


def _tree(
    rng: np.random.Generator,
    x: Field,
    y: Field,
    colour: Field,
    place: tuple[float, float, float, float],
) -> Field:
    """A trunk and a crown of clumps lit from the upper left."""
    tx, ty, radius, foot = place
    trunk = np.abs(x - tx - 0.02 * np.sin(9 * y)) < 0.09 * radius * (0.7 + 0.8 * (y - ty))
    bark = blend(tint(0.36, 0.24, 0.40), tint(0.86, 0.55, 0.32),
                 step(0.0, tx - x, 0.1 * radius))  # fmt: skip
    colour = blend(colour, bark, (trunk & (y > ty) & (y < foot)).astype(np.float32))
    ragged = 0.20 * fractal(rng, x.shape, x.shape[0] / 28, octaves=3)
    light, cover = np.zeros_like(x), np.zeros_like(x)
    for _ in range(34):
        turn, out = rng.uniform(0, 2 * np.pi), rng.random() ** 0.6
        cx, cy = tx + 0.74 * radius * out * np.cos(turn), ty + 0.85 * radius * out * np.sin(turn)
        small = radius * rng.uniform(0.16, 0.34)
        away = np.hypot(x - cx, (y - cy) * 1.2) / small + ragged
        shine = 0.42 - 0.26 * ((x - cx) + 1.4 * (y - cy)) / small - 0.30 * (cy - ty) / radius
        clump = 1 - step(1.0, away, 0.2)
        light = light + clump * (shine - light)
        cover = np.maximum(cover, clump)
    return blend(colour, ramp(np.clip(light + 0.10 * ragged, 0, 1), _CROWN), cover)


def _sails(colour: Field, x: Field, y: Field) -> Field:
    for cx, foot, tall, lean in ((0.60, 0.50, 0.16, 0.03), (0.70, 0.465, 0.065, 0.04),
                                 (0.96, 0.462, 0.05, -0.04)):  # fmt: skip
        rise = (foot - y) / tall
        off = (x - cx) / tall
        sail = (rise > 0.06) & (rise < 1) & (off > 0) & (off < 0.55 * (1 - rise) + lean)
        jib = (rise > 0.1) & (rise < 0.85) & (off < -0.03) & (off > 0.3 * (rise - 0.85))
        hull = (np.abs(rise) < 0.06) & (np.abs(x - cx) < tall * (0.42 + 1.2 * rise))
        echo = (rise < -0.05) & (rise > -0.65) & (np.abs(x - cx - 0.1 * tall) < tall * 0.2)
        colour = blend(colour, tint(0.96, 0.93, 0.88), 0.55 * echo)
        colour = blend(colour, tint(1.0, 0.97, 0.90), sail.astype(np.float32))
        colour = blend(colour, tint(0.98, 0.83, 0.66), jib.astype(np.float32))
        colour = blend(colour, tint(0.55, 0.16, 0.22), hull.astype(np.float32))
    return colour


def _poppies(
    canvas: Canvas, rng: np.random.Generator, y: Field, meadow: Field, angle: Field
) -> None:
    """Red, white and blue flowers in drifts, larger towards the viewer."""
    drift = step(0.35, fractal(rng, y.shape, y.shape[0] / 7), 0.8) * meadow
    for code, share, width in _FLOWERS:
        flower = _DOT(1.3 * width, width, 0.6, relief=0.16, hue=0.04)
        design = Design(np.broadcast_to(rgb(code), (*y.shape, 3)), angle)
        paint(canvas, design, flower, rng, drift * share * np.clip((y - 0.56) * 3.2, 0, 1))


def _unit(field: Field) -> Field:
    return np.asarray(np.clip(0.5 + 0.25 * field, 0.0, 1.0))
