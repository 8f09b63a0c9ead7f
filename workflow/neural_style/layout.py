"""The geometry of pictures side by side, without a pixel of them.

A grid is described by frozen values (`Grid`, `Row`, `Tile`) and measured by `measure`:

            title and subtitle
    corner  heading      heading          the corner and the margins show the originals,
    ------+-----------------------        the tiles show what was made of them
    margin| tile         tile
    margin| tile         tile
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from neural_style.errors import NeuralStyleError
from neural_style.labels import Font, load_font, wrap

MAX_SIDE = 16_000
MAX_PIXELS = 100_000_000
MIN_TILE = 16

_MOST_ELONGATED = 3.0  # longer pictures get a band in a tile of 3 to 1, where a caption fits


class GridError(NeuralStyleError):
    """A grid that cannot be composed, or not in the size that was asked for."""


@dataclass(frozen=True)
class Tile:
    """A place for a picture.

    Attributes:
        picture: the file; with None, or a file that cannot be read, a placeholder is drawn.
        caption: text below the picture, at most two lines.
        note: what the placeholder says instead of its own reason.
    """

    picture: Path | None
    caption: str = ""
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A row of tiles, one a column, with its heading and the original it belongs to."""

    heading: str
    tiles: tuple[Tile, ...]
    margin: Tile | None = None


@dataclass(frozen=True)
class Grid:
    """What is to be seen, without a size.

    Attributes:
        title: at most two lines, shortened in the middle.
        columns: a heading a column; may be empty strings.
        rows: at least one; each with as many tiles as there are columns.
        corner: the original that all tiles share, drawn at the top left.
        subtitle: a quieter line below the title.
        shape: (width, height) of the typical picture, in any unit; all tiles have its proportions.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    corner: Tile | None = None
    subtitle: str = ""
    shape: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        """Check that the grid is a full rectangle."""
        if not self.columns or not self.rows:
            raise GridError(f"the grid {self.title!r} is empty; give it a row and a column.")
        if any(len(row.tiles) != len(self.columns) for row in self.rows):
            raise GridError(
                f"the grid {self.title!r} has rows without a tile for each of its "
                f"{len(self.columns)} columns; fill the holes with Tile(None)."
            )


@dataclass(frozen=True)
class Lettering:
    """The two sizes of type, and how text is broken into lines for a tile of `tile` pixels."""

    title: Font
    text: Font
    tile: tuple[int, int]

    def column_heading(self, heading: str) -> tuple[str, ...]:
        """At most three lines, a little narrower than the tile below them."""
        return wrap(heading, self.text, self.tile[0] - self.text.size // 2, 3)

    def row_heading(self, heading: str) -> tuple[str, ...]:
        """At most two lines, to be read upwards along the height of the row's tiles."""
        return wrap(heading, self.text, self.tile[1], 2)

    def caption(self, caption: str) -> tuple[str, ...]:
        """At most two lines, as wide as the tile above them."""
        return wrap(caption, self.text, self.tile[0], 2)


@dataclass(frozen=True)
class Layout:
    """Where everything is, in pixels from the top left of the canvas.

    Attributes:
        size: width and height of the canvas.
        tile: width and height of every tile.
        origin: the top left of the tile of row 0 and column 0.
        pitch: the distance from a tile to the next, across and down.
        margin: left edge of the margin pictures and of the corner.
        top: upper edge of the corner and of the title.
        gap: the distance between neighbours; other spaces are multiples of it.
        lettering: the type of all text.
        title, subtitle: the lines to the right of the corner.
    """

    size: tuple[int, int]
    tile: tuple[int, int]
    origin: tuple[int, int]
    pitch: tuple[int, int]
    margin: int
    top: int
    gap: int
    lettering: Lettering
    title: tuple[str, ...]
    subtitle: tuple[str, ...]

    def corner_of(self, row: int, column: int) -> tuple[int, int]:
        """The top left of the tile of `row` and `column`, both counted from 0."""
        return self.origin[0] + column * self.pitch[0], self.origin[1] + row * self.pitch[1]


