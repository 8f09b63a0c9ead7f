"""Bind pages of grids into a PDF. A module of its own, because fpdf2 takes long to import."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import TextMode
from fpdf.fonts import TTFFont
from PIL import Image

from neural_style.images.decode import load_image
from neural_style.io import atomic
from neural_style.report.names import replace_undecodable
from neural_style.report.text import SECOND_FACE, plain

LONG_EDGE = 842
"""Points (1/72 inch) of the longer side of a page of the PDF: that of A4."""

MAX_PDF_PIXELS = 1_500_000_000
"""Pixels of all pages of the PDF; more pages are each made smaller, down to `SMALLEST_PAGE`.

fpdf2 keeps all encoded pages, and then the file, in memory: about 1.2 GB for this many pixels.
"""

SMALLEST_PAGE = 800
"""Pixels of the longer side that pages of the PDF have at least."""

_FONT = "DejaVu"
_DATE = datetime(2000, 1, 1, tzinfo=UTC)  # fixed, so that the same pages make the same bytes


def write_pdf(pages: Mapping[str, Path], path: Path, size: int, quality: int) -> None:
    """Write images into one PDF, one page each; the same images make the same bytes.

    A page that is a JPEG within the size is embedded as it is. Every page has an entry in the
    outline, and its title as invisible text, so that a search finds it. The file is replaced as a
    whole.

    Args:
        pages: title → image of each page, at least one.
        path: of the PDF.
        size: the greatest longer side of a page in pixels.
        quality: of JPEGs that are encoded here, 1 … 100.

    Raises:
        NeuralStyleError: an image cannot be read, or the file cannot be written.
    """
    side = page_side(len(pages), size)
    pdf = _Document(unit="pt")
    pdf.set_title("Comparison grids")
    pdf.set_creation_date(_DATE)
    pdf.set_auto_page_break(False)
    pdf.set_margin(0)
    pdf.add_font(_FONT, fname=SECOND_FACE)
    pdf.set_font(_FONT)
    pdf.set_display_mode("fullpage", "single")
    font = pdf.current_font
    assert isinstance(font, TTFFont)
    with closing(font):
        for title, image in pages.items():
            _add_page(pdf, font, plain(replace_undecodable(title)), image, side, quality)
        with atomic(path) as temporary:
            pdf.output(str(temporary))


def page_side(pages: int, size: int) -> int:
    """Return the pixels of a page's longer side: `size`, or less if there are very many pages."""
    return min(size, max(SMALLEST_PAGE, math.isqrt(MAX_PDF_PIXELS // pages)))


class _Document(FPDF):
    """A PDF whose id does not depend on the time."""

    def file_id(self) -> None:
        """No id: the library would make it from the clock."""


def _add_page(pdf: FPDF, font: TTFFont, title: str, path: Path, side: int, quality: int) -> None:
    image = load_image(path)  # decoded even if it is embedded as it is: it may be damaged
    encoded = io.BytesIO(path.read_bytes())
    if max(image.size) > side or not encoded.getvalue().startswith(b"\xff\xd8\xff"):
        image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        encoded = io.BytesIO()
        image.save(encoded, "JPEG", quality=quality)
    width, height = (edge * LONG_EDGE / max(image.size) for edge in image.size)
    pdf.add_page(format=(width, height))
    pdf.image(encoded, 0, 0, width, height)
    pdf.start_section(title)
    pdf.set_font(_FONT, size=12)
    text = "".join(c if ord(c) in font.cmap else "\N{REPLACEMENT CHARACTER}" for c in title)
    pdf.set_font_size(12 * min(1, width / (pdf.get_string_width(text) + 24)))
    with pdf.local_context(text_mode=TextMode.INVISIBLE):
        pdf.text(12, 18, text)
