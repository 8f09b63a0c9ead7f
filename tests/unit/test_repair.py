"""Files with faults that do not touch their pixels are read; what lacks pixels is refused."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.unit.images import P3_TO_XYZ, chunk, encode, levels, noise, png, rgb_profile, smooth
from tests.unit.images import write as write_file

from neural_style.errors import NeuralStyleWarning
from neural_style.images import repair
from neural_style.images.decode import ImageError, load_image, load_opacity, upright_size
from neural_style.images.encode import load_comment

TURN = b"<x:xmpmeta><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>"
"""A quarter turn clockwise."""


def wrong(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file with a wrong checksum."""
    return chunk(kind, data)[:-4] + b"\1\2\3\4"


def rows(width: int, height: int) -> bytes:
    """The rows of `smooth` as a PNG file stores them, without a filter."""
    pixels = np.asarray(smooth(width, height)).reshape(height, -1)
    return np.pad(pixels, ((0, 0), (1, 0))).tobytes()


def smooth_png(before: bytes = b"", after: bytes = b"") -> bytes:
    """`smooth(40, 30)` with chunks before and after its pixels."""
    data = png(40, 30, 8, 2, rows(40, 30), before)
    return data[:-12] + after + data[-12:]


def assert_read(path: Path, expected: Image.Image, fault: str = "") -> None:
    """Reading gives these pixels, with one warning that names the file, or with none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        image = load_image(path)
    assert np.array_equal(levels(image), levels(expected))
    assert image.info == {}
    if not fault:
        assert caught == []
        return
    (warning,) = caught
    assert warning.category is NeuralStyleWarning
    assert str(path) in str(warning.message)
    assert fault in str(warning.message)


LONG = bytes(3 * 2**20)
LONG_TEXTS = {
    "zTXt": chunk(b"zTXt", b"comment\0\0" + zlib.compress(LONG)),
    "iTXt": chunk(b"iTXt", b"comment\0\1\0\0\0" + zlib.compress(LONG)),
    "many": chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(2**20))) * 70,
    "bomb": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(70 * 2**20))),
}


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("text", LONG_TEXTS)
def test_a_long_text_does_not_cost_the_image(tmp_path: Path, text: str, place: str) -> None:
    path = write_file(tmp_path / "a.png", smooth_png(**{place: LONG_TEXTS[text]}))
    assert_read(path, smooth(40, 30))
    assert upright_size(path) == (40, 30)
    assert load_opacity(path) is None
    assert load_comment(path) == ""


@pytest.mark.parametrize("kind", ["iTXt", "packed iTXt", "zTXt"])
def test_a_long_text_still_says_how_the_image_is_turned(tmp_path: Path, kind: str) -> None:
    key = b"XML:com.adobe.xmp\0"
    text = {
        "iTXt": chunk(b"iTXt", key + b"\0\0\0\0" + TURN) + LONG_TEXTS["zTXt"],
        "packed iTXt": chunk(b"iTXt", key + b"\1\0\0\0" + zlib.compress(TURN + LONG)),
        "zTXt": chunk(b"zTXt", key + b"\0" + zlib.compress(TURN + LONG)),
    }[kind]
    path = write_file(tmp_path / "a.png", smooth_png(before=text))
    assert_read(path, smooth(40, 30).transpose(Image.Transpose.ROTATE_270))
    assert upright_size(path) == (30, 40)


def test_all_texts_together_unpack_to_no_more_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "MAX_UNPACKED", 2**21)
    packed = zlib.compress(LONG)
    exif = chunk(b"zTXt", b"Raw profile type exif\0\0" + packed)
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed)
    data = smooth_png(after=(exif + xmp) * 30)
    repaired = repair.repair(data)
    size = len(repaired.data) if repaired else 0
    assert 2**21 < size < 2**21 + len(data)
    assert_read(write_file(tmp_path / "a.png", data), smooth(40, 30))


def test_a_long_color_profile_is_applied(tmp_path: Path) -> None:
    profile = rgb_profile(P3_TO_XYZ)
    short = write_file(tmp_path / "short.png", encode(smooth(40, 30), "PNG", icc_profile=profile))
    padded = struct.pack(">I", len(profile) + len(LONG)) + profile[4:] + LONG
    data = smooth_png(chunk(b"iCCP", b"P3\0\0" + zlib.compress(padded)))
    expected = load_image(short)
    assert not np.array_equal(levels(expected), levels(smooth(40, 30)))
    assert_read(write_file(tmp_path / "long.png", data), expected)


def test_an_endless_color_profile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "MAX_UNPACKED", 2**21)
    data = smooth_png(chunk(b"iCCP", b"P3\0\0" + zlib.compress(LONG)))
    with pytest.raises(ImageError, match=r"a\.png': its color profile has over 2 MiB; save it"):
        load_image(write_file(tmp_path / "a.png", data))


def test_only_the_last_color_profile_counts() -> None:
    first, second = (
        chunk(b"iCCP", b"P3\0\0" + zlib.compress(bytes([number]) * len(LONG))) for number in (1, 2)
    )
    repaired = repair.repair(smooth_png(first + second))
    assert repaired is not None
    assert repaired.info == {"icc_profile": bytes([2]) * len(LONG)}
    assert b"iCCP" not in repaired.data


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "tIME", "pHYs"])
def test_a_wrong_checksum_in_a_text_is_a_warning(tmp_path: Path, kind: str, place: str) -> None:
    text = wrong(kind.encode(), b"comment\0\0 damaged")
    path = write_file(tmp_path / "a.png", smooth_png(**{place: text}))
    try:
        Image.open(path).load()
        fault = ""  # Pillow does not look at every checksum behind the pixels
    except (OSError, SyntaxError):
        fault = f"a wrong checksum in chunks that are not needed ({kind}); they"
    assert_read(path, smooth(40, 30), fault)
    if place == "before":
        assert fault


def test_a_warning_names_few_chunks_and_no_odd_ones(tmp_path: Path) -> None:
    kinds = [b"tEXt", b" \x1b[J", b"zTXt", b"a\nxx", b"tIME", b"pHYs", *[b"tEXt"] * 500]
    data = smooth_png(b"".join(wrong(kind, b"comment\0\0 damaged") for kind in kinds))
    fault = "a wrong checksum in chunks that are not needed (tEXt, zTXt, tIME, others)"
    assert_read(write_file(tmp_path / "a.png", data), smooth(40, 30), fault)


@pytest.mark.parametrize("kind", ["PLTE", "iCCP", "gAMA", "eXIf", "tRNS"])
def test_a_wrong_checksum_in_what_pixels_mean_is_refused(tmp_path: Path, kind: str) -> None:
    data = smooth_png(wrong(kind.encode(), bytes(6)))
    with pytest.raises(ImageError):
        load_image(write_file(tmp_path / "a.png", data))


def test_a_truncated_png_with_a_damaged_text_is_refused(tmp_path: Path) -> None:
    data = smooth_png(wrong(b"tEXt", b"comment\0damaged"))
    for kept in (0.3, 0.6, 0.9):
        with pytest.raises(ImageError):
            load_image(write_file(tmp_path / "a.png", data[: int(kept * len(data))]))


JPEGS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline": ("RGB", {}),
    "sharp": ("RGB", {"quality": 98, "subsampling": 0}),
    "progressive": ("RGB", {"progressive": True}),
    "gray": ("L", {}),
    "gray progressive": ("L", {"progressive": True}),
    "CMYK": ("CMYK", {"quality": 95}),
    "restarts": ("RGB", {"restart_marker_rows": 1}),
    "optimized": ("RGB", {"optimize": True}),
}


def jpeg(kind: str, seed: int = 0) -> bytes:
    mode, options = JPEGS[kind]
    return encode(noise(61, 45, seed).convert(mode), "JPEG", **options)


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_without_its_end_marker_is_read(tmp_path: Path, kind: str, lost: int) -> None:
    data = jpeg(kind)
    whole = load_image(write_file(tmp_path / "whole.jpg", data))
    path = write_file(tmp_path / "a.jpg", data[:-lost])
    assert_read(path, whole, "has no end marker, although its pixels are complete")


@pytest.mark.parametrize("limit", [1000, 2000])
def test_the_limit_of_pillow_does_not_hold_for_repairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    data = jpeg("optimized")  # 2745 pixels: Pillow warns over its limit, and refuses the double
    expected = load_image(write_file(tmp_path / "whole.jpg", data))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert_read(write_file(tmp_path / "a.jpg", data[:-2]), expected, repair.NO_JPEG_END)


def test_zeros_in_place_of_the_end_marker_are_read(tmp_path: Path) -> None:
    """Cards and downloads often leave a file filled up with zeros."""
    data = jpeg("baseline")
    whole = load_image(write_file(tmp_path / "whole.jpg", data))
    assert_read(write_file(tmp_path / "a.jpg", data[:-2] + bytes(500)), whole, "no end marker")


def test_fill_bytes_are_read_in_linear_time(tmp_path: Path, must_end: Callable[[], None]) -> None:
    """In quadratic time, these would take half an hour."""
    must_end()
    data = jpeg("baseline")
    whole = load_image(write_file(tmp_path / "whole.jpg", data))
    filled = data[:2] + b"\xff" * 9 + data[2:-2] + b"\xff" * 300_000
    assert_read(write_file(tmp_path / "a.jpg", filled), whole, "no end marker")


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_without_its_last_pixels_is_refused(tmp_path: Path, kind: str) -> None:
    for seed in range(3):
        data = jpeg(kind, seed)
        for lost in (4, 6, 10, 40, 400, 1500):
            path = write_file(tmp_path / f"{seed}-{lost}.jpg", data[:-lost])
            with pytest.raises(ImageError, match="truncated"):
                load_image(path)


def test_a_progressive_jpeg_without_its_last_scans_is_refused(tmp_path: Path) -> None:
    """All the bytes of the scans that are there are complete; viewers show it blurred."""
    data = jpeg("progressive")
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 5
    for at in scans[1:]:
        end = data.rindex(b"\xff\xc4", 0, at) if b"\xff\xc4" in data[at - 400 : at] else at
        with pytest.raises(ImageError, match="truncated"):
            load_image(write_file(tmp_path / "a.jpg", data[:end]))


def test_the_thumbnail_of_a_jpeg_is_not_its_end(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9"
    buffer = io.BytesIO()
    noise(20, 10).save(buffer, "JPEG", exif=exif.tobytes() + jpeg("gray"))
    whole = load_image(write_file(tmp_path / "whole.jpg", buffer.getvalue()))
    path = write_file(tmp_path / "a.jpg", buffer.getvalue()[:-2])
    assert_read(path, whole, "no end marker")


def test_what_follows_the_end_of_a_jpeg_is_no_fault(tmp_path: Path) -> None:
    """Phones put a film behind the image."""
    whole = load_image(write_file(tmp_path / "whole.jpg", jpeg("baseline")))
    assert_read(write_file(tmp_path / "a.jpg", jpeg("baseline") + b"film" * 99), whole)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", JPEGS)
def test_noise_in_place_of_the_last_pixels_is_refused(tmp_path: Path, kind: str, seed: int) -> None:
    data = jpeg(kind)
    wrong_end = np.random.default_rng(seed).integers(0, 255, 700, np.uint8).tobytes()
    path = write_file(tmp_path / "a.jpg", data[:-400] + wrong_end)
    try:
        with Image.open(path) as image:
            image.load()
    except OSError:
        with pytest.raises(ImageError, match="truncated"):
            load_image(path)


def test_a_refused_file_of_another_kind_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    monkeypatch.setattr(repair, "repair", lambda data: read.append(len(data)))
    with pytest.raises(ImageError):
        load_image(write_file(tmp_path / "film.jpg", b"ftyp" + bytes(10_000)))
    assert read == []


def test_a_file_over_the_limit_is_not_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_file(tmp_path / "a.png", smooth_png(wrong(b"tIME", b"1234567")))
    assert_read(path, smooth(40, 30), "tIME")
    monkeypatch.setattr("neural_style.images.decode.LARGEST_REPAIRED", 1000)
    with pytest.raises(ImageError):
        load_image(path)
