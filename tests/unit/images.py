"""What the tests of images share: images, hand-made PNGs, a color profile, comparisons."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neural_style.images.decode import load_image
from neural_style.images.srgb import srgb_profile

Pixels = np.ndarray


def smooth(width: int, height: int) -> Image.Image:
    """An image without any symmetry, mild enough for JPEG to keep it within a few levels."""
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


def png(width: int, height: int, depth: int, color: int, rows: bytes, before: bytes = b"") -> bytes:
    """A PNG with any header, whatever its rows hold; `before` are chunks ahead of the data."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
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
