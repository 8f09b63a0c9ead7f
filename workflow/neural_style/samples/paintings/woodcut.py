"""A great wave before a mountain, printed from wooden blocks on laid paper."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline

from neural_style.samples.paintings.canvas import SUPERSAMPLING, finished
from neural_style.samples.paintings.colour import blend, rgb
from neural_style.samples.paintings.noise import Field, coordinates, fractal

_PAPER, _FOAM, _KEY = "ead9b4", "f3ead2", "14233f"
_DEEP, _MIDDLE, _PALE = "1c3a6e", "3f74a3", "a9c6c9"
_BACK = ((-0.25, 0.98), (0.00, 0.66), (0.14, 0.38), (0.30, 0.17), (0.49, 0.085), (0.66, 0.12),
         (0.77, 0.23), (0.775, 0.34))  # fmt: skip
_FACE = ((1.02, 0.93), (0.80, 0.885), (0.62, 0.80), (0.50, 0.66), (0.47, 0.50), (0.54, 0.375),
         (0.65, 0.325), (0.74, 0.36))  # fmt: skip


@dataclass(frozen=True)
class _Print:
    """The colour blocks and the key block (black lines), drawn with one set of tools."""

    blocks: ImageDraw.ImageDraw
    key: ImageDraw.ImageDraw
    unit: float

    def shape(self, points: Field, code: str | None, line: float = 0.004) -> None:
        """A closed shape of a flat colour, with a key line `line` wide (0: none)."""
        corners = [tuple(point) for point in (points * self.unit).tolist()]
        if code is not None:
            hue = tuple(int(code[i : i + 2], 16) for i in (0, 2, 4))
            self.blocks.polygon(corners, fill=hue)
            self.key.polygon(corners, fill=0)
        if line:
            self.cut([*corners, corners[0]], line)

    def line(self, points: Field, line: float) -> None:
        """An open line of the key block."""
        self.cut([tuple(point) for point in (points * self.unit).tolist()], line)

    def cut(self, corners: list[tuple[float, ...]], line: float) -> None:
        """A line through `corners`, in pixels."""
        flat = [value for corner in corners for value in corner]
        self.key.line(flat, fill=255, width=max(1, round(line * self.unit)), joint="curve")


def woodcut_wave(seed: int, size: tuple[int, int] = (1024, 768)) -> Image.Image:
    """A clawed wave over a snowy mountain, a red sun and engraved water."""
    rng = np.random.default_rng(seed)
    full = (SUPERSAMPLING * size[0], SUPERSAMPLING * size[1])
    colours, lines = Image.new("RGB", full, f"#{_PAPER}"), Image.new("L", full, 0)
    sheet = _Print(ImageDraw.Draw(colours), ImageDraw.Draw(lines), full[0] * 0.75)
    _sky(sheet, rng)
    _mountain(sheet, rng)
    _far_sea(sheet, rng)
    _great_wave(sheet, rng)
    _near_sea(sheet, rng)
    return _printed(rng, np.asarray(colours, np.float32) / 255, np.asarray(lines, np.float32) / 255)


def _curve(points: tuple[tuple[float, float], ...], count: int) -> Field:
    """`count` points along the smooth curve through `points`."""
    knots = np.array(points)
    spline = CubicSpline(np.linspace(0, 1, len(knots)), knots)
    return np.asarray(spline(np.linspace(0, 1, count)))


def _sky(sheet: _Print, rng: np.random.Generator) -> None:
    turn = np.linspace(0, 2 * np.pi, 120)
    sun = np.stack([1.06 + 0.105 * np.cos(turn), 0.25 + 0.105 * np.sin(turn)], axis=1)
    sheet.shape(sun, "c8402c", 0.003)
    x = np.linspace(-0.05, 1.4, 160)
    for row in np.arange(0.035, 0.60, 0.0135):
        wave = row + 0.012 * np.sin(3.1 * x + 5 * row) + 0.007 * np.sin(7.3 * x - 9 * row)
        line = np.stack([x, wave], axis=1)
        begin = int(rng.integers(0, 60))
        while begin < 150:
            end = begin + int(rng.integers(12, 60))
            sheet.line(line[begin:end], 0.0011 + 0.0012 * row)
            begin = end + int(rng.integers(6, 40))


def _mountain(sheet: _Print, rng: np.random.Generator) -> None:
    foot, peak = 0.70, (0.985, 0.455)
    left = np.linspace(0, 1, 40)
    down = foot - peak[1]
    right_side = np.stack([peak[0] + 0.015 + 0.36 * left**1.25, peak[1] + down * left], axis=1)
    left_side = np.stack([peak[0] - 0.015 - 0.34 * left**1.25, peak[1] + down * left], axis=1)
    outline = np.concatenate([left_side[::-1], right_side])
    sheet.shape(outline, "5f7f96", 0.004)
    for side, sign in ((left_side, 1.0), (right_side, -1.0)):
        for start in range(3, 36, 2):
            reach = rng.uniform(0.05, 0.13)
            u = np.linspace(0, 1, 12)
            hatch = side[start] + np.stack([sign * 0.45 * reach * u, reach * u**1.2], axis=1)
            sheet.line(hatch, 0.0014)
    snow = [*left_side[:15][::-1], *right_side[:15]]
    zigzag = []
    for place in np.linspace(0.86, 0.14, 9):
        x = left_side[14, 0] + place * (right_side[14, 0] - left_side[14, 0])
        zigzag.append((x + 0.008, 0.555 + rng.uniform(0.0, 0.045)))
        zigzag.append((x - 0.008, 0.530 - rng.uniform(0.0, 0.020)))
    sheet.shape(np.array([*snow, *zigzag]), _FOAM, 0.003)


def _far_sea(sheet: _Print, rng: np.random.Generator) -> None:
    x = np.linspace(-0.05, 1.4, 200)
    for row, code in enumerate((_PALE, _MIDDLE, _PALE, _DEEP, _MIDDLE)):
        top = 0.665 + 0.040 * row - 0.022 * np.sin(5.2 * x + 2.1 * row + 0.5) ** 3
        _water(sheet, rng, x, top, code)


def _water(sheet: _Print, rng: np.random.Generator, x: Field, top: Field, code: str) -> None:
    """A swell down to the bottom of the sheet, with engraved lines along its back."""
    sheet.shape(np.stack([np.r_[x, x[-1], x[0]], np.r_[top, 1.1, 1.1]], axis=1), code, 0.004)
    for line in range(1, 7):
        begin = int(rng.integers(0, 30))
        while begin < len(x) - 10:
            end = begin + int(rng.integers(15, 60))
            under = top + 0.010 * line * (1 + 0.25 * np.sin(4 * x + line))
            sheet.line(np.stack([x, under], axis=1)[begin:end], 0.0022 - 0.0002 * line)
            begin = end + int(rng.integers(4, 24))


def _great_wave(sheet: _Print, rng: np.random.Generator) -> None:
    back, face = _curve(_BACK, 160), _curve(_FACE, 160)
    stripes = np.linspace(0, 1, 16) ** 0.9
    codes = (_DEEP, _MIDDLE, _DEEP, _PALE, _DEEP, _MIDDLE, _FOAM, _DEEP)
    for place, (t0, t1) in enumerate(pairwise(stripes)):
        upper = back + t0 * (face - back)
        lower = back + t1 * (face - back)
        sheet.shape(np.concatenate([upper, lower[::-1]]), codes[place % 8], 0.0032)
        for share in np.linspace(0.12, 0.88, 6):
            begin, end = sorted(rng.integers(0, 160, 2))
            inner = upper + share * (lower - upper)
            sheet.line(inner[begin:end], 0.0013)
    _foam(sheet, rng, back, face)


def _foam(sheet: _Print, rng: np.random.Generator, back: Field, face: Field) -> None:
    """A white cap along the crest and, from it, claws that droop towards the viewer."""
    begin = 62
    grown = np.linspace(0, 1, 160 - begin)
    share = 0.24 * grown**0.5
    scallop = 0.06 * grown**0.4 * np.abs(np.sin(np.linspace(0, 13 * np.pi, 160 - begin)))
    lower = back[begin:] + (share + scallop)[:, None] * (face[begin:] - back[begin:])
    sheet.shape(np.concatenate([back[begin:], lower[::-1]]), _FOAM, 0.004)
    for row, gap, reach in ((0.40, 11, 0.8), (-0.02, 9, 0.8), (0.95, 7, 1.0)):
        for index in range(begin + 6, 160, gap):
            deep = row * float(share[index - begin])
            spot = back[index] + deep * (face[index] - back[index])
            ahead = back[min(index + 3, 159)] - back[index - 3]
            lean = rng.uniform(0.5, 1.2) if row > 0 else rng.uniform(-0.2, 0.4)
            length = reach * rng.uniform(0.085, 0.13) * (0.55 + 0.5 * grown[index - begin])
            _claw(sheet, rng, spot, float(np.arctan2(ahead[1], ahead[0])) + lean, length, 2)
    for _ in range(90):
        index = int(rng.integers(begin, 160))
        out = back[index] + rng.normal(0, 0.035, 2) + np.array([0.03, -0.01])
        _drop(sheet, out, rng.uniform(0.0025, 0.006))


def _claw(sheet: _Print, rng: np.random.Generator, spot: Field, heading: float, length: float,
          depth: int) -> None:  # fmt: skip
    """A tapering hook that curls under, with smaller hooks along it."""
    u = np.linspace(0, 1, 18)
    turn = heading + rng.uniform(1.2, 2.3) * u**1.6
    steps = length / 18 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    line = spot + np.cumsum(steps, axis=0)
    normal = np.stack([-np.sin(turn), np.cos(turn)], axis=1)
    half = (0.15 * length * (1 - u) ** 0.8 * np.sqrt(np.minimum(u / 0.25, 1)) + 0.0008)[:, None]
    outline = np.concatenate([line + half * normal, (line - half * normal)[::-1]])
    sheet.shape(outline, _FOAM, 0.0024)
    sheet.line(line[2:11] + 0.3 * half[2:11] * normal[2:11], 0.0016)
    if depth:
        for place in (4, 9, 13):
            aside = turn[place] - rng.uniform(0.5, 1.1)
            _claw(sheet, rng, line[place], aside, rng.uniform(0.34, 0.48) * length, depth - 1)


def _drop(sheet: _Print, spot: Field, radius: float) -> None:
    turn = np.linspace(0, 2 * np.pi, 14)
    sheet.shape(spot + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1), _FOAM, 0.0016)


def _near_sea(sheet: _Print, rng: np.random.Generator) -> None:
    x = np.linspace(-0.05, 1.4, 260)
    for row, code in enumerate((_MIDDLE, _DEEP, _PALE, _DEEP)):
        swell = 0.055 * np.exp(-(((x - 0.22 - 0.27 * row) / 0.17) ** 2)) * (1.5 - 0.2 * row)
        top = 0.860 + 0.040 * row - swell - 0.010 * np.sin(11 * x + 1.7 * row)
        _water(sheet, rng, x, top, code)
        crest = [i for i in range(6, 254, 7) if swell[i] > 0.010]
        for index in crest:
            spot = np.array([x[index], top[index]])
            _claw(sheet, rng, spot, rng.uniform(-0.9, 0.1), rng.uniform(0.030, 0.050), 1)


def _printed(rng: np.random.Generator, blocks: Field, lines: Field) -> Image.Image:
    """Ink on paper: wood grain, uneven pressure, a graded sky and blocks a hair out of register."""
    shape = lines.shape
    tall = shape[0]
    x, y = coordinates(shape)
    paper = np.broadcast_to(rgb(_PAPER), blocks.shape)
    shift = max(1, round(0.0016 * tall))
    blocks = np.pad(blocks, ((shift, 0), (0, shift), (0, 0)), mode="edge")[:-shift, shift:]
    bare = (np.abs(blocks - rgb(_PAPER)).max(axis=-1) < 0.02).astype(np.float32)
    dusk = np.clip(1 - y / 0.22, 0, 1) * 0.75 + 0.45 * np.exp(-(((y - 0.64) / 0.13) ** 2))
    streaks = fractal(rng, shape, (tall / 90, tall / 4))
    graded = blend(paper, rgb("6f8a94"), dusk * (1 + 0.1 * streaks))
    blocks = np.where(bare[..., None] > 0, graded, blocks)
    warp = 0.030 * fractal(rng, shape, (tall / 5, tall / 1.5), octaves=3)
    knots = np.sin(2 * np.pi * (y + warp) * 62 + 1.5 * fractal(rng, shape, (tall / 40, tall / 3)))
    grain = np.clip(knots, -0.2, 1) * 0.5 + 0.35 * fractal(rng, shape, (tall / 300, tall / 12), 2)
    press = fractal(rng, shape, tall / 9, octaves=4)
    speck = fractal(rng, shape, tall / 340, octaves=1)
    fade = np.clip(0.10 + 0.10 * grain + 0.05 * press + 0.07 * np.clip(speck, 0, 3), 0, 0.6)
    ink = blend(blocks, paper, fade)
    worn = np.clip(1.06 - 0.10 * np.clip(speck + 0.5 * press, 0, 3), 0, 1)
    ink = blend(ink, rgb(_KEY), lines * worn)
    fibre = 0.016 * fractal(rng, shape, (tall / 500, tall / 30), 1) + 0.014 * speck
    laid = 0.010 * np.sin(2 * np.pi * x * 120)
    return finished(ink * (1.0 + fibre + laid)[..., None])
