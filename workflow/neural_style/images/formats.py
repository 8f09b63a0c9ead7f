"""The types of image files: which decoder opens a file, and how EXIF says that its image is turned.

The content of a file tells its type, not its name.

Pillow itself decodes all but two: the package pillow-heif decodes HEIF, and pillow-jxl-plugin,
which is optional, JPEG XL. Both are imported when a file needs them.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable, Sequence
from typing import IO

from PIL import Image, ImageFile, UnidentifiedImageError

from neural_style.images.srgb import CODE_POINTS, PixelError

KINDS = ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "HEIC", "AVIF", "JPEG XL")
"""The types in words, for messages."""

JPEG_SIGNATURE, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
"""How every JPEG file begins, and how a whole one ends."""

HEIF, AVIF, JPEG_XL = "HEIF", "AVIF", "JXL"
_OTHERS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")  # the names that Pillow gives to decoders
_PACKAGES = {HEIF: ("pillow_heif", "pillow-heif"), JPEG_XL: ("pillow_jxl", "pillow-jxl-plugin")}
_BRANDS = {AVIF: {b"avif", b"avis"}, HEIF: {b"heic", b"heix", b"heim", b"heis", b"mif1"}}

_HEAD = 1 << 16  # bytes at the start of an AVIF file with all that is not pixels
_NCLX = b"colrnclx"  # names of an AVIF box and of its kind: color by code points

_STREAM = b"\xff\x0a"  # how JPEG XL begins
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_STREAM_HEAD = 11  # bytes of a JPEG XL stream that hold its size
_MOST_BOXES = 64  # before them; real files have about five
_SIZE_BITS = (9, 13, 18, 30)
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width, height

_EXIF_ORIENTATION = 0x0112
_TRANSPOSE_FOR_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = range(5, 9)  # the orientations that swap width and height


def open_image(file: IO[bytes], check: Callable[[tuple[int, int]], None]) -> ImageFile.ImageFile:
    """Open an image file of one of `KINDS`; no other decoder runs.

    `PIL.Image.open` would warn of images over 89 million pixels, and refuse twice as many.

    Args:
        file: at any position.
        check: gets width and height before memory is allocated for the pixels; it raises an error
            if they are too large.

    Raises:
        UnidentifiedImageError: it is none of them, or its header is damaged.
        PixelError: the package that decodes it is not installed.
    """
    Image.init()
    for name in _decoders(file):
        if name in _PACKAGES:
            _register(name)
        if name == JPEG_XL:  # which is decoded when it is opened
            check(_jpeg_xl_size(file))
        factory, accept = Image.OPEN[name]
        file.seek(0)
        prefix = file.read(16)
        if accept is not None and accept(prefix) is not True:
            continue
        try:
            file.seek(0)
            opened: ImageFile.ImageFile = factory(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue
        check(opened.size)
        if name in _BRANDS:
            opened.info[CODE_POINTS] = _code_points(file, opened)
        return opened
    raise UnidentifiedImageError("cannot identify the image file")


def is_jpeg(image: Image.Image) -> bool:
    """Whether an opened image is a JPEG; several in one file are an MPO."""
    return image.format in ("JPEG", "MPO")


def is_sideways(image: Image.Image) -> bool:
    """Whether the EXIF orientation of an opened image swaps its width and height."""
    return _orientation(image) in _SIDEWAYS


def turn_upright(converted: Image.Image, image: Image.Image) -> Image.Image:
    """Turn what was made of an opened and decoded `image` as its EXIF orientation says."""
    transpose = _TRANSPOSE_FOR_ORIENTATION.get(_orientation(image))
    return converted if transpose is None else converted.transpose(transpose)


def _decoders(file: IO[bytes]) -> Sequence[str]:
    """The decoders that a file may be for."""
    file.seek(0)
    head = file.read(256)
    if head.startswith((_STREAM, _CONTAINER)):
        return (JPEG_XL,)
    if head[4:8] != b"ftyp":
        return _OTHERS
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[start : start + 4] for start in range(8, end, 4)}
    return [name for name, own in _BRANDS.items() if own & brands]


def _register(name: str) -> None:
    """Make Pillow know a decoder of a further package."""
    if name in Image.OPEN:
        return
    module, package = _PACKAGES[name]
    try:
        plugin = importlib.import_module(module)
    except ImportError:
        kind = "a JPEG XL" if name == JPEG_XL else "a HEIC"
        raise PixelError(
            f"it is {kind} image, for which the package {package} is missing; install it, or save "
            "the image as PNG or JPEG"
        ) from None
    if name == HEIF:
        plugin.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _code_points(file: IO[bytes], image: Image.Image) -> tuple[int, int]:
    """The numbers of color primaries and transfer function of a HEIF or AVIF file; 2 if unknown."""
    if image.format == HEIF:
        known = image.info.get("nclx_profile") or {}
        return known.get("color_primaries", 2), known.get("transfer_characteristics", 2)
    file.seek(0)
    after = file.read(_HEAD).partition(_NCLX)[2]
    if len(after) < 4:
        return 2, 2
    primaries, transfer = struct.unpack_from(">2H", after)
    return primaries, transfer


def _jpeg_xl_size(file: IO[bytes]) -> tuple[int, int]:
    """Width and height in the header of a JPEG XL file.

    Raises:
        UnidentifiedImageError: they are not where every encoder writes them.
    """
    bits = int.from_bytes(_jpeg_xl_stream(file), "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(_SIZE_BITS[take(2)]) + 1

    height = side()
    ratio = take(3)
    if not ratio:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _jpeg_xl_stream(file: IO[bytes]) -> bytes:
    """The first bytes of the stream of a JPEG XL file, after its signature."""
    file.seek(0)
    head = file.read(len(_CONTAINER) + _STREAM_HEAD)
    if head.startswith(_STREAM):
        return head[len(_STREAM) :]
    position = len(_CONTAINER)
    stream = b""
    for _ in range(_MOST_BOXES):
        file.seek(position)
        header = file.read(16)
        size, kind = struct.unpack_from(">I4s", header) if len(header) >= 8 else (8, b"")
        start = 16 if size == 1 else 8
        size = int.from_bytes(header[8:], "big") if size == 1 else size
        if kind in (b"jxlc", b"jxlp"):
            start += 4 * (kind == b"jxlp")  # the number of the part
            file.seek(position + start)
            # A box of size 0 reaches to the end of the file.
            stream += file.read(min(_STREAM_HEAD, max(0, size - start)) if size else _STREAM_HEAD)
        if len(stream) >= _STREAM_HEAD or kind == b"jxlc" or size <= start:
            break
        position += size
    if not stream.startswith(_STREAM):
        raise UnidentifiedImageError("cannot identify the image file")
    return stream[len(_STREAM) :]


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) if there is none or it cannot be read.

    When Pillow decodes a TIFF or HEIF file, it turns it upright and drops the tag. So it does with
    JPEG XL, but leaves the tag, unless the file is a repacked JPEG.
    """
    if image.format == JPEG_XL and not getattr(image, "jpeg", False):
        return 1
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # damaged metadata make Pillow raise many types; the pixels are intact
        return 1