def measure(grid: Grid, tile_size: int = 256) -> Layout:
    """Lay `grid` out with tiles whose longer side is `tile_size` pixels, or as much as fits.

    Tiles are made smaller until no side of the canvas is over `MAX_SIDE` pixels and its area is
    not over `MAX_PIXELS`.

    Raises:
        GridError: `tile_size` is under `MIN_TILE`, or the grid is too large even with such tiles.
    """
    if tile_size < MIN_TILE:
        raise GridError(f"tiles of {tile_size} px are too small; ask for {MIN_TILE} px or more.")
    if _fits(_measure(grid, tile_size)):
        return _measure(grid, tile_size)
    smaller = range(MIN_TILE, tile_size)
    too_large = bisect_left(smaller, True, key=lambda size: not _fits(_measure(grid, size)))
    if too_large == 0:
        raise GridError(
            f"a grid of {len(grid.rows)} rows and {len(grid.columns)} columns does not fit into "
            f"{MAX_SIDE} × {MAX_SIDE} px or {MAX_PIXELS // 10**6} megapixels; "
            "compare fewer pictures at a time."
        )
    return _measure(grid, smaller[too_large - 1])


def _fits(layout: Layout) -> bool:
    width, height = layout.size
    return max(width, height) <= MAX_SIDE and width * height <= MAX_PIXELS


def _measure(grid: Grid, tile_size: int) -> Layout:
    columns, rows = len(grid.columns), len(grid.rows)
    width, height = tile = _tile_shape(grid.shape, tile_size)
    gap = max(2, round(tile_size / 24))
    border = 2 * gap
    letters = _lettering(tile, tile_size, max(columns, rows))
    text = letters.text

    headings = max(text.height(letters.row_heading(row.heading)) for row in grid.rows)
    margin = border + headings + (gap if headings else 0)
    with_margin = grid.corner is not None or any(row.margin for row in grid.rows)
    left = margin + (width + 2 * gap if with_margin else 0)
    across = columns * width + (columns - 1) * gap

    title = wrap(grid.title, letters.title, across, 2)
    subtitle = wrap(grid.subtitle, text, across, 2)
    header = letters.title.height(title) + text.height(subtitle)
    headings = max(text.height(letters.column_heading(name)) for name in grid.columns)
    header += headings + (gap if header and headings else 0)
    if grid.corner:
        header = max(header, height + text.height(letters.caption(grid.corner.caption)))
    top = border + header + 2 * gap if header else border

    captions = max(text.height(letters.caption(each.caption)) for each in _tiles(grid))
    pitch = height + gap + captions
    return Layout(
        size=(left + across + border, top + rows * pitch - gap + border),
        tile=tile,
        origin=(left, top),
        pitch=(width + gap, pitch),
        margin=margin,
        top=border,
        gap=gap,
        lettering=letters,
        title=title,
        subtitle=subtitle,
    )


def _lettering(tile: tuple[int, int], tile_size: int, tiles: int) -> Lettering:
    """Type in proportion to the tile, larger in a grid of many, which is seen from further away."""
    size = tile_size * min(1.8, max(1.0, math.sqrt(tiles / 4)))
    return Lettering(
        load_font(max(18, round(size * 0.11))), load_font(max(11, round(size * 0.06))), tile
    )


def _tile_shape(shape: tuple[int, int], tile_size: int) -> tuple[int, int]:
    ratio = min(_MOST_ELONGATED, max(1 / _MOST_ELONGATED, shape[0] / shape[1]))
    scale = tile_size / max(ratio, 1.0)
    return round(scale * ratio), round(scale)


def _tiles(grid: Grid) -> Iterator[Tile]:
    return (tile for row in grid.rows for tile in (*row.tiles, row.margin) if tile)
