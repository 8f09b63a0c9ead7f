"""Sizes of images: their bounds, those of stages and losses, and the history that has room."""

from __future__ import annotations

import math
from collections.abc import Sequence

SMALLEST_SIZE, LARGEST_SIZE = 32, 4096
"""Bounds of `image.size` in pixels; they hold for style images, too."""

SHORTEST_SIDE = 16
"""Shortest side of an image in pixels after scaling; the deepest layer then has one feature."""

REFERENCE_SIZE = 512
"""Long edge in pixels at which all weights are used as they are."""

HISTORY_SIZE = 20
"""L-BFGS history size unless that would take too much memory."""

HISTORY_BYTES = 3.6e9
"""Limit for the L-BFGS history of one image: 20 entries at 2700 × 2700 pixels, 8 at 4096 × 4096."""

BYTES_PER_HISTORY_ENTRY = 24
"""Bytes a pixel: two vectors of three channels in float32."""


def scaled_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """Return the scaled height and width of an image in pixels, each at least `SHORTEST_SIDE`."""
    return max(SHORTEST_SIDE, round(height * scale)), max(SHORTEST_SIDE, round(width * scale))


def halved_sizes(height: int, width: int) -> Sequence[tuple[int, int]]:
    """Return a size and its halves, the last of about `REFERENCE_SIZE` on the long edge if larger.

    Each side keeps at least `SHORTEST_SIDE`.
    """
    sizes = [(height, width)]
    largest = math.sqrt(2) * REFERENCE_SIZE
    while max(height, width) > largest and min(height, width) >= 2 * SHORTEST_SIDE:
        height, width = height // 2, width // 2
        sizes.append((height, width))
    return sizes


def history_size(requested: int | None, height: int, width: int) -> int:
    """Return the L-BFGS history size for an image.

    It depends on the size alone and not on the machine, so that outputs do not, either.

    Args:
        requested: `optimization.history`; None chooses by the size.
        height: of the image in pixels.
        width: of the image in pixels.
    """
    if requested is not None:
        return requested
    return min(HISTORY_SIZE, int(HISTORY_BYTES / (BYTES_PER_HISTORY_ENTRY * height * width)))
