"""The layers of VGG19 by name, in the order of execution. Free of torch: the Snakefile reads it.

`conv4_2` is the output of the second convolution of block 4, before the rectifier; `relu4_2` is
the same after it. Blocks are separated by a 2×2 pooling.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

CONVOLUTIONS_PER_BLOCK = (2, 2, 4, 4, 4)
CHANNELS_PER_BLOCK = (64, 128, 256, 512, 512)

CONVOLUTIONS = tuple(
    f"conv{block}_{index}"
    for block, count in enumerate(CONVOLUTIONS_PER_BLOCK, start=1)
    for index in range(1, count + 1)
)
"""The sixteen convolutions, `conv1_1` … `conv5_4`."""

LAYERS = tuple(
    f"{stage}{convolution.removeprefix('conv')}"
    for convolution in CONVOLUTIONS
    for stage in ("conv", "relu")
)
"""Every layer whose features can be asked for."""


def convolution_of(layer: str) -> str:
    """The convolution that a layer belongs to: `relu4_2` → `conv4_2`."""
    return layer.replace("relu", "conv")


def block_of(layer: str) -> int:
    """The block (1 … 5) that a layer belongs to: `relu4_2` → 4."""
    return int(layer[4])


def up_to_deepest(layers: Iterable[str]) -> tuple[str, ...]:
    """The convolutions that must run so that every one of `layers` has features."""
    depth = max(CONVOLUTIONS.index(convolution_of(layer)) for layer in layers)
    return CONVOLUTIONS[: depth + 1]


# MERGED: How much of a picture a layer of VGG19 sees, and in how many channels it tells. Free of torch.


KERNEL = 3  # of every convolution, which has the stride 1
POOL = 2  # kernel and stride of the pooling between two blocks


def receptive_field(layer: str) -> int:
    """The edge, in pixels, of the square that a feature of `layer` depends on.

    r_l = r_{l-1} + (k - 1) · j, starting from r = 1, where k is the kernel of step l (convolution
    or pooling) and j the product of all strides before it: the distance, in pixels of the picture,
    between two neighbors that the step combines. A rectifier changes nothing.
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
    """The distance, in pixels of the picture, between two neighboring features of `layer`."""
    return int(POOL ** (block_of(layer) - 1))


def reach(layers: Collection[str]) -> int:
    """How many pixels a feature sees beyond the square of its own, to either side, at the most.

    Its own square is that of `stride(layer)` pixels which no neighbor has; it lies in the middle
    of the receptive field.
    """
    return max((receptive_field(layer) - stride(layer)) // 2 for layer in layers)


def channels(layer: str) -> int:
    """How many features `layer` has at each place."""
    return CHANNELS_PER_BLOCK[block_of(layer) - 1]
