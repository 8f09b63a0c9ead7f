"""What the optimisation of a picture takes: memory, and work. Free of torch."""

from __future__ import annotations

from neural_style.machine.history import BYTES_OF_PAIR, pairs_kept
from neural_style.network.tiling import largest_seen, tile_edge, tiles_of
from neural_style.plan.settings import Settings

VIEW_BYTES = {"bf16": 2500, "fp32": 3700}
"""For a pixel that the network sees at a time: features and their gradients down to conv5_1.

Measured on a CPU as the growth of the process's peak, less the rest: 1600 to 2800 in bf16, between
1024 and 256 px, and 3300 in fp32 at 256."""

PADDED = 1.2
"""Factor on that where the network pads with something: a copy of features at every convolution."""

STATE_BYTES = 120
"""For a pixel of the picture: ten copies of it, such as its gradient and its best values so far."""

PAIRS_LIKE_ADAM = 1
"""Adam keeps two moments."""

TWICE_SEEN = 4 / 3
"""Work on a pixel of a tile, in units of one that is seen once: the first pass has no gradient."""


def picture_bytes(settings: Settings, height: int, width: int, precision: str) -> int:
    """An estimate of the memory that one more picture takes while it is optimised.

    Args:
        settings: tiles, pairs, layers and padding count.
        height: of the picture, in pixels.
        width: of the picture.
        precision: of the network, a key of `VIEW_BYTES`.
    """
    edge = tile_edge(settings.tile, height, width)
    seen = height * width if edge is None else largest_seen(height, width, edge, settings.layers)
    adam = settings.optimizer == "adam"
    pairs = PAIRS_LIKE_ADAM if adam else pairs_kept(settings.history, height, width)
    held = height * width * (STATE_BYTES + BYTES_OF_PAIR * pairs)
    padded = 1 if settings.padding == "zeros" else PADDED
    return held + int(seen * VIEW_BYTES[precision] * padded)


def work_up_to(settings: Settings, epoch: int) -> float:
    """The work of a picture until it has had so many epochs, in the unit of `pixels_of_work`."""
    return sum(
        stage.epochs * pixels_of_work(settings, stage.size, stage.size)
        for stage in settings.up_to(epoch).course
    )


def pixels_of_work(settings: Settings, height: int, width: int) -> float:
    """The work of an evaluation, in pixels of a picture that the network sees in one go."""
    edge = tile_edge(settings.tile, height, width)
    if edge is None:
        return height * width
    tiles = tiles_of(height, width, edge, settings.layers)
    return TWICE_SEEN * sum(tile.pixels_seen for tile in tiles)
