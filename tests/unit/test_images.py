"""Image files: every kind that is read, every way a file can be bad, the fits, the output."""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageFile, JpegImagePlugin

from neural_style.errors import NeuralStyleError
from neural_style.formats import FITS, IMAGE_SUFFIXES, OUTPUT_FORMATS
from neural_style.images import ImageError, fit_image, load_image, save_image
from neural_style.pixels import srgb_profile

Pixels = np.ndarray


def smooth(width: int, height: int) -> Image.Image:
    """A picture without any symmetry, mild enough for JPEG to keep it within a few levels."""
    y, x = np.mgrid[0:height, 0:width]
    red, green, blue = 255 * x / width, 255 * y / height, 90 + 60 * x * y / (width * height)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def levels(image: Image.Image) -> Pixels:
    """The pixels as signed integers, so that differences do not wrap."""
    return np.asarray(image).astype(np.int32)


def loaded(path: Path) -> Pixels:
    return levels(load_image(path))


def assert_close(actual: Pixels, expected: Pixels, tolerance: int) -> None:
    assert actual.shape == expected.shape
    worst = int(np.abs(actual - expected).max())
    assert worst <= tolerance, f"off by {worst} levels, at most {tolerance} expected"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, depth: int, colour: int, rows: bytes, before: bytes = b""
) -> bytes:
    """A PNG with any header, whatever its rows hold; `before` are chunks ahead of the data."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def encode(image: Image.Image, encoder: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, encoder, **options)
    return buffer.getvalue()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# --- Kinds of pixels -----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_every_suffix_is_read(tmp_path: Path, suffix: str) -> None:
    picture = smooth(40, 30)
    path = tmp_path / f"a{suffix}"
    picture.save(path)
    image = load_image(path)
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert image.info == {}
    tolerance = {".gif": 40, ".jpg": 12, ".jpeg": 12, ".webp": 20}.get(suffix, 0)
    assert_close(levels(image), levels(picture), tolerance)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = write(tmp_path / "really_a_png.jpg", encode(smooth(20, 10), "PNG"))
    assert_close(loaded(path), levels(smooth(20, 10)), 0)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_modes_without_alpha(tmp_path: Path, mode: str) -> None:
    picture = smooth(24, 16).convert(mode)
    picture.save(tmp_path / "a.png")
    assert_close(loaded(tmp_path / "a.png"), levels(picture.convert("RGB")), 0)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_alpha_is_composited_on_white(tmp_path: Path, suffix: str) -> None:
    rgba = np.zeros((1, 3, 4), dtype=np.uint8)
    rgba[0] = [(200, 0, 40, 255), (200, 0, 40, 128), (200, 0, 40, 0)]
    Image.fromarray(rgba).save(tmp_path / f"a{suffix}", lossless=True)
    expected = [[(200, 0, 40), (227, 127, 147), (255, 255, 255)]]
    assert_close(loaded(tmp_path / f"a{suffix}"), np.array(expected), 1)


def test_grey_with_alpha(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[100, 255], [100, 0]]], dtype=np.uint8), "LA").save(
        tmp_path / "a.png"
    )
    assert loaded(tmp_path / "a.png")[0].tolist() == [[100] * 3, [255] * 3]


def test_premultiplied_grey_tiff(tmp_path: Path) -> None:
    samples = np.array([[[64, 128], [255, 255]]], dtype=np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", samples, photometric="minisblack", extrasamples=["assocalpha"]
    )
    assert_close(loaded(tmp_path / "a.tif")[0, :, 0], np.array([64 + 127, 255]), 1)


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 255])])
def test_palette_with_transparency(tmp_path: Path, transparency: int | bytes) -> None:
    picture = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), "P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "a.png", transparency=transparency)
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
def test_transparent_grey_of_every_png_depth(
    tmp_path: Path, depth: int, row: bytes, key: int, expected: list[int]
) -> None:
    data = png(2, 1, depth, 0, b"\0" + row, chunk(b"tRNS", struct.pack(">H", key)))
    assert loaded(write(tmp_path / "a.png", data))[0, :, 0].tolist() == expected


def test_transparent_colour_of_a_png(tmp_path: Path) -> None:
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


# --- Depth ---------------------------------------------------------------------------------

DEEP = np.array([[0, 257, 1000, 32768, 65000, 65535]], dtype=np.uint16)
SCALED = np.array([[0, 1, 4, 128, 253, 255]])


def test_16_bit_grey_png_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(DEEP).save(tmp_path / "a.png")
    assert loaded(tmp_path / "a.png")[:, :, 1].tolist() == SCALED.tolist()


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_grey_tiff(tmp_path: Path, byteorder: Literal["<", ">"]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", DEEP, byteorder=byteorder)
    assert loaded(tmp_path / "a.tif")[:, :, 0].tolist() == SCALED.tolist()


def test_16_bit_grey_tiff_whose_white_is_zero(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", DEEP, photometric="miniswhite")
    assert_close(loaded(tmp_path / "a.tif")[:, :, 0], 255 - SCALED, 1)


def test_12_bit_grey_tiff(tmp_path: Path) -> None:
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
    ("colour", "samples"), [(2, (0, 32768, 65535)), (6, (0, 32768, 65535, 65535))]
)
def test_16_bit_rgb_png(tmp_path: Path, colour: int, samples: tuple[int, ...]) -> None:
    data = png(1, 1, 16, colour, b"\0" + struct.pack(f">{len(samples)}H", *samples))
    assert loaded(write(tmp_path / "a.png", data))[0, 0].tolist() == [0, 128, 255]


def test_16_bit_grey_png_with_alpha(tmp_path: Path) -> None:
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


def test_integers_of_32_bits(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "fits.tif", DEEP.astype(np.int32))
    tifffile.imwrite(tmp_path / "beyond.tif", DEEP.astype(np.int32) * 2)
    assert loaded(tmp_path / "fits.tif")[:, :, 2].tolist() == SCALED.tolist()
    with pytest.raises(ImageError, match=r"beyond\.tif.*scale is unknown"):
        load_image(tmp_path / "beyond.tif")


# --- First frame ---------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".webp", ".png"])
def test_the_first_frame_is_taken(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:])
    assert_close(loaded(tmp_path / f"a{suffix}"), levels(frames[0]), 3)


def test_the_first_picture_of_a_camera_jpeg_is_taken(tmp_path: Path) -> None:
    """Phones put several JPEGs in one file (MPO) and call it .jpg."""
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert_close(loaded(write(tmp_path / "a.jpg", data)), levels(frames[0]), 3)


# --- Orientation ---------------------------------------------------------------------------


def stored(upright: Pixels, orientation: int) -> Pixels:
    """The rows as a camera stores them: where the EXIF standard puts row 0 and column 0."""
    return {
        1: upright,  # row 0 at the top, column 0 at the left
        2: upright[:, ::-1],  # top, right
        3: upright[::-1, ::-1],  # bottom, right
        4: upright[::-1],  # bottom, left
        5: upright.swapaxes(0, 1),  # left, top
        6: upright[:, ::-1].swapaxes(0, 1),  # right, top
        7: upright[::-1, ::-1].swapaxes(0, 1),  # right, bottom
        8: upright[::-1].swapaxes(0, 1),  # left, bottom
    }[orientation]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_come_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = np.asarray(smooth(48, 32))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(stored(upright, orientation)))
    kept: dict[str, Any] = {".jpg": {"quality": 100, "subsampling": 0}, ".webp": {"lossless": True}}
    picture.save(tmp_path / f"a{suffix}", exif=exif, **kept.get(suffix, {}))
    tolerance = 4 if suffix == ".jpg" else 0
    assert_close(loaded(tmp_path / f"a{suffix}"), upright.astype(int), tolerance)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_impossible_orientation_is_ignored(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    smooth(20, 10).save(tmp_path / "a.png", exif=exif)
    assert load_image(tmp_path / "a.png").size == (20, 10)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    "metadata",
    [
        (b"eXIf", b"MM\0*\0\0\xff\xff" + bytes(range(40))),
        (b"eXIf", b"neither byte order"),
        (b"tEXt", b"Raw profile type exif\0\nexif\n 4\nnot hexadecimal"),
    ],
)
def test_broken_exif_does_not_cost_the_picture(
    tmp_path: Path, metadata: tuple[bytes, bytes]
) -> None:
    data = png(2, 1, 8, 0, bytes([0, 10, 200]), before=chunk(*metadata))
    assert loaded(write(tmp_path / "a.png", data))[0, :, 0].tolist() == [10, 200]


# --- Colour profiles -----------------------------------------------------------------------

SRGB_TO_XYZ = np.array(  # D50, columns: the colorants of sRGB
    [
        [0.43607, 0.38515, 0.14307],
        [0.22249, 0.71687, 0.06061],
        [0.01392, 0.09708, 0.71410],
    ]
)
P3_TO_XYZ = np.array(
    [
        [0.51512, 0.29198, 0.15710],
        [0.24120, 0.69225, 0.06657],
        [-0.00105, 0.04189, 0.78407],
    ]
)
GRID = Image.fromarray(
    np.stack(np.meshgrid(*[np.arange(0, 256, 15, dtype=np.uint8)] * 3), -1).reshape(-1, 18, 3)
)


def rgb_profile(to_xyz: Pixels) -> bytes:
    """An ICC profile with the tone curve of sRGB and other primaries (columns of `to_xyz`)."""
    data = bytearray(srgb_profile())
    count = struct.unpack_from(">I", data, 128)[0]
    for entry in range(132, 132 + 12 * count, 12):
        name, offset, _ = struct.unpack_from(">4sII", data, entry)
        if name in (b"rXYZ", b"gXYZ", b"bXYZ"):
            column = to_xyz[:, b"rgb".index(name[0])]
            struct.pack_into(">3i", data, offset + 8, *np.rint(column * 65536).astype(int))
    return bytes(data)


def profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC version 2 profile from its tags' data."""
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02400000, kind, space,
                         connection)  # fmt: skip
    header += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061)  # the illuminant, D50
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def white_point() -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)


