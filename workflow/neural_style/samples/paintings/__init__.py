"""Sample style images: pictures painted by seeded programs, so that they are free for any use.

Each module paints one picture; `canvas`, `noise`, `colour` and `strokes` are their common tools,
and `village` is a part of the night. The same seed and size give the same picture, to the byte
where numpy, SciPy, Pillow and the processor are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from PIL import Image

from neural_style.samples.paintings.cubist import cubist_table
from neural_style.samples.paintings.glass import stained_glass
from neural_style.samples.paintings.night import swirling_night
from neural_style.samples.paintings.pointillist import pointillist_field
from neural_style.samples.paintings.sunset import molten_harbour
from neural_style.samples.paintings.woodcut import woodcut_wave


class Painter(Protocol):
    """A program that paints one picture."""

    def __call__(self, seed: int, size: tuple[int, int] = ...) -> Image.Image:
        """Paint it.

        Args:
            seed: chance; another seed gives another copy of the same scene.
            size: width and height in pixels, at least 64 each. The pictures are composed for
                4:3, and stretched to other shapes.

        Returns:
            An image of mode RGB.
        """
        ...


PAINTINGS: Mapping[str, Painter] = MappingProxyType(
    {
        painter.__name__: painter
        for painter in (
            swirling_night,
            stained_glass,
            woodcut_wave,
            pointillist_field,
            molten_harbour,
            cubist_table,
        )
    }
)
"""The pictures by name."""
