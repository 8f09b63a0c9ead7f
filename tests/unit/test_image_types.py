"""The types of images that phones, cameras and the web make: HEIC, AVIF, JPEG XL, MPO."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.unit.images import assert_close, levels, loaded, smooth

from neural_style.images.decode import ImageError, load_image, load_opacity, upright_size
from neural_style.images.formats import open_image

pillow_heif = pytest.importorskip("pillow_heif")
pillow_jxl = pytest.importorskip("pillow_jxl")

MODERN = ("HEIF", "AVIF", "JXL")
LEFT_SIDE_UP = 6  # EXIF orientation of a phone held upright
JXL_BOX = b"\0\0\0\x0cJXL \r\n\x87\n"


@pytest.fixture(autouse=True, scope="module")
def registered() -> None:
    pillow_heif.register_heif_opener()


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, quality=95, **options)
    return file.getvalue()


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def oriented() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = LEFT_SIDE_UP
    return exif.tobytes()


@pytest.mark.parametrize("kind", MODERN)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_modern_types_are_decoded_whatever_they_are_called(tmp_path: Path, kind: str, mode: str):
    image = smooth(96, 64).convert(mode)
    path = written(tmp_path / "a.jpg", encoded(image, kind))
    assert_close(loaded(path), levels(image.convert("RGB")), 16)
    assert upright_size(path) == (96, 64)


@pytest.mark.parametrize("kind", MODERN)
def test_their_opacity_is_read(tmp_path: Path, kind: str):
    image = smooth(96, 64)
    image.putalpha(Image.linear_gradient("L").resize((96, 64)))
    path = written(tmp_path / "a", encoded(image, kind))
    opacity = load_opacity(path)
    assert opacity is not None
    assert_close(levels(opacity), levels(image.getchannel("A")), 6)
    assert load_opacity(written(tmp_path / "b", encoded(smooth(96, 64), kind))) is None


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_photo_that_was_taken_upright_is_upright(tmp_path: Path, kind: str):
    path = written(tmp_path / "a", encoded(smooth(96, 64), kind, exif=oriented()))
    expected = smooth(96, 64).transpose(Image.Transpose.ROTATE_270)
    assert upright_size(path) == (64, 96)
    assert_close(loaded(path), levels(expected), 12)


def test_jpeg_xl_has_an_orientation_of_its_own_unless_it_is_a_repacked_jpeg(tmp_path: Path):
    path = written(tmp_path / "a.jxl", encoded(smooth(96, 64), "JXL", exif=oriented()))
    assert upright_size(path) == (96, 64)
    assert_close(loaded(path), levels(smooth(96, 64)), 16)
    smooth(96, 64).save(tmp_path / "a.jpg", quality=95, exif=oriented())
    with Image.open(tmp_path / "a.jpg") as jpeg:
        jpeg.save(tmp_path / "repacked.jxl", lossless_jpeg=True)
    assert (tmp_path / "repacked.jxl").read_bytes().startswith(JXL_BOX)
    assert upright_size(tmp_path / "repacked.jxl") == (64, 96)
    assert_close(loaded(tmp_path / "repacked.jxl"), loaded(tmp_path / "a.jpg"), 0)


def test_of_several_photos_in_a_file_the_first_is_read(tmp_path: Path):
    first, second = smooth(96, 64), smooth(48, 32)
    first.save(tmp_path / "a.mpo", "MPO", save_all=True, append_images=[second], quality=95)
    assert_close(loaded(tmp_path / "a.mpo"), levels(first), 8)
    heif = pillow_heif.from_pillow(second)
    heif.add_from_pillow(first)
    heif.save(tmp_path / "a.heic", quality=95, primary_index=1)
    assert_close(loaded(tmp_path / "a.heic"), levels(first), 12)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_general_brand_in_front_does_not_hide_the_type(tmp_path: Path, kind: str):
    data = bytearray(encoded(smooth(96, 64), kind))
    data[8:12] = b"mif1"
    assert_close(loaded(written(tmp_path / "a", bytes(data))), levels(smooth(96, 64)), 12)


def with_code_points(primaries: int, transfer: int) -> bytes:
    """An AVIF file of one color, marked with another color space."""
    data = encoded(Image.new("RGB", (32, 32), (200, 60, 40)), "AVIF", subsampling="4:4:4")
    before, name, after = data.partition(b"colrnclx")
    return before + name + struct.pack(">2H", primaries, transfer) + after[4:]


def test_colors_by_code_points_are_converted(tmp_path: Path):
    plain = loaded(written(tmp_path / "srgb", with_code_points(1, 13)))[0, 0]
    assert_close(plain, np.array([200, 60, 40]), 3)
    wide = loaded(written(tmp_path / "p3", with_code_points(12, 13)))[0, 0]
    # From the matrices of Display P3 and sRGB.
    assert_close(wide, np.array([218, 44, 27]), 4)
    assert wide[0] < loaded(written(tmp_path / "2020", with_code_points(9, 1)))[0, 0][0]
    linear = loaded(written(tmp_path / "linear", with_code_points(1, 8)))[0, 0]
    assert_close(linear, np.array([228, 133, 110]), 4)


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_a_high_dynamic_range_is_named_and_not_shown_gray(tmp_path: Path, transfer: int, name: str):
    path = written(tmp_path / "a.avif", with_code_points(9, transfer))
    with pytest.raises(ImageError, match=rf"high dynamic range \({name}\).*; export it"):
        load_image(path)


@pytest.mark.parametrize("kind", MODERN)
def test_half_of_a_file_is_refused_in_a_sentence(tmp_path: Path, kind: str):
    data = encoded(smooth(96, 64), kind)
    path = written(tmp_path / "a", data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"^cannot read '.*a': it is "):
        load_image(path)


SIZES = [(1, 1), (8, 8), (256, 256), (300, 200), (1000, 750), (640, 360), (513, 100), (9000, 3)]


@pytest.mark.parametrize("box", [False, True], ids=["bare", "in boxes"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_size_of_jpeg_xl_is_known_before_it_is_decoded(size: tuple[int, int], box: bool):
    seen: list[tuple[int, int]] = []
    data = encoded(Image.new("RGB", size), "JXL", use_container=box)
    with open_image(io.BytesIO(data), seen.append):
        assert seen == [size, size]


def jpeg_xl_of(side: int) -> bytes:
    """The start of a JPEG XL stream of a square image, whose decoding would take all memory."""
    bits = 0 | (3 << 1) | ((side - 1) << 3) | (1 << 33)  # not small, 30 bits, the ratio 1 : 1
    return b"\xff\x0a" + bits.to_bytes(6, "little") + bytes(40)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda stream: stream,
        lambda stream: JXL_BOX + struct.pack(">I4s", len(stream) + 8, b"jxlc") + stream,
        lambda stream: JXL_BOX + struct.pack(">I4s", 0, b"jxlc") + stream,
        lambda stream: (
            JXL_BOX
            + struct.pack(">I4sI", 15, b"jxlp", 0)
            + stream[:3]
            + struct.pack(">I4sQI", 1, b"jxlp", len(stream) + 17, 1)
            + stream[3:]
        ),
    ],
    ids=["bare", "box", "last box", "parts"],
)
def test_a_huge_jpeg_xl_is_refused_by_its_header(tmp_path: Path, wrap, monkeypatch):
    def decode(*arguments: object) -> object:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("pillow_jxl.JpegXLImagePlugin.Decoder", decode)
    path = written(tmp_path / "bomb.jxl", wrap(jpeg_xl_of(1 << 29)))
    with pytest.raises(ImageError, match=r"it has 536870912 × 536870912 px, over the limit"):
        load_image(path)


@pytest.mark.parametrize(
    ("kind", "module", "sentence"),
    [
        ("HEIF", "pillow_heif", "it is a HEIC image, for which the package pillow-heif is missing"),
        ("JXL", "pillow_jxl", "it is a JPEG XL image, for which the package pillow-jxl-plugin is"),
    ],
)
def test_a_missing_package_is_named(
    tmp_path: Path, kind: str, module: str, sentence: str, monkeypatch
):
    path = written(tmp_path / "a", encoded(smooth(48, 32), kind))
    monkeypatch.delitem(Image.OPEN, kind)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImageError, match=f"{sentence}.*; install it, or save"):
        load_image(path)
