"""How many pairs of L-BFGS a picture can afford. Free of torch: estimates for clusters need it."""

from __future__ import annotations

PAIRS = 20
"""Pairs that are kept unless they would take too much memory."""

MOST_BYTES = 3.6e9
"""Of all pairs of a picture: 20 pairs of a picture of 2700 × 2700, 8 of one of 4096 × 4096."""

BYTES_OF_PAIR = 24
"""For a pixel: two vectors of three channels in float32."""


def pairs_kept(asked: int | None, height: int, width: int) -> int:
    """The number of pairs that L-BFGS keeps for a picture.

    It follows from the size alone, so that a picture does not depend on the machine.

    Args:
        asked: `optimization.history`; None leaves it to the size.
        height: of the picture, in pixels.
        width: of the picture.
    """
    if asked is not None:
        return asked
    return min(PAIRS, int(MOST_BYTES / (BYTES_OF_PAIR * height * width)))
