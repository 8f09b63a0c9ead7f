"""Images in a table, and where each of them is on the page.

A `Grid` says what is shown, without a size; `measure` gives every part of it a place in pixels:

    originals  title, subtitle
               heading      heading       originals and margins show inputs,
    ---------+----------------------      tiles show outputs
    margin   | tile         tile
    margin   | tile         tile

Without margins, the tiles begin at the left edge, and the headings are below the originals.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from neural_style.errors import NeuralStyleError
from neural_style.report.text import Font, load_font, shorten_middle, wrap

TIMES = " × "

MAX_SIDE = 16_000
"""Pixels of a page's longer side."""

MAX_PIXELS = 80_000_000
"""Pixels of a page; Pillow takes larger images for an attack."""

MIN_TILE = 16
"""Pixels of the longer side of a tile."""

_MOST_ELONGATED = 3.0  # longer images get a band in a tile of 3 to 1, where a caption fits

Shape = tuple[int, int]
"""Width and height, in any unit: only their ratio counts."""


class GridError(NeuralStyleError):
    """A grid cannot be composed, or not in the requested size."""


@dataclass(frozen=True)
class Tile:
    """A place for an image.

    Attributes:
        image: its file; with None, or a file that cannot be read, a placeholder is drawn.
        caption: texts below the image, each on at most two lines.
        note: what the placeholder says instead of its own reason.
        mark: the placeholder's first word.
        shape: of an original; by default that of the grid.
        fit: how a job fits the image to its size (`image.fit`); empty if its proportions are kept.
    """

    image: Path | None
    caption: tuple[str, ...] = ()
    note: str = ""
    mark: str = "missing"
    shape: Shape | None = None
    fit: str = ""


@dataclass(frozen=True)
class Row:
    """A row of tiles, one for each column.

    Attributes:
        heading: at its left, rotated to read upwards.
        tiles: None where nothing is shown.
        margin: the original that the row belongs to.
        shape: of the row's images; by default the grid's.
        joined: whether the next row belongs to this one: it is close below, and the images of both
            are aligned towards each other where their shapes leave room.
    """

    heading: str
    tiles: tuple[Tile | None, ...]
    margin: Tile | None = None
    shape: Shape | None = None
    joined: bool = False


@dataclass(frozen=True)
class Grid:
    """What a page shows, without a size.

    Attributes:
        title: a name on at most two lines, or the names of a pair; shortened in the middle.
        columns: a heading for each column; may be empty strings.
        rows: at least one; each with as many tiles as there are columns.
        originals: the inputs that all tiles share, at the top left.
        subtitle: smaller gray text below the title, at most three lines.
        shape: of a typical image.

    Raises:
        GridError: the grid is empty, or a row does not have a tile for each column.
    """

    title: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    originals: tuple[Tile, ...] = ()
    subtitle: str = ""
    shape: Shape = (1, 1)

    def __post_init__(self) -> None:
        """Check that the grid is a full rectangle."""
        if not self.columns or not self.rows:
            raise GridError(f"the grid {self.name!r} is empty; give it a row and a column.")
        if any(len(row.tiles) != len(self.columns) for row in self.rows):
            raise GridError(
                f"the grid {self.name!r} has rows without a tile for each of its "
                f"{len(self.columns)} columns; fill the holes with None."
            )

    @property
    def name(self) -> str:
        """The title on one line."""
        return TIMES.join(self.title)


