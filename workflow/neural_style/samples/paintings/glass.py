"""A window of leaded glass: sunrise over hills and a river, flowers in front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter

from neural_style.samples.paintings.canvas import SUPERSAMPLING, finished
from neural_style.samples.paintings.colour import ramp, tint
from neural_style.samples.paintings.noise import Field, coordinates, fractal, resized, smooth

_SUN = (0.667, 0.37)
_SKY = ("fff0a0", "ffc233", "f7862a", "e2436a", "8b3fae", "3c3fc0", "1f58c8")
_HILLS = (
    ("5a3fa8", "7a4cc0", "4560c8"),
    ("1f7f9a", "2aa39a", "2f74b8"),
    ("2f9a52", "7fbf3a", "1d7a5a"),
    ("156a3c", "4aa02c", "b6c92e"),
)
_RIVER = ("1a56c4", "3fa4e8", "9fe0f4", "ffd88a", "2a7ad0")
_PETALS = (("d3122a", "ff4a2a", "f0183c"), ("ff8a1a", "ffc02a", "ff6a2a"),
           ("c21f8a", "ff5fae", "8a1fa0"))  # fmt: skip
_LEAVES = ("0f6a3a", "2fa04a", "8ac83a")
_BORDER = ("1c3fa8", "a81230", "0f7a5a", "d89a1c", "5a1f8a")


class _Cartoon:
    """The drawing that the glass is cut from: a piece number and a colour a pixel."""

    def __init__(self, shape: tuple[int, int], rng: np.random.Generator) -> None:
        self.piece = np.zeros(shape, dtype=np.int64)
        self.colour: Field = np.zeros((*shape, 3), dtype=np.float32)
        self.rng = rng
        self.count = 0

    def cut(self, inside: NDArray[np.bool_], parts: NDArray[np.int64], codes: tuple[str, ...],
            tone: Field | None = None) -> None:  # fmt: skip
        """Replace `inside` by pieces, one a value of `parts`, each of one colour of the ramp.

        `tone` in [0, 1], averaged over the piece, says which colour; else chance does.
        """
        _, number = np.unique(parts[inside], return_inverse=True)
        if not len(number):
            return
        pieces = int(number.max()) + 1
        if tone is None:
            place = self.rng.random(pieces)
        else:
            place = np.bincount(number, tone[inside]) / np.maximum(np.bincount(number), 1)
            place = place + 0.07 * self.rng.standard_normal(pieces)
        tints = ramp(np.clip(place, 0, 1), codes)
        tints = tints * self.rng.uniform(0.72, 1.12, (pieces, 1))
        self.piece[inside] = self.count + number
        self.colour[inside] = tints[number]
        self.count += pieces


def stained_glass(seed: int, size: tuple[int, int] = (1024, 768)) -> Image.Image:
    """Rays, hills, a river and three flowers in coloured glass, with a jewelled border."""
    rng = np.random.default_rng(seed)
    shape = (SUPERSAMPLING * size[1], SUPERSAMPLING * size[0])
    cartoon = _Cartoon(shape, rng)
    x, y = coordinates(shape)
    wobble = 0.007
    x1 = x + wobble * smooth(rng, shape, shape[0] / 9)
    y1 = y + wobble * smooth(rng, shape, shape[0] / 9)
    _sky(cartoon, x1, y1)
    _ground(cartoon, x1, y1)
    for place in ((0.24, 0.70, 0.135, 0), (0.50, 0.83, 0.095, 1), (1.07, 0.72, 0.145, 2),
                  (0.83, 0.86, 0.085, 0)):  # fmt: skip
        _flower(cartoon, x1, y1, place)
    _border(cartoon, x, y)
    return _lead(cartoon, x, y)


def _sky(cartoon: _Cartoon, x: Field, y: Field) -> None:
    far = np.hypot(x - _SUN[0], y - _SUN[1])
    turn = np.arctan2(y - _SUN[1], x - _SUN[0]) / (2 * np.pi) + 0.5
    ray = np.floor(turn * 30 + 0.25 * np.sin(turn * 2 * np.pi * 7)).astype(np.int64)
    shift = cartoon.rng.uniform(0, 1, 64)[ray % 64]
    ring = np.floor((far / 0.155) ** 0.85 + 0.75 * shift).astype(np.int64)
    everywhere = np.ones(x.shape, dtype=bool)
    tone = np.clip(far / 0.80 + 0.09 * (ray % 2) - 0.08, 0, 1).astype(np.float32)
    cartoon.cut(everywhere, ray * 64 + ring, _SKY, tone)
    petal = np.floor(turn * 12).astype(np.int64)
    cartoon.cut(far < 0.135, petal, ("ffb52a", "ffe27a", "ffcf45"))
    cartoon.cut(far < 0.082, np.zeros_like(ray), ("fff8d0", "fff3b0"))


def _ground(cartoon: _Cartoon, x: Field, y: Field) -> None:
    lines = (
        0.50 - _hump(x, 0.28, 0.16, 0.10) - _hump(x, 1.12, 0.20, 0.13),
        0.56 - 0.05 * np.sin(4.2 * x + 0.5),
        0.65 + 0.045 * np.sin(4.0 * x - 0.3),
        0.78 - 0.040 * np.sin(3.4 * x + 0.9),
    )  # fmt: skip
    for row, (line, codes) in enumerate(zip(lines, _HILLS, strict=True)):
        depth = y - line
        slant = x + (0.5 if row % 2 else -0.6) * depth + 0.04 * np.sin(14 * depth + row)
        layer = np.floor(depth / (0.060 + 0.014 * row)).astype(np.int64)
        part = np.floor(slant / (0.085 + 0.012 * row) + 0.37 * row + 0.5 * layer).astype(np.int64)
        cartoon.cut(depth > 0, part * 64 + layer, codes)
    _river(cartoon, x, y)


def _hump(x: Field, centre: float, width: float, tall: float) -> Field:
    return np.asarray(tall * np.exp(-(((x - centre) / width) ** 2)))


def _river(cartoon: _Cartoon, x: Field, y: Field) -> None:
    depth = np.clip((y - 0.565) / 0.435, 0, 1)
    middle = _SUN[0] + 0.13 * np.sin(5.5 * depth + 0.2) * (0.3 + depth)
    across = (x - middle) / (0.018 + 0.20 * depth**1.2)
    reach = np.floor(9 * depth**0.75 + 0.35 * np.sin(2.5 * across)).astype(np.int64)
    strip = (across > 0.25 * np.sin(5 * depth)).astype(np.int64)
    tone = np.clip(0.75 - 0.5 * depth + 0.25 * (reach % 2), 0, 1).astype(np.float32)
    cartoon.cut((np.abs(across) < 1) & (y > 0.565), reach * 4 + strip, _RIVER, tone)


def _flower(cartoon: _Cartoon, x: Field, y: Field, place: tuple[float, float, float, int]) -> None:
    cx, cy, radius, kind = place
    stem = np.abs(x - cx - 0.25 * (y - cy) * np.sin(6 * (y - cy))) < 0.055 * radius + 0.004
    cartoon.cut(stem & (y > cy), np.floor(y / 0.14).astype(np.int64), _LEAVES)
    for side, low in ((-1.0, 1.25), (1.0, 1.6)):
        lx, ly = x - cx - side * 0.62 * radius, y - cy - low * radius
        u = lx * 0.82 * side - ly * 0.57
        v = lx * 0.57 * side + ly * 0.82
        leaf = np.abs(v) < 0.24 * radius * np.clip(1 - (u / (0.62 * radius)) ** 2, 0, 1)
        cartoon.cut(leaf, (v > 0).astype(np.int64), _LEAVES)
    far = np.hypot(x - cx, y - cy) / radius
    turn = np.arctan2(y - cy, x - cx) / (2 * np.pi) + 0.5
    for petals, size, twist in ((7, 1.0, 0.0), (6, 0.66, 0.4)):
        phase = np.mod(turn * petals + twist + 0.10 * far, petals)
        edge = size * (0.80 + 0.20 * np.abs(np.sin(np.pi * phase)) ** 0.6)
        half = (np.mod(phase, 1.0) > 0.5).astype(np.int64) if size == 1.0 else 0
        cartoon.cut(far < edge, np.floor(phase).astype(np.int64) * 2 + half, _PETALS[kind])
    cartoon.cut(far < 0.24, np.zeros(x.shape, np.int64), ("ffd22a", "3a1f5a", "ffe88a"))


def _border(cartoon: _Cartoon, x: Field, y: Field) -> None:
    """Square panes with a jewel in each, corner panes included, in a bronze frame."""
    wide, tall, pane = 4 / 3, 1.0, 0.052
    beside, above = np.minimum(x, wide - x), np.minimum(y, tall - y)
    edge, upright = np.minimum(beside, above), beside < above
    corner = (beside < pane) & (above < pane)
    count_x, count_y = 16, 12
    row = (y - pane) / (tall - 2 * pane) * count_y
    column = (x - pane) / (wide - 2 * pane) * count_x
    along = np.where(upright, row, column)
    side = (x > wide / 2) * 2 + (y > tall / 2) * 1
    part = np.where(upright, 64, 0) + np.floor(along).astype(np.int64) + 128 * side
    part = np.where(corner, 1000 + side, part)
    cartoon.cut(edge < pane, part, _BORDER)
    cartoon.cut(edge < 0.012, side, ("5a2f14", "7a4a1c"))
    off = np.abs(np.mod(along, 1.0) - 0.5) * np.where(upright, (tall - 2 * pane) / count_y,
                                                      (wide - 2 * pane) / count_x)  # fmt: skip
    off = np.where(corner, np.maximum(beside, above) - 0.032, off)
    gem = np.hypot(off, edge - 0.032) < 0.012
    cartoon.cut(gem, part, ("fff0b0", "ffd23a", "f04a4a", "7fe0f0"))


def _lead(cartoon: _Cartoon, x: Field, y: Field) -> Image.Image:
    """Glass between strips of lead, lit from behind; the lead is lit from the upper left."""
    shape, rng = x.shape, cartoon.rng
    unit = shape[0] / 1536
    piece = cartoon.piece
    seam = np.zeros(shape, dtype=bool)
    seam[:, 1:] |= piece[:, 1:] != piece[:, :-1]
    seam[1:, :] |= piece[1:, :] != piece[:-1, :]
    far = np.asarray(distance_transform_edt(~seam), dtype=np.float32) / np.float32(unit)
    light = _glass(cartoon, far)
    glow = np.exp(-((np.hypot(x - _SUN[0], y - _SUN[1]) / 0.42) ** 2))
    light = light * (0.92 + 0.35 * glow)[..., None]
    half = 4.6 + 0.8 * smooth(rng, shape, shape[0] / 14)
    lead = np.clip(half - far + 0.5, 0, 1)
    bulge = np.sqrt(np.clip(1 - (far / half) ** 2, 0, 1)) * half * unit
    bulge = gaussian_filter(bulge + 0.25 * unit * fractal(rng, shape, 10 * unit), 1.2 * unit)
    down, across = np.gradient(bulge)
    shine = np.clip(-0.55 * across - 0.65 * down, -0.4, 1.2)
    metal = tint(0.085, 0.085, 0.10) + 0.23 * np.clip(shine, 0, 1)[..., None] ** 1.5
    picture = light * (1 - lead[..., None]) + metal * lead[..., None]
    return finished(picture + 0.22 * _halo(picture, shape))


def _glass(cartoon: _Cartoon, far: Field) -> Field:
    """Every piece with its own streaks, ripples, seeds and unevenness."""
    rng, shape, piece = cartoon.rng, cartoon.piece.shape, cartoon.piece
    tall = shape[0]
    turn = rng.uniform(0, np.pi, cartoon.count)[piece].astype(np.float32)
    lying = fractal(rng, shape, (tall / 90, tall / 14), octaves=3)
    standing = fractal(rng, shape, (tall / 14, tall / 90), octaves=3)
    swirl = np.sin(3.2 * fractal(rng, shape, tall / 7, octaves=4) + 4 * turn)
    streak = 0.7 * (lying * np.cos(turn) ** 2 + standing * np.sin(turn) ** 2) + 0.7 * swirl
    wisp = np.clip(fractal(rng, shape, tall / 12, octaves=5) - 0.4, 0, 2)
    ripple = fractal(rng, shape, tall / 70, octaves=2)
    down, across = np.gradient(ripple)
    facet = np.clip((across * 0.7 + down) * tall / 330, -1, 1)
    opal = rng.uniform(0, 0.28, cartoon.count)[piece].astype(np.float32)
    tone = 1.0 + 0.15 * streak + 0.13 * facet - 0.42 * np.exp(-far / 9.0)
    light = cartoon.colour * tone[..., None]
    milk = np.clip(opal * (0.6 * wisp + 0.25 * np.clip(streak, 0, 2)), 0, 0.6)[..., None]
    light = light + milk * (tint(1.0, 0.98, 0.92) - light)
    seeds = rng.random(shape) > 1 - 28.0 / (tall * tall)
    bubble = gaussian_filter(seeds.astype(np.float32), tall / 700) * (tall / 700) ** 2 * 4
    return np.asarray(light + np.clip(bubble, 0, 0.5)[..., None])


def _halo(picture: Field, shape: tuple[int, int]) -> Field:
    """Light that bleeds over the lead: the bright parts, blurred at a quarter of the size."""
    bright = np.clip(picture[::4, ::4] - 0.45, 0, 1)
    return np.stack(
        [resized(gaussian_filter(bright[..., c], shape[0] / 330), shape) for c in range(3)], axis=-1
    )
