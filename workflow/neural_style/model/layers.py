"""The layers of VGG19: names, channels, strides, receptive fields, and the tiles of large images.

`conv4_2` is the output of the second convolution of block 4, before its ReLU (pre-activation);
`relu4_2` is the output of that ReLU (post-activation). A 2 × 2 pooling separates the blocks.

Images that are too large for the network are divided into tiles. A tile is a rectangle of the
image; the network gets it together with a margin of its surroundings. Tiles start at multiples of
the largest stride, so that every pooling combines the same pixels as in the whole image. The margin
covers the receptive field of the deepest layer. Padding therefore only changes features of the
margin, which are cropped away. At the border of the image there is no margin, and the padding is
that of the whole image. So the features of all tiles together are exactly those of the whole image.

This module does not import torch: the Snakefile imports it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

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

MAX_STRIDE = 16
"""Pixels: the product of the strides of VGG19's four poolings."""

MAX_PIXELS = 1536 * 1536
"""Pixels that the network sees at a time by default. On a CPU, a process then takes about 6 GB in
bfloat16."""


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


@dataclass(frozen=True)
class Span:
    """The rows or the columns of a tile, in pixels of the image.

    Attributes:
        start: first pixel of the tile, a multiple of `MAX_STRIDE`.
        stop: end of the tile (exclusive): a multiple of `MAX_STRIDE` or the end of the image.
        input_start: first pixel of the tile with its margin, a multiple of `MAX_STRIDE`.
        input_stop: end of the tile with its margin (exclusive).
        length: height or width of the image.
    """

    start: int
    stop: int
    input_start: int
    input_stop: int
    length: int

    @property
    def input(self) -> slice:
        """The pixels that the network gets: the tile with its margin."""
        return slice(self.input_start, self.input_stop)

    def within_image(self, stride: int) -> slice:
        """Where the tile's features lie among all features of the image, at a layer's stride."""
        end = self.length // stride if self.stop == self.length else self.stop // stride
        return slice(self.start // stride, end)

    def within_input(self, stride: int, extra: int = 0) -> slice:
        """Where the tile's features lie among the features of `input`, at a layer's stride.

        Args:
            stride: of the layer.
            extra: how many features after the tile's end to include, if the image has them.
        """
        own, offset = self.within_image(stride), self.input_start // stride
        end = min(own.stop + extra, self.length // stride)
        return slice(own.start - offset, end - offset)


@dataclass(frozen=True)
class Tile:
    """A rectangle of an image."""

    rows: Span
    columns: Span

    @property
    def input(self) -> tuple[slice, slice]:
        """The rows and columns of the image that the network gets."""
        return self.rows.input, self.columns.input

    @property
    def input_pixels(self) -> int:
        """How many pixels the network gets."""
        rows, columns = self.rows, self.columns
        return (rows.input_stop - rows.input_start) * (columns.input_stop - columns.input_start)


def tile_size(
    requested: int | None, height: int, width: int, layers: Collection[str]
) -> int | None:
    """The longest side of the tiles of an image, in pixels; None for an image without tiles.

    Args:
        requested: `network.tile`, a multiple of `MAX_STRIDE`; None stands for the largest tiles
            that have no more than `MAX_PIXELS` with their margins.
        height: of the image.
        width: of the image.
        layers: the layers that are used, see `split_into_tiles`.
    """
    if requested is not None:
        return requested if requested < max(height, width) else None
    if height * width <= MAX_PIXELS:
        return None
    return _largest_tile(height, width, _margin(layers))


@lru_cache(maxsize=256)
def _largest_tile(height: int, width: int, margin: int) -> int:
    """The largest tile size whose tiles have no more than `MAX_PIXELS` with a margin."""
    cells = _ceil_div(max(height, width), MAX_STRIDE)
    sizes = (MAX_STRIDE * count for count in range(cells, 1, -1))
    fitting = (size for size in sizes if _largest_input(height, width, size, margin) <= MAX_PIXELS)
    return next(fitting, MAX_STRIDE)


def _largest_input(height: int, width: int, size: int, margin: int) -> int:
    """The number of pixels of the largest tile of a size, with its margin."""
    rows, columns = (
        max(span.input_stop - span.input_start for span in _spans(length, size, margin))
        for length in (height, width)
    )
    return rows * columns


def split_into_tiles(height: int, width: int, size: int, layers: Collection[str]) -> list[Tile]:
    """Divide an image into tiles of about equal size.

    Args:
        height: of the image, in pixels.
        width: of the image.
        size: the longest side of a tile, a multiple of `MAX_STRIDE`. The last tile of a row or
            column also takes the remainder that the poolings drop, and is up to 15 pixels longer.
        layers: the layers that are used; their receptive fields decide the margin.
    """
    margin = _margin(layers)
    columns = list(_spans(width, size, margin))
    return [Tile(rows, each) for rows in _spans(height, size, margin) for each in columns]


def largest_tile_pixels(height: int, width: int, size: int, layers: Collection[str]) -> int:
    """The number of pixels of the largest of those tiles, with its margin."""
    return _largest_input(height, width, size, _margin(layers))


def _margin(layers: Collection[str]) -> int:
    """How many pixels a tile gets beyond each side, a multiple of `MAX_STRIDE`."""
    return _ceil_div(halo(layers), MAX_STRIDE) * MAX_STRIDE


def _spans(length: int, size: int, margin: int) -> Iterator[Span]:
    """The spans of one dimension; each covers at least one feature of the deepest layer."""
    cells = max(1, length // MAX_STRIDE)
    count = _ceil_div(cells, size // MAX_STRIDE)
    per_tile = _ceil_div(cells, count)
    for cell in range(0, cells, per_tile):
        start, end = cell * MAX_STRIDE, (cell + per_tile) * MAX_STRIDE
        stop = end if cell + per_tile < cells else length
        yield Span(start, stop, max(0, start - margin), min(length, stop + margin), length)


def _ceil_div(number: int, by: int) -> int:
    """The quotient, rounded up."""
    return -(-number // by)
