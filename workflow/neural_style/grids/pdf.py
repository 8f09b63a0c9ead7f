"""A PDF of pictures, a page each, written page by page: memory holds one picture at a time.

Pillow can append pages to a PDF, but writes every earlier page object anew each time, so that the
file and the time grow with the square of the pages. What follows is the little of ISO 32000-1
that pictures need: JPEG data as image objects (7.4.8, 8.9.5), pages (7.7.3), an outline (12.3.3)
and the cross-reference table (7.5.4).
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from neural_style.files import atomic
from neural_style.pictures.images import load_image

LONG_EDGE = 842
"""Of every page, in points of 1/72 inch: the long edge of A4."""

MAX_PIXELS = 4_000_000_000
"""Of all pages together; more pages than that holds are each made smaller, down to `SMALLEST`."""

SMALLEST = 800
"""To which many pages may shrink, in pixels of the longer side."""

_CATALOGUE, _PAGES, _OUTLINE, _FIRST = 1, 2, 3, 4
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
        trailer = (
            f"trailer\n<< /Size {count} /Root {_CATALOGUE} 0 R >>\nstartxref\n{start}\n%%EOF\n"
        )
        self._stream.write(trailer.encode("ascii"))
