"""Palettes: from numbers to colours, and the small accidents of mixing paint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neural_style.samples.paintings.noise import Field


def rgb(code: str) -> Field:
    """The colour of a hexadecimal code such as "1f3a93", as three numbers in [0, 1]."""
    return np.array([int(code[i : i + 2], 16) / 255.0 for i in (0, 2, 4)], dtype=np.float32)


def tint(red: float, green: float, blue: float) -> Field:
    """A colour of channels about [0, 1]; as a shift of colours they may be negative."""
    return np.array([red, green, blue], dtype=np.float32)


def ramp(values: Field, codes: Sequence[str]) -> Field:
    """Colours of `values` in [0, 1] along evenly spaced stops, of shape (*values.shape, 3)."""
    stops = np.stack([rgb(code) for code in codes])
    place = np.linspace(0.0, 1.0, len(codes))
    channels = [np.interp(values, place, stops[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def blend(below: Field, above: Field, cover: Field | float) -> Field:
    """`above` painted over `below` with opacity `cover` in [0, 1], without a channel axis."""
    opacity = np.asarray(cover, dtype=np.float32)[..., None]
    return np.asarray(below + opacity * (above - below), dtype=np.float32)


def varied(rng: np.random.Generator, colours: Field, tone: float, hue: float) -> Field:
    """Each of n `colours` (n, 3) a little lighter or darker and a little off in hue.

    `tone` and `hue` are the standard deviations, as fractions of full scale. Hue moves
    along two axes of equal lightness (warm–cool and green–magenta).
    """
    count = len(colours)
    warm = np.array([0.8, 0.0, -0.9], dtype=np.float32)
    green = np.array([-0.6, 0.5, -0.5], dtype=np.float32)
    shift = tone * rng.standard_normal((count, 1)) + hue * (
        rng.standard_normal((count, 1)) * warm + rng.standard_normal((count, 1)) * green
    )
    return np.clip(colours + shift, 0.0, 1.0).astype(np.float32)


def vivid(colours: Field, factor: float) -> Field:
    """`colours` (…, 3) with their distance from grey multiplied by `factor`."""
    grey = colours.mean(axis=-1, keepdims=True)
    return np.asarray(np.clip(grey + factor * (colours - grey), 0.0, 1.0))
