"""Brush strokes with bristles and thickness.

A stroke is a strip along a line of the flow. Every strip is sampled on a grid (u along, v
across) and the samples are scattered to the canvas in painting order, so that a pixel ends up
knowing which stroke is on top there, and at which (u, v). Colour and thickness are then worked
out once a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_style.samples.paintings.canvas import Canvas
from neural_style.samples.paintings.colour import varied
from neural_style.samples.paintings.noise import Field, smooth

_TEXTURES = 24
_BATCH = 3_000_000


@dataclass(frozen=True)
class Brush:
    """How a layer of strokes looks. Lengths are fractions of the picture's height.

    Attributes:
        length, width: of a stroke at full length.
        coverage: how many times over the layer covers its area.
        relief: thickness of the paint, as a fraction of the stroke's width.
        dryness: share of bristles that run out of paint before the end.
        tone, hue: how far strokes differ from the design (see `colour.varied`).
        streak: contrast of the bristle lines inside a stroke.
        two_tone: how far the second colour on the brush is from the first.
        faithful: a stroke ends where the design differs by more than this from its colour.
        wander: deviation (radians) of the stroke's direction from the flow.
        tip: share of the length that is rounded at each end; 0.5 makes ovals.
        groove: depth of the bristle marks, as a share of the relief; a knife leaves none.
    """

    length: float
    width: float
    coverage: float = 2.0
    relief: float = 0.25
    dryness: float = 0.2
    tone: float = 0.035
    hue: float = 0.03
    streak: float = 0.07
    two_tone: float = 0.08
    faithful: float = 0.3
    wander: float = 0.08
    tip: float = 0.18
    groove: float = 0.28


@dataclass(frozen=True)
class Design:
    """What a layer paints: a colour (height, width, 3) and a direction (radians) a pixel."""

    colour: Field
    angle: Field


def paint(
    canvas: Canvas,
    design: Design,
    brush: Brush,
    rng: np.random.Generator,
    where: Field | None = None,
) -> None:
    """Cover `canvas` with a layer of strokes, or only the share `where` (0 to 1, a pixel)."""
    tall = canvas.height.shape[0]
    length, width = brush.length * tall, max(brush.width * tall, 2.0)
    starts = _starts(rng, canvas.height.shape, brush.coverage / (length * width), where)
    if not len(starts):
        return
    rows, columns = _design_pixels(design, canvas, starts)
    base = design.colour[rows, columns]
    paths = _trace(rng, canvas, design, starts, base, brush, length)
    nu, nv = int(np.ceil(1.5 * length)) + 2, int(np.ceil(1.5 * width)) + 2
    grain = _bristles(rng, nu, nv)
    kind = rng.integers(0, _TEXTURES, len(starts))
    widths = width * rng.uniform(0.7, 1.25, len(starts)).astype(np.float32)
    keep = _wet(rng, grain, brush.dryness)
    top = _scatter(canvas.height.shape, paths, widths, kind, keep, brush.tip)
    first = varied(rng, base, brush.tone, brush.hue)
    second = varied(rng, first, brush.two_tone, brush.two_tone * 0.8)
    _shade(canvas, top, (first, second), kind, grain, brush, width)


def _starts(
    rng: np.random.Generator, shape: tuple[int, ...], density: float, where: Field | None
) -> Field:
    """Jittered points (n, 2) as (x, y), in random order, `density` a pixel."""
    spacing = 1.0 / np.sqrt(density)
    height, width = shape
    y, x = np.mgrid[0 : height + spacing : spacing, 0 : width + spacing : spacing]
    points = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
    points += rng.uniform(-0.7, 0.7, points.shape).astype(np.float32) * np.float32(spacing)
    points = rng.permutation(points)
    if where is None:
        return points
    rows = _index(points[:, 1] * (where.shape[0] / height), where.shape[0])
    columns = _index(points[:, 0] * (where.shape[1] / width), where.shape[1])
    return points[rng.random(len(points)) < where[rows, columns]]


def _index(position: Field, count: int) -> NDArray[np.int64]:
    return np.clip(position, 0, count - 1).astype(np.int64)


def _design_pixels(
    design: Design, canvas: Canvas, points: Field
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    height, width = design.angle.shape
    rows = _index(points[:, 1] * (height / canvas.height.shape[0]), height)
    columns = _index(points[:, 0] * (width / canvas.height.shape[1]), width)
    return rows, columns


def _trace(
    rng: np.random.Generator,
    canvas: Canvas,
    design: Design,
    starts: Field,
    base: Field,
    brush: Brush,
    length: float,
    steps: int = 5,
) -> Field:
    """Follow the flow from `starts` both ways: paths (n, 2 · steps + 1, 2)."""
    stride = length / (2 * steps) * rng.uniform(0.65, 1.2, len(starts)).astype(np.float32)
    turn = (brush.wander * rng.standard_normal(len(starts))).astype(np.float32)
    halves = []
    for sign in (-1.0, 1.0):
        here, points = starts.copy(), []
        going = np.ones(len(starts), dtype=np.float32)
        for _ in range(steps):
            angle = design.angle[_design_pixels(design, canvas, here)] + turn
            heading = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            ahead = here + np.float32(sign) * (going * stride)[:, None] * heading
            off = np.abs(design.colour[_design_pixels(design, canvas, ahead)] - base).max(axis=1)
            going = going * (off < brush.faithful)
            here = np.where(going[:, None] > 0, ahead, here)
            points.append(here)
        halves.append(points)
    path = [*reversed(halves[0]), starts, *halves[1]]
    return np.stack(path, axis=1).astype(np.float32)


def _bristles(rng: np.random.Generator, nu: int, nv: int) -> Field:
    """Streaky textures (k, nu, nv), slow along the stroke and quick across it."""
    cell = (max(nu / 2.5, 3.0), max(nv / 9.0, 1.6))
    broad = (max(nu / 2.0, 3.0), max(nv / 2.5, 2.0))
    return np.stack(
        [
            0.75 * smooth(rng, (nu, nv), cell) + 0.6 * smooth(rng, (nu, nv), broad)
            for _ in range(_TEXTURES)
        ]
    )


def _wet(rng: np.random.Generator, grain: Field, dryness: float) -> NDArray[np.bool_]:
    """Where a bristle leaves paint: ragged at both ends, with gaps as the brush runs dry."""
    count, nu, nv = grain.shape
    u = np.linspace(0.0, 1.0, nu, dtype=np.float32)[None, :, None]
    v = np.linspace(-1.0, 1.0, nv, dtype=np.float32)[None, None, :]
    ragged = np.stack([smooth(rng, (1, nv), (1.0, max(nv / 7.0, 1.5))) for _ in range(count)])
    lift = 1.0 - 0.10 * np.abs(ragged) - 0.10 * v**2
    touch = 0.03 + 0.03 * np.abs(ragged[::-1]) + 0.10 * v**2
    dry = grain > 2.6 - dryness * (1.0 + 3.0 * u**2 + 0.6 * v**2)
    return np.asarray((u < lift) & (u > touch) & ~dry)


def _scatter(
    shape: tuple[int, ...],
    paths: Field,
    widths: Field,
    kind: NDArray[np.int64],
    keep: NDArray[np.bool_],
    tip: float,
) -> NDArray[np.int64]:
    """Which sample (stroke · nu · nv + u · nv + v) is on top of every pixel; -1 where none."""
    height, width = shape
    _, nu, nv = keep.shape
    top = np.full(height * width, -1, dtype=np.int64)
    u = np.linspace(0.0, 1.0, nu, dtype=np.float32)[:, None]
    v = np.linspace(-0.5, 0.5, nv, dtype=np.float32)
    inward = np.clip(1.0 - np.minimum(u, 1.0 - u) / tip, 0.0, 1.0)
    taper = np.sqrt(1.0 - 0.96 * inward**2)
    batch = max(1, _BATCH // (nu * nv))
    for first in range(0, len(paths), batch):
        part = slice(first, first + batch)
        line, normal = _resampled(paths[part], nu)
        across = taper * v * widths[part, None, None]
        x = np.rint(line[..., 0, None] + normal[..., 0, None] * across).astype(np.int32)
        y = np.rint(line[..., 1, None] + normal[..., 1, None] * across).astype(np.int32)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & keep[kind[part]]
        sample = np.flatnonzero(inside)
        # Of several samples for one pixel the last stays: that of the latest stroke.
        top[(y * width + x).ravel()[sample]] = sample + first * nu * nv
    return top


def _resampled(paths: Field, count: int) -> tuple[Field, Field]:
    """Points and unit normals (n, count, 2) evenly along each path."""
    tangent = np.gradient(paths, axis=1)
    norm = np.maximum(np.linalg.norm(tangent, axis=2, keepdims=True), 1e-3)
    normal = np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1) / norm
    place = np.linspace(0.0, paths.shape[1] - 1.001, count, dtype=np.float32)
    before = place.astype(np.int64)
    share = (place - before)[None, :, None]
    line = paths[:, before] * (1 - share) + paths[:, before + 1] * share
    across = normal[:, before] * (1 - share) + normal[:, before + 1] * share
    return line, across


def _shade(
    canvas: Canvas,
    top: NDArray[np.int64],
    colours: tuple[Field, Field],
    kind: NDArray[np.int64],
    grain: Field,
    brush: Brush,
    width: float,
) -> None:
    """Put the colour and the thickness of the topmost strokes on the canvas."""
    _, nu, nv = grain.shape
    pixels = np.flatnonzero(top >= 0)
    stroke, place = np.divmod(top[pixels], nu * nv)
    iu, iv = np.divmod(place, nv)
    texture = grain[kind[stroke], iu, iv]
    u = (iu / (nu - 1)).astype(np.float32)
    v = (iv * (2.0 / (nv - 1)) - 1.0).astype(np.float32)
    share = np.clip(0.5 + 0.6 * v + 0.35 * texture, 0.0, 1.0)[:, None]
    mixed = colours[0][stroke] * (1 - share) + colours[1][stroke] * share
    canvas.colour.reshape(-1, 3)[pixels] = mixed * (1.0 + brush.streak * texture[:, None])
    crown = (1.0 - v**4) * (0.55 + 0.45 * np.exp(-(((u - 0.9) / 0.12) ** 2)))
    rim = 0.45 * np.exp(-(((np.abs(v) - 0.82) / 0.14) ** 2))
    thick = crown + rim + brush.groove * texture
    flat = canvas.height.reshape(-1)
    flat[pixels] = 0.45 * flat[pixels] + brush.relief * width * thick
