"""How much of a picture a layer of VGG19 sees, and in how many channels it tells. Free of torch."""

from __future__ import annotations

from collections.abc import Collection

from neural_style.network.layers import CHANNELS_PER_BLOCK, block_of, convolution_of, up_to_deepest

KERNEL = 3  # of every convolution, which has the stride 1
POOL = 2  # kernel and stride of the pooling between two blocks


def receptive_field(layer: str) -> int:
    """The edge, in pixels, of the square that a feature of `layer` depends on.

    r_l = r_{l-1} + (k - 1) · j, starting from r = 1, where k is the kernel of step l (convolution
    or pooling) and j the product of all strides before it: the distance, in pixels of the picture,
    between two neighbours that the step combines. A rectifier changes nothing.
    """
    names = up_to_deepest([convolution_of(layer)])
    edge, distance = 1, 1
    for previous, name in zip((names[0], *names), names, strict=False):
        if block_of(name) != block_of(previous):
            edge += (POOL - 1) * distance
            distance *= POOL
        edge += (KERNEL - 1) * distance
    return edge


def stride(layer: str) -> int:
    """The distance, in pixels of the picture, between two neighbouring features of `layer`."""
    return int(POOL ** (block_of(layer) - 1))


def reach(layers: Collection[str]) -> int:
    """How many pixels a feature sees beyond the square of its own, to either side, at the most.

    Its own square is that of `stride(layer)` pixels which no neighbour has; it lies in the middle
    of the receptive field.
    """
    return max((receptive_field(layer) - stride(layer)) // 2 for layer in layers)


def channels(layer: str) -> int:
    """How many features `layer` has at each place."""
    return CHANNELS_PER_BLOCK[block_of(layer) - 1]
