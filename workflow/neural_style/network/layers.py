"""The layers of VGG19 by name, in the order of execution. Free of torch: the Snakefile reads it.

`conv4_2` is the output of the second convolution of block 4, before the rectifier; `relu4_2` is
the same after it. Blocks are separated by a 2×2 pooling.
"""

from __future__ import annotations

from collections.abc import Iterable

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
