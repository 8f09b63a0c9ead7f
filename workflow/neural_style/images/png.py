"""An encoder for PNG files with 16 bits a channel, which Pillow cannot write.

It writes what a color image needs of the PNG specification (third edition, W3C 2025): the chunks
IHDR, iCCP, eXIf, IDAT and IEND, no interlacing, and a filter for each row.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint8]
"""Bytes of image rows, [rows, bytes per row]."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""How every file begins."""

_COLOR_TYPES = {3: 2, 4: 6}  # channels → truecolor, without and with alpha
_STRIP_ROWS = 64  # all filters are tried on a strip of rows, which bounds the memory


def encode_png16(pixels: NDArray[np.uint16], profile: bytes, exif: bytes = b"") -> bytes:
    """Encode an image as a PNG file; equal images make equal bytes.

    Args:
        pixels: [H, W, 3] or, with opacity, [H, W, 4].
        profile: an ICC profile.
        exif: an EXIF block without the "Exif" prefix of JPEG; empty for none.
    """
    height, width, channels = pixels.shape
    header = struct.pack(">2I5B", width, height, 16, _COLOR_TYPES[channels], 0, 0, 0)
    chunks = [
        png_chunk(b"IHDR", header),
        png_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile)),
        *([png_chunk(b"eXIf", exif)] if exif else []),
        png_chunk(b"IDAT", _compress(pixels)),
        png_chunk(b"IEND", b""),
    ]
    return PNG_SIGNATURE + b"".join(chunks)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk: length, kind, data, and the CRC of kind and data."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _compress(pixels: NDArray[np.uint16]) -> bytes:
    """Filter and compress the rows, a strip at a time."""
    height, width, channels = pixels.shape
    distance = 2 * channels  # bytes from a sample to its left neighbor
    compressor = zlib.compressobj()
    above = np.zeros((1, 2 * width * channels), np.uint8)
    blocks = []
    for start in range(0, height, _STRIP_ROWS):
        strip = pixels[start : start + _STRIP_ROWS].astype(">u2")
        rows = strip.reshape(len(strip), -1).view(np.uint8)
        blocks.append(compressor.compress(_filter(rows, above, distance).tobytes()))
        above = rows[-1:]
    blocks.append(compressor.flush())
    return b"".join(blocks)


def _filter(rows: Rows, above: Rows, distance: int) -> Rows:
    """Filter each row by the filter with the smallest sum of absolute residuals.

    Args:
        rows: the rows of a strip.
        above: the row above the strip, [1, bytes per row].
        distance: bytes from a sample to its left neighbor.

    Returns:
        The filtered rows, each after a byte with the number of its filter.
    """
    up = np.concatenate([above, rows[:-1]])
    left, up_left = _shift_right(rows, distance), _shift_right(up, distance)
    residuals = np.stack([rows - predict(left, up, up_left) for predict in _PREDICTIONS])
    size = residuals.view(np.int8).astype(np.int16)
    best = np.abs(size).sum(axis=2, dtype=np.int64).argmin(axis=0)
    chosen = residuals[best, np.arange(len(rows))]
    return np.concatenate([best.astype(np.uint8)[:, None], chosen], axis=1)


def _shift_right(rows: Rows, distance: int) -> Rows:
    """The byte `distance` to the left of each byte; 0 before the first."""
    return np.pad(rows, ((0, 0), (distance, 0)))[:, : rows.shape[1]]


def _average(left: Rows, up: Rows, _: Rows) -> Rows:
    return ((left.astype(np.uint16) + up) // 2).astype(np.uint8)


def _paeth(left: Rows, up: Rows, up_left: Rows) -> Rows:
    """The Paeth predictor: the neighbor nearest to left + up - up_left; ties go in this order."""
    a, b, c = (each.astype(np.int16) for each in (left, up, up_left))
    to_left, to_up, to_up_left = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    near_left = (to_left <= to_up) & (to_left <= to_up_left)
    return np.where(near_left, left, np.where(to_up <= to_up_left, up, up_left))


_PREDICTIONS: Sequence[Callable[[Rows, Rows, Rows], Rows]] = (
    lambda left, up, up_left: np.zeros_like(left),
    lambda left, up, up_left: left,
    lambda left, up, up_left: up,
    _average,
    _paeth,
)
"""The prediction of each PNG filter (None, Sub, Up, Average, Paeth) for a byte."""
