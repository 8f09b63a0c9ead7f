"""Pictures side by side: paints what `layout` has measured."""

from __future__ import annotations

from PIL import Image, ImageDraw

from neural_style.grids.labels import draw_lines, draw_rotated, wrap
from neural_style.grids.layout import Box, Layout, measure
from neural_style.grids.tiles import Grid, Row, Tile
from neural_style.pictures.images import ImageError, fit_image
from neural_style.pictures.thumbnails import load_small

_PAPER, _INK, _GREY, _RULE, _BLANK = "#fbfaf8", "#1d1c1a", "#85817a", "#d9d5cd", "#f1eee9"


def render_grid(grid: Grid, tile_size: int = 256) -> Image.Image:
    """Paint `grid` with tiles whose longer side is `tile_size` pixels, or as much as fits.

    Returns:
        An RGB picture, the same for the same files, at most `MAX_SIDE` pixels a side.

    Raises:
        GridError: see `measure`. Pictures that cannot be read do not raise.
    """
    layout = measure(grid, tile_size)
    image = Image.new("RGB", layout.size, _PAPER)
    _paint_header(image, grid, layout)
    follows = False
    for number, row in enumerate(grid.rows):
        _paint_row(image, row, number, layout, follows)
        follows = row.closed
    return image


def _paint_header(image: Image.Image, grid: Grid, layout: Layout) -> None:
    letters = layout.lettering
    top = layout.border - round(letters.title.size * 0.25)  # capitals level with the originals
    draw_lines(image, (layout.text_left, top), layout.title, letters.title, _INK)
    top += letters.title.height(layout.title)
    draw_lines(image, (layout.text_left, top), layout.subtitle, letters.text, _GREY)
    for box, name in zip(layout.tiles[0], grid.columns, strict=True):
        lines = letters.column_heading(name)
        x, bottom = box.left + box.width // 2, box.top - 2 * layout.gap
        y = bottom - letters.text.height(lines) + round(letters.text.size * 0.3)
        draw_lines(image, (x, y), lines, letters.text, _INK, "centre")
    for box, tile in zip(layout.originals, grid.originals, strict=True):
        _paint_tile(image, tile, box, layout)
    _paint_rules(image, layout)


def _paint_rules(image: Image.Image, layout: Layout) -> None:
    """Separate the originals and the headings from the tiles, where there are any."""
    canvas = ImageDraw.Draw(image)
    gap, first = layout.gap, layout.tiles[0][0]
    thickness = max(1, round(layout.lettering.text.size / 14))
    right, bottom = (side - layout.border - 1 for side in layout.size)
    if first.top > layout.border:
        canvas.line((layout.left, first.top - gap, right, first.top - gap), _RULE, thickness)
    if layout.margins:
        beside = layout.originals and layout.originals[-1].right < first.left
        top = layout.border if beside else first.top - gap
        canvas.line((first.left - gap, top, first.left - gap, bottom), _RULE, thickness)


def _paint_row(image: Image.Image, row: Row, number: int, layout: Layout, follows: bool) -> None:
    """Paint a row; it `follows` the one above if that is closed."""
    first, text = layout.tiles[number][0], layout.lettering.text
    lean = 1.0 if row.closed else 0.0 if follows else 0.5
    lines = layout.lettering.row_heading(row.heading, first.height)
    lane = layout.left - layout.gap - text.height(lines) // 2
    draw_rotated(image, (lane, first.top + first.height // 2), lines, text, _INK)
    if row.margin:
        _paint_tile(image, row.margin, layout.margins[number], layout)
    for tile, box in zip(row.tiles, layout.tiles[number], strict=True):
        if tile:
            _paint_tile(image, tile, box, layout, lean)


def _paint_tile(
    image: Image.Image, tile: Tile, box: Box, layout: Layout, lean: float = 0.5
) -> None:
    """Paint a tile, its picture at the top (`lean` 0) or at the bottom (1) of too high a box."""
    bottom = box.bottom
    loaded = _load(tile, box)
    if isinstance(loaded, str):
        _paint_placeholder(image, tile.mark, tile.note or loaded, box, layout)
    else:
        scale = min(box.width / loaded.width, box.height / loaded.height)
        size = (max(1, round(loaded.width * scale)), max(1, round(loaded.height * scale)))
        small = loaded.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        across, down = (box.width - size[0]) // 2, round((box.height - size[1]) * lean)
        image.paste(small, (box.left + across, box.top + down))
        bottom = box.bottom if lean else box.top + size[1]
    lines = layout.lettering.caption(tile)
    below = (box.left + box.width // 2, bottom + layout.gap // 4)
    draw_lines(image, below, lines, layout.lettering.text, _GREY, "centre")


def _paint_placeholder(
    image: Image.Image, mark: str, reason: str, box: Box, layout: Layout
) -> None:
    text = layout.lettering.text
    frame = (box.left, box.top, box.right - 1, box.bottom - 1)
    ImageDraw.Draw(image).rectangle(frame, fill=_BLANK, outline=_RULE)
    inner = box.width - 2 * layout.gap
    room = max(0, (box.height - layout.gap) // text.line_height)
    rest = wrap(reason, text, inner, room - 1) if room > 1 else ()
    lines = (*wrap(mark, text, inner, 1), *rest)[:room]
    middle = box.left + box.width // 2
    y = box.top + (box.height - text.height(lines)) // 2
    draw_lines(image, (middle, y), lines[:1], text, _INK, "centre")
    draw_lines(image, (middle, y + text.line_height), lines[1:], text, _GREY, "centre")


def _load(tile: Tile, box: Box) -> Image.Image | str:
    """The picture, or a few words on why there is none."""
    if tile.picture is None:
        return ""
    side = max(box.width, box.height)
    try:
        loaded = load_small(tile.picture, side)
        return fit_image(loaded, side, tile.fit) if tile.fit else loaded
    except ImageError as error:
        absent = isinstance(error.__cause__, FileNotFoundError)
        return f"{'no file' if absent else 'cannot read'} {tile.picture.name}"
