"""The PDF of all pages: read back with other means than it was written with."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image, PdfParser
from tests.unit.grids import color, solid

from neural_style.errors import NeuralStyleError
from neural_style.report import grid_render as pdf
from neural_style.report.grid_render import LONG_EDGE, MAX_PIXELS, SMALLEST, page_side, write_pdf


def read_pages(path):
    """(width, height in points, picture) of each page."""
    with PdfParser.PdfParser(str(path)) as document:
        for reference in document.pages:
            page = document.read_indirect(reference)
            _, _, width, height = page[b"MediaBox"]
            image = document.read_indirect(page[b"Resources"][b"XObject"][b"P"])
            assert image.dictionary[b"Filter"].name == b"DCTDecode"
            picture = Image.open(io.BytesIO(image.buf[: image.dictionary[b"Length"]]))
            picture.load()
            assert picture.size == (image.dictionary[b"Width"], image.dictionary[b"Height"])
            yield width, height, picture


@pytest.fixture
def pages(tmp_path):
    sizes = [(300, 200), (20, 400), (64, 64)]
    return {f"page {n} é": solid(tmp_path / f"{n}.png", n, size) for n, size in enumerate(sizes, 1)}


def test_every_picture_is_a_page_in_order(tmp_path, pages):
    path = tmp_path / "new" / "all.pdf"
    write_pdf(pages, path, size=100, quality=90)
    read = list(read_pages(path))
    assert [picture.size for *_, picture in read] == [(100, 67), (5, 100), (64, 64)]
    for number, (width, height, picture) in enumerate(read, 1):
        assert max(width, height) == LONG_EDGE
        assert width / height == pytest.approx(picture.width / picture.height, rel=1e-3)
        middle = picture.getpixel((picture.width // 2, picture.height // 2))
        assert middle == pytest.approx(color(number), abs=4)


def test_each_object_is_where_the_table_says(tmp_path, pages):
    path = tmp_path / "all.pdf"
    write_pdf(pages, path, 100, 90)
    data = path.read_bytes()
    (found,) = re.findall(rb"startxref\n(\d+)\n%%EOF\n$", data)
    start = int(found)
    lines = data[start:].split(b"\n")
    assert lines[:2] == [b"xref", b"0 16"]
    entries = lines[2:18]
    assert all(len(entry) == 19 for entry in entries), "an entry is not 20 bytes with its end"
    for number, entry in enumerate(entries[1:], 1):
        assert data[int(entry[:10]) :].startswith(b"%d 0 obj\n" % number)


def test_the_outline_names_every_page(tmp_path, pages):
    path = tmp_path / "all.pdf"
    write_pdf(pages, path, 100, 90)
    with PdfParser.PdfParser(str(path)) as document:
        outline = document.read_indirect(document.root[b"Outlines"])
        assert outline[b"Count"] == 3
        reference, titles, targets = outline[b"First"], [], []
        previous = None
        while reference:
            entry = document.read_indirect(reference)
            assert entry.get(b"Prev") == previous
            titles.append(entry[b"Title"].decode("utf-16"))
            targets.append(entry[b"Dest"][0])
            previous, reference = reference, entry.get(b"Next")
        assert previous == outline[b"Last"]
        assert titles == list(pages)
        assert targets == document.pages


def test_the_same_pages_make_the_same_bytes(tmp_path, pages):
    for name in ("one.pdf", "two.pdf"):
        write_pdf(pages, tmp_path / name, 100, 90)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()


def test_a_page_that_cannot_be_read_leaves_the_old_file(tmp_path, pages):
    path = tmp_path / "all.pdf"
    path.write_bytes(b"old")
    (tmp_path / "3.png").write_bytes(b"torn")
    with pytest.raises(NeuralStyleError, match=r"cannot read '.*3\.png'"):
        write_pdf(pages, path, 100, 90)
    assert path.read_bytes() == b"old"
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "1.png",
        "2.png",
        "3.png",
        "all.pdf",
    ]


def test_one_picture_is_in_memory_at_a_time(tmp_path, pages, monkeypatch):
    events = []

    def load(path):
        events.append(f"read {path.stem}")
        return Image.new("RGB", (8, 8))

    def add(self, dictionary, data=None):
        if "/Type /Page " in dictionary:
            events.append("page")
        return real(self, dictionary, data)

    real = pdf._Writer.add
    monkeypatch.setattr(pdf, "load_image", load)
    monkeypatch.setattr(pdf._Writer, "add", add)
    write_pdf(pages, tmp_path / "all.pdf", 100, 90)
    assert events == ["read 1", "page", "read 2", "page", "read 3", "page"]


def test_very_many_pages_are_smaller():
    assert page_side(1, 2000) == page_side(999, 2000) == 2000
    assert page_side(4000, 2000) ** 2 * 4000 <= MAX_PIXELS
    assert page_side(10**6, 2000) == SMALLEST
