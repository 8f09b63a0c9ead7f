"""The PDF of all pages: read back with other means than it was written with."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import time
import weakref

import pytest
from PIL import Image, PdfParser
from tests.unit.grids import color, solid

from neural_style.errors import NeuralStyleError
from neural_style.report import grid_pdf
from neural_style.report.grid_pdf import (
    LONG_EDGE,
    MAX_PDF_PIXELS,
    SMALLEST_PAGE,
    page_side,
    write_pdf,
)

HOSTILE = {
    "brackets": "a (b) \\ (c",
    "chinese": "content: 神奈川沖浪裏",
    "emoji": "🌊🎨",
    "bidi": "a\u202eb",
    "newlines": "two\nlines\r\n",
    "undecodable": "caf\udce9",
    "nul": "\x00",
    "long": "n" * 400,
    "empty": "",
}


def read_pages(path):
    """(width, height in points, JPEG) of each page."""
    with PdfParser.PdfParser(str(path)) as document:
        for reference in document.pages:
            page = document.read_indirect(reference)
            _, _, width, height = page[b"MediaBox"]
            resources = document.read_indirect(page[b"Resources"])
            (number,) = re.findall(rb"/I(\d+) Do", stream_of(document, page[b"Contents"]))
            image = document.read_indirect(resources[b"XObject"][b"I" + number])
            assert image.dictionary[b"Filter"].name == b"DCTDecode"
            yield width, height, image.buf[: image.dictionary[b"Length"]]


def stream_of(document, reference):
    return document.read_indirect(reference).decode()


def read_outline(path):
    """(title, number of its page) of each entry."""
    with PdfParser.PdfParser(str(path)) as document:
        outline = document.read_indirect(document.root[b"Outlines"])
        reference = outline[b"First"]
        while reference:
            entry = document.read_indirect(reference)
            yield entry[b"Title"], document.pages.index(entry[b"Dest"][0])
            reference = entry.get(b"Next")


def text_of(path, page):
    """The text of a page, as a search finds it."""
    if not shutil.which("pdftotext"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs pdftotext (poppler-utils)")
    command = ["pdftotext", "-f", str(page), "-l", str(page), "-enc", "UTF-8", str(path), "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode("utf-8")


def decode(title):
    """A string of a PDF as text."""
    return title.decode("utf-16") if title.startswith(b"\xfe\xff") else title.decode("latin-1")


@pytest.fixture
def pages(tmp_path):
    sizes = [(300, 200), (20, 400), (64, 64)]
    return {f"page {n} é": solid(tmp_path / f"{n}.png", n, size) for n, size in enumerate(sizes, 1)}


def test_every_image_is_a_page_in_order(tmp_path, pages):
    path = tmp_path / "new" / "all.pdf"
    write_pdf(pages, path, size=100, quality=90)
    read = list(read_pages(path))
    sizes = [(100, 67), (5, 100), (64, 64)]
    for number, ((width, height, data), size) in enumerate(zip(read, sizes, strict=True), 1):
        image = Image.open(io.BytesIO(data))
        assert image.size == size
        assert max(width, height) == LONG_EDGE
        assert width / height == pytest.approx(image.width / image.height, rel=1e-3)
        middle = image.getpixel((image.width // 2, image.height // 2))
        assert middle == pytest.approx(color(number), abs=4)


def test_a_jpeg_within_the_size_is_embedded_as_it_is(tmp_path):
    small, large = (solid(tmp_path / f"{n}.jpg", n, (side, 30)) for n, side in ((1, 100), (2, 101)))
    write_pdf({"small": small, "large": large}, tmp_path / "all.pdf", 100, 50)
    first, second = (data for *_, data in read_pages(tmp_path / "all.pdf"))
    assert first == small.read_bytes()
    assert Image.open(io.BytesIO(second)).size == (100, 30)


def test_each_object_is_where_the_table_says(tmp_path, pages):
    path = tmp_path / "all.pdf"
    write_pdf(pages, path, 100, 90)
    data = path.read_bytes()
    (found,) = re.findall(rb"startxref\n(\d+)\n%%EOF\n$", data)
    header, count, *entries = data[int(found) :].split(b"\n")
    assert header == b"xref"
    assert int(count.split()[1]) > 3 * len(pages)
    for number in range(1, int(count.split()[1])):
        assert data[int(entries[number][:10]) :].startswith(b"%d 0 obj\n" % number)


def test_the_outline_names_every_page(tmp_path, pages):
    path = tmp_path / "all.pdf"
    write_pdf(pages, path, 100, 90)
    outline = [(decode(title), page) for title, page in read_outline(path)]
    assert outline == [(title, number) for number, title in enumerate(pages)]
    assert b"Comparison grids" in path.read_bytes()


def test_a_search_finds_the_title_of_a_page(tmp_path):
    titles = ["content: Café", "epochs: größe × Łódź, page 2", "weights: cat × sea, lr\u00a00.5"]
    image = solid(tmp_path / "page.png", 1, (600, 400))
    write_pdf(dict.fromkeys(titles, image), tmp_path / "all.pdf", 600, 90)
    for number, title in enumerate(titles, 1):
        assert text_of(tmp_path / "all.pdf", number).split() == title.split()


@pytest.mark.parametrize("title", HOSTILE.values(), ids=HOSTILE.keys())
def test_any_title_is_safe(tmp_path, title):
    path = tmp_path / "all.pdf"
    image = solid(tmp_path / "page.png", 1, (600, 400))
    write_pdf({"before": image, title: image, "after": image}, path, 600, 90)
    assert len(list(read_pages(path))) == 3
    assert [decode(title) for title, _ in read_outline(path)][::2] == ["before", "after"]
    assert text_of(path, 3).split() == ["after"]


def test_the_same_pages_make_the_same_bytes(tmp_path, pages):
    write_pdf(pages, tmp_path / "one.pdf", 100, 90)
    time.sleep(1.1)  # dates in a PDF have seconds
    write_pdf(pages, tmp_path / "two.pdf", 100, 90)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()


@pytest.mark.parametrize("name", ["3.png", "3.jpg"])
def test_a_page_that_cannot_be_read_leaves_the_old_file(tmp_path, pages, name):
    path = tmp_path / "all.pdf"
    path.write_bytes(b"old")
    whole = solid(tmp_path / name, 1, (64, 64))
    whole.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(NeuralStyleError, match=rf"cannot read '.*{re.escape(name)}'"):
        write_pdf({**pages, "page 3": whole}, path, 100, 90)
    assert path.read_bytes() == b"old"
    assert not list(tmp_path.glob(".*"))


def test_one_image_is_decoded_at_a_time(tmp_path, pages, monkeypatch):
    living: list[weakref.ref[Image.Image]] = []

    def load(path):
        alive = [image for image in living if image() is not None]
        assert not alive, "the image before is still in memory"
        image = Image.new("RGB", (8, 8))
        living.append(weakref.ref(image))
        return image

    monkeypatch.setattr(grid_pdf, "load_image", load)
    write_pdf(pages, tmp_path / "all.pdf", 100, 90)
    assert len(living) == 3


def test_very_many_pages_are_smaller():
    assert page_side(1, 2000) == page_side(300, 2000) == 2000
    assert page_side(2000, 2000) ** 2 * 2000 <= MAX_PDF_PIXELS
    assert page_side(10**6, 2000) == SMALLEST_PAGE
