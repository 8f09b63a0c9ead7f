"""How a picture that is too large for the network in one go is divided. Free of torch.

Tiles begin at multiples of what the poolings divide by, so that a pooling never sees across the
place where two tiles meet otherwise than it would in the whole picture. Around each goes as much
of its surroundings as the deepest layer sees from its edge. What the network makes up beyond a
tile's surroundings (its padding) then spoils only features that nobody looks at; at the border of
the picture the surroundings end with it, and the padding is that of the whole picture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from neural_style.model.layers import reach

GRID = 16
"""Pixels; the four poolings of VGG19 divide by as many."""

LARGEST_WHOLE = 1536
"""Pixels of the long edge up to which a picture is not divided unless that is asked for."""

EDGE = 1024
"""Pixels; the longest edge of a tile where none is asked for."""


@dataclass(frozen=True)
class Span:
    """A range of rows or columns, in pixels: what a tile stands for, and what the network sees.

    Attributes:
        start: first pixel of the tile, a multiple of `GRID`.
        stop: the one behind its last: a multiple of `GRID` or the end of the picture.
        seen_from: first pixel of the tile with its surroundings, a multiple of `GRID`.
        seen_to: the one behind their last.
        length: of the picture.
    """

    start: int
    stop: int
    seen_from: int
    seen_to: int
    length: int

    @property
    def seen(self) -> slice:
        """The pixels that the network gets."""
        return slice(self.seen_from, self.seen_to)

    def own(self, stride: int) -> slice:
        """The tile's own among all features of the picture in a layer of this stride."""
        end = self.length // stride if self.stop == self.length else self.stop // stride
        return slice(self.start // stride, end)

    def own_of_seen(self, stride: int, more: int = 0) -> slice:
        """The tile's own among the features that the network makes of what it sees.

        Args:
            stride: of the layer.
            more: features beyond its end that are wanted, too, where the picture goes on.
        """
        own, offset = self.own(stride), self.seen_from // stride
        end = min(own.stop + more, self.length // stride)
        return slice(own.start - offset, end - offset)


@dataclass(frozen=True)
class Tile:
    """A rectangle of a picture that is looked at with its surroundings."""

    rows: Span
    columns: Span

    @property
    def seen(self) -> tuple[slice, slice]:
        """The rows and columns of the picture that the network gets."""
        return self.rows.seen, self.columns.seen

    @property
    def pixels_seen(self) -> int:
        """How many they hold."""
        rows, columns = self.rows, self.columns
        return (rows.seen_to - rows.seen_from) * (columns.seen_to - columns.seen_from)


def tile_edge(asked: int | None, height: int, width: int) -> int | None:
    """The edge of the tiles of a picture; None for the whole in one go.

    Args:
        asked: `network.tile`, a multiple of `GRID`; None leaves it to the size.
        height: of the picture.
        width: of the picture.
    """
    longest = max(height, width)
    if asked is None:
        return EDGE if longest > LARGEST_WHOLE else None
    return asked if asked < longest else None


def tiles_of(height: int, width: int, edge: int, layers: Collection[str]) -> list[Tile]:
    """Divide a picture into tiles of about equal size.

    Args:
        height: of the picture, in pixels.
        width: of the picture.
        edge: the longest edge of a tile, a multiple of `GRID`; the last tile of a row or column
            takes what the poolings would have dropped, and is up to 15 pixels longer.
        layers: that are looked at; their receptive fields decide on the surroundings.
    """
    margin = _cells(reach(layers)) * GRID
    columns = list(_spans(width, edge, margin))
    return [Tile(rows, each) for rows in _spans(height, edge, margin) for each in columns]


def largest_seen(height: int, width: int, edge: int, layers: Collection[str]) -> int:
    """The pixels of the largest of those tiles with its surroundings."""
    return max(tile.pixels_seen for tile in tiles_of(height, width, edge, layers))


def _spans(length: int, edge: int, margin: int) -> Iterator[Span]:
    """One side of the tiles of a picture.

    Each holds a cell of the grid at least, and so features in every layer.
    """
    cells = max(1, length // GRID)
    count = _divided_up(cells, edge // GRID)
    equal = _divided_up(cells, count)
    for cell in range(0, cells, equal):
        start, end = cell * GRID, (cell + equal) * GRID
        stop = end if cell + equal < cells else length
        yield Span(start, stop, max(0, start - margin), min(length, stop + margin), length)


def _cells(pixels: int) -> int:
    """How many cells of the grid it takes to cover so many pixels."""
    return _divided_up(pixels, GRID)


def _divided_up(number: int, by: int) -> int:
    """The quotient, rounded up."""
    return -(-number // by)
