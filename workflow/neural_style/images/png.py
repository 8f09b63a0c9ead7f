"""PNG files of 16 bits a channel, which Pillow cannot write.

The little of the PNG specification (third edition, W3C 2025) that a color picture needs: IHDR,
iCCP, eXIf, IDAT and IEND, no interlacing, and a filter chosen row by row.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint8]
"""[rows, bytes of a row]."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {3: 2, 4: 6}  # channels → truecolor, without and with alpha
_ROWS_AT_ONCE = 64  # of which all filters are tried; the memory for it does not grow with the image


def encode_png16(levels: NDArray[np.uint16], profile: bytes, exif: bytes = b"") -> bytes:
    """A PNG file; the same picture makes the same bytes.

    Args:
        levels: [H, W, 3] or, with opacity, [H, W, 4].
        profile: an ICC profile.
        exif: an EXIF block without the prefix that JPEG puts before it; empty for none.
    """
    height, width, channels = levels.shape
    header = struct.pack(">2I5B", width, height, 16, _COLOR_TYPES[channels], 0, 0, 0)
    chunks = [
        _chunk(b"IHDR", header),
        _chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile)),
        *([_chunk(b"eXIf", exif)] if exif else []),
        _chunk(b"IDAT", _compressed(levels)),
        _chunk(b"IEND", b""),
    ]
    return _SIGNATURE + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    """Length, kind, data, and the checksum of the last two."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _compressed(levels: NDArray[np.uint16]) -> bytes:
    """The filtered rows, compressed, a strip at a time."""
    height, width, channels = levels.shape
    apart = 2 * channels  # bytes from a sample to its left neighbor
    squeeze = zlib.compressobj()
    above = np.zeros((1, 2 * width * channels), np.uint8)
    parts = []
    for start in range(0, height, _ROWS_AT_ONCE):
        strip = levels[start : start + _ROWS_AT_ONCE].astype(">u2")
        rows = strip.reshape(len(strip), -1).view(np.uint8)
        parts.append(squeeze.compress(_filtered(rows, above, apart).tobytes()))
        above = rows[-1:]
    parts.append(squeeze.flush())
    return b"".join(parts)


def _filtered(rows: Rows, above: Rows, apart: int) -> Rows:
    """Each row behind the number of its filter, the one whose residuals are smallest in sum.

    Args:
        rows: of a strip.
        above: the row above it.
        apart: bytes from a sample to its left neighbor.
    """
    up = np.concatenate([above, rows[:-1]])
    left, corner = _shifted(rows, apart), _shifted(up, apart)
    residuals = np.stack([rows - predict(left, up, corner) for predict in _PREDICTIONS])
    size = residuals.view(np.int8).astype(np.int16)
    best = np.abs(size).sum(axis=2, dtype=np.int64).argmin(axis=0)
    chosen = residuals[best, np.arange(len(rows))]
    return np.concatenate([best.astype(np.uint8)[:, None], chosen], axis=1)


def _shifted(rows: Rows, apart: int) -> Rows:
    """What lies `apart` bytes to the left of each byte, and zeros at the beginning."""
    return np.pad(rows, ((0, 0), (apart, 0)))[:, : rows.shape[1]]


def _average(left: Rows, up: Rows, _: Rows) -> Rows:
    return ((left.astype(np.uint16) + up) // 2).astype(np.uint8)


def _paeth(left: Rows, up: Rows, corner: Rows) -> Rows:
    """The neighbor that is nearest to left + up - corner; in this order where several are."""
    a, b, c = (each.astype(np.int16) for each in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    near_left = (to_left <= to_up) & (to_left <= to_corner)
    return np.where(near_left, left, np.where(to_up <= to_corner, up, corner))


_PREDICTIONS: Sequence[Callable[[Rows, Rows, Rows], Rows]] = (
    lambda left, up, corner: np.zeros_like(left),
    lambda left, up, corner: left,
    lambda left, up, corner: up,
    _average,
    _paeth,
)
"""What each of PNG's filters, by its number, expects of a byte."""
