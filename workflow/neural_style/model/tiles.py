"""Division of images that are too large for the network into tiles.

A tile is a rectangle of the image; the network gets it together with a margin of its surroundings.
Tiles start at multiples of the largest stride, so that every pooling combines the same pixels as
in the whole image. The margin covers the receptive field of the deepest layer. Padding therefore
only changes features of the margin, which are cropped away. At the border of the image there is no
margin, and the padding is that of the whole image. So the features of all tiles together are
exactly those of the whole image.

This module does not import torch: estimates for clusters need it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from neural_style.model.layers import halo

MAX_STRIDE = 16
"""Pixels: the product of the strides of VGG19's four poolings."""

MAX_UNTILED = 1536
"""Pixels of the long side up to which an image is not tiled by default."""

DEFAULT_TILE = 1024
"""Pixels: the longest side of a tile by default."""


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


def tile_size(requested: int | None, height: int, width: int) -> int | None:
    """The longest side of the tiles of an image, in pixels; None for an image without tiles.

    Args:
        requested: `network.tile`, a multiple of `MAX_STRIDE`; None decides by the size.
        height: of the image.
        width: of the image.
    """
    longest = max(height, width)
    if requested is None:
        return DEFAULT_TILE if longest > MAX_UNTILED else None
    return requested if requested < longest else None


def split_into_tiles(height: int, width: int, size: int, layers: Collection[str]) -> list[Tile]:
    """Divide an image into tiles of about equal size.

    Args:
        height: of the image, in pixels.
        width: of the image.
        size: the longest side of a tile, a multiple of `MAX_STRIDE`. The last tile of a row or
            column also takes the remainder that the poolings drop, and is up to 15 pixels longer.
        layers: the layers that are used; their receptive fields decide the margin.
    """
    margin = _ceil_div(halo(layers), MAX_STRIDE) * MAX_STRIDE
    columns = list(_spans(width, size, margin))
    return [Tile(rows, each) for rows in _spans(height, size, margin) for each in columns]


def largest_tile_pixels(height: int, width: int, size: int, layers: Collection[str]) -> int:
    """The number of pixels of the largest of those tiles, with its margin."""
    return max(tile.input_pixels for tile in split_into_tiles(height, width, size, layers))


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
