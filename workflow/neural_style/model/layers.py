"""The layers of VGG19: names, order, channels, strides and receptive fields.

`conv4_2` is the output of the second convolution of block 4, before its ReLU (pre-activation);
`relu4_2` is the output of that ReLU (post-activation). A 2 × 2 pooling separates the blocks.

This module does not import torch: the Snakefile imports it.
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
"""The sixteen convolutions by depth, `conv1_1` … `conv5_4`."""

LAYERS = tuple(
    f"{kind}{convolution.removeprefix('conv')}"
    for convolution in CONVOLUTIONS
    for kind in ("conv", "relu")
)
"""All layers that give features, by depth."""

AFTER_POOLING = tuple(name for name in CONVOLUTIONS[1:] if name.endswith("_1"))
"""The convolutions whose input is pooled, `conv2_1` … `conv5_1`."""

KERNEL = 3
"""Kernel of every convolution; their stride is 1."""

POOL = 2
"""Kernel and stride of the poolings."""


def convolution_of(layer: str) -> str:
    """The convolution that a layer belongs to: `relu4_2` → `conv4_2`."""
    return layer.replace("relu", "conv")


def block_of(layer: str) -> int:
    """The block (1 … 5) that a layer belongs to: `relu4_2` → 4."""
    return int(layer[4])


def required_convolutions(layers: Iterable[str]) -> tuple[str, ...]:
    """The convolutions that the network must run to give the features of all `layers`."""
    depth = max(CONVOLUTIONS.index(convolution_of(layer)) for layer in layers)
    return CONVOLUTIONS[: depth + 1]


def channels(layer: str) -> int:
    """The number of channels C of the features at `layer`."""
    return CHANNELS_PER_BLOCK[block_of(layer) - 1]


def stride(layer: str) -> int:
    """The distance in image pixels between neighboring features of `layer`."""
    return int(POOL ** (block_of(layer) - 1))


def receptive_field(layer: str) -> int:
    """The side, in image pixels, of the square that a feature of `layer` depends on.

    r_l = r_{l-1} + (k - 1) · j, starting from r = 1, with the kernel k of step l (a convolution or
    a pooling) and the product j of all strides before it. A ReLU changes nothing.
    """
    side, jump = 1, 1
    for name in required_convolutions([layer]):
        if name in AFTER_POOLING:
            side += (POOL - 1) * jump
            jump *= POOL
        side += (KERNEL - 1) * jump
    return side


def halo(layers: Collection[str]) -> int:
    """How many pixels beyond its own square the features of `layers` depend on, on each side.

    The own square of a feature has sides of `stride(layer)` pixels and lies in the middle of its
    receptive field.
    """
    return max((receptive_field(layer) - stride(layer)) // 2 for layer in layers)
