"""Files that every viewer shows and Pillow refuses: copies that Pillow can decode.

A PNG file may have damaged or very long texts, which have nothing to do with its pixels. A JPEG
file may lack its end marker. Neither is repaired if pixels are missing or their meaning is unclear.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from neural_style.images.formats import JPEG_END, JPEG_SIGNATURE
from neural_style.images.png import PNG_SIGNATURE, png_chunk
from neural_style.images.srgb import PixelError

SIGNATURES = (PNG_SIGNATURE, JPEG_SIGNATURE)
"""How files begin that may be repaired."""

MAX_UNPACKED = 64 * 2**20
"""Bytes to which a color profile, or all texts that say how an image is turned, may unpack."""

MOST_NAMED = 3
"""Damaged chunks that a warning names."""

NO_JPEG_END = "no end marker, although its pixels are complete"

_PILLOW_UNPACKS = 2**20  # bytes of a compressed text or profile that Pillow accepts
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_TEXTS_WITH_ORIENTATION = frozenset({b"Raw profile type exif", b"XML:com.adobe.xmp"})
_PNG_PIXELS = frozenset(
    {b"tRNS", b"gAMA", b"cHRM", b"iCCP", b"sRGB", b"cICP", b"eXIf", b"acTL", b"fcTL", b"fdAT"}
)
"""Optional chunks that change what is seen: their damage is not ignored."""

_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # in the data of a scan, after FF: no marker
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SCAN, _END = 0xDA, 0xD9
_COEFFICIENTS = 64
_LAST_BYTES = 4  # of the data of a JPEG file, some of whose bits are always needed
_FILLERS = (
    b"",
    bytes(256),
    b"\xff\0" * 128,
    np.random.default_rng(0).integers(0, 255, 256, np.uint8).tobytes(),
)


@dataclass(frozen=True)
class Repaired:
    """A file that Pillow can decode.

    Attributes:
        data: the file.
        fault: what was wrong with the original, as the end of "'a.png' has …"; empty if nothing.
        info: entries for the `info` of the decoded image, which `data` does not have.
    """

    data: bytes
    fault: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)


def repair(data: bytes) -> Repaired | None:
    """Make a copy of a PNG or JPEG file that Pillow can decode to the same pixels.

    Args:
        data: a file that Pillow has refused.

    Returns:
        The copy; None if the file is of another kind, or its pixels are damaged or incomplete.

    Raises:
        PixelError: the color profile of a PNG file is too long.
    """
    if data.startswith(PNG_SIGNATURE):
        return _repair_png(data)
    if data.startswith(JPEG_SIGNATURE):
        return _repair_jpeg(data)
    return None


def _repair_png(data: bytes) -> Repaired:
    """Leave out the texts; keep those that may say how the image is turned."""
    kept = [PNG_SIGNATURE]
    info: dict[str, Any] = {}
    faults: list[bytes] = []
    left = MAX_UNPACKED
    packed_profile, place = b"", None
    for kind, body, whole, intact in _png_chunks(data):
        optional = bool(kind[0] & 0x20) and kind not in _PNG_PIXELS
        if optional and not intact:
            faults.append(kind)
        elif kind in _TEXTS:
            text = _text_with_orientation(kind, body, left)
            left -= len(text)
            kept.append(text)
        else:
            if kind == b"iCCP":
                if place is not None:  # the last one counts, as for Pillow
                    kept[place] = b""
                packed_profile, place = body, len(kept)
            kept.append(whole)
    if place is not None and (profile := _long_profile(packed_profile)):
        info["icc_profile"] = profile
        kept[place] = b""
    return Repaired(b"".join(kept), _fault_of_chunks(faults) if faults else "", info)


def _fault_of_chunks(kinds: Sequence[bytes]) -> str:
    """A sentence about chunks with a wrong checksum; their kinds may be any bytes."""
    known = [kind.decode("ascii") for kind in dict.fromkeys(kinds) if kind.isalpha()]
    named = known[:MOST_NAMED]
    if named and len(named) < len(set(kinds)):
        named.append("others")
    names = f" ({', '.join(named)})" if named else ""
    return f"a wrong checksum in chunks that are not needed{names}; they are ignored"


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes, bool]]:
    """Kind and data of each chunk, the whole chunk, and whether its checksum is right.

    What cannot be read as chunks comes last, as it is.
    """
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        body = data[position + 8 : end - 4]
        checksum = int.from_bytes(data[end - 4 : end], "big")
        yield kind, body, data[position:end], checksum == zlib.crc32(kind + body)
        position = end
    yield b"\0\0\0\0", b"", data[position:], True


def _text_with_orientation(kind: bytes, body: bytes, most: int) -> bytes:
    """A text chunk, unpacked to `most` bytes, if it may say how the image is turned; else empty."""
    keyword, _, rest = body.partition(b"\0")
    if keyword not in _TEXTS_WITH_ORIENTATION:
        return b""
    if kind == b"zTXt":
        return png_chunk(b"tEXt", keyword + b"\0" + _unpack(rest[1:], most))
    if kind == b"iTXt" and rest[:1] == b"\1":
        language, _, more = rest[2:].partition(b"\0")
        translated, _, text = more.partition(b"\0")
        head = [keyword, b"\0\0" + language, translated]
        return png_chunk(b"iTXt", b"\0".join([*head, _unpack(text, most)]))
    return png_chunk(kind, body)


def _unpack(packed: bytes, most: int) -> bytes:
    """Decompress at most `most` bytes; as far as they are intact."""
    if most <= 0:  # zlib takes 0 for no limit
        return b""
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        return b""


def _long_profile(body: bytes) -> bytes:
    """The color profile of an iCCP chunk if it is too long for Pillow, else nothing."""
    packed = body.partition(b"\0")[2]
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], MAX_UNPACKED)
    except zlib.error:
        return b""
    if unpacker.unconsumed_tail:
        raise PixelError(
            f"its color profile has over {MAX_UNPACKED // 2**20} MiB; save it without the profile"
        )
    return profile if len(profile) > _PILLOW_UNPACKS else b""


def _repair_jpeg(data: bytes) -> Repaired | None:
    """Add the end marker, if nothing but it is missing.

    libjpeg fills in pixels that are missing. So the data are continued in several ways: where the
    last pixels are in the file, they do not depend on what follows. They do depend on it without
    the last bytes, unless other data than pixels (but zeros) are at the end: a sign of damage.
    """
    cut = data.rstrip(b"\xff")
    if not only_lacks_end(data) or not _has_last_pixels(cut):
        return None
    if _has_last_pixels(cut.rstrip(b"\0")[:-_LAST_BYTES].rstrip(b"\xff")):
        return None
    return Repaired(cut + JPEG_END, NO_JPEG_END)


def _has_last_pixels(data: bytes) -> bool:
    """Whether the pixels of a JPEG file without its end marker do not depend on what follows."""
    return len({_pixel_digest(data + filler + JPEG_END) for filler in _FILLERS}) == 1


def only_lacks_end(data: bytes) -> bool:
    """Whether a JPEG file has all its scans, but no end marker.

    A progressive file sends each coefficient of each component in several scans, the last of
    which sends its lowest bit.
    """
    lacking: dict[int, set[int]] = {}
    position = 2
    while match := _MARKER.search(data, position):
        marker, position = match[1][0], match.end()
        if marker == _END:
            return False
        if marker == 0x01 or marker == 0xD8:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        segment = data[position + 2 : position + length]
        if length < 2 or len(segment) != length - 2:
            return False
        position += length
        if marker in _FRAMES:
            components = segment[6 : 6 + 3 * segment[5] : 3]
            lacking = {component: set(range(_COEFFICIENTS)) for component in components}
        elif marker == _SCAN:
            count = segment[0]
            first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
            if bits & 0x0F == 0:  # the lowest bit is in this scan
                for component in segment[1 : 1 + 2 * count : 2]:
                    lacking[component] -= set(range(first, last + 1))
    return bool(lacking) and not any(lacking.values())


def _pixel_digest(data: bytes) -> bytes:
    """A checksum of the decoded pixels."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return hashlib.sha256(np.asarray(image).tobytes()).digest()