@dataclass(frozen=True)
class Typography:
    """The two text sizes, and how text is broken into lines for tiles `width` pixels wide."""

    title: Font
    text: Font
    width: int

    def headline(self, names: tuple[str, ...], width: int) -> tuple[str, ...]:
        """Return a name on at most two lines, or several on one, or else each on its own."""
        whole = TIMES.join(names)
        if len(names) < 2 or self.title.width(whole) <= width:
            return wrap(whole, self.title.width, width, 2)
        return tuple(shorten_middle(name, self.title.width, width) for name in names)

    def column_heading(self, heading: str) -> tuple[str, ...]:
        """Return at most three lines, a little narrower than the tile below them."""
        return wrap(heading, self.text.width, self.width - self.text.size // 2, 3)

    def row_heading(self, heading: str, height: int) -> tuple[str, ...]:
        """Return at most two lines, along a row's tiles of `height` pixels."""
        return wrap(heading, self.text.width, height, 2)

    def caption(self, tile: Tile | None) -> tuple[str, ...]:
        """Return at most two lines for each text, as wide as the tile above them."""
        texts = tile.caption if tile else ()
        return tuple(line for text in texts for line in wrap(text, self.text.width, self.width, 2))


@dataclass(frozen=True)
class Box:
    """A rectangle of the page, in pixels from its top left."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column of pixels to the right of it."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first line of pixels below it."""
        return self.top + self.height


@dataclass(frozen=True)
class Layout:
    """Where everything is on a page, in pixels.

    Attributes:
        size: width and height of the page.
        tiles: row by row, the place of each tile.
        margins: the place of each row's original; empty if no row has one.
        originals: the place of each original at the top.
        text_left: left edge of title and subtitle.
        gap: distance between neighbors; other distances are multiples of it.
        typography: the fonts of all text.
        title: its lines.
        subtitle: its lines.
    """

    size: tuple[int, int]
    tiles: tuple[tuple[Box, ...], ...]
    margins: tuple[Box, ...]
    originals: tuple[Box, ...]
    text_left: int
    gap: int
    typography: Typography
    title: tuple[str, ...]
    subtitle: tuple[str, ...]

    @property
    def border(self) -> int:
        """Width of the empty border of the page."""
        return 2 * self.gap

    @property
    def left(self) -> int:
        """Left edge of the leftmost images, to the right of the rows' headings."""
        return (self.margins or self.tiles[0])[0].left


def measure(grid: Grid, tile_size: int = 256) -> Layout:
    """Lay out `grid` with tiles whose longer side is `tile_size` pixels, or as much as fits.

    Tiles are made smaller until no side of the page exceeds `MAX_SIDE` pixels and its area does
    not exceed `MAX_PIXELS`.

    Raises:
        GridError: `tile_size` is less than `MIN_TILE`, or the grid is too large even with tiles of
            `MIN_TILE` pixels.
    """
    if tile_size < MIN_TILE:
        raise GridError(f"tiles of {tile_size} px are too small; ask for {MIN_TILE} px or more.")
    layout = _measure(grid, tile_size)
    if _fits(layout):
        return layout
    smaller = range(MIN_TILE, tile_size)
    too_large = bisect_left(smaller, True, key=lambda size: not _fits(_measure(grid, size)))
    if too_large == 0:
        raise GridError(
            f"a grid of {len(grid.rows)} rows and {len(grid.columns)} columns does not fit into "
            f"{MAX_SIDE} × {MAX_SIDE} px or {MAX_PIXELS // 10**6} megapixels; "
            "compare fewer images at a time."
        )
    return _measure(grid, smaller[too_large - 1])


def bounding(shapes: list[Shape]) -> Shape:
    """Return the smallest shape that holds all `shapes` with equal longer sides, or (1, 1)."""
    longest = [
        (width / max(width, height), height / max(width, height)) for width, height in shapes
    ]
    if not longest:
        return (1, 1)
    return round(1000 * max(w for w, _ in longest)), round(1000 * max(h for _, h in longest))


def _fits(layout: Layout) -> bool:
    width, height = layout.size
    return max(width, height) <= MAX_SIDE and width * height <= MAX_PIXELS


def _measure(grid: Grid, tile_size: int) -> Layout:
    gap = max(2, round(tile_size / 24))
    sizes = [_tile_shape(row.shape or grid.shape, tile_size) for row in grid.rows]
    width = max(size[0] for size in sizes)
    heights = [size[1] for size in sizes]
    fonts = _typography(width, tile_size, max(len(grid.columns), len(grid.rows)))
    text = fonts.text

    heading_widths = [
        text.height(fonts.row_heading(row.heading, height))
        for row, height in zip(grid.rows, heights, strict=True)
    ]
    heading_width = max(heading_widths)
    edge = 2 * gap + heading_width + (gap if heading_width else 0)
    with_margins = any(row.margin for row in grid.rows)
    # Above a single row, an original of full size would take half of the page.
    original_size = tile_size // 2 if with_margins and len(grid.rows) == 1 else tile_size
    originals = _same_height(
        [_tile_shape(tile.shape or grid.shape, original_size) for tile in grid.originals]
    )
    margin = max([width, *(wide for wide, _ in originals[:1])])
    left = edge + (margin + 2 * gap if with_margins else 0)
    right = left + len(grid.columns) * (width + gap) - gap

    shown: list[Box] = []
    for wide, high in originals:
        x = shown[-1].right + gap if shown else edge
        shown.append(Box(x, 2 * gap, wide if shown or not with_margins else margin, high))
    text_left = shown[-1].right + 2 * gap if shown else edge
    if grid.title or grid.subtitle:
        wanted = max(tile_size, fonts.title.width(TIMES.join(grid.title)))
        right = max(right, text_left + min(wanted, 2 * tile_size))
    title = fonts.headline(grid.title, right - text_left)
    subtitle = wrap(grid.subtitle, text.width, right - text_left, 3)

    title_height = fonts.title.height(title) + text.height(subtitle)
    headings = max(text.height(fonts.column_heading(name)) for name in grid.columns)
    above = max([title_height, *(box.height for box in shown)])
    if text_left > left:  # the headings are also below the originals
        header = above + headings + (gap if above and headings else 0)
    else:
        header = max(above, title_height + headings + (gap if title_height and headings else 0))
    top = 2 * gap + header + (2 * gap if header else 0)

    tiles, margins = [], []
    for row, height in zip(grid.rows, heights, strict=True):
        columns = range(len(grid.columns))
        boxes = (Box(left + number * (width + gap), top, width, height) for number in columns)
        tiles.append(tuple(boxes))
        margins.append(Box(edge, top, margin, height))
        captions = max(text.height(fonts.caption(tile)) for tile in (*row.tiles, row.margin))
        # A caption ends with the empty half of its last line: it needs no gap of its own.
        top += height + captions + (gap // 2 if row.joined else gap)
    return Layout(
        size=(right + 2 * gap, top - gap + 2 * gap),
        tiles=tuple(tiles),
        margins=tuple(margins) if with_margins else (),
        originals=tuple(shown),
        text_left=text_left,
        gap=gap,
        typography=fonts,
        title=title,
        subtitle=subtitle,
    )


def _same_height(sizes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the sizes scaled down to the height of the lowest."""
    lowest = min((high for _, high in sizes), default=0)
    return [(round(wide * lowest / high), lowest) for wide, high in sizes]


def _typography(width: int, tile_size: int, tiles: int) -> Typography:
    """Return fonts in proportion to the tile, larger on a page of many tiles."""
    size = tile_size * min(1.8, max(1.0, math.sqrt(tiles / 4)))
    return Typography(
        load_font(max(18, round(size * 0.11))), load_font(max(11, round(size * 0.06))), width
    )


def _tile_shape(shape: Shape, tile_size: int) -> tuple[int, int]:
    """Return width and height in pixels of a tile for images of a shape."""
    ratio = min(_MOST_ELONGATED, max(1 / _MOST_ELONGATED, shape[0] / shape[1]))
    scale = tile_size / max(ratio, 1.0)
    return round(scale * ratio), round(scale)
