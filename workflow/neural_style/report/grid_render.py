"""Draw a page of a grid where `grid_layout.measure` puts everything.

Also the iterations of an output as an animation, where a grid puts them side by side.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from neural_style.config.settings import ORIGINAL, output_name
from neural_style.config.sweep import Job
from neural_style.images.decode import ImageError, load_image, load_reduced
from neural_style.images.fit import fit_image
from neural_style.io import atomic
from neural_style.report.copies import shrink
from neural_style.report.grid_layout import Box, Grid, Layout, Row, Tile, measure
from neural_style.report.outputs import spread
from neural_style.report.text import draw_lines, draw_rotated, wrap

MOST_FRAMES = 100
"""The most iterations in a time-lapse; of more, an even choice."""

FRAME_MS, REST_MS = 200, 2000
"""Milliseconds of a frame of a time-lapse, and of its last one."""

PAPER, BLANK, RULE = "#fbfaf8", "#f1eee9", "#d9d5cd"
INK, GRAY = "#1d1c1a", "#68645d"
"""Colors of text, which can be read on the paper and on a blank tile."""


def render_grid(grid: Grid, tile_size: int = 256) -> Image.Image:
    """Draw `grid` with tiles whose longer side is `tile_size` pixels, or as much as fits.

    Returns:
        An RGB image of at most `MAX_SIDE` pixels per side; the same files give the same image. A
        placeholder with the reason stands for an image that cannot be read.

    Raises:
        GridError: see `measure`.
    """
    layout = measure(grid, tile_size)
    image = Image.new("RGB", layout.size, PAPER)
    _draw_header(image, grid, layout)
    joined_above = False
    for number, row in enumerate(grid.rows):
        _draw_row(image, row, number, layout, joined_above)
        joined_above = row.joined
    return image


def _draw_header(image: Image.Image, grid: Grid, layout: Layout) -> None:
    fonts = layout.typography
    top = layout.border - round(fonts.title.size * 0.25)  # capitals level with the originals
    draw_lines(image, (layout.text_left, top), layout.title, fonts.title, INK)
    top += fonts.title.height(layout.title)
    draw_lines(image, (layout.text_left, top), layout.subtitle, fonts.text, GRAY)
    for box, name in zip(layout.tiles[0], grid.columns, strict=True):
        lines = fonts.column_heading(name)
        x, bottom = box.left + box.width // 2, box.top - 2 * layout.gap
        y = bottom - fonts.text.height(lines) + round(fonts.text.size * 0.3)
        draw_lines(image, (x, y), lines, fonts.text, INK, "center")
    for box, tile in zip(layout.originals, grid.originals, strict=True):
        _draw_tile(image, tile, box, layout)
    _draw_rules(image, layout)


def _draw_rules(image: Image.Image, layout: Layout) -> None:
    """Draw lines between the originals or headings and the tiles."""
    canvas = ImageDraw.Draw(image)
    gap, first = layout.gap, layout.tiles[0][0]
    thickness = max(1, round(layout.typography.text.size / 14))
    right, bottom = (side - layout.border - 1 for side in layout.size)
    if first.top > layout.border:
        canvas.line((layout.left, first.top - gap, right, first.top - gap), RULE, thickness)
    if layout.margins:
        beside = layout.originals and layout.originals[-1].right < first.left
        top = layout.border if beside else first.top - gap
        canvas.line((first.left - gap, top, first.left - gap, bottom), RULE, thickness)


def _draw_row(
    image: Image.Image, row: Row, number: int, layout: Layout, joined_above: bool
) -> None:
    first, text = layout.tiles[number][0], layout.typography.text
    align = 1.0 if row.joined else 0.0 if joined_above else 0.5
    lines = layout.typography.row_heading(row.heading, first.height)
    heading_center = layout.left - layout.gap - text.height(lines) // 2
    draw_rotated(image, (heading_center, first.top + first.height // 2), lines, text, INK)
    if row.margin:
        _draw_tile(image, row.margin, layout.margins[number], layout)
    for tile, box in zip(row.tiles, layout.tiles[number], strict=True):
        if tile:
            _draw_tile(image, tile, box, layout, align)


def _draw_tile(
    image: Image.Image, tile: Tile, box: Box, layout: Layout, align: float = 0.5
) -> None:
    """Draw a tile; its image is at the top (`align` 0) or bottom (1) of a box that is too high."""
    bottom = box.bottom
    loaded = _load(tile, box)
    if isinstance(loaded, str):
        _draw_placeholder(image, tile.mark, tile.note or loaded, box, layout)
    else:
        scale = min(box.width / loaded.width, box.height / loaded.height)
        size = (max(1, round(loaded.width * scale)), max(1, round(loaded.height * scale)))
        small = loaded.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        across, down = (box.width - size[0]) // 2, round((box.height - size[1]) * align)
        image.paste(small, (box.left + across, box.top + down))
        bottom = box.bottom if align else box.top + size[1]
    lines = layout.typography.caption(tile)
    below = (box.left + box.width // 2, bottom + layout.gap // 4)
    draw_lines(image, below, lines, layout.typography.text, GRAY, "center")


def _draw_placeholder(image: Image.Image, mark: str, reason: str, box: Box, layout: Layout) -> None:
    text = layout.typography.text
    frame = (box.left, box.top, box.right - 1, box.bottom - 1)
    ImageDraw.Draw(image).rectangle(frame, fill=BLANK, outline=RULE)
    inner = box.width - 2 * layout.gap
    room = max(0, (box.height - layout.gap) // text.line_height)
    rest = wrap(reason, text.width, inner, room - 1) if room > 1 else ()
    lines = (*wrap(mark, text.width, inner, 1), *rest)[:room]
    middle = box.left + box.width // 2
    y = box.top + (box.height - text.height(lines)) // 2
    draw_lines(image, (middle, y), lines[:1], text, INK, "center")
    draw_lines(image, (middle, y + text.line_height), lines[1:], text, GRAY, "center")


def _load(tile: Tile, box: Box) -> Image.Image | str:
    """Return the image, or a few words on why there is none."""
    if tile.image is None:
        return ""
    side = max(box.width, box.height)
    try:
        loaded = load_reduced(tile.image, side)
        return fit_image(loaded, side, tile.fit) if tile.fit else loaded
    except ImageError as error:
        absent = isinstance(error.__cause__, FileNotFoundError)
        return f"{'no file' if absent else 'cannot read'} {tile.image.name}"


def write_time_lapse(job: Job, path: Path, side: int, quality: int) -> None:
    """Write the iterations of an output as a WebP that plays again and again.

    It begins with the content image if the optimization did. The file is replaced as a whole.

    Args:
        job: finished.
        path: of the file.
        side: the greatest longer side in pixels.
        quality: of the frames, 1 … 100.

    Raises:
        NeuralStyleError: an output cannot be read, or the file cannot be written.
    """
    settings = job.settings
    size = shrink(load_image(job.final_output, side=side), side).size
    frames = [
        _frame(load_image(job.folder / output_name(epoch, settings.format), side=side), size)
        for epoch in spread(settings.snapshots, MOST_FRAMES)
    ]
    if settings.starts_from_content:
        start = load_image(job.content_path, side=max(side, settings.size))
        fitted = settings.dimensions != ORIGINAL
        start = fit_image(start, settings.size, settings.fit) if fitted else start
        frames.insert(0, _frame(start, size))
    with atomic(path) as temporary:
        frames[0].save(
            temporary,
            "WebP",
            save_all=True,
            append_images=frames[1:],
            duration=[FRAME_MS] * (len(frames) - 1) + [REST_MS],
            loop=0,
            quality=quality,
        )


def _frame(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
