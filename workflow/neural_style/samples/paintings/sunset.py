"""Ships in a burning harbour: a palette knife, wide and quick."""

from __future__ import annotations

from functools import partial

import numpy as np
from PIL import Image

from neural_style.samples.paintings.canvas import Canvas, lit
from neural_style.samples.paintings.colour import blend, ramp, tint
from neural_style.samples.paintings.noise import Field, coordinates, fractal, smooth, step
from neural_style.samples.paintings.strokes import Brush, Design, paint

_SKY = ("fff3c4", "ffd65c", "ff9f2e", "f2602a", "c23a3a", "7a2b52", "3a2350")
_SEA = ("fff0b8", "ffb347", "ea6a2c", "a23a3f", "4c2a55", "1e2b4f", "2f5f6f")
_DARK = ("160f24", "2c1730", "4b1f2e", "1c2440")
_CLOTH = ("5c2440", "a83c38", "e0763a", "f6b45a", "7a2f48")
_YARDS = ((0.44, 0.30, 0.135), (0.72, 0.25, 0.110), (0.93, 0.17, 0.075))
"""Height on the mast, drop of the sail, half length: shares of the mast, then of the ship."""
_SUN = (0.83, 0.46, 0.070)
_HORIZON = 0.565


def molten_harbour(seed: int, size: tuple[int, int] = (1024, 768)) -> Image.Image:
    """A white sun low over the water, its road of light, and ships against it."""
    rng = np.random.default_rng(seed)
    x, y = coordinates((size[1], size[0]))
    colour, angle = _light(rng, x, y)
    hulls, masts, sails = _ships(x, y)
    ripples = np.clip(0.3 + 0.8 * fractal(rng, x.shape, (x.shape[0] / 30, x.shape[0] / 7)), 0, 1)
    echo = _mirrored(np.maximum(hulls, 0.8 * sails)) * ripples * (y > _HORIZON + 0.03)
    umber = ramp(np.clip(0.5 + 0.3 * smooth(rng, x.shape, x.shape[0] / 25), 0, 1), _DARK)
    cloth = ramp(np.clip(0.4 + 0.25 * smooth(rng, x.shape, x.shape[0] / 14), 0, 1), _CLOTH)
    colour = blend(colour, umber, 0.6 * echo)
    canvas = Canvas.primed(colour)
    design = Design(colour, angle)
    knife = partial(Brush, groove=0.09, two_tone=0.11, tip=0.10, wander=0.16)
    for brush in (
        knife(0.10, 0.060, 3.0, 0.04, dryness=0.0, faithful=2.0),
        knife(0.16, 0.060, 1.6, 0.06, dryness=0.25, faithful=0.45),
        knife(0.11, 0.036, 1.5, 0.10, dryness=0.45, faithful=0.40),
        knife(0.070, 0.020, 0.8, 0.16, dryness=0.55, faithful=0.28),
    ):
        paint(canvas, design, brush, rng)
    upright = np.where(masts + sails > 0, np.pi / 2, 0.03).astype(np.float32)
    for part, hue, brush in (
        (sails, cloth, Brush(0.034, 0.014, 4.0, 0.14, faithful=0.3)),
        (hulls, umber, Brush(0.034, 0.008, 4.0, 0.16, dryness=0.1, faithful=0.2)),
        (masts, umber, Brush(0.060, 0.005, 5.0, 0.16, dryness=0.1, faithful=0.2)),
    ):
        paint(canvas, Design(blend(colour, hue, part), upright), brush, rng, part)
    return lit(canvas)


