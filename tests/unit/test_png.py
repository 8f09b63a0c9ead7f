"""16-bit PNG: read back by a decoder of our own after the specification, and by Pillow."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from neural_style.images.png import encode_png16
from neural_style.images.srgb import srgb_profile

RANDOM = np.random.default_rng(0)


def gradient(height: int, width: int, channels: int) -> np.ndarray:
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    return (x * 211 + y * 977 + c * 20_011 + RANDOM.integers(0, 9, x.shape)).astype(np.uint16)


IMAGES = {
    "smooth": gradient(150, 70, 3),
    "with opacity": gradient(65, 130, 4),
    "noise": RANDOM.integers(0, 65536, (64, 33, 3)).astype(np.uint16),
    "black and white": np.repeat(np.array([0, 65535] * 20, np.uint16), 3).reshape(4, 10, 3),
    "one pixel": gradient(1, 1, 3),
    "one column": gradient(200, 1, 4),
}


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    found, place = [], 8
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        (check,) = struct.unpack_from(">I", data, place + 8 + length)
        assert check == zlib.crc32(kind + body)
        found.append((kind, body))
        place += length + 12
    return found


def decoded(data: bytes) -> np.ndarray:
    """The samples, by the recursion of the specification, a byte at a time."""
    parts = dict(chunks(data))
    width, height, depth, color, *rest = struct.unpack(">2I5B", parts[b"IHDR"])
    assert (depth, rest) == (16, [0, 0, 0])
    channels = {2: 3, 6: 4}[color]
    apart, length = 2 * channels, 2 * channels * width
    stream = zlib.decompress(parts[b"IDAT"])
    assert len(stream) == height * (length + 1)
    rows, up = [], bytes(length)
    for start in range(0, len(stream), length + 1):
        kind, row = stream[start], bytearray(stream[start + 1 : start + 1 + length])
        for i in range(length):
            a, c = (row[i - apart], up[i - apart]) if i >= apart else (0, 0)
            b = up[i]
            row[i] = (row[i] + (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]) % 256
        rows.append(bytes(row))
        up = rows[-1]
    return np.frombuffer(b"".join(rows), ">u2").reshape(height, width, channels)


def paeth(a: int, b: int, c: int) -> int:
    nearest = sorted((abs(a + b - c - each), place) for place, each in enumerate((a, b, c)))
    return (a, b, c)[nearest[0][1]]


@pytest.mark.parametrize("name", IMAGES)
def test_every_sample_comes_back(name: str):
    assert np.array_equal(decoded(encode_png16(IMAGES[name], srgb_profile())), IMAGES[name])


@pytest.mark.parametrize("name", IMAGES)
def test_pillow_sees_the_upper_bytes(name: str):
    with Image.open(io.BytesIO(encode_png16(IMAGES[name], srgb_profile()))) as image:
        assert np.array_equal(np.asarray(image), IMAGES[name] >> 8)
        assert image.info["icc_profile"] == srgb_profile()


def test_chunks_are_in_the_order_that_the_specification_wants():
    picture = IMAGES["smooth"]
    plain = [kind for kind, _ in chunks(encode_png16(picture, srgb_profile()))]
    assert plain == [b"IHDR", b"iCCP", b"IDAT", b"IEND"]
    noted = chunks(encode_png16(picture, srgb_profile(), b"MM\0*"))
    assert noted[2] == (b"eXIf", b"MM\0*")


def test_filters_make_smooth_images_small():
    picture = IMAGES["smooth"]
    unfiltered = len(zlib.compress(picture.astype(">u2").tobytes()))
    assert len(encode_png16(picture, b"")) < 0.6 * unfiltered
