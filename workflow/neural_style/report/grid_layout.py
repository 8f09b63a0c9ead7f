"""Pictures side by side, said without a size: frozen values that `layout` measures."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from neural_style.errors import NeuralStyleError
from neural_style.report.text import Font, load_font, shorten_middle, wrap

TIMES = " × "

Shape = tuple[int, int]
"""Width and height, in any unit: only their ratio counts."""


class GridError(NeuralStyleError):
    """A grid that cannot be composed, or not in the size that was asked for."""


@dataclass(frozen=True)
class Tile:
    """A place for a picture.

    Attributes:
        picture: the file; with None, or a file that cannot be read, a placeholder is drawn.
        caption: texts below the picture, each on at most two lines.
        note: what the placeholder says instead of its own reason.
        mark: the placeholder's first word.
        shape: of an original; by default that of the grid.
        fit: how a job would bring the picture to its size; empty where its proportions are kept.
    """

    picture: Path | None
    caption: tuple[str, ...] = ()
    note: str = ""
    mark: str = "missing"
    shape: Shape | None = None
    fit: str = ""


@dataclass(frozen=True)
class Row:
    """A row of tiles, one a column.

    Attributes:
        heading: at its left, read upwards.
        tiles: None where there is to be nothing.
        margin: the original that the row belongs to.
        shape: of the row's pictures; by default the grid's.
        closed: whether the next row belongs to this one: it comes close below, and the pictures
            of both lean against one another where their shapes leave room.
    """

    heading: str
    tiles: tuple[Tile | None, ...]
    margin: Tile | None = None
    shape: Shape | None = None
    closed: bool = False


@dataclass(frozen=True)
class Grid:
    """What is to be seen, without a size.

    Attributes:
        title: a name on at most two lines, or the names of a pair; shortened in the middle.
        columns: a heading a column; may be empty strings.
        rows: at least one; each with as many tiles as there are columns.
        originals: what all tiles share, at the top left.
        subtitle: a quieter text below the title, at most three lines.
        shape: of the typical picture.
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


# MERGED: The geometry of pictures side by side, without a pixel of them.
#
# A `tiles.Grid` is measured by `measure`:
#
#     originals  title, subtitle
#                heading      heading       the originals and the margins show what was given,
#     ---------+----------------------      the tiles show what was made of it
#     margin   | tile         tile
#     margin   | tile         tile
#
# Where rows have no margins, the tiles begin at the left, and the headings are below the originals.


MAX_SIDE = 16_000
MAX_PIXELS = 80_000_000  # less than what Pillow takes for an attack
MIN_TILE = 16

_MOST_ELONGATED = 3.0  # longer pictures get a band in a tile of 3 to 1, where a caption fits