def _light(rng: np.random.Generator, x: Field, y: Field) -> tuple[Field, Field]:
    tall = x.shape[0]
    cx, cy, radius = _SUN
    far = np.hypot(x - cx, (y - cy) * 1.25)
    cloud = fractal(rng, x.shape, (tall / 7, tall / 2.5), octaves=5)
    warm = np.clip(1.08 * far**0.75 + 0.11 * cloud - 0.10, 0, 1)
    colour = ramp(warm, _SKY)
    teal = step(0.75, fractal(rng, x.shape, (tall / 8, tall / 3)) + 1.5 * (0.25 - y), 0.9)
    colour = blend(colour, tint(0.20, 0.47, 0.55), 0.72 * teal * step(0.33, far, 0.3))
    colour = blend(colour, tint(1.0, 0.98, 0.86), 1 - step(radius, far, 0.02))
    swell = fractal(rng, x.shape, (tall / 26, tall / 6), octaves=3)
    sea = step(_HORIZON, y, 0.006)
    colour = blend(colour, _water(x, y, swell), sea)
    coast = _HORIZON - 0.035 * np.clip(np.abs(x - cx) - 0.22, 0, 1) ** 0.7 * (
        1.5 + 0.6 * fractal(rng, x.shape, (tall, tall / 9)))  # fmt: skip
    land = step(coast, y, 0.005) * (1 - sea)
    colour = blend(colour, tint(0.33, 0.16, 0.34), 0.85 * land)
    swirl = np.arctan2(y - cy, x - cx) + np.pi / 2
    sky_angle = 0.22 * cloud - 0.25 + 0.35 * np.sin(swirl) * np.exp(-far)
    angle = np.where(y > _HORIZON, 0.10 * swell, sky_angle)
    near = far < 1.5 * radius
    return colour, np.where(near, swirl, angle).astype(np.float32)


def _water(x: Field, y: Field, swell: Field) -> Field:
    """The sea, bright along the road that the sun lays on it."""
    depth = (y - _HORIZON) / (1 - _HORIZON)
    road = np.exp(-(((x - _SUN[0]) / (0.035 + 0.26 * np.clip(depth, 0, 1))) ** 2))
    tone = 0.86 - 0.52 * np.clip(1 - depth, 0, 1) ** 1.7
    tone = np.clip(tone * (1 - 0.97 * road) + 0.14 * swell, 0, 1)
    return ramp(tone, _SEA)


def _mirrored(part: Field) -> Field:
    """The reflection of `part` about a water line a little below the horizon, broken by ripples."""
    tall = len(part)
    line = round((_HORIZON + 0.115) * tall)
    rows = np.arange(tall)
    ripple = (0.006 * tall * np.sin(rows / tall * 160)).astype(np.int64)
    back = np.clip(2 * line - rows + ripple, 0, line)
    return np.where((rows > line)[:, None], part[back], 0.0).astype(np.float32)


def _ships(x: Field, y: Field) -> tuple[Field, Field, Field]:
    """Where the dark hulls and spars, the upright masts, and the glowing sails are."""
    hulls, masts, sails = (np.zeros(x.shape, dtype=bool) for _ in range(3))
    for cx, foot, scale, way in ((0.33, 0.690, 0.40, 1.0), (1.13, 0.615, 0.19, -1.0),
                                 (0.60, 0.588, 0.09, 1.0)):  # fmt: skip
        along, rise = way * (x - cx) / scale, (foot - y) / scale
        sheer = 0.09 + 0.22 * along**2 + 0.07 * along
        hulls |= (rise > -0.09) & (rise < sheer) & (np.abs(along) < 0.46 + 0.35 * rise)
        bowsprit = np.abs(rise - 0.14 - 0.35 * (along - 0.45)) < 0.010
        hulls |= bowsprit & (np.abs(along - 0.56) < 0.13)
        for place, top in ((-0.27, 0.95), (0.03, 1.15), (0.29, 0.88)):
            masts |= (np.abs(along - place) < 0.013) & (rise > 0) & (rise < top)
            for share, drop, reach in _YARDS:
                head = top * share
                fall = (head - rise) / (drop * top)
                belly = place + 0.05 * np.sin(np.pi * np.clip(fall, 0, 1))
                width = reach * (1 + 0.25 * fall)
                sails |= (fall > 0.04) & (fall < 0.92) & (np.abs(along - belly) < width)
                hulls |= (np.abs(rise - head) < 0.010) & (np.abs(along - place) < 1.1 * reach)
    return hulls.astype(np.float32), masts.astype(np.float32), sails.astype(np.float32)
