"""Pictures side by side: paints what `layout` has measured."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageDraw

from neural_style.images.decode import ImageError, fit_image, load_image, load_small
from neural_style.io import atomic
from neural_style.report.grid_layout import Box, Grid, Layout, Row, Tile, measure
from neural_style.report.text import draw_lines, draw_rotated, wrap

_PAPER, _INK, _GRAY, _RULE, _BLANK = "#fbfaf8", "#1d1c1a", "#85817a", "#d9d5cd", "#f1eee9"


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
    draw_lines(image, (layout.text_left, top), layout.subtitle, letters.text, _GRAY)
    for box, name in zip(layout.tiles[0], grid.columns, strict=True):
        lines = letters.column_heading(name)
        x, bottom = box.left + box.width // 2, box.top - 2 * layout.gap
        y = bottom - letters.text.height(lines) + round(letters.text.size * 0.3)
        draw_lines(image, (x, y), lines, letters.text, _INK, "center")
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
    draw_lines(image, below, lines, layout.lettering.text, _GRAY, "center")


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
    draw_lines(image, (middle, y), lines[:1], text, _INK, "center")
    draw_lines(image, (middle, y + text.line_height), lines[1:], text, _GRAY, "center")


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


# MERGED: A PDF of pictures, a page each, written page by page: memory holds one picture at a time.
#
# Pillow can append pages to a PDF, but writes every earlier page object anew each time, so that the
# file and the time grow with the square of the pages. What follows is the little of ISO 32000-1
# that pictures need: JPEG data as image objects (7.4.8, 8.9.5), pages (7.7.3), an outline (12.3.3)
# and the cross-reference table (7.5.4).


LONG_EDGE = 842
"""Of every page, in points of 1/72 inch: the long edge of A4."""

MAX_PIXELS = 4_000_000_000
"""Of all pages together; more pages than that holds are each made smaller, down to `SMALLEST`."""

SMALLEST = 800
"""To which many pages may shrink, in pixels of the longer side."""

_CATALOG, _PAGES, _OUTLINE, _FIRST = 1, 2, 3, 4
_PER_PAGE = 4  # objects: page, contents, image, entry of the outline


def write_pdf(pages: Mapping[str, Path], path: Path, size: int, quality: int) -> None:
    """Write pictures into one PDF, atomically; the same pictures make the same bytes.

    Args:
        pages: title → picture of each page, at least one; the titles make the outline.
        path: where to.
        size: the longer side of a page in pixels at the most.
        quality: of the JPEG data, 1 … 100.

    Raises:
        NeuralStyleError: a picture cannot be read, or the file cannot be written.
    """
    side = page_side(len(pages), size)
    with atomic(path) as temporary, temporary.open("wb") as stream:
        writer = _Writer(stream)
        kids = " ".join(f"{_FIRST + _PER_PAGE * n} 0 R" for n in range(len(pages)))
        last = _FIRST + _PER_PAGE * len(pages) - 1
        writer.add(f"<< /Type /Catalog /Pages {_PAGES} 0 R /Outlines {_OUTLINE} 0 R >>")
        writer.add(f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>")
        first = _FIRST + _PER_PAGE - 1
        writer.add(f"<< /Type /Outlines /Count {len(pages)} /First {first} 0 R /Last {last} 0 R >>")
        for title, picture in pages.items():
            _add_page(writer, title, load_image(picture), side, quality, last)
        writer.finish()


def page_side(pages: int, size: int) -> int:
    """The longer side of a page in pixels: `size`, or less where the pages are very many."""
    return min(size, max(SMALLEST, math.isqrt(MAX_PIXELS // pages)))


def _add_page(
    writer: _Writer, title: str, image: Image.Image, side: int, quality: int, last: int
) -> None:
    """Add the four objects of a page; `last` is the number of the outline's last entry."""
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality)
    width, height = (edge * LONG_EDGE / max(image.size) for edge in image.size)
    page = writer.next_number
    entry = page + _PER_PAGE - 1
    writer.add(
        f"<< /Type /Page /Parent {_PAGES} 0 R /MediaBox [0 0 {width:.3f} {height:.3f}] "
        f"/Contents {page + 1} 0 R /Resources << /XObject << /P {page + 2} 0 R >> >> >>"
    )
    writer.add("<<", f"q {width:.3f} 0 0 {height:.3f} 0 0 cm /P Do Q".encode())
    writer.add(
        f"<< /Type /XObject /Subtype /Image /Width {image.width} /Height {image.height} "
        "/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode",
        encoded.getvalue(),
    )
    before = f"/Prev {entry - _PER_PAGE} 0 R " if entry > _FIRST + _PER_PAGE else ""
    after = f"/Next {entry + _PER_PAGE} 0 R " if entry < last else ""
    text = title.encode("utf-16-be", "replace").hex()
    writer.add(
        f"<< /Title <feff{text}> /Parent {_OUTLINE} 0 R {before}{after}/Dest [{page} 0 R /Fit] >>"
    )


class _Writer:
    """Numbers the objects of a PDF and remembers where each begins."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._offsets: list[int] = []
        stream.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")  # the second line says: not only text

    @property
    def next_number(self) -> int:
        """The number that the next object gets; the first gets 1."""
        return len(self._offsets) + 1

    def add(self, dictionary: str, data: bytes | None = None) -> None:
        """Write an object; with `data`, a stream whose `dictionary` is still open."""
        number = self.next_number
        self._offsets.append(self._stream.tell())
        self._stream.write(f"{number} 0 obj\n{dictionary}".encode("ascii"))
        if data is not None:
            self._stream.write(f" /Length {len(data)} >>\nstream\n".encode("ascii"))
            self._stream.write(data)
            self._stream.write(b"\nendstream")
        self._stream.write(b"\nendobj\n")

    def finish(self) -> None:
        """Write the cross-reference table and the trailer."""
        start = self._stream.tell()
        count = len(self._offsets) + 1
        self._stream.write(f"xref\n0 {count}\n0000000000 65535 f \n".encode("ascii"))
        for offset in self._offsets:
            self._stream.write(f"{offset:010} 00000 n \n".encode("ascii"))
        trailer = f"trailer\n<< /Size {count} /Root {_CATALOG} 0 R >>\nstartxref\n{start}\n%%EOF\n"
        self._stream.write(trailer.encode("ascii"))