@dataclass(frozen=True)
class Lettering:
    """The two sizes of type, and how text is broken into lines for tiles `width` pixels wide."""

    title: Font
    text: Font
    width: int

    def headline(self, names: tuple[str, ...], width: int) -> tuple[str, ...]:
        """A name on at most two lines, or several on one, or else each on its own."""
        whole = TIMES.join(names)
        if len(names) < 2 or self.title.width(whole) <= width:
            return wrap(whole, self.title, width, 2)
        return tuple(shorten_middle(name, self.title, width) for name in names)

    def column_heading(self, heading: str) -> tuple[str, ...]:
        """At most three lines, a little narrower than the tile below them."""
        return wrap(heading, self.text, self.width - self.text.size // 2, 3)

    def row_heading(self, heading: str, height: int) -> tuple[str, ...]:
        """At most two lines, to be read upwards along a row's tiles of `height` pixels."""
        return wrap(heading, self.text, height, 2)

    def caption(self, tile: Tile | None) -> tuple[str, ...]:
        """At most two lines a text, as wide as the tile above them."""
        texts = tile.caption if tile else ()
        return tuple(line for text in texts for line in wrap(text, self.text, self.width, 2))


@dataclass(frozen=True)
class Box:
    """A rectangle of the canvas, in pixels from its top left."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column of pixels behind it."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first line of pixels below it."""
        return self.top + self.height


@dataclass(frozen=True)
class Layout:
    """Where everything is.

    Attributes:
        size: width and height of the canvas in pixels.
        tiles: row by row, the place of each tile.
        margins: the place of each row's margin picture; empty if no row has one.
        originals: the place of each original.
        text_left: left edge of title and subtitle.
        gap: the distance between neighbors; other spaces are multiples of it.
        lettering: the type of all text.
        title, subtitle: their lines.
    """

    size: tuple[int, int]
    tiles: tuple[tuple[Box, ...], ...]
    margins: tuple[Box, ...]
    originals: tuple[Box, ...]
    text_left: int
    gap: int
    lettering: Lettering
    title: tuple[str, ...]
    subtitle: tuple[str, ...]

    @property
    def border(self) -> int:
        """The empty edge of the canvas."""
        return 2 * self.gap

    @property
    def left(self) -> int:
        """Left edge of the leftmost pictures, to the right of the rows' headings."""
        return (self.margins or self.tiles[0])[0].left


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


def bounding(shapes: list[Shape]) -> Shape:
    """The shape in which pictures of all `shapes` have the same longer side; (1, 1) for none."""
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
    letters = _lettering(width, tile_size, max(len(grid.columns), len(grid.rows)))
    text = letters.text

    lanes = [
        text.height(letters.row_heading(row.heading, height))
        for row, height in zip(grid.rows, heights, strict=True)
    ]
    lane = max(lanes)
    edge = 2 * gap + lane + (gap if lane else 0)
    with_margins = any(row.margin for row in grid.rows)
    originals = _level(
        [_tile_shape(tile.shape or grid.shape, tile_size) for tile in grid.originals]
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
        wanted = max(tile_size, letters.title.width(TIMES.join(grid.title)))
        right = max(right, text_left + min(wanted, 2 * tile_size))
    title = letters.headline(grid.title, right - text_left)
    subtitle = wrap(grid.subtitle, text, right - text_left, 3)

    words = letters.title.height(title) + text.height(subtitle)
    headings = max(text.height(letters.column_heading(name)) for name in grid.columns)
    above = max([words, *(box.height for box in shown)])
    if text_left > left:  # the headings are below the originals, too
        header = above + headings + (gap if above and headings else 0)
    else:
        header = max(above, words + headings + (gap if words and headings else 0))
    top = 2 * gap + header + (2 * gap if header else 0)

    tiles, margins = [], []
    for row, height in zip(grid.rows, heights, strict=True):
        columns = range(len(grid.columns))
        boxes = (Box(left + number * (width + gap), top, width, height) for number in columns)
        tiles.append(tuple(boxes))
        margins.append(Box(edge, top, margin, height))
        captions = max(text.height(letters.caption(tile)) for tile in (*row.tiles, row.margin))
        # A caption ends with the empty half of its last line: it needs no gap of its own.
        top += height + captions + (gap // 2 if row.closed else gap)
    return Layout(
        size=(right + 2 * gap, top - gap + 2 * gap),
        tiles=tuple(tiles),
        margins=tuple(margins) if with_margins else (),
        originals=tuple(shown),
        text_left=text_left,
        gap=gap,
        lettering=letters,
        title=title,
        subtitle=subtitle,
    )


def _level(sizes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The sizes scaled down to the height of the lowest."""
    lowest = min((high for _, high in sizes), default=0)
    return [(round(wide * lowest / high), lowest) for wide, high in sizes]


def _lettering(width: int, tile_size: int, tiles: int) -> Lettering:
    """Type in proportion to the tile, larger in a grid of many, which is seen from further away."""
    size = tile_size * min(1.8, max(1.0, math.sqrt(tiles / 4)))
    return Lettering(
        load_font(max(18, round(size * 0.11))), load_font(max(11, round(size * 0.06))), width
    )


def _tile_shape(shape: Shape, tile_size: int) -> tuple[int, int]:
    """Width and height in pixels of a tile for pictures of a shape."""
    ratio = min(_MOST_ELONGATED, max(1 / _MOST_ELONGATED, shape[0] / shape[1]))
    scale = tile_size / max(ratio, 1.0)
    return round(scale * ratio), round(scale)