def linear_grey_profile() -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    return profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": white_point(), b"kTRC": curve})


def black_ink_only_profile() -> bytes:
    """A CMYK profile in which cyan, magenta and yellow leave no trace: black alone darkens."""
    ramp = bytes(range(256))
    corners = b"".join(bytes([0 if i & 1 else 255, 128, 128]) for i in range(16))
    identity = struct.pack(">9i", *np.rint(np.eye(3) * 65536).astype(int).ravel())
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + corners + ramp * 3
    return profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": white_point(), b"A2B0": lut})


def through_srgb_curve(linear: Pixels) -> Pixels:
    """Linear light to sRGB levels, IEC 61966-2-1."""
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * encoded).astype(int)


def linear_light(values: Pixels) -> Pixels:
    encoded = values / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("profiled", [srgb_profile(), rgb_profile(SRGB_TO_XYZ)])
def test_srgb_tagged_pixels_stay(tmp_path: Path, profiled: bytes) -> None:
    GRID.save(tmp_path / "a.png", icc_profile=profiled)
    assert_close(loaded(tmp_path / "a.png"), levels(GRID), 1)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_display_p3_is_converted(tmp_path: Path, suffix: str) -> None:
    red = Image.new("RGB", (16, 16), (200, 100, 100))
    red.save(tmp_path / f"a{suffix}", icc_profile=rgb_profile(P3_TO_XYZ), quality=100)
    light = np.linalg.inv(SRGB_TO_XYZ) @ P3_TO_XYZ @ linear_light(np.array([200, 100, 100]))
    expected = through_srgb_curve(light)
    assert expected[0] > 205
    assert expected[1] < 98
    assert_close(loaded(tmp_path / f"a{suffix}")[8, 8], expected, 3)


