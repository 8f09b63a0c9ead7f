"""Pictures side by side: paints what `layout` has measured."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from neural_style.images import ImageError, load_image
from neural_style.labels import draw_lines, draw_rotated, wrap
from neural_style.layout import Grid, Layout, Row, Tile, measure

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
    for number, row in enumerate(grid.rows):
        _paint_row(image, row, number, layout)
    return image


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels of the picture in `path`; None if it cannot be read."""
    loaded = _load(path)
    return loaded.size if isinstance(loaded, Image.Image) else None


def _paint_header(image: Image.Image, grid: Grid, layout: Layout) -> None:
    letters = layout.lettering
    left, bottom = layout.origin[0], layout.origin[1] - 2 * layout.gap
    top = layout.top - round(letters.title.size * 0.25)  # capitals level with the corner's edge
    draw_lines(image, (left, top), layout.title, letters.title, _INK)
    top += letters.title.height(layout.title)
    draw_lines(image, (left, top), layout.subtitle, letters.text, _GREY)
    for number, name in enumerate(grid.columns):
        lines = letters.column_heading(name)
        x = layout.corner_of(0, number)[0] + layout.tile[0] // 2
        y = bottom - letters.text.height(lines) + round(letters.text.size * 0.3)
        draw_lines(image, (x, y), lines, letters.text, _INK, "centre")
    if grid.corner:
        _paint_tile(image, grid.corner, (layout.margin, layout.top), layout)
    _paint_rules(image, layout)


def _paint_rules(image: Image.Image, layout: Layout) -> None:
    """Separate the originals and the headings from the tiles, where there are any."""
    canvas = ImageDraw.Draw(image)
    gap, (left, top) = layout.gap, layout.origin
    thickness = max(1, round(layout.lettering.text.size / 14))
    right, bottom = layout.size[0] - 2 * gap - 1, layout.size[1] - 2 * gap - 1
    if top > layout.top:
        canvas.line((layout.margin, top - gap, right, top - gap), _RULE, thickness)
    if left > layout.margin:
        canvas.line((left - gap, layout.top, left - gap, bottom), _RULE, thickness)


def _paint_row(image: Image.Image, row: Row, number: int, layout: Layout) -> None:
    top = layout.corner_of(number, 0)[1]
    height = layout.tile[1]
    text = layout.lettering.text
    lines = layout.lettering.row_heading(row.heading)
    lane = layout.margin - layout.gap - text.height(lines) // 2
    draw_rotated(image, (lane, top + height // 2), lines, text, _INK)
    if row.margin:
        _paint_tile(image, row.margin, (layout.margin, top), layout)
    for column, tile in enumerate(row.tiles):
        _paint_tile(image, tile, layout.corner_of(number, column), layout)


def _paint_tile(image: Image.Image, tile: Tile, corner: tuple[int, int], layout: Layout) -> None:
    left, top = corner
    text = layout.lettering.text
    width, height = layout.tile
    loaded = _load(tile.picture)
    if isinstance(loaded, str):
        _paint_placeholder(image, tile.note or loaded, corner, layout)
    else:
        scale = min(width / loaded.width, height / loaded.height)
        size = (max(1, round(loaded.width * scale)), max(1, round(loaded.height * scale)))
        small = loaded.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        image.paste(small, (left + (width - size[0]) // 2, top + (height - size[1]) // 2))
    lines = layout.lettering.caption(tile.caption)
    below = (left + width // 2, top + height + layout.gap // 4)
    draw_lines(image, below, lines, text, _GREY, "centre")


def _paint_placeholder(
    image: Image.Image, reason: str, corner: tuple[int, int], layout: Layout
) -> None:
    left, top = corner
    width, height = layout.tile
    text = layout.lettering.text
    box = (left, top, left + width - 1, top + height - 1)
    ImageDraw.Draw(image).rectangle(box, fill=_BLANK, outline=_RULE)
    room = max(0, height // text.line_height)
    inner = width - 2 * layout.gap
    lines = (*wrap("missing", text, inner, 1), *wrap(reason, text, inner, 3))[:room]
    middle = left + width // 2
    y = top + (height - text.height(lines)) // 2
    draw_lines(image, (middle, y), lines[:1], text, _INK, "centre")
    y += text.line_height
    draw_lines(image, (middle, y), lines[1:], text, _GREY, "centre")


def _load(path: Path | None) -> Image.Image | str:
    """The picture, or a few words on why there is none."""
    if path is None:
        return ""
    try:
        return load_image(path)
    except ImageError as error:
        absent = isinstance(error.__cause__, FileNotFoundError)
        return f"{'no file' if absent else 'cannot read'} {path.name}"
