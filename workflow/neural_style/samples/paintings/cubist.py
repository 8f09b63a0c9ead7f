"""A guitar, a bottle and pears on a table, seen from several sides at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, maximum, minimum

from neural_style.samples.paintings.canvas import Canvas, lit
from neural_style.samples.paintings.colour import blend, ramp, rgb
from neural_style.samples.paintings.noise import Field, coordinates, fractal, resized, step
from neural_style.samples.paintings.strokes import Brush, Design, paint

_PLANES = ("232233", "7a4a2c", "c07c36", "e6b654", "f0dfb0", "2f6676", "86b4aa", "bf4a2c", "2e4874")
_WALL = ("46606c", "93a097", "d0b078", "86603c")
_LINE = "1a1518"


def cubist_table(seed: int, size: tuple[int, int] = (1024, 768)) -> Image.Image:
    """A still life cut into planes, each turned, shaded and hatched in its own way."""
    rng = np.random.default_rng(seed)
    x, y = coordinates((size[1], size[0]))
    facet, cuts = _facets(rng, x, y)
    moved_x, moved_y = _moved(rng, facet, x, y)
    planes = ramp(rng.random(int(facet.max()) + 1), _PLANES)[facet]
    colour, outline = _still_life(planes, moved_x, moved_y)
    colour, angle = _shaded(rng, blend(colour, planes, 0.16), facet, x, y)
    canvas = Canvas.primed(blend(colour, rgb("6b5138"), 0.5))
    calm = partial(Brush, tone=0.022, hue=0.014, two_tone=0.045, wander=0.05, streak=0.06)
    for brush in (
        calm(0.070, 0.030, 2.4, relief=0.05, dryness=0.1, faithful=0.35),
        calm(0.050, 0.0160, 2.2, relief=0.06, dryness=0.25, faithful=0.12, groove=0.25),
        calm(0.034, 0.0100, 1.3, relief=0.09, dryness=0.5, faithful=0.10, groove=0.25),
    ):
        paint(canvas, Design(colour, angle), brush, rng)
    _draw(canvas, rng, np.maximum(outline, 0.75 * cuts))
    return lit(canvas, gloss=0.07)


def _facets(rng: np.random.Generator, x: Field, y: Field) -> tuple[NDArray[np.intp], Field]:
    """The number of the plane at each pixel, and the lines between the planes."""
    code = np.zeros(x.shape, dtype=np.int64)
    cuts = np.zeros(x.shape)
    leans = (1.45, 1.75, 0.72, -0.72, 0.5, -0.45, 1.2, -1.2, 0.1, 0.95, -0.95, -0.15, 1.57)
    for bit, lean in enumerate(leans):
        turn = lean + rng.normal(0, 0.09)
        px, py = rng.uniform(0.25, 1.08), rng.uniform(0.2, 0.8)
        side = (x - px) * np.sin(turn) - (y - py) * np.cos(turn)
        along = (x - px) * np.cos(turn) + (y - py) * np.sin(turn)
        ends = np.abs(along) < rng.uniform(0.4, 1.1)
        cuts = np.maximum(cuts, ends * np.exp(-((side / 0.0017) ** 2)))
        code += (side > 0).astype(np.int64) << bit
    _, facet = np.unique(code, return_inverse=True)
    return facet.reshape(x.shape), cuts


def _moved(
    rng: np.random.Generator, facet: NDArray[np.intp], x: Field, y: Field
) -> tuple[Field, Field]:
    """Where each pixel looks in the scene: every plane is shifted, turned and scaled a little."""
    count = int(facet.max()) + 1
    area = np.bincount(facet.ravel())
    cx, cy = (np.bincount(facet.ravel(), part.ravel()) / area for part in (x, y))
    turn, scale = rng.normal(0, 0.12, count)[facet], np.exp(rng.normal(0, 0.08, count))[facet]
    dx, dy = rng.normal(0, 0.020, (2, count))
    u, v = (x - cx[facet]) / scale, (y - cy[facet]) / scale
    cos, sin = np.cos(turn), np.sin(turn)
    return (cx + dx)[facet] + cos * u - sin * v, (cy + dy)[facet] + sin * u + cos * v


def _shaded(
    rng: np.random.Generator, colour: Field, facet: NDArray[np.intp], x: Field, y: Field
) -> tuple[Field, Field]:
    """Each plane turned from light to dark across, and the way it is hatched."""
    count = int(facet.max()) + 1
    lean = rng.choice([0.35, 0.8, 1.25, 1.57, 2.0, 2.5, -0.1], count) + rng.normal(0, 0.1, count)
    across = (x * np.sin(lean[facet]) - y * np.cos(lean[facet])).astype(np.float32)
    number = np.arange(count)
    low, high = (np.asarray(of(across, facet, number)) for of in (minimum, maximum))
    share = (across - low[facet]) / np.maximum(high - low, 1e-3)[facet]
    share = np.where((rng.random(count) < 0.5)[facet], share, 1 - share)
    shade = 0.58 + 0.66 * share**1.2 + 0.035 * fractal(rng, x.shape, x.shape[0] / 12)
    return np.clip(colour * shade[..., None], 0, 1), lean[facet].astype(np.float32)


class _Scene:
    """Flat shapes laid over one another, and their outlines."""

    def __init__(self, ground: Field) -> None:
        self.colour = ground
        self.outline = np.zeros(ground.shape[:2])

    def lay(self, inside: Field, code: str, line: float = 1.0, soft: float = 0.004) -> None:
        """A shape of one colour where the signed distance `inside` is positive."""
        cover = step(0.0, inside, soft)
        self.colour = blend(self.colour, rgb(code), cover)
        edge = line * np.exp(-((inside / 0.0020) ** 2))
        self.outline = np.maximum(self.outline * (1 - 0.85 * cover), edge)


def _still_life(planes: Field, x: Field, y: Field) -> tuple[Field, Field]:
    wall = ramp(np.clip(0.2 + 0.5 * y + 0.3 * (x - 0.6), 0, 1), _WALL)
    scene = _Scene(blend(wall, planes, 0.55))
    scene.lay(np.minimum(0.10 - np.abs(x - 1.14), 0.30 - np.abs(y - 0.22)), "b8c8c4")
    scene.lay(0.006 - np.abs(x - 1.14), "3e4a52", 0.5)
    scene.lay(0.006 - np.abs(y - 0.24) - 9 * np.clip(np.abs(x - 1.14) - 0.1, 0, 1), "3e4a52", 0.5)
    scene.lay(1 - np.hypot((x - 0.66) / 0.60, (y - 0.86) / 0.27), "9a5a2c")
    scene.lay(1 - np.hypot((x - 0.66) / 0.55, (y - 0.84) / 0.23), "c98a44")
    _newspaper(scene, x, y)
    _guitar(scene, x, y)
    _bottle(scene, x, y)
    _pears(scene, x, y)
    return scene.colour, scene.outline


def _turned(x: Field, y: Field, centre: tuple[float, float], turn: float) -> tuple[Field, Field]:
    cos, sin = np.cos(turn), np.sin(turn)
    dx, dy = x - centre[0], y - centre[1]
    return cos * dx + sin * dy, -sin * dx + cos * dy


def _newspaper(scene: _Scene, x: Field, y: Field) -> None:
    u, v = _turned(x, y, (0.98, 0.83), -0.32)
    scene.lay(np.minimum(0.19 - np.abs(u), 0.115 - np.abs(v)), "efe3c4")
    words = np.sin(95 * u + 3 * np.sin(31 * v)) + np.sin(61 * u + 40 * np.floor(v / 0.016))
    page = (np.abs(u) < 0.17) & (np.abs(v + 0.02) < 0.075)
    row = page & (np.mod(v, 0.016) < 0.007) & (words > -0.5)
    head = (np.abs(v + 0.088) < 0.013) & (np.sin(150 * u) > -0.4) & (np.abs(u) < 0.13)
    scene.outline = np.maximum(scene.outline, 0.8 * (row | head))


def _guitar(scene: _Scene, x: Field, y: Field) -> None:
    u, v = _turned(x, y, (0.60, 0.58), 0.62)
    neck = np.minimum(0.026 - np.abs(u), 0.33 - np.abs(v + 0.33))
    lower = 0.180 - np.hypot(u, (v - 0.15) * 1.08)
    upper = 0.130 - np.hypot(u, (v + 0.09) * 1.05)
    waist = np.minimum(0.105 - np.abs(u), 0.10 - np.abs(v - 0.01))
    body = np.maximum(np.maximum(lower, upper), waist)
    scene.lay(body + 0.018, "5a2a18")
    scene.lay(body, "d98a34")
    scene.lay(np.minimum(body, u), "a85a24", 0.6)
    scene.lay(neck, "a8794a")
    scene.lay(np.minimum(0.040 - np.abs(u), 0.045 - np.abs(v + 0.68)), "7a4a2a")
    scene.lay(0.058 - np.hypot(u, v - 0.03), "e9c98a")
    scene.lay(0.046 - np.hypot(u, v - 0.03), "1c1618")
    scene.lay(np.minimum(0.060 - np.abs(u), 0.011 - np.abs(v - 0.21)), "2c1a16")
    for place in (-0.016, -0.0055, 0.0055, 0.016):
        string = (np.abs(u - place) < 0.0014) & (np.abs(v + 0.22) < 0.43)
        scene.outline = np.maximum(scene.outline, 0.75 * string)
    fret = (np.mod(v, 0.045) < 0.004) & (np.abs(u) < 0.026) & (v < -0.19) & (v > -0.62)
    scene.outline = np.maximum(scene.outline, 0.7 * fret)


def _bottle(scene: _Scene, x: Field, y: Field) -> None:
    u, v = x - 0.265, y - 0.50
    shoulder = 0.030 + 0.052 / (1 + np.exp(-(v + 0.10) / 0.022))
    bottle = np.minimum(shoulder - np.abs(u), 0.32 - np.abs(v))
    scene.lay(bottle, "1f4a46")
    scene.lay(np.minimum(bottle - 0.012, -u - 0.02), "5f9a88", 0.3)
    scene.lay(np.minimum(0.034 - np.abs(u), 0.020 - np.abs(v + 0.30)), "9a2f24")
    scene.lay(np.minimum(0.080 - np.abs(u), 0.065 - np.abs(v - 0.13)), "ead9ae")
    mark = (np.abs(v - 0.11) < 0.012) & (np.sin(170 * u) > -0.2) & (np.abs(u) < 0.055)
    scene.outline = np.maximum(scene.outline, 0.8 * mark)


def _pears(scene: _Scene, x: Field, y: Field) -> None:
    for cx, cy, turn, code, dark in (
        (0.46, 0.885, 0.35, "b9a632", "6f7a2a"), (0.615, 0.905, -0.4, "c4572c", "7d2a22"),
        (0.745, 0.875, 0.15, "d8b848", "8f7a30"),
    ):  # fmt: skip
        u, v = _turned(x, y, (cx, cy), turn)
        pear = np.maximum(0.062 - np.hypot(u, v), 0.036 - np.hypot(u, (v + 0.062) * 0.9))
        scene.lay(pear, code)
        scene.lay(np.minimum(pear, u - 0.2 * v - 0.008), dark, 0.4)
        stalk = 0.004 - np.abs(u - 0.02 * np.sin(40 * v))
        scene.lay(np.minimum(stalk, 0.022 - np.abs(v + 0.115)), "3a2a1a", 0)


def _draw(canvas: Canvas, rng: np.random.Generator, lines: Field) -> None:
    """Charcoal lines over the paint, broken by its grain and now and then pressed harder."""
    shape = canvas.height.shape
    full = resized(np.asarray(lines, dtype=np.float32), shape)
    press = 0.85 + 0.25 * fractal(rng, shape, shape[0] / 14) + 0.10 * fractal(rng, shape, 6.0)
    cover: NDArray[Any] = np.clip(gaussian_filter(full, 0.8) * press, 0, 0.92)
    canvas.colour[:] = blend(canvas.colour, rgb(_LINE), cover)
