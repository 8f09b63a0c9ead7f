"""A canvas that carries thick paint, and the light that falls on it.

The canvas is twice as large as the picture; halving it at the end smooths the edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from neural_style.samples.paintings.noise import Field

SUPERSAMPLING = 2
"""Canvas pixels a picture pixel, along each axis."""

_LIGHT = (-0.55, -0.65, 0.75)  # x, y down, z towards the viewer


@dataclass(frozen=True)
class Canvas:
    """The paint so far, changed in place: colour (h, w, 3) in [0, 1], thickness in pixels."""

    colour: Field
    height: Field

    @classmethod
    def primed(cls, colour: Field) -> Canvas:
        """An empty canvas with the thin underpainting `colour` (height, width, 3)."""
        full = colour.repeat(SUPERSAMPLING, axis=0).repeat(SUPERSAMPLING, axis=1)
        return cls(full.astype(np.float32), np.zeros(full.shape[:2], dtype=np.float32))


def lit(canvas: Canvas, gloss: float = 0.14) -> Image.Image:
    """The picture of `canvas` with light from the upper left raking over the paint.

    The shading is Lambert's, relative to a flat surface, with Blinn's highlight, of strength
    `gloss`.
    """
    height = gaussian_filter(canvas.height, 1.1)
    down, across = np.gradient(height)
    length = np.sqrt(across**2 + down**2 + 1.0)
    direction = np.array(_LIGHT) / np.linalg.norm(_LIGHT)
    facing = (-across * direction[0] - down * direction[1] + direction[2]) / length
    half = direction + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    mirror = np.clip((-across * half[0] - down * half[1] + half[2]) / length, 0.0, 1.0)
    shade = 1.0 + np.clip(0.75 * (facing / direction[2] - 1.0), -0.42, 0.3)
    shine = gloss * np.clip(mirror**40 - half[2] ** 40, 0.0, 1.0)
    return finished(canvas.colour * shade[..., None] + shine[..., None])


def finished(colour: Field) -> Image.Image:
    """The picture of supersampled `colour` (h, w, 3): clipped, 8 bit, reduced to size."""
    full = Image.fromarray((np.clip(colour, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))
    size = (full.width // SUPERSAMPLING, full.height // SUPERSAMPLING)
    return full.resize(size, Image.Resampling.BOX)
