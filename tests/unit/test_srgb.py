"""Pixels of every mode, transparency and depth become 8-bit RGB."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.unit.images import assert_close, chunk, levels, loaded, png, smooth, write

from neural_style.images.decode import ImageError, load_image


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_modes_without_alpha(tmp_path: Path, mode: str) -> None:
    image = smooth(24, 16).convert(mode)
    image.save(tmp_path / "a.png")
    assert_close(loaded(tmp_path / "a.png"), levels(image.convert("RGB")), 0)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_alpha_is_composited_on_white(tmp_path: Path, suffix: str) -> None:
    rgba = np.zeros((1, 3, 4), dtype=np.uint8)
    rgba[0] = [(200, 0, 40, 255), (200, 0, 40, 128), (200, 0, 40, 0)]
    Image.fromarray(rgba).save(tmp_path / f"a{suffix}", lossless=True)
    expected = [[(200, 0, 40), (227, 127, 147), (255, 255, 255)]]
    assert_close(loaded(tmp_path / f"a{suffix}"), np.array(expected), 1)


def test_gray_with_alpha(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[100, 255], [100, 0]]], dtype=np.uint8), "LA").save(
        tmp_path / "a.png"
    )
    assert loaded(tmp_path / "a.png")[0].tolist() == [[100] * 3, [255] * 3]


def test_premultiplied_gray_tiff(tmp_path: Path) -> None:
    samples = np.array([[[64, 128], [255, 255]]], dtype=np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", samples, photometric="minisblack", extrasamples=["assocalpha"]
    )
    assert_close(loaded(tmp_path / "a.tif")[0, :, 0], np.array([64 + 127, 255]), 1)


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 255])])
def test_palette_with_transparency(tmp_path: Path, transparency: int | bytes) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=transparency)
    assert loaded(tmp_path / "a.png")[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]


@pytest.mark.parametrize(
    ("depth", "row", "key", "expected"),
    [
        (1, bytes([0b01000000]), 1, [0, 255]),
        (2, bytes([0b01100000]), 1, [255, 170]),
        (4, bytes([0x3A]), 3, [255, 170]),
        (8, bytes([51, 170]), 51, [255, 170]),
        (16, struct.pack(">2H", 1000, 43690), 1000, [255, 170]),
    ],
)
def test_transparent_gray_of_every_png_depth(
    tmp_path: Path, depth: int, row: bytes, key: int, expected: list[int]
) -> None:
    data = png(2, 1, depth, 0, b"\0" + row, chunk(b"tRNS", struct.pack(">H", key)))
    assert loaded(write(tmp_path / "a.png", data))[0, :, 0].tolist() == expected


def test_transparent_color_of_a_png(tmp_path: Path) -> None:
    key = chunk(b"tRNS", struct.pack(">3H", 9, 8, 7))
    data = png(2, 1, 8, 2, bytes([0, 9, 8, 7, 9, 8, 6]), key)
    assert loaded(write(tmp_path / "a.png", data))[0].tolist() == [[255] * 3, [9, 8, 6]]


def test_cmyk_jpeg_and_tiff(tmp_path: Path) -> None:
    """Pillow stores CMYK JPEGs inverted with an Adobe marker, as Photoshop does."""
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    inks.save(tmp_path / "a.jpg", quality=100)
    inks.save(tmp_path / "a.tif")
    assert b"Adobe" in (tmp_path / "a.jpg").read_bytes()
    for name in ("a.jpg", "a.tif"):
        assert_close(loaded(tmp_path / name), levels(Image.new("RGB", (16, 16), (255, 0, 0))), 3)


def test_lab_tiff(tmp_path: Path) -> None:
    Image.new("LAB", (4, 4), (255, 128, 128)).save(tmp_path / "a.tif")
    assert loaded(tmp_path / "a.tif").min() >= 250


DEEP = np.array([[0, 257, 1000, 32768, 65000, 65535]], dtype=np.uint16)


SCALED = np.array([[0, 1, 4, 128, 253, 255]])


def test_16_bit_gray_png_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(DEEP).save(tmp_path / "a.png")
    assert loaded(tmp_path / "a.png")[:, :, 1].tolist() == SCALED.tolist()


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_gray_tiff(tmp_path: Path, byteorder: Literal["<", ">"]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", DEEP, byteorder=byteorder)
    assert loaded(tmp_path / "a.tif")[:, :, 0].tolist() == SCALED.tolist()


def test_16_bit_gray_tiff_whose_white_is_zero(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", DEEP, photometric="miniswhite")
    assert_close(loaded(tmp_path / "a.tif")[:, :, 0], 255 - SCALED, 1)


def test_12_bit_gray_tiff(tmp_path: Path) -> None:
    packed = bytes([0x00, 0x0F, 0xFF, 0x80, 0x00, 0x00])  # 0, 4095, 2048, 0
    tags = {256: 4, 257: 1, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 6}
    directory = b"".join(struct.pack("<2H2I", tag, 4, 1, value) for tag, value in tags.items())
    data = b"II*\0" + struct.pack("<I", 14) + packed + struct.pack("<H", len(tags)) + directory
    path = write(tmp_path / "a.tif", data + bytes(4))
    assert loaded(path)[0, :, 0].tolist() == [0, 255, 128, 0]


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_16_bit_rgb_tiff(
    tmp_path: Path, byteorder: Literal["<", ">"], compression: str | None
) -> None:
    samples = np.stack([DEEP, DEEP[:, ::-1], DEEP // 2], axis=-1)
    tifffile.imwrite(
        tmp_path / "a.tif",
        samples,
        photometric="rgb",
        byteorder=byteorder,
        compression=compression,
    )
    assert_close(loaded(tmp_path / "a.tif"), np.rint(samples / 257).astype(int), 1)


def test_16_bit_rgb_tiff_in_separate_planes_is_right_or_refused(tmp_path: Path) -> None:
    """Pillow decodes the uncompressed kind to noise and says nothing."""
    samples = np.stack([DEEP, DEEP[:, ::-1], DEEP // 2])
    options: dict[str, Any] = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(tmp_path / "raw.tif", samples, **options)
    tifffile.imwrite(tmp_path / "packed.tif", samples, **options, compression="zlib")
    expected = np.moveaxis(np.rint(samples / 257).astype(int), 0, -1)
    assert_close(loaded(tmp_path / "packed.tif"), expected, 1)
    with pytest.raises(ImageError, match=r"raw\.tif.*separate planes"):
        load_image(tmp_path / "raw.tif")


@pytest.mark.parametrize(
    ("color", "samples"), [(2, (0, 32768, 65535)), (6, (0, 32768, 65535, 65535))]
)
def test_16_bit_rgb_png(tmp_path: Path, color: int, samples: tuple[int, ...]) -> None:
    data = png(1, 1, 16, color, b"\0" + struct.pack(f">{len(samples)}H", *samples))
    assert loaded(write(tmp_path / "a.png", data))[0, 0].tolist() == [0, 128, 255]


def test_16_bit_gray_png_with_alpha(tmp_path: Path) -> None:
    data = png(2, 1, 16, 4, b"\0" + struct.pack(">4H", 32768, 65535, 32768, 0))
    assert loaded(write(tmp_path / "a.png", data))[0, :, 0].tolist() == [128, 255]


def test_floating_point_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0.0, 0.5, 1.0]], dtype=np.float32))
    assert_close(loaded(tmp_path / "a.tif")[0, :, 0], np.array([0, 128, 255]), 1)


@pytest.mark.parametrize("bad", [-0.01, 1.5, float("nan"), float("inf")])
def test_floating_point_out_of_range_is_an_error(tmp_path: Path, bad: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0.0, bad]], dtype=np.float32))
    with pytest.raises(ImageError, match=r"a\.tif.*between 0 and 1"):
        load_image(tmp_path / "a.tif")


GRAY = np.arange(0, 60000, 5000, dtype=np.uint16).reshape(3, 4)
UNSUPPORTED: dict[str, tuple[Any, dict[str, Any]]] = {
    "3 channels of 32-bit floating-point numbers": (
        np.stack([GRAY / 65535] * 3, -1).astype(np.float32), {"photometric": "rgb"}
    ),
    "3 channels of 16-bit floating-point numbers": (
        np.stack([GRAY / 65535] * 3, -1).astype(np.float16),
        {"photometric": "rgb", "byteorder": ">"},
    ),
    "3 channels of 32-bit floating-point numbers, in separate planes": (
        np.stack([GRAY / 65535] * 3).astype(np.float32),
        {"photometric": "rgb", "planarconfig": "separate", "bigtiff": True},
    ),
    "1 channel of 64-bit floating-point numbers": (GRAY / 65535, {}),
    "3 channels of 32-bit unsigned integers": (
        np.stack([GRAY] * 3, -1).astype(np.uint32), {"photometric": "rgb"}
    ),
    "2 channels of 16-bit unsigned integers": (
        np.stack([GRAY] * 2, -1),
        {"photometric": "minisblack", "extrasamples": ["unassalpha"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", UNSUPPORTED)
def test_a_tiff_that_pillow_cannot_decode_is_described(tmp_path: Path, layout: str) -> None:
    samples, options = UNSUPPORTED[layout]
    tifffile.imwrite(tmp_path / "a.tif", samples, **options)
    with pytest.raises(ImageError, match=f"it is a TIFF file with {layout}, which cannot be"):
        load_image(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["RGB", "L", "YCbCr", "CMYK"])
def test_a_tiff_with_jpeg_compression_is_right(tmp_path: Path, mode: str) -> None:
    image = smooth(48, 32).convert(mode)
    image.save(tmp_path / "a.tif", compression="jpeg", quality=95)
    assert_close(loaded(tmp_path / "a.tif"), levels(image.convert("RGB")), 8)
    data = (tmp_path / "a.tif").read_bytes()
    write(tmp_path / "b.tif", data.replace(b"\xff\xc0", b"\xff\xc3"))  # another process
    with pytest.raises(ImageError, match="8-bit unsigned integers, compression jpeg, which cannot"):
        load_image(tmp_path / "b.tif")


def test_integers_of_32_bits(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "fits.tif", DEEP.astype(np.int32))
    tifffile.imwrite(tmp_path / "beyond.tif", DEEP.astype(np.int32) * 2)
    assert loaded(tmp_path / "fits.tif")[:, :, 2].tolist() == SCALED.tolist()
    with pytest.raises(ImageError, match=r"beyond\.tif.*scale is unknown"):
        load_image(tmp_path / "beyond.tif")