def test_display_p3_matches_the_formula_over_the_whole_cube(tmp_path: Path) -> None:
    GRID.save(tmp_path / "a.png", icc_profile=rgb_profile(P3_TO_XYZ))
    light = linear_light(levels(GRID)) @ (np.linalg.inv(SRGB_TO_XYZ) @ P3_TO_XYZ).T
    assert_close(loaded(tmp_path / "a.png"), through_srgb_curve(light), 2)


def test_a_profile_applies_to_a_palette_and_spares_alpha(tmp_path: Path) -> None:
    swapped = rgb_profile(SRGB_TO_XYZ[:, ::-1])
    palette = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.save(tmp_path / "p.png", icc_profile=swapped)
    rgba = Image.fromarray(np.array([[[255, 0, 0, 255], [255, 0, 0, 0]]], dtype=np.uint8))
    rgba.save(tmp_path / "a.png", icc_profile=swapped)
    assert_close(loaded(tmp_path / "p.png")[0], np.array([[0, 0, 255], [255, 0, 0]]), 1)
    assert_close(loaded(tmp_path / "a.png")[0], np.array([[0, 0, 255], [255] * 3]), 1)


def test_a_grey_profile_is_applied(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    Image.fromarray(ramp).save(tmp_path / "a.png", icc_profile=linear_grey_profile())
    expected = through_srgb_curve(ramp / 255)
    assert_close(loaded(tmp_path / "a.png")[:, :, 0], expected, 2)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_a_cmyk_profile_is_applied(tmp_path: Path, suffix: str) -> None:
    for name, inks in {"cyan": (255, 0, 0, 0), "black": (0, 0, 0, 255)}.items():
        picture = Image.new("CMYK", (16, 16), inks)
        picture.save(tmp_path / f"{name}{suffix}", icc_profile=black_ink_only_profile())
    assert loaded(tmp_path / f"cyan{suffix}").min() >= 250
    assert loaded(tmp_path / f"black{suffix}").max() <= 5


@pytest.mark.parametrize(
    "broken",
    [
        b"no profile at all",
        srgb_profile()[:200],
        srgb_profile()[:128] + bytes(460),
        linear_grey_profile(),  # sound, but not for colour
        black_ink_only_profile(),
    ],
)
def test_a_broken_or_unfitting_profile_counts_as_absent(tmp_path: Path, broken: bytes) -> None:
    GRID.save(tmp_path / "a.png", icc_profile=broken)
    assert_close(loaded(tmp_path / "a.png"), levels(GRID), 0)


def test_a_colour_profile_on_grey_counts_as_absent(tmp_path: Path) -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    ramp.save(tmp_path / "a.png", icc_profile=rgb_profile(SRGB_TO_XYZ[:, ::-1]))
    assert_close(loaded(tmp_path / "a.png"), levels(ramp.convert("RGB")), 0)


# --- Bad files -----------------------------------------------------------------------------


def refusal(path: Path, **options: int) -> str:
    """The message of the error that loading must end with: one sentence that names the file."""
    with pytest.raises(ImageError) as caught:
        load_image(path, **options)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_missing(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "a.jpg")


def test_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    assert "no such file" in refusal(tmp_path / "a.jpg")


def test_endless_link(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "a.jpg")
    assert "symbolic links" in refusal(tmp_path / "a.jpg")


def test_directory(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    assert "is a directory" in refusal(tmp_path / "a.jpg")


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert "not a regular file" in refusal(tmp_path / "a.jpg")


def test_empty(tmp_path: Path) -> None:
    assert "is empty" in refusal(write(tmp_path / "a.jpg", b""))


def test_text_in_disguise(tmp_path: Path) -> None:
    assert "not an image" in refusal(write(tmp_path / "a.jpg", b"<html>404 Not Found</html>\n" * 9))


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated, since chmod does not stop root."""
    path = write(tmp_path / "a.png", encode(smooth(8, 8), "PNG"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "permission denied" in refusal(path)


def test_a_hostile_name_stays_on_one_printable_line(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(tmp_path / "a\n\x1b[31m\udcff.jpg")
    message = str(caught.value)
    assert message.isprintable()
    message.encode("utf-8")


def test_a_name_with_a_null_byte(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        load_image(tmp_path / "a\0.jpg")


def test_other_decoders_never_run(tmp_path: Path) -> None:
    """PostScript would be handed to an interpreter; Pillow knows some 40 more formats."""
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    for name, data in {"a.eps": eps, "b.jpg": eps, "c.png": encode(smooth(8, 8), "PPM")}.items():
        assert "not an image" in refusal(write(tmp_path / name, data))


@pytest.mark.parametrize("kept", [0.05, 0.2, 0.5, 0.8, 0.97])
@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_truncated(tmp_path: Path, encoder: str, options: dict[str, Any], kept: float) -> None:
    data = encode(noise(64, 48), encoder, **options)
    path = write(tmp_path / f"cut.{encoder.lower()}", data[: int(len(data) * kept)])
    refusal(path)


def test_truncated_images_stay_forbidden(tmp_path: Path) -> None:
    data = encode(noise(64, 48), "JPEG")
    refusal(write(tmp_path / "a.jpg", data[: len(data) // 2]))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("side", [10_001, 60_000, 2**31 - 1])
def test_a_header_that_claims_too_much_is_refused(tmp_path: Path, side: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        message = refusal(write(tmp_path / "a.png", png(side, side, 8, 2, b"")))
    assert "make it smaller" in message


def test_the_limit_holds_before_any_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture of zeros packs a thousand to one; nothing of it may be unpacked."""
    path = tmp_path / "bomb.png"
    Image.new("L", (3000, 3000)).save(path)
    assert path.stat().st_size < 50_000

    def unpack(_: ImageFile.ImageFile) -> None:
        pytest.fail("the picture was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", unpack)
    assert "3000 × 3000 px, over the limit of 8999999" in refusal(path, max_pixels=8_999_999)


def test_the_limit_itself_is_allowed(tmp_path: Path) -> None:
    smooth(20, 10).save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png", max_pixels=200).size == (20, 10)
    refusal(tmp_path / "a.png", max_pixels=199)


def test_pillows_guard_gives_our_sentence_and_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smooth(20, 10).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90)
    assert "more pixels than Pillow decodes" in refusal(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "more pixels than Pillow decodes" in refusal(tmp_path / "a.png")
    assert Image.MAX_IMAGE_PIXELS == 150


def test_compressed_text_bomb(tmp_path: Path) -> None:
    text = b"comment\0\0" + zlib.compress(bytes(4_000_000))
    data = png(1, 1, 8, 0, b"\0\0", before=chunk(b"zTXt", text))
    refusal(write(tmp_path / "a.png", data))


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_no_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    refusal(write(tmp_path / "a.png", png(*size, 8, 0, b"")))
    gif = b"GIF89a" + struct.pack("<2H", *size) + bytes([0, 0, 0]) + b";"
    refusal(write(tmp_path / "a.gif", gif))


def mutants(data: bytes, count: int, generator: np.random.Generator) -> list[bytes]:
    """Damaged copies: some bytes changed, a stretch lost, or noise after the header."""
    copies = []
    for index in range(count):
        copy = bytearray(data)
        start = int(generator.integers(8, len(copy)))
        match index % 3:
            case 0:
                for place in generator.integers(8, len(copy), size=4):
                    copy[place] = int(generator.integers(256))
            case 1:
                del copy[start : start + int(generator.integers(1, 40))]
            case _:
                copy[start:] = generator.bytes(len(copy) - start)
        copies.append(bytes(copy))
    return copies


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("encoder", ["JPEG", "PNG", "WEBP", "TIFF", "TIFF-LZW", "BMP", "GIF"])
def test_damage_ends_in_a_picture_or_an_image_error(tmp_path: Path, encoder: str) -> None:
    name, _, packed = encoder.partition("-")
    options: dict[str, Any] = {"compression": "tiff_lzw"} if packed else {}
    exif = Image.Exif()
    exif[0x0112] = 6
    if name in ("JPEG", "PNG", "WEBP"):
        options |= {"exif": exif, "icc_profile": rgb_profile(P3_TO_XYZ)}
    data = encode(noise(12, 9), name, **options)
    generator = np.random.default_rng(zlib.crc32(encoder.encode()))
    outcomes = set()
    for mutant in mutants(data, 30, generator):
        path = write(tmp_path / "mutant", mutant)
        try:
            image = load_image(path, max_pixels=1_000_000)
        except ImageError:
            outcomes.add("refused")
        else:
            assert image.mode == "RGB"
            outcomes.add("read")
    assert "refused" in outcomes


def test_threads_may_load_together(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(4)]
    for index, path in enumerate(paths):
        noise(32, 32, index).save(path, icc_profile=srgb_profile())
    results: dict[Path, Pixels] = {}

    def work(path: Path) -> None:
        results[path] = loaded(path)

    threads = [threading.Thread(target=work, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, path in enumerate(paths):
        assert_close(results[path], levels(noise(32, 32, index)), 1)


# --- Fits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fit", "expected"),
    [("stretch", (32, 32)), ("crop", (32, 32)), ("pad", (32, 32)), ("keep", (32, 16))],
)
def test_sizes_of_the_fits(fit: str, expected: tuple[int, int]) -> None:
    width, height = expected
    assert fit_image(smooth(80, 40), 32, fit).size == expected
    assert fit_image(smooth(40, 80), 32, fit).size == (height, width)
    assert fit_image(smooth(8, 4), 32, fit).size == expected


def test_the_fits_are_those_of_the_config() -> None:
    for fit in FITS:
        assert fit_image(smooth(20, 20), 20, fit).mode == "RGB"
    with pytest.raises(ValueError, match="stretch, crop, pad, keep"):
        fit_image(smooth(20, 20), 20, "cover")


@pytest.mark.parametrize("fit", FITS)
def test_a_square_of_the_right_size_is_untouched(fit: str) -> None:
    assert_close(levels(fit_image(noise(24, 24), 24, fit)), levels(noise(24, 24)), 0)


def test_crop_takes_the_centre_in_both_directions() -> None:
    values = np.zeros((16, 48, 3), dtype=np.uint8)
    values[:, 16:32] = 200
    wide = Image.fromarray(values)
    tall = wide.transpose(Image.Transpose.ROTATE_90)
    for picture in (wide, tall):
        assert np.unique(levels(fit_image(picture, 16, "crop"))).tolist() == [200]
        assert np.unique(levels(fit_image(picture, 16, "stretch"))).size > 1


@pytest.mark.parametrize("size", [(32, 20), (20, 32), (32, 3), (32, 1)])
def test_pad_mirrors_about_the_edges(size: tuple[int, int]) -> None:
    """Already of the right long side, so the picture itself must be found untouched."""
    picture = levels(noise(*size))
    padded = levels(fit_image(noise(*size), 32, "pad"))
    top, left = (32 - size[1]) // 2, (32 - size[0]) // 2
    assert_close(padded[top : top + size[1], left : left + size[0]], picture, 0)
    for axis, start, length in ((0, top, size[1]), (1, left, size[0])):
        rows = np.moveaxis(padded, axis, 0)
        for distance in range(min(start, 32 - start - length)):
            above, below = rows[start - 1 - distance], rows[start + length + distance]
            place = distance % (2 * length)
            mirrored = place if place < length else 2 * length - 1 - place
            assert (above == rows[start + mirrored]).all()
            assert (below == rows[start + length - 1 - mirrored]).all()


def test_keep_rounds_the_short_side() -> None:
    assert fit_image(smooth(100, 67), 50, "keep").size == (50, 34)
    assert fit_image(smooth(100, 66), 50, "keep").size == (50, 33)


@pytest.mark.parametrize(
    ("fit", "size", "target"), [("pad", (3000, 2), 512), ("keep", (600, 15), 600)]
)
def test_too_narrow_an_image_is_refused(fit: str, size: tuple[int, int], target: int) -> None:
    with pytest.raises(ImageError, match=rf"{size[0]} × {size[1]} px.*{fit}.*{target}"):
        fit_image(Image.new("RGB", size), target, fit)
    assert fit_image(Image.new("RGB", size), 64, "crop").size == (64, 64)


def test_keep_allows_sixteen_pixels() -> None:
    assert fit_image(Image.new("RGB", (600, 16)), 600, "keep").size == (600, 16)


def test_shrinking_averages_instead_of_skipping() -> None:
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    picture = Image.fromarray(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))
    assert_close(levels(fit_image(picture, 16, "stretch")), np.full((16, 16, 3), 128), 3)


# --- Output --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [*OUTPUT_FORMATS.values(), ".jpeg", ".PNG"])
def test_saved_pictures_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "deep" / "folder" / f"a{suffix}"
    save_image(smooth(64, 48), path)
    tolerance = {".png": 0, ".webp": 16}.get(suffix.lower(), 8)
    assert_close(loaded(path), levels(smooth(64, 48)), tolerance)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS.values())
def test_the_same_picture_makes_the_same_bytes_with_an_srgb_profile(
    tmp_path: Path, suffix: str
) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    save_image(noise(32, 32), first)
    save_image(noise(32, 32), second)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.info["icc_profile"] == srgb_profile()


def test_the_profile_is_srgb_and_bears_a_fixed_date() -> None:
    data = srgb_profile()
    assert struct.unpack(">6H", data[24:36]) == (2000, 1, 1, 0, 0, 0)
    opened = ImageCms.ImageCmsProfile(io.BytesIO(data))
    assert "sRGB" in ImageCms.getProfileDescription(opened)


def test_jpeg_keeps_full_chroma_and_obeys_quality(tmp_path: Path) -> None:
    for quality in (50, 95):
        save_image(noise(64, 64), tmp_path / f"{quality}.jpg", quality)
    with Image.open(tmp_path / "95.jpg") as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3
    assert (tmp_path / "50.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size


def test_noise_at_full_quality_is_saved(tmp_path: Path) -> None:
    """Pillow's encoder fails on this ("broken data stream") when told to optimise."""
    save_image(noise(512, 512), tmp_path / "a.jpg", quality=100)
    assert_close(loaded(tmp_path / "a.jpg"), levels(noise(512, 512)), 8)


def test_an_image_too_large_for_its_format_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.webp.*20000 × 1 px"):
        save_image(Image.new("RGB", (20_000, 1)), tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.tga.*\.jpg, \.png, \.webp"):
        save_image(smooth(8, 8), tmp_path / "a.tga")


def test_only_rgb_is_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mode L"):
        save_image(Image.new("L", (8, 8)), tmp_path / "a.png")


def test_a_failed_write_keeps_the_old_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_image(smooth(8, 8), tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def fill_up(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(NeuralStyleError, match="No space left"):
        save_image(noise(8, 8), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
