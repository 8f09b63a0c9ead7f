"""Some epochs at a size, and the lengths of a picture there. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST = 16
"""Pixels of a side: the deepest layer has one feature then, and with fewer none."""


@dataclass(frozen=True)
class Stage:
    """Some epochs at a size.

    Attributes:
        size: edge of the picture in pixels, as `image.size`.
        epochs: iterations.
    """

    size: int
    epochs: int


def scaled_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """The height and width of a picture with each side `scale` times as long, not too short."""
    return max(SHORTEST, round(height * scale)), max(SHORTEST, round(width * scale))
